package desk

import (
	"context"
	"strings"

	"github.com/chatapi-go/chatapi"
)

// standby makes rows of what happens in a chat that another agent holds: it opens no
// request, and nobody has to read it. A customer's message opens the service window all the
// same.
func (a *arrival) standby(ctx context.Context, e *chatapi.StandbyEvent) error {
	for _, inner := range e.Events {
		other := *a // with the same touched
		other.origin = fromStandby
		other.at = a.timeOf(inner.Info().Time)
		if to, ok := inner.(interface{ AnswerTo() chatapi.Recipient }); ok && to.AnswerTo().IsZero() {
			continue
		}
		if err := other.rows(ctx, inner); err != nil {
			return err
		}
	}
	return nil
}

// history makes rows of chats of before the channel was connected. They are in no request,
// are unread by nobody, and move no window.
func (a *arrival) history(ctx context.Context, e *chatapi.HistoryEvent) error {
	for n := range e.Threads {
		if err := a.oldThread(ctx, &e.Threads[n]); err != nil {
			return err
		}
	}
	return nil
}

func (a *arrival) oldThread(ctx context.Context, old *chatapi.HistoryThread) error {
	if old.Contact.Recipient().IsZero() {
		return nil
	}
	other := *a
	other.origin = fromHistory
	for n := range old.Messages {
		if at := old.Messages[n].Time; n == 0 || at.After(other.at) {
			other.at = at
		}
	}
	t, err := other.threadOf(ctx, old.Contact, "")
	if err != nil {
		return err
	}
	for n := range old.Messages {
		if err := other.oldMessage(ctx, t, old.Contact, &old.Messages[n]); err != nil {
			return err
		}
	}
	request, err := a.newest(ctx, t.chat)
	a.touched[request] = true
	return err
}

func (a *arrival) oldMessage(ctx context.Context, t thread, with chatapi.Contact, m *chatapi.HistoryMessage) error {
	if m.ID == "" {
		return nil
	}
	a.at = a.timeOf(m.Time)
	direction, author := In, authorKey(with)
	if t.contact == 0 {
		author = authorKey(m.From)
		t.author = line(m.From.Name, 200)
		if t.author == "" {
			t.author = m.From.Recipient().String()
		}
	}
	if m.Outgoing {
		direction, author, t.author = Out, "", ""
	}
	if done, err := a.change(ctx, t, direction, author, m.Content); done || err != nil {
		return err
	}
	p := post{content: read(m.Content, nil), wamid: bounded(m.ID), direction: direction, quoted: bounded(m.QuotedID), author: t.author, at: a.at}
	if m.Outgoing {
		p.status, _ = messageStatus(chatapi.Status(strings.ToLower(m.Status)))
	}
	if m.WireType == "media_placeholder" {
		p.extra = Extra{Why: "The file comes later."}
	}
	_, err := a.put(ctx, t.chat, p)
	return err
}
