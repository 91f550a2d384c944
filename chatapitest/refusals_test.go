package chatapitest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/chatapi-go/chatapi/chatapitest"
)

// refusals has requests that the fake refuses, with the status and a part of the
// reply.
var refusals = []struct {
	name, path, body string
	status           int
	reply            string // a part of the reply
}{
	{"no body", "sendMessage", ``, 400, "the body cannot be read"},
	{"not JSON", "sendMessage", `{`, 400, "the body cannot be read"},
	{"an array", "sendMessage", `[]`, 400, "not an object"},
	{"unknown field", "sendMessage", `{"phone":"12025550143","body":"x","boddy":"y"}`, 400, `\"boddy\" is not a known field`},
	{"no recipient", "sendMessage", `{"body":"x"}`, 400, "phone or chatId is required"},
	{"two recipients", "sendMessage", `{"phone":"12025550143","chatId":"12025550143@c.us","body":"x"}`, 400, "one recipient, not phone and chatId"},
	{"bad phone", "sendMessage", `{"phone":"555","body":"x"}`, 400, "phone must be 6 to 15 digits"},
	{"phone with a sign", "sendMessage", `{"phone":"+12025550143","body":"x"}`, 400, "phone must be 6 to 15 digits"},
	{"bad chatId", "sendMessage", `{"chatId":"12025550143","body":"x"}`, 400, "Wrong chatId"},
	{"chat id cut to digits", "sendMessage", `{"chatId":"US.1000000000000001@lid","body":"x"}`, 200, `"code":131026`},
	{"unknown group", "sendMessage", `{"chatId":"120363000000000001@g.us","body":"x"}`, 200, `"code":131041`},
	{"unknown username", "sendMessage", `{"username":"nobody","body":"x"}`, 400, "Username is not found"},
	{"empty text", "sendMessage", `{"phone":"12025550143","body":""}`, 400, "body must not be empty"},
	{"no text", "sendMessage", `{"phone":"12025550143"}`, 400, "body is required"},
	{"text as number", "sendMessage", `{"phone":"12025550143","body":7}`, 400, "body must be a text"},
	{"long text", "sendMessage", `{"phone":"12025550143","body":"` + strings.Repeat("é", 4097) + `"}`, 400, "4097 of at most 4096"},
	{"bad quote", "sendMessage", `{"phone":"12025550143","body":"x","quotedMsgId":"17"}`, 400, "quotedMsgId must be a message id"},
	{"file without a name", "sendFile", `{"phone":"12025550143","body":"https://files.example.com/a.pdf"}`, 400, "filename is required with body"},
	{"file without an address", "sendFile", `{"phone":"12025550143","body":"a.pdf","filename":"a.pdf"}`, 400, "body must be an http or https address"},
	{"file that is not base64", "sendFile", `{"phone":"12025550143","body":"data:image/png;base64,%%","filename":"a.png"}`, 400, "body is not base64"},
	{"file without a type", "sendFile", `{"phone":"12025550143","mediaId":"17"}`, 400, "mediaType is required with mediaId"},
	{"unknown file", "sendFile", `{"phone":"12025550143","mediaId":"17","mediaType":"image"}`, 200, "The media id does not exist."},
	{"voice that is an image", "sendFile", `{"phone":"12025550143","body":"https://files.example.com/a.png","filename":"a.png","voice":true}`, 400, "voice needs an audio file"},
	{"long caption", "sendFile", `{"phone":"12025550143","body":"https://f.example/a.png","filename":"a.png","caption":"` + strings.Repeat("x", 1025) + `"}`, 400, "1025 of at most 1024"},
	{"sticker twice", "sendSticker", `{"phone":"12025550143","link":"https://f.example/a.webp","mediaId":"17"}`, 400, "link or mediaId, not both"},
	{"latitude", "sendLocation", `{"phone":"12025550143","lat":"91","lng":"0"}`, 400, "lat must be a decimal number from -90 to 90"},
	{"latitude as number", "sendLocation", `{"phone":"12025550143","lat":38,"lng":"0"}`, 400, "lat must be a text"},
	{"contact without a name", "sendContact", `{"phone":"12025550143","contacts":[{"name":{"formatted_name":"A"}}]}`, 400, "first_name or last_name"},
	{"no contact", "sendContact", `{"phone":"12025550143"}`, 400, "contact or contacts is required"},
	{"no buttons", "sendButton", `{"phone":"12025550143","body":"x"}`, 400, "sections or buttons is required"},
	{"four buttons", "sendButton", `{"phone":"12025550143","body":"x","buttons":[{"id":"1","title":"1"},{"id":"2","title":"2"},{"id":"3","title":"3"},{"id":"4","title":"4"}]}`, 400, "buttons has 4 of at most 3"},
	{"long button", "sendButton", `{"phone":"12025550143","body":"x","sections":[{"type":"reply","reply":{"id":"1","title":"` + strings.Repeat("x", 21) + `"}}]}`, 400, "21 of at most 20"},
	{"two equal buttons", "sendButton", `{"phone":"12025550143","body":"x","buttons":[{"id":"1","title":"1"},{"id":"1","title":"2"}]}`, 200, "must be unique"},
	{"two equal titles", "sendButton", `{"phone":"12025550143","body":"x","buttons":[{"id":"1","title":"1"},{"id":"2","title":"1"}]}`, 200, "must be unique"},
	{"two equal rows", "sendList", `{"phone":"12025550143","body":"x","buttonText":"l","sections":[{"rows":[{"id":"1","title":"1"},{"id":"1","title":"2"}]}]}`, 200, "must be unique"},
	{"list without label", "sendList", `{"phone":"12025550143","body":"x","sections":[{"rows":[{"id":"1","title":"1"}]}]}`, 400, "buttonText or action is required"},
	{"list of sections without title", "sendList", `{"phone":"12025550143","body":"x","buttonText":"l","sections":[{"rows":[{"id":"1","title":"1"}]},{"rows":[{"id":"2","title":"2"}]}]}`, 200, "Sections need a title"},
	{"reaction to nothing", "sendReaction", `{"phone":"12025550143","body":"x"}`, 400, "quotedMsgId is required"},
	{"link without an address", "sendCtaUrl", `{"phone":"12025550143","body":"x","displayText":"x","url":"shop"}`, 400, "url must be an http or https address"},
	{"product list without header", "sendProduct", `{"phone":"12025550143","action":{"catalog_id":"1","sections":[{"product_items":[{"product_retailer_id":"1"}]}]}}`, 400, "header is required"},
	{"one card", "sendCarousel", `{"phone":"12025550143","body":"x","cards":[{}]}`, 400, "cards must have at least 2"},
	{"flow without screen", "sendFlow", `{"phone":"12025550143","body":"x","flowId":"1","flowToken":"t","flowCta":"c","flowAction":"navigate"}`, 400, "screen is required"},
	{"address abroad", "sendAddressMessage", `{"phone":"12025550143","body":"x"}`, 200, "Unsupported Interactive Message type"},
	{"payment by chatId", "sendPaymentRequest", `{"chatId":"12025550143@c.us","region":"IN"}`, 400, `\"chatId\" is not a known field`},
	{"template without name", "sendTemplate", `{"phone":"12025550143","language":{"code":"en"}}`, 400, "template is not defined"},
	{"template without language", "sendTemplate", `{"phone":"12025550143","template":"hello"}`, 400, "template is not defined"},
	{"template language as text", "sendTemplate", `{"phone":"12025550143","template":"hello","language":"en"}`, 400, "language must be an object"},
	{"template values as texts", "sendTemplate", `{"phone":"12025550143","template":"hello","language":{"code":"en"},"params":["Ann"]}`, 400, "must be an object"},
	{"unknown template", "sendTemplate", `{"phone":"12025550143","template":"nothing","language":{"code":"en"}}`, 200, `"code":132001`},
	{"language case", "sendTemplate", `{"phone":"12025550143","template":"hello","language":{"code":"en_US"}}`, 200, `"code":132001`},
	{"wrong namespace", "sendTemplate", `{"phone":"12025550143","template":"hello","language":{"code":"en"},"namespace":"x"}`, 200, `"code":132001`},
	{"too few values", "sendTemplate", `{"phone":"12025550143","template":"hello","language":{"code":"en"}}`, 200, `"code":132000`},
	{"too many values", "sendTemplate", `{"phone":"12025550143","template":"hello","language":{"code":"en"},"params":[{"type":"body","parameters":[{"type":"text","text":"A"},{"type":"text","text":"B"}]}]}`, 200, `"code":132000`},
	{"value of an unknown type", "sendTemplate", `{"phone":"12025550143","template":"hello","language":{"code":"en"},"params":[{"type":"body","parameters":[{"type":"image"}]}]}`, 200, `"code":132012`},
	{"value with a newline", "sendTemplate", `{"phone":"12025550143","template":"hello","language":{"code":"en"},"params":[{"type":"body","parameters":[{"type":"text","text":"A\nB"}]}]}`, 200, `{"message":"body: Param text cannot have new-line/tab`},
	{"button that the template lacks", "sendTemplate", `{"phone":"12025550143","template":"hello","language":{"code":"en"},"params":[{"type":"body","parameters":[{"type":"text","text":"A"}]},{"type":"button","sub_type":"url","index":0,"parameters":[{"type":"text","text":"1"}]}]}`, 200, `"code":132000`},
	{"short life", "sendTemplate", `{"phone":"12025550143","template":"hello","language":{"code":"en"},"messageSendTtlSeconds":5,"params":[]}`, 400, "from 30 to 43200 for UTILITY"},
	{"template name", "addTemplate", `{"name":"Hello","category":"UTILITY","language":"en","components":[{"type":"BODY","text":"x"}]}`, 400, "name must be lower-case"},
	{"template language as object", "addTemplate", `{"name":"a","category":"UTILITY","language":{"code":"en"},"components":[{"type":"BODY","text":"x"}]}`, 400, "language must be a text"},
	{"template category", "addTemplate", `{"name":"a","category":"OTP","language":"en","components":[{"type":"BODY","text":"x"}]}`, 400, "category must be one of"},
	{"template without body", "addTemplate", `{"name":"a","category":"UTILITY","language":"en","components":[{"type":"FOOTER","text":"x"}]}`, 200, "BODY is missing"},
	{"template that skips a number", "addTemplate", `{"name":"a","category":"UTILITY","language":"en","components":[{"type":"BODY","text":"{{1}} {{3}} x"}]}`, 200, "BODY has no {{2}}"},
	{"template again", "addTemplate", `{"name":"hello","category":"UTILITY","language":"en","components":[{"type":"BODY","text":"x"}]}`, 200, "already exists"},
	{"removed template", "removeTemplate", `{"name":"nothing"}`, 200, "does not exist"},
	{"empty webhook list", "webhook", `{"webhookUrl":""}`, 400, "must not be empty"},
	{"six webhooks", "webhook", `{"webhookUrl":["https://a.example","https://b.example","https://c.example","https://d.example","https://e.example","https://f.example"]}`, 400, "more than 5"},
	{"webhook without an address", "webhook", `{"webhookUrl":"somewhere"}`, 400, "webhookUrl must be an http or https address"},
	{"no settings", "settings", `{}`, 400, "nothing to change"},
	{"setting as text", "settings", `{"ackNotificationsOn":"yes"}`, 400, "must be true or false"},
	{"no profile", "me", `{"nickname":"x"}`, 422, "Wrong request"},
	{"long profile", "me", `{"description":"` + strings.Repeat("x", 257) + `"}`, 400, "257 of at most 256"},
	{"read of an unknown message", "readMessage", `{"messageId":"wamid.X"}`, 200, "there is no message"},
	{"block by chatId", "blockUser", `{"chatId":"12025550143@c.us"}`, 400, `\"chatId\" is not a known field`},
	{"commerce without wrapper", "commerce", `{"is_cart_enabled":true,"is_catalog_visible":true}`, 400, "is not a known field"},
	{"call while off", "initiateCall", `{"messaging_product":"whatsapp","action":"connect","to":"12025550143"}`, 200, `"code":138000`},
	{"group without a name", "groups", `{}`, 400, "groupName is required"},
	{"unknown group to change", "groups/17", `{"subject":"x"}`, 200, "Group unknown"},
	{"flow of an unknown category", "flows", `{"name":"a","categories":["FUN"]}`, 400, "must be one of"},
	{"key that is not PEM", "whatsapp_business_encryption", `{"business_public_key":"x"}`, 400, "must be a PEM public key"},
}

func TestRefusals(t *testing.T) {
	for _, test := range refusals {
		t.Run(test.name, func(t *testing.T) {
			api := chatapitest.New(t)
			api.Template("hello", "en", "Hello {{1}}")
			customer := api.Customer(ann)
			customer.Says("hi")
			status, body := request(t, api, "POST", test.path, test.body)
			assert.Equal(t, test.status, status, body)
			assert.Contains(t, body, test.reply)
			assert.Empty(t, customer.Received(), "nothing is sent")
			if status == 200 && strings.HasPrefix(test.path, "send") {
				assert.NotContains(t, body, `"sent":true`)
			}
		})
	}
}
