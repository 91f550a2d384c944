package chatapitest_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// A page and the fake share a port: the page gets what is not the fake's.
func TestListenAtServesOthers(t *testing.T) {
	api := chatapitest.New(t)
	second := api.AddChannel("DESK1")
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("page " + r.URL.Path)) })
	apiURL, err := api.ListenAt("127.0.0.1:0", page)
	require.NoError(t, err)
	address := strings.TrimSuffix(apiURL, "/ABC100000001")
	require.NotEqual(t, apiURL, address)
	assert.Equal(t, apiURL, api.Info().URL)

	get := func(path, host, token string) (status int, body string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+path, nil)
		require.NoError(t, err)
		r.Host = host
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(text)
	}
	for _, path := range []string{"/", "/sim/acts", "/ABC10000000", "/abc100000001/status", "/mediation/x"} {
		_, body := get(path, "", "")
		assert.Equal(t, "page "+path, body)
	}
	for path, status := range map[string]int{
		"/ABC100000001/status":                        401,
		"/ABC100000001/status?token=" + api.Token:     200,
		"/DESK1/status?token=" + second.Token:         200,
		"/ABC100000002/status?token=" + api.Token:     401, // a wrong API URL is answered as the service does
		"/media/none.jpg":                             404,
		"/sim/ABC100000001/status?token=" + api.Token: 401,
	} {
		got, body := get(path, "", "")
		assert.Equal(t, status, got, path)
		assert.NotContains(t, body, "page ")
	}
	status, body := get("/ABC100000002/status", "", api.Token)
	assert.Equal(t, 401, status, body)
	status, body = get("/", "evil.example", "")
	assert.Equal(t, 403, status)
	assert.NotContains(t, body, "page ")

	_, err = api.ListenAt(strings.TrimPrefix(address, "http://"), nil)
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	assert.Contains(t, err.Error(), "chatapitest: ListenAt: ")
}

// At an address that other machines reach, the port answers for every host, and the links
// to files lead there.
func TestListenAtForOthers(t *testing.T) {
	api := chatapitest.New(t)
	apiURL, err := api.ListenAt(":0", nil)
	require.NoError(t, err)
	assert.NotContains(t, apiURL, "[::]")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, apiURL+"/status?token="+api.Token, nil)
	require.NoError(t, err)
	r.Host = "fake.example"
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusOK, resp.StatusCode)

	files := make(chan string, 1)
	api.Webhook("https://bot.test/s3cret", chatapi.NewWebhookHandler(func(_ context.Context, e chatapi.Event) error {
		if m, ok := e.(*chatapi.MessageEvent); ok {
			files <- m.Media.URL
		}
		return nil
	}, chatapi.WebhookSecret("s3cret")))
	api.Customer("12025550143").Sends(chatapitest.File{Name: "cat.jpg"})
	assert.True(t, strings.HasPrefix(<-files, strings.TrimSuffix(apiURL, "ABC100000001")+"media/"))

	api.Close()
	_, err = api.ListenAt("127.0.0.1:0", nil)
	require.ErrorContains(t, err, "the fake is closed")
}
