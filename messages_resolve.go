package chatapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/internal/transport"
	"github.com/chatapi-go/chatapi/internal/wire"
)

// Outcome is what [Client.Resolve] found out about an attempt.
type Outcome string

// The outcomes.
const (
	// OutcomeAccepted means that the message is in the history;
	// Resolution.ID is its id.
	OutcomeAccepted Outcome = "accepted"
	// OutcomeNotFound means that the message is not in the history, although
	// it should be by now. It may be sent again.
	OutcomeNotFound Outcome = "not_found"
	// OutcomeUnknown means that the history does not settle the question. A
	// person or a later status event has to.
	OutcomeUnknown Outcome = "unknown"
)

// Resolution is the answer of [Client.Resolve].
type Resolution struct {
	Outcome Outcome

	// ID is the message id of an accepted message.
	ID string

	// Why gives the reason for the outcome in one sentence.
	Why string
}

const (
	// resolveSkew is the largest expected difference between the service's
	// clock and ours.
	resolveSkew = 2 * time.Minute

	// resolveSettled is the time a message may take to appear in the history.
	resolveSettled = time.Minute

	// resolveSpan is the time after the attempt in which a message of the
	// history can still belong to it.
	resolveSpan = 10 * time.Minute

	// resolveApart is the largest difference between the clocks, by the Date headers of
	// the look-up, with which the times of the history still tell something.
	resolveApart = time.Minute
)

// Resolve returns the outcome of an attempt whose outcome was unknown
// ([Error.Attempt]), by a look into the channel's history.
//
// It never guesses. A [Text], a [Buttons] and a [List] are matched by their
// body, a [File] by its caption, always exactly but for space around the text.
// Every other kind, and a file without a caption, leaves nothing to match: a
// message of ours in that chat at that time then makes the outcome unknown. The
// outcome is also unknown if several messages match, if a message with the text has
// no time or is up to two minutes older than the attempt, or if none matches and an
// entry of the history cannot be read. A message that is missing is
// [OutcomeNotFound] only when a minute has passed since the attempt, and never if the
// service had put the message into its queue (Attempt.Queued).
//
// Resolve compares Attempt.Started with the times that the service gave the messages, so
// the clock that Started comes from has to be right. The Date headers of the history's
// replies tell the difference between the service's clock and that of this process:
// beyond a minute the outcome is unknown, whatever the history has, and up to a minute a
// message that may be older than the attempt by the service's clock counts as older.
// Without a Date header Resolve takes the clocks for equal.
//
// Resolve needs history storage ([ErrHistoryOff] otherwise). It changes nothing
// and is retried. If reading fails, it returns the error and [OutcomeUnknown]. A
// username has no known chat, so its outcome is unknown. An attempt without a
// time is [ErrInvalid], one of another channel [ErrWrongChannel]. Resolve is
// safe for concurrent use.
func (c *Client) Resolve(ctx context.Context, attempt Attempt) (Resolution, error) {
	const op = "Resolve"
	unknown := func(why string) Resolution { return Resolution{Outcome: OutcomeUnknown, Why: why} }
	if why, e := c.refuseAttempt(&attempt); e != nil {
		return unknown(why), c.local(op, e)
	}
	chat := attempt.To.chat()
	if chat == "" {
		return unknown("the history cannot be searched by username"), nil
	}
	wanted := textHash(attempt.Fingerprint)
	var matches []string
	var early, others, undated int
	var clock clockDifference
	filter := HistoryFilter{Chat: chat, From: attempt.Started.Add(-resolveSkew), To: attempt.Started.Add(resolveSpan)}
	for ev, err := range c.Messages.all(ctx, op, filter, clock.note) {
		if err != nil {
			return unknown("the history could not be read"), err
		}
		switch ev := ev.(type) {
		case *UnknownEvent:
			others++ // unreadable, so it may be the message
		case *EchoEvent:
			switch {
			case wanted == "" || ev.Time.IsZero():
				others++
				if wanted != "" && attempt.resembles(ev, wanted) {
					undated++
				}
			case string(appendTextHash(nil, ev.Text)) != wanted:
			case !attempt.resembles(ev, wanted):
				others++ // the same text, but on a file instead of a message, or the reverse
			case ev.Time.Before(attempt.Started.Add(clock.ahead).Truncate(time.Second)):
				early++
			default:
				matches = append(matches, ev.ID)
			}
		}
	}
	switch {
	case max(clock.ahead, clock.behind) > resolveApart:
		return unknown(clock.why()), nil
	case early > 0 || len(matches) > 1:
		return unknown(severalWhy(early, len(matches))), nil
	case undated > 0:
		return unknown("the history has a message with this text and without a time, so it may be this one or an earlier one"), nil
	case len(matches) == 1 && matches[0] != "":
		return Resolution{Outcome: OutcomeAccepted, ID: matches[0], Why: "the history has one message with this text since the attempt"}, nil
	case len(matches) == 1:
		return unknown("the history has the message, but without an id"), nil
	case others > 0:
		return unknown("the history shows messages to this chat at that time, and nothing in them tells which attempt they were"), nil
	case attempt.Queued:
		return unknown("the history does not have it, but the service had put it into its queue and may still send it"), nil
	case time.Since(attempt.Started) < resolveSettled:
		return unknown("the history does not have it yet, and the attempt is less than a minute old"), nil
	}
	return Resolution{Outcome: OutcomeNotFound, Why: "the history has no such message to this chat"}, nil
}

