package durable_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// atWire calls before and after each send at the network.
func (o *office) atWire(before, after func()) {
	o.client = []chatapi.Option{chatapi.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodPost {
			return o.api.Transport.RoundTrip(r)
		}
		before()
		resp, err := o.api.Transport.RoundTrip(r)
		after()
		return resp, err
	})})}
	o.put(o.api.Token)
}

func nothing() {}

// What a dead program left is unknown at once, if no other program can be sending it; else
// when its send has certainly ended.
func TestOutboxCrashAfterTheServiceAccepted(t *testing.T) {
	for name, shared := range map[string]bool{"one program": false, "many programs": true} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(o *office) {
				dir := ""
				o.atWire(nothing, func() { dir = o.copied() })
				o.send("k", toAnn)
				o.run()
				o.crash(dir)
				o.is("k", durable.StateReserved)
				if shared {
					var err error
					o.desk, err = durable.Open(o.Context(), &machines{Store: o.store}, o.channels)
					require.NoError(o, err)
				}
				o.run()
				if shared {
					o.after(74 * time.Second)
					o.is("k", durable.StateReserved)
					o.after(2 * time.Second)
				} else {
					o.is("k", durable.StateUnknown)
					o.after(71 * time.Second)
				}
				q := o.is("k", durable.StateSent)
				assert.Equal(o, o.api.Customer(toAnn.Value()).LastReceived().ID, q.MessageID, "the history has it")
				assert.Equal(o, []string{"k"}, o.bodies())
			})
		})
	}
}

// One lost answer costs the other messages no time; a second one in a row pauses the
// channel.
func TestOutboxLostAnswersInARow(t *testing.T) {
	for _, lost := range []int{1, 2, 3} {
		t.Run(fmt.Sprint(lost), func(t *testing.T) {
			inOffice(t, func(o *office) {
				o.api.Fail(chatapitest.Fault{Operation: "sendMessage", Status: http.StatusBadGateway, Times: lost})
				for n := range 5 {
					o.api.Customer(number(n).Value()).Says("hi")
				}
				o.run()
				for n := range 5 {
					o.send(fmt.Sprint(n), number(n))
					synctest.Wait()
				}
				sent := 5 - lost
				if lost > 1 {
					sent = 0
				}
				assert.Len(o, o.bodies(), sent)
				o.after(10 * time.Second)
				assert.Len(o, o.bodies(), 5-lost)
			})
		})
	}
}

func TestOutboxCrashBeforeTheWrite(t *testing.T) {
	for policy, state := range map[durable.Unknown]durable.SendState{durable.ResolveThenAsk: durable.StateUnknown,
		durable.ResolveThenResend: durable.StateSent, durable.ResolveThenSkip: durable.StateSkipped} {
		t.Run(string(state), func(t *testing.T) {
			inOffice(t, func(o *office) {
				dir := ""
				o.atWire(func() { dir = o.copied() }, nothing)
				o.send("k", toAnn)
				o.api.Fail(chatapitest.Fault{Operation: "sendMessage", Dial: true}) // the write of the process that dies
				o.run()
				o.crash(dir)
				o.send("next", toAnn)
				o.run()
				o.after(time.Minute)
				o.is("next", durable.StatePlanned)
				o.after(70 * time.Second)
				o.is("next", durable.StateSent)
				o.after(7 * time.Minute)
				o.is("k", durable.StateUnknown)
				o.after(2 * time.Minute)
				q := o.is("k", state)
				o.after(24 * time.Hour)
				assert.Equal(o, state, o.get("k").State)
				assert.NotEmpty(o, q.Why+q.MessageID)
				n := 0
				if state == durable.StateSent {
					n = 1
				}
				assert.Equal(o, 1+n, o.tries("k"), "the first try was not accepted")
			}, durable.UnknownPolicy(policy))
		})
	}
}

