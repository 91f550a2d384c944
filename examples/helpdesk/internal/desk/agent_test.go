package desk_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

// refusedField asserts that an act was refused, and for which field of its form.
func refusedField(t *testing.T, field string, err error) {
	t.Helper()
	refused := (*desk.Refused)(nil)
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, field, refused.Field, refused.Sentence)
	assert.NotEmpty(t, refused.Sentence)
}

func TestAgentsAreAdded(t *testing.T) {
	o := newOffice(t)
	v := o.view(o.boss)
	for name, c := range map[string]struct {
		form  desk.AgentForm
		field string // "" if it is taken
	}{
		"right":                       {desk.AgentForm{Email: " Zoe@example.com ", Name: " Zoe ", Departments: []int64{o.sales}}, ""},
		"no name":                     {desk.AgentForm{Email: "a@example.com", Name: " "}, "name"},
		"a long name":                 {desk.AgentForm{Email: "a@example.com", Name: strings.Repeat("a", 81)}, "name"},
		"a name of two lines":         {desk.AgentForm{Email: "a@example.com", Name: "a\nb"}, "name"},
		"no address":                  {desk.AgentForm{Email: "zoe", Name: "Zoe"}, "email"},
		"an address with a name":      {desk.AgentForm{Email: "Zoe <zoe2@example.com>", Name: "Zoe"}, "email"},
		"an address of another":       {desk.AgentForm{Email: "MAX@example.com", Name: "Max"}, "email"},
		"a short password":            {desk.AgentForm{Email: "a@example.com", Name: "A", Password: "short"}, "password"},
		"the address as the password": {desk.AgentForm{Email: "long.name@example.com", Name: "A", Password: "Long.name@example.com"}, "password"},
		"a department that is gone":   {desk.AgentForm{Email: "a@example.com", Name: "A", Departments: []int64{99}}, "departments"},
	} {
		t.Run(name, func(t *testing.T) {
			id, err := v.AddAgent(t.Context(), c.form)
			if c.field != "" {
				refusedField(t, c.field, err)
				return
			}
			require.NoError(t, err)
			row, err := v.AgentRow(t.Context(), id)
			require.NoError(t, err)
			assert.Equal(t, desk.AgentRow{ID: id, Email: "Zoe@example.com", Name: "Zoe", Active: true, Departments: []desk.Name{{ID: o.sales, Name: "Sales"}}}, *row)
		})
	}
	assert.EqualValues(t, 5, o.number("SELECT count(*) FROM desk_agent"), "what was refused left nothing")
}

func TestAgentLosesADepartment(t *testing.T) {
	o := newOffice(t)
	_, chat := o.person(o.channel, "Bob", "12025550101")
	_, other := o.person(o.channel, "Eva", "12025550102")
	sales, support := o.request(chat, o.sales, desk.StateOpen, "sales"), o.request(other, o.support, desk.StateOpen, "support")
	solved := o.request(chat, o.sales, desk.StateSolved, "old")
	o.exec("UPDATE desk_request SET assignee = $1", o.ann)
	before, err := o.LastChange(t.Context())
	require.NoError(t, err)
	require.NoError(t, o.view(o.boss).ChangeAgent(t.Context(), o.ann, desk.AgentForm{Name: "Ann B.", Departments: []int64{o.support}}))

	assignee := func(request int64) int64 {
		return o.number("SELECT assignee FROM desk_request WHERE id = $1", request)
	}
	assert.Zero(t, assignee(sales))
	assert.Equal(t, o.ann, assignee(support))
	assert.Equal(t, o.ann, assignee(solved), "who solved it stays known")
	assert.EqualValues(t, 2, o.number("SELECT epoch FROM desk_agent WHERE id = $1", o.ann))
	changes, err := o.Changes(t.Context(), before, 10)
	require.NoError(t, err)
	for n := range changes {
		changes[n].Seq = 0
	}
	assert.ElementsMatch(t, []desk.Change{{Kind: desk.ChangedRequest, Department: o.sales, Object: sales}, {Kind: desk.ChangedAgent, Object: o.ann}}, changes)

	require.NoError(t, o.view(o.boss).ChangeAgent(t.Context(), o.ann, desk.AgentForm{Name: "Ann B.", Departments: []int64{o.support, o.sales}}))
	assert.EqualValues(t, 2, o.number("SELECT epoch FROM desk_agent WHERE id = $1", o.ann), "more rights end no sign-in")
	require.NoError(t, o.view(o.boss).ChangeAgent(t.Context(), o.ann, desk.AgentForm{Name: "Ann B.", Admin: true}))
	assert.EqualValues(t, 2, o.number("SELECT epoch FROM desk_agent WHERE id = $1", o.ann), "an administrator sees all")

	audit, _, err := o.view(o.boss).Audit(t.Context(), 0)
	require.NoError(t, err)
	require.Len(t, audit, 3)
	assert.Equal(t, "Boss", audit[2].Agent)
	assert.Equal(t, "agent Ann <ann@example.com>", audit[2].Object)
	assert.Equal(t, []string{"Ann: Sales, Support", "Ann B.: Support"}, []string{audit[2].Before, audit[2].After})
}

