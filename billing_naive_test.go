package chatapi_test

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
)

// naive bills one account by the rules of docs/billing.md, plainly and slowly. It
// shares no code with the ledger.
type naive struct {
	zone   *time.Location
	model  chatapi.Model // empty for the model in force
	anchor chatapi.Anchor
	used   int // units used before of each free tier, in each month
	sent   int // utility templates to North America charged before, in each month

	// replaced says that the account has rules of its own: posts are free entry
	// points for 30 hours, and under every model each number has 1,000 free
	// utility and marketing units.
	replaced bool
}

// naiveUnit is a row with its model, which decides its free tier.
type naiveUnit struct {
	scenarioRow
	model   chatapi.Model
	who     string // the person, group or member
	shown   string // the name of who at OpenedAt
	acting  string // the message that opened the unit
	charged bool   // a status says so
	carried bool   // of a closed month
	past    bool   // ended in a closed month
}

const naiveDay = 24 * time.Hour

func within(t, start time.Time, length time.Duration) bool {
	return !t.Before(start) && t.Before(start.Add(length))
}

func (n naive) modelOn(t time.Time) chatapi.Model {
	if n.model != "" {
		return n.model
	}
	switch day := t.In(n.zone).Format(time.DateOnly); {
	case day < "2022-02-01":
		return chatapi.ModelNBP
	case day < "2023-06-01":
		return chatapi.ModelCBP2022
	case day < "2024-11-01":
		return chatapi.ModelCBP2023
	case day < "2025-07-01":
		return chatapi.ModelCBP2024
	case day < "2026-10-01":
		return chatapi.ModelPMP2025
	}
	return chatapi.ModelPMP2026
}

func (n naive) entryLength(t time.Time) time.Duration {
	if n.replaced {
		return 30 * time.Hour
	}
	if n.modelOn(t) == chatapi.ModelCBP2022 && t.In(n.zone).Format(time.DateOnly) < "2023-03-01" {
		return naiveDay
	}
	return 3 * naiveDay
}

func (n naive) qualifies(model chatapi.Model, entry chatapi.EntryPoint) bool {
	switch {
	case model == chatapi.ModelNBP:
		return false
	case n.replaced:
		return entry == chatapi.EntryPointPost
	case entry == chatapi.EntryPointAd:
		return true
	}
	return entry == chatapi.EntryPointPageCTA && (model != chatapi.ModelCBP2022 || n.anchor == chatapi.AnchorFirstDelivered)
}

// naivePair is the history of one number and person. Its units grow with each
// delivered message.
type naivePair struct {
	naive
	*naivePerson
	end    time.Time // of the closed months
	acting []naiveMessage
	late   []*naiveUnit

	looked  int // inbounds that startWindows has looked at
	windows []*naiveWindow
	units   []*naiveUnit
}

type naiveInbound struct {
	id, key string
	at      time.Time
	entry   chatapi.EntryPoint
	settled bool // known when its month was closed
	spent   bool // its click was settled in a closed month
}

// naiveMessage is a delivered message of the business.
type naiveMessage struct {
	id, category    string
	member          string   // of a group
	names           []string // of the member, in the facts; "" outside groups
	sent, delivered time.Time
	charged         bool // a status says so
	idle            bool // the phone app sent it
	settled         bool // acted in a closed month

	model chatapi.Model
	reply bool // sent while the service window was open
	entry bool // settles the click on a free entry point, in time

	billed bool // answers a window that is on the bill of a closed month
}

// naiveWindow is a window under Chat API's anchor.
type naiveWindow struct {
	start          time.Time
	answered, void bool
	billed         bool // its conversation is on the bill of a closed month
}

// bill adds the units of the acting messages.
func (p *naivePair) bill() {
	for p.looked < len(p.inbounds) && p.inbounds[p.looked].at.Before(p.end) {
		p.looked++
	}
	for i, m := range p.acting {
		m.model = p.modelOn(m.delivered)
		m.reply, m.entry = p.replies(m), p.settles(m, p.acting[:i])
		p.startWindows(m.delivered)
		switch m.model {
		case chatapi.ModelNBP:
			p.nbp(m)
		case chatapi.ModelCBP2022:
			p.cbp2022(m)
		case chatapi.ModelCBP2023, chatapi.ModelCBP2024:
			p.cbp2023(m)
		default:
			p.pmp(m)
		}
	}
}

// opened returns the units that opened between two instants, without those of closed
// months.
func (p *naivePair) opened(from, to time.Time) (all []*naiveUnit) {
	for _, u := range p.units {
		if !u.carried && !u.OpenedAt.Before(from) && u.OpenedAt.Before(to) {
			all = append(all, u)
		}
	}
	return all
}

