package durable

import (
	"context"
	"log/slog"
	"time"

	"github.com/chatapi-go/chatapi"
)

// Hooks are functions that a [Desk] calls while it works, for metrics; the module
// durable/oteldurable makes OpenTelemetry metrics of them. Their arguments hold no texts
// and no recipients, except those that the handler's own error may have. A hook runs in the goroutine of the work and delays it; hooks are
// called at once from several goroutines. A hook that panics does no harm to the work; the
// logger of [Logger] gets a warning. A nil function is not called.
//
// What waits is not told by a hook: ask [Desk.Health] every few seconds.
type Hooks struct {
	// Accepted is called after each delivery that [Inbox.Accept] was given.
	Accepted func(ctx context.Context, a AcceptedInfo)

	// Handled is called after each call of the [Handler], once its outcome is stored.
	Handled func(ctx context.Context, h HandledInfo)

	// Tried is called after each attempt to send a message, once its outcome is stored.
	Tried func(ctx context.Context, t TriedInfo)
}

// AcceptedInfo describes a delivery.
type AcceptedInfo struct {
	Channel chatapi.ChannelID // in canonical spelling

	// New is how many of its events were accepted, and Known how many had been before.
	New, Known int

	// Unreadable is set if the body, or elements of it, were not read.
	Unreadable bool

	// Duration is the time until the delivery was on the disk.
	Duration time.Duration

	// Err is set if the delivery was not stored and the service has to repeat it; Full, if
	// that is because too many deliveries waited.
	Err  error
	Full bool
}

// HandledOutcome is what became of an event after a call of the handler. The set is open.
type HandledOutcome string

// The outcomes of a call of the handler.
const (
	HandledDone     HandledOutcome = "done"
	HandledRetry    HandledOutcome = "retry"    // it failed, and is called again
	HandledDeferred HandledOutcome = "deferred" // by Work.Defer
	HandledDead     HandledOutcome = "dead"     // it failed for the last time
)

// HandledInfo describes a call of the handler.
type HandledInfo struct {
	Channel chatapi.ChannelID

	// Attempt counts the calls for the event, from 1; see [Work].
	Attempt int

	// First is set for the first call for the event, and Lag is the time from the
	// acceptance of the event to the call. [Work.Defer] and failures make it longer.
	First bool
	Lag   time.Duration

	// Duration is the time of the call, without the commit.
	Duration time.Duration

	Outcome HandledOutcome

	// Replay is set if the event was a dead letter.
	Replay bool

	// Err is why the event comes again or is dead: the error of the handler, of a function
	// of [Work.InTx], or of the commit, which a function around the handler does not see.
	// It is nil for the other outcomes. Key is [chatapi.Event.Key]; "" if the event was not
	// read.
	Err error
	Key string
}

// TriedInfo describes an attempt to send a message.
type TriedInfo struct {
	Channel chatapi.ChannelID

	// State is that of the message after the attempt: sent, unknown, failed, skipped, or
	// planned if it waits for another attempt.
	State SendState

	// Kind is that of the error; empty without one.
	Kind chatapi.ErrorKind

	// Waited is how long the message waited for the pace, and Duration how long the
	// attempt took after that. Without Written, nothing came to the network.
	Waited, Duration time.Duration
	Written          bool
}

// Watch adds hooks. Call it before [Desk.Run] and before the first delivery. It may be
// called several times: the hooks are called in their order.
func (d *Desk) Watch(h Hooks) { d.hooks = append(d.hooks, h) }

// told calls the hooks that have a function.
func told[I any](ctx context.Context, p *parts, of func(Hooks) func(context.Context, I), info I) {
	for _, h := range p.hooks {
		if hook := of(h); hook != nil {
			p.contain(ctx, func() { hook(ctx, info) })
		}
	}
}

// contain runs a hook and keeps its panic from the work.
func (p *parts) contain(ctx context.Context, hook func()) {
	defer func() {
		if caught := recover(); caught != nil && p.logger != nil {
			p.logger.LogAttrs(ctx, slog.LevelWarn, "durable: a hook panicked", slog.Any("panic", caught))
		}
	}()
	hook()
}

func acceptedHook(h Hooks) func(context.Context, AcceptedInfo) { return h.Accepted }
func handledHook(h Hooks) func(context.Context, HandledInfo)   { return h.Handled }
func triedHook(h Hooks) func(context.Context, TriedInfo)       { return h.Tried }
