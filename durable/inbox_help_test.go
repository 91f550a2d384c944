package durable_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

const boxChannel chatapi.ChannelID = "ABC100000001"

// box is a desk on SQLite that runs.
type box struct {
	*durable.Desk
	t     *testing.T
	store store.Store
	file  *sqlite.Store
	stop  func() error
}

// openBox runs a desk on a folder, with a table "effect" of the user's.
func openBox(t *testing.T, dir string, handler durable.Handler, opts ...durable.Option) *box {
	return openBoxOn(t, dir, func(s store.Store) store.Store { return s }, handler, opts...)
}

// openBoxOn does so on a store that wrap returns.
func openBoxOn(t *testing.T, dir string, wrap func(store.Store) store.Store, handler durable.Handler, opts ...durable.Option) *box {
	t.Helper()
	return openBoxWith(t, dir, chatapi.NewChannels(), wrap, handler, opts...)
}

// openBoxWith does so with channels that send.
func openBoxWith(t *testing.T, dir string, channels *chatapi.Channels, wrap func(store.Store) store.Store, handler durable.Handler, opts ...durable.Option) *box {
	t.Helper()
	file, err := sqlite.Open(context.Background(), dir)
	require.NoError(t, err)
	require.NoError(t, sqlite.Update(context.Background(), file, func(ctx context.Context, tx durable.Tx) error {
		_, err := tx.Exec(ctx, "CREATE TABLE IF NOT EXISTS effect (chat TEXT NOT NULL, key TEXT NOT NULL)")
		return err
	}))
	b := &box{t: t, store: wrap(file), file: file}
	b.Desk, err = durable.Open(context.Background(), b.store, channels, opts...)
	require.NoError(t, err)
	b.Inbox.Handle(handler)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	var once sync.Once
	b.stop = func() (err error) {
		once.Do(func() {
			cancel()
			err = <-ended
			assert.NoError(t, file.Close())
		})
		return err
	}
	t.Cleanup(func() { assert.NoError(t, b.stop()) })
	return b
}

// chatMessage is a customer's message in a body.
func chatMessage(id, phone, text string) string {
	return fmt.Sprintf(`{"id":%q,"type":"chat","body":%q,"fromMe":false,"chatId":"%s@c.us","author":"%s@c.us"}`, id, text, phone, phone)
}

func bodyOf(messages ...string) string {
	return `{"instanceId":"` + string(boxChannel) + `","messages":[` + strings.Join(messages, ",") + `]}`
}

// chatDelivery is what the webhook handler gives to Accept.
func chatDelivery(body string) *chatapi.Delivery {
	d := &chatapi.Delivery{Channel: boxChannel, Body: []byte(body), Received: time.Now()}
	d.Events, d.Err = chatapi.ParseWebhook(d.Body)
	return d
}

// accept stores a delivery of messages.
func (b *box) accept(messages ...string) {
	b.t.Helper()
	require.NoError(b.t, b.Inbox.Accept(context.Background(), chatDelivery(bodyOf(messages...))))
}

// effects returns the user's rows, in the order of their commits.
func (b *box) effects() (rows []string) {
	b.t.Helper()
	found, err := sqlite.DB(b.file).QueryContext(context.Background(), "SELECT chat || ' ' || key FROM effect ORDER BY rowid")
	require.NoError(b.t, err)
	defer found.Close()
	for found.Next() {
		var row string
		require.NoError(b.t, found.Scan(&row))
		rows = append(rows, row)
	}
	require.NoError(b.t, found.Err())
	return rows
}

// waits waits until no event is open.
func (b *box) waits() {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		open, _, err := b.store.Depth(context.Background())
		return err == nil && open == 0
	}, time.Minute, 2*time.Millisecond)
}

// letters lists the dead letters.
func (b *box) letters() (all []*durable.Letter) {
	b.t.Helper()
	for l, err := range b.Inbox.Dead(context.Background(), durable.DeadFilter{}) {
		require.NoError(b.t, err)
		all = append(all, l)
	}
	return all
}

// writeEffect writes a row of the user's with "done".
func writeEffect(e chatapi.Event, w *durable.Work) error {
	return w.InTx(func(ctx context.Context, tx durable.Tx) error {
		chat := ""
		if m, ok := e.(*chatapi.MessageEvent); ok {
			chat = m.From.Phone
		}
		_, err := tx.Exec(ctx, "INSERT INTO effect (chat, key) VALUES ($1, $2)", chat, e.Key())
		return err
	})
}

// handled is a handler that writes its effect and remembers its calls.
type handled struct {
	mu    sync.Mutex
	calls []string
	at    []time.Time
	do    func(ctx context.Context, e chatapi.Event, w *durable.Work) error
}

func (h *handled) handle(ctx context.Context, e chatapi.Event, w *durable.Work) error {
	h.mu.Lock()
	h.calls = append(h.calls, fmt.Sprintf("%s %d", e.Key(), w.Attempt))
	h.at = append(h.at, time.Now())
	h.mu.Unlock()
	if h.do != nil {
		if err := h.do(ctx, e, w); err != nil {
			return err
		}
	}
	return writeEffect(e, w)
}

func (h *handled) all() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string{}, h.calls...)
}

// copyFolder copies what a process that is killed now would leave.
func copyFolder(t *testing.T, from string) (to string) {
	t.Helper()
	to = t.TempDir()
	files, err := os.ReadDir(from)
	require.NoError(t, err)
	for _, f := range files {
		source, err := os.Open(filepath.Join(from, f.Name()))
		require.NoError(t, err)
		target, err := os.Create(filepath.Join(to, f.Name()))
		require.NoError(t, err)
		_, err = io.Copy(target, source)
		require.NoError(t, err)
		require.NoError(t, source.Close())
		require.NoError(t, target.Close())
	}
	return to
}
