package durable_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
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

func TestOutboxRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		fault chatapitest.Fault
		state durable.SendState // at once
		why   string
		tries int // at once
		sent  time.Duration
	}{
		"429 with Retry-After": {chatapitest.Fault{Status: 429, RetryAfter: 90 * time.Second}, durable.StatePlanned, "the channel goes on at 00:01:30 UTC", 1, 90 * time.Second},
		"429 without":          {chatapitest.Fault{Status: 429}, durable.StatePlanned, "the channel goes on at 00:00:01 UTC", 1, time.Second},
		"429 three times":      {chatapitest.Fault{Status: 429, Times: 3}, durable.StatePlanned, "goes on at", 1, 7 * time.Second},
		"not connected":        {chatapitest.Fault{Dial: true}, durable.StatePlanned, "goes on at", 1, time.Second},
		"a wrong request":      {chatapitest.Fault{Status: 400, Body: `{"message":"no such thing"}`}, durable.StateFailed, "no such thing", 1, 0},
		"an unknown recipient": {chatapitest.Fault{Status: 200, Body: `{"sent":false,"message":"(#131026) Message undeliverable"}`}, durable.StateFailed, "", 1, 0},
		"a limit of marketing": {chatapitest.Fault{Status: 200, Body: `{"sent":false,"message":"(#131049) limit"}`}, durable.StateFailed, "", 1, 0},
		"a locked account":     {chatapitest.Fault{Status: 200, Body: `{"sent":false,"message":"(#131031) Account has been locked"}`}, durable.StatePlanned, "is blocked", 1, 5 * time.Minute},
		"a payment problem":    {chatapitest.Fault{Status: 200, Body: `{"sent":false,"message":"(#131042) payment"}`}, durable.StatePlanned, "is blocked", 1, 5 * time.Minute},
		"another block":        {chatapitest.Fault{Status: 200, Body: `{"sent":false,"message":"(#368) Temporarily blocked for policies violations"}`}, durable.StatePlanned, "goes on at", 1, 5 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(o *office) {
				c.fault.Operation = "sendMessage"
				o.api.Fail(c.fault)
				o.send("k", toAnn)
				o.run()
				q := o.is("k", c.state)
				assert.Contains(o, q.Why, c.why)
				assert.NotEmpty(o, q.Why)
				assert.Equal(o, c.tries, q.Attempts)
				if c.state == durable.StateFailed {
					require.NotNil(o, q.Err)
					assert.NotEmpty(o, q.Err.Kind)
					assert.Equal(o, q.Why, q.Err.Sentence)
					o.after(48 * time.Hour)
					o.is("k", durable.StateFailed)
					assert.Empty(o, o.bodies())
					return
				}
				o.after(c.sent - time.Second)
				o.is("k", durable.StatePlanned)
				o.after(3 * time.Second)
				o.is("k", durable.StateSent)
				assert.Equal(o, []string{"k"}, o.bodies())
			})
		})
	}
}

// A refusal of the channel costs one request for each pause, not one for each message.
func TestOutboxPausesTheChannel(t *testing.T) {
	inOffice(t, func(o *office) {
		o.api.Fail(chatapitest.Fault{Operation: "sendMessage", Status: 429, Times: -1})
		for n := range 300 {
			o.send(fmt.Sprint(n), number(n))
			o.api.Customer(number(n).Value()).Says("hi")
		}
		o.run()
		o.after(10 * time.Minute)
		assert.Less(o, len(o.api.Calls().Sends()), 50)
		o.api.Heal()
		o.after(2 * time.Minute)
		assert.Len(o, o.bodies(), 300)
	})
}

