package chatapitest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

const ann = "12025550143"

// request makes a request in memory without the SDK and returns the status and
// body of the answer.
func request(t *testing.T, api *chatapitest.API, method, path, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, api.URL+"/"+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+api.Token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := api.Transport.RoundTrip(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(data)
}

// recorder is a testing.TB that keeps failures instead of failing the test.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	failures []string
	logs     []string
	cleanups []func()
}

func (r *recorder) Helper()             {}
func (r *recorder) Logf(string, ...any) {}
func (r *recorder) Cleanup(f func())    { r.cleanups = append(r.cleanups, f) }

func (r *recorder) Error(args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range args {
		if err, ok := a.(error); ok {
			r.failures = append(r.failures, err.Error())
		}
	}
}

func (r *recorder) Errorf(format string, args ...any) { r.Error(fmt.Errorf(format, args...)) }

// Fatalf ends the goroutine, as that of a test does; see fatal.
func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Log(args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.logs = append(r.logs, fmt.Sprint(args...))
}

func (r *recorder) Failed() bool { return r.text() != "" }

// fatal runs f, which must end a test, and returns the failures of that test.
func fatal(t *testing.T, f func(*recorder)) string {
	t.Helper()
	r := &recorder{TB: t}
	done, ended := make(chan struct{}), true
	go func() {
		defer close(done)
		f(r)
		ended = false
	}()
	<-done
	assert.True(t, ended, "the test must end at once")
	return r.text()
}

func (r *recorder) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.failures, "\n")
}

// recorded returns a fake whose failures go to a recorder.
func recorded(t *testing.T, opts ...chatapitest.Option) (*chatapitest.API, *recorder) {
	r := &recorder{TB: t}
	api := chatapitest.New(r, opts...)
	t.Cleanup(func() {
		for _, f := range slices.Backward(r.cleanups) {
			f()
		}
	})
	return api, r
}

// sample reads a webhook sample of the contract and replaces its ids.
func sample(t *testing.T, name string, replace ...string) string {
	t.Helper()
	data, err := os.ReadFile("../testdata/contract/" + name)
	require.NoError(t, err)
	return strings.NewReplacer(replace...).Replace(string(data))
}

const hookURL = "https://bot.test/hooks/s3cret"

// bot returns a webhook handler that answers every message.
func bot(client *chatapi.Client) http.Handler {
	return chatapi.NewWebhookHandler(func(ctx context.Context, ev chatapi.Event) error {
		if ev, ok := ev.(*chatapi.MessageEvent); ok {
			_, err := client.Send(ctx, ev.AnswerTo(), chatapi.Text{Body: "Hello " + ev.From.Name}, chatapi.ReplyTo(ev.ID))
			return err
		}
		return nil
	}, chatapi.WebhookSecret("s3cret"))
}

// listener is a webhook handler that keeps the events it gets.
type listener struct {
	mu     sync.Mutex
	events []chatapi.Event
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	chatapi.NewWebhookHandler(func(_ context.Context, ev chatapi.Event) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.events = append(l.events, ev)
		return nil
	}, chatapi.WebhookAcceptUnauthenticated()).ServeHTTP(w, r)
}

// keys returns each event in a word or two.
func (l *listener) keys() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var keys []string
	for _, ev := range l.events {
		switch ev := ev.(type) {
		case *chatapi.MessageEvent:
			keys = append(keys, "message "+ev.Text)
		case *chatapi.EchoEvent:
			keys = append(keys, "echo "+ev.Text)
		case *chatapi.StatusEvent:
			keys = append(keys, string(ev.Status))
		default:
			keys = append(keys, fmt.Sprintf("%T", ev))
		}
	}
	return keys
}

func (l *listener) last() chatapi.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.events) == 0 {
		return nil
	}
	return l.events[len(l.events)-1]
}
