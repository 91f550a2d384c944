package conformance_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/chatapitest"
)

// TestFaultF2FakeKnowsTheMembersOfTheDocument: the fake knows every member that the
// OpenAPI document gives a body, at every depth, and it has no member of its own.
func TestFaultF2FakeKnowsTheMembersOfTheDocument(t *testing.T) {
	api := chatapitest.New(t)
	known := map[string][]string{}
	for _, op := range chatapitest.Operations() {
		known[op.ID] = op.Members
	}
	checked := 0
	for _, op := range document().Operations() {
		top := map[string]bool{}
		for _, path := range op.Members() {
			name, _, _ := strings.Cut(strings.ReplaceAll(path, "[]", "."), ".")
			top[name] = true
			body, err := json.Marshal(objectWith(path))
			require.NoError(t, err)
			assert.NotContains(t, answerTo(t, api, op.Method, op.Path, string(body)), "is not a known field", "%s: %s", op.ID, path)
			checked++
		}
		for _, name := range known[op.ID] {
			assert.True(t, top[name], "%s: the document has no member %q", op.ID, name)
		}
	}
	assert.Greater(t, checked, 200)

	// The members of fault F2, and neighbours at other depths and in other operations.
	for _, c := range []struct{ operation, path string }{
		{"createGroupsGroupId", "description"},
		{"createGroupsGroupId", "profile_picture_file"},
		{"sendContact", "contacts[].phones[].wa_id"},
		{"sendContact", "contacts[].addresses[].country_code"},
		{"sendTemplate", "messageActivitySharing"},
	} {
		found := false
		for _, op := range document().Operations() {
			for _, path := range op.Members() {
				found = found || op.ID == c.operation && path == c.path
			}
		}
		assert.True(t, found, "the document lacks %s of %s, or Members does not find it", c.path, c.operation)
	}
	assert.Contains(t, answerTo(t, api, "POST", "/groups/17", `{"describe":"x"}`), "is not a known field", "a misspelt member is still refused")
	assert.Contains(t, answerTo(t, api, "POST", "/sendContact", `{"contacts":[{"phones":[{"waid":"x"}]}]}`), "is not a known field")
}

// objectWith returns an object with a member at a path. A list has two items, because
// some need that many.
func objectWith(path string) any {
	name, rest, deeper := strings.Cut(path, ".")
	name, list := strings.CutSuffix(name, "[]")
	var value any
	if deeper {
		value = objectWith(rest)
	}
	if list {
		value = []any{value, value}
	}
	return map[string]any{name: value}
}

func answerTo(t *testing.T, api *chatapitest.API, method, path, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, api.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+api.Token)
	r.Header.Set("Content-Type", "application/json")
	resp, err := api.Transport.RoundTrip(r)
	require.NoError(t, err)
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return string(answer)
}
