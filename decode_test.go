package chatapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// Every webhook body of the contract yields the events of its golden file. A person
// has read the golden files; -update writes them again.
func TestParseWebhookContract(t *testing.T) {
	var index struct{ Files map[string]json.RawMessage }
	require.NoError(t, json.Unmarshal(readFile(t, "testdata/contract/index.json"), &index))
	raw, err := filepath.Glob("testdata/contract/raw/*.json")
	require.NoError(t, err)
	seen := 0
	for _, name := range append(slices.Collect(maps.Keys(index.Files)), raw...) {
		if name = strings.TrimPrefix(name, "testdata/contract/"); !strings.HasPrefix(name, "webhook-") && !strings.HasPrefix(name, "raw/") {
			continue
		}
		seen++
		t.Run(name, func(t *testing.T) {
			body := readFile(t, filepath.Join("testdata/contract", name))
			events, err := chatapi.ParseWebhook(body)
			require.NoError(t, err)
			require.NotEmpty(t, events)
			for _, e := range events {
				assert.True(t, json.Valid(e.Info().Raw))
				assert.True(t, bytes.Contains(body, e.Info().Raw), "Raw is the element as it arrived")
				assert.False(t, e.Info().Lenient)
				assert.Zero(t, e.Info().Received, "parsing knows no clock")
			}
			golden := filepath.Join("testdata/webhooks", strings.TrimSuffix(name, ".json")+".golden")
			got := render(t, events)
			if *update {
				require.NoError(t, os.WriteFile(golden, got, 0o644))
			}
			assert.Equal(t, string(readFile(t, golden)), string(got))
		})
	}
	assert.Equal(t, 38+115, seen)
}

// render writes events for a person to compare: type and key first, without Raw.
func render(t *testing.T, events []chatapi.Event) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, e := range events {
		raw := e.Info().Raw
		e.Info().Raw = nil
		data, err := json.MarshalIndent(e, "", "  ")
		e.Info().Raw = raw
		require.NoError(t, err)
		var lines []string
		for line := range strings.Lines(string(data)) {
			switch value := strings.TrimSpace(line); {
			case strings.HasSuffix(value, `: "",`), strings.HasSuffix(value, `: ""`), strings.HasSuffix(value, ": null,"), strings.HasSuffix(value, ": null"),
				strings.HasSuffix(value, ": false,"), strings.HasSuffix(value, ": false"), strings.HasSuffix(value, ": 0,"), strings.HasSuffix(value, ": 0"), strings.Contains(value, `"0001-01-01T00:00:00Z"`):
				continue // a zero value
			}
			lines = append(lines, line)
		}
		fmt.Fprintf(&out, "%T %s\n%s\n", e, e.Key(), strings.Join(lines, ""))
	}
	return out.Bytes()
}

// one parses a body and returns its only event.
func one[E chatapi.Event](t *testing.T, body string) E {
	t.Helper()
	events, err := chatapi.ParseWebhook([]byte(body))
	require.NoError(t, err)
	require.Len(t, events, 1)
	e, ok := events[0].(E)
	require.True(t, ok, "%T", events[0])
	return e
}

