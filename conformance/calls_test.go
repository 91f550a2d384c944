package conformance_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"iter"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/chatapi-go/chatapi"
)

var ann = chatapi.Phone("12025550143")

// messages returns one message of every kind.
func messages() map[string]chatapi.Message {
	link := chatapi.MediaURL("https://files.example.com/a.webp")
	order := chatapi.Order{Items: []chatapi.OrderItem{{Product: "p1", Name: "Cup", Quantity: 1, Amount: chatapi.OrderAmount{Value: 500, Offset: 100}}},
		Subtotal: chatapi.OrderAmount{Value: 500, Offset: 100}}
	return map[string]chatapi.Message{
		"Text":     chatapi.Text{Body: "hi"},
		"File":     chatapi.File{Media: chatapi.MediaURL("https://files.example.com/a.pdf"), Name: "a.pdf"},
		"Sticker":  chatapi.Sticker{Media: link},
		"Location": chatapi.Location{Latitude: 1, Longitude: 2},
		"Contacts": chatapi.Contacts{Cards: []chatapi.ContactCard{{Name: chatapi.ContactName{Formatted: "Pat Example", First: "Pat"}}}},
		"Buttons":  chatapi.Buttons{Body: "well?", Buttons: []chatapi.Button{{ID: "y", Title: "Yes"}}},
		"List": chatapi.List{Body: "pick", Label: "Menu", Sections: []chatapi.Section{{Title: "All",
			Rows: []chatapi.Row{{ID: "1", Title: "One"}}}}},
		"LinkMessage":     chatapi.LinkMessage{Body: "look", Label: "Open", URL: "https://shop.example.com"},
		"LocationRequest": chatapi.LocationRequest{Body: "Where are you?"},
		"AddressRequest":  chatapi.AddressRequest{Body: "Where to?", Country: "IN"},
		"Product":         chatapi.Product{Catalog: "100000000000001", ID: "sku-1", Body: "this one"},
		"ProductList": chatapi.ProductList{Catalog: "100000000000001", Header: "Cups", Body: "pick",
			Sections: []chatapi.ProductSection{{Title: "All", Products: []string{"sku-1", "sku-2"}}}},
		"Flow": chatapi.Flow{ID: "1000000001", Token: "t1", Label: "Book", Body: "Book a table"},
		"Carousel": chatapi.Carousel{Body: "look", Cards: []chatapi.Card{
			{Header: chatapi.HeaderImage(link), Body: "one", Label: "Open", URL: "https://shop.example.com/1"},
			{Header: chatapi.HeaderImage(link), Body: "two", Label: "Open", URL: "https://shop.example.com/2"}}},
		"Reaction": chatapi.Reaction{MessageID: "wamid.1", Emoji: "👍"},
		"Template": chatapi.Template{Name: "order_ready", Language: "en", Body: chatapi.Params("Ann")},
		"OrderDetails": chatapi.OrderDetails{Template: chatapi.Template{Name: "pay", Language: "en", Namespace: "ns1"},
			Reference: "ref-1", Currency: "INR", Order: order},
		"PaymentRequest": chatapi.PaymentRequest{Region: "IN", Body: "please pay"},
		"Custom":         chatapi.Custom{Operation: "sendPoll", Body: json.RawMessage(`{"body":"?"}`)},
	}
}

type client = *chatapi.Client

// A call is one call of the SDK that reaches the service.
type call struct {
	name string
	do   func(context.Context, client) error

	// send is set for messages. once is set for every call that must not be
	// repeated without proof that nothing was done; messages are among them.
	send, once bool

	// compound is set for a call that makes several requests, or reads a refusal
	// in its own way.
	compound bool
}

// got returns the error of a call without its result.
func got[T any](_ T, err error) error { return err }

// each reads a sequence up to its first error.
func each[T any](all iter.Seq2[T, error]) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

