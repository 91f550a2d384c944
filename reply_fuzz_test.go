package chatapi_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// FuzzReply answers calls with any reply. Each error is an [chatapi.Error] with a
// short text that says something.
func FuzzReply(f *testing.F) {
	for _, r := range hostileReplies() {
		f.Add(200, r.document(3))
		f.Add(400, r.document(1))
	}
	f.Add(200, []byte(`{"sent":true,"id":"wamid.1","error":[{"code":131047,"error_data":{"details":"x"}},[["y"]]]}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 200 || status > 599 || status >= 300 && status < 400 {
			return
		}
		client := answering(t, status, string(body))
		_, sending := client.SendPrepared(t.Context(), prepared("ABC1"))
		_, reading := client.Profile.Get(t.Context())
		errs := []error{sending, reading}
		for _, err := range client.Templates.All(t.Context()) {
			errs = append(errs, err)
		}
		for _, err := range client.Messages.All(t.Context(), chatapi.HistoryFilter{}) {
			errs = append(errs, err)
		}
		for _, err := range errs {
			if err == nil {
				continue
			}
			e, ok := errors.AsType[*chatapi.Error](err)
			require.True(t, ok, "%T", err)
			require.NotEmpty(t, e.Kind)
			require.LessOrEqual(t, len([]rune(e.Reason)), 1001)
			require.NotEmpty(t, e.Sentence)
		}
	})
}
