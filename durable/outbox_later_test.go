package durable_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

// A message that waits for a time that had not come cannot have been sent by what was
// lost, and stays planned.
func TestRestoredLeavesWhatIsForLater(t *testing.T) {
	inOffice(t, func(o *office) {
		quiet := durable.Quiet(durable.QuietHours{From: 0, To: 8 * time.Hour, Answers: true}) // bubbles begin at midnight
		o.send("quiet", toBen, quiet)
		o.run()
		o.after(time.Minute)
		o.end()
		o.send("soon", toAnn, durable.At(time.Now().Add(10*time.Minute)))
		o.send("later", toAnn, durable.At(time.Now().Add(2*time.Hour)))
		o.send("now", toAnn)
		o.after(time.Minute)
		_, err := sqlite.Restored(o.Context(), o.store, time.Now().Add(time.Hour))
		require.ErrorContains(o, err, "is 1h0m0s ahead of the clock")
		n, err := sqlite.Restored(o.Context(), o.store, time.Now())
		require.NoError(o, err)
		assert.EqualValues(o, 2, n)
		for key, state := range map[string]durable.SendState{"quiet": durable.StatePlanned, "later": durable.StatePlanned,
			"soon": durable.StateUnknown, "now": durable.StateUnknown} {
			o.is(key, state)
		}
		o.run()
		o.after(time.Hour)
		assert.Empty(o, o.bodies())
		o.after(2 * time.Hour)
		assert.Equal(o, []string{"later"}, o.bodies(), "at its time")
	})
}

// busyFold is a store in which an event arrives all the time, as the statuses of a
// campaign do.
type busyFold struct{ durable.Store }

func (b busyFold) Unfolded(ctx context.Context, limit int) ([]store.Event, error) {
	if events, err := b.Store.Unfolded(ctx, limit); limit != 1 || err != nil || len(events) > 0 {
		return events, err
	}
	return []store.Event{{Accepted: time.Now().Add(time.Millisecond)}}, nil
}

// What arrives after a message was planned does not hold it up, and a look at the window
// is no attempt.
func TestOutboxWaitsForNoLaterEvent(t *testing.T) {
	var w watcher
	inOffice(t, func(o *office) {
		var err error
		o.desk, err = durable.Open(o.Context(), busyFold{o.store}, o.channels)
		require.NoError(o, err)
		o.desk.Watch(w.hooks())
		o.api.Template("hello", "en", "Hello")
		o.runDesk(ignore)
		for n := range 20 {
			o.send(fmt.Sprint(n), number(n), durable.IfClosed(chatapi.Template{Name: "hello", Language: "en"}))
		}
		o.after(time.Second)
		for n := range 20 {
			assert.True(o, o.is(fmt.Sprint(n), durable.StateSent).FellBack)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		assert.Len(o, w.tried, 20)
	})
}
