package chatapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/chatapi-go/chatapi/internal/transport"
)

// endpoint says where a channel is reached, and with which token.
type endpoint struct {
	base    *url.URL
	channel ChannelID
	token   string // empty if a token source gives it later
}

const addressExample = "https://api.1msg.io/ABC100000001"

// parseAddress reads the two strings of the cabinet. No error of it quotes the
// query or the token.
func parseAddress(apiURL, token string, tokenLater bool) (endpoint, error) {
	e := endpoint{token: cleanToken(token)}
	if bad := e.read(apiURL, tokenLater); bad != nil {
		return endpoint{}, e.scrubbed(bad).in("New", "")
	}
	if bad := foreignToken(e.channel, tokenChannel(e.token)); bad != nil {
		return endpoint{}, bad.in("New", e.channel)
	}
	return e, nil
}

// read fills e from the API URL and from the token that e has already. Its steps
// come in the order in which people should hear of mistakes.
func (e *endpoint) read(apiURL string, tokenLater bool) *Error {
	u, bad := e.parseURL(apiURL)
	if bad != nil {
		return bad
	}
	if bad := e.takeToken(u); bad != nil {
		return bad
	}
	if e.misplacedToken(u) {
		return invalid("apiURL", "is a token, or holds one outside of ?token=; it looks like "+addressExample+", and the token goes beside it")
	}
	if bad := checkAPIURL(u); bad != nil {
		return bad
	}
	switch {
	case e.token == "" && !tokenLater:
		return invalid("token", "is empty; copy it from the Chat API cabinet")
	case !isTokenText(e.token):
		return invalid("token", "holds a space or a character that no token has; copy it again")
	case e.token != "" && isPlainWord(e.token):
		return invalid("token", "is a short word or a number, which no token is; copy it again from the Chat API cabinet")
	}
	return e.findChannel(u)
}

// scrubbed returns the error without the token.
func (e *endpoint) scrubbed(bad *Error) *Error {
	clean := invalid(bad.Field, transport.NewScrubber(e.token).Text(bad.Reason))
	clean.Advice = bad.Advice
	return clean
}

// cleanToken removes what people copy along with a token.
func cleanToken(token string) string {
	token = strings.TrimSpace(strings.Trim(strings.TrimSpace(token), `"'`))
	return strings.TrimSpace(strings.TrimPrefix(token, "Bearer "))
}

// parseURL removes what people copy along with an address, adds a missing
// scheme, and parses the rest.
func (e *endpoint) parseURL(apiURL string) (*url.URL, *Error) {
	apiURL = strings.Trim(strings.TrimSpace(apiURL), `"'<>`)
	if apiURL == "" {
		return nil, invalid("apiURL", "is empty; copy the API URL from the Chat API cabinet, such as "+addressExample)
	}
	if strings.Contains(e.token, "://") {
		return nil, invalid("token", "looks like an address; API URL and token may have changed places")
	}
	if !strings.Contains(apiURL, "://") {
		if !strings.ContainsAny(apiURL, "./:") {
			if strings.Contains(e.token, ".") && strings.Contains(e.token, "/") {
				return nil, invalid("token", "looks like an address; API URL and token may have changed places")
			}
			return nil, invalid("apiURL", "has no host; it looks like "+addressExample)
		}
		apiURL = "https://" + apiURL
	}
	u, err := url.Parse(apiURL)
	if err != nil {
		return nil, invalid("apiURL", "is not an address; it looks like "+addressExample)
	}
	return u, nil
}

// takeToken uses the token inside the address, unless another one was given.
func (e *endpoint) takeToken(u *url.URL) *Error {
	switch inURL := u.Query().Get("token"); {
	case inURL == "", inURL == e.token:
	case e.token == "":
		e.token = inURL
	default:
		return invalid("token", "differs from the one inside the API URL; give one of them")
	}
	return nil
}

// misplacedToken reports whether scheme, host or path hold the token or what looks
// like a JWT. Such an address would show the token in every text that names the
// host or the channel, and ask the DNS for it.
func (e *endpoint) misplacedToken(u *url.URL) bool {
	const (
		certain = 8  // a shorter token may be a part of an address by chance
		header  = 16 // the least length of the first part of a JWT
	)
	parts := strings.FieldsFunc(u.Host+"/"+u.Path, func(r rune) bool { return strings.ContainsRune("/.:", r) })
	for _, part := range parts {
		if len(part) >= header && strings.EqualFold(part[:3], "eyJ") { // {" in base64
			return true
		}
	}
	if len(e.token) >= certain {
		return transport.NewScrubber(e.token).Shows(strings.Join([]string{u.Scheme, u.Host, u.Path}, " "))
	}
	whole := append(strings.Split(u.Path, "/"), u.Scheme, u.Hostname())
	return e.token != "" && slices.ContainsFunc(whole, func(part string) bool { return strings.EqualFold(part, e.token) })
}

