package chatapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// listServer answers GET /webhook with a fixed body, and records the requests
// that write a list.
type listServer struct {
	reply, set string
	written    []string // each as "path body"
	reads      int
}

func (s *listServer) RoundTrip(r *http.Request) (*http.Response, error) {
	path := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	answer := func(body string) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
	switch {
	case r.Method == http.MethodGet && path == "webhook":
		s.reads++
		return answer(s.reply)
	case r.Method == http.MethodPost && (path == "webhook" || path == "settings"):
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		s.written = append(s.written, path+" "+string(body))
		if s.set != "" {
			return answer(s.set)
		}
		s.reply = string(body) // a reply to a write has the form of a list
		return answer(`{"set":true,"message":"ok"}`)
	}
	return nil, fmt.Errorf("unexpected %s %s", r.Method, r.URL.Path)
}

func (s *listServer) client(t *testing.T) *chatapi.Client {
	t.Helper()
	client, err := chatapi.New("https://api.example.com/ABC100000001", "token-0123456789",
		chatapi.WithHTTPClient(&http.Client{Transport: s}), chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 1}))
	require.NoError(t, err)
	return client
}

const (
	hookA = "https://hooks.example.com/wa"
	hookB = "https://crm.example.com/in"
	hookC = "https://desk.example.com/hooks/ABC100000001/s3cret"
)

func TestWebhooksList(t *testing.T) {
	for reply, want := range map[string][]chatapi.WebhookInfo{
		string(readFile(t, "testdata/contract/response-webhook-one.json")):        {{URL: hookA}},
		string(readFile(t, "testdata/contract/response-webhook-list.json")):       {{URL: hookA}, {URL: hookB, Status: "disabled"}},
		string(readFile(t, "testdata/contract/response-webhook-comma-text.json")): {{URL: hookA}, {URL: hookB}},
		`{"webhookUrl":null}`:                                   nil,
		`{"webhookUrl":""}`:                                     nil,
		`{"webhookUrl":[]}`:                                     nil,
		`{"webhookUrl":[null,""," ` + hookA + ` "]}`:            {{URL: hookA}},
		`{"webhookUrl":"` + hookA + `?tags=a,b,` + hookB + `"}`: {{URL: hookA + "?tags=a,b"}, {URL: hookB}},
		`{"webhookUrl":["` + hookA + `"],"webhookStatuses":{"` + hookA + `/":"enabled"}}`:  {{URL: hookA, Status: "enabled"}},
		`{"webhookUrl":["` + hookA + `"],"webhookStatuses":true}`:                          {{URL: hookA}},
		`{"webhookUrl":["` + hookA + `"],"webhookStatuses":[1,{"url":{}},{"status":"x"}]}`: {{URL: hookA}},
	} {
		t.Run(reply, func(t *testing.T) {
			got, err := (&listServer{reply: reply}).client(t).Webhooks.List(t.Context())
			require.NoError(t, err)
			assert.Equal(t, want, got)
		})
	}
	assert.True(t, chatapi.WebhookInfo{Status: "DISABLED"}.Disabled())
	assert.False(t, chatapi.WebhookInfo{}.Disabled())
}

// An unreadable list must not count as empty: writing it back would cut off the
// other consumers.
func TestWebhooksUnreadableList(t *testing.T) {
	for _, reply := range []string{`{}`, `{"webhookUrl":5}`, `{"webhookUrl":{"a":1}}`, `{"webhookUrl":[{"href":"x"}]}`, `[]`, `<html>`, `{"error":"no"}`, ``} {
		t.Run(reply, func(t *testing.T) {
			server := &listServer{reply: reply}
			client := server.client(t)
			for _, call := range []func() error{
				func() error { return client.Webhooks.Add(t.Context(), hookC) },
				func() error { return client.Webhooks.Remove(t.Context(), hookC) },
				func() error { return client.Webhooks.Enable(t.Context()) },
			} {
				var e *chatapi.Error
				require.ErrorAs(t, call(), &e)
				assert.NotEmpty(t, e.Sentence)
			}
			assert.Empty(t, server.written)
		})
	}
}

