package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

var inboxCases = []namedCase{
	{"inbox/events come in their order", inboxOrder},
	{"inbox/a done event is gone", inboxDone},
	{"inbox/done goes with its transaction", inboxUndone},
	{"inbox/lanes page by page", inboxLanes},
	{"inbox/lanes in the order of their bytes", inboxBytes},
	{"inbox/a lane that is done is not open", inboxDoneLanes},
	{"inbox/depth", inboxDepth},
	{"inbox/folded events do not come again", inboxFolded},
}

func inboxOrder(d *database) {
	t := d.t
	for n := range 20 {
		d.accept("a", 100+n*2, 101+n*2)
		d.accept("b", 200+n)
	}
	check := func() {
		events := d.events("a")
		require.Len(t, events, 40)
		for i, e := range events {
			require.Equal(t, 100+i, numbers(events)[i])
			require.Equal(t, store.Arrival{Key: key(100 + i), Lane: "a", Index: i % 2}, e.Arrival)
			require.Equal(t, "ABC1", e.Channel)
			require.Empty(t, e.Body)
			require.True(t, e.Received.Equal(received), e.Received)
			require.True(t, e.Accepted.Equal(accepted), e.Accepted)
			if i > 0 {
				require.Greater(t, e.Seq, events[i-1].Seq)
			}
			again, err := d.Event(d.ctx(), e.Seq)
			require.NoError(t, err)
			require.Equal(t, `{"to":"a"}`, string(again.Body))
			e.Body = again.Body // which Open does not read
			require.Equal(t, &e, again)
		}
	}
	check()
	d.restart()
	check()
	some, err := d.Open(d.ctx(), "a", 3)
	require.NoError(t, err)
	require.Equal(t, []int{100, 101, 102}, numbers(some))
	require.Empty(t, d.events("nobody"))
	none, err := d.Event(d.ctx(), 1<<40)
	require.NoError(t, err)
	require.Nil(t, none)
}

func inboxDone(d *database) {
	t := d.t
	d.accept("a", 1, 2, 3)
	d.accept("b", 4)
	events := d.events("a")
	d.done(events[0])
	require.Equal(t, []int{2, 3}, numbers(d.events("a")))
	require.ErrorIs(t, d.mark(events[0]), store.ErrDone)
	d.restart()
	require.Equal(t, []int{2, 3}, numbers(d.events("a")))
	require.ErrorIs(t, d.mark(events[0]), store.ErrDone)
	d.done(events[1], events[2])
	require.ErrorIs(t, d.mark(events[1]), store.ErrDone)
	require.Empty(t, d.events("a"))
	require.Equal(t, []int{4}, numbers(d.events("b")))
	d.accept("a", 5)
	require.Equal(t, []int{5}, numbers(d.events("a")))
	again, err := d.Event(d.ctx(), events[0].Seq)
	require.NoError(t, err)
	events[0].Body = again.Body
	require.Equal(t, events[0], *again)
}

func inboxUndone(d *database) {
	d.accept("a", 1)
	e := d.events("a")[0]
	failure := errors.New("no")
	err := d.Update(d.ctx(), func(ctx context.Context, tx store.Tx) error {
		if err := d.Done(ctx, tx, &e); err != nil {
			return err
		}
		return failure
	})
	require.ErrorIs(d.t, err, failure)
	require.Len(d.t, d.events("a"), 1)

	// What ErrDone ends leaves nothing, whatever was written before.
	d.done(e)
	err = d.Update(d.ctx(), func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.Exec(ctx, insert, "done", "x", 0); err != nil {
			return err
		}
		return d.Done(ctx, tx, &e)
	})
	require.ErrorIs(d.t, err, store.ErrDone)
	require.Empty(d.t, d.people("done"))
}

func inboxLanes(d *database) {
	t := d.t
	var want []string
	all := &store.Delivery{Channel: "ABC1"}
	for n := range 300 {
		want = append(want, fmt.Sprintf("lane %04d", n))
		all.Events = append(all.Events, store.Arrival{Key: key(n), Lane: want[n], Index: n})
	}
	_, err := d.Accept(d.ctx(), all)
	require.NoError(t, err)
	d.accept("lane 0150", 5000, 5001)
	var got []string
	for after := ""; ; {
		page, err := d.OpenLanes(d.ctx(), after, 99)
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		require.LessOrEqual(t, len(page), 99)
		got, after = append(got, page...), page[len(page)-1]
	}
	require.Equal(t, want, got)
	page, err := d.OpenLanes(d.ctx(), "lane 0298", 10)
	require.NoError(t, err)
	require.Equal(t, []string{"lane 0299"}, page)
}

