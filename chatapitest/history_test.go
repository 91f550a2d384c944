package chatapitest_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// TestOnlyACustomersMessageIsMarkedAsRead checks that the business cannot mark its
// own message as read.
func TestOnlyACustomersMessageIsMarkedAsRead(t *testing.T) {
	api := chatapitest.New(t)
	customer := api.Customer(ann)
	id := customer.Says("hi")
	client := api.Client()
	receipt, err := client.Send(t.Context(), customer.Recipient(), chatapi.Text{Body: "x"})
	require.NoError(t, err)
	assert.Error(t, client.Messages.MarkRead(t.Context(), receipt.ID, false))
	assert.False(t, customer.SeesRead(id))
	require.NoError(t, client.Messages.MarkRead(t.Context(), id, false))
	assert.True(t, customer.SeesRead(id))
}

func TestHistory(t *testing.T) {
	api := chatapitest.New(t)
	client := api.Client()
	for range 130 {
		api.Customer(ann).Says("a")
		api.Customer("12025550144").Says("b")
	}
	count := func(filter chatapi.HistoryFilter) (n int, last int64) {
		for ev, err := range client.Messages.All(t.Context(), filter) {
			require.NoError(t, err)
			n, last = n+1, ev.Info().Number
		}
		return n, last
	}
	n, last := count(chatapi.HistoryFilter{})
	assert.Equal(t, 260, n)
	assert.EqualValues(t, 260, last)
	n, last = count(chatapi.HistoryFilter{Chat: ann + "@c.us"})
	assert.Equal(t, 130, n)
	assert.EqualValues(t, 259, last, "numbers skip within a chat")
	n, _ = count(chatapi.HistoryFilter{After: 250})
	assert.Equal(t, 10, n)
	n, _ = count(chatapi.HistoryFilter{From: api.Now().Add(time.Hour)})
	assert.Zero(t, n)
}

func TestHistoryQuery(t *testing.T) {
	api := chatapitest.New(t)
	for range 130 {
		api.Customer(ann).Says("a")
		api.Customer("12025550144").Says("b")
	}
	for query, want := range map[string]string{
		"last=true&limit=2":                    `"messageNumber":260`,
		"last=2&lastMessageNumber=5":           `"messageNumber":260`,
		"firstMessageNumber=3":                 `"messageNumber":2`,
		"lastMessageNumber=259&limit=0":        `"messageNumber":260`,
		"lastMessageNumber=9000":               `{"messages":[]}`,
		"firstMessageNumber=1":                 `{"messages":[]}`,
		"limit=x":                              `limit must be a number`,
		"last=perhaps":                         `last must be`,
		"chatId=12025550199@c.us":              `{"messages":[]}`,
		"lastMessageNumber=-5&limit=1":         `"messageNumber":1`,
		"min_time=1&max_time=2":                `{"messages":[]}`,
		"msgId=" + api.Customer(ann).Says("x"): `"messageNumber":261`,
	} {
		_, body := request(t, api, "GET", "messages?"+query, "")
		assert.Contains(t, body, want, query)
	}
}

// TestResolveByHistory checks that the SDK finds a message in the history whose
// answer was lost.
func TestResolveByHistory(t *testing.T) {
	api := chatapitest.New(t)
	client := api.Client()
	api.Customer(ann).Says("hi")
	_, err := client.Send(t.Context(), chatapi.Phone(ann), chatapi.Text{Body: "found"})
	require.NoError(t, err)
	api.Fail(chatapitest.Fault{Accepted: true, Drop: true})
	_, err = client.Send(t.Context(), chatapi.Phone(ann), chatapi.Text{Body: "where is it?"})
	e, ok := errors.AsType[*chatapi.Error](err)
	require.True(t, ok, "%v", err)
	require.NotNil(t, e.Attempt)
	resolution, err := client.Resolve(t.Context(), *e.Attempt)
	require.NoError(t, err)
	assert.Equal(t, chatapi.OutcomeAccepted, resolution.Outcome)
	assert.Equal(t, api.Customer(ann).LastReceived().ID, resolution.ID)
}

func TestHistoryQuirks(t *testing.T) {
	for _, quirk := range []chatapitest.Quirk{chatapitest.BoolHistory, chatapitest.NoHistory} {
		api := chatapitest.New(t, chatapitest.Quirks(quirk))
		api.Customer(ann).Says("a")
		for ev, err := range api.Client().Messages.All(t.Context(), chatapi.HistoryFilter{}) {
			if quirk == chatapitest.NoHistory {
				assert.ErrorIs(t, err, chatapi.ErrHistoryOff)
				continue
			}
			require.NoError(t, err)
			assert.IsType(t, &chatapi.MessageEvent{}, ev)
		}
	}
}

// A new message appears in the history after the lag, by the fake's clock.
func TestHistoryLag(t *testing.T) {
	count := func(t *testing.T, api *chatapitest.API) (n int) {
		for _, err := range api.Client().Messages.All(t.Context(), chatapi.HistoryFilter{}) {
			require.NoError(t, err)
			n++
		}
		return n
	}
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t, chatapitest.HistoryLag(5*time.Second))
		prompt := api.AddChannel("ABC2")
		api.Customer(ann).Says("hi")
		prompt.Customer(ann).Says("hi")
		time.Sleep(3 * time.Second)
		_, err := api.Client().Send(t.Context(), chatapi.Phone(ann), chatapi.Text{Body: "hello"})
		require.NoError(t, err)
		assert.Zero(t, count(t, api))
		assert.Equal(t, 1, count(t, prompt), "another channel has its own lag")
		time.Sleep(2 * time.Second)
		assert.Equal(t, 1, count(t, api))
		api.Advance(3 * time.Second)
		assert.Equal(t, 2, count(t, api))
	})
	negative := chatapitest.New(t, chatapitest.HistoryLag(-time.Hour))
	negative.Customer(ann).Says("hi")
	assert.Equal(t, 1, count(t, negative))
}

// Every reply has the fake's time in its Date, in memory and over a socket.
func TestDateIsTheFakesTime(t *testing.T) {
	at := time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)
	api := chatapitest.New(t, chatapitest.At(at))
	api.Fail(chatapitest.Fault{Operation: "status", Status: http.StatusBadGateway})
	address, err := api.Listen()
	require.NoError(t, err)
	for _, tc := range []struct {
		client  *http.Client
		address string
	}{{&http.Client{Transport: api.Transport}, api.URL}, {http.DefaultClient, address}} {
		for _, path := range []string{"/status", "/messages", "/unknown"} {
			resp, err := tc.client.Get(tc.address + path + "?token=" + api.Token)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Len(t, resp.Header["Date"], 1)
			date, err := http.ParseTime(resp.Header.Get("Date"))
			require.NoError(t, err)
			assert.WithinDuration(t, at, date, time.Minute)
		}
	}
	api.Advance(24 * time.Hour)
	resp, err := (&http.Client{Transport: api.Transport}).Get(api.URL + "/status?token=" + api.Token)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	date, err := http.ParseTime(resp.Header.Get("Date"))
	require.NoError(t, err)
	assert.WithinDuration(t, at.Add(24*time.Hour), date, time.Minute)
}
