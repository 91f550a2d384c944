package chatapitest_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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

// pizza is a small bot with a memory, for scripts.
type pizza struct {
	sender chatapi.Sender
	mu     sync.Mutex
	size   map[string]string
}

func (p *pizza) handle(ctx context.Context, ev chatapi.Event) error {
	e, ok := ev.(*chatapi.MessageEvent)
	if !ok {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.size == nil {
		p.size = map[string]string{}
	}
	var m chatapi.Message
	switch chosen := p.size[e.From.Key()]; {
	case e.Media != nil:
		m = chatapi.File{Media: chatapi.MediaBytes("menu.png", []byte("\x89PNG\r\n\x1a\n")), Caption: "The menu"}
	case e.Reply != nil:
		p.size[e.From.Key()] = e.Reply.Title
		m = chatapi.Text{Body: "How many?"}
	case chosen != "":
		delete(p.size, e.From.Key())
		m = chatapi.Text{Body: fmt.Sprintf("%s × %s.\nTicket %s", strings.Replace(e.Text, "order", "1", 1), chosen, e.ID[len(e.ID)-4:])}
	case e.Text == "list":
		m = chatapi.List{Body: "Which?", Label: "Sizes", Sections: []chatapi.Section{{Rows: []chatapi.Row{{ID: "S", Title: "Small"}, {ID: "L", Title: "Large"}}}}}
	case e.Text == "silence":
		return nil
	default:
		m = chatapi.Buttons{Body: "Which size?", Buttons: []chatapi.Button{{ID: "S", Title: "Small"}, {ID: "L", Title: "Large"}}}
	}
	_, err := p.sender.Send(ctx, e.AnswerTo(), m)
	return err
}

// serve registers the bot with a channel.
func serve(api *chatapitest.API) {
	p := &pizza{sender: api.Client()}
	api.Webhook(hookURL, chatapi.NewWebhookHandler(p.handle, chatapi.WebhookSecret("s3cret"), chatapi.WebhookErrors(func(context.Context, error) {})))
}

const order = `
	# She orders, and looks for her glasses.
	Ann is +1 202 555 0143
	Ann: order
	Bot: Which size? [Small] [Large]

	Ann: [Large]
	Bot: How many?
	+61m
	Ann: 2
	Bot: 2 × Large.\nTicket …
	Ann: list
	Bot: Which? (Small) (Large)
	Ann: (Small)
	Bot: How many?
	Ann sends: cat.jpg | my cat
	Bot: <image menu.png> The menu
`

func TestScript(t *testing.T) {
	t.Run("in a bubble", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			api := chatapitest.New(t)
			serve(api)
			before := time.Now()
			api.Script(t, order)
			assert.Equal(t, 61*time.Minute, time.Since(before), "no other time has passed")
		})
	})
	t.Run("outside", func(t *testing.T) {
		api := chatapitest.New(t)
		serve(api)
		before := api.Now()
		api.Script(t, order)
		assert.GreaterOrEqual(t, api.Now().Sub(before), 61*time.Minute)
	})
	t.Run("in pieces", func(t *testing.T) {
		api := chatapitest.New(t)
		serve(api)
		customer := api.Customer(ann)
		customer.Says("before")
		api.Script(t, "Ann: [Small]\nBot: How many?")
		customer.Says("2")
		api.Script(t, "Ann: order\nBot: Which size? [Small] [Large]")
	})
}

// relay returns a bot that greets groups, and tells Ben of those who write "tell".
func relay(client *chatapi.Client) chatapi.EventHandler {
	return func(ctx context.Context, ev chatapi.Event) error {
		e, ok := ev.(*chatapi.MessageEvent)
		if !ok || !strings.HasPrefix(e.Wire, "message.") {
			return nil
		}
		if e.AnswerTo().IsGroup() {
			_, err := client.Send(ctx, e.AnswerTo(), chatapi.Text{Body: "Hello all"})
			return err
		}
		if e.Text == "tell" {
			_, _ = client.Send(ctx, chatapi.Phone("12025550144"), chatapi.Text{Body: "Ann says hello"})
			_, err := client.Send(ctx, e.AnswerTo(), chatapi.Text{Body: "I told Ben"})
			return err
		}
		return nil
	}
}

