package desk

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

const (
	maxName    = 80      // characters of a name
	maxReopens = 24 * 90 // hours
)

// DepartmentRow is a department with what belongs to it.
type DepartmentRow struct {
	Name
	Reopens int // hours in which a message reopens a solved request; 0 for never

	Agents, Channels, Requests, Unsolved, Canned int
}

// Kept says why the department cannot be removed; "" if it can.
func (r *DepartmentRow) Kept() string {
	if has := amounts(r.Channels, "channel", r.Requests, "request", r.Canned, "canned reply"); has != "" {
		return fmt.Sprintf("The department %s has %s, so it cannot be removed. Give them to another department, or rename this one.", r.Name.Name, has)
	}
	return ""
}

// DepartmentNames returns the departments whose requests the agent sees, by name.
func (v *View) DepartmentNames(ctx context.Context) ([]Name, error) {
	return v.departments(ctx, v.visible("id"))
}

// AllDepartments returns every department, by name: a request can be moved to each.
func (v *View) AllDepartments(ctx context.Context) ([]Name, error) {
	return v.departments(ctx, "1 = 1")
}

func (v *View) departments(ctx context.Context, where string) ([]Name, error) {
	rows, err := v.DB.Query(ctx, "SELECT id, name FROM desk_department WHERE "+where+" ORDER BY folded")
	return store.All(rows, err, func(n *Name) []any { return []any{&n.ID, &n.Name} })
}

// DepartmentRows returns every department with what belongs to it, for administrators.
func (v *View) DepartmentRows(ctx context.Context) ([]DepartmentRow, error) {
	if err := v.admin(); err != nil {
		return nil, err
	}
	rows, err := v.DB.Query(ctx, `SELECT d.id, d.name, d.reopens,
		(SELECT count(*) FROM desk_agent_department m JOIN desk_agent a ON a.id = m.agent WHERE m.department = d.id AND a.active = 1),
		(SELECT count(*) FROM desk_channel c WHERE c.department = d.id),
		(SELECT count(*) FROM desk_request r WHERE r.department = d.id),
		(SELECT count(*) FROM desk_request r WHERE r.department = d.id AND r.state <> 'solved'),
		(SELECT count(*) FROM desk_canned k WHERE k.department = d.id)
		FROM desk_department d ORDER BY d.folded`)
	return store.All(rows, err, func(r *DepartmentRow) []any {
		return []any{&r.ID, &r.Name.Name, &r.Reopens, &r.Agents, &r.Channels, &r.Requests, &r.Unsolved, &r.Canned}
	})
}

// AddDepartment adds a department, for the program. Agents use [View.AddDepartment].
func (d *Desk) AddDepartment(ctx context.Context, name string) (id int64, err error) {
	return d.addDepartment(ctx, 0, name)
}

// AddDepartment adds a department, for administrators.
func (v *View) AddDepartment(ctx context.Context, name string) (id int64, err error) {
	if err := v.admin(); err != nil {
		return 0, err
	}
	return v.addDepartment(ctx, v.Agent, name)
}

func (d *Desk) addDepartment(ctx context.Context, by int64, name string) (id int64, err error) {
	if name, err = nameOf(name, "The department"); err != nil {
		return 0, err
	}
	err = d.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		if err := departmentFree(ctx, tx, 0, name); err != nil {
			return err
		}
		_, err := store.Get(ctx, tx, "INSERT INTO desk_department (name, folded) VALUES ($1, $2) RETURNING id", []any{name, store.Fold(name)}, &id)
		if err != nil {
			return err
		}
		return d.audit(ctx, tx, by, "added department", name, "", "")
	})
	return id, err
}

