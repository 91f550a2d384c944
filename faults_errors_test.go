package chatapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// failed returns the *Error of a send that the service answers so.
func failed(t *testing.T, status int, body string, m chatapi.Message) *chatapi.Error {
	t.Helper()
	_, err := answering(t, status, body).Send(t.Context(), ann, m)
	var e *chatapi.Error
	require.ErrorAs(t, err, &e)
	return e
}

// A code of 2026 has a kind, a class of retry and a scope, wherever it arrives.
func TestFaultC4CodesOf2026(t *testing.T) {
	for code, want := range map[string]struct {
		kind  chatapi.ErrorKind
		scope chatapi.ErrorScope
	}{
		"131061":  {chatapi.ErrTemplate, chatapi.StopRequest},
		"131065":  {chatapi.ErrRecipient, chatapi.StopRecipient},
		"131066":  {chatapi.ErrTemplate, chatapi.StopRequest},
		"2593109": {chatapi.ErrHistoryOff, chatapi.StopChannel},
		"131070":  {chatapi.ErrInvalid, chatapi.StopRequest},
		"138038":  {chatapi.ErrUnsupported, chatapi.StopRequest},
	} {
		for _, body := range []string{`{"sent":false,"error":{"code":` + code + `,"message":"no"}}`, `{"sent":false,"message":"(#` + code + `) no"}`} {
			e := failed(t, 200, body, chatapi.Template{Name: "sale", Language: "en"})
			assert.Equal(t, want.kind, e.Kind, body)
			assert.Equal(t, chatapi.RetryFix, e.Retry, body)
			assert.NotEmpty(t, e.Advice, body)
			assert.NotContains(t, e.Sentence, "The service refused", body)
		}
		status := &chatapi.StatusError{Kind: want.kind}
		require.NoError(t, json.Unmarshal([]byte(code), &status.Code))
		if code != "2593109" {
			assert.Equal(t, want.scope, status.Scope(), code)
		}
	}
}

// An operation that the service does not know is told from a channel that it does not
// know.
func TestFaultC6UnknownOperations(t *testing.T) {
	misspelt := chatapi.Custom{Operation: "sendMesage", Body: json.RawMessage(`{"body":"hi"}`)}
	for _, tc := range []struct {
		status int
		body   string
	}{{404, `{"error":"unknown method"}`}, {404, "not found"}, {404, "<html><title>404</title></html>"}, {405, "Method Not Allowed"}, {400, `{"error":"Unknown method sendMesage"}`}, {404, "Cannot POST /ABC1/sendMesage"}} {
		e := failed(t, tc.status, tc.body, misspelt)
		assert.Equal(t, chatapi.ErrNotFound, e.Kind, tc.body)
		assert.Equal(t, `api.test does not know the operation "sendMesage".`, e.Sentence, tc.body)
		assert.Contains(t, e.Advice, "spelling", tc.body)
	}
	assert.Contains(t, failed(t, 404, `{"error":"unknown method"}`, chatapi.LocationRequest{Body: "Where?"}).Sentence, "sendLocationRequest")
	assert.Contains(t, failed(t, 404, `{"error":"unknown method"}`, chatapi.Text{Body: "hi"}).Sentence, "There is no Chat API channel")
	assert.Contains(t, failed(t, 400, `{"error":"body is missing"}`, misspelt).Sentence, "body is missing")
	_, err := answering(t, 404, `{"error":"Method not found"}`).Catalog.ListCommerce(t.Context())
	assert.ErrorIs(t, err, chatapi.ErrNotFound)
	assert.Contains(t, chatapiError(err).Sentence, "does not offer this operation")
}

func chatapiError(err error) *chatapi.Error {
	e, _ := errors.AsType[*chatapi.Error](err)
	return e
}

