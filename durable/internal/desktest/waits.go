package desktest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/internal/storetest"
)

// Never checks for half a second that something does not happen. Unlike testify's, it asks
// in the goroutine of the test, so that no question is under way when the test ends.
func Never(t testing.TB, happens func() bool, why string) {
	t.Helper()
	for range 10 {
		<-time.After(50 * time.Millisecond)
		require.False(t, happens(), why)
	}
}

// waits checks what keeps messages from being sent: quiet hours and a stop of all sending.
func waits(t *testing.T, fresh storetest.Fresh) {
	ctx := context.Background()
	api, channels := Service(t, 3)
	b := Open(t, opened(t, fresh(t)), channels, nil)
	minute := time.Now().UTC().Truncate(time.Minute)
	midnight := minute.Truncate(24 * time.Hour)
	at := func(d time.Duration) time.Duration {
		return (minute.Sub(midnight) + d + 24*time.Hour) % (24 * time.Hour)
	}
	quiet := durable.Quiet(durable.QuietHours{From: at(-time.Hour), To: at(time.Hour)})
	b.Send("quiet", To(0), quiet)
	b.until(func() bool {
		q, err := b.Outbox.Get(ctx, Channel, "quiet")
		return err == nil && q.NotBefore.Equal(minute.Add(time.Hour))
	})
	assert.Contains(t, b.Becomes("quiet", durable.StatePlanned).Why, "quiet hours at "+minute.Add(time.Hour).Format("15:04")+" in UTC")
	b.Send("later", To(0))
	b.Becomes("later", durable.StateSent)

	require.NoError(t, b.Outbox.StopSending(ctx, "a test"))
	q := b.Send("stopped", To(1))
	const why = "All sending is stopped: a test."
	assert.Equal(t, why, q.Why)
	health, err := b.Health(ctx)
	require.NoError(t, err)
	assert.Equal(t, why, health.Stopped)
	Never(t, func() bool { return len(Texts(api)) > 1 }, "sending is stopped")
	assert.Equal(t, why, b.Becomes("stopped", durable.StatePlanned).Why)
	require.NoError(t, b.Outbox.StartSending(ctx))
	b.Becomes("stopped", durable.StateSent)
	assert.Equal(t, []string{"later", "stopped"}, Texts(api))
	b.Clean()
}

// closed checks the template of a closed window, by our own count and by the service's
// word, and a message of a newer program.
func closed(t *testing.T, fresh storetest.Fresh) {
	ctx := context.Background()
	api, channels := Service(t, 2)
	api.Template("hello", "en", "Hello")
	b := Open(t, opened(t, fresh(t)), channels, nil)
	template := durable.IfClosed(chatapi.Template{Name: "hello", Language: "en"})
	b.Accept(Message("hi", 0, "hi"))
	api.Fail(chatapitest.Fault{Operation: "sendMessage", To: To(0), Status: 200, Body: `{"sent":false,"message":"(#131047) Re-engagement message"}`})
	b.Send("open", To(0), template)
	q := b.Becomes("open", durable.StateSent)
	assert.True(t, q.FellBack)
	assert.Equal(t, 2, q.Attempts)
	b.Send("closed", To(1), template)
	q = b.Becomes("closed", durable.StateSent)
	assert.True(t, q.FellBack)
	assert.Equal(t, 1, q.Attempts)

	require.NoError(t, b.Store.Update(ctx, func(ctx context.Context, tx store.Tx) error {
		if _, err := b.Outbox.SendIn(ctx, durable.NewTx(tx), Channel, "newer", To(1), chatapi.Text{Body: "text of newer"}); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE outbox SET version = 99 WHERE key = 'newer'")
		return err
	}))
	b.Send("this", To(0))
	b.Becomes("this", durable.StateSent)
	b.Becomes("newer", durable.StatePlanned)
	b.Clean()
}
