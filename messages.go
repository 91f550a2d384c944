package chatapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"time"

	"github.com/chatapi-go/chatapi/internal/transport"
	"github.com/chatapi-go/chatapi/internal/wire"
)

// Message is something to send: [Text], [File], [Buttons], [Template] or
// another message kind, as a value or a pointer. The interface is sealed;
// [Custom] sends an operation that this version has no type for.
type Message interface {
	// encode checks the message's own limits and returns its request without
	// the recipient.
	encode() (encoded, error)
}

// Send checks the message, sends it to the recipient and returns the service's
// receipt. The receipt says that the service accepted the message, which is not
// yet delivery. Send is [Client.Prepare] and [Client.SendPrepared] in one call.
//
// Free-form messages need an open service window ([ErrWindowClosed] otherwise);
// a [Template] does not. A wrong field is [ErrInvalid], found before anything
// is sent. The send goes out at most once: after [ErrOutcomeUnknown] it may or
// may not have, so look before you repeat it. Every error is an [*Error]. Send
// is safe for concurrent use; two concurrent sends may arrive in either order.
func (c *Client) Send(ctx context.Context, to Recipient, m Message, opts ...SendOption) (*Receipt, error) {
	const op = "Send"
	p, text, err := c.prepare(op, to, m, opts)
	if err != nil {
		return nil, err
	}
	return c.send(ctx, op, &p, text, preparedOptions{})
}

// Prepare returns a message checked and encoded, but not sent. It does not use
// the network. The error is an [*Error] of kind [ErrInvalid] or [ErrTooLarge]
// with the Field that is wrong. Prepare is safe for concurrent use.
func (c *Client) Prepare(to Recipient, m Message, opts ...SendOption) (*Prepared, error) {
	p, _, err := c.prepare("Prepare", to, m, opts)
	if err != nil {
		return nil, err
	}
	return &p, nil
}

// Receipt says that the service accepted a message. Acceptance is not delivery:
// a [StatusEvent] reports that later.
type Receipt struct {
	// ID is the message id that statuses refer to. It is empty when the
	// service accepted the message without naming an id, and mostly when the
	// message is queued.
	ID string

	// Queued is set when the service has put the message in its queue. Do not
	// send the message again. JobID is the queue's id, for support only: it is
	// not a message id, and no endpoint looks it up.
	Queued bool
	JobID  string

	// Attempt is the try that was accepted.
	Attempt Attempt

	// Raw is the service's reply.
	Raw json.RawMessage
}

// SendOption changes one send. It is a function on [SendOptions], so that a
// fake of your own can read the options.
type SendOption func(*SendOptions)

// SendOptions holds the values that send options set.
type SendOptions struct {
	// QuotedID is the message to reply to.
	QuotedID string

	// Key names the message for an outbox; see [SendKey].
	Key string
}

// ReplyTo makes the message a reply that quotes the message with that id. An
// empty id quotes nothing. A [Reaction], an [OrderDetails], a [PaymentRequest]
// and a [Custom] with its own "quotedMsgId" take no quote: the send is then
// [ErrInvalid].
func ReplyTo(messageID string) SendOption {
	return func(o *SendOptions) { o.QuotedID = messageID }
}

// SendKey gives the message a key of the program's own, such as that of the event
// that it answers, under which an outbox plans a message once. Only a [Sender] with
// a store reads it. A [Client] ignores it: it never deduplicates, since it knows no
// earlier send and the service has no such key, so two sends with one key send
// twice. The key is no part of a [Prepared].
func SendKey(key string) SendOption {
	return func(o *SendOptions) { o.Key = key }
}

// Sender is the part of a [Client] that a bot needs. In tests, a fake with this
// one method can take the client's place.
type Sender interface {
	Send(ctx context.Context, to Recipient, m Message, opts ...SendOption) (*Receipt, error)
}

var _ Sender = (*Client)(nil)

// encoded is a message as a request.
type encoded struct {
	operation string
	body      any    // marshals to a JSON object without recipient and quotedMsgId
	text      string // the member "body", for the many messages that have no other; body is nil then
	category  string // of a template, if the caller named it

	// historyText is the text that the history will show of the message; see
	// textInHistory.
	historyText string

	// noReply is set when the message cannot quote another: its body names a
	// target already, or the operation has no place for a quote.
	noReply bool

	// phoneOnly is set when the operation takes only phone numbers as
	// recipients.
	phoneOnly bool

	// inIndiaOrSingapore is set when WhatsApp delivers the message only there.
	inIndiaOrSingapore bool
}

// prepare checks and encodes a message for the operation op, Send or Prepare. It
// also returns the text that the history will show of the message.
func (c *Client) prepare(op string, to Recipient, m Message, opts []SendOption) (p Prepared, historyText string, err error) {
	fail := func(err error) (Prepared, string, error) {
		if e, ok := errors.AsType[*Error](err); ok {
			return Prepared{}, "", c.local(op, e)
		}
		return Prepared{}, "", err
	}
	if c == nil {
		return fail(noClient())
	}
	if err := to.check(); err != nil {
		return fail(err)
	}
	if m, err = dereference(m); err != nil {
		return fail(err)
	}
	if _, ok := m.(Prepared); ok {
		return fail(invalid("message", "is prepared already, for one recipient; send it with SendPrepared"))
	}
	content, err := m.encode()
	if err != nil {
		if e, ok := errors.AsType[*Error](err); ok { // an operator cannot know what "the Body" is
			return fail(e.within("The message cannot be sent"))
		}
		return fail(err)
	}
	if bad := content.checkRecipient(to); bad != nil {
		return fail(bad)
	}
	options := applyOptions(opts)
	if content.phoneOnly && to.kind != RecipientPhone {
		return fail(invalid("recipient", "must be a phone number, since this kind of message goes to nothing else; make it with Phone"))
	}
	body, err := content.requestBody(to, options)
	if err != nil {
		return fail(invalid("message", "holds a value that JSON cannot write; "+jsonAdvice(content.body, err)))
	}
	if options.QuotedID != "" && content.noReply {
		return fail(invalid("ReplyTo", "does not go with this kind of message, which names its target itself or cannot quote one; leave the option out"))
	}
	p = Prepared{Version: preparedVersion, Channel: c.channel, Operation: content.operation, To: to, Body: body, Category: content.category}
	return p, content.historyText, nil
}

