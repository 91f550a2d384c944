package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// Composition is what an agent sends to the customer.
type Composition struct {
	Request int64

	// Key is that of the Composer. A composition that is sent twice, since a button was
	// pressed twice or an answer was lost, is one message.
	Key string

	// LastSeen is that of the Composer. Anyway sends although a colleague has answered
	// since.
	LastSeen int64
	Anyway   bool

	Text     string
	Quote    int64 // the message that this one answers
	Replaces int64 // a message of the request that failed, and of which this one is a changed form
	Buttons  []string
	List     *ListChoice
	Template *TemplateChoice
	File     *Upload // with Text as its caption; or the image of a template's header
}

// ListChoice is a list from which the customer chooses; the composition's text is above it.
type ListChoice struct {
	Label string `json:"label"` // of the button that opens the list
	Rows  []Row  `json:"rows"`
}

// TemplateChoice is a template with its values, in reading order: the variable of the
// header, those of the body, then the ends of addresses.
type TemplateChoice struct {
	Name     string   `json:"name"`
	Language string   `json:"language"`
	Values   []string `json:"values,omitempty"`
}

// Upload is a file on the disk, which the caller removes afterwards.
type Upload struct {
	Path string
	Name string // as the agent's browser calls it
}

// Answered is the error of a composition that was not sent, since a colleague has
// answered after what its writer had seen.
type Answered struct{ Message Message }

func (a *Answered) Error() string { return "a colleague has answered meanwhile" }

// ErrClosed is the error of a composition that was not sent, since the service window has
// closed. Its text is kept as the agent's draft.
var ErrClosed = errors.New("the window has closed: WhatsApp lets only a template through until the customer writes again")

// ErrSentBefore is the error of a composition whose key has sent another one: its writer
// changed it after it was sent, such as when no answer had come. A new key sends it too.
var ErrSentBefore = &Refused{Sentence: "What you sent before has gone out already, and this is not the same. Send it once more to send this too."}

// keyForm is the form of a composition's key.
var keyForm = regexp.MustCompile(`^[0-9A-Za-z-]{16,64}$`)

// outboxKey returns the key of a composition in the outbox.
func outboxKey(key string) (string, error) {
	if !keyForm.MatchString(key) {
		return "", &Refused{Sentence: "This page is incomplete. Load it again; your draft is kept."}
	}
	return "desk/" + key, nil
}

// Send sends a composition and returns the id of its message: the message is kept
// together with its plan in the outbox. Who answers a request that nobody has, takes it.
// The error is ErrNotFound, *Answered, ErrClosed, or *Refused for what the agent can
// mend; nothing is sent then.
func (v *View) Send(ctx context.Context, c Composition) (message int64, err error) {
	key, err := outboxKey(c.Key)
	if err != nil {
		return 0, err
	}
	p, err := v.place(ctx, c.Request)
	if err != nil {
		return 0, err
	}
	what := &composed{Text: strings.TrimSpace(store.Text(c.Text)), Buttons: c.Buttons, List: c.List, Template: c.Template}
	if first, before, err := v.sentUnder(ctx, p, key); first != 0 || err != nil {
		if err == nil && !what.is(before, c.File) {
			err = ErrSentBefore
		}
		return first, err
	}
	if p.why != "" {
		return 0, &Refused{Sentence: p.why}
	}
	if what.Template == nil && !p.open(v.Now()) {
		return 0, v.closed(ctx, p, what.Text)
	}
	if what.Quoted, err = v.quoted(ctx, p, c.Quote); err != nil {
		return 0, err
	}
	s := &sending{place: p, key: key, lastSeen: c.LastSeen, anyway: c.Anyway, composed: what, replaces: c.Replaces}
	err = v.prepare(ctx, s, c.File)
	if f := what.File; f != nil {
		defer v.release(ctx, file{Sum: f.Sum})
	}
	if err != nil {
		return 0, err
	}
	return v.send(ctx, s)
}

