package chatapi

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// Delivery is one webhook request: its body and what was read from it.
type Delivery struct {
	// Channel is the channel of the address if the handler has
	// [WebhookChannel] or [WebhookSecrets], else the one that the body names;
	// empty if there is neither.
	Channel ChannelID

	// Body is the request's body as it arrived. Do not change it: the events
	// refer to its bytes.
	Body []byte

	// Events and Err are what [ParseWebhook] returns for the body.
	Events []Event
	Err    error

	// Received is when the request arrived.
	Received time.Time
}

// WebhookHandler receives webhooks: an http.Handler for the address that was
// given to [WebhooksService.Add]. Make one with [NewWebhookHandler] or
// [NewDeliveryHandler]. It is safe for concurrent use.
//
// It answers after the event is safe, that is, after the function it was made
// with has returned:
//
//	200  the function returned nil, or an error that is [ErrOutcomeUnknown]:
//	     a redelivery would send again
//	500  it returned another error or panicked; the service delivers again
//	503  it returned [RetryLater]
//	400  the body is not one JSON object
//	403  no secret, a wrong one, a wrong signature, or a body that names
//	     another channel
//	405  the method is not POST
//	413  the body is larger than [WebhookMaxBody]
//	415  the content is compressed, or a form, a page or a file by its type
//
// Single elements that cannot be read do not fail a delivery: their siblings
// are handled, the [*ParseError] goes to [WebhookErrors], the answer is 200.
//
// The service signs nothing (contract, "Delivery rules"), so the address itself
// has to be secret: its last path segment, its query parameter "secret", or the
// header X-Webhook-Secret is compared with [WebhookSecret] in constant time.
// Without a secret every request is refused. Meta and 360dialog do sign: see
// [WebhookMetaSignature] and [WebhookDialog360Signature].
//
// A sender may be slow. Serve with an http.Server that has ReadHeaderTimeout and
// ReadTimeout; what arrived is bounded by [WebhookMaxBody] anyway.
//
// Deliveries come doubled and in any order, and several at once. Deduplicate by
// channel and [Event.Key].
type WebhookHandler struct {
	handle func(context.Context, *Delivery) error
	webhookConfig
}

// WebhookOption changes a [WebhookHandler].
type WebhookOption func(*webhookConfig)

type webhookConfig struct {
	secrets         [][sha256.Size]byte
	secretsOf       func(context.Context, ChannelID) []string
	channelOf       func(*http.Request) ChannelID
	signed          bool // one of the signers has to agree
	signers         []signer
	verifyTokens    [][sha256.Size]byte
	unauthenticated bool
	maxBody         int64
	timeout         time.Duration
	report          func(context.Context, error)
}

const (
	defaultWebhookBody    = 4 << 20
	defaultWebhookTimeout = 15 * time.Second
)

// NewWebhookHandler returns a handler that calls handle for one event at a
// time, in the order of the body. The first error ends the delivery, so that
// the service delivers all of it again, with the events that were handled
// already; but after an error that is [ErrOutcomeUnknown] the next event is
// handled as if there had been none.
//
// The context that handle gets does not end when the sender hangs up. It ends
// after [WebhookTimeout].
func NewWebhookHandler(handle EventHandler, opts ...WebhookOption) *WebhookHandler {
	h := newWebhookHandler(opts)
	if handle == nil {
		return h
	}
	h.handle = func(ctx context.Context, d *Delivery) error {
		for _, e := range d.Events {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("chatapi: webhook: no time left for the remaining events: %w", err)
			}
			if err := handle(ctx, e); errors.Is(err, ErrOutcomeUnknown) {
				h.reported(ctx, err)
			} else if err != nil {
				return err
			}
		}
		return nil
	}
	return h
}

// NewDeliveryHandler returns a handler that calls handle once per request,
// with everything that arrived. That is the place to store a delivery before it
// is answered. A body that is not one JSON object is handed over too, with
// [Delivery.Err] set and no events, so that it can be kept; its sender is told
// 400 even if handle returns nil.
//
// The context and the meaning of the error are those of [WebhookHandler].
func NewDeliveryHandler(handle func(ctx context.Context, d *Delivery) error, opts ...WebhookOption) *WebhookHandler {
	h := newWebhookHandler(opts)
	h.handle = handle
	return h
}

func newWebhookHandler(opts []WebhookOption) *WebhookHandler {
	h := &WebhookHandler{webhookConfig: webhookConfig{maxBody: defaultWebhookBody, timeout: defaultWebhookTimeout}}
	for _, opt := range opts {
		if opt != nil {
			opt(&h.webhookConfig)
		}
	}
	return h
}