// TestScriptOfManyPeople checks lines with the names of several people, a group, another
// channel, the phone app, another agent and the service.
func TestScriptOfManyPeople(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, _, _ := watched(t)
		desk := api.AddChannel("DESK1")
		client := api.Client()
		api.Template("hello", "en", "Hello {{1}}")
		api.Webhook(hookURL, chatapi.NewWebhookHandler(chatapi.Once(relay(client)), chatapi.WebhookSecret("s3cret"), channelOf(client)))
		serve(desk)
		api.Script(t, `
			Ann is +1 202 555 0143
			Ben is +1 202 555 0144
			Friends is a group of Ann, Ben
			Ann at DESK1 is +1 202 555 0143
			Ben: hi
			Ann: tell
			Bot: I told Ben
			Bot to Ben: Ann says hello
			Ben says in: Friends | hi all
			Bot: Hello all
			Ben says in: 120363000000000009 | a group by its id
			Bot: Hello all
			Ann at DESK1: order
			Bot: Which size? [Small] [Large]
			Ann at DESK1: [Small]
			Bot: How many?
			Ann at DESK1 says in: 120363000000000008 | order
			Bot: 1 × Small.\nTicket …
			Phone to Ann: I call you.
			Agent holds
			Ann: tell
			Agent to Ann: How can I help?
			Agent passes to Ann: wants a person
			Ann: tell
			Bot to Ben: Ann says hello
			Bot: I told Ben
			Service rejects: hello | INVALID_FORMAT
			Service at DESK1 fails: sendButton | 500 | -1
			Service at DESK1 heals
			Ann hides number
			Ann: tell
			Bot: I told Ben
			Bot to Ben: Ann says hello
			Ann edits: tall
			Ann changes number: +1 202 555 0199
			Ann says: [in brackets]`)
	})
}

// TestTranscriptIsAScript plays the transcript of one fake on another.
func TestTranscriptIsAScript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t)
		serve(api)
		api.Customer(ann).Named("A: n|n\n#1").Says("a | b \\ c\nd")
		api.Customer("12025550144").Named("A: n|n\n#1").Says("(1) two people of one name")
		api.Customer("12025550145").Named("Bot").Says("list")
		api.Customer("12025550145").Picks("Small")
		time.Sleep(90 * time.Second)
		api.Customer("12025550145").Sends(chatapitest.File{Name: "a|b.jpg", Caption: "c|d\\"})
		api.Customer("US.1000000000000001").Named(strings.Repeat("n", 10_000)).OpensChat()
		text := api.Transcript()
		assert.Contains(t, text, "+1m30s\n")
		other := chatapitest.New(t)
		serve(other)
		script, err := chatapitest.ParseScript("", text)
		require.NoError(t, err, text)
		_, err = script.Play(other)
		require.NoError(t, err, text)
		assert.Equal(t, text, other.Transcript())
	})
}

// An answer stays with its message, although the clock comes to a full second between.
func TestTranscriptOfASlowBot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t)
		client := api.Client()
		api.Webhook("https://bot.test/s3cret", chatapi.NewWebhookHandler(func(ctx context.Context, e chatapi.Event) error {
			m, ok := e.(*chatapi.MessageEvent)
			if !ok {
				return nil
			}
			time.Sleep(300 * time.Millisecond)
			_, err := client.Send(ctx, m.AnswerTo(), chatapi.Text{Body: "yes?"})
			return err
		}, chatapi.WebhookSecret("s3cret")))
		api.Customer(ann).Says("a") // answered after 0.3 s
		time.Sleep(600 * time.Millisecond)
		api.Customer(ann).Says("b") // after 0.9 s, answered after 1.2 s
		time.Sleep(2 * time.Second)
		api.Customer(ann).Says("c")
		assert.NotContains(t, api.Transcript(), "Ann: b\n+1s")
		assert.Contains(t, api.Transcript(), "+3s\nAnn: c")
	})
}

