package chatapi_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

func row(t *testing.T, members string) *chatapi.MessageEvent {
	t.Helper()
	return one[*chatapi.MessageEvent](t, `{"messages":[{"id":"m","author":"12025550111@c.us","chatId":"12025550111@c.us","fromMe":false,`+members+`}]}`)
}

// A shared card tells how it came and holds its vCard, in every format and whatever
// the form of its members; cards are never sent on with these.
func TestFaultA16Cards(t *testing.T) {
	const vcard = `BEGIN:VCARD\nFN:Ben Example\nitem1.TEL;type=CELL;waid=12025550112:+1 202-555-0112\nEND:VCARD`
	card := metaMessage(t, `"type":"contacts","contacts":[{"origin":"contact_request","vcard":"`+vcard+`","name":"odd","phones":[{"phone":12025550112,"wa_id":12025550112}],"emails":[{"email":"a@example.com"}],"org":{"company":7}}]`).Cards[0]
	assert.Equal(t, "contact_request", card.Origin)
	assert.Equal(t, strings.ReplaceAll(vcard, `\n`, "\n"), card.VCard)
	assert.Equal(t, []chatapi.ContactPhone{{Number: "12025550112", WhatsAppID: "12025550112"}}, card.Phones)
	assert.Equal(t, []chatapi.ContactEmail{{Address: "a@example.com"}}, card.Emails)
	assert.Equal(t, "7", card.Org.Company)

	read := row(t, `"type":"vcard","body":"`+vcard+`\nBEGIN:VCARD\nFN:Cut off"`)
	require.Len(t, read.Cards, 2)
	assert.Equal(t, "Ben Example", read.Cards[0].Name.Formatted)
	assert.Equal(t, []chatapi.ContactPhone{{Number: "+1 202-555-0112", Type: "CELL", WhatsAppID: "12025550112"}}, read.Cards[0].Phones)
	assert.Equal(t, "Cut off", read.Cards[1].Name.Formatted)
	assert.Empty(t, row(t, `"type":"contact","body":"no card"`).Cards)
	assert.Equal(t, "Ben", row(t, `"type":"contact","body":[{"name":{"formatted_name":"Ben"}}]`).Cards[0].Name.Formatted)

	old := one[*chatapi.MessageEvent](t, `{"messages":[{"id":"m","from":"12025550111","type":"contacts","contacts":[{"ims":[{"service":"AIM","user_id":"ben"}],"contact_image":"/9j/"},7]}]}`)
	assert.Equal(t, []chatapi.ContactCard{{Messengers: []chatapi.ContactMessenger{{"AIM", "ben"}}, Image: "/9j/"}}, old.Cards)

	card.Name = chatapi.ContactName{First: "Ben"}
	prepared, err := offline(t).Prepare(ann, chatapi.Contacts{Cards: []chatapi.ContactCard{card}})
	require.NoError(t, err)
	data, err := json.Marshal(prepared)
	require.NoError(t, err)
	sent := string(data)
	assert.Contains(t, sent, "a@example.com")
	assert.NotContains(t, sent, "contact_request")
	assert.NotContains(t, sent, "VCARD")
}

// What the list of people says about a person, and what a message says about the
// sender's key, are fields.
func TestFaultA16People(t *testing.T) {
	for _, person := range []string{
		`{"wa_id":"12025550111","identity_key_hash":"h","profile":{"country_code":"US"}}`,
		`{"country_code":"US","wa_id":12025550111,"identity_key_hash":"h"}`,
	} {
		e := one[*chatapi.MessageEvent](t, cloud("messages", `{"contacts":[`+person+`],"messages":[{"id":"m","from":"12025550111","type":"text","identity":{"hash":"h","acknowledged":"true","created_timestamp":1790000000000}}]}`))
		assert.Equal(t, "US h", e.From.CountryCode+" "+e.From.IdentityHash)
		assert.Equal(t, &chatapi.IdentityCheck{Hash: "h", Acknowledged: true, Created: time.Unix(1790000000, 0).UTC()}, e.Identity)
		merged := chatapi.Contact{CountryCode: "BR", IdentityHash: "old"}.Merge(e.From)
		assert.Equal(t, "US h", merged.CountryCode+" "+merged.IdentityHash)
	}
	status := one[*chatapi.StatusEvent](t, cloud("messages", `{"statuses":[{"id":"m","status":"sent","recipient_id":"12025550111","recipient_identity_key_hash":"h","template_id":7}]}`))
	assert.Equal(t, "h 7", status.To.IdentityHash+" "+status.TemplateID)
	assert.Nil(t, metaMessage(t, `"type":"text","identity":"odd"`).Identity)
}

