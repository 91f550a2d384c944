package desk

import (
	"context"
	"strings"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// Administrator returns the administrator with an e-mail address, who is added if nobody
// has it. It is for the program's operator.
func (d *Desk) Administrator(ctx context.Context, email string) (id int64, err error) {
	var admin, active int64
	found, err := d.DB.Get(ctx, "SELECT id, admin, active FROM desk_agent WHERE folded = $1", []any{store.Fold(strings.TrimSpace(email))}, &id, &admin, &active)
	switch {
	case err != nil:
		return 0, err
	case found && (admin == 0 || active == 0):
		return 0, &Refused{Sentence: "there is an agent with this address who is not an active administrator; an administrator can change that under Agents"}
	case found:
		return id, nil
	}
	name, _, _ := strings.Cut(strings.TrimSpace(email), "@")
	return d.AddAgent(ctx, AgentForm{Email: email, Name: name, Admin: true})
}

// ActiveAgents returns those who may sign in, for the program's operator.
func (d *Desk) ActiveAgents(ctx context.Context) ([]Name, error) {
	rows, err := d.DB.Query(ctx, "SELECT id, name FROM desk_agent WHERE active = 1 ORDER BY admin DESC, id")
	return store.All(rows, err, func(n *Name) []any { return []any{&n.ID, &n.Name} })
}

// Heard returns how many messages customers have written.
func (d *Desk) Heard(ctx context.Context) (messages int, err error) {
	_, err = d.DB.Get(ctx, "SELECT count(*) FROM desk_message WHERE direction = 'in'", nil, &messages)
	return messages, err
}
