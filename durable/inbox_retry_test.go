package durable_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
)

var errHandler = errors.New("the other system is down")

func failsFor(key string, err error) func(context.Context, chatapi.Event, *durable.Work) error {
	return func(_ context.Context, e chatapi.Event, _ *durable.Work) error {
		if e.Key() == key {
			return err
		}
		return nil
	}
}

// pauses returns the times between the calls, in seconds.
func (h *handled) pauses() (seconds []int) {
	for n := range h.at[1:] {
		seconds = append(seconds, int(h.at[n+1].Sub(h.at[n]).Round(time.Second).Seconds()))
	}
	return seconds
}

func TestRetriesThenDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &handled{do: failsFor("message/a", errHandler)}
		b := openBox(t, t.TempDir(), h.handle, durable.Retries(durable.RetryPolicy{Attempts: 8}))
		b.accept(chatMessage("a", phoneOf(1), "x"), chatMessage("b", phoneOf(1), "x"), chatMessage("c", phoneOf(2), "x"))
		time.Sleep(2 * time.Second)
		assert.ElementsMatch(t, []string{phoneOf(2) + " message/c"}, b.effects(), "another chat does not wait")
		time.Sleep(10 * time.Hour)
		synctest.Wait()
		assert.Contains(t, h.all(), "message/c 1")
		assert.Equal(t, "message/a 8", h.all()[len(h.all())-2])
		assert.Equal(t, "message/b 1", h.all()[len(h.all())-1], "the chat goes on")
		assert.Equal(t, []int{1, 5, 25, 125, 625, 3125, 3600, 0}, h.pauses()[1:])
		letters := b.letters()
		require.Len(t, letters, 1)
		l := letters[0]
		assert.Equal(t, "message/a", l.Key)
		assert.Equal(t, boxChannel, l.Channel)
		assert.Equal(t, "phone:"+phoneOf(1), l.Chat)
		assert.Equal(t, 8, l.Attempts)
		assert.Equal(t, errHandler.Error(), l.Reason)
		assert.Equal(t, 7506*time.Second, l.Died.Sub(l.Accepted).Round(time.Second))
		e, err := l.Event(context.Background())
		require.NoError(t, err)
		assert.Equal(t, "message/a", e.Key())
		health, err := b.Health(context.Background())
		require.NoError(t, err)
		assert.Equal(t, durable.Health{Ready: true, Store: "sqlite", Dead: 1, Stuck: []string{},
			Sentence: "1 event failed for good; list them with Inbox.Dead, then replay or discard them."}, health)
		require.NoError(t, b.stop())
	})
}

func TestRetriesSurviveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		h := &handled{do: failsFor("message/a", errHandler)}
		b := openBox(t, dir, h.handle)
		b.accept(chatMessage("a", phoneOf(1), "x"))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.NoError(t, b.stop())
		assert.Equal(t, []string{"message/a 1", "message/a 2", "message/a 3"}, h.all())
		b = openBox(t, dir, h.handle)
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Len(t, h.all(), 3, "the pause goes on")
		b.accept(chatMessage("b", phoneOf(1), "x"))
		time.Sleep(30 * time.Second)
		synctest.Wait()
		assert.Equal(t, []string{"message/a 4"}, h.all()[3:], "a new event of the chat waits too")
		require.NoError(t, b.stop())
	})
}

func TestDeferAndRetryLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		adapter := durable.Events(func(_ context.Context, e chatapi.Event) error {
			switch calls++; {
			case calls <= 12:
				return fmt.Errorf("busy: %w", chatapi.RetryLater(3*time.Hour, nil))
			case calls == 13:
				return errHandler
			}
			return nil
		})
		h := &handled{do: adapter}
		b := openBox(t, t.TempDir(), h.handle)
		b.accept(chatMessage("a", phoneOf(1), "x"), chatMessage("b", phoneOf(1), "x"))
		time.Sleep(100 * time.Hour)
		synctest.Wait()
		all := h.all()
		assert.Equal(t, []string{"message/a 1", "message/a 2", "message/b 1"}, all[12:], "deferring is no attempt")
		assert.Len(t, b.effects(), 2, "nothing of a deferred handler is committed")
		assert.Equal(t, 3*3600, h.pauses()[0])
		assert.Empty(t, b.letters())
		require.NoError(t, b.stop())
	})
}

