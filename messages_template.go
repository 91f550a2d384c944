package chatapi

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Template is a message made from an approved template and values for its
// variables. It needs no open service window. A send checks the values on their
// own; [TemplateInfo.Check] compares them with the approved template.
// [TemplateInfo.Use] returns a Template with the name, language, namespace and
// category filled in.
type Template struct {
	// Name and Language identify the approved template. The language is
	// matched exactly: "en" is not "en_US".
	Name, Language string

	// Namespace is the account's namespace; see [TemplateInfo]. Whether the
	// service needs it is not documented: one client refuses to send without
	// it, another leaves it out (contract, "Templates").
	Namespace string

	// Header is the media or place of the header, or the value of the variable
	// in a text header. Leave it out if the header is a fixed text.
	Header Header

	// Body holds the values of the body's variables; see [Params] and
	// [NamedParams].
	Body []Param

	// Buttons holds the values of the buttons that need one; see [URLButton].
	Buttons []ButtonParam

	// Cards holds the values of a carousel, one element for each of its 2 to
	// 10 cards.
	Cards []TemplateCard

	// OfferExpires is the end of a limited-time offer.
	OfferExpires time.Time

	// Category is the template's category, such as "UTILITY". It is not sent.
	// Quotes and bills need it, and so does the TTL.
	Category string

	// TTL is the time in which WhatsApp tries to deliver, in whole seconds; 0
	// means WhatsApp's default. It needs the Category: MARKETING takes 12 h to
	// 30 days (Marketing Messages path only), UTILITY 30 s to 12 h and
	// AUTHENTICATION 30 s to 15 min, the last two also exactly 30 days
	// (contract, "Limits"; documented).
	TTL time.Duration

	// MarketingLite forces the Marketing Messages path. Without it the service
	// uses that path for marketing templates on channels that have it.
	MarketingLite bool

	// ActivitySharing reports clicks by webhook; Marketing Messages path only.
	ActivitySharing bool
}

// TemplateCard holds the values of one card of a template's carousel.
type TemplateCard struct {
	// Header is an image, a video or a product.
	Header  Header
	Body    []Param
	Buttons []ButtonParam
}

// asTemplate returns the card as a Template, to reuse its checks and encoding.
func (card TemplateCard) asTemplate() Template {
	return Template{Header: card.Header, Body: card.Body, Buttons: card.Buttons}
}

