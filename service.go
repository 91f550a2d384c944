package chatapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/chatapi-go/chatapi/internal/transport"
	"github.com/chatapi-go/chatapi/internal/wire"
)

// service is what every family of operations is made of.
type service struct{ client *Client }

// owner returns the client; nil, which every call refuses, for a service that
// was not made with New.
func (s *service) owner() *Client {
	if s == nil {
		return nil
	}
	return s.client
}

// refuse puts the operation and the channel on the error of a local check.
func (s *service) refuse(op string, e *Error) error {
	e.Op = op
	if client := s.owner(); client != nil {
		e.Channel = client.channel
	}
	return e
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

// source returns a file in the form in which the service fetches or takes it: a
// link or a data URI.
func (m Media) source(c *checker, field string) string {
	m.check(c, field)
	switch {
	case m.inline && c.first == nil:
		return m.dataURI()
	case m.id != "":
		c.fail(field, "is the id of an uploaded file; give a link or bytes")
	}
	return m.link
}

// isZero reports whether no file was given.
func (m Media) isZero() bool { return !m.inline && m.id == "" && m.link == "" }

// rows returns the elements of a list that comes bare or under one of several
// names. An empty object is an empty list; any other without the names is none.
func (c *Client) rows(op string, raw json.RawMessage, names ...string) ([]json.RawMessage, error) {
	if isObject(raw) {
		var members map[string]json.RawMessage
		if err := c.decode(op, raw, &members); err != nil {
			return nil, err
		}
		found := len(members) == 0
		for _, name := range names {
			if list, ok := members[name]; ok {
				raw, found = list, true
				break
			}
		}
		if !found {
			return nil, c.notJSON(op, &transport.Reply{Status: http.StatusOK, Body: raw}, errors.New("it has no list named "+strings.Join(names, ", ")))
		}
		if len(members) == 0 || string(bytes.TrimSpace(raw)) == "null" {
			return nil, nil
		}
	}
	var list []json.RawMessage
	if err := c.decode(op, raw, &list); err != nil {
		return nil, err
	}
	return list, nil
}

// firstText returns the first of several members that is a non-empty scalar.
func firstText(object wire.Value, names ...string) string {
	for _, name := range names {
		if text, err := object.Get(name).Text(); err == nil && text != "" {
			return text
		}
	}
	return ""
}
