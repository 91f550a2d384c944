package chatapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Template sends an approved template; it needs no open service window. Its
// values are checked by themselves when it is sent, and against the approved
// text by [TemplateInfo.Check]. [TemplateInfo.Use] fills in everything but the
// values.
type Template struct {
	// Name and Language name one approved template; the language is matched
	// exactly, so "en" is not "en_US".
	Name, Language string

	// Namespace is that of the account, as [TemplateInfo] tells it. Whether the
	// service needs it is not documented; one client refuses to send without
	// it, another leaves it out (contract, "Templates").
	Namespace string

	// Header is the media or place of the header, or the value of the variable
	// in a text header. A header of fixed text needs none.
	Header Header

	// Body is the values of the body's variables; see [Params] and
	// [NamedParams].
	Body []Param

	// Buttons is the values of buttons that have some; see [URLButton].
	Buttons []ButtonParam

	// Category is the template's category, such as "UTILITY". It is not sent:
	// quotes and bills need it.
	Category string
}

// Param is the value of one variable in a template. Make it with [Params],
// [NamedParams], [CurrencyParam] or [DateTimeParam].
//
// Newlines, tabs and more than four spaces in a row are refused, since WhatsApp
// refuses them (contract, "Templates"; documented).
type Param struct {
	// Name is the variable's name; empty in a template with numbered ones.
	Name string

	// Text is the value; of amounts and dates what the customer sees.
	Text string

	kind       paramKind
	currency   string
	amount1000 int64
}

type paramKind string

const (
	paramText     paramKind = ""
	paramCurrency paramKind = "currency"
	paramDateTime paramKind = "date_time"
)

// Params returns the values of numbered variables, {{1}} first.
func Params(values ...string) []Param {
	params := make([]Param, len(values))
	for i, v := range values {
		params[i].Text = v
	}
	return params
}

// NamedParams returns the values of named variables, such as {{customer}},
// sorted by name.
func NamedParams(values map[string]string) []Param {
	params := make([]Param, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		params = append(params, Param{Name: name, Text: values[name]})
	}
	return params
}

// CurrencyParam returns an amount of money: as text for the customer, its
// currency by three letters, and the amount times 1000.
func CurrencyParam(text, currency string, amount1000 int64) Param {
	return Param{Text: text, kind: paramCurrency, currency: currency, amount1000: amount1000}
}

// DateTimeParam returns a date or time as text for the customer, who sees it as
// it is.
func DateTimeParam(text string) Param { return Param{Text: text, kind: paramDateTime} }

func (p Param) check(c *checker, field string) {
	checkValue(c, field, p.Text, maxValue)
	c.optional(field, p.Name, 512)
	if p.kind == paramCurrency {
		c.that(len(p.currency) == 3 && !strings.ContainsFunc(p.currency, func(r rune) bool { return r < 'A' || r > 'Z' }),
			field, "has the currency "+quote(p.currency)+"; it must be three letters such as USD")
	}
}

func (p Param) object() map[string]any {
	o := map[string]any{}
	if p.Name != "" {
		o["parameter_name"] = p.Name
	}
	switch p.kind {
	case paramText:
		o["type"], o["text"] = "text", p.Text
	case paramCurrency:
		o["type"] = p.kind
		o["currency"] = map[string]any{"fallback_value": p.Text, "currency_code": p.currency, "amount_1000": p.amount1000}
	case paramDateTime:
		o["type"] = p.kind
		o["date_time"] = map[string]any{"fallback_value": p.Text}
	}
	return o
}

// maxValue is the longest body WhatsApp renders (a body with nothing around
// it), so no value can be longer.
const maxValue = 32768

// checkValue checks a text that is put into a template.
func checkValue(c *checker, field, value string, limit int) {
	c.text(field, value, limit)
	switch {
	case strings.ContainsAny(value, "\n\r"):
		c.fail(field, "has a line break, which WhatsApp refuses in a template's value")
	case strings.Contains(value, "\t"):
		c.fail(field, "has a tab, which WhatsApp refuses in a template's value")
	case strings.Contains(value, "     "):
		c.fail(field, "has more than four spaces in a row, which WhatsApp refuses in a template's value")
	}
}

// ButtonParam is the value of one of a template's buttons. Make it with
// [URLButton], [QuickReplyButton], [CopyCodeButton] or [FlowButton].
type ButtonParam struct {
	// Index is the button's position in the template, from 0.
	Index int

	kind  string // sub_type on the wire
	value string
	data  map[string]any
}

const (
	buttonURL        = "url"
	buttonQuickReply = "quick_reply"
	buttonCopyCode   = "copy_code"
	buttonFlow       = "flow"
)

// URLButton returns the end of the address behind a button whose URL ends in a
// variable. The one-time code of an authentication template goes the same way.
func URLButton(index int, suffix string) ButtonParam {
	return ButtonParam{Index: index, kind: buttonURL, value: suffix}
}

