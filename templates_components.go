package chatapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// TemplateDraft is a template to submit with [TemplatesService.Create].
type TemplateDraft struct {
	// Name is 1 to 512 lower-case letters, digits and underscores.
	Name string `json:"name"`

	// Category is "MARKETING", "UTILITY" or "AUTHENTICATION".
	Category string `json:"category"`

	// Language is a code such as "en" or "pt_BR".
	Language string `json:"language"`

	// Components are the template's parts: a body, and at most one component
	// of each other type.
	Components []Component `json:"components"`
}

// Component is one part of a template. Its JSON is the service's form.
type Component struct {
	Type ComponentType

	// Format is the kind of a header.
	Format HeaderFormat

	// Text is the text of a text header (up to 60 characters), the body (1024)
	// or the footer (60). Variables are written {{1}} or {{customer}}.
	Text string

	// Example holds one example for each variable of the text: numbered
	// variables in the order of their numbers, named variables in the order of
	// first use. For a media header it holds the handle or link of an example
	// file. WhatsApp approves no variable without an example.
	Example []string

	// Buttons are the buttons of a BUTTONS component: 1 to 10.
	Buttons []TemplateButton

	// Cards are the cards of a CAROUSEL component, 2 to 10, each a list of
	// components.
	Cards [][]Component

	// Extra holds the members that have no field here, such as
	// "add_security_recommendation".
	Extra map[string]json.RawMessage
}

// ComponentType is the type of a [Component]. The set is open.
type ComponentType string

// The known component types.
const (
	ComponentHeader   ComponentType = "HEADER"
	ComponentBody     ComponentType = "BODY"
	ComponentFooter   ComponentType = "FOOTER"
	ComponentButtons  ComponentType = "BUTTONS"
	ComponentCarousel ComponentType = "CAROUSEL"
	ComponentOffer    ComponentType = "LIMITED_TIME_OFFER"
)

// HeaderFormat is the kind of content of a template's header. The set is open.
type HeaderFormat string

// The known header formats.
const (
	FormatText     HeaderFormat = "TEXT"
	FormatImage    HeaderFormat = "IMAGE"
	FormatVideo    HeaderFormat = "VIDEO"
	FormatDocument HeaderFormat = "DOCUMENT"
	FormatLocation HeaderFormat = "LOCATION"
	FormatProduct  HeaderFormat = "PRODUCT" // only on a card
)

// TemplateButton is one button of a template.
type TemplateButton struct {
	Type ButtonType

	// Text is the label, up to 25 characters.
	Text string

	// URL is the address of a URL button. It may end in {{1}}; then Example is
	// such an address, or its end.
	URL string

	// Phone is the number of a PHONE_NUMBER button.
	Phone string

	// Example is an example of the variable of a URL button, or of the code of
	// a COPY_CODE button.
	Example string

	// Extra holds the members that have no field here, such as "flow_id".
	Extra map[string]json.RawMessage
}

// ButtonType is the action of a [TemplateButton]. The set is open.
type ButtonType string

// The known button types.
const (
	ButtonTypeQuickReply   ButtonType = "QUICK_REPLY"
	ButtonTypeURL          ButtonType = "URL"
	ButtonTypePhoneNumber  ButtonType = "PHONE_NUMBER"
	ButtonTypeCopyCode     ButtonType = "COPY_CODE"
	ButtonTypeOTP          ButtonType = "OTP"
	ButtonTypeFlow         ButtonType = "FLOW"
	ButtonTypeCatalog      ButtonType = "CATALOG"
	ButtonTypeMultiProduct ButtonType = "MPM"
	ButtonTypeOrderDetails ButtonType = "ORDER_DETAILS"
)

// variables returns the names of a text's variables, each once. They are in the
// order of their numbers or, if one of them is not a number, of first use.
func variables(text string) []string {
	var names []string
	seen := map[string]bool{}
	for v := range variablesIn(text) {
		if !seen[v.name] {
			seen[v.name] = true
			names = append(names, v.name)
		}
	}
	if !hasNames(names) {
		slices.SortStableFunc(names, func(a, b string) int { return number(a) - number(b) })
	}
	return names
}