// play plays a script on a fake with the bot, whose failures are not the test's.
func play(t *testing.T, text string, prepare ...func(*chatapitest.API)) (string, error) {
	t.Helper()
	api, _ := recorded(t)
	api.Customer(ann)
	serve(api)
	for _, f := range prepare {
		f(api)
	}
	script, err := chatapitest.ParseScript("order.chat", text)
	if err != nil {
		return "", err
	}
	script.Within = time.Millisecond
	return script.Play(api)
}

// TestScriptMistakes checks what a script with a mistake says, with line and column.
func TestScriptMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"Ann: hi\nAmn: hi":                       `order.chat:2:1: nobody is called "Amn"; did you mean "Ann"? To add a customer, write a line such as: Amn is +1 202 555 0143`,
		"  Ann raects: 👍":                        `order.chat:1:7: there is no act "raects"; did you mean "reacts"?`,
		"Ann hidse number":                       `order.chat:1:5: there is no act "hidse number"; did you mean "hides number"?`,
		"Ann hello there":                        `order.chat:1:5: there is no act "hello there". If Ann says it, write: Ann: hello there`,
		"Ann":                                    `order.chat:1:4: write a colon and a text, or an act such as: Ann reads`,
		": hi":                                   `order.chat:1:1: write who does it in front`,
		"Ann:":                                   `order.chat:1:5: text is missing behind the colon`,
		"Bot":                                    `order.chat:1:4: write a colon and the message of the bot`,
		"Bot reads":                              `order.chat:1:1: the bot does not act in a script`,
		"Ann: x\nBot to Bne: x":                  `order.chat:2:8: nobody is called "Bne"`,
		"-1h":                                    `order.chat:1:1: time does not go back`,
		"+ -1h":                                  `order.chat:1:3: time does not go back`,
		"+soon":                                  `order.chat:1:2: "soon" is no time; write hours`,
		"+99999d":                                `order.chat:1:2:`,
		"Ann is nobody":                          `order.chat:1:8: "nobody" is neither a phone number nor a BSUID`,
		"Bot is 12025550143":                     `order.chat:1:1: Bot is not the name of a customer`,
		"Ann is 12025550143\nAnn is 12025550144": `order.chat:2:1: Ann has another number already`,
		"X is a group for Ann":                   `order.chat:1:6: write the members`,
		"X is a group of Ann, Bob":               `order.chat:1:22: nobody is called "Bob"`,
		"Ann shares location: 1":                 `longitude is missing behind the colon`,
		"Ann shares location: north | 1":         `latitude: "north" is no decimal number`,
		"Ann shares location: 1 | 2 | 3":         `"shares location" takes 2 parts, separated by "|", not 3`,
		"Ann reads: it":                          `"reads" takes nothing behind it`,
		"Ann approves: hello":                    `"approves" is an act of the service, not of the customer`,
		"Service: hello":                         `order.chat:1:8: write the act behind Service`,
		"Phone: hello":                           `order.chat:1:1: write to whom, such as: Phone to Ann: …`,
		"Service at DESC1 heals":                 `order.chat:1:1: the fake has no channel "DESC1"`,
		"Ann at DESC1: hi":                       `order.chat:1:1: the fake has no channel "DESC1"`,
		"Ann: [Green]":                           `order.chat:1:1: Ann cannot tap "Green": no message has such a button`,
		"Ann: hi\nBot: Which size? [Small] [Large]\nAnn: (S)": `order.chat:3:1: Ann cannot pick "S"`,
		strings.Repeat("n", 10_000) + ": hi":                  `order.chat:1:1: the name in front of the colon has 10000 signs`,
		"Ann: " + strings.Repeat("n", 20_000):                 `order.chat:1:1: the line has 20005 bytes`,
		strings.Repeat("\n", 100<<20):                         `order.chat:1:1: the script has 104857600 bytes, and at most 1048576 are read; split it`,
		"Service fails: sendMessge":                           `did you mean "sendMessage"?`,
	} {
		_, err := play(t, text)
		require.Error(t, err, "%.80q", text)
		assert.Contains(t, err.Error(), want, "%.80q", text)
		var mistake *chatapitest.ScriptError
		assert.ErrorAs(t, err, &mistake, "%.80q", text)
	}
	_, err := play(t, strings.Repeat("Ann\n", 100))
	assert.Equal(t, 10, strings.Count(err.Error(), "order.chat:"), "the first ten mistakes")
	_, err = play(t, "Ann: hi\nAmn: hi\nAnm: hi")
	assert.Equal(t, 2, strings.Count(err.Error(), "nobody"), "all unknown people")
}

