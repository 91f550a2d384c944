package tape

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// This file takes what is personal or secret out of the values of a body. It walks a tape
// twice: first it collects the real values, then it replaces them, so that a name that the
// end of a tape tells is also taken out of the texts at its beginning.

// scrubber takes the personal and the secret out of bodies.
type scrubber struct {
	*registry
	keep  bool          // texts
	shift time.Duration // from the recorded time to that of the tape
}

// body returns a body without what is personal. A body that is not JSON becomes a JSON text of
// its shape.
func (s *scrubber) body(in part, raw []byte) json.RawMessage {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil
	}
	value, ok := decode(raw)
	if !ok {
		return encode(s.noJSON(in, string(raw)))
	}
	if list, ok := value.([]any); ok {
		return encode(s.list(spot{part: in}, list, 0))
	}
	return encode(s.value(spot{part: in}, value, 0))
}

// noJSON returns a body that is not JSON. The texts of the service say why it refuses a call.
func (s *scrubber) noJSON(in part, body string) string {
	if in == inAnswer && len(body) < 1000 && !strings.Contains(body, "<") {
		return s.sentence(body, true)
	}
	return s.sentence(body, false)
}

func (s *scrubber) value(at spot, value any, depth int) any {
	if depth > mostDepth {
		return nil
	}
	switch v := value.(type) {
	case *object:
		return s.object(at, v, depth)
	case []any:
		return s.list(at, v, depth)
	case string:
		return s.text(at, v, depth)
	case json.Number:
		return s.number(at, v)
	}
	return value
}

func (s *scrubber) object(at spot, o *object, depth int) any {
	clean := newObject()
	for _, name := range o.names {
		inner := spot{part: at.part, name: name, parent: at.name, siblings: o.of}
		value := s.value(inner, o.of[name], depth+1)
		name = s.memberName(name)
		for clean.of[name] != nil {
			name += "_"
		}
		clean.set(name, value)
	}
	return clean
}

// memberName returns the name of a member, which can be a number or an id too.
func (s *scrubber) memberName(name string) string {
	if classOf(name) != unknown {
		return name
	}
	clean := s.sentence(name, true)
	if len(name) > 64 || !s.settle {
		return shape(clean)
	}
	return clean
}

func (s *scrubber) list(at spot, values []any, depth int) any {
	clean := make([]any, len(values))
	for i, value := range values {
		clean[i] = s.value(at, value, depth+1)
	}
	return clean
}

// number returns the number that stands for a JSON number.
func (s *scrubber) number(at spot, number json.Number) any {
	c, real := meaning(at), number.String()
	switch c {
	case instant:
		if shifted, ok := s.instant(real); ok {
			return json.Number(shifted)
		}
	case place:
		return json.Number(nowhere(at.name))
	case party, ident, word, own:
		if only := digits(real); only == real && len(real) >= leastNumber {
			clean := s.text(at, real, mostDepth)
			if text, ok := clean.(string); ok && digits(text) == text && text[0] != '0' {
				return json.Number(text)
			}
			return json.Number("0")
		}
	case size:
		return json.Number("1000")
	}
	if len(digits(real)) >= leastNumber {
		return json.Number("0")
	}
	return number
}

// nowhere returns a coordinate of the place that stands for each place.
func nowhere(name string) string {
	if name == "lat" || name == "latitude" || name == "degreesLatitude" {
		return "38.9"
	}
	return "-77.03"
}

// instant returns a time on the tape. An instant of the years around 2000 is on the tape
// already.
func (s *scrubber) instant(real string) (string, bool) {
	if at, err := time.Parse(time.RFC3339, real); err == nil {
		if onTape(at) {
			return real, true
		}
		return at.Add(-s.shift).UTC().Format(time.RFC3339), true
	}
	n, err := strconv.ParseInt(real, 10, 64)
	unit, per := time.Second, int64(1)
	if n > 100_000_000_000 {
		unit, per = time.Millisecond, 1000
	}
	switch {
	case err != nil || n < 0 || n/per > 4_200_000_000:
		return "", false
	case n < 100_000 || onTape(time.Unix(n/per, 0)):
		return real, true
	}
	moved := n - int64(s.shift/unit)
	if !onTape(time.Unix(moved/per, 0)) { // far from the recording: it tells a date
		moved = start.Unix() * per
	}
	return strconv.FormatInt(moved, 10), true
}

