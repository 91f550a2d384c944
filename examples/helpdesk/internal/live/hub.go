// Package live tells open pages what changed, and who is looking at a request.
//
// A stream carries numbers only: which requests changed, of those that its agent may see at
// the moment of telling. The pages fetch what they show of them, with the rights of then.
package live

import (
	"context"
	"sync"
	"time"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

const (
	most  = 500   // changed requests that a stream holds; more is a reset
	batch = 2_000 // changes that are read at once

	look    = 2 * time.Second        // between looks for changes that another process made
	stirred = 500 * time.Millisecond // after a wake or a find, looks are more frequent
	pause   = 20 * time.Millisecond  // between two looks at least
)

// Hub feeds the streams of all pages. It is safe for concurrent use.
type Hub struct {
	desk *desk.Desk

	mu      sync.Mutex
	begun   bool
	closed  bool
	last    int64 // the newest change that every stream was told
	streams map[*Stream]bool
	viewers map[int64]map[int64]Viewer // by request and agent
}

// New returns the hub of a desk. It tells nothing before Run.
func New(d *desk.Desk) *Hub {
	return &Hub{desk: d, streams: map[*Stream]bool{}, viewers: map[int64]map[int64]Viewer{}}
}

// Run tells the streams what changed, until the context ends. It ends them all then.
func (h *Hub) Run(ctx context.Context) error {
	defer h.Close()
	woken := make(chan struct{}, 1)
	h.desk.Wake(woken)
	if err := h.begin(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // it ended before it began
		}
		return err
	}
	var last time.Time // of a wake or a find
	for {
		wait := look
		if time.Since(last) < stirred {
			wait = pause // the commit follows the wake, and one commit another
		}
		select {
		case <-ctx.Done():
			return nil
		case <-woken:
			last = time.Now()
		case <-time.After(wait):
		}
		found, err := h.look(ctx)
		if err != nil && ctx.Err() == nil {
			h.desk.Log.ErrorContext(ctx, "The changes could not be read.", "error", err)
		}
		if found {
			last = time.Now()
		}
		h.lapse()
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// Close ends every stream, and those that come later.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for s := range h.streams {
		h.end(s)
	}
}

// SignedOut ends the streams of a sign-in.
func (h *Hub) SignedOut(signIn string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.streams {
		if s.signIn == signIn {
			h.end(s)
		}
	}
}

// Streams returns how many streams are open.
func (h *Hub) Streams() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.streams)
}

// begin notes from which change on the streams are told.
func (h *Hub) begin(ctx context.Context) error {
	h.mu.Lock()
	begun := h.begun
	h.mu.Unlock()
	if begun {
		return nil
	}
	last, err := h.desk.LastChange(ctx)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.begun {
		h.begun, h.last = true, last
	}
	return nil
}

// look reads the changes that are new, and tells the streams.
func (h *Hub) look(ctx context.Context) (found bool, err error) {
	h.mu.Lock()
	after := h.last
	h.mu.Unlock()
	changes, err := h.desk.Changes(ctx, after, batch)
	if err != nil || len(changes) == 0 {
		return false, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = changes[len(changes)-1].Seq
	for s := range h.streams {
		concerned := false
		for _, c := range changes {
			concerned = s.note(c) || concerned
		}
		if concerned {
			s.wake()
		}
	}
	return true, nil
}

// end ends a stream. The caller holds mu.
func (h *Hub) end(s *Stream) {
	if h.streams[s] {
		delete(h.streams, s)
		close(s.done)
	}
}
