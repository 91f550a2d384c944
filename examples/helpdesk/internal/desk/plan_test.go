package desk_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Lists go through an index that has all that a filter asks for, newest first, without
// sorting; so a filter that chooses little looks at no row in vain.
func TestPlansOfLists(t *testing.T) {
	o := newOffice(t)
	for condition, index := range map[string]string{
		"r.state <> 'solved'": "COVERING INDEX desk_request_unsolved",
		"r.state <> 'solved' AND r.assignee = 1 AND r.department IN (1, 2)":                                     "COVERING INDEX desk_request_unsolved",
		"r.state <> 'solved' AND r.channel IN (SELECT id FROM desk_channel WHERE displayed = 1)":                "COVERING INDEX desk_request_unsolved",
		"r.merged_into = 0 AND r.state = 'solved' AND r.department IN (1) AND r.assignee = 1 AND r.channel = 1": "COVERING INDEX desk_request_all",
		"r.merged_into = 0 AND (r.last, r.id) < (1, 1)":                                                         "COVERING INDEX desk_request_all",
		"r.merged_into = 0 AND r.failed + r.undecided > 0 AND r.department IN (1)":                              "INDEX desk_request_failed",
		"r.state <> 'solved' AND r.failed + r.undecided > 0":                                                    "INDEX desk_request_failed",
	} {
		rows, err := o.DB.Query(t.Context(), "EXPLAIN QUERY PLAN SELECT r.id FROM desk_request r WHERE "+condition+" ORDER BY r.last DESC, r.id DESC LIMIT 51")
		require.NoError(t, err)
		var plan []string
		for rows.Next() {
			var id, parent, unused int
			var line string
			require.NoError(t, rows.Scan(&id, &parent, &unused, &line))
			plan = append(plan, line)
		}
		require.NoError(t, rows.Err())
		assert.Contains(t, strings.Join(plan, "\n"), index, condition)
		assert.NotContains(t, strings.Join(plan, "\n"), "ORDER BY", condition)
	}
}
