package chatapitest

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
)

// Act is a thing that somebody can do in a fake. [Acts] is the table of all acts. A
// [Script] names them, [API.Perform] carries them out by name, and each has a method in
// Go.
type Act struct {
	// Name is a verb in small letters, such as "says" or "hides number". Each act has
	// another name.
	Name string

	Actor Actor

	// Method is the method in Go, such as "Customer.Says". Doc is a sentence about the
	// act.
	Method, Doc string

	// Args are the arguments in the order in which a script names them. All that are
	// optional stand at the end.
	Args []Arg
}

// Actor says who does an act.
type Actor string

// The actors: a customer, the business in its phone app, another agent such as Meta's, or
// the service with its operators.
const (
	ActorCustomer Actor = "customer"
	ActorPhone    Actor = "phone"
	ActorAgent    Actor = "agent"
	ActorService  Actor = "service"
)

// ActorChannel is the channel itself, which writes by its API. It does no act of the table.
const ActorChannel Actor = "channel"

// Arg is an argument of an act.
type Arg struct {
	Name, Doc string
	Kind      ArgKind
	Optional  bool
}

// ArgKind says how the text of an argument is read.
type ArgKind string

// The kinds of arguments.
const (
	ArgText     ArgKind = "text"     // any text
	ArgNumber   ArgKind = "number"   // a decimal number, such as "52.5"
	ArgInteger  ArgKind = "integer"  // a whole number, such as "429"
	ArgDuration ArgKind = "duration" // a time as Go writes it, such as "25h"
	ArgJSON     ArgKind = "json"     // a JSON object
	ArgPerson   ArgKind = "person"   // a number, a BSUID, or the name of a customer
	ArgGroup    ArgKind = "group"    // the id of a group, or its subject
	ArgMessage  ArgKind = "message"  // the id of a message; a script does not name it
	ArgFile     ArgKind = "file"     // the bytes of a file; a script does not name it
)

// Acts returns the table of acts. The list is a copy.
func Acts() []Act {
	all := make([]Act, len(acts))
	for i, def := range acts {
		all[i] = def.Act
		all[i].Args = slices.Clone(def.Args)
	}
	return all
}

// actDef is an act and the function that does it. The customer is the actor or, for an
// act of somebody else, the person of the argument "to".
type actDef struct {
	Act
	do func(a *API, c *Customer, v *values) (id string, err error)
}

// actNamed returns an act of the table; nil if there is none.
func actNamed(name string) *actDef {
	name = strings.ReplaceAll(name, "-", " ")
	for i := range acts {
		if acts[i].Name == name {
			return &acts[i]
		}
	}
	return nil
}

// Perform carries out an act of the table, as its method does, for a program that gets
// acts as texts, such as a page or a script. Dashes may stand in the name for its spaces:
// "hides-number". who is the customer who acts: a phone number, a BSUID, or the profile
// name of a customer of the channel; it is empty for other actors. args has a text for
// each argument; one that is missing or empty is left out.
//
// It returns the id of the message, empty if the act has none, when the resulting
// webhooks are delivered. The error is a sentence for a person: an unknown act, customer
// or argument, with the likeliest meant one, a text that cannot be read, or an act that
// is impossible. Such an error does not fail the test.
func (a *API) Perform(act, who string, args map[string]string) (id string, err error) {
	def := actNamed(act)
	if def == nil {
		return "", fmt.Errorf("there is no act %q%s", short(act), meantOr(act, actNames(), "Acts lists them"))
	}
	v := &values{given: args}
	if err := v.check(def.Args); err != nil {
		return "", fmt.Errorf("%s: %w", def.Name, err)
	}
	var c *Customer
	if def.Actor != ActorCustomer {
		if who != "" {
			return "", fmt.Errorf("%s: the %s does this, not %q", def.Name, def.Actor, short(who))
		}
		who = v.text("to")
	} else if who == "" {
		return "", fmt.Errorf("%s: name the customer who does it", def.Name)
	}
	if who != "" {
		if c, err = a.person(who); err != nil {
			return "", err
		}
	}
	if err := a.stray(); err != nil {
		return "", err
	}
	if id, err = def.do(a, c, v); err == nil && c.isGone() {
		err = fmt.Errorf("%s: %s", def.Name, wasReset)
	}
	return id, err
}

func actNames() []string {
	names := make([]string, len(acts))
	for i := range acts {
		names[i] = acts[i].Name
	}
	return names
}

// person returns the customer with that number, BSUID or name. It makes a customer for a
// new number or BSUID.
func (a *API) person(who string) (*Customer, error) {
	if bsuidPattern.MatchString(who) || phonePattern.MatchString(digits(who)) {
		return a.Customer(who), nil
	}
	a.mu.Lock()
	customers := slices.Clone(a.customers)
	a.mu.Unlock()
	var names []string
	for _, c := range customers {
		label := a.label(c)
		if label == who || c.Name() == who {
			return c, nil
		}
		names = append(names, label)
	}
	return nil, fmt.Errorf("nobody is called %q%s", short(who), meantOr(who, names, "give the phone number of a new customer"))
}

