package chatapi_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// A number is read as people write and link it; a number that is visibly national is
// refused.
func TestFaultC10NumbersAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]string{
		"+44 (0)7700 900123":                                         "447700900123",
		"+49 ( 0 ) 30 901820":                                        "4930901820",
		"44(0)2071234567":                                            "442071234567",
		"+49 30/901820":                                              "4930901820",
		"tel:+1-202-555-0143":                                        "12025550143",
		"TEL:+12025550143;ext=12":                                    "12025550143",
		"tel:+1%20202%20555%200143":                                  "12025550143",
		"sms:+12025550143?body=hi":                                   "12025550143",
		"whatsapp:+12025550143":                                      "12025550143",
		"wa.me/12025550143":                                          "12025550143",
		"https://wa.me/12025550143?text=a%40b":                       "12025550143",
		"http://www.wa.me/+12025550143/":                             "12025550143",
		"https://wa.me/c/12025550143":                                "12025550143",
		"whatsapp://send?phone=12025550143":                          "12025550143",
		"https://api.whatsapp.com/send?phone=%2B12025550143&text=hi": "12025550143",
		"https://web.whatsapp.com/send/?phone=12025550143":           "12025550143",
		"(+1) 202 555 0143":                                          "12025550143",
		"12025550100":                                                "12025550100", // a 0 of its own stays
		"+1 (202) 555-0(1)43":                                        "12025550143",
		"tel:2025550143;phone-context=+1":                            "12025550143",
		"tel:202-555-0143;isub=1;phone-context=+1":                   "12025550143",
		"smsto:+12025550143":                                         "12025550143",
		"WhatsApp: +1 202 555 0143":                                  "12025550143",
		"+49 (0176) 12345678":                                        "4917612345678",
		"+44 [0] 7700 900123":                                        "447700900123",
		"+55 (011) 98765-4321":                                       "5511987654321",
		"+39 (0)6 12345678":                                          "390612345678", // abroad too, as in Ivory Coast
		"+39 (06) 12345678":                                          "390612345678",
		"+39 (0)333 1234567":                                         "393331234567",
		"+225 (07) 12 34 56 78":                                      "2250712345678",
		"12025550143.0":                                              "12025550143",
		"\"+1 202 555 0143\"":                                        "12025550143",
		"<+12025550143>":                                             "12025550143",
		"\uff0b\uff11\uff12\uff10\uff12\uff15\uff15\uff15\uff10\uff11\uff14\uff13": "12025550143",
		"\u0661\u0662\u0660\u0662\u0665\u0665\u0665\u0660\u0661\u0664\u0663":       "12025550143",
		"+1\u2212202\u2212555\u22120143":                                           "12025550143",
		"+1\u2014202\u00b7555\u20600143":                                           "12025550143",
		"phone:+1 202 555 0143":                                                    "12025550143",
	} {
		if !strings.HasPrefix(text, "phone:") {
			assert.Equal(t, want, chatapi.Phone(text).Value(), text)
		}
		got, err := chatapi.ParseRecipient(text)
		require.NoError(t, err, text)
		assert.Equal(t, chatapi.Phone(want), got, text)
	}
	for _, text := range []string{
		"(202) 555-0143", "(0)7700 900123", "0(0)7700 900123", "tel:7700-x", "tel:", "wa.me/", "https://wa.me/message/ABCDEF", "wa.me/qr/12025550143x",
		"https://api.whatsapp.com/send?text=hi", "https://shop.example.com/12025550143", "tel:007700900123", "whatsapp:ann",
		"tel:5550143;phone-context=example.com", "+123456+789012", "+4912345 +4912346", "1+2025550143", "+1 202 555 0143 / 44", "12025550143/12025550144",
		"+1 202 555 0143, +1 202 555 0144", "+1 202 555 0143 ext. 5", "1.2025550143E10", "ann@example.com", "mailto:ann@example.com", "+55 (0xx11) 98765-4321",
	} {
		_, err := offline(t).Prepare(chatapi.Phone(text), chatapi.Text{Body: "Hello"})
		e := wrongField(t, err, chatapi.ErrInvalid, "recipient")
		assert.NotEmpty(t, e.Advice, text)
		_, err = chatapi.ParseRecipient(text)
		assert.ErrorIs(t, err, chatapi.ErrInvalid, text)
	}
	_, err := offline(t).Prepare(chatapi.Chat("ann@example.com"), chatapi.Text{Body: "Hello"})
	assert.Contains(t, wrongField(t, err, chatapi.ErrInvalid, "recipient").Reason, "e-mail")
}

