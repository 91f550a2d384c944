package chatapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// A template keeps no reference to its source bytes, because a decoder reuses
// them.
func TestTemplateInfoKeepsNothingOfTheBuffer(t *testing.T) {
	const wire = `{"id":"31","name":"order_update","language":{"code":"en"},"namespace":"n1","category":"UTILITY","status":"APPROVED","components":[
		{"type":"HEADER","format":"IMAGE","example":{"header_handle":["4::aW"]}},
		{"type":"BODY","text":"Hello {{1}}","example":{"body_text":[["Pat"]]},"add_security_recommendation":true},
		{"type":"BUTTONS","buttons":[{"type":"FLOW","text":"Book","flow_id":"21","example":{"a":1}}]}]}`
	var want, got chatapi.TemplateInfo
	require.NoError(t, want.UnmarshalJSON([]byte(wire)))
	buffer := []byte(wire)
	require.NoError(t, got.UnmarshalJSON(buffer))
	copy(buffer, bytes.Repeat([]byte("x"), len(buffer)))
	assert.Equal(t, wire, string(got.Raw))
	assert.Equal(t, want, got)
}

// A template from the service can be changed and submitted as a draft, without a
// change of the template.
func TestTemplateInfoKeepsNothingOfTheDraft(t *testing.T) {
	d := draft()
	info, err := serving(t, always(`{"id":"31"}`)).Templates.Create(t.Context(), d)
	require.NoError(t, err)
	d.Components[1].Text = "Goodbye {{1}}, order {{2}} is gone."
	d.Components[0], d.Components[2] = d.Components[2], d.Components[0]
	assert.Equal(t, draft().Components, info.Components)
	assert.Equal(t, json.RawMessage(`{"id":"31"}`), info.Raw)
}

// Preview shows dollar signs and braces of a value unchanged.
func TestPreviewTakesValuesLiterally(t *testing.T) {
	info := approved(t, "You owe {{1}} for {{2}}.")
	preview, err := info.Preview(info.Use("$1.50", "${1}", "{{1}}", "$1"))
	require.NoError(t, err)
	assert.Equal(t, "Order $1.50", preview.Header)
	assert.Equal(t, "You owe ${1} for {{1}}.", preview.Body)
	assert.Equal(t, "https://shop.example.com/t/$1", preview.Buttons[0].URL)
}

// Use sorts variables by number, not by text.
func TestUseOfTenValues(t *testing.T) {
	var text, values []string
	for n := 10; n > 0; n-- {
		text = append(text, fmt.Sprintf("{{%d}}", n))
		values = append(values, fmt.Sprintf("v%d", 11-n))
	}
	info := &chatapi.TemplateInfo{Name: "a", Language: "en", Components: []chatapi.Component{{Type: chatapi.ComponentBody, Text: strings.Join(text, " ")}}}
	preview, err := info.Preview(info.Use(values...))
	require.NoError(t, err)
	assert.Equal(t, "v10 v9 v8 v7 v6 v5 v4 v3 v2 v1", preview.Body)
}

// The code of a one-time password goes into the body and the button.
func TestOneTimePasswordTakesItsCode(t *testing.T) {
	info := &chatapi.TemplateInfo{Name: "a", Language: "en", Components: []chatapi.Component{
		{Type: chatapi.ComponentBody, Text: "{{1}} is your code."},
		{Type: chatapi.ComponentButtons, Buttons: []chatapi.TemplateButton{{Type: chatapi.ButtonTypeOTP, Text: "Copy"}}}}}
	m := info.Use("123456", "123456")
	assert.Equal(t, []chatapi.ButtonParam{chatapi.URLButton(0, "123456")}, m.Buttons)
	assert.NoError(t, info.Check(m))
	wrongField(t, info.Check(info.Use("123456")), chatapi.ErrTemplate, "Buttons")
}

func TestComponentFieldWinsOverExtra(t *testing.T) {
	data, err := json.Marshal(chatapi.Component{Type: chatapi.ComponentBody, Text: "Hello",
		Extra: map[string]json.RawMessage{"text": json.RawMessage(`"Goodbye"`), "number": json.RawMessage(`1`)}})
	require.NoError(t, err)
	assert.JSONEq(t, `{"type":"BODY","text":"Hello","number":1}`, string(data))
}

// WaitApproved makes the service's Retry-After its pause if that is longer.
func TestWaitApprovedHonoursRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		client := serving(t, func(int, *http.Request) *http.Response {
			switch took := time.Since(start); {
			case took < time.Second:
				return reply(200, listed("a/en/PENDING"))
			case took < 2*time.Second:
				busy := reply(429, "{}")
				busy.Header.Set("Retry-After", "100")
				return busy
			}
			return reply(200, listed("a/en/APPROVED"))
		})
		_, err := client.Templates.WaitApproved(t.Context(), "a", "en")
		require.NoError(t, err)
		assert.Equal(t, 101*time.Second, time.Since(start))
	})
}
