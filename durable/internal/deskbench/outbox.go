package deskbench

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/desktest"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

const (
	people = 500
	sends  = 1500 // of a round
	atOnce = 64
)

// Outbox sends messages of one channel to 500 people, 64 at once: in turns by a client,
// and by the outbox of a desk, in which they are planned before. It reports the processor
// time of a send too, which says more than the ratio on a busy machine.
func Outbox(b *testing.B, p Place) {
	s := p.New(b)
	var toClient, commits ratio
	var sent, spent float64
	var floorCPU, ourCPU time.Duration
	for round := 0; b.Loop(); round++ {
		for range 5 {
			round++
			floor, cpu := p.bareSends(b)
			floorCPU += cpu
			before := p.count(s)
			took, cpu := p.storedSends(b, s, round)
			ourCPU += cpu
			toClient.add(float64(floor), float64(took))
			commits.add(p.count(s)-before, sends)
			sent, spent = sent+sends, spent+took.Seconds()
		}
	}
	toClient.report(b, "x-desk-outbox")
	b.ReportMetric(sent/spent, "sends/s")
	b.ReportMetric(float64(ourCPU.Microseconds())/sent, "cpu-us/send")
	b.ReportMetric(float64(floorCPU.Microseconds())/sent, "cpu-us/bare-send")
	if p.Commits != nil {
		commits.report(b, "commits/send")
	}
}

func (p Place) count(s store.Store) float64 {
	if p.Commits == nil {
		return 0
	}
	return float64(p.Commits(s))
}

// service is a fake service to whose customers can be written.
func service(b *testing.B) (*chatapi.Channels, *chatapi.Client) {
	b.Helper()
	api := chatapitest.New(b, chatapitest.AllowUndelivered(), chatapitest.Channel(desktest.Channel))
	for n := range people {
		api.Customer(desktest.Phone(n)).Says("hi")
	}
	channels := chatapi.NewChannels()
	client, err := channels.Put(api.URL, api.Token, chatapi.WithHTTPClient(&http.Client{Transport: api.Transport}))
	require.NoError(b, err)
	return channels, client
}

func (p Place) bareSends(b *testing.B) (took, cpu time.Duration) {
	b.Helper()
	_, client := service(b)
	settle()
	var next atomic.Int64
	var all sync.WaitGroup
	began, before := time.Now(), p.cpu()
	for range atOnce {
		all.Go(func() {
			for n := int(next.Add(1)); n <= sends; n = int(next.Add(1)) {
				if _, err := client.Send(context.Background(), desktest.To(n%people), chatapi.Text{Body: "x"}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	return time.Since(began), p.cpu() - before
}

func (p Place) storedSends(b *testing.B, s store.Store, round int) (took, cpu time.Duration) {
	b.Helper()
	return p.sendsTo(b, s, round, 0)
}

// sendsTo sends a round of messages to the customers from a number on, and waits for the
// last of them.
func (p Place) sendsTo(b *testing.B, s store.Store, round, first int) (took, cpu time.Duration) {
	b.Helper()
	ctx := context.Background()
	channels, _ := service(b)
	planner, err := durable.Open(ctx, s, channels)
	require.NoError(b, err)
	plan(b, s, planner.Outbox, round*sends, (round+1)*sends, func(n int) int { return first + n%(people-first) })
	settle()
	began, before := time.Now(), p.cpu()
	_, stop := run(b, s, channels, func(context.Context, chatapi.Event, *durable.Work) error { return nil })
	waitSent(b, s, desktest.To(0).Key(), first)
	took, cpu = time.Since(began), p.cpu()-before
	stop()
	return took, cpu
}

// waitSent waits until nothing of the outbox is open, or, with first, nothing but the
// messages for one chat.
func waitSent(b *testing.B, s store.Store, but string, first int) {
	b.Helper()
	if first == 0 {
		but = ""
	}
	for open := 1; open > 0; time.Sleep(20 * time.Millisecond) {
		require.NoError(b, s.View(context.Background(), func(ctx context.Context, tx store.Tx) error {
			rows, err := tx.Query(ctx, `SELECT count(*) FROM (SELECT 1 FROM outbox WHERE channel = $1 AND state IN (1, 2, 3, 5, 9)
				AND (chat < $2 OR chat > $2) LIMIT 1) AS open`, string(desktest.Channel.Canonical()), but)
			if err != nil {
				return err
			}
			defer rows.Close()
			rows.Next()
			return rows.Scan(&open)
		}))
	}
}
