package phones_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
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

// list returns a list of an answer, and its member next.
func list(t *testing.T, sim http.Handler, path, name string) (items []map[string]any, next int) {
	t.Helper()
	got := call(t, sim, http.MethodGet, path, "")
	require.Equal(t, http.StatusOK, got.status, got.body)
	var page map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(got.body), &page))
	require.NoError(t, json.Unmarshal(page[name], &items), got.body)
	require.NotNil(t, items, "a list, also if it is empty")
	require.NoError(t, json.Unmarshal(page["next"], &next))
	return items, next
}

// TestSimPages reads each list page by page.
func TestSimPages(t *testing.T) {
	api := ready(t)
	sim := phones.Sim(api)
	for _, c := range []struct {
		path, name, from string
		all              int
	}{
		{"/sim/customers?", "customers", "since", len(api.Chats())},
		{"/sim/messages?chat=Ann&", "messages", "after", len(api.ChatMessages(ann, -1))},
		{"/sim/calls?", "calls", "since", len(api.Calls())},
		{"/sim/deliveries?", "deliveries", "since", len(api.Delivered())},
	} {
		var items []map[string]any
		next := 0
		for range 100 {
			page, then := list(t, sim, fmt.Sprintf("%s%s=%d&limit=1", c.path, c.from, next), c.name)
			require.LessOrEqual(t, len(page), 1)
			items = append(items, page...)
			if len(page) == 0 {
				break
			}
			require.Greater(t, then, next)
			next = then
		}
		assert.Len(t, items, c.all, c.name)
		assert.Equal(t, c.all, next, c.name)
		whole, _ := list(t, sim, c.path, c.name)
		assert.Equal(t, items, whole, c.name)
		beyond, _ := list(t, sim, fmt.Sprintf("%s%s=99999999999", c.path, c.from), c.name)
		assert.Empty(t, beyond)
		many, _ := list(t, sim, c.path+"limit=1000000", c.name)
		assert.Len(t, many, c.all)
	}
	newest, _ := list(t, sim, "/sim/messages?chat=Ann&limit=1", "messages")
	assert.Equal(t, "Form", newest[0]["text"], "without a place, the newest ones")
}

// TestSimShows reads what happened: as the phone, the service and the webhooks show it.
func TestSimShows(t *testing.T) {
	api := ready(t)
	sim := phones.Sim(api)
	file := call(t, sim, http.MethodPost, "/sim/customers/+1%20202%20555%200143/sends", `{"name":"<b>.html","data":"PGI+"}`)
	require.Equal(t, 200, file.status, file.body)
	id, _ := file.member(t, "id").(string)
	for _, name := range []string{"Ann", ann, "+1 (202) 555-0143", ann + "@c.us", api.Customer(ann).BSUID()} {
		messages, _ := list(t, sim, "/sim/messages?chat="+strings.NewReplacer("+", "%2B", " ", "%20").Replace(name), "messages")
		require.Len(t, messages, 5, name)
		assert.Equal(t, "customer", messages[0]["from"])
		assert.Equal(t, "channel", messages[1]["from"])
		assert.Equal(t, "sendButton", messages[1]["operation"])
		assert.Equal(t, "delivered", messages[1]["status"])
		assert.Equal(t, []any{map[string]any{"id": "red", "title": "Red"}, map[string]any{"id": "blue", "title": "Blue"}}, messages[1]["buttons"])
		assert.Equal(t, "Sizes", messages[2]["label"])
		assert.Equal(t, id, messages[4]["id"])
	}
	content := call(t, sim, http.MethodGet, "/sim/files?message="+id, "")
	assert.Equal(t, "<b>", content.body)
	assert.Equal(t, "application/octet-stream", content.header.Get("Content-Type"), "no page for a browser")
	assert.Contains(t, content.header.Get("Content-Disposition"), "attachment")

	api.Fail(chatapitest.Fault{Status: 403})
	_, err := api.Client().Send(t.Context(), chatapi.Phone(ann), chatapi.Text{Body: strings.Repeat("x", 4000)})
	require.Error(t, err)
	calls, _ := list(t, sim, "/sim/calls?", "calls")
	last := calls[len(calls)-1]
	assert.Equal(t, "sendMessage", last["operation"])
	assert.Equal(t, "+"+ann, last["recipient"])
	assert.InDelta(t, 403, last["status"], 0)
	assert.Equal(t, "Channel subscription is blocked", last["reply"], "a text that is no JSON")
	assert.NotContains(t, call(t, sim, http.MethodGet, "/sim/calls", "").body, api.Token)
	_, _ = api.Client().Media.Upload(t.Context(), chatapi.MediaBytes("a.png", make([]byte, 1<<20)))
	calls, _ = list(t, sim, "/sim/calls?", "calls")
	last = calls[len(calls)-1]
	assert.Nil(t, last["body"], "a large body is left out")
	assert.Greater(t, last["body_bytes"], float64(1<<20))

	api.Webhook(logURL, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }))
	recorded := chatapitest.New(t, chatapitest.AllowUndelivered(), chatapitest.Redeliver(2, 0))
	recorded.Webhook(logURL, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }))
	recorded.Customer(ann).Says("hi")
	deliveries, _ := list(t, phones.Sim(recorded), "/sim/deliveries?", "deliveries")
	assert.Equal(t, "answered with 500", deliveries[0]["problem"])
	assert.InDelta(t, 2, deliveries[0]["tries"], 0)
	channels := call(t, phones.Sim(recorded), http.MethodGet, "/sim/channels", "")
	assert.Contains(t, channels.body, `"failed":1,"problem":"answered with 500"`)

	acts := call(t, sim, http.MethodGet, "/sim/acts", "")
	for _, act := range chatapitest.Acts() {
		assert.Contains(t, acts.body, fmt.Sprintf(`"name":%q,"actor":%q`, act.Name, act.Actor))
	}
}

