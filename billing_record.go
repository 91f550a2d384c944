package chatapi

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"time"
)

// How activities get into the ledger, one or many at a time: each is checked and
// made an entry, and entries are entered under the lock. At random among a
// million contacts an entry costs little but waiting for memory, so a batch is
// gone through several times, and each time what it waits for is asked for all
// entries at once.

const (
	loadBatch  = 4096 // entries handed over at a time: waking another processor takes long
	enterBatch = 256  // entries that fit into a processor's cache
)

// entry is an activity that was checked, and how far it has been entered.
type entry struct {
	fact    fact
	channel ChannelID
	owner   *account
	contact contactKey // of a phone number
	other   string     // [Recipient.Key] of another contact
	id      string
	word    string
	report  *Reported

	number, thread uint32
	hash           uint64
	slot           slot
}

// check makes an entry of an activity, or says why it cannot be placed.
func (l *Ledger) check(a *Activity, e *entry) error {
	*e = entry{}
	e.channel, e.owner, e.id = a.Channel, l.owner(a.Channel), a.MessageID
	switch {
	case a.Channel == "":
		return invalid("Activity.Channel", "is missing")
	case e.owner == nil:
		return invalid("Activity.Channel", fmt.Sprintf("%q belongs to no account of the ledger", clip(string(a.Channel), 64)))
	}
	if e.contact = phoneKey(a.Contact.Phone); e.contact == 0 {
		contact := a.Contact.Recipient()
		if contact.IsZero() {
			return invalid("Activity.Contact", "names nobody")
		}
		e.contact, e.other = contactKeyOf(contact)
	}
	at := stampOf(a.At, a.Observed)
	if at.rank == unknown {
		return &Error{Op: "Record", Channel: a.Channel, Kind: ErrNoTime, Retry: RetryFix,
			Reason:   fmt.Sprintf("the %s activity of message %q has neither At nor Observed", a.Kind, clip(a.MessageID, 128)),
			Sentence: "A billing activity carries no instant.",
			Advice:   "set Observed to the time of receipt where the wire has no time"}
	}
	if !canBeBilled(a.At) || !canBeBilled(a.Observed) {
		return invalid("Activity.At", fmt.Sprintf("or Observed is not within the years %d to %d", minYear, maxYear))
	}
	kind, known := factKindOf(a.Kind)
	switch {
	case !known:
		return invalid("Activity.Kind", fmt.Sprintf("%q is none of inbound, outbound, delivered, read, failed", clip(string(a.Kind), 32)))
	case kind != factInbound && a.MessageID == "":
		return invalid("Activity.MessageID", "is missing; it joins a message with its statuses")
	case len(a.MessageID) > longestText || len(e.other) > longestText/2:
		return invalid("Activity.MessageID", fmt.Sprintf("or the contact is longer than %d bytes", longestText/2))
	}
	e.fact.at, e.fact.rank, e.fact.kind = at.nanos, at.rank, kind
	if kind == factInbound {
		e.word = string(a.EntryPoint)
		return nil
	}
	e.word = normalCategory(a.Category)
	if !a.Reported.IsZero() {
		report := a.Reported
		report.ExpiresAt = report.ExpiresAt.UTC()
		e.report = &report
	}
	return nil
}

// checkAll checks activities until the first error and hands them over in batches,
// until those to fill end, too.
func (l *Ledger) checkAll(activities iter.Seq2[Activity, error], full chan<- []entry, spare <-chan []entry) error {
	defer close(full)
	batch := <-spare
	for activity, err := range activities {
		last := len(batch)
		batch = slices.Grow(batch, 1)[:last+1]
		if err == nil {
			err = l.check(&activity, &batch[last])
		}
		if err != nil {
			full <- batch[:last]
			return err
		}
		if len(batch) == loadBatch {
			full <- batch
			var more bool
			if batch, more = <-spare; !more {
				return nil
			}
		}
	}
	full <- batch
	return nil
}

var (
	firstSecond = time.Date(minYear, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	afterLast   = time.Date(maxYear+1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
)

// canBeBilled reports whether an instant, if there is one, fits into Unix
// nanoseconds.
func canBeBilled(t time.Time) bool {
	second := t.Unix()
	return firstSecond <= second && second < afterLast || t.IsZero()
}

func factKindOf(kind ActivityKind) (factKind, bool) {
	switch kind {
	case ActivityInbound:
		return factInbound, true
	case ActivityOutbound:
		return factSent, true
	case ActivityDelivered, ActivityRead:
		return factDelivered, true
	case ActivityFailed:
		return factFailed, true
	}
	return 0, false
}

// enter records checked activities.
func (l *Ledger) enter(batch []entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.journal.n+len(batch) >= math.MaxUint32 {
		return invalid("Ledger", "is full: close months that are over")
	}
	for part := range slices.Chunk(batch, enterBatch) {
		l.threadsOf(part)
		for i := range part {
			e := &part[i]
			e.fact.id, e.fact.word = l.texts.add(e.id), l.words.id(e.word)
			if e.report != nil {
				e.fact.report = l.reports.add(e.report) + 1
			}
		}
		l.noteAll(part)
	}
	return nil
}
