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

func sends(t *testing.T, client *chatapi.Client) {
	_, _ = client.SendPrepared(t.Context(), prepared("ABC1"))
}

func reads(t *testing.T, client *chatapi.Client) { _, _ = client.Profile.Get(t.Context()) }

func listsTemplates(t *testing.T, client *chatapi.Client) {
	for range client.Templates.All(t.Context()) {
	}
}

func readsHistory(t *testing.T, client *chatapi.Client) {
	for range client.Messages.All(t.Context(), chatapi.HistoryFilter{}) {
	}
}

func listsGroups(t *testing.T, client *chatapi.Client) {
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
		{in("errors[]", `"#"`), sends},
		{in("errors[]", `1`), reads},
		{in("errors[]", `{"message":"#","code":"x"}`), sends},
		{in("error", `"message":{}`), sends},
		{shape{"nested errors", `{"errors":` + strings.Repeat("[", 60) + `"`, `a text`, `"` + strings.Repeat("]", 60) + `}`}, sends},
		{shape{"nested lists", `{"error":[`, nested("[", "]", 1000), `]}`}, reads},
		{shape{"many members", `{`, `"#":1`, `}`}, reads},
		{shape{"a page", `<html><title>`, `a b `, ``}, sends},
		{in("templates[]", `{}`), listsTemplates},
		{in("templates[].components[]", `{"type":"BODY"}`), listsTemplates},
		{shape{"nested carousels", template + strings.Repeat(`{"cards":[{"components":[`, 60) + `{"text":"`, `a text`, `"}` + strings.Repeat(`]}]}`, 60) + `]}]}`}, listsTemplates},
		{shape{"named examples", template + `{"text":"` + strings.Repeat("{{a}}{{b}}", 1000) + `","example":{"body_text_named_params":[`, `{"param_name":"n#"}`, `]}}]}]}`}, listsTemplates},
		{in("messages[]", `{}`), readsHistory},
		{in("messages[]", `{"chatId":1,"body":"#"}`), readsHistory},
		{in("groups[]", `{"id":#}`), listsGroups},
	}
}

func TestAReplyOfAnyShapeIsBounded(t *testing.T) {
	const longest = 8 << 20 // that the client reads
	for _, r := range hostileReplies() {
		assertGrowth(t, r.shape, func(body []byte) { r.call(t, answering(t, 200, string(body))) }, longest)
	}
}