func TestUnknownOutcomeOfAnAdapterIsDone(t *testing.T) {
	err := durable.Events(func(context.Context, chatapi.Event) error { return &chatapi.Error{Kind: chatapi.ErrOutcomeUnknown} })(
		context.Background(), nil, &durable.Work{})
	assert.NoError(t, err)
	assert.Nil(t, durable.Events(nil))
}

func TestDeadReplayDiscard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		var mended atomic.Bool
		h := &handled{do: func(_ context.Context, e chatapi.Event, _ *durable.Work) error {
			if m := e.(*chatapi.MessageEvent); m.Text == "bad" && !mended.Load() {
				return fmt.Errorf("no such order: %w", durable.ErrDead)
			}
			return nil
		}}
		b := openBox(t, t.TempDir(), h.handle)
		b.accept(chatMessage("a", phoneOf(1), "bad"), chatMessage("b", phoneOf(1), "good"), chatMessage("c", phoneOf(2), "bad"), chatMessage("d", phoneOf(3), "bad"))
		synctest.Wait()
		letters := b.letters()
		require.Len(t, letters, 3)
		assert.Equal(t, "no such order: durable: do not try again", letters[0].Reason)
		assert.Equal(t, 1, letters[0].Attempts)
		var some []string
		for l, err := range b.Inbox.Dead(ctx, durable.DeadFilter{Channel: "abc100000001", Chat: "phone:" + phoneOf(2), After: letters[0].ID}) {
			require.NoError(t, err)
			some = append(some, l.Key)
		}
		assert.Equal(t, []string{"message/c"}, some)

		n, err := b.Inbox.Replay(ctx, letters[0].ID, letters[0].ID, 999)
		assert.Equal(t, 1, n)
		require.NoError(t, err)
		synctest.Wait()
		assert.Equal(t, 2, b.letters()[0].Attempts, "it failed again")
		mended.Store(true)
		n, err = b.Inbox.Replay(ctx, letters[0].ID, letters[1].ID)
		assert.Equal(t, 2, n)
		require.NoError(t, err)
		synctest.Wait()
		n, err = b.Inbox.Discard(ctx, letters[2].ID, letters[0].ID)
		assert.Equal(t, 1, n)
		require.NoError(t, err)
		assert.Empty(t, b.letters())
		assert.Len(t, b.effects(), 3)
		n, err = b.Inbox.Replay(ctx)
		assert.Zero(t, n)
		require.NoError(t, err)
		require.NoError(t, b.stop())
	})
}

func TestPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &handled{do: func(_ context.Context, e chatapi.Event, w *durable.Work) error {
			if e.Key() == "message/a" {
				panic("no such plan")
			}
			if e.Key() == "message/b" {
				return w.InTx(func(context.Context, durable.Tx) error { panic("no such table") })
			}
			return nil
		}}
		b := openBox(t, t.TempDir(), h.handle, durable.Retries(durable.RetryPolicy{Attempts: 2}))
		b.accept(chatMessage("a", phoneOf(1), "x"), chatMessage("b", phoneOf(1), "x"), chatMessage("c", phoneOf(1), "x"))
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, []string{"message/a 1", "message/a 2", "message/b 1", "message/b 2", "message/c 1"}, h.all())
		letters := b.letters()
		require.Len(t, letters, 2)
		assert.True(t, strings.HasPrefix(letters[0].Reason, "panic: no such plan\n"), letters[0].Reason)
		assert.True(t, strings.HasPrefix(letters[1].Reason, "panic: no such table\n"), letters[1].Reason)
		assert.Equal(t, []string{phoneOf(1) + " message/c"}, b.effects())
		require.NoError(t, b.stop())
	})
}

func TestHandlerThatIgnoresItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var late []error
		h := &handled{}
		h.do = func(ctx context.Context, e chatapi.Event, w *durable.Work) error {
			if e.Key() != "message/a" || w.Attempt > 1 {
				return nil
			}
			<-release
			_, err := w.Send(chatapi.Phone("+12025550101"), chatapi.Text{Body: "late"})
			late = append(late, err, w.InTx(func(context.Context, durable.Tx) error { return nil }))
			w.Defer(time.Now().Add(time.Hour))
			return nil
		}
		b := openBox(t, t.TempDir(), h.handle)
		b.accept(chatMessage("a", phoneOf(1), "x"), chatMessage("b", phoneOf(1), "x"), chatMessage("c", phoneOf(2), "x"))
		time.Sleep(time.Hour)
		synctest.Wait()
		health, err := b.Health(context.Background())
		require.NoError(t, err)
		assert.Equal(t, []string{"ABC100000001 phone:" + phoneOf(1)}, health.Stuck)
		assert.Equal(t, durable.Depth{Waiting: 2, Oldest: time.Hour}, health.Inbox)
		assert.ElementsMatch(t, []string{"message/a 1", "message/c 1"}, h.all(), "its chat waits for it")
		close(release)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Len(t, late, 2)
		assert.ErrorContains(t, late[0], "the message is not planned: the handler took longer than RetryPolicy.Timeout allows")
		assert.ErrorContains(t, late[1], "the writes are dropped: the handler took longer")
		assert.Equal(t, []string{"message/a 2", "message/b 1"}, h.all()[2:])
		assert.Len(t, b.effects(), 3)
		require.NoError(t, b.stop())
	})
}

// A handler that heeds its context may return before its end is noticed.
func TestReasonOfAHandlerThatEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &handled{do: func(ctx context.Context, _ chatapi.Event, _ *durable.Work) error {
			for range 10000 { // so many that the inbox hears of the end after the handler
				context.AfterFunc(ctx, func() {})
			}
			<-ctx.Done()
			return ctx.Err()
		}}
		const all = 10
		b := openBox(t, t.TempDir(), h.handle, durable.Workers(all), durable.Retries(durable.RetryPolicy{Attempts: 1, Timeout: time.Second}))
		for n := range all {
			b.accept(chatMessage(fmt.Sprint(n), phoneOf(n), "x"))
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		letters := b.letters()
		require.Len(t, letters, all)
		for _, l := range letters {
			require.Equal(t, "the handler took longer than RetryPolicy.Timeout allows", l.Reason)
		}
		require.NoError(t, b.stop())
	})
}

func TestManyChatsInBackoffHideNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &handled{do: func(_ context.Context, e chatapi.Event, _ *durable.Work) error {
			if e.(*chatapi.MessageEvent).Text == "bad" {
				return errHandler
			}
			return nil
		}}
		dir := t.TempDir()
		policy := durable.Retries(durable.RetryPolicy{Delay: func(int) time.Duration { return 1000 * time.Hour }})
		b := openBox(t, dir, h.handle, policy)
		for chunk := range manyChats / 1000 {
			var bad []string
			for n := range 1000 {
				bad = append(bad, chatMessage(fmt.Sprintf("%d-%d", chunk, n), fmt.Sprintf("1202555%d%03d", chunk, n), "bad"))
			}
			b.accept(bad...)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		require.NoError(t, b.stop())
		require.Len(t, h.all(), manyChats)

		b = openBox(t, dir, h.handle, policy)
		b.accept(chatMessage("good", "12125550199", "good"))
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, []string{"message/good 1"}, h.all()[manyChats:])
		require.NoError(t, b.stop())
	})
}

func TestTheClockJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ahead atomic.Int64
		changed := make(chan struct{})
		now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		var fails atomic.Bool
		fails.Store(true)
		h := &handled{do: func(context.Context, chatapi.Event, *durable.Work) error {
			if fails.Load() {
				return errHandler
			}
			return nil
		}}
		b := openBox(t, t.TempDir(), h.handle, durable.Clock(now, changed),
			durable.Retries(durable.RetryPolicy{Delay: func(int) time.Duration { return 48 * time.Hour }}))
		b.accept(chatMessage("a", phoneOf(1), "x"))
		synctest.Wait()
		fails.Store(false)
		ahead.Store(int64(49 * time.Hour))
		changed <- struct{}{}
		synctest.Wait()
		assert.Equal(t, []string{"message/a 1", "message/a 2"}, h.all())
		require.NoError(t, b.stop())
	})
}
