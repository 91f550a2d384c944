package chatapi_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// over returns a client over a network end, whose pauses are short.
func over(t *testing.T, network http.RoundTripper, opts ...chatapi.Option) *chatapi.Client {
	t.Helper()
	client, err := chatapi.New("http://localhost/ABC1", opaqueToken, append([]chatapi.Option{
		chatapi.WithHTTPClient(&http.Client{Transport: network}),
		chatapi.WithRetry(chatapi.RetryPolicy{MinWait: time.Microsecond, MaxWait: time.Millisecond})}, opts...)...)
	require.NoError(t, err)
	return client
}

func failedAs(t *testing.T, err error, kind chatapi.ErrorKind) *chatapi.Error {
	t.Helper()
	require.ErrorIs(t, err, kind)
	var e *chatapi.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, kind, e.Kind)
	assert.NotEmpty(t, e.Sentence)
	return e
}

// A reply of 101, or one whose body ignores the context, ends the call.
func TestFaultE5RepliesThatNeverEnd(t *testing.T) {
	for _, status := range []int{101, 100, 103, 199, 0} {
		closed := false
		client := over(t, roundTripper(func(*http.Request) (*http.Response, error) {
			r := reply(status, "")
			r.Body = &endless{closed: &closed}
			return r, nil
		}))
		_, err := client.SendPrepared(t.Context(), prepared("ABC1"))
		assert.Equal(t, status, failedAs(t, err, chatapi.ErrOutcomeUnknown).HTTPStatus)
		assert.True(t, closed, status)
		_, err = client.Channel.GetStatus(t.Context())
		assert.Equal(t, status, failedAs(t, err, chatapi.ErrUnavailable).HTTPStatus)
		_, err = client.Groups.Create(t.Context(), chatapi.GroupDraft{Subject: "Choir"})
		failedAs(t, err, chatapi.ErrOutcomeUnknown)
	}
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		client := over(t, roundTripper(func(*http.Request) (*http.Response, error) {
			r := reply(200, "")
			r.Body = &endless{release: release, closed: new(bool)}
			return r, nil
		}), chatapi.WithTimeout(time.Minute))
		began := time.Now()
		_, err := client.SendPrepared(t.Context(), prepared("ABC1"))
		failedAs(t, err, chatapi.ErrOutcomeUnknown)
		assert.WithinDuration(t, began.Add(time.Minute), time.Now(), time.Second)
	})
}

// endless is a body whose Read never returns, or fails the test.
type endless struct {
	release chan struct{}
	closed  *bool
}

func (e *endless) Read([]byte) (int, error) {
	if e.release == nil {
		return 0, errors.New("the body of such a status must not be read")
	}
	<-e.release
	return 0, io.EOF
}

func (e *endless) Close() error { *e.closed = true; return nil }

// A token in the place of the API URL, or inside its host or path, is refused,
// and nothing shows it.
func TestFaultE7TokenInTheAddress(t *testing.T) {
	token := jwt(`{"instanceId":"ABC1"}`)
	const opaque = "83763g87xKq2mP0z"
	for name, tc := range map[string][2]string{
		"JWT twice":               {token, token},
		"JWT as address":          {token, ""},
		"JWT beside its address":  {token, "https://api.1msg.io/ABC1"},
		"JWT as host":             {"https://" + token + "/ABC1", token},
		"JWT as host, lower case": {"https://" + strings.ToLower(token) + "/ABC1", opaque},
		"JWT in the path":         {"https://api.1msg.io/ABC1/" + token, opaque},
		"header of a JWT alone":   {"https://api.1msg.io/" + strings.Split(token, ".")[0], opaque},
		"opaque twice":            {opaque, opaque},
		"opaque as host":          {"https://" + opaque + "/ABC1", opaque},
		"opaque as a host's part": {"https://" + strings.ToLower(opaque) + ".1msg.io/ABC1", opaque},
		"opaque as channel":       {"https://api.1msg.io/" + opaque, opaque},
		"opaque, escaped":         {"https://api.1msg.io/%38" + opaque[1:], opaque},
		"opaque in the query too": {"https://api.1msg.io/" + opaque + "?token=" + opaque, ""},
		"opaque as scheme":        {"a" + opaque + "://api.1msg.io/ABC1", "a" + opaque},
		"short, as host":          {"https://s3cre/ABC1", "s3cre"},
	} {
		client, err := chatapi.New(tc[0], tc[1])
		e := failedAs(t, err, chatapi.ErrInvalid)
		assert.Nil(t, client, name)
		text := strings.ToLower(fmt.Sprintf("%+v %s %s %s %s", err, e.Reason, e.Sentence, e.Advice, e.Field))
		for _, part := range append(strings.Split(token, "."), opaque, "s3cre") {
			assert.NotContains(t, text, strings.ToLower(part), name)
		}
	}
	for _, address := range []string{"https://api.1msg.io/ABC1", "https://api.1msg.io/ABC1?token=" + opaque, "api.1msg.io/ABC1"} {
		_, err := chatapi.New(address, opaque)
		assert.NoError(t, err, address)
	}
}

