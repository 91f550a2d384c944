package durable_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

const (
	ann     = "12025550143"
	bob     = "12025550144"
	channel = chatapi.ChannelID("ABC1")
)

// stand is a Desk on a store in a folder, and what was delivered to it.
type stand struct {
	*durable.Desk
	t      *testing.T
	dir    string
	store  *sqlite.Store
	wrap   func(durable.Store) durable.Store
	direct *chatapi.Ledger // gets the same events without a store
	logged bytes.Buffer
}

func newStand(t *testing.T) *stand {
	t.Helper()
	s := &stand{t: t, dir: t.TempDir(), direct: chatapi.NewLedger(chatapi.Account{ID: "waba"})}
	s.open()
	t.Cleanup(func() { _ = s.store.Close() })
	return s
}

func (s *stand) open() {
	s.t.Helper()
	var err error
	s.store, err = sqlite.Open(context.Background(), s.dir)
	require.NoError(s.t, err)
	var used durable.Store = s.store
	if s.wrap != nil {
		used = s.wrap(used)
	}
	s.Desk, err = durable.Open(context.Background(), used, chatapi.NewChannels(), durable.Logger(slog.New(slog.NewTextHandler(&s.logged, nil))))
	require.NoError(s.t, err)
}

func (s *stand) restart() {
	s.t.Helper()
	require.NoError(s.t, s.store.Close())
	s.open()
}

func (s *stand) fold() {
	s.t.Helper()
	require.NoError(s.t, durable.Fold(context.Background(), s.Desk))
}

// handler stores deliveries, and records their events in the direct ledger.
func (s *stand) handler(id chatapi.ChannelID) *chatapi.WebhookHandler {
	return chatapi.NewDeliveryHandler(func(ctx context.Context, d *chatapi.Delivery) error {
		for _, e := range d.Events {
			_ = s.direct.RecordEvent(e)
		}
		return s.Inbox.Accept(ctx, d)
	}, chatapi.WebhookSecret("s3cret"), chatapi.WebhookChannel(func(*http.Request) chatapi.ChannelID { return id }))
}

// fake returns a fake service whose webhooks, in both forms, are stored.
func (s *stand) fake(opts ...chatapitest.Option) *chatapitest.API {
	s.t.Helper()
	api := chatapitest.New(s.t, append([]chatapitest.Option{chatapitest.Channel(channel)}, opts...)...)
	on := true
	err := api.Client().Settings.Update(context.Background(), chatapi.SettingsPatch{RawHooks: &on})
	require.NoError(s.t, err)
	api.Webhook("https://desk.test/s3cret", s.handler(channel))
	return api
}

// deliver stores a body.
func (s *stand) deliver(body string) {
	s.t.Helper()
	events, err := chatapi.ParseWebhook([]byte(body))
	require.NoError(s.t, err)
	require.NotEmpty(s.t, events)
	d := &chatapi.Delivery{Channel: channel, Body: []byte(body), Events: events, Received: time.Now()}
	for _, e := range events {
		e.Info().Channel, e.Info().Received = d.Channel, d.Received
	}
	require.NoError(s.t, s.Inbox.Accept(context.Background(), d))
}

func (s *stand) window(who chatapi.Recipient) chatapi.Window {
	s.t.Helper()
	w, err := s.State.Window(context.Background(), channel, who)
	require.NoError(s.t, err)
	return w
}

func (s *stand) optedOut(who chatapi.Recipient) bool {
	s.t.Helper()
	out, err := s.State.OptedOut(context.Background(), channel, who)
	require.NoError(s.t, err)
	return out
}

// wireBody returns a body of WhatsApp's own form.
func wireBody(field, value string) string {
	return `{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"` + field +
		`","value":{"messaging_product":"whatsapp","metadata":{"display_phone_number":"12025550100","phone_number_id":"7"},` + value + `}}]}]}`
}

func seconds(at time.Time) string { b, _ := json.Marshal(at.Unix()); return string(b) }

