//go:build unix

package harness

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"time"
)

// The calls of handlers are in a file to which all workers append. What is written stays
// when the process is killed.
const (
	callBegins = "begins"
	callEnds   = "ends"
	callLost   = "lost" // ends, and its context had ended before
)

// noteCall appends a line.
func noteCall(file *os.File, what, chat string) {
	fmt.Fprintf(file, "%d %d %s %s\n", time.Now().UnixMicro(), os.Getpid(), chat, what)
}

// call is a call of a handler that has returned.
type call struct {
	process int
	begin   time.Time
	end     time.Time
}

// readCalls reads the calls by chat. One that did not return, since its process died, and
// one whose context had ended are left out.
func readCalls(name string) (map[string][]call, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	type key struct {
		process int
		chat    string
	}
	began, calls := map[key]time.Time{}, map[string][]call{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var at int64
		var k key
		var what string
		if _, err := fmt.Sscan(lines.Text(), &at, &k.process, &k.chat, &what); err != nil {
			return nil, fmt.Errorf("the line %q of the calls: %w", lines.Text(), err)
		}
		if what == callBegins {
			began[k] = time.UnixMicro(at)
			continue
		}
		if what == callEnds {
			calls[k.chat] = append(calls[k.chat], call{k.process, began[k], time.UnixMicro(at)})
		}
		delete(began, k)
	}
	return calls, lines.Err()
}

// checkCalls finds handlers of two workers that worked on one chat at the same time.
// A worker that stood still, or whose database died, could not know that another one
// had its chats.
func (d *driver) checkCalls(_ context.Context, r *Report, _ *Opened) error {
	calls, err := readCalls(d.callsFile())
	if err != nil {
		return err
	}
	for chat, all := range calls {
		slices.SortFunc(all, func(a, b call) int { return cmp.Compare(a.begin.UnixMicro(), b.begin.UnixMicro()) })
		for n, longest := 1, all[0]; n < len(all); n++ {
			if all[n].process != longest.process && all[n].begin.Before(longest.end) && !d.excused(longest) && !d.excused(all[n]) {
				r.note(&r.Disordered, "two workers worked on chat %s at %s", chat, all[n].begin.Format("15:04:05.000"))
			}
			if all[n].end.After(longest.end) {
				longest = all[n]
			}
		}
	}
	return nil
}

func (d *driver) excused(c call) bool {
	return slices.ContainsFunc(d.excuses, func(s span) bool { return c.begin.Before(s.to) && s.from.Before(c.end) })
}
