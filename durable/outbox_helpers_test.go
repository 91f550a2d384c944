package durable_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
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
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

const theChannel = chatapi.ChannelID("ABC100000001")

var (
	toAnn = chatapi.Phone("12025550143")
	toBen = chatapi.Phone("12025550144")
)

// office is a desk at a fake service, in a synctest bubble.
type office struct {
	*testing.T
	api      *chatapitest.API
	channels *chatapi.Channels
	dir      string
	store    *sqlite.Store
	desk     *durable.Desk
	opts     []durable.Option
	client   []chatapi.Option
	stop     func() error
}

// inOffice runs a test with a desk whose outbox does not run yet. Ann and Ben have
// written, so that their windows are open.
func inOffice(t *testing.T, test func(o *office), opts ...durable.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o := &office{T: t, api: chatapitest.New(t, chatapitest.AllowUndelivered()), dir: t.TempDir(), opts: opts}
		o.api.Customer(toAnn.Value()).Says("hi")
		o.api.Customer(toBen.Value()).Says("hi")
		o.client = []chatapi.Option{chatapi.WithHTTPClient(&http.Client{Transport: o.api.Transport})}
		o.channels = chatapi.NewChannels()
		o.put(o.api.Token)
		o.open()
		defer func() {
			o.end()
			require.NoError(t, o.store.Close())
		}()
		test(o)
	})
}

func (o *office) put(token string) {
	o.Helper()
	_, err := o.channels.Put(o.api.URL, token, o.client...)
	require.NoError(o, err)
}

func (o *office) open() {
	o.Helper()
	var err error
	o.store, err = sqlite.Open(o.Context(), o.dir)
	require.NoError(o, err)
	o.desk, err = durable.Open(o.Context(), o.store, o.channels, o.opts...)
	require.NoError(o, err)
}

// run starts the outbox.
func (o *office) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done, desk := make(chan error, 1), o.desk
	go func() { done <- durable.RunOutbox(ctx, desk) }()
	o.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	synctest.Wait()
}

// end stops the outbox, if it runs.
func (o *office) end() {
	o.Helper()
	if o.stop != nil {
		require.NoError(o, o.stop())
		o.stop = nil
	}
}

// reopen ends the program in order and starts it again.
func (o *office) reopen() {
	o.Helper()
	o.end()
	require.NoError(o, o.store.Close())
	o.open()
	o.run()
}

// crash goes on with a copy of the folder that was made before, as after kill -9.
func (o *office) crash(dir string) {
	o.Helper()
	_ = o.stop()
	o.stop = nil
	require.NoError(o, o.store.Close())
	o.dir = dir
	o.open()
}

// copied returns a copy of the folder as the disk has it now.
func (o *office) copied() string {
	to := o.TempDir()
	files, err := os.ReadDir(o.dir)
	require.NoError(o, err)
	for _, f := range files {
		if strings.HasSuffix(f.Name(), "-shm") {
			continue
		}
		from, err := os.Open(filepath.Join(o.dir, f.Name()))
		require.NoError(o, err)
		into, err := os.Create(filepath.Join(to, f.Name()))
		require.NoError(o, err)
		_, err = io.Copy(into, from)
		require.NoError(o, err)
		require.NoError(o, into.Close())
		require.NoError(o, from.Close())
	}
	return to
}

// send plans a text of which the key is a part.
func (o *office) send(key string, to chatapi.Recipient, opts ...durable.SendOption) *durable.Queued {
	o.Helper()
	q, err := o.desk.Outbox.Send(o.Context(), theChannel, key, to, chatapi.Text{Body: "text of " + key}, opts...)
	require.NoError(o, err)
	return q
}

func (o *office) get(key string) *durable.Queued {
	o.Helper()
	q, err := o.desk.Outbox.Get(o.Context(), theChannel, key)
	require.NoError(o, err)
	require.NotNil(o, q, key)
	return q
}

// after lets time pass.
func (o *office) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// is asserts the state of a message and returns it.
func (o *office) is(key string, state durable.SendState) *durable.Queued {
	o.Helper()
	q := o.get(key)
	assert.Equal(o, state, q.State, "%s: %s", key, q.Why)
	return q
}

// bodies returns the texts that the service accepted, in order.
func (o *office) bodies() (all []string) {
	for _, c := range o.api.Calls().Sends() {
		if c.Accepted() {
			all = append(all, strings.TrimPrefix(c.Field("body"), "text of "))
		}
	}
	return all
}

// tries returns how many requests had that text.
func (o *office) tries(key string) (n int) {
	for _, c := range o.api.Calls().Sends() {
		if c.Field("body") == "text of "+key {
			n++
		}
	}
	return n
}

func number(n int) chatapi.Recipient { return chatapi.Phone(fmt.Sprintf("1202555%04d", 100+n)) }
