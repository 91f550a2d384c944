package chatapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// BenchmarkParseWebhook compares ParseWebhook with a plain Unmarshal of the same
// bodies into structs with the data of the events: by json/v2, which is the
// floor, and by encoding/json. The three take turns inside one loop, so that
// other work of the machine slows all of them. The bodies differ, as real ones
// do.
func BenchmarkParseWebhook(b *testing.B) {
	for _, c := range []struct {
		name   string
		body   func(first, n int) string
		events int
		plain  func() any
	}{
		{"raw/text", rawBody, 1, func() any { return new(plainCloud) }},
		{"raw/batch50", rawBody, 50, func() any { return new(plainCloud) }},
		{"normalized/text", normalizedBody, 1, func() any { return new(plainNormalized) }},
		{"normalized/batch50", normalizedBody, 50, func() any { return new(plainNormalized) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			var bodies [20][]byte
			for i := range bodies {
				bodies[i] = []byte(c.body(i*c.events, c.events))
				events, err := chatapi.ParseWebhook(bodies[i])
				require.NoError(b, err)
				require.Len(b, events, c.events)
				require.NoError(b, jsonv2.Unmarshal(bodies[i], c.plain()))
			}
			var ours, floor, v1 []float64
			b.SetBytes(int64(len(bodies) * len(bodies[0])))
			for b.Loop() {
				start := time.Now()
				for _, body := range bodies {
					_, _ = chatapi.ParseWebhook(body)
				}
				parsed := time.Now()
				for _, body := range bodies {
					_ = jsonv2.Unmarshal(body, c.plain())
				}
				plain := time.Now()
				for _, body := range bodies {
					_ = json.Unmarshal(body, c.plain())
				}
				end := time.Now()
				ns := func(from, to time.Time) float64 { return float64(to.Sub(from)) / float64(len(bodies)) }
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

func rawBody(first, n int) string {
	var contacts, messages []string
	for i := first; i < first+n; i++ {
		contacts = append(contacts, fmt.Sprintf(`{"profile":{"name":"Pat Example %d"},"wa_id":"12025%06d","user_id":"US.1000000000%06d"}`, i, i, i))
		messages = append(messages, fmt.Sprintf(`{"from":"12025%06d","from_user_id":"US.1000000000%06d","id":"wamid.HBgLMTIwMjU1NTAxMDAVAgASGBQzQUFERjg0NDEzNDdFODU3%08d=","timestamp":"179000%04d","type":"text","text":{"body":"Hello, is the blue kettle still available in the shop?"}}`, i, i, i, i))
	}
	return `{"object":"whatsapp_business_account","entry":[{"id":"100000000000099","changes":[{"value":{"messaging_product":"whatsapp","metadata":{"display_phone_number":"12025550100","phone_number_id":"100000000000098"},"contacts":[` +
		strings.Join(contacts, ",") + `],"messages":[` + strings.Join(messages, ",") + `]},"field":"messages"}]}]}`
}

func normalizedBody(first, n int) string {
	var messages []string
	for i := first; i < first+n; i++ {
		messages = append(messages, fmt.Sprintf(`{"id":"wamid.HBgLMTIwMjU1NTAxMDAVAgASGBQzQUFERjg0NDEzNDdFODU3%08d=","body":"Hello, is the blue kettle still available in the shop?","fromMe":false,"self":0,"isForwarded":false,"author":"12025%06d@c.us","authorBsuid":"US.1000000000%06d","authorUserName":null,"time":"179000%04d","chatId":"12025%06d@c.us","type":"chat","senderName":"Pat Example %d","caption":null,"quotedMsgId":null,"chatName":"Pat Example %d"}`, i, i, i, i, i, i, i))
	}
	return `{"instanceId":"ABC100000001","messages":[` + strings.Join(messages, ",") + `]}`
}

// plainCloud is WhatsApp's own format as a struct with only the data of the
// events.
type plainCloud struct {
	Object string `json:"object"`
	Entry  []struct {
		ID      string `json:"id"`
		Time    int64  `json:"time"`
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
					ID         string `json:"wa_id"`
					UserID     string `json:"user_id"`
					ParentUser string `json:"parent_user_id"`
				} `json:"contacts"`
				Messages []plainMessage `json:"messages"`
			} `json:"value"`
		} `json:"changes"`
	} `json:"entry"`
}

type plainMessage struct {
	From       string            `json:"from"`
	FromUser   string            `json:"from_user_id"`
	FromParent string            `json:"from_parent_user_id"`
	Group      string            `json:"group_id"`
	ID         string            `json:"id"`
	Timestamp  string            `json:"timestamp"`
	Type       string            `json:"type"`
	Context    *plainContext     `json:"context"`
	Referral   *plainReferral    `json:"referral"`
	Errors     []plainError      `json:"errors"`
	Text       *plainText        `json:"text"`
	Image      *plainMedia       `json:"image"`
	Video      *plainMedia       `json:"video"`
	Audio      *plainMedia       `json:"audio"`
	Voice      *plainMedia       `json:"voice"`
	Document   *plainMedia       `json:"document"`
	Sticker    *plainMedia       `json:"sticker"`
	Location   *plainLocation    `json:"location"`
	Contacts   jsontext.Value    `json:"contacts"`
	Button     *plainChoice      `json:"button"`
	Choice     *plainInteractive `json:"interactive"`
	Order      *plainOrder       `json:"order"`
	Reaction   *plainReaction    `json:"reaction"`
	System     *plainSystem      `json:"system"`
	Edit       *plainEdit        `json:"edit"`
	Revoke     *plainEdit        `json:"revoke"`
	Odd        *plainOdd         `json:"unsupported"`
}

type (
	plainText struct {
		Body string `json:"body"`
	}
	plainContext struct {
		ID         string   `json:"id"`
		From       string   `json:"from"`
		Forwarded  bool     `json:"forwarded"`
		Frequently bool     `json:"frequently_forwarded"`
		Mentions   []string `json:"mentions"`
		Product    *struct {
			CatalogID string `json:"catalog_id"`
			ProductID string `json:"product_retailer_id"`
		} `json:"referred_product"`
	}
	plainReferral struct {
		SourceType string    `json:"source_type"`
		SourceID   string    `json:"source_id"`
		SourceURL  string    `json:"source_url"`
		Headline   string    `json:"headline"`
		Body       string    `json:"body"`
		ClickID    string    `json:"ctwa_clid"`
		MediaType  string    `json:"media_type"`
		ImageURL   string    `json:"image_url"`
		VideoURL   string    `json:"video_url"`
		Thumbnail  string    `json:"thumbnail_url"`
		Welcome    plainText `json:"welcome_message"`
	}
	plainError struct {
		Code    int    `json:"code"`
		Title   string `json:"title"`
		Message string `json:"message"`
	}
	plainMedia struct {
		ID       string `json:"id"`
		URL      string `json:"url"`
		MIMEType string `json:"mime_type"`
		SHA256   string `json:"sha256"`
		Name     string `json:"filename"`
		Caption  string `json:"caption"`
		Animated bool   `json:"animated"`
		Voice    bool   `json:"voice"`
	}
	plainLocation struct {
		Latitude  float64 `json:"latitude"`
		Longitude float64 `json:"longitude"`
		Name      string  `json:"name"`
		Address   string  `json:"address"`
		URL       string  `json:"url"`
	}
	plainChoice struct {
		ID          string `json:"id"`
		Title       string `json:"title"`
		Description string `json:"description"`
		Payload     string `json:"payload"`
		Text        string `json:"text"`
	}
	plainInteractive struct {
		Type   string       `json:"type"`
		Button *plainChoice `json:"button_reply"`
		List   *plainChoice `json:"list_reply"`
		Flow   *struct {
			Name     string `json:"name"`
			Body     string `json:"body"`
			Response string `json:"response_json"`
		} `json:"nfm_reply"`
		Permission *struct {
			Response  string `json:"response"`
			Permanent bool   `json:"is_permanent"`
			Source    string `json:"response_source"`
			Expires   string `json:"expiration_timestamp"`
		} `json:"call_permission_reply"`
	}
	plainOrder struct {
		CatalogID string `json:"catalog_id"`
		Text      string `json:"text"`
		Items     []struct {
			ProductID string  `json:"product_retailer_id"`
			Quantity  int     `json:"quantity"`
			Price     float64 `json:"item_price"`
			Currency  string  `json:"currency"`
		} `json:"product_items"`
	}
	plainReaction struct {
		MessageID string `json:"message_id"`
		Emoji     string `json:"emoji"`
	}
	plainSystem struct {
		Body     string `json:"body"`
		Type     string `json:"type"`
		NewID    string `json:"wa_id"`
		UserID   string `json:"user_id"`
		Identity string `json:"identity"`
		Customer string `json:"customer"`
	}
	plainEdit struct {
		OriginalID string        `json:"original_message_id"`
		Message    *plainMessage `json:"message"`
	}
	plainOdd struct {
		Type string `json:"type"`
	}
)

// plainNormalized is the service's own format.
type plainNormalized struct {
	InstanceID string `json:"instanceId"`
	Messages   []struct {
		ID        string         `json:"id"`
		Type      string         `json:"type"`
		Body      string         `json:"body"`
		Caption   string         `json:"caption"`
		FromMe    bool           `json:"fromMe"`
		Self      int            `json:"self"`
		Time      string         `json:"time"`
		Number    int64          `json:"messageNumber"`
		Author    string         `json:"author"`
		BSUID     string         `json:"authorBsuid"`
		Username  string         `json:"authorUserName"`
		Chat      string         `json:"chatId"`
		ChatName  string         `json:"chatName"`
		Sender    string         `json:"senderName"`
		Forwarded bool           `json:"isForwarded"`
		Quoted    string         `json:"quotedMsgId"`
		Referral  *plainReferral `json:"referral"`
		Meta      *struct {
			Choice   *plainInteractive `json:"interactive"`
			Referral *plainReferral    `json:"referral"`
		} `json:"meta"`
	} `json:"messages"`
}