func TestWebhooksChange(t *testing.T) {
	list := func(urls ...string) string {
		data, _ := json.Marshal(map[string]any{"webhookUrl": urls})
		return string(data)
	}
	ctx := t.Context()
	for _, c := range []struct {
		name, reply string
		do          func(chatapi.WebhooksService) error
		want        string // empty if nothing is written
	}{
		{"add to an empty list", `{"webhookUrl":""}`, func(s chatapi.WebhooksService) error { return s.Add(ctx, " "+hookC+" ") }, `webhook {"webhookUrl":"` + hookC + `"}`},
		{"add to one", list(hookA), func(s chatapi.WebhooksService) error { return s.Add(ctx, hookC) }, "webhook " + list(hookA, hookC)},
		{"add to two", `{"webhookUrl":"` + hookA + `, ` + hookB + `/"}`, func(s chatapi.WebhooksService) error { return s.Add(ctx, hookC) }, "webhook " + list(hookA, hookB+"/", hookC)},
		{"add again", list(hookA, hookC), func(s chatapi.WebhooksService) error { return s.Add(ctx, hookC) }, ""},
		{"add again with a slash", list(hookA, hookC), func(s chatapi.WebhooksService) error { return s.Add(ctx, hookC+"/") }, ""},
		{"add what is there with a slash", list(hookC + "/"), func(s chatapi.WebhooksService) error { return s.Add(ctx, hookC) }, ""},
		{"add what is disabled", string(readFile(t, "testdata/contract/response-webhook-list.json")),
			func(s chatapi.WebhooksService) error { return s.Add(ctx, hookB) }, "webhook " + list(hookA, hookB)},
		{"add what is there in capitals", list("HTTPS://Desk.Example.com/hooks/ABC100000001/s3cret"), func(s chatapi.WebhooksService) error { return s.Add(ctx, hookC) }, ""},
		{"add what differs by the case of its secret", list("https://desk.example.com/hooks/ABC100000001/S3CRET"),
			func(s chatapi.WebhooksService) error { return s.Add(ctx, hookC) }, "webhook " + list("https://desk.example.com/hooks/ABC100000001/S3CRET", hookC)},
		{"add on loopback", list(), func(s chatapi.WebhooksService) error { return s.Add(ctx, "http://127.0.0.1:8080/s") }, `webhook {"webhookUrl":"http://127.0.0.1:8080/s"}`},
		{"add keeps odd ones", list("ftp://old example", hookA), func(s chatapi.WebhooksService) error { return s.Add(ctx, hookC) }, "webhook " + list("ftp://old example", hookA, hookC)},
		{"remove one of two", list(hookA, hookC), func(s chatapi.WebhooksService) error { return s.Remove(ctx, hookC+"/") }, `webhook {"webhookUrl":"` + hookA + `"}`},
		{"remove the last", list(hookC), func(s chatapi.WebhooksService) error { return s.Remove(ctx, hookC) }, `settings {"webhookUrl":""}`},
		{"remove what is not there", list(hookA), func(s chatapi.WebhooksService) error { return s.Remove(ctx, hookC) }, ""},
		{"remove nothing", list(hookA), func(s chatapi.WebhooksService) error { return s.Remove(ctx, "") }, ""},
		{"replace", list(hookA), func(s chatapi.WebhooksService) error { return s.Set(ctx, hookB, hookC, hookB+"/") }, "webhook " + list(hookB, hookC)},
		{"clear", list(hookA), func(s chatapi.WebhooksService) error { return s.Clear(ctx) }, `settings {"webhookUrl":""}`},
		{"enable", string(readFile(t, "testdata/contract/response-webhook-list.json")), func(s chatapi.WebhooksService) error { return s.Enable(ctx) }, "webhook " + list(hookA, hookB)},
		{"enable an empty list", list(), func(s chatapi.WebhooksService) error { return s.Enable(ctx) }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := &listServer{reply: c.reply}
			require.NoError(t, c.do(server.client(t).Webhooks))
			if c.want == "" {
				assert.Empty(t, server.written)
				return
			}
			require.Len(t, server.written, 1)
			path, body, _ := strings.Cut(server.written[0], " ")
			wantPath, wantBody, _ := strings.Cut(c.want, " ")
			assert.Equal(t, wantPath, path)
			assert.JSONEq(t, wantBody, body)
		})
	}
}