// nbp bills each message by itself. A template costs, unless it was sent within 24
// hours of the customer's last message.
func (p *naivePair) nbp(m naiveMessage) {
	category, free := m.category, chatapi.FreeReason("")
	if category == "" {
		category = chatapi.CategorySession
	}
	if m.category == "" || m.reply {
		free = chatapi.FreeCareWindow
	}
	p.addMessage(m, category, free)
}

// cbp2022 bills conversations, of which at most one is open. Every message rides the
// open conversation. If no conversation is open, the message opens a free entry
// point, answers a window, or opens a conversation at its delivery.
func (p *naivePair) cbp2022(m naiveMessage) {
	window := p.windowAt(m.sent)
	switch {
	case p.isOpen("", m.delivered):
	case m.entry:
		if window != nil && !window.answered {
			window.void = true
		}
		p.addEntry(m, "conversation")
	case window != nil && window.answered: // several answers count once
	case window != nil:
		window.answered = true
		m.billed = window.billed
		p.addConversation(m, chatapi.CategoryUserInitiated, window.start, "")
	case m.reply:
		p.addConversation(m, chatapi.CategoryUserInitiated, m.delivered, "")
	default:
		p.addConversation(m, chatapi.CategoryBusinessInitiated, m.delivered, "")
	}
}

// cbp2023 bills conversations by category. A template rides a conversation of its
// category, and a free-form message rides any. A free entry point closes the other
// conversations, and every message rides it. In cbp-2024 service conversations are
// free.
func (p *naivePair) cbp2023(m naiveMessage) {
	switch {
	case p.isOpen(chatapi.CategoryReferral, m.delivered):
	case m.entry:
		for _, u := range p.units {
			if u.openAt(m.delivered) {
				u.ClosedAt = &m.delivered
			}
		}
		p.addEntry(m, "conversation")
	case m.category != "":
		if !p.isOpen(m.category, m.delivered) {
			p.addConversation(m, m.category, m.delivered, "")
		}
	case p.isOpen("", m.delivered):
	case m.model == chatapi.ModelCBP2024:
		p.addConversation(m, chatapi.CategoryService, m.delivered, chatapi.FreeService)
	default:
		p.addConversation(m, chatapi.CategoryService, m.delivered, "")
	}
}

// pmp bills each message by itself. A free entry point is a window, in which each
// message is free. In pmp-2025 free-form messages are free, and utility templates
// within the service window. Utility templates ride a utility conversation from
// before 2025-07-01 until it ends.
func (p *naivePair) pmp(m naiveMessage) {
	if m.entry && !p.isOpen(chatapi.CategoryReferral, m.delivered) {
		p.addEntry(m, "window")
	}
	if m.category == chatapi.CategoryUtility && p.isOpen(chatapi.CategoryUtility, m.delivered) {
		return
	}
	category, free := m.category, chatapi.FreeReason("")
	if category == "" {
		category = chatapi.CategoryService
	}
	switch {
	case p.isOpen(chatapi.CategoryReferral, m.delivered):
		free = chatapi.FreeEntryPoint
	case m.model == chatapi.ModelPMP2025 && (m.category == "" || m.category == chatapi.CategoryUtility && m.reply):
		free = chatapi.FreeCustomerService
	}
	p.addMessage(m, category, free)
}

// replies reports whether the service window was open when the message was sent.
func (p *naivePair) replies(m naiveMessage) bool {
	return slices.ContainsFunc(p.inbounds, func(in naiveInbound) bool { return within(m.sent, in.at, naiveDay) })
}

// settles reports whether the message was sent within 24 hours of a click on a
// free entry point that no earlier message has settled.
func (p *naivePair) settles(m naiveMessage, earlier []naiveMessage) bool {
	return slices.ContainsFunc(p.inbounds, func(click naiveInbound) bool {
		return !p.spent(click, earlier) && within(m.sent, click.at, naiveDay) && p.qualifies(m.model, click.entry)
	})
}

// spent reports whether a click is settled by earlier messages or in a closed month.
func (p *naivePair) spent(click naiveInbound, earlier []naiveMessage) bool {
	return click.spent || slices.ContainsFunc(earlier, func(e naiveMessage) bool { return !e.sent.Before(click.at) })
}

