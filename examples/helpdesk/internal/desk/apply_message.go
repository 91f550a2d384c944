package desk

import (
	"context"
	"encoding/json"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// message makes rows of a customer's message.
func (a *arrival) message(ctx context.Context, e *chatapi.MessageEvent) error {
	if e.Type == chatapi.TypeSystem || e.System != nil {
		return a.system(ctx, e)
	}
	t, err := a.threadOf(ctx, e.From, e.Chat)
	if err != nil {
		return err
	}
	var answer chatapi.Recipient
	if a.origin == "" {
		answer = e.AnswerTo()
	}
	if err := a.advance(ctx, t.chat, answer, a.closes(e)); err != nil {
		return err
	}
	if done, err := a.change(ctx, t, In, authorKey(e.From), e.Content); done || err != nil {
		return err
	}
	if m, err := a.find(ctx, bounded(e.ID)); err != nil || m.id != 0 && !m.placeholder { // nothing is new
		return err
	}
	if title := line(e.ChatName, 200); title != "" && chatapi.Chat(e.Chat).IsGroup() {
		if err := a.exec(ctx, "UPDATE desk_chat SET title = $1 WHERE id = $2 AND title <> $1", title, t.chat); err != nil {
			return err
		}
	}
	if e.Referral != nil {
		if err := a.exec(ctx, "UPDATE desk_chat SET ad = $1 WHERE id = $2", adText(e.Referral), t.chat); err != nil {
			return err
		}
	}
	m := read(e.Content, e.Raw)
	p := post{content: m, wamid: bounded(e.ID), direction: In, quoted: bounded(e.QuotedID), author: t.author, at: a.at}
	if p.request, err = a.requestFor(ctx, t.chat, m); err != nil {
		return err
	}
	_, err = a.put(ctx, t.chat, p)
	return err
}

// requestFor returns the request of a customer's message. One that another agent gets opens
// none.
func (a *arrival) requestFor(ctx context.Context, chat int64, m content) (int64, error) {
	if a.origin != "" {
		return a.unsolved(ctx, chat)
	}
	subject := m.body
	if subject == "" {
		subject = label(m.kind, "")
	}
	return a.reception(ctx, chat, subject)
}

// echo makes rows of a message that the business sent elsewhere: in its phone app, in the
// vendor's inbox, or by another program. Those of our own outbox have their rows.
func (a *arrival) echo(ctx context.Context, e *chatapi.EchoEvent) error {
	if a.own[e.ID] {
		return nil
	}
	t, err := a.threadOf(ctx, e.To, e.Chat)
	if err != nil {
		return err
	}
	if err := a.advance(ctx, t.chat, chatapi.Recipient{}, time.Time{}); err != nil {
		return err
	}
	if done, err := a.change(ctx, t, Out, "", e.Content); done || err != nil {
		return err
	}
	p := post{content: read(e.Content, e.Raw), wamid: bounded(e.ID), direction: Out, quoted: bounded(e.QuotedID), author: a.sender(e), at: a.at, status: Sent}
	if p.request, err = a.newest(ctx, t.chat); err != nil {
		return err
	}
	fresh, err := a.put(ctx, t.chat, p)
	if err != nil || !fresh || p.request == 0 || a.origin != "" {
		return err
	}
	return a.exec(ctx, `UPDATE desk_request SET state = CASE WHEN state IN ('new', 'open') THEN 'waiting' ELSE state END,
		first_reply = CASE WHEN first_reply = 0 THEN $1 ELSE first_reply END WHERE id = $2`, store.Micros(a.at), p.request)
}

// sender says who of the business wrote an echo.
func (a *arrival) sender(e *chatapi.EchoEvent) string {
	switch {
	case a.origin == fromStandby:
		return "another agent"
	case e.FromApp, e.Content.Origin == chatapi.OriginApp:
		return "a colleague, by phone"
	}
	return "another program"
}

// change does what a message does to another one. It reports whether it was such a message.
func (a *arrival) change(ctx context.Context, t thread, by Direction, author string, c chatapi.Content) (done bool, err error) {
	switch {
	case c.Reaction != nil:
		return true, a.react(ctx, t, author, c)
	case c.Type == chatapi.TypeEdit, c.Edit != nil:
		return true, a.edit(ctx, t, by, c)
	case c.Type == chatapi.TypeRevoke:
		return true, a.revoke(ctx, t, by, c)
	}
	return false, nil
}

// authorKey is the key of a person who reacts.
func authorKey(c chatapi.Contact) string {
	if all := recipients(c); len(all) > 0 {
		return store.Text(all[0].Key())
	}
	return bounded(chatapi.Chat(c.Chat).Key())
}

// adText is what a person reads of the ad that began a chat.
func adText(r *chatapi.Referral) string {
	for _, text := range []string{r.Headline, r.Body, r.SourceURL, r.SourceType} {
		if text != "" {
			return line(text, 200)
		}
	}
	return "an ad"
}

// post is a message for its row.
type post struct {
	content
	wamid, quoted string
	direction     Direction
	author        string
	request       int64
	status        MessageStatus
	at            time.Time
}

// put writes a message of a chat. It reports whether it is new: a message that is there
// already stays as it is, and one of which only a placeholder is there takes its place.
func (a *arrival) put(ctx context.Context, chat int64, p post) (fresh bool, err error) {
	payload := ""
	if encoded, err := json.Marshal(p.extra); err != nil {
		return false, err
	} else if string(encoded) != "{}" {
		payload = string(encoded)
	}
	m, err := a.find(ctx, p.wamid)
	if err != nil {
		return false, err
	}
	id := m.id
	at := store.Micros(p.at)
	switch {
	case id != 0 && !m.placeholder:
		return false, a.lateFile(ctx, id, p, payload)
	case id != 0:
		a.touched[m.request] = true
		if m.edited != 0 { // the newer text is there
			if err := a.exec(ctx, "INSERT INTO desk_edit (message, at, body) VALUES ($1, $2, $3) ON CONFLICT (message, at) DO NOTHING", id, at, p.body); err != nil {
				return false, err
			}
		}
		err = a.exec(ctx, `UPDATE desk_message SET chat = $1, request = $2, direction = $3, kind = $4, body = CASE WHEN edited = 0 THEN $5 ELSE body END,
			folded = CASE WHEN edited = 0 THEN $6 ELSE folded END, quoted = $7, payload = $8, author = $9, at = $10, placeholder = 0, origin = $11,
			status = CASE WHEN status = '' THEN $12 ELSE status END WHERE id = $13`,
			chat, p.request, string(p.direction), p.kind, p.body, store.Fold(p.body), p.quoted, payload, p.author, at, a.origin, string(p.status), id)
	default:
		_, err = a.get(ctx, `INSERT INTO desk_message (channel, chat, request, direction, wamid, kind, body, folded, quoted, payload, author, at, origin, status, status_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) RETURNING id`,
			[]any{a.channel, chat, p.request, string(p.direction), p.wamid, p.kind, p.body, store.Fold(p.body), p.quoted, payload, p.author, at, a.origin,
				string(p.status), statusAt(p, at)}, &id)
	}
	if err != nil {
		return false, err
	}
	a.touched[p.request] = true
	return true, a.putMedia(ctx, id, p.media)
}

// statusAt is when a message got its status: a message has one from its beginning.
func statusAt(p post, at int64) int64 {
	if p.status == "" {
		return 0
	}
	return at
}

// lateFile gives a message its file, which comes in an event of its own where a history is
// imported.
func (a *arrival) lateFile(ctx context.Context, id int64, p post, payload string) error {
	if p.media == nil || a.origin != fromHistory {
		return nil
	}
	err := a.exec(ctx, `UPDATE desk_message SET kind = $1, body = $2, folded = $3, payload = $4 WHERE id = $5 AND origin = 'history'
		AND NOT EXISTS (SELECT 1 FROM desk_media f WHERE f.message = desk_message.id)`, p.kind, p.body, store.Fold(p.body), payload, id)
	if err != nil {
		return err
	}
	return a.putMedia(ctx, id, p.media)
}

// react puts a reaction on a message, or takes it off. The newest of a person counts.
func (a *arrival) react(ctx context.Context, t thread, author string, c chatapi.Content) error {
	target := c.Reaction.MessageID
	if target == "" {
		target = c.QuotedID
	}
	m, err := a.target(ctx, t, target, Out)
	if err != nil || m.id == 0 {
		return err
	}
	at := store.Micros(a.at)
	if author != "" && t.author == "" { // a person whose number came or went has another key
		err := a.exec(ctx, "DELETE FROM desk_reaction WHERE message = $1 AND author NOT IN ('', $2) AND at <= $3", m.id, author, at)
		if err != nil {
			return err
		}
	}
	return a.exec(ctx, `INSERT INTO desk_reaction (message, author, emoji, at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (message, author) DO UPDATE SET emoji = excluded.emoji, at = excluded.at WHERE desk_reaction.at <= excluded.at`,
		m.id, author, cut(c.Reaction.Emoji, 64), at)
}
