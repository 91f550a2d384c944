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

// WebhookHandler is an http.Handler that receives webhooks. Serve it at the
// address that was given to [WebhooksService.Add]. Make one with
// [NewWebhookHandler] or [NewDeliveryHandler], and check [WebhookHandler.Err]
// once at the start. It is safe for concurrent use.
//
// It answers only after the function that it was made with has returned. So an
// event that the function did not keep is delivered again:
//
//	200  the function returned nil, or an error that is [ErrOutcomeUnknown]:
//	     a redelivery would send again
//	400  the body is not one JSON object, or the sender hung up while a large
//	     body was read
//	403  the handler has no secret, the request has no secret or a wrong one,
//	     the signature is wrong, or the body names another channel
//	405  the method is not POST
//	413  the body is larger than [WebhookMaxBody]
//	415  the content is compressed, or its type is that of a form, a page or a
//	     file
//	500  the function returned another error or panicked, or the handler was
//	     made with a bad option (see [WebhookHandler.Err]); the service delivers
//	     again
//	503  the function returned [RetryLater]
//
// An element that cannot be read does not fail a delivery: the function gets
// the other elements, [WebhookErrors] gets the [*ParseError], the answer is 200. Only
// an element that is no object is lost to the function. One with an unreadable
// member is an event all the same, with that field empty and the reason in
// [EventInfo.Problems].
//
// The service signs nothing (contract, "Delivery rules"), so the address itself
// has to be secret. The handler compares three parts of a request with
// [WebhookSecret] in constant time: the last path segment, the query parameter
// "secret", and the header X-Webhook-Secret. Without a secret it refuses every
// request. Meta and 360dialog do sign: see [WebhookMetaSignature] and
// [WebhookDialog360Signature].
//
// The handler sets no time limit for reading a request. Serve it with an
// http.Server that has ReadHeaderTimeout and ReadTimeout, so that slow senders
// cannot hold connections.
//
// The same event may be delivered twice, in any order, and several deliveries
// may run at once. Deduplicate by channel and [Event.Key].
type WebhookHandler struct {
	handle func(context.Context, *Delivery) error
	webhookConfig
}

// Delivery is one webhook request: its body and the events in it.
type Delivery struct {
	// Channel is the channel of the address if the handler has
	// [WebhookChannel] or [WebhookSecrets], else the one that the body names.
	// It is empty if neither names a channel.
	Channel ChannelID

	// Body is the request's body as it arrived. Do not change it: the events
	// refer to its bytes.
	Body []byte

	// Events and Err are the results of [ParseWebhook] for the body.
	Events []Event
	Err    error

	// Received is the time at which the request arrived. Store it with the body, and
	// the Channel too: a later ParseWebhook knows neither, and a [Ledger] needs both.
	Received time.Time
}

// WebhookOption configures a [WebhookHandler]. A bad value is not ignored: the
// handler then answers every request with 500, and [WebhookHandler.Err] says
// what is wrong.
type WebhookOption func(*webhookConfig)

type webhookConfig struct {
	secrets         [][sha256.Size]byte
	lookupSecrets   func(context.Context, ChannelID) []string
	lookupChannel   func(*http.Request) ChannelID
	signers         []signer // if there are any, a request needs the signature of one
	verifyTokens    [][sha256.Size]byte
	unauthenticated bool
	op              string // the function that made the handler
	maxBody         int64
	timeout         time.Duration
	onError         func(context.Context, error)
	err             *Error // of the first bad option
}

const (
	webhookOp = "WebhookHandler" // Error.Op of what the handler refuses

	defaultWebhookBody    = 4 << 20
	defaultWebhookTimeout = 15 * time.Second
)

// NewWebhookHandler returns a handler that calls handle for one event at a
// time, in the order of the body. If handle returns an error, the remaining
// events are not handled, and the service delivers the whole body again, with
// the events that were handled already. An error that is [ErrOutcomeUnknown] is
// only reported, and the next event follows.
//
// The context that handle gets does not end when the sender hangs up. It ends
// after [WebhookTimeout].
//
// If handle is nil or an option has a bad value, the handler answers every
// request with 500 and reports why; [WebhookHandler.Err] returns the same error.
func NewWebhookHandler(handle EventHandler, opts ...WebhookOption) *WebhookHandler {
	h := newWebhookHandler("NewWebhookHandler", opts)
	if handle == nil {
		return h
	}
	h.handle = func(ctx context.Context, d *Delivery) error {
		for i, e := range d.Events {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("chatapi: webhook: the handler's function took longer than %s, so %d of %s wait for the next delivery; "+
					"make it faster, hand its work over, or raise WebhookTimeout: %w", h.timeout, len(d.Events)-i, plural(len(d.Events), "event"), err)
			}
			if err := handle(ctx, e); errors.Is(err, ErrOutcomeUnknown) {
				h.report(ctx, err)
			} else if err != nil {
				return err
			}
		}
		return nil
	}
	return h
}