func TestParseWebhookLooseScalars(t *testing.T) {
	t.Run("all as numbers", func(t *testing.T) {
		e := one[*chatapi.MessageEvent](t, `{"instanceId":100001,"messages":[{"id":7,"type":"chat","body":42,"fromMe":0,"self":"0",
			"time":1795000000,"author":"12025550143@c.us","chatId":"12025550143@c.us","isForwarded":1,"messageNumber":"5001"}]}`)
		assert.Equal(t, chatapi.ChannelID("100001"), e.Channel)
		assert.Equal(t, "7", e.ID)
		assert.Equal(t, "42", e.Text)
		assert.Equal(t, "message/7", e.Key())
		assert.True(t, e.Forwarded)
		assert.Equal(t, int64(5001), e.Number)
		assert.Equal(t, time.Unix(1795000000, 0).UTC(), e.Time)
	})
	t.Run("large ids keep their digits", func(t *testing.T) {
		e := one[*chatapi.StatusEvent](t, `{"ack":[{"id":12345678901234567890,"status":"sent","phone":12025550143}]}`)
		assert.Equal(t, "12345678901234567890", e.MessageID)
		assert.Equal(t, "12025550143", e.To.Phone)
	})
	for _, raw := range []string{`""`, `"<NUM>"`, `null`, `"soon"`, `-5`, `1e999`, `true`, `99999999999999999999`} {
		t.Run("time "+raw, func(t *testing.T) {
			e := one[*chatapi.MessageEvent](t, `{"messages":[{"id":"a","type":"chat","body":"x","chatId":"12025550143@c.us","fromMe":false,"time":`+raw+`}]}`)
			assert.Zero(t, e.Time)
			assert.Contains(t, string(e.Raw), raw, "the raw value stays readable")
		})
	}
	t.Run("milliseconds", func(t *testing.T) {
		e := one[*chatapi.MessageEvent](t, `{"messages":[{"id":"a","type":"chat","body":"x","fromMe":false,"time":"1795000000123"}]}`)
		assert.Equal(t, time.UnixMilli(1795000000123).UTC(), e.Time)
	})
}

func TestParseWebhookDirection(t *testing.T) {
	body := func(id, fromMe string) string {
		return `{"messages":[{"id":"` + id + `","type":"chat","body":"x","chatId":"12025550143@c.us"` + fromMe + `}]}`
	}
	for _, ours := range []string{`true`, `1`, `"1"`, `"true"`, `"TRUE"`} {
		one[*chatapi.EchoEvent](t, body("a", `,"fromMe":`+ours))
	}
	for _, theirs := range []string{`false`, `0`, `"0"`, `"false"`, `null`, `""`} {
		one[*chatapi.MessageEvent](t, body("a", `,"fromMe":`+theirs))
	}
	one[*chatapi.MessageEvent](t, body("a", ""))
	one[*chatapi.MessageEvent](t, body("false_12025550143@c.us_3EB0", ""))
	one[*chatapi.EchoEvent](t, body("true_12025550143@c.us_3EB0", ""))
	one[*chatapi.MessageEvent](t, body("a", `,"FROMME":true`)) // only exact names count
	for _, neither := range []string{`"perhaps"`, `{}`, `[]`, `2`} {
		e := one[*chatapi.UnknownEvent](t, body("a", `,"fromMe":`+neither))
		assert.Equal(t, "message.chat", e.Wire)
	}
}

func TestParseWebhookPeople(t *testing.T) {
	t.Run("group", func(t *testing.T) {
		e := one[*chatapi.MessageEvent](t, string(readFile(t, "testdata/contract/webhook-message-group.json")))
		assert.Equal(t, "120363000000000001@g.us", e.Chat)
		assert.Equal(t, "12025550143", e.From.Phone, "the person, not the group")
	})
	t.Run("group without author", func(t *testing.T) {
		e := one[*chatapi.MessageEvent](t, `{"messages":[{"id":"a","type":"chat","body":"x","fromMe":false,"chatId":"120363000000000001@g.us"}]}`)
		assert.Equal(t, chatapi.Contact{}, e.From)
	})
	t.Run("hidden number", func(t *testing.T) {
		e := one[*chatapi.MessageEvent](t, string(readFile(t, "testdata/contract/webhook-message-lid.json")))
		assert.Equal(t, chatapi.BSUID("US.1000000000000001"), e.From.Recipient())
		assert.Empty(t, e.From.Phone, "a BSUID is never cut to digits")
	})
	t.Run("echo", func(t *testing.T) {
		e := one[*chatapi.EchoEvent](t, string(readFile(t, "testdata/contract/webhook-message-outgoing-phone-app.json")))
		assert.Equal(t, chatapi.Phone("12025550143"), e.To.Recipient())
		assert.Empty(t, e.To.Name, "the name there is the number of the business")
		assert.Empty(t, e.To.BSUID, "the BSUID there is that of the business")
	})
}

