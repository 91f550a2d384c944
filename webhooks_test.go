package chatapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

func (h *hook) post(body string) *httptest.ResponseRecorder {
	return h.serve(httptest.NewRequest(http.MethodPost, "/hooks/"+hookSecret, strings.NewReader(body)))
}

func (h *hook) serve(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return w
}

var errBroken = errors.New("the database is gone")

func TestWebhookHandlerAnswers(t *testing.T) {
	unknown := &chatapi.Error{Op: "sendMessage", Kind: chatapi.ErrOutcomeUnknown}
	on := func(key string, err error) func(chatapi.Event) error {
		return func(e chatapi.Event) error {
			if e.Key() == key {
				return err
			}
			return nil
		}
	}
	all := []string{"message/a", "message/b", "status/c/read"}
	for _, c := range []struct {
		name   string
		fail   func(chatapi.Event) error
		status int
		keys   []string
		report error
	}{
		{"nil", nil, 200, all, nil},
		{"an error ends the delivery", on("message/b", errBroken), 500, all[:2], errBroken},
		{"an unknown outcome does not", on("message/a", unknown), 200, all, chatapi.ErrOutcomeUnknown},
		{"a wrapped unknown outcome", on("message/a", fmt.Errorf("reply: %w", unknown)), 200, all, chatapi.ErrOutcomeUnknown},
		{"an unknown outcome to be tried later", on("message/a", chatapi.RetryLater(time.Second, unknown)), 200, all, chatapi.ErrOutcomeUnknown},
		{"retry later", on("message/a", chatapi.RetryLater(time.Second, errBroken)), 503, all[:1], errBroken},
		{"a wrapped retry later", on("message/a", fmt.Errorf("busy: %w", chatapi.RetryLater(time.Second, errBroken))), 503, all[:1], errBroken},
		{"a panic", func(chatapi.Event) error { panic(errBroken) }, 500, all[:1], errBroken},
		{"a panic meant for the server", func(chatapi.Event) error { panic(http.ErrAbortHandler) }, 500, all[:1], http.ErrAbortHandler},
		{"a panic without an error", func(chatapi.Event) error { panic("no") }, 500, all[:1], nil},
		{"a nil pointer", func(chatapi.Event) error { return errors.New(map[string]*chatapi.MessageEvent{}["none"].Text) }, 500, all[:1], nil},
		{"a rate limit", on("message/a", &chatapi.Error{Kind: chatapi.ErrRateLimited}), 500, all[:1], chatapi.ErrRateLimited},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHook(c.fail)
			w := h.post(hookBody)
			assert.Equal(t, c.status, w.Code)
			assert.Equal(t, c.keys, h.keys)
			if c.report != nil {
				require.Len(t, h.errors, 1)
				assert.ErrorIs(t, h.errors[0], c.report)
			}
			assert.Equal(t, c.status != 200, len(h.errors) > 0 && !errors.Is(c.report, chatapi.ErrOutcomeUnknown))
		})
	}
}

func TestRetryLater(t *testing.T) {
	for after, want := range map[time.Duration]string{time.Minute: "60", 1500 * time.Millisecond: "2", 0: "1", -time.Hour: "1", time.Millisecond: "1"} {
		h := newHook(func(chatapi.Event) error { return chatapi.RetryLater(after, nil) })
		w := h.post(hookBody)
		assert.Equal(t, http.StatusServiceUnavailable, w.Code)
		assert.Equal(t, want, w.Header().Get("Retry-After"), after)
	}
	assert.Equal(t, "chatapi: retry later", chatapi.RetryLater(1, nil).Error())
	assert.ErrorIs(t, chatapi.RetryLater(1, errBroken), errBroken)
}

