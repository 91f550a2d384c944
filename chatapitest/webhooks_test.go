package chatapitest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

const hookURL = "https://bot.test/hooks/s3cret"

// bot answers every message; it is the handler that most tests register.
func bot(client *chatapi.Client) http.Handler {
	return chatapi.NewWebhookHandler(func(ctx context.Context, ev chatapi.Event) error {
		if ev, ok := ev.(*chatapi.MessageEvent); ok {
			_, err := client.Send(ctx, ev.From.Recipient(), chatapi.Text{Body: "Hello " + ev.From.Name}, chatapi.ReplyTo(ev.ID))
			return err
		}
		return nil
	}, chatapi.WebhookSecret("s3cret"))
}

// listener keeps the events it gets.
type listener struct {
	mu     sync.Mutex
	events []chatapi.Event
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	chatapi.NewWebhookHandler(func(_ context.Context, ev chatapi.Event) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.events = append(l.events, ev)
		return nil
	}, chatapi.WebhookAcceptUnauthenticated()).ServeHTTP(w, r)
}

// keys says what came, shortly.
func (l *listener) keys() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var keys []string
	for _, ev := range l.events {
		switch ev := ev.(type) {
		case *chatapi.MessageEvent:
			keys = append(keys, "message "+ev.Text)
		case *chatapi.EchoEvent:
			keys = append(keys, "echo "+ev.Text)
		case *chatapi.StatusEvent:
			keys = append(keys, string(ev.Status))
		default:
			keys = append(keys, fmt.Sprintf("%T", ev))
		}
	}
	return keys
}

func (l *listener) last() chatapi.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.events) == 0 {
		return nil
	}
	return l.events[len(l.events)-1]
}

func TestConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t)
		client := api.Client()
		api.Webhook(hookURL, bot(client))
		customer := api.Customer(ann)
		id := customer.Says("hi")
		got := customer.LastReceived()
		assert.Equal(t, "Hello Ann", got.Text)
		assert.Equal(t, id, got.Quoted)

		time.Sleep(25 * time.Hour)
		_, err := client.Send(t.Context(), customer.Recipient(), chatapi.Text{Body: "anybody?"})
		assert.ErrorIs(t, err, chatapi.ErrWindowClosed)

		api.Template("order_ready", "en", "Hello {{1}}, order {{2}} is ready")
		_, err = client.Send(t.Context(), customer.Recipient(), chatapi.Template{Name: "order_ready", Language: "en", Body: chatapi.Params("Ann", "42")})
		require.NoError(t, err)
		assert.Equal(t, "Hello Ann, order 42 is ready", customer.LastReceived().Text)
		api.Settle()
		assert.Empty(t, api.Undelivered())
	})
}

func TestOrder(t *testing.T) {
	for quirk, want := range map[chatapitest.Quirk][]string{
		"":                           {"message hi", "echo Hello Ann", "sent", "delivered", "read"},
		chatapitest.NoEchoes:         {"message hi", "sent", "delivered", "read"},
		chatapitest.StatusesReversed: {"message hi", "echo Hello Ann", "delivered", "sent", "read"},
		chatapitest.StatusesFirst:    {"message hi", "echo Hello Ann", "sent", "delivered", "read"},
	} {
		t.Run(string(quirk), func(t *testing.T) {
			api := chatapitest.New(t, chatapitest.Quirks(quirk))
			events := &listener{}
			api.Webhook("https://log.test/x", events)
			api.Webhook(hookURL, bot(api.Client()))
			api.Customer(ann).Says("hi")
			api.Customer(ann).Reads()
			api.Customer(ann).Reads()
			assert.Equal(t, want, events.keys())
		})
	}
	t.Run("double deliveries", func(t *testing.T) {
		api := chatapitest.New(t, chatapitest.Quirks(chatapitest.DoubleDeliveries))
		events := &listener{}
		api.Webhook("https://log.test/x", events)
		api.Customer(ann).Says("hi")
		assert.Equal(t, []string{"message hi", "message hi"}, events.keys())
	})
	t.Run("acks switched off", func(t *testing.T) {
		api := chatapitest.New(t)
		events := &listener{}
		api.Webhook(hookURL, bot(api.Client()))
		api.Webhook("https://log.test/x", events)
		request(t, api, "POST", "settings", `{"ackNotificationsOn":false}`)
		api.Customer(ann).Says("hi")
		assert.Equal(t, []string{"message hi", "echo Hello Ann"}, events.keys())
	})
}

