package chatapitest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// This file brings a body into the form that the checks expect: the values of a form,
// which are all texts, and with LooseBodies the bodies of careless clients.

// decodeForm reads a form. If a name occurs several times, the first value counts. A
// semicolon and a percent sign that nobody escaped stand for themselves, as in the
// forms that PHP and JavaScript read.
func decodeForm(raw []byte) object {
	o := object{}
	for pair := range strings.SplitSeq(string(raw), "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name = unescape(name); name != "" && o[name] == nil {
			o[name] = unescape(value)
		}
	}
	return o
}

// unescape reads a part of a form.
func unescape(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	start, rest, _ := strings.Cut(text, "%") // one of the percent signs is no escape
	start = strings.ReplaceAll(start, "+", " ")
	if len(rest) >= 2 {
		if char, err := url.QueryUnescape("%" + rest[:2]); err == nil {
			return start + char + unescape(rest[2:])
		}
	}
	return start + "%" + unescape(rest)
}

// formJSON returns a form as a JSON object of texts, without the token.
func formJSON(raw []byte) []byte {
	o := decodeForm(raw)
	delete(o, "token")
	return reply(http.StatusOK, o).body
}

// fit changes the members of a body that fail their check into a value that passes,
// if there is one: in a form the text "true" becomes true, and so on. If loose is
// set, it also takes out null, empty and unknown members, compares names without case
// and underscores, and keeps one of several recipients.
func (s *shape) fit(o object, form, loose bool) {
	if loose {
		s.loosen(o)
	}
	if !form && !loose {
		return
	}
	for name, v := range o {
		test := s.members[name]
		if test == nil || test(v) == "" {
			continue
		}
		meant := readings(v, loose)
		switch i := slices.IndexFunc(meant, func(other any) bool { return test(other) == "" }); {
		case i >= 0:
			o[name] = meant[i]
		case loose && (isEmpty(v) || name == "quotedMsgId") && !slices.Contains(s.required, name):
			delete(o, name) // empty, or the id of an old generation
		}
	}
}

// isEmpty reports whether v is an empty text, list or object.
func isEmpty(v any) bool {
	switch v := v.(type) {
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// readings returns what a value may mean, the likeliest meaning first.
func readings(v any, loose bool) (all []any) {
	if s, ok := v.(string); ok {
		s = strings.TrimSpace(s)
		if parsed, err := decode([]byte(s)); err == nil { // a number, a flag, a list or an object
			all = append(all, parsed)
		}
		switch strings.ToLower(s) {
		case "true", "1", "on", "yes":
			all = append(all, true)
		case "false", "0", "off", "no", "":
			all = append(all, false)
		}
	}
	if !loose {
		return all
	}
	switch v := v.(type) {
	case string:
		all = append(all, digits(v), strings.TrimPrefix(v, "@"))
		if languageCode.MatchString(v) {
			all = append(all, map[string]any{"code": v})
		}
	case json.Number:
		all = append(all, v.String(), v != "0")
	case bool:
		if v {
			return append(all, "true")
		}
		return append(all, "false")
	case []any, map[string]any:
		all = append(all, withoutNull(v), textual(withoutNull(v)))
	}
	return all
}

// loosen takes out what a careless client writes too much, and mends names.
func (s *shape) loosen(o object) {
	folded := map[string]string{}
	for name := range s.members {
		folded[foldName(name)] = name
	}
	for name, v := range o {
		_, known := s.members[name]
		right := folded[foldName(name)]
		switch {
		case v == nil:
			delete(o, name)
		case known || right == "" && s.loose:
		default:
			delete(o, name)
			if right != "" && !o.has(right) {
				o[right] = v
			}
		}
	}
	recipient := ""
	for _, name := range []string{"chatId", "phone", "bsuid", "username"} {
		switch {
		case s.members[name] == nil || !o.has(name):
		case o.text(name) == "" || recipient != "":
			delete(o, name)
		default:
			recipient = name
		}
	}
}

func foldName(name string) string {
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(name))
}

// withoutNull returns a value without the null members of its objects.
func withoutNull(v any) any {
	switch v := v.(type) {
	case map[string]any:
		kept := map[string]any{}
		for name, member := range v {
			if member != nil {
				kept[name] = withoutNull(member)
			}
		}
		return kept
	case []any:
		kept := slices.DeleteFunc(slices.Clone(v), func(item any) bool { return item == nil })
		for i := range kept {
			kept[i] = withoutNull(kept[i])
		}
		return kept
	}
	return v
}

// textual returns a value with its numbers as texts.
func textual(v any) any {
	switch v := v.(type) {
	case json.Number:
		return v.String()
	case map[string]any:
		all := map[string]any{}
		for name, member := range v {
			all[name] = textual(member)
		}
		return all
	case []any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = textual(v[i])
		}
		return all
	}
	return v
}
