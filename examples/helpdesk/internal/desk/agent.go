package desk

import (
	"cmp"
	"context"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// AgentForm is what an agent is made of.
type AgentForm struct {
	Email, Name string
	Password    string // "" lets the agent choose one after the first sign-in by a link
	Admin       bool
	Departments []int64
}

// AgentRow is an agent as lists show it.
type AgentRow struct {
	ID          int64
	Email       string // "" for those who are no administrator
	Name        string
	Admin       bool
	Active      bool
	HasPassword bool
	Departments []Name
	Open        int       // unsolved requests that the agent is the assignee of
	Seen        time.Time // of the newest sign-in; zero for none
	epoch       int64
}

// object names the agent in the audit.
func (a *AgentRow) object() string { return "agent " + a.Name + " <" + a.Email + ">" }

// In reports whether the agent belongs to a department.
func (a *AgentRow) In(department int64) bool {
	return slices.ContainsFunc(a.Departments, func(n Name) bool { return n.ID == department })
}

// AddAgent adds an agent, for the program. Agents use [View.AddAgent].
func (d *Desk) AddAgent(ctx context.Context, f AgentForm) (id int64, err error) {
	return d.addAgent(ctx, 0, f)
}

// AddAgent adds an agent, for administrators.
func (v *View) AddAgent(ctx context.Context, f AgentForm) (id int64, err error) {
	if err := v.admin(); err != nil {
		return 0, err
	}
	return v.addAgent(ctx, v.Agent, f)
}

func (d *Desk) addAgent(ctx context.Context, by int64, f AgentForm) (id int64, err error) {
	if f.Name, err = nameOf(f.Name, "The agent"); err != nil {
		return 0, err
	}
	if f.Email, err = emailOf(f.Email); err != nil {
		return 0, err
	}
	hash := ""
	if f.Password != "" {
		if err := goodPassword(f.Password, f.Email); err != nil {
			return 0, err
		}
		if hash, err = hashPassword(ctx, f.Password); err != nil {
			return 0, err
		}
	}
	err = d.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		var other string
		found, err := store.Get(ctx, tx, "SELECT name FROM desk_agent WHERE folded = $1", []any{store.Fold(f.Email)}, &other)
		switch {
		case err != nil:
			return err
		case found:
			return &Refused{Field: "email", Sentence: "The agent " + other + " has this e-mail address already."}
		}
		_, err = store.Get(ctx, tx, `INSERT INTO desk_agent (email, folded, name, password, admin, created) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id`,
			[]any{f.Email, store.Fold(f.Email), f.Name, hash, store.Bit(f.Admin), store.Micros(time.Now())}, &id)
		if err != nil {
			return err
		}
		if err := setDepartments(ctx, tx, id, f.Departments); err != nil {
			return err
		}
		a, err := agentIn(ctx, tx, id)
		if err != nil {
			return err
		}
		return d.audit(ctx, tx, by, "added agent", a.object(), "", a.rights())
	})
	return id, err
}

// emailOf returns an e-mail address without space around it.
func emailOf(email string) (string, error) {
	email = strings.TrimSpace(store.Text(email))
	parsed, err := mail.ParseAddress(email)
	if err != nil || parsed.Address != email || len(email) > 254 {
		return "", &Refused{Field: "email", Sentence: "Write an e-mail address, such as ann@example.com."}
	}
	return email, nil
}

// setDepartments gives an agent its departments.
func setDepartments(ctx context.Context, tx durable.Tx, agent int64, departments []int64) error {
	if _, err := tx.Exec(ctx, "DELETE FROM desk_agent_department WHERE agent = $1", agent); err != nil {
		return err
	}
	for _, id := range departments {
		n, err := tx.Exec(ctx, `INSERT INTO desk_agent_department (agent, department)
			SELECT cast($1 AS BIGINT), id FROM desk_department WHERE id = $2 ON CONFLICT (agent, department) DO NOTHING`, agent, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return &Refused{Field: "departments", Sentence: "A department of the list does not exist any more, or is there twice. Choose again."}
		}
	}
	return nil
}

