package durable

import (
	"log/slog"
	"time"
)

// Option changes a [Desk] in [Open]. A bad value is an error of Open.
type Option func(*options)

type options struct {
	workers int
	retries RetryPolicy
	keep    Keep
	unknown Unknown
	drain   time.Duration
	clock   clock
	logger  *slog.Logger

	acceptOnly bool
}

func defaults() options {
	return options{
		workers: 32,
		retries: RetryPolicy{Attempts: 10, Timeout: 30 * time.Second, Delay: backoff},
		keep:    Keep{Bodies: 30 * 24 * time.Hour, Sent: 90 * 24 * time.Hour},
		drain:   20 * time.Second,
		clock:   clock{now: time.Now},
	}
}

// backoff returns 1 s, 5 s, 25 s, … up to an hour.
func backoff(attempt int) time.Duration {
	pause := time.Second
	for ; attempt > 1 && pause < time.Hour; attempt-- {
		pause *= 5
	}
	return min(pause, time.Hour)
}

// Workers sets how many handlers run at once, each for another chat; 32 by default.
func Workers(n int) Option { return func(o *options) { o.workers = n } }

// RetryPolicy says what becomes of an event whose handler failed.
type RetryPolicy struct {
	// Attempts is after how many the event is dead; 10 by default.
	Attempts int

	// Delay is the pause after an attempt, which is counted from 1. The chat waits
	// meanwhile, since its events come in order. By default 1 s, 5 s, 25 s, … up to
	// an hour.
	Delay func(attempt int) time.Duration

	// Timeout bounds one call of the handler, and then its functions of [Work.InTx]; 30 s
	// by default. A handler that ignores the end of its context keeps its worker and its
	// chat, but can commit nothing.
	Timeout time.Duration
}

// Retries replaces the fields of the [RetryPolicy] that are not zero.
func Retries(p RetryPolicy) Option {
	return func(o *options) {
		if p.Attempts != 0 {
			o.retries.Attempts = p.Attempts
		}
		if p.Delay != nil {
			o.retries.Delay = p.Delay
		}
		if p.Timeout != 0 {
			o.retries.Timeout = p.Timeout
		}
	}
}

// Keep says how long the store keeps what is finished. The keys of events and
// messages are kept for ever, as hashes, so that a late duplicate is known. A dead letter
// is not finished: it is kept until [Inbox.Replay], [Inbox.Discard] or [Desk.Erase], since
// it is a message of a customer whom nobody has answered.
type Keep struct {
	// Bodies is for webhook bodies and their events; 30 days by default.
	Bodies time.Duration

	// Sent is for messages that were sent, failed or were canceled; 90 days by
	// default.
	Sent time.Duration
}

// Retention replaces the fields of [Keep] that are not zero.
func Retention(k Keep) Option {
	return func(o *options) {
		if k.Bodies != 0 {
			o.keep.Bodies = k.Bodies
		}
		if k.Sent != 0 {
			o.keep.Sent = k.Sent
		}
	}
}

// Unknown says what becomes of a message of which nobody knows whether it went out,
// after the history, echoes and statuses did not tell.
type Unknown int

const (
	// ResolveThenAsk leaves it for a person, who calls [Outbox.Settle]; the default.
	ResolveThenAsk Unknown = iota

	// ResolveThenResend plans the message again if the history does not have it ten
	// minutes to six hours after the attempt, in two look-ups. A machine that was frozen between
	// its last check and the write can still send it a second time afterwards, which
	// no client can prevent.
	ResolveThenResend

	// ResolveThenSkip gives it up, for messages that are not worth a person's time.
	ResolveThenSkip
)

// UnknownPolicy sets what becomes of messages whose outcome stays open.
func UnknownPolicy(u Unknown) Option { return func(o *options) { o.unknown = u } }

// DrainTimeout is how long [Desk.Run] waits at its end for handlers and sends that
// have begun; 20 s by default.
func DrainTimeout(d time.Duration) Option { return func(o *options) { o.drain = d } }

// AcceptOnly is for a program that answers webhooks and leaves the rest to others on the
// same store: what it accepts, and what it plans with [Outbox.Send], wakes them. Its
// [Desk.Run] calls no handler and sends nothing. It needs a store of many programs, such
// as that of package postgres.
//
// A program without it works on what it accepts itself. Only while more chats wait than
// four times its [Workers] and others run too, and when its Run ends, it wakes them.
func AcceptOnly() Option { return func(o *options) { o.acceptOnly = true } }

// Clock replaces the system's clock for everything that the store decides by time:
// retries, [At], [Until], [Quiet], windows and [IfClosed], retention, and how old a message
// is that is unknown. It also dates the arrival of what [Inbox.Accept] gets
// ([chatapi.EventInfo.Received]). changed receives, or is closed, when now has jumped; nil
// if it never does. It lets a demonstration or a test run on a simulated clock.
//
// The machine's own clock counts for what takes time itself: the pace and the timeouts of
// calls, [RetryPolicy].Timeout, [DrainTimeout], and the pauses of a store that fails. So
// it does for [chatapi.Client.Resolve], which finds nothing on a clock that is not the
// service's; echoes and statuses settle what is unknown then.
func Clock(now func() time.Time, changed <-chan struct{}) Option {
	return func(o *options) { o.clock = clock{now: now, replaced: true, changed: changed} }
}

// Logger reports what a person may have to look at: dead letters, unknown messages, a
// database that does not answer. It gets no texts and no numbers. By default nothing is
// logged.
func Logger(l *slog.Logger) Option { return func(o *options) { o.logger = l } }
