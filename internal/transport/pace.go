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

// The reasons for a pause, as the hooks get them.
const (
	WaitRetry = "retry"
	WaitPace  = "pace"
	WaitPair  = "pair"
)

// Pacer makes messages wait for their turn: for that of the channel by a token
// bucket whose rate falls when the service complains, and for that of the
// recipient by a bucket for each recipient. A nil Pacer lets everything pass.
type Pacer struct {
	channel *adaptive
	pairs   *pairs
}

// NewPacer returns a Pacer for perSecond messages a second of the channel, and
// for one message to each recipient in the time every; 0 is no limit. It
// returns nil if there is no limit at all.
func NewPacer(perSecond float64, burst int, every time.Duration, pairBurst int) *Pacer {
	p := &Pacer{}
	if perSecond > 0 {
		p.channel = newAdaptive(perSecond, burst)
	}
	if every > 0 {
		p.pairs = newPairs(every, pairBurst)
	}
	if p.channel == nil && p.pairs == nil {
		return nil
	}
	return p
}

// Continue makes p go on where old is, another Pacer of the same channel. Both then share
// the buckets and pauses of the recipients and, if rate and burst are equal, the bucket
// of the channel. A limit that one of the two does not have begins anew. Call Continue
// before any other method of p; old may be in use.
func (p *Pacer) Continue(old *Pacer) {
	if p == nil || old == nil {
		return
	}
	if p.channel != nil && old.channel != nil {
		p.channel = p.channel.after(old.channel, time.Now())
	}
	if p.pairs != nil && old.pairs != nil {
		p.pairs.recipients = old.pairs.recipients
	}
}

