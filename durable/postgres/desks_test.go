package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/desktest"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/postgres"
	"github.com/chatapi-go/chatapi/internal/pgtest"
)

// named opens a store whose connections have a name.
func named(t testing.TB, address, name string) *postgres.Store {
	t.Helper()
	return open(t, address+"&application_name="+name)
}

// end ends the connections of a name, as a network that is cut does.
func end(t testing.TB, address, name string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), address)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	require.NoError(t, conn.QueryRow(context.Background(), `SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE application_name = $1 AND datname = current_database()) AS ended`, name).Scan(&n))
	return n
}

// deadlocks counts the circles of waiting that the server had to break.
func deadlocks(t testing.TB, address string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), address)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	require.NoError(t, conn.QueryRow(context.Background(), "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").Scan(&n))
	return n
}

// answer writes an effect and plans a message.
func answer(ctx context.Context, e chatapi.Event, w *durable.Work) error {
	m := e.(*chatapi.MessageEvent)
	if _, err := w.Send(m.AnswerTo(), chatapi.Text{Body: "text of " + m.ID}); err != nil {
		return err
	}
	return desktest.Effect(ctx, e, w)
}

// pair is two desks, as of two machines, and a service that delivers to both.
type pair struct {
	*testing.T
	address  string
	api      *chatapitest.API
	desks    [2]*desktest.Box
	chats, n int
}

func newPair(t *testing.T, address string, chats, n int) *pair {
	t.Helper()
	api, channels := desktest.Service(t, chats)
	p := &pair{T: t, address: address, api: api, chats: chats, n: n}
	for i, name := range []string{"first", "second"} {
		if i == 1 {
			channels = desktest.Channels(t, api)
		}
		p.desks[i] = desktest.Open(t, named(t, address, name), channels, answer)
	}
	return p
}

// deliver delivers the events of every chat, each to both desks, until it is taken; the
// next event of a chat comes after that.
func (p *pair) deliver() {
	var all sync.WaitGroup
	for chat := range p.chats {
		all.Go(func() {
			for n := range p.n {
				message := desktest.Message(fmt.Sprintf("%02d-%03d", chat, n), chat, "x")
				var both sync.WaitGroup
				for i := range p.desks {
					both.Go(func() {
						for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
							err := p.desks[(chat+n+i)%2].Inbox.Accept(context.Background(), desktest.Delivery(message))
							if err == nil {
								return
							}
							if time.Since(begin) > time.Minute {
								assert.NoError(p, err)
								return
							}
						}
					})
				}
				both.Wait()
			}
		})
	}
	all.Wait()
}

// check waits for the end, and counts: each event had its effect once, in the order of
// its chat, and each message went out once, or is known to be in doubt.
func (p *pair) check() {
	p.Helper()
	ctx := context.Background()
	total := p.chats * p.n
	require.Eventually(p, func() bool {
		open, _, err := p.desks[0].Store.Depth(ctx)
		return err == nil && open == 0
	}, 2*time.Minute, 20*time.Millisecond)
	p.Logf("handled at %s", time.Now().Format(time.StampMilli))
	for chat := range p.chats {
		keys := desktest.Effects(p, p.desks[1].Store, desktest.Phone(chat)) // the first one may lose its connections
		assert.Len(p, keys, p.n)
		assert.True(p, slices.IsSorted(keys), keys)
	}
	doubts := 0
	require.Eventually(p, func() bool {
		doubts = 0
		for q, err := range p.desks[0].Outbox.List(ctx, durable.QueueFilter{States: []durable.SendState{durable.StateReserved, durable.StateUnknown}}) {
			if err == nil && !slices.Contains(desktest.Texts(p.api), textOf(q)) {
				doubts++
			}
		}
		return len(desktest.Texts(p.api))+doubts >= total
	}, 2*time.Minute, 50*time.Millisecond)
	texts := desktest.Texts(p.api)
	assert.Len(p, slices.Compact(slices.Sorted(slices.Values(texts))), len(texts), "no message went out twice")
	last := map[string]string{}
	for _, text := range texts {
		assert.Greater(p, text, last[text[:2]], "the answers of a chat are in order")
		last[text[:2]] = text
	}
	p.Logf("%d deadlocks", deadlocks(p, p.address))
	p.Logf("%d events, %d messages, %d in doubt", total, len(texts), doubts)
}

// textOf is the id of the message that a key of Work.Send answers.
func textOf(q *durable.Queued) string {
	return strings.TrimSuffix(strings.TrimPrefix(q.Key, "event/message/"), "/1")
}

