package chatapi

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/internal/ledger"
)

// Snapshot writes the state of the ledger, for [RestoreLedger], so that after a
// restart no event has to be recorded again. The same facts give the same bytes,
// in whatever order they came. It holds phone numbers, the other names of people
// with their links, and message ids. Of the
// accounts it holds the ids, and a digest of the rules under which months were
// closed; rates and rules are yours to configure.
//
// All other calls of the ledger wait while the snapshot is written, so write it
// to memory or to a file rather than to a slow connection. The error is that of
// w, or [ErrInvalid].
func (l *Ledger) Snapshot(w io.Writer) error {
	const op = "Ledger.Snapshot"
	if err := l.usable(); err != nil {
		return ledgerError(op, err)
	}
	if w == nil {
		return ledgerError(op, invalid("writer", "is nil; give a file or a buffer"))
	}
	l.lock()
	defer l.mu.Unlock()
	enc := ledger.NewEncoder(w)
	l.writeClosed(enc)
	l.engine.Encode(enc)
	err := enc.Close()
	if long, ok := errors.AsType[*ledger.TextTooLongError](err); ok {
		return ledgerError(op, invalid("snapshot", fmt.Sprintf("would hold a text of %d bytes, %q; the limit is %d",
			len(long.Text), clip(long.Text, 32), ledger.LongestSnapshotText)))
	}
	return err
}

// writeClosed writes the closed time of each account, and the closed bills.
func (l *Ledger) writeClosed(w *ledger.Encoder) {
	w.Uint(uint64(len(l.accounts)))
	for _, a := range l.accounts {
		w.Text(a.ID)
		w.Int(a.terms.ClosedUntil)
		w.Text(a.settledBy())
	}
	months := slices.SortedFunc(maps.Keys(l.closed), func(a, b YearMonth) int { return cmp.Or(a.Year-b.Year, int(a.Month-b.Month)) })
	for _, m := range months {
		bill := l.closed[m]
		w.Uint(1) // an account follows
		w.Int(int64(m.Year))
		w.Int(int64(m.Month))
		w.Uint(uint64(len(bill.Totals)))
		for _, sum := range bill.Totals {
			w.Text(sum.Currency)
			w.Int(sum.Micros)
		}
		w.Uint(uint64(len(bill.Gaps)))
		for _, g := range bill.Gaps {
			for _, text := range []string{g.Account, g.Market, g.Category, g.Currency, g.Day} {
				w.Text(text)
			}
			w.Int(int64(g.Units))
		}
		w.Uint(uint64(len(bill.Late)))
		for _, late := range bill.Late {
			for _, text := range []string{late.Account, string(late.Channel), late.Contact.Key(), late.MessageID, string(late.Kind), late.Why} {
				w.Text(text)
			}
			w.Int(late.At.UnixNano())
		}
		w.Flush()
	}
	w.Uint(0)
	w.Flush()
}