func inboxBytes(d *database) {
	want := []string{"A b", "B a", "_", "a", "aB", "a_", "ab", "z", "ä"}
	for n, lane := range []string{"ä", "ab", "B a", "z", "aB", "a", "_", "A b", "a_"} {
		d.accept(lane, n)
	}
	var got []string
	for after := ""; len(got) < len(want); {
		page, err := d.OpenLanes(d.ctx(), after, 2)
		require.NoError(d.t, err)
		require.NotEmpty(d.t, page)
		got, after = append(got, page...), page[len(page)-1]
	}
	require.Equal(d.t, want, got)
}

func inboxDoneLanes(d *database) {
	t := d.t
	var open []string
	for n := range 30 {
		lane := fmt.Sprintf("lane %02d", n)
		d.accept(lane, n, 100+n)
		events := d.events(lane)
		switch n % 3 {
		case 0:
			d.done(events...)
			continue
		case 1:
			d.done(events[0])
		}
		open = append(open, lane)
	}
	for range 2 {
		lanes, err := d.OpenLanes(d.ctx(), "", 100)
		require.NoError(t, err)
		require.Equal(t, open, lanes)
		lanes, err = d.OpenLanes(d.ctx(), open[2], 3)
		require.NoError(t, err)
		require.Equal(t, open[3:6], lanes)
		d.restart()
	}
	lanes, err := d.OpenLanes(d.ctx(), "", 0)
	require.NoError(t, err)
	require.Empty(t, lanes)
}

func inboxDepth(d *database) {
	t := d.t
	check := func(want int, at time.Time) {
		t.Helper()
		open, oldest, err := d.Depth(d.ctx())
		require.NoError(t, err)
		require.Equal(t, want, open)
		require.True(t, oldest.Equal(at), oldest)
	}
	check(0, time.Time{})
	for n := range 4 {
		later := delivery([]string{"a", "b"}[n%2], n)
		later.Accepted = accepted.Add(time.Duration(n) * time.Minute)
		_, err := d.Accept(d.ctx(), later)
		require.NoError(t, err)
	}
	check(4, accepted)
	d.done(d.events("a")...)
	check(2, accepted.Add(time.Minute))
	outcomes := make(chan error, 32)
	for range cap(outcomes) {
		go func() {
			_, _, err := d.Depth(d.ctx())
			outcomes <- err
		}()
	}
	for range cap(outcomes) {
		require.NoError(t, <-outcomes)
	}
	d.restart()
	check(2, accepted.Add(time.Minute))
	d.done(d.events("b")...)
	check(0, time.Time{})
}

func inboxFolded(d *database) {
	t := d.t
	unfolded := func(limit int) []store.Event {
		events, err := d.Unfolded(d.ctx(), limit)
		require.NoError(t, err)
		return events
	}
	fold := func(events []store.Event, failure error) error {
		return d.Update(d.ctx(), func(ctx context.Context, tx store.Tx) error {
			if err := d.Folded(ctx, tx, events); err != nil {
				return err
			}
			return failure
		})
	}
	behind := func(want int) {
		t.Helper()
		n, oldest, err := d.Behind(d.ctx())
		require.NoError(t, err)
		require.Equal(t, want, n)
		if want == 0 {
			require.True(t, oldest.IsZero())
		} else {
			require.Equal(t, accepted.UnixMicro(), oldest.UnixMicro())
		}
	}
	require.NoError(t, d.MaySend(d.ctx()), "nothing was restored")
	require.Empty(t, unfolded(10))
	behind(0)
	d.accept("a", 1, 2)
	d.accept("b", 3)
	d.done(d.events("a")...)
	require.Equal(t, []int{1, 2, 3}, numbers(unfolded(10)), "done or not")
	require.Equal(t, `{"to":"b"}`, string(unfolded(10)[2].Body))

	failure := errors.New("no")
	require.ErrorIs(t, fold(unfolded(10), failure), failure)
	require.Len(t, unfolded(10), 3)
	behind(3)
	require.NoError(t, fold(unfolded(2), nil))
	require.Equal(t, []int{3}, numbers(unfolded(10)))
	behind(1)
	require.NoError(t, fold(nil, nil))
	d.restart()
	require.Equal(t, []int{3}, numbers(unfolded(10)))
	require.NoError(t, fold(unfolded(10), nil))
	d.accept("a", 4)
	require.Equal(t, []int{4}, numbers(unfolded(10)))
	require.Equal(t, []int{4}, numbers(d.events("a")), "folded or not")
}
