package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// Decisions are the things that a person has to decide.
type Decisions struct {
	Messages []Undecided
	Letters  []DeadLetter
	More     bool // there are more than are shown
}

// Undecided is a message of which nobody knows whether it went out.
type Undecided struct {
	Message
	Person  string
	Channel string
}

// DeadLetter is something that arrived and that the helpdesk failed to take in.
type DeadLetter struct {
	ID        int64
	Channel   string
	Chat      string
	Reason    string
	Accepted  time.Time
	Attempts  int
	Replaying bool
}

// mostDecisions bounds a list of things to decide.
const mostDecisions = 100

// Decide returns what is to be decided, for administrators.
func (v *View) Decide(ctx context.Context) (*Decisions, error) {
	if err := v.admin(); err != nil {
		return nil, err
	}
	d := &Decisions{}
	rows, err := v.DB.Query(ctx, `SELECT id, request FROM desk_message WHERE status = 'unknown' ORDER BY id LIMIT $1`, mostDecisions+1)
	found, err := store.All(rows, err, func(m *Message) []any { return []any{&m.ID, &m.Request} })
	if err != nil {
		return nil, err
	}
	d.More = len(found) > mostDecisions
	for _, m := range found[:min(len(found), mostDecisions)] {
		whole, err := v.Message(ctx, m.ID)
		if errors.Is(err, ErrNotFound) {
			continue // it belongs to no request, so that no page shows it
		}
		if err != nil {
			return nil, err
		}
		p, err := v.place(ctx, m.Request)
		if err != nil {
			return nil, err
		}
		d.Messages = append(d.Messages, Undecided{Message: *whole, Person: p.person, Channel: string(p.id)})
	}
	for letter, err := range v.Durable.Inbox.Dead(ctx, durable.DeadFilter{}) {
		if err != nil {
			return nil, err
		}
		if len(d.Letters) == mostDecisions {
			d.More = true
			break
		}
		d.Letters = append(d.Letters, DeadLetter{ID: letter.ID, Channel: string(letter.Channel), Chat: letter.Chat, Reason: letter.Reason,
			Accepted: letter.Accepted, Attempts: letter.Attempts, Replaying: letter.Replaying})
	}
	return d, nil
}

// Undecided returns how many things are to be decided: messages whose outcome nobody
// knows, and dead letters. Of these it counts at most a hundred.
func (d *Desk) Undecided(ctx context.Context) (n int, err error) {
	if _, err := d.DB.Get(ctx, "SELECT count(*) FROM desk_message WHERE status = 'unknown'", nil, &n); err != nil {
		return 0, err
	}
	letters := 0
	for _, err := range d.Durable.Inbox.Dead(ctx, durable.DeadFilter{}) {
		if err != nil {
			return 0, err
		}
		if letters++; letters == mostDecisions {
			break
		}
	}
	return n + letters, nil
}

// Replay lets a dead letter be taken in once more, for administrators.
func (v *View) Replay(ctx context.Context, letter int64) error {
	return v.letter(ctx, "replayed letter", letter, v.Durable.Inbox.Replay)
}

// Discard removes a dead letter for good, for administrators.
func (v *View) Discard(ctx context.Context, letter int64) error {
	return v.letter(ctx, "discarded letter", letter, v.Durable.Inbox.Discard)
}

func (v *View) letter(ctx context.Context, act string, letter int64, do func(context.Context, ...int64) (int, error)) error {
	if err := v.admin(); err != nil {
		return err
	}
	n, err := do(ctx, letter)
	if err != nil {
		return err
	}
	if n == 0 {
		return &Refused{Sentence: "There is no such letter any more, or it is being worked on. Load the page again."}
	}
	return v.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		if err := v.audit(ctx, tx, v.Agent, act, fmt.Sprintf("letter %d", letter), "", ""); err != nil {
			return err
		}
		return tx.Changed(Change{Kind: ChangedDecide})
	})
}

// outgoing is a message of the outbox.
type outgoing struct {
	id, request, again int64
	channel            chatapi.ChannelID
	key, composed      string
	status             MessageStatus
}

// outgoing returns a message of the business that the agent may see.
func (v *View) outgoing(ctx context.Context, message int64) (*outgoing, error) {
	m := &outgoing{id: message}
	found, err := v.DB.Get(ctx, `SELECT m.request, n.channel, m.outbox_key, m.status, m.again, m.composed
		FROM desk_message m JOIN desk_request r ON r.id = m.request JOIN desk_channel n ON n.id = m.channel
		WHERE m.id = $1 AND m.direction = 'out' AND `+v.visible("r.department"), []any{message},
		&m.request, &m.channel, &m.key, &m.status, &m.again, &m.composed)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, ErrNotFound
	}
	return m, nil
}

