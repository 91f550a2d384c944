//go:build unix

package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/point"
)

// workerPlan is the variable of the environment that makes a process a worker.
const workerPlan = "CHATAPI_CRASH_WORKER"

// plan says what a worker does.
type plan struct {
	Place
	orders
	Channels []workerChannel
	Calls    string        // the file of the handlers' calls
	Ahead    time.Duration // of the worker's clock

	AcceptOnly bool
}

type workerChannel struct{ ID, URL, Token string }

// The lines that a worker writes to its standard output.
const (
	lineListening = "listening "
	linePoint     = "point "
	lineHeld      = "held "
)

// Work runs a worker until it is killed, or asked to end by SIGTERM, if this process is
// to be one. It returns the code with which the process ends.
func Work(plug *Plug) (code int, worked bool) {
	text := os.Getenv(workerPlan)
	if text == "" {
		return 0, false
	}
	var p plan
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		return 2, true
	}
	go func() { // a worker whose driver is gone
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	point.Shorten(shortened)
	end := &end{orders: p.orders}
	prefix := ""
	if p.AcceptOnly {
		prefix = acceptorPrefix
	}
	point.Set(func(at string) {
		if p.Break == BreakGuard && at == point.SendAsked {
			time.Sleep(300 * time.Millisecond) // in which many messages are canceled
		}
		end.reach(prefix + at)
	})
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := work(ctx, &p, plug, end); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		return 1, true
	}
	return 0, true
}

// end is where the process dies, or stands for a moment.
type end struct {
	mu sync.Mutex
	orders
	times int // that it came there
}

// order replaces the orders.
func (e *end) order(_ context.Context, o orders) (bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.orders, e.times = o, 0
	return true, nil
}

// reach kills the process at the nth time that it comes to its point, or lets the caller
// stand there for a moment. Nothing goes on at a point of death.
func (e *end) reach(at string) {
	e.mu.Lock()
	if at != e.Point {
		e.mu.Unlock()
		return
	}
	e.times++
	n, o := e.times, e.orders
	e.mu.Unlock()
	switch {
	case n != o.Nth && (o.Hold || n < o.Nth):
		return
	case o.Hold:
		fmt.Println(lineHeld + at)
		time.Sleep(holdTime)
		return
	case n == o.Nth:
		fmt.Println(linePoint + at)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	select {}
}

const holdTime = 300 * time.Millisecond

// desk is the desk of a worker.
type desk struct {
	*durable.Desk
	plan  *plan
	store durable.Store
	calls *os.File
	end   *end
}

// now is the worker's time.
func (d *desk) now() time.Time { return time.Now().Add(d.plan.Ahead) }

func work(ctx context.Context, p *plan, plug *Plug, end *end) (err error) {
	opened, err := plug.Open(ctx, p.Place)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	if p.Break != BreakSync {
		if err := opened.Sync(ctx); err != nil {
			return err
		}
	}
	if err := opened.Update(ctx, func(ctx context.Context, tx durable.Tx) error { return makeTables(ctx, tx, opened.Serial) }); err != nil {
		return err
	}
	channels, err := connect(p.Channels)
	if err != nil {
		return err
	}
	d := &desk{plan: p, store: opened.Store, end: end}
	if d.calls, err = os.OpenFile(p.Calls, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	defer d.calls.Close()
	var role durable.Option
	if p.AcceptOnly {
		role = durable.AcceptOnly()
	}
	d.Desk, err = durable.Open(ctx, breakStore(opened.Store, p.Break), channels, role,
		durable.Retries(durable.RetryPolicy{Attempts: 1000, Timeout: 2 * time.Second,
			Delay: func(n int) time.Duration { return min(time.Duration(n)*50*time.Millisecond, time.Second) }}),
		durable.Retention(durable.Keep{Bodies: 2 * time.Second}),
		durable.DrainTimeout(10*time.Second),
		durable.Clock(d.now, nil),
		durable.Logger(slog.New(slog.NewTextHandler(os.Stderr, nil))))
	if err != nil {
		return err
	}
	d.Inbox.Handle(d.handle)
	d.Outbox.OnChange(changed)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: d.routes(), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }()
	fmt.Println(lineListening + listener.Addr().String())
	err = d.Run(ctx)
	return errors.Join(err, server.Close())
}

// connect makes the clients of the channels. Their connections tell when a request is
// written.
func connect(all []workerChannel) (*chatapi.Channels, error) {
	channels := chatapi.NewChannels()
	for _, c := range all {
		transport := &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute}
		transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return writtenConn{conn}, nil
		}
		_, err := channels.Put(c.URL, c.Token, chatapi.WithHTTPClient(&http.Client{Transport: transport}),
			chatapi.WithPace(chatapi.Pace{PerSecond: 80, Burst: 4}))
		if err != nil {
			return nil, err
		}
	}
	return channels, nil
}

