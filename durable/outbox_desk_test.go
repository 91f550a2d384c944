package durable_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

// runDesk runs the whole desk, with the fake's webhooks.
func (o *office) runDesk(handler durable.Handler) {
	o.Helper()
	o.api.Webhook("https://desk.test/s3cret", chatapi.NewDeliveryHandler(o.desk.Inbox.Accept, chatapi.WebhookSecret("s3cret")))
	o.desk.Inbox.Handle(handler)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- o.desk.Run(ctx) }()
	o.stop = func() error {
		cancel()
		return <-done
	}
	synctest.Wait()
}

func ignore(context.Context, chatapi.Event, *durable.Work) error { return nil }

// A bot's answer is sent once, and its statuses come back.
func TestOutboxOfADesk(t *testing.T) {
	inOffice(t, func(o *office) {
		failed := false
		o.runDesk(func(_ context.Context, e chatapi.Event, w *durable.Work) error {
			m, ok := e.(*chatapi.MessageEvent)
			if !ok {
				return nil
			}
			if _, err := w.Send(m.AnswerTo(), chatapi.Text{Body: "text of answer"}); err != nil {
				return err
			}
			if !failed {
				failed = true
				return assert.AnError
			}
			return nil
		})
		o.api.Customer(toAnn.Value()).Says("hello")
		o.after(time.Minute)
		assert.Equal(o, []string{"answer"}, o.bodies())
		o.api.Customer(toAnn.Value()).Reads()
		o.after(time.Minute)
		var all []*durable.Queued
		for q, err := range o.desk.Outbox.List(o.Context(), durable.QueueFilter{}) {
			require.NoError(o, err)
			all = append(all, q)
		}
		require.Len(o, all, 1)
		assert.Equal(o, durable.StateSent, all[0].State)
		assert.Equal(o, chatapi.StatusRead, all[0].Status)
		facts := 0
		require.NoError(o, sqlite.DB(o.store).QueryRowContext(o.Context(), "SELECT count(*) FROM activity WHERE CAST(body AS TEXT) LIKE '%outbound%'").Scan(&facts))
		assert.Positive(o, facts, "the ledger has the send")
	})
}

func TestOutboxIfClosed(t *testing.T) {
	const text, template = "sendMessage", "sendTemplate"
	closed := `{"sent":false,"message":"(#131047) Re-engagement message"}`
	for name, c := range map[string]struct {
		says  bool          // the person has written
		later time.Duration // of At
		fault chatapitest.Fault
		sends []string
	}{
		"open":                           {true, 0, chatapitest.Fault{}, []string{text}},
		"closed":                         {false, 0, chatapitest.Fault{}, []string{template}},
		"closed since the plan":          {true, 25 * time.Hour, chatapitest.Fault{}, []string{template}},
		"closed, says the service":       {true, 0, chatapitest.Fault{Operation: text, Status: 200, Body: closed}, []string{text, template}},
		"closed, says a status":          {true, 0, chatapitest.Fault{Operation: text, Undelivered: "(#131047) Re-engagement message"}, []string{text, template}},
		"closed, says every status":      {true, 0, chatapitest.Fault{Undelivered: "(#131047) Re-engagement message", Times: -1}, []string{text, template}},
		"closed, and the template fails": {false, 0, chatapitest.Fault{Operation: template, Status: 200, Body: closed}, []string{template}},
	} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(o *office) {
				o.api.Template("hello", "en", "Hello {{1}}")
				o.runDesk(ignore)
				who := number(7)
				if c.says {
					o.api.Customer(who.Value()).Says("hi")
				}
				o.api.Fail(c.fault)
				if c.fault.Operation == "" && c.fault.Undelivered == "" {
					o.api.Heal()
				}
				o.send("k", who, durable.At(time.Now().Add(c.later)), durable.IfClosed(chatapi.Template{Name: "hello", Language: "en",
					Body: chatapi.Params("Ann"), Category: "UTILITY"}))
				o.after(c.later + time.Minute)
				var sends []string
				for _, call := range o.api.Calls().Sends() {
					sends = append(sends, call.Operation)
				}
				assert.Equal(o, c.sends, sends)
				q := o.get("k")
				assert.Equal(o, len(c.sends) == 2 || c.sends[0] == template, q.FellBack)
				if c.fault.Times < 0 || c.fault.Operation == template {
					assert.Equal(o, durable.StateFailed, q.State)
				} else {
					assert.Equal(o, durable.StateSent, q.State, q.Why)
				}
			})
		})
	}
}

