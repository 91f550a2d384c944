package chatapitest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/internal/until"
)

// This file carries a request to its operation and the answer back, in memory
// or over a socket.

// request is one request to the API.
type request struct {
	op        *operation
	method    string
	path      string // below the channel
	params    map[string]string
	query     url.Values // without the token
	raw       []byte
	body      object
	recipient chatapi.Recipient
	to        address

	// depth is the length of the chain of deliveries that led to this request: 0
	// for a request from outside, 1 for a bot's answer to a customer.
	depth int

	// failure is the text of the failed status that a Fault requests.
	failure string

	// webhooks are sent after the reply.
	webhooks []webhook
}

// answer is the answer to a request.
type answer struct {
	status  int
	content string
	body    []byte
	header  http.Header
	at      time.Time // by the fake's clock, for the header Date

	// A Fault sets these.
	delay time.Duration
	cut   bool
	drop  bool
	dial  bool
	stall bool
	hang  bool

	healed <-chan struct{} // ends stall and hang
}

// reply returns an answer with v as JSON.
func reply(status int, v any) answer {
	body, err := json.Marshal(v)
	if err != nil {
		return answer{status: http.StatusInternalServerError, content: "text/plain", body: []byte(err.Error())}
	}
	return answer{status: status, content: "application/json", body: body}
}

// refuse returns a 400 with that text.
func refuse(format string, args ...any) answer {
	return reply(http.StatusBadRequest, object{"error": fmt.Sprintf(format, args...)})
}

func (a answer) httpHeader() http.Header {
	header := http.Header{}
	header.Set("Content-Type", a.content)
	if !a.at.IsZero() {
		header.Set("Date", a.at.UTC().Format(http.TimeFormat))
	}
	for name, values := range a.header {
		header[http.CanonicalHeaderKey(name)] = slices.Clone(values) // each answer its own
	}
	return header
}

// memoryTransport carries requests to the API in memory.
type memoryTransport struct{ api *API }

// HeedsContext lets a Client call the fake in its own goroutine, in whose stack
// insideHandler looks for the handler.
func (*memoryTransport) HeedsContext(until.Mark) {}

func (m *memoryTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := readAndClose(r.Body)
	if err != nil {
		return nil, err
	}
	ctx := r.Context()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := m.api.stray(); err != nil {
		return nil, err
	}
	trace := traceOf(ctx)
	trace.GetConn(r.URL.Host)
	a := m.api.channelOf(r.URL.Path)
	host := cmp.Or(r.URL.Host, r.Host)
	if a.isClosed() {
		trace.DNSDone(httptrace.DNSDoneInfo{Err: errClosed})
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errClosed}
	}
	if !a.serves(host) {
		err := &net.DNSError{Err: "no such host", Name: r.URL.Hostname(), IsNotFound: true}
		trace.DNSDone(httptrace.DNSDoneInfo{Err: err})
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	}
	if name, ok := mediaName(host, r.URL.Path); ok {
		return a.file(name, r.URL, r.Header).response(r), nil
	}
	a.meetAtRequest()
	depth, _ := ctx.Value(depthKey{a}).(int)
	if depth == 0 && a.insideHandler() {
		depth = a.depthNow()
	}
	got, webhooks := a.answer(r.Method, r.URL, r.Header, body, depth)
	if got.dial {
		err := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		trace.ConnectDone("tcp", host, err)
		return nil, err
	}
	trace.GotConn(httptrace.GotConnInfo{Reused: true})
	trace.WroteRequest(httptrace.WroteRequestInfo{})
	switch {
	case a.quirks.has(StatusesFirst):
		a.send(webhooks)
		a.settle()
	case got.hang:
		a.send(webhooks) // the reply may never come
	default:
		defer a.send(webhooks)
	}
	if err := got.failure(ctx); err != nil {
		return nil, err
	}
	trace.GotFirstResponseByte()
	return got.response(r), nil
}

// readAndClose reads the body of a request, which may be nil.
func readAndClose(body io.ReadCloser) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	defer body.Close()
	return io.ReadAll(body)
}

