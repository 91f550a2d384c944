package postgres

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// Programs wake each other by jobs of River, which only this file knows. A job says where
// to look. What there is to do, how often it was tried and when it is due is in our rows,
// so a job that is lost, late or there twice does no harm. No job fails: a worker returns
// nil, or leaves the job to another program for a moment.
//
// A program works on what it accepts itself without a job. Jobs are for what it leaves to
// others.

// The settings that wake-ups need. Each has a test that shows what happens without it.
const (
	// jobPeriod limits how long the job of a program that was killed, which stays
	// "running", keeps others of its lane away.
	jobPeriod = 10 * time.Second

	// jobSlice is how long a job stays with a lane that has always more to do. The
	// program goes on with the lane without it.
	jobSlice = 10 * time.Second

	// jobKept is how long finished jobs are kept, for a person to see.
	jobKept = 2 * time.Minute

	// jobRescue is when River takes a running job for one of a program that died.
	jobRescue = time.Minute

	// jobAway is how long a job is left to other programs. Above five seconds River would
	// make it due by its leader only.
	jobAway = 200 * time.Millisecond

	// jobSpan is how long programs are asked whether they send for a channel.
	jobSpan = 10 * time.Second

	jobNews = 10 * time.Millisecond  // between two notifications, and between two fetches
	jobPoll = 500 * time.Millisecond // where a notification was left out

	wakePause        = 25 * time.Millisecond // between two inserts of wake-ups that nobody waits for
	jobLockTime      = time.Second           // for the row of a job, while deliveries wait to be accepted
	riverConnections = 4
	riverStop        = 5 * time.Second
)

// jobStates are those in which a job stands for its lane. River's default also has
// "completed", in which nobody looks any more.
var jobStates = []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled,
}

// laneArgs are a job's for a lane. The lane, which names a person, is only there as a
// hash; the event says which it is.
type laneArgs struct {
	Lane  string `json:"lane" river:"unique"`
	Event int64  `json:"event"`
}

func (laneArgs) Kind() string { return "chatapi_lane" }

// channelArgs are a job's for the sender of a channel.
type channelArgs struct {
	Channel string `json:"channel" river:"unique"`
}

func (channelArgs) Kind() string { return "chatapi_channel" }

// laterArgs are a job's for the sender of a channel at a later time. They are another
// kind, because the unique key of a job that is due later would keep one that is due now
// away.
type laterArgs channelArgs

func (laterArgs) Kind() string { return "chatapi_channel_later" }

const (
	laneQueue    = "chatapi_lanes"
	channelQueue = "chatapi_channels"
)

// job is a job to insert.
type job struct {
	order string // of kind and key
	river.InsertManyParams
}

func newJob(args river.JobArgs, key, queue string, at time.Time) job {
	return job{args.Kind() + " " + key, river.InsertManyParams{Args: args, InsertOpts: &river.InsertOpts{Queue: queue, ScheduledAt: at,
		UniqueOpts: river.UniqueOpts{ByArgs: true, ByPeriod: jobPeriod, ByState: jobStates}}}}
}

func (o options) laneJob(lane string, event int64) job {
	sum := sha256.Sum256([]byte("chatapi\x00" + o.schema + "\x00lane\x00" + lane))
	key := hex.EncodeToString(sum[:8])
	return newJob(laneArgs{key, event}, key, laneQueue, time.Time{})
}

// channelJob wakes a channel's sender after a while: at the begin of the period, because
// all messages of the period have one job, and senders have an alarm for what is due soon.
func channelJob(channel string, after time.Duration) job {
	now := time.Now()
	if at := now.Add(after).Truncate(jobPeriod); at.After(now) {
		return newJob(laterArgs{channel}, channel, channelQueue, at)
	}
	return newJob(channelArgs{channel}, channel, channelQueue, time.Time{})
}

// riverSchema is the schema of River's tables.
func (o options) riverSchema() string {
	plain := strings.IndexFunc(o.schema, func(r rune) bool { return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '_') }) < 0
	if plain && len(o.schema) <= 40 && (o.schema[0] < '0' || o.schema[0] > '9') {
		return o.schema + "_river"
	}
	sum := sha256.Sum256([]byte(o.schema))
	return "river_" + hex.EncodeToString(sum[:8])
}

