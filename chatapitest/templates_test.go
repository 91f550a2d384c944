package chatapitest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

var orderReady = chatapi.TemplateDraft{Name: "order_ready", Language: "en", Category: "UTILITY", Components: []chatapi.Component{
	{Type: chatapi.ComponentHeader, Format: chatapi.FormatText, Text: "Order {{1}}", Example: []string{"#1"}},
	{Type: chatapi.ComponentBody, Text: "Hello {{1}}, it is ready.", Example: []string{"Pat"}},
	{Type: chatapi.ComponentFooter, Text: "Sample Shop"},
	{Type: chatapi.ComponentButtons, Buttons: []chatapi.TemplateButton{
		{Type: chatapi.ButtonTypeURL, Text: "Track", URL: "https://shop.example.com/t/{{1}}", Example: "1"},
		{Type: chatapi.ButtonTypeQuickReply, Text: "Thanks"},
	}},
}}

func TestTemplateLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t, chatapitest.ApproveAfter(time.Hour))
		client := api.Client()
		events := &listener{}
		api.Webhook("https://log.test/x", events)
		created, err := client.Templates.Create(t.Context(), orderReady)
		require.NoError(t, err)
		assert.Equal(t, chatapi.TemplatePending, created.Status)

		message := chatapi.Template{Name: "order_ready", Language: "en", Header: chatapi.HeaderText("#42"), Body: chatapi.Params("Ann"),
			Buttons: []chatapi.ButtonParam{chatapi.URLButton(0, "42"), chatapi.QuickReplyButton(1, "thanks-42")}}
		_, err = client.Send(t.Context(), chatapi.Phone(ann), message)
		assert.ErrorIs(t, err, chatapi.ErrTemplate, "not approved yet")

		began := time.Now()
		info, err := client.Templates.WaitApproved(t.Context(), "order_ready", "en")
		require.NoError(t, err)
		assert.InDelta(t, time.Hour, time.Since(began), float64(time.Minute))
		require.NoError(t, info.Check(message))

		_, err = client.Send(t.Context(), chatapi.Phone(ann), message)
		require.NoError(t, err)
		got := api.Customer(ann).LastReceived()
		assert.Equal(t, "Order #42", got.Header)
		assert.Equal(t, "Hello Ann, it is ready.", got.Text)
		assert.Equal(t, "Sample Shop", got.Footer)
		assert.Equal(t, "https://shop.example.com/t/42", got.Buttons[0].URL)
		assert.Equal(t, "order_ready", got.Template)

		api.Customer(ann).Taps("Thanks")
		tapped := events.last().(*chatapi.MessageEvent)
		assert.Equal(t, chatapi.TypeButton, tapped.Type)
		assert.Equal(t, &chatapi.Reply{ID: "thanks-42", Title: "Thanks"}, tapped.Reply)
		assert.Equal(t, got.ID, tapped.QuotedID)

		api.Pause("order_ready", "")
		_, err = client.Send(t.Context(), chatapi.Phone(ann), message)
		assert.ErrorIs(t, err, chatapi.ErrTemplate)
		var e *chatapi.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, 132015, e.Code)
		api.Disable("order_ready", "en")
		_, err = client.Templates.WaitApproved(t.Context(), "order_ready", "en")
		assert.ErrorIs(t, err, chatapi.ErrTemplate)

		require.NoError(t, client.Templates.Remove(t.Context(), "order_ready"))
		_, err = client.Templates.Get(t.Context(), "order_ready", "en")
		assert.ErrorIs(t, err, chatapi.ErrNotFound)
	})
}

func TestTemplateRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t, chatapitest.ApproveAfter(-1))
		client := api.Client()
		_, err := client.Templates.Create(t.Context(), orderReady)
		require.NoError(t, err)
		time.AfterFunc(time.Hour, func() { api.Reject("order_ready", "en", "INVALID_FORMAT") })
		_, err = client.Templates.WaitApproved(t.Context(), "order_ready", "en")
		assert.ErrorIs(t, err, chatapi.ErrTemplateRejected)
		assert.ErrorContains(t, err, "INVALID_FORMAT")
		api.Approve("order_ready", "en")
		_, err = client.Templates.WaitApproved(t.Context(), "order_ready", "en")
		assert.NoError(t, err)
	})
}

// TestTemplateQuirks lists 250 templates on every kind of channel.
func TestTemplateQuirks(t *testing.T) {
	for _, quirk := range []chatapitest.Quirk{"", chatapitest.SameTemplates, chatapitest.TextTemplates, chatapitest.BareTemplates} {
		t.Run(string(quirk), func(t *testing.T) {
			api := chatapitest.New(t, chatapitest.Quirks(quirk))
			for i := range 250 {
				api.Template("t"+string(rune('a'+i%26))+string(rune('a'+i/26)), "en", "Hello {{1}}")
			}
			seen := map[string]bool{}
			for info, err := range api.Client().Templates.All(t.Context()) {
				require.NoError(t, err)
				seen[info.Name] = true
				assert.Equal(t, "Hello {{1}}", info.Components[0].Text)
				assert.Equal(t, "en", info.Language)
				assert.NotEmpty(t, info.Namespace)
			}
			if quirk == chatapitest.SameTemplates {
				assert.Len(t, seen, 100, "the rest cannot be reached, and the loop ends")
			} else {
				assert.Len(t, seen, 250)
			}
		})
	}
}