func TestParseWebhookContent(t *testing.T) {
	parse := func(t *testing.T, members string) *chatapi.MessageEvent {
		return one[*chatapi.MessageEvent](t, `{"messages":[{"id":"a","fromMe":false,"chatId":"12025550143@c.us",`+members+`}]}`)
	}
	t.Run("a media link is never the text", func(t *testing.T) {
		for _, kind := range []string{"image", "video", "audio", "voice", "ptt", "document", "sticker", "hologram"} {
			e := parse(t, `"type":"`+kind+`","body":"https://media.example.com/in/1"`)
			assert.Empty(t, e.Text, kind)
			require.NotNil(t, e.Media, kind)
			assert.Equal(t, "https://media.example.com/in/1", e.Media.URL, kind)
		}
	})
	t.Run("media without a link", func(t *testing.T) {
		e := parse(t, `"type":"image","body":null,"caption":"look"`)
		require.NotNil(t, e.Media)
		assert.Empty(t, e.Media.URL)
		assert.Equal(t, "look", e.Text)
	})
	t.Run("a link that a person typed is text", func(t *testing.T) {
		assert.Equal(t, "https://shop.example.com", parse(t, `"type":"chat","body":"https://shop.example.com","caption":"x.jpg"`).Text)
	})
	for body, want := range map[string]*chatapi.ReceivedLocation{
		`"38.8977;-77.0365"`:                           {Latitude: 38.8977, Longitude: -77.0365},
		`"38.8977, -77.0365"`:                          {Latitude: 38.8977, Longitude: -77.0365},
		`"38.8977 -77.0365"`:                           {Latitude: 38.8977, Longitude: -77.0365},
		`"38,8977; -77,0365"`:                          {Latitude: 38.8977, Longitude: -77.0365},
		`{"latitude":"1","longitude":2,"name":"Pier"}`: {Latitude: 1, Longitude: 2, Name: "Pier"},
		`"91;0"`:         nil,
		`"0;181"`:        nil,
		`"NaN;0"`:        nil,
		`"here"`:         nil,
		`""`:             nil,
		`null`:           nil,
		`{"latitude":1}`: nil,
	} {
		t.Run("location "+body, func(t *testing.T) {
			assert.Equal(t, want, parse(t, `"type":"location","body":`+body).Location)
		})
	}
	for meta, want := range map[string]chatapi.Reply{
		`{"interactive":{"type":"button_reply","button_reply":{"id":"b-1","title":"T"}}}`: {ID: "b-1", Title: "North"},
		`{"interactive":{"list_reply":{"id":"r-1","title":"T","description":"D"}}}`:       {ID: "r-1", Title: "North", Description: "D", List: true},
		`{"list_reply":{"id":"r-1"}}`:              {ID: "r-1", Title: "North", List: true},
		`{"button":{"payload":"p","text":"T"}}`:    {ID: "p", Title: "North"},
		`{"payload":"p"}`:                          {ID: "p", Title: "North"},
		`{"interactive":[1,2],"button_reply":"x"}`: {Title: "North"},
		`null`: {Title: "North"},
	} {
		t.Run("reply "+meta, func(t *testing.T) {
			e := parse(t, `"type":"interactive","body":"North","meta":`+meta)
			assert.Equal(t, &want, e.Reply)
			assert.Equal(t, "North", e.Text)
		})
	}
	t.Run("the old name of meta", func(t *testing.T) {
		assert.Equal(t, "p", parse(t, `"type":"button","body":"Yes","metadata":{"payload":"p"}`).Reply.ID)
	})
	t.Run("a removed reaction", func(t *testing.T) {
		e := parse(t, `"type":"reaction","body":"","quotedMsgId":"wamid.1"`)
		assert.Equal(t, &chatapi.ReceivedReaction{MessageID: "wamid.1"}, e.Reaction)
	})
	t.Run("contact cards of any form", func(t *testing.T) {
		assert.JSONEq(t, `[{"name":{}}]`, string(parse(t, `"type":"contact","body":[{"name":{}}]`).Contacts))
	})
	t.Run("an ad", func(t *testing.T) {
		const ad = `{"source_type":"ad","source_id":"120200000000000001","source_url":"https://fb.me/x","headline":"Sale","body":"Now","ctwa_clid":"ARAk"}`
		want := &chatapi.Referral{SourceType: "ad", SourceID: "120200000000000001", SourceURL: "https://fb.me/x", Headline: "Sale", Body: "Now", ClickID: "ARAk"}
		assert.Equal(t, want, parse(t, `"type":"chat","body":"hi","referral":`+ad).Referral)
		assert.Equal(t, want, parse(t, `"type":"chat","body":"hi","meta":{"referral":`+ad+`}`).Referral)
		assert.Nil(t, parse(t, `"type":"chat","body":"hi","meta":{"referral":{}}`).Referral)
	})
}

