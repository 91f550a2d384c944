package phones_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/chatapitest/phones"
)

// TestSimState goes back to a state and to the start, and a client of before goes on.
func TestSimState(t *testing.T) {
	api := ready(t)
	sim, client := phones.Sim(api), api.Client()
	state := call(t, sim, http.MethodGet, "/sim/state", "")
	require.Equal(t, 200, state.status)
	require.Equal(t, 204, call(t, sim, http.MethodPost, "/sim/reset", "").status)
	customers, _ := list(t, sim, "/sim/customers", "customers")
	assert.Empty(t, customers)
	_, err := client.Send(t.Context(), chatapi.Phone(ann), chatapi.Text{Body: "hi"})
	require.ErrorIs(t, err, chatapi.ErrWindowClosed)
	require.Equal(t, 204, call(t, sim, http.MethodPut, "/sim/state", state.body).status)
	_, err = client.Send(t.Context(), chatapi.Phone(ann), chatapi.Text{Body: "hi again"})
	require.NoError(t, err)
	assert.Equal(t, 200, call(t, sim, http.MethodGet, "/sim/wait?to=Ann&text=hi%20again", "").status)
	require.Equal(t, []string{logURL}, api.Webhooks())

	added := call(t, sim, http.MethodPost, "/sim/channels", `{"id":"DESK1","phone":"+1 202 555 0190"}`)
	require.Equal(t, 200, added.status, added.body)
	assert.Equal(t, "12025550190", added.member(t, "phone"))
	require.Equal(t, 200, call(t, sim, http.MethodPost, "/sim/customers/Ann/says?channel=DESK1", `{"text":"hi, desk"}`).status+
		call(t, sim, http.MethodPost, "/sim/customers/"+ann+"/says?channel=DESK1", `{"text":"hi, desk"}`).status-400)
	messages, _ := list(t, sim, "/sim/messages?channel=DESK1&chat="+ann, "messages")
	require.Len(t, messages, 1)
}

// TestSimChannelsAreBounded adds channels until the fake takes no more.
func TestSimChannelsAreBounded(t *testing.T) {
	sim := phones.Sim(chatapitest.New(t))
	for n := range 99 {
		require.Equal(t, 200, call(t, sim, http.MethodPost, "/sim/channels", `{"id":"D`+strconv.Itoa(n)+`"}`).status)
	}
	refused(t, call(t, sim, http.MethodPost, "/sim/channels", `{"id":"ONE-MORE"}`), http.StatusConflict, "the fake has 100 channels")
}

// TestSimScript plays a script that goes as it says, one that does not, and one that
// cannot be played.
func TestSimScript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t)
		client := api.Client()
		api.Webhook(logURL, chatapi.NewWebhookHandler(func(ctx context.Context, ev chatapi.Event) error {
			if m, ok := ev.(*chatapi.MessageEvent); ok {
				_, err := client.Send(ctx, m.AnswerTo(), chatapi.Text{Body: "You said " + m.Text})
				return err
			}
			return nil
		}, chatapi.WebhookSecret("x")))
		sim := phones.Sim(api)
		play := func(script string) reply {
			return call(t, sim, http.MethodPost, "/sim/script", `{"name":"order.chat","script":`+strconv.Quote(script)+`}`)
		}
		good := "Ann is +1 202 555 0143\nAnn: hi\nBot: You said hi\n"
		got := play(good)
		require.Equal(t, 200, got.status, got.body)
		assert.Equal(t, true, got.member(t, "ok"), got.body)
		assert.Equal(t, strings.TrimSpace(good), strings.TrimSpace(got.member(t, "played").(string)))
		got = play("Ann: hi\nBot: You said ho\n")
		assert.Equal(t, false, got.member(t, "ok"))
		assert.Contains(t, got.member(t, "error"), "- Bot: You said ho\n+ Bot: You said hi")
		assert.Contains(t, got.member(t, "played"), "Bot: You said hi")
		got = play("Amn: hi\n")
		assert.Equal(t, false, got.member(t, "ok"))
		assert.Contains(t, got.member(t, "error"), `order.chat:1:1: nobody is called "Amn"; did you mean "Ann"?`)
		assert.Contains(t, got.body, `"lines":[{"name":"order.chat","line":1,"column":1`)
		refused(t, play("Ann hides nmber\n-1h\n"), 400, `order.chat:1:5: there is no act "hides nmber"; did you mean "hides number"?`)
		assert.Contains(t, play("Ann hides nmber\n-1h\n").body, `"line":2`)
	})
}

