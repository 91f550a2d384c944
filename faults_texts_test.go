package chatapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// Every text that is an id, a name or a kind is bounded where it is read. What
// somebody wrote is kept whole.
func TestFaultE6TextsOfEventsAreBounded(t *testing.T) {
	long := strings.Repeat("é", 35_000) // 70 kB
	for name, body := range map[string]string{
		"id":              `{"messages":[{"id":"` + long + `","chatId":"12025550143@c.us","fromMe":false,"type":"chat","body":"hi"}]}`,
		"chat":            `{"messages":[{"id":"a","chatId":"` + long + `","fromMe":false,"type":"chat","body":"hi"}]}`,
		"id of an ack":    `{"ack":[{"id":"` + long + `","status":"sent"}]}`,
		"category":        `{"ack":[{"id":"a","status":"sent","category":"` + long + `"}]}`,
		"id of a status":  cloud("messages", `{"statuses":[{"id":"`+long+`","status":"sent"}]}`),
		"from":            cloud("messages", `{"messages":[{"id":"a","from":"`+long+`","type":"text","text":{"body":"hi"}}]}`),
		"id of a call":    cloud("calls", `{"calls":[{"id":"`+long+`","event":"connect"}]}`),
		"escaped, 300 kB": `{"ack":[{"id":"` + strings.Repeat(`\u0061`, 70_000) + `","status":"sent"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := chatapi.ParseWebhook([]byte(body))
			var bad *chatapi.ParseError
			require.ErrorAs(t, err, &bad)
			require.Len(t, bad.Elements, 1)
			assert.Contains(t, bad.Elements[0].Err.Error(), "want a text of at most 65536 bytes, got a longer one")
			assert.Less(t, len(err.Error()), 300)
		})
	}
	t.Run("an unknown kind", func(t *testing.T) {
		e := one[*chatapi.UnknownEvent](t, `{"type":"`+long+`"}`)
		assert.Regexp(t, `^body\.é+$`, e.Wire)
		assert.LessOrEqual(t, len(e.Wire), 105)
	})
	t.Run("an error's words", func(t *testing.T) {
		e := one[*chatapi.StatusEvent](t, cloud("messages", `{"statuses":[{"id":"a","status":"failed","errors":[{"code":131047,"title":"`+long+`"}]}]}`))
		require.Len(t, e.Errors, 1)
		assert.Equal(t, chatapi.ErrWindowClosed, e.Errors[0].Kind)
		assert.Len(t, e.Errors[0].Title, 64<<10)
	})
	t.Run("a name", func(t *testing.T) {
		events, err := chatapi.ParseWebhook([]byte(cloud("messages", `{"contacts":[{"wa_id":"12025550143","profile":{"name":"`+long+`"}}],
			"messages":[{"id":"a","from":"12025550143","type":"text","text":{"body":"`+long+`"}}]}`)))
		assert.ErrorContains(t, err, "value.contacts: profile.name: want a text of at most 65536 bytes, got a longer one")
		require.Len(t, events, 1)
		e := events[0].(*chatapi.MessageEvent)
		assert.Empty(t, e.From.Name)
		assert.Equal(t, long, e.Text, "what the customer wrote")
	})
}

// An error's Reason and Sentence are short, whatever the service writes.
func TestFaultE6TextsOfErrorsAreBounded(t *testing.T) {
	long := strings.Repeat("é", 35_000)
	wait := func(client *chatapi.Client) error {
		_, err := client.Templates.WaitApproved(t.Context(), "hello", "en")
		return err
	}
	history := func(client *chatapi.Client) (err error) {
		for _, err = range client.Messages.All(t.Context(), chatapi.HistoryFilter{}) {
			break
		}
		return err
	}
	send := func(client *chatapi.Client) error {
		_, err := client.SendPrepared(t.Context(), prepared("ABC1"))
		return err
	}
	var languages []string
	for i := range 20_000 {
		languages = append(languages, fmt.Sprintf(`{"name":"hello","language":"l%d"}`, i))
	}
	for name, c := range map[string]struct {
		body string
		call func(*chatapi.Client) error
		kind chatapi.ErrorKind
	}{
		"rejection": {`[{"name":"hello","language":"en","status":"REJECTED","rejected_reason":"` + long + `"}]`, wait, chatapi.ErrTemplateRejected},
		"pause":     {`[{"name":"hello","language":"en","status":"PAUSED","rejected_reason":"` + long + `"}]`, wait, chatapi.ErrTemplate},
		"notice":    {`{"messages":[],"notice":"` + long + `"}`, history, chatapi.ErrHistoryOff},
		"refusal":   {`{"sent":false,"message":"` + long + `"}`, send, chatapi.ErrRefused},
		"job":       {`{"jobId":"` + long + `"}`, send, chatapi.ErrOutcomeUnknown},
		"id":        {`{"sent":true,"id":"` + long + `"}`, send, chatapi.ErrOutcomeUnknown},
		"languages": {`[` + strings.Join(languages, ",") + `]`, func(c *chatapi.Client) error {
			_, err := c.Templates.Get(t.Context(), "hello", "en")
			return err
		}, chatapi.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.call(answering(t, 200, c.body))
			require.ErrorIs(t, err, c.kind)
			var e *chatapi.Error
			require.ErrorAs(t, err, &e)
			assert.LessOrEqual(t, len(e.Reason), 2100)
			assert.LessOrEqual(t, len(e.Sentence), 2100)
		})
	}
}

// A body's contacts complete each person in the same way, however often and in
// whatever order it lists them.
func TestContactsOfABody(t *testing.T) {
	const one, two = `"user_id":"US.1"`, `"user_id":"US.2"`
	const name, other = `"profile":{"name":"Pat","username":"pat"}`, `"profile":{"name":"Sam"}`
	for title, c := range map[string]struct{ contacts, from, want string }{
		"one number under two BSUIDs":        {`{"wa_id":"1",` + two + `,` + other + `},{"wa_id":"1",` + one + `,` + name + `}`, `"from":"1","from_user_id":"US.1"`, "US.1 Pat pat"},
		"the same in the other order":        {`{"wa_id":"1",` + one + `,` + name + `},{"wa_id":"1",` + two + `,` + other + `}`, `"from":"1","from_user_id":"US.1"`, "US.1 Pat pat"},
		"a number of two people alone":       {`{"wa_id":"1",` + one + `,` + name + `},{"wa_id":"1",` + two + `,` + other + `}`, `"from":"1"`, "  "},
		"listed twice":                       {`{"wa_id":"1",` + name + `},{"wa_id":"1",` + other + `}`, `"from":"1"`, " Pat pat"},
		"listed twice, first without a name": {`{"wa_id":"1"},{"wa_id":"1",` + one + `,` + name + `}`, `"from":"1"`, "US.1 Pat pat"},
		"number and BSUID apart":             {`{` + one + `,"profile":{"username":"pat"}},{"wa_id":"1",` + one + `,"profile":{"name":"Pat"}}`, `"from":"1"`, "US.1 Pat pat"},
		"another person":                     {`{"wa_id":"1",` + two + `,` + other + `}`, `"from":"1","from_user_id":"US.1"`, "US.1  "},
	} {
		for _, more := range []int{0, 100} { // a long list has an index
			t.Run(fmt.Sprintf("%s, %d more", title, more), func(t *testing.T) {
				var others strings.Builder
				for i := range more {
					fmt.Fprintf(&others, `,{"wa_id":"12025550%d"}`, i)
				}
				message := `{"id":"a",` + c.from + `,"type":"text","text":{"body":"hi"}}`
				events, err := chatapi.ParseWebhook([]byte(cloud("messages", `{"contacts":[`+c.contacts+others.String()+`],"messages":[`+message+`,`+message+`]}`)))
				require.NoError(t, err)
				require.Len(t, events, 2)
				for _, e := range events {
					from := e.(*chatapi.MessageEvent).From
					assert.Equal(t, c.want, from.BSUID+" "+from.Name+" "+from.Username)
				}
			})
		}
	}
}
