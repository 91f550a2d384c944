package chatapi_test

import (
	"strings"
	"testing"

	"github.com/chatapi-go/chatapi"
)

// hostileReply is a shape of a reply, and the call that reads it.
type hostileReply struct {
	shape
	call func(t *testing.T, client *chatapi.Client)
}

func callSend(t *testing.T, client *chatapi.Client) {
	_, _ = client.SendPrepared(t.Context(), prepared("ABC1"))
}

func callRead(t *testing.T, client *chatapi.Client) { _, _ = client.Profile.Get(t.Context()) }

func callTemplates(t *testing.T, client *chatapi.Client) {
	for range client.Templates.All(t.Context()) {
	}
}

func callHistory(t *testing.T, client *chatapi.Client) {
	for range client.Messages.All(t.Context(), chatapi.HistoryFilter{}) {
	}
}

func callGroups(t *testing.T, client *chatapi.Client) {
	for range client.Groups.All(t.Context()) {
	}
}

// hostileReplies returns shapes of replies that once took too much time or memory,
// or that the same might happen to.
func hostileReplies() []hostileReply {
	nested := func(open, close string, n int) string {
		return strings.Repeat(open, n) + "1" + strings.Repeat(close, n)
	}
	const template = `{"templates":[{"name":"a","components":[`
	return []hostileReply{
		{shapeIn("errors[]", `"#"`), callSend},
		{shapeIn("errors[]", `1`), callRead},
		{shapeIn("errors[]", `{"message":"#","code":"x"}`), callSend},
		{shapeIn("error", `"message":{}`), callSend},
		{shape{"nested errors", `{"errors":` + strings.Repeat("[", 60) + `"`, `a text`, `"` + strings.Repeat("]", 60) + `}`}, callSend},
		{shape{"nested lists", `{"error":[`, nested("[", "]", 1000), `]}`}, callRead},
		{shape{"many members", `{`, `"#":1`, `}`}, callRead},
		{shape{"a page", `<html><title>`, `a b `, ``}, callSend},
		{shapeIn("templates[]", `{}`), callTemplates},
		{shapeIn("templates[].components[]", `{"type":"BODY"}`), callTemplates},
		{shape{"nested carousels", template + strings.Repeat(`{"cards":[{"components":[`, 60) + `{"text":"`, `a text`, `"}` + strings.Repeat(`]}]}`, 60) + `]}]}`}, callTemplates},
		{shape{"named examples", template + `{"text":"` + strings.Repeat("{{a}}{{b}}", 1000) + `","example":{"body_text_named_params":[`, `{"param_name":"n#"}`, `]}}]}]}`}, callTemplates},
		{shapeIn("messages[]", `{}`), callHistory},
		{shapeIn("messages[]", `{"chatId":1,"body":"#"}`), callHistory},
		{shapeIn("groups[]", `{"id":#}`), callGroups},
	}
}

func TestAReplyOfAnyShapeIsBounded(t *testing.T) {
	const longest = 8 << 20 // that the client reads
	for _, r := range hostileReplies() {
		assertGrowth(t, r.shape, func(body []byte) { r.call(t, answering(t, 200, string(body))) }, longest)
	}
}