// settledBy returns a digest of the rules under which months were closed; empty
// if no month is closed. A closed month does not change, so other rules for it
// are a mistake in the configuration. Rules of open months may
// change, since open months are computed anew.
func (a *account) settledBy() string {
	if a.terms.ClosedUntil == ledger.Never {
		return ""
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\n", a.anchor)
	for _, r := range a.rules {
		if r.from < a.terms.ClosedUntil {
			fmt.Fprintf(sum, "%d %s %q %d %d %s %q\n", r.from, r.Model, r.EntryPoints, r.EntryPointLength, r.Free, r.Scope, r.Categories)
		}
	}
	return string(sum.Sum(nil))
}

// RestoreLedger returns a ledger for the accounts with everything that
// [Ledger.Snapshot] wrote. Give it the accounts that the snapshot was made with;
// open months are billed by their rules and rates of now.
//
// The error is [ErrSnapshot] for a snapshot that is empty, damaged, cut off, followed
// by more bytes, not a ledger's or written by a newer version, and the events must
// then be recorded again. It is also [ErrSnapshot] if the snapshot has a number that no account has,
// or if the rules of closed months differ. Accounts that [NewLedger] finds wrong
// are [ErrInvalid]. Reading takes at most 60 bytes of memory for each byte of the
// snapshot, or 64 MiB, also for a snapshot that somebody made to take more.
func RestoreLedger(r io.Reader, first Account, more ...Account) (*Ledger, error) {
	const op = "RestoreLedger"
	l := NewLedger(first, more...)
	if l.err != nil {
		l.err.Op = op
		return nil, l.err
	}
	if r == nil {
		return nil, ledgerError(op, invalid("reader", "is nil; give what Ledger.Snapshot wrote, or make a new ledger with NewLedger"))
	}
	dec := ledger.NewDecoder(r)
	if err := l.restore(dec); err != nil {
		if _, ok := err.(*Error); !ok || dec.Err() != nil { // the reader may return an *Error too
			err = unreadSnapshot(err, dec.Read())
		}
		return nil, ledgerError(op, err)
	}
	return l, nil
}

// restore reads a snapshot. Its error says that the snapshot belongs to another
// ledger, or what is damaged.
func (l *Ledger) restore(r *ledger.Decoder) error {
	switch version, other := r.Header(); {
	case other != "":
		return noSnapshot(other)
	case r.Err() == nil && (version == 0 || version > ledger.SnapshotVersion):
		e := badSnapshot(fmt.Sprintf("has version %d, but only versions up to %d can be read here", version, ledger.SnapshotVersion), nil)
		e.Advice = "run the version of the package that wrote it, or a later one"
		return e
	}
	if err := l.readAccounts(r); err != nil {
		return err
	}
	if err := l.readClosed(r); err != nil {
		return err
	}
	if err := l.engine.Decode(r, l.ownerOf); err != nil {
		return err
	}
	return r.Close()
}

// badSnapshot is the error of a snapshot that cannot be restored.
func badSnapshot(problem string, cause error) *Error {
	e := &Error{Kind: ErrSnapshot, Retry: RetryFix, Reason: "the snapshot " + problem,
		Sentence: "The ledger's snapshot " + problem + ".",
		Advice:   "restore an older snapshot, or make a new ledger and record the events again", cause: cause}
	if cause != nil {
		e.Reason += ": " + cause.Error()
	}
	return e
}

// foreignSnapshot is the error of a snapshot that was made with other accounts, or
// with other rules.
func foreignSnapshot(problem string) *Error {
	e := badSnapshot(problem, nil)
	e.Advice = "give the accounts with which the snapshot was made, in the same order, or restore another snapshot"
	return e
}

// unreadSnapshot is the error of a snapshot whose reading failed.
func unreadSnapshot(cause error, bytes uint64) *Error {
	switch {
	case errors.Is(cause, io.EOF) && bytes == 0:
		e := badSnapshot("is empty", cause)
		e.Reason, e.Advice = "the snapshot is empty", "make the ledger of a first start with NewLedger, or restore an older snapshot and check where this one was written"
		return e
	case errors.Is(cause, io.EOF), errors.Is(cause, io.ErrUnexpectedEOF):
		return badSnapshot("is damaged: its end is missing", cause)
	}
	return badSnapshot("is damaged", cause)
}

// noSnapshot is the error of bytes that no ledger wrote.
func noSnapshot(start string) *Error {
	e := badSnapshot("was not written by a ledger", nil)
	e.Reason += ": it begins with " + quote(start)
	e.Sentence = "The file is not a snapshot of a ledger."
	e.Advice = "check the name of the file; RestoreLedger reads what Ledger.Snapshot wrote"
	switch {
	case strings.HasPrefix(start, "\x1f\x8b"), strings.HasPrefix(start, "\x28\xb5\x2f\xfd"), strings.HasPrefix(start, "PK\x03\x04"):
		e.Advice = "it is compressed: give RestoreLedger the unpacked bytes"
	case strings.HasPrefix(start, "{"), strings.HasPrefix(start, "["):
		e.Advice = "it looks like JSON: activities are read by ReadActivities and Ledger.Load, and bills cannot be restored"
	}
	return e
}

// readAccounts reads the closed time of each account, and checks that the
// accounts are those of the ledger.
func (l *Ledger) readAccounts(r *ledger.Decoder) error {
	i := 0
	var differs error
	r.Each(0, func() {
		id, until, settledBy := r.Text(), r.Int(), r.Text()
		switch {
		case i < len(l.accounts) && l.accounts[i].ID == id:
			a := l.accounts[i]
			a.terms.ClosedUntil = until
			if a.settledBy() != settledBy && differs == nil {
				differs = foreignSnapshot(fmt.Sprintf("was made with other rules for account %q (rules, model, anchor or time zone), under which months were closed", clip(id, 64)))
			}
		case differs == nil:
			differs = foreignSnapshot(fmt.Sprintf("was made with account %q as number %d, which is not among those given", clip(id, 64), i+1))
		}
		i++
	})
	switch {
	case r.Err() != nil:
		return r.Err()
	case differs == nil && i < len(l.accounts):
		return foreignSnapshot(fmt.Sprintf("was made with %d accounts, but %d are given", i, len(l.accounts)))
	}
	return differs
}

// readClosed reads the closed bills.
func (l *Ledger) readClosed(r *ledger.Decoder) error {
	for r.Uint() == 1 && r.Err() == nil {
		bill := &Bill{Month: YearMonth{int(r.Int()), time.Month(r.Int())}, Closed: true}
		bill.Totals = ledger.ListOf(r, func() Money { return Money{Currency: r.Text(), Micros: r.Int()} })
		bill.Gaps = ledger.ListOf(r, func() Gap {
			return Gap{r.Text(), r.Text(), r.Text(), r.Text(), r.Text(), int(r.Int())}
		})
		bill.Late = ledger.ListOf(r, func() Late {
			late := Late{Account: r.Text(), Channel: ChannelID(r.Text()), Contact: recipientOf(r.Text()), MessageID: r.Text(),
				Kind: ActivityKind(r.Text()), Why: r.Text()}
			late.At = time.Unix(0, r.Instant()).UTC()
			if owner := l.owner(late.Channel); owner != nil {
				late.At = late.At.In(owner.zone)
			}
			return late
		})
		if bill.Month.check() != nil || l.closed[bill.Month] != nil {
			r.Fail("a closed month is wrong")
		}
		l.closed[bill.Month] = bill
	}
	return r.Err()
}

// ownerOf returns the account of a number, and refuses a key that no recipient has.
func (l *Ledger) ownerOf(number, contact string) (int32, error) {
	to := recipientOf(contact)
	if number == "" || contact != "" && (to.Key() != contact || !knownRecipientKind(to.kind)) {
		return 0, errors.New("a contact is wrong")
	}
	owner := l.owner(ChannelID(number))
	if owner == nil {
		return 0, foreignSnapshot(fmt.Sprintf("has number %q, which belongs to none of the accounts", clip(number, 64)))
	}
	return owner.index, nil
}
