package phones

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// This file has the requests that last: waiting for a message, and the stream of events.

// waitForMessage waits until the chat has a message of the business with the text.
func waitForMessage(s *sim, r *request) (any, error) {
	chat, err := r.chat("to")
	if err != nil {
		return nil, err
	}
	after, _, err := r.page("after")
	if err != nil {
		return nil, err
	}
	within := 5 * time.Second
	if text := r.query.Get("within"); text != "" {
		if within, err = time.ParseDuration(text); err != nil || within < 0 || within > maxWait {
			return nil, fmt.Errorf("within: %q is no time from 0s to %s, such as 500ms or 5s", cut(text), maxWait)
		}
	}
	timer := time.NewTimer(within)
	defer timer.Stop()
	for last := ""; ; {
		_, changed := r.api.Changes()
		for {
			page := r.api.ChatMessagesFrom(chat.Key, after+1, 100)
			for _, m := range page {
				after = m.Number
				if m.From == chatapitest.ActorCustomer {
					continue
				}
				line := lineOf(m)
				if m.Status != chatapi.StatusFailed && matches(line, r.query.Get("text")) {
					return messageOf(m), nil
				}
				last = "; the last one was: " + cut(line)
				if m.Status == chatapi.StatusFailed {
					last += ", which failed: " + cut(m.Failure)
				}
			}
			if len(page) == 0 {
				break
			}
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		case <-s.closing.Done():
			return nil, errClosing
		case <-timer.C:
			return nil, wrong(http.StatusNotFound, "%s has received no such message within %s%s", cut(chat.Name), within, cmp.Or(last, ", nor any other"))
		}
	}
}

// lineOf returns a message in one line, as a script shows it, but without its file.
func lineOf(m chatapitest.ChatMessage) string {
	var words []string
	for _, text := range []string{m.Header, m.Text, m.Footer} {
		if text != "" {
			words = append(words, text)
		}
	}
	line := strings.Join(words, " / ")
	for _, b := range m.Buttons {
		line += " [" + b.Title + "]"
	}
	for _, row := range m.Rows {
		line += " (" + cmp.Or(row.Title, row.ID) + ")"
	}
	return strings.TrimSpace(line)
}

// matches reports whether the line has the text, in which "…" stands for any characters.
func matches(line, text string) bool {
	for part := range strings.SplitSeq(text, "…") {
		_, rest, found := strings.Cut(line, part)
		if !found {
			return false
		}
		line = rest
	}
	return true
}

// simEvent is the data of an event.
type simEvent struct {
	Change uint64    `json:"change" doc:"the number of the change"`
	Now    time.Time `json:"now" doc:"the clock of the fake"`
	Chats  []simMove `json:"chats,omitempty" doc:"the chats that have changed since the event before; the first event has none"`
}

type simMove struct {
	Channel  chatapi.ChannelID `json:"channel"`
	Key      string            `json:"key"`
	Revision uint64            `json:"revision"`
}

// streamEvents sends an event whenever something changes, at most one in 100 milliseconds.
func streamEvents(s *sim, r *request) (any, error) {
	if s.streams.Add(1) > maxStreams {
		s.streams.Add(-1)
		return nil, wrong(http.StatusTooManyRequests, "%d programs read the events already; close a stream", maxStreams)
	}
	defer s.streams.Add(-1)
	r.w.Header().Set("Content-Type", "text/event-stream")
	if r.Method == http.MethodHead {
		return written{}, nil
	}
	control := http.NewResponseController(r.w)
	send := func(format string, args ...any) bool {
		_ = control.SetWriteDeadline(time.Now().Add(10 * time.Second)) // a recorder of a test has none
		_, err := fmt.Fprintf(r.w, format, args...)
		return err == nil && control.Flush() == nil
	}
	var seen uint64
	for first := true; ; first = false {
		n, changed := s.api.Changes()
		event := simEvent{Change: n, Now: s.api.Now().Round(0)}
		if !first {
			event.Chats = moved(s.api, seen)
		}
		data, err := json.Marshal(event)
		if err != nil || !send("id: %d\nevent: change\ndata: %s\n\n", n, data) {
			return written{}, nil
		}
		seen = n
		for waiting := true; waiting; {
			select {
			case <-changed:
				waiting = false
			case <-r.Context().Done():
				return written{}, nil
			case <-s.closing.Done():
				return written{}, nil
			case <-time.After(15 * time.Second):
				if !send(":\n\n") {
					return written{}, nil
				}
			}
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-r.Context().Done():
			return written{}, nil
		}
	}
}

// moved returns the chats of all channels that have changed since a change.
func moved(api *chatapitest.API, since uint64) (moves []simMove) {
	for _, c := range api.Channels() {
		for _, chat := range c.Chats() {
			if chat.Revision > since {
				moves = append(moves, simMove{c.ChannelID(), chat.Key, chat.Revision})
			}
		}
	}
	return moves
}
