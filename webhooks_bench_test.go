package chatapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// How long ParseWebhook takes against a plain Unmarshal of the same body into a
// struct with the same information: by json/v2, which is the floor, and by
// encoding/json. All three run in turns inside one loop, so that what else the
// machine does falls on each alike.
func BenchmarkParseWebhook(b *testing.B) {
	for _, c := range []struct {
		name   string
		body   string
		events int
		plain  func() any
	}{
		{"raw/text", rawBody(1), 1, func() any { return new(plainCloud) }},
		{"raw/batch50", rawBody(50), 50, func() any { return new(plainCloud) }},
		{"normalized/text", normalizedBody(1), 1, func() any { return new(plainNormalized) }},
		{"normalized/batch50", normalizedBody(50), 50, func() any { return new(plainNormalized) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			body := []byte(c.body)
			events, err := chatapi.ParseWebhook(body)
			require.NoError(b, err)
			require.Len(b, events, c.events)
			require.NoError(b, jsonv2.Unmarshal(body, c.plain()))
			const turns = 10
			var ours, floor, v1 []float64
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				start := time.Now()
				for range turns {
					_, _ = chatapi.ParseWebhook(body)
				}
				parsed := time.Now()
				for range turns {
					_ = jsonv2.Unmarshal(body, c.plain())
				}
				plain := time.Now()
				for range turns {
					_ = json.Unmarshal(body, c.plain())
				}
				end := time.Now()
				ns := func(from, to time.Time) float64 { return float64(to.Sub(from)) / turns }
				ours = append(ours, ns(start, parsed))
				floor = append(floor, ns(parsed, plain))
				v1 = append(v1, ns(plain, end))
			}
			parse := median(ours)
			if c.events == 1 {
				b.ReportMetric(parse/median(floor), "x-parse-one")
				b.ReportMetric(median(v1)/parse, "x-parse-one-json-v1")
			} else {
				b.ReportMetric(parse/median(floor), "x-parse-batch")
			}
			b.ReportMetric(parse, "ns/parse")
		})
	}
}

func rawBody(n int) string {
	var contacts, messages []string
	for i := range n {
		contacts = append(contacts, fmt.Sprintf(`{"profile":{"name":"Pat Example %d"},"wa_id":"120255501%02d","user_id":"US.10000000000000%02d"}`, i, i, i))
		messages = append(messages, fmt.Sprintf(`{"from":"120255501%02d","from_user_id":"US.10000000000000%02d","id":"wamid.HBgLMTIwMjU1NTAxMDAVAgASGBQzQUFERjg0NDEzNDdFODU3MUMxM%02d=","timestamp":"1790000%03d","type":"text","text":{"body":"Hello, is the blue kettle still available in the shop?"}}`, i, i, i, i))
	}
	return `{"object":"whatsapp_business_account","entry":[{"id":"100000000000099","changes":[{"value":{"messaging_product":"whatsapp","metadata":{"display_phone_number":"12025550100","phone_number_id":"100000000000098"},"contacts":[` +
		strings.Join(contacts, ",") + `],"messages":[` + strings.Join(messages, ",") + `]},"field":"messages"}]}]}`
}

func normalizedBody(n int) string {
	var messages []string
	for i := range n {
		messages = append(messages, fmt.Sprintf(`{"id":"wamid.HBgLMTIwMjU1NTAxMDAVAgASGBQzQUFERjg0NDEzNDdFODU3MUMxM%02d=","body":"Hello, is the blue kettle still available in the shop?","fromMe":false,"self":0,"isForwarded":false,"author":"120255501%02d@c.us","authorBsuid":"US.10000000000000%02d","authorUserName":null,"time":"1790000%03d","chatId":"120255501%02d@c.us","type":"chat","senderName":"Pat Example %d","caption":null,"quotedMsgId":null,"chatName":"Pat Example %d"}`, i, i, i, i, i, i, i))
	}
	return `{"instanceId":"ABC100000001","messages":[` + strings.Join(messages, ",") + `]}`
}

// plainCloud is WhatsApp's own format as one would write it down, with what the
// events tell and nothing more.
type plainCloud struct {
	Object string `json:"object"`
	Entry  []struct {
		ID      string `json:"id"`
		Changes []struct {
			Field string `json:"field"`
			Value struct {
				Product  string `json:"messaging_product"`
				Metadata struct {
					Phone    string `json:"display_phone_number"`
					NumberID string `json:"phone_number_id"`
				} `json:"metadata"`
				Contacts []struct {
					Profile struct {
						Name     string `json:"name"`
						Username string `json:"username"`
					} `json:"profile"`
					ID     string `json:"wa_id"`
					UserID string `json:"user_id"`
				} `json:"contacts"`
				Messages []plainMessage `json:"messages"`
			} `json:"value"`
		} `json:"changes"`
	} `json:"entry"`
}

type plainMessage struct {
	From      string `json:"from"`
	FromUser  string `json:"from_user_id"`
	ID        string `json:"id"`
	Timestamp string `json:"timestamp"`
	Type      string `json:"type"`
	Text      *struct {
		Body string `json:"body"`
	} `json:"text"`
	Image *struct {
		ID      string `json:"id"`
		Caption string `json:"caption"`
	} `json:"image"`
	Context *struct {
		ID string `json:"id"`
	} `json:"context"`
}

// plainNormalized is the service's own format.
type plainNormalized struct {
	InstanceID string `json:"instanceId"`
	Messages   []struct {
		ID        string `json:"id"`
		Type      string `json:"type"`
		Body      string `json:"body"`
		Caption   string `json:"caption"`
		FromMe    bool   `json:"fromMe"`
		Self      int    `json:"self"`
		Time      string `json:"time"`
		Author    string `json:"author"`
		BSUID     string `json:"authorBsuid"`
		Username  string `json:"authorUserName"`
		Chat      string `json:"chatId"`
		ChatName  string `json:"chatName"`
		Sender    string `json:"senderName"`
		Forwarded bool   `json:"isForwarded"`
		Quoted    string `json:"quotedMsgId"`
	} `json:"messages"`
}
