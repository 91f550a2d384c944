package chatapi_test

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
)

var (
	greeting = chatapi.Text{Body: "Hello"}
	photo    = chatapi.MediaURL("https://shop.example.com/photo.jpg")
	webm     = []byte("\x1aE\xdf\xa3\x01\x00\x00\x00\x00\x00\x00\x1fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm")
)

func recipientMistakes(m *mistakes) {
	client, ctx := m.client, m.t.Context()
	m.try(client.Send(ctx, chatapi.Recipient{}, greeting))
	m.try(client.Send(ctx, chatapi.Phone(""), greeting))
	m.try(client.Send(ctx, chatapi.Phone("12"), greeting))
	m.try(client.Send(ctx, chatapi.Phone("1234567890123456"), greeting))
	m.try(client.Send(ctx, chatapi.Phone("0043 1 234567"), greeting))
	m.try(client.Send(ctx, chatapi.Phone("07700 900123"), greeting))
	m.try(client.Send(ctx, chatapi.Phone("(202) 555-0143"), greeting))
	m.try(client.Send(ctx, chatapi.Phone("+1-800-FLOWERS"), greeting))
	m.try(client.Send(ctx, chatapi.Phone("+1 202 555 0143 / +1 202 555 0144"), greeting))
	m.try(client.Send(ctx, chatapi.Phone("1.20256E+10"), greeting))
	m.try(client.Send(ctx, chatapi.Phone("US.1000000000000001"), greeting))
	m.try(client.Send(ctx, chatapi.Phone("12025550143@c.us"), greeting))
	m.try(client.Send(ctx, chatapi.Phone("@ann"), greeting))
	m.try(client.Send(ctx, chatapi.Phone("https://wa.me/message/ABCDEF"), greeting))
	m.try(client.Send(ctx, chatapi.Chat(""), greeting))
	m.try(client.Send(ctx, chatapi.Chat("12025550143"), greeting))
	m.try(client.Send(ctx, chatapi.Chat("ann"), greeting))
	m.try(client.Send(ctx, chatapi.Chat("US.1000000000000001"), greeting))
	m.try(client.Send(ctx, chatapi.Chat("100000000000001@lid"), greeting))
	m.try(client.Send(ctx, chatapi.BSUID(""), greeting))
	m.try(client.Send(ctx, chatapi.BSUID("12025550143"), greeting))
	m.try(client.Send(ctx, chatapi.Username(""), greeting))
	m.try(client.Send(ctx, chatapi.Username("Ann Lee"), greeting))
}

func parseMistakes(m *mistakes) {
	client, ctx := m.client, m.t.Context()
	m.try(chatapi.ParseRecipient(""))
	m.try(chatapi.ParseRecipient("12"))
	m.try(chatapi.ParseRecipient("hello"))
	m.try(chatapi.ParseRecipient("ann@"))
	m.try(chatapi.ParseRecipient("(202) 555-0143"))
	m.try(chatapi.ParseRecipient("0043 1 234567"))
	m.try(chatapi.ParseRecipient("phone:"))
	m.try(chatapi.ParseRecipient("+1 202 555 0143 ext. 5"))
	m.try(chatapi.ParseRecipient("1,20256E+10"))
	m.fails(client.Users.Block(ctx, chatapi.Recipient{}))
	m.fails(client.Users.Block(ctx, chatapi.Phone("12")))
	m.fails(client.Users.Block(ctx, chatapi.Username("ann")))
	m.fails(first(client.Messages.All(ctx, chatapi.HistoryFilter{Chat: "12025550143"})))
	m.fails(first(client.Messages.All(ctx, chatapi.HistoryFilter{Chat: "Ann"})))
}

