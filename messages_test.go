package chatapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/quick"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

var (
	ann      = chatapi.Phone("12025550143")
	annsChat = chatapi.Chat("12025550143@c.us")
	yesOrNo  = []chatapi.Button{{ID: "visit-yes", Title: "Yes"}, {ID: "visit-no", Title: "No"}}
)

func TestRequestsAreTheContracts(t *testing.T) {
	const target = "wamid.SYNTHETIC0000000000000001"
	for file, tc := range map[string]struct {
		to      chatapi.Recipient
		message chatapi.Message
		opts    []chatapi.SendOption
		op      string
	}{
		"send-message-phone":         {ann, chatapi.Text{Body: "Your order is packed."}, nil, "sendMessage"},
		"send-message-group":         {chatapi.Chat("120363000000000001@g.us"), chatapi.Text{Body: "Meeting moved to 15:00."}, nil, "sendMessage"},
		"send-message-bsuid":         {chatapi.BSUID("US.1000000000000001"), chatapi.Text{Body: "Hello from the shop."}, nil, "sendMessage"},
		"send-message-username":      {chatapi.Username("@sample.person"), chatapi.Text{Body: "Hello from the shop."}, nil, "sendMessage"},
		"send-message-chatid-quoted": {annsChat, chatapi.Text{Body: "Yes, it ships today."}, []chatapi.SendOption{chatapi.ReplyTo(target)}, "sendMessage"},
		"send-message-bsuid-as-phone": {chatapi.BSUIDAsPhone("US.1000000000000001"), chatapi.Text{Body: "Hello from the shop."},
			nil, "sendMessage"},
		"send-file-url": {ann, chatapi.File{Media: chatapi.MediaURL("https://files.example.com/invoice-1001.pdf"), Caption: "Invoice 1001"},
			nil, "sendFile"},
		"send-file-data-uri": {ann, chatapi.File{Media: chatapi.MediaBytes("dot.png", []byte("\x89PNG\r\n\x1a\n"))}, nil, "sendFile"},
		"send-file-media-id-voice": {annsChat, chatapi.File{Media: chatapi.MediaID("100000000000077", chatapi.TypeAudio), Voice: true},
			nil, "sendFile"},
		"send-location": {ann, chatapi.Location{Latitude: 38.8977, Longitude: -77.0365, Name: "Demo point", Address: "1 Example Street"},
			nil, "sendLocation"},
		"send-contact-cards": {ann, chatapi.Contacts{Cards: []chatapi.ContactCard{{
			Name:   chatapi.ContactName{First: "Pat", Last: "Example"},
			Phones: []chatapi.ContactPhone{{Number: "+12025550188", Type: "WORK", WhatsAppID: "12025550188"}},
			Emails: []chatapi.ContactEmail{{Address: "pat@example.com", Type: "WORK"}},
			Org:    chatapi.ContactOrg{Company: "Example Ltd", Title: "Clerk"},
		}}}, nil, "sendContact"},
		"send-button": {ann, chatapi.Buttons{Body: "Confirm the visit?", Footer: "Sample clinic", Buttons: yesOrNo}, nil, "sendButton"},
		"send-list": {ann, chatapi.List{Body: "Pick a branch", Label: "Branches", Sections: []chatapi.Section{{Title: "City", Rows: []chatapi.Row{
			{ID: "b-1", Title: "North", Description: "Open 9-18"}, {ID: "b-2", Title: "South"}}}}}, nil, "sendList"},
		"send-reaction":        {ann, chatapi.Reaction{MessageID: target, Emoji: "👍"}, nil, "sendReaction"},
		"send-reaction-remove": {ann, chatapi.Reaction{MessageID: target}, nil, "sendReaction"},
		"send-template": {ann, chatapi.Template{Name: "order_update", Language: "en", Namespace: "00000000_0000_4000_8000_000000000001",
			Header: chatapi.HeaderImage(chatapi.MediaURL("https://files.example.com/h.jpg")), Body: chatapi.Params("Pat", "1001"),
			Buttons: []chatapi.ButtonParam{chatapi.URLButton(0, "1001")}}, nil, "sendTemplate"},
		"send-button-alias": {annsChat, chatapi.Custom{Operation: "sendButton", Body: json.RawMessage(`{"body":"Confirm the visit?","buttons":[{"id":"visit-yes","title":"Yes"}]}`)},
			nil, "sendButton"},
	} {
		t.Run(file, func(t *testing.T) {
			assert.Equal(t, tc.op, likeContract(t, file, tc.to, tc.message, tc.opts...).Operation)
		})
	}
}

