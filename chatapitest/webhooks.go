package chatapitest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// hookAddress is one address of the webhook list.
type hookAddress struct {
	url      string
	disabled bool
}

const maxHooks = 5

// Delivery is the delivery of one webhook to one address.
type Delivery struct {
	URL  string
	Body json.RawMessage

	// At is the time at which it ended, by the fake's clock.
	At time.Time

	// Tries counts the requests. Status is the status of the last answer, 0 if
	// there was none. Problem is the reason why the webhook was not acknowledged.
	Tries   int
	Status  int
	Problem string
}

// String returns the delivery in one line, for a test's log.
func (d Delivery) String() string {
	return fmt.Sprintf("webhook to %s, %d tries, status %d, %s: %.200s", d.URL, d.Tries, d.Status, d.Problem, d.Body)
}

// Webhook adds an address to the channel's webhook list, which holds up to 5, and
// delivers the address's webhooks to handler in memory. A nil handler removes the
// handler of the address. A loopback address without a handler is called over a
// real connection. Any other address without a handler cannot be reached, and its
// webhooks are in [API.Undelivered].
//
// Webhooks are delivered one at a time and in order, unless the quirk
// [DeliveriesAtOnce] is on or [API.Misdeliver] says otherwise. Each is repeated until
// it is answered with 200; see [Redeliver]. If the handler never does, the fake gives
// the webhook up, and the test fails; see [AllowUndelivered]. A handler may make
// customers act: inside a handler, an act only queues its webhooks. The fake
// recognizes a handler by its goroutine, so a handler must not wait for another
// goroutine that makes a customer act: each would wait for the other.
func (a *API) Webhook(address string, handler http.Handler) {
	if problem := link(address); problem != "" {
		a.report("Webhook: %q %s", address, problem)
		return
	}
	a.mu.Lock()
	key := hookKey(address)
	full := false
	if !slices.ContainsFunc(a.hooks, func(h *hookAddress) bool { return hookKey(h.url) == key }) {
		if full = len(a.hooks) >= maxHooks; !full {
			a.hooks = append(a.hooks, &hookAddress{url: address})
		}
	}
	a.receive(key, handler)
	a.changed()
	a.mu.Unlock()
	if full {
		a.report("Webhook: the list is full (%d addresses)", maxHooks)
	}
}

// Webhooks returns the addresses of the channel's webhook list, including disabled
// ones.
func (a *API) Webhooks() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.hookURLs()
}

// DisableWebhook disables one address of the list, as the service does if the
// address keeps failing. Posting the whole list to /webhook enables it again. An
// address that is not in the list fails the test.
func (a *API) DisableWebhook(address string) { a.ok(a.disableWebhook(address)) }

// Delivered returns the webhooks that were acknowledged, in order. The list is a
// copy.
func (a *API) Delivered() []Delivery {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.endedWith(func(d ended) bool { return d.Problem == "" })
}

// Undelivered returns the webhooks that the fake gave up, in order: there was no
// receiver, all tries failed, or the fake was closed. The list is a copy.
func (a *API) Undelivered() []Delivery {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.endedWith(func(d ended) bool { return d.Problem != "" && !d.again })
}

// ended is a delivery that is over. again is set if [API.Restart] delivers it again.
type ended struct {
	Delivery
	again bool
}

// ends notes that a delivery is over; the caller holds mu.
func (a *API) ends(d *delivery) {
	d.At = a.now()
	a.deliveries = append(a.deliveries, ended{Delivery: d.Delivery})
	a.changed()
}

// endedWith returns the deliveries for which keep is true; nil if there are none.
func (a *API) endedWith(keep func(ended) bool) (all []Delivery) {
	for _, d := range a.deliveries {
		if keep(d) {
			all = append(all, d.Delivery)
		}
	}
	return all
}

// Settle waits until every pending webhook is delivered or given up, but not for one
// that a [Misdelivery] holds back. Called by a webhook handler, it returns at once.
func (a *API) Settle() { a.settle() }

// hookKey returns an address in the form in which addresses are compared.
func hookKey(address string) string { return strings.TrimSuffix(strings.TrimSpace(address), "/") }

func (a *API) hookURLs() []string {
	urls := make([]string, 0, len(a.hooks))
	for _, h := range a.hooks {
		urls = append(urls, h.url)
	}
	return urls
}
