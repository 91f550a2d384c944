//go:build unix

package harness

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// driver runs the test. It does not die.
type driver struct {
	Options
	plug    *Plug
	server  *Server
	service *service
	journal *journal
	client  *http.Client

	loaded  sync.WaitGroup // the goroutines of the load
	waiting atomic.Int64   // events and messages in the store
	log     *os.File       // what workers report

	mu       sync.Mutex // of slots and what follows it
	slots    []*worker  // nil where none was started since the last one's end
	up       time.Duration
	upSince  time.Time // zero if no worker listens
	measured float64   // events in a second of the load
	excuses  []span    // in which a worker cannot know that it has lost its locks
	dice     *rand.Rand
	round    int
	person   atomic.Int64 // messages that a person settled
	hits     map[string]int
	queue    []string // points to come
	missed   []string
	random   int
	frozen   int
	drained  bool
	left     state // of the last workers
}

// span is a span of time.
type span struct{ from, to time.Time }

func newDriver(ctx context.Context, o Options, plug *Plug) (*driver, error) {
	d := &driver{Options: o, plug: plug, server: &Server{}, slots: make([]*worker, plug.Workers+plug.Acceptors),
		hits: map[string]int{}, journal: newJournal(), dice: rand.New(rand.NewPCG(o.Seed, 0))}
	d.client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	var err error
	if d.log, err = os.OpenFile(filepath.Join(o.Dir, "worker.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return nil, err
	}
	if d.service, err = newService(d); err != nil {
		return nil, errors.Join(err, d.log.Close())
	}
	if plug.Start != nil {
		if d.server, err = plug.Start(ctx); err != nil {
			d.service.close()
			return nil, errors.Join(err, d.log.Close())
		}
	}
	return d, nil
}

func (d *driver) close() {
	for _, w := range d.slots {
		if w != nil {
			w.kill()
			<-w.exited
		}
	}
	d.service.close()
	if d.server.Close != nil {
		d.server.Close()
	}
	_ = d.log.Close()
}

func (d *driver) place() Place {
	return Place{Dir: filepath.Join(d.Dir, "data"), Address: d.server.Address, Break: d.Break}
}

func (d *driver) callsFile() string { return filepath.Join(d.Dir, "calls") }

// excuse notes that until now, and a moment longer, workers could not know that they had
// lost their locks.
func (d *driver) excuse(from time.Time) {
	d.excuses = append(d.excuses, span{from, time.Now().Add(excuseTime)})
}

const excuseTime = 2 * time.Second

// orders say where a worker dies, or stands still for a moment.
type orders struct {
	Point string // "" is nowhere
	Nth   int    // at which time that it comes there
	Hold  bool   // it does not die there
}

// worker is one process.
type worker struct {
	d      *driver
	cmd    *exec.Cmd
	stdin  io.Closer
	errors bytes.Buffer

	address   string        // "" until it listens, and when it is gone; under driver.mu
	listening chan string   // gets the address
	held      chan struct{} // gets a value when it stands at its point
	exited    chan struct{} // closed when the process is gone
	point     string        // where it died
	killed    bool
	err       error // of Wait
}

// aheadBy is how far the clock of the second worker is ahead.
const aheadBy = 15 * time.Minute

// start starts a worker in a slot, and waits until it listens.
func (d *driver) start(ctx context.Context, slot int, o orders) (*worker, error) {
	p := plan{Place: d.place(), Channels: d.service.channels(), orders: o, Calls: d.callsFile(), AcceptOnly: d.accepts(slot)}
	if slot == 1 {
		p.Ahead = aheadBy
	}
	text, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	w := &worker{d: d, listening: make(chan string, 1), held: make(chan struct{}, 1), exited: make(chan struct{})}
	w.cmd = exec.Command(self)
	w.cmd.Env = append(os.Environ(), workerPlan+"="+string(text))
	w.cmd.Stderr = io.MultiWriter(d.log, &w.errors)
	if w.stdin, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := w.cmd.Start(); err != nil {
		return nil, err
	}
	d.mu.Lock()
	d.slots[slot] = w
	d.mu.Unlock()
	go w.follow(stdout)
	select {
	case address := <-w.listening:
		d.listens(w, address)
		return w, nil
	case <-w.exited:
		if w.point != "" { // before it listened
			return w, nil
		}
		return nil, fmt.Errorf("the worker did not start: %w: %s", w.err, last(w.errors.String()))
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(time.Minute):
		return nil, errors.New("the worker does not listen after a minute")
	}
}

// listens notes the address of a worker, or that it is gone.
func (d *driver) listens(w *worker, address string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case <-w.exited:
		address = ""
	default:
	}
	w.address = address
	some := slices.ContainsFunc(d.slots, func(w *worker) bool { return w != nil && w.address != "" })
	switch {
	case some && d.upSince.IsZero():
		d.upSince = time.Now()
	case !some && !d.upSince.IsZero():
		d.up += time.Since(d.upSince)
		d.upSince = time.Time{}
	}
}

// rateNow returns how many events in a second were accepted while a worker listened.
func (d *driver) rateNow() float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	up := d.up
	if !d.upSince.IsZero() {
		up += time.Since(d.upSince)
	}
	d.journal.mu.Lock()
	defer d.journal.mu.Unlock()
	return float64(len(d.journal.accepted)) / up.Seconds()
}

