package durable

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

const (
	// housekeepingEvery is the pause between two rounds of housekeeping.
	housekeepingEvery = time.Hour

	// schemaEvery is how often a program looks whether it has become too old for a
	// database that a newer one may have migrated.
	schemaEvery = time.Minute
)

// Run hands out events, sends messages, folds what arrives into [State] and removes what
// is old, until ctx ends. Then nothing new begins, and handlers and sends that run have
// [DrainTimeout] to end. It returns nil after that, and an error that names who did not
// end. A store that fails is logged, and its work retried, with pauses, for as long as
// ctx lasts.
//
// With [AcceptOnly] it does none of that and waits.
//
// Close the store after Run has returned: Run ends with an error if it is closed before.
// Call Run once; a second call is an error.
func (d *Desk) Run(ctx context.Context) error {
	if !d.began.CompareAndSwap(false, true) {
		return errors.New("durable: Run: it was called before; open another Desk")
	}
	d.running.Store(true)
	defer d.running.Store(false)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d.store.Report(func(err error) { d.note(&d.trouble.store, err) })

	stop := context.AfterFunc(ctx, d.leave)
	defer stop()
	type part struct {
		name string
		run  func(context.Context) error
	}
	parts := []part{{"schema", d.compare}}
	if !d.acceptOnly {
		parts = append(parts, part{"inbox", d.Inbox.run}, part{"outbox", d.Outbox.run}, part{"state", d.State.run},
			part{"housekeeping", d.tidy})
		if d.engine != nil {
			parts = append(parts, part{"wake-ups", d.serve})
		}
	}
	failures := make([]error, len(parts))
	var all sync.WaitGroup
	if d.clock.changed != nil {
		go d.clock.jumps.Follow(ctx, d.clock.changed)
	}
	for n, part := range parts {
		all.Go(func() {
			early := ctx.Err() == nil
			err := part.run(ctx)
			if early = early && ctx.Err() == nil; early && err == nil {
				err = errors.New("it ended by itself")
			}
			if err != nil {
				failures[n] = fmt.Errorf("durable: Run: %s: %w", part.name, err)
			}
			if early {
				cancel() // a part alone would let the others work on half a program
			}
		})
	}
	all.Wait()
	return errors.Join(failures...)
}

// compare returns the error of a schema on which this program cannot work any more, since
// a newer one has migrated it, or of a store that was closed; nil when ctx has ended. A
// store of one program has no newer schema.
func (d *Desk) compare(ctx context.Context) error {
	every := time.NewTicker(schemaEvery)
	defer every.Stop()
	for {
		if d.store.Shared() {
			if err := d.store.Check(ctx); errors.Is(err, store.ErrSchema) {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-d.store.Closed():
			return errors.New("the store was closed while Run runs; close it after Run has returned")
		case <-every.C:
		}
	}
}

// tidy removes what is older than the retention says.
func (d *Desk) tidy(ctx context.Context) error {
	var sent tidied
	for failures := 0; ; {
		began := time.Now() // of the machine
		more, err := d.store.Tidy(ctx, d.clock.now().Add(-d.keep.Bodies))
		if err == nil {
			var moreSent bool
			if sent, moreSent, err = d.Outbox.tidy(ctx, sent); !moreSent {
				sent = tidied{}
			}
			more = more || moreSent
		}
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the program ends
		case err != nil:
			d.note(&d.trouble.own, err)
			failures++
			_ = pause(ctx, failures)
			continue
		}
		d.note(&d.trouble.own, nil)
		if failures = 0; more { // in a tenth of the time
			_ = d.clock.wait(ctx, d.clock.now().Add(9*time.Since(began)), nil)
			continue
		}
		_ = d.clock.wait(ctx, d.clock.now().Add(housekeepingEvery), nil)
	}
}
