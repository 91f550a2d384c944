package chatapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/chatapi-go/chatapi"
)

const channelURL = "https://api.1msg.io/ABC100000001"

func connectMistakes(m *mistakes) {
	ctx := m.t.Context()
	m.try(chatapi.New("", opaqueToken))
	m.try(chatapi.New(channelURL, ""))
	m.try(chatapi.New(opaqueToken, channelURL))
	m.try(chatapi.New(opaqueToken, "api.1msg.io/ABC100000001"))
	m.try(chatapi.New("https://api.1msg.io/", opaqueToken))
	m.try(chatapi.New("ABC100000001", opaqueToken))
	m.try(chatapi.New("http://api.1msg.io/ABC100000001", opaqueToken))
	m.try(chatapi.New("https://api.1msg.io/ABC100000001/sendMessage", opaqueToken))
	m.try(chatapi.New("https://api.1msg.io/v1/channels/ABC100000001", opaqueToken))
	m.try(chatapi.New("https://app.1msg.io/dashboard", opaqueToken))
	m.try(chatapi.New("https://chat-api.com/en/cabinet/ABC100000001", opaqueToken))
	m.try(chatapi.New("https://user:password@api.1msg.io/ABC100000001", opaqueToken))
	m.try(chatapi.New(channelURL+"?token=another0token0001", opaqueToken))
	m.try(chatapi.New(channelURL, "true"))
	m.try(chatapi.New(channelURL, "sent"))
	m.try(chatapi.New(channelURL, "1234"))
	m.try(chatapi.New(channelURL, "my token"))
	m.try(chatapi.New(channelURL, jwt(`{"instanceId":"ABC200000002"}`)))
	m.try((*chatapi.Client)(nil).Send(ctx, ann, greeting))
	m.try((*chatapi.Client)(nil).Connect(ctx, chatapi.ConnectOptions{}))
	m.try((&chatapi.Client{}).Templates.Get(ctx, "order_update", "en"))
	m.try(m.client.Channel.GetStatus(context.Context(nil)))
	m.try((*chatapi.Channels)(nil).Put(channelURL, opaqueToken))
	m.fails(chatapi.NewChannels().SetWebhookSecrets("ABC100000001", "s3cret"))
	m.fails(withChannel().SetWebhookSecrets("ABC100000001", "s3cret", ""))
}

// withChannel returns a registry with one channel.
func withChannel() *chatapi.Channels {
	channels := chatapi.NewChannels()
	if _, err := channels.Put(channelURL, opaqueToken); err != nil {
		panic(err)
	}
	return channels
}

func optionMistakes(m *mistakes) {
	m.try(chatapi.New(channelURL, opaqueToken, chatapi.WithTimeout(0)))
	m.try(chatapi.New(channelURL, opaqueToken, chatapi.WithHTTPClient(nil)))
	m.try(chatapi.New(channelURL, opaqueToken, chatapi.WithMiddleware(nil)))
	m.try(chatapi.New(channelURL, opaqueToken, chatapi.WithTokenSource(nil)))
	m.try(chatapi.New(channelURL, opaqueToken, chatapi.WithRetry(chatapi.RetryPolicy{Attempts: -1})))
	m.try(chatapi.New(channelURL, opaqueToken, chatapi.WithPace(chatapi.Pace{PerSecond: -1})))
	m.fails(chatapi.NewWebhookHandler(nil).Err())
	m.fails(chatapi.NewWebhookHandler(ignore).Err())
	m.fails(chatapi.NewWebhookHandler(ignore, chatapi.WebhookSecret("")).Err())
	m.fails(chatapi.NewWebhookHandler(ignore, chatapi.WebhookSecret(" ")).Err())
	m.fails(chatapi.NewWebhookHandler(ignore, chatapi.WebhookSecret(`""`)).Err())
	m.fails(chatapi.NewWebhookHandler(ignore, chatapi.WebhookSecrets(nil)).Err())
	m.fails(chatapi.NewWebhookHandler(ignore, chatapi.WebhookMetaSignature("")).Err())
	m.fails(chatapi.NewWebhookHandler(ignore, chatapi.WebhookVerifyToken("")).Err())
	m.fails(chatapi.NewWebhookHandler(ignore, chatapi.WebhookTimeout(0)).Err())
	m.fails(chatapi.NewDeliveryHandler(store1, chatapi.WebhookMaxBody(-1)).Err())
}

