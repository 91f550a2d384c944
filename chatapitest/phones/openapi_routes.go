package phones

import (
	"net/http"
)

// route is a request below /sim/ that is no act. The mux and the OpenAPI document are
// made from the same routes.
type route struct {
	method, path string
	id, doc      string
	query        []parameter
	limit        int64  // of the body; 0 is maxBody
	body         any    // a value of the type of the body; nil if there is none
	answer       any    // a value of the type of the answer; nil for status 204
	content      string // of an answer that is no JSON

	do func(*sim, *request) (any, error)
}

// parameter is a parameter of a query.
type parameter struct {
	name, doc string
	kind      string // of the schema
	required  bool
}

// Parameters that several routes have.
var (
	byChannel = parameter{name: "channel", kind: "string", doc: "the id of a channel; the first one by default"}
	sinceCall = parameter{name: "since", kind: "integer", doc: "the first one to return, counted from 0; next of the answer before"}
	atMost    = parameter{name: "limit", kind: "integer", doc: "how many, at most 1000; 100 by default"}
)

// anyObject stands for a JSON object whose members the document does not tell.
type anyObject map[string]any

var routes = []route{
	{method: http.MethodGet, path: "/sim/acts", id: "listActs", answer: simActs{}, do: listActs,
		doc: "Returns the table of acts: everything that somebody can do in the fake."},
	{method: http.MethodGet, path: "/sim/customers", id: "listCustomers", query: []parameter{byChannel, sinceCall, atMost}, answer: simChats{}, do: listChats,
		doc: "Returns the chats of a channel: first its customers, then its groups."},
	{method: http.MethodGet, path: "/sim/messages", id: "listMessages", answer: simMessages{}, do: listMessages,
		query: []parameter{byChannel, {name: "chat", kind: "string", required: true, doc: "the key, id, number, BSUID, username or name of a customer or group"},
			{name: "after", kind: "integer", doc: "return the messages behind this number; without it, the newest ones"}, atMost},
		doc: "Returns messages of a chat, oldest first."},
	{method: http.MethodGet, path: "/sim/files", id: "getFile", content: "application/octet-stream", do: getFile,
		query: []parameter{byChannel, {name: "message", kind: "string", required: true, doc: "the id of a message with a file"}},
		doc:   "Returns the content of a file, if the fake has it."},
	{method: http.MethodGet, path: "/sim/calls", id: "listCalls", query: []parameter{byChannel, sinceCall, atMost}, answer: simCalls{}, do: listCalls,
		doc: "Returns the requests that reached a channel, with their answers. They begin anew after a reset."},
	{method: http.MethodGet, path: "/sim/deliveries", id: "listDeliveries", query: []parameter{byChannel, sinceCall, atMost}, answer: simDeliveries{}, do: listDeliveries,
		doc: "Returns the webhooks of a channel that are acknowledged or given up. They begin anew after a reset."},
	{method: http.MethodGet, path: "/sim/wait", id: "waitForMessage", answer: simMessage{}, do: waitForMessage,
		query: []parameter{byChannel, {name: "to", kind: "string", required: true, doc: "the key, id, number, BSUID, username or name of a customer or group"},
			{name: "text", kind: "string", doc: "a part of the message as a script shows it, such as Which size? [Small]; … stands for any characters"},
			{name: "after", kind: "integer", doc: "only messages behind this number"},
			{name: "within", kind: "string", doc: "how long to wait, at most 1m; 5s by default"}},
		doc: "Waits until a message of the business has reached a chat, and returns it. It answers 404 if none comes in time."},
	{method: http.MethodGet, path: "/sim/state", id: "getState", answer: anyObject{}, do: getState,
		doc: "Returns everything in the fake, for PUT /sim/state. It waits until webhooks are answered."},
	{method: http.MethodPut, path: "/sim/state", id: "putState", limit: maxState, body: anyObject{}, do: putState,
		doc: "Puts the fake into a state of at most 64 MiB. Tokens, addresses, webhooks and channels stay."},
	{method: http.MethodPost, path: "/sim/reset", id: "reset", do: reset,
		doc: "Puts the fake back to its start. Tokens, addresses, webhooks and channels stay."},
	{method: http.MethodGet, path: "/sim/transcript", id: "getTranscript", content: "text/plain", do: getTranscript,
		doc: "Returns the conversation of all channels so far, at most the last 4 MiB, as a script."},
	{method: http.MethodPost, path: "/sim/script", id: "playScript", limit: maxScript, body: scriptBody{}, answer: scriptResult{}, do: playScript,
		query: []parameter{byChannel},
		doc:   "Plays a script, and returns the conversation as it went. A mistake in the script is answered with 400, another script that is being played with 409."},
	{method: http.MethodGet, path: "/sim/events", id: "streamEvents", content: "text/event-stream", do: streamEvents,
		doc: "Sends an event with the name change whenever something changes, at most one in 100 ms; its data is a SimEvent."},
	{method: http.MethodGet, path: "/sim/channels", id: "listChannels", answer: simChannels{}, do: listChannels,
		doc: "Returns the channels with their URLs and tokens, and the clock of the fake."},
	{method: http.MethodPost, path: "/sim/channels", id: "addChannel", body: channelBody{}, answer: simChannel{}, do: addChannel,
		doc: "Adds a channel."},
	{method: http.MethodGet, path: "/sim/openapi.json", id: "getDocument", answer: anyObject{}, do: getDocument,
		doc: "Returns this document."},
}
