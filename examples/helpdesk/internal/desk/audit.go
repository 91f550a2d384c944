package desk

import (
	"context"
	"time"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// maxAudit bounds the texts of an audit row, in characters.
const maxAudit = 300

// audit notes in the transaction what an agent did; 0 is the program. act is a verb in the
// past with its kind of object, such as "moved request"; object names the one, such as
// "request 12". before and after hold no secret and no text of a customer.
func (d *Desk) audit(ctx context.Context, tx durable.Tx, agent int64, act, object, before, after string) error {
	_, err := tx.Exec(ctx, "INSERT INTO desk_audit (at, agent, act, object, before, after) VALUES ($1, $2, $3, $4, $5, $6)",
		store.Micros(d.Now()), agent, act, shorten(object, maxAudit), shorten(before, maxAudit), shorten(after, maxAudit))
	return err
}

// shorten makes a text fit for a column of n characters.
func shorten(text string, n int) string {
	text = store.Text(text)
	count := 0
	for at := range text {
		if count == n {
			return text[:at] + "…"
		}
		count++
	}
	return text
}

// AuditRow is what somebody did.
type AuditRow struct {
	ID                         int64
	At                         time.Time
	Agent                      string // "" for the program
	Act, Object, Before, After string
}

// auditPage is how many rows a page of the audit has.
const auditPage = 50

// Audit returns what was done before a row of the audit, newest first; 0 is from the newest.
// It is for administrators.
func (v *View) Audit(ctx context.Context, before int64) (page []AuditRow, more bool, err error) {
	if err := v.admin(); err != nil {
		return nil, false, err
	}
	if before <= 0 {
		before = 1<<63 - 1
	}
	rows, err := v.DB.Query(ctx, `SELECT u.id, u.at, coalesce(a.name, ''), u.act, u.object, u.before, u.after
		FROM desk_audit u LEFT JOIN desk_agent a ON a.id = u.agent WHERE u.id < $1 ORDER BY u.id DESC LIMIT $2`, before, auditPage+1)
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	for rows.Next() {
		var r AuditRow
		var at int64
		if err := rows.Scan(&r.ID, &at, &r.Agent, &r.Act, &r.Object, &r.Before, &r.After); err != nil {
			return nil, false, err
		}
		r.At = store.Time(at)
		page = append(page, r)
	}
	if len(page) > auditPage {
		return page[:auditPage], true, rows.Err()
	}
	return page, false, rows.Err()
}
