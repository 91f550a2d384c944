// Package desktest checks that a desk works on a store: inbox, outbox and state together,
// on the machine's own clock. Every store of durable passes it.
package desktest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
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

// Run runs every case.
func Run(t *testing.T, fresh storetest.Fresh) {
	for _, c := range []struct {
		name string
		test func(*testing.T, storetest.Fresh)
	}{
		{"chats in order and at once", chatsInOrder},
		{"duplicates", duplicates},
		{"failures, dead letters and replays", failures},
		{"a handler's writes and messages", writes},
		{"refusals and doubts", refusals},
		{"outbox", outbox},
		{"state", state},
		{"a counter before each commit", counter},
		{"quiet hours, and a stop of all sending", waits},
		{"closed windows, and newer programs", closed},
		{"handlers that do not return", hostileHandlers},
		{"functions that do not return", hostileFunctions},
		{"a stop and a status while the handler fails", foldsFirst},
		{"a body of 4 MiB", largeBody},
		{"two senders without the right to send", sendersWithoutLock},
		{"a store that fails at any call", failingCalls},
		{"clocks that differ", clocksThatDiffer},
		{"a program without the channel", withoutChannel},
		{"a message of a newer program", newerMessage},
		{"a token that dies and a channel that goes", tokenAndChannel},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, fresh) })
	}
}

const effectTable = "CREATE TABLE IF NOT EXISTS effect (chat TEXT NOT NULL, key TEXT NOT NULL, place INTEGER NOT NULL, PRIMARY KEY (chat, place))"

// Channel is the channel of the fake service.
const Channel chatapi.ChannelID = "ABC100000001"

// Box is a desk that runs.
type Box struct {
	*durable.Desk
	Store store.Store
	Stop  func() error

	t   testing.TB
	log *log
}

// Service returns a fake service in which the customers of some numbers have written, so
// that they can be written to, and the channels of its client.
func Service(t testing.TB, customers int) (*chatapitest.API, *chatapi.Channels) {
	t.Helper()
	api := chatapitest.New(t, chatapitest.AllowUndelivered(), chatapitest.Channel(Channel))
	for n := range customers {
		api.Customer(Phone(n)).Says("hi")
	}
	return api, Channels(t, api)
}

// Channels returns channels with a client of their own for a fake service.
func Channels(t testing.TB, api *chatapitest.API) *chatapi.Channels {
	t.Helper()
	channels := chatapi.NewChannels()
	_, err := channels.Put(api.URL, api.Token, chatapi.WithHTTPClient(client(api)))
	require.NoError(t, err)
	return channels
}

func client(api *chatapitest.API) *http.Client { return &http.Client{Transport: api.Transport} }

// Phone returns the number of a customer.
func Phone(n int) string { return fmt.Sprintf("1202555%04d", 100+n) }

// To returns a customer.
func To(n int) chatapi.Recipient { return chatapi.Phone(Phone(n)) }

// Open runs a desk on a store, with a table "effect" of the user's own.
func Open(t testing.TB, s store.Store, channels *chatapi.Channels, handler durable.Handler, opts ...durable.Option) *Box {
	t.Helper()
	ctx := context.Background()
	require.NoError(t, s.Update(ctx, func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, effectTable)
		return err
	}))
	b := &Box{Store: s, t: t, log: &log{}}
	opts = append([]durable.Option{durable.Logger(slog.New(slog.NewTextHandler(b.log, nil)))}, opts...)
	var err error
	b.Desk, err = durable.Open(ctx, s, channels, opts...)
	require.NoError(t, err)
	if handler == nil {
		handler = Effect
	}
	b.Inbox.Handle(handler)
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	b.Stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { assert.NoError(t, b.Stop()) })
	return b
}

// Effect is a handler that writes a row for an event, with "done". place is the number
// of rows that its chat had before.
func Effect(_ context.Context, e chatapi.Event, w *durable.Work) error {
	return w.InTx(func(ctx context.Context, tx durable.Tx) error {
		chat := ""
		if m, ok := e.(*chatapi.MessageEvent); ok {
			chat = m.From.Phone
		}
		_, err := tx.Exec(ctx, "INSERT INTO effect (chat, key, place) VALUES ($1, $2, (SELECT count(*) FROM effect WHERE chat = $1))", chat, e.Key())
		return err
	})
}

