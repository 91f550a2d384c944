package durable_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
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

func TestOutboxSendsWhatIsPlanned(t *testing.T) {
	inOffice(t, func(o *office) {
		q := o.send("k1", toAnn)
		assert.Equal(o, durable.StatePlanned, q.State)
		assert.Equal(o, "It waits for its turn.", q.Why)
		assert.Empty(o, o.bodies(), "nothing is sent before Run")
		o.run()
		q = o.is("k1", durable.StateSent)
		assert.NotEmpty(o, q.MessageID)
		assert.Equal(o, 1, q.Attempts)
		assert.Equal(o, toAnn, q.To)
		require.NotNil(o, q.Attempt)
		assert.Equal(o, toAnn, q.Attempt.To)
		assert.Empty(o, q.Why)
		o.send("k2", toBen)
		synctest.Wait()
		o.is("k2", durable.StateSent)
		assert.Equal(o, []string{"k1", "k2"}, o.bodies())
		sent, err := o.desk.Outbox.Sent(o.Context(), theChannel, q.MessageID)
		require.NoError(o, err)
		assert.True(o, sent)
		sent, err = o.desk.Outbox.Sent(o.Context(), theChannel, "another")
		require.NoError(o, err)
		assert.False(o, sent)
	})
}

func TestOutboxPlansAKeyOnce(t *testing.T) {
	inOffice(t, func(o *office) {
		o.run()
		var all sync.WaitGroup
		ids := make([]int64, 50)
		for n := range ids {
			all.Go(func() {
				q, err := o.desk.Outbox.Send(context.Background(), "instanceabc100000001", "k", toAnn, chatapi.Text{Body: "text of k"})
				if assert.NoError(o, err) {
					ids[n] = q.ID
				}
			})
		}
		all.Wait()
		synctest.Wait()
		assert.Len(o, slices.Compact(ids), 1)
		assert.Equal(o, []string{"k"}, o.bodies())
		q, err := o.desk.Outbox.Send(o.Context(), theChannel, "k", toBen, chatapi.Text{Body: "another"})
		require.NoError(o, err)
		assert.Equal(o, durable.StateSent, q.State)
		assert.Equal(o, toAnn, q.To)
		o.reopen()
		q = o.send("k", toAnn)
		assert.Equal(o, durable.StateSent, q.State, "also after a restart")
		assert.NotNil(o, q.Attempt)
	})
}

func TestOutboxRefusesWhatCannotBeSent(t *testing.T) {
	inOffice(t, func(o *office) {
		outbox, ctx, text := o.desk.Outbox, o.Context(), chatapi.Text{Body: "x"}
		_, err := outbox.Send(ctx, theChannel, "k", toAnn, chatapi.Text{})
		assert.ErrorIs(o, err, chatapi.ErrInvalid)
		_, err = outbox.Send(ctx, theChannel, "k", chatapi.Phone("1"), text)
		assert.ErrorIs(o, err, chatapi.ErrInvalid)
		_, err = outbox.Send(ctx, "ABC9", "k", toAnn, text)
		assert.ErrorIs(o, err, durable.ErrNotConnected)
		assert.ErrorContains(o, err, "ABC9")
		_, err = outbox.Send(ctx, theChannel, "", toAnn, text)
		assert.ErrorContains(o, err, "the key is empty")
		_, err = outbox.Send(ctx, theChannel, "k", toAnn, text, durable.Priority(4))
		assert.ErrorContains(o, err, "Priority is 4")
		_, err = outbox.Send(ctx, theChannel, "k", toAnn, text, durable.IfClosed(chatapi.Template{}))
		assert.ErrorIs(o, err, chatapi.ErrInvalid)
		assert.ErrorContains(o, err, "IfClosed")
		q, err := outbox.Get(ctx, theChannel, "k")
		require.NoError(o, err)
		assert.Nil(o, q)
		canceled, err := outbox.Cancel(ctx, theChannel, "k")
		require.NoError(o, err)
		assert.False(o, canceled)
	})
}

func TestOutboxInTransactions(t *testing.T) {
	inOffice(t, func(o *office) {
		o.run()
		undone := errors.New("undone")
		plan := func(key string, result error) error {
			return sqlite.Update(o.Context(), o.store, func(ctx context.Context, tx durable.Tx) error {
				_, err := o.desk.Outbox.Send(ctx, theChannel, key, toAnn, chatapi.Text{Body: "text of " + key})
				assert.ErrorIs(o, err, durable.ErrInTx)
				_, err = o.desk.Outbox.Get(ctx, theChannel, key)
				assert.ErrorIs(o, err, durable.ErrInTx)
				if _, err := o.desk.Outbox.SendIn(ctx, tx, theChannel, key, toAnn, chatapi.Text{Body: "text of " + key}); err != nil {
					return err
				}
				return result
			})
		}
		require.ErrorIs(o, plan("no", undone), undone)
		require.NoError(o, plan("yes", nil))
		o.after(time.Second)
		assert.Equal(o, []string{"yes"}, o.bodies())
		q, err := o.desk.Outbox.Get(o.Context(), theChannel, "no")
		require.NoError(o, err)
		assert.Nil(o, q)
	})
}