// traceOf returns the context's trace with an empty function for each step that it
// does not follow. A client's trace tells a failed dial from a lost reply.
func traceOf(ctx context.Context) httptrace.ClientTrace {
	var trace httptrace.ClientTrace
	if given := httptrace.ContextClientTrace(ctx); given != nil {
		trace = *given
	}
	if trace.GetConn == nil {
		trace.GetConn = func(string) {}
	}
	if trace.DNSDone == nil {
		trace.DNSDone = func(httptrace.DNSDoneInfo) {}
	}
	if trace.ConnectDone == nil {
		trace.ConnectDone = func(string, string, error) {}
	}
	if trace.GotConn == nil {
		trace.GotConn = func(httptrace.GotConnInfo) {}
	}
	if trace.WroteRequest == nil {
		trace.WroteRequest = func(httptrace.WroteRequestInfo) {}
	}
	if trace.GotFirstResponseByte == nil {
		trace.GotFirstResponseByte = func() {}
	}
	return trace
}

func (a *API) isClosed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.closed
}

// serves reports whether the fake answers at that host.
func (a *API) serves(host string) bool {
	a.mu.Lock()
	closed := a.closed
	a.mu.Unlock()
	a.world.mu.Lock()
	defer a.world.mu.Unlock()
	return a.world.hosts[host] && !closed
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// ServeHTTP serves the fake over HTTP, for your own server; [API.Listen] starts one
// for you. It refuses a request that a browser makes for a page of another site. Check
// the Host yourself; the port of Listen does. Here a [Fault] with Dial breaks the
// connection.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if foreign(r.Header) {
		http.Error(w, "chatapitest: the fake refuses the requests of web pages from another site", http.StatusForbidden)
		return
	}
	a = a.channelOf(r.URL.Path)
	if name, ok := mediaName(r.Host, r.URL.Path); ok {
		a.serveMedia(w, r, name)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest+1))
	if err != nil {
		return
	}
	if len(body) > maxRequest {
		http.Error(w, "Request Entity Too Large", http.StatusRequestEntityTooLarge)
		return
	}
	got, webhooks := a.answer(r.Method, r.URL, r.Header, body, 0)
	if a.quirks.has(StatusesFirst) || got.hang || got.stall {
		a.send(webhooks) // without waiting: the caller may be a webhook handler
	} else {
		defer a.send(webhooks)
	}
	if got.failure(r.Context()) != nil || got.dial {
		panic(http.ErrAbortHandler) // net/http's way to drop a connection
	}
	header := w.Header()
	maps.Copy(header, got.httpHeader())
	header.Set("Content-Length", fmt.Sprint(len(got.body)))
	w.WriteHeader(got.status)
	if got.cut || got.stall {
		got.body = got.body[:len(got.body)/2] // too short: the server closes the connection
	}
	_, _ = w.Write(got.body)
	_ = http.NewResponseController(w).Flush()
	if got.stall {
		_ = got.hold(r.Context())
	}
}

// failure waits for the delay and returns the error of a caller who gets no answer.
func (a answer) failure(ctx context.Context) error {
	if err := wait(ctx, a.delay); err != nil {
		return err
	}
	switch {
	case a.hang:
		return a.hold(ctx)
	case a.drop:
		return errReset
	}
	return nil
}

var errReset = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}

// hold waits until the caller gives up, or until Heal or Close breaks the connection,
// and returns the error that the caller gets.
func (a answer) hold(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-a.healed:
		return errReset
	}
}

// maxRequest bounds a request body; a data URI of the largest document fits.
const maxRequest = 160 << 20

// answer carries out a request, adds it to the calls, and returns the webhooks to
// send.
func (a *API) answer(method string, address *url.URL, header http.Header, raw []byte, depth int) (answer, []webhook) {
	a.mu.Lock()
	defer a.mu.Unlock()

	channel, path, _ := strings.Cut(strings.TrimPrefix(address.Path, "/"), "/")
	r := &request{method: method, path: path, query: address.Query(), raw: raw, depth: depth}
	token := cmp.Or(r.query.Get("token"), bodyToken(raw), bearer(header))
	r.query.Del("token")
	r.op, r.params = route(method, path)
	var broken error
	if r.op != nil && r.op.body != nil {
		var form bool
		r.body, form, broken = readBody(header.Get("Content-Type"), raw, r.op, a.quirks.has(LooseBodies))
		delete(r.body, "token")
		r.op.body.fit(r.body, form, a.quirks.has(LooseBodies))
		r.recipient = recipientOf(r.body)
		if form && broken == nil {
			r.raw = formJSON(raw)
		}
	}

	carryOut := func() answer {
		if refused := a.authorize(channel, token); refused != nil {
			return *refused
		}
		switch {
		case r.op == nil, token != a.Token: // the fake serves no other channel
			return reply(http.StatusNotFound, object{"error": "Method not found"})
		case broken != nil:
			return refuse("the body cannot be read: %v", broken)
		}
		if r.op.body != nil {
			if problem := r.op.body.problem(r.body); problem != "" {
				return refuse("%s", problem)
			}
		}
		return r.op.do(a, r)
	}

	entry := Call{At: a.now(), Method: method, Path: path, Recipient: r.recipient, Body: bytes.Clone(r.raw)}
	if len(r.query) > 0 { // an empty map takes as much as a message
		entry.Query = r.query
	}
	if r.op != nil {
		entry.Operation, entry.ID = r.op.path, r.op.id
	}
	got := a.applyFault(entry, r, carryOut)
	got.at = entry.At
	entry.end(got)
	a.calls = append(a.calls, entry)
	a.changed()
	a.noteRefusal(entry)
	for i := range r.webhooks {
		r.webhooks[i].depth = depth
	}
	return got, a.announce(r.webhooks)
}

