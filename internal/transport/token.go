package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
)

// tokenLayer puts the token on a copy of the request and removes it from
// everything that comes back, so that no layer above ever sees it.
type tokenLayer struct {
	next   http.RoundTripper
	token  func() *issued // a closure, so that no verb of fmt prints it
	bearer bool
	scrub  *Scrubber
}

func (l *tokenLayer) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	made, _ := ctx.Value(attemptKey{}).(*attempt)
	if made == nil { // a middleware has replaced the context
		made = &attempt{call: &call{}}
	}
	if httptrace.ContextClientTrace(ctx) != nil {
		ctx = quiet{ctx}
	}
	network := made.watch()
	_, standard := l.next.(*http.Transport)
	sent := &authorized{*req.WithContext(httptrace.WithClientTrace(ctx, network.follow(standard))), *req.URL}
	made.call.generation = sent.add(l.token(), l.bearer)
	resp, err := l.next.RoundTrip(&sent.Request)
	made.evidence.add(network, err, standard)

	if err == nil && resp == nil {
		err = errors.New("the network end returned neither a reply nor an error")
	}
	if err == nil {
		err = buffer(resp, &network.reply)
	}
	if err != nil {
		if resp != nil && resp.Body != nil {
			resp.Body.Close()
		}
		return nil, l.scrub.Error(err)
	}
	l.scrubReply(resp)
	resp.Request = req
	return resp, nil
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
	for name, values := range resp.Header {
		for i, value := range values {
			if clean := l.scrub.Text(value); clean != value {
				resp.Header[name][i] = clean
			}
		}
	}
	resp.Status = l.scrub.Text(resp.Status)
	if body, ok := resp.Body.(*buffered); ok {
		body.hold(l.scrub.Bytes(body.data))
	}
}

// evidence collects, for all network calls of one attempt, whether any byte may
// have been written.
type evidence struct {
	mu      sync.Mutex
	watched bool
	calls   int
	dirty   bool
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

// watch returns the observer of one network call of the attempt.
func (a *attempt) watch() *watched {
	a.evidence.mu.Lock()
	defer a.evidence.mu.Unlock()
	if a.evidence.watched {
		return &watched{}
	}
	a.evidence.watched = true
	return &a.first
}

// add records one network call. The call is clean only with proof that nothing
// was written: it asked for a connection, it never got one, and either the
// network end is net/http's own transport or the error comes from the lookup,
// dial or handshake.
func (e *evidence) add(w *watched, err error, standard bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls++
	failure := w.failure.Load()
	clean := err != nil && w.asked.Load() && !w.got.Load() && (standard || (failure != nil && errors.Is(err, *failure)) || dialFailure(err))
	if !clean {
		e.dirty = true
	}
}

// unsent reports whether it is proven that nothing was written. An attempt that
// never reached the network layer proves nothing: a middleware may have sent
// the request another way.
func (e *evidence) unsent() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.calls > 0 && !e.dirty
}

// watched observes one network call through net/http's trace: whether the call
// asked for a connection, whether it got one, and the error if it did not.
type watched struct {
	asked, got atomic.Bool
	failure    atomic.Pointer[error]
	trace      httptrace.ClientTrace
	reply      buffered
}

func (w *watched) follow(standard bool) *httptrace.ClientTrace {
	w.trace.GetConn = w.getConn
	w.trace.GotConn = w.gotConn
	if standard {
		return &w.trace // net/http reports every connection that it hands out
	}
	w.trace.WroteHeaders = func() { w.gotConn(httptrace.GotConnInfo{}) }
	w.trace.DNSDone = func(i httptrace.DNSDoneInfo) { w.failed(i.Err) }
	w.trace.ConnectDone = func(_, _ string, err error) { w.failed(err) }
	w.trace.TLSHandshakeDone = func(_ tls.ConnectionState, err error) { w.failed(err) }
	return &w.trace
}

func (w *watched) getConn(string) { w.asked.Store(true) }

func (w *watched) gotConn(httptrace.GotConnInfo) { w.got.Store(true) }

func (w *watched) failed(err error) {
	if err != nil {
		w.failure.Store(&err)
	}
}

func dialFailure(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return true
	}
	var dns *net.DNSError
	return errors.As(err, &dns) || untrusted(err)
}

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

// quiet hides the written header fields from the caller's own trace: one of
// them is the token, or the path with the token.
type quiet struct{ context.Context }

func (q quiet) Value(key any) any {
	value := q.Context.Value(key)
	if trace, ok := value.(*httptrace.ClientTrace); ok && trace.WroteHeaderField != nil {
		silent := *trace
		silent.WroteHeaderField = nil
		return &silent
	}
	return value
}

// RedactURL returns the address for a text, without query, user and fragment.
func RedactURL(u *url.URL) string {
	if u == nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