func TestWebhookHandlerBodies(t *testing.T) {
	for _, c := range []struct {
		name, body string
		status     int
		keys       []string
		kind       error
	}{
		{"one bad element", `{"messages":[5,{"id":"b","type":"chat","body":"x","fromMe":false}]}`, 200, []string{"message/b"}, chatapi.ErrInvalid},
		{"a known array of another type", `{"messages":5,"ack":[{"id":"c","status":"read"}]}`, 200, []string{"status/c/read"}, chatapi.ErrInvalid},
		{"no events", `{"messages":[]}`, 200, nil, nil},
		{"empty", ``, 400, nil, chatapi.ErrInvalid},
		{"cut off", hookBody[:50], 400, nil, chatapi.ErrInvalid},
		{"HTML", `<html>`, 400, nil, chatapi.ErrInvalid},
		{"an array", `[]`, 400, nil, chatapi.ErrInvalid},
		{"text after the body", hookBody + "x", 400, nil, chatapi.ErrInvalid},
		{"brackets", strings.Repeat("[", 4<<20), 400, nil, chatapi.ErrInvalid},
		{"10 MB", `{"messages":[{"body":"` + strings.Repeat("x", 10<<20) + `"}]}`, 413, nil, chatapi.ErrTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHook(nil)
			w := h.post(c.body)
			assert.Equal(t, c.status, w.Code)
			assert.Equal(t, c.keys, h.keys)
			if c.kind == nil {
				assert.Empty(t, h.errors)
				return
			}
			require.Len(t, h.errors, 1)
			assert.ErrorIs(t, h.errors[0], c.kind)
		})
	}
	t.Run("the limit is a byte count", func(t *testing.T) {
		h := newHook(nil, chatapi.WebhookMaxBody(int64(len(hookBody))))
		assert.Equal(t, 200, h.post(hookBody).Code)
		assert.Equal(t, 413, h.post(hookBody+" ").Code)
	})
	t.Run("a body of unknown length", func(t *testing.T) {
		h := newHook(nil, chatapi.WebhookMaxBody(10_000))
		r := httptest.NewRequest(http.MethodPost, "/"+hookSecret, io.LimitReader(zeros{}, 1<<40))
		r.ContentLength = -1
		assert.Equal(t, 413, h.serve(r).Code)
	})
	t.Run("a body that breaks off", func(t *testing.T) {
		h := newHook(nil)
		r := httptest.NewRequest(http.MethodPost, "/"+hookSecret, io.MultiReader(strings.NewReader(hookBody[:20]), failing{}))
		assert.Equal(t, 400, h.serve(r).Code)
		assert.Empty(t, h.keys)
		assert.ErrorIs(t, h.errors[0], errBroken)
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errBroken }

func TestWebhookHandlerRequests(t *testing.T) {
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"} {
		h := newHook(nil)
		w := h.serve(httptest.NewRequest(method, "/"+hookSecret, strings.NewReader(hookBody)))
		assert.Equal(t, 405, w.Code, method)
		assert.Equal(t, "POST", w.Header().Get("Allow"))
		assert.Empty(t, h.keys)
	}
	for header, want := range map[string]int{
		"Content-Type: application/json": 200, "Content-Type: application/json; charset=utf-8": 200, "Content-Type: Application/JSON;": 200,
		"Content-Type: text/plain;charset=UTF-8": 200, "Content-Type: application/octet-stream": 200,
		"Content-Type: application/vnd.api+json": 200, "Content-Type: text/json": 200, "Content-Type:": 200,
		"Content-Type: application/x-www-form-urlencoded": 415, "Content-Type: multipart/form-data; boundary=x": 415, "Content-Type: text/html": 415,
		"Content-Encoding: identity": 200, "Content-Encoding: gzip": 415, "Content-Encoding: br": 415, "Content-Encoding: gzip, gzip": 415,
	} {
		h := newHook(nil)
		r := httptest.NewRequest(http.MethodPost, "/"+hookSecret, strings.NewReader(hookBody))
		name, value, _ := strings.Cut(header, ":")
		r.Header.Set(name, strings.TrimSpace(value))
		assert.Equal(t, want, h.serve(r).Code, header)
		assert.Equal(t, want == 200, len(h.errors) == 0, header)
	}
}