// TestStatusesFirst shows the race of the real service: the status is there
// before the send has returned.
func TestStatusesFirst(t *testing.T) {
	for quirk, want := range map[chatapitest.Quirk]bool{chatapitest.StatusesFirst: true} {
		api := chatapitest.New(t, chatapitest.Quirks(quirk))
		events := &listener{}
		api.Customer(ann).Says("hi")
		api.Webhook("https://log.test/x", events)
		_, err := api.Client().Send(t.Context(), chatapi.Phone(ann), chatapi.Text{Body: "x"})
		require.NoError(t, err)
		assert.Equal(t, want, len(events.keys()) == 3)
	}
}

// TestActInHandler has the customer answer from inside the bot's handler:
// nothing re-enters and nothing waits for itself.
func TestActInHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t)
		customer := api.Customer(ann)
		var running atomic.Int32
		var texts []string
		api.Webhook(hookURL, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			assert.EqualValues(t, 1, running.Add(1), "one delivery at a time")
			defer running.Add(-1)
			var body struct{ Messages []struct{ Body string } }
			assert.NoError(t, json.NewDecoder(r.Body).Decode(&body))
			texts = append(texts, body.Messages[0].Body)
			if len(texts) < 5 {
				customer.Says(fmt.Sprint(len(texts)))
			}
			api.Settle()
			time.Sleep(time.Second)
		}))
		customer.Says("0")
		assert.Equal(t, []string{"0", "1", "2", "3", "4"}, texts, "all of it is done when the first act returns")
	})
}

func TestCloseInHandler(t *testing.T) {
	api := chatapitest.New(t)
	api.Webhook(hookURL, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { api.Close() }))
	api.Customer(ann).Says("hi") // and nothing waits for ever
	_, err := api.Client().Channel.GetStatus(t.Context())
	assert.ErrorIs(t, err, chatapi.ErrUnreachable, "it is closed")
}

// TestLoop has a bot that answers its own messages.
func TestLoop(t *testing.T) {
	api, r := recorded(t)
	client := api.Client()
	answers := 0
	api.Webhook(hookURL, chatapi.NewWebhookHandler(func(context.Context, chatapi.Event) error {
		answers++
		_, err := client.Send(context.Background(), chatapi.Phone(ann), chatapi.Text{Body: "!"})
		return err
	}, chatapi.WebhookSecret("s3cret")))
	request(t, api, "POST", "settings", `{"ackNotificationsOn":false}`)
	api.Customer(ann).Says("hi")
	assert.Contains(t, r.text(), "does the bot answer its own messages")
	assert.Less(t, answers, 200)
}

func TestPanic(t *testing.T) {
	api, r := recorded(t)
	calls := 0
	api.Webhook(hookURL, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if calls++; calls == 1 {
			panic("boom")
		}
	}))
	api.Customer(ann).Says("hi")
	assert.Contains(t, r.text(), "panicked: boom")
	assert.Equal(t, 2, calls, "it is delivered again")
	assert.Len(t, api.Delivered(), 1)
}

// TestFailNow has a handler end its goroutine, as require does.
func TestFailNow(t *testing.T) {
	api, _ := recorded(t)
	api.Webhook(hookURL, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { runtime.Goexit() }))
	api.Customer(ann).Says("hi")
	api.Customer(ann).Says("again")
	require.Len(t, api.Undelivered(), 2)
	assert.Contains(t, api.Undelivered()[0].Problem, "ended its goroutine")
}

