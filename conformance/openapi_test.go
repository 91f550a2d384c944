package conformance_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// A step gets the error of one call of a scenario.
type step func(name string, err error)

// live calls every family, on objects that exist, so that the service has
// something to answer.
func live(ctx context.Context, api *chatapitest.API, c client, step step) {
	customer := api.Customer("12025550143").Named("Ann").WithUsername("ann.example")
	hello := customer.Says("hi")
	api.Customer("919800000000").Says("hi")
	step("webhooks", c.Webhooks.Add(ctx, "https://desk.example/one"))
	step("webhooks", c.Webhooks.Add(ctx, "https://desk.example/two"))
	step("webhooks", got(c.Webhooks.List(ctx)))
	step("settings", got(c.Settings.Get(ctx)))
	step("webhooks", c.Webhooks.Set(ctx, "https://desk.example/one"))
	step("webhooks", c.Webhooks.Enable(ctx))
	step("connect", got(c.Connect(ctx, chatapi.ConnectOptions{WebhookURL: "https://desk.example/two"})))
	step("webhooks", c.Webhooks.Remove(ctx, "https://desk.example/two"))
	step("webhooks", c.Webhooks.Clear(ctx))
	step("settings", c.Settings.Update(ctx, chatapi.SettingsPatch{GuaranteedHooks: new(false), AckNotifications: new(true),
		RawHooks: new(true), TemplateAnalytics: new(false), LinkTrackingOptedOut: new(true)}))
	step("profile", c.Profile.Update(ctx, chatapi.ProfilePatch{About: new("Open"), Address: new("1 Main St"), Email: new("pat@example.com"),
		Description: new("Cups"), Vertical: new("Shopping and Retail"), Photo: chatapi.MediaURL("https://files.example.com/p.png"),
		Websites: []string{"https://shop.example.com"}}))
	step("profile", got(c.Profile.Get(ctx)))
	step("automation", c.Automation.Set(ctx, chatapi.Automation{Welcome: true, Prompts: []string{"Prices"},
		Commands: []chatapi.Command{{Name: "help", Description: "Get help"}}}))
	step("automation", got(c.Automation.Get(ctx)))
	step("commerce", c.Catalog.SetCommerce(ctx, chatapi.Commerce{Cart: true}))
	step("commerce", got(c.Catalog.ListCommerce(ctx)))
	step("statistics", got(c.Channel.GetStatistics(ctx, chatapi.Month(2026, time.October)))) //nolint:staticcheck // deprecated, and still a call
	step("block", c.Users.Block(ctx, chatapi.Phone("12025550144")))
	step("blocked", got(c.Users.ListBlocked(ctx)))
	step("unblock", c.Users.Unblock(ctx, chatapi.Phone("12025550144")))

	media := liveMedia(ctx, c, step)
	liveTemplates(ctx, api, c, step)
	flow := liveFlows(ctx, c, step)
	liveGroups(ctx, customer, c, step)
	liveCalls(ctx, customer, c, step)
	liveMessages(ctx, customer, c, step, hello, media, flow)

	step("history", each(c.Messages.All(ctx, chatapi.HistoryFilter{})))
	step("history", each(c.Messages.All(ctx, chatapi.HistoryFilter{Chat: "12025550143@c.us", From: api.Now().Add(-time.Hour), To: api.Now()})))
	step("resolve", got(c.Resolve(ctx, chatapi.Attempt{Channel: c.ChannelID(), To: ann, Operation: "sendMessage", Started: time.Now()})))
	step("extended statistics", got(c.Channel.ListExtendedStatistics(ctx))) //nolint:staticcheck // deprecated, and still a call
	step("media", c.Media.Delete(ctx, media))
}

func liveMedia(ctx context.Context, c client, step step) (id string) {
	id, err := c.Media.Upload(ctx, chatapi.MediaBytes("a.png", []byte("\x89PNG\r\n\x1a\n")))
	step("upload", err)
	step("media", got(c.Media.Get(ctx, id)))
	second, err := c.Media.Upload(ctx, chatapi.MediaURL("https://files.example.com/a.png"))
	step("upload", err)
	step("media", c.Media.DeleteLegacy(ctx, second)) //nolint:staticcheck // deprecated, but still in the API
	return id
}

