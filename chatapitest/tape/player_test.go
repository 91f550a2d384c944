package tape_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/chatapitest/tape"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// failing is a test that is expected to fail.
type failing struct {
	testing.TB
	mu       sync.Mutex
	problems []string
	cleanups []func()
}

func (f *failing) Errorf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.problems = append(f.problems, fmt.Sprintf(format, args...))
}

func (f *failing) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	runtime.Goexit()
}

func (f *failing) Fatal(args ...any)   { f.Fatalf("%s", fmt.Sprint(args...)) }
func (f *failing) Helper()             {}
func (f *failing) Cleanup(done func()) { f.cleanups = append(f.cleanups, done) }

func (f *failing) Failed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.problems) > 0
}

// failures runs a test in a bubble and returns why it failed.
func failures(t *testing.T, test func(t *testing.T, tb testing.TB)) (text string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &failing{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() {
				for _, cleanup := range f.cleanups {
					cleanup()
				}
			}()
			test(t, f)
		}()
		<-done
		time.Sleep(time.Minute) // for what the program still does
		text = strings.Join(f.problems, "\n")
	})
	return text
}

// pizzaBot sells pizza as the tape pizza has it; it says bye to any text.
func pizzaBot(client *chatapi.Client, question string) http.Handler {
	return chatapi.NewWebhookHandler(func(ctx context.Context, e chatapi.Event) error {
		m, ok := e.(*chatapi.MessageEvent)
		if !ok {
			return nil
		}
		var message chatapi.Message = chatapi.Text{Body: "Bye"}
		switch {
		case m.Text == "order":
			message = chatapi.Buttons{Body: question, Buttons: []chatapi.Button{{ID: "S", Title: "Small"}, {ID: "L", Title: "Large"}}}
		case m.Reply != nil:
			message = chatapi.Template{Name: "thanks", Namespace: "y", Language: "en"}
		}
		_, err := client.Send(ctx, m.From.Recipient(), message)
		if errors.Is(err, chatapi.ErrWindowClosed) {
			return nil
		}
		return err
	}, chatapi.WebhookSecret("s3cret"))
}

func TestPlay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		p := pizza().Play(t)
		p.Webhook("https://bot.test/s3cret", pizzaBot(p.Client(), "Which size?"))
		p.Run()
		assert.Equal(t, 63*time.Minute, time.Since(begin), "the clock of the tape")
	})
}

func TestPlayOutsideABubbleTakesNoTime(t *testing.T) {
	p := pizza().Play(t)
	var first time.Time
	bot := pizzaBot(p.Client(), "Which size?")
	p.Webhook("https://bot.test/s3cret", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if events, err := chatapi.ParseWebhook(body); assert.NoError(t, err) && first.IsZero() {
			first = events[0].Info().Time
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		bot.ServeHTTP(w, r)
	}))
	p.Run()
	assert.WithinDuration(t, time.Now(), first, 10*time.Second, "the tape's times are those of the player's clock")
}

func TestPlayNamesTheNearestEntries(t *testing.T) {
	text := failures(t, func(_ *testing.T, tb testing.TB) {
		p := pizza().Play(tb)
		p.Webhook("https://bot.test/s3cret", pizzaBot(p.Client(chatapi.WithLogger(nil)), "What size?"))
		p.Run()
	})
	assert.Contains(t, text, "not on the tape, or not in its turn: POST sendButton to 12025550101")
	assert.Contains(t, text, "Near: entry 2, POST sendButton to 12025550101")
	assert.Contains(t, text, `body.body: tape "Which size?", program "What size?"`)
	assert.Contains(t, text, "Near: entry 6, POST sendMessage")
	assert.Equal(t, 3, strings.Count(text, "Near: "))
}

func TestIgnore(t *testing.T) {
	text := failures(t, func(_ *testing.T, tb testing.TB) {
		p := pizza().Play(tb, tape.Ignore("body"))
		p.Webhook("https://bot.test/s3cret", pizzaBot(p.Client(), "What size?"))
		p.Run()
	})
	assert.Empty(t, text)
}

