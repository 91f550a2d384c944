package chatapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/internal/errorcode"
	"github.com/chatapi-go/chatapi/internal/transport"
	"github.com/chatapi-go/chatapi/internal/wire"
)

// This file reads replies. HTTP 200 is not success: a refusal may hide in six
// places of the body (contract, "Results and errors").

// decodeReply fills out from a reply's body.
func decodeReply(body []byte, out any) error {
	if raw, ok := out.(*json.RawMessage); ok {
		if !json.Valid(body) {
			return errors.New("the body is not JSON")
		}
		*raw = bytes.Clone(body)
		return nil
	}
	return wire.UnmarshalLenient(body, out)
}

// complaint is what a body says went wrong: all its texts, and the first code
// in the order of the contract.
type complaint struct {
	code    int
	hasCode bool
	texts   []string
}

func (c *complaint) found() bool { return c.hasCode || len(c.texts) > 0 }

func (c *complaint) addText(text string) {
	text = strings.TrimSpace(text)
	if text != "" && !slices.Contains(c.texts, text) {
		c.texts = append(c.texts, text)
	}
}

func (c *complaint) addCode(code wire.Text) {
	var n wire.Int
	if c.hasCode || code == "" || n.UnmarshalJSON([]byte(code)) != nil {
		return
	}
	c.code, c.hasCode = int(n), true
}

// text returns the most telling text for Error.Reason.
func (c *complaint) text() string {
	return strings.Join(c.texts, ": ")
}

// replyBody is the part of any reply's object that may hold a complaint.
type replyBody struct {
	Sent      wire.Bool
	ID, JobID string

	// As they were written; empty if they are absent.
	Message, Error, Errors, Code, Success, Response json.RawMessage
}

// readReplyBody reads the object by hand: this is done to every reply. ok is false
// if it is no JSON object, or one whose scalars are none.
func readReplyBody(body []byte) (reply replyBody, ok bool) {
	document, err := wire.Parse(body)
	if err != nil {
		return replyBody{}, false
	}
	defer document.Release()
	root := document.Root()
	if !root.IsObject() {
		return replyBody{}, false
	}
	for members := root.Object(); members.Next(); {
		var err error
		value := members.Value
		switch string(members.Name) {
		case "sent":
			err = reply.Sent.UnmarshalJSON(value.Raw())
		case "id":
			reply.ID, err = value.Text()
		case "jobId":
			reply.JobID, err = value.Text()
		case "message":
			reply.Message = value.Raw()
		case "error":
			reply.Error = value.Raw()
		case "errors":
			reply.Errors = value.Raw()
		case "code":
			reply.Code = value.Raw()
		case "success":
			reply.Success = value.Raw()
		case "response":
			reply.Response = value.Raw()
		}
		if err != nil {
			return replyBody{}, false
		}
	}
	return reply, true
}

// graphError is an error object as Meta writes it.
type graphError struct {
	Code      wire.Text       `json:"code"`
	ErrorCode wire.Text       `json:"error_code"`
	Message   wire.Text       `json:"message"`
	Title     wire.Text       `json:"title"`
	UserTitle wire.Text       `json:"error_user_title"`
	UserText  wire.Text       `json:"error_user_msg"`
	Details   wire.Text       `json:"details"`
	Data      json.RawMessage `json:"error_data"`
}

// add reads a complaint from a value that may be a text, a Graph object or
// an array of those.
func (c *complaint) add(value json.RawMessage) {
	value = bytes.TrimSpace(value)
	if len(value) == 0 {
		return
	}
	switch value[0] {
	case '"':
		var text string
		if json.Unmarshal(value, &text) == nil {
			c.addText(text)
		}
	case '[':
		var items []json.RawMessage
		if json.Unmarshal(value, &items) == nil {
			for _, item := range items {
				c.add(item)
			}
		}
	case '{':
		var g graphError
		if wire.UnmarshalLenient(value, &g) != nil {
			c.addText(clip(string(value), 300))
			return
		}
		c.addCode(g.Code)
		c.addCode(g.ErrorCode)
		before := len(c.texts)
		c.addText(string(g.Message))
		if string(g.Title) != string(g.Message) {
			c.addText(string(g.Title))
		}
		c.addText(string(g.UserTitle))
		c.addText(string(g.UserText))
		c.addText(string(g.Details))
		var data struct {
			Details wire.Text `json:"details"`
		}
		if len(g.Data) > 0 && wire.UnmarshalLenient(g.Data, &data) == nil {
			c.addText(string(data.Details))
		}
		if len(c.texts) == before && !c.hasCode && len(value) > 2 {
			c.addText(clip(string(value), 300))
		}
	case 't': // {"error": true} says nothing more
		c.addText("the service answered error: true")
	case 'n', 'f':
	default:
		c.addCode(wire.Text(value))
	}
}

// readComplaint reads everything that a body may complain with. object tells
// whether the body is a JSON object at all.
func readComplaint(body []byte) (c complaint, reply replyBody, object bool) {
	if reply, object = readReplyBody(body); !object {
		return c, reply, false
	}
	c.add(reply.Errors)
	c.add(reply.Error)
	c.add(wire.Root(reply.Response).Get("error").Raw())
	return c, reply, true
}