func TestRedelivery(t *testing.T) {
	status := func(statuses ...int) (http.Handler, *int) {
		calls := 0
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(statuses[min(calls, len(statuses)-1)])
			calls++
		}), &calls
	}
	t.Run("until 200", func(t *testing.T) {
		api := chatapitest.New(t)
		handler, calls := status(500, 503, 204, 200)
		api.Webhook(hookURL, handler)
		api.Customer(ann).Says("hi")
		assert.Equal(t, 4, *calls)
		require.Len(t, api.Delivered(), 1)
		assert.Equal(t, 4, api.Delivered()[0].Tries)
		assert.Empty(t, api.Undelivered())
	})
	t.Run("20 tries", func(t *testing.T) {
		api := chatapitest.New(t)
		handler, calls := status(500)
		api.Webhook(hookURL, handler)
		api.Customer(ann).Says("hi")
		assert.Equal(t, 20, *calls)
		require.Len(t, api.Undelivered(), 1)
		assert.Equal(t, "answered with 500", api.Undelivered()[0].Problem)
		assert.Contains(t, api.Undelivered()[0].String(), "20 tries")
	})
	t.Run("3 without guarantee", func(t *testing.T) {
		api := chatapitest.New(t)
		handler, calls := status(500)
		api.Webhook(hookURL, handler)
		request(t, api, "POST", "settings", `{"guaranteedHooks":false}`)
		api.Customer(ann).Says("hi")
		assert.Equal(t, 3, *calls)
	})
	t.Run("with pauses", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			api := chatapitest.New(t, chatapitest.Redeliver(5, time.Hour))
			handler, calls := status(500)
			api.Webhook(hookURL, handler)
			began := time.Now()
			api.Customer(ann).Says("hi")
			assert.Equal(t, 5, *calls)
			assert.Equal(t, 4*time.Hour, time.Since(began))
		})
	})
	t.Run("nobody there", func(t *testing.T) {
		api := chatapitest.New(t)
		request(t, api, "POST", "webhook", `{"webhookUrl":"https://crm.example.com/in"}`)
		api.Customer(ann).Says("hi")
		require.Len(t, api.Undelivered(), 1)
		assert.Contains(t, api.Undelivered()[0].Problem, "no handler is registered")
	})
}

func TestWebhookList(t *testing.T) {
	api := chatapitest.New(t)
	handler := &listener{}
	api.Webhook("https://a.test/x", handler)
	client := api.Client()
	require.NoError(t, client.Webhooks.Add(t.Context(), "https://b.test/y"))
	assert.Equal(t, []string{"https://a.test/x", "https://b.test/y"}, api.Webhooks())
	api.DisableWebhook("https://a.test/x/")
	_, body := request(t, api, "GET", "webhook", "")
	assert.JSONEq(t, `{"webhookUrl":["https://a.test/x","https://b.test/y"],"webhookStatuses":[{"url":"https://a.test/x","status":"disabled"}]}`, body)
	api.Customer(ann).Says("not to a")
	request(t, api, "POST", "settings", `{"webhookUrl":["https://a.test/x"]}`)
	api.Customer(ann).Says("nor now: settings do not enable")
	request(t, api, "POST", "webhook", `{"webhookUrl":["https://a.test/x"]}`)
	api.Customer(ann).Says("but now")
	assert.Equal(t, []string{"message but now"}, handler.keys())

	_, body = request(t, api, "GET", "webhook", "")
	assert.JSONEq(t, `{"webhookUrl":"https://a.test/x"}`, body)
	request(t, api, "POST", "settings", `{"webhookUrl":""}`)
	_, body = request(t, api, "GET", "webhook", "")
	assert.JSONEq(t, `{"webhookUrl":null}`, body)
}

