package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/chatapi-go/chatapi/internal/until"
)

// tokenLayer puts the token on a copy of the request and removes it from
// everything that comes back, so that no layer above ever sees it.
type tokenLayer struct {
	next   http.RoundTripper
	token  func() *issued // a closure, so that no verb of fmt prints it
	bearer bool
	scrub  *Scrubber
	strays *strays
	proves bool // next reports each connection that it uses, as net/http does
}

func (l *tokenLayer) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	made, _ := ctx.Value(attemptKey{}).(*attempt)
	if made == nil { // a middleware has replaced the context
		if l.strays.refused.Load() {
			return nil, ErrStray
		}
		l.strays.came.Store(true)
		made = &attempt{call: &call{}}
	}
	if err := made.admit(ctx); err != nil {
		return nil, err
	}
	network := made.start()
	if network == nil {
		return nil, errOver
	}
	if httptrace.ContextClientTrace(ctx) != nil {
		ctx = quiet{ctx, l.scrub}
	}
	if l.proves {
		ctx = httptrace.WithClientTrace(ctx, network.follow())
	}
	unsent := made.body.Len()
	sent := &authorized{*req.WithContext(ctx), *req.URL}
	made.call.generation.Store(int64(sent.add(l.token(), l.bearer)))
	resp, err := l.carry(&sent.Request)
	// A protocol that a user registered with net/http may have sent the request
	// before net/http asked for a connection. It had to read the body for that.
	// The fake reads it for its list of calls. A network end that got a connection, or
	// may have, can still be reading the body.
	clean := err != nil && l.proves && network.unconnected() && (made.body.Len() == unsent || until.Marked(l.next))
	made.evidence.end(clean)
	if err == nil && resp == nil {
		err = &neitherError{"network end"}
	}
	if err == nil {
		err = buffer(ctx, resp, &network.reply)
	}
	if err != nil {
		if resp != nil && resp.Body != nil {
			resp.Body.Close()
		}
		return nil, l.scrub.Foreign(err)
	}
	l.scrubReply(resp)
	resp.Request = req
	return resp, nil
}

// carry gives the request to the network end. The value of a panic may hold the
// request, and a server writes it into its log, so a text of it takes its place.
func (l *tokenLayer) carry(req *http.Request) (resp *http.Response, err error) {
	caught, returned := any(nil), false
	func() {
		defer func() {
			if !returned {
				caught = recover() // nil after runtime.Goexit, which goes on
			}
		}()
		resp, err = l.next.RoundTrip(req) //nolint:bodyclose // the caller of RoundTrip closes it
		returned = true
	}()
	switch value := caught.(type) {
	case nil:
		return resp, err
	case runtime.Error:
		panic(value)
	case error:
		panic(l.scrub.Foreign(value))
	case string:
		panic(l.scrub.Text(value))
	default:
		panic(l.scrub.Text(fmt.Sprintf("%T %+v", value, value)))
	}
}

// errOver is the error of a request that a middleware makes after its attempt
// was over. The attempt may be repeated by then, so it would be one too many.
var errOver = errors.New("the attempt is over; a middleware must wait for its requests")

// neitherError is the error for a network end or a middleware that breaks the
// contract of http.RoundTripper.
type neitherError struct{ who string }

func (e *neitherError) Error() string {
	return "the " + e.who + " returned neither a reply nor an error"
}

// authorized is a request with the token. It shares everything but the token
// with the request of the layers above.
type authorized struct {
	http.Request
	address url.URL
}

// add puts the token on the request and returns its generation.
func (sent *authorized) add(token *issued, bearer bool) (generation int) {
	// net/http repeats a POST by itself if it has such a key, or if it can
	// rewind the body. The retry layer alone decides about that.
	unwanted := []string{"Idempotency-Key", "X-Idempotency-Key", "Authorization"}
	sent.GetBody = nil
	if bearer || slices.ContainsFunc(unwanted, func(name string) bool { return sent.Header[name] != nil }) {
		sent.Header = sent.Header.Clone()
		for _, name := range unwanted {
			sent.Header.Del(name)
		}
	}

	// Send exactly one token: the service prefers the query over the header.
	sent.URL = &sent.address
	if bearer {
		sent.Header.Set("Authorization", "Bearer "+token.token)
	}
	if sent.address.RawQuery == "" && !bearer {
		sent.address.RawQuery = token.query
		return token.generation
	}
	query := sent.address.Query()
	query.Del("token")
	if !bearer {
		query.Set("token", token.token)
	}
	sent.address.RawQuery = query.Encode()
	return token.generation
}

func (l *tokenLayer) scrubReply(resp *http.Response) {
	resp.Header, resp.Trailer = l.scrub.Header(resp.Header), l.scrub.Header(resp.Trailer)
	resp.Status, resp.Proto = l.scrub.Text(resp.Status), l.scrub.Text(resp.Proto)
	for i, coding := range resp.TransferEncoding {
		resp.TransferEncoding[i] = l.scrub.Text(coding)
	}
	if body, ok := resp.Body.(*buffered); ok {
		body.hold(l.scrub.Bytes(body.data))
	}
}