// wireMessage is a customer's message that names the number and the BSUID, if they are given.
func wireMessage(id, phone, bsuid string, at time.Time) string {
	contact, from := `"profile":{"name":"Ann Example"}`, ""
	if phone != "" {
		contact += `,"wa_id":"` + phone + `"`
		from += `"from":"` + phone + `",`
	}
	if bsuid != "" {
		contact += `,"user_id":"` + bsuid + `"`
		from += `"from_user_id":"` + bsuid + `",`
	}
	return wireBody("messages", `"contacts":[{`+contact+`}],"messages":[{`+from+`"id":"`+id+`","timestamp":"`+seconds(at)+`","type":"text","text":{"body":"my hush text"}}]`)
}

func wirePreference(phone, bsuid, category, value string, at time.Time) string {
	return wireBody("user_preferences", `"user_preferences":[{"wa_id":"`+phone+`","user_id":"`+bsuid+`","category":"`+category+`","value":"`+value+`","timestamp":`+seconds(at)+`}]`)
}

func TestWindowByAnyName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		api := s.fake()
		customer := api.Customer(ann).WithUsername("ann.example")
		bsuid := customer.BSUID()
		customer.Says("hi")
		s.fold()
		first := s.window(chatapi.Phone(ann))
		assert.True(t, first.Open(time.Now()))
		for _, name := range []chatapi.Recipient{chatapi.BSUID(bsuid), chatapi.Chat(ann + "@c.us"), chatapi.Phone("+1 202 555 0143")} {
			assert.Equal(t, first, s.window(name), name)
		}

		time.Sleep(20 * time.Hour)
		customer.HidesNumber()
		customer.Says("it is me")
		s.fold()
		assert.True(t, s.window(chatapi.Phone(ann)).Since.After(first.Since), "the message named the BSUID alone")
		assert.Equal(t, s.window(chatapi.BSUID(bsuid)), s.window(chatapi.Phone(ann)))

		customer.ShowsNumber()
		customer.ChangesNumber(bob)
		time.Sleep(time.Hour)
		customer.Says("my new number")
		s.fold()
		for _, name := range []chatapi.Recipient{chatapi.Phone(bob), chatapi.BSUID(bsuid), chatapi.BSUID(customer.BSUID())} {
			assert.Equal(t, time.Now().Unix(), s.window(name).Since.Unix(), name)
		}
		time.Sleep(24 * time.Hour)
		assert.False(t, s.window(chatapi.Phone(bob)).Open(time.Now()))
		assert.Zero(t, s.window(chatapi.Phone("12025550199")))
	})
}

func TestWindowOfGroupsAndImports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		api := s.fake()
		customer, other := api.Customer(ann), api.Customer(bob)
		group := api.Group("Trip", customer)
		customer.SaysIn(group, "hello all")
		api.ImportHistory(other, chatapitest.Past{Text: "old", At: time.Now().Add(-time.Hour)})
		api.Settle()
		s.fold()
		assert.True(t, s.window(chatapi.Chat(group)).Open(time.Now()))
		assert.Zero(t, s.window(chatapi.Phone(ann)), "a message in a group opens the group's window")
		assert.Zero(t, s.window(chatapi.Phone(bob)), "imported history opens nothing")

		api.Standby(true)
		other.Says("is there a person?")
		api.Settle()
		s.fold()
		assert.True(t, s.window(chatapi.Phone(bob)).Open(time.Now()), "a message opens the window also while another agent holds the chat")
	})
}

// TestPassedNumber checks that a number that passed to somebody else brings neither the
// window nor the opt-out of before.
func TestPassedNumber(t *testing.T) {
	s := newStand(t)
	now := time.Now()
	s.deliver(wireMessage("m1", ann, "US.1", now.Add(-3*time.Hour)))
	s.deliver(wirePreference(ann, "US.1", "marketing_messages", "stop", now.Add(-3*time.Hour)))
	s.deliver(wireMessage("m2", "", "US.2", now.Add(-2*time.Hour)))
	s.deliver(wireMessage("m3", ann, "US.2", now.Add(-time.Hour)))
	s.fold()
	assert.Equal(t, now.Add(-time.Hour).Unix(), s.window(chatapi.Phone(ann)).Since.Unix())
	assert.Equal(t, now.Add(-3*time.Hour).Unix(), s.window(chatapi.BSUID("US.1")).Since.Unix())
	assert.False(t, s.optedOut(chatapi.Phone(ann)), "it is another person's now")
	assert.True(t, s.optedOut(chatapi.BSUID("US.1")))
	assert.False(t, s.optedOut(chatapi.BSUID("US.2")))
}

