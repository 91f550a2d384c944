package chatapitest

import (
	"context"
	"fmt"
	"time"

	"github.com/chatapi-go/chatapi"
)

// Reset puts the fake with all its channels back to its start, or into a state of
// [API.State], while servers and clients hold on to it. The tokens, the addresses, the
// ports, the lists of webhooks with their handlers, the channels, the options and the
// business numbers stay. Customers, groups, messages, files, templates, flows and
// settings are those of the state, or none if state is nil; every fault, misdelivery
// and blocking ends. [API.Calls], [API.Delivered], [API.Undelivered], [API.Transcript]
// and [API.Err] begin anew. A [Customer] of before does nothing: ask [API.Customer]
// again.
//
// Reset does not wait for pending webhooks: it drops them, and ends the context of the
// one that a handler is working on. The clock goes back to that of the start, but not
// behind the time of the state. The ids go on, so that a program which remembers ids
// takes no new message for an old one.
//
// A channel that the state does not have becomes empty. [API.Load] takes over the
// tokens and the lists of webhooks as well; use it before there are clients.
//
// The error is a sentence, and the fake is unchanged: a state that is cut off or
// damaged, of a newer version, of more than 256 MiB, or without the fake's first
// channel. Resets at the same time come one after the other.
func (a *API) Reset(state []byte) error {
	if err := a.stray(); err != nil {
		return err
	}
	w := a.world
	var s savedState
	if state != nil {
		var err error
		if s, err = readState(state); err == nil {
			err = s.check(w.all()[:1])
		}
		if err != nil {
			return fmt.Errorf("chatapitest: Reset: %w", err)
		}
	}
	w.loading.Lock()
	defer w.loading.Unlock()
	for _, c := range w.all() {
		c.breakOff()
	}
	w.rewind()
	if ahead := s.Now.Sub(a.now()); ahead > 0 {
		w.offset.Add(int64(ahead))
	}
	w.mu.Lock()
	files := w.files
	w.mu.Unlock()
	fresh := map[string]*API{}
	for _, saved := range s.Channels {
		to := a.channelOf("/" + saved.ID)
		if to.channel != saved.ID {
			to = a.AddChannel(chatapi.ChannelID(saved.ID), Phone(saved.Phone))
		}
		fresh[saved.ID] = saved.restore(to, s.Files, files)
	}
	for _, c := range w.all() {
		c.restart(fresh[c.channel])
	}
	return nil
}

const wasReset = "the fake was reset meanwhile; do it again"

// isGone reports whether the fake has another state since the customer was made.
func (c *Customer) isGone() bool {
	if !c.valid() {
		return false
	}
	c.api.mu.Lock()
	defer c.api.mu.Unlock()
	return c.gone
}

// rewind sets the clock to the start, and forgets what happened.
func (w *world) rewind() {
	offset := time.Duration(0)
	if !w.at.IsZero() {
		offset = time.Until(w.at)
	}
	w.offset.Store(int64(offset))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dropped += len(w.log)
	w.log, w.problems = nil, nil
}

// breakOff ends what the channel is doing: it drops the webhooks that wait, ends the
// context of the current one, and breaks the connections that a Fault keeps waiting.
func (a *API) breakOff() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.endEra()
	a.era, a.endEra = context.WithCancel(a.stopping)
	a.heal()
	a.unhealed, a.heal = context.WithCancel(a.stopping)
	a.abandon("the fake was reset")
}

// restart gives the channel a new state, or that of the start if fresh is nil.
func (a *API) restart(fresh *API) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if fresh == nil {
		fresh = &API{}
		fresh.empty(a.phone)
	}
	hooks, phone := a.hooks, a.phone
	fresh.random = a.random
	a.adopt(fresh)
	a.hooks, a.phone = hooks, phone
	a.told = map[string]bool{}
	a.quirks.on.Store(a.quirks.first)
	for _, h := range a.hooks {
		h.disabled = false
	}
}

// empty gives a channel the state of the start.
func (a *API) empty(phone string) {
	a.state = "connected"
	a.profile = object{"about": "", "address": "", "description": "", "email": "", "phone": phone,
		"vertical": "", "photo": "", "websites": []any{}}
	a.settings = map[string]bool{"guaranteedHooks": true, "ackNotificationsOn": true}
	a.media, a.people, a.groups = map[string]*media{}, map[chatapi.Recipient]*Customer{}, map[string]*thread{}
	a.messages, a.family = map[string]*message{}, newFamilies()
}

// Channels returns the channels of the fake, in the order in which they were added. The
// list is a copy.
func (a *API) Channels() []*API { return append([]*API(nil), a.world.all()...) }

// ChannelID returns the id of the channel.
func (a *API) ChannelID() chatapi.ChannelID { return chatapi.ChannelID(a.channel) }
