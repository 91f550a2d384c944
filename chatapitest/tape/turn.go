package tape

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// This file finds the entry of the tape that answers a call.

// answer returns the answer to a call. A call without an entry fails the test, and is answered
// with 400, so that the program does not try it again.
func (p *Player) answer(c *Call) Answer {
	if strings.Contains(c.Path, "://") {
		return p.download(c)
	}
	made := p.reader.call(c)
	p.mu.Lock()
	defer p.mu.Unlock()
	lane := laneOf(c)
	turns := p.turns[lane]
	if len(turns) > 0 && len(differences(turns[0].form, made)) == 0 {
		e := turns[0]
		p.turns[lane], p.last[lane] = turns[1:], e
		return p.give(e)
	}
	if last := p.last[lane]; last != nil && p.options.repeat[c.Path] && len(differences(last.form, made)) == 0 {
		return p.give(last)
	}
	problem := p.miss(c, lane, made)
	p.report(problem)
	body, _, _ := strings.Cut(problem, "\n")
	return Answer{Status: http.StatusBadRequest, ContentType: "application/json", Body: encode(map[string]any{"error": "tape: " + body})}
}

// report fails the test, unless it has ended; the caller holds mu.
func (p *Player) report(problem string) {
	if !p.over {
		p.tb.Errorf("tape: %s", problem)
	}
}

// give answers with an entry; the caller holds mu.
func (p *Player) give(e *played) Answer {
	if !e.done {
		e.done = true
		close(p.moved)
		p.moved = make(chan struct{})
	}
	answer := e.Call.Answer
	answer.Body = onClock(answer.Body, p.shift())
	return answer
}

// download answers the download of a file, which may be repeated.
func (p *Player) download(c *Call) Answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.calls {
		if e.Call.Path == c.Path && e.Call.Method == c.Method {
			answer := p.give(e)
			if answer.Status == http.StatusOK {
				answer.file = stock(answer.ContentType)
			}
			return answer
		}
	}
	p.report(fmt.Sprintf("the program loads %s, and the tape has no such download; record with Transport for downloads too", clip(c.Path, 200)))
	return Answer{Status: http.StatusNotFound}
}

// miss says why a call has no entry; the caller holds mu.
func (p *Player) miss(c *Call, lane string, made form) string {
	var out strings.Builder
	fmt.Fprintf(&out, "the program made a call that is not on the tape, or not in its turn: %s", Entry{Call: c, At: time.Since(p.began)})
	for _, e := range p.turns[lane] {
		if len(differences(e.form, made)) == 0 {
			fmt.Fprintf(&out, "\n\tIt is entry %d%s, but entry %d comes first: %s", e.nth, e.where(), p.turns[lane][0].nth, p.turns[lane][0].Entry)
			return out.String()
		}
	}
	for _, e := range p.calls {
		if e.done && len(differences(e.form, made)) == 0 {
			fmt.Fprintf(&out, "\n\tIt was made already, as entry %d%s; Repeat lets a program make a call again.", e.nth, e.where())
			break
		}
	}
	neighbours := nearest(p.calls, made)
	if len(neighbours) == 0 {
		out.WriteString("\n\tAll calls of the tape were made before.")
	}
	for _, n := range neighbours {
		fmt.Fprintf(&out, "\n\tNear: entry %d%s, %s", n.nth, n.where(), n.Entry)
		for i, difference := range n.lines {
			if i == 8 {
				fmt.Fprintf(&out, "\n\t\tand %d more differences", len(n.lines)-i)
				break
			}
			out.WriteString("\n\t\t" + difference)
		}
	}
	return out.String()
}

// onClock returns a body whose times are those of a clock that is later than the tape's.
func onClock(body json.RawMessage, shift time.Duration) json.RawMessage {
	if shift == 0 || len(body) == 0 {
		return body
	}
	value, ok := decode(body)
	if !ok {
		return body
	}
	return encode(moved(spot{}, value, shift))
}

func moved(at spot, value any, shift time.Duration) any {
	switch v := value.(type) {
	case *object:
		clean := newObject()
		for _, name := range v.names {
			clean.set(name, moved(spot{name: name, parent: at.name, siblings: v.of}, v.of[name], shift))
		}
		return clean
	case []any:
		clean := make([]any, len(v))
		for i, inner := range v {
			clean[i] = moved(at, inner, shift)
		}
		return clean
	case string:
		if meaning(at) == instant {
			return later(v, shift)
		}
	case json.Number:
		if meaning(at) == instant {
			return json.Number(later(v.String(), shift))
		}
	}
	return value
}

// later returns a time of the tape on the later clock; anything else stays.
func later(text string, shift time.Duration) string {
	if at, err := time.Parse(time.RFC3339, text); err == nil && onTape(at) {
		return at.Add(shift).Format(time.RFC3339)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err == nil && n > 100_000_000_000 && onTape(time.UnixMilli(n)):
		return strconv.FormatInt(n+shift.Milliseconds(), 10)
	case err == nil && n > 100_000 && onTape(time.Unix(n, 0)):
		return strconv.FormatInt(n+int64(shift/time.Second), 10)
	}
	return text
}
