package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

const (
	ann = "12025550143"
	ben = "12025550144"
	cid = "12025550145"

	webhookSecret = "s3cret"

	clock = "2 January 15:04"
)

var names = map[string]string{ann: "Ann", ben: "Ben", cid: "Cid"}

// orderReady is the template to send when the service window is closed.
var orderReady = chatapi.TemplateDraft{
	Name: "order_ready", Language: "en", Category: "UTILITY",
	Components: []chatapi.Component{
		{Type: chatapi.ComponentBody, Text: "Hello {{1}}, your order {{2}} is ready for you.", Example: []string{"Pat", "#1"}},
		{Type: chatapi.ComponentFooter, Text: "Sample Shop"},
	},
}

// shop is a business on the fake Chat API: a client, a bot behind a webhook, and a
// ledger that records all messages.
type shop struct {
	api    *chatapitest.API
	client *chatapi.Client
	ledger *chatapi.Ledger
	out    *printer
	order  *chatapi.TemplateInfo

	mu       sync.Mutex
	statuses map[chatapi.Status]int
}

func runOnFake(ctx context.Context, out *printer) error {
	out.printf("chatapi quickstart on the embedded fake Chat API\n(set CHATAPI_URL and CHATAPI_TOKEN for the real service)\n")

	// The story begins in the middle of this month, so that a day later is on the
	// same bill.
	today := time.Now().UTC()
	noon := time.Date(today.Year(), today.Month(), 15, 12, 0, 0, 0, time.UTC)
	api, err := chatapitest.Start(chatapitest.At(noon), chatapitest.ApproveAfter(time.Second))
	if err != nil {
		return err
	}
	defer api.Close()
	apiURL, err := api.Listen()
	if err != nil {
		return err
	}
	client, err := chatapi.New(apiURL, api.Token)
	if err != nil {
		return err
	}
	s := &shop{api: api, client: client, out: out, statuses: map[chatapi.Status]int{}}
	// The ledger bills by the rules and prices of the day. 998 of the month's 1,000
	// free service messages are used, so that two remain.
	s.ledger = chatapi.NewLedger(chatapi.Account{
		ID: "sample-shop", Numbers: []chatapi.ChannelID{client.ChannelID()},
		Used: []chatapi.PriorUsage{{Month: s.month(), Number: client.ChannelID(), Units: 998}},
	})
	address, closeWebhook, err := s.listen(ctx)
	if err != nil {
		return err
	}
	defer closeWebhook()

	for _, step := range []struct {
		title string
		run   func(context.Context) error
	}{
		{"Connect", func(ctx context.Context) error { return s.connect(ctx, address) }},
		{"Get a template approved, and send it", s.template},
		{"Talk with a customer", s.talk},
		{"A day later", s.dayLater},
		{"Service windows", s.windows},
		{"The month's bill", s.bill},
	} {
		out.title(step.title)
		if err := step.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", strings.ToLower(step.title), err)
		}
		api.Settle() // wait for the statuses of the messages sent
	}
	return api.Err()
}

// listen receives webhooks over HTTP on a loopback port.
func (s *shop) listen(ctx context.Context) (address string, stop func(), err error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: chatapi.NewWebhookHandler(chatapi.Once(s.handle), chatapi.WebhookSecret(webhookSecret)), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }() // until stop
	return "http://" + listener.Addr().String() + "/hooks/" + webhookSecret, func() { _ = server.Close() }, nil
}

// connect checks the channel and adds the webhook to its list.
func (s *shop) connect(ctx context.Context, webhook string) error {
	// Another program's address is in the list. Connect keeps it.
	if err := s.client.Webhooks.Add(ctx, "https://crm.example.com/in"); err != nil {
		return err
	}
	conn, err := s.client.Connect(ctx, chatapi.ConnectOptions{WebhookURL: webhook})
	s.out.block(conn.String())
	for _, step := range conn.Steps {
		s.out.line(step.Name, "%s", step.Sentence)
	}
	return err
}

// template creates the template, waits until it is approved, and sends it.
func (s *shop) template(ctx context.Context) error {
	created, err := s.client.Templates.Create(ctx, orderReady)
	if err != nil {
		return err
	}
	s.out.line(created.Name, "%s, waiting", strings.ToLower(string(created.Status)))
	s.order, err = s.client.Templates.WaitApproved(ctx, orderReady.Name, orderReady.Language)
	if err != nil {
		return err
	}
	s.out.line(s.order.Name, "%s", strings.ToLower(string(s.order.Status)))

	message := s.order.Use("Cid", "#17")
	preview, err := s.order.Preview(message)
	if err != nil {
		return err
	}
	s.out.line("preview", "%s (%s)", preview.Body, preview.Footer)
	return s.send(ctx, chatapi.Phone(cid), message)
}

// talk lets two customers write: Ann opens a chat, and Ben comes from an ad.
func (s *shop) talk(context.Context) error {
	s.api.Advance(10 * time.Minute)
	customer := s.api.Customer(ann).Named("Ann")
	customer.Says("Hi, is my order ready?")
	customer.Taps("deliver")
	customer.Reads()

	s.api.Advance(10 * time.Minute)
	other := s.api.Customer(ben).Named("Ben")
	other.ClicksAd(chatapi.Referral{Headline: "Autumn sale"}, "What does shipping cost?")
	other.Reads()

	s.api.Settle()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.line("statuses", "%d sent, %d delivered, %d read", s.statuses[chatapi.StatusSent], s.statuses[chatapi.StatusDelivered], s.statuses[chatapi.StatusRead])
	for _, status := range []chatapi.Status{chatapi.StatusSent, chatapi.StatusDelivered, chatapi.StatusRead} {
		if s.statuses[status] == 0 {
			return fmt.Errorf("no message came back as %s", status)
		}
	}
	return nil
}