func TestWebhookHandlerSecret(t *testing.T) {
	post := func(target string, header string) *http.Request {
		r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(hookBody))
		if header != "" {
			r.Header.Set("X-Webhook-Secret", header)
		}
		return r
	}
	const old = "former secret/with ?odd&signs"
	for _, c := range []struct {
		target, header string
		status         int
	}{
		{"/hooks/" + hookSecret, "", 200},
		{"/hooks/" + hookSecret + "/", "", 200},
		{"/" + hookSecret, "", 200},
		{"/hooks?secret=" + hookSecret, "", 200},
		{"/hooks", hookSecret, 200},
		{"/hooks/wrong", hookSecret, 200},
		{"/hooks/former%20secret%2Fwith%20%3Fodd&signs", "", 200},
		{"/hooks?secret=former+secret%2Fwith+%3Fodd%26signs", "", 200},
		{"/hooks", old, 200},
		{"/hooks", "", 403},
		{"/", "", 403},
		{"/hooks/" + hookSecret + "/more", "", 403},
		{"/hooks/" + hookSecret[1:], "", 403},
		{"/hooks/" + hookSecret + "x", "", 403},
		{"/hooks/" + strings.ToUpper(hookSecret), "", 403},
		{"/hooks?secret=", "", 403},
		{"/hooks?secret=wrong&secret=" + hookSecret, "", 403},
		{"/hooks?Secret=" + hookSecret, "", 403},
		{"/hooks", "wrong", 403},
	} {
		t.Run(c.target+" "+c.header, func(t *testing.T) {
			h := newHook(nil, chatapi.WebhookSecret(old, ""))
			assert.Equal(t, c.status, h.serve(post(c.target, c.header)).Code)
			if c.status == 200 {
				assert.Len(t, h.keys, 3)
				return
			}
			assert.Empty(t, h.keys)
			require.Len(t, h.errors, 1)
			assert.ErrorIs(t, h.errors[0], chatapi.ErrUnauthorized)
		})
	}
	t.Run("no report has the secret", func(t *testing.T) {
		h := newHook(func(chatapi.Event) error { panic("x") }, chatapi.WebhookMaxBody(10))
		for _, r := range []*http.Request{post("/x?secret="+hookSecret, ""), post("/"+hookSecret+"x", ""), post("/x", hookSecret)} {
			h.serve(r)
		}
		h.post(`[]`)
		require.Len(t, h.errors, 4)
		for _, text := range []string{fmt.Sprint(h.errors), fmt.Sprintf("%+v %#v", h.errors, h.errors), fmt.Sprintf("%+v %#v", h.handler, h.handler)} {
			assert.NotContains(t, text, hookSecret)
		}
	})
	t.Run("without a secret", func(t *testing.T) {
		for _, opts := range [][]chatapi.WebhookOption{nil, {nil}} {
			h := &hook{}
			h.handler = chatapi.NewWebhookHandler(func(context.Context, chatapi.Event) error { t.Error("called"); return nil }, append(opts, h.reporting())...)
			assert.Equal(t, 403, h.serve(post("/", "")).Code)
			assert.Equal(t, 403, h.serve(post("/hooks/x?secret=x", "x")).Code)
			require.Len(t, h.errors, 2)
			assert.ErrorIs(t, h.errors[0], chatapi.ErrNoWebhookSecret)
		}
	})
	t.Run("WebhookAcceptUnauthenticated", func(t *testing.T) {
		count := 0
		handle := func(context.Context, chatapi.Event) error { count++; return nil }
		h := &hook{handler: chatapi.NewWebhookHandler(handle, chatapi.WebhookAcceptUnauthenticated())}
		assert.Equal(t, 200, h.serve(post("/", "")).Code)
		assert.Equal(t, 3, count)
		h = newHook(nil, chatapi.WebhookAcceptUnauthenticated())
		assert.Equal(t, 403, h.serve(post("/", "")).Code, "a secret that is set is checked")
	})
}

