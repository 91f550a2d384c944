package chatapi

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// checker keeps the first problem that is found in a message. The contract does
// not name the unit of its limits. They are counted in Unicode characters here,
// the most generous reading: the service may still refuse a message that
// passes, but no message that the service accepts is refused here.
type checker struct{ first *Error }

// err returns the first problem, or nil.
func (c *checker) err() error {
	if c.first == nil {
		return nil // a nil *Error in an error would not equal nil
	}
	return c.first
}

// failWith notes a problem that is an error already.
func (c *checker) failWith(e *Error) {
	if c.first == nil {
		c.first = e
	}
}

// fail notes a problem. The problem is the rest of a sentence that begins with
// the field.
func (c *checker) fail(field, problem string) { c.failWith(invalid(field, problem)) }

// require notes the problem unless ok is true.
func (c *checker) require(ok bool, field, problem string) {
	if !ok {
		c.fail(field, problem)
	}
}

// text checks a text that is required.
func (c *checker) text(field, value string, limit int) {
	if strings.TrimSpace(value) == "" {
		c.fail(field, fmt.Sprintf("is empty; give it 1 to %d characters", limit))
		return
	}
	c.optional(field, value, limit)
}

// optional checks a text that may be empty.
func (c *checker) optional(field, value string, limit int) {
	if !utf8.ValidString(value) {
		c.fail(field, "is not valid UTF-8; convert it from its encoding first")
		return
	}
	if len(value) <= limit {
		return
	}
	if n := utf8.RuneCountInString(value); n > limit {
		c.fail(field, fmt.Sprintf("has %d characters, but at most %d are allowed; shorten it", n, limit))
	}
}

// count checks the length of a list; unit names its elements, such as "cards".
func (c *checker) count(field string, n, least, most int, unit string) {
	advice := "leave some out"
	switch {
	case n >= least && n <= most:
		return
	case n < least:
		advice = "add " + unit
	}
	c.fail(field, fmt.Sprintf("must have %s %s, not %d; %s", between(least, most), unit, n, advice))
}

// json checks that a value of the caller's own type can be sent.
func (c *checker) json(field string, value any) {
	if _, err := wire.Marshal(value); err != nil {
		c.fail(field, "holds a value that JSON cannot write; "+jsonAdvice(value, err))
	}
}

// jsonAdvice says which value JSON cannot write. The words of encoding/json are the
// same each time; those of wire.Marshal change by design.
func jsonAdvice(value any, err error) string {
	if _, standard := json.Marshal(value); standard != nil {
		err = standard
	}
	return "give it values that encoding/json writes: " + clip(err.Error(), 200)
}

// failIn notes the problem that another checker found in a part of the message.
func (c *checker) failIn(place string, part checker) {
	if part.first != nil {
		e := invalid(place+"."+part.first.Field, part.first.Reason)
		e.Kind, e.Advice = part.first.Kind, part.first.Advice
		c.failWith(e)
	}
}

// maxURL is the longest address in bytes. Signed addresses of object stores reach
// 2,000 characters.
const maxURL = 8192

// url checks an address that the service, or the customer, will open.
func (c *checker) url(field, address string) {
	u, err := url.Parse(address)
	switch {
	case address == "":
		c.fail(field, "is empty; give an address that begins with https://")
	case strings.HasPrefix(strings.ToLower(address), "data:"):
		c.fail(field, "is a data URI; give the bytes with MediaBytes")
	case len(address) > maxURL:
		c.fail(field, fmt.Sprintf("is an address of %d bytes, but at most %d are allowed; shorten it", len(address), maxURL))
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || !isAddress(address):
		c.fail(field, fmt.Sprintf("is %s, which is not a complete address; write one that begins with https://", quote(redactQuery(address))))
	}
}

// unique finds the second use of a value in a list. It maps each value to the
// place of its first use.
type unique map[string]string

func (u unique) add(c *checker, field, value string) {
	if first, used := u[value]; used {
		c.fail(field, fmt.Sprintf("is %s a second time; %s has that value already, so choose another", quote(value), first))
		return
	}
	u[value] = field
}

// segment returns an id as one segment of a path. It refuses an empty id and one
// that would change the path.
func segment(field, id string) (string, *Error) {
	switch {
	case id == "":
		return "", invalid(field, "is empty; give the id that the service returned")
	case id == "." || id == "..", !isWord(id):
		return "", invalid(field, "is "+quote(id)+", which is not an id; give the one that the service returned")
	}
	return url.PathEscape(id), nil
}

// checkTemplateName notes a text that cannot be the name of a template. WhatsApp
// creates no name with other characters (Meta's reference; high).
func checkTemplateName(c *checker, name string) {
	switch likely := strings.Map(underscored, strings.ToLower(strings.TrimSpace(name))); {
	case name == "":
		c.fail("Name", "is empty; give the template's name, such as order_update")
	case isTemplateName(name):
	case len(name) > 512:
		c.fail("Name", fmt.Sprintf("has %d bytes, but a template's name has at most 512; copy it from the list of templates", len(name)))
	default:
		problem := "is " + quote(name) + ", but a template's name has lower-case letters, digits and underscores only; "
		if isTemplateName(likely) {
			c.fail("Name", problem+"write it as "+clip(likely, 64))
			return
		}
		c.fail("Name", problem+"copy it from the list of templates")
	}
}

// checkLanguage notes a text that cannot be the language of a template. WhatsApp's
// codes have no dash (Meta's list of languages, 2026-11; high).
func checkLanguage(c *checker, language string) {
	switch likely := strings.Map(underscored, strings.TrimSpace(language)); {
	case language == "":
		c.fail("Language", "is empty; give the approved one, such as en or pt_BR")
	case likely != language && isWord(likely):
		c.fail("Language", "is "+quote(language)+", but WhatsApp writes languages with an underscore; write it as "+clip(likely, 64))
	case !isWord(language):
		c.fail("Language", "is "+quote(language)+", which is not a language code; write it as en or pt_BR")
	}
}

// underscored maps the characters that people write in place of an underscore.
func underscored(r rune) rune {
	if r == ' ' || r == '-' {
		return '_'
	}
	return r
}
