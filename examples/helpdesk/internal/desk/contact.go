package desk

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// The kinds of identities.
const (
	kindPhone    = "phone"
	kindBSUID    = "bsuid"
	kindChat     = "chat"
	kindParent   = "parent"
	kindUsername = "username" // is shown, and finds nobody: anybody can take it over
)

// identityName is a name by which WhatsApp knows a person.
type identityName struct{ scope, kind, value string }

// slack is how much older the time of an identity may be than the newest event with it.
const slack = time.Hour

// scope is that of BSUIDs: one account gives a person one BSUID.
func (a *arrival) scope() string {
	if a.account != "" {
		return a.account
	}
	return channelScope(a.channel)
}

func channelScope(channel int64) string { return "channel " + numbers([]int64{channel}) }

// learnAccount notes the account of the channel, which only some events name. What was the
// channel's becomes the account's, where channels of one account share their people.
func (a *arrival) learnAccount(ctx context.Context, info *chatapi.EventInfo) error {
	account := bounded(info.WABA)
	if account == "" || account == a.account {
		return nil
	}
	before := a.scope()
	a.account = account
	if err := a.exec(ctx, "UPDATE desk_channel SET account = $1 WHERE id = $2", account, a.channel); err != nil {
		return err
	}
	if before != channelScope(a.channel) {
		return nil // the number moved to another account, in which BSUIDs are others
	}
	rows, err := a.tx.Query(ctx, `SELECT old.contact, new.contact FROM desk_identity old JOIN desk_identity new
		ON new.scope = $1 AND new.kind = old.kind AND new.value = old.value WHERE old.scope = $2 ORDER BY old.value`, account, before)
	same, err := store.All(rows, err, func(p *[2]int64) []any { return []any{&p[0], &p[1]} })
	if err != nil {
		return err
	}
	for _, pair := range same {
		if err := a.absorb(ctx, pair[1], pair[0]); err != nil {
			return err
		}
	}
	err = a.exec(ctx, `DELETE FROM desk_identity WHERE scope = $2 AND EXISTS (SELECT 1 FROM desk_identity new
		WHERE new.scope = $1 AND new.kind = desk_identity.kind AND new.value = desk_identity.value)`, account, before)
	if err != nil {
		return err
	}
	return a.exec(ctx, "UPDATE desk_identity SET scope = $1 WHERE scope = $2", account, before)
}

// recipients returns the addresses of a person, the one that stays the longest first.
func recipients(c chatapi.Contact) (all []chatapi.Recipient) {
	keys := map[string]bool{"": true}
	for _, r := range []chatapi.Recipient{chatapi.BSUID(c.BSUID), chatapi.Phone(c.Phone), chatapi.Chat(c.Chat)} {
		if key := r.Key(); r.Value() != "" && !r.IsGroup() && len(key) <= longestKey && !keys[key] {
			keys[key] = true
			all = append(all, r)
		}
	}
	return all
}

// names returns the names of a contact that find the person.
func (a *arrival) names(c chatapi.Contact) (all []identityName) {
	for _, r := range recipients(c) {
		kind, value, _ := strings.Cut(store.Text(r.Key()), ":")
		name := identityName{kind: kind, value: value}
		if kind == kindBSUID {
			name.scope = a.scope()
		}
		all = append(all, name)
	}
	if parent := bounded(c.ParentBSUID); parent != "" {
		all = append(all, identityName{kind: kindParent, value: parent})
	}
	return all
}

// known is what the tables say of a name.
type known struct {
	name    identityName
	contact int64 // 0 if nobody has it
	at      int64
	other   bool // it is somebody else's now, by the event
}