func TestTwoDesks(t *testing.T) {
	p := newPair(t, database(t), 10, 20)
	begin := time.Now()
	p.deliver()
	t.Logf("delivered after %s", time.Since(begin))
	p.check()
	t.Logf("sent after %s", time.Since(begin))
	for _, b := range p.desks {
		b.Clean()
	}
}

// The connections of one program end again and again.
func TestConnectionsEnd(t *testing.T) {
	p := newPair(t, database(t), 10, 15)
	stop := make(chan struct{})
	var killer sync.WaitGroup
	ended := 0
	killer.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(300 * time.Millisecond):
				ended += end(t, p.address, "first")
			}
		}
	})
	p.deliver()
	p.check()
	close(stop)
	killer.Wait()
	assert.Positive(t, ended)
}

// The server itself is killed, twice, and comes back.
func TestServerIsKilled(t *testing.T) {
	server, err := pgtest.New()
	server = pgtest.Need(t, server, err)
	t.Cleanup(server.Close)
	server.Exec(t, "postgres", "CREATE DATABASE desk")
	require.NoError(t, postgres.Migrate(t.Context(), server.URL("desk")))
	t.Run("killed", func(t *testing.T) {
		p := newPair(t, server.URL("desk"), 8, 25)
		var killer sync.WaitGroup
		killer.Go(func() {
			for range 2 {
				time.Sleep(400 * time.Millisecond)
				server.Stop(true)
				time.Sleep(200 * time.Millisecond)
				assert.NoError(t, server.Start())
			}
		})
		p.deliver()
		killer.Wait()
		p.check()
	})
	server.Stop(false)
	require.NoError(t, server.Start("fsync=off"))
	_, err = postgres.Open(t.Context(), server.URL("desk"))
	require.ErrorContains(t, err, "fsync = off")
	require.ErrorContains(t, postgres.Migrate(t.Context(), server.URL("desk")), "fsync = off")
}

// A program that dies with open events and planned messages leaves them to another.
func TestSweep(t *testing.T) {
	ctx, address := t.Context(), database(t)
	dead := named(t, address, "dead")
	api, channels := desktest.Service(t, 3)
	b := desktest.Open(t, named(t, address, "alive"), channels, answer)
	only, err := durable.Open(ctx, dead, channels) // Run is never called
	require.NoError(t, err)
	_, unlock, err := dead.Lock(ctx, "lane "+string(desktest.Channel)+" phone:"+desktest.Phone(0))
	require.NoError(t, err)
	defer unlock()
	require.NoError(t, only.Inbox.Accept(ctx, desktest.Delivery(desktest.Message("a", 0, "x"), desktest.Message("b", 1, "x"))))
	_, err = only.Outbox.Send(ctx, desktest.Channel, "c", desktest.To(2), chatapi.Text{Body: "text of c"})
	require.NoError(t, err)
	begin := time.Now()
	require.Eventually(t, func() bool { return len(desktest.Texts(api)) == 2 }, time.Minute, 20*time.Millisecond)
	assert.ElementsMatch(t, []string{"b", "c"}, desktest.Texts(api))
	t.Logf("taken over after %s", time.Since(begin))
	time.Sleep(500 * time.Millisecond)
	assert.Len(t, desktest.Texts(api), 2, "the lane of the other program is not touched")
	end(t, address, "dead")
	require.Eventually(t, func() bool { return len(desktest.Texts(api)) == 3 }, time.Minute, 20*time.Millisecond)
	b.Clean()
}

// Events that were running when a program died are counted before they run again, so
// that one of which programs die becomes a dead letter.
func TestPoison(t *testing.T) {
	ctx, address := t.Context(), database(t)
	handler := func(context.Context, chatapi.Event, *durable.Work) error { return nil }
	first := named(t, address, "first")
	_, unlock, err := first.Lock(ctx, "program a")
	require.NoError(t, err)
	defer unlock()
	require.NoError(t, first.Update(ctx, func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO running (id, since) VALUES ('a', 0), ('b', 0)")
		return err
	}))
	desk, err := durable.Open(ctx, first, chatapi.NewChannels())
	require.NoError(t, err)
	require.NoError(t, desk.Inbox.Accept(ctx, desktest.Delivery(desktest.Message("a", 0, "x"))))
	events, err := first.Open(ctx, string(desktest.Channel)+" phone:"+desktest.Phone(0), 1)
	require.NoError(t, err)
	require.Len(t, events, 1)
	require.NoError(t, first.Update(ctx, func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO attempt (seq, lane, attempts, not_before, running, reason) VALUES ($1, $2, 10, 0, 1, '')", events[0].Seq, events[0].Lane)
		return err
	}))
	b := desktest.Open(t, named(t, address, "second"), chatapi.NewChannels(), handler)
	b.Empty()
	letters := 0
	for l, err := range b.Inbox.Dead(ctx, durable.DeadFilter{}) {
		require.NoError(t, err)
		assert.Contains(t, l.Reason, "the program ended each time")
		letters++
	}
	assert.Equal(t, 1, letters)
	require.NoError(t, b.Stop())
	require.NoError(t, first.View(ctx, func(ctx context.Context, tx store.Tx) error {
		rows, err := tx.Query(ctx, "SELECT id FROM running")
		if err != nil {
			return err
		}
		left := ""
		for rows.Next() {
			var id string
			require.NoError(t, rows.Scan(&id))
			left += id
		}
		assert.Equal(t, "a", left, "a still runs, b died")
		return nil
	}))
}