// Chat ids, BSUIDs and usernames in another spelling are the same recipient.
func TestFaultC20SpellingsOfOneRecipient(t *testing.T) {
	bsuid := chatapi.BSUID("US.1000000000000001")
	for text, want := range map[string]chatapi.Recipient{
		"12025550143@C.US":                       ann,
		"+12025550143@c.us":                      ann,
		" 12025550143@c.us\n":                    ann,
		"+12025550143@s.whatsapp.net":            ann,
		"US.1000000000000001@LID":                bsuid,
		"bsuid:US.1000000000000001@lid":          bsuid,
		"bsuid: US.1000000000000001":             bsuid,
		"username:@ann":                          chatapi.Username("ann"),
		"120363000000000001@G.US":                chatapi.Chat("120363000000000001@g.us"),
		"chat:120363000000000001@G.us":           chatapi.Chat("120363000000000001@g.us"),
		"phone:+1 (202) 555-0143":                ann,
		"phone:tel:+1-202-555-0143":              ann,
		"chat:+12025550143@c.us":                 ann,
		"bsuid-as-phone:US.1000000000000001@lid": bsuid,
	} {
		got, err := chatapi.ParseRecipient(text)
		require.NoError(t, err, text)
		assert.Equal(t, want.Key(), got.Key(), text)
		assert.Equal(t, want.IsGroup(), got.IsGroup(), text)
	}
	assert.Equal(t, bsuid, chatapi.BSUID("US.1000000000000001@LID"))
}

// The id that WhatsApp's own apps use for a person is the phone.
func TestFaultC21TheIDOfWhatsAppsAppsIsThePhone(t *testing.T) {
	for _, id := range []string{"12025550143@s.whatsapp.net", " 12025550143@S.WhatsApp.net ", "12025550143:12@s.whatsapp.net", "12025550143.0:1@s.whatsapp.net", "12025550143_1@s.whatsapp.net"} {
		assert.Equal(t, ann, chatapi.Chat(id), id)
		for _, text := range []string{id, "chat:" + id} {
			got, err := chatapi.ParseRecipient(text)
			require.NoError(t, err, text)
			assert.Equal(t, ann, got, text)
		}
	}
	for _, id := range []string{"ann@s.whatsapp.net", "12@s.whatsapp.net", "12025550143x@s.whatsapp.net", "12025550143@s.whatsapp.network"} {
		assert.Equal(t, chatapi.RecipientChat, chatapi.Chat(id).Kind(), id)
	}
}

// The history is read by the service's own chat id, whichever spelling is given.
func TestFaultC21TheHistoryOfAPhone(t *testing.T) {
	for given, want := range map[string]string{
		"12025550143@s.whatsapp.net": "12025550143@c.us",
		"12025550143@c.us":           "12025550143@c.us",
		"US.1000000000000001@lid":    "US.1000000000000001@lid",
		"120363000000000001@g.us":    "120363000000000001@g.us",
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &store{}
			for range losing(t, s).Messages.All(t.Context(), chatapi.HistoryFilter{Chat: given}) {
			}
			require.NotEmpty(t, s.seen)
			query, err := url.ParseQuery(s.seen[0])
			require.NoError(t, err)
			assert.Equal(t, want, query.Get("chatId"))
		})
	}
}