// wait waits for the turn of a message. The recipient's turn comes first, so
// that a message that waits for its recipient holds no turn of the channel.
func (p *Pacer) wait(c *call) error {
	if p == nil {
		return nil
	}
	now := time.Now()
	if p.pairs != nil && c.request.Recipient != "" {
		next := p.pairs.reserve(c.request.Recipient, now)
		if err := sleep(c, next.delay, WaitPair); err != nil {
			p.pairs.cancel(next)
			return err
		}
		if next.delay > 0 {
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

// again takes a turn for a repeated attempt, which counts like a first one, and
// returns the time until the turn comes.
func (p *Pacer) again(recipient string) time.Duration {
	var delay time.Duration
	if p == nil {
		return 0
	}
	now := time.Now()
	if p.pairs != nil && recipient != "" {
		delay = p.pairs.reserve(recipient, now).delay
	}
	if p.channel != nil {
		delay = max(delay, p.channel.reserve(now).DelayFrom(now))
	}
	return delay
}

// Learn adapts the pace to the reply to a message. The transport calls it for
// replies with status 429, since it may repeat those attempts itself. The
// caller of Do calls it for a refusal that it finds in any other reply.
func (p *Pacer) Learn(r *Request, m Meaning) {
	if p == nil || !r.Message {
		return
	}
	if p.channel != nil && m.Limited {
		p.channel.stepDown(time.Now())
	}
	if p.pairs != nil && r.Recipient != "" && m.PairLimited {
		p.pairs.refused(r.Recipient, time.Now())
	}
}

// sleep waits for d. If the context's deadline would pass first, it fails at
// once.
func sleep(ctx *call, d time.Duration, reason string) error {
	if d <= 0 {
		return ctx.Err()
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d {
		if err := ctx.Err(); err != nil {
			return err
		}
		if wait := ctx.request.Wait; wait != nil {
			wait(reason, d)
		}
		return fmt.Errorf("waiting %s for the %s limit: %w", d.Round(time.Millisecond), reason, context.DeadlineExceeded)
	}
	ctx.reportWait(reason, d)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// adaptive is a token bucket whose rate adapts. When the service says that the
// rate is too high, it is halved, at most once a second (the refusals of one
// burst are one complaint) and down to a 32nd of the full rate. Each second
// without a complaint adds a 20th of the full rate.
type adaptive struct {
	full    rate.Limit
	limiter *rate.Limiter

	mu      sync.Mutex
	lowered time.Time // when the rate was last halved; zero at full rate
	low     rate.Limit
}

func newAdaptive(perSecond float64, burst int) *adaptive {
	return &adaptive{full: rate.Limit(perSecond), limiter: rate.NewLimiter(rate.Limit(perSecond), max(burst, 1))}
}

// after returns the bucket that follows old: old itself, if rate and burst are equal. Else
// a, without a burst, and if the service has complained, at the rate that old has now.
func (a *adaptive) after(old *adaptive, now time.Time) *adaptive {
	if a.full == old.full && a.limiter.Burst() == old.limiter.Burst() {
		return old
	}
	a.limiter.AllowN(now, a.limiter.Burst())
	old.regain(now)
	old.mu.Lock()
	defer old.mu.Unlock()
	if borne := old.limiter.Limit(); !old.lowered.IsZero() && borne < a.full {
		a.low, a.lowered = max(borne, a.full/32), now
		a.limiter.SetLimit(a.low)
	}
	return a
}

// allow takes a turn if one is free now.
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

// pairs holds one bucket for each recipient. By the generic cell rate algorithm
// a bucket is only the instant at which it will be full again. The key is a
// hash of 64 bits: two recipients with the same hash, which is unlikely below
// billions, share a bucket. Full buckets are dropped, so that memory depends on
// the recipients of the last minutes only.
type pairs struct {
	every time.Duration
	burst time.Duration // how far ahead of now a bucket may be
	*recipients
}

// recipients is the state of all buckets. Pacers with other limits may share it.
type recipients struct {
	seed maphash.Seed

	mu       sync.Mutex
	full     map[uint64]int64 // by recipient, in Unix nanoseconds
	sweepAt  int              // size at which the next sweep comes
	refusals map[uint64]refusals
}

// refusals counts the complaints about one recipient, until an instant.
type refusals struct {
	count  int
	until  int64
	paused int64 // the end of the pause; the bucket is then empty
}

// newPairs returns no buckets yet, which means that all are full. A burst below
// 1 counts as 1.
func newPairs(every time.Duration, burst int) *pairs {
	return &pairs{every: every, burst: time.Duration(max(burst, 1)-1) * every, recipients: &recipients{
		seed: maphash.MakeSeed(), full: map[uint64]int64{}, sweepAt: 1024, refusals: map[uint64]refusals{}}}
}

// turn is a place in the queue of a recipient.
type turn struct {
	delay         time.Duration // until the turn comes
	key           uint64
	before, after int64
}

// reserve takes the next turn of the recipient.
func (p *pairs) reserve(recipient string, now time.Time) turn {
	key := maphash.String(p.seed, recipient)
	p.mu.Lock()
	defer p.mu.Unlock()
	at := now.UnixNano()
	before := max(p.full[key], at)
	if past, refused := p.refusals[key]; refused {
		before = max(before, past.paused+int64(p.burst))
	}
	after := before + int64(p.every)
	if len(p.full) >= p.sweepAt {
		p.sweep(at)
	}
	p.full[key] = after
	return turn{delay: max(time.Duration(before-at)-p.burst, 0), key: key, before: before, after: after}
}

// cancel gives a turn back, unless a later one was taken since.
func (p *pairs) cancel(t turn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.full[t.key] == t.after {
		p.full[t.key] = t.before
	}
}

// refused notes that the service finds the recipient's rate too high. The next
// turn comes after 4 s, after the next complaint 16 s, then 64 s and so on up
// to 4^6 s (contract of errors: code 131056). Two hours without a complaint
// start the count anew.
func (p *pairs) refused(recipient string, now time.Time) {
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
	past.paused = max(past.paused, at+int64(time.Second)<<(2*past.count))
	p.refusals[key] = past
	if len(p.refusals) > 1024 {
		for k, r := range p.refusals {
			if r.until < at {
				delete(p.refusals, k)
			}
		}
	}
}

// sweep drops full buckets. The next sweep comes when the number of those that
// are left has doubled, so that the cost per turn stays constant.
func (p *pairs) sweep(at int64) {
	for key, full := range p.full {
		if full <= at {
			delete(p.full, key)
		}
	}
	p.sweepAt = max(2*len(p.full), 1024)
}