func ignore(context.Context, chatapi.Event) error { return nil }

func store1(context.Context, *chatapi.Delivery) error { return nil }

func checkMistakes(m *mistakes) {
	info := &chatapi.TemplateInfo{Name: "order_update", Language: "pt_BR", Status: chatapi.TemplateApproved, Components: []chatapi.Component{
		{Type: chatapi.ComponentHeader, Format: chatapi.FormatImage},
		{Type: chatapi.ComponentBody, Text: "Hello {{1}}, your order {{2}} is ready."},
		{Type: chatapi.ComponentButtons, Buttons: []chatapi.TemplateButton{{Type: chatapi.ButtonTypeURL, Text: "Track", URL: "https://shop.example.com/{{1}}"}}}}}
	good := info.Use("Ann", "1001", "1001")
	good.Header = chatapi.HeaderImage(photo)
	with := func(change func(*chatapi.Template)) chatapi.Template {
		t := good
		change(&t)
		return t
	}
	status := func(s chatapi.TemplateStatus) *chatapi.TemplateInfo {
		other := *info
		other.Status, other.Reason = s, "INVALID_FORMAT"
		return &other
	}
	m.fails((*chatapi.TemplateInfo)(nil).Check(good))
	m.fails(info.Check(with(func(t *chatapi.Template) { t.Name = "order_updates" })))
	m.fails(info.Check(with(func(t *chatapi.Template) { t.Language = "pt" })))
	m.fails(info.Check(with(func(t *chatapi.Template) { t.Body = chatapi.Params("Ann") })))
	m.fails(info.Check(with(func(t *chatapi.Template) {
		t.Body = chatapi.NamedParams(map[string]string{"name": "Ann", "order": "1"})
	})))
	m.fails(info.Check(with(func(t *chatapi.Template) { t.Header = chatapi.Header{} })))
	m.fails(info.Check(with(func(t *chatapi.Template) { t.Header = chatapi.HeaderText("Ann") })))
	m.fails(info.Check(with(func(t *chatapi.Template) { t.Buttons = nil })))
	m.fails(info.Check(with(func(t *chatapi.Template) { t.Buttons = []chatapi.ButtonParam{chatapi.URLButton(1, "1001")} })))
	m.fails(info.Check(with(func(t *chatapi.Template) { t.Buttons = []chatapi.ButtonParam{chatapi.CopyCodeButton(0, "SALE")} })))
	m.fails(status(chatapi.TemplatePending).Check(good))
	m.fails(status(chatapi.TemplatePaused).Check(good))
	m.fails(status(chatapi.TemplateRejected).Check(good))
	m.try((&chatapi.TemplateInfo{Name: "order_update", Language: "en"}).Preview(chatapi.Template{Name: "order_update", Language: "en"}))
}

