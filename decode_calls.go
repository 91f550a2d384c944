package chatapi

import (
	"time"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// This file reads calls as WhatsApp writes them (contract, "calls (type calls)").

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

// callStatus reads an element of "statuses" about a call that the business
// began: its progress.
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

// readCall reads an element of "calls", or a call's status, and its time.
func readCall(v wire.Value) (*CallEvent, time.Time, error) {
	var f scalarReader
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

// maxCall is longer than any call. A damaged number beyond it would overflow a
// time.Duration.
const maxCall = 365 * 24 * time.Hour