// likeContract prepares a message, as a value and as a pointer, and compares the
// request with the contract's example.
func likeContract(t *testing.T, file string, to chatapi.Recipient, m chatapi.Message, opts ...chatapi.SendOption) *chatapi.Prepared {
	t.Helper()
	p, err := offline(t).Prepare(to, m, opts...)
	require.NoError(t, err)
	assert.JSONEq(t, string(contract(t, "request-"+file+".json")), string(p.Body))

	pointer := reflect.New(reflect.TypeOf(m))
	pointer.Elem().Set(reflect.ValueOf(m))
	same, err := offline(t).Prepare(to, pointer.Interface().(chatapi.Message), opts...)
	require.NoError(t, err)
	assert.Equal(t, string(p.Body), string(same.Body))
	return p
}

func TestHeadersOfButtons(t *testing.T) {
	for want, header := range map[string]chatapi.Header{
		`{"type":"text","text":"Visit"}`:                                                                     chatapi.HeaderText("Visit"),
		`{"type":"image","image":{"link":"https://files.example.com/a.jpg"}}`:                                chatapi.HeaderImage(chatapi.MediaURL("https://files.example.com/a.jpg")),
		`{"type":"video","video":{"id":"100000000000077"}}`:                                                  chatapi.HeaderVideo(chatapi.MediaID("100000000000077", chatapi.TypeVideo)),
		`{"type":"document","document":{"link":"https://files.example.com/a.pdf","filename":"Invoice.pdf"}}`: chatapi.HeaderDocument(chatapi.MediaURL("https://files.example.com/a.pdf"), "Invoice.pdf"),
		`{"type":"document","document":{"link":"https://files.example.com/a.pdf","filename":"a.pdf"}}`:       chatapi.HeaderDocument(chatapi.MediaURL("https://files.example.com/a.pdf"), ""),
	} {
		p, err := offline(t).Prepare(ann, chatapi.Buttons{Header: header, Body: "Confirm?", Buttons: yesOrNo})
		require.NoError(t, err)
		var body struct{ Header json.RawMessage }
		require.NoError(t, json.Unmarshal(p.Body, &body))
		assert.JSONEq(t, want, string(body.Header))
	}
}

// rows returns n rows whose ids have the given prefix.
func rows(prefix string, n int) []chatapi.Row {
	list := make([]chatapi.Row, n)
	for i := range list {
		list[i] = chatapi.Row{ID: fmt.Sprint(prefix, i), Title: "Row"}
	}
	return list
}

