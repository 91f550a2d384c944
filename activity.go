package chatapi

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/internal/ledger"
	"github.com/chatapi-go/chatapi/internal/ratecard"
)

// Activity is one fact that matters for windows and bills. A [Ledger] takes
// activities in any order, and the same activity several times. As JSON it has a
// member for each field, named below. A contact with one name is the text of a
// [Recipient]; one with several is an object with "phone", "bsuid", "chat" and
// "username":
//
//	{"kind":"outbound","at":"2026-10-03T10:00:00Z","channel":"ABC1","contact":"phone:12025550143","message":"m1","category":"utility"}
//	{"kind":"inbound","at":"2026-10-03T10:01:00Z","channel":"ABC1","contact":{"phone":"12025550143","bsuid":"US.1000000000000001"}}
type Activity struct {
	Kind ActivityKind `json:"kind"`

	// At is when the customer wrote, or when the message was sent, delivered or
	// failed. Leave it zero where the wire has no time. Observed then stands in,
	// until the same fact arrives with its own time. An activity without either
	// is refused with [ErrNoTime].
	At time.Time `json:"at,omitzero"`

	// Observed is when the fact arrived here. It stands in for a missing At, for an
	// At that is more than an hour after it, since no clock runs ahead that far, and
	// for an At before 2009, when there was no WhatsApp. Otherwise it has no effect.
	Observed time.Time `json:"observed_at,omitzero"`

	// Channel is the business number, in any spelling of its id.
	Channel ChannelID `json:"channel"`

	// Contact is the customer with every name that the fact gives, or the group as
	// Contact.Chat. Several names are linked: see docs/billing.md, "Who is who". It
	// may be empty if there is a MessageID; the fact then does nothing until another
	// fact of the same message names the customer.
	Contact Contact `json:"contact"`

	// Member is the member of the group that a status is about. A message to a
	// group costs once for each member to whom it was delivered.
	Member Contact `json:"member,omitzero"`

	// Former is the customer under the names of before, in an activity of the kind
	// [ActivityIdentity].
	Former Contact `json:"former,omitzero"`

	// MessageID joins an outbound message with its statuses. It may be empty
	// for inbound messages; then two at the same instant count as one.
	MessageID string `json:"message,omitempty"`

	// Category is the billing category of a sent message: a template's category,
	// such as [CategoryUtility], in any letter case; [CategoryTemplate] for a
	// template whose category you do not know; empty for a free-form message.
	// Statuses may carry it too.
	Category string `json:"category,omitempty"`

	// EntryPoint is how the customer came to the chat. Only inbound messages
	// have it.
	EntryPoint EntryPoint `json:"entry_point,omitempty"`

	// Reported is the part of a status about conversation and price.
	Reported Reported `json:"reported,omitzero"`

	// FromApp is true for a message that the business wrote in its phone app.
	// WhatsApp does not charge for these messages (medium, 2026-11). Such a message
	// opens and answers nothing, unless a status says that it is charged.
	FromApp bool `json:"from_app,omitzero"`
}

// Reported is the part of Meta's status about billing. It keeps unknown words. The
// ledger reads Origin, Billable, Category and Type in any letter case, and keeps them
// in small letters. A status names no amount.
type Reported struct {
	// Conversation is the conversation's id. Origin is the kind of conversation,
	// such as "user_initiated", "utility" or "referral_conversion". ExpiresAt is
	// its end, which Meta rounds up to a minute and sends only with "sent".
	Conversation string    `json:"conversation,omitempty"`
	Origin       string    `json:"origin,omitempty"`
	ExpiresAt    time.Time `json:"expires_at,omitzero"`

	// Model is the pricing model: "NBP", "CBP" or "PMP".
	Model string `json:"pricing_model,omitempty"`

	// Billable is "true" or "false"; empty if the status does not say.
	Billable string `json:"billable,omitempty"`

	// Category is the category under which Meta bills the message. Type, since
	// 2025, is the reason for its cost: "regular", "free_customer_service",
	// "free_entry_point".
	Category string `json:"category,omitempty"`
	Type     string `json:"type,omitempty"`
}

// IsZero reports whether the status has nothing about billing.
func (r Reported) IsZero() bool { return r == Reported{} }

// ActivityKind is the kind of an [Activity].
type ActivityKind string