func TestOutboxCrashDuringThePace(t *testing.T) {
	inOffice(t, func(o *office) {
		o.client = append(o.client, chatapi.WithPace(chatapi.Pace{PerSecond: 0.1}))
		o.put(o.api.Token)
		o.send("first", toAnn)
		o.run()
		o.send("second", toBen)
		synctest.Wait()
		o.is("second", durable.StateClaimed)
		o.crash(o.copied())
		o.is("second", durable.StateClaimed)
		o.run()
		o.after(11 * time.Second)
		o.is("second", durable.StateSent)
		assert.Equal(o, []string{"first", "second"}, o.bodies())
	})
}

func TestOutboxLostReply(t *testing.T) {
	inOffice(t, func(o *office) {
		o.api.Fail(chatapitest.Fault{Operation: "sendMessage", Status: http.StatusBadGateway, Accepted: true})
		o.send("k", toAnn)
		o.run()
		q := o.is("k", durable.StateUnknown)
		assert.Equal(o, "It is not known whether the message went out: the service did not answer.", q.Why)
		o.after(71 * time.Second)
		assert.Equal(o, o.api.Customer(toAnn.Value()).LastReceived().ID, o.is("k", durable.StateSent).MessageID)
		assert.Equal(o, 1, o.tries("k"))
	})
}

// Two equal texts at one time: the history cannot tell which attempt each was.
func TestOutboxAsksAPerson(t *testing.T) {
	inOffice(t, func(o *office) {
		o.api.Fail(chatapitest.Fault{Operation: "sendMessage", Status: http.StatusBadGateway, Times: 3})
		for _, key := range []string{"k1", "k2", "k3"} {
			_, err := o.desk.Outbox.Send(o.Context(), theChannel, key, toAnn, chatapi.Text{Body: "the same"})
			require.NoError(o, err)
		}
		o.run()
		o.after(time.Hour)
		var open []*durable.Queued
		for q, err := range o.desk.Outbox.Unknown(o.Context(), durable.QueueFilter{}) {
			require.NoError(o, err)
			assert.Contains(o, q.Why, "It is not known whether the message went out")
			open = append(open, q)
		}
		require.Len(o, open, 3)
		calls := len(o.api.Calls())
		o.after(24 * time.Hour)
		assert.Len(o, o.api.Calls(), calls, "nobody looks any more")
		o.api.Heal()

		require.NoError(o, o.desk.Outbox.Settle(o.Context(), open[0], true, "m1"))
		assert.Equal(o, "m1", o.is("k1", durable.StateSent).MessageID)
		require.NoError(o, o.desk.Outbox.Settle(o.Context(), open[1], false, ""))
		assert.Contains(o, o.is("k2", durable.StateFailed).Why, "A person said")
		assert.Error(o, o.desk.Outbox.Settle(o.Context(), open[1], true, "m2"), "it is settled")
		q, err := o.desk.Outbox.Resolve(o.Context(), open[2])
		require.NoError(o, err)
		assert.Equal(o, durable.StateUnknown, q.State)
		changes := []durable.SendState{}
		o.desk.Outbox.OnChange(func(_ context.Context, _ durable.Tx, q *durable.Queued) error {
			changes = append(changes, q.State)
			return nil
		})
		o.end()
		for _, could := range []bool{true, false} {
			again, err := o.desk.Outbox.Again(o.Context(), open[2])
			require.NoError(o, err)
			assert.Equal(o, could, again, "two people press at the same time")
		}
		assert.Equal(o, []durable.SendState{durable.StatePlanned}, changes, "in one transaction")
		var result string
		require.NoError(o, sqlite.DB(o.store).QueryRowContext(o.Context(), "SELECT result FROM outbox_attempt WHERE outbox = $1", open[2].ID).Scan(&result))
		assert.Equal(o, "a person said that it did not go out", result)
		o.api.Customer(toAnn.Value()).Says("hi")
		o.run()
		o.after(time.Minute)
		o.is("k3", durable.StateSent)
	})
}

