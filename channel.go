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

// ProfileService reads and changes the business profile. See [Client.Profile].
type ProfileService struct{ service }

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

// ProfilePatch is a change of the business profile. A field that is nil or zero
// stays as it is. A pointer to an empty text empties the field.
//
//	chatapi.ProfilePatch{About: new("Open 9-18")}
type ProfilePatch struct {
	About, Address, Email *string

	// Description has at most 256 characters (contract, "Limits"; documented).
	Description *string

	// Vertical is the line of business, such as "Shopping and Retail". The
	// service takes any text.
	Vertical *string

	// Photo is an https link or the bytes of an image.
	Photo Media

	// Websites replaces the list. Nil leaves the list as it is, and an empty
	// list empties it.
	Websites []string
}

// Get returns the business profile. It changes nothing and is retried.
func (s ProfileService) Get(ctx context.Context) (*ProfileInfo, error) {
	const op = "Profile.Get"
	var raw json.RawMessage
	if err := s.call(ctx, request{op: op, method: http.MethodGet, path: "me"}, &raw); err != nil {
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
	if err := s.decode(op, raw, &body); err != nil {
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

// Update changes the given fields of the profile. An empty patch is
// [ErrInvalid]. The service refuses with [ErrBlocked] while the subscription is
// over its limit. The call may be repeated without harm and is retried.
func (s ProfileService) Update(ctx context.Context, patch ProfilePatch) error {
	const op = "Profile.Update"
	body := struct {
		About       *string   `json:"about,omitempty"`
		Address     *string   `json:"address,omitempty"`
		Description *string   `json:"description,omitempty"`
		Email       *string   `json:"email,omitempty"`
		Vertical    *string   `json:"vertical,omitempty"`
		Photo       string    `json:"photo,omitempty"`
		Websites    *[]string `json:"websites,omitempty"`
	}{patch.About, patch.Address, patch.Description, patch.Email, patch.Vertical, "", nil}
	var c checker
	if patch.Description != nil {
		c.optional("Description", *patch.Description, 256)
	}
	if !patch.Photo.isZero() {
		body.Photo = patch.Photo.source(&c, "Photo")
	}
	if patch.Websites != nil {
		body.Websites = &patch.Websites
		for i, site := range patch.Websites {
			c.url(at("Websites", i, ""), site)
		}
	}
	empty := patch.About == nil && patch.Address == nil && patch.Description == nil && patch.Email == nil &&
		patch.Vertical == nil && patch.Photo.isZero() && patch.Websites == nil
	c.require(!empty, "patch", "changes nothing; set one of its fields")
	if c.first != nil {
		return s.refuse(op, c.first)
	}
	return s.call(ctx, request{op: op, method: http.MethodPost, path: "me", body: body}, nil)
}
