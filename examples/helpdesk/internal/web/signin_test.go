package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/live"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/web"
)

const password = "four words are fine"

// browser is a browser of an agent, or of nobody yet. It keeps cookies.
type browser struct {
	t       *testing.T
	s       *web.Server
	cookies map[string]string
	header  http.Header // of each request
	from    string      // address and port
}

func newBrowser(t *testing.T, s *web.Server) *browser {
	t.Helper()
	return &browser{t: t, s: s, cookies: map[string]string{}, header: http.Header{}}
}

func (b *browser) do(method, path string, form url.Values) *httptest.ResponseRecorder {
	b.t.Helper()
	q := httptest.NewRequestWithContext(b.t.Context(), method, path, strings.NewReader(form.Encode()))
	if form != nil {
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, values := range b.header {
		q.Header[name] = values
	}
	if b.from != "" {
		q.RemoteAddr = b.from
	}
	for name, value := range b.cookies {
		q.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	answer := httptest.NewRecorder()
	b.s.ServeHTTP(answer, q)
	for _, c := range answer.Result().Cookies() {
		b.cookies[c.Name] = c.Value
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return answer
}

func (b *browser) get(path string) *httptest.ResponseRecorder {
	b.t.Helper()
	return b.do(http.MethodGet, path, nil)
}

func (b *browser) post(path string, pairs ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	form := url.Values{}
	for n := 0; n < len(pairs); n += 2 {
		form.Add(pairs[n], pairs[n+1])
	}
	return b.do(http.MethodPost, path, form)
}

// signIn signs in by a link.
func (b *browser) signIn(agent int64) *browser {
	b.t.Helper()
	path, err := b.s.Desk.SignInLink(b.t.Context(), agent)
	require.NoError(b.t, err)
	require.Equal(b.t, http.StatusSeeOther, b.post(path).Code)
	return b
}

// addAgent adds an agent without a password, whose e-mail address is the name's.
func addAgent(t *testing.T, s *web.Server, name string, admin bool, departments ...int64) int64 {
	t.Helper()
	id, err := s.Desk.AddAgent(t.Context(), desk.AgentForm{Name: name, Email: strings.ToLower(name) + "@example.com", Admin: admin, Departments: departments})
	require.NoError(t, err)
	return id
}

// addAnn adds an administrator with a password.
func addAnn(t *testing.T, s *web.Server) {
	t.Helper()
	_, err := s.Desk.AddAgent(t.Context(), desk.AgentForm{Name: "Ann", Email: "ann@example.com", Password: password, Admin: true})
	require.NoError(t, err)
}

func TestSignInWithAPassword(t *testing.T) {
	s := open(t)
	addAnn(t, s)
	b := newBrowser(t, s)
	page := b.get("/profile?a=b")
	assert.Equal(t, http.StatusSeeOther, page.Code)
	assert.Equal(t, "/signin?next=%2Fprofile%3Fa%3Db", page.Header().Get("Location"))
	assert.Empty(t, b.cookies, "nobody gets a cookie before the sign-in")

	wrong := b.post("/signin", "email", "ann@example.com", "password", "wrong")
	unknown := b.post("/signin", "email", "eve@example.com", "password", password)
	assert.Equal(t, http.StatusUnprocessableEntity, wrong.Code)
	assert.Equal(t, strings.ReplaceAll(wrong.Body.String(), "ann@", "eve@"), unknown.Body.String(), "the answer does not say who exists")
	assert.Empty(t, b.cookies)

	right := b.post("/signin", "email", " ANN@example.com", "password", password, "next", "/profile?a=b")
	assert.Equal(t, http.StatusSeeOther, right.Code)
	assert.Equal(t, "/profile?a=b", right.Header().Get("Location"))
	cookie := right.Header().Get("Set-Cookie")
	for _, want := range []string{"desk=", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=43200"} {
		assert.Contains(t, cookie, want)
	}
	assert.Equal(t, http.StatusSeeOther, b.get("/signin").Code)
	assert.Equal(t, http.StatusSeeOther, b.post("/signout").Code)
	assert.Empty(t, b.cookies)
}

func TestSignInByALink(t *testing.T) {
	s := open(t)
	addAnn(t, s)
	path, err := s.Desk.SignInLink(t.Context(), 1)
	require.NoError(t, err)
	b := newBrowser(t, s)
	for range 2 {
		page := b.get(path)
		assert.Equal(t, http.StatusOK, page.Code, "looking at it does not use it up")
		assert.Contains(t, page.Body.String(), "Sign in as <bdi>Ann</bdi>")
		assert.Empty(t, b.cookies)
	}
	answer := b.post(path)
	assert.Equal(t, http.StatusSeeOther, answer.Code)
	assert.Equal(t, "/inbox", answer.Header().Get("Location"))
	assert.Equal(t, http.StatusOK, b.get("/profile").Code)

	other := newBrowser(t, s)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		answer := other.do(method, path, nil)
		assert.Equal(t, http.StatusNotFound, answer.Code)
		assert.Contains(t, answer.Body.String(), "This link does not work any more")
	}
	assert.Empty(t, other.cookies)
}

func TestFirstSignInAsksForAPassword(t *testing.T) {
	s := open(t)
	zoe, err := s.Desk.AddAgent(t.Context(), desk.AgentForm{Name: "Zoe", Email: "zoe@example.com"})
	require.NoError(t, err)
	path, err := s.Desk.SignInLink(t.Context(), zoe)
	require.NoError(t, err)
	b := newBrowser(t, s)
	assert.Equal(t, "/profile", b.post(path).Header().Get("Location"))
	assert.Contains(t, b.get("/profile").Body.String(), "Choose a password, so that you can sign in again.")
	assert.NotContains(t, b.get("/profile").Body.String(), "Choose a password, so that", "a notice is shown once")
	assert.Equal(t, http.StatusSeeOther, b.post("/profile/password", "password", password, "again", password).Code)
	assert.Equal(t, http.StatusOK, b.get("/profile").Code, "the browser that changed it stays signed in")
	assert.Equal(t, http.StatusSeeOther, newBrowser(t, s).post("/signin", "email", "zoe@example.com", "password", password).Code)
}

func TestGuessesAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		addAnn(t, s)
		try := func(from, email, password string) bool {
			b := newBrowser(t, s)
			b.from = from
			return b.post("/signin", "email", email, "password", password).Code == http.StatusSeeOther
		}
		for n := range 5 { // each from another address
			assert.False(t, try(fmt.Sprintf("192.0.2.%d:1", n), "ann@example.com", "wrong"))
		}
		assert.False(t, try("192.0.2.99:1", " Ann@EXAMPLE.com", password), "the account has to wait, however it is written")
		time.Sleep(accountWaits)
		assert.True(t, try("192.0.2.99:1", "ann@example.com", password))

		for n := range 20 { // each another account; of IPv6 the network counts
			assert.False(t, try(fmt.Sprintf("[2001:db8::%d]:1", n+1), fmt.Sprintf("agent%d@example.com", n), "wrong"))
		}
		time.Sleep(time.Second)
		assert.False(t, try("[2001:db8::99]:1", "ann@example.com", password), "the address has to wait")
		time.Sleep(accountWaits)
		assert.True(t, try("[2001:db8::99]:1", "ann@example.com", password))
	})
}

