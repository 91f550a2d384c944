package chatapi

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
)

// This file decides whether a webhook request is genuine, and whose it is.

// WebhookSecret accepts requests that carry one of the secrets; give the old
// and the new one while an address is being changed. Empty texts are ignored:
// a variable that was not set opens no door. The secrets are kept as hashes and
// never written anywhere.
func WebhookSecret(secrets ...string) WebhookOption {
	return func(c *webhookConfig) { c.secrets = append(c.secrets, hashed(secrets)...) }
}

// WebhookSecrets looks the secrets up by channel, for one handler that serves
// many. The address is "…/{channel}/{secret}", or "…/{channel}" when the secret
// is in the query or the header; [WebhookChannel] reads it from elsewhere. It
// is asked at every request. A channel without a secret is refused, and so is
// a body that names another channel than the address. A [WebhookSecret] beside
// it is the operator's: it opens every channel.
func WebhookSecrets(secrets func(ctx context.Context, channel ChannelID) []string) WebhookOption {
	return func(c *webhookConfig) { c.secretsOf = secrets }
}

// WebhookChannel says which channel a request's address belongs to. Events get
// that channel, and a body that names another one is refused with
// [ErrWrongChannel].
func WebhookChannel(channel func(*http.Request) ChannelID) WebhookOption {
	return func(c *webhookConfig) { c.channelOf = channel }
}

// WebhookMetaSignature accepts only requests that Meta has signed with one of
// the app secrets: X-Hub-Signature-256 is the HMAC-SHA256 of the body's bytes
// (raw-webhooks, "Verifying who sent it"; documented). It is for those who receive
// from Meta directly; Chat API and 360dialog do not pass Meta's signature on,
// also where the body looks like Meta's.
//
// A signature is enough. If the handler has secrets as well, a request needs
// both; if it also has [WebhookDialog360Signature], one of the signatures will
// do. Empty texts are ignored; if none is left, every request is refused.
// Proxies in front must not rewrite the body.
func WebhookMetaSignature(appSecrets ...string) WebhookOption {
	return signedWith("X-Hub-Signature-256", appSecrets)
}

// WebhookDialog360Signature accepts only requests that 360dialog has signed
// with one of the partner platform's secrets: X-360dialog-Signature is the
// HMAC-SHA256 of the body's bytes in hex, with or without "sha256=" before it
// (raw-webhooks, "Verifying who sent it"; documented, the prefix observed). A channel
// webhook of 360dialog is not signed: give it a header X-Webhook-Secret instead.
// It combines with the others like [WebhookMetaSignature].
func WebhookDialog360Signature(platformSecrets ...string) WebhookOption {
	return signedWith("X-360dialog-Signature", platformSecrets)
}

// WebhookVerifyToken answers Meta's request to prove that the address is yours:
// a GET with hub.mode "subscribe" and one of the tokens in hub.verify_token gets
// hub.challenge back. Other GETs are refused with 403. The token proves nothing
// for what is posted; that takes [WebhookMetaSignature] or a secret.
func WebhookVerifyToken(tokens ...string) WebhookOption {
	return func(c *webhookConfig) { c.verifyTokens = append(c.verifyTokens, hashed(tokens)...) }
}

// WebhookAcceptUnauthenticated accepts requests without any secret, when the
// handler has none: whoever finds the address can make up customers' messages.
// It is for tests, and for handlers behind something that checks the sender.
func WebhookAcceptUnauthenticated() WebhookOption {
	return func(c *webhookConfig) { c.unauthenticated = true }
}

// authorize returns the channel of the address, empty if the handler knows of
// none, or why the request is refused.
func (h *WebhookHandler) authorize(r *http.Request) (ChannelID, error) {
	offered, channel := h.offered(r)
	accepted := h.secrets
	if h.secretsOf != nil && channel != "" {
		accepted = append(hashed(h.secretsOf(r.Context(), channel)), accepted...)
	}
	if len(accepted) == 0 {
		if h.secretsOf == nil && (len(h.signers) > 0 || h.unauthenticated && !h.signed) {
			return channel, nil
		}
		return "", &Error{Op: "WebhookHandler", Channel: channel, Kind: ErrNoWebhookSecret, Retry: RetryFix,
			Reason:   "the handler has no secret for this address, so it accepts nothing",
			Sentence: "Webhooks are refused because no secret is set.",
			Advice:   "give NewWebhookHandler a WebhookSecret, and put it at the end of the webhook address"}
	}
	if !matches(accepted, offered) {
		return "", &Error{Op: "WebhookHandler", Channel: channel, Kind: ErrUnauthorized, Retry: RetryFix,
			Reason:   "the request carries no secret, or a wrong one",
			Sentence: "A webhook request without the right secret was refused.",
			Advice:   "check the webhook address that the channel has; if it is right, someone is guessing"}
	}
	return channel, nil
}

