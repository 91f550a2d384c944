package chatapi

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/chatapi-go/chatapi/internal/transport"
)

var (
	channelPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	methodPattern  = regexp.MustCompile(`^(send[A-Z]\w*|messages|templates|addTemplate|status|me|webhook|settings)$`)
)

// parseAddress reads the two strings of the cabinet. No error of it quotes the
// query or the token.
func parseAddress(apiURL, token string, tokenLater bool) (base *url.URL, channel ChannelID, cleanToken string, err error) {
	apiURL = strings.Trim(strings.TrimSpace(apiURL), `"'<>`)
	token = strings.TrimSpace(strings.Trim(strings.TrimSpace(token), `"'`))
	token = strings.TrimSpace(strings.TrimPrefix(token, "Bearer "))

	fail := func(field, problem string) (*url.URL, ChannelID, string, error) {
		e := invalid(field, transport.NewScrubber(token).Text(problem))
		e.Op = "New"
		if field == "apiURL" { // operators know it by the name that the cabinet gives it
			e.Sentence = strings.Replace(e.Sentence, "The apiURL", "The API URL", 1)
		}
		return nil, "", "", e
	}
	if apiURL == "" {
		return fail("apiURL", "is empty; copy the API URL from the Chat API cabinet, such as https://api.1msg.io/ABC100000001")
	}
	if strings.Contains(token, "://") {
		return fail("token", "looks like an address; API URL and token may have changed places")
	}
	if !strings.Contains(apiURL, "://") {
		if !strings.ContainsAny(apiURL, "./:") {
			return fail("apiURL", "has no host; it looks like https://api.1msg.io/ABC100000001")
		}
		apiURL = "https://" + apiURL
	}
	u, parseErr := url.Parse(apiURL)
	if parseErr != nil {
		return fail("apiURL", "is not an address; it looks like https://api.1msg.io/ABC100000001")
	}
	if inURL := u.Query().Get("token"); inURL != "" {
		switch token {
		case "", inURL:
			token = inURL
		default:
			return fail("token", "differs from the one inside the API URL; give one of them")
		}
	}
	host := u.Hostname()
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return fail("apiURL", fmt.Sprintf("has the scheme %q; it must be https", u.Scheme))
	case host == "":
		return fail("apiURL", "has no host; it looks like https://api.1msg.io/ABC100000001")
	case u.User != nil:
		return fail("apiURL", "holds a user name or password; the token is the only credential")
	case u.Scheme == "http" && !loopback(host):
		return fail("apiURL", "uses http, which would show the token to everyone on the way; use https")
	case token == "" && !tokenLater:
		return fail("token", "is empty; copy it from the Chat API cabinet")
	case strings.ContainsFunc(token, notOfToken):
		return fail("token", "holds a space or a character that no token has; copy it again")
	}

	segments := slices.DeleteFunc(strings.Split(u.Path, "/"), func(s string) bool { return s == "" })
	claimed := tokenChannel(token)
	var segment string
	switch {
	case len(segments) == 1:
		segment = segments[0]
	case len(segments) == 0 && claimed != "":
		segment = string(claimed)
	case len(segments) == 0:
		return fail("apiURL", "has no channel id after the host; it looks like https://api.1msg.io/ABC100000001")
	case len(segments) == 2 && methodPattern.MatchString(segments[1]):
		return fail("apiURL", fmt.Sprintf("ends in the method %q; leave it off", segments[1]))
	default:
		return fail("apiURL", fmt.Sprintf("has %d path parts; there is one, the channel id", len(segments)))
	}
	if !channelPattern.MatchString(segment) {
		return fail("apiURL", fmt.Sprintf("has the channel id %q; it is letters and digits", clip(segment, 40)))
	}
	bareID := segment
	if digits, ok := strings.CutPrefix(segment, "instance"); ok && digits != "" {
		bareID = digits
		if !isHostOf(host, "chat-api.com") {
			segment = digits // only the old hosts keep the prefix in the path
		}
	}
	if e := foreignToken(ChannelID(bareID), claimed); e != nil {
		return nil, "", "", e
	}
	base = &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/" + segment}
	return base, ChannelID(bareID), token, nil
}

func notOfToken(r rune) bool { return r <= ' ' || r > '~' }

// foreignToken is the error of a token that names another channel than the one
// it is to be used for; nil if it names none.
func foreignToken(channel, claimed ChannelID) *Error {
	if claimed == "" || strings.EqualFold(string(claimed), string(channel)) {
		return nil
	}
	return &Error{Op: "New", Kind: ErrWrongChannel, Channel: channel, Field: "token", Retry: RetryFix,
		Reason:   fmt.Sprintf("belongs to channel %s, not to %s", claimed, channel),
		Sentence: fmt.Sprintf("The token belongs to channel %s, but the API URL is that of channel %s.", claimed, channel),
		Advice:   "copy URL and token of the same channel from the cabinet"}
}

// checkToken looks at a token that a source gave.
func checkToken(channel ChannelID, token string) error {
	if token == "" || strings.ContainsFunc(token, notOfToken) {
		return errors.New("what it gave is no token")
	}
	if e := foreignToken(channel, tokenChannel(token)); e != nil {
		return e
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

// tokenChannel reads the channel id from the payload of a JWT, without
// verifying it; empty for the older opaque tokens.
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
	if !channelPattern.MatchString(id) || id == "null" {
		return ""
	}
	return ChannelID(id)
}
