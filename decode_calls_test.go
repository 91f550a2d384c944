package chatapi_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// A calls body may hold calls at its root and in "value"; both are read.
func TestParseWebhookCallsInTwoPlaces(t *testing.T) {
	const root, value = `"calls":[{"id":"c1","event":"connect"}]`, `"value":{"calls":[{"id":"c2","event":"connect"}]}`
	for _, members := range []string{root + "," + value, value + "," + root} {
		events, err := chatapi.ParseWebhook([]byte(`{"type":"calls",` + members + `}`))
		require.NoError(t, err)
		assert.Len(t, events, 2, members)
	}
}

// Both sides of a call are completed from the contacts.
func TestParseWebhookCallPeople(t *testing.T) {
	e := one[*chatapi.CallEvent](t, cloud("calls", `{"contacts":[{"wa_id":"12025550143","profile":{"name":"Ann"}},{"wa_id":"12025550100","profile":{"name":"Shop"}}],
		"calls":[{"id":"c","event":"connect","from":"12025550100","to":"12025550143"}]}`))
	assert.Equal(t, "Shop", e.From.Name)
	assert.Equal(t, "Ann", e.To.Name)
}

func TestParseWebhookCallDuration(t *testing.T) {
	for raw, want := range map[string]time.Duration{
		`1`: time.Second, `"90"`: 90 * time.Second, `31535999`: 31535999 * time.Second,
		`0`: 0, `-1`: 0, `31536000`: 0, `9223372036854775807`: 0, `"long"`: 0,
	} {
		e := one[*chatapi.CallEvent](t, cloud("calls", `{"calls":[{"id":"c","event":"terminate","duration":`+raw+`}]}`))
		assert.Equal(t, want, e.Duration, raw)
	}
}
