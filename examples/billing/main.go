package main

import (
	"bufio"
	"encoding/json"
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
	closeAfter                              time.Duration
	forecast                                bool
	now                                     string
	keepGoing, quiet                        bool
	generate, months                        int
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
	flags.StringVar(&o.month, "month", "", "month to bill, such as 2026-10; by default the month of the latest activity")
	flags.StringVar(&o.timezone, "timezone", "UTC", "the account's time zone, such as America/New_York")
	flags.StringVar(&o.model, "model", "", "billing model, such as cbp-2022; by default the model of each date")
	flags.StringVar(&o.currency, "currency", "USD", "currency of the embedded rate cards")
	flags.StringVar(&o.rates, "rates", "", "your own rate cards: CSV `files`, separated by commas")
	flags.StringVar(&o.csv, "csv", "", "write the charges as CSV to this `file`")
	flags.StringVar(&o.json, "json", "", "write the bill as JSON to this `file`")
	flags.StringVar(&o.html, "html", "", "write the bill as a page with charts to this `file`")
	flags.DurationVar(&o.closeAfter, "close", 0, "close each month this long after its end, such as 72h; later events are listed as late")
	flags.BoolVar(&o.forecast, "forecast", false, "add the expected cost of the whole month")
	flags.StringVar(&o.now, "now", "", "instant of the forecast, such as 2026-10-12T00:00:00Z; by default the time of the latest activity")
	flags.BoolVar(&o.keepGoing, "continue", false, "list lines that cannot be read and continue")
	flags.BoolVar(&o.quiet, "summary", false, "print only the sums, not every charge")
	flags.IntVar(&o.generate, "generate", 0, "write this many made-up events to standard output and make no bill")
	flags.IntVar(&o.months, "months", 1, "number of months, up to October 2026, of the made-up events")
	flags.Uint64Var(&o.seed, "seed", 1, "seed of the made-up events")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case o.closeAfter < 0:
		return o, fmt.Errorf("-close %s: must not be negative", o.closeAfter)
	case o.generate < 0:
		return o, fmt.Errorf("-generate %d: must not be negative", o.generate)
	case o.months < 1 || o.months > 120:
		return o, fmt.Errorf("-months %d: must be from 1 to 120", o.months)
	case o.generate > 0 && flags.NArg() == 0:
	case o.generate > 0 || flags.NArg() != 1:
		flags.Usage()
		return o, errors.New("one file of events is required, or - for standard input")
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
		return generate(stdout, o.generate, o.months, o.seed)
	}
	account, err := o.account()
	if err != nil {
		return err
	}
	input, size, err := o.open(stdin)
	if err != nil {
		return err
	}
	defer input.Close()

	var month chatapi.YearMonth
	if o.month != "" {
		if err := month.UnmarshalText([]byte(o.month)); err != nil {
			return fmt.Errorf("-month: %w", err)
		}
	}
	ledger := chatapi.NewLedger(account)
	closer := &monthCloser{ledger: ledger, zone: account.Timezone, after: o.closeAfter, wanted: month}
	progress := newProgress(stderr, size)
	loader := &loader{keepGoing: o.keepGoing, stderr: stderr}
	activities := chatapi.ReadActivities(progress.reader(input))
	if o.keepGoing || o.closeAfter > 0 { // each event must be in the ledger before the next
		err = loader.each(activities, closer.record)
	} else {
		err = loader.all(activities, ledger)
	}
	progress.done(loader.events)
	if err != nil {
		return err
	}
	if o.month == "" {
		if loader.events == 0 {
			return errors.New("there are no events, so -month must name the month to bill")
		}
		month = monthOf(loader.latest.In(account.Timezone))
	}
	bill, gaps := ledger.Bill(month)
	if bill == nil {
		return gaps
	}
	r := result{Bill: closer.merge(bill)}
	if o.forecast {
		if r.Forecast, err = o.expect(ledger, month, loader.latest.In(account.Timezone)); err != nil {
			return err
		}
	}
	if err := o.write(r, stdout); err != nil {
		return err
	}
	return gaps
}

// open opens the input. The size is -1 if it is not known.
func (o *options) open(stdin io.Reader) (input io.ReadCloser, size int64, err error) {
	if o.input == "-" {
		return io.NopCloser(stdin), -1, nil
	}
	file, err := os.Open(o.input)
	if err != nil {
		return nil, 0, err
	}
	size = -1
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
		size = info.Size()
	}
	return file, size, nil
}

// expect returns the forecast at -now, or at the given time without -now.
func (o *options) expect(ledger *chatapi.Ledger, month chatapi.YearMonth, now time.Time) (*chatapi.Forecast, error) {
	if o.now != "" {
		given, err := time.Parse(time.RFC3339, o.now)
		if err != nil {
			return nil, fmt.Errorf("-now: %w", err)
		}
		now = given.In(now.Location())
	}
	forecast, err := ledger.Forecast(month, now)
	if forecast == nil {
		return nil, fmt.Errorf("-forecast: %w", err)
	}
	return forecast, nil // the bill reports missing prices
}

// result is the bill, with the forecast if one was requested. Its JSON form can be
// read into a Bill.
type result struct {
	*chatapi.Bill
	Forecast *chatapi.Forecast `json:"forecast,omitempty"`
}

func (r result) writeJSON(w io.Writer) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return out.Encode(r)
}

func monthOf(t time.Time) chatapi.YearMonth { return chatapi.Month(t.Year(), t.Month()) }

// monthCloser records activities and closes each month some time after its end, by
// the times at which events arrived. A long replay then keeps only the open months
// in memory.
type monthCloser struct {
	ledger *chatapi.Ledger
	zone   *time.Location
	after  time.Duration // 0 closes nothing
	wanted chatapi.YearMonth

	month chatapi.YearMonth // the next one to close
	due   time.Time
	bill  *chatapi.Bill // of the wanted month, when it was closed
}

