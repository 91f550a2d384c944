package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/chatapitest/phones"
	"github.com/chatapi-go/chatapi/chatapitest/tape"
)

// runFake is the command "chatapi fake".
func runFake(ctx context.Context, args []string, out, problems io.Writer) int {
	flags, err := readFakeFlags(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, fakeHelpText())
		return exitWell
	case err != nil:
		fmt.Fprintf(problems, "chatapi fake: %v\n\"chatapi help fake\" lists the arguments.\n", err)
		return exitUsage
	}
	f := &fake{fakeFlags: flags, out: out, problems: &lines{w: problems}}
	if err := f.run(ctx); err != nil {
		f.problems.say("chatapi fake: %v", err)
		return exitFailed
	}
	return exitWell
}

// fake is a fake that runs.
type fake struct {
	fakeFlags
	out      io.Writer
	problems *lines

	api     *chatapitest.API
	state   *stateFile // nil without -state
	scripts []script
	tape    *tape.Tape // nil without -tape
	watch   *watch
}

// run starts the fake, prints where it is, and keeps it until ctx or the script ends.
func (f *fake) run(ctx context.Context) error {
	err := f.read()
	if err != nil {
		return err
	}
	if f.api, err = chatapitest.Start(f.options()...); err != nil {
		f.api.Close()
		return errors.New(plain(err))
	}
	defer f.api.Close()
	if f.state != nil {
		if err := f.state.load(f.api); err != nil {
			return err
		}
	}
	page := phones.New(f.api, phones.Host(f.hosts()...))
	defer page.Close()
	apiURL, err := f.serve(page)
	if err != nil {
		return err
	}
	if err := f.addHooks(ctx); err != nil {
		return err
	}
	f.print(apiURL)
	f.watch = newWatch(f.api, f.problems)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go f.watch.run(watching)
	switch {
	case len(f.scripts) > 0:
		return f.play(ctx)
	case f.tape != nil:
		if err := f.show(ctx); err != nil {
			return err
		}
	}
	return f.keep(ctx)
}

// read reads the files of the arguments, before anything is started.
func (f *fake) read() (err error) {
	for _, path := range f.scriptFiles {
		s, err := readScript(path)
		if err != nil {
			return err
		}
		f.scripts = append(f.scripts, s)
	}
	if f.tapeFile != "" {
		if f.tape, err = readTape(f.tapeFile); err != nil {
			return err
		}
	}
	if f.stateFile == "" {
		return nil
	}
	if f.state, err = openState(f.stateFile, len(f.scripts) == 0); err != nil {
		return fmt.Errorf("-state: %w", err)
	}
	return f.takeChannel(f.state.channels())
}

// takeChannel makes the fake's channel one of those in the state.
func (f *fake) takeChannel(known []chatapi.ChannelID) error {
	switch {
	case len(known) == 0 || slices.Contains(known, f.channel):
		return nil
	case f.channel != "":
		return fmt.Errorf("-channel %s: the state in %s is of the channel %s; leave -channel out, or give another file", f.channel, f.state.path, known[0])
	}
	f.channel = known[0]
	return nil
}

// options returns those that the arguments ask for.
func (f *fake) options() []chatapitest.Option {
	// A bot that is started again has ten seconds to take a webhook.
	options := []chatapitest.Option{chatapitest.AllowUndelivered(), chatapitest.Redeliver(0, 500*time.Millisecond), chatapitest.Quirks(f.quirks...)}
	if f.channel != "" {
		options = append(options, chatapitest.Channel(f.channel))
	}
	if f.phone != "" {
		options = append(options, chatapitest.Phone(f.phone))
	}
	if f.seeded {
		options = append(options, chatapitest.Seed(f.seed))
	}
	if !f.now.IsZero() {
		options = append(options, chatapitest.At(f.now))
	}
	return options
}