func TestOptOut(t *testing.T) {
	now := time.Now()
	for name, test := range map[string]struct {
		bodies []string
		want   bool
	}{
		"stop":                       {[]string{wirePreference(ann, "US.1", "marketing_messages", "stop", now)}, true},
		"stop of anything":           {[]string{wirePreference(ann, "US.1", "utility_messages", "stop", now)}, true},
		"resumed":                    {[]string{wirePreference(ann, "US.1", "marketing_messages", "stop", now), wirePreference(ann, "US.1", "marketing_messages", "resume", now.Add(time.Minute))}, false},
		"in any order":               {[]string{wirePreference(ann, "US.1", "marketing_messages", "resume", now.Add(time.Minute)), wirePreference(ann, "US.1", "marketing_messages", "stop", now)}, false},
		"stopped again":              {[]string{wirePreference(ann, "US.1", "marketing_messages", "resume", now), wirePreference(ann, "US.1", "marketing_messages", "stop", now.Add(time.Minute))}, true},
		"resumed something else":     {[]string{wirePreference(ann, "US.1", "marketing_messages", "stop", now), wirePreference(ann, "US.1", "utility_messages", "resume", now.Add(time.Minute))}, true},
		"a clock that shows 2100":    {[]string{wirePreference(ann, "US.1", "marketing_messages", "stop", now.AddDate(74, 0, 0)), wirePreference(ann, "US.1", "marketing_messages", "resume", now.Add(time.Minute))}, false},
		"a status that failed by it": {[]string{wireBody("messages", `"statuses":[{"id":"m9","status":"failed","timestamp":"`+seconds(now)+`","recipient_id":"`+ann+`","errors":[{"code":131050,"title":"stopped"}]}]`)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			for _, body := range test.bodies {
				s.deliver(body)
			}
			s.deliver(wireMessage("m1", ann, "US.1", now))
			s.fold()
			for _, who := range []chatapi.Recipient{chatapi.Phone(ann), chatapi.BSUID("US.1"), chatapi.Chat(ann + "@c.us")} {
				assert.Equal(t, test.want, s.optedOut(who), who)
			}
			assert.False(t, s.optedOut(chatapi.Phone(bob)))
		})
	}
}

func TestOptOutByHand(t *testing.T) {
	s := newStand(t)
	ctx := t.Context()
	assert.False(t, s.optedOut(chatapi.Phone(ann)))
	require.NoError(t, s.State.OptOut(ctx, "instanceABC1", chatapi.Phone(ann), true))
	assert.True(t, s.optedOut(chatapi.Phone(ann)))
	s.restart()
	assert.True(t, s.optedOut(chatapi.Phone(ann)))
	s.deliver(wireMessage("m1", ann, "US.1", time.Now().Add(time.Minute)))
	s.fold()
	assert.True(t, s.optedOut(chatapi.BSUID("US.1")), "the BSUID was learned later")
	require.NoError(t, s.State.OptOut(ctx, channel, chatapi.BSUID("US.1"), false))
	assert.False(t, s.optedOut(chatapi.Phone(ann)))

	assert.ErrorContains(t, s.State.OptOut(ctx, "", chatapi.Phone(ann), true), "channel is missing")
	assert.ErrorContains(t, s.State.OptOut(ctx, channel, chatapi.Recipient{}, true), "names nobody")
	require.NoError(t, s.store.Update(ctx, func(ctx context.Context, _ store.Tx) error {
		assert.ErrorIs(t, s.State.OptOut(ctx, channel, chatapi.Phone(ann), true), durable.ErrInTx)
		return nil
	}))
}