// checkAPIURL checks everything before the path.
func checkAPIURL(u *url.URL) *Error {
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return invalid("apiURL", fmt.Sprintf("has the scheme %q; it must be https", u.Scheme))
	case u.Hostname() == "":
		return invalid("apiURL", "has no host; it looks like "+addressExample)
	case u.User != nil:
		return invalid("apiURL", "holds a user name or password; the token is the only credential")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return invalid("apiURL", "uses http, which would show the token to everyone on the way; use https")
	}
	return nil
}

// findChannel reads the channel from the path, or else from the token, and sets
// the base address.
func (e *endpoint) findChannel(u *url.URL) *Error {
	segments := slices.DeleteFunc(strings.Split(u.Path, "/"), func(s string) bool { return s == "" })
	if isCabinet(u.Hostname(), segments) {
		return invalid("apiURL", "is the address of a page of the cabinet; copy the API URL that the page shows, such as "+addressExample)
	}
	var segment string
	switch {
	case len(segments) == 1:
		segment = segments[0]
	case len(segments) == 0:
		segment = string(tokenChannel(e.token))
		if segment == "" {
			return invalid("apiURL", "has no channel id after the host; it looks like "+addressExample)
		}
	case len(segments) == 2 && isMethod(segments[1]):
		return invalid("apiURL", fmt.Sprintf("ends in the method %q; leave it off", segments[1]))
	default:
		return invalid("apiURL", fmt.Sprintf("has %d path parts; it must have one, the channel id", len(segments)))
	}
	if !isChannel(segment) {
		return invalid("apiURL", fmt.Sprintf("has the channel id %q; a channel id is letters and digits", clip(segment, 40)))
	}
	e.channel = ChannelID(segment)
	if digits, ok := strings.CutPrefix(segment, "instance"); ok && digits != "" {
		e.channel = ChannelID(digits)
		if !isHostOf(u.Hostname(), "chat-api.com") {
			segment = digits // only the old hosts keep the prefix in the path
		}
	}
	e.base = &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/" + segment}
	return nil
}

// isPlainWord reports whether text is too plain for a token: shorter than 8
// characters, or a single word or number shorter than 16. Removing such a token from
// replies and errors would also remove ordinary words, such as "true" and "sent".
func isPlainWord(text string) bool {
	return len(text) < 8 || len(text) < 16 && (lengthOf(text, isLetterByte) == len(text) || isDigits(text))
}

// refusePlainWords returns a token source that fails where source gives a plain word.
// The word never becomes one of the tokens that are removed from texts.
func refusePlainWords(source func(context.Context) (string, error)) func(context.Context) (string, error) {
	if source == nil {
		return nil
	}
	return func(ctx context.Context) (string, error) {
		token, err := source(ctx)
		if err == nil && token != "" && isPlainWord(token) {
			return "", errors.New("it gave a short word or a number, which no token is")
		}
		return token, err
	}
}

// isCabinet reports whether an address is that of a page for people.
func isCabinet(host string, segments []string) bool {
	label, domain, _ := strings.Cut(strings.ToLower(host), ".")
	if domain == "1msg.io" || domain == "chat-api.com" {
		switch label {
		case "app", "cabinet", "my", "lk", "panel", "dashboard", "www":
			return true
		}
	}
	for _, segment := range segments {
		switch strings.ToLower(segment) {
		case "cabinet", "dashboard", "login", "signin", "account", "billing", "instances", "channels", "projects":
			return true
		}
	}
	return false
}

// isTokenText reports whether text has only characters that occur in tokens.
func isTokenText(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

// foreignToken returns the error of a token that names another channel than the
// given one. It returns nil if the channels agree, or the token names none.
func foreignToken(channel, claimed ChannelID) *Error {
	if claimed == "" || sameChannel(claimed, channel) {
		return nil
	}
	return &Error{Kind: ErrWrongChannel, Field: "token", Retry: RetryFix,
		Reason:   fmt.Sprintf("belongs to channel %s, not to %s", claimed, channel),
		Sentence: fmt.Sprintf("The token belongs to channel %s, but the API URL is that of channel %s.", claimed, channel),
		Advice:   "copy URL and token of the same channel from the cabinet"}
}

// checkToken checks a token from a token source.
func checkToken(channel ChannelID, token string) error {
	if token == "" || !isTokenText(token) {
		return errors.New("it gave an empty token, or one with characters that no token has")
	}
	if bad := foreignToken(channel, tokenChannel(token)); bad != nil {
		return bad
	}
	return nil
}

func isHostOf(host, domain string) bool {
	return host == domain || strings.HasSuffix(host, "."+domain)
}

func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// tokenChannel reads the channel id from the payload of a JWT, without verifying
// the signature. It returns "" for the older opaque tokens.
func tokenChannel(token string) ChannelID {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return ""
	}
	var claims struct {
		InstanceID json.RawMessage `json:"instanceId"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return ""
	}
	id := strings.TrimPrefix(strings.Trim(string(claims.InstanceID), `"`), "instance")
	if !isChannel(id) || id == "null" {
		return ""
	}
	return ChannelID(id)
}