// An error says who has to stop: its code where there is one, else its kind.
func TestFaultC9WhoHasToStop(t *testing.T) {
	for kind, want := range map[chatapi.ErrorKind]chatapi.ErrorScope{
		chatapi.ErrInvalid: chatapi.StopRequest, chatapi.ErrTemplate: chatapi.StopRequest, chatapi.ErrMedia: chatapi.StopRequest,
		chatapi.ErrOutcomeUnknown: chatapi.StopRequest, chatapi.ErrRefused: chatapi.StopRequest, "": chatapi.StopRequest, "new_kind": chatapi.StopRequest,
		chatapi.ErrWindowClosed: chatapi.StopRecipient, chatapi.ErrRecipient: chatapi.StopRecipient, chatapi.ErrMarketingLimit: chatapi.StopRecipient, chatapi.ErrOptedOut: chatapi.StopRecipient,
		chatapi.ErrUnauthorized: chatapi.StopChannel, chatapi.ErrBlocked: chatapi.StopChannel, chatapi.ErrRateLimited: chatapi.StopChannel, chatapi.ErrUnavailable: chatapi.StopChannel, chatapi.ErrUnreachable: chatapi.StopChannel,
	} {
		assert.Equal(t, want, kind.Scope(), kind)
	}
	for code, want := range map[int]chatapi.ErrorScope{
		131026: chatapi.StopRecipient, 131047: chatapi.StopRecipient, 131050: chatapi.StopRecipient, 131056: chatapi.StopRecipient, 130497: chatapi.StopRecipient, 138006: chatapi.StopRecipient,
		130429: chatapi.StopChannel, 131048: chatapi.StopChannel, 190: chatapi.StopChannel, 131016: chatapi.StopChannel, 133010: chatapi.StopChannel, 133999: chatapi.StopChannel, 250: chatapi.StopChannel,
		131031: chatapi.StopAccount, 131042: chatapi.StopAccount, 368: chatapi.StopAccount, 80007: chatapi.StopAccount, 131064: chatapi.StopAccount,
		132001: chatapi.StopRequest, 100: chatapi.StopRequest, 131053: chatapi.StopRequest, 131000: chatapi.StopRequest, 132999: chatapi.StopRequest,
		987654: chatapi.StopRecipient, // not in the catalogue: the kind decides
	} {
		assert.Equal(t, want, (&chatapi.Error{Kind: chatapi.ErrRecipient, HTTPStatus: 200, Code: code}).Scope(), code)
		assert.Equal(t, want, (&chatapi.StatusError{Kind: chatapi.ErrRecipient, Code: code}).Scope(), code)
	}
	_, err := offline(t).Prepare(chatapi.Phone("12"), chatapi.Text{Body: "hi"})
	assert.Equal(t, chatapi.StopRequest, chatapiError(err).Scope())
	assert.Equal(t, chatapi.StopChannel, failed(t, 403, "Your trial period has expired", chatapi.Text{Body: "hi"}).Scope())
	assert.Equal(t, chatapi.StopChannel, failed(t, 302, "", chatapi.Text{Body: "hi"}).Scope())
	assert.Empty(t, (*chatapi.Error)(nil).Scope())
	assert.Empty(t, (*chatapi.StatusError)(nil).Scope())
}