// TestScriptDiffers checks the error of a conversation that goes otherwise, and the
// conversation as it went.
func TestScriptDiffers(t *testing.T) {
	for name, test := range map[string]struct {
		text, played string
		want         []string
		prepare      func(*chatapitest.API)
	}{
		"another text": {"# 1\n\tAnn: hi\n\tBot: Which one? [Small] [Large]\nAnn: [Large]\nBot: How many?\n",
			"# 1\n\tAnn: hi\n\tBot: Which size? [Small] [Large]\nAnn: [Large]\nBot: How many?\n",
			[]string{"from order.chat:3 on", "\n- Bot: Which one? [Small] [Large]\n+ Bot: Which size? [Small] [Large]\n  Ann: [Large]"}, nil},
		"a message too many": {"Ann: hi\nAnn: [Large]\nBot: How many?", "Ann: hi\nBot: Which size? [Small] [Large]\nAnn: [Large]\nBot: How many?\n",
			[]string{"+ Bot: Which size? [Small] [Large]"}, nil},
		"a message too few": {"Ann: silence\nBot: Hello", "Ann: silence\n", []string{"- Bot: Hello", "The bot has sent nothing at all"}, nil},
		"to somebody else":  {"Ben is 12025550144\nAnn: hi\nBot to Ben: Which size? [Small] [Large]", "Ben is 12025550144\nAnn: hi\nBot: Which size? [Small] [Large]\n", []string{"- Bot to Ben:"}, nil},
		"no handler":        {"Ann: hi\nBot: Hello", "Ann: hi\n", []string{"has no webhook, so no bot hears its customers"}, func(a *chatapitest.API) { request(t, a, "POST", "settings", `{"webhookUrl":""}`) }},
		"a blocked channel": {"Ann: hi\nBot: Hello", "Ann: hi\n", []string{"Note: refused: sendButton", "is blocked, so it refuses every send; API.Unblock"}, func(a *chatapitest.API) { a.Block("") }},
		"an expired token":  {"Ann: hi\nBot: Hello", "Ann: hi\n", []string{"has expired; API.RenewToken"}, func(a *chatapitest.API) { a.ExpireToken() }},
		"a wildcard":        {"Ann: hi\nBot: …sizes…", "Ann: hi\nBot: Which size? [Small] [Large]\n", []string{"- Bot: …sizes…"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			prepare := func(*chatapitest.API) {}
			if test.prepare != nil {
				prepare = test.prepare
			}
			played, err := play(t, test.text, prepare)
			require.Error(t, err)
			for _, want := range test.want {
				assert.Contains(t, err.Error(), want)
			}
			assert.Equal(t, test.played, played)
			assert.NotErrorAs(t, err, new(*chatapitest.ScriptError))
		})
	}
}