// An ad's video, its id and its ref, a payment by a stored card, and the page about
// an error are fields.
func TestFaultA16Messages(t *testing.T) {
	for members, want := range map[string]chatapi.Referral{
		`{"image_url":"https://a.test/i","video_url":"https://a.test/v","ref":"spring"}`: {MediaURL: "https://a.test/i", VideoURL: "https://a.test/v", Ref: "spring"},
		`{"video_url":"https://a.test/v","image_url":"https://a.test/i"}`:                {MediaURL: "https://a.test/i", VideoURL: "https://a.test/v"},
		`{"video_url":"https://a.test/v"}`:                                               {MediaURL: "https://a.test/v", VideoURL: "https://a.test/v"},
		`{"video":{"id":"v"}}`:                                                           {MediaID: "v"},
	} {
		assert.Equal(t, &want, metaMessage(t, `"type":"text","referral":`+members).Referral, members)
		assert.Equal(t, &want, metaMessage(t, `"type":"text","context":{"referral":`+members+`}`).Referral, members)
		assert.Equal(t, &want, row(t, `"type":"chat","body":"hi","referral":`+members).Referral, members)
	}
	const paid = `"payment_method":{"payment_method":"offsite_card_pay","reference_id":"r","credential_id":7,"last_four_digits":"0042","payment_timestamp":"1790000000"}`
	want := &chatapi.PaymentReply{Method: "offsite_card_pay", ReferenceID: "r", CredentialID: "7", LastFourDigits: "0042", Time: time.Unix(1790000000, 0).UTC()}
	assert.Equal(t, want, metaMessage(t, `"type":"interactive","interactive":{"type":"payment_method",`+paid+`}`).Payment)
	assert.Equal(t, want, row(t, `"type":"interactive","body":"","meta":{"interactive":{`+paid+`}}`).Payment)

	failed := one[*chatapi.StatusEvent](t, cloud("messages", `{"statuses":[{"id":"m","status":"failed","errors":[{"code":131000,"title":"T","message":"M","href":"https://e.test"}]}]}`))
	assert.Equal(t, "T M https://e.test", failed.Errors[0].Title+" "+failed.Errors[0].Message+" "+failed.Errors[0].Href)
	only := one[*chatapi.StatusEvent](t, `{"ack":[{"id":"m","status":"failed","error":{"code":131000,"message":"M"}}]}`)
	assert.Equal(t, "M", only.Errors[0].Title)
	assert.Empty(t, only.Errors[0].Message)
}

// A form's answers have their token, also where a forwarder encoded them twice.
func TestFaultA20FlowToken(t *testing.T) {
	const answers = `{"flow_token":"t","size":"L"}`
	once, _ := json.Marshal(answers)
	twice, _ := json.Marshal(string(once))
	thrice, _ := json.Marshal(string(twice))
	for response, token := range map[string]string{
		string(once): "t", string(twice): "t", answers: "t", `"{\"size\":\"L\"}"`: "", `"broken{"`: "", `"\"a text\""`: "", `null`: "", `"[{\"flow_token\":\"t\"}]"`: "",
		string(thrice): "",
	} {
		reply := `"nfm_reply":{"name":"flow","response_json":` + response + `}`
		for _, e := range []*chatapi.MessageEvent{
			metaMessage(t, `"type":"interactive","interactive":{"type":"nfm_reply",`+reply+`}`),
			row(t, `"type":"interactive","body":"Sent","meta":{"interactive":{`+reply+`}}`),
			one[*chatapi.MessageEvent](t, `{"messages":[{"id":"m","from":"12025550111","type":"interactive","interactive":{`+reply+`}}]}`),
		} {
			require.NotNil(t, e.Flow, response)
			assert.Equal(t, token, e.Flow.Token(), response)
			if token != "" {
				assert.JSONEq(t, answers, string(e.Flow.JSON), response)
			}
		}
	}
	var none *chatapi.FlowReply
	assert.Empty(t, none.Token())
}

