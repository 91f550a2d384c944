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
// chat. It is [Client.Flows], and safe for concurrent use. The message kind
// [Flow] sends a flow.
//
// The service has switched flow management off for now: all calls but those for
// the encryption key are [ErrUnsupported] (HTTP 501; contract, "Calling, groups,
// flows"). The contract does not describe the replies, so results have the whole
// reply in Raw. An empty id is [ErrInvalid]. Every call but Create may be repeated
// without harm and is retried.
type FlowsService struct {
	service
	account string // the WABA given to ForAccount; empty for the channel's own
}

// ForAccount returns a FlowsService for another account (WABA) than the channel's
// own. It works only if the service lets the channel manage that account. The
// encryption key stays that of the channel's number.
func (s FlowsService) ForAccount(wabaID string) FlowsService {
	return FlowsService{s.service, wabaID}
}

// FlowStatus is the state of a flow. The set is open.
type FlowStatus string

// The known statuses of a flow.
const (
	FlowStatusDraft      FlowStatus = "DRAFT"
	FlowStatusPublished  FlowStatus = "PUBLISHED"
	FlowStatusDeprecated FlowStatus = "DEPRECATED"
	FlowStatusBlocked    FlowStatus = "BLOCKED"
	FlowStatusThrottled  FlowStatus = "THROTTLED"
)

// FlowCategory is the purpose of a flow.
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

	// Problems lists the errors in the flow's JSON. The flow cannot be
	// published before they are corrected.
	Problems []FlowProblem

	// Raw is the flow as the service wrote it.
	Raw json.RawMessage
}

// FlowProblem is one error in a flow's JSON.
type FlowProblem struct {
	// Code names the problem, such as "INVALID_PROPERTY"; Message explains it.
	Code, Message string

	// Line and Column are the place where the problem begins, counted from 1;
	// 0 if the service did not send them.
	Line, Column int

	// Raw is the problem as the service wrote it.
	Raw json.RawMessage
}

// String returns the problem with its line, code and message.
func (p FlowProblem) String() string {
	text := strings.TrimPrefix(p.Code+": "+p.Message, ": ")
	if p.Line > 0 {
		text = fmt.Sprintf("line %d: %s", p.Line, text)
	}
	return text
}

// FlowDraft is a flow to create with [FlowsService.Create].
type FlowDraft struct {
	Name string

	// Categories needs at least one element.
	Categories []FlowCategory

	// EndpointURI is the address that answers the flow's requests for data. It
	// is empty for a flow that makes no requests.
	EndpointURI string

	// JSON is the flow itself. It may be set later, with
	// [FlowsService.SetAssets].
	JSON json.RawMessage

	// Publish publishes the flow at once, if it has no problems.
	Publish bool
}

// FlowPatch is a change to a flow's name, categories or endpoint. A nil field
// stays unchanged.
type FlowPatch struct {
	Name        *string
	Categories  []FlowCategory
	EndpointURI *string
}

// FlowPreview is the address of a web page that shows a flow.
type FlowPreview struct {
	URL string

	// ExpiresAt is the time when the page stops working; zero if the service
	// did not send it.
	ExpiresAt time.Time

	// Raw is the service's reply.
	Raw json.RawMessage
}

// All yields every flow that the service lists. The service has no parameter for
// a further page: if it reports more flows than it listed, All ends with
// [ErrUnsupported] after the listed ones. All is retried.
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

// Get returns the flow with that id. Get is retried.
func (s FlowsService) Get(ctx context.Context, id string) (*FlowInfo, error) {
	raw, err := s.callFlow(ctx, request{op: "Flows.Get", method: http.MethodGet}, id, "")
	if err != nil {
		return nil, err
	}
	flow := readFlow(raw)
	flow.ID = cmp.Or(flow.ID, id)
	return flow, nil
}

// Create creates a flow and returns it. The flow is a draft, unless
// FlowDraft.Publish is set. A draft without a name or a category, with JSON that
// is no object or with a bad address is [ErrInvalid]. The flow is created at most
// once: after [ErrOutcomeUnknown], look for it with [FlowsService.All].
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
	c.require(strings.TrimSpace(draft.Name) != "", "Name", "is empty; give the flow a name")
	c.require(len(draft.Categories) > 0, "Categories", "is empty; give at least one, such as FlowOther")
	c.require(len(draft.JSON) == 0 || isJSONObject(draft.JSON), "JSON", "is not a JSON object; give the flow as the Flow Builder exports it")
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

// Delete deletes a draft. It cannot be undone. A published flow cannot be deleted;
// use [FlowsService.Deprecate]. Delete may be repeated without harm and is
// retried.
func (s FlowsService) Delete(ctx context.Context, id string) error {
	_, err := s.callFlow(ctx, request{op: "Flows.Delete", method: http.MethodDelete}, id, "")
	return err
}

