package chatapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// A report can still write to a database: its context outlives the sender's
// connection, the time of the delivery, and the request.
func TestWebhookErrorsContext(t *testing.T) {
	unknown := &chatapi.Error{Op: "sendMessage", Kind: chatapi.ErrOutcomeUnknown}
	for name, c := range map[string]struct {
		path, body string
		handle     func(ctx context.Context) error
		reports    int
	}{
		"refused":            {"/wrong", hookBody, nil, 1},
		"unreadable":         {"/" + hookSecret, "[]", nil, 1},
		"an error":           {"/" + hookSecret, hookBody, func(context.Context) error { return errBroken }, 1},
		"a panic":            {"/" + hookSecret, hookBody, func(context.Context) error { panic(errBroken) }, 1},
		"an unknown outcome": {"/" + hookSecret, hookBody, func(ctx context.Context) error { <-ctx.Done(); return unknown }, 2}, // leaves no time for the other events
		"out of time":        {"/" + hookSecret, hookBody, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gone, hangUp := context.WithCancel(context.WithValue(t.Context(), ctxKey{}, "trace"))
				var reports []context.Context
				handler := chatapi.NewWebhookHandler(func(ctx context.Context, _ chatapi.Event) error {
					hangUp()
					return c.handle(ctx)
				}, chatapi.WebhookSecret(hookSecret), chatapi.WebhookTimeout(time.Second), chatapi.WebhookErrors(func(ctx context.Context, err error) {
					assert.NoError(t, ctx.Err(), fmt.Sprint(err))
					reports = append(reports, ctx)
				}))
				handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(gone, http.MethodPost, c.path, strings.NewReader(c.body)))
				hangUp()
				require.Len(t, reports, c.reports)
				for _, ctx := range reports {
					assert.NoError(t, ctx.Err(), "the context outlives the request")
					assert.Equal(t, "trace", ctx.Value(ctxKey{}))
				}
			})
		})
	}
}