// A price is exact, or the error names the line and says why it cannot be.
func TestFaultA20OrderPrices(t *testing.T) {
	for price, want := range map[string]int64{
		"1e3": 1000_000_000, "1E+3": 1000_000_000, "19.99": 19_990_000, "1999e-2": 19_990_000, "0": 0, "33.500000000": 33_500_000, " 7 ": 7_000_000, "0.000001": 1, "100e-8": 1, "-1.5": -1_500_000,
	} {
		got, err := chatapi.ReceivedItem{Price: price, Currency: "INR"}.UnitPrice()
		require.NoError(t, err, price)
		assert.Equal(t, chatapi.Money{Micros: want, Currency: "INR"}, got, price)
	}
	for price, reason := range map[string]string{
		"33.333333333": "more than six digits", "1e-7": "more than six digits", "1e15": "too large", "": "no decimal number", "1,5": "no decimal number", "1e": "no decimal number",
		"1e999999999": "no decimal number", "NaN": "no decimal number", ".": "no decimal number",
	} {
		_, err := chatapi.ReceivedItem{Price: price, Currency: "INR"}.UnitPrice()
		e := wrongField(t, err, chatapi.ErrInvalid, "Price")
		assert.Contains(t, e.Reason, reason, price)
	}
	order := metaMessage(t, `"type":"order","order":{"product_items":[{"quantity":2,"item_price":1e3,"currency":"INR"},{"quantity":"3.0","item_price":"33.5","currency":"inr"}]}`).Order
	total, err := order.Total()
	require.NoError(t, err)
	assert.Equal(t, chatapi.Money{Micros: 2100_500_000, Currency: "INR"}, total)
	for field, item := range map[string]chatapi.ReceivedItem{
		"Items[2].Price": {Quantity: "1", Price: "33.333333333", Currency: "INR"}, "Items[2].Quantity": {Quantity: "0", Price: "1", Currency: "INR"},
		"Items[2].Currency": {Quantity: "1", Price: "1", Currency: "USD"},
	} {
		bad := chatapi.ReceivedOrder{Items: append(order.Items[:2:2], item)}
		_, err := bad.Total()
		wrongField(t, err, chatapi.ErrInvalid, field)
	}
	_, err = (&chatapi.ReceivedOrder{Items: []chatapi.ReceivedItem{{Quantity: "9000000", Price: "9e11", Currency: "INR"}}}).Total()
	wrongField(t, err, chatapi.ErrInvalid, "Items[0].Price")
	_, err = chatapi.ReceivedItem{Quantity: "1.5", Price: "1", Currency: "INR"}.Total()
	wrongField(t, err, chatapi.ErrInvalid, "Quantity")
	var none *chatapi.ReceivedOrder
	total, err = none.Total()
	require.NoError(t, err)
	assert.True(t, total.IsZero())
}

// A message that WhatsApp does not hand out is shown as unavailable, not as
// unknown; an unsupported one by its kind, or by the reason.
func TestFaultA20Unavailable(t *testing.T) {
	for members, shown := range map[string]string{
		`"unsupported":{"type":"unknown"},"errors":[{"code":131060,"title":"This message is unavailable"}]`: "[This message is unavailable]",
		`"unsupported":{"type":"unknown"},"errors":[{"code":"131060","title":"Message type unknown"}]`:      "[This message is unavailable: WhatsApp does not hand it out.]",
		`"errors":[{"code":131060}]`: "[This message is unavailable: WhatsApp does not hand it out.]",
		`"errors":[{"code":131060,"message":"M","error_data":{"details":"Currently unavailable. Ask for it again."}}]`:                         "[Currently unavailable. Ask for it again.]",
		`"unsupported":{"type":"unknown"},"errors":[{"code":131051,"title":"Message type unknown","error_data":{"details":"Not supported."}}]`: "[unsupported: Not supported.]",
		`"unsupported":{"type":"poll"},"errors":[{"code":131051,"title":"Message type unknown"}]`:                                              "[unsupported: poll]",
	} {
		assert.Equal(t, shown, metaMessage(t, `"type":"unsupported",`+members).Display(), members)
	}
}

