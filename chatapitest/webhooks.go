package chatapitest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
)

// This file delivers webhooks: in order, by one goroutine that lives while
// there is something to deliver.

// hook is one address of the webhook list.
type hook struct {
	url      string
	disabled bool
}

const maxHooks = 5

// cause is a webhook that goes out, to every address of the list.
type cause struct {
	body  []byte
	depth int // see request.depth
}

// Delivery is one webhook to one address.
type Delivery struct {
	URL  string
	Body json.RawMessage

	// Tries counts the requests; Status is the last answer, 0 if there was
	// none, and Problem says why it was not acknowledged.
	Tries   int
	Status  int
	Problem string
}

// String is one line for a test's log.
func (d Delivery) String() string {
	return fmt.Sprintf("webhook to %s, %d tries, status %d, %s: %.200s", d.URL, d.Tries, d.Status, d.Problem, d.Body)
}

type delivery struct {
	Delivery
	depth int
}

// outbox is the queue and what is being delivered; API.mu guards it.
type outbox struct {
	queue   []*delivery
	running bool
	current *delivery

	// announced counts what has been accepted and will be queued when its reply
	// is out: until then the queue is not done either.
	announced int

	socket bool          // current goes out over a real connection
	idle   chan struct{} // closed when the queue is done; nil if nobody waits
	client *http.Client
}

// maxDepth is how many deliveries may lead to one another without a customer or
// a program outside of the handlers doing something.
const maxDepth = 100

// Webhook adds an address to the channel's webhook list, as POST /webhook with
// the whole list would, and has its deliveries carried to handler in memory. A
// nil handler removes the one given before. A loopback address in the list that
// has no handler is called over a real connection; any other is nowhere, and
// its deliveries are in [API.Undelivered].
//
// Handlers are called one after another, each delivery until it is answered
// with 200 (see [Redeliver]). A handler may make customers act: inside a
// handler, an act only queues what it causes. (A handler is recognized by its
// own goroutine. An act by another goroutine, for which the handler waits,
// would wait for the handler.)
func (a *API) Webhook(address string, handler http.Handler) {
	if problem := link(address); problem != "" {
		a.report("Webhook: %q %s", address, problem)
		return
	}
	a.mu.Lock()
	key := hookKey(address)
	full := false
	if !slices.ContainsFunc(a.hooks, func(h *hook) bool { return hookKey(h.url) == key }) {
		if full = len(a.hooks) >= maxHooks; !full {
			a.hooks = append(a.hooks, &hook{url: address})
		}
	}
	if handler == nil {
		delete(a.receivers, key)
	} else {
		a.receivers[key] = handler
	}
	a.mu.Unlock()
	if full {
		a.report("Webhook: the list is full (%d addresses)", maxHooks)
	}
}

// Webhooks returns the channel's webhook list.
func (a *API) Webhooks() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.hookURLs()
}

// DisableWebhook switches one address off, as the service does when it keeps
// failing. Posting the whole list to /webhook enables it again.
func (a *API) DisableWebhook(address string) {
	a.mu.Lock()
	found := false
	for _, h := range a.hooks {
		if hookKey(h.url) == hookKey(address) {
			h.disabled, found = true, true
		}
	}
	a.mu.Unlock()
	if !found {
		a.report("DisableWebhook: %q is not in the list", address)
	}
}

// Delivered returns the webhooks that were acknowledged, in order.
func (a *API) Delivered() []Delivery {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.delivered)
}

// Undelivered returns the webhooks that were given up: no receiver, too many
// tries, or the fake was closed.
func (a *API) Undelivered() []Delivery {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.undelivered)
}

// Settle returns when every webhook that is due has been delivered or given up.
// Called by a webhook handler, it returns at once.
func (a *API) Settle() { a.settle() }

func (a *API) settle() {
	if a.insideHandler() {
		return
	}
	for {
		a.mu.Lock()
		if a.outbox.done() {
			a.mu.Unlock()
			return
		}
		if a.outbox.idle == nil {
			a.outbox.idle = make(chan struct{})
		}
		idle := a.outbox.idle
		a.mu.Unlock()
		<-idle
	}
}

func (o *outbox) done() bool { return !o.running && o.announced == 0 }

// tell wakes who waits, if the queue is done; API.mu is held.
func (o *outbox) tell() {
	if o.done() && o.idle != nil {
		close(o.idle)
		o.idle = nil
	}
}

