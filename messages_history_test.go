package chatapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// store answers GET /messages like the service.
type store struct {
	rows []map[string]any

	// deaf ignores the cursor, as a faulty server would.
	deaf bool

	fail func(look int) *http.Response
	seen []string // one for each request
}

func (s *store) add(number int, ours int, at time.Time, text string) {
	s.rows = append(s.rows, map[string]any{"messageNumber": number, "id": fmt.Sprintf("wamid.%d", number), "type": "chat", "body": text,
		"fromMe": ours, "time": at.Unix(), "author": "12025550143@c.us", "chatId": "12025550143@c.us"})
}

func (s *store) addFile(number int, at time.Time, caption string) {
	s.add(number, 1, at, "https://files.example.com/slip.pdf")
	s.rows[len(s.rows)-1]["type"], s.rows[len(s.rows)-1]["caption"] = "document", caption
}

// spoilt adds an unreadable row.
func (s *store) spoilt(number int) {
	s.rows = append(s.rows, map[string]any{"messageNumber": number, "id": map[string]any{}, "fromMe": 1, "chatId": "12025550143@c.us"})
}

func (s *store) RoundTrip(r *http.Request) (*http.Response, error) {
	query := r.URL.Query()
	query.Del("token")
	if s.seen = append(s.seen, query.Encode()); len(s.seen) > tooMany {
		return reply(401, `{"error":"too many"}`), nil
	}
	if s.fail != nil {
		if resp := s.fail(len(s.seen)); resp != nil {
			return resp, nil
		}
	}
	after, _ := strconv.Atoi(query.Get("lastMessageNumber"))
	limit, _ := strconv.Atoi(query.Get("limit"))
	page := []map[string]any{}
	for _, row := range s.rows {
		if (s.deaf || row["messageNumber"].(int) > after) && len(page) < limit {
			page = append(page, row)
		}
	}
	data, err := json.Marshal(map[string]any{"messages": page})
	return reply(200, string(data)), err
}

func (s *store) client(t *testing.T) *chatapi.Client {
	t.Helper()
	client, err := chatapi.New("https://api.test/ABC1", opaqueToken, chatapi.WithHTTPClient(&http.Client{Transport: s}))
	require.NoError(t, err)
	return client
}

func TestHistoryIsReadForward(t *testing.T) {
	s := &store{}
	began := time.Unix(1795000000, 0)
	var want []int64
	for i := 1; i <= 250; i++ {
		number := 7 * i // a chat skips numbers
		s.add(number, i%2, began.Add(time.Duration(i)*time.Second), "text")
		want = append(want, int64(number))
	}
	assert.Equal(t, want, numbers(t, s.client(t), chatapi.HistoryFilter{}))
	assert.Equal(t, []string{"lastMessageNumber=0&limit=100", "lastMessageNumber=700&limit=100", "lastMessageNumber=1400&limit=100"}, s.seen)

	s.seen = nil
	bounded := chatapi.HistoryFilter{Chat: "12025550143@c.us", After: 14, From: began.Add(4 * time.Second), To: began.Add(6 * time.Second)}
	assert.Equal(t, []int64{28, 35, 42}, numbers(t, s.client(t), bounded), "bounds hold even where the service ignores them")
	assert.Equal(t, "chatId=12025550143%40c.us&lastMessageNumber=14&limit=100&max_time=1795000006&min_time=1795000004", s.seen[0])

	for ev := range s.client(t).Messages.All(t.Context(), chatapi.HistoryFilter{}) {
		assert.IsType(t, &chatapi.EchoEvent{}, ev)
		break // a loop may stop early
	}
}

func TestHistoryDoesNotLoopForEver(t *testing.T) {
	s := &store{deaf: true}
	for i := 1; i <= 300; i++ {
		s.add(i, 0, time.Unix(1795000000, 0), "text")
	}
	assert.Len(t, numbers(t, s.client(t), chatapi.HistoryFilter{}), 100)
	assert.Len(t, s.seen, 2)
}

func TestHistoryKeepsWhatItCannotRead(t *testing.T) {
	client := answering(t, 200, `{"messages":[{"messageNumber":1,"id":"a","type":"chat","body":"x","fromMe":0,"chatId":"1@c.us"},17,{"messageNumber":2,"id":{},"fromMe":0,"chatId":"1@c.us"}]}`)
	kinds := map[string]int{}
	for ev, err := range client.Messages.All(t.Context(), chatapi.HistoryFilter{}) {
		require.NoError(t, err)
		kinds[fmt.Sprintf("%T", ev)]++
		assert.NotEmpty(t, ev.Info().Raw)
	}
	assert.Equal(t, map[string]int{"*chatapi.MessageEvent": 2, "*chatapi.UnknownEvent": 1}, kinds)
}