// ChangeDepartment renames a department and sets for how many hours a message reopens a
// solved request. It is for administrators.
func (v *View) ChangeDepartment(ctx context.Context, id int64, name string, reopens int) error {
	if err := v.admin(); err != nil {
		return err
	}
	name, err := nameOf(name, "The department")
	if err != nil {
		return err
	}
	if reopens < 0 || reopens > maxReopens {
		return &Refused{Field: "reopens", Sentence: fmt.Sprintf("Write a number of hours from 0 to %d.", maxReopens)}
	}
	return v.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		var before string
		var hours int
		found, err := store.Get(ctx, tx, "SELECT name, reopens FROM desk_department WHERE id = $1", []any{id}, &before, &hours)
		switch {
		case err != nil:
			return err
		case !found:
			return ErrNotFound
		}
		if err := departmentFree(ctx, tx, id, name); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "UPDATE desk_department SET name = $1, folded = $2, reopens = $3 WHERE id = $4",
			name, store.Fold(name), reopens, id); err != nil {
			return err
		}
		return v.audit(ctx, tx, v.Agent, "changed department", before, reopensText(before, hours), reopensText(name, reopens))
	})
}

func reopensText(name string, hours int) string {
	return name + ", reopens within " + strconv.Itoa(hours) + " h"
}

// RemoveDepartment removes a department to which nothing belongs. It is for administrators.
func (v *View) RemoveDepartment(ctx context.Context, id int64) error {
	if err := v.admin(); err != nil {
		return err
	}
	return v.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		r := DepartmentRow{}
		found, err := store.Get(ctx, tx, `SELECT name, (SELECT count(*) FROM desk_channel WHERE department = $1),
			(SELECT count(*) FROM desk_request WHERE department = $1), (SELECT count(*) FROM desk_canned WHERE department = $1)
			FROM desk_department WHERE id = $1`, []any{id}, &r.Name.Name, &r.Channels, &r.Requests, &r.Canned)
		switch {
		case err != nil:
			return err
		case !found:
			return ErrNotFound
		}
		if why := r.Kept(); why != "" {
			return &Refused{Sentence: why}
		}
		rows, err := tx.Query(ctx, "DELETE FROM desk_agent_department WHERE department = $1 RETURNING agent", id)
		members, err := store.All(rows, err, func(a *int64) []any { return []any{a} })
		if err != nil {
			return err
		}
		for _, agent := range members {
			if err := tx.Changed(Change{Kind: ChangedAgent, Object: agent}); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, "DELETE FROM desk_department WHERE id = $1", id); err != nil {
			return err
		}
		return v.audit(ctx, tx, v.Agent, "removed department", r.Name.Name, "", "")
	})
}

// amounts joins numbers and their nouns, without zeros: "1 channel and 3 requests".
func amounts(pairs ...any) string {
	var all []string
	for n := 0; n < len(pairs); n += 2 {
		if count := pairs[n].(int); count > 0 {
			all = append(all, plural(count, pairs[n+1].(string)))
		}
	}
	if len(all) < 2 {
		return strings.Join(all, "")
	}
	return strings.Join(all[:len(all)-1], ", ") + " and " + all[len(all)-1]
}

// plural returns a number with its noun.
func plural(n int, noun string) string {
	if n != 1 {
		if stem, found := strings.CutSuffix(noun, "y"); found {
			noun = stem + "ie"
		}
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}

// nameOf returns a name without space around it. what begins the sentence of a refusal.
func nameOf(name, what string) (string, error) {
	name = strings.TrimSpace(store.Text(name))
	switch {
	case name == "":
		return "", &Refused{Field: "name", Sentence: what + " needs a name."}
	case utf8.RuneCountInString(name) > maxName:
		return "", &Refused{Field: "name", Sentence: fmt.Sprintf("The name is longer than %d characters.", maxName)}
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "", &Refused{Field: "name", Sentence: "The name has to be one line of text."}
	}
	return name, nil
}

// departmentFree refuses a name that a department other than id has.
func departmentFree(ctx context.Context, tx durable.Tx, id int64, name string) error {
	var other string
	found, err := store.Get(ctx, tx, "SELECT name FROM desk_department WHERE folded = $1 AND id <> $2", []any{store.Fold(name), id}, &other)
	if err != nil || !found {
		return err
	}
	return &Refused{Field: "name", Sentence: "There is a department " + other + " already."}
}