func TestWebhookHandlerChannels(t *testing.T) {
	body := func(channel string) string {
		return `{"instanceId":"` + channel + `","ack":[{"id":"c","status":"read"}]}`
	}
	secrets := map[chatapi.ChannelID][]string{"ABC1": {"s1", "s1-old"}, "ABC2": {"s2"}, "100001": {"s3"}, "ABC4": {""}}
	var channels []chatapi.ChannelID
	serve := func(h *hook, target, header, body string) int {
		r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
		r.Header.Set("X-Webhook-Secret", header)
		return h.serve(r).Code
	}
	fresh := func(opts ...chatapi.WebhookOption) *hook {
		h, got := &hook{}, &channels
		*got = nil
		opts = append(opts, h.reporting())
		h.handler = chatapi.NewWebhookHandler(func(_ context.Context, e chatapi.Event) error {
			*got = append(*got, e.Info().Channel)
			return nil
		}, opts...)
		return h
	}
	lookup := chatapi.WebhookSecrets(func(_ context.Context, id chatapi.ChannelID) []string { return secrets[id] })
	for _, c := range []struct {
		target, header, body string
		status               int
		channel              chatapi.ChannelID
		kind                 error
	}{
		{"/hooks/ABC1/s1", "", body("ABC1"), 200, "ABC1", nil},
		{"/hooks/ABC1/s1-old", "", body("ABC1"), 200, "ABC1", nil},
		{"/hooks/ABC1?secret=s1", "", body("ABC1"), 200, "ABC1", nil},
		{"/hooks/ABC1", "s1", body("ABC1"), 200, "ABC1", nil},
		{"/hooks/ABC2/s2", "", body("abc2"), 200, "ABC2", nil},
		{"/hooks/100001/s3", "", body("instance100001"), 200, "100001", nil},
		{"/hooks/ABC1/s1", "", `{"ack":[{"id":"c","status":"read"}]}`, 200, "ABC1", nil},
		{"/hooks/ABC1/s1", "", body("ABC2"), 403, "", chatapi.ErrWrongChannel},
		{"/hooks/ABC1/s1", "", `{"instanceId":"ABC2","instanceId":"ABC1","ack":[]}`, 403, "", chatapi.ErrWrongChannel},
		{"/hooks/ABC1/s2", "", body("ABC1"), 403, "", chatapi.ErrUnauthorized},
		{"/hooks/ABC2/s1", "", body("ABC1"), 403, "", chatapi.ErrUnauthorized},
		{"/hooks/ABC9/s1", "", body("ABC9"), 403, "", chatapi.ErrNoWebhookSecret},
		{"/hooks/ABC4/", "", body("ABC4"), 403, "", chatapi.ErrNoWebhookSecret},
		{"/s1", "", body("ABC1"), 403, "", chatapi.ErrNoWebhookSecret},
	} {
		t.Run(c.target+" "+c.header+" "+c.body[:24], func(t *testing.T) {
			h := fresh(lookup)
			assert.Equal(t, c.status, serve(h, c.target, c.header, c.body))
			if c.kind == nil {
				assert.Equal(t, []chatapi.ChannelID{c.channel}, channels)
				assert.Empty(t, h.errors)
				return
			}
			assert.Empty(t, channels)
			require.Len(t, h.errors, 1)
			assert.ErrorIs(t, h.errors[0], c.kind)
		})
	}
	t.Run("WebhookChannel takes the channel from the host", func(t *testing.T) {
		h := fresh(chatapi.WebhookSecret("s"), chatapi.WebhookChannel(func(r *http.Request) chatapi.ChannelID {
			return chatapi.ChannelID(strings.TrimSuffix(r.Host, ".desk.example"))
		}))
		assert.Equal(t, 200, serve(h, "http://abc1.desk.example/s", "", body("ABC1")))
		assert.Equal(t, []chatapi.ChannelID{"abc1"}, channels)
		assert.Equal(t, 403, serve(h, "http://abc1.desk.example/s", "", body("ABC2")))
	})
	t.Run("functions that panic", func(t *testing.T) {
		h := fresh(chatapi.WebhookSecrets(func(context.Context, chatapi.ChannelID) []string { panic(errBroken) }))
		assert.Equal(t, 500, serve(h, "/ABC1/s1", "", body("ABC1")))
		assert.ErrorIs(t, h.errors[0], errBroken)
	})
	t.Run("WebhookAcceptUnauthenticated opens no unknown channel", func(t *testing.T) {
		h := fresh(lookup, chatapi.WebhookAcceptUnauthenticated())
		assert.Equal(t, 403, serve(h, "/ABC9/x", "", body("ABC9")))
	})
}

func TestDeliveryHandler(t *testing.T) {
	var got []*chatapi.Delivery
	var fail error
	h := &hook{}
	h.handler = chatapi.NewDeliveryHandler(func(_ context.Context, d *chatapi.Delivery) error {
		got = append(got, d)
		return fail
	}, chatapi.WebhookSecret(hookSecret), h.reporting())

	before := time.Now()
	assert.Equal(t, 200, h.post(hookBody).Code)
	require.Len(t, got, 1)
	d := got[0]
	assert.Equal(t, chatapi.ChannelID("ABC100000001"), d.Channel)
	assert.Equal(t, hookBody, string(d.Body))
	assert.Len(t, d.Events, 3)
	assert.NoError(t, d.Err)
	for _, e := range d.Events {
		assert.Equal(t, d.Received, e.Info().Received)
		assert.WithinRange(t, e.Info().Received, before, time.Now())
	}

	assert.Equal(t, 400, h.post("not JSON").Code)
	require.Len(t, got, 2, "an unreadable body is handed over too")
	assert.Equal(t, "not JSON", string(got[1].Body))
	assert.ErrorIs(t, got[1].Err, chatapi.ErrInvalid)
	assert.Empty(t, got[1].Events)

	assert.Equal(t, 200, h.post(`{"messages":[1]}`).Code)
	var bad *chatapi.ParseError
	assert.ErrorAs(t, got[2].Err, &bad)

	fail = errBroken
	assert.Equal(t, 500, h.post(hookBody).Code)
	assert.Equal(t, 500, h.post("not JSON").Code)
	fail = chatapi.ErrOutcomeUnknown
	assert.Equal(t, 200, h.post(hookBody).Code)
}

