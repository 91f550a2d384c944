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
)

// This file delivers webhooks in the order of the queue, on one goroutine, which ends when the queue
// is empty. Two more goroutines deliver the copies of a webhook that is delivered twice at
// the same time.

// webhook is one webhook for every address of the list.
type webhook struct {
	body  []byte
	depth int             // see request.depth
	era   context.Context // of the act or request
}

// delivery is a delivery in the outbox.
type delivery struct {
	Delivery
	depth int
	era   context.Context // ends when Reset drops it
	twice bool            // deliver it twice at the same time
	pair  *pair           // nil if there is no other copy

	receiver *receiver // of the last try; nil over a real connection
}

// outbox is the queue of deliveries and the current delivery; API.mu guards it.
type outbox struct {
	queue   []*delivery
	held    []*held // not queued yet; the earliest time first
	running bool
	current *delivery

	// announced counts the requests and acts whose webhooks are not queued yet.
	// Until they are, the outbox is not done.
	announced int

	pair   *pair         // the copies of the current delivery; nil if there is one
	socket bool          // the current delivery uses a real connection
	idle   chan struct{} // closed when the outbox is done; nil if nobody waits
	client *http.Client
}

// maxDepth limits the chain of deliveries, each of which leads to the next, without
// an act of a customer or a request from outside the handlers.
const maxDepth = 100

// settle waits until the outboxes of all channels are done, for a bot may answer by
// another channel; inside a webhook handler it does not wait.
func (a *API) settle() {
	if a.stray() != nil || a.insideHandler() {
		return
	}
	a.releaseAll()
	for waited := true; waited; {
		waited = false
		for _, c := range a.world.all() {
			waited = c.settleOutbox() || waited
		}
	}
}

// settleOutbox waits until the channel's outbox is done and reports whether it had to.
func (a *API) settleOutbox() (waited bool) {
	for {
		a.mu.Lock()
		if a.outbox.done() {
			a.mu.Unlock()
			return waited
		}
		if a.outbox.idle == nil {
			a.outbox.idle = make(chan struct{})
		}
		idle := a.outbox.idle
		a.mu.Unlock()
		<-idle
		waited = true
	}
}

func (o *outbox) done() bool { return !o.running && o.announced == 0 }

// wakeWaiters ends the waiting of settle if the outbox is done; the caller holds
// API.mu.
func (o *outbox) wakeWaiters() {
	if o.done() && o.idle != nil {
		close(o.idle)
		o.idle = nil
	}
}

// announce counts the webhooks of one request or act, which send will queue. It
// drops those without a body. The caller holds mu.
func (a *API) announce(webhooks []webhook) []webhook {
	webhooks = slices.DeleteFunc(webhooks, func(w webhook) bool { return w.body == nil })
	if len(webhooks) > 0 {
		a.outbox.announced++
	}
	for i := range webhooks {
		webhooks[i].era = a.era
	}
	return webhooks
}

// envelope returns a normalized webhook with one element.
func (a *API) envelope(member string, element any) webhook {
	value, err := json.Marshal(element)
	if err != nil {
		return webhook{}
	}
	return webhook{body: fmt.Appendf(nil, `{"instanceId":%q,%q:[%s]}`, a.channel, member, value)}
}

// send queues announced webhooks and starts their delivery.
func (a *API) send(webhooks []webhook) {
	if len(webhooks) == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	defer a.outbox.wakeWaiters()
	a.outbox.announced--
	a.enqueueReady()
	for _, w := range webhooks {
		for _, h := range a.hooks {
			if !h.disabled && w.era.Err() == nil {
				a.enqueue(&delivery{Delivery: Delivery{URL: h.url, Body: w.body}, depth: w.depth, era: w.era})
			}
		}
	}
	a.startDelivering()
}

// startDelivering begins to deliver the queue; the caller holds mu.
func (a *API) startDelivering() {
	if a.closed {
		a.abandon("the fake is closed")
	}
	if len(a.outbox.queue) > 0 && !a.outbox.running {
		a.outbox.running = true
		a.workers.Add(1)
		go a.deliverAll()
	}
}

// abandon gives up all deliveries that are queued or held back; the caller holds mu.
func (a *API) abandon(problem string) {
	for _, h := range a.outbox.held {
		h.stop()
		a.outbox.queue = append(a.outbox.queue, h.delivery)
	}
	for _, d := range a.outbox.queue {
		d.Problem = problem
		a.ends(d)
	}
	a.outbox.queue, a.outbox.held = nil, nil
}

