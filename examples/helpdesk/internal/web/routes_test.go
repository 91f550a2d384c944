package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/web"
)

// routeCases has addresses for every route, with their forms after a space. In braces are
// the numbers of things of a department that the agent does not see, but {own} is a request
// that the agent sees.
var routeCases = map[string][]string{
	"GET /{$}":                   {"/"},
	"GET /static/{hash}/{file}":  {"/static/x/desk.css"},
	"/static/":                   {"/static/x"},
	"GET /healthz":               {"/healthz"},
	"/":                          {"/no/such/page"},
	"GET /signin":                {"/signin"},
	"POST /signin":               {"/signin"},
	"GET /link/{secret}":         {"/link/x"},
	"POST /link/{secret}":        {"/link/x"},
	"POST /signout":              {}, // of the own sign-in only
	"GET /profile":               {"/profile"},
	"POST /profile":              {"/profile name=Ann"},
	"POST /profile/password":     {"/profile/password password=short&again=short"},
	"POST /profile/signout":      {}, // of the own sign-ins only
	"GET /events":                {"/events?after=0"},
	"GET /media/{message}":       {"/media/{message}"},
	"GET /inbox":                 {"/inbox", "/inbox?box=mine", "/inbox?search=zanzi", "/inbox?ids={request}", "/inbox?department={department}"},
	"GET /inbox/{n}":             {"/inbox/{request}"},
	"GET /requests":              {"/requests", "/requests?state=any", "/requests?search=zanzi", "/requests?ids={request}", "/requests?department={department}"},
	"GET /requests/{n}":          {"/requests/{request}", "/requests/{own}"},
	"GET /requests/{n}/composer": {"/requests/{request}/composer", "/requests/{own}/composer"},

	"POST /requests/{n}/take":      {"/requests/{request}/take"},
	"POST /requests/{n}/assign":    {"/requests/{request}/assign agent=1"},
	"POST /requests/{n}/move":      {"/requests/{request}/move department=1"},
	"POST /requests/{n}/state":     {"/requests/{request}/state state=solved"},
	"POST /requests/{n}/merge":     {"/requests/{request}/merge from={own}", "/requests/{own}/merge from={request}"},
	"POST /requests/{n}/unmerge":   {"/requests/{request}/unmerge from={own}", "/requests/{own}/unmerge from={request}"},
	"POST /requests/{n}/rename":    {"/requests/{request}/rename name=A"},
	"POST /requests/{n}/same":      {"/requests/{request}/same contact=1", "/requests/{own}/same contact={contact}"},
	"POST /requests/{n}/apart":     {"/requests/{request}/apart contact=1", "/requests/{own}/apart contact={contact}"},
	"POST /requests/{n}/block":     {"/requests/{request}/block block=1"},
	"POST /requests/{n}/erase":     {"/requests/{request}/erase"},
	"POST /requests/{n}/seen":      {"/requests/{request}/seen message={message}"},
	"POST /requests/{n}/presence":  {"/requests/{request}/presence"},
	"POST /requests/{n}/messages":  {"/requests/{request}/messages text=a&key=4c5e1f9e-8f2f-4c5e-9a39-0123456789ab"},
	"POST /requests/{n}/templates": {"/requests/{request}/templates template=a&key=4c5e1f9e-8f2f-4c5e-9a39-0123456789ab"},
	"POST /requests/{n}/notes":     {"/requests/{request}/notes text=a"},
	"POST /requests/{n}/draft":     {"/requests/{request}/draft text=a"},
	"POST /requests/{n}/typing":    {"/requests/{request}/typing"},
	"POST /messages/{id}/again":    {"/messages/{message}/again key=4c5e1f9e-8f2f-4c5e-9a39-0123456789ab"},
	"POST /messages/{id}/resolve":  {"/messages/{message}/resolve"},
	"POST /messages/{id}/settle":   {"/messages/{message}/settle answer=arrived"},
	"POST /messages/{id}/cancel":   {"/messages/{message}/cancel"},
	"POST /messages/{id}/fetch":    {"/messages/{message}/fetch"},
	"GET /chats":                   {"/chats"},
	"POST /chats":                  {"/chats channel={channel}&phone=12025550101&template=a%7Cen&key=4c5e1f9e-8f2f-4c5e-9a39-0123456789ab"},
	"GET /templates":               {"/templates", "/templates?channel={channel}"},

	"POST /hooks/{channel}/{secret}": {"/hooks/ABC100000001/x"},
}

// routeOffice is what the cases name. What the other department alone may see has the word
// zanzibar in it.
func routeOffice(t *testing.T) (s *shop, names *strings.Replacer) {
	t.Helper()
	s = newShop(t)
	own := s.request(t, s.sales, "Bob", "Where is my order?")
	request := s.request(t, s.support, "Zanzibar person", "zanzibar subject")
	message := s.message(t, request, "direction", "note", "kind", "text", "body", "zanzibar note", "agent", s.max)
	var contact int64
	_, err := s.Desk.DB.Get(t.Context(), "SELECT c.contact FROM desk_request r JOIN desk_chat c ON c.id = r.chat WHERE r.id = $1", []any{request}, &contact)
	require.NoError(t, err)
	insert(t, s.Server, "desk_canned", "short", "zanzibar", "folded", "zanzibar", "body", "zanzibar reply", "department", s.support)
	return s, numbers(map[string]int64{"{own}": own, "{request}": request, "{message}": message, "{contact}": contact,
		"{department}": s.support, "{channel}": s.channels[s.support], "{id}": s.support})
}