// person returns the person whom an event names, and makes one if nobody is known by these
// names. Names that come together are one person's: whoever has one of them becomes one
// with the others. But two BSUIDs of one account are two people, so that a number with a
// new BSUID has passed to somebody else.
func (a *arrival) person(ctx context.Context, c chatapi.Contact) (contact int64, err error) {
	all, err := a.look(ctx, a.names(c))
	if err != nil {
		return 0, err
	}
	for _, k := range all {
		if contact == 0 && !k.other {
			contact = k.contact
		}
	}
	if contact == 0 {
		if _, err = a.get(ctx, "INSERT INTO desk_contact (created) VALUES ($1) RETURNING id", []any{store.Micros(a.at)}, &contact); err != nil {
			return 0, err
		}
	}
	joined := map[int64]bool{0: true, contact: true}
	for _, k := range all {
		if !k.other && !joined[k.contact] {
			joined[k.contact] = true
			if err := a.absorb(ctx, contact, k.contact); err != nil {
				return 0, err
			}
		}
	}
	changed := false
	for _, k := range all {
		if err := a.note(ctx, k, contact); err != nil {
			return 0, err
		}
		changed = changed || k.contact != contact
	}
	if err := a.describe(ctx, contact, c, &changed); err != nil || !changed {
		return contact, err
	}
	return contact, a.fold(ctx, a.tx, contact)
}

// look finds the owners of names. A phone number is known in both of its spellings.
func (a *arrival) look(ctx context.Context, names []identityName) (all []known, err error) {
	bsuid := ""
	for _, name := range names {
		k := known{name: name}
		values := []any{name.scope, name.kind, name.value, name.value}
		if other := chatapi.PhoneVariants(name.value); name.kind == kindPhone && len(other) > 1 {
			values[3] = other[1]
		}
		var ended int64
		_, err := a.get(ctx, `SELECT contact, at, ended FROM desk_identity WHERE scope = $1 AND kind = $2 AND value IN ($3, $4)
			ORDER BY CASE WHEN value = $3 THEN 0 ELSE 1 END LIMIT 1`, values, &k.contact, &k.at, &ended)
		if err != nil {
			return nil, err
		}
		switch {
		case ended != 0 && store.Micros(a.at) > ended:
			k.other = true
		case name.kind == kindBSUID:
			bsuid = name.value
		case bsuid != "" && k.contact != 0 && name.kind != kindParent:
			if k.other, err = a.get(ctx, `SELECT 1 FROM desk_identity WHERE contact = $1 AND scope = $2 AND kind = 'bsuid' AND value <> $3
				AND NOT EXISTS (SELECT 1 FROM desk_identity mine WHERE mine.contact = $1 AND mine.scope = $2 AND mine.kind = 'bsuid' AND mine.value = $3) LIMIT 1`,
				[]any{k.contact, a.scope(), bsuid}, new(int64)); err != nil {
				return nil, err
			}
		}
		all = append(all, k)
	}
	return all, nil
}

// note writes that a name is a person's. The newest event says whose it is.
func (a *arrival) note(ctx context.Context, k known, contact int64) error {
	at := store.Micros(a.at)
	switch {
	case k.other && at <= k.at: // it belongs to somebody else since
		return nil
	case !k.other && k.contact != 0 && at-k.at < slack.Microseconds():
		return nil // written already
	}
	return a.exec(ctx, `INSERT INTO desk_identity (scope, kind, value, contact, at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (scope, kind, value) DO UPDATE SET contact = excluded.contact,
		ended = CASE WHEN desk_identity.contact = excluded.contact THEN desk_identity.ended ELSE 0 END,
		at = CASE WHEN excluded.at > desk_identity.at THEN excluded.at ELSE desk_identity.at END`,
		k.name.scope, k.name.kind, k.name.value, contact, at)
}

// describe keeps the profile's name and the username of a person. It sets changed if they
// are new.
func (a *arrival) describe(ctx context.Context, contact int64, c chatapi.Contact, changed *bool) error {
	at := store.Micros(a.at)
	if username := bounded(c.Username); username != "" {
		n, err := a.tx.Exec(ctx, `INSERT INTO desk_identity (scope, kind, value, contact, at) VALUES ('', 'username', $1, $2, $3)
			ON CONFLICT (scope, kind, value) DO UPDATE SET contact = excluded.contact, at = excluded.at
			WHERE desk_identity.contact <> excluded.contact AND desk_identity.at <= excluded.at`, username, contact, at)
		if err != nil {
			return err
		}
		*changed = *changed || n > 0
	}
	name := line(c.Name, 200)
	if name == "" {
		return nil
	}
	n, err := a.tx.Exec(ctx, "UPDATE desk_contact SET name = $1, named = $2 WHERE id = $3 AND name <> $1 AND named <= $2", name, at, contact)
	*changed = *changed || n > 0
	return err
}