// calls returns every call of the SDK that reaches the service.
func calls() []call {
	const hook = "https://desk.example/s3cret"
	text := "Pat's shop"
	session := chatapi.CallSession{SDP: "v=0\r\n"}
	yes := true
	all := []call{
		{name: "SendPrepared", send: true, once: true, do: func(ctx context.Context, c client) error {
			return got(c.SendPrepared(ctx, &chatapi.Prepared{Channel: c.ChannelID(), Operation: "sendMessage",
				To: ann, Body: json.RawMessage(`{"phone":"12025550143","body":"hi"}`)}))
		}},
		{name: "Connect", compound: true, do: func(ctx context.Context, c client) error {
			return got(c.Connect(ctx, chatapi.ConnectOptions{WebhookURL: hook}))
		}},
		{name: "Resolve", compound: true, do: func(ctx context.Context, c client) error {
			return got(c.Resolve(ctx, chatapi.Attempt{Channel: c.ChannelID(), To: ann, Started: time.Now()}))
		}},
		{name: "Channel.GetStatus", do: func(ctx context.Context, c client) error { return got(c.Channel.GetStatus(ctx)) }},
		{name: "Channel.GetMarketingLite", do: func(ctx context.Context, c client) error { return got(c.Channel.GetMarketingLite(ctx)) }},
		{name: "Channel.GetStatistics", do: func(ctx context.Context, c client) error {
			return got(c.Channel.GetStatistics(ctx, chatapi.Month(2026, time.October))) //nolint:staticcheck // deprecated, but still in the API
		}},
		{name: "Channel.ListExtendedStatistics", do: func(ctx context.Context, c client) error {
			return got(c.Channel.ListExtendedStatistics(ctx)) //nolint:staticcheck // deprecated, and still a call
		}},
		{name: "Channel.GetOutputIP", do: func(ctx context.Context, c client) error {
			return got(c.Channel.GetOutputIP(ctx)) //nolint:staticcheck // deprecated, but still in the API
		}},
		{name: "Channel.ListHookInfo", do: func(ctx context.Context, c client) error {
			return got(c.Channel.ListHookInfo(ctx, "wamid.1")) //nolint:staticcheck // deprecated, and still a call
		}},
		{name: "Profile.Get", do: func(ctx context.Context, c client) error { return got(c.Profile.Get(ctx)) }},
		{name: "Profile.Update", do: func(ctx context.Context, c client) error {
			return c.Profile.Update(ctx, chatapi.ProfilePatch{About: &text})
		}},
		{name: "Settings.Get", do: func(ctx context.Context, c client) error { return got(c.Settings.Get(ctx)) }},
		{name: "Settings.Update", do: func(ctx context.Context, c client) error {
			return c.Settings.Update(ctx, chatapi.SettingsPatch{AckNotifications: &yes})
		}},
		{name: "Automation.Get", do: func(ctx context.Context, c client) error { return got(c.Automation.Get(ctx)) }},
		{name: "Automation.Set", do: func(ctx context.Context, c client) error {
			return c.Automation.Set(ctx, chatapi.Automation{Welcome: true, Prompts: []string{"Prices"}})
		}},
		{name: "Messages.All", do: func(ctx context.Context, c client) error {
			return each(c.Messages.All(ctx, chatapi.HistoryFilter{}))
		}},
		{name: "Messages.MarkRead", do: func(ctx context.Context, c client) error { return c.Messages.MarkRead(ctx, "wamid.1", true) }},
		{name: "Media.Upload", do: func(ctx context.Context, c client) error {
			return got(c.Media.Upload(ctx, chatapi.MediaURL("https://files.example.com/a.png")))
		}},
		{name: "Media.Get", do: func(ctx context.Context, c client) error { return got(c.Media.Get(ctx, "1000000000000001")) }},
		{name: "Media.Delete", do: func(ctx context.Context, c client) error { return c.Media.Delete(ctx, "1000000000000001") }},
		{name: "Media.DeleteLegacy", do: func(ctx context.Context, c client) error {
			return c.Media.DeleteLegacy(ctx, "1000000000000001") //nolint:staticcheck // deprecated, but still in the API
		}},
		{name: "Templates.All", do: func(ctx context.Context, c client) error { return each(c.Templates.All(ctx)) }},
		{name: "Templates.Get", do: func(ctx context.Context, c client) error { return got(c.Templates.Get(ctx, "a", "en")) }},
		{name: "Templates.WaitApproved", compound: true, do: func(ctx context.Context, c client) error {
			return got(c.Templates.WaitApproved(ctx, "a", "en"))
		}},
		{name: "Templates.Delete", do: func(ctx context.Context, c client) error { return c.Templates.Delete(ctx, "a") }},
		{name: "Templates.Create", once: true, do: func(ctx context.Context, c client) error {
			return got(c.Templates.Create(ctx, chatapi.TemplateDraft{Name: "order_ready", Language: "en", Category: "UTILITY",
				Components: []chatapi.Component{{Type: chatapi.ComponentBody, Text: "Hello"}}}))
		}},
		{name: "Webhooks.List", do: func(ctx context.Context, c client) error { return got(c.Webhooks.List(ctx)) }},
		{name: "Webhooks.Add", compound: true, do: func(ctx context.Context, c client) error { return c.Webhooks.Add(ctx, hook) }},
		{name: "Webhooks.Remove", compound: true, do: func(ctx context.Context, c client) error { return c.Webhooks.Remove(ctx, hook) }},
		{name: "Webhooks.Enable", compound: true, do: func(ctx context.Context, c client) error { return c.Webhooks.Enable(ctx) }},
		{name: "Webhooks.Set", compound: true, do: func(ctx context.Context, c client) error { return c.Webhooks.Set(ctx, hook) }},
		{name: "Webhooks.Clear", do: func(ctx context.Context, c client) error { return c.Webhooks.Clear(ctx) }},
		{name: "Groups.All", do: func(ctx context.Context, c client) error { return each(c.Groups.All(ctx)) }},
		{name: "Groups.Get", do: func(ctx context.Context, c client) error { return got(c.Groups.Get(ctx, "120363000000000001")) }},
		{name: "Groups.Create", once: true, do: func(ctx context.Context, c client) error {
			return got(c.Groups.Create(ctx, chatapi.GroupDraft{Subject: text}))
		}},
		{name: "Groups.Update", do: func(ctx context.Context, c client) error {
			return c.Groups.Update(ctx, "120363000000000001", chatapi.GroupPatch{Subject: &text})
		}},
		{name: "Groups.Delete", do: func(ctx context.Context, c client) error { return c.Groups.Delete(ctx, "120363000000000001") }},
		{name: "Groups.GetInviteLink", do: func(ctx context.Context, c client) error {
			return got(c.Groups.GetInviteLink(ctx, "120363000000000001"))
		}},
		{name: "Groups.ResetInviteLink", do: func(ctx context.Context, c client) error {
			return got(c.Groups.ResetInviteLink(ctx, "120363000000000001"))
		}},
		{name: "Flows.All", do: func(ctx context.Context, c client) error { return each(c.Flows.All(ctx)) }},
		{name: "Flows.Get", do: func(ctx context.Context, c client) error { return got(c.Flows.Get(ctx, "1000000001")) }},
		{name: "Flows.Create", once: true, do: func(ctx context.Context, c client) error {
			return got(c.Flows.Create(ctx, chatapi.FlowDraft{Name: "booking", Categories: []chatapi.FlowCategory{"OTHER"}}))
		}},
		{name: "Flows.Delete", do: func(ctx context.Context, c client) error { return c.Flows.Delete(ctx, "1000000001") }},
		{name: "Flows.GetPreview", do: func(ctx context.Context, c client) error { return got(c.Flows.GetPreview(ctx, "1000000001")) }},
		{name: "Flows.Publish", do: func(ctx context.Context, c client) error { return c.Flows.Publish(ctx, "1000000001") }},
		{name: "Flows.Deprecate", do: func(ctx context.Context, c client) error { return c.Flows.Deprecate(ctx, "1000000001") }},
		{name: "Flows.UpdateMetadata", do: func(ctx context.Context, c client) error {
			return c.Flows.UpdateMetadata(ctx, "1000000001", chatapi.FlowPatch{Name: &text})
		}},
		{name: "Flows.SetAssets", do: func(ctx context.Context, c client) error {
			return got(c.Flows.SetAssets(ctx, "1000000001", json.RawMessage(`{"version":"7.2","screens":[]}`)))
		}},
		{name: "Flows.GetEncryptionKey", do: func(ctx context.Context, c client) error { return got(c.Flows.GetEncryptionKey(ctx)) }},
		{name: "Flows.SetEncryptionKey", do: func(ctx context.Context, c client) error { return c.Flows.SetEncryptionKey(ctx, publicKey()) }},
		{name: "Calls.GetSettings", do: func(ctx context.Context, c client) error { return got(c.Calls.GetSettings(ctx)) }},
		{name: "Calls.UpdateSettings", do: func(ctx context.Context, c client) error {
			return c.Calls.UpdateSettings(ctx, chatapi.CallSettings{Status: "ENABLED"})
		}},
		{name: "Calls.Connect", once: true, do: func(ctx context.Context, c client) error { return got(c.Calls.Connect(ctx, ann, session)) }},
		{name: "Calls.PreAccept", once: true, do: func(ctx context.Context, c client) error { return c.Calls.PreAccept(ctx, "wacid.1", session) }},
		{name: "Calls.Accept", once: true, do: func(ctx context.Context, c client) error { return c.Calls.Accept(ctx, "wacid.1", session) }},
		{name: "Calls.Reject", once: true, do: func(ctx context.Context, c client) error { return c.Calls.Reject(ctx, "wacid.1") }},
		{name: "Calls.Terminate", once: true, do: func(ctx context.Context, c client) error { return c.Calls.Terminate(ctx, "wacid.1") }},
		{name: "Catalog.ListCommerce", do: func(ctx context.Context, c client) error { return got(c.Catalog.ListCommerce(ctx)) }},
		{name: "Catalog.SetCommerce", do: func(ctx context.Context, c client) error {
			return c.Catalog.SetCommerce(ctx, chatapi.Commerce{Cart: true, Visible: true})
		}},
		{name: "Users.ListBlocked", do: func(ctx context.Context, c client) error { return got(c.Users.ListBlocked(ctx)) }},
		{name: "Users.Block", do: func(ctx context.Context, c client) error { return c.Users.Block(ctx, ann) }},
		{name: "Users.Unblock", do: func(ctx context.Context, c client) error { return c.Users.Unblock(ctx, ann) }},
	}
	for kind, message := range messages() {
		all = append(all, call{name: "Send " + kind, send: true, once: true, do: func(ctx context.Context, c client) error {
			return got(c.Send(ctx, addressee(message), message))
		}})
	}
	return all
}

// addressee returns a person who can get the message: WhatsApp delivers the form for
// addresses in India and Singapore only.
func addressee(m chatapi.Message) chatapi.Recipient {
	if _, ok := m.(chatapi.AddressRequest); ok {
		return chatapi.Phone("919800000000")
	}
	return ann
}

// publicKey returns a key made for this run.
var publicKey = sync.OnceValue(func() string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
})

// The table has each method of each family, so that no test over the table misses
// a new method.
func TestCallsAreComplete(t *testing.T) {
	local := map[string]bool{"Flows.ForAccount": true, "Messages.Poll": true, "Media.Download": true} // make no request of their own
	listed := map[string]bool{}
	for _, c := range calls() {
		listed[c.name] = true
	}
	families := reflect.TypeFor[chatapi.Client]()
	methods := 0
	for i := range families.NumField() {
		family := families.Field(i)
		if !family.IsExported() {
			continue
		}
		for j := range family.Type.NumMethod() {
			name := family.Name + "." + family.Type.Method(j).Name
			methods++
			assert.True(t, listed[name] || local[name], "%s is not in the table of calls", name)
		}
	}
	assert.NotZero(t, methods)
}
