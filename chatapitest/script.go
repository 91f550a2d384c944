package chatapitest

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Script is a conversation as a text. [ParseScript] reads it, and [Script.Play] lets the
// customers act and compares the answers of the bot. In a test, use [API.Script] or
// [API.ScriptFile].
//
//	# a comment
//	Ann is +1 202 555 0143
//	Ann: order
//	Bot: Which size? [Small] [Large]
//	Ann: [Large]
//	Bot: How many?
//	+61m
//	Bot: I have stopped waiting.
//
// Each line is one thing that happens. White space at its ends, and empty lines, do not
// count. A line has at most 16 KiB and a script at most 1 MiB.
//
//   - "Ann: text" is a text of a customer, "Ann: [large]" taps a button and "Ann: (large)"
//     picks a row. Behind the name can stand any other act of the table, and behind the
//     colon its arguments, separated by "|": "Ann hides number", "Ann sends: photo.jpg |
//     my cat", "Ann says: [in brackets]". [Acts] lists the acts.
//   - "Bot: text" is the message that the channel sends to whom acted last: a customer,
//     or the group in which a customer wrote. "Bot to Ben: text" is one to somebody else.
//     Behind the text come the buttons in brackets, and the rows in parentheses. Before it
//     can stand a file, place, reaction or template, such as "<image cat.jpg>"; header,
//     text and footer are separated by " / ". In the text "…" stands for any characters.
//   - "Phone to Ann: text" is a text of the business from its phone app. "Agent to Ann:
//     text" is one of another agent that holds the chats. "Service approves: hello" and
//     other acts of the service have no customer.
//   - "+61m" and "+1d12h" let time pass. "-1h" is an error: time does not go back.
//   - "Ann is +1 202 555 0143" and "Ann is US.1000000000000001" name a customer.
//     "Friends is a group of Ann, Ben" makes a group if the channel does not have it. The
//     customers that the fake has already need no such line.
//   - "Ann at DESK1" is the customer of another channel of the fake, and "Service at
//     DESK1" that channel's service.
//   - In texts "\n" is a new line and "\\" a backslash. In acts with several arguments
//     "\|" is a "|".
type Script struct {
	// Within is how long [Script.Play] waits for a message that the script expects: 0 is
	// 5 seconds. A bot whose handler has sent its answer before it returns is not waited
	// for. Outside a bubble, a bot whose handler does not return in 24 times as long, and
	// at least 5 seconds, ends the play.
	Within time.Duration

	name  string
	lines []scriptLine
	text  string
}

// scriptLine is one line of a script.
type scriptLine struct {
	number, column int    // from 1; the column is that of the first sign
	raw, text      string // text is without white space around it

	kind   lineKind
	who    string // who acts, is named, or gets a message of the bot
	to     string // the customer of an act of somebody else
	act    *actDef
	args   []string
	passes time.Duration
}

type lineKind int

const (
	lineComment lineKind = iota // or empty
	lineAct
	lineBot
	lineTime
	linePerson
	lineGroup
)

// ScriptError is a mistake in a line of a script.
type ScriptError struct {
	// Name is the name of the script, such as that of its file; empty if it has none.
	Name string

	// Line and Column begin with 1. A column is a sign, not a byte.
	Line, Column int

	// Problem is a sentence without a full stop. It says what to write instead.
	Problem string
}

func (e *ScriptError) Error() string {
	if e.Name == "" {
		return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Problem)
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.Name, e.Line, e.Column, e.Problem)
}

// Sizes of scripts.
const (
	maxScript = 1 << 20
	maxLine   = 16 << 10
	maxName   = 100 // signs
)

// ParseScript reads a script. The name, such as that of its file, stands in errors and
// may be empty. The error joins up to 10 values of [ScriptError]. People are not checked:
// that is done by Play, since the fake knows them.
func ParseScript(name, text string) (*Script, error) {
	if len(text) > maxScript {
		return nil, &ScriptError{name, 1, 1, fmt.Sprintf("the script has %d bytes, and at most %d are read; split it", len(text), maxScript)}
	}
	s := &Script{name: name, text: text}
	var problems []error
	for text := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		line := scriptLine{number: len(s.lines) + 1, raw: strings.TrimRight(text, "\r"), text: strings.TrimSpace(text)}
		before, _, _ := strings.Cut(text, line.text)
		line.column = 1 + len([]rune(before))
		if problem := line.parse(); problem != nil {
			problem.Name, problem.Line = name, line.number
			problem.Column += line.column
			problems = append(problems, problem)
			if len(problems) == 10 {
				break
			}
		}
		s.lines = append(s.lines, line)
	}
	if problems != nil {
		return nil, errors.Join(problems...)
	}
	return s, nil
}

