package chatapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/internal/wire"
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

	// Cards holds the same cards as structs, if they have WhatsApp's own form or are
	// vCards.
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

	// ChatName is the chat's name, in a group the only name of the group. Only the
	// service's own format has it (chatName, known since 2021; contract: observed,
	// high confidence).
	ChatName string

	// QuotedText and QuotedType are the text, or the file's link, and the kind of the
	// message QuotedID (quotedMsgBody and quotedMsgType of the service's own format, known since
	// 2020; seen in old rows only, high confidence).
	QuotedText string
	QuotedType ContentType

	// Origin says whether a program or an app wrote the message; empty if the
	// format does not say. It does not say who wrote it: the customer's messages
	// come from an app too.
	Origin MessageOrigin

	// Link is the preview of the page that the text links to; nil if there is none.
	Link *LinkPreview

	// Payment is the customer's consent to pay with a stored card.
	Payment *PaymentReply

	// Identity is the state of the sender's encryption key, if the business asked
	// WhatsApp to watch it.
	Identity *IdentityCheck
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
		if c.Errors[0].Code == codeUnavailable {
			return "[" + clip(c.Errors[0].unavailable(), 200) + "]"
		}
		if why := c.whyUnsupported(); why != "" {
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

// whyUnsupported returns the kind of an unsupported message, or the reason if
// WhatsApp does not tell the kind.
func (c Content) whyUnsupported() string {
	e := c.Errors[0]
	kind := c.Unsupported
	if kind == "unknown" {
		kind = ""
	}
	return cmp.Or(kind, e.Details, e.Message, e.Title, c.Unsupported)
}

// codeUnavailable is the code of a message that WhatsApp does not hand out, such
// as one that was sent before the business had the number.
const codeUnavailable = 131060

// unavailable returns the words for codeUnavailable. WhatsApp's own title can be
// as empty as "Message type unknown".
func (e StatusError) unavailable() string {
	for _, words := range [...]string{e.Details, e.Message, e.Title} {
		if strings.Contains(strings.ToLower(words), "unavailable") {
			return words
		}
	}
	return "This message is unavailable: WhatsApp does not hand it out."
}

// MessageOrigin says what wrote a message (self of the service's own format: 1
// and 0; known since 2020, documented, high confidence).
type MessageOrigin string

// The known origins.
const (
	OriginAPI MessageOrigin = "api" // a program, by the service's API
	OriginApp MessageOrigin = "app" // a phone app, or the vendor's inbox
)

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

	// Name is the file's name; empty if absent. WhatsApp's own format names
	// documents. The service's own format has a member for it, or gives the name
	// of a document as its caption.
	Name string

	// SHA256 is the file's hash as it arrived, in base64 or hex; empty if
	// absent.
	SHA256 string

	// Animated is set on moving stickers.
	Animated bool

	// Sticker describes the pack of a sticker; nil if the format does not. Only the
	// on-premise format does (documented until 2025, high confidence).
	Sticker *StickerPack
}

// StickerPack is where a sticker comes from.
type StickerPack struct {
	ID, Name, Publisher string

	// Emojis are the feelings that the sticker stands for.
	Emojis []string

	// AndroidURL and IOSURL are the pages of the pack's app.
	AndroidURL, IOSURL string

	// FirstParty is set if WhatsApp made the pack.
	FirstParty bool
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

	// VideoURL is the ad's video, also if MediaURL is its image (video_url of
	// Meta's reference, known since 2022, high confidence).
	VideoURL string

	// MediaID is the id of the ad's image or video, which only the on-premise
	// format gives instead of a link (documented until 2025, high confidence).
	MediaID string

	// Ref is the text that the ad's welcome sequence attached (ref, known since
	// October 2025 from Meta's page on welcome message sequences, medium
	// confidence).
	Ref string
}

// LinkPreview is what an app shows of a page (metadata.linkUrl, linkTitle and
// linkDescription of the service's own format, known since 2021 from a client's
// types, medium confidence).
type LinkPreview struct {
	URL, Title, Description string
}

// IdentityCheck is the state of a customer's encryption key (identity of Meta's
// message reference, known since 2021, high confidence). A new key can mean that
// another person has the phone.
type IdentityCheck struct {
	// Hash identifies the key. Created is when the key was made.
	Hash    string
	Created time.Time

	// Acknowledged is set if the business has accepted the key.
	Acknowledged bool
}

// FlowReply holds a customer's answers to a form, or an address.
type FlowReply struct {
	// Name is "flow" or "address_message". The set is open.
	Name string

	// Response holds the answers as they arrived: a text that should be JSON.
	Response string

	// JSON holds the answers if Response is valid JSON, and is nil otherwise. It is
	// not always an object. Where Response is a JSON text that holds JSON again, as
	// some forwarders write it, JSON is the inner document.
	JSON json.RawMessage
}

// Token returns the flow_token with which the business sent the form; empty if
// the answers have none. On nil it returns "".
func (f *FlowReply) Token() string {
	if f == nil {
		return ""
	}
	return memberText(wire.Root(f.JSON), "flow_token")
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