// TestSimWait waits for messages that are there, come later, fail, or never come.
func TestSimWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := ready(t)
		sim, client := phones.Sim(api), api.Client()
		began := time.Now()
		got := call(t, sim, http.MethodGet, "/sim/wait?to=Ann&text=Which%3F%20[Red]", "")
		require.Equal(t, 200, got.status, got.body)
		assert.InDelta(t, 2, got.member(t, "number"), 0)
		assert.Equal(t, 200, call(t, sim, http.MethodGet, "/sim/wait?to=Ann&text=Wh…[Bl…]", "").status)
		assert.Zero(t, time.Since(began), "it is there already")
		refused(t, call(t, sim, http.MethodGet, "/sim/wait?to=Ann&text=Which&after=2&within=2s", ""), 404,
			"Ann has received no such message within 2s; the last one was: Form [Open]")
		assert.Equal(t, 2*time.Second, time.Since(began))
		refused(t, call(t, sim, http.MethodGet, "/sim/wait?to=12025550144&within=0s", ""), 404, "Ben has received no such message within 0s, nor any other")

		began = time.Now()
		go func() {
			for _, text := range []string{"one", "two", "three"} {
				time.Sleep(time.Second)
				_, err := client.Send(t.Context(), chatapi.Phone(ann), chatapi.Text{Body: text})
				assert.NoError(t, err)
			}
		}()
		got = call(t, sim, http.MethodGet, "/sim/wait?to="+ann+"&text=two&after=4&within=60s", "")
		require.Equal(t, 200, got.status, got.body)
		assert.Equal(t, "two", got.member(t, "text"))
		assert.Equal(t, 2*time.Second, time.Since(began))
		time.Sleep(2 * time.Second)

		api.Customer(ann).CannotBeReached("no WhatsApp")
		_, err := client.Send(t.Context(), chatapi.Phone(ann), chatapi.Text{Body: "four"})
		require.NoError(t, err)
		refused(t, call(t, sim, http.MethodGet, "/sim/wait?to=Ann&text=four", ""), 404, "the last one was: four, which failed: no WhatsApp")

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		r := httptest.NewRequest(http.MethodGet, "/sim/wait?to=Ann&text=never&within=60s", nil).WithContext(ctx)
		sim.ServeHTTP(httptest.NewRecorder(), r)
		assert.Equal(t, time.Second, time.Since(began), "the caller has gone away")
	})
}

// TestSimEvents reads the stream: the first event has no chats, and a change those that
// have changed.
func TestSimEvents(t *testing.T) {
	api := ready(t)
	server := httptest.NewServer(phones.Sim(api))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/sim/events", nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	assert.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	lines := bufio.NewScanner(resp.Body)
	next := func() (event struct {
		Change uint64
		Chats  []struct{ Channel, Key string }
	}) {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				require.NoError(t, json.Unmarshal([]byte(data), &event))
				return event
			}
		}
		require.NoError(t, lines.Err())
		require.Fail(t, "the stream has ended")
		return event
	}
	first := next()
	assert.Empty(t, first.Chats)
	api.Customer("12025550144").Says("hi")
	second := next()
	assert.Greater(t, second.Change, first.Change)
	require.NotEmpty(t, second.Chats)
	assert.Equal(t, "c2", second.Chats[0].Key)
	assert.Equal(t, string(api.ChannelID()), second.Chats[0].Channel)

	var open []*http.Response
	for range 63 {
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.Equal(t, 200, resp.StatusCode)
		open = append(open, resp)
	}
	refused(t, call(t, server.Config.Handler, http.MethodGet, "/sim/events", ""), http.StatusTooManyRequests, "64 programs read the events")
	for _, resp := range open {
		resp.Body.Close()
	}
}