func TestOutboxTriesAMessageABoundedNumberOfTimes(t *testing.T) {
	inOffice(t, func(o *office) {
		o.api.Fail(chatapitest.Fault{Operation: "sendMessage", To: toAnn, Status: 200, Times: -1,
			Body: `{"sent":false,"message":"(#131056) pair rate limit hit"}`})
		o.send("k", toAnn)
		o.run()
		o.after(48 * time.Hour)
		assert.Equal(o, 4, o.is("k", durable.StateFailed).Attempts)
		assert.Equal(o, 4, o.tries("k"))
		o.api.Customer(toAnn.Value()).Says("hi")
		again, err := o.desk.Outbox.Again(o.Context(), o.get("k"))
		require.NoError(o, err)
		assert.True(o, again)
		o.api.Heal()
		o.after(2 * time.Hour)
		o.is("k", durable.StateSent)
		again, err = o.desk.Outbox.Again(o.Context(), o.get("k"))
		require.NoError(o, err)
		assert.False(o, again, "what was sent is not sent again")
	}, durable.Retries(durable.RetryPolicy{Attempts: 4}))
}

func TestOutboxGoesOnWithANewToken(t *testing.T) {
	inOffice(t, func(o *office) {
		o.client = append(o.client, chatapi.WithPace(chatapi.Pace{PerSecond: 10}))
		o.put(o.api.Token)
		const all = 200
		for n := range all {
			o.send(fmt.Sprint(n), number(n))
			o.api.Customer(number(n).Value()).Says("hi")
		}
		o.run()
		o.after(5 * time.Second)
		o.api.ExpireToken()
		o.after(10 * time.Second)
		before := len(o.bodies())
		assert.Greater(o, before, 20)
		calls := len(o.api.Calls().Sends())
		assert.Less(o, calls-before, 20, "few requests learn that the token is dead")
		o.after(4 * time.Minute)
		assert.Len(o, o.api.Calls().Sends(), calls, "nothing is tried meanwhile")
		assert.Equal(o, "Channel ABC100000001 needs a new token.", o.is(fmt.Sprint(all-1), durable.StatePlanned).Why)
		o.api.RenewToken()
		o.put(o.api.Token)
		o.after(time.Minute)
		assert.Len(o, o.bodies(), all)
		for n := range all {
			o.is(fmt.Sprint(n), durable.StateSent)
		}
		assert.Len(o, o.api.Calls().Accepted().Sends(), all)
	})
}

// A token that works again, such as that of a source, is found by one try in minutes.
func TestOutboxProbesAHeldChannel(t *testing.T) {
	inOffice(t, func(o *office) {
		o.api.Block("")
		for n := range 20 {
			o.send(fmt.Sprint(n), number(n))
			o.api.Customer(number(n).Value()).Says("hi")
		}
		o.run()
		o.after(time.Hour)
		assert.Less(o, len(o.api.Calls().Sends()), 30)
		assert.Contains(o, o.is("19", durable.StatePlanned).Why, "is blocked")
		o.api.Unblock()
		o.after(6 * time.Minute)
		assert.Len(o, o.bodies(), 20)
	})
}

func TestOutboxWaitsForAChannel(t *testing.T) {
	inOffice(t, func(o *office) {
		o.send("k", toAnn)
		o.send("until", toBen, durable.Until(time.Now().Add(time.Hour)))
		o.channels.Remove(theChannel)
		o.run()
		assert.Equal(o, "Channel ABC100000001 is not connected.", o.is("k", durable.StatePlanned).Why)
		o.after(2 * time.Hour)
		o.is("k", durable.StatePlanned)
		o.is("until", durable.StateSkipped)
		o.api.Customer(toAnn.Value()).Says("hi")
		o.put(o.api.Token)
		o.after(5 * time.Second)
		assert.Equal(o, []string{"k"}, o.bodies())
	})
}

func TestOutboxCancelsDuringThePace(t *testing.T) {
	inOffice(t, func(o *office) {
		o.client = append(o.client, chatapi.WithPace(chatapi.Pace{PerSecond: 0.1}))
		o.put(o.api.Token)
		o.send("first", toAnn)
		o.run()
		o.send("second", toBen)
		synctest.Wait()
		o.is("second", durable.StateClaimed)
		canceled, err := o.desk.Outbox.Cancel(o.Context(), theChannel, "second")
		require.NoError(o, err)
		assert.True(o, canceled)
		o.after(time.Minute)
		o.is("second", durable.StateCanceled)
		assert.Equal(o, []string{"first"}, o.bodies())
	})
}