func TestHistoryOfAChatTakesAChatID(t *testing.T) {
	client := offline(t)
	for _, err := range client.Messages.All(t.Context(), chatapi.HistoryFilter{Chat: "+1 202 555 0143"}) {
		wrongField(t, err, chatapi.ErrInvalid, "Chat")
		return
	}
	t.Error("nothing was said about the wrong chat id")
}

func TestHistoryOff(t *testing.T) {
	client := answering(t, 200, `{"messages":[],"notice":"Message history is not stored for this channel"}`)
	for _, err := range client.Messages.All(t.Context(), chatapi.HistoryFilter{}) {
		require.ErrorIs(t, err, chatapi.ErrHistoryOff)
	}
	resolution, err := client.Resolve(t.Context(), chatapi.Attempt{Channel: "ABC1", To: chatapi.Phone("12025550143"), Started: time.Now()})
	assert.ErrorIs(t, err, chatapi.ErrHistoryOff)
	assert.Equal(t, chatapi.OutcomeUnknown, resolution.Outcome)
}

func TestPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		for i := 1; i <= 3; i++ {
			s.add(i, 0, time.Now(), fmt.Sprint("text ", i))
		}
		s.fail = func(look int) *http.Response {
			if look >= 3 && look <= 5 { // three attempts of one read
				return reply(502, "<html>")
			}
			return nil
		}
		var handled []string
		var saved []int64
		var reported []error
		failing := true
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		err := s.client(t).Messages.Poll(ctx, chatapi.PollOptions{
			Saved:  func(_ context.Context, after int64) error { saved = append(saved, after); return nil },
			Errors: func(_ context.Context, err error) { reported = append(reported, err) },
		}, func(_ context.Context, ev chatapi.Event) error {
			message := ev.(*chatapi.MessageEvent)
			assert.False(t, message.Received.IsZero())
			if message.Text == "text 2" && failing {
				failing = false
				return fmt.Errorf("wrapped: %w", chatapi.ErrUnauthorized) // an error of the handler never ends Poll
			}
			handled = append(handled, message.Text)
			if message.Text == "text 3" {
				s.add(4, 0, time.Now(), "text 4")
				return chatapi.ErrOutcomeUnknown // is reported, and the message not repeated
			}
			return nil
		})
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, []string{"text 1", "text 2", "text 3", "text 4"}, handled)
		assert.Equal(t, []int64{1, 2, 3, 4}, saved)
		require.Len(t, reported, 3)
		assert.ErrorIs(t, reported[0], chatapi.ErrUnauthorized)
		assert.ErrorIs(t, reported[1], chatapi.ErrOutcomeUnknown)
		assert.ErrorIs(t, reported[2], chatapi.ErrUnavailable)
	})
}

func TestPollEnds(t *testing.T) {
	handler := func(context.Context, chatapi.Event) error { return nil }
	err := answering(t, 401, `{"error":"invalid or expired token"}`).Messages.Poll(t.Context(), chatapi.PollOptions{}, handler)
	assert.ErrorIs(t, err, chatapi.ErrUnauthorized)
	err = answering(t, 200, `{"messages":[]}`).Messages.Poll(t.Context(), chatapi.PollOptions{}, nil)
	assert.ErrorIs(t, err, chatapi.ErrInvalid)

	s := &store{}
	s.add(1, 0, time.Now(), "text")
	full := errors.New("disk full")
	err = s.client(t).Messages.Poll(t.Context(), chatapi.PollOptions{Saved: func(context.Context, int64) error { return full }}, handler)
	assert.Equal(t, full, err)
}

func TestMarkRead(t *testing.T) {
	var body string
	client, err := chatapi.New("https://api.test/ABC1", opaqueToken, chatapi.WithHTTPClient(&http.Client{
		Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			var b strings.Builder
			_, _ = fmt.Fprint(&b, r.URL.Path, " ")
			data := make([]byte, 200)
			n, _ := r.Body.Read(data)
			body = b.String() + string(data[:n])
			return reply(200, `{"result":"success"}`), nil
		})}))
	require.NoError(t, err)
	require.NoError(t, client.Messages.MarkRead(t.Context(), "wamid.1", true))
	assert.Equal(t, `/ABC1/readMessage {"messageId":"wamid.1","typingIndicator":true}`, body)
	assert.ErrorIs(t, client.Messages.MarkRead(t.Context(), "", false), chatapi.ErrInvalid)
}

