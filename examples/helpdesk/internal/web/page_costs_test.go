package web_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/live"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/seal"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/web"
)

// hostile is a name that would be a script, a comment or a change of direction, if a page
// did not write it as a text.
const hostile = "<script>alert(1)</script>\"'-->\u202e{{7}}"

// costPages is a server with two channels, of which a fake has the first, and the browsers
// of an administrator and an agent.
type costPages struct {
	*testing.T
	server *web.Server
	api    *chatapitest.API
	admin  *browser
	agent  *browser
}

func newCostPages(t *testing.T, model chatapi.Model) *costPages {
	t.Helper()
	db, err := store.OpenSQLite(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	p := &costPages{T: t, api: chatapitest.New(t, chatapitest.ApproveAfter(-1))}
	channels := chatapi.NewChannels()
	_, err = channels.Put(p.api.URL, p.api.Token, chatapi.WithHTTPClient(&http.Client{Transport: p.api.Transport}))
	require.NoError(t, err)
	durableDesk, err := durable.Open(t.Context(), db.Durable, channels)
	require.NoError(t, err)
	key, err := seal.New(make([]byte, 32))
	require.NoError(t, err)
	d := desk.New(desk.Config{DB: db, Durable: durableDesk, Channels: channels, Key: key, Model: model,
		Now: func() time.Time { return time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC) },
		Log: slog.New(slog.DiscardHandler), Files: t.TempDir(), URL: "http://localhost:8400"})
	p.server, err = web.New(web.Config{Desk: d, Live: live.New(d)})
	require.NoError(t, err)
	p.write("INSERT INTO desk_department (id, name, folded) VALUES (1, 'Sales', 'sales')")
	p.write("INSERT INTO desk_agent (id, email, folded, name, admin, created) VALUES (1, 'ann@shop.test', 'ann@shop.test', 'Ann', 1, 1), (2, 'max@shop.test', 'max@shop.test', 'Max', 0, 1)")
	p.write(`INSERT INTO desk_channel (id, channel, department, name, phone, api_url, token, state) VALUES
		(1, 'ABC100000001', 1, $1, '+1 202 555 0100', '', $2, 'connected'), (2, 'ABC100000002', 1, 'Support', '+1 202 555 0101', '', $2, 'connected')`, hostile, []byte{})
	p.admin, p.agent = newBrowser(t, p.server).signIn(1), newBrowser(t, p.server).signIn(2)
	return p
}

func (p *costPages) write(statement string, args ...any) {
	p.Helper()
	require.NoError(p, p.server.Desk.DB.Update(p.Context(), func(ctx context.Context, tx durable.Tx) error {
		_, err := tx.Exec(ctx, statement, args...)
		return err
	}))
}

// talk records a message of a customer and the delivered answer of an hour later.
func (p *costPages) talk(channel chatapi.ChannelID, phone string, at time.Time, entry chatapi.EntryPoint, category string) {
	p.Helper()
	ledger, err := p.server.Desk.Ledger(p.Context())
	require.NoError(p, err)
	a := chatapi.Activity{Kind: chatapi.ActivityInbound, At: at, Channel: channel, Contact: chatapi.Contact{Phone: phone}, EntryPoint: entry}
	require.NoError(p, ledger.Record(a))
	a.Kind, a.At, a.EntryPoint, a.Category, a.MessageID = chatapi.ActivityOutbound, at.Add(time.Hour), "", category, fmt.Sprint(phone, at.Unix(), category)
	require.NoError(p, ledger.Record(a))
	a.Kind, a.At = chatapi.ActivityDelivered, at.Add(time.Hour+time.Second)
	require.NoError(p, ledger.Record(a))
}

func day(n, hour int) time.Time { return time.Date(2026, 11, n, hour, 0, 0, 0, time.UTC) }

// shown returns the body of a page, which has to be a whole one.
func shown(t *testing.T, answer *httptest.ResponseRecorder) string {
	t.Helper()
	require.Equal(t, http.StatusOK, answer.Code, answer.Body.String())
	page := answer.Body.String()
	assert.NotContains(t, page, "<script>alert", "a name is a text")
	assert.NotContains(t, page, "ZgotmplZ")
	assert.NotContains(t, page, " style=")
	assert.True(t, strings.HasSuffix(strings.TrimSpace(page), "</html>"))
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		assert.False(t, ids[m[1]], "id %q twice", m[1])
		ids[m[1]] = true
	}
	return page
}