func draftMistakes(m *mistakes) {
	client, ctx := m.client, m.t.Context()
	draft := func(parts ...chatapi.Component) chatapi.TemplateDraft {
		return chatapi.TemplateDraft{Name: "order_update", Category: "utility", Language: "en", Components: parts}
	}
	body := chatapi.Component{Type: "body", Text: "Your order is ready."}
	m.try(client.Templates.Get(ctx, "", "en"))
	m.try(client.Templates.Get(ctx, "order_update", ""))
	m.fails(client.Templates.Delete(ctx, ""))
	m.try(client.Templates.Create(ctx, chatapi.TemplateDraft{Name: "Order Update", Category: "utility", Language: "en", Components: []chatapi.Component{body}}))
	m.try(client.Templates.Create(ctx, chatapi.TemplateDraft{Name: "order_update", Language: "en", Components: []chatapi.Component{body}}))
	m.try(client.Templates.Create(ctx, chatapi.TemplateDraft{Name: "order_update", Category: "utility", Language: "pt-BR", Components: []chatapi.Component{body}}))
	m.try(client.Templates.Create(ctx, draft()))
	m.try(client.Templates.Create(ctx, draft(chatapi.Component{Type: "footer", Text: "Bye"})))
	m.try(client.Templates.Create(ctx, draft(chatapi.Component{Text: "Your order is ready."})))
	m.try(client.Templates.Create(ctx, draft(body, body)))
	m.try(client.Templates.Create(ctx, draft(chatapi.Component{Type: "body", Text: "Hello {{1}}!"})))
	m.try(client.Templates.Create(ctx, draft(chatapi.Component{Type: "body", Text: "Hello {{2}}!", Example: []string{"Ann"}})))
	m.try(client.Templates.Create(ctx, draft(chatapi.Component{Type: "body", Text: "Hello {{1}} and {{name}}!", Example: []string{"Ann", "Bo"}})))
	m.try(client.Templates.Create(ctx, draft(body, chatapi.Component{Type: "header", Text: "News"})))
	m.try(client.Templates.Create(ctx, draft(body, chatapi.Component{Type: "footer", Text: "Bye {{1}}", Example: []string{"Ann"}})))
	m.try(client.Templates.Create(ctx, draft(body, chatapi.Component{Type: "buttons"})))
	m.try(client.Templates.Create(ctx, draft(body, chatapi.Component{Type: "buttons", Buttons: []chatapi.TemplateButton{{Type: "url", Text: "Track", URL: "https://shop.example.com/{{1}}/x", Example: "1"}}})))
	m.try(client.Templates.Create(ctx, draft(body, chatapi.Component{Type: "buttons", Buttons: []chatapi.TemplateButton{{Type: "url", Text: "Track", URL: "https://shop.example.com/{{1}}"}}})))
	m.try(client.Templates.Create(ctx, draft(body, chatapi.Component{Type: "buttons", Buttons: []chatapi.TemplateButton{{Type: "quick_reply", Text: "Yes, please send it to me"}, {Type: "quick_reply", Text: "No, please do not send it"}, {Type: "quick_reply", Text: "I would rather talk to somebody"}}})))
	m.try(client.Templates.Create(ctx, draft(body, chatapi.Component{Type: "buttons", Buttons: []chatapi.TemplateButton{{Type: "phone_number", Text: "Call", Phone: "call us"}}})))
}

func preparedMistakes(m *mistakes) {
	client, ctx := m.client, m.t.Context()
	prepared, _ := client.Prepare(ann, greeting)
	changed := func(change func(*chatapi.Prepared)) *chatapi.Prepared {
		p := *prepared
		change(&p)
		return &p
	}
	attempt := prepared.Attempt(time.Unix(1_790_000_000, 0))
	other, _ := client.Prepare(ann, chatapi.Text{Body: "Bye"})
	m.try(client.SendPrepared(ctx, nil))
	m.try(client.SendPrepared(ctx, &chatapi.Prepared{}))
	m.try(client.SendPrepared(ctx, changed(func(p *chatapi.Prepared) { p.Channel = "ABC200000002" })))
	m.try(client.SendPrepared(ctx, changed(func(p *chatapi.Prepared) { p.Version = 9 })))
	m.try(client.SendPrepared(ctx, changed(func(p *chatapi.Prepared) { p.Body = nil })))
	m.try(client.SendPrepared(ctx, changed(func(p *chatapi.Prepared) { p.Operation = "" })))
	m.try(client.SendPrepared(ctx, other, chatapi.UnderAttempt(attempt)))
	m.try(client.SendPrepared(ctx, prepared, chatapi.UnderAttempt(chatapi.Attempt{})))
	m.try(client.SendPrepared(ctx, prepared, chatapi.UnderAttempt(prepared.Attempt(time.Time{}))))
	m.try(client.Send(ctx, ann, prepared))
	m.try(client.Resolve(ctx, chatapi.Attempt{}))
	m.try(client.Resolve(ctx, chatapi.Attempt{Channel: "ABC200000002", To: ann, Started: attempt.Started}))
}

