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

// SettingsInfo holds the settings of a channel. A setting that the reply leaves
// out is false here; Raw shows the difference.
type SettingsInfo struct {
	// Webhooks are the addresses to which events go. [WebhooksService] changes
	// them one by one.
	Webhooks []WebhookInfo

	// GuaranteedHooks makes the service repeat the delivery of an event until
	// the receiver answers with 200. How often and how fast is not published.
	GuaranteedHooks bool

	// AckNotifications makes the service deliver statuses. Without it no
	// [StatusEvent] arrives.
	AckNotifications bool

	// RawHooks makes the service forward the provider's own webhooks. It is not
	// published whether the normalized webhooks continue; [ParseWebhook] reads
	// both.
	RawHooks bool

	// TemplateAnalytics makes WhatsApp collect figures on sent templates.
	TemplateAnalytics bool

	// LinkTrackingOptedOut stops WhatsApp from counting taps on links.
	LinkTrackingOptedOut bool

	// Raw is the service's reply.
	Raw json.RawMessage
}

// SettingsPatch is a change of settings. A field that is nil stays as it is. It
// is not the result of [SettingsService.Get], because writing that back would
// also replace the list of webhook addresses, which other programs share.
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

// Update changes the given settings and leaves the others as they are. An empty
// patch is [ErrInvalid]. The call may be repeated without harm and is retried.
func (s SettingsService) Update(ctx context.Context, patch SettingsPatch) error {
	const op = "Settings.Update"
	if patch == (SettingsPatch{}) {
		return s.refuse(op, invalid("patch", "changes nothing"))
	}
	return s.call(ctx, request{op: op, method: http.MethodPost, path: "settings", body: patch}, nil)
}