// Each history decides the outcome of a send whose reply was lost.
func TestResolve(t *testing.T) {
	text := func(body string) chatapi.Message { return chatapi.Text{Body: body} }
	slip := chatapi.File{Media: chatapi.MediaURL("https://shop.example.com/slip.pdf"), Name: "slip.pdf", Caption: "hello"}
	for _, tc := range []struct {
		name    string
		message chatapi.Message
		stored  func(s *store, started time.Time)
		wait    time.Duration
		outcome chatapi.Outcome
	}{
		{"the message is there", text("hello"), func(s *store, at time.Time) { s.add(1, 1, at, "hello") }, 0, chatapi.OutcomeAccepted},
		{"beside other messages", text("hello"), func(s *store, at time.Time) {
			s.add(1, 0, at, "hello") // a message of the customer
			s.add(2, 1, at, "hello Ann")
			s.add(3, 1, at.Add(time.Second), "hello")
		}, 0, chatapi.OutcomeAccepted},
		{"not yet", text("hello"), func(*store, time.Time) {}, 30 * time.Second, chatapi.OutcomeUnknown},
		{"not after a minute", text("hello"), func(*store, time.Time) {}, time.Minute, chatapi.OutcomeNotFound},
		{"only other texts", text("hello"), func(s *store, at time.Time) { s.add(1, 1, at, "bye") }, time.Minute, chatapi.OutcomeNotFound},
		{"the message is there twice", text("hello"), func(s *store, at time.Time) { s.add(1, 1, at, "hello"); s.add(2, 1, at, "hello") }, time.Minute, chatapi.OutcomeUnknown},
		{"just before, as clocks may differ", text("hello"), func(s *store, at time.Time) { s.add(1, 1, at.Add(-time.Minute), "hello") }, time.Minute, chatapi.OutcomeUnknown},
		{"long before", text("hello"), func(s *store, at time.Time) { s.add(1, 1, at.Add(-time.Hour), "hello") }, time.Minute, chatapi.OutcomeNotFound},
		{"beside an unreadable row", text("hello"), func(s *store, at time.Time) { s.add(1, 1, at, "hello"); s.spoilt(2) }, time.Minute, chatapi.OutcomeAccepted},
		{"an unreadable row may be the message", text("hello"), func(s *store, _ time.Time) { s.spoilt(1) }, time.Minute, chatapi.OutcomeUnknown},
		{"the same text under a file", text("hello"), func(s *store, at time.Time) { s.addFile(1, at, "hello") }, time.Minute, chatapi.OutcomeUnknown},
		{"a file by its caption", slip, func(s *store, at time.Time) { s.addFile(1, at, "hello") }, 0, chatapi.OutcomeAccepted},
		{"a file with another caption", slip, func(s *store, at time.Time) { s.addFile(1, at, "bye") }, time.Minute, chatapi.OutcomeNotFound},
		{"a caption as a text", slip, func(s *store, at time.Time) { s.add(1, 1, at, "hello") }, time.Minute, chatapi.OutcomeUnknown},
		{"a template, and something is there", chatapi.Template{Name: "a", Language: "en"}, func(s *store, at time.Time) { s.add(1, 1, at, "Hello") }, time.Minute, chatapi.OutcomeUnknown},
		{"a template, and nothing is there", chatapi.Template{Name: "a", Language: "en"}, func(*store, time.Time) {}, time.Minute, chatapi.OutcomeNotFound},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &store{}
				client, err := chatapi.New("https://api.test/ABC1", opaqueToken, chatapi.WithHTTPClient(&http.Client{
					Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
						if r.Method == http.MethodPost {
							return nil, errors.New("the line is dead")
						}
						return s.RoundTrip(r)
					})}))
				require.NoError(t, err)
				_, err = client.Send(t.Context(), chatapi.Phone("12025550143"), tc.message)
				var e *chatapi.Error
				require.ErrorAs(t, err, &e)
				require.ErrorIs(t, err, chatapi.ErrOutcomeUnknown)
				require.NotNil(t, e.Attempt)
				tc.stored(s, e.Attempt.Started)
				time.Sleep(tc.wait)
				stored, err := json.Marshal(e.Attempt) // another process may resolve it
				require.NoError(t, err)
				var attempt chatapi.Attempt
				require.NoError(t, json.Unmarshal(stored, &attempt))
				resolution, err := client.Resolve(t.Context(), attempt)
				require.NoError(t, err)
				assert.Equal(t, tc.outcome, resolution.Outcome, resolution.Why)
				assert.NotEmpty(t, resolution.Why)
				assert.Equal(t, tc.outcome == chatapi.OutcomeAccepted, resolution.ID != "")
			})
		})
	}
}

func TestResolveRefusesWhatItCannotKnow(t *testing.T) {
	client := answering(t, 200, `{"messages":[]}`)
	_, err := client.Resolve(t.Context(), chatapi.Attempt{})
	assert.ErrorIs(t, err, chatapi.ErrInvalid)
	_, err = client.Resolve(t.Context(), chatapi.Attempt{Channel: "ABC2", Started: time.Now()})
	assert.ErrorIs(t, err, chatapi.ErrWrongChannel)
	resolution, err := client.Resolve(t.Context(), chatapi.Attempt{Channel: "ABC1", To: chatapi.Username("ann"), Started: time.Now()})
	require.NoError(t, err)
	assert.Equal(t, chatapi.OutcomeUnknown, resolution.Outcome)
}