// QuickReplyButton returns what comes back as [Reply.ID] when the customer taps
// the button.
func QuickReplyButton(index int, payload string) ButtonParam {
	return ButtonParam{Index: index, kind: buttonQuickReply, value: payload}
}

// CopyCodeButton returns the code that the button copies.
func CopyCodeButton(index int, code string) ButtonParam {
	return ButtonParam{Index: index, kind: buttonCopyCode, value: code}
}

// FlowButton returns the token that comes back with the flow's answers, and the
// data of its first screen, which may be nil.
func FlowButton(index int, token string, data map[string]any) ButtonParam {
	return ButtonParam{Index: index, kind: buttonFlow, value: token, data: data}
}

// maxButtons is how many buttons a template may have.
const maxButtons = 10

func (p ButtonParam) check(c *checker, field string) {
	c.that(p.kind != "", field, "is empty; use URLButton, QuickReplyButton, CopyCodeButton or FlowButton")
	c.that(p.Index >= 0 && p.Index < maxButtons, field, fmt.Sprintf("has the index %d; buttons are 0 to %d", p.Index, maxButtons-1))
	switch p.kind {
	case buttonURL:
		checkValue(c, field, p.value, 2000)
	case buttonFlow:
		c.text(field, p.value, 1024)
		if _, err := json.Marshal(p.data); err != nil {
			c.fail(field, "has data that cannot be written as JSON: "+err.Error())
		}
	default:
		c.text(field, p.value, 1024)
	}
}

func (p ButtonParam) object() component {
	var value map[string]any
	switch p.kind {
	case buttonURL:
		value = map[string]any{"type": "text", "text": p.value}
	case buttonQuickReply:
		value = map[string]any{"type": "payload", "payload": p.value}
	case buttonCopyCode:
		value = map[string]any{"type": "coupon_code", "coupon_code": p.value}
	case buttonFlow:
		action := map[string]any{"flow_token": p.value}
		if p.data != nil {
			action["flow_action_data"] = p.data
		}
		value = map[string]any{"type": "action", "action": action}
	}
	index := p.Index
	return component{Type: "button", SubType: p.kind, Index: &index, Parameters: []map[string]any{value}}
}

// component is one part of a template with its values, as the service takes it.
type component struct {
	Type       string           `json:"type"`
	SubType    string           `json:"sub_type,omitempty"`
	Index      *int             `json:"index,omitempty"`
	Parameters []map[string]any `json:"parameters,omitempty"`
}

func (m Template) encode() (encoded, error) {
	var c checker
	m.check(&c)
	if err := c.err(); err != nil {
		return encoded{}, err
	}
	type language struct {
		Policy string `json:"policy"`
		Code   string `json:"code"`
	}
	return encoded{operation: "sendTemplate", category: m.Category, body: struct {
		Template  string      `json:"template"`
		Namespace string      `json:"namespace,omitempty"`
		Language  language    `json:"language"`
		Params    []component `json:"params,omitempty"`
	}{m.Name, m.Namespace, language{"deterministic", m.Language}, m.components()}}, nil
}

// check finds what is wrong with the values whatever the template says.
func (m Template) check(c *checker) {
	c.that(isWord(m.Name), "Name", orElse(ifText(m.Name, "is "+quote(m.Name)+", which is no template name"), "is empty"))
	c.that(isWord(m.Language), "Language", orElse(ifText(m.Language, "is "+quote(m.Language)+", which is no language code"), "is empty; give the approved one, such as en or pt_BR"))
	c.that(m.Namespace == "" || isWord(m.Namespace), "Namespace", "is no namespace; TemplateInfo tells it")

	m.Header.check(c)
	if m.Header.kind == headerText {
		checkValue(c, "Header", m.Header.text, 60)
	}
	names := unique{}
	for i, p := range m.Body {
		p.check(c, at("Body", i, ""))
		c.that((p.Name == "") == (m.Body[0].Name == ""), at("Body", i, ""), "mixes named and numbered values")
		if p.Name != "" {
			names.add(c, at("Body", i, "Name"), p.Name)
		}
	}
	indexes := unique{}
	for i, b := range m.Buttons {
		b.check(c, at("Buttons", i, ""))
		indexes.add(c, at("Buttons", i, "Index"), fmt.Sprint(b.Index))
	}
}

// components returns the parts that carry values.
func (m Template) components() []component {
	var parts []component
	if !m.Header.IsZero() {
		o := m.Header.object()
		if m.Header.name != "" {
			o["parameter_name"] = m.Header.name
		}
		parts = append(parts, component{Type: "header", Parameters: []map[string]any{o}})
	}
	if len(m.Body) > 0 {
		body := component{Type: "body"}
		for _, p := range m.Body {
			body.Parameters = append(body.Parameters, p.object())
		}
		parts = append(parts, body)
	}
	for _, b := range m.Buttons {
		parts = append(parts, b.object())
	}
	return parts
}

func ifText(condition, text string) string {
	if condition == "" {
		return ""
	}
	return text
}
