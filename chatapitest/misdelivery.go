package chatapitest

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Misdelivery delivers webhooks as a handler must endure them: twice at the same time,
// out of order, or late. The fields URL to Times select the webhooks, the others say how
// they are delivered.
type Misdelivery struct {
	// URL limits the misdelivery to one address of the webhook list, and Match to the
	// webhooks for which it returns true. A webhook must match each of these fields
	// that is set. Match must not call the fake, which waits for it.
	URL   string
	Match func(Delivery) bool

	// Skip is the number of matching webhooks that pass first, and Times the number
	// that are misdelivered after them: 0 is one, and a negative number is all.
	Skip, Times int

	// Twice delivers a webhook twice: at the same time, as the quirk
	// [DeliveriesAtOnce] does, or, with Behind or Late, once in its turn and once so.
	Twice bool

	// Behind holds a webhook back until that number of later webhooks to the same
	// address were delivered or given up. The same Misdelivery holds none of these
	// back: with Behind 1 and Times -1, each two webhooks change places.
	Behind int

	// Late holds a webhook back for that time on the fake's clock, while others go
	// on. With Behind, it waits for both.
	Late time.Duration
}

// Misdeliver delivers the webhooks that match m as m says, from now on. If several
// misdeliveries match a webhook, the one added first is applied.
//
// [API.Settle] and the acts of customers do not wait for a webhook that is held back.
// Its delivery begins when its time has come, and then Settle waits for it. [API.Heal]
// ends all misdeliveries and delivers what they hold back; [API.Close] gives that up, and
// [API.Undelivered] lists it.
//
// The test fails if a number of m is negative (Times may be), or if m has none of Twice,
// Behind and Late.
func (a *API) Misdeliver(m Misdelivery) {
	a.ok(a.misdeliver(m))
}

func (a *API) misdeliver(m Misdelivery) error {
	switch {
	case m.Skip < 0, m.Behind < 0, m.Late < 0:
		return fmt.Errorf("Misdeliver: Skip, Behind and Late must not be negative (%d, %d, %s)", m.Skip, m.Behind, m.Late)
	case !m.Twice && m.Behind == 0 && m.Late == 0:
		return errors.New("Misdeliver: set Twice, Behind or Late")
	}
	if m.Times == 0 {
		m.Times = 1
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.misdeliveries = append(a.misdeliveries, &m)
	a.note(entry{remark: "the next webhooks are misdelivered"})
	return nil
}

// held is a delivery that a misdelivery holds back.
type held struct {
	*delivery
	by     *Misdelivery
	behind int       // the number of webhooks that still have to overtake it
	due    time.Time // by the fake's clock; zero if it is not late
	timer  *time.Timer
}

func (h *held) stop() {
	if h.timer != nil {
		h.timer.Stop()
	}
}

// misdeliveryOf returns the misdelivery for a webhook and counts it; nil if none
// matches. The caller holds mu.
func (a *API) misdeliveryOf(d Delivery) *Misdelivery {
	for _, m := range a.misdeliveries {
		overtakes := func(h *held) bool { return h.by == m && h.behind > 0 && hookKey(h.URL) == hookKey(d.URL) }
		switch {
		case m.Times == 0,
			m.URL != "" && hookKey(m.URL) != hookKey(d.URL),
			m.Match != nil && !m.Match(d),
			slices.ContainsFunc(a.outbox.held, overtakes):
			continue
		case m.Skip > 0:
			m.Skip--
			continue
		}
		if m.Times > 0 {
			m.Times--
		}
		return m
	}
	return nil
}

// enqueue queues a delivery, or holds it back. The caller holds mu.
func (a *API) enqueue(d *delivery) {
	m := a.misdeliveryOf(d.Delivery)
	if m == nil {
		a.enqueueNow(d)
		return
	}
	if m.Behind == 0 && m.Late == 0 {
		d.twice = true
		a.enqueueNow(d)
		return
	}
	if m.Twice {
		a.enqueueNow(d)
	}
	h := &held{delivery: d, by: m, behind: m.Behind}
	if m.Late > 0 {
		h.due = a.now().Add(m.Late)
		h.timer = time.AfterFunc(m.Late, a.release)
	}
	a.outbox.held = append(a.outbox.held, h)
	slices.SortStableFunc(a.outbox.held, func(x, y *held) int { return x.due.Compare(y.due) })
}

// enqueueNow queues a delivery, and behind it those that waited for it. The caller holds
// mu.
func (a *API) enqueueNow(d *delivery) {
	copies := 1
	if a.quirks.has(DoubleDeliveries) {
		copies = 2
	}
	for range copies {
		one := *d
		a.outbox.queue = append(a.outbox.queue, &one)
	}
	for _, h := range a.outbox.held {
		if h.behind > 0 && hookKey(h.URL) == hookKey(d.URL) {
			h.behind--
		}
	}
	a.enqueueReady()
}

// enqueueReady queues what is held back no longer, the earliest time first. The caller
// holds mu.
func (a *API) enqueueReady() {
	ready := func(h *held) bool { return h.behind == 0 && !a.now().Before(h.due) }
	for {
		i := slices.IndexFunc(a.outbox.held, ready)
		if i < 0 {
			return
		}
		h := a.outbox.held[i]
		a.outbox.held = slices.Delete(a.outbox.held, i, i+1)
		h.stop()
		a.enqueueNow(h.delivery)
	}
}

// release begins the delivery of what is held back no longer.
func (a *API) release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.enqueueReady()
	a.startDelivering()
}

// releaseAll does so for each channel.
func (a *API) releaseAll() {
	for _, c := range a.world.all() {
		c.release()
	}
}