// applyOptions returns the values that the options set. Nil options are skipped.
func applyOptions(opts []SendOption) SendOptions {
	if len(opts) == 0 {
		return SendOptions{} // before options, which escapes to the heap
	}
	var options SendOptions
	for _, opt := range opts {
		if opt != nil {
			opt(&options)
		}
	}
	return options
}

// dereference returns the value behind a pointer to a message, so that other
// code handles only values.
func dereference(m Message) (Message, error) {
	v := reflect.ValueOf(m)
	switch {
	case !v.IsValid():
		return nil, invalid("message", "is nil; give a Text, a Template or another message")
	case v.Kind() != reflect.Pointer:
		return m, nil
	case v.IsNil():
		return nil, invalid("message", "is a nil pointer; give a value")
	}
	value, ok := v.Elem().Interface().(Message)
	if !ok {
		return m, nil
	}
	return value, nil
}

// requestBody returns the request's body: the recipient and the members of the
// options, followed by the members of the message.
func (e encoded) requestBody(to Recipient, options SendOptions) (json.RawMessage, error) {
	var members []byte
	if e.body != nil {
		var err error
		if members, err = wire.Marshal(e.body); err != nil {
			return nil, err
		}
		members = bytes.TrimSpace(members)
	}
	name, value := to.member()
	joined := make([]byte, 0, len(members)+len(e.text)+len(name)+len(value)+len(options.QuotedID)+48)
	joined = append(joined, `{"`...)
	joined = append(joined, name...)
	joined = wire.AppendText(append(joined, `":`...), value)
	if options.QuotedID != "" {
		joined = wire.AppendText(append(joined, `,"quotedMsgId":`...), options.QuotedID)
	}
	switch {
	case e.body == nil:
		joined = wire.AppendText(append(joined, `,"body":`...), e.text)
	case len(members) > 2:
		joined = append(append(joined, ','), members[1:len(members)-1]...)
	}
	return append(joined, '}'), nil
}

// send sends a checked message and turns the reply into a receipt or an error.
func (c *Client) send(ctx context.Context, op string, p *Prepared, historyText string, options preparedOptions) (*Receipt, error) {
	if c.transport == nil {
		return nil, c.local(op, noClient())
	}
	var attempt Attempt
	if options.attempt != nil {
		attempt = *options.attempt
	} else {
		attempt = p.attempt(c.transport.NewID(), time.Now(), historyText)
	}
	r := request{op: op, method: http.MethodPost, path: p.Operation, raw: p.Body, once: true, message: true, recipient: p.To.Key(), oneWrite: options.oneWrite}
	var hook *writeHook
	if options.before != nil {
		hook = &writeHook{before: options.before, stored: options.attempt != nil, last: attempt}
		r.before = hook.ask
	}
	if waits := options.waits; waits != nil {
		r.waits = func(reason string, d time.Duration) {
			waits(WaitInfo{Channel: c.channel, Op: op, Reason: WaitReason(reason), Duration: d})
		}
	}
	receipt, failed := c.sendOnce(ctx, r, p)
	if hook != nil {
		attempt = hook.lastWrite()
	}
	if failed != nil {
		tried := attempt // a copy, so that a success allocates none
		tried.Queued = failed.Attempt != nil && failed.Attempt.Queued
		failed.Attempt = &tried
		return nil, failed
	}
	receipt.Attempt = attempt
	receipt.Attempt.Queued = receipt.Queued
	return receipt, nil
}

// sendOnce carries out the request of a send. The error has no Attempt, or one that
// only says whether the reply speaks of a queue.
func (c *Client) sendOnce(ctx context.Context, r request, p *Prepared) (*Receipt, *Error) {
	done := c.watch(true)
	reply, failed := c.exchange(ctx, r)
	if failed != nil {
		done(failed)
		return nil, failed
	}
	receipt, refused := c.sendReply(r.op, &reply)
	if refused == nil {
		done(nil)
		return receipt, nil
	}
	if refused.Kind == ErrOutcomeUnknown && speaksOfQueue(reply.Body) {
		refused.Attempt = &Attempt{Queued: true}
	}
	c.explainSend(refused, p)
	if reply.Renewed { // no sign of the channel's health: the channel needs no other token
		refused.Retry, refused.Advice = RetryBackoff, "send it again: the program has a new token now"
		refused.Sentence = "The service refused the token, and the program has got another one since."
	} else {
		done(refused)
	}
	if reply.Status != http.StatusTooManyRequests { // learnt from already
		c.pacer.Learn(&transport.Request{Message: true, Recipient: r.recipient}, refused.meaning())
	}
	return nil, refused
}
