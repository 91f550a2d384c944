package chatapitest

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
)

// This file has the families of operations besides messages: groups, flows,
// calls, catalog, automation, users and the legacy ones. The contract leaves
// many of their bodies open; the fake writes those of its examples.

// families is their state.
type families struct {
	groups     []*group
	flows      []*flow
	callConfig object
	commerce   object
	automation object
	key        string // of flow encryption
	blocked    map[string]bool
	calls      map[string]string // call id to what it awaits
}

func newFamilies() families {
	return families{
		callConfig: object{"status": "DISABLED", "call_icon_visibility": "DEFAULT"},
		commerce:   object{"is_cart_enabled": true, "is_catalog_visible": false},
		automation: object{"enable_welcome_message": false, "prompts": []any{}, "commands": []any{}},
		blocked:    map[string]bool{}, calls: map[string]string{},
	}
}

var success = object{"success": true}

// group is a group chat.
type group struct {
	id, subject, description, picture string
	invite                            int
	thread                            *thread
	received                          []*Received
}

func (a *API) newGroup(subject, description string) *group {
	g := &group{id: "120363" + a.number()[3:], subject: subject, description: description, invite: 1}
	g.thread = &thread{chat: g.id + "@g.us", group: g}
	a.threads[g.thread.chat] = g.thread
	a.family.groups = append(a.family.groups, g)
	return g
}

func (a *API) group(id string) *group {
	for _, g := range a.family.groups {
		if g.id == id {
			return g
		}
	}
	return nil
}

// SaysIn writes a text in a group, which it makes up if the channel does not
// have it yet: id is "120363000000000001@g.us" or without the suffix.
func (c *Customer) SaysIn(id, text string) string {
	if !c.known() {
		return ""
	}
	id = strings.TrimSuffix(id, "@g.us")
	c.api.mu.Lock()
	g := c.api.group(id)
	if g == nil {
		g = c.api.newGroup("Group "+id, "")
		delete(c.api.threads, g.thread.chat)
		g.id, g.thread.chat = id, id+"@g.us"
		c.api.threads[g.thread.chat] = g.thread
	}
	c.api.mu.Unlock()
	return c.writes(incoming{typ: "chat", body: &text, group: g})
}

// GroupReceived returns what the channel has sent to a group.
func (a *API) GroupReceived(id string) []Received {
	a.mu.Lock()
	defer a.mu.Unlock()
	g := a.group(strings.TrimSuffix(id, "@g.us"))
	if g == nil {
		return nil
	}
	all := make([]Received, len(g.received))
	for i, r := range g.received {
		all[i] = *r
	}
	return all
}

func (g *group) object() object {
	o := object{"id": g.id, "subject": g.subject, "description": g.description, "participants": []any{}}
	if g.picture != "" {
		o["profile_picture_file"] = g.picture
	}
	return o
}

// withGroup makes an operation of one on a known group.
func withGroup(do func(*API, *request, *group) answer) func(*API, *request) answer {
	return func(a *API, r *request) answer {
		g := a.group(r.params["groupId"])
		if g == nil {
			return upstream(131041, "Group unknown", fmt.Sprintf("there is no group %q", r.params["groupId"]))
		}
		return do(a, r, g)
	}
}

func listGroups(a *API, r *request) answer {
	rows := []any{}
	after := r.query.Get("after")
	limit := queryInt(r.query, "limit", 100)
	next := ""
	for _, g := range a.family.groups {
		switch {
		case after != "":
			if g.id == after {
				after = ""
			}
		case len(rows) < limit:
			rows = append(rows, object{"id": g.thread.chat, "subject": g.subject})
			next = g.id
		default:
			return reply(http.StatusOK, object{"groups": rows, "paging": object{"cursors": object{"after": next}}})
		}
	}
	return reply(http.StatusOK, object{"groups": rows})
}

