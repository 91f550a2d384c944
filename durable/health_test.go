package durable_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
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
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

// watcher remembers what hooks were told.
type watcher struct {
	mu       sync.Mutex
	accepted []durable.AcceptedInfo
	handled  []durable.HandledInfo
	tried    []durable.TriedInfo
}

func (w *watcher) hooks() durable.Hooks {
	return durable.Hooks{
		Accepted: func(_ context.Context, a durable.AcceptedInfo) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.accepted = append(w.accepted, a)
		},
		Handled: func(_ context.Context, h durable.HandledInfo) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.handled = append(w.handled, h)
		},
		Tried: func(_ context.Context, t durable.TriedInfo) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.tried = append(w.tried, t)
			panic("a hook that panics does no harm")
		},
	}
}

// outcomes returns the outcomes of the handler, in order.
func (w *watcher) outcomes() (all []durable.HandledOutcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.handled {
		all = append(all, h.Outcome)
	}
	return all
}

// broken refuses to accept, or to tidy.
type broken struct {
	store.Store
	accept error
	tidy   atomic.Pointer[error]
}

func (b *broken) Accept(ctx context.Context, d *store.Delivery) ([]int, error) {
	if b.accept != nil {
		return nil, b.accept
	}
	return b.Store.Accept(ctx, d)
}

func (b *broken) Tidy(ctx context.Context, before time.Time) (bool, error) {
	if err := b.tidy.Load(); err != nil {
		return false, *err
	}
	return b.Store.Tidy(ctx, before)
}

func TestHooksOfTheInbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watcher{}
		h := &handled{do: func(_ context.Context, e chatapi.Event, work *durable.Work) error {
			time.Sleep(time.Second)
			switch m := e.(*chatapi.MessageEvent); {
			case m.Text == "fail" && work.Attempt == 1:
				return errors.New("not yet")
			case m.Text == "wait" && time.Since(work.Accepted) < time.Minute:
				work.Defer(time.Now().Add(time.Minute))
			case m.Text == "never":
				return durable.ErrDead
			}
			return nil
		}}
		var s *broken
		b := openBoxOn(t, t.TempDir(), func(inner store.Store) store.Store { s = &broken{Store: inner}; return s }, h.handle)
		b.Watch(durable.Hooks{})
		b.Watch(w.hooks())
		d := bodyOf(chatMessage("1", phoneOf(1), "fail"), chatMessage("2", phoneOf(2), "wait"), chatMessage("3", phoneOf(3), "never"))
		require.NoError(t, b.Inbox.Accept(t.Context(), chatDelivery(d)))
		require.NoError(t, b.Inbox.Accept(t.Context(), chatDelivery(bodyOf(chatMessage("3", phoneOf(3), "never"), chatMessage("4", phoneOf(3), "x")))))
		s.accept = store.ErrFull
		require.Error(t, b.Inbox.Accept(t.Context(), chatDelivery(bodyOf(chatMessage("5", phoneOf(3), "x")))))
		time.Sleep(5 * time.Minute)
		synctest.Wait()

		require.Len(t, w.accepted, 3)
		for n, want := range [][2]int{{3, 0}, {1, 1}, {0, 0}} {
			assert.Equal(t, want, [2]int{w.accepted[n].New, w.accepted[n].Known})
			assert.Equal(t, boxChannel, w.accepted[n].Channel)
			assert.Equal(t, n == 2, w.accepted[n].Err != nil)
		}
		assert.ElementsMatch(t, []durable.HandledOutcome{"retry", "done", "deferred", "done", "dead", "done"}, w.outcomes())
		for _, h := range w.handled {
			assert.GreaterOrEqual(t, h.Duration, time.Second)
			assert.Less(t, h.Duration, 2*time.Second, "without the commit")
			switch h.Outcome {
			case durable.HandledRetry, durable.HandledDead, durable.HandledDeferred:
				assert.Less(t, h.Lag, time.Second)
			}
		}
		n, err := b.Inbox.Replay(t.Context(), b.letters()[0].ID)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		time.Sleep(time.Minute)
		synctest.Wait()
		last := w.handled[len(w.handled)-1]
		assert.Equal(t, durable.HandledDead, last.Outcome)
		assert.True(t, last.Replay)
		require.NoError(t, b.stop())
	})
}