func TestParseWebhookKeys(t *testing.T) {
	key := func(body string) string {
		events, err := chatapi.ParseWebhook([]byte(body))
		require.NoError(t, err)
		require.Len(t, events, 1)
		return events[0].Key()
	}
	assert.Equal(t, "status/wamid.A/read", key(`{"ack":[{"id":"wamid.A","status":"viewed"}]}`))
	assert.Equal(t, key(`{"instanceId":"A","ack":[{"id":"x","status":"sent"}]}`), key(`{"instanceId":"B","ack":[{"id":"x","status":"sent","phone":"1"}]}`),
		"the channel is not part of the key")
	assert.NotEqual(t, key(`{"ack":[{"id":"x","status":"sent"}]}`), key(`{"ack":[{"id":"x","status":"read"}]}`))
	assert.NotEqual(t, key(`{"messages":[{"body":"a"}]}`), key(`{"messages":[{"body":"b"}]}`), "without an id the bytes tell events apart")
	assert.Equal(t, "call/wacid.1/connect", key(`{"type":"calls","calls":[{"id":"wacid.1","event":"connect"}]}`))
	assert.Equal(t, "call/wacid.1/terminate", key(`{"type":"calls","calls":[{"id":"wacid.1","event":"terminate","status":"COMPLETED"}]}`))
	assert.Equal(t, "call/wacid.1/RINGING", key(`{"type":"calls","statuses":[{"id":"wacid.1","status":"RINGING"}]}`))
}