func createGroup(a *API, r *request) answer {
	if a.quirks[NoGroups] {
		return reply(http.StatusOK, object{"error": "Groups are not enabled for this number"})
	}
	g := a.newGroup(r.body.text("groupName"), r.body.text("description"))
	return reply(http.StatusOK, object{"id": g.id, "subject": g.subject, "invite_link": g.link()})
}

func (g *group) link() string { return fmt.Sprintf("https://chat.example.com/%s-%d", g.id, g.invite) }

func updateGroup(_ *API, r *request, g *group) answer {
	if len(r.body) == 0 {
		return refuse("nothing to change")
	}
	g.subject = cmp.Or(r.body.text("subject"), g.subject)
	g.picture = cmp.Or(r.body.text("profile_picture_file"), g.picture)
	return reply(http.StatusOK, success)
}

func deleteGroup(a *API, _ *request, g *group) answer {
	a.family.groups = slices.DeleteFunc(a.family.groups, func(other *group) bool { return other == g })
	delete(a.threads, g.thread.chat)
	return reply(http.StatusOK, success)
}

func resetInvite(_ *API, _ *request, g *group) answer {
	g.invite++
	return reply(http.StatusOK, object{"invite_link": g.link()})
}

// flow is a WhatsApp Flow.
type flow struct {
	id, name, status, endpoint string
	categories                 []any
	json                       object
}

func (f *flow) object() object {
	return object{"id": f.id, "name": f.name, "status": f.status, "categories": f.categories, "validation_errors": []any{}}
}

// flows makes an operation of flow management, which may be switched off.
func flows(do func(*API, *request) answer) func(*API, *request) answer {
	return func(a *API, r *request) answer {
		if a.quirks[NoFlows] {
			return reply(http.StatusNotImplemented, object{"error": "Flows are not available yet"})
		}
		return do(a, r)
	}
}

func withFlow(do func(*API, *request, *flow) answer) func(*API, *request) answer {
	return flows(func(a *API, r *request) answer {
		for _, f := range a.family.flows {
			if f.id == r.params["flowId"] {
				return do(a, r, f)
			}
		}
		return upstream(100, "Invalid parameter", fmt.Sprintf("there is no flow %q", r.params["flowId"]))
	})
}

func listFlows(a *API, _ *request) answer {
	rows := []any{}
	for _, f := range a.family.flows {
		rows = append(rows, f.object())
	}
	return reply(http.StatusOK, object{"items": rows, "count": len(rows), "total": len(rows)})
}

func createFlow(a *API, r *request) answer {
	f := &flow{id: a.number(), name: r.body.text("name"), status: "DRAFT", categories: r.body.list("categories"),
		endpoint: r.body.text("endpointUri"), json: r.body.object("flowJson")}
	for _, other := range a.family.flows {
		if other.name == f.name {
			return upstream(100, "Invalid parameter", "Flow name is not unique")
		}
	}
	if r.body.flag("publish") {
		if f.json == nil {
			return upstream(100, "Invalid parameter", "a flow needs its flowJson to be published")
		}
		f.status = "PUBLISHED"
	}
	a.family.flows = append(a.family.flows, f)
	return reply(http.StatusOK, object{"id": f.id, "success": true, "validation_errors": []any{}})
}

func deleteFlow(a *API, _ *request, f *flow) answer {
	if f.status != "DRAFT" {
		return upstream(139004, "Flow can't be deleted", "only drafts can be deleted; deprecate it")
	}
	a.family.flows = slices.DeleteFunc(a.family.flows, func(other *flow) bool { return other == f })
	return reply(http.StatusOK, success)
}

func previewFlow(a *API, _ *request, f *flow) answer {
	return reply(http.StatusOK, object{"id": f.id, "preview": object{"preview_url": "https://flows.example.com/preview/" + f.id,
		"expires_at": a.now().UTC().Add(30 * 24 * time.Hour).Format("2006-01-02T15:04:05-0700")}})
}