// A message that WhatsApp is known to refuse for its recipient is refused before it
// is sent; where the country is not known, it goes out.
func TestFaultC2RecipientsThatWhatsAppRefuses(t *testing.T) {
	bsuid, asPhone := chatapi.BSUID("US.1000000000000001"), chatapi.BSUIDAsPhone("US.1000000000000001")
	code := chatapi.Template{Name: "login_code", Language: "en", Category: "AUTHENTICATION"}
	folded, international := code, code
	folded.Category, international.Category = "authentication", "AUTHENTICATION_INTERNATIONAL"
	update := chatapi.Template{Name: "order_update", Language: "en", Category: "UTILITY"}
	address := chatapi.AddressRequest{Body: "Where to?"}
	group := chatapi.Chat("120363000000000001@g.us")
	for _, tc := range []struct {
		to      chatapi.Recipient
		message chatapi.Message
		refused bool
	}{
		{bsuid, code, true}, {asPhone, code, true}, {bsuid, folded, true}, {bsuid, international, true}, {chatapi.Username("ann"), code, true},
		{chatapi.Chat("US.1000000000000001@lid"), &code, true},
		{ann, code, false}, {annsChat, code, false}, {bsuid, update, false}, {bsuid, chatapi.Template{Name: "a", Language: "en"}, false},
		{ann, address, true}, {annsChat, address, true}, {bsuid, address, true}, {chatapi.Phone("5511987654321"), address, true},
		{indian, address, false}, {chatapi.Phone("6581234567"), chatapi.AddressRequest{Body: "Where to?", Country: "sg"}, false},
		{chatapi.BSUID("IN.1000000000000001"), address, false}, {chatapi.BSUID("user.1000000000000001"), address, false},
		{chatapi.Username("ann"), address, false}, {group, address, false},
	} {
		_, err := offline(t).Prepare(tc.to, tc.message)
		if !tc.refused {
			assert.NoError(t, err, "%v %T", tc.to, tc.message)
			continue
		}
		wrongField(t, err, chatapi.ErrInvalid, "recipient")
	}
}

// A file that WhatsApp is known not to play is refused before it is sent, and words of
// the wire may be in any letter case.
func TestFaultC2FilesAndWords(t *testing.T) {
	send := func(m chatapi.Message) error {
		_, err := offline(t).Prepare(indian, m)
		return err
	}
	file := func(m chatapi.Media) error { return send(chatapi.File{Media: m, Name: "memo.webm"}) }
	for _, kind := range []string{"audio/webm", "audio/webm; codecs=opus", "AUDIO/WEBM", "video/webm", "audio/wav", "audio/x-wav", "audio/flac"} {
		wrongField(t, file(chatapi.MediaBytes("memo", []byte("sound")).WithMIMEType(kind)), chatapi.ErrInvalid, "Media")
	}
	wrongField(t, file(chatapi.MediaBytes("memo.webm", webm)), chatapi.ErrInvalid, "Media")
	wrongField(t, send(chatapi.File{Media: chatapi.MediaURL("https://shop.example.com/memo.WAV?sig=1")}), chatapi.ErrInvalid, "Media")
	wrongField(t, send(chatapi.Buttons{Header: chatapi.HeaderVideo(chatapi.MediaURL("https://shop.example.com/a.webm")), Body: "?", Buttons: yesOrNo}), chatapi.ErrInvalid, "Header")
	_, err := offline(t).Media.Upload(t.Context(), chatapi.MediaBytes("memo.webm", webm))
	wrongField(t, err, chatapi.ErrInvalid, "file")
	for _, kind := range []string{"audio/ogg", "audio/mpeg", "audio/mp3", "video/mp4", "application/pdf", "image/gif"} {
		assert.NoError(t, file(chatapi.MediaBytes("memo", []byte("sound")).WithMIMEType(kind)), kind)
	}
	assert.NoError(t, send(chatapi.PaymentRequest{Region: "in"}))
	assert.NoError(t, send(chatapi.AddressRequest{Body: "Where to?", Country: " in "}))
}

