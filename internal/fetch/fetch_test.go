package fetch

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPublic(t *testing.T) {
	for text, want := range map[string]bool{
		"8.8.8.8": true, "104.16.0.1": true, "2606:4700::1": true, "::ffff:8.8.8.8": true, "64:ff9b::808:808": true,

		"0.0.0.0": false, "0.1.2.3": false, "127.0.0.1": false, "127.255.0.9": false, "10.1.2.3": false, "172.16.0.1": false,
		"172.31.255.255": false, "192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false, "100.100.100.200": false,
		"168.63.129.16": false, "192.0.0.192": false, "192.0.2.1": false, "198.18.0.1": false, "198.51.100.7": false,
		"203.0.113.9": false, "224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "::127.0.0.1": false, "::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false, "::ffff:0:7f00:1": false,
		"fe80::1": false, "fe80::1%eth0": false, "fec0::1": false, "fc00::1": false, "fd00:ec2::254": false, "ff02::1": false,
		"64:ff9b::7f00:1": false, "64:ff9b::a9fe:a9fe": false, "64:ff9b:1::808:808": false,
		"2001::1": false, "2001:db8::1": false, "2002:7f00:1::": false, "3fff::1": false,
	} {
		assert.Equal(t, want, public(netip.MustParseAddr(text)), text)
	}
	assert.False(t, public(netip.Addr{}))
}

func TestCheck(t *testing.T) {
	f := New(nil)
	for _, address := range []string{
		"", "file.pdf", "ftp://files.example/a", "http://files.example/a", "https:///a", "https://user:pass@files.example/a",
		"https://localhost/a", "https://LOCALHOST./a", "https://a.localhost/a", "https://127.0.0.1/a", "https://127.0.0.1./a", "https://[::1]/a",
		"https://[::ffff:127.0.0.1]/a", "https://10.0.0.1:8443/a", "https://169.254.169.254/latest/meta-data", "https://0.0.0.0/a", "https://[fe80::1%25eth0]/a",
		"file:///etc/passwd", "data:text/plain,a", "javascript:1", "//files.example/a",
	} {
		u, err := url.Parse(address)
		require.NoError(t, err)
		var forbidden *Forbidden
		assert.ErrorAs(t, f.Check(u), &forbidden, address)
		_, err = f.Get(t.Context(), u)
		assert.ErrorAs(t, err, &forbidden, address)
	}
	u, _ := url.Parse("https://files.example/a?sig=1")
	assert.NoError(t, f.Check(u))
}

