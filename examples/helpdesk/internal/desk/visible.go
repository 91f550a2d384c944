package desk

import (
	"context"
	"strconv"
	"strings"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// keptChanges is how many changes the journal keeps for pages that were away.
const keptChanges = 100_000

// ChangesKept reports whether the journal still has every change after a number. A number
// that it has not given yet is of another database.
func (d *Desk) ChangesKept(ctx context.Context, after int64) (bool, error) {
	var first, last int64
	_, err := d.DB.Get(ctx, "SELECT COALESCE((SELECT MIN(seq) FROM desk_change), n + 1), n FROM desk_counter WHERE name = 'change'", nil, &first, &last)
	return after >= first-1 && after <= last, err
}

// Which returns those of some requests that the agent sees.
func (v *View) Which(ctx context.Context, requests []int64) (map[int64]bool, error) {
	visible := map[int64]bool{}
	if len(requests) == 0 {
		return visible, nil
	}
	rows, err := v.DB.Query(ctx, "SELECT id FROM desk_request WHERE id IN ("+numbers(requests)+") AND "+v.visible("department"))
	ids, err := store.All(rows, err, func(id *int64) []any { return []any{id} })
	for _, id := range ids {
		visible[id] = true
	}
	return visible, err
}

// Colleagues returns the active agents who see a department, by name.
func (v *View) Colleagues(ctx context.Context, department int64) ([]Name, error) {
	rows, err := v.DB.Query(ctx, `SELECT id, name FROM desk_agent WHERE active = 1 AND (admin = 1 OR id IN
		(SELECT agent FROM desk_agent_department WHERE department = $1)) ORDER BY name, id`, department)
	return store.All(rows, err, func(n *Name) []any { return []any{&n.ID, &n.Name} })
}

// ChannelChoices returns the channels of which the agent sees requests: all of them, or
// those that are displayed in Omnichannel.
func (v *View) ChannelChoices(ctx context.Context, displayed bool) ([]Name, error) {
	rows, err := v.DB.Query(ctx, `SELECT id, coalesce(nullif(name, ''), nullif(phone, ''), channel) FROM desk_channel c
		WHERE displayed >= $1 AND state <> 'removed' AND (`+v.visible("c.department")+` OR EXISTS
		(SELECT 1 FROM desk_request r WHERE r.channel = c.id AND `+v.visible("r.department")+`)) ORDER BY name, id`, store.Bit(displayed))
	return store.All(rows, err, func(n *Name) []any { return []any{&n.ID, &n.Name} })
}

// numbers writes numbers for a list of SQL. They need no parameters.
func numbers(ids []int64) string {
	texts := make([]string, len(ids))
	for n, id := range ids {
		texts[n] = strconv.FormatInt(id, 10)
	}
	return strings.Join(texts, ", ")
}
