package chatapi

import (
	"bytes"
	"cmp"
	"net/http"
	"strings"

	"github.com/chatapi-go/chatapi/internal/transport"
	"github.com/chatapi-go/chatapi/internal/wire"
)

// sendReply reads the reply to a send, in the order of the contract. A reply
// that is neither a clear acceptance nor a clear refusal is an open outcome.
func (c *Client) sendReply(op string, reply *transport.Reply) (*Receipt, *Error) {
	found, body, object := readComplaint(reply.Body)
	switch refusal := c.refuses(reply.Status); {
	case refusal && (body.saysYes() || !object && mentionsSend(reply.Body) || yesInside(reply.Body)):
		found.add(body.Message)
		found.addText("the reply says both yes and no")
		return nil, c.openOutcome(op, reply, found)
	case refusal:
		if object {
			found.add(body.Message)
			found.add(body.Code)
		} else {
			found.addText(plainText(reply.Body))
		}
		return nil, c.refusedSend(op, reply, found)
	case reply.Status < 200:
		found.addText(notFinal(reply.Status))
		return nil, c.openOutcome(op, reply, found)
	case reply.Status >= 300:
		if object {
			found.add(body.Message)
		} else {
			found.addText(plainText(reply.Body))
		}
		return nil, c.openOutcome(op, reply, found)
	case !object:
		found.addText("the reply is not what the service writes: " + cmp.Or(plainText(reply.Body), "it is empty"))
		return nil, c.openOutcome(op, reply, found)
	}
	switch {
	case body.saysYes() && (found.found() || body.Sent.Yes && body.Sent.No || isFalse(body.Success)), body.ID != "" && body.Sent.No && body.JobID == "",
		(found.found() || body.Sent.No) && !body.saysYes() && yesInside(reply.Body):
		found.add(body.Message)
		found.addText("the reply says both yes and no")
		return nil, c.openOutcome(op, reply, found)
	case found.found():
		found.add(body.Message)
		found.add(body.Code)
		return nil, c.refused(op, reply, found, "1msg:response-error")
	case body.JobID != "":
		return &Receipt{Queued: true, JobID: body.JobID, Raw: reply.Body}, nil
	case body.Sent.Yes:
		return &Receipt{ID: body.ID, Queued: waitsForPhone(body.Message), Raw: reply.Body}, nil
	}
	found.add(body.Message)
	found.add(body.Code)
	if !body.Sent.No && (body.ID != "" || !found.found()) {
		found.addText("the reply says neither yes nor no")
		return nil, c.openOutcome(op, reply, found)
	}
	return nil, c.refused(op, reply, found, "1msg:sent-false")
}

// refuses reports whether a status means that the service did nothing.
func (c *Client) refuses(status int) bool {
	switch status {
	case http.StatusServiceUnavailable:
		return c.trust503
	case http.StatusNotImplemented:
		return true
	case http.StatusRequestTimeout:
		return false
	}
	return status >= 300 && status < 500
}

// refusedSend returns the error of a send with a status that means a refusal.
// RetryPolicy.Trust503 says what the catalogue cannot know: that nothing went
// out.
func (c *Client) refusedSend(op string, reply *transport.Reply, found complaint) *Error {
	e := c.refused(op, reply, found, "")
	if reply.Status == http.StatusServiceUnavailable && e.Kind == ErrUnavailable {
		e.Retry, e.Advice = RetryBackoff, "try again later; nothing was sent"
	}
	return e
}

// mentionsSend reports whether a body that is no JSON object, or has members of
// a wrong type, may say that a message was taken.
func mentionsSend(body []byte) bool {
	return bytes.Contains(body, []byte(`"sent"`)) || bytes.Contains(body, []byte(`"jobId"`))
}

// speaksOfQueue reports whether a body may say that the service has put the message into
// its queue.
func speaksOfQueue(body []byte) bool {
	return bytes.Contains(body, []byte("jobId")) || waitsForPhone(body)
}

