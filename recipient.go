package chatapi

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/chatapi-go/chatapi/internal/identity"
)

// ChannelID identifies one connected business number, such as "ABC100000001", or
// "100001" for an old channel. The service calls it instanceId.
type ChannelID string

// Canonical returns the one spelling of a channel under which a program stores and
// compares it: "abc1", " ABC1" and "instanceABC1" are all "ABC1". It drops the space
// around the id and the "instance" that the oldest addresses put before it, and writes
// the letters a to z as capitals. Two ids are one channel exactly if their Canonical is
// equal; [Channels], the webhook handler, [Client.Resolve] and [Client.SendPrepared]
// compare ids so. An id of nothing but space becomes empty, which is no channel. An id
// in that spelling is returned as it is. Canonical calls nothing.
func (id ChannelID) Canonical() ChannelID {
	return ChannelID(identity.Channel(string(id)))
}

// RecipientKind is the kind of address in a [Recipient].
type RecipientKind string

// The kinds of recipient that the service accepts (contract, "Recipients").
const (
	RecipientPhone    RecipientKind = "phone"
	RecipientChat     RecipientKind = "chat"
	RecipientBSUID    RecipientKind = "bsuid"
	RecipientUsername RecipientKind = "username"

	// recipientBSUIDAsPhone is a BSUID that is sent in the phone member.
	// Callers see it as a BSUID, so it has no exported name.
	recipientBSUIDAsPhone RecipientKind = "bsuid-as-phone"
)

// Recipient is the address of a message: a phone number, a chat, a
// business-scoped user id or a username. Make one with [Phone], [Chat],
// [BSUID], [Username] or [ParseRecipient].
//
// A Recipient is a small comparable value that can be a map key; to find one
// person under several spellings, use [Recipient.Key]. Every send refuses the
// zero Recipient with [ErrInvalid]. The text form (see [Recipient.MarshalText])
// can be stored and read back, also in JSON. In slog a Recipient is masked,
// because a phone number is personal data.
type Recipient struct {
	kind  RecipientKind
	value string
}

const (
	suffixPerson = "@c.us"
	suffixGroup  = "@g.us"
	suffixHidden = "@lid"
	suffixDevice = "@s.whatsapp.net" // a person, in the words of WhatsApp's own apps
)

// Phone returns the recipient with that phone number, which begins with the
// country code. It removes the signs that people write (+ ( ) [ ] - . / and spaces),
// quotation marks around the number, the invisible signs in copied numbers, and the 0
// of "+44 (0)7700 900123" and "+49 (0176) 12345678", but not in Italy and the few
// other countries where that 0 is dialled from abroad too. It reads the digits of
// other scripts, and the links "tel:", "sms:", "wa.me/", "whatsapp:+" and
// "api.whatsapp.com/send?phone=".
//
// Phone never adds a country code: it takes "2025550143", the number of an
// American without the 1, for a number in Egypt (+20). It cannot tell such a
// number from a complete one, so read what people of one country type with a
// library that knows the numbering plans; the package phone of the module
// examples shows it. A number that begins with 0 or with an area code in
// brackets, or does not have 6 to 15 digits, and a text with two numbers, is
// [ErrInvalid] when it is used, and the error shows it.
func Phone(number string) Recipient {
	return Recipient{RecipientPhone, cleanPhone(number)}
}

// Chat returns the recipient with that chat id: "12025550143@c.us" for a person,
// "120363000000000001@g.us" for a group. A "<BSUID>@lid" becomes that [BSUID],
// because the service would cut it down to digits and then fail (contract,
// "Recipients"; observed). "12025550143@s.whatsapp.net", the form of WhatsApp's
// own apps, becomes that [Phone]. The case of these endings does not count, and
// neither does a plus before the digits. Any other id with an "@" is
// sent unchanged. A text without an "@", such as a bare phone number, and an e-mail
// address are [ErrInvalid] when they are used: give a phone number to [Phone].
func Chat(id string) Recipient {
	id = strings.TrimSpace(id)
	at := strings.LastIndexByte(id, '@')
	if at < 0 {
		return Recipient{RecipientChat, id}
	}
	switch user, ending := id[:at], id[at:]; {
	case strings.EqualFold(ending, suffixPerson):
		if phone := strings.TrimPrefix(user, "+"); isPhone(phone) && (phone != user || ending != suffixPerson) {
			return Recipient{RecipientChat, phone + suffixPerson}
		}
	case strings.EqualFold(ending, suffixGroup) && ending != suffixGroup:
		return Recipient{RecipientChat, user + suffixGroup}
	case strings.EqualFold(ending, suffixHidden) && isBSUID(user):
		return Recipient{RecipientBSUID, user}
	case strings.EqualFold(ending, suffixDevice):
		if digits := devicePhone(strings.TrimPrefix(id, "+")); digits != "" {
			return Recipient{RecipientPhone, digits}
		}
	}
	return Recipient{RecipientChat, id}
}