// A clock that jumps while a message waits for the pace shows that the claim is old.
func TestOutboxRefusesAfterAFreeze(t *testing.T) {
	inOffice(t, func(o *office) {
		var jump atomic.Int64
		changed := make(chan struct{}, 1)
		clock := durable.Clock(func() time.Time { return time.Now().Add(time.Duration(jump.Load())) }, changed)
		var err error
		o.desk, err = durable.Open(o.Context(), o.store, o.channels, clock)
		require.NoError(o, err)
		o.client = append(o.client, chatapi.WithPace(chatapi.Pace{PerSecond: 0.1}))
		o.put(o.api.Token)
		o.api.Customer(number(1).Value()).Says("hi")
		o.send("first", toAnn)
		o.run()
		o.send("late", toBen, durable.Until(time.Now().Add(time.Hour)))
		o.send("old", number(1))
		synctest.Wait()
		o.is("late", durable.StateClaimed)
		jump.Store(int64(2 * time.Hour))
		changed <- struct{}{}
		o.after(5 * time.Minute)
		o.is("late", durable.StateSkipped)
		o.is("old", durable.StateSent)
		assert.Equal(o, []string{"first", "old"}, o.bodies())
	})
}

func TestOutboxEndsInOrder(t *testing.T) {
	inOffice(t, func(o *office) {
		o.client = append(o.client, chatapi.WithPace(chatapi.Pace{PerSecond: 0.2}))
		o.put(o.api.Token)
		o.api.Fail(chatapitest.Fault{Operation: "sendMessage", To: toAnn, Delay: 3 * time.Second})
		o.send("runs", toAnn)
		o.run()
		o.send("waits", toBen)
		o.after(time.Second)
		o.is("runs", durable.StateReserved)
		o.is("waits", durable.StateClaimed)
		began := time.Now()
		require.NoError(o, o.stop())
		assert.Equal(o, 2*time.Second, time.Since(began), "the send that runs is waited for")
		o.is("runs", durable.StateSent)
		o.is("waits", durable.StatePlanned)
		o.run()
		o.after(time.Minute)
		assert.Equal(o, []string{"runs", "waits"}, o.bodies())
	})
}

func TestOutboxBreaksOffWhatDoesNotEnd(t *testing.T) {
	inOffice(t, func(o *office) {
		o.api.Fail(chatapitest.Fault{Operation: "sendMessage", To: toAnn, Delay: time.Hour, Accepted: true, Status: http.StatusOK})
		o.send("runs", toAnn)
		o.run()
		assert.ErrorContains(o, o.stop(), "did not end within 5s")
		o.stop = nil
		o.is("runs", durable.StateUnknown)
	}, durable.DrainTimeout(5*time.Second))
}

// Two desks on one store: only one of them sends for a channel at a time.
func TestOutboxOfTwoDesks(t *testing.T) {
	inOffice(t, func(o *office) {
		first := *o
		o.run()
		stop := o.stop
		var err error
		first.desk, err = durable.Open(o.Context(), o.store, o.channels)
		require.NoError(o, err)
		first.run()
		for n := range 60 {
			o.api.Customer(number(n).Value()).Says("hi")
			o.send(fmt.Sprint("x", n), number(n))
			first.send(fmt.Sprint("y", n), number(n))
		}
		synctest.Wait()
		o.after(time.Minute)
		require.NoError(o, first.stop())
		require.NoError(o, stop())
		o.stop = nil
		assert.Len(o, o.bodies(), 120)
		for n := range 60 {
			assert.Equal(o, 1, o.tries(fmt.Sprint("x", n)))
			assert.Equal(o, 1, o.tries(fmt.Sprint("y", n)))
		}
	})
}

// flaky is a store of which one Update fails, before or after its commit.
type flaky struct {
	durable.Store
	after bool
	left  atomic.Int32
}

func (f *flaky) Update(ctx context.Context, do func(context.Context, store.Tx) error) error {
	failed := f.left.Add(-1) == 0
	if failed && !f.after {
		return errors.New("the disk is gone")
	}
	err := f.Store.Update(ctx, do)
	if failed {
		return errors.New("the answer of the disk is gone")
	}
	return err
}

