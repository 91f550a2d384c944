package chatapi

import (
	"fmt"
	"log/slog"
	"regexp"
	"strings"
)

// ChannelID identifies one connected business number. The service calls it
// instanceId; it looks like "ABC100000001", or like "100001" on old channels.
type ChannelID string

// RecipientKind tells by what a [Recipient] is addressed.
type RecipientKind string

// The kinds of recipient that the service accepts (contract, "Recipients").
const (
	RecipientPhone    RecipientKind = "phone"
	RecipientChat     RecipientKind = "chat"
	RecipientBSUID    RecipientKind = "bsuid"
	RecipientUsername RecipientKind = "username"

	// recipientBSUIDAsPhone is a BSUID that travels in the phone member; to
	// callers it is a BSUID, so it has no exported name.
	recipientBSUIDAsPhone RecipientKind = "bsuid-as-phone"
)

// Recipient says who a message goes to: a phone number, a chat, a
// business-scoped user id or a username. Make one with [Phone], [Chat],
// [BSUID], [Username] or [ParseRecipient].
//
// A Recipient is a small comparable value, fit for map keys; for looking up
// one person under several spellings use [Recipient.Key]. The zero Recipient
// is refused by every send. Its text form (see [Recipient.MarshalText])
// survives storage and JSON. In slog it is masked, because a phone number is
// personal data.
type Recipient struct {
	kind  RecipientKind
	value string
}

const (
	suffixPerson = "@c.us"
	suffixGroup  = "@g.us"
	suffixHidden = "@lid"
)

