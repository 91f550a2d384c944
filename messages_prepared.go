package chatapi

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// Prepared is a message checked and encoded for one channel and recipient, but
// not sent. It is plain JSON without the token: an outbox can store it, a dry
// run can show it, and any process with a client for the same channel can send
// it. It is a [Message] for [Ledger.RecordSend] only; [Client.Send] refuses it.
type Prepared struct {
	// Version is the version of this form; 0 means 1. SendPrepared refuses a
	// version that is newer than the SDK, because it could misread it.
	Version int `json:"version,omitempty"`

	Channel ChannelID `json:"channel"`

	// Operation is the service's word for the request, such as "sendMessage".
	Operation string    `json:"operation"`
	To        Recipient `json:"to"`

	// Body is the request's body.
	Body json.RawMessage `json:"body"`

	// Category is the category of a template, if the caller named it; quotes
	// and bills need it.
	Category string `json:"category,omitempty"`
}

// preparedVersion is the newest form of Prepared that this version knows.
const preparedVersion = 1

// SendPrepared sends a prepared message and returns the service's receipt. The
// client must be one for the channel that the message was prepared for, else
// the error is [ErrWrongChannel]. Each call is a new attempt that goes out at
// most once: calling SendPrepared twice sends twice, also under one attempt. An
// outbox stores the attempt before the request leaves: see [BeforeWrite] and
// [OneWrite], or [UnderAttempt]. Errors and concurrency are those of [Client.Send].
func (c *Client) SendPrepared(ctx context.Context, p *Prepared, opts ...PreparedOption) (*Receipt, error) {
	const op = "SendPrepared"
	if bad := c.checkPrepared(p); bad != nil {
		return nil, c.local(op, bad)
	}
	var options preparedOptions
	for _, opt := range opts {
		if opt != nil {
			opt(&options)
		}
	}
	historyText := textInHistory(p.Operation, p.Body)
	if options.attempt != nil {
		if problem := p.foreignAttempt(options.attempt, historyText); problem != "" {
			return nil, c.local(op, invalid("attempt", problem))
		}
	}
	return c.send(ctx, op, p, historyText, options)
}

// checkPrepared returns the error of a message that cannot be sent as it is stored.
func (c *Client) checkPrepared(p *Prepared) *Error {
	switch {
	case c == nil:
		return noClient()
	case p == nil:
		return invalid("prepared message", "is nil; make it with Prepare")
	case p.Version < 0 || p.Version > preparedVersion:
		return &Error{Kind: ErrInvalid, Field: "prepared message", Retry: RetryFix,
			Reason:   fmt.Sprintf("has the version %d; this SDK knows %d", p.Version, preparedVersion),
			Sentence: "The message was prepared by another version of the software.",
			Advice:   "update this process, then send it"}
	case p.Channel == "":
		return invalid("prepared message", "names no channel; make it with Prepare")
	case !sameChannel(p.Channel, c.channel):
		return &Error{Kind: ErrWrongChannel, Field: "prepared message", Retry: RetryFix,
			Reason:   "was made for channel " + clip(string(p.Channel), 64),
			Sentence: "The message was prepared for another channel.",
			Advice:   "send it with that channel's client"}
	case !isOperation(p.Operation):
		return invalid("prepared message", "names no operation; make it with Prepare and store all of it")
	case !isJSONObject(p.Body):
		return invalid("prepared message", "has a body that is not a JSON object; make it with Prepare and store all of it")
	}
	return nil
}

// PreparedOption changes one [Client.SendPrepared].
type PreparedOption func(*preparedOptions)

type preparedOptions struct {
	attempt  *Attempt
	before   func(context.Context, Attempt) error
	oneWrite bool
	waits    func(WaitInfo)
}

// UnderAttempt sends a prepared message under an attempt that was stored before:
// the receipt and the error carry it. So a program that is killed during the call
// finds the attempt in its outbox and asks [Client.Resolve] about it. The attempt has
// to come from [Prepared.Attempt] of the same message, also by way of JSON; another
// one is [ErrInvalid] with the Field "attempt". Use an attempt for one call only, and
// make it shortly before the call, because Resolve looks at the ten minutes after it.
// Where a call may wait for [Pace] or a token, use [BeforeWrite] instead.
func UnderAttempt(attempt Attempt) PreparedOption {
	return func(o *preparedOptions) { o.attempt = &attempt }
}

// Attempt returns a new attempt at sending the message, with an id of its own, that
// an outbox can store before it calls [Client.SendPrepared] with [UnderAttempt].
// started is the instant of the call, normally time.Now(). Attempt calls nothing. On a
// nil Prepared it returns the zero Attempt.
func (p *Prepared) Attempt(started time.Time) Attempt {
	if p == nil {
		return Attempt{}
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	return p.attempt(hex.EncodeToString(id[:]), started, textInHistory(p.Operation, p.Body))
}

func (p *Prepared) attempt(id string, started time.Time, historyText string) Attempt {
	return Attempt{ID: id, Channel: p.Channel, To: p.To, Operation: p.Operation,
		Fingerprint: fingerprint(p.Operation, p.Body, historyText), Started: started}
}

// foreignAttempt says why an attempt is not one at this message; empty if it is.
func (p *Prepared) foreignAttempt(a *Attempt, historyText string) string {
	const advice = "; make it with Prepared.Attempt and store all of it"
	switch {
	case a.ID == "":
		return "has no id" + advice
	case a.Started.IsZero():
		return "has no time" + advice
	case !sameChannel(a.Channel, p.Channel):
		return "is one of channel " + clip(string(a.Channel), 64) + ", not of " + clip(string(p.Channel), 64) + advice
	case a.To != p.To || a.Operation != p.Operation || a.Fingerprint != fingerprint(p.Operation, p.Body, historyText):
		return "is one at another message" + advice
	}
	return ""
}

// encode returns what a ledger needs to know of a message that was sent.
func (p Prepared) encode() (encoded, error) {
	return encoded{operation: p.Operation, body: p.Body, category: p.Category}, nil
}
