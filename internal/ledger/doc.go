// Package ledger is the engine of a chatapi.Ledger: it keeps the facts of
// activities and folds them into billed conversations and messages. It names
// accounts, numbers and rules by index and by text, and knows neither prices nor
// months. It has no clock, does no I/O but that of a snapshot, and takes no
// locks: the caller must not read while another goroutine enters facts.
//
// # Facts
//
// An activity is one event: a customer wrote, or a message was sent, was
// delivered or failed. The engine keeps it as a [Fact] in a journal. Each fact
// links to the previous fact of its thread, and a thread is one name of a contact
// of one number. A fact that gives several names has a set of threads; the first
// of them has the fact. The engine sums nothing when a fact comes in, so recording
// costs a look at one thread and at the end of the journal.
//
// Facts come late, twice and out of order. Whenever the engine reads, it merges
// facts into a [Thread]. The merges are commutative, associative and idempotent, so
// the same facts give the same bill in any order. A near repeat of a fact is not
// even kept.
//
// # People
//
// People are formed when the engine reads. [Engine.Index] finds the threads that
// hang together, from the facts since the last read: a set of names, one message in
// two threads, two spellings of a number. A thread that hangs together with no
// other is a person, and costs nothing more. Otherwise a crowd reads all threads of
// the ring, makes links of them, and asks internal/identity for the owner of each
// message. A subject is one person of a crowd, one such thread, or one group. Links
// are kept only if facts do not hold them: those of identity activities, of members
// of groups, and of facts that a compaction drops.
//
// # Ranks
//
// An instant has a [Rank]: either it comes from the wire, or it is the arrival of
// the fact here. Of two instants of one fact, that of the higher rank counts, and
// of equal ranks the earlier one.
//
// # Folds
//
// A [Fold] walks through the facts of a subject in order of delivery, each message under the
// [Era] in force at its instant. It yields a [Unit] for each conversation,
// message or free entry point window. The engine makes folds on demand and does
// not keep them. A [Plan] folds a subject with and without messages that are not
// recorded; the difference is the cost of a quote.
//
// # Compaction
//
// [Engine.Compact] closes the time before an instant. Of each subject it keeps the
// facts that can still matter: the customer's latest message, the facts of the
// last 31 days, which are marked as settled, and a carry with the conversations
// and windows that are still open. Later folds begin there. A settled fact never
// acts again, whatever else comes in. [Fold.LateFacts] lists the facts that come
// in later for the closed time.
//
// # The snapshot stream
//
// A snapshot has, in this order: a magic line, the version, the caller's part,
// written with the [Encoder], the facts in order of number and names, a zero byte,
// the links in order of number and names, the latest instant, and the SHA-256 of all
// bytes before it. Version 1 had one name for each fact, and neither links nor the
// latest instant; it is read as such. Numbers are varints; a text is
// its length and its bytes. A snapshot holds facts, so it does not depend on
// rules, except for the carries of compacted threads.
package ledger
