package desk

import (
	"context"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// The most characters of a canned reply, the second as WhatsApp takes them in a text.
const (
	longestShort = 40
	longestReply = 4096
)

// Canned is a text that agents use again and again.
type Canned struct {
	ID         int64
	Short      string // what is typed after the slash
	Body       string
	Department Name // zero for all
}

// Canned returns the canned replies of a department and those for all, by their short
// names; those of every department that the agent sees for 0.
func (v *View) Canned(ctx context.Context, department int64) ([]Canned, error) {
	condition, args := v.visible("c.department"), []any{}
	if department != 0 {
		if !v.Sees(department) {
			return nil, ErrNotFound
		}
		condition, args = "c.department = $1", append(args, department)
	}
	rows, err := v.DB.Query(ctx, `SELECT c.id, c.short, c.body, c.department, coalesce(d.name, '') FROM desk_canned c
		LEFT JOIN desk_department d ON d.id = c.department WHERE c.department = 0 OR `+condition+" ORDER BY c.folded, c.id", args...)
	return store.All(rows, err, func(c *Canned) []any { return []any{&c.ID, &c.Short, &c.Body, &c.Department.ID, &c.Department.Name} })
}

// SaveCanned writes a canned reply, a new one if its ID is 0, and returns its id. One for
// all departments is for administrators.
func (v *View) SaveCanned(ctx context.Context, c Canned) (id int64, err error) {
	c.Short, c.Body = strings.TrimPrefix(strings.TrimSpace(store.Text(c.Short)), "/"), strings.TrimSpace(store.Text(c.Body))
	if err := c.check(); err != nil {
		return 0, err
	}
	if err := v.writesCanned(c.Department.ID); err != nil {
		return 0, err
	}
	err = v.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		id = c.ID
		before, err := v.canned(ctx, tx, id)
		if err != nil {
			return err
		}
		var other int64
		found, err := store.Get(ctx, tx, "SELECT id FROM desk_canned WHERE department = $1 AND folded = $2 AND id <> $3",
			[]any{c.Department.ID, store.Fold(c.Short), id}, &other)
		if err != nil {
			return err
		}
		if found {
			return &Refused{Field: "short", Sentence: "There is a reply /" + c.Short + " already. Choose another name, or change that one."}
		}
		if id == 0 {
			_, err = store.Get(ctx, tx, "INSERT INTO desk_canned (short, folded, body, department) VALUES ($1, $2, $3, $4) RETURNING id",
				[]any{c.Short, store.Fold(c.Short), c.Body, c.Department.ID}, &id)
		} else {
			_, err = tx.Exec(ctx, "UPDATE desk_canned SET short = $1, folded = $2, body = $3, department = $4 WHERE id = $5",
				c.Short, store.Fold(c.Short), c.Body, c.Department.ID, id)
		}
		if err != nil {
			return err
		}
		return v.audit(ctx, tx, v.Agent, "saved canned reply", "canned reply "+strconv.FormatInt(id, 10), before.Short, c.Short)
	})
	return id, err
}

// check refuses a reply that cannot be used.
func (c *Canned) check() error {
	switch {
	case c.Short == "" || strings.ContainsAny(c.Short, " \t\r\n/"):
		return &Refused{Field: "short", Sentence: "Give it a short name of one word, such as hello."}
	case utf8.RuneCountInString(c.Short) > longestShort:
		return &Refused{Field: "short", Sentence: "The short name is too long. Shorten it to 40 characters."}
	case c.Body == "":
		return &Refused{Field: "body", Sentence: "The text is empty. Write what is to be sent."}
	case utf8.RuneCountInString(c.Body) > longestReply:
		return &Refused{Field: "body", Sentence: "The text is too long. WhatsApp takes 4,096 characters."}
	}
	return nil
}

// RemoveCanned removes a canned reply.
func (v *View) RemoveCanned(ctx context.Context, id int64) error {
	return v.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		before, err := v.canned(ctx, tx, id)
		if err != nil {
			return err
		}
		if before.ID == 0 {
			return ErrNotFound
		}
		if _, err := tx.Exec(ctx, "DELETE FROM desk_canned WHERE id = $1", id); err != nil {
			return err
		}
		return v.audit(ctx, tx, v.Agent, "removed canned reply", "canned reply "+strconv.FormatInt(id, 10), before.Short, "")
	})
}

// canned returns a reply that the agent may change; the zero one for the id 0.
func (v *View) canned(ctx context.Context, tx durable.Tx, id int64) (c Canned, err error) {
	if id == 0 {
		return c, nil
	}
	found, err := store.Get(ctx, tx, "SELECT id, short, department FROM desk_canned WHERE id = $1", []any{id}, &c.ID, &c.Short, &c.Department.ID)
	if err != nil || !found {
		return c, fail404(err)
	}
	return c, v.writesCanned(c.Department.ID)
}

// writesCanned refuses an agent who may not change the replies of a department.
func (v *View) writesCanned(department int64) error {
	if department == 0 {
		return v.admin()
	}
	if !v.Sees(department) {
		return ErrNotFound
	}
	return nil
}
