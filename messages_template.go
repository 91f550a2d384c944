package chatapi

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
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

	// Cards are the values of a carousel, one for each of its 2 to 10 cards.
	Cards []TemplateCard

	// OfferExpires is when a limited-time offer ends.
	OfferExpires time.Time

	// Category is the template's category, such as "UTILITY". It is not sent:
	// quotes and bills need it, and the range of a TTL.
	Category string

	// TTL is how long WhatsApp may try to deliver, in whole seconds, and needs
	// the Category: MARKETING 12 h to 30 days (Marketing Messages path only),
	// UTILITY 30 s to 12 h, AUTHENTICATION 30 s to 15 min, both also exactly
	// 30 days (contract, "Limits"; documented). 0 leaves it to WhatsApp.
	TTL time.Duration

	// MarketingLite forces the Marketing Messages path. Without it the service
	// takes that path for marketing templates on channels that have it.
	MarketingLite bool

	// ActivitySharing reports clicks by webhook; Marketing Messages path only.
	ActivitySharing bool
}

// TemplateCard is the values of one card of a template's carousel.
type TemplateCard struct {
	// Header is an image, a video or a product.
	Header  Header
	Body    []Param
	Buttons []ButtonParam
}

// asTemplate lends the card what templates can do.
func (card TemplateCard) asTemplate() Template {
	return Template{Header: card.Header, Body: card.Body, Buttons: card.Buttons}
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
		c.require(isCurrency(p.currency), field, "has the currency "+quote(p.currency)+"; it must be three letters such as USD")
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

// CatalogButton returns the product whose picture stands for the catalogue.
func CatalogButton(index int, productID string) ButtonParam {
	return ButtonParam{Index: index, kind: buttonCatalog, value: productID}
}

// OrderDetailsButton returns an order to pay, as Meta's "order_details" object.
// [OrderDetails] has it typed, where that operation will do.
func OrderDetailsButton(index int, details map[string]any) ButtonParam {
	return ButtonParam{Index: index, kind: buttonOrderDetails, data: details}
}

func (p ButtonParam) check(c *checker, field string) {
	c.require(p.kind != "", field, "is empty; use URLButton, QuickReplyButton or one of their kind")
	c.require(p.Index >= 0 && p.Index < maxButtons, field, fmt.Sprintf("has the index %d; buttons are 0 to %d", p.Index, maxButtons-1))
	switch p.kind {
	case buttonURL:
		checkValue(c, field, p.value, 2000)
	case buttonFlow:
		c.text(field, p.value, 1024)
		c.json(field, p.data)
	case buttonOrderDetails:
		c.require(len(p.data) > 0, field, "has no details")
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

// component is one part of a template with its values, as the service takes it.
type component struct {
	Type       string           `json:"type"`
	SubType    string           `json:"sub_type,omitempty"`
	Index      *int             `json:"index,omitempty"`
	Parameters []map[string]any `json:"parameters,omitempty"`
	Cards      []cardParts      `json:"cards,omitempty"`
}

// cardParts is one card among the components.
type cardParts struct {
	Index      int         `json:"card_index"`
	Components []component `json:"components"`
}

// templateBody is what every request with a template says.
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

// check finds what is wrong whatever the template says.
func (m Template) check(c *checker) {
	c.require(m.Name != "", "Name", "is empty")
	c.require(isWord(m.Name), "Name", "is "+quote(m.Name)+", which is no template name")
	c.require(m.Language != "", "Language", "is empty; give the approved one, such as en or pt_BR")
	c.require(isWord(m.Language), "Language", "is "+quote(m.Language)+", which is no language code")
	c.require(m.Namespace == "" || isWord(m.Namespace), "Namespace", "is no namespace; TemplateInfo tells it")
	m.checkValues(c)
	if len(m.Cards) > 0 {
		c.count("Cards", len(m.Cards), 2, 10, "cards")
	}
	for i, card := range m.Cards {
		var inner checker
		card.asTemplate().checkValues(&inner)
		c.failIn(at("Cards", i, ""), inner)
	}
	c.require(m.OfferExpires.IsZero() || m.OfferExpires.Unix() > 0, "OfferExpires", "is before 1970")
	m.checkTTL(c)
	c.require(m.Category == "" || strings.EqualFold(m.Category, "MARKETING") || !m.MarketingLite && !m.ActivitySharing,
		"MarketingLite", "and ActivitySharing go with marketing templates only")
}

// checkValues finds what is wrong with the values.
func (m Template) checkValues(c *checker) {
	m.Header.check(c)
	if m.Header.kind == headerText {
		checkValue(c, "Header", m.Header.text, 60)
	}
	names := unique{}
	for i, p := range m.Body {
		p.check(c, at("Body", i, ""))
		c.require((p.Name == "") == (m.Body[0].Name == ""), at("Body", i, ""), "mixes named and numbered values")
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

// thirtyDays is the longest delivery; outside of marketing the service knows it
// as -1 only.
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
		c.fail("Category", "is "+quote(m.Category)+"; a TTL needs MARKETING, UTILITY or AUTHENTICATION")
	}
	c.require(m.TTL%time.Second == 0, "TTL", fmt.Sprintf("is %v; it must be whole seconds", m.TTL))
	c.require(m.TTL >= least && m.TTL <= most || m.TTL == thirtyDays, "TTL",
		fmt.Sprintf("is %v; %s takes %v to %v", m.TTL, strings.ToUpper(m.Category), least, most))
}

func (m Template) ttlSeconds() int64 {
	if m.TTL == thirtyDays && !strings.EqualFold(m.Category, "MARKETING") {
		return -1
	}
	return int64(m.TTL / time.Second)
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
			carousel.Cards = append(carousel.Cards, cardParts{i, card.asTemplate().components()})
		}
		parts = append(parts, carousel)
	}
	return parts
}
