package chatapi

import (
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// ErrorKind is the sort of trouble that an [Error] reports. Each sentinel of this
// package is an ErrorKind: a program decides with errors.Is(err, ErrWindowClosed),
// and a dashboard counts by Error.Kind, whose text is snake_case for that. Kinds are
// added in minor releases.
type ErrorKind string

// Error returns the kind in words after "chatapi: ". It makes every ErrorKind an
// error that errors.Is matches; fmt prints it too. string(kind) is the bare text for
// a metric, such as "service_window_closed".
func (k ErrorKind) Error() string {
	if k == "" {
		return "" // of an AttemptEnd without a refusal, not an error at all
	}
	return "chatapi: " + k.words()
}

func (k ErrorKind) words() string { return strings.ReplaceAll(string(k), "_", " ") }

// The kinds of error. The comment says who has to act.
const (
	// ErrInvalid: the request is wrong; Error.Field names the place when the
	// SDK found it before sending. The caller changes the request.
	ErrInvalid ErrorKind = "invalid_request"
	// ErrUnauthorized: the token is missing, wrong or expired. An admin pastes
	// a fresh one.
	ErrUnauthorized ErrorKind = "unauthorized"
	// ErrWrongChannel: the token, the stored message or the webhook belongs to
	// another channel than the one addressed.
	ErrWrongChannel ErrorKind = "wrong_channel"
	// ErrBlocked: the channel, its subscription or its account is blocked or
	// restricted. Sending stops until an admin has acted.
	ErrBlocked ErrorKind = "channel_blocked"
	// ErrUnreachable: the service could not be reached; nothing was sent.
	ErrUnreachable ErrorKind = "service_unreachable"
	// ErrNotFound: the address, or the thing asked for, does not exist.
	ErrNotFound ErrorKind = "not_found"
	// ErrUnsupported: the service or the channel cannot do this.
	ErrUnsupported ErrorKind = "unsupported"
	// ErrWindowClosed: the customer wrote more than 24 hours ago, or never. A
	// template still goes out.
	ErrWindowClosed ErrorKind = "service_window_closed"
	// ErrRecipient: this recipient cannot be reached. The sender marks the
	// contact; nothing else is affected.
	ErrRecipient ErrorKind = "recipient_not_reachable"
	// ErrMarketingLimit: this person gets no marketing message now; other
	// messages still go out.
	ErrMarketingLimit ErrorKind = "marketing_limit"
	// ErrOptedOut: this person does not want marketing messages.
	ErrOptedOut ErrorKind = "opted_out_of_marketing"
	// ErrRateLimited: too many requests. Error.RetryAfter says when to come
	// back, if the service said it.
	ErrRateLimited ErrorKind = "rate_limited"
	// ErrTemplate: the template is missing, paused, or does not fit its values.
	ErrTemplate ErrorKind = "template"
	// ErrTemplateRejected: WhatsApp did not approve the template; Error.Reason
	// says why.
	ErrTemplateRejected ErrorKind = "template_rejected"
	// ErrMedia: a file could not be fetched, read or accepted.
	ErrMedia ErrorKind = "media"
	// ErrTooLarge: a body or file is over its limit.
	ErrTooLarge ErrorKind = "too_large"
	// ErrUnavailable: the service failed for now, on a call that changes
	// nothing or may be repeated.
	ErrUnavailable ErrorKind = "service_unavailable"
	// ErrRefused: the service refused for a reason that the catalogue does not
	// know; Error.Reason quotes it.
	ErrRefused ErrorKind = "refused"
	// ErrOutcomeUnknown: the request may or may not have been carried out.
	// Repeating a send could double it: look it up with [Client.Resolve].
	ErrOutcomeUnknown ErrorKind = "outcome_unknown"
	// ErrHistoryOff: the channel keeps no history.
	ErrHistoryOff ErrorKind = "history_off"
	// ErrNoPrice: no rate card has a price for this market, category and date.
	ErrNoPrice ErrorKind = "no_price"
	// ErrNoTime: a billing activity carries no instant at all.
	ErrNoTime ErrorKind = "no_time"
	// ErrNoWebhookSecret: a webhook handler was made without a secret.
	ErrNoWebhookSecret ErrorKind = "no_webhook_secret"
	// ErrSnapshot: a ledger snapshot is damaged or from a newer version.
	ErrSnapshot ErrorKind = "unreadable_snapshot"
)

// RetryClass says what may be done after an error. It is one of the constants,
// or "wait:24h": not before that time has passed.
type RetryClass string

// The classes of retry.
const (
	RetryNo       RetryClass = "no"       // never
	RetryFix      RetryClass = "fix"      // only after something was changed
	RetryBackoff  RetryClass = "backoff"  // later, with growing pauses and a bound
	RetryTemplate RetryClass = "template" // the same content as a template
	RetryUnknown  RetryClass = "unknown"  // the outcome is open: look it up, do not resend
)

// Wait returns how long to wait before trying again, for a class of the form
// "wait:24h".
func (r RetryClass) Wait() (time.Duration, bool) {
	text, ok := strings.CutPrefix(string(r), "wait:")
	if !ok {
		return 0, false
	}
	d, err := time.ParseDuration(text)
	return d, err == nil
}

// Error is what every failed call returns: a refusal of the service, a check
// that failed before anything was sent, or a transport that broke. Get it with
// errors.As; test its kind with errors.Is and a sentinel such as
// [ErrWindowClosed]. An Error never holds the token: texts from below are
// scrubbed, and an error from below that contains it is replaced.
type Error struct {
	// Op is the function or method that was called, such as "Send" or
	// "Templates.Get". Channel is empty if no channel was involved.
	Op      string
	Channel ChannelID

	// HTTPStatus is the status of the reply; 0 if there was none, as for local
	// checks.
	HTTPStatus int

	// Code is WhatsApp's error code, such as 131047; 0 if none was given. It
	// is never an HTTP status.
	Code int

	// Kind is the sentinel that errors.Is matches.
	Kind ErrorKind

	// Field names the wrong part of the input, such as "Buttons[1].Title";
	// only set with ErrInvalid, ErrTemplate and ErrTooLarge.
	Field string

	// Reason is what the service, or the local check, said.
	Reason string

	// Sentence tells an operator in one sentence what happened. Advice is what
	// to do about it, without a capital and a full stop; empty where the
	// sentence says it all. It holds no texts and no recipients.
	Sentence string
	Advice   string

	// Retry says whether and how the same thing may be tried again. It is
	// advice to the caller: what is safe has already been retried.
	Retry RetryClass

	// RetryAfter is how long the service asked to wait; 0 if it did not say.
	RetryAfter time.Duration

	// Attempt identifies the send whose outcome is open, for [Client.Resolve];
	// nil unless the call was a send.
	Attempt *Attempt

	// Raw is the reply's body, cut at 8 KiB, with the token removed.
	Raw []byte

	cause error
}

// maxErrorRaw bounds Error.Raw, so that an HTML page does not end up in a log
// whole.
const maxErrorRaw = 8 << 10

// Error returns one line for developers: operation, what went wrong, code or
// status, and the advice.
func (e *Error) Error() string {
	if e == nil {
		return "chatapi: no error"
	}
	var b strings.Builder
	b.WriteString("chatapi: ")
	if e.Op != "" {
		b.WriteString(e.Op)
		b.WriteString(": ")
	}
	if e.Field != "" {
		b.WriteString(e.Field)
		b.WriteByte(' ')
	}
	switch {
	case e.Field != "" && e.Reason != "":
		b.WriteString(e.Reason)
	case e.Reason != "" && e.Reason != e.Kind.words():
		b.WriteString(e.Kind.words())
		b.WriteString(": ")
		b.WriteString(e.Reason)
	default:
		b.WriteString(e.Kind.words())
	}
	switch {
	case e.Code != 0:
		b.WriteString(" (code " + strconv.Itoa(e.Code) + ")")
	case e.HTTPStatus >= 300:
		b.WriteString(" (HTTP " + strconv.Itoa(e.HTTPStatus) + ")")
	}
	if e.Advice != "" {
		b.WriteString("; ")
		b.WriteString(e.Advice)
	}
	return b.String()
}

// Is reports whether target is the error's kind.
func (e *Error) Is(target error) bool {
	k, ok := target.(ErrorKind)
	return ok && e != nil && e.Kind == k
}

// Unwrap returns what lies beneath, such as the transport's or the context's
// error. It is nil for most refusals.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.cause
}

