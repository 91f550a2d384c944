package chatapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// TemplatesService lists, creates and deletes message templates, and waits for
// their approval. It is [Client.Templates], and safe for concurrent use.
type TemplatesService struct{ service }

// All yields every template of the channel, in the service's order. It reads 100
// templates at a time while the loop runs. It ends after the first error, which
// it yields with a nil template.
//
// Channels hosted by Meta ignore the offset and repeat the same page for ever
// (contract, "Templates"), so All ends when a page holds nothing new. The calls
// change nothing and are retried. A second loop over the result reads again.
func (s TemplatesService) All(ctx context.Context) iter.Seq2[*TemplateInfo, error] {
	return s.all(ctx, "Templates.All")
}

// Get returns the template of that name in exactly that language. If there is
// none, the error is [ErrNotFound] and lists the languages that exist: WhatsApp
// does not fall back from "en" to "en_US". An empty name or language is
// [ErrInvalid]. Get reads the list of templates, because the service has no
// operation for a single template. If the service leaves out
// the namespace, it is filled in from the other templates, provided that they
// agree. The calls are retried.
func (s TemplatesService) Get(ctx context.Context, name, language string) (*TemplateInfo, error) {
	return s.get(ctx, "Templates.Get", name, language)
}

// Create submits a template for approval and returns it. Members that the
// service's reply leaves out are those of the draft, and the status is
// [TemplatePending]. [TemplatesService.WaitApproved] waits for the decision.
// Category and types may be in any letter case. A draft that WhatsApp would refuse
// is [ErrInvalid] with the Field. A template that exists already in that language is
// [ErrInvalid] without a Field, with code 100: a program that creates its templates
// at each start asks [TemplatesService.Get] first. The draft is submitted at most
// once: after [ErrOutcomeUnknown], look for the template with Get.
func (s TemplatesService) Create(ctx context.Context, draft TemplateDraft) (*TemplateInfo, error) {
	const op = "Templates.Create"
	draft = draft.folded()
	var c checker
	draft.check(&c)
	if c.first != nil {
		return nil, s.refuse(op, c.first.within("The template cannot be submitted"))
	}
	var raw json.RawMessage
	if err := s.call(ctx, request{op: op, method: http.MethodPost, path: "addTemplate", body: draft, once: true}, &raw); err != nil {
		if e, ok := errors.AsType[*Error](err); ok && e.Kind == ErrOutcomeUnknown {
			e.Sentence = "It is not known whether the template was submitted."
			e.Advice = "look whether it is in the list before submitting it again"
		}
		return nil, err
	}
	info := &TemplateInfo{Name: draft.Name, Language: draft.Language, Category: draft.Category,
		Status: TemplatePending, Components: draft.Components, Raw: raw}
	var reply TemplateInfo // the reply is not documented, so each member may be missing
	if isObject(raw) && reply.UnmarshalJSON(raw) == nil {
		info.ID, info.Namespace, info.Reason = reply.ID, reply.Namespace, reply.Reason
		info.Category = cmp.Or(reply.Category, info.Category)
		info.Status = TemplateStatus(cmp.Or(string(reply.Status), string(info.Status)))
	}
	return info, nil
}

// Delete deletes the templates of that name in every language. It cannot be
// undone, and the service has no way to delete one language alone. WhatsApp
// keeps the name reserved for some weeks. An empty name is [ErrInvalid]; what
// the service answers to an unknown name is not documented. Delete may be
// repeated without harm and is retried.
func (s TemplatesService) Delete(ctx context.Context, name string) error {
	const op = "Templates.Delete"
	if name == "" {
		return s.refuse(op, invalid("name", "is empty; give the template's name, such as order_update"))
	}
	body := struct {
		Name string `json:"name"`
	}{name}
	return s.call(ctx, request{op: op, method: http.MethodPost, path: "removeTemplate", body: body}, nil)
}

const (
	firstPause   = time.Second
	longestPause = time.Minute

	// missingLooks is the number of reads after which a template that is
	// missing from the list is not found. A new template may take some time to
	// appear in it.
	missingLooks = 4
)

