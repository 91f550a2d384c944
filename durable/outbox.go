package durable

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable/internal/point"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// Outbox keeps messages that are to be sent, and sends them while [Desk.Run] runs.
//
// A message goes to the network at most once for each time that it is planned. Only a
// program that was killed, or an answer that was lost, leaves a message of which nobody
// knows whether it went out: it becomes [StateUnknown], and echoes, statuses and the
// channel's history settle it as far as they can; see [UnknownPolicy].
//
// The messages of one recipient go out one at a time, by priority and then in the
// order in which they were planned; one that has to be tried again holds back those
// after it. One process sends for a channel, with the pace of its client.
type Outbox struct {
	*parts
	state    *State
	onChange atomic.Pointer[func(context.Context, Tx, *Queued) error]

	mu      sync.Mutex
	work    *sending           // while Run runs
	senders map[string]*sender // by channel
	halted  error              // why the store has halted, see noteHalt
}

func newOutbox(p *parts, state *State) *Outbox {
	return &Outbox{parts: p, state: state, senders: map[string]*sender{}}
}

// SendState is how far a message of an [Outbox] has come.
type SendState string

// The states. A claimed message has not been written to the network, so a crash leaves
// it planned; a reserved one may have been, so a crash leaves it unknown. While the pace of
// a channel holds up nothing, its messages are reserved without having been claimed.
const (
	StatePlanned  SendState = "planned"  // waits for its turn, its time or its channel
	StateClaimed  SendState = "claimed"  // is in a sender's hands, which waits for the pace
	StateReserved SendState = "reserved" // its attempt is stored and it is being sent
	StateSent     SendState = "sent"     // the service took it; Queued.MessageID is its id
	StateUnknown  SendState = "unknown"  // nobody knows whether it went out
	StateFailed   SendState = "failed"   // the service or the SDK refused it for good
	StateSkipped  SendState = "skipped"  // it was not sent, for the reason in Queued.Why
	StateCanceled SendState = "canceled" // by Outbox.Cancel
)

// Queued is a message of an [Outbox].
type Queued struct {
	ID      int64
	Channel chatapi.ChannelID
	Key     string
	To      chatapi.Recipient

	// Priority is 0 for an answer to 3 for a campaign; see [Priority].
	Priority int

	// Prepared is the message as it is sent. It is nil once [Keep].Sent has passed.
	Prepared *chatapi.Prepared

	// FellBack is set if Prepared is the template of [IfClosed].
	FellBack bool

	State SendState

	// MessageID is the service's id of a message that was sent. It is empty if the
	// service took the message into its queue without naming one.
	MessageID string

	// Attempt is the newest attempt, for [chatapi.Client.Resolve]; nil before the first.
	Attempt *chatapi.Attempt

	// Attempts counts them.
	Attempts int

	// Status is the newest status that the service reported; it never goes back.
	Status   chatapi.Status
	StatusAt time.Time

	Planned   time.Time
	NotBefore time.Time // zero: at once
	Until     time.Time // zero: for ever

	// Why says in a sentence why a message waits, failed, was skipped or is unknown.
	Why string

	// Err is the refusal of a message that failed.
	Err *chatapi.Error
}

// SendOption changes one planned message.
type SendOption func(*sendOptions)

type sendOptions struct {
	at, until time.Time
	priority  int
	chat      []chatapi.SendOption
	closed    *chatapi.Template
	quiet     *QuietHours
}

// At sends the message not before that instant. It does not hold back later messages
// to the same recipient.
func At(t time.Time) SendOption { return func(o *sendOptions) { o.at = t } }

// Until skips the message if it has not been sent by that instant. An instant that has
// passed, or is before that of [At], is no error: the message is skipped, since a handler
// that runs again may come too late.
func Until(t time.Time) SendOption { return func(o *sendOptions) { o.until = t } }

// Priority sets which messages of a channel go first: 0, the default, is for answers,
// 3 for campaigns. A message of a later priority does not hold back one of an earlier.
func Priority(p int) SendOption { return func(o *sendOptions) { o.priority = p } }

// Options gives the message options of the SDK, such as [chatapi.ReplyTo].
func Options(opts ...chatapi.SendOption) SendOption {
	return func(o *sendOptions) { o.chat = append(o.chat, opts...) }
}

