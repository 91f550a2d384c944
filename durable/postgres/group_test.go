package postgres_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
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

func delivery(lane string, numbers ...int) *store.Delivery {
	d := &store.Delivery{Channel: "ABC1", Body: []byte("{}")}
	for i, n := range numbers {
		a := store.Arrival{Lane: lane, Index: i}
		binary.BigEndian.PutUint64(a.Key[:], uint64(n))
		d.Events = append(d.Events, a)
	}
	return d
}

// users opens a store with a table of the user's own.
func users(t *testing.T, statements ...string) *postgres.Store {
	t.Helper()
	address := database(t)
	run(t, address, append([]string{"CREATE TABLE my_row (name TEXT PRIMARY KEY, n INT NOT NULL DEFAULT 0)"}, statements...)...)
	return open(t, address)
}

func write(name string) func(ctx context.Context, tx durable.Tx) error {
	return func(ctx context.Context, tx durable.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO my_row (name) VALUES ($1)", name)
		return err
	}
}

func names(t *testing.T, s *postgres.Store) (list []string) {
	t.Helper()
	require.NoError(t, s.View(t.Context(), func(ctx context.Context, tx store.Tx) error {
		rows, err := tx.Query(ctx, "SELECT name FROM my_row ORDER BY name")
		if err != nil {
			return err
		}
		for rows.Next() {
			var name string
			require.NoError(t, rows.Scan(&name))
			list = append(list, name)
		}
		return rows.Close()
	}))
	return list
}

// together runs functions while another holds the transaction, so that they are in one
// group.
func together(s *postgres.Store, functions ...func(ctx context.Context, tx durable.Tx) error) []error {
	ctx := context.Background()
	begun, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	outcomes := make([]error, len(functions))
	var all sync.WaitGroup
	all.Go(func() {
		_ = postgres.Update(ctx, s, func(context.Context, durable.Tx) error {
			once.Do(func() { close(begun) })
			<-goOn
			return nil
		})
	})
	<-begun
	for i, do := range functions {
		all.Go(func() { outcomes[i] = postgres.Update(ctx, s, do) })
	}
	time.AfterFunc(50*time.Millisecond, func() { close(goOn) })
	all.Wait()
	return outcomes
}

func TestGroup(t *testing.T) {
	s := users(t)
	runs := 0
	kept := func(statement string) func(ctx context.Context, tx durable.Tx) error {
		return func(ctx context.Context, tx durable.Tx) error {
			if err := write("x "+statement)(ctx, tx); err != nil {
				return err
			}
			_, _ = tx.Exec(ctx, statement)
			return nil
		}
	}
	outcomes := together(s, write("a"), write("b"),
		func(ctx context.Context, tx durable.Tx) error {
			if err := write("c")(ctx, tx); err != nil {
				return err
			}
			return errors.New("no")
		},
		kept("SELECT 1 / 0"),
		func(ctx context.Context, tx durable.Tx) error {
			if runs++; runs == 1 { // as a deadlock would
				_, err := tx.Exec(ctx, "DO $$ BEGIN RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'; END $$")
				return err
			}
			return write("d")(ctx, tx)
		},
		func(ctx context.Context, tx durable.Tx) error {
			_ = write("e")(ctx, tx)
			runtime.Goexit()
			return nil
		},
		func(ctx context.Context, tx durable.Tx) error { panic("the sky fell") },
	)
	require.NoError(t, errors.Join(outcomes[0], outcomes[1], outcomes[4]))
	require.ErrorContains(t, outcomes[2], "no")
	require.ErrorContains(t, outcomes[3], "division by zero")
	require.ErrorContains(t, outcomes[5], "runtime.Goexit")
	require.ErrorContains(t, outcomes[6], "panicked: the sky fell")
	require.Equal(t, 2, runs)
	require.Equal(t, []string{"a", "b", "d"}, names(t, s))
}

func TestTransactionsAreTheStores(t *testing.T) {
	s := users(t)
	for _, statement := range []string{"COMMIT", " /* x */ rollback", "-- x\nBEGIN", "END;", "SAVEPOINT one", "RELEASE one", "SET synchronous_commit = off",
		"RESET ALL", "PREPARE TRANSACTION 'x'", "START TRANSACTION", "ABORT"} {
		err := postgres.Update(t.Context(), s, func(ctx context.Context, tx durable.Tx) error {
			if err := write("x")(ctx, tx); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, statement)
			return err
		})
		require.ErrorContains(t, err, "the store begins and ends the transaction", statement)
	}
	require.Error(t, postgres.Update(t.Context(), s, func(ctx context.Context, tx durable.Tx) error {
		_, err := tx.Exec(ctx, "SELECT 1; COMMIT")
		return err
	}))
	require.Empty(t, names(t, s))
	require.ErrorContains(t, postgres.Update(t.Context(), nil, write("a")), "is nil")
}

