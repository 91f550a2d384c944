// Package web serves the helpdesk's pages.
package web

import (
	"errors"
	"html/template"
	"net/http"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/live"
)

// Config is what a Server is made of.
type Config struct {
	Desk *desk.Desk
	Live *live.Hub

	// HTTPS says that browsers use https, so that cookies are for https only.
	HTTPS bool

	// Phones is the address of the demo's phones, for a hint until the first message has
	// come; empty without the demo.
	Phones string
}

// Server serves the pages. It is safe for concurrent use.
type Server struct {
	Config
	pages    map[string]*template.Template
	static   map[string]asset
	sessions *sessions
	guesses  guesses
	routes   []route
	handler  http.Handler
}

// New returns the server of a desk.
func New(c Config) (*Server, error) {
	s := &Server{Config: c}
	var err error
	if s.static, err = readStatic(); err != nil {
		return nil, err
	}
	if s.pages, err = s.parse(); err != nil {
		return nil, err
	}
	s.sessions = newSessions(c)
	s.guesses = newGuesses()
	s.routes = s.allRoutes()
	mux := http.NewServeMux()
	for _, r := range s.routes {
		mux.Handle(r.pattern, s.guard(r))
	}
	s.handler = s.outer(mux)
	return s, nil
}

// ServeHTTP serves the pages, the stream, the files and the webhooks.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// access is who may use a route.
type access int

const (
	anyone access = iota // without a sign-in
	agents
	admins
)

// route is a line of the route table. A handler that returns an error has written nothing;
// fail writes the answer, see [Server.fail].
type route struct {
	pattern string // of http.ServeMux
	access  access
	do      func(w http.ResponseWriter, r *http.Request, v *desk.View) error // v is nil for anyone
}

// allRoutes is the table of every route: each file with pages has its part.
func (s *Server) allRoutes() []route {
	var all []route
	for _, part := range [][]route{
		s.baseRoutes(), s.signinRoutes(), s.inboxRoutes(), s.requestRoutes(), s.composerRoutes(), s.liveRoutes(),
		s.channelRoutes(), s.hookRoutes(), s.templateRoutes(), s.costRoutes(), s.adminRoutes(),
	} {
		all = append(all, part...)
	}
	return all
}

// guard gives a route its viewer, and refuses who may not use it.
func (s *Server) guard(r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		var v *desk.View
		if r.access != anyone {
			var err error
			if v, err = s.viewer(q); err != nil {
				s.fail(w, q, nil, err)
				return
			}
			if r.access == admins && !v.Admin {
				s.fail(w, q, v, desk.ErrAdmin)
				return
			}
		}
		if err := r.do(w, q, v); err != nil {
			s.fail(w, q, v, err)
		}
	})
}

// errSignIn is the error of a request without a sign-in that holds.
var errSignIn = errors.New("sign in first")
