package chatapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// SettingsService reads and changes the channel's settings. See
// [Client.Settings].
type SettingsService struct{ service }

// SettingsInfo is what a channel is set to. A setting that the service does not
// name is false here; Raw tells the difference.
type SettingsInfo struct {
	// Webhooks are the addresses that events go to. [WebhooksService] changes
	// them one by one.
	Webhooks []WebhookInfo

	// GuaranteedHooks makes the service deliver an event again until it is
	// answered with 200. How often and how fast is not published.
	GuaranteedHooks bool

	// AckNotifications sends statuses; without it no [StatusEvent] comes.
	AckNotifications bool

	// RawHooks forwards the provider's own webhooks. Whether the service's
	// normalized ones go on is not published; [ParseWebhook] reads both.
	RawHooks bool

	// TemplateAnalytics collects figures on sent templates.
	TemplateAnalytics bool

	// LinkTrackingOptedOut stops WhatsApp from counting taps on links.
	LinkTrackingOptedOut bool

	// Raw is the service's reply.
	Raw json.RawMessage
}

// SettingsPatch is a change of settings: what is nil stays as it is. It cannot
// hold what [SettingsService.Get] returned, because writing that back would
// also replace the list of webhook addresses, which others share.
//
//	chatapi.SettingsPatch{AckNotifications: new(true)}
type SettingsPatch struct {
	GuaranteedHooks      *bool `json:"guaranteedHooks,omitempty"`
	AckNotifications     *bool `json:"ackNotificationsOn,omitempty"`
	RawHooks             *bool `json:"rawHooks,omitempty"`
	TemplateAnalytics    *bool `json:"template_analytics_enabled,omitempty"`
	LinkTrackingOptedOut *bool `json:"cta_url_link_tracking_opted_out,omitempty"`
}

// Get returns the channel's settings. It changes nothing and is retried.
func (s SettingsService) Get(ctx context.Context) (*SettingsInfo, error) {
	const op = "Settings.Get"
	var raw json.RawMessage
	if err := s.call(ctx, request{op: op, method: http.MethodGet, path: "settings"}, &raw); err != nil {
		return nil, err
	}
	var body struct {
		Webhooks             json.RawMessage `json:"webhookUrl"`
		GuaranteedHooks      wire.Bool       `json:"guaranteedHooks"`
		AckNotifications     wire.Bool       `json:"ackNotificationsOn"`
		RawHooks             wire.Bool       `json:"rawHooks"`
		TemplateAnalytics    wire.Bool       `json:"template_analytics_enabled"`
		LinkTrackingOptedOut wire.Bool       `json:"cta_url_link_tracking_opted_out"`
	}
	if err := s.decode(op, raw, &body); err != nil {
		return nil, err
	}
	settings := &SettingsInfo{GuaranteedHooks: body.GuaranteedHooks.Value, AckNotifications: body.AckNotifications.Value,
		RawHooks: body.RawHooks.Value, TemplateAnalytics: body.TemplateAnalytics.Value,
		LinkTrackingOptedOut: body.LinkTrackingOptedOut.Value, Raw: raw}
	if list := wire.Root(body.Webhooks); !list.IsAbsent() {
		var err error
		if settings.Webhooks, err = readWebhookList(list); err != nil {
			return nil, s.unreadable(op, raw, err)
		}
	}
	return settings, nil
}

// Update changes the settings that are given and leaves the others alone. An
// empty patch is [ErrInvalid]. It may be repeated without harm and is retried.
func (s SettingsService) Update(ctx context.Context, patch SettingsPatch) error {
	const op = "Settings.Update"
	if patch == (SettingsPatch{}) {
		return s.refuse(op, invalid("patch", "changes nothing"))
	}
	return s.call(ctx, request{op: op, method: http.MethodPost, path: "settings", body: patch}, nil)
}
