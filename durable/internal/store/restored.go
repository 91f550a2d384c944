package store

import (
	"context"
	"fmt"
	"time"
)

// wrongClock is how far the clock may have been wrong of a program that sent what was
// lost.
const wrongClock = 20 * time.Minute

// CheckInstant refuses an instant of Restored that is ahead of the database's clock: every
// message that is planned until then would become unknown.
func CheckInstant(before, now time.Time) error {
	if ahead := before.Sub(now); ahead > time.Minute {
		return fmt.Errorf("the instant %s is %s ahead of the clock; give the one since when nothing was sent, at most now",
			before.UTC().Format(time.RFC3339), ahead.Round(time.Second))
	}
	return nil
}

// Doubt makes every message unknown that was planned before an instant and is not
// finished, since what was lost with a restored database may have sent it. One that waits
// for a time that had not come by then, such as that of At, cannot have been sent and
// stays planned. The program hears of each by OnChange. It returns how many there were.
func Doubt(ctx context.Context, tx Tx, before time.Time) (messages int64, err error) {
	const those = " WHERE state IN (1, 2, 3, 9) AND planned < $1 AND NOT (state = 9 AND not_before > $2)"
	late := Micros(before.Add(wrongClock))
	if _, err := tx.Exec(ctx, `INSERT INTO outbox_notice (outbox, channel, tries, not_before)
		SELECT id, channel, 0, 1 FROM outbox`+those+" ON CONFLICT (outbox) DO NOTHING", Micros(before), late); err != nil {
		return 0, err
	}
	return tx.Exec(ctx, "UPDATE outbox SET state = 5, claim = '', not_before = 0, looked = 0, reason = $3"+those, Micros(before), late,
		"The database was restored, so that it may have been sent already.")
}
