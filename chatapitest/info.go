package chatapitest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
)

// This file tells a program that shows a fake how the channel is set, and what reached it.

// ChannelInfo is a channel of a fake, without its chats and templates.
type ChannelInfo struct {
	ID    chatapi.ChannelID
	Phone string

	// URL and Token are those of the channel. The URL leads to the port of [API.Listen] if
	// there is one, and Transport reaches it otherwise.
	URL, Token string

	// State is what GET /status returns. Blocked is the text of a blocked subscription.
	// Expired is true if the token has expired, and Standby if another agent holds the
	// chats.
	State   string
	Blocked string
	Expired bool
	Standby bool

	// Settings are all settings by name, and Quirks the quirks that are on, in the order of
	// their names.
	Settings map[string]bool
	Quirks   []Quirk

	Webhooks []WebhookInfo

	// Faults and Misdeliveries are those that are armed; Times counts what is left.
	Faults        []Fault
	Misdeliveries []Misdelivery

	// Calls and Deliveries count what [API.CallsFrom] and [API.DeliveriesFrom] have.
	// Pending counts the webhooks whose turn has not come or that are being delivered,
	// and Held those that a [Misdelivery] holds back.
	Calls, Deliveries, Pending, Held int
}

// WebhookInfo is an address of the webhook list. Memory is true if it has a handler in
// memory. Failed counts the webhooks that the fake gave up, and Problem is the reason of
// the last one; both are empty after a webhook arrived.
type WebhookInfo struct {
	URL              string
	Disabled, Memory bool
	Failed           int
	Problem          string
}

// Info returns how the channel is set now.
func (a *API) Info() ChannelInfo {
	a.mu.Lock()
	defer a.mu.Unlock()
	info := ChannelInfo{ID: a.ChannelID(), Phone: a.phone, URL: a.URL, Token: a.Token, State: a.state, Blocked: a.blocked, Expired: a.expired, Standby: a.standby,
		Settings: map[string]bool{}, Calls: len(a.calls), Deliveries: len(a.deliveries), Pending: len(a.outbox.queue), Held: len(a.outbox.held)}
	if a.outbox.current != nil {
		info.Pending++
	}
	for _, name := range settingNames {
		info.Settings[name] = a.settings[name]
	}
	for _, q := range AllQuirks() {
		if a.quirks.has(q) {
			info.Quirks = append(info.Quirks, q)
		}
	}
	for _, h := range a.hooks {
		info.Webhooks = append(info.Webhooks, a.webhookInfo(h))
	}
	for _, f := range a.faults {
		if f.Times != 0 {
			info.Faults = append(info.Faults, *f)
		}
	}
	for _, m := range a.misdeliveries {
		if m.Times != 0 {
			info.Misdeliveries = append(info.Misdeliveries, *m)
		}
	}
	a.world.mu.Lock()
	defer a.world.mu.Unlock()
	if address, ok := strings.CutSuffix(a.world.files, "/media/"); ok {
		info.URL = address + "/" + a.channel
	}
	return info
}

// webhookInfo looks at the last deliveries to an address.
func (a *API) webhookInfo(h *hookAddress) WebhookInfo {
	info := WebhookInfo{URL: h.url, Disabled: h.disabled, Memory: a.receivers[hookKey(h.url)] != nil}
	const most = 1000
	for _, d := range slices.Backward(a.deliveries[max(len(a.deliveries)-most, 0):]) {
		if hookKey(d.URL) != hookKey(h.url) || d.again {
			continue
		}
		if d.Problem == "" {
			break
		}
		info.Failed++
		info.Problem = cmp.Or(info.Problem, d.Problem)
	}
	return info
}

// AllQuirks returns every quirk, in the order of their names. The list is a copy.
func AllQuirks() []Quirk { return slices.Clone(allQuirks) }

var allQuirks = []Quirk{AnyNamespace, AudioType, BareFailures, BareTemplates, BoolHistory, CommaWebhooks, DeliveriesAtOnce, DoubleDeliveries,
	IntFlags, LooseBodies, LowerTemplates, MMLite, NoBSUID, NoCalls, NoCatalog, NoEchoes, NoFlows, NoGroups, NoHistory, NoID, NoUsername,
	Refuse400, SameTemplates, StatusesFirst, StatusesReversed, TemplateType, TextFlags, TextSent, TextTemplates, UpperTemplates, VoiceType}

