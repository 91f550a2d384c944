package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/desktest"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/postgres"
)

// acceptOnly opens a desk that only accepts.
func acceptOnly(t testing.TB, address string) *desktest.Box {
	t.Helper()
	return desktest.Open(t, named(t, address, "accept"), chatapi.NewChannels(), nil, durable.AcceptOnly())
}

// others waits until so many programs work on the store.
func others(t testing.TB, address string, n int) {
	t.Helper()
	eventually(t, func() bool { return ask[int](t, address, "SELECT count(*) FROM chatapi.running") == n })
}

// Without the rights on River's tables, or with old ones, a program does not start.
func TestOpenComparesRiver(t *testing.T) {
	ctx, address := t.Context(), database(t)
	run(t, address, "DELETE FROM chatapi_river.river_migration WHERE version > 5")
	_, err := postgres.Open(ctx, address)
	require.ErrorIs(t, err, store.ErrSchema)
	require.ErrorContains(t, err, `the schema "chatapi_river" of River is older than this release`)
	require.ErrorContains(t, err, "call postgres.Migrate")
	run(t, address, "DROP SCHEMA chatapi_river CASCADE")
	_, err = postgres.Open(ctx, address)
	require.ErrorIs(t, err, store.ErrSchema)
	require.NoError(t, postgres.Migrate(ctx, address))
	open(t, address)
	run(t, address, "INSERT INTO chatapi_river.river_migration (line, version) VALUES ('main', 1000)")
	open(t, address) // a newer program has migrated
}

func TestRiverSchema(t *testing.T) {
	assert.Equal(t, "chatapi_river", postgres.RiverSchema("chatapi"))
	names := map[string]bool{}
	for _, schema := range []string{"a", "A", "a b", "a_b", "1a", strings.Repeat("a", 63), strings.Repeat("a", 62), `"`, "é"} {
		name := postgres.RiverSchema(schema)
		assert.Regexp(t, "^[a-z_][a-z0-9_]{1,45}$", name, schema)
		names[name] = true
	}
	assert.Len(t, names, 9)
}

// What one program accepts, others handle, at once and in order. The jobs name no person.
func TestAcceptOnly(t *testing.T) {
	address := database(t)
	front := acceptOnly(t, address)
	for _, name := range []string{"first", "second"} {
		desktest.Open(t, named(t, address, name), chatapi.NewChannels(), nil)
	}
	const chats, n = 10, 20
	begin := time.Now()
	var all sync.WaitGroup
	for chat := range chats {
		all.Go(func() {
			for i := range n {
				assert.NoError(t, front.Inbox.Accept(context.Background(), desktest.Delivery(desktest.Message(fmt.Sprintf("%02d-%03d", chat, i), chat, "x"))))
			}
		})
	}
	all.Wait()
	t.Logf("accepted after %s", time.Since(begin))
	front.Empty()
	t.Logf("handled after %s", time.Since(begin))
	for chat := range chats {
		keys := desktest.Effects(t, front.Store, desktest.Phone(chat))
		assert.Len(t, keys, n)
		assert.True(t, slices.IsSorted(keys), keys)
	}
	made := jobs(t, address, "chatapi_lane", "%")
	t.Logf("%d jobs for %d events, %d deadlocks", made, chats*n, deadlocks(t, address))
	assert.Positive(t, made)
	assert.Zero(t, ask[int](t, address, "SELECT count(*) FROM chatapi_river.river_job WHERE args::text LIKE '%202555%'"))
	assert.Zero(t, ask[int](t, address, "SELECT count(*) FROM chatapi_river.river_job WHERE errors IS NOT NULL"))
	health, err := front.Health(context.Background())
	require.NoError(t, err)
	assert.True(t, health.Ready)
}

// slowest commits something again and again, and keeps how long that took at most: what
// the machine makes anybody wait.
func slowest(t *testing.T, address string) func() time.Duration {
	t.Helper()
	run(t, address, "CREATE TABLE pulse (n BIGINT NOT NULL)", "INSERT INTO pulse VALUES (0)")
	conn, err := pgx.Connect(context.Background(), address)
	require.NoError(t, err)
	stop, ended := make(chan struct{}), make(chan struct{})
	most := time.Duration(0)
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
			begin := time.Now()
			_, err := conn.Exec(context.Background(), "UPDATE pulse SET n = n + 1")
			assert.NoError(t, err)
			most = max(most, time.Since(begin))
		}
	}()
	end := sync.OnceFunc(func() {
		close(stop)
		<-ended
		_ = conn.Close(context.Background())
	})
	t.Cleanup(end)
	return func() time.Duration {
		end()
		return most
	}
}

// ahead is how many events of the chat may wait for the handler. Each waits for those
// before it.
const ahead = 4

