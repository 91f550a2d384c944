package chatapi

import (
	"cmp"
	"strings"
)

// Contact is a person as far as an event names them. Any field may be empty:
// people can hide their number.
type Contact struct {
	// Phone is digits, country code first.
	Phone string

	// Chat is the chat id with the person.
	Chat string

	// BSUID is the business-scoped user id, such as "US.1000000000000001".
	BSUID string

	// ParentBSUID is the id above several BSUIDs of one person, which linked
	// accounts share ("US.ENT.…").
	ParentBSUID string

	// Username is without the @.
	Username string

	// Name is the profile name; never taken from an echo, where the service
	// puts the business's own number.
	Name string
}

// Recipient returns how to write to the contact: by phone number, else by
// BSUID, else by chat, else by username. It is the zero Recipient when nothing
// is known.
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

// Key returns one text that stands for the person among the contacts of a
// channel. The BSUID comes first: it stays when the number is hidden or comes
// back. Without one it is the phone number, the chat or the username, in the form
// of [Recipient.Key]; empty when nothing is known. When a person takes another
// number the BSUID becomes another one too; an [IdentityEvent] and
// [Content.System] tell both, for [Contact.Merge].
func (c Contact) Key() string {
	if c.BSUID != "" {
		return BSUID(c.BSUID).Key()
	}
	if to := c.Recipient(); !to.IsZero() {
		return to.Key()
	}
	return ""
}

// Same reports whether both are surely one person: they have the same BSUID, or
// else, where not both have one, the same phone number or chat. A number alone
// is no proof against two BSUIDs, since numbers are given to other people.
func (c Contact) Same(other Contact) bool {
	switch {
	case c.BSUID != "" && other.BSUID != "":
		return c.BSUID == other.BSUID
	case c.Phone != "" && other.Phone != "":
		return c.Phone == other.Phone
	}
	return c.Chat != "" && c.Chat == other.Chat
}

// Merge returns the contact with what newer tells about the same person: each
// field of newer that is not empty replaces the old one, so a number that is
// hidden now stays known. It does not check [Contact.Same]; a new number, as an
// [IdentityEvent] tells it, is just the case where that is false.
func (c Contact) Merge(newer Contact) Contact {
	return Contact{
		Phone:       cmp.Or(newer.Phone, c.Phone),
		Chat:        cmp.Or(newer.Chat, c.Chat),
		BSUID:       cmp.Or(newer.BSUID, c.BSUID),
		ParentBSUID: cmp.Or(newer.ParentBSUID, c.ParentBSUID),
		Username:    cmp.Or(newer.Username, c.Username),
		Name:        cmp.Or(newer.Name, c.Name),
	}
}

// setPhone takes what stands where Meta puts a phone number. A person who hides
// the number may have a BSUID there.
func setPhone(c *Contact, id string) {
	switch {
	case id == "":
	case isDigits(id): // the usual case, without a pattern
		c.Phone = id
	case bsuidPattern.MatchString(id):
		c.BSUID = cmp.Or(c.BSUID, id)
	default:
		c.Phone = id
	}
}

// thread returns the chat id with a person; empty if nothing is known.
func personChat(c Contact) string {
	switch {
	case isDigits(c.Phone):
		return c.Phone + suffixPerson
	case c.BSUID != "":
		return c.BSUID + suffixHidden
	}
	return ""
}

// groupChat returns a group's chat id, in the service's form.
func groupChat(id string) string {
	if id == "" || strings.Contains(id, "@") {
		return id
	}
	return id + suffixGroup
}

// contactOf returns what a chat id tells about a person.
func contactOf(chat string) Contact {
	c := Contact{Chat: chat}
	if digits, ok := strings.CutSuffix(chat, suffixPerson); ok && isDigits(digits) {
		c.Phone = digits
	} else if user, ok := strings.CutSuffix(chat, suffixHidden); ok && bsuidPattern.MatchString(user) {
		c.BSUID = user
	}
	return c
}
