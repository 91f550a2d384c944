package chatapitest

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/chatapi-go/chatapi"
)

// group is a group chat.
type group struct {
	api                               *API
	id, subject, description, picture string
	invite                            int
	thread                            *thread
	members, founders                 []*Customer
	received                          []*Received
}

func (a *API) newGroup(id, subject, description string) *group {
	g := &group{api: a, id: id, subject: subject, description: description, invite: 1}
	g.thread = &thread{group: g}
	a.groups[g.thread.chat()] = g.thread
	a.family.groups = append(a.family.groups, g)
	a.changed(g.thread)
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

// groupFor returns the group with that id, with or without "@g.us"; it creates the
// group if the channel does not have it. The caller holds mu.
func (a *API) groupFor(id string) *group {
	id = strings.TrimSuffix(id, "@g.us")
	if g := a.group(id); g != nil {
		return g
	}
	return a.newGroup(id, "Group "+id, "")
}

// Group creates a group with these members and returns its chat id, such as
// "120363000000000001@g.us", for [chatapi.Chat]. The members see what is sent to the
// group: see [API.GroupReceived]. No webhook reports a group that is made this way.
func (a *API) Group(subject string, members ...*Customer) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	g := a.newGroup("120363"+a.number()[3:], subject, "")
	for _, c := range members {
		if c.valid() && c.api == a {
			g.add(c)
		}
	}
	g.founders = slices.Clone(g.members)
	a.note(entry{group: g, remark: "the group " + short(subject) + " begins"})
	return g.thread.chat()
}

// add makes a customer a member and reports whether they were none.
func (g *group) add(c *Customer) bool {
	if slices.Contains(g.members, c) {
		return false
	}
	g.members = append(g.members, c)
	return true
}

// SaysIn sends a text to a group and returns the id of the message. The id of the
// group is "120363000000000001@g.us", or the same without the suffix. A group that
// the channel does not have is created, and the customer becomes a member.
func (c *Customer) SaysIn(id, text string) string {
	if !c.valid() {
		return ""
	}
	c.api.mu.Lock()
	g := c.api.groupFor(id)
	c.api.mu.Unlock()
	return c.writes(incoming{typ: "chat", body: &text, group: g, act: "says in", args: []string{text}})
}

// Joins makes the customer a member of a group by its invitation link. A group that
// the channel does not have is created. With rawHooks on, the channel gets a webhook
// with the field group_participants_update.
func (c *Customer) Joins(id string) { c.moves(id, "group_participants_add", "added_participants") }

// Leaves ends the customer's membership of a group, with a webhook like that of
// Joins.
func (c *Customer) Leaves(id string) {
	c.moves(id, "group_participants_remove", "removed_participants")
}

func (c *Customer) moves(id, what, list string) {
	if !c.valid() {
		return
	}
	a := c.api
	c.act(func() (*message, []webhook) {
		g := a.groupFor(id)
		member := slices.Contains(g.members, c)
		if member == (list == "added_participants") {
			return nil, nil
		}
		a.note(entry{who: c, group: g, act: map[bool]string{true: "leaves", false: "joins"}[member]})
		update := object{"timestamp": a.seconds(), "group_id": g.id, "type": what, list: []any{c.raw()}}
		if member {
			g.members = slices.DeleteFunc(g.members, func(other *Customer) bool { return other == c })
			update["initiated_by"] = "participant"
		} else {
			g.add(c)
			update["reason"] = "invite_link"
		}
		return nil, a.rawOnly("group_participants_update", object{"groups": []any{update}})
	})
}

// deliverToGroup passes a message to a group and returns its statuses: one for the
// group, then one for each member whom it reaches. A group without members has the
// status delivered without a member.
func (a *API) deliverToGroup(m *message, got *Received, failure string) []webhook {
	g := m.thread.group
	if failure != "" {
		return a.statusHooks(m, nil, chatapi.StatusFailed, failure)
	}
	g.received = append(g.received, got)
	a.note(entry{group: g, got: got})
	webhooks := a.statusHooks(m, nil, chatapi.StatusSent, "")
	if len(g.members) == 0 {
		return append(webhooks, a.statusHooks(m, nil, chatapi.StatusDelivered, "")...)
	}
	for _, c := range g.members {
		switch {
		case c.unreachable != "":
			webhooks = append(webhooks, a.statusHooks(m, c, chatapi.StatusFailed, c.unreachable)...)
		case c.offline:
			c.waitingIn = append(c.waitingIn, m)
		default:
			webhooks = append(webhooks, a.statusHooks(m, c, chatapi.StatusDelivered, "")...)
		}
	}
	return webhooks
}

// readBy returns the statuses of the messages that a member has not read so far.
func (g *group) readBy(c *Customer) []webhook {
	if !slices.Contains(g.members, c) {
		return nil
	}
	var webhooks []webhook
	for _, r := range g.received {
		m := g.api.messages[r.ID]
		if m.readBy[c] || slices.Contains(c.waitingIn, m) {
			continue
		}
		if m.readBy == nil {
			m.readBy = map[*Customer]bool{}
		}
		m.readBy[c] = true
		webhooks = append(webhooks, g.api.statusHooks(m, c, chatapi.StatusRead, "")...)
	}
	return webhooks
}

// GroupReceived returns the messages that the channel has sent to a group, oldest
// first; nil if there is no such group. The id may have the suffix "@g.us".
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
	participants := []any{}
	for _, c := range g.members {
		participants = append(participants, c.raw())
	}
	o := object{"id": g.id, "subject": g.subject, "description": g.description, "participants": participants}
	if g.picture != "" {
		o["profile_picture_file"] = g.picture
	}
	return o
}

// withGroup returns an operation that finds the group of its path and calls do.
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
			rows = append(rows, object{"id": g.thread.chat(), "subject": g.subject})
			next = g.id
		default:
			return reply(http.StatusOK, object{"groups": rows, "paging": object{"cursors": object{"after": next}}})
		}
	}
	return reply(http.StatusOK, object{"groups": rows})
}

func createGroup(a *API, r *request) answer {
	if a.quirks.has(NoGroups) {
		return reply(http.StatusOK, object{"error": "Groups are not enabled for this number"})
	}
	g := a.newGroup("120363"+a.number()[3:], r.body.text("groupName"), r.body.text("description"))
	return reply(http.StatusOK, object{"id": g.id, "subject": g.subject, "invite_link": g.link()})
}

func (g *group) link() string { return fmt.Sprintf("https://chat.example.com/%s-%d", g.id, g.invite) }

func updateGroup(_ *API, r *request, g *group) answer {
	if len(r.body) == 0 {
		return refuse("nothing to change")
	}
	g.subject = cmp.Or(r.body.text("subject"), g.subject)
	if r.body.has("description") {
		g.description = r.body.text("description")
	}
	g.picture = cmp.Or(r.body.text("profile_picture_file"), g.picture)
	return reply(http.StatusOK, success)
}

func deleteGroup(a *API, _ *request, g *group) answer {
	a.family.groups = slices.DeleteFunc(a.family.groups, func(other *group) bool { return other == g })
	delete(a.groups, g.thread.chat())
	return reply(http.StatusOK, success)
}

func resetInvite(_ *API, _ *request, g *group) answer {
	g.invite++
	return reply(http.StatusOK, object{"invite_link": g.link()})
}
