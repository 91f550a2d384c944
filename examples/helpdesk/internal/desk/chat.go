package desk

import (
	"context"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// thread is where a message belongs.
type thread struct {
	chat    int64
	contact int64  // who wrote it, or to whom the business did; 0 for a group
	author  string // the name of who wrote it in a group
}

// threadOf returns the chat of an event with a person, or with a group, where the person is
// who wrote. It makes what is not there.
func (a *arrival) threadOf(ctx context.Context, c chatapi.Contact, chat string) (t thread, err error) {
	if chatapi.Chat(chat).IsGroup() || chatapi.Chat(c.Chat).IsGroup() {
		return a.groupThread(ctx, c, chat)
	}
	if len(recipients(c)) == 0 && c.ParentBSUID == "" { // the chat says who it is
		c.Chat = chat
	}
	if t.contact, err = a.person(ctx, c); err != nil {
		return t, err
	}
	t.chat, err = a.chatOf(ctx, t.contact, c)
	return t, err
}

func (a *arrival) groupThread(ctx context.Context, c chatapi.Contact, chat string) (t thread, err error) {
	group := chatapi.Chat(chat)
	if !group.IsGroup() {
		group, c = chatapi.Chat(c.Chat), chatapi.Contact{}
	}
	if len(recipients(c)) > 0 {
		if t.contact, err = a.person(ctx, c); err != nil {
			return t, err
		}
		t.author = line(c.Name, 200)
		if t.author == "" {
			t.author = c.Recipient().String()
		}
	}
	key := bounded(group.Key())
	found, err := a.get(ctx, "SELECT chat FROM desk_chat_key WHERE channel = $1 AND key = $2", []any{a.channel, key}, &t.chat)
	if found || err != nil {
		return t, err
	}
	if t.chat, err = a.newChat(ctx, 0, key); err != nil {
		return t, err
	}
	return t, a.address(ctx, t.chat, key)
}

// chatOf returns the chat with a person on the channel, whose names find it from now on.
// The newest message of the customer says where to answer.
func (a *arrival) chatOf(ctx context.Context, contact int64, c chatapi.Contact) (chat int64, err error) {
	answer := bounded(c.Recipient().Key())
	found, err := a.get(ctx, "SELECT id FROM desk_chat WHERE channel = $1 AND contact = $2 ORDER BY id LIMIT 1", []any{a.channel, contact}, &chat)
	if err != nil {
		return 0, err
	}
	if !found {
		if chat, err = a.newChat(ctx, contact, answer); err != nil {
			return 0, err
		}
	}
	for _, r := range recipients(c) {
		if err := a.address(ctx, chat, store.Text(r.Key())); err != nil {
			return 0, err
		}
	}
	return chat, nil
}

func (a *arrival) newChat(ctx context.Context, contact int64, answer string) (chat int64, err error) {
	_, err = a.get(ctx, "INSERT INTO desk_chat (channel, contact, answer) VALUES ($1, $2, $3) RETURNING id", []any{a.channel, contact, answer}, &chat)
	return chat, err
}

// address lets a key find a chat. A number that has passed to somebody else finds theirs,
// unless the event is older than the newest message of the other chat.
func (a *arrival) address(ctx context.Context, chat int64, key string) error {
	return a.exec(ctx, `INSERT INTO desk_chat_key (channel, key, chat) VALUES ($1, $2, $3)
		ON CONFLICT (channel, key) DO UPDATE SET chat = excluded.chat WHERE desk_chat_key.chat <> excluded.chat
		AND NOT EXISTS (SELECT 1 FROM desk_chat c WHERE c.id = desk_chat_key.chat AND c.last > $4)`,
		a.channel, key, chat, store.Micros(a.at))
}

// advance notes a message of a chat: its time, where to answer, and until when the service
// window is open.
func (a *arrival) advance(ctx context.Context, chat int64, answer chatapi.Recipient, closes time.Time) error {
	at := store.Micros(a.at)
	if !answer.IsZero() {
		err := a.exec(ctx, "UPDATE desk_chat SET answer = $1 WHERE id = $2 AND answer <> $1 AND last <= $3", bounded(answer.Key()), chat, at)
		if err != nil {
			return err
		}
	}
	return a.exec(ctx, `UPDATE desk_chat SET last = CASE WHEN last < $1 THEN $1 ELSE last END,
		closes = CASE WHEN closes < $2 THEN $2 ELSE closes END WHERE id = $3 AND (last < $1 OR closes < $2)`, at, store.Micros(closes), chat)
}

// closes returns until when an event opens the service window; the zero time if it does
// not. The SDK knows what opens one.
func (a *arrival) closes(e chatapi.Event) time.Time {
	for _, activity := range chatapi.ActivitiesOf(e) {
		if activity.Kind == chatapi.ActivityInbound {
			return chatapi.WindowFrom(a.at).ExpiresAt
		}
	}
	return time.Time{}
}

// joinChats makes the chats of a person one on each channel: the oldest.
func (a *arrival) joinChats(ctx context.Context, contact int64) error {
	rows, err := a.tx.Query(ctx, "SELECT channel, id FROM desk_chat WHERE contact = $1 ORDER BY channel, id", contact)
	all, err := store.All(rows, err, func(c *[2]int64) []any { return []any{&c[0], &c[1]} })
	if err != nil {
		return err
	}
	for n, first := 1, 0; n < len(all); n++ {
		if all[n][0] != all[first][0] {
			first = n
			continue
		}
		if err := a.joinChat(ctx, all[first][1], all[n][1]); err != nil {
			return err
		}
	}
	return nil
}

// joinChat moves everything of a chat to another one.
func (a *arrival) joinChat(ctx context.Context, into, from int64) error {
	if err := a.joinOpen(ctx, into, from); err != nil {
		return err
	}
	for _, statement := range []string{
		// Of two drafts of an agent the newer one stays.
		`DELETE FROM desk_draft WHERE chat = $1 AND EXISTS (SELECT 1 FROM desk_draft f
			WHERE f.chat = $2 AND f.agent = desk_draft.agent AND f.note = desk_draft.note AND f.at > desk_draft.at)`,
		`DELETE FROM desk_draft WHERE chat = $2 AND EXISTS (SELECT 1 FROM desk_draft i
			WHERE i.chat = $1 AND i.agent = desk_draft.agent AND i.note = desk_draft.note)`,
		"UPDATE desk_draft SET chat = $1 WHERE chat = $2",
		"UPDATE desk_message SET chat = $1 WHERE chat = $2",
		"UPDATE desk_request SET chat = $1 WHERE chat = $2",
		"UPDATE desk_chat_key SET chat = $1 WHERE chat = $2",
		`UPDATE desk_chat SET ad = CASE WHEN desk_chat.ad = '' THEN other.ad ELSE desk_chat.ad END,
			answer = CASE WHEN other.last > desk_chat.last THEN other.answer ELSE desk_chat.answer END,
			closes = CASE WHEN other.closes > desk_chat.closes THEN other.closes ELSE desk_chat.closes END,
			last = CASE WHEN other.last > desk_chat.last THEN other.last ELSE desk_chat.last END
			FROM desk_chat other WHERE desk_chat.id = $1 AND other.id = $2`,
	} {
		if err := a.exec(ctx, statement, into, from); err != nil {
			return err
		}
	}
	if err := a.exec(ctx, "DELETE FROM desk_chat WHERE id = $1", from); err != nil {
		return err
	}
	rows, err := a.tx.Query(ctx, "SELECT id FROM desk_request WHERE chat = $1 AND merged_into = 0", into)
	all, err := store.All(rows, err, func(id *int64) []any { return []any{id} })
	for _, request := range all {
		a.touched[request] = true
	}
	return err
}

// joinOpen leaves one unsolved request of two chats: the older one. The other is merged into
// it. If it is another department's, it is solved instead, and its messages stay with it, so
// that nobody sees what was not theirs.
func (a *arrival) joinOpen(ctx context.Context, into, from int64) error {
	type request struct {
		id, department, assignee int64
		state                    State
	}
	rows, err := a.tx.Query(ctx, "SELECT id, department, assignee, state FROM desk_request WHERE chat IN ($1, $2) AND state <> 'solved' ORDER BY id", into, from)
	open, err := store.All(rows, err, func(r *request) []any { return []any{&r.id, &r.department, &r.assignee, &r.state} })
	if err != nil || len(open) < 2 {
		return err
	}
	keep, gone, now := open[0], open[1], store.Micros(a.Now())
	a.touched[keep.id], a.touched[gone.id] = true, true
	if keep.department != gone.department {
		return a.exec(ctx, "UPDATE desk_request SET state = 'solved', solved = $1 WHERE id = $2", now, gone.id)
	}
	if keep.assignee == 0 {
		keep.assignee = gone.assignee
	}
	if keep.state == StateNew || gone.state == StateOpen {
		keep.state = gone.state
	}
	err = a.exec(ctx, "UPDATE desk_request SET state = 'solved', solved = $1, merged_into = $2, merged_open = 1 WHERE id = $3", now, keep.id, gone.id)
	if err != nil {
		return err
	}
	if err := a.exec(ctx, "UPDATE desk_request SET assignee = $1, state = $2 WHERE id = $3", keep.assignee, string(keep.state), keep.id); err != nil {
		return err
	}
	err = a.exec(ctx, `UPDATE desk_message SET request_before = CASE WHEN request_before = 0 THEN request ELSE request_before END, request = $1
		WHERE request = $2`, keep.id, gone.id)
	if err != nil {
		return err
	}
	return a.exec(ctx, `INSERT INTO desk_seen (request, agent, message) SELECT cast($1 AS BIGINT), agent, message FROM desk_seen WHERE request = $2
		ON CONFLICT (request, agent) DO UPDATE SET message = excluded.message WHERE desk_seen.message < excluded.message`, keep.id, gone.id)
}

// chatWith returns the chat with a person or a group on a channel, and makes it if there is
// none.
func (d *Desk) chatWith(ctx context.Context, tx durable.Tx, channel int64, to chatapi.Recipient) (chat int64, err error) {
	a := arrival{Desk: d, tx: tx, channel: channel, at: d.Now(), touched: map[int64]bool{}}
	if _, err := a.get(ctx, "SELECT account FROM desk_channel WHERE id = $1", []any{channel}, &a.account); err != nil {
		return 0, err
	}
	if to.Kind() == chatapi.RecipientUsername {
		return 0, &Refused{Sentence: "A username finds nobody. Give the phone number."}
	}
	t, err := a.threadOf(ctx, contactOf(to), to.Value())
	return t.chat, err
}

// contactOf returns a recipient as an event would name the person.
func contactOf(to chatapi.Recipient) (c chatapi.Contact) {
	switch to.Kind() {
	case chatapi.RecipientPhone:
		c.Phone = to.Value()
	case chatapi.RecipientBSUID:
		c.BSUID = to.Value()
	case chatapi.RecipientChat:
		c.Chat = to.Value()
	}
	return c
}
