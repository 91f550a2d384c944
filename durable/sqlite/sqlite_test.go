package sqlite_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable/internal/desktest"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/internal/storetest"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

func open(t *testing.T, dir string, opts ...sqlite.Option) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), dir, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func delivery(lane string, numbers ...int) *store.Delivery {
	d := &store.Delivery{Channel: "ABC1", Body: []byte("{}")}
	for i, n := range numbers {
		a := store.Arrival{Lane: lane, Index: i}
		binary.BigEndian.PutUint64(a.Key[:], uint64(n))
		d.Events = append(d.Events, a)
	}
	return d
}

func accept(t *testing.T, s *sqlite.Store, lane string, numbers ...int) {
	t.Helper()
	fresh, err := s.Accept(t.Context(), delivery(lane, numbers...))
	require.NoError(t, err)
	require.Len(t, fresh, len(numbers))
}

func events(t *testing.T, s *sqlite.Store, lane string) []store.Event {
	t.Helper()
	events, err := s.Open(t.Context(), lane, 1000)
	require.NoError(t, err)
	return events
}

func numbers(events []store.Event) []int {
	list := []int{}
	for _, e := range events {
		list = append(list, int(binary.BigEndian.Uint64(e.Key[:])))
	}
	return list
}

func done(ctx context.Context, s *sqlite.Store, e store.Event) error {
	return s.Update(ctx, func(ctx context.Context, tx store.Tx) error { return s.Done(ctx, tx, &e) })
}

func fresh(t *testing.T) func() (store.Store, func() error) {
	dir := t.TempDir()
	return func() (store.Store, func() error) {
		s, err := sqlite.Open(t.Context(), dir)
		require.NoError(t, err)
		return s, s.Close
	}
}

func TestStore(t *testing.T) { storetest.Run(t, fresh) }

func TestStoreInBubble(t *testing.T) {
	for _, c := range storetest.Cases() {
		if strings.HasPrefix(c.Name, "load/") || strings.Contains(c.Name, "4 MiB") {
			continue // they prove nothing more in a bubble, and take their time
		}
		t.Run(c.Name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { c.Test(t, fresh) }) })
	}
}

const childFolder = "CHATAPI_SQLITE_TEST_FOLDER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childFolder); dir != "" {
		child(dir)
		return
	}
	if dir := os.Getenv(desktest.ProgramStore); dir != "" {
		s, err := sqlite.Open(context.Background(), dir)
		if err == nil {
			err = errors.Join(desktest.Program(s), s.Close())
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child works until it is killed, and says what it was told is stored.
func child(dir string) {
	ctx := context.Background()
	s, err := sqlite.Open(ctx, dir)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	var out sync.Mutex
	say := func(word string, n int) {
		out.Lock()
		defer out.Unlock()
		fmt.Println(word, n)
	}
	var all sync.WaitGroup
	for worker := range 8 {
		lane := fmt.Sprint("lane ", worker)
		all.Go(func() {
			for i := 0; ; i++ {
				n := os.Getpid()*1_000_000 + worker*100_000 + i
				fresh, err := s.Accept(ctx, delivery(lane, n))
				if err != nil || len(fresh) != 1 {
					say("error", n)
					return
				}
				say("accepted", n)
				open, err := s.Open(ctx, lane, 2)
				if err == nil && i%2 == 1 {
					err = done(ctx, s, open[0])
					say("done", numbers(open)[0])
				}
				if err != nil {
					say("error", n)
					return
				}
			}
		})
	}
	all.Wait()
}

// A killed program has stored what it was told is stored.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	accepted, finished := map[string]bool{}, map[string]bool{}
	for round := range 4 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childFolder+"="+dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			word, number, _ := strings.Cut(lines.Text(), " ")
			switch word {
			case "accepted":
				accepted[number] = true
			case "done":
				finished[number] = true
			default:
				require.Fail(t, lines.Text())
			}
			switch n {
			case 100:
				_, err := sqlite.Open(t.Context(), dir)
				require.ErrorContains(t, err, fmt.Sprintf("the folder %s is in use by another program (process %d)", dir, cmd.Process.Pid))
			case 400 + 57*round:
				require.NoError(t, cmd.Process.Kill())
			}
		}
		require.Error(t, cmd.Wait())
		s, err := sqlite.Open(t.Context(), dir)
		require.NoError(t, err)
		for worker := range 8 {
			open := map[string]bool{}
			for _, n := range numbers(events(t, s, fmt.Sprint("lane ", worker))) {
				open[fmt.Sprint(n)] = true
			}
			for n := range accepted {
				if n[len(n)-6] == byte('0'+worker) && !finished[n] {
					// The word that it is done may have been lost with the program.
					if !open[n] {
						finished[n] = true
					}
				}
			}
			for n := range finished {
				require.False(t, open[n], "event %s was done", n)
			}
		}
		for n := range accepted {
			var number int
			_, err := fmt.Sscan(n, &number)
			require.NoError(t, err)
			fresh, err := s.Accept(t.Context(), delivery("again", number))
			require.NoError(t, err)
			require.Empty(t, fresh, "event %s was accepted", n)
		}
		require.NoError(t, s.Close())
	}
	require.Greater(t, len(accepted), 500)
}

// copyFolder copies a folder as a killed program leaves it.
func copyFolder(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	for _, name := range []string{"accept.db", "accept.db-wal", "work.db", "work.db-wal"} {
		copyFile(t, dir, to, name)
	}
	return to
}

func copyFile(t *testing.T, from, to, name string) {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(from, name))
	if os.IsNotExist(err) {
		_ = os.Remove(filepath.Join(to, name))
		return
	}
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(to, name), body, 0o600))
}