// accountWaits is how long an account waits after too many guesses.
const accountWaits = 21 * time.Second

func TestSessionIsRenewedAtTheSignIn(t *testing.T) {
	s := open(t)
	ann, eve := addAgent(t, s, "Ann", true), addAgent(t, s, "Eve", false)
	b := newBrowser(t, s)
	b.cookies["desk"] = "put-here-by-somebody"
	b.signIn(eve)
	first := b.cookies["desk"]
	assert.NotEqual(t, "put-here-by-somebody", first)
	thief := newBrowser(t, s)
	thief.cookies["desk"] = first
	assert.Equal(t, http.StatusOK, thief.get("/profile").Code)
	b.signIn(ann)
	assert.NotEqual(t, first, b.cookies["desk"])
	assert.Equal(t, http.StatusSeeOther, thief.get("/profile").Code, "the sign-in before is over")

	var hashed string
	_, err := s.Desk.DB.Get(t.Context(), "SELECT token FROM desk_session", nil, &hashed)
	require.NoError(t, err)
	assert.NotEqual(t, b.cookies["desk"], hashed, "a stolen database signs nobody in")
}

func TestCookieOfHTTPS(t *testing.T) {
	s, err := web.New(web.Config{Desk: open(t).Desk, Live: &live.Hub{}, HTTPS: true})
	require.NoError(t, err)
	path, err := s.Desk.SignInLink(t.Context(), addAgent(t, s, "Ann", true))
	require.NoError(t, err)
	cookie := newBrowser(t, s).post(path).Header().Get("Set-Cookie")
	for _, want := range []string{"__Host-desk=", "; Secure", "; Path=/", "; HttpOnly", "; SameSite=Lax"} {
		assert.Contains(t, cookie, want)
	}
	assert.NotContains(t, cookie, "Domain")
}

