package chatapitest

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"time"
)

func getCallingSettings(a *API, _ *request) answer {
	return reply(http.StatusOK, object{"calling": a.family.callConfig})
}

func updateCallingSettings(a *API, r *request) answer {
	maps.Copy(a.family.callConfig, r.body.object("calling"))
	return reply(http.StatusOK, success)
}

// initiateCall is the signalling proxy. An error of WhatsApp comes back with
// status 200.
func initiateCall(a *API, r *request) answer {
	b := r.body
	failed := func(code int, message string) answer {
		return reply(http.StatusOK, object{"response": object{"error": object{"code": code, "message": fmt.Sprintf("(#%d) %s", code, message), "type": "OAuthException"}}})
	}
	if a.quirks.has(NoCalls) || a.family.callConfig["status"] != "ENABLED" {
		return failed(138000, "Calling not enabled")
	}
	action, id := b.text("action"), b.text("call_id")
	session := b.object("session").text("sdp_type")
	switch {
	case action == "connect" && (!phonePattern.MatchString(b.text("to")) || session != "offer"):
		return failed(131009, "connect needs to and a session that is an offer")
	case action == "connect":
		id := a.id("wacid.FAKE")
		a.family.calls[id] = &call{waits: "terminate"}
		return reply(http.StatusOK, object{"messaging_product": "whatsapp", "success": true, "calls": []any{object{"id": id}}})
	case a.family.calls[id] == nil:
		return failed(138002, "Call not found")
	case (action == "pre_accept" || action == "accept") && session != "answer":
		return failed(131009, action+" needs a session that is an answer")
	case (action == "pre_accept" || action == "accept" || action == "reject") && a.family.calls[id].waits != "answer":
		return failed(138003, "The call was already answered")
	}
	switch action {
	case "accept":
		a.family.calls[id].waits, a.family.calls[id].accepted = "terminate", a.now()
	case "reject", "terminate":
		delete(a.family.calls, id)
	}
	return reply(http.StatusOK, object{"messaging_product": "whatsapp", "success": true})
}

// call is a call that goes on.
type call struct {
	waits    string    // for the action answer or terminate
	from     *Customer // nil for a call of the business
	number   int       // counts the calls of customers
	accepted time.Time // zero if it was not answered
}

// Rings calls the business: the channel gets a webhook with the call's offer. It
// returns the id of the call, by which [chatapi.CallsService.Accept] answers it.
func (c *Customer) Rings() string {
	if !c.valid() {
		return ""
	}
	a := c.api
	var id string
	c.act(func() (*message, []webhook) {
		id = a.id("wacid.FAKE")
		a.note(entry{who: c, act: "rings"})
		a.family.rung++
		a.family.calls[id] = &call{waits: "answer", from: c, number: a.family.rung}
		hook := c.callHook(id, "connect")
		hook["session"] = object{"sdp_type": "offer", "sdp": "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"}
		return nil, a.callHooks(hook)
	})
	return id
}

// HangsUp ends a call of the customer: the channel gets a webhook with the event
// terminate. Its status is COMPLETED, with the times of the call, if the business has
// accepted the call, and otherwise FAILED (an assumption). An empty id stands for the
// newest call. A call that is over or not of the customer fails the test.
func (c *Customer) HangsUp(callID string) { c.told("", c.hangUp(callID)) }

func (c *Customer) hangUp(callID string) (err error) {
	if !c.valid() {
		return nil
	}
	a := c.api
	c.act(func() (*message, []webhook) {
		id := cmp.Or(callID, c.newestCall())
		going := a.family.calls[id]
		if going == nil || going.from != c {
			err = c.cannotHeld("hang up: there is no such call of theirs; Rings begins one")
			return nil, nil
		}
		a.note(entry{who: c, act: "hangs up"})
		delete(a.family.calls, id)
		hook := c.callHook(id, "terminate")
		if hook["status"] = "FAILED"; !going.accepted.IsZero() {
			hook["status"], hook["duration"] = "COMPLETED", int(a.now().Sub(going.accepted).Seconds())
			hook["start_time"], hook["end_time"] = unix(going.accepted), a.seconds()
		}
		return nil, a.callHooks(hook)
	})
	return err
}

// newestCall returns the id of the customer's newest call; the caller holds API.mu.
func (c *Customer) newestCall() (id string) {
	newest := 0
	for each, going := range c.api.family.calls {
		if going.from == c && going.number > newest {
			id, newest = each, going.number
		}
	}
	return id
}

// callHook returns what the webhooks of a call have in common.
func (c *Customer) callHook(id, event string) object {
	a := c.api
	hook := object{"id": id, "to": a.phone, "event": event, "timestamp": a.seconds(), "direction": "USER_INITIATED"}
	if phone := c.shown(); phone != "" {
		hook["from"] = phone // and no from_user_id, as in the contract's sample
	} else {
		hook["from_user_id"] = c.bsuid
	}
	return hook
}

func (a *API) callHooks(hook object) []webhook {
	return []webhook{{body: reply(http.StatusOK, object{"type": "calls", "instanceId": a.channel, "messaging_product": "whatsapp", "calls": []any{hook}}).body}}
}
