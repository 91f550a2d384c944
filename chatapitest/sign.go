package chatapitest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// MetaSignature returns the header X-Hub-Signature-256 that Meta sends with that
// body, for tests of a handler that has [chatapi.WebhookMetaSignature].
func MetaSignature(appSecret string, body []byte) string {
	return "sha256=" + Dialog360Signature(appSecret, body)
}

// Dialog360Signature returns the header X-360dialog-Signature that 360dialog sends
// with that body, for tests of a handler that has
// [chatapi.WebhookDialog360Signature].
func Dialog360Signature(platformSecret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(platformSecret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}
