package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// Guesses of passwords: an account or an address may try so often at once, and then once in
// so long.
const (
	accountBurst = 5
	accountEvery = 20 * time.Second
	addressBurst = 20
	addressEvery = 4 * time.Second
)

// guesses are the limits of the sign-in.
type guesses struct{ accounts, addresses *limits }

func newGuesses() guesses {
	return guesses{newLimits(accountEvery, accountBurst), newLimits(addressEvery, addressBurst)}
}

// allow counts a guess for both.
func (g guesses) allow(account, address string) bool {
	return g.addresses.allow(address) && g.accounts.allow(account)
}

func (s *Server) signinRoutes() []route {
	return append(s.profileRoutes(), []route{
		{"GET /signin", anyone, s.signinPage},
		{"POST /signin", anyone, s.signin},
		{"GET /link/{secret}", anyone, s.linkPage},
		{"POST /link/{secret}", anyone, s.link},
		{"POST /signout", anyone, s.signout},
	}...)
}

// signinData is the data of templates/signin.html.
type signinData struct{ Email, Next string }

func (s *Server) signinPage(w http.ResponseWriter, r *http.Request, _ *desk.View) error {
	next := local(r.URL.Query().Get("next"))
	if _, err := s.viewer(r); err == nil {
		return see(w, r, next)
	}
	return s.page(w, r, nil, http.StatusOK, "signin", &Page{Title: "Sign in", Data: signinData{Next: next}})
}

func (s *Server) signin(w http.ResponseWriter, r *http.Request, _ *desk.View) error {
	if err := form(w, r); err != nil {
		return err
	}
	email, next := strings.TrimSpace(r.PostFormValue("email")), local(r.PostFormValue("next"))
	err := error(desk.ErrSignIn)
	var who desk.SignedIn
	if s.guesses.allow(store.Fold(email), s.addressOf(r)) {
		who, err = s.Desk.SignIn(r.Context(), email, r.PostFormValue("password"))
	}
	if errors.Is(err, desk.ErrSignIn) {
		s.Desk.Log.WarnContext(r.Context(), "A sign-in failed.", "address", s.addressOf(r))
		return s.page(w, r, nil, http.StatusUnprocessableEntity, "signin",
			&Page{Title: "Sign in", Wrong: desk.ErrSignIn.Sentence, Data: signinData{Email: email, Next: next}})
	}
	if err != nil {
		return err
	}
	if err := s.sessions.begin(r.Context(), who, false); err != nil {
		return err
	}
	return see(w, r, next)
}

// linkPage shows a button, so that a program that only looks at the link, as mail programs
// do, does not use it up.
func (s *Server) linkPage(w http.ResponseWriter, r *http.Request, _ *desk.View) error {
	name, err := s.Desk.LinkName(r.Context(), r.PathValue("secret"))
	if errors.Is(err, desk.ErrSignIn) {
		return s.page(w, r, nil, http.StatusNotFound, "link", &Page{Title: "This link does not work any more"})
	}
	if err != nil {
		return err
	}
	return s.page(w, r, nil, http.StatusOK, "link", &Page{Title: "Sign in", Data: name})
}

func (s *Server) link(w http.ResponseWriter, r *http.Request, _ *desk.View) error {
	who, err := s.Desk.UseLink(r.Context(), r.PathValue("secret"))
	if errors.Is(err, desk.ErrSignIn) {
		return s.page(w, r, nil, http.StatusNotFound, "link", &Page{Title: "This link does not work any more"})
	}
	if err != nil {
		return err
	}
	if err := s.sessions.begin(r.Context(), who, true); err != nil {
		return err
	}
	if who.Fresh {
		s.sessions.say(r.Context(), "You are signed in. Choose a password, so that you can sign in again.")
		return see(w, r, "/profile")
	}
	return see(w, r, "/inbox")
}

func (s *Server) signout(w http.ResponseWriter, r *http.Request, _ *desk.View) error {
	signIn := s.sessions.signIn(r.Context())
	if err := s.sessions.end(r.Context()); err != nil {
		return err
	}
	s.Live.SignedOut(signIn)
	return see(w, r, "/signin")
}

// local returns an address of this server to go to after the sign-in, /inbox for any other.
func local(next string) string {
	const home = "/inbox"
	u, err := url.Parse(next)
	switch {
	case err != nil, u.Scheme != "", u.Host != "", u.Opaque != "", u.User != nil:
		return home
	case !strings.HasPrefix(next, "/"), strings.HasPrefix(u.Path, "//"), strings.ContainsAny(next, "\\\t\r\n"):
		return home
	case strings.HasPrefix(u.Path, "/sign"), strings.HasPrefix(u.Path, "/link/"):
		return home
	}
	return u.RequestURI()
}
