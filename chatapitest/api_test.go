package chatapitest_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

func TestSeed(t *testing.T) {
	ids := func(opts ...chatapitest.Option) []string {
		api := chatapitest.New(t, opts...)
		return []string{api.Token, api.Customer(ann).Says("a"), api.Customer(ann).Says("b")}
	}
	assert.Equal(t, ids(), ids(chatapitest.Seed(1)))
	assert.NotEqual(t, ids(), ids(chatapitest.Seed(2)))
}

func TestMisuse(t *testing.T) {
	for name, misuse := range map[string]func(*chatapitest.API){
		"no message has such a button":         func(a *chatapitest.API) { a.Customer(ann).Taps("yes") },
		"no list has such a row":               func(a *chatapitest.API) { a.Customer(ann).Picks("yes") },
		"no message was received":              func(a *chatapitest.API) { a.Customer(ann).Reacts("", "👍") },
		"neither a phone number nor a BSUID":   func(a *chatapitest.API) { a.Customer("Ann").Says("hi") },
		"time does not go back":                func(a *chatapitest.API) { a.Advance(-1) },
		"there is no template":                 func(a *chatapitest.API) { a.Approve("nothing", "") },
		"must be an http or https address":     func(a *chatapitest.API) { a.Webhook("bot", nil) },
		"there is no operation":                func(a *chatapitest.API) { a.Fail(chatapitest.Fault{Operation: "sendMesage"}) },
		"is not in the list":                   func(a *chatapitest.API) { a.DisableWebhook("https://bot.test") },
		"WithTimeout":                          func(a *chatapitest.API) { a.Client(chatapi.WithTimeout(-1)) },
		"the list is full":                     func(a *chatapitest.API) { fillWebhooks(a) },
		"the media host was shown the channel": func(a *chatapitest.API) { leak(a) },
	} {
		t.Run(name, func(t *testing.T) {
			api, r := recorded(t)
			misuse(api)
			assert.Contains(t, r.text(), name)
			assert.ErrorContains(t, api.Err(), name, "Err returns it as well")
		})
	}
	t.Run("options", func(t *testing.T) {
		api, err := chatapitest.Start(chatapitest.Channel("a b"), chatapitest.Phone("x"), chatapitest.Redeliver(-1, 0), nil)
		assert.ErrorContains(t, err, "Channel")
		assert.ErrorContains(t, err, "Phone")
		assert.ErrorContains(t, err, "Redeliver")
		require.NotNil(t, api)
		api.Close()
	})
	t.Run("a client that New refuses", func(t *testing.T) {
		api, _ := recorded(t)
		_, err := api.Client(chatapi.WithTimeout(-1)).Channel.GetStatus(t.Context())
		assert.ErrorContains(t, err, "WithTimeout")
	})
	t.Run("nil", func(t *testing.T) {
		var nobody *chatapitest.Customer
		assert.Empty(t, nobody.Says("x"))
		assert.Empty(t, nobody.Received())
		assert.Empty(t, nobody.Phone())
		nobody.Reads()
		nobody.GoesOffline()
		api := chatapitest.New(nil)
		defer api.Close()
		assert.NotNil(t, api.Client())
	})
}

// fillWebhooks adds more addresses than the list holds.
func fillWebhooks(a *chatapitest.API) {
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		a.Webhook("https://"+name+".test/x", http.NotFoundHandler())
	}
}

// leak shows the token to the media host.
func leak(a *chatapitest.API) {
	client := &http.Client{Transport: a.Transport}
	resp, err := client.Get("https://media.chatapi.test/1.jpg?token=" + a.Token)
	if err == nil {
		resp.Body.Close()
	}
}

// TestNoGoroutine checks that Close ends all goroutines of a fake that has
// delivered webhooks in memory and over sockets.
func TestNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	api, err := chatapitest.Start()
	require.NoError(t, err)
	api.Webhook(server.URL+"/hook", nil)
	api.Webhook("https://bot.test/hook", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	api.Customer(ann).Says("hi")
	assert.Len(t, api.Delivered(), 2)
	_, err = api.Listen()
	require.NoError(t, err)
	api.Close()
	server.Close()
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	if after := runtime.NumGoroutine(); after > before {
		var stacks bytes.Buffer
		buf := make([]byte, 1<<20)
		stacks.Write(buf[:runtime.Stack(buf, true)])
		t.Fatalf("%d goroutines before, %d after:\n%s", before, after, stacks.String())
	}
	_, err = api.Listen()
	assert.Error(t, err)
	assert.NoError(t, api.Err())
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		api, _ := chatapitest.Start()
		api.Close()
	}
}

// TestManyAtOnce runs senders, customers and readers at once, for the race
// detector.
func TestManyAtOnce(t *testing.T) {
	api := chatapitest.New(t)
	client := api.Client()
	api.Webhook(hookURL, bot(client))
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			customer := api.Customer(fmt.Sprintf("120255501%02d", i))
			customer.Says("hi")
			_, err := client.Send(context.Background(), customer.Recipient(), chatapi.Text{Body: "x"})
			assert.NoError(t, err)
			customer.Reads()
			api.Calls()
			api.Advance(time.Millisecond)
		})
	}
	wg.Wait()
	api.Settle()
	assert.Len(t, api.Calls().Accepted(), 40)
	assert.Empty(t, api.Undelivered())
}