func TestAgentIsDeactivated(t *testing.T) {
	o := newOffice(t)
	_, chat := o.person(o.channel, "Bob", "12025550101")
	request := o.request(chat, o.sales, desk.StateOpen, "sales")
	o.exec("UPDATE desk_request SET assignee = $1 WHERE id = $2", o.max, request)
	path, err := o.SignInLink(t.Context(), o.max)
	require.NoError(t, err)
	boss := o.view(o.boss)
	require.NoError(t, boss.SetActive(t.Context(), o.max, false))

	assert.Zero(t, o.number("SELECT assignee FROM desk_request WHERE id = $1", request))
	_, err = o.For(t.Context(), o.max)
	require.ErrorIs(t, err, desk.ErrNotFound)
	_, err = o.UseLink(t.Context(), strings.TrimPrefix(path, "/link/"))
	require.ErrorIs(t, err, desk.ErrSignIn)
	_, err = o.SignInLink(t.Context(), o.max)
	refusedField(t, "", err)
	refusedField(t, "", boss.SetActive(t.Context(), o.boss, false))
	refusedField(t, "", boss.ChangeAgent(t.Context(), o.boss, desk.AgentForm{Name: "Boss"}))

	require.NoError(t, boss.SetActive(t.Context(), o.max, true))
	_, err = o.For(t.Context(), o.max)
	require.NoError(t, err)
	require.ErrorIs(t, boss.SetActive(t.Context(), 99, true), desk.ErrNotFound)
}

// names returns those of agents.
func names(agents []desk.AgentRow) string {
	all := []string{}
	for _, a := range agents {
		all = append(all, a.Name)
	}
	return strings.Join(all, " ")
}

func TestWhichColleaguesAnAgentSees(t *testing.T) {
	o := newOffice(t)
	require.NoError(t, o.view(o.boss).SetActive(t.Context(), o.agent("Old", false, o.sales), false))
	o.agent("Nobody", false)
	for agent, want := range map[int64]string{
		o.boss: "Ann Boss Eve Max Nobody Old", o.max: "Ann Boss Max", o.eve: "Ann Boss Eve", o.ann: "Ann Boss Eve Max",
	} {
		agents, err := o.view(agent).Agents(t.Context())
		require.NoError(t, err)
		assert.Equal(t, want, names(agents))
		for _, a := range agents {
			assert.Equal(t, agent == o.boss, a.Email != "", "addresses are for administrators")
			if agent == o.max {
				assert.False(t, a.In(o.support), "Max does not know that Ann is of Support")
			}
		}
	}
}

