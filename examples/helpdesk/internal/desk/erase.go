package desk

import (
	"context"
	"errors"
	"fmt"

	"strings"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// Erase removes a person from the helpdesk and from the durable store below it: messages,
// files, names and numbers. Requests stay with their number, times and department. It is
// for administrators and may take minutes; after an error it is called again.
func (v *View) Erase(ctx context.Context, contact int64) error {
	if err := v.admin(); err != nil {
		return err
	}
	chats, err := v.chatsToErase(ctx, contact)
	if err != nil {
		return err
	}
	for _, c := range chats {
		for _, who := range c.names {
			_, err := v.Durable.Erase(ctx, chatapi.ChannelID(c.channel), who)
			if errors.Is(err, durable.ErrSending) {
				return &Refused{Sentence: "A message to the person is being sent just now. Try again in a minute."}
			}
			if err != nil {
				return err
			}
		}
	}
	if err := v.removeFiles(ctx, chats); err != nil { // before the rows, which name them
		return err
	}
	return v.changePerson(ctx, contact, func(ctx context.Context, tx durable.Tx, p *person) error {
		return v.eraseRows(ctx, tx, p)
	})
}

// erasedChat is a chat of a person who is erased, with every name of the person there.
type erasedChat struct {
	id      int64
	channel string
	names   []chatapi.Contact // each with other names
}

func (v *View) chatsToErase(ctx context.Context, contact int64) (chats []erasedChat, err error) {
	err = v.changePerson(ctx, contact, func(ctx context.Context, tx durable.Tx, p *person) error {
		rows, err := tx.Query(ctx, "SELECT h.id, n.channel FROM desk_chat h JOIN desk_channel n ON n.id = h.channel WHERE h.contact IN ("+numbers(p.contacts)+") ORDER BY h.id")
		chats, err = store.All(rows, err, func(c *erasedChat) []any { return []any{&c.id, &c.channel} })
		if err != nil {
			return err
		}
		named := chats[:0]
		for _, c := range chats {
			rows, err := tx.Query(ctx, "SELECT key FROM desk_chat_key WHERE chat = $1", c.id)
			keys, err := store.All(rows, err, func(key *string) []any { return []any{key} })
			if err != nil {
				return err
			}
			for _, key := range keys {
				c.add(key)
			}
			if len(keys) > 0 { // without one it has been erased before
				named = append(named, c)
			}
		}
		chats = named
		return nil
	})
	return chats, err
}

// add adds a name of the person, the key of a recipient.
func (c *erasedChat) add(key string) {
	kind, value, _ := strings.Cut(key, ":")
	for n := 0; ; n++ {
		if n == len(c.names) {
			c.names = append(c.names, chatapi.Contact{})
		}
		who := &c.names[n]
		field := map[chatapi.RecipientKind]*string{chatapi.RecipientPhone: &who.Phone, chatapi.RecipientBSUID: &who.BSUID,
			chatapi.RecipientUsername: &who.Username}[chatapi.RecipientKind(kind)]
		if field == nil {
			field = &who.Chat
		}
		if *field == "" {
			*field = value
			return
		}
	}
}

// removeFiles removes the files that only messages of some chats have.
func (v *View) removeFiles(ctx context.Context, chats []erasedChat) error {
	v.held.mu.Lock()
	defer v.held.mu.Unlock()
	for _, c := range chats {
		rows, err := v.DB.Query(ctx, `SELECT DISTINCT f.sum FROM desk_media f JOIN desk_message m ON m.id = f.message WHERE m.chat = $1 AND f.sum <> ''
			AND NOT EXISTS (SELECT 1 FROM desk_media g JOIN desk_message o ON o.id = g.message WHERE g.sum = f.sum AND g.sum <> '' AND o.chat <> $1)`, c.id)
		sums, err := store.All(rows, err, func(sum *string) []any { return []any{sum} })
		if err != nil {
			return err
		}
		for _, sum := range sums {
			if err := v.remove(sum); err != nil {
				return err
			}
		}
	}
	return nil
}

// eraseRows removes what the helpdesk's tables say of a person.
func (v *View) eraseRows(ctx context.Context, tx durable.Tx, p *person) error {
	people := numbers(p.contacts)
	chats := "(SELECT id FROM desk_chat WHERE contact IN (" + people + "))"
	messages := "(SELECT id FROM desk_message WHERE chat IN " + chats + ")"
	objects := make([]string, len(p.contacts))
	for n, id := range p.contacts {
		objects[n] = "'" + contactObject(id) + "'"
	}
	if err := p.changed(ctx, tx); err != nil { // while the requests are found by the person
		return err
	}
	for _, statement := range []string{
		"DELETE FROM desk_edit WHERE message IN " + messages,
		"DELETE FROM desk_reaction WHERE message IN " + messages + " OR author IN (SELECT key FROM desk_chat_key WHERE chat IN " + chats + ")",
		"DELETE FROM desk_media WHERE message IN " + messages,
		"DELETE FROM desk_message WHERE chat IN " + chats,
		"DELETE FROM desk_draft WHERE chat IN " + chats,
		"DELETE FROM desk_chat_key WHERE chat IN " + chats,
		"DELETE FROM desk_identity WHERE contact IN (" + people + ")",
		"UPDATE desk_audit SET before = '', after = '' WHERE object IN (" + strings.Join(objects, ", ") + ")",
		"UPDATE desk_contact SET name = '', own_name = '', folded = '' WHERE id IN (" + people + ")",
		"UPDATE desk_chat SET answer = '', title = '', ad = '', closes = 0 WHERE contact IN (" + people + ")",
	} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return fmt.Errorf("erase: %w", err)
		}
	}
	_, err := tx.Exec(ctx, `UPDATE desk_request SET subject = '', folded = '', preview = '', unread = 0, waits = 0, failed = 0, undecided = 0,
		state = 'solved', solved = CASE WHEN solved = 0 THEN $1 ELSE solved END WHERE chat IN `+chats, store.Micros(v.Now()))
	if err != nil {
		return err
	}
	return v.audit(ctx, tx, v.Agent, "erased contact", contactObject(p.id), "", "Backups, groups, and what other people wrote may still name the person.")
}