func TestLimitsAtTheEdgeAndOneOver(t *testing.T) {
	buttons := func(change func(*chatapi.Buttons, int)) func(int) chatapi.Message {
		return func(n int) chatapi.Message {
			m := chatapi.Buttons{Body: "Confirm?", Buttons: []chatapi.Button{{ID: "a", Title: "A"}, {ID: "b", Title: "B"}}}
			change(&m, n)
			return m
		}
	}
	list := func(change func(*chatapi.List, int)) func(int) chatapi.Message {
		return func(n int) chatapi.Message {
			m := chatapi.List{Body: "Pick", Label: "Open", Sections: []chatapi.Section{{Title: "One", Rows: rows("a", 2)}, {Title: "Two", Rows: rows("b", 2)}}}
			change(&m, n)
			return m
		}
	}
	link := chatapi.MediaURL("https://files.example.com/a.pdf")
	for _, tc := range []struct {
		field string
		limit int
		make  func(n int) chatapi.Message
	}{
		{"Body", 4096, func(n int) chatapi.Message { return chatapi.Text{Body: runes(n)} }},
		{"Caption", 1024, func(n int) chatapi.Message { return chatapi.File{Media: link, Caption: runes(n)} }},
		{"Name", 240, func(n int) chatapi.Message { return chatapi.File{Media: link, Name: runes(n-4) + ".pdf"} }},
		{"Body", 1024, buttons(func(m *chatapi.Buttons, n int) { m.Body = runes(n) })},
		{"Footer", 60, buttons(func(m *chatapi.Buttons, n int) { m.Footer = runes(n) })},
		{"Header", 60, buttons(func(m *chatapi.Buttons, n int) { m.Header = chatapi.HeaderText(runes(n)) })},
		{"Buttons[1].Title", 20, buttons(func(m *chatapi.Buttons, n int) { m.Buttons[1].Title = runes(n) })},
		{"Buttons[1].ID", 256, buttons(func(m *chatapi.Buttons, n int) { m.Buttons[1].ID = runes(n) })},
		{"Buttons", 3, buttons(func(m *chatapi.Buttons, n int) {
			m.Buttons = nil
			for i := range n {
				m.Buttons = append(m.Buttons, chatapi.Button{ID: fmt.Sprint(i), Title: fmt.Sprint(i)})
			}
		})},
		{"Body", 1024, list(func(m *chatapi.List, n int) { m.Body = runes(n) })},
		{"Label", 20, list(func(m *chatapi.List, n int) { m.Label = runes(n) })},
		{"Header", 60, list(func(m *chatapi.List, n int) { m.Header = runes(n) })},
		{"Footer", 60, list(func(m *chatapi.List, n int) { m.Footer = runes(n) })},
		{"Sections[1].Title", 24, list(func(m *chatapi.List, n int) { m.Sections[1].Title = runes(n) })},
		{"Sections[1].Rows[0].ID", 200, list(func(m *chatapi.List, n int) { m.Sections[1].Rows[0].ID = runes(n) })},
		{"Sections[1].Rows[1].Title", 24, list(func(m *chatapi.List, n int) { m.Sections[1].Rows[1].Title = runes(n) })},
		{"Sections[1].Rows[1].Description", 72, list(func(m *chatapi.List, n int) { m.Sections[1].Rows[1].Description = runes(n) })},
		{"Sections[1].Rows", 10, list(func(m *chatapi.List, n int) { m.Sections[1].Rows = rows("b", n-2) })},
		{"Sections[0].Rows", 10, list(func(m *chatapi.List, n int) { m.Sections = []chatapi.Section{{Rows: rows("b", n)}} })},
		{"Sections", 10, list(func(m *chatapi.List, n int) {
			m.Sections = nil
			for i := range n {
				m.Sections = append(m.Sections, chatapi.Section{Title: "S", Rows: rows(fmt.Sprint(i), 1)})
			}
		})},
		{"Cards", 257, func(n int) chatapi.Message {
			cards := make([]chatapi.ContactCard, n)
			for i := range cards {
				cards[i].Name.Formatted = "Pat Example"
			}
			return chatapi.Contacts{Cards: cards}
		}},
		{"Header", 60, func(n int) chatapi.Message {
			return chatapi.Template{Name: "a", Language: "en", Header: chatapi.HeaderText(runes(n))}
		}},
	} {
		t.Run(fmt.Sprintf("%T %s", tc.make(tc.limit), tc.field), func(t *testing.T) {
			_, err := offline(t).Prepare(ann, tc.make(tc.limit))
			assert.NoError(t, err)
			_, err = offline(t).Prepare(ann, tc.make(tc.limit+1))
			wrongField(t, err, chatapi.ErrInvalid, tc.field)
		})
	}
}