// Whichever commit fails, each message is sent once.
func TestOutboxOnAStoreThatFails(t *testing.T) {
	for n := range int32(12) {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("commit %d, after %t", n+1, after), func(t *testing.T) {
				inOffice(t, func(o *office) {
					f := &flaky{Store: o.store, after: after}
					var err error
					o.desk, err = durable.Open(o.Context(), f, o.channels)
					require.NoError(o, err)
					for _, key := range []string{"1", "2"} {
						o.send("a"+key, toAnn)
						o.send("b"+key, toBen)
					}
					f.left.Store(n + 1)
					o.run()
					o.after(5 * time.Minute)
					for _, key := range []string{"a1", "a2", "b1", "b2"} {
						o.is(key, durable.StateSent)
						assert.Equal(o, 1, o.tries(key))
					}
				})
			})
		}
	}
}

// A message whose attempt is stored, and whose time runs out before a connection is
// there, has not gone out. So it is with a program that is frozen, or ends, in between.
func TestOutboxTimeRunsOutBeforeTheWrite(t *testing.T) {
	inOffice(t, func(o *office) {
		client := o.client
		o.client = []chatapi.Option{chatapi.WithTimeout(10 * time.Minute), chatapi.WithHTTPClient(&http.Client{
			Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
				time.Sleep(2 * time.Minute)
				return nil, errors.New("no route to host")
			}}})}
		o.put(o.api.Token)
		o.send("k", toAnn)
		o.run()
		o.is("k", durable.StateReserved)
		o.client = client
		o.put(o.api.Token)
		o.after(3 * time.Minute)
		q := o.is("k", durable.StateSent)
		assert.Equal(o, 2, q.Attempts)
		assert.Equal(o, []string{"k"}, o.bodies())
	})
}

// A turn that comes when the claim is old would be lost to every other message.
func TestOutboxSendsAtASlowPace(t *testing.T) {
	every := 40 * time.Second
	for name, pace := range map[string]chatapi.Pace{
		"channel":   {PerSecond: 1 / every.Seconds()},
		"recipient": {PerSecond: 80, Pair: every, PairBurst: 1},
	} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(o *office) {
				o.client = append(o.client, chatapi.WithPace(pace))
				o.put(o.api.Token)
				for n := range 12 {
					to := toAnn
					if name == "channel" {
						to = number(n)
						o.api.Customer(to.Value()).Says("hi")
					}
					o.send(number(n).Value(), to)
				}
				o.run()
				o.after(30 * every)
				assert.Len(o, o.bodies(), 12)
			})
		})
	}
}

// lateUpdate is a store of which one call tells its commit late.
type lateUpdate struct {
	durable.Store
	calls atomic.Int32 // until that one
}

func (l *lateUpdate) Update(ctx context.Context, do func(context.Context, store.Tx) error) error {
	err := l.Store.Update(ctx, do)
	if l.calls.Add(-1) == 0 {
		time.Sleep(time.Second)
	}
	return err
}

// A message that has to wait again while the sender looks for work is not forgotten.
func TestOutboxSeesTheEndOfASendDuringAStep(t *testing.T) {
	inOffice(t, func(o *office) {
		late := &lateUpdate{Store: o.store}
		var err error
		o.desk, err = durable.Open(o.Context(), late, o.channels)
		require.NoError(o, err)
		var once sync.Once
		o.atWire(func() {
			once.Do(func() {
				late.calls.Store(2) // that of Cancel, and the step to which it wakes the sender
				_, err := o.desk.Outbox.Cancel(o.Context(), theChannel, "another")
				assert.NoError(o, err)
				time.Sleep(time.Millisecond)
			})
		}, nothing)
		o.api.Fail(chatapitest.Fault{Operation: "sendMessage", Status: 429})
		o.send("k", toAnn)
		o.run()
		o.after(10 * time.Second)
		o.is("k", durable.StateSent)
	})
}