func liveTemplates(ctx context.Context, api *chatapitest.API, c client, step step) {
	link := chatapi.MediaURL("https://files.example.com/a.png")
	create := func(draft chatapi.TemplateDraft) {
		step("create "+draft.Name, got(c.Templates.Create(ctx, draft)))
		api.Approve(draft.Name, draft.Language)
	}
	create(chatapi.TemplateDraft{Name: "shipped", Language: "en", Category: "MARKETING", Components: []chatapi.Component{
		{Type: chatapi.ComponentHeader, Format: "IMAGE", Example: []string{"4::aW"}},
		{Type: chatapi.ComponentBody, Text: "Hi {{1}}, it is on its way", Example: []string{"Ann"}},
		{Type: chatapi.ComponentFooter, Text: "Bye"},
		{Type: chatapi.ComponentButtons, Buttons: []chatapi.TemplateButton{
			{Type: "URL", Text: "Track", URL: "https://shop.example.com/{{1}}", Example: "https://shop.example.com/1"},
			{Type: "QUICK_REPLY", Text: "Stop"}}}}})
	create(chatapi.TemplateDraft{Name: "pay", Language: "en", Category: "UTILITY", Components: []chatapi.Component{
		{Type: chatapi.ComponentBody, Text: "Your order"},
		{Type: chatapi.ComponentButtons, Buttons: []chatapi.TemplateButton{{Type: "ORDER_DETAILS", Text: "Pay"}}}}})
	api.Template("order_ready", "en", "Hello {{1}}")
	api.Template("old", "en", "Hello")
	step("template", got(c.Templates.Get(ctx, "shipped", "en")))
	step("approved", got(c.Templates.WaitApproved(ctx, "shipped", "en")))
	step("remove", c.Templates.Delete(ctx, "old"))
	step("templates", each(c.Templates.All(ctx)))
	step("send shipped", got(c.Send(ctx, ann, chatapi.Template{Name: "shipped", Language: "en", Category: "MARKETING", Header: chatapi.HeaderImage(link),
		Body: chatapi.Params("Ann"), Buttons: []chatapi.ButtonParam{chatapi.URLButton(0, "7"), chatapi.QuickReplyButton(1, "stop")},
		MarketingLite: true, ActivitySharing: true, TTL: 24 * time.Hour})))
}

func liveFlows(ctx context.Context, c client, step step) (id string) {
	program := json.RawMessage(`{"version":"7.2","screens":[]}`)
	draft, err := c.Flows.Create(ctx, chatapi.FlowDraft{Name: "draft", Categories: []chatapi.FlowCategory{"OTHER"}, EndpointURI: "https://flow.example.com"})
	step("flow", err)
	if err == nil {
		step("flow assets", got(c.Flows.SetAssets(ctx, draft.ID, program)))
		step("flow metadata", c.Flows.UpdateMetadata(ctx, draft.ID, chatapi.FlowPatch{Name: new("booking"), Categories: []chatapi.FlowCategory{"SURVEY"},
			EndpointURI: new("https://flow.example.com/2")}))
		step("flow publish", c.Flows.Publish(ctx, draft.ID))
		step("flow deprecate", c.Flows.Deprecate(ctx, draft.ID))
		step("flow preview", got(c.Flows.GetPreview(ctx, draft.ID)))
	}
	if gone, err := c.Flows.Create(ctx, chatapi.FlowDraft{Name: "gone", Categories: []chatapi.FlowCategory{"OTHER"}}); err == nil {
		step("flow delete", c.Flows.Delete(ctx, gone.ID))
	}
	elsewhere := c.Flows.ForAccount("1000000001")
	live, err := elsewhere.Create(ctx, chatapi.FlowDraft{Name: "live", Categories: []chatapi.FlowCategory{"OTHER"}, JSON: program, Publish: true})
	step("flow", err)
	step("flows", each(elsewhere.All(ctx)))
	step("key", c.Flows.SetEncryptionKey(ctx, publicKey()))
	step("key", got(c.Flows.GetEncryptionKey(ctx)))
	if err != nil {
		return "1"
	}
	step("flow", got(elsewhere.Get(ctx, live.ID)))
	return live.ID
}

