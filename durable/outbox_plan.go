package durable

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// planned is a message that was checked and can be stored.
type planned struct {
	channel, key       string
	hash               []byte
	to                 chatapi.Recipient
	message            *chatapi.Prepared
	prepared, fallback []byte // as JSON
	version            int
	options            sendOptions
	quiet              quiet
}

// longestKey bounds the text of a key that is kept to be shown; its hash covers all.
const longestKey = 1024

// prepare checks and encodes a message for planIn. It touches no database.
func (o *Outbox) prepare(channel chatapi.ChannelID, key string, to chatapi.Recipient, m chatapi.Message, opts []SendOption) (*planned, error) {
	p := &planned{channel: canonical(channel), key: spoken(key, longestKey), to: to}
	for _, opt := range opts {
		if opt != nil {
			opt(&p.options)
		}
	}
	switch {
	case p.channel == "":
		return nil, errors.New("the channel is empty; give the channel's id")
	case key == "":
		return nil, errors.New("the key is empty; give a text that is the same when the same message is planned again")
	case p.options.priority < 0 || p.options.priority > 3:
		return nil, fmt.Errorf("Priority is %d; it has to be 0 to 3", p.options.priority)
	}
	client, known := o.channels.Client(channel)
	if !known {
		return nil, fmt.Errorf("channel %s: %w", p.channel, ErrNotConnected)
	}
	p.hash = keyHash(p.channel, key)
	var err error
	if hours := p.options.quiet; hours != nil {
		if p.quiet, err = hours.of(to); err != nil {
			return nil, err
		}
	}
	if p.message, err = client.Prepare(to, m, p.options.chat...); err != nil {
		return nil, err
	}
	if p.prepared, err = json.Marshal(p.message); err != nil {
		return nil, err
	}
	p.version = p.message.Version
	if p.options.closed != nil {
		fallback, err := client.Prepare(to, *p.options.closed)
		if err != nil {
			return nil, fmt.Errorf("IfClosed: %w", err)
		}
		if p.fallback, err = json.Marshal(fallback); err != nil {
			return nil, err
		}
		p.version = max(p.version, fallback.Version)
	}
	return p, nil
}

// planIn stores a prepared message, or returns the one that its key has already.
func (o *Outbox) planIn(ctx context.Context, tx Tx, m *planned) (*Queued, error) {
	now := o.clock.now()
	state := rowPlanned
	if m.options.at.After(now) {
		state = rowLater
	}
	until := store.Micros(m.options.until)
	if !m.options.until.IsZero() {
		until = max(until, 1) // 0 and what is before 1970 would be for ever
	}
	rows, err := tx.Query(ctx, `INSERT INTO outbox (channel, khash, key, chat, prio, campaign, version,
		prepared, fallback, fell_back, state, claim, claimed, planned, not_before, until, attempts, reserved, looked,
		message_id, status, status_at, reason, failure, quiet_from, quiet_to, quiet_zone, quiet_answers)
		VALUES ($1, $2, $3, $4, $5, '', $6, $7, $8, 0, $9, '', 0, $10, $11, $12, 0, 0, 0, '', '', 0, '', NULL, $13, $14, $15, $16)
		ON CONFLICT (channel, khash) DO NOTHING RETURNING id, COALESCE((SELECT value FROM meta WHERE name = 'stopped'), '')`,
		m.channel, m.hash, m.key, chatOf(m.to), m.options.priority, m.version, m.prepared, m.fallback, int(state),
		store.Micros(now), store.Micros(m.options.at), until, m.quiet.from, m.quiet.to, m.quiet.zone, m.quiet.answers)
	if err != nil {
		return nil, err
	}
	id, stopped := int64(0), ""
	if err := each(rows, func() error { return rows.Scan(&id, &stopped) }); err != nil {
		return nil, err
	}
	if id == 0 {
		return o.oneIn(ctx, tx, "o.channel = $1 AND o.khash = $2", m.channel, m.hash)
	}
	q := &Queued{ID: id, Channel: chatapi.ChannelID(m.channel), Key: m.key, To: m.to, Priority: m.options.priority,
		Prepared: m.message, State: StatePlanned, Planned: store.Time(store.Micros(now)),
		NotBefore: store.Time(store.Micros(m.options.at)), Until: store.Time(until)}
	q.Why = o.whyWaiting(q, state, false, stopped)
	return q, nil
}