// handle is the bot. It runs behind a real HTTP webhook. If it returns an error,
// the service delivers the webhook again. Once calls it once for each event, although
// the service may deliver one twice.
func (s *shop) handle(ctx context.Context, ev chatapi.Event) error {
	// A status has no time, so the ledger takes the time of receipt. Here that must
	// be the fake's time, since its clock differs from this machine's.
	ev.Info().Received = s.api.Now()
	if err := s.ledger.RecordEvent(ev); err != nil {
		return err
	}
	switch ev := ev.(type) {
	case *chatapi.MessageEvent:
		return s.answer(ctx, ev)
	case *chatapi.StatusEvent:
		s.mu.Lock()
		s.statuses[ev.Status]++
		s.mu.Unlock()
	}
	return nil
}

// answer answers a message of a customer.
func (s *shop) answer(ctx context.Context, m *chatapi.MessageEvent) error {
	to := m.AnswerTo()
	switch {
	case m.Reply != nil:
		s.out.line(m.From.Name, "taps [%s]", m.Reply.Title)
		slip := chatapi.File{Media: chatapi.MediaBytes("slip.txt", []byte("Order 42: to be delivered today.\n")), Caption: "Your delivery slip"}
		return s.send(ctx, to, slip)
	case m.Referral != nil:
		s.out.line(m.From.Name, "%s (from the %s %q)", m.Text, m.Referral.SourceType, m.Referral.Headline)
		return s.send(ctx, to, chatapi.Text{Body: "Nothing this week."}, chatapi.ReplyTo(m.ID))
	case m.From.Phone == ann:
		s.out.line(m.From.Name, "%s", m.Text)
		if err := s.send(ctx, to, chatapi.Text{Body: "Hello " + m.From.Name + ", it is!"}, chatapi.ReplyTo(m.ID)); err != nil {
			return err
		}
		return s.send(ctx, to, chatapi.Buttons{Body: "How would you like to get it?", Buttons: []chatapi.Button{
			{ID: "deliver", Title: "Deliver it"}, {ID: "pickup", Title: "I pick it up"},
		}})
	}
	s.out.line(m.From.Name, "%s", m.Text)
	return s.send(ctx, to, chatapi.Text{Body: "We are on it."})
}

// send sends a message, records it in the ledger, and prints it.
func (s *shop) send(ctx context.Context, to chatapi.Recipient, m chatapi.Message, opts ...chatapi.SendOption) error {
	receipt, err := s.client.Send(ctx, to, m, opts...)
	if err != nil {
		return err
	}
	s.out.line("  shop", "to %s: %s", names[to.Value()], summary(m))
	return s.ledger.RecordSend(receipt, m, s.api.Now())
}

// summary describes a message in a few words.
func summary(m chatapi.Message) string {
	switch m := m.(type) {
	case chatapi.Text:
		return m.Body
	case chatapi.Buttons:
		var titles []string
		for _, button := range m.Buttons {
			titles = append(titles, "["+button.Title+"]")
		}
		return m.Body + " " + strings.Join(titles, " ")
	case chatapi.File:
		return "a file, " + m.Caption
	case chatapi.Template:
		return "the template " + m.Name
	}
	return fmt.Sprintf("%T", m)
}

// dayLater shows that a closed service window refuses a free-form text, and that a
// template can be sent instead.
func (s *shop) dayLater(ctx context.Context) error {
	s.api.Advance(25 * time.Hour)
	_, err := s.client.Send(ctx, chatapi.Phone(ann), chatapi.Text{Body: "Were you happy with us?"})
	if err == nil {
		return errors.New("a text went out although the window is closed")
	}
	refusal, ok := errors.AsType[*chatapi.Error](err)
	if !ok || !errors.Is(err, chatapi.ErrWindowClosed) {
		return err
	}
	s.out.line("refused", "%s (code %d)", refusal.Sentence, refusal.Code)
	s.out.line("advice", "%s", refusal.Advice)
	if err := s.send(ctx, chatapi.Phone(ann), s.order.Use("Ann", "#43")); err != nil {
		return err
	}
	s.api.Customer(cid).Named("Cid").Says("Thanks! Are you open tomorrow?")
	return nil
}

// windows prints the service window of each customer.
func (s *shop) windows(context.Context) error {
	now := s.api.Now()
	for _, phone := range slices.Sorted(maps.Keys(names)) {
		window := s.ledger.ServiceWindow(s.client.ChannelID(), chatapi.Phone(phone))
		switch {
		case window.Open(now):
			s.out.line(names[phone], "open until %s", window.ExpiresAt.Format(clock))
		case window.ExpiresAt.IsZero():
			s.out.line(names[phone], "never wrote: templates only")
		default:
			s.out.line(names[phone], "closed since %s: templates only", window.ExpiresAt.Format(clock))
		}
	}
	return nil
}

// bill prints the bill of the month.
func (s *shop) bill(context.Context) error {
	bill, err := s.ledger.Bill(s.month())
	if err != nil {
		return err
	}
	s.out.block(bill.String())
	return nil
}

func (s *shop) month() chatapi.YearMonth {
	now := s.api.Now().UTC()
	return chatapi.Month(now.Year(), now.Month())
}