// refusal returns the *Error that a reply stands for, or nil if it is a
// success. It covers every condition but those of send replies.
func (c *Client) refusal(op string, reply *transport.Reply) *Error {
	found, body, object := readComplaint(reply.Body)
	if reply.Status >= 200 && reply.Status < 300 {
		if !object {
			return nil // an array or, where one is expected, a text
		}
		if isFalse(body.Success) {
			found.add(body.Message)
			if !found.found() {
				found.addText("the service answered success: false")
			}
		}
		if !found.found() && onlyMember(reply.Body, "message") {
			found.add(body.Message)
		}
		if !found.found() {
			return nil
		}
		found.add(body.Code)
		return c.refused(op, reply, found, "1msg:response-error")
	}
	if object {
		found.add(body.Message)
		found.add(body.Code)
	} else {
		found.addText(plainText(reply.Body))
	}
	return c.refused(op, reply, found, "")
}

// refused makes the *Error of a refusal by the classifier's order: code, text,
// status, fallback.
func (c *Client) refused(op string, reply *transport.Reply, found complaint, fallback string) *Error {
	e := c.local(op, &Error{HTTPStatus: reply.Status, Reason: clip(found.text(), 500), Raw: capped(reply.Body)})
	if wait, ok := transport.RetryAfter(reply.Header, time.Now()); ok {
		e.RetryAfter = wait
	}
	row, known := classify(reply, found, fallback)
	if n := row.Number(); n != 0 {
		e.Code = n
	} else if found.hasCode {
		e.Code = found.code
	}
	e.Kind, e.Retry, e.Advice = ErrRefused, RetryUnknown, row.Advice
	if known {
		e.Kind, e.Retry = kindOf(row), retryOf(row)
	}
	if e.Kind == ErrRateLimited && e.RetryAfter > 0 {
		e.Advice = fmt.Sprintf("try again in %s", e.RetryAfter)
	}
	if e.Reason == "" && !known {
		e.Advice = "ask the support of Chat API what stands against it"
	}
	if e.Kind == ErrWrongChannel {
		e.cause = ErrUnauthorized // it is a 401 all the same
	}
	if reply.Status >= 300 && reply.Status < 400 {
		e.Kind, e.Retry = ErrNotFound, RetryFix
		e.Reason = "the address redirects to " + clip(redactQuery(reply.Header.Get("Location")), 200)
		e.Advice = "copy the API URL from the Chat API cabinet again"
	}
	e.Sentence = c.sentence(e)
	return e
}

// classify finds the catalogue's row for a refusal.
func classify(reply *transport.Reply, found complaint, fallback string) (errorcode.Row, bool) {
	switch {
	case reply.Status == http.StatusTooManyRequests:
		if row, ok := numbered(found); ok && row.Class == "rate_limit" {
			return row, true
		}
		return errorcode.Lookup("http:429")
	case reply.Status == http.StatusUnauthorized:
		if text := strings.ToLower(found.text()); strings.Contains(text, "wrong token") && strings.Contains(text, "channel") {
			return errorcode.Lookup("1msg:wrong-token")
		}
		return errorcode.Lookup("http:401")
	}
	if row, ok := numbered(found); ok {
		return row, true
	}
	for _, text := range found.texts {
		if row, ok := matchText(text); ok {
			return row, true
		}
	}
	if reply.Status == http.StatusForbidden {
		return errorcode.Lookup("1msg:subscription-blocked")
	}
	if reply.Status >= 300 {
		if row, ok := errorcode.Lookup(fmt.Sprintf("http:%d", reply.Status)); ok {
			return row, true
		}
		switch {
		case reply.Status >= 500:
			return errorcode.Lookup("http:500")
		case reply.Status >= 400:
			return errorcode.Lookup("http:400")
		}
	}
	row, _ := errorcode.Lookup(fallback)
	return row, false // a fallback row tells what to do, not what it was
}

func numbered(found complaint) (errorcode.Row, bool) {
	if !found.hasCode {
		return errorcode.Row{}, false
	}
	return errorcode.LookupNumber(found.code)
}

// matchText finds the row of a text: the service's own conditions first, then
// the catalogue's patterns.
func matchText(text string) (errorcode.Row, bool) {
	lower := strings.ToLower(text)
	for _, own := range []struct{ part, key string }{
		{"bsuid routing is disabled", "1msg:bsuid-off"},
		{"username routing is disabled", "1msg:username-off"},
		{"username is not found", "1msg:username-unknown"},
		{"not linked with bsuid", "1msg:username-unknown"},
		{"template is not defined", "1msg:template-undefined"},
		{"subscription is blocked", "1msg:subscription-blocked"},
	} {
		if strings.Contains(lower, own.part) {
			return errorcode.Lookup(own.key)
		}
	}
	return errorcode.MatchText(text)
}

