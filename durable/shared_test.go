package durable_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// machines is a store as of several machines: it may lose a lock, or the answer of a
// commit.
type machines struct {
	store.Store
	alone      bool
	loseAnswer atomic.Bool

	mu    sync.Mutex
	locks []context.CancelCauseFunc
}

func (s *machines) Shared() bool { return !s.alone }

func (s *machines) Lock(ctx context.Context, name string) (context.Context, func(), error) {
	ctx, unlock, err := s.Store.Lock(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	held, lose := context.WithCancelCause(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.locks = append(s.locks, lose)
	return held, unlock, nil
}

func (s *machines) loseLocks() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, lose := range s.locks {
		lose(store.ErrLost)
	}
}

func (s *machines) Update(ctx context.Context, do func(context.Context, store.Tx) error) error {
	err := s.Store.Update(ctx, do)
	if err == nil && s.loseAnswer.CompareAndSwap(true, false) {
		return errors.New("the connection broke")
	}
	return err
}

// forgetful is a store that loses the answers of commits with a statement.
type forgetful struct {
	store.Store
	statement string
	times     atomic.Int32
}

func (s *forgetful) Update(ctx context.Context, do func(context.Context, store.Tx) error) error {
	tx := &watchedTx{statement: s.statement}
	err := s.Store.Update(ctx, func(ctx context.Context, inner store.Tx) error {
		tx.Tx, tx.seen = inner, false
		return do(ctx, tx)
	})
	if err == nil && tx.seen && s.times.Add(-1) >= 0 {
		return errors.New("the connection broke")
	}
	return err
}

type watchedTx struct {
	store.Tx
	statement string
	seen      bool
}

func (t *watchedTx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	t.seen = t.seen || strings.HasPrefix(query, t.statement)
	return t.Tx.Exec(ctx, query, args...)
}

// What another process accepted is left to it for a while, then worked on.
func TestSweepOfEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &handled{}
		b := openBoxOn(t, t.TempDir(), func(s store.Store) store.Store { return &machines{Store: s} }, h.handle)
		other, err := durable.Open(context.Background(), b.store, chatapi.NewChannels())
		require.NoError(t, err)
		accept := func(id string, chat int) {
			require.NoError(t, other.Inbox.Accept(context.Background(), chatDelivery(bodyOf(chatMessage(id, phoneOf(chat), "x")))))
		}
		time.Sleep(time.Second)
		accept("old", 1)
		time.Sleep(3500 * time.Millisecond)
		synctest.Wait()
		assert.Empty(t, h.all())
		accept("young", 2)
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, []string{"message/old 1"}, h.all())
		time.Sleep(5 * time.Second)
		synctest.Wait()
		assert.Equal(t, []string{"message/old 1", "message/young 1"}, h.all())
		require.NoError(t, b.stop())
	})
}

// A handler whose lock is lost ends, without a failed attempt, and the event comes again.
func TestLostLockOfAChat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shared *machines
		h := &handled{}
		h.do = func(ctx context.Context, e chatapi.Event, w *durable.Work) error {
			if len(h.all()) > 1 {
				return nil
			}
			<-ctx.Done()
			assert.ErrorIs(t, context.Cause(ctx), store.ErrLost)
			return errors.New("interrupted")
		}
		b := openBoxOn(t, t.TempDir(), func(s store.Store) store.Store { shared = &machines{Store: s}; return shared }, h.handle)
		synctest.Wait() // the scan of the start counts the attempts of what it finds
		b.accept(chatMessage("a", phoneOf(1), "x"))
		synctest.Wait()
		shared.loseLocks()
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, []string{"message/a 1", "message/a 1"}, h.all())
		assert.Len(t, b.effects(), 1)
		require.NoError(t, b.stop())
	})
}

// A program that runs is not taken for one that died.
func TestProgramsThatLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shared *machines
		h := &handled{}
		first := openBoxOn(t, t.TempDir(), func(s store.Store) store.Store { shared = &machines{Store: s}; return shared }, h.handle)
		synctest.Wait()
		running := func() (n int) {
			require.NoError(t, shared.View(context.Background(), func(ctx context.Context, tx store.Tx) error {
				rows, err := tx.Query(ctx, "SELECT count(*) FROM running")
				if err != nil {
					return err
				}
				defer rows.Close()
				require.True(t, rows.Next())
				return rows.Scan(&n)
			}))
			return n
		}
		assert.Equal(t, 1, running())
		second, err := durable.Open(context.Background(), shared, chatapi.NewChannels())
		require.NoError(t, err)
		second.Inbox.Handle(h.handle)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error)
		go func() { ended <- second.Run(ctx) }()
		time.Sleep(time.Second)
		assert.Equal(t, 2, running())
		cancel()
		require.NoError(t, <-ended)
		assert.Equal(t, 1, running())
		require.NoError(t, first.stop())
	})
}

func TestSweepOfMessages(t *testing.T) {
	inOffice(t, func(o *office) {
		shared := &machines{Store: o.store}
		var err error
		o.desk, err = durable.Open(o.Context(), shared, o.channels)
		require.NoError(o, err)
		other, err := durable.Open(o.Context(), shared, o.channels)
		require.NoError(o, err)
		o.run()
		_, err = other.Outbox.Send(o.Context(), theChannel, "k", toAnn, chatapi.Text{Body: "text of k"})
		require.NoError(o, err)
		o.after(6 * time.Second)
		o.is("k", durable.StateSent)

		o.send("slow", toBen, durable.At(time.Now().Add(time.Second)))
		shared.loseLocks()
		o.after(3 * time.Second)
		o.is("slow", durable.StateSent)
		assert.Equal(o, []string{"k", "slow"}, o.bodies())
	})
}

// A claim whose answer was lost is not kept for ever.
func TestLostAnswerOfAClaim(t *testing.T) {
	inOffice(t, func(o *office) {
		s := &machines{Store: o.store, alone: true}
		var err error
		o.desk, err = durable.Open(o.Context(), s, o.channels)
		require.NoError(o, err)
		o.send("k", toAnn)
		s.loseAnswer.Store(true)
		o.run()
		o.after(5 * time.Second)
		o.is("k", durable.StateSent)
		assert.Equal(o, []string{"k"}, o.bodies())
	})
}

// A verdict whose commit succeeded and whose answer was lost is written again. Meanwhile
// the message may be on its way once more, and that attempt is another one.
func TestLostAnswerOfAVerdict(t *testing.T) {
	inOffice(t, func(o *office) {
		s := &forgetful{Store: o.store, statement: "UPDATE outbox SET state = $2, claim = ''"}
		s.times.Store(1)
		var err error
		o.desk, err = durable.Open(o.Context(), s, o.channels,
			durable.Retries(durable.RetryPolicy{Attempts: 5, Delay: func(int) time.Duration { return time.Millisecond }}))
		require.NoError(o, err)
		o.api.Fail(chatapitest.Fault{Operation: "sendMessage", Status: 400, Times: 1,
			Body: `{"sent":false,"message":"(#131056) pair rate limit hit"}`})
		o.api.Fail(chatapitest.Fault{Operation: "sendMessage", To: toAnn, Delay: 5 * time.Second})
		o.send("k", toAnn)
		o.run()
		o.after(500 * time.Millisecond)
		o.send("other", toBen) // wakes the sender
		o.after(20 * time.Second)
		o.is("k", durable.StateSent)
		assert.ElementsMatch(o, []string{"k", "other"}, o.bodies(), "each once")
		assert.LessOrEqual(o, s.times.Load(), int32(0), "the answer was lost")
	})
}
