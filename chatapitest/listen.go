package chatapitest

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// ListenAt serves the fake at an address of this machine, such as "127.0.0.1:8300", as
// [API.Listen] does at a free port, and returns the API URL there. It serves others, which
// may be nil, at the same port: they get each request that has no token and whose path
// begins neither with a channel of the fake nor with "/media/". So a page beside the fake
// needs no port of its own. Port 0 is a free port.
//
// At a loopback address the port answers only requests whose Host is this machine and the
// port number. At another address, such as ":8300", it answers everybody who reaches the
// port, so use one only in a network that you trust. The error of a port that is taken
// wraps the system's.
func (a *API) ListenAt(address string, others http.Handler) (apiURL string, err error) {
	return a.listen("ListenAt", address, others)
}

func (a *API) listen(method, address string, others http.Handler) (apiURL string, err error) {
	if a.world.bubble != "" {
		return "", fmt.Errorf("chatapitest: %s: a port does not work inside a testing/synctest bubble; use Transport", method)
	}
	listener, err := (&net.ListenConfig{}).Listen(a.stopping, "tcp", address)
	if err != nil {
		if a.isClosed() {
			return "", errClosed
		}
		return "", fmt.Errorf("chatapitest: %s: %w", method, err)
	}
	at, port, local := reachable(listener.Addr().String(), address)
	handler := a.beside(others)
	if local {
		handler = a.guard(port, handler)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		listener.Close()
		return "", errClosed
	}
	a.servers = append(a.servers, server)
	a.workers.Add(1)
	a.mu.Unlock()
	a.world.mu.Lock()
	a.world.hosts[at] = true
	a.world.files = "http://" + at + "/media/"
	a.world.mu.Unlock()
	go func() {
		defer a.workers.Done()
		_ = server.Serve(listener) // returns an error in any case, when Close is called
	}()
	return "http://" + at + "/" + a.channel, nil
}

// reachable returns the host and port at which others reach a listener, and whether only
// this machine does. A listener at all addresses has that of the first network.
func reachable(listening, asked string) (address, port string, local bool) {
	host, port, _ := net.SplitHostPort(listening)
	ip := net.ParseIP(host)
	switch {
	case ip == nil || ip.IsLoopback():
		return listening, port, true
	case !ip.IsUnspecified():
		if name, _, err := net.SplitHostPort(asked); err == nil && name != "" {
			host = name
		}
		return net.JoinHostPort(host, port), port, false
	}
	host = "127.0.0.1"
	networks, err := net.InterfaceAddrs()
	for _, network := range networks {
		if n, ok := network.(*net.IPNet); ok && err == nil && !n.IP.IsLoopback() && n.IP.To4() != nil {
			host = n.IP.String()
			break
		}
	}
	return net.JoinHostPort(host, port), port, false
}

// beside serves the fake, and others what is not the fake's.
func (a *API) beside(others http.Handler) http.Handler {
	if others == nil {
		return a
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if first == "media" || a.channelOf(r.URL.Path).channel == first || r.URL.Query().Has("token") || bearer(r.Header) != "" {
			a.ServeHTTP(w, r)
			return
		}
		others.ServeHTTP(w, r)
	})
}

var errClosed = errors.New("chatapitest: the fake is closed; use it before the test ends and before Close, or make a new one")