var (
	// Wide on purpose: a BSUID is opaque, and the service matches it so.
	bsuidPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{2,16}\.[A-Za-z0-9._:-]+$`)

	usernamePattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

	// The last line is what pages and address books put in: hard and thin
	// spaces, dashes that do not break, and invisible marks of direction.
	phoneSigns = strings.NewReplacer("+", "", "(", "", ")", "", "-", "", ".", "", " ", "",
		"\u00a0", "", "\u2009", "", "\u202f", "", "\u2010", "", "\u2011", "", "\u2013", "", "\u200e", "", "\u202a", "", "\u202c", "")
)

// Phone returns the recipient with that phone number, country code first. The
// signs people write (+ ( ) - . and spaces), and the invisible ones that come
// along when a number is copied, are removed; nothing else is changed, least of
// all the country code. A number that does not have 6 to 15 digits, or begins
// with 0, is refused when it is used, with the number in the error.
func Phone(number string) Recipient {
	return Recipient{RecipientPhone, phoneSigns.Replace(strings.TrimSpace(number))}
}

// Chat returns the recipient behind a chat id: "12025550143@c.us" for a
// person, "120363000000000001@g.us" for a group. A "<BSUID>@lid" becomes that
// [BSUID], because the service cuts such a chat id down to digits and then
// fails (contract, "Recipients"; observed). Any other id is sent as it is.
func Chat(id string) Recipient {
	id = strings.TrimSpace(id)
	if user, ok := strings.CutSuffix(id, suffixHidden); ok && bsuidPattern.MatchString(user) {
		return Recipient{RecipientBSUID, user}
	}
	return Recipient{RecipientChat, id}
}

// BSUID returns the recipient with that business-scoped user id, such as
// "US.1000000000000001", which is how people who hide their number are
// addressed. A trailing "@lid" is dropped. Routing by BSUID can be switched off
// for a channel; then a send fails with [ErrRecipient], and [BSUIDAsPhone] is
// the way that was seen to work.
func BSUID(id string) Recipient {
	return Recipient{RecipientBSUID, strings.TrimSuffix(strings.TrimSpace(id), suffixHidden)}
}

// BSUIDAsPhone returns the same recipient as [BSUID], sent in the request's
// phone member. One production client had to do so (contract, "Recipients";
// observed 2026-07). Kind, value and key are those of the BSUID.
func BSUIDAsPhone(id string) Recipient {
	return Recipient{recipientBSUIDAsPhone, BSUID(id).value}
}

// Username returns the recipient with that WhatsApp username; a leading @ is
// dropped.
func Username(name string) Recipient {
	return Recipient{RecipientUsername, strings.TrimPrefix(strings.TrimSpace(name), "@")}
}

// ParseRecipient reads what a person typed or what a database holds: a phone
// number, a chat id (by its suffix), a "@username", a BSUID such as
// "US.1000000000000001", or the text form of a Recipient ("phone:12025550143").
// It guesses, so prefer the constructors where the kind is known: digits with
// dots are taken for a phone number, and a bare word is an error rather than a
// username. The error is an [*Error] of kind [ErrInvalid].
func ParseRecipient(text string) (Recipient, error) {
	text = strings.TrimSpace(text)
	var r Recipient
	switch kind, value, tagged := strings.Cut(text, ":"); {
	case text == "":
		return Recipient{}, invalid("recipient", "is empty")
	case tagged && knownRecipientKind(RecipientKind(kind)):
		r = Recipient{RecipientKind(kind), value}
	case strings.HasPrefix(text, "@"):
		r = Username(text)
	case strings.Contains(text, "@"):
		r = Chat(text)
	case isPhone(Phone(text).value):
		r = Phone(text)
	case bsuidPattern.MatchString(text) && strings.ContainsAny(text[:1], letters):
		r = BSUID(text)
	default:
		return Recipient{}, invalid("recipient", fmt.Sprintf("%q is no phone number, chat id, @username or BSUID", clip(text, 64)))
	}
	if err := r.check(); err != nil {
		return Recipient{}, err
	}
	return r, nil
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

func knownRecipientKind(k RecipientKind) bool {
	switch k {
	case RecipientPhone, RecipientChat, RecipientBSUID, RecipientUsername, recipientBSUIDAsPhone:
		return true
	}
	return false
}

// Kind tells how the recipient is addressed; it is empty for the zero
// Recipient.
func (r Recipient) Kind() RecipientKind {
	if r.kind == recipientBSUIDAsPhone {
		return RecipientBSUID
	}
	return r.kind
}

// Value returns the phone number in digits, the chat id, the BSUID or the
// username without its @.
func (r Recipient) Value() string { return r.value }

// IsZero reports whether r is the zero Recipient, which names nobody.
func (r Recipient) IsZero() bool { return r == Recipient{} }

// IsGroup reports whether r is a group chat.
func (r Recipient) IsGroup() bool {
	return r.kind == RecipientChat && strings.HasSuffix(r.value, suffixGroup)
}

// Key returns one text for every spelling of the same recipient: a phone number
// and its "@c.us" chat have the same key, and so do the two ways to send to a
// BSUID. It does not know that a number and a BSUID belong to one person.
func (r Recipient) Key() string {
	if r.kind == RecipientChat {
		if digits, ok := strings.CutSuffix(r.value, suffixPerson); ok && isPhone(digits) {
			return string(RecipientPhone) + ":" + digits
		}
	}
	if r.IsZero() {
		return ""
	}
	return string(r.Kind()) + ":" + r.value
}

// String returns the recipient as people write it: "+12025550143", a chat id, a
// BSUID, "@username". It holds the phone number; slog gets a masked form.
func (r Recipient) String() string {
	switch r.kind {
	case RecipientPhone:
		if isPhone(r.value) {
			return "+" + r.value
		}
	case RecipientUsername:
		return "@" + r.value
	}
	return r.value
}

// LogValue returns the recipient with all but its last two characters masked.
func (r Recipient) LogValue() slog.Value {
	if r.IsZero() {
		return slog.StringValue("")
	}
	name, suffix, _ := strings.Cut(r.value, "@")
	masked := strings.Repeat("*", max(0, len(name)-2)) + name[max(0, len(name)-2):]
	if suffix != "" {
		masked += "@" + suffix
	}
	return slog.StringValue(string(r.Kind()) + ":" + masked)
}

// MarshalText returns "kind:value", such as "phone:12025550143"; the zero
// Recipient is the empty text. [Recipient.UnmarshalText] and [ParseRecipient]
// read it back.
func (r Recipient) MarshalText() ([]byte, error) {
	if r.IsZero() {
		return []byte{}, nil
	}
	return []byte(string(r.kind) + ":" + r.value), nil
}

// UnmarshalText reads what MarshalText wrote, or anything that [ParseRecipient]
// understands. Empty text gives the zero Recipient.
func (r *Recipient) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*r = Recipient{}
		return nil
	}
	parsed, err := ParseRecipient(string(text))
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}

// PhoneVariants returns the ways in which one phone number is written in
// digits, the given one first: in Brazil with and without the ninth digit, in
// Mexico as 52 and 521, in Argentina as 54 and 549. WhatsApp reports one of them
// whichever was written to. Use them to look a customer up, never to send: only
// one of them is a WhatsApp account, and another may be another person's.
// Number is read as [Phone] reads it; the result is nil if it is no phone number.
func PhoneVariants(number string) []string {
	digits := Phone(number).value
	if !isPhone(digits) {
		return nil
	}
	all := []string{digits}
	country, rest := digits[:2], digits[2:]
	switch {
	case country == "55" && len(rest) == 10 && rest[2] >= '6': // area, then a mobile number of eight digits
		all = append(all, "55"+rest[:2]+"9"+rest[2:])
	case country == "55" && len(rest) == 11 && rest[2] == '9' && rest[3] >= '6':
		all = append(all, "55"+rest[:2]+rest[3:])
	case country == "52" && len(rest) == 10:
		all = append(all, "521"+rest)
	case country == "52" && len(rest) == 11 && rest[0] == '1':
		all = append(all, "52"+rest[1:])
	case country == "54" && len(rest) == 10 && rest[0] != '9':
		all = append(all, "549"+rest)
	case country == "54" && len(rest) == 11 && rest[0] == '9':
		all = append(all, "54"+rest[1:])
	}
	return all
}

// isPhone reports whether text is a phone number in digits. The service takes 6
// to 15 of them; sendMessage documents 10 to 15, which short numbers of small
// countries do not reach.
func isPhone(text string) bool {
	return len(text) >= 6 && len(text) <= 15 && isDigits(text)
}

// check reports, as an ErrInvalid, why the recipient cannot be sent to.
func (r Recipient) check() error {
	switch r.kind {
	case "":
		return invalid("recipient", "is missing; make one with Phone, Chat, BSUID or Username")
	case RecipientPhone:
		switch {
		case isPhone(r.value) && r.value[0] == '0':
			return invalid("recipient", fmt.Sprintf("%q begins with 0, and no country code does; write +43 1 234567, not 0043 or 01", r.value))
		case isPhone(r.value):
		case bsuidPattern.MatchString(r.value):
			return invalid("recipient", fmt.Sprintf("%q is a BSUID, not a phone number; use BSUID", clip(r.value, 64)))
		default:
			return invalid("recipient", fmt.Sprintf("%q is no phone number: 6 to 15 digits, country code first", clip(r.value, 64)))
		}
	case RecipientChat:
		name, suffix, ok := strings.Cut(r.value, "@")
		switch {
		case !ok || name == "" || suffix == "" || strings.ContainsFunc(r.value, func(c rune) bool { return c <= ' ' || c > '~' }):
			return invalid("recipient", fmt.Sprintf("%q is no chat id, such as 12025550143@c.us or 120363000000000001@g.us", clip(r.value, 64)))
		case strings.HasSuffix(r.value, suffixHidden):
			return invalid("recipient", fmt.Sprintf("%q would be cut to digits by the service; use BSUID with the contact's business-scoped id", clip(r.value, 64)))
		}
	case RecipientBSUID, recipientBSUIDAsPhone:
		if !bsuidPattern.MatchString(r.value) {
			return invalid("recipient", fmt.Sprintf("%q is no BSUID, such as US.1000000000000001", clip(r.value, 64)))
		}
	case RecipientUsername:
		if !usernamePattern.MatchString(r.value) {
			return invalid("recipient", fmt.Sprintf("%q is no username: 1 to 128 letters, digits, dots, dashes or underscores", clip(r.value, 64)))
		}
	}
	return nil
}

// member returns the one request member that names the recipient, and its value.
func (r Recipient) member() (name, value string) {
	switch r.kind {
	case RecipientChat:
		return "chatId", r.value
	case RecipientBSUID:
		return "bsuid", r.value
	case RecipientUsername:
		return "username", r.value
	}
	return "phone", r.value
}

// chat returns the id of the chat in which the history keeps the recipient;
// empty for a username, whose chat is not known.
func (r Recipient) chat() string {
	switch r.Kind() {
	case RecipientPhone:
		return r.value + suffixPerson
	case RecipientChat:
		return r.value
	case RecipientBSUID:
		return r.value + suffixHidden
	}
	return ""
}

// sameChannel compares two spellings of a channel id; the oldest channels have
// "instance" before the digits.
func sameChannel(a, b ChannelID) bool {
	trim := func(id ChannelID) string { return strings.TrimPrefix(string(id), "instance") }
	return strings.EqualFold(trim(a), trim(b))
}

// channelKey is the same for all spellings of an id; see sameChannel.
func channelKey(id ChannelID) string {
	return strings.ToLower(strings.TrimPrefix(string(id), "instance"))
}

// phoneOf returns the digits of a recipient who has a number.
func phoneOf(field string, who Recipient) (string, *Error) {
	phone, ok := strings.CutPrefix(who.Key(), string(RecipientPhone)+":")
	switch {
	case who.IsZero():
		return "", invalid(field, "is missing; make one with Phone")
	case !ok:
		return "", invalid(field, "has to be a phone number: the service takes nothing else here")
	case !isPhone(phone):
		return "", invalid(field, "is "+quote(phone)+", which is no phone number: 6 to 15 digits, country code first")
	}
	return phone, nil
}
