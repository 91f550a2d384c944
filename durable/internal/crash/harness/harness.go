//go:build unix

// Package harness is the kill test of package durable, for every store; see [Plug]. A
// driver has the fake service, the load and the truth; workers, which are other
// processes, have a desk each and are killed. A store that many programs share has two
// workers, of which the second one's clock is 15 minutes ahead, and a server that is
// killed too.
//
// The truth is outside of what is killed. Accepted is what the driver's own journal of
// 200s says, sent is what the customers of the fake have received, by the text of the
// message. A chat's next event is delivered only after the 200 of the one before, to
// whichever worker, and each delivery is repeated until its 200; one in twenty comes
// twice, at the same time or later. Each event leaves one row in a table without a unique
// key for it, and plans one answer that names it. Beside the answers the driver plans
// messages of its own, by the keys that it chose, and takes some of them back. Each call
// of a handler is in a file, so that two calls for one chat at the same time show.
//
// A store that many programs share also has a worker that only accepts, which gets its
// part of the deliveries and of the driver's own messages.
//
// A round starts a worker, while the others go on, and lets it die at a named point (see
// package point), at the first to twentieth time that it comes there, fewer with less
// load; or it kills the server while a worker stands at a point, or the worker that leads
// River, or freezes that one for longer than it leads. Every second round
// starts one more and kills it at a random moment, sometimes after it was frozen
// (SIGSTOP) at a point for longer than a claim, a send or a lock lives. Meanwhile the fake loses
// replies, breaks connections and limits the rate, its history lags, and some of its
// echoes and statuses arrive. After the last round workers that nobody kills finish the
// work, and what is unknown by then is settled by a person, who looks at what the
// customers have.
//
// The fake's windows and the spans of the outbox (see point.Shorten) are a fifteenth of
// those of a program. A clock that is ahead is the desk's: the SDK's own time, which is in
// attempts, is the machine's. The window of service, quiet hours and clocks that jump are
// not part of this test. It runs where SIGKILL and SIGSTOP are: not on Windows.
//
// A kill leaves the pages that the kernel has not written: it does not show that a commit
// reached the disk. With PRAGMA synchronous = OFF, or with fsync = off, this test passes
// as well. Therefore each worker reads the settings back on the connections that write, and ends
// if a commit may be lost. The death of a server shows synchronous_commit = off, and the
// check at the end compares commits with syncs where the database counts them.
package harness

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/chatapi-go/chatapi/durable/internal/point"
)

// Options say what is run.
type Options struct {
	Rounds int
	Seed   uint64   // of the points and moments of death
	Rate   int      // events in a second, over all chats
	Own    int      // how many events come for one message of the driver's own
	Break  string   // a deliberate fault of the workers, one of Breaks
	Points []string // where a worker or the server dies; nil is everywhere
	Dir    string   // of the data; it has to be empty
	Log    io.Writer
}

const (
	// shortened is by what the spans of the outbox are divided.
	shortened = 15

	// defaultRate is the load in events a second. It is above the 150 that the run has to
	// reach.
	defaultRate = 200

	// eventsToOwn is how many events come for one message of the driver's own.
	eventsToOwn = 5
)