// agentIn reads an agent and its departments.
func agentIn(ctx context.Context, tx durable.Tx, id int64) (*AgentRow, error) {
	a := &AgentRow{ID: id}
	var admin, active int64
	var hash string
	found, err := store.Get(ctx, tx, "SELECT email, name, password, admin, active, epoch FROM desk_agent WHERE id = $1", []any{id},
		&a.Email, &a.Name, &hash, &admin, &active, &a.epoch)
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, ErrNotFound
	}
	a.Admin, a.Active, a.HasPassword = admin == 1, active == 1, hash != ""
	rows, err := tx.Query(ctx, `SELECT d.id, d.name FROM desk_agent_department m JOIN desk_department d ON d.id = m.department
		WHERE m.agent = $1 ORDER BY d.folded`, id)
	a.Departments, err = store.All(rows, err, func(n *Name) []any { return []any{&n.ID, &n.Name} })
	return a, err
}

// rights says in words what an agent may see.
func (a *AgentRow) rights() string {
	switch {
	case !a.Active:
		return "not active"
	case a.Admin:
		return "administrator"
	case len(a.Departments) == 0:
		return "no department"
	}
	var names []string
	for _, n := range a.Departments {
		names = append(names, n.Name)
	}
	return strings.Join(names, ", ")
}

// ChangeAgent sets an agent's name, role and departments; the form's e-mail address and
// password are not looked at. An agent who loses rights is signed out, and unsolved requests
// that the agent does not see any more have no assignee then. It is for administrators.
func (v *View) ChangeAgent(ctx context.Context, id int64, f AgentForm) error {
	if err := v.admin(); err != nil {
		return err
	}
	name, err := nameOf(f.Name, "The agent")
	if err != nil {
		return err
	}
	return v.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		before, err := agentIn(ctx, tx, id)
		if err != nil {
			return err
		}
		if before.Admin && !f.Admin {
			if err := otherAdmin(ctx, tx, id); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, "UPDATE desk_agent SET name = $1, admin = $2 WHERE id = $3", name, store.Bit(f.Admin), id); err != nil {
			return err
		}
		if err := setDepartments(ctx, tx, id, f.Departments); err != nil {
			return err
		}
		after, err := agentIn(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := v.rightsChanged(ctx, tx, before, after); err != nil {
			return err
		}
		return v.audit(ctx, tx, v.Agent, "changed agent", before.object(), before.Name+": "+before.rights(), after.Name+": "+after.rights())
	})
}

// rightsChanged ends what an agent may not do any more.
func (d *Desk) rightsChanged(ctx context.Context, tx durable.Tx, before, after *AgentRow) error {
	lost := before.Admin && !after.Admin || before.Active && !after.Active
	if !after.Admin {
		lost = lost || slices.ContainsFunc(before.Departments, func(n Name) bool { return !after.In(n.ID) })
	}
	if !lost {
		return tx.Changed(Change{Kind: ChangedAgent, Object: after.ID})
	}
	if err := unassign(ctx, tx, after); err != nil {
		return err
	}
	return endSignIns(ctx, tx, after.ID)
}

// unassign takes unsolved requests from an agent who does not see them any more.
func unassign(ctx context.Context, tx durable.Tx, a *AgentRow) error {
	where := ""
	if a.Active {
		where = " AND department NOT IN (SELECT department FROM desk_agent_department WHERE agent = $1)"
	}
	rows, err := tx.Query(ctx, "UPDATE desk_request SET assignee = 0 WHERE assignee = $1 AND state <> 'solved'"+where+" RETURNING id, department", a.ID)
	changes, err := store.All(rows, err, func(c *Change) []any { return []any{&c.Object, &c.Department} })
	if err != nil {
		return err
	}
	for _, c := range changes {
		c.Kind = ChangedRequest
		if err := tx.Changed(c); err != nil {
			return err
		}
	}
	return nil
}

// endSignIns raises an agent's epoch, which ends its sign-ins, links and streams.
func endSignIns(ctx context.Context, tx durable.Tx, agent int64) error {
	for _, statement := range []string{"UPDATE desk_agent SET epoch = epoch + 1 WHERE id = $1",
		"DELETE FROM desk_session WHERE agent = $1", "DELETE FROM desk_link WHERE agent = $1"} {
		if _, err := tx.Exec(ctx, statement, agent); err != nil {
			return err
		}
	}
	return tx.Changed(Change{Kind: ChangedAgent, Object: agent})
}

// otherAdmin refuses to take the last administrator away.
func otherAdmin(ctx context.Context, tx durable.Tx, id int64) error {
	var n int
	_, err := store.Get(ctx, tx, "SELECT count(*) FROM desk_agent WHERE admin = 1 AND active = 1 AND id <> $1", []any{id}, &n)
	if err == nil && n == 0 {
		err = &Refused{Sentence: "This is the only administrator. Make somebody else an administrator first."}
	}
	return err
}

