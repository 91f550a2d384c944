package tape

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Load reads a tape from a file, as [Read] does.
func Load(path string) (*Tape, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("tape: %w; record the tape first, with a Recorder", err)
	}
	if err != nil {
		return nil, fmt.Errorf("tape: %w", err)
	}
	defer file.Close()
	t, err := Read(file)
	if err != nil {
		return nil, fmt.Errorf("%w (%s)", err, path)
	}
	return t, nil
}

// Read reads a tape. It refuses a tape that is damaged, cut off, of a newer version, or larger
// than 64 MiB or 100,000 entries, and a line that it does not know. The error names the line
// and says what to do. A tape may be edited by hand; its last line counts the entries.
func Read(r io.Reader) (*Tape, error) {
	in := &lines{Reader: bufio.NewReaderSize(io.LimitReader(r, mostBytes+1), 64<<10)}
	t, err := in.header()
	if err != nil {
		return nil, err
	}
	for {
		data, err := in.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf(`tape: the tape is cut off after line %d: its last line {"end":…} is missing; take the whole file, or record it anew`, in.number)
		case err != nil:
			return nil, err
		}
		end, err := in.entry(t, data)
		if err != nil {
			return nil, err
		}
		if end {
			return t, in.rest()
		}
	}
}

// lines reads the lines of a tape and knows the number of the current one.
type lines struct {
	*bufio.Reader
	number int
	bytes  int
}

// next returns the next line that is not empty, or io.EOF.
func (l *lines) next() ([]byte, error) {
	for {
		var data []byte
		for {
			part, err := l.ReadSlice('\n')
			data = append(data, part...)
			l.bytes += len(part)
			switch {
			case l.bytes > mostBytes:
				return nil, fmt.Errorf("tape: the file is larger than %d MiB; record a shorter time", mostBytes>>20)
			case len(data) > mostLine:
				l.number++
				return nil, l.bad("is longer than %d MiB; take the entry out", mostLine>>20)
			case errors.Is(err, bufio.ErrBufferFull):
				continue
			case errors.Is(err, io.EOF) && len(data) == 0:
				return nil, io.EOF
			case err != nil && !errors.Is(err, io.EOF):
				return nil, fmt.Errorf("tape: %w", err)
			}
			break
		}
		l.number++
		if data = bytes.TrimSpace(data); len(data) > 0 {
			return data, nil
		}
	}
}

// bad returns an error about the current line.
func (l *lines) bad(format string, args ...any) error {
	return fmt.Errorf("tape: line %d "+format, append([]any{max(l.number, 1)}, args...)...)
}

// header reads the first line.
func (l *lines) header() (*Tape, error) {
	data, err := l.next()
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var loose struct {
		Tape int `json:"tape"`
	}
	if err != nil || json.Unmarshal(data, &loose) != nil || loose.Tape < 1 {
		return nil, l.bad(`is not the beginning of a tape, which is {"tape":%d,…}; give the file that Recorder.Save wrote`, version)
	}
	if loose.Tape > version {
		return nil, l.bad("says that the tape has version %d, and this version of the SDK reads versions up to %d; update the SDK", loose.Tape, version)
	}
	var h header
	if problem := strictly(data, &h); problem != "" {
		return nil, l.bad("cannot be read: %s", problem)
	}
	t := &Tape{KeepsTexts: h.Texts == "keep"}
	if t.Recorded, err = time.Parse(time.DateOnly, h.Recorded); err != nil {
		return nil, l.bad(`has no day in "recorded"; write one as 2026-11-28`)
	}
	if h.Texts != "keep" && h.Texts != "shape" {
		return nil, l.bad(`has %q in "texts"; it is "shape" or "keep"`, clip(h.Texts, 20))
	}
	return t, nil
}

// entry adds the entry of a line to the tape, or reports its end.
func (l *lines) entry(t *Tape, data []byte) (end bool, err error) {
	var got line
	if problem := strictly(data, &got); problem != "" {
		return false, l.bad("cannot be read: %s", problem)
	}
	if got.End != nil {
		if *got.End != len(t.Entries) || got.Call != nil || got.Webhook != nil {
			return false, l.bad(`ends the tape after %d entries, and there are %d: the tape was cut, or edited; if you did so, write {"end":%d}`,
				*got.End, len(t.Entries), len(t.Entries))
		}
		return true, nil
	}
	e := Entry{Call: got.Call, Webhook: got.Webhook, line: l.number}
	if e.At, err = time.ParseDuration(got.At); err != nil {
		return false, l.bad(`has no time in "at"; write one as "1.5s"`)
	}
	if problem := e.problem(); problem != "" {
		return false, l.bad("%s", problem)
	}
	if n := len(t.Entries); n > 0 && e.At < t.Entries[n-1].At {
		return false, l.bad("goes back in time: it is at %s, and the entry before it at %s", e.At, t.Entries[n-1].At)
	}
	if len(t.Entries) == mostEntries {
		return false, l.bad("is beyond %d entries; record a shorter time", mostEntries)
	}
	t.Entries = append(t.Entries, e)
	return false, nil
}

// rest refuses lines after the end.
func (l *lines) rest() error {
	if _, err := l.next(); !errors.Is(err, io.EOF) {
		return l.bad("follows the end of the tape; the line {\"end\":…} must be the last one")
	}
	return nil
}

// strictly decodes a line without unknown members and returns the problem in words.
func strictly(data []byte, into any) (problem string) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("it is not JSON from character %d on; an entry stands in one line", syntax.Offset)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "its JSON is cut off; an entry stands in one line"
	case err != nil:
		return strings.TrimPrefix(err.Error(), "json: ") + `; an entry has "at", and "call" or "webhook"`
	case len(bytes.TrimSpace(data[d.InputOffset():])) > 0:
		return "something follows its JSON; an entry stands in one line"
	}
	return ""
}
