package chatapi

import (
	"github.com/chatapi-go/chatapi/internal/wire"
)

// Advance returns the state of a message after next was reported, given the
// state s that was known before; start with the empty Status. Statuses arrive
// in any order and several times, and the result is the same for every order:
// sent, failed, delivered, read, played, deleted, of which the later one stays.
// A message that was delivered did not fail, so a failure counts only before
// delivery. A state that this version does not know replaces no known one.
func (s Status) Advance(next Status) Status {
	if s == "" || next.rank() > s.rank() {
		return next
	}
	return s
}

// rank is a state's place in the life of a message; 0 if unknown.
func (s Status) rank() int {
	switch s {
	case StatusSent:
		return 1
	case StatusFailed:
		return 2
	case StatusDelivered:
		return 3
	case StatusRead, statusViewed:
		return 4
	case StatusPlayed:
		return 5
	case StatusDeleted:
		return 6
	}
	return 0
}

// statusViewed is what the service called "read" before 2024.
const statusViewed Status = "viewed"

func statusError(v wire.Value) (e StatusError, ok bool) {
	if !v.IsObject() {
		text, err := v.Text()
		if err != nil || text == "" {
			return StatusError{}, false
		}
		if code, isNumber := v.Int(); isNumber {
			return classified(StatusError{Code: int(code)}), true
		}
		return classified(StatusError{Title: text}), true
	}
	for members := v.Object(); members.Next(); {
		switch string(members.Name) {
		case "code", "error_code":
			if code, ok := members.Value.Int(); ok && e.Code == 0 {
				e.Code = int(code)
			}
		case "title":
			e.Title, _ = members.Value.Text()
		case "message":
			if text, _ := members.Value.Text(); e.Title == "" {
				e.Title = text
			}
		case "details":
			e.Details, _ = members.Value.Text()
		case "error_data":
			if text, _ := members.Value.Get("details").Text(); text != "" {
				e.Details = text
			}
		}
	}
	return classified(e), true
}
