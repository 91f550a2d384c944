package durable_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

func phoneOf(n int) string { return fmt.Sprintf("120255501%02d", n) }

func TestChatsInOrderAndAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int32
		var perChat [20]atomic.Int32
		h := &handled{do: func(_ context.Context, e chatapi.Event, _ *durable.Work) error {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			var chat int
			_, err := fmt.Sscanf(e.(*chatapi.MessageEvent).From.Phone, "120255501%d", &chat)
			if perChat[chat].Add(1) != 1 || err != nil {
				t.Error("a chat has two handlers at once")
			}
			time.Sleep(time.Millisecond)
			perChat[chat].Add(-1)
			return nil
		}}
		b := openBox(t, t.TempDir(), h.handle, durable.Workers(8))
		var senders sync.WaitGroup
		for chat := range 20 {
			senders.Go(func() {
				for n := range 20 {
					b.accept(chatMessage(fmt.Sprintf("%d-%02d", chat, n), phoneOf(chat), "x"))
				}
			})
		}
		senders.Wait()
		b.waits()
		byChat := map[string][]string{}
		for _, row := range b.effects() {
			byChat[row[:11]] = append(byChat[row[:11]], row)
		}
		assert.Len(t, byChat, 20)
		for chat, rows := range byChat {
			assert.Len(t, rows, 20, chat)
			assert.True(t, slices.IsSorted(rows), rows)
		}
		assert.Greater(t, most.Load(), int32(1))
		assert.LessOrEqual(t, most.Load(), int32(8))
		require.NoError(t, b.stop())
	})
}

func TestDuplicates(t *testing.T) {
	h, dir := &handled{}, t.TempDir()
	b := openBox(t, dir, h.handle)
	var at sync.WaitGroup
	for range 8 {
		at.Go(func() {
			b.accept(chatMessage("a", phoneOf(1), "x"), chatMessage("b", phoneOf(1), "x"), chatMessage("a", phoneOf(1), "x"))
		})
	}
	at.Wait()
	b.waits()
	require.NoError(t, b.stop())

	b = openBox(t, dir, h.handle)
	d := chatDelivery(bodyOf(chatMessage("b", phoneOf(1), "x"), chatMessage("c", phoneOf(1), "x")))
	d.Channel = "instanceabc100000001" // another spelling of the channel
	require.NoError(t, b.Inbox.Accept(context.Background(), d))
	b.waits()
	assert.Equal(t, []string{"message/a 1", "message/b 1", "message/c 1"}, h.all())
	assert.Len(t, b.effects(), 3)
}

func TestEventsOfTheStoreAreLabelled(t *testing.T) {
	received := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	var events []chatapi.Event
	fails := true
	h := &handled{do: func(_ context.Context, e chatapi.Event, _ *durable.Work) error {
		events = append(events, e)
		if fails {
			fails = false
			return errors.New("once")
		}
		return nil
	}}
	b := openBox(t, t.TempDir(), h.handle, durable.Retries(durable.RetryPolicy{Delay: func(int) time.Duration { return time.Millisecond }}))
	d := chatDelivery(bodyOf(chatMessage("a", phoneOf(1), "x")))
	d.Channel, d.Received = "instanceABC100000001", received
	require.NoError(t, b.Inbox.Accept(context.Background(), d))
	b.waits()
	require.Len(t, events, 2)
	assert.NotSame(t, events[0], events[1], "an event is given to a handler once")
	for _, e := range events {
		assert.Equal(t, boxChannel, e.Info().Channel)
		assert.True(t, received.Equal(e.Info().Received), e.Info().Received)
	}
	assert.Equal(t, events[0], events[1])
}

func TestAcceptRefuses(t *testing.T) {
	b := openBox(t, t.TempDir(), (&handled{}).handle)
	ctx := context.Background()
	assert.ErrorContains(t, b.Inbox.Accept(ctx, nil), "the delivery is nil")
	d := chatDelivery(bodyOf(chatMessage("a", phoneOf(1), "x")))
	d.Channel = " "
	assert.ErrorContains(t, b.Inbox.Accept(ctx, d), "names no channel; give the webhook handler WebhookChannel or WebhookSecrets")
	assert.NoError(t, b.Inbox.Accept(ctx, chatDelivery(`{"messages":[]}`)))
	ended, cancel := context.WithCancel(ctx)
	cancel()
	assert.ErrorContains(t, b.Inbox.Accept(ended, chatDelivery(bodyOf(chatMessage("a", phoneOf(1), "x")))), "retry later")
}

