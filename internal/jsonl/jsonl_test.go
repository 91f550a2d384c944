package jsonl_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/internal/jsonl"
)

var errBroken = errors.New("broken")

// numbers returns a decoder of lines with a number.
func numbers() func([]byte, *int) error {
	return func(line []byte, n *int) (err error) {
		if *n != 0 {
			panic("the value is not zero")
		}
		*n, err = strconv.Atoi(string(line))
		return err
	}
}

// texts returns a decoder that keeps the line.
func texts() func([]byte, *string) error {
	return func(line []byte, text *string) error {
		if *text = string(line); strings.HasPrefix(*text, "!") {
			return errBroken
		}
		return nil
	}
}

func collect[T any](r io.Reader, newDecoder func() func([]byte, *T) error) (values []T, faults []error) {
	for v, err := range jsonl.Decode(r, newDecoder) {
		if err != nil {
			faults = append(faults, err)
		} else {
			values = append(values, v)
		}
	}
	return values, faults
}

// longFile returns several chunks with one number on each line. Every
// seven-thousandth line is bad.
func longFile(lines int) []byte {
	var file bytes.Buffer
	for i := range lines {
		if i%7000 == 6999 {
			file.WriteString("bad\n")
		} else {
			fmt.Fprintf(&file, "%0100d\n", i+1)
		}
	}
	return file.Bytes()
}

func TestDecodeReadsShortInput(t *testing.T) {
	for name, test := range map[string]struct {
		input string
		want  []string
	}{
		"nothing":            {"", nil},
		"empty lines":        {"\n \r\n\t\n", nil},
		"one line":           {"1", []string{"1"}},
		"no last line break": {"1\n2", []string{"1", "2"}},
		"CRLF and spaces":    {" 1 \r\n\r\n\t2\t\r\n", []string{"1", "2"}},
		"byte order mark":    {"\ufeff1\n\ufeff2", []string{"1", "\ufeff2"}},
	} {
		got, faults := collect(strings.NewReader(test.input), texts)
		assert.Equal(t, test.want, got, name)
		assert.Empty(t, faults, name)
	}
}

func TestDecodeNamesTheLineOfAnError(t *testing.T) {
	got, faults := collect(strings.NewReader("!\n\n1\n!\n!\n2\n!"), texts)
	assert.Equal(t, []string{"1", "2"}, got)
	require.Len(t, faults, 4)
	for i, line := range []int{1, 4, 5, 7} {
		assert.Equal(t, &jsonl.LineError{Line: line, Err: errBroken}, faults[i])
		assert.EqualError(t, faults[i], fmt.Sprintf("line %d: broken", line))
		assert.ErrorIs(t, faults[i], errBroken)
	}
}

func TestDecodeKeepsTheOrderOfALongInput(t *testing.T) {
	const lines = 30_000
	file := longFile(lines)
	for name, r := range map[string]io.Reader{
		"whole":          bytes.NewReader(file),
		"halves":         iotest.HalfReader(bytes.NewReader(file)),
		"end with data":  iotest.DataErrReader(bytes.NewReader(file)),
		"error with end": io.MultiReader(bytes.NewReader(file), iotest.ErrReader(errBroken)),
	} {
		line, faults := 0, 0
		var last error
		for n, err := range jsonl.Decode(r, numbers) {
			line++
			if last = err; err == nil {
				if n != line {
					t.Fatalf("%s: line %d yields %d", name, line, n)
				}
				continue
			}
			faults++
			if fault, ok := errors.AsType[*jsonl.LineError](err); ok {
				require.Equal(t, line, fault.Line, name)
			}
		}
		if name == "error with end" {
			assert.Equal(t, errBroken, last)
			line, faults = line-1, faults-1
		}
		assert.Equal(t, lines, line, name)
		assert.Equal(t, lines/7000, faults, name)
	}
}