// The person opts out while the message waits for the pace, under a name that an event
// links with the recipient's only then.
func TestOutboxHeedsOptOuts(t *testing.T) {
	for _, out := range []chatapi.Recipient{toAnn, chatapi.BSUID("US.4711"), chatapi.Chat("12025550143@c.us")} {
		t.Run(out.Key(), func(t *testing.T) {
			inOffice(t, func(o *office) {
				o.api.Template("hello", "en", "Hello")
				o.client = append(o.client, chatapi.WithPace(chatapi.Pace{PerSecond: 0.1}))
				o.put(o.api.Token)
				plan := func(key, category string) {
					_, err := o.desk.Outbox.Send(o.Context(), theChannel, key, toAnn, chatapi.Template{Name: "hello", Language: "en", Category: category})
					require.NoError(o, err)
				}
				o.run()
				o.send("first", toBen)
				synctest.Wait() // it has the pace's only turn
				plan("advert", "MARKETING")
				synctest.Wait()
				o.is("advert", durable.StateClaimed)
				require.NoError(o, o.desk.State.OptOut(o.Context(), theChannel, out, true))
				body := []byte(wireMessage("m1", toAnn.Value(), "US.4711", time.Now()))
				d := &chatapi.Delivery{Channel: theChannel, Body: body}
				d.Events, d.Err = chatapi.ParseWebhook(body)
				require.NoError(o, o.desk.Inbox.Accept(o.Context(), d))
				require.NoError(o, durable.Fold(o.Context(), o.desk))
				o.after(20 * time.Second)
				assert.Contains(o, o.is("advert", durable.StateSkipped).Why, "no marketing")
				plan("bill", "UTILITY")
				o.after(20 * time.Second)
				o.is("bill", durable.StateSent)
			})
		})
	}
}

// A message of a newer release waits for a program that knows it, and so do those of its
// chat; others go on.
func TestOutboxLeavesNewerMessages(t *testing.T) {
	inOffice(t, func(o *office) {
		newer := func(version int) {
			require.NoError(o, sqlite.Update(o.Context(), o.store, func(ctx context.Context, tx durable.Tx) error {
				_, err := tx.Exec(ctx, "UPDATE outbox SET version = $1 WHERE key = 'newer'", version)
				return err
			}))
		}
		o.send("newer", toAnn)
		newer(2)
		o.send("next", toAnn)
		o.send("other", toBen)
		o.run()
		o.after(time.Hour)
		assert.Equal(o, []string{"other"}, o.bodies())
		assert.Equal(o, "It was planned by a newer release of the SDK, and waits for a program that has it.", o.is("newer", durable.StatePlanned).Why)
		newer(1)
		o.api.Customer(toAnn.Value()).Says("hi")
		o.after(10 * time.Second)
		assert.Equal(o, []string{"other", "newer", "next"}, o.bodies())
	})
}