// kindOf maps a row's class to a sentinel.
func kindOf(row errorcode.Row) ErrorKind {
	switch row.Code {
	case "131050":
		return ErrOptedOut
	case "http:404":
		return ErrNotFound
	case "http:413":
		return ErrTooLarge
	case "1msg:wrong-token":
		return ErrWrongChannel
	}
	switch row.Class {
	case "window":
		return ErrWindowClosed
	case "recipient", "block":
		return ErrRecipient
	case "marketing":
		return ErrMarketingLimit
	case "rate_limit":
		return ErrRateLimited
	case "template":
		return ErrTemplate
	case "media":
		return ErrMedia
	case "auth":
		return ErrUnauthorized
	case "account", "billing", "policy", "channel", "registration":
		return ErrBlocked
	case "server":
		return ErrUnavailable
	case "unsupported", "call":
		return ErrUnsupported
	case "request", "flow":
		return ErrInvalid
	}
	return ErrRefused
}

// retryOf reads the catalogue's "wait:24h" and words.
func retryOf(row errorcode.Row) RetryClass { return RetryClass(row.Retry) }

// sentence says in one sentence for an operator what happened.
func (c *Client) sentence(e *Error) string {
	switch e.Kind {
	case ErrUnauthorized:
		return fmt.Sprintf("The token of channel %s is wrong or has expired.", c.channel)
	case ErrWrongChannel:
		return fmt.Sprintf("The token does not belong to channel %s.", c.channel)
	case ErrBlocked:
		return fmt.Sprintf("Channel %s is blocked or restricted: %s", c.channel, ended(clip(cmp.Or(e.Reason, "no reason given"), 160)))
	case ErrNotFound:
		if e.HTTPStatus == http.StatusNotFound || e.HTTPStatus >= 300 && e.HTTPStatus < 400 {
			return fmt.Sprintf("There is no Chat API channel at %s.", transport.RedactURL(c.base))
		}
	case ErrUnsupported:
		return "The service or this channel does not support this."
	case ErrWindowClosed:
		return "The customer has not written in the last 24 hours, so only a template can be sent."
	case ErrRecipient:
		return "This recipient cannot be reached on WhatsApp."
	case ErrMarketingLimit:
		return "WhatsApp holds back marketing messages to this person."
	case ErrOptedOut:
		return "This person does not want marketing messages."
	case ErrRateLimited:
		return "Too many messages or requests in too short a time."
	case ErrTemplate:
		return "The template is missing, not usable, or does not fit its values."
	case ErrMedia:
		return "The file could not be fetched or is of a kind WhatsApp does not take."
	case ErrTooLarge:
		return "The request is too large for the service."
	case ErrUnavailable:
		return "The service failed for now."
	case ErrOutcomeUnknown:
		return "It is not known whether the message went out."
	}
	if e.Reason != "" {
		return "The service refused: " + ended(clip(e.Reason, 160))
	}
	return "The service refused without giving a reason."
}

// notJSON is the error of a reply that could not be read.
func (c *Client) notJSON(op string, reply *transport.Reply, cause error) *Error {
	row, _ := errorcode.Lookup("1msg:not-json")
	e := c.local(op, &Error{HTTPStatus: reply.Status, Kind: ErrUnavailable, Retry: retryOf(row),
		Reason: "the reply is not what the service writes: " + clip(cause.Error(), 200), Raw: capped(reply.Body), cause: cause,
		Sentence: fmt.Sprintf("%s did not answer like Chat API.", c.base.Host),
		Advice:   "check the API URL, and whether a proxy answers in the service's place"})
	if looksLikeHTML(reply.Body) {
		e.Kind, e.Retry, e.cause = ErrNotFound, RetryFix, nil
		e.Reason = "the reply is " + plainText(reply.Body)
	}
	return e
}

func looksLikeHTML(body []byte) bool {
	body = bytes.TrimSpace(body)
	return len(body) > 0 && body[0] == '<'
}

// plainText returns a body that is a bare text, a JSON text, or the title of an
// HTML page, short enough for an error.
func plainText(body []byte) string {
	var text string
	if json.Unmarshal(body, &text) == nil {
		return clip(text, 300)
	}
	if looksLikeHTML(body) {
		lower := bytes.ToLower(body)
		if from := bytes.Index(lower, []byte("<title>")); from >= 0 {
			rest := body[from+len("<title>"):]
			if to := bytes.IndexByte(rest, '<'); to >= 0 {
				return "an HTML page titled " + clip(strings.Join(strings.Fields(string(rest[:to])), " "), 100)
			}
		}
		return "an HTML page"
	}
	return clip(strings.Join(strings.Fields(strings.ToValidUTF8(string(body), "\ufffd")), " "), 300)
}

func capped(body []byte) []byte { return bytes.Clone(body[:min(len(body), maxErrorRaw)]) }

func isFalse(value json.RawMessage) bool {
	var b wire.Bool
	return len(value) > 0 && b.UnmarshalJSON(value) == nil && b.Set && !b.Value
}

func onlyMember(body []byte, name string) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil || len(members) != 1 {
		return false
	}
	_, ok := members[name]
	return ok
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
