// Package fetch gets files from addresses that came from outside and are not
// trusted: without any credential, by https only, and from the public internet
// only.
package fetch

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/internal/until"
)

// maxRedirects is the largest number of redirects that a Fetcher follows.
const maxRedirects = 5

// A Fetcher gets files. It is safe for concurrent use.
type Fetcher struct {
	client   *http.Client
	loopback bool
}

// New returns a Fetcher with its own network end. An unguarded transport, if it
// is not nil, replaces that. Then resolved names are not checked, and loopback
// addresses are allowed, by http too.
func New(unguarded http.RoundTripper) *Fetcher {
	if unguarded != nil {
		return fetcher(until.Transport(unguarded), true)
	}
	return fetcher(network(dialer(nil, public)), false)
}

func fetcher(transport http.RoundTripper, loopback bool) *Fetcher {
	f := &Fetcher{loopback: loopback}
	f.client = &http.Client{Transport: transport, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		r.Header.Del("Referer") // the previous address may hold a signature
		if len(via) > maxRedirects {
			return &Forbidden{"it redirects too often"}
		}
		if err := f.Check(r.URL); err != nil {
			return &Forbidden{"it redirects to an address that " + err.Error()}
		}
		return nil
	}}
	return f
}

// network returns a network end without a proxy, which would resolve the names
// itself, and without decompression, which would turn a small file into a large
// one.
func network(d *net.Dialer) *http.Transport {
	return &http.Transport{
		DialContext:            d.DialContext,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  30 * time.Second,
		IdleConnTimeout:        30 * time.Second,
		MaxIdleConnsPerHost:    8,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// Check checks an address as far as possible before its name is resolved. The
// error is a *Forbidden whose text continues a sentence that begins with "the
// address".
func (f *Fetcher) Check(u *url.URL) error {
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	local := host == "localhost" || strings.HasSuffix(host, ".localhost")
	addr, err := netip.ParseAddr(host)
	literal := err == nil
	if literal && addr.Unmap().IsLoopback() {
		local = true
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http", host == "":
		return &Forbidden{"is not an https address"}
	case u.User != nil:
		return &Forbidden{"holds a user name"}
	case local && f.loopback:
		return nil
	case u.Scheme != "https":
		return &Forbidden{"is not https"}
	case local || literal && !public(addr):
		return &Forbidden{"is not on the public internet"}
	}
	return nil
}

// Get requests a file and follows redirects, each of which it checks too. The
// error does not quote the address, whose query may be a signature.
func (f *Fetcher) Get(ctx context.Context, address *url.URL) (*http.Response, error) {
	if err := f.Check(address); err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, bare(err)
	}
	r.Header.Set("Accept", "*/*")
	r.Header.Set("Accept-Encoding", "identity")
	resp, err := f.client.Do(r)
	if err != nil {
		if resp != nil && resp.Body != nil {
			resp.Body.Close()
		}
		return nil, bare(err)
	}
	return resp, nil
}

// bare removes the error that net/http wraps around others to quote the address.
func bare(err error) error {
	var quoting *url.Error
	for errors.As(err, &quoting) {
		err = quoting.Err
	}
	var forbidden *Forbidden
	if errors.As(err, &forbidden) {
		return forbidden
	}
	return err
}