// sentUnder returns the message that was sent under a key already, with what was composed;
// 0 if none was.
func (v *View) sentUnder(ctx context.Context, p *place, key string) (message int64, before string, err error) {
	var request, agent int64
	found, err := v.DB.Get(ctx, "SELECT id, request, agent, composed FROM desk_message WHERE channel = $1 AND outbox_key = $2 AND outbox_key <> ''",
		[]any{p.channel, key}, &message, &request, &agent, &before)
	if found && (request != p.request || agent != v.Agent) {
		return 0, "", ErrNotFound
	}
	return message, before, err
}

// Sent reports whether a composition of a request was sent under a key already.
func (v *View) Sent(ctx context.Context, request int64, key string) (bool, error) {
	p, err := v.place(ctx, request)
	if err != nil {
		return false, err
	}
	message, _, err := v.sentUnder(ctx, p, "desk/"+key)
	return message != 0, err
}

// closed keeps a text as a draft and returns ErrClosed.
func (v *View) closed(ctx context.Context, p *place, text string) error {
	if text != "" {
		if err := v.SaveDraft(ctx, p.chat, text, false); err != nil {
			return err
		}
	}
	return ErrClosed
}

// quoted returns the wamid of a message that the agent sees in the chat.
func (v *View) quoted(ctx context.Context, p *place, message int64) (wamid string, err error) {
	if message == 0 {
		return "", nil
	}
	found, err := v.DB.Get(ctx, `SELECT m.wamid FROM desk_message m JOIN desk_request r ON r.id = m.request
		WHERE m.id = $1 AND m.chat = $2 AND `+v.visible("r.department"), []any{message, p.chat}, &wamid)
	if err != nil {
		return "", err
	}
	if !found || wamid == "" {
		return "", &Refused{Field: "quote", Sentence: "The message that you answer cannot be quoted. Send without the quote."}
	}
	return wamid, nil
}

// sending is a composition on its way into the outbox.
type sending struct {
	*place
	key      string
	lastSeen int64
	anyway   bool
	composed *composed
	built    *built
	replaces int64 // the message that failed and that this one replaces
}

// prepare checks a composition and builds its message. Nothing but a file leaves the
// program.
func (v *View) prepare(ctx context.Context, s *sending, file *Upload) error {
	if s.why != "" {
		return &Refused{Sentence: s.why}
	}
	client, known := v.Channels.Client(s.id)
	if !known {
		return &Refused{Sentence: "The channel is not connected, so nothing can be sent on it."}
	}
	var info *chatapi.TemplateInfo
	if t := s.composed.Template; t != nil {
		var err error
		if info, err = v.templateInfo(ctx, s.place, t); err != nil {
			return err
		}
	}
	if file != nil {
		// The text is checked first, so that a caption that is too long costs no upload.
		trial := *s.composed
		trial.File = &sentFile{ID: "1", Kind: chatapi.TypeImage, Name: fileName(file.Name)}
		if err := s.check(client, &trial, info); err != nil {
			return err
		}
		var err error
		if s.composed.File, err = v.upload(ctx, client, file); err != nil {
			return err
		}
	}
	return s.check(client, s.composed, info)
}

// check builds the message of what was composed, and lets the SDK check it.
func (s *sending) check(client *chatapi.Client, c *composed, info *chatapi.TemplateInfo) (err error) {
	if s.built, err = c.build(info); err != nil {
		return err
	}
	if _, err := client.Prepare(s.to, s.built.message, chatapi.ReplyTo(c.Quoted)); err != nil {
		field := "text"
		if complaint, found := errors.AsType[*chatapi.Error](err); found {
			field = formField(complaint.Field)
		}
		return &Refused{Field: field, Sentence: sentenceOf(err)}
	}
	return nil
}

// formField returns the form's field for a field of the SDK's messages.
func formField(field string) string {
	switch {
	case strings.HasPrefix(field, "Buttons"), strings.HasPrefix(field, "Sections"), field == "Label":
		return "more"
	case strings.HasPrefix(field, "Media"), field == "Name":
		return "file"
	}
	return "text"
}

