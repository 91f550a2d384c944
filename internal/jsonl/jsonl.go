// Package jsonl decodes JSON lines on all processors and yields the values in
// their order.
package jsonl

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"runtime"
	"sync"
)

const (
	chunkSize = 64 << 10 // the approximate size of a worker's text
	maxLine   = 1 << 20
)

// LineError is the error of one line. Line counts from 1.
type LineError struct {
	Line int
	Err  error
}

// Error names the line and says what is wrong with it.
func (e *LineError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Err) }

// Unwrap returns the error of the decoder.
func (e *LineError) Unwrap() error { return e.Err }

// Decode yields the value of each line of r, in order. It skips empty lines and
// a byte order mark. If a line cannot be decoded, Decode yields a [*LineError]
// and continues with the next line. A line over 1 MiB ends the sequence with a
// LineError, and an error of r ends it with that error.
//
// Each worker calls newDecoder once, so a decoder may keep state without locks.
// A decoder gets a line without white space around it and a zero value to fill.
// The line is valid only during the call.
//
// Memory is bounded by a few chunks of 256 KiB, or one long line, for each
// processor. When the loop ends, also early, no goroutine is left.
func Decode[T any](r io.Reader, newDecoder func() func(line []byte, value *T) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		in := &reader{r: r}
		first := in.next()
		if !in.done {
			decodeParallel(in, first, newDecoder, yield)
			return
		}
		c := chunk[T]{lines: first} // the whole input is too short for goroutines
		c.decode(newDecoder())
		if c.yield(yield) && in.err != nil {
			var zero T
			yield(zero, in.err)
		}
	}
}

// chunk is some lines and their values.
type chunk[T any] struct {
	lines
	values  []T
	faults  []fault
	decoded chan struct{}
}

// fault is the error of the line before values[at].
type fault struct {
	at  int
	err *LineError
}

func (c *chunk[T]) decode(decode func(line []byte, value *T) error) {
	c.values, c.faults = c.values[:0], c.faults[:0]
	var zero T
	number := c.first - 1
	for rest := c.text; len(rest) > 0; {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte{'\n'})
		number++
		line = bytes.Trim(line, " \t\r")
		if number == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		if len(line) == 0 {
			continue
		}
		last := len(c.values)
		c.values = append(c.values, zero)
		if err := decode(line, &c.values[last]); err != nil {
			c.values = c.values[:last]
			c.faults = append(c.faults, fault{last, &LineError{number, err}})
		}
	}
}

// yield reports whether the loop goes on.
func (c *chunk[T]) yield(yield func(T, error) bool) bool {
	var zero T
	faults := c.faults
	for i := 0; i <= len(c.values); i++ {
		for len(faults) > 0 && faults[0].at == i {
			if !yield(zero, faults[0].err) {
				return false
			}
			faults = faults[1:]
		}
		if i < len(c.values) && !yield(c.values[i], nil) {
			return false
		}
	}
	return true
}

// decodeParallel reads in the caller's goroutine, so that an early end of the
// loop leaves no goroutine in a Read.
func decodeParallel[T any](in *reader, first lines, newDecoder func() func([]byte, *T) error, yield func(T, error) bool) {
	processors := runtime.GOMAXPROCS(0)
	work := make(chan *chunk[T], processors+1)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer close(work)
	for range processors {
		workers.Go(func() {
			decode := newDecoder()
			for c := range work {
				c.decode(decode)
				c.decoded <- struct{}{}
			}
		})
	}
	var queue, spare []*chunk[T]
	send := func(next lines) {
		c := &chunk[T]{decoded: make(chan struct{}, 1)}
		if n := len(spare); n > 0 {
			c, spare = spare[n-1], spare[:n-1]
		}
		c.lines = next
		queue = append(queue, c)
		work <- c
	}
	send(first)
	for len(queue) > 0 {
		for !in.done && len(queue) <= processors {
			send(in.next())
		}
		c := queue[0]
		queue = queue[1:]
		<-c.decoded
		if !c.yield(yield) {
			return
		}
		in.spare = append(in.spare, c.text)
		spare = append(spare, c)
	}
	if in.err != nil {
		var zero T
		yield(zero, in.err)
	}
}

// lines is a text of whole lines. first is the number of its first line.
type lines struct {
	text  []byte
	first int
}

// reader cuts an input into chunks of whole lines.
type reader struct {
	r     io.Reader
	done  bool     // set after the last lines
	err   error    // the error that ended the input early
	line  int      // the number of lines so far
	carry []byte   // the beginning of the next line
	spare [][]byte // free texts to use again
}

// next returns the next lines. After a line that is too long it returns no lines.
func (in *reader) next() lines {
	var text []byte
	if n := len(in.spare); n > 0 {
		text, in.spare = in.spare[n-1][:0], in.spare[:n-1]
	}
	text = append(text, in.carry...)
	in.carry = in.carry[:0]
	first := in.line + 1
	for {
		if cap(text)-len(text) < chunkSize/2 {
			text = append(make([]byte, 0, len(text)+chunkSize), text...)
		}
		if text = in.fill(text); in.done {
			return lines{text, first}
		}
		if end := bytes.LastIndexByte(text, '\n') + 1; end > 0 {
			in.carry = append(in.carry, text[end:]...)
			text = text[:end]
			in.line += bytes.Count(text, []byte{'\n'})
			return lines{text, first}
		}
		if len(text) > maxLine {
			in.done, in.err = true, &LineError{first, fmt.Errorf("is longer than %d bytes", maxLine)}
			return lines{nil, first}
		}
	}
}

// fill reads at least a quarter of a chunk, or to the end. io.ReadAtLeast reports
// the end by io.ErrUnexpectedEOF, which is also the error of a reader that was
// cut off.
func (in *reader) fill(text []byte) []byte {
	for start := len(text); len(text)-start < chunkSize/4; {
		n, err := in.r.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		if err != nil {
			in.done = true
			if err != io.EOF {
				in.err = err
			}
			return text
		}
	}
	return text
}
