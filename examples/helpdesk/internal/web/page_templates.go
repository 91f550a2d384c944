package web

import (
	"cmp"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

func (s *Server) templateRoutes() []route {
	return []route{
		{"GET /templates", agents, s.templatesPage},
		{"GET /templates/new", admins, s.newTemplatePage},
		{"POST /templates", admins, s.createTemplate},
		{"POST /templates/preview", admins, s.previewNewTemplate},
		{"POST /templates/read", admins, s.readTemplates},
	}
}

// templatesData is the data of templates/templates.html.
type templatesData struct {
	Channels []desk.Name
	Channel  int64 // 0 for all
	Rows     []templateRow
}

// templateRow is a template as the list shows it.
type templateRow struct {
	desk.TemplateRow
	State string // in words
	Mark  string // class of the state
	Copy  string // address of the form with a copy
}

func (s *Server) templatesPage(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	data := templatesData{}
	data.Channel, _ = strconv.ParseInt(r.FormValue("channel"), 10, 64)
	var err error
	if data.Channels, err = v.ChannelNames(r.Context()); err != nil {
		return err
	}
	seq, err := v.LastChange(r.Context()) // before the rows, so that no change is missed
	if err != nil {
		return err
	}
	rows, err := v.Templates(r.Context(), data.Channel)
	if err != nil {
		return err
	}
	for _, row := range rows {
		state, mark := stateWords(row)
		query := url.Values{"channel": {strconv.FormatInt(row.Channel.ID, 10)}, "copy": {row.Name}, "language": {row.Language}}
		data.Rows = append(data.Rows, templateRow{row, state, mark, "/templates/new?" + query.Encode()})
	}
	return s.page(w, r, v, http.StatusOK, "templates", &Page{Title: "Templates", Area: "templates", Seq: seq, Data: data})
}

// stateWords returns a template's state in words and its class.
func stateWords(t desk.TemplateRow) (words, mark string) {
	switch t.Status {
	case chatapi.TemplateApproved, chatapi.TemplateLocked:
		return "approved", "good"
	case chatapi.TemplateFlagged:
		return "approved, low quality", "warn"
	case chatapi.TemplatePending:
		return "waiting for Facebook", ""
	case chatapi.TemplateInAppeal:
		return "in appeal", ""
	case chatapi.TemplatePaused:
		return "paused", "warn"
	}
	return strings.ToLower(strings.ReplaceAll(string(t.Status), "_", " ")), "bad"
}

// templateData is the data of templates/template.html.
type templateData struct {
	desk.TemplateForm
	Channels  []desk.Name
	Languages []string
	Refused   *desk.Refused // nil if nothing was refused
	Preview   templatePreview
}

// Refusal returns why a field was refused; nil if it was not.
func (d templateData) Refusal(field string) *desk.Refused {
	if d.Refused == nil || d.Refused.Field != field {
		return nil
	}
	return d.Refused
}

// Invalid returns the attributes of a field that was refused.
func (d templateData) Invalid(field string) template.HTMLAttr {
	if d.Refusal(field) == nil {
		return ""
	}
	return template.HTMLAttr(`aria-invalid="true" aria-describedby="refusal-` + field + `" autofocus`) // field is a word of the page
}

// Numbered returns the buttons with their numbers.
func (d templateData) Numbered() (all []numberedButton) {
	for i, b := range d.Buttons {
		all = append(all, numberedButton{b, i + 1})
	}
	return all
}

type numberedButton struct {
	desk.TemplateButtonForm
	Number int
}

// templatePreview is the part of the page that shows the customer's view.
type templatePreview struct {
	chatapi.Preview
	Variables []string
	Examples  int
}

// languages are those that the form offers. Another one is typed.
var languages = []string{"en", "en_GB", "en_US", "es", "de", "fr", "it", "pt_BR", "ru", "tr", "ar", "he", "hi", "id", "zh_CN"}

func (s *Server) newTemplatePage(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	f := desk.NewTemplateForm()
	f.Channel, _ = strconv.ParseInt(r.FormValue("channel"), 10, 64)
	if name := r.FormValue("copy"); name != "" {
		var err error
		if f, err = v.CopyTemplate(r.Context(), f.Channel, name, r.FormValue("language")); err != nil {
			return err
		}
	}
	return s.templateWith(w, r, v, f, nil)
}

// templateWith shows the form of a template, with what was typed.
func (s *Server) templateWith(w http.ResponseWriter, r *http.Request, v *desk.View, f desk.TemplateForm, refused *desk.Refused) error {
	channels, err := v.ChannelNames(r.Context())
	if err != nil {
		return err
	}
	data := templateData{TemplateForm: f, Channels: channels, Languages: languages, Refused: refused, Preview: previewOf(f)}
	code, page := http.StatusOK, &Page{Title: "New template", Area: "templates"}
	if refused != nil {
		code, page.Wrong = http.StatusUnprocessableEntity, refused.Sentence
	}
	page.Data = data
	return s.page(w, r, v, code, "template", page)
}

func previewOf(f desk.TemplateForm) templatePreview {
	return templatePreview{f.Preview(), f.Variables(), f.CountExamples()}
}

// newTemplateForm returns what was typed.
func newTemplateForm(r *http.Request) desk.TemplateForm {
	f := desk.NewTemplateForm()
	f.Channel, f.Name, f.Language, f.Category = formID(r, "channel"), r.PostFormValue("name"), r.PostFormValue("language"), r.PostFormValue("category")
	f.Header, f.Body, f.Footer, f.Examples = r.PostFormValue("header"), r.PostFormValue("body"), r.PostFormValue("footer"), r.PostFormValue("examples")
	for i := range f.Buttons {
		n := strconv.Itoa(i + 1)
		f.Buttons[i] = desk.TemplateButtonForm{Type: cmp.Or(r.PostFormValue("button-type-"+n), string(chatapi.ButtonTypeQuickReply)), Text: r.PostFormValue("button-text-" + n),
			Value: r.PostFormValue("button-value-" + n), Example: r.PostFormValue("button-example-" + n)}
	}
	return f
}

func (s *Server) previewNewTemplate(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	if err := form(w, r); err != nil {
		return err
	}
	f := newTemplateForm(r)
	if fragment(r) {
		return s.part(w, http.StatusOK, "template", "template-preview", previewOf(f))
	}
	return s.templateWith(w, r, v, f, nil)
}

func (s *Server) createTemplate(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	if err := form(w, r); err != nil {
		return err
	}
	f := newTemplateForm(r)
	err := v.CreateTemplate(r.Context(), f)
	notice := "Submitted. The template waits for Facebook; this page shows the decision by itself."
	return s.saved(w, r, err, "/templates?channel="+strconv.FormatInt(f.Channel, 10), notice, func(refused *desk.Refused) error {
		return s.templateWith(w, r, v, f, refused)
	})
}

func (s *Server) readTemplates(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	if err := form(w, r); err != nil {
		return err
	}
	channel := formID(r, "channel")
	if err := v.ReadTemplates(r.Context(), channel); err != nil {
		return err
	}
	s.sessions.say(r.Context(), "The list is that of WhatsApp now.")
	return see(w, r, "/templates?channel="+strconv.FormatInt(channel, 10))
}
