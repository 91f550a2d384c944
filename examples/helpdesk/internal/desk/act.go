package desk

import (
	"context"
	"fmt"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// Take assigns a request that nobody has to the agent. It is refused if a colleague was
// quicker.
func (v *View) Take(ctx context.Context, id int64) error {
	return v.change(ctx, id, func(ctx context.Context, tx durable.Tx, r *record) error {
		if r.assignee == v.Agent {
			return nil
		}
		if err := r.whole(); err != nil {
			return err
		}
		// The condition decides between two who take it at once.
		n, err := tx.Exec(ctx, "UPDATE desk_request SET assignee = $1, state = CASE WHEN state = 'new' THEN 'open' ELSE state END WHERE id = $2 AND assignee = 0",
			v.Agent, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return &Refused{Sentence: fmt.Sprintf("%s has taken request #%d. Read on there, or assign it to yourself if you have agreed on that.",
				first(r.colleague, "A colleague"), id)}
		}
		me, err := v.agentName(ctx, tx, v.Agent)
		if err != nil {
			return err
		}
		if err := v.audit(ctx, tx, v.Agent, "took request", r.object(), "", me); err != nil {
			return err
		}
		return r.changed(tx)
	})
}

// Assign assigns a request to an agent; 0 is nobody.
func (v *View) Assign(ctx context.Context, id, agent int64) error {
	return v.change(ctx, id, func(ctx context.Context, tx durable.Tx, r *record) error {
		if r.assignee == agent {
			return nil
		}
		if err := r.whole(); err != nil {
			return err
		}
		name, err := v.agentName(ctx, tx, agent)
		if err != nil {
			return err
		}
		if able, err := worksIn(ctx, tx, agent, r.department); err != nil || !able && agent != 0 {
			return fail(err, &Refused{Field: "agent", Sentence: first(name, "This agent") + " does not work in the request's department. Choose somebody else, or move the request first."})
		}
		_, err = tx.Exec(ctx, "UPDATE desk_request SET assignee = $1, state = CASE WHEN state = 'new' AND cast($1 AS BIGINT) <> 0 THEN 'open' ELSE state END WHERE id = $2", agent, id)
		if err != nil {
			return err
		}
		if err := v.audit(ctx, tx, v.Agent, "assigned request", r.object(), r.colleague, name); err != nil {
			return err
		}
		return r.changed(tx)
	})
}

// fail returns the error of a database before that of a person.
func fail(err error, refused *Refused) error {
	if err != nil {
		return err
	}
	return refused
}

func (v *View) agentName(ctx context.Context, tx durable.Tx, agent int64) (name string, err error) {
	_, err = store.Get(ctx, tx, "SELECT name FROM desk_agent WHERE id = $1", []any{agent}, &name)
	return name, err
}

// worksIn reports whether an agent may work on requests of a department now.
func worksIn(ctx context.Context, tx durable.Tx, agent, department int64) (bool, error) {
	var id int64
	return store.Get(ctx, tx, `SELECT a.id FROM desk_agent a WHERE a.id = $1 AND a.active = 1
		AND (a.admin = 1 OR EXISTS (SELECT 1 FROM desk_agent_department x WHERE x.agent = a.id AND x.department = $2))`, []any{agent, department}, &id)
}

// Move gives a request to another department, which need not be one that the agent sees.
// The assignee keeps it if he works there too.
func (v *View) Move(ctx context.Context, id, department int64) error {
	return v.change(ctx, id, func(ctx context.Context, tx durable.Tx, r *record) error {
		if r.department == department {
			return nil
		}
		if err := r.whole(); err != nil {
			return err
		}
		var from, to string
		found, err := store.Get(ctx, tx, "SELECT o.name, d.name FROM desk_department d JOIN desk_department o ON o.id = $2 WHERE d.id = $1",
			[]any{department, r.department}, &from, &to)
		if err != nil || !found {
			return fail(err, &Refused{Field: "department", Sentence: "This department does not exist any more. Choose another one."})
		}
		able, err := worksIn(ctx, tx, r.assignee, department)
		if err != nil {
			return err
		}
		assignee := r.assignee
		if !able {
			assignee = 0
		}
		if _, err := tx.Exec(ctx, "UPDATE desk_request SET department = $1, assignee = $2 WHERE id = $3", department, assignee, id); err != nil {
			return err
		}
		if err := v.audit(ctx, tx, v.Agent, "moved request", r.object(), from, to); err != nil {
			return err
		}
		if err := tx.Changed(Change{Kind: ChangedLost, Department: r.department, Object: id}); err != nil {
			return err
		}
		r.department = department
		if err := r.changed(tx); err != nil {
			return err
		}
		return changedChat(ctx, tx, r.chat, id)
	})
}

// SetState changes how far a request has come.
func (v *View) SetState(ctx context.Context, id int64, state State) error {
	return v.change(ctx, id, func(ctx context.Context, tx durable.Tx, r *record) error {
		if r.state == state {
			return nil
		}
		if err := r.whole(); err != nil {
			return err
		}
		switch state {
		case StateOpen, StateWaiting:
			if err := v.onlyOpen(ctx, tx, r); err != nil {
				return err
			}
		case StateSolved:
		default:
			return &Refused{Field: "state", Sentence: "A request can be made open, waiting or solved."}
		}
		solved := int64(0)
		if state == StateSolved {
			solved = store.Micros(v.Now())
		}
		if _, err := tx.Exec(ctx, "UPDATE desk_request SET state = $1, solved = $2 WHERE id = $3", string(state), solved, id); err != nil {
			return err
		}
		if err := v.audit(ctx, tx, v.Agent, "changed state of request", r.object(), string(r.state), string(state)); err != nil {
			return err
		}
		return v.touch(ctx, tx, id)
	})
}

// onlyOpen refuses to open a request whose chat has another one that is not solved.
func (v *View) onlyOpen(ctx context.Context, tx durable.Tx, r *record) error {
	var other, department int64
	found, err := store.Get(ctx, tx, "SELECT id, department FROM desk_request WHERE chat = $1 AND state <> 'solved' AND id <> $2", []any{r.chat, r.id}, &other, &department)
	switch {
	case err != nil || !found:
		return err
	case !v.Sees(department):
		return &Refused{Field: "state", Sentence: "Another department works on a newer request of this chat. Ask it to move that one to you."}
	}
	return &Refused{Field: "state", Sentence: fmt.Sprintf("Request #%d of this chat is not solved yet. Answer there, or merge #%d into it.", other, r.id)}
}
