// Tracing records a call of the SDK as OpenTelemetry spans and prints them. No span
// has the token. It runs on the embedded fake Chat API and needs no account:
//
//	go run ./examples/tracing
//
// [chatapi.WithMiddleware] adds OpenTelemetry's HTTP transport, which makes a span
// for each attempt. At that place requests have no token yet; in
// [chatapi.WithHTTPClient] the transport would record the token in each address.
// Hooks add the facts that HTTP does not carry: the operation, the message id, the
// code of a refusal, and the pauses.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

const token = "t0ken-that-no-span-has"

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "tracing:", err)
		os.Exit(1)
	}
}

// run sends a message and writes the spans to w. The service answers the first
// attempt with 429, and the SDK repeats it.
func run(ctx context.Context, w io.Writer) error {
	api, err := chatapitest.Start(chatapitest.Token(token))
	if err != nil {
		return err
	}
	defer api.Close()
	apiURL, err := api.Listen()
	if err != nil {
		return err
	}
	api.Customer("12025550143").Says("Is my order ready?")
	api.Fail(chatapitest.Fault{Operation: "sendMessage", Status: http.StatusTooManyRequests})

	exporter, err := stdouttrace.New(stdouttrace.WithWriter(w), stdouttrace.WithPrettyPrint())
	if err != nil {
		return err
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	client, err := chatapi.New(apiURL, api.Token,
		chatapi.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
			return otelhttp.NewTransport(next, otelhttp.WithTracerProvider(provider))
		}),
		chatapi.WithHooks(spanHooks()),
		chatapi.WithRetry(chatapi.RetryPolicy{MinWait: 10 * time.Millisecond}))
	if err != nil {
		return err
	}

	ctx, span := provider.Tracer("shop").Start(ctx, "answer a customer")
	_, err = client.Send(ctx, chatapi.Phone("12025550143"), chatapi.Text{Body: "It is!"})
	span.End()
	if err != nil {
		return err
	}
	return provider.Shutdown(ctx)
}

// spanHooks returns hooks that add events to the span in which a call is made.
func spanHooks() chatapi.Hooks {
	return chatapi.Hooks{
		Attempt: func(ctx context.Context, start chatapi.AttemptStart) (context.Context, func(chatapi.AttemptEnd)) {
			span := trace.SpanFromContext(ctx)
			return ctx, func(end chatapi.AttemptEnd) {
				attributes := []attribute.KeyValue{
					attribute.String("chatapi.channel", string(start.Channel)),
					attribute.String("chatapi.operation", start.Op),
					attribute.Int("chatapi.attempt", start.Number),
				}
				if end.Kind != "" {
					attributes = append(attributes, attribute.String("chatapi.kind", string(end.Kind)), attribute.Int("chatapi.code", end.Code))
				}
				if end.MessageID != "" {
					attributes = append(attributes, attribute.String("chatapi.message_id", end.MessageID))
				}
				span.AddEvent("attempt", trace.WithAttributes(attributes...))
			}
		},
		Wait: func(ctx context.Context, wait chatapi.WaitInfo) {
			trace.SpanFromContext(ctx).AddEvent("wait", trace.WithAttributes(
				attribute.String("chatapi.reason", string(wait.Reason)),
				attribute.Stringer("chatapi.duration", wait.Duration)))
		},
	}
}
