package durable_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
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

// A program that is killed in a transaction leaves neither the handler's rows nor
// "done", and one that is killed after it leaves both.
func TestEffectsAndDoneTogether(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	var inside, after string
	b := openBox(t, dir, func(_ context.Context, e chatapi.Event, w *durable.Work) error {
		if err := writeEffect(e, w); err != nil || e.Key() == "message/b" {
			after = copyFolder(t, dir)
			return err
		}
		return w.InTx(func(context.Context, durable.Tx) error { inside = copyFolder(t, dir); return nil })
	})
	b.accept(chatMessage("a", phoneOf(1), "x"), chatMessage("b", phoneOf(1), "x"))
	b.waits()
	for _, c := range []struct {
		dir    string
		before int
	}{{inside, 0}, {after, 1}} {
		killed, err := sqlite.Open(context.Background(), c.dir)
		require.NoError(t, err)
		assert.Len(t, (&box{t: t, file: killed}).effects(), c.before)
		require.NoError(t, killed.Close())
		h := &handled{}
		next := openBox(t, c.dir, h.handle)
		next.waits()
		assert.Equal(t, []string{phoneOf(1) + " message/a", phoneOf(1) + " message/b"}, next.effects())
		assert.Len(t, h.all(), 2-c.before)
	}
}

// brokenStore fails in the commits of events that are done.
type brokenStore struct {
	store.Store
	left   atomic.Int32
	commit bool // and has committed
	down   atomic.Bool
}

func (s *brokenStore) Update(ctx context.Context, do func(context.Context, store.Tx) error) error {
	if s.down.Load() {
		return errors.New("no database")
	}
	broken := errors.New("disk full")
	err := s.Store.Update(ctx, func(ctx context.Context, tx store.Tx) error {
		if err := do(ctx, tx); err != nil || s.commit || s.left.Load() <= 0 {
			return err
		}
		return broken
	})
	if (err == nil || errors.Is(err, broken)) && s.left.Add(-1) >= 0 {
		return broken
	}
	return err
}

func (s *brokenStore) OpenLanes(ctx context.Context, after string, limit int) ([]string, error) {
	if s.down.Load() {
		return nil, errors.New("no database")
	}
	return s.Store.OpenLanes(ctx, after, limit)
}

func TestCommitThatFails(t *testing.T) {
	for _, committed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			h, broken := &handled{}, &brokenStore{commit: committed}
			h.do = func(context.Context, chatapi.Event, *durable.Work) error { broken.left.Store(2); return nil }
			b := openBoxOn(t, t.TempDir(), func(s store.Store) store.Store { broken.Store = s; return broken }, h.handle)
			b.accept(chatMessage("a", phoneOf(1), "x"))
			time.Sleep(time.Minute)
			synctest.Wait()
			assert.Equal(t, []string{"message/a 1"}, h.all(), "the handler need not run again")
			assert.Len(t, b.effects(), 1)
			require.NoError(t, b.stop())
		})
	}
}

func TestStoreThatIsDownForHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, broken := &handled{}, &brokenStore{}
		broken.down.Store(true)
		b := openBoxOn(t, t.TempDir(), func(s store.Store) store.Store { broken.Store = s; return broken }, h.handle)
		b.accept(chatMessage("a", phoneOf(1), "x"))
		time.Sleep(5 * time.Hour)
		synctest.Wait()
		assert.Empty(t, h.all())
		broken.down.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, []string{"message/a 1"}, h.all())
		broken.down.Store(true)
		b.accept(chatMessage("b", phoneOf(1), "x"))
		time.Sleep(time.Hour)
		broken.down.Store(false)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		assert.Contains(t, b.effects(), phoneOf(1)+" message/b")
		require.NoError(t, b.stop())
	})
}

// killBox runs a desk on dir until its handlers have been called as often as wanted
// while none has returned, and returns what a kill at that moment leaves.
func killBox(t *testing.T, dir string, h *handled, hangs func(chatapi.Event) bool, wanted int, opts ...durable.Option) (left string) {
	var hanging atomic.Int32
	release := make(chan struct{})
	calls := len(h.all())
	h.do = func(ctx context.Context, e chatapi.Event, _ *durable.Work) error {
		if hangs(e) {
			hanging.Add(1)
			<-release
			return errors.New("killed")
		}
		return nil
	}
	b := openBox(t, dir, h.handle, opts...)
	synctest.Wait()
	require.Greater(t, len(h.all()), calls)
	left = copyFolder(t, dir)
	assert.EqualValues(t, wanted, hanging.Load(), "handlers at once")
	close(release)
	require.NoError(t, b.stop())
	return left
}

func TestPoisonThatKillsTheProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		policy := durable.Retries(durable.RetryPolicy{Attempts: 3})
		dir := filepath.Join(t.TempDir(), "data")
		file := openBox(t, dir, nil)
		file.accept(chatMessage("poison", phoneOf(1), "x"), chatMessage("behind", phoneOf(1), "x"), chatMessage("other", phoneOf(2), "x"))
		require.NoError(t, file.stop())

		h := &handled{}
		poison := func(e chatapi.Event) bool { return e.Key() == "message/poison" }
		for range 4 { // the first death is counted by nobody
			dir = killBox(t, dir, h, poison, 1, policy)
		}
		h.do = nil
		b := openBox(t, dir, h.handle, policy)
		b.waits()
		var tries []string
		for _, call := range h.all() {
			if strings.HasPrefix(call, "message/poison") {
				tries = append(tries, call)
			}
		}
		assert.Equal(t, []string{"message/poison 1", "message/poison 1", "message/poison 2", "message/poison 3"}, tries)
		letters := b.letters()
		require.Len(t, letters, 1)
		assert.Equal(t, 3, letters[0].Attempts)
		assert.Equal(t, "the program ended each time while the event was handled", letters[0].Reason)
		assert.ElementsMatch(t, []string{phoneOf(1) + " message/behind", phoneOf(2) + " message/other"}, b.effects())

		n, err := b.Inbox.Replay(context.Background(), letters[0].ID)
		require.NoError(t, err)
		assert.Equal(t, 1, n)
		b.waits()
		require.Eventually(t, func() bool { return len(b.letters()) == 0 }, time.Minute, time.Millisecond)
		require.NoError(t, b.stop())
	})
}

// Of the events that were running at two deaths in a row, one runs at a time.
func TestSuspectsRunAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "data")
		file := openBox(t, dir, nil)
		for n := range 6 {
			file.accept(chatMessage(fmt.Sprint(n), phoneOf(n), "x"))
		}
		require.NoError(t, file.stop())
		h := &handled{}
		all := func(chatapi.Event) bool { return true }
		dir = killBox(t, dir, h, all, 4, durable.Workers(4))
		dir = killBox(t, dir, h, all, 4, durable.Workers(4)) // counted, but nobody is known to be guilty
		dir = killBox(t, dir, h, all, 3, durable.Workers(8)) // one of the four, and the other two
		h.do = nil
		b := openBox(t, dir, h.handle)
		b.waits()
		assert.Len(t, b.effects(), 6)
		assert.Empty(t, b.letters())
		require.NoError(t, b.stop())
	})
}

func TestReplayThatKillsTheProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "data")
		h := &handled{do: failsFor("message/a", durable.ErrDead)}
		b := openBox(t, dir, h.handle)
		b.accept(chatMessage("a", phoneOf(1), "x"))
		require.Eventually(t, func() bool { return len(b.letters()) == 1 }, time.Minute, time.Millisecond)
		id := b.letters()[0].ID
		require.NoError(t, b.stop())

		file, err := sqlite.Open(context.Background(), dir)
		require.NoError(t, err)
		desk, err := durable.Open(context.Background(), file, chatapi.NewChannels())
		require.NoError(t, err)
		n, err := desk.Inbox.Replay(context.Background(), id) // of a desk that does not run
		require.NoError(t, err)
		assert.Equal(t, 1, n)
		require.NoError(t, file.Close())

		dir = killBox(t, dir, h, func(chatapi.Event) bool { return true }, 1) // the start finds it
		h.do = nil
		b = openBox(t, dir, h.handle)
		require.Eventually(t, func() bool { l := b.letters(); return len(l) == 1 && !l[0].Replaying }, time.Minute, time.Millisecond)
		b.accept(chatMessage("b", phoneOf(1), "x"))
		b.waits()
		assert.Equal(t, []string{"message/a 1", "message/a 2", "message/b 1"}, h.all())
		assert.Equal(t, "the program ended while the event was tried again", b.letters()[0].Reason)
		assert.Equal(t, 2, b.letters()[0].Attempts)
		require.NoError(t, b.stop())
	})
}