func TestRealPort(t *testing.T) {
	api := chatapitest.New(t)
	address, err := api.Listen()
	require.NoError(t, err)
	client, err := chatapi.New(address, api.Token, chatapi.WithBearerToken())
	require.NoError(t, err)
	server := httptest.NewServer(bot(client))
	defer server.Close()

	conn, err := client.Connect(t.Context(), chatapi.ConnectOptions{WebhookURL: server.URL + "/s3cret"})
	require.NoError(t, err)
	assert.Contains(t, conn.String(), "Connection successfully established")
	customer := api.Customer(ann)
	customer.Says("hi")
	assert.Equal(t, "Hello Ann", customer.LastReceived().Text)
	assert.Empty(t, api.Undelivered())
	assert.Len(t, api.Delivered(), 4)

	api.Fail(chatapitest.Fault{Operation: "sendMessage", Accepted: true, Drop: true})
	_, err = client.Send(t.Context(), customer.Recipient(), chatapi.Text{Body: "once"})
	assert.ErrorIs(t, err, chatapi.ErrOutcomeUnknown)
	api.Fail(chatapitest.Fault{Operation: "sendMessage", Cut: true})
	_, err = client.Send(t.Context(), customer.Recipient(), chatapi.Text{Body: "twice"})
	assert.ErrorIs(t, err, chatapi.ErrOutcomeUnknown)
	assert.Len(t, customer.Received(), 3)

	customer.Sends(chatapitest.File{Name: "a.png", Data: []byte("png")})
	var row struct{ Messages []struct{ Body, Type string } }
	for _, d := range api.Delivered() {
		if strings.Contains(string(d.Body), `"image"`) {
			require.NoError(t, json.Unmarshal(d.Body, &row))
		}
	}
	require.Len(t, row.Messages, 1)
	resp, err := http.Get(row.Messages[0].Body)
	require.NoError(t, err)
	defer resp.Body.Close()
	assert.Equal(t, "image/png", resp.Header.Get("Content-Type"), "the file lies on the port as well")

	// An act inside a handler behind a real connection only queues as well.
	var once sync.Once
	talking := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		once.Do(func() { api.Customer("12025550144").Says("me too") })
	}))
	defer talking.Close()
	api.Webhook(talking.URL, nil)
	customer.Says("well?")
	assert.Equal(t, "Hello Ben", api.Customer("12025550144").LastReceived().Text)
}

func TestCustomer(t *testing.T) {
	api := chatapitest.New(t)
	events := &listener{}
	api.Webhook("https://log.test/x", events)
	client := api.Client()
	customer := api.Customer("+1 (202) 555-0143").WithUsername("@ann")
	assert.Same(t, customer, api.Customer(ann))
	assert.Equal(t, chatapi.Phone(ann), customer.Recipient())

	customer.ClicksAd(chatapi.Referral{Headline: "Shoes"}, "how much?")
	message := events.last().(*chatapi.MessageEvent)
	require.NotNil(t, message.Referral)
	assert.Equal(t, "ad", message.Referral.SourceType)
	assert.Equal(t, "Shoes", message.Referral.Headline)
	assert.NotEmpty(t, message.Referral.ClickID)
	assert.Equal(t, "ann", message.From.Username)

	buttons := chatapi.Buttons{Body: "Which?", Buttons: []chatapi.Button{{ID: "red", Title: "Red ones"}, {ID: "blue", Title: "Blue ones"}}}
	for _, to := range []chatapi.Recipient{chatapi.Username("Ann"), chatapi.BSUID(customer.BSUID()), chatapi.BSUIDAsPhone(customer.BSUID()),
		chatapi.Chat(ann + "@c.us"), chatapi.Phone(ann)} {
		_, err := client.Send(t.Context(), to, buttons)
		require.NoError(t, err, "%v", to)
	}
	assert.Len(t, customer.Received(), 5)
	assert.Equal(t, []chatapitest.Button{{ID: "red", Title: "Red ones"}, {ID: "blue", Title: "Blue ones"}}, plainButtons(customer.LastReceived().Buttons))
	customer.Taps("Blue ones")
	message = events.last().(*chatapi.MessageEvent)
	assert.Equal(t, &chatapi.Reply{ID: "blue", Title: "Blue ones"}, message.Reply)
	assert.Equal(t, customer.LastReceived().ID, message.QuotedID)

	require.NoError(t, client.Messages.MarkRead(t.Context(), message.ID, true))
	assert.True(t, customer.SeesRead(message.ID))

	_, err := client.Send(t.Context(), customer.Recipient(), chatapi.File{Media: chatapi.MediaBytes("a.png", []byte("\x89PNG\r\n\x1a\n")), Caption: "look"})
	require.NoError(t, err)
	file := customer.LastReceived()
	assert.Equal(t, "look", file.Text)
	assert.Equal(t, chatapi.TypeImage, file.File.Type)
	assert.Equal(t, "\x89PNG\r\n\x1a\n", string(file.File.Data))

	customer.Sends(chatapitest.File{Name: "photo.jpg", Data: []byte("jpeg")})
	message = events.last().(*chatapi.MessageEvent)
	resp, err := (&http.Client{Transport: api.Transport}).Get(message.Media.URL)
	require.NoError(t, err)
	defer resp.Body.Close()
	assert.Equal(t, 200, resp.StatusCode)

	customer.SharesContact("Pat Example", "+12025550188")
	assert.Equal(t, chatapi.TypeContacts, events.last().(*chatapi.MessageEvent).Type)

	api.FromPhone(ann, "typed on the phone")
	api.Settle()
	assert.Equal(t, "typed on the phone", customer.LastReceived().Text)
	request(t, api, "POST", "blockUser", `{"phone":"12025550143"}`)
	assert.Empty(t, customer.Says("let me in"))

	hidden := api.Customer("US.4242424242424242")
	assert.Equal(t, chatapi.BSUID("US.4242424242424242"), hidden.Recipient())
	assert.Empty(t, hidden.Phone())
}

