package chatapi

import (
	"context"
	"time"
)

// Outcome is what [Client.Resolve] found out about an attempt.
type Outcome string

// The outcomes.
const (
	// OutcomeAccepted: the message is in the history; Resolution.ID is its id.
	OutcomeAccepted Outcome = "accepted"
	// OutcomeNotFound: it is not, and should be by now. It may be sent again.
	OutcomeNotFound Outcome = "not_found"
	// OutcomeUnknown: it cannot be told. A person decides, or a status event
	// does.
	OutcomeUnknown Outcome = "unknown"
)

// Resolution is the answer of [Client.Resolve].
type Resolution struct {
	Outcome Outcome

	// ID is the message id of an accepted message.
	ID string

	// Why says in one sentence what the outcome rests on.
	Why string
}

const (
	// resolveSkew is how far the service's clock may differ from ours.
	resolveSkew = 2 * time.Minute

	// resolveSettled is how long a message may take to show up in the history.
	resolveSettled = time.Minute

	// resolveSpan is how long after the attempt a matching message can still
	// be its.
	resolveSpan = 10 * time.Minute
)

// Resolve looks in the channel's history for the message of an attempt whose
// outcome is unknown ([Error.Attempt]). It never guesses: a text is matched
// exactly, a file by its caption, the kinds with a body text by that text; a
// template, a location or a reaction leaves nothing to match, so a message of
// ours in that chat at that time makes the outcome unknown. Two messages that
// match are unknown too, and so is an entry of the history that cannot be read
// unless the message itself is found. Nothing at all is "not found" only once a minute has
// passed since the attempt.
//
// It needs history storage ([ErrHistoryOff] otherwise), changes nothing and is
// retried. The error is that of reading; the Resolution is then unknown.
func (c *Client) Resolve(ctx context.Context, attempt Attempt) (Resolution, error) {
	const op = "Resolve"
	unknown := func(why string) Resolution { return Resolution{Outcome: OutcomeUnknown, Why: why} }
	switch {
	case c == nil || c.transport == nil:
		return unknown("there is no client"), c.local(op, invalid("client", "is nil or was not made with New"))
	case attempt.Started.IsZero():
		return unknown("the attempt has no time"), c.local(op, invalid("attempt", "has no time; keep the one from Error.Attempt"))
	case attempt.Channel != c.channel:
		e := c.local(op, &Error{Kind: ErrWrongChannel, Field: "attempt", Retry: RetryFix,
			Reason: "was made on channel " + clip(string(attempt.Channel), 64), Sentence: "The attempt was made on another channel."})
		return unknown("it was another channel's"), e
	}
	chat := attempt.To.chat()
	if chat == "" {
		return unknown("the history cannot be searched by username"), nil
	}
	wanted := textHash(attempt.Fingerprint)
	var matches []string
	var early, others int
	filter := HistoryFilter{Chat: chat, From: attempt.Started.Add(-resolveSkew), To: attempt.Started.Add(resolveSpan)}
	for ev, err := range c.Messages.all(ctx, op, filter) {
		if err != nil {
			return unknown("the history could not be read"), err
		}
		switch ev := ev.(type) {
		case *UnknownEvent:
			others++ // cannot be read; it may be the message
		case *EchoEvent:
			switch {
			case wanted == "" || ev.Time.IsZero():
				others++
			case string(appendTextHash(nil, ev.Text)) != wanted:
			case (ev.Media != nil) != (attempt.Operation == "sendFile"):
				others++ // the same text, under a file or without one
			case ev.Time.Before(attempt.Started.Truncate(time.Second)):
				early++
			default:
				matches = append(matches, ev.ID)
			}
		}
	}
	switch {
	case early > 0 || len(matches) > 1:
		return unknown("several messages with the same text were sent to this chat at about that time"), nil
	case len(matches) == 1 && matches[0] != "":
		return Resolution{Outcome: OutcomeAccepted, ID: matches[0], Why: "the history has one message with this text since the attempt"}, nil
	case len(matches) == 1:
		return unknown("the history has the message, but without an id"), nil
	case others > 0:
		return unknown("the history shows messages to this chat at that time, and nothing in them tells which attempt they were"), nil
	case time.Since(attempt.Started) < resolveSettled:
		return unknown("the history does not have it yet, and the attempt is less than a minute old"), nil
	}
	return Resolution{Outcome: OutcomeNotFound, Why: "the history has no such message to this chat"}, nil
}
