package desk

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// pageOfRequests is how many rows a list has, if its filter does not say.
const pageOfRequests = 50

// manyRequests is where View.Count stops.
const manyRequests = 1000

// rowColumns are those of scanRow, and rowTables where they are: r is the request, h its
// chat, n the channel, p the person and k the person that p was merged into.
const (
	rowColumns = `r.id, r.chat, r.subject, r.preview, r.state, r.last, r.waits, h.closes, r.unread, r.failed, r.undecided, r.merged_into,
		n.id, n.name, n.phone, n.channel, d.id, d.name, r.assignee, coalesce(a.name, ''), h.answer, h.title,
		coalesce(nullif(k.own_name, ''), nullif(k.name, ''), nullif(p.own_name, ''), nullif(p.name, ''), ''),
		CASE WHEN EXISTS (SELECT 1 FROM desk_draft x WHERE x.chat = r.chat AND x.agent = $1) THEN 1 ELSE 0 END`
	rowTables = ` JOIN desk_chat h ON h.id = r.chat JOIN desk_channel n ON n.id = r.channel JOIN desk_department d ON d.id = r.department
		LEFT JOIN desk_agent a ON a.id = r.assignee
		LEFT JOIN desk_contact p ON p.id = h.contact LEFT JOIN desk_contact k ON k.id = p.merged_into`
)

// Requests returns a page of the requests that the agent sees, newest message first, and
// whether more follow.
func (v *View) Requests(ctx context.Context, f Filter) (rows []RequestRow, more bool, err error) {
	if f.Limit <= 0 {
		f.Limit = pageOfRequests
	}
	s, err := v.choose(f)
	if err != nil {
		return nil, false, err
	}
	ids := "SELECT r.id FROM desk_request r" + s.tables + " WHERE " + s.where + " ORDER BY r.last DESC, r.id DESC LIMIT " + s.arg(f.Limit+1)
	rows, err = v.rowsOf(ctx, "JOIN ("+ids+") chosen ON chosen.id = r.id", s.args)
	if err != nil {
		return nil, false, err
	}
	if len(rows) > f.Limit {
		return rows[:f.Limit], true, nil
	}
	return rows, false, nil
}

