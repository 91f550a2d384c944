package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

var workCases = []namedCase{
	{"work/a closure's error undoes its writes alone", workErrors},
	{"work/a statement's error undoes its closure alone", workStatementErrors},
	{"work/a panic is an error", workPanic},
	{"work/no transaction inside a transaction", workInTx},
	{"work/a context that ends interrupts nothing", workContext},
	{"work/a transaction ends with its function", workEnded},
	{"work/a function before each commit", workBefore},
	{"work/an error before the commit", workBeforeError},
	{"work/placeholders", workPlaceholders},
	{"work/values keep their bytes", workValues},
	{"work/rows of one query inside those of the same", workNested},
	{"work/a number that is read as a truth", workTruth},
	{"work/a view sees one state", workView},
	{"work/locks", workLocks},
	{"work/check", workCheck},
	{"work/a closed store", workClosed},
}

func workErrors(d *database) {
	failure := errors.New("no")
	outcomes := make([]error, 150)
	var all sync.WaitGroup
	for n := range outcomes {
		all.Go(func() {
			outcomes[n] = d.Update(d.ctx(), func(ctx context.Context, tx store.Tx) error {
				_, err := tx.Exec(ctx, insert, "even", fmt.Sprintf("%03d", n), n)
				if err == nil && n%2 == 1 {
					err = failure
				}
				return err
			})
		})
	}
	all.Wait()
	want := []string{}
	for n, err := range outcomes {
		if n%2 == 1 {
			require.ErrorIs(d.t, err, failure)
			continue
		}
		require.NoError(d.t, err)
		want = append(want, fmt.Sprintf("%03d", n))
	}
	require.Equal(d.t, want, d.people("even"))
	d.restart()
	require.Equal(d.t, want, d.people("even"))
}

func workStatementErrors(d *database) {
	d.exec(insert, "one", "taken", 0)
	outcomes := make([]error, 60)
	var all sync.WaitGroup
	for n := range outcomes {
		all.Go(func() {
			outcomes[n] = d.Update(d.ctx(), func(ctx context.Context, tx store.Tx) error {
				if _, err := tx.Exec(ctx, insert, "one", fmt.Sprintf("%03d", n), n); err != nil || n%3 != 0 {
					return err
				}
				_, err := tx.Exec(ctx, insert, "one", "taken", n)
				return err
			})
		})
	}
	all.Wait()
	want := []string{}
	for n, err := range outcomes {
		if n%3 == 0 {
			require.Error(d.t, err)
			continue
		}
		require.NoError(d.t, err)
		want = append(want, fmt.Sprintf("%03d", n))
	}
	require.Equal(d.t, append(want, "taken"), d.people("one"))
}

func workPanic(d *database) {
	err := d.Update(d.ctx(), func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.Exec(ctx, insert, "panic", "x", 0); err != nil {
			return err
		}
		panic("the sky fell")
	})
	require.ErrorContains(d.t, err, "the sky fell")
	require.Empty(d.t, d.people("panic"))
	d.exec(insert, "panic", "y", 0)
	require.Equal(d.t, []string{"y"}, d.people("panic"))
}

func workInTx(d *database) {
	nothing := func(context.Context, store.Tx) error { return nil }
	inside := func(ctx context.Context, _ store.Tx) error {
		if !store.InTx(ctx) {
			return errors.New("the context is not marked")
		}
		if err := d.View(ctx, nothing); !errors.Is(err, store.ErrInTx) {
			return fmt.Errorf("a View inside: %w", err)
		}
		return d.Update(ctx, nothing)
	}
	require.ErrorIs(d.t, d.Update(d.ctx(), inside), store.ErrInTx)
	require.ErrorIs(d.t, d.View(d.ctx(), inside), store.ErrInTx)
	require.False(d.t, store.InTx(d.ctx()))
	// A function that drops its context would wait for itself.
	require.NoError(d.t, d.Update(d.ctx(), func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.Exec(ctx, insert, "outer", "a", 1); err != nil {
			return err
		}
		err := d.Update(context.Background(), func(ctx context.Context, tx store.Tx) error {
			_, err := tx.Exec(ctx, insert, "inner", "a", 1)
			return err
		})
		if !errors.Is(err, store.ErrInTx) {
			return fmt.Errorf("not refused: %w", err)
		}
		return nil
	}))
	require.Equal(d.t, []string{"a"}, d.people("outer"))
	require.Empty(d.t, d.people("inner"))
}