// The sentence of a template that is missing or does not fit names it, its language
// and what exists.
func TestFaultC11TheSentenceNamesTheTemplate(t *testing.T) {
	m := chatapi.Template{Name: "order_update", Language: "en"}
	for code, says := range map[string]string{
		"132001": "does not exist in the language", "2001": "does not exist in the language", "132015": "is paused", "132016": "is disabled",
		"132000": "number of values", "132012": "value does not fit", "132005": "too long", "131061": "max price", "132999": "is missing, not usable",
	} {
		e := failed(t, 200, `{"sent":false,"error":{"code":`+code+`,"message":"no"}}`, m)
		assert.Contains(t, e.Sentence, `"order_update"`, code)
		assert.Contains(t, e.Sentence, says, code)
	}
	info := &chatapi.TemplateInfo{Name: "order_update", Language: "pt_BR", Status: chatapi.TemplateApproved}
	assert.Equal(t, `The message does not fit the template "order_update" in pt_BR: the language is "en", but the template is in "pt_BR".`, chatapiError(info.Check(m)).Sentence)
	list := `{"templates":[{"name":"order_update","language":"pt_BR"},{"name":"order_update","language":"es"},{"name":"welcome","language":"en"}]}`
	for _, tc := range []struct{ name, language, sentence string }{
		{"order_update", "en", `The template "order_update" is not available in the language "en", but in es, pt_BR.`},
		{"Order-Update", "es", `There is no template named "Order-Update", but one named "order_update".`},
		{"wellcome", "en", `There is no template named "wellcome", but one named "welcome".`},
		{"goodbye", "en", `There is no template named "goodbye" among those of this channel: order_update, welcome.`},
	} {
		_, err := answering(t, 200, list).Templates.Get(t.Context(), tc.name, tc.language)
		require.ErrorIs(t, err, chatapi.ErrNotFound)
		assert.Equal(t, tc.sentence, chatapiError(err).Sentence)
	}
}

// A weak sentence says what is wrong and what to do.
func TestFaultC14SentencesThatLeadOn(t *testing.T) {
	_, nameWithSpace := offline(t).Prepare(ann, chatapi.Template{Name: "order update", Language: "en"})
	_, short := chatapi.ParseRecipient("12")
	_, second := offline(t).Prepare(ann, chatapi.Template{Name: "a", Language: "en", Body: chatapi.Params("Ann", "")})
	_, cabinet := chatapi.New("https://cabinet.1msg.io/channels/ABC1", opaqueToken)
	_, dashboard := chatapi.New("https://1msg.io/en/dashboard", opaqueToken)
	_, swapped := chatapi.New(opaqueToken, "https://api.1msg.io/ABC1")
	_, unschemed := chatapi.New(opaqueToken, "api.1msg.io/ABC1")
	unknown, _ := chatapi.NewChannels().Client("ABC9")
	_, noClient := unknown.Send(t.Context(), ann, chatapi.Text{Body: "hi"})
	_, noTemplates := (&chatapi.Client{}).Templates.Get(t.Context(), "a", "en")
	for _, tc := range []struct {
		err         error
		field, says string
	}{
		{nameWithSpace, "Name", "write it as order_update"},
		{short, "recipient", "has 2 digits"},
		{second, "Body[1]", "{{2}}"},
		{cabinet, "apiURL", "page of the cabinet"}, {dashboard, "apiURL", "page of the cabinet"},
		{swapped, "token", "changed places"}, {unschemed, "token", "changed places"},
		{noClient, "client", "not in the registry"}, {noTemplates, "client", "make it with New"},
	} {
		e := wrongField(t, tc.err, chatapi.ErrInvalid, tc.field)
		assert.Contains(t, e.Error(), tc.says)
		assert.NotEmpty(t, e.Advice, tc.says)
		assert.NotEmpty(t, e.Op, tc.says)
	}
}

// A handler past its time, and a fake that is closed, say so.
func TestFaultC14TimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told error
		handler := chatapi.NewWebhookHandler(func(context.Context, chatapi.Event) error { time.Sleep(3 * time.Second); return nil },
			chatapi.WebhookSecret("s3cret"), chatapi.WebhookTimeout(2*time.Second), chatapi.WebhookErrors(func(_ context.Context, err error) { told = err }))
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/s3cret", strings.NewReader(string(contract(t, "webhook-ack-batch-unordered.json")))))
		assert.Equal(t, http.StatusInternalServerError, w.Code)
		require.ErrorIs(t, told, context.DeadlineExceeded)
		for _, part := range []string{"took longer than 2s", "wait for the next delivery", "WebhookTimeout"} {
			assert.ErrorContains(t, told, part)
		}
	})
	api := chatapitest.New(t)
	client := api.Client(chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 1}))
	api.Close()
	_, err := client.Settings.Get(t.Context())
	require.ErrorIs(t, err, chatapi.ErrUnreachable)
	assert.ErrorContains(t, err, "the fake is closed")
	_, err = client.Send(t.Context(), ann, chatapi.Text{Body: "hi"})
	require.ErrorIs(t, err, chatapi.ErrUnreachable, "nothing was sent")
	assert.ErrorContains(t, err, "the fake is closed")
}