// WaitApproved returns the template as soon as it can be sent. It reads the list
// of templates at once, then after pauses of 1 s, 2 s, 4 s and so on up to a
// minute. WhatsApp usually decides within minutes, in the worst case within a
// day or two. The context bounds the wait.
//
// A rejection is [ErrTemplateRejected] with WhatsApp's Reason. A template that
// is paused, disabled or being deleted is [ErrTemplate]. If the context ends
// first, the error matches both ErrTemplate and the context's error, and its
// Reason holds the last status; before the first answer it is [ErrCanceled]. A template that is missing from the list for 7 s
// is [ErrNotFound]. The reads are retried, and once the template was in the
// list, WaitApproved also waits out [ErrUnavailable], [ErrUnreachable] and
// [ErrRateLimited].
func (s TemplatesService) WaitApproved(ctx context.Context, name, language string) (*TemplateInfo, error) {
	const op = "Templates.WaitApproved"
	var last *TemplateInfo
	var missing *Error // why the template was in no list so far
	for look, wait := 1, firstPause; ; look, wait = look+1, min(2*wait, longestPause) {
		t, err := s.get(ctx, op, name, language)
		pause := wait
		switch {
		case err == nil:
			last = t
			if t.Status.usable() {
				return t, nil
			}
			if t.Status.final() {
				return nil, s.refuse(op, notApproved(t))
			}
		case ctx == nil:
			return nil, err
		case ctx.Err() != nil:
		case errors.Is(err, ErrNotFound) && look < missingLooks:
			missing, _ = errors.AsType[*Error](err)
		case last != nil && waitable(err):
			if e, ok := errors.AsType[*Error](err); ok {
				pause = max(pause, e.RetryAfter)
			}
		default:
			return nil, err
		}
		if sleep(ctx, pause) != nil {
			if last == nil && missing == nil { // nobody has looked yet
				return nil, err
			}
			return nil, s.refuse(op, stillWaiting(ctx, name, last, missing))
		}
	}
}

// TemplateInfo is a template as the service describes it. It can be stored as
// JSON and read back.
type TemplateInfo struct {
	ID       string `json:"id,omitempty"`
	Name     string `json:"name"`
	Language string `json:"language"`

	// Namespace is the account's namespace; empty if the service did not send
	// it.
	Namespace string `json:"namespace,omitempty"`

	// Category is "MARKETING", "UTILITY" or "AUTHENTICATION"; old templates
	// have others. It is always in upper case.
	Category string `json:"category,omitempty"`

	Status TemplateStatus `json:"status,omitempty"`

	// Reason is the reason for a rejection; empty if there is none.
	Reason string `json:"rejected_reason,omitempty"`

	// Components are the template's parts; empty if the service did not list
	// them.
	Components []Component `json:"components,omitempty"`

	// Raw is the template as the service wrote it. After
	// [TemplatesService.Create] it is the service's reply.
	Raw json.RawMessage `json:"-"`
}

// TemplateStatus is the state of a template's approval, always in upper case.
// The set is open.
type TemplateStatus string

// The known statuses. An approved, a flagged and a locked template can be sent; a
// locked one cannot be edited (Meta, message_template_status_update, 2026-11;
// medium).
const (
	TemplateApproved        TemplateStatus = "APPROVED"
	TemplatePending         TemplateStatus = "PENDING"
	TemplateInAppeal        TemplateStatus = "IN_APPEAL"
	TemplateRejected        TemplateStatus = "REJECTED"
	TemplatePaused          TemplateStatus = "PAUSED"
	TemplateDisabled        TemplateStatus = "DISABLED"
	TemplateFlagged         TemplateStatus = "FLAGGED"
	TemplateLocked          TemplateStatus = "LOCKED"
	TemplateArchived        TemplateStatus = "ARCHIVED"
	TemplateLimitExceeded   TemplateStatus = "LIMIT_EXCEEDED"
	TemplatePendingDeletion TemplateStatus = "PENDING_DELETION"
	TemplateDeleted         TemplateStatus = "DELETED"

	// The words of a [TemplateEvent] for a template that can be sent again. A list
	// of templates calls it approved.
	TemplateReinstated TemplateStatus = "REINSTATED"
	TemplateUnlocked   TemplateStatus = "UNLOCKED"
	TemplateUnarchived TemplateStatus = "UNARCHIVED"
)

// usable reports whether a template of this status can be sent.
func (s TemplateStatus) usable() bool {
	switch s {
	case TemplateApproved, TemplateFlagged, TemplateLocked, TemplateReinstated, TemplateUnlocked, TemplateUnarchived:
		return true
	}
	return false
}

// final reports whether waiting does not make a template of this status usable.
func (s TemplateStatus) final() bool {
	switch s {
	case TemplateRejected, TemplatePaused, TemplateDisabled, TemplateArchived,
		TemplateLimitExceeded, TemplatePendingDeletion, TemplateDeleted:
		return true
	}
	return false
}

// templatesPage is the number of templates that one request asks for.
const templatesPage = 100

// all is All; errors and hooks name the operation op.
func (s TemplatesService) all(ctx context.Context, op string) iter.Seq2[*TemplateInfo, error] {
	return func(yield func(*TemplateInfo, error) bool) {
		seen := map[string]bool{}
		for offset := 0; ; {
			page, err := s.page(ctx, op, offset)
			if err != nil {
				yield(nil, err)
				return
			}
			before := len(seen)
			for _, t := range page {
				key := t.key()
				if seen[key] {
					continue
				}
				seen[key] = true
				if !yield(t, nil) {
					return
				}
			}
			// Neither a short page nor the total proves the end: the service may
			// ignore the limit too, and the total may be that of the page.
			if len(seen) == before {
				return
			}
			offset += len(page)
		}
	}
}

