package chatapi

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// Attempt describes one try to send one message. After [ErrOutcomeUnknown],
// [Client.Resolve] needs it to look for the message. It is plain JSON and holds
// neither the token nor the text.
type Attempt struct {
	// ID is unique to this try.
	ID        string    `json:"id"`
	Channel   ChannelID `json:"channel"`
	To        Recipient `json:"to"`
	Operation string    `json:"operation"`

	// Fingerprint is a hash of the request, followed by a hash of the text that
	// the history will show, if there is one. Two attempts at the same message
	// have the same fingerprint.
	Fingerprint string    `json:"fingerprint"`
	Started     time.Time `json:"started"`
}

// fingerprint returns "body:HASH text:HASH" for a request, and "body:HASH" if
// the history will show no text of it.
func fingerprint(operation string, body []byte, historyText string) string {
	var space [1024]byte
	sum := sha256.Sum256(append(append(append(space[:0], operation...), '\n'), body...))
	mark := append(make([]byte, 0, 128), "body:"...)
	mark = hex.AppendEncode(mark, sum[:16])
	if historyText != "" {
		mark = appendTextHash(append(mark, " text:"...), historyText)
	}
	return string(mark)
}

// textHash returns the hash of the text in a fingerprint; empty if it has none.
func textHash(fingerprint string) string {
	_, hash, _ := strings.Cut(fingerprint, " text:")
	return hash
}

// appendTextHash appends the hash of a text, in hexadecimal. Space around the
// text does not count.
func appendTextHash(dst []byte, text string) []byte {
	var space [1024]byte
	sum := sha256.Sum256(append(space[:0], strings.TrimSpace(text)...))
	return hex.AppendEncode(dst, sum[:16])
}

// textInHistory returns the text that the history will show of a request body;
// empty if there is none. A message of one of the SDK's types carries its text
// instead, so that the body need not be parsed; see encoded.historyText.
func textInHistory(operation string, body []byte) string {
	var name string
	switch operation {
	case "sendMessage", "sendButton", "sendList":
		name = "body"
	case "sendFile":
		name = "caption"
	default:
		return ""
	}
	document, err := wire.Parse(body)
	if err != nil {
		return ""
	}
	defer document.Release()
	text, _ := document.Root().Get(name).Text()
	return text
}
