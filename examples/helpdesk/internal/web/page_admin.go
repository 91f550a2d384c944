package web

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

func (s *Server) adminRoutes() []route {
	return []route{
		{"GET /manage/departments", admins, s.departmentsPage},
		{"GET /manage/departments/new", admins, s.newDepartmentPage},
		{"POST /manage/departments", admins, s.addDepartment},
		{"GET /manage/departments/{id}", admins, s.departmentPage},
		{"POST /manage/departments/{id}", admins, s.changeDepartment},
		{"POST /manage/departments/{id}/remove", admins, s.removeDepartment},

		{"GET /manage/agents", admins, s.agentsPage},
		{"GET /manage/agents/new", admins, s.newAgentPage},
		{"POST /manage/agents", admins, s.addAgent},
		{"GET /manage/agents/{id}", admins, s.agentPage},
		{"POST /manage/agents/{id}", admins, s.changeAgent},
		{"POST /manage/agents/{id}/active", admins, s.setActive},
		{"POST /manage/agents/{id}/signout", admins, s.signOutAgent},
		{"POST /manage/agents/{id}/link", admins, s.agentLink},

		{"GET /manage/canned", admins, s.cannedPage},
		{"GET /manage/canned/new", admins, s.newReplyPage},
		{"POST /manage/canned", admins, s.addReply},
		{"GET /manage/canned/{id}", admins, s.replyPage},
		{"POST /manage/canned/{id}", admins, s.changeReply},
		{"POST /manage/canned/{id}/remove", admins, s.removeReply},

		{"GET /manage/audit", admins, s.auditPage},
	}
}

// manage writes a page of the management. refused is why its form was not taken, or nil.
func (s *Server) manage(w http.ResponseWriter, r *http.Request, v *desk.View, name, title string, data any, refused *desk.Refused) error {
	code, page := http.StatusOK, &Page{Title: title, Area: "manage", Data: data}
	if refused != nil {
		code, page.Wrong = http.StatusUnprocessableEntity, refused.Sentence
	}
	return s.page(w, r, v, code, name, page)
}

// saved ends a form of the management: with the address and a notice if it was taken, with
// again if it was refused.
func (s *Server) saved(w http.ResponseWriter, r *http.Request, err error, address, notice string, again func(*desk.Refused) error) error {
	if refused := (*desk.Refused)(nil); errors.As(err, &refused) {
		return again(refused)
	}
	if err != nil {
		return err
	}
	s.sessions.say(r.Context(), notice)
	return see(w, r, address)
}

// field returns which field of a form was refused.
func field(refused *desk.Refused) string {
	if refused == nil {
		return ""
	}
	return refused.Field
}

func (s *Server) departmentsPage(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	rows, err := v.DepartmentRows(r.Context())
	if err != nil {
		return err
	}
	return s.manage(w, r, v, "departments", "Departments", rows, nil)
}

// departmentData is the data of templates/department.html.
type departmentData struct {
	desk.DepartmentRow
	Hours string // as typed
	Why   string // why it cannot be removed
	Field string // which is wrong
}

func (s *Server) newDepartmentPage(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	return s.manage(w, r, v, "department", "Add department", departmentData{Hours: "72"}, nil)
}

func (s *Server) addDepartment(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	if err := form(w, r); err != nil {
		return err
	}
	name := r.PostFormValue("name")
	_, err := v.AddDepartment(r.Context(), name)
	return s.saved(w, r, err, "/manage/departments", "The department "+strings.TrimSpace(name)+" is added.", func(refused *desk.Refused) error {
		data := departmentData{Field: refused.Field}
		data.Name.Name = name
		return s.manage(w, r, v, "department", "Add department", data, refused)
	})
}

func (s *Server) departmentPage(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	return s.departmentWith(w, r, v, nil)
}

// departmentWith shows a department, with what was typed if that was refused.
func (s *Server) departmentWith(w http.ResponseWriter, r *http.Request, v *desk.View, refused *desk.Refused) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	rows, err := v.DepartmentRows(r.Context())
	if err != nil {
		return err
	}
	n := slices.IndexFunc(rows, func(d desk.DepartmentRow) bool { return d.ID == id })
	if n < 0 {
		return desk.ErrNotFound
	}
	data := departmentData{DepartmentRow: rows[n], Hours: strconv.Itoa(rows[n].Reopens), Why: rows[n].Kept(), Field: field(refused)}
	title := rows[n].Name.Name
	if r.PostForm.Has("name") {
		data.Name.Name, data.Hours = r.PostFormValue("name"), r.PostFormValue("reopens")
	}
	return s.manage(w, r, v, "department", title, data, refused)
}

func (s *Server) changeDepartment(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	if err := form(w, r); err != nil {
		return err
	}
	hours, err := strconv.Atoi(strings.TrimSpace(r.PostFormValue("reopens")))
	if err != nil {
		hours = -1 // ChangeDepartment says what is right
	}
	err = v.ChangeDepartment(r.Context(), id, r.PostFormValue("name"), hours)
	return s.saved(w, r, err, "/manage/departments", "The department is saved.", func(refused *desk.Refused) error {
		return s.departmentWith(w, r, v, refused)
	})
}

func (s *Server) removeDepartment(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	err = v.RemoveDepartment(r.Context(), id)
	return s.saved(w, r, err, "/manage/departments", "The department is removed.", func(refused *desk.Refused) error {
		return s.departmentWith(w, r, v, refused)
	})
}

// auditData is the data of templates/audit.html.
type auditData struct {
	Rows   []desk.AuditRow
	Before int64 // the page's; 0 for the newest
	Older  int64 // of the next page; 0 if there is none
}

func (s *Server) auditPage(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	var data auditData
	var more bool
	var err error
	if text := r.URL.Query().Get("before"); text != "" {
		if data.Before, err = strconv.ParseInt(text, 10, 64); err != nil || data.Before <= 0 {
			return desk.ErrNotFound
		}
	}
	if data.Rows, more, err = v.Audit(r.Context(), data.Before); err != nil {
		return err
	}
	if more {
		data.Older = data.Rows[len(data.Rows)-1].ID
	}
	return s.manage(w, r, v, "audit", "Audit", data, nil)
}