func TestPlayIsStrict(t *testing.T) {
	send := func(client *chatapi.Client, to, text string) error {
		_, err := client.Send(context.Background(), chatapi.Phone(to), chatapi.Text{Body: text})
		return err
	}
	ann, ben := "12025550101", "12025550102"
	calls := &tape.Tape{KeepsTexts: true, Entries: []tape.Entry{
		sends("sendMessage", "wamid.TAPE0001", `{"phone":"12025550101","body":"one"}`),
		sends("sendMessage", "wamid.TAPE0002", `{"body":"two","chatId":"12025550101@c.us"}`),
		sends("sendMessage", "wamid.TAPE0003", `{"phone":12025550102,"body":"three"}`),
		{Call: &tape.Call{Method: "GET", Path: "status", Answer: tape.Answer{Status: 200, Body: json.RawMessage(`{"status":"connected"}`)}}},
	}}
	all := func(client *chatapi.Client) {
		assert.NoError(t, send(client, ben, "three"), "chats are independent of each other")
		assert.NoError(t, send(client, ann, "one"))
		_, err := client.Send(context.Background(), chatapi.Chat(ann+"@c.us"), chatapi.Text{Body: "two"})
		assert.NoError(t, err)
		_, err = client.Channel.GetStatus(context.Background())
		assert.NoError(t, err)
	}
	for name, test := range map[string]struct {
		opts    []tape.PlayOption
		program func(*chatapi.Client)
		want    string
	}{
		"all":         {nil, all, ""},
		"out of turn": {nil, func(c *chatapi.Client) { assert.Error(t, send(c, ann, "two")) }, "It is entry 2, but entry 1 comes first"},
		"missing":     {nil, func(c *chatapi.Client) { assert.NoError(t, send(c, ann, "one")) }, "has not made a call of the tape: entry 2"},
		"twice": {nil, func(c *chatapi.Client) {
			all(c)
			err := send(c, ann, "two")
			assert.ErrorIs(t, err, chatapi.ErrInvalid)
		}, "It was made already, as entry 2"},
		"a read twice": {nil, func(c *chatapi.Client) {
			all(c)
			_, err := c.Channel.GetStatus(context.Background())
			assert.Error(t, err)
		}, "Repeat lets a program make a call again"},
		"a read twice, allowed": {[]tape.PlayOption{tape.Repeat("status")}, func(c *chatapi.Client) {
			all(c)
			_, err := c.Channel.GetStatus(context.Background())
			assert.NoError(t, err)
		}, ""},
		"a stranger": {nil, func(c *chatapi.Client) { assert.Error(t, send(c, "12025550103", "one")) }, `recipient: tape "12025550101", program "12025550103"`},
	} {
		t.Run(name, func(t *testing.T) {
			text := failures(t, func(_ *testing.T, tb testing.TB) { test.program(calls.Play(tb, test.opts...).Client()) })
			if test.want == "" {
				assert.Empty(t, text)
			}
			assert.Contains(t, text, test.want)
		})
	}
}

func TestPlayReportsTheHandler(t *testing.T) {
	webhook := &tape.Tape{KeepsTexts: true, Entries: []tape.Entry{from("wamid.TAPE0001", `"type":"chat","body":"hi"`)}}
	answers := func(status int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	}
	for name, test := range map[string]struct {
		handler http.Handler
		want    string
	}{
		"none":    {nil, "no handler is registered"},
		"refuses": {answers(500), "answered 500 to the webhook of entry 1, and 200 when"},
		"panics":  {http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") }), "panicked with the webhook of entry 1: boom"},
		"takes":   {answers(200), ""},
	} {
		t.Run(name, func(t *testing.T) {
			text := failures(t, func(_ *testing.T, tb testing.TB) {
				p := webhook.Play(tb)
				if test.handler != nil {
					p.Webhook("https://bot.test/s3cret", test.handler)
				}
				p.Run()
			})
			assert.Contains(t, text, test.want)
			assert.Equal(t, test.want == "", text == "", text)
		})
	}
}

// A program that answers in the background is waited for, and one that never answers fails.
func TestPlayWaitsForCalls(t *testing.T) {
	slow := &tape.Tape{KeepsTexts: true, Entries: []tape.Entry{
		from("wamid.TAPE0001", `"type":"chat","body":"order"`),
		sends("sendMessage", "wamid.TAPE0002", `{"phone":"12025550101","body":"Here"}`),
		{Webhook: &tape.Webhook{Status: 200, Body: json.RawMessage(`{"instanceId":"TAPE1","ack":[{"id":"wamid.TAPE0002","chatId":"12025550101@c.us","status":"sent"}]}`)}},
	}}
	play := func(tb testing.TB, pause time.Duration) (order []string) {
		p := slow.Play(tb)
		client := p.Client()
		var mu sync.Mutex
		note := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, what)
		}
		p.Webhook("https://bot.test/s3cret", chatapi.NewWebhookHandler(func(_ context.Context, e chatapi.Event) error {
			switch e.(type) {
			case *chatapi.MessageEvent:
				go func() {
					time.Sleep(pause)
					_, err := client.Send(context.Background(), chatapi.Phone("12025550101"), chatapi.Text{Body: "Here"})
					note(fmt.Sprint("sent ", err))
				}()
			case *chatapi.StatusEvent:
				note("status")
			}
			return nil
		}, chatapi.WebhookSecret("s3cret")))
		p.Run()
		mu.Lock()
		defer mu.Unlock()
		return order
	}
	synctest.Test(t, func(t *testing.T) {
		assert.Equal(t, []string{"sent <nil>", "status"}, play(t, 5*time.Second))
	})
	text := failures(t, func(_ *testing.T, tb testing.TB) { play(tb, 11*time.Second) })
	assert.Contains(t, text, "has not made a call of the tape, 10s after its time: entry 2")
}

