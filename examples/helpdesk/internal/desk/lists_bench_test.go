package desk_test

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

// The size of a desk that has worked for a year, of which one request in twenty is unsolved.
const (
	manyRequests     = 20_000
	messagesOfEach   = 10
	requestsOfAChat  = 4
	unsolvedOneIn    = 20
	messagesOfADesk  = manyRequests * messagesOfEach
	chatsOfADesk     = manyRequests / requestsOfAChat
	everyFifthNumber = "1202555"
)

// fill writes a desk of that size with a few statements.
func (o *office) fill() {
	o.t.Helper()
	series := func(n int) string {
		return "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " + strconv.Itoa(n) + ") "
	}
	words := "'order ' || i || ' left the shop on day ' || (i % 365) || ' and came to street ' || (i % 997)"
	require.NoError(o.t, o.DB.Update(o.t.Context(), func(ctx context.Context, tx durable.Tx) error {
		for _, statement := range []string{
			series(chatsOfADesk) + "INSERT INTO desk_contact (id, name, folded, created) SELECT i, 'Person ' || i, 'person ' || i, 1 FROM n",
			series(chatsOfADesk) + "INSERT INTO desk_identity (scope, kind, value, contact) SELECT '', 'phone', " + everyFifthNumber + " || (100000 + i), i FROM n",
			series(chatsOfADesk) + "INSERT INTO desk_chat (id, channel, contact, answer) SELECT i, 1, i, 'phone:' || " + everyFifthNumber + " || (100000 + i) FROM n",
			series(manyRequests) + `INSERT INTO desk_request (id, channel, chat, department, subject, folded, state, assignee, opened, last, preview)
				SELECT i, 1, 1 + i % ` + strconv.Itoa(chatsOfADesk) + `, 1 + i % 2, ` + words + `, ` + words + `,
				CASE WHEN i > ` + strconv.Itoa(manyRequests-manyRequests/unsolvedOneIn) + ` THEN 'open' ELSE 'solved' END, i % 5, 1, 1000000 * i, ` + words + ` FROM n`,
			series(messagesOfADesk) + `INSERT INTO desk_message (channel, chat, request, direction, wamid, kind, body, folded, at)
				SELECT 1, r.chat, r.id, CASE WHEN n.i % 2 = 0 THEN 'in' ELSE 'out' END, 'wamid.' || n.i, 'text', ` + strings.ReplaceAll(words, "i ", "n.i ") + `,
				` + strings.ReplaceAll(words, "i ", "n.i ") + `, r.last + n.i FROM n JOIN desk_request r ON r.id = 1 + n.i % ` + strconv.Itoa(manyRequests),
		} {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	}))
}

// BenchmarkLists measures what pages of the inbox read, beside the floor: reading as many
// whole rows by their ids.
func BenchmarkLists(b *testing.B) {
	o := newOffice(b)
	o.fill()
	max, boss := o.view(o.max), o.view(o.boss)
	list := func(v *desk.View, f desk.Filter) func(context.Context) error {
		return func(ctx context.Context) error { _, _, err := v.Requests(ctx, f); return err }
	}
	for _, c := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"list/floor", o.floor("desk_request", 51)},
		{"list/unsolved", list(max, desk.Filter{Displayed: true})},
		{"list/mine", list(max, desk.Filter{Displayed: true, Box: desk.BoxMine})},
		{"list/any", list(boss, desk.Filter{State: desk.StateAny})},
		{"list/older", list(boss, desk.Filter{State: desk.StateAny, Before: "5000000000.5000"})},
		{"list/none", list(boss, desk.Filter{State: desk.StateAny, Assignee: 999})},
		{"list/failed", list(boss, desk.Filter{State: desk.StateAny, NotDelivered: true})},
		{"search/open", list(max, desk.Filter{Search: "nowhere"})},
		{"search/any", list(boss, desk.Filter{State: desk.StateAny, Search: "nowhere"})},
		{"counts", func(ctx context.Context) error { _, err := max.Counts(ctx, true); return err }},
		{"request", func(ctx context.Context) error { _, err := boss.Request(ctx, manyRequests); return err }},
		{"thread/floor", o.floor("desk_message", 61)},
		{"thread/newest", func(ctx context.Context) error { _, err := max.Thread(ctx, manyRequests, 0); return err }},
		{"message", func(ctx context.Context) error { _, err := max.Message(ctx, messagesOfADesk-1); return err }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				require.NoError(b, c.do(b.Context()))
			}
		})
	}
}

// floor reads the newest rows of a table by their ids.
func (o *office) floor(table string, n int) func(context.Context) error {
	last := o.number("SELECT max(id) FROM " + table)
	ids := make([]string, n)
	for i := range ids {
		ids[i] = strconv.FormatInt(last-int64(i), 10)
	}
	query := "SELECT * FROM " + table + " WHERE id IN (" + strings.Join(ids, ", ") + ")"
	return func(ctx context.Context) error {
		rows, err := o.DB.Query(ctx, query)
		if err != nil {
			return err
		}
		defer rows.Close()
		columns, err := rows.Columns()
		if err != nil {
			return err
		}
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		for rows.Next() {
			if err := rows.Scan(values...); err != nil {
				return err
			}
		}
		return rows.Err()
	}
}
