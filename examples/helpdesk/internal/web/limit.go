package web

import (
	"hash/maphash"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limits bounds how often something may be tried, by a name such as an e-mail address.
// Names share a fixed number of places, by a hash that nobody outside can compute, so that
// any number of names takes the same memory and none can push another one out.
type limits struct {
	every time.Duration
	burst int

	mu     sync.Mutex
	seed   maphash.Seed
	places [4096]*rate.Limiter
}

func newLimits(every time.Duration, burst int) *limits {
	return &limits{every: every, burst: burst, seed: maphash.MakeSeed()}
}

// allow reports whether the name may try now, and counts the try.
func (l *limits) allow(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := maphash.String(l.seed, name) % uint64(len(l.places))
	if l.places[at] == nil {
		l.places[at] = rate.NewLimiter(rate.Every(l.every), l.burst)
	}
	return l.places[at].Allow()
}

// addressOf returns the address of the browser, of IPv6 the network of it. A proxy on this
// machine, which a desk with https has in front of it, adds the address to
// X-Forwarded-For as the last one.
func (s *Server) addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	if forwarded := r.Header.Values("X-Forwarded-For"); s.HTTPS && address.IsLoopback() && len(forwarded) > 0 {
		all := strings.Split(forwarded[len(forwarded)-1], ",")
		if by, err := netip.ParseAddr(strings.TrimSpace(all[len(all)-1])); err == nil {
			address = by
		}
	}
	address = address.Unmap()
	if address.Is4() {
		return address.String()
	}
	network, _ := address.WithZone("").Prefix(64)
	return network.String()
}
