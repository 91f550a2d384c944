package chatapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/internal/errorcode"
)

// ErrorKind is the kind of failure that an [Error] reports. Each sentinel of
// this package is an ErrorKind. A program decides with errors.Is(err,
// ErrWindowClosed). A dashboard counts by Error.Kind, whose text,
// string(kind), is snake_case; fmt prints words instead. Minor releases add kinds.
type ErrorKind string

// Error returns the kind in words after "chatapi: ". With this method every
// ErrorKind is an error that errors.Is matches; fmt calls it too. string(kind)
// is the bare text for a metric, such as "service_window_closed".
func (k ErrorKind) Error() string {
	if k == "" {
		return "" // an AttemptEnd without a refusal has no kind
	}
	return "chatapi: " + k.words()
}

// LogValue returns the bare text for slog, as in Error.Kind of a logged [Error].
func (k ErrorKind) LogValue() slog.Value { return slog.StringValue(string(k)) }

func (k ErrorKind) words() string { return strings.ReplaceAll(string(k), "_", " ") }

// The kinds of error. Each comment says who has to act.
const (
	// ErrInvalid: the request is wrong. If the SDK found the mistake, before it
	// sent anything, Error.Field names the place. The caller changes the
	// request.
	ErrInvalid ErrorKind = "invalid_request"
	// ErrUnauthorized: the token is missing, wrong or expired. An admin enters a
	// new one.
	ErrUnauthorized ErrorKind = "unauthorized"
	// ErrWrongChannel: the token, the stored message or the webhook belongs to
	// another channel than the one addressed.
	ErrWrongChannel ErrorKind = "wrong_channel"
	// ErrBlocked: the channel, its subscription or its account is blocked or
	// restricted. Sending stops until an admin has acted.
	ErrBlocked ErrorKind = "channel_blocked"
	// ErrCanceled: the caller ended the call. Its context was canceled, or the
	// context's time ran out or would have run out in a wait for [Pace], or
	// [BeforeWrite] refused. errors.Is finds the error of the context, or that of
	// BeforeWrite, too. Error.Sent says whether anything was
	// sent. If it was and must not be repeated, such as a send, the kind is
	// ErrOutcomeUnknown instead, unless the service had refused it.
	ErrCanceled ErrorKind = "canceled"
	// ErrUnreachable: the service could not be reached, or the connection broke;
	// Error.Sent says whether anything was sent. The caller tries again later.
	ErrUnreachable ErrorKind = "service_unreachable"
	// ErrNotFound: the address, or the requested object, does not exist.
	ErrNotFound ErrorKind = "not_found"
	// ErrUnsupported: the service or the channel does not offer this.
	ErrUnsupported ErrorKind = "unsupported"
	// ErrWindowClosed: the customer wrote more than 24 hours ago, or never. The
	// caller sends a template instead.
	ErrWindowClosed ErrorKind = "service_window_closed"
	// ErrRecipient: this recipient cannot be reached. The sender marks the
	// contact; other recipients are not affected.
	ErrRecipient ErrorKind = "recipient_not_reachable"
	// ErrMarketingLimit: WhatsApp delivers no marketing message to this person
	// now. Other messages still go out.
	ErrMarketingLimit ErrorKind = "marketing_limit"
	// ErrOptedOut: this person does not want marketing messages.
	ErrOptedOut ErrorKind = "opted_out_of_marketing"
	// ErrRateLimited: too many requests. The caller waits for Error.RetryAfter,
	// if it is set, and tries again.
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
	// ErrUnavailable: the service failed for now, in a call that changes nothing
	// or may be repeated. The caller tries again later.
	ErrUnavailable ErrorKind = "service_unavailable"
	// ErrRefused: the service refused for a reason that the SDK does not know;
	// Error.Reason quotes it.
	ErrRefused ErrorKind = "refused"
	// ErrOutcomeUnknown: the request may or may not have been carried out. The
	// caller does not repeat a send, which could go out twice, but looks it up
	// with [Client.Resolve].
	ErrOutcomeUnknown ErrorKind = "outcome_unknown"
	// ErrHistoryOff: the channel keeps no history.
	ErrHistoryOff ErrorKind = "history_off"
	// ErrNoPrice: no rate card has a price for this market, category and date.
	ErrNoPrice ErrorKind = "no_price"
	// ErrNoTime: a billing activity has no time.
	ErrNoTime ErrorKind = "no_time"
	// ErrForeignChannel: the activity or event is of a channel that no account of
	// the ledger has, or names no channel. Its handler passes it over, since
	// repeating cannot help; or the ledger's owner names the channel.
	ErrForeignChannel ErrorKind = "foreign_channel"
	// ErrNoWebhookSecret: a webhook handler was made without a secret.
	ErrNoWebhookSecret ErrorKind = "no_webhook_secret"
	// ErrSnapshot: a ledger snapshot is damaged or from a newer version.
	ErrSnapshot ErrorKind = "unreadable_snapshot"
)