// TestHiddenFromTheStart checks that the statuses of a message to a number, which name
// the BSUID alone, say whose the number is.
func TestHiddenFromTheStart(t *testing.T) {
	s := newStand(t)
	now := time.Now()
	_, err := sqliteExec(t, s, `INSERT INTO outbox (channel, khash, key, chat, prio, campaign, version, prepared, fell_back, state, claim, claimed, planned, not_before, until,
		attempts, reserved, looked, message_id, status, status_at, reason) VALUES ('ABC1', x'01', 'k', $1, 0, '', 1, '', 0, 4, '', 0, 0, 0, 0, 1, 0, 0, 'out1', '', 0, '')`, "phone:"+ann)
	require.NoError(t, err)
	s.deliver(wireBody("messages", `"statuses":[{"id":"out1","status":"delivered","timestamp":"`+seconds(now)+`","recipient_user_id":"US.1"}]`))
	s.deliver(wireMessage("m1", "", "US.1", now))
	s.fold()
	assert.Equal(t, now.Unix(), s.window(chatapi.Phone(ann)).Since.Unix())
}

func sqliteExec(t *testing.T, s *stand, query string, args ...any) (n int64, err error) {
	err = s.store.Update(t.Context(), func(ctx context.Context, tx store.Tx) error {
		n, err = tx.Exec(ctx, query, args...)
		return err
	})
	return n, err
}

// failingState is a store that a test makes fail.
type failingState struct {
	durable.Store
	update func(do func(context.Context, store.Tx) error) func(context.Context, store.Tx) error
}

func (f *failingState) Update(ctx context.Context, do func(context.Context, store.Tx) error) error {
	if f.update != nil {
		do = f.update(do)
	}
	return f.Store.Update(ctx, do)
}

// poisonedTx panics in the query for one message.
type poisonedTx struct{ store.Tx }

func (p poisonedTx) Query(ctx context.Context, query string, args ...any) (store.Rows, error) {
	for _, arg := range args {
		if arg == "poison" {
			panic("poison")
		}
	}
	return p.Tx.Query(ctx, query, args...)
}

func TestAnEventThatPanicsTheFold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.wrap = func(inner durable.Store) durable.Store {
			return &failingState{Store: inner, update: func(do func(context.Context, store.Tx) error) func(context.Context, store.Tx) error {
				return func(ctx context.Context, tx store.Tx) error { return do(ctx, poisonedTx{tx}) }
			}}
		}
		s.restart()
		now := time.Now()
		s.deliver(wireMessage("m1", ann, "", now))
		s.deliver(wireBody("messages", `"statuses":[{"id":"poison","status":"delivered","timestamp":"`+seconds(now)+`","recipient_id":"`+ann+`"}]`))
		s.deliver(wireMessage("m2", bob, "", now))
		s.fold()
		assert.True(t, s.window(chatapi.Phone(ann)).Open(now.Add(time.Minute)))
		assert.True(t, s.window(chatapi.Phone(bob)).Open(now.Add(time.Minute)), "the events behind it are folded")
		assert.NotZero(t, durable.Skipped(s.Desk))
		assert.Contains(t, s.logged.String(), "poison")
		assert.NotContains(t, s.logged.String(), ann)
		rest, err := s.store.Unfolded(t.Context(), 10)
		require.NoError(t, err)
		assert.Empty(t, rest)
	})
}

func TestAStoreThatFailsForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		var broken atomic.Bool
		broken.Store(true)
		s.wrap = func(inner durable.Store) durable.Store {
			return &failingState{Store: inner, update: func(do func(context.Context, store.Tx) error) func(context.Context, store.Tx) error {
				if broken.Load() {
					return func(context.Context, store.Tx) error { return errors.New("the disk is full") }
				}
				return do
			}}
		}
		s.restart()
		s.deliver(wireMessage("m1", ann, "", time.Now()))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- durable.RunState(ctx, s.Desk) }()
		time.Sleep(10 * time.Minute)
		assert.Zero(t, s.window(chatapi.Phone(ann)))
		broken.Store(false)
		time.Sleep(3 * time.Minute)
		assert.NotZero(t, s.window(chatapi.Phone(ann)), "nothing was passed over meanwhile")
		cancel()
		assert.NoError(t, <-ended)
		assert.Contains(t, s.logged.String(), "the disk is full")
	})
}