// An element of the wrong structure is reported, and its siblings are read.
func TestParseWebhookBadElements(t *testing.T) {
	const good = `{"id":"ok","type":"chat","body":"hi","fromMe":false,"chatId":"12025550143@c.us"}`
	type place struct{ path, err string }
	for _, c := range []struct {
		name, body string
		events     int
		bad        []place
	}{
		{"null among messages", `{"messages":[null,` + good + `]}`, 1, []place{{"messages[0]", "want an object, got null"}}},
		{"scalars among messages", `{"messages":[1,"x",` + good + `,[],true]}`, 1, []place{{"messages[0]", "want an object, got a number"},
			{"messages[1]", "want an object, got a text"}, {"messages[3]", "want an object, got an array"}, {"messages[4]", "want an object, got a boolean"}}},
		{"id is an object", `{"messages":[` + good + `,{"id":{"x":1},"type":"chat","chatId":"1@c.us","body":"y"},` + good + `]}`, 3,
			[]place{{"messages[1]", "id: want a text, got an object"}}},
		{"text is an array", `{"messages":[{"id":"a","type":"chat","chatId":"1@c.us","body":["y"]}]}`, 1, []place{{"messages[0]", "body: want a text, got an array"}}},
		{"messages is a text", `{"messages":"none","ack":[{"id":"a","status":"read"}]}`, 1, []place{{"messages", "want an array, got a text"}}},
		{"messages is an object", `{"messages":` + good + `}`, 1, nil},
		{"messages is an empty object", `{"messages":{}}`, 0, []place{{"messages", "want an array, got an object"}}},
		{"ack is a number", `{"ack":5,"messages":[` + good + `]}`, 1, []place{{"ack", "want an array, got a number"}}},
		{"ack is an object", `{"ack":{"id":"a","status":"read"}}`, 1, nil},
		{"ack is a bad object", `{"ack":{"id":[],"status":"read"}}`, 1, []place{{"ack", "id: want a text, got an array"}}},
		{"status is an object", `{"ack":[{"id":"a","status":{}},{"id":"a","status":"read"}]}`, 2, []place{{"ack[0]", "status: want a text, got an object"}}},
		{"instanceId is an object", `{"instanceId":{},"messages":[` + good + `]}`, 1, []place{{"instanceId", "want a text, got an object"}}},
		{"calls is an object", `{"type":"calls","calls":{}}`, 0, []place{{"calls", "want an array, got an object"}}},
		{"a bad call deep inside", `{"type":"calls","entry":[{"changes":[{"value":{"calls":[{"id":[]},{"id":"c","event":"connect"}]}}]}]}`, 2,
			[]place{{"entry[0].changes[0].value.calls[0]", "id: want a text, got an array"}}},
		{"empty arrays", `{"instanceId":"A","messages":[],"ack":[]}`, 0, nil},
		{"null arrays", `{"instanceId":"A","messages":null,"ack":null}`, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			events, err := chatapi.ParseWebhook([]byte(c.body))
			assert.Len(t, events, c.events)
			if c.bad == nil {
				require.NoError(t, err)
				return
			}
			var bad *chatapi.ParseError
			require.ErrorAs(t, err, &bad)
			assert.ErrorIs(t, err, chatapi.ErrInvalid)
			var got []place
			for _, element := range bad.Elements {
				got = append(got, place{element.Path, element.Err.Error()})
				assert.True(t, json.Valid(element.Raw))
				assert.Contains(t, c.body, string(element.Raw))
				assert.Equal(t, element.Raw[0] == '{' && element.Path != "calls" && element.Path != "messages" && element.Path != "instanceId", element.Partial,
					"an object is an event all the same")
			}
			assert.Equal(t, c.bad, got)
			assert.Contains(t, err.Error(), c.bad[0].path)
		})
	}
}

// An object that no format fits is one event with all its bytes.
func TestParseWebhookUnknown(t *testing.T) {
	for body, wire := range map[string]string{
		`{}`:                                     "body",
		`{"type":"something_new","payload":{}}`:  "body.something_new",
		` {"chatUpdate":[{"old":{},"new":{}}]} `: "body",
		`{"status":"authenticated","previous_status":"init","instanceId":"107218"}`: "body",
		`{"type":"calls"}`:               "body.calls",
		`{"messages":[{}]}`:              "message",
		`{"messages":[{"type":"poll"}]}`: "message.poll",
		`{"ack":[{}]}`:                   "ack",
	} {
		t.Run(body, func(t *testing.T) {
			e := one[*chatapi.UnknownEvent](t, body)
			assert.Equal(t, wire, e.Wire)
			assert.Contains(t, e.Key(), "unknown/sha256:")
			assert.Contains(t, body, string(e.Raw))
		})
	}
	t.Run("an unknown type of message is still a message", func(t *testing.T) {
		e := one[*chatapi.MessageEvent](t, string(readFile(t, "testdata/contract/webhook-message-unknown-type.json")))
		assert.Equal(t, chatapi.TypeOther, e.Type)
	})
	t.Run("an unknown status is still a status", func(t *testing.T) {
		e := one[*chatapi.StatusEvent](t, `{"ack":[{"id":"a","status":"pondered"}]}`)
		assert.Equal(t, chatapi.Status("pondered"), e.Status)
		assert.Equal(t, "ack.pondered", e.Wire)
	})
}

