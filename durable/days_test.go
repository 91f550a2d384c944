package durable_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

// suspected makes the first events of chats look as if they had been running when the
// program died.
func suspected(t *testing.T, dir string, chats ...int) {
	t.Helper()
	ctx := context.Background()
	s, err := sqlite.Open(ctx, dir)
	require.NoError(t, err)
	for _, chat := range chats {
		events, err := s.Open(ctx, string(boxChannel)+" phone:"+phoneOf(chat), 1)
		require.NoError(t, err)
		require.Len(t, events, 1)
		require.NoError(t, s.Update(ctx, func(ctx context.Context, tx store.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO attempt (seq, lane, attempts, not_before, running, reason) VALUES ($1, $2, 1, 0, 1, '')",
				events[0].Seq, events[0].Lane)
			return err
		}))
	}
	require.NoError(t, s.Close())
}

// crowd accepts an event in each of many chats, and returns the folder.
func crowd(t *testing.T, chats int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	b := openBox(t, dir, nil)
	var all []string
	for n := range chats {
		all = append(all, chatMessage(fmt.Sprint(n), phoneOf(n), "x"))
	}
	b.accept(all...)
	require.NoError(t, b.stop())
	return dir
}

// Events that have to run alone do not wait for all other chats before each of them.
func TestEventsAloneComeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := crowd(t, 300)
		suspects := []int{40, 80, 120, 160, 200}
		suspected(t, dir, suspects...)
		h := &handled{do: func(context.Context, chatapi.Event, *durable.Work) error {
			time.Sleep(100 * time.Millisecond)
			return nil
		}}
		b := openBox(t, dir, h.handle, durable.Workers(2))
		time.Sleep(20 * time.Second)
		synctest.Wait()
		for _, n := range suspects {
			place := slices.Index(h.all(), fmt.Sprintf("message/%d 2", n))
			assert.GreaterOrEqual(t, place, 0)
			assert.Less(t, place, 25, "of 300")
		}
		require.NoError(t, b.stop())
	})
}

// An event that runs alone and takes long holds the others up for a while only.
func TestEventsAloneTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := crowd(t, 4)
		suspected(t, dir, 0, 1, 2, 3)
		var quick time.Duration
		begin := time.Now()
		h := &handled{do: func(ctx context.Context, e chatapi.Event, _ *durable.Work) error {
			if e.Key() == "message/3" {
				quick = time.Since(begin)
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}}
		b := openBox(t, dir, h.handle, durable.Retries(durable.RetryPolicy{Timeout: 5 * time.Minute, Attempts: 3}))
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.LessOrEqual(t, quick, 16*time.Second, "three others had five seconds each")
		assert.Equal(t, []string{phoneOf(3) + " message/3"}, b.effects())
		assert.Len(t, b.letters(), 3)
		require.NoError(t, b.stop())
	})
}

// An end in order is no failed attempt, also for an event that was counted before its call.
func TestEndInOrderOfASuspect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := crowd(t, 1)
		suspected(t, dir, 0)
		h := &handled{do: func(ctx context.Context, _ chatapi.Event, _ *durable.Work) error { <-ctx.Done(); return ctx.Err() }}
		for range 5 {
			b := openBox(t, dir, h.handle, durable.DrainTimeout(time.Second), durable.Retries(durable.RetryPolicy{Attempts: 3}))
			time.Sleep(time.Second)
			synctest.Wait()
			require.NoError(t, b.stop())
		}
		assert.Equal(t, slices.Repeat([]string{"message/0 2"}, 5)[1:], h.all()[1:])
		h.do = nil
		b := openBox(t, dir, h.handle)
		b.waits()
		assert.Len(t, b.effects(), 1)
		require.NoError(t, b.stop())
	})
}

