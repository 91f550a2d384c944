package chatapitest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

func TestTokens(t *testing.T) {
	api := chatapitest.New(t, chatapitest.Channel("ABC100000001"))
	other := api.OtherChannel("ABC100000002")
	ask := func(channel, query, bearer string) (int, string) {
		r := httptest.NewRequest(http.MethodGet, "https://chatapi.test/"+channel+"/status"+query, nil)
		if bearer != "" {
			r.Header.Set("Authorization", bearer)
		}
		resp, err := api.Transport.RoundTrip(r)
		require.NoError(t, err)
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	connected := `{"accountStatus":"authenticated","mm_lite_available":false,"status":"connected"}`
	for _, test := range []struct {
		name, channel, query, bearer string
		status                       int
		body                         string
	}{
		{"query", "ABC100000001", "?token=" + api.Token, "", 200, connected},
		{"header", "ABC100000001", "", "Bearer " + api.Token, 200, connected},
		{"query beats header", "ABC100000001", "?token=nonsense", "Bearer " + api.Token, 401, `{"error":"invalid or expired token"}`},
		{"query beats a bad header", "ABC100000001", "?token=" + api.Token, "Bearer nonsense", 200, connected},
		{"no token", "ABC100000001", "", "", 401, `{"error":"unauthorized"}`},
		{"other scheme", "ABC100000001", "", "Basic " + api.Token, 401, `{"error":"unauthorized"}`},
		{"of another channel", "ABC100000001", "?token=" + other, "", 401,
			`{"error":"Wrong token \"` + other + `\" for channel \"ABC100000001\". Please provide token as a GET parameter."}`},
		{"on another channel", "ABC100000009", "?token=" + api.Token, "", 401,
			`{"error":"Wrong token \"` + api.Token + `\" for channel \"ABC100000009\". Please provide token as a GET parameter."}`},
		{"no channel", "", "?token=" + api.Token, "", 401, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, body := ask(test.channel, test.query, test.bearer)
			assert.Equal(t, test.status, status)
			if test.body != "" {
				assert.JSONEq(t, test.body, body)
			}
		})
	}

	t.Run("in the body", func(t *testing.T) {
		r := httptest.NewRequest(http.MethodPost, api.URL+"/removeTemplate", strings.NewReader(`{"name":"x","token":"`+api.Token+`"}`))
		r.Header.Set("Authorization", "Bearer nonsense")
		resp, err := api.Transport.RoundTrip(r)
		require.NoError(t, err)
		assert.Equal(t, 200, resp.StatusCode)
	})
	t.Run("given as an option", func(t *testing.T) {
		api := chatapitest.New(t, chatapitest.Token("my-token"))
		api.SetStatus("disconnected")
		_, body := request(t, api, "GET", "status", "")
		assert.Contains(t, body, `"status":"disconnected"`)
		assert.Equal(t, "my-token", api.Token)
	})
}

func TestExpiredTokenAndBlockedSubscription(t *testing.T) {
	api := chatapitest.New(t)
	api.ExpireToken()
	status, body := request(t, api, "GET", "status", "")
	assert.Equal(t, 401, status)
	assert.JSONEq(t, `{"error":"invalid or expired token"}`, body)
	api.RenewToken()
	status, _ = request(t, api, "GET", "status", "")
	assert.Equal(t, 200, status)

	api.Block("")
	status, body = request(t, api, "GET", "status", "")
	assert.Equal(t, 403, status)
	assert.Equal(t, "Channel subscription is blocked", body)
	api.Unblock()
	status, _ = request(t, api, "GET", "status", "")
	assert.Equal(t, 200, status)
}

func TestUnknownOperation(t *testing.T) {
	api := chatapitest.New(t)
	for _, path := range []string{"sendEverything", "message", "", "templates/1"} {
		status, body := request(t, api, "POST", path, `{}`)
		assert.Equal(t, 404, status, path)
		assert.JSONEq(t, `{"error":"Method not found"}`, body)
	}
	status, _ := request(t, api, "GET", "sendMessage", "")
	assert.Equal(t, 404, status, "the operation has another HTTP method")
}

