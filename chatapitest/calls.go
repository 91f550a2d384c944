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

// Call is one request that reached the fake, and its answer.
type Call struct {
	At     time.Time
	Method string

	// Operation is the path below the channel as the contract writes it, such
	// as "sendMessage" or "groups/{groupId}", and ID the contract's operationId.
	// Both are empty if there is no such operation; Path is what was asked for.
	Operation, ID, Path string

	// Query is without the token.
	Query url.Values

	// Recipient is whom a send went to; zero for other calls.
	Recipient chatapi.Recipient

	// Body is the request's body as it came.
	Body json.RawMessage

	// Status is that of the answer, 0 if there was none; Reply is its body.
	Status int
	Reply  json.RawMessage

	// Lost is set when a Fault kept the answer from the caller.
	Lost bool
}

// Accepted reports whether the call was a send that the service took.
func (c Call) Accepted() bool {
	reply, err := decodeObject(c.Reply)
	if err != nil || c.Status != http.StatusOK || c.Lost {
		return false
	}
	return reply["sent"] == true || reply["sent"] == "true" || reply.has("jobId")
}

// Field returns a member of the request's body as text, and other JSON as it
// is; empty if there is none.
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

// String is the call in one line.
func (c Call) String() string {
	target := c.Path
	if len(c.Query) > 0 {
		target += "?" + c.Query.Encode()
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %.300s -> %d %.300s", c.Method, target, c.Body, c.Status, c.Reply))
}

// Calls is a list of calls, oldest first.
type Calls []Call

// Calls returns every request so far, refused and lost ones included.
func (a *API) Calls() Calls {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.calls)
}

// Of returns the calls of one operation: its path such as "sendMessage", or its
// id such as "getWebhook".
func (c Calls) Of(operation string) Calls {
	return c.where(func(call Call) bool { return call.Operation == operation || call.ID == operation })
}

// To returns the calls to one recipient, in any spelling of it.
func (c Calls) To(to chatapi.Recipient) Calls {
	return c.where(func(call Call) bool { return call.Recipient.Key() == to.Key() })
}

// Sends returns the calls that send a message.
func (c Calls) Sends() Calls {
	return c.where(func(call Call) bool { return strings.HasPrefix(call.Operation, "send") })
}

// Accepted returns the sends that the service took.
func (c Calls) Accepted() Calls { return c.where(Call.Accepted) }

// Last returns the newest call; the zero Call if there is none.
func (c Calls) Last() Call {
	if len(c) == 0 {
		return Call{}
	}
	return c[len(c)-1]
}

// String is a line for each call, for the message of a failed test.
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
