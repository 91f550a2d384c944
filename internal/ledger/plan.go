package ledger

import (
	"encoding/binary"
	"math"
)

// Planned is a message that is not recorded. Contact is the key of its recipient.
// Category is empty for a free-form message.
type Planned struct{ Contact, Category string }

// Plan has the units of one thread with planned messages and without them.
type Plan struct {
	With    *Fold
	Without []Unit

	// Same is the number of first units that are equal in both.
	Same int
}

// Plan folds a thread with planned messages to one contact, at least one, and
// without them. The messages are sent and delivered at an instant, in their
// order, after all recorded facts of that instant. The fold uses the room, so
// after the next use of the room only its units are valid.
func (e *Engine) Plan(account int32, number string, messages []Planned, at int64, room *Thread) Plan {
	key := messages[0].Contact
	contact, text := ContactOf(key)
	p := &Pair{Account: account, Thread: noThread, Number: number, Contact: key}
	room.inbounds, room.messages = room.inbounds[:0], room.messages[:0]
	var plan Plan
	if thread, ok := e.Find(number, contact, text); ok {
		p = e.pair(thread)
		plan.Without = e.foldUntil(p, room, math.MaxInt64).Units
		e.gather(thread, room)
	}
	now := stamp{at, RankTold}
	for i, m := range messages {
		room.messages = append(room.messages, message{id: binary.BigEndian.AppendUint32([]byte{0xff}, uint32(i)), // sorts after every id, in order
			sent: now, delivered: now, category: m.Category, marks: markPlanned})
	}
	plan.With = e.foldGathered(p, room, math.MaxInt64)
	with, without := plan.With.Units, plan.Without
	for plan.Same < min(len(with), len(without)) && without[plan.Same].sameAs(&with[plan.Same]) {
		plan.Same++
	}
	return plan
}
