package chatapi

import (
	"cmp"
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
	to, participant             Contact // their BSUIDs; participant also has the number
	at, payment                 wire.Value
	conversation, pricing, cost wire.Value
	errors                      wire.Value
	callbackData, template      string
	category, group             string
}

// readStatus collects the members, in whatever order they come.
func readStatus(v wire.Value) (in statusElement) {
	var ofMessage, oldParent, bareParent, oldMember string
	for m := v.Object(); m.Next(); {
		switch string(m.Name) {
		case "id":
			in.id = in.text(&m)
		case "status":
			in.status = in.text(&m)
		case "type":
			in.kind = in.text(&m)
		case "timestamp":
			in.at = m.Value
		case "recipient_id":
			in.recipient = in.text(&m)
		case "recipient_type":
			in.recipientKind = in.text(&m)
		case "recipient_user_id":
			in.to.BSUID = in.text(&m)
		case "recipient_parent_user_id":
			in.to.ParentBSUID = in.text(&m)
		case "parent_recipient_user_id": // until May 2026
			oldParent = in.text(&m)
		case "parent_user_id":
			bareParent = in.text(&m)
		case "recipient_participant_id":
			setPhone(&in.participant, in.text(&m))
		case "participant_recipient_id":
			oldMember = in.text(&m)
		case "recipient_participant_user_id":
			in.participant.BSUID = cmp.Or(in.text(&m), in.participant.BSUID)
		case "recipient_participant_parent_user_id":
			in.participant.ParentBSUID = in.text(&m)
		case "message":
			ofMessage = memberText(m.Value, "recipient_id")
		case "conversation":
			in.conversation = m.Value
		case "pricing":
			in.pricing = m.Value
		case "cost":
			in.cost = m.Value
		case "errors":
			in.errors = m.Value
		case "biz_opaque_callback_data":
			in.callbackData = in.text(&m)
		case "category", "group_id", "recipient_identity_key_hash":
			in.readRare(&m)
		case "template_id":
			in.template = in.text(&m)
		case "payment":
			in.payment = m.Value
		}
	}
	in.recipient = cmp.Or(in.recipient, ofMessage)
	in.to.ParentBSUID = cmp.Or(in.to.ParentBSUID, oldParent, bareParent)
	if in.participant.Phone == "" {
		setPhone(&in.participant, oldMember)
	}
	return in
}

// readRare reads a member that few statuses have.
func (in *statusElement) readRare(m *wire.Object) {
	switch string(m.Name) {
	case "category":
		in.category = in.text(m)
	case "group_id":
		in.group = in.text(m)
	default:
		in.to.IdentityHash = in.text(m)
	}
}

// metaStatus reads one element of "statuses": the progress of a message, a call
// or a payment.
func (p *parser) metaStatus(v wire.Value) error {
	in := readStatus(v)
	switch {
	case in.kind == "call" || p.field == "calls":
		return p.callStatus(v)
	case in.status == "":
		return p.addUnread("status", "", v, &in.scalarReader)
	}
	group := ""
	if strings.EqualFold(in.recipientKind, "group") || strings.HasSuffix(in.recipient, suffixGroup) {
		group, in.to = groupChat(in.recipient), in.participant
	} else {
		group = groupChat(in.group)
		setPhone(&in.to, strings.TrimSpace(in.recipient))
	}
	p.contacts.complete(&in.to)
	in.to.Chat = personChat(in.to)
	switch {
	case p.field == "history":
		return p.oldStatus(&in, group, v)
	case in.kind == "payment" || in.kind == "" && in.payment.IsObject() && !in.payment.IsBlank():
		return p.payment(&in, v)
	}
	e := p.newStatus()
	e.MessageID, e.Status, e.To, e.Group, e.CallbackData, e.TemplateID = in.id, Status(in.status), in.to, group, in.callbackData, in.template
	e.Conversation, e.Pricing, e.Errors = in.readConversation(in.conversation), in.price(), in.reasons("errors", in.errors)
	if e.Category = in.category; e.Pricing != nil {
		e.Category = cmp.Or(e.Pricing.Category, e.Category)
	}
	p.describe(&e.EventInfo, statusWire(e.Status), v)
	e.Time = in.time("timestamp", in.at)
	e.Status = e.Status.plain()
	return p.addPartial(e, &in.scalarReader)
}

// price returns what the status says about the price: in "pricing", in the
// "pricing" of its conversation, where the statuses of a whole group have it, and
// in "cost" beside it; the cost in "pricing" holds.
func (in *statusElement) price() *StatusPricing {
	price := in.readPricing("pricing", in.pricing)
	if whole := in.readPricing("conversation.pricing", in.conversation.Get("pricing")); price == nil {
		price = whole
	} else if whole != nil {
		price.fill(whole)
	}
	if in.cost.IsAbsent() {
		return price
	}
	in.check("cost", in.cost, "amount", "currency")
	if cost := readCost(in.cost); cost != nil {
		if price == nil {
			price = &StatusPricing{}
		}
		price.Cost = cmp.Or(price.Cost, cost)
	}
	return price
}

// fill completes price by what other says.
func (price *StatusPricing) fill(other *StatusPricing) {
	price.Billable = cmp.Or(price.Billable, other.Billable)
	price.Model, price.Category = cmp.Or(price.Model, other.Model), cmp.Or(price.Category, other.Category)
	price.Type, price.Cost = cmp.Or(price.Type, other.Type), cmp.Or(price.Cost, other.Cost)
}