func TestLocks(t *testing.T) {
	ctx, address := t.Context(), database(t)
	first, second := named(t, address, "first"), named(t, address, "second")
	held, unlock, err := first.Lock(ctx, "a")
	require.NoError(t, err)
	_, _, err = second.Lock(ctx, "a")
	require.ErrorIs(t, err, store.ErrBusy)
	unlock()
	require.ErrorIs(t, context.Cause(held), context.Canceled)
	other, release, err := second.Lock(ctx, "a")
	require.NoError(t, err)
	release()
	require.Error(t, other.Err())

	var holds []context.Context
	var all sync.WaitGroup
	var mu sync.Mutex
	for n := range 500 {
		all.Go(func() {
			held, _, err := first.Lock(ctx, fmt.Sprint("many ", n))
			assert.NoError(t, err)
			mu.Lock()
			holds = append(holds, held)
			mu.Unlock()
		})
	}
	all.Wait()
	require.NotZero(t, end(t, address, "first"))
	for _, held := range holds {
		select {
		case <-held.Done():
			require.ErrorIs(t, context.Cause(held), store.ErrLost)
		case <-time.After(time.Minute):
			t.Fatal("a lock was lost and its holder does not know")
		}
	}
	_, release, err = second.Lock(ctx, "many 7")
	require.NoError(t, err)
	release()
	_, _, err = first.Lock(ctx, "many 7")
	require.ErrorIs(t, err, store.ErrBusy, "until the one who lost it gives it back")
	_, release, err = first.Lock(ctx, "b")
	require.NoError(t, err, "a new session")
	release()
}

// The server takes the locks of a program that is frozen.
func TestFrozen(t *testing.T) {
	ctx, address := t.Context(), database(t)
	second := open(t, address)
	frozen := open(t, address, postgres.Frozen()) // silent from here on
	held, _, err := frozen.Lock(ctx, "a")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, _, err := second.Lock(ctx, "a")
		return err == nil
	}, time.Minute, 20*time.Millisecond)
	_, _, err = frozen.Lock(ctx, "b")
	require.Error(t, err, "the first request meets the end of the session")
	require.ErrorIs(t, context.Cause(held), store.ErrLost)
	require.Eventually(t, func() bool { // on a loaded machine the next session is silent for too long as well
		_, _, err := frozen.Lock(ctx, "b")
		return err == nil
	}, time.Minute, 20*time.Millisecond)
}

// A handler learns that its lock was lost.
func TestHandlerLosesItsLock(t *testing.T) {
	address := database(t)
	attempts := make(chan int, 10)
	b := desktest.Open(t, named(t, address, "first"), chatapi.NewChannels(), func(ctx context.Context, e chatapi.Event, w *durable.Work) error {
		attempts <- w.Attempt
		if len(attempts) == 1 {
			end(t, address, "first")
			<-ctx.Done()
			return errors.New("interrupted")
		}
		return desktest.Effect(ctx, e, w)
	})
	b.Accept(desktest.Message("a", 0, "x"))
	b.Empty()
	assert.Equal(t, 1, <-attempts)
	assert.LessOrEqual(t, <-attempts, 2, "the start scan may have met the event, and counts it before the call")
	assert.Equal(t, []string{"a"}, desktest.Effects(t, b.Store, desktest.Phone(0)))
}

// A connection that broke while nothing used it, as in a restart of the server, is not
// the caller's trouble.
func TestIdleConnectionsEnd(t *testing.T) {
	ctx, address := t.Context(), database(t)
	s := named(t, address, "idle")
	nothing := func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM attempt WHERE seq = 0")
		return err
	}
	for n := range 3 {
		require.NoError(t, s.Update(ctx, nothing))
		fresh, err := s.Accept(ctx, delivery("a", n))
		require.NoError(t, err)
		require.Len(t, fresh, 1)
		require.NotZero(t, end(t, address, "idle"))
		time.Sleep(200 * time.Millisecond)
	}
}