// key returns a text that is different for each template of a channel.
func (t *TemplateInfo) key() string {
	switch {
	case t.ID != "":
		return "id/" + t.ID
	case t.Name != "":
		return "name/" + t.Name + "/" + t.Language
	}
	return "raw/" + string(t.Raw)
}

// page returns one page of templates, from offset on.
func (s TemplatesService) page(ctx context.Context, op string, offset int) ([]*TemplateInfo, error) {
	query := url.Values{"limit": {strconv.Itoa(templatesPage)}, "offset": {strconv.Itoa(offset)}}
	var raw json.RawMessage
	if err := s.call(ctx, request{op: op, method: http.MethodGet, path: "templates", query: query}, &raw); err != nil {
		return nil, err
	}
	document, err := wire.ParseLenient(raw)
	if err != nil {
		return nil, s.unreadable(op, raw, err)
	}
	defer document.Release()
	list := document.Root()
	if list.IsObject() {
		list = list.Get("templates")
	}
	if !list.IsArray() && !list.IsNull() || list.IsAbsent() {
		return nil, s.unreadable(op, raw, errors.New("it has no list of templates"))
	}
	page := make([]*TemplateInfo, 0, list.Len())
	for elements := list.Array(); elements.Next(); {
		if elements.Value.IsNull() {
			continue
		}
		t := &TemplateInfo{}
		if err := t.read(elements.Value); err != nil {
			return nil, s.unreadable(op, raw, err)
		}
		page = append(page, t)
	}
	if document.Spent() {
		return nil, s.unreadable(op, raw, errTooManyValues)
	}
	return page, nil
}

// get is Get; errors and hooks name the operation op.
func (s TemplatesService) get(ctx context.Context, op, name, language string) (*TemplateInfo, error) {
	switch {
	case name == "":
		return nil, s.refuse(op, invalid("name", "is empty; give the template's name, such as order_update"))
	case language == "":
		return nil, s.refuse(op, invalid("language", "is empty; give the approved one, such as en or pt_BR"))
	}
	var found *TemplateInfo
	var namespaces []string
	var others existing
	for t, err := range s.all(ctx, op) {
		if err != nil {
			return nil, err
		}
		if t.Namespace != "" && !slices.Contains(namespaces, t.Namespace) {
			namespaces = append(namespaces, t.Namespace)
		}
		others.add(t, name, language)
		if t.Name != name {
			continue
		}
		if t.Language == language && found == nil {
			found = t
		}
		if found != nil && found.Namespace != "" {
			return found, nil
		}
	}
	if found == nil {
		return nil, s.refuse(op, others.noTemplate(name, language))
	}
	if len(namespaces) == 1 {
		found.Namespace = namespaces[0]
	}
	return found, nil
}

// waitable reports whether an error may pass and does not concern the template.
func waitable(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrUnreachable) || errors.Is(err, ErrRateLimited)
}

// notApproved returns the error for a template whose status is final.
func notApproved(t *TemplateInfo) *Error {
	e := &Error{Kind: ErrTemplate, Retry: RetryFix,
		Reason:   fmt.Sprintf("template %s (%s) is %s", quote(t.Name), t.Language, t.Status),
		Sentence: fmt.Sprintf("The template %s cannot be used: it is %s.", quote(t.Name), strings.ToLower(string(t.Status))),
		Advice:   "look at it in the WhatsApp Manager"}
	if t.Status == TemplateRejected {
		e.Kind = ErrTemplateRejected
		e.Reason = cmp.Or(t.Reason, "no reason given")
		e.Sentence = fmt.Sprintf("WhatsApp did not approve the template %s: %s.", quote(t.Name), e.Reason)
		e.Advice = "change the text or the category and submit it under a new name"
	} else if t.Reason != "" {
		e.Reason += ": " + t.Reason
	}
	return e
}

// stillWaiting returns the error for a context that ended before the decision.
// last is nil if the template was never in the list; then missing, if not nil, says
// which templates are.
func stillWaiting(ctx context.Context, name string, last *TemplateInfo, missing *Error) *Error {
	e := &Error{Kind: ErrTemplate, Retry: RetryBackoff, cause: endOf(ctx)}
	if last != nil {
		e.Reason = fmt.Sprintf("template %s (%s) was still %s when the context ended", quote(name), last.Language, cmp.Or(string(last.Status), "undecided"))
		e.Sentence = fmt.Sprintf("WhatsApp has not decided about the template %s yet.", quote(name))
		e.Advice = "wait again later; the decision is not lost"
		return e
	}
	e.Reason = fmt.Sprintf("template %s was in no list before the context ended", quote(name))
	e.Sentence = fmt.Sprintf("The template %s is in no list of this channel so far.", quote(name))
	e.Advice = "check the spelling of name and language; a new template takes some seconds to appear"
	if missing != nil {
		e.Reason += ": " + missing.Reason
		e.Sentence, e.Advice = missing.Sentence, missing.Advice
	}
	return e
}
