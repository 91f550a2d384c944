// Package sqlite keeps a [durable.Desk] in a folder of the program, for one program
// on one machine. It needs no server and no C compiler.
//
//	store, err := sqlite.Open(ctx, "data")
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//	desk, err := durable.Open(ctx, store, channels)
//
// The folder has to be on a local disk: a database on a network share can lose what
// was committed. It holds accept.db with what arrived, work.db with everything else,
// and a lock file. Two files, because the service waits for the answer to a webhook and
// must not wait for the handlers. They belong together: copy and restore both, while no
// program has the folder open, with the files beside them that end in -wal.
//
// Every commit is on the disk when the call returns (journal_mode WAL, synchronous
// FULL). Calls that come at the same time share a commit. Each of the two files has a
// cache that grows up to 64 MB, and a log of up to 64 MB or, while a copy is made or
// somebody reads for long, more. Removed rows are overwritten in the file (secure_delete)
// when the log is moved into it; [durable.Desk.Erase] does that at once, and empties the
// log.
//
// Tables of your own belong into work.db: write to them with [Update] or
// [durable.Work.InTx], together with what the desk writes, and read them with [DB].
// Begin their names with a prefix of your own; the desk's tables may change with a
// release.
package sqlite