// status folds a status without a time, as the service's own form has it.
func (o *office) status(id string, to chatapi.Recipient, s chatapi.Status) {
	o.Helper()
	e := &chatapi.StatusEvent{EventInfo: chatapi.EventInfo{Channel: theChannel, Received: time.Now()}, MessageID: id, Status: s,
		To: chatapi.Contact{Phone: to.Value()}}
	require.NoError(o, durable.FoldStatus(o.Context(), o.desk, e))
}

// echo folds the echo of a message to Ann.
func (o *office) echo(id, text string) {
	o.Helper()
	e := &chatapi.EchoEvent{EventInfo: chatapi.EventInfo{Channel: theChannel, Time: time.Now()}, To: chatapi.Contact{Phone: toAnn.Value()},
		Content: chatapi.Content{ID: id, Text: text}}
	require.NoError(o, durable.FoldEcho(o.Context(), o.desk, e))
}

// lost sends messages to Ann of which the service's answers are lost.
func (o *office) lost(keys ...string) {
	o.api.Fail(chatapitest.Fault{Operation: "sendMessage", Status: http.StatusBadGateway, Times: len(keys)})
	for _, key := range keys {
		o.send(key, toAnn)
	}
	o.run()
	o.after(3 * time.Minute)
}

func TestOutboxEvidence(t *testing.T) {
	t.Run("a status settles the one open message", func(t *testing.T) {
		inOffice(t, func(o *office) {
			o.lost("k")
			o.status("m1", toBen, chatapi.StatusDelivered)
			o.is("k", durable.StateUnknown)
			o.status("m2", toAnn, chatapi.StatusDelivered)
			q := o.is("k", durable.StateSent)
			assert.Equal(o, "m2", q.MessageID)
			assert.Equal(o, chatapi.StatusDelivered, q.Status)
		})
	})
	t.Run("an echo with its text", func(t *testing.T) {
		inOffice(t, func(o *office) {
			o.lost("k")
			o.echo("m1", "another text")
			o.is("k", durable.StateUnknown)
			o.echo("m2", "text of k")
			assert.Equal(o, "m2", o.is("k", durable.StateSent).MessageID)
		})
	})
	t.Run("not one of two", func(t *testing.T) {
		inOffice(t, func(o *office) {
			o.lost("k1", "k2")
			o.status("m1", toAnn, chatapi.StatusDelivered)
			o.is("k1", durable.StateUnknown)
			o.is("k2", durable.StateUnknown)
		})
	})
	t.Run("not after ten minutes", func(t *testing.T) {
		inOffice(t, func(o *office) {
			o.lost("k")
			o.after(10 * time.Minute)
			o.status("m1", toAnn, chatapi.StatusDelivered)
			o.is("k", durable.StateUnknown)
		})
	})
	t.Run("after much about other messages", func(t *testing.T) {
		inOffice(t, func(o *office) {
			for n := range 120 {
				o.status("other"+number(n).Value(), toAnn, chatapi.StatusDelivered)
			}
			o.after(time.Minute)
			o.killedBeforeTheWrite("k", "text of k")
			o.status("m1", toAnn, chatapi.StatusRead)
			o.run()
			o.after(76 * time.Second)
			assert.Equal(o, "m1", o.is("k", durable.StateSent).MessageID)
		})
	})
	t.Run("came while the message was reserved", func(t *testing.T) {
		inOffice(t, func(o *office) {
			dir := ""
			o.atWire(func() { dir = o.copied() }, nothing)
			o.api.Fail(chatapitest.Fault{Operation: "sendMessage", Dial: true})
			o.send("k", toAnn)
			o.run()
			o.crash(dir)
			o.echo("m1", "text of k")
			o.status("m1", toAnn, chatapi.StatusRead)
			o.is("k", durable.StateReserved)
			o.run()
			o.after(76 * time.Second)
			q := o.is("k", durable.StateSent)
			assert.Equal(o, "m1", q.MessageID)
			assert.Equal(o, chatapi.StatusRead, q.Status)
		})
	})
}