// deliverAll delivers until the queue is empty.
func (a *API) deliverAll() {
	defer a.workers.Done()
	finished := false
	defer func() {
		if !finished { // a handler has ended this goroutine, as t.FailNow does
			if d := a.current(); d.receiver.killed() && a.stopping.Err() == nil {
				a.mu.Lock()
				a.outbox.queue = slices.Insert(a.outbox.queue, 0, d) // the new handler gets it
				a.mu.Unlock()
			} else {
				a.finish(d, goneProblem)
			}
			a.workers.Add(1)
			go a.deliverAll()
		}
	}()
	for d := a.begin(); d != nil; d = a.begin() {
		if d.twice || a.quirks.has(DeliveriesAtOnce) {
			a.deliverPair(d)
		} else {
			a.finish(d, a.deliver(d))
		}
	}
	finished = true
}

const goneProblem = "the handler ended its goroutine; only the test's own may call t.FailNow"

func (a *API) current() *delivery {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.outbox.current
}

// begin takes the next delivery from the queue, or returns nil if it is empty.
func (a *API) begin() *delivery {
	a.mu.Lock()
	defer a.mu.Unlock()
	o := &a.outbox
	o.current, o.socket = nil, false
	if len(o.queue) == 0 {
		o.running = false
		o.wakeWaiters()
		return nil
	}
	o.current, o.queue = o.queue[0], o.queue[1:]
	return o.current
}

// finish ends a delivery. If problem is not empty, it was given up.
func (a *API) finish(d *delivery, problem string) {
	a.mu.Lock()
	d.Problem = problem
	if d.dropped() && a.stopping.Err() == nil {
		a.mu.Unlock()
		return
	}
	a.ends(d)
	if problem == "" {
		a.mu.Unlock()
		return
	}
	a.note(entry{remark: fmt.Sprintf("a webhook was given up after %d tries: %s", d.Tries, short(problem))})
	refused := d.Tries > 0 && !a.closed && !a.lenient && problem != goneProblem
	a.mu.Unlock()
	if refused && !strings.HasPrefix(problem, panicked) {
		a.reportOnce("given up", "a webhook was given up after %d tries: %s\n"+
			"\tThe handler's function returned an error or panicked (chatapi.WebhookErrors tells which), or the handler refused the request.\n"+
			"\tUndelivered lists every webhook that was given up. AllowUndelivered lets the test pass.\n\t%s", d.Tries, problem, d)
	}
}

// dropped reports whether the fake was reset, or closed, since the act that led to the
// delivery.
func (d *delivery) dropped() bool { return d.era.Err() != nil }

// reportOnce reports the first problem of a sort.
func (a *API) reportOnce(sort, format string, args ...any) {
	a.mu.Lock()
	told := a.told[sort]
	a.told[sort] = true
	a.mu.Unlock()
	if !told {
		a.report(format, args...)
	}
}

// deliver tries until the webhook is acknowledged. Otherwise it returns the problem
// of the last try.
func (a *API) deliver(d *delivery) (problem string) {
	if d.depth > maxDepth {
		a.report("%d webhooks followed from one another: does the bot answer its own messages (fromMe)?", d.depth)
		return "the chain of deliveries does not end"
	}
	a.mu.Lock()
	tries := a.tries
	if tries == 0 {
		tries = 3
		if a.settings["guaranteedHooks"] {
			tries = 20
		}
	}
	a.mu.Unlock()
	for {
		a.mu.Lock()
		d.receiver = a.receivers[hookKey(d.URL)]
		a.outbox.socket = d.receiver == nil
		a.mu.Unlock()
		if d.receiver == nil && !loopback(d.URL) {
			return "no handler is registered for the address, and it is not loopback"
		}
		d.Tries++
		var err error
		if d.receiver != nil {
			d.Status, err = a.callHandler(d)
		} else {
			d.Status, err = a.post(d)
		}
		switch {
		case d.dropped():
			return "the fake was reset"
		case d.receiver.killed() && a.stopping.Err() == nil:
			d.Status = 0
			tries = max(tries, d.Tries+1) // the new handler gets it
			continue
		case err != nil:
			problem = err.Error()
		case d.Status == http.StatusOK:
			return ""
		default:
			problem = fmt.Sprintf("answered with %d", d.Status)
		}
		if d.Tries >= tries || wait(d.era, a.pause) != nil {
			return problem
		}
	}
}

