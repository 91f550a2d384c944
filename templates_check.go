package chatapi

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// Use returns a message with this template: its name, language, namespace and
// category, and the values. The values are in reading order: the variable of the
// header text, the variables of the body, then the ends of URLs. In the body,
// numbered variables are in the order of their numbers, named variables in the
// order of first use. Set a header with media and values of other buttons on the
// result. Use does not check; [TemplateInfo.Check] finds a wrong number of
// values. On a nil TemplateInfo, Use returns the zero Template.
func (t *TemplateInfo) Use(values ...string) Template {
	if t == nil {
		return Template{}
	}
	m := Template{Name: t.Name, Language: t.Language, Namespace: t.Namespace, Category: t.Category}
	next := func() (value string, ok bool) {
		if len(values) == 0 {
			return "", false
		}
		value, values = values[0], values[1:]
		return value, true
	}
	p := componentList(t.Components)
	if names := variables(p.headerText()); len(names) > 0 {
		if value, ok := next(); ok {
			m.Header = HeaderText(value)
			if hasNames(names) {
				m.Header.name = names[0]
			}
		}
	}
	body := variables(p.find(ComponentBody).Text)
	named := hasNames(body)
	for _, name := range body {
		value, ok := next()
		if !ok {
			break
		}
		param := Param{Text: value}
		if named {
			param.Name = name
		}
		m.Body = append(m.Body, param)
	}
	for i, b := range p.find(ComponentButtons).Buttons {
		if !b.needsURL() {
			continue
		}
		if value, ok := next(); ok {
			m.Buttons = append(m.Buttons, URLButton(i, value))
		}
	}
	m.Body = append(m.Body, Params(values...)...) // too many values, so that Check finds them
	return m
}

// componentList holds the components of a template, or of one of its cards.
type componentList []Component

// find returns the component of that type, or the zero Component.
func (p componentList) find(kind ComponentType) Component {
	for _, c := range p {
		if c.Type == kind {
			return c
		}
	}
	return Component{}
}

// headerText returns the text of a text header; empty for another header.
func (p componentList) headerText() string {
	if h := p.find(ComponentHeader); h.Format == FormatText || h.Format == "" {
		return h.Text
	}
	return ""
}

// needsURL reports whether the button takes a URLButton.
func (b TemplateButton) needsURL() bool {
	return b.Type == ButtonTypeOTP || b.Type == ButtonTypeURL && len(variables(b.URL)) > 0
}

// Check returns an error if a message does not fit the approved template. It
// compares status, name, language, kind of header, number and names of the
// values, and kind and position of the buttons. A difference is [ErrTemplate]
// with the Field ([ErrTemplateRejected] if the template was rejected); a value
// that no template takes is [ErrInvalid], as in a send. Members that the service
// did not send, such as the components, are not compared. Check does not use the
// network.
func (t *TemplateInfo) Check(m Template) error {
	const op = "TemplateInfo.Check"
	if t == nil {
		return invalid("template info", "is nil; get it with Templates.Get").in(op, "")
	}
	if t.Status != "" && !t.Status.usable() {
		e := mismatch("Status", fmt.Sprintf("is %s; only an approved template can be sent", t.Status))
		e.Sentence = fmt.Sprintf("The template %s cannot be sent yet: it is %s.", quote(t.Name), strings.ToLower(string(t.Status)))
		e.Advice = "wait for it with Templates.WaitApproved"
		if t.Status.final() {
			e = notApproved(t)
		}
		return e.in(op, "")
	}
	return t.compare(op, m)
}

// compare is Check without the status; errors name the operation op.
func (t *TemplateInfo) compare(op string, m Template) error {
	var c checker
	m.check(&c)
	if m.Name != t.Name {
		c.failWith(mismatch("Name", fmt.Sprintf("is %s, but the template is %s; make the message with TemplateInfo.Use", quote(m.Name), quote(t.Name))))
	}
	if m.Language != t.Language {
		c.failWith(mismatch("Language", fmt.Sprintf("is %s, but the template is in %s; WhatsApp takes no other spelling or region", quote(m.Language), quote(t.Language))))
	}
	if m.Namespace != "" && t.Namespace != "" && m.Namespace != t.Namespace {
		c.failWith(mismatch("Namespace", "is not the one of the template; make the message with TemplateInfo.Use"))
	}
	if len(t.Components) > 0 {
		componentList(t.Components).compare(&c, m)
	}
	if c.first != nil {
		return c.first.within(fmt.Sprintf("The message does not fit the template %s in %s", quote(t.Name), cmp.Or(t.Language, "an unknown language"))).in(op, "")
	}
	return nil
}

// mismatch returns the error for a value that is valid but does not fit this
// template.
func mismatch(field, problem string) *Error {
	e := invalid(field, problem)
	e.Kind = ErrTemplate
	return e
}

