package chatapi

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
	"maps"
	"slices"
	"time"
)

// A snapshot is, in this order: a magic line, the version, the pairs in order of
// channel and contact, a zero byte, and the SHA-256 of all that came before.
// Numbers are varints; a text is its length and its bytes. It holds facts, not
// what was folded from them, so that it does not depend on the rules.
const (
	snapshotMagic   = "chatapi ledger\n"
	snapshotVersion = 1

	// snapshotText is the longest text a snapshot may hold. A longer one is
	// refused when writing too, so what was written can be read.
	snapshotText = 64 << 10
)

// Snapshot writes everything that was recorded, for [RestoreLedger]: after a
// restart nothing has to be replayed. The same facts give the same bytes,
// whatever the order in which they came. The accounts are not in it, since
// rates and time zones are yours to configure. It holds phone numbers and
// message ids. The ledger can't be used by others while it is written, so write
// to memory or a file rather than to a slow connection. The error is that of w,
// or [ErrInvalid].
func (l *Ledger) Snapshot(w io.Writer) error {
	if err := l.usable(); err != nil {
		return err
	}
	if w == nil {
		return invalid("writer", "is nil")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	sum := sha256.New()
	out := bufio.NewWriter(w)
	enc := &snapshotWriter{out: io.MultiWriter(out, sum)}
	enc.bytes([]byte(snapshotMagic))
	enc.uint(snapshotVersion)
	keys := slices.SortedFunc(maps.Keys(l.pairs), comparePairs)
	for _, key := range keys {
		enc.pair(l.pairs[key])
	}
	enc.uint(0)
	enc.flush()
	if enc.err != nil {
		return enc.err
	}
	if _, err := out.Write(sum.Sum(nil)); err != nil {
		return err
	}
	return out.Flush()
}

func comparePairs(a, b pairKey) int {
	return cmp.Or(cmp.Compare(a.channel, b.channel), cmp.Compare(a.contact, b.contact))
}

// snapshotWriter collects one pair at a time and keeps the first error.
type snapshotWriter struct {
	out io.Writer
	buf []byte
	err error
}

func (w *snapshotWriter) bytes(b []byte) { w.buf = append(w.buf, b...) }
func (w *snapshotWriter) uint(n uint64)  { w.buf = binary.AppendUvarint(w.buf, n) }

func (w *snapshotWriter) text(s string) {
	if len(s) > snapshotText && w.err == nil {
		w.err = invalid("snapshot", fmt.Sprintf("would hold a text of %d bytes, %q; the limit is %d", len(s), clip(s, 32), snapshotText))
	}
	w.uint(uint64(len(s)))
	w.buf = append(w.buf, s...)
}

func (w *snapshotWriter) stamp(s stamp) {
	w.uint(uint64(s.rank))
	if s.rank != unknown {
		w.buf = binary.AppendVarint(w.buf, s.nanos)
	}
}

func (w *snapshotWriter) pair(p *pair) {
	w.uint(1)
	w.text(string(p.channel))
	w.text(p.key)
	w.uint(uint64(len(p.inbounds)))
	for _, in := range p.inbounds {
		w.text(in.id)
		w.stamp(in.at)
		w.text(string(in.entry))
	}
	w.uint(uint64(len(p.messages)))
	for _, m := range p.messages {
		w.text(m.id)
		w.stamp(m.sent)
		w.stamp(m.delivered)
		failed := uint64(0)
		if m.failed {
			failed = 1
		}
		w.uint(failed)
		w.text(m.category)
		w.text(m.reported)
	}
	w.flush()
}

func (w *snapshotWriter) flush() {
	if w.err == nil {
		_, w.err = w.out.Write(w.buf)
	}
	w.buf = w.buf[:0]
}

// RestoreLedger returns a ledger for the accounts with everything that
// [Ledger.Snapshot] wrote. Give it the accounts that the snapshot was made
// with: bills are folded anew under what they say, and a number that none of
// them has is an error. A snapshot that is damaged, cut off, followed by more
// bytes or written by a newer version is [ErrSnapshot]; the events must then be
// recorded again. Accounts as wrong as for [NewLedger] are [ErrInvalid].
func RestoreLedger(r io.Reader, first Account, more ...Account) (*Ledger, error) {
	l := NewLedger(first, more...)
	if err := l.usable(); err != nil {
		return nil, err
	}
	if r == nil {
		return nil, invalid("reader", "is nil")
	}
	in := &snapshotReader{in: bufio.NewReader(r), sum: sha256.New()}
	if err := l.restore(in); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *Ledger) restore(in *snapshotReader) error {
	magic := make([]byte, len(snapshotMagic))
	if in.full(magic); in.err == nil && string(magic) != snapshotMagic {
		return badSnapshot("is no ledger snapshot", nil)
	}
	if version := in.uint(); in.err == nil && version != snapshotVersion {
		return badSnapshot(fmt.Sprintf("has version %d, but only version %d can be read here", version, snapshotVersion), nil)
	}
	var last pairKey
	for {
		more := in.uint()
		if in.err != nil {
			return badSnapshot("is damaged", in.err)
		}
		if more == 0 {
			break
		}
		p := in.pair()
		if in.err != nil {
			return badSnapshot("is damaged", in.err)
		}
		key := pairKey{p.channel, p.key}
		if more != 1 || comparePairs(last, key) >= 0 {
			return badSnapshot("is damaged", errors.New("contacts out of order"))
		}
		if p.account = l.owner(p.channel); p.account == nil {
			return badSnapshot(fmt.Sprintf("has number %q, which belongs to none of the accounts", clip(string(p.channel), 64)), nil)
		}
		last, l.pairs[key] = key, p
	}
	want, got := in.sum.Sum(nil), make([]byte, sha256.Size)
	if in.full(got); in.err != nil || !bytes.Equal(want, got) {
		return badSnapshot("is damaged", errors.Join(errors.New("wrong checksum"), in.err))
	}
	if _, err := in.in.ReadByte(); !errors.Is(err, io.EOF) {
		return badSnapshot("is damaged", errors.Join(errors.New("more bytes after its end"), err))
	}
	return nil
}

// badSnapshot is the error of a snapshot that cannot be restored.
func badSnapshot(problem string, cause error) *Error {
	e := &Error{Op: "RestoreLedger", Kind: ErrSnapshot, Retry: RetryFix, Reason: "the snapshot " + problem,
		Sentence: "The ledger's snapshot " + problem + ".",
		Advice:   "restore an older snapshot, or make a new ledger and record the events again", cause: cause}
	if cause != nil {
		e.Reason += ": " + cause.Error()
	}
	return e
}

// snapshotReader reads and sums, and keeps the first error.
type snapshotReader struct {
	in  *bufio.Reader
	sum hash.Hash
	err error
}

func (r *snapshotReader) fail(problem string) {
	if r.err == nil {
		r.err = errors.New(problem)
	}
}

// ReadByte makes it an io.ByteReader, for varints.
func (r *snapshotReader) ReadByte() (byte, error) {
	b, err := r.in.ReadByte()
	if err == nil {
		r.sum.Write([]byte{b})
	}
	return b, err
}

func (r *snapshotReader) full(b []byte) {
	if r.err != nil {
		return
	}
	if _, err := io.ReadFull(r.in, b); err != nil {
		r.err = err
		return
	}
	r.sum.Write(b)
}

func (r *snapshotReader) uint() (n uint64) {
	if r.err == nil {
		n, r.err = binary.ReadUvarint(r)
	}
	return n
}

func (r *snapshotReader) text() string {
	n := r.uint()
	if n > snapshotText {
		r.fail("a text is too long")
	}
	if r.err != nil {
		return ""
	}
	b := make([]byte, n)
	r.full(b)
	return string(b)
}

func (r *snapshotReader) stamp() (s stamp) {
	rank := r.uint()
	if rank > uint64(told) {
		r.fail("an instant is of an unknown kind")
	}
	if r.err == nil && rank != uint64(unknown) {
		s.rank = stampRank(rank)
		s.nanos, r.err = binary.ReadVarint(r)
		if year := time.Unix(0, s.nanos).UTC().Year(); year < minYear || year > maxYear {
			r.fail("an instant is out of range")
		}
	}
	return s
}

// pair reads the facts of one number and contact. Slices grow as bytes come, so
// a wrong count costs nothing.
func (r *snapshotReader) pair() *pair {
	p := &pair{stale: true}
	p.channel, p.key = ChannelID(r.text()), r.text()
	if p.contact = recipientOf(p.key); p.channel == "" || p.contact.Key() != p.key || !knownRecipientKind(p.contact.kind) {
		r.fail("a contact is wrong")
	}
	for n := r.uint(); n > 0 && r.err == nil; n-- {
		in := inbound{id: r.text(), at: r.stamp(), entry: EntryPoint(r.text())}
		if k := len(p.inbounds); in.at.rank == unknown || k > 0 && compareInbound(p.inbounds[k-1], in) >= 0 {
			r.fail("messages out of order")
		}
		p.inbounds = append(p.inbounds, in)
	}
	for n := r.uint(); n > 0 && r.err == nil; n-- {
		m := message{id: r.text(), sent: r.stamp(), delivered: r.stamp()}
		failed := r.uint()
		m.failed, m.category, m.reported = failed == 1, r.text(), r.text()
		if k := len(p.messages); failed > 1 || m.id == "" || k > 0 && p.messages[k-1].id >= m.id {
			r.fail("messages out of order")
		}
		p.messages = append(p.messages, m)
	}
	return p
}