// rowsOf returns rows, newest message first, that a part of SQL chooses from desk_request
// r. The first argument is the agent.
func (v *View) rowsOf(ctx context.Context, chosen string, args []any) ([]RequestRow, error) {
	rows, err := v.DB.Query(ctx, "SELECT "+rowColumns+" FROM desk_request r "+chosen+rowTables+" ORDER BY r.last DESC, r.id DESC", args...)
	if err != nil {
		return nil, fmt.Errorf("read requests: %w", err)
	}
	defer rows.Close()
	var all []RequestRow
	for rows.Next() {
		row, err := scanRow(rows)
		if err != nil {
			return nil, fmt.Errorf("read requests: %w", err)
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

// visibleRows returns at most 20 rows that the agent sees by a condition on r and h; its
// parameters begin with $2.
func (v *View) visibleRows(ctx context.Context, condition string, args ...any) ([]RequestRow, error) {
	ids := "SELECT r.id FROM desk_request r JOIN desk_chat h ON h.id = r.chat WHERE " + condition + " AND " + v.visible("r.department") +
		" ORDER BY r.last DESC, r.id DESC LIMIT 20"
	return v.rowsOf(ctx, "JOIN ("+ids+") chosen ON chosen.id = r.id", append([]any{v.Agent}, args...))
}

func scanRow(rows store.Rows) (r RequestRow, err error) {
	var last, waits, closes int64
	var phone, channel, answer, title string
	err = rows.Scan(&r.ID, &r.Chat, &r.Subject, &r.Preview, &r.State, &last, &waits, &closes, &r.Unread, &r.Failed, &r.Undecided, &r.MergedInto,
		&r.Channel.ID, &r.Channel.Name, &phone, &channel, &r.Department.ID, &r.Department.Name, &r.Assignee.ID, &r.Assignee.Name, &answer, &title,
		&r.Person, &r.Draft)
	r.Last, r.Waits, r.Closes = store.Time(last), store.Time(waits), store.Time(closes)
	r.Cursor = strconv.FormatInt(last, 10) + "." + strconv.FormatInt(r.ID, 10)
	r.Channel.Name = first(r.Channel.Name, phone, channel)
	r.Person = first(title, r.Person, address(answer), "Erased person")
	return r, err
}

// address returns the key of a recipient as people write it.
func address(key string) string {
	to, err := chatapi.ParseRecipient(key)
	if err != nil {
		return key
	}
	return to.String()
}

// first returns the first text that is not empty.
func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// selection is a part of SQL that chooses requests r.
type selection struct {
	tables, where string
	args          []any
}

// arg adds an argument and returns its placeholder.
func (s *selection) arg(value any) string {
	s.args = append(s.args, value)
	return "$" + strconv.Itoa(len(s.args))
}

func (s *selection) and(condition string) { s.where += " AND " + condition }

// choose returns the selection of a filter. Its first argument is the agent.
func (v *View) choose(f Filter) (*selection, error) {
	s := &selection{where: v.visible("r.department"), args: []any{v.Agent}}
	switch f.State { // a merged request is solved, and each condition is that of an index
	case "":
		s.and("r.state <> 'solved'")
	case StateNew, StateOpen, StateWaiting:
		s.and("r.state <> 'solved' AND r.state = " + s.arg(string(f.State)))
	case StateAny:
		s.and("r.merged_into = 0")
	default:
		s.and("r.merged_into = 0 AND r.state = " + s.arg(string(f.State)))
	}
	switch f.Box {
	case BoxMine:
		s.and("r.assignee = $1")
	case BoxUnassigned:
		s.and("r.assignee = 0")
	}
	if f.Displayed {
		s.and("r.channel IN (SELECT id FROM desk_channel WHERE displayed = 1)")
	}
	if f.NotDelivered {
		s.and("r.failed + r.undecided > 0")
	}
	if len(f.Only) > 0 {
		s.and("r.id IN (" + numbers(f.Only) + ")")
	}
	if f.Department != 0 {
		if !v.Sees(f.Department) {
			return nil, ErrNotFound
		}
		s.and("r.department = " + s.arg(f.Department))
	}
	if f.Assignee != 0 {
		s.and("r.assignee = " + s.arg(f.Assignee))
	}
	if f.Channel != 0 {
		s.and("r.channel = " + s.arg(f.Channel))
	}
	if f.Before != "" {
		last, id, err := readCursor(f.Before)
		if err != nil {
			return nil, err
		}
		s.and("(r.last, r.id) < (" + s.arg(last) + ", " + s.arg(id) + ")")
	}
	s.search(f.Search)
	return s, nil
}

// readCursor reads RequestRow.Cursor.
func readCursor(text string) (last, id int64, err error) {
	before, after, _ := strings.Cut(text, ".")
	last, err = strconv.ParseInt(before, 10, 64)
	if err == nil {
		id, err = strconv.ParseInt(after, 10, 64)
	}
	if err != nil {
		return 0, 0, ErrNotFound
	}
	return last, id, nil
}

// search chooses requests with a text in their subject, in one of their messages or in
// what is known of the person, and the request of a number.
func (s *selection) search(text string) {
	text = strings.TrimSpace(text)
	if text == "" {
		return
	}
	s.tables += " JOIN desk_chat h ON h.id = r.chat LEFT JOIN desk_contact p ON p.id = h.contact LEFT JOIN desk_contact k ON k.id = p.merged_into"
	like := " LIKE " + s.arg("%"+escapeLike(store.Fold(text))+"%") + ` ESCAPE '\'`
	found := []string{"r.folded" + like, "k.folded" + like}
	if id, err := strconv.ParseInt(strings.TrimPrefix(text, "#"), 10, 64); err == nil {
		found = append(found, "r.id = "+s.arg(id))
	}
	if digits := digitsOf(text); digits != "" {
		like := " LIKE " + s.arg("%"+digits+"%")
		found = append(found, "r.folded"+like, "k.folded"+like)
	}
	found = append(found, "EXISTS (SELECT 1 FROM desk_message m WHERE m.request = r.id AND m.folded"+like+")")
	s.and("(" + strings.Join(found, " OR ") + ")")
}

// digitsOf returns the digits of a part of a phone number as a person writes it; "" for
// another text.
func digitsOf(text string) string {
	digits := strings.NewReplacer("+", "", " ", "", "-", "", "(", "", ")", "", ".", "", "/", "").Replace(text)
	if strings.Trim(digits, "0123456789") != "" {
		return ""
	}
	return digits
}

// escapeLike returns a text that LIKE takes as it is.
func escapeLike(text string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text)
}

// Count returns how many requests a filter chooses, at most 1000: more are told as 1001.
func (v *View) Count(ctx context.Context, f Filter) (n int, err error) {
	s, err := v.choose(f)
	if err != nil {
		return 0, err
	}
	// The agent is an argument of every selection, also of one that does not name it.
	query := "SELECT count(*) FROM (SELECT 1 FROM desk_request r" + s.tables + " WHERE " + s.where +
		" AND cast($1 AS BIGINT) <> 0 LIMIT " + s.arg(manyRequests+1) + ") counted"
	_, err = v.DB.Get(ctx, query, s.args, &n)
	return n, err
}

// Counts returns the numbers beside the boxes: of unsolved requests, of all channels or of
// those that are displayed in Omnichannel. Unread counts requests.
func (v *View) Counts(ctx context.Context, displayed bool) (c Counts, err error) {
	s, err := v.choose(Filter{Displayed: displayed})
	if err != nil {
		return c, err
	}
	query := `SELECT count(*), count(CASE WHEN r.assignee = $1 THEN 1 END), count(CASE WHEN r.assignee = 0 THEN 1 END),
		count(CASE WHEN r.unread > 0 THEN 1 END) FROM desk_request r WHERE ` + s.where
	_, err = v.DB.Get(ctx, query, s.args, &c.All, &c.Mine, &c.Unassigned, &c.Unread)
	return c, err
}

// Row returns a request as lists show it.
func (v *View) Row(ctx context.Context, id int64) (*RequestRow, error) {
	rows, err := v.visibleRows(ctx, "r.id = $2", id)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, ErrNotFound
	}
	return &rows[0], nil
}