func liveGroups(ctx context.Context, customer *chatapitest.Customer, c client, step step) {
	group, err := c.Groups.Create(ctx, chatapi.GroupDraft{Subject: "Friends", Description: "of Pat"})
	step("group", err)
	if err != nil {
		return
	}
	step("group", c.Groups.Update(ctx, group.ID, chatapi.GroupPatch{Subject: new("Pals"), Description: new("of Ann"), Picture: chatapi.MediaURL("https://files.example.com/g.png")}))
	step("group", got(c.Groups.Get(ctx, group.ID)))
	step("group", got(c.Groups.Get(ctx, group.ID, "id", "subject")))
	step("groups", each(c.Groups.All(ctx)))
	step("group invite", got(c.Groups.GetInviteLink(ctx, group.ID)))
	step("group invite", got(c.Groups.ResetInviteLink(ctx, group.ID)))
	customer.SaysIn(group.ID, "hi all")
	step("group text", got(c.Send(ctx, group.Recipient(), chatapi.Text{Body: "hi all"})))
	step("group", c.Groups.Delete(ctx, group.ID))
}

func liveCalls(ctx context.Context, customer *chatapitest.Customer, c client, step step) {
	session := chatapi.CallSession{SDP: "v=0\r\n"}
	step("call settings", c.Calls.UpdateSettings(ctx, chatapi.CallSettings{Status: "ENABLED", IconVisibility: "DEFAULT", CallbackPermission: "ENABLED",
		Hours: json.RawMessage(`{"status":"DISABLED"}`)}))
	step("call settings", got(c.Calls.GetSettings(ctx)))
	out, err := c.Calls.Connect(ctx, ann, session)
	step("connect", err)
	if err == nil {
		step("terminate", c.Calls.Terminate(ctx, out.ID))
	}
	in := customer.Rings()
	step("pre-accept", c.Calls.PreAccept(ctx, in, session))
	step("accept", c.Calls.Accept(ctx, in, session))
	step("reject", c.Calls.Reject(ctx, customer.Rings()))
}

func liveMessages(ctx context.Context, customer *chatapitest.Customer, c client, step step, hello, media, flow string) {
	link := chatapi.MediaURL("https://files.example.com/a.png")
	step("read", c.Messages.MarkRead(ctx, hello, true))
	step("hook", got(c.Channel.ListHookInfo(ctx, hello))) //nolint:staticcheck // deprecated, and still a call
	step("reply", got(c.Send(ctx, ann, chatapi.Text{Body: "well"}, chatapi.ReplyTo(hello))))
	for name, message := range messages() {
		switch m := message.(type) {
		case chatapi.Custom, chatapi.OrderDetails, chatapi.AddressRequest, chatapi.PaymentRequest:
			continue // there is no such operation or country
		case chatapi.Reaction:
			m.MessageID = hello
			message = m
		case chatapi.Flow:
			m.ID, m.Header, m.Footer, m.Screen, m.Data = flow, "Book", "Bye", "FIRST", map[string]any{"seats": 2}
			message = m
		}
		step("send "+name, got(c.Send(ctx, ann, message)))
	}
	for name, message := range map[string]chatapi.Message{
		"image by id":   chatapi.File{Media: chatapi.MediaID(media, chatapi.TypeImage), Caption: "look"},
		"data":          chatapi.File{Media: chatapi.MediaBytes("a.pdf", []byte("%PDF-1.7")), Caption: "read"},
		"image buttons": chatapi.Buttons{Header: chatapi.HeaderImage(link), Body: "well?", Footer: "Bye", Buttons: []chatapi.Button{{ID: "y", Title: "Yes"}}},
		"text CTA":      chatapi.LinkMessage{Header: chatapi.HeaderText("Look"), Body: "look", Footer: "Bye", Label: "Open", URL: "https://shop.example.com"},
		"place":         chatapi.Location{Latitude: 38.9, Longitude: -77, Name: "Shop", Address: "1 Main St"},
		"list in full":  chatapi.List{Header: "H", Footer: "F", Body: "pick", Label: "Menu", Sections: []chatapi.Section{{Title: "A", Rows: []chatapi.Row{{ID: "1", Title: "One", Description: "first"}}}}},
		"reply carousel": chatapi.Carousel{Body: "look", Cards: []chatapi.Card{
			{Header: chatapi.HeaderImage(link), Body: "one", Replies: []chatapi.Button{{ID: "a", Title: "A"}}},
			{Header: chatapi.HeaderImage(link), Body: "two", Replies: []chatapi.Button{{ID: "b", Title: "B"}}}}},
	} {
		step("send "+name, got(c.Send(ctx, ann, message)))
	}
	for _, to := range []chatapi.Recipient{chatapi.Chat("12025550143@c.us"), chatapi.BSUID(customer.BSUID()), chatapi.BSUIDAsPhone(customer.BSUID())} {
		step("send to "+to.String(), got(c.Send(ctx, to, chatapi.Text{Body: "hi"})))
	}
	step("send by name", got(c.Send(ctx, chatapi.Username("ann.example"), chatapi.Text{Body: "hi"})))
	india := chatapi.Phone("919800000000")
	step("send PaymentRequest", got(c.Send(ctx, india, chatapi.PaymentRequest{Region: "IN", Body: "pay"})))
	step("send AddressRequest", got(c.Send(ctx, india, chatapi.AddressRequest{Body: "Where to?", Country: "IN", Values: map[string]string{"in_pin_code": "560001"},
		Saved: []chatapi.SavedAddress{{ID: "1", Values: map[string]string{"name": "Pat"}}}, Errors: map[string]string{"in_pin_code": "no"}})))
	if order, ok := messages()["OrderDetails"].(chatapi.OrderDetails); ok {
		if template, err := c.Templates.Get(ctx, "pay", "en"); err == nil {
			order.Template.Namespace = template.Namespace
		}
		step("send OrderDetails", got(c.Send(ctx, india, order)))
	}
}

