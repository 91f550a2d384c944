package durable

import (
	"context"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// mostNames is how many names that hang together are looked at. A person has a
// handful; a number that many people had in turn has more.
const mostNames = 256

// people is a name with the names that hang together with it, and their links.
type people struct {
	names []chatapi.Recipient
	known map[string]bool // their keys
	ids   chatapi.Identities
	owner chatapi.Recipient // of the first name, now
}

// peopleAround reads the links around some names of one person.
func peopleAround(ctx context.Context, tx Tx, channel string, names ...chatapi.Recipient) (*people, error) {
	p := &people{known: map[string]bool{}}
	if len(names) == 0 {
		return p, nil
	}
	for _, name := range names {
		p.add(name)
	}
	for done := 0; done < len(p.names) && len(p.names) <= mostNames; {
		next := p.names[done:]
		done = len(p.names)
		if names[0].IsGroup() { // a group has no other names
			break
		}
		if err := p.readLinks(ctx, tx, channel, next); err != nil {
			return nil, err
		}
	}
	p.owner = p.ids.Owner(names[0], time.Time{})
	return p, nil
}

// add adds a name, and the other spelling of a number.
func (p *people) add(name chatapi.Recipient) {
	name = nameOf(name.Key())
	all := []chatapi.Recipient{name}
	if name.Kind() == chatapi.RecipientPhone {
		for _, spelling := range chatapi.PhoneVariants(name.Value()) {
			all = append(all, chatapi.Phone(spelling))
		}
	}
	for _, r := range all {
		if key := nameKey(r); key != "" && !p.known[key] {
			p.known[key] = true
			p.names = append(p.names, r)
		}
	}
}

// readLinks adds the links of names, and the names that they give.
func (p *people) readLinks(ctx context.Context, tx Tx, channel string, names []chatapi.Recipient) error {
	args := []any{channel}
	for _, name := range names {
		args = append(args, nameKey(name))
	}
	in := placeholders(2, len(names))
	rows, err := tx.Query(ctx, "SELECT name, holder, renamed, told, at FROM alias WHERE channel = $1 AND (name IN "+in+" OR holder IN "+in+")", args...)
	if err != nil {
		return err
	}
	return each(rows, func() error {
		var name, holder string
		var renamed, told, at int64
		if err := rows.Scan(&name, &holder, &renamed, &told, &at); err != nil {
			return err
		}
		link := chatapi.Link{Name: nameOf(name), Holder: nameOf(holder), At: store.Time(at), Told: told == 1, Renamed: renamed == 1}
		p.ids.Add(link)
		p.add(link.Name)
		p.add(link.Holder)
		return nil
	})
}

// isOwner reports whether a name belonged at an instant to the person that the first
// name belongs to now.
func (p *people) isOwner(name chatapi.Recipient, at time.Time) bool {
	return p.ids.Owner(name, at) == p.owner
}

// eachRow runs a query that ends in "IN" for all names. It selects a text that key
// makes of a name, an instant and a flag.
func (p *people) eachRow(ctx context.Context, tx Tx, query, channel string, key func(chatapi.Recipient) string,
	do func(name chatapi.Recipient, at time.Time, flag bool)) error {
	args, byText := []any{channel}, map[string]chatapi.Recipient{}
	for _, name := range p.names {
		text := key(name)
		byText[text] = name
		args = append(args, text)
	}
	rows, err := tx.Query(ctx, query+placeholders(2, len(p.names)), args...)
	if err != nil {
		return err
	}
	return each(rows, func() error {
		var text string
		var at, flag int64
		if err := rows.Scan(&text, &at, &flag); err != nil {
			return err
		}
		do(byText[text], store.Time(at), flag == 1)
		return nil
	})
}

// placeholders returns "($2, $3, …)".
func placeholders(first, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(first + i))
	}
	return "(" + b.String() + ")"
}

// longestName is more than any name of a person has.
const longestName = 256

// nameKey returns the text of a name in the tables; empty for a name that no service
// gives and no database takes.
func nameKey(name chatapi.Recipient) string {
	key := name.Key()
	if len(key) > longestName || strings.ContainsRune(key, 0) || !utf8.ValidString(key) {
		return ""
	}
	return key
}

// nameOf returns the recipient with that [chatapi.Recipient.Key], without the checks
// of a send: an odd name still is the name that the service gave.
func nameOf(key string) chatapi.Recipient {
	kind, value, _ := strings.Cut(key, ":")
	switch chatapi.RecipientKind(kind) {
	case chatapi.RecipientPhone:
		return chatapi.Phone(value)
	case chatapi.RecipientBSUID:
		return chatapi.BSUID(value)
	case chatapi.RecipientUsername:
		return chatapi.Username(value)
	case chatapi.RecipientChat:
		return chatapi.Chat(value)
	}
	return chatapi.Recipient{}
}

// personNames returns all names of a contact.
func personNames(c chatapi.Contact) (all []chatapi.Recipient) {
	for _, name := range []chatapi.Recipient{chatapi.BSUID(c.BSUID), chatapi.Phone(c.Phone), chatapi.Chat(c.Chat), chatapi.Username(c.Username)} {
		if name.Value() != "" && !name.IsGroup() {
			all = append(all, name)
		}
	}
	return all
}
