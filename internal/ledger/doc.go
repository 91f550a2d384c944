// Package ledger is the engine of a chatapi.Ledger: it keeps what activities say
// and folds it into the conversations and messages that are billed. It knows
// accounts, numbers and rules by index and by text, and neither prices nor
// months. It has no clock, does no I/O but a snapshot's, and locks nothing: the
// caller makes sure that nobody enters facts while somebody else reads.
//
// # Facts
//
// An activity says one thing: a customer wrote, or a message was sent, was
// delivered or failed. The engine keeps it as a [Fact], which is appended to one
// journal and linked to the previous fact of the same thread. A thread is one
// contact of one number. Nothing is summed when a fact comes in, so recording
// costs a look at one thread and the end of the journal.
//
// Facts come late, twice and out of order. Whenever a thread is read, its facts
// are put together into a [Thread] by merges that are commutative, associative
// and idempotent. That is why the same facts give the same bill in any order.
//
// # Ranks
//
// An instant has a [Rank]: the wire told it, or it is only when the fact was
// observed here. Of two instants of one fact the better known stands, and of
// equals the earlier.
//
// # Folds
//
// A [Fold] walks through a thread in order of delivery, each message under the
// [Era] in force at its instant, and yields a [Unit] for each conversation,
// message or free entry point window. Folds are made whenever somebody asks, and
// thrown away. A [Plan] folds a thread with and without messages that are not
// recorded: what a quote costs is the difference.
//
// # Compaction
//
// [Engine.Compact] closes what was before an instant. Of each thread stays what
// can still matter: the customer's latest message, facts of the last 31 days,
// which are marked as settled, and a carry with the conversations and windows
// that are still open. Folds go on from there. A settled fact never acts again,
// whatever else comes in; what comes in afterwards for the time before is listed
// by [Fold.LateFacts].
//
// # The snapshot stream
//
// A snapshot is, in this order: a magic line, the version, the part that the
// caller writes with the [Encoder], the threads in order of number and contact, a
// zero byte, and the SHA-256 of all before it. Numbers are varints; a text is its
// length and its bytes. It holds facts, so it does not depend on rules, except
// for the carries of compacted threads.
package ledger