func TestDepartments(t *testing.T) {
	o := newOffice(t)
	v := o.view(o.boss)
	_, err := v.AddDepartment(t.Context(), "sales")
	refusedField(t, "name", err)
	_, err = v.AddDepartment(t.Context(), " ")
	refusedField(t, "name", err)
	empty, err := v.AddDepartment(t.Context(), " Orders ")
	require.NoError(t, err)
	refusedField(t, "name", v.ChangeDepartment(t.Context(), empty, "SALES", 72))
	refusedField(t, "reopens", v.ChangeDepartment(t.Context(), empty, "Orders", -1))
	require.NoError(t, v.ChangeDepartment(t.Context(), empty, "ORDERS", 0))
	require.ErrorIs(t, v.ChangeDepartment(t.Context(), 99, "Nobody's", 0), desk.ErrNotFound)

	_, chat := o.person(o.channel, "Bob", "12025550101")
	o.request(chat, o.sales, desk.StateSolved, "old")
	refused := v.RemoveDepartment(t.Context(), o.sales)
	refusedField(t, "", refused)
	assert.Equal(t, "The department Sales has 1 channel and 1 request, so it cannot be removed. Give them to another department, or rename this one.", refused.Error())
	require.NoError(t, v.ChangeAgent(t.Context(), o.eve, desk.AgentForm{Name: "Eve", Departments: []int64{empty}}))
	require.NoError(t, v.RemoveDepartment(t.Context(), empty))
	require.ErrorIs(t, v.RemoveDepartment(t.Context(), empty), desk.ErrNotFound)
	assert.Empty(t, o.view(o.eve).Departments)

	rows, err := v.DepartmentRows(t.Context())
	require.NoError(t, err)
	require.Len(t, rows, 2)
	assert.Equal(t, desk.DepartmentRow{Name: desk.Name{ID: o.sales, Name: "Sales"}, Reopens: 72, Agents: 2, Channels: 1, Requests: 1}, rows[0])
	seen, err := o.view(o.max).DepartmentNames(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []desk.Name{{ID: o.sales, Name: "Sales"}}, seen)
	all, err := o.view(o.max).AllDepartments(t.Context())
	require.NoError(t, err)
	assert.Len(t, all, 2)
}

func TestAuditHasPages(t *testing.T) {
	o := newOffice(t)
	v := o.view(o.boss)
	for n := range 70 {
		_, err := v.AddDepartment(t.Context(), fmt.Sprintf("Department %02d", n))
		require.NoError(t, err)
	}
	first, more, err := v.Audit(t.Context(), 0)
	require.NoError(t, err)
	assert.True(t, more)
	second, more, err := v.Audit(t.Context(), first[len(first)-1].ID)
	require.NoError(t, err)
	assert.False(t, more)
	assert.Len(t, append(first, second...), 70)
	assert.Equal(t, "Department 69", first[0].Object)
	assert.Equal(t, "Department 00", second[len(second)-1].Object)
}

func TestAdministrationIsForAdministrators(t *testing.T) {
	o := newOffice(t)
	v, ctx := o.view(o.max), t.Context()
	only := func(_ any, err error) error { return err }
	for name, err := range map[string]error{
		"AddAgent":          only(v.AddAgent(ctx, desk.AgentForm{Name: "A", Email: "a@example.com", Admin: true})),
		"ChangeAgent":       v.ChangeAgent(ctx, o.max, desk.AgentForm{Name: "Max", Admin: true}),
		"SetActive":         v.SetActive(ctx, o.boss, false),
		"SignOutEverywhere": v.SignOutEverywhere(ctx, o.boss),
		"SignInLink":        only(v.SignInLink(ctx, o.boss)),
		"AgentRow":          only(v.AgentRow(ctx, o.boss)),
		"AddDepartment":     only(v.AddDepartment(ctx, "A")),
		"ChangeDepartment":  v.ChangeDepartment(ctx, o.sales, "A", 1),
		"RemoveDepartment":  v.RemoveDepartment(ctx, o.sales),
		"DepartmentRows":    only(v.DepartmentRows(ctx)),
	} {
		require.ErrorIs(t, err, desk.ErrAdmin, name)
	}
	_, _, err := v.Audit(ctx, 0)
	require.ErrorIs(t, err, desk.ErrAdmin)
	require.NoError(t, v.SignOutEverywhere(ctx, o.max), "one's own browsers are one's own matter")
}
