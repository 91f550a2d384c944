package desk

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// longestName is how many characters the name of a person may have.
const longestName = 80

// group is a query for the contacts that are one person with a contact, by hand.
func group(contact string) string {
	root := "CASE WHEN o.merged_into = 0 THEN o.id ELSE o.merged_into END"
	return "SELECT g.id FROM desk_contact o JOIN desk_contact g ON g.id = " + root +
		" OR g.merged_into <> 0 AND g.merged_into = " + root + " WHERE o.id = " + contact
}

// person is a contact with those that are the same person, by hand.
type person struct {
	id       int64 // the contact into which the others were merged
	contacts []int64
	own      string // the name by an agent
}

// person returns the person of a contact, if the agent sees a request of it.
func (v *View) person(ctx context.Context, tx durable.Tx, contact int64) (*person, error) {
	p := &person{}
	found, err := store.Get(ctx, tx, `SELECT g.id, g.own_name FROM desk_contact o
		JOIN desk_contact g ON g.id = CASE WHEN o.merged_into = 0 THEN o.id ELSE o.merged_into END WHERE o.id = $1`, []any{contact}, &p.id, &p.own)
	if err != nil || !found {
		return nil, fail404(err)
	}
	rows, err := tx.Query(ctx, group("$1"), p.id)
	if p.contacts, err = store.All(rows, err, func(id *int64) []any { return []any{id} }); err != nil || v.Admin {
		return p, err
	}
	var seen int64
	found, err = store.Get(ctx, tx, "SELECT h.id FROM desk_chat h WHERE h.contact IN ("+numbers(p.contacts)+") AND "+v.seesChat("h.id")+" LIMIT 1", nil, &seen)
	if err != nil || !found {
		return nil, fail404(err)
	}
	return p, nil
}

// changed lets pages of the person's requests know.
func (p *person) changed(ctx context.Context, tx durable.Tx) error {
	return changedWhere(ctx, tx, "chat IN (SELECT id FROM desk_chat WHERE contact IN ("+numbers(p.contacts)+"))")
}

// contactObject is the name of a contact in the audit.
func contactObject(id int64) string { return "contact " + strconv.FormatInt(id, 10) }

// changePerson changes a person of whom the agent sees a request.
func (v *View) changePerson(ctx context.Context, contact int64, do func(ctx context.Context, tx durable.Tx, p *person) error) error {
	return v.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		p, err := v.person(ctx, tx, contact)
		if err != nil {
			return err
		}
		return do(ctx, tx, p)
	})
}

// RenameContact gives a person the name that agents see; "" is that of the profile.
func (v *View) RenameContact(ctx context.Context, contact int64, name string) error {
	name = strings.TrimSpace(store.Text(name))
	if utf8.RuneCountInString(name) > longestName {
		return &Refused{Field: "name", Sentence: "The name is too long. Shorten it to 80 characters."}
	}
	return v.changePerson(ctx, contact, func(ctx context.Context, tx durable.Tx, p *person) error {
		if p.own == name {
			return nil
		}
		if _, err := tx.Exec(ctx, "UPDATE desk_contact SET own_name = $1 WHERE id = $2", name, p.id); err != nil {
			return err
		}
		if err := v.fold(ctx, tx, p.id); err != nil {
			return err
		}
		if err := v.audit(ctx, tx, v.Agent, "renamed contact", contactObject(p.id), p.own, name); err != nil {
			return err
		}
		return p.changed(ctx, tx)
	})
}

// MergeContacts says that two contacts are one person, who has the name of the first. Their
// chats stay as they are, so that an answer goes where its message came from.
func (v *View) MergeContacts(ctx context.Context, into, from int64) error {
	return v.changePerson(ctx, into, func(ctx context.Context, tx durable.Tx, p *person) error {
		other, err := v.person(ctx, tx, from)
		if err != nil {
			return err
		}
		switch {
		case into == from:
			return &Refused{Sentence: "A person cannot be merged with itself."}
		case slices.Contains(p.contacts, from):
			return nil
		case len(other.contacts) > 1:
			return &Refused{Sentence: "Contacts are merged into this person already. Separate them first, or merge the other person into this one."}
		}
		if _, err := tx.Exec(ctx, "UPDATE desk_contact SET merged_into = $1 WHERE id = $2", p.id, from); err != nil {
			return err
		}
		if err := v.audit(ctx, tx, v.Agent, "merged contact", contactObject(from), "", contactObject(p.id)); err != nil {
			return err
		}
		p.contacts = append(p.contacts, from)
		return p.changed(ctx, tx)
	})
}