// TestScriptOfOddBots checks bots that answer themselves and that never return.
func TestScriptOfOddBots(t *testing.T) {
	t.Run("answers itself", func(t *testing.T) {
		api, r := recorded(t)
		client := api.Client()
		api.Webhook(hookURL, chatapi.NewWebhookHandler(func(ctx context.Context, ev chatapi.Event) error {
			switch e := ev.(type) {
			case *chatapi.MessageEvent:
				_, err := client.Send(ctx, e.AnswerTo(), chatapi.Text{Body: "me"})
				return err
			case *chatapi.EchoEvent:
				_, err := client.Send(ctx, chatapi.Chat(e.Chat), chatapi.Text{Body: "me again"})
				return err
			}
			return nil
		}, chatapi.WebhookSecret("s3cret")))
		api.Customer(ann)
		script, err := chatapitest.ParseScript("", "Ann: hi\nBot: me")
		require.NoError(t, err)
		_, err = script.Play(api)
		require.ErrorContains(t, err, "+ Bot: me again")
		assert.ErrorContains(t, err, "and more")
		assert.Less(t, len(err.Error()), 4000)
		assert.Contains(t, r.text(), "does the bot answer its own messages")
	})
	t.Run("never returns", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			api := chatapitest.New(t, chatapitest.AllowUndelivered())
			api.Webhook(hookURL, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
			api.Customer(ann)
			script, err := chatapitest.ParseScript("", "Ann: hi\nBot: Hello\nAnn: hello?")
			require.NoError(t, err)
			played, err := script.Play(api)
			require.ErrorContains(t, err, "line 1, column 1: the webhooks of this line are not delivered after 720h0m0s: a handler does not return")
			assert.Equal(t, "Ann: hi\nBot: Hello\nAnn: hello?\n", played, "what was not played stays")
		})
	})
}

// TestScriptOfLateBots checks bots that answer after their handler has returned, and at a
// port.
func TestScriptOfLateBots(t *testing.T) {
	t.Run("answers late", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			api := chatapitest.New(t)
			client := api.Client()
			api.Webhook(hookURL, chatapi.NewWebhookHandler(func(_ context.Context, ev chatapi.Event) error {
				if e, ok := ev.(*chatapi.MessageEvent); ok {
					go func() {
						time.Sleep(3 * time.Second)
						_, _ = client.Send(context.Background(), e.AnswerTo(), chatapi.Text{Body: "late"})
					}()
				}
				return nil
			}, chatapi.WebhookSecret("s3cret")))
			api.Script(t, "Ann is 12025550143\nAnn: hi\nBot: late\nAnn: hi\n+10s\nBot: late")
		})
	})
	t.Run("at a port", func(t *testing.T) {
		api := chatapitest.New(t)
		p := &pizza{sender: api.Client()}
		handler := chatapi.NewWebhookHandler(p.handle, chatapi.WebhookSecret("s3cret"))
		server := httptest.NewServer(handler)
		defer server.Close()
		api.Webhook(server.URL+"/hooks/s3cret", nil)
		api.Script(t, order)
	})
}

// TestScriptFile checks files, and the flag that rewrites them.
func TestScriptFile(t *testing.T) {
	api, r := recorded(t)
	serve(api)
	path := filepath.Join(t.TempDir(), "order.chat")
	require.NoError(t, os.WriteFile(path, []byte(order), 0o600))
	api.ScriptFile(t, path)

	require.NoError(t, os.WriteFile(path, []byte("# one\nAnn: order\nBot: What size? [Small] …"), 0o600))
	api.ScriptFile(r, path)
	assert.Contains(t, r.text(), "- Bot: What size?")
	assert.Contains(t, r.text(), "run the test with -update-scripts")

	require.NoError(t, flag.Set("update-scripts", "true"))
	defer func() { require.NoError(t, flag.Set("update-scripts", "false")) }()
	api.Customer(ann).Says("again")
	api.ScriptFile(t, path)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "# one\nAnn: order\nBot: Which size? [Small] [Large]\n", string(text))

	for name, want := range map[string]string{"none.chat": "no such file", "large.chat": "at most 1048576; split it", "wrong.chat": "the script has a mistake:\n"} {
		path := filepath.Join(t.TempDir(), name)
		switch name {
		case "large.chat":
			f, err := os.Create(path)
			require.NoError(t, err)
			require.NoError(t, f.Truncate(100<<20))
			require.NoError(t, f.Close())
		case "wrong.chat":
			require.NoError(t, os.WriteFile(path, []byte("Ann\n"), 0o600))
		}
		assert.Contains(t, fatal(t, func(r *recorder) { api.ScriptFile(r, path) }), want, name)
	}
}
