package web

import (
	"bytes"
	"cmp"
	"errors"
	"html/template"
	"net/http"
	"time"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

func (s *Server) baseRoutes() []route {
	return []route{
		{"GET /{$}", agents, func(w http.ResponseWriter, r *http.Request, _ *desk.View) error { return see(w, r, "/inbox") }},
		{"GET /static/{hash}/{file}", anyone, s.file},
		{"GET /healthz", anyone, s.healthz},
		{"/static/", anyone, func(http.ResponseWriter, *http.Request, *desk.View) error { return desk.ErrNotFound }},
		{"/", anyone, s.notFound},
	}
}

func (s *Server) file(w http.ResponseWriter, r *http.Request, _ *desk.View) error {
	a, found := s.static[r.PathValue("file")]
	if !found || r.URL.Path != a.address {
		return desk.ErrNotFound
	}
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.bytes))
	return nil
}

func (s *Server) healthz(w http.ResponseWriter, r *http.Request, _ *desk.View) error {
	health, err := s.Desk.Durable.Health(r.Context())
	if err != nil || !health.Ready {
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return nil //nolint:nilerr // the answer says it, and durable's log why
	}
	_, _ = w.Write([]byte("ready\n"))
	return nil
}

// notFound answers an address that does not exist, with the head for those who are signed in.
func (s *Server) notFound(w http.ResponseWriter, r *http.Request, _ *desk.View) error {
	v, err := s.viewer(r)
	if err != nil && !errors.Is(err, errSignIn) {
		return err
	}
	s.fail(w, r, v, desk.ErrNotFound)
	return nil
}

// functions are those that templates call.
func (s *Server) functions() template.FuncMap {
	return template.FuncMap{
		"asset":     func(file string) string { return s.static[file].address },
		"clock":     func(t time.Time) string { return t.Format("15:04") },
		"day":       func(t time.Time) string { return t.Format("2 January 2006") },
		"when":      func(t time.Time) string { return t.Format("2 Jan 2006, 15:04") },
		"stamp":     func(t time.Time) string { return t.Format("2006-01-02T15:04:05Z07:00") },
		"welcome":   s.welcome,
		"scripts":   func() []string { return scripts },
		"thousands": desk.Thousands,
		"cut":       func(n int, text string) string { return desk.Shorten(text, n) },
		"label":     func(kind string) string { return cmp.Or(labels[kind], kind) },
	}
}

// labels are the kinds of identities as people read them.
var labels = map[string]string{"phone": "Phone", "bsuid": "BSUID", "parent": "BSUID of the company", "chat": "Chat", "username": "Username"}

// scripts are the files of static that every page of an agent loads, in this order.
var scripts = []string{"patch.js", "live.js", "compose.js", "keys.js"}