// UnmergeContact says that a contact is a person of its own after all.
func (v *View) UnmergeContact(ctx context.Context, from int64) error {
	return v.changePerson(ctx, from, func(ctx context.Context, tx durable.Tx, p *person) error {
		n, err := tx.Exec(ctx, "UPDATE desk_contact SET merged_into = 0 WHERE id = $1 AND merged_into <> 0", from)
		if err != nil || n == 0 {
			return err
		}
		if err := v.audit(ctx, tx, v.Agent, "separated contact", contactObject(from), contactObject(p.id), ""); err != nil {
			return err
		}
		return p.changed(ctx, tx)
	})
}

// fillContact reads what is known of the person.
func (v *View) fillContact(ctx context.Context, r *Request) error {
	if r.Contact == 0 {
		return nil
	}
	rows, err := v.DB.Query(ctx, "SELECT c.id, c.name, c.own_name, c.blocked, c.merged_into FROM desk_contact c WHERE c.id IN ("+group("$1")+") ORDER BY c.merged_into, c.id", r.Contact)
	type contact struct {
		id, into  int64
		name, own string
		blocked   bool
	}
	all, err := store.All(rows, err, func(c *contact) []any { return []any{&c.id, &c.name, &c.own, &c.blocked, &c.into} })
	if err != nil {
		return err
	}
	for _, c := range all {
		r.Blocked = r.Blocked || c.blocked
		if c.into == 0 {
			r.Contact, r.Profile = c.id, c.name
			continue
		}
		r.Joined = append(r.Joined, Name{c.id, first(c.own, c.name, contactObject(c.id))})
	}
	rows, err = v.DB.Query(ctx, "SELECT DISTINCT kind, value FROM desk_identity WHERE contact IN ("+group("$1")+") ORDER BY kind DESC, value", r.Contact)
	r.Identities, err = store.All(rows, err, func(i *Identity) []any { return []any{&i.Kind, &i.Value} })
	return err
}

// fillSame looks for contacts that may be the same person: with another spelling of the
// number, with the same parent id in another account, or with the same name of two words. A
// person decides.
func (v *View) fillSame(ctx context.Context, r *Request) error {
	if r.Contact == 0 {
		return nil
	}
	args := []any{r.Contact}
	add := func(value any) string {
		args = append(args, value)
		return "$" + strconv.Itoa(len(args))
	}
	alike := []string{"SELECT id FROM desk_contact WHERE 1 = 0"}
	if strings.Contains(r.Profile, " ") {
		alike = append(alike, "SELECT id FROM desk_contact WHERE name = "+add(r.Profile))
	}
	for _, i := range r.Identities { // a user name can pass to another person
		values := []string{}
		switch i.Kind {
		case "phone":
			values = chatapi.PhoneVariants(i.Value)
		case "parent":
			values = []string{i.Value}
		}
		for _, value := range values {
			alike = append(alike, "SELECT contact FROM desk_identity WHERE value = "+add(value)+" AND kind = "+add(i.Kind))
		}
	}
	rows, err := v.DB.Query(ctx, "SELECT c.id, coalesce(nullif(c.own_name, ''), c.name) FROM desk_contact c WHERE c.id IN ("+strings.Join(alike, " UNION ")+
		") AND c.merged_into = 0 AND c.id NOT IN ("+group("$1")+") AND EXISTS (SELECT 1 FROM desk_chat h WHERE h.contact = c.id AND "+v.seesChat("h.id")+") ORDER BY c.id LIMIT 5", args...)
	r.Same, err = store.All(rows, err, func(n *Name) []any { return []any{&n.ID, &n.Name} })
	return err
}
