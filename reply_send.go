package chatapi

import (
	"bytes"
	"cmp"
	"net/http"

	"github.com/chatapi-go/chatapi/internal/errorcode"
	"github.com/chatapi-go/chatapi/internal/transport"
)

// sendReply reads the reply to a send, in the order of the contract. A reply
// that is neither a clear acceptance nor a clear refusal is an open outcome.
func (c *Client) sendReply(op string, reply *transport.Reply) (*Receipt, *Error) {
	found, body, object := readComplaint(reply.Body)
	switch {
	case reply.Status == http.StatusServiceUnavailable && c.trust503:
		fallthrough
	case reply.Status >= 300 && reply.Status < 500 && reply.Status != http.StatusRequestTimeout, reply.Status == http.StatusNotImplemented:
		if object {
			found.add(body.Message)
			found.add(body.Code)
		} else {
			found.addText(plainText(reply.Body))
		}
		return nil, c.refused(op, reply, found, "")
	case reply.Status < 200 || reply.Status >= 300:
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
	accepted := body.Sent.Set && body.Sent.Value
	switch {
	case found.found() && (accepted || body.JobID != ""):
		found.addText("the reply says both yes and no")
		return nil, c.openOutcome(op, reply, found)
	case found.found():
		found.add(body.Message)
		found.add(body.Code)
		return nil, c.refused(op, reply, found, "1msg:response-error")
	case body.JobID != "":
		return &Receipt{Queued: true, JobID: body.JobID, Raw: reply.Body}, nil
	case accepted:
		// The web product of 2021 said so while the phone was not logged in.
		waits := bytes.Contains(body.Message, []byte("ill be sent after"))
		return &Receipt{ID: body.ID, Queued: waits, Raw: reply.Body}, nil
	}
	found.add(body.Message)
	found.add(body.Code)
	if !body.Sent.Set && (body.ID != "" || !found.found()) {
		found.addText("the reply says neither yes nor no")
		return nil, c.openOutcome(op, reply, found)
	}
	return nil, c.refused(op, reply, found, "1msg:sent-false")
}

// openOutcome returns the error of a send whose reply is neither an acceptance
// nor a refusal. The error matches no other kind: a program that repeats calls
// after ErrUnavailable must not send twice.
func (c *Client) openOutcome(op string, reply *transport.Reply, found complaint) *Error {
	e := c.refused(op, reply, found, "")
	row, _ := errorcode.Lookup("http:500")
	e.Kind, e.Retry, e.cause = ErrOutcomeUnknown, RetryUnknown, nil
	e.Advice = row.Advice
	e.Sentence = c.sentence(e)
	return e
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

// meaning returns the part of an error that hooks, logs and the pacer get.
func (e *Error) meaning() transport.Meaning {
	m := transport.Meaning{Kind: string(e.Kind), Code: e.Code, Retry: string(e.Retry)}
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
