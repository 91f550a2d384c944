package chatapi

import (
	"crypto/rand"
	"net/url"
	"strings"
)

// NewWebhookSecret returns a new secret for a webhook address: 26 random letters
// and digits, of at least 128 bits. Keep it with the channel's token.
func NewWebhookSecret() string { return rand.Text() }

// WebhookAddress returns the address that brings the webhooks of a channel to a
// [WebhookHandler] below base: "base/{channel}/{secret}", and "base/{secret}" if
// channel is empty. Give it to [ConnectOptions.WebhookURL]. The handler below base
// finds the secret in the last part of the path, and, with [WebhookSecrets], the
// channel in the part before.
//
// The error is [ErrInvalid] if base is not https (http is allowed on loopback only)
// or has a query, if the secret is empty, or if one of the parts does not fit into
// a path.
func WebhookAddress(base string, channel ChannelID, secret string) (string, error) {
	const op = "WebhookAddress"
	u, err := url.Parse(strings.TrimSpace(base))
	switch {
	case err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return "", invalid("base", "is not an address without a query, such as https://desk.example/webhooks").in(op, channel)
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return "", invalid("base", "must be https, since the secret is in the address").in(op, channel)
	case !isPathPart(secret):
		return "", invalid("secret", "is empty, or has a character that does not fit into an address; NewWebhookSecret makes one").in(op, channel)
	case channel == "":
		return u.JoinPath(secret).String(), nil
	case !isPathPart(string(channel)):
		return "", invalid("channel", "has a character that does not fit into an address").in(op, channel)
	}
	return u.JoinPath(string(channel), secret).String(), nil
}

// isPathPart reports whether text is one part of a path that every server and
// proxy leaves as it is: letters, digits and -._~ (RFC 3986), but no dots alone.
func isPathPart(text string) bool {
	if strings.Trim(text, ".") == "" {
		return false
	}
	for _, r := range []byte(text) {
		if !isWordByte(r) && r != '-' && r != '.' && r != '~' {
			return false
		}
	}
	return true
}
