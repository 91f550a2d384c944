package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

// users opens a store with a table of the user's own.
func users(t *testing.T, dir string, more string) *sqlite.Store {
	t.Helper()
	s := open(t, dir)
	require.NoError(t, sqlite.Update(t.Context(), s, func(ctx context.Context, tx durable.Tx) error {
		_, err := tx.Exec(ctx, "CREATE TABLE IF NOT EXISTS my_row (name TEXT PRIMARY KEY, body BLOB);"+more)
		return err
	}))
	return s
}

func write(name string) func(ctx context.Context, tx durable.Tx) error {
	return func(ctx context.Context, tx durable.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO my_row (name) VALUES ($1)", name)
		return err
	}
}

func names(t *testing.T, s *sqlite.Store) (list []string) {
	t.Helper()
	rows, err := sqlite.DB(s).QueryContext(t.Context(), "SELECT name FROM my_row ORDER BY name")
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		list = append(list, name)
	}
	require.NoError(t, rows.Err())
	return list
}

// together runs functions in one group: they wait until the first one has begun.
func together(t *testing.T, s *sqlite.Store, functions ...func(ctx context.Context, tx durable.Tx) error) []error {
	t.Helper()
	ctx := context.Background()
	begun, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	outcomes := make([]error, len(functions)+1)
	var all sync.WaitGroup
	all.Go(func() {
		outcomes[len(functions)] = sqlite.Update(ctx, s, func(context.Context, durable.Tx) error {
			once.Do(func() { close(begun) })
			<-goOn
			return nil
		})
	})
	<-begun
	for i, do := range functions {
		all.Go(func() { outcomes[i] = sqlite.Update(ctx, s, do) })
		synctest.Wait()
	}
	close(goOn)
	all.Wait()
	require.NoError(t, outcomes[len(functions)])
	return outcomes[:len(functions)]
}

// An error that rolls the whole transaction back hurts nobody else, and nothing is
// committed behind its back.
func TestGroupIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := users(t, t.TempDir(), `CREATE TRIGGER upset BEFORE INSERT ON my_row WHEN new.name = 'upset' BEGIN SELECT RAISE(ROLLBACK, 'all is lost'); END`)
		runs := 0
		outcomes := together(t, s,
			write("a"),
			func(ctx context.Context, tx durable.Tx) error {
				runs++
				if err := write("b")(ctx, tx); err != nil {
					return err
				}
				_ = write("upset")(ctx, tx)
				return write("autocommit")(ctx, tx)
			},
			func(ctx context.Context, tx durable.Tx) error {
				if err := write("c")(ctx, tx); err != nil {
					return err
				}
				_ = write("upset")(ctx, tx)
				return nil
			},
			write("d"),
		)
		require.NoError(t, outcomes[0])
		require.ErrorContains(t, outcomes[1], "undid the whole transaction")
		require.ErrorContains(t, outcomes[2], "undid the whole transaction")
		require.NoError(t, outcomes[3])
		require.Equal(t, 2, runs, "once in the group, once alone")
		require.Equal(t, []string{"a", "d"}, names(t, s))
	})
}

// A statement that fails by itself leaves the rest of its function as it was.
func TestHandledError(t *testing.T) {
	s := users(t, t.TempDir(), "")
	require.NoError(t, sqlite.Update(t.Context(), s, func(ctx context.Context, tx durable.Tx) error {
		if err := write("a")(ctx, tx); err != nil {
			return err
		}
		if err := write("a")(ctx, tx); err == nil {
			return errors.New("the key is there twice")
		}
		return write("b")(ctx, tx)
	}))
	require.Equal(t, []string{"a", "b"}, names(t, s))
}

func TestTransactionsAndSettingsAreTheStores(t *testing.T) {
	s := users(t, t.TempDir(), "")
	for _, statement := range []string{
		"COMMIT", "ROLLBACK", "BEGIN", "END", "SAVEPOINT one", "RELEASE one", "ROLLBACK TO one", " /* x */ commit", "SELECT 1; COMMIT",
		"PRAGMA synchronous = OFF", "PRAGMA query_only = 1", "PRAGMA journal_mode = DELETE", "ATTACH ':memory:' AS x", "BEGIN IMMEDIATE",
	} {
		err := sqlite.Update(t.Context(), s, func(ctx context.Context, tx durable.Tx) error {
			if err := write("x")(ctx, tx); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, statement)
			return err
		})
		require.ErrorContains(t, err, "the store begins and ends the transaction", statement)
	}
	require.Empty(t, names(t, s))
	require.NoError(t, sqlite.Update(t.Context(), s, func(ctx context.Context, tx durable.Tx) error {
		rows, err := tx.Query(ctx, "PRAGMA table_info(my_row)")
		if err != nil {
			return err
		}
		return rows.Close()
	}))
}