// A reply that spells the token with escapes shows it nowhere.
func TestFaultE8SpelledTokens(t *testing.T) {
	const token = `tok-3f9A/+z=<sEcReT`
	each := func(form string) string {
		var b strings.Builder
		for _, c := range []byte(token) {
			fmt.Fprintf(&b, form, c)
		}
		return b.String()
	}
	for name, spelled := range map[string]string{
		"one letter":    `tok-3f9A/+z=<s\u0045cReT`,
		"slash":         `tok-3f9A\/+z=<sEcReT`,
		"less than":     `tok-3f9A/+z=\u003CsEcReT`,
		"all":           each(`\u%04x`),
		"all, capitals": each(`\u%04X`),
		"percent":       "tok-3f9A%2f%2Bz%3d%3CsEcReT",
		"all percent":   each("%%%02x"),
		"twice percent": "tok-3f9A%252F%252bz%253D%253CsEcReT",
		"twice JSON":    `tok-3f9A\\\/+z=\\u003csEcReT`,
		"HTML":          "tok-3f9A&#x2F;&#43;z=&lt;sEcReT",
		"twice HTML":    "tok-3f9A&amp;#47;+z&equals;&amp;lt;sEcReT",
		"mixed":         `tok%2d3f9A\/&plus;z=\u003CsEcReT`,
		"HTML in JSON":  strings.ReplaceAll(each("&#%d;"), "&", `\u0026`),
		"percent in it": strings.ReplaceAll(each("%%%02x"), "%", `\u0025`),
		"JSON in a URL": strings.ReplaceAll(each(`\u%04x`), `\`, "%5C"),
		"JavaScript":    each("%%u%04x"),
		"braces":        each(`\\u{%x}`),
		"octal":         each(`\\%03o`),
		"base64":        base64.RawStdEncoding.EncodeToString([]byte(token)),
		"hexadecimal":   hex.EncodeToString([]byte(token)),
		"at a cut":      strings.Repeat("x", 480) + strings.ReplaceAll(each("%%%02x"), "%", `\u0025`),
	} {
		for _, form := range []string{`{"error":"token %s"}`, `{"sent":false,"message":"token %s"}`, `{"error":{"message":"token %s"}}`, `token %s`} {
			body := strings.Replace(form, "%s", spelled, 1)
			for _, status := range []int{200, 400, 500} {
				client, err := chatapi.New("https://api.test/ABC1", token, networkEnd(func(*http.Request) (*http.Response, error) {
					return reply(status, body), nil
				}), chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 1}))
				require.NoError(t, err)
				_, err = client.SendPrepared(t.Context(), prepared("ABC1"))
				var e *chatapi.Error
				require.ErrorAs(t, err, &e)
				for _, text := range []string{e.Reason, e.Sentence, string(e.Raw), err.Error()} {
					assert.NotContains(t, text, token, name)
					assert.NotContains(t, text, "sEcReT", name)
					assert.NotContains(t, text, spelled, name)
				}
			}
		}
	}
}

// holder is an error with the request behind a pointer.
type holder struct{ request *http.Request }

func (*holder) Error() string { return "failed somewhere" }

type holdingAddr struct{ request *http.Request }

func (holdingAddr) Network() string { return "tcp" }
func (holdingAddr) String() string  { return "192.0.2.1:443" }

// Only errors of known types of the standard library are wrapped. No other error
// of a network end is within reach of errors.As.
func TestFaultE9ErrorsThatHoldTheRequest(t *testing.T) {
	for name, fail := range map[string]func(*http.Request) error{
		"behind a pointer": func(r *http.Request) error { return &holder{r} },
		"wrapped":          func(r *http.Request) error { return fmt.Errorf("dial: %w", &holder{r}) },
		"joined":           func(r *http.Request) error { return errors.Join(io.EOF, &holder{r}) },
		"in an OpError":    func(r *http.Request) error { return &net.OpError{Op: "write", Err: &holder{r}} },
		"as an address":    func(r *http.Request) error { return &net.OpError{Op: "write", Addr: holdingAddr{r}, Err: io.EOF} },
	} {
		client := over(t, roundTripper(func(r *http.Request) (*http.Response, error) { return nil, fail(r) }))
		_, err := client.SendPrepared(t.Context(), prepared("ABC1"))
		failedAs(t, err, chatapi.ErrOutcomeUnknown)
		var held *holder
		assert.NotErrorAs(t, err, &held, name)
		var op *net.OpError
		if errors.As(err, &op) {
			assert.Nil(t, op.Addr, name)
			assert.NotErrorAs(t, op, &held, name)
		}
	}
	known := &net.OpError{Op: "read", Net: "tcp", Addr: &net.TCPAddr{Port: 443}, Err: io.ErrUnexpectedEOF}
	mine := errors.New("no responder")
	client := over(t, roundTripper(func(r *http.Request) (*http.Response, error) {
		return nil, fmt.Errorf("calling: %w", errors.Join(&holder{r}, known, mine))
	}))
	_, err := client.SendPrepared(t.Context(), prepared("ABC1"))
	var op *net.OpError
	require.ErrorAs(t, err, &op)
	assert.Same(t, known, op, "a known part stays")
	assert.ErrorIs(t, err, mine)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

// A token source that fails or panics with a token, and an *Error of the source,
// are ErrUnauthorized, and show nothing of it.
func TestFaultE10TokenSourceFailsWithTheToken(t *testing.T) {
	const fresh = "tok-fresh-9Z"
	for name, source := range map[string]func(context.Context) (string, error){
		"error":          func(context.Context) (string, error) { return "", errors.New("cannot store " + fresh) },
		"beside a token": func(context.Context) (string, error) { return fresh, fmt.Errorf("cannot store %s: %w", fresh, io.EOF) },
		"panic":          func(context.Context) (string, error) { panic(fresh) },
		"panic of error": func(context.Context) (string, error) { panic(fmt.Errorf("at %s", fresh)) },
		"an Error": func(context.Context) (string, error) {
			return "", &chatapi.Error{Kind: chatapi.ErrBlocked, Reason: fresh}
		},
	} {
		client, err := chatapi.New("https://api.test/ABC1", "", chatapi.WithTokenSource(source), networkEnd(hangs))
		require.NoError(t, err)
		_, err = client.SendPrepared(t.Context(), prepared("ABC1"))
		e := failedAs(t, err, chatapi.ErrUnauthorized)
		assert.False(t, e.Sent, name)
		assert.NotErrorIs(t, err, chatapi.ErrBlocked, name)
		for inner := err; inner != nil; inner = errors.Unwrap(inner) {
			assert.NotContains(t, fmt.Sprintf("%v %+v %#v", inner, inner, inner), fresh, name)
		}
		assert.Equal(t, name == "beside a token", errors.Is(err, io.EOF), name)
	}
}

// A send with a yes in its reply is neither repeated nor refused, whatever the
// Proof that nothing was sent comes only from net/http's own transport, and only
// if every request of the attempt has ended.
func TestFaultE12ProofOfNothingSent(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: errors.New("refused")}
	closed := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, refused }}
	var posts atomic.Int64
	own := roundTripper(func(r *http.Request) (*http.Response, error) { // a socket of its own, then net/http
		posts.Add(1)
		return closed.RoundTrip(r)
	})
	_, err := over(t, own).SendPrepared(t.Context(), prepared("ABC1"))
	failedAs(t, err, chatapi.ErrOutcomeUnknown)
	assert.EqualValues(t, 1, posts.Load())

	registered := &http.Transport{DialContext: closed.DialContext} // a protocol that sends, and then leaves the request to net/http
	registered.RegisterProtocol("http", roundTripper(func(r *http.Request) (*http.Response, error) {
		_, _ = io.Copy(io.Discard, r.Body)
		posts.Add(1)
		return nil, http.ErrSkipAltProtocol
	}))
	_, err = over(t, registered).SendPrepared(t.Context(), prepared("ABC1"))
	failedAs(t, err, chatapi.ErrOutcomeUnknown)
	assert.EqualValues(t, 2, posts.Load())

	_, err = over(t, closed).SendPrepared(t.Context(), prepared("ABC1"))
	assert.False(t, failedAs(t, err, chatapi.ErrUnreachable).Sent, "net/http's own transport proves it")

	for name, hedge := range map[string]func(http.RoundTripper, *http.Request, chan struct{}) (*http.Response, error){
		"a request under way": func(next http.RoundTripper, r *http.Request, done chan struct{}) (*http.Response, error) {
			started := make(chan struct{})
			go func() {
				slow := r.Clone(context.WithValue(r.Context(), slowKey{}, started))
				_, _ = next.RoundTrip(slow)
				close(done)
			}()
			<-started
			return next.RoundTrip(r)
		},
		"a request without the context": func(next http.RoundTripper, r *http.Request, done chan struct{}) (*http.Response, error) {
			_, _ = next.RoundTrip(r.Clone(context.Background()))
			close(done)
			return next.RoundTrip(r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			attempts, done := 0, make(chan struct{}, 3)
			release := make(chan struct{})
			network := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				if started, slow := ctx.Value(slowKey{}).(chan struct{}); slow {
					close(started)
					<-release
				}
				return nil, refused
			}}
			client := over(t, network, chatapi.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
				return roundTripper(func(r *http.Request) (*http.Response, error) { attempts++; return hedge(next, r, done) })
			}))
			_, err := client.SendPrepared(t.Context(), prepared("ABC1"))
			failedAs(t, err, chatapi.ErrOutcomeUnknown)
			assert.Equal(t, 1, attempts)
			close(release)
			<-done
		})
	}
}

type slowKey struct{}

// A request that a middleware makes after its attempt is over goes nowhere, since
// the attempt may have been repeated.
func TestFaultE12LateRequestsGoNowhere(t *testing.T) {
	var posts atomic.Int64
	late := make(chan error, 1)
	client := over(t, roundTripper(func(*http.Request) (*http.Response, error) {
		posts.Add(1)
		return reply(200, `{"sent":true,"id":"wamid.1"}`), nil
	}), chatapi.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(r)
			again := r.Clone(context.WithoutCancel(r.Context()))
			time.AfterFunc(20*time.Millisecond, func() {
				_, err := next.RoundTrip(again)
				late <- err
			})
			return resp, err
		})
	}))
	_, err := client.SendPrepared(t.Context(), prepared("ABC1"))
	require.NoError(t, err)
	assert.ErrorContains(t, <-late, "the attempt is over")
	assert.EqualValues(t, 1, posts.Load())
}

// A middleware or a hook that prints the context of a request shows nothing of
// the message.
func TestFaultE13PrintedContextsSayNothing(t *testing.T) {
	type key struct{}
	var shown strings.Builder
	show := func(ctx context.Context) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
			fmt.Fprintf(&shown, verb+"\n", ctx)
			fmt.Fprintf(&shown, verb+"\n", context.WithValue(ctx, key{}, 1))
			fmt.Fprintf(&shown, verb+"\n", struct{ C context.Context }{ctx})
		}
		slog.New(slog.NewTextHandler(&shown, nil)).Info("x", "ctx", ctx)
		slog.New(slog.NewJSONHandler(&shown, nil)).Info("x", "ctx", ctx)
	}
	client := over(t, roundTripper(func(*http.Request) (*http.Response, error) {
		return reply(200, `{"sent":true,"id":"wamid.1"}`), nil
	}), chatapi.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			show(r.Context())
			fmt.Fprintf(&shown, "%v %+v", r, r)
			return next.RoundTrip(r)
		})
	}), chatapi.WithHooks(chatapi.Hooks{
		Attempt: func(ctx context.Context, _ chatapi.AttemptStart) (context.Context, func(chatapi.AttemptEnd)) {
			show(ctx)
			return context.WithoutCancel(ctx), nil
		},
		Wait: func(ctx context.Context, _ chatapi.WaitInfo) { show(ctx) },
	}), chatapi.WithPace(chatapi.Pace{PerSecond: 100}))
	for range 2 { // the second one waits
		_, err := client.Send(t.Context(), chatapi.Phone("12025550143"), chatapi.Text{Body: "my secret text"})
		require.NoError(t, err)
	}
	text := shown.String()
	require.NotEmpty(t, text)
	for _, hidden := range []string{"secret text", "12025550143", fmt.Sprintf("%x", "secret text"), opaqueToken,
		strings.Trim(fmt.Sprint([]byte("secret")), "[]"), "0x73, 0x65, 0x63"} {
		assert.NotContains(t, text, hidden)
	}
}

// Names of fields, in any case, trailers and early replies show no token to a
// middleware.
func TestFaultE10TokenInNamesTrailersAndEarlyReplies(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := r.URL.Query().Get("token")
		w.Header().Set("Link", "</"+token+">")
		w.Header().Set("X-"+token, "early")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Trailer", "X-Late")
		_, _ = io.WriteString(w, "{}")
		w.Header().Set("X-Late", token)
		w.Header().Set(http.TrailerPrefix+"Y-"+token, "late")
	}))
	defer server.Close()
	var shown strings.Builder
	early := 0
	client, err := chatapi.New(server.URL+"/ABC1", opaqueToken, chatapi.WithHTTPClient(server.Client()),
		chatapi.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				resp, err := next.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
					Got1xxResponse: func(_ int, header textproto.MIMEHeader) error { early++; fmt.Fprint(&shown, header); return nil },
				})))
				fmt.Fprint(&shown, resp.Header, resp.Trailer)
				return resp, err
			})
		}))
	require.NoError(t, err)
	_, err = client.Settings.Get(t.Context())
	require.NoError(t, err)
	assert.Positive(t, early)
	assert.Contains(t, shown.String(), "X-Late")
	assert.NotContains(t, strings.ToLower(shown.String()), opaqueToken)
}

// The value of a panic of the network end shows no token, since servers log it.
func TestFaultE10PanicsOfTheNetworkEnd(t *testing.T) {
	for name, value := range map[string]func(*http.Request) any{
		"text":    func(r *http.Request) any { return "cannot post " + r.URL.String() },
		"error":   func(r *http.Request) any { return fmt.Errorf("cannot post %s", r.URL) },
		"request": func(r *http.Request) any { return r },
		"pointer": func(r *http.Request) any { return &holder{r} },
		"address": func(r *http.Request) any { return *r.URL },
	} {
		client := over(t, roundTripper(func(r *http.Request) (*http.Response, error) { panic(value(r)) }))
		func() {
			defer func() {
				caught := recover()
				require.NotNil(t, caught, name)
				assert.NotContains(t, fmt.Sprintf("%v %+v %#v", caught, caught, caught), opaqueToken, name)
				err, _ := caught.(error)
				var held *holder
				assert.NotErrorAs(t, err, &held, name)
			}()
			_, _ = client.SendPrepared(t.Context(), prepared("ABC1"))
		}()
	}
	assert.PanicsWithValue(t, "a bug", func() {
		_, _ = over(t, roundTripper(func(*http.Request) (*http.Response, error) { panic("a bug") })).Channel.GetStatus(t.Context())
	})
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() {
		_, _ = over(t, roundTripper(func(*http.Request) (*http.Response, error) { panic(http.ErrAbortHandler) })).Channel.GetStatus(t.Context())
	})
}
