package chatapi

import (
	"strconv"
	"strings"

	"github.com/chatapi-go/chatapi/internal/errorcode"
	"github.com/chatapi-go/chatapi/internal/wire"
)

// This file reads statuses as WhatsApp writes them (contract, raw "Statuses").

// statusElement is an element of "statuses" as it is written.
type statusElement struct {
	scalarReader
	id, status, kind            string
	recipient, recipientKind    string
	to, member                  Contact // their BSUIDs; member also has the number
	at, payment                 wire.Value
	conversation, pricing, cost wire.Value
	errors                      wire.Value
	callbackData, template      string
}

// readStatus collects the members, in whatever order they come.
func readStatus(v wire.Value) (in statusElement) {
	for m := v.Object(); m.Next(); {
		switch string(m.Name) {
		case "id":
			in.id = in.text(&m)
		case "status":
			in.status = in.text(&m)
		case "type":
			in.kind, _ = m.Value.Text()
		case "timestamp":
			in.at = m.Value
		case "recipient_id":
			in.recipient = in.text(&m)
		case "recipient_type":
			in.recipientKind, _ = m.Value.Text()
		case "recipient_user_id":
			in.to.BSUID, _ = m.Value.Text()
		case "recipient_parent_user_id", "parent_recipient_user_id", "parent_user_id":
			in.to.ParentBSUID, _ = m.Value.Text()
		case "recipient_participant_id", "participant_recipient_id":
			id, _ := m.Value.Text()
			setPhone(&in.member, id)
		case "recipient_participant_user_id":
			in.member.BSUID, _ = m.Value.Text()
		case "recipient_participant_parent_user_id":
			in.member.ParentBSUID, _ = m.Value.Text()
		case "message":
			if in.recipient == "" {
				in.recipient = memberText(m.Value, "recipient_id")
			}
		case "conversation":
			in.conversation = m.Value
		case "pricing":
			in.pricing = m.Value
		case "cost":
			in.cost = m.Value
		case "errors":
			in.errors = m.Value
		case "biz_opaque_callback_data":
			in.callbackData, _ = m.Value.Text()
		case "template_id":
			in.template, _ = m.Value.Text()
		case "recipient_identity_key_hash":
			in.to.IdentityHash, _ = m.Value.Text()
		case "payment":
			in.payment = m.Value
		}
	}
	return in
}

// metaStatus reads one element of "statuses": the progress of a message, a call
// or a payment.
func (p *parser) metaStatus(v wire.Value) error {
	in := readStatus(v)
	switch {
	case in.err != nil:
		return in.err
	case in.kind == "call" || p.field == "calls":
		return p.callStatus(v)
	case in.status == "":
		p.addUnknown("status", "", v)
		return nil
	}
	group := ""
	if in.recipientKind == "group" {
		group, in.to = groupChat(in.recipient), in.member
	} else {
		setPhone(&in.to, strings.TrimSpace(in.recipient))
	}
	p.contacts.complete(&in.to)
	in.to.Chat = personChat(in.to)
	if in.kind == "payment" || in.kind == "" && in.payment.IsObject() {
		p.payment(&in, v)
		return nil
	}
	e := &StatusEvent{MessageID: in.id, Status: Status(in.status), To: in.to, Group: group, CallbackData: in.callbackData, TemplateID: in.template,
		Conversation: readConversation(in.conversation), Pricing: in.price(), Errors: statusErrors(in.errors)}
	if e.Pricing != nil {
		e.Category = e.Pricing.Category
	}
	e.EventInfo = p.info(statusWire(e.Status), v)
	e.Time = in.at.Time()
	if e.Status == statusViewed {
		e.Status = StatusRead
	}
	p.add(e)
	return nil
}

// price returns what the status says about the price: in "pricing", in "cost"
// beside it, or in both; the cost in "pricing" holds.
func (in *statusElement) price() *StatusPricing {
	price := readPricing(in.pricing)
	if in.cost.IsAbsent() {
		return price
	}
	if price == nil {
		price = &StatusPricing{}
	}
	if price.Cost == nil {
		price.Cost = readCost(in.cost)
	}
	return price
}

// payment adds the event of a payment's status.
func (p *parser) payment(in *statusElement, v wire.Value) {
	transaction := in.payment.Get("transaction")
	e := &PaymentEvent{MessageID: in.id, Status: in.status, From: in.to, Errors: statusErrors(in.errors),
		ReferenceID:   memberText(in.payment, "reference_id"),
		TransactionID: memberText(transaction, "id"), Method: memberText(transaction, "type")}
	e.readTransaction(in.payment, transaction)
	e.EventInfo = p.info("payment."+e.Status, v)
	e.Time = in.at.Time()
	p.add(e)
}

// statusWire returns EventInfo.Wire for a status. The usual ones are constants,
// to save an allocation.
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

// readConversation returns nil if v is not an object.
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

// readPricing returns nil if v is not an object.
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

// readCost reads an amount of whole units, such as 0.0125 US dollars. It returns
// nil if Money cannot hold the amount exactly.
func readCost(v wire.Value) *Money {
	amount, _ := v.Get("amount").Text()
	currency, _ := v.Get("currency").Text()
	cost, err := ParseMoney(amount, currency)
	if err != nil {
		return nil
	}
	return &cost
}

// serviceError reads one element of the "errors" that stand beside messages and
// statuses.
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
// writes it, or an array of these.
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

// statusError reads one reason. It returns false if v holds none.
func statusError(v wire.Value) (e StatusError, ok bool) {
	if !v.IsObject() {
		text, err := v.Text()
		if err != nil || text == "" {
			return StatusError{}, false
		}
		if code, isNumber := v.Int(); isNumber {
			return classified(StatusError{Code: int(code)}), true
		}
		return classified(StatusError{Title: text}), true
	}
	for members := v.Object(); members.Next(); {
		switch string(members.Name) {
		case "code", "error_code":
			if code, ok := members.Value.Int(); ok && e.Code == 0 {
				e.Code = int(code)
			}
		case "title":
			e.Title, _ = members.Value.Text()
		case "message":
			e.Message, _ = members.Value.Text()
		case "href":
			e.Href, _ = members.Value.Text()
		case "details":
			e.Details, _ = members.Value.Text()
		case "error_data":
			if text, _ := members.Value.Get("details").Text(); text != "" {
				e.Details = text
			}
		}
	}
	if e.Title == "" {
		e.Title, e.Message = e.Message, ""
	}
	return classified(e), true
}

// classified adds what the catalogue of codes knows about e: by its code, or by
// its words if the code is missing or unknown.
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
