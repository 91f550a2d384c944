package chatapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// CallsService does the signalling of calls. The sound itself flows by WebRTC
// between the customer and your own media server. See [Client.Calls]. The
// customer's side of a call arrives as [*CallEvent]. With SIP switched on,
// neither these methods nor those events work (contract, "Calling, groups,
// flows"; documented, beta).
//
// Actions on a call go out at most once, because a call cannot be placed or
// answered twice. After [ErrOutcomeUnknown] the next [*CallEvent] shows the
// outcome.
type CallsService struct{ service }

// CallSettings says how a channel handles calls. In an update, an empty field
// stays as it is.
type CallSettings struct {
	// Status is "ENABLED" or "DISABLED".
	Status string

	// IconVisibility is "DEFAULT", or "DISABLE_ALL" to hide the call button from
	// customers.
	IconVisibility string

	// CallbackPermission is "ENABLED" if WhatsApp asks customers for the
	// permission to call them back.
	CallbackPermission string

	// KeyExchange is "DTLS", or "SDES" with SIP.
	KeyExchange string

	// Video is "ENABLED" or "DISABLED".
	Video string

	// Hours are the call hours in Meta's form. The contract knows only some of
	// their members.
	Hours json.RawMessage

	// SIP routes calls to a SIP server.
	SIP *CallSIP
}

// CallSIP routes calls by SIP. The password of a server is in
// [CallSettingsInfo.Raw] only.
type CallSIP struct {
	// Status is "ENABLED" or "DISABLED".
	Status string

	Servers []SIPServer
}

// SIPServer is one server of [CallSIP].
type SIPServer struct {
	Hostname string
	Port     int

	// URIParams are put into the user part of the request URI.
	URIParams map[string]string

	// AppID is set in replies only.
	AppID string
}

// CallSettingsInfo holds the present settings of a channel.
type CallSettingsInfo struct {
	CallSettings

	// Raw is the service's reply. It may hold a SIP password: do not log it.
	Raw json.RawMessage
}

// wireCallSettings is the form of CallSettings on the wire.
type wireCallSettings struct {
	Status             wire.Text       `json:"status,omitempty"`
	IconVisibility     wire.Text       `json:"call_icon_visibility,omitempty"`
	CallbackPermission wire.Text       `json:"callback_permission_status,omitempty"`
	KeyExchange        wire.Text       `json:"srtp_key_exchange_protocol,omitempty"`
	Video              *wireCallVideo  `json:"video,omitempty"`
	Hours              json.RawMessage `json:"call_hours,omitempty"`
	SIP                *wireCallSIP    `json:"sip,omitempty"`
}

type wireCallVideo struct {
	Status wire.Text `json:"status"`
}

type wireCallSIP struct {
	Status  wire.Text       `json:"status,omitempty"`
	Servers []wireSIPServer `json:"servers,omitempty"`
}

type wireSIPServer struct {
	Hostname  wire.Text            `json:"hostname,omitempty"`
	Port      wire.Int             `json:"port,omitempty"`
	URIParams map[string]wire.Text `json:"request_uri_user_params,omitempty"`
	AppID     wire.Text            `json:"app_id,omitempty"`
}

// GetSettings returns the channel's settings for calls. It changes nothing and
// is retried.
func (s CallsService) GetSettings(ctx context.Context) (*CallSettingsInfo, error) {
	const op = "Calls.GetSettings"
	var raw json.RawMessage
	if err := s.call(ctx, request{op: op, method: http.MethodGet, path: "callingSettings"}, &raw); err != nil {
		return nil, err
	}
	var body struct {
		Calling wireCallSettings `json:"calling"`
	}
	if err := s.decode(op, raw, &body); err != nil {
		return nil, err
	}
	return &CallSettingsInfo{Raw: raw, CallSettings: body.Calling.settings()}, nil
}

// settings returns the settings that arrived, in a reply or in an event.
func (in *wireCallSettings) settings() CallSettings {
	s := CallSettings{Status: string(in.Status), IconVisibility: string(in.IconVisibility),
		CallbackPermission: string(in.CallbackPermission), KeyExchange: string(in.KeyExchange), Hours: in.Hours}
	if in.Video != nil {
		s.Video = string(in.Video.Status)
	}
	if in.SIP == nil {
		return s
	}
	s.SIP = &CallSIP{Status: string(in.SIP.Status)}
	for _, server := range in.SIP.Servers {
		out := SIPServer{Hostname: string(server.Hostname), Port: int(server.Port), AppID: string(server.AppID)}
		for name, value := range server.URIParams {
			if out.URIParams == nil {
				out.URIParams = map[string]string{}
			}
			out.URIParams[name] = string(value)
		}
		s.SIP.Servers = append(s.SIP.Servers, out)
	}
	return s
}