// The service's own format names the chat, the quoted message, the linked page and
// what wrote a message.
func TestFaultF14OwnFormat(t *testing.T) {
	e := row(t, `"type":"chat","body":"https://e.test","chatName":"Tea club","quotedMsgId":"q","quotedMsgBody":"hi","quotedMsgType":"ptt","self":0,
		"metadata":{"linkUrl":"https://e.test","linkTitle":"T","linkDescription":"D"}`)
	assert.Equal(t, "Tea club", e.ChatName)
	assert.Equal(t, "hi", e.QuotedText)
	assert.Equal(t, chatapi.TypeVoice, e.QuotedType)
	assert.Equal(t, chatapi.OriginApp, e.Origin)
	assert.Equal(t, &chatapi.LinkPreview{URL: "https://e.test", Title: "T", Description: "D"}, e.Link)

	odd := row(t, `"type":"chat","body":"hi","chatName":null,"quotedMsgBody":{"a":1},"quotedMsgType":"hologram","self":"perhaps","metadata":null`)
	assert.Equal(t, chatapi.ContentType("hologram"), odd.QuotedType)
	assert.Empty(t, odd.ChatName+odd.QuotedText+string(odd.Origin))
	assert.Nil(t, odd.Link)

	echo := one[*chatapi.EchoEvent](t, `{"messages":[{"id":"m","type":"chat","body":"hi","fromMe":1,"self":"1","chatId":"12025550111@c.us","author":"12025550100@c.us","authorBsuid":"US.9","authorUserName":"shop","senderName":"12025550100"}]}`)
	assert.Equal(t, chatapi.OriginAPI, echo.Origin)
	assert.Equal(t, chatapi.Contact{Phone: "12025550100", Chat: "12025550100@c.us", BSUID: "US.9", Username: "shop", Name: "12025550100"}, echo.From)
	assert.Empty(t, echo.To.Name)
	raw := one[*chatapi.EchoEvent](t, cloud("smb_message_echoes", `{"message_echoes":[{"id":"m","from":"12025550100","to":"12025550111","type":"text"}]}`))
	assert.Equal(t, "12025550100", raw.From.Phone)

	for value, want := range map[string]bool{`true`: true, `1`: true, `"x"`: true, `{"id":1}`: true, `[1]`: true, `false`: false, `0`: false, `null`: false, `""`: false, `{}`: false, `[]`: false} {
		ack := one[*chatapi.StatusEvent](t, `{"ack":[{"id":"m","status":"sent","messageNumber":"19","mmLite":`+value+`}]}`)
		assert.Equal(t, want, ack.MMLite, value)
		assert.EqualValues(t, 19, ack.Number)
	}
	for kind, list := range map[string]bool{`"list_reply":{"id":"r","title":"T"},"button_reply":{"id":"","title":""}`: true, `"list_reply":{"id":"","title":""},"button_reply":{"id":"r","title":"T"}`: false} {
		chosen := row(t, `"type":"interactive","body":"T","meta":{"interactive":{`+kind+`,"nfm_reply":{"name":"","response_json":""},"call_permission_reply":{},"payment_method":{}}}`)
		assert.Equal(t, &chatapi.Reply{ID: "r", Title: "T", List: list}, chosen.Reply, kind)
	}
	permission := row(t, `"type":"call_permission_reply","meta":{"response":"reject","response_source":"user_action"}`)
	assert.Equal(t, &chatapi.CallPermission{Response: "reject", Source: "user_action"}, permission.Permission)
}

// A received file has its name in every format that carries one.
func TestFaultC19FileNames(t *testing.T) {
	for members, want := range map[string]string{
		`"type":"document","body":"https://f.test/a","filename":"photo.pdf","caption":"The plan"`: "photo.pdf",
		`"type":"document","body":"https://f.test/a","caption":"photo.pdf"`:                       "photo.pdf",
		`"type":"document","body":"https://f.test/a","caption":"See page 3. Thanks"`:              "",
		`"type":"document","body":"https://f.test/a","caption":"a/b.pdf"`:                         "",
		`"type":"document","body":"https://f.test/a","caption":"Costs 1.5"`:                       "",
		`"type":"image","body":"https://f.test/a","fileName":"tea.jpg","caption":"menu.pdf"`:      "tea.jpg",
		`"type":"image","body":"https://f.test/a","caption":"menu.pdf"`:                           "",
		`"type":"archive","body":"https://f.test/a","filename":"a.zip"`:                           "a.zip",
	} {
		e := row(t, members)
		require.NotNil(t, e.Media, members)
		assert.Equal(t, want, e.Media.Name, members)
		assert.Equal(t, want, e.Media.Ref().Name, members)
	}
	const document = `"type":"document","document":{"id":"1","filename":"photo.pdf"}`
	assert.Equal(t, "photo.pdf", metaMessage(t, document).Media.Name)
	assert.Equal(t, "photo.pdf", metaMessage(t, `"type":"edit","edit":{"message":{`+document+`}}`).Edit.Media.Name)
	assert.Equal(t, "photo.pdf", one[*chatapi.MessageEvent](t, `{"messages":[{"id":"m","from":"12025550111",`+document+`}]}`).Media.Name)
	history := one[*chatapi.HistoryEvent](t, cloud("history", `{"history":[{"threads":[{"id":"12025550111","messages":[{"id":"h","from":"12025550111",`+document+`}]}]}]}`))
	assert.Equal(t, "photo.pdf", history.Threads[0].Messages[0].Media.Name)

	link := fileStore(t, content("application/pdf", "%PDF-1.7"))
	received := row(t, `"type":"document","body":"`+link+`/x","caption":"photo.pdf"`)
	file, err := downloader(t).Media.Download(t.Context(), received.Media.Ref(), &strings.Builder{}, chatapi.DownloadOptions{})
	require.NoError(t, err)
	assert.Equal(t, "photo.pdf", file.Name)
}