// A body that is not a JSON object gives an error and no events.
func TestParseWebhookNoObject(t *testing.T) {
	text := string(readFile(t, "testdata/contract/webhook-message-text.json"))
	for name, body := range map[string]string{
		"nothing":              "",
		"space":                " \n",
		"null":                 "null",
		"a text":               `"hello"`,
		"an array":             `[{"messages":[]}]`,
		"a number":             "5",
		"HTML":                 "<html><body>502 Bad Gateway</body></html>",
		"a form":               "instanceId=ABC1&messages=1",
		"cut off":              text[:len(text)/2],
		"cut off at the end":   strings.TrimRight(text, "}\n "),
		"text after it":        text + "x",
		"a second document":    text + text,
		"brackets without end": strings.Repeat("[", 5_000_000),
		"objects without end":  strings.Repeat(`{"a":`, 1_000_000),
		"deep but closed":      `{"messages":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`,
		"a raw control sign":   "{\"messages\":[{\"body\":\"a\x01b\"}]}",
		"single quotes":        `{'messages':[]}`,
		"a trailing comma":     `{"messages":[],}`,
		"UTF-16":               "\xff\xfe{\x00}\x00",
	} {
		t.Run(name, func(t *testing.T) {
			events, err := chatapi.ParseWebhook([]byte(body))
			assert.Empty(t, events)
			var e *chatapi.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, chatapi.ErrInvalid, e.Kind)
			assert.Equal(t, "body", e.Field)
			assert.NotEmpty(t, e.Advice)
			assert.Less(t, len(err.Error()), 600)
		})
	}
	_, err := chatapi.ParseWebhook(nil)
	require.ErrorIs(t, err, chatapi.ErrInvalid)
	assert.Contains(t, err.Error(), "it is empty")
}

func TestParseWebhookLenient(t *testing.T) {
	t.Run("broken UTF-8 in one of two", func(t *testing.T) {
		body := "{\"messages\":[{\"id\":\"a\",\"type\":\"chat\",\"body\":\"caf\xe9\",\"fromMe\":false},{\"id\":\"b\",\"type\":\"chat\",\"body\":\"tea\",\"fromMe\":false}]}"
		events, err := chatapi.ParseWebhook([]byte(body))
		require.NoError(t, err)
		require.Len(t, events, 2)
		first := events[0].(*chatapi.MessageEvent)
		assert.Equal(t, "caf\uFFFD", first.Text)
		assert.True(t, first.Lenient)
		assert.Contains(t, string(first.Raw), "caf\xe9", "Raw keeps the bytes")
		assert.False(t, events[1].Info().Lenient)
	})
	t.Run("half a surrogate", func(t *testing.T) {
		e := one[*chatapi.MessageEvent](t, `{"messages":[{"id":"a","type":"chat","body":"\ud83d","fromMe":false}]}`)
		assert.Equal(t, "\uFFFD", e.Text)
		assert.True(t, e.Lenient)
	})
	t.Run("of a name given twice, the last value counts", func(t *testing.T) {
		e := one[*chatapi.EchoEvent](t, `{"messages":[{"id":"a","type":"chat","fromMe":false,"fromMe":true,"body":"x"}]}`)
		assert.True(t, e.Lenient)
	})
	t.Run("of an array given twice, both are read", func(t *testing.T) {
		events, err := chatapi.ParseWebhook([]byte(`{"ack":[{"id":"a","status":"sent"}],"ack":[{"id":"b","status":"sent"}]}`))
		require.NoError(t, err)
		assert.Len(t, events, 2)
	})
	t.Run("escaped names", func(t *testing.T) {
		e := one[*chatapi.StatusEvent](t, `{"a\u0063k":[{"i\u0064":"a","status":"\u0073ent"}]}`)
		assert.Equal(t, "status/a/sent", e.Key())
		assert.False(t, e.Lenient)
	})
}

