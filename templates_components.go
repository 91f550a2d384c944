package chatapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// TemplateDraft is a template to submit with [TemplatesService.Create].
type TemplateDraft struct {
	// Name is lower-case letters, digits and underscores.
	Name string `json:"name"`

	// Category is "MARKETING", "UTILITY" or "AUTHENTICATION".
	Category string `json:"category"`

	// Language is a code such as "en" or "pt_BR".
	Language string `json:"language"`

	// Components are the parts: a body, and around it at most one header,
	// footer and set of buttons.
	Components []Component `json:"components"`
}

// Component is one part of a template. In JSON it has the service's form.
type Component struct {
	Type ComponentType

	// Format is the kind of a header.
	Format HeaderFormat

	// Text is that of a text header, the body or the footer, with variables as
	// {{1}} or {{customer}}.
	Text string

	// Example holds one example for each variable of the text, in the order of
	// their numbers, or of their first use if they have names. For a media
	// header it is the handle or link of an example file. WhatsApp approves no
	// variable without an example.
	Example []string

	// Buttons are those of a component of type BUTTONS.
	Buttons []TemplateButton

	// Cards are those of a component of type CAROUSEL, each with components of
	// its own.
	Cards [][]Component

	// Extra holds members that have no field here, such as
	// "add_security_recommendation".
	Extra map[string]json.RawMessage
}

// ComponentType is what a [Component] is. The set is open.
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

// HeaderFormat is what a template's header shows. The set is open.
type HeaderFormat string

// The known header formats.
const (
	FormatText     HeaderFormat = "TEXT"
	FormatImage    HeaderFormat = "IMAGE"
	FormatVideo    HeaderFormat = "VIDEO"
	FormatDocument HeaderFormat = "DOCUMENT"
	FormatLocation HeaderFormat = "LOCATION"
	FormatProduct  HeaderFormat = "PRODUCT" // on a card
)

// TemplateButton is one button of a template.
type TemplateButton struct {
	Type ButtonType

	// Text is the label, up to 25 characters.
	Text string

	// URL is where a URL button leads. It may end in {{1}}; then Example is
	// one such address, or its end.
	URL string

	// Phone is the number of a PHONE_NUMBER button.
	Phone string

	// Example is an example of the variable of a URL button, or of the code of
	// a COPY_CODE button.
	Example string

	// Extra holds members that have no field here, such as "flow_id".
	Extra map[string]json.RawMessage
}

// ButtonType is what a [TemplateButton] does. The set is open.
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

// variable matches {{1}} and {{customer}}.
var variable = regexp.MustCompile(`\{\{\s*([A-Za-z0-9_]+)\s*\}\}`)

// variables returns the variables of a text without repetition: by number, or,
// if one of them has a name, in the order of first use.
func variables(text string) []string {
	var names []string
	seen := map[string]bool{}
	for _, match := range variable.FindAllStringSubmatch(text, -1) {
		if !seen[match[1]] {
			seen[match[1]] = true
			names = append(names, match[1])
		}
	}
	if !hasNames(names) {
		slices.SortStableFunc(names, func(a, b string) int { return number(a) - number(b) })
	}
	return names
}

func isNumber(text string) bool { return number(text) >= 0 }

func number(text string) int {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return -1
	}
	return int(n)
}

// hasNames reports whether the variables are named rather than numbered.
func hasNames(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return !isNumber(name) })
}

// members is a JSON object that is taken apart; what is left of it is Extra.
type members map[string]json.RawMessage

func readMembers(data []byte) (members, error) {
	var m members
	if !isObject(data) {
		return nil, fmt.Errorf("want an object, got %.40s", data)
	}
	err := wire.UnmarshalLenient(data, &m)
	return m, err
}

// text takes the first of the names that is there.
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

// take decodes a member with structure.
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

func (m members) extra() map[string]json.RawMessage {
	if len(m) == 0 {
		return nil
	}
	return m
}

// UnmarshalJSON reads the service's form; types and formats are folded to upper
// case.
func (c *Component) UnmarshalJSON(data []byte) error {
	m, err := readMembers(data)
	if err != nil {
		return err
	}
	*c = Component{}
	var kind, format string
	type card struct {
		Components []Component `json:"components"`
	}
	var cards, others []card
	for _, err := range []error{
		m.text(&kind, "type"), m.text(&format, "format", "subType"), m.text(&c.Text, "text"),
		m.take("buttons", &c.Buttons), m.take("cards", &cards),
	} {
		if err != nil {
			return err
		}
	}
	c.Type, c.Format = ComponentType(strings.ToUpper(kind)), HeaderFormat(strings.ToUpper(format))
	// One client reads cards under this name too; any other form of it stays
	// in Extra.
	raw := m["card_components"]
	if len(cards) == 0 && wire.UnmarshalLenient(raw, &others) == nil && !slices.ContainsFunc(others, func(o card) bool { return len(o.Components) == 0 }) {
		cards = others
		delete(m, "card_components")
	}
	for _, card := range cards {
		c.Cards = append(c.Cards, card.Components)
	}
	if examples, ok := readExample(m["example"], c.Text); ok {
		c.Example = examples
		delete(m, "example")
	}
	c.Extra = m.extra()
	return nil
}

// namedExample is an example as Meta writes it for a variable with a name.
type namedExample struct {
	Name    wire.Text `json:"param_name"`
	Example wire.Text `json:"example"`
}