// evidence collects, for all network calls of one attempt, whether any byte may
// have been written.
type evidence struct {
	mu      sync.Mutex
	started int // requests that came to the token layer
	waiting int // requests of them that are neither turned back nor on the network yet
	open    int // network calls that have not ended
	dirty   bool
	over    bool // no call may start any more
}

type attemptKey struct{}

// attempt is the state of one attempt of a call. It is the context of its
// request, so that the token layer finds it there.
type attempt struct {
	context.Context
	call     *call
	http     http.Request
	body     bytes.Reader
	evidence evidence
	first    watched // the first network call of the attempt; a second one is rare
}

func (a *attempt) Value(key any) any {
	if key == (attemptKey{}) {
		return a
	}
	return a.Context.Value(key)
}

// String and Format hide the message from a middleware or a hook that prints
// the context.
func (*attempt) String() string               { return "chatapi.attempt" }
func (a *attempt) Format(f fmt.State, _ rune) { fmt.Fprint(f, a.String()) }

// start begins a network call of a request that was admitted, and returns its
// observer. It returns nil if the attempt is over.
func (a *attempt) start() *watched {
	e := &a.evidence
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waiting--
	if e.over {
		return nil
	}
	e.open++
	if e.started > 1 {
		return &watched{}
	}
	return &a.first
}

// end records the end of a network call. The call is clean only with proof that
// nothing was written, which only net/http's own transport and the fake give: the
// call asked for a connection and never got one.
func (e *evidence) end(clean bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.open--
	e.dirty = e.dirty || !clean
}

// close ends the attempt and reports whether it is proven that nothing was
// written. An attempt that never reached the token layer proves nothing: a
// middleware may have sent the request another way. Neither does one with a
// network call that has not ended. The same holds for a request that still waits:
// no failure of it was seen. Only a refusal of Before stands for such a request.
func (e *evidence) close(refused bool) (unsent bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.over = true
	return e.started > 0 && e.open == 0 && !e.dirty && (e.waiting == 0 || refused)
}

// watched observes one network call through the trace of net/http, which
// reports every connection that its transport hands out.
type watched struct {
	asked, got atomic.Bool
	trace      httptrace.ClientTrace
	reply      buffered
}

func (w *watched) follow() *httptrace.ClientTrace {
	w.trace.GetConn = w.getConn
	w.trace.GotConn = w.gotConn
	return &w.trace
}

// unconnected reports whether the call asked for a connection and got none.
func (w *watched) unconnected() bool { return w.asked.Load() && !w.got.Load() }

func (w *watched) getConn(string) { w.asked.Store(true) }

func (w *watched) gotConn(httptrace.GotConnInfo) { w.got.Store(true) }

// untrusted reports whether a certificate was not accepted. That happens before
// anything is written.
func untrusted(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		header       tls.RecordHeaderError
		authority    x509.UnknownAuthorityError
		host         x509.HostnameError
		invalid      x509.CertificateInvalidError
	)
	return errors.As(err, &verification) || errors.As(err, &header) ||
		errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid)
}

// quiet hides the token from the caller's own trace: among the written header
// fields, which have it themselves or in the path, in the early replies, and in
// errors.
type quiet struct {
	context.Context
	scrub *Scrubber
}

func (q quiet) Value(key any) any {
	value := q.Context.Value(key)
	trace, ok := value.(*httptrace.ClientTrace)
	if !ok {
		return value
	}
	silent := *trace
	silent.WroteHeaderField = nil
	if tell := trace.Got1xxResponse; tell != nil {
		silent.Got1xxResponse = func(code int, header textproto.MIMEHeader) error {
			return tell(code, textproto.MIMEHeader(q.scrub.Header(http.Header(header))))
		}
	}
	if tell := trace.WroteRequest; tell != nil {
		silent.WroteRequest = func(i httptrace.WroteRequestInfo) {
			i.Err = q.scrub.Foreign(i.Err)
			tell(i)
		}
	}
	if tell := trace.PutIdleConn; tell != nil {
		silent.PutIdleConn = func(err error) { tell(q.scrub.Foreign(err)) }
	}
	if tell := trace.DNSDone; tell != nil {
		silent.DNSDone = func(i httptrace.DNSDoneInfo) {
			i.Err = q.scrub.Foreign(i.Err)
			tell(i)
		}
	}
	if tell := trace.ConnectDone; tell != nil {
		silent.ConnectDone = func(network, address string, err error) { tell(network, address, q.scrub.Foreign(err)) }
	}
	if tell := trace.TLSHandshakeDone; tell != nil {
		silent.TLSHandshakeDone = func(state tls.ConnectionState, err error) { tell(state, q.scrub.Foreign(err)) }
	}
	return &silent
}

// RedactURL returns the address for a text, without query, user and fragment.
func RedactURL(u *url.URL) string {
	if u == nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
