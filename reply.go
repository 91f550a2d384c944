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

// decodeReply fills out from a reply's body. A body that would take too much
// memory is an error.
func decodeReply(body []byte, out any) error {
	if raw, ok := out.(*json.RawMessage); ok {
		if !json.Valid(body) {
			return errors.New("the body is not JSON")
		}
		*raw = bytes.Clone(body)
		return nil
	}
	if document, err := wire.ParseLenient(body); err == nil {
		fits := document.Root().SpendAll()
		document.Release()
		if !fits {
			return errTooManyValues
		}
	}
	return wire.UnmarshalLenient(body, out)
}

// errTooManyValues is the error of a reply that is over the budget of a document.
var errTooManyValues = fmt.Errorf("it has too many values: the elements of its lists are over %d, or take over %d bytes of memory for each byte",
	wire.MaxElements, wire.MemoryPerByte)

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
		if !found.found() && body.members == 1 {
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
	c.add(reply.ResponseError)
	return c, reply, true
}

// replyBody is the part of any reply's object that may hold a complaint.
type replyBody struct {
	Sent      sentFlag
	ID, JobID string

	// The members as the service wrote them; empty if they are absent.
	// ResponseError is the error in "response".
	Message, Error, Errors, Code, Success, ResponseError json.RawMessage

	members int // how many the object has
}

// sentFlag holds what the members named "sent" say; a reply may have several.
type sentFlag struct{ Yes, No bool }

func (f *sentFlag) read(value json.RawMessage) error {
	var flag wire.Bool
	err := flag.UnmarshalJSON(value)
	f.Yes, f.No = f.Yes || flag.Set && flag.Value, f.No || flag.Set && !flag.Value
	return err
}

// saysYes reports whether a member says that a message was taken.
func (r *replyBody) saysYes() bool { return r.Sent.Yes || r.ID != "" || r.JobID != "" }

// readReplyBody reads the object without reflection, because it reads every
// reply. ok is false if the body is not a JSON object, or if sent, id or jobId
// is not a scalar or longer than any real id.
func readReplyBody(body []byte) (reply replyBody, ok bool) {
	document, err := wire.ParseLenient(body)
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
		reply.members++
		switch string(members.Name) {
		case "sent":
			err = reply.Sent.read(value.Raw())
		case "id":
			err = keepText(&reply.ID, value)
		case "jobId":
			err = keepText(&reply.JobID, value)
		case "message":
			reply.Message = value.Raw()
		case "error":
			reply.Error = keepRaw(reply.Error, value)
		case "errors":
			reply.Errors = keepRaw(reply.Errors, value)
		case "code":
			reply.Code = value.Raw()
		case "success":
			reply.Success = value.Raw()
		case "response":
			reply.ResponseError = keepRaw(reply.ResponseError, value.Get("error"))
		}
		if err != nil || len(reply.ID) > wire.LongestText || len(reply.JobID) > wire.LongestText {
			return replyBody{}, false
		}
	}
	return reply, true
}

// keepText sets text to a value. An empty value does not replace an earlier
// member of the same name.
func keepText(text *string, value wire.Value) error {
	given, err := value.Text()
	if given != "" {
		*text = given
	}
	return err
}

// keepRaw returns a value, or the earlier member of the same name if the value
// is absent or null.
func keepRaw(before json.RawMessage, value wire.Value) json.RawMessage {
	if raw := value.Raw(); before == nil || len(raw) > 0 && string(raw) != "null" {
		return raw
	}
	return before
}

// complaint holds what a body says about a failure: the first texts, and the first
// code in the order of the contract.
type complaint struct {
	code    int
	hasCode bool
	texts   []string
}

const (
	// mostComplaints is the number of texts that a complaint keeps. A reply may
	// have a million.
	mostComplaints = 8

	// longestComplaint is the length of a text that a complaint keeps, in bytes.
	longestComplaint = 2000

	// deepestComplaint is how many lists may stand around a text or code. The
	// contract has one.
	deepestComplaint = 8
)

func (c *complaint) found() bool { return c.hasCode || len(c.texts) > 0 }

func (c *complaint) addText(text string) {
	text = strings.TrimSpace(text[:min(len(text), 2*longestComplaint)])
	text = strings.ToValidUTF8(text[:min(len(text), longestComplaint)], "")
	if text != "" && len(c.texts) < mostComplaints && !slices.Contains(c.texts, text) {
		c.texts = append(c.texts, text)
	}
}

func (c *complaint) addCode(code wire.Value) {
	if n, ok := code.Int(); ok && !c.hasCode {
		c.code, c.hasCode = int(n), true
	}
}

// text returns all texts as one, for Error.Reason.
func (c *complaint) text() string {
	return strings.Join(c.texts, ": ")
}

// add reads a value that may be a text, a code, a Graph object or an array of
// those.
func (c *complaint) add(value json.RawMessage) {
	if len(value) == 0 {
		return
	}
	document, err := wire.ParseLenient(value)
	if err != nil {
		return
	}
	defer document.Release()
	c.read(document.Root(), 0)
}