// readExample reads the forms that examples come in. ok is false for any other,
// which stays as it is.
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
func (c Component) MarshalJSON() ([]byte, error) {
	m := map[string]any{"type": c.Type}
	if c.Format != "" {
		m["format"] = c.Format
	}
	if c.Text != "" {
		m["text"] = c.Text
	}
	if len(c.Buttons) > 0 {
		m["buttons"] = c.Buttons
	}
	if len(c.Cards) > 0 {
		cards := make([]map[string]any, len(c.Cards))
		for i, card := range c.Cards {
			cards[i] = map[string]any{"components": card}
		}
		m["cards"] = cards
	}
	if len(c.Example) > 0 {
		m["example"] = c.example()
	}
	return withExtra(m, c.Extra)
}

func (c Component) example() map[string]any {
	part := strings.ToLower(string(c.Type))
	if names := variables(c.Text); hasNames(names) {
		list := make([]map[string]string, 0, len(c.Example))
		for i, value := range c.Example[:min(len(c.Example), len(names))] {
			list = append(list, map[string]string{"param_name": names[i], "example": value})
		}
		return map[string]any{part + "_text_named_params": list}
	}
	switch {
	case c.Type == ComponentHeader && c.Format != FormatText:
		return map[string]any{"header_handle": c.Example}
	case c.Type == ComponentHeader:
		return map[string]any{"header_text": c.Example}
	}
	return map[string]any{part + "_text": [][]string{c.Example}}
}

// withExtra adds the members without a field; a field wins over them.
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

// MarshalJSON writes the service's form: the example is a list for a URL and a
// text for a code.
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

var templateName = regexp.MustCompile(`^[a-z0-9_]{1,512}$`)

// maxButtons is how many buttons a template may have.
const maxButtons = 10

// check finds what WhatsApp would refuse in a draft. The length of a button's
// label is documented; the other limits are Meta's (inferred).
func (d TemplateDraft) check(c *checker) {
	c.require(templateName.MatchString(d.Name), "Name", "is "+quote(d.Name)+"; it must be 1 to 512 lower-case letters, digits and underscores")
	c.require(d.Category != "", "Category", "is empty; give MARKETING, UTILITY or AUTHENTICATION")
	c.text("Category", d.Category, 64)
	c.require(isWord(d.Language), "Language", "is "+quote(d.Language)+"; it must be a code such as en or pt_BR")
	c.require(len(d.Components) > 0, "Components", "are missing; a template has at least a body")
	checkComponents(c, "Components", d.Components)
	c.require(slices.ContainsFunc(d.Components, func(part Component) bool { return part.Type == ComponentBody }), "Components", "have no body")
}

func checkComponents(c *checker, list string, parts []Component) {
	types := unique{}
	for i, part := range parts {
		place := at(list, i, "")
		c.require(part.Type != "", place+".Type", "is empty")
		types.add(c, place+".Type", string(part.Type))
		part.check(c, place)
	}
}

func (part Component) check(c *checker, place string) {
	names := variables(part.Text)
	switch part.Type {
	case ComponentHeader:
		c.require(part.Format != "", place+".Format", "is empty; a header is FormatText, FormatImage, FormatVideo, FormatDocument or FormatLocation")
		if part.Format == FormatText {
			c.text(place+".Text", part.Text, 60)
			c.count(place+".Text", len(names), 0, 1, "variables")
		} else {
			c.require(part.Text == "", place+".Text", "does not go with a header of media")
		}
	case ComponentBody:
		c.optional(place+".Text", part.Text, 1024)
		c.require(part.Text != "" || len(part.Extra) > 0, place+".Text", "is empty")
	case ComponentFooter:
		c.optional(place+".Text", part.Text, 60)
		c.require(len(names) == 0, place+".Text", "has a variable; footers have none")
	case ComponentButtons:
		c.count(place+".Buttons", len(part.Buttons), 1, maxButtons, "buttons")
	case ComponentCarousel:
		c.count(place+".Cards", len(part.Cards), 2, 10, "cards")
	}
	if hasNames(names) {
		c.require(!slices.ContainsFunc(names, isNumber), place+".Text", "mixes named and numbered variables")
	} else if len(names) > 0 {
		c.require(number(names[0]) == 1 && number(names[len(names)-1]) == len(names), place+".Text", "must number its variables from {{1}} without gaps")
	}
	if len(names) > 0 {
		c.require(len(part.Example) == len(names), place+".Example", "has "+plural(len(part.Example), "value")+" for "+plural(len(names), "variable")+"; WhatsApp wants one for each")
	}
	for j, example := range part.Example {
		c.require(strings.TrimSpace(example) != "" && utf8.ValidString(example), at(place+".Example", j, ""), "is empty or not valid UTF-8")
	}
	for j, b := range part.Buttons {
		b.check(c, at(place+".Buttons", j, ""))
	}
	for j, card := range part.Cards {
		checkComponents(c, at(place+".Cards", j, ""), card)
	}
}

func (b TemplateButton) check(c *checker, place string) {
	c.require(b.Type != "", place+".Type", "is empty")
	c.optional(place+".Text", b.Text, 25)
	switch b.Type {
	case ButtonTypeQuickReply:
		c.text(place+".Text", b.Text, 25)
	case ButtonTypeURL:
		c.text(place+".Text", b.Text, 25)
		c.url(place+".URL", variable.ReplaceAllString(b.URL, "x"))
		names := variables(b.URL)
		c.count(place+".URL", len(names), 0, 1, "variables")
		c.require(len(names) == 0 || variable.FindAllStringIndex(b.URL, -1)[0][1] == len(b.URL), place+".URL", "may have a variable only at its end")
		c.require(len(names) == 0 || b.Example != "", place+".Example", "is empty; WhatsApp wants one for the variable in the URL")
	case ButtonTypePhoneNumber:
		c.text(place+".Text", b.Text, 25)
		c.require(isPhone(Phone(b.Phone).value), place+".Phone", "is "+quote(b.Phone)+", which is no phone number")
	case ButtonTypeCopyCode:
		c.text(place+".Example", b.Example, 1024)
	}
}
