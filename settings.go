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
	// both. The provider's own name no channel: give the handler [WebhookChannel],
	// or [Once] takes the two forms of a message for two, and a [Ledger] refuses them.
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
		return s.refuse(op, invalid("patch", "changes nothing; set one of its fields"))
	}
	return s.call(ctx, request{op: op, method: http.MethodPost, path: "settings", body: patch}, nil)
}

// CatalogService reads and sets what customers see of the shop. It is
// [Client.Catalog], and safe for concurrent use. Its calls may be repeated
// without harm and are retried. The products themselves are in Meta's catalogue,
// which the service cannot change.
type CatalogService struct{ service }

// Commerce holds the settings of the shop.
type Commerce struct {
	// Cart lets customers collect products and order them.
	Cart bool

	// Visible shows the catalogue on the business profile.
	Visible bool
}

// CommerceInfo holds the settings of one catalogue.
type CommerceInfo struct {
	Commerce

	// ID is the service's id of the settings; keep it as a string.
	ID string

	// Raw is the entry as the service wrote it.
	Raw json.RawMessage
}

// ListCommerce returns the settings of the channel's catalogues, usually one entry.
// For a channel without a catalogue the provider answers with an error, mostly
// [ErrInvalid] with code 100 (contract, "/commerce"; inferred). ListCommerce is
// retried.
func (s CatalogService) ListCommerce(ctx context.Context) ([]CommerceInfo, error) {
	const op = "Catalog.ListCommerce"
	var raw json.RawMessage
	if err := s.call(ctx, request{op: op, method: http.MethodGet, path: "commerce"}, &raw); err != nil {
		return nil, err
	}
	rows, err := s.rows(op, raw, "data")
	if err != nil {
		return nil, err
	}
	list := make([]CommerceInfo, len(rows))
	for i, row := range rows {
		var body struct {
			ID      wire.Text `json:"id"`
			Cart    wire.Bool `json:"is_cart_enabled"`
			Visible wire.Bool `json:"is_catalog_visible"`
		}
		if err := s.decode(op, row, &body); err != nil {
			return nil, err
		}
		list[i] = CommerceInfo{Commerce{Cart: body.Cart.Value, Visible: body.Visible.Value}, string(body.ID), row}
	}
	return list, nil
}

// SetCommerce sets both settings, because the service takes them only together.
// While the subscription is over its limit, the error is [ErrBlocked]. SetCommerce
// may be repeated without harm and is retried.
func (s CatalogService) SetCommerce(ctx context.Context, shown Commerce) error {
	body := map[string]any{"params": map[string]bool{"is_cart_enabled": shown.Cart, "is_catalog_visible": shown.Visible}}
	return s.call(ctx, request{op: "Catalog.SetCommerce", method: http.MethodPost, path: "commerce", body: body}, nil)
}