func TestWhatEndsASignIn(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, s *web.Server, boss *desk.View, agent int64, b *browser){
		"signed out": func(t *testing.T, _ *web.Server, _ *desk.View, _ int64, b *browser) {
			kept := b.cookies["desk"]
			assert.Equal(t, http.StatusSeeOther, b.post("/signout").Code)
			b.cookies["desk"] = kept
		},
		"signed out everywhere": func(t *testing.T, s *web.Server, boss *desk.View, agent int64, b *browser) {
			assert.Equal(t, http.StatusSeeOther, newBrowser(t, s).signIn(agent).post("/profile/signout").Code)
		},
		"deactivated": func(t *testing.T, _ *web.Server, boss *desk.View, agent int64, _ *browser) {
			require.NoError(t, boss.SetActive(t.Context(), agent, false))
		},
		"no administrator any more": func(t *testing.T, _ *web.Server, boss *desk.View, agent int64, _ *browser) {
			require.NoError(t, boss.ChangeAgent(t.Context(), agent, desk.AgentForm{Name: "Ann"}))
		},
		"another password": func(t *testing.T, s *web.Server, _ *desk.View, agent int64, _ *browser) {
			other := newBrowser(t, s).signIn(agent)
			assert.Equal(t, http.StatusSeeOther, other.post("/profile/password", "password", password+"!", "again", password+"!").Code)
			assert.Equal(t, http.StatusOK, other.get("/profile").Code)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			agent := addAgent(t, s, "Ann", true)
			boss, err := s.Desk.For(t.Context(), addAgent(t, s, "Boss", true))
			require.NoError(t, err)
			b := newBrowser(t, s).signIn(agent)
			assert.Equal(t, http.StatusOK, b.get("/profile").Code)
			end(t, s, boss, agent, b)
			assert.Equal(t, "/signin?next=%2Fprofile", b.get("/profile").Header().Get("Location"))
			assert.Equal(t, "/signin", b.post("/profile", "name", "Ann").Header().Get("Location"))
			for name, value := range map[string]string{"X-Fragment": "1", "Accept": "text/event-stream", "Sec-Fetch-Dest": "image"} {
				b.header = http.Header{name: {value}}
				assert.Equal(t, http.StatusUnauthorized, b.get("/profile").Code, name)
			}
		})
	}
}

func TestFormOfAnotherSite(t *testing.T) {
	s := open(t)
	b := newBrowser(t, s).signIn(addAgent(t, s, "Ann", true))
	for name, c := range map[string]struct {
		header http.Header
		code   int
	}{
		"another site":                {http.Header{"Sec-Fetch-Site": {"cross-site"}}, http.StatusForbidden},
		"another host of the site":    {http.Header{"Sec-Fetch-Site": {"same-site"}}, http.StatusForbidden},
		"an old browser, elsewhere":   {http.Header{"Origin": {"https://evil.example"}}, http.StatusForbidden},
		"an origin that is not named": {http.Header{"Origin": {"null"}}, http.StatusForbidden},
		"an old browser, here":        {http.Header{"Origin": {"http://example.com"}}, http.StatusSeeOther},
		"here":                        {http.Header{"Sec-Fetch-Site": {"same-origin"}}, http.StatusSeeOther},
	} {
		b.header = c.header
		answer := b.post("/profile", "name", name, "enter", "1", "keys", "1")
		assert.Equal(t, c.code, answer.Code, name)
		assert.NotEmpty(t, answer.Header().Get("Content-Security-Policy"), name)
		b.header = http.Header{}
		said := strings.Contains(b.get("/profile").Body.String(), `value="`+name+`"`)
		assert.Equal(t, c.code == http.StatusSeeOther, said, name)
		b.header = c.header
		assert.Equal(t, c.code == http.StatusForbidden, newBrowserWith(b).post("/signin").Code == http.StatusForbidden, name)
	}
}

// newBrowserWith is a new browser that sends the same header.
func newBrowserWith(b *browser) *browser {
	other := newBrowser(b.t, b.s)
	other.header = b.header
	return other
}

func TestWhereTheSignInGoes(t *testing.T) {
	for next, want := range map[string]string{
		"":                              "/inbox",
		"/requests/7?a=b&c=%20":         "/requests/7?a=b&c=%20",
		"/requests?next=//evil.example": "/requests?next=//evil.example",
		"//evil.example":                "/inbox",
		"//user@evil.example/a":         "/inbox",
		"/\\evil.example":               "/inbox",
		"/%2Fevil.example":              "/inbox",
		"/\tx":                          "/inbox",
		"/\u0000":                       "/inbox",
		"https://evil.example/":         "/inbox",
		"javascript:alert(1)":           "/inbox",
		"http:evil":                     "/inbox",
		"evil.example":                  "/inbox",
		"/signout":                      "/inbox",
		"/link/x":                       "/inbox",
	} {
		assert.Equal(t, want, web.Local(next), "%q", next)
	}
}
