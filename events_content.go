package chatapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"
)

// Content is the content of a received message. Type is its kind. A kind that is
// more than text sets the field of its name.
type Content struct {
	// ID is the message id.
	ID string

	// Type is the kind; TypeOther if this version does not know it.
	// EventInfo.Wire keeps the service's own word.
	Type ContentType

	// Chat is the thread: "12025550143@c.us" or "120363000000000001@g.us".
	Chat string

	// Text is the text that a person would read: the message's text, a media
	// caption, a button's title. It is never a URL of the service.
	Text string

	// QuotedID is the id of the message that this one replies to or reacts to.
	QuotedID string

	// QuotedFrom is the number of the quoted message's sender; empty if the
	// service did not say.
	QuotedFrom string

	// OriginalID is the id of the message that an edit or a revoke changes.
	OriginalID string

	// Forwarded is set on forwarded messages, FrequentlyForwarded on messages that
	// were forwarded many times.
	Forwarded, FrequentlyForwarded bool

	// Mentions are the people named with @ in a group.
	Mentions []string

	// Media is the file of an image, video, audio, voice, document or sticker.
	Media *ReceivedMedia

	// Location is the place of a location message; nil if it was not readable.
	Location *ReceivedLocation

	// Contacts holds the shared contact cards as they arrived, as JSON or vCard
	// text: the service does not document their form.
	Contacts json.RawMessage

	// Cards holds the same cards as structs, if they have WhatsApp's own form.
	Cards []ContactCard

	// Reply is the button or list row that the customer chose.
	Reply *Reply

	// Reaction is the emoji put on QuotedID.
	Reaction *ReceivedReaction

	// Referral is the ad or post that the chat began from.
	Referral *Referral

	// Flow is a form or an address that the customer filled in.
	Flow *FlowReply

	// Order is a shopping cart.
	Order *ReceivedOrder

	// Product is the catalogue item that the message asks about.
	Product *ReceivedProduct

	// System is WhatsApp's own note about a customer: a new number or identity.
	System *SystemNotice

	// Permission is the answer to a request to call the customer.
	Permission *CallPermission

	// Edit is the new content of the message OriginalID.
	Edit *Content

	// Unsupported is WhatsApp's word for the kind of an unsupported message,
	// such as "poll"; usually empty.
	Unsupported string

	// Errors says why a message, or its file, could not be shown.
	Errors []StatusError
}

// Display returns a text to show to a person: Text, or a placeholder in brackets
// such as "[image]", "[location 38.8977, -77.0365]" or "[unsupported: Message
// type is currently not supported]". It is never empty.
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
	case c.Location != nil && c.Location.NoCoordinates:
		return "[location " + clip(cmp.Or(c.Location.Name, c.Location.Address, c.Location.URL), 200) + "]"
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

// ReceivedMedia is a file that a customer sent. Download it at once: the
// service's link expires within minutes (contract, "Media"). A request for it
// must not carry the channel's token.
type ReceivedMedia struct {
	// URL is the link; empty if the message has only an id.
	URL string

	// ID is the media id; empty if the message has only a link. It is a string
	// of digits; keep it as a string.
	ID string

	// MIMEType is the type that the sender declared; empty if absent.
	MIMEType string

	// Name is the file name of a document; empty if absent.
	Name string

	// SHA256 is the file's hash as it arrived, in base64 or hex; empty if
	// absent.
	SHA256 string

	// Animated is set on moving stickers.
	Animated bool
}

// ReceivedLocation is a place that a customer sent.
type ReceivedLocation struct {
	Latitude, Longitude float64
	Name, Address, URL  string

	// NoCoordinates is set if the customer sent only the other fields. Latitude
	// and Longitude are 0 then.
	NoCoordinates bool
}

// Reply is a customer's choice of a reply button, a list row or a template's
// quick reply.
type Reply struct {
	// ID is the button's or row's id, or a quick reply's payload; empty if the
	// format has only the title.
	ID string

	// Title is the text that the customer saw.
	Title string

	// Description is the second line of a list row.
	Description string

	// List is set if the choice is known to be a list row. Not every format
	// tells rows from buttons.
	List bool
}

// ReceivedReaction is an emoji on a message.
type ReceivedReaction struct {
	// MessageID is the id of the message with the reaction.
	MessageID string

	// Emoji is empty if the customer removed the reaction.
	Emoji string
}

// Referral is the ad or post from which the customer began the chat. An ad makes
// the conversation free (see [EntryPointAd]).
type Referral struct {
	// SourceType is "ad" or "post".
	SourceType string

	// SourceID, SourceURL, Headline and Body describe the ad or post.
	SourceID, SourceURL, Headline, Body string

	// ClickID is the click-to-WhatsApp id (ctwa_clid). Only ads have it, and not
	// all of them.
	ClickID string

	// MediaType is "image" or "video". MediaURL is the ad's image or video,
	// ThumbnailURL the image that stands for the video.
	MediaType, MediaURL, ThumbnailURL string

	// Welcome is the greeting that the ad showed.
	Welcome string
}

// FlowReply holds a customer's answers to a form, or an address.
type FlowReply struct {
	// Name is "flow" or "address_message". The set is open.
	Name string

	// Response holds the answers as they arrived: a text that should be JSON.
	Response string

	// JSON is Response if that is valid JSON, and nil otherwise. It is not always
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

	// Quantity and Price are texts as they arrived, such as "2" and "19.99"; see
	// [ParseMoney].
	Quantity, Price, Currency string
}

// ReceivedProduct is an item of a catalogue.
type ReceivedProduct struct {
	CatalogID, ProductID string
}

// SystemNotice says that a customer has a new number or a new identity.
type SystemNotice struct {
	// Type is "user_changed_number", "user_changed_user_id" or
	// "customer_identity_changed". The set is open.
	Type string

	// New is the contact from now on; [MessageEvent.From] is the old one, also
	// where WhatsApp writes the new number in "from" (customer_changed_number).
	New Contact

	// Identity is the hash of the new identity; empty if absent.
	Identity string
}

// CallPermission is a customer's answer to a request to call them.
type CallPermission struct {
	// Response is "accept" or "reject".
	Response string

	// Permanent is set if the permission has no end; otherwise it ends at
	// Expires.
	Permanent bool
	Expires   time.Time

	// Source is "user_action" or "automatic".
	Source string
}
