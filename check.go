package chatapi

import (
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
		c.fail(field, "is empty")
		return
	}
	c.optional(field, value, limit)
}

// optional checks a text that may be empty.
func (c *checker) optional(field, value string, limit int) {
	if !utf8.ValidString(value) {
		c.fail(field, "is not valid UTF-8")
		return
	}
	if len(value) <= limit {
		return
	}
	if n := utf8.RuneCountInString(value); n > limit {
		c.fail(field, fmt.Sprintf("has %d characters; at most %d are allowed", n, limit))
	}
}

// count checks the length of a list; unit names its elements, such as "cards".
func (c *checker) count(field string, n, least, most int, unit string) {
	if n < least || n > most {
		c.fail(field, fmt.Sprintf("has %d %s; it must be %s", n, unit, between(least, most)))
	}
}

// json checks that a value of the caller's own type can be sent.
func (c *checker) json(field string, value any) {
	if _, err := wire.Marshal(value); err != nil {
		c.fail(field, "cannot be written as JSON: "+clip(err.Error(), 200))
	}
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
	case strings.HasPrefix(strings.ToLower(address), "data:"):
		c.fail(field, "is a data URI; give the bytes with MediaBytes")
	case len(address) > maxURL:
		c.fail(field, fmt.Sprintf("is an address of %d bytes; at most %d are allowed", len(address), maxURL))
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || !isAddress(address):
		c.fail(field, fmt.Sprintf("is %s, which is no http or https address", quote(redactQuery(address))))
	}
}

// unique finds the second use of a value in a list. It maps each value to the
// place of its first use.
type unique map[string]string

func (u unique) add(c *checker, field, value string) {
	if first, used := u[value]; used {
		c.fail(field, fmt.Sprintf("is %s, which %s is already", quote(value), first))
		return
	}
	u[value] = field
}

// segment returns an id as one segment of a path. It refuses an empty id and one
// that would change the path.
func segment(field, id string) (string, *Error) {
	switch {
	case id == "":
		return "", invalid(field, "is empty")
	case id == "." || id == "..", !isWord(id):
		return "", invalid(field, "is "+quote(id)+", which is no id")
	}
	return url.PathEscape(id), nil
}