type ctxKey struct{}

func workContext(d *database) {
	ctx, cancel := context.WithCancel(context.WithValue(d.ctx(), ctxKey{}, "value"))
	err := d.Update(ctx, func(inner context.Context, tx store.Tx) error {
		cancel()
		if inner.Err() != nil || inner.Value(ctxKey{}) != "value" {
			return errors.New("the context ends, or lost its values")
		}
		_, err := tx.Exec(inner, insert, "ctx", "x", 0)
		return err
	})
	require.NoError(d.t, err)
	require.Equal(d.t, []string{"x"}, d.people("ctx"))

	ran := false
	err = d.Update(ctx, func(context.Context, store.Tx) error { ran = true; return nil })
	require.ErrorIs(d.t, err, context.Canceled)
	require.False(d.t, ran)

	// A statement under a context that has ended does not run, and harms nobody.
	err = d.Update(d.ctx(), func(inner context.Context, tx store.Tx) error {
		if _, err := tx.Exec(inner, insert, "ctx", "y", 0); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, insert, "ctx", "z", 0)
		return err
	})
	require.ErrorIs(d.t, err, context.Canceled)
	require.Equal(d.t, []string{"x"}, d.people("ctx"))
}

func workEnded(d *database) {
	var kept store.Tx
	var open store.Rows
	require.NoError(d.t, d.Update(d.ctx(), func(ctx context.Context, tx store.Tx) (err error) {
		kept = tx
		if _, err := tx.Exec(ctx, insert, "ended", "x", 0); err != nil {
			return err
		}
		open, err = tx.Query(ctx, "SELECT person FROM opt_out")
		return err
	}))
	_, err := kept.Exec(d.ctx(), insert, "ended", "y", 0)
	require.Error(d.t, err)
	_, err = kept.Query(d.ctx(), "SELECT person FROM opt_out")
	require.Error(d.t, err)
	require.False(d.t, open.Next(), "rows end with the function")
	require.NoError(d.t, open.Close())
	require.Equal(d.t, []string{"x"}, d.people("ended"))
	d.exec(insert, "ended", "z", 0)
}

func workPlaceholders(d *database) {
	t := d.t
	require.NoError(t, d.Update(d.ctx(), func(ctx context.Context, tx store.Tx) error {
		n, err := tx.Exec(ctx, insert, "c", "p", int64(1)<<62)
		if err != nil || n != 1 {
			return fmt.Errorf("%d rows: %w", n, err)
		}
		n, err = tx.Exec(ctx, "UPDATE opt_out SET at = $2 WHERE channel = $1 AND channel = $1 AND at > $2", "c", 7)
		if err != nil || n != 1 {
			return fmt.Errorf("%d rows: %w", n, err)
		}
		n, err = tx.Exec(ctx, insert+" ON CONFLICT (channel, person) DO NOTHING", "c", "p", 8)
		if err != nil || n != 0 {
			return fmt.Errorf("%d rows: %w", n, err)
		}
		_, err = tx.Exec(ctx, `INSERT INTO dead (seq, lane, channel, event_key, attempts, reason, accepted, died, replay)
			VALUES ($9, $8, $7, $6, $5, $4, $3, $2, $1), ($9 + 1, $8, $7, $6, $5, $10, $11, $2, $1)`,
			0, 2, 3, "four", 5, "six", "seven", "eight", 9, "ten", 11)
		return err
	}))
	require.NoError(t, d.View(d.ctx(), func(ctx context.Context, tx store.Tx) error {
		rows, err := tx.Query(ctx, "SELECT seq, lane, channel, event_key, attempts, reason, accepted, died, replay FROM dead ORDER BY seq")
		if err != nil {
			return err
		}
		defer rows.Close()
		var got []string
		for rows.Next() {
			var seq, attempts, accepted, died, replay int64
			var lane, channel, eventKey, reason string
			if err := rows.Scan(&seq, &lane, &channel, &eventKey, &attempts, &reason, &accepted, &died, &replay); err != nil {
				return err
			}
			got = append(got, fmt.Sprint(seq, lane, channel, eventKey, attempts, reason, accepted, died, replay))
		}
		require.Equal(t, []string{fmt.Sprint(9, "eight", "seven", "six", 5, "four", 3, 2, 0), fmt.Sprint(10, "eight", "seven", "six", 5, "ten", 11, 2, 0)}, got)
		return rows.Err()
	}))
	err := d.Update(d.ctx(), func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, insert, "too few")
		return err
	})
	require.Error(t, err)
}

