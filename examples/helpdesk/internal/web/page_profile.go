package web

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

func (s *Server) profileRoutes() []route {
	return []route{
		{"GET /profile", agents, s.profilePage},
		{"POST /profile", agents, s.saveProfile},
		{"POST /profile/password", agents, s.savePassword},
		{"POST /profile/signout", agents, s.signOutOwn},
	}
}

// profileData is the data of templates/profile.html.
type profileData struct {
	*desk.Profile
	AskPresent bool   // the present password is needed for a new one
	Field      string // which field is wrong
}

func (s *Server) profilePage(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	return s.profileWith(w, r, v, nil, nil)
}

// profileWith shows the profile, with what was typed and why it was refused.
func (s *Server) profileWith(w http.ResponseWriter, r *http.Request, v *desk.View, typed *desk.Profile, refused *desk.Refused) error {
	p, err := v.Profile(r.Context())
	if err != nil {
		return err
	}
	data := profileData{Profile: p, AskPresent: p.HasPassword && !s.sessions.byLink(r.Context())}
	if typed != nil {
		typed.Email, typed.HasPassword = p.Email, p.HasPassword
		data.Profile = typed
	}
	page := &Page{Title: "Your profile", Data: &data}
	code := http.StatusOK
	if refused != nil {
		code, page.Wrong, data.Field = http.StatusUnprocessableEntity, refused.Sentence, refused.Field
	}
	return s.page(w, r, v, code, "profile", page)
}

func (s *Server) saveProfile(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	if err := form(w, r); err != nil {
		return err
	}
	p := desk.Profile{Name: r.PostFormValue("name"), Theme: r.PostFormValue("theme"),
		Keys: r.PostFormValue("keys") != "", Enter: r.PostFormValue("enter") != ""}
	err := v.SaveProfile(r.Context(), p)
	if refused := (*desk.Refused)(nil); errors.As(err, &refused) {
		return s.profileWith(w, r, v, &p, refused)
	}
	if err != nil {
		return err
	}
	s.sessions.say(r.Context(), "Your profile is saved.")
	return see(w, r, "/profile")
}

func (s *Server) savePassword(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	if err := form(w, r); err != nil {
		return err
	}
	var who desk.SignedIn
	err := error(&desk.Refused{Field: "present", Sentence: "There were too many tries. Wait a minute and try again."})
	switch {
	case r.PostFormValue("password") != r.PostFormValue("again"):
		err = &desk.Refused{Field: "again", Sentence: "The two new passwords are not the same. Type them again."}
	case s.guesses.allow("agent "+strconv.FormatInt(v.Agent, 10), s.addressOf(r)):
		who, err = v.ChangePassword(r.Context(), r.PostFormValue("present"), r.PostFormValue("password"), s.sessions.byLink(r.Context()))
	}
	if refused := (*desk.Refused)(nil); errors.As(err, &refused) {
		return s.profileWith(w, r, v, nil, refused)
	}
	if err != nil {
		return err
	}
	if err := s.sessions.begin(r.Context(), who, false); err != nil {
		return err
	}
	s.sessions.say(r.Context(), "The password is changed. Other browsers are signed out.")
	return see(w, r, "/profile")
}

func (s *Server) signOutOwn(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	if err := v.SignOutEverywhere(r.Context(), v.Agent); err != nil {
		return err
	}
	if err := s.sessions.end(r.Context()); err != nil {
		return err
	}
	return see(w, r, "/signin")
}
