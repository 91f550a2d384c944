package chatapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/chatapi-go/chatapi/internal/jsonl"
)

// plainActivity has the members of an Activity without its methods.
type plainActivity Activity

type activityJSON struct {
	plainActivity
	Contact contactJSON `json:"contact"` // these replace the embedded members
	Member  contactJSON `json:"member,omitzero"`
	Former  contactJSON `json:"former,omitzero"`
}

// MarshalJSON writes the form that [Activity.UnmarshalJSON] reads.
func (a Activity) MarshalJSON() ([]byte, error) {
	return json.Marshal(activityJSON{plainActivity(a), contactJSON(a.Contact), contactJSON(a.Member), contactJSON(a.Former)})
}

// contactJSON is a contact in the JSON of an activity.
type contactJSON Contact

type contactNames struct {
	Phone    string `json:"phone,omitempty"`
	BSUID    string `json:"bsuid,omitempty"`
	Chat     string `json:"chat,omitempty"`
	Username string `json:"username,omitempty"`
}

// MarshalJSON writes a text for one name, and an object for several.
func (c contactJSON) MarshalJSON() ([]byte, error) {
	contact := Contact(c)
	group := contact.group()
	names := contact.personNames()
	to := contact.Recipient()
	switch {
	case group != "":
		return json.Marshal(Chat(group))
	case len(names) <= 1 && (to.IsZero() || to.check() == nil):
		return json.Marshal(to)
	}
	return json.Marshal(contactNames{c.Phone, c.BSUID, c.Chat, c.Username})
}

// UnmarshalJSON reads a text or an object.
func (c *contactJSON) UnmarshalJSON(data []byte) error {
	*c = contactJSON{}
	if len(data) > 0 && data[0] == '{' {
		in := json.NewDecoder(bytes.NewReader(data))
		in.DisallowUnknownFields()
		var names contactNames
		if err := in.Decode(&names); err != nil {
			return err
		}
		*c = contactJSON{Phone: names.Phone, BSUID: names.BSUID, Chat: names.Chat, Username: names.Username}
		return nil
	}
	var to Recipient
	if err := json.Unmarshal(data, &to); err != nil {
		return err
	}
	if !to.IsZero() {
		*c = contactJSON(contactFor(to))
	}
	return nil
}

// UnmarshalJSON reads an activity. A contact is any text that [ParseRecipient]
// understands: "phone:12025550143", "+1 202 555 0143", a chat id, a BSUID; or an
// object with the members phone, bsuid, chat and username, for several names. An
// unknown member is [ErrInvalid], since a misspelt one would make a wrong bill.
func (a *Activity) UnmarshalJSON(data []byte) error {
	in := json.NewDecoder(bytes.NewReader(data))
	in.DisallowUnknownFields()
	var read activityJSON
	if err := in.Decode(&read); err != nil {
		return err
	}
	*a = Activity(read.plainActivity)
	a.Contact, a.Member, a.Former = Contact(read.Contact), Contact(read.Member), Contact(read.Former)
	return nil
}

const opReadActivities = "ReadActivities"

// ReadActivities reads activities as JSON lines, for [Ledger.Load]: one
// [Activity] a line; empty lines are skipped. An unreadable line is yielded as an
// [ErrInvalid] error with its number, and if the loop goes on, so does the
// reading. So is an activity without a channel or with an unknown kind; one without
// an instant is [ErrNoTime]. A line over 1 MiB, or an error of r, ends the sequence. Lines are
// decoded on all processors, in order, with a few megabytes in memory for an
// input of any length. The sequence reads r once.
func ReadActivities(r io.Reader) iter.Seq2[Activity, error] {
	return func(yield func(Activity, error) bool) {
		if r == nil {
			yield(Activity{}, invalid("activities", "are missing; give a file, or another reader of JSON lines").in(opReadActivities, ""))
			return
		}
		for a, err := range jsonl.Decode(r, newActivityDecoder) {
			if err != nil {
				err = activityError(err)
			}
			if !yield(a, err) {
				return
			}
		}
	}
}

// activityError makes an [ErrInvalid] of the error of a line. An error of the
// reader stays as it is.
func activityError(err error) error {
	line, ok := errors.AsType[*jsonl.LineError](err)
	if !ok {
		return err
	}
	if wrong, ok := line.Err.(*Error); ok && wrong.Op == "" { // the line was read
		return wrong.inPlace("line", line.Line).in(opReadActivities, wrong.Channel)
	}
	e := invalid("activities", "are unreadable: "+line.Error())
	e.Advice, e.Sentence = "write each Activity as one JSON object on a line of its own", fmt.Sprintf("Line %d cannot be read.", line.Line)
	e.cause = line.Err
	return e.in(opReadActivities, "")
}

