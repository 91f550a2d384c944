package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// fakeFlags are the arguments of "chatapi fake".
type fakeFlags struct {
	hooks       []string
	listen      string
	scriptFiles []string
	update      bool
	stateFile   string
	tapeFile    string
	within      time.Duration
	wait        time.Duration
	seed        uint64
	seeded      bool
	quirks      []chatapitest.Quirk
	now         time.Time
	channel     chatapi.ChannelID // empty: that of the state, or the fake's own
	phone       string
}

const fakeHelp = `Starts a fake of Chat API on this machine: the service, its clock, and customers on phones
that you see and use in a browser. A bot in any language works with it as with a real
channel; no account and no network is needed, and nothing leaves this machine.

Usage: chatapi fake [arguments]

  chatapi fake -hook http://127.0.0.1:8080/webhooks/s3cret

It prints the address of the page, and the API URL and the token for the bot. Open the page,
add a phone, and write to the bot. The token is made up: it opens this fake, and nothing else.

  -hook URL        delivers webhooks to this address of the bot, on this machine; may be
                   given up to 5 times. The bot can also set its address itself, as with
                   the service. A webhook is tried for ten seconds, so the bot may be
                   started again in the middle
  -listen ADDRESS  serves at this host and port, 127.0.0.1:8300 by default. Port 0 is a free
                   one. 0.0.0.0:8300 lets everybody in who reaches this machine, by its address
                   or its name
  -state FILE      begins with the state in the file and keeps it there: customers, messages,
                   templates, settings, the token, the clock. The file is made if it is not
                   there, written every few seconds and at the end, and never half
  -now TIME        sets the clock of the fake, such as 2026-11-28T15:04:05Z or 2026-11-28
  -channel ID      is the id of the channel, ABC100000001 by default
  -phone NUMBER    is the number of the business, 12025550100 by default; a state has its own
  -seed N          makes the same token and ids at each start; without it the token is random
  -quirk NAME      switches on a habit that the service has at times; may be given several
                   times. The names are below
  -tape FILE       shows the conversation on a tape with texts on the phones, and goes on

Without a browser:

  -script FILE     plays a conversation and ends: with exit code 0 if the bot answered as the
                   file says, otherwise with 1 and the difference. It may be given several
                   times; each conversation begins anew. With -state it begins with the state,
                   whose file does not change
  -update          writes each file of -script as the conversation went, if that differs
  -within TIME     how long -script waits for each message of the bot, 5s by default; if the
                   bot does not answer a webhook in 24 times that, but at least 5s, the
                   script ends
  -wait TIME       how long -script waits until the bot listens at each -hook, 30s by default

A script is the chat as people read it:

  Ann is +1 202 555 0143
  Ann: order
  Bot: Which size? [Small] [Large]
  +2h
  Ann: [Large]
  Bot: One large pizza. Your ticket is …

For other languages the fake also has a programming interface: every act of the page is a
request below /sim/, which /sim/openapi.json describes.

Ctrl-C waits for the webhooks that are under way, saves the state, and ends. The exit code is
0 if all went well, 1 if something failed, and 2 if the arguments are wrong.

The quirks are:
`

// fakeHelpText returns the help with the names of the quirks.
func fakeHelpText() string {
	text, line := fakeHelp, " "
	for _, name := range quirkNames() {
		name = " " + strings.ReplaceAll(name, " ", "-")
		if len(line)+len(name) > 95 {
			text, line = text+line+"\n", " "
		}
		line += name
	}
	return text + line + "\n"
}

// readFakeFlags reads the arguments. The error says which one is wrong.
func readFakeFlags(args []string) (fakeFlags, error) {
	f := fakeFlags{}
	set := fakeFlagSet(&f)
	if err := set.Parse(args); err != nil {
		return f, err
	}
	given := map[string]bool{}
	set.Visit(func(f *flag.Flag) { given[f.Name] = true })
	f.seeded = given["seed"]
	return f, f.check(set.Args(), given)
}

// fakeFlagSet returns the flags that fill in f.
func fakeFlagSet(f *fakeFlags) *flag.FlagSet {
	set := flag.NewFlagSet("fake", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.Func("hook", "", f.addHook)
	set.Func("quirk", "", f.addQuirk)
	set.Func("now", "", f.setNow)
	set.StringVar(&f.listen, "listen", "127.0.0.1:8300", "")
	set.Func("script", "", func(path string) error {
		f.scriptFiles = append(f.scriptFiles, path)
		return nil
	})
	set.BoolVar(&f.update, "update", false, "")
	set.DurationVar(&f.within, "within", 5*time.Second, "")
	set.DurationVar(&f.wait, "wait", 30*time.Second, "")
	set.StringVar(&f.stateFile, "state", "", "")
	set.StringVar(&f.tapeFile, "tape", "", "")
	set.Uint64Var(&f.seed, "seed", 0, "")
	set.StringVar((*string)(&f.channel), "channel", "", "")
	set.StringVar(&f.phone, "phone", "", "")
	return set
}

// check checks the arguments together.
func (f *fakeFlags) check(rest []string, given map[string]bool) error {
	for name, value := range map[string]string{"state": f.stateFile, "script": strings.Join(f.scriptFiles, ""), "tape": f.tapeFile,
		"channel": string(f.channel), "phone": f.phone, "listen": f.listen} {
		if given[name] && value == "" {
			return fmt.Errorf("-%s has no value", name)
		}
	}
	_, _, err := net.SplitHostPort(f.listen)
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%q belongs to no argument; write, for example, -hook %s", rest[0], rest[0])
	case err != nil:
		return fmt.Errorf("-listen %q: give a host and a port, such as 127.0.0.1:8300", f.listen)
	case len(f.hooks) > 5:
		return fmt.Errorf("-hook: a channel has up to 5 addresses, and these are %d", len(f.hooks))
	case f.tapeFile != "" && (len(f.scriptFiles) > 0 || len(f.hooks) > 0):
		return errors.New("-tape shows what was said, so it goes with neither -script nor -hook; -script plays the customers of a tape to a bot")
	case f.within <= 0 || f.wait < 0:
		return errors.New("-within must be more than 0, and -wait not less")
	case len(f.scriptFiles) == 0 && (given["within"] || given["wait"] || f.update):
		return errors.New("-within, -wait and -update belong to -script")
	case f.update && slices.ContainsFunc(f.scriptFiles, isTape):
		return errors.New("-update writes scripts, and no tapes; save the conversation of the tape as a script first")
	}
	return nil
}

func (f *fakeFlags) addHook(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("give the whole address of the bot's webhook handler, such as http://127.0.0.1:8080/webhooks/s3cret")
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return errors.New("the fake delivers to this machine only, so that no test reaches a real program; give an address with 127.0.0.1 or localhost")
	}
	f.hooks = append(f.hooks, address)
	return nil
}

func (f *fakeFlags) addQuirk(name string) error {
	spaced := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), "-", " ")
	names := quirkNames()
	if !slices.Contains(names, spaced) {
		return fmt.Errorf("there is no quirk of that name%s", meant(spaced, names, "; the names are: "+strings.Join(names, ", ")))
	}
	f.quirks = append(f.quirks, chatapitest.Quirk(spaced))
	return nil
}

func (f *fakeFlags) setNow(text string) error {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			f.now = at
			return nil
		}
	}
	return errors.New("give a time such as 2026-11-28T15:04:05Z, or 2026-11-28 15:04 by the clock of this machine")
}

func quirkNames() (names []string) {
	for _, q := range chatapitest.AllQuirks() {
		names = append(names, string(q))
	}
	return names
}
