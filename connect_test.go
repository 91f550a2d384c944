package chatapi_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// channel is the service behind Connect. The map answers replaces single replies.
type channel struct {
	webhooks []string
	answers  map[string]*http.Response
}

func (c *channel) RoundTrip(r *http.Request) (*http.Response, error) {
	if resp := c.answers[r.URL.Path]; resp != nil {
		return resp, nil
	}
	switch r.Method + r.URL.Path {
	case "GET/ABC1/status":
		return reply(200, `{"status":"connected","accountStatus":"authenticated"}`), nil
	case "GET/ABC1/me":
		return reply(200, `{"phone":"12025550100","about":"Open 9-18","websites":["https://www.example.com"]}`), nil
	case "GET/ABC1/templates":
		return reply(200, `{"total":2,"templates":[{"id":"1","name":"a","language":"en","status":"approved","components":[]},{"id":"2","name":"b","language":"en","status":"PENDING","components":[]}]}`), nil
	case "GET/ABC1/webhook":
		data, err := json.Marshal(map[string]any{"webhookUrl": c.webhooks})
		return reply(200, string(data)), err
	case "POST/ABC1/webhook":
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		var many struct {
			URLs []string `json:"webhookUrl"`
		}
		var one struct {
			URL string `json:"webhookUrl"`
		}
		if json.Unmarshal(data, &many) == nil {
			c.webhooks = many.URLs
		} else if json.Unmarshal(data, &one) == nil {
			c.webhooks = []string{one.URL}
		}
		return reply(200, `{"set":true}`), nil
	}
	return reply(404, `{"error":"Method not found"}`), nil
}

func connecting(t *testing.T, network http.RoundTripper) *chatapi.Client {
	t.Helper()
	client, err := chatapi.New("https://api.test/ABC1", opaqueToken, chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 1}),
		chatapi.WithHTTPClient(&http.Client{Transport: network}))
	require.NoError(t, err)
	return client
}

func TestConnect(t *testing.T) {
	service := &channel{webhooks: []string{"https://vendor.example/inbox"}}
	client := connecting(t, service)
	for range 2 { // a second Connect changes nothing
		var told []chatapi.Step
		conn, err := client.Connect(t.Context(), chatapi.ConnectOptions{WebhookURL: "https://desk.example/hooks/ABC1/s3cret",
			Step: func(s chatapi.Step) { told = append(told, s) }})
		require.NoError(t, err)
		assert.Equal(t, conn.Steps, told, "each step is told when it is over")
		assert.Equal(t, "Connection successfully established: channel ABC1, +1 202 555 0100, 2 templates, 2 webhooks", conn.String())
		assert.Equal(t, []string{"https://vendor.example/inbox", "https://desk.example/hooks/ABC1/s3cret"}, conn.Webhooks)
		assert.Equal(t, 1, conn.Approved)
		var names []string
		for _, step := range conn.Steps {
			names = append(names, step.Name)
			assert.NoError(t, step.Err)
			assert.NotEmpty(t, step.Sentence)
		}
		assert.Equal(t, []string{"channel", "profile", "templates", "webhooks"}, names)
	}
	before := service.webhooks
	conn, err := client.Connect(t.Context(), chatapi.ConnectOptions{})
	require.NoError(t, err)
	assert.Equal(t, before, conn.Webhooks, "Connect without an address leaves the webhooks alone")
}

// Each problem has its own sentence.
func TestConnectSaysWhatIsWrong(t *testing.T) {
	at := func(path string, status int, body string) http.RoundTripper {
		return &channel{answers: map[string]*http.Response{"/ABC1/" + path: reply(status, body)}}
	}
	sentences := map[string]string{}
	for _, tc := range []struct {
		name    string
		network http.RoundTripper
		steps   int
		kind    chatapi.ErrorKind
		says    string
	}{
		{"wrong token", at("status", 401, `{"error":"invalid or expired token"}`), 1, chatapi.ErrUnauthorized,
			"Not connected: The token of channel ABC1 is wrong or has expired."},
		{"token of another channel", at("status", 401, `{"error":"Wrong token \"x\" for channel \"ABC1\". Please provide token as a GET parameter."}`), 1, chatapi.ErrWrongChannel,
			"Not connected: The token does not belong to channel ABC1."},
		{"blocked subscription", at("status", 403, "Channel subscription is blocked"), 1, chatapi.ErrBlocked,
			"Not connected: Channel ABC1 is blocked or restricted: Channel subscription is blocked."},
		{"unreachable host", http.DefaultTransport, 1, chatapi.ErrUnreachable, "Not connected: 127.0.0.1:1 could not be reached."},
		{"wrong URL", at("status", 404, `{"error":"Method not found"}`), 1, chatapi.ErrNotFound,
			"Not connected: There is no Chat API channel at https://api.test/ABC1."},
		{"a web page", at("status", 200, "<html><title>Welcome</title></html>"), 1, chatapi.ErrNotFound,
			"Not connected: api.test did not answer like Chat API."},
		{"not connected", at("status", 200, `{"status":"disconnected"}`), 1, chatapi.ErrBlocked, "Not connected: Channel ABC1 is disconnected."},
		{"still connecting", at("status", 200, `{"status":"connecting"}`), 1, chatapi.ErrUnavailable, "Not connected: Channel ABC1 is still connecting."},
		{"templates fail", at("templates", 200, `{"response":{"error":"no account"}}`), 3, chatapi.ErrRefused, "Not connected: The service refused: no account."},
		{"no room for a webhook", &channel{webhooks: []string{"https://a.example", "https://b.example", "https://c.example", "https://d.example", "https://e.example"}}, 4, chatapi.ErrInvalid,
			"Not connected: The webhook address is one too many: a channel takes at most 5."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client := connecting(t, tc.network)
			if tc.name == "unreachable host" {
				var err error
				client, err = chatapi.New("http://127.0.0.1:1/ABC1", opaqueToken, chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 1}))
				require.NoError(t, err)
			}
			var last chatapi.Step
			conn, err := client.Connect(t.Context(), chatapi.ConnectOptions{WebhookURL: "https://desk.example/s3cret",
				Step: func(s chatapi.Step) { last = s }})
			assert.ErrorIs(t, err, tc.kind)
			require.Len(t, conn.Steps, tc.steps)
			assert.Equal(t, conn.Steps[tc.steps-1], last, "the failed step is told too")
			assert.Equal(t, err, conn.Steps[tc.steps-1].Err)
			assert.Equal(t, tc.says, conn.String())
			assert.Empty(t, sentences[conn.String()], "another problem has the same sentence")
			sentences[conn.String()] = tc.name
		})
	}
	var none *chatapi.Client
	conn, err := none.Connect(context.Background(), chatapi.ConnectOptions{})
	assert.ErrorIs(t, err, chatapi.ErrInvalid)
	assert.Contains(t, conn.String(), "Not connected")
}

