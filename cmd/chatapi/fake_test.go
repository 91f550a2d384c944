package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The page, the requests below /sim/ and the API are at one port.
func TestPageSimAndAPI(t *testing.T) {
	server, hook := listening(t)
	r := start(t, "-hook", hook)
	serve(server, shop(r.client()))
	ask := func(method, path, body string, header ...string) (status int, text string) {
		q, err := http.NewRequestWithContext(t.Context(), method, r.page+path, strings.NewReader(body))
		require.NoError(t, err)
		q.Header.Set("Content-Type", "application/json")
		for i := 0; i < len(header); i += 2 {
			q.Header.Set(header[i], header[i+1])
		}
		resp, err := http.DefaultClient.Do(q)
		require.NoError(t, err)
		defer resp.Body.Close()
		read, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(read)
	}
	status, text := ask(http.MethodPost, "sim/customers/12025550143/says", `{"text": "order"}`)
	assert.Equal(t, http.StatusOK, status, text)
	_, text = ask(http.MethodGet, "sim/wait?to=12025550143", "")
	assert.Contains(t, text, "Which size?")
	status, text = ask(http.MethodGet, "", "")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, text, "Which size?")
	status, text = ask(http.MethodGet, "ABC100000001/status?token="+r.token, "")
	assert.Equal(t, http.StatusOK, status, text)

	// A page of another site gets nowhere.
	for _, path := range []string{"sim/customers/12025550143/says", "act", "ABC100000001/sendMessage?token=" + r.token} {
		for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
			status, _ = ask(http.MethodPost, path, `{"text": "forged"}`, header...)
			assert.Equal(t, http.StatusForbidden, status, "%s %v", path, header)
		}
	}
	_, text = ask(http.MethodGet, "sim/transcript", "")
	assert.NotContains(t, text, "forged")
	r.interrupt()
	assert.Equal(t, exitWell, r.end(), r.said())
	assert.Empty(t, r.said())
}
