package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

func (s *Server) agentsPage(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	rows, err := v.Agents(r.Context())
	if err != nil {
		return err
	}
	return s.manage(w, r, v, "agents", "Agents", rows, nil)
}

// agentData is the data of templates/agent.html.
type agentData struct {
	desk.AgentRow
	All   []desk.Name // departments
	Field string      // which is wrong
	Self  bool        // the agent looks at itself
}

func (s *Server) newAgentPage(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	return s.newAgentWith(w, r, v, agentForm(r), nil)
}

// newAgentWith shows the form of a new agent, with what was typed.
func (s *Server) newAgentWith(w http.ResponseWriter, r *http.Request, v *desk.View, f desk.AgentForm, refused *desk.Refused) error {
	data := agentData{AgentRow: desk.AgentRow{Email: f.Email}, Field: field(refused)}
	if err := s.fillAgent(r, v, &data, f); err != nil {
		return err
	}
	return s.manage(w, r, v, "agent", "Add agent", &data, refused)
}

// fillAgent puts what was typed and all departments into the data of the form.
func (s *Server) fillAgent(r *http.Request, v *desk.View, data *agentData, f desk.AgentForm) (err error) {
	if data.All, err = v.AllDepartments(r.Context()); err != nil {
		return err
	}
	data.Name, data.Admin, data.Departments = f.Name, f.Admin, nil
	for _, n := range data.All {
		if slices.Contains(f.Departments, n.ID) {
			data.Departments = append(data.Departments, n)
		}
	}
	return nil
}

// agentForm returns what was typed; nothing before the form was sent.
func agentForm(r *http.Request) desk.AgentForm {
	if r.PostForm == nil {
		return desk.AgentForm{}
	}
	return desk.AgentForm{Email: r.PostFormValue("email"), Name: r.PostFormValue("name"),
		Admin: r.PostFormValue("role") == "admin", Departments: formIDs(r, "department")}
}

func (s *Server) addAgent(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	if err := form(w, r); err != nil {
		return err
	}
	f := agentForm(r)
	id, err := v.AddAgent(r.Context(), f)
	notice := ""
	if err == nil {
		notice, err = s.linkNotice(r, v, id, strings.TrimSpace(f.Name)+" is added. ")
	}
	return s.saved(w, r, err, "/manage/agents", notice, func(refused *desk.Refused) error {
		return s.newAgentWith(w, r, v, f, refused)
	})
}

// linkNotice makes a link for an agent and says what to do with it.
func (s *Server) linkNotice(r *http.Request, v *desk.View, agent int64, before string) (string, error) {
	path, err := v.SignInLink(r.Context(), agent)
	if err != nil {
		return "", err
	}
	return before + "Give this link to the agent only. It signs in once, within a day, and is not shown again: " + s.Desk.URL + path, nil
}

func (s *Server) agentPage(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	return s.agentWith(w, r, v, nil)
}

// agentWith shows an agent, with what was typed if that was refused.
func (s *Server) agentWith(w http.ResponseWriter, r *http.Request, v *desk.View, refused *desk.Refused) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	row, err := v.AgentRow(r.Context(), id)
	if err != nil {
		return err
	}
	data := agentData{AgentRow: *row, Field: field(refused), Self: id == v.Agent}
	f := agentForm(r)
	if !r.PostForm.Has("name") {
		f = desk.AgentForm{Name: row.Name, Admin: row.Admin}
		for _, n := range row.Departments {
			f.Departments = append(f.Departments, n.ID)
		}
	}
	if err := s.fillAgent(r, v, &data, f); err != nil {
		return err
	}
	return s.manage(w, r, v, "agent", row.Name, &data, refused)
}

// onAgent does something with the agent of the path, and returns to its page.
func (s *Server) onAgent(w http.ResponseWriter, r *http.Request, v *desk.View, do func(id int64) (notice string, err error)) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	if err := form(w, r); err != nil {
		return err
	}
	notice, err := do(id)
	return s.saved(w, r, err, "/manage/agents/"+r.PathValue("id"), notice, func(refused *desk.Refused) error {
		return s.agentWith(w, r, v, refused)
	})
}

func (s *Server) changeAgent(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	return s.onAgent(w, r, v, func(id int64) (string, error) {
		return "The agent is saved.", v.ChangeAgent(r.Context(), id, agentForm(r))
	})
}

func (s *Server) setActive(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	return s.onAgent(w, r, v, func(id int64) (string, error) {
		if r.PostFormValue("active") == "1" {
			return "The agent is active again. A link signs in, or the password of before.", v.SetActive(r.Context(), id, true)
		}
		return "The agent is not active any more and signed out. Unsolved requests have no assignee now.", v.SetActive(r.Context(), id, false)
	})
}

func (s *Server) signOutAgent(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	return s.onAgent(w, r, v, func(id int64) (string, error) {
		return "The agent is signed out everywhere.", v.SignOutEverywhere(r.Context(), id)
	})
}

func (s *Server) agentLink(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	return s.onAgent(w, r, v, func(id int64) (string, error) { return s.linkNotice(r, v, id, "") })
}