// RetryClass says whether the same call may be tried again after an error. It
// is one of the constants, or a time to wait first, such as "wait:24h".
type RetryClass string

// The classes of retry.
const (
	RetryNo       RetryClass = "no"       // never
	RetryFix      RetryClass = "fix"      // only after a change: of the request, the token or the channel
	RetryBackoff  RetryClass = "backoff"  // later, with growing pauses and a limit on their number
	RetryTemplate RetryClass = "template" // the same content as a template
	RetryUnknown  RetryClass = "unknown"  // the outcome is unknown: look it up, do not resend
)

// Wait returns the time to wait before the next try, for a class such as
// "wait:24h". It returns false for every other class.
func (r RetryClass) Wait() (time.Duration, bool) {
	text, ok := strings.CutPrefix(string(r), "wait:")
	if !ok {
		return 0, false
	}
	d, err := time.ParseDuration(text)
	return d, err == nil
}

// Error is the error of every failed call: a refusal of the service, a check
// that failed before anything was sent, or a broken connection. Get it with
// errors.As; test its kind with errors.Is and a sentinel such as
// [ErrWindowClosed]. An Error never holds the token: it is removed from the
// texts of the service and the network, and an underlying error that contains
// it is replaced.
type Error struct {
	// Op is the function or method that the program called, such as "Send" or
	// "Templates.Get". Each step of [Client.Connect] has its own name, such as
	// "Channel.GetStatus". Channel is empty if no channel was involved.
	Op      string
	Channel ChannelID

	// HTTPStatus is the status of the reply; 0 if there was none, as for local
	// checks.
	HTTPStatus int

	// Sent is set if the service answered, or may have got the request and did not
	// answer. Without it nothing was sent, or the service refused for now whatever
	// was sent, so nothing was done.
	Sent bool

	// Code is WhatsApp's error code, such as 131047; 0 if there is none. It is
	// never an HTTP status.
	Code int

	// Kind is the sentinel that errors.Is matches.
	Kind ErrorKind

	// Field names the wrong part of the input, such as "Buttons[1].Title";
	// only set with ErrInvalid, ErrTemplate and ErrTooLarge.
	Field string

	// Reason is what the service, or the local check, said.
	Reason string

	// Sentence tells an operator in one sentence what happened. Advice says
	// what to do, without a capital letter and a full stop; it is empty if the
	// sentence says enough. Advice holds no texts and no recipients.
	Sentence string
	Advice   string

	// Retry says whether and when the caller may try the same again. The Client
	// has already made the retries that are safe.
	Retry RetryClass

	// RetryAfter is the pause that the service asked for; 0 if it asked for
	// none.
	RetryAfter time.Duration

	// Attempt identifies the send that failed, for [Client.Resolve]. It is nil
	// if the call was no send, or if the message itself was wrong.
	Attempt *Attempt

	// Raw is the body of the reply without the token, cut at 8 KiB.
	Raw []byte

	cause error
}

// maxErrorRaw bounds Error.Raw, so that no log gets a whole HTML page.
const maxErrorRaw = 8 << 10

// Error returns one line for developers: operation, failure, code or status, and
// advice.
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

// Unwrap returns the underlying error, such as that of the network or the
// context. It is nil for most refusals.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.cause
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
		Sent       bool       `json:"sent,omitempty"`
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
	}{e.Op, e.Channel, e.HTTPStatus, e.Sent, e.Code, e.Kind, e.Field, e.Reason, e.Sentence, e.Advice, e.Retry,
		e.RetryAfter.Seconds(), e.Attempt, ""}
	if e.cause != nil {
		out.Cause = e.cause.Error()
	}
	return json.Marshal(out)
}

// in puts the operation and the channel on the error. channel is empty if no
// channel is involved. Use (*Client).local where there is a client. It shortens what
// the service wrote: an error is read by a person, and logged.
func (e *Error) in(op string, channel ChannelID) *Error {
	const longest = 1000
	e.Op, e.Channel = op, channel
	e.Reason, e.Sentence = clip(e.Reason, longest), clip(e.Sentence, longest)
	return e
}