func TestFormBody(t *testing.T) {
	api := chatapitest.New(t)
	api.Customer(ann).Says("hi")
	r := httptest.NewRequest("POST", api.URL+"/sendMessage?token="+api.Token, strings.NewReader("phone=12025550143&body=a+b"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := api.Transport.RoundTrip(r)
	require.NoError(t, err)
	assert.Equal(t, 200, resp.StatusCode)
	assert.Equal(t, "a b", api.Customer(ann).LastReceived().Text)
}

func TestTransport(t *testing.T) {
	api := chatapitest.New(t)
	client := &http.Client{Transport: api.Transport}

	t.Run("another host", func(t *testing.T) {
		_, err := client.Get("https://elsewhere.test/ABC100000001/status")
		assert.ErrorContains(t, err, "no such host")
		sdk, err := chatapi.New("https://elsewhere.test/ABC100000001", "tok-0001", chatapi.WithHTTPClient(client))
		require.NoError(t, err)
		_, err = sdk.Channel.GetStatus(t.Context())
		assert.ErrorIs(t, err, chatapi.ErrUnreachable)
	})
	t.Run("a context that has ended", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r, _ := http.NewRequestWithContext(ctx, "GET", api.URL+"/status?token="+api.Token, nil)
		_, err := api.Transport.RoundTrip(r)
		assert.ErrorIs(t, err, context.Canceled)
		assert.Empty(t, api.Calls())
	})
	t.Run("a context that ends while waiting", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			api := chatapitest.New(t)
			api.Fail(chatapitest.Fault{Delay: time.Hour})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			r, _ := http.NewRequestWithContext(ctx, "GET", api.URL+"/status?token="+api.Token, nil)
			began := time.Now()
			_, err := api.Transport.RoundTrip(r)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, time.Minute, time.Since(began))
		})
	})
	t.Run("after Close", func(t *testing.T) {
		api := chatapitest.New(t)
		api.Close()
		_, err := api.Client().Channel.GetStatus(t.Context())
		assert.ErrorIs(t, err, chatapi.ErrUnreachable)
		assert.NotEmpty(t, api.Customer(ann).Says("is anybody there?"))
		api.Close()
	})
	t.Run("a body that breaks", func(t *testing.T) {
		broken := errors.New("broken")
		r, _ := http.NewRequest("POST", api.URL+"/sendMessage", io.MultiReader(strings.NewReader("{"), errReader{broken}))
		_, err := api.Transport.RoundTrip(r)
		assert.ErrorIs(t, err, broken)
	})
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func TestRealPort(t *testing.T) {
	api := chatapitest.New(t)
	address, err := api.Listen()
	require.NoError(t, err)
	client, err := chatapi.New(address, api.Token, chatapi.WithBearerToken())
	require.NoError(t, err)
	server := httptest.NewServer(bot(client))
	defer server.Close()

	conn, err := client.Connect(t.Context(), chatapi.ConnectOptions{WebhookURL: server.URL + "/s3cret"})
	require.NoError(t, err)
	assert.Contains(t, conn.String(), "Connection successfully established")
	customer := api.Customer(ann)
	customer.Says("hi")
	assert.Equal(t, "Hello Ann", customer.LastReceived().Text)
	assert.Empty(t, api.Undelivered())
	assert.Len(t, api.Delivered(), 4)

	api.Fail(chatapitest.Fault{Operation: "sendMessage", Accepted: true, Drop: true})
	_, err = client.Send(t.Context(), customer.Recipient(), chatapi.Text{Body: "once"})
	assert.ErrorIs(t, err, chatapi.ErrOutcomeUnknown)
	api.Fail(chatapitest.Fault{Operation: "sendMessage", Cut: true})
	_, err = client.Send(t.Context(), customer.Recipient(), chatapi.Text{Body: "twice"})
	assert.ErrorIs(t, err, chatapi.ErrOutcomeUnknown)
	assert.Len(t, customer.Received(), 3)

	customer.Sends(chatapitest.File{Name: "a.png", Data: []byte("png")})
	var row struct{ Messages []struct{ Body, Type string } }
	for _, d := range api.Delivered() {
		if strings.Contains(string(d.Body), `"image"`) {
			require.NoError(t, json.Unmarshal(d.Body, &row))
		}
	}
	require.Len(t, row.Messages, 1)
	resp, err := http.Get(row.Messages[0].Body)
	require.NoError(t, err)
	defer resp.Body.Close()
	assert.Equal(t, "image/png", resp.Header.Get("Content-Type"), "the real port serves the file as well")

	// Inside a handler behind a real connection, too, an act only queues.
	var once sync.Once
	talking := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		once.Do(func() { api.Customer("12025550144").Says("me too") })
	}))
	defer talking.Close()
	api.Webhook(talking.URL, nil)
	customer.Says("well?")
	assert.Equal(t, "Hello Ben", api.Customer("12025550144").LastReceived().Text)
}
