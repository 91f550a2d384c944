package chatapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
)

// plainActivity has the members of an Activity without its methods.
type plainActivity Activity

type activityJSON struct {
	plainActivity
	Contact Recipient `json:"contact"` // in the place of the embedded one
}

// MarshalJSON writes what [Activity.UnmarshalJSON] reads.
func (a Activity) MarshalJSON() ([]byte, error) {
	return json.Marshal(activityJSON{plainActivity(a), a.Contact.Recipient()})
}

// UnmarshalJSON reads an activity. The contact is any text that [ParseRecipient]
// understands: "phone:12025550143", "+1 202 555 0143", a chat id, a BSUID. An
// unknown member is [ErrInvalid], since a misspelt one would make a wrong bill.
func (a *Activity) UnmarshalJSON(data []byte) error {
	in := json.NewDecoder(bytes.NewReader(data))
	in.DisallowUnknownFields()
	var read activityJSON
	if err := in.Decode(&read); err != nil {
		return err
	}
	*a = Activity(read.plainActivity)
	if !read.Contact.IsZero() {
		a.Contact = contactFor(read.Contact)
	}
	return nil
}

const (
	activityChunk   = 256 << 10 // what one worker reads at a time
	activityMaxLine = 1 << 20
)

// ReadActivities reads activities as JSON lines, for [Ledger.Load]: one
// [Activity] a line; empty lines are passed over. A line that cannot be read is
// yielded as an [ErrInvalid] error that names it, and reading goes on with the
// next one if the loop does. A line over 1 MiB, or an error of r, ends it.
// Lines are decoded on all processors, in order, with a few megabytes in
// memory however long the input is. The sequence reads r once.
func ReadActivities(r io.Reader) iter.Seq2[Activity, error] {
	return func(yield func(Activity, error) bool) {
		if r == nil {
			yield(Activity{}, invalid("activities", "are missing"))
			return
		}
		in := &activityReader{r: r}
		first, err := in.next()
		if err != nil { // all of it, or nothing: not worth a goroutine
			if new(activityDecoder).decode(&first).yield(yield) && !errors.Is(err, io.EOF) {
				yield(Activity{}, err)
			}
			return
		}
		readParallel(in, first, yield)
	}
}

// chunk is whole lines; line is the number of the first.
type chunk struct {
	text    []byte
	line    int
	read    []Activity
	faults  []lineFault
	decoded chan struct{}
}

// lineFault stands before read[at].
type lineFault struct {
	at  int
	err error
}

func (c *chunk) yield(yield func(Activity, error) bool) bool {
	faults := c.faults
	for i := 0; i <= len(c.read); i++ {
		for len(faults) > 0 && faults[0].at == i {
			if !yield(Activity{}, faults[0].err) {
				return false
			}
			faults = faults[1:]
		}
		if i < len(c.read) && !yield(c.read[i], nil) {
			return false
		}
	}
	return true
}

// readParallel reads in the caller's goroutine, so that none is left behind in
// a Read when the loop ends early.
func readParallel(in *activityReader, first chunk, yield func(Activity, error) bool) {
	workers := max(1, runtime.GOMAXPROCS(0))
	work := make(chan *chunk, workers+1)
	defer close(work)
	for range workers {
		go func() {
			decoder := new(activityDecoder)
			for c := range work {
				decoder.decode(c)
				c.decoded <- struct{}{}
			}
		}()
	}
	var queue, spare []*chunk
	send := func(next chunk) {
		c := &chunk{decoded: make(chan struct{}, 1)}
		if n := len(spare); n > 0 {
			c, spare = spare[n-1], spare[:n-1]
		}
		c.text, c.line = next.text, next.line
		queue = append(queue, c)
		work <- c
	}
	send(first)
	var end error
	for len(queue) > 0 {
		for end == nil && len(queue) <= workers {
			var next chunk
			next, end = in.next()
			send(next)
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
	if !errors.Is(end, io.EOF) {
		yield(Activity{}, end)
	}
}

// activityReader cuts the input into chunks of whole lines.
type activityReader struct {
	r     io.Reader
	carry []byte // the beginning of a line
	line  int    // lines handed out
	spare [][]byte
}

// next returns the next lines; with an error they are the last.
func (in *activityReader) next() (chunk, error) {
	var text []byte
	if n := len(in.spare); n > 0 {
		text, in.spare = in.spare[n-1][:0], in.spare[:n-1]
	}
	text = append(text, in.carry...)
	in.carry = in.carry[:0]
	c := chunk{line: in.line + 1}
	for {
		start := len(text)
		if cap(text)-start < activityChunk/2 {
			text = append(make([]byte, 0, start+activityChunk), text...)
		}
		n, err := io.ReadAtLeast(in.r, text[start:cap(text)], activityChunk/4)
		text = text[:start+n]
		if err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				err = io.EOF
			}
			c.text = text
			return c, err
		}
		if end := bytes.LastIndexByte(text, '\n') + 1; end > 0 {
			in.carry = append(in.carry, text[end:]...)
			c.text = text[:end]
			in.line += bytes.Count(c.text, []byte{'\n'})
			return c, nil
		}
		if len(text) > activityMaxLine {
			return c, lineError(c.line, fmt.Errorf("is longer than %d bytes", activityMaxLine))
		}
	}
}