// numbers puts numbers into addresses.
func numbers(of map[string]int64) *strings.Replacer {
	var pairs []string
	for name, n := range of {
		pairs = append(pairs, name, strconv.FormatInt(n, 10))
	}
	return strings.NewReplacer(pairs...)
}

// casesOf returns the addresses of a route. Those of the management have their pattern's,
// since no agent may use them, whatever the number.
func casesOf(t *testing.T, r web.RouteOf) []string {
	t.Helper()
	cases, found := routeCases[r.Pattern]
	if r.Admins && !found {
		_, path, _ := strings.Cut(r.Pattern, " ")
		return []string{strings.ReplaceAll(path, "{month}", "2026-11")}
	}
	assert.True(t, found, "the route %q has no case here", r.Pattern)
	return cases
}

// ask sends what a case says.
func ask(b *browser, r web.RouteOf, address string) (code int, page string) {
	path, fields, _ := strings.Cut(address, " ")
	method, _, named := strings.Cut(r.Pattern, " ")
	switch {
	case !named:
		method = http.MethodGet
	case r.Pattern == "GET /events":
		method = http.MethodHead // the stream does not end
	}
	var form url.Values
	if method == http.MethodPost {
		form, _ = url.ParseQuery(fields)
	}
	answer := b.do(method, path, form)
	return answer.Code, answer.Body.String() + answer.Header().Get("Location")
}

func TestEveryRouteAsksWhoItIs(t *testing.T) {
	s, names := routeOffice(t)
	for _, r := range s.Routes() {
		if r.Anyone {
			continue
		}
		for _, address := range casesOf(t, r) {
			code, page := ask(newBrowser(t, s.Server), r, names.Replace(address))
			assert.True(t, code == http.StatusSeeOther && strings.Contains(page, "/signin"), "%s %s answers %d", r.Pattern, address, code)
			b := newBrowser(t, s.Server)
			b.header = http.Header{"X-Fragment": {"1"}}
			code, _ = ask(b, r, names.Replace(address))
			assert.Equal(t, http.StatusUnauthorized, code, "%s %s, for a script", r.Pattern, address)
		}
	}
}

func TestEveryRouteHidesOtherDepartments(t *testing.T) {
	s, names := routeOffice(t)
	b := newBrowser(t, s.Server).signIn(s.ann)
	before := s.fingerprint(t)
	for _, r := range s.Routes() {
		for _, address := range casesOf(t, r) {
			for _, fragment := range []bool{false, true} {
				b.header = http.Header{}
				if fragment {
					b.header.Set("X-Fragment", "1")
				}
				code, page := ask(b, r, names.Replace(address))
				about := r.Pattern + " " + address + ": " + strconv.Itoa(code)
				lacks(t, strings.ToLower(page), about, "zanzibar")
				assert.NotEqual(t, http.StatusInternalServerError, code, about)
				switch path, _, _ := strings.Cut(address, "?"); {
				case r.Admins:
					assert.Equal(t, http.StatusForbidden, code, about)
				case foreign(path):
					assert.Equal(t, http.StatusNotFound, code, about)
				case strings.Contains(address, "{own}"):
					assert.Less(t, code, 400, about)
				}
			}
		}
	}
	assert.Equal(t, before, s.fingerprint(t), "nothing of the other department was changed")
	unknown := slices.DeleteFunc(patterns(), func(p string) bool {
		return slices.ContainsFunc(s.Routes(), func(r web.RouteOf) bool { return r.Pattern == p })
	})
	assert.Empty(t, unknown, "cases of routes that are gone")
}

// foreign reports whether an address or its form names something of the other department.
func foreign(address string) bool {
	return strings.Contains(strings.ReplaceAll(address, "{own}", ""), "{")
}

// patterns returns those that have cases.
func patterns() []string {
	var all []string
	for pattern := range routeCases {
		all = append(all, pattern)
	}
	return all
}

// fingerprint returns what the other department has, to see whether it was changed.
func (s *shop) fingerprint(t *testing.T) (all string) {
	t.Helper()
	for _, query := range []string{
		"SELECT count(*) || ' ' || max(subject || state || assignee || department || unread || merged_into) FROM desk_request WHERE subject LIKE 'zanzibar%'",
		"SELECT count(*) || ' ' || coalesce(max(name || own_name || merged_into || blocked), '') FROM desk_contact WHERE name LIKE 'Zanzibar%'",
		"SELECT count(*) || ' ' || max(id) FROM desk_message",
		"SELECT count(*) || '' FROM desk_draft", "SELECT count(*) || '' FROM desk_seen",
	} {
		var one string
		_, err := s.Desk.DB.Get(t.Context(), query, nil, &one)
		require.NoError(t, err)
		all += one + "\n"
	}
	return all
}