// at returns a problem at a place of the line: the number of signs before it.
func at(column int, format string, args ...any) *ScriptError {
	return &ScriptError{Column: column, Problem: fmt.Sprintf(format, args...)}
}

// columnOf returns the column at which a name stands, counted from 0.
func (l scriptLine) columnOf(name string) int {
	before, _, _ := strings.Cut(l.text, name)
	return len([]rune(before))
}

// parse reads the text of the line. The column of a problem counts from 0.
func (l *scriptLine) parse() *ScriptError {
	switch {
	case len(l.text) > maxLine:
		return at(0, "the line has %d bytes, and at most %d are read", len(l.text), maxLine)
	case l.text == "", l.text[0] == '#':
		return nil
	case l.text[0] == '+', l.text[0] == '-' && len(l.text) > 1 && l.text[1] >= '0' && l.text[1] <= '9':
		return l.parseTime()
	}
	head, text, colon := strings.Cut(l.text, ":")
	head = strings.TrimSpace(head)
	column := len([]rune(l.text)) - len([]rune(strings.TrimSpace(text)))
	text = strings.TrimSpace(text)
	if !colon {
		if who, what, ok := strings.Cut(l.text, " is "); ok {
			return l.parsePerson(strings.TrimSpace(who), strings.TrimSpace(what))
		}
	}
	l.kind = lineAct
	if first, _, _ := strings.Cut(head, " "); first == "Bot" || actorNamed(first) != ActorCustomer {
		head, l.to, _ = cutLast(head, " to ")
	}
	l.who = head
	if l.act = actAtEnd(head); l.act != nil {
		l.who = strings.TrimRight(head[:len(head)-len(l.act.Name)], " ")
	}
	actor, _, _ := cutLast(l.who, " at ")
	switch {
	case len([]rune(l.who)) > maxName:
		return at(0, "the name in front of the colon has %d signs, and at most %d are read", len([]rune(l.who)), maxName)
	case actor == "Bot" && l.act == nil:
		return l.parseBot(text, colon)
	case l.who == "":
		return at(0, "write who does it in front, such as Ann: %s", short(l.text))
	case actor == "Bot":
		return at(0, "the bot does not act in a script; write its message behind Bot:")
	}
	return l.parseAct(actor, text, column, colon)
}

func (l *scriptLine) parseTime() *ScriptError {
	l.kind = lineTime
	text := strings.TrimSpace(strings.TrimPrefix(l.text, "+"))
	var err error
	if l.passes, err = readDuration(text); err != nil {
		return at(len(l.text)-len(text), "%v", err)
	}
	return nil
}

func (l *scriptLine) parsePerson(who, what string) *ScriptError {
	column := len([]rune(l.text)) - len([]rune(what))
	name, _, _ := cutLast(who, " at ")
	l.kind, l.who = linePerson, who
	switch {
	case who == "" || len([]rune(name)) > maxName:
		return at(0, "a name has 1 to %d signs", maxName)
	case reserved(name):
		return at(0, "%s is not the name of a customer; take another one", name)
	}
	if of, ok := strings.CutPrefix(what, "a group"); ok {
		l.kind = lineGroup
		members, ok := strings.CutPrefix(strings.TrimSpace(of), "of ")
		if !ok && strings.TrimSpace(of) != "" {
			return at(column, "write the members of the group as in: %s is a group of Ann, Ben", short(who))
		}
		for member := range strings.SplitSeq(members, ",") {
			if member = strings.TrimSpace(member); member != "" {
				l.args = append(l.args, member)
			}
		}
		return nil
	}
	if !bsuidPattern.MatchString(what) && !phonePattern.MatchString(digits(what)) {
		return at(column, "%q is neither a phone number nor a BSUID; write for example: %s is +1 202 555 0143. If %s says it, write: %s: …",
			short(what), short(who), short(who), short(who))
	}
	l.args = []string{what}
	return nil
}

func (l *scriptLine) parseBot(text string, colon bool) *ScriptError {
	l.kind, l.who = lineBot, l.to
	if !colon {
		return at(len([]rune(l.text)), "write a colon and the message of the bot")
	}
	l.args = []string{text}
	return nil
}

