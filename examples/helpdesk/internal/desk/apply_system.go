package desk

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
)

// system makes rows of WhatsApp's own note about a customer.
func (a *arrival) system(ctx context.Context, e *chatapi.MessageEvent) error {
	t, err := a.threadOf(ctx, e.From, e.Chat)
	if err != nil {
		return err
	}
	if e.System != nil && t.author == "" && len(recipients(e.System.New)) > 0 {
		if _, err := a.renamed(ctx, e.From, e.System.New); err != nil {
			return err
		}
		if t, err = a.threadOf(ctx, e.System.New, ""); err != nil {
			return err
		}
		if err := a.advance(ctx, t.chat, e.AnswerTo(), time.Time{}); err != nil {
			return err
		}
	}
	return a.notice(ctx, t.chat, e.ID, noteText(e))
}

func noteText(e *chatapi.MessageEvent) string {
	kind := ""
	if e.System != nil {
		kind = e.System.Type
	}
	switch {
	case kind == "user_changed_number" && e.System.New.Phone != "":
		return "The customer has a new number: " + chatapi.Phone(e.System.New.Phone).String() + "."
	case kind == "user_changed_user_id":
		return "WhatsApp knows the customer by a new id."
	case kind == "customer_identity_changed":
		return "The customer's encryption key has changed: it is another phone, or another person has the number."
	}
	return cmp.Or(e.Text, e.Display())
}

// notice puts a line of WhatsApp or of the helpdesk into a chat. It opens no request.
func (a *arrival) notice(ctx context.Context, chat int64, key, text string) error {
	request, err := a.newest(ctx, chat)
	if err != nil {
		return err
	}
	p := post{content: content{kind: string(chatapi.TypeSystem), body: cut(text, longestBody)}, wamid: bounded(key), direction: System, request: request, at: a.at}
	_, err = a.put(ctx, chat, p)
	return err
}

// noticeTo puts a line into the chat with a person.
func (a *arrival) noticeTo(ctx context.Context, e chatapi.Event, c chatapi.Contact, text string) error {
	if c.Recipient().IsZero() {
		return nil
	}
	t, err := a.threadOf(ctx, c, "")
	if err != nil {
		return err
	}
	return a.notice(ctx, t.chat, e.Key(), text)
}

func preferenceText(e *chatapi.PreferenceEvent) string {
	what := strings.ReplaceAll(cmp.Or(e.Category, "such messages"), "_", " ")
	switch e.Value {
	case "stop":
		return "The customer wants no " + what + " any more."
	case "resume":
		return "The customer wants " + what + " again."
	}
	return short(cmp.Or(e.Detail, "The customer has changed what they want to get: "+what+", "+e.Value+"."))
}

func paymentText(e *chatapi.PaymentEvent) string {
	amount := ""
	if e.Amount != nil {
		amount = " of " + e.Amount.String()
	}
	text := "Payment" + amount + ": " + cmp.Or(e.Status, "changed") + "."
	if why := cmp.Or(e.ErrorReason, errorText(e.Errors)); why != "" {
		text += " " + why
	}
	return short(text)
}

// identity makes the old and the new names of a person one.
func (a *arrival) identity(ctx context.Context, e *chatapi.IdentityEvent) error {
	if len(recipients(e.Old)) == 0 {
		return nil
	}
	contact, err := a.renamed(ctx, e.Old, e.New)
	if err != nil {
		return err
	}
	var chat int64
	found, err := a.get(ctx, "SELECT id FROM desk_chat WHERE channel = $1 AND contact = $2", []any{a.channel, contact}, &chat)
	if err != nil || !found {
		return err
	}
	if _, err := a.chatOf(ctx, contact, e.New); err != nil {
		return err
	}
	return a.notice(ctx, chat, e.Key(), "WhatsApp knows the customer by a new id.")
}

// addressBook names a person as the business's phone app does, if nothing else does.
func (a *arrival) addressBook(ctx context.Context, e *chatapi.AppStateEvent) error {
	name := line(cmp.Or(e.Contact.Name, e.FirstName), 200)
	if name == "" || e.Action == "remove" {
		return nil
	}
	all, err := a.look(ctx, a.names(e.Contact))
	if err != nil {
		return err
	}
	for _, k := range all {
		if k.contact == 0 || k.other {
			continue
		}
		n, err := a.tx.Exec(ctx, "UPDATE desk_contact SET name = $1 WHERE id = $2 AND name = ''", name, k.contact)
		if err != nil || n == 0 {
			return err
		}
		return a.fold(ctx, a.tx, k.contact)
	}
	return nil
}

// group notes what happened to a group.
func (a *arrival) group(ctx context.Context, e *chatapi.GroupEvent) error {
	if !chatapi.Chat(e.Group).IsGroup() {
		return nil
	}
	t, err := a.threadOf(ctx, chatapi.Contact{}, e.Group)
	if err != nil {
		return err
	}
	if title := line(e.Subject, 200); title != "" {
		if err := a.exec(ctx, "UPDATE desk_chat SET title = $1 WHERE id = $2", title, t.chat); err != nil {
			return err
		}
	}
	return a.notice(ctx, t.chat, e.Key(), groupText(e))
}

