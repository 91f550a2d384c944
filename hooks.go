package chatapi

import (
	"context"
	"log/slog"
	"time"

	"github.com/chatapi-go/chatapi/internal/transport"
)

// Hooks are functions that a [Client] calls while it works, for metrics and
// traces. Their arguments hold no token, no texts and no recipients. A hook
// runs in the goroutine of the call and delays it; concurrent calls run hooks
// concurrently. A hook that panics does no harm to the call; the logger of
// [WithLogger] gets a warning. A nil function is not called.
type Hooks struct {
	// Attempt is called before each attempt to reach the service. It returns the
	// context for the attempt and the function to call after the attempt. Either
	// may be nil: then the attempt keeps its context, or nothing is called.
	Attempt func(ctx context.Context, start AttemptStart) (context.Context, func(AttemptEnd))

	// Wait is called before each pause of the Client.
	Wait func(ctx context.Context, wait WaitInfo)
}

// AttemptStart describes an attempt that is about to begin.
type AttemptStart struct {
	Channel ChannelID

	// Op is the method that the program called, such as "Send" or
	// "Templates.Get". Each step of [Client.Connect] has its own name, such as
	// "Channel.GetStatus".
	Op string

	// Number counts the attempts of one call, from 1.
	Number int
}

// AttemptEnd describes the result of an attempt.
type AttemptEnd struct {
	// HTTPStatus is the status of the reply. It is 0 if there was no reply; Err
	// then says why.
	HTTPStatus int
	Err        error

	// Kind, Code and Retry are those of the [Error] for this attempt, as if it had
	// been the only one. A refusal with status 200 has them too, and so has an
	// attempt without a reply. They are empty for a success.
	Kind  ErrorKind
	Code  int
	Retry RetryClass

	// MessageID is the id of the message, if the service accepted one.
	MessageID string

	// Duration is the time from the request to the end of the reply.
	Duration time.Duration
}

// WaitReason is the reason for a pause of a [Client]. The set is open.
type WaitReason string

// The reasons for a pause.
const (
	WaitRetry WaitReason = transport.WaitRetry // before another attempt
	WaitPace  WaitReason = transport.WaitPace  // for the channel's turn, see Pace.PerSecond
	WaitPair  WaitReason = transport.WaitPair  // for the recipient's turn, see Pace.Pair
)

// WaitInfo describes a pause of a [Client] that is about to begin. The pause
// ends early if the context of the call ends.
type WaitInfo struct {
	Channel  ChannelID
	Op       string
	Reason   WaitReason
	Duration time.Duration
}

// WithHooks calls the hooks for every attempt and every pause. The option may
// be given several times: the hooks are called in their order, and the
// functions that Attempt returned in the reverse order.
func WithHooks(h Hooks) Option {
	return func(c *config) error { c.hooks = append(c.hooks, h); return nil }
}

// attemptHook joins all Attempt hooks into the one function that the transport
// calls. It returns nil if there is no hook.
func (c *config) attemptHook(channel ChannelID) func(context.Context, string, int) (context.Context, func(transport.Result)) {
	var hooks []func(context.Context, AttemptStart) (context.Context, func(AttemptEnd))
	for _, h := range c.hooks {
		if h.Attempt != nil {
			hooks = append(hooks, h.Attempt)
		}
	}
	if len(hooks) == 0 {
		return nil
	}
	return func(ctx context.Context, op string, number int) (context.Context, func(transport.Result)) {
		start := AttemptStart{Channel: channel, Op: op, Number: number}
		ends := make([]func(AttemptEnd), 0, len(hooks))
		for _, hook := range hooks {
			c.contain(ctx, func() {
				next, end := hook(ctx, start)
				if next != nil {
					ctx = next
				}
				if end != nil {
					ends = append(ends, end)
				}
			})
		}
		return ctx, func(r transport.Result) {
			end := AttemptEnd{HTTPStatus: r.Status, Err: r.Err, Kind: ErrorKind(r.Kind), Code: r.Code, Retry: RetryClass(r.Retry),
				MessageID: r.MessageID, Duration: r.Duration}
			for i := len(ends) - 1; i >= 0; i-- {
				c.contain(ctx, func() { ends[i](end) })
			}
		}
	}
}

// waitHook joins all Wait hooks in the same way.
func (c *config) waitHook(channel ChannelID) func(context.Context, string, string, time.Duration) {
	var hooks []func(context.Context, WaitInfo)
	for _, h := range c.hooks {
		if h.Wait != nil {
			hooks = append(hooks, h.Wait)
		}
	}
	if len(hooks) == 0 {
		return nil
	}
	return func(ctx context.Context, op, reason string, d time.Duration) {
		for _, hook := range hooks {
			c.contain(ctx, func() { hook(ctx, WaitInfo{Channel: channel, Op: op, Reason: WaitReason(reason), Duration: d}) })
		}
	}
}

// contain runs a hook and keeps its panic from the call.
func (c *config) contain(ctx context.Context, hook func()) {
	defer func() {
		if caught := recover(); caught != nil && c.logger != nil {
			c.logger.LogAttrs(ctx, slog.LevelWarn, "chatapi: a hook panicked", slog.Any("panic", caught))
		}
	}()
	hook()
}