// theMonth fills both free tiers' worth of conversations, and has the cases that decide
// about the rest.
func (p *costPages) theMonth() {
	p.Helper()
	for n := range 1000 {
		p.talk("ABC100000001", fmt.Sprint(12025560000+n), day(2, 9), "", "")
	}
	p.talk("ABC100000001", "12025550150", day(3, 9), chatapi.EntryPointAd, "")
	p.talk("ABC100000001", "12025550151", day(3, 9), chatapi.EntryPointButton, "")
	p.talk("ABC100000002", "12025550152", day(4, 9), "", "utility")
}

func TestCostsPage(t *testing.T) {
	for model, words := range map[chatapi.Model][]string{
		"":                   {"1,000 of 1,000, used up", "0 of 1,000", "came from an ad", "<h2 id=\"lines\">Messages</h2>", "service messages of a month and number"},
		chatapi.ModelCBP2022: {"All numbers together", "1,000 of 1,000, used up", "Opened by", "the customer, from an ad", "shared by all numbers"},
	} {
		t.Run(string(model), func(t *testing.T) {
			p := newCostPages(t, model)
			p.theMonth()
			page := shown(t, p.admin.get("/costs/2026-11"))
			for _, word := range words {
				assert.Contains(t, page, word)
			}
			p.sameNumbers(page)
		})
	}
}

// sameNumbers fails the test unless the bars, the table and the bill have the same sum.
func (p *costPages) sameNumbers(page string) {
	p.Helper()
	v, err := p.server.Desk.For(p.Context(), 1)
	require.NoError(p, err)
	month, err := v.Month(p.Context(), chatapi.Month(2026, time.November))
	require.NoError(p, err)
	sum := func(pattern string) (total chatapi.Money) {
		found := regexp.MustCompile(pattern).FindAllStringSubmatch(page, -1)
		require.NotEmpty(p, found, pattern)
		for _, m := range found {
			one, err := chatapi.ParseMoney(m[1], "USD")
			require.NoError(p, err)
			total, err = total.Add(one)
			require.NoError(p, err)
		}
		return total
	}
	want := month.Bill.Totals[0]
	assert.Equal(p, want, sum(`<title>\d+ November, [^:<]*: ([\d.]+) USD</title>`), "the bars")
	assert.Equal(p, want, sum(`<th scope="row">\d+</th>.*<td class="number">([\d.]+)</td></tr>`), "the days of the table")
	assert.Equal(p, want, sum(`<tfoot>.*<td class="number">([\d.]+)</td></tr></tfoot>`), "the foot of the table")
}

func TestCostsInOtherForms(t *testing.T) {
	p := newCostPages(t, "")
	p.theMonth()
	answer := p.admin.get("/costs/2026-11.csv")
	assert.Equal(t, `attachment; filename="costs-2026-11.csv"`, answer.Header().Get("Content-Disposition"))
	rows, err := csv.NewReader(answer.Body).ReadAll()
	require.NoError(t, err)
	assert.Len(t, rows, 1004)
	var bill chatapi.Bill
	require.NoError(t, json.Unmarshal(p.admin.get("/costs/2026-11.json").Body.Bytes(), &bill))
	assert.Len(t, bill.Charges, 1003)
	assert.Equal(t, "/costs/2026-11", p.admin.get("/costs").Header().Get("Location"))
	page := shown(t, p.admin.get("/costs/2026-10"))
	assert.Contains(t, page, "Nothing was delivered in this month.")
	assert.Contains(t, page, `href="/costs/2026-11"`)
	for _, path := range []string{"/costs/2026-13", "/costs/x", "/costs/2026-11.exe", "/costs/.csv", "/costs/0000-01", "/costs/0001-01", "/costs/9999-12.csv"} {
		assert.Equal(t, http.StatusNotFound, p.admin.get(path).Code, path)
	}
	for _, path := range []string{"/costs", "/costs/2026-11", "/costs/2026-11.csv"} {
		assert.Equal(t, http.StatusForbidden, p.agent.get(path).Code, path)
	}
}
