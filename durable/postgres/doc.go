// Package postgres keeps a [durable.Desk] in a PostgreSQL database, version 15 or newer,
// for any number of programs on any number of machines.
//
//	if err := postgres.Migrate(ctx, url); err != nil { // at a deployment
//		return err
//	}
//	store, err := postgres.Open(ctx, url)
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//	desk, err := durable.Open(ctx, store, channels)
//
// The tables are in a schema of their own, "chatapi"; see [Schema]. Tables of your own
// belong into another schema of the same database: write to them with [Update] or
// [durable.Work.InTx], together with what the desk writes. Name their schema in the
// statements, since the search_path begins with the desk's. The desk's tables may change
// with a release.
//
// Programs wake each other by jobs of River (github.com/riverqueue/river), for what one
// leaves to others: see [durable.AcceptOnly]. River's tables are in a schema of their own,
// whose name is that of the desk's and "_river"; the jobs name no person. A job that is lost
// costs some seconds, since what there is to do is in the desk's tables.
//
// The store opens connections of its own, also if it is given a pool: two that accept,
// one that commits, one for housekeeping, one for locks, and those of [Connections] that
// read; while [durable.Desk.Run] runs also up to five of River. It needs them directly, or through a pooler in session mode: locks and settings
// belong to a session. On them it sets synchronous_commit, the timeouts of idle sessions
// and of TCP, and the search_path.
//
// Every commit is on the disk when the call returns, if the server keeps its promise:
// [Open] refuses a server with fsync = off. Calls that come at the same time share a
// commit. Inside a function of [Update] a statement that fails undoes the whole function,
// unlike on SQLite.
//
// PostgreSQL keeps no text with the character NUL or with bytes that are no UTF-8. In
// the arguments of a statement they become U+FFFD; bytes stay as they are.
//
// The right to work on a chat or to send for a channel is a lock of the server that
// belongs to the connection for locks: one connection for all locks of the program, so
// the number of workers does not change the number of connections. The program shows
// every few seconds that it is alive; if it is frozen, or its network is cut, the server
// ends the connection within half a minute and others take over. The program notices
// the loss, ends the contexts of its handlers and stops sending. What commits does not
// depend on that: an event is marked as done once, and a message is reserved once.
package postgres
