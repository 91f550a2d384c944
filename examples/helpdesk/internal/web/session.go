package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/live"
)

// signInLasts is how long a sign-in holds, also one that is used all the time.
const signInLasts = 12 * time.Hour

// The values of a session. They are set at the sign-in and do not change.
const (
	keyAgent = "agent"
	keyEpoch = "epoch"
	keyLink  = "link" // the agent came by a link, so needs no present password
)

// sessions are the sign-ins of browsers. A browser gets a cookie at the sign-in, not before.
type sessions struct {
	manager *scs.SessionManager
	live    *live.Hub

	mu   sync.Mutex
	said map[string]string // by sign-in: the notice for its next page
}

func newSessions(c Config) *sessions {
	cookie := scs.SessionCookie{Name: "desk", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Persist: true}
	if c.HTTPS {
		cookie.Name, cookie.Secure = "__Host-desk", true
	}
	failed := func(w http.ResponseWriter, r *http.Request, err error) {
		c.Desk.Log.ErrorContext(r.Context(), "A session could not be read or written.", "route", r.Pattern, "error", err)
		http.Error(w, "Something went wrong. Try again.", http.StatusInternalServerError)
	}
	// Not scs.New, which starts a goroutine for a store in memory that nothing ends.
	m := &scs.SessionManager{Lifetime: signInLasts, Store: sessionStore{c.Desk}, Codec: scs.GobCodec{}, Cookie: cookie,
		ErrorFunc: failed, HashTokenInStore: true}
	return &sessions{manager: m, live: c.Live, said: map[string]string{}}
}

// wrap gives requests their session. The files that every page loads need none, and are
// cached whoever is signed in.
func (s *sessions) wrap(next http.Handler) http.Handler {
	with := s.manager.LoadAndSave(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/static/") {
			next.ServeHTTP(w, r)
			return
		}
		with.ServeHTTP(w, r)
	})
}

// begin signs the browser in, under a new id: one that somebody put into the browser before
// is worth nothing.
func (s *sessions) begin(ctx context.Context, who desk.SignedIn, byLink bool) error {
	if err := s.end(ctx); err != nil {
		return err
	}
	if err := s.manager.RenewToken(ctx); err != nil {
		return err
	}
	s.manager.Put(ctx, keyAgent, who.Agent)
	s.manager.Put(ctx, keyEpoch, who.Epoch)
	s.manager.Put(ctx, keyLink, byLink)
	return nil
}

// end signs the browser out, and ends its stream.
func (s *sessions) end(ctx context.Context) error {
	if s.manager.Token(ctx) == "" {
		return nil
	}
	s.take(ctx)
	s.live.SignedOut(s.signIn(ctx))
	return s.manager.Destroy(ctx)
}

// signIn names the sign-in of a request, without its secret: two requests with the same one
// are of one browser and one agent. It is "" before the sign-in.
func (s *sessions) signIn(ctx context.Context) string {
	token := s.manager.Token(ctx)
	if token == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("sign-in " + token))
	return hex.EncodeToString(sum[:8])
}

// byLink reports whether the agent signed in by a link.
func (s *sessions) byLink(ctx context.Context) bool { return s.manager.GetBool(ctx, keyLink) }

// say keeps a notice for the next page of the sign-in, such as after a form was saved.
func (s *sessions) say(ctx context.Context, notice string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said[s.signIn(ctx)] = notice
}

// take returns the notice for the page, once.
func (s *sessions) take(ctx context.Context) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.signIn(ctx)
	notice := s.said[id]
	delete(s.said, id)
	return notice
}

// sessionStore keeps sessions in the desk's database, for scs.
type sessionStore struct{ desk *desk.Desk }

func (s sessionStore) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	return s.desk.FindSession(ctx, token)
}

// CommitCtx keeps a sign-in. Its data does not change later.
func (s sessionStore) CommitCtx(ctx context.Context, token string, data []byte, expires time.Time) error {
	_, values, err := scs.GobCodec{}.Decode(data)
	if err != nil {
		return err
	}
	agent, isAgent := values[keyAgent].(int64)
	epoch, isEpoch := values[keyEpoch].(int64)
	if !isAgent || !isEpoch {
		return fmt.Errorf("a session without an agent")
	}
	return s.desk.AddSession(ctx, desk.Session{Token: token, Data: data, Agent: agent, Epoch: epoch, Expires: expires})
}

func (s sessionStore) DeleteCtx(ctx context.Context, token string) error {
	return s.desk.EndSession(ctx, token)
}

// scs asks for these and does not call them.
func (s sessionStore) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}
func (s sessionStore) Commit(token string, data []byte, expires time.Time) error {
	return s.CommitCtx(context.Background(), token, data, expires)
}
func (s sessionStore) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }

// viewer returns the desk as the agent of the request may see it.
func (s *Server) viewer(r *http.Request) (*desk.View, error) {
	agent := s.sessions.manager.GetInt64(r.Context(), keyAgent)
	if agent == 0 {
		return nil, errSignIn
	}
	v, err := s.Desk.For(r.Context(), agent)
	if errors.Is(err, desk.ErrNotFound) {
		return nil, errSignIn
	}
	return v, err
}

// me returns what the head of each page shows.
func (s *Server) me(ctx context.Context, v *desk.View) (*Me, error) {
	p, err := v.Profile(ctx)
	if err != nil {
		return nil, err
	}
	counts, err := v.Counts(ctx, true)
	if err != nil {
		return nil, err
	}
	me := &Me{ID: v.Agent, SignIn: s.sessions.signIn(ctx), Name: p.Name, Admin: v.Admin, Theme: p.Theme, Keys: p.Keys, Enter: p.Enter,
		Unread: counts.Unread, DepartmentIDs: v.Departments}
	if v.Admin {
		me.Decide, err = s.Desk.Undecided(ctx)
	}
	return me, err
}

// toSignIn answers a request without a sign-in: the browser goes to the sign-in page and
// comes back, a script or a stream gets 401.
func (s *Server) toSignIn(w http.ResponseWriter, r *http.Request) {
	dest := r.Header.Get("Sec-Fetch-Dest")
	if fragment(r) || strings.Contains(r.Header.Get("Accept"), "text/event-stream") || dest != "" && dest != "document" {
		http.Error(w, "You are signed out. Sign in again.", http.StatusUnauthorized)
		return
	}
	address := "/signin"
	if r.Method == http.MethodGet && r.URL.Path != "/" {
		address += "?next=" + url.QueryEscape(r.URL.RequestURI())
	}
	http.Redirect(w, r, address, http.StatusSeeOther)
}
