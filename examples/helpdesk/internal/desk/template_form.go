package desk

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// TemplateForm is a template as a person writes it.
type TemplateForm struct {
	Channel                        int64
	Name, Language, Category       string
	Header, Body, Footer, Examples string // Examples has a line for each variable of Header, then of Body
	Buttons                        []TemplateButtonForm
}

// TemplateButtonForm is a button of a form. A button without a text is none.
type TemplateButtonForm struct {
	Type    string // chatapi.ButtonType
	Text    string
	Value   string // the address or the phone number
	Example string // of an address that ends in a variable
}

// NewTemplateForm returns an empty form.
func NewTemplateForm() TemplateForm {
	return TemplateForm{Language: "en", Category: "UTILITY", Buttons: make([]TemplateButtonForm, 3)}
}

// CopyTemplate returns a form with what a template has, to be changed and submitted under
// a new name. What the form has no field for is left out.
func (v *View) CopyTemplate(ctx context.Context, channel int64, name, language string) (TemplateForm, error) {
	all, err := v.Templates(ctx, channel)
	if err != nil {
		return TemplateForm{}, err
	}
	i := slices.IndexFunc(all, func(t TemplateRow) bool { return t.Name == name && t.Language == language })
	if i < 0 || channel == 0 {
		return TemplateForm{}, ErrNotFound
	}
	f := NewTemplateForm()
	f.Channel, f.Name, f.Language, f.Category = channel, nextName(all, name), language, all[i].Category
	var examples []string
	for _, c := range all[i].Info.Components {
		switch {
		case c.Type == chatapi.ComponentHeader && c.Format == chatapi.FormatText:
			f.Header = c.Text
			examples = append(c.Example[:len(c.Example):len(c.Example)], examples...)
		case c.Type == chatapi.ComponentBody:
			f.Body = c.Text
			examples = append(examples, c.Example...)
		case c.Type == chatapi.ComponentFooter:
			f.Footer = c.Text
		case c.Type == chatapi.ComponentButtons:
			for n, b := range c.Buttons[:min(len(c.Buttons), len(f.Buttons))] {
				f.Buttons[n] = TemplateButtonForm{Type: string(b.Type), Text: b.Text, Value: b.URL + b.Phone, Example: b.Example}
			}
		}
	}
	f.Examples = strings.Join(examples, "\n")
	return f, nil
}

// nextName returns the name of a copy: WhatsApp keeps the name of a refused template.
func nextName(all []TemplateRow, name string) string {
	stem := strings.TrimRight(name, "0123456789")
	if stem == name || !strings.HasSuffix(stem, "_") {
		stem = name + "_"
	}
	for n := 2; ; n++ {
		next := stem + strconv.Itoa(n)
		if !slices.ContainsFunc(all, func(t TemplateRow) bool { return t.Name == next }) {
			return next
		}
	}
}

var variable = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)

// variables returns the names of the variables of a text, each once: numbers in their
// order, names in that of the text.
func variables(text string) []string {
	var names []string
	for _, m := range variable.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(names, m[1]) {
			names = append(names, m[1])
		}
	}
	slices.SortStableFunc(names, func(a, b string) int {
		n, err := strconv.Atoi(a)
		o, wrong := strconv.Atoi(b)
		if err != nil || wrong != nil {
			return 0
		}
		return n - o
	})
	return names
}

