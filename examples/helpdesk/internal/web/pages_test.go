package web_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/web"
)

// insert adds a row to a table and returns its id.
func insert(t *testing.T, s *web.Server, table string, pairs ...any) (id int64) {
	t.Helper()
	var names, places []string
	var args []any
	for n := 0; n < len(pairs); n += 2 {
		names, args = append(names, pairs[n].(string)), append(args, pairs[n+1])
		places = append(places, fmt.Sprintf("$%d", len(args)))
	}
	query := "INSERT INTO " + table + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(places, ", ") + ") RETURNING id"
	require.NoError(t, s.Desk.DB.Update(t.Context(), func(ctx context.Context, tx durable.Tx) error {
		_, err := store.Get(ctx, tx, query, args, &id)
		return err
	}))
	return id
}

// shop is a desk with two departments, a displayed channel of each, and an agent of each.
type shop struct {
	*web.Server
	sales, support int64 // departments
	ann, max       int64 // agents of sales and of support
	channels       map[int64]int64
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{Server: open(t), channels: map[int64]int64{}}
	var err error
	s.sales, err = s.Desk.AddDepartment(t.Context(), "Sales")
	require.NoError(t, err)
	s.support, err = s.Desk.AddDepartment(t.Context(), "Support")
	require.NoError(t, err)
	s.ann, s.max = addAgent(t, s.Server, "Ann", false, s.sales), addAgent(t, s.Server, "Max", false, s.support)
	for n, department := range []int64{s.sales, s.support} {
		s.channels[department] = insert(t, s.Server, "desk_channel", "channel", fmt.Sprintf("ABC10000000%d", n), "department", department,
			"name", fmt.Sprintf("Shop %d", n), "api_url", "https://api.test", "token", []byte{1}, "state", "connected", "displayed", 1)
	}
	return s
}

// request adds a request of a customer in a department, with a chat of its own.
func (s *shop) request(t *testing.T, department int64, person, subject string) int64 {
	t.Helper()
	now := store.Micros(time.Now())
	contact := insert(t, s.Server, "desk_contact", "name", person, "folded", store.Fold(person), "created", now)
	chat := insert(t, s.Server, "desk_chat", "channel", s.channels[department], "contact", contact, "answer", fmt.Sprintf("1202555%04d", contact),
		"closes", now+store.Micros(time.UnixMicro(0).Add(23*time.Hour)))
	id := insert(t, s.Server, "desk_request", "channel", s.channels[department], "chat", chat, "department", department, "subject", subject,
		"folded", store.Fold(subject), "state", "new", "opened", now, "last", now, "preview", subject, "unread", 1)
	s.message(t, id, "direction", "in", "kind", "text", "body", subject)
	return id
}

// message adds a message to a request.
func (s *shop) message(t *testing.T, request int64, pairs ...any) int64 {
	t.Helper()
	var channel, chat int64
	_, err := s.Desk.DB.Get(t.Context(), "SELECT channel, chat FROM desk_request WHERE id = $1", []any{request}, &channel, &chat)
	require.NoError(t, err)
	return insert(t, s.Server, "desk_message", append([]any{"channel", channel, "chat", chat, "request", request, "at", store.Micros(time.Now())}, pairs...)...)
}

// has reports parts that a page does not have, without printing the page.
func has(t *testing.T, page, about string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(page, part) {
			t.Errorf("%s does not have %s", about, part)
		}
	}
}

// lacks reports parts that a page has.
func lacks(t *testing.T, page, about string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if strings.Contains(page, part) {
			t.Errorf("%s has %s", about, part)
		}
	}
}

func path(format string, args ...any) string { return fmt.Sprintf(format, args...) }

func TestInboxShowsTheRequestsOfTheAgent(t *testing.T) {
	s := newShop(t)
	mine, theirs := s.request(t, s.sales, "Bob Sample", "Where is my order?"), s.request(t, s.support, "Eve Example", "The secret word")
	ann := newBrowser(t, s.Server).signIn(s.ann)

	page := ann.get("/inbox").Body.String()
	has(t, page, "the inbox", "Bob Sample", `id="count-unassigned" class="n">1<`)
	lacks(t, page, "the inbox", "Eve Example")

	page = ann.get(path("/inbox/%d", mine)).Body.String()
	has(t, page, "the request", "Where is my order?", `role="log"`, `id="panel"`, `id="composer"`, "<title>(1) Bob Sample · Omnichannel · Helpdesk</title>")
	for _, address := range []string{"/inbox/%d", "/requests/%d", "/inbox/%d?ids=%[1]d"} {
		answer := ann.get(path(address, theirs))
		assert.Equal(t, http.StatusNotFound, answer.Code, address)
		lacks(t, answer.Body.String(), address, "secret")
	}
}

func TestListsAnswerAScriptWithPartsOnly(t *testing.T) {
	s := newShop(t)
	one, two := s.request(t, s.sales, "Bob", "one"), s.request(t, s.sales, "Eve", "two")
	theirs := s.request(t, s.support, "Mallory", "three")
	ann := newBrowser(t, s.Server).signIn(s.ann)
	ann.header.Set("X-Fragment", "1")
	for address, want := range map[string][]string{
		path("/inbox?ids=%d,%d", one, theirs):       {`id="rows"`, `data-asked="`, `id="row-1"`},
		path("/inbox/%d?ids=%d", two, two):          {`id="rows"`, `id="work-head"`, `id="thread"`, `id="panel"`},
		path("/requests?ids=%d", one):               {`<tbody id="rows"`, `id="total"`},
		path("/requests/%d?ids=%d", one, one):       {`id="work-head"`, `id="thread"`},
		path("/inbox?box=mine&ids=%d", one):         {`id="rows"`},
		path("/inbox/%d?box=mine&ids=%d", two, one): {`id="rows"`},
	} {
		page := ann.get(address).Body.String()
		has(t, page, address, want...)
		lacks(t, page, address, "<html", `id="composer"`, "Mallory")
		if strings.Contains(address, "mine") {
			lacks(t, page, address, "row-")
		}
	}
}

// A page that is open may show a channel that is gone.
func TestConnectionOfAChannelThatIsGone(t *testing.T) {
	s := newShop(t)
	boss := newBrowser(t, s.Server).signIn(addAgent(t, s.Server, "Boss", true))
	boss.header = http.Header{"X-Fragment": {"1"}}
	for _, act := range []string{"synchronize", "token"} {
		answer := boss.post("/manage/channels/99/"+act, "token", "a-token-of-the-cabinet")
		assert.Equal(t, http.StatusOK, answer.Code)
		assert.Contains(t, answer.Body.String(), "There is no such channel any more.", act)
	}
}