func TestOutboxStatuses(t *testing.T) {
	inOffice(t, func(o *office) {
		status := func(id string, s chatapi.Status, failed ...chatapi.StatusError) {
			e := &chatapi.StatusEvent{EventInfo: chatapi.EventInfo{Channel: theChannel, Time: time.Now()}, MessageID: id, Status: s,
				To: chatapi.Contact{Phone: toAnn.Value()}, Errors: failed}
			require.NoError(o, durable.FoldStatus(o.Context(), o.desk, e))
		}
		o.run()
		o.send("k", toAnn)
		o.after(0)
		id := o.is("k", durable.StateSent).MessageID
		for _, s := range []chatapi.Status{chatapi.StatusRead, chatapi.StatusDelivered, chatapi.StatusSent, chatapi.StatusFailed} {
			status(id, s)
			assert.Equal(o, chatapi.StatusRead, o.is("k", durable.StateSent).Status, "a status never goes back")
		}
		o.send("f", toAnn)
		o.after(0)
		id = o.get("f").MessageID
		status(id, chatapi.StatusFailed, chatapi.StatusError{Code: 131026, Kind: chatapi.ErrRecipient, Title: "Message undeliverable",
			Sentence: "The person cannot be reached."})
		q := o.is("f", durable.StateFailed)
		require.NotNil(o, q.Err)
		assert.ErrorIs(o, q.Err, chatapi.ErrRecipient)
		assert.Equal(o, "The person cannot be reached.", q.Why)
		status(id, chatapi.StatusDelivered)
		assert.Nil(o, o.is("f", durable.StateSent).Err, "what was delivered did not fail")
	})
}

// The status is there before the id of its message.
func TestOutboxEarlyStatus(t *testing.T) {
	inOffice(t, func(o *office) {
		o.atWire(nothing, func() {
			id := o.api.Customer(toAnn.Value()).LastReceived().ID
			for _, s := range []chatapi.Status{chatapi.StatusRead, chatapi.StatusDelivered} {
				e := &chatapi.StatusEvent{EventInfo: chatapi.EventInfo{Channel: theChannel}, MessageID: id, Status: s, To: chatapi.Contact{Phone: toAnn.Value()}}
				require.NoError(o, durable.FoldStatus(o.Context(), o.desk, e))
			}
		})
		o.send("k", toAnn)
		o.run()
		assert.Equal(o, chatapi.StatusRead, o.is("k", durable.StateSent).Status)
	})
}

func TestOutboxOnChange(t *testing.T) {
	inOffice(t, func(o *office) {
		ctx := o.Context()
		exec := func(query string, args ...any) {
			require.NoError(o, sqlite.Update(ctx, o.store, func(ctx context.Context, tx durable.Tx) error {
				_, err := tx.Exec(ctx, query, args...)
				return err
			}))
		}
		exec("CREATE TABLE mine (key TEXT PRIMARY KEY, state TEXT NOT NULL)")
		var fail atomic.Bool
		fail.Store(true)
		o.desk.Outbox.OnChange(func(ctx context.Context, tx durable.Tx, q *durable.Queued) error {
			if _, err := tx.Exec(ctx, "INSERT INTO mine VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET state = excluded.state",
				q.Key, fmt.Sprint(q.State, " ", q.Status)); err != nil {
				return err
			}
			if fail.Load() && q.Key == "bad" {
				return errors.New("not now")
			}
			if fail.Load() && q.Key == "worse" {
				panic("not now")
			}
			return nil
		})
		mine := func(key string) (state string) {
			rows, err := sqlite.DB(o.store).QueryContext(ctx, "SELECT state FROM mine WHERE key = $1", key)
			require.NoError(o, err)
			defer rows.Close()
			if rows.Next() {
				require.NoError(o, rows.Scan(&state))
			}
			return state
		}
		o.send("good", toAnn)
		o.send("bad", toBen)
		o.send("worse", toBen)
		o.run()
		o.after(0)
		assert.Equal(o, "sent ", mine("good"))
		o.is("bad", durable.StateSent)
		o.is("worse", durable.StateSent)
		assert.Empty(o, mine("bad"), "what it wrote before its error is undone")
		assert.Empty(o, mine("worse"))
		fail.Store(false)
		o.after(time.Minute)
		assert.Equal(o, "sent ", mine("bad"))
		assert.Equal(o, "sent ", mine("worse"))
		e := &chatapi.StatusEvent{EventInfo: chatapi.EventInfo{Channel: theChannel}, MessageID: o.get("good").MessageID, Status: chatapi.StatusRead}
		require.NoError(o, durable.FoldStatus(ctx, o.desk, e))
		assert.Equal(o, "sent read", mine("good"))
	})
}