// A draft may spell category and types in any letter case; the service gets capitals,
// and the caller's draft stays as it was, also when the result is changed.
func TestFaultC2DraftsAreFolded(t *testing.T) {
	draft := chatapi.TemplateDraft{Name: "order_update", Category: chatapi.CategoryUtility, Language: "en", Components: []chatapi.Component{
		{Type: "header", Format: "text", Text: "News"},
		{Type: "Body", Text: "Hello {{1}}", Example: []string{"Ann"}},
		{Type: "buttons", Buttons: []chatapi.TemplateButton{{Type: "quick_reply", Text: "Yes"}}},
	}}
	client := answering(t, 200, `{"status":"submitted"}`)
	info, err := client.Templates.Create(t.Context(), draft)
	require.NoError(t, err)
	assert.Equal(t, "UTILITY", info.Category)
	assert.Equal(t, chatapi.ComponentHeader, info.Components[0].Type)
	assert.Equal(t, chatapi.FormatText, info.Components[0].Format)
	assert.Equal(t, chatapi.ButtonTypeQuickReply, info.Components[2].Buttons[0].Type)

	info.Components[1].Example[0], info.Components[2].Buttons[0].Text = "changed", "changed"
	assert.Equal(t, "Ann", draft.Components[1].Example[0])
	assert.Equal(t, "Yes", draft.Components[2].Buttons[0].Text)
	assert.Equal(t, chatapi.CategoryUtility, draft.Category)

	for _, wrong := range []string{"pt-BR", "en US"} {
		draft.Language = wrong
		_, err := client.Templates.Create(t.Context(), draft)
		wrongField(t, err, chatapi.ErrInvalid, "Language")
	}
}

// A locked template can be sent: it only cannot be edited.
func TestFaultC3LockedTemplatesCanBeSent(t *testing.T) {
	message := chatapi.Template{Name: "order_update", Language: "en"}
	for status, usable := range map[chatapi.TemplateStatus]bool{
		chatapi.TemplateLocked: true, chatapi.TemplateApproved: true, chatapi.TemplateFlagged: true, "REINSTATED": true, "UNARCHIVED": true,
		chatapi.TemplatePaused: false, chatapi.TemplateArchived: false, chatapi.TemplateDisabled: false, chatapi.TemplatePending: false,
	} {
		info := &chatapi.TemplateInfo{Name: "order_update", Language: "en", Status: status}
		assert.Equal(t, usable, info.Check(message) == nil, status)
	}
	client := answering(t, 200, `{"templates":[{"name":"order_update","language":"en","status":"locked"}]}`)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // the first look decides
	defer cancel()
	info, err := client.Templates.WaitApproved(ctx, "order_update", "en")
	require.NoError(t, err)
	assert.Equal(t, chatapi.TemplateLocked, info.Status)
}

// A wait for a template that is in no list says so, and what the list has instead.
func TestFaultC12AMisspeltNameIsInNoList(t *testing.T) {
	for _, tc := range []struct{ list, name, language, sentence, advice string }{
		{`{"templates":[{"name":"order_update","language":"en","status":"PENDING"}]}`, "order_updat", "en",
			`There is no template named "order_updat", but one named "order_update".`, "is it order_update?"},
		{`{"templates":[{"name":"order_update","language":"pt_BR","status":"PENDING"}]}`, "order_update", "en",
			`The template "order_update" is not available in the language "en", but in pt_BR.`, "use a language that exists"},
		{`{"templates":[{"name":"en","language":"order_update"}]}`, "order_update", "en", `There is no template named "order_update".`, "changed places"},
		{`{"templates":[]}`, "order_update", "en", `There is no template named "order_update", and this channel has no template at all.`, "create it"},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			_, err := answering(t, 200, tc.list).Templates.WaitApproved(ctx, tc.name, tc.language)
			require.ErrorIs(t, err, chatapi.ErrTemplate)
			var e *chatapi.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, tc.sentence, e.Sentence)
			assert.Contains(t, e.Advice, tc.advice)
			assert.NotContains(t, err.Error(), "has not decided")
			assert.Contains(t, e.Reason, "in no list")
		})
	}
}
