package postgres_test

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable/internal/desktest"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/postgres"
)

// These are the traps of River for wake-ups. Each test fails without the setting or the
// statement that its comment names.

// soon is how long a wake-up may take on a busy machine. With a trap there is none, or none
// before River rescues a job, which is after a minute and more.
const soon = 20 * time.Second

// serve calls look for the wake-ups of a store until the test ends, or until stop is called.
func serve(t testing.TB, s *postgres.Store, look func(ctx context.Context, w store.Wakeup) bool, workers ...int) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	n := append(workers, 4)[0]
	go func() {
		ended <- s.Serve(ctx, map[store.WakeKind]int{store.WakeLane: n, store.WakeChannel: n}, look, nil)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	t.Cleanup(stop)
	return stop
}

// away accepts events that others are to handle.
func away(t testing.TB, s *postgres.Store, lane string, numbers ...int) {
	t.Helper()
	d := delivery(lane, numbers...)
	d.Elsewhere = true
	_, err := s.Accept(context.Background(), d)
	require.NoError(t, err)
}

// finish marks the open events of a lane as done.
func finish(ctx context.Context, s *postgres.Store, lane string) (n int, err error) {
	events, err := s.Open(ctx, lane, 100)
	if err != nil {
		return 0, err
	}
	return len(events), s.Update(ctx, func(ctx context.Context, tx store.Tx) error {
		for i := range events {
			if err := s.Done(ctx, tx, &events[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// ask returns the one value of a query.
func ask[V any](t testing.TB, address, query string, args ...any) (value V) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), address)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	require.NoError(t, conn.QueryRow(context.Background(), query, args...).Scan(&value))
	return value
}

// jobs counts the jobs of a kind and a state.
func jobs(t testing.TB, address, kind, state string) int {
	t.Helper()
	return ask[int](t, address, "SELECT count(*) FROM chatapi_river.river_job WHERE kind LIKE $1 AND state::text LIKE $2", kind, state)
}

func eventually(t testing.TB, condition func() bool, message ...any) {
	t.Helper()
	require.Eventually(t, condition, time.Minute, 20*time.Millisecond, message...)
}

// River's own list of states has "completed": the next wake-up of a lane would be taken for
// one that is there (ByState in newJob).
func TestTrapByStateAFinishedJobSwallowsTheNext(t *testing.T) {
	t.Parallel()
	address := database(t)
	s := open(t, address)
	looks := make(chan int, 100)
	serve(t, s, func(ctx context.Context, w store.Wakeup) bool {
		n, err := finish(ctx, s, w.Name)
		if err == nil && n > 0 {
			looks <- n
		}
		return true
	})
	for n := range 3 {
		away(t, s, "ABC1 a", n)
		begin := time.Now()
		select {
		case <-looks:
			t.Logf("woken after %s", time.Since(begin))
		case <-time.After(soon):
			t.Fatalf("event %d woke nobody", n)
		}
		eventually(t, func() bool { return jobs(t, address, "chatapi_lane", "completed") == n+1 })
	}
}

// An event that comes while the job of its lane runs inserts none. The insert has to lock
// the row of the job (InsertManyTx in insertJobs), and the worker has to look once more
// after it has finished the job (workOn), or the event waits for the sweep.
func TestTrapInsertManyTheLastLookSeesWhatCameMeanwhile(t *testing.T) {
	t.Parallel()
	ctx, address := t.Context(), database(t)
	s := open(t, address)
	looks, goOn := make(chan int, 100), make(chan struct{})
	serve(t, s, func(_ context.Context, w store.Wakeup) bool {
		n, err := finish(context.Background(), s, w.Name)
		assert.NoError(t, err)
		looks <- n
		<-goOn
		return true
	})
	away(t, s, "ABC1 a", 1)
	require.Equal(t, 1, <-looks)

	conn, err := pgx.Connect(ctx, address+"&search_path=chatapi")
	require.NoError(t, err)
	defer conn.Close(ctx)
	tx, err := conn.Begin(ctx)
	require.NoError(t, err)
	_, err = tx.Exec(ctx, `WITH e AS (INSERT INTO inbox (seq, delivery, idx, khash, lane, accepted, open)
		SELECT seq + 1000, delivery, 0, 'x', lane, 0, true FROM inbox RETURNING seq) SELECT * FROM e`)
	require.NoError(t, err)
	require.NoError(t, s.InsertLaneJobs(ctx, tx, 1001, "ABC1 a"), "the second job of a lane is no error")
	close(goOn)
	desktest.Never(t, func() bool { return jobs(t, address, "chatapi_lane", "completed") > 0 },
		"the job ends after the transaction that met it")
	require.NoError(t, tx.Commit(ctx))
	for {
		select {
		case n := <-looks:
			if n == 1 {
				return
			}
		case <-time.After(soon):
			t.Fatal("nobody looked at the event")
		}
	}
}

// Two programs that accept events of the same lanes in another order would wait for each
// other in a circle (the sort in insertJobs).
func TestTrapUnsortedBatchesOfTwoProgramsDeadlock(t *testing.T) {
	t.Parallel()
	ctx, address := t.Context(), database(t)
	s := open(t, address)
	insert := func(seq int64, lanes ...string) error {
		conn, err := pgx.Connect(ctx, address)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return s.InsertLaneJobs(ctx, tx, seq, lanes...) })
	}
	require.NoError(t, insert(1, "a", "c"))
	require.NoError(t, insert(2, "b"))
	gate, err := pgx.Connect(ctx, address)
	require.NoError(t, err)
	defer gate.Close(ctx)
	_, err = gate.Exec(ctx, "BEGIN; SELECT FROM chatapi_river.river_job WHERE args->>'event' = '2' FOR UPDATE")
	require.NoError(t, err)
	var programs sync.WaitGroup
	programs.Go(func() { assert.NoError(t, insert(3, "a", "b", "c")) })
	programs.Go(func() { assert.NoError(t, insert(4, "c", "b", "a")) })
	eventually(t, func() bool {
		return ask[int](t, address, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()") == 2
	})
	_, err = gate.Exec(ctx, "COMMIT")
	require.NoError(t, err)
	programs.Wait()
}

// A batch with a key twice is an error of the statement (the compacting in insertJobs).
func TestTrapALaneTwiceInABatch(t *testing.T) {
	t.Parallel()
	address := database(t)
	away(t, open(t, address), "ABC1 a", 1, 2, 3)
	assert.Equal(t, 1, jobs(t, address, "chatapi_lane", "available"))
}

// The job of a program that was killed stays "running" until River rescues it, after a
// minute at the least, and would keep all others of its lane away (ByPeriod in newJob).
func TestTrapByPeriodTheJobOfAKilledProgramBlocksItsLane(t *testing.T) {
	t.Parallel()
	address := database(t)
	killed, s := open(t, address), open(t, address)
	begun, dead := make(chan struct{}), make(chan struct{})
	serve(t, killed, func(context.Context, store.Wakeup) bool {
		close(begun)
		<-dead
		return true
	}, 1)
	t.Cleanup(func() { close(dead) })
	away(t, s, "ABC1 a", 1)
	<-begun
	looks := make(chan struct{}, 100)
	serve(t, s, func(context.Context, store.Wakeup) bool { looks <- struct{}{}; return true })
	begin := time.Now()
	for n := 2; ; n++ { // the next period has begun at the latest after ten seconds
		away(t, s, "ABC1 a", n)
		select {
		case <-looks:
			t.Logf("woken after %s", time.Since(begin))
			return
		case <-time.After(500 * time.Millisecond):
		}
		require.Less(t, time.Since(begin), 10*time.Second+soon)
	}
}

// Of jobs that are left to others for more than five seconds River's leader has to say
// that they are due, and a new leader takes up to fifteen seconds more (jobAway). Those of
// less are there for every program.
func TestTrapSnoozedJobsWaitForTheLeader(t *testing.T) {
	t.Parallel()
	address := database(t)
	s := open(t, address)
	var looks, left atomic.Int32
	serve(t, s, func(context.Context, store.Wakeup) bool {
		looks.Add(1)
		return left.Load() > 0
	})
	s.Wake(0, store.Wakeup{Kind: store.WakeChannel, Name: "ABC1"})
	scheduled := 0
	eventually(t, func() bool {
		scheduled = max(scheduled, jobs(t, address, "%", "scheduled"))
		return scheduled > 0 || looks.Load() > 2
	})
	assert.Zero(t, scheduled, "the leader has to say when they are due")
	left.Store(1)
	assert.Zero(t, jobs(t, address, "%", "discarded"))
}

// Finished jobs slow River down by and by (CompletedJobRetentionPeriod).
func TestTrapFinishedJobsAreRemovedAfterMinutes(t *testing.T) {
	t.Parallel()
	address := database(t)
	s := open(t, address)
	stop := serve(t, s, func(context.Context, store.Wakeup) bool { return true })
	for n := range 5 {
		away(t, s, "ABC1 a"+string(rune('0'+n)), n)
	}
	eventually(t, func() bool { return jobs(t, address, "chatapi_lane", "completed") == 5 })
	stop()
	run(t, address, "UPDATE chatapi_river.river_job SET finalized_at = now() - interval '5 minutes'")
	serve(t, s, func(context.Context, store.Wakeup) bool { return true })
	eventually(t, func() bool { return jobs(t, address, "chatapi_lane", "completed") == 0 })
}

// River ends the context of a job after a minute, and counts that as a failure (JobTimeout).
func TestTrapJobsHaveNoTimeout(t *testing.T) {
	t.Parallel()
	config := open(t, database(t)).WorkerConfig()
	assert.EqualValues(t, -1, config.JobTimeout)
	assert.LessOrEqual(t, config.CompletedJobRetentionPeriod, 5*time.Minute)
	assert.GreaterOrEqual(t, config.CompletedJobRetentionPeriod, time.Minute)
}

// A job that is due later must not keep one away that is due now (the kind of laterArgs).
func TestTrapALaterJobSwallowsTheOneOfNow(t *testing.T) {
	t.Parallel()
	address := database(t)
	s := open(t, address)
	channel := store.Wakeup{Kind: store.WakeChannel, Name: "ABC1"}
	s.Wake(10*time.Second, channel)
	eventually(t, func() bool { return jobs(t, address, "%", "scheduled") == 1 })
	due := ask[time.Time](t, address, "SELECT scheduled_at FROM chatapi_river.river_job")
	time.Sleep(time.Until(due) + 100*time.Millisecond) // nobody leads, so the job stays as it is
	s.Wake(0, channel)
	eventually(t, func() bool { return jobs(t, address, "chatapi_channel", "available") == 1 })
	assert.Equal(t, 1, jobs(t, address, "chatapi_channel_later", "scheduled"))
}

// The clock of a program that accepts may be ahead. River takes it for the time from which
// a job is due (the hook of riverConfig).
func TestTrapTheClockOfTheProgramThatInserts(t *testing.T) {
	t.Parallel()
	address := database(t)
	away(t, open(t, address), "ABC1 a", 1)
	assert.True(t, ask[bool](t, address, "SELECT scheduled_at < created_at FROM chatapi_river.river_job"),
		"due from the begin of the transaction by the server's clock, and not from when River made the job")
}

// A breaking release of River touches one file, and no user's code.
func TestTrapOnlyOneFileKnowsRiver(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var know []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, i := range file.Imports {
			if strings.Contains(i.Path.Value, "riverqueue") && (len(know) == 0 || know[len(know)-1] != name) {
				know = append(know, name)
			}
		}
		if name == "river.go" {
			publicNames(t, file)
		}
	}
	assert.Equal(t, []string{"river.go"}, know)
}

// publicNames checks that users see no type of River.
func publicNames(t *testing.T, file *ast.File) {
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || !f.Name.IsExported() || f.Recv != nil && f.Name.Name == "Kind" {
			continue
		}
		ast.Inspect(f.Type, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				assert.NotContains(t, s.X.(*ast.Ident).Name, "river", f.Name.Name)
			}
			return true
		})
	}
}