func (o options) riverConfig(log *slog.Logger) *river.Config {
	return &river.Config{Schema: o.riverSchema(), Logger: log, FetchCooldown: jobNews, FetchPollInterval: jobPoll,
		// The clock of this machine may be ahead, and the job would wait until then.
		Hooks: []rivertype.Hook{river.HookInsertBeginFunc(func(_ context.Context, p *rivertype.JobInsertParams) error {
			if p.State == rivertype.JobStateAvailable {
				p.ScheduledAt = &time.Time{} // by the clock of the server
			}
			return nil
		})}}
}

var quiet = slog.New(slog.DiscardHandler)

// inserter inserts jobs, inside transactions of the store's.
type inserter = river.Client[pgx.Tx]

func (o options) inserter() (*inserter, error) {
	return river.NewClient(riverpgxv5.New(nil), o.riverConfig(quiet))
}

// insertJobs inserts jobs, as a part of a transaction. Those that are there stay, and
// their rows are locked until the end of the transaction: a program that finishes one
// looks once more after that, and sees what is committed now. The order of their keys
// keeps two programs from waiting for each other in a circle.
func (s *Store) insertJobs(ctx context.Context, tx pgx.Tx, jobs []job) error {
	jobs = slices.Clone(jobs)
	slices.SortStableFunc(jobs, func(a, b job) int { return strings.Compare(a.order, b.order) })
	jobs = slices.CompactFunc(jobs, func(a, b job) bool { return a.order == b.order })
	params := make([]river.InsertManyParams, len(jobs))
	for n := range jobs {
		params[n] = jobs[n].InsertManyParams
	}
	_, err := s.river.InsertManyTx(ctx, tx, params)
	return err
}

var errJobs = errors.New("other programs cannot be woken")

// wakeOthers writes the rows of deliveries, and jobs for their lanes.
func (s *Store) wakeOthers(ctx context.Context, conn *pgx.Conn, rows *pgx.Batch, events []awaited) error {
	rows.Queue(fmt.Sprintf("SET LOCAL lock_timeout = %d", jobLockTime.Milliseconds()))
	if err := conn.SendBatch(ctx, rows).Close(); err != nil {
		return err
	}
	jobs := make([]job, len(events))
	for n, e := range events {
		jobs[n] = s.laneJob(e.lane, e.seq)
	}
	err := s.insertJobs(ctx, begun{conn: conn}, jobs)
	if err != nil && !passes(err) && !broken(err) {
		err = fmt.Errorf("%w: %w", errJobs, err)
	}
	return err
}

// begun is a transaction that statements of our own began and will end.
type begun struct {
	pgx.Tx // nil: River runs statements and nothing else
	conn   *pgx.Conn
}

func (b begun) Exec(ctx context.Context, query string, args ...any) (pgconn.CommandTag, error) {
	return b.conn.Exec(ctx, query, args...)
}

func (b begun) Query(ctx context.Context, query string, args ...any) (pgx.Rows, error) {
	return b.conn.Query(ctx, query, args...)
}

func (b begun) QueryRow(ctx context.Context, query string, args ...any) pgx.Row {
	return b.conn.QueryRow(ctx, query, args...)
}

func (b begun) Conn() *pgx.Conn { return b.conn }

// waker inserts jobs for callers that do not wait.
type waker struct {
	*Store
	mu    sync.Mutex
	lanes map[string]struct{}
	jobs  []job
	news  chan struct{}
}

func newWaker(s *Store) *waker {
	return &waker{Store: s, lanes: map[string]struct{}{}, news: make(chan struct{}, 1)}
}

