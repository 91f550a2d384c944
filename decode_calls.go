package chatapi

import (
	"cmp"
	"strings"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// This file reads the parts of a call that few calls have.

// readMember reads a member of a call that few calls have.
func (e *CallEvent) readMember(name string, v wire.Value, f *scalarReader) {
	switch name {
	case "from_parent_user_id":
		e.From.ParentBSUID = f.plain(name, v)
	case "to_parent_user_id", "recipient_parent_user_id", "parent_recipient_user_id":
		e.To.ParentBSUID = cmp.Or(f.plain(name, v), e.To.ParentBSUID)
	case "cta_payload":
		e.ButtonPayload = f.plain(name, v)
	case "deeplink_payload":
		e.LinkPayload = f.plain(name, v)
	case "errors":
		e.Errors = append(e.Errors, statusErrors(v)...)
	case "call_recording":
		e.Recording = callFile(v)
	case "call_transcript", "call_transcription":
		e.Transcript = callFile(v)
	}
}

// callFile reads a recording or a transcript: the file, or an object that holds the
// file under the name of its kind. It returns nil if there is no file.
func callFile(v wire.Value) *ReceivedMedia {
	if v.IsArray() {
		list := v.List()
		list.Next()
		v = list.Value
	}
	if v.IsString() { // the id or the link alone
		text, _ := v.Text()
		if isLink(text) {
			return &ReceivedMedia{URL: text}
		} else if text != "" {
			return &ReceivedMedia{ID: text}
		}
	}
	for _, kind := range [...]string{"audio", "video", "document"} {
		if inner := v.Get(kind); inner.IsObject() {
			v = inner
			break
		}
	}
	file := &ReceivedMedia{ID: memberText(v, "id"), URL: cmp.Or(memberText(v, "url"), memberText(v, "link")), MIMEType: memberText(v, "mime_type"),
		SHA256: memberText(v, "sha256"), Name: memberText(v, "filename")}
	if file.ID == "" && file.URL == "" {
		return nil
	}
	return file
}

// callErrors gives the errors that stand beside calls to the calls that failed,
// since an error alone does not say what it is about. Without a call that failed,
// the only call of the body gets them; else they stay events of their own. first is
// the index of the body's first event.
func (p *parser) callErrors(first int) {
	var calls, failed []*CallEvent
	var problems []StatusError
	for _, event := range p.events[first:] {
		switch e := event.(type) {
		case *CallEvent:
			calls = append(calls, e)
			if strings.EqualFold(e.Status, "FAILED") {
				failed = append(failed, e)
			}
		case *ErrorEvent:
			problems = append(problems, e.Errors...)
		}
	}
	if len(failed) == 0 && len(calls) == 1 {
		failed = calls
	}
	if len(failed) == 0 || len(problems) == 0 {
		return
	}
	for _, e := range failed {
		e.Errors = append(e.Errors, problems...)
	}
	kept := p.events[:first]
	for _, event := range p.events[first:] {
		if _, moved := event.(*ErrorEvent); !moved {
			kept = append(kept, event)
		}
	}
	clear(p.events[len(kept):])
	p.events = kept
}
