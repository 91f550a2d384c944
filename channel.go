package chatapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// ChannelService reads the state of the channel. See [Client.Channel].
type ChannelService struct{ service }

// ChannelStatus is the state of a channel.
type ChannelStatus struct {
	// Status is "connected" when the channel works; "connecting",
	// "disconnected", "uninitialized" and "unregistered" were seen (contract,
	// 2023). The set is open.
	Status string

	// AccountStatus is a text such as "authenticated". The old web product sent
	// an object instead; then AccountStatus is empty, and the object is in Raw.
	AccountStatus string

	// MarketingLite is set if the Marketing Messages path is available.
	MarketingLite bool

	// Raw is the service's reply.
	Raw json.RawMessage
}

// GetStatus returns the state of the channel. A channel that is not connected
// is no error: see Status. The error is [ErrUnauthorized] or [ErrWrongChannel]
// for the token, [ErrBlocked] for the subscription, [ErrNotFound] for a wrong
// API URL, [ErrUnavailable] or [ErrUnreachable] for a service that fails. It
// changes nothing and is retried.
func (s ChannelService) GetStatus(ctx context.Context) (*ChannelStatus, error) {
	const op = "Channel.GetStatus"
	var raw json.RawMessage
	if err := s.call(ctx, request{op: op, method: http.MethodGet, path: "status"}, &raw); err != nil {
		return nil, err
	}
	var body struct {
		Status        wire.Text       `json:"status"`
		AccountStatus json.RawMessage `json:"accountStatus"`
		MarketingLite wire.Bool       `json:"mm_lite_available"`
	}
	if err := s.decode(op, raw, &body); err != nil {
		return nil, err
	}
	status := &ChannelStatus{Status: string(body.Status), MarketingLite: body.MarketingLite.Value, Raw: raw}
	_ = json.Unmarshal(body.AccountStatus, &status.AccountStatus) // an object of the web product stays in Raw
	return status, nil
}

// MarketingLiteInfo says whether the channel can send by the Marketing Messages
// path.
type MarketingLiteInfo struct {
	Available bool

	// Status is a word such as "NOT_ONBOARDED"; Message explains it. Both may
	// be empty.
	Status, Message string

	// Raw is the service's reply.
	Raw json.RawMessage
}

// GetMarketingLite returns whether [Template] messages of the category
// MARKETING can go by the Marketing Messages path. Errors are those of
// [ChannelService.GetStatus]. It changes nothing and is retried.
func (s ChannelService) GetMarketingLite(ctx context.Context) (*MarketingLiteInfo, error) {
	const op = "Channel.GetMarketingLite"
	var raw json.RawMessage
	if err := s.call(ctx, request{op: op, method: http.MethodGet, path: "mmLiteStatus"}, &raw); err != nil {
		return nil, err
	}
	var body struct {
		Available wire.Bool `json:"available"`
		Status    wire.Text `json:"status"`
		Message   wire.Text `json:"message"`
	}
	if err := s.decode(op, raw, &body); err != nil {
		return nil, err
	}
	return &MarketingLiteInfo{Available: body.Available.Value, Status: string(body.Status), Message: string(body.Message), Raw: raw}, nil
}