func isNumber(text string) bool { return number(text) >= 0 }

// number returns the number of a variable, or -1 if its name is not a number.
func number(text string) int {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return -1
	}
	return int(n)
}

// hasNames reports whether one of the variables has a name instead of a number.
func hasNames(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return !isNumber(name) })
}

// members holds the members of a JSON object that have not been read yet. The
// methods remove each member that they read; the rest becomes Extra.
type members map[string]json.RawMessage

func readMembers(data []byte) (members, error) {
	var m members
	if !isObject(data) {
		return nil, fmt.Errorf("want an object, got %.40s", data)
	}
	err := wire.UnmarshalLenient(data, &m)
	return m, err
}

// text reads the first member that has one of the names, as a text.
func (m members) text(out *string, names ...string) error {
	for _, name := range names {
		raw, ok := m[name]
		if !ok {
			continue
		}
		var t wire.Text
		if err := t.UnmarshalJSON(raw); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		*out = string(t)
		delete(m, name)
		return nil
	}
	return nil
}

// take reads a member that is not a text.
func (m members) take(name string, out any) error {
	raw, ok := m[name]
	if !ok {
		return nil
	}
	if err := wire.UnmarshalLenient(raw, out); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	delete(m, name)
	return nil
}

// extra returns the members that were not read; nil if there are none.
func (m members) extra() map[string]json.RawMessage {
	if len(m) == 0 {
		return nil
	}
	return m
}

// UnmarshalJSON reads the service's form. It turns types and formats into upper
// case.
func (part *Component) UnmarshalJSON(data []byte) error {
	m, err := readMembers(data)
	if err != nil {
		return err
	}
	*part = Component{}
	var kind, format string
	type card struct {
		Components []Component `json:"components"`
	}
	var cards, others []card
	for _, err := range []error{
		m.text(&kind, "type"), m.text(&format, "format", "subType"), m.text(&part.Text, "text"),
		m.take("buttons", &part.Buttons), m.take("cards", &cards),
	} {
		if err != nil {
			return err
		}
	}
	part.Type, part.Format = ComponentType(strings.ToUpper(kind)), HeaderFormat(strings.ToUpper(format))
	// One client reads cards under this name too. If it does not hold cards, it
	// stays in Extra.
	raw := m["card_components"]
	if len(cards) == 0 && wire.UnmarshalLenient(raw, &others) == nil && !slices.ContainsFunc(others, func(o card) bool { return len(o.Components) == 0 }) {
		cards = others
		delete(m, "card_components")
	}
	for _, card := range cards {
		part.Cards = append(part.Cards, card.Components)
	}
	if examples, ok := readExample(m["example"], part.Text); ok {
		part.Example = examples
		delete(m, "example")
	}
	part.Extra = m.extra()
	return nil
}

// namedExample is the example of a named variable, in Meta's form.
type namedExample struct {
	Name    wire.Text `json:"param_name"`
	Example wire.Text `json:"example"`
}

// readExample reads an example in any of its known forms. ok is false for any
// other form, which then stays in Extra.
func readExample(raw json.RawMessage, text string) (examples []string, ok bool) {
	if !isObject(raw) {
		return nil, false
	}
	m, err := readMembers(raw)
	if err != nil || len(m) != 1 {
		return nil, false
	}
	for name, value := range m {
		switch name {
		case "header_text", "header_handle":
			var list []wire.Text
			if wire.UnmarshalLenient(value, &list) != nil {
				return nil, false
			}
			return texts(list), true
		case "body_text":
			var rows [][]wire.Text
			if wire.UnmarshalLenient(value, &rows) != nil || len(rows) != 1 {
				return nil, false
			}
			return texts(rows[0]), true
		case "header_text_named_params", "body_text_named_params":
			var list []namedExample
			if wire.UnmarshalLenient(value, &list) != nil {
				return nil, false
			}
			for _, wanted := range variables(text) {
				i := slices.IndexFunc(list, func(e namedExample) bool { return string(e.Name) == wanted })
				if i < 0 {
					return nil, false
				}
				examples = append(examples, string(list[i].Example))
			}
			return examples, len(examples) == len(list)
		}
	}
	return nil, false
}