// LogValue returns the error as structured attributes, the advice among them,
// without the raw body, texts or recipients.
func (e *Error) LogValue() slog.Value {
	if e == nil {
		return slog.Value{}
	}
	attrs := []slog.Attr{slog.String("kind", string(e.Kind))}
	if e.Op != "" {
		attrs = append(attrs, slog.String("op", e.Op))
	}
	if e.Channel != "" {
		attrs = append(attrs, slog.String("channel", string(e.Channel)))
	}
	if e.HTTPStatus != 0 {
		attrs = append(attrs, slog.Int("status", e.HTTPStatus))
	}
	if e.Code != 0 {
		attrs = append(attrs, slog.Int("code", e.Code))
	}
	if e.Field != "" {
		attrs = append(attrs, slog.String("field", e.Field))
	}
	if e.Retry != "" {
		attrs = append(attrs, slog.String("retry", string(e.Retry)))
	}
	if e.Advice != "" {
		attrs = append(attrs, slog.String("advice", e.Advice))
	}
	return slog.GroupValue(attrs...)
}

// MarshalJSON returns the error for an API of your own or a structured log:
// its fields in snake_case, and the cause as text.
func (e *Error) MarshalJSON() ([]byte, error) {
	if e == nil {
		return []byte("null"), nil
	}
	out := struct {
		Op         string     `json:"op,omitempty"`
		Channel    ChannelID  `json:"channel,omitempty"`
		HTTPStatus int        `json:"http_status,omitempty"`
		Code       int        `json:"code,omitempty"`
		Kind       ErrorKind  `json:"kind"`
		Field      string     `json:"field,omitempty"`
		Reason     string     `json:"reason,omitempty"`
		Sentence   string     `json:"sentence,omitempty"`
		Advice     string     `json:"advice,omitempty"`
		Retry      RetryClass `json:"retry,omitempty"`
		RetryAfter float64    `json:"retry_after_seconds,omitempty"`
		Attempt    *Attempt   `json:"attempt,omitempty"`
		Cause      string     `json:"cause,omitempty"`
	}{e.Op, e.Channel, e.HTTPStatus, e.Code, e.Kind, e.Field, e.Reason, e.Sentence, e.Advice, e.Retry,
		e.RetryAfter.Seconds(), e.Attempt, ""}
	if e.cause != nil {
		out.Cause = e.cause.Error()
	}
	return json.Marshal(out)
}

// in puts the operation, and the channel if one is involved, on the error.
func (e *Error) in(op string, channel ChannelID) *Error {
	e.Op, e.Channel = op, channel
	return e
}

// invalid returns the error of a local check: field says where, problem says
// what is wrong with it, as the rest of a sentence.
func invalid(field, problem string) *Error {
	return &Error{Kind: ErrInvalid, Field: field, Reason: problem, Retry: RetryFix,
		Sentence: "The " + field + " " + ended(problem)}
}
