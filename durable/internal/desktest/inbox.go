package desktest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/internal/storetest"
)

// opened opens a store that is closed with the test.
func opened(t *testing.T, open func() (store.Store, func() error)) store.Store {
	t.Helper()
	s, closeStore := open()
	t.Cleanup(func() { assert.NoError(t, closeStore()) })
	return s
}

var quick = durable.Retries(durable.RetryPolicy{Attempts: 3, Delay: func(int) time.Duration { return time.Millisecond }})

func chatsInOrder(t *testing.T, fresh storetest.Fresh) {
	var running, most atomic.Int32
	var perChat sync.Map
	b := Open(t, opened(t, fresh(t)), chatapi.NewChannels(), func(ctx context.Context, e chatapi.Event, w *durable.Work) error {
		most.Store(max(most.Load(), running.Add(1)))
		defer running.Add(-1)
		phone := e.(*chatapi.MessageEvent).From.Phone
		if _, twice := perChat.LoadOrStore(phone, true); twice {
			t.Error("a chat has two handlers at once")
		}
		time.Sleep(time.Millisecond)
		perChat.Delete(phone)
		return Effect(ctx, e, w)
	}, durable.Workers(8))
	const chats, each = 15, 15
	var senders sync.WaitGroup
	for chat := range chats {
		senders.Go(func() {
			for n := range each {
				b.Accept(Message(fmt.Sprintf("%d-%02d", chat, n), chat, "x"))
			}
		})
	}
	senders.Wait()
	b.Empty()
	for chat := range chats {
		keys := Effects(t, b.Store, Phone(chat))
		assert.Len(t, keys, each)
		assert.True(t, slices.IsSorted(keys), keys)
	}
	assert.Greater(t, most.Load(), int32(1))
	assert.LessOrEqual(t, most.Load(), int32(8))
	b.Clean()
}

func duplicates(t *testing.T, fresh storetest.Fresh) {
	open := fresh(t)
	s, closeStore := open()
	b := Open(t, s, chatapi.NewChannels(), nil)
	var at sync.WaitGroup
	for range 8 {
		at.Go(func() { b.Accept(Message("a", 1, "x"), Message("b", 1, "x"), Message("a", 1, "x")) })
	}
	at.Wait()
	b.Empty()
	require.NoError(t, b.Stop())
	require.NoError(t, closeStore())

	b = Open(t, opened(t, open), chatapi.NewChannels(), nil)
	d := Delivery(Message("b", 1, "x"), Message("c", 1, "x"))
	d.Channel = "instanceabc100000001" // another spelling of the channel
	require.NoError(t, b.Inbox.Accept(context.Background(), d))
	b.Empty()
	assert.Equal(t, []string{"a", "b", "c"}, Effects(t, b.Store, Phone(1)))
	b.Clean()
}

func failures(t *testing.T, fresh storetest.Fresh) {
	ctx := context.Background()
	var mended atomic.Bool
	var attempts atomic.Int32
	b := Open(t, opened(t, fresh(t)), chatapi.NewChannels(), func(ctx context.Context, e chatapi.Event, w *durable.Work) error {
		m := e.(*chatapi.MessageEvent)
		if m.Text == "bad" && !mended.Load() {
			attempts.Add(1)
			return errors.New("no such order \x00\xff")
		}
		if m.Text == "later" && w.Attempt == 1 {
			w.Defer(time.Now())
		}
		if m.Text == "panic" {
			panic("no such plan")
		}
		return Effect(ctx, e, w)
	}, quick)
	b.Accept(Message("a", 1, "bad"), Message("b", 1, "good"), Message("c", 2, "panic"), Message("d", 2, "\u0000good\ufffd"))
	b.Empty()
	assert.EqualValues(t, 3, attempts.Load())
	assert.Equal(t, []string{"b"}, Effects(t, b.Store, Phone(1)))
	assert.Equal(t, []string{"d"}, Effects(t, b.Store, Phone(2)))
	letters := b.letters(durable.DeadFilter{})
	require.Len(t, letters, 2)
	assert.Len(t, b.letters(durable.DeadFilter{Channel: "abc100000001", Chat: "phone:" + Phone(2), After: letters[0].ID}), 1)
	e, err := letters[0].Event(ctx)
	require.NoError(t, err)
	assert.Equal(t, letters[0].Key, e.Key())
	health, err := b.Health(ctx)
	require.NoError(t, err)
	assert.Equal(t, 2, health.Dead)

	mended.Store(true)
	n, err := b.Inbox.Replay(ctx, letters[0].ID, letters[1].ID)
	require.NoError(t, err)
	assert.Equal(t, 2, n)
	b.until(func() bool {
		left := b.letters(durable.DeadFilter{})
		return len(left) == 1 && !left[0].Replaying && left[0].Attempts == 4
	})
	assert.Equal(t, []string{"b", "a"}, Effects(t, b.Store, Phone(1)))
	n, err = b.Inbox.Discard(ctx, letters[1].ID)
	require.NoError(t, err)
	assert.Equal(t, 1, n)

	require.NoError(t, b.Inbox.Accept(ctx, Delivery("5", Message("e", 1, "good"))))
	require.Error(t, b.Inbox.Accept(ctx, &chatapi.Delivery{Events: e2(t)}))
	b.Empty()
	b.Clean()
}

func e2(t *testing.T) []chatapi.Event {
	t.Helper()
	return Delivery(Message("x", 1, "x")).Events
}

func (b *Box) letters(f durable.DeadFilter) (all []*durable.Letter) {
	b.t.Helper()
	for l, err := range b.Inbox.Dead(context.Background(), f) {
		require.NoError(b.t, err)
		all = append(all, l)
	}
	return all
}

// writes checks that what a handler writes and plans is there once, or not at all.
func writes(t *testing.T, fresh storetest.Fresh) {
	api, channels := Service(t, 3)
	var failed sync.Map // the messages whose functions failed; a function may run again alone
	b := Open(t, opened(t, fresh(t)), channels, func(ctx context.Context, e chatapi.Event, w *durable.Work) error {
		m := e.(*chatapi.MessageEvent)
		if err := Effect(ctx, e, w); err != nil {
			return err
		}
		if _, err := w.Send(m.AnswerTo(), chatapi.Text{Body: "text of " + m.ID}); err != nil {
			return err
		}
		return w.InTx(func(ctx context.Context, tx durable.Tx) error {
			if w.Attempt > 1 || m.Text == "good" {
				return nil
			}
			failed.Store(m.ID, true)
			if m.Text == "wrong" {
				_, err := tx.Exec(ctx, "INSERT INTO no_such_table VALUES (1)")
				return err
			}
			return errors.New("not yet")
		})
	}, quick)
	b.Accept(Message("a", 0, "good"), Message("b", 0, "bad"), Message("c", 1, "wrong"), Message("d", 2, "good"))
	b.Empty()
	var ids []any
	failed.Range(func(id, _ any) bool { ids = append(ids, id); return true })
	assert.ElementsMatch(t, []any{"b", "c"}, ids)
	assert.Equal(t, []string{"a", "b"}, Effects(t, b.Store, Phone(0)))
	b.until(func() bool { return len(Texts(api)) >= 4 })
	assert.ElementsMatch(t, []string{"a", "b", "c", "d"}, Texts(api))
	// The refusal of the table that is not there is in the log as a failed attempt only.
}