type writtenConn struct{ net.Conn }

func (c writtenConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if err == nil && strings.HasPrefix(string(b), "POST ") {
		point.Reach(point.SendWritten)
	}
	return n, err
}

// The worker's own tables. That of effects has no unique key for events, so that doubles
// show; n is counted up in the transaction of an event, which is after that of the
// chat's event before.
func makeTables(ctx context.Context, tx durable.Tx, serial string) error {
	for _, statement := range []string{
		"CREATE TABLE IF NOT EXISTS crash_effects (n " + serial + ", event_key TEXT NOT NULL, event_text TEXT NOT NULL, at BIGINT NOT NULL)",
		"CREATE TABLE IF NOT EXISTS crash_changes (id BIGINT PRIMARY KEY, state TEXT NOT NULL, message_id TEXT NOT NULL, unknown INTEGER NOT NULL)",
	} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// changed notes the state of a message, and whether it was ever unknown.
func changed(ctx context.Context, tx durable.Tx, q *durable.Queued) error {
	unknown := 0
	if q.State == durable.StateUnknown {
		unknown = 1
	}
	_, err := tx.Exec(ctx, `INSERT INTO crash_changes (id, state, message_id, unknown) VALUES ($1, $2, $3, $4)
		ON CONFLICT (id) DO UPDATE SET state = excluded.state, message_id = excluded.message_id,
		unknown = CASE WHEN crash_changes.unknown = 1 THEN 1 ELSE excluded.unknown END`,
		q.ID, string(q.State), q.MessageID, unknown)
	return err
}

var errHandler = errors.New("the handler fails on purpose")

// handle leaves one row for each event and answers each message. Before that it fails in
// every way for some events.
func (d *desk) handle(ctx context.Context, e chatapi.Event, w *durable.Work) error {
	key, message, text := e.Key(), (*chatapi.MessageEvent)(nil), ""
	if m, ok := e.(*chatapi.MessageEvent); ok {
		message, text = m, m.Text
		chat, _, _ := strings.Cut(text, " ")
		noteCall(d.calls, callBegins, chat)
		defer func() {
			if ctx.Err() != nil {
				noteCall(d.calls, callLost, chat)
				return
			}
			noteCall(d.calls, callEnds, chat)
		}()
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(key))
	dice, first := hash.Sum32(), w.Attempt == 1
	time.Sleep(time.Duration(dice%5) * time.Millisecond)
	if dice%11 == 0 {
		time.Sleep(50 * time.Millisecond)
	}
	switch {
	case first && dice%41 == 1:
		return errHandler
	case first && dice%43 == 1:
		panic("the handler panics on purpose")
	case rand.IntN(60) == 0:
		w.Defer(d.now().Add(time.Second))
		return nil
	case d.plan.Break == BreakLane && dice%3 == 0:
		time.Sleep(time.Second) // in which another event of the chat comes
	case first && dice%1009 == 1:
		time.Sleep(2500 * time.Millisecond) // longer than it may
	}
	err := w.InTx(func(ctx context.Context, tx durable.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO crash_effects (event_key, event_text, at) VALUES ($1, $2, $3)",
			key, text, time.Now().UnixMicro())
		if err == nil && first && dice%47 == 1 {
			err = errHandler // what was written has to go
		}
		return err
	})
	if err != nil || message == nil {
		return err
	}
	_, err = w.Send(message.AnswerTo(), chatapi.Text{Body: answerTo(key)})
	return err
}