func plainButtons(buttons []chatapitest.Button) (plain []chatapitest.Button) {
	for _, b := range buttons {
		plain = append(plain, chatapitest.Button{ID: b.ID, Title: b.Title})
	}
	return plain
}

func TestOffline(t *testing.T) {
	api := chatapitest.New(t)
	events := &listener{}
	customer := api.Customer(ann)
	customer.Says("bye")
	api.Webhook("https://log.test/x", events)
	customer.GoesOffline()
	_, err := api.Client().Send(t.Context(), customer.Recipient(), chatapi.Text{Body: "there?"})
	require.NoError(t, err)
	api.Settle()
	assert.Empty(t, customer.Received())
	assert.Equal(t, []string{"echo there?", "sent"}, events.keys())
	customer.ComesOnline()
	assert.Equal(t, "there?", customer.LastReceived().Text)
	assert.Equal(t, []string{"echo there?", "sent", "delivered"}, events.keys())
}

// TestOfflineTwice: what waited is delivered once, however often the phone is
// switched off and on.
func TestOfflineTwice(t *testing.T) {
	api := chatapitest.New(t)
	events := &listener{}
	customer := api.Customer(ann)
	customer.Says("bye")
	api.Webhook("https://log.test/x", events)
	customer.GoesOffline()
	_, err := api.Client().Send(t.Context(), customer.Recipient(), chatapi.Text{Body: "there?"})
	require.NoError(t, err)
	for range 2 {
		customer.ComesOnline()
		customer.GoesOffline()
	}
	assert.Len(t, customer.Received(), 1)
	assert.Equal(t, []string{"echo there?", "sent", "delivered"}, events.keys())
}

// TestManyAtOnce is for the race detector: senders, customers and readers.
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

func TestFaultsOfHandler(t *testing.T) {
	api := chatapitest.New(t)
	failures := 0
	api.Webhook(hookURL, chatapi.NewWebhookHandler(func(context.Context, chatapi.Event) error {
		if failures++; failures < 3 {
			return chatapi.RetryLater(time.Minute, errors.New("busy"))
		}
		return nil
	}, chatapi.WebhookSecret("s3cret"), chatapi.WebhookErrors(func(context.Context, error) {})))
	api.Customer(ann).Says("hi")
	assert.Equal(t, 3, failures)
}
