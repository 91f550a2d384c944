package chatapitest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// This file checks request bodies. The fake is stricter than the service: it
// refuses a member that the contract does not name, because nothing else would
// find a misspelt one.

// object is a decoded JSON object. Numbers are json.Number.
type object map[string]any

// text returns a text or number member as text; empty for any other value.
func (o object) text(name string) string {
	switch v := o[name].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

func (o object) has(name string) bool { _, ok := o[name]; return ok }

func (o object) object(name string) object { return asObject(o[name]) }

func (o object) list(name string) []any { v, _ := o[name].([]any); return v }

func (o object) flag(name string) bool { v, _ := o[name].(bool); return v }

func asObject(v any) object {
	switch v := v.(type) {
	case map[string]any:
		return v
	case object:
		return v
	}
	return nil
}

// decode reads one JSON value.
func decode(data []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return v, nil
}

// decodeObject reads a JSON object.
func decodeObject(data []byte) (object, error) {
	v, err := decode(data)
	if err != nil {
		return nil, err
	}
	o, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("not an object")
	}
	return o, nil
}

// check returns the problem of a value, as the end of a sentence that begins with
// the value's name; empty if the value is right.
type check func(v any) string

// shape describes the members of an object.
type shape struct {
	members map[string]check

	// required lists the required members. An entry such as "sections|buttons"
	// requires at least one of its members.
	required []string

	// loose allows members that are not in members.
	loose bool
}

// problem returns the first problem of an object, or an empty text.
func (s shape) problem(o object) string {
	for _, name := range slices.Sorted(maps.Keys(o)) {
		test, known := s.members[name]
		if !known {
			if s.loose {
				continue
			}
			return fmt.Sprintf("%q is not a known field", name)
		}
		if test == nil {
			continue
		}
		if problem := test(o[name]); problem != "" {
			return name + " " + problem
		}
	}
	for _, names := range s.required {
		if !slices.ContainsFunc(strings.Split(names, "|"), o.has) {
			return strings.ReplaceAll(names, "|", " or ") + " is required"
		}
	}
	return ""
}

// anyText accepts a text of any length.
func anyText(v any) string { return text(0, 0)(v) }

// text accepts a text of least to most characters; most 0 is no limit.
func text(least, most int) check {
	return func(v any) string {
		s, ok := v.(string)
		switch n := utf8.RuneCountInString(s); {
		case !ok:
			return "must be a text"
		case n < least:
			return "must not be empty"
		case most > 0 && n > most:
			return fmt.Sprintf("is too long: %d of at most %d characters", n, most)
		}
		return ""
	}
}

// id accepts a text that is not empty.
func id(v any) string { return text(1, 0)(v) }

func oneOf(values ...string) check {
	return func(v any) string {
		if s, ok := v.(string); !ok || !slices.Contains(values, s) {
			return "must be one of " + strings.Join(values, ", ")
		}
		return ""
	}
}

func flag(v any) string {
	if _, ok := v.(bool); !ok {
		return "must be true or false"
	}
	return ""
}

func integer(least, most int64) check {
	return func(v any) string {
		n, ok := v.(json.Number)
		i, err := n.Int64()
		if !ok || err != nil || i < least || i > most {
			return fmt.Sprintf("must be a number from %d to %d", least, most)
		}
		return ""
	}
}

// index accepts the position of a button or card: a number from 0 to 99, also as
// text.
func index(v any) string {
	switch v := v.(type) {
	case json.Number:
		return integer(0, 99)(v)
	case string:
		if indexPattern.MatchString(v) {
			return ""
		}
	}
	return "must be a number"
}

// coordinate accepts a decimal number from -most to most, written as text.
func coordinate(most float64) check {
	return func(v any) string {
		s, ok := v.(string)
		if !ok {
			return "must be a text"
		}
		n, err := json.Number(s).Float64()
		if err != nil || n < -most || n > most {
			return fmt.Sprintf("must be a decimal number from -%g to %g", most, most)
		}
		return ""
	}
}

// link accepts an absolute http or https address.
func link(v any) string {
	s, ok := v.(string)
	if !ok {
		return "must be a text"
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "must be an http or https address"
	}
	return ""
}

// linkOrData accepts an http or https address or a base64 data URI.
func linkOrData(v any) string {
	if s, ok := v.(string); ok && dataPattern.MatchString(s) {
		if _, _, err := dataURI(s); err != nil {
			return "is not base64"
		}
		return ""
	}
	return link(v)
}

// anyObject accepts an object with any members.
func anyObject(v any) string { return objectOf(shape{loose: true})(v) }

// objectOf accepts an object of that shape.
func objectOf(s shape) check {
	return func(v any) string {
		o := asObject(v)
		if o == nil {
			return "must be an object"
		}
		if problem := s.problem(o); problem != "" {
			return "is wrong: " + problem
		}
		return ""
	}
}

// list accepts an array of least to most items, each of which passes the check;
// most 0 is no limit.
func list(least, most int, item check) check {
	return func(v any) string {
		items, ok := v.([]any)
		switch {
		case !ok:
			return "must be an array"
		case len(items) < least:
			return fmt.Sprintf("must have at least %d items", least)
		case most > 0 && len(items) > most:
			return fmt.Sprintf("has %d of at most %d items", len(items), most)
		}
		for i, v := range items {
			if problem := item(v); problem != "" {
				return fmt.Sprintf("[%d] %s", i, problem)
			}
		}
		return ""
	}
}

// either accepts a value that passes one of the checks. Otherwise the problem is
// that of the last check.
func either(checks ...check) check {
	return func(v any) (problem string) {
		for _, c := range checks {
			if problem = c(v); problem == "" {
				return ""
			}
		}
		return problem
	}
}

var (
	channelPattern  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	phonePattern    = regexp.MustCompile(`^[0-9]{6,15}$`)
	bsuidPattern    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{1,15}\.[A-Za-z0-9._:-]+$`)
	usernamePattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)
	wamidPattern    = regexp.MustCompile(`^wamid\..+$`)
	indexPattern    = regexp.MustCompile(`^[0-9]{1,2}$`)
	dataPattern     = regexp.MustCompile(`^data:[a-z]+/[A-Za-z0-9.+-]+(;[a-z]+=[^;,]*)*;base64,`)
	mediaIDPattern  = regexp.MustCompile(`^[0-9]{1,32}$`)
	datePattern     = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
	monthPattern    = regexp.MustCompile(`^\d{2}\.\d{4}$`)
)
