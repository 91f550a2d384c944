package desk

import (
	"context"
	"strings"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// longestDraft is how many bytes a draft may have.
const longestDraft = 64 << 10

// SaveDraft keeps what the agent has begun to write in a chat, to the customer or as a
// note. A text without a letter removes it.
func (v *View) SaveDraft(ctx context.Context, chat int64, text string, note bool) error {
	text = store.Text(text)
	if len(text) > longestDraft {
		return &Refused{Field: "text", Sentence: "The text is too long to be kept. Shorten it."}
	}
	return v.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		if err := v.needsChat(ctx, tx, chat); err != nil {
			return err
		}
		had, err := tx.Exec(ctx, "DELETE FROM desk_draft WHERE chat = $1 AND agent = $2 AND note = $3", chat, v.Agent, store.Bit(note))
		if err != nil {
			return err
		}
		has := int64(0)
		if strings.TrimSpace(text) != "" {
			has, err = tx.Exec(ctx, "INSERT INTO desk_draft (chat, agent, body, note, at) VALUES ($1, $2, $3, $4, $5)",
				chat, v.Agent, text, store.Bit(note), store.Micros(v.Now()))
			if err != nil {
				return err
			}
		}
		if had == has {
			return nil // lists show only whether there is one
		}
		return changedWhere(ctx, tx, "chat = $1 AND state <> 'solved'", chat)
	})
}

// Draft returns what the agent has begun to write in a chat; "" if that is nothing.
func (v *View) Draft(ctx context.Context, chat int64, note bool) (text string, err error) {
	var id int64
	found, err := v.DB.Get(ctx, "SELECT h.id FROM desk_chat h WHERE h.id = $1 AND "+v.seesChat("h.id"), []any{chat}, &id)
	if err != nil {
		return "", err
	}
	if !found {
		return "", ErrNotFound
	}
	_, err = v.DB.Get(ctx, "SELECT body FROM desk_draft WHERE chat = $1 AND agent = $2 AND note = $3", []any{chat, v.Agent, store.Bit(note)}, &text)
	return text, err
}

// needsChat is ErrNotFound for a chat in which the agent sees no request.
func (v *View) needsChat(ctx context.Context, tx durable.Tx, chat int64) error {
	var id int64
	found, err := store.Get(ctx, tx, "SELECT h.id FROM desk_chat h WHERE h.id = $1 AND "+v.seesChat("h.id"), []any{chat}, &id)
	if err == nil && !found {
		err = ErrNotFound
	}
	return err
}