// The failures of the recording come again, each as it was.
func TestFailuresAreRecordedAndPlayed(t *testing.T) {
	var made *tape.Tape
	program := func(client *chatapi.Client) {
		ann := chatapi.Phone("12025550101")
		if made == nil {
			ann = chatapi.Phone(zoltan)
		}
		begin := time.Now()
		_, err := client.Send(context.Background(), ann, chatapi.Text{Body: "limited"})
		assert.NoError(t, err)
		assert.GreaterOrEqual(t, time.Since(begin), 7*time.Second, "Retry-After")
		_, err = client.Send(context.Background(), ann, chatapi.Text{Body: "lost"})
		assert.ErrorIs(t, err, chatapi.ErrOutcomeUnknown)
		_, err = client.Send(context.Background(), ann, chatapi.Text{Body: "html"})
		assert.ErrorIs(t, err, chatapi.ErrOutcomeUnknown)
		_, err = client.Templates.Get(context.Background(), "none", "en")
		assert.ErrorIs(t, err, chatapi.ErrNotFound)
		_, err = client.Send(context.Background(), ann, chatapi.Text{Body: "blocked"})
		assert.ErrorIs(t, err, chatapi.ErrBlocked)
	}
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t, chatapitest.Token(token))
		rec := tape.NewRecorder(tape.KeepTexts())
		client := api.Client(chatapi.WithHTTPClient(&http.Client{Transport: rec.Transport(api.Transport)}))
		api.Customer(zoltan).Says("hi")
		text := func(body string) func(chatapitest.Call) bool {
			return func(c chatapitest.Call) bool { return c.Field("body") == body }
		}
		api.Fail(chatapitest.Fault{Match: text("limited"), Status: 429, RetryAfter: 7 * time.Second})
		api.Fail(chatapitest.Fault{Match: text("lost"), Drop: true, Accepted: true})
		api.Fail(chatapitest.Fault{Match: text("html"), Status: 502, Body: chatapitest.HTMLPage})
		api.Fail(chatapitest.Fault{Match: text("blocked"), Status: 403, Body: "Channel subscription of " + zoltan + " is blocked"})
		program(client)
		var err error
		made, err = rec.Tape()
		require.NoError(t, err)
		var out bytes.Buffer
		_, err = made.WriteTo(&out)
		require.NoError(t, err)
		requireAbsent(t, out.Bytes(), token, zoltan)
	})
	synctest.Test(t, func(t *testing.T) { program(made.Play(t).Client()) })
}

func TestDownloads(t *testing.T) {
	api := chatapitest.New(t)
	rec := tape.NewRecorder()
	client := api.Client(chatapi.WithUnguardedMediaTransport(rec.Transport(api.Transport)))
	var media *chatapi.ReceivedMedia
	handle := func(client *chatapi.Client, size *int64) http.Handler {
		return chatapi.NewWebhookHandler(func(ctx context.Context, e chatapi.Event) error {
			media = e.(*chatapi.MessageEvent).Media
			file, err := client.Media.Download(ctx, media.Ref(), io.Discard, chatapi.DownloadOptions{})
			if err == nil {
				*size = file.Size
			}
			return err
		}, chatapi.WebhookSecret("s3cret"))
	}
	var real, played int64
	api.Webhook("https://bot.test/s3cret", rec.Handler(handle(client, &real)))
	api.Customer(zoltan).Sends(chatapitest.File{Name: "Kowalski.jpg", Data: append([]byte("\xff\xd8\xff\xe0secret face"), make([]byte, 1<<16)...)})
	made, err := rec.Tape()
	require.NoError(t, err)
	var out bytes.Buffer
	_, err = made.WriteTo(&out)
	require.NoError(t, err)
	assert.NotContains(t, out.String(), "secret face")
	assert.NotContains(t, out.String(), "Kowalski")
	synctest.Test(t, func(t *testing.T) {
		p := made.Play(t)
		p.Webhook("https://bot.test/s3cret", handle(p.Client(), &played))
		p.Run()
	})
	assert.Greater(t, real, int64(1<<16))
	assert.Less(t, played, int64(1000), "a small file stands for it")
	assert.Positive(t, played)
}