// values are the arguments of one act, whose texts check has tried to read.
type values struct{ given map[string]string }

func (v *values) text(name string) string { return v.given[name] }

func (v *values) number(name string) float64 {
	n, _ := strconv.ParseFloat(v.given[name], 64)
	return n
}

func (v *values) integer(name string) int {
	n, _ := strconv.Atoi(v.given[name])
	return n
}

func (v *values) duration(name string) time.Duration {
	d, _ := readDuration(v.given[name])
	return d
}

func (v *values) json(name string) map[string]any {
	o, _ := decodeObject([]byte(v.given[name]))
	return o
}

// check compares the given arguments with those of the act, and reads each.
func (v *values) check(args []Arg) error {
	names := make([]string, len(args))
	for i, arg := range args {
		names[i] = arg.Name
		text := v.given[arg.Name]
		if text == "" && !arg.Optional {
			return fmt.Errorf("%s is missing: %s", arg.Name, arg.Doc)
		}
		if text == "" {
			continue
		}
		if err := arg.Kind.check(text); err != nil {
			return fmt.Errorf("%s: %w", arg.Name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.given)) {
		if !slices.Contains(names, name) {
			return fmt.Errorf("it takes no %q%s", short(name), meant(name, names))
		}
	}
	return nil
}

// check returns an error if the text cannot be read.
func (k ArgKind) check(text string) error {
	switch k {
	case ArgNumber:
		if n, err := strconv.ParseFloat(text, 64); err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			return fmt.Errorf("%q is no decimal number", short(text))
		}
	case ArgInteger:
		if n, err := strconv.Atoi(text); err != nil || n < -1 {
			return fmt.Errorf("%q is no whole number", short(text))
		}
	case ArgDuration:
		_, err := readDuration(text)
		return err
	case ArgJSON:
		if _, err := decodeObject([]byte(text)); err != nil {
			return fmt.Errorf("%q is no JSON object: %w", short(text), err)
		}
	}
	return nil
}

// readDuration reads a time as Go writes it, and days, such as "2d" or "1d12h".
func readDuration(text string) (time.Duration, error) {
	days, rest, ok := strings.Cut(text, "d")
	n, err := strconv.ParseUint(days, 10, 16)
	if !ok || err != nil {
		n, rest = 0, text
	} else if rest == "" {
		rest = "0"
	}
	d, err := time.ParseDuration(rest)
	total := time.Duration(n)*24*time.Hour + d
	const most = 100 * 365 * 24 * time.Hour
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is no time; write hours, minutes and seconds such as 25h, 1h30m or 10s", short(text))
	case d < 0:
		return 0, errors.New("time does not go back; begin with a new fake for an earlier time")
	case d > most || total > most:
		return 0, fmt.Errorf("%s is more than 100 years", short(text))
	}
	return total, nil
}

// readItems reads a cart, such as "2 KETTLE-01, LID-02 @ 4.50 EUR".
func readItems(text string) (items []chatapi.ReceivedItem, err error) {
	for part := range strings.SplitSeq(text, ",") {
		var item chatapi.ReceivedItem
		what, price, priced := strings.Cut(part, "@")
		fields, amount := strings.Fields(what), strings.Fields(price)
		switch {
		case len(fields) == 1:
			item.ProductID = fields[0]
		case len(fields) == 2:
			item.Quantity, item.ProductID = fields[0], fields[1]
		}
		if priced && len(amount) == 2 {
			item.Price, item.Currency = amount[0], amount[1]
		}
		if item.ProductID == "" || priced && item.Price == "" {
			return nil, fmt.Errorf("%q is no product; write a number and an id, such as 2 KETTLE-01, or with a price 2 KETTLE-01 @ 19.99 USD", short(strings.TrimSpace(part)))
		}
		items = append(items, item)
	}
	return items, nil
}

// meantOr returns the question of meant, or otherwise the advice.
func meantOr(given string, known []string, advice string) string {
	if question := meant(given, known); question != "" {
		return question
	}
	return "; " + advice
}

// meant returns a question for a mistyped name, such as `; did you mean "says"?`, or
// nothing if no known name is similar.
func meant(given string, known []string) string {
	best, least := "", 1+len([]rune(given))/3
	if len(given) > 100 {
		return ""
	}
	for _, name := range known {
		if d := distance(strings.ToLower(given), strings.ToLower(name)); d <= least && (best == "" || d < least) {
			best, least = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance returns how many letters have to be inserted, removed, replaced or exchanged
// with their neighbour to turn one word into another.
func distance(from, to string) int {
	a, b := []rune(from), []rune(to)
	var before []int
	last, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(change, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, make([]int, len(b)+1)
	}
	return last[len(b)]
}
