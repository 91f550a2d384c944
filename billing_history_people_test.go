package chatapi_test

import (
	"time"

	"github.com/chatapi-go/chatapi"
)

// drawnPerson is a customer in a drawn history. The second set of names takes the place
// of the first at an instant.
type drawnPerson struct {
	names [2]drawnNames
	from  time.Time
}

// drawnNames are the names of a customer; phones are the spellings of one number.
type drawnNames struct {
	phones          []string
	bsuid, username string
}

// cast draws the customers of a history.
func (d *historyDraw) cast() {
	for i, numbers := range [][2]drawnNames{
		{{[]string{"12025550143"}, "US.1000000000000001", "ana"}, {[]string{"12025550153"}, "US.1000000000000009", "ana"}},
		{{[]string{"12025550144"}, "US.1000000000000005", "bo"}, {}},
	} {
		if d.wanted[kindSpelling] && !d.wanted[kindRecycled] {
			// A number that passed to another person in one of its two spellings belongs
			// to two people, by the letter of rule 6; that case is not drawn.
			all := [][3]string{{"5511987654321", "551187654321", "BR"}, {"525512345678", "5215512345678", "MX"}, {"541112345678", "5491112345678", "AR"}}
			spelt := all[(d.IntN(3)+i)%len(all)]
			numbers[0].phones, numbers[0].bsuid = spelt[:2], spelt[2]+"."+numbers[0].bsuid[3:]
		}
		if i == 1 || !d.wanted[kindRename] {
			numbers[1] = numbers[0]
		}
		d.people = append(d.people, &drawnPerson{names: numbers, from: d.grid(d.start, 28)})
	}
}

// contact draws the names that a fact of an instant gives. A send is addressed by one
// name.
func (d *historyDraw) contact(p *drawnPerson, at time.Time, told bool) (c chatapi.Contact) {
	names := p.names[0]
	if !at.Before(p.from) && d.IntN(8) > 0 { // some systems go on using the old names
		names = p.names[1]
	}
	phone := names.phones[d.IntN(len(names.phones))]
	d.got[kindSpelling] = d.got[kindSpelling] || len(names.phones) > 1
	switch {
	case d.wanted[kindUsername] && !told && d.IntN(2) == 0:
		d.got[kindUsername] = true
		return chatapi.Contact{Username: names.username}
	case !d.linking() || d.IntN(3) == 0:
		c.Phone = phone
		if d.linking() && d.IntN(3) == 0 {
			c = chatapi.Contact{Chat: phone + d.pick("@c.us", "@s.whatsapp.net")}
		}
	default:
		c.BSUID = names.bsuid
		if d.IntN(4) == 0 {
			c = chatapi.Contact{Chat: names.bsuid + "@lid"}
		}
		if told && d.wanted[kindLinks] && d.IntN(2) == 0 {
			c.Phone = phone
		}
	}
	if told && d.wanted[kindUsername] && d.IntN(2) == 0 {
		c.Username = names.username
	}
	return c
}

// linking reports whether the customers of the history have BSUIDs.
func (d *historyDraw) linking() bool {
	return d.wanted[kindLinks] || d.wanted[kindRename] || d.wanted[kindRecycled]
}

// rename adds the identity activity of a customer, and sometimes the way back. The
// rules do not say who has numbers that change in a circle beside BSUIDs, so that is
// not drawn.
func (d *historyDraw) rename(p *drawnPerson) {
	old, now := p.names[0], p.names[1]
	a := chatapi.Activity{Kind: chatapi.ActivityIdentity, Channel: d.channel(), At: p.from}
	switch d.IntN(4) {
	case 0: // the number alone changed
		a.Former, a.Contact = chatapi.Contact{Phone: old.phones[0]}, chatapi.Contact{Phone: now.phones[0]}
	case 1:
		a.Former, a.Contact = chatapi.Contact{BSUID: old.bsuid}, chatapi.Contact{BSUID: now.bsuid}
	case 2:
		a.Former, a.Contact = chatapi.Contact{BSUID: old.bsuid, Phone: old.phones[0]}, chatapi.Contact{BSUID: now.bsuid}
	case 3:
		a.Former = chatapi.Contact{BSUID: old.bsuid, Phone: old.phones[len(old.phones)-1]}
		a.Contact = chatapi.Contact{BSUID: now.bsuid, Phone: now.phones[0]}
	}
	d.record(a)
	if d.IntN(4) == 0 && a.Contact.BSUID != "" {
		a.Former, a.Contact, a.At = a.Contact, a.Former, d.grid(p.from, 8)
		d.record(a)
	}
	d.got[kindRename] = true
}

// recycle lets the number of the first customer pass to the second.
func (d *historyDraw) recycle() {
	first, second := d.people[0].names[0], d.people[1].names[0]
	channel, at := d.channel(), d.grid(d.start, 28)
	for i, bsuid := range []string{first.bsuid, second.bsuid} {
		d.record(chatapi.Activity{Kind: chatapi.ActivityInbound, Channel: channel, At: at.Add(time.Duration(i*(1+d.IntN(3))) * 6 * time.Hour),
			MessageID: d.id(), Contact: chatapi.Contact{Phone: first.phones[0], BSUID: bsuid}})
	}
	d.got[kindRecycled] = true
}
