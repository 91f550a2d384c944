// Helpdesk is the WhatsApp channel of a helpdesk: inbox, requests, templates, costs and
// management in the browser. By itself it runs a demo with a made-up Chat API, whose
// customers are phones on a second page:
//
//	go run ./examples/helpdesk
//
// README.md says how a team puts it on a server.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/live"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/web"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	settings, err := readFlags(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = run(ctx, settings, os.Stdout, os.Stderr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "helpdesk:", err)
		os.Exit(1)
	}
}

// program is the helpdesk that runs.
type program struct {
	*settings
	out     io.Writer
	log     *slog.Logger
	address string // of the helpdesk, for browsers
	demo    *demo  // nil without the demo

	db     *store.DB
	desk   *desk.Desk
	hub    *live.Hub
	server *http.Server
	serves atomic.Pointer[web.Server] // nil until the desk is there
}

// run runs the helpdesk until ctx ends.
func run(ctx context.Context, s *settings, out, problems io.Writer) (err error) {
	p := &program{settings: s, out: out, log: slog.New(slog.NewTextHandler(problems, &slog.HandlerOptions{Level: level(s)}))}
	if s.dir == "" {
		if s.dir, err = os.MkdirTemp("", "helpdesk"); err != nil {
			return err
		}
		defer os.RemoveAll(s.dir)
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("-dir: %w", err)
	}
	served, err := p.listenAndServe(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.server.Close()) }()
	// The database comes before the demo, since it refuses a folder that is another
	// program's, in which the demo would write.
	if err := p.open(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.db.Close()) }()
	if s.demo {
		if p.demo, err = startDemo(s); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, p.demo.close()) }()
	}
	if err := p.openDesk(ctx); err != nil {
		return err
	}
	return p.work(ctx, served)
}

func level(s *settings) slog.Level {
	if s.demo {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// listenAndServe opens the port. Until the desk is there, each answer is 503, after which
// Chat API delivers again.
func (p *program) listenAndServe(ctx context.Context) (served <-chan error, err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", p.listen)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, portTaken("-listen", p.listen)
	case err != nil:
		return nil, fmt.Errorf("-listen %s: %w", p.listen, err)
	}
	host, _, _ := net.SplitHostPort(p.listen)
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	if isLocal(p.listen) {
		host = "localhost" // and the phones are at 127.0.0.1, since cookies know no ports
	}
	p.address = "http://" + net.JoinHostPort(host, port)
	if p.url == "" {
		p.url = p.address
	} else {
		p.address = p.url
	}
	p.server = &http.Server{ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 5 * time.Minute, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelWarn),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if s := p.serves.Load(); s != nil {
				s.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Retry-After", "2")
			http.Error(w, "The helpdesk is starting. Try again in a moment.", http.StatusServiceUnavailable)
		})}
	ended := make(chan error, 1)
	go func() { ended <- p.server.Serve(listener) }()
	return ended, nil
}

func portTaken(flag, address string) error {
	return fmt.Errorf("%s %s: another program has this port, perhaps another helpdesk; end it, or give another port", flag, address)
}

// open opens the database.
func (p *program) open(ctx context.Context) (err error) {
	if p.postgres != "" {
		p.db, err = store.OpenPostgres(ctx, p.postgres)
	} else {
		p.db, err = store.OpenSQLite(ctx, p.dir)
	}
	return err
}

func (p *program) openDesk(ctx context.Context) error {
	key, old, err := openKey(ctx, p.db, p.keyFile(), p.rotateKey)
	if err != nil {
		return err
	}
	channels := chatapi.NewChannels(chatapi.WithHealthChange(func(id chatapi.ChannelID, h chatapi.Health) { p.desk.HealthChanged(id, h) }))
	options, now, clientOptions := []durable.Option{durable.Logger(p.log)}, time.Now, []chatapi.Option(nil)
	if p.demo != nil {
		options, now = append(options, durable.Clock(p.demo.api.Now, p.demo.jumped)), p.demo.api.Now
		clientOptions = p.demo.clientOptions()
	}
	work, err := durable.Open(ctx, p.db.Durable, channels, options...)
	if err != nil {
		return err
	}
	p.desk = desk.New(desk.Config{DB: p.db, Durable: work, Channels: channels, Key: key, OldKey: old, Now: now, Log: p.log,
		Files: filepath.Join(p.dir, "files"), URL: p.url, Model: p.model, ClientOptions: clientOptions,
		AskWebhook: p.ask, Local: p.local || p.demo != nil})
	if err := p.desk.OpenChannels(ctx); err != nil {
		return err
	}
	p.hub = live.New(p.desk)
	config := web.Config{Desk: p.desk, Live: p.hub, HTTPS: p.https || strings.HasPrefix(p.url, "https://")}
	if p.demo != nil {
		config.Phones = p.demo.address
	}
	server, err := web.New(config)
	if err != nil {
		return err
	}
	p.serves.Store(server)
	return nil
}

// work runs the parts until ctx ends or one of them fails, and then ends them in order:
// streams, server, desk.
func (p *program) work(ctx context.Context, served <-chan error) error {
	parts, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	failed := make(chan error, 2)
	go func() { failed <- p.desk.Run(parts) }()
	go func() { failed <- p.hub.Run(parts) }()
	running := 2
	err := p.begin(ctx)
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-served:
		case err = <-failed:
			running--
		}
	}
	p.hub.Close()
	err = errors.Join(err, p.endServer(ctx))
	end()
	for range running {
		err = errors.Join(err, <-failed)
	}
	return err
}

// longestRequest is how long requests may go on when the program ends.
var longestRequest = 10 * time.Second

// endServer takes no more requests, and waits for those that run. One that does not end,
// such as an upload that stalls, is cut off: its sender sees that no answer came.
func (p *program) endServer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), longestRequest)
	defer cancel()
	err := p.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		p.log.Warn("Requests did not end in time and were cut off.", "after", longestRequest)
		return p.server.Close()
	}
	return err
}

// begin prepares what is shown first and prints where it is.
func (p *program) begin(ctx context.Context) error {
	if err := p.desk.MoveHooks(ctx); err != nil {
		return err
	}
	if p.demo != nil {
		return p.demo.begin(ctx, p)
	}
	if p.admin != "" {
		if err := p.printAdmin(ctx); err != nil {
			return err
		}
	}
	fmt.Fprintf(p.out, "The helpdesk is at %s\nCtrl-C ends it.\n", p.address)
	return nil
}

// printAdmin prints a link that signs an administrator in once.
func (p *program) printAdmin(ctx context.Context) error {
	id, err := p.desk.Administrator(ctx, p.admin)
	if err != nil {
		return fmt.Errorf("-admin %s: %w", p.admin, err)
	}
	path, err := p.desk.SignInLink(ctx, id)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "%s signs in once at %s%s\n", p.admin, p.address, path)
	return nil
}