// waitsForPhone reports whether a text says that the message is sent later. The web
// product of 2021 said so while the phone was not logged in.
func waitsForPhone(text []byte) bool {
	return containsFold(text, []byte("will be sent after"))
}

// deepestYes is how many objects and lists may stand around a yes.
const deepestYes = 8

// holdsYes reports whether an object or a list inside of v says that a message was
// taken: "sent" is true, there is a job, or a message with the id that WhatsApp gave
// it. What stands in an error is about another message.
func holdsYes(v wire.Value, depth int) bool {
	if depth > deepestYes {
		return false
	}
	if v.IsArray() {
		for items := v.Array(); items.Next(); {
			if holdsYes(items.Value, depth+1) {
				return true
			}
		}
	}
	if !v.IsObject() {
		return false
	}
	for members := v.Object(); members.Next(); {
		var sent sentFlag
		text, _ := members.Value.Text()
		switch name := strings.ToLower(string(members.Name)); {
		case name == "error" || name == "errors":
			continue
		case name == "sent" && sent.read(members.Value.Raw()) == nil && sent.Yes,
			name == "jobid" && text != "",
			name == "id" && strings.HasPrefix(text, "wamid."),
			holdsYes(members.Value, depth+1):
			return true
		}
	}
	return false
}

// yesInside is holdsYes for a body.
func yesInside(body []byte) bool {
	document, err := wire.ParseLenient(body)
	if err != nil {
		return false
	}
	defer document.Release()
	if text, err := document.Root().Text(); err == nil && document.Root().IsString() {
		return mentionsSend([]byte(text))
	}
	return holdsYes(document.Root(), 0)
}

// openOutcome returns the error of a send whose reply is neither an acceptance
// nor a refusal. The error matches no other kind: a program that repeats calls
// after ErrUnavailable must not send twice.
func (c *Client) openOutcome(op string, reply *transport.Reply, found complaint) *Error {
	e := c.refused(op, reply, found, "")
	e.Kind, e.Retry, e.cause = ErrOutcomeUnknown, RetryUnknown, nil
	e.Advice = adviceLookUp()
	e.Sentence = c.sentence(e)
	return c.scrubbed(e)
}

// meaning classifies a reply for hooks, logs and the pacer, before the call
// itself reads it.
func (c *Client) meaning(r *transport.Request, status int, header http.Header, body []byte) transport.Meaning {
	reply := &transport.Reply{Status: status, Header: header, Body: body}
	if !r.Message {
		if e := c.refusal(r.Op, reply); e != nil {
			return e.meaning()
		}
		return transport.Meaning{}
	}
	receipt, refused := c.sendReply(r.Op, reply)
	if refused != nil {
		return refused.meaning()
	}
	return transport.Meaning{MessageID: receipt.ID}
}

// silence classifies an attempt without a reply for hooks and logs.
func (c *Client) silence(r *transport.Request, f *transport.Failure) transport.Meaning {
	return c.unanswered(request{op: r.Op, once: r.Once}, f).meaning()
}

// meaning returns the part of an error that hooks, logs and the pacer get.
func (e *Error) meaning() transport.Meaning {
	m := transport.Meaning{Kind: string(e.Kind), Code: e.Code, Retry: string(e.Retry), Open: e.Kind == ErrOutcomeUnknown}
	if e.Kind == ErrRateLimited {
		switch e.Code {
		case 131056:
			m.PairLimited = true
		case 131048, 471, 131064: // about quality, where a slower pace does not help
		default:
			m.Limited = true
		}
	}
	return m
}

// containsFold reports whether data has the words in any case. It needs no memory.
func containsFold(data, words []byte) bool {
	for ; len(data) >= len(words); data = data[1:] {
		if bytes.EqualFold(data[:len(words)], words) {
			return true
		}
	}
	return false
}
