package durable_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
)

// While the history is read, another message with the same text is written, or gets its
// id. The history has that one.
func TestOutboxEqualTextWhileTheHistoryIsRead(t *testing.T) {
	inOffice(t, func(o *office) {
		o.killedBeforeTheWrite("first", "the same")
		o.run()
		first := o.is("first", durable.StateUnknown)
		o.after(3 * time.Minute) // it holds back no other any more
		found := func(id string) {
			require.NoError(o, durable.FoundInHistory(o.Context(), o.desk, first, id))
			assert.Contains(o, o.is("first", durable.StateUnknown).Why, "another message of this outbox")
		}
		written := make(chan struct{})
		goOn := make(chan struct{})
		o.atWire(nothing, func() {
			close(written)
			<-goOn
		})
		_, err := o.desk.Outbox.Send(o.Context(), theChannel, "second", toAnn, chatapi.Text{Body: "the same"})
		require.NoError(o, err)
		<-written
		id := o.api.Customer(toAnn.Value()).LastReceived().ID
		found(id)
		q, err := o.desk.Outbox.Resolve(o.Context(), first)
		require.NoError(o, err)
		assert.Equal(o, durable.StateUnknown, q.State, "a person looks")
		close(goOn)
		synctest.Wait()
		assert.Equal(o, id, o.is("second", durable.StateSent).MessageID)
		found(id)
	})
}
