package chatapitest_test

import (
	"errors"
	"strings"
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
		e, ok := errors.AsType[*chatapi.Error](err)
		require.True(t, ok, "%v", err)
		assert.Equal(t, 132015, e.Code)
		api.Disable("order_ready", "en")
		_, err = client.Templates.WaitApproved(t.Context(), "order_ready", "en")
		assert.ErrorIs(t, err, chatapi.ErrTemplate)

		require.NoError(t, client.Templates.Delete(t.Context(), "order_ready"))
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

// TestTemplateQuirks lists 250 templates with each quirk of the list.
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

// TestTemplateValues sends one template with right and wrong values.
func TestTemplateValues(t *testing.T) {
	const components = `[{"type":"HEADER","format":"IMAGE"},{"type":"BODY","text":"Hi {{name}}, {{price}} until {{day}}"},
		{"type":"BUTTONS","buttons":[{"type":"URL","text":"See","url":"https://shop.example.com/{{1}}"},{"type":"COPY_CODE","text":"Copy"},{"type":"PHONE_NUMBER","text":"Call","phone_number":"+12025550100"}]}]`
	const header = `{"type":"header","parameters":[{"type":"image","image":{"link":"https://files.example.com/h.jpg"}}]}`
	const body = `{"type":"body","parameters":[{"type":"text","parameter_name":"name","text":"Ann"},
		{"type":"currency","parameter_name":"price","currency":{"fallback_value":"$5","currency_code":"USD","amount_1000":5000}},
		{"type":"date_time","parameter_name":"day","date_time":{"fallback_value":"Friday"}}]}`
	const url = `{"type":"button","sub_type":"url","index":"0","parameters":[{"type":"text","text":"p1"}]}`
	const code = `{"type":"button","sub_type":"copy_code","index":1,"parameters":[{"type":"coupon_code","coupon_code":"SAVE5"}]}`
	all := func(parts ...string) string { return strings.Join(parts, ",") }
	for _, test := range []struct{ name, params, want string }{
		{"every value", all(header, body, url, code), `"sent":true`},
		{"no header", all(body, url, code), "132012"},
		{"a header of another kind", all(strings.ReplaceAll(header, "image", "video"), body, url, code), "132012"},
		{"a header without a file", all(strings.Replace(header, `"link":"https://files.example.com/h.jpg"`, "", 1), body, url, code), "132012"},
		{"an unknown name", all(header, strings.Replace(body, `"day"`, `"night"`, 1), url, code), "132000"},
		{"an empty value", all(header, strings.Replace(body, `"Ann"`, `""`, 1), url, code), "132012"},
		{"a currency without its text", all(header, strings.Replace(body, `"$5"`, `""`, 1), url, code), "132012"},
		{"five spaces", all(header, strings.Replace(body, `"Ann"`, `"A     n"`, 1), url, code), "cannot have new-line/tab"},
		{"no value for the address", all(header, body, code), "132000"},
		{"no code", all(header, body, url), "132000"},
		{"another kind of button", all(header, body, strings.Replace(url, `"url"`, `"quick_reply"`, 1), code), "132012"},
		{"a value for the call button", all(header, body, url, code, `{"type":"button","sub_type":"phone_number","index":2,"parameters":[{"type":"text","text":"1"}]}`), "132000"},
		{"a fourth button", all(header, body, url, code, `{"type":"button","sub_type":"url","index":3,"parameters":[]}`), "132000"},
		{"cards without a carousel", all(header, body, url, code, `{"type":"carousel","cards":[{"card_index":0,"components":[]}]}`), "132000"},
		{"a part of an unknown kind", all(header, body, url, code, `{"type":"hsm"}`), "132012"},
	} {
		t.Run(test.name, func(t *testing.T) {
			api := chatapitest.New(t, chatapitest.Quirks(chatapitest.MMLite))
			_, reply := request(t, api, "POST", "addTemplate", `{"name":"sale","category":"MARKETING","language":"en","components":`+components+`}`)
			require.Contains(t, reply, "PENDING")
			events := &listener{}
			api.Webhook("https://log.test/x", events)
			_, reply = request(t, api, "POST", "sendTemplate", `{"phone":"12025550143","template":"sale","language":{"code":"en"},"params":[`+test.params+`]}`)
			assert.Contains(t, reply, test.want)
			api.Settle()
			if test.name != "every value" {
				assert.Empty(t, events.keys())
				return
			}
			got := api.Customer(ann).LastReceived()
			assert.Equal(t, "Hi Ann, $5 until Friday", got.Text)
			assert.Equal(t, "https://shop.example.com/p1", got.Buttons[0].URL)
			assert.Equal(t, "SAVE5", got.Buttons[1].ID)
			assert.Equal(t, "https://files.example.com/h.jpg", got.File.URL)
			assert.Equal(t, "marketing_lite", events.last().(*chatapi.StatusEvent).Category)
		})
	}
}

// TestTemplateDrafts creates templates that WhatsApp refuses, and one that it
// accepts.
func TestTemplateDrafts(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	for components, want := range map[string]string{
		`{"type":"BODY","text":"x"},{"type":"BODY","text":"y"}`:                                                         "BODY is given twice",
		`{"type":"SIDEBAR","text":"x"}`:                                                                                 "is unknown",
		`{"type":"BODY","text":""}`:                                                                                     "BODY needs a text",
		`{"type":"BODY","text":"` + long(1025) + `"}`:                                                                   "longer than 1024",
		`{"type":"BODY","text":"{{1}} {{name}}"}`:                                                                       "mixes numbered and named",
		`{"type":"BODY","text":"x"},{"type":"HEADER","format":"SONG"}`:                                                  "unknown format",
		`{"type":"BODY","text":"x"},{"type":"HEADER","format":"TEXT","text":"` + long(61) + `"}`:                        "1 to 60 characters",
		`{"type":"BODY","text":"x"},{"type":"HEADER","format":"TEXT","text":"{{1}}{{2}}"}`:                              "at most one variable",
		`{"type":"BODY","text":"x"},{"type":"FOOTER","text":"{{1}}"}`:                                                   "FOOTER",
		`{"type":"BODY","text":"x"},{"type":"BUTTONS","buttons":[]}`:                                                    "1 to 10 buttons",
		`{"type":"BODY","text":"x"},{"type":"BUTTONS","buttons":[{"type":"URL","text":"` + long(26) + `"}]}`:            "26 of at most 25",
		`{"type":"BODY","text":"x"},{"type":"BUTTONS","buttons":[{"type":"URL","text":"x","url":"shop"}]}`:              "needs an address",
		`{"type":"FOOTER","text":"x"}`:                                                                                  "BODY is missing",
		`{"type":"body","text":"x {{1}}","example":{"body_text":[["y"]]}},{"type":"header","format":"text","text":"z"}`: "PENDING",
	} {
		_, reply := request(t, chatapitest.New(t), "POST", "addTemplate", `{"name":"a","category":"UTILITY","language":"en","components":[`+components+`]}`)
		assert.Contains(t, reply, want, components)
	}
}