var everyQuirk = []chatapitest.Quirk{chatapitest.IntFlags, chatapitest.TextFlags, chatapitest.BoolHistory, chatapitest.NoHistory, chatapitest.NoEchoes,
	chatapitest.DoubleDeliveries, chatapitest.DeliveriesAtOnce, chatapitest.LooseBodies, chatapitest.VoiceType, chatapitest.AudioType,
	chatapitest.TemplateType, chatapitest.BareFailures, chatapitest.UpperTemplates, chatapitest.LowerTemplates, chatapitest.AnyNamespace,
	chatapitest.StatusesReversed, chatapitest.StatusesFirst, chatapitest.Refuse400, chatapitest.TextSent,
	chatapitest.NoID, chatapitest.SameTemplates, chatapitest.TextTemplates, chatapitest.BareTemplates, chatapitest.CommaWebhooks,
	chatapitest.NoBSUID, chatapitest.NoUsername, chatapitest.MMLite, chatapitest.NoFlows, chatapitest.NoGroups, chatapitest.NoCatalog, chatapitest.NoCalls}

// Each request of the SDK and each answer of the fake, under every quirk and
// failure, fits the document.
func TestExchangesFitTheDocument(t *testing.T) {
	judge := newJudge()
	in := func(name string, opts []chatapitest.Option, do func(context.Context, *testing.T, *chatapitest.API, client)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := chatapitest.New(t, opts...)
				do(t.Context(), t, api, api.Client(judge.over(api)))
				api.Settle()
			})
		})
	}
	whatever := func(string, error) {}
	table := func(ctx context.Context, _ *testing.T, _ *chatapitest.API, c client) {
		for _, call := range calls() {
			if call.name != "Send Custom" { // the document need not know its operation
				_ = call.do(ctx, c)
			}
		}
	}
	in("table", nil, table)
	in("state", nil, func(ctx context.Context, t *testing.T, api *chatapitest.API, c client) {
		live(ctx, api, c, func(name string, err error) { assert.NoError(t, err, name) })
	})
	for _, quirk := range everyQuirk {
		in(string(quirk), []chatapitest.Option{chatapitest.Quirks(quirk)}, func(ctx context.Context, _ *testing.T, api *chatapitest.API, c client) {
			live(ctx, api, c, whatever)
		})
	}
	for _, status := range []int{401, 403, 429, 500, 502, 503} {
		in(http.StatusText(status), nil, func(ctx context.Context, t *testing.T, api *chatapitest.API, c client) {
			api.Fail(chatapitest.Fault{Status: status, Times: -1})
			table(ctx, t, api, c)
		})
	}

	for verdict := range judge.verdicts {
		t.Error(verdict)
	}
	operations := chatapitest.Operations()
	for _, op := range operations {
		assert.NotZero(t, judge.reached[op.ID], "no call of the SDK reaches %s", op.ID)
		assert.True(t, judge.succeeded[op.ID], "%s was never carried out", op.ID)
	}
	require.Len(t, operations, 66)
	t.Logf("%d of %d operations, %d exchanges", len(judge.reached), len(operations), judge.exchanges)
}