// announce counts webhooks that send will queue; mu is held.
func (a *API) announce(causes []cause) []cause {
	causes = slices.DeleteFunc(causes, func(c cause) bool { return c.body == nil })
	if len(causes) > 0 {
		a.outbox.announced++
	}
	return causes
}

func hookKey(address string) string { return strings.TrimSuffix(strings.TrimSpace(address), "/") }

func (a *API) hookURLs() []string {
	urls := make([]string, 0, len(a.hooks))
	for _, h := range a.hooks {
		urls = append(urls, h.url)
	}
	return urls
}

// envelope is a normalized webhook with one element.
func (a *API) envelope(member string, element any) cause {
	value, err := json.Marshal(element)
	if err != nil {
		return cause{}
	}
	return cause{body: fmt.Appendf(nil, `{"instanceId":%q,%q:[%s]}`, a.channel, member, value)}
}

// send queues announced webhooks and sees to it that they are delivered.
func (a *API) send(causes []cause) {
	if len(causes) == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	defer a.outbox.tell()
	a.outbox.announced--
	copies := 1
	if a.quirks[DoubleDeliveries] {
		copies = 2
	}
	for _, c := range causes {
		for _, h := range a.hooks {
			for range copies {
				if !h.disabled {
					a.outbox.queue = append(a.outbox.queue, &delivery{Delivery{URL: h.url, Body: c.body}, c.depth})
				}
			}
		}
	}
	if a.closed {
		a.abandon("the fake is closed")
	}
	if len(a.outbox.queue) > 0 && !a.outbox.running {
		a.outbox.running = true
		a.workers.Add(1)
		go a.deliverAll()
	}
}

// abandon gives up everything that is queued; mu is held.
func (a *API) abandon(problem string) {
	for _, d := range a.outbox.queue {
		d.Problem = problem
		a.undelivered = append(a.undelivered, d.Delivery)
	}
	a.outbox.queue = nil
}

// deliverAll delivers until the queue is empty.
func (a *API) deliverAll() {
	defer a.workers.Done()
	finished := false
	defer func() {
		if !finished { // a handler ended this goroutine, as t.FailNow does
			a.finish("the handler ended its goroutine; only the test's own may call t.FailNow")
			a.workers.Add(1)
			go a.deliverAll()
		}
	}()
	for d := a.begin(); d != nil; d = a.begin() {
		a.finish(a.deliver(d))
	}
	finished = true
}

// begin takes the next delivery, or says that the queue is done.
func (a *API) begin() *delivery {
	a.mu.Lock()
	defer a.mu.Unlock()
	o := &a.outbox
	if len(o.queue) == 0 {
		o.running = false
		o.tell()
		return nil
	}
	o.current, o.queue = o.queue[0], o.queue[1:]
	return o.current
}

// finish ends the current delivery; a problem means that it was given up.
func (a *API) finish(problem string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	d := a.outbox.current
	a.outbox.current, a.outbox.socket = nil, false
	d.Problem = problem
	if problem == "" {
		a.delivered = append(a.delivered, d.Delivery)
		return
	}
	a.undelivered = append(a.undelivered, d.Delivery)
	if a.tb != nil {
		a.tb.Logf("chatapitest: not delivered: %s", d)
	}
}

// deliver tries until the webhook is acknowledged, and returns why it was given
// up.
func (a *API) deliver(d *delivery) (problem string) {
	if d.depth > maxDepth {
		a.report("%d webhooks led to one another: does the bot answer its own messages (fromMe)?", d.depth)
		return "the chain of deliveries does not end"
	}
	a.mu.Lock()
	handler := a.receivers[hookKey(d.URL)]
	tries := a.tries
	if tries == 0 {
		tries = 3
		if a.settings["guaranteedHooks"] {
			tries = 20
		}
	}
	a.outbox.socket = handler == nil
	a.mu.Unlock()
	if handler == nil && !loopback(d.URL) {
		return "no handler is registered for the address, and it is not loopback"
	}
	for {
		d.Tries++
		var err error
		if handler != nil {
			d.Status, err = a.callHandler(d, handler)
		} else {
			d.Status, err = a.post(d)
		}
		switch {
		case err != nil:
			problem = err.Error()
		case d.Status == http.StatusOK:
			return ""
		default:
			problem = fmt.Sprintf("answered with %d", d.Status)
		}
		if d.Tries >= tries || wait(a.stopping, a.pause) != nil {
			return problem
		}
	}
}

