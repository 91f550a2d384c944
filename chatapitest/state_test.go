package chatapitest_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// lived returns a fake in which much has happened, with two channels.
func lived(t *testing.T) *chatapitest.API {
	t.Helper()
	api, _ := ready(t)
	desk := api.AddChannel("DESK1")
	desk.Customer(ann).Says("hi, desk")
	customer, ben := api.Customer(ann), api.Customer("12025550144")
	client := api.Client()
	for _, act := range chatapitest.Acts() {
		switch act.Name {
		case "moves clock", "fails", "misdelivers", "holds", "releases", "answers", "passes", "blocks channel", "expires token", "hangs up",
			"adds channel", "adds webhook", "disables webhook": // a reset keeps what they change
			continue
		}
		who := ""
		if act.Actor == chatapitest.ActorCustomer {
			who = customer.BSUID()
		}
		args := performances[act.Name]
		if act.Name == "writes" {
			args = map[string]string{"to": customer.BSUID(), "text": "from the phone"}
		}
		_, err := api.Perform(act.Name, who, args)
		require.NoError(t, err, act.Name)
	}
	ben.Says("hi")
	ben.GoesOffline()
	group := api.Group("Team", customer, ben)
	customer.SaysIn(group, "hi all")
	for _, to := range []chatapi.Recipient{chatapi.Chat(group), ben.Recipient()} {
		_, err := client.Send(t.Context(), to, chatapi.Text{Body: "for Ben, who is offline"})
		require.NoError(t, err)
	}
	_, err := client.Send(t.Context(), ben.Recipient(), chatapi.File{Media: chatapi.MediaBytes("a.png", []byte("\x89PNG\r\n\x1a\n"))})
	require.NoError(t, err)
	customer.Reads()
	desk.Block("unpaid")
	desk.DisableWebhook(addHook(desk))
	api.Settle()
	return api
}

// addHook adds an address to the webhook list.
func addHook(api *chatapitest.API) string {
	const address = "https://desk.test/x"
	api.Webhook(address, &listener{})
	return address
}

func TestStateIsLoaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := lived(t)
		state, err := api.State()
		require.NoError(t, err)
		other := chatapitest.New(t, chatapitest.Seed(7))
		require.NoError(t, other.Load(state))
		again, err := other.State()
		require.NoError(t, err)
		// The two fakes serve files at different hosts.
		hosts := strings.NewReplacer(hostOf(api), "HOST", hostOf(other), "HOST")
		assert.Equal(t, hosts.Replace(string(state)), hosts.Replace(string(again)))
		assert.Equal(t, api.Token, other.Token)
		assert.Empty(t, other.Transcript())
		assert.Empty(t, other.Calls())

		client, events := other.Client(), &listener{}
		other.Webhook("https://log.test/x", events)
		customer, ben := other.Customer("12025550177"), other.Customer("12025550144")
		assert.Equal(t, "Annie", customer.Name())
		customer.GetsNothing(t)
		customer.Taps("Blue")
		assert.Equal(t, &chatapi.Reply{ID: "blue", Title: "Blue"}, seen[*chatapi.MessageEvent](events)[0].Reply)
		customer.Submits(map[string]any{"x": 1})
		assert.JSONEq(t, `{"x":1,"flow_token":"tok"}`, events.last().(*chatapi.MessageEvent).Flow.Response)
		ben.ComesOnline()
		assert.Len(t, ben.Received(), 2)
		_, err = client.Send(t.Context(), chatapi.Username("ann.example"), chatapi.Text{Body: "x"})
		require.NoError(t, err, "the window is open, and the username known")
		_, history := request(t, other, "GET", "messages?limit=1000", "")
		assert.Contains(t, history, "hi all")
		file := ben.LastReceived().File
		require.NotNil(t, file)
		resp, err := (&http.Client{Transport: other.Transport}).Get(file.URL)
		require.NoError(t, err)
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		assert.Equal(t, "\x89PNG\r\n\x1a\n", string(data), "the file is served at the host of the other fake")
		assert.NotContains(t, string(state), customer.Says("new"), "a new id")
	})
}

// hostOf returns the host of a fake.
func hostOf(api *chatapitest.API) string {
	return strings.TrimPrefix(strings.TrimSuffix(api.URL, "/ABC100000001"), "https://")
}

