package desktest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/internal/storetest"
)

// hostileHandlers checks that a handler costs its own chat at most, whatever it does.
func hostileHandlers(t *testing.T, fresh storetest.Fresh) {
	release := make(chan struct{})
	b := Open(t, opened(t, fresh(t)), chatapi.NewChannels(), func(ctx context.Context, e chatapi.Event, w *durable.Work) error {
		switch text := e.(*chatapi.MessageEvent).Text; text {
		case "panic":
			panic("no such plan")
		case "goexit":
			runtime.Goexit()
		case "blocks":
			<-ctx.Done()
			return ctx.Err()
		case "ignores":
			if w.Attempt == 1 {
				<-release
			}
		}
		return Effect(ctx, e, w)
	}, durable.Workers(3), durable.Retries(durable.RetryPolicy{Attempts: 3, Timeout: time.Second,
		Delay: func(int) time.Duration { return time.Millisecond }}))
	const good = 40
	messages := []string{Message("p", 0, "panic"), Message("g", 1, "goexit"), Message("b", 2, "blocks"), Message("i", 3, "ignores")}
	for n := range 4 {
		messages = append(messages, Message("after "+fmt.Sprint(n), n, "good"))
	}
	for n := range good {
		messages = append(messages, Message(fmt.Sprint(n), 4+n, "good"))
	}
	b.Accept(messages...)
	b.until(func() bool {
		return len(b.letters(durable.DeadFilter{})) == 3 && len(Effects(t, b.Store, Phone(3+good))) == 1
	})
	var stuck []string
	b.until(func() bool { // one that heeds its context is stuck for the moment until it returns
		health, err := b.Health(context.Background())
		require.NoError(t, err)
		stuck = health.Stuck
		return len(stuck) == 1
	})
	assert.Equal(t, []string{string(Channel) + " phone:" + Phone(3)}, stuck)
	close(release)
	b.Empty()
	for n := range good {
		assert.Len(t, Effects(t, b.Store, Phone(4+n)), 1)
	}
	for n, want := range [][]string{{"after 0"}, {"after 1"}, {"after 2"}, {"i", "after 3"}} {
		assert.Equal(t, want, Effects(t, b.Store, Phone(n)))
	}
	var reasons []string
	for _, l := range b.letters(durable.DeadFilter{}) {
		reason, _, _ := strings.Cut(l.Reason, "\n")
		reasons = append(reasons, reason)
		assert.Equal(t, 3, l.Attempts)
	}
	assert.ElementsMatch(t, []string{"panic: no such plan", "the handler took longer than RetryPolicy.Timeout allows",
		"the function ended its goroutine (runtime.Goexit, as require.NoError does) instead of returning an error"}, reasons)
	require.NoError(t, b.Stop(), "no worker is lost")
}

// hostileFunctions checks the same of functions inside a transaction.
func hostileFunctions(t *testing.T, fresh storetest.Fresh) {
	api, channels := Service(t, 3)
	b := Open(t, opened(t, fresh(t)), channels, func(ctx context.Context, e chatapi.Event, w *durable.Work) error {
		if err := Effect(ctx, e, w); err != nil {
			return err
		}
		return w.InTx(func(context.Context, durable.Tx) error {
			switch e.(*chatapi.MessageEvent).Text {
			case "panic":
				panic("no such plan")
			case "goexit":
				runtime.Goexit()
			}
			return nil
		})
	}, quick)
	var calls sync.Map
	b.Outbox.OnChange(func(_ context.Context, _ durable.Tx, q *durable.Queued) error {
		switch _, again := calls.LoadOrStore(q.Key, true); {
		case again:
		case q.Key == "panic":
			panic("no such plan")
		case q.Key == "goexit":
			runtime.Goexit()
		}
		return nil
	})
	b.Accept(Message("p", 0, "panic"), Message("g", 1, "goexit"), Message("x", 0, "good"), Message("y", 1, "good"))
	for n, key := range []string{"panic", "goexit", "good"} {
		b.Send(key, To(n))
	}
	b.Empty()
	assert.Equal(t, []string{"x"}, Effects(t, b.Store, Phone(0)))
	assert.Equal(t, []string{"y"}, Effects(t, b.Store, Phone(1)))
	assert.Len(t, b.letters(durable.DeadFilter{}), 2)
	for _, key := range []string{"panic", "goexit", "good"} {
		b.Becomes(key, durable.StateSent)
	}
	assert.ElementsMatch(t, []string{"panic", "goexit", "good"}, Texts(api))
}