func workValues(d *database) {
	t := d.t
	bodies := [][]byte{{}, {0}, []byte("text"), {0xff, 0, 0xfe}, make([]byte, 1<<20)}
	for n, body := range bodies {
		d.exec("INSERT INTO early_status (channel, message_id, chat, text, status, at, failure, arrived) VALUES ('c', $1, '', '', '', $2, $3, $4)",
			fmt.Sprint(n), -1<<63, body, 1<<63-1)
	}
	d.exec("INSERT INTO early_status (channel, message_id, chat, text, status, at, failure, arrived) VALUES ('c', 'null', '', '', '', 0, $1, 0)", nil)
	require.NoError(t, d.View(d.ctx(), func(ctx context.Context, tx store.Tx) error {
		for n, body := range bodies {
			rows, err := tx.Query(ctx, "SELECT at, failure, arrived FROM early_status WHERE message_id = $1 AND failure = $2", fmt.Sprint(n), body)
			if err != nil {
				return err
			}
			var at, arrived int64
			var failure []byte
			require.True(t, rows.Next(), n)
			require.NoError(t, rows.Scan(&at, &failure, &arrived))
			require.False(t, rows.Next())
			require.NoError(t, errors.Join(rows.Err(), rows.Close()))
			require.Equal(t, []int64{-1 << 63, 1<<63 - 1}, []int64{at, arrived})
			require.Len(t, failure, len(body))
			require.Equal(t, string(body), string(failure))
		}
		rows, err := tx.Query(ctx, "SELECT failure FROM early_status WHERE message_id = 'null' AND failure IS NULL")
		if err != nil {
			return err
		}
		defer rows.Close()
		var failure []byte
		require.True(t, rows.Next())
		require.NoError(t, rows.Scan(&failure))
		require.Nil(t, failure)
		return rows.Err()
	}))
}

func workTruth(d *database) {
	t := d.t
	require.NoError(t, d.View(d.ctx(), func(ctx context.Context, tx store.Tx) error {
		rows, err := tx.Query(ctx, "SELECT CAST(1 AS BIGINT), CAST(0 AS INTEGER), CAST(2 AS BIGINT)")
		if err != nil {
			return err
		}
		defer rows.Close()
		var yes, no, other bool
		var two int64
		require.True(t, rows.Next())
		require.NoError(t, rows.Scan(&yes, &no, &two))
		require.Equal(t, []bool{true, false}, []bool{yes, no})
		require.Error(t, rows.Scan(&yes, &no, &other))
		return nil
	}))
}

