package chatapi_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

const opaqueToken = "q0w9e8r7t6y5u4i3"

// jwt returns an unsigned token whose payload names a channel.
func jwt(payload string) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"none"}`)) + "." + part([]byte(payload)) + ".c2ln"
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func reply(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

// prepared is a send that needs no message kind.
func prepared(channel chatapi.ChannelID) *chatapi.Prepared {
	return &chatapi.Prepared{Channel: channel, Operation: "sendMessage", To: chatapi.Phone("12025550143"),
		Body: json.RawMessage(`{"phone":"12025550143","body":"hi"}`)}
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}

// offline returns a client that must not use the network.
func offline(t testing.TB) *chatapi.Client {
	t.Helper()
	client, err := chatapi.New("https://api.1msg.io/ABC100000001", opaqueToken)
	require.NoError(t, err)
	return client
}

// contract returns one of the contract's examples.
func contract(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "contract", name))
	require.NoError(t, err)
	return data
}

// answering returns a client of a service that always answers the same.
func answering(t *testing.T, status int, body string) *chatapi.Client {
	t.Helper()
	client, err := chatapi.New("https://api.test/ABC1", opaqueToken, chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 1}),
		chatapi.WithHTTPClient(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) { return reply(status, body), nil })}))
	require.NoError(t, err)
	return client
}

var once = chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 1})

func networkEnd(f roundTripper) chatapi.Option {
	return chatapi.WithHTTPClient(&http.Client{Transport: f})
}

func hangs(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func instant(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}