// NewDeliveryHandler returns a handler that calls handle once per request, with
// the whole [Delivery]. Use it to store a delivery before the request is
// answered. A body that is not one JSON object is handed over too, with
// [Delivery.Err] set and no events; its sender gets 400 even if handle returns
// nil.
//
// The context and the error of handle mean the same as in [NewWebhookHandler].
// If handle is nil or an option has a bad value, the handler answers every
// request with 500 and reports why; [WebhookHandler.Err] returns the same error.
func NewDeliveryHandler(handle func(ctx context.Context, d *Delivery) error, opts ...WebhookOption) *WebhookHandler {
	h := newWebhookHandler("NewDeliveryHandler", opts)
	h.handle = handle
	return h
}

// newWebhookHandler returns a handler without a function. Errors of the options have
// the operation op, the function that the program called.
func newWebhookHandler(op string, opts []WebhookOption) *WebhookHandler {
	h := &WebhookHandler{webhookConfig: webhookConfig{op: op, maxBody: defaultWebhookBody, timeout: defaultWebhookTimeout}}
	for _, opt := range opts {
		if opt != nil {
			opt(&h.webhookConfig)
		}
	}
	return h
}

// Err returns why the handler refuses every request; nil if it works. Check it
// once, before serving. The error is an [*Error].
//
// If the function is nil, or an option has a bad value, it is [ErrInvalid], its
// Field names the option, and every request is answered with 500; of several bad
// options it is the first. If no option gives a secret, a signature or
// [WebhookAcceptUnauthenticated], it is [ErrNoWebhookSecret], and every request is
// answered with 403.
func (h *WebhookHandler) Err() error {
	if err := h.misused(); err != nil {
		return err
	}
	if len(h.secrets) == 0 && h.lookupSecrets == nil && len(h.signers) == 0 && !h.unauthenticated {
		return errNoSecret().in(cmp.Or(h.op, webhookOp), "")
	}
	return nil
}

// misused returns the error of a nil function or a bad option.
func (h *WebhookHandler) misused() error {
	switch {
	case h != nil && h.err != nil:
		return h.err
	case h == nil:
		return badWebhookOption(webhookOp, "handle", "is nil", handleAdvice)
	case h.handle == nil:
		return badWebhookOption(cmp.Or(h.op, webhookOp), "handle", "is nil", handleAdvice)
	}
	return nil
}

const handleAdvice = "give NewWebhookHandler or NewDeliveryHandler a function"

// refuse keeps the error of a bad option, unless an earlier option was bad.
func (c *webhookConfig) refuse(option, problem, advice string) {
	if c.err == nil {
		c.err = badWebhookOption(c.op, option, problem, advice)
	}
}

// refuseNil keeps the error of an option that got no function.
func (c *webhookConfig) refuseNil(option string) {
	c.refuse(option, "is nil", "give the option a function, or leave it out")
}

func badWebhookOption(op, option, problem, advice string) *Error {
	e := invalid(option, problem).in(op, "")
	e.Sentence = "The webhook handler refuses every request, because the " + spoken(option) + " " + ended(problem)
	e.Advice = advice
	return e
}

// WebhookMaxBody limits a request's body to that many bytes; a larger one is
// answered with 413. The default is 4 MiB. Real bodies have a few kilobytes, and
// Meta's own limit is about 3 MB (contract of raw webhooks; second hand). 0 or
// less is an error of the handler, see [WebhookHandler.Err].
func WebhookMaxBody(bytes int64) WebhookOption {
	return func(c *webhookConfig) {
		if bytes <= 0 {
			c.refuse("WebhookMaxBody", "must be more than 0 bytes", "leave the option out for the default of 4 MiB")
			return
		}
		c.maxBody = bytes
	}
}