func webhookMistakes(m *mistakes) {
	client, ctx := m.client, m.t.Context()
	m.fails(client.Webhooks.Add(ctx, ""))
	m.fails(client.Webhooks.Add(ctx, "desk.example/hooks/s3cret"))
	m.fails(client.Webhooks.Add(ctx, "http://desk.example/hooks/s3cret"))
	m.fails(client.Webhooks.Add(ctx, "ftp://desk.example/hooks/s3cret"))
	m.fails(client.Webhooks.Add(ctx, "https://desk.example/#s3cret"))
	m.fails(client.Webhooks.Set(ctx))
	m.fails(client.Webhooks.Set(ctx, "https://a.example", "https://b.example", "https://c.example", "https://d.example", "https://e.example", "https://f.example"))
	m.fails(client.Messages.Poll(ctx, chatapi.PollOptions{}, nil))
	m.fails(client.Messages.MarkRead(ctx, "", false))
}

func serviceMistakes(m *mistakes) {
	client, ctx := m.client, m.t.Context()
	m.try(client.Groups.Create(ctx, chatapi.GroupDraft{}))
	m.try(client.Groups.Get(ctx, ""))
	m.fails(client.Groups.Update(ctx, "120363000000000001", chatapi.GroupPatch{}))
	m.fails(client.Groups.Update(ctx, "120363000000000001", chatapi.GroupPatch{Subject: new("")}))
	m.fails(client.Settings.Update(ctx, chatapi.SettingsPatch{}))
	m.fails(client.Profile.Update(ctx, chatapi.ProfilePatch{}))
	m.try(client.Flows.Create(ctx, chatapi.FlowDraft{}))
	m.try(client.Flows.Create(ctx, chatapi.FlowDraft{Name: "booking", Categories: []chatapi.FlowCategory{chatapi.FlowOther}, JSON: json.RawMessage("[]")}))
}

func refusalMistakes(m *mistakes) {
	client, ctx := m.client, m.t.Context()
	m.answers(401, `{"error":"invalid or expired token"}`)
	m.try(client.Send(ctx, ann, greeting))
	m.answers(401, `{"error":"Wrong token for channel \"ABC100000001\""}`)
	m.try(client.Send(ctx, ann, greeting))
	m.answers(403, "Your trial period has expired")
	m.try(client.Send(ctx, ann, greeting))
	m.answers(429, `{"error":"Too many requests"}`)
	m.try(client.Send(ctx, ann, greeting))
	m.answers(502, "<html><title>Bad gateway</title></html>")
	m.try(client.Send(ctx, ann, greeting))
	m.answers(200, "<html><title>Welcome</title></html>")
	m.try(client.Send(ctx, ann, greeting))
	m.try(client.Settings.Get(ctx))
	m.answers(200, `{"sent":false,"message":"Dialog window is closed"}`)
	m.try(client.Send(ctx, ann, greeting))
	m.answers(200, `{"sent":false,"error":{"code":131026,"message":"Message undeliverable"}}`)
	m.try(client.Send(ctx, ann, greeting))
	m.answers(200, `{"sent":false,"error":{"code":131049,"message":"healthy ecosystem engagement"}}`)
	m.try(client.Send(ctx, ann, greeting))
	m.answers(200, `{"sent":false,"error":{"code":131050,"message":"User has stopped marketing messages"}}`)
	m.try(client.Send(ctx, ann, greeting))
	m.answers(200, `{"sent":false,"error":{"code":131056,"message":"pair rate limit hit"}}`)
	m.try(client.Send(ctx, ann, greeting))
	m.answers(200, `{"sent":false,"error":{"code":131042,"message":"Business eligibility payment issue"}}`)
	m.try(client.Send(ctx, ann, greeting))
	m.answers(200, `{"sent":false,"error":{"code":131031,"message":"Account has been locked"}}`)
	m.try(client.Send(ctx, ann, greeting))
	m.answers(200, `{"sent":false,"error":{"code":131053,"message":"Media upload error"}}`)
	m.try(client.Send(ctx, ann, chatapi.File{Media: photo}))
	m.answers(200, `{"sent":false,"message":"no such thing"}`)
	m.try(client.Send(ctx, ann, greeting))
	m.answers(200, `{"messages":[],"notice":"History storage is disabled"}`)
	m.fails(first(client.Messages.All(ctx, chatapi.HistoryFilter{})))
}