// fold brings the columns up to date by which a person's requests are found, after a change
// of the names.
func (d *Desk) fold(ctx context.Context, tx durable.Tx, contact int64) error {
	words, err := d.wordsFor(ctx, tx, contact)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "UPDATE desk_contact SET folded = $1 WHERE id = $2", words, contact); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `SELECT r.id, r.department, r.subject FROM desk_request r JOIN desk_chat c ON c.id = r.chat
		WHERE c.contact = $1 ORDER BY r.id`, contact)
	type request struct {
		id, department int64
		subject        string
	}
	all, err := store.All(rows, err, func(r *request) []any { return []any{&r.id, &r.department, &r.subject} })
	if err != nil {
		return err
	}
	for _, r := range all {
		if _, err := tx.Exec(ctx, "UPDATE desk_request SET folded = $1 WHERE id = $2", store.Fold(r.subject)+" "+words, r.id); err != nil {
			return err
		}
		if err := tx.Changed(Change{Kind: ChangedRequest, Department: r.department, Object: r.id}); err != nil {
			return err
		}
	}
	return nil
}

// wordsFor returns the folded names and numbers of a person, for the search.
func (d *Desk) wordsFor(ctx context.Context, tx durable.Tx, contact int64) (string, error) {
	rows, err := tx.Query(ctx, `SELECT name FROM desk_contact WHERE id = $1 UNION ALL SELECT own_name FROM desk_contact WHERE id = $1
		UNION ALL SELECT value FROM desk_identity WHERE contact = $1 AND kind IN ('phone', 'username')`, contact)
	words, err := store.All(rows, err, func(s *string) []any { return []any{s} })
	words = slices.DeleteFunc(words, func(s string) bool { return s == "" })
	slices.Sort(words)
	return store.Fold(strings.Join(slices.Compact(words), " ")), err
}

// renamed notes that a person has new names, by the names of before. The number that the
// person gave up is somebody else's from now on.
func (a *arrival) renamed(ctx context.Context, before, now chatapi.Contact) (contact int64, err error) {
	if contact, err = a.person(ctx, before); err != nil || len(recipients(now)) == 0 {
		return contact, err
	}
	other, err := a.person(ctx, now)
	if err != nil {
		return 0, err
	}
	if err := a.absorb(ctx, contact, other); err != nil {
		return 0, err
	}
	old, next := chatapi.Phone(before.Phone).Value(), chatapi.Phone(now.Phone).Value()
	if old == "" || next == "" || slices.Contains(chatapi.PhoneVariants(old), next) {
		return contact, nil
	}
	return contact, a.exec(ctx, "UPDATE desk_identity SET ended = $1 WHERE scope = '' AND kind = 'phone' AND value = $2 AND contact = $3",
		store.Micros(a.at), old, contact)
}

// absorb makes two people one, who stays as into. Their chats on each channel become one.
func (a *arrival) absorb(ctx context.Context, into, from int64) error {
	if into == from {
		return nil
	}
	for _, statement := range []string{
		"UPDATE desk_identity SET contact = $1 WHERE contact = $2",
		"UPDATE desk_contact SET merged_into = $1 WHERE merged_into = $2 AND merged_into <> 0 AND id <> $1",
		"UPDATE desk_chat SET contact = $1 WHERE contact = $2",
		`UPDATE desk_contact SET merged_into = CASE WHEN desk_contact.merged_into IN (0, other.id) THEN
			CASE WHEN other.merged_into = $1 THEN 0 ELSE other.merged_into END ELSE desk_contact.merged_into END,
			name = CASE WHEN desk_contact.name = '' THEN other.name ELSE desk_contact.name END,
			own_name = CASE WHEN desk_contact.own_name = '' THEN other.own_name ELSE desk_contact.own_name END,
			blocked = CASE WHEN other.blocked = 1 THEN 1 ELSE desk_contact.blocked END
			FROM desk_contact other WHERE desk_contact.id = $1 AND other.id = $2`,
	} {
		if err := a.exec(ctx, statement, into, from); err != nil {
			return err
		}
	}
	if err := a.exec(ctx, "DELETE FROM desk_contact WHERE id = $1", from); err != nil {
		return err
	}
	if err := a.joinChats(ctx, into); err != nil {
		return err
	}
	return a.fold(ctx, a.tx, into)
}