// inTurn delivers the events of one chat to programs in turn, some ahead of the handler,
// and returns how long an event waited for it at most after it was accepted.
func inTurn(t *testing.T, address string, n int, accept []*desktest.Box, handled func(id string) (time.Time, bool), done *atomic.Int64) {
	t.Helper()
	pulse := slowest(t, address)
	accepted := make([]time.Time, n)
	for i := range n {
		for begin := time.Now(); done.Load() <= int64(i-ahead); time.Sleep(time.Millisecond) {
			require.Less(t, time.Since(begin), time.Minute, "%d of %d are handled", done.Load(), i)
		}
		d := desktest.Delivery(desktest.Message(fmt.Sprintf("%06d", i), 0, "x"))
		require.NoError(t, accept[i%len(accept)].Inbox.Accept(context.Background(), d))
		accepted[i] = time.Now()
	}
	require.Eventually(t, func() bool { return done.Load() == int64(n) }, time.Minute, time.Millisecond)
	var waits []time.Duration
	for i, at := range accepted {
		begun, ok := handled(fmt.Sprintf("%06d", i))
		require.True(t, ok)
		waits = append(waits, begun.Sub(at))
	}
	slices.Sort(waits)
	most := pulse()
	t.Logf("%d events: half waited %s, all but one in a hundred %s, all %s; a commit took %s at most",
		n, waits[n/2], waits[n*99/100], waits[n-1], most)
	assert.Less(t, waits[n-1], time.Second+(ahead+1)*most)
	ids := ask[string](t, address, "SELECT string_agg(id, ' ' ORDER BY place) FROM in_order")
	assert.True(t, slices.IsSorted(strings.Fields(ids)), "in order")
	assert.Len(t, strings.Fields(ids), n, "each once")
}

// No event of a chat on which two programs work waits for a sweep, and their order is kept.
func TestNoEventWaitsASecond(t *testing.T) {
	for name, front := range map[string]bool{"two programs accept and work": false, "one accepts and two work": true} {
		t.Run(name, func(t *testing.T) {
			address := database(t)
			run(t, address, "CREATE TABLE in_order (place BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id TEXT NOT NULL)")
			var begun sync.Map
			var done atomic.Int64
			handler := func(_ context.Context, e chatapi.Event, w *durable.Work) error {
				id := e.(*chatapi.MessageEvent).ID
				begun.LoadOrStore(id, time.Now())
				done.Add(1)
				return w.InTx(func(ctx context.Context, tx durable.Tx) error {
					_, err := tx.Exec(ctx, "INSERT INTO in_order (id) VALUES ($1)", id)
					return err
				})
			}
			accept, n := []*desktest.Box{}, manyEvents
			for _, program := range []string{"first", "second"} {
				accept = append(accept, desktest.Open(t, named(t, address, program), chatapi.NewChannels(), handler))
			}
			if front {
				accept, n = []*desktest.Box{acceptOnly(t, address)}, manyEvents/5
			}
			others(t, address, 2)
			inTurn(t, address, n, accept, func(id string) (time.Time, bool) {
				at, ok := begun.Load(id)
				if !ok {
					return time.Time{}, false
				}
				return at.(time.Time), true
			}, &done)
			accept[0].Empty()
		})
	}
}

// busy opens a desk with one worker, whose handler works on the chat of the first customer
// until free is called.
func busy(t *testing.T, address string) (b *desktest.Box, free func()) {
	t.Helper()
	released := make(chan struct{})
	free = sync.OnceFunc(func() { close(released) })
	b = desktest.Open(t, named(t, address, "busy"), chatapi.NewChannels(), func(ctx context.Context, e chatapi.Event, w *durable.Work) error {
		<-released
		return desktest.Effect(ctx, e, w)
	}, durable.Workers(1), durable.DrainTimeout(time.Minute))
	t.Cleanup(free)
	return b, free
}

// A program that has more chats than it can work on leaves them to others, if there are
// any. One alone needs no job.
func TestFullProgramHandsOver(t *testing.T) {
	address := database(t)
	b, free := busy(t, address)
	for chat := range 20 {
		b.Accept(desktest.Message(fmt.Sprint("alone ", chat), chat, "x"))
	}
	assert.Zero(t, jobs(t, address, "%", "%"), "nobody else is there")
	free()
	b.Empty()
	require.NoError(t, b.Stop())

	second := desktest.Open(t, named(t, address, "second"), chatapi.NewChannels(), nil)
	others(t, address, 1)
	b, free = busy(t, address)
	defer free()
	others(t, address, 2)
	for chat := 0; jobs(t, address, "chatapi_lane", "%") == 0; chat++ {
		b.Accept(desktest.Message(fmt.Sprint("both ", chat), chat, "x"))
		require.Less(t, chat, 1000)
	}
	eventually(t, func() bool { return jobs(t, address, "chatapi_lane", "completed") > 0 })
	free()
	second.Empty()
}