// Main is the command. It returns the code with which the process ends.
func Main(plug *Plug) int {
	if code, worked := Work(plug); worked {
		return code
	}
	o := Options{Log: os.Stdout}
	flag.IntVar(&o.Rounds, "rounds", 10, "how many times a worker or the server is killed at a point")
	flag.Uint64Var(&o.Seed, "seed", uint64(time.Now().UnixNano()), "the seed of the points and moments of death; the load differs each time")
	flag.IntVar(&o.Rate, "rate", defaultRate, "events in a second")
	flag.StringVar(&o.Break, "break", "", "a deliberate fault of the workers: "+strings.Join(Breaks(), ", "))
	points := flag.String("points", "", "where somebody dies, with commas between; by default everywhere")
	flag.StringVar(&o.Dir, "dir", "", "an empty folder for the data, which is kept; by default a temporary one")
	flag.Parse()
	if *points != "" {
		o.Points = strings.Split(*points, ",")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	report, err := Run(ctx, o, plug)
	if err != nil {
		fmt.Fprintln(os.Stderr, "crash:", err)
		return 1
	}
	report.Print(os.Stdout)
	if len(report.Faults()) > 0 {
		return 1
	}
	return 0
}

// Run kills workers for some rounds and checks what became of everything.
func Run(ctx context.Context, o Options, plug *Plug) (*Report, error) {
	if o.Rounds < 1 {
		return nil, errors.New("rounds has to be at least 1")
	}
	if o.Rate == 0 {
		o.Rate = defaultRate
	}
	if o.Own == 0 {
		o.Own = eventsToOwn
	}
	if o.Points == nil {
		o.Points = plug.Points
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	if o.Dir == "" {
		dir, err := os.MkdirTemp("", "crash-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		o.Dir = dir
	}
	fmt.Fprintf(o.Log, "crash: seed %d, data in %s\n", o.Seed, o.Dir)
	d, err := newDriver(ctx, o, plug)
	if err != nil {
		return nil, err
	}
	defer d.close()
	return d.run(ctx)
}

// run is the whole test.
func (d *driver) run(ctx context.Context) (*Report, error) {
	load, stop := context.WithCancel(ctx)
	defer stop()
	d.startLoad(load, ctx)
	for d.round = 1; d.round <= d.Rounds; d.round++ {
		if err := d.catchUp(ctx); err != nil {
			return nil, err
		}
		name := d.nextPoint()
		kill := d.killAtPoint
		switch {
		case d.server.Deaths[name] != nil:
			kill = d.killServer
		case isLeaders(name):
			kill = d.killLeader
		}
		if err := kill(ctx, name); err != nil {
			return nil, err
		}
		if d.round%2 == 0 {
			if err := d.killAnywhere(ctx); err != nil {
				return nil, err
			}
		}
	}
	if err := d.finish(ctx, stop); err != nil {
		return nil, err
	}
	return d.check(ctx)
}

// times returns at which time a worker dies at a point.
func (d *driver) times(name string) int {
	if isRare(name) {
		return 1
	}
	return 1 + d.dice.IntN(max(1, d.Rate/10)) // the 20th at the full load
}

// killAtPoint lets a worker die at a point.
func (d *driver) killAtPoint(ctx context.Context, name string) error {
	slot := d.slotFor(name)
	alone := isForOne(name)
	for nth := d.times(name); ; nth, alone = 1, true {
		if alone { // the others have the locks of what is busy
			for other := range d.slots {
				if err := d.kill(other); err != nil {
					return err
				}
			}
		}
		w, err := d.replace(ctx, slot, orders{Point: name, Nth: nth})
		if err != nil {
			return err
		}
		if err := d.fill(ctx); err != nil {
			return err
		}
		if !w.wait(ctx, pointWait) {
			w.kill()
		}
		at, err := d.end(slot)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return err
		case at == name:
			d.hits[name]++
			fmt.Fprintf(d.Log, "%s round %d: killed at %s\n", clock(), d.round, name)
			return nil
		}
		d.random++
		fmt.Fprintf(d.Log, "%s round %d: %s was not reached %d times within %s\n", clock(), d.round, name, nth, pointWait)
		if nth == 1 {
			d.missed = append(d.missed, name)
			return nil
		}
	}
}

// killServer lets the server die while a worker stands at a point. The workers have to
// live through it.
func (d *driver) killServer(ctx context.Context, name string) error {
	slot := d.dice.IntN(len(d.slots))
	at := d.somewhere(slot)
	w, err := d.replace(ctx, slot, orders{Point: at, Nth: 1 + d.dice.IntN(5), Hold: true})
	if err != nil {
		return err
	}
	if err := d.fill(ctx); err != nil {
		return err
	}
	if !w.stands(ctx, 3*time.Second) {
		at = "a random moment"
	}
	began := time.Now()
	if err := d.server.Deaths[name](ctx); err != nil {
		return err
	}
	d.excuse(began)
	d.hits[name]++
	fmt.Fprintf(d.Log, "%s round %d: %s at %s, away for %s\n", clock(), d.round, name, at, time.Since(began).Round(time.Millisecond))
	w.wait(ctx, time.Second+d.within(2*time.Second))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return d.fill(ctx)
}

// killAnywhere kills a worker at a random moment, sometimes after it stood still.
func (d *driver) killAnywhere(ctx context.Context) error {
	slot, o, freeze := d.dice.IntN(len(d.slots)), orders{}, d.round%6 == 0
	if freeze {
		o = orders{Point: d.somewhere(slot), Nth: 1 + d.dice.IntN(5), Hold: true}
	}
	w, err := d.replace(ctx, slot, o)
	if err != nil {
		return err
	}
	if err := d.fill(ctx); err != nil {
		return err
	}
	what := "killed at a random moment"
	if freeze {
		if what = "frozen at " + o.Point; !w.stands(ctx, 2*time.Second) {
			what = "frozen at a random moment"
		}
		began := time.Now()
		w.freeze(ctx, 2*time.Second+d.within(6*time.Second)) // a claim lives 2 s, a send 4 s
		d.excuse(began)
		w.wait(ctx, 200*time.Millisecond+d.within(time.Second))
		d.frozen++
		what += fmt.Sprintf(" for %s, woken and killed", time.Since(began).Round(100*time.Millisecond))
	} else {
		w.wait(ctx, 200*time.Millisecond+d.within(1500*time.Millisecond))
	}
	fmt.Fprintf(d.Log, "%s round %d: %s\n", clock(), d.round, what)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return d.kill(slot)
}

// pointWait is how long a worker may take to come to a point.
const pointWait = 12 * time.Second

// within returns a random span below the given one.
func (d *driver) within(span time.Duration) time.Duration {
	return time.Duration(d.dice.Int64N(int64(span)))
}

// isForOne reports whether one worker at a time comes to a point, as long as it lives.
func isForOne(name string) bool { return name == point.FoldBegun || name == point.FoldCommitted }

// isRare reports whether a worker comes to a point about once in a second or less.
func isRare(name string) bool {
	switch name {
	case point.UnknownBegun, point.LookBegun, point.KeepBetween, point.KeepEnded, point.TidyBegun, point.TidyEnded:
		return true
	}
	return false
}

// nextPoint returns the points in turn, and before each turn those that were missed.
func (d *driver) nextPoint() string {
	if len(d.queue) == 0 {
		d.queue, d.missed = append(d.queue, d.missed...), nil
		order := append([]string{}, d.Points...)
		d.dice.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		d.queue = append(d.queue, order...)
	}
	name := d.queue[0]
	d.queue = d.queue[1:]
	return name
}

// clock is the time of a line of the log.
func clock() string { return time.Now().Format("15:04:05.000") }
