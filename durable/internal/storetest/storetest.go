// Package storetest checks that a store does what package store asks of it. Every
// store of durable passes it.
package storetest

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// Fresh makes an empty database and returns a function that opens it. The test calls
// that again after it closed the store.
type Fresh func(t *testing.T) (open func() (s store.Store, closeStore func() error))

// Case is a test of a store. It can run inside testing/synctest, if the store can.
type Case struct {
	Name string
	Test func(t *testing.T, fresh Fresh)
}

// Run runs every case.
func Run(t *testing.T, fresh Fresh) {
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) { c.Test(t, fresh) })
	}
}

// Cases returns every case.
func Cases() []Case {
	var cases []Case
	for _, some := range [][]namedCase{acceptCases, inboxCases, workCases, tidyCases, loadCases} {
		for _, c := range some {
			cases = append(cases, Case{c.name, func(t *testing.T, fresh Fresh) {
				d := &database{t: t, open: fresh(t)}
				d.start()
				t.Cleanup(d.stop)
				c.test(d)
			}})
		}
	}
	return cases
}

type namedCase struct {
	name string
	test func(d *database)
}

// database is a database under test, with the store that it is open in.
type database struct {
	store.Store
	t     *testing.T
	open  func() (store.Store, func() error)
	close func() error
}

func (d *database) start() { d.Store, d.close = d.open() }

func (d *database) stop() {
	if d.close != nil {
		require.NoError(d.t, d.close())
		d.close = nil
	}
}

func (d *database) restart() {
	d.stop()
	d.start()
}

func (d *database) ctx() context.Context { return d.t.Context() }

var (
	received = time.Date(2026, 11, 28, 10, 0, 0, 123456000, time.UTC)
	accepted = received.Add(time.Second)
)

// key returns the hash of event n.
func key(n int) (k [16]byte) {
	binary.BigEndian.PutUint64(k[8:], uint64(n))
	return k
}

// delivery returns a delivery to a lane with the numbered events.
func delivery(lane string, numbers ...int) *store.Delivery {
	d := &store.Delivery{Channel: "ABC1", Received: received, Accepted: accepted, Body: []byte(`{"to":"` + lane + `"}`)}
	for i, n := range numbers {
		d.Events = append(d.Events, store.Arrival{Key: key(n), Lane: lane, Index: i})
	}
	return d
}

// accept stores a delivery, all of whose events are new.
func (d *database) accept(lane string, numbers ...int) {
	d.t.Helper()
	fresh, err := d.Accept(d.ctx(), delivery(lane, numbers...))
	require.NoError(d.t, err)
	require.Len(d.t, fresh, len(numbers))
}

// events returns the open events of a lane.
func (d *database) events(lane string) []store.Event {
	d.t.Helper()
	events, err := d.Open(d.ctx(), lane, 100000)
	require.NoError(d.t, err)
	return events
}

// numbers returns the numbers of events.
func numbers(events []store.Event) []int {
	list := []int{}
	for _, e := range events {
		list = append(list, int(binary.BigEndian.Uint64(e.Key[8:])))
	}
	return list
}

// done marks events as done, each in a transaction of its own.
func (d *database) done(events ...store.Event) {
	d.t.Helper()
	for _, e := range events {
		require.NoError(d.t, d.mark(e))
	}
}

func (d *database) mark(e store.Event) error {
	return d.Update(d.ctx(), func(ctx context.Context, tx store.Tx) error { return d.Done(ctx, tx, &e) })
}

// exec runs a statement in a transaction of its own.
func (d *database) exec(query string, args ...any) {
	d.t.Helper()
	require.NoError(d.t, d.Update(d.ctx(), func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	}))
}

// The suite's own rows are in the table of opt-outs, which every store has.
const insert = "INSERT INTO opt_out (channel, person, at, stopped) VALUES ($1, $2, $3, 0)"

// people returns the persons of a channel in the table of opt-outs.
func (d *database) people(channel string) []string {
	d.t.Helper()
	list := []string{}
	require.NoError(d.t, d.View(d.ctx(), func(ctx context.Context, tx store.Tx) (err error) {
		list, err = peopleIn(ctx, tx, channel)
		return err
	}))
	return list
}

func peopleIn(ctx context.Context, tx store.Tx, channel string) ([]string, error) {
	list := []string{}
	rows, err := tx.Query(ctx, "SELECT person FROM opt_out WHERE channel = $1 ORDER BY person", channel)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		list = append(list, name)
	}
	return list, rows.Err()
}
