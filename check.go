package chatapi

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// checker keeps the first thing that is wrong with a message. The contract does
// not say in which unit its limits count, so they are Unicode characters, the
// most generous reading: what passes may still be refused, but nothing that
// the service takes is refused here.
type checker struct{ first *Error }

// err returns the first problem.
func (c *checker) err() error {
	if c.first == nil {
		return nil // a typed nil would not equal nil
	}
	return c.first
}

func (c *checker) failWith(e *Error) {
	if c.first == nil {
		c.first = e
	}
}

// fail notes a problem, as the rest of a sentence that begins with the field.
func (c *checker) fail(field, problem string) { c.failWith(invalid(field, problem)) }

// that notes the problem unless ok.
func (c *checker) require(ok bool, field, problem string) {
	if !ok {
		c.fail(field, problem)
	}
}

// text checks a text that has to be there.
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

// count checks the length of a list; unit is what it holds.
func (c *checker) count(field string, n, least, most int, unit string) {
	if n < least || n > most {
		c.fail(field, fmt.Sprintf("has %d %s; it must be %s", n, unit, between(least, most)))
	}
}

// json checks that a value of the caller's own shape can be sent.
func (c *checker) json(field string, value any) {
	if _, err := wire.Marshal(value); err != nil {
		c.fail(field, "cannot be written as JSON: "+clip(err.Error(), 200))
	}
}

// within takes over what another checker found in a part of the message.
func (c *checker) failIn(place string, inner checker) {
	if inner.first != nil {
		e := invalid(place+"."+inner.first.Field, inner.first.Reason)
		e.Kind, e.Advice = inner.first.Kind, inner.first.Advice
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

// segment returns an id as one segment of a path. An id that would change the
// path, or is none, is refused.
func segment(field, id string) (string, *Error) {
	switch {
	case id == "":
		return "", invalid(field, "is empty")
	case id == "." || id == "..", !isWord(id):
		return "", invalid(field, "is "+quote(id)+", which is no id")
	}
	return url.PathEscape(id), nil
}
