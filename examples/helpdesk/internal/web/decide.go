package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

// sendAgain sends a message that failed once more.
func (s *Server) sendAgain(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	return s.onMessage(w, r, v, func(ctx context.Context, message int64) (string, error) {
		_, err := v.Retry(ctx, message)
		if errors.Is(err, desk.ErrClosed) {
			err = &desk.Refused{Sentence: "The window has closed meanwhile, so nothing was sent. The text is kept as your draft; choose a template."}
		}
		return "It is sent again, as a new message.", err
	})
}

// resolveMessage looks for a message whose outcome nobody knows.
func (s *Server) resolveMessage(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	return s.onMessage(w, r, v, v.Resolve)
}

// settleMessage notes a person's answer about a message. To send it again, it asks first.
func (s *Server) settleMessage(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	if err := form(w, r); err != nil {
		return err
	}
	answer := desk.Settlement(r.PostFormValue("answer"))
	if answer == desk.Again && r.PostFormValue("sure") != "1" {
		return s.askAgain(w, r, v)
	}
	return s.onMessage(w, r, v, func(ctx context.Context, message int64) (string, error) {
		said := map[desk.Settlement]string{desk.Arrived: "Noted: it arrived.", desk.Lost: "Noted: it did not arrive.", desk.Again: "It is sent again."}
		return said[answer], v.Settle(ctx, message, answer)
	})
}

// askAgain asks whether a message is to be sent that may have arrived.
func (s *Server) askAgain(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	m, err := v.Message(r.Context(), id)
	if err != nil {
		return err
	}
	data := struct {
		*desk.Message
		Back string
	}{m, r.PostFormValue("back")}
	return s.page(w, r, v, http.StatusOK, "again", &Page{Title: "Send it again?", Area: "inbox", Data: data})
}

// cancelMessage takes back a message that waits.
func (s *Server) cancelMessage(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	return s.onMessage(w, r, v, func(ctx context.Context, message int64) (string, error) {
		return "The message was taken back.", v.Cancel(ctx, message)
	})
}

// fetchFile fetches the file of a message once more.
func (s *Server) fetchFile(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	return s.onMessage(w, r, v, func(ctx context.Context, message int64) (string, error) {
		return "The file is being fetched.", v.FetchAgain(ctx, message)
	})
}

// onMessage does something with a message and goes back to the page with a notice.
func (s *Server) onMessage(w http.ResponseWriter, r *http.Request, v *desk.View, do func(ctx context.Context, message int64) (said string, err error)) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	m, err := v.Message(r.Context(), id)
	if err != nil {
		return err
	}
	said, err := do(r.Context(), id)
	refused := (*desk.Refused)(nil)
	if errors.As(err, &refused) {
		said, err = refused.Sentence, nil
	}
	if err != nil {
		return err
	}
	s.sessions.say(r.Context(), said)
	if r.PostFormValue("back") == "decide" && v.Admin {
		return see(w, r, "/manage/decide")
	}
	if m.Request == 0 { // such as of the history
		return see(w, r, "/"+cameFrom(r))
	}
	return see(w, r, address(cameFrom(r), m.Request))
}

// cameFrom is the area of the page whose form was sent.
func cameFrom(r *http.Request) string {
	if from, err := url.Parse(r.Referer()); err == nil && strings.HasPrefix(from.Path, "/requests/") {
		return "requests"
	}
	return "inbox"
}

// decidePage lists what a person has to decide.
func (s *Server) decidePage(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	d, err := v.Decide(r.Context())
	if err != nil {
		return err
	}
	return s.page(w, r, v, http.StatusOK, "decide", &Page{Title: "Things to decide", Area: "manage", Data: d})
}

func (s *Server) replayLetter(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	return s.onLetter(w, r, v.Replay, "It is taken in once more.")
}

func (s *Server) discardLetter(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	return s.onLetter(w, r, v.Discard, "It was discarded.")
}

func (s *Server) onLetter(w http.ResponseWriter, r *http.Request, do func(context.Context, int64) error, said string) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	err = do(r.Context(), id)
	if refused := (*desk.Refused)(nil); errors.As(err, &refused) {
		said, err = refused.Sentence, nil
	}
	if err != nil {
		return err
	}
	s.sessions.say(r.Context(), said)
	return see(w, r, "/manage/decide")
}

// chatData is the data of templates/chat.html.
type chatData struct {
	Channels     []desk.Name
	Channel      int64
	Templates    []desk.TemplateChoices
	Choice       *templateForm
	Phone, Field string
	Key          string
}

// newChat shows the form that begins a chat: a channel, then a template, then the number.
func (s *Server) newChat(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	q := r.URL.Query()
	channel, _ := strconv.ParseInt(q.Get("channel"), 10, 64)
	data, err := s.chatData(r, v, channel, q.Get("template"), nil)
	if err != nil {
		return err
	}
	return s.page(w, r, v, http.StatusOK, "chat", &Page{Title: "New chat", Area: "requests", Data: data})
}

// chatData returns the form with what was chosen; name is "name|language" of a template.
func (s *Server) chatData(r *http.Request, v *desk.View, channel int64, name string, values []string) (*chatData, error) {
	start, err := v.ToStart(r.Context(), channel)
	if err != nil {
		return nil, err
	}
	data := &chatData{Channels: start.Channels, Channel: start.Channel, Templates: start.Templates, Key: start.Key}
	n := slices.IndexFunc(data.Templates, func(t desk.TemplateChoices) bool { return t.Name+"|"+t.Language == name })
	if n < 0 {
		return data, nil
	}
	data.Choice = &templateForm{TemplateChoices: data.Templates[n]}
	for n, value := range data.Choice.Values {
		data.Choice.Fields = append(data.Choice.Fields, valueField{Number: n + 1, Label: value.Label, Example: value.Example, Value: at(values, n)})
	}
	return data, nil
}

// startChat sends the template that begins a chat.
func (s *Server) startChat(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	if err := form(w, r); err != nil {
		return err
	}
	channel, template := formID(r, "channel"), r.PostFormValue("template")
	name, language, _ := strings.Cut(template, "|")
	choice := desk.TemplateChoice{Name: name, Language: language, Values: r.PostForm["value"]}
	request, err := v.StartChat(r.Context(), channel, r.PostFormValue("phone"), choice, r.PostFormValue("key"))
	refused := (*desk.Refused)(nil)
	if err == nil {
		return see(w, r, address("requests", request))
	}
	if !errors.As(err, &refused) {
		return err
	}
	data, err := s.chatData(r, v, channel, template, r.PostForm["value"])
	if err != nil {
		return err
	}
	data.Phone, data.Field = r.PostFormValue("phone"), refused.Field
	return s.page(w, r, v, http.StatusUnprocessableEntity, "chat", &Page{Title: "New chat", Area: "requests", Wrong: refused.Sentence, Data: data})
}