type depthKey struct{ api *API }

// callHandler carries a delivery to a handler in memory. Its name in the stack
// is how insideHandler recognizes a handler.
func (a *API) callHandler(d *delivery, handler http.Handler) (status int, err error) {
	ctx, cancel := context.WithCancel(context.WithValue(a.stopping, depthKey{a}, d.depth+1))
	defer cancel()
	r, err := newWebhook(ctx, d)
	if err != nil {
		return 0, err
	}
	r.RequestURI, r.RemoteAddr = r.URL.RequestURI(), "192.0.2.1:1234"
	w := &recorder{header: http.Header{}}
	defer func() {
		if v := recover(); v != nil {
			status, err = 0, fmt.Errorf("the handler panicked: %v", v)
			if e, ok := v.(error); !ok || !errors.Is(e, http.ErrAbortHandler) {
				a.report("the webhook handler of %s panicked: %v\n%s", d.URL, v, debug.Stack())
			}
		}
	}()
	handler.ServeHTTP(w, r)
	if w.status == 0 {
		return http.StatusOK, nil
	}
	return w.status, nil
}

// post carries a delivery over a real connection.
func (a *API) post(d *delivery) (status int, err error) {
	ctx, cancel := context.WithTimeout(a.stopping, deliveryTimeout)
	defer cancel()
	r, err := newWebhook(ctx, d)
	if err != nil {
		return 0, err
	}
	a.mu.Lock()
	if a.outbox.client == nil {
		a.outbox.client = &http.Client{
			Transport:     &http.Transport{DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext, MaxIdleConnsPerHost: 2},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	client := a.outbox.client
	a.mu.Unlock()
	resp, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, nil
}

const deliveryTimeout = 30 * time.Second

func newWebhook(ctx context.Context, d *delivery) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, bytes.NewReader(d.Body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	return r, nil
}

// close lets go of the connections to real webhook receivers.
func (o *outbox) close() {
	if o.client != nil {
		o.client.CloseIdleConnections()
	}
}

// recorder is the answer of a handler in memory, of which only the status
// counts.
type recorder struct {
	header http.Header
	status int
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
}

func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return len(b), nil
}

func (r *recorder) Flush() { r.WriteHeader(http.StatusOK) }

// insideHandler reports whether the caller is called by a webhook handler that
// is at work: by callHandler in memory, or by net/http's server while a
// delivery is out on a real connection.
func (a *API) insideHandler() bool {
	a.mu.Lock()
	busy, socket := a.outbox.current != nil, a.outbox.socket
	a.mu.Unlock()
	if !busy {
		return false
	}
	marker := "chatapitest.(*API).callHandler"
	if socket {
		marker = "net/http.(*conn).serve"
	}
	pcs := make([]uintptr, 256)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		frame, more := frames.Next()
		if strings.HasSuffix(frame.Function, marker) {
			return true
		}
		if !more {
			return false
		}
	}
}

// depthNow is the depth of what the running handler causes.
func (a *API) depthNow() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.outbox.current == nil {
		return 0
	}
	return a.outbox.current.depth + 1
}

// FromPhone sends a text from the business's phone app: the customer receives
// it, and the webhooks an echo that is not the API's own. It returns the id.
func (a *API) FromPhone(to, text string) string {
	c := a.Customer(to)
	if c.api == nil {
		return ""
	}
	return a.act(func() (*message, []cause) {
		m := &message{id: a.id("wamid.FAKE"), typ: "chat", body: &text, fromMe: true, at: a.now(), author: a.phone + "@c.us",
			sender: a.phone + "@c.us", thread: c.thread, category: "service"}
		a.store(m)
		c.received = append(c.received, &Received{ID: m.id, At: m.at, Text: text})
		return m, append(a.messageHooks(m), a.statusHooks(m, chatapi.StatusDelivered, "")...)
	})
}

// act does something from outside the API and returns when all it caused is
// delivered, or at once inside a webhook handler.
func (a *API) act(do func() (*message, []cause)) string {
	inside := a.insideHandler()
	depth := 0
	if inside {
		depth = a.depthNow()
	}
	a.mu.Lock()
	m, causes := do()
	causes = a.announce(causes)
	a.mu.Unlock()
	for i := range causes {
		causes[i].depth = depth
	}
	a.send(causes)
	if !inside {
		a.settle()
	}
	if m == nil {
		return ""
	}
	return m.id
}
