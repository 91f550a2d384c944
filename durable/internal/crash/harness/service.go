//go:build unix

package harness

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

const (
	channelCount = 16
	chatCount    = 7 // of each channel

	// historyLag is a fifteenth of 5 s, as the spans of the outbox are.
	historyLag = 5 * time.Second / shortened

	// forwarded is how many of a hundred of the fake's echoes and statuses arrive.
	forwarded = 15
)

// service is the fake service, with its customers.
type service struct {
	d    *driver
	apis []*chatapitest.API
	urls []string

	hooks chan []byte // what is forwarded
}

func newService(d *driver) (*service, error) {
	s := &service{d: d, hooks: make(chan []byte, 4096)}
	for n := range channelCount {
		id := chatapi.ChannelID(fmt.Sprintf("ABC10000%04d", n+1))
		if n == 0 {
			api, err := chatapitest.Start(chatapitest.Channel(id), chatapitest.Seed(d.Seed), chatapitest.AllowUndelivered(), chatapitest.HistoryLag(historyLag))
			if err != nil {
				return nil, err
			}
			s.apis = append(s.apis, api)
		} else {
			s.apis = append(s.apis, s.apis[0].AddChannel(id, chatapitest.AllowUndelivered(), chatapitest.HistoryLag(historyLag)))
		}
		url, err := s.apis[n].Listen()
		if err != nil {
			s.apis[0].Close()
			return nil, err
		}
		s.urls = append(s.urls, url)
		for chat := range chatCount {
			s.apis[n].Customer(phone(chat)).Says("Hello") // the service window is open
		}
		s.apis[n].Webhook("https://crash.test/hook", http.HandlerFunc(s.hook))
		s.fail(s.apis[n])
	}
	return s, s.apis[0].Err()
}

// phone is the number of a customer.
func phone(chat int) string { return fmt.Sprintf("120255501%02d", 20+chat) }

// fail loses replies, breaks connections and limits the rate.
func (s *service) fail(api *chatapitest.API) {
	some := func(thousandth int) func(chatapitest.Call) bool {
		return func(chatapitest.Call) bool { return rand.IntN(1000) < thousandth }
	}
	api.Fail(chatapitest.Fault{Operation: "sendMessage", Match: some(15), Times: -1, Accepted: true, Drop: true}) // goes out
	api.Fail(chatapitest.Fault{Operation: "sendMessage", Match: some(5), Times: -1, Drop: true})                  // does not
	api.Fail(chatapitest.Fault{Operation: "sendMessage", Match: some(10), Times: -1, Accepted: true, Cut: true})  // goes out
	api.Fail(chatapitest.Fault{Operation: "sendMessage", Match: some(3), Times: -1, Status: http.StatusTooManyRequests})
}

func (s *service) heal() {
	for _, api := range s.apis {
		api.Heal()
	}
}

func (s *service) close() { s.apis[0].Close() }

func (s *service) channels() (all []workerChannel) {
	for n, api := range s.apis {
		all = append(all, workerChannel{ID: s.id(n), URL: s.urls[n], Token: api.Token})
	}
	return all
}

func (s *service) id(channel int) string { return fmt.Sprintf("ABC10000%04d", channel+1) }

// hook takes the fake's webhooks and forwards some of them.
func (s *service) hook(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || rand.IntN(100) >= forwarded {
		return
	}
	select {
	case s.hooks <- body:
	default:
		// The service may never deliver.
	}
}

// forward delivers the fake's webhooks until ctx ends.
func (s *service) forward(ctx, whole context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case body := <-s.hooks:
			if rand.IntN(10) == 0 {
				pause(ctx, rand.N(2*time.Second)) // some are late
			}
			s.d.deliver(whole, body)
		}
	}
}

// settle delivers what is left of the fake's webhooks. The load has ended.
func (s *service) settle(ctx context.Context) {
	for {
		select {
		case body := <-s.hooks:
			s.d.deliver(ctx, body)
		default:
			return
		}
	}
}

// sent is a message that a customer has.
type sent struct {
	id, channel, phone string
	at                 time.Time
	position           int // in the chat
}

// received returns what the customers have, by text.
func (s *service) received() map[string][]sent {
	all := map[string][]sent{}
	for n, api := range s.apis {
		for chat := range chatCount {
			for position, got := range api.Customer(phone(chat)).Received() {
				all[got.Text] = append(all[got.Text], sent{got.ID, s.id(n), phone(chat), got.At, position})
			}
		}
	}
	return all
}
