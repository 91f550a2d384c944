package tape

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/internal/until"
)

// Player plays a tape to a program: it delivers the webhooks of the tape and answers the calls
// that the program makes as the service did. [Play] makes one. All methods are safe for
// concurrent use.
type Player struct {
	// URL and Token are those of the channel on the tape, for [chatapi.New]. Only Transport
	// reaches that address.
	URL   string
	Token string

	// Transport answers the program's calls and downloads in memory, on the caller's own
	// goroutine. It obeys the request's context.
	Transport http.RoundTripper

	tb       testing.TB
	tape     *Tape
	options  playOptions
	reader   *reader
	calls    []*played
	began    time.Time
	inBubble bool

	mu      sync.Mutex
	address string
	handler http.Handler
	turns   map[string][]*played // the calls of each lane, in their order
	last    map[string]*played   // the call of each lane that was answered last
	moved   chan struct{}        // closed when a call was answered
	over    bool                 // the test has ended
}

// played is a call of the tape, as it is played.
type played struct {
	*Entry
	nth  int // among the entries, from 1
	form form
	lane string
	done bool
}

// PlayOption configures a Player.
type PlayOption func(*playOptions)

type playOptions struct {
	ignored  []string
	repeat   map[string]bool
	patience time.Duration
}

// Ignore names members of bodies and queries that are not compared, because the program makes
// them up anew each time.
func Ignore(members ...string) PlayOption {
	return func(o *playOptions) { o.ignored = append(o.ignored, members...) }
}

// Repeat lets the program make calls with these paths, such as "messages", more often than they
// are on the tape: the last answer is given again. Without it each call of the tape is answered
// once.
func Repeat(paths ...string) PlayOption {
	return func(o *playOptions) {
		for _, path := range paths {
			o.repeat[path] = true
		}
	}
}

// Patience sets how long the player waits for a call, after the time at which the tape has it,
// before it delivers the next webhook of that chat; the default is 10 seconds. Inside a
// testing/synctest bubble the waiting takes no time.
func Patience(d time.Duration) PlayOption { return func(o *playOptions) { o.patience = d } }

// Play returns a Player for the tape in a file. The test fails at once if the tape cannot be
// read. It also fails if the program makes a call that is not on the tape, or not in its turn,
// and if it has not made each call of the tape at the end of the test.
//
// Make the player inside the function that synctest.Test runs: then the pauses of the tape take
// no time, and windows, timeouts and Retry-After are as they were. Outside a bubble the player
// leaves the pauses out.
func Play(tb testing.TB, path string, opts ...PlayOption) *Player {
	tb.Helper()
	t, err := Load(path)
	if err != nil {
		tb.Fatal(err)
	}
	return t.Play(tb, opts...)
}

// Play returns a Player for the tape, as the function [Play] does for a file.
func (t *Tape) Play(tb testing.TB, opts ...PlayOption) *Player {
	tb.Helper()
	p := &Player{URL: "https://tape.test/TAPE1", Token: "tapetoken0000000", tb: tb, tape: t,
		options: playOptions{repeat: map[string]bool{}, patience: 10 * time.Second}, began: time.Now(), inBubble: inBubble(),
		turns: map[string][]*played{}, last: map[string]*played{}, moved: make(chan struct{})}
	for _, opt := range opts {
		if opt != nil {
			opt(&p.options)
		}
	}
	p.reader = newReader(t, p.options.ignored)
	for i := range t.Entries {
		e := &t.Entries[i]
		if problem := e.problem(); problem != "" {
			tb.Fatalf("tape: entry %d %s", i+1, problem)
		}
		if e.Call == nil {
			continue
		}
		c := &played{Entry: e, nth: i + 1, form: p.reader.call(e.Call), lane: laneOf(e.Call)}
		p.calls = append(p.calls, c)
		p.turns[c.lane] = append(p.turns[c.lane], c)
	}
	p.Transport = &playing{p}
	tb.Cleanup(p.finish)
	return p
}

