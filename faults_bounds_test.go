package chatapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// budgetSpent is in the error of a body that was not read to its end.
const budgetSpent = "a body has at most 100000 elements, and its events take at most 60 bytes of memory for each of its bytes, or 64 MiB"

// A list of contacts is indexed by what is new, so repeated lists take linear time,
// and a body whose sender has hung up is not read to its end.
func TestFaultE1ContactsTakeLinearTime(t *testing.T) {
	for _, s := range []shape{
		{"at the root", `{"contacts":[` + strings.Repeat(`{"wa_id":"1"},`, 1000) + `{}],`, `"contacts":[]`, `}`},
		{"new ones", `{`, `"contacts":[{"wa_id":"#"}]`, `}`},
		{"in a change", `{"entry":[{"changes":[{"value":{`, `"contacts":[{"wa_id":"#","user_id":"US.#"}]`, `}}]}]}`},
		{"the same number under new names", `{`, `"contacts":[{"wa_id":"1","user_id":"US.#"}]`, `}`},
		{"many changes", `{"entry":[{"changes":[`, `{"value":{"contacts":[{"wa_id":"1"}],"contacts":[],"messages":[{"from":"1"}]}}`, `]}]}`},
	} {
		t.Run(s.name, func(t *testing.T) {
			assertGrowth(t, s, func(body []byte) { _, _ = chatapi.ParseWebhook(body) }, 32<<20)
		})
	}
	t.Run("the sender has hung up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for body, status := range map[string]int{
			`{"ack":[{"id":"a","status":"read"}]}`:                                               http.StatusOK, // it is read at once
			`{"ack":[` + strings.Repeat(`{"id":"a","status":"read"},`, 5000) + `{}]}`:            http.StatusBadRequest,
			cloud("messages", `{"statuses":[`+strings.Repeat(`{"status":"read"},`, 5000)+`{}]}`): http.StatusBadRequest,
		} {
			h := newHook(nil)
			w := h.serve(httptest.NewRequestWithContext(ctx, http.MethodPost, "/"+hookSecret, strings.NewReader(body)))
			assert.Equal(t, status, w.Code)
			if status != http.StatusOK {
				assert.Empty(t, h.keys, "the service delivers the body again")
				require.Len(t, h.errors, 1)
				assert.ErrorIs(t, h.errors[0], context.Canceled)
			}
		}
	})
}

// A document has one budget, which is spent wherever anything is appended. The
// ParseError says when it is used up.
func TestFaultE2OneBudgetForABody(t *testing.T) {
	const size = 64 << 20 / 60
	for _, s := range []shape{
		shapeIn(cloudPath+"history[].threads[].messages[]", `{}`),
		shapeIn(cloudPath+"messages[].contacts[]", `1`),
		shapeIn("contacts[]", `{}`),
		shapeIn("errors[]", `1`),
		shapeIn(cloudPath+"statuses[].errors[]", `1`),
		shapeIn(cloudPath+"groups[].added_participants[]", `{}`),
		shapeIn("entry[].changes[].value", `"errors":[],"":[]`),

		shapeIn(cloudPath+"messages[].order.product_items[]", `{}`),
		shapeIn(cloudPath+"messages[].contacts[].phones[]", `{}`),
		shapeIn(cloudPath+"history[].threads[]", `{}`),
		shapeIn("ack[]", `{}`),
		{"restrictions", `{"entry":[{"changes":[{"field":"account_update","value":{"restriction_info":[`, `{}`, `]}}]}]}`},
		{"errors of an ack", `{"ack":[{"status":"sent","errors":[`, `1`, `]}]}`},
	} {
		t.Run(s.name, func(t *testing.T) {
			body := s.sized(size)
			var events []chatapi.Event
			var err error
			took := allocated(func() { events, err = chatapi.ParseWebhook(body) })
			assert.LessOrEqual(t, took, uint64(64<<20))
			assert.LessOrEqual(t, len(events), 100_000)
			var bad *chatapi.ParseError
			require.ErrorAs(t, err, &bad)
			last := bad.Elements[len(bad.Elements)-1]
			assert.Contains(t, last.Err.Error(), budgetSpent)
			assert.NotEmpty(t, last.Path)
			assert.NotEmpty(t, last.Raw)
		})
	}
	t.Run("what comes before is kept", func(t *testing.T) {
		body := cloud("messages", `{"messages":[{"from":"12025550143","id":"a","type":"text","text":{"body":"hi"}},
			{"from":"12025550143","id":"b","type":"contacts","contacts":[`+strings.Repeat("{},", 200_000)+`{}]}]}`)
		events, err := chatapi.ParseWebhook([]byte(body))
		require.Error(t, err)
		require.Len(t, events, 2)
		assert.Equal(t, "hi", events[0].(*chatapi.MessageEvent).Text)
		assert.Equal(t, "b", events[1].(*chatapi.MessageEvent).ID)
	})
}

