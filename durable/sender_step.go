package durable

import (
	"context"
	"maps"
	"strconv"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable/internal/point"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// step is what one transaction of a sender found to do.
type step struct {
	client *chatapi.Client
	rows   []*row // claimed, or picked
	looks  []*row
	at     time.Time // of the claim
	next   time.Time // when to look again; zero if nothing waits
	claim  string    // of its rows, unlike that of any other step
	light  bool      // its rows are picked
	later  bool      // messages of rowLater are due
}

// step claims what is due, and does what time brings: it skips messages whose time has
// passed, and finds those that a dead process left. While the pace holds up nothing, most
// steps are light.
func (s *sender) step(work *sending, back bool) (*step, error) {
	s.Outbox.mu.Lock()
	s.woken = false
	s.Outbox.mu.Unlock()
	s.mu.Lock()
	s.adapt()
	light, hands := s.slots == sendSlots, maps.Clone(s.hands)
	s.mu.Unlock()
	room, client := s.room()
	now := s.clock.now()
	chores := back || now.Sub(s.chores) >= time.Second || now.Before(s.chores)
	ctx := context.WithoutCancel(work.ctx)
	if light && !chores {
		found := &step{client: client, at: now, claim: s.newClaim(), light: true}
		err := s.store.View(ctx, func(ctx context.Context, inner store.Tx) error {
			found.rows = nil
			return s.dueIn(ctx, NewTx(inner), found, room, hands)
		})
		if found.later { // the next step promotes
			s.chores = time.Time{}
			s.wakeHere(s.channel)
		}
		return claimed(found), err
	}
	var found *step
	claim := s.newClaim()
	// What it claims has to be known, so the commit cannot be broken off.
	err := s.store.Update(ctx, func(ctx context.Context, inner store.Tx) error {
		tx := NewTx(inner)
		found = &step{client: client, at: now, claim: claim}
		if back {
			if _, err := tx.Exec(ctx, "UPDATE outbox SET state = 1, claim = '' WHERE channel = $1 AND state IN (2, 3) AND state = 2 AND "+otherTurn,
				s.channel, s.claims); err != nil {
				return err
			}
		}
		if chores {
			if err := s.choresIn(ctx, tx, found); err != nil {
				return err
			}
		}
		if err := s.promoteIn(ctx, tx, store.Micros(now)); err != nil {
			return err
		}
		return s.dueIn(ctx, tx, found, room, hands)
	})
	if err != nil {
		return nil, err
	}
	if chores {
		s.chores = now
	}
	return claimed(found), nil
}

// otherTurn is true of a message that another turn, maybe of another program, has claimed
// or reserved. The first 26 signs of a claim are those of its turn; $2 is sender.claims.
const otherTurn = "substr(claim, 1, 26) <> $2"

// newClaim returns the claim of a step. A message that was given back may be claimed
// again while the verdict of the attempt before is written a second time, because the
// answer of its commit was lost. So each claim differs.
func (s *sender) newClaim() string {
	s.steps++
	return s.claims + "." + strconv.Itoa(s.steps)
}

func claimed(found *step) *step {
	if len(found.rows) > 0 {
		point.Reach(point.SendClaimed)
	}
	return found
}

// dueIn finds what is due, and when something is due again.
func (s *sender) dueIn(ctx context.Context, tx Tx, found *step, room int, hands map[string]int64) error {
	stopped, err := whyStopped(ctx, tx)
	if err != nil {
		return err
	}
	s.setStopped(stopped != "")
	if room > 0 && stopped == "" {
		if err := s.claimIn(ctx, tx, found, room, hands); err != nil {
			return err
		}
	}
	return s.nextIn(ctx, tx, found)
}

// promoteIn makes messages due whose time has come.
func (s *sender) promoteIn(ctx context.Context, tx Tx, now int64) error {
	_, err := tx.Exec(ctx, promoteQuery, s.channel, now)
	return err
}

const promoteQuery = `UPDATE outbox SET state = 1 WHERE id IN (SELECT id FROM outbox WHERE channel = $1 AND state = 9 AND not_before <= $2
	ORDER BY not_before LIMIT 256) AND state = 9`

// unknownHolds is how long an unknown message holds back later ones of its chat.
var unknownHolds = 2 * time.Minute

// preparedVersion is the newest Prepared.Version that this program can send. Rows of a
// newer one are left to newer programs.
const preparedVersion = 1

// choresIn does what time brings, in pieces.
func (s *sender) choresIn(ctx context.Context, tx Tx, found *step) error {
	now := store.Micros(found.at)
	late, err := scanInts(tx.Query(ctx, lateQuery, s.channel, now, whyLate))
	if err != nil {
		return err
	}
	if err := s.changedIn(ctx, tx, late...); err != nil {
		return err
	}
	orphans, err := scanRows(tx.Query(ctx, orphanQuery, s.channel, s.claims, now-s.orphanAge().Microseconds(), now+reservedLife.Microseconds()))
	if err != nil {
		return err
	}
	for _, r := range orphans {
		if err := s.unknownIn(ctx, tx, r, "the program ended while it was being sent"); err != nil {
			return err
		}
		if r.reserved <= now {
			continue
		}
		// The clock was wrong, so that nobody can say that the history does not have it.
		if _, err := tx.Exec(ctx, "UPDATE outbox SET looked = -1000 WHERE id = $1", r.id); err != nil {
			return err
		}
	}
	if _, held := s.held(s.channel); !held {
		if found.looks, err = scanRows(tx.Query(ctx, looksQuery, s.channel, now)); err != nil {
			return err
		}
	}
	return s.repeatIn(ctx, tx, s.channel, now)
}

const (
	lateQuery = `UPDATE outbox SET state = 7, reason = $3 WHERE id IN (SELECT id FROM outbox WHERE channel = $1
		AND until > 0 AND state IN (1, 9) AND until <= $2 ORDER BY until LIMIT 100) AND state IN (1, 9) RETURNING id`
	orphanQuery = "SELECT " + rowColumns + " FROM outbox WHERE channel = $1 AND state IN (2, 3) AND state = 3 AND " + otherTurn + " AND (reserved <= $3 OR reserved > $4) LIMIT 100" // or the clock was set back
	looksQuery  = "SELECT " + rowColumns + " FROM outbox WHERE channel = $1 AND state = 5 AND not_before > 0 AND not_before <= $2 ORDER BY not_before LIMIT 4"
)

// orphanAge is how long after its reservation a message of another claim is unknown. The
// sends of a turn end before the right to send is given back, so on a store of one program
// nobody is left who could finish such a message. On a shared one, the process that lost
// the right with its connection may still be sending.
func (s *sender) orphanAge() time.Duration {
	if s.store.Shared() {
		return reservedLife
	}
	return -clockSlack
}

// clockSlack is how far a clock may have been set back while the program did not run.
const clockSlack = 24 * time.Hour

const whyLate = "It could not be sent before the time until which it was to be sent."

// nextIn finds when something of the channel may be due.
func (s *sender) nextIn(ctx context.Context, tx Tx, found *step) error {
	rows, err := tx.Query(ctx, nextQuery, s.channel, s.claims)
	if err != nil {
		return err
	}
	defer rows.Close()
	var at [5]int64
	planned := 0
	if rows.Next() {
		if err := rows.Scan(&at[0], &at[1], &at[2], &at[3], &at[4], &planned); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	now, next := found.at, time.Time{}
	found.later = at[0] > 0 && at[0] <= store.Micros(now)
	if at[3] > 0 {
		at[3] = min(at[3], store.Micros(now)) + s.orphanAge().Microseconds()
	}
	for _, instant := range at {
		if t := store.Time(instant); instant > 0 && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	if planned > 0 {
		if t := now.Add(s.poll(now)); next.IsZero() || t.Before(next) {
			next = t
		}
	}
	if !next.IsZero() && !next.After(now) {
		next = now.Add(time.Second) // the step's work is bounded, and some waits for a client
	}
	found.next = next
	return nil
}

const nextQuery = `SELECT COALESCE((SELECT min(not_before) FROM outbox WHERE channel = $1 AND state = 9), 0),
	COALESCE((SELECT min(until) FROM outbox WHERE channel = $1 AND until > 0 AND state IN (1, 9)), 0),
	COALESCE((SELECT min(not_before) FROM outbox WHERE channel = $1 AND state = 5 AND not_before > 0), 0),
	COALESCE((SELECT min(reserved) FROM outbox WHERE channel = $1 AND state IN (2, 3) AND state = 3 AND ` + otherTurn + `), 0),
	COALESCE((SELECT min(not_before) FROM outbox_notice WHERE channel = $1), 0),
	(SELECT count(*) FROM (SELECT 1 FROM outbox WHERE channel = $1 AND state = 1 LIMIT 1) AS planned)`

// setStopped notes whether all sending is stopped.
func (s *sender) setStopped(stopped bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = stopped
}

// poll returns the pause before planned messages are looked at that cannot go now.
func (s *sender) poll(now time.Time) time.Duration {
	if _, held := s.held(s.channel); held {
		return heldPoll
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped:
		return heldPoll
	case now.Before(s.pauseTo):
		return s.pauseTo.Sub(now)
	}
	return blockedPoll
}
