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
	"reflect"
	"slices"
	"strings"
	"time"
)

// Decoder reads a snapshot. It keeps the first error; from then on it reads
// nothing but zeros.
type Decoder struct {
	in       *bufio.Reader
	sum      hash.Hash
	unhashed []byte // what was read since the last write to sum
	room     []byte // for texts
	version  uint64
	err      error

	read uint64 // bytes of the snapshot
	took uint64 // bytes of memory for what was read, other than texts
}

// A snapshot may take memoryPerByte bytes of memory for each of its bytes, or
// memoryAtLeast. What an [Encoder] writes takes far less.
const (
	memoryPerByte = 60
	memoryAtLeast = 64 << 20
)

// NewDecoder returns a decoder. Read its header first.
func NewDecoder(r io.Reader) *Decoder {
	return &Decoder{in: bufio.NewReader(r), sum: sha256.New(), unhashed: make([]byte, 0, 1024)}
}

// Header reads the header. It returns the version, or the beginning of an input that
// is not a snapshot.
func (r *Decoder) Header() (version uint64, other string) {
	start, err := r.in.Peek(len(snapshotMagic))
	switch {
	case !strings.HasPrefix(snapshotMagic, string(start)):
		return 0, string(start)
	case err == io.EOF && len(start) > 0:
		err = io.ErrUnexpectedEOF
	}
	if r.err = err; err != nil {
		return 0, ""
	}
	r.full(make([]byte, len(snapshotMagic)))
	r.version = r.Uint()
	return r.version, ""
}

// Read returns the number of bytes that were read.
func (r *Decoder) Read() uint64 { return r.read }

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
	r.hash()
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
	if err != nil {
		return b, err
	}
	if len(r.unhashed) == cap(r.unhashed) {
		r.hash()
	}
	r.unhashed = append(r.unhashed, b)
	r.read++
	return b, nil
}

// hash writes what was read to the checksum.
func (r *Decoder) hash() {
	r.sum.Write(r.unhashed)
	r.unhashed = r.unhashed[:0]
}

func (r *Decoder) full(b []byte) {
	if r.err != nil {
		return
	}
	if _, err := io.ReadFull(r.in, b); err != nil {
		r.err = err
		return
	}
	r.read += uint64(len(b))
	if len(r.unhashed)+len(b) > cap(r.unhashed) {
		r.hash()
	}
	if len(b) > cap(r.unhashed) {
		r.sum.Write(b)
		return
	}
	r.unhashed = append(r.unhashed, b...)
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
	if uint64(cap(r.room)) < n {
		r.room = make([]byte, n)
	}
	b := r.room[:n]
	if r.full(b); r.err != nil {
		return ""
	}
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

// Each reads a count and calls read that many times. It fails if the elements, of
// that size in memory, take more than a snapshot may.
func (r *Decoder) Each(size uintptr, read func()) {
	for n := r.Uint(); n > 0 && r.err == nil; n-- {
		r.spend(uint64(size))
		read()
	}
}

// ListOf reads a count and returns what read returns, that many times. The list
// grows with the calls, so that a wrong count costs no memory, and it doubles, so
// that the former lists are no more than the last.
func ListOf[T any](r *Decoder, read func() T) (list []T) {
	size := reflect.TypeFor[T]().Size()
	r.Each(0, func() {
		if len(list) == cap(list) {
			more := max(1, 2*len(list))
			if r.spend(uint64(more) * uint64(size)); r.err != nil {
				return
			}
			list = append(make([]T, 0, more), list...)
		}
		list = append(list, read())
	})
	return list
}

// spend counts memory that was taken for what was read.
func (r *Decoder) spend(bytes uint64) {
	if r.took += bytes; r.took > max(memoryAtLeast, memoryPerByte*r.read) {
		r.Fail(fmt.Sprintf("it takes more than %d bytes of memory for each of its bytes", memoryPerByte))
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
	factSize := reflect.TypeFor[Fact]().Size()
	last := &inbound{at: stamp{nanos: Never}}
	r.Each(reflect.TypeFor[inbound]().Size()+factSize, func() {
		in := &inbound{id: []byte(r.Text()), at: r.stamp(), entry: r.Text(), marks: r.marks()}
		// A message that was settled may have a second row, for its link.
		order := cmp.Or(compareInbound(last, in), int(in.marks&markSettled)-int(last.marks&markSettled))
		if in.at.rank == RankUnknown || order >= 0 {
			r.Fail("messages out of order")
		}
		e.latest = max(e.latest, in.at.nanos)
		e.noteInbound(who, in)
		last = in
	})
	lastID := ""
	r.Each(reflect.TypeFor[message]().Size()+3*factSize, func() {
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
	r.Each(reflect.TypeFor[link]().Size(), func() {
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
	c.windows = ListOf(r, func() anchored {
		a := anchored{start: r.Instant()}
		set := r.flags(3)
		a.answered, a.void, a.billed = set[0], set[1], set[2]
		return a
	})
	c.units = ListOf(r, func() Unit {
		u := Unit{Carried: true, Category: r.Text(), Kind: UnitKind(r.Uint() & 3), Free: r.Text(), Opened: r.Instant(), Expires: r.Instant(), Closed: r.Int()}
		u.Era = terms.At(u.Opened)
		return u
	})
	return c
}