// devicePhone returns the phone number in an id such as
// "12025550143@s.whatsapp.net", which may name a device of the person after the
// number (":12", ".0:1"); empty for any other id.
func devicePhone(id string) string {
	user := len(id) - len(suffixDevice)
	if user <= 0 || !strings.EqualFold(id[user:], suffixDevice) {
		return ""
	}
	digits := id[:lengthOf(id[:user], isDigitByte)]
	device := id[len(digits):user]
	if !isPhone(digits) || device != "" && (isDigitByte(device[0]) || lengthOf(device, isDeviceByte) < len(device)) {
		return ""
	}
	return digits
}

// isDeviceByte reports whether c occurs between a number and "@s.whatsapp.net".
func isDeviceByte(c byte) bool { return c == ':' || c == '.' || c == '_' || isDigitByte(c) }

// BSUID returns the recipient with that business-scoped user id, such as
// "US.1000000000000001". It is the address of people who hide their number. A
// trailing "@lid" is removed. Sends by BSUID can be switched off for a channel;
// then a send fails with [ErrRecipient], and [BSUIDAsPhone] was observed to work
// instead.
func BSUID(id string) Recipient {
	id = strings.TrimSpace(id)
	if at := len(id) - len(suffixHidden); at > 0 && strings.EqualFold(id[at:], suffixHidden) {
		id = id[:at]
	}
	return Recipient{RecipientBSUID, id}
}

// BSUIDAsPhone returns the same recipient as [BSUID], sent in the request's
// phone member. One production client had to do so (contract, "Recipients";
// observed 2026-07). Kind, value and key are those of the BSUID.
func BSUIDAsPhone(id string) Recipient {
	return Recipient{recipientBSUIDAsPhone, BSUID(id).value}
}

// Username returns the recipient with that WhatsApp username. A leading @ is
// removed.
func Username(name string) Recipient {
	return Recipient{RecipientUsername, strings.TrimPrefix(strings.TrimSpace(name), "@")}
}

// ParseRecipient returns the recipient in a text that a person typed or a
// database holds: a phone number or a link to it, as [Phone] reads them, a chat id
// (by its suffix), a "@username", a BSUID such as "US.1000000000000001", or the
// text form of a Recipient ("phone:12025550143"). It guesses the kind, so prefer the constructors if you
// know it: digits with dots are read as a phone number, and a single word is an
// error, not a username. The error is an [*Error] of kind [ErrInvalid].
func ParseRecipient(text string) (Recipient, error) {
	r, err := parseRecipient(strings.TrimSpace(text))
	if err == nil {
		err = r.check()
	}
	if err != nil {
		e, _ := errors.AsType[*Error](err)
		return Recipient{}, e.in("ParseRecipient", "")
	}
	return r, nil
}