// While the pace is free, messages are picked without a claim. None is picked twice, and
// those of a person stay in order.
func TestOutboxSendsManyOnce(t *testing.T) {
	inOffice(t, func(o *office) {
		const people, each = 40, 50
		for n := range people {
			o.api.Customer(number(n).Value()).Says("hi")
		}
		var want []string
		require.NoError(o, sqlite.Update(o.Context(), o.store, func(ctx context.Context, tx durable.Tx) error {
			for k := range people * each {
				key := fmt.Sprintf("%02d-%02d", k%people, k/people)
				want = append(want, key)
				if _, err := o.desk.Outbox.SendIn(ctx, tx, theChannel, key, number(k%people), chatapi.Text{Body: "text of " + key}); err != nil {
					return err
				}
			}
			return nil
		}))
		o.run()
		o.after(time.Minute)
		sent := o.bodies()
		inOrder := slices.Clone(sent)
		slices.SortStableFunc(inOrder, func(a, b string) int { return strings.Compare(a[:2], b[:2]) })
		slices.Sort(want)
		assert.Equal(o, want, inOrder)
	})
}

// The claim and what surrounds it reads through indexes, however many messages the table
// has.
func TestOutboxUsesItsIndexes(t *testing.T) {
	inOffice(t, func(o *office) {
		for _, query := range durable.OutboxQueries {
			rows, err := sqlite.DB(o.store).QueryContext(o.Context(), "EXPLAIN QUERY PLAN "+query, theChannel, "x", 1, 1, 1, 1)
			require.NoError(o, err, query)
			for rows.Next() {
				var id, parent, unused int
				var detail string
				require.NoError(o, rows.Scan(&id, &parent, &unused, &detail))
				for _, table := range []string{"outbox", "o", "b", "outbox_notice", "activity"} {
					assert.NotContains(o, detail+" ", "SCAN "+table+" ", query)
				}
				assert.NotContains(o, detail, "TEMP B-TREE", query)
			}
			require.NoError(o, rows.Err())
			require.NoError(o, rows.Close())
		}
	})
}

// lateFold is a store whose fold gets nothing to read at first.
type lateFold struct {
	durable.Store
	open chan struct{}
}

func (l *lateFold) Unfolded(ctx context.Context, limit int) ([]store.Event, error) {
	if limit > 1 {
		select {
		case <-l.open:
		default:
			return nil, nil
		}
	}
	return l.Store.Unfolded(ctx, limit)
}

// The customer's message opens the window for the answer, also if the outbox is quicker
// than the fold that notes it.
func TestOutboxWaitsForTheFold(t *testing.T) {
	inOffice(t, func(o *office) {
		late := &lateFold{Store: o.store, open: make(chan struct{})}
		var err error
		o.desk, err = durable.Open(o.Context(), late, o.channels)
		require.NoError(o, err)
		o.api.Template("hello", "en", "Hello")
		o.runDesk(ignore)
		who := number(8)
		o.api.Customer(who.Value()).Says("hi")
		o.send("k", who, durable.IfClosed(chatapi.Template{Name: "hello", Language: "en"}))
		o.after(10 * time.Second)
		assert.Equal(o, durable.StatePlanned, o.get("k").State)
		assert.Contains(o, o.get("k").Why, "read first")
		close(late.open)
		o.after(time.Minute)
		assert.Equal(o, durable.StateSent, o.get("k").State)
		assert.False(o, o.get("k").FellBack, "the window was open")
	})
}

// A wake that comes while the outbox ends begins no sender that works after the end.
func TestOutboxEndsDespiteWakes(t *testing.T) {
	s, err := sqlite.Open(t.Context(), t.TempDir())
	require.NoError(t, err)
	desk, err := durable.Open(t.Context(), s, chatapi.NewChannels())
	require.NoError(t, err)
	for n := range 100 {
		running, end := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- durable.RunOutbox(running, desk) }()
		for began := false; !began; runtime.Gosched() {
			durable.WakeSender(desk, "first")
			began = durable.Senders(desk) > 0
		}
		for durable.Senders(desk) > 0 {
			runtime.Gosched()
		}
		var waking sync.WaitGroup
		waking.Go(func() { durable.WakeSender(desk, "last") })
		for range n {
			runtime.Gosched()
		}
		end()
		require.NoError(t, <-ended)
		assert.Zero(t, durable.Senders(desk))
		waking.Wait()
	}
	require.NoError(t, s.Close())
}
