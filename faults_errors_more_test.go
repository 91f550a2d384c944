package chatapi_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/chatapi-go/chatapi"
)

// A code of WhatsApp's is found in every form in which a text quotes one.
func TestFaultC4CodesInTexts(t *testing.T) {
	for _, body := range []string{`{"sent":false,"error":"131061"}`, `{"sent":false,"message":"Error 131061: no"}`, `{"sent":false,"message":"[131061] no"}`, `{"sent":false,"message":"no, code=131061"}`,
		`{"sent":false,"message":"131061 no"}`, `{"sent":false,"message":"no (error code: 131061)"}`, `{"sent":false,"message":"#131061: no"}`, `{"sent":false,"error":"{\"error\":{\"code\":131061,\"message\":\"no\"}}"}`} {
		e := failed(t, 200, body, chatapi.Template{Name: "sale", Language: "en"})
		assert.Equal(t, 131061, e.Code, body)
		assert.Equal(t, chatapi.ErrTemplate, e.Kind, body)
	}
	for _, body := range []string{`{"sent":false,"message":"order 131061 is too large"}`, `{"sent":false,"message":"code 1310610000"}`, `{"sent":false,"message":"error 999999"}`, `{"sent":false,"message":"error 100 times"}`} {
		assert.Zero(t, failed(t, 200, body, chatapi.Text{Body: "hi"}).Code, body)
	}
}

// An unknown operation is told in other words and with other statuses; an unknown
// channel is not mistaken for one.
func TestFaultC6UnknownChannels(t *testing.T) {
	misspelt := chatapi.Custom{Operation: "sendMesage", Body: json.RawMessage(`{"body":"hi"}`)}
	for body, status := range map[string]int{`{"error":"Method sendMesage does not exist"}`: 400, `{"error":"action not found"}`: 400, `{"error":"unknown action"}`: 422, `{"error":"unknown method"}`: 200,
		`{"sent":false,"message":"Method not found"}`: 200, `{"message":"No such endpoint"}`: 410} {
		e := failed(t, status, body, misspelt)
		assert.Equal(t, chatapi.ErrNotFound, e.Kind, body)
		assert.Equal(t, `api.test does not know the operation "sendMesage".`, e.Sentence, body)
	}
	for _, body := range []string{`{"error":"Instance not found"}`, `{"error":"channel ABC1 does not exist"}`, `{"message":"unknown instance"}`, `no such channel`} {
		e := failed(t, 404, body, misspelt)
		assert.Contains(t, e.Sentence, "There is no Chat API channel", body)
		_, err := answering(t, 404, body).Groups.Get(t.Context(), "120363000000000001@g.us")
		assert.Contains(t, chatapiError(err).Sentence, "There is no Chat API channel", body)
	}
	assert.NotContains(t, failed(t, 400, `{"error":"payment method not found"}`, misspelt).Sentence, "does not know the operation")
	assert.NotContains(t, failed(t, 200, `{"error":"unknown method"}`, chatapi.Text{Body: "hi"}).Sentence, "does not know the operation", "which the service has")
}

// A log has no quoted text, number, address or name, in whatever form it is written.
func TestFaultC7PeopleInOtherForms(t *testing.T) {
	logged := func(reason string) string {
		var out bytes.Buffer
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "err", &chatapi.Error{Kind: chatapi.ErrRefused, Reason: reason})
		var line struct{ Err struct{ Reason string } }
		assert.NoError(t, json.Unmarshal(out.Bytes(), &line))
		return line.Err.Reason
	}
	for reason, want := range map[string]string{
		"to (202) 555-0143 failed": "to (… failed", "to 1 202 555 0143.": "to ….", "202-555-0143": "…", "55 (11) 98765-4321": "55 (…", "07700 900123": "…", "1.202.555.0143": "…",
		"+1\u00a0202\u00a0555\u00a00143": "…", "+1\u2011202\u2011555\u20110143": "…", "+1/202/555/0143": "…", "١٢٠٢٥٥٥٠١٤٣": "…", "+44 (0) 7700 900123": "…", "tel:+1-202-555-0143": "tel:…",
		"said 'Hello Ann'": "said '…'", "said ‘Hello Ann’": "said ‘…’", "said “Hello": "said “…”", "`Hello Ann`": "`…`", "«Hello Ann»": "«…»", "„Hello Ann“": "„…“",
		"mail ann@example.com": "mail …", "to @ann.smith": "to …", "12025550143@c.us": "…", "US.ABCDEFGHIJ left": "US.… left", "US.ENT.13491208655302741918": "US.…",
		// what stays
		"it's the business's limit": "it's the business's limit", "the channels' list": "the channels' list", "since 2026-11-10 12:00": "since 2026-11-10 12:00",
		"dial tcp 203.0.113.170:443": "dial tcp 203.0.113.170:443", "code 131026, at 15:04:05.123": "code 131026, at 15:04:05.123", "1 @ 2": "1 @ 2", "v20.0 and 1.2.3": "v20.0 and 1.2.3", "": "",
	} {
		assert.Equal(t, want, logged(reason), "%q", reason)
	}
}
