package web

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

func (s *Server) composerRoutes() []route {
	return []route{
		{"GET /requests/{n}/composer", agents, s.composerPage},
		{"POST /requests/{n}/messages", agents, s.sendMessage},
		{"POST /requests/{n}/templates", agents, s.sendTemplate},
		{"POST /requests/{n}/notes", agents, s.addNote},
		{"POST /requests/{n}/draft", agents, s.saveDraft},
		{"POST /requests/{n}/typing", agents, s.showTyping},
		{"POST /messages/{id}/again", agents, s.sendAgain},
		{"POST /messages/{id}/resolve", agents, s.resolveMessage},
		{"POST /messages/{id}/settle", agents, s.settleMessage},
		{"POST /messages/{id}/cancel", agents, s.cancelMessage},
		{"POST /messages/{id}/fetch", agents, s.fetchFile},
		{"GET /chats", agents, s.newChat},
		{"POST /chats", agents, s.startChat},
		{"GET /manage/decide", admins, s.decidePage},
		{"POST /manage/decide/{id}/replay", admins, s.replayLetter},
		{"POST /manage/decide/{id}/discard", admins, s.discardLetter},
	}
}

// composerView is what parts/composer.html shows: {{template "composer" .Composer}}.
type composerView struct {
	*desk.Composer
	Back     string // the page's area, inbox or requests, to which forms return
	Tab      string // reply, note or template
	Text     string // of the message, as it was typed
	Noted    string // of the note
	Quote    *desk.Message
	Replaces int64
	Buttons  []string
	Label    string
	Rows     []desk.Row
	More     bool // the fields for a file, buttons and a list are shown
	Answered *desk.Message
	Wrong    string // why nothing was sent
	Field    string // which field is wrong
	Search   string // of templates
	Choice   *templateForm
}

// templateForm is a template that is filled in.
type templateForm struct {
	desk.TemplateChoices
	Fields  []valueField
	Preview chatapi.Preview
	Price   string
	Sure    bool // the next press sends although no price is known
}

// valueField is a variable of a template in a form.
type valueField struct {
	Number                int
	Label, Example, Value string
}

// askToReply is the text that an agent may send before the window closes.
const askToReply = "Is there anything else that we can do for you? If you answer here, we can go on writing to you."

// Seconds is how long the service window stays open. It is never less than that, so that a
// page that has counted to 0 finds it closed.
func (c *composerView) Seconds() int { return int(math.Ceil(c.Left.Seconds())) }

// LeftText is that time in words.
func (c *composerView) LeftText() string {
	minutes := int(c.Left.Minutes())
	switch {
	case minutes >= 60:
		return fmt.Sprintf("%d h %d min", minutes/60, minutes%60)
	case minutes >= 1:
		return fmt.Sprintf("%d min", minutes)
	}
	return "less than a minute"
}

// Writes reports whether free text can be sent.
func (c *composerView) Writes() bool {
	return c.State == desk.ComposerOpen || c.State == desk.ComposerClosing
}

// Nth is the number of an element, from 1.
func (c *composerView) Nth(n int) int { return n + 1 }

// Shows reports whether the search for templates finds one.
func (c *composerView) Shows(t desk.TemplateChoices) bool {
	return strings.Contains(strings.ToLower(t.Name+" "+t.Text), strings.ToLower(strings.TrimSpace(c.Search)))
}

// composer returns the composer of a request for a page of the area "inbox" or
// "requests". The page's query may hold tab, template, canned, ask, quote and edit.
func (s *Server) composer(r *http.Request, v *desk.View, request int64, area string) (*composerView, error) {
	c, err := v.Composer(r.Context(), request)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	view := &composerView{Composer: c, Back: area, Text: c.Draft, Noted: c.Note, Search: q.Get("search"), Buttons: make([]string, 3), Rows: make([]desk.Row, 10)}
	view.showTab(q.Get("tab"))
	for _, canned := range c.Canned {
		if q.Get("canned") == strconv.FormatInt(canned.ID, 10) {
			view.Text = strings.TrimSpace(view.Text + "\n" + canned.Body)
		}
	}
	if q.Get("ask") == "1" && view.Text == "" {
		view.Text = askToReply
	}
	if id, _ := strconv.ParseInt(q.Get("edit"), 10, 64); id != 0 {
		m, err := v.Message(r.Context(), id)
		if err == nil && m.Request == request {
			view.Text, view.Replaces = m.Body, id
		}
	}
	quote, _ := strconv.ParseInt(q.Get("quote"), 10, 64)
	if err := view.quote(r, v, quote); err != nil {
		return nil, err
	}
	if name := q.Get("template"); name != "" {
		view.showTab("template")
		if err := view.choose(r, v, name, nil); err != nil {
			return nil, err
		}
	}
	return view, nil
}

