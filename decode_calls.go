package chatapi

import (
	"time"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// This file reads the calls envelope (contract, "calls (type calls)"): Meta's
// call objects, passed through. Their nesting was never observed, so they are
// looked for at the root, in "value" and in "entry[].changes[].value".

// callsBody reads a body whose type is "calls". It is false if there is nothing
// of a call in it.
func (p *parser) callsBody(known []member) (recognized bool) {
	for _, m := range known {
		p.field = "calls"
		switch m.name {
		case "calls", "statuses", "errors":
			p.list(m.name, m.value, listReader(m.name))
			recognized = true
		case "value":
			p.field = "calls"
			recognized = p.cloudValue(m.value) || recognized
		case "entry":
			p.list(m.name, m.value, (*parser).cloudEntry)
			recognized = true
		}
	}
	p.field = ""
	if !recognized {
		return false
	}
	for _, m := range known {
		if m.name == "messages" || m.name == "ack" {
			p.rootBody([]member{m})
		}
	}
	return true
}

// call reads one element of "calls".
func (p *parser) call(v wire.Value) error {
	e, at, err := readCall(v)
	if err != nil {
		return err
	}
	p.contacts.complete(&e.From)
	p.contacts.complete(&e.To)
	e.EventInfo = p.info(joinWire("call", e.Event), v)
	e.Time = at
	p.add(e)
	return nil
}

// callStatus reads a status of a call: the progress of one that the business
// began.
func (p *parser) callStatus(v wire.Value) error {
	e, at, err := readCall(v)
	if err != nil {
		return err
	}
	e.EventInfo = p.info(joinWire("call.status", e.Status), v)
	e.Time = at
	p.add(e)
	return nil
}

func readCall(v wire.Value) (*CallEvent, time.Time, error) {
	var f fields
	var at time.Time
	e := &CallEvent{}
	for m := v.Object(); m.Next(); {
		switch string(m.Name) {
		case "id":
			e.ID = f.text(&m)
		case "event":
			e.Event = f.text(&m)
		case "status":
			e.Status = f.text(&m)
		case "direction":
			e.Direction = f.text(&m)
		case "timestamp":
			at = f.scalar(&m).Time()
		case "from":
			setPhone(&e.From, f.text(&m))
		case "from_user_id":
			e.From.BSUID = f.text(&m)
		case "to", "recipient_id":
			setPhone(&e.To, f.text(&m))
		case "to_user_id", "recipient_user_id":
			e.To.BSUID = f.text(&m)
		case "session":
			e.SDPType, _ = m.Value.Get("sdp_type").Text()
			e.SDP, _ = m.Value.Get("sdp").Text()
		case "start_time":
			e.Started = f.scalar(&m).Time()
		case "end_time":
			e.Ended = f.scalar(&m).Time()
		case "duration":
			if seconds, ok := m.Value.Int(); ok && seconds > 0 && seconds < int64(maxCall/time.Second) {
				e.Duration = time.Duration(seconds) * time.Second
			}
		case "biz_opaque_callback_data":
			e.CallbackData = f.text(&m)
		}
	}
	return e, at, f.err
}

// maxCall is more than any call lasts, and keeps a damaged number from
// overflowing.
const maxCall = 365 * 24 * time.Hour