func fileMistakes(m *mistakes) {
	client, ctx := m.client, m.t.Context()
	m.try(client.Send(ctx, ann, nil))
	m.try(client.Send(ctx, ann, (*chatapi.Text)(nil)))
	m.try(client.Send(ctx, ann, chatapi.Text{}))
	m.try(client.Send(ctx, ann, chatapi.Text{Body: strings.Repeat("a", 5000)}))
	m.try(client.Send(ctx, ann, chatapi.Text{Body: "Gr\xfc\xdfe"}))
	m.try(client.Send(ctx, ann, chatapi.File{}))
	m.try(client.Send(ctx, ann, chatapi.File{Media: chatapi.MediaURL("photo.jpg")}))
	m.try(client.Send(ctx, ann, chatapi.File{Media: chatapi.MediaURL("data:image/png;base64,AAAA")}))
	m.try(client.Send(ctx, ann, chatapi.File{Media: chatapi.MediaURL("https://shop.example.com/invoice")}))
	m.try(client.Send(ctx, ann, chatapi.File{Media: photo, Name: "photo"}))
	m.try(client.Send(ctx, ann, chatapi.File{Media: photo, Name: "C:\\photos\\photo.jpg"}))
	m.try(client.Send(ctx, ann, chatapi.File{Media: photo, Caption: strings.Repeat("a", 1025)}))
	m.try(client.Send(ctx, ann, chatapi.File{Media: photo, Voice: true}))
	m.try(client.Send(ctx, ann, chatapi.File{Media: chatapi.MediaURL("https://shop.example.com/a.ogg"), Voice: true, Caption: "Hi"}))
	m.try(client.Send(ctx, ann, chatapi.File{Media: chatapi.MediaURL("https://shop.example.com/memo.webm")}))
	m.try(client.Send(ctx, ann, chatapi.File{Media: chatapi.MediaBytes("memo.webm", webm)}))
	m.try(client.Send(ctx, ann, chatapi.File{Media: chatapi.MediaBytes("memo", webm).WithMIMEType("audio/webm; codecs=opus")}))
	m.try(client.Send(ctx, ann, chatapi.File{Media: chatapi.MediaBytes("a.pdf", nil)}))
	m.try(client.Send(ctx, ann, chatapi.File{Media: chatapi.MediaBytes("a.pdf", make([]byte, 17<<20))}))
	m.try(client.Send(ctx, ann, chatapi.File{Media: chatapi.MediaBytes("a.pdf", []byte("%PDF-1.7")).WithMIMEType("pdf")}))
	m.try(client.Send(ctx, ann, chatapi.File{Media: chatapi.MediaID("1234567890", "photo")}))
	m.try(client.Send(ctx, ann, chatapi.Sticker{Media: chatapi.MediaBytes("wave.webp", []byte("RIFF"))}))
	m.try(client.Send(ctx, ann, chatapi.Sticker{Media: chatapi.MediaID("1234567890", chatapi.TypeImage)}))
	m.try(chatapi.ReadMedia("a.pdf", nil))
	m.try(chatapi.ReadMedia("a.pdf", blank()))
	m.try(client.Media.Upload(ctx, chatapi.Media{}))
	m.try(client.Media.Upload(ctx, chatapi.MediaID("1234567890", chatapi.TypeImage)))
	m.try(client.Media.Get(ctx, ""))
	m.fails(client.Media.Delete(ctx, ".."))
}

func placeMistakes(m *mistakes) {
	client, ctx := m.client, m.t.Context()
	m.try(client.Send(ctx, ann, chatapi.Location{}))
	m.try(client.Send(ctx, ann, chatapi.Location{Latitude: 151.2, Longitude: -33.8}))
	m.try(client.Send(ctx, ann, chatapi.Location{Latitude: 52.5, Longitude: 1340}))
	m.try(client.Send(ctx, ann, chatapi.Location{Latitude: 52.5, Longitude: 13.4, Address: "1 Main St"}))
	m.try(client.Send(ctx, ann, chatapi.Contacts{}))
	m.try(client.Send(ctx, ann, chatapi.Contacts{Cards: []chatapi.ContactCard{{}}}))
	m.try(client.Send(ctx, ann, chatapi.Contacts{Cards: []chatapi.ContactCard{{Name: chatapi.ContactName{First: "Bo"}, Phones: []chatapi.ContactPhone{{Number: "+1 202 555 0143", WhatsAppID: "+12025550143"}}}}}))
	m.try(client.Send(ctx, ann, chatapi.Contacts{Cards: []chatapi.ContactCard{{Name: chatapi.ContactName{First: "Bo"}, Birthday: "31.12.1990"}}}))
	m.try(client.Send(ctx, ann, chatapi.Reaction{Emoji: "👍"}))
	m.try(client.Send(ctx, ann, chatapi.Reaction{MessageID: "wamid.1", Emoji: ":)"}))
	m.try(client.Send(ctx, ann, chatapi.Reaction{MessageID: "wamid.1", Emoji: "👍"}, chatapi.ReplyTo("wamid.1")))
	m.try(client.Send(ctx, ann, chatapi.Custom{Operation: "send poll", Body: json.RawMessage(`{}`)}))
	m.try(client.Send(ctx, ann, chatapi.Custom{Operation: "sendPoll"}))
	m.try(client.Send(ctx, ann, chatapi.Custom{Operation: "sendPoll", Body: json.RawMessage(`{"phone":"12025550143"}`)}))
	m.try(client.Send(ctx, ann, chatapi.Custom{Operation: "sendPoll", Body: json.RawMessage(`{"token":"q0w9e8r7t6y5u4i3"}`)}))
}

