package chatapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// A handler must not run without its bad option: a limit, a channel check or a
// secret would silently be missing.
func TestWebhookOptionsRefuseBadValues(t *testing.T) {
	for _, c := range []struct {
		name   string
		option chatapi.WebhookOption
		field  string
		reason string
	}{
		{"no bytes", chatapi.WebhookMaxBody(0), "WebhookMaxBody", "must be more than 0 bytes"},
		{"negative bytes", chatapi.WebhookMaxBody(-1), "WebhookMaxBody", "must be more than 0 bytes"},
		{"no time", chatapi.WebhookTimeout(0), "WebhookTimeout", "must be more than 0"},
		{"negative time", chatapi.WebhookTimeout(-1), "WebhookTimeout", "must be more than 0"},
		{"no secret", chatapi.WebhookSecret(), "WebhookSecret", "is empty"},
		{"an empty secret", chatapi.WebhookSecret(""), "WebhookSecret", "is empty"},
		{"only empty secrets", chatapi.WebhookSecret("", ""), "WebhookSecret", "is empty"},
		{"a blank secret", chatapi.WebhookSecret(" \t\n"), "WebhookSecret", "is empty"},
		{"no app secret", chatapi.WebhookMetaSignature(), "WebhookMetaSignature", "is empty"},
		{"an empty app secret", chatapi.WebhookMetaSignature(""), "WebhookMetaSignature", "is empty"},
		{"a blank app secret", chatapi.WebhookMetaSignature(" "), "WebhookMetaSignature", "is empty"},
		{"no platform secret", chatapi.WebhookDialog360Signature(), "WebhookDialog360Signature", "is empty"},
		{"an empty platform secret", chatapi.WebhookDialog360Signature(""), "WebhookDialog360Signature", "is empty"},
		{"no verify token", chatapi.WebhookVerifyToken(), "WebhookVerifyToken", "is empty"},
		{"an empty verify token", chatapi.WebhookVerifyToken(""), "WebhookVerifyToken", "is empty"},
		{"a blank verify token", chatapi.WebhookVerifyToken(" "), "WebhookVerifyToken", "is empty"},
		{"no lookup of secrets", chatapi.WebhookSecrets(nil), "WebhookSecrets", "is nil"},
		{"no lookup of channels", chatapi.WebhookChannel(nil), "WebhookChannel", "is nil"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHook(nil, chatapi.WebhookVerifyToken("t0ken"), c.option)
			challenge := "/hooks?hub.mode=subscribe&hub.verify_token=t0ken&hub.challenge=1"
			for _, r := range []*http.Request{
				httptest.NewRequest(http.MethodPost, "/hooks/"+hookSecret, strings.NewReader(hookBody)),
				httptest.NewRequest(http.MethodPost, "/hooks/wrong", strings.NewReader(hookBody)),
				httptest.NewRequest(http.MethodGet, challenge, nil),
				httptest.NewRequest(http.MethodPut, "/", nil),
			} {
				h.errors = nil
				assert.Equal(t, 500, h.serve(r).Code, r.Method)
				require.Len(t, h.errors, 1)
				assert.Equal(t, h.handler.Err(), h.errors[0])
			}
			assert.Empty(t, h.keys, "the function is not called")

			var e *chatapi.Error
			require.ErrorAs(t, h.handler.Err(), &e)
			assert.Equal(t, chatapi.Error{Op: "NewWebhookHandler", Kind: chatapi.ErrInvalid, Field: c.field, Reason: c.reason, Retry: chatapi.RetryFix,
				Sentence: e.Sentence, Advice: e.Advice}, *e)
			assert.Regexp(t, "^The webhook handler refuses every request, because the webhook [a-z0-9 ]+ "+c.reason+`\.$`, e.Sentence)
			assert.NotEmpty(t, e.Advice)

			deliveries := chatapi.NewDeliveryHandler(func(context.Context, *chatapi.Delivery) error { return nil }, c.option)
			assert.ErrorContains(t, deliveries.Err(), "chatapi: NewDeliveryHandler: "+c.field+" "+c.reason)
		})
	}
}