// A dead letter that is deferred holds nobody back, however many wait.
func TestDeferredReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &handled{do: failsFor("message/a", durable.ErrDead)}
		b := openBox(t, t.TempDir(), h.handle)
		b.accept(chatMessage("a", phoneOf(1), "x"))
		synctest.Wait()
		deferred := false
		h.do = func(_ context.Context, e chatapi.Event, w *durable.Work) error {
			if e.Key() == "message/a" && !deferred {
				deferred = true
				w.Defer(time.Now().Add(24 * time.Hour))
			}
			if e.Key() == "message/hold" {
				time.Sleep(10 * time.Second)
			}
			return nil
		}
		hold := []string{chatMessage("hold", phoneOf(1), "x")}
		for n := range 200 {
			hold = append(hold, chatMessage(fmt.Sprint(n), phoneOf(1), "x"))
		}
		b.accept(hold...)
		_, err := b.Inbox.Replay(context.Background(), b.letters()[0].ID)
		require.NoError(t, err)
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Len(t, b.effects(), 201)
		assert.True(t, b.letters()[0].Replaying)
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		assert.Len(t, b.effects(), 202)
		assert.Empty(t, b.letters())
		require.NoError(t, b.stop())
	})
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, dir := &handled{}, t.TempDir()
		h.do = func(context.Context, chatapi.Event, *durable.Work) error {
			time.Sleep(100 * time.Millisecond)
			return nil
		}
		b := openBox(t, dir, h.handle, durable.Workers(2))
		b.accept(chatMessage("a", phoneOf(1), "x"), chatMessage("b", phoneOf(1), "x"), chatMessage("c", phoneOf(2), "x"), chatMessage("d", phoneOf(3), "x"))
		time.Sleep(50 * time.Millisecond)
		begin := time.Now()
		require.NoError(t, b.stop())
		assert.Equal(t, 50*time.Millisecond, time.Since(begin).Round(10*time.Millisecond))
		file, err := sqlite.Open(context.Background(), dir)
		require.NoError(t, err)
		var running int
		require.NoError(t, sqlite.DB(file).QueryRow("SELECT count(*) FROM running").Scan(&running))
		require.NoError(t, file.Close())
		assert.Zero(t, running, "the end was clean")
		assert.ElementsMatch(t, []string{"message/a 1", "message/c 1"}, h.all(), "nothing new begins")
		assert.ErrorContains(t, b.Run(context.Background()), "it was called before")

		b = openBox(t, dir, h.handle)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		assert.ElementsMatch(t, []string{"message/b 1", "message/d 1"}, h.all()[2:], "a clean end counts no attempt")
		assert.Len(t, b.effects(), 4)
		require.NoError(t, b.stop())
	})
}

func TestDrainThatIsTooShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var after error
		h, dir := &handled{}, t.TempDir()
		h.do = func(ctx context.Context, e chatapi.Event, w *durable.Work) error {
			if e.Key() == "message/obeys" {
				<-ctx.Done()
				return ctx.Err()
			}
			<-release
			after = w.InTx(func(context.Context, durable.Tx) error { return nil })
			return nil
		}
		b := openBox(t, dir, h.handle, durable.DrainTimeout(10*time.Second), durable.Retries(durable.RetryPolicy{Timeout: time.Hour}))
		b.accept(chatMessage("a", phoneOf(1), "x"), chatMessage("obeys", phoneOf(2), "x"))
		time.Sleep(time.Second)
		begin := time.Now()
		assert.ErrorContains(t, b.stop(), `the handlers of 1 chats did not end within 10s, such as that of "ABC100000001 phone:`+phoneOf(1)+`"`)
		assert.Equal(t, 11*time.Second, time.Since(begin).Round(time.Second))
		close(release)
		synctest.Wait()
		assert.ErrorContains(t, after, "the program ends, and DrainTimeout is over")

		h.do = nil
		b = openBox(t, dir, h.handle)
		synctest.Wait()
		assert.ElementsMatch(t, []string{phoneOf(1) + " message/a", phoneOf(2) + " message/obeys"}, b.effects())
		require.NoError(t, b.stop())
	})
}

func TestUnreadableIsKept(t *testing.T) {
	ctx := context.Background()
	b := openBox(t, t.TempDir(), (&handled{}).handle)
	for _, body := range []string{`{"messages":`, `{"messages":`, bodyOf("5", chatMessage("a", phoneOf(1), "x"), `"x"`)} {
		require.NoError(t, b.Inbox.Accept(ctx, chatDelivery(body)))
	}
	var bodies, why []string
	for u, err := range b.Inbox.Unreadable(ctx) {
		require.NoError(t, err)
		assert.Equal(t, boxChannel, u.Channel)
		bodies, why = append(bodies, string(u.Body)), append(why, u.Why)
	}
	require.Len(t, bodies, 2, "what is repeated is kept once")
	assert.Equal(t, `{"messages":`, bodies[0])
	assert.Contains(t, why[0], "is not one JSON object")
	assert.Contains(t, why[1], "messages[0]: ")
	assert.Contains(t, why[1], "\nmessages[2]: ")
}
