package chatapi

import (
	"strconv"
	"strings"

	"github.com/chatapi-go/chatapi/internal/errorcode"
	"github.com/chatapi-go/chatapi/internal/wire"
)

// This file reads statuses as WhatsApp writes them (contract, raw "Statuses").

// metaStatus reads one element of "statuses": what became of a message, a call
// or a payment.
func (p *parser) metaStatus(v wire.Value) error {
	var f fields
	var kind, recipient, recipientKind string
	var member Contact
	var at, payment, cost wire.Value
	e := &StatusEvent{}
	for m := v.Object(); m.Next(); {
		switch string(m.Name) {
		case "id":
			e.MessageID = f.text(&m)
		case "status":
			e.Status = Status(f.text(&m))
		case "type":
			kind, _ = m.Value.Text()
		case "timestamp":
			at = m.Value
		case "recipient_id":
			recipient = f.text(&m)
		case "recipient_type":
			recipientKind, _ = m.Value.Text()
		case "recipient_user_id":
			e.To.BSUID, _ = m.Value.Text()
		case "recipient_parent_user_id", "parent_recipient_user_id", "parent_user_id":
			e.To.ParentBSUID, _ = m.Value.Text()
		case "recipient_participant_id", "participant_recipient_id":
			id, _ := m.Value.Text()
			setPhone(&member, id)
		case "recipient_participant_user_id":
			member.BSUID, _ = m.Value.Text()
		case "recipient_participant_parent_user_id":
			member.ParentBSUID, _ = m.Value.Text()
		case "message":
			if id, _ := m.Value.Get("recipient_id").Text(); recipient == "" {
				recipient = id
			}
		case "conversation":
			e.Conversation = readConversation(m.Value)
		case "pricing":
			e.Pricing = readPricing(m.Value)
		case "cost":
			cost = m.Value
		case "errors":
			e.Errors = statusErrors(m.Value)
		case "biz_opaque_callback_data":
			e.CallbackData, _ = m.Value.Text()
		case "payment":
			payment = m.Value
		}
	}
	if f.err != nil {
		return f.err
	}
	switch {
	case kind == "call" || p.field == "calls":
		return p.callStatus(v)
	case e.Status == "":
		p.unknown("status", "", v)
		return nil
	case recipientKind == "group":
		e.Group, e.To = groupChat(recipient), member
	default:
		setPhone(&e.To, strings.TrimSpace(recipient))
	}
	p.contacts.complete(&e.To)
	if e.To.Chat = thread(e.To); e.Pricing != nil {
		e.Category = e.Pricing.Category
	}
	if !cost.IsAbsent() && e.Pricing == nil {
		e.Pricing = &StatusPricing{}
	}
	if !cost.IsAbsent() && e.Pricing.Cost == nil {
		e.Pricing.Cost = readCost(cost)
	}
	if kind == "payment" || kind == "" && payment.IsObject() {
		p.payment(e, at, payment, v)
		return nil
	}
	e.EventInfo = p.info(statusWire(e.Status), v)
	e.Time = at.Time()
	if e.Status == statusViewed {
		e.Status = StatusRead
	}
	p.add(e)
	return nil
}

// statusWire spares the usual status from joining.
func statusWire(s Status) string {
	switch s {
	case StatusSent:
		return "status.sent"
	case StatusDelivered:
		return "status.delivered"
	case StatusRead:
		return "status.read"
	case StatusFailed:
		return "status.failed"
	}
	return joinWire("status", string(s))
}

func readConversation(v wire.Value) *StatusConversation {
	if !v.IsObject() {
		return nil
	}
	c := &StatusConversation{}
	for m := v.Object(); m.Next(); {
		switch string(m.Name) {
		case "id":
			c.ID, _ = m.Value.Text()
		case "origin":
			c.Origin, _ = m.Value.Get("type").Text()
		case "expiration_timestamp":
			c.ExpiresAt = m.Value.Time()
		}
	}
	return c
}

func readPricing(v wire.Value) *StatusPricing {
	if !v.IsObject() {
		return nil
	}
	price := &StatusPricing{}
	for m := v.Object(); m.Next(); {
		switch string(m.Name) {
		case "billable":
			if billable, set := m.Value.Bool(); set {
				price.Billable = &billable
			}
		case "pricing_model":
			price.Model, _ = m.Value.Text()
		case "category":
			price.Category, _ = m.Value.Text()
		case "type":
			price.Type, _ = m.Value.Text()
		case "cost":
			price.Cost = readCost(m.Value)
		}
	}
	return price
}

// readCost reads an amount in whole units; nil if it cannot be kept exactly.
func readCost(v wire.Value) *Money {
	amount, _ := v.Get("amount").Text()
	currency, _ := v.Get("currency").Text()
	cost, err := ParseMoney(amount, currency)
	if err != nil {
		return nil
	}
	return &cost
}

// payment turns the status of a payment into its event.
func (p *parser) payment(status *StatusEvent, at, v, raw wire.Value) {
	e := &PaymentEvent{MessageID: status.MessageID, Status: string(status.Status), From: status.To, Errors: status.Errors}
	e.ReferenceID, _ = v.Get("reference_id").Text()
	transaction := v.Get("transaction")
	e.TransactionID, _ = transaction.Get("id").Text()
	e.Method, _ = transaction.Get("type").Text()
	currency, _ := v.Get("currency").Text()
	value, okValue := v.Get("amount").Get("value").Int()
	offset, okOffset := v.Get("amount").Get("offset").Int()
	if okValue && okOffset && offset > 0 && microsPerUnit%offset == 0 && isCurrency(currency) && value >= 0 && value < 1<<40 {
		e.Amount = &Money{value * (microsPerUnit / offset), currency}
	}
	e.EventInfo = p.info("payment."+e.Status, raw)
	e.Time = at.Time()
	p.add(e)
}

// serviceError reads one element of an "errors" beside the messages.
func (p *parser) serviceError(v wire.Value) error {
	e := &ErrorEvent{Errors: statusErrors(v)}
	name := "error"
	if len(e.Errors) > 0 && e.Errors[0].Code != 0 {
		name += "." + strconv.Itoa(e.Errors[0].Code)
	}
	e.EventInfo = p.info(name, v)
	p.add(e)
	return nil
}

// statusErrors reads why a message failed: a text, a number, an object as Meta
// writes it, or an array of those.
func statusErrors(v wire.Value) []StatusError {
	var all []StatusError
	for elements := v.Array(); elements.Next(); {
		if e, ok := statusError(elements.Value); ok {
			all = append(all, e)
		}
	}
	if e, ok := statusError(v); ok {
		all = append(all, e)
	}
	return all
}

// classified adds what the catalogue knows about the code, or about the words
// where there is no code.
func classified(e StatusError) StatusError {
	row, ok := errorcode.LookupNumber(e.Code)
	if e.Code == 0 || !ok {
		if row, ok = matchText(e.Title); !ok {
			row, ok = matchText(e.Details)
		}
	}
	if !ok {
		return e
	}
	if e.Code == 0 {
		e.Code = row.Number()
	}
	e.Kind, e.Retry, e.Advice = kindOf(row), RetryClass(row.Retry), row.Advice
	return e
}