// clockDifference is how far the service's clock is ahead of ours and behind ours, by the
// replies of one look-up: the largest values, neither below 0.
type clockDifference struct{ ahead, behind time.Duration }

// note compares the Date of a reply, which has whole seconds, with our clock. The time
// that the reply took makes the service's clock seem behind, never ahead.
func (d *clockDifference) note(reply *transport.Reply) {
	date, err := http.ParseTime(reply.Header.Get("Date"))
	if err != nil {
		return
	}
	ahead := time.Until(date)
	d.ahead, d.behind = max(d.ahead, ahead), max(d.behind, -ahead)
}

// why says why a difference settles nothing.
func (d *clockDifference) why() string {
	by, direction := d.ahead, "ahead of"
	if d.behind > d.ahead {
		by, direction = d.behind, "behind"
	}
	return fmt.Sprintf("the service's clock is %s %s ours, so the times in the history do not tell which message belongs to the attempt",
		by.Round(time.Second), direction)
}

// refuseAttempt returns why the client cannot look for the attempt, for the Resolution
// and as an error; nil if it can.
func (c *Client) refuseAttempt(attempt *Attempt) (why string, e *Error) {
	switch {
	case c == nil || c.transport == nil:
		return "there is no client", noClient()
	case attempt.Started.IsZero():
		return "the attempt has no time", invalid("attempt", "has no time; keep the one from Error.Attempt or Prepared.Attempt")
	case !sameChannel(attempt.Channel, c.channel):
		return "it was another channel's", &Error{Kind: ErrWrongChannel, Field: "attempt", Retry: RetryFix,
			Reason: "was made on channel " + clip(string(attempt.Channel), 64), Sentence: "The attempt was made on another channel.",
			Advice: "ask that channel's client"}
	}
	return "", nil
}

// resembles reports whether a message of the history has the text of the attempt,
// given by its hash, and a file where the attempt had one.
func (a *Attempt) resembles(ev *EchoEvent, hash string) bool {
	return string(appendTextHash(nil, ev.Text)) == hash && (ev.Media != nil) == (a.Operation == "sendFile")
}

// severalWhy says why messages with the text of the attempt settle nothing: early
// of them are older than the attempt, and later ones are not.
func severalWhy(early, later int) string {
	switch {
	case early == 1 && later == 0:
		return "the history has one message with this text, from shortly before the attempt; it may be an earlier one, or this one if the clocks differ"
	case later == 0:
		return "the history has several messages with this text, all from shortly before the attempt"
	case early > 0:
		return "messages with this text were sent to this chat before and after the attempt began"
	}
	return "several messages with the same text were sent to this chat at about that time"
}

// fingerprint returns "body:HASH text:HASH" for a request, and "body:HASH" if
// the history will show no text of it.
func fingerprint(operation string, body []byte, historyText string) string {
	var space [1024]byte
	sum := sha256.Sum256(append(append(append(space[:0], operation...), '\n'), body...))
	mark := append(make([]byte, 0, 128), "body:"...)
	mark = hex.AppendEncode(mark, sum[:16])
	if historyText != "" {
		mark = appendTextHash(append(mark, " text:"...), historyText)
	}
	return string(mark)
}

// textHash returns the hash of the text in a fingerprint; empty if it has none.
func textHash(fingerprint string) string {
	_, hash, _ := strings.Cut(fingerprint, " text:")
	return hash
}

// appendTextHash appends the hash of a text, in hexadecimal. Space around the
// text does not count.
func appendTextHash(dst []byte, text string) []byte {
	var space [1024]byte
	sum := sha256.Sum256(append(space[:0], strings.TrimSpace(text)...))
	return hex.AppendEncode(dst, sum[:16])
}

// textInHistory returns the text that the history will show of a request body;
// empty if there is none. A message of one of the SDK's types carries its text
// instead, so that the body need not be parsed; see encoded.historyText.
func textInHistory(operation string, body []byte) string {
	var name string
	switch operation {
	case "sendMessage", "sendButton", "sendList":
		name = "body"
	case "sendFile":
		name = "caption"
	default:
		return ""
	}
	document, err := wire.Parse(body)
	if err != nil {
		return ""
	}
	defer document.Release()
	text, _ := document.Root().Get(name).Text()
	return text
}