// parseRecipient is ParseRecipient without the check of the recipient.
func parseRecipient(text string) (r Recipient, err error) {
	switch kind, value, tagged := strings.Cut(text, ":"); {
	case text == "":
		return Recipient{}, invalid("recipient", "is empty; give a phone number, a chat id, a BSUID or a @username")
	case tagged && knownRecipientKind(RecipientKind(kind)):
		r = ofKind(RecipientKind(kind), value)
	case strings.HasPrefix(text, "@"):
		r = Username(text)
	case isPhone(Phone(text).value):
		r = Phone(text)
	case strings.Contains(text, "@"):
		r = Chat(text)
	case isBSUID(text) && strings.ContainsAny(text[:1], letters):
		r = BSUID(text)
	case strings.ContainsAny(text, letters) && linkedNumber(text) == text && text[0] != '+' && !isRounded(text):
		return Recipient{}, invalid("recipient", quote(text)+" is not a phone number, chat id or BSUID; "+
			"write a phone number alone, with its country code, or an @ before a username")
	default:
		r = Phone(text) // its check says what is wrong with the number
	}
	return r, nil
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// ofKind returns the recipient with that kind and value. A person may have written
// the text form by hand, so the value is read as the constructor reads it.
func ofKind(kind RecipientKind, value string) Recipient {
	switch kind {
	case RecipientPhone:
		return Phone(value)
	case RecipientChat:
		return Chat(value)
	case RecipientBSUID:
		return BSUID(value)
	case recipientBSUIDAsPhone:
		return BSUIDAsPhone(value)
	}
	return Username(value)
}

func knownRecipientKind(k RecipientKind) bool {
	switch k {
	case RecipientPhone, RecipientChat, RecipientBSUID, RecipientUsername, recipientBSUIDAsPhone:
		return true
	}
	return false
}

// Kind returns the kind of the recipient's address; empty for the zero Recipient.
func (r Recipient) Kind() RecipientKind {
	if r.kind == recipientBSUIDAsPhone {
		return RecipientBSUID
	}
	return r.kind
}

// Value returns the address: the phone number in digits, the chat id, the BSUID
// or the username without its @.
func (r Recipient) Value() string { return r.value }

// IsZero reports whether r is the zero Recipient, which names nobody.
func (r Recipient) IsZero() bool { return r == Recipient{} }

// IsGroup reports whether r is a group chat.
func (r Recipient) IsGroup() bool {
	return r.kind == RecipientChat && strings.HasSuffix(r.value, suffixGroup)
}

// Key returns a text that is the same for every spelling of one recipient: a
// phone number and its "@c.us" chat have one key, and so do the two ways to send
// to a BSUID. It cannot know that a phone number and a BSUID belong to one person.
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
// BSUID, "@username". It shows the full phone number; slog gets a masked form.
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

// LogValue returns the recipient with its kind and all but the last two
// characters masked.
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

// PhoneVariants returns the spellings of one phone number in digits, the given
// one first: in Brazil with and without the ninth digit, in Mexico as 52 and 521,
// in Argentina as 54 and 549. WhatsApp reports one of them, whichever you send
// to. Use them to look up a customer, never to send: only one of them is the
// customer's WhatsApp account, and another may belong to another person. The
// number is read as by [Phone]; the result is nil if it is not a phone number.
func PhoneVariants(number string) []string {
	digits := Phone(number).value
	if !isPhone(digits) {
		return nil
	}
	if other := identity.OtherSpelling(digits); other != "" {
		return []string{digits, other}
	}
	return []string{digits}
}

// isPhone reports whether text is a phone number in digits. The service takes 6
// to 15 digits. The documentation of sendMessage says 10 to 15, but numbers of
// small countries can be shorter.
func isPhone(text string) bool {
	return len(text) >= 6 && len(text) <= 15 && isDigits(text)
}

// check returns an ErrInvalid if no message can be sent to the recipient.
func (r Recipient) check() error {
	switch r.kind {
	case "":
		return invalid("recipient", "is missing; make one with Phone, Chat, BSUID or Username")
	case RecipientPhone:
		if problem := phoneProblem(r.value); problem != "" {
			return invalid("recipient", problem)
		}
	case RecipientChat:
		if problem := chatProblem(r.value); problem != "" {
			return invalid("recipient", problem)
		}
	case RecipientBSUID, recipientBSUIDAsPhone:
		if r.value == "" {
			return invalid("recipient", "is an empty BSUID; take the BSUID from an event's Contact, or use Phone for a phone number")
		}
		if !isBSUID(r.value) {
			return invalid("recipient", quote(r.value)+" is not a BSUID, such as US.1000000000000001; "+
				"take the BSUID from an event's Contact, or use Phone for a phone number")
		}
	case RecipientUsername:
		if r.value == "" {
			return invalid("recipient", "is an empty username; write it as the customer's profile shows it")
		}
		if !isUsername(r.value) {
			return invalid("recipient", quote(r.value)+" is not a username, which has 1 to 128 letters, digits, dots, dashes or underscores; "+
				"write it as the customer's profile shows it")
		}
	}
	return nil
}

// phoneProblem says why a text is not a phone number; empty if it is one.
func phoneProblem(text string) string {
	const example = "write it with the country code, such as +1 202 555 0143"
	switch {
	case text == "":
		return "is empty; give a phone number with its country code"
	case strings.HasPrefix(text, "("):
		return quote(text) + " has an area code in brackets and no country code; " + example
	case isDigits(text) && text[0] == '0':
		return quote(text) + " begins with 0, and no country code does; write + and the country code in the place of 00 or 0: +43 1 234567 for 0043 1 234567 and for 01 234567"
	case isPhone(text):
		return ""
	case isDigits(text):
		return fmt.Sprintf("%s has %s, and a phone number has 6 to 15 with its country code; %s", quote(text), plural(len(text), "digit"), example)
	case isBSUID(text):
		return quote(text) + " is a BSUID, not a phone number; use BSUID"
	case strings.Contains(text, "@"):
		return quote(text) + " is a chat id or a username, not a phone number; use Chat or Username"
	case isRounded(text):
		return quote(text) + " is a number that a spreadsheet has rounded; format its column as text, enter the number again and export the sheet anew"
	}
	return quote(text) + " is not a phone number; write one number alone, with the country code, such as +1 202 555 0143"
}

// isRounded reports whether a spreadsheet wrote the number as a power of ten, such
// as "1.20256E+10". Its last digits are lost.
func isRounded(text string) bool {
	number, exponent, ok := strings.Cut(strings.ToUpper(text), "E+")
	return ok && isDigits(exponent) && isDigits(strings.NewReplacer(".", "", ",", "").Replace(number))
}

// chatProblem says why a text is not a chat id; empty if it is one.
func chatProblem(id string) string {
	const examples = "a chat id is 12025550143@c.us for a person and 120363000000000001@g.us for a group"
	name, suffix, ok := strings.Cut(id, "@")
	switch {
	case id == "":
		return "is an empty chat id; " + examples
	case !ok && isPhone(Phone(id).value):
		return quote(id) + " is a phone number, not a chat id; use Phone"
	case !ok && isBSUID(id):
		return quote(id) + " is a BSUID, not a chat id; use BSUID"
	case !ok || name == "" || suffix == "" || strings.ContainsFunc(id, func(c rune) bool { return c <= ' ' || c > '~' }):
		return quote(id) + " is not a chat id; " + examples
	case strings.Contains(suffix, ".") && !isChatHost(suffix):
		return quote(id) + " is an e-mail address, not a chat id; " + examples
	case strings.HasSuffix(id, suffixHidden):
		return quote(id) + " would be cut to digits by the service; use BSUID with the contact's business-scoped id"
	}
	return ""
}

// isChatHost reports whether chat ids end in "@" and this name with a dot.
func isChatHost(name string) bool {
	return name == "c.us" || name == "g.us" || strings.HasSuffix(name, ".whatsapp.net") || strings.HasSuffix(name, ".lid")
}

// member returns the name and the value of the request member for the recipient.
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

// sameChannel reports whether a and b are spellings of one channel id.
func sameChannel(a, b ChannelID) bool { return a == b || a.Canonical() == b.Canonical() }

// phoneOf returns the phone number of a recipient, in digits. A recipient without
// one is an ErrInvalid with that field.
func phoneOf(field string, who Recipient) (string, *Error) {
	phone, ok := strings.CutPrefix(who.Key(), string(RecipientPhone)+":")
	switch {
	case who.IsZero():
		return "", invalid(field, "is missing; make one with Phone")
	case !ok:
		return "", invalid(field, "has to be a phone number, since the service takes nothing else here; make one with Phone")
	case phoneProblem(phone) != "":
		return "", invalid(field, phoneProblem(phone))
	}
	return phone, nil
}