// A program that ends leaves what it has not begun to others, and so it does with what it
// still accepts.
func TestEndingProgramHandsOver(t *testing.T) {
	address := database(t)
	second := desktest.Open(t, named(t, address, "second"), chatapi.NewChannels(), nil)
	b, free := busy(t, address)
	defer free()
	others(t, address, 2)
	for chat := range 4 {
		b.Accept(desktest.Message(fmt.Sprint("before ", chat), chat, "x"))
	}
	assert.Zero(t, jobs(t, address, "%", "%"), "a program works on what it accepts itself")
	ended := make(chan error)
	go func() { ended <- b.Stop() }()
	eventually(t, func() bool { return jobs(t, address, "chatapi_lane", "%") >= 3 }, "three chats have not begun")
	b.Accept(desktest.Message("after", 9, "x"))
	eventually(t, func() bool { return jobs(t, address, "chatapi_lane", "%") >= 4 })
	eventually(t, func() bool { return len(desktest.Effects(t, second.Store, desktest.Phone(9))) == 1 })
	free()
	require.NoError(t, <-ended)
	second.Empty()
}

// A program that plans messages and does not send wakes one that does. In a transaction of
// the caller's own nothing is locked that others need.
func TestPlanningProgramWakesTheSender(t *testing.T) {
	ctx, address := t.Context(), database(t)
	api, channels := desktest.Service(t, 3)
	plans := acceptOnly(t, address)
	planner, err := durable.Open(ctx, plans.Store, desktest.Channels(t, api), durable.AcceptOnly())
	require.NoError(t, err)
	desktest.Open(t, named(t, address, "sends"), channels, nil)
	others(t, address, 1)
	send := func(key string, opts ...durable.SendOption) {
		_, err := planner.Outbox.Send(ctx, desktest.Channel, key, desktest.To(0), chatapi.Text{Body: "text of " + key}, opts...)
		require.NoError(t, err)
	}
	send("now")
	eventually(t, func() bool { return jobs(t, address, "chatapi_channel", "%") == 1 })
	eventually(t, func() bool { return len(desktest.Texts(api)) == 1 })
	send("later", durable.At(time.Now().Add(time.Hour)))
	eventually(t, func() bool { return jobs(t, address, "chatapi_channel_later", "scheduled") == 1 })
	assert.Zero(t, jobs(t, address, "%", "discarded"))

	eventually(t, func() bool { return jobs(t, address, "chatapi_channel", "completed") == 1 })
	conn, err := pgx.Connect(ctx, address)
	require.NoError(t, err)
	defer conn.Close(ctx)
	tx, err := conn.Begin(ctx)
	require.NoError(t, err)
	own, err := postgres.InTx(ctx, plans.Store.(*postgres.Store), tx)
	require.NoError(t, err)
	_, err = planner.Outbox.SendIn(ctx, own, desktest.Channel, "own", desktest.To(1), chatapi.Text{Body: "text of own"})
	require.NoError(t, err)
	eventually(t, func() bool { return jobs(t, address, "chatapi_channel", "completed") > 1 }, "the transaction holds up no job")
	require.NoError(t, tx.Commit(ctx))
	eventually(t, func() bool { return len(desktest.Texts(api)) == 2 })
}

// River's memory is lost, and its leader dies, again and again: the rows are the truth, and
// the sweeps find them.
func TestRiverIsTruncatedAndItsLeaderDies(t *testing.T) {
	address := database(t)
	front := acceptOnly(t, address)
	for _, name := range []string{"first", "second"} {
		desktest.Open(t, named(t, address, name), chatapi.NewChannels(), nil)
	}
	others(t, address, 2)
	const chats, n = 8, 15
	var all sync.WaitGroup
	for chat := range chats {
		all.Go(func() {
			for i := range n {
				assert.NoError(t, front.Inbox.Accept(context.Background(), desktest.Delivery(desktest.Message(fmt.Sprintf("%02d-%03d", chat, i), chat, "x"))))
				if time.Sleep(20 * time.Millisecond); i%5 == 2 {
					run(t, address, "TRUNCATE chatapi_river.river_job")
				}
			}
		})
	}
	for _, name := range []string{"first", "second"} { // one of them leads
		time.Sleep(200 * time.Millisecond)
		end(t, address, name)
	}
	all.Wait()
	run(t, address, "TRUNCATE chatapi_river.river_job")
	begin := time.Now()
	front.Empty()
	t.Logf("empty after %s", time.Since(begin))
	for chat := range chats {
		keys := desktest.Effects(t, front.Store, desktest.Phone(chat))
		assert.Len(t, keys, n)
		assert.True(t, slices.IsSorted(keys), keys)
	}
}

// Deliveries are accepted also if no job can be inserted.
func TestAcceptingDoesNotNeedRiver(t *testing.T) {
	ctx, address := t.Context(), database(t)
	s := open(t, address)
	conn, err := pgx.Connect(ctx, address)
	require.NoError(t, err)
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "BEGIN; LOCK TABLE chatapi_river.river_job IN ACCESS EXCLUSIVE MODE")
	require.NoError(t, err)
	away(t, s, "ABC1 a", 1)
	run(t, address, "SELECT 1")
	_, err = conn.Exec(ctx, "ROLLBACK; DROP TABLE chatapi_river.river_job")
	require.NoError(t, err)
	away(t, s, "ABC1 a", 2)
	events, err := s.Open(ctx, "ABC1 a", 10)
	require.NoError(t, err)
	assert.Len(t, events, 2)
}