func buttonMistakes(m *mistakes) {
	client, ctx := m.client, m.t.Context()
	yes, no := chatapi.Button{ID: "1", Title: "Yes"}, chatapi.Button{ID: "2", Title: "No"}
	row := chatapi.Row{ID: "1", Title: "Tea"}
	m.try(client.Send(ctx, ann, chatapi.Buttons{Body: "Sure?"}))
	m.try(client.Send(ctx, ann, chatapi.Buttons{Buttons: []chatapi.Button{yes, no}}))
	m.try(client.Send(ctx, ann, chatapi.Buttons{Body: "Sure?", Buttons: []chatapi.Button{{Title: "Yes"}}}))
	m.try(client.Send(ctx, ann, chatapi.Buttons{Body: "Sure?", Buttons: []chatapi.Button{yes, {ID: "1", Title: "No"}}}))
	m.try(client.Send(ctx, ann, chatapi.Buttons{Body: "Sure?", Buttons: []chatapi.Button{yes, {ID: "2", Title: "No, thank you very much"}}}))
	m.try(client.Send(ctx, ann, chatapi.Buttons{Body: "Sure?", Buttons: []chatapi.Button{yes, no, {ID: "3", Title: "Later"}, {ID: "4", Title: "Never"}}}))
	m.try(client.Send(ctx, ann, chatapi.Buttons{Header: chatapi.HeaderLocation(chatapi.Location{Latitude: 1, Name: "Shop"}), Body: "Sure?", Buttons: []chatapi.Button{yes}}))
	m.try(client.Send(ctx, ann, chatapi.Buttons{Header: chatapi.HeaderImage(chatapi.MediaBytes("a.png", []byte("PNG"))), Body: "Sure?", Buttons: []chatapi.Button{yes}}))
	m.try(client.Send(ctx, ann, chatapi.Buttons{Header: chatapi.HeaderVideo(chatapi.MediaURL("https://shop.example.com/a.webm")), Body: "Sure?", Buttons: []chatapi.Button{yes}}))
	m.try(client.Send(ctx, ann, chatapi.List{Body: "Pick", Label: "Open"}))
	m.try(client.Send(ctx, ann, chatapi.List{Body: "Pick", Label: "Open", Sections: []chatapi.Section{{Title: "Drinks"}}}))
	m.try(client.Send(ctx, ann, chatapi.List{Body: "Pick", Sections: []chatapi.Section{{Rows: []chatapi.Row{row}}}}))
	m.try(client.Send(ctx, ann, chatapi.List{Body: "Pick", Label: "Open", Sections: []chatapi.Section{{Rows: []chatapi.Row{row}}, {Rows: []chatapi.Row{{ID: "2", Title: "Cake"}}}}}))
	m.try(client.Send(ctx, ann, chatapi.List{Body: "Pick", Label: "Open", Sections: []chatapi.Section{{Rows: []chatapi.Row{row, row}}}}))
	m.try(client.Send(ctx, ann, chatapi.List{Body: "Pick", Label: "Open", Sections: []chatapi.Section{{Title: "A", Rows: rows("a", 6)}, {Title: "B", Rows: rows("b", 6)}}}))
	m.try(client.Send(ctx, ann, chatapi.List{Body: "Pick", Label: "Open the list of all drinks", Sections: []chatapi.Section{{Rows: []chatapi.Row{row}}}}))
	m.try(client.Send(ctx, ann, chatapi.LinkMessage{Body: "Track", Label: "Track"}))
	m.try(client.Send(ctx, ann, chatapi.LinkMessage{Body: "Track", Label: "Track", URL: "shop.example.com"}))
	m.try(client.Send(ctx, ann, chatapi.LocationRequest{}))
}