func TestWebhookHandlerNil(t *testing.T) {
	var log bytes.Buffer
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	r := func() *http.Request { return httptest.NewRequest(http.MethodPost, "/s", strings.NewReader(hookBody)) }
	quiet := chatapi.WebhookErrors(func(context.Context, error) {})
	for _, handler := range []*chatapi.WebhookHandler{
		nil, {}, chatapi.NewWebhookHandler(nil, quiet), chatapi.NewDeliveryHandler(nil, quiet, nil),
	} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r())
		assert.Equal(t, 500, w.Code)
	}
	h := &hook{handler: chatapi.NewWebhookHandler(func(context.Context, chatapi.Event) error { return nil }, chatapi.WebhookSecret("s"), nil)}
	assert.Equal(t, 200, h.serve(r()).Code)
	request := r()
	request.Body = nil
	assert.Equal(t, 400, h.serve(request).Code)
	h.handler = chatapi.NewWebhookHandler(func(context.Context, chatapi.Event) error { return errBroken }, chatapi.WebhookSecret("s"),
		chatapi.WebhookErrors(func(context.Context, error) { panic("the reporter too") }))
	assert.Equal(t, 500, h.serve(r()).Code)
	assert.Contains(t, log.String(), "the reporter too", "without a working reporter, errors are logged")
}

// Time in a synctest bubble costs nothing.
func TestWebhookHandlerContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone, hangUp := context.WithCancel(context.WithValue(t.Context(), ctxKey{}, "trace"))
		var sawCancel bool
		var left time.Duration
		var value any
		h := newHook(nil)
		h.handler = chatapi.NewWebhookHandler(func(ctx context.Context, _ chatapi.Event) error {
			hangUp()
			deadline, _ := ctx.Deadline()
			left, value, sawCancel = time.Until(deadline), ctx.Value(ctxKey{}), ctx.Err() != nil
			return nil
		}, chatapi.WebhookSecret("s"))
		r := httptest.NewRequestWithContext(gone, http.MethodPost, "/s", strings.NewReader(hookBody))
		assert.Equal(t, 200, h.serve(r).Code)
		assert.False(t, sawCancel, "the context outlives the sender's connection")
		assert.Equal(t, 15*time.Second, left)
		assert.Equal(t, "trace", value)
	})
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		h := newHook(nil, chatapi.WebhookTimeout(3*time.Second))
		keys := 0
		h.handler = chatapi.NewWebhookHandler(func(ctx context.Context, _ chatapi.Event) error {
			keys++
			select {
			case <-ctx.Done():
			case <-time.After(time.Minute): // a context without an end fails the test instead of hanging it
			}
			return nil // this event is done; the others get no time
		}, chatapi.WebhookSecret(hookSecret), chatapi.WebhookTimeout(3*time.Second), h.reporting())
		assert.Equal(t, 500, h.post(hookBody).Code)
		assert.Equal(t, 3*time.Second, time.Since(started))
		assert.Equal(t, 1, keys)
		require.Len(t, h.errors, 1)
		assert.ErrorIs(t, h.errors[0], context.DeadlineExceeded)
	})
}

type ctxKey struct{}

// Over a real connection, a sender that breaks off in mid-body is no event. A
// sender that hangs up early does not end the work.
func TestWebhookHandlerServer(t *testing.T) {
	handled := make(chan error, 1)
	release := make(chan struct{})
	server := httptest.NewServer(chatapi.NewWebhookHandler(func(ctx context.Context, e chatapi.Event) error {
		<-release
		handled <- ctx.Err()
		return nil
	}, chatapi.WebhookSecret("s"), chatapi.WebhookErrors(func(context.Context, error) {})))
	defer server.Close()

	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	const body = `{"ack":[{"id":"a","status":"read"}]}`
	fmt.Fprintf(conn, "POST /s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body)+10, body)
	conn.Close()

	conn, err = net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	fmt.Fprintf(conn, "POST /s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	conn.Close()
	close(release)
	assert.NoError(t, <-handled, "the context outlives the connection")
	select {
	case <-handled:
		t.Error("half a body was handled")
	default:
	}
}
