package durable

import (
	"container/list"
	"sync"
	"time"

	"github.com/chatapi-go/chatapi"
)

// The bounds of parsedEvents. An event costs more memory than its bytes.
const (
	parsedBytes = 64 << 20
	eventBytes  = 2 << 10
	parsedIdle  = 5 * time.Second
)

// parsedEvents keeps events of bodies that were parsed, so that a body of many events
// is not parsed for each of them. Each event is given away once. It is bounded by
// bytes, and safe for concurrent use.
type parsedEvents struct {
	now func() time.Time

	mu     sync.Mutex
	left   int // bytes
	groups list.List
	events map[[16]byte]*parsedGroup
}

// parsedGroup is the events of one body. They share its bytes.
type parsedGroup struct {
	bytes  int
	used   time.Time
	events map[[16]byte]chatapi.Event
	place  *list.Element
}

func newParsedEvents(now func() time.Time) *parsedEvents {
	return &parsedEvents{now: now, left: parsedBytes, events: map[[16]byte]*parsedGroup{}}
}

func (p *parsedEvents) group(body, events int) *parsedGroup {
	return &parsedGroup{bytes: body + events*eventBytes, events: make(map[[16]byte]chatapi.Event, events)}
}

// add keeps the first of the events with a key.
func (g *parsedGroup) add(key [16]byte, e chatapi.Event) {
	if g.events[key] == nil {
		g.events[key] = e
	}
}

// put keeps a group if there is room. Groups that nobody has used for a while make room;
// with force, those make room that were not used for the longest time.
func (p *parsedEvents) put(g *parsedGroup, force bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g.used = p.now()
	if g.bytes > parsedBytes || len(g.events) == 0 {
		return
	}
	for p.left < g.bytes {
		oldest := p.groups.Front().Value.(*parsedGroup)
		if idle := g.used.Sub(oldest.used); !force && idle >= 0 && idle < parsedIdle {
			return
		}
		p.drop(oldest)
	}
	p.left -= g.bytes
	g.place = p.groups.PushBack(g)
	for key := range g.events {
		p.events[key] = g
	}
}

// take gives an event away; nil if it is not there.
func (p *parsedEvents) take(key [16]byte) chatapi.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := p.events[key]
	if g == nil {
		return nil
	}
	e := g.events[key]
	delete(g.events, key)
	delete(p.events, key)
	g.used = p.now()
	p.groups.MoveToBack(g.place)
	if len(g.events) == 0 {
		p.drop(g)
	}
	return e
}

// clear drops everything, so that nothing of a person who is erased stays.
func (p *parsedEvents) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.groups.Len() > 0 {
		p.drop(p.groups.Front().Value.(*parsedGroup))
	}
}

func (p *parsedEvents) drop(g *parsedGroup) {
	p.groups.Remove(g.place)
	p.left += g.bytes
	for key := range g.events {
		if p.events[key] == g {
			delete(p.events, key)
		}
	}
}
