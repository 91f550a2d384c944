package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSpansShowNoToken(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out))
	spans := out.String()

	assert.NotContains(t, spans, token)
	assert.NotContains(t, spans, "token=")
	assert.NotContains(t, spans, "12025550143")
	assert.NotContains(t, spans, "It is!")
	assert.Equal(t, 2, bytes.Count(out.Bytes(), []byte(`"Name": "HTTP POST"`)), "a span for each attempt: %s", spans)
	for _, part := range []string{"/sendMessage", "answer a customer", "chatapi.message_id", "rate_limited", `"retry"`} {
		assert.Contains(t, spans, part)
	}
}
