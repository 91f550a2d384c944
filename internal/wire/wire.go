// Package wire reads the service's JSON, whose scalars have different types in
// different generations, endpoints and days. It is strict about structure, lenient
// about scalars, and ignores unknown members.
package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	jsonv2 "github.com/go-json-experiment/json"
)

// Unmarshal decodes exactly one JSON document. Member names must match exactly;
// duplicate names, broken UTF-8 and data after the document are errors.
func Unmarshal(data []byte, out any) error { return jsonv2.Unmarshal(data, out) }

// UnmarshalLenient is like Unmarshal, but accepts duplicate names, of which the
// last one holds, and broken UTF-8, which becomes U+FFFD.
func UnmarshalLenient(data []byte, out any) error {
	return jsonv2.Unmarshal(data, out, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// Marshal encodes a value. It does not escape HTML characters, like the service's
// own clients, and sorts the members of maps, so that equal values become equal
// bytes.
func Marshal(in any) ([]byte, error) { return jsonv2.Marshal(in, ordered) }

// AppendText appends text as a JSON string; broken UTF-8 becomes U+FFFD.
func AppendText(dst []byte, text string) []byte {
	dst, _ = jsontext.AppendQuote(dst, text)
	return dst
}

var ordered = jsonv2.Deterministic(true)

// Text is a text that may be written as a number, a boolean or null. It keeps the
// digits as they were written: an id never becomes a float.
type Text string

// UnmarshalJSON accepts any scalar; an object or array is an error.
func (t *Text) UnmarshalJSON(data []byte) error {
	data = bytes.TrimSpace(data)
	switch {
	case len(data) == 0, string(data) == "null":
		*t = ""
		return nil
	case data[0] == '"':
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		*t = Text(s)
		return nil
	case data[0] == '{', data[0] == '[':
		return fmt.Errorf("want a text, got %s", kind(data))
	}
	*t = Text(data)
	return nil
}

// Bool is a boolean that may be written as 0 or 1, as a text, or as null.
type Bool struct {
	Value bool

	// Set is false if the value is absent, null or an empty text.
	Set bool
}

// UnmarshalJSON accepts true, false, 0, 1, null, and the texts "true", "false",
// "yes", "no", "0", "1" and "" in any case.
func (b *Bool) UnmarshalJSON(data []byte) error {
	if string(data) == "true" {
		*b = Bool{true, true}
		return nil
	}
	var text Text
	if err := text.UnmarshalJSON(data); err != nil {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(string(text))) {
	case "":
		*b = Bool{}
	case "true", "1", "yes":
		*b = Bool{true, true}
	case "false", "0", "no":
		*b = Bool{false, true}
	default:
		return fmt.Errorf("want a boolean, got %.40q", text)
	}
	return nil
}

// Int is an integer that may be written as a text or as null, which is 0.
type Int int64

// UnmarshalJSON accepts an integer, a text of an integer, "" and null. A fraction
// or anything else is an error.
func (n *Int) UnmarshalJSON(data []byte) error {
	var text Text
	if err := text.UnmarshalJSON(data); err != nil {
		return err
	}
	trimmed := strings.TrimSpace(string(text))
	if trimmed == "" {
		*n = 0
		return nil
	}
	value, err := strconv.ParseInt(trimmed, 10, 64)
	if err != nil {
		return fmt.Errorf("want an integer, got %.40q", trimmed)
	}
	*n = Int(value)
	return nil
}

// ErrTime is the error of a text that is not a time.
var ErrTime = errors.New("want Unix seconds or an ISO 8601 time with its zone")

// milliseconds is the number from which on a time is read as milliseconds. As
// seconds it would be in the year 5138.
const milliseconds = 1e11

// ParseTime reads a time as the service writes it: in Unix seconds, or in
// milliseconds, which have been observed, if the number is too large for seconds.
// Forwarders write ISO 8601 instead, such as "2026-10-01T12:00:00+0200"; the zone
// must be there. ParseTime returns the zero time for an empty text and for a
// number from 0 to below 1. A negative number is an error.
func ParseTime(text string) (time.Time, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		f, ferr := strconv.ParseFloat(text, 64)
		if at, ok := parseISO(text); ferr != nil && ok {
			return at, nil
		}
		if ferr != nil || math.IsNaN(f) || f < 0 || f > 1e14 {
			return time.Time{}, fmt.Errorf("%w, got %.40q", ErrTime, text)
		}
		seconds = int64(f)
	}
	switch {
	case seconds < 0:
		return time.Time{}, fmt.Errorf("%w, got %.40q", ErrTime, text)
	case seconds == 0:
		return time.Time{}, nil
	case seconds >= milliseconds:
		if seconds > 1e14 {
			return time.Time{}, fmt.Errorf("%w, got %.40q", ErrTime, text)
		}
		return time.UnixMilli(seconds).UTC(), nil
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// parseISO reads an ISO 8601 time with a zone. A time without a zone is no
// instant.
func parseISO(text string) (time.Time, bool) {
	const longest = len("2026-10-01T12:00:00.000000000+02:00")
	if len(text) > longest {
		return time.Time{}, false // time.Parse would copy it into its error
	}
	for _, layout := range [...]string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05Z07:00"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

// kind returns the JSON type of a value in words, for an error.
func kind(data []byte) string {
	switch data[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a text"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}
