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
	"strings"
	"time"
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

// Decoder reads a snapshot. It keeps the first error; from then on it reads
// nothing but zeros.
type Decoder struct {
	in      *bufio.Reader
	sum     hash.Hash
	version uint64
	err     error
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
	r.version = r.Uint()
	return r.version, true
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
	known := markSettled | markSpent
	if r.version > 1 {
		known |= markApp
	}
	if set&^uint64(known) != 0 {
		r.Fail("unknown marks")
	}
	return marks(set)
}

// Decode reads all facts and links into an empty engine. The owner function returns
// the account of a number, or refuses the number or a contact's key; Decode returns
// its error unchanged. Any other error says what is damaged.
func (e *Engine) Decode(r *Decoder, owner func(number, contact string) (account int32, err error)) error {
	lastNumber, lastNames := "", []string(nil)
	for {
		more := r.Uint()
		if r.err != nil {
			return r.err
		}
		if more == 0 {
			return e.decodeLinks(r, owner)
		}
		number := r.Text()
		names := r.names()
		if r.err != nil {
			return r.err
		}
		account := int32(0)
		for _, name := range names {
			var err error
			if account, err = owner(number, name); err != nil {
				return err
			}
		}
		e.decodePart(r, number, account, names)
		if more != 1 || cmp.Or(cmp.Compare(lastNumber, number), slices.Compare(lastNames, names)) >= 0 {
			r.Fail("contacts out of order")
		}
		if r.err != nil {
			return r.err
		}
		lastNumber, lastNames = number, names
	}
}

// names reads the names that facts give.
func (r *Decoder) names() (names []string) {
	n := uint64(1)
	if r.version > 1 {
		n = r.Uint()
	}
	if n == 0 || n > namesPerEntry {
		r.Fail("a fact has a wrong number of names")
	}
	for ; n > 0 && r.err == nil; n-- {
		name := r.Text()
		if slices.Contains(names, name) || len(names) > 0 && (!isPerson(name) || names[0] == "") {
			r.Fail("a fact has a wrong name")
		}
		names = append(names, name)
	}
	return names
}

// isPerson reports whether a key is a name of a person.
func isPerson(key string) bool { return key != "" && !strings.HasSuffix(key, groupSuffix) }

// decodePart reads the facts that give the same names, and what was carried.
func (e *Engine) decodePart(r *Decoder, number string, account int32, names []string) {
	all := make([]uint32, len(names))
	for i, key := range names {
		contact, text := ContactOf(key)
		all[i] = e.intern(number, account, contact, text)
	}
	who, thread := e.sets.of(all), all[0]
	if last := r.Int(); len(all) == 1 {
		*e.lastIn.at(thread) = max(*e.lastIn.at(thread), last)
		e.latest = max(e.latest, last)
	} else if last != Never {
		r.Fail("a window has several names")
	}
	last := &inbound{at: stamp{nanos: Never}}
	r.Each(func() {
		in := &inbound{id: []byte(r.Text()), at: r.stamp(), entry: r.Text(), marks: r.marks()}
		if in.at.rank == RankUnknown || compareInbound(last, in) >= 0 {
			r.Fail("messages out of order")
		}
		e.latest = max(e.latest, in.at.nanos)
		e.noteInbound(who, in)
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
		for _, at := range [...]stamp{m.sent, m.delivered, m.refused} {
			if at.rank != RankUnknown {
				e.latest = max(e.latest, at.nanos)
			}
		}
		e.noteMessage(who, m)
		lastID = id
	})
	if c := r.carry(e.terms[account]); c != nil {
		e.carries[thread] = c.unite(e.carries[thread])
	}
}

// decodeLinks reads the links.
func (e *Engine) decodeLinks(r *Decoder, owner func(number, contact string) (account int32, err error)) error {
	if r.version == 1 {
		return r.err
	}
	var refused error
	last := keyedLink{}
	r.Each(func() {
		l := keyedLink{number: r.Text(), name: r.Text(), hub: r.Text(), at: r.stamp(), renamed: r.flags(1)[0]}
		if l.at.rank == RankUnknown || last.compare(&l) >= 0 || l.name == l.hub || !isPerson(l.name) || !isPerson(l.hub) {
			r.Fail("links out of order")
		}
		last = l
		var ends [2]uint32
		for i, key := range [...]string{l.name, l.hub} {
			account, err := owner(l.number, key)
			if err != nil && refused == nil {
				refused = err
			}
			if r.err != nil || refused != nil {
				return
			}
			contact, text := ContactOf(key)
			ends[i] = e.intern(l.number, account, contact, text)
		}
		e.links.add(ends[0], ends[1], l.at, l.renamed)
		e.rings.join(ends[0], ends[1])
	})
	e.latest = max(e.latest, r.Int())
	return cmp.Or(r.err, refused)
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