// WebhookTimeout limits the time for one delivery; the default is 15 seconds.
// When it is over, the context that the function got ends; the function itself
// is not stopped. 0 or less is an error of the handler, see
// [WebhookHandler.Err].
func WebhookTimeout(d time.Duration) WebhookOption {
	return func(c *webhookConfig) {
		if d <= 0 {
			c.refuse("WebhookTimeout", "must be more than 0", "leave the option out for the default of 15 seconds")
			return
		}
		c.timeout = d
	}
}

// WebhookErrors calls report for every error: refused requests, unreadable
// bodies and elements, and the errors and panics of the handler's function.
// Errors that this package makes hold no secret, and nothing of the body except
// in [ElementError.Raw]. Without the option, errors are logged as warnings with
// slog.Default. The calls may run at the same time. A nil function is an error
// of the handler, see [WebhookHandler.Err].
func WebhookErrors(report func(ctx context.Context, err error)) WebhookOption {
	return func(c *webhookConfig) {
		if report == nil {
			c.refuseNil("WebhookErrors")
			return
		}
		c.onError = report
	}
}

// RetryLater returns an error for which a [WebhookHandler] answers 503 with a
// Retry-After header: after in whole seconds, rounded up, from one to 30 days. Use it
// when the event cannot be handled now although nothing is wrong with it. The
// cause may be nil. If the cause is [ErrOutcomeUnknown], the answer is 200 all
// the same.
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

// RetryAfter returns the pause, for other packages that handle events again later.
func (e *retryLater) RetryAfter() time.Duration { return e.after }

// ServeHTTP answers one webhook request; see [WebhookHandler] for the answers.
func (h *WebhookHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, text := http.StatusInternalServerError, ""
	defer func() {
		if v := recover(); v != nil { // a function of an option panicked
			h.report(r.Context(), panicError(v))
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
	switch err = h.misused(); {
	case err != nil: // the status is 500
	case r.Method == http.MethodGet && len(h.verifyTokens) > 0:
		status, text, err = h.challenge(r)
	default:
		status, err = h.serve(w, r)
	}
	if err != nil {
		h.report(r.Context(), err)
	}
}

// serve returns the status of the answer, and the error to report.
func (h *WebhookHandler) serve(w http.ResponseWriter, r *http.Request) (int, error) {
	received := time.Now()
	if r.Method != http.MethodPost {
		allow := http.MethodPost
		if len(h.verifyTokens) > 0 {
			allow = "GET, POST"
		}
		w.Header().Set("Allow", allow)
		return http.StatusMethodNotAllowed, nil
	}
	channel, refusal := h.authorize(r)
	if refusal != nil {
		return http.StatusForbidden, refusal.in(webhookOp, channel)
	}
	if refusal := checkContent(r.Header); refusal != nil {
		return http.StatusUnsupportedMediaType, refusal.in(webhookOp, channel)
	}
	body, status, refusal := h.readBody(w, r)
	if refusal != nil {
		return status, refusal.in(webhookOp, channel)
	}
	if refusal := h.verify(r, body); refusal != nil {
		return http.StatusForbidden, refusal.in(webhookOp, channel)
	}
	parsed := readWebhook(r.Context(), body)
	if parsed.hungUp != nil {
		return http.StatusBadRequest, parsed.hungUp.in(webhookOp, channel)
	}
	channel = cmp.Or(channel, parsed.channel)
	if refusal := checkNamed(channel, parsed.channel, parsed.other); refusal != nil {
		return http.StatusForbidden, refusal.in(webhookOp, channel)
	}
	d := &Delivery{Channel: channel, Body: body, Events: parsed.events, Err: parsed.err, Received: received}
	d.label(d.Events)
	return h.deliver(w, r, d)
}

// label gives events, and those inside them, the delivery's channel and time.
func (d *Delivery) label(events []Event) {
	for _, e := range events {
		info := e.Info()
		info.Channel, info.Received = d.Channel, d.Received
		if standby, ok := e.(*StandbyEvent); ok {
			d.label(standby.Events)
		}
	}
}

// deliver calls the handler's function and turns its error into an answer.
func (h *WebhookHandler) deliver(w http.ResponseWriter, r *http.Request, d *Delivery) (int, error) {
	// A sender that hangs up must not interrupt a send of the function.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), h.timeout)
	defer cancel()
	accepted := http.StatusOK
	if d.Err != nil {
		h.report(ctx, d.Err)
		if _, elementsOnly := d.Err.(*ParseError); !elementsOnly {
			accepted = http.StatusBadRequest
		}
	}
	err := h.callHandle(ctx, d)
	later, waiting := errors.AsType[*retryLater](err)
	switch {
	case err == nil, errors.Is(err, ErrOutcomeUnknown):
		return accepted, err
	case waiting:
		seconds := wholeSeconds(later.after)
		w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
		return http.StatusServiceUnavailable, err
	}
	return http.StatusInternalServerError, err
}

// wholeSeconds returns a pause for Retry-After.
func wholeSeconds(d time.Duration) int64 {
	const longest = 30 * 24 * time.Hour
	d = min(max(d, time.Second), longest) // no overflow when it is rounded up
	return int64((d + time.Second - 1) / time.Second)
}

// callHandle calls the handler's function and returns its panic as an error.
func (h *WebhookHandler) callHandle(ctx context.Context, d *Delivery) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicError(v)
		}
	}()
	return h.handle(ctx, d)
}