// killedBeforeTheWrite plans a message to Ann and ends as if the program was killed when
// it was reserved.
func (o *office) killedBeforeTheWrite(key, text string) {
	o.Helper()
	dir := ""
	o.atWire(func() { dir = o.copied() }, nothing)
	o.api.Fail(chatapitest.Fault{Operation: "sendMessage", Dial: true})
	_, err := o.desk.Outbox.Send(o.Context(), theChannel, key, toAnn, chatapi.Text{Body: text})
	require.NoError(o, err)
	if o.stop == nil {
		o.run()
	}
	synctest.Wait()
	o.crash(dir)
}

// The history has the text, but in a message that another row is known to be.
func TestOutboxEqualTextOfAnother(t *testing.T) {
	inOffice(t, func(o *office) {
		_, err := o.desk.Outbox.Send(o.Context(), theChannel, "first", toAnn, chatapi.Text{Body: "the same"})
		require.NoError(o, err)
		o.run()
		o.is("first", durable.StateSent)
		o.killedBeforeTheWrite("second", "the same")
		o.run()
		o.after(20 * time.Minute)
		q := o.is("second", durable.StateUnknown)
		assert.Contains(o, q.Why, "another message of this outbox")
		q, err = o.desk.Outbox.Resolve(o.Context(), q)
		require.NoError(o, err)
		assert.Equal(o, durable.StateUnknown, q.State)
		assert.Equal(o, []string{"the same"}, o.bodies())
	})
}

// What comes late about the first attempt is not about the second.
func TestOutboxAgainKeepsTheFormerID(t *testing.T) {
	inOffice(t, func(o *office) {
		o.send("k", toAnn)
		o.run()
		first := o.is("k", durable.StateSent)
		o.status(first.MessageID, toAnn, chatapi.StatusFailed)
		o.api.Fail(chatapitest.Fault{Operation: "sendMessage", Status: http.StatusBadGateway})
		again, err := o.desk.Outbox.Again(o.Context(), o.is("k", durable.StateFailed))
		require.NoError(o, err)
		assert.True(o, again)
		synctest.Wait()
		o.is("k", durable.StateUnknown)
		o.status(first.MessageID, toAnn, chatapi.StatusFailed)
		o.is("k", durable.StateUnknown)
		sent, err := o.desk.Outbox.Sent(o.Context(), theChannel, first.MessageID)
		require.NoError(o, err)
		assert.True(o, sent)
	})
}

// Two people who look at one unknown attempt do not send twice.
func TestOutboxAgainForOneAttempt(t *testing.T) {
	inOffice(t, func(o *office) {
		o.api.Fail(chatapitest.Fault{Operation: "sendMessage", Status: http.StatusBadGateway, Times: 2})
		o.send("k", toAnn)
		o.run()
		seen := o.is("k", durable.StateUnknown)
		again, err := o.desk.Outbox.Again(o.Context(), seen)
		require.NoError(o, err)
		assert.True(o, again)
		time.Sleep(5 * time.Second)
		assert.Equal(o, 2, o.is("k", durable.StateUnknown).Attempts)

		again, err = o.desk.Outbox.Again(o.Context(), seen)
		require.NoError(o, err)
		assert.False(o, again)
		require.ErrorContains(o, o.desk.Outbox.Settle(o.Context(), seen, false, ""), "get it again")
		time.Sleep(5 * time.Second)
		assert.Equal(o, 2, o.is("k", durable.StateUnknown).Attempts)
		require.NoError(o, o.desk.Outbox.Settle(o.Context(), o.get("k"), false, ""))
	})
}