// GetPreview returns the address of a web page that shows the flow. GetPreview is
// retried.
func (s FlowsService) GetPreview(ctx context.Context, id string) (*FlowPreview, error) {
	const op = "Flows.GetPreview"
	raw, err := s.callFlow(ctx, request{op: op, method: http.MethodGet}, id, "/preview")
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

// Publish makes a draft available to customers. It cannot be undone: a published
// flow can only be deprecated. Publish may be repeated without harm and is
// retried.
func (s FlowsService) Publish(ctx context.Context, id string) error {
	_, err := s.callFlow(ctx, request{op: "Flows.Publish", method: http.MethodPost}, id, "/publish")
	return err
}

// Deprecate takes a published flow out of use. It cannot be undone. Deprecate may
// be repeated without harm and is retried.
func (s FlowsService) Deprecate(ctx context.Context, id string) error {
	_, err := s.callFlow(ctx, request{op: "Flows.Deprecate", method: http.MethodPost}, id, "/deprecate")
	return err
}

// UpdateMetadata changes the name, categories or endpoint of a flow. An empty
// patch, an empty name and a bad address are [ErrInvalid]. UpdateMetadata may be
// repeated without harm and is retried.
func (s FlowsService) UpdateMetadata(ctx context.Context, id string, patch FlowPatch) error {
	const op = "Flows.UpdateMetadata"
	body := struct {
		Name        *string        `json:"name,omitempty"`
		Categories  []FlowCategory `json:"categories,omitempty"`
		EndpointURI *string        `json:"endpointUri,omitempty"`
	}{patch.Name, patch.Categories, patch.EndpointURI}
	var c checker
	c.require(patch.Name != nil || len(patch.Categories) > 0 || patch.EndpointURI != nil, "patch", "changes nothing; set one of its fields")
	if patch.Name != nil {
		c.require(strings.TrimSpace(*patch.Name) != "", "Name", "is empty; give the flow a name")
	}
	if patch.EndpointURI != nil && *patch.EndpointURI != "" {
		c.url("EndpointURI", *patch.EndpointURI)
	}
	if c.first != nil {
		return s.refuse(op, c.first)
	}
	_, err := s.callFlow(ctx, request{op: op, method: http.MethodPatch, body: body}, id, "/metadata")
	return err
}

// SetAssets replaces the flow's JSON and returns the problems that the service
// finds in it. The service can accept JSON that has problems; the error is nil
// then. If it refuses the JSON for its problems, SetAssets returns them beside
// the error, which is [ErrInvalid]. JSON that is no object is [ErrInvalid], too.
// SetAssets may be repeated without harm and is retried.
func (s FlowsService) SetAssets(ctx context.Context, id string, flow json.RawMessage) ([]FlowProblem, error) {
	const op = "Flows.SetAssets"
	if !isJSONObject(flow) {
		return nil, s.refuse(op, invalid("flow", "is not a JSON object; give the flow as the Flow Builder exports it"))
	}
	body := map[string]json.RawMessage{"flowJson": flow}
	raw, err := s.callFlow(ctx, request{op: op, method: http.MethodPatch, body: body}, id, "/assets")
	e, refused := errors.AsType[*Error](err)
	if refused && len(e.Raw) > 0 && json.Valid(e.Raw) {
		raw = e.Raw
	}
	problems := flowProblems(wire.Root(raw))
	if refused && len(problems) > 0 && e.Kind == ErrRefused {
		e.Kind, e.Retry, e.Reason = ErrInvalid, RetryFix, problems[0].String()
		e.Sentence = "The flow's JSON is not valid: " + clip(e.Reason, 160)
		e.Advice = "correct the problems and upload the JSON again"
	}
	return problems, err
}

// EncryptionKeyInfo is the public key with which WhatsApp encrypts the requests
// of a flow to its endpoint.
type EncryptionKeyInfo struct {
	// PEM is the public key; empty if no key is set.
	PEM string

	// SignatureStatus is "VALID", or "MISMATCH" if the key has to be set
	// again.
	SignatureStatus string

	// Raw is the service's reply.
	Raw json.RawMessage
}

// GetEncryptionKey returns the public key that is set for the channel's number.
// GetEncryptionKey is retried.
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

// SetEncryptionKey sets the public key of the channel's number, a 2048-bit RSA key
// in PEM, and replaces the previous one. Set it before you publish a flow with an
// endpoint. A private key, and a key of another kind or size, is [ErrInvalid] and
// is not sent. SetEncryptionKey may be repeated without harm and is retried.
func (s FlowsService) SetEncryptionKey(ctx context.Context, publicKeyPEM string) error {
	const op = "Flows.SetEncryptionKey"
	block, rest := pem.Decode([]byte(publicKeyPEM))
	problem := ""
	switch {
	case strings.Contains(publicKeyPEM, "PRIVATE KEY"):
		problem = "is a private key, which must stay with you; give the public one"
	case block == nil, block.Type != "PUBLIC KEY", strings.TrimSpace(string(rest)) != "":
		problem = `is not a public key in PEM, which begins with "-----BEGIN PUBLIC KEY-----"`
	default:
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if rsaKey, ok := key.(*rsa.PublicKey); err == nil && (!ok || rsaKey.N.BitLen() != 2048) {
			problem = "is not a 2048-bit RSA key, the only kind that WhatsApp takes; make one with openssl genrsa 2048"
		} // the service judges a key that does not parse
	}
	if problem != "" {
		return s.refuse(op, invalid("publicKeyPEM", problem))
	}
	body := map[string]string{"business_public_key": publicKeyPEM}
	_, err := s.do(ctx, request{op: op, method: http.MethodPost, path: "whatsapp_business_encryption", body: body})
	return err
}

// readFlow reads the known members of a flow; Raw has all of them.
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

// flowProblems reads the problems in a reply, under either of their two names.
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

// callFlow carries out a call for one flow. below is the path below the flow's.
func (s FlowsService) callFlow(ctx context.Context, r request, id, below string) (json.RawMessage, error) {
	place, bad := segment("id", id)
	if bad != nil {
		return nil, s.refuse(r.op, bad)
	}
	r.path = "flows/" + place + below
	return s.do(ctx, r)
}

// do carries out a call and returns the reply.
func (s FlowsService) do(ctx context.Context, r request) (raw json.RawMessage, err error) {
	if s.account != "" && strings.HasPrefix(r.path, "flows") {
		r.query = url.Values{"wabaAccountId": {s.account}}
	}
	err = s.call(ctx, r, &raw)
	return raw, err
}