// payment adds the event of a payment's status.
func (p *parser) payment(in *statusElement, v wire.Value) error {
	transaction := in.payment.Get("transaction")
	in.check("payment", in.payment, "reference_id", "currency")
	in.check("payment.amount", in.payment.Get("amount"), "value", "offset")
	in.check("payment.transaction", transaction, "id", "type", "status", "currency", "created_timestamp", "updated_timestamp")
	e := &PaymentEvent{MessageID: in.id, Status: in.status, From: in.to, Errors: statusErrors(in.errors),
		ReferenceID:   memberText(in.payment, "reference_id"),
		TransactionID: memberText(transaction, "id"), Method: memberText(transaction, "type")}
	e.readTransaction(in.payment, transaction)
	e.EventInfo = p.info("payment."+e.Status, v)
	e.Time = in.time("timestamp", in.at)
	return p.addPartial(e, &in.scalarReader)
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

// readConversation returns nil if v is not an object or says nothing.
func (in *statusElement) readConversation(v wire.Value) *StatusConversation {
	if !v.IsObject() {
		return nil
	}
	c := &StatusConversation{}
	for m := v.Object(); m.Next(); {
		switch string(m.Name) {
		case "id":
			c.ID = in.inner("conversation", &m)
		case "origin":
			c.Origin = in.member("conversation.origin", m.Value, "type")
		case "expiration_timestamp":
			c.ExpiresAt = in.time("conversation.expiration_timestamp", m.Value)
		}
	}
	if *c == (StatusConversation{}) {
		return nil
	}
	return c
}

// readPricing returns nil if v is not an object, or is one that a forwarder has
// filled with the zero values of its own type.
func (in *statusElement) readPricing(object string, v wire.Value) *StatusPricing {
	if !v.IsObject() {
		return nil
	}
	price := &StatusPricing{}
	unnamed := false // it has a member for a word, and no word in it
	for m := v.Object(); m.Next(); {
		switch string(m.Name) {
		case "billable":
			in.flag(object, &m)
			if billable, set := m.Value.Bool(); set {
				price.Billable = &billable
			}
		case "pricing_model":
			price.Model = in.inner(object, &m)
			unnamed = unnamed || price.Model == ""
		case "category":
			price.Category = in.inner(object, &m)
			unnamed = unnamed || price.Category == ""
		case "type":
			price.Type = in.inner(object, &m)
		case "cost":
			price.Cost = readCost(m.Value)
			in.check(object+".cost", m.Value, "amount", "currency")
		}
	}
	if unnamed && v.IsBlank() {
		return nil
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
	var f scalarReader
	e := &ErrorEvent{Errors: f.reasons("", v)}
	if p.field == "history" || p.field == "" && len(e.Errors) > 0 && e.Errors[0].Kind == ErrHistoryOff { // why there is no history
		return p.addPartial(&HistoryEvent{EventInfo: p.info("history", v), Errors: e.Errors}, &f)
	}
	name := "error"
	if len(e.Errors) == 0 {
		return p.addUnread(name, "", v, &f)
	}
	if e.Errors[0].Code != 0 {
		name += "." + strconv.Itoa(e.Errors[0].Code)
	}
	e.EventInfo = p.info(name, v)
	return p.addPartial(e, &f)
}

// statusErrors reads why a message failed: a text, a number, an object as Meta
// writes it, or an array of these.
func statusErrors(v wire.Value) []StatusError {
	var f scalarReader
	return f.reasons("", v)
}

// reasons reads what statusErrors reads, from the member with that path.
func (f *scalarReader) reasons(path string, v wire.Value) (all []StatusError) {
	if v.IsNull() { // nearly always
		return nil
	}
	for elements := v.Array(); elements.Next(); {
		if e, ok := f.statusError(path, elements.Value); ok {
			all = append(all, e)
		}
	}
	if e, ok := f.statusError(path, v); ok && v.Spend(eventMemory) {
		all = append(all, e)
	}
	return all
}

// statusError reads one reason. It returns false if v holds none.
func (f *scalarReader) statusError(path string, v wire.Value) (e StatusError, ok bool) {
	if !v.IsObject() {
		text := errorWords(v)
		if text == "" {
			return StatusError{}, false
		}
		if code, isNumber := v.Int(); isNumber {
			return classified(StatusError{Code: int(code)}), true
		}
		return classified(StatusError{Title: text}), true
	}
	var code, oldCode int64
	var data string
	for m := v.Object(); m.Next(); {
		switch string(m.Name) {
		case "code":
			f.inner(path, &m)
			code, _ = m.Value.Int()
		case "error_code":
			f.inner(path, &m)
			oldCode, _ = m.Value.Int()
		case "title":
			e.Title = f.words(path, &m)
		case "message":
			e.Message = f.words(path, &m)
		case "href":
			e.Href = f.inner(path, &m)
		case "details":
			e.Details = f.words(path, &m)
		case "error_data":
			for inner := m.Value.Object(); inner.Next(); {
				if string(inner.Name) == "details" {
					data = f.words(within(path, "error_data"), &inner)
				}
			}
		}
	}
	e.Code, e.Details = int(cmp.Or(code, oldCode)), cmp.Or(data, e.Details)
	if e.Title == "" {
		e.Title, e.Message = e.Message, ""
	}
	if v.IsBlank() { // what a forwarder writes where there is no error
		return StatusError{}, false
	}
	return classified(e), true
}

// errorWords returns a text of an error, of which the beginning is enough.
func errorWords(v wire.Value) string {
	text, _ := v.Text()
	if len(text) > wire.LongestText {
		text = strings.ToValidUTF8(text[:wire.LongestText], "")
	}
	return text
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
	e.Sentence = cmp.Or(kindSentence(e.Kind), "WhatsApp reported: "+ended(row.Title))
	return e
}