func TestWrongMessagesNameTheField(t *testing.T) {
	link := chatapi.MediaURL("https://files.example.com/a.pdf")
	page := chatapi.MediaURL("https://files.example.com/")
	voice := chatapi.MediaBytes("note.ogg", []byte("OggS\x00\x02"))
	card := func(c chatapi.ContactCard) chatapi.Contacts {
		return chatapi.Contacts{Cards: []chatapi.ContactCard{{Name: chatapi.ContactName{Formatted: "Pat"}}, c}}
	}
	pat := chatapi.ContactName{First: "Pat"}
	custom := func(body string) chatapi.Custom {
		return chatapi.Custom{Operation: "sendPoll", Body: json.RawMessage(body)}
	}
	tmpl := func(params ...chatapi.Param) chatapi.Template {
		return chatapi.Template{Name: "order_update", Language: "en", Body: params}
	}
	withButtons := func(b ...chatapi.ButtonParam) chatapi.Template {
		return chatapi.Template{Name: "order_update", Language: "en", Buttons: b}
	}
	var noText *chatapi.Text
	for name, tc := range map[string]struct {
		field   string
		message chatapi.Message
	}{
		"nil":                    {"message", nil},
		"nil pointer":            {"message", noText},
		"empty text":             {"Body", chatapi.Text{}},
		"blank text":             {"Body", chatapi.Text{Body: " \n\t"}},
		"broken UTF-8":           {"Body", chatapi.Text{Body: "a\xff"}},
		"no media":               {"Media", chatapi.File{}},
		"relative link":          {"Media", chatapi.File{Media: chatapi.MediaURL("/a.pdf")}},
		"file link":              {"Media", chatapi.File{Media: chatapi.MediaURL("file:///etc/a.pdf")}},
		"data link":              {"Media", chatapi.File{Media: chatapi.MediaURL("data:image/png;base64,AAAA")}},
		"link with a space":      {"Media", chatapi.File{Media: chatapi.MediaURL("https://files.example.com/a b.pdf")}},
		"endless link":           {"Media", chatapi.File{Media: chatapi.MediaURL("https://files.example.com/a.pdf?" + strings.Repeat("a", 8192))}},
		"no bytes":               {"Media", chatapi.File{Media: chatapi.MediaBytes("a.pdf", nil)}},
		"strange MIME type":      {"Media", chatapi.File{Media: voice.WithMIMEType("ogg")}},
		"injected MIME type":     {"Media", chatapi.File{Media: voice.WithMIMEType("audio/ogg,x")}},
		"strange id":             {"Media", chatapi.File{Media: chatapi.MediaID("1 2", chatapi.TypeImage)}},
		"empty id":               {"Media", chatapi.File{Media: chatapi.MediaID("", chatapi.TypeImage)}},
		"id without kind":        {"Media", chatapi.File{Media: chatapi.MediaID("12", "")}},
		"id of a sticker":        {"Media", chatapi.File{Media: chatapi.MediaID("12", chatapi.TypeSticker)}},
		"link without name":      {"Name", chatapi.File{Media: page}},
		"name without extension": {"Name", chatapi.File{Media: link, Name: "invoice"}},
		"name that ends in dot":  {"Name", chatapi.File{Media: link, Name: "invoice."}},
		"name with directory":    {"Name", chatapi.File{Media: link, Name: "../a.pdf"}},
		"name with line break":   {"Name", chatapi.File{Media: link, Name: "a\n.pdf"}},
		"voice of a document":    {"Voice", chatapi.File{Media: link, Voice: true}},
		"voice of an image id":   {"Voice", chatapi.File{Media: chatapi.MediaID("12", chatapi.TypeImage), Voice: true}},
		"voice of an mp3":        {"Voice", chatapi.File{Media: voice.WithMIMEType("audio/mpeg"), Voice: true}},
		"caption on voice":       {"Caption", chatapi.File{Media: voice, Voice: true, Caption: "listen"}},

		"empty location":       {"Latitude", chatapi.Location{}},
		"latitude":             {"Latitude", chatapi.Location{Latitude: 90.1}},
		"latitude NaN":         {"Latitude", chatapi.Location{Latitude: math.NaN()}},
		"latitude infinite":    {"Latitude", chatapi.Location{Latitude: math.Inf(-1)}},
		"longitude":            {"Longitude", chatapi.Location{Longitude: -180.1}},
		"address without name": {"Name", chatapi.Location{Latitude: 1, Address: "1 Example Street"}},

		"no cards":         {"Cards", chatapi.Contacts{}},
		"card sans name":   {"Cards[1].Name", card(chatapi.ContactCard{})},
		"empty phone":      {"Cards[1].Phones[0].Number", card(chatapi.ContactCard{Name: pat, Phones: []chatapi.ContactPhone{{}}})},
		"strange wa id":    {"Cards[1].Phones[0].WhatsAppID", card(chatapi.ContactCard{Name: pat, Phones: []chatapi.ContactPhone{{Number: "+12025550188", WhatsAppID: "+1"}}})},
		"empty email":      {"Cards[1].Emails[0].Address", card(chatapi.ContactCard{Name: pat, Emails: []chatapi.ContactEmail{{Type: "WORK"}}})},
		"empty page":       {"Cards[1].URLs[0].URL", card(chatapi.ContactCard{Name: pat, URLs: []chatapi.ContactURL{{}}})},
		"empty address":    {"Cards[1].Addresses[0]", card(chatapi.ContactCard{Name: pat, Addresses: []chatapi.ContactAddress{{Type: "HOME"}}})},
		"strange birthday": {"Cards[1].Birthday", card(chatapi.ContactCard{Name: pat, Birthday: "1990-02-30"})},

		"no buttons":           {"Buttons", chatapi.Buttons{Body: "?"}},
		"no button body":       {"Body", chatapi.Buttons{Buttons: yesOrNo}},
		"no button id":         {"Buttons[0].ID", chatapi.Buttons{Body: "?", Buttons: []chatapi.Button{{Title: "A"}}}},
		"no button title":      {"Buttons[0].Title", chatapi.Buttons{Body: "?", Buttons: []chatapi.Button{{ID: "a"}}}},
		"same button id":       {"Buttons[1].ID", chatapi.Buttons{Body: "?", Buttons: []chatapi.Button{{ID: "a", Title: "A"}, {ID: "a", Title: "B"}}}},
		"same button title":    {"Buttons[1].Title", chatapi.Buttons{Body: "?", Buttons: []chatapi.Button{{ID: "a", Title: "A"}, {ID: "b", Title: "A"}}}},
		"empty text header":    {"Header", chatapi.Buttons{Header: chatapi.HeaderText(""), Body: "?", Buttons: yesOrNo}},
		"header of bytes":      {"Header", chatapi.Buttons{Header: chatapi.HeaderImage(voice), Body: "?", Buttons: yesOrNo}},
		"header without media": {"Header", chatapi.Buttons{Header: chatapi.HeaderImage(chatapi.Media{}), Body: "?", Buttons: yesOrNo}},
		"header of a place":    {"Header", chatapi.Buttons{Header: chatapi.HeaderLocation(chatapi.Location{Name: "A"}), Body: "?", Buttons: yesOrNo}},
		"header with a name":   {"Header", chatapi.Buttons{Header: chatapi.HeaderNamedText("a", "A"), Body: "?", Buttons: yesOrNo}},
		"header of other id":   {"Header", chatapi.Buttons{Header: chatapi.HeaderImage(chatapi.MediaID("12", chatapi.TypeVideo)), Body: "?", Buttons: yesOrNo}},
		"no sections":          {"Sections", chatapi.List{Body: "?", Label: "Open"}},
		"no list label":        {"Label", chatapi.List{Body: "?", Sections: []chatapi.Section{{Rows: rows("a", 1)}}}},
		"no rows":              {"Sections[0].Rows", chatapi.List{Body: "?", Label: "Open", Sections: []chatapi.Section{{}}}},
		"untitled sections":    {"Sections[1].Title", chatapi.List{Body: "?", Label: "Open", Sections: []chatapi.Section{{Title: "A", Rows: rows("a", 1)}, {Rows: rows("b", 1)}}}},
		"same row id":          {"Sections[1].Rows[0].ID", chatapi.List{Body: "?", Label: "Open", Sections: []chatapi.Section{{Title: "A", Rows: rows("a", 1)}, {Title: "B", Rows: rows("a", 1)}}}},
		"no row title":         {"Sections[0].Rows[0].Title", chatapi.List{Body: "?", Label: "Open", Sections: []chatapi.Section{{Rows: []chatapi.Row{{ID: "a"}}}}}},
		"reaction to nothing":  {"MessageID", chatapi.Reaction{Emoji: "👍"}},
		"reaction in words":    {"Emoji", chatapi.Reaction{MessageID: "wamid.1", Emoji: "ok"}},
		"reaction of digits":   {"Emoji", chatapi.Reaction{MessageID: "wamid.1", Emoji: "1"}},
		"endless reaction":     {"Emoji", chatapi.Reaction{MessageID: "wamid.1", Emoji: runes(17)}},

		"custom without operation": {"Operation", chatapi.Custom{Body: json.RawMessage(`{}`)}},
		"custom with a path":       {"Operation", chatapi.Custom{Operation: "../other/sendPoll", Body: json.RawMessage(`{}`)}},
		"custom without body":      {"Body", custom(``)},
		"custom array":             {"Body", custom(`[]`)},
		"custom cut off":           {"Body", custom(`{"a":`)},
		"custom followed":          {"Body", custom(`{} {}`)},
		"custom twice":             {"Body", custom(`{"a":1,"a":2}`)},
		"custom recipient":         {"Body", custom(`{"phone":"12025550143"}`)},
		"custom chat":              {"Body", custom(`{"chatID":"12025550143@c.us"}`)},
		"custom username":          {"Body", custom(`{"username":"a"}`)},
		"custom BSUID":             {"Body", custom(`{"bsuid":"US.1"}`)},
		"custom token":             {"Body", custom(`{"Token":"x"}`)},
		"custom huge":              {"Body", custom(`{"a":"` + strings.Repeat("a", 24<<20) + `"}`)},

		"template sans name":     {"Name", chatapi.Template{Language: "en"}},
		"template sans language": {"Language", chatapi.Template{Name: "order_update"}},
		"template with space":    {"Name", chatapi.Template{Name: "order update", Language: "en"}},
		"language with space":    {"Language", chatapi.Template{Name: "order_update", Language: "en US"}},
		"strange namespace":      {"Namespace", chatapi.Template{Name: "order_update", Language: "en", Namespace: "a b"}},
		"empty value":            {"Body[1]", tmpl(chatapi.Params("Ann", "")...)},
		"value with line break":  {"Body[1]", tmpl(chatapi.Params("Ann", "a\nb")...)},
		"value with tab":         {"Body[0]", tmpl(chatapi.Params("a\tb")...)},
		"value with five spaces": {"Body[0]", tmpl(chatapi.Params("a     b")...)},
		"endless value":          {"Body[0]", tmpl(chatapi.Params(runes(32769))...)},
		"strange currency":       {"Body[0]", tmpl(chatapi.CurrencyParam("$1", "usd", 1000))},
		"empty date":             {"Body[0]", tmpl(chatapi.DateTimeParam(""))},
		"mixed names":            {"Body[1]", tmpl(chatapi.Param{Text: "a"}, chatapi.Param{Name: "b", Text: "b"})},
		"same names":             {"Body[1].Name", tmpl(chatapi.Param{Name: "b", Text: "a"}, chatapi.Param{Name: "b", Text: "b"})},
		"header value":           {"Header", chatapi.Template{Name: "a", Language: "en", Header: chatapi.HeaderText("a\nb")}},
		"template place":         {"Header.Latitude", chatapi.Template{Name: "a", Language: "en", Header: chatapi.HeaderLocation(chatapi.Location{Latitude: 91})}},
		"nameless place":         {"Header.Name", chatapi.Template{Name: "a", Language: "en", Header: chatapi.HeaderLocation(chatapi.Location{Latitude: 9})}},
		"empty button value":     {"Buttons[0]", withButtons(chatapi.URLButton(0, ""))},
		"zero button value":      {"Buttons[0]", withButtons(chatapi.ButtonParam{})},
		"negative button":        {"Buttons[0]", withButtons(chatapi.QuickReplyButton(-1, "a"))},
		"button too far":         {"Buttons[0]", withButtons(chatapi.QuickReplyButton(10, "a"))},
		"same button":            {"Buttons[1].Index", withButtons(chatapi.QuickReplyButton(1, "a"), chatapi.URLButton(1, "a"))},
		"flow data":              {"Buttons[0]", withButtons(chatapi.FlowButton(0, "t", map[string]any{"f": func() {}}))},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := offline(t).Prepare(ann, tc.message)
			assert.Nil(t, p)
			e := wrongField(t, err, chatapi.ErrInvalid, tc.field)
			if tc.field != "message" {
				assert.Contains(t, e.Sentence, "The message cannot be sent: the ")
				assert.NotContains(t, e.Sentence, "[", "an operator does not read Go")
			}
		})
	}
}

