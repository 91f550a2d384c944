package browser_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/chatapitest/phones"
	"github.com/chatapi-go/chatapi/conformance/browser"
)

// noon is the time on the clocks of the fakes, so that pictures are alike.
var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// stand is a program with a fake, the bot of the shop, and the phones page.
type stand struct {
	w       *browser.Walker
	api     *chatapitest.API
	handler *phones.Handler
	server  *http.Server
	address string

	streams atomic.Int32 // under way
}

// newStand starts the program; the walk's end stops it.
func newStand(w *browser.Walker, options ...chatapitest.Option) *stand {
	w.Helper()
	api, err := chatapitest.Start(append([]chatapitest.Option{chatapitest.At(noon), chatapitest.Seed(7), chatapitest.Channel("PIZZA1")}, options...)...)
	require.NoError(w, err)
	w.Cleanup(api.Close)
	s := &stand{w: w, api: api, address: "127.0.0.1:0"}
	api.Webhook(hook, newShop(api.Client()))
	s.start()
	w.Cleanup(s.stop)
	return s
}

// do performs an act of the table.
func (s *stand) do(act, who string, args map[string]string) {
	s.w.Helper()
	_, err := s.api.Perform(act, who, args)
	require.NoError(s.w, err)
}

func (s *stand) url() string { return "http://" + s.address + "/" }

// start listens at the address of before.
func (s *stand) start() {
	s.w.Helper()
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", s.address)
	require.NoError(s.w, err)
	s.address = listener.Addr().String()
	s.handler = phones.New(s.api)
	s.server = &http.Server{Handler: s.counting(s.handler), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = s.server.Serve(listener) }() // until stop
}

// stop cuts every stream, as the end of a program does.
func (s *stand) stop() {
	_ = s.server.Close()
	s.handler.Close()
}

// counting counts the streams under way.
func (s *stand) counting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
			s.streams.Add(1)
			defer s.streams.Add(-1)
		}
		next.ServeHTTP(w, r)
	})
}

// orderReady is a template that waits for its approval.
var orderReady = chatapi.TemplateDraft{
	Name: "order_ready", Language: "en", Category: "UTILITY",
	Components: []chatapi.Component{
		{Type: chatapi.ComponentBody, Text: "Your order {{1}} is ready.", Example: []string{"#1"}},
		{Type: chatapi.ComponentFooter, Text: "Pizza 1"},
	},
}

// drafts lets the shop hand in its template.
func (s *stand) drafts(name string) {
	s.w.Helper()
	draft := orderReady
	draft.Name = name
	_, err := s.api.Client().Templates.Create(s.w.Context(), draft)
	require.NoError(s.w, err)
}

// add adds a phone on the page.
func add(p *browser.Page, number, name string) *browser.Page {
	form := p.Within("region", "Add a phone")
	form.Fill("Number or BSUID", number)
	form.Fill("Name optional", name)
	form.Click("button", "Add phone")
	phone := p.Within("article", name)
	phone.Sees(name)
	return phone
}

// write writes a text on a phone.
func write(phone *browser.Page, name, text string) {
	phone.Fill("Message from "+name, text)
	phone.Click("button", "Send as "+name)
}

// elsewhere serves a page of another site, which posts a form to an address when its
// button is clicked.
func elsewhere(w *browser.Walker, action string, values map[string]string) string {
	w.Helper()
	fields := ""
	for name, value := range values {
		fields += fmt.Sprintf(`<input type="hidden" name=%q value=%q>`, name, value)
	}
	page := fmt.Sprintf(`<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Prizes</title>
		<form method="post" action=%q>%s<button>Win a prize</button></form>`, action, fields)
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(w, err)
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprint(w, page)
	})}
	go func() { _ = server.Serve(listener) }()
	w.Cleanup(func() { _ = server.Close() })
	return listener.Addr().String()
}