// IfClosed sends the template instead if the recipient's service window is closed when
// the message is sent, and also, once, if the service then says that it is (131047). A
// message that is a template itself is replaced in the same way.
func IfClosed(t chatapi.Template) SendOption { return func(o *sendOptions) { o.closed = &t } }

// ErrNotConnected is the error of a message for a channel that has no client: it cannot
// be checked. Add the channel with [chatapi.Channels.Put].
var ErrNotConnected = errors.New("the channel is not connected, so the message cannot be checked; add the channel with Channels.Put")

// Send checks the message and stores it. It returns once the message is on the disk;
// [Outbox.Get] says later what became of it. It is sent at most once; a refusal for now
// is tried again.
//
// A channel and a key plan one message: for a key that is there, Send returns that
// message, whatever its state, and does not look at the new one: a caller that runs again
// after a crash may write another text, and the first one counts. So a caller whose Send
// failed, or who does not know whether it succeeded, repeats it with the same key.
//
// The error is that of [chatapi.Client.Prepare] for a wrong message, [ErrNotConnected],
// [ErrInTx] inside a transaction of the store, or that of the store.
func (o *Outbox) Send(ctx context.Context, channel chatapi.ChannelID, key string, to chatapi.Recipient, m chatapi.Message,
	opts ...SendOption) (*Queued, error) {
	const op = "Outbox.Send"
	if store.InTx(ctx) {
		return nil, wrong(op, ErrInTx)
	}
	planned, err := o.prepare(channel, key, to, m, opts)
	if err != nil {
		return nil, wrong(op, err)
	}
	var q *Queued
	err = o.store.Update(ctx, func(ctx context.Context, tx store.Tx) error {
		var err error
		q, err = o.planIn(ctx, NewTx(tx), planned)
		return err
	})
	if err != nil {
		return nil, wrong(op, err)
	}
	point.Reach(point.PlanCommitted)
	o.wakeAt(planned.channel, planned.options.at)
	return q, nil
}

// SendIn is [Outbox.Send] in the caller's own transaction: the message is planned if
// and when that commits. It calls nothing, and may be sent a moment later than one of
// Send.
func (o *Outbox) SendIn(ctx context.Context, tx Tx, channel chatapi.ChannelID, key string, to chatapi.Recipient, m chatapi.Message,
	opts ...SendOption) (*Queued, error) {
	const op = "Outbox.SendIn"
	planned, err := o.prepare(channel, key, to, m, opts)
	if err != nil {
		return nil, wrong(op, err)
	}
	q, err := o.planIn(ctx, tx, planned)
	if err != nil {
		return nil, wrong(op, err)
	}
	o.wakeAfterCommit(planned.channel)
	return q, nil
}

// OnChange calls changed in the transaction of each change of a message: that it was
// sent, failed, was skipped or canceled, became unknown or was settled, has to wait for
// another attempt, and each new status. So a table of the program's own changes with
// it. It is not called for the plan, which the caller sees, for the short states claimed
// and reserved, nor when a channel is held, which changes no message.
//
// changed writes with the given Tx only, sends nothing and returns soon, since others
// wait for the transaction. Its error, or panic, undoes what it wrote, keeps the change
// of the message, and is logged. changed is then called again, after pauses of up to an
// hour, with the message as it is by then, until it succeeds. So it may be called more
// than once for one change. Set it before [Desk.Run]; a second OnChange replaces the
// first.
func (o *Outbox) OnChange(changed func(ctx context.Context, tx Tx, q *Queued) error) {
	if changed == nil {
		o.onChange.Store(nil)
		return
	}
	o.onChange.Store(&changed)
}

// Sender returns a [chatapi.Sender] that plans messages of a channel instead of sending
// them. [chatapi.SendKey] gives the key of [Outbox.Send]; a message without one gets a
// random key. opts hold for every message.
//
// A Sender returns once the message is stored, and for a repeated key what became of
// the first message: its receipt, or the error with which it failed. While it has not
// been sent, the receipt has Queued set, the JobID "outbox/" with [Queued].ID, and
// neither an ID nor an Attempt.
func (o *Outbox) Sender(channel chatapi.ChannelID, opts ...SendOption) chatapi.Sender {
	return outboxSender{o, channel, opts}
}
