package chatapi

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
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
