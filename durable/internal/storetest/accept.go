package storetest

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

var acceptCases = []namedCase{
	{"accept/an event is accepted once", acceptOnce},
	{"accept/one of many equal deliveries at once is fresh", acceptEqual},
	{"accept/a key twice in a delivery is one event", acceptTwice},
	{"accept/a delivery with nothing new leaves nothing", acceptNothing},
	{"accept/an unreadable body", acceptUnreadable},
	{"accept/the list of unreadable bodies", acceptUnreadableList},
	{"accept/a body of 4 MiB with 10,000 events", acceptLarge},
	{"accept/hostile texts", acceptHostile},
	{"accept/a context that has ended", acceptCanceled},
	{"accept/the time of the system", acceptNow},
}

func acceptOnce(d *database) {
	t := d.t
	d.accept("a", 1, 2)
	fresh, err := d.Accept(d.ctx(), delivery("a", 2, 3, 1))
	require.NoError(t, err)
	require.Equal(t, []int{1}, fresh)
	require.Equal(t, []int{1, 2, 3}, numbers(d.events("a")))

	d.restart()
	fresh, err = d.Accept(d.ctx(), delivery("b", 3, 4))
	require.NoError(t, err)
	require.Equal(t, []int{1}, fresh)

	d.done(d.events("a")...)
	fresh, err = d.Accept(d.ctx(), delivery("a", 1, 2, 3))
	require.NoError(t, err)
	require.Empty(t, fresh, "done events are known too")
	require.Empty(t, d.events("a"))
}

func acceptEqual(d *database) {
	var total atomic.Int64
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			fresh, err := d.Accept(d.ctx(), delivery("a", 1, 2, 3))
			total.Add(int64(len(fresh)))
			if err != nil {
				total.Add(1000)
			}
		})
	}
	all.Wait()
	require.EqualValues(d.t, 3, total.Load())
	require.Equal(d.t, []int{1, 2, 3}, numbers(d.events("a")))
}

func acceptTwice(d *database) {
	fresh, err := d.Accept(d.ctx(), delivery("a", 1, 1, 2, 1))
	require.NoError(d.t, err)
	require.Equal(d.t, []int{0, 2}, fresh)
	require.Equal(d.t, []int{1, 2}, numbers(d.events("a")))
}

func acceptNothing(d *database) {
	fresh, err := d.Accept(d.ctx(), delivery("a"))
	require.NoError(d.t, err)
	require.Empty(d.t, fresh)
	d.accept("a", 1)
	first := d.events("a")[0]
	for range 3 {
		_, err = d.Accept(d.ctx(), delivery("a", 1))
		require.NoError(d.t, err)
	}
	d.accept("a", 2)
	second := d.events("a")[1]
	require.Less(d.t, first.Delivery, second.Delivery)
	require.Less(d.t, first.Seq, second.Seq)
}

func acceptUnreadable(d *database) {
	for range 2 {
		fresh, err := d.Accept(d.ctx(), &store.Delivery{Channel: "ABC1", Received: received, Body: []byte("<html>"), Unreadable: "no JSON"})
		require.NoError(d.t, err)
		require.Empty(d.t, fresh)
	}
	half := delivery("a", 1)
	half.Unreadable = "messages[1]: no object"
	fresh, err := d.Accept(d.ctx(), half)
	require.NoError(d.t, err)
	require.Equal(d.t, []int{0}, fresh)
	require.Equal(d.t, []int{1}, numbers(d.events("a")))
	open, _, err := d.Depth(d.ctx())
	require.NoError(d.t, err)
	require.Equal(d.t, 1, open, "a body is no event")
}

