package tape_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/chatapi-go/chatapi/chatapitest/tape"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// at returns an entry of a tape that a test writes by hand.
func at(d time.Duration, e tape.Entry) tape.Entry {
	e.At = d
	return e
}

// from returns the webhook of a message of Ann.
func from(id, rest string) tape.Entry {
	return tape.Entry{Webhook: &tape.Webhook{Status: 200, Body: json.RawMessage(
		fmt.Sprintf(`{"instanceId":"TAPE1","messages":[{"id":%q,"author":"12025550101@c.us","chatId":"12025550101@c.us","senderName":"Ann","fromMe":0,"time":946684800,%s}]}`, id, rest))}}
}

// sends returns an accepted send.
func sends(path, id, body string) tape.Entry {
	return tape.Entry{Call: &tape.Call{Method: "POST", Path: path, Body: json.RawMessage(body), Answer: tape.Answer{
		Status: 200, ContentType: "application/json", Body: json.RawMessage(fmt.Sprintf(`{"sent":true,"id":%q,"message":"Sent"}`, id))}}}
}

// read returns the webhook of a message that Ann has read.
func read(id string) tape.Entry {
	return tape.Entry{Webhook: &tape.Webhook{Status: 200, Body: json.RawMessage(
		fmt.Sprintf(`{"instanceId":"TAPE1","ack":[{"id":%q,"chatId":"12025550101@c.us","status":"read"}]}`, id))}}
}

// pizza is a conversation written by hand.
func pizza() *tape.Tape {
	return &tape.Tape{Recorded: time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC), KeepsTexts: true, Entries: []tape.Entry{
		from("wamid.TAPE0001", `"type":"chat","body":"order"`),
		sends("sendButton", "wamid.TAPE0002", `{"phone":"12025550101","body":"Which size?","sections":[{"type":"reply","reply":{"id":"S","title":"Small"}},{"type":"reply","reply":{"id":"L","title":"Large"}}]}`),
		at(61*time.Minute, from("wamid.TAPE0003", `"type":"interactive","body":"Large","meta":{"interactive":{"type":"button_reply","button_reply":{"id":"L","title":"Large"}}}`)),
		at(61*time.Minute+2*time.Second, sends("sendTemplate", "wamid.TAPE0004", `{"phone":"12025550101","template":"thanks","namespace":"x","language":{"policy":"deterministic","code":"en"}}`)),
		at(62*time.Minute, from("wamid.TAPE0005", `"type":"chat","body":"[no]\nbutton"`)),
		at(63*time.Minute, tape.Entry{Call: &tape.Call{Method: "POST", Path: "sendMessage", Body: json.RawMessage(`{"phone":"12025550101","body":"Bye"}`),
			Answer: tape.Answer{Status: 200, Body: json.RawMessage(`{"sent":false,"message":"Dialog window is closed"}`)}}}),
	}}
}

func TestScript(t *testing.T) {
	told := pizza()
	told.Entries = slices.Insert(told.Entries, 5,
		at(62*time.Minute, read("wamid.TAPE0002")), at(62*time.Minute, read("wamid.TAPE0004")),
		at(63*time.Minute, from("wamid.TAPE0006", `"type":"chat","body":"more","meta":{"referral":{"source_type":"ad","headline":"Cheap"}}`)))
	script, err := told.Script()
	require.NoError(t, err)
	assert.Equal(t, `Ann is +12025550101
Ann: order
Bot: Which size? [Small] [Large]
+1h1m
Ann: [Large]
Bot: <template thanks en> …
+1m
Ann says: [no]\nbutton
Ann reads
+1m
Ann clicks ad: more | Cheap
# refused: 200 Dialog window is closed: Bye
`, script)
	shaped := pizza()
	shaped.KeepsTexts = false
	_, err = shaped.Script()
	require.ErrorContains(t, err, "record it with KeepTexts")
}
