// Package wire reads what the service writes: JSON whose scalars change type
// between generations, endpoints and days. Structure is read strictly, scalars
// loosely, and unknown members are left alone.
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

// Unmarshal decodes exactly one JSON document: exact member names, no duplicate
// names, valid UTF-8, nothing after it.
func Unmarshal(data []byte, out any) error { return jsonv2.Unmarshal(data, out) }

// UnmarshalLenient is Unmarshal with duplicate names (the last wins) and broken
// UTF-8 (replaced) allowed.
func UnmarshalLenient(data []byte, out any) error {
	return jsonv2.Unmarshal(data, out, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// Marshal encodes without escaping HTML characters, as the service's own
// clients do, and with map members in order, so that equal values are equal
// bytes.
func Marshal(in any) ([]byte, error) { return jsonv2.Marshal(in, ordered) }

// AppendText appends text as a JSON string; broken UTF-8 becomes U+FFFD.
func AppendText(dst []byte, text string) []byte {
	dst, _ = jsontext.AppendQuote(dst, text)
	return dst
}

var ordered = jsonv2.Deterministic(true)

// Text is a text that may come as a number, a boolean or null. Digits are kept
// as they were written: an id never passes through a float.
type Text string

// UnmarshalJSON takes any scalar; an object or array is an error.
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

// Bool is a boolean that may come as 0 or 1, as text, or as null.
type Bool struct {
	Value bool

	// Set tells false from absent, null or empty.
	Set bool
}

// UnmarshalJSON takes true, false, 0, 1, "true", "false", "0", "1", "" and null.
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

// Int is an integer that may come as text or null.
type Int int64

// UnmarshalJSON takes an integer in either form; a fraction or anything else is
// an error.
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

// ErrTime says that a text is no instant.
var ErrTime = errors.New("want Unix seconds")

// milliseconds is from where a number is read as milliseconds: as seconds it
// would be in the year 5138.
const milliseconds = 1e11

// ParseTime reads Unix seconds as the service writes them. Empty text is the
// zero time. Values too large for seconds of this millennium are read as
// milliseconds, which production has seen.
func ParseTime(text string) (time.Time, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		f, ferr := strconv.ParseFloat(text, 64)
		if ferr != nil || math.IsNaN(f) || f < 0 || f > 1e14 {
			return time.Time{}, fmt.Errorf("%w, got %.40q", ErrTime, text)
		}
		seconds = int64(f)
	}
	switch {
	case seconds <= 0:
		return time.Time{}, nil
	case seconds >= milliseconds:
		if seconds > 1e14 {
			return time.Time{}, fmt.Errorf("%w, got %.40q", ErrTime, text)
		}
		return time.UnixMilli(seconds).UTC(), nil
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// kind names the JSON type of a value for an error text.
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