// An event that another program accepts while a chat is worked on is worked on with it,
// and does not wait for the sweep.
func TestSecondLookAtAChat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var other *durable.Desk
		h := &handled{do: func(_ context.Context, e chatapi.Event, _ *durable.Work) error {
			if e.Key() != "message/a" {
				return nil
			}
			return other.Inbox.Accept(context.Background(), chatDelivery(bodyOf(chatMessage("b", phoneOf(1), "x"))))
		}}
		b := openBoxOn(t, t.TempDir(), func(s store.Store) store.Store { return &machines{Store: s} }, h.handle)
		var err error
		other, err = durable.Open(context.Background(), b.store, chatapi.NewChannels()) // Run is never called
		require.NoError(t, err)
		synctest.Wait()
		begin := time.Now()
		b.accept(chatMessage("a", phoneOf(1), "x"))
		b.waits()
		assert.Less(t, time.Since(begin), time.Second)
		assert.Equal(t, []string{"message/a 1", "message/b 1"}, h.all())
		require.NoError(t, b.stop())
	})
}

// absent is a store whose database does not answer for a while. It counts the calls.
type absent struct {
	store.Store
	gone  atomic.Bool
	calls atomic.Int64
}

var errGone = errors.New("the database does not answer")

func (s *absent) away() error {
	if !s.gone.Load() {
		return nil
	}
	s.calls.Add(1)
	return errGone
}

func (s *absent) Update(ctx context.Context, do func(context.Context, store.Tx) error) error {
	if err := s.away(); err != nil {
		return err
	}
	return s.Store.Update(ctx, do)
}

func (s *absent) View(ctx context.Context, do func(context.Context, store.Tx) error) error {
	if err := s.away(); err != nil {
		return err
	}
	return s.Store.View(ctx, do)
}

func (s *absent) Lock(ctx context.Context, name string) (context.Context, func(), error) {
	if err := s.away(); err != nil {
		return nil, nil, err
	}
	return s.Store.Lock(ctx, name)
}

func (s *absent) OpenLanes(ctx context.Context, after string, limit int) ([]string, error) {
	if err := s.away(); err != nil {
		return nil, err
	}
	return s.Store.OpenLanes(ctx, after, limit)
}

func (s *absent) Unfolded(ctx context.Context, limit int) ([]store.Event, error) {
	if err := s.away(); err != nil {
		return nil, err
	}
	return s.Store.Unfolded(ctx, limit)
}

func (s *absent) Shared() bool { return true }

// Everything that looks for work backs off while the database is away, and goes on soon
// after it is back.
func TestSweepsBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &absent{}
		h := &handled{}
		b := openBoxOn(t, t.TempDir(), func(inner store.Store) store.Store { s.Store = inner; return s }, h.handle)
		time.Sleep(time.Minute)
		b.accept(chatMessage("a", phoneOf(1), "x"))
		s.gone.Store(true)
		for n := range 50 { // what a helpdesk plans at the moment
			_, _ = b.Outbox.Send(context.Background(), boxChannel, fmt.Sprint(n), toAnn, chatapi.Text{Body: "x"})
		}
		time.Sleep(3 * time.Hour)
		before := s.calls.Load()
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Less(t, s.calls.Load()-before, int64(5*130+2*720), "five loops at least half a minute apart, and the fold's two calls every five seconds")
		time.Sleep(7 * time.Second) // just after a look of once in a minute
		s.gone.Store(false)
		time.Sleep(6 * time.Second)
		synctest.Wait()
		left, err := s.Unfolded(context.Background(), 10)
		require.NoError(t, err)
		assert.Empty(t, left, "a stop to advertising may be among what waits")
		b.accept(chatMessage("b", phoneOf(1), "x"))
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Len(t, b.effects(), 2)
		require.NoError(t, b.stop())
	})
}