// CallsFrom returns calls from the nth on, at most that number of them, and the number of
// the call behind them. The first call has the number 0; an n below counts as 0. Numbers
// begin anew after [API.Load].
func (a *API) CallsFrom(n, most int) (calls Calls, next int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n = min(max(n, 0), len(a.calls))
	next = min(n+max(most, 0), len(a.calls))
	return slices.Clone(a.calls[n:next]), next
}

// DeliveriesFrom returns deliveries of webhooks that are over, acknowledged or given up,
// from the nth on, as [API.CallsFrom] does with calls.
func (a *API) DeliveriesFrom(n, most int) (deliveries []Delivery, next int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n = min(max(n, 0), len(a.deliveries))
	next = min(n+max(most, 0), len(a.deliveries))
	for _, d := range a.deliveries[n:next] {
		deliveries = append(deliveries, d.Delivery)
	}
	return deliveries, next
}

// TemplateInfo is one language of a template as the fake holds it.
type TemplateInfo struct {
	ID, Name, Language, Category string

	// Status is PENDING, APPROVED, REJECTED, PAUSED or DISABLED. Reason is that of a
	// rejection. DecideAt is when a pending template will be approved by itself; zero if
	// it will not.
	Status, Reason string
	DecideAt       time.Time

	// Format is the format of the header, such as TEXT or IMAGE; empty if there is none.
	Format, Header, Body, Footer string
	Buttons                      []Button
}

// Templates returns the templates of the channel, in the order in which they were made.
func (a *API) Templates() []TemplateInfo {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := make([]TemplateInfo, len(a.templates))
	for i, t := range a.templates {
		a.settleTemplate(t)
		all[i] = TemplateInfo{ID: t.id, Name: t.name, Language: t.language, Category: t.category, Status: t.status, DecideAt: t.decideAt.Round(0),
			Format: strings.ToUpper(t.component("HEADER").text("format")), Header: t.component("HEADER").text("text"),
			Body: t.component("BODY").text("text"), Footer: t.component("FOOTER").text("text")}
		if t.reason != "NONE" {
			all[i].Reason = t.reason
		}
		for _, b := range t.buttons() {
			all[i].Buttons = append(all[i].Buttons, Button{Title: b.text("text"), URL: b.text("url")})
		}
	}
	return all
}

// FlowJSON returns the screens of a flow, nil if the channel has no such flow or it has
// none.
func (a *API) FlowJSON(id string) json.RawMessage {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range a.family.flows {
		if f.id == id && f.json != nil {
			return reply(0, f.json).body
		}
	}
	return nil
}

// Tap says what a tap on a button does.
type Tap string

// What a tap does: it answers, as [Customer.Taps] does; it opens a flow, which
// [Customer.Submits] answers; it opens an address; or it does something on the phone
// alone, such as copying a code.
const (
	TapAnswers Tap = "answers"
	TapFlow    Tap = "opens a flow"
	TapLink    Tap = "opens a link"
	TapPhone   Tap = "stays on the phone"
)

// Tap returns what a tap on the button of a received message does.
func (b Button) Tap() Tap {
	switch {
	case b.kind == "flow":
		return TapFlow
	case b.URL != "":
		return TapLink
	case b.kind != "":
		return TapAnswers
	}
	return TapPhone
}

// SetQuirk switches a quirk on or off from now on. An unknown one fails the test.
func (a *API) SetQuirk(q Quirk, on bool) { a.ok(a.setQuirk(q, on)) }

func (a *API) setQuirk(q Quirk, on bool) error {
	if !slices.Contains(allQuirks, q) {
		var names []string
		for _, known := range allQuirks {
			names = append(names, string(known))
		}
		return fmt.Errorf("SetQuirk: there is no quirk %q%s", short(string(q)), meantOr(string(q), names, "AllQuirks lists them"))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.quirks.set(q, on)
	a.note(entry{actor: ActorService, act: "sets quirk", args: []string{string(q), onOrOff(on)}})
	return nil
}

// SetSetting switches a setting of the channel on or off, as
// [chatapi.SettingsService.Update] does, such as "rawHooks". An unknown one fails the test.
func (a *API) SetSetting(name string, on bool) { a.ok(a.setSetting(name, on)) }

func (a *API) setSetting(name string, on bool) error {
	if !slices.Contains(settingNames, name) {
		return fmt.Errorf("SetSetting: there is no setting %q%s", short(name), meantOr(name, settingNames, "the settings are "+strings.Join(settingNames, ", ")))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.settings[name] = on
	a.note(entry{actor: ActorService, act: "sets setting", args: []string{name, onOrOff(on)}})
	return nil
}

func onOrOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