// inPlace returns the error with the line, or the number of the activity, that is
// wrong.
func (e *Error) inPlace(place string, n int) *Error {
	at := *e
	at.Reason += fmt.Sprintf(", in %s %d", place, n)
	at.Sentence = fmt.Sprintf("%s%s %s: %s", strings.ToUpper(place[:1]), place[1:], grouped(n), e.Sentence)
	return &at
}

// inActivity returns the error of the nth activity of [Ledger.Load].
func inActivity(err error, n int) error {
	if e, ok := err.(*Error); ok {
		err = e.inPlace("activity", n)
	}
	return ledgerError("Ledger.Load", err)
}

// checkAlone checks what an activity must have in every ledger.
func (a *Activity) checkAlone() error {
	if a.Channel == "" {
		return noChannel()
	}
	if _, known := activityKinds(a.Kind); !known {
		return unknownKind(a.Kind)
	}
	_, _, err := a.placeInTime()
	return err
}

func noChannel() *Error {
	return invalid("Activity.Channel", "is missing; set it to the id of the channel, such as ABC100000001")
}

func unknownKind(kind ActivityKind) *Error {
	return invalid("Activity.Kind", fmt.Sprintf("%q is unknown; use inbound, outbound, delivered, read, failed or identity", clip(string(kind), 32)))
}

// activityDecoder decodes lines. It keeps the texts that repeat.
type activityDecoder struct{ texts map[string]string }

// decodedTexts is the largest number of texts that a decoder keeps.
const decodedTexts = 1 << 15

func newActivityDecoder() func(line []byte, a *Activity) error { return new(activityDecoder).decode }

func (d *activityDecoder) decode(line []byte, a *Activity) error {
	if !d.fast(line, a) {
		*a = Activity{}
		if err := json.Unmarshal(line, a); err != nil {
			return err
		}
	}
	return a.checkAlone()
}

// fast reads a flat object of plain strings without white space, as MarshalJSON
// writes it. It gives up on any other text.
func (d *activityDecoder) fast(text []byte, a *Activity) bool {
	if len(text) < 2 || text[0] != '{' {
		return false
	}
	seen := 0
	for rest := text[1:]; ; rest = rest[1:] {
		name, after, ok := plainString(rest)
		if !ok || len(after) == 0 || after[0] != ':' {
			return false
		}
		value, after, ok := plainString(after[1:])
		if !ok || len(after) == 0 {
			return false
		}
		bit := 0
		switch string(name) {
		case "kind":
			bit, a.Kind = 1, ActivityKind(d.text(value))
		case "at":
			bit, ok = 2, a.At.UnmarshalText(value) == nil
		case "observed_at":
			bit, ok = 4, a.Observed.UnmarshalText(value) == nil
		case "channel":
			bit, a.Channel = 8, ChannelID(d.text(value))
		case "contact":
			bit = 16
			a.Contact, ok = readContact(value)
		case "message":
			bit, a.MessageID = 32, string(value)
		case "category":
			bit, a.Category = 64, d.text(value)
		case "entry_point":
			bit, a.EntryPoint = 128, EntryPoint(d.text(value))
		}
		if !ok || bit == 0 || seen&bit != 0 {
			return false
		}
		seen |= bit
		switch {
		case after[0] == '}':
			return len(after) == 1
		case after[0] != ',':
			return false
		}
		rest = after
	}
}

// plainString cuts a string of printable ASCII without escapes off.
func plainString(text []byte) (value, rest []byte, ok bool) {
	if len(text) == 0 || text[0] != '"' {
		return nil, nil, false
	}
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return text[1:i], text[i+1:], true
		case c == '\\' || c < ' ' || c > '~':
			return nil, nil, false
		}
	}
	return nil, nil, false
}

func (d *activityDecoder) text(value []byte) string {
	if kept, ok := d.texts[string(value)]; ok {
		return kept
	}
	if d.texts == nil || len(d.texts) >= decodedTexts {
		d.texts = map[string]string{}
	}
	kept := string(value)
	d.texts[kept] = kept
	return kept
}

// readContact reads the same texts as [Activity.UnmarshalJSON].
func readContact(value []byte) (Contact, bool) {
	var to Recipient
	if to.UnmarshalText(value) != nil || to.IsZero() {
		return Contact{}, false
	}
	return contactFor(to), true
}