func TestHooksOfTheOutbox(t *testing.T) {
	inOffice(t, func(o *office) {
		w := &watcher{}
		o.desk.Watch(w.hooks())
		o.api.Fail(chatapitest.Fault{Operation: "sendMessage", Status: http.StatusTooManyRequests})
		o.send("a", toAnn)
		o.run()
		o.after(time.Minute)
		o.is("a", durable.StateSent)
		o.api.Fail(chatapitest.Fault{Operation: "sendMessage", Status: http.StatusBadGateway, Accepted: true})
		o.send("b", toBen)
		o.after(time.Second)
		require.Len(o, w.tried, 3)
		assert.Equal(o, []durable.SendState{"planned", "sent", "unknown"}, []durable.SendState{w.tried[0].State, w.tried[1].State, w.tried[2].State})
		assert.Equal(o, chatapi.ErrRateLimited, w.tried[0].Kind)
		for _, tried := range w.tried {
			assert.Equal(o, theChannel, tried.Channel)
			assert.True(o, tried.Written)
		}
	})
}

func TestHealthSentence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *broken
		h := &handled{do: func(_ context.Context, e chatapi.Event, _ *durable.Work) error {
			if e.(*chatapi.MessageEvent).Text == "dead" {
				return durable.ErrDead
			}
			return errors.New("again")
		}}
		b := openBoxOn(t, t.TempDir(), func(inner store.Store) store.Store { s = &broken{Store: inner}; return s }, h.handle)
		synctest.Wait()
		health := func() durable.Health {
			t.Helper()
			health, err := b.Health(t.Context())
			require.NoError(t, err)
			return health
		}
		assert.Equal(t, durable.Health{Ready: true, Store: "sqlite", Stuck: []string{}}, health())
		b.accept(chatMessage("1", phoneOf(1), "dead"))
		b.accept(chatMessage("2", phoneOf(2), "slow"))
		full := errors.New("the disk is full")
		s.tidy.Store(&full)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		found := health()
		assert.Equal(t, 1, found.Dead)
		assert.Equal(t, "1 event failed for good; list them with Inbox.Dead, then replay or discard them. "+
			"The handler has failed for 1 event and is called again; the oldest failed 7 times, at last with: again. An event waits for its handler for 2h0m0s; 1 event is open. Old data is not removed: the disk is full.", found.Sentence)
		s.tidy.Store(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.NotContains(t, health().Sentence, "Old data")
		require.NoError(t, b.stop())
		stopped, err := b.Health(t.Context())
		require.ErrorIs(t, err, sqlite.ErrClosed)
		assert.False(t, stopped.Ready)
		assert.Contains(t, stopped.Sentence, "The store does not answer")
	})
}

// A program that has become too old for the database of several ends with the sentence.
func TestTooOldMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file, err := sqlite.Open(context.Background(), t.TempDir())
		require.NoError(t, err)
		defer func() { require.NoError(t, file.Close()) }()
		s := &outdated{machines: machines{Store: file}}
		d, err := durable.Open(t.Context(), s, chatapi.NewChannels())
		require.NoError(t, err)
		ended := make(chan error, 1)
		go func() { ended <- d.Run(context.Background()) }()
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Empty(t, ended)
		s.old.Store(true)
		time.Sleep(2 * time.Minute)
		require.ErrorIs(t, <-ended, store.ErrSchema)
	})
}

// outdated is a database that a newer program migrates.
type outdated struct {
	machines
	old atomic.Bool
}

func (s *outdated) Check(ctx context.Context) error {
	if s.old.Load() {
		return store.ErrSchema
	}
	return s.machines.Check(ctx)
}

// What is behind and what was passed over.
func TestHealthOfTheState(t *testing.T) {
	inOffice(t, func(o *office) {
		require.NoError(o, o.desk.Inbox.Accept(o.Context(), chatDelivery(bodyOf(chatMessage("1", phoneOf(1), "x")))))
		o.after(2 * time.Minute)
		h, err := o.desk.Health(o.Context())
		require.NoError(o, err)
		assert.Equal(o, durable.Depth{Waiting: 1, Oldest: 2 * time.Minute}, h.State)
		assert.Contains(o, h.Sentence, "Statuses, windows and opt-outs are 2m0s behind; 1 event is not read.")
		require.NoError(o, durable.Fold(o.Context(), o.desk))
		h, err = o.desk.Health(o.Context())
		require.NoError(o, err)
		assert.Zero(o, h.State)
	})
}