// inBubble reports whether the calling goroutine runs in a synctest bubble, which the runtime
// tells only in the first line of a stack.
func inBubble() bool {
	var stack [96]byte
	first, _, _ := strings.Cut(string(stack[:runtime.Stack(stack[:], false)]), "\n")
	return strings.Contains(first, "synctest bubble ")
}

// Client returns a client that makes its calls to the player, also to download files: before
// opts it has [chatapi.WithHTTPClient] and [chatapi.WithUnguardedMediaTransport]. If
// [chatapi.New] refuses an option, the test fails at once.
func (p *Player) Client(opts ...chatapi.Option) *chatapi.Client {
	p.tb.Helper()
	client, err := chatapi.New(p.URL, p.Token, append([]chatapi.Option{
		chatapi.WithHTTPClient(&http.Client{Transport: p.Transport}),
		chatapi.WithUnguardedMediaTransport(p.Transport),
	}, opts...)...)
	if err != nil {
		p.tb.Fatalf("tape: Client: %v", err)
	}
	return client
}

// Webhook registers the program's handler for the webhooks, at an address such as
// "https://bot.test/s3cret", whose path the handler sees.
func (p *Player) Webhook(address string, handler http.Handler) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.address, p.handler = address, handler
}

// Run delivers the webhooks of the tape, each at its time and when the program has made the
// calls that precede it in its chat, and waits for the remaining calls. The test fails if a
// call does not come, if the handler panics, and if it refuses a webhook that the program took
// when the tape was recorded.
func (p *Player) Run() {
	p.tb.Helper()
	for i := range p.tape.Entries {
		e := &p.tape.Entries[i]
		p.sleepUntil(e)
		if e.Webhook == nil {
			continue
		}
		p.mu.Lock()
		address, handler := p.address, p.handler
		p.mu.Unlock()
		if handler == nil {
			p.tb.Fatalf("tape: entry %d is a webhook, and no handler is registered for it; call Webhook before Run", i+1)
		}
		if !p.await(p.before(i)) {
			return
		}
		if p.inBubble {
			synctest.Wait() // for the program, which has an answer to read
		}
		p.deliver(i+1, e.Webhook, address, handler)
	}
	if p.await(p.calls) && p.inBubble {
		synctest.Wait() // for calls that are not on the tape
	}
}

// sleepUntil waits for the time of an entry, on the clock of the bubble.
func (p *Player) sleepUntil(e *Entry) {
	if p.inBubble {
		time.Sleep(time.Until(p.began.Add(e.At)))
	}
}

// before returns the calls that must be made before a webhook: the earlier ones of a chat that
// the webhook names, and those whose answers tell an id that it names.
func (p *Player) before(index int) (calls []*played) {
	named := map[string]bool{}
	eachText(p.tape.Entries[index].Webhook.Body, func(at spot, value string) {
		switch meaning(at) {
		case party:
			named["chat "+chatKey(value)] = true
		case ident:
			named[value] = true
		}
	})
	for _, c := range p.calls {
		if c.nth > index {
			break
		}
		needed := named[c.lane]
		eachText(c.Call.Answer.Body, func(at spot, value string) { needed = needed || meaning(at) == ident && named[value] })
		if needed {
			calls = append(calls, c)
		}
	}
	return calls
}

// await waits until the calls were made. If one is not, the test fails.
func (p *Player) await(calls []*played) bool {
	p.tb.Helper()
	timer := time.NewTimer(p.options.patience)
	defer timer.Stop()
	for {
		p.mu.Lock()
		open := undone(calls)
		moved := p.moved
		p.mu.Unlock()
		if open == nil {
			return true
		}
		select {
		case <-moved:
		case <-timer.C:
			p.fail("the program has not made a call of the tape, %s after its time: entry %d, %s%s\n\t%s", p.options.patience, open.nth, open.Entry, open.where(), open.form)
			return false
		}
	}
}

func undone(calls []*played) *played {
	for _, c := range calls {
		if !c.done {
			return c
		}
	}
	return nil
}

