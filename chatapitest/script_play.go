package chatapitest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing/synctest"
	"time"
)

// Play plays the script on the fake and compares the messages of its channels with those
// that the script expects. It begins with what happens from now on. A channel that is
// not named is a's.
//
// In a testing/synctest bubble a line such as "+61m" sleeps, so that the timers of the
// bot fire; outside, it moves the fake's clock with [API.Advance], which no timer sees.
// After each act Play waits until its webhooks are delivered and, in a bubble, until all
// goroutines wait; see also [Script.Within]. If webhooks go to a port, it also waits at
// the end, for 300 milliseconds, whether another message comes.
//
// It returns the conversation as it went: the script with its comments and with the
// messages that came. To accept them, keep the text in place of the script. The error is
// nil if they are those of the script. Otherwise it has the differing lines and the
// likely reason. A [ScriptError] names a line that cannot be played: an unknown person,
// before anything is played, or an act that is impossible, where the play ends. It also
// ends if a handler does not return. Playing two scripts at a time mixes them up.
func (s *Script) Play(a *API) (played string, err error) {
	p := &player{script: s, api: a, people: map[string]*Customer{}, groups: map[string]*group{}}
	if err := a.stray(); err != nil {
		return s.text, err
	}
	if err := p.meet(); err != nil {
		return s.text, err
	}
	_, p.seen = a.world.entriesFrom(0)
	p.began = p.seen
	for i := 0; i < len(s.lines); {
		line := s.lines[i]
		if line.kind == lineAct || line.kind == lineTime {
			if err = p.do(line); err != nil {
				p.unplayed(s.lines[i:])
				break
			}
		}
		if p.line = line; line.kind != lineBot {
			p.want, p.got = append(p.want, line.raw), append(p.got, line.raw)
			i++
		}
		next := i
		for next < len(s.lines) && (s.lines[next].kind == lineBot || s.lines[next].kind == lineComment) {
			next++
		}
		p.step(s.lines[i:next], next == len(s.lines))
		i = next
	}
	a.world.takeAll()
	played = strings.Join(p.got, "\n") + "\n"
	return played, p.judge(err)
}

// player plays one script.
type player struct {
	script *Script
	api    *API
	people map[string]*Customer // by the names in the script
	groups map[string]*group

	began, seen int        // entries of the log
	chat        any        // the *Customer or *group that acted last
	line        scriptLine // the last one
	want, got   []string
	differs     int // the line at which the conversation goes otherwise; 0 if it does not
}

// meet finds everybody whom the script names, and makes those whom it introduces.
func (p *player) meet() error {
	var problems []error
	wrong := func(line scriptLine, problem *ScriptError) {
		if problem != nil && len(problems) < 10 {
			problem.Name, problem.Line = p.script.name, line.number
			problem.Column += line.column
			problems = append(problems, problem)
		}
	}
	for _, line := range p.script.lines {
		switch line.kind {
		case linePerson:
			wrong(line, p.introduce(line))
		case lineGroup:
			wrong(line, p.found(line))
		case lineAct:
			wrong(line, p.meetActor(line))
		case lineBot:
			if line.who != "" && p.groupNamed(line.who) == nil {
				wrong(line, p.know(line.who, line.columnOf(line.who)))
			}
		}
	}
	return errors.Join(problems...)
}

func (p *player) meetActor(line scriptLine) *ScriptError {
	if line.act.Actor == ActorCustomer {
		return p.know(line.who, 0)
	}
	if line.to != "" {
		return p.know(line.to, line.columnOf(line.to))
	}
	_, problem := p.channel(line.who, 0)
	return problem
}

// channel returns the channel of a name such as "Ann at DESK1".
func (p *player) channel(who string, column int) (*API, *ScriptError) {
	_, id, ok := cutLast(who, " at ")
	if !ok {
		return p.api, nil
	}
	var known []string
	for _, c := range p.api.world.all() {
		if c.channel == id {
			return c, nil
		}
		known = append(known, c.channel)
	}
	return nil, at(column, "the fake has no channel %q%s", short(id), meant(id, known))
}

