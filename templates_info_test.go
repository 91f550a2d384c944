package chatapi_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// A template that was read does not refer to the bytes it was read from, which
// a decoder uses again.
func TestTemplateInfoKeepsNothingOfTheBuffer(t *testing.T) {
	const wire = `{"id":"31","name":"order_update","language":{"code":"en"},"namespace":"n1","category":"UTILITY","status":"APPROVED","components":[
		{"type":"HEADER","format":"IMAGE","example":{"header_handle":["4::aW"]}},
		{"type":"BODY","text":"Hello {{1}}","example":{"body_text":[["Pat"]]},"add_security_recommendation":true},
		{"type":"BUTTONS","buttons":[{"type":"FLOW","text":"Book","flow_id":"21","example":{"a":1}}]}]}`
	var want, got chatapi.TemplateInfo
	require.NoError(t, want.UnmarshalJSON([]byte(wire)))
	buffer := []byte(wire)
	require.NoError(t, got.UnmarshalJSON(buffer))
	copy(buffer, bytes.Repeat([]byte("x"), len(buffer)))
	assert.Equal(t, wire, string(got.Raw))
	assert.Equal(t, want, got)
}

// A draft can be changed and submitted again.
func TestTemplateInfoKeepsNothingOfTheDraft(t *testing.T) {
	d := draft()
	info, err := serving(t, always(`{"id":"31"}`)).Templates.Create(t.Context(), d)
	require.NoError(t, err)
	d.Components[1].Text = "Goodbye {{1}}, order {{2}} is gone."
	d.Components[0], d.Components[2] = d.Components[2], d.Components[0]
	assert.Equal(t, draft().Components, info.Components)
	assert.Equal(t, json.RawMessage(`{"id":"31"}`), info.Raw)
}
