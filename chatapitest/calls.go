package chatapitest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
)

// Call is one request that reached the fake, together with its answer.
type Call struct {
	At     time.Time
	Method string

	// Operation is the path below the channel as the contract writes it, such
	// as "sendMessage" or "groups/{groupId}", and ID is the contract's
	// operationId. Both are empty if the contract has no such operation. Path is
	// the requested path.
	Operation, ID, Path string

	// Query is the query without the token.
	Query url.Values

	// Recipient is the recipient of a send; zero for other calls.
	Recipient chatapi.Recipient

	// Body is the request's body, unchanged if it is JSON. A form is shown as a JSON
	// object with a text for each field.
	Body json.RawMessage

	// Status and Reply are the status and the body of the answer; Status is 0
	// if there was no answer.
	Status int
	Reply  json.RawMessage

	// Lost is set if a [Fault] kept the answer from the caller.
	Lost bool
}

// MarshalJSON returns the call as JSON. A body or reply that is not JSON, such as the
// plain text of a 403, becomes a text.
func (c Call) MarshalJSON() ([]byte, error) {
	type plain Call
	c.Body, c.Reply = readable(c.Body), readable(c.Reply)
	return json.Marshal(plain(c))
}

// readable returns JSON unchanged, nothing as null, and any other bytes as a JSON text.
func readable(body json.RawMessage) json.RawMessage {
	switch {
	case len(body) == 0:
		return nil
	case json.Valid(body):
		return body
	}
	text, err := json.Marshal(string(body))
	if err != nil {
		return nil
	}
	return text
}

// Accepted reports whether the call was a send that the service accepted or
// queued, and the answer was not lost.
func (c Call) Accepted() bool {
	reply, err := decodeObject(c.Reply)
	if err != nil || c.Status != http.StatusOK || c.Lost {
		return false
	}
	return reply["sent"] == true || reply["sent"] == "true" || reply.has("jobId")
}

// Field returns a member of the request's JSON body: a text without its quotes,
// any other value as JSON. It is empty if the body has no such member.
func (c Call) Field(name string) string {
	var members map[string]json.RawMessage
	if json.Unmarshal(c.Body, &members) != nil {
		return ""
	}
	var text string
	if json.Unmarshal(members[name], &text) == nil {
		return text
	}
	return string(members[name])
}

// String returns the call in one line. Bodies are cut after 300 characters.
func (c Call) String() string {
	target := c.Path
	if len(c.Query) > 0 {
		target += "?" + c.Query.Encode()
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %.300s -> %d %.300s", c.Method, target, c.Body, c.Status, c.Reply))
}

// Calls is a list of calls, oldest first.
type Calls []Call

// Calls returns every request so far, including refused and lost ones. The list
// is a copy.
func (a *API) Calls() Calls {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.calls)
}

// Of returns the calls of one operation, given by its path such as "sendMessage"
// or its id such as "getWebhook".
func (c Calls) Of(operation string) Calls {
	return c.where(func(call Call) bool { return call.Operation == operation || call.ID == operation })
}

// To returns the calls to one recipient, also those that address it in another
// form, such as a chat id instead of a phone number, or the other spelling of a number.
func (c Calls) To(to chatapi.Recipient) Calls {
	var spellings chatapi.Identities // without links it knows spellings only
	one := func(r chatapi.Recipient) string { return spellings.Owner(r, time.Time{}).Key() }
	return c.where(func(call Call) bool { return one(call.Recipient) == one(to) })
}

// Sends returns the calls that send a message.
func (c Calls) Sends() Calls {
	return c.where(func(call Call) bool { return strings.HasPrefix(call.Operation, "send") })
}

// Accepted returns the calls for which [Call.Accepted] is true.
func (c Calls) Accepted() Calls { return c.where(Call.Accepted) }

// Last returns the newest call; the zero Call if there is none.
func (c Calls) Last() Call {
	if len(c) == 0 {
		return Call{}
	}
	return c[len(c)-1]
}

// String returns a line for each call, for the message of a failed test.
func (c Calls) String() string {
	lines := make([]string, len(c))
	for i, call := range c {
		lines[i] = call.String()
	}
	return strings.Join(lines, "\n")
}

func (c Calls) where(keep func(Call) bool) Calls {
	var kept Calls
	for _, call := range c {
		if keep(call) {
			kept = append(kept, call)
		}
	}
	return kept
}