func TestHistory(t *testing.T) {
	api := chatapitest.New(t)
	client := api.Client()
	for range 130 {
		api.Customer(ann).Says("a")
		api.Customer("12025550144").Says("b")
	}
	count := func(filter chatapi.HistoryFilter) (n int, last int64) {
		for ev, err := range client.Messages.All(t.Context(), filter) {
			require.NoError(t, err)
			n, last = n+1, ev.Info().Number
		}
		return n, last
	}
	n, last := count(chatapi.HistoryFilter{})
	assert.Equal(t, 260, n)
	assert.EqualValues(t, 260, last)
	n, last = count(chatapi.HistoryFilter{Chat: ann + "@c.us"})
	assert.Equal(t, 130, n)
	assert.EqualValues(t, 259, last, "numbers skip within a chat")
	n, _ = count(chatapi.HistoryFilter{After: 250})
	assert.Equal(t, 10, n)
	n, _ = count(chatapi.HistoryFilter{From: api.Now().Add(time.Hour)})
	assert.Zero(t, n)

	for query, want := range map[string]string{
		"last=true&limit=2":                    `"messageNumber":260`,
		"last=2&lastMessageNumber=5":           `"messageNumber":260`,
		"firstMessageNumber=3":                 `"messageNumber":2`,
		"lastMessageNumber=259&limit=0":        `"messageNumber":260`,
		"lastMessageNumber=9000":               `{"messages":[]}`,
		"firstMessageNumber=1":                 `{"messages":[]}`,
		"limit=x":                              `limit must be a number`,
		"last=perhaps":                         `last must be`,
		"chatId=12025550199@c.us":              `{"messages":[]}`,
		"lastMessageNumber=-5&limit=1":         `"messageNumber":1`,
		"min_time=1&max_time=2":                `{"messages":[]}`,
		"msgId=" + api.Customer(ann).Says("x"): `"messageNumber":261`,
	} {
		_, body := request(t, api, "GET", "messages?"+query, "")
		assert.Contains(t, body, want, query)
	}

	_, err := client.Send(t.Context(), chatapi.Phone(ann), chatapi.Text{Body: "found"})
	require.NoError(t, err)
	api.Fail(chatapitest.Fault{Accepted: true, Drop: true})
	_, err = client.Send(t.Context(), chatapi.Phone(ann), chatapi.Text{Body: "where is it?"})
	var e *chatapi.Error
	require.ErrorAs(t, err, &e)
	require.NotNil(t, e.Attempt)
	resolution, err := client.Resolve(t.Context(), *e.Attempt)
	require.NoError(t, err)
	assert.Equal(t, chatapi.OutcomeAccepted, resolution.Outcome)
	assert.Equal(t, api.Customer(ann).LastReceived().ID, resolution.ID)

	for _, quirk := range []chatapitest.Quirk{chatapitest.BoolHistory, chatapitest.NoHistory} {
		api := chatapitest.New(t, chatapitest.Quirks(quirk))
		api.Customer(ann).Says("a")
		for ev, err := range api.Client().Messages.All(t.Context(), chatapi.HistoryFilter{}) {
			if quirk == chatapitest.NoHistory {
				assert.ErrorIs(t, err, chatapi.ErrHistoryOff)
				continue
			}
			require.NoError(t, err)
			assert.IsType(t, &chatapi.MessageEvent{}, ev)
		}
	}
}

// TestReplyQuirks has the SDK understand every way in which a send is answered.
func TestReplyQuirks(t *testing.T) {
	for _, quirk := range []chatapitest.Quirk{"", chatapitest.Refuse400, chatapitest.TextSent, chatapitest.NoID} {
		api := chatapitest.New(t, chatapitest.Quirks(quirk))
		client := api.Client()
		_, err := client.Send(t.Context(), chatapi.Phone(ann), chatapi.Text{Body: "x"})
		assert.ErrorIs(t, err, chatapi.ErrWindowClosed, quirk)
		_, err = client.Send(t.Context(), chatapi.Phone(ann), chatapi.Template{Name: "nothing", Language: "en"})
		assert.ErrorIs(t, err, chatapi.ErrTemplate, quirk)
		api.Customer(ann).Says("hi")
		receipt, err := client.Send(t.Context(), chatapi.Phone(ann), chatapi.Text{Body: "x"})
		require.NoError(t, err, quirk)
		assert.Equal(t, quirk == chatapitest.NoID, receipt.ID == "")
	}
	api := chatapitest.New(t, chatapitest.Quirks(chatapitest.CommaWebhooks))
	client := api.Client()
	require.NoError(t, client.Webhooks.Add(t.Context(), "https://a.test/x"))
	require.NoError(t, client.Webhooks.Add(t.Context(), "https://b.test/y"))
	list, err := client.Webhooks.List(t.Context())
	require.NoError(t, err)
	assert.Len(t, list, 2)
}