// The kinds of activity. Read counts as delivered, because WhatsApp leaves the
// delivered status out when the chat is open on the phone. A message that only
// failed costs nothing and opens nothing.
const (
	ActivityInbound   ActivityKind = "inbound"
	ActivityOutbound  ActivityKind = "outbound"
	ActivityDelivered ActivityKind = "delivered"
	ActivityRead      ActivityKind = "read"
	ActivityFailed    ActivityKind = "failed"

	// ActivityIdentity says that a customer got new names: a new number, a new
	// BSUID, or both. Former has the old names.
	ActivityIdentity ActivityKind = "identity"
)

// EntryPoint is how a customer came to the chat, in any letter case. The set is open.
type EntryPoint string

// The entry points. Only an ad makes a conversation free everywhere; Meta
// counts the button of a Facebook page too, Chat API's published rule does not.
const (
	EntryPointAd      EntryPoint = "ad"       // a Click-to-WhatsApp ad placed through Facebook Business Manager
	EntryPointPost    EntryPoint = "post"     // a boosted post: not free
	EntryPointPageCTA EntryPoint = "page_cta" // the call-to-action button of a Facebook page
	EntryPointButton  EntryPoint = "button"   // a plain link or "send message" button: not free
)

// The billing categories, as in rate cards. The [Model] decides which of them
// exist. Unknown words of the service are kept.
const (
	CategoryMarketing                   = "marketing"
	CategoryUtility                     = "utility"
	CategoryAuthentication              = "authentication"
	CategoryAuthenticationInternational = "authentication_international"
	CategoryService                     = "service"

	// The kinds of conversation until 2023-05-31: the customer wrote within
	// the last 24 hours, or did not.
	CategoryUserInitiated     = "user_initiated"
	CategoryBusinessInitiated = "business_initiated"

	// CategoryReferral is a conversation or window that a free entry point
	// opened.
	CategoryReferral = "referral_conversion"

	// CategorySession is a free-form message under the model of 2021.
	CategorySession = "session"

	// CategoryTemplate is a template whose category is not known.
	CategoryTemplate = "template"
)

// check makes an entry of an activity, or returns the reason to refuse it.
func (l *Ledger) check(a *Activity, e *ledger.Entry) error {
	*e = ledger.Entry{}
	owner, number := l.payer(a.Channel)
	switch {
	case a.Channel == "":
		return noChannel()
	case owner == nil:
		return foreign(a.Channel, fmt.Sprintf("%q belongs to no account of the ledger", clip(string(a.Channel), 64)))
	}
	e.Number, e.Account, e.ID = number, owner.index, a.MessageID
	var known bool
	if e.Kind, known = activityKinds(a.Kind); !known {
		return unknownKind(a.Kind)
	}
	if e.Kind == ledger.Inbound {
		e.Word = ratecard.Category(string(a.EntryPoint))
	}
	if err := a.nameInto(e); err != nil {
		return err
	}
	var err error
	if e.At, e.Rank, err = a.placeInTime(); err != nil {
		return err
	}
	if e.Kind != ledger.Inbound && e.Kind != ledger.Identity {
		if a.MessageID == "" {
			return invalid("Activity.MessageID", "is missing, but it joins a message with its statuses; set it to the id that the service gave the message")
		}
		e.Word = billedCategory(a.Category)
		if a.FromApp {
			e.MarkApp()
		}
		if a.Reported != (Reported{}) {
			report := ledger.Report(a.Reported)
			report.ExpiresAt = report.ExpiresAt.UTC()
			for _, word := range [...]*string{&report.Origin, &report.Billable, &report.Category, &report.Type} {
				*word = ratecard.Category(*word)
			}
			e.Report = &report
		}
	}
	return a.checkLengths(e)
}

