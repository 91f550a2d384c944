package chatapi_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// setting is one setting of a channel: its name in the contract, and its field in
// a patch and in the settings read back.
type setting struct {
	name  string
	patch func(*chatapi.SettingsPatch) **bool
	info  func(*chatapi.SettingsInfo) *bool
}

var settings = []setting{
	{"guaranteedHooks", func(p *chatapi.SettingsPatch) **bool { return &p.GuaranteedHooks },
		func(i *chatapi.SettingsInfo) *bool { return &i.GuaranteedHooks }},
	{"ackNotificationsOn", func(p *chatapi.SettingsPatch) **bool { return &p.AckNotifications },
		func(i *chatapi.SettingsInfo) *bool { return &i.AckNotifications }},
	{"rawHooks", func(p *chatapi.SettingsPatch) **bool { return &p.RawHooks },
		func(i *chatapi.SettingsInfo) *bool { return &i.RawHooks }},
	{"template_analytics_enabled", func(p *chatapi.SettingsPatch) **bool { return &p.TemplateAnalytics },
		func(i *chatapi.SettingsInfo) *bool { return &i.TemplateAnalytics }},
	{"cta_url_link_tracking_opted_out", func(p *chatapi.SettingsPatch) **bool { return &p.LinkTrackingOptedOut },
		func(i *chatapi.SettingsInfo) *bool { return &i.LinkTrackingOptedOut }},
}

// The test makes every patch, with each setting absent, false or true. An update
// sends only the settings of the patch, and changes nothing else, above all not
// the webhook addresses.
func TestSettingsPatchChangesWhatItNames(t *testing.T) {
	const states = 3 // absent, false and true
	patches := 1
	for range settings {
		patches *= states
	}
	api := chatapitest.New(t)
	client := api.Client()
	require.NoError(t, client.Webhooks.Set(t.Context(), "https://desk.example/a", "https://other.example/b"))
	want, err := client.Settings.Get(t.Context())
	require.NoError(t, err)
	require.Len(t, want.Webhooks, 2)

	for n := 1; n < patches; n++ { // patch 0 is empty
		var patch chatapi.SettingsPatch
		sent := map[string]bool{}
		for i, rest := 0, n; i < len(settings); i, rest = i+1, rest/states {
			if state := rest % states; state > 0 {
				value := state == 2
				*settings[i].patch(&patch) = &value
				*settings[i].info(want) = value
				sent[settings[i].name] = value
			}
		}
		require.NoError(t, client.Settings.Update(t.Context(), patch))
		var body map[string]bool
		require.NoError(t, json.Unmarshal(api.Calls().Last().Body, &body))
		require.Equal(t, sent, body)

		got, err := client.Settings.Get(t.Context())
		require.NoError(t, err)
		got.Raw, want.Raw = nil, nil
		require.Equal(t, want, got)
	}

	before := len(api.Calls())
	err = client.Settings.Update(t.Context(), chatapi.SettingsPatch{})
	require.ErrorIs(t, err, chatapi.ErrInvalid)
	assert.Len(t, api.Calls(), before, "an empty patch is not sent")
}
