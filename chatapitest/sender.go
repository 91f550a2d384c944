package chatapitest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/internal/until"
)

// RecordingSender is a [chatapi.Sender] that keeps messages instead of sending them, for
// tests of code that needs no fake. It has no customers, windows or webhooks: it accepts
// every message that a [chatapi.Client] would send. The zero value is ready. It is safe
// for concurrent use and must not be copied.
type RecordingSender struct {
	once   sync.Once
	client *chatapi.Client

	mu      sync.Mutex
	sent    []SentMessage
	refused []SentMessage
	errs    []error
	gate    chan struct{} // closed when sends go on; nil if they do not wait
	ids     int
}

// SentMessage is a message that a program gave to a [RecordingSender].
type SentMessage struct {
	To      chatapi.Recipient
	Message chatapi.Message
	Options chatapi.SendOptions

	// Receipt is what Send returned; nil if it returned Err.
	Receipt *chatapi.Receipt
	Err     error
}

// Send keeps the message and returns a receipt whose id begins with "wamid.RECORDED". It
// calls nothing. The error is that of [RecordingSender.Fail], that of a client for a
// wrong recipient or message ([chatapi.ErrInvalid]), or that of a context that has ended.
func (s *RecordingSender) Send(ctx context.Context, to chatapi.Recipient, m chatapi.Message, opts ...chatapi.SendOption) (*chatapi.Receipt, error) {
	one := SentMessage{To: to, Message: m}
	for _, opt := range opts {
		if opt != nil {
			opt(&one.Options)
		}
	}
	s.mu.Lock()
	gate := s.gate
	s.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
		}
	}
	if one.Err = ctx.Err(); one.Err == nil {
		one.Err = s.nextError()
	}
	if one.Err == nil {
		s.once.Do(s.start)
		one.Receipt, one.Err = s.client.Send(ctx, to, m, opts...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if one.Err != nil {
		s.refused = append(s.refused, one)
		return nil, one.Err
	}
	s.sent = append(s.sent, one)
	return one.Receipt, nil
}

// nextError takes the next error of Fail.
func (s *RecordingSender) nextError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.errs) == 0 {
		return nil
	}
	err := s.errs[0]
	s.errs = s.errs[1:]
	return err
}

// Fail makes the next sends fail, each with the next of the errors. A nil among them
// lets that send go through.
func (s *RecordingSender) Fail(errs ...error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errs = append(s.errs, errs...)
}

// Block makes sends wait until unblock is called or their context ends. Calling unblock
// twice is harmless.
func (s *RecordingSender) Block() (unblock func()) {
	gate := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate = gate
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.gate == gate {
			s.gate = nil
		}
		close(gate)
	})
}

// Sent returns the messages that were accepted, in order. The list is a copy.
func (s *RecordingSender) Sent() []SentMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

// Refused returns the messages whose Send returned an error, in order. The list is a
// copy.
func (s *RecordingSender) Refused() []SentMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.refused)
}

// start makes the client, which checks messages and writes receipts.
func (s *RecordingSender) start() {
	client, err := chatapi.New("https://"+apiHost+"/RECORDING", "recordingsendertoken00",
		chatapi.WithHTTPClient(&http.Client{Transport: &accepting{s}}))
	if err != nil {
		panic("chatapitest: " + err.Error()) // the options are constants
	}
	s.client = client
}

// accepting answers each send as the service does.
type accepting struct{ sender *RecordingSender }

// HeedsContext lets the Client call it in its own goroutine.
func (*accepting) HeedsContext(until.Mark) {}

func (t *accepting) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r.Body.Close()
	}
	t.sender.mu.Lock()
	t.sender.ids++
	id := fmt.Sprintf("wamid.RECORDED%04d", t.sender.ids)
	t.sender.mu.Unlock()
	return reply(http.StatusOK, object{"sent": true, "id": id, "message": "Sent", "description": "Message has been sent to the provider"}).response(r), nil
}
