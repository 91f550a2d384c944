package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/desktest"
	"github.com/chatapi-go/chatapi/durable/internal/point"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/postgres"
	"github.com/chatapi-go/chatapi/internal/pgtest"
)

// program is a program of its own that a test kills or freezes. The server ends its
// session when it is silent for two seconds.
func program(address string) {
	s, err := postgres.Open(context.Background(), address, postgres.Silent(2*time.Second))
	if err == nil {
		err = errors.Join(desktest.Program(s), s.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func TestPoisonKillsPrograms(t *testing.T) {
	t.Parallel()
	address := database(t)
	desktest.PoisonKillsPrograms(t, address, func() (store.Store, func() error) {
		s, err := postgres.Open(t.Context(), address)
		require.NoError(t, err)
		return s, s.Close
	})
}

// A program that is frozen in a handler loses its chat to another, and commits nothing
// when it goes on.
func TestFrozenProgram(t *testing.T) {
	t.Parallel()
	address := database(t)
	b := desktest.Open(t, open(t, address), chatapi.NewChannels(), nil)
	_, unlock, err := b.Store.Lock(t.Context(), "lane "+string(desktest.Channel)+" phone:"+desktest.Phone(0))
	require.NoError(t, err)
	b.Accept(desktest.Message("a", 0, "slow"), desktest.Message("b", 0, "x"))
	cmd, lines := desktest.Start(t, address)
	unlocked := sync.OnceFunc(unlock)
	defer unlocked()
	time.AfterFunc(100*time.Millisecond, unlocked) // its own desk looks every 200 ms
	said := lines.Scan()
	if !said { // the test's own desk was faster
		require.NoError(t, cmd.Wait())
		b.Empty()
		return
	}
	require.Equal(t, "slow", lines.Text())
	require.NoError(t, cmd.Process.Signal(syscall.SIGSTOP))
	b.Empty()
	assert.Equal(t, []string{"a", "b"}, desktest.Effects(t, b.Store, desktest.Phone(0)))
	require.NoError(t, cmd.Process.Signal(syscall.SIGCONT))
	for lines.Scan() {
	}
	require.NoError(t, cmd.Wait())
	assert.Equal(t, []string{"a", "b"}, desktest.Effects(t, b.Store, desktest.Phone(0)), "each once, and none by the one that was frozen")
}

// The connections of a program are cut at each step of its work. Nothing is lost, nothing
// is done twice, and nothing stays unknown.
func TestCutAtEachStep(t *testing.T) {
	const chats = 2
	steps := []string{point.HandlerBefore, point.HandlerReturned, point.SendClaimed, point.SendAsked, point.SendReserved, point.SendReplied,
		point.SendCommitted, point.FoldBegun, point.PlanCommitted}
	address := database(t)
	api, channels := desktest.Service(t, chats)
	b := desktest.Open(t, named(t, address, "cut"), channels, answer)
	t.Cleanup(func() { point.Set(nil) })
	for n, step := range steps {
		var left atomic.Int32
		left.Store(2)
		point.Set(func(name string) {
			if name == step && left.Add(-1) >= 0 {
				end(t, address, "cut")
			}
		})
		for chat := range chats {
			message := desktest.Message(fmt.Sprintf("%02d-%d", n, chat), chat, "x")
			require.Eventually(t, func() bool { return b.Inbox.Accept(t.Context(), desktest.Delivery(message)) == nil }, time.Minute, time.Millisecond)
			require.Eventually(t, func() bool {
				_, err := b.Outbox.Send(t.Context(), desktest.Channel, fmt.Sprintf("%02d+%d", n, chat), desktest.To(chat), chatapi.Text{Body: fmt.Sprintf("text of %02d+%d", n, chat)})
				return err == nil
			}, time.Minute, time.Millisecond)
		}
		require.Eventually(t, func() bool { return len(desktest.Texts(api)) >= (n+1)*chats*2 }, time.Minute, 5*time.Millisecond, step)
		require.Eventually(t, func() bool { return left.Load() < 2 }, time.Minute, time.Millisecond, "%s was not reached", step)
	}
	point.Set(nil)
	b.Empty()
	texts := desktest.Texts(api)
	assert.Len(t, texts, len(steps)*chats*2)
	assert.Len(t, slices.Compact(slices.Sorted(slices.Values(texts))), len(texts))
	for chat := range chats {
		keys := desktest.Effects(t, b.Store, desktest.Phone(chat))
		assert.Len(t, keys, len(steps))
		assert.True(t, slices.IsSorted(keys), keys)
	}
	require.Eventually(t, func() bool {
		h, err := b.Health(t.Context())
		return err == nil && h.Outbox.Waiting == 0 && h.Unknown == 0 && h.Dead == 0
	}, time.Minute, 10*time.Millisecond)
}

// A connection is cut while deliveries are being stored: the service is asked to deliver
// them again, or they are stored, and none twice.
func TestCutWhileAccepting(t *testing.T) {
	ctx, address := t.Context(), database(t)
	s := named(t, address, "cut")
	b := desktest.Open(t, s, chatapi.NewChannels(), nil)
	holder, err := pgx.Connect(ctx, address)
	require.NoError(t, err)
	defer holder.Close(context.Background())
	const all = 20
	for round := range 3 {
		_, err = holder.Exec(ctx, "BEGIN; LOCK TABLE chatapi.seen IN ACCESS EXCLUSIVE MODE")
		require.NoError(t, err)
		outcomes := make(chan error, all)
		accept := func(n int) error {
			return b.Inbox.Accept(ctx, desktest.Delivery(desktest.Message(fmt.Sprintf("%d-%02d", round, n), n%3, "x")))
		}
		for n := range all {
			go func() { outcomes <- accept(n) }()
		}
		require.Eventually(t, func() bool { return waiting(t, address) > 0 }, time.Minute, time.Millisecond)
		require.NotZero(t, end(t, address, "cut"))
		_, err = holder.Exec(ctx, "ROLLBACK")
		require.NoError(t, err)
		for range all {
			if err := <-outcomes; err != nil {
				assert.ErrorContains(t, err, "retry later")
				assert.ErrorContains(t, err, "the PostgreSQL server ")
			}
		}
		for n := range all {
			require.Eventually(t, func() bool { return accept(n) == nil }, time.Minute, time.Millisecond)
		}
	}
	b.Empty()
	for n := range 3 {
		keys := desktest.Effects(t, s, desktest.Phone(n))
		assert.Len(t, keys, 3*[]int{7, 7, 6}[n])
	}
}

// waiting counts the sessions that wait for a lock.
func waiting(t testing.TB, address string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), address)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	require.NoError(t, conn.QueryRow(context.Background(), `SELECT count(*) FROM pg_stat_activity
		WHERE wait_event_type = 'Lock' AND datname = current_database()`).Scan(&n))
	return n
}

// The server is away for twenty seconds.
func TestServerIsAway(t *testing.T) {
	t.Parallel()
	server, err := pgtest.New()
	server = pgtest.Need(t, server, err)
	t.Cleanup(server.Close)
	server.Exec(t, "postgres", "CREATE DATABASE desk")
	require.NoError(t, postgres.Migrate(t.Context(), server.URL("desk")))
	const chats = 5
	api, channels := desktest.Service(t, chats)
	b := desktest.Open(t, open(t, server.URL("desk")), channels, answer)
	for n := range chats {
		b.Accept(desktest.Message(fmt.Sprint("before ", n), n, "x"))
	}
	server.Stop(false)
	stopped := time.Now()
	err = b.Inbox.Accept(t.Context(), desktest.Delivery(desktest.Message("away 0", 0, "x")))
	require.ErrorContains(t, err, "the PostgreSQL server cannot be reached, or broke the connection off")
	assert.Less(t, time.Since(stopped), 10*time.Second, "the service gets its 503 soon")
	t.Log(err)
	health, err := b.Health(t.Context())
	require.Error(t, err)
	assert.False(t, health.Ready)
	t.Log(err)
	time.Sleep(20*time.Second - time.Since(stopped))
	require.NoError(t, server.Start())
	for n := range chats {
		b.Accept(desktest.Message(fmt.Sprint("away ", n), n, "x"))
	}
	require.Eventually(t, func() bool { return len(desktest.Texts(api)) >= 2*chats }, 2*time.Minute, 10*time.Millisecond)
	b.Empty()
	for n := range chats {
		assert.Equal(t, []string{fmt.Sprint("before ", n), fmt.Sprint("away ", n)}, desktest.Effects(t, b.Store, desktest.Phone(n)))
	}
	assert.Len(t, desktest.Texts(api), 2*chats)
	lines := strings.Split(strings.TrimSpace(b.Log()), "\n")
	assert.Less(t, len(lines), 80, "the log is not flooded")
	t.Log(b.Log())
}

// fullDisk makes the disk of a database full until release is called: a real one where
// the tests may mount it, else by a function that refuses as the server does.
func fullDisk(t *testing.T, address string) (fill, release func()) {
	t.Helper()
	dir := t.TempDir()
	for parent := dir; parent != os.TempDir() && parent != "/"; parent = filepath.Dir(parent) {
		require.NoError(t, os.Chmod(parent, 0o755))
	}
	if exec.Command("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", dir).Run() != nil {
		run(t, address, `CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$`)
		each := func(statement string) {
			for _, table := range []string{"delivery", "inbox", "activity", "outbox", "service_window", "attempt", "dead"} {
				run(t, address, fmt.Sprintf(statement, "chatapi."+table))
			}
		}
		return func() { each("CREATE TRIGGER no_room BEFORE INSERT ON %s EXECUTE FUNCTION no_room()") }, func() { each("DROP TRIGGER no_room ON %s") }
	}
	t.Cleanup(func() { assert.NoError(t, exec.Command("umount", dir).Run()) })
	require.NoError(t, pgtest.Own(dir))
	move := func(to string) {
		for _, kind := range [][3]string{{"tablename", "pg_tables", "TABLE"}, {"indexname", "pg_indexes", "INDEX"}} {
			run(t, address, strings.NewReplacer("NAME", kind[0], "VIEW", kind[1], "KIND", kind[2], "{to}", to).Replace(`DO $$ DECLARE r record; BEGIN
				FOR r IN SELECT format('%I.%I', schemaname, NAME) AS name FROM VIEW WHERE schemaname = 'chatapi' LOOP
				EXECUTE 'ALTER KIND ' || r.name || ' SET TABLESPACE {to}'; END LOOP; END $$`))
		}
	}
	t.Cleanup(func() {
		move("pg_default")
		run(t, address, "DROP TABLESPACE small")
	})
	run(t, address, "CREATE TABLESPACE small LOCATION '"+dir+"'")
	move("small")
	filler := filepath.Join(dir, "filler")
	return func() {
		file, err := os.Create(filler)
		require.NoError(t, err)
		defer file.Close()
		for size := 64 << 10; size >= 512; size /= 2 {
			for err = nil; err == nil; _, err = file.Write(make([]byte, size)) {
			}
		}
	}, func() { require.NoError(t, os.Remove(filler)) }
}

// A disk of the server that is full costs nothing but time, and passes nothing over.
func TestDeskOnAFullDisk(t *testing.T) {
	ctx, address := t.Context(), database(t)
	fill, release := fullDisk(t, address)
	const chats, before, all = 4, 12, 40
	api, channels := desktest.Service(t, chats)
	goOn := make(chan struct{})
	s := open(t, address)
	b := desktest.Open(t, s, channels, func(ctx context.Context, e chatapi.Event, w *durable.Work) error {
		<-goOn
		return answer(ctx, e, w)
	}, durable.Retries(durable.RetryPolicy{Attempts: 2, Delay: func(int) time.Duration { return 100 * time.Millisecond }}))
	for n := range before {
		b.Accept(desktest.Message(fmt.Sprintf("early %02d", n), n%chats, "x"))
	}
	fill()
	close(goOn)
	var refused []*chatapi.Delivery
	for n := range all {
		text := make([]byte, 0, 40000)
		for i := range cap(text) {
			text = append(text, byte('a'+(i*i+n)%23))
		}
		if err := b.Inbox.Accept(ctx, desktest.Delivery(desktest.Message(fmt.Sprintf("late %02d", n), n%chats, string(text)))); err != nil {
			require.ErrorContains(t, err, "the disk of the PostgreSQL server is full; nothing was stored; make room, the program goes on by itself")
			if refused == nil {
				t.Log(err)
			}
			refused = append(refused, desktest.Delivery(desktest.Message(fmt.Sprintf("late %02d", n), n%chats, "x")))
		}
	}
	require.NotEmpty(t, refused)
	time.Sleep(time.Second)
	release()
	for _, d := range refused {
		require.NoError(t, b.Inbox.Accept(ctx, d))
	}
	require.Eventually(t, func() bool { return len(desktest.Texts(api)) >= all+before }, time.Minute, 10*time.Millisecond)
	b.Empty()
	for n := range chats {
		assert.Len(t, desktest.Effects(t, s, desktest.Phone(n)), (all+before)/chats)
	}
	assert.Len(t, desktest.Texts(api), all+before)
	health, err := b.Health(ctx)
	require.NoError(t, err)
	assert.Zero(t, health.Dead)
	t.Log(b.Log())
}