// compare compares the values with the components.
func (p componentList) compare(c *checker, m Template) {
	p.compareHeader(c, m.Header)
	p.compareBody(c, m.Body)
	p.compareButtons(c, m.Buttons)
	p.compareOffer(c, m.OfferExpires)
	cards := p.find(ComponentCarousel).Cards
	if len(m.Cards) != len(cards) {
		c.failWith(mismatch("Cards", fmt.Sprintf("has %s, but the template has %d; give values for each card", plural(len(m.Cards), "card"), len(cards))))
		return
	}
	for i, card := range m.Cards {
		var values checker
		componentList(cards[i]).compare(&values, card.asTemplate())
		c.failIn(at("Cards", i, ""), values)
	}
}

func (p componentList) compareHeader(c *checker, value Header) {
	header := p.find(ComponentHeader)
	names := variables(p.headerText())
	format := header.Format
	if format == "" && header.Text != "" {
		format = FormatText
	}
	given := HeaderFormat(strings.ToUpper(string(value.kind)))
	var problem string
	switch {
	case header.Type == "" && given != "":
		problem = "is given, but the template has none; leave it out"
	case format == FormatText && len(names) == 0 && given != "":
		problem = "is given, but the template's header has no variable; leave it out"
	case format == FormatText && len(names) > 0 && given != FormatText:
		problem = "is missing, and the template's header has the variable {{" + names[0] + "}}; use HeaderText"
	case format == FormatText && len(names) > 0 && hasNames(names) && value.name != names[0]:
		problem = "is not for {{" + names[0] + "}}; use HeaderNamedText"
	case format == FormatText && len(names) > 0 && !hasNames(names) && value.name != "":
		problem = "has a name, but the template numbers its variables; use HeaderText"
	case header.Type != "" && format != FormatText && given == "":
		problem = "is missing, and the template needs " + article(strings.ToLower(string(format))) + "; set Header on the message"
	case header.Type != "" && format != FormatText && given != format:
		problem = fmt.Sprintf("is %s, but the template needs %s; use the Header function of that kind", article(string(value.kind)), article(strings.ToLower(string(format))))
	default:
		return
	}
	c.failWith(mismatch("Header", problem))
}

