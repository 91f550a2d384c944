package chatapitest

import (
	"sync/atomic"
)

// This file tells a program that shows a fake when it has to look again.

// Changes returns the number of changes of the fake so far, in all its channels, and a
// channel that is closed at the next one. Whatever [API.Chats], [API.ChatMessages],
// [API.Info], [API.Templates] and the lists of calls and deliveries return, and time that
// [API.Advance] moves, is a change. Time that passes by itself is none.
//
//	for {
//		n, next := api.Changes() // before reading, so that no change is missed
//		show(n, api.Chats())
//		<-next
//	}
//
// Nobody waits for the reader: changes between two calls are one.
func (a *API) Changes() (n uint64, next <-chan struct{}) {
	w := a.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next == nil {
		w.next = make(chan struct{})
	}
	return w.changes, w.next
}

// changed announces a change of these chats, or of something else if there are none. The
// caller holds mu if it names chats.
func (a *API) changed(chats ...*thread) {
	w := a.world
	w.mu.Lock()
	defer w.mu.Unlock()
	w.announceChange(chats...)
}

// announceChange is changed for a caller who holds world.mu.
func (w *world) announceChange(chats ...*thread) {
	w.changes++
	for _, t := range chats {
		t.revision = w.changes
	}
	if w.next != nil {
		close(w.next)
		w.next = nil
	}
}

// threads returns the chats that an entry is about.
func (e entry) threads() (all []*thread) {
	if e.who != nil {
		all = append(all, e.who.thread)
	}
	if e.group != nil {
		all = append(all, e.group.thread)
	}
	return all
}

// quirkSet holds the quirks that are on. They may change while requests are served.
type quirkSet struct {
	on    atomic.Pointer[map[Quirk]bool] // the map is never changed, but replaced
	first *map[Quirk]bool                // those of the options
}

func (s *quirkSet) has(q Quirk) bool {
	on := s.on.Load()
	return on != nil && (*on)[q]
}

// set switches a quirk on or off. Two callers must not do so at the same time.
func (s *quirkSet) set(q Quirk, on bool) {
	all := map[Quirk]bool{q: on}
	if before := s.on.Load(); before != nil {
		for other, was := range *before {
			if other != q {
				all[other] = was
			}
		}
	}
	s.on.Store(&all)
}
