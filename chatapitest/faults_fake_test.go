package chatapitest_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// TestFaultD2DeliveriesAtOnce: the fake can deliver one webhook twice at the same time,
// so that a handler that notes a message only after its answer answers twice.
func TestFaultD2DeliveriesAtOnce(t *testing.T) {
	answers := func(t *testing.T, handle func(seen map[string]bool, lock *sync.Mutex, id string, send func())) int {
		api := chatapitest.New(t, chatapitest.Quirks(chatapitest.DeliveriesAtOnce))
		client := api.Client()
		var lock sync.Mutex
		seen := map[string]bool{}
		api.Webhook(hookURL, chatapi.NewWebhookHandler(func(ctx context.Context, ev chatapi.Event) error {
			if m, ok := ev.(*chatapi.MessageEvent); ok {
				handle(seen, &lock, m.ID, func() {
					_, err := client.Send(ctx, m.From.Recipient(), chatapi.Text{Body: "hello"})
					assert.NoError(t, err)
				})
			}
			return nil
		}, chatapi.WebhookSecret("s3cret")))
		api.Customer(ann).Says("hi")
		assert.Empty(t, api.Undelivered())
		return len(api.Customer(ann).Received())
	}
	has := func(seen map[string]bool, lock *sync.Mutex, id string) bool {
		lock.Lock()
		defer lock.Unlock()
		return seen[id]
	}
	add := func(seen map[string]bool, lock *sync.Mutex, id string) {
		lock.Lock()
		defer lock.Unlock()
		seen[id] = true
	}
	check := func(t *testing.T) {
		assert.Equal(t, 2, answers(t, func(seen map[string]bool, lock *sync.Mutex, id string, send func()) {
			if !has(seen, lock, id) {
				send()
				add(seen, lock, id)
			}
		}), "has, send, add")
		assert.Equal(t, 1, answers(t, func(seen map[string]bool, lock *sync.Mutex, id string, send func()) {
			lock.Lock()
			defer lock.Unlock()
			if !seen[id] {
				send()
				seen[id] = true
			}
		}), "a handler that holds a lock meanwhile does not hang")
	}
	check(t)
	t.Run("in a bubble", func(t *testing.T) { synctest.Test(t, check) })
	t.Run("a handler that reads nothing and ends its goroutine", func(t *testing.T) {
		api, _ := recorded(t, chatapitest.Quirks(chatapitest.DeliveriesAtOnce))
		var calls sync.Map
		api.Webhook(hookURL, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { calls.Store(r, true) }))
		api.Customer(ann).Says("hi")
		n := 0
		calls.Range(func(any, any) bool { n++; return true })
		assert.Equal(t, 2, n)
		assert.Len(t, api.Delivered(), 2)
	})
}

// TestFaultD3GivenUp: the fake fails the test once, with the reason, if it gives up a
// webhook; a panic behind the SDK's handler does not pass.
func TestFaultD3GivenUp(t *testing.T) {
	quiet := chatapi.WebhookErrors(func(context.Context, error) {})
	handler := func(f chatapi.EventHandler) http.Handler {
		return chatapi.NewWebhookHandler(f, chatapi.WebhookSecret("s3cret"), quiet)
	}
	for name, c := range map[string]struct {
		handler http.Handler
		want    string
	}{
		"panic": {handler(func(context.Context, chatapi.Event) error { panic("boom") }), "given up after 20 tries: answered with 500"},
		"error": {handler(func(context.Context, chatapi.Event) error { return io.ErrUnexpectedEOF }), "given up after 20 tries: answered with 500"},
		"retry later": {handler(func(context.Context, chatapi.Event) error { return chatapi.RetryLater(time.Second, io.EOF) }),
			"given up after 20 tries: answered with 503"},
		"another secret": {chatapi.NewWebhookHandler(func(context.Context, chatapi.Event) error { return nil }, chatapi.WebhookSecret("other"), quiet),
			"given up after 20 tries: answered with 40"},
		"a plain handler panics": {http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") }), "panicked: boom"},
		"drops the connection":   {http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), "given up after 20 tries: the handler dropped the connection"},
		"no content":             {http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }), "answered with 204"},
	} {
		t.Run(name, func(t *testing.T) {
			api, r := recorded(t)
			api.Webhook(hookURL, c.handler)
			api.Customer(ann).Says("hi")
			api.Customer(ann).Says("again")
			require.Len(t, r.failures, 1, "once")
			assert.Contains(t, r.text(), c.want)
			assert.ErrorContains(t, api.Err(), c.want)
			assert.Len(t, api.Undelivered(), 2)
			assert.Empty(t, api.Delivered())
		})
	}
	t.Run("not", func(t *testing.T) {
		api, r := recorded(t, chatapitest.AllowUndelivered())
		api.Webhook(hookURL, handler(func(context.Context, chatapi.Event) error { return io.EOF }))
		api.Customer(ann).Says("hi")
		assert.Empty(t, r.failures, "the test allows it")

		api, r = recorded(t)
		request(t, api, "POST", "webhook", `{"webhookUrl":"https://crm.example.com/in"}`)
		api.Customer(ann).Says("hi")
		assert.Empty(t, r.failures, "an address of another program")

		api, r = recorded(t, chatapitest.Redeliver(5, time.Hour))
		api.Webhook(hookURL, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			api.Close()
		}))
		api.Customer(ann).Says("hi")
		assert.Empty(t, r.failures, "the fake was closed")
	})
}

