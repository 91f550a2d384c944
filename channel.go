package chatapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
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

// ProfileInfo is the business profile that customers see. A field is empty if the
// service does not name it.
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

// Get returns the business profile. It reads the service's own form and WhatsApp's, in
// which the profile is in a list under "data", the number is an object, and the
// picture is "profile_picture_url" (the vendor's command line and its tests, 2026;
// medium confidence). A refusal is an error also if its status is 200, and so is a
// reply that names no part of a profile: [ErrUnavailable]. Other errors are those of
// [ChannelService.GetStatus]. It changes nothing and is retried.
func (s ProfileService) Get(ctx context.Context) (*ProfileInfo, error) {
	const op = "Profile.Get"
	var raw json.RawMessage
	if err := s.call(ctx, request{op: op, method: http.MethodGet, path: "me"}, &raw); err != nil {
		return nil, err
	}
	members := profileMembers(raw)
	if members == nil {
		return nil, s.unreadable(op, raw, errors.New("the reply names no part of a profile"))
	}
	text := func(name string, inside ...string) string { return textIn(members[name], inside...) }
	profile := &ProfileInfo{
		About: text("about", "text"), Address: text("address"), Description: text("description"), Email: text("email"),
		Vertical: text("vertical"), Raw: raw,
		Phone: Phone(cmp.Or(text("phone", "display_phone_number", "phone_number", "number", "wa_id"), text("display_phone_number"), text("phone_number"))).Value(),
		Photo: cmp.Or(text("photo", "url", "link"), text("profile_picture_url"), text("profile_picture", "url", "link")),
	}
	var sites []json.RawMessage
	if json.Unmarshal(members["websites"], &sites) != nil {
		sites = []json.RawMessage{members["websites"]}
	}
	for _, site := range sites {
		if address := textIn(site, "url", "link"); address != "" {
			profile.Websites = append(profile.Websites, address)
		}
	}
	return profile, nil
}

// profileNames are the members that show that an object is a profile. WhatsApp's
// profile without any entry has only messaging_product.
var profileNames = [...]string{"about", "address", "description", "email", "phone", "phone_number", "display_phone_number", "vertical", "photo",
	"profile_picture", "profile_picture_url", "websites", "messaging_product"}

// profileMembers returns the members of a profile, also if it is in a list or in an
// envelope; nil if there is no profile.
func profileMembers(raw json.RawMessage) map[string]json.RawMessage {
	for range 4 { // bounds envelopes within envelopes
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) == nil {
			if len(list) != 1 {
				return nil
			}
			raw = list[0]
			continue
		}
		var members map[string]json.RawMessage
		if json.Unmarshal(raw, &members) != nil {
			return nil
		}
		for _, name := range profileNames {
			if value := members[name]; len(value) > 0 && string(value) != "null" {
				return members
			}
		}
		raw = nil
		for _, name := range [...]string{"data", "profile", "business_profile", "result", "response"} {
			if raw == nil {
				raw = members[name]
			}
		}
	}
	return nil
}

// textIn returns a text, number or flag as text, or that of an object's first member
// of those names; empty for any other value.
func textIn(raw json.RawMessage, names ...string) string {
	var text wire.Text
	if text.UnmarshalJSON(raw) == nil {
		return string(text)
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return ""
	}
	for _, name := range names {
		if found := textIn(members[name]); found != "" {
			return found
		}
	}
	return ""
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
