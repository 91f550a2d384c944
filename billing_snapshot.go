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
// what was folded from them, so that it does not depend on the rules: but for
// those of closed months, of which a digest is kept.
const (
	snapshotMagic   = "chatapi ledger\n"
	snapshotVersion = 1

	// snapshotText is the longest text a snapshot may hold. A longer one is
	// refused when writing too, so what was written can be read.
	snapshotText = 64 << 10
)

// Snapshot writes everything that was recorded, for [RestoreLedger]: after a
// restart nothing has to be replayed. The same facts give the same bytes,
// whatever the order in which they came. The accounts are not in it but for
// their ids, and a digest of the rules under which months were closed, since
// rates and rules are yours to configure. It holds phone numbers and message
// ids. The ledger can't be used by others while it is written, so write
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
	l.writeClosed(enc)
	pairs := make([]*pair, 0, l.threads.n)
	for i := range l.threads.n {
		pairs = append(pairs, l.pair(uint32(i)))
	}
	slices.SortFunc(pairs, comparePairs)
	var g gathered
	for _, p := range pairs {
		l.gather(p.thread, &g)
		enc.pair(p, &g, *l.lastIn.at(p.thread), l.carries[p.thread])
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

func comparePairs(a, b *pair) int {
	return cmp.Or(cmp.Compare(a.channel, b.channel), cmp.Compare(a.key, b.key))
}

// writeClosed writes how far each account is closed, and the closed bills.
func (l *Ledger) writeClosed(w *snapshotWriter) {
	w.uint(uint64(len(l.accounts)))
	for _, a := range l.accounts {
		w.text(a.ID)
		w.int(a.closedUntil)
		w.text(a.settledBy())
	}
	months := slices.SortedFunc(maps.Keys(l.closed), func(a, b YearMonth) int { return cmp.Or(a.Year-b.Year, int(a.Month-b.Month)) })
	for _, m := range months {
		bill := l.closed[m]
		w.uint(1)
		w.int(int64(m.Year))
		w.int(int64(m.Month))
		w.uint(uint64(len(bill.Totals)))
		for _, sum := range bill.Totals {
			w.text(sum.Currency)
			w.int(sum.Micros)
		}
		w.uint(uint64(len(bill.Gaps)))
		for _, g := range bill.Gaps {
			for _, text := range []string{g.Account, g.Market, g.Category, g.Currency, g.Day} {
				w.text(text)
			}
			w.int(int64(g.Units))
		}
		w.uint(uint64(len(bill.Late)))
		for _, one := range bill.Late {
			for _, text := range []string{one.Account, string(one.Channel), one.Contact.Key(), one.MessageID, string(one.Kind), one.Why} {
				w.text(text)
			}
			w.int(one.At.UnixNano())
		}
		w.flush()
	}
	w.uint(0)
	w.flush()
}

// settledBy is a digest of the rules under which months were closed; empty if
// none was. What they decided stands, so other rules in their place are an error
// of the configuration. Rules of open months may change: those are folded anew.
func (a *account) settledBy() string {
	if a.closedUntil == minNanos {
		return ""
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\n", a.anchor)
	for _, r := range a.timeline {
		if r.from < a.closedUntil {
			fmt.Fprintf(sum, "%d %s %q %d %d %s %q\n", r.from, r.Model, r.EntryPoints, r.EntryPointLength, r.Free, r.Scope, r.Categories)
		}
	}
	return string(sum.Sum(nil))
}

// snapshotWriter collects one pair at a time and keeps the first error.
type snapshotWriter struct {
	out io.Writer
	buf []byte
	err error
}

func (w *snapshotWriter) bytes(b []byte) { w.buf = append(w.buf, b...) }
func (w *snapshotWriter) uint(n uint64)  { w.buf = binary.AppendUvarint(w.buf, n) }
func (w *snapshotWriter) int(n int64)    { w.buf = binary.AppendVarint(w.buf, n) }

func (w *snapshotWriter) bits(all ...bool) {
	n := uint64(0)
	for i, bit := range all {
		if bit {
			n |= 1 << i
		}
	}
	w.uint(n)
}

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

func (w *snapshotWriter) pair(p *pair, g *gathered, lastIn int64, c *carry) {
	w.uint(1)
	w.text(string(p.channel))
	w.text(p.key)
	w.int(lastIn)
	w.uint(uint64(len(g.inbounds)))
	for _, in := range g.inbounds {
		w.text(string(in.id))
		w.stamp(in.at)
		w.text(string(in.entry))
		w.uint(uint64(in.marks))
	}
	w.uint(uint64(len(g.messages)))
	for _, m := range g.messages {
		w.text(string(m.id))
		w.stamp(m.sent)
		w.stamp(m.delivered)
		w.stamp(m.refused)
		w.text(m.category)
		w.text(m.reported)
		w.uint(uint64(m.marks))
		w.bits(m.report != nil)
		if r := m.report; r != nil {
			for _, text := range []string{r.Conversation, r.Origin, r.Model, r.Billable, r.Category, r.Type} {
				w.text(text)
			}
			w.bits(!r.ExpiresAt.IsZero())
			if !r.ExpiresAt.IsZero() {
				w.int(r.ExpiresAt.UnixNano())
			}
		}
	}
	w.bits(c != nil)
	if c != nil {
		w.int(c.covered)
		w.uint(uint64(len(c.windows)))
		for _, a := range c.windows {
			w.int(a.start)
			w.bits(a.answered, a.void, a.billed)
		}
		w.uint(uint64(len(c.units)))
		for _, u := range c.units {
			w.text(u.category)
			w.uint(uint64(u.kind))
			w.text(string(u.free))
			w.int(u.opened)
			w.int(u.expires)
			w.int(u.closed)
		}
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
// with: open months are folded anew under what they say. A number that none of
// them has is [ErrSnapshot], and so are other rules for months that were closed.
// A snapshot that is damaged, cut off, followed by more
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
	if err := l.readClosed(in); err != nil {
		return err
	}
	last := &pair{}
	for {
		more := in.uint()
		if in.err != nil {
			return badSnapshot("is damaged", in.err)
		}
		if more == 0 {
			break
		}
		p, err := l.readPair(in)
		if err != nil {
			return err
		}
		if in.err != nil {
			return badSnapshot("is damaged", in.err)
		}
		if more != 1 || comparePairs(last, p) >= 0 {
			return badSnapshot("is damaged", errors.New("contacts out of order"))
		}
		last = p
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
		s.nanos = r.instant()
	}
	return s
}

func (r *snapshotReader) int() (n int64) {
	if r.err == nil {
		n, r.err = binary.ReadVarint(r)
	}
	return n
}

// flags reads what bits wrote.
func (r *snapshotReader) flags(n int) (all [3]bool) {
	set := r.uint()
	if set >= 1<<n {
		r.fail("unknown flags")
	}
	for i := range all {
		all[i] = set&(1<<i) != 0
	}
	return all
}

// instant reads Unix nanoseconds of a year that can be billed.
func (r *snapshotReader) instant() int64 {
	nanos := r.int()
	if year := time.Unix(0, nanos).UTC().Year(); year < minYear || year > maxYear {
		r.fail("an instant is out of range")
	}
	return nanos
}

// each calls read as often as a count says. Slices grow as bytes come, so a
// wrong count costs nothing.
func (r *snapshotReader) each(read func()) {
	for n := r.uint(); n > 0 && r.err == nil; n-- {
		read()
	}
}

// readClosed reads how far each account is closed, and the closed bills.
func (l *Ledger) readClosed(in *snapshotReader) error {
	i := 0
	var differs error
	in.each(func() {
		id, until, settledBy := in.text(), in.int(), in.text()
		switch {
		case i < len(l.accounts) && l.accounts[i].ID == id:
			l.accounts[i].closedUntil = until
			if l.accounts[i].settledBy() != settledBy && differs == nil {
				differs = badSnapshot(fmt.Sprintf("was made with other rules for account %q (Rules, Model, Anchor or Timezone), under which months were closed", clip(id, 64)), nil)
			}
		case differs == nil:
			differs = badSnapshot(fmt.Sprintf("was made with account %q as number %d, which is not among those given", clip(id, 64), i+1), nil)
		}
		i++
	})
	if in.err != nil {
		return badSnapshot("is damaged", in.err)
	}
	if differs == nil && i < len(l.accounts) {
		differs = badSnapshot(fmt.Sprintf("was made with %d accounts, but %d are given", i, len(l.accounts)), nil)
	}
	if differs != nil {
		return differs
	}
	for in.uint() == 1 && in.err == nil {
		bill := &Bill{Month: YearMonth{int(in.int()), time.Month(in.int())}, Closed: true}
		in.each(func() { bill.Totals = append(bill.Totals, Money{Currency: in.text(), Micros: in.int()}) })
		in.each(func() {
			bill.Gaps = append(bill.Gaps, Gap{in.text(), in.text(), in.text(), in.text(), in.text(), int(in.int())})
		})
		in.each(func() {
			one := Late{Account: in.text(), Channel: ChannelID(in.text()), Contact: recipientOf(in.text()), MessageID: in.text(),
				Kind: ActivityKind(in.text()), Why: in.text()}
			one.At = time.Unix(0, in.instant()).UTC()
			if owner := l.owner(one.Channel); owner != nil {
				one.At = one.At.In(owner.zone)
			}
			bill.Late = append(bill.Late, one)
		})
		if bill.Month.check() != nil || l.closed[bill.Month] != nil {
			in.fail("a closed month is wrong")
		}
		l.closed[bill.Month] = bill
	}
	if in.err != nil {
		return badSnapshot("is damaged", in.err)
	}
	return nil
}

// readPair reads the facts of one number and contact into the ledger.
func (l *Ledger) readPair(r *snapshotReader) (*pair, error) {
	p := &pair{channel: ChannelID(r.text()), key: r.text()}
	if p.contact = recipientOf(p.key); p.channel == "" || p.contact.Key() != p.key || !knownRecipientKind(p.contact.kind) {
		r.fail("a contact is wrong")
	}
	if r.err != nil {
		return p, nil //nolint:nilerr // the reader keeps it, and tells it at the end
	}
	if p.account = l.owner(p.channel); p.account == nil {
		return nil, badSnapshot(fmt.Sprintf("has number %q, which belongs to none of the accounts", clip(string(p.channel), 64)), nil)
	}
	p.thread = l.intern(p.channel, p.account, p.contact)
	*l.lastIn.at(p.thread) = r.int()
	last := &inbound{at: stamp{nanos: minNanos}}
	r.each(func() {
		in := &inbound{id: []byte(r.text()), at: r.stamp(), entry: EntryPoint(r.text()), marks: r.marks()}
		if in.at.rank == unknown || compareInbound(last, in) >= 0 {
			r.fail("messages out of order")
		}
		l.noteInbound(p.thread, in)
		last = in
	})
	lastID := ""
	r.each(func() {
		id := r.text()
		m := &message{id: []byte(id), sent: r.stamp(), delivered: r.stamp(), refused: r.stamp(), category: r.text(), reported: r.text(), marks: r.marks()}
		if r.flags(1)[0] {
			m.report = &Reported{Conversation: r.text(), Origin: r.text(), Model: r.text(), Billable: r.text(), Category: r.text(), Type: r.text()}
			if r.flags(1)[0] {
				m.report.ExpiresAt = time.Unix(0, r.instant()).UTC()
			}
		}
		if id <= lastID {
			r.fail("messages out of order")
		}
		l.noteMessage(p.thread, m)
		lastID = id
	})
	if r.flags(1)[0] {
		c := &carry{covered: r.int()}
		r.each(func() {
			a := anchored{start: r.instant()}
			set := r.flags(3)
			a.answered, a.void, a.billed = set[0], set[1], set[2]
			c.windows = append(c.windows, a)
		})
		r.each(func() {
			u := unit{carried: true, category: r.text(), kind: unitKind(r.uint() & 3), free: FreeReason(r.text()), opened: r.instant(),
				expires: r.instant(), closed: r.int()}
			u.rules = p.account.timeline.at(u.opened)
			c.units = append(c.units, u)
		})
		l.carries[p.thread] = c
	}
	return p, nil
}

func (r *snapshotReader) marks() factMarks {
	marks := r.uint()
	if marks > uint64(markSettled|markSpent) {
		r.fail("unknown marks")
	}
	return factMarks(marks)
}
