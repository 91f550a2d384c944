package chatapi_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// Connect registers no address at which nothing would arrive.
func TestFaultD1ConnectAsksTheWebhookAddress(t *testing.T) {
	api := chatapitest.New(t)
	client, events := api.Client(), 0
	handler := chatapi.NewWebhookHandler(func(context.Context, chatapi.Event) error { events++; return nil }, chatapi.WebhookSecret("s3cret"))
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/{secret}", handler)
	mux.Handle("POST /elsewhere/", http.RedirectHandler("/webhooks/s3cret", http.StatusPermanentRedirect))
	mux.Handle("POST /broken/", chatapi.NewWebhookHandler(nil, chatapi.WebhookSecret("s3cret"), chatapi.WebhookErrors(func(context.Context, error) {})))
	server := httptest.NewServer(mux)
	defer server.Close()
	gone := httptest.NewServer(mux)
	gone.Close()

	for _, test := range []struct{ address, want string }{
		{server.URL + "/hooks/s3cret", "The webhook address answers 404."},
		{server.URL + "/webhooks/wrong-s3cret", "The webhook address answers 403."},
		{server.URL + "/broken/s3cret", "The webhook address answers 500."},
		{server.URL + "/elsewhere/s3cret", "The webhook address answers 308."},
		{gone.URL + "/webhooks/s3cret", "The webhook address does not answer."},
	} {
		connection, err := client.Connect(t.Context(), chatapi.ConnectOptions{WebhookURL: test.address, AskWebhook: true})
		e := wrongField(t, err, chatapi.ErrInvalid, "WebhookURL")
		assert.Equal(t, "Not connected: "+test.want, connection.String())
		assert.NotEmpty(t, e.Advice)
		assert.NotContains(t, err.Error()+connection.String(), "s3cret")
		list, err := client.Webhooks.List(t.Context())
		require.NoError(t, err)
		assert.Empty(t, list)
	}

	connection, err := client.Connect(t.Context(), chatapi.ConnectOptions{WebhookURL: server.URL + "/webhooks/s3cret", AskWebhook: true})
	require.NoError(t, err)
	assert.Len(t, connection.Webhooks, 1)
	assert.Zero(t, events, "the question is no event")
}

func TestConnectGivesUpAskingWithItsContext(t *testing.T) {
	api := chatapitest.New(t)
	stop := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	defer server.Close()
	defer close(stop)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := api.Client().Connect(ctx, chatapi.ConnectOptions{WebhookURL: server.URL + "/s3cret", AskWebhook: true})
	failedAs(t, err, chatapi.ErrCanceled)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.NotContains(t, err.Error(), "s3cret")
}

// A network end of the program that ignores the context holds Connect up no longer
// than the context, and the error is the caller's end.
func TestFaultC5AskingTheWebhookEndsWithTheContext(t *testing.T) {
	mine := errors.New("the user has left")
	standard, stop := http.DefaultTransport, make(chan struct{})
	http.DefaultTransport = roundTripper(func(*http.Request) (*http.Response, error) { <-stop; return nil, errors.New("late") })
	defer func() { http.DefaultTransport = standard }()
	defer close(stop)
	for name, end := range map[string]func(context.Context) context.Context{
		"canceled": func(ctx context.Context) context.Context {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(50*time.Millisecond, func() { cancel(mine) })
			return ctx
		},
		"its deadline": func(ctx context.Context) context.Context {
			ctx, cancel := context.WithTimeoutCause(ctx, 50*time.Millisecond, mine)
			t.Cleanup(cancel)
			return ctx
		},
	} {
		ctx := end(t.Context())
		_, err := chatapitest.New(t).Client().Connect(ctx, chatapi.ConnectOptions{WebhookURL: "https://desk.example/s3cret", AskWebhook: true})
		failedAs(t, err, chatapi.ErrCanceled)
		assert.ErrorIs(t, err, ctx.Err(), name)
		assert.ErrorIs(t, err, mine, name)
	}
}
