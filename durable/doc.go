// Package durable keeps what a program must not lose: webhooks that were answered,
// and messages that are to be sent. An [Inbox] stores a delivery before the service
// gets its 200, accepts each event once, and hands the events of a chat to a
// [Handler] one at a time, in order, until it succeeds. An [Outbox] sends each
// planned message at most once, also if the program is killed in the middle, and
// says of the few that a crash leaves open what is known of them. [State] answers a
// new process at once: who may be written to, who wants no advertising, and what the
// month costs.
//
// The example of [Open] shows the steps; examples/durable is a whole program.
//
// The data is in a database: SQLite in a folder of the program (package
// durable/sqlite), or PostgreSQL for many machines (the module durable/postgres). A
// [Desk] is the handle of one such store with its channels. docs/durable.md of the
// repository says what is promised, who repairs what, and what an operator does.
package durable
