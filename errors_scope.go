package chatapi

import (
	"net/http"

	"github.com/chatapi-go/chatapi/internal/errorcode"
)

// ErrorScope says who has to stop after an error: a campaign skips one recipient,
// drops one request, holds a channel, or holds all channels of an account. Whether and
// when to go on is told by [RetryClass]. The set is open.
type ErrorScope string

// The scopes, from the narrowest to the widest.
const (
	// StopRequest: only this request is wrong or open. Another message to the
	// same recipient may go out. A template or a file that is wrong fails every
	// request that uses it.
	StopRequest ErrorScope = "request"
	// StopRecipient: messages of this sort to this recipient fail; others go out.
	StopRecipient ErrorScope = "recipient"
	// StopChannel: every message of the channel fails or is too fast now.
	StopChannel ErrorScope = "channel"
	// StopAccount: all channels of the WhatsApp Business account are concerned.
	StopAccount ErrorScope = "account"
)

// Scope returns who has to stop after an error of this kind. An [Error] and a
// [StatusError] know more, because they have a code: use their Scope where there
// is one. An unknown kind, and the empty one, is [StopRequest].
func (k ErrorKind) Scope() ErrorScope {
	switch k {
	case ErrWindowClosed, ErrRecipient, ErrMarketingLimit, ErrOptedOut:
		return StopRecipient
	case ErrUnauthorized, ErrWrongChannel, ErrBlocked, ErrUnreachable, ErrRateLimited, ErrUnavailable, ErrHistoryOff, ErrNoWebhookSecret:
		return StopChannel
	}
	return StopRequest
}

// Scope returns who has to stop: for one of WhatsApp's codes that of the SDK's
// catalogue (its class in Meta's and 360dialog's error pages, 2026-11; high for
// the common codes, medium for the rest), else that of the kind. A mistake that
// was found before anything was sent is [StopRequest]. It is empty for nil.
func (e *Error) Scope() ErrorScope {
	switch {
	case e == nil:
		return ""
	case e.Code != 0:
		return scopeOf(e.Code, e.Kind)
	case e.HTTPStatus == 0 && e.Field != "":
		return StopRequest
	case e.Kind == ErrNotFound && e.HTTPStatus >= 300 && e.HTTPStatus < http.StatusBadRequest:
		return StopChannel // the API URL is wrong
	}
	return e.Kind.Scope()
}

// Scope returns who has to stop after a message failed, as [Error.Scope] does.
func (e *StatusError) Scope() ErrorScope {
	if e == nil {
		return ""
	}
	return scopeOf(e.Code, e.Kind)
}

// scopeOf returns the scope of a code, or that of the kind if the catalogue does
// not have the code.
func scopeOf(code int, kind ErrorKind) ErrorScope {
	if code != 0 {
		if row, ok := errorcode.LookupNumber(code); ok {
			return ErrorScope(row.Scope())
		}
	}
	return kind.Scope()
}
