package desk_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// BenchmarkArrivals measures what a customer's message costs from its webhook until its
// rows are there, with 200 customers who have written before and 16 webhooks at a time.
func BenchmarkArrivals(b *testing.B) {
	const customers, round, atOnce = 200, 2000, 16
	o := newOffice(b)
	handler := chatapi.NewDeliveryHandler(o.Durable.Inbox.Accept, chatapi.WebhookAcceptUnauthenticated(),
		chatapi.WebhookChannel(func(*http.Request) chatapi.ChannelID { return "ABC100000001" }))
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- o.Durable.Run(ctx) }()
	sent := 0
	arrive := func(messages int) {
		var all sync.WaitGroup
		slots := make(chan struct{}, atOnce)
		for range messages {
			sent++
			body := fmt.Sprintf(`{"messages":[{"id":"false_1202555%04d@c.us_%d","body":"question %d","type":"chat","fromMe":false,"author":"1202555%04d@c.us","chatId":"1202555%04d@c.us","senderName":"P","time":%d}],"instanceId":"ABC100000001"}`,
				sent%customers, sent, sent, sent%customers, sent%customers, morning.Unix()+int64(sent))
			slots <- struct{}{}
			all.Go(func() {
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/hooks", strings.NewReader(body)))
				if w.Code != http.StatusOK {
					b.Errorf("the webhook was answered with %d: %s", w.Code, w.Body)
				}
				<-slots
			})
		}
		all.Wait()
		for o.number("SELECT count(*) FROM desk_message") < int64(sent) {
			time.Sleep(5 * time.Millisecond)
		}
	}
	arrive(customers)
	for b.Loop() {
		arrive(round)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*round), "µs/message")
	stop()
	require.NoError(b, <-ended)
}