// end notes what the caller gets of the answer.
func (c *Call) end(got answer) {
	c.Status, c.Reply, c.Lost = got.status, bytes.Clone(got.body), got.drop || got.dial
	if got.dial {
		c.Status, c.Reply = 0, nil
	}
	if got.drop || got.hang {
		c.Status, c.Lost = 0, true
	}
}

// authorize returns the refusal of a request without a good token for the channel,
// or nil; the caller holds mu.
func (a *API) authorize(channel, token string) *answer {
	refused := func(got answer) *answer { return &got }
	switch {
	case a.blocked != "":
		return refused(answer{status: http.StatusForbidden, content: "text/plain; charset=utf-8", body: []byte(a.blocked)})
	case token == "":
		return refused(reply(http.StatusUnauthorized, object{"error": "unauthorized"}))
	}
	owner, other := a.tokens[token]
	for _, c := range a.world.all() {
		if c != a && c.Token == token && token != a.Token {
			owner, other = c.channel, true
		}
	}
	switch {
	case token != a.Token && !other, token == a.Token && a.expired:
		return refused(reply(http.StatusUnauthorized, object{"error": "invalid or expired token"}))
	case other && owner != channel, !other && channel != a.channel:
		return refused(reply(http.StatusUnauthorized, object{"error": fmt.Sprintf(
			"Wrong token %q for channel %q. Please provide token as a GET parameter.", token, channel)}))
	}
	return nil
}

// bearer returns the token of the header Authorization. A token in the query or
// the body takes precedence.
func bearer(header http.Header) string {
	scheme, token, _ := strings.Cut(header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// bodyToken returns the token in a JSON body (user code since 2022).
func bodyToken(raw []byte) string {
	if !bytes.Contains(raw, []byte(`"token"`)) {
		return ""
	}
	o, _ := decodeObject(raw)
	return o.text("token")
}

// readBody decodes JSON, or a form if the operation accepts one.
func readBody(content string, raw []byte, op *operation, loose bool) (o object, form bool, err error) {
	if loose {
		raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	}
	// curl calls its data a form, whatever it is.
	isJSON := bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{"))
	if isForm(content) && !isJSON && (op.form || loose) {
		return decodeForm(raw), true, nil
	}
	switch {
	case len(bytes.TrimSpace(raw)) == 0:
		return nil, false, errors.New("it is empty")
	case isForm(content) && isJSON && !loose:
		return nil, false, errors.New("it is JSON, and its Content-Type is that of a form")
	case isForm(content) && !isJSON:
		return nil, false, errors.New("it is a form, and this operation takes JSON")
	}
	o, err = decodeObject(raw)
	return o, false, err
}

func isForm(content string) bool {
	kind, _, _ := strings.Cut(content, ";")
	return strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded")
}

// route returns the operation of a path and the values of its {parameters}; nil if
// there is none.
func route(method, path string) (*operation, map[string]string) {
	path = strings.Trim(path, "/")
	for i := range operations {
		op := &operations[i]
		if op.method != method {
			continue
		}
		if params, ok := match(op.path, path); ok {
			return op, params
		}
	}
	return nil, nil
}

func match(pattern, path string) (map[string]string, bool) {
	want, have := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return nil, false
	}
	params := map[string]string{}
	for i, part := range want {
		switch {
		case strings.HasPrefix(part, "{") && have[i] != "":
			params[strings.Trim(part, "{}")] = have[i]
		case part != have[i]:
			return nil, false
		}
	}
	return params, true
}
