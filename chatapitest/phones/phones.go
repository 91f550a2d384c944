// Package phones shows the customers of a fake Chat API as phones in a browser, and lets a
// person write, tap and break things there, while a bot answers.
//
//	api, err := chatapitest.Start()
//	…
//	handler := phones.New(api)
//	defer handler.Close()
//	http.Serve(listener, handler) // a listener at 127.0.0.1
//
// The page shows everything live: what customers see, requests and webhooks with the
// reason of each refusal, templates, and the faults that are armed. Each act of the page is
// an act of [chatapitest.Acts] by [chatapitest.API.Perform], so a test or a script can do
// the same. The page needs no network but its own host, and works without script but for
// the live updates.
package phones

import (
	"crypto/rand"
	"embed"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net"
	"net/http"
	"path"
	"strings"

	"github.com/chatapi-go/chatapi/chatapitest"
)

//go:embed static
var staticFiles embed.FS

// Handler serves the phones page, and the HTTP API for other languages below /sim/. All
// methods are safe for concurrent use.
//
// Whoever reaches the handler controls the fake, and reads its tokens. Serve it on
// loopback. It refuses requests for a Host other than localhost and loopback addresses, so
// that no web page can reach it by a name of its own, and acts that a browser sends for
// another site.
type Handler struct {
	api     *chatapitest.API
	title   string
	cabinet []CabinetLine
	hosts   map[string]bool
	sim     *sim
	reached string // the address at which the fake is served, without the channel

	boot   string // another one for each handler, so that pages notice a restart
	assets map[string]asset
	hub    *hub
	serve  http.Handler
}

// Option configures a handler in [New].
type Option func(*Handler)

// CabinetLine is a line of the card from which a person copies what a program asks for,
// such as the API URL of a channel.
type CabinetLine struct{ Label, Value string }

// Title sets the text of the page's head; the default is "Phones".
func Title(text string) Option { return func(h *Handler) { h.title = text } }

// Cabinet adds lines to the card on which the page shows the API URL and token of each
// channel.
func Cabinet(lines ...CabinetLine) Option {
	return func(h *Handler) { h.cabinet = append(h.cabinet, lines...) }
}

// Host allows requests for more host names than localhost and loopback addresses, for a
// handler that other machines may reach.
func Host(names ...string) Option {
	return func(h *Handler) {
		for _, name := range names {
			h.hosts[strings.ToLower(name)] = true
		}
	}
}

// ServedAt sets the address at which the fake is served, such as "http://127.0.0.1:8300",
// for the API URLs that the page shows. By default it is that of [chatapitest.API.Listen].
func ServedAt(address string) Option {
	return func(h *Handler) { h.reached = strings.TrimSuffix(address, "/") }
}

// New returns the handler for a fake with all its channels. Close ends it; the fake goes
// on.
func New(api *chatapitest.API, opts ...Option) *Handler {
	h := &Handler{api: api, title: "Phones", hosts: map[string]bool{}, boot: rand.Text(), assets: map[string]asset{}}
	for _, opt := range opts {
		if opt != nil {
			opt(h)
		}
	}
	h.hub = newHub(api)
	mux := http.NewServeMux()
	for _, name := range []string{"phones.css", "phones.js", "phones.svg"} {
		a := assetOf(name)
		h.assets[name] = a
		mux.Handle("GET "+a.path, a)
	}
	mux.HandleFunc("GET /{$}", h.servePage)
	mux.HandleFunc("GET /changes", h.serveChanges)
	mux.HandleFunc("GET /events", h.serveEvents)
	mux.HandleFunc("GET /dialog/{name}", h.serveDialog)
	mux.HandleFunc("GET /file/{channel}/{message}", h.serveFile)
	mux.HandleFunc("GET /save/{name}", h.serveSave)
	mux.HandleFunc("POST /act", h.serveAct)
	mux.HandleFunc("POST /load", h.serveLoad)
	mux.HandleFunc("POST /reset", h.serveReset)
	h.sim = newSim(api, h.reached)
	mux.Handle("/sim/", h.sim)
	h.serve = http.NewCrossOriginProtection().Handler(mux)
	return h
}

// Close ends the streams of all pages, and waits for the goroutine that feeds them. Call it
// before [http.Server.Shutdown], which waits until all streams have ended. Closing twice is
// harmless.
func (h *Handler) Close() {
	h.sim.close()
	h.hub.close()
}

// ServeHTTP serves the page.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, value := range pageHeaders {
		w.Header().Set(name, value)
	}
	if !h.allowed(r.Host) {
		http.Error(w, "The phones page serves only this machine, at localhost and 127.0.0.1; the Host of the request is another.", http.StatusForbidden)
		return
	}
	h.serve.ServeHTTP(w, r)
}

// pageHeaders are those of every answer. A page gets no right but to its own host.
var pageHeaders = map[string]string{
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; " +
		"form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types phones",
	"X-Content-Type-Options":       "nosniff",
	"Referrer-Policy":              "same-origin",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Permissions-Policy":           "camera=(), geolocation=(), microphone=()",
	"Cache-Control":                "no-store",
}

// allowed reports whether the Host of a request is this machine.
func (h *Handler) allowed(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	name = strings.ToLower(strings.Trim(name, "[]"))
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback() || h.hosts[name]
}

// asset is a file of the page. Its path has a hash, so that browsers may keep it.
type asset struct {
	path, kind string
	data       []byte
}

func assetOf(name string) asset {
	data, err := fs.ReadFile(staticFiles, "static/"+name)
	if err != nil {
		panic(err) // it is embedded
	}
	sum := fnv.New64a()
	sum.Write(data)
	kind := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}[path.Ext(name)]
	return asset{fmt.Sprintf("/static/%s/%s", hex.EncodeToString(sum.Sum(nil)), name), kind, data}
}

func (a asset) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(a.data)
}

// channel returns the channel with that id, and the first one for another id.
func (h *Handler) channel(id string) *chatapitest.API {
	channels := h.api.Channels()
	for _, c := range channels {
		if string(c.ChannelID()) == id {
			return c
		}
	}
	return channels[0]
}
