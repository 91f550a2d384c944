package desk

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// quoteRunes is how much of a quoted message is shown.
const quoteRunes = 200

// readReactions reads the reactions of messages. In a group they have a name.
func (v *View) readReactions(ctx context.Context, in string, byID map[int64]*Message) error {
	rows, err := v.DB.Query(ctx, `SELECT t.message, t.author, t.emoji, h.contact, h.title FROM desk_reaction t JOIN desk_message m ON m.id = t.message
		JOIN desk_chat h ON h.id = m.chat WHERE t.emoji <> '' AND t.message`+in+" ORDER BY t.at, t.author")
	if err != nil {
		return err
	}
	type reaction struct {
		message, contact     int64
		author, emoji, title string
	}
	all, err := store.All(rows, nil, func(r *reaction) []any { return []any{&r.message, &r.author, &r.emoji, &r.contact, &r.title} })
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, r := range all {
		by := ""
		if r.contact == 0 && r.author != "" {
			if by, err = v.nameOf(ctx, r.author, names); err != nil {
				return err
			}
		}
		m := byID[r.message]
		m.Reactions = append(m.Reactions, Reaction{Emoji: r.emoji, By: by, Own: r.author == ""})
	}
	return nil
}

// nameOf returns the name of a person by the key of a recipient, and remembers it.
func (v *View) nameOf(ctx context.Context, key string, known map[string]string) (string, error) {
	if name, found := known[key]; found {
		return name, nil
	}
	kind, value, _ := strings.Cut(key, ":")
	name := ""
	_, err := v.DB.Get(ctx, `SELECT coalesce(nullif(c.own_name, ''), c.name) FROM desk_identity i JOIN desk_contact c ON c.id = i.contact
		WHERE i.kind = $1 AND i.value = $2 ORDER BY i.contact LIMIT 1`, []any{kind, value}, &name)
	known[key] = first(name, address(key))
	return known[key], err
}

// readQuotes fills in the quoted messages, as far as the agent sees them.
func (v *View) readQuotes(ctx context.Context, found []foundMessage) error {
	args := []any{found[0].channel, found[0].chat}
	var places []string
	for _, m := range found {
		if m.quoted != "" && !slices.Contains(args[2:], any(m.quoted)) {
			args = append(args, m.quoted)
			places = append(places, "$"+strconv.Itoa(len(args)))
		}
	}
	if len(places) == 0 {
		return nil
	}
	quotes, err := v.quotes(ctx, strings.Join(places, ", "), args)
	if err != nil {
		return err
	}
	for n := range found {
		m := &found[n]
		if m.quoted == "" {
			continue
		}
		if m.Quoted = quotes[m.quoted]; m.Quoted == nil {
			m.Quoted = &Quote{Text: "an earlier message"}
		}
	}
	return nil
}

// quotes returns quoted messages of a chat by their wamid.
func (v *View) quotes(ctx context.Context, places string, args []any) (map[string]*Quote, error) {
	rows, err := v.DB.Query(ctx, "SELECT m.id, m.wamid, m.direction, m.kind, m.body, m.origin, m.author, coalesce(a.name, ''), m.placeholder, CASE WHEN "+v.ofVisible()+
		" THEN 1 ELSE 0 END"+messageTables+" WHERE m.channel = $1 AND m.chat = $2 AND m.wamid IN ("+places+")", args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	quotes := map[string]*Quote{}
	for rows.Next() {
		q := &Quote{}
		var wamid, kind, body, origin, author, colleague string
		var direction Direction
		var placeholder, visible bool
		if err := rows.Scan(&q.ID, &wamid, &direction, &kind, &body, &origin, &author, &colleague, &placeholder, &visible); err != nil {
			return nil, err
		}
		switch {
		case !visible:
			q = &Quote{Text: hiddenQuote}
		case placeholder:
			q.Text = "an earlier message"
		default:
			q.Text = first(line(body, quoteRunes), label(kind, origin))
			if q.Author = first(colleague, author); q.Author == "" && direction != In {
				q.Author = "the business"
			}
		}
		quotes[wamid] = q
	}
	return quotes, rows.Err()
}
