package web

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

// channelData is the data of templates/channel.html.
type channelData struct {
	channelView
	Departments []desk.Name
	Fields      []string // those that are wrong
}

// Is reports whether a field is wrong.
func (d channelData) Is(field string) bool { return connectData{Fields: d.Fields}.Is(field) }

func (s *Server) channelPage(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	return s.channelWith(w, r, v, nil)
}

// channelWith shows a channel, with what was typed into its form if that was refused.
func (s *Server) channelWith(w http.ResponseWriter, r *http.Request, v *desk.View, refused *desk.NotConnected) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	row, err := v.ChannelRow(r.Context(), id)
	if err != nil {
		return err
	}
	names, err := v.AllDepartments(r.Context())
	if err != nil {
		return err
	}
	page, code := &Page{Title: row.Name, Area: "manage"}, http.StatusOK
	data := channelData{channelView: channelView{*row}, Departments: names}
	if refused != nil {
		code, page.Wrong, data.Fields = http.StatusUnprocessableEntity, refused.Sentence, refused.Fields
		if r.PostForm.Has("name") {
			data.OwnName, data.Department.ID, data.MarksRead = r.PostFormValue("name"), formID(r, "department"), r.PostForm.Has("marks_read")
		}
	}
	page.Data = data
	return s.page(w, r, v, code, "channel", page)
}

// channelDone answers an act on a channel.
func (s *Server) channelDone(w http.ResponseWriter, r *http.Request, v *desk.View, err error, address, notice string) error {
	if refused := refusal(err); refused != nil {
		return s.channelWith(w, r, v, refused)
	}
	if err != nil {
		return err
	}
	s.sessions.say(r.Context(), notice)
	return see(w, r, address)
}

func (s *Server) changeChannel(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	id, err := s.channelForm(w, r)
	if err != nil {
		return err
	}
	err = v.SetChannel(r.Context(), id, desk.ChannelSettings{Name: r.PostFormValue("name"), Department: formID(r, "department"), MarksRead: r.PostForm.Has("marks_read")})
	return s.channelDone(w, r, v, err, channelAddress(id), "The channel is saved.")
}

func (s *Server) displayChannel(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	id, err := s.channelForm(w, r)
	if err != nil {
		return err
	}
	on := r.PostFormValue("on") == "1"
	notice := "The channel is hidden in Omnichannel. Its requests are in Requests."
	if on {
		notice = "The channel is shown in Omnichannel."
	}
	return s.channelDone(w, r, v, v.Display(r.Context(), id, on), channelAddress(id), notice)
}

func (s *Server) pauseChannel(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	id, err := s.channelForm(w, r)
	if err != nil {
		return err
	}
	on, notice := r.PostFormValue("on") == "1", "Messages are sent again."
	if on {
		notice = "The channel is paused: messages arrive, and none is sent."
	}
	return s.channelDone(w, r, v, v.PauseChannel(r.Context(), id, on), channelAddress(id), notice)
}

func (s *Server) removeChannel(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	id, err := s.channelForm(w, r)
	if err != nil {
		return err
	}
	sentence, err := v.RemoveChannel(r.Context(), id, r.PostFormValue("typed"))
	return s.channelDone(w, r, v, err, "/manage/channels", sentence)
}

// progress is a line of the answer to a script: a step that is over, or the end.
type progress struct {
	Step     string   `json:"step,omitempty"`
	Sentence string   `json:"sentence,omitempty"`
	Wrong    bool     `json:"wrong,omitempty"`
	End      bool     `json:"end,omitempty"`
	Fields   []string `json:"fields,omitempty"`
	Details  string   `json:"details,omitempty"`
	Channel  int64    `json:"channel,omitempty"`
	Hidden   bool     `json:"hidden,omitempty"`
}

// connectLive writes each step when it is over, as a line of JSON, and then the end.
func (s *Server) connectLive(w http.ResponseWriter, connect func(step func(desk.StepRow)) (*desk.Connected, error)) error {
	w.Header().Set("Content-Type", "application/x-ndjson")
	lines, control := json.NewEncoder(w), http.NewResponseController(w)
	write := func(p progress) {
		_ = lines.Encode(p) // a browser that has gone needs no progress
		_ = control.Flush()
	}
	c, err := connect(func(step desk.StepRow) {
		write(progress{Step: step.Name, Sentence: step.Sentence, Wrong: step.Wrong})
	})
	switch refused := refusal(err); {
	case refused != nil:
		write(progress{End: true, Wrong: true, Sentence: refused.Sentence, Fields: refused.Fields})
	case errors.Is(err, desk.ErrNotFound):
		write(progress{End: true, Wrong: true, Sentence: "There is no such channel any more. Load the page again."})
	case err != nil:
		s.Desk.Log.Error("A channel was not connected.", "error", err)
		write(progress{End: true, Wrong: true, Sentence: "The helpdesk could not do that. The program's log says why. Try again."})
	default:
		write(progress{End: true, Sentence: c.Sentence, Details: c.Details, Channel: c.ID, Hidden: c.Hidden})
	}
	return nil
}
