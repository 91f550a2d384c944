package ledger

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"time"
)

const (
	snapshotMagic = "chatapi ledger\n"

	// SnapshotVersion is the version that an [Encoder] writes and a [Decoder]
	// reads.
	SnapshotVersion = 1

	// LongestSnapshotText is the longest text that a snapshot may hold, in bytes.
	// The encoder refuses a longer text, so each written snapshot can be read.
	LongestSnapshotText = 64 << 10
)

// TextTooLongError is the error of an [Encoder] for a text that is too long.
type TextTooLongError struct{ Text string }

// Error names the length and the limit.
func (e *TextTooLongError) Error() string {
	return fmt.Sprintf("ledger: a text of %d bytes; the limit is %d", len(e.Text), LongestSnapshotText)
}

// Encoder writes a snapshot. It keeps the first error, for [Encoder.Close], and
// writes nothing more after it.
type Encoder struct {
	out *bufio.Writer
	sum hash.Hash
	to  io.Writer // writes to the destination and the checksum
	buf []byte    // the bytes since the last Flush
	err error
}

// NewEncoder returns an encoder that has written the header.
func NewEncoder(w io.Writer) *Encoder {
	out, sum := bufio.NewWriter(w), sha256.New()
	enc := &Encoder{out: out, sum: sum, to: io.MultiWriter(out, sum)}
	enc.buf = append(enc.buf, snapshotMagic...)
	enc.Uint(SnapshotVersion)
	return enc
}

// Uint writes a count.
func (w *Encoder) Uint(n uint64) { w.buf = binary.AppendUvarint(w.buf, n) }

// Int writes a number or an instant.
func (w *Encoder) Int(n int64) { w.buf = binary.AppendVarint(w.buf, n) }

// Text writes a text. A text that is too long makes the error a
// [*TextTooLongError].
func (w *Encoder) Text(s string) {
	if len(s) > LongestSnapshotText && w.err == nil {
		w.err = &TextTooLongError{s}
	}
	w.Uint(uint64(len(s)))
	w.buf = append(w.buf, s...)
}

// Flush writes the buffer. Call it now and then, so that a large snapshot need
// not fit into memory.
func (w *Encoder) Flush() {
	if w.err == nil {
		_, w.err = w.to.Write(w.buf)
	}
	w.buf = w.buf[:0]
}

// Close writes the checksum and returns the first error.
func (w *Encoder) Close() error {
	w.Flush()
	if w.err != nil {
		return w.err
	}
	if _, err := w.out.Write(w.sum.Sum(nil)); err != nil {
		return err
	}
	return w.out.Flush()
}

func (w *Encoder) flags(all ...bool) {
	n := uint64(0)
	for i, set := range all {
		if set {
			n |= 1 << i
		}
	}
	w.Uint(n)
}

func (w *Encoder) stamp(s stamp) {
	w.Uint(uint64(s.rank))
	if s.rank != RankUnknown {
		w.Int(s.nanos)
	}
}

// Encode writes all threads, in order of number and contact.
func (e *Engine) Encode(w *Encoder) {
	pairs := make([]*Pair, 0, e.threads.n)
	for i := range e.threads.n {
		pairs = append(pairs, e.pair(uint32(i)))
	}
	slices.SortFunc(pairs, comparePairs)
	var t Thread
	for _, p := range pairs {
		e.gather(p.Thread, &t)
		w.Uint(1) // a thread follows
		w.Text(p.Number)
		w.Text(p.Contact)
		w.Int(*e.lastIn.at(p.Thread))
		w.thread(&t)
		w.carry(e.carries[p.Thread])
		w.Flush()
	}
	w.Uint(0)
}

func comparePairs(a, b *Pair) int {
	return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.Contact, b.Contact))
}

func (w *Encoder) thread(t *Thread) {
	w.Uint(uint64(len(t.inbounds)))
	for _, in := range t.inbounds {
		w.Text(string(in.id))
		w.stamp(in.at)
		w.Text(in.entry)
		w.Uint(uint64(in.marks))
	}
	w.Uint(uint64(len(t.messages)))
	for _, m := range t.messages {
		w.Text(string(m.id))
		w.stamp(m.sent)
		w.stamp(m.delivered)
		w.stamp(m.refused)
		w.Text(m.category)
		w.Text(m.reported)
		w.Uint(uint64(m.marks))
		w.report(m.report)
	}
}