// require.NoError in a function of Update ends the goroutine that runs it.
func TestGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := users(t, t.TempDir(), "")
		outcomes := together(t, s, write("a"), func(ctx context.Context, tx durable.Tx) error {
			_ = write("b")(ctx, tx)
			runtime.Goexit()
			return nil
		}, write("c"))
		require.NoError(t, outcomes[0])
		require.ErrorContains(t, outcomes[1], "runtime.Goexit")
		require.NoError(t, outcomes[2])
		require.Equal(t, []string{"a", "c"}, names(t, s))
		require.NoError(t, sqlite.Update(t.Context(), s, write("d")))
	})
}

// A group is cut after a slow function, so that the others do not wait for more.
func TestSlowFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := users(t, t.TempDir(), "")
		var seen []string
		outcomes := together(t, s,
			func(ctx context.Context, tx durable.Tx) error {
				time.Sleep(300 * time.Millisecond)
				return write("a")(ctx, tx)
			},
			func(ctx context.Context, tx durable.Tx) error { seen = names(t, s); return nil },
		)
		require.NoError(t, errors.Join(outcomes...))
		require.Equal(t, []string{"a"}, seen, "the slow one was committed before the next began")
	})
}

func TestCanceledWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := users(t, t.TempDir(), "")
		ctx, cancel := context.WithCancel(t.Context())
		var canceled error
		require.NoError(t, sqlite.Update(t.Context(), s, func(context.Context, durable.Tx) error {
			go func() { canceled = sqlite.Update(ctx, s, write("a")) }()
			synctest.Wait()
			cancel()
			synctest.Wait()
			return nil
		}))
		synctest.Wait()
		require.ErrorIs(t, canceled, context.Canceled)
		require.NoError(t, sqlite.Update(t.Context(), s, write("b")))
		require.Equal(t, []string{"b"}, names(t, s))
	})
}

func TestFullDisk(t *testing.T) {
	ctx := t.Context()
	s := users(t, t.TempDir(), "")
	large := func(name string) func(ctx context.Context, tx durable.Tx) error {
		return func(ctx context.Context, tx durable.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO my_row (name, body) VALUES ($1, $2)", name, make([]byte, 1<<20))
			return err
		}
	}
	pages, err := s.Setting("work.db", "page_count")
	require.NoError(t, err)
	require.NoError(t, s.Pragma("work.db", "max_page_count = "+pages))
	for range 3 {
		require.ErrorContains(t, sqlite.Update(ctx, s, large("a")), "the disk of ")
	}
	err = sqlite.Update(ctx, s, func(ctx context.Context, tx durable.Tx) error {
		_ = large("a")(ctx, tx)
		return write("b")(ctx, tx)
	})
	require.Error(t, err, "SQLite rolled everything back")
	require.NoError(t, sqlite.Update(ctx, s, write("c")))
	require.NoError(t, s.Pragma("work.db", "max_page_count = 1000000"))
	require.NoError(t, sqlite.Update(ctx, s, large("d")))
	require.Equal(t, []string{"c", "d"}, names(t, s))

	pages, err = s.Setting("accept.db", "page_count")
	require.NoError(t, err)
	require.NoError(t, s.Pragma("accept.db", "max_page_count = "+pages))
	d := delivery("a", 1)
	d.Body = make([]byte, 1<<20)
	_, err = s.Accept(ctx, d)
	require.ErrorContains(t, err, "accept.db is full; nothing was stored")
	require.True(t, store.IsDown(err))
	require.Empty(t, events(t, s, "a"))
	require.NoError(t, s.Pragma("accept.db", "max_page_count = 1000000"))
	fresh, err := s.Accept(ctx, d)
	require.NoError(t, err)
	require.Equal(t, []int{0}, fresh)
}

// One bad delivery of a group fails alone.
func TestBadDeliveryFailsAlone(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, sqlite.Migrate(t.Context(), dir))
	edit(t, dir, "accept.db", `CREATE TRIGGER bad BEFORE INSERT ON inbox WHEN new.lane = 'bad' BEGIN SELECT RAISE(ABORT, 'a bad lane'); END`)
	synctest.Test(t, func(t *testing.T) {
		s, err := sqlite.Open(t.Context(), dir, sqlite.Linger(100*time.Millisecond))
		require.NoError(t, err)
		outcomes := make([]error, 50)
		var all sync.WaitGroup
		for n := range outcomes {
			all.Go(func() {
				_, outcomes[n] = s.Accept(t.Context(), delivery(map[bool]string{true: "bad", false: "good"}[n%10 == 3], n))
			})
		}
		all.Wait()
		for n, err := range outcomes {
			if n%10 == 3 {
				require.ErrorContains(t, err, "a bad lane")
			} else {
				require.NoError(t, err)
			}
		}
		require.Len(t, events(t, s, "good"), 45)
		require.Empty(t, events(t, s, "bad"))
		fresh, err := s.Accept(t.Context(), delivery("good", 3))
		require.NoError(t, err)
		require.Len(t, fresh, 1, "the key of a delivery that failed is not known")
		require.NoError(t, s.Close())
	})
}