func lineError(line int, cause error) *Error {
	e := invalid("activities", fmt.Sprintf("are unreadable: line %d: %s", line, cause))
	e.cause = cause
	return e
}

// activityDecoder decodes the lines of chunks. It keeps the texts that repeat.
type activityDecoder struct{ texts map[string]string }

// decodedTexts bounds what is kept.
const decodedTexts = 1 << 15

func (d *activityDecoder) decode(c *chunk) *chunk {
	c.read, c.faults = c.read[:0], c.faults[:0]
	line := c.line - 1
	for rest := c.text; len(rest) > 0; {
		var text []byte
		text, rest, _ = bytes.Cut(rest, []byte{'\n'})
		line++
		text = bytes.Trim(text, " \t\r")
		if line == 1 {
			text = bytes.TrimPrefix(text, []byte("\ufeff"))
		}
		if len(text) == 0 {
			continue
		}
		c.read = append(c.read, Activity{})
		a := &c.read[len(c.read)-1]
		if d.fast(text, a) {
			continue
		}
		*a = Activity{}
		if err := json.Unmarshal(text, a); err != nil {
			c.read = c.read[:len(c.read)-1]
			c.faults = append(c.faults, lineFault{len(c.read), lineError(line, err)})
		}
	}
	return c
}

// fast reads a flat object of plain strings without white space, which is what
// MarshalJSON writes. It gives up on everything else.
func (d *activityDecoder) fast(text []byte, a *Activity) bool {
	if len(text) < 2 || text[0] != '{' {
		return false
	}
	seen := 0
	for rest := text[1:]; ; rest = rest[1:] {
		name, after, ok := plainString(rest)
		if !ok || len(after) == 0 || after[0] != ':' {
			return false
		}
		value, after, ok := plainString(after[1:])
		if !ok || len(after) == 0 {
			return false
		}
		bit := 0
		switch string(name) {
		case "kind":
			bit, a.Kind = 1, ActivityKind(d.text(value))
		case "at":
			bit, ok = 2, a.At.UnmarshalText(value) == nil
		case "observed_at":
			bit, ok = 4, a.Observed.UnmarshalText(value) == nil
		case "channel":
			bit, a.Channel = 8, ChannelID(d.text(value))
		case "contact":
			bit = 16
			a.Contact, ok = readContact(value)
		case "message":
			bit, a.MessageID = 32, string(value)
		case "category":
			bit, a.Category = 64, d.text(value)
		case "entry_point":
			bit, a.EntryPoint = 128, EntryPoint(d.text(value))
		}
		if !ok || bit == 0 || seen&bit != 0 {
			return false
		}
		seen |= bit
		switch {
		case after[0] == '}':
			return len(after) == 1
		case after[0] != ',':
			return false
		}
		rest = after
	}
}

// plainString cuts a string of printable ASCII without escapes off.
func plainString(text []byte) (value, rest []byte, ok bool) {
	if len(text) == 0 || text[0] != '"' {
		return nil, nil, false
	}
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return text[1:i], text[i+1:], true
		case c == '\\' || c < ' ' || c > '~':
			return nil, nil, false
		}
	}
	return nil, nil, false
}

func (d *activityDecoder) text(value []byte) string {
	if kept, ok := d.texts[string(value)]; ok {
		return kept
	}
	if d.texts == nil || len(d.texts) >= decodedTexts {
		d.texts = map[string]string{}
	}
	kept := string(value)
	d.texts[kept] = kept
	return kept
}

// readContact reads what [Activity.UnmarshalJSON] reads as well.
func readContact(value []byte) (Contact, bool) {
	var to Recipient
	if to.UnmarshalText(value) != nil || to.IsZero() {
		return Contact{}, false
	}
	return contactFor(to), true
}