// moveFlow changes the status of a flow.
func moveFlow(from, to string) func(*API, *request, *flow) answer {
	return func(_ *API, _ *request, f *flow) answer {
		if f.status != from {
			return upstream(139002, "Flow can't change its status", fmt.Sprintf("the flow is %s, not %s", f.status, from))
		}
		f.status = to
		return reply(http.StatusOK, success)
	}
}

func updateFlow(_ *API, r *request, f *flow) answer {
	if len(r.body) == 0 {
		return refuse("nothing to change")
	}
	f.name = cmp.Or(r.body.text("name"), f.name)
	f.endpoint = cmp.Or(r.body.text("endpointUri"), f.endpoint)
	if r.body.has("categories") {
		f.categories = r.body.list("categories")
	}
	return reply(http.StatusOK, success)
}

func updateFlowAssets(_ *API, r *request, f *flow) answer {
	if f.status != "DRAFT" {
		return upstream(139003, "Flow can't be updated", "only drafts can be changed")
	}
	f.json = r.body.object("flowJson")
	return reply(http.StatusOK, object{"success": true, "validationErrors": []any{}})
}

func getKey(a *API, _ *request) answer {
	if a.family.key == "" {
		return reply(http.StatusOK, object{"data": []any{}})
	}
	return reply(http.StatusOK, object{"business_public_key": a.family.key, "business_public_key_signature_status": "VALID"})
}

func setKey(a *API, r *request) answer {
	key := r.body.text("business_public_key")
	if !strings.Contains(key, "BEGIN PUBLIC KEY") {
		return refuse("business_public_key must be a PEM public key")
	}
	a.family.key = key
	return reply(http.StatusOK, success)
}

func getCallingSettings(a *API, _ *request) answer {
	return reply(http.StatusOK, object{"calling": a.family.callConfig})
}

func updateCallingSettings(a *API, r *request) answer {
	maps.Copy(a.family.callConfig, r.body.object("calling"))
	return reply(http.StatusOK, success)
}

// initiateCall is the signalling proxy: a failure upstream comes back with
// status 200.
func initiateCall(a *API, r *request) answer {
	b := r.body
	failed := func(code int, message string) answer {
		return reply(http.StatusOK, object{"response": object{"error": object{"code": code, "message": fmt.Sprintf("(#%d) %s", code, message), "type": "OAuthException"}}})
	}
	if a.quirks[NoCalls] || a.family.callConfig["status"] != "ENABLED" {
		return failed(138000, "Calling not enabled")
	}
	action, id := b.text("action"), b.text("call_id")
	session := b.object("session").text("sdp_type")
	switch {
	case action == "connect" && (!phonePattern.MatchString(b.text("to")) || session != "offer"):
		return failed(131009, "connect needs to and a session that is an offer")
	case action == "connect":
		id := a.id("wacid.FAKE")
		a.family.calls[id] = "terminate"
		return reply(http.StatusOK, object{"messaging_product": "whatsapp", "success": true, "calls": []any{object{"id": id}}})
	case a.family.calls[id] == "":
		return failed(138002, "Call not found")
	case (action == "pre_accept" || action == "accept") && session != "answer":
		return failed(131009, action+" needs a session that is an answer")
	case (action == "pre_accept" || action == "accept" || action == "reject") && a.family.calls[id] != "answer":
		return failed(138003, "The call was already answered")
	}
	switch action {
	case "accept":
		a.family.calls[id] = "terminate"
	case "reject", "terminate":
		delete(a.family.calls, id)
	}
	return reply(http.StatusOK, object{"messaging_product": "whatsapp", "success": true})
}