// templateInfo returns the template of a choice.
func (v *View) templateInfo(ctx context.Context, p *place, t *TemplateChoice) (*chatapi.TemplateInfo, error) {
	var body string
	found, err := v.DB.Get(ctx, "SELECT body FROM desk_template WHERE channel = $1 AND name = $2 AND language = $3",
		[]any{p.channel, t.Name, t.Language}, &body)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, &Refused{Field: "template", Sentence: "The channel has no such template any more. Choose another one."}
	}
	var info chatapi.TemplateInfo
	if err := json.Unmarshal([]byte(body), &info); err != nil {
		return nil, fmt.Errorf("read template %s: %w", t.Name, err)
	}
	if info.Category == marketing {
		out, err := v.Durable.State.OptedOut(ctx, p.id, p.to)
		if err != nil {
			return nil, err
		}
		if out {
			return nil, &Refused{Field: "template", Sentence: p.person + " wants no marketing messages. Choose another template."}
		}
	}
	return &info, nil
}

// marketing is the category of templates that a person may refuse.
const marketing = "MARKETING"

// send stores a message and its plan.
func (v *View) send(ctx context.Context, s *sending) (message int64, err error) {
	var answered int64
	err = v.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		message, answered, err = v.sendIn(ctx, tx, s)
		return err
	})
	switch {
	case errors.Is(err, ErrClosed):
		return 0, v.closed(ctx, s.place, s.composed.Text)
	case err == nil && answered != 0:
		m, err := v.Message(ctx, answered)
		if err != nil {
			return 0, err
		}
		return 0, &Answered{Message: *m}
	}
	return message, err
}

// sendIn is send in a transaction.
func (v *View) sendIn(ctx context.Context, tx durable.Tx, s *sending) (message, answered int64, err error) {
	// The request is locked first, so that of two agents one sees the other's answer.
	var department, chat, merged, closes int64
	var state State
	found, err := store.Get(ctx, tx, `UPDATE desk_request SET last = last WHERE id = $1 RETURNING department, chat, merged_into, state,
		(SELECT closes FROM desk_chat WHERE id = desk_request.chat)`, []any{s.request}, &department, &chat, &merged, &state, &closes)
	if err != nil {
		return 0, 0, err
	}
	if !found || !v.Sees(department) || chat != s.chat {
		return 0, 0, ErrNotFound
	}
	found, err = store.Get(ctx, tx, "SELECT id FROM desk_message WHERE channel = $1 AND outbox_key = $2 AND outbox_key <> ''", []any{s.channel, s.key}, &message)
	if found || err != nil {
		return message, 0, err
	}
	if err := v.mayAnswer(ctx, tx, s, merged, state); err != nil {
		return 0, 0, err
	}
	if !s.anyway {
		if answered, err = v.answeredSince(ctx, tx, s); err != nil {
			return 0, 0, err
		}
		if answered != 0 {
			return 0, answered, nil // without an error, so that the caller waits until that answer is committed
		}
	}
	if s.composed.Template == nil && store.Micros(v.Now()) >= closes {
		return 0, 0, ErrClosed
	}
	if message, err = v.insert(ctx, tx, s); err != nil {
		return 0, 0, err
	}
	return message, 0, v.afterAnswer(ctx, tx, s, message)
}

// mayAnswer refuses an answer in a request that has ended while another one goes on.
func (v *View) mayAnswer(ctx context.Context, tx durable.Tx, s *sending, merged int64, state State) error {
	if merged != 0 {
		return &Refused{Sentence: fmt.Sprintf("This request is part of #%d now. Answer there.", merged)}
	}
	if state != StateSolved {
		return nil
	}
	var other, department int64
	found, err := store.Get(ctx, tx, "SELECT id, department FROM desk_request WHERE chat = $1 AND id <> $2 AND state <> 'solved'",
		[]any{s.chat, s.request}, &other, &department)
	switch {
	case err != nil || !found:
		return err
	case !v.Sees(department):
		return &Refused{Sentence: "This request is solved, and the customer has a new one with another department."}
	}
	return &Refused{Sentence: fmt.Sprintf("This request is solved, and the customer has a new one. Answer in #%d.", other)}
}

