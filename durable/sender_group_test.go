package durable_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// failing is a store that fails some statements of a transaction.
type failing struct {
	store.Store
	fails func(query string) bool
	times atomic.Int64
}

func (s *failing) Update(ctx context.Context, do func(context.Context, store.Tx) error) error {
	return s.Store.Update(ctx, func(ctx context.Context, tx store.Tx) error { return do(ctx, &failingTx{tx, s}) })
}

func (s *failing) Done(ctx context.Context, tx store.Tx, e *store.Event) error {
	return s.Store.Done(ctx, tx.(*failingTx).Tx, e)
}

type failingTx struct {
	store.Tx
	s *failing
}

func (t *failingTx) check(query string) error {
	if t.s.fails(query) {
		t.s.times.Add(1)
		return errors.New("the database refuses a statement")
	}
	return nil
}

func (t *failingTx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	if err := t.check(query); err != nil {
		return 0, err
	}
	return t.Tx.Exec(ctx, query, args...)
}

func (t *failingTx) Query(ctx context.Context, query string, args ...any) (store.Rows, error) {
	if err := t.check(query); err != nil {
		return nil, err
	}
	return t.Tx.Query(ctx, query, args...)
}

// failsAt opens the desk again, on a store that fails some statements.
func (o *office) failsAt(fails func(query string) bool) *failing {
	o.Helper()
	s := &failing{Store: o.store, fails: fails}
	var err error
	o.desk, err = durable.Open(o.Context(), s, o.channels, o.opts...)
	require.NoError(o, err)
	return s
}

// The statements for several messages fail, and those for one do not. Each message is
// reserved, and its receipt stored, alone, and at once.
func TestGroupOfASenderThatFails(t *testing.T) {
	for name, statement := range map[string]string{
		"reservations":             "claim = v.claim, attempts = v.number",
		"attempts of reservations": "message_id, result) VALUES (CAST(",
		"receipts":                 "SET state = 4, message_id = v.message_id",
	} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(o *office) {
				s := o.failsAt(func(query string) bool { return strings.Contains(query, statement) })
				for n := range 40 {
					o.api.Customer(number(n).Value()).Says("hi")
					o.send(fmt.Sprint(n), number(n))
				}
				o.run()
				o.after(100 * time.Millisecond)
				require.Positive(o, s.times.Load(), "no group was written")
				for n := range 40 {
					q := o.is(fmt.Sprint(n), durable.StateSent)
					assert.Equal(o, 1, o.tries(q.Key))
					assert.Equal(o, 1, q.Attempts)
					assert.NotEmpty(o, q.MessageID)
				}
			})
		})
	}
}

// A message of which a group has two attempts is reserved for one of them.
func TestOneOfAGroupTwice(t *testing.T) {
	inOffice(t, func(o *office) {
		o.send("k", toAnn)
		outcomes, err := durable.ReserveTwice(o.Context(), o.desk, string(theChannel))
		require.NoError(o, err)
		require.Len(o, outcomes, 2)
		require.NoError(o, outcomes[0])
		require.ErrorContains(o, outcomes[1], "another process took it")
		assert.Equal(o, 1, o.is("k", durable.StateReserved).Attempts)
	})
}

// One message of a group cannot be reserved. The others are sent at once, and that one
// when the database takes it.
func TestOneOfAGroupThatFails(t *testing.T) {
	inOffice(t, func(o *office) {
		var single atomic.Int64
		o.failsAt(func(query string) bool {
			return strings.Contains(query, "claim = v.claim, attempts = v.number") ||
				strings.Contains(query, "claim = $1, attempts = $3") && single.Add(1) == 3
		})
		for n := range 10 {
			o.api.Customer(number(n).Value()).Says("hi")
			o.send(fmt.Sprint(n), number(n))
		}
		o.run()
		assert.Len(o, o.bodies(), 9)
		o.after(2 * time.Second)
		for n := range 10 {
			o.is(fmt.Sprint(n), durable.StateSent)
		}
		assert.Len(o, o.bodies(), 10)
	})
}

// A claim looks at the first messages only. Where they are all for people whose chats
// wait, it goes on with others, whose chats take turns.
func TestClaimsTakeTurns(t *testing.T) {
	const waiting, each, free = 140, 3, 20 // more chats than one claim looks at, with more messages
	inOffice(t, func(o *office) {
		o.api.Fail(chatapitest.Fault{Operation: "sendMessage", Times: -1, Status: 200,
			Match: func(c chatapitest.Call) bool { return strings.Contains(c.Field("body"), "of waits ") },
			Body:  `{"sent":false,"message":"(#131056) (Business Account, Consumer Account) pair rate limit hit"}`})
		for n := range waiting {
			o.api.Customer(number(n).Value()).Says("hi")
			for i := range each {
				o.send(fmt.Sprintf("waits %d %d", n, i), number(n))
			}
		}
		o.run()
		o.after(10 * time.Second)
		require.Empty(o, o.bodies())
		for n := range free { // after the others by name and by number
			o.api.Customer(number(waiting + n).Value()).Says("hi")
			o.send(fmt.Sprint("free ", n), number(waiting+n))
		}
		o.after(20 * time.Second)
		assert.Len(o, o.bodies(), free)
	}, durable.Retries(durable.RetryPolicy{Attempts: 10, Delay: func(int) time.Duration { return time.Hour }}))
}
