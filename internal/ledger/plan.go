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

// Plan folds the facts of one person or group with planned messages to one contact,
// at least one, and without them. The messages are sent and delivered at an instant, in their
// order, after all recorded facts of that instant. The fold uses the room, so
// after the next use of the room only its units are valid.
func (e *Engine) Plan(account int32, number string, messages []Planned, at int64, room *Thread) Plan {
	key := messages[0].Contact
	s := e.subjectAt(number, NameOf(key), at, room)
	var plan Plan
	if s == nil {
		room.reset()
		s = &subject{Pair: &Pair{Account: account, Thread: noThread, Number: number, Contact: key}, engine: e, facts: room, lastIn: Never}
	} else {
		plan.Without = e.fold(s, math.MaxInt64).Units
	}
	now := stamp{at, RankTold}
	for i, m := range messages {
		s.facts.messages = append(s.facts.messages, message{id: binary.BigEndian.AppendUint32([]byte{0xff}, uint32(i)), // sorts after every id, in order
			sent: now, delivered: now, category: m.Category, marks: markPlanned})
	}
	plan.With = e.fold(s, math.MaxInt64)
	plan.With.Pair = s.shownAt(at)
	with, without := plan.With.Units, plan.Without
	for plan.Same < min(len(with), len(without)) && without[plan.Same].sameAs(&with[plan.Same]) {
		plan.Same++
	}
	return plan
}