func TestOutboxKeepsTheOrderOfAChat(t *testing.T) {
	inOffice(t, func(o *office) {
		o.api.Fail(chatapitest.Fault{Operation: "sendMessage", To: toAnn, Status: 200, Times: 2,
			Body: `{"sent":false,"message":"(#131056) (Business Account, Consumer Account) pair rate limit hit"}`})
		for n := range 5 {
			o.send(fmt.Sprintf("a%d", n), toAnn)
			o.send(fmt.Sprintf("b%d", n), toBen)
		}
		o.run()
		q := o.is("a0", durable.StatePlanned)
		assert.Contains(o, q.Why, "it is tried again at")
		assert.Equal(o, []string{"b0", "b1", "b2", "b3", "b4"}, o.bodies(), "others go on")
		o.after(time.Hour)
		assert.Equal(o, []string{"a0", "a1", "a2", "a3", "a4"}, o.bodies()[5:])
		assert.Equal(o, 3, o.get("a0").Attempts)
	})
}

func TestOutboxPriorities(t *testing.T) {
	inOffice(t, func(o *office) {
		o.client = append(o.client, chatapi.WithPace(chatapi.Pace{PerSecond: 1}))
		o.put(o.api.Token)
		for n := range 100 {
			o.send(fmt.Sprintf("campaign %d", n), number(n), durable.Priority(3))
			o.api.Customer(number(n).Value()).Says("hi")
		}
		o.run()
		o.after(20 * time.Second)
		o.send("reply", toAnn)
		before := len(o.bodies())
		o.after(60 * time.Second)
		place := slices.Index(o.bodies(), "reply") - before
		assert.True(o, place >= 0 && place <= 4, "the reply went as number %d after %d", place, before)
		o.after(time.Minute)
		assert.Len(o, o.bodies(), 101)
		assert.Len(o, slices.Compact(slices.Sorted(slices.Values(o.bodies()))), 101)
	})
}

func TestOutboxAtUntilAndCancel(t *testing.T) {
	inOffice(t, func(o *office) {
		o.run()
		now := time.Now()
		o.send("at", toAnn, durable.At(now.Add(3*time.Hour)))
		o.send("gone", toAnn, durable.At(now.Add(2*time.Hour)), durable.Until(now.Add(time.Hour)))
		o.send("canceled", toAnn, durable.At(now.Add(time.Hour)))
		o.send("now", toAnn)
		synctest.Wait()
		assert.Equal(o, []string{"now"}, o.bodies(), "a later time holds back nothing")
		assert.Contains(o, o.is("at", durable.StatePlanned).Why, "It is to be sent at 2000-01-01 03:00:00 UTC.")
		canceled, err := o.desk.Outbox.Cancel(o.Context(), theChannel, "canceled")
		require.NoError(o, err)
		assert.True(o, canceled)
		o.after(time.Hour)
		assert.Contains(o, o.is("gone", durable.StateSkipped).Why, "before the time until which")
		o.after(2*time.Hour - time.Second)
		o.is("at", durable.StatePlanned)
		o.after(time.Second)
		o.is("at", durable.StateSent)
		assert.Equal(o, []string{"now", "at"}, o.bodies())
		canceled, err = o.desk.Outbox.Cancel(o.Context(), theChannel, "at")
		require.NoError(o, err)
		assert.False(o, canceled)
		assert.Equal(o, "It was canceled.", o.is("canceled", durable.StateCanceled).Why)
	})
}

func TestOutboxList(t *testing.T) {
	inOffice(t, func(o *office) {
		for n := range 250 {
			o.send(fmt.Sprint(n), number(n%2))
		}
		count := func(f durable.QueueFilter) (n int) {
			last := int64(0)
			for q, err := range o.desk.Outbox.List(o.Context(), f) {
				require.NoError(o, err)
				assert.Greater(o, q.ID, last)
				last = q.ID
				n++
			}
			return n
		}
		assert.Equal(o, 250, count(durable.QueueFilter{}))
		assert.Equal(o, 125, count(durable.QueueFilter{To: number(1)}))
		assert.Equal(o, 250, count(durable.QueueFilter{Channel: "abc100000001", States: []durable.SendState{durable.StatePlanned}}))
		assert.Zero(o, count(durable.QueueFilter{States: []durable.SendState{durable.StateSent, durable.StateFailed}}))
		for range o.desk.Outbox.List(o.Context(), durable.QueueFilter{}) {
			break
		}
	})
}