// showTab shows a tab that can be used now: "reply", "note" or "template".
func (c *composerView) showTab(tab string) {
	c.Tab = tab
	switch {
	case tab == "note":
	case c.State == desk.ComposerNone:
		c.Tab = "note"
	case !c.Writes():
		c.Tab = "template"
	case tab != "template":
		c.Tab = "reply"
	}
}

// quote shows the message that the composition answers.
func (c *composerView) quote(r *http.Request, v *desk.View, message int64) error {
	if message == 0 {
		return nil
	}
	m, err := v.Message(r.Context(), message)
	if errors.Is(err, desk.ErrNotFound) {
		return nil
	}
	c.Quote = m
	return err
}

// choose shows a template, named as "name|language", with values.
func (c *composerView) choose(r *http.Request, v *desk.View, name string, values []string) error {
	n := slices.IndexFunc(c.Templates, func(t desk.TemplateChoices) bool { return t.Name+"|"+t.Language == name })
	if n < 0 {
		c.Wrong, c.Field = "That template cannot be sent any more. Choose another one.", "template"
		return nil
	}
	form := &templateForm{TemplateChoices: c.Templates[n]}
	for n, value := range form.Values {
		field := valueField{Number: n + 1, Label: value.Label, Example: value.Example}
		if n < len(values) {
			field.Value = values[n]
		}
		form.Fields = append(form.Fields, field)
	}
	c.Choice = form
	var err error
	form.Preview, form.Price, _, err = v.Preview(r.Context(), c.Request, desk.TemplateChoice{Name: form.Name, Language: form.Language, Values: values})
	if refused := (*desk.Refused)(nil); errors.As(err, &refused) {
		c.Wrong, c.Field = refused.Sentence, refused.Field
		return nil
	}
	return err
}

// composerPage shows the composer alone: as a part for a script, or as a page.
func (s *Server) composerPage(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	request, err := pathID(r, "n")
	if err != nil {
		return err
	}
	view, err := s.composer(r, v, request, area(r.URL.Query().Get("back")))
	if err != nil {
		return err
	}
	return s.showComposer(w, r, v, http.StatusOK, view)
}

// showComposer answers with the composer.
func (s *Server) showComposer(w http.ResponseWriter, r *http.Request, v *desk.View, code int, view *composerView) error {
	if fragment(r) {
		return s.part(w, code, "composer", "composer", view)
	}
	return s.page(w, r, v, code, "composer", &Page{Title: "Write to " + view.Person, Area: view.Back, Data: view})
}

// area is the area of the pages to which a form returns.
func area(back string) string {
	if back == "requests" {
		return "requests"
	}
	return "inbox"
}

// address is that of a request's page in an area.
func address(area string, request int64) string {
	return "/" + area + "/" + strconv.FormatInt(request, 10)
}

// sendMessage sends what was composed.
func (s *Server) sendMessage(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	request, err := pathID(r, "n")
	if err != nil {
		return err
	}
	form, file, done, err := readUpload(w, r)
	defer done()
	c := compositionOf(request, form)
	if c.File = file; err == nil {
		_, err = v.Send(r.Context(), c)
	}
	return s.afterSend(w, r, v, request, form, err, func(view *composerView) error {
		view.showTab("reply")
		view.Text, view.Replaces = c.Text, c.Replaces
		copy(view.Buttons, form["button"])
		view.Label = form.Get("label")
		for n := range view.Rows {
			view.Rows[n] = desk.Row{Title: at(form["row"], n), Description: at(form["about"], n)}
		}
		view.More = len(c.Buttons) > 0 || c.List != nil || view.Field == "file" || view.Field == "more"
		return view.quote(r, v, c.Quote)
	})
}

