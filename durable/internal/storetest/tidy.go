package storetest

import (
	"context"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

var tidyCases = []namedCase{
	{"tidy/numbers are not given again", tidyNumbers},
	{"tidy/removes the old, done and folded alone", tidyKinds},
	{"tidy/a body stays as long as one of its events", tidyShared},
	{"tidy/in bounded pieces", tidyPieces},
}

// foldAll marks every event as folded.
func (d *database) foldAll() {
	d.t.Helper()
	for {
		events, err := d.Unfolded(d.ctx(), 1000)
		require.NoError(d.t, err)
		if len(events) == 0 {
			return
		}
		require.NoError(d.t, d.Update(d.ctx(), func(ctx context.Context, tx store.Tx) error { return d.Folded(ctx, tx, events) }))
	}
}

// tidy tidies until there is no more to do.
func (d *database) tidy(before time.Time) {
	d.t.Helper()
	for {
		more, err := d.Tidy(d.ctx(), before)
		require.NoError(d.t, err)
		if !more {
			return
		}
	}
}

func (d *database) kept(e store.Event) bool {
	d.t.Helper()
	found, err := d.Event(d.ctx(), e.Seq)
	require.NoError(d.t, err)
	return found != nil
}

func (d *database) die(e store.Event) {
	d.t.Helper()
	require.NoError(d.t, d.Update(d.ctx(), func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO dead (seq, lane, channel, event_key, attempts, reason, accepted, died, replay)
			VALUES ($1, $2, '', '', 1, '', 0, 0, 0)`, e.Seq, e.Lane); err != nil {
			return err
		}
		return d.Done(ctx, tx, &e)
	}))
}

func tidyKinds(d *database) {
	t := d.t
	d.accept("done", 1)
	d.accept("open", 2)
	d.accept("dead", 3)
	d.accept("half", 4, 5)
	young := delivery("young", 6)
	young.Accepted = accepted.Add(time.Hour)
	_, err := d.Accept(d.ctx(), young)
	require.NoError(t, err)
	_, err = d.Accept(d.ctx(), &store.Delivery{Channel: "ABC1", Accepted: accepted, Body: []byte("<"), Unreadable: "no JSON"})
	require.NoError(t, err)
	d.foldAll()
	d.accept("unfolded", 7)

	done, open, dead, half := d.events("done")[0], d.events("open")[0], d.events("dead")[0], d.events("half")
	youngEvent, unfolded := d.events("young")[0], d.events("unfolded")[0]
	d.done(done, half[0], youngEvent, unfolded)
	d.die(dead)

	d.tidy(accepted)
	require.True(t, d.kept(done), "not before, but at the instant")
	d.tidy(accepted.Add(time.Minute))
	require.False(t, d.kept(done))
	require.False(t, d.kept(half[0]))
	for _, e := range []store.Event{open, dead, half[1], youngEvent, unfolded} {
		require.True(t, d.kept(e), e.Lane)
	}
	require.Equal(t, []int{2}, numbers(d.events("open")))
	require.Equal(t, []int{5}, numbers(d.events("half")))
	require.ErrorIs(t, d.mark(done), store.ErrDone, "a removed event is not done again")

	fresh, err := d.Accept(d.ctx(), delivery("again", 1, 2, 3, 4, 5, 6, 7))
	require.NoError(t, err)
	require.Empty(t, fresh, "keys are kept for ever")

	d.foldAll()
	d.exec("DELETE FROM dead WHERE seq = $1", dead.Seq)
	d.done(open)
	d.restart()
	d.tidy(accepted.Add(2 * time.Hour))
	for _, e := range []store.Event{open, dead, youngEvent, unfolded} {
		require.False(t, d.kept(e), e.Lane)
	}
	require.Equal(t, []int{5}, numbers(d.events("half")))
	d.accept("open", 8)
	require.Greater(t, d.events("open")[0].Seq, unfolded.Seq, "a seq is not given again")
	d.done(d.events("open")...)
}

func tidyShared(d *database) {
	t := d.t
	shared := delivery("a", 1, 2)
	shared.Events[1].Lane = "b"
	_, err := d.Accept(d.ctx(), shared)
	require.NoError(t, err)
	d.foldAll()
	d.done(d.events("a")...)
	d.tidy(accepted.Add(time.Minute))
	e := d.events("b")[0]
	whole, err := d.Event(d.ctx(), e.Seq)
	require.NoError(t, err)
	require.Equal(t, string(shared.Body), string(whole.Body))
	d.done(e)
	d.tidy(accepted.Add(time.Minute))
	require.False(t, d.kept(e))
}

func tidyPieces(d *database) {
	t := d.t
	// Those that stay do not hide those behind them.
	for n := range 6 {
		old := &store.Delivery{Channel: "ABC1", Accepted: accepted}
		for i := range 100 {
			old.Events = append(old.Events, store.Arrival{Key: key(5000 + n*100 + i), Lane: "open", Index: i})
		}
		_, err := d.Accept(d.ctx(), old)
		require.NoError(t, err)
	}
	for n := range 12 {
		many := &store.Delivery{Channel: "ABC1", Accepted: accepted, Body: []byte("{}")}
		for i := range 100 {
			many.Events = append(many.Events, store.Arrival{Key: key(n*100 + i), Lane: fmt.Sprintf("lane %d", n%3), Index: i})
		}
		_, err := d.Accept(d.ctx(), many)
		require.NoError(t, err)
	}
	d.foldAll()
	d.accept("last", 9999)
	last := d.events("last")[0]
	for n := range 3 {
		events := d.events(fmt.Sprintf("lane %d", n))
		require.Len(t, events, 400)
		require.NoError(t, d.Update(d.ctx(), func(ctx context.Context, tx store.Tx) error {
			for i := range events {
				if err := d.Done(ctx, tx, &events[i]); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	d.tidy(accepted.Add(time.Minute))
	for seq := last.Seq - 1200; seq < last.Seq; seq++ {
		e, err := d.Event(d.ctx(), seq)
		require.NoError(t, err)
		require.Nil(t, e)
	}
	require.True(t, d.kept(last))
	require.Len(t, d.events("open"), 600)
}

// A number that is given again would count as done.
func tidyNumbers(d *database) {
	d.accept("a", 1, 2)
	before := d.events("a")
	d.done(before...)
	d.foldAll()
	d.tidy(accepted.Add(time.Hour))
	d.restart()
	gone, err := d.Event(d.ctx(), before[1].Seq)
	require.NoError(d.t, err)
	require.Nil(d.t, gone)
	d.accept("a", 3)
	after := d.events("a")
	require.Equal(d.t, []int{3}, numbers(after))
	require.Greater(d.t, after[0].Seq, before[1].Seq)
	fresh, err := d.Accept(d.ctx(), delivery("a", 1, 2))
	require.NoError(d.t, err)
	require.Empty(d.t, fresh, "the keys are known for ever")
}
