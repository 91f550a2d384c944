package chatapi

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

// This file decides whether a webhook request is genuine, and to which channel
// it belongs.

// WebhookSecret accepts requests that carry one of the secrets. Give the old
// and the new secret while an address is being changed. An empty or blank text
// beside a secret is ignored, so that an unset variable opens no door, and so are
// "null", "undefined" and a variable that was not replaced ("${SECRET}"). Space
// around a secret does not count. Without any secret the option is an error of the handler, see [WebhookHandler.Err].
// The handler keeps only hashes of the secrets and never writes them anywhere.
func WebhookSecret(secrets ...string) WebhookOption {
	return func(c *webhookConfig) {
		c.secrets = append(c.secrets, c.hashOption("WebhookSecret", secrets)...)
	}
}

// WebhookSecrets looks up the secrets of a channel, for one handler that serves
// many channels. It calls secrets for every request, several times at once. The
// address is "…/{channel}/{secret}", or "…/{channel}" when the secret is in the
// query or the header; [WebhookChannel] reads the channel from elsewhere.
//
// A request for a channel without a secret is refused, and so is a body that
// names another channel than the address. A [WebhookSecret] in the same handler
// is the operator's: it opens every channel. A nil function is an error of the
// handler, see [WebhookHandler.Err].
func WebhookSecrets(secrets func(ctx context.Context, channel ChannelID) []string) WebhookOption {
	return func(c *webhookConfig) {
		if secrets == nil {
			c.refuseNil("WebhookSecrets")
			return
		}
		c.lookupSecrets = secrets
	}
}

// WebhookChannel reads the channel from a request, such as from its host. Events
// get that channel, and a body that names another one is refused with
// [ErrWrongChannel]. The function runs for every request, several times at once,
// before the secret is checked; an empty result means that the address names no
// channel. A nil function is an error of the handler, see [WebhookHandler.Err].
func WebhookChannel(channel func(*http.Request) ChannelID) WebhookOption {
	return func(c *webhookConfig) {
		if channel == nil {
			c.refuseNil("WebhookChannel")
			return
		}
		c.lookupChannel = channel
	}
}

// WebhookMetaSignature accepts only requests that Meta has signed with one of
// the app secrets: X-Hub-Signature-256 is the HMAC-SHA256 of the body's bytes
// (raw-webhooks, "Verifying who sent it"; documented). Use it if Meta delivers
// to you directly. Chat API and 360dialog do not pass Meta's signature on, even
// where the body looks like Meta's.
//
// A signature is enough: the handler then needs no secret. If it has secrets as
// well, a request needs both. If it has [WebhookDialog360Signature] as well, a
// request needs one of the two signatures.
//
// An empty or blank text beside an app secret is ignored. Without any app secret
// the option is an error of the handler, see [WebhookHandler.Err]. Proxies in
// front must not rewrite the body.
func WebhookMetaSignature(appSecrets ...string) WebhookOption {
	return requireSignature("WebhookMetaSignature", "X-Hub-Signature-256", appSecrets)
}

// WebhookDialog360Signature accepts only requests that 360dialog has signed
// with one of the partner platform's secrets: X-360dialog-Signature is the
// HMAC-SHA256 of the body's bytes in hex, with or without "sha256=" before it
// (raw-webhooks, "Verifying who sent it"; documented, the prefix observed). A channel
// webhook of 360dialog is not signed: let it send a header X-Webhook-Secret
// instead. The option combines with others, and refuses empty secrets, like
// [WebhookMetaSignature].
func WebhookDialog360Signature(platformSecrets ...string) WebhookOption {
	return requireSignature("WebhookDialog360Signature", "X-360dialog-Signature", platformSecrets)
}

// WebhookVerifyToken answers Meta's request to prove that the address is yours:
// a GET with hub.mode "subscribe" and one of the tokens in hub.verify_token gets
// hub.challenge back. Other GETs are answered with 403. The token gives no access
// to POST; that takes [WebhookMetaSignature] or a secret. An empty or blank text
// beside a token is ignored. Without any token the option is an error of the
// handler, see [WebhookHandler.Err].
func WebhookVerifyToken(tokens ...string) WebhookOption {
	return func(c *webhookConfig) {
		c.verifyTokens = append(c.verifyTokens, c.hashOption("WebhookVerifyToken", tokens)...)
	}
}

// WebhookAcceptUnauthenticated accepts every request if the handler has neither
// secrets nor signatures: whoever finds the address can make up customers'
// messages. Use it in tests, and behind something that checks the sender.
func WebhookAcceptUnauthenticated() WebhookOption {
	return func(c *webhookConfig) { c.unauthenticated = true }
}

// authorize returns the channel of the address, and why the request is refused.
// The channel is empty if the address names none.
func (h *WebhookHandler) authorize(r *http.Request) (ChannelID, *Error) {
	offered, channel := h.credentials(r)
	accepted := h.secrets
	if h.lookupSecrets != nil && channel != "" {
		accepted = append(hashSecrets(h.lookupSecrets(r.Context(), channel)), accepted...)
	}
	if len(accepted) == 0 {
		if h.lookupSecrets == nil && (len(h.signers) > 0 || h.unauthenticated) {
			return channel, nil
		}
		return channel, errNoSecret()
	}
	if !matches(accepted, offered) {
		return channel, &Error{Kind: ErrUnauthorized, Retry: RetryFix,
			Reason:   "the request carries no secret, or a wrong one",
			Sentence: "A webhook request without the right secret was refused.",
			Advice:   "check the webhook address that the channel has; if it is right, someone is guessing"}
	}
	return channel, nil
}