// afterSend answers a form that sends: the browser goes back to the request's page, or the
// composer comes with what was typed and why nothing was sent.
func (s *Server) afterSend(w http.ResponseWriter, r *http.Request, v *desk.View, request int64, form url.Values, err error, keep func(*composerView) error) error {
	back := area(form.Get("back"))
	if err == nil && !fragment(r) {
		return see(w, r, address(back, request))
	}
	view, failed := s.composer(r, v, request, back)
	if failed != nil {
		return failed
	}
	if err == nil {
		view.Text = "" // the draft has gone with the message
		return s.showComposer(w, r, v, http.StatusOK, view)
	}
	code := http.StatusUnprocessableEntity
	answered, refused := (*desk.Answered)(nil), (*desk.Refused)(nil)
	switch {
	case errors.As(err, &answered):
		code, view.Answered = http.StatusConflict, &answered.Message
	case errors.Is(err, desk.ErrClosed):
		code, view.Wrong = http.StatusConflict, "The window has closed, so nothing was sent. Your text is kept as a draft."
	case errors.As(err, &refused):
		view.Wrong, view.Field = refused.Sentence, refused.Field
	default:
		return err
	}
	if key := form.Get("key"); key != "" && !errors.Is(err, desk.ErrSentBefore) {
		view.Key = key
	}
	if err := keep(view); err != nil {
		return err
	}
	return s.showComposer(w, r, v, code, view)
}

// compositionOf returns what a form sends.
func compositionOf(request int64, form url.Values) desk.Composition {
	c := desk.Composition{Request: request, Key: form.Get("key"), LastSeen: number(form, "seen"), Anyway: form.Get("anyway") == "1",
		Text: form.Get("text"), Quote: number(form, "quote"), Replaces: number(form, "replaces")}
	for _, title := range form["button"] {
		if title = strings.TrimSpace(title); title != "" {
			c.Buttons = append(c.Buttons, title)
		}
	}
	list := desk.ListChoice{Label: strings.TrimSpace(form.Get("label"))}
	for n, title := range form["row"] {
		if title = strings.TrimSpace(title); title != "" {
			list.Rows = append(list.Rows, desk.Row{Title: title, Description: strings.TrimSpace(at(form["about"], n))})
		}
	}
	if list.Label != "" || len(list.Rows) > 0 {
		c.List = &list
	}
	return c
}

// number returns a number of a form; 0 for none.
func number(form url.Values, name string) int64 {
	n, _ := strconv.ParseInt(form.Get(name), 10, 64)
	return n
}

// at returns an element of a list; "" beyond its end.
func at(list []string, n int) string {
	if n < len(list) {
		return list[n]
	}
	return ""
}

// sendTemplate sends a template, or shows it with the values that were typed.
func (s *Server) sendTemplate(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	request, err := pathID(r, "n")
	if err != nil {
		return err
	}
	form, file, done, err := readUpload(w, r)
	defer done()
	if err == nil && form.Get("preview") == "1" {
		return s.previewTemplate(w, r, v, request, form)
	}
	name, language, _ := strings.Cut(form.Get("template"), "|")
	choice := &desk.TemplateChoice{Name: name, Language: language, Values: form["value"]}
	c := desk.Composition{Request: request, Key: form.Get("key"), LastSeen: number(form, "seen"), Anyway: form.Get("anyway") == "1", Template: choice, File: file}
	sure := form.Get("sure") == "1"
	unpriced := false
	if err == nil && !sure {
		var price string
		if _, price, unpriced, err = v.Preview(r.Context(), request, *choice); err == nil && unpriced {
			err = &desk.Refused{Field: "price", Sentence: price + " Press Send template again to send it all the same."}
		}
	}
	if err == nil {
		_, err = v.Send(r.Context(), c)
	}
	return s.afterSend(w, r, v, request, form, err, func(view *composerView) error {
		view.showTab("template")
		wrong, field := view.Wrong, view.Field
		err := view.choose(r, v, form.Get("template"), form["value"])
		view.Wrong, view.Field = wrong, field
		if view.Choice != nil {
			view.Choice.Sure = sure || unpriced
		}
		return err
	})
}

// previewTemplate shows a template with the values that were typed.
func (s *Server) previewTemplate(w http.ResponseWriter, r *http.Request, v *desk.View, request int64, form url.Values) error {
	view, err := s.composer(r, v, request, area(form.Get("back")))
	if err != nil {
		return err
	}
	view.showTab("template")
	if key := form.Get("key"); key != "" {
		view.Key = key
	}
	if err := view.choose(r, v, form.Get("template"), form["value"]); err != nil {
		return err
	}
	if fragment(r) {
		return s.part(w, http.StatusOK, "composer", "preview", view)
	}
	return s.showComposer(w, r, v, http.StatusOK, view)
}