// Two programs whose functions wait for each other in a circle both succeed.
func TestDeadlock(t *testing.T) {
	first := users(t, "INSERT INTO my_row VALUES ('a'), ('b')")
	second := open(t, address(t, first))
	met := make(chan struct{}, 2)
	update := func(s *postgres.Store, names ...string) error {
		return postgres.Update(t.Context(), s, func(ctx context.Context, tx durable.Tx) error {
			for n, name := range names {
				if _, err := tx.Exec(ctx, "UPDATE my_row SET n = n + 1 WHERE name = $1", name); err != nil {
					return err
				}
				if n == 0 {
					select {
					case met <- struct{}{}:
						time.Sleep(100 * time.Millisecond)
					default:
					}
				}
			}
			return nil
		})
	}
	var all sync.WaitGroup
	all.Go(func() { assert.NoError(t, update(first, "a", "b")) })
	all.Go(func() { assert.NoError(t, update(second, "b", "a")) })
	all.Wait()
	require.NoError(t, first.View(t.Context(), func(ctx context.Context, tx store.Tx) error {
		rows, err := tx.Query(ctx, "SELECT sum(n)::int FROM my_row")
		if err != nil {
			return err
		}
		n := 0
		require.True(t, rows.Next())
		require.NoError(t, rows.Scan(&n))
		require.Equal(t, 4, n)
		return nil
	}))
}

// The events of a group are marked in one statement. One that is done already undoes what
// its function wrote, and nothing else, also if the function fails because of that.
func TestDoneInAGroup(t *testing.T) {
	ctx, s := t.Context(), users(t)
	_, err := s.Accept(ctx, delivery("a", 1, 2, 3))
	require.NoError(t, err)
	events, err := s.Open(ctx, "a", 3)
	require.NoError(t, err)
	begun, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var all sync.WaitGroup
	all.Go(func() {
		assert.NoError(t, s.Update(ctx, func(context.Context, store.Tx) error {
			once.Do(func() { close(begun) }) // it runs again if the group is given up
			<-goOn
			return nil
		}))
	})
	<-begun
	outcomes := make([]error, 5)
	for n, name := range []string{"a", "a", "b", "c", ""} {
		all.Go(func() {
			time.Sleep(time.Duration(n) * 20 * time.Millisecond)
			outcomes[n] = s.Update(ctx, func(ctx context.Context, tx store.Tx) error {
				if err := s.Done(ctx, tx, &events[[]int{0, 0, 0, 1, 2}[n]]); err != nil || name == "" {
					return err
				}
				_, err := tx.Exec(ctx, "INSERT INTO my_row (name) VALUES ($1)", name)
				return err
			})
		})
	}
	time.AfterFunc(200*time.Millisecond, func() { close(goOn) })
	all.Wait()
	require.NoError(t, errors.Join(outcomes[0], outcomes[3], outcomes[4]))
	require.ErrorIs(t, outcomes[1], store.ErrDone, "not the error of its key")
	require.ErrorIs(t, outcomes[2], store.ErrDone)
	require.Equal(t, []string{"a", "c"}, names(t, s))
	events, err = s.Open(ctx, "a", 3)
	require.NoError(t, err)
	require.Empty(t, events)
}

// A text that PostgreSQL does not keep is cleaned, and a handled error undoes its Try.
func TestTextsAndTry(t *testing.T) {
	s := users(t)
	type named string
	require.NoError(t, s.Update(t.Context(), func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO my_row VALUES ($1), ($2)", "a\x00b\xff", named("c\x00")); err != nil {
			return err
		}
		err := tx.Try(ctx, func() error {
			if _, err := tx.Exec(ctx, "INSERT INTO my_row VALUES ('undone')"); err != nil {
				return err
			}
			_, _ = tx.Exec(ctx, "INSERT INTO my_row VALUES ('undone')")
			return nil
		})
		if err == nil {
			return errors.New("the failed statement was passed over")
		}
		_, err = tx.Exec(ctx, "INSERT INTO my_row VALUES ('z')")
		return err
	}))
	require.Equal(t, []string{"a\uFFFDb\uFFFD", "c\uFFFD", "z"}, names(t, s))
}

