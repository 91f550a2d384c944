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

// This file reads replies and makes errors of refusals. HTTP status 200 is not
// success: a refusal may stand in six places of the body (contract, "Results and
// errors"). reply_send.go reads the replies to sends.

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

// refusal returns the *Error for the reply to any call but a send, or nil if
// the reply is a success.
func (c *Client) refusal(op string, reply *transport.Reply) *Error {
	found, body, object := readComplaint(reply.Body)
	if reply.Status >= 200 && reply.Status < 300 {
		if !object {
			return nil // an array, or a text where a call expects one
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

// readComplaint reads the places of a body that only refusals have. object
// reports whether the body is a JSON object.
func readComplaint(body []byte) (c complaint, reply replyBody, object bool) {
	if reply, object = readReplyBody(body); !object {
		return c, reply, false
	}
	c.add(reply.Errors)
	c.add(reply.Error)
	c.add(wire.Root(reply.Response).Get("error").Raw())
	return c, reply, true
}

// replyBody is the part of any reply's object that may hold a complaint.
type replyBody struct {
	Sent      wire.Bool
	ID, JobID string

	// The members as the service wrote them; empty if they are absent.
	Message, Error, Errors, Code, Success, Response json.RawMessage
}

// readReplyBody reads the object without reflection, because it reads every
// reply. ok is false if the body is not a JSON object, or if sent, id or jobId
// is not a scalar.
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

// complaint holds what a body says about a failure: all texts, and the first
// code in the order of the contract.
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

// text returns all texts as one, for Error.Reason.
func (c *complaint) text() string {
	return strings.Join(c.texts, ": ")
}

// add reads a value that may be a text, a code, a Graph object or an array of
// those.
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

// graphError is an error object in Meta's form.
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

// refused returns the *Error for a refusal. It takes kind, advice and retry
// class from the catalogue; fallback is the key of a row for a refusal that no
// row describes.
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
		e.Kind, e.Retry = kindOf(row), RetryClass(row.Retry)
	}
	if e.Kind == ErrRateLimited && e.RetryAfter > 0 {
		e.Advice = fmt.Sprintf("try again in %s", e.RetryAfter)
	}
	if e.Reason == "" && !known {
		e.Advice = "ask the support of Chat API why"
	}
	if e.Kind == ErrWrongChannel {
		e.cause = ErrUnauthorized // because the status is 401
	}
	if reply.Status >= 300 && reply.Status < 400 {
		e.Kind, e.Retry = ErrNotFound, RetryFix
		e.Reason = "the address redirects to " + clip(redactQuery(reply.Header.Get("Location")), 200)
		e.Advice = "copy the API URL from the Chat API cabinet again"
	}
	e.Sentence = c.sentence(e)
	return e
}

// classify finds the catalogue's row for a refusal: by its code, else by its
// texts, else by its status. Without a match it returns the row of fallback,
// and false.
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
	return row, false // the fallback's advice holds, but its class does not
}

// numbered finds the row of a refusal's code.
func numbered(found complaint) (errorcode.Row, bool) {
	if !found.hasCode {
		return errorcode.Row{}, false
	}
	return errorcode.LookupNumber(found.code)
}

// sentence returns one sentence for an operator that says what happened.
func (c *Client) sentence(e *Error) string {
	if sentence := codeSentence(e.Code); sentence != "" && e.Kind != ErrOutcomeUnknown {
		return sentence
	}
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
		return "The file could not be fetched, or WhatsApp does not take its type."
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

// notJSON returns the error of a reply that could not be read.
func (c *Client) notJSON(op string, reply *transport.Reply, cause error) *Error {
	row, _ := errorcode.Lookup("1msg:not-json")
	e := c.local(op, &Error{HTTPStatus: reply.Status, Kind: ErrUnavailable, Retry: RetryClass(row.Retry),
		Reason: "the reply is not what the service writes: " + clip(cause.Error(), 200), Raw: capped(reply.Body), cause: cause,
		Sentence: fmt.Sprintf("%s did not answer like Chat API.", c.base.Host),
		Advice:   "check the API URL, and whether a proxy answers in the service's place"})
	if looksLikeHTML(reply.Body) {
		e.Kind, e.Retry, e.cause = ErrNotFound, RetryFix, nil
		e.Reason = "the reply is " + plainText(reply.Body)
	}
	return e
}

// plainText returns a short text of a body for an error: of a JSON text its
// content, of an HTML page its title, else the body itself.
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

func looksLikeHTML(body []byte) bool {
	body = bytes.TrimSpace(body)
	return len(body) > 0 && body[0] == '<'
}

// isFalse reports whether value is false in one of the forms of the service.
func isFalse(value json.RawMessage) bool {
	var b wire.Bool
	return len(value) > 0 && b.UnmarshalJSON(value) == nil && b.Set && !b.Value
}

// onlyMember reports whether the object has this member and no other.
func onlyMember(body []byte, name string) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil || len(members) != 1 {
		return false
	}
	_, ok := members[name]
	return ok
}

// firstText returns the first of the members that is a scalar and not empty, as
// text.
func firstText(object wire.Value, names ...string) string {
	for _, name := range names {
		if text, err := object.Get(name).Text(); err == nil && text != "" {
			return text
		}
	}
	return ""
}