// serve opens the port.
func (f *fake) serve(page http.Handler) (apiURL string, err error) {
	apiURL, err = f.api.ListenAt(f.listen, page)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "", fmt.Errorf("-listen %s: another program has this port, perhaps another fake; end it, give another port, or give port 0 for a free one", f.listen)
	case errors.Is(err, syscall.EACCES):
		return "", fmt.Errorf("-listen %s: this user may not open this port; give one from 1024 on", f.listen)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "", fmt.Errorf("-listen %s: this machine does not have the address; give 127.0.0.1 and a port", f.listen)
	case err != nil:
		return "", fmt.Errorf("-listen %s: %w", f.listen, err)
	}
	if !f.local() {
		f.problems.say("Warning: -listen %s lets everybody who reaches the port read and change all that is in the fake. Use it only in a network that you trust.", f.listen)
	}
	return apiURL, nil
}

// hosts returns the names of this machine by which a browser may ask for the page, besides
// localhost.
func (f *fake) hosts() (names []string) {
	if f.local() {
		return nil
	}
	host, _, _ := net.SplitHostPort(f.listen)
	names = append(names, host)
	if name, err := os.Hostname(); err == nil {
		names = append(names, name)
	}
	networks, _ := net.InterfaceAddrs() // without them the page is reached by name
	for _, network := range networks {
		if n, ok := network.(*net.IPNet); ok {
			names = append(names, n.IP.String())
		}
	}
	return names
}

// local reports whether only this machine reaches the port.
func (f *fake) local() bool {
	host, _, _ := net.SplitHostPort(f.listen)
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// addHooks puts the addresses of the arguments into the channel's webhook list, in place
// of those of a state.
func (f *fake) addHooks(ctx context.Context) error {
	if len(f.hooks) == 0 {
		return nil
	}
	if len(f.api.Webhooks()) > 0 {
		if err := f.api.Client().Webhooks.Set(ctx, f.hooks...); err != nil {
			return fmt.Errorf("-hook: the state has other addresses, and the channel does not take new ones: %w", err)
		}
	}
	for _, hook := range f.hooks {
		f.api.Webhook(hook, nil)
	}
	return nil
}

// print prints where the fake is. Other programs may read the lines.
func (f *fake) print(apiURL string) {
	address := strings.TrimSuffix(apiURL, apiURL[strings.LastIndex(apiURL, "/"):])
	fmt.Fprintf(f.out, "Phones    %s/\nAPI URL   %s\nToken     %s\n", address, apiURL, f.api.Token)
	for _, hook := range f.api.Webhooks() {
		fmt.Fprintf(f.out, "Webhook   %s\n", hook)
	}
	if len(f.api.Webhooks()) == 0 {
		fmt.Fprint(f.out, "Webhook   none; give -hook, or let the bot add its address\n")
	}
	if f.state != nil {
		fmt.Fprintf(f.out, "State     %s\n", f.state)
	}
	if ahead := time.Until(f.api.Now()); ahead.Abs() > time.Minute {
		fmt.Fprintf(f.out, "Clock     %s\n", f.api.Now().Format(time.DateTime))
	}
	fmt.Fprint(f.out, "The token is made up: it opens this fake, and nothing else. ")
	if len(f.scripts) == 0 {
		fmt.Fprint(f.out, "Ctrl-C ends the fake.")
	}
	fmt.Fprintln(f.out)
}

// keep serves until ctx ends, and saves the state.
func (f *fake) keep(ctx context.Context) error {
	if f.state != nil {
		go f.state.keep(ctx, f.api, f.problems)
	}
	<-ctx.Done()
	return f.end()
}

// patience is how long the end waits for webhooks that are under way.
const patience = 10 * time.Second

// end waits for the webhooks that are under way, and saves the state.
func (f *fake) end() error {
	settled := make(chan struct{})
	go func() {
		f.api.Settle()
		close(settled)
	}()
	soon, late := time.NewTimer(300*time.Millisecond), time.NewTimer(patience)
	defer soon.Stop()
	defer late.Stop()
	for waiting := true; waiting; {
		select {
		case <-settled:
			waiting = false
		case <-soon.C:
			f.problems.say("Webhooks are under way; the fake ends when they are delivered, in %s at the latest. Ctrl-C ends it at once.", patience)
		case <-late.C:
			waiting = false
		}
	}
	f.api.Close()
	f.watch.look()
	if f.state == nil {
		return nil
	}
	return f.state.save(f.api)
}