func (e *Entry) where() string {
	if e.line == 0 {
		return ""
	}
	return fmt.Sprintf(" (line %d)", e.line)
}

// String returns the members of a call in one line.
func (f form) String() string {
	return strings.Join(differences(form{}, f), "; ")
}

// deliver delivers one webhook.
func (p *Player) deliver(nth int, hook *Webhook, address string, handler http.Handler) {
	p.tb.Helper()
	body := onClock(hook.Body, p.shift())
	if text, ok := plainText(body); ok {
		body = []byte(text)
	}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		p.tb.Fatalf("tape: Webhook: %v", err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.RequestURI, r.RemoteAddr = r.URL.RequestURI(), "192.0.2.1:1234"
	w := &answered{header: http.Header{}}
	defer func() {
		v := recover()
		if err, _ := v.(error); v != nil && !errors.Is(err, http.ErrAbortHandler) {
			p.fail("the handler panicked with the webhook of entry %d: %v\n%s", nth, v, debug.Stack())
		}
	}()
	handler.ServeHTTP(w, r)
	if status := w.code(); hook.Status == http.StatusOK && status != http.StatusOK {
		p.fail("the handler answered %d to the webhook of entry %d%s, and 200 when the tape was recorded:\n\t%s",
			status, nth, p.tape.Entries[nth-1].where(), clip(string(hook.Body), 500))
	}
}

// answered notes the status of a handler's answer.
type answered struct {
	header http.Header
	status int
}

func (a *answered) Header() http.Header { return a.header }

func (a *answered) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status = status
	}
}

func (a *answered) Write(data []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return len(data), nil
}

func (a *answered) code() int {
	a.WriteHeader(http.StatusOK)
	return a.status
}

// shift is the time from the clock of the tape to that of the player, in whole seconds.
func (p *Player) shift() time.Duration { return p.began.Truncate(time.Second).Sub(start) }

// finish fails the test if calls of the tape were not made.
func (p *Player) finish() {
	p.mu.Lock()
	open := undone(p.calls)
	p.over = true
	p.mu.Unlock()
	if open != nil && !p.tb.Failed() {
		p.fail("the program has not made a call of the tape: entry %d, %s%s; did the test call Run?", open.nth, open.Entry, open.where())
	}
}

func (p *Player) fail(format string, args ...any) {
	p.tb.Helper()
	p.tb.Errorf("tape: "+format, args...)
}

// playing is the transport of a Player.
type playing struct{ player *Player }

// HeedsContext lets a Client call the player in its own goroutine.
func (*playing) HeedsContext(until.Mark) {}

func (t *playing) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		body, err = io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	answer := t.player.answer(asCall(r, body))
	trace := httptrace.ContextClientTrace(r.Context())
	if answer.Failure == "dial" {
		err := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		if trace != nil && trace.ConnectDone != nil {
			trace.ConnectDone("tcp", r.URL.Host, err)
		}
		return nil, err
	}
	if trace != nil && trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{Reused: true})
	}
	if trace != nil && trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{})
	}
	if answer.Failure != "" {
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	return answer.response(r), nil
}

// response returns an answer as a client gets it.
func (a Answer) response(r *http.Request) *http.Response {
	header := http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}}
	body := []byte(a.Body)
	if text, ok := plainText(body); ok {
		body = []byte(text)
	}
	if a.file != nil {
		body = a.file
	}
	if a.ContentType != "" {
		header.Set("Content-Type", a.ContentType)
	}
	if a.RetryAfter != "" {
		header.Set("Retry-After", a.RetryAfter)
	}
	return &http.Response{Status: strconv.Itoa(a.Status) + " " + http.StatusText(a.Status), StatusCode: a.Status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r}
}

// plainText returns the text of a body that is not JSON.
func plainText(body json.RawMessage) (text string, ok bool) {
	if len(body) == 0 || body[0] != '"' {
		return "", false
	}
	return text, json.Unmarshal(body, &text) == nil
}