// onTape reports whether an instant can be one of a tape.
func onTape(at time.Time) bool { return at.Year() >= 1999 && at.Year() <= 2001 }

// text returns the value that stands for a text.
func (s *scrubber) text(at spot, real string, depth int) any {
	if real == "" || s.issued[real] {
		return real
	}
	if clean, ok := s.form(at, real, depth); ok {
		return clean
	}
	switch c := meaning(at); c {
	case word:
		return s.word(real)
	case own, says:
		return s.sentence(real, true)
	case text:
		return s.sentence(real, s.keep)
	case party:
		return s.party(real)
	case person, thing:
		if leastDigits(real) {
			return s.party(real)
		}
		s.saw(func() { s.sawName(real, c == person) })
		return s.name(real)
	case username:
		bare := strings.TrimPrefix(real, "@")
		if !s.issued[bare] {
			s.saw(func() { s.secrets.add("a username", bare, true) })
		}
		return s.username(bare)
	case ident:
		return s.ident(at, real)
	case instant:
		if shifted, ok := s.instant(real); ok {
			return shifted
		}
	case place:
		if latitude, longitude, ok := strings.Cut(real, ";"); ok && digits(latitude) != "" && digits(longitude) != "" {
			return "38.9;-77.03"
		}
		return nowhere(at.name)
	case hash:
		return stockHash(at.siblings, real)
	case size:
		return "1000"
	case filename:
		return s.file(real)
	case network:
		return "v=0"
	}
	return s.sentence(real, false)
}

// saw calls f while the real values are collected.
func (s *scrubber) saw(f func()) {
	if !s.settle {
		f()
	}
}

// form returns the value that stands for a text whose form says what it is.
func (s *scrubber) form(at spot, real string, depth int) (any, bool) {
	switch {
	case strings.HasPrefix(real, "data:"):
		return stockData(real), true
	case strings.HasPrefix(real, "BEGIN:VCARD"):
		return s.card(real), true
	case depth < mostDepth && (real[0] == '{' || real[0] == '[') && at.name != "payload":
		if value, ok := decode([]byte(real)); ok {
			return string(encode(s.value(at, value, depth+1))), true
		}
	case (strings.HasPrefix(real, "http://") || strings.HasPrefix(real, "https://")) && !strings.ContainsAny(real, " \n\t"):
		s.secret("an address", real)
		return s.link(real), true
	case strings.HasPrefix(real, "wamid."):
		s.secret("a message id", real)
		return s.id(real), true
	case wholeChat().MatchString(real):
		return s.chat(real), true
	case shapeless(real): // also if the shape is that of an address or an id
	case wholeBSUID().MatchString(real):
		s.secret("a user id", real)
		return s.bsuid(real), true
	case wholeEmail().MatchString(real):
		s.secret("an e-mail address", real)
		return s.email(real), true
	}
	return nil, false
}