// fullStore refuses deliveries.
type fullStore struct {
	store.Store
	err atomic.Pointer[error]
}

func (s *fullStore) Accept(ctx context.Context, d *store.Delivery) ([]int, error) {
	if err := s.err.Load(); err != nil {
		return nil, *err
	}
	return s.Store.Accept(ctx, d)
}

func TestAnswersOfTheWebhookHandler(t *testing.T) {
	var full *fullStore
	h := &handled{}
	b := openBoxOn(t, t.TempDir(), func(s store.Store) store.Store { full = &fullStore{Store: s}; return full }, h.handle)
	handler := chatapi.NewDeliveryHandler(b.Inbox.Accept, chatapi.WebhookAcceptUnauthenticated(),
		chatapi.WebhookErrors(func(context.Context, error) {}))
	post := func(body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/hooks", strings.NewReader(body)))
		return w
	}
	one := bodyOf(chatMessage("a", phoneOf(1), "x"))
	for _, c := range []struct {
		name, body string
		err        error
		status     int
		after      string
	}{
		{"full", one, store.ErrFull, 503, "5"},
		{"disk full", one, errors.New("disk full"), 503, "15"},
		{"no channel", `{"messages":[{"id":"a"}]}`, nil, 500, ""},
		{"stored", one, nil, 200, ""},
		{"stored twice", one, nil, 200, ""},
		{"not JSON", `{"messages":`, nil, 400, ""},
		{"an element", bodyOf("5", chatMessage("b", phoneOf(1), "x")), nil, 200, ""},
	} {
		full.err.Store(nil)
		if c.err != nil {
			full.err.Store(&c.err)
		}
		w := post(c.body)
		assert.Equal(t, c.status, w.Code, c.name)
		assert.Equal(t, c.after, w.Header().Get("Retry-After"), c.name)
	}
	b.waits()
	assert.Equal(t, []string{"message/a 1", "message/b 1"}, h.all())
}

// lostAnswer is a store that stores the first delivery and says that it did not.
type lostAnswer struct {
	store.Store
	lost atomic.Bool
}

func (s *lostAnswer) Accept(ctx context.Context, d *store.Delivery) ([]int, error) {
	fresh, err := s.Store.Accept(ctx, d)
	if err == nil && !s.lost.Swap(true) {
		return nil, store.Down{Err: errors.New("the connection broke")}
	}
	return fresh, err
}

// The delivery that comes again has nothing new, and is worked on at once all the same.
func TestLostAnswerOfAnAcceptance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &handled{}
		b := openBoxOn(t, t.TempDir(), func(s store.Store) store.Store { return &lostAnswer{Store: s} }, h.handle)
		time.Sleep(time.Second) // the scan of the start
		d := chatDelivery(bodyOf(chatMessage("a", phoneOf(1), "x")))
		require.ErrorContains(t, b.Inbox.Accept(t.Context(), d), "the connection broke")
		require.NoError(t, b.Inbox.Accept(t.Context(), d))
		synctest.Wait()
		assert.Equal(t, []string{"message/a 1"}, h.all())
		b.waits()
	})
}

func TestEventsWithoutAChat(t *testing.T) {
	h := &handled{}
	b := openBox(t, t.TempDir(), h.handle)
	for _, body := range []string{`{"instanceId":"` + string(boxChannel) + `","qr":{"a":1}}`, `{"instanceId":"` + string(boxChannel) + `","something":[{"x":1}]}`} {
		d := chatDelivery(body)
		d.Channel = "a channel that nobody knows\x00\xff"
		require.NoError(t, b.Inbox.Accept(context.Background(), d))
	}
	b.waits()
	assert.NotEmpty(t, h.all())
	assert.Len(t, b.effects(), len(h.all()))
}