// parseAct reads an act and its arguments. The text begins at the column.
func (l *scriptLine) parseAct(actor, text string, column int, colon bool) *ScriptError {
	kind := actorNamed(actor)
	switch {
	case l.act != nil:
	case !colon:
		return l.unknownAct()
	case kind == ActorCustomer && enclosed(text, '[', ']'):
		l.act, text, column = actNamed("taps"), strings.TrimSpace(text[1:len(text)-1]), column+1
	case kind == ActorCustomer && enclosed(text, '(', ')'):
		l.act, text, column = actNamed("picks"), strings.TrimSpace(text[1:len(text)-1]), column+1
	default:
		l.act = actNamed(map[Actor]string{ActorCustomer: "says", ActorPhone: "writes", ActorAgent: "answers"}[kind])
		if l.act == nil {
			return at(len([]rune(actor)), "write the act behind %s, such as: %s approves: hello", actor, actor)
		}
	}
	needsPerson := len(l.act.Args) > 0 && l.act.Args[0].Kind == ArgPerson
	switch {
	case l.act.Actor != kind:
		return at(0, "%q is an act of the %s, not of the %s", l.act.Name, l.act.Actor, kind)
	case needsPerson && l.to == "":
		return at(0, "write to whom, such as: %s to Ann: …", actor)
	case !needsPerson && l.to != "":
		return at(0, `%q is not done to somebody; leave out "to %s"`, l.act.Name, short(l.to))
	}
	return l.readArgs(text, column)
}

// readArgs splits the text into the arguments of the act.
func (l *scriptLine) readArgs(text string, column int) *ScriptError {
	named := namedArgs(l.act)
	parts := []string{text}
	if len(named) > 1 {
		parts = splitArgs(text)
	}
	for i, part := range parts {
		parts[i] = unescapeLine(strings.TrimSpace(part))
	}
	if len(parts) == 1 && parts[0] == "" {
		parts = nil
	}
	if len(parts) > len(named) {
		if len(named) == 0 {
			return at(column, "%q takes nothing behind it", l.act.Name)
		}
		return at(column, `%q takes %d parts, separated by "|", not %d; write \| for the sign itself`, l.act.Name, len(named), len(parts))
	}
	for i, arg := range named {
		switch {
		case i < len(parts) && parts[i] != "":
			if err := arg.Kind.check(parts[i]); err != nil {
				return at(column, "%s: %v", arg.Name, err)
			}
		case !arg.Optional:
			return at(len([]rune(l.text)), "%s is missing behind the colon: %s", arg.Name, arg.Doc)
		}
	}
	l.args = parts
	return nil
}

// namedArgs returns the arguments that a script writes behind the colon.
func namedArgs(act *actDef) (all []Arg) {
	for _, arg := range act.Args {
		if arg.Kind != ArgMessage && arg.Kind != ArgFile && arg.Kind != ArgPerson {
			all = append(all, arg)
		}
	}
	return all
}

// splitArgs splits a text at each "|" that has no backslash before it.
func splitArgs(text string) (parts []string) {
	start := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '|':
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}

// unknownAct returns the problem of a line without a colon that ends in no act.
func (l *scriptLine) unknownAct() *ScriptError {
	name, rest, _ := strings.Cut(l.text, " ")
	column := len([]rune(name)) + 1
	if rest == "" {
		return at(len([]rune(l.text)), "write a colon and a text, or an act such as: %s reads", short(name))
	}
	if question := meant(rest, actNames()); question != "" {
		return at(column, "there is no act %q%s", short(rest), question)
	}
	return at(column, "there is no act %q. If %s says it, write: %s: %s", short(rest), short(name), short(name), short(rest))
}

func actorNamed(name string) Actor {
	switch name {
	case "Phone":
		return ActorPhone
	case "Agent":
		return ActorAgent
	case "Service":
		return ActorService
	}
	return ActorCustomer
}

// actAtEnd returns the act whose name the text ends in, the longest one; nil if there is
// none.
func actAtEnd(text string) (found *actDef) {
	for i := range acts {
		name := acts[i].Name
		if (found == nil || len(name) > len(found.Name)) && strings.HasSuffix(strings.ReplaceAll(text, "-", " "), " "+name) {
			found = &acts[i]
		}
	}
	return found
}

func enclosed(text string, first, last byte) bool {
	return len(text) > 2 && text[0] == first && text[len(text)-1] == last
}

// cutLast cuts a text at the last separator.
func cutLast(text, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(text, separator); i >= 0 {
		return strings.TrimSpace(text[:i]), strings.TrimSpace(text[i+len(separator):]), true
	}
	return text, "", false
}