// TestStateAndClock checks that the clock of a loaded state does not go back.
func TestStateAndClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t)
		api.Customer(ann).Says("hi")
		api.Advance(time.Hour)
		state, err := api.State()
		require.NoError(t, err)
		behind, ahead := chatapitest.New(t), chatapitest.New(t)
		ahead.Advance(48 * time.Hour)
		later := ahead.Now()
		require.NoError(t, behind.Load(state))
		require.NoError(t, ahead.Load(state))
		assert.True(t, behind.Now().Equal(api.Now()), "it moves to the time of the state")
		assert.True(t, ahead.Now().Equal(later), "it stays")
		_, err = behind.Client().Send(t.Context(), chatapi.Phone(ann), chatapi.Text{Body: "x"})
		require.NoError(t, err)
		_, err = ahead.Client().Send(t.Context(), chatapi.Phone(ann), chatapi.Text{Body: "x"})
		assert.ErrorIs(t, err, chatapi.ErrWindowClosed)
	})
}

// TestStateIsRefused checks the sentences about states that cannot be loaded, and that
// the fake stays as it is.
func TestStateIsRefused(t *testing.T) {
	state, err := lived(t).State()
	require.NoError(t, err)
	replaced := func(old, now string) []byte {
		require.Contains(t, string(state), old)
		return bytes.Replace(state, []byte(old), []byte(now), 1)
	}
	api := chatapitest.New(t)
	api.Customer(ann).Says("hi")
	before, err := api.State()
	require.NoError(t, err)
	for name, test := range map[string]struct {
		state []byte
		want  string
	}{
		"empty":              {[]byte(" \n"), "the state is empty; load an older copy, or begin without a state"},
		"cut off":            {state[:len(state)/2], "the state is cut off after"},
		"cut off at the end": {state[:len(state)-2], "the state is cut off after"},
		"damaged":            {replaced(`"version": 1,`, `"version": 1,,`), "the state is damaged at byte"},
		"newer":              {replaced(`"version": 1,`, `"version": 2, "more": [],`), "the state has version 2, and this chatapitest reads up to 1; update the SDK"},
		"version 0":          {replaced(`"version": 1,`, `"version": 0,`), "which never was"},
		"another file":       {[]byte(`{"name":"x"}`), "this is no state of a fake"},
		"a list":             {[]byte(`[]`), "this is no state of a fake"},
		"a wrong type":       {replaced(`"blocked": "unpaid"`, `"blocked": 1`), "the state is damaged near byte"},
		"an unknown member":  {replaced(`"hooks":`, `"hoks":`), `unknown field "hoks"`},
		"a wrong channel":    {replaced(`"id": "DESK1"`, `"id": "DESK 1"`), `a channel with the wrong id "DESK 1"`},
		"a channel twice":    {replaced(`"id": "DESK1"`, `"id": "ABC100000001"`), `the channel "ABC100000001" twice`},
		"another channel":    {replaced(`"id": "ABC100000001"`, `"id": "ABC2"`), `the fake has the channel "ABC100000001", which the state has not`},
		"a lost customer":    {replaced(`"From": 0`, `"From": 99`), "names the customer 99 of"},
		"a lost group":       {replaced(`"Group": "`, `"Group": "1`), "which is not there"},
		"a wrong number":     {replaced(`"Phone": "12025550144"`, `"Phone": "+1"`), `has the wrong number "+1"`},
		"much too large":     {bytes.Repeat([]byte(" "), 256<<20+1), "at most 268435456 are read"},
	} {
		t.Run(name, func(t *testing.T) {
			err := api.Load(test.state)
			require.ErrorContains(t, err, test.want)
			assert.Less(t, len(err.Error()), 300)
			after, err := api.State()
			require.NoError(t, err)
			assert.Equal(t, withoutTime(before), withoutTime(after), "the fake is unchanged")
		})
	}
	for cut := 0; cut < len(state)-1; cut += 1 + len(state)/200 {
		assert.Error(t, api.Load(state[:cut]))
	}
	require.NoError(t, api.Err())
}

// withoutTime returns a state without its first line with a time.
func withoutTime(state []byte) string {
	before, after, _ := strings.Cut(string(state), "\n \"now\":")
	_, after, _ = strings.Cut(after, "\n")
	return before + after
}
