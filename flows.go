package chatapi

import (
	"cmp"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// FlowsService creates and manages WhatsApp Flows, the forms that open inside a
// chat; the message kind [Flow] sends one. See [Client.Flows].
//
// The service has switched flow management off for now and answers it with
// [ErrUnsupported] (HTTP 501; contract, "Calling, groups, flows"); the calls
// about the encryption key are not concerned. The replies are untyped, so Raw
// is kept beside what could be read. Everything but Create may be repeated
// without harm and is retried.
type FlowsService struct {
	service
	account string // the WABA that ForAccount named; empty for the channel's own
}

// ForAccount returns the same calls for another account (WABA) than the
// channel's own, where the service lets one channel manage several.
func (s FlowsService) ForAccount(wabaID string) FlowsService {
	return FlowsService{s.service, wabaID}
}

// FlowStatus is where a flow stands. The set is open.
type FlowStatus string

// The known statuses of a flow.
const (
	FlowStatusDraft      FlowStatus = "DRAFT"
	FlowStatusPublished  FlowStatus = "PUBLISHED"
	FlowStatusDeprecated FlowStatus = "DEPRECATED"
	FlowStatusBlocked    FlowStatus = "BLOCKED"
	FlowStatusThrottled  FlowStatus = "THROTTLED"
)

// FlowCategory says what a flow is for.
type FlowCategory string

// The categories that the service takes (contract, "FlowCategory"; documented).
const (
	FlowSignUp             FlowCategory = "SIGN_UP"
	FlowSignIn             FlowCategory = "SIGN_IN"
	FlowAppointmentBooking FlowCategory = "APPOINTMENT_BOOKING"
	FlowLeadGeneration     FlowCategory = "LEAD_GENERATION"
	FlowContactUs          FlowCategory = "CONTACT_US"
	FlowCustomerSupport    FlowCategory = "CUSTOMER_SUPPORT"
	FlowSurvey             FlowCategory = "SURVEY"
	FlowOther              FlowCategory = "OTHER"
)

// FlowInfo is a flow as the service describes it.
type FlowInfo struct {
	ID, Name   string
	Status     FlowStatus
	Categories []FlowCategory

	// Problems are what is wrong with the flow's JSON; it cannot be published
	// before they are gone.
	Problems []FlowProblem

	// Raw is the flow as the service wrote it.
	Raw json.RawMessage
}

// FlowProblem is one thing that is wrong with a flow's JSON.
type FlowProblem struct {
	// Code names the problem, such as "INVALID_PROPERTY"; Message explains it.
	Code, Message string

	// Line and Column are where it begins, from 1; 0 if not told.
	Line, Column int

	// Raw is the problem as the service wrote it.
	Raw json.RawMessage
}

// String returns the problem with its place.
func (p FlowProblem) String() string {
	text := strings.TrimPrefix(p.Code+": "+p.Message, ": ")
	if p.Line > 0 {
		text = fmt.Sprintf("line %d: %s", p.Line, text)
	}
	return text
}

// FlowDraft is a flow to be created.
type FlowDraft struct {
	Name string

	// Categories are at least one.
	Categories []FlowCategory

	// EndpointURI is the address that answers the flow's requests for data;
	// empty for a flow without any.
	EndpointURI string

	// JSON is the flow itself; it may be given later, with
	// [FlowsService.UpdateAssets].
	JSON json.RawMessage

	// Publish makes it available at once, if it has no problems.
	Publish bool
}

// FlowPatch is a change of what is said about a flow: what is nil stays as it
// is.
type FlowPatch struct {
	Name        *string
	Categories  []FlowCategory
	EndpointURI *string
}

// FlowPreview is a page that shows a flow in a browser.
type FlowPreview struct {
	URL string

	// ExpiresAt is when the page stops working; zero if not told.
	ExpiresAt time.Time

	// Raw is the service's reply.
	Raw json.RawMessage
}

// All yields every flow that the service lists. The service has no parameter
// to ask for a further page; when it says that there are more flows than it
// listed, that is an error at the end, [ErrUnsupported].
func (s FlowsService) All(ctx context.Context) iter.Seq2[*FlowInfo, error] {
	const op = "Flows.All"
	return func(yield func(*FlowInfo, error) bool) {
		raw, err := s.do(ctx, request{op: op, method: http.MethodGet, path: "flows"})
		if err != nil {
			yield(nil, err)
			return
		}
		rows, err := s.rows(op, raw, "items", "data", "flows")
		if err != nil {
			yield(nil, err)
			return
		}
		for _, row := range rows {
			if !yield(readFlow(row), nil) {
				return
			}
		}
		if total, ok := wire.Root(raw).Get("total").Int(); ok && total > int64(len(rows)) {
			yield(nil, s.refuse(op, &Error{HTTPStatus: http.StatusOK, Kind: ErrUnsupported, Retry: RetryNo,
				Reason:   fmt.Sprintf("%d of %d flows were listed, and there is no way to ask for the others", len(rows), total),
				Sentence: "The service did not list all flows.", Advice: "get the others by their ids"}))
		}
	}
}

// Get returns one flow.
func (s FlowsService) Get(ctx context.Context, id string) (*FlowInfo, error) {
	raw, err := s.one(ctx, request{op: "Flows.Get", method: http.MethodGet}, id, "")
	if err != nil {
		return nil, err
	}
	flow := readFlow(raw)
	flow.ID = cmp.Or(flow.ID, id)
	return flow, nil
}

// Create makes a flow, which is a draft unless it is published at once. It is
// done at most once: after [ErrOutcomeUnknown], look whether the flow is there.
func (s FlowsService) Create(ctx context.Context, draft FlowDraft) (*FlowInfo, error) {
	const op = "Flows.Create"
	body := struct {
		Name        string          `json:"name"`
		Categories  []FlowCategory  `json:"categories"`
		EndpointURI string          `json:"endpointUri,omitempty"`
		Publish     bool            `json:"publish"`
		JSON        json.RawMessage `json:"flowJson,omitempty"`
	}{draft.Name, draft.Categories, draft.EndpointURI, draft.Publish, draft.JSON}
	var c checker
	c.that(strings.TrimSpace(draft.Name) != "", "Name", "is empty")
	c.that(len(draft.Categories) > 0, "Categories", "is empty; give at least one, such as FlowOther")
	c.that(len(draft.JSON) == 0 || isJSONObject(draft.JSON), "JSON", "is no JSON object")
	if draft.EndpointURI != "" {
		c.url("EndpointURI", draft.EndpointURI)
	}
	if c.first != nil {
		return nil, s.refuse(op, c.first)
	}
	raw, err := s.do(ctx, request{op: op, method: http.MethodPost, path: "flows", body: body, once: true})
	if err != nil {
		return nil, err
	}
	flow := readFlow(raw)
	flow.Name = cmp.Or(flow.Name, draft.Name)
	if flow.Categories == nil {
		flow.Categories = draft.Categories
	}
	return flow, nil
}

// Delete removes a flow. Only a draft can be deleted; a published one is
// deprecated.
func (s FlowsService) Delete(ctx context.Context, id string) error {
	_, err := s.one(ctx, request{op: "Flows.Delete", method: http.MethodDelete}, id, "")
	return err
}

// GetPreview returns a page that shows the flow in a browser.
func (s FlowsService) GetPreview(ctx context.Context, id string) (*FlowPreview, error) {
	const op = "Flows.GetPreview"
	raw, err := s.one(ctx, request{op: op, method: http.MethodGet}, id, "/preview")
	if err != nil {
		return nil, err
	}
	value := wire.Root(raw)
	if inner := value.Get("preview"); inner.IsObject() {
		value = inner
	}
	preview := &FlowPreview{URL: firstText(value, "preview_url", "previewUrl", "url"), Raw: raw}
	if preview.URL == "" {
		return nil, s.unreadable(op, raw, errors.New("it has no preview link"))
	}
	until := firstText(value, "expires_at", "expiresAt")
	for _, layout := range []string{"2006-01-02T15:04:05-0700", time.RFC3339} {
		if at, err := time.Parse(layout, until); err == nil {
			preview.ExpiresAt = at.UTC()
		}
	}
	return preview, nil
}

// Publish makes a draft available to customers, for good: from then on it can
// only be deprecated.
func (s FlowsService) Publish(ctx context.Context, id string) error {
	_, err := s.one(ctx, request{op: "Flows.Publish", method: http.MethodPost}, id, "/publish")
	return err
}

// Deprecate takes a published flow out of use, for good.
func (s FlowsService) Deprecate(ctx context.Context, id string) error {
	_, err := s.one(ctx, request{op: "Flows.Deprecate", method: http.MethodPost}, id, "/deprecate")
	return err
}

// UpdateMetadata changes what is said about a flow. An empty patch is
// [ErrInvalid].
func (s FlowsService) UpdateMetadata(ctx context.Context, id string, patch FlowPatch) error {
	const op = "Flows.UpdateMetadata"
	body := struct {
		Name        *string        `json:"name,omitempty"`
		Categories  []FlowCategory `json:"categories,omitempty"`
		EndpointURI *string        `json:"endpointUri,omitempty"`
	}{patch.Name, patch.Categories, patch.EndpointURI}
	var c checker
	c.that(patch.Name != nil || len(patch.Categories) > 0 || patch.EndpointURI != nil, "patch", "changes nothing")
	if patch.Name != nil {
		c.that(strings.TrimSpace(*patch.Name) != "", "Name", "is empty")
	}
	if patch.EndpointURI != nil && *patch.EndpointURI != "" {
		c.url("EndpointURI", *patch.EndpointURI)
	}
	if c.first != nil {
		return s.refuse(op, c.first)
	}
	_, err := s.one(ctx, request{op: op, method: http.MethodPatch, body: body}, id, "/metadata")
	return err
}

// UpdateAssets replaces the flow's JSON and returns what is wrong with it. The
// service can take it and still find problems; when it does not take it they
// come beside the error, which is [ErrInvalid] then.
func (s FlowsService) UpdateAssets(ctx context.Context, id string, flow json.RawMessage) ([]FlowProblem, error) {
	const op = "Flows.UpdateAssets"
	if !isJSONObject(flow) {
		return nil, s.refuse(op, invalid("flow", "is no JSON object"))
	}
	body := map[string]json.RawMessage{"flowJson": flow}
	raw, err := s.one(ctx, request{op: op, method: http.MethodPatch, body: body}, id, "/assets")
	e, refused := errors.AsType[*Error](err)
	if refused && len(e.Raw) > 0 && json.Valid(e.Raw) {
		raw = e.Raw
	}
	problems := flowProblems(wire.Root(raw))
	if refused && len(problems) > 0 && e.Kind == ErrRefused {
		e.Kind, e.Retry, e.Reason = ErrInvalid, RetryFix, problems[0].String()
		e.Sentence = "The flow's JSON is not valid: " + clip(e.Reason, 160)
		e.Advice = "mend what is named and upload it again"
	}
	return problems, err
}

// EncryptionKeyInfo is the key with which WhatsApp encrypts what a flow sends
// to its endpoint.
type EncryptionKeyInfo struct {
	// PEM is the public key; empty if none is set.
	PEM string

	// SignatureStatus is "VALID", or "MISMATCH" when the key has to be set
	// again.
	SignatureStatus string

	// Raw is the service's reply.
	Raw json.RawMessage
}

// GetEncryptionKey returns the public key that is set for the channel's number.
func (s FlowsService) GetEncryptionKey(ctx context.Context) (*EncryptionKeyInfo, error) {
	raw, err := s.do(ctx, request{op: "Flows.GetEncryptionKey", method: http.MethodGet, path: "whatsapp_business_encryption"})
	if err != nil {
		return nil, err
	}
	value := wire.Root(raw)
	for list := value.Get("data").Array(); list.Next(); { // Graph's form
		value = list.Value
		break
	}
	return &EncryptionKeyInfo{PEM: firstText(value, "business_public_key"),
		SignatureStatus: firstText(value, "business_public_key_signature_status"), Raw: raw}, nil
}

// SetEncryptionKey sets the public key, a 2048-bit RSA key in PEM, in place of
// the one before. It is needed before a flow with an endpoint is published. A
// private key is refused with [ErrInvalid] and does not leave the machine, and
// so is any key of another kind or size.
func (s FlowsService) SetEncryptionKey(ctx context.Context, publicKeyPEM string) error {
	const op = "Flows.SetEncryptionKey"
	block, rest := pem.Decode([]byte(publicKeyPEM))
	problem := ""
	switch {
	case strings.Contains(publicKeyPEM, "PRIVATE KEY"):
		problem = "is a private key, which must stay with you; give the public one"
	case block == nil, block.Type != "PUBLIC KEY", strings.TrimSpace(string(rest)) != "":
		problem = `is no public key in PEM, which begins with "-----BEGIN PUBLIC KEY-----"`
	default:
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if rsaKey, ok := key.(*rsa.PublicKey); err == nil && (!ok || rsaKey.N.BitLen() != 2048) {
			problem = "is no 2048-bit RSA key, the only kind that WhatsApp takes"
		} // what does not parse is left to the service
	}
	if problem != "" {
		return s.refuse(op, invalid("publicKeyPEM", problem))
	}
	body := map[string]string{"business_public_key": publicKeyPEM}
	_, err := s.do(ctx, request{op: op, method: http.MethodPost, path: "whatsapp_business_encryption", body: body})
	return err
}

// readFlow reads what it can of a flow; the rest is in Raw.
func readFlow(raw json.RawMessage) *FlowInfo {
	value := wire.Root(raw)
	flow := &FlowInfo{ID: firstText(value, "id", "flowId", "flow_id"), Name: firstText(value, "name"),
		Status: FlowStatus(strings.ToUpper(firstText(value, "status"))), Problems: flowProblems(value), Raw: raw}
	for list := value.Get("categories").Array(); list.Next(); {
		if category, err := list.Value.Text(); err == nil && category != "" {
			flow.Categories = append(flow.Categories, FlowCategory(category))
		}
	}
	return flow
}

// flowProblems reads the problems under either of their names.
func flowProblems(reply wire.Value) (problems []FlowProblem) {
	for _, name := range []string{"validationErrors", "validation_errors"} {
		for list := reply.Get(name).Array(); list.Next(); {
			v := list.Value
			problem := FlowProblem{Code: firstText(v, "error", "error_type"), Message: firstText(v, "message"), Raw: v.Raw()}
			if text, err := v.Text(); err == nil {
				problem.Message = text
			}
			line, _ := v.Get("line_start").Int()
			column, _ := v.Get("column_start").Int()
			problem.Line, problem.Column = int(line), int(column)
			problems = append(problems, problem)
		}
		if len(problems) > 0 {
			break
		}
	}
	return problems
}

// one carries out a call about one flow.
func (s FlowsService) one(ctx context.Context, r request, id, below string) (json.RawMessage, error) {
	place, bad := segment("id", id)
	if bad != nil {
		return nil, s.refuse(r.op, bad)
	}
	r.path = "flows/" + place + below
	return s.do(ctx, r)
}

func (s FlowsService) do(ctx context.Context, r request) (raw json.RawMessage, err error) {
	if s.account != "" && strings.HasPrefix(r.path, "flows") {
		r.query = url.Values{"wabaAccountId": {s.account}}
	}
	err = s.call(ctx, r, &raw)
	return raw, err
}
