// Package desk holds the helpdesk's rules and data, without HTTP: channels, people, chats,
// requests, messages, and what agents may do with them.
//
// A chat is the thread of messages with a person or a group on a channel. A request is a
// piece of work in a chat: it belongs to a department, has a state and perhaps an assignee.
// A conversation is the billing unit of WhatsApp, and nothing else.
//
// What agents read and do goes through a [View], which knows their rights.
package desk

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/seal"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// Config is what a Desk is made of. The fields up to URL are needed.
type Config struct {
	DB       *store.DB
	Durable  *durable.Desk
	Channels *chatapi.Channels
	Key      *seal.Key        // seals tokens
	Now      func() time.Time // the clock of chats, windows and bills
	Log      *slog.Logger
	Files    string // folder of media
	URL      string // public address, without a slash at the end

	// Model is the billing model of the bills; empty is the one in force on each day.
	Model chatapi.Model

	// ClientOptions are those of each channel's client, beside those of the registry.
	ClientOptions []chatapi.Option

	// OldKey is the key of before, if the key was changed at this start: addresses that
	// were made with it hold until MoveHooks has replaced them.
	OldKey *seal.Key

	// AskWebhook has Connect ask whether the helpdesk's own address answers.
	AskWebhook bool

	// Local allows API URLs of this machine and of private networks, as the demo has.
	Local bool
}

// Desk is the helpdesk. It is safe for concurrent use.
type Desk struct {
	Config
	wake   wakes
	book   book
	typing typings
	held   holds

	connecting      locks
	checks, healths chan chatapi.ChannelID
}

// New returns a desk, whose handlers it sets on the durable desk. Call it before
// durable.Desk.Run.
func New(c Config) *Desk {
	d := &Desk{Config: c, checks: make(chan chatapi.ChannelID, 256), healths: make(chan chatapi.ChannelID, 256)}
	c.Durable.BeforeCommit(d.number)
	c.Durable.Inbox.Handle(d.apply)
	c.Durable.Outbox.OnChange(d.outcome)
	c.Durable.Watch(durable.Hooks{Handled: d.dead})
	return d
}

// Run hands out events, sends messages, fetches files, watches the health of channels and the
// templates that wait, and removes what is old, until ctx ends.
func (d *Desk) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	beside := make(chan error, 4)
	go func() { beside <- d.FetchMedia(ctx) }()
	go func() { beside <- d.watchHealth(ctx) }()
	go func() { beside <- d.FollowTemplates(ctx) }()
	go func() { beside <- d.tidyUp(ctx) }()
	err := d.Durable.Run(ctx)
	cancel()
	return errors.Join(err, <-beside, <-beside, <-beside, <-beside)
}