// WebhookMaxBody bounds a request's body in bytes; the default is 4 MiB. Real
// bodies have a few kilobytes, and Meta's own limit is about 3 MB (contract of
// raw webhooks; second hand).
func WebhookMaxBody(bytes int64) WebhookOption {
	return func(c *webhookConfig) {
		if bytes > 0 {
			c.maxBody = bytes
		}
	}
}

// WebhookTimeout bounds how long one delivery may be worked on; the default is
// 15 seconds. It ends the context, not the function.
func WebhookTimeout(d time.Duration) WebhookOption {
	return func(c *webhookConfig) {
		if d > 0 {
			c.timeout = d
		}
	}
}

// WebhookErrors is told about everything that went wrong: refused requests,
// unreadable bodies and elements, the errors and panics of the function. The
// errors that this package makes hold no secret and nothing of the body but in
// [ElementError.Raw]. By default they are logged as warnings with
// slog.Default.
func WebhookErrors(report func(ctx context.Context, err error)) WebhookOption {
	return func(c *webhookConfig) { c.report = report }
}

// RetryLater returns an error for which a [WebhookHandler] answers 503 with
// that Retry-After (in whole seconds, at least one): nothing is wrong, but not
// now. The cause may be nil; one that is [ErrOutcomeUnknown] is answered 200
// all the same.
func RetryLater(after time.Duration, cause error) error { return &retryLater{after, cause} }

type retryLater struct {
	after time.Duration
	cause error
}

func (e *retryLater) Error() string {
	if e.cause == nil {
		return "chatapi: retry later"
	}
	return "chatapi: retry later: " + e.cause.Error()
}

func (e *retryLater) Unwrap() error { return e.cause }

// ServeHTTP answers one webhook request.
func (h *WebhookHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, text := http.StatusInternalServerError, ""
	defer func() {
		if v := recover(); v != nil { // of an option's function
			h.reported(r.Context(), panicked(v))
			status = http.StatusInternalServerError
		}
		if status != http.StatusOK {
			http.Error(w, http.StatusText(status), status)
			return
		}
		if text != "" { // a browser must not take it for a page
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.Header().Set("X-Content-Type-Options", "nosniff")
		}
		w.WriteHeader(status)
		if text != "" {
			_, _ = io.WriteString(w, text)
		}
	}()
	var err error
	if h != nil && r.Method == http.MethodGet && len(h.verifyTokens) > 0 {
		status, text, err = h.challenge(r)
	} else {
		status, err = h.serve(w, r)
	}
	if err != nil {
		h.reported(r.Context(), err)
	}
}

// serve returns the answer's status, and what is left to report.
func (h *WebhookHandler) serve(w http.ResponseWriter, r *http.Request) (int, error) {
	received := time.Now()
	if h == nil || h.handle == nil {
		e := invalid("handle", "is nil")
		e.Op = "WebhookHandler"
		return http.StatusInternalServerError, e
	}
	if r.Method != http.MethodPost {
		allow := http.MethodPost
		if len(h.verifyTokens) > 0 {
			allow = "GET, POST"
		}
		w.Header().Set("Allow", allow)
		return http.StatusMethodNotAllowed, nil
	}
	channel, err := h.authorize(r)
	if err != nil {
		return http.StatusForbidden, err
	}
	if err := checkContent(r.Header); err != nil {
		return http.StatusUnsupportedMediaType, err
	}
	body, status, err := h.read(w, r)
	if err != nil {
		return status, err
	}
	if err := h.verify(r, channel, body); err != nil {
		return http.StatusForbidden, err
	}
	read := readWebhook(body)
	channel = cmp.Or(channel, read.channel) // and another one is refused
	for _, named := range [...]ChannelID{read.channel, read.other} {
		if named != "" && !sameChannel(channel, named) {
			return http.StatusForbidden, &Error{Op: "WebhookHandler", Channel: channel, Kind: ErrWrongChannel, Retry: RetryNo,
				Reason:   "the body names channel " + clip(string(named), 64),
				Sentence: fmt.Sprintf("A webhook for channel %s came in as one of channel %s.", clip(string(named), 64), channel),
				Advice:   "check which addresses the channels have; if they are right, someone is guessing"}
		}
	}
	d := &Delivery{Channel: channel, Body: body, Events: read.events, Err: read.err, Received: received}
	for _, e := range d.Events {
		info := e.Info()
		info.Channel, info.Received = d.Channel, received
	}
	return h.deliver(w, r, d)
}

