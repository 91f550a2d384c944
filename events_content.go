package chatapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"
)

// Content is what a message says. Type names the kind; one of the pointers is
// set for kinds that are more than text.
type Content struct {
	// ID is the message id.
	ID string

	// Type is the kind in this package's words; TypeOther where there is none.
	// EventInfo.Wire keeps the service's own word.
	Type ContentType

	// Chat is the thread: "12025550143@c.us" or "120363000000000001@g.us".
	Chat string

	// Text is what a person would read: the message's text, a media caption, a
	// button's title. It is never a URL of the service.
	Text string

	// QuotedID is the message this one replies to, or reacts to.
	QuotedID string

	// QuotedFrom is the number of who wrote that; empty if not told.
	QuotedFrom string

	// OriginalID is the message that an edit or a revoke is about.
	OriginalID string

	// Forwarded is set on forwarded messages, FrequentlyForwarded on those that were
	// forwarded many times.
	Forwarded, FrequentlyForwarded bool

	// Mentions are the people named with @ in a group.
	Mentions []string

	// Media is the file of an image, video, audio, voice, document or sticker.
	Media *ReceivedMedia

	// Location is the place of a location message; nil if the service's text
	// for it was not readable.
	Location *ReceivedLocation

	// Contacts is the shared contact cards, as raw JSON or vCard text: the
	// service does not document their form.
	Contacts json.RawMessage

	// Cards is the same, read, where the form is WhatsApp's own.
	Cards []ContactCard

	// Reply is the button or list row that the customer chose.
	Reply *Reply

	// Reaction is the emoji put on QuotedID.
	Reaction *ReceivedReaction

	// Referral is the ad or post that the chat began from.
	Referral *Referral

	// Flow is a filled-in form or address.
	Flow *FlowReply

	// Order is a shopping cart.
	Order *ReceivedOrder

	// Product is the catalogue item that the message asks about.
	Product *ReceivedProduct

	// System is WhatsApp's own note about a customer: a new number or identity.
	System *SystemNotice

	// Permission is the answer to a request for calling.
	Permission *CallPermission

	// Edit is the new content of the message OriginalID.
	Edit *Content

	// Unsupported is WhatsApp's word for what an unsupported message is, such as
	// "poll"; mostly empty.
	Unsupported string

	// Errors tells why a message, or its file, could not be shown.
	Errors []StatusError
}

// Display returns what a person would be shown: Text, or a placeholder in
// brackets such as "[image]", "[location 38.8977, -77.0365]" or "[unsupported:
// Message type is currently not supported]". It is never empty.
func (c Content) Display() string {
	if c.Text != "" {
		return c.Text
	}
	switch {
	case c.Type == TypeUnsupported && len(c.Errors) > 0:
		e := c.Errors[0]
		if why := cmp.Or(c.Unsupported, cmp.Or(e.Details, e.Title)); why != "" {
			return "[unsupported: " + clip(why, 200) + "]"
		}
	case c.Edit != nil:
		return c.Edit.Display()
	case c.Location != nil:
		return fmt.Sprintf("[location %v, %v]", c.Location.Latitude, c.Location.Longitude)
	case c.Media != nil && c.Media.Name != "":
		return "[" + string(c.Type) + " " + c.Media.Name + "]"
	case len(c.Cards) > 0 && c.Cards[0].Name.Formatted != "":
		return "[contact " + c.Cards[0].Name.Formatted + "]"
	case c.Order != nil:
		return fmt.Sprintf("[order of %d items]", len(c.Order.Items))
	case c.System != nil:
		return "[" + cmp.Or(c.System.Type, "system") + "]"
	}
	return "[" + cmp.Or(string(c.Type), "message") + "]"
}

// ContentType is the kind of a received message. The set is open.
type ContentType string