// answerTo is the text of the answer to an event.
func answerTo(key string) string { return "Answer to " + key }

// answerKey is the key of that answer.
func answerKey(key string) string { return "event/" + key + "/1" }

// routes are what the driver calls.
func (d *desk) routes() http.Handler {
	accept := d.Inbox.Accept
	if d.plan.Break == BreakAnswer {
		accept = func(ctx context.Context, delivery *chatapi.Delivery) error {
			time.AfterFunc(20*time.Millisecond, func() { _ = d.Inbox.Accept(context.WithoutCancel(ctx), delivery) })
			return nil
		}
	}
	hook := chatapi.NewDeliveryHandler(accept, chatapi.WebhookAcceptUnauthenticated())
	mux := http.NewServeMux()
	mux.HandleFunc("POST /hook", func(w http.ResponseWriter, r *http.Request) {
		hook.ServeHTTP(w, r)
		if http.NewResponseController(w).Flush() == nil {
			point.Reach(point.AcceptAnswered)
		}
	})
	mux.HandleFunc("POST /send", answer(d.send))
	mux.HandleFunc("POST /cancel", answer(d.cancel))
	mux.HandleFunc("POST /settle", answer(d.settle))
	mux.HandleFunc("POST /state", answer(d.state))
	mux.HandleFunc("POST /orders", answer(d.end.order))
	return mux
}

// answer decodes a question and encodes the answer.
func answer[Q, A any](do func(context.Context, Q) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var question Q
		err := json.NewDecoder(r.Body).Decode(&question)
		if err == nil {
			var a A
			if a, err = do(r.Context(), question); err == nil {
				err = json.NewEncoder(w).Encode(a)
			}
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}
}

// message names a message of the driver's own.
type message struct{ Channel, Key, Phone, Text string }

func (d *desk) send(ctx context.Context, m message) (state string, err error) {
	q, err := d.Outbox.Send(ctx, chatapi.ChannelID(m.Channel), m.Key, chatapi.Phone(m.Phone), chatapi.Text{Body: m.Text})
	if err != nil {
		return "", err
	}
	return string(q.State), nil
}

func (d *desk) cancel(ctx context.Context, m message) (canceled bool, err error) {
	return d.Outbox.Cancel(ctx, chatapi.ChannelID(m.Channel), m.Key)
}

// verdict is what a person says of an attempt of an unknown message.
type verdict struct {
	Channel, Key string
	Attempts     int
	Went         bool
	MessageID    string
}

// settle stores what a person says; a message that did not go out is sent again, in one
// step, since the worker may die after each.
func (d *desk) settle(ctx context.Context, v verdict) (settled bool, err error) {
	q, err := d.Outbox.Get(ctx, chatapi.ChannelID(v.Channel), v.Key)
	if err != nil || q == nil || q.State != durable.StateUnknown || q.Attempts != v.Attempts {
		return false, err
	}
	if !v.Went {
		return d.Outbox.Again(ctx, q)
	}
	err = d.Outbox.Settle(ctx, q, true, v.MessageID)
	return err == nil, err
}

// state is what a worker still has to do.
type state struct {
	Events, Unfolded, Messages, Dead int
	Unknown                          []verdict
}

func (d *desk) state(ctx context.Context, _ struct{}) (s state, err error) {
	health, err := d.Health(ctx)
	if err != nil {
		return s, err
	}
	unfolded, err := d.store.Unfolded(ctx, 100)
	if err != nil {
		return s, err
	}
	s.Unfolded = len(unfolded)
	s.Events, s.Messages, s.Dead = health.Inbox.Waiting, health.Outbox.Waiting, health.Dead
	for q, err := range d.Outbox.Unknown(ctx, durable.QueueFilter{}) {
		if err != nil {
			return s, err
		}
		s.Unknown = append(s.Unknown, verdict{Channel: string(q.Channel), Key: q.Key, Attempts: q.Attempts})
	}
	return s, nil
}