func (w *Encoder) report(r *Report) {
	w.flags(r != nil)
	if r == nil {
		return
	}
	for _, text := range []string{r.Conversation, r.Origin, r.Model, r.Billable, r.Category, r.Type} {
		w.Text(text)
	}
	w.flags(!r.ExpiresAt.IsZero())
	if !r.ExpiresAt.IsZero() {
		w.Int(r.ExpiresAt.UnixNano())
	}
}

func (w *Encoder) carry(c *carry) {
	w.flags(c != nil)
	if c == nil {
		return
	}
	w.Int(c.covered)
	w.Uint(uint64(len(c.windows)))
	for _, a := range c.windows {
		w.Int(a.start)
		w.flags(a.answered, a.void, a.billed)
	}
	w.Uint(uint64(len(c.units)))
	for _, u := range c.units {
		w.Text(u.Category)
		w.Uint(uint64(u.Kind))
		w.Text(u.Free)
		w.Int(u.Opened)
		w.Int(u.Expires)
		w.Int(u.Closed)
	}
}

// Decoder reads a snapshot. It keeps the first error; from then on it reads
// nothing but zeros.
type Decoder struct {
	in  *bufio.Reader
	sum hash.Hash
	err error
}

// NewDecoder returns a decoder. Read its header first.
func NewDecoder(r io.Reader) *Decoder { return &Decoder{in: bufio.NewReader(r), sum: sha256.New()} }

// Header reads the header. It returns the version, and false if the input is not
// a snapshot.
func (r *Decoder) Header() (version uint64, ok bool) {
	magic := make([]byte, len(snapshotMagic))
	if r.full(magic); r.err == nil && string(magic) != snapshotMagic {
		return 0, false
	}
	return r.Uint(), true
}

// Err returns the first error.
func (r *Decoder) Err() error { return r.err }

// Fail sets an error with that problem, unless there is an error already.
func (r *Decoder) Fail(problem string) {
	if r.err == nil {
		r.err = errors.New(problem)
	}
}

// Close checks that the snapshot ends here with the right checksum.
func (r *Decoder) Close() error {
	want, got := r.sum.Sum(nil), make([]byte, sha256.Size)
	if r.full(got); r.err != nil || !bytes.Equal(want, got) {
		return errors.Join(errors.New("wrong checksum"), r.err)
	}
	if _, err := r.in.ReadByte(); !errors.Is(err, io.EOF) {
		return errors.Join(errors.New("more bytes after its end"), err)
	}
	return nil
}

// ReadByte makes a Decoder an io.ByteReader, for varints.
func (r *Decoder) ReadByte() (byte, error) {
	b, err := r.in.ReadByte()
	if err == nil {
		r.sum.Write([]byte{b})
	}
	return b, err
}

func (r *Decoder) full(b []byte) {
	if r.err != nil {
		return
	}
	if _, err := io.ReadFull(r.in, b); err != nil {
		r.err = err
		return
	}
	r.sum.Write(b)
}

// Uint reads a count.
func (r *Decoder) Uint() (n uint64) {
	if r.err == nil {
		n, r.err = binary.ReadUvarint(r)
	}
	return n
}

// Int reads a number.
func (r *Decoder) Int() (n int64) {
	if r.err == nil {
		n, r.err = binary.ReadVarint(r)
	}
	return n
}

// Text reads a text.
func (r *Decoder) Text() string {
	n := r.Uint()
	if n > LongestSnapshotText {
		r.Fail("a text is too long")
	}
	if r.err != nil {
		return ""
	}
	b := make([]byte, n)
	r.full(b)
	return string(b)
}

// Instant reads an instant, which has to be between [MinYear] and [MaxYear].
func (r *Decoder) Instant() int64 {
	nanos := r.Int()
	if year := time.Unix(0, nanos).UTC().Year(); year < MinYear || year > MaxYear {
		r.Fail("an instant is out of range")
	}
	return nanos
}