// After a write, the service may report an address as disabled for a while. Add
// writes the list once and does not wait for the status.
func TestWebhooksStatusLagsBehind(t *testing.T) {
	const list = `{"webhookUrl":["` + hookA + `"],"webhookStatuses":[{"url":"` + hookA + `","status":"disabled"}]}`
	server := &listServer{reply: list, set: `{"set":true}`} // the list never changes
	require.NoError(t, server.client(t).Webhooks.Add(t.Context(), hookA))
	assert.Len(t, server.written, 1)
	assert.Equal(t, 2, server.reads)
}

// With "set": false, the service says that it changed nothing. That is a refusal
// only if there was something to change.
func TestWebhooksSetFalse(t *testing.T) {
	for address, kind := range map[string]error{hookA: nil, hookA + "/": nil, hookB: chatapi.ErrRefused} {
		server := &listServer{reply: `{"webhookUrl":"` + hookA + `"}`, set: `{"set":"false"}`}
		assert.ErrorIs(t, server.client(t).Webhooks.Set(t.Context(), address), kind, address)
	}
}

func TestWebhooksRefused(t *testing.T) {
	server := &listServer{reply: `{"webhookUrl":["https://a.example","https://b.example","https://c.example","https://d.example","https://e.example"]}`}
	client := server.client(t)
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"a sixth": func() error { return client.Webhooks.Add(ctx, hookC) },
		"six at once": func() error {
			return client.Webhooks.Set(ctx, hookA, hookB, hookC, "https://x.example", "https://y.example", "https://z.example")
		},
		"no address":     func() error { return client.Webhooks.Set(ctx) },
		"empty":          func() error { return client.Webhooks.Add(ctx, "") },
		"spaces":         func() error { return client.Webhooks.Set(ctx, hookA, "  ") },
		"http":           func() error { return client.Webhooks.Add(ctx, "http://desk.example/secret-in-url") },
		"ftp":            func() error { return client.Webhooks.Add(ctx, "ftp://desk.example/secret-in-url") },
		"no scheme":      func() error { return client.Webhooks.Add(ctx, "desk.example/secret-in-url") },
		"no host":        func() error { return client.Webhooks.Add(ctx, "https:///secret-in-url") },
		"a fragment":     func() error { return client.Webhooks.Add(ctx, "https://desk.example/#secret-in-url") },
		"a space inside": func() error { return client.Webhooks.Add(ctx, "https://desk.example/secret-in-url x") },
		"a control sign": func() error { return client.Webhooks.Add(ctx, "https://desk.example/\x00secret-in-url") },
	} {
		t.Run(name, func(t *testing.T) {
			var e *chatapi.Error
			require.ErrorAs(t, call(), &e)
			assert.Equal(t, chatapi.ErrInvalid, e.Kind)
			assert.Equal(t, "address", e.Field)
			assert.NotEmpty(t, e.Op)
			assert.NotContains(t, e.Error(), "secret-in-url")
		})
	}
	assert.Empty(t, server.written)

	t.Run("the service refuses the address", func(t *testing.T) {
		server := &listServer{reply: `{"webhookUrl":""}`, set: `{"set":false,"message":"no permission"}`}
		err := server.client(t).Webhooks.Add(ctx, hookC)
		assert.ErrorIs(t, err, chatapi.ErrRefused)
		assert.ErrorContains(t, err, "no permission")
	})
	t.Run("nil", func(t *testing.T) {
		for _, service := range []chatapi.WebhooksService{{}, (&chatapi.Client{}).Webhooks} {
			_, err := service.List(ctx)
			assert.ErrorIs(t, err, chatapi.ErrInvalid)
			assert.ErrorIs(t, service.Add(ctx, hookA), chatapi.ErrInvalid)
			assert.ErrorIs(t, service.Remove(ctx, hookA), chatapi.ErrInvalid)
			assert.ErrorIs(t, service.Set(ctx, hookA), chatapi.ErrInvalid)
			assert.ErrorIs(t, service.Clear(ctx), chatapi.ErrInvalid)
			assert.ErrorIs(t, service.Enable(ctx), chatapi.ErrInvalid)
		}
		var none context.Context
		_, err := client.Webhooks.List(none)
		assert.ErrorIs(t, err, chatapi.ErrInvalid)
	})
}

