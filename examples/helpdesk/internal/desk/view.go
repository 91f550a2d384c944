package desk

import (
	"context"
	"errors"
	"slices"
)

// ErrNotFound is the error for an object that does not exist, or that the agent may not
// know of.
var ErrNotFound = errors.New("there is no such thing, or it belongs to another department")

// ErrAdmin is the error of an act that only an administrator may do.
var ErrAdmin = errors.New("only an administrator may do that")

// Refused is the error of an act that is refused, with a sentence for the person.
type Refused struct {
	Field    string // the form's field that is wrong; "" for none
	Sentence string
}

func (r *Refused) Error() string { return r.Sentence }

// View is the desk as an agent may see it: its methods show requests of the agent's
// departments only, and everything to an administrator. Rights follow the request's
// department. What is computed from messages, such as a preview, a count or a search hit,
// is computed from those of visible requests. Every id that is not visible is ErrNotFound.
//
// A View belongs to one request of a browser: it is made anew for each, and so knows what
// the rights are now.
type View struct {
	*Desk
	Agent       int64
	Admin       bool
	Departments []int64
}

// For returns the desk as an agent may see it now. It is ErrNotFound for an agent who is
// not active.
func (d *Desk) For(ctx context.Context, agent int64) (*View, error) {
	v := &View{Desk: d, Agent: agent}
	var admin, active int64
	found, err := d.DB.Get(ctx, "SELECT admin, active FROM desk_agent WHERE id = $1", []any{agent}, &admin, &active)
	if err != nil {
		return nil, err
	}
	if !found || active == 0 {
		return nil, ErrNotFound
	}
	v.Admin = admin == 1
	rows, err := d.DB.Query(ctx, "SELECT department FROM desk_agent_department WHERE agent = $1 ORDER BY department", agent)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		v.Departments = append(v.Departments, id)
	}
	return v, rows.Err()
}

// Sees reports whether the agent may see requests of a department.
func (v *View) Sees(department int64) bool {
	return v.Admin || slices.Contains(v.Departments, department)
}

// visible returns a condition of SQL on a column that holds a department. Its numbers are
// the database's own, so that it needs no parameters.
func (v *View) visible(column string) string {
	if v.Admin {
		return "1 = 1"
	}
	if len(v.Departments) == 0 {
		return "1 = 0"
	}
	return column + " IN (" + numbers(v.Departments) + ")"
}

// admin returns ErrAdmin for an agent who is no administrator.
func (v *View) admin() error {
	if !v.Admin {
		return ErrAdmin
	}
	return nil
}