func texts(list []wire.Text) []string {
	out := make([]string, len(list))
	for i, t := range list {
		out[i] = string(t)
	}
	return out
}

// MarshalJSON writes the service's form.
func (part Component) MarshalJSON() ([]byte, error) {
	m := map[string]any{"type": part.Type}
	if part.Format != "" {
		m["format"] = part.Format
	}
	if part.Text != "" {
		m["text"] = part.Text
	}
	if len(part.Buttons) > 0 {
		m["buttons"] = part.Buttons
	}
	if len(part.Cards) > 0 {
		cards := make([]map[string]any, len(part.Cards))
		for i, card := range part.Cards {
			cards[i] = map[string]any{"components": card}
		}
		m["cards"] = cards
	}
	if len(part.Example) > 0 {
		m["example"] = part.example()
	}
	return withExtra(m, part.Extra)
}

func (part Component) example() map[string]any {
	prefix := strings.ToLower(string(part.Type))
	if names := variables(part.Text); hasNames(names) {
		list := make([]map[string]string, 0, len(part.Example))
		for i, value := range part.Example[:min(len(part.Example), len(names))] {
			list = append(list, map[string]string{"param_name": names[i], "example": value})
		}
		return map[string]any{prefix + "_text_named_params": list}
	}
	switch {
	case part.Type == ComponentHeader && part.Format != FormatText:
		return map[string]any{"header_handle": part.Example}
	case part.Type == ComponentHeader:
		return map[string]any{"header_text": part.Example}
	}
	return map[string]any{prefix + "_text": [][]string{part.Example}}
}

// withExtra returns the JSON object of m and the members of extra. If both have
// a name, the member of m counts.
func withExtra(m map[string]any, extra map[string]json.RawMessage) ([]byte, error) {
	for name, value := range extra {
		if _, taken := m[name]; !taken {
			m[name] = value
		}
	}
	return json.Marshal(m)
}

// UnmarshalJSON reads the service's form.
func (b *TemplateButton) UnmarshalJSON(data []byte) error {
	m, err := readMembers(data)
	if err != nil {
		return err
	}
	*b = TemplateButton{}
	var kind string
	for _, err := range []error{
		m.text(&kind, "type"), m.text(&b.Text, "text"), m.text(&b.URL, "url"), m.text(&b.Phone, "phone_number"),
	} {
		if err != nil {
			return err
		}
	}
	b.Type = ButtonType(strings.ToUpper(kind))
	var list []wire.Text
	var text wire.Text
	switch raw := bytes.TrimSpace(m["example"]); {
	case len(raw) == 0:
	case wire.UnmarshalLenient(raw, &list) == nil && len(list) == 1:
		b.Example = string(list[0])
		delete(m, "example")
	case text.UnmarshalJSON(raw) == nil:
		b.Example = string(text)
		delete(m, "example")
	}
	b.Extra = m.extra()
	return nil
}

// MarshalJSON writes the service's form, in which the example is a text for a
// COPY_CODE button and a list for any other.
func (b TemplateButton) MarshalJSON() ([]byte, error) {
	m := map[string]any{"type": b.Type}
	for name, value := range map[string]string{"text": b.Text, "url": b.URL, "phone_number": b.Phone} {
		if value != "" {
			m[name] = value
		}
	}
	switch {
	case b.Example == "":
	case b.Type == ButtonTypeCopyCode:
		m["example"] = b.Example
	default:
		m["example"] = []string{b.Example}
	}
	return withExtra(m, b.Extra)
}

const maxButtons = 10 // of a template

