package chatapi

import (
	"cmp"
	"strings"
)

// Contact is a person as an event names them. Every field may be empty; people can
// hide their number.
type Contact struct {
	// Phone is the phone number in digits, country code first.
	Phone string

	// Chat is the chat id with the person.
	Chat string

	// BSUID is the business-scoped user id, such as "US.1000000000000001".
	BSUID string

	// ParentBSUID is the id that the BSUIDs of one person share in linked
	// accounts, such as "US.ENT.…".
	ParentBSUID string

	// Username is the username without the @.
	Username string

	// Name is the profile name. It is never taken from an echo, where the service
	// puts the business's own number.
	Name string

	// CountryCode is the country of the person, such as "US" (profile.country_code,
	// known since 2025 from public test data, medium confidence).
	CountryCode string `json:",omitempty"`

	// IdentityHash identifies the person's encryption key, if the business asked
	// WhatsApp to watch it (identity_key_hash, known since 2023; Meta's reference,
	// high confidence).
	IdentityHash string `json:",omitempty"`
}

// Recipient returns the recipient for messages to the contact: by phone number,
// else by BSUID, else by chat, else by username. If all of them are empty, it
// returns the zero Recipient.
func (c Contact) Recipient() Recipient {
	switch {
	case c.Phone != "":
		return Phone(c.Phone)
	case c.BSUID != "":
		return BSUID(c.BSUID)
	case c.Chat != "":
		return Chat(c.Chat)
	case c.Username != "":
		return Username(c.Username)
	}
	return Recipient{}
}

// Key returns a text that identifies the person among the contacts of a channel:
// the BSUID, which stays the same when the person hides or shows the number; else
// the phone number, the chat or the username, in the form of [Recipient.Key]. It
// returns "" if all of them are empty. Two contacts of one person can have two
// keys: a message names the BSUID, but the echo of a colleague's answer only the
// number. [Identities.Same] then says whether they are one; the example of
// [Identities] shows how to keep what it needs. A person who changes
// the number gets a new BSUID too: an [IdentityEvent] or [Content.System] has the
// old and the new contact, for [Contact.Merge].
func (c Contact) Key() string {
	if c.BSUID != "" {
		return BSUID(c.BSUID).Key()
	}
	to := c.Recipient()
	if name, ok := personName(to); ok {
		return name.Key()
	}
	return to.Key()
}

// Merge returns c with each field replaced by that of newer, unless it is empty
// in newer. So a number that is hidden now stays known. Merge does not check
// [Contact.Same], which is false for the old and the new contact of an
// [IdentityEvent]; [Identities.Same] is true for them, by the event's link.
func (c Contact) Merge(newer Contact) Contact {
	return Contact{
		Phone:       cmp.Or(newer.Phone, c.Phone),
		Chat:        cmp.Or(newer.Chat, c.Chat),
		BSUID:       cmp.Or(newer.BSUID, c.BSUID),
		ParentBSUID: cmp.Or(newer.ParentBSUID, c.ParentBSUID),
		Username:    cmp.Or(newer.Username, c.Username),
		Name:        cmp.Or(newer.Name, c.Name),

		CountryCode:  cmp.Or(newer.CountryCode, c.CountryCode),
		IdentityHash: cmp.Or(newer.IdentityHash, c.IdentityHash),
	}
}

// setPhone sets the phone number of c from the member in which Meta puts it. That
// member may hold the BSUID of a person who hides the number.
func setPhone(c *Contact, id string) {
	switch {
	case id == "":
	case isDigits(id): // the usual case
		c.Phone = id
	case isBSUID(id):
		c.BSUID = cmp.Or(c.BSUID, id)
	case strings.Contains(id, "@"): // a chat id
		chat := contactOf(id)
		c.Phone, c.BSUID, c.Chat = chat.Phone, cmp.Or(c.BSUID, chat.BSUID), cmp.Or(c.Chat, chat.Chat)
	default:
		if c.Phone = id; isPhone(Phone(id).value) {
			c.Phone = Phone(id).value
		}
	}
}

// personChat returns the id of the chat with a person: by the number, else by the
// BSUID, else as the body names it.
func personChat(c Contact) string {
	switch {
	case isDigits(c.Phone):
		return c.Phone + suffixPerson
	case c.BSUID != "":
		return c.BSUID + suffixHidden
	}
	return c.Chat
}

// isGroup reports whether c is a group that stands where a person belongs.
func (c Contact) isGroup() bool { return c.Phone == "" && strings.HasSuffix(c.Chat, suffixGroup) }

// groupChat returns a group's chat id, in the service's form.
func groupChat(id string) string {
	if id == "" || strings.Contains(id, "@") {
		return id
	}
	return id + suffixGroup
}

// contactOf returns the contact with a chat id, and with the number or the BSUID
// in it.
func contactOf(chat string) (c Contact) {
	readChatID(&c, chat)
	return c
}

// readChatID fills c with the chat and what its id says about the person.
func readChatID(c *Contact, chat string) {
	c.Chat = chat
	if digits, ok := strings.CutSuffix(chat, suffixPerson); ok && isDigits(digits) {
		c.Phone = digits
	} else if digits := devicePhone(chat); digits != "" {
		c.Phone = digits
	} else if user, ok := strings.CutSuffix(chat, suffixHidden); ok && isBSUID(user) {
		c.BSUID = user
	}
}