func (c *monthCloser) record(a chatapi.Activity) error {
	arrived := a.Observed
	if arrived.IsZero() {
		arrived = a.At
	}
	if c.after > 0 && !arrived.IsZero() {
		if c.due.IsZero() {
			c.next(arrived.In(c.zone))
		}
		for !arrived.Before(c.due) {
			bill, err := c.ledger.Close(c.month)
			if err != nil && !errors.Is(err, chatapi.ErrNoPrice) {
				return err
			}
			if c.month == c.wanted {
				c.bill = bill
			}
			c.next(time.Date(c.month.Year, c.month.Month+1, 1, 0, 0, 0, 0, c.zone))
		}
	}
	return c.ledger.Record(a)
}

// next makes the month of t the next one to close.
func (c *monthCloser) next(t time.Time) {
	c.month = monthOf(t)
	c.due = time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, c.zone).Add(c.after)
}

// merge adds to a closed bill the charges that it had when it was closed.
func (c *monthCloser) merge(bill *chatapi.Bill) *chatapi.Bill {
	if c.bill == nil {
		return bill
	}
	whole := *c.bill
	whole.Closed, whole.Late = bill.Closed, bill.Late
	return &whole
}

// account returns the account that pays for every number in the file.
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

// loader puts activities into a ledger, counts them, and remembers the latest time.
type loader struct {
	keepGoing bool
	stderr    io.Writer

	events, bad int
	latest      time.Time
}

// badLines is the number of bad lines that are listed one by one.
const badLines = 20

// all loads activities up to the first that is wrong.
func (l *loader) all(activities iter.Seq2[chatapi.Activity, error], ledger *chatapi.Ledger) error {
	return ledger.Load(func(yield func(chatapi.Activity, error) bool) {
		for activity, err := range activities {
			if err == nil {
				l.events++
				l.see(activity)
			}
			if !yield(activity, err) {
				return
			}
		}
	})
}

// each records activities one by one.
func (l *loader) each(activities iter.Seq2[chatapi.Activity, error], record func(chatapi.Activity) error) error {
	for activity, err := range activities {
		if err == nil {
			l.events++
			if err = record(activity); err != nil {
				err = fmt.Errorf("event %d: %w", l.events, err)
			}
		}
		switch {
		case err == nil:
			l.see(activity)
		case !l.keepGoing || !errors.Is(err, chatapi.ErrInvalid) && !errors.Is(err, chatapi.ErrNoTime):
			return err
		default:
			if l.bad++; l.bad <= badLines {
				fmt.Fprintln(l.stderr, "skipped:", err)
			}
		}
	}
	if l.bad > badLines {
		fmt.Fprintf(l.stderr, "skipped: %d lines in all\n", l.bad)
	}
	return nil
}

// see remembers the time of an activity if it is the latest.
func (l *loader) see(activity chatapi.Activity) {
	at := activity.At
	if at.IsZero() {
		at = activity.Observed
	}
	if at.After(l.latest) {
		l.latest = at
	}
}

// write writes the bill in the requested forms.
func (o *options) write(r result, stdout io.Writer) error {
	text := r.WriteText
	if o.quiet {
		text = func(w io.Writer) error { return writeSums(w, r.Bill) }
	}
	if err := errors.Join(text(stdout), writeTiers(stdout, r.Bill)); err != nil {
		return err
	}
	if r.Forecast != nil {
		if _, err := fmt.Fprintf(stdout, "\n%s", r.Forecast); err != nil {
			return err
		}
	}
	for _, form := range []struct {
		file  string
		write func(io.Writer) error
	}{{o.csv, r.WriteCSV}, {o.json, r.writeJSON},
		{o.html, func(w io.Writer) error { return writeReport(w, r) }}} {
		if form.file == "" {
			continue
		}
		if err := writeFile(form.file, form.write); err != nil {
			return err
		}
	}
	return nil
}

// writeTiers writes how much of the free tiers and volume tiers is used.
func writeTiers(w io.Writer, bill *chatapi.Bill) error {
	var text strings.Builder
	for _, g := range gauges(bill) {
		fmt.Fprintf(&text, "Free tier of %s: %s of %s\n", plain(g.Name), g.Used, g.Of)
	}
	for _, v := range volumes(bill) {
		fmt.Fprintf(&text, "Volume tier of %s in %s from message %s on: %s, %s\n", plain(v.Category), plain(v.Market), v.From, v.Messages, v.Cost)
	}
	if text.Len() == 0 {
		return nil
	}
	_, err := io.WriteString(w, "\n"+text.String())
	return err
}

// writeSums writes the totals of the bill without its charges.
func writeSums(w io.Writer, bill *chatapi.Bill) error {
	closed := ""
	if bill.Closed {
		closed = ", closed"
	}
	_, err := fmt.Fprintf(w, "Bill for %s%s: %d conversations and messages\n", bill.Month, closed, len(bill.Charges))
	for _, total := range bill.Totals {
		if err == nil {
			_, err = fmt.Fprintln(w, "Total", total)
		}
	}
	if len(bill.Late) > 0 && err == nil {
		_, err = fmt.Fprintf(w, "Late, not in the total: %d\n", len(bill.Late))
	}
	for _, gap := range bill.Gaps {
		if err == nil {
			_, err = fmt.Fprintf(w, "Not in the total: %s (%d)\n", gap.Error(), gap.Units)
		}
	}
	return err
}

// writeFile writes a file that only its owner may read, since it has customers'
// phone numbers.
func writeFile(name string, write func(io.Writer) error) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(file)
	return errors.Join(write(out), out.Flush(), file.Close())
}
