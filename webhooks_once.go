package chatapi

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// onceMemory is the number of events that [Once] remembers at least.
const onceMemory = 100_000

// Once returns a handler that calls handle once for each event, although the
// service may deliver an event twice, one after the other or both at the same
// time. Give it to [NewWebhookHandler] and to [MessagesService.Poll].
//
// An event is done when handle returns nil, or an error that is
// [ErrOutcomeUnknown], since a second run could then send a message again. After
// any other error, and after a panic, the next delivery runs handle anew. A
// delivery that comes while handle runs for the same event waits, then returns
// nil if the event is done, or runs handle itself if it failed. It waits no
// longer than its context, and then returns the context's error.
//
// Once knows an event by its channel, in any spelling, and [Event.Key]. WhatsApp's own form names no
// channel, so a handler that gets both forms of an event, as with
// [SettingsInfo.RawHooks], needs [WebhookChannel] or [WebhookSecrets]. Once keeps the latest 100,000
// to 200,000 events in memory, so it forgets at a restart, and other processes do
// not know of it. It cannot tell which part of handle was done: if handle sends
// two messages and fails after the first, the next run sends the first again.
//
// The handler is safe for concurrent use and starts no goroutine. Once of nil is
// nil, which NewWebhookHandler and Poll refuse.
func Once(handle EventHandler) EventHandler {
	if handle == nil {
		return nil
	}
	memory := &onceEvents{running: map[onceKey]chan struct{}{}, done: map[onceKey]struct{}{}}
	return func(ctx context.Context, event Event) error {
		key := onceKey{event.Info().Channel.Canonical(), event.Key()}
		finish, err := memory.begin(ctx, key)
		if finish == nil {
			return err
		}
		done := false // a panic must not leave the event running for ever
		defer func() { finish(done) }()
		err = handle(ctx, event)
		done = err == nil || errors.Is(err, ErrOutcomeUnknown)
		return err
	}
}

type onceKey struct {
	channel ChannelID // canonical
	event   string
}

// onceEvents remembers events in two generations. When the young one is full, it
// becomes the old one, whose events are forgotten.
type onceEvents struct {
	mu        sync.Mutex
	running   map[onceKey]chan struct{} // closed when the run ends
	done, old map[onceKey]struct{}
}

// begin returns a function that ends the run of an event. It returns nil if the
// event is done, or if ctx ends while another run goes on.
func (o *onceEvents) begin(ctx context.Context, key onceKey) (finish func(done bool), err error) {
	for {
		o.mu.Lock()
		if o.knows(key) {
			o.mu.Unlock()
			return nil, nil
		}
		other, running := o.running[key]
		if !running {
			ended := make(chan struct{})
			o.running[key] = ended
			o.mu.Unlock()
			return func(done bool) { o.end(key, ended, done) }, nil
		}
		o.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, fmt.Errorf("chatapi: an earlier delivery of the event is still being handled: %w", ctx.Err())
		}
	}
}

func (o *onceEvents) knows(key onceKey) bool {
	_, young := o.done[key]
	_, old := o.old[key]
	return young || old
}

func (o *onceEvents) end(key onceKey, ended chan struct{}, done bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.running, key)
	if done {
		if len(o.done) >= onceMemory {
			o.old, o.done = o.done, map[onceKey]struct{}{}
		}
		o.done[key] = struct{}{}
	}
	close(ended)
}
