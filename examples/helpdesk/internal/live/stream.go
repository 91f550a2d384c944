package live

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

// ErrEnded is the error of a stream whose agent may not read it any more.
var ErrEnded = errors.New("the stream has ended")

// Message is what a stream tells a page.
type Message struct {
	Seq     int64             `json:"seq"` // every change up to it has been told
	Agent   int64             `json:"agent"`
	SignIn  string            `json:"signIn"`
	Reset   bool              `json:"reset,omitempty"`   // fetch everything that is shown
	Changed []int64           `json:"changed,omitempty"` // requests
	Lost    []int64           `json:"lost,omitempty"`    // requests that the agent may not see any more
	Looked  []int64           `json:"looked,omitempty"`  // requests whose viewers changed
	Kinds   []desk.ChangeKind `json:"kinds,omitempty"`   // other things that changed
	Counts  desk.Counts       `json:"counts"`            // of the inbox
}

// Stream is what a browser has yet to be told. It holds a set, not a queue: what a slow
// reader missed is bounded, and twenty changes of a request are one.
type Stream struct {
	hub    *Hub
	view   *desk.View // its rights are those at the start; an agent whose rights change is ended
	signIn string
	woken  chan struct{}
	done   chan struct{}

	// Under the hub's mu.
	after   int64
	reset   bool
	changed map[int64]bool
	looked  map[int64]bool
	kinds   map[desk.ChangeKind]bool
}

// Subscribe opens the stream of a sign-in, which tells what happened after a change. Changes
// that are not kept any more are a reset, and so is a negative number. Close the stream.
func (h *Hub) Subscribe(ctx context.Context, v *desk.View, signIn string, after int64) (*Stream, error) {
	s := &Stream{
		hub: h, view: v, signIn: signIn, after: after, woken: make(chan struct{}, 1), done: make(chan struct{}),
		changed: map[int64]bool{}, looked: map[int64]bool{}, kinds: map[desk.ChangeKind]bool{},
	}
	if err := h.begin(ctx); err != nil {
		return nil, err
	}
	h.mu.Lock()
	h.streams[s] = true
	if h.closed {
		h.end(s)
	}
	h.mu.Unlock()
	// What was committed before is read now, and what comes later is told by Run.
	if err := s.catchUp(ctx, after); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Stream) catchUp(ctx context.Context, after int64) error {
	kept, err := s.hub.desk.ChangesKept(ctx, after)
	if err != nil {
		return err
	}
	var missed []desk.Change
	if kept {
		if missed, err = s.hub.desk.Changes(ctx, after, batch); err != nil {
			return err
		}
	}
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	if !kept {
		s.after = 0 // the number may be of another database
	}
	for _, c := range missed {
		if c.Kind != desk.ChangedAgent { // the sign-in was checked a moment ago
			s.note(c)
		}
		s.after = c.Seq
	}
	s.reset = s.reset || !kept || len(missed) == batch
	s.wake()
	return nil
}

// note takes a change into the set, and reports whether it concerns the agent. The caller
// holds the hub's mu.
func (s *Stream) note(c desk.Change) bool {
	switch {
	case c.Kind == desk.ChangedAgent:
		if c.Object == s.view.Agent {
			s.hub.end(s)
		}
		return false
	case c.Seq <= s.after: // the page knows it, or catchUp has told it
		return false
	case c.Department != 0 && !s.view.Sees(c.Department):
		return false
	case c.Kind == desk.ChangedRequest, c.Kind == desk.ChangedLost:
		s.changed[c.Object] = true
		s.bound()
	default:
		s.kinds[c.Kind] = true
	}
	return true
}

// bound makes too many changes a reset. The caller holds the hub's mu.
func (s *Stream) bound() {
	if s.reset || len(s.changed)+len(s.looked) > most {
		s.reset = true
		clear(s.changed)
		clear(s.looked)
	}
}

func (s *Stream) wake() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// Woken receives when there is something to take.
func (s *Stream) Woken() <-chan struct{} { return s.woken }

// Done is closed when the stream has ended: its agent signed out or has other rights, or
// the program stops.
func (s *Stream) Done() <-chan struct{} { return s.done }

// Close ends the stream.
func (s *Stream) Close() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.hub.end(s)
}

// Take empties the set into a message, for the rights that the agent has now.
func (s *Stream) Take(ctx context.Context) (*Message, error) {
	m, changed, looked := s.empty()
	view, err := s.hub.desk.For(ctx, s.view.Agent)
	if errors.Is(err, desk.ErrNotFound) {
		return nil, ErrEnded
	}
	if err != nil {
		return nil, err
	}
	visible, err := view.Which(ctx, slices.Concat(changed, looked))
	if err != nil {
		return nil, err
	}
	for _, id := range changed {
		if visible[id] {
			m.Changed = append(m.Changed, id)
		} else {
			m.Lost = append(m.Lost, id)
		}
	}
	for _, id := range looked {
		if visible[id] {
			m.Looked = append(m.Looked, id)
		}
	}
	if m.Counts, err = view.Counts(ctx, true); err != nil {
		return nil, err
	}
	return m, nil
}

func (s *Stream) empty() (m *Message, changed, looked []int64) {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.after = max(s.after, s.hub.last)
	m = &Message{Seq: s.after, Agent: s.view.Agent, SignIn: s.signIn, Reset: s.reset, Kinds: slices.Sorted(maps.Keys(s.kinds))}
	changed, looked = slices.Sorted(maps.Keys(s.changed)), slices.Sorted(maps.Keys(s.looked))
	s.reset = false
	clear(s.changed)
	clear(s.looked)
	clear(s.kinds)
	return m, changed, looked
}