// One bad delivery of a group fails alone, and numbers follow the order of arrival.
func TestBadDeliveryFailsAlone(t *testing.T) {
	s := users(t, `CREATE FUNCTION bad() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF new.lane = 'bad' THEN RAISE EXCEPTION 'a bad lane'; END IF; RETURN new; END $$`,
		"CREATE TRIGGER bad BEFORE INSERT ON chatapi.inbox FOR EACH ROW EXECUTE FUNCTION bad()")
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
	events, err := s.Open(t.Context(), "good", 100)
	require.NoError(t, err)
	require.Len(t, events, 45)
	fresh, err := s.Accept(t.Context(), delivery("good", 3))
	require.NoError(t, err)
	require.Len(t, fresh, 1, "the key of a delivery that failed is not known")
}

// Two programs get the same deliveries, with their events in other orders.
func TestRedeliveriesOnTwoMachines(t *testing.T) {
	first := users(t)
	second := open(t, address(t, first))
	var all sync.WaitGroup
	var mu sync.Mutex
	total := 0
	for round := range 5 { // large ones, at the same moment
		numbers := make([]int, 3000)
		for n := range numbers {
			numbers[n] = 1_000_000*(round+1) + n
		}
		back := slices.Clone(numbers)
		slices.Reverse(back)
		for k, s := range []*postgres.Store{first, second} {
			all.Go(func() {
				fresh, err := s.Accept(t.Context(), delivery("large", [][]int{numbers, back}[k]...))
				assert.NoError(t, err)
				assert.Contains(t, []int{0, 3000}, len(fresh))
			})
		}
		all.Wait()
	}
	for n := range 40 {
		for k, s := range []*postgres.Store{first, second} {
			numbers := []int{n, n + 1, n + 2, 100 - n}
			if k == 1 {
				numbers = []int{100 - n, n + 2, n + 1, n}
			}
			all.Go(func() {
				fresh, err := s.Accept(t.Context(), delivery("a", numbers...))
				assert.NoError(t, err)
				mu.Lock()
				total += len(fresh)
				mu.Unlock()
			})
		}
	}
	all.Wait()
	events, err := first.Open(t.Context(), "a", 1000)
	require.NoError(t, err)
	require.Len(t, events, total)
	require.Equal(t, 42+40, total)
	time.Sleep(time.Second) // the server counts later
	require.Zero(t, deadlocks(t, address(t, first)), "they insert in one order")
}

// A message that is planned in the user's own transaction is sent after its commit.
func TestInTx(t *testing.T) {
	ctx := t.Context()
	s := users(t)
	api, channels := desktest.Service(t, 2)
	b := desktest.Open(t, s, channels, nil)
	conn, err := pgx.Connect(ctx, address(t, s))
	require.NoError(t, err)
	defer conn.Close(ctx)
	for n, commit := range []bool{false, true} {
		own, err := conn.Begin(ctx)
		require.NoError(t, err)
		tx, err := postgres.InTx(ctx, s, own)
		require.NoError(t, err)
		key := fmt.Sprint("k", n)
		_, err = b.Outbox.SendIn(ctx, tx, desktest.Channel, key, desktest.To(n), chatapi.Text{Body: "text of " + key})
		require.NoError(t, err)
		_, err = own.Exec(ctx, "INSERT INTO my_row (name) VALUES ($1)", key)
		require.NoError(t, err)
		if commit {
			require.NoError(t, own.Commit(ctx))
		} else {
			require.NoError(t, own.Rollback(ctx))
		}
	}
	b.Becomes("k1", durable.StateSent)
	require.Equal(t, []string{"k1"}, desktest.Texts(api))
	require.Equal(t, []string{"k1"}, names(t, s))
}

// The statement fails that ends the savepoint of a function, so that a rollback to a
// savepoint would undo the writes of the function before. All of the group runs again,
// and nothing is lost, also if the function that met the error returns another one.
func TestSavepointThatFails(t *testing.T) {
	mend := postgres.BreakSavepoints()
	s := users(t)
	defer func() {
		require.NoError(t, s.Close())
		mend()
	}()
	own := errors.New("no")
	for n, met := 0, false; !met; n++ { // until one of the second comes after the first
		second := func(ctx context.Context, tx durable.Tx) error {
			if write(fmt.Sprint("second ", n))(ctx, tx) != nil {
				met = true
			}
			return own
		}
		outcomes := together(s, write(fmt.Sprint("first ", n)), second, second)
		require.NoError(t, outcomes[0])
		require.ErrorIs(t, outcomes[1], own)
		require.ErrorIs(t, outcomes[2], own)
		require.Contains(t, names(t, s), fmt.Sprint("first ", n))
		require.NotContains(t, names(t, s), fmt.Sprint("second ", n))
	}
}