// TestFaultD5FakesDiffer: two open fakes differ in host, token and ids; one fake can
// have several channels with one clock.
func TestFaultD5FakesDiffer(t *testing.T) {
	made := func(api *chatapitest.API, err error) []string {
		require.NoError(t, err)
		t.Cleanup(api.Close)
		host := strings.Split(api.URL, "/")[2]
		return []string{host, api.Token, api.Customer(ann).Says("hi"), api.Customer(ann).Sends(chatapitest.File{Name: "a.png", Data: []byte("x")})}
	}
	here := func(opts ...chatapitest.Option) []string { return made(chatapitest.New(t, opts...), nil) }
	program := func(opts ...chatapitest.Option) []string { return made(chatapitest.Start(opts...)) }
	var all [][]string
	all = append(all, here(), here(), here(chatapitest.Seed(7)), program(), program(), program(chatapitest.Seed(7)))
	t.Run("another test", func(*testing.T) { all = append(all, made(chatapitest.New(t), nil)) })
	for i := range all {
		for j := range i {
			for k := range all[i] {
				assert.NotEqual(t, all[i][k], all[j][k], "fakes %d and %d", i, j)
			}
		}
	}
	assert.Equal(t, here(chatapitest.Seed(7)), here(chatapitest.Seed(7)), "a given seed repeats everything")
	assert.Equal(t, program(chatapitest.Seed(7)), program(chatapitest.Seed(7)))

	one, two := chatapitest.New(t), chatapitest.New(t)
	client, err := chatapi.New(one.URL, one.Token, chatapi.WithHTTPClient(&http.Client{Transport: two.Transport}))
	require.NoError(t, err)
	_, err = client.Channel.GetStatus(t.Context())
	assert.ErrorIs(t, err, chatapi.ErrUnreachable, "a fake is not reached by the transport of another")
}

func TestAddChannel(t *testing.T) {
	api := chatapitest.New(t)
	shop := api.AddChannel("SHOP2", chatapitest.Quirks(chatapitest.NoID))
	assert.NotEqual(t, api.Token, shop.Token)
	for _, a := range []*chatapitest.API{api, shop} {
		status, err := a.Client().Channel.GetStatus(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "connected", status.Status)
	}
	client := shop.Client()
	assert.Equal(t, chatapi.ChannelID("SHOP2"), client.ChannelID())

	// A bot of one channel answers by the other.
	ann1, ann2 := api.Customer(ann), shop.Customer(ann)
	ann2.Says("hi")
	events := &listener{}
	shop.Webhook("https://log.test/x", events)
	api.Webhook(hookURL, chatapi.NewWebhookHandler(func(ctx context.Context, ev chatapi.Event) error {
		if m, ok := ev.(*chatapi.MessageEvent); ok {
			_, err := client.Send(ctx, m.From.Recipient(), chatapi.Text{Body: "from the shop"})
			ann2.Says("thanks")
			return err
		}
		return nil
	}, chatapi.WebhookSecret("s3cret")))
	ann1.Says("hi")
	assert.Empty(t, ann1.Received())
	assert.Equal(t, "from the shop", ann2.LastReceived().Text)
	assert.Equal(t, []string{"message thanks", "echo from the shop", "sent", "delivered"}, sorted(events.keys()))

	api.Advance(25 * time.Hour)
	_, err := client.Send(t.Context(), ann2.Recipient(), chatapi.Text{Body: "x"})
	assert.ErrorIs(t, err, chatapi.ErrWindowClosed, "one clock")

	wrong, err := chatapi.New(shop.URL, api.Token, chatapi.WithHTTPClient(&http.Client{Transport: api.Transport}))
	require.NoError(t, err)
	_, err = wrong.Channel.GetStatus(t.Context())
	assert.ErrorIs(t, err, chatapi.ErrWrongChannel)

	file := ann2.Sends(chatapitest.File{Name: "a.txt", Data: []byte("content")})
	assert.NotEmpty(t, file)
	var content strings.Builder
	_, err = client.Media.Download(t.Context(), events.last().(*chatapi.MessageEvent).Media.Ref(), &content, chatapi.DownloadOptions{})
	require.NoError(t, err)
	assert.Equal(t, "content", content.String())

	api.Close()
	_, err = client.Channel.GetStatus(t.Context())
	assert.ErrorIs(t, err, chatapi.ErrUnreachable, "closed together")
}

// sorted returns the keys with the customer's message first.
func sorted(keys []string) []string {
	for i, key := range keys {
		if strings.HasPrefix(key, "message") {
			return append([]string{key}, append(keys[:i:i], keys[i+1:]...)...)
		}
	}
	return keys
}