// foldsFirst checks that a bot that fails for ever holds up neither a stop to advertising,
// nor a status, nor a window.
func foldsFirst(t *testing.T, fresh storetest.Fresh) {
	ctx := context.Background()
	_, channels := Service(t, 1)
	b := Open(t, opened(t, fresh(t)), channels, func(context.Context, chatapi.Event, *durable.Work) error { return errors.New("the bot is ill") },
		durable.Retries(durable.RetryPolicy{Delay: func(int) time.Duration { return time.Hour }}))
	b.Accept(Message("first", 0, "hello"))
	b.Send("k", To(0))
	q := b.Becomes("k", durable.StateSent)
	b.deliver(`{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"user_preferences","value":{"messaging_product":"whatsapp",
		"metadata":{"display_phone_number":"12025550100","phone_number_id":"7"},"user_preferences":[{"wa_id":"` + Phone(0) +
		`","category":"marketing_messages","value":"stop","timestamp":` + fmt.Sprint(time.Now().Unix()) + `}]}}]}]}`)
	b.deliver(`{"instanceId":"` + string(Channel) + `","ack":[{"id":"` + q.MessageID + `","chatId":"` + Phone(0) + `@c.us","status":"delivered"}]}`)
	b.until(func() bool {
		q, err := b.Outbox.Get(ctx, Channel, "k")
		return err == nil && q.Status == chatapi.StatusDelivered
	})
	b.until(func() bool {
		w, err := b.State.Window(ctx, Channel, To(0))
		return err == nil && w.Open(time.Now())
	})
	b.until(func() bool {
		out, err := b.State.OptedOut(ctx, Channel, To(0))
		return err == nil && out
	})
	open, _, err := b.Store.Depth(ctx)
	require.NoError(t, err)
	assert.Equal(t, 3, open, "the handler has done none of them")
}

// deliver stores a body with events.
func (b *Box) deliver(body string) {
	b.t.Helper()
	d := &chatapi.Delivery{Channel: Channel, Received: time.Now(), Body: []byte(body)}
	d.Events, d.Err = chatapi.ParseWebhook(d.Body)
	require.NotEmpty(b.t, d.Events)
	require.NoError(b.t, b.Inbox.Accept(context.Background(), d))
}

// largeBody checks that a body larger than the cap of a group goes alone, and its events
// are worked on.
func largeBody(t *testing.T, fresh storetest.Fresh) {
	b := Open(t, opened(t, fresh(t)), chatapi.NewChannels(), nil)
	const chats, each = 20, 20
	var messages []string
	for n := range chats * each {
		messages = append(messages, Message(fmt.Sprintf("%03d", n), n%chats, strings.Repeat("x", 4<<20/(chats*each)-200)))
	}
	d := Delivery(messages...)
	require.Greater(t, len(d.Body), 3900<<10)
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() { b.Accept(Message(fmt.Sprint("small ", n), chats, "x")) })
	}
	all.Go(func() { assert.NoError(t, b.Inbox.Accept(context.Background(), d)) })
	all.Wait()
	b.Empty()
	for n := range chats {
		keys := Effects(t, b.Store, Phone(n))
		assert.Len(t, keys, each)
		assert.True(t, slices.IsSorted(keys))
	}
	assert.Len(t, Effects(t, b.Store, Phone(chats)), 8)
	assert.Empty(t, b.letters(durable.DeadFilter{}))
	b.Clean()
}

// freeLocks gives a lock to everybody who asks for it.
type freeLocks struct{ store.Store }

func (s freeLocks) Lock(ctx context.Context, name string) (context.Context, func(), error) {
	if !strings.HasPrefix(name, store.SendLock) {
		return s.Store.Lock(ctx, name)
	}
	held, cancel := context.WithCancel(ctx)
	return held, cancel, nil
}

func (s freeLocks) Shared() bool { return true }

