package chatapi_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

const opaqueToken = "q0w9e8r7t6y5u4i3"

// jwt returns an unsigned token with that payload.
func jwt(payload string) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"none"}`)) + "." + part([]byte(payload)) + ".c2ln"
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func reply(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

// prepared returns a prepared send that is independent of the kinds of message.
func prepared(channel chatapi.ChannelID) *chatapi.Prepared {
	return &chatapi.Prepared{Channel: channel, Operation: "sendMessage", To: chatapi.Phone("12025550143"),
		Body: json.RawMessage(`{"phone":"12025550143","body":"hi"}`)}
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}

// offline returns a client that fails the test when it uses the network.
func offline(t testing.TB) *chatapi.Client {
	t.Helper()
	client, err := chatapi.New("https://api.1msg.io/ABC100000001", opaqueToken)
	require.NoError(t, err)
	return client
}

// contract returns an example of the contract.
func contract(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "contract", name))
	require.NoError(t, err)
	return data
}

// answering returns a client whose service always gives the same answer.
func answering(t *testing.T, status int, body string) *chatapi.Client {
	t.Helper()
	client, err := chatapi.New("https://api.test/ABC1", opaqueToken, chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 1}),
		chatapi.WithHTTPClient(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) { return reply(status, body), nil })}))
	require.NoError(t, err)
	return client
}

var once = chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 1})

func networkEnd(f roundTripper) chatapi.Option {
	return chatapi.WithHTTPClient(&http.Client{Transport: f})
}

func hangs(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func instant(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

var customerA, customerB = chatapi.Contact{Phone: "12025550143"}, chatapi.Contact{Phone: "12025550144"}

const abc = chatapi.ChannelID("ABC1")

// sent returns a message of the business that is delivered two seconds later.
func sent(id string, at time.Time, to chatapi.Contact, category string) []chatapi.Activity {
	return []chatapi.Activity{
		{Kind: chatapi.ActivityOutbound, At: at, Channel: abc, Contact: to, MessageID: id, Category: category},
		{Kind: chatapi.ActivityDelivered, At: at.Add(2 * time.Second), Channel: abc, Contact: to, MessageID: id},
	}
}

func wrote(at time.Time, from chatapi.Contact) chatapi.Activity {
	return chatapi.Activity{Kind: chatapi.ActivityInbound, At: at, Channel: abc, Contact: from}
}

func newLedger(t *testing.T, account chatapi.Account, activities ...chatapi.Activity) *chatapi.Ledger {
	t.Helper()
	ledger := chatapi.NewLedger(account)
	for _, a := range activities {
		require.NoError(t, ledger.Record(a))
	}
	return ledger
}

var errWriter = errors.New("full")

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errWriter }

func snapshotOf(t *testing.T, ledger *chatapi.Ledger) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, ledger.Snapshot(&out))
	return out.Bytes()
}

// replied checks that a call returned an answer, or an error of the SDK.
func replied(t *testing.T, there bool, err error) {
	t.Helper()
	var e *chatapi.Error
	require.True(t, there && err == nil || errors.As(err, &e), "%v", err)
}

// restored writes a snapshot of the ledger and restores it.
func restored(t *testing.T, ledger *chatapi.Ledger, account chatapi.Account) *chatapi.Ledger {
	t.Helper()
	again, err := chatapi.RestoreLedger(bytes.NewReader(snapshotOf(t, ledger)), account)
	require.NoError(t, err)
	return again
}

// bills returns the bill of every month that an activity or its windows can
// touch.
func bills(t *testing.T, account chatapi.Account, activities []chatapi.Activity) []*chatapi.Bill {
	t.Helper()
	ledger := chatapi.NewLedger(account)
	months := map[chatapi.YearMonth]bool{}
	for _, a := range activities {
		require.NoError(t, ledger.Record(a))
		local := a.At.In(account.Timezone)
		months[chatapi.Month(local.Year(), local.Month())] = true
	}
	var all []*chatapi.Bill
	for month := range months {
		bill, err := ledger.Bill(month)
		if err != nil {
			require.ErrorIs(t, err, chatapi.ErrNoPrice)
		}
		require.NotNil(t, bill)
		all = append(all, bill)
	}
	slices.SortFunc(all, func(a, b *chatapi.Bill) int { return (a.Month.Year-b.Month.Year)*12 + int(a.Month.Month-b.Month.Month) })
	return all
}

func texts(rows []scenarioRow) []string {
	var all []string
	for _, r := range rows {
		all = append(all, r.String())
	}
	return all
}

// arrivals returns the activities in several orders.
func arrivals(in []chatapi.Activity) [][]chatapi.Activity {
	backwards := slices.Clone(in)
	slices.Reverse(backwards)
	all := [][]chatapi.Activity{in, backwards, slices.Concat(in, backwards)}
	random := rand.New(rand.NewPCG(2022, 2))
	for range 5 {
		shuffled := slices.Concat(in, in)
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		all = append(all, shuffled)
	}
	return all
}

var may2026 = chatapi.Month(2026, time.May)

func values(all []chatapi.Activity, end error) iter.Seq2[chatapi.Activity, error] {
	return func(yield func(chatapi.Activity, error) bool) {
		for _, a := range all {
			if !yield(a, nil) {
				return
			}
		}
		if end != nil {
			yield(chatapi.Activity{}, end)
		}
	}
}

// wrongField compares the Field and the Kind of a local check's error and returns
// the *Error.
func wrongField(t testing.TB, err error, kind chatapi.ErrorKind, field string) *chatapi.Error {
	t.Helper()
	var e *chatapi.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, field, e.Field, "%v", err)
	assert.ErrorIs(t, err, kind)
	assert.NotEmpty(t, e.Reason)
	assert.NotEmpty(t, e.Sentence)
	assert.Equal(t, chatapi.RetryFix, e.Retry)
	return e
}

// runes returns n characters of four bytes each: limits count characters.
func runes(n int) string { return strings.Repeat("😀", n) }

// serving returns a client whose service answers the nth call, counted from 0,
// with answer(n).
func serving(t testing.TB, answer func(n int, r *http.Request) *http.Response) *chatapi.Client {
	t.Helper()
	n := -1
	network := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		if n++; n == tooMany {
			t.Errorf("%d requests: the client does not pause", n)
		}
		if n >= tooMany {
			return reply(401, `{"error":"too many"}`), nil
		}
		return answer(n, r), nil
	})}
	client, err := chatapi.New("https://api.1msg.io/ABC100000001", opaqueToken, chatapi.WithHTTPClient(network), chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 1}))
	require.NoError(t, err)
	return client
}

// always returns an answer function that gives every call the same 200.
func always(body string) func(int, *http.Request) *http.Response {
	return func(int, *http.Request) *http.Response { return reply(200, body) }
}

// listed returns a reply that lists templates, each given as
// "name/language/STATUS".
func listed(templates ...string) string {
	var rows []string
	for _, t := range templates {
		part := strings.Split(t, "/")
		rows = append(rows, fmt.Sprintf(`{"name":%q,"language":%q,"status":%q}`, part[0], part[1], part[2]))
	}
	return `{"templates":[` + strings.Join(rows, ",") + `]}`
}

// draft returns the contract's example of a template to create.
func draft() chatapi.TemplateDraft {
	return chatapi.TemplateDraft{Name: "order_update", Category: "UTILITY", Language: "en", Components: []chatapi.Component{
		{Type: chatapi.ComponentHeader, Format: chatapi.FormatText, Text: "Order {{1}}", Example: []string{"1001"}},
		{Type: chatapi.ComponentBody, Text: "Hello {{1}}, order {{2}} left the store.", Example: []string{"Pat", "1001"}},
		{Type: chatapi.ComponentFooter, Text: "Example Ltd"},
		{Type: chatapi.ComponentButtons, Buttons: []chatapi.TemplateButton{
			{Type: chatapi.ButtonTypeURL, Text: "Track", URL: "https://shop.example.com/t/{{1}}", Example: "1001"},
			{Type: chatapi.ButtonTypeQuickReply, Text: "Thanks"},
		}},
	}}
}

// approved returns the contract's example as an approved template with the given
// body.
func approved(t testing.TB, body string) *chatapi.TemplateInfo {
	t.Helper()
	d := draft()
	d.Components[1].Text = body
	return &chatapi.TemplateInfo{Name: d.Name, Language: d.Language, Namespace: "n1", Category: d.Category, Status: chatapi.TemplateApproved, Components: d.Components}
}

func numbers(t *testing.T, client *chatapi.Client, filter chatapi.HistoryFilter) (all []int64) {
	t.Helper()
	for ev, err := range client.Messages.All(t.Context(), filter) {
		require.NoError(t, err)
		all = append(all, ev.Info().Number)
	}
	return all
}

// hook is a handler with the keys of the events that it handled and the errors
// that it reported.
type hook struct {
	keys    []string
	errors  []error
	handler *chatapi.WebhookHandler
}

// newHook returns a handler with a secret. The handler calls fail for each event,
// unless fail is nil.
func newHook(fail func(e chatapi.Event) error, opts ...chatapi.WebhookOption) *hook {
	h := &hook{}
	opts = append([]chatapi.WebhookOption{chatapi.WebhookSecret(hookSecret), h.reporting()}, opts...)
	h.handler = chatapi.NewWebhookHandler(func(_ context.Context, e chatapi.Event) error {
		h.keys = append(h.keys, e.Key())
		if fail != nil {
			return fail(e)
		}
		return nil
	}, opts...)
	return h
}

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// cloud returns a body in WhatsApp's own format with one change.
func cloud(field, value string) string {
	return `{"object":"whatsapp_business_account","entry":[{"id":"1","time":1790000000,"changes":[{"field":"` + field + `","value":` + value + `}]}]}`
}

const (
	hookSecret = "0hx7-secret"
	hookBody   = `{"instanceId":"ABC100000001","messages":[
		{"id":"a","type":"chat","body":"one","fromMe":false,"chatId":"12025550143@c.us"},
		{"id":"b","type":"chat","body":"two","fromMe":false,"chatId":"12025550143@c.us"}],
		"ack":[{"id":"c","status":"read"}]}`
)

func (h *hook) reporting() chatapi.WebhookOption {
	return chatapi.WebhookErrors(func(_ context.Context, err error) { h.errors = append(h.errors, err) })
}