// A body of 4 MiB with thousands of statuses, each of another chat, is neither read nor parsed for
// each of them.
func TestManyEventsOfOneBody(t *testing.T) {
	var acks []string
	for n := range manyChats {
		acks = append(acks, fmt.Sprintf(`{"id":"%d","status":"read","chatId":"1202555%04d@c.us","x":"%s"}`, n, n, strings.Repeat("x", 3_400_000/manyChats)))
	}
	body := `{"instanceId":"` + string(boxChannel) + `","ack":[` + strings.Join(acks, ",") + `]}`
	require.Greater(t, len(body), 3<<20)
	var calls atomic.Int32
	b := openBox(t, t.TempDir(), func(context.Context, chatapi.Event, *durable.Work) error { calls.Add(1); return nil })
	begin := time.Now()
	d := chatDelivery(body)
	parse := time.Since(begin)
	require.NoError(t, b.Inbox.Accept(context.Background(), d))
	require.Eventually(t, func() bool { return calls.Load() == manyChats }, 5*time.Minute, 10*time.Millisecond)
	t.Logf("parsed in %s, handled in %s", parse, time.Since(begin))
}

// Two desks on one store take turns in a chat, and neither leaves an event to a sweep.
func TestTwoDesksOnOneStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &handled{}
		var running atomic.Int32
		h.do = func(context.Context, chatapi.Event, *durable.Work) error {
			if running.Add(1) != 1 {
				t.Error("a chat has two handlers at once")
			}
			time.Sleep(time.Millisecond)
			running.Add(-1)
			return nil
		}
		b := openBox(t, t.TempDir(), h.handle)
		other, err := durable.Open(context.Background(), b.store, chatapi.NewChannels())
		require.NoError(t, err)
		other.Inbox.Handle(h.handle)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- other.Run(ctx) }()
		var keys []string
		for n := range 200 {
			d := chatDelivery(bodyOf(chatMessage(fmt.Sprintf("%03d", n), phoneOf(1), "x")))
			keys = append(keys, fmt.Sprintf("message/%03d 1", n))
			require.NoError(t, []*durable.Desk{b.Desk, other}[n%2].Inbox.Accept(context.Background(), d))
			time.Sleep(time.Duration(n%3) * time.Millisecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, keys, h.all())
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, b.stop())
	})
}

// otherBody gives events another body than the one that was accepted.
type otherBody struct {
	store.Store
	body atomic.Pointer[string]
}

func (s *otherBody) Event(ctx context.Context, seq int64) (*store.Event, error) {
	e, err := s.Store.Event(ctx, seq)
	if body := s.body.Load(); body != nil && e != nil {
		e.Body = []byte(*body)
	}
	return e, err
}

// A parser of another version may find events elsewhere in a body, or not at all. A
// handler never gets another event than the one that was accepted.
func TestTheParserHasChanged(t *testing.T) {
	for _, c := range []struct {
		name, body string
		letters    int
	}{
		{"another place", bodyOf(chatMessage("new", phoneOf(3), "x"), chatMessage("a", phoneOf(1), "x")), 0},
		{"gone", bodyOf(chatMessage("new", phoneOf(3), "x")), 1},
		{"unreadable", `{`, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			h, other := &handled{}, &otherBody{}
			wrap := func(s store.Store) store.Store { other.Store = s; return other }
			dir := t.TempDir()
			b := openBox(t, dir, nil)
			b.accept(chatMessage("a", phoneOf(1), "x"))
			require.NoError(t, b.stop())
			other.body.Store(&c.body)
			b = openBoxOn(t, dir, wrap, h.handle)
			synctest.Wait()
			letters := b.letters()
			require.Len(t, letters, c.letters, c.name)
			assert.Len(t, h.all(), 1-c.letters, c.name)
			if c.letters == 1 {
				assert.Contains(t, letters[0].Reason, "the parser has changed")
				_, err := letters[0].Event(context.Background())
				assert.ErrorContains(t, err, "the parser has changed")
			}
			require.NoError(t, b.stop())
		})
	}
}
