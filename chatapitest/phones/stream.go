package phones

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/chatapi-go/chatapi/chatapitest"
)

// This file tells pages which of their parts have changed. A stream carries names of parts
// only; a page fetches those that it shows.

// tick is the shortest time between two messages of a stream.
const tick = 100 * time.Millisecond

// hub looks for changes while there are streams.
type hub struct {
	api *chatapitest.API

	mu      sync.Mutex
	closed  bool
	running bool          // look runs
	done    chan struct{} // closed by close
	streams map[*stream]bool
	looking sync.WaitGroup
}

// stream is a page that listens. The hub's mu guards dirty.
type stream struct {
	wake  chan struct{} // holds a token if dirty is not empty
	dirty map[string]bool
}

func newHub(api *chatapitest.API) *hub {
	return &hub{api: api, done: make(chan struct{}), streams: map[*stream]bool{}}
}

// join adds a stream, and begins to look if it is the first one. It returns nil after
// close.
func (h *hub) join() *stream {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil
	}
	s := &stream{wake: make(chan struct{}, 1), dirty: map[string]bool{}}
	h.streams[s] = true
	if !h.running {
		h.running = true
		h.looking.Go(h.look)
	}
	return s
}

func (h *hub) leave(s *stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.streams, s)
}

func (h *hub) close() {
	h.mu.Lock()
	if !h.closed {
		h.closed = true
		close(h.done)
	}
	h.mu.Unlock()
	h.looking.Wait()
}

// look passes changes on until there are no streams.
func (h *hub) look() {
	n, next := h.api.Changes()
	before := partsOf(h.api)
	for {
		select {
		case <-h.done:
			return
		case <-next:
		case <-time.After(5 * time.Second): // are there still streams?
		}
		last, parts := n, []string(nil)
		if n, next = h.api.Changes(); n != last {
			after := partsOf(h.api)
			parts, before = changedParts(before, after), after
		}
		if !h.pass(parts) {
			return
		}
		select {
		case <-h.done:
			return
		case <-time.After(tick):
		}
	}
}

// pass adds parts to all streams, and returns false if there are none.
func (h *hub) pass(parts []string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.streams {
		for _, part := range parts {
			s.dirty[part] = true
		}
		s.poke()
	}
	h.running = len(h.streams) > 0
	return h.running
}

// poke wakes the writer of the stream.
func (s *stream) poke() {
	if len(s.dirty) == 0 {
		return
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take returns the parts that have changed since the last call.
func (h *hub) take(s *stream) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	parts := make([]string, 0, len(s.dirty))
	for part := range s.dirty {
		parts = append(parts, part)
	}
	clear(s.dirty)
	slices.Sort(parts)
	return parts
}

// partsOf returns the state of each part of each channel's page, by the channel and the
// name of the part. Two states are equal if the part looks the same.
func partsOf(api *chatapitest.API) map[string]string {
	parts := map[string]string{}
	for _, c := range api.Channels() {
		id, keys := string(c.ChannelID())+" ", fnv.New64a()
		for _, chat := range c.Chats() {
			parts[id+"phone-"+chat.Key] = fmt.Sprint(chat.Revision)
			keys.Write([]byte(chat.Key + " "))
		}
		info := c.Info()
		parts[id+"phones"] = fmt.Sprint(keys.Sum64())
		parts[id+"wire"] = fmt.Sprint(info.Calls, info.Deliveries, info.Pending, info.Held)
		parts[id+"templates"] = fmt.Sprint(c.Templates())
		trouble := []any{info.Faults, info.Misdeliveries, info.Settings, info.Quirks, info.Blocked, info.Expired, info.State, info.Standby, info.Held}
		parts[id+"trouble"] = fmt.Sprint(trouble...)
		parts[id+"channels"] = fmt.Sprint(info.Webhooks, info.URL, info.Token, parts[id+"trouble"], len(api.Channels()))
	}
	return parts
}

// changedParts returns the parts that differ. The head of the page shows the clock and
// what is armed, so each change may concern it.
func changedParts(before, after map[string]string) []string {
	changed := []string{"head"}
	for part, state := range after {
		if before[part] != state {
			changed = append(changed, part)
		}
	}
	return changed
}

// serveChanges tells a page whether anything has changed since it was made.
func (h *Handler) serveChanges(w http.ResponseWriter, _ *http.Request) {
	n, _ := h.api.Changes()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "%s %d", h.boot, n)
}

// serveEvents streams the names of parts that change.
func (h *Handler) serveEvents(w http.ResponseWriter, r *http.Request) {
	s := h.hub.join()
	if s == nil {
		http.Error(w, "The page is closed.", http.StatusServiceUnavailable)
		return
	}
	defer h.hub.leave(s)
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	write := func(format string, args ...any) bool {
		_ = control.SetWriteDeadline(time.Now().Add(10 * time.Second))
		_, err := fmt.Fprintf(w, format, args...)
		return err == nil && control.Flush() == nil
	}
	n, _ := h.api.Changes()
	if !write("retry: 1000\nevent: hello\ndata: %s %d\n\n", h.boot, n) {
		return
	}
	alive := time.NewTicker(15 * time.Second)
	defer alive.Stop()
	for {
		ok := true
		select {
		case <-r.Context().Done():
			return
		case <-h.hub.done:
			return
		case <-alive.C:
			ok = write(":\n\n")
		case <-s.wake:
			n, _ := h.api.Changes()
			data, err := json.Marshal(map[string]any{"state": fmt.Sprintf("%s %d", h.boot, n), "now": h.api.Now().UnixMilli(), "parts": h.hub.take(s)})
			ok = err == nil && write("data: %s\n\n", data)
		}
		if !ok {
			return
		}
	}
}