// sendersWithoutLock checks that two senders of a channel, as after the lock of one was
// lost with its connection, take different messages and send none twice.
func sendersWithoutLock(t *testing.T, fresh storetest.Fresh) {
	const chats, each = 30, 4
	api, channels := Service(t, chats)
	open := fresh(t)
	s := opened(t, open)
	other := s
	if s.Shared() {
		other = opened(t, open) // as of another program
	}
	first, second := Open(t, freeLocks{s}, channels, nil), Open(t, freeLocks{other}, Channels(t, api), nil)
	for n := range chats * each {
		[]*Box{first, second}[n%2].Send(fmt.Sprintf("%02d-%d", n%chats, n/chats), To(n%chats))
	}
	first.until(func() bool { return len(Texts(api)) >= chats*each })
	for n := range chats * each {
		assert.Equal(t, 1, first.Becomes(fmt.Sprintf("%02d-%d", n%chats, n/chats), durable.StateSent).Attempts)
	}
	texts := Texts(api)
	assert.Len(t, texts, chats*each)
	assert.Len(t, slices.Compact(slices.Sorted(slices.Values(texts))), chats*each)
}

// failing is a store of which every n-th call fails, before or after it was done.
type failing struct {
	store.Store
	every int64
	calls atomic.Int64
	on    atomic.Bool
}

var errFails = errors.New("the database does not answer")

// fails says whether this call fails, and whether before it is done.
func (s *failing) fails() (before, after bool) {
	if !s.on.Load() {
		return false, false
	}
	n := s.calls.Add(1)
	return n%(2*s.every) == 0, n%(2*s.every) == s.every
}

func (s *failing) Update(ctx context.Context, do func(context.Context, store.Tx) error) error {
	before, after := s.fails()
	if before {
		return store.Down{Err: errFails}
	}
	if err := s.Store.Update(ctx, do); err != nil || !after {
		return err
	}
	return store.Down{Err: errFails}
}

func (s *failing) Accept(ctx context.Context, d *store.Delivery) ([]int, error) {
	before, after := s.fails()
	if before {
		return nil, store.Down{Err: errFails}
	}
	if fresh, err := s.Store.Accept(ctx, d); err != nil || !after {
		return fresh, err
	}
	return nil, store.Down{Err: errFails}
}

func (s *failing) Open(ctx context.Context, lane string, limit int) ([]store.Event, error) {
	if before, _ := s.fails(); before {
		return nil, store.Down{Err: errFails}
	}
	return s.Store.Open(ctx, lane, limit)
}

func (s *failing) View(ctx context.Context, do func(context.Context, store.Tx) error) error {
	if before, _ := s.fails(); before {
		return store.Down{Err: errFails}
	}
	return s.Store.View(ctx, do)
}

func (s *failing) Lock(ctx context.Context, name string) (context.Context, func(), error) {
	if before, _ := s.fails(); before {
		return nil, nil, store.Down{Err: errFails}
	}
	return s.Store.Lock(ctx, name)
}

// failingCalls checks that nothing is lost or done twice, whichever call of the store
// fails, before its commit or after.
func failingCalls(t *testing.T, fresh storetest.Fresh) {
	const chats, each = 5, 4
	api, channels := Service(t, chats)
	s := &failing{Store: opened(t, fresh(t)), every: 7}
	b := Open(t, s, channels, answer)
	s.on.Store(true)
	var all sync.WaitGroup
	for chat := range chats {
		all.Go(func() {
			for n := range each {
				for begin := time.Now(); ; {
					err := b.Inbox.Accept(context.Background(), Delivery(Message(fmt.Sprintf("%d-%d", chat, n), chat, "x")))
					if err == nil {
						break
					}
					if !assert.Less(t, time.Since(begin), time.Minute, err) {
						return
					}
				}
			}
		})
	}
	all.Wait()
	b.until(func() bool { return len(Texts(api)) >= chats*each })
	s.on.Store(false)
	b.Empty()
	for chat := range chats {
		keys := Effects(t, b.Store, Phone(chat))
		assert.Len(t, keys, each)
		assert.True(t, slices.IsSorted(keys), keys)
	}
	texts := Texts(api)
	assert.Len(t, texts, chats*each)
	assert.Len(t, slices.Compact(slices.Sorted(slices.Values(texts))), chats*each)
	assert.Empty(t, b.letters(durable.DeadFilter{}))
}

// answer writes an effect and plans a message.
func answer(ctx context.Context, e chatapi.Event, w *durable.Work) error {
	m := e.(*chatapi.MessageEvent)
	if _, err := w.Send(m.AnswerTo(), chatapi.Text{Body: "text of " + m.ID}); err != nil {
		return err
	}
	return Effect(ctx, e, w)
}