// The handler logs the error of a WebhookErrors without a function.
func TestWebhookErrorsRefusesNil(t *testing.T) {
	h := chatapi.NewWebhookHandler(func(context.Context, chatapi.Event) error { return nil },
		chatapi.WebhookSecret(hookSecret), chatapi.WebhookErrors(nil))
	assert.EqualError(t, h.Err(), "chatapi: NewWebhookHandler: WebhookErrors is nil; give the option a function, or leave it out")
	assert.ErrorIs(t, h.Err(), chatapi.ErrInvalid)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/"+hookSecret, strings.NewReader(hookBody)))
	assert.Equal(t, 500, w.Code)
}

func TestWebhookHandlerErr(t *testing.T) {
	assert.NoError(t, newHook(nil, nil).handler.Err(), "a nil option does nothing")
	none := chatapi.NewWebhookHandler(func(context.Context, chatapi.Event) error { return nil })
	assert.ErrorIs(t, none.Err(), chatapi.ErrNoWebhookSecret)
	answer := httptest.NewRecorder()
	none.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/hooks/s3cret", strings.NewReader(`{}`)))
	assert.Equal(t, http.StatusForbidden, answer.Code)
	for _, opt := range []chatapi.WebhookOption{chatapi.WebhookSecret("s3cret"), chatapi.WebhookMetaSignature("app"), chatapi.WebhookAcceptUnauthenticated(),
		chatapi.WebhookSecrets(func(context.Context, chatapi.ChannelID) []string { return nil })} {
		assert.NoError(t, chatapi.NewDeliveryHandler(func(context.Context, *chatapi.Delivery) error { return nil }, opt).Err())
	}

	var absent *chatapi.WebhookHandler
	for _, tc := range []struct {
		op string
		h  *chatapi.WebhookHandler
	}{
		{"WebhookHandler", absent}, {"WebhookHandler", &chatapi.WebhookHandler{}},
		{"NewWebhookHandler", chatapi.NewWebhookHandler(nil)}, {"NewDeliveryHandler", chatapi.NewDeliveryHandler(nil)},
	} {
		assert.EqualError(t, tc.h.Err(), "chatapi: "+tc.op+": handle is nil; give NewWebhookHandler or NewDeliveryHandler a function")
		assert.ErrorIs(t, tc.h.Err(), chatapi.ErrInvalid)
	}

	h := newHook(nil, chatapi.WebhookTimeout(0), chatapi.WebhookMaxBody(0), chatapi.WebhookTimeout(1))
	assert.ErrorContains(t, h.handler.Err(), "WebhookTimeout", "Err names the first bad option")
}

// A blank text beside a secret comes from an unset variable, usually that of the
// former secret. The handler ignores it.
func TestWebhookBlankSecretBesideAnother(t *testing.T) {
	lookup := chatapi.WebhookSecrets(func(context.Context, chatapi.ChannelID) []string { return []string{"", " "} })
	for _, h := range []*hook{newHook(nil, chatapi.WebhookSecret("other", "", " ")), newHook(nil, lookup)} {
		require.NoError(t, h.handler.Err())
		assert.Equal(t, 200, h.serve(httptest.NewRequest(http.MethodPost, "/ABC100000001/"+hookSecret, strings.NewReader(hookBody))).Code)
		assert.Equal(t, 403, h.serve(httptest.NewRequest(http.MethodPost, "/ABC100000001/%20", strings.NewReader(hookBody))).Code)
		assert.Equal(t, 403, h.serve(httptest.NewRequest(http.MethodPost, "/ABC100000001/", strings.NewReader(hookBody))).Code)
	}
	h := newHook(nil, chatapi.WebhookVerifyToken("t0ken", " "))
	require.NoError(t, h.handler.Err())
	r := httptest.NewRequest(http.MethodGet, "/?hub.mode=subscribe&hub.verify_token=+&hub.challenge=1", nil)
	assert.Equal(t, 403, h.serve(r).Code)
}
