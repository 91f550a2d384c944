package chatapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// This file reads templates. It reads by position in one document, so that no
// level copies the levels inside it.

// UnmarshalJSON reads a template in any of the forms the service has used:
// components as an array or as JSON text, the language as text or object, the
// namespace under three names.
func (t *TemplateInfo) UnmarshalJSON(data []byte) error {
	document, err := wire.ParseLenient(data)
	if err != nil {
		return err
	}
	defer document.Release()
	if document.Root().IsNull() {
		return nil
	}
	return t.read(document.Root())
}

// read reads a template by position, so that its parts are not copied at each
// level around them.
func (t *TemplateInfo) read(v wire.Value) error {
	if !v.IsObject() {
		return errNotObject(v)
	}
	*t = TemplateInfo{Raw: bytes.Clone(v.Raw())}
	var namespace [3]string
	var language, components wire.Value
	for m := v.Object(); m.Next(); {
		var err error
		switch string(m.Name) {
		case "id":
			t.ID, err = m.Value.Text()
		case "name":
			t.Name, err = m.Value.Text()
		case "category":
			t.Category, err = upperText(m.Value)
		case "status":
			var status string
			status, err = upperText(m.Value)
			t.Status = TemplateStatus(status)
		case "rejected_reason":
			if t.Reason, err = m.Value.Text(); strings.EqualFold(strings.TrimSpace(t.Reason), "NONE") {
				t.Reason = ""
			}
			t.Reason = strings.TrimSpace(t.Reason)
		case "namespace":
			namespace[0], err = m.Value.Text()
		case "message_template_namespace":
			namespace[1], err = m.Value.Text()
		case "messageTemplateNamespace":
			namespace[2], err = m.Value.Text()
		case "language":
			language = m.Value
		case "components":
			components = m.Value
		}
		if err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
	}
	t.Namespace = cmp.Or(namespace[0], namespace[1], namespace[2])
	if language.IsObject() {
		language = language.Get("code")
	}
	var err error
	if t.Language, err = language.Text(); err != nil {
		return fmt.Errorf("language: %w", err)
	}
	if err := t.readComponents(components); err != nil {
		return fmt.Errorf("components: %w", err)
	}
	return nil
}

// readComponents reads an array of components, or the JSON of one in a text.
func (t *TemplateInfo) readComponents(v wire.Value) (err error) {
	if !v.IsString() {
		t.Components, err = readComponents(v, 0)
		return err
	}
	text, _ := v.Text()
	if text = strings.TrimSpace(text); text == "" {
		return nil
	}
	document, err := wire.ParseLenient([]byte(text))
	if err != nil {
		return err
	}
	defer document.Release()
	t.Components, err = readComponents(document.Root(), 0)
	return err
}

// upperText returns a scalar as text in upper case.
func upperText(v wire.Value) (string, error) {
	text, err := v.Text()
	return strings.ToUpper(strings.TrimSpace(text)), err
}

// members holds the members of a JSON object that have not been read yet. The
// methods remove each member that they read; the rest becomes Extra.
type members map[string]wire.Value

func readMembers(v wire.Value) (members, error) {
	if !v.IsObject() {
		return nil, errNotObject(v)
	}
	m := members{}
	for object := v.Object(); object.Next(); {
		if _, taken := m[string(object.Name)]; !taken && !object.Value.Spend(memberMemory) {
			return nil, errTooManyValues
		}
		m[object.Key()] = object.Value
	}
	return m, nil
}