// check notes what WhatsApp would refuse in a draft. The length of a button's
// label is documented; the other limits are Meta's (inferred).
func (d TemplateDraft) check(c *checker) {
	checkTemplateName(c, d.Name)
	c.require(d.Category != "", "Category", "is empty; give MARKETING, UTILITY or AUTHENTICATION")
	c.text("Category", d.Category, 64)
	checkLanguage(c, d.Language)
	c.require(len(d.Components) > 0, "Components", "are missing; give at least a BODY")
	checkComponents(c, "Components", d.Components)
	c.require(slices.ContainsFunc(d.Components, func(part Component) bool { return part.Type == ComponentBody }), "Components", "have no body; add one of the type BODY")
}

func checkComponents(c *checker, list string, parts []Component) {
	types := unique{}
	for i, part := range parts {
		place := at(list, i, "")
		c.require(part.Type != "", place+".Type", "is empty; give ComponentBody, ComponentHeader or another")
		types.add(c, place+".Type", string(part.Type))
		part.check(c, place)
	}
}

func (part Component) check(c *checker, place string) {
	names := variables(part.Text)
	switch part.Type {
	case ComponentHeader:
		c.require(part.Format != "", place+".Format", "is empty; give FormatText, FormatImage, FormatVideo, FormatDocument or FormatLocation")
		if part.Format == FormatText {
			c.text(place+".Text", part.Text, 60)
			c.count(place+".Text", len(names), 0, 1, "variables")
		} else {
			c.require(part.Text == "", place+".Text", "does not go with a header of media; leave it out, or give FormatText")
		}
	case ComponentBody:
		c.optional(place+".Text", part.Text, 1024)
		c.require(part.Text != "" || len(part.Extra) > 0, place+".Text", "is empty; give it 1 to 1024 characters")
	case ComponentFooter:
		c.optional(place+".Text", part.Text, 60)
		c.require(len(names) == 0, place+".Text", "has a variable, which WhatsApp refuses in a footer; write it into the body")
	case ComponentButtons:
		c.count(place+".Buttons", len(part.Buttons), 1, maxButtons, "buttons")
	case ComponentCarousel:
		c.count(place+".Cards", len(part.Cards), 2, 10, "cards")
	}
	if hasNames(names) {
		c.require(!slices.ContainsFunc(names, isNumber), place+".Text", "mixes named and numbered variables; use one sort")
	} else if len(names) > 0 {
		c.require(number(names[0]) == 1 && number(names[len(names)-1]) == len(names), place+".Text", "must number its variables from {{1}} without gaps; renumber them")
	}
	if len(names) > 0 {
		c.require(len(part.Example) == len(names), place+".Example", "has "+plural(len(part.Example), "value")+" for "+plural(len(names), "variable")+"; give one for each, in their order")
	}
	for j, example := range part.Example {
		c.require(strings.TrimSpace(example) != "" && utf8.ValidString(example), at(place+".Example", j, ""), "is empty or not valid UTF-8; give a real value")
	}
	for j, b := range part.Buttons {
		b.check(c, at(place+".Buttons", j, ""))
	}
	for j, card := range part.Cards {
		checkComponents(c, at(place+".Cards", j, ""), card)
	}
}

func (b TemplateButton) check(c *checker, place string) {
	c.require(b.Type != "", place+".Type", "is empty; give ButtonTypeURL, ButtonTypeQuickReply or another")
	c.optional(place+".Text", b.Text, 25)
	switch b.Type {
	case ButtonTypeQuickReply:
		c.text(place+".Text", b.Text, 25)
	case ButtonTypeURL:
		c.text(place+".Text", b.Text, 25)
		c.url(place+".URL", fillEach(b.URL, func(variable) string { return "x" }))
		names := variables(b.URL)
		c.count(place+".URL", len(names), 0, 1, "variables")
		c.require(len(names) == 0 || endsInVariable(b.URL), place+".URL", "has a variable that is not at its end; move it there")
		c.require(len(names) == 0 || b.Example != "", place+".Example", "is empty; give an address with a value in place of the variable")
	case ButtonTypePhoneNumber:
		c.text(place+".Text", b.Text, 25)
		c.require(isPhone(Phone(b.Phone).value), place+".Phone", "is "+quote(b.Phone)+", which is not a phone number; write it with the country code")
	case ButtonTypeCopyCode:
		c.text(place+".Example", b.Example, 1024)
	}
}
