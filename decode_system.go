package chatapi

import (
	"cmp"
	"strings"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// This file reads WhatsApp's notes about a customer who has a new number or a new
// identity (contract, raw "Messages").

func (in *metaElement) readSystem(v wire.Value) *SystemNotice {
	notice := &SystemNotice{}
	var phone, newPhone string
	for m := v.Object(); m.Next(); {
		switch string(m.Name) {
		case "type":
			notice.Type = in.inner("system", &m)
		case "wa_id":
			phone = in.inner("system", &m)
		case "new_wa_id":
			newPhone = in.inner("system", &m)
		case "user_id":
			notice.New.BSUID = in.inner("system", &m)
		case "parent_user_id":
			notice.New.ParentBSUID = in.inner("system", &m)
		case "username":
			notice.New.Username = usernameOf(in.inner("system", &m))
		case "identity":
			notice.Identity = in.inner("system", &m)
		}
	}
	setPhone(&notice.New, cmp.Or(newPhone, phone))
	return notice
}

// oldCustomer makes From of a system note the customer as before, and New the
// customer from now on. Some notes about a new number have the new number in
// "from" and the old one in "customer".
func (in *metaElement) oldCustomer(e *MessageEvent) {
	var named Contact
	for _, name := range [...]string{"user", "customer"} { // the last one counts
		if id := in.member("system", in.content, name); id != "" {
			named = Contact{}
			setPhone(&named, id)
		}
	}
	now := &e.System.New
	changed := strings.Contains(e.System.Type, "changed_number") || strings.Contains(e.System.Type, "changed_user_id") ||
		e.System.Type == "" && *now != (Contact{})
	switch {
	case e.From == (Contact{}):
		e.From = named
	case changed && named != (Contact{}) && !sameCustomer(named, e.From) && (*now == (Contact{}) || sameCustomer(e.From, *now)):
		from := e.From
		e.From, *now = named, from.Merge(*now)
		now.Chat = personChat(*now)
	}
	if changed {
		in.namesInWords(e)
	}
	if changed {
		e.From.Name = cmp.Or(e.From.Name, now.Name)
	}
}

// namesInWords completes who the customer was and is by the words of the note, where
// its members name only one of both.
func (in *metaElement) namesInWords(e *MessageEvent) {
	now := &e.System.New
	if *now == (Contact{}) {
		_, after, _ := cutLast(e.Text, " to ")
		var named Contact
		if after = namePlain(after); isDigits(after) || isBSUID(after) {
			setPhone(&named, after)
		}
		if old := oldNameIn(e.Text, named); old != (Contact{}) && sameCustomer(old, e.From) {
			*now = named
			now.Chat = personChat(*now)
		}
		return
	}
	switch old := oldNameIn(e.Text, *now); {
	case e.From == (Contact{}):
		e.From = old
	case old.BSUID != "" && e.From.BSUID == now.BSUID:
		e.From.BSUID = old.BSUID
	}
}

// oldNameIn returns who the customer was by the words of a note without sender:
// "User Ann changed from US.1 to US.2" (Meta's reference, 2026; high). It returns
// the zero Contact if the words do not end in the new number or BSUID.
func oldNameIn(note string, now Contact) (old Contact) {
	before, after, found := cutLast(note, " to ")
	if after = namePlain(after); !found || after == "" || after != now.BSUID && !samePhone(after, now.Phone) {
		return Contact{}
	}
	_, name, found := cutLast(before, " from ")
	if name = namePlain(name); found && name != "" && !strings.ContainsAny(name, " \t\n") {
		setPhone(&old, name)
	}
	return old
}

// namePlain returns a number in digits, and any other name without space and
// marks of direction around it.
func namePlain(text string) string {
	if digits := Phone(text).value; isPhone(digits) {
		return digits
	}
	return strings.Trim(text, " \t\n\u200e\u200f\u202a\u202c")
}

func cutLast(text, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(text, separator); i >= 0 {
		return text[:i], text[i+len(separator):], true
	}
	return text, "", false
}
