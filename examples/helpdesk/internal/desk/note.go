package desk

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// longestNote is how many characters a note may have.
const longestNote = 10_000

// AddNote writes a note into a request, which only colleagues see. It replaces the draft of
// a note.
func (v *View) AddNote(ctx context.Context, request int64, text string) error {
	text = strings.TrimSpace(store.Text(text))
	switch n := utf8.RuneCountInString(text); {
	case n == 0:
		return &Refused{Field: "text", Sentence: "The note is empty. Write what your colleagues should know."}
	case n > longestNote:
		return &Refused{Field: "text", Sentence: "The note is too long. Shorten it to 10,000 characters."}
	}
	return v.change(ctx, request, func(ctx context.Context, tx durable.Tx, r *record) error {
		if err := r.whole(); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO desk_message (channel, chat, request, direction, body, folded, agent, at)
			SELECT channel, chat, id, 'note', $2, $3, $4, $5 FROM desk_request WHERE id = $1`, request, text, store.Fold(text), v.Agent, v.second())
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM desk_draft WHERE chat = $1 AND agent = $2 AND note = 1", r.chat, v.Agent); err != nil {
			return err
		}
		return v.touch(ctx, tx, request)
	})
}