// Values from an unset variable and pauses that overflow are refused or bounded.
func TestFaultE15ValuesAtTheEdge(t *testing.T) {
	for _, secret := range []string{" ", "\t\n", `""`, "''", "\u200b", "\ufeff", "--", "null", "undefined", "<nil>", "<no value>", "${SECRET}", "$WEBHOOK_SECRET", "{{ .Secret }}"} {
		for _, option := range []chatapi.WebhookOption{chatapi.WebhookMetaSignature(secret), chatapi.WebhookVerifyToken(secret)} {
			require.ErrorIs(t, chatapi.NewWebhookHandler(func(context.Context, chatapi.Event) error { return nil }, option).Err(), chatapi.ErrInvalid, secret)
		}
		h := chatapi.NewWebhookHandler(func(context.Context, chatapi.Event) error { return nil }, chatapi.WebhookSecret(secret))
		wrongField(t, h.Err(), chatapi.ErrInvalid, "WebhookSecret")
		channels := withChannel()
		wrongField(t, channels.SetWebhookSecrets("ABC100000001", "s3cret", secret), chatapi.ErrInvalid, "secrets[1]")
		assert.Empty(t, channels.WebhookSecrets(t.Context(), "ABC100000001"))
	}
	for _, secret := range []string{"s3cret\n", " s3cret ", "s3cret\r\n"} {
		h := chatapi.NewWebhookHandler(func(context.Context, chatapi.Event) error { return nil }, chatapi.WebhookSecret(secret))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/s3cret", strings.NewReader(hookBody)))
		assert.Equal(t, http.StatusOK, w.Code, "%q", secret)
	}
	for _, token := range []string{"true", "sent", "1234", "null", "error", "message", "12025550143", "authorization", "tok"} {
		_, err := chatapi.New("https://api.1msg.io/ABC1", token)
		wrongField(t, err, chatapi.ErrInvalid, "token")
		_, err = chatapi.New("https://api.1msg.io/ABC1?token="+token, "")
		wrongField(t, err, chatapi.ErrInvalid, "token")
		client, err := chatapi.New("https://api.1msg.io/ABC1", "", chatapi.WithTokenSource(func(context.Context) (string, error) { return token, nil }))
		require.NoError(t, err)
		_, err = client.Settings.Get(t.Context())
		require.ErrorIs(t, err, chatapi.ErrUnauthorized, token)
	}
	for _, token := range []string{"your-token", "t0ken-01", opaqueToken, "abcdefghijklmnop", "1234567890123456"} {
		_, err := chatapi.New("https://api.1msg.io/ABC1", token)
		assert.NoError(t, err, token)
	}
	for pause, want := range map[time.Duration]string{math.MaxInt64: "2592000", math.MinInt64: "1", 0: "1", 1: "1", time.Second + 1: "2", 90 * time.Second: "90", math.MaxInt64 - time.Hour: "2592000"} {
		h := chatapi.NewWebhookHandler(func(context.Context, chatapi.Event) error { return chatapi.RetryLater(pause, nil) },
			chatapi.WebhookSecret("s3cret"), chatapi.WebhookErrors(func(context.Context, error) {}))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/s3cret", strings.NewReader(hookBody)))
		assert.Equal(t, want, w.Header().Get("Retry-After"), pause)
	}
}

// The registry keeps its own list of secrets.
func TestWebhookSecretsAreACopy(t *testing.T) {
	channels := withChannel()
	require.NoError(t, channels.SetWebhookSecrets("ABC100000001", "s3cret"))
	channels.WebhookSecrets(t.Context(), "ABC100000001")[0] = "changed"
	assert.Equal(t, []string{"s3cret"}, channels.WebhookSecrets(t.Context(), "ABC100000001"))
}
