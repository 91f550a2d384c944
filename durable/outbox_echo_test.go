package durable_test

import (
	"context"
	"net/http"
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

// A demonstration whose clock is ahead of the machine's: what is unknown is as old as that
// clock says, and what comes about it has its time.
func TestOutboxUnknownByTheDesksClock(t *testing.T) {
	inOffice(t, func(o *office) {
		o.api.Advance(30 * time.Hour)
		o.api.Customer(toAnn.Value()).Says("hi")
		var err error
		o.desk, err = durable.Open(o.Context(), o.store, o.channels, durable.Clock(o.api.Now, nil))
		require.NoError(o, err)
		o.lost("k")
		o.is("k", durable.StateUnknown)
		var looks int
		require.NoError(o, sqlite.DB(o.store).QueryRowContext(o.Context(), "SELECT count(*) FROM outbox WHERE not_before > 0").Scan(&looks))
		assert.Equal(o, 1, looks, "it is not given up yet")
		e := &chatapi.StatusEvent{EventInfo: chatapi.EventInfo{Channel: theChannel, Time: o.api.Now()}, MessageID: "m1",
			Status: chatapi.StatusDelivered, To: chatapi.Contact{Phone: toAnn.Value()}}
		require.NoError(o, durable.FoldStatus(o.Context(), o.desk, e))
		assert.Equal(o, "m1", o.is("k", durable.StateSent).MessageID)
	})
}

// The echo of a message can come before the answer that names its id.
func TestOutboxWrote(t *testing.T) {
	inOffice(t, func(o *office) {
		later := time.Duration(0)
		wrote := func(id, text string, fromApp bool, to chatapi.Recipient) bool {
			e := &chatapi.EchoEvent{EventInfo: chatapi.EventInfo{Channel: theChannel, Time: time.Now().Add(later)}, To: chatapi.Contact{Phone: to.Value()},
				Content: chatapi.Content{ID: id, Text: text}, FromApp: fromApp}
			found, err := o.desk.Outbox.Wrote(o.Context(), e)
			require.NoError(o, err)
			return found
		}
		o.atWire(nothing, func() {
			assert.True(o, wrote("m1", "text of k", false, toAnn))
			assert.False(o, wrote("m1", "what a colleague wrote", false, toAnn))
			assert.False(o, wrote("m1", "text of k", true, toAnn), "in the app of the phone")
			assert.False(o, wrote("m1", "text of k", false, toBen))
			later = 61 * time.Second
			assert.False(o, wrote("m1", "text of k", false, toAnn), "a minute later")
			later = -2 * time.Second
			assert.False(o, wrote("m1", "text of k", false, toAnn), "before it was written")
			later = 0
		})
		o.send("k", toAnn)
		o.run()
		id := o.is("k", durable.StateSent).MessageID
		assert.True(o, wrote(id, "", false, toAnn))
		assert.False(o, wrote("another", "text of k", false, toAnn))
		_, err := o.desk.Outbox.Wrote(o.Context(), nil)
		assert.Error(o, err)
	})
}

// A day passes on the clock of a demonstration, and what waits for it goes on at once.
func TestOutboxOnAJumpingClock(t *testing.T) {
	inOffice(t, func(o *office) {
		o.api.Template("hello", "en", "Hello")
		changed := make(chan struct{}, 1)
		var err error
		o.desk, err = durable.Open(o.Context(), o.store, o.channels, durable.Clock(o.api.Now, changed))
		require.NoError(o, err)
		template := chatapi.Template{Name: "hello", Language: "en"}
		o.run()
		o.send("at", toAnn, durable.At(o.api.Now().Add(24*time.Hour)), durable.IfClosed(template))
		o.send("until", toAnn, durable.At(o.api.Now().Add(24*time.Hour)), durable.Until(o.api.Now().Add(time.Hour)))
		o.send("quiet", toBen, durable.Quiet(durable.QuietHours{To: 8 * time.Hour, Answers: true}), durable.IfClosed(template))
		synctest.Wait()
		assert.Contains(o, o.is("quiet", durable.StatePlanned).Why, "quiet hours")
		began := time.Now()
		o.api.Advance(25 * time.Hour)
		changed <- struct{}{}
		synctest.Wait()
		assert.True(o, o.is("at", durable.StateSent).FellBack, "the window has closed")
		o.is("until", durable.StateSkipped)
		assert.Contains(o, o.is("quiet", durable.StatePlanned).Why, "2000-01-02 08:00:00", "it is the next night")
		o.api.Advance(8 * time.Hour)
		changed <- struct{}{}
		synctest.Wait()
		o.is("quiet", durable.StateSent)
		assert.Less(o, time.Since(began), time.Second)
	})
}

// A status that was kept, since another program wrote the id of its message at the same
// time, is not that of another message.
func TestOutboxStatusOfAnother(t *testing.T) {
	inOffice(t, func(o *office) {
		o.send("first", toAnn)
		o.run()
		synctest.Wait()
		id := o.is("first", durable.StateSent).MessageID
		require.NoError(o, sqlite.Update(o.Context(), o.store, func(ctx context.Context, tx durable.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO early_status (channel, message_id, chat, text, status, at, arrived) VALUES ($1, $2, $3, '', 'delivered', $4, $4)`,
				string(theChannel), id, toAnn.Key(), time.Now().Add(time.Second).UnixMicro())
			return err
		}))
		o.api.Fail(chatapitest.Fault{Operation: "sendMessage", Status: http.StatusBadGateway})
		o.send("second", toAnn)
		synctest.Wait()
		assert.Empty(o, o.is("second", durable.StateUnknown).MessageID)
	})
}

// On a clock that is ahead, what a customer writes is not taken for a message of the future.
func TestArrivalByTheDesksClock(t *testing.T) {
	inOffice(t, func(o *office) {
		var err error
		o.desk, err = durable.Open(o.Context(), o.store, o.channels, durable.Clock(o.api.Now, nil))
		require.NoError(o, err)
		var received []time.Time
		o.runDesk(func(_ context.Context, e chatapi.Event, _ *durable.Work) error {
			received = append(received, e.Info().Received)
			return nil
		})
		o.api.Advance(25 * time.Hour)
		o.api.Customer(toAnn.Value()).Says("good morning")
		o.after(time.Minute)
		w, err := o.desk.State.Window(o.Context(), theChannel, toAnn)
		require.NoError(o, err)
		assert.True(o, w.Open(o.api.Now()))
		require.NotEmpty(o, received)
		for _, at := range received {
			assert.WithinDuration(o, o.api.Now(), at, 2*time.Minute)
		}
	})
}