func groupText(e *chatapi.GroupEvent) string {
	names := func(members []chatapi.GroupMember) string {
		var all []string
		for _, m := range some(members) {
			all = append(all, line(cmp.Or(m.Name, m.Recipient().String(), m.Input), 80))
		}
		return strings.Join(all, ", ")
	}
	var parts []string
	if len(e.Added) > 0 {
		parts = append(parts, "Joined: "+names(e.Added)+".")
	}
	if len(e.Removed) > 0 {
		parts = append(parts, "Left: "+names(e.Removed)+".")
	}
	if len(e.Failed) > 0 {
		parts = append(parts, "Not reached: "+names(e.Failed)+".")
	}
	if e.JoinRequestID != "" && e.Requester.Key() != "" {
		parts = append(parts, line(cmp.Or(e.Requester.Name, e.Requester.Recipient().String()), 80)+" asks to join.")
	}
	if e.Subject != "" {
		parts = append(parts, "The group is called "+line(e.Subject, 200)+".")
	}
	if why := errorText(e.Errors); why != "" {
		parts = append(parts, why)
	}
	if len(parts) == 0 {
		parts = append(parts, "The group has changed: "+strings.ReplaceAll(e.Kind, "_", " ")+".")
	}
	return strings.Join(parts, " ")
}

// handover notes who holds a chat. One that passes to the business is work: it opens a
// request, which has what the customer wrote to the other agent.
func (a *arrival) handover(ctx context.Context, e *chatapi.HandoverEvent) error {
	if e.AnswerTo().IsZero() {
		return nil
	}
	t, err := a.threadOf(ctx, e.From, "")
	if err != nil {
		return err
	}
	text := "Another agent has taken the chat."
	if e.Kind == "control_passed" {
		text = "Another agent has passed the chat to you."
		if _, err := a.reception(ctx, t.chat, cmp.Or(e.Note, e.Summary, text)); err != nil {
			return err
		}
	}
	for _, more := range []string{e.Note, e.Summary} {
		if more != "" {
			text += " " + strings.TrimSpace(more)
		}
	}
	return a.notice(ctx, t.chat, e.Key(), text)
}

// callKind is the kind of the row of a call.
const callKind = "call"

// call keeps one row for all steps of a call. The customer's call is a message that waits
// for an answer.
func (a *arrival) call(ctx context.Context, e *chatapi.CallEvent) error {
	if e.AnswerTo().IsZero() || e.ID == "" {
		return nil
	}
	who, direction := e.From, In
	if e.AnswerTo() != e.From.Recipient() {
		who, direction = e.To, Out
	}
	t, err := a.threadOf(ctx, who, "")
	if err != nil {
		return err
	}
	wamid := bounded("call/" + e.ID)
	if err := a.advance(ctx, t.chat, chatapi.Recipient{}, a.closes(e)); err != nil {
		return err
	}
	m, err := a.find(ctx, wamid)
	if err != nil {
		return err
	}
	if m.id == 0 {
		p := post{content: content{kind: callKind}, wamid: wamid, direction: direction, at: a.at}
		p.extra.Call = &CallLine{Direction: string(direction)}
		if direction == In {
			p.request, err = a.requestFor(ctx, t.chat, p.content)
		} else {
			p.request, err = a.newest(ctx, t.chat)
		}
		if err != nil {
			return err
		}
		if _, err := a.put(ctx, t.chat, p); err != nil {
			return err
		}
		if m, err = a.find(ctx, wamid); err != nil {
			return err
		}
	}
	a.touched[m.request] = true
	if err := a.putMedia(ctx, m.id, e.Recording); err != nil {
		return err
	}
	return a.endCall(ctx, m.id, e)
}

// endCall notes how a call ended, if the event says so.
func (a *arrival) endCall(ctx context.Context, message int64, e *chatapi.CallEvent) error {
	if !strings.EqualFold(e.Event, "terminate") && e.Ended.IsZero() {
		return nil
	}
	var payload string
	if _, err := a.get(ctx, "SELECT payload FROM desk_message WHERE id = $1", []any{message}, &payload); err != nil {
		return err
	}
	var x Extra
	if err := json.Unmarshal([]byte(payload), &x); err != nil || x.Call == nil {
		return fmt.Errorf("read the call of message %d: %w", message, err)
	}
	x.Call.Ended, x.Call.Duration = short(strings.ToLower(cmp.Or(e.Status, "ended"))), e.Duration
	x.Why = errorText(e.Errors)
	encoded, err := json.Marshal(x)
	if err != nil {
		return err
	}
	return a.exec(ctx, "UPDATE desk_message SET payload = $1 WHERE id = $2", string(encoded), message)
}
