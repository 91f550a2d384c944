package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// counted lets every change get a number of a counter before the commit. It returns the
// numbers of the calls, each with how many changes it had.
func counted(d *database, refuse func(changes []any) error) *[]int {
	calls := &[]int{}
	d.exec(insert, "counter", "n", 0)
	d.BeforeCommit(func(ctx context.Context, tx store.Tx, changes []any) error {
		require.ErrorIs(d.t, tx.Changed("more"), store.ErrLast)
		if err := refuse(changes); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "UPDATE opt_out SET at = at + $1 WHERE channel = 'counter'", len(changes)); err != nil {
			return err
		}
		for n, change := range changes {
			if _, err := tx.Exec(ctx, insert, "change", fmt.Sprint(change), n); err != nil {
				return err
			}
		}
		*calls = append(*calls, len(changes))
		return nil
	})
	return calls
}

// workBefore checks that functions that share a commit share a call, that an error takes
// its changes with it, and that what changes nothing is told to nobody.
func workBefore(d *database) {
	none := func(ctx context.Context, tx store.Tx) error { return tx.Changed("nobody") }
	require.ErrorIs(d.t, d.Update(d.ctx(), none), store.ErrNoBefore)
	calls := counted(d, func([]any) error { return nil })
	require.ErrorIs(d.t, d.View(d.ctx(), none), store.ErrNoBefore)
	failure := errors.New("no")
	want := []string{}
	var all sync.WaitGroup
	begun, waiting := make(chan struct{}), make(chan struct{})
	all.Go(func() { // the others wait meanwhile, and share a commit
		require.NoError(d.t, d.Update(d.ctx(), func(context.Context, store.Tx) error {
			close(begun)
			<-waiting
			return nil
		}))
	})
	<-begun
	for n := range 60 {
		name := fmt.Sprintf("%03d", n)
		if n%3 != 0 {
			want = append(want, name)
		}
		all.Go(func() {
			_ = d.Update(d.ctx(), func(ctx context.Context, tx store.Tx) error {
				if _, err := tx.Exec(ctx, insert, "row", name, n); err != nil {
					return err
				}
				if err := tx.Changed(name); err != nil || n%3 == 0 {
					return errors.Join(err, failure)
				}
				return errors.Join(none(ctx, inTry{tx, failure}), nil)
			})
		})
	}
	close(waiting)
	all.Wait()
	require.Equal(d.t, want, d.people("row"))
	require.Equal(d.t, want, d.people("change"))
	sum := 0
	for _, n := range *calls {
		sum += n
	}
	require.Equal(d.t, len(want), sum)
	require.Less(d.t, len(*calls), len(want), "functions that share a commit share a call")
	d.BeforeCommit(nil)
	require.ErrorIs(d.t, d.Update(d.ctx(), none), store.ErrNoBefore)
}

// inTry notes changes in a savepoint that is undone.
type inTry struct {
	store.Tx
	failure error
}

func (t inTry) Changed(change any) error {
	err := t.Try(context.Background(), func() error { return errors.Join(t.Tx.Changed(change), t.failure) })
	if errors.Is(err, t.failure) {
		return nil
	}
	return err
}

// workBeforeError checks that an error before the commit is that of the function whose
// change it is about, and that a panic is one.
func workBeforeError(d *database) {
	failure := errors.New("no")
	counted(d, func(changes []any) error {
		for _, change := range changes {
			switch change {
			case "001":
				return failure
			case "002":
				panic("no such change")
			}
		}
		return nil
	})
	outcomes := make([]error, 30)
	var all sync.WaitGroup
	for n := range outcomes {
		all.Go(func() {
			outcomes[n] = d.Update(d.ctx(), func(ctx context.Context, tx store.Tx) error {
				name := fmt.Sprintf("%03d", n)
				_, err := tx.Exec(ctx, insert, "row", name, n)
				return errors.Join(err, tx.Changed(name))
			})
		})
	}
	all.Wait()
	want := []string{}
	for n, err := range outcomes {
		switch n {
		case 1:
			require.ErrorIs(d.t, err, failure)
		case 2:
			require.ErrorContains(d.t, err, "no such change")
		default:
			require.NoError(d.t, err)
			want = append(want, fmt.Sprintf("%03d", n))
		}
	}
	require.Equal(d.t, want, d.people("row"))
	require.Equal(d.t, want, d.people("change"))
}