// know finds a customer by a name.
func (p *player) know(who string, column int) *ScriptError {
	if p.people[who] != nil {
		return nil
	}
	a, problem := p.channel(who, column)
	if problem != nil {
		return problem
	}
	name, _, _ := cutLast(who, " at ")
	a.mu.Lock()
	customers := slices.Clone(a.customers)
	a.mu.Unlock()
	var known []string
	for _, c := range customers {
		label := labelIn(p.api, c)
		if label == who || a.label(c) == name {
			p.people[who] = c
			return nil
		}
		known = append(known, label)
	}
	known = append(known, slices.Sorted(maps.Keys(p.people))...)
	for _, each := range known { // a mistyped act leaves the name and the act together
		if rest, ok := strings.CutPrefix(who, each+" "); ok {
			return at(column+len([]rune(each))+1, "there is no act %q%s", short(rest), meant(rest, actNames()))
		}
	}
	question := meant(who, known)
	if question == "" {
		question = "."
	}
	return at(column, "nobody is called %q%s To add a customer, write a line such as: %s is +1 202 555 0143", short(who), question, short(who))
}

// introduce makes the customer of a line such as "Ann is +1 202 555 0143".
func (p *player) introduce(line scriptLine) *ScriptError {
	a, problem := p.channel(line.who, 0)
	if problem != nil {
		return problem
	}
	name, _, _ := cutLast(line.who, " at ")
	c := a.Customer(line.args[0])
	if had := p.people[line.who]; had != nil && had != c {
		return at(0, "%s has another number already", short(line.who))
	}
	if a.label(c) != name {
		c.Named(name)
	}
	p.people[line.who] = c
	return nil
}

// found makes the group of a line such as "Friends is a group of Ann, Ben".
func (p *player) found(line scriptLine) *ScriptError {
	a, problem := p.channel(line.who, 0)
	if problem != nil {
		return problem
	}
	var members []*Customer
	for _, name := range line.args {
		if problem := p.know(name, line.columnOf(name)); problem != nil {
			return problem
		}
		members = append(members, p.people[name])
	}
	if p.groupNamed(line.who) == nil {
		subject, _, _ := cutLast(line.who, " at ")
		a.Group(subject, members...)
	}
	return nil
}

// groupNamed returns a group by its subject; nil if there is none.
func (p *player) groupNamed(who string) *group {
	for _, a := range p.api.world.all() {
		a.mu.Lock()
		groups := slices.Clone(a.family.groups)
		a.mu.Unlock()
		for _, g := range groups {
			if groupLabel(p.api, g) == who {
				return g
			}
		}
	}
	return nil
}

// groupCalled returns a group of the channel by its subject or id.
func (a *API) groupCalled(name string) *group {
	id, err := a.groupID(name)
	if err != nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.group(id)
}

// do lets the act of a line happen, or time pass.
func (p *player) do(line scriptLine) error {
	fail := func(format string, args ...any) error {
		return &ScriptError{p.script.name, line.number, line.column, fmt.Sprintf(format, args...)}
	}
	if line.kind == lineTime {
		if p.api.world.bubble != "" {
			time.Sleep(line.passes)
		} else {
			p.api.Advance(line.passes)
		}
		return nil
	}
	var a *API
	who, c := "", p.people[line.who]
	args := map[string]string{}
	for i, arg := range namedArgs(line.act) {
		if i < len(line.args) {
			args[arg.Name] = line.args[i]
		}
	}
	if line.act.Actor == ActorCustomer {
		a, who, p.chat = c.api, c.BSUID(), c
	} else if c = p.people[line.to]; c != nil {
		a, args["to"] = c.api, c.BSUID()
	} else if a, _ = p.channel(line.who, 0); a == nil {
		return fail("the channel is gone")
	}
	type outcome struct{ err error }
	done := make(chan outcome, 1)
	go func() {
		_, err := a.Perform(line.act.Name, who, args)
		done <- outcome{err}
	}()
	patience := max(24*p.within(), 5*time.Second) // a loaded machine needs a while for any line
	if p.api.world.bubble != "" {
		patience = 30 * 24 * time.Hour // time costs nothing, and handlers may sleep
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case out := <-done:
		if out.err != nil {
			return fail("%v", out.err)
		}
		if line.act.Name == "says in" {
			p.chat = a.groupCalled(args["group"])
		}
		return nil
	case <-timer.C:
		return fail("the webhooks of this line are not delivered after %s: a handler does not return. Let it end when the context of its request ends, and look for a lock that is taken twice", patience)
	}
}

// unplayed adds the lines that are not played to both conversations.
func (p *player) unplayed(lines []scriptLine) {
	for _, line := range lines {
		p.want, p.got = append(p.want, line.raw), append(p.got, line.raw)
	}
}