// startWindows starts the windows of the customer's messages until now. A window
// or a conversation that covers a message keeps it from starting a window.
func (p *naivePair) startWindows(now time.Time) {
	if p.anchor != chatapi.AnchorFirstInbound {
		return
	}
	for ; p.looked < len(p.inbounds) && !p.inbounds[p.looked].at.After(now); p.looked++ {
		at := p.inbounds[p.looked].at
		covered := slices.ContainsFunc(p.windows, func(w *naiveWindow) bool { return within(at, w.start, naiveDay) }) ||
			slices.ContainsFunc(p.units, func(u *naiveUnit) bool { return u.covers(at) })
		if !covered && p.modelOn(at) == chatapi.ModelCBP2022 {
			p.windows = append(p.windows, &naiveWindow{start: at})
		}
	}
}

// windowAt returns the earliest window at t that no conversation replaced (rule 14);
// nil without such a window. Reading: an answered window counts too.
func (p *naivePair) windowAt(t time.Time) (found *naiveWindow) {
	for _, w := range p.windows {
		if !w.void && within(t, w.start, naiveDay) && (found == nil || w.start.Before(found.start)) {
			found = w
		}
	}
	return found
}

// isOpen reports whether a conversation or free entry point of a category is open
// at t. An empty category means any.
func (p *naivePair) isOpen(category string, t time.Time) bool {
	return slices.ContainsFunc(p.units, func(u *naiveUnit) bool { return u.openAt(t) && (category == "" || u.Category == category) })
}

// covers reports whether t is in the length of a unit, even if a free entry point
// closed the unit before t. A message has no length.
func (u *naiveUnit) covers(t time.Time) bool {
	return u.ExpiresAt != nil && !t.Before(u.OpenedAt) && t.Before(*u.ExpiresAt)
}

func (u *naiveUnit) openAt(t time.Time) bool {
	return u.covers(t) && (u.ClosedAt == nil || t.Before(*u.ClosedAt))
}

// addMessage adds a message that is billed by itself.
func (p *naivePair) addMessage(m naiveMessage, category string, free chatapi.FreeReason) {
	p.add(m, scenarioRow{Unit: "message", Message: m.id, Category: category, OpenedAt: m.delivered, FreeReason: string(free)})
}

func (p *naivePair) addConversation(m naiveMessage, category string, opened time.Time, free chatapi.FreeReason) {
	p.addPeriod(m, scenarioRow{Unit: "conversation", Category: category, OpenedAt: opened, FreeReason: string(free)}, naiveDay)
}

// addEntry adds a free entry point: a conversation, or a window.
func (p *naivePair) addEntry(m naiveMessage, unit string) {
	row := scenarioRow{Unit: unit, Category: chatapi.CategoryReferral, OpenedAt: m.delivered, FreeReason: string(chatapi.FreeEntryPoint)}
	p.addPeriod(m, row, p.entryLength(m.delivered))
}

// addPeriod adds a conversation or window. It takes the place of the unanswered
// windows in which it begins.
func (p *naivePair) addPeriod(m naiveMessage, row scenarioRow, length time.Duration) {
	end := row.OpenedAt.Add(length)
	row.ExpiresAt = &end
	for _, w := range p.windows {
		w.void = w.void || !w.answered && within(row.OpenedAt, w.start, naiveDay)
	}
	p.add(m, row)
}

// add adds a unit. One that opened in a closed month is late, unless it is on the bill
// of that month.
func (p *naivePair) add(m naiveMessage, row scenarioRow) {
	u := &naiveUnit{scenarioRow: row, model: m.model, who: cmp.Or(m.member, p.key), acting: m.id, charged: m.charged, carried: m.billed}
	if row.Unit == "window" {
		u.who = p.key
	}
	u.shown = p.names.shown(u.who, row.OpenedAt)
	u.Number, u.Contact = p.number, naiveShow(u.shown)
	if row.OpenedAt.Before(p.end) && !u.carried {
		u.carried = true
		p.late = append(p.late, u)
	}
	p.units = append(p.units, u)
}

// naiveShow returns a name as a bill shows it.
func naiveShow(name string) string {
	kind, value, _ := strings.Cut(name, ":")
	return map[string]string{"phone": "+", "username": "@"}[kind] + value
}

// sort sorts the messages in the order in which they act. Messages of one instant
// without an id are one message.
func (p *naivePerson) sort() {
	slices.SortFunc(p.inbounds, func(a, b naiveInbound) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.id, b.id), cmp.Compare(a.entry, b.entry), b2i(b.settled)-b2i(a.settled))
	})
	p.inbounds = slices.CompactFunc(p.inbounds, func(a, b naiveInbound) bool {
		return a.id == "" && b.id == "" && a.at.Equal(b.at) && a.entry == b.entry
	})
	slices.SortFunc(p.messages, func(a, b naiveMessage) int {
		return cmp.Or(a.delivered.Compare(b.delivered), a.sent.Compare(b.sent), cmp.Compare(a.id, b.id), cmp.Compare(a.member, b.member))
	})
}