func lines(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// Variables returns those of the form, as they are written, in the order of Examples.
func (f *TemplateForm) Variables() []string {
	var all []string
	for _, name := range slices.Concat(variables(f.Header), variables(f.Body)) {
		all = append(all, "{{"+name+"}}")
	}
	return all
}

// CountExamples returns the number of examples.
func (f *TemplateForm) CountExamples() int { return len(lines(f.Examples)) }

// draft returns the template of the form.
func (f *TemplateForm) draft() chatapi.TemplateDraft {
	d := chatapi.TemplateDraft{Name: strings.TrimSpace(f.Name), Category: f.Category, Language: strings.TrimSpace(f.Language)}
	examples := lines(f.Examples)
	ofHeader := examples[:min(len(examples), len(variables(f.Header)))]
	if header := strings.TrimSpace(f.Header); header != "" {
		d.Components = append(d.Components, chatapi.Component{Type: chatapi.ComponentHeader, Format: chatapi.FormatText, Text: header, Example: ofHeader})
	}
	d.Components = append(d.Components, chatapi.Component{Type: chatapi.ComponentBody,
		Text: strings.TrimSpace(strings.ReplaceAll(f.Body, "\r\n", "\n")), Example: examples[len(ofHeader):]})
	if footer := strings.TrimSpace(f.Footer); footer != "" {
		d.Components = append(d.Components, chatapi.Component{Type: chatapi.ComponentFooter, Text: footer})
	}
	var buttons []chatapi.TemplateButton
	for _, b := range f.Buttons {
		if b.Text == "" {
			continue
		}
		button := chatapi.TemplateButton{Type: chatapi.ButtonType(b.Type), Text: b.Text}
		switch button.Type {
		case chatapi.ButtonTypeURL:
			button.URL = b.Value
			if len(variables(b.Value)) > 0 {
				button.Example = b.Example
			}
		case chatapi.ButtonTypePhoneNumber:
			button.Phone = b.Value
		}
		buttons = append(buttons, button)
	}
	if len(buttons) > 0 {
		d.Components = append(d.Components, chatapi.Component{Type: chatapi.ComponentButtons, Buttons: buttons})
	}
	return d
}

// Preview returns the template as the customer will see it, with the examples as values.
// A variable without an example stays as it is written.
func (f *TemplateForm) Preview() chatapi.Preview {
	d := f.draft()
	var p chatapi.Preview
	for _, c := range d.Components {
		switch c.Type {
		case chatapi.ComponentHeader:
			p.Header = fill(c.Text, c.Example)
		case chatapi.ComponentBody:
			p.Body = fill(c.Text, c.Example)
		case chatapi.ComponentFooter:
			p.Footer = c.Text
		case chatapi.ComponentButtons:
			for _, b := range c.Buttons {
				p.Buttons = append(p.Buttons, chatapi.PreviewButton{Type: b.Type, Text: b.Text})
			}
		}
	}
	return p
}

// fill puts values into the variables of a text.
func fill(text string, values []string) string {
	names := variables(text)
	return variable.ReplaceAllStringFunc(text, func(found string) string {
		n := slices.Index(names, variable.FindStringSubmatch(found)[1])
		if n >= len(values) {
			return found
		}
		return values[n]
	})
}

// CreateTemplate submits a template for approval. Only an administrator may do that. What
// is wrong with the form is a *Refused with the field.
func (v *View) CreateTemplate(ctx context.Context, f TemplateForm) error {
	if err := v.admin(); err != nil {
		return err
	}
	client, err := v.clientOf(ctx, f.Channel)
	if errors.Is(err, ErrNotFound) {
		return &Refused{Field: "channel", Sentence: "Choose the channel that gets the template."}
	}
	if err != nil {
		return err
	}
	draft := f.draft()
	info, err := client.Templates.Create(ctx, draft)
	if err != nil {
		return refusedTemplate(draft, err)
	}
	return v.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		body, err := templateBody(info)
		if err != nil {
			return err
		}
		key := templateKey{store.Text(info.Name), store.Text(info.Language)}
		err = putTemplate(ctx, tx, f.Channel, key, storedTemplate{status: info.Status, category: info.Category, reason: info.Reason, body: body, changed: store.Micros(v.Now())})
		if err != nil {
			return err
		}
		if err := templatesChanged(tx, f.Channel); err != nil {
			return err
		}
		return v.audit(ctx, tx, v.Agent, "submit template", info.Name+" ("+info.Language+")", "", "")
	})
}

// ReadTemplates reads the templates of a channel from the service again. Only an
// administrator may do that.
func (v *View) ReadTemplates(ctx context.Context, channel int64) error {
	if err := v.admin(); err != nil {
		return err
	}
	err := v.saveTemplates(ctx, channel)
	if e := (*chatapi.Error)(nil); errors.As(err, &e) {
		return &Refused{Sentence: "The templates could not be read. " + strings.TrimSpace(e.Sentence+" "+e.Advice)}
	}
	return err
}

// refusedTemplate returns the error of a template that was not submitted, in words for
// the person who wrote it.
func refusedTemplate(draft chatapi.TemplateDraft, err error) error {
	e := (*chatapi.Error)(nil)
	switch {
	case !errors.As(err, &e):
		return err
	case e.Kind == chatapi.ErrOutcomeUnknown:
		return &Refused{Sentence: "It is not known whether the template was submitted. Look whether it is in the list before you submit it again."}
	case e.Kind != chatapi.ErrInvalid:
		return &Refused{Sentence: sentenceFor(err)}
	case e.Field == "":
		return &Refused{Field: "name", Sentence: "WhatsApp does not take it: " + strings.TrimSuffix(e.Reason, ".") + ". If it exists already, choose another name."}
	}
	field, words := templateField(draft, e.Field)
	return &Refused{Field: field, Sentence: words + " " + strings.TrimSuffix(e.Reason, ".") + "."}
}

var componentPlace = regexp.MustCompile(`^Components\[(\d+)\]\.(\w+)`)

// templateField returns the form's field for a field of the draft, and its name in words.
func templateField(draft chatapi.TemplateDraft, field string) (name, words string) {
	switch field {
	case "Name":
		return "name", "The name"
	case "Language":
		return "language", "The language"
	case "Category":
		return "category", "The category"
	}
	place := componentPlace.FindStringSubmatch(field)
	if place == nil {
		return "body", "The text"
	}
	n, _ := strconv.Atoi(place[1])
	switch kind := draft.Components[n].Type; {
	case place[2] == "Example":
		return "examples", "The list of examples"
	case kind == chatapi.ComponentHeader:
		return "header", "The header"
	case kind == chatapi.ComponentFooter:
		return "footer", "The footer"
	case kind == chatapi.ComponentButtons:
		return "buttons", "A button " + buttonWords(field)
	}
	return "body", "The text"
}

// buttonWords begins a sentence about the part of a button that is wrong.
func buttonWords(field string) string {
	switch _, part, _ := strings.Cut(field, "]."); {
	case strings.HasSuffix(part, ".URL"):
		return "has an address that"
	case strings.HasSuffix(part, ".Phone"):
		return "has a number that"
	case strings.HasSuffix(part, ".Example"):
		return "has an example that"
	}
	return "has a text that"
}
