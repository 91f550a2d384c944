package chatapi

import (
	"cmp"
	"slices"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// This file reads the old messages that a business had in its phone app (contract
// notes, "Webhooks").

// isOld reports whether a message is part of the import of old chats. Its field
// says so, or the member that only old messages have.
func (p *parser) isOld(in *metaElement) bool {
	return p.field == "history" || !in.history.IsNull() && !in.history.IsBlank()
}

// oldThread reads one element of "threads".
func (p *parser) oldThread(v wire.Value, f *scalarReader) HistoryThread {
	var old HistoryThread
	setPhone(&old.Contact, f.member("threads", v, "id"))
	old.Contact = readPerson(v).Merge(readPerson(v.Get("context"))).Merge(old.Contact)
	p.contacts.complete(&old.Contact)
	old.Contact.Chat = personChat(old.Contact)
	messages := v.Get("messages")
	old.Messages = slices.Grow(old.Messages, messages.Len())
	for list := messages.List(); list.Next(); {
		if !f.isObject("threads.messages", list.Value) {
			continue
		}
		var in metaElement
		in.read(list.Value)
		old.Messages = append(old.Messages, p.oldMessage(&in, old.Contact))
		f.merge("threads.messages", list.Value, &in.scalarReader)
	}
	return old
}

// oldMessage reads a message of the thread with that customer.
func (p *parser) oldMessage(in *metaElement, customer Contact) HistoryMessage {
	m := HistoryMessage{From: in.from, WireType: in.kind, Status: in.member("history_context", in.history, "status")}
	m.Time = in.time("timestamp", in.at)
	in.readContent(&m.Content, 0)
	m.Outgoing = p.outgoing(in, customer)
	if !m.Outgoing {
		if m.From == (Contact{}) || sameCustomer(m.From, customer) {
			m.From = customer
		}
		p.contacts.complete(&m.From)
		m.From.Chat = personChat(m.From)
	}
	if m.Chat = cmp.Or(in.group, customer.Chat); customer.isGroup() {
		m.From = in.from
		p.contacts.complete(&m.From)
		m.From.Chat = personChat(m.From)
	}
	return m
}

// outgoing reports whether the business sent an old message: in a thread, whoever
// is not its customer, in any spelling, is the business.
func (p *parser) outgoing(in *metaElement, customer Contact) bool {
	if ours, set := in.history.Get("from_me").Bool(); set {
		return ours
	}
	from := in.from
	switch {
	case in.group != "", customer.isGroup(): // everybody in it is somebody else
		return samePhone(from.Phone, p.ownPhone)
	case from == (Contact{}):
		return in.to != (Contact{}) && sameCustomer(in.to, customer)
	case sameCustomer(from, customer):
		return false
	case from.Phone != "" && customer.Phone != "", from.BSUID != "" && customer.BSUID != "":
		return true
	}
	return samePhone(from.Phone, p.ownPhone)
}

// sameCustomer reports whether a and b have the same BSUID, or spellings of one
// number.
func sameCustomer(a, b Contact) bool {
	return a.BSUID != "" && a.BSUID == b.BSUID || samePhone(a.Phone, b.Phone)
}

// oldLoneMessage adds an event for an old message outside a thread: WhatsApp sends
// the files of old messages in this way.
func (p *parser) oldLoneMessage(in *metaElement, v wire.Value) error {
	customer := in.from
	if ours, set := in.history.Get("from_me").Bool(); set && ours || in.to != (Contact{}) || samePhone(in.from.Phone, p.ownPhone) {
		customer = in.to
	}
	p.contacts.complete(&customer)
	customer.Chat = personChat(customer)
	m := p.oldMessage(in, customer)
	return p.addOld(HistoryThread{customer, []HistoryMessage{m}}, v, &in.scalarReader)
}

// oldStatus adds an event for the state of an old message.
func (p *parser) oldStatus(in *statusElement, group string, v wire.Value) error {
	m := HistoryMessage{Status: in.status, Outgoing: true, Time: in.time("timestamp", in.at)}
	m.ID, m.Type, m.Chat, m.Errors = in.id, TypeOther, cmp.Or(group, in.to.Chat), in.reasons("errors", in.errors)
	return p.addOld(HistoryThread{in.to, []HistoryMessage{m}}, v, &in.scalarReader)
}

func (p *parser) addOld(thread HistoryThread, v wire.Value, f *scalarReader) error {
	return p.addPartial(&HistoryEvent{EventInfo: p.info("history", v), Threads: []HistoryThread{thread}}, f)
}
