package chatapitest

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
)

// This file keeps what happens in a fake, and writes it as a conversation.

// entry is one thing that happened: an act, a message of the channel, or a remark.
type entry struct {
	at    time.Time
	api   *API
	actor Actor     // empty: a customer
	who   *Customer // who acts, or whom the act or message concerns
	group *group    // of a message in a group
	act   string    // of the table
	args  []string  // in the order of the table
	got   *Received // a message of the channel; then act is empty

	remark string // neither an act nor a message; for people
}

// note keeps an entry of the channel; the caller holds mu.
func (a *API) note(e entry) {
	e.at, e.api = a.now(), a
	if e.got != nil {
		kept := *e.got // without the content, which may be large
		kept.Body = nil
		e.got = &kept
	}
	w := a.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.log) >= maxLog {
		w.dropped += maxLog / 2
		w.log = slices.Clone(w.log[maxLog/2:])
	}
	w.log = append(w.log, e)
	w.announceChange(e.threads()...)
}

// maxLog is how many entries the log has at most. It then forgets the older half.
const maxLog = 1 << 18

// entriesFrom returns the log from that entry on, counted from the start of the fake, and
// the number of the entry that comes next.
func (w *world) entriesFrom(n int) (all []entry, next int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clip(w.log[min(max(n-w.dropped, 0), len(w.log)):]), w.dropped + len(w.log)
}

// noteRefusal remarks a send that the service did not accept, and any other request that
// it answered with an error. The caller holds mu.
func (a *API) noteRefusal(c Call) {
	send := strings.HasPrefix(c.Operation, "send")
	to := ""
	if !c.Recipient.IsZero() {
		to = " to " + c.Recipient.String()
	}
	what := cmp.Or(c.Operation, c.Path)
	switch {
	case c.Lost:
		a.note(entry{remark: fmt.Sprintf("the answer to %s%s was lost", what, to)})
	case c.Status >= http.StatusBadRequest, send && !c.Accepted():
		a.note(entry{remark: fmt.Sprintf("refused: %s%s: %d %s", what, to, c.Status, short(reasonIn(c.Reply)))})
	}
}

// reasonIn returns the words of a refusal.
func reasonIn(body []byte) string {
	o, err := decodeObject(body)
	if err != nil {
		return string(body)
	}
	return cmp.Or(o.text("message"), o.text("error"), o.object("error").text("message"), string(body))
}

// noteFault notes the act of a fault that the table can say, and remarks any other. The
// caller holds mu.
func (a *API) noteFault(f Fault) {
	how := ""
	for name, on := range map[string]bool{"cut": f.Cut, "drop": f.Drop, "dial": f.Dial, "hang": f.Hang, "stall": f.Stall, "undelivered": f.Undelivered != "", "queued": f.Queued} {
		if on {
			how = name
		}
	}
	if f.Delay > 0 && how == "" && f.Status == 0 {
		how = "slow"
	}
	if f.Status != 0 {
		how = strconv.Itoa(f.Status)
	}
	if f.Operation == "" || f.Match != nil || !f.To.IsZero() || f.Method != "" {
		a.note(entry{remark: strings.TrimSpace("the next requests fail " + f.Operation + " " + how)})
		return
	}
	args := []string{f.Operation, how, strconv.Itoa(f.Times), "", "", cmp.Or(f.Undelivered, f.Body), "", ""}
	if f.Accepted {
		args[3] = "accepted"
	}
	if f.RetryAfter > 0 {
		args[4] = f.RetryAfter.String()
	}
	if f.Skip > 0 {
		args[6] = strconv.Itoa(f.Skip)
	}
	if f.Delay > 0 {
		args[7] = f.Delay.String()
	}
	a.note(entry{actor: ActorService, act: "fails", args: args})
}

// logTranscript writes the end of the transcript to the log of a test that has failed.
func (a *API) logTranscript(tb testing.TB) {
	tb.Helper()
	if !tb.Failed() {
		return
	}
	text := strings.TrimRight(a.Transcript(), "\n")
	if text == "" {
		return
	}
	lines := strings.Split(text, "\n")
	const most = 200
	head := "the conversation so far (chatapitest.API.Transcript):"
	if n := len(lines) - most; n > 0 {
		head, lines = fmt.Sprintf("the end of the conversation (chatapitest.API.Transcript); %d lines came before:", n), lines[n:]
	}
	tb.Log(head + "\n\t" + strings.Join(lines, "\n\t"))
}

