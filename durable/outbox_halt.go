package durable

import (
	"context"
	"errors"
	"log/slog"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// A store that was restored, or whose server may lack the newest commits, halts: it lets
// nothing be sent until a person says since when nothing was. That is another thing than a
// person who stops all sending, and than a channel that is held.

// halt returns in a sentence why the store has halted, as far as this program knows; "" if
// it has not.
func (o *Outbox) halt() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.halted == nil {
		return ""
	}
	return "Nothing is sent: " + o.halted.Error() + "."
}

// askHalt asks the store, for a reader in a program that may not send. Where it has not
// halted, that costs nothing.
func (o *Outbox) askHalt(ctx context.Context) { o.noteHalt(o.store.MaySend(ctx)) }

// noteHalt notes what the store says of a right to send, and reports the begin and the end
// of a halt, once for all channels. Another error, such as that of a database that does
// not answer, says nothing of it.
func (o *Outbox) noteHalt(err error) {
	reason, halts := errors.AsType[store.Halted](err)
	if err != nil && !halts && !errors.Is(err, store.ErrBusy) {
		return
	}
	o.mu.Lock()
	before := o.halted
	if o.halted = nil; halts {
		o.halted = reason
	}
	now := o.halted
	o.mu.Unlock()
	switch {
	case now != nil && (before == nil || before.Error() != now.Error()):
		o.report("Nothing is sent on any channel, and messages wait.", "error", now)
	case now == nil && before != nil && o.logger != nil:
		o.logger.Info("Messages are sent again.", slog.String("after", before.Error()))
	}
}