func acceptLarge(d *database) {
	large := &store.Delivery{Channel: "ABC1", Received: received, Body: bytes.Repeat([]byte("0123456789abcdef"), 4<<20/16)}
	for i := range 10000 {
		large.Events = append(large.Events, store.Arrival{Key: key(i), Lane: "a", Index: i})
	}
	fresh, err := d.Accept(d.ctx(), large)
	require.NoError(d.t, err)
	require.Len(d.t, fresh, 10000)
	events := d.events("a")
	require.Len(d.t, events, 10000)
	require.Empty(d.t, events[0].Body, "only Event and Unfolded read bodies")
	last, err := d.Event(d.ctx(), events[9999].Seq)
	require.NoError(d.t, err)
	require.True(d.t, bytes.Equal(large.Body, last.Body))
	unfolded, err := d.Unfolded(d.ctx(), 10000)
	require.NoError(d.t, err)
	require.True(d.t, bytes.Equal(large.Body, unfolded[0].Body))
	require.Same(d.t, &unfolded[0].Body[0], &unfolded[9999].Body[0], "the events of a delivery share its body")
	for i := range events {
		if events[i].Index != i {
			require.Equal(d.t, i, events[i].Index)
		}
	}
}

// Hostile are texts that a database may stumble over.
var Hostile = []string{
	"a\x00b", "a\x00c", "a\x00", "\x00", "\xff\xfe", "a\xc3", "\xed\xa0\x80", "\uffff", "\U0001f9e6",
	"'; DROP TABLE inbox; --", `"`, `\`, "$1", "?", "%", "a ", "A", "a\u0301", "á", "\n", "\u202e",
	string(bytes.Repeat([]byte("x"), 5000)),
}

func acceptHostile(d *database) {
	for i, text := range Hostile {
		fresh, err := d.Accept(d.ctx(), &store.Delivery{
			Channel: text, Received: received, Body: []byte(text), Unreadable: text,
			Events: []store.Arrival{{Key: key(i), Lane: text}},
		})
		require.NoError(d.t, err, "%q", text)
		require.Len(d.t, fresh, 1)
	}
	for i, text := range Hostile {
		events := d.events(text)
		require.Equal(d.t, []int{i}, numbers(events), "%q", text)
		require.Equal(d.t, text, events[0].Lane)
		require.Equal(d.t, text, events[0].Channel)
		whole, err := d.Event(d.ctx(), events[0].Seq)
		require.NoError(d.t, err)
		require.Equal(d.t, text, string(whole.Body))
		d.done(events...)
		require.Empty(d.t, d.events(text), "%q", text)
	}
	lanes, err := d.OpenLanes(d.ctx(), "", 100)
	require.NoError(d.t, err)
	require.Empty(d.t, lanes)
}

func acceptCanceled(d *database) {
	ctx, cancel := context.WithCancel(d.ctx())
	cancel()
	_, err := d.Accept(ctx, delivery("a", 1))
	require.ErrorIs(d.t, err, context.Canceled)
	require.Empty(d.t, d.events("a"))
	d.accept("a", 1)
}

func acceptNow(d *database) {
	before := time.Now().Add(-time.Minute)
	_, err := d.Accept(d.ctx(), &store.Delivery{Channel: "ABC1", Events: []store.Arrival{{Key: key(1), Lane: "a"}}})
	require.NoError(d.t, err)
	e := d.events("a")[0]
	require.WithinRange(d.t, e.Accepted, before, before.Add(2*time.Minute))
	require.True(d.t, e.Received.IsZero())
	require.Empty(d.t, e.Body)
}

func acceptUnreadableList(d *database) {
	d.accept("a", 1)
	for _, body := range []string{"{", "[", "{"} {
		_, err := d.Accept(d.ctx(), &store.Delivery{Channel: "ABC1", Received: received, Body: []byte(body), Unreadable: "why " + body})
		require.NoError(d.t, err)
	}
	var bodies []string
	for after := int64(0); ; {
		some, err := d.Unreadable(d.ctx(), after, 1)
		require.NoError(d.t, err)
		if len(some) == 0 {
			break
		}
		require.Len(d.t, some, 1)
		after = some[0].ID
		require.Equal(d.t, "why "+string(some[0].Body), some[0].Why)
		require.Equal(d.t, "ABC1", some[0].Channel)
		require.True(d.t, some[0].Received.Equal(received))
		bodies = append(bodies, string(some[0].Body))
	}
	require.Equal(d.t, []string{"{", "["}, bodies)
}
