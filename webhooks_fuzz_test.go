package chatapi_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// FuzzWebhookHandler sends any request to handlers with any options. The answer
// is always a documented one, and 200 only if the function returned nil. Neither
// the answer nor a report holds a secret.
func FuzzWebhookHandler(f *testing.F) {
	const own, app, platform, token = "0wn-secret", "4pp-secret", "pl4tform-secret", "v3rify-token"
	secrets := []string{own, app, platform, token}
	body, err := os.ReadFile("testdata/contract/webhook-message-batch.json")
	require.NoError(f, err)
	const all = 1<<7 - 1
	f.Add(uint8(1), "POST", "/hooks/ABC1/"+own, "application/json", "", "", body)
	f.Add(uint8(2), "POST", "/hooks/ABC100000001/"+own, "", "", "", body)
	f.Add(uint8(4), "POST", "/", "", "", chatapitest.MetaSignature(app, body), body)
	f.Add(uint8(8), "POST", "/", "", "", chatapitest.Dialog360Signature(platform, body), body)
	f.Add(uint8(16), "GET", "/?hub.mode=subscribe&hub.verify_token="+token+"&hub.challenge=1", "", "", "", []byte{})
	f.Add(uint8(32), "POST", "/", "text/plain", "identity", "", []byte(`{"ack":[{"id":"a","status":"read"},5]}`))
	f.Add(uint8(1|64), "POST", "/?secret="+own, "", "", "", body)
	f.Add(uint8(all), "GET", "/hooks/%zz/s1", "text/html", "gzip", "sha256=zz", []byte("{"))
	f.Add(uint8(0), "POST", "//", ";;", " ", "", []byte("[[["))
	for i, shape := range hostileBodies() {
		f.Add(uint8(1<<(i%6)), "POST", "/hooks/ABC1/"+own, "application/json", "", chatapitest.MetaSignature(app, shape.document(2)), shape.document(2))
	}
	f.Fuzz(func(t *testing.T, options uint8, method, target, contentType, encoding, signature string, body []byte) {
		address, err := url.Parse(target)
		if err != nil {
			return // not a valid request target
		}
		with := func(bit int) bool { return options&(1<<bit) != 0 }
		var reported []error
		opts := []chatapi.WebhookOption{chatapi.WebhookMaxBody(1 << 16), chatapi.WebhookErrors(func(_ context.Context, err error) { reported = append(reported, err) })}
		for bit, opt := range []chatapi.WebhookOption{
			chatapi.WebhookSecret(own),
			chatapi.WebhookSecrets(func(_ context.Context, channel chatapi.ChannelID) []string { return []string{own} }),
			chatapi.WebhookMetaSignature(app),
			chatapi.WebhookDialog360Signature(platform),
			chatapi.WebhookVerifyToken(token),
			chatapi.WebhookAcceptUnauthenticated(),
		} {
			if with(bit) {
				opts = append(opts, opt)
			}
		}
		called, failed := 0, false
		handler := chatapi.NewDeliveryHandler(func(_ context.Context, d *chatapi.Delivery) error {
			called++
			require.Equal(t, string(body), string(d.Body))
			for _, e := range d.Events {
				require.Equal(t, d.Channel, e.Info().Channel)
				require.Equal(t, d.Received, e.Info().Received)
			}
			if failed = with(6); failed {
				panic(http.ErrAbortHandler)
			}
			return nil
		}, opts...)
		r := &http.Request{Method: method, URL: address, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
			Header: http.Header{"Content-Type": {contentType}, "Content-Encoding": {encoding}, "X-Hub-Signature-256": {signature}, "X-360dialog-Signature": {signature}}}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)

		require.True(t, slices.Contains([]int{200, 400, 403, 405, 413, 415, 500}, w.Code), w.Code)
		require.LessOrEqual(t, called, 1)
		challenged := method == http.MethodGet && with(4)
		switch w.Code {
		case 200:
			require.True(t, challenged || called == 1 && !failed)
		case 405:
			require.NotEmpty(t, w.Header().Get("Allow"))
			require.Empty(t, reported)
		default:
			require.NotEmpty(t, reported)
		}
		if called == 1 { // a call needs a proof
			require.True(t, options&(1|2|4|8|32) != 0)
		}
		require.Equal(t, failed, w.Code == 500)
		text := fmt.Sprintf("%v %+v", reported, handler)
		for _, secret := range secrets {
			if !bytes.Contains(body, []byte(secret)) && !strings.Contains(target+method+contentType+encoding, secret) {
				require.NotContains(t, text, secret)
			}
			if !challenged || w.Code != 200 { // a challenge returns unchanged
				require.NotContains(t, w.Body.String(), secret)
			}
		}
		if strings.Contains(target, own) && !strings.Contains(contentType+encoding, own) && !bytes.Contains(body, []byte(own)) && !with(1) {
			require.NotContains(t, text, own, "a report holds no address")
		}
	})
}