// Transcript returns everything that happened in the fake so far, in all its channels,
// as a conversation in the form of a [Script]: the acts of customers, the messages that
// they received, and the time that passed. Remarks behind "#" name the sends that the
// fake refused, the messages that did not arrive, and the webhooks that were given up,
// each with the reason. A fake that nothing happened in has an empty transcript.
//
// A transcript can be played again as a script, but for the contents of files and the
// ids of messages. When a test made with [New] fails, its log has the last 200 lines of
// the transcript.
func (a *API) Transcript() string {
	var t transcriber
	first := a.world.all()[0]
	entries, _ := a.world.entriesFrom(0)
	for _, e := range entries {
		t.declare(first, e)
	}
	for _, e := range entries {
		t.add(first, e)
	}
	return t.String()
}

// transcriber writes entries as lines.
type transcriber struct {
	strings.Builder
	declared map[any]bool
	last     time.Time // up to which the lines say the time
	before   time.Time // of the entry before
	chat     any       // the *Customer or *group that acted last
}

// declare writes the number of each person.
func (t *transcriber) declare(first *API, e entry) {
	if t.declared == nil {
		t.declared = map[any]bool{}
	}
	if g := e.group; g != nil && !t.declared[g] {
		t.declared[g] = true
		g.api.mu.Lock()
		members := slices.Clone(g.founders)
		g.api.mu.Unlock()
		names := make([]string, len(members))
		for i, c := range members {
			t.declare(first, entry{who: c})
			names[i] = labelIn(first, c)
		}
		line := groupLabel(first, g) + " is a group"
		if len(names) > 0 {
			line += " of " + strings.Join(names, ", ")
		}
		t.WriteString(line + "\n")
	}
	if e.who == nil || t.declared[e.who] {
		return
	}
	t.declared[e.who] = true
	e.who.api.mu.Lock()
	name := cmp.Or(e.who.firstNumber, e.who.bsuid)
	e.who.api.mu.Unlock()
	fmt.Fprintf(t, "%s is %s\n", labelIn(first, e.who), name)
}

func (t *transcriber) add(first *API, e entry) {
	if t.last.IsZero() {
		t.last = e.at
	}
	// A message that comes within a second of the entry before is an answer, although a
	// second of the clock may end between the two.
	answer := e.got != nil && e.at.Sub(t.before) < time.Second
	if passed := e.at.Sub(t.last).Truncate(time.Second); passed > 0 && !answer {
		fmt.Fprintf(t, "+%s\n", shortDuration(passed))
		t.last = t.last.Add(passed)
	}
	t.before = e.at
	line := ""
	switch {
	case e.remark != "":
		line = "# " + escape(e.remark)
	case e.got != nil:
		line = t.bot(first, e) + " " + escape(e.got.line())
	default:
		if e.actor == "" {
			t.chat = e.chat()
		}
		line = e.line(first)
	}
	t.WriteString(strings.TrimRight(line, " ") + "\n")
}

// chat returns whom the entry concerns: a *Customer or a *group.
func (e entry) chat() any {
	if e.group != nil {
		return e.group
	}
	return e.who
}

// bot returns the head of a line with a message of the channel.
func (t *transcriber) bot(first *API, e entry) string {
	if e.chat() == t.chat {
		return "Bot:"
	}
	if e.group != nil {
		return "Bot to " + groupLabel(first, e.group) + ":"
	}
	return "Bot to " + labelIn(first, e.who) + ":"
}