// nameInto gives the entry the names of the activity.
func (a *Activity) nameInto(e *ledger.Entry) error {
	c := &a.Contact
	if phone := ledger.Phone(c.Phone); phone != 0 && c.Username == "" && (c.Chat == "" || c.isPersonChat()) && e.Kind != ledger.Identity { // the usual contacts
		switch bsuid := BSUID(c.BSUID).value; {
		case bsuid != "":
			e.Text, e.Extra = string(RecipientBSUID)+":"+bsuid, ledger.OneMore(ledger.Name{Contact: phone})
			return nil
		case c.BSUID == "":
			e.Contact = phone
			return nil
		}
	}
	if e.Kind == ledger.Identity {
		e.Extra = &ledger.Extra{}
		for _, link := range a.Links() {
			e.Extra.Links = append(e.Extra.Links, ledger.NameLink{Name: ledgerName(link.Name), Hub: ledgerName(link.Holder), Renamed: link.Renamed})
		}
	}
	names := c.personNames()
	if group := c.group(); group != "" {
		names = append([]Recipient{{RecipientChat, group}}, a.Member.personNames()...)
	}
	switch {
	case len(names) > 0:
	case a.MessageID == "" || e.Kind == ledger.Identity:
		return invalid("Activity.Contact", "names nobody; set a phone number, a BSUID or a chat")
	default: // until a fact of the same message names the customer, or the group of the member
		names = append([]Recipient{{}}, a.Member.personNames()...)
	}
	if !names[0].IsZero() {
		first := ledgerName(names[0])
		e.Contact, e.Text = first.Contact, first.Text
	}
	if len(names) == 1 {
		return nil
	}
	if e.Extra == nil {
		e.Extra = &ledger.Extra{}
	}
	e.Extra.More = make([]ledger.Name, len(names)-1)
	for i, name := range names[1:] {
		e.Extra.More[i] = ledgerName(name)
	}
	return nil
}

// longest returns the length of the longest name.
func (c *Contact) longest() int { return max(len(c.Phone), len(c.Chat), len(c.BSUID), len(c.Username)) }

// isPersonChat reports whether the chat is that of the phone number.
func (c *Contact) isPersonChat() bool {
	return len(c.Chat) == len(c.Phone)+len(suffixPerson) && strings.HasPrefix(c.Chat, c.Phone) && strings.HasSuffix(c.Chat, suffixPerson)
}

// checkLengths refuses a text that is too long to be kept.
func (a *Activity) checkLengths(e *ledger.Entry) error {
	if e.Contact != 0 && e.Extra == nil && e.Report == nil && len(a.Channel)+len(a.MessageID)+len(e.Word) < ledger.LongestWord { // the usual activity
		return nil
	}
	if len(a.Channel) > ledger.LongestName || len(a.MessageID) > ledger.LongestText {
		field, limit := "Activity.Channel", ledger.LongestName
		if len(a.MessageID) > ledger.LongestText {
			field, limit = "Activity.MessageID", ledger.LongestText
		}
		return tooLong(field, limit)
	}
	for _, c := range [...]struct {
		field   string
		longest int
	}{{"Activity.Contact", a.Contact.longest()}, {"Activity.Member", a.Member.longest()}, {"Activity.Former", a.Former.longest()}} {
		if c.longest > ledger.LongestName/2 {
			return tooLong(c.field, ledger.LongestName/2)
		}
	}
	if len(e.Word) > ledger.LongestWord {
		if e.Kind == ledger.Inbound {
			return tooLong("Activity.EntryPoint", ledger.LongestWord)
		}
		return tooLong("Activity.Category", ledger.LongestWord)
	}
	if r := e.Report; r != nil {
		for _, word := range [...]struct{ field, text string }{{"Conversation", r.Conversation}, {"Origin", r.Origin}, {"Model", r.Model},
			{"Billable", r.Billable}, {"Category", r.Category}, {"Type", r.Type}} {
			if len(word.text) > ledger.LongestWord {
				return tooLong("Activity.Reported."+word.field, ledger.LongestWord)
			}
		}
	}
	return nil
}

func tooLong(field string, limit int) *Error {
	return invalid(field, fmt.Sprintf("is longer than %d bytes; check what was put there", limit))
}

// foreign is the error of a channel that belongs to no account.
func foreign(channel ChannelID, problem string) *Error {
	e := invalid("Activity.Channel", problem)
	e.Kind, e.Channel = ErrForeignChannel, channel
	e.Advice = "pass the event over, or name its channel in Account.Numbers"
	return e
}

// billedCategory returns the category under which WhatsApp bills a category: a
// group's as the category itself, and marketing_lite as marketing.
func billedCategory(text string) string {
	category := strings.TrimPrefix(ratecard.Category(text), "group_")
	if category == "marketing_lite" {
		return CategoryMarketing
	}
	return category
}

