package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/chatapi-go/chatapi/chatapitest"
)

// lines writes lines for the person at the terminal. Several goroutines may do so.
type lines struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lines) say(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.w, format+"\n", args...)
}

// watch tells the person at the terminal what goes wrong between the fake and the bot.
type watch struct {
	api      *chatapitest.API
	problems *lines
	loop     chan error // gets the error of a bot that answers itself

	mu       sync.Mutex
	seen     uint64 // changes
	told     int    // problems of the fake
	channels map[*chatapitest.API]*watched
}

// watched is what the watch knows of a channel.
type watched struct {
	deliveries int
	since      time.Time // when a webhook was last over, or none was pending
	slow       bool      // was told
	chats      map[string]int
}

func newWatch(api *chatapitest.API, problems *lines) *watch {
	return &watch{api: api, problems: problems, loop: make(chan error, 1), channels: map[*chatapitest.API]*watched{}}
}

// run looks every second, until ctx ends.
func (w *watch) run(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			w.look()
		}
	}
}

// look tells what has gone wrong since it was last called.
func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if joined, ok := w.api.Err().(interface{ Unwrap() []error }); ok {
		problems := joined.Unwrap()
		for _, problem := range problems[min(w.told, len(problems)):] {
			w.problems.say("%s", plain(problem))
		}
		w.told = len(problems)
	}
	changes, _ := w.api.Changes()
	for _, channel := range w.api.Channels() {
		c := w.channels[channel]
		if c == nil {
			c = &watched{since: time.Now(), chats: map[string]int{}}
			w.channels[channel] = c
		}
		w.lookAtWebhooks(channel, c)
		if changes != w.seen {
			w.lookAtChats(channel, c)
		}
	}
	w.seen = changes
}

// slow is how long a webhook may take before the person at the terminal is told.
const slow = 5 * time.Second

func (w *watch) lookAtWebhooks(channel *chatapitest.API, c *watched) {
	info := channel.Info()
	if info.Deliveries < c.deliveries {
		c.deliveries = 0 // another state was loaded
	}
	if info.Pending == 0 || info.Deliveries != c.deliveries {
		c.since, c.slow = time.Now(), false
	}
	for c.deliveries < info.Deliveries {
		over, next := channel.DeliveriesFrom(c.deliveries, 1000)
		for _, d := range over {
			if d.Problem != "" {
				w.problems.say("%s", givenUp(d))
			}
		}
		c.deliveries = next
	}
	if time.Since(c.since) >= slow && !c.slow {
		c.slow = true
		w.problems.say("The bot has not taken a webhook for %s, and %d wait. Does it run? Its handler has to answer 200 at once, and to work on afterwards if the work is long.", slow, info.Pending)
	}
}

// givenUp says why a webhook was given up, and what to do.
func givenUp(d chatapitest.Delivery) string {
	switch {
	case d.Tries == 0:
		return fmt.Sprintf("A webhook to %s was not delivered: %s.", d.URL, d.Problem)
	case d.Status == 401 || d.Status == 403 || d.Status == 404:
		return fmt.Sprintf("A webhook was given up after %d tries: %s %s. Look at the end of the address: the bot expects a secret there.", d.Tries, d.URL, d.Problem)
	case d.Status == 0:
		return fmt.Sprintf("A webhook was given up after %d tries: %s. Start the bot, or give the address at which it listens.", d.Tries, d.Problem)
	}
	return fmt.Sprintf("A webhook was given up after %d tries: %s %s. The bot's log has the reason.", d.Tries, d.URL, d.Problem)
}

// monologue is how many messages to a chat, all in a minute and without a word of the
// customer, are those of a bot that answers itself.
const monologue = 500

// lookAtChats blocks the channel of a bot that answers its own messages, which would never
// end.
func (w *watch) lookAtChats(channel *chatapitest.API, c *watched) {
	for _, chat := range channel.Chats() {
		before := c.chats[chat.Key]
		c.chats[chat.Key] = chat.Messages
		if chat.Messages < monologue || chat.Messages == before || channel.Info().Blocked != "" {
			continue
		}
		last := channel.ChatMessages(chat.Key, monologue)
		if last[len(last)-1].At.Sub(last[0].At) > time.Minute {
			continue
		}
		alone := true
		for _, m := range last {
			alone = alone && m.From == chatapitest.ActorChannel
		}
		if !alone {
			continue
		}
		channel.Block("Channel subscription is blocked: the bot answers its own messages")
		err := fmt.Errorf("the bot sent %d messages to %s in a minute, and nobody had written: does it answer its own messages (fromMe)? The channel is blocked now; when the bot is mended, unblock the channel on the page", monologue, chat.ID)
		w.problems.say("chatapi fake: %v", err)
		select {
		case w.loop <- err:
		default:
		}
	}
}