// UpdateSettings changes the given settings. The service forwards them
// unchecked, and Meta may take only one group of settings per call: first
// Status, then SIP. An empty change is [ErrInvalid]. The call may be repeated
// without harm and is retried.
func (s CallsService) UpdateSettings(ctx context.Context, change CallSettings) error {
	const op = "Calls.UpdateSettings"
	out := wireCallSettings{Status: wire.Text(change.Status), IconVisibility: wire.Text(change.IconVisibility),
		CallbackPermission: wire.Text(change.CallbackPermission), KeyExchange: wire.Text(change.KeyExchange), Hours: change.Hours}
	var c checker
	c.require(len(change.Hours) == 0 || isJSONObject(change.Hours), "Hours", "is not a JSON object; give Meta's call_hours object")
	changes := change.Status != "" || change.IconVisibility != "" || change.CallbackPermission != "" || change.KeyExchange != "" ||
		change.Video != "" || len(change.Hours) > 0 || change.SIP != nil
	c.require(changes, "change", "changes nothing; set one of its fields")
	if change.Video != "" {
		out.Video = &wireCallVideo{wire.Text(change.Video)}
	}
	if change.SIP != nil {
		out.SIP = &wireCallSIP{Status: wire.Text(change.SIP.Status)}
		for i, server := range change.SIP.Servers {
			c.text(at("SIP.Servers", i, "Hostname"), server.Hostname, 253)
			c.require(server.Port >= 0 && server.Port <= 65535, at("SIP.Servers", i, "Port"), fmt.Sprintf("is %d, but must be 0 to 65535; give the port of the SIP server", server.Port))
			row := wireSIPServer{Hostname: wire.Text(server.Hostname), Port: wire.Int(server.Port)}
			for name, value := range server.URIParams {
				if row.URIParams == nil {
					row.URIParams = map[string]wire.Text{}
				}
				row.URIParams[name] = wire.Text(value)
			}
			out.SIP.Servers = append(out.SIP.Servers, row)
		}
	}
	if c.first != nil {
		return s.refuse(op, c.first)
	}
	body := map[string]any{"calling": out}
	return s.call(ctx, request{op: op, method: http.MethodPost, path: "callingSettings", body: body}, nil)
}

// CallSession is the business's half of the negotiation of a call.
type CallSession struct {
	// SDP is the session description: an offer for Connect, an answer for
	// PreAccept and Accept.
	SDP string

	// CallbackData comes back in the events of the call. It has at most 512
	// characters.
	CallbackData string
}

// CallInfo describes a call that was placed.
type CallInfo struct {
	// ID identifies the call ("wacid…") for the other actions. It is empty if
	// the service returned none.
	ID string

	// Raw is the service's reply.
	Raw json.RawMessage
}

// Connect calls a person. The person needs a phone number, else the error is
// [ErrInvalid], and must have permitted calls, else it is [ErrUnsupported] with
// code 138006. A channel without calls is [ErrUnsupported] with code 138000. It
// goes out at most once.
func (s CallsService) Connect(ctx context.Context, to Recipient, offer CallSession) (*CallInfo, error) {
	phone, bad := phoneOf("to", to)
	if bad != nil {
		return nil, s.refuse("Calls.Connect", bad)
	}
	raw, err := s.act(ctx, "Calls.Connect", callAction{Action: "connect", To: phone}, &offer)
	if err != nil {
		return nil, err
	}
	call := &CallInfo{Raw: raw}
	for calls := wire.Root(raw).Get("calls").Array(); calls.Next() && call.ID == ""; {
		call.ID = firstText(calls.Value, "id")
	}
	return call, nil
}

// PreAccept prepares the media connection of an incoming call, so that the
// first words after [CallsService.Accept] are not lost. It goes out at most
// once.
func (s CallsService) PreAccept(ctx context.Context, callID string, answer CallSession) error {
	_, err := s.act(ctx, "Calls.PreAccept", callAction{Action: "pre_accept", CallID: callID}, &answer)
	return err
}

// Accept answers an incoming call. WhatsApp waits 30 to 60 s for that (contract,
// "initiateCall"; documented). It goes out at most once.
func (s CallsService) Accept(ctx context.Context, callID string, answer CallSession) error {
	_, err := s.act(ctx, "Calls.Accept", callAction{Action: "accept", CallID: callID}, &answer)
	return err
}

// Reject declines an incoming call. It goes out at most once.
func (s CallsService) Reject(ctx context.Context, callID string) error {
	_, err := s.act(ctx, "Calls.Reject", callAction{Action: "reject", CallID: callID}, nil)
	return err
}

// Terminate ends a call. It goes out at most once.
func (s CallsService) Terminate(ctx context.Context, callID string) error {
	_, err := s.act(ctx, "Calls.Terminate", callAction{Action: "terminate", CallID: callID}, nil)
	return err
}

// callAction is the body of initiateCall.
type callAction struct {
	Product      string           `json:"messaging_product"`
	Action       string           `json:"action"`
	To           string           `json:"to,omitempty"`
	CallID       string           `json:"call_id,omitempty"`
	Session      *wireCallSession `json:"session,omitempty"`
	CallbackData string           `json:"biz_opaque_callback_data,omitempty"`
}

type wireCallSession struct {
	Type string `json:"sdp_type"`
	SDP  string `json:"sdp"`
}

// act carries out one action on a call.
func (s CallsService) act(ctx context.Context, op string, body callAction, session *CallSession) (raw json.RawMessage, err error) {
	var c checker
	body.Product = "whatsapp"
	kind := "answer"
	if body.Action == "connect" {
		kind = "offer"
	} else {
		c.require(isWord(body.CallID), "callID", "is "+quote(body.CallID)+", which is not a call id; take the ID of a CallEvent")
	}
	if session != nil {
		c.text("SDP", session.SDP, 1<<20)
		c.optional("CallbackData", session.CallbackData, 512)
		body.Session = &wireCallSession{kind, session.SDP}
		body.CallbackData = session.CallbackData
	}
	if c.first != nil {
		return nil, s.refuse(op, c.first)
	}
	err = s.call(ctx, request{op: op, method: http.MethodPost, path: "initiateCall", body: body, once: true}, &raw)
	return raw, err
}
