package web_test

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// What people and companies may be called.
const (
	markup = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	quotes = `' onfocus='alert(1)' autofocus x="`
	turned = "\u202Eeno\u2066 left to right"
)

var giant = strings.Repeat("giant", 4_000)

// pageOf has an address for each page, with its form after a space: then it is posted. In
// braces are a request, a message whose outcome nobody knows, and the first of other things.
var pageOf = map[string]string{
	"again":       "/messages/{message}/settle answer=again",
	"agent":       "/manage/agents/{agent}",
	"agents":      "/manage/agents",
	"audit":       "/manage/audit",
	"canned":      "/manage/canned",
	"channel":     "/manage/channels/{channel}",
	"channels":    "/manage/channels",
	"channeltype": "/manage/channels/new",
	"chat":        "/chats",
	"composer":    "/requests/{request}/composer",
	"costs":       "/costs/2026-10",
	"decide":      "/manage/decide",
	"department":  "/manage/departments/{department}",
	"departments": "/manage/departments",
	"error":       "/no/such/page",
	"inbox":       "/inbox/{request}",
	"link":        "/link/x",
	"newchannel":  "/manage/channels/new/chatapi",
	"omnichannel": "/manage/omnichannel",
	"profile":     "/profile",
	"reply":       "/manage/canned/1",
	"request":     "/requests/{request}",
	"requests":    "/requests",
	"signin":      "/signin email=" + "%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
	"template":    "/templates/new",
	"templates":   "/templates",
}

var (
	ids    = regexp.MustCompile(` id="([^"]*)"`)
	inline = regexp.MustCompile(`<[^>]* (style|on[a-z]+)="`)
	script = regexp.MustCompile(`<script[^>]*>`)
)

func TestHostileNamesStayText(t *testing.T) {
	for name, what := range map[string]string{"markup": markup, "quotes": quotes, "turned": turned, "giant": giant} {
		t.Run(name, func(t *testing.T) {
			s, boss, names := hostileShop(t, what)
			for _, page := range s.Names() {
				address, found := pageOf[page]
				if !assert.True(t, found, "the page %s has no address here", page) {
					continue
				}
				b := newBrowser(t, s.Server)
				if page != "signin" && page != "link" {
					b.signIn(boss)
				}
				path, form, posted := strings.Cut(names.Replace(address), " ")
				answer := b.get(path)
				if posted {
					key, value, _ := strings.Cut(form, "=")
					answer = b.post(path, key, strings.NewReplacer("%22", `"`, "%3C", "<", "%3E", ">").Replace(value))
				}
				body := answer.Body.String()
				assert.NotEqual(t, http.StatusInternalServerError, answer.Code, page)
				if page != "error" && page != "link" {
					assert.NotEqual(t, http.StatusNotFound, answer.Code, page)
				}
				lacks(t, body, page, "<script>", "<img src=x", `' onfocus='`, "ZgotmplZ")
				assert.Empty(t, inline.FindString(body), "%s has a script or a style of its own", page)
				assert.Less(t, len(body), 200_000, "%s shows a giant name in full", page)
				for _, tag := range script.FindAllString(body, -1) {
					assert.Contains(t, tag, ` src="/static/`, page)
				}
				assert.Equal(t, 1, strings.Count(body, "<h1"), "%s: headings of the first rank", page)
				once(t, body, page)
			}
		})
	}
}

// once reports ids that a page has twice.
func once(t *testing.T, body, page string) {
	t.Helper()
	seen := map[string]bool{}
	for _, m := range ids.FindAllStringSubmatch(body, -1) {
		assert.False(t, seen[m[1]], "%s has the id %s twice", page, m[1])
		seen[m[1]] = true
	}
}

// hostileShop is a shop in which everything has the same hostile name. Agents and
// departments have it as far as the forms let them.
func hostileShop(t *testing.T, what string) (s *shop, boss int64, names *strings.Replacer) {
	t.Helper()
	s = newShop(t)
	own := []rune(what)
	own = own[:min(len(own), 80)]
	boss = addAgent(t, s.Server, "Boss", true)
	request := s.request(t, s.sales, what, what)
	message := s.message(t, request, "direction", "out", "kind", "text", "body", what, "author", what, "status", "unknown", "sentence", what, "advice", what, "outbox_key", "k1")
	s.message(t, request, "direction", "note", "kind", "text", "body", what, "agent", boss)
	insert(t, s.Server, "desk_canned", "short", "x", "folded", "x", "body", what, "department", s.sales)
	for _, statement := range []string{"UPDATE desk_agent SET name = $1", "UPDATE desk_department SET name = $1", "UPDATE desk_channel SET name = $1, reason = $1"} {
		require.NoError(t, s.Desk.DB.Update(t.Context(), func(ctx context.Context, tx durable.Tx) error {
			_, err := tx.Exec(ctx, statement, store.Text(string(own)))
			return err
		}))
	}
	return s, boss, numbers(map[string]int64{"{request}": request, "{message}": message, "{agent}": s.ann, "{department}": s.sales, "{channel}": s.channels[s.sales]})
}
