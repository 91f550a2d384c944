package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/desktest"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

// mount mounts a small file system, if the tests may.
func mount(t *testing.T, options string) (dir string, ok bool) {
	t.Helper()
	dir = t.TempDir()
	if exec.Command("mount", "-t", "tmpfs", "-o", options, "tmpfs", dir).Run() != nil {
		return dir, false
	}
	t.Cleanup(func() {
		assert.NoError(t, exec.Command("umount", dir).Run())
	})
	return dir, true
}

// full makes the disk of a store full until release is called: a real one where the tests
// may mount one, else by a bound on the pages of the files.
func full(t *testing.T, s *sqlite.Store, dir string, real bool) (release func()) {
	t.Helper()
	if !real {
		for _, name := range []string{"accept.db", "work.db"} {
			pages, err := s.Setting(name, "page_count")
			require.NoError(t, err)
			require.NoError(t, s.Pragma(name, "max_page_count = "+pages))
		}
		return func() {
			for _, name := range []string{"accept.db", "work.db"} {
				require.NoError(t, s.Pragma(name, "max_page_count = 1000000"))
			}
		}
	}
	filler, err := os.Create(filepath.Join(dir, "filler"))
	require.NoError(t, err)
	for size := 64 << 10; size >= 512; size /= 2 {
		for err = nil; err == nil; _, err = filler.Write(bytes.Repeat([]byte("x"), size)) {
		}
	}
	require.NoError(t, filler.Close())
	return func() { require.NoError(t, os.Remove(filler.Name())) }
}

// A disk that is full costs nothing but time: the service is asked to deliver again,
// handlers and sends wait, and all of it goes on when there is room.
func TestDeskOnAFullDisk(t *testing.T) {
	ctx := t.Context()
	dir, real := mount(t, "size=12m")
	s := open(t, filepath.Join(dir, "data"))
	api, channels := desktest.Service(t, 4)
	goOn := make(chan struct{})
	b := desktest.Open(t, s, channels, func(ctx context.Context, e chatapi.Event, w *durable.Work) error {
		<-goOn
		m := e.(*chatapi.MessageEvent)
		if _, err := w.Send(m.AnswerTo(), chatapi.Text{Body: "text of " + m.ID}); err != nil {
			return err
		}
		return desktest.Effect(ctx, e, w)
	}, durable.Retries(durable.RetryPolicy{Delay: func(int) time.Duration { return 100 * time.Millisecond }, Attempts: 1000}))
	const before = 12
	for n := range before {
		b.Accept(desktest.Message(fmt.Sprintf("early %02d", n), n%4, "x"))
	}
	release := full(t, s, dir, real)
	close(goOn)
	var refused []*chatapi.Delivery
	for n := range 40 {
		d := desktest.Delivery(desktest.Message(fmt.Sprintf("%02d", n), n%4, string(bytes.Repeat([]byte("x"), 20000))))
		if err := b.Inbox.Accept(ctx, d); err != nil {
			later, waits := errors.AsType[interface {
				error
				RetryAfter() time.Duration
			}](err)
			require.True(t, waits, err)
			assert.Equal(t, 15*time.Second, later.RetryAfter())
			if len(refused) == 0 {
				t.Log(err)
				assert.ErrorContains(t, err, "the disk of ")
				assert.ErrorContains(t, err, "is full; nothing was stored; make room, the program goes on by itself")
			}
			refused = append(refused, desktest.Delivery(desktest.Message(fmt.Sprintf("%02d", n), n%4, "x")))
		}
	}
	require.NotEmpty(t, refused)
	require.Eventually(t, func() bool { return strings.Contains(b.Log(), "could not be committed") }, time.Minute, time.Millisecond)
	release()
	for _, d := range refused {
		require.NoError(t, b.Inbox.Accept(ctx, d))
	}
	b.Empty()
	for n := range 4 {
		assert.Len(t, desktest.Effects(t, s, desktest.Phone(n)), 10+before/4)
	}
	require.Eventually(t, func() bool { return len(desktest.Texts(api)) >= 40+before }, time.Minute, 10*time.Millisecond)
	assert.Len(t, desktest.Texts(api), 40+before)
	t.Log(b.Log())
}

func TestFolderThatOnlyReads(t *testing.T) {
	dir, real := mount(t, "size=12m")
	data := filepath.Join(dir, "data")
	s, err := sqlite.Open(t.Context(), data)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	if real {
		require.NoError(t, exec.Command("mount", "-o", "remount,ro", dir).Run())
	} else {
		require.NoError(t, os.Chmod(data, 0o500))
		t.Cleanup(func() { _ = os.Chmod(data, 0o700) })
	}
	for _, folder := range []string{data, filepath.Join(data, "new")} {
		_, err = sqlite.Open(t.Context(), folder)
		require.ErrorContains(t, err, "the folder "+folder+" cannot be written; give the program's user the right to write it, or another folder")
		t.Log(err)
	}
}

func TestPoisonKillsPrograms(t *testing.T) {
	dir := t.TempDir()
	desktest.PoisonKillsPrograms(t, dir, func() (store.Store, func() error) {
		s, err := sqlite.Open(t.Context(), dir)
		require.NoError(t, err)
		return s, s.Close
	})
}

// Close leaves no file open, so that a disk can be taken away.
func TestCloseClosesTheFiles(t *testing.T) {
	dir := t.TempDir()
	s, err := sqlite.Open(t.Context(), dir)
	require.NoError(t, err)
	accept(t, s, "a", 1, 2)
	require.NoError(t, done(t.Context(), s, events(t, s, "a")[0]))
	require.NoError(t, s.Close())
	files, err := filepath.Glob("/proc/self/fd/*") // none where there is no such folder
	require.NoError(t, err)
	for _, file := range files {
		if name, err := os.Readlink(file); err == nil {
			assert.False(t, strings.HasPrefix(name, dir), name)
		}
	}
}