// With a transport of the caller's, loopback is let through, and nothing else
// that is not public.
func TestLoopbackOfAnUnguardedTransport(t *testing.T) {
	f := New(http.DefaultTransport)
	for address, allowed := range map[string]bool{
		"http://127.0.0.1:8080/a": true, "https://localhost/a": true, "http://a.localhost/a": true, "http://[::1]/a": true, "https://files.example/a": true,
		"http://files.example/a": false, "https://10.0.0.1/a": false, "http://user:pass@127.0.0.1/a": false, "ftp://127.0.0.1/a": false,
	} {
		u, err := url.Parse(address)
		require.NoError(t, err)
		assert.Equal(t, allowed, f.Check(u) == nil, address)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A transport that is a client itself quotes the address once more.
func TestErrorsDoNotQuoteTheAddress(t *testing.T) {
	reset := errors.New("connection reset")
	f := New(roundTripper(func(r *http.Request) (*http.Response, error) {
		return nil, &url.Error{Op: "Get", URL: r.URL.String(), Err: reset}
	}))
	_, err := f.Get(t.Context(), &url.URL{Scheme: "https", Host: "files.example", Path: "/a", RawQuery: "sig=s3cret"})
	require.ErrorIs(t, err, reset)
	assert.NotContains(t, err.Error(), "s3cret")
}

// Numbers that only a resolver takes for an address are caught when it has.
func TestOddHosts(t *testing.T) {
	f := New(nil)
	for _, host := range []string{"2130706433", "0x7f000001", "0177.0.0.1", "127.1"} {
		_, err := f.Get(t.Context(), &url.URL{Scheme: "https", Host: host, Path: "/a"})
		assert.Error(t, err, host)
	}
}

// names is a DNS server that gives each name its addresses in turn.
type names struct {
	mu      sync.Mutex
	answers map[string][][4]byte
	asked   int
}

func (n *names) resolver(t *testing.T) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	go func() {
		query := make([]byte, 512)
		for {
			size, from, err := conn.ReadFrom(query)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(n.answer(query[:size]), from)
		}
	}()
	var d net.Dialer
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func (n *names) answer(query []byte) []byte {
	var labels []string
	at := 12
	for query[at] != 0 {
		labels = append(labels, string(query[at+1:at+1+int(query[at])]))
		at += 1 + int(query[at])
	}
	question := query[12 : at+5]
	reply := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question...)
	if binary.BigEndian.Uint16(query[at+1:]) != 1 { // only A
		return reply
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.answers[strings.Join(labels, ".")]
	if len(list) == 0 {
		return reply
	}
	address := list[min(n.asked, len(list)-1)]
	n.asked++
	reply[7] = 1
	return append(append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4), address[:]...)
}

// A name is checked by what it means at the moment of the connection.
func TestNamesAndRedirects(t *testing.T) {
	var agents []http.Header
	var serve http.HandlerFunc
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		agents = append(agents, r.Header)
		serve(w, r)
	}))
	defer server.Close()
	port := server.URL[strings.LastIndexByte(server.URL, ':'):]
	inside := [4]byte{127, 0, 0, 2} // the server answers there, too
	outside := [4]byte{127, 0, 0, 1}
	allow := func(a netip.Addr) bool { return a == netip.AddrFrom4(outside) }
	file := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("file")) }
	to := func(address string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, address, http.StatusFound) }
	}
	for name, c := range map[string]struct {
		answers map[string][][4]byte
		serve   http.HandlerFunc
		refused string // empty if the file is delivered
		calls   int
	}{
		"outside":               {map[string][][4]byte{"example.com": {outside}}, file, "", 1},
		"inside":                {map[string][][4]byte{"example.com": {inside}}, file, "not an address of the public internet", 0},
		"rebound":               {map[string][][4]byte{"example.com": {outside, inside}}, to("https://example.com" + port + "/again"), "not an address of the public internet", 1},
		"redirect by name":      {map[string][][4]byte{"example.com": {outside, inside}, "www.example.com": {inside}}, to("https://www.example.com" + port), "not an address of the public internet", 1},
		"redirect to a number":  {map[string][][4]byte{"example.com": {outside}}, to("https://10.0.0.1/a"), "is not on the public internet", 1},
		"redirect to metadata":  {map[string][][4]byte{"example.com": {outside}}, to("http://169.254.169.254/latest"), "is not https", 1},
		"redirect to http":      {map[string][][4]byte{"example.com": {outside}}, to("http://example.com/a"), "is not https", 1},
		"redirect to a file":    {map[string][][4]byte{"example.com": {outside}}, to("file:///etc/passwd"), "is not an https address", 1},
		"redirect round":        {map[string][][4]byte{"example.com": {outside}}, to("https://example.com" + port + "/round"), "redirects too often", 6},
		"redirect with a login": {map[string][][4]byte{"example.com": {outside}}, to("https://u:p@example.com/a"), "holds a user name", 1},
	} {
		t.Run(name, func(t *testing.T) {
			agents, serve = nil, c.serve
			network := network(dialer((&names{answers: c.answers}).resolver(t), allow))
			network.DisableKeepAlives = name == "rebound" // so that the name is asked for again
			network.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
			defer network.CloseIdleConnections()
			resp, err := fetcher(network, false).Get(t.Context(), &url.URL{Scheme: "https", Host: "example.com" + port, Path: "/a", RawQuery: "sig=s3cret"})
			assert.Len(t, agents, c.calls)
			for _, header := range agents {
				assert.Empty(t, header["Referer"])
				assert.Empty(t, header["Authorization"])
				assert.Empty(t, header["Cookie"])
			}
			if c.refused == "" {
				require.NoError(t, err)
				assert.NoError(t, resp.Body.Close())
				return
			}
			var forbidden *Forbidden
			require.ErrorAs(t, err, &forbidden)
			assert.ErrorContains(t, err, c.refused)
			assert.NotContains(t, err.Error(), "s3cret")
		})
	}
}

func FuzzCheck(f *testing.F) {
	for _, seed := range []string{"https://files.example/a", "https://127.0.0.1", "https://[::ffff:10.0.0.1]", "https://0x7f.1", "https://[64:ff9b::a00:1]/", "https://a@b", "HTTPS://127.0.0.1.:443"} {
		f.Add(seed)
	}
	guarded := New(nil)
	f.Fuzz(func(t *testing.T, text string) {
		u, err := url.Parse(text)
		if err != nil || guarded.Check(u) != nil {
			return
		}
		if u.Scheme != "https" || u.User != nil || u.Hostname() == "" {
			t.Fatalf("%q is let through", text)
		}
		ip := net.ParseIP(strings.TrimSuffix(u.Hostname(), "."))
		if ip != nil && (ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsUnspecified() || ip.IsMulticast()) {
			t.Fatalf("%q is let through", text)
		}
	})
}