// keyHash is what a key is known by. It is kept for ever.
func keyHash(channel, key string) []byte {
	sum := sha256.Sum256([]byte(channel + "\x00" + key))
	return sum[:16]
}

// chatOf returns the name of the chat whose messages go out one at a time.
func chatOf(to chatapi.Recipient) string { return spoken(to.Key(), longestKey) }

// wrong puts the method in front of an error.
func wrong(op string, err error) error { return fmt.Errorf("durable: %s: %w", op, err) }

// outboxSender is the Sender of an Outbox.
type outboxSender struct {
	outbox  *Outbox
	channel chatapi.ChannelID
	opts    []SendOption
}

// Send plans the message; see [Outbox.Sender]. It is sent at most once.
func (s outboxSender) Send(ctx context.Context, to chatapi.Recipient, m chatapi.Message, opts ...chatapi.SendOption) (*chatapi.Receipt, error) {
	var options chatapi.SendOptions
	for _, opt := range opts {
		if opt != nil {
			opt(&options)
		}
	}
	key := options.Key
	if key == "" {
		key = "random/" + rand.Text()
	}
	all := append(append([]SendOption{}, s.opts...), Options(opts...))
	q, err := s.outbox.Send(ctx, s.channel, key, to, m, all...)
	if err != nil {
		return nil, err
	}
	return q.receipt()
}

// receipt returns what a Sender says of a message.
func (q *Queued) receipt() (*chatapi.Receipt, error) {
	switch {
	case q.State == StateFailed && q.Err != nil:
		return nil, q.Err
	case q.State == StateSent && q.Attempt != nil:
		return &chatapi.Receipt{ID: q.MessageID, Queued: q.MessageID == "", Attempt: *q.Attempt}, nil
	case q.State == StateSent:
		return &chatapi.Receipt{ID: q.MessageID, Queued: q.MessageID == ""}, nil
	case q.State == StateSkipped || q.State == StateCanceled || q.State == StateFailed:
		return nil, fmt.Errorf("durable: the message %q is %s: %s", q.Key, q.State, q.Why)
	}
	return &chatapi.Receipt{Queued: true, JobID: "outbox/" + strconv.FormatInt(q.ID, 10)}, nil
}

// activity returns the fact that a message was sent, as Ledger.RecordSend takes it.
func activity(p *chatapi.Prepared, channel, messageID string, at time.Time) chatapi.Activity {
	a := chatapi.Activity{Kind: chatapi.ActivityOutbound, At: at, Channel: chatapi.ChannelID(channel), MessageID: messageID}
	switch p.To.Kind() {
	case chatapi.RecipientPhone:
		a.Contact.Phone = p.To.Value()
	case chatapi.RecipientBSUID:
		a.Contact.BSUID = p.To.Value()
	case chatapi.RecipientUsername:
		a.Contact.Username = p.To.Value()
	default:
		a.Contact.Chat = p.To.Value()
	}
	if p.Operation == templateOperation {
		if a.Category = p.Category; a.Category == "" {
			a.Category = chatapi.CategoryTemplate
		}
	}
	return a
}

// templateOperation is the service's word for sending a template.
const templateOperation = "sendTemplate"

// isMarketing reports whether a message is marketing, which an opt-out holds back.
func isMarketing(p *chatapi.Prepared) bool {
	return p.Operation == templateOperation && strings.HasPrefix(strings.ToLower(p.Category), chatapi.CategoryMarketing)
}