// A reader that was cut off has not ended. net/http and compress/gzip report it
// by io.ErrUnexpectedEOF.
func TestDecodeReportsEveryErrorOfTheReader(t *testing.T) {
	wrapped := fmt.Errorf("connection: %w", io.EOF)
	for _, size := range []int{0, 1, 20_000} {
		for _, cause := range []error{errBroken, io.ErrUnexpectedEOF, wrapped} {
			file := bytes.Repeat([]byte("12345678901234567890\n"), size)
			for _, r := range []io.Reader{
				io.MultiReader(bytes.NewReader(file), iotest.ErrReader(cause)),
				iotest.DataErrReader(io.MultiReader(bytes.NewReader(file), iotest.ErrReader(cause))),
			} {
				got, faults := collect(r, texts)
				assert.Len(t, got, size, cause)
				assert.Equal(t, []error{cause}, faults, "after %d lines", size)
			}
		}
	}
}

func TestDecodeEndsAtATooLongLine(t *testing.T) {
	for _, before := range []int{0, 1, 100_000} {
		input := strings.Repeat("12345\n", before) + strings.Repeat("x", 3<<20) + "\n1\n"
		got, faults := collect(strings.NewReader(input), texts)
		assert.Len(t, got, before)
		require.Len(t, faults, 1)
		assert.EqualError(t, faults[0], fmt.Sprintf("line %d: is longer than 1048576 bytes", before+1))
	}
	line := strings.Repeat("x", 1<<20)
	got, faults := collect(strings.NewReader(line+"\n"+line), texts)
	assert.Empty(t, faults)
	assert.Equal(t, []string{line, line}, got)
}

// A loop that ends early leaves no goroutine and no Read behind, and ends the
// work. A goroutine that waits would fail the bubble.
func TestDecodeStopsWithTheLoop(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2)) // two workers cannot read this file ahead as a whole
	file := longFile(30_000)
	check := func(loop func(iter.Seq2[int, error])) {
		synctest.Test(t, func(t *testing.T) {
			var calls, reads atomic.Int64
			r := readFunc(func() func([]byte) (int, error) {
				in := bytes.NewReader(file)
				return func(p []byte) (int, error) { reads.Add(1); return in.Read(p) }
			}())
			loop(jsonl.Decode(r, func() func([]byte, *int) error {
				decode := numbers()
				return func(line []byte, n *int) error { calls.Add(1); return decode(line, n) }
			}))
			done, read := calls.Load(), reads.Load()
			assert.Less(t, done, int64(30_000), "later lines are not decoded")
			synctest.Wait()
			assert.Equal(t, done, calls.Load())
			assert.Equal(t, read, reads.Load())
		})
	}
	for _, after := range []int{0, 1, 6999, 10_000} { // line 6999 is an error
		check(func(seq iter.Seq2[int, error]) {
			i := 0
			for range seq {
				if i++; i > after {
					break
				}
			}
		})
	}
	check(func(seq iter.Seq2[int, error]) {
		assert.PanicsWithValue(t, "stop", func() {
			for range seq {
				panic("stop")
			}
		})
	})
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// Decode yields the same values as a split at the line breaks, for all sizes of
// reads and chunks.
func FuzzDecode(f *testing.F) {
	f.Add("1\n2\n", uint16(1))
	f.Add("\ufeff 1 \r\n\r\n!\n\t\n2", uint16(1))
	f.Add("!1\n!2\n0123456789\n", uint16(30_000))
	f.Fuzz(func(t *testing.T, text string, repeat uint16) {
		if len(text)*int(repeat) > 1<<20 {
			return // and every line is short enough
		}
		text = strings.Repeat(text, int(repeat))
		type row struct {
			line int
			text string
		}
		var want []row
		for i, line := range strings.Split(text, "\n") {
			line = strings.Trim(line, " \t\r")
			if i == 0 {
				line = strings.TrimPrefix(line, "\ufeff")
			}
			if line == "" {
				continue
			}
			if strings.HasPrefix(line, "!") {
				want = append(want, row{line: i + 1})
			} else {
				want = append(want, row{text: line})
			}
		}
		for _, r := range []io.Reader{strings.NewReader(text), iotest.HalfReader(strings.NewReader(text)), iotest.DataErrReader(strings.NewReader(text))} {
			var got []row
			for value, err := range jsonl.Decode(r, texts) {
				if err == nil {
					got = append(got, row{text: value})
					continue
				}
				fault, ok := errors.AsType[*jsonl.LineError](err)
				require.True(t, ok, "%v", err)
				got = append(got, row{line: fault.Line})
			}
			require.Equal(t, want, got)
		}
	})
}
