package chatapi

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/chatapi-go/chatapi/internal/transport"
)

// explainSend makes the error of a refused send name what was sent.
func (c *Client) explainSend(e *Error, p *Prepared) {
	switch {
	case e.Kind == ErrOutcomeUnknown: // the service did something, so it knows the operation
	case e.Kind == ErrTemplate:
		e.namesTemplate(p.Body)
	case speaksOfChannel(e.Reason):
	case e.HTTPStatus < http.StatusInternalServerError && !isKnownSend(p.Operation) &&
		(e.HTTPStatus == http.StatusNotFound || e.HTTPStatus == http.StatusMethodNotAllowed || speaksOfOperation(e.Reason)),
		e.HTTPStatus == http.StatusNotFound && speaksOfOperation(e.Reason) && !isInEveryChannel(p.Operation):
		e.Kind, e.Retry = ErrNotFound, RetryFix
		e.Sentence = fmt.Sprintf("%s does not know the operation %s.", c.base.Host, quote(p.Operation))
		e.Advice = "check the spelling of the operation; the service may offer it to other channels only"
	}
}

// explain makes the error of a refused call, other than a send, name the thing
// whose id is in the path.
func (c *Client) explain(e *Error, path string) *Error {
	missing := e.Kind == ErrNotFound && e.HTTPStatus == http.StatusNotFound
	family, _, named := strings.Cut(path, "/")
	switch {
	case missing && speaksOfChannel(e.Reason):
	case missing && speaksOfOperation(e.Reason) && !isInEveryChannel(path):
		e.Sentence = fmt.Sprintf("%s does not offer this operation.", c.base.Host)
		e.Advice = "check whether the channel has the feature; the service may have switched it off"
	case family == "groups" && named && (missing || e.Kind == ErrRecipient):
		e.Sentence = "There is no such group, or this channel is not a member of it."
		e.Advice = "check the id; Groups.All lists the groups of the channel"
	case family == "flows" && named && missing:
		e.Sentence = "There is no such flow."
		e.Advice = "check the id; Flows.All lists the flows of the channel"
	case family == "media" && named && missing:
		e.Sentence = "There is no such file, or it is older than 30 days."
		e.Advice = "upload the file again"
	}
	return e
}

// codeSentence returns the sentence for a code that says more than its kind; empty for
// all other codes.
func codeSentence(code int) string {
	switch code {
	case 131056:
		return "Too many messages to this person in too short a time."
	case 131048, 471:
		return "WhatsApp limits the channel, because too many people blocked or reported its messages."
	case 131021, 1021:
		return "The recipient is the channel's own number."
	case 131030:
		return "The number is not in the list of recipients of this test number."
	case 130497:
		return "WhatsApp does not let this business write to the country of the recipient."
	case 131062:
		return "This kind of message needs a phone number, not a user id."
	case 131065:
		return "WhatsApp offers no max price in the country of this recipient."
	case 131041, 401:
		return "There is no such group, or this channel is not a member of it."
	case 131070, 138038:
		return "Another agent holds this conversation."
	case 2593109:
		return "The business does not share its former chats."
	}
	return ""
}

// isKnownSend reports whether a message type of this package has the operation. A
// 404 of another one is about its name, not about the channel.
func isKnownSend(operation string) bool {
	switch operation {
	case "sendMessage", "sendFile", "sendSticker", "sendLocation", "sendContact", "sendReaction", "sendTemplate", "sendButton",
		"sendList", "sendCtaUrl", "sendLocationRequest", "sendAddressMessage", "sendFlow", "sendProduct", "sendCarousel",
		"sendOrderDetails", "sendPaymentRequest":
		return true
	}
	return false
}

// isInEveryChannel reports whether each channel has the operation, so that only a
// wrong address can lack it.
func isInEveryChannel(operation string) bool {
	switch operation {
	case "sendMessage", "sendFile", "sendTemplate", "status", "me", "templates", "messages", "webhook", "settings":
		return true
	}
	return false
}

// speaksOfOperation reports whether a service's text says that it does not know
// the operation. "unknown method" was observed; the others are those of common
// servers (low).
func speaksOfOperation(text string) bool {
	return holdsAny(text, "cannot post /", "cannot get /", "no route", "method not allowed") || speaksOfMissing(text, "method", "operation", "action", "endpoint", "route")
}

// speaksOfChannel reports whether a service's text says that it does not know the
// channel (low: not observed).
func speaksOfChannel(text string) bool { return speaksOfMissing(text, "channel", "instance") }

// speaksOfMissing reports whether a text says that one of the things does not exist:
// "unknown method", "Method sendMesage does not exist".
func speaksOfMissing(text string, things ...string) bool {
	text = strings.ToLower(text)
	for _, thing := range things {
		if holdsAny(text, "unknown "+thing, "no such "+thing) {
			return true
		}
		before, after, ok := strings.Cut(text, thing+" ")
		words := strings.Fields(after)
		if !ok || strings.HasSuffix(before, "payment ") || len(words) == 0 {
			continue
		}
		rest := strings.Join(words, " ")
		for _, end := range [...]string{"not found", "does not exist", "doesn't exist", "is not found", "is unknown", "was not found"} {
			if strings.HasPrefix(rest, end) || strings.HasPrefix(strings.TrimPrefix(rest, words[0]+" "), end) {
				return true
			}
		}
	}
	return false
}

// holdsAny reports whether a text has one of the parts, in any letter case.
func holdsAny(text string, parts ...string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
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
	}
	if text := kindSentence(e.Kind); text != "" {
		return text
	}
	if e.Reason != "" {
		return "The service refused: " + ended(clip(e.Reason, 160))
	}
	return "The service refused without giving a reason."
}

// kindSentence returns the sentence of a kind that says enough by itself, else "".
func kindSentence(kind ErrorKind) string {
	switch kind {
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
	return ""
}
