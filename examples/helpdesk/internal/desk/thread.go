package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// pageOfMessages is how many messages a page of a thread has.
const pageOfMessages = 60

// hiddenQuote stands for a quoted message that the agent may not see.
const hiddenQuote = "a message with another department"

const (
	messageColumns = `m.id, m.chat, m.channel, m.request, m.direction, m.wamid, m.kind, m.body, m.at, m.agent, m.author, coalesce(a.name, ''), m.quoted, m.payload,
		m.edited, m.deleted, m.placeholder, m.origin, m.status, m.status_at, m.sentence, m.advice, m.retry, m.again`
	messageTables = ` FROM desk_message m LEFT JOIN desk_request r ON r.id = m.request LEFT JOIN desk_agent a ON a.id = m.agent`
)

// foundMessage is a message with what its quote and its reactions are found by.
type foundMessage struct {
	Message
	chat, channel int64
	quoted        string // wamid
}

// Thread returns a page of the chat of a request: the newest messages, or those before a
// message that is not 0. They are those of every request of the chat that the agent sees,
// and those of none, such as imported ones.
func (v *View) Thread(ctx context.Context, request, before int64) (*Thread, error) {
	// The number is read first, so that the page lacks nothing of what it counts.
	seq, err := v.LastChange(ctx)
	if err != nil {
		return nil, err
	}
	row, err := v.Row(ctx, request)
	if err != nil {
		return nil, err
	}
	condition, args := "m.chat = $1 AND "+v.ofVisible(), []any{row.Chat}
	if before != 0 {
		at, err := v.placeOf(ctx, row.Chat, before)
		if err != nil {
			return nil, err
		}
		condition, args = condition+" AND (m.at, m.id) < ($2, $3)", append(args, at, before)
	}
	found, err := v.readMessages(ctx, condition+fmt.Sprintf(" ORDER BY m.at DESC, m.id DESC LIMIT %d", pageOfMessages+1), args...)
	if err != nil {
		return nil, err
	}
	t := &Thread{Seq: seq}
	if t.Older = len(found) > pageOfMessages; t.Older {
		found = found[:pageOfMessages]
	}
	slices.Reverse(found)
	if err := v.decorate(ctx, found); err != nil {
		return nil, err
	}
	for _, m := range found {
		t.Messages = append(t.Messages, m.Message)
		t.LastSeen = max(t.LastSeen, m.ID)
	}
	return t, nil
}

// ofVisible is a condition of SQL on a message m and its request r, for messages of a chat
// in which the agent sees a request.
func (v *View) ofVisible() string { return "(m.request = 0 OR " + v.visible("r.department") + ")" }

// inVisible is ofVisible for a message of any chat.
func (v *View) inVisible() string {
	return "(m.request <> 0 AND " + v.visible("r.department") + " OR m.request = 0 AND " + v.seesChat("m.chat") + ")"
}

// seesChat is a condition of SQL: the agent sees a request of a chat.
func (v *View) seesChat(chat string) string {
	return "EXISTS (SELECT 1 FROM desk_request s WHERE s.chat = " + chat + " AND " + v.visible("s.department") + ")"
}

// placeOf returns the time of a message of a chat that the agent sees.
func (v *View) placeOf(ctx context.Context, chat, message int64) (at int64, err error) {
	found, err := v.DB.Get(ctx, "SELECT m.at"+messageTables+" WHERE m.id = $1 AND m.chat = $2 AND "+v.ofVisible(), []any{message, chat}, &at)
	if err == nil && !found {
		err = ErrNotFound
	}
	return at, err
}

// Message returns a message.
func (v *View) Message(ctx context.Context, id int64) (*Message, error) {
	found, err := v.readMessages(ctx, "m.id = $1 AND "+v.inVisible(), id)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, ErrNotFound
	}
	if err := v.decorate(ctx, found); err != nil {
		return nil, err
	}
	return &found[0].Message, nil
}

// readMessages reads messages without what other tables have of them.
func (v *View) readMessages(ctx context.Context, condition string, args ...any) ([]foundMessage, error) {
	rows, err := v.DB.Query(ctx, "SELECT "+messageColumns+messageTables+" WHERE "+condition, args...)
	if err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	defer rows.Close()
	var all []foundMessage
	for rows.Next() {
		m, err := v.scanMessage(rows)
		if err != nil {
			return nil, fmt.Errorf("read messages: %w", err)
		}
		all = append(all, m)
	}
	return all, rows.Err()
}

func (v *View) scanMessage(rows store.Rows) (m foundMessage, err error) {
	var at, edited, deleted, statusAt int64
	var author, colleague, payload string
	err = rows.Scan(&m.ID, &m.chat, &m.channel, &m.Request, &m.Direction, &m.Wamid, &m.Kind, &m.Body, &at, &m.Agent, &author, &colleague, &m.quoted, &payload,
		&edited, &deleted, &m.Placeholder, &m.Origin, &m.Status, &statusAt, &m.Sentence, &m.Advice, &m.Retry, &m.Again)
	if err != nil {
		return m, err
	}
	m.At, m.Edited, m.Deleted, m.StatusAt = store.Time(at), store.Time(edited), store.Time(deleted), store.Time(statusAt)
	m.Author = first(colleague, author)
	m.Mine = m.Agent == v.Agent
	if payload != "" {
		err = json.Unmarshal([]byte(payload), &m.Extra)
	}
	if !v.Admin {
		m.Extra.Raw = "" // it may be long, and helps only those who look after the program
	}
	return m, err
}

// decorate reads what other tables have of messages.
func (v *View) decorate(ctx context.Context, found []foundMessage) error {
	if len(found) == 0 {
		return nil
	}
	ids := make([]int64, len(found))
	byID := map[int64]*Message{}
	for n := range found {
		ids[n] = found[n].ID
		byID[ids[n]] = &found[n].Message
	}
	in := " IN (" + numbers(ids) + ")"
	for _, read := range []func(context.Context, string, map[int64]*Message) error{v.readReactions, v.readEdits, v.readMedia} {
		if err := read(ctx, in, byID); err != nil {
			return err
		}
	}
	return v.readQuotes(ctx, found)
}

func (v *View) readEdits(ctx context.Context, in string, byID map[int64]*Message) error {
	rows, err := v.DB.Query(ctx, "SELECT message, at, body FROM desk_edit WHERE message"+in+" ORDER BY at")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id, at int64
		var e Edit
		if err := rows.Scan(&id, &at, &e.Body); err != nil {
			return err
		}
		e.At = store.Time(at)
		byID[id].Edits = append(byID[id].Edits, e)
	}
	return rows.Err()
}

func (v *View) readMedia(ctx context.Context, in string, byID map[int64]*Message) error {
	rows, err := v.DB.Query(ctx, "SELECT message, state, type, size, name, why FROM desk_media WHERE message"+in)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		m := &MediaRow{}
		if err := rows.Scan(&id, &m.State, &m.Type, &m.Size, &m.Name, &m.Why); err != nil {
			return err
		}
		byID[id].Media = m
	}
	return rows.Err()
}