func (p componentList) compareBody(c *checker, values []Param) {
	names := variables(p.find(ComponentBody).Text)
	if !hasNames(names) {
		for i, v := range values {
			if v.Name != "" {
				c.failWith(mismatch(at("Body", i, "Name"), "is "+quote(v.Name)+", but the template numbers its variables; use Params"))
			}
		}
		if len(values) != len(names) {
			c.failWith(mismatch("Body", fmt.Sprintf("has %s, but the template has %s; give one for each, in their order", plural(len(values), "value"), plural(len(names), "variable"))))
		}
		return
	}
	for i, v := range values {
		switch {
		case v.Name == "":
			c.failWith(mismatch(at("Body", i, "Name"), "is empty, but the template names its variables; use NamedParams"))
		case !slices.Contains(names, v.Name):
			c.failWith(mismatch(at("Body", i, "Name"), fmt.Sprintf("is %s, but the template has %s; use one of these names", quote(v.Name), strings.Join(names, ", "))))
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(values, func(v Param) bool { return v.Name == name }) {
			c.failWith(mismatch("Body", "has no value for {{"+name+"}}; add it"))
		}
	}
}

func (p componentList) compareButtons(c *checker, values []ButtonParam) {
	buttons := p.find(ComponentButtons).Buttons
	for i, v := range values {
		field := at("Buttons", i, "")
		if v.Index < 0 || v.Index >= len(buttons) {
			last := fmt.Sprintf("the last button of the template has %d; count them from 0", len(buttons)-1)
			if len(buttons) == 0 {
				last = "the template has no buttons; leave it out"
			}
			c.failWith(mismatch(field, fmt.Sprintf("has the index %d, but %s", v.Index, last)))
			continue
		}
		b := buttons[v.Index]
		switch {
		case b.valueKind() != v.kind:
			c.failWith(mismatch(field, fmt.Sprintf("is a %s value, but button %d of the template is %s; use the function of that kind", v.kind, v.Index, b.Type)))
		case v.kind == buttonURL && !b.needsURL():
			c.failWith(mismatch(field, fmt.Sprintf("is given, but the URL of button %d has no variable; leave it out", v.Index)))
		}
	}
	for i, b := range buttons {
		given := slices.ContainsFunc(values, func(v ButtonParam) bool { return v.Index == i })
		switch {
		case given:
		case b.needsURL():
			c.failWith(mismatch("Buttons", fmt.Sprintf("lack a value for the URL of button %d (%s); use URLButton", i, quote(b.Text))))
		case b.Type == ButtonTypeCopyCode:
			c.failWith(mismatch("Buttons", fmt.Sprintf("lack a code for button %d; use CopyCodeButton", i)))
		}
	}
}

func (p componentList) compareOffer(c *checker, expires time.Time) {
	offer := p.find(ComponentOffer)
	var details struct {
		Expires wire.Bool `json:"has_expiration"`
	}
	_ = wire.UnmarshalLenient(offer.Extra["limited_time_offer"], &details) // unreadable details require nothing
	switch {
	case offer.Type == "" && !expires.IsZero():
		c.failWith(mismatch("OfferExpires", "is given, but the template has no limited-time offer; leave it out"))
	case details.Expires.Value && expires.IsZero():
		c.failWith(mismatch("OfferExpires", "is missing, and the template's offer ends at a time; set it"))
	}
}

// valueKind returns the kind of value that a button can have, or an empty text.
func (b TemplateButton) valueKind() string {
	switch b.Type {
	case ButtonTypeURL, ButtonTypeOTP:
		return buttonURL
	case ButtonTypeQuickReply, ButtonTypeCopyCode, ButtonTypeFlow, ButtonTypeCatalog, ButtonTypeOrderDetails:
		return strings.ToLower(string(b.Type)) // the wire's type and sub_type differ only in case
	}
	return ""
}

// Preview is a template as the customer will see it.
type Preview struct {
	// Header is the text of a text header, or a description of another one,
	// such as "[image] https://example.com/a.jpg".
	Header string

	// Body is the body with its values; Footer is a fixed text.
	Body, Footer string

	// Buttons are in the template's order.
	Buttons []PreviewButton

	// Cards are the cards of a carousel.
	Cards []Preview
}

// PreviewButton is one button of a [Preview].
type PreviewButton struct {
	Type ButtonType
	Text string

	// URL is the address of a URL button, with its value.
	URL string
}

// String returns the preview as lines of text.
func (p Preview) String() string {
	var lines []string
	for _, line := range []string{p.Header, p.Body, p.Footer} {
		if line != "" {
			lines = append(lines, line)
		}
	}
	for _, b := range p.Buttons {
		line := "[" + cmp.Or(b.Text, strings.ToLower(string(b.Type))) + "]"
		if b.URL != "" {
			line += " " + b.URL
		}
		lines = append(lines, line)
	}
	for i, card := range p.Cards {
		lines = append(lines, fmt.Sprintf("card %d:", i+1), card.String())
	}
	return strings.Join(lines, "\n")
}

// Preview returns the template as the customer will see it, with the values of
// the message. A message that does not fit the template is an error, as in
// [TemplateInfo.Check], but the template need not be approved yet. A template
// whose components are not known is [ErrTemplate]. Preview does not use the
// network.
func (t *TemplateInfo) Preview(m Template) (Preview, error) {
	const op = "TemplateInfo.Preview"
	if t == nil {
		return Preview{}, invalid("template info", "is nil; get it with Templates.Get").in(op, "")
	}
	if err := t.compare(op, m); err != nil {
		return Preview{}, err
	}
	if len(t.Components) == 0 {
		return Preview{}, mismatch("Components", "are not known, since the service did not list them; look at the template in the WhatsApp Manager").in(op, "")
	}
	return componentList(t.Components).preview(m), nil
}

func (p componentList) preview(m Template) Preview {
	shown := Preview{Header: p.previewHeader(m.Header), Body: fillVariables(p.find(ComponentBody).Text, m.Body), Footer: p.find(ComponentFooter).Text}
	for i, b := range p.find(ComponentButtons).Buttons {
		button := PreviewButton{Type: b.Type, Text: b.Text, URL: b.URL}
		for _, given := range m.Buttons {
			if given.Index == i && given.kind == buttonURL {
				button.URL = fillEach(b.URL, func(variable) string { return given.value })
			}
		}
		shown.Buttons = append(shown.Buttons, button)
	}
	for i, card := range p.find(ComponentCarousel).Cards {
		shown.Cards = append(shown.Cards, componentList(card).preview(m.Cards[i].asTemplate()))
	}
	return shown
}

func (p componentList) previewHeader(h Header) string {
	switch h.kind {
	case "":
		return p.headerText()
	case headerText:
		return fillEach(p.headerText(), func(variable) string { return h.text })
	case headerLocation:
		return "[location] " + h.location.Name
	case headerProduct:
		return "[product] " + h.product.Product
	}
	return "[" + string(h.kind) + "] " + cmp.Or(h.media.id, h.media.String())
}

// fillVariables returns a text with values in place of its variables. A variable
// without a value stays as it is.
func fillVariables(text string, params []Param) string {
	names := variables(text)
	values := make(map[string]string, len(params))
	for i, p := range params {
		if p.Name != "" {
			values[p.Name] = p.Text
		} else if i < len(names) {
			values[names[i]] = p.Text
		}
	}
	return fillEach(text, func(v variable) string {
		if value, ok := values[v.name]; ok {
			return value
		}
		return text[v.from:v.to]
	})
}