// SetActive lets an agent sign in, or ends all that the agent is signed in to and takes the
// unsolved requests. It is for administrators.
func (v *View) SetActive(ctx context.Context, id int64, active bool) error {
	if err := v.admin(); err != nil {
		return err
	}
	return v.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		before, err := agentIn(ctx, tx, id)
		switch {
		case err != nil:
			return err
		case before.Active == active:
			return nil
		case before.Admin && !active:
			if err := otherAdmin(ctx, tx, id); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, "UPDATE desk_agent SET active = $1 WHERE id = $2", store.Bit(active), id); err != nil {
			return err
		}
		after := *before
		after.Active = active
		if err := v.rightsChanged(ctx, tx, before, &after); err != nil {
			return err
		}
		return v.audit(ctx, tx, v.Agent, "changed agent", before.object(), before.rights(), after.rights())
	})
}

// SignOutEverywhere ends all sign-ins, links and streams of an agent. It is for
// administrators, and for the agent.
func (v *View) SignOutEverywhere(ctx context.Context, id int64) error {
	if id != v.Agent {
		if err := v.admin(); err != nil {
			return err
		}
	}
	return v.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		a, err := agentIn(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := endSignIns(ctx, tx, id); err != nil {
			return err
		}
		return v.audit(ctx, tx, v.Agent, "signed out everywhere", a.object(), "", "")
	})
}

// Agents returns the agents by name: for an administrator all of them, for others the
// active ones who see a department that they see too.
func (v *View) Agents(ctx context.Context) ([]AgentRow, error) {
	where := "1 = 1"
	if !v.Admin {
		where = fmt.Sprintf(`a.active = 1 AND (a.admin = 1 OR a.id = %d OR EXISTS
			(SELECT 1 FROM desk_agent_department m WHERE m.agent = a.id AND %s))`, v.Agent, v.visible("m.department"))
	}
	rows, err := v.DB.Query(ctx, `SELECT a.id, a.email, a.name, a.password, a.admin, a.active,
		(SELECT count(*) FROM desk_request r WHERE r.assignee = a.id AND r.state <> 'solved'),
		(SELECT coalesce(max(seen), 0) FROM desk_session s WHERE s.agent = a.id)
		FROM desk_agent a WHERE `+where+"")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []AgentRow
	for rows.Next() {
		var a AgentRow
		var admin, active, seen int64
		var hash string
		if err := rows.Scan(&a.ID, &a.Email, &a.Name, &hash, &admin, &active, &a.Open, &seen); err != nil {
			return nil, err
		}
		a.Admin, a.Active, a.HasPassword = admin == 1, active == 1, hash != ""
		if v.Admin {
			a.Seen = store.Time(seen)
		} else {
			a.Email, a.Open = "", 0
		}
		all = append(all, a)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b AgentRow) int {
		return cmp.Or(int(store.Bit(b.Active)-store.Bit(a.Active)), cmp.Compare(store.Fold(a.Name), store.Fold(b.Name)), cmp.Compare(a.ID, b.ID))
	})
	return all, v.fillDepartments(ctx, all)
}

// fillDepartments gives agents their departments, of those that the viewer sees.
func (v *View) fillDepartments(ctx context.Context, agents []AgentRow) error {
	at := map[int64]*AgentRow{}
	for n := range agents {
		at[agents[n].ID] = &agents[n]
	}
	rows, err := v.DB.Query(ctx, "SELECT m.agent, d.id, d.name FROM desk_agent_department m JOIN desk_department d ON d.id = m.department WHERE "+
		v.visible("m.department")+" ORDER BY d.folded")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var agent int64
		var n Name
		if err := rows.Scan(&agent, &n.ID, &n.Name); err != nil {
			return err
		}
		if a := at[agent]; a != nil {
			a.Departments = append(a.Departments, n)
		}
	}
	return rows.Err()
}

// AgentRow returns an agent, for administrators.
func (v *View) AgentRow(ctx context.Context, id int64) (*AgentRow, error) {
	if err := v.admin(); err != nil {
		return nil, err
	}
	all, err := v.Agents(ctx)
	if err != nil {
		return nil, err
	}
	n := slices.IndexFunc(all, func(a AgentRow) bool { return a.ID == id })
	if n < 0 {
		return nil, ErrNotFound
	}
	return &all[n], nil
}