// The largest body that the handler takes is read whole if it is a chunk of
// history, however short its messages are.
func TestFaultE2ALargeChunkOfHistoryIsReadWhole(t *testing.T) {
	for name, message := range map[string]string{
		"texts":        `{"from":"12025550143","id":"wamid.HBgLMTIwMjU1NTAxNDMVAgASGBQzQUFEFDg0AA==","timestamp":"1790000000","type":"text","text":{"body":"ok"},"history_context":{"status":"READ"}}`,
		"short ids":    `{"from":"1202555014","id":"#","timestamp":"1790000000","type":"text","text":{"body":"y"}}`,
		"placeholders": `{"from":"","from_user_id":"US.1","id":"#","timestamp":"1790000000","type":"media_placeholder"}`,
		"mentions":     `{"from":"12025550143","id":"#","type":"text","text":{"body":"@a"},"context":{"mentions":["12025550100"]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			const threadOf = 20
			s := shape{name, `{"entry":[{"changes":[{"field":"history","value":{"history":[{"threads":[`,
				`{"id":"12025550143","messages":[` + strings.Repeat(message+",", threadOf-1) + message + `]}`, `]}]}}]}]}`}
			body := bytes.ReplaceAll(s.sized(4<<20-20_000), []byte("#"), []byte("7"))
			require.LessOrEqual(t, len(body), 4<<20)
			e := one[*chatapi.HistoryEvent](t, string(body))
			assert.Greater(t, len(e.Threads), 900)
			for _, thread := range e.Threads {
				require.Len(t, thread.Messages, threadOf)
			}
		})
	}
}

// A reply's error keeps a few texts of bounded length, and reading them takes
// linear time.
func TestFaultE3AReplyKeepsAFewTexts(t *testing.T) {
	for _, s := range []shape{
		shapeIn("errors[]", `"#"`),
		shapeIn("errors[]", `{"message":"m#","title":"t#","details":"d#"}`),
		shapeIn("response.error[]", `"#"`),
		shapeIn("error[]", `["#",["x#"]]`),
		shapeIn("message[]", `"#"`),
	} {
		t.Run(s.name, func(t *testing.T) {
			read := func(body []byte) *chatapi.Error {
				_, err := answering(t, 400, string(body)).SendPrepared(t.Context(), prepared("ABC1"))
				e, _ := errors.AsType[*chatapi.Error](err)
				return e
			}
			e := read(s.sized(200_000))
			require.NotNil(t, e)
			assert.Regexp(t, `^m?1000000: `, e.Reason)
			assert.LessOrEqual(t, strings.Count(e.Reason, ": "), 8)
			assert.Less(t, len(e.Reason), 600)
			assertGrowth(t, s, func(body []byte) { read(body) }, 8<<20)
		})
	}
	t.Run("the code behind many texts", func(t *testing.T) {
		body := `{"errors":[` + strings.Repeat(`"x",`, 1000) + `{"code":131047}]}`
		_, err := answering(t, 400, body).SendPrepared(t.Context(), prepared("ABC1"))
		assert.ErrorIs(t, err, chatapi.ErrWindowClosed)
	})
}

// A reply is read by position: nested lists around a large text do not copy it at
// each level.
func TestFaultE4NestedRepliesAreNotCopied(t *testing.T) {
	const size, levels = 4 << 20, 60
	text := strings.Repeat("a text ", size/7)
	nest := func(open, inner, close string) string {
		return strings.Repeat(open, levels) + inner + strings.Repeat(close, levels)
	}
	carousels := nest(`{"cards":[{"components":[`, `{"type":"BODY","text":"`+text+`"}`, `]}]}`)
	for name, c := range map[string]struct {
		body string
		call func(*testing.T, *chatapi.Client)
	}{
		"errors":             {`{"errors":` + nest("[", `"`+text+`"`, "]") + `}`, callSend},
		"errors of a read":   {`{"errors":` + nest("[", `"`+text+`"`, "]") + `}`, callRead},
		"error in response":  {`{"response":{"error":` + nest(`{"error_data":`, `"`+text+`"`, "}") + `}}`, callSend},
		"templates":          {`{"templates":[{"name":"a","components":[` + carousels + `]}]}`, callTemplates},
		"a list of lists":    {`{"templates":` + nest("[", `"`+text+`"`, "]") + `}`, callTemplates},
		"buttons":            {`{"templates":[{"name":"a","components":[` + nest(`{"buttons":[`, `{"text":"`+text+`"}`, `]}`) + `]}]}`, callTemplates},
		"components as text": {fmt.Sprintf(`{"templates":[{"name":"a","components":%q}]}`, `[`+carousels+`]`), callTemplates},
		"history":            {`{"messages":` + nest("[", `"`+text+`"`, "]") + `}`, callHistory},
	} {
		t.Run(name, func(t *testing.T) {
			client := answering(t, 200, c.body)
			took := allocated(func() { c.call(t, client) })
			assert.LessOrEqual(t, took, uint64(20*len(c.body)))
		})
	}
	t.Run("a carousel inside a card stays in Extra", func(t *testing.T) {
		client := answering(t, 200, `{"templates":[{"name":"a","components":[{"cards":[{"components":[{"cards":[{"components":[]}]}]}]}]}]}`)
		for info, err := range client.Templates.All(t.Context()) {
			require.NoError(t, err)
			card := info.Components[0].Cards[0][0]
			assert.Empty(t, card.Cards)
			assert.JSONEq(t, `[{"components":[]}]`, string(card.Extra["cards"]))
			break
		}
	})
}

// Elements that cannot be read, and empty ones, spend the same budget.
func TestFaultE20TinyElementsTakeBoundedMemory(t *testing.T) {
	for _, s := range []shape{
		shapeIn("messages[]", `1`),
		shapeIn(cloudPath+"state_sync[]", `{}`),
		shapeIn("entry[]", `1`),
		shapeIn("entry[].changes[]", `{}`),
		shapeIn(cloudPath+"user_preferences[]", `""`),
		shapeIn(cloudPath+"calls[]", `[]`),
	} {
		t.Run(s.name, func(t *testing.T) {
			for _, size := range []int{64 << 20 / 60, 4 << 20} {
				body := s.sized(size)
				var err error
				took := allocated(func() { _, err = chatapi.ParseWebhook(body) })
				assert.LessOrEqual(t, took, uint64(max(60*len(body), 64<<20)))
				assert.ErrorIs(t, err, chatapi.ErrInvalid)
				assert.Less(t, len(err.Error()), 1000)
			}
		})
	}
}