func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, t.TempDir(), sqlite.Queue(3, 1000), sqlite.Linger(time.Second))
		var all sync.WaitGroup
		put := func(n, size int) *error {
			err := new(error)
			d := delivery("a", n)
			d.Body = make([]byte, size)
			all.Go(func() { _, *err = s.Accept(t.Context(), d) })
			synctest.Wait()
			return err
		}
		first := put(1, 1) // the writer has it and waits for others
		large := put(2, 2000)
		require.ErrorIs(t, *put(3, 1), sqlite.ErrFull, "too many bytes")
		all.Wait()
		require.NoError(t, errors.Join(*first, *large))
		begun := put(4, 1)
		waiting := []*error{put(5, 1), put(6, 1), put(7, 1)}
		require.ErrorIs(t, *put(8, 1), sqlite.ErrFull, "too many deliveries")
		all.Wait()
		require.NoError(t, errors.Join(*begun, *waiting[0], *waiting[1], *waiting[2]))
		require.Equal(t, []int{1, 2, 4, 5, 6, 7}, numbers(events(t, s, "a")))
	})
}

func TestManyStatements(t *testing.T) {
	s := users(t, t.TempDir(), "")
	for range 2 {
		require.NoError(t, sqlite.Update(t.Context(), s, func(ctx context.Context, tx durable.Tx) error {
			for n := range 1000 {
				if _, err := tx.Exec(ctx, fmt.Sprintf("INSERT INTO my_row (name) VALUES ('%d') ON CONFLICT DO NOTHING", n)); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	require.Len(t, names(t, s), 1000)
}

// The schema of the user's tables may change under compiled statements.
func TestSchemaChange(t *testing.T) {
	s := users(t, t.TempDir(), "")
	read := func() (columns int) {
		require.NoError(t, sqlite.Update(t.Context(), s, func(ctx context.Context, tx durable.Tx) error {
			rows, err := tx.Query(ctx, "SELECT * FROM my_row")
			if err != nil {
				return err
			}
			defer rows.Close()
			rows.Next()
			names, err := rows.(interface{ Columns() ([]string, error) }).Columns()
			columns = len(names)
			return err
		}))
		return columns
	}
	require.NoError(t, sqlite.Update(t.Context(), s, write("a")))
	require.Equal(t, 2, read())
	require.NoError(t, sqlite.Update(t.Context(), s, func(ctx context.Context, tx durable.Tx) error {
		_, err := tx.Exec(ctx, "ALTER TABLE my_row ADD COLUMN more TEXT")
		return err
	}))
	require.Equal(t, 3, read())
	require.NoError(t, sqlite.Update(t.Context(), s, write("b")))
}

func TestUpdateOfNothing(t *testing.T) {
	require.ErrorContains(t, sqlite.Update(t.Context(), nil, write("a")), "is nil")
	s := users(t, t.TempDir(), "")
	require.ErrorContains(t, sqlite.Update(t.Context(), s, nil), "is nil")
	require.ErrorIs(t, sqlite.Update(t.Context(), s, func(ctx context.Context, tx durable.Tx) error {
		return sqlite.Update(ctx, s, write("a"))
	}), durable.ErrInTx)
	require.NoError(t, s.Close())
	require.ErrorIs(t, sqlite.Update(t.Context(), s, write("a")), sqlite.ErrClosed)
	require.NoError(t, s.Close())
	require.True(t, strings.HasPrefix(sqlite.ErrClosed.Error(), "the store"))
}

// ending is a context that ends between a look at it and the statement.
type ending struct {
	context.Context
	looks int
}

func (e *ending) Err() error {
	if e.looks++; e.looks == 1 {
		return nil
	}
	return context.Canceled
}

func (e *ending) Done() <-chan struct{} {
	ended := make(chan struct{})
	close(ended)
	return ended
}

// An interrupted statement would undo the writes of others.
func TestStatementsAreNotInterrupted(t *testing.T) {
	s := users(t, t.TempDir(), "")
	require.NoError(t, sqlite.Update(t.Context(), s, func(ctx context.Context, tx durable.Tx) error {
		if err := write("a")(&ending{Context: ctx}, tx); err != nil {
			return err
		}
		rows, err := tx.Query(&ending{Context: ctx}, "SELECT name FROM my_row")
		if err != nil {
			return err
		}
		return rows.Close()
	}))
	require.Equal(t, []string{"a"}, names(t, s))
}