// The known content types.
const (
	TypeText           ContentType = "text"
	TypeImage          ContentType = "image"
	TypeVideo          ContentType = "video"
	TypeAudio          ContentType = "audio"
	TypeVoice          ContentType = "voice"
	TypeDocument       ContentType = "document"
	TypeSticker        ContentType = "sticker"
	TypeLocation       ContentType = "location"
	TypeContacts       ContentType = "contacts"
	TypeButton         ContentType = "button"
	TypeInteractive    ContentType = "interactive"
	TypeReaction       ContentType = "reaction"
	TypeRequestWelcome ContentType = "request_welcome"
	TypeCallPermission ContentType = "call_permission_reply"
	TypeOrder          ContentType = "order"
	TypeSystem         ContentType = "system"
	TypeEdit           ContentType = "edit"
	TypeRevoke         ContentType = "revoke"

	// TypeUnsupported is a message that WhatsApp shows only in its own apps;
	// Content.Errors says why, and Content.Display gives a placeholder.
	TypeUnsupported ContentType = "unsupported"

	TypeOther ContentType = "other"
)

// ReceivedMedia is a file that a customer sent. Fetch it at once: the service's
// link dies within minutes (contract, "Media"), and it must not be given the
// channel's token.
type ReceivedMedia struct {
	// URL is the link; empty where only an id came.
	URL string

	// ID is the media id; empty where only a link came. It is digits, and
	// text.
	ID string

	// MIMEType is the declared type; empty if the format has none.
	MIMEType string

	// Name is the file name of a document, if one came.
	Name string

	// SHA256 is the file's hash as it came, in base64 or hex; empty where the
	// format has none.
	SHA256 string

	// Animated is set on moving stickers.
	Animated bool
}

// ReceivedLocation is a place that a customer sent.
type ReceivedLocation struct {
	Latitude, Longitude float64
	Name, Address, URL  string
}

// Reply is a customer's choice among reply buttons, list rows or a template's
// quick replies.
type Reply struct {
	// ID is the button's or row's id, or a quick reply's payload; empty where
	// the format carries only the title.
	ID string

	// Title is the text the customer saw.
	Title string

	// Description is the second line of a list row.
	Description string

	// List is set for a list's row where the format tells it from a button.
	List bool
}

// ReceivedReaction is an emoji on a message.
type ReceivedReaction struct {
	// MessageID is the message reacted to.
	MessageID string

	// Emoji is empty when the reaction was removed.
	Emoji string
}

// Referral tells which ad or post a chat began from. An ad makes the
// conversation free (see [EntryPointAd]).
type Referral struct {
	// SourceType is "ad" or "post".
	SourceType string

	// SourceID, SourceURL, Headline and Body describe it.
	SourceID, SourceURL, Headline, Body string

	// ClickID is the click-to-WhatsApp id (ctwa_clid); ads only, may be
	// missing.
	ClickID string

	// MediaType is "image" or "video"; MediaURL is the ad's picture or film,
	// ThumbnailURL the film's picture.
	MediaType, MediaURL, ThumbnailURL string

	// Welcome is the greeting that the ad showed.
	Welcome string
}

// FlowReply is what a customer filled in.
type FlowReply struct {
	// Name is "flow", "address_message" or a name to come.
	Name string

	// Response is the answers as they came: a text that should be JSON.
	Response string

	// JSON is Response where that is valid JSON; nil otherwise. It need not be
	// an object.
	JSON json.RawMessage
}

// ReceivedOrder is a shopping cart that a customer sent.
type ReceivedOrder struct {
	CatalogID, Text string
	Items           []ReceivedItem
}

// ReceivedItem is one line of a cart.
type ReceivedItem struct {
	ProductID string

	// Quantity and Price are as they came, such as "2" and "19.99"; see
	// [ParseMoney].
	Quantity, Price, Currency string
}

// ReceivedProduct is an item of a catalogue.
type ReceivedProduct struct {
	CatalogID, ProductID string
}

// SystemNotice tells that a customer has another number or another identity.
type SystemNotice struct {
	// Type is "user_changed_number", "user_changed_user_id",
	// "customer_identity_changed" or a name to come.
	Type string

	// New is the contact from now on; [MessageEvent.From] is the old one.
	New Contact

	// Identity is the hash of the new identity, if one came.
	Identity string
}

// CallPermission is a customer's answer to being asked for calls.
type CallPermission struct {
	// Response is "accept" or "reject".
	Response string

	// Permanent is set when the permission has no end; otherwise Expires tells
	// it.
	Permanent bool
	Expires   time.Time

	// Source is "user_action" or "automatic".
	Source string
}
