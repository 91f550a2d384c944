package chatapi_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// A page whose rows the filter all drops does not end the reading.
func TestHistoryBeyondAPageOutsideTheBounds(t *testing.T) {
	s := &store{}
	began := time.Unix(1795000000, 0)
	for i := 1; i <= 100; i++ {
		s.add(i, 0, began, "old")
	}
	s.add(101, 0, began.Add(time.Hour), "wanted")
	s.add(102, 0, began.Add(time.Hour), "wanted")
	assert.Equal(t, []int64{101, 102}, numbers(t, s.client(t), chatapi.HistoryFilter{From: began.Add(time.Minute)}))
	assert.Len(t, s.seen, 2)
}

// A bound includes its whole second.
func TestHistoryBoundsAreWholeSeconds(t *testing.T) {
	s := &store{}
	began := time.Unix(1795000000, 0)
	for i := range 5 {
		s.add(i+1, 0, began.Add(time.Duration(i)*time.Second), "text")
	}
	half := 500 * time.Millisecond
	bounded := chatapi.HistoryFilter{From: began.Add(time.Second + half), To: began.Add(3*time.Second + half)}
	assert.Equal(t, []int64{2, 3, 4}, numbers(t, s.client(t), bounded))
	assert.Equal(t, "lastMessageNumber=0&limit=100&max_time=1795000003&min_time=1795000001", s.seen[0])
}

// Rows without a number keep the order of the page and come before the other
// rows.
func TestHistoryRowsWithoutANumberKeepTheirOrder(t *testing.T) {
	rows := []string{`{"messageNumber":7,"id":"numbered","type":"chat","body":"x","fromMe":0}`}
	var want []string
	for i := range 40 {
		id := fmt.Sprintf("wamid.%02d", i)
		rows = append(rows, fmt.Sprintf(`{"id":%q,"type":"chat","body":"x","fromMe":0}`, id))
		want = append(want, id)
	}
	client := answering(t, 200, `{"messages":[`+strings.Join(rows, ",")+`]}`)
	var got []string
	for ev, err := range client.Messages.All(t.Context(), chatapi.HistoryFilter{}) {
		require.NoError(t, err)
		got = append(got, ev.(*chatapi.MessageEvent).ID)
	}
	assert.Equal(t, append(want, "numbered"), got)
}

// A notice in the place of a later page ends the history. It does not mean that
// the channel has no history.
func TestHistoryNoticeAfterTheFirstPage(t *testing.T) {
	s := &store{}
	for i := 1; i <= 100; i++ {
		s.add(i, 0, time.Unix(1795000000, 0), "text")
	}
	s.fail = func(look int) *http.Response {
		if look == 2 {
			return reply(200, `{"messages":[],"notice":"There are no more messages"}`)
		}
		return nil
	}
	assert.Len(t, numbers(t, s.client(t), chatapi.HistoryFilter{}), 100)
	assert.Len(t, s.seen, 2)
}

func TestHistoryRowsUnderData(t *testing.T) {
	const row = `{"messageNumber":1,"id":"a","type":"chat","body":"x","fromMe":0}`
	for _, body := range []string{`{"data":[` + row + `]}`, `{"messages":null,"data":[` + row + `]}`, `{"messages":[` + row + `],"data":[]}`} {
		assert.Equal(t, []int64{1}, numbers(t, answering(t, 200, body), chatapi.HistoryFilter{}), body)
	}
	assert.Empty(t, numbers(t, answering(t, 200, `{"messages":[],"data":[`+row+`]}`), chatapi.HistoryFilter{}))
}

// pauses runs Poll for the given time and returns the instants of its reads.
func pauses(t *testing.T, opts chatapi.PollOptions, limit time.Duration, answer func(look int) *http.Response, handle chatapi.EventHandler) (looks []time.Duration) {
	t.Helper()
	began := time.Now()
	client, err := chatapi.New("https://api.test/ABC1", opaqueToken, chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 1}),
		chatapi.WithHTTPClient(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			looks = append(looks, time.Since(began))
			return answer(len(looks)), nil
		})}))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	require.ErrorIs(t, client.Messages.Poll(ctx, opts, handle), context.DeadlineExceeded)
	return looks
}

func handleNothing(context.Context, chatapi.Event) error { return nil }

// The pause doubles with each failure, up to a minute or to Every if that is
// longer. After a success it is Every again.
func TestPollPauses(t *testing.T) {
	const empty = `{"messages":[]}`
	down := func(int) *http.Response { return reply(503, "") }
	for name, tc := range map[string]struct {
		every, limit time.Duration
		answer       func(int) *http.Response
		want         []time.Duration
	}{
		"seldom, and an error": {5 * time.Minute, 16 * time.Minute, down, []time.Duration{0, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute}},
		"down for long": {0, 4 * time.Minute, down, []time.Duration{0, 10 * time.Second, 30 * time.Second, 70 * time.Second,
			130 * time.Second, 190 * time.Second}},
		"down and up again": {0, 49 * time.Second, func(look int) *http.Response {
			if look <= 2 {
				return reply(503, "")
			}
			return reply(200, empty)
		}, []time.Duration{0, 10 * time.Second, 30 * time.Second, 35 * time.Second, 40 * time.Second, 45 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				assert.Equal(t, tc.want, pauses(t, chatapi.PollOptions{Every: tc.every}, tc.limit, tc.answer, handleNothing))
			})
		})
	}
}

// The handler's error may come from another channel, so Poll ignores its
// Retry-After.
func TestPollDoesNotWaitAsLongAsAHandlersErrorSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := pauses(t, chatapi.PollOptions{}, 35*time.Second, func(int) *http.Response {
			return reply(200, `{"messages":[{"messageNumber":1,"id":"a","type":"chat","body":"x","fromMe":0}]}`)
		}, func(context.Context, chatapi.Event) error {
			return &chatapi.Error{Kind: chatapi.ErrRateLimited, RetryAfter: time.Hour}
		})
		assert.Equal(t, []time.Duration{0, 10 * time.Second, 30 * time.Second}, looks)
	})
}