// Effects returns the keys of a chat's events, in the order of their commits.
func Effects(t testing.TB, s store.Store, chat string) (keys []string) {
	t.Helper()
	require.NoError(t, s.View(context.Background(), func(ctx context.Context, tx store.Tx) error {
		rows, err := tx.Query(ctx, "SELECT key FROM effect WHERE chat = $1 ORDER BY place", chat)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var key string
			if err := rows.Scan(&key); err != nil {
				return err
			}
			keys = append(keys, strings.TrimPrefix(key, "message/"))
		}
		return rows.Err()
	}))
	return keys
}

// Message is a customer's message in a body.
func Message(id string, customer int, text string) string {
	phone := Phone(customer)
	body, _ := json.Marshal(text)
	return fmt.Sprintf(`{"id":%q,"type":"chat","body":%s,"fromMe":false,"chatId":"%s@c.us","author":"%s@c.us"}`, id, body, phone, phone)
}

// Delivery is a webhook with messages.
func Delivery(messages ...string) *chatapi.Delivery {
	d := &chatapi.Delivery{Channel: Channel, Received: time.Now(),
		Body: []byte(`{"instanceId":"` + string(Channel) + `","messages":[` + strings.Join(messages, ",") + `]}`)}
	d.Events, d.Err = chatapi.ParseWebhook(d.Body)
	return d
}

// Accept stores messages.
func (b *Box) Accept(messages ...string) {
	b.t.Helper()
	require.NoError(b.t, b.Inbox.Accept(context.Background(), Delivery(messages...)))
}

// Empty waits until no event is open.
func (b *Box) Empty() {
	b.t.Helper()
	b.until(func() bool {
		open, _, err := b.Store.Depth(context.Background())
		return err == nil && open == 0
	})
}

func (b *Box) until(condition func() bool) {
	b.t.Helper()
	if !assert.Eventually(b.t, condition, 2*time.Minute, 5*time.Millisecond) {
		b.open()
		b.t.FailNow()
	}
}

// open prints what is not done.
func (b *Box) open() {
	events, _, err := b.Store.Depth(context.Background())
	b.t.Logf("%d events are open, %v", events, err)
	for q, err := range b.Outbox.List(context.Background(), durable.QueueFilter{}) {
		switch {
		case err != nil:
			b.t.Log(err)
		case q.State != durable.StateSent:
			b.t.Logf("the message %q is %s after %d attempts, not before %s: %s", q.Key, q.State, q.Attempts, q.NotBefore, q.Why)
		}
	}
	b.t.Log(b.log.String())
}

// Send plans a text.
func (b *Box) Send(key string, to chatapi.Recipient, opts ...durable.SendOption) *durable.Queued {
	b.t.Helper()
	q, err := b.Outbox.Send(context.Background(), Channel, key, to, chatapi.Text{Body: "text of " + key}, opts...)
	require.NoError(b.t, err)
	return q
}

// Becomes waits until a message has a state.
func (b *Box) Becomes(key string, state durable.SendState) (q *durable.Queued) {
	b.t.Helper()
	b.until(func() bool {
		var err error
		q, err = b.Outbox.Get(context.Background(), Channel, key)
		return err == nil && q != nil && q.State == state
	})
	return q
}

// Log returns what the desk has reported.
func (b *Box) Log() string { return b.log.String() }

// Clean asserts that the store refused no statement.
func (b *Box) Clean() {
	b.t.Helper()
	assert.NotContains(b.t, b.log.String(), "SQLSTATE")
	assert.NotContains(b.t, b.log.String(), "SQL logic error")
}

// Texts returns the texts that the service accepted, in order.
func Texts(api *chatapitest.API) (all []string) {
	for _, c := range api.Calls().Sends() {
		if c.Accepted() {
			all = append(all, strings.TrimPrefix(c.Field("body"), "text of "))
		}
	}
	return all
}

type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(line)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
