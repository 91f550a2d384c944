package chatapi_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// What the contract's examples of send replies and errors mean, as the reply to
// a send and, where that differs, as the reply to a read.
var replyMeanings = map[string]struct {
	send chatapi.ErrorKind // empty: accepted or queued
	read chatapi.ErrorKind // empty: as for a send
}{
	"response-send-ok.json":                      {"", "-"},
	"response-send-ok-minimal.json":              {"", "-"},
	"response-send-queued.json":                  {"", "-"},
	"response-send-queued-numeric-job.json":      {"", "-"},
	"response-send-rejected.json":                {chatapi.ErrWindowClosed, "-"},
	"response-send-rejected-string-flag.json":    {chatapi.ErrRefused, "-"},
	"response-send-rejected-graph-code.json":     {chatapi.ErrWindowClosed, ""},
	"response-send-no-sent-flag.json":            {chatapi.ErrTemplate, ""},
	"response-send-address-unsupported.json":     {chatapi.ErrInvalid, "-"},
	"response-wrapped-upstream-error-text.json":  {chatapi.ErrUnsupported, ""},
	"response-wrapped-upstream-error-graph.json": {chatapi.ErrInvalid, ""},
	"response-upstream-error-200.json":           {chatapi.ErrInvalid, ""},
	"response-group-create-error.json":           {chatapi.ErrRefused, ""},
	"error-400-closed-window.json":               {chatapi.ErrWindowClosed, ""},
	"error-400-template-undefined.json":          {chatapi.ErrTemplate, ""},
	"error-400-bsuid-disabled.json":              {chatapi.ErrRecipient, ""},
	"error-400-username-unknown.json":            {chatapi.ErrRecipient, ""},
	"error-401-wrong-token.json":                 {chatapi.ErrWrongChannel, ""},
	"error-401-expired-token.json":               {chatapi.ErrUnauthorized, ""},
	"error-403-plain-text.json":                  {chatapi.ErrBlocked, ""},
	"error-404-unknown-method.json":              {chatapi.ErrNotFound, ""},
	"error-422-nothing-to-update.json":           {chatapi.ErrInvalid, ""},
	"error-429-rate-limit.json":                  {chatapi.ErrRateLimited, ""},
	"error-500-upstream.json":                    {chatapi.ErrOutcomeUnknown, chatapi.ErrUnavailable},
	"error-501-flows.json":                       {chatapi.ErrUnsupported, ""},
}

func TestContractRefusals(t *testing.T) {
	var index struct {
		Files map[string]struct {
			Schema      string
			OperationID string `json:"operationId"`
			Status      int    `json:"httpStatus"`
			ContentType string `json:"contentType"`
		}
	}
	data, err := os.ReadFile("testdata/contract/index.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &index))
	for file, about := range index.Files {
		refusals := []string{"SendResponse", "ErrorResponse", "PlainText", "WrappedError"}
		if !slices.Contains(refusals, about.Schema) && !strings.Contains(file, "error") || strings.HasPrefix(file, "request-") || strings.HasPrefix(file, "webhook-") {
			continue
		}
		t.Run(file, func(t *testing.T) {
			want, known := replyMeanings[file]
			require.True(t, known, "say what this example means")
			body, err := os.ReadFile(filepath.Join("testdata/contract", file))
			require.NoError(t, err)
			if about.ContentType == "text/plain" {
				var text string
				require.NoError(t, json.Unmarshal(body, &text))
				body = []byte(text)
			}
			client := answering(t, about.Status, string(body))

			receipt, err := client.SendPrepared(t.Context(), prepared("ABC1"))
			if want.send == "" {
				require.NoError(t, err)
				assert.True(t, receipt.Queued != (receipt.ID != ""), "either queued or with an id")
			} else {
				assertRefusal(t, err, want.send)
			}
			if want.read == "-" {
				return // no reply to a read looks like this
			}
			if want.read == "" {
				want.read = want.send
			}
			_, err = client.Profile.Get(t.Context())
			assertRefusal(t, err, want.read)
		})
	}
}

func assertRefusal(t *testing.T, err error, kind chatapi.ErrorKind) {
	t.Helper()
	var e *chatapi.Error
	require.ErrorAs(t, err, &e)
	assert.ErrorIs(t, err, kind)
	assert.NotEmpty(t, e.Reason)
	assert.NotEmpty(t, e.Sentence)
	assert.NotEmpty(t, e.Retry)
	assert.NotEmpty(t, e.Raw)
}

func contractReply(t *testing.T, file string) *chatapi.Client {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata/contract", file))
	require.NoError(t, err)
	return answering(t, 200, string(body))
}

func TestContractReplies(t *testing.T) {
	t.Run("status", func(t *testing.T) {
		status, err := contractReply(t, "response-status-connected.json").Channel.GetStatus(t.Context())
		require.NoError(t, err)
		assert.NotEmpty(t, status.Raw)
		status.Raw = nil
		assert.Equal(t, &chatapi.ChannelStatus{Status: "connected", AccountStatus: "authenticated"}, status)
	})
	t.Run("profile", func(t *testing.T) {
		profile, err := contractReply(t, "response-me.json").Profile.Get(t.Context())
		require.NoError(t, err)
		assert.NotEmpty(t, profile.Raw)
		profile.Raw = nil
		assert.Equal(t, &chatapi.ProfileInfo{Phone: "12025550100", About: "Open 9-18", Address: "1 Example Street", Description: "Sample shop",
			Email: "info@example.com", Vertical: "Shopping and Retail", Photo: "https://files.example.com/me.jpg",
			Websites: []string{"https://www.example.com"}}, profile)
	})
	t.Run("mark read", func(t *testing.T) {
		assert.NoError(t, contractReply(t, "response-result-success.json").Messages.MarkRead(t.Context(), "wamid.1", false))
	})
	for file, want := range map[string][]string{
		"response-messages-page1.json":      {"*chatapi.MessageEvent 101", "*chatapi.EchoEvent 102"},
		"response-messages-page2.json":      {"*chatapi.MessageEvent 117"},
		"response-messages-bool-flags.json": {"*chatapi.EchoEvent 118"},
		"response-messages-legacy.json":     {"*chatapi.MessageEvent 199"},
	} {
		t.Run(file, func(t *testing.T) {
			var got []string
			for ev, err := range contractReply(t, file).Messages.All(t.Context(), chatapi.HistoryFilter{}) {
				require.NoError(t, err)
				assert.False(t, ev.Info().Time.IsZero())
				got = append(got, fmt.Sprintf("%T %d", ev, ev.Info().Number))
			}
			assert.Equal(t, want, got)
		})
	}
}