// Wake says, after a while, that there may be work.
func (s *Store) Wake(after time.Duration, wakeups ...store.Wakeup) {
	w := s.waker
	w.mu.Lock()
	for _, wakeup := range wakeups {
		if wakeup.Kind == store.WakeLane {
			w.lanes[wakeup.Name] = struct{}{}
		} else {
			w.jobs = append(w.jobs, channelJob(clean(wakeup.Name), after))
		}
	}
	w.mu.Unlock()
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// run inserts jobs until the store is closed. What fails is left to the sweeps.
func (w *waker) run() {
	for closed := false; !closed; {
		select {
		case <-w.closing:
			closed = true
		case <-w.news:
		}
		ctx, cancel := context.WithTimeout(context.Background(), riverStop)
		_ = w.flush(ctx)
		cancel()
		select { // so that a thousand messages of one transaction are not a thousand jobs
		case <-w.closing:
		case <-time.After(wakePause):
		}
	}
}

func (w *waker) flush(ctx context.Context) error {
	w.mu.Lock()
	jobs, lanes := w.jobs, slices.Collect(maps.Keys(w.lanes))
	w.jobs, w.lanes = nil, map[string]struct{}{}
	w.mu.Unlock()
	for n := range lanes {
		lanes[n] = kept(lanes[n])
	}
	rows, err := w.read.Query(ctx, `SELECT l, coalesce((SELECT min(seq) FROM inbox WHERE open AND lane = l),
		(SELECT min(seq) FROM dead WHERE replay > 0 AND lane = l), 0) FROM unnest($1::text[]) AS l`, lanes)
	if err != nil {
		return err
	}
	var lane string
	var event int64
	_, err = pgx.ForEachRow(rows, []any{&lane, &event}, func() error {
		if event > 0 {
			jobs = append(jobs, w.laneJob(lane, event))
		}
		return nil
	})
	if err != nil || len(jobs) == 0 {
		return err
	}
	for range tries {
		err = pgx.BeginFunc(ctx, w.read, func(tx pgx.Tx) error { return w.insertJobs(ctx, tx, jobs) })
		if !passes(err) {
			break
		}
	}
	return err
}

// migrateRiver brings River's schema to the version that this program was built with.
func (o options) migrateRiver(ctx context.Context, config *pgxpool.Config) error {
	config = config.Copy()
	config.MaxConns = 2
	settle := config.AfterConnect
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		if err := settle(ctx, conn); err != nil {
			return err
		}
		return control(ctx, conn, "SET statement_timeout = 0")
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	todo, err := o.pendingRiver(ctx, pool)
	if err != nil {
		return err
	}
	if slices.Contains(todo, o.createRiver()) {
		if _, err := pool.Exec(ctx, o.createRiver()); err != nil {
			return err
		}
	}
	m, err := o.migrator(pool)
	if err == nil {
		_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	}
	return err
}

func (o options) createRiver() string { return "CREATE SCHEMA " + o.riverSchema() }

// pendingRiver returns the statements that River's schema lacks.
func (o options) pendingRiver(ctx context.Context, pool *pgxpool.Pool) (todo []string, err error) {
	there := false
	if err := pool.QueryRow(ctx, "SELECT to_regnamespace($1) IS NOT NULL", o.riverSchema()).Scan(&there); err != nil {
		return nil, err
	}
	if !there {
		todo = append(todo, o.createRiver())
	}
	m, err := o.migrator(pool)
	if err != nil {
		return nil, err
	}
	result, err := m.Migrate(ctx, rivermigrate.DirectionUp, &rivermigrate.MigrateOpts{DryRun: true})
	if err != nil {
		return nil, err
	}
	for _, step := range result.Versions {
		todo = append(todo, step.SQL)
	}
	return todo, nil
}

func (o options) migrator(pool *pgxpool.Pool) (*rivermigrate.Migrator[pgx.Tx], error) {
	return rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: o.riverSchema(), Logger: quiet})
}

// compareRiver checks that River's schema has what this program needs. A newer one may
// have more.
func (s *Store) compareRiver(ctx context.Context) error {
	m, err := s.migrator(s.read)
	if err != nil {
		return err
	}
	result, err := m.Validate(ctx, nil)
	if err == nil && !result.OK {
		err = fmt.Errorf("the schema %q of River is older than this release (%s); call postgres.Migrate: %w",
			s.riverSchema(), strings.Join(result.Messages, "; "), store.ErrSchema)
	}
	return err
}

// serving is the work of a Serve.
type serving struct {
	*Store
	ctx  context.Context // of Serve
	pool *pgxpool.Pool
	look func(ctx context.Context, wakeup store.Wakeup) bool
}

