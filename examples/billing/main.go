package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
)

func main() {
	err := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, chatapi.ErrNoPrice):
		fmt.Fprintln(os.Stderr, "billing: the bill has gaps:", err)
		os.Exit(3)
	default:
		fmt.Fprintln(os.Stderr, "billing:", err)
		os.Exit(1)
	}
}

type options struct {
	month, timezone, model, currency, rates string
	csv, json, html                         string
	keepGoing, quiet                        bool
	generate                                int
	seed                                    uint64
	input                                   string
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("billing", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: billing [options] events.jsonl | -")
		flags.PrintDefaults()
	}
	flags.StringVar(&o.month, "month", "", "month to bill, as 2026-10; default that of the latest activity")
	flags.StringVar(&o.timezone, "timezone", "UTC", "the account's time zone, as America/New_York")
	flags.StringVar(&o.model, "model", "", "force a billing model, as cbp-2022; default by date")
	flags.StringVar(&o.currency, "currency", "USD", "currency of the embedded rate cards")
	flags.StringVar(&o.rates, "rates", "", "rate cards of your own: CSV `files`, separated by commas")
	flags.StringVar(&o.csv, "csv", "", "write the charges as CSV to this `file`")
	flags.StringVar(&o.json, "json", "", "write the bill as JSON to this `file`")
	flags.StringVar(&o.html, "html", "", "write the bill as a page with charts to this `file`")
	flags.BoolVar(&o.keepGoing, "continue", false, "list lines that cannot be read and go on")
	flags.BoolVar(&o.quiet, "summary", false, "print the sums only, not every charge")
	flags.IntVar(&o.generate, "generate", 0, "write a file of this many made-up events instead")
	flags.Uint64Var(&o.seed, "seed", 1, "seed of the made-up events")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case o.generate < 0:
		return o, fmt.Errorf("-generate %d: want a count of events", o.generate)
	case o.generate > 0 && flags.NArg() == 0:
	case o.generate > 0 || flags.NArg() != 1:
		flags.Usage()
		return o, errors.New("want one file of events, or - for standard input")
	default:
		o.input = flags.Arg(0)
	}
	return o, nil
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if o.generate > 0 {
		return generate(stdout, o.generate, o.seed)
	}
	account, err := o.account()
	if err != nil {
		return err
	}
	input, size := stdin, int64(-1)
	if o.input != "-" {
		file, err := os.Open(o.input)
		if err != nil {
			return err
		}
		defer file.Close()
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			size = info.Size()
		}
		input = file
	}

	ledger := chatapi.NewLedger(account)
	progress := newProgress(stderr, size)
	reading := &reading{progress: progress, keepGoing: o.keepGoing, stderr: stderr, record: ledger.Record}
	err = reading.all(chatapi.ReadActivities(progress.reader(input)))
	progress.done(reading.events)
	if err != nil {
		return err
	}
	month := chatapi.Month(reading.latest.In(account.Timezone).Year(), reading.latest.In(account.Timezone).Month())
	if o.month != "" {
		if err := month.UnmarshalText([]byte(o.month)); err != nil {
			return fmt.Errorf("-month: %w", err)
		}
	} else if reading.events == 0 {
		return errors.New("there are no events, so -month has to say which month to bill")
	}
	bill, gaps := ledger.Bill(month)
	if bill == nil {
		return gaps
	}
	if err := o.write(bill, stdout); err != nil {
		return err
	}
	return gaps
}

// account is the one that pays for every number in the file.
func (o *options) account() (chatapi.Account, error) {
	zone, err := time.LoadLocation(o.timezone)
	if err != nil {
		return chatapi.Account{}, fmt.Errorf("-timezone: %w", err)
	}
	account := chatapi.Account{ID: "account", Timezone: zone, Model: chatapi.Model(o.model)}
	if o.rates == "" {
		account.Rates, err = chatapi.EmbeddedRates(o.currency)
		return account, err
	}
	var files []io.Reader
	for name := range strings.SplitSeq(o.rates, ",") {
		file, err := os.Open(name)
		if err != nil {
			return account, err
		}
		defer file.Close()
		files = append(files, file)
	}
	account.Rates, err = chatapi.ReadRates(files[0], files[1:]...)
	return account, err
}

// reading records activities and remembers what was seen.
type reading struct {
	progress  *progress
	keepGoing bool
	stderr    io.Writer
	record    func(chatapi.Activity) error

	events, bad int
	latest      time.Time
}

// badLines is how many are listed one by one.
const badLines = 20

func (r *reading) all(activities iter.Seq2[chatapi.Activity, error]) error {
	for activity, err := range activities {
		if err == nil {
			r.events++
			if err = r.record(activity); err != nil {
				err = fmt.Errorf("event %d: %w", r.events, err)
			}
		}
		switch {
		case err == nil:
		case !r.keepGoing || !errors.Is(err, chatapi.ErrInvalid) && !errors.Is(err, chatapi.ErrNoTime):
			return err
		default:
			if r.bad++; r.bad <= badLines {
				fmt.Fprintln(r.stderr, "passed over:", err)
			}
			continue
		}
		at := activity.At
		if at.IsZero() {
			at = activity.Observed
		}
		if at.After(r.latest) {
			r.latest = at
		}
	}
	if r.bad > badLines {
		fmt.Fprintf(r.stderr, "passed over: %d lines in all\n", r.bad)
	}
	return nil
}

// write writes the forms that were asked for.
func (o *options) write(bill *chatapi.Bill, stdout io.Writer) error {
	text := bill.WriteText
	if o.quiet {
		text = func(w io.Writer) error { return writeSums(w, bill) }
	}
	if err := text(stdout); err != nil {
		return err
	}
	for _, form := range []struct {
		file  string
		write func(io.Writer) error
	}{{o.csv, bill.WriteCSV}, {o.json, bill.WriteJSON}, {o.html, func(w io.Writer) error { return writeReport(w, bill) }}} {
		if form.file == "" {
			continue
		}
		if err := writeFile(form.file, form.write); err != nil {
			return err
		}
	}
	return nil
}

func writeSums(w io.Writer, bill *chatapi.Bill) error {
	_, err := fmt.Fprintf(w, "Bill for %s: %d conversations and messages\n", bill.Month, len(bill.Charges))
	for _, total := range bill.Totals {
		if err == nil {
			_, err = fmt.Fprintln(w, "Total", total)
		}
	}
	for _, gap := range bill.Gaps {
		if err == nil {
			_, err = fmt.Fprintf(w, "Not in the total: %s (%d)\n", gap.Error(), gap.Units)
		}
	}
	return err
}

// writeFile writes customers' phone numbers: only the owner may read them.
func writeFile(name string, write func(io.Writer) error) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(file)
	return errors.Join(write(out), out.Flush(), file.Close())
}