// Param is the value of one variable in a template. Make it with [Params],
// [NamedParams], [CurrencyParam] or [DateTimeParam].
//
// A value with line breaks, tabs or more than four spaces in a row is
// [ErrInvalid], since WhatsApp refuses it (contract, "Templates"; documented).
type Param struct {
	// Name is the variable's name; empty in a template with numbered variables.
	Name string

	// Text is the value as the customer sees it, also of an amount or a date.
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

// Params returns the values of numbered variables, in the order {{1}}, {{2}} and
// so on.
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

// CurrencyParam returns an amount of money as a value: the text that the
// customer sees, the currency in three letters, such as "USD", and the amount
// times 1000.
func CurrencyParam(text, currency string, amount1000 int64) Param {
	return Param{Text: text, kind: paramCurrency, currency: currency, amount1000: amount1000}
}

// DateTimeParam returns a date or time as a value. The customer sees the text
// unchanged.
func DateTimeParam(text string) Param { return Param{Text: text, kind: paramDateTime} }

// check notes the first problem of the value at index i of a body.
func (p Param) check(c *checker, field string, i int) {
	var value checker
	checkValue(&value, field, p.Text, maxValue)
	if value.first != nil && p.Name == "" { // the index counts from 0, the template from 1
		value.first.Advice = fmt.Sprintf("it is the value of {{%d}}: %s", i+1, value.first.Advice)
	}
	if value.first != nil {
		c.failWith(value.first)
	}
	c.optional(field, p.Name, 512)
	if p.kind == paramCurrency {
		c.require(isCurrency(p.currency), field, "has the currency "+quote(p.currency)+", but must have three capital letters; write it as USD")
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

// maxValue is the longest body that WhatsApp renders, in characters (a body
// without header, footer and buttons), so no value can be longer.
const maxValue = 32768

// checkValue checks the value of a variable.
func checkValue(c *checker, field, value string, limit int) {
	c.text(field, value, limit)
	switch {
	case strings.ContainsAny(value, "\n\r"):
		c.fail(field, "has a line break, which WhatsApp refuses in a template's value; use a space or a comma")
	case strings.Contains(value, "\t"):
		c.fail(field, "has a tab, which WhatsApp refuses in a template's value; use a space")
	case strings.Contains(value, "     "):
		c.fail(field, "has more than four spaces in a row, which WhatsApp refuses in a template's value; use fewer")
	}
}

// ButtonParam is the value of one of a template's buttons. Make it with
// [URLButton], [QuickReplyButton], [CopyCodeButton], [FlowButton],
// [CatalogButton] or [OrderDetailsButton].
type ButtonParam struct {
	// Index is the button's position in the template, from 0.
	Index int

	kind  string // sub_type on the wire
	value string
	data  map[string]any
}

const (
	buttonURL          = "url"
	buttonQuickReply   = "quick_reply"
	buttonCopyCode     = "copy_code"
	buttonFlow         = "flow"
	buttonCatalog      = "catalog"
	buttonOrderDetails = "order_details"
)

// URLButton returns the value of a button whose URL ends in a variable: the end
// of the address, up to 2000 characters. The one-time code of an authentication
// template is such a value, too.
func URLButton(index int, suffix string) ButtonParam {
	return ButtonParam{Index: index, kind: buttonURL, value: suffix}
}

// QuickReplyButton returns the value of a quick-reply button: the text, up to
// 1024 characters, that comes back as [Reply.ID] when the customer taps it.
func QuickReplyButton(index int, payload string) ButtonParam {
	return ButtonParam{Index: index, kind: buttonQuickReply, value: payload}
}

// CopyCodeButton returns the value of a copy-code button: the code that the
// button copies.
func CopyCodeButton(index int, code string) ButtonParam {
	return ButtonParam{Index: index, kind: buttonCopyCode, value: code}
}

// FlowButton returns the value of a flow button: the token that comes back with
// the answers, and the data of the first screen, which may be nil.
func FlowButton(index int, token string, data map[string]any) ButtonParam {
	return ButtonParam{Index: index, kind: buttonFlow, value: token, data: data}
}

// CatalogButton returns the value of a catalogue button: the id of the product
// whose picture represents the catalogue.
func CatalogButton(index int, productID string) ButtonParam {
	return ButtonParam{Index: index, kind: buttonCatalog, value: productID}
}

// OrderDetailsButton returns the value of an order button: Meta's
// "order_details" object. [OrderDetails] sends a typed order by an operation of
// its own.
func OrderDetailsButton(index int, details map[string]any) ButtonParam {
	return ButtonParam{Index: index, kind: buttonOrderDetails, data: details}
}

func (p ButtonParam) check(c *checker, field string) {
	c.require(p.kind != "", field, "is empty; use URLButton, QuickReplyButton or one of their kind")
	c.require(p.Index >= 0 && p.Index < maxButtons, field, fmt.Sprintf("has the index %d, but buttons have 0 to %d; count them from 0", p.Index, maxButtons-1))
	switch p.kind {
	case buttonURL:
		checkValue(c, field, p.value, 2000)
	case buttonFlow:
		c.text(field, p.value, 1024)
		c.json(field, p.data)
	case buttonOrderDetails:
		c.require(len(p.data) > 0, field, "has no details; give OrderDetailsButton Meta's order_details object")
		c.json(field, p.data)
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
	case buttonCatalog:
		value = map[string]any{"type": "action", "action": map[string]any{"thumbnail_product_retailer_id": p.value}}
	case buttonOrderDetails:
		value = map[string]any{"type": "action", "action": map[string]any{"order_details": p.data}}
	}
	return component{Type: "button", SubType: p.kind, Index: &p.Index, Parameters: []map[string]any{value}}
}

// component holds the values of one part of a template, in the service's form.
type component struct {
	Type       string           `json:"type"`
	SubType    string           `json:"sub_type,omitempty"`
	Index      *int             `json:"index,omitempty"`
	Parameters []map[string]any `json:"parameters,omitempty"`
	Cards      []cardComponents `json:"cards,omitempty"`
}

// cardComponents holds the values of one card of a carousel.
type cardComponents struct {
	Index      int         `json:"card_index"`
	Components []component `json:"components"`
}

// templateBody holds the members of every request with a template.
type templateBody struct {
	Template  string           `json:"template"`
	Namespace string           `json:"namespace,omitempty"`
	Language  templateLanguage `json:"language"`
	Params    []component      `json:"params,omitempty"`
}

type templateLanguage struct {
	Policy string `json:"policy"`
	Code   string `json:"code"`
}

func (m Template) body() templateBody {
	return templateBody{m.Name, m.Namespace, templateLanguage{"deterministic", m.Language}, m.components()}
}

func (m Template) encode() (encoded, error) {
	var c checker
	m.check(&c)
	if err := c.err(); err != nil {
		return encoded{}, err
	}
	return encoded{operation: "sendTemplate", category: m.Category, body: struct {
		templateBody
		MarketingLite   bool  `json:"useMMlite,omitzero"`
		ActivitySharing bool  `json:"messageActivitySharing,omitzero"`
		TTL             int64 `json:"messageSendTtlSeconds,omitzero"`
	}{m.body(), m.MarketingLite, m.ActivitySharing, m.ttlSeconds()}}, nil
}

// check notes the first problem that is visible without the template's text.
func (m Template) check(c *checker) {
	checkTemplateName(c, m.Name)
	checkLanguage(c, m.Language)
	c.require(m.Namespace == "" || isWord(m.Namespace), "Namespace", "is "+quote(m.Namespace)+", which is not a namespace; TemplateInfo.Namespace holds it")
	m.checkValues(c)
	if len(m.Cards) > 0 {
		c.count("Cards", len(m.Cards), 2, 10, "cards")
	}
	for i, card := range m.Cards {
		var values checker
		card.asTemplate().checkValues(&values)
		c.failIn(at("Cards", i, ""), values)
	}
	c.require(m.OfferExpires.IsZero() || m.OfferExpires.Unix() > 0, "OfferExpires", "is before 1970; give the instant at which the offer ends")
	m.checkTTL(c)
	c.require(m.Category == "" || strings.EqualFold(m.Category, "MARKETING") || !m.MarketingLite && !m.ActivitySharing,
		"MarketingLite", "or the sharing of activity goes with marketing templates only; leave out both, or correct the Category")
}

// checkValues notes the first problem of the values of a template or a card.
func (m Template) checkValues(c *checker) {
	m.Header.check(c)
	if m.Header.kind == headerText {
		checkValue(c, "Header", m.Header.text, 60)
	}
	names := unique{}
	for i, p := range m.Body {
		p.check(c, at("Body", i, ""), i)
		c.require((p.Name == "") == (m.Body[0].Name == ""), at("Body", i, ""), "is named or numbered unlike the first value; use Params for {{1}}, NamedParams for {{customer}}")
		if p.Name != "" {
			names.add(c, at("Body", i, "Name"), p.Name)
		}
	}
	indexes := unique{}
	for i, b := range m.Buttons {
		b.check(c, at("Buttons", i, ""))
		indexes.add(c, at("Buttons", i, "Index"), strconv.Itoa(b.Index))
	}
}

// thirtyDays is the longest TTL. For templates other than marketing the service
// takes it only as -1.
const thirtyDays = 30 * 24 * time.Hour

func (m Template) checkTTL(c *checker) {
	if m.TTL == 0 {
		return
	}
	least, most := 30*time.Second, 12*time.Hour
	switch strings.ToUpper(m.Category) {
	case "MARKETING":
		least, most = 12*time.Hour, thirtyDays
	case "UTILITY":
	case "AUTHENTICATION":
		most = 15 * time.Minute
	default:
		c.fail("Category", "is "+cmp.Or(m.Category, "empty")+", but a time to deliver depends on it; give MARKETING, UTILITY or AUTHENTICATION beside a TTL")
	}
	c.require(m.TTL%time.Second == 0, "TTL", fmt.Sprintf("is %v, but must be whole seconds; round it", m.TTL))
	c.require(m.TTL >= least && m.TTL <= most || m.TTL == thirtyDays, "TTL",
		fmt.Sprintf("is %v, but a template of the category %s takes %v to %v; choose a time within", m.TTL, strings.ToUpper(m.Category), least, most))
}

func (m Template) ttlSeconds() int64 {
	if m.TTL == thirtyDays && !strings.EqualFold(m.Category, "MARKETING") {
		return -1
	}
	return int64(m.TTL / time.Second)
}

// components returns the components that have values.
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
	if !m.OfferExpires.IsZero() {
		parts = append(parts, component{Type: "limited_time_offer", Parameters: []map[string]any{{
			"type": "limited_time_offer", "limited_time_offer": map[string]any{"expiration_time_ms": m.OfferExpires.UnixMilli()}}}})
	}
	for _, b := range m.Buttons {
		parts = append(parts, b.object())
	}
	if len(m.Cards) > 0 {
		carousel := component{Type: "carousel"}
		for i, card := range m.Cards {
			carousel.Cards = append(carousel.Cards, cardComponents{i, card.asTemplate().components()})
		}
		parts = append(parts, carousel)
	}
	return parts
}