// anyone returns the address of a worker that listens.
func (d *driver) anyone() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []string
	for _, w := range d.slots {
		if w != nil && w.address != "" {
			all = append(all, w.address)
		}
	}
	if len(all) == 0 {
		return ""
	}
	return all[rand.IntN(len(all))]
}

// replace kills the worker of a slot, if one runs, and starts another one there.
func (d *driver) replace(ctx context.Context, slot int, o orders) (*worker, error) {
	if err := d.kill(slot); err != nil {
		return nil, err
	}
	return d.start(ctx, slot, o)
}

// fill starts a worker in every slot without one. A worker that ended by itself is an
// error.
func (d *driver) fill(ctx context.Context) error {
	for slot, w := range d.slots {
		if w == nil {
			if _, err := d.start(ctx, slot, orders{}); err != nil {
				return err
			}
			continue
		}
		if w.gone() && w.point == "" {
			_, err := d.end(slot)
			return err
		}
	}
	return nil
}

// kill kills the worker of a slot, if one runs.
func (d *driver) kill(slot int) error {
	w := d.slots[slot]
	if w == nil {
		return nil
	}
	if !w.gone() {
		w.kill()
		d.random++
	}
	_, err := d.end(slot)
	return err
}

// end waits for the end of a worker, and returns the point where it died. The error
// says that it ended by itself.
func (d *driver) end(slot int) (point string, err error) {
	w := d.slots[slot]
	<-w.exited
	_ = w.stdin.Close()
	d.mu.Lock()
	d.slots[slot] = nil
	d.mu.Unlock()
	if w.killed || w.point != "" {
		return w.point, nil
	}
	return "", fmt.Errorf("the worker ended by itself: %w: %s", w.err, last(w.errors.String()))
}

// follow reads what a worker says, until it is gone.
func (w *worker) follow(stdout io.Reader) {
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if address, ok := strings.CutPrefix(lines.Text(), lineListening); ok {
			w.listening <- address
		}
		if point, ok := strings.CutPrefix(lines.Text(), linePoint); ok {
			w.point = point
		}
		if strings.HasPrefix(lines.Text(), lineHeld) {
			w.held <- struct{}{}
		}
	}
	w.err = w.cmd.Wait()
	close(w.exited)
	w.d.listens(w, "")
}

func (w *worker) gone() bool {
	select {
	case <-w.exited:
		return true
	default:
		return false
	}
}

// stands waits until the worker stands at its point, and reports whether it does.
func (w *worker) stands(ctx context.Context, most time.Duration) bool {
	select {
	case <-w.held:
		return true
	case <-w.exited:
	case <-ctx.Done():
	case <-time.After(most):
	}
	return false
}

// wait waits until the worker is gone, and reports whether it is.
func (w *worker) wait(ctx context.Context, most time.Duration) bool {
	select {
	case <-w.exited:
		return true
	case <-ctx.Done():
	case <-time.After(most):
	}
	return false
}

func (w *worker) kill() {
	w.killed = true
	_ = w.cmd.Process.Kill()
}

// told gives a running worker new orders, and reports whether it has them.
func (w *worker) told(ctx context.Context, o orders) bool {
	w.d.mu.Lock()
	address := w.address
	w.d.mu.Unlock()
	body, err := json.Marshal(o)
	if err == nil {
		_, err = w.d.postTo(ctx, address, "/orders", body)
	}
	return err == nil
}

// freeze stops the process for a while, and wakes it.
func (w *worker) freeze(ctx context.Context, span time.Duration) {
	_ = w.cmd.Process.Signal(syscall.SIGSTOP)
	w.wait(ctx, span)
	_ = w.cmd.Process.Signal(syscall.SIGCONT)
}

// last returns the end of a text.
func last(text string) string { return text[max(0, len(text)-2000):] }

var errAway = errors.New("no worker runs")

// post sends a request to any worker.
func (d *driver) post(ctx context.Context, path string, body []byte) (reply []byte, err error) {
	return d.postTo(ctx, d.anyone(), path, body)
}

func (d *driver) postTo(ctx context.Context, address, path string, body []byte) (reply []byte, err error) {
	if address == "" {
		return nil, errAway
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := d.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 500))
		return nil, fmt.Errorf("the worker answers %d: %s", response.StatusCode, text)
	}
	reply, _ = io.ReadAll(response.Body) // a 200 is a 200, even if the worker dies after it
	return reply, nil
}

// insist repeats a request until the worker answers with 200. It reports false if ctx ends
// first.
func (d *driver) insist(ctx context.Context, path string, body []byte) bool {
	for {
		if _, err := d.post(ctx, path, body); err == nil {
			return true
		}
		if !pause(ctx, 30*time.Millisecond) {
			return false
		}
	}
}

// ask asks the worker once.
func ask[A any](ctx context.Context, d *driver, path string, question any) (a A, err error) {
	body, err := json.Marshal(question)
	if err != nil {
		return a, err
	}
	reply, err := d.post(ctx, path, body)
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal(reply, &a)
}

// pause waits, and reports false if ctx ends first.
func pause(ctx context.Context, span time.Duration) bool {
	timer := time.NewTimer(span)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