// Rings calls the business: a webhook with the offer. It returns the call's id,
// which initiateCall answers.
func (c *Customer) Rings() string {
	if !c.known() {
		return ""
	}
	a := c.api
	var id string
	a.act(func() (*message, []cause) {
		id = a.id("wacid.FAKE")
		a.family.calls[id] = "answer"
		body := reply(http.StatusOK, object{"type": "calls", "instanceId": a.channel, "messaging_product": "whatsapp", "calls": []any{object{
			"id": id, "from": c.phone, "to": a.phone, "event": "connect", "timestamp": fmt.Sprint(a.now().Unix()),
			"direction": "USER_INITIATED", "session": object{"sdp_type": "offer", "sdp": "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"}}}})
		return nil, []cause{{body: body.body}}
	})
	return id
}

func getCommerce(a *API, _ *request) answer {
	if a.quirks[NoCatalog] {
		return upstream(100, "Invalid parameter", "No catalog is linked")
	}
	row := object{"id": "100000000000011"}
	maps.Copy(row, a.family.commerce)
	return reply(http.StatusOK, []any{row})
}

func setCommerce(a *API, r *request) answer {
	if a.quirks[NoCatalog] {
		return upstream(100, "Invalid parameter", "No catalog is linked")
	}
	maps.Copy(a.family.commerce, r.body.object("params"))
	return reply(http.StatusOK, success)
}

func getAutomation(a *API, _ *request) answer { return reply(http.StatusOK, a.family.automation) }

func setAutomation(a *API, r *request) answer {
	for name := range a.family.automation {
		if v, ok := r.body[name]; ok {
			a.family.automation[name] = v
		}
	}
	return reply(http.StatusOK, success)
}

func listBlocked(a *API, _ *request) answer {
	rows := []any{}
	for _, phone := range slices.Sorted(maps.Keys(a.family.blocked)) {
		rows = append(rows, object{"phone": phone})
	}
	return reply(http.StatusOK, object{"blockedUsers": rows})
}

func blockUser(a *API, r *request) answer {
	a.family.blocked[r.body.text("phone")] = true
	return reply(http.StatusOK, object{"result": "success"})
}

func unblockUser(a *API, r *request) answer {
	if !a.family.blocked[r.body.text("phone")] {
		return refuse("the user is not blocked")
	}
	delete(a.family.blocked, r.body.text("phone"))
	return reply(http.StatusOK, object{"result": "success"})
}

func getLite(a *API, _ *request) answer {
	if a.quirks[MMLite] {
		return reply(http.StatusOK, object{"available": true, "status": "ONBOARDED", "message": ""})
	}
	return reply(http.StatusOK, object{"available": false, "status": "NOT_ONBOARDED", "message": "Not enabled"})
}

func hookInfo(a *API, r *request) answer {
	m := a.messages[r.query.Get("messageId")]
	if m == nil || !m.fromMe {
		return reply(http.StatusOK, object{"hooks": []any{}})
	}
	status := chatapi.StatusSent
	if m.read {
		status = chatapi.StatusRead
	}
	recipient := strings.TrimSuffix(m.thread.chat, "@c.us")
	return reply(http.StatusOK, object{"hooks": []any{object{"id": m.id, "type": "message", "status": status,
		"timestamp": fmt.Sprint(m.at.Unix()), "recipient_id": recipient,
		"pricing": object{"billable": true, "category": m.category, "pricing_model": "PMP"}}}})
}

func statistics(_ *API, r *request) answer {
	date := r.query.Get("date")
	if date != "" && !monthPattern.MatchString(date) {
		return refuse("date must be mm.YYYY")
	}
	return reply(http.StatusOK, object{"date": date, "templates_cost": 0})
}

func extendedStatistics(a *API, _ *request) answer {
	day := a.now().UTC().Format(time.DateOnly)
	sent := 0
	for _, m := range a.history {
		if m.fromMe && m.at.UTC().Format(time.DateOnly) == day {
			sent++
		}
	}
	return reply(http.StatusOK, []any{object{"period_date": day, "quantity": sent, "free_tier": sent, "paid_quantity": 0, "total_price": 0}})
}

func outputIP(*API, *request) answer { return reply(http.StatusOK, object{"result": "192.0.2.10"}) }
