//go:build unix

package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/chatapi-go/chatapi"
)

// journal is what the driver knows: each 200, and what a person was told.
type journal struct {
	mu       sync.Mutex
	accepted map[string]acceptance // by the key of the event
	planned  map[string]string     // the text of the driver's own messages, by channel and key
	canceled map[string]bool       // by channel and key
	copies   int                   // deliveries that were made again on purpose
}

// acceptance is the first 200 of an event.
type acceptance struct {
	channel string
	message bool // of a customer, which is answered
	at      time.Time
}

func newJournal() *journal {
	return &journal{accepted: map[string]acceptance{}, planned: map[string]string{}, canceled: map[string]bool{}}
}

// accept notes the events of a body that was answered with 200.
func (j *journal) accept(body []byte) {
	events, _ := chatapi.ParseWebhook(body)
	now := time.Now()
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range events {
		if _, known := j.accepted[e.Key()]; !known {
			_, message := e.(*chatapi.MessageEvent)
			j.accepted[e.Key()] = acceptance{string(e.Info().Channel), message, now}
		}
	}
}

// text returns the text of a planned message.
func (j *journal) text(channel, key string) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	if text, ok := j.planned[channel+" "+key]; ok {
		return text
	}
	if event, ok := cutAnswer(key); ok {
		return answerTo(event)
	}
	return ""
}

// startLoad starts the load. It makes nothing new after ctx has ended, but goes on with
// what it has begun.
func (d *driver) startLoad(ctx, whole context.Context) {
	for channel := range channelCount {
		for chat := range chatCount {
			d.loaded.Go(func() { d.write(ctx, whole, channel, chat) })
		}
		d.loaded.Go(func() { d.plan(ctx, whole, channel) })
	}
	d.loaded.Go(func() { d.watch(ctx) })
	for range 8 {
		d.loaded.Go(func() { d.service.forward(ctx, whole) })
	}
}

// How many seconds of the load may wait in the store before the deaths pause, and for how
// long they do, so that handlers and sends work under the full load too; and before the
// load becomes slower, and by how much, so that a machine that is too slow for it
// finishes the run.
const (
	behindDeaths = 5
	catchUpTime  = 10 * time.Second
	behindLoad   = 20
	slower       = 10
)

// watch looks how much waits.
func (d *driver) watch(ctx context.Context) {
	for pause(ctx, 500*time.Millisecond) {
		if left, err := ask[state](ctx, d, "/state", struct{}{}); err == nil {
			d.waiting.Store(int64(left.Events + left.Messages))
		}
	}
}

// keepUp waits for some gaps between two events while the workers do not keep up.
func (d *driver) keepUp(ctx context.Context, gap time.Duration) {
	if d.isBehind(behindLoad) {
		pause(ctx, slower*gap)
	}
}

func (d *driver) isBehind(seconds int) bool { return d.waiting.Load() > int64(seconds*d.Rate) }

// catchUp lets workers that nobody kills catch up with the load, for a while.
func (d *driver) catchUp(ctx context.Context) error {
	if !d.isBehind(behindDeaths) {
		return nil
	}
	err := d.fill(ctx)
	for until := time.Now().Add(catchUpTime); err == nil && d.isBehind(behindDeaths) && time.Now().Before(until) && pause(ctx, 100*time.Millisecond); {
		err = d.fill(ctx)
	}
	return err
}

// write delivers the messages of one chat, one after the other.
func (d *driver) write(ctx, whole context.Context, channel, chat int) {
	gap := time.Second * channelCount * chatCount / time.Duration(d.Rate)
	if !pause(ctx, rand.N(gap)) {
		return
	}
	next := time.Now()
	for n := 1; ctx.Err() == nil; {
		d.keepUp(ctx, gap)
		events := 1
		if rand.IntN(12) == 0 {
			events = 2 + rand.IntN(2)
		}
		body := d.webhook(channel, chat, n, events)
		n += events
		var copies sync.WaitGroup
		dice := rand.IntN(40)
		if dice == 0 {
			copies.Go(func() { d.deliver(whole, body) })
		}
		d.deliver(whole, body)
		copies.Wait()
		if dice == 1 {
			d.loaded.Go(func() {
				pause(ctx, rand.N(4*time.Second))
				d.deliver(whole, body)
			})
		}
		if dice < 2 {
			d.journal.mu.Lock()
			d.journal.copies++
			d.journal.mu.Unlock()
		}
		// What was missed while no worker ran is not made up for: no burst.
		if next = next.Add(time.Duration(events) * gap); next.Before(time.Now()) {
			next = time.Now().Add(rand.N(gap))
		}
		pause(ctx, time.Until(next))
	}
}

// deliver delivers a body until it is answered with 200.
func (d *driver) deliver(whole context.Context, body []byte) {
	if d.insist(whole, "/hook", body) {
		d.journal.accept(body)
	}
}

// webhook returns a body with messages of one customer.
func (d *driver) webhook(channel, chat, first, events int) []byte {
	type element struct {
		ID       string `json:"id"`
		Type     string `json:"type"`
		Body     string `json:"body"`
		Self     int    `json:"self"`
		FromMe   bool   `json:"fromMe"`
		Time     string `json:"time"`
		Author   string `json:"author"`
		ChatID   string `json:"chatId"`
		ChatName string `json:"chatName"`
	}
	var body struct {
		InstanceID string    `json:"instanceId"`
		Messages   []element `json:"messages"`
	}
	body.InstanceID = d.service.id(channel)
	for n := first; n < first+events; n++ {
		id := phone(chat) + "@c.us"
		body.Messages = append(body.Messages, element{
			ID: fmt.Sprintf("wamid.CRASH%02d%02d%06d", channel, chat, n), Type: "chat", Body: fmt.Sprintf("%d-%d %d", channel, chat, n),
			Time: fmt.Sprint(time.Now().Unix()), Author: id, ChatID: id, ChatName: "Ann"})
	}
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // texts and numbers only
	}
	return text
}

// plan plans messages of the driver's own on a channel, and takes some of them back.
func (d *driver) plan(ctx, whole context.Context, channel int) {
	gap := time.Second * channelCount * time.Duration(d.Own) / time.Duration(d.Rate)
	for n := 1; pause(ctx, gap/2+rand.N(gap)); n++ {
		d.keepUp(ctx, gap)
		m := message{Channel: d.service.id(channel), Key: fmt.Sprint("note/", n), Phone: phone(rand.IntN(chatCount)),
			Text: fmt.Sprintf("Note %d of channel %d", n, channel)}
		d.send(whole, m)
		d.journal.mu.Lock()
		d.journal.planned[m.Channel+" "+m.Key] = m.Text
		d.journal.mu.Unlock()
		switch rand.IntN(5) {
		case 0:
			again := m
			again.Text += ", with another text" // the key is there, so it is not planned
			d.send(whole, again)
		case 1, 2:
			d.loaded.Go(func() {
				pause(ctx, rand.N(time.Second))
				if canceled, err := ask[bool](whole, d, "/cancel", m); err == nil && canceled {
					d.journal.mu.Lock()
					d.journal.canceled[m.Channel+" "+m.Key] = true
					d.journal.mu.Unlock()
				}
			})
		}
	}
}

// send plans a message; with the same key again if the answer was lost.
func (d *driver) send(whole context.Context, m message) {
	body, err := json.Marshal(m)
	if err != nil {
		panic(err) // texts only
	}
	d.insist(whole, "/send", body)
}