// sharedList is the list of a service that several programs change. A pause
// before and after each request lets their changes overlap.
type sharedList struct {
	mu    sync.Mutex
	list  []string
	pause func() time.Duration
	undo  bool // another program always writes its own list
}

func (s *sharedList) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	there, back := s.pause(), s.pause()
	s.mu.Unlock()
	time.Sleep(there)
	defer time.Sleep(back)
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method == http.MethodPost {
		var body struct {
			URLs any `json:"webhookUrl"`
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			return nil, err
		}
		s.list = nil
		switch urls := body.URLs.(type) {
		case string:
			s.list = append(s.list, urls)
		case []any:
			for _, address := range urls {
				s.list = append(s.list, address.(string))
			}
		}
		if s.undo {
			s.list = []string{hookA}
		}
		return reply(200, `{"set":true}`), nil
	}
	data, err := json.Marshal(map[string]any{"webhookUrl": s.list})
	return reply(200, string(data)), err
}

func (s *sharedList) client(t *testing.T) *chatapi.Client {
	t.Helper()
	client, err := chatapi.New("https://api.test/ABC1", opaqueToken, chatapi.WithHTTPClient(&http.Client{Transport: s}))
	require.NoError(t, err)
	return client
}

func TestWebhooksChangedAtTheSameTime(t *testing.T) {
	t.Run("by one client", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			server := &sharedList{list: []string{hookA}, pause: func() time.Duration { return time.Second }}
			client := server.client(t)
			var group sync.WaitGroup
			for _, address := range []string{hookB, hookC, "https://x.example/1"} {
				group.Go(func() { assert.NoError(t, client.Webhooks.Add(t.Context(), address)) })
			}
			group.Go(func() { assert.NoError(t, client.Webhooks.Remove(t.Context(), hookA)) })
			group.Wait()
			assert.ElementsMatch(t, []string{hookB, hookC, "https://x.example/1"}, server.list)
		})
	})
	// Both programs read before either writes. The program whose change is lost
	// notices it and writes again.
	t.Run("by two programs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			server := &sharedList{list: []string{hookA}, pause: func() time.Duration { return time.Second }}
			var group sync.WaitGroup
			for _, address := range []string{hookB, hookC} {
				group.Go(func() { assert.NoError(t, server.client(t).Webhooks.Add(t.Context(), address)) })
			}
			group.Wait()
			assert.ElementsMatch(t, []string{hookA, hookB, hookC}, server.list)
		})
	})
	t.Run("always undone by another program", func(t *testing.T) {
		server := &sharedList{undo: true, pause: func() time.Duration { return 0 }}
		err := server.client(t).Webhooks.Add(t.Context(), hookC)
		assert.ErrorIs(t, err, chatapi.ErrUnavailable)
		assert.NotContains(t, err.Error(), "s3cret")
	})
	t.Run("the deadline passes during another change", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			client := (&sharedList{pause: func() time.Duration { return time.Second }}).client(t)
			go func() { assert.NoError(t, client.Webhooks.Add(t.Context(), hookB)) }()
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			assert.ErrorIs(t, client.Webhooks.Add(ctx, hookC), context.DeadlineExceeded)
			time.Sleep(time.Minute)
		})
	})
}

func TestWebhookURLLog(t *testing.T) {
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "webhook", chatapi.WebhookInfo{URL: hookC, Status: "disabled"})
	assert.NotContains(t, log.String(), "s3cret")
	assert.Contains(t, log.String(), "webhook.host=desk.example.com webhook.status=disabled")
}