// A clock that is set back by a day holds up no retry by a day.
func TestClockIsSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ahead atomic.Int64
		ahead.Store(int64(24 * time.Hour))
		clock := durable.Clock(func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }, nil)
		h := &handled{}
		h.do = func(_ context.Context, e chatapi.Event, w *durable.Work) error {
			switch e.Key() {
			case "message/fails":
				if len(h.all()) < 5 {
					return errHandler
				}
			case "message/waits":
				if w.Attempt == 1 && ahead.Load() > 0 {
					w.Defer(time.Now().Add(26 * time.Hour))
				}
			}
			return nil
		}
		b := openBox(t, t.TempDir(), h.handle, clock)
		b.accept(chatMessage("fails", phoneOf(1), "x"), chatMessage("waits", phoneOf(2), "x"))
		time.Sleep(3 * time.Second)
		ahead.Store(0)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		assert.Equal(t, []string{phoneOf(1) + " message/fails"}, b.effects())
		time.Sleep(27 * time.Hour)
		synctest.Wait()
		assert.Len(t, b.effects(), 2, "what the handler asked for stays")
		require.NoError(t, b.stop())
	})
}

// skewed is a store whose database has a clock that differs.
type skewed struct {
	store.Store
	by time.Duration
}

func (s *skewed) Skew() time.Duration { return s.by }

// A program whose clock was wrong when it sent and died: the message is not sent again,
// although the history does not have it near the time of the attempt.
func TestNotFoundWithAWrongClock(t *testing.T) {
	for _, by := range []time.Duration{-24 * time.Hour, -15 * time.Minute, 15 * time.Minute, 24 * time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			inOffice(t, func(o *office) {
				var err error
				o.desk, err = durable.Open(o.Context(), &skewed{o.store, by}, o.channels, o.opts...)
				require.NoError(o, err)
				dir := ""
				o.atWire(nothing, func() { dir = o.copied() })
				o.send("k", toAnn)
				o.run()
				o.crash(dir)
				o.send("next", toAnn)
				o.run()
				o.after(90 * time.Minute)
				assert.Equal(o, 1, o.tries("k"))
				assert.Contains(o, []durable.SendState{durable.StateUnknown, durable.StateSent}, o.get("k").State)
			}, durable.UnknownPolicy(durable.ResolveThenResend))
		})
	}
}

// A reservation of a clock that was set back by a day blocks its chat for minutes only.
func TestReservationOfTomorrow(t *testing.T) {
	inOffice(t, func(o *office) {
		var err error
		o.desk, err = durable.Open(o.Context(), &skewed{o.store, 24 * time.Hour}, o.channels, o.opts...)
		require.NoError(o, err)
		dir := ""
		o.atWire(func() { dir = o.copied() }, nothing)
		o.send("k", toAnn)
		o.run()
		o.crash(dir)
		o.send("next", toAnn)
		o.run()
		o.after(5 * time.Minute)
		assert.True(o, strings.HasPrefix(o.is("k", durable.StateUnknown).Why, "It is not known whether the message went out"), o.get("k").Why)
		o.api.Customer(toAnn.Value()).Says("hi")
		o.after(2 * time.Minute)
		o.is("next", durable.StateSent)
	})
}

// noRoom has no room for the user's rows, only for what is smaller.
type noRoom struct{ store.Tx }

func (f noRoom) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	if strings.HasPrefix(query, "INSERT INTO effect") {
		return 0, store.Down{Err: errors.New("the disk is full")}
	}
	return f.Tx.Exec(ctx, query, args...)
}

// A disk that is full for hours makes no event a dead letter.
func TestAFullDiskIsNoAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var full atomic.Bool
		full.Store(true)
		h := &handled{}
		b := openBoxOn(t, t.TempDir(), func(inner store.Store) store.Store {
			return &failingState{Store: inner, update: func(do func(context.Context, store.Tx) error) func(context.Context, store.Tx) error {
				return func(ctx context.Context, tx store.Tx) error {
					if full.Load() {
						tx = noRoom{tx}
					}
					return do(ctx, tx)
				}
			}}
		}, h.handle, durable.Retries(durable.RetryPolicy{Attempts: 2}))
		b.accept(chatMessage("a", phoneOf(1), "x"))
		time.Sleep(5 * time.Hour)
		full.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Len(t, b.effects(), 1)
		assert.Empty(t, b.letters())
		require.NoError(t, b.stop())
	})
}