func TestOutboxSender(t *testing.T) {
	inOffice(t, func(o *office) {
		sender := o.desk.Outbox.Sender(theChannel, durable.Priority(1))
		send := func(opts ...chatapi.SendOption) *chatapi.Receipt {
			r, err := sender.Send(o.Context(), toAnn, chatapi.Text{Body: "text of s"}, opts...)
			require.NoError(o, err)
			return r
		}
		first := send(chatapi.SendKey("s"))
		assert.True(o, first.Queued)
		assert.Contains(o, first.JobID, "outbox/")
		assert.Empty(o, first.ID)
		assert.Empty(o, first.Attempt.ID)
		o.run()
		again := send(chatapi.SendKey("s"))
		assert.Equal(o, o.get("s").MessageID, again.ID)
		assert.False(o, again.Queued)
		assert.Equal(o, toAnn, again.Attempt.To)
		send()
		send()
		synctest.Wait()
		assert.Len(o, o.bodies(), 3, "without a key each message is a new one")

		o.api.Fail(chatapitest.Fault{Operation: "sendMessage", Status: 200, Body: `{"sent":false,"message":"(#131026) Message undeliverable"}`})
		send(chatapi.SendKey("refused"))
		synctest.Wait()
		_, err := sender.Send(o.Context(), toAnn, chatapi.Text{Body: "another"}, chatapi.SendKey("refused"))
		assert.ErrorIs(o, err, chatapi.ErrRecipient, "the error with which the first one failed")
		o.send("gone", toAnn, durable.Until(time.Unix(1, 0)))
		o.after(time.Second)
		_, err = sender.Send(o.Context(), toAnn, chatapi.Text{Body: "another"}, chatapi.SendKey("gone"))
		assert.ErrorContains(o, err, `the message "gone" is skipped`)
		o.api.Fail(chatapitest.Fault{Operation: "sendMessage", Status: 502})
		send(chatapi.SendKey("open"))
		synctest.Wait()
		assert.True(o, send(chatapi.SendKey("open")).Queued, "nobody knows yet")
		assert.Equal(o, 5, o.tries("s"), "a repeated key writes nothing")
	})
}

func TestOutboxTidies(t *testing.T) {
	inOffice(t, func(o *office) {
		o.run()
		o.send("old", toAnn)
		o.send("waits", toBen, durable.At(time.Now().Add(48*time.Hour)))
		o.after(2 * time.Hour)
		o.send("new", toAnn)
		synctest.Wait()
		require.NoError(o, durable.TidyOutbox(o.Context(), o.desk))
		old := o.is("old", durable.StateSent)
		assert.Nil(o, old.Prepared)
		assert.Empty(o, old.MessageID)
		assert.NotNil(o, o.get("new").Prepared)
		assert.NotNil(o, o.get("waits").Prepared)
		assert.Equal(o, old.ID, o.send("old", toAnn).ID, "the key is known for ever")
	}, durable.Retention(durable.Keep{Sent: time.Hour}))
}

// More messages than a page wait for days before one that is old.
func TestOutboxTidiesBehindWhatWaits(t *testing.T) {
	inOffice(t, func(o *office) {
		o.run()
		later := durable.At(time.Now().Add(48 * time.Hour))
		require.NoError(o, sqlite.Update(o.Context(), o.store, func(ctx context.Context, tx durable.Tx) error {
			for n := range 501 {
				if _, err := o.desk.Outbox.SendIn(ctx, tx, theChannel, fmt.Sprint("waits ", n), toBen, chatapi.Text{Body: "later"}, later); err != nil {
					return err
				}
			}
			return nil
		}))
		o.send("old", toAnn)
		o.after(2 * time.Hour)
		require.NoError(o, durable.TidyOutbox(o.Context(), o.desk))
		assert.Nil(o, o.get("old").Prepared)
		assert.NotNil(o, o.get("waits 500").Prepared)
	}, durable.Retention(durable.Keep{Sent: time.Hour}))
}

func TestOutboxUntilBeforeTheEpoch(t *testing.T) {
	inOffice(t, func(o *office) {
		for key, until := range map[string]time.Time{"epoch": time.Unix(0, 0), "before": time.Time{}.Add(time.Minute)} {
			assert.False(o, o.send(key, toAnn, durable.Until(until)).Until.IsZero())
		}
		o.run()
		o.after(10 * time.Second)
		o.is("epoch", durable.StateSkipped)
		o.is("before", durable.StateSkipped)
		assert.Empty(o, o.bodies())
	})
}
