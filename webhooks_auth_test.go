package chatapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

const (
	metaHeader = "X-Hub-Signature-256"
	d360Header = "X-360dialog-Signature"
)

func TestWebhookSignatures(t *testing.T) {
	// An independent program gives this signature: printf '{"a":1}' | openssl
	// dgst -sha256 -hmac key
	const known = "88a67f24bbcdaed0e6c997404bb79a743baf44c6bab2f4c27328e3009d22e342"
	meta := func(secret, body string) string { return chatapitest.MetaSignature(secret, []byte(body)) }
	d360 := func(secret, body string) string { return chatapitest.Dialog360Signature(secret, []byte(body)) }
	metaOnly := []chatapi.WebhookOption{chatapi.WebhookMetaSignature("app-new", "app-old")}
	d360Only := []chatapi.WebhookOption{chatapi.WebhookDialog360Signature("platform")}
	either := []chatapi.WebhookOption{metaOnly[0], d360Only[0]}
	withSecret := []chatapi.WebhookOption{metaOnly[0], chatapi.WebhookSecret("s")}
	withEmpty := []chatapi.WebhookOption{chatapi.WebhookMetaSignature("app-new", "")}
	for _, c := range []struct {
		name         string
		opts         []chatapi.WebhookOption
		path         string
		header, sent string
		want         error
	}{
		{"Meta", metaOnly, "/", metaHeader, meta("app-new", hookBody), nil},
		{"Meta, the former secret", metaOnly, "/", metaHeader, meta("app-old", hookBody), nil},
		{"Meta, upper case", metaOnly, "/", metaHeader, "sha256=" + strings.ToUpper(d360("app-new", hookBody)), nil},
		{"Meta, another secret", metaOnly, "/", metaHeader, meta("app", hookBody), chatapi.ErrUnauthorized},
		{"Meta, another body", metaOnly, "/", metaHeader, meta("app-new", hookBody+" "), chatapi.ErrUnauthorized},
		{"Meta, no signature", metaOnly, "/", "X-Other", "", chatapi.ErrUnauthorized},
		{"Meta, empty", metaOnly, "/", metaHeader, "sha256=", chatapi.ErrUnauthorized},
		{"Meta, cut off", metaOnly, "/", metaHeader, meta("app-new", hookBody)[:40], chatapi.ErrUnauthorized},
		{"Meta, not hex", metaOnly, "/", metaHeader, "sha256=" + strings.Repeat("zz", 32), chatapi.ErrUnauthorized},
		{"Meta, SHA-1", metaOnly, "/", "X-Hub-Signature", meta("app-new", hookBody), chatapi.ErrUnauthorized},
		{"Meta in 360dialog's header", metaOnly, "/", d360Header, meta("app-new", hookBody), chatapi.ErrUnauthorized},
		{"Meta, signed with a secret that was not set", withEmpty, "/", metaHeader, meta("", hookBody), chatapi.ErrUnauthorized},
		{"360dialog", d360Only, "/", d360Header, d360("platform", hookBody), nil},
		{"360dialog with a prefix", d360Only, "/", d360Header, "sha256=" + d360("platform", hookBody), nil},
		{"360dialog, wrong", d360Only, "/", d360Header, d360("app-new", hookBody), chatapi.ErrUnauthorized},
		{"either, by Meta", either, "/", metaHeader, meta("app-new", hookBody), nil},
		{"either, by 360dialog", either, "/", d360Header, d360("platform", hookBody), nil},
		{"either, with the other's secret", either, "/", d360Header, d360("app-new", hookBody), chatapi.ErrUnauthorized},
		{"both proofs", withSecret, "/s", metaHeader, meta("app-new", hookBody), nil},
		{"no secret", withSecret, "/", metaHeader, meta("app-new", hookBody), chatapi.ErrUnauthorized},
		{"no signature", withSecret, "/s", "X-Other", "", chatapi.ErrUnauthorized},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &hook{}
			called := 0
			h.handler = chatapi.NewWebhookHandler(func(context.Context, chatapi.Event) error { called++; return nil }, append(c.opts, h.reporting())...)
			r := httptest.NewRequest(http.MethodPost, c.path, strings.NewReader(hookBody))
			r.Header.Set(c.header, c.sent)
			w := h.serve(r)
			if c.want == nil {
				assert.Equal(t, 200, w.Code)
				assert.Equal(t, 3, called)
				assert.Empty(t, h.errors)
				return
			}
			assert.Equal(t, 403, w.Code)
			assert.Zero(t, called)
			require.Len(t, h.errors, 1)
			assert.ErrorIs(t, h.errors[0], c.want)
			for _, secret := range []string{"app-new", "app-old", "platform"} {
				assert.NotContains(t, fmt.Sprintf("%v %+v %#v %+v %#v", h.errors, h.errors[0], h.errors[0], h.handler, h.handler), secret)
			}
		})
	}
	// If a variable is unset, the handler accepts neither the signature of an
	// empty key nor another proof.
	for _, opts := range [][]chatapi.WebhookOption{
		{chatapi.WebhookMetaSignature(""), chatapi.WebhookAcceptUnauthenticated()},
		{chatapi.WebhookMetaSignature(""), chatapi.WebhookSecret("s")},
	} {
		h := &hook{}
		h.handler = chatapi.NewWebhookHandler(func(context.Context, chatapi.Event) error { t.Error("called"); return nil }, append(opts, h.reporting())...)
		r := httptest.NewRequest(http.MethodPost, "/s", strings.NewReader(hookBody))
		r.Header.Set(metaHeader, meta("", hookBody))
		assert.Equal(t, 500, h.serve(r).Code)
		require.Len(t, h.errors, 1)
		assert.ErrorIs(t, h.errors[0], chatapi.ErrInvalid)
	}
	assert.Equal(t, "sha256="+known, meta("key", `{"a":1}`))
	assert.Equal(t, known, d360("key", `{"a":1}`))
}

