package chatapitest

import (
	"fmt"
	"maps"
	"net/http"
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
	if a.quirks[NoCalls] || a.family.callConfig["status"] != "ENABLED" {
		return failed(138000, "Calling not enabled")
	}
	action, id := b.text("action"), b.text("call_id")
	session := b.object("session").text("sdp_type")
	switch {
	case action == "connect" && (!phonePattern.MatchString(b.text("to")) || session != "offer"):
		return failed(131009, "connect needs to and a session that is an offer")
	case action == "connect":
		id := a.id("wacid.FAKE")
		a.family.calls[id] = "terminate"
		return reply(http.StatusOK, object{"messaging_product": "whatsapp", "success": true, "calls": []any{object{"id": id}}})
	case a.family.calls[id] == "":
		return failed(138002, "Call not found")
	case (action == "pre_accept" || action == "accept") && session != "answer":
		return failed(131009, action+" needs a session that is an answer")
	case (action == "pre_accept" || action == "accept" || action == "reject") && a.family.calls[id] != "answer":
		return failed(138003, "The call was already answered")
	}
	switch action {
	case "accept":
		a.family.calls[id] = "terminate"
	case "reject", "terminate":
		delete(a.family.calls, id)
	}
	return reply(http.StatusOK, object{"messaging_product": "whatsapp", "success": true})
}

// Rings calls the business: the channel gets a webhook with the call's offer. It
// returns the id of the call, by which [chatapi.CallsService.Accept] answers it.
func (c *Customer) Rings() string {
	if !c.valid() {
		return ""
	}
	a := c.api
	var id string
	a.act(func() (*message, []webhook) {
		id = a.id("wacid.FAKE")
		a.family.calls[id] = "answer"
		call := object{"id": id, "to": a.phone, "from_user_id": c.bsuid, "event": "connect", "timestamp": fmt.Sprint(a.now().Unix()),
			"direction": "USER_INITIATED", "session": object{"sdp_type": "offer", "sdp": "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"}}
		if phone := c.shown(); phone != "" {
			call["from"] = phone
			delete(call, "from_user_id") // as in the contract's sample
		}
		body := reply(http.StatusOK, object{"type": "calls", "instanceId": a.channel, "messaging_product": "whatsapp", "calls": []any{call}})
		return nil, []webhook{{body: body.body}}
	})
	return id
}