func TestAddChannelMisuse(t *testing.T) {
	api, r := recorded(t)
	assert.Same(t, api, api.AddChannel("ABC100000001"))
	assert.Contains(t, r.text(), "has a channel")
	api.AddChannel("B", chatapitest.At(time.Unix(1, 0)))
	assert.Contains(t, r.text(), "belong to the whole fake")
	api.AddChannel("a b")
	assert.Contains(t, r.text(), "must be 1 to 64 letters")
}

// TestFaultD9OutsideTheBubble: a fake that was made outside the synctest bubble fails
// with a sentence as soon as the bubble uses it, and the other way round.
func TestFaultD9OutsideTheBubble(t *testing.T) {
	const sentence = "call chatapitest.New inside the function that synctest.Test runs"
	for name, use := range map[string]func(*testing.T, *chatapitest.API){
		"a customer":  func(t *testing.T, a *chatapitest.API) { assert.Empty(t, a.Customer(ann).Says("hi")) },
		"Settle":      func(_ *testing.T, a *chatapitest.API) { a.Settle() },
		"a file":      func(t *testing.T, a *chatapitest.API) { a.Customer(ann).Sends(chatapitest.File{Name: "a.png"}) },
		"a late call": func(t *testing.T, a *chatapitest.API) { time.Sleep(time.Hour); a.Customer(ann).Reads() },
		"a request": func(t *testing.T, a *chatapitest.API) {
			_, err := a.Client(chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 1})).Channel.GetStatus(t.Context())
			assert.ErrorContains(t, err, "bubble")
		},
	} {
		t.Run(name, func(t *testing.T) {
			api, r := recorded(t)
			api.Webhook(hookURL, bot(api.Client()))
			synctest.Test(t, func(t *testing.T) { use(t, api); use(t, api) })
			require.Len(t, r.failures, 1, "once")
			assert.Contains(t, r.text(), sentence)
		})
	}
	t.Run("a fake of a bubble, used outside", func(t *testing.T) {
		var api *chatapitest.API
		r := &recorder{TB: t}
		synctest.Test(t, func(*testing.T) { api = chatapitest.New(r) })
		assert.Empty(t, api.Customer(ann).Says("hi"))
		assert.Contains(t, r.text(), sentence)
	})
	t.Run("a fake of another bubble", func(t *testing.T) {
		var api *chatapitest.API
		r := &recorder{TB: t}
		synctest.Test(t, func(*testing.T) { api = chatapitest.New(r) })
		synctest.Test(t, func(t *testing.T) { assert.Empty(t, api.Customer(ann).Says("hi")) })
		assert.Contains(t, r.text(), sentence)
	})
	t.Run("a port in a bubble", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, err := chatapitest.New(t).Listen()
			assert.ErrorContains(t, err, "bubble")
		})
	})
	t.Run("in its bubble, many years later", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			api := chatapitest.New(t)
			time.Sleep(30 * 365 * 24 * time.Hour)
			assert.NotEmpty(t, api.Customer(ann).Says("hi"))
		})
	})
}

// TestFaultE17Listening: a fake on a port answers only for its own host, refuses what
// web pages of other sites send, and has a token that no page can guess.
func TestFaultE17Listening(t *testing.T) {
	api := chatapitest.New(t)
	address, err := api.Listen()
	require.NoError(t, err)
	port := address[strings.LastIndex(address, ":")+1 : strings.LastIndex(address, "/")]
	for _, c := range []struct {
		host, header, value string
		status              int
	}{
		{"", "", "", 200},
		{"localhost:" + port, "", "", 200},
		{"LOCALHOST:" + port, "Sec-Fetch-Site", "same-origin", 200},
		{"[::1]:" + port, "Sec-Fetch-Site", "none", 200},
		{"", "Origin", "http://localhost:3000", 200},
		{"evil.example:" + port, "", "", 403},
		{"evil.example", "", "", 403},
		{"127.0.0.1.evil.example:" + port, "", "", 403},
		{"127.0.0.1:1", "", "", 403},
		{"192.0.2.1:" + port, "", "", 403},
		{"", "Sec-Fetch-Site", "cross-site", 403},
		{"", "Origin", "https://evil.example", 403},
		{"", "Origin", "null", 403},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			path := "/status"
			if method == http.MethodPost {
				path = "/settings"
			}
			r, err := http.NewRequestWithContext(t.Context(), method, address+path+"?token="+api.Token, strings.NewReader(`{"ackNotificationsOn":true}`))
			require.NoError(t, err)
			r.Host = c.host
			r.Header.Set("Content-Type", "application/json")
			if c.header != "" {
				r.Header.Set(c.header, c.value)
			}
			resp, err := http.DefaultClient.Do(r)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			assert.Equal(t, c.status, resp.StatusCode, "%s %+v", method, c)
		}
	}
	tokens := map[string]bool{}
	for range 20 {
		program, err := chatapitest.Start()
		require.NoError(t, err)
		assert.False(t, tokens[program.Token], "a program has no fixed token")
		tokens[program.Token] = true
		program.Close()
	}
}
