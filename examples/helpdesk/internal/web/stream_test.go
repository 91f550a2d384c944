package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/live"
)

// listener reads a stream.
type listener struct {
	t     *testing.T
	lines *bufio.Scanner
}

// listen opens the stream of a browser at a server.
func (b *browser) listen(server *httptest.Server, query, lastEventID string) *listener {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, server.URL+"/events"+query, http.NoBody)
	require.NoError(b.t, err)
	r.Header.Set("Accept", "text/event-stream")
	if lastEventID != "" {
		r.Header.Set("Last-Event-ID", lastEventID)
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	resp, err := server.Client().Do(r)
	require.NoError(b.t, err)
	b.t.Cleanup(func() { _ = resp.Body.Close() })
	require.Equal(b.t, http.StatusOK, resp.StatusCode)
	require.Equal(b.t, "text/event-stream", resp.Header.Get("Content-Type"))
	l := &listener{b.t, bufio.NewScanner(resp.Body)}
	require.True(b.t, l.lines.Scan())
	require.Equal(b.t, "retry: 2000", l.lines.Text())
	return l
}

// next returns the next message; nil if the stream has ended.
func (l *listener) next() *live.Message {
	l.t.Helper()
	id := ""
	for l.lines.Scan() {
		if text, isID := strings.CutPrefix(l.lines.Text(), "id: "); isID {
			id = text
		}
		if data, isData := strings.CutPrefix(l.lines.Text(), "data: "); isData {
			m := &live.Message{}
			require.NoError(l.t, json.Unmarshal([]byte(data), m))
			assert.Equal(l.t, id, strconv.FormatInt(m.Seq, 10))
			return m
		}
	}
	return nil
}

// run runs the hub and serves the pages.
func (s *shop) run(t *testing.T) *httptest.Server {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Live.Run(ctx) }()
	server := httptest.NewServer(s.Server)
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-ended)
		server.Close() // it would wait for streams that have not ended
	})
	return server
}

// changed commits a change of a request.
func (s *shop) changed(t *testing.T, department, request int64) int64 {
	t.Helper()
	require.NoError(t, s.Desk.DB.Update(t.Context(), func(_ context.Context, tx durable.Tx) error {
		return tx.Changed(desk.Change{Kind: desk.ChangedRequest, Department: department, Object: request})
	}))
	seq, err := s.Desk.LastChange(t.Context())
	require.NoError(t, err)
	return seq
}

func TestStreamGoesOnWhereItWasCut(t *testing.T) {
	s := newShop(t)
	server := s.run(t)
	one, two := s.request(t, s.sales, "Bob", "one"), s.request(t, s.sales, "Eve", "two")
	theirs := s.request(t, s.support, "Mallory", "three")
	ann := newBrowser(t, s.Server).signIn(s.ann)
	first := s.changed(t, s.sales, one)
	l := ann.listen(server, "?after="+strconv.FormatInt(first, 10), "")
	hello := l.next()
	assert.Empty(t, hello.Changed)
	assert.Equal(t, s.ann, hello.Agent)
	has(t, ann.get("/inbox").Body.String(), "the page", `data-signin="`+hello.SignIn+`"`)

	s.changed(t, s.sales, two)
	m := l.next()
	for !slices.Contains(m.Changed, two) {
		m = l.next() // counts only
	}
	s.changed(t, s.support, theirs)
	last := s.changed(t, s.sales, one)
	again := ann.listen(server, "?after=0", strconv.FormatInt(m.Seq, 10)).next()
	assert.Equal(t, []int64{one}, again.Changed, "the browser's number counts, and nothing of Support")
	assert.Equal(t, last, again.Seq)
	assert.True(t, ann.listen(server, "", "").next().Reset)
}

func TestStreamEndsWithTheSignInAndTheRights(t *testing.T) {
	s := newShop(t)
	server := s.run(t)
	ann, tablet, max := newBrowser(t, s.Server).signIn(s.ann), newBrowser(t, s.Server).signIn(s.ann), newBrowser(t, s.Server).signIn(s.max)
	one, other, third := ann.listen(server, "?after=0", ""), tablet.listen(server, "?after=0", ""), max.listen(server, "?after=0", "")
	for _, l := range []*listener{one, other, third} {
		require.NotNil(t, l.next())
	}
	ann.post("/signout")
	assert.Nil(t, one.next(), "signed out here")
	request := s.request(t, s.sales, "Bob", "one")
	s.changed(t, s.sales, request)
	require.NotNil(t, other.next(), "the other sign-in goes on")

	require.NoError(t, s.Desk.DB.Update(t.Context(), func(ctx context.Context, tx durable.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE desk_agent SET epoch = epoch + 1 WHERE id = $1", s.ann); err != nil {
			return err
		}
		return tx.Changed(desk.Change{Kind: desk.ChangedAgent, Object: s.ann})
	}))
	for m := other.next(); m != nil; m = other.next() {
		assert.Empty(t, m.Changed)
	}
	assert.Equal(t, http.StatusSeeOther, tablet.get("/events").Code, "its sign-in has ended")
	s.Live.Close()
	for m := third.next(); m != nil; m = third.next() {
		assert.Empty(t, m.Changed)
	}
}

func TestActsOnARequest(t *testing.T) {
	s := newShop(t)
	one, theirs := s.request(t, s.sales, "Bob", "one"), s.request(t, s.support, "Eve", "two")
	three := s.request(t, s.sales, "Carl", "three")
	eve := addAgent(t, s.Server, "Eve", false, s.sales)
	ann, other := newBrowser(t, s.Server).signIn(s.ann), newBrowser(t, s.Server).signIn(eve)
	for _, act := range []string{"take", "assign", "move", "state", "merge", "seen", "presence", "rename", "block", "erase", "same"} {
		assert.Equal(t, http.StatusNotFound, ann.post(path("/requests/%d/%s", theirs, act), "state", "open", "message", "1").Code, act)
	}
	assert.Empty(t, s.Live.Viewers(theirs))

	taken := ann.post(path("/requests/%d/take", one), "back", "inbox?box=mine")
	assert.Equal(t, http.StatusSeeOther, taken.Code)
	assert.Equal(t, path("/inbox/%d?box=mine", one), taken.Header().Get("Location"))
	late := other.post(path("/requests/%d/take", one), "back", "inbox")
	assert.Equal(t, http.StatusConflict, late.Code)
	has(t, late.Body.String(), "the answer to the slower one", "Ann has taken request", `role="log"`, path(`data-address="/inbox/%d"`, one))

	assert.Equal(t, http.StatusNoContent, ann.post(path("/requests/%d/presence", one), "writing", "1").Code)
	has(t, other.get(path("/inbox/%d", one)).Body.String(), "the page of the other", "Ann</bdi> is writing a reply")
	lacks(t, ann.get(path("/inbox/%d", one)).Body.String(), "the own page", "is writing")
	ann.post(path("/requests/%d/presence", one), "gone", "1")
	lacks(t, other.get(path("/inbox/%d", one)).Body.String(), "the page of the other", "is writing")

	next := ann.post(path("/requests/%d/state", three), "state", "solved", "then", "next", "back", "inbox")
	assert.Equal(t, path("/inbox/%d", one), next.Header().Get("Location"), "solve and next")
	moved := ann.post(path("/requests/%d/move", one), "department", strconv.FormatInt(s.support, 10), "back", "https://evil.test/inbox")
	assert.Equal(t, "/requests", moved.Header().Get("Location"), "to the list: the request belongs to another department now")
	has(t, ann.get("/requests").Body.String(), "the list", path("Request #%d is with another department now.", one))
}
