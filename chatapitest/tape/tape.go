package tape

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Tape is what went between a program and the service for a while: the calls that the program
// made, with their answers, and the webhooks that arrived, in the order in which they began.
// [Recorder.Tape] makes one, and [Load] reads one from a file. Nothing on it is personal. A
// Tape is not safe for concurrent use while somebody changes it.
type Tape struct {
	// Recorded is the day of the recording, by UTC.
	Recorded time.Time

	// KeepsTexts is true if the tape has the texts that people and the program wrote; see
	// [KeepTexts].
	KeepsTexts bool

	// Entries are the calls and webhooks.
	Entries []Entry

	guard *registry // of the recording; nil for a tape that was read
}

// Entry is one call or one webhook; the other field is nil.
type Entry struct {
	// At is the time from the beginning of the tape to that of the entry.
	At time.Duration

	Call    *Call
	Webhook *Webhook

	line int // in the file
}

// Call is a call that the program made, or its download of a file.
type Call struct {
	// Method is the HTTP method. Path is the path below the channel, such as "sendMessage",
	// or the whole address of a file. Query is the query without the token.
	Method string `json:"method"`
	Path   string `json:"path"`
	Query  string `json:"query,omitempty"`

	// Body is the body as JSON: of a form an object of texts, and of a body that is neither
	// a text. It is nil if there was none.
	Body json.RawMessage `json:"body,omitempty"`

	Answer Answer `json:"answer"`
}

// Answer is the answer to a call.
type Answer struct {
	// Status is the HTTP status, 0 if no answer came. Failure then says why: "dial" if no
	// connection was made, so that nothing was sent, and "lost" if the answer was.
	Status  int    `json:"status,omitempty"`
	Failure string `json:"failure,omitempty"`

	// ContentType and RetryAfter are headers of the answer.
	ContentType string `json:"type,omitempty"`
	RetryAfter  string `json:"retry_after,omitempty"`

	// Body is the body as JSON: a text if the body was not JSON. A file is not on the
	// tape; a small one of the same type stands for it.
	Body json.RawMessage `json:"body,omitempty"`

	file []byte // the content of a download, while it is played
}

// Webhook is one webhook request.
type Webhook struct {
	// Body is the body as JSON: a text if the body was not JSON.
	Body json.RawMessage `json:"body"`

	// Status is the status that the program answered; 0 if it gave none.
	Status int `json:"answered"`
}

// version is the version of the format.
const version = 1

const (
	mostLine    = 8 << 20
	mostBytes   = 64 << 20
	mostEntries = 100_000
)

// header, line and end are the lines of a tape.
type header struct {
	Tape     int    `json:"tape"`
	Recorded string `json:"recorded"`
	Texts    string `json:"texts"`
}

type line struct {
	At      string   `json:"at,omitempty"`
	Call    *Call    `json:"call,omitempty"`
	Webhook *Webhook `json:"webhook,omitempty"`
	End     *int     `json:"end,omitempty"`
}

// WriteTo writes the tape as lines of JSON, if [Tape.Check] finds nothing that must not be
// there; it writes nothing otherwise.
func (t *Tape) WriteTo(w io.Writer) (int64, error) {
	data, err := t.encode()
	if err != nil {
		return 0, err
	}
	n, err := w.Write(data)
	return int64(n), err
}

// Save writes the tape to a file, as WriteTo does. The file appears whole or not at all, and
// replaces an older one. Save makes no folder.
func (t *Tape) Save(path string) error {
	data, err := t.encode()
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".tape-*")
	if err != nil {
		return fmt.Errorf("tape: %w", err)
	}
	defer os.Remove(temporary.Name()) // fails if the file was renamed, and then need not succeed
	_, err = temporary.Write(data)
	if err = cmp.Or(err, temporary.Chmod(0o644), temporary.Close()); err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("tape: %w", err)
	}
	return nil
}

// encode returns the tape as it is written.
func (t *Tape) encode() ([]byte, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	return t.lines()
}

// lines returns the lines of the tape, unchecked.
func (t *Tape) lines() ([]byte, error) {
	texts := "shape"
	if t.KeepsTexts {
		texts = "keep"
	}
	var out bytes.Buffer
	out.Write(append(encode(header{version, t.Recorded.UTC().Format(time.DateOnly), texts}), '\n'))
	for i, e := range t.Entries {
		if problem := e.problem(); problem != "" {
			return nil, fmt.Errorf("tape: entry %d %s", i+1, problem)
		}
		if i > 0 && e.At < t.Entries[i-1].At {
			return nil, fmt.Errorf("tape: entry %d lies before the entry in front of it", i+1)
		}
		data := encode(line{At: e.At.Round(time.Millisecond).String(), Call: e.Call, Webhook: e.Webhook})
		if len(data) > mostLine || bytes.Equal(data, []byte("null")) {
			return nil, fmt.Errorf("tape: entry %d cannot be written: its JSON is broken, or larger than %d MiB", i+1, mostLine>>20)
		}
		out.Write(append(data, '\n'))
	}
	count := len(t.Entries)
	out.Write(append(encode(line{End: &count}), '\n'))
	if out.Len() > mostBytes || count > mostEntries {
		return nil, fmt.Errorf("tape: the tape is too large: at most %d entries and %d MiB; record a shorter time", mostEntries, mostBytes>>20)
	}
	return out.Bytes(), nil
}

// problem returns how an entry is wrong, as the end of a sentence; empty if it is good.
func (e Entry) problem() string {
	switch {
	case (e.Call == nil) == (e.Webhook == nil):
		return `must have either a "call" or a "webhook"`
	case e.At < 0:
		return "lies before the beginning of the tape"
	case e.Webhook != nil:
		return problemOf("webhook", e.Webhook.Body, e.Webhook.Status)
	case e.Call.Method == "" || e.Call.Path == "" || strings.ContainsAny(e.Call.Method, " /"):
		return `needs a "method" such as "POST" and a "path" such as "sendMessage"`
	case e.Call.Answer.Status == 0 && e.Call.Answer.Failure != "dial" && e.Call.Answer.Failure != "lost":
		return `has no answer: "answer" needs a "status", or a "failure" that is "dial" or "lost"`
	}
	if _, err := url.ParseQuery(e.Call.Query); err != nil {
		return "has a query that cannot be read"
	}
	if len(e.Call.Body) > 0 && !json.Valid(e.Call.Body) {
		return "has a call body that is not JSON"
	}
	return problemOf("answer", e.Call.Answer.Body, e.Call.Answer.Status)
}

func problemOf(what string, body json.RawMessage, status int) string {
	switch {
	case status != 0 && (status < 100 || status > 999):
		return fmt.Sprintf("has the status %d in its %s; a status is a number such as 200", status, what)
	case what == "webhook" && len(body) == 0:
		return `has a webhook without a "body"`
	case len(body) > 0 && !json.Valid(body):
		return "has a body in its " + what + " that is not JSON"
	}
	return ""
}

// String returns the entry in one line, for the message of a failed test.
func (e Entry) String() string {
	switch {
	case e.Call != nil:
		to := ""
		if chat := chatOfCall(e.Call); chat != "" {
			to = " to " + chat
		}
		return fmt.Sprintf("%s %s%s at %s", e.Call.Method, e.Call.Path, to, e.At)
	case e.Webhook != nil:
		return fmt.Sprintf("webhook at %s: %s", e.At, clip(string(e.Webhook.Body), 120))
	}
	return "nothing"
}

func clip(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}
