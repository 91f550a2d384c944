package tape_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chatapi-go/chatapi/chatapitest/tape"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	head  = `{"tape":1,"recorded":"2026-11-28","texts":"keep"}` + "\n"
	call  = `{"at":"1s","call":{"method":"GET","path":"status","answer":{"status":200,"body":{"status":"connected"}}}}` + "\n"
	hook  = `{"at":"2s","webhook":{"body":{"instanceId":"TAPE1","messages":[]},"answered":200}}` + "\n"
	end   = `{"end":2}` + "\n"
	whole = head + call + hook + end
)

func TestReadRefuses(t *testing.T) {
	for name, test := range map[string]struct{ data, want string }{
		"nothing":            {"", "is not the beginning of a tape"},
		"another file":       {"package main\n", "is not the beginning of a tape"},
		"a newer version":    {strings.Replace(whole, `"tape":1`, `"tape":2,"more":true`, 1), "has version 2, and this version of the SDK reads versions up to 1; update the SDK"},
		"an unknown head":    {strings.Replace(whole, `"texts"`, `"text"`, 1), `line 1 cannot be read: unknown field "text"`},
		"unknown texts":      {strings.Replace(whole, `"keep"`, `"all"`, 1), `"all" in "texts"`},
		"no day":             {strings.Replace(whole, "2026-11-28", "yesterday", 1), "write one as 2026-11-28"},
		"cut after a line":   {head + call, `cut off after line 2`},
		"cut in a line":      {whole[:len(head)+40], "line 2 cannot be read: its JSON is cut off"},
		"an entry taken out": {head + hook + end, `ends the tape after 2 entries, and there are 1: the tape was cut, or edited; if you did so, write {"end":1}`},
		"an unknown entry":   {strings.Replace(whole, `"webhook"`, `"hook"`, 1), `line 3 cannot be read: unknown field "hook"; an entry has "at", and "call" or "webhook"`},
		"an empty entry":     {head + `{"at":"1s"}` + "\n" + end, `line 2 must have either a "call" or a "webhook"`},
		"both":               {head + strings.Replace(call, `{"at":"1s",`, `{"at":"1s","webhook":{"body":{},"answered":200},`, 1) + end, `line 2 must have either`},
		"no time":            {strings.Replace(whole, `"2s"`, `"soon"`, 1), `line 3 has no time in "at"; write one as "1.5s"`},
		"back in time":       {strings.Replace(whole, `"2s"`, `"500ms"`, 1), "line 3 goes back in time: it is at 500ms, and the entry before it at 1s"},
		"before the start":   {strings.Replace(whole, `"1s"`, `"-1s"`, 1), "before the beginning"},
		"no answer":          {strings.Replace(whole, `"status":200,`, ``, 1), "has no answer"},
		"a wrong failure":    {strings.Replace(whole, `"status":200,`, `"failure":"bad",`, 1), `"dial" or "lost"`},
		"a wrong status":     {strings.Replace(whole, `"answered":200`, `"answered":7`, 1), "has the status 7 in its webhook"},
		"a text as status":   {strings.Replace(whole, `"answered":200`, `"answered":"200"`, 1), "line 3 cannot be read"},
		"no body":            {strings.Replace(whole, `"body":{"instanceId":"TAPE1","messages":[]},`, ``, 1), `a webhook without a "body"`},
		"no path":            {strings.Replace(whole, `"path":"status",`, ``, 1), `a "path" such as "sendMessage"`},
		"a broken line":      {strings.Replace(whole, `"answered":200}}`, `"answered":200}`, 1), "line 3 cannot be read"},
		"two in a line":      {head + strings.TrimSpace(call) + hook + end, "an entry stands in one line"},
		"lines at the end":   {whole + call, "line 5 follows the end of the tape"},
		"a pretty body":      {head + strings.Replace(call, `"call":`, "\n\"call\":", 1), "an entry stands in one line"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tape.Read(strings.NewReader(test.data))
			require.ErrorContains(t, err, test.want)
		})
	}
}

// A tape edited by hand is read with empty lines, other line ends, and without the last line end.
func TestReadTakesEditedTapes(t *testing.T) {
	for _, data := range []string{whole, strings.TrimSpace(whole), strings.ReplaceAll(whole, "\n", "\r\n\r\n")} {
		got, err := tape.Read(strings.NewReader(data))
		require.NoError(t, err)
		require.Len(t, got.Entries, 2)
		assert.Equal(t, "status", got.Entries[0].Call.Path)
		assert.Equal(t, 2*time.Second, got.Entries[1].At)
		assert.True(t, got.KeepsTexts)
		assert.Equal(t, 2026, got.Recorded.Year())
	}
}

// endless is a tape without end.
type endless struct{ line string }

func (e endless) Read(p []byte) (int, error) {
	n := 0
	for n+len(e.line) <= len(p) {
		n += copy(p[n:], e.line)
	}
	if n == 0 {
		n = copy(p, e.line)
	}
	return n, nil
}

func TestReadIsBounded(t *testing.T) {
	for name, test := range map[string]struct {
		rest io.Reader
		want string
	}{
		"lines":    {endless{call}, "is beyond 100000 entries"},
		"one line": {endless{strings.Repeat("x", 512)}, "line 2 is longer than 8 MiB"},
		"empty":    {endless{strings.Repeat(" ", 1<<10) + "\n"}, "larger than 64 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tape.Read(io.MultiReader(strings.NewReader(head), test.rest))
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestLoad(t *testing.T) {
	_, err := tape.Load(filepath.Join(t.TempDir(), "none.tape"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "record the tape first")
	path := filepath.Join(t.TempDir(), "bad.tape")
	require.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
	_, err = tape.Load(path)
	require.ErrorContains(t, err, "bad.tape")
	text := failures(t, func(_ *testing.T, tb testing.TB) { tape.Play(tb, path) })
	assert.Contains(t, text, "is not the beginning of a tape")
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte(head + `{"end":0}`))
	f.Add([]byte(whole[:100]))
	f.Add([]byte(strings.Replace(whole, "{}", `{"a":[1,2.50,"\u00e9",null]}`, 1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		read, err := tape.Read(bytes.NewReader(data))
		if err != nil {
			require.True(t, strings.HasPrefix(err.Error(), "tape: "), err)
			return
		}
		var first, second bytes.Buffer
		if _, err = read.WriteTo(&first); err != nil {
			require.Empty(t, first.String(), "nothing is written that the guard refuses")
			return
		}
		again, err := tape.Read(bytes.NewReader(first.Bytes()))
		require.NoError(t, err, "%s", first.String())
		_, err = again.WriteTo(&second)
		require.NoError(t, err)
		require.Equal(t, first.String(), second.String())
		_ = fmt.Sprint(read.Entries)
		_, _ = read.Script()
	})
}