// TestSimScriptsAreNotMixed refuses a script while another one is played.
func TestSimScriptsAreNotMixed(t *testing.T) {
	api := chatapitest.New(t)
	began, goOn := make(chan struct{}), make(chan struct{})
	api.Webhook(logURL, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(began)
		<-goOn
	}))
	sim, done := phones.Sim(api), make(chan reply)
	const script = `{"script":"Ann is +1 202 555 0143\nAnn: hi"}`
	go func() { done <- call(t, sim, http.MethodPost, "/sim/script", script) }()
	<-began
	refused(t, call(t, sim, http.MethodPost, "/sim/script", script), http.StatusConflict, "another script is being played")
	close(goOn)
	got := <-done
	assert.Equal(t, true, got.member(t, "ok"), got.body)
}

// TestSimBotNeverAnswers acts for a bot that does not answer: nobody waits for ever.
func TestSimBotNeverAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t, chatapitest.AllowUndelivered())
		api.Webhook(logURL, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
		sim, began := phones.Sim(api), time.Now()
		got := call(t, sim, http.MethodPost, "/sim/customers/"+ann+"/says", `{"text":"hi"}`)
		assert.Equal(t, http.StatusAccepted, got.status, got.body)
		assert.Equal(t, true, got.member(t, "pending"))
		assert.Equal(t, 30*time.Second, time.Since(began))
		assert.Contains(t, call(t, sim, http.MethodGet, "/sim/channels", "").body, `"pending":1`)
		refused(t, call(t, sim, http.MethodGet, "/sim/state", ""), http.StatusConflict, "POST /sim/reset drops them")
		require.Equal(t, 204, call(t, sim, http.MethodPost, "/sim/reset", "").status)
		synctest.Wait()
		assert.Contains(t, call(t, sim, http.MethodGet, "/sim/channels", "").body, `"pending":0`)
	})
}

// TestSimBotActs has a bot in another program that makes a customer act while it handles a
// webhook: the act must not wait for the webhook, and is no answer to it.
func TestSimBotActs(t *testing.T) {
	api := chatapitest.New(t)
	server := httptest.NewServer(phones.Sim(api))
	defer server.Close()
	post := func(path, body string) (int, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+path, strings.NewReader(body))
		if err != nil {
			return 0, err
		}
		r.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode, err
	}
	program := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, number, found := strings.Cut(string(body), `"body":"round `)
		number, _, _ = strings.Cut(number, `"`)
		if n, _ := strconv.Atoi(number); found && n < 150 { // more than a chain of deliveries may have
			status, err := post("/sim/customers/"+ann+"/says", fmt.Sprintf(`{"text":"round %d"}`, n+1))
			assert.NoError(t, err)
			assert.Equal(t, 200, status)
		}
		w.WriteHeader(http.StatusOK)
	}))
	defer program.Close()
	api.Webhook(program.URL, nil)
	began := time.Now()
	status, err := post("/sim/customers/"+ann+"/says", `{"text":"round 1"}`)
	require.NoError(t, err)
	assert.Equal(t, 200, status)
	api.Settle()
	assert.Less(t, time.Since(began), 25*time.Second)
	assert.Len(t, api.ChatMessages(ann, -1), 150)
	assert.Empty(t, api.Undelivered())
	assert.NoError(t, api.Err())
}

// TestSimCloses ends the requests that wait when the page is closed, so that a server can
// be shut down.
func TestSimCloses(t *testing.T) {
	api := ready(t)
	page := phones.New(api, phones.ServedAt("http://127.0.0.1:8300"))
	assert.Contains(t, call(t, page, http.MethodGet, "/sim/channels", "").body, `"url":"http://127.0.0.1:8300/ABC100000001"`)
	done := make(chan reply)
	for _, path := range []string{"/sim/wait?to=Ann&text=never&within=60s", "/sim/events"} {
		go func() { done <- call(t, page, http.MethodGet, path, "") }()
	}
	page.Close()
	statuses := []int{(<-done).status, (<-done).status}
	assert.ElementsMatch(t, []int{http.StatusServiceUnavailable, http.StatusOK}, statuses)
}
