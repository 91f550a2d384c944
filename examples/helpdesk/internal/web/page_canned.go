package web

import (
	"net/http"
	"slices"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

func (s *Server) cannedPage(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	all, err := v.Canned(r.Context(), 0)
	if err != nil {
		return err
	}
	return s.manage(w, r, v, "canned", "Canned replies", all, nil)
}

// replyData is the data of templates/reply.html.
type replyData struct {
	desk.Canned
	All   []desk.Name // departments
	Field string      // which is wrong
}

func (s *Server) newReplyPage(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	return s.replyWith(w, r, v, "Add canned reply", desk.Canned{}, nil)
}

func (s *Server) replyWith(w http.ResponseWriter, r *http.Request, v *desk.View, title string, c desk.Canned, refused *desk.Refused) error {
	all, err := v.AllDepartments(r.Context())
	if err != nil {
		return err
	}
	return s.manage(w, r, v, "reply", title, replyData{Canned: c, All: all, Field: field(refused)}, refused)
}

// reply returns the canned reply of the path.
func (s *Server) reply(r *http.Request, v *desk.View) (desk.Canned, error) {
	id, err := pathID(r, "id")
	if err != nil {
		return desk.Canned{}, err
	}
	all, err := v.Canned(r.Context(), 0)
	if err != nil {
		return desk.Canned{}, err
	}
	n := slices.IndexFunc(all, func(c desk.Canned) bool { return c.ID == id })
	if n < 0 {
		return desk.Canned{}, desk.ErrNotFound
	}
	return all[n], nil
}

func (s *Server) replyPage(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	c, err := s.reply(r, v)
	if err != nil {
		return err
	}
	return s.replyWith(w, r, v, "Canned reply /"+c.Short, c, nil)
}

func (s *Server) addReply(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	return s.saveReply(w, r, v, "Add canned reply", 0)
}

func (s *Server) changeReply(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	c, err := s.reply(r, v)
	if err != nil {
		return err
	}
	return s.saveReply(w, r, v, "Canned reply /"+c.Short, c.ID)
}

func (s *Server) saveReply(w http.ResponseWriter, r *http.Request, v *desk.View, title string, id int64) error {
	if err := form(w, r); err != nil {
		return err
	}
	c := desk.Canned{ID: id, Short: r.PostFormValue("short"), Body: r.PostFormValue("body"), Department: desk.Name{ID: formID(r, "department")}}
	_, err := v.SaveCanned(r.Context(), c)
	return s.saved(w, r, err, "/manage/canned", "The canned reply is saved.", func(refused *desk.Refused) error {
		return s.replyWith(w, r, v, title, c, refused)
	})
}

func (s *Server) removeReply(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	c, err := s.reply(r, v)
	if err != nil {
		return err
	}
	err = v.RemoveCanned(r.Context(), c.ID)
	return s.saved(w, r, err, "/manage/canned", "The canned reply /"+c.Short+" is removed.", func(refused *desk.Refused) error {
		return s.replyWith(w, r, v, "Canned reply /"+c.Short, c, refused)
	})
}