func TestWebhookChallenge(t *testing.T) {
	get := func(pairs ...string) *http.Request {
		query := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			query.Set(pairs[i], pairs[i+1])
		}
		return httptest.NewRequest(http.MethodGet, "/hooks?"+query.Encode(), nil)
	}
	fresh := func() *hook { return newHook(nil, chatapi.WebhookVerifyToken("t0ken", "former", "")) }
	longest := strings.Repeat("1", 256)
	assert.Equal(t, longest, fresh().serve(get("hub.mode", "subscribe", "hub.verify_token", "t0ken", "hub.challenge", longest)).Body.String())
	for _, token := range []string{"t0ken", "former"} {
		w := fresh().serve(get("hub.mode", "subscribe", "hub.verify_token", token, "hub.challenge", "1158201444"))
		assert.Equal(t, 200, w.Code)
		assert.Equal(t, "1158201444", w.Body.String())
		assert.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))
		assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	}
	for name, r := range map[string]*http.Request{
		"another token": get("hub.mode", "subscribe", "hub.verify_token", "wrong", "hub.challenge", "<b>"),
		"no token":      get("hub.mode", "subscribe", "hub.challenge", "1"),
		"another mode":  get("hub.mode", "unsubscribe", "hub.verify_token", "t0ken", "hub.challenge", "1"),
		"no challenge":  get("hub.mode", "subscribe", "hub.verify_token", "t0ken"),
		"a long one":    get("hub.mode", "subscribe", "hub.verify_token", "t0ken", "hub.challenge", strings.Repeat("1", 257)),
		"a secret":      get("secret", hookSecret),
		"nothing":       get(),
	} {
		t.Run(name, func(t *testing.T) {
			h := fresh()
			w := h.serve(r)
			assert.Equal(t, 403, w.Code)
			assert.Equal(t, "Forbidden\n", w.Body.String())
			require.Len(t, h.errors, 1)
			assert.ErrorIs(t, h.errors[0], chatapi.ErrUnauthorized)
			assert.NotContains(t, fmt.Sprintf("%+v %#v", h.errors[0], h.handler), "t0ken")
		})
	}
	h := fresh()
	w := h.serve(httptest.NewRequest(http.MethodPut, "/"+hookSecret, nil))
	assert.Equal(t, 405, w.Code)
	assert.Equal(t, "GET, POST", w.Header().Get("Allow"))
	assert.Equal(t, 200, h.post(hookBody).Code)
	r := httptest.NewRequest(http.MethodPost, "/?hub.mode=subscribe&hub.verify_token=t0ken", strings.NewReader(hookBody))
	assert.Equal(t, 403, h.serve(r).Code, "the verify token does not open a POST")
}

// The handler refuses a body that names two channels, even if the address names
// no channel.
func TestWebhookMixedChannels(t *testing.T) {
	const mixed = `{"instanceId":"ABC2","instanceId":"ABC1","ack":[{"id":"c","status":"read"}]}`
	h := newHook(nil)
	assert.Equal(t, 403, h.post(mixed).Code)
	assert.Empty(t, h.keys)
	require.Len(t, h.errors, 1)
	assert.ErrorIs(t, h.errors[0], chatapi.ErrWrongChannel)
}

// The operator's own secret opens every channel.
func TestWebhookSecretBesideSecrets(t *testing.T) {
	h := newHook(nil, chatapi.WebhookSecrets(func(context.Context, chatapi.ChannelID) []string { return []string{"own"} }))
	for path, want := range map[string]int{"/ABC100000001/own": 200, "/ABC100000001/" + hookSecret: 200, "/ABC100000002/" + hookSecret: 403, "/ABC100000001/x": 403} {
		assert.Equal(t, want, h.serve(httptest.NewRequest(http.MethodPost, path, strings.NewReader(hookBody))).Code, path)
	}
}

// If the handler looks up secrets, a valid signature alone opens no channel.
func TestWebhookSignatureBesideSecrets(t *testing.T) {
	h := &hook{}
	h.handler = chatapi.NewWebhookHandler(func(_ context.Context, e chatapi.Event) error { h.keys = append(h.keys, e.Key()); return nil },
		chatapi.WebhookMetaSignature("app"), h.reporting(), chatapi.WebhookSecrets(func(_ context.Context, id chatapi.ChannelID) []string {
			return map[chatapi.ChannelID][]string{"ABC100000001": {"own"}}[id]
		}))
	for path, want := range map[string]int{"/ABC100000001/own": 200, "/ABC100000001/x": 403, "/ABC100000002/own": 403, "/": 403} {
		h.keys = nil
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(hookBody))
		r.Header.Set(metaHeader, chatapitest.MetaSignature("app", []byte(hookBody)))
		assert.Equal(t, want, h.serve(r).Code, path)
		assert.Equal(t, want == 200, len(h.keys) > 0, path)
	}
}

// A sender without the secret must not learn which bodies the handler accepts.
func TestWebhookHandlerStrangers(t *testing.T) {
	for name, change := range map[string]func(*http.Request){
		"compressed": func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") },
		"a form":     func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") },
		"too large":  func(r *http.Request) { r.ContentLength = 1 << 40 },
		"not JSON":   func(r *http.Request) { r.Body = http.NoBody },
	} {
		h := newHook(nil)
		r := httptest.NewRequest(http.MethodPost, "/hooks/wrong", strings.NewReader(hookBody))
		change(r)
		assert.Equal(t, 403, h.serve(r).Code, name)
		require.Len(t, h.errors, 1)
		assert.ErrorIs(t, h.errors[0], chatapi.ErrUnauthorized, name)
	}
}
