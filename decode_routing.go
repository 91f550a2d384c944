package chatapi

import (
	"cmp"
	"strings"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// This file reads the changes about who holds a chat, and about accounts that
// belong to other portfolios (contract notes, "Webhooks").

// standby adds the event of a change that reports what happens in a chat that
// another agent holds. Raw is the event's, and path the one of value.
func (p *parser) standby(raw, value wire.Value, path string) {
	outer, field := p.events, p.field
	p.events, p.field = nil, "standby"
	read := false
	for list := value.List(); list.Next(); {
		read = p.cloudLists(list.Value, path) || read
	}
	p.field = field
	if !read {
		if inner := cmp.Or(value.Get("standby"), value); !inner.IsBlank() {
			p.addUnknown("standby", "", inner)
		}
	}
	e := &StandbyEvent{EventInfo: p.info("standby", raw), Events: p.events}
	if len(e.Events) > 0 && e.Time.IsZero() {
		e.Time = e.Events[0].Info().Time
	}
	p.events = append(outer, e)
}

// handover adds the event of a chat that passes from one agent to another.
func (p *parser) handover(change, value wire.Value) {
	var f scalarReader
	e := &HandoverEvent{}
	var at wire.Value
	for m := value.Object(); m.Next(); {
		switch string(m.Name) {
		case "contacts":
			p.readContacts("", m.Value)
		case "metadata", "recipient":
			p.ownNumber(string(m.Name), m.Value)
		case "type":
			e.Kind = f.text(&m)
		case "timestamp":
			at = m.Value
		}
	}
	sender := value.Get("sender")
	e.From = readPerson(sender)
	if e.From.Phone == "" {
		setPhone(&e.From, memberText(sender, "phone_number"))
	}
	p.contacts.complete(&e.From)
	e.From.Chat = personChat(e.From)
	if e.Kind == "" {
		for m := value.Object(); m.Next(); {
			if kind := m.Key(); strings.HasPrefix(kind, "control_") && !m.Value.IsBlank() {
				e.Kind = max(e.Kind, kind) // of two, "control_taken" is the safe one
			}
		}
	}
	e.read(value.Get(e.Kind), &f)
	if e.Summary == "" {
		e.Summary = f.whole("conversation_context.summary", "text", value.Get("conversation_context").Get("summary").Get("text"))
	}
	e.EventInfo = p.info(joinWire("handover", e.Kind), change)
	if own := f.time("timestamp", at); !own.IsZero() {
		e.Time = own
	}
	if err := p.addPartial(e, &f); err != nil {
		p.level = inChange
		p.addError("value", err, value.Raw())
		p.bad[len(p.bad)-1].Partial = true
	}
}

// read reads the object that says who held the chat and who holds it now.
func (e *HandoverEvent) read(v wire.Value, f *scalarReader) {
	const object = "control"
	var appRole string
	for m := v.Object(); m.Next(); {
		switch string(m.Name) {
		case "previous_owner_role":
			e.OldRole = f.inner(object, &m)
		case "previous_owner_app_role":
			appRole = f.inner(object, &m)
		case "previous_owner_app_id":
			e.OldApp = f.inner(object, &m)
		case "new_owner_role":
			e.NewRole = f.inner(object, &m)
		case "new_owner_app_id":
			e.NewApp = f.inner(object, &m)
		case "metadata":
			e.Note = f.whole(object, "metadata", m.Value)
		case "conversation_context":
			e.Summary = f.whole(object+".summary", "text", m.Value.Get("summary").Get("text"))
		}
	}
	e.OldRole = cmp.Or(e.OldRole, appRole)
}

// aboutAccount gives an event about an account the business's number, and corrects
// EventInfo.WABA if the entry is that of a business portfolio instead of an account.
func aboutAccount(event Event, value wire.Value) {
	info := event.Info()
	of := value.Get("waba_info")
	if of.IsArray() {
		list := of.List()
		list.Next()
		of = list.Value
	}
	account, portfolio := cmp.Or(memberText(of, "waba_id"), memberText(value, "waba_id")), info.WABA
	info.OwnPhone = cmp.Or(info.OwnPhone, phoneDigits(value.Get("display_phone_number")))
	switch {
	case account != "":
		info.WABA = account
	case info.Wire == "field.partner_solutions":
		info.WABA = ""
	}
	if e, ok := event.(*AccountEvent); ok && !of.IsBlank() {
		e.Partner = readPartner(of)
		if account != "" && account != portfolio {
			e.Partner.BusinessID = portfolio
		}
	}
}

// readPartner reads "waba_info".
func readPartner(v wire.Value) *PartnerAccount {
	const mostPartners = 100
	partner := &PartnerAccount{OwnerBusinessID: memberText(v, "owner_business_id"), AdAccountID: memberText(v, "ad_account_linked"),
		AppID: memberText(v, "partner_app_id"), SolutionID: memberText(v, "solution_id")}
	for list := v.Get("solution_partner_business_ids").Array(); list.Next() && len(partner.SolutionBusinessIDs) < mostPartners; {
		if id, _ := list.Value.Text(); id != "" {
			partner.SolutionBusinessIDs = append(partner.SolutionBusinessIDs, id)
		}
	}
	return partner
}