func errNoSecret() *Error {
	return &Error{Kind: ErrNoWebhookSecret, Retry: RetryFix,
		Reason:   "the handler has no secret for this address, so it accepts nothing",
		Sentence: "Webhooks are refused because no secret is set.",
		Advice:   "give NewWebhookHandler a WebhookSecret, and put it at the end of the webhook address"}
}

// credentials returns the texts of the request that may be its secret, and the
// channel of its address.
func (h *WebhookHandler) credentials(r *http.Request) (secrets []string, channel ChannelID) {
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
	fromEnd := 2 // the channel stands before the secret in the path
	if len(secrets) > 0 {
		fromEnd = 1
	}
	switch {
	case h.lookupChannel != nil:
		channel = h.lookupChannel(r)
	case h.lookupSecrets != nil:
		channel = ChannelID(segment(fromEnd))
	}
	return append(secrets, segment(1)), channel
}

// checkNamed refuses a body that names another channel than the request is for.
func checkNamed(channel ChannelID, named ...ChannelID) *Error {
	for _, id := range named {
		if id == "" || sameChannel(channel, id) {
			continue
		}
		return &Error{Kind: ErrWrongChannel, Retry: RetryNo,
			Reason:   "the body names channel " + clip(string(id), 64),
			Sentence: fmt.Sprintf("A webhook for channel %s came in as one of channel %s.", clip(string(id), 64), channel),
			Advice:   "check which addresses the channels have; if they are right, someone is guessing"}
	}
	return nil
}

// hashOption hashes the secrets of an option, which is bad if it has none.
func (c *webhookConfig) hashOption(option string, secrets []string) [][sha256.Size]byte {
	sums := hashSecrets(secrets)
	if len(sums) == 0 {
		c.refuseEmpty(option)
	}
	return sums
}

// refuseEmpty keeps the error of an option that got no secret.
func (c *webhookConfig) refuseEmpty(option string) {
	c.refuse(option, "is empty", "check that the variable with its value is set")
}

// hashSecrets returns the hashes of all texts that are not blank. Comparing
// hashes takes the same time whatever the lengths of the secrets.
func hashSecrets(secrets []string) (sums [][sha256.Size]byte) {
	for _, secret := range secrets {
		if !isBlank(secret) {
			sums = append(sums, sha256.Sum256([]byte(strings.TrimSpace(secret)))) // a file ends with a line break
		}
	}
	return sums
}

// isBlank reports whether a secret is none: it comes from a variable that was not
// set, or that holds only quotes or invisible characters, or it is the name of a
// variable that nothing replaced by its value.
func isBlank(secret string) bool {
	if !strings.ContainsFunc(secret, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
		return true
	}
	secret = strings.TrimSpace(secret)
	switch strings.ToLower(strings.Trim(secret, "\"'<>()")) {
	case "null", "nil", "none", "undefined", "nan", "no value":
		return true
	}
	for _, marks := range [...][2]string{{"${", "}"}, {"{{", "}}"}, {"$(", ")"}, {"<%", "%>"}} {
		if strings.HasPrefix(secret, marks[0]) && strings.HasSuffix(secret, marks[1]) {
			return true
		}
	}
	name, variable := strings.CutPrefix(secret, "$")
	return variable && lengthOf(name, isWordByte) == len(name)
}

// matches reports whether one of the offered texts is one of the secrets. The
// time it takes depends neither on the secrets nor on which of them matches.
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

// signer makes the signature that a header should hold, with one key.
type signer struct {
	header string
	sign   func(body []byte) []byte // a function, so that no formatting shows the key
}

// requireSignature makes the handler accept only bodies that are signed in the
// header with one of the secrets, or as another such option says.
func requireSignature(option, header string, secrets []string) WebhookOption {
	return func(c *webhookConfig) {
		before := len(c.signers)
		for _, secret := range secrets {
			if isBlank(secret) {
				continue
			}
			secret = strings.TrimSpace(secret)
			c.signers = append(c.signers, signer{header, func(body []byte) []byte {
				mac := hmac.New(sha256.New, []byte(secret))
				mac.Write(body)
				return mac.Sum(nil)
			}})
		}
		if len(c.signers) == before {
			c.refuseEmpty(option)
		}
	}
}

// verify checks the signature of the body, if the handler requires one.
func (h *WebhookHandler) verify(r *http.Request, body []byte) *Error {
	if len(h.signers) == 0 {
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
		return &Error{Kind: ErrUnauthorized, Retry: RetryFix,
			Reason:   "the request carries no signature, or a wrong one",
			Sentence: "A webhook request without the right signature was refused.",
			Advice:   "check the app secret, and that no proxy rewrites bodies; if both are right, someone is guessing"}
	}
	return nil
}

// maxChallenge limits the text that is sent back; Meta's is a number of ten
// digits.
const maxChallenge = 256

// challenge answers the request with which Meta checks an address.
func (h *WebhookHandler) challenge(r *http.Request) (status int, text string, err error) {
	query := r.URL.Query()
	text = query.Get("hub.challenge")
	if query.Get("hub.mode") != "subscribe" || !matches(h.verifyTokens, []string{query.Get("hub.verify_token")}) ||
		text == "" || len(text) > maxChallenge {
		refusal := &Error{Kind: ErrUnauthorized, Retry: RetryFix,
			Reason:   "a GET that is not the challenge of WhatsApp with the right hub.verify_token",
			Sentence: "A request to verify the webhook address was refused.",
			Advice:   "enter the token of WebhookVerifyToken beside the address in the app's settings"}
		return http.StatusForbidden, "", refusal.in(webhookOp, "")
	}
	return http.StatusOK, text, nil
}
