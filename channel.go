package chatapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// ChannelService tells the state of the channel. See [Client.Channel].
type ChannelService service

// ChannelStatus is the state of a channel.
type ChannelStatus struct {
	// Status is "connected" when the channel works; "connecting",
	// "disconnected", "uninitialized" and "unregistered" were seen (contract,
	// 2023). The set is open.
	Status string

	// AccountStatus is a text such as "authenticated". The old web product put
	// an object here; then it is empty and Raw has it.
	AccountStatus string

	// MarketingLite tells whether the Marketing Messages path is available.
	MarketingLite bool

	// Raw is the service's reply.
	Raw json.RawMessage
}

// Status returns the state of the channel. It changes nothing and is retried.
func (s *ChannelService) Status(ctx context.Context) (*ChannelStatus, error) {
	var raw json.RawMessage
	if err := s.client.call(ctx, request{op: "getStatus", method: http.MethodGet, path: "status"}, &raw); err != nil {
		return nil, err
	}
	var body struct {
		Status        wire.Text       `json:"status"`
		AccountStatus json.RawMessage `json:"accountStatus"`
		MarketingLite wire.Bool       `json:"mm_lite_available"`
	}
	if err := s.client.decode("getStatus", raw, &body); err != nil {
		return nil, err
	}
	status := &ChannelStatus{Status: string(body.Status), MarketingLite: body.MarketingLite.Value, Raw: raw}
	_ = json.Unmarshal(body.AccountStatus, &status.AccountStatus) // an object of the web product stays in Raw
	return status, nil
}

// ProfileService reads the business profile. See [Client.Profile].
type ProfileService service

// ProfileInfo is the business profile that customers see.
type ProfileInfo struct {
	// Phone is the channel's own number in digits.
	Phone string

	About, Address, Description, Email string

	// Vertical is the line of business, such as "Shopping and Retail".
	Vertical string

	// Photo is the address of the picture.
	Photo string

	Websites []string

	// Raw is the service's reply.
	Raw json.RawMessage
}

// Get returns the business profile. It changes nothing and is retried.
func (s *ProfileService) Get(ctx context.Context) (*ProfileInfo, error) {
	var raw json.RawMessage
	if err := s.client.call(ctx, request{op: "getMe", method: http.MethodGet, path: "me"}, &raw); err != nil {
		return nil, err
	}
	var body struct {
		Phone       wire.Text       `json:"phone"`
		About       wire.Text       `json:"about"`
		Address     wire.Text       `json:"address"`
		Description wire.Text       `json:"description"`
		Email       wire.Text       `json:"email"`
		Vertical    wire.Text       `json:"vertical"`
		Photo       wire.Text       `json:"photo"`
		Websites    json.RawMessage `json:"websites"`
	}
	if err := s.client.decode("getMe", raw, &body); err != nil {
		return nil, err
	}
	profile := &ProfileInfo{Phone: Phone(string(body.Phone)).Value(), About: string(body.About), Address: string(body.Address),
		Description: string(body.Description), Email: string(body.Email), Vertical: string(body.Vertical), Photo: string(body.Photo), Raw: raw}
	if json.Unmarshal(body.Websites, &profile.Websites) != nil {
		var one string
		if json.Unmarshal(body.Websites, &one) == nil && one != "" {
			profile.Websites = []string{one}
		}
	}
	return profile, nil
}
