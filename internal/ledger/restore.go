package ledger

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"io"
	"slices"
	"strings"
	"time"
)

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
		if slices.Contains(names, name) || len(names) > 0 && !isPerson(name) {
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