// The caller may use its buffer again after the call.
func TestParseWebhookKeepsNothing(t *testing.T) {
	body := []byte(`{"messages":[{"id":"a","type":"chat","body":"hello","fromMe":false}]}`)
	events, err := chatapi.ParseWebhook(body)
	require.NoError(t, err)
	want := string(events[0].Info().Raw)
	for i := range body {
		body[i] = 'x'
	}
	assert.Equal(t, want, string(events[0].Info().Raw))
	assert.Equal(t, "hello", events[0].(*chatapi.MessageEvent).Text)
	assert.Equal(t, len(events[0].Info().Raw), cap(events[0].Info().Raw), "appending to Raw cannot reach its neighbours")
}

func TestParseWebhookLargeBodies(t *testing.T) {
	t.Run("50,000 acks", func(t *testing.T) {
		var body strings.Builder
		body.WriteString(`{"instanceId":"ABC1","ack":[`)
		for i := range 50_000 {
			if i > 0 {
				body.WriteByte(',')
			}
			fmt.Fprintf(&body, `{"id":"wamid.%d","chatId":"12025550143@c.us","status":"delivered"}`, i)
		}
		body.WriteString("]}")
		events, err := chatapi.ParseWebhook([]byte(body.String()))
		require.NoError(t, err)
		require.Len(t, events, 50_000)
		assert.Equal(t, "status/wamid.49999/delivered", events[49_999].Key())
	})
	t.Run("many tiny elements", func(t *testing.T) {
		const n = 5_000_000
		body := []byte(`{"messages":[0` + strings.Repeat(",0", n-1) + `],"ack":[{"id":"a","status":"sent"}]}`)
		events, err := chatapi.ParseWebhook(body)
		assert.Empty(t, events)
		var bad *chatapi.ParseError
		require.ErrorAs(t, err, &bad)
		require.Len(t, bad.Elements, 100_002)
		rest := bad.Elements[100_000]
		assert.Equal(t, "messages[100000]", rest.Path)
		assert.Len(t, rest.Raw, 2*(n-100_000)-1, "the rest keeps the unread bytes")
		assert.Equal(t, "ack[0]", bad.Elements[100_001].Path)
		assert.Less(t, len(err.Error()), 500)
	})
	t.Run("10 MB of text", func(t *testing.T) {
		e := one[*chatapi.MessageEvent](t, `{"messages":[{"id":"a","type":"chat","fromMe":false,"body":"`+strings.Repeat("x", 10<<20)+`"}]}`)
		assert.Len(t, e.Text, 10<<20)
	})
	t.Run("a quarter of a million names", func(t *testing.T) {
		var body strings.Builder
		body.WriteString(`{"ack":[{"id":"a","status":"sent"`)
		for i := range 250_000 {
			fmt.Fprintf(&body, `,"n%d":0`, i)
		}
		body.WriteString("}]}")
		one[*chatapi.StatusEvent](t, body.String())
	})
}

func TestParseErrorZero(t *testing.T) {
	var none *chatapi.ParseError
	assert.NotEmpty(t, none.Error())
	assert.NotEmpty(t, (&chatapi.ParseError{}).Error())
	many := &chatapi.ParseError{Elements: make([]chatapi.ElementError, 5)}
	for i := range many.Elements {
		many.Elements[i] = chatapi.ElementError{Path: fmt.Sprint("p", i), Err: errors.New("bad")}
	}
	assert.Equal(t, "chatapi: parse webhook: 5 unreadable: p0: bad; p1: bad; p2: bad; and 2 more", many.Error())
}