func shopMistakes(m *mistakes) {
	client, ctx := m.client, m.t.Context()
	m.try(client.Send(ctx, ann, chatapi.AddressRequest{Body: "Where to?"}))
	m.try(client.Send(ctx, indian, chatapi.AddressRequest{Body: "Where to?", Country: "US"}))
	m.try(client.Send(ctx, ann, chatapi.Flow{Token: "t", Label: "Book", Body: "Book a slot"}))
	m.try(client.Send(ctx, ann, chatapi.Flow{ID: "1", Label: "Book", Body: "Book a slot"}))
	m.try(client.Send(ctx, ann, chatapi.Flow{ID: "1", Token: "t", Label: "Book", Body: "Book a slot", Data: map[string]any{"day": 1}}))
	m.try(client.Send(ctx, ann, chatapi.Flow{ID: "1", Token: "t", Label: "Book", Body: "Book a slot", Screen: "A", Data: map[string]any{"f": func() {}}}))
	m.try(client.Send(ctx, ann, chatapi.Product{ID: "SKU-1"}))
	m.try(client.Send(ctx, ann, chatapi.Product{Catalog: "100000000000011"}))
	m.try(client.Send(ctx, ann, chatapi.ProductList{Catalog: "100000000000011", Header: "Spring", Body: "New"}))
	m.try(client.Send(ctx, indian, chatapi.OrderDetails{Template: chatapi.Template{Name: "order", Language: "en"}}))
	m.try(client.Send(ctx, indian, chatapi.OrderDetails{Template: chatapi.Template{Name: "order", Language: "en", Namespace: "a1"}, Order: chatapi.Order{Items: []chatapi.OrderItem{{Name: "Mug", Quantity: 1}}}}))
	m.try(client.Send(ctx, indian, chatapi.OrderDetails{Template: chatapi.Template{Name: "order", Language: "en", Namespace: "a1"}, Currency: "rupees"}))
	m.try(client.Send(ctx, indian, chatapi.PaymentRequest{Region: "US"}))
	m.try(client.Send(ctx, annsChat, chatapi.PaymentRequest{Region: "IN"}))
	m.try(client.Send(ctx, ann, chatapi.Carousel{Body: "Two offers", Cards: []chatapi.Card{{Header: chatapi.HeaderImage(photo)}}}))
	m.try(client.Send(ctx, ann, chatapi.Carousel{Body: "Two offers", Cards: []chatapi.Card{{Label: "Open", URL: "https://shop.example.com"}, {Label: "Open", URL: "https://shop.example.com"}}}))
	m.try(client.Send(ctx, ann, chatapi.Carousel{Body: "Two offers", Cards: []chatapi.Card{{Header: cardImage(1), Label: "Open", URL: "https://shop.example.com"}, {Header: cardImage(2), Replies: yesOrNo}}}))
}