// answeredSince returns the newest answer of somebody else that the writer had not seen.
func (v *View) answeredSince(ctx context.Context, tx durable.Tx, s *sending) (message int64, err error) {
	_, err = store.Get(ctx, tx, `SELECT id FROM desk_message WHERE request = $1 AND id > $2 AND direction = 'out' AND agent <> $3
		AND origin = '' AND status NOT IN ('failed', 'canceled') ORDER BY id DESC LIMIT 1`, []any{s.request, s.lastSeen, v.Agent}, &message)
	return message, err
}

// second is the time of what an agent writes. The times of WhatsApp are whole seconds: with
// a finer one, an answer would stand below what the customer wrote after it in this second.
func (v *View) second() int64 { return store.Micros(v.Now().Truncate(time.Second)) }

// insert stores the row of a message and plans the message.
func (v *View) insert(ctx context.Context, tx durable.Tx, s *sending) (message int64, err error) {
	payload, err := json.Marshal(s.built.extra)
	if err != nil {
		return 0, err
	}
	q, err := v.Durable.Outbox.SendIn(ctx, tx, s.id, s.key, s.to, s.built.message, durable.Options(chatapi.ReplyTo(s.composed.Quoted)))
	if err != nil {
		return 0, err
	}
	now := v.second()
	body := store.Text(s.built.body)
	_, err = store.Get(ctx, tx, `INSERT INTO desk_message (channel, chat, request, direction, outbox_key, kind, body, folded, quoted, payload,
		agent, at, status, status_at, sentence, composed)
		VALUES ($1, $2, $3, 'out', $4, $5, $6, $7, $8, $9, $10, $11, 'queued', $11, $12, $13) RETURNING id`,
		[]any{s.channel, s.chat, s.request, s.key, string(s.built.kind), body, store.Fold(body), s.composed.Quoted, store.Text(string(payload)),
			v.Agent, now, store.Text(q.Why), store.Text(s.composed.marshal())}, &message)
	if err != nil {
		return 0, err
	}
	if f := s.composed.File; f != nil {
		_, err = tx.Exec(ctx, "INSERT INTO desk_media (message, state, type, size, sum, name) VALUES ($1, 'ready', $2, $3, $4, $5)",
			message, f.Type, f.Size, f.Sum, store.Text(f.Name))
	}
	return message, err
}

// afterAnswer notes in the request, the chat and the template that an answer goes out.
func (v *View) afterAnswer(ctx context.Context, tx durable.Tx, s *sending, message int64) error {
	now := store.Micros(v.Now())
	for _, change := range []struct {
		query string
		args  []any
	}{
		{`UPDATE desk_request SET state = 'waiting', solved = 0, waits = 0, unread = 0, first_reply = CASE WHEN first_reply = 0 THEN $2 ELSE first_reply END
			WHERE id = $1`, []any{s.request, now}},
		{"UPDATE desk_chat SET last = $2 WHERE id = $1", []any{s.chat, now}},
		{"DELETE FROM desk_draft WHERE chat = $1 AND agent = $2 AND note = 0", []any{s.chat, v.Agent}},
	} {
		if _, err := tx.Exec(ctx, change.query, change.args...); err != nil {
			return err
		}
	}
	taken, err := tx.Exec(ctx, "UPDATE desk_request SET assignee = $2 WHERE id = $1 AND assignee = 0", s.request, v.Agent)
	if err != nil {
		return err
	}
	if taken > 0 {
		if err := v.audit(ctx, tx, v.Agent, "took request", fmt.Sprintf("request %d", s.request), "", "by an answer"); err != nil {
			return err
		}
	}
	if t := s.composed.Template; t != nil {
		_, err := tx.Exec(ctx, "UPDATE desk_template SET used = used + 1 WHERE channel = $1 AND name = $2 AND language = $3",
			s.channel, t.Name, t.Language)
		if err != nil {
			return err
		}
	}
	if s.replaces != 0 {
		changed, err := tx.Exec(ctx, "UPDATE desk_message SET again = $2 WHERE id = $1 AND request = $3 AND status = 'failed' AND again = 0",
			s.replaces, message, s.request)
		if err != nil {
			return err
		}
		if changed == 0 {
			return &Refused{Sentence: "It was sent again already."}
		}
	}
	return v.touch(ctx, tx, s.request)
}