// step takes the messages that came, and compares them with the lines that the script
// expects. It waits a while for those that are missing.
func (p *player) step(expected []scriptLine, last bool) {
	missing := 0
	for _, line := range expected {
		if line.kind == lineBot {
			missing++
		}
	}
	within := p.within()
	var came []entry
	for waited := time.Duration(0); ; {
		came = append(came, p.arrived()...)
		if len(came) >= missing || waited >= within || p.differs > 0 {
			break
		}
		const pause = 10 * time.Millisecond
		time.Sleep(pause)
		waited += pause
	}
	if last && p.usesPort() {
		time.Sleep(silence)
		came = append(came, p.arrived()...)
	}
	p.compare(expected, came)
}

// within returns how long the play waits for a message.
func (p *player) within() time.Duration {
	if p.script.Within == 0 {
		return 5 * time.Second
	}
	return p.script.Within
}

// silence is how long a bot at a port must send nothing.
const silence = 300 * time.Millisecond

// usesPort reports whether a webhook of the fake goes over a real connection, so that
// its bot may answer later.
func (p *player) usesPort() bool {
	return slices.ContainsFunc(p.api.world.all(), (*API).usesPort)
}

func (a *API) usesPort() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.ContainsFunc(a.hooks, func(h *hookAddress) bool { return a.receivers[hookKey(h.url)] == nil && loopback(h.url) })
}

// arrived waits until nothing happens any more, and returns the messages of the channels
// that it has not returned before.
func (p *player) arrived() (came []entry) {
	p.api.quiet()
	all, next := p.api.world.entriesFrom(p.seen)
	p.seen = next
	for _, e := range all {
		if e.got != nil {
			came = append(came, e)
		}
	}
	return came
}

// quiet waits until all webhooks are delivered and, in a bubble, all goroutines wait.
func (a *API) quiet() {
	a.settle()
	if a.world.bubble != "" && !a.insideHandler() {
		synctest.Wait()
		a.settle()
	}
}

// compare adds the lines of a step to both conversations. Messages to one person are
// compared in order; those to different people may come in any order.
func (p *player) compare(expected []scriptLine, came []entry) {
	used := make([]bool, len(came))
	for _, line := range expected {
		p.line = line
		p.want = append(p.want, line.raw)
		if line.kind != lineBot {
			p.got = append(p.got, line.raw)
			continue
		}
		to := p.addressee(line)
		i := 0
		for i < len(came) && (used[i] || came[i].chat() != to) {
			i++
		}
		if i == len(came) {
			p.differ()
			continue
		}
		used[i] = true
		if fits(line.args[0], escape(came[i].got.line())) {
			p.got = append(p.got, line.raw)
		} else {
			p.differ()
			p.got = append(p.got, p.botLine(came[i]))
		}
	}
	for i, e := range came {
		if !used[i] {
			p.differ()
			p.got = append(p.got, p.botLine(e))
		}
	}
}

// differ notes the first line at which the conversation goes otherwise.
func (p *player) differ() {
	if p.differs == 0 {
		p.differs = p.line.number
	}
}

// addressee returns the *Customer or *group to whom the bot is to write.
func (p *player) addressee(line scriptLine) any {
	if line.who == "" {
		return p.chat
	}
	if g := p.groupNamed(line.who); g != nil {
		return g
	}
	return p.people[line.who]
}

// botLine returns a message as a line of the script, as far to the right as its
// neighbour.
func (p *player) botLine(e entry) string {
	indent, _, _ := strings.Cut(p.line.raw, strings.TrimSpace(p.line.raw))
	t := transcriber{chat: p.chat}
	return indent + strings.TrimRight(t.bot(p.api, e)+" "+escape(e.got.line()), " ")
}

// fits compares a message with the text that a script expects, in which "…" stands for
// any characters.
func fits(want, got string) bool {
	got = strings.TrimSpace(got)
	if want == got {
		return true
	}
	parts := strings.Split(want, "…")
	last := len(parts) - 1
	got, ok := strings.CutPrefix(got, parts[0])
	if !ok || last == 0 {
		return false
	}
	for _, part := range parts[1:last] {
		if _, got, ok = strings.Cut(got, part); !ok {
			return false
		}
	}
	return strings.HasSuffix(got, parts[last])
}