func templateMistakes(m *mistakes) {
	client, ctx := m.client, m.t.Context()
	hidden := chatapi.BSUID("US.1000000000000001")
	m.try(client.Send(ctx, ann, chatapi.Template{}))
	m.try(client.Send(ctx, ann, chatapi.Template{Name: "Order Update", Language: "en"}))
	m.try(client.Send(ctx, ann, chatapi.Template{Name: "order-update", Language: "en"}))
	m.try(client.Send(ctx, ann, chatapi.Template{Name: "größe", Language: "en"}))
	m.try(client.Send(ctx, ann, chatapi.Template{Name: "order_update"}))
	m.try(client.Send(ctx, ann, chatapi.Template{Name: "order_update", Language: "pt-BR"}))
	m.try(client.Send(ctx, ann, chatapi.Template{Name: "order_update", Language: "en", Namespace: "my namespace"}))
	m.try(client.Send(ctx, hidden, chatapi.Template{Name: "login_code", Language: "en", Category: "AUTHENTICATION"}))
	m.try(client.Send(ctx, ann, chatapi.Template{Name: "sale", Language: "en", TTL: time.Hour}))
	m.try(client.Send(ctx, ann, chatapi.Template{Name: "sale", Language: "en", Category: "MARKETING", TTL: time.Hour}))
	m.try(client.Send(ctx, ann, chatapi.Template{Name: "sale", Language: "en", Category: "UTILITY", TTL: 90500 * time.Millisecond}))
	m.try(client.Send(ctx, ann, chatapi.Template{Name: "sale", Language: "en", Category: "UTILITY", MarketingLite: true}))
	m.try(client.Send(ctx, ann, chatapi.Template{Name: "sale", Language: "en", OfferExpires: time.Unix(-1, 0)}))
	m.try(client.Send(ctx, ann, chatapi.Template{Name: "sale", Language: "en", Cards: []chatapi.TemplateCard{{}}}))
}

func valueMistakes(m *mistakes) {
	client, ctx := m.client, m.t.Context()
	with := func(change func(*chatapi.Template)) chatapi.Template {
		t := chatapi.Template{Name: "order_update", Language: "en"}
		change(&t)
		return t
	}
	m.try(client.Send(ctx, ann, with(func(t *chatapi.Template) { t.Body = chatapi.Params("Ann", "") })))
	m.try(client.Send(ctx, ann, with(func(t *chatapi.Template) { t.Body = chatapi.Params("Ann", "1 Main St\nBerlin") })))
	m.try(client.Send(ctx, ann, with(func(t *chatapi.Template) { t.Body = chatapi.Params("a\tb") })))
	m.try(client.Send(ctx, ann, with(func(t *chatapi.Template) { t.Body = chatapi.Params("a     b") })))
	m.try(client.Send(ctx, ann, with(func(t *chatapi.Template) { t.Body = []chatapi.Param{{Text: "Ann"}, {Name: "order", Text: "1001"}} })))
	m.try(client.Send(ctx, ann, with(func(t *chatapi.Template) { t.Body = []chatapi.Param{{Name: "a", Text: "1"}, {Name: "a", Text: "2"}} })))
	m.try(client.Send(ctx, ann, with(func(t *chatapi.Template) { t.Body = []chatapi.Param{chatapi.CurrencyParam("$1", "usd", 1000)} })))
	m.try(client.Send(ctx, ann, with(func(t *chatapi.Template) { t.Header = chatapi.HeaderText("") })))
	m.try(client.Send(ctx, ann, with(func(t *chatapi.Template) { t.Header = chatapi.HeaderImage(chatapi.MediaURL("photo.jpg")) })))
	m.try(client.Send(ctx, ann, with(func(t *chatapi.Template) { t.Header = chatapi.HeaderImage(chatapi.MediaID("1", chatapi.TypeVideo)) })))
	m.try(client.Send(ctx, ann, with(func(t *chatapi.Template) { t.Header = chatapi.HeaderLocation(chatapi.Location{Latitude: 1}) })))
	m.try(client.Send(ctx, ann, with(func(t *chatapi.Template) { t.Header = chatapi.HeaderProduct("", "SKU-1") })))
	m.try(client.Send(ctx, ann, with(func(t *chatapi.Template) { t.Buttons = []chatapi.ButtonParam{{}} })))
	m.try(client.Send(ctx, ann, with(func(t *chatapi.Template) { t.Buttons = []chatapi.ButtonParam{chatapi.URLButton(12, "1001")} })))
	m.try(client.Send(ctx, ann, with(func(t *chatapi.Template) { t.Buttons = []chatapi.ButtonParam{chatapi.URLButton(0, "")} })))
	m.try(client.Send(ctx, ann, with(func(t *chatapi.Template) {
		t.Buttons = []chatapi.ButtonParam{chatapi.URLButton(0, "1"), chatapi.URLButton(0, "2")}
	})))
	m.try(client.Send(ctx, ann, with(func(t *chatapi.Template) { t.Buttons = []chatapi.ButtonParam{chatapi.OrderDetailsButton(0, nil)} })))
}