var (
	wholeChat = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[^@\s]+@(?:c\.us|g\.us|lid|s\.whatsapp\.net|broadcast|newsletter)$`)
	})
	wholeBSUID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{6,}$`) })
	wholeEmail = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^` + emailPattern + `$`) })
)

const emailPattern = `[^\s@"'<>()\[\]:;,/\\&=?]+@[^\s@"'<>()\[\]:;,/\\&=?]+\.\p{L}{2,}`

// word returns a word of the protocol, and the shape of anything else.
func (s *scrubber) word(real string) string {
	clean := s.sentence(real, true)
	if clean != real || len(real) > 64 {
		return shape(clean)
	}
	return real
}

// chat returns the id that stands for the id of a chat.
func (s *scrubber) chat(real string) string {
	whose, where, _ := strings.Cut(real, "@")
	switch only := digits(whose); {
	case where == "g.us" || where == "broadcast" || where == "newsletter":
		s.secret("a chat id", whose)
		whose = s.group(whose)
	case wholeBSUID().MatchString(whose):
		s.secret("a user id", whose)
		whose = s.bsuid(whose)
	case where == "lid":
		s.secret("a user id", whose)
		whose = s.id(whose)
	case len(only) >= leastNumber:
		number, device, _ := strings.Cut(whose, ":")
		whose = s.phone(digits(number))
		if device != "" {
			whose += ":" + device
		}
	default:
		whose = s.name(whose)
	}
	return whose + "@" + where
}

func (s *scrubber) phone(number string) string {
	s.saw(func() { s.sawNumber(number) })
	return s.registry.number(number)
}

// party returns the value that stands for a person or a chat.
func (s *scrubber) party(real string) string {
	only := digits(real)
	switch {
	case leastDigits(real) && len(only) > 15:
		s.secret("a chat id", only)
		return s.group(only)
	case leastDigits(real):
		plus := ""
		if strings.HasPrefix(real, "+") {
			plus = "+"
		}
		return plus + s.phone(only)
	case only == real: // too short for a number
		return real
	}
	s.saw(func() { s.sawName(real, true) })
	return s.name(real)
}

// leastDigits reports whether a text is a number as people write numbers.
func leastDigits(text string) bool {
	return len(digits(text)) >= leastNumber && strings.IndexFunc(text, func(r rune) bool { return !strings.ContainsRune("+0123456789 ()-./\u00a0", r) }) < 0
}

func (s *scrubber) ident(at spot, real string) string {
	if at.name == "instanceId" {
		return s.channel(real)
	}
	if len(real) >= leastNumber {
		s.secret("an id", real)
	}
	return s.id(real)
}

// channel returns the id that stands for a channel. The first one is TAPE1.
func (s *scrubber) channel(real string) string {
	bare := strings.TrimPrefix(real, "instance")
	s.secret("a channel id", bare)
	return s.substitute("channel", bare, func(nth int) string { return fmt.Sprintf("TAPE%d", nth) })
}

// file returns the shape of a file's name, with its usual end.
func (s *scrubber) file(real string) string {
	if at := strings.LastIndexByte(real, '.'); at > 0 && usualExtension(strings.ToLower(real[at:])) {
		return s.sentence(real[:at], false) + real[at:]
	}
	return s.sentence(real, false)
}

// card returns a contact card. Its lines keep their names, and say nothing else.
func (s *scrubber) card(real string) string {
	lines := strings.Split(strings.ReplaceAll(real, "\r\n", "\n"), "\n")
	for i, line := range lines {
		head, value, ok := strings.Cut(line, ":")
		kind, _, _ := strings.Cut(head, ";")
		if at := strings.LastIndexByte(kind, '.'); at >= 0 {
			kind = kind[at+1:]
		}
		switch kind {
		case "BEGIN", "END", "VERSION":
			continue
		case "FN", "N":
			name := strings.Trim(strings.ReplaceAll(value, ";", " "), " ")
			if name != "" {
				s.saw(func() { s.sawName(name, true) })
				value = s.name(name)
			}
		case "TEL":
			number := digits(value)
			value = s.party(value)
			if before, _, found := strings.Cut(head, "waid="); found {
				head = before + "waid=" + s.party(number)
			}
		default:
			value = s.sentence(value, false)
		}
		if !ok {
			head, value = s.sentence(head, false), ""
		}
		lines[i] = strings.TrimSuffix(head+":"+value, ":")
	}
	return strings.Join(lines, "\n")
}
