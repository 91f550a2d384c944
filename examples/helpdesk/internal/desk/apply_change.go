package desk

import (
	"context"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// row is a message that another event names.
type row struct {
	id, request, at, edited int64
	placeholder             bool
	direction               Direction
	body, key               string
	status                  string
}

// find returns the message with a wamid; one without an id if there is none.
func (a *arrival) find(ctx context.Context, wamid string) (m row, err error) {
	_, err = a.get(ctx, `SELECT id, request, at, edited, placeholder, direction, body, outbox_key, status FROM desk_message
		WHERE channel = $1 AND wamid = $2 AND wamid <> ''`, []any{a.channel, wamid},
		&m.id, &m.request, &m.at, &m.edited, &m.placeholder, &m.direction, &m.body, &m.key, &m.status)
	return m, err
}

// target returns the message that an event is about. If it has not come, a placeholder takes
// what the event says until it does. An event that names no message has none.
func (a *arrival) target(ctx context.Context, t thread, id string, direction Direction) (m row, err error) {
	wamid := bounded(id)
	if wamid == "" {
		return m, nil
	}
	if m, err = a.find(ctx, wamid); err != nil {
		return m, err
	}
	if m.id == 0 {
		m = row{placeholder: true, direction: direction, at: store.Micros(a.at)}
		if m.request, err = a.newest(ctx, t.chat); err != nil {
			return m, err
		}
		_, err = a.get(ctx, `INSERT INTO desk_message (channel, chat, request, direction, wamid, at, placeholder, origin)
			VALUES ($1, $2, $3, $4, $5, $6, 1, $7) RETURNING id`,
			[]any{a.channel, t.chat, m.request, string(direction), wamid, m.at, a.origin}, &m.id)
	}
	a.touched[m.request] = true
	return m, err
}

// edit gives a message its new text, and keeps the one of before. Edits may come in any
// order: the newest text is shown. The wire has whole seconds, so that two edits may have
// one time.
func (a *arrival) edit(ctx context.Context, t thread, by Direction, c chatapi.Content) error {
	m, err := a.target(ctx, t, c.OriginalID, by)
	if err != nil || m.id == 0 || m.direction != by && !m.placeholder {
		return err
	}
	text := cut(c.Text, longestBody)
	if c.Edit != nil {
		text = read(*c.Edit, nil).body
	}
	at, before := store.Micros(a.at), m.edited
	switch {
	case m.placeholder && m.edited == 0:
		return a.setText(ctx, m.id, text, at)
	case m.edited == 0:
		before = m.at
		at = max(at, m.at+1)
	case text == m.body:
		return nil
	case at < m.edited:
		return a.keepText(ctx, m.id, text, at)
	case at == m.edited:
		at++
	}
	if err := a.keepText(ctx, m.id, m.body, before); err != nil {
		return err
	}
	return a.setText(ctx, m.id, text, at)
}

func (a *arrival) setText(ctx context.Context, message int64, text string, at int64) error {
	return a.exec(ctx, "UPDATE desk_message SET body = $1, folded = $2, edited = $3 WHERE id = $4", text, store.Fold(text), at, message)
}

// keepText keeps a text that a message had before, from a time on.
func (a *arrival) keepText(ctx context.Context, message int64, text string, at int64) error {
	return a.exec(ctx, "INSERT INTO desk_edit (message, at, body) VALUES ($1, $2, $3) ON CONFLICT (message, at) DO NOTHING", message, at, text)
}

// revoke marks a message as deleted. Its text stays readable.
func (a *arrival) revoke(ctx context.Context, t thread, by Direction, c chatapi.Content) error {
	id := c.OriginalID
	if id == "" {
		id = c.QuotedID
	}
	m, err := a.target(ctx, t, id, by)
	if err != nil || m.id == 0 || m.direction != by && !m.placeholder {
		return err
	}
	return a.exec(ctx, "UPDATE desk_message SET deleted = $1 WHERE id = $2 AND deleted = 0", store.Micros(a.at), m.id)
}

// status shows how far a message of the business has come that is not of our outbox: what is
// in the outbox changes by outcome.
func (a *arrival) status(ctx context.Context, e *chatapi.StatusEvent) error {
	next, known := messageStatus(e.Status)
	if !known || e.MessageID == "" {
		return nil
	}
	m, err := a.find(ctx, bounded(e.MessageID))
	switch {
	case err != nil || m.key != "" || m.id != 0 && m.direction != Out:
		return err
	case m.id == 0:
		if m, err = a.statusOfNone(ctx, e); err != nil || m.id == 0 {
			return err
		}
	}
	a.touched[m.request] = true
	if e.Status == chatapi.StatusDeleted {
		return a.exec(ctx, "UPDATE desk_message SET deleted = $1 WHERE id = $2 AND deleted = 0", store.Micros(a.at), m.id)
	}
	newest := chatapi.Status(m.status).Advance(e.Status)
	if newest == chatapi.Status(m.status) || e.Group != "" && e.Status == chatapi.StatusFailed { // one member did not get it
		return nil
	}
	var sentence, advice, retry string
	if next == Failed {
		sentence, advice, retry = failure(e.Errors)
	}
	return a.exec(ctx, "UPDATE desk_message SET status = $1, status_at = $2, sentence = $3, advice = $4, retry = $5 WHERE id = $6",
		string(next), store.Micros(a.at), sentence, advice, retry, m.id)
}

// statusOfNone returns a placeholder for a message that has not come. But while a message
// of ours is on its way to the person, whose id nobody knows yet, the status is most likely
// that message's, and the outbox keeps it.
func (a *arrival) statusOfNone(ctx context.Context, e *chatapi.StatusEvent) (m row, err error) {
	if e.AnswerTo().IsZero() {
		return m, nil
	}
	t, err := a.threadOf(ctx, e.To, e.Group)
	if err != nil {
		return m, err
	}
	var waiting int64
	found, err := a.get(ctx, `SELECT id FROM desk_message WHERE chat = $1 AND outbox_key <> '' AND wamid = '' AND status IN ('queued', 'unknown', 'sent') LIMIT 1`,
		[]any{t.chat}, &waiting)
	if err != nil || found {
		return m, err
	}
	return a.target(ctx, t, e.MessageID, Out)
}

// messageStatus returns the row's word for a status.
func messageStatus(s chatapi.Status) (MessageStatus, bool) {
	switch s {
	case chatapi.StatusSent:
		return Sent, true
	case chatapi.StatusDelivered:
		return Delivered, true
	case chatapi.StatusRead:
		return Read, true
	case chatapi.StatusPlayed:
		return Played, true
	case chatapi.StatusFailed:
		return Failed, true
	case chatapi.StatusDeleted:
		return Delivered, true
	}
	return "", false
}

// failure returns what a status says of a message that failed.
func failure(all []chatapi.StatusError) (sentence, advice, retry string) {
	sentence = errorText(all)
	if sentence == "" {
		sentence = "The message could not be delivered."
	}
	if len(all) > 0 {
		advice, retry = short(all[0].Advice), string(all[0].Retry)
	}
	return sentence, advice, retry
}
