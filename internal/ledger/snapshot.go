package ledger

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"slices"
)

const (
	snapshotMagic = "chatapi ledger\n"

	// SnapshotVersion is the version that an [Encoder] writes. A [Decoder] reads
	// it and every version before.
	SnapshotVersion = 2

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

// Encode writes all facts in order of number and names, and then the links.
func (e *Engine) Encode(w *Encoder) {
	e.Index()
	var all []part
	for thread := range uint32(e.contacts.n) {
		all = e.appendParts(all, thread)
	}
	slices.SortFunc(all, func(a, b part) int { return cmp.Or(cmp.Compare(a.number, b.number), slices.Compare(a.names, b.names)) })
	var t Thread
	for _, p := range all {
		e.gatherPart(p.who, &t)
		w.Uint(1) // facts follow
		w.Text(p.number)
		w.Uint(uint64(len(p.names)))
		for _, name := range p.names {
			w.Text(name)
		}
		if p.who&setBit == 0 {
			w.Int(*e.lastIn.at(p.who))
		} else {
			w.Int(Never)
		}
		w.thread(&t)
		if p.who&setBit == 0 {
			w.carry(e.carries[p.who])
		} else {
			w.carry(nil)
		}
		w.Flush()
	}
	w.Uint(0)
	e.encodeLinks(w)
	w.Int(e.latest)
	w.Flush()
}

// part is the facts that give the same names.
type part struct {
	who    uint32
	number string
	names  []string // their keys
}

// appendParts appends the parts of a thread that hold something.
func (e *Engine) appendParts(all []part, thread uint32) []part {
	var found []uint32
	if *e.lastIn.at(thread) != Never || e.carries[thread] != nil {
		found = append(found, thread)
	}
	last := uint32(noThread)
	seen := map[uint32]bool{}
	for i := *e.heads.at(thread); i != 0; {
		f := e.journal.at(i - 1)
		if f.who != last && !slices.Contains(found, f.who) && !seen[f.who] {
			if found = append(found, f.who); len(found) > 8 {
				for _, who := range found {
					seen[who] = true
				}
			}
		}
		last, i = f.who, f.prev
	}
	for _, who := range found {
		p := part{who: who, number: e.numbers[*e.owners.at(thread)].id}
		for _, name := range e.sets.names(who, nil) {
			p.names = append(p.names, e.texts.key(*e.contacts.at(name)))
		}
		all = append(all, p)
	}
	return all
}

// gatherPart collects the facts that give the same names.
func (e *Engine) gatherPart(who uint32, t *Thread) {
	t.reset()
	e.collect(e.sets.threadOf(who), t)
	t.facts = slices.DeleteFunc(t.facts, func(f Fact) bool { return f.who != who })
	slices.SortFunc(t.facts, e.compareFacts)
	for i := range t.facts {
		e.merge(t, &t.facts[i], 0)
	}
	t.inbounds = append(t.inbounds, t.twins...)
	slices.SortStableFunc(t.inbounds, func(a, b inbound) int {
		return cmp.Or(compareInbound(&a, &b), int(b.marks&markSettled)-int(a.marks&markSettled))
	})
}

// keyedLink is a link with the keys of its names.
type keyedLink struct {
	number, name, hub string
	at                stamp
	renamed           bool
}

func (l *keyedLink) compare(o *keyedLink) int {
	return cmp.Or(cmp.Compare(l.number, o.number), cmp.Compare(l.name, o.name), cmp.Compare(l.hub, o.hub), compareBools(l.renamed, o.renamed))
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// encodeLinks writes the links that facts do not hold, sorted and each once.
func (e *Engine) encodeLinks(w *Encoder) {
	var all []keyedLink
	for i := range uint32(e.links.list.n) {
		l := e.links.list.at(i)
		all = append(all, keyedLink{e.numbers[*e.owners.at(l.name)].id, e.texts.key(*e.contacts.at(l.name)), e.texts.key(*e.contacts.at(l.hub)),
			stamp{l.at, l.rank}, l.renamed})
	}
	slices.SortFunc(all, func(a, b keyedLink) int { return a.compare(&b) })
	once := all[:0]
	for i := range all {
		if n := len(once); n > 0 && once[n-1].compare(&all[i]) == 0 {
			once[n-1].at = once[n-1].at.merge(all[i].at)
		} else {
			once = append(once, all[i])
		}
	}
	w.Uint(uint64(len(once)))
	for _, l := range once {
		w.Text(l.number)
		w.Text(l.name)
		w.Text(l.hub)
		w.stamp(l.at)
		w.flags(l.renamed)
		w.Flush()
	}
	w.Flush()
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