func TestReplyToGoesWithOneTargetOnly(t *testing.T) {
	_, err := offline(t).Prepare(ann, chatapi.Reaction{MessageID: "wamid.1", Emoji: "👍"}, chatapi.ReplyTo("wamid.2"))
	wrongField(t, err, chatapi.ErrInvalid, "ReplyTo")
	quoting := chatapi.Custom{Operation: "sendPoll", Body: json.RawMessage(`{"quotedMsgId":"wamid.1"}`)}
	_, err = offline(t).Prepare(ann, quoting, chatapi.ReplyTo("wamid.2"))
	wrongField(t, err, chatapi.ErrInvalid, "ReplyTo")
	_, err = offline(t).Prepare(ann, quoting)
	assert.NoError(t, err)
}

func TestTheSameMessageIsTheSameBytes(t *testing.T) {
	m := chatapi.Template{Name: "a", Language: "en", Header: chatapi.HeaderDocument(chatapi.MediaID("12", chatapi.TypeDocument), "a.pdf"),
		Body:    chatapi.NamedParams(map[string]string{"a": "1", "b": "2", "c": "3"}),
		Buttons: []chatapi.ButtonParam{chatapi.FlowButton(0, "tok", map[string]any{"a": 1, "b": 2, "c": 3, "d": 4})}}
	first, err := offline(t).Prepare(ann, m)
	require.NoError(t, err)
	for range 50 {
		again, err := offline(t).Prepare(ann, m)
		require.NoError(t, err)
		require.Equal(t, string(first.Body), string(again.Body), "the fingerprints of both would differ")
	}
}