// text reads the first member that has one of the names, as a text.
func (m members) text(out *string, names ...string) (err error) {
	for _, name := range names {
		v, ok := m[name]
		if !ok {
			continue
		}
		if *out, err = v.Text(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		delete(m, name)
		return nil
	}
	return nil
}

// extra returns the members that were not read; nil if there are none.
func (m members) extra() map[string]json.RawMessage {
	if len(m) == 0 {
		return nil
	}
	extra := make(map[string]json.RawMessage, len(m))
	for name, v := range m {
		extra[name] = bytes.Clone(v.Raw())
	}
	return extra
}

const (
	// partMemory is what a component or a button takes without its texts, and
	// textMemory what a text of a list takes beside its bytes.
	partMemory = 768
	textMemory = 32
)

// mostCards is how deep carousels are read: WhatsApp has none inside a card. What
// lies deeper stays in Extra.
const mostCards = 1

// UnmarshalJSON reads the service's form. It turns types and formats into upper
// case.
func (part *Component) UnmarshalJSON(data []byte) error {
	document, err := wire.ParseLenient(data)
	if err != nil {
		return err
	}
	defer document.Release()
	return part.read(document.Root(), 0)
}

// readComponents reads the components of a template, or of a card in so many
// carousels.
func readComponents(v wire.Value, depth int) ([]Component, error) {
	return readList(v, func(part *Component, v wire.Value) error { return part.read(v, depth) })
}

// readList reads an array of objects. It returns nil if v is null or absent.
func readList[T any](v wire.Value, read func(*T, wire.Value) error) ([]T, error) {
	if v.IsNull() {
		return nil, nil
	}
	if !v.IsArray() {
		return nil, errors.New("want an array, got " + v.Kind())
	}
	list := make([]T, 0, v.Len())
	for elements := v.ArrayOf(partMemory); elements.Next(); {
		var part T
		list = append(list, part)
		if err := read(&list[len(list)-1], elements.Value); err != nil {
			return nil, err
		}
	}
	if v.Spent() {
		return nil, errTooManyValues
	}
	return list, nil
}

func (part *Component) read(v wire.Value, depth int) error {
	m, err := readMembers(v)
	if err != nil {
		return err
	}
	*part = Component{}
	var kind, format string
	for _, err := range []error{
		m.text(&kind, "type"), m.text(&format, "format", "subType"), m.text(&part.Text, "text"),
	} {
		if err != nil {
			return err
		}
	}
	part.Type, part.Format = ComponentType(strings.ToUpper(kind)), HeaderFormat(strings.ToUpper(format))
	if part.Buttons, err = readList(m["buttons"], (*TemplateButton).read); err != nil {
		return fmt.Errorf("buttons: %w", err)
	}
	delete(m, "buttons")
	if err := part.readCards(m, depth); err != nil {
		return err
	}
	if examples, ok := readExample(m["example"], part.Text); ok {
		part.Example = examples
		delete(m, "example")
	}
	part.Extra = m.extra()
	return nil
}

// readCards reads the cards of a carousel.
func (part *Component) readCards(m members, depth int) error {
	if depth >= mostCards {
		return nil
	}
	readCard := func(card *[]Component, v wire.Value) (err error) {
		if !v.IsObject() {
			return errNotObject(v)
		}
		*card, err = readComponents(v.Get("components"), depth+1)
		return err
	}
	var err error
	if part.Cards, err = readList(m["cards"], readCard); err != nil {
		return fmt.Errorf("cards: %w", err)
	}
	delete(m, "cards")
	// One client reads cards under this name too. If it does not hold cards, it
	// stays in Extra.
	if len(part.Cards) > 0 {
		return nil
	}
	others, err := readList(m["card_components"], readCard)
	if err == nil && !slices.ContainsFunc(others, func(card []Component) bool { return len(card) == 0 }) {
		part.Cards = others
		delete(m, "card_components")
	}
	return nil
}

// mostExamples is more than the variables of any text that WhatsApp takes.
const mostExamples = 1000

// readExample reads an example in any of its known forms. ok is false for any
// other form, which then stays in Extra.
func readExample(v wire.Value, text string) (examples []string, ok bool) {
	members := v.Object()
	if !members.Next() {
		return nil, false
	}
	name, value := members.Key(), members.Value
	if members.Next() {
		return nil, false
	}
	switch name {
	case "header_text", "header_handle":
		return readTexts(value)
	case "body_text":
		rows := value.Array()
		if !rows.Next() {
			return nil, false
		}
		row := rows.Value
		if rows.Next() {
			return nil, false
		}
		return readTexts(row)
	case "header_text_named_params", "body_text_named_params":
		named := map[string]string{}
		n := 0
		for list := value.Array(); list.Next() && n <= mostExamples; n++ {
			param := memberText(list.Value, "param_name")
			if _, taken := named[param]; !taken {
				named[param] = memberText(list.Value, "example")
			}
		}
		if !value.IsArray() || n > mostExamples || len(text) > wire.LongestText {
			return nil, false
		}
		for _, wanted := range variables(text) {
			example, ok := named[wanted]
			if !ok {
				return nil, false
			}
			examples = append(examples, example)
		}
		return examples, len(examples) == n
	}
	return nil, false
}

// readTexts returns the texts of an array. ok is false if it is none, or has
// something else than scalars.
func readTexts(v wire.Value) (list []string, ok bool) {
	if !v.IsArray() {
		return nil, v.IsNull()
	}
	list = make([]string, 0, v.Len())
	for elements := v.ArrayOf(textMemory); elements.Next(); {
		text, err := elements.Value.Text()
		if err != nil {
			return nil, false
		}
		list = append(list, text)
	}
	return list, !v.Spent()
}

// UnmarshalJSON reads the service's form.
func (b *TemplateButton) UnmarshalJSON(data []byte) error {
	document, err := wire.ParseLenient(data)
	if err != nil {
		return err
	}
	defer document.Release()
	return b.read(document.Root())
}

func (b *TemplateButton) read(v wire.Value) error {
	m, err := readMembers(v)
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
	if example, ok := m["example"]; ok {
		if list, ok := readTexts(example); ok && len(list) == 1 {
			b.Example = list[0]
			delete(m, "example")
		} else if text, err := example.Text(); err == nil {
			b.Example = text
			delete(m, "example")
		}
	}
	b.Extra = m.extra()
	return nil
}
