package chatapi

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// folded returns a copy of the draft that shares nothing with it, with the category
// and all types in the upper case that the service wants.
func (d TemplateDraft) folded() TemplateDraft {
	d.Category = upper(d.Category)
	d.Components = foldComponents(d.Components)
	return d
}

func foldComponents(parts []Component) []Component {
	parts = slices.Clone(parts)
	for i := range parts {
		part := &parts[i]
		part.Type, part.Format = upper(part.Type), upper(part.Format)
		part.Example, part.Extra = slices.Clone(part.Example), cloneExtra(part.Extra)
		part.Buttons = slices.Clone(part.Buttons)
		for j := range part.Buttons {
			part.Buttons[j].Type = upper(part.Buttons[j].Type)
			part.Buttons[j].Extra = cloneExtra(part.Buttons[j].Extra)
		}
		part.Cards = slices.Clone(part.Cards)
		for j := range part.Cards {
			part.Cards[j] = foldComponents(part.Cards[j])
		}
	}
	return parts
}

// upper returns a word of the wire in upper case, without space around it.
func upper[T ~string](word T) T { return T(strings.ToUpper(strings.TrimSpace(string(word)))) }

func cloneExtra(extra map[string]json.RawMessage) map[string]json.RawMessage {
	extra = maps.Clone(extra)
	for name, value := range extra {
		extra[name] = bytes.Clone(value)
	}
	return extra
}
