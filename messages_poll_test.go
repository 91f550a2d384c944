package chatapi_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// Poll passes every message to the handler in order, whatever fails and whenever
// Poll starts again.
func TestPollLosesNothing(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			s := &store{}
			next := 0
			arrive := func() {
				for range max(0, random.IntN(400)-280) { // often zero, sometimes more than a page
					next += 1 + random.IntN(5)
					s.add(next, random.IntN(2), time.Now(), "text")
				}
			}
			trouble := true
			s.fail = func(int) *http.Response {
				arrive()
				s.deaf = trouble && random.IntN(8) == 0
				if !trouble {
					return nil
				}
				switch random.IntN(8) {
				case 0:
					return reply(503, "<html>")
				case 1:
					return reply(200, `{"messages":[{"messageNumber":1,`)
				case 2:
					return reply(429, `{"error":"slow down"}`)
				case 3:
					return reply(200, `{"messages":[]}`)
				}
				return nil
			}
			var cursor int64
			handled := map[int64]bool{}
			handle := func(_ context.Context, ev chatapi.Event) error {
				number := ev.Info().Number
				if trouble && random.IntN(20) == 0 {
					return errors.New("not now")
				}
				if !handled[number] {
					require.EqualValues(t, s.rows[len(handled)]["messageNumber"], number, "seed %d: out of order", seed)
				}
				handled[number] = true
				if random.IntN(20) == 0 {
					return chatapi.ErrOutcomeUnknown
				}
				return nil
			}
			saved := func(_ context.Context, after int64) error {
				if trouble && random.IntN(30) == 0 {
					return errors.New("disk full")
				}
				require.GreaterOrEqual(t, after, cursor, "seed %d", seed)
				require.True(t, handled[after], "seed %d", seed)
				cursor = after
				return nil
			}
			client := s.client(t)
			run := func(d time.Duration) {
				ctx, cancel := context.WithTimeout(t.Context(), d)
				defer cancel()
				assert.Error(t, client.Messages.Poll(ctx, chatapi.PollOptions{After: cursor, Saved: saved}, handle))
			}
			for range 10 {
				run(time.Duration(random.IntN(60_000)) * time.Millisecond)
			}
			trouble, s.fail, s.deaf = false, nil, false
			run(5 * time.Minute)
			assert.Len(t, handled, len(s.rows), "seed %d", seed)
		})
	}
}

// Poll passes an unreadable row to the handler once, and later rows too.
func TestPollGetsPastWhatItCannotRead(t *testing.T) {
	for name, row := range map[string]string{
		"with a number":    `{"messageNumber":2,"id":{},"fromMe":0,"chatId":"1@c.us"}`,
		"without a number": `17`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, err := chatapi.New("https://api.test/ABC1", opaqueToken, chatapi.WithHTTPClient(&http.Client{
					Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
						if r.URL.Query().Get("lastMessageNumber") >= "3" && name == "with a number" {
							return reply(200, `{"messages":[]}`), nil
						}
						return reply(200, `{"messages":[`+row+`,{"messageNumber":3,"id":"wamid.3","type":"chat","body":"x","fromMe":0,"chatId":"1@c.us"}]}`), nil
					})}))
				require.NoError(t, err)
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				var handled []string
				err = client.Messages.Poll(ctx, chatapi.PollOptions{}, func(_ context.Context, ev chatapi.Event) error {
					handled = append(handled, fmt.Sprintf("%T %d", ev, ev.Info().Number))
					return nil
				})
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Len(t, handled, 2)
				assert.Equal(t, "*chatapi.MessageEvent 3", handled[1])
			})
		})
	}
}

// Poll keeps the pause that the service asks for.
func TestPollWaitsAsLongAsItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looks []time.Duration
		began := time.Now()
		client, err := chatapi.New("https://api.test/ABC1", opaqueToken, chatapi.WithHTTPClient(&http.Client{
			Transport: roundTripper(func(*http.Request) (*http.Response, error) {
				looks = append(looks, time.Since(began))
				resp := reply(429, `{"error":"slow down"}`)
				resp.Header.Set("Retry-After", "300")
				return resp, nil
			})}))
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 11*time.Minute)
		defer cancel()
		err = client.Messages.Poll(ctx, chatapi.PollOptions{}, func(context.Context, chatapi.Event) error { return nil })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, []time.Duration{0, 5 * time.Minute, 10 * time.Minute}, looks)
	})
}

func TestHistoryWithoutAClient(t *testing.T) {
	for _, service := range []chatapi.MessagesService{{}, (&chatapi.Client{}).Messages} {
		for _, err := range service.All(t.Context(), chatapi.HistoryFilter{}) {
			assert.ErrorIs(t, err, chatapi.ErrInvalid)
		}
		assert.ErrorIs(t, service.MarkRead(t.Context(), "wamid.1", false), chatapi.ErrInvalid)
		assert.ErrorIs(t, service.Poll(t.Context(), chatapi.PollOptions{}, func(context.Context, chatapi.Event) error { return nil }), chatapi.ErrInvalid)
	}
	var none context.Context
	assert.ErrorIs(t, answering(t, 200, `{}`).Messages.Poll(none, chatapi.PollOptions{}, nil), chatapi.ErrInvalid)
}

func ExampleMessagesService_Poll() {
	service := roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Query().Get("lastMessageNumber") != "41" {
			return reply(200, `{"messages":[]}`), nil
		}
		return reply(200, `{"messages":[{"messageNumber":42,"id":"wamid.1","type":"chat","body":"Is it ready?","fromMe":0,
			"author":"12025550143@c.us","chatId":"12025550143@c.us","senderName":"Pat"}]}`), nil
	})
	client, err := chatapi.New("https://api.test/ABC1", "t0ken-of-ABC1", chatapi.WithHTTPClient(&http.Client{Transport: service}))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	err = client.Messages.Poll(ctx, chatapi.PollOptions{
		After: 41, // from your store
		Saved: func(_ context.Context, after int64) error {
			fmt.Println("handled up to", after) // into your store
			cancel()                            // only here: the example ends
			return nil
		},
	}, func(_ context.Context, e chatapi.Event) error {
		if e, ok := e.(*chatapi.MessageEvent); ok {
			fmt.Printf("%s wrote: %s\n", e.From.Name, e.Text)
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// Pat wrote: Is it ready?
	// handled up to 42
	// context canceled
}
