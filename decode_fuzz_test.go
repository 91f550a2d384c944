package chatapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

func FuzzParseWebhook(f *testing.F) {
	names, err := filepath.Glob("testdata/contract/webhook-*.json")
	require.NoError(f, err)
	raw, err := filepath.Glob("testdata/contract/raw/*.json")
	require.NoError(f, err)
	for _, name := range append(names, raw...) {
		f.Add(readFile(f, name))
	}
	f.Add([]byte(`{"type":"calls","value":{"calls":[{}],"errors":[{}]}}`))
	f.Add([]byte("{\"messages\":[{\"body\":\"\xff\",\"body\":1}],\"ack\":{}}"))
	for _, shape := range hostileBodies() {
		f.Add(shape.document(3))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		events, err := chatapi.ParseWebhook(body)
		require.Equal(t, before, body, "ParseWebhook does not change the body")
		if _, ok := errors.AsType[*chatapi.Error](err); ok {
			require.Empty(t, events)
			return
		}
		if json.Valid(body) && len(bytes.TrimSpace(body)) > 0 && bytes.TrimSpace(body)[0] == '{' && len(events) == 0 && err == nil {
			// Only a body whose known arrays are empty may have no event and no error.
			require.Regexp(t, `"(\\u[0-9a-fA-F]{4}|.)+"\s*:\s*(null|\[\s*\])`, string(body))
		}
		for _, e := range events {
			require.NotEmpty(t, e.Key())
			require.NotEmpty(t, e.Info().Wire)
			require.True(t, bytes.Contains(body, e.Info().Raw))
		}
		if bad, ok := errors.AsType[*chatapi.ParseError](err); ok {
			require.NotEmpty(t, bad.Elements)
			for _, element := range bad.Elements {
				require.NotEmpty(t, element.Path)
				require.Error(t, element.Err)
				require.True(t, bytes.Contains(body, element.Raw))
			}
		}
	})
}