// Serve works on the wake-ups of all programs until ctx ends.
func (s *Store) Serve(ctx context.Context, workers map[store.WakeKind]int, look func(context.Context, store.Wakeup) bool, log *slog.Logger) error {
	if s.closed() {
		return ErrClosed
	}
	pool, err := s.pool(ctx, riverConnections)
	if err != nil {
		return explain(err)
	}
	defer func() { go pool.Close() }() // which waits for connections that River may still have
	client, err := river.NewClient(riverpgxv5.New(pool), s.workerConfig(&serving{s, ctx, pool, look}, workers, log))
	if err != nil {
		return err
	}
	// The context of the work is that of its slices.
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return explain(err)
	}
	select {
	case <-ctx.Done():
	case <-client.Stopped():
		return errors.New("durable/postgres: River stopped by itself")
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), riverStop)
	defer cancel()
	if client.Stop(stop) != nil {
		now, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = client.StopAndCancel(now)
	}
	return nil
}

// workerConfig is the configuration of a program that works on jobs.
func (s *Store) workerConfig(w *serving, workers map[store.WakeKind]int, log *slog.Logger) *river.Config {
	config := s.riverConfig(quiet)
	if log != nil {
		config.Logger = slog.New(warnings{log.Handler(), new(sync.Map)})
	}
	config.ID = clientID()
	config.JobTimeout = -1 // its context would end after a minute, and the job would count as failed
	config.CompletedJobRetentionPeriod = jobKept
	config.RescueStuckJobsAfter = jobRescue
	config.Workers = river.NewWorkers()
	config.Queues = map[string]river.QueueConfig{}
	for kind, n := range workers {
		config.Queues[map[store.WakeKind]string{store.WakeLane: laneQueue, store.WakeChannel: channelQueue}[kind]] = river.QueueConfig{MaxWorkers: n}
	}
	river.AddWorker(config.Workers, river.WorkFunc(w.lane))
	river.AddWorker(config.Workers, river.WorkFunc(func(ctx context.Context, j *river.Job[channelArgs]) error {
		return workOn(ctx, w, j, store.Wakeup{Kind: store.WakeChannel, Name: j.Args.Channel})
	}))
	river.AddWorker(config.Workers, river.WorkFunc(func(ctx context.Context, j *river.Job[laterArgs]) error {
		return workOn(ctx, w, j, store.Wakeup{Kind: store.WakeChannel, Name: j.Args.Channel})
	}))
	return config
}

// clientID names this program among River's clients: by machine, process and a part that
// no other one has, so that a person who reads it on River's page knows where to look.
func clientID() string {
	host, _ := os.Hostname()
	host = strings.NewReplacer(".", "_", "-", "_").Replace(clean(host))
	return fmt.Sprintf("%.60s_%d_%s", host, os.Getpid(), rand.Text()[:8])
}

// lane works on a job for a lane.
func (w *serving) lane(ctx context.Context, j *river.Job[laneArgs]) error {
	name := ""
	err := w.read.QueryRow(ctx, "SELECT lane FROM inbox WHERE seq = $1", j.Args.Event).Scan(&name)
	switch {
	case errors.Is(err, pgx.ErrNoRows): // it was done long ago
		return nil
	case err != nil:
		return river.JobSnooze(jobAway)
	}
	return workOn(ctx, w, j, store.Wakeup{Kind: store.WakeLane, Name: given(name)})
}

// workOn looks where a job says. Then it finishes the job and looks once more: whoever
// wanted to insert the job meanwhile has met it and inserted nothing. Its transaction had
// the job's row, so that it has ended when the row is ours.
func workOn[A river.JobArgs](ctx context.Context, w *serving, j *river.Job[A], wakeup store.Wakeup) error {
	slice, cancel := context.WithTimeout(w.ctx, jobSlice)
	defer cancel()
	if !w.look(slice, wakeup) {
		if time.Since(j.CreatedAt) > jobSpan { // the sweeps find it
			return nil
		}
		return river.JobSnooze(jobAway)
	}
	more := wakeup.Kind == store.WakeChannel
	err := pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
		if _, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, j); err != nil && !errors.Is(err, river.ErrNotFound) {
			return err
		}
		if more {
			return nil
		}
		return tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM inbox WHERE open AND lane = $1)", kept(wakeup.Name)).Scan(&more)
	})
	if err != nil {
		return river.JobSnooze(jobAway)
	}
	if more {
		cancel() // nobody waits for the second look
		w.look(slice, wakeup)
	}
	return nil
}