// deliver calls the function and turns what it returns into an answer.
func (h *WebhookHandler) deliver(w http.ResponseWriter, r *http.Request, d *Delivery) (int, error) {
	// The sender's hanging up must not cut a send of the function in two.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), h.timeout)
	defer cancel()
	accepted := http.StatusOK
	if d.Err != nil {
		h.reported(ctx, d.Err)
		if _, elementsOnly := d.Err.(*ParseError); !elementsOnly {
			accepted = http.StatusBadRequest
		}
	}
	err := h.contained(ctx, d)
	later, waiting := errors.AsType[*retryLater](err)
	switch {
	case err == nil, errors.Is(err, ErrOutcomeUnknown):
		return accepted, err
	case waiting:
		seconds := max(1, int64((later.after+time.Second-1)/time.Second))
		w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
		return http.StatusServiceUnavailable, err
	}
	return http.StatusInternalServerError, err
}

// contained calls the function; a panic of it is an error.
func (h *WebhookHandler) contained(ctx context.Context, d *Delivery) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicked(v)
		}
	}()
	return h.handle(ctx, d)
}

func panicked(v any) error {
	if err, ok := v.(error); ok {
		return fmt.Errorf("chatapi: webhook: the handler panicked: %w\n%s", err, debug.Stack())
	}
	return fmt.Errorf("chatapi: webhook: the handler panicked: %v\n%s", v, debug.Stack())
}

// reported hands an error to the user's function, whose own panic must not
// change the answer.
func (h *WebhookHandler) reported(ctx context.Context, err error) {
	ctx = context.WithoutCancel(ctx)
	if h == nil || h.report == nil {
		slog.WarnContext(ctx, "chatapi webhook", slog.Any("error", err))
		return
	}
	defer func() {
		if v := recover(); v != nil {
			slog.WarnContext(ctx, "chatapi webhook", slog.Any("error", panicked(v)), slog.Any("reporting", err))
		}
	}()
	h.report(ctx, err)
}

// checkContent refuses what is not plain JSON. A compressed body could be a
// gigabyte of zeros, and no sender compresses. Relays and queues that send a
// body again often call it text or bytes, so that is let through: whether it is
// JSON is seen when it is read.
func checkContent(header http.Header) error {
	e := &Error{Op: "WebhookHandler", Kind: ErrInvalid, Retry: RetryNo, Sentence: "A webhook request of an unexpected kind was refused."}
	if coding := strings.ToLower(strings.TrimSpace(header.Get("Content-Encoding"))); coding != "" && coding != "identity" {
		e.Field, e.Reason = "Content-Encoding", "is "+clip(coding, 40)+"; a webhook is not compressed"
		return e
	}
	kind, _, _ := strings.Cut(strings.ToLower(header.Get("Content-Type")), ";")
	switch kind = strings.TrimSpace(kind); {
	case kind == "", kind == "application/json", kind == "text/json", strings.HasSuffix(kind, "+json"),
		kind == "text/plain", kind == "application/octet-stream":
		return nil
	}
	e.Field, e.Reason = "Content-Type", "is "+clip(kind, 40)+"; a webhook is application/json"
	return e
}

// read returns the body, or the status to refuse it with.
func (h *WebhookHandler) read(w http.ResponseWriter, r *http.Request) ([]byte, int, error) {
	if r.Body == nil {
		return nil, 0, nil
	}
	if r.ContentLength > h.maxBody { // nothing is read, and a sender that waits for "100 Continue" sends nothing
		return nil, http.StatusRequestEntityTooLarge, h.tooLarge()
	}
	const usual = 64 << 10 // what is set aside on the sender's word alone
	buffer := bytes.NewBuffer(make([]byte, 0, max(0, min(r.ContentLength, usual))+bytes.MinRead))
	_, err := buffer.ReadFrom(http.MaxBytesReader(w, r.Body, h.maxBody))
	_, over := errors.AsType[*http.MaxBytesError](err)
	switch {
	case over:
		return nil, http.StatusRequestEntityTooLarge, h.tooLarge()
	case err != nil:
		return nil, http.StatusBadRequest, &Error{Op: "WebhookHandler", Kind: ErrInvalid, Field: "body", Retry: RetryBackoff,
			Reason: "was cut off: " + clip(err.Error(), 200), Sentence: "A webhook request was cut off on its way.", cause: err}
	}
	return buffer.Bytes(), 0, nil
}

func (h *WebhookHandler) tooLarge() error {
	return &Error{Op: "WebhookHandler", Kind: ErrTooLarge, Field: "body", Retry: RetryNo,
		Reason:   "is larger than " + strconv.FormatInt(h.maxBody, 10) + " bytes",
		Sentence: "A webhook request was refused because it is too large.",
		Advice:   "allow more with WebhookMaxBody if it was a real one"}
}
