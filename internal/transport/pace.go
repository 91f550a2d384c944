package transport

import (
	"context"
	"fmt"
	"hash/maphash"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Reasons for a wait, as hooks are told them.
const (
	WaitRetry = "retry"
	WaitPace  = "pace"
	WaitPair  = "pair"
)

// Pacer makes messages wait for their turn: those of the channel by a token
// bucket that steps down when the service complains, those of one recipient by
// a bucket of their own. A nil Pacer lets everything pass.
type Pacer struct {
	channel *adaptive
	pairs   *Pairs
}

// NewPacer returns a Pacer for perSecond messages a second of the channel, and
// for one message every so often to a recipient; 0 is no limit. It is nil if
// there is neither.
func NewPacer(perSecond float64, burst int, every time.Duration, pairBurst int) *Pacer {
	p := &Pacer{}
	if perSecond > 0 {
		p.channel = newAdaptive(perSecond, burst)
	}
	if every > 0 {
		p.pairs = NewPairs(every, pairBurst)
	}
	if p.channel == nil && p.pairs == nil {
		return nil
	}
	return p
}

// wait waits for the turn of a message. The pair comes first, so that who waits
// for a recipient holds no turn of the channel.
func (p *Pacer) wait(c *call) error {
	if p == nil {
		return nil
	}
	now := time.Now()
	if p.pairs != nil && c.request.Recipient != "" {
		turn := p.pairs.Reserve(c.request.Recipient, now)
		if err := sleep(c, turn.Delay, WaitPair); err != nil {
			p.pairs.Cancel(turn)
			return err
		}
		if turn.Delay > 0 {
			now = time.Now()
		}
	}
	if p.channel != nil && !p.channel.allow(now) {
		reserved := p.channel.reserve(now)
		if err := sleep(c, reserved.DelayFrom(now), WaitPace); err != nil {
			reserved.Cancel()
			return err
		}
	}
	return nil
}

// again returns how long a repeated attempt has to wait for its turn. It takes
// the turn: an attempt counts whether it is the first or not.
func (p *Pacer) again(recipient string) time.Duration {
	var delay time.Duration
	if p == nil {
		return 0
	}
	now := time.Now()
	if p.pairs != nil && recipient != "" {
		delay = p.pairs.Reserve(recipient, now).Delay
	}
	if p.channel != nil {
		delay = max(delay, p.channel.reserve(now).DelayFrom(now))
	}
	return delay
}

// Learn takes what the reply to a message said about the rate. An attempt that
// was answered with status 429 is learnt from by itself, since it may be repeated;
// a refusal of any other form is what the caller found in the reply.
func (p *Pacer) Learn(r *Request, m Meaning) {
	if p == nil || !r.Message {
		return
	}
	if p.channel != nil && m.Limited {
		p.channel.stepDown(time.Now())
	}
	if p.pairs != nil && r.Recipient != "" && m.PairLimited {
		p.pairs.Refused(r.Recipient, time.Now())
	}
}

// sleep waits, unless the context's deadline would pass first, which is said at
// once.
func sleep(ctx *call, d time.Duration, reason string) error {
	if d <= 0 {
		return ctx.Err()
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d {
		if err := ctx.Err(); err != nil {
			return err
		}
		return fmt.Errorf("waiting %s for the %s limit: %w", d.Round(time.Millisecond), reason, context.DeadlineExceeded)
	}
	ctx.tellWait(reason, d)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// adaptive is a token bucket whose rate halves when the service says that it is
// too high, at most once a second (the refusals of one burst are one complaint)
// and down to a 32nd, and grows back by a 20th of the full rate for each second
// without a complaint.
type adaptive struct {
	full    rate.Limit
	limiter *rate.Limiter

	mu      sync.Mutex
	lowered time.Time // of the newest step down; zero at full rate
	low     rate.Limit
}

func newAdaptive(perSecond float64, burst int) *adaptive {
	return &adaptive{full: rate.Limit(perSecond), limiter: rate.NewLimiter(rate.Limit(perSecond), max(burst, 1))}
}

// allow takes a turn if there is one now.
func (a *adaptive) allow(now time.Time) bool {
	a.regain(now)
	return a.limiter.AllowN(now, 1)
}

func (a *adaptive) reserve(now time.Time) *rate.Reservation {
	a.regain(now)
	return a.limiter.ReserveN(now, 1)
}

func (a *adaptive) stepDown(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.lowered.IsZero() && now.Sub(a.lowered) < time.Second {
		return
	}
	a.low = max(a.limiter.Limit()/2, a.full/32)
	a.lowered = now
	a.limiter.SetLimit(a.low)
}

func (a *adaptive) regain(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lowered.IsZero() {
		return
	}
	steps := math.Floor(now.Sub(a.lowered).Seconds())
	limit := min(a.low+rate.Limit(steps)*a.full/20, a.full)
	if limit == a.limiter.Limit() {
		return
	}
	a.limiter.SetLimit(limit)
	if limit == a.full {
		a.lowered = time.Time{}
	}
}

// Pairs is one bucket for each recipient (the generic cell rate algorithm: all
// that is kept is the instant at which the bucket will be full again). A
// recipient is a hash of 64 bits: two that share one, which is not to be
// expected below billions, share a bucket. Buckets that are full are dropped,
// so memory goes by the recipients of the last minutes.
type Pairs struct {
	every time.Duration
	burst time.Duration // how far ahead of now a bucket may be
	seed  maphash.Seed

	mu       sync.Mutex
	full     map[uint64]int64 // by recipient, in Unix nanoseconds
	sweepAt  int              // size at which full buckets are looked for
	refusals map[uint64]refusals
}

// refusals counts the complaints about one recipient.
type refusals struct {
	count int
	until int64
}

// NewPairs returns empty buckets; burst is at least 1.
func NewPairs(every time.Duration, burst int) *Pairs {
	return &Pairs{every: every, burst: time.Duration(max(burst, 1)-1) * every, seed: maphash.MakeSeed(),
		full: map[uint64]int64{}, sweepAt: 1024, refusals: map[uint64]refusals{}}
}

// Len returns how many buckets are not known to be full.
func (p *Pairs) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.full)
}

// Turn is a place in a recipient's row.
type Turn struct {
	Delay         time.Duration // until it comes
	key           uint64
	before, after int64
}

// Reserve takes a turn of the recipient.
func (p *Pairs) Reserve(recipient string, now time.Time) Turn {
	key := maphash.String(p.seed, recipient)
	p.mu.Lock()
	defer p.mu.Unlock()
	at := now.UnixNano()
	before := max(p.full[key], at)
	after := before + int64(p.every)
	if len(p.full) >= p.sweepAt {
		p.sweep(at)
	}
	p.full[key] = after
	return Turn{Delay: max(time.Duration(before-at)-p.burst, 0), key: key, before: before, after: after}
}

// Cancel gives a turn back, if no later one was taken since.
func (p *Pairs) Cancel(t Turn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.full[t.key] == t.after {
		p.full[t.key] = t.before
	}
}

// Refused notes that the service finds the recipient's rate too high: the next
// turn is 4 s away, then 16, 64 and so on up to 4^6 s (contract of errors: code
// 131056). Two hours without a complaint forget them.
func (p *Pairs) Refused(recipient string, now time.Time) {
	key := maphash.String(p.seed, recipient)
	p.mu.Lock()
	defer p.mu.Unlock()
	at := now.UnixNano()
	past := p.refusals[key]
	if past.until < at {
		past.count = 0
	}
	past.count = min(past.count+1, 6)
	past.until = at + int64(2*time.Hour) // outlasts the longest pause
	p.refusals[key] = past
	pause := int64(time.Second) << (2 * past.count)
	p.full[key] = max(p.full[key], at+pause+int64(p.burst))
	if len(p.refusals) > 1024 {
		for k, r := range p.refusals {
			if r.until < at {
				delete(p.refusals, k)
			}
		}
	}
}

// sweep drops full buckets. It looks again when twice as many as are left have
// gathered, so its cost is spread over as many turns.
func (p *Pairs) sweep(at int64) {
	for key, full := range p.full {
		if full <= at {
			delete(p.full, key)
		}
	}
	p.sweepAt = max(2*len(p.full), 1024)
}
