package chatapitest

import (
	"strings"
	"testing"
	"time"
)

// Gets checks the next message that the customer has received, and returns it. The
// choices are its buttons in brackets and the rows of its list in parentheses:
//
//	ann.Says("order")
//	ann.Gets(t, "Which size?", "[Small]", "[Large]")
//
// Each message is taken once: the next Gets checks the message behind it. Those that came
// before the customer's last act and were not taken still count, and those that a
// [Script] has compared do not. Text and choices have the form of a line of a Script, so
// the text may begin with "<image cat.jpg>", and "…" stands for any characters; a
// new line is written as such.
//
// A bot whose handler sends before it returns is not waited for; for another one, Gets
// waits up to 5 seconds, of the bubble's time in a testing/synctest bubble. If no message
// comes, or another one, the test fails and goes on, and Gets returns the message that
// came, or the zero Received.
func (c *Customer) Gets(tb testing.TB, text string, choices ...string) Received {
	tb.Helper()
	want := strings.TrimSpace(strings.Join(append([]string{text}, choices...), " "))
	got, ok := c.next(true)
	switch {
	case !c.valid():
		tb.Errorf("chatapitest: nobody gets %q: the customer is nil, or was made with a wrong number", short(want))
	case !ok:
		tb.Errorf("chatapitest: %s gets nothing, and not %q", short(c.Name()), want)
	case !fits(escape(want), escape(got.line())):
		tb.Errorf("chatapitest: %s gets\n\t%s\nand not\n\t%s", short(c.Name()), got.line(), want)
	}
	return got
}

// GetsNothing checks that the customer has received no message that no [Customer.Gets]
// has taken. It does not wait, because the acts of customers return when their webhooks
// are delivered. If webhooks go to a port, whose bot may answer later, it waits for 300
// milliseconds. Otherwise the test fails and goes on, and the messages count as taken.
func (c *Customer) GetsNothing(tb testing.TB) {
	tb.Helper()
	if !c.valid() {
		return
	}
	if c.api.usesPort() {
		time.Sleep(silence)
	}
	for range 3 {
		got, ok := c.next(false)
		if !ok {
			return
		}
		tb.Errorf("chatapitest: %s gets\n\t%s\nand not nothing", short(c.Name()), got.line())
	}
	for _, more := c.next(false); more; _, more = c.next(false) {
	}
}

// next takes the next message. If there is none yet, it waits for it.
func (c *Customer) next(wait bool) (got Received, ok bool) {
	if !c.valid() {
		return Received{}, false
	}
	const pause, within = 10 * time.Millisecond, 5 * time.Second
	for waited := time.Duration(0); ; waited += pause {
		c.api.quiet()
		c.api.mu.Lock()
		if ok = c.compared < len(c.received); ok {
			got = *c.received[c.compared]
			c.compared++
		}
		c.api.mu.Unlock()
		if ok || !wait || waited >= within {
			return got, ok
		}
		time.Sleep(pause)
	}
}

// takeAll counts all messages of all customers as taken.
func (w *world) takeAll() {
	for _, a := range w.all() {
		a.mu.Lock()
		for _, c := range a.customers {
			c.compared = len(c.received)
		}
		a.mu.Unlock()
	}
}