// Each reads a count and calls read that many times. A list should grow with the
// calls, so that a wrong count costs no memory.
func (r *Decoder) Each(read func()) {
	for n := r.Uint(); n > 0 && r.err == nil; n-- {
		read()
	}
}

func (r *Decoder) stamp() (s stamp) {
	rank := r.Uint()
	if rank > uint64(RankTold) {
		r.Fail("an instant is of an unknown kind")
	}
	if r.err == nil && rank != uint64(RankUnknown) {
		s.rank = Rank(rank)
		s.nanos = r.Instant()
	}
	return s
}

// flags reads n flags.
func (r *Decoder) flags(n int) (all [3]bool) {
	set := r.Uint()
	if set >= 1<<n {
		r.Fail("unknown flags")
	}
	for i := range all {
		all[i] = set&(1<<i) != 0
	}
	return all
}

func (r *Decoder) marks() marks {
	set := r.Uint()
	if set > uint64(markSettled|markSpent) {
		r.Fail("unknown marks")
	}
	return marks(set)
}

// Decode reads all threads into an empty engine. The owner function returns the
// account of a number, or refuses the number or the contact's key; Decode returns
// its error unchanged. Any other error says what is damaged.
func (e *Engine) Decode(r *Decoder, owner func(number, contact string) (account int32, err error)) error {
	last := &Pair{}
	for {
		more := r.Uint()
		if r.err != nil || more == 0 {
			return r.err
		}
		p := &Pair{Number: r.Text(), Contact: r.Text()}
		if r.err != nil {
			return r.err
		}
		var err error
		if p.Account, err = owner(p.Number, p.Contact); err != nil {
			return err
		}
		e.decodeThread(r, p)
		if more != 1 || comparePairs(last, p) >= 0 {
			r.Fail("contacts out of order")
		}
		if r.err != nil {
			return r.err
		}
		last = p
	}
}

// decodeThread reads the facts and the carry of one thread.
func (e *Engine) decodeThread(r *Decoder, p *Pair) {
	contact, text := ContactOf(p.Contact)
	thread := e.intern(p.Number, p.Account, contact, text)
	*e.lastIn.at(thread) = r.Int()
	last := &inbound{at: stamp{nanos: Never}}
	r.Each(func() {
		in := &inbound{id: []byte(r.Text()), at: r.stamp(), entry: r.Text(), marks: r.marks()}
		if in.at.rank == RankUnknown || compareInbound(last, in) >= 0 {
			r.Fail("messages out of order")
		}
		e.noteInbound(thread, in)
		last = in
	})
	lastID := ""
	r.Each(func() {
		id := r.Text()
		m := &message{id: []byte(id), sent: r.stamp(), delivered: r.stamp(), refused: r.stamp(), category: r.Text(), reported: r.Text(),
			marks: r.marks(), report: r.report()}
		if id <= lastID {
			r.Fail("messages out of order")
		}
		e.noteMessage(thread, m)
		lastID = id
	})
	if c := r.carry(e.terms[p.Account]); c != nil {
		e.carries[thread] = c
	}
}

func (r *Decoder) report() *Report {
	if !r.flags(1)[0] {
		return nil
	}
	report := &Report{Conversation: r.Text(), Origin: r.Text(), Model: r.Text(), Billable: r.Text(), Category: r.Text(), Type: r.Text()}
	if r.flags(1)[0] {
		report.ExpiresAt = time.Unix(0, r.Instant()).UTC()
	}
	return report
}

func (r *Decoder) carry(terms *Terms) *carry {
	if !r.flags(1)[0] {
		return nil
	}
	c := &carry{covered: r.Int()}
	r.Each(func() {
		a := anchored{start: r.Instant()}
		set := r.flags(3)
		a.answered, a.void, a.billed = set[0], set[1], set[2]
		c.windows = append(c.windows, a)
	})
	r.Each(func() {
		u := Unit{Carried: true, Category: r.Text(), Kind: UnitKind(r.Uint() & 3), Free: r.Text(), Opened: r.Instant(), Expires: r.Instant(), Closed: r.Int()}
		u.Era = terms.At(u.Opened)
		c.units = append(c.units, u)
	})
	return c
}