// These seconds bound the instants that fit into Unix nanoseconds.
var (
	firstSecond = time.Date(ledger.MinYear, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	afterLast   = time.Date(ledger.MaxYear+1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
)

// beforeWhatsApp reports whether an instant is before 2009, as the instants of clocks
// without a battery are.
func beforeWhatsApp(at time.Time) bool {
	const of2009 = 1230768000
	return at.Unix() < of2009
}

// instant returns the instant that counts, and whether the wire told it. An instant
// more than an hour after its observation, or before WhatsApp, is not believed.
func (a *Activity) instant() (at time.Time, told bool) {
	switch {
	case a.At.IsZero(), !a.Observed.IsZero() && a.At.Sub(a.Observed) > time.Hour,
		beforeWhatsApp(a.At) && !beforeWhatsApp(a.Observed):
		return a.Observed, false
	}
	return a.At, true
}

// activityKinds returns the engine's kind of fact; false for an unknown kind.
func activityKinds(kind ActivityKind) (ledger.Kind, bool) {
	switch kind {
	case ActivityInbound:
		return ledger.Inbound, true
	case ActivityOutbound:
		return ledger.Sent, true
	case ActivityDelivered, ActivityRead:
		return ledger.Delivered, true
	case ActivityFailed:
		return ledger.Failed, true
	case ActivityIdentity:
		return ledger.Identity, true
	}
	return 0, false
}

// placeInTime returns the activity's instant and its rank.
func (a *Activity) placeInTime() (int64, ledger.Rank, error) {
	at, told := a.instant()
	if at.IsZero() {
		what := "the " + string(a.Kind) + " activity"
		if a.MessageID != "" {
			what += fmt.Sprintf(" of message %q", clip(a.MessageID, 128))
		}
		return 0, 0, &Error{Channel: a.Channel, Kind: ErrNoTime, Retry: RetryFix, Reason: what + " has neither At nor Observed",
			Sentence: "A billing activity carries no instant.",
			Advice:   "set Observed to the time of receipt where the wire has no time"}
	}
	if second := at.Unix(); second < firstSecond || second >= afterLast {
		e := invalid("Activity.At", fmt.Sprintf("or Observed is not within the years %d to %d; check whether seconds and milliseconds were mixed up", ledger.MinYear, ledger.MaxYear))
		e.Sentence = "The instant of a billing activity is in a year that cannot be right."
		return 0, 0, e
	}
	if !told {
		return at.UnixNano(), ledger.RankObserved, nil
	}
	return at.UnixNano(), ledger.RankTold, nil
}

// ledgerName returns the engine's form of a name; see [personName].
func ledgerName(r Recipient) ledger.Name {
	if r.kind == RecipientPhone { // the usual kind needs no Key
		if contact := ledger.Phone(r.value); contact != 0 {
			return ledger.Name{Contact: contact}
		}
	}
	return ledger.NameOf(r.Key())
}

// nameToFind returns the engine's form of a recipient in any spelling.
func nameToFind(r Recipient) ledger.Name {
	if name, ok := personName(r); ok {
		r = name
	}
	return ledgerName(r)
}

// recipientOf returns the recipient with that [Recipient.Key]. A bill always
// shows this spelling of a contact, whichever spelling came first.
func recipientOf(key string) Recipient {
	kind, value, _ := strings.Cut(key, ":")
	return Recipient{RecipientKind(kind), value}
}

// contactFor returns the contact with only that name.
func contactFor(r Recipient) Contact {
	switch r.Kind() {
	case RecipientPhone:
		return Contact{Phone: r.Value()}
	case RecipientBSUID:
		return Contact{BSUID: r.Value()}
	case RecipientUsername:
		return Contact{Username: r.Value()}
	}
	return Contact{Chat: r.Value()}
}

// messageCategory returns the category of a message; empty for a free-form message.
func messageCategory(m Message) (string, error) {
	m, err := dereference(m)
	if err != nil {
		return "", err
	}
	if _, ok := m.(File); ok {
		return "", nil // encoding would write the whole file
	}
	content, err := m.encode()
	if err != nil {
		return "", err
	}
	if content.operation == "sendTemplate" {
		return cmp.Or(content.category, CategoryTemplate), nil
	}
	return "", nil
}