func workNested(d *database) {
	for _, name := range []string{"a", "b", "c"} {
		d.exec(insert, "nested", name, 0)
	}
	pairs := ""
	nested := func(ctx context.Context, tx store.Tx) error {
		pairs = ""
		const query = "SELECT person FROM opt_out WHERE channel = $1 ORDER BY person"
		outer, err := tx.Query(ctx, query, "nested")
		if err != nil {
			return err
		}
		defer outer.Close()
		for outer.Next() {
			var a, b string
			if err := outer.Scan(&a); err != nil {
				return err
			}
			inner, err := tx.Query(ctx, query, "nested")
			if err != nil {
				return err
			}
			for inner.Next() {
				if err := inner.Scan(&b); err != nil {
					return err
				}
				pairs += a + b + " "
			}
			if err := errors.Join(inner.Err(), inner.Close()); err != nil {
				return err
			}
		}
		return outer.Err()
	}
	const want = "aa ab ac ba bb bc ca cb cc "
	require.NoError(d.t, d.Update(d.ctx(), nested))
	require.Equal(d.t, want, pairs)
	require.NoError(d.t, d.View(d.ctx(), nested))
	require.Equal(d.t, want, pairs)
}

func workView(d *database) {
	d.exec(insert, "view", "a", 0)
	require.NoError(d.t, d.View(d.ctx(), func(ctx context.Context, tx store.Tx) error {
		before, err := peopleIn(ctx, tx, "view")
		if err != nil {
			return err
		}
		d.exec(insert, "view", "b", 0)
		after, err := peopleIn(ctx, tx, "view")
		require.Equal(d.t, before, after)
		return err
	}))
	require.Equal(d.t, []string{"a", "b"}, d.people("view"))
	failure := errors.New("no")
	require.ErrorIs(d.t, d.View(d.ctx(), func(context.Context, store.Tx) error { return failure }), failure)
	require.Error(d.t, d.View(d.ctx(), func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, insert, "view", "c", 0)
		return err
	}))
	require.Equal(d.t, []string{"a", "b"}, d.people("view"))
}

func workLocks(d *database) {
	t := d.t
	held, unlock, err := d.Lock(d.ctx(), "a")
	require.NoError(t, err)
	_, _, err = d.Lock(d.ctx(), "a")
	require.ErrorIs(t, err, store.ErrBusy)
	_, other, err := d.Lock(d.ctx(), "b")
	require.NoError(t, err)
	other()
	require.NoError(t, held.Err())
	unlock()
	_, unlock, err = d.Lock(d.ctx(), "a")
	require.NoError(t, err)
	unlock()
	ctx, cancel := context.WithCancel(d.ctx())
	cancel()
	_, _, err = d.Lock(ctx, "c")
	require.ErrorIs(t, err, context.Canceled)
}

func workCheck(d *database) {
	require.NoError(d.t, d.Check(d.ctx()))
	require.NotEmpty(d.t, d.Name())
	d.accept("a", 1)
	d.done(d.events("a")...)
	require.NoError(d.t, d.Check(d.ctx()))
}

func workClosed(d *database) {
	d.accept("a", 1)
	e := d.events("a")[0]
	d.stop()
	ctx := d.ctx()
	nothing := func(context.Context, store.Tx) error { return nil }
	_, accept := d.Accept(ctx, delivery("a", 2))
	_, open := d.Open(ctx, "a", 1)
	_, event := d.Event(ctx, e.Seq)
	_, lanes := d.OpenLanes(ctx, "", 1)
	_, unfolded := d.Unfolded(ctx, 1)
	_, _, depth := d.Depth(ctx)
	_, _, behind := d.Behind(ctx)
	_, tidy := d.Tidy(ctx, received)
	_, _, lock := d.Lock(ctx, "a")
	for name, err := range map[string]error{
		"Update": d.Update(ctx, nothing), "View": d.View(ctx, nothing), "Check": d.Check(ctx), "Lock": lock, "Tidy": tidy,
		"Accept": accept, "Open": open, "Event": event, "OpenLanes": lanes, "Unfolded": unfolded, "Depth": depth, "Behind": behind,
	} {
		require.ErrorIs(d.t, err, store.ErrClosed, name)
	}
}