func templateRefusalMistakes(m *mistakes) {
	client, ctx := m.client, m.t.Context()
	update := chatapi.Template{Name: "order_update", Language: "en", Body: chatapi.Params("Ann")}
	m.answers(200, `{"sent":false,"error":{"code":132001,"message":"Template name does not exist in the translation"}}`)
	m.try(client.Send(ctx, ann, update))
	m.answers(200, `{"sent":false,"error":{"code":132000,"message":"Number of parameters does not match"}}`)
	m.try(client.Send(ctx, ann, update))
	m.answers(200, `{"sent":false,"error":{"code":132012,"message":"Template Parameter format mismatch"}}`)
	m.try(client.Send(ctx, ann, update))
	m.answers(200, `{"sent":false,"error":{"code":132015,"message":"Template is Paused"}}`)
	m.try(client.Send(ctx, ann, update))
	m.answers(200, `{"sent":false,"error":{"code":132016,"message":"Template is Disabled"}}`)
	m.try(client.Send(ctx, ann, update))
	m.answers(200, `{"sent":false,"error":{"code":131061,"message":"Marketing templates containing bid_spec are not supported by the Cloud API"}}`)
	m.try(client.Send(ctx, ann, update))
	m.answers(200, `{"sent":false,"error":{"code":131065,"message":"Max price is not available in this country"}}`)
	m.try(client.Send(ctx, ann, update))
	m.answers(400, `{"message":"template is not defined"}`)
	m.try(client.Send(ctx, ann, update))
	m.answers(200, `{"templates":[{"name":"order_update","language":"pt_BR"},{"name":"order_update","language":"es"},{"name":"welcome","language":"en"}]}`)
	m.try(client.Templates.Get(ctx, "order_updates", "en"))
	m.try(client.Templates.Get(ctx, "order_update", "en"))
	m.try(client.Templates.Get(ctx, "order_update", "pt"))
	m.try(client.Templates.Get(ctx, "en", "welcome"))
	m.try(client.Templates.Get(ctx, "goodbye", "en"))
	m.answers(200, `{"templates":[]}`)
	m.try(client.Templates.Get(ctx, "order_update", "en"))
}

func missingMistakes(m *mistakes) {
	client, ctx := m.client, m.t.Context()
	m.answers(http.StatusNotFound, `{"error":"unknown method"}`)
	m.try(client.Send(ctx, ann, chatapi.Custom{Operation: "sendMesage", Body: json.RawMessage(`{"body":"Hello"}`)}))
	m.try(client.Send(ctx, ann, greeting))
	m.try(client.Channel.GetStatus(ctx))
	m.try(client.Catalog.ListCommerce(ctx))
	m.answers(http.StatusNotFound, "not found")
	m.try(client.Send(ctx, ann, chatapi.Custom{Operation: "sendSurvey", Body: json.RawMessage(`{"body":"Hello"}`)}))
	m.try(client.Groups.Get(ctx, "120363000000000009"))
	m.fails(client.Media.Delete(ctx, "1000000001"))
	m.try(client.Flows.Get(ctx, "1000000001"))
	m.answers(200, `{"response":{"error":{"code":131041,"message":"Group unknown"}}}`)
	m.try(client.Groups.Get(ctx, "120363000000000009"))
	m.try(client.Groups.GetInviteLink(ctx, "120363000000000009"))
}