// read is add for a value that stands in so many arrays. It reads by position and
// copies nothing, so it takes as long as the value is.
func (c *complaint) read(v wire.Value, depth int) {
	switch {
	case v.IsArray() && depth == deepestComplaint:
		c.addRaw(v)
	case v.IsArray():
		for items := v.Array(); items.Next(); {
			c.read(items.Value, depth+1)
		}
	case v.IsObject():
		c.readGraph(v)
	case v.IsString():
		text, _ := v.Text()
		c.addText(text)
	case string(v.Raw()) == "true": // {"error": true} says nothing more
		c.addText("the service answered error: true")
	default:
		c.addCode(v)
	}
}

// addRaw adds the beginning of a value of an unknown form.
func (c *complaint) addRaw(v wire.Value) {
	raw := v.Raw()
	c.addText(clip(string(raw[:min(len(raw), longestComplaint)]), 300))
}

// readGraph reads an error object in Meta's form.
func (c *complaint) readGraph(v wire.Value) {
	var code, errorCode wire.Value
	var message, title, userTitle, userText, details, dataDetails string
	var err error
	for m := v.Object(); m.Next() && err == nil; {
		switch string(m.Name) {
		case "code":
			code = m.Value
			_, err = code.Text()
		case "error_code":
			errorCode = m.Value
			_, err = errorCode.Text()
		case "message":
			message, err = m.Value.Text()
		case "title":
			title, err = m.Value.Text()
		case "error_user_title":
			userTitle, err = m.Value.Text()
		case "error_user_msg":
			userText, err = m.Value.Text()
		case "details":
			details, err = m.Value.Text()
		case "error_data":
			dataDetails, _ = m.Value.Get("details").Text()
		}
	}
	if err != nil { // an object or array where a text belongs
		c.addRaw(v)
		return
	}
	c.addCode(code)
	c.addCode(errorCode)
	before := len(c.texts)
	for _, text := range [...]string{message, title, userTitle, userText, details, dataDetails} {
		c.addText(text)
	}
	if len(c.texts) == before && !c.hasCode && len(v.Raw()) > len("{}") {
		c.addRaw(v)
	}
}

// refused returns the *Error for a refusal. It takes kind, advice and retry
// class from the catalogue; fallback is the key of a row for a refusal that no
// row describes.
func (c *Client) refused(op string, reply *transport.Reply, found complaint, fallback string) *Error {
	e := c.local(op, &Error{HTTPStatus: reply.Status, Sent: true, Reason: clip(c.transport.Scrub(found.text()), 500), Raw: capped(reply.Body)})
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
		e.Reason = "the address redirects to " + cmp.Or(clip(c.transport.Scrub(redactQuery(reply.Header.Get("Location"))), 200), "a place that it does not name")
		e.Advice = "copy the API URL from the Chat API cabinet again"
	}
	e.Sentence = c.sentence(e)
	return c.scrubbed(e)
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

// notJSON returns the error of a reply that could not be read.
func (c *Client) notJSON(op string, reply *transport.Reply, cause error) *Error {
	row, _ := errorcode.Lookup("1msg:not-json")
	e := c.local(op, &Error{HTTPStatus: reply.Status, Sent: true, Kind: ErrUnavailable, Retry: RetryClass(row.Retry),
		Reason: "the reply is not what the service writes: " + clip(cause.Error(), 200), Raw: capped(reply.Body), cause: cause,
		Sentence: fmt.Sprintf("%s did not answer like Chat API.", c.base.Host),
		Advice:   "check the API URL, and whether a proxy answers in the service's place"})
	if looksLikeHTML(reply.Body) {
		e.Kind, e.Retry, e.cause = ErrNotFound, RetryFix, nil
		e.Reason = "the reply is " + plainText(reply.Body)
	}
	return c.scrubbed(e)
}

// plainText returns a short text of a body for an error: of a JSON text its
// content, of an HTML page its title, else the body itself. It looks at the
// beginning of the body only.
func plainText(body []byte) string {
	const enough = 4 << 10
	var text string
	if len(body) <= enough && json.Unmarshal(body, &text) == nil {
		return clip(text, 300)
	}
	if looksLikeHTML(body) {
		head := body[:min(len(body), 4*enough)]
		for _, tag := range [...]string{"<title>", "<TITLE>", "<Title>"} {
			if _, title, found := bytes.Cut(head, []byte(tag)); found {
				title, _, _ = bytes.Cut(title, []byte("<"))
				return "an HTML page titled " + clip(strings.Join(strings.Fields(string(title)), " "), 100)
			}
		}
		return "an HTML page"
	}
	body = bytes.TrimSpace(body)
	return clip(strings.Join(strings.Fields(strings.ToValidUTF8(string(body[:min(len(body), enough)]), "\ufffd")), " "), 300)
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
