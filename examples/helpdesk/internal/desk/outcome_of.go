package desk

import (
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
)

// result is what a person reads of a message of the outbox.
type result struct {
	status                  MessageStatus
	at                      time.Time
	sentence, advice, retry string
	err                     error
}

// outcomeOf says what became of a message of the outbox.
func outcomeOf(q *durable.Queued) result {
	r := result{sentence: short(q.Why), at: q.StatusAt}
	switch q.State {
	case durable.StateSent:
		r.sentence = ""
		if r.status = Sent; q.Status != "" {
			if status, known := messageStatus(q.Status); known {
				r.status = status
			}
		}
	case durable.StateUnknown:
		r.status = Unknown
	case durable.StateCanceled:
		r.status = Canceled
	case durable.StateFailed, durable.StateSkipped:
		r.status = Failed
		r.fail(q.Err)
	default:
		r.status = Queued
	}
	return r
}

// fail says why a message failed.
func (r *result) fail(e *chatapi.Error) {
	if e == nil {
		return
	}
	r.err = e
	r.advice, r.retry = short(e.Advice), string(e.Retry)
	if e.Sentence != "" {
		r.sentence = short(e.Sentence)
	}
}
