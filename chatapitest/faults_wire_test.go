package chatapitest_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// TestFaultF6EmptyVertical: GET /me leaves an empty vertical out, which the vendor's
// SDKs cannot read.
func TestFaultF6EmptyVertical(t *testing.T) {
	api := chatapitest.New(t)
	client := api.Client()
	vertical := func() (value any, present bool) {
		_, body := request(t, api, "GET", "me", "")
		var profile map[string]any
		require.NoError(t, json.Unmarshal([]byte(body), &profile))
		value, present = profile["vertical"]
		return value, present
	}
	_, present := vertical()
	assert.False(t, present)
	for _, text := range []string{"Other", "Shopping and Retail", "Kettles"} {
		require.NoError(t, client.Profile.Update(t.Context(), chatapi.ProfilePatch{Vertical: &text}))
		value, _ := vertical()
		assert.Equal(t, text, value)
	}
	empty := ""
	require.NoError(t, client.Profile.Update(t.Context(), chatapi.ProfilePatch{Vertical: &empty}))
	_, present = vertical()
	assert.False(t, present, "emptied again")
	info, err := client.Profile.Get(t.Context())
	require.NoError(t, err)
	assert.Empty(t, info.Vertical)
}

// delivered returns the elements of a list in the normalized webhooks so far.
func delivered(t *testing.T, api *chatapitest.API, list string) (elements []map[string]any) {
	t.Helper()
	for _, d := range api.Delivered() {
		var body map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(d.Body, &body))
		var found []map[string]any
		if body[list] != nil {
			require.NoError(t, json.Unmarshal(body[list], &found))
		}
		elements = append(elements, found...)
	}
	return elements
}

// TestFaultF7SeenTypes: voice notes, echoes of templates and failed acks look as a
// production receiver saw them; quirks give the documented forms.
func TestFaultF7SeenTypes(t *testing.T) {
	for _, c := range []struct {
		quirk           chatapitest.Quirk
		voice, template string
		category        any
	}{
		{"", "ptt", "chat", "utility"},
		{chatapitest.VoiceType, "voice", "chat", "utility"},
		{chatapitest.AudioType, "audio", "chat", "utility"},
		{chatapitest.TemplateType, "ptt", "template", "utility"},
		{chatapitest.BareFailures, "ptt", "chat", nil},
	} {
		t.Run(string(c.quirk), func(t *testing.T) {
			api := chatapitest.New(t, chatapitest.Quirks(c.quirk))
			api.Webhook("https://log.test/x", &listener{})
			customer := api.Customer(ann).WithUsername("ann")
			customer.Sends(chatapitest.File{Name: "a.ogg", Type: chatapi.TypeVoice, Data: []byte("x")})
			customer.Sends(chatapitest.File{Name: "a.mp3", Data: []byte("x")})
			api.Template("hello", "en", "Hello")
			client := api.Client()
			for range 2 {
				_, err := client.Send(t.Context(), chatapi.Phone(ann), chatapi.Template{Name: "hello", Language: "en"})
				require.NoError(t, err)
				api.Settle()
				customer.CannotBeReached("")
			}
			messages, acks := delivered(t, api, "messages"), delivered(t, api, "ack")
			assert.Equal(t, c.voice, messages[0]["type"])
			assert.Equal(t, "audio", messages[1]["type"], "a sound that is no voice note")
			assert.Equal(t, c.template, messages[2]["type"])
			assert.Equal(t, "Hello", messages[2]["body"])
			require.Len(t, acks, 3)
			assert.Equal(t, "utility", acks[0]["category"])
			assert.Equal(t, "failed", acks[2]["status"])
			assert.Equal(t, c.category, acks[2]["category"])
			if c.category != nil {
				assert.Equal(t, "ann", acks[2]["userName"])
			}
			assert.Equal(t, "Message undeliverable.", acks[2]["error"])
			_, rows := request(t, api, "GET", "messages", "")
			assert.Contains(t, rows, `"type":"`+c.voice+`"`, "the history has the same type")
		})
	}
}

// TestFaultF10HookInfoAndCountries: hookInfo says how far a message got, and a BSUID
// begins with the country of the number.
func TestFaultF10HookInfoAndCountries(t *testing.T) {
	for number, country := range map[string]string{
		"13875550143": "CA.", "16335550143": "CA.", "18515550143": "CA.", "573001234567": "CO.", "12025550143": "US.", "14165550143": "CA.", "12425550143": "BS.", "5511987654321": "BR.",
		"447700900123": "GB.", "77011234567": "KZ.", "79991234567": "RU.", "919800000000": "IN.", "85251234567": "HK.", "999123456": "XX.",
	} {
		api := chatapitest.New(t)
		bsuid := api.Customer(number).BSUID()
		assert.True(t, strings.HasPrefix(bsuid, country), "%s: %s", number, bsuid)
		parsed, err := chatapi.ParseRecipient(bsuid)
		require.NoError(t, err)
		assert.Equal(t, chatapi.BSUID(bsuid), parsed)
	}

	api := chatapitest.New(t)
	client := api.Client()
	customer := api.Customer(ann)
	customer.Says("hi")
	send := func() string {
		receipt, err := client.Send(t.Context(), customer.Recipient(), chatapi.Text{Body: "x"})
		require.NoError(t, err)
		return receipt.ID
	}
	state := func(id string) string {
		_, body := request(t, api, "GET", "hookInfo?messageId="+id, "")
		var info struct{ Hooks []struct{ Status string } }
		require.NoError(t, json.Unmarshal([]byte(body), &info))
		require.Len(t, info.Hooks, 1)
		return info.Hooks[0].Status
	}
	first := send()
	assert.Equal(t, "delivered", state(first))
	customer.Reads()
	assert.Equal(t, "read", state(first))
	customer.GoesOffline()
	second := send()
	assert.Equal(t, "sent", state(second))
	customer.ComesOnline()
	assert.Equal(t, "delivered", state(second))
	customer.CannotBeReached("")
	assert.Equal(t, "failed", state(send()))
}

// TestFaultF12TemplateStatusCase: the case of a template's status is that of the quirk,
// and the SDK reads one status.
func TestFaultF12TemplateStatusCase(t *testing.T) {
	for quirk, want := range map[chatapitest.Quirk][]string{
		"":                         {`"approved"`, `"PAUSED"`},
		chatapitest.UpperTemplates: {`"APPROVED"`, `"PAUSED"`},
		chatapitest.LowerTemplates: {`"approved"`, `"paused"`},
	} {
		api := chatapitest.New(t, chatapitest.Quirks(quirk))
		api.Template("a", "en", "Hello")
		api.Template("b", "en", "Hello")
		api.Pause("b", "en")
		_, body := request(t, api, "GET", "templates", "")
		for _, status := range want {
			assert.Contains(t, body, `"status":`+status, quirk)
		}
		client := api.Client()
		a, err := client.Templates.WaitApproved(t.Context(), "a", "en")
		require.NoError(t, err)
		assert.Equal(t, chatapi.TemplateApproved, a.Status)
		b, err := client.Templates.Get(t.Context(), "b", "en")
		require.NoError(t, err)
		assert.Equal(t, chatapi.TemplatePaused, b.Status)
	}
}