// Channels that send nothing are named, each with what waits.
func TestHealthOfChannels(t *testing.T) {
	inOffice(t, func(o *office) {
		o.send("a", toAnn)
		o.after(time.Second)
		o.send("b", toAnn)
		o.send("later", toBen, durable.At(time.Now().Add(time.Hour)))
		h, err := o.desk.Health(o.Context())
		require.NoError(o, err)
		want := durable.Depth{Waiting: 2, Oldest: time.Second}
		assert.Equal(o, want, h.Outbox)
		assert.Equal(o, []durable.ChannelHealth{{Channel: theChannel, Outbox: want}}, h.Channels)
		assert.Empty(o, h.Sentence)
		o.channels.Remove(theChannel)
		h, err = o.desk.Health(o.Context())
		require.NoError(o, err)
		assert.Equal(o, "Channel "+string(theChannel)+" is not connected.", h.Channels[0].Held)
		assert.Equal(o, "Channel "+string(theChannel)+" is not connected. Its messages wait (2).", h.Sentence)
	})
}

// A backup that is put back sends nothing by itself: what was planned in it may have been
// sent since, and here it was.
func TestRestoredBackup(t *testing.T) {
	var log lines
	inOffice(t, func(o *office) {
		o.send("sent later", toAnn)
		o.send("old", toBen, durable.At(time.Now().Add(2*time.Hour)))
		to := o.TempDir() + "/copy"
		require.NoError(o, sqlite.Backup(o.Context(), o.dir, to))
		o.run()
		o.after(time.Minute)
		o.is("sent later", durable.StateSent)
		ended := time.Now()
		o.after(time.Minute)

		changed := map[string]durable.SendState{}
		o.crash(to)
		o.desk.Outbox.OnChange(func(_ context.Context, _ durable.Tx, q *durable.Queued) error {
			changed[q.Key] = q.State
			return nil
		})
		assert.Contains(o, o.get("old").Why, "Nothing is sent: the folder", "a program that does not send knows it too")
		o.run()
		assert.Contains(o, o.send("new", toAnn).Why, "Nothing is sent: the folder")
		o.after(time.Hour)
		assert.Equal(o, 1, log.with("Nothing is sent on any channel"), "one line for the halt")
		assert.Equal(o, []string{"sent later"}, o.bodies(), "nothing is sent")
		h, err := o.desk.Health(o.Context())
		require.NoError(o, err)
		assert.Contains(o, h.Sentence, "Nothing is sent: the folder "+to+" was restored from a backup of ")
		assert.Equal(o, h.Sentence, h.Halted)
		assert.Equal(o, h.Halted, o.is("new", durable.StatePlanned).Why)
		n, err := sqlite.Restored(o.Context(), o.store, ended)
		require.NoError(o, err)
		assert.EqualValues(o, 1, n, "the time of the other one had not come")
		o.after(3 * time.Hour)
		assert.Equal(o, 1, log.with("Messages are sent again."), "and one for its end")
		q := o.is("sent later", durable.StateUnknown)
		assert.Equal(o, "The database was restored, so that it may have been sent already.", q.Why)
		o.is("old", durable.StateSent)
		o.is("new", durable.StateSent)
		assert.Equal(o, []string{"sent later", "new", "old"}, o.bodies())
		assert.Equal(o, durable.StateUnknown, changed["sent later"], "the program hears of it")
		h, err = o.desk.Health(o.Context())
		require.NoError(o, err)
		assert.Equal(o, 1, h.ForPerson)
		assert.Equal(o, "Nobody knows of 1 message whether it was sent; list them with Outbox.Unknown and answer with Outbox.Settle.", h.Sentence)
		require.NoError(o, o.desk.Outbox.Settle(o.Context(), q, true, ""))
	}, durable.Logger(slog.New(slog.NewTextHandler(&log, nil))))
}

// lines is a log.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, string(line))
	return len(line), nil
}

// with counts the lines with a text.
func (l *lines) with(text string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.all {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}