// line returns an act as a line of a script.
func (e entry) line(first *API) string {
	head := map[Actor]string{ActorPhone: "Phone", ActorAgent: "Agent", ActorService: "Service"}[e.actor]
	if head == "" {
		head = labelIn(first, e.who)
	} else if e.api != first && e.who == nil {
		head += " at " + e.api.channel
	}
	args := slices.Clone(e.args)
	for i := range args {
		args[i] = escapeArg(args[i], len(args) > 1)
	}
	if e.act == "says in" && e.group != nil {
		args = append([]string{escapeArg(clean(e.group.subject), true)}, args...)
	}
	for len(args) > 0 && args[len(args)-1] == "" {
		args = args[:len(args)-1]
	}
	text := strings.Join(args, " | ")
	switch {
	case e.act == "says" && text != "" && !strings.ContainsAny(text[:1], "[("):
		return head + ": " + text
	case e.act == "taps" && !strings.ContainsAny(text, "[]"):
		return head + ": [" + text + "]"
	case e.act == "picks" && !strings.ContainsAny(text, "()"):
		return head + ": (" + text + ")"
	}
	if def := actNamed(e.act); e.actor != "" && e.who != nil {
		if def.Name != "writes" && def.Name != "answers" {
			head += " " + e.act
		}
		head += " to " + labelIn(first, e.who)
	} else {
		head += " " + e.act
	}
	if text == "" {
		return head
	}
	return head + ": " + text
}

// line returns a message as a script shows it: its file, place or template, its header,
// text and footer, then its buttons and rows.
func (r *Received) line() string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	switch {
	case r.Operation == "sendReaction" && r.Text == "":
		add("<takes the reaction back>")
	case r.Operation == "sendReaction":
		add("<reacts %s>", r.Text)
	case r.Template != "":
		add("<template %s %s>", r.Template, r.Language)
	case r.File != nil:
		add("<%s>", strings.TrimSpace(string(r.File.Type)+" "+cmp.Or(r.File.Name, r.File.URL)))
	case r.Location != "":
		add("<location %s>", r.Location)
	}
	words := slices.DeleteFunc([]string{r.Header, r.Text, r.Footer}, func(s string) bool { return s == "" })
	if r.Operation != "sendReaction" && len(words) > 0 {
		add("%s", strings.Join(words, " / "))
	}
	for _, b := range r.Buttons {
		if b.URL != "" {
			add("[%s -> %s]", b.Title, b.URL)
		} else {
			add("[%s]", b.Title)
		}
	}
	for _, row := range r.Rows {
		add("(%s)", cmp.Or(row.Title, row.ID))
	}
	return strings.Join(parts, " ")
}

// label returns the name of a customer in scripts: the profile name, and a number if
// another customer of the channel has the same name or a script means somebody else by
// it.
func (a *API) label(c *Customer) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	name := clean(c.name)
	same := 0
	for _, other := range a.customers {
		if other == c {
			break
		}
		if clean(other.name) == name {
			same++
		}
	}
	if same > 0 || reserved(name) {
		return fmt.Sprintf("%s (%d)", name, same+1)
	}
	return name
}

// labelIn is label, with the channel of a customer who is not of the first channel.
func labelIn(first *API, c *Customer) string {
	if c.api == first {
		return c.api.label(c)
	}
	return c.api.label(c) + " at " + c.api.channel
}

func groupLabel(first *API, g *group) string {
	g.api.mu.Lock()
	subject := clean(g.subject)
	g.api.mu.Unlock()
	if g.api == first {
		return subject
	}
	return subject + " at " + g.api.channel
}

// reserved reports whether a name means no customer in a script.
func reserved(name string) bool {
	switch name {
	case "", "Bot", "Phone", "Agent", "Service":
		return true
	}
	return false
}

// clean returns a name as a script can have it.
func clean(name string) string {
	name = strings.Map(func(r rune) rune {
		if r == ':' || r == ',' || r == '|' || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, name)
	return strings.TrimLeft(strings.Join(strings.Fields(short(name)), " "), "#+")
}

// escape writes a text in one line.
func escape(text string) string {
	return strings.NewReplacer("\\", `\\`, "\n", `\n`, "\r", `\r`).Replace(text)
}

// escapeArg is escape; where an act has several arguments, it marks their separator.
func escapeArg(text string, several bool) string {
	if several {
		return strings.ReplaceAll(escape(text), "|", `\|`)
	}
	return escape(text)
}

// unescape is the reverse of escape and escapeArg.
func unescapeLine(text string) string {
	return strings.NewReplacer(`\\`, "\\", `\n`, "\n", `\r`, "\r", `\|`, "|").Replace(text)
}

// shortDuration writes a duration without zeros, such as 25h or 1h30m.
func shortDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