// clocksThatDiffer checks that two programs whose clocks are half an hour apart lose and
// double nothing.
func clocksThatDiffer(t *testing.T, fresh storetest.Fresh) {
	const chats, each = 5, 6
	api, channels := Service(t, chats)
	s := opened(t, fresh(t))
	clock := func(by time.Duration) durable.Option {
		return durable.Clock(func() time.Time { return time.Now().Add(by) }, nil)
	}
	fails := func(ctx context.Context, e chatapi.Event, w *durable.Work) error {
		if w.Attempt == 1 && strings.HasSuffix(e.Key(), "-2") {
			return errors.New("not yet")
		}
		return answer(ctx, e, w)
	}
	shared := freeStore{s}
	boxes := []*Box{Open(t, shared, channels, fails, clock(15*time.Minute), quick), Open(t, shared, Channels(t, api), fails, clock(-15*time.Minute), quick)}
	for n := range each {
		for chat := range chats {
			boxes[(n+chat)%2].Accept(Message(fmt.Sprintf("%d-%d", chat, n), chat, "x"))
		}
	}
	boxes[0].until(func() bool { return len(Texts(api)) >= chats*each })
	boxes[0].Empty()
	for chat := range chats {
		keys := Effects(t, s, Phone(chat))
		assert.Len(t, keys, each)
		assert.True(t, slices.IsSorted(keys), keys)
	}
	texts := Texts(api)
	assert.Len(t, texts, chats*each)
	assert.Len(t, slices.Compact(slices.Sorted(slices.Values(texts))), chats*each)
}

// freeStore is a store that other programs work on too.
type freeStore struct{ store.Store }

func (freeStore) Shared() bool { return true }

// tokenAndChannel checks that messages wait, with a sentence, for a token and a channel.
func tokenAndChannel(t *testing.T, fresh storetest.Fresh) {
	const all = 60
	api, channels := Service(t, all)
	b := Open(t, opened(t, fresh(t)), channels, nil)
	api.Fail(chatapitest.Fault{Operation: "sendMessage", Delay: time.Millisecond, Times: all})
	for n := range all {
		b.Send(fmt.Sprint(n), To(n))
		if n == all/2 {
			b.until(func() bool { return len(Texts(api)) > 0 })
			api.ExpireToken()
		}
	}
	why := func(want string) {
		b.until(func() bool {
			q, err := b.Outbox.Get(context.Background(), Channel, fmt.Sprint(all-1))
			return err == nil && strings.Contains(q.Why, want)
		})
	}
	why("needs a new token")
	channels.Remove(Channel)
	why("is not connected")
	api.RenewToken()
	_, err := channels.Put(api.URL, api.Token, chatapi.WithHTTPClient(client(api)))
	require.NoError(t, err)
	b.until(func() bool { return len(Texts(api)) >= all })
	for n := range all {
		b.Becomes(fmt.Sprint(n), durable.StateSent)
	}
	assert.Len(t, Texts(api), all)
}

// withoutChannel checks that a program without a client for a channel leaves its messages
// to one that has it.
func withoutChannel(t *testing.T, fresh storetest.Fresh) {
	const all = 20
	api, channels := Service(t, all)
	s := freeStore{opened(t, fresh(t))}
	Open(t, s, chatapi.NewChannels(), nil)
	b := Open(t, s, channels, nil)
	begin := time.Now()
	for n := range all {
		b.Send(fmt.Sprint(n), To(n))
	}
	b.until(func() bool { return len(Texts(api)) >= all })
	assert.Less(t, time.Since(begin), time.Minute, "a program without the channel would keep it for ever")
	assert.Len(t, Texts(api), all)
}

// newerMessage checks that a message of a newer version waits for a program that can read
// it, and that others do not wait for it.
func newerMessage(t *testing.T, fresh storetest.Fresh) {
	api, channels := Service(t, 2)
	b := Open(t, opened(t, fresh(t)), channels, nil)
	b.Send("newer", To(0), durable.At(time.Now().Add(time.Hour)))
	exec := func(query string) {
		require.NoError(t, b.Store.Update(context.Background(), func(ctx context.Context, tx store.Tx) error {
			_, err := tx.Exec(ctx, query, string(Channel))
			return err
		}))
	}
	exec("UPDATE outbox SET version = 99, not_before = 1 WHERE channel = $1")
	b.Send("other", To(1))
	b.Becomes("other", durable.StateSent)
	b.Send("another", To(1))
	b.Becomes("another", durable.StateSent)
	assert.Equal(t, []string{"other", "another"}, Texts(api))
	b.Becomes("newer", durable.StatePlanned)
	exec("UPDATE outbox SET version = 1 WHERE channel = $1")
	b.Becomes("newer", durable.StateSent)
}
