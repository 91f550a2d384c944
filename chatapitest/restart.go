package chatapitest

import (
	"context"
	"net/http"
	"slices"
)

// receiver is the handler of an address. Its context ends when the program that it
// stands for is killed.
type receiver struct {
	http.Handler
	ctx  context.Context // the life of the handler
	kill context.CancelFunc
}

// receive registers the handler of an address; the caller holds mu.
func (a *API) receive(key string, handler http.Handler) {
	if handler == nil {
		delete(a.receivers, key)
		return
	}
	r := &receiver{Handler: handler}
	r.ctx, r.kill = context.WithCancel(a.stopping)
	a.receivers[key] = r
}

// killed reports whether the receiver was killed, and not by Close.
func (r *receiver) killed() bool { return r != nil && r.ctx.Err() != nil }

// Restart kills the program behind an address and starts it again: handler, which the
// test makes anew from what the program has stored, takes the place of the one of before.
//
//	api.Restart("https://bot.test/s3cret", newBot(store))
//
// A webhook that the old handler is working on is broken off: the context of its request
// ends, its answer does not count, and the webhook is delivered to the new handler, as
// the service does after a broken connection. So a test can kill a program in the middle,
// from another goroutine, or from within, as in a store or sender of the test; there,
// runtime.Goexit keeps the old handler from going on. The webhooks to the address that were given
// up are delivered again and leave [API.Undelivered]. After api.Webhook(address, nil),
// which switches a program off, these are the webhooks of the time in between.
//
// Restart returns when all webhooks are delivered; called by a handler, at once. An
// address that is not in the list fails the test; see [API.Webhook].
func (a *API) Restart(address string, handler http.Handler) {
	key := hookKey(address)
	a.mu.Lock()
	known := slices.ContainsFunc(a.hooks, func(h *hookAddress) bool { return hookKey(h.url) == key })
	if known {
		if old := a.receivers[key]; old != nil {
			old.kill()
		}
		a.receive(key, handler)
		a.note(entry{remark: "the program at " + address + " is started again"})
		for i := range a.deliveries {
			if d := &a.deliveries[i]; d.Problem != "" && !d.again && hookKey(d.URL) == key {
				d.again = true
				a.outbox.queue = append(a.outbox.queue, &delivery{Delivery: Delivery{URL: d.URL, Body: d.Body}, era: a.era})
			}
		}
		a.startDelivering()
	}
	a.mu.Unlock()
	if !known {
		a.report("Restart: %q is not in the list of webhooks; Webhook adds it", address)
		return
	}
	a.settle()
}