// Retry sends a message that failed once more, as a new message under a key of its own,
// and returns that one. The old one says so. Called again, it sends nothing.
func (v *View) Retry(ctx context.Context, message int64) (again int64, err error) {
	m, err := v.outgoing(ctx, message)
	if err != nil {
		return 0, err
	}
	p, err := v.place(ctx, m.request)
	if err != nil {
		return 0, err
	}
	switch {
	case m.again != 0:
		return m.again, nil
	case m.status != Failed:
		return 0, &Refused{Sentence: "Only a message that was not sent can be sent again."}
	case m.composed == "":
		return 0, &Refused{Sentence: "This message was not written here. Copy its text and send that."}
	}
	what := &composed{}
	if err := json.Unmarshal([]byte(m.composed), what); err != nil {
		return 0, err
	}
	if what.Template == nil && !p.open(v.Now()) {
		return 0, v.closed(ctx, p, what.Text)
	}
	s := &sending{place: p, key: fmt.Sprintf("desk/again-%d", message), anyway: true, composed: what, replaces: message}
	if err := v.prepare(ctx, s, nil); err != nil {
		return 0, err
	}
	return v.send(ctx, s)
}

// queued returns what the outbox has of a message whose outcome nobody knows.
func (v *View) queued(ctx context.Context, message int64) (*durable.Queued, error) {
	m, err := v.outgoing(ctx, message)
	if err != nil {
		return nil, err
	}
	q, err := v.Durable.Outbox.Get(ctx, m.channel, m.key)
	if err != nil {
		return nil, err
	}
	if q == nil || q.State != durable.StateUnknown {
		return nil, &Refused{Sentence: "It was settled meanwhile: the message says how."}
	}
	return q, nil
}

// Resolve looks for a message whose outcome nobody knows in the channel's history, and
// says in a sentence what it found.
func (v *View) Resolve(ctx context.Context, message int64) (sentence string, err error) {
	q, err := v.queued(ctx, message)
	if err != nil {
		return "", err
	}
	q, err = v.Durable.Outbox.Resolve(ctx, q)
	if _, told := errors.AsType[*chatapi.Error](err); told {
		return "", &Refused{Sentence: "The channel's history could not be read: " + lower(sentenceOf(err))}
	}
	if errors.Is(err, durable.ErrNotConnected) {
		return "", &Refused{Sentence: "The channel is not connected, so its history cannot be read."}
	}
	if err != nil {
		return "", err
	}
	sentence = strings.TrimSpace(q.Why)
	if q.State == durable.StateSent {
		sentence = "The channel's history has the message: it was sent."
	}
	return sentence, v.settled(ctx, message, "looked for message", sentence)
}

// Settlement is a person's answer about a message whose outcome nobody knows.
type Settlement string

// The answers.
const (
	Arrived Settlement = "arrived"
	Lost    Settlement = "lost"
	Again   Settlement = "again" // it was lost, and is to be sent again
)

// Settle notes what a person knows of a message whose outcome nobody knew.
func (v *View) Settle(ctx context.Context, message int64, answer Settlement) error {
	q, err := v.queued(ctx, message)
	if err != nil {
		return err
	}
	switch answer {
	case Arrived, Lost:
		err = v.Durable.Outbox.Settle(ctx, q, answer == Arrived, "")
	case Again:
		var planned bool
		if planned, err = v.Durable.Outbox.Again(ctx, q); err == nil && !planned {
			err = &Refused{Sentence: "It was settled meanwhile: the message says how."}
		}
	default:
		return &Refused{Sentence: "Say whether the message arrived."}
	}
	if err != nil {
		if _, changed := v.queued(ctx, message); changed != nil {
			return changed // somebody else, or an echo, was faster
		}
		return err
	}
	return v.settled(ctx, message, "settled message", string(answer))
}

// settled notes in the audit what was done about a message.
func (v *View) settled(ctx context.Context, message int64, act, after string) error {
	return v.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		if err := v.audit(ctx, tx, v.Agent, act, fmt.Sprintf("message %d", message), "", after); err != nil {
			return err
		}
		return tx.Changed(Change{Kind: ChangedDecide})
	})
}

// Cancel takes back a message that waits in the outbox.
func (v *View) Cancel(ctx context.Context, message int64) error {
	m, err := v.outgoing(ctx, message)
	if err != nil {
		return err
	}
	canceled, err := v.Durable.Outbox.Cancel(ctx, m.channel, m.key)
	if err != nil {
		return err
	}
	if !canceled {
		return &Refused{Sentence: "It is on its way already, so it cannot be taken back."}
	}
	return v.settled(ctx, message, "canceled message", "")
}