func TestEmojis(t *testing.T) {
	for _, emoji := range []string{"👍", "❤️", "👩🏽‍💻", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣", "🇧🇷", "👨‍👩‍👧‍👦", "©️"} {
		_, err := offline(t).Prepare(ann, chatapi.Reaction{MessageID: "wamid.1", Emoji: emoji})
		assert.NoError(t, err, "%+q", emoji)
	}
}

// TestWhatPassesIsOneObjectWithOneRecipient checks each kind: the request is
// valid JSON with exactly one recipient and the unchanged text.
func TestWhatPassesIsOneObjectWithOneRecipient(t *testing.T) {
	client := offline(t)
	recipients := []chatapi.Recipient{ann, annsChat, chatapi.BSUID("US.1000000000000001"), chatapi.Username("sample.person")}
	passed := 0
	property := func(text, id string, which uint8, quoted bool) bool {
		if len(text) < 20 {
			text += `"\u2028</script>` + "\x00"
		}
		raw, _ := json.Marshal(map[string]string{"body": text})
		for _, m := range []chatapi.Message{
			chatapi.Text{Body: text},
			chatapi.File{Media: chatapi.MediaURL("https://files.example.com/a.pdf"), Caption: text},
			chatapi.Location{Latitude: 1, Name: text},
			chatapi.Contacts{Cards: []chatapi.ContactCard{{Name: chatapi.ContactName{First: text}}}},
			chatapi.Buttons{Body: text, Buttons: []chatapi.Button{{ID: id, Title: "A"}}},
			chatapi.List{Body: text, Label: "Open", Sections: []chatapi.Section{{Rows: []chatapi.Row{{ID: id, Title: "A"}}}}},
			chatapi.Template{Name: "a", Language: "en", Body: chatapi.Params(text)},
			chatapi.Custom{Operation: "sendPoll", Body: raw},
		} {
			var opts []chatapi.SendOption
			if quoted {
				opts = append(opts, chatapi.ReplyTo(id))
			}
			p, err := client.Prepare(recipients[int(which)%len(recipients)], m, opts...)
			if err != nil {
				var e *chatapi.Error
				if !errors.As(err, &e) || e.Kind != chatapi.ErrInvalid || e.Field == "" {
					t.Logf("%T: %v", m, err)
					return false
				}
				continue
			}
			passed++
			var members map[string]json.RawMessage
			if json.Unmarshal(p.Body, &members) != nil {
				t.Logf("%T: no object: %s", m, p.Body)
				return false
			}
			names := 0
			for _, name := range []string{"phone", "chatId", "bsuid", "username"} {
				names += strings.Count(string(p.Body), `"`+name+`":`)
			}
			shown, _ := json.Marshal(text)
			if names != 1 || members["token"] != nil || !strings.Contains(decoded(p.Body), decoded(shown)) {
				t.Logf("%T: %s", m, p.Body)
				return false
			}
		}
		return true
	}
	require.NoError(t, quick.Check(property, &quick.Config{MaxCount: 300}))
	assert.Greater(t, passed, 300, "too few messages passed the checks")
}

// decoded returns JSON with its escapes in a canonical form.
func decoded(data []byte) string {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return err.Error()
	}
	if s, ok := v.(string); ok {
		return s
	}
	return fmt.Sprint(v)
}

// A seed makes the ids of attempts repeatable. Without a seed they are random.
func TestAttemptIDs(t *testing.T) {
	ids := func(seed uint64) (ids []string) {
		client, err := chatapi.New("https://api.test/ABC1", opaqueToken, chatapi.WithRetry(chatapi.RetryPolicy{Seed: seed}),
			networkEnd(func(*http.Request) (*http.Response, error) { return reply(200, `{"sent":true,"id":"wamid.1"}`), nil }))
		require.NoError(t, err)
		for range 3 {
			receipt, err := client.Send(t.Context(), chatapi.Phone("12025550143"), chatapi.Text{Body: "hi"})
			require.NoError(t, err)
			require.Len(t, receipt.Attempt.ID, 32)
			ids = append(ids, receipt.Attempt.ID)
		}
		assert.NotEqual(t, ids[0], ids[1])
		return ids
	}
	assert.Equal(t, ids(7), ids(7))
	assert.NotEqual(t, ids(7), ids(8))
	assert.NotEqual(t, ids(0), ids(0))
}
