package chatapitest

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/chatapi-go/chatapi"
)

// templateFill puts values into a template and notes the first value that does not
// fit.
type templateFill struct {
	template *template
	code     int // 132000 or 132012
	details  string
	spaces   string // the component that has a value with forbidden white space
}

func (f *templateFill) fail(code int, format string, args ...any) {
	if f.code == 0 {
		f.code, f.details = code, fmt.Sprintf(format, args...)
	}
}

// render returns the message as the customer sees it.
func (f *templateFill) render(params []any) Received {
	t := f.template
	got := Received{Template: t.name, Language: t.language}
	byKind := map[string]object{}
	byButton := map[int]object{}
	for _, v := range params {
		p := asObject(v)
		kind := strings.ToLower(p.text("type"))
		switch kind {
		case "button":
			i, _ := strconv.Atoi(p.text("index"))
			byButton[i] = p
		case "header", "body", "carousel", "limited_time_offer":
			byKind[kind] = p
		default:
			f.fail(132012, "component type %q is unknown", p.text("type"))
		}
	}
	got.Header, got.File = f.header(t.component("HEADER"), byKind["header"])
	got.Text = f.fill("body", t.component("BODY").text("text"), byKind["body"].list("parameters"))
	got.Footer = t.component("FOOTER").text("text")
	buttons := t.buttons()
	for i, b := range buttons {
		got.Buttons = append(got.Buttons, f.button(i, b, byButton[i]))
		delete(byButton, i)
	}
	for i := range byButton {
		f.fail(132000, "button %d: the template has %d buttons", i, len(buttons))
	}
	f.carousel(byKind["carousel"])
	return got
}

func (f *templateFill) header(header, param object) (string, *ReceivedFile) {
	format := strings.ToUpper(header.text("format"))
	parameters := param.list("parameters")
	switch format {
	case "", "TEXT":
		return f.fill("header", header.text("text"), parameters), nil
	}
	if len(parameters) != 1 {
		f.fail(132012, "header: %s expected, %d parameters given", format, len(parameters))
		return "", nil
	}
	p := asObject(parameters[0])
	kind := strings.ToLower(format)
	value := p.object(kind)
	if !strings.EqualFold(p.text("type"), kind) || value == nil {
		f.fail(132012, "header: %s expected, %q given", format, p.text("type"))
		return "", nil
	}
	if kind == "location" {
		return value.text("name"), nil
	}
	if value.text("link") == "" && value.text("id") == "" {
		f.fail(132012, "header: %s needs a link or an id", format)
	}
	return "", &ReceivedFile{Type: chatapi.ContentType(kind), URL: value.text("link"), ID: value.text("id"), Name: value.text("filename")}
}

// fill puts the values into the placeholders of a text.
func (f *templateFill) fill(where, text string, parameters []any) string {
	names := placeholders(text)
	if len(parameters) != len(names) {
		f.fail(132000, "%s: number of localizable_params (%d) does not match the expected number of params (%d)", where, len(parameters), len(names))
		return text
	}
	values := map[string]string{}
	for i, v := range parameters {
		p := asObject(v)
		name := cmp.Or(p.text("parameter_name"), strconv.Itoa(i+1))
		if !slices.Contains(names, name) {
			f.fail(132000, "%s: there is no variable %q", where, name)
			continue
		}
		values[name] = f.value(where, p)
	}
	return placeholder.ReplaceAllStringFunc(text, func(s string) string {
		return values[placeholder.FindStringSubmatch(s)[1]]
	})
}

func (f *templateFill) value(where string, p object) string {
	switch p.text("type") {
	case "text":
		s := p.text("text")
		if s == "" {
			f.fail(132012, "%s: a text value is empty", where)
		}
		if strings.ContainsAny(s, "\n\t\r") || manySpaces.MatchString(s) {
			f.spaces = cmp.Or(f.spaces, where)
		}
		return s
	case "currency", "date_time":
		s := p.object(p.text("type")).text("fallback_value")
		if s == "" {
			f.fail(132012, "%s: %s needs a fallback_value", where, p.text("type"))
		}
		return s
	}
	f.fail(132012, "%s: value type %q is unknown", where, p.text("type"))
	return ""
}

// button checks the parameters of one button and returns it filled in.
func (f *templateFill) button(i int, b, param object) Button {
	where := fmt.Sprintf("button %d", i)
	kind := strings.ToLower(b.text("type"))
	got := Button{Title: b.text("text"), URL: b.text("url")}
	parameters := param.list("parameters")
	given := strings.ToLower(param.text("sub_type"))
	if param != nil && given != kind && !(given == "url" && kind == "otp") {
		f.fail(132012, "%s: the template has a %s button, not %s", where, kind, param.text("sub_type"))
		return got
	}
	switch kind {
	case "url":
		got.URL = f.fill(where, got.URL, parameters)
	case "quick_reply":
		got.kind, got.ID = "button", got.Title
		if len(parameters) > 0 {
			got.payload = asObject(parameters[0]).text("payload")
			got.ID = cmp.Or(got.payload, got.ID)
		}
	case "copy_code":
		if len(parameters) != 1 || asObject(parameters[0]).text("coupon_code") == "" {
			f.fail(132000, "%s: a copy_code button needs its coupon_code", where)
			return got
		}
		got.ID = asObject(parameters[0]).text("coupon_code")
	case "flow":
		got.kind = "flow"
	case "phone_number":
		if len(parameters) > 0 {
			f.fail(132000, "%s: a phone_number button takes no parameters", where)
		}
	}
	return got
}

// carousel checks the number of cards and fills each card, whose components are
// like those of a template.
func (f *templateFill) carousel(param object) {
	approved := f.template.component("CAROUSEL").list("cards")
	if given := param.list("cards"); len(given) != len(approved) {
		f.fail(132000, "carousel: %d cards given, the template has %d", len(given), len(approved))
		return
	}
	for i, v := range param.list("cards") {
		card := &templateFill{template: &template{components: asObject(approved[i]).list("components")}}
		card.render(asObject(v).list("components"))
		if card.code != 0 {
			f.fail(card.code, "card %d: %s", i, card.details)
		}
		f.spaces = cmp.Or(f.spaces, card.spaces)
	}
}