// matches reports whether one of the texts is one of the secrets, in a time that
// depends on neither which one it is nor what they are.
func matches(secrets [][sha256.Size]byte, offered []string) bool {
	match := 0
	for _, text := range offered {
		sum := sha256.Sum256([]byte(text))
		for _, secret := range secrets {
			match |= subtle.ConstantTimeCompare(sum[:], secret[:])
		}
	}
	return match != 0
}

// signer checks the signature in one header with one key.
type signer struct {
	header string
	sign   func(body []byte) []byte // a function, so that no formatting shows the key
}

func signedWith(header string, secrets []string) WebhookOption {
	return func(c *webhookConfig) {
		c.signed = true
		for _, secret := range secrets {
			if secret == "" {
				continue
			}
			c.signers = append(c.signers, signer{header, func(body []byte) []byte {
				mac := hmac.New(sha256.New, []byte(secret))
				mac.Write(body)
				return mac.Sum(nil)
			}})
		}
	}
}

// verify checks the signature of the body, where one is asked for.
func (h *WebhookHandler) verify(r *http.Request, channel ChannelID, body []byte) error {
	if !h.signed {
		return nil
	}
	match := 0
	for _, s := range h.signers {
		offered, err := hex.DecodeString(strings.TrimPrefix(r.Header.Get(s.header), "sha256="))
		if err == nil && len(offered) == sha256.Size {
			match |= subtle.ConstantTimeCompare(offered, s.sign(body))
		}
	}
	if match == 0 {
		return &Error{Op: "WebhookHandler", Channel: channel, Kind: ErrUnauthorized, Retry: RetryFix,
			Reason:   "the request carries no signature, or a wrong one",
			Sentence: "A webhook request without the right signature was refused.",
			Advice:   "check the app secret, and that no proxy rewrites bodies; if both are right, someone is guessing"}
	}
	return nil
}

// maxChallenge bounds what is sent back; Meta's is a number of ten digits.
const maxChallenge = 256

// challenge answers the request with which Meta checks an address.
func (h *WebhookHandler) challenge(r *http.Request) (status int, text string, err error) {
	query := r.URL.Query()
	text = query.Get("hub.challenge")
	if query.Get("hub.mode") != "subscribe" || !matches(h.verifyTokens, []string{query.Get("hub.verify_token")}) ||
		text == "" || len(text) > maxChallenge {
		return http.StatusForbidden, "", &Error{Op: "WebhookHandler", Kind: ErrUnauthorized, Retry: RetryFix,
			Reason:   "a GET that is not the challenge of WhatsApp with the right hub.verify_token",
			Sentence: "A request to verify the webhook address was refused.",
			Advice:   "enter the token of WebhookVerifyToken beside the address in the app's settings"}
	}
	return http.StatusOK, text, nil
}

// offered returns what the request may mean as its secret, and the channel of
// its address.
func (h *WebhookHandler) offered(r *http.Request) (secrets []string, channel ChannelID) {
	segments := strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")
	segment := func(fromEnd int) string {
		if len(segments) < fromEnd {
			return ""
		}
		text, err := url.PathUnescape(segments[len(segments)-fromEnd])
		if err != nil {
			return ""
		}
		return text
	}
	if text := r.Header.Get("X-Webhook-Secret"); text != "" {
		secrets = append(secrets, text)
	}
	if r.URL.RawQuery != "" {
		if text := r.URL.Query().Get("secret"); text != "" {
			secrets = append(secrets, text)
		}
	}
	last := 2 // the channel's place in the path, before the secret
	if len(secrets) > 0 {
		last = 1
	}
	switch {
	case h.channelOf != nil:
		channel = h.channelOf(r)
	case h.secretsOf != nil:
		channel = ChannelID(segment(last))
	}
	return append(secrets, segment(1)), channel
}

// hashed returns the hashes of all texts but empty ones, so that a comparison
// takes the same time whatever the lengths.
func hashed(secrets []string) (sums [][sha256.Size]byte) {
	for _, secret := range secrets {
		if secret != "" {
			sums = append(sums, sha256.Sum256([]byte(secret)))
		}
	}
	return sums
}
