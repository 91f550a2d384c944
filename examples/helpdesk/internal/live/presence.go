package live

import (
	"cmp"
	"slices"
	"time"
)

// lease is how long an agent counts as looking at a request after See.
const lease = 20 * time.Second

// Viewer is an agent who looks at a request.
type Viewer struct {
	Agent   int64
	Writing bool
	until   time.Time
}

// See says that an agent looks at a request, and perhaps writes an answer. It holds for 20
// seconds. The caller has checked that the agent may see the request.
func (h *Hub) See(request, agent int64, writing bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before, known := h.viewers[request][agent]
	if h.viewers[request] == nil {
		h.viewers[request] = map[int64]Viewer{}
	}
	h.viewers[request][agent] = Viewer{Agent: agent, Writing: writing, until: time.Now().Add(lease)}
	if !known || before.Writing != writing {
		h.looked(request)
	}
}

// Leave says that an agent does not look at a request any more.
func (h *Hub) Leave(request, agent int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, known := h.viewers[request][agent]; known {
		h.forget(request, agent)
	}
}

// Viewers returns who looks at a request.
func (h *Hub) Viewers(request int64) []Viewer {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []Viewer
	for _, v := range h.viewers[request] {
		if time.Now().Before(v.until) {
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(a, b Viewer) int { return cmp.Compare(a.Agent, b.Agent) })
	return all
}

// lapse forgets those whose lease has ended.
func (h *Hub) lapse() {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	for request, agents := range h.viewers {
		for agent, v := range agents {
			if !now.Before(v.until) {
				h.forget(request, agent)
			}
		}
	}
}

// forget takes an agent off a request's viewers. The caller holds mu.
func (h *Hub) forget(request, agent int64) {
	delete(h.viewers[request], agent)
	if len(h.viewers[request]) == 0 {
		delete(h.viewers, request)
	}
	h.looked(request)
}

// looked notes for every stream that the viewers of a request changed. Which agents may
// know of the request is asked when they are told. The caller holds mu.
func (h *Hub) looked(request int64) {
	for s := range h.streams {
		s.looked[request] = true
		s.bound()
		s.wake()
	}
}