// invalid returns the error of a local check. problem is the rest of a sentence
// that begins with the field. What follows its semicolon is the advice, which may
// name Go functions: the Sentence does not repeat it.
func invalid(field, problem string) *Error {
	reason, advice := splitProblem(problem)
	return &Error{Kind: ErrInvalid, Field: field, Reason: reason, Advice: advice, Retry: RetryFix,
		Sentence: "The " + spoken(field) + " " + ended(reason)}
}

// within puts what is wrong into the sentence about the whole, such as "The message
// cannot be sent".
func (e *Error) within(whole string) *Error {
	e.Sentence = whole + ": the " + strings.TrimPrefix(e.Sentence, "The ")
	return e
}

// noClient returns the error of a call by a client that New did not make.
func noClient() *Error {
	e := invalid("client", "is nil or was not made with New; make it with New, and check the second result of Channels.Client, "+
		"which is false for a channel that is not in the registry")
	e.Sentence = "The program is not connected to this channel."
	return e
}

// operatorSentence returns the sentence of an error for an operator.
func operatorSentence(err error) string {
	if e, ok := errors.AsType[*Error](err); ok && e.Sentence != "" {
		return e.Sentence
	}
	return err.Error()
}

// capped returns the part of a body that Error.Raw may hold.
func capped(body []byte) []byte { return bytes.Clone(body[:min(len(body), maxErrorRaw)]) }

// kindOf returns the kind of error that a row of the catalogue describes.
func kindOf(row errorcode.Row) ErrorKind {
	switch row.Code {
	case "131050":
		return ErrOptedOut
	case "http:404":
		return ErrNotFound
	case "http:413":
		return ErrTooLarge
	case "1msg:wrong-token":
		return ErrWrongChannel
	case "2593109":
		return ErrHistoryOff
	}
	switch row.Class {
	case "window":
		return ErrWindowClosed
	case "recipient", "block":
		return ErrRecipient
	case "marketing":
		return ErrMarketingLimit
	case "rate_limit":
		return ErrRateLimited
	case "template":
		return ErrTemplate
	case "media":
		return ErrMedia
	case "auth":
		return ErrUnauthorized
	case "account", "billing", "policy", "channel", "registration":
		return ErrBlocked
	case "server":
		return ErrUnavailable
	case "unsupported", "call":
		return ErrUnsupported
	case "request", "flow":
		return ErrInvalid
	}
	return ErrRefused
}

// matchText finds the catalogue's row for a text of the service. The service's
// own conditions come before the patterns of WhatsApp.
func matchText(text string) (errorcode.Row, bool) {
	text = text[:min(len(text), longestComplaint)]
	lower := strings.ToLower(text)
	for _, own := range []struct{ part, key string }{
		{"bsuid routing is disabled", "1msg:bsuid-off"},
		{"username routing is disabled", "1msg:username-off"},
		{"username is not found", "1msg:username-unknown"},
		{"not linked with bsuid", "1msg:username-unknown"},
		{"template is not defined", "1msg:template-undefined"},
		{"subscription is blocked", "1msg:subscription-blocked"},
	} {
		if strings.Contains(lower, own.part) {
			return errorcode.Lookup(own.key)
		}
	}
	return errorcode.MatchText(text)
}

// Attempt describes one try to send one message. After [ErrOutcomeUnknown],
// [Client.Resolve] needs it to look for the message. It is plain JSON and holds
// neither the token nor the text.
type Attempt struct {
	// ID is unique to this try.
	ID      string    `json:"id"`
	Channel ChannelID `json:"channel"`
	To      Recipient `json:"to"`

	// Operation is the service's word for the request, such as "sendMessage".
	Operation string `json:"operation"`

	// Fingerprint is a hash of the request, followed by a hash of the text that
	// the history will show, if there is one. Two attempts at the same message
	// have the same fingerprint.
	Fingerprint string    `json:"fingerprint"`
	Started     time.Time `json:"started"`

	// Queued is set in the Attempt of a [Receipt] that is Queued, and of an
	// [ErrOutcomeUnknown] whose reply speaks of the queue: the service may send the
	// message at any time, so that Resolve never says [OutcomeNotFound].
	Queued bool `json:"queued,omitempty"`
}