func panicError(v any) error {
	if err, ok := v.(error); ok {
		return fmt.Errorf("chatapi: webhook: the handler panicked: %w\n%s", err, debug.Stack())
	}
	return fmt.Errorf("chatapi: webhook: the handler panicked: %v\n%s", v, debug.Stack())
}

// report calls the function of WebhookErrors. A panic of that function must not
// change the answer, so it is logged.
func (h *WebhookHandler) report(ctx context.Context, err error) {
	ctx = context.WithoutCancel(ctx)
	if h == nil || h.onError == nil {
		attrs := []slog.Attr{slog.Any("error", err)}
		if e, wrapped := errors.AsType[*Error](err); wrapped && error(e) != err { //nolint:errorlint // slog would print a wrapped one as text
			attrs = append(attrs, slog.Any("cause", e))
		}
		slog.LogAttrs(ctx, slog.LevelWarn, "chatapi webhook", attrs...)
		return
	}
	defer func() {
		if v := recover(); v != nil {
			slog.WarnContext(ctx, "chatapi webhook", slog.Any("error", panicError(v)), slog.Any("reporting", err))
		}
	}()
	h.onError(ctx, err)
}

// checkContent refuses a request that is not plain JSON by its header. A
// compressed body could be a gigabyte of zeros, and no sender compresses. Relays
// and queues that send a body again often call it text or bytes, so these types
// are accepted; reading the body shows whether it is JSON.
func checkContent(header http.Header) *Error {
	e := &Error{Kind: ErrInvalid, Retry: RetryNo, Sentence: "A webhook request of an unexpected kind was refused."}
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

// readBody returns the body, or the status of the answer and why the body is
// refused.
func (h *WebhookHandler) readBody(w http.ResponseWriter, r *http.Request) ([]byte, int, *Error) {
	if r.Body == nil {
		return nil, 0, nil
	}
	// Refused before reading: a sender that waits for "100 Continue" then sends
	// no body at all.
	if r.ContentLength > h.maxBody {
		return nil, http.StatusRequestEntityTooLarge, h.tooLarge()
	}
	const usual = 64 << 10 // the most memory that a Content-Length alone gets
	buffer := bytes.NewBuffer(make([]byte, 0, max(0, min(r.ContentLength, usual))+bytes.MinRead))
	_, err := buffer.ReadFrom(http.MaxBytesReader(w, r.Body, h.maxBody))
	_, over := errors.AsType[*http.MaxBytesError](err)
	switch {
	case over:
		return nil, http.StatusRequestEntityTooLarge, h.tooLarge()
	case err != nil:
		return nil, http.StatusBadRequest, &Error{Kind: ErrInvalid, Field: "body", Retry: RetryBackoff,
			Reason: "was cut off: " + clip(err.Error(), 200), Sentence: "A webhook request was cut off on its way.", cause: err}
	}
	return buffer.Bytes(), 0, nil
}

func (h *WebhookHandler) tooLarge() *Error {
	return &Error{Kind: ErrTooLarge, Field: "body", Retry: RetryNo,
		Reason:   "is larger than " + strconv.FormatInt(h.maxBody, 10) + " bytes",
		Sentence: "A webhook request was refused because it is too large.",
		Advice:   "allow more with WebhookMaxBody if it was a real one"}
}