// TestRestartInTheMiddleOfABatch checks that a batch is folded as a whole or not at all.
func TestRestartInTheMiddleOfABatch(t *testing.T) {
	s := newStand(t)
	now := time.Now()
	for _, id := range strings.Split("abcdefghij", "") {
		s.deliver(wireMessage(id, ann, "US.1", now))
	}
	require.NoError(t, durable.FoldOnce(t.Context(), s.Desk, 4))
	dies := errors.New("killed")
	s.wrap = func(inner durable.Store) durable.Store {
		return &failingState{Store: inner, update: func(do func(context.Context, store.Tx) error) func(context.Context, store.Tx) error {
			return func(ctx context.Context, tx store.Tx) error { return errors.Join(do(ctx, tx), dies) }
		}}
	}
	s.restart()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Error(t, durable.FoldOnce(ctx, s.Desk, 4))
	s.wrap = nil
	s.restart()
	s.fold()
	lines := 0
	require.NoError(t, s.store.View(t.Context(), func(ctx context.Context, tx store.Tx) error {
		rows, err := tx.Query(ctx, "SELECT body FROM activity")
		require.NoError(t, err)
		defer rows.Close()
		for rows.Next() {
			var body []byte
			require.NoError(t, rows.Scan(&body))
			lines += bytes.Count(body, []byte("\n"))
		}
		return rows.Err()
	}))
	assert.Equal(t, 10, lines, "each event once")
}

// TestStopWhileTheHandlerFails checks that an opt-out and a window do not wait behind an
// event that a bot cannot handle.
func TestStopWhileTheHandlerFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		var calls atomic.Int32
		s.Inbox.Handle(func(context.Context, chatapi.Event, *durable.Work) error { calls.Add(1); return errors.New("always") })
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		s.deliver(wireMessage("m1", ann, "US.1", time.Now()))
		s.deliver(wirePreference(ann, "US.1", "marketing_messages", "stop", time.Now()))
		synctest.Wait()
		time.Sleep(time.Second)
		assert.True(t, s.optedOut(chatapi.Phone(ann)))
		assert.True(t, s.window(chatapi.Phone(ann)).Open(time.Now()))
		assert.NotZero(t, calls.Load())
		cancel()
		require.NoError(t, <-ended)
	})
}

// TestTheSecondForm checks that WhatsApp's own form of a message is folded although the
// service's form of it was accepted, and that no handler gets it again.
func TestTheSecondForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		var calls atomic.Int32
		s.Inbox.Handle(func(context.Context, chatapi.Event, *durable.Work) error { calls.Add(1); return nil })
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		s.deliver(`{"instanceId":"ABC1","messages":[{"id":"m1","type":"chat","body":"hi","fromMe":false,"chatId":"` + ann + `@c.us","author":"` + ann + `@c.us"}]}`)
		for range 3 {
			s.deliver(wireMessage("m1", ann, "US.1", time.Now()))
		}
		time.Sleep(time.Minute)
		assert.Equal(t, int32(1), calls.Load())
		assert.True(t, s.window(chatapi.BSUID("US.1")).Open(time.Now()))
		open, _, err := s.store.Depth(t.Context())
		require.NoError(t, err)
		assert.Zero(t, open)
		cancel()
		require.NoError(t, <-ended)
	})
}

// TestManyStatusesInOneBody checks that a body of many events is parsed once, not once
// for each batch.
func TestManyStatusesInOneBody(t *testing.T) {
	s := newStand(t)
	var all []string
	for i := range 10_000 {
		all = append(all, fmt.Sprintf(`{"id":"out%d","status":"delivered","timestamp":"%d","recipient_id":"1202555%04d"}`, i, time.Now().Unix(), i))
	}
	s.deliver(wireBody("messages", `"statuses":[`+strings.Join(all, ",")+`]`))
	begin := time.Now()
	s.fold()
	assert.Less(t, time.Since(begin), time.Minute)
	assert.Zero(t, durable.Skipped(s.Desk))
}
