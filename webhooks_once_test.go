package chatapi_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

func messageOf(channel chatapi.ChannelID, id string) *chatapi.MessageEvent {
	e := &chatapi.MessageEvent{}
	e.Channel, e.ID = channel, id
	return e
}

func TestOnceHandlesAnEventOnce(t *testing.T) {
	ran := 0
	handle := chatapi.Once(func(context.Context, chatapi.Event) error { ran++; return nil })
	for range 3 {
		require.NoError(t, handle(t.Context(), messageOf("ABC1", "m1")))
	}
	assert.Equal(t, 1, ran)
	require.NoError(t, handle(t.Context(), messageOf("ABC1", "m2")))
	require.NoError(t, handle(t.Context(), messageOf("ABC2", "m1")))
	assert.Equal(t, 3, ran, "another message, and the same id on another channel")
}

func TestOnceRunsAgainAfterAFailure(t *testing.T) {
	for name, test := range map[string]struct {
		first error
		runs  int
	}{
		"an error":           {errors.New("the database is down"), 2},
		"a wish to wait":     {chatapi.RetryLater(time.Second, nil), 2},
		"an unknown outcome": {chatapi.ErrOutcomeUnknown, 1},
		"success":            {nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			ran := 0
			handle := chatapi.Once(func(context.Context, chatapi.Event) error {
				ran++
				if ran == 1 {
					return test.first
				}
				return nil
			})
			assert.Equal(t, test.first, handle(t.Context(), messageOf("ABC1", "m1")))
			assert.NoError(t, handle(t.Context(), messageOf("ABC1", "m1")))
			assert.Equal(t, test.runs, ran)
		})
	}
}

func TestOnceRunsAgainAfterAPanic(t *testing.T) {
	ran := 0
	handle := chatapi.Once(func(context.Context, chatapi.Event) error {
		ran++
		if ran == 1 {
			panic("oops")
		}
		return nil
	})
	assert.PanicsWithValue(t, "oops", func() { _ = handle(t.Context(), messageOf("ABC1", "m1")) })
	assert.NoError(t, handle(t.Context(), messageOf("ABC1", "m1")))
	assert.Equal(t, 2, ran)
}

// Both deliveries come at the same time: the second waits for the first.
func TestOnceWaitsForTheRunningDelivery(t *testing.T) {
	for name, first := range map[string]error{"which succeeds": nil, "which fails": errors.New("down")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ran, atOnce := 0, 0
				handle := chatapi.Once(func(context.Context, chatapi.Event) error {
					ran++
					atOnce++
					assert.Equal(t, 1, atOnce)
					time.Sleep(time.Second)
					atOnce--
					if ran == 1 {
						return first
					}
					return nil
				})
				errs := make(chan error, 2)
				for range 2 {
					go func() { errs <- handle(t.Context(), messageOf("ABC1", "m1")) }()
				}
				got := []error{<-errs, <-errs}
				if first == nil {
					assert.Equal(t, []error{nil, nil}, got)
					assert.Equal(t, 1, ran)
				} else {
					assert.Equal(t, []error{first, nil}, got)
					assert.Equal(t, 2, ran)
				}
			})
		})
	}
}

func TestOnceWaitsNoLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handle := chatapi.Once(func(context.Context, chatapi.Event) error {
			time.Sleep(time.Hour)
			return nil
		})
		go func() { _ = handle(t.Context(), messageOf("ABC1", "m1")) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := handle(ctx, messageOf("ABC1", "m1"))
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "an earlier delivery of the event is still being handled")
		time.Sleep(2 * time.Hour)
	})
}

// Once forgets the oldest events, so its memory is bounded.
func TestOnceRemembersTheLatestEvents(t *testing.T) {
	ran := 0
	handle := chatapi.Once(func(context.Context, chatapi.Event) error { ran++; return nil })
	const events = 300_001
	for i := range events {
		require.NoError(t, handle(t.Context(), messageOf("ABC1", strconv.Itoa(i))))
	}
	for i := events - 100_000; i < events; i++ {
		require.NoError(t, handle(t.Context(), messageOf("ABC1", strconv.Itoa(i))))
	}
	assert.Equal(t, events, ran, "the latest 100,000 are known")
	require.NoError(t, handle(t.Context(), messageOf("ABC1", "0")))
	assert.Equal(t, events+1, ran, "the first is forgotten")
}

func TestOnceWithoutAFunction(t *testing.T) {
	handler := chatapi.NewWebhookHandler(chatapi.Once(nil), chatapi.WebhookSecret("s3cret"))
	assert.ErrorIs(t, handler.Err(), chatapi.ErrInvalid)
}

// Two spellings of a channel's id do not make two events of one.
func TestFaultD2OnceKnowsEverySpellingOfAChannel(t *testing.T) {
	for first, second := range map[chatapi.ChannelID]chatapi.ChannelID{"ABC1": "abc1", "100001": "instance100001", "Instance100002": " 100002"} {
		runs := 0
		handle := chatapi.Once(func(context.Context, chatapi.Event) error { runs++; return nil })
		for _, channel := range []chatapi.ChannelID{first, second, "ABC9"} {
			status := &chatapi.StatusEvent{EventInfo: chatapi.EventInfo{Channel: channel}, MessageID: "m1", Status: chatapi.StatusRead}
			require.NoError(t, handle(t.Context(), status))
		}
		assert.Equal(t, 2, runs, "%q and %q are one channel", first, second)
	}
}