// A channel in a state in which it cannot send is an error, in any spelling of
// the state.
func TestConnectToAChannelThatIsNotReady(t *testing.T) {
	for status, want := range map[string]struct {
		kind  chatapi.ErrorKind
		retry chatapi.RetryClass
	}{
		"disconnected":  {chatapi.ErrBlocked, chatapi.RetryFix},
		"uninitialized": {chatapi.ErrBlocked, chatapi.RetryFix},
		"unregistered":  {chatapi.ErrBlocked, chatapi.RetryFix},
		"UNREGISTERED":  {chatapi.ErrBlocked, chatapi.RetryFix},
		"connecting":    {chatapi.ErrUnavailable, chatapi.RetryBackoff},
		"Connecting":    {chatapi.ErrUnavailable, chatapi.RetryBackoff},
	} {
		service := &channel{answers: map[string]*http.Response{"/ABC1/status": reply(200, `{"status":"`+status+`"}`)}}
		conn, err := connecting(t, service).Connect(t.Context(), chatapi.ConnectOptions{WebhookURL: "https://desk.example/s3cret"})
		var e *chatapi.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, want.kind, e.Kind, status)
		assert.Equal(t, want.retry, e.Retry, status)
		assert.Equal(t, "Connect", e.Op)
		assert.Contains(t, e.Sentence, strings.ToLower(status))
		assert.JSONEq(t, `{"status":"`+status+`"}`, string(e.Raw))
		assert.Equal(t, status, conn.Status, "the status keeps the spelling of the service")
		assert.Empty(t, service.webhooks, "the webhooks are unchanged")
	}
}

// Each row has the sentences that an operator reads.
func TestSentencesOfAConnection(t *testing.T) {
	const one = `{"total":1,"templates":[{"id":"1","name":"a","language":"en","status":"approved","components":[]}]}`
	for _, tc := range []struct {
		name, status, profile, templates string
		webhooks                         []string
		says                             string
		steps                            []string
	}{
		{"one of each", `{"status":"connected"}`, `{"phone":"12025550100"}`, one, []string{"https://desk.example/a"},
			"Connection successfully established: channel ABC1, +1 202 555 0100, 1 template, 1 webhook",
			[]string{"Channel ABC1 is connected.", "Its number is +1 202 555 0100.", "It has 1 template, 1 approved.", "Events go to 1 address."}},
		{"nothing yet", `{"status":""}`, `{"about":"hi"}`, `{"total":0,"templates":[]}`, nil,
			"Connection successfully established: channel ABC1, number unknown, 0 templates, 0 webhooks",
			[]string{"Channel ABC1 is there.", "The profile has no number.", "It has 0 templates, 0 approved.", "Events go to 0 addresses."}},
		{"a number of 11 digits elsewhere", `{"status":"connected"}`, `{"phone":"44205550100"}`, one, nil,
			"Connection successfully established: channel ABC1, +44205550100, 1 template, 0 webhooks",
			[]string{"Channel ABC1 is connected.", "Its number is +44205550100.", "It has 1 template, 1 approved.", "Events go to 0 addresses."}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			service := &channel{webhooks: tc.webhooks, answers: map[string]*http.Response{
				"/ABC1/status": reply(200, tc.status), "/ABC1/me": reply(200, tc.profile), "/ABC1/templates": reply(200, tc.templates)}}
			conn, err := connecting(t, service).Connect(t.Context(), chatapi.ConnectOptions{})
			require.NoError(t, err)
			assert.Equal(t, tc.says, conn.String())
			var steps []string
			for _, step := range conn.Steps {
				steps = append(steps, step.Sentence)
			}
			assert.Equal(t, tc.steps, steps)
		})
	}
	var none *chatapi.Connection
	assert.Equal(t, "Not connected.", none.String())
	assert.Equal(t, "Not connected.", new(chatapi.Connection).String())
}
