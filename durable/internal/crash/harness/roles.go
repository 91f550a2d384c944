//go:build unix

package harness

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/durable/internal/point"
)

// Besides the workers that do everything, a store of many programs has acceptors, which
// only accept ([durable.AcceptOnly]), and one of the workers leads River.

// acceptorPrefix begins the names of an acceptor's points.
const acceptorPrefix = "acceptor-"

// AcceptorPoints are the points to which a program comes that only accepts.
func AcceptorPoints() (names []string) {
	for _, name := range []string{point.AcceptBegun, point.AcceptCommitted, point.AcceptWoken, point.AcceptAnswered, point.PlanCommitted} {
		names = append(names, acceptorPrefix+name)
	}
	return names
}

// The deaths of the worker that leads River: at a point to which it comes next, and frozen
// for longer than it leads without a word, so that another one leads when it wakes.
const (
	LeaderKilled = "leader-killed"
	LeaderFrozen = "leader-frozen"
)

const (
	leaderWait = 30 * time.Second // a dead leader is missed after 15 s, and the next one may die too
	leaderTerm = 17 * time.Second // longer than a leader leads without a word
)

func isLeaders(name string) bool { return name == LeaderKilled || name == LeaderFrozen }

// accepts reports whether the worker of a slot only accepts.
func (d *driver) accepts(slot int) bool { return slot >= d.plug.Workers }

// slotFor returns the slot of a worker that comes to a point.
func (d *driver) slotFor(name string) int {
	if strings.HasPrefix(name, acceptorPrefix) {
		return d.plug.Workers + d.dice.IntN(d.plug.Acceptors)
	}
	return d.dice.IntN(d.plug.Workers)
}

// somewhere returns a point at which the worker of a slot stands soon.
func (d *driver) somewhere(slot int) string {
	for {
		name := d.plug.Points[d.dice.IntN(len(d.plug.Points))]
		if d.server.Deaths[name] == nil && !isRare(name) && !isLeaders(name) && strings.HasPrefix(name, acceptorPrefix) == d.accepts(slot) {
			return name
		}
	}
}

// leader returns the worker that leads River, and its slot. It waits for one, and returns
// nil if there is none.
func (d *driver) leader(ctx context.Context) (w *worker, slot int, err error) {
	for until := time.Now().Add(leaderWait); time.Now().Before(until) && ctx.Err() == nil; pause(ctx, 100*time.Millisecond) {
		if err := d.fill(ctx); err != nil {
			return nil, 0, err
		}
		process, err := d.server.Leader(ctx)
		if err != nil {
			continue // the server has just been killed
		}
		slot := slices.IndexFunc(d.slots, func(w *worker) bool { return !w.gone() && w.cmd.Process.Pid == process })
		if slot >= 0 {
			return d.slots[slot], slot, nil
		}
	}
	return nil, 0, ctx.Err()
}

// killLeader lets the worker die that leads River.
func (d *driver) killLeader(ctx context.Context, name string) error {
	w, slot, err := d.leader(ctx)
	switch {
	case err != nil:
		return err
	case w == nil:
		fmt.Fprintf(d.Log, "%s round %d: no worker led within %s\n", clock(), d.round, leaderWait)
		d.missed = append(d.missed, name)
		return nil
	}
	at := "a random moment"
	if name == LeaderFrozen {
		began := time.Now()
		w.freeze(ctx, leaderTerm)
		d.excuse(began)
		at += fmt.Sprintf(", frozen for %s, woken and killed", time.Since(began).Round(100*time.Millisecond))
		w.wait(ctx, 200*time.Millisecond+d.within(2*time.Second))
		d.frozen++
	} else if o := (orders{Point: d.somewhere(slot), Nth: 1 + d.dice.IntN(5)}); w.told(ctx, o) && w.wait(ctx, 3*time.Second) {
		at = o.Point
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if !w.gone() {
		w.kill()
	}
	if _, err := d.end(slot); err != nil {
		return err
	}
	d.hits[name]++
	fmt.Fprintf(d.Log, "%s round %d: %s at %s\n", clock(), d.round, name, at)
	return d.fill(ctx)
}