const panicked = "the handler panicked: "

type depthKey struct{ api *API }

// callHandler delivers a webhook to a handler in memory. insideHandler recognizes a
// handler by this function's name in the stack.
func (a *API) callHandler(d *delivery) (status int, err error) {
	ctx, cancel := context.WithCancel(context.WithValue(d.receiver.ctx, depthKey{a}, d.depth+1))
	defer cancel()
	defer context.AfterFunc(d.era, cancel)()
	r, err := newWebhook(ctx, d)
	if err != nil {
		return 0, err
	}
	r.RequestURI, r.RemoteAddr = r.URL.RequestURI(), "192.0.2.1:1234"
	w := &recorder{header: http.Header{}}
	defer func() {
		if v := recover(); v != nil {
			if e, ok := v.(error); ok && errors.Is(e, http.ErrAbortHandler) {
				status, err = 0, errors.New("the handler dropped the connection (http.ErrAbortHandler)")
				return
			}
			status, err = 0, fmt.Errorf(panicked+"%v", v)
			a.reportOnce("panic", "the webhook handler of %s panicked: %v\n%s", d.URL, v, debug.Stack())
		}
	}()
	d.receiver.ServeHTTP(w, r)
	if w.status == 0 {
		return http.StatusOK, nil
	}
	return w.status, nil
}

// post delivers a webhook over a real connection.
func (a *API) post(d *delivery) (status int, err error) {
	ctx, cancel := context.WithTimeout(d.era, deliveryTimeout)
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
	if d.pair != nil {
		r.Body = io.NopCloser(&meetingReader{r.Body, d.pair})
	}
	r.Header.Set("Content-Type", "application/json")
	return r, nil
}

// close closes the connections to real webhook receivers.
func (o *outbox) close() {
	if o.client != nil {
		o.client.CloseIdleConnections()
	}
}

// recorder records the status of a handler's answer in memory.
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

// insideHandler reports whether its caller runs inside a webhook handler of any channel.
func (a *API) insideHandler() bool {
	inside, _ := a.handlerAround()
	return inside
}

// handlerAround reports whether its caller runs, or may run, inside a webhook handler of
// any channel: below callHandler, or below net/http's server while a delivery uses a real
// connection. The request of another program may come from its handler or not, so it
// counts as inside, but not as a part of the chain of deliveries.
func (a *API) handlerAround() (inside, chained bool) {
	busy, socket := false, false
	for _, c := range a.world.all() {
		c.mu.Lock()
		busy, socket = busy || c.outbox.current != nil, socket || c.outbox.socket
		c.mu.Unlock()
	}
	if !busy {
		return false, false
	}
	pcs := make([]uintptr, 256)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		frame, more := frames.Next()
		if strings.HasSuffix(frame.Function, "chatapitest.(*API).callHandler") ||
			socket && strings.HasSuffix(frame.Function, "net/http.(*conn).serve") {
			return true, true
		}
		if socket && strings.HasSuffix(frame.Function, "chatapitest/phones.aside") {
			return true, false
		}
		if !more {
			return false, false
		}
	}
}

// depthNow returns the depth of requests and acts of the running handlers.
func (a *API) depthNow() (depth int) {
	for _, c := range a.world.all() {
		c.mu.Lock()
		if c.outbox.current != nil {
			depth = max(depth, c.outbox.current.depth+1)
		}
		c.mu.Unlock()
	}
	return depth
}

// act carries out an act of a customer or of the phone app. It returns the id of
// its message when all resulting webhooks are delivered; inside a webhook handler,
// at once.
func (a *API) act(do func() (*message, []webhook)) string {
	if a.stray() != nil {
		return ""
	}
	inside, chained := a.handlerAround()
	depth := 0
	if chained {
		depth = a.depthNow()
	}
	a.mu.Lock()
	m, webhooks := do()
	webhooks = a.announce(webhooks)
	a.mu.Unlock()
	for i := range webhooks {
		webhooks[i].depth = depth
	}
	a.send(webhooks)
	if !inside {
		a.settle()
	}
	if m == nil {
		return ""
	}
	return m.id
}
