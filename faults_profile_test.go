package chatapi_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// TestFaultF11ProfileShapes: Profile.Get reads every shape in which a profile was seen,
// and a reply without a profile is an error.
func TestFaultF11ProfileShapes(t *testing.T) {
	full := &chatapi.ProfileInfo{Phone: "12025550100", About: "Open 9-18", Email: "info@example.com", Vertical: "Other",
		Photo: "https://files.example.com/me.jpg", Websites: []string{"https://www.example.com"}}
	const rest = `"about":"Open 9-18","email":"info@example.com","vertical":"Other","websites":["https://www.example.com"]`
	const meta = `"messaging_product":"whatsapp","profile_picture_url":"https://files.example.com/me.jpg",` + rest
	for body, want := range map[string]*chatapi.ProfileInfo{
		`{"phone":"12025550100","photo":"https://files.example.com/me.jpg",` + rest + `}`:                                       full,
		`{"phone":12025550100,"photo":{"url":"https://files.example.com/me.jpg"},` + rest + `}`:                                 full,
		`{"phone":{"display_phone_number":"+1 202-555-0100","id":"1"},"photo":"https://files.example.com/me.jpg",` + rest + `}`: full,
		`{"data":[{"phone":{"display_phone_number":"12025550100"},` + meta + `}]}`:                                              full,
		`{"data":{"display_phone_number":"+1 (202) 555-0100",` + meta + `}}`:                                                    full,
		`[{"phone":"12025550100",` + meta + `}]`:                                                                                full,
		`{"result":{"profile":{"phone":"12025550100",` + meta + `}}}`:                                                           full,
		`{"phone":null,"about":"Hi","address":{},"vertical":null,"websites":null}`:                                              {About: "Hi"},
		`{"about":{"text":"Hi"},"websites":[{"url":"https://a.example"},null,""]}`:                                              {About: "Hi", Websites: []string{"https://a.example"}},
		`{"about":"Hi","websites":"https://a.example"}`:                                                                         {About: "Hi", Websites: []string{"https://a.example"}},
		`{"data":[{"messaging_product":"whatsapp"}]}`:                                                                           {}, // nothing is filled in
		`{"phone_number":"12025550100"}`:                                                                                        {Phone: "12025550100"},
		`{"data":[{"phone":{"number":"+1 202 555 0100"}}]}`:                                                                     {Phone: "12025550100"},
		`{"about":"","vertical":""}`:                                                                                            {},
	} {
		profile, err := answering(t, 200, body).Profile.Get(t.Context())
		require.NoError(t, err, body)
		assert.JSONEq(t, body, string(profile.Raw))
		profile.Raw = nil
		assert.Equal(t, want, profile, body)
	}

	for body, kind := range map[string]chatapi.ErrorKind{
		`{}`:                         chatapi.ErrUnavailable,
		`{"data":[]}`:                chatapi.ErrUnavailable,
		`{"data":null}`:              chatapi.ErrUnavailable,
		`[]`:                         chatapi.ErrUnavailable,
		`"about"`:                    chatapi.ErrUnavailable,
		`null`:                       chatapi.ErrUnavailable,
		`{"status":"error"}`:         chatapi.ErrUnavailable,
		`{"data":{"error":"wrong"}}`: chatapi.ErrUnavailable,
		`{"result":"success"}`:       chatapi.ErrUnavailable,
		`{"phone":null}`:             chatapi.ErrUnavailable,
		`{"data":[{"about":null,"vertical":null}]}`: chatapi.ErrUnavailable,
		`{"error":"wrong request"}`:                 chatapi.ErrRefused,
		`{"error":{"message":"no"}}`:                chatapi.ErrRefused,
		`{"message":"wrong request"}`:               chatapi.ErrRefused,
		`{"success":false,"about":"left"}`:          chatapi.ErrRefused,
	} {
		profile, err := answering(t, 200, body).Profile.Get(t.Context())
		require.ErrorIs(t, err, kind, body)
		assert.Nil(t, profile)
		e, ok := errors.AsType[*chatapi.Error](err)
		require.True(t, ok)
		assert.NotEmpty(t, e.Reason, body)
		assert.Equal(t, "Profile.Get", e.Op)
	}
}

// TestFaultF13OldReplies: the classifier knows the refusals of 2021 about a recipient
// of a wrong form, and a message that waits for a login is queued, not accepted.
func TestFaultF13OldReplies(t *testing.T) {
	for body, status := range map[string]int{
		`{"sent":false,"message":"Wrong chatId format. It must be phone@c.us"}`:    200,
		`{"sent":false,"message":"Wrong phone number format: only digits"}`:        200,
		`{"sent":"false","message":"wrong chatid format"}`:                         200,
		`{"error":"Wrong chatId \"12025550143\""}`:                                 400,
		`{"sent":false,"message":"Message not sent","error":"Wrong phone number"}`: 200,
	} {
		_, err := answering(t, status, body).SendPrepared(t.Context(), prepared("ABC1"))
		require.ErrorIs(t, err, chatapi.ErrInvalid, body)
		e, ok := errors.AsType[*chatapi.Error](err)
		require.True(t, ok)
		assert.Equal(t, chatapi.RetryFix, e.Retry)
		assert.Contains(t, e.Advice, "12025550143@c.us", "%s: the advice names the right form", body)
	}
	for body, queued := range map[string]bool{
		`{"sent":true,"message":"Message will be sent after successful auth","id":"true_12025550143@c.us_1"}`: true,
		`{"sent":true,"message":"MESSAGE WILL BE SENT AFTER SUCCESSFUL AUTH"}`:                                true,
		`{"sent":true,"message":"It will not be sent after all"}`:                                             false,
		`{"sent":true,"message":"Will be sent after successful auth"}`:                                        true,
		`{"sent":"true","message":"Sent to 12025550143. It will be sent after reconnect","queueNumber":2}`:    true,
		`{"sent":true,"message":"Sent to 12025550143@c.us","id":"true_12025550143@c.us_1"}`:                   false,
		`{"sent":true,"message":"Message has been sent","description":"after"}`:                               false,
	} {
		receipt, err := answering(t, 200, body).SendPrepared(t.Context(), prepared("ABC1"))
		require.NoError(t, err, body)
		assert.Equal(t, queued, receipt.Queued, body)
		assert.Empty(t, receipt.JobID)
	}
}
