package chatapi

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/chatapi-go/chatapi/internal/transport"
)

// Hooks are told what a [Client] does, for metrics and traces. What they are
// given holds no token, no texts and no recipients. They are called from the
// goroutine of the call, from several at once, and delay it for as long as they
// take. A hook that panics is passed over, with a warning to the logger of
// [WithLogger].
type Hooks struct {
	// Attempt is called before each attempt to reach the service. The attempt
	// is made with the context that it returns (nil is the one it was given),
	// and the function that it returns, if any, is called when it is over.
	Attempt func(ctx context.Context, start AttemptStart) (context.Context, func(AttemptEnd))

	// Wait is called before the Client pauses.
	Wait func(ctx context.Context, wait WaitInfo)
}

// AttemptStart is what is known before an attempt.
type AttemptStart struct {
	Channel ChannelID

	// Op is the method that was called, such as "Send" or "Templates.Get".
	Op string

	// Number counts the attempts of one call, from 1.
	Number int
}

// AttemptEnd is what became of an attempt.
type AttemptEnd struct {
	// HTTPStatus is the reply's; 0 if there was none. Err is then why.
	HTTPStatus int
	Err        error

	// Kind, Code and Retry are those of the [Error] that the reply stands for;
	// empty if it is a success. A refusal with status 200 has them too.
	Kind  ErrorKind
	Code  int
	Retry RetryClass

	// MessageID is the id of a message that was accepted.
	MessageID string

	// Duration is the time from the request to the end of the reply.
	Duration time.Duration
}

// WaitReason is why a [Client] pauses. The set is open.
type WaitReason string

// The reasons for a pause.
const (
	WaitRetry WaitReason = transport.WaitRetry // before another attempt
	WaitPace  WaitReason = transport.WaitPace  // for the channel's turn, see Pace.PerSecond
	WaitPair  WaitReason = transport.WaitPair  // for the recipient's turn, see Pace.Pair
)

// WaitInfo is a pause that a [Client] is about to make. A context that ends
// cuts it short.
type WaitInfo struct {
	Channel  ChannelID
	Op       string
	Reason   WaitReason
	Duration time.Duration
}

// WithHooks tells the hooks about every attempt and every pause. Given several
// times, all are told, the first one first.
func WithHooks(h Hooks) Option {
	return func(c *config) error { c.hooks = append(c.hooks, h); return nil }
}

// attemptHook joins the hooks into what the transport calls; nil if there are
// none.
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

// waitHook is attemptHook for pauses.
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

// contain keeps a hook's panic from breaking a send.
func (c *config) contain(ctx context.Context, hook func()) {
	defer func() {
		if caught := recover(); caught != nil && c.logger != nil {
			c.logger.LogAttrs(ctx, slog.LevelWarn, "chatapi: a hook panicked", slog.Any("panic", caught))
		}
	}()
	hook()
}

// meaning classifies a reply for hooks, logs and the pacer, ahead of the call's own
// parsing.
func (c *Client) meaning(r *transport.Request, status int, header http.Header, body []byte) transport.Meaning {
	reply := &transport.Reply{Status: status, Header: header, Body: body}
	if !r.Message {
		if e := c.refusal(r.Op, reply); e != nil {
			return e.meaning()
		}
		return transport.Meaning{}
	}
	receipt, refused := c.sendReply(r.Op, reply)
	if refused != nil {
		return refused.meaning()
	}
	return transport.Meaning{MessageID: receipt.ID}
}

// meaning is the part of an error that hooks and limiters are told.
func (e *Error) meaning() transport.Meaning {
	m := transport.Meaning{Kind: string(e.Kind), Code: e.Code, Retry: string(e.Retry)}
	if e.Kind == ErrRateLimited {
		switch e.Code {
		case 131056:
			m.PairLimited = true
		case 131048, 471, 131064: // about quality: going slower does not mend it
		default:
			m.Limited = true
		}
	}
	return m
}
