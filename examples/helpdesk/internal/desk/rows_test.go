package desk_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// The people of these tests.
var (
	robert = chatapi.Contact{Phone: "12025550143", Chat: "12025550143@c.us", Name: "Bob"}
	bobToo = chatapi.Contact{Phone: "12025550143", BSUID: "US.1000000000000001", Name: "Bob", Username: "bob"}
	hidden = chatapi.Contact{BSUID: "US.1000000000000001", Name: "Bob"}
	eve    = chatapi.Contact{Phone: "12025550144", Name: "Eve"}
)

const team = "120363000000000001@g.us"

// at is the fields of an event that happens some seconds after the morning.
func at(seconds int) chatapi.EventInfo {
	return chatapi.EventInfo{Channel: "ABC100000001", Time: morning.Add(time.Duration(seconds) * time.Second)}
}

func says(seconds int, who chatapi.Contact, id, text string) *chatapi.MessageEvent {
	return &chatapi.MessageEvent{EventInfo: at(seconds), From: who, Content: chatapi.Content{ID: id, Type: chatapi.TypeText, Text: text}}
}

// does is a customer's message that is more than text.
func does(seconds int, who chatapi.Contact, c chatapi.Content) *chatapi.MessageEvent {
	return &chatapi.MessageEvent{EventInfo: at(seconds), From: who, Content: c}
}

func answers(seconds int, id, text string) *chatapi.EchoEvent {
	return &chatapi.EchoEvent{EventInfo: at(seconds), To: robert, FromApp: true, Content: chatapi.Content{ID: id, Type: chatapi.TypeText, Text: text}}
}

func reacts(seconds int, who chatapi.Contact, id, to, emoji string) *chatapi.MessageEvent {
	return does(seconds, who, chatapi.Content{ID: id, Type: chatapi.TypeReaction, QuotedID: to, Reaction: &chatapi.ReceivedReaction{MessageID: to, Emoji: emoji}})
}

func edits(seconds int, id, of, text string) *chatapi.MessageEvent {
	return does(seconds, robert, chatapi.Content{ID: id, Type: chatapi.TypeEdit, OriginalID: of, Edit: &chatapi.Content{Type: chatapi.TypeText, Text: text}})
}

func revokes(seconds int, id, of string) *chatapi.MessageEvent {
	return does(seconds, robert, chatapi.Content{ID: id, Type: chatapi.TypeRevoke, OriginalID: of})
}

func reports(seconds int, id string, status chatapi.Status, errs ...chatapi.StatusError) *chatapi.StatusEvent {
	return &chatapi.StatusEvent{EventInfo: at(seconds), MessageID: id, Status: status, To: robert, Errors: errs}
}

// applies makes rows of events, each in a transaction of its own.
func (o *office) applies(events ...chatapi.Event) {
	o.t.Helper()
	for _, e := range events {
		require.NoError(o.t, o.Apply(o.t.Context(), e))
	}
}

// clock shows a column of time as seconds after the morning.
func clock(micros int64) string {
	if micros == 0 {
		return "-"
	}
	return fmt.Sprint(int64(store.Time(micros).Sub(morning) / time.Second))
}

// rows describes requests and messages without their numbers, in the order of the thread.
func (o *office) rows() []string { return append(o.requestLines(), o.messageLines()...) }

func (o *office) requestLines() (lines []string) {
	o.t.Helper()
	rows, err := o.DB.Query(o.t.Context(), `SELECT d.name, r.state, r.subject, r.preview, r.unread, r.waits, r.last, r.failed, r.undecided, c.closes, c.answer, c.ad
		FROM desk_request r JOIN desk_chat c ON c.id = r.chat JOIN desk_department d ON d.id = r.department ORDER BY r.opened, r.id`)
	require.NoError(o.t, err)
	defer rows.Close()
	for rows.Next() {
		var department, state, subject, preview, answer, ad string
		var unread, waits, last, failed, undecided, closes int64
		require.NoError(o.t, rows.Scan(&department, &state, &subject, &preview, &unread, &waits, &last, &failed, &undecided, &closes, &answer, &ad))
		line := fmt.Sprintf("request %s %s %q %q unread %d waits %s last %s", department, state, subject, preview, unread, clock(waits), clock(last))
		if closes != 0 {
			line += " closes " + clock(closes)
		}
		if failed+undecided > 0 {
			line += fmt.Sprintf(" failed %d undecided %d", failed, undecided)
		}
		if ad != "" {
			line += " ad " + ad
		}
		lines = append(lines, line+" "+answer)
	}
	require.NoError(o.t, rows.Err())
	return lines
}

func (o *office) messageLines() (lines []string) {
	o.t.Helper()
	rows, err := o.DB.Query(o.t.Context(), `SELECT m.id, m.direction, m.kind, m.body, m.at, m.author, m.quoted, m.payload, m.deleted, m.placeholder, m.origin, m.status,
		m.sentence, m.request, coalesce(f.state, ''), coalesce(f.name, ''), coalesce(f.why, '') FROM desk_message m LEFT JOIN desk_media f ON f.message = m.id ORDER BY m.at, m.wamid`)
	require.NoError(o.t, err)
	defer rows.Close()
	for rows.Next() {
		var id, at, deleted, placeholder, request int64
		var direction, kind, body, author, quoted, payload, origin, status, sentence, media, name, why string
		require.NoError(o.t, rows.Scan(&id, &direction, &kind, &body, &at, &author, &quoted, &payload, &deleted, &placeholder, &origin, &status, &sentence, &request, &media, &name, &why))
		parts := []string{clock(at), direction, kind, fmt.Sprintf("%q", body)}
		for _, pair := range [][2]string{{"by", author}, {"to", quoted}, {"", origin}, {"", status}, {"", sentence}, {"", payload}, {"file", strings.Join(strings.Fields(media+" "+name+" "+why), " ")},
			{"deleted", clock(deleted)}, {"", map[int64]string{1: "placeholder"}[placeholder]}, {"", map[int64]string{0: "in no request"}[request]}, {"was", o.formerly(id)}, {"", o.reactions(id)}} {
			if pair[1] != "" && pair[1] != "-" {
				parts = append(parts, strings.TrimSpace(pair[0]+" "+pair[1]))
			}
		}
		lines = append(lines, strings.Join(parts, " "))
	}
	require.NoError(o.t, rows.Err())
	return lines
}

func (o *office) formerly(message int64) string {
	rows, err := o.DB.Query(o.t.Context(), "SELECT body FROM desk_edit WHERE message = $1 ORDER BY at", message)
	all, err := store.All(rows, err, func(s *string) []any { return []any{s} })
	require.NoError(o.t, err)
	return strings.Join(all, ", ")
}

func (o *office) reactions(message int64) string {
	rows, err := o.DB.Query(o.t.Context(), "SELECT author, emoji FROM desk_reaction WHERE message = $1 AND emoji <> '' ORDER BY author", message)
	all, err := store.All(rows, err, func(p *[2]string) []any { return []any{&p[0], &p[1]} })
	require.NoError(o.t, err)
	var texts []string
	for _, pair := range all {
		texts = append(texts, pair[1]+" by "+cmp.Or(pair[0], "us"))
	}
	return strings.Join(texts, ", ")
}

func TestMessagesOfEveryKind(t *testing.T) {
	file := &chatapi.ReceivedMedia{ID: "123", Name: "a.pdf"}
	cases := map[string]struct {
		content chatapi.Content
		want    string
		subject string
	}{
		"text":                  {chatapi.Content{Type: chatapi.TypeText, Text: "hi"}, `0 in text "hi"`, "hi"},
		"text with a bad sign":  {chatapi.Content{Type: chatapi.TypeText, Text: "a\x00b\xff"}, `0 in text "a` + "\uFFFDb\uFFFD" + `"`, "a\uFFFDb\uFFFD"},
		"image":                 {chatapi.Content{Type: chatapi.TypeImage, Media: &chatapi.ReceivedMedia{URL: "https://files.example/1"}}, `0 in image "" file fetching`, "(photo)"},
		"image that nobody has": {chatapi.Content{Type: chatapi.TypeImage, Media: &chatapi.ReceivedMedia{}}, `0 in image "" file failed WhatsApp did not say where the file is.`, "(photo)"},
		"document":              {chatapi.Content{Type: chatapi.TypeDocument, Text: "the plan", Media: file}, `0 in document "the plan" file fetching a.pdf`, "the plan"},
		"voice":                 {chatapi.Content{Type: chatapi.TypeVoice, Media: &chatapi.ReceivedMedia{ID: "1"}}, `0 in voice "" file fetching`, "(voice message)"},
		"sticker":               {chatapi.Content{Type: chatapi.TypeSticker, Media: &chatapi.ReceivedMedia{ID: "1"}}, `0 in sticker "" file fetching`, "(sticker)"},
		"location": {chatapi.Content{Type: chatapi.TypeLocation, Location: &chatapi.ReceivedLocation{Latitude: 38.9, Longitude: -77, Name: "Shop"}},
			`0 in location "" {"place":{"latitude":38.9,"longitude":-77,"name":"Shop"}}`, "(place)"},
		"contacts": {chatapi.Content{Type: chatapi.TypeContacts, Cards: []chatapi.ContactCard{{Name: chatapi.ContactName{Formatted: "Pat"}, Phones: []chatapi.ContactPhone{{Number: "+12025550150"}}}}},
			`0 in contacts "" {"people":[{"name":"Pat","phones":["+12025550150"]}]}`, "(contact)"},
		"button":      {chatapi.Content{Type: chatapi.TypeInteractive, Text: "Track", Reply: &chatapi.Reply{ID: "track", Title: "Track"}}, `0 in interactive "Track" {"choice":"track"}`, "Track"},
		"list row":    {chatapi.Content{Type: chatapi.TypeInteractive, Text: "Red", Reply: &chatapi.Reply{ID: "r", Title: "Red", Description: "as wine", List: true}}, `0 in interactive "Red" {"footer":"as wine","choice":"r"}`, "Red"},
		"quick reply": {chatapi.Content{Type: chatapi.TypeButton, Text: "Yes", QuotedID: "w9", Reply: &chatapi.Reply{ID: "yes", Title: "Yes"}}, `0 in button "Yes" to w9 {"choice":"yes"}`, "Yes"},
		"order": {chatapi.Content{Type: chatapi.TypeOrder, Order: &chatapi.ReceivedOrder{Text: "quick", Items: []chatapi.ReceivedItem{{ProductID: "K1", Quantity: "2", Price: "19.99", Currency: "USD"}}}},
			`0 in order "quick" {"items":[{"product":"K1","quantity":2,"price":"19.99 USD"}]}`, "quick"},
		"form": {chatapi.Content{Type: chatapi.TypeInteractive, Text: "Sent", Flow: &chatapi.FlowReply{Name: "flow", JSON: json.RawMessage(`{"size":"M","flow_token":"t"}`)}},
			`0 in interactive "Sent" {"form":["size: M"]}`, "Sent"},
		"question about a product": {chatapi.Content{Type: chatapi.TypeText, Text: "this?", Product: &chatapi.ReceivedProduct{ProductID: "K1"}}, `0 in text "this?" {"header":"About the product K1"}`, "this?"},
		"permission to call":       {chatapi.Content{Type: chatapi.TypeCallPermission, Permission: &chatapi.CallPermission{Response: "accept"}}, `0 in call_permission_reply "Calls are allowed."`, "Calls are allowed."},
		"welcome":                  {chatapi.Content{Type: chatapi.TypeRequestWelcome}, `0 in request_welcome "The customer has opened the chat for the first time."`, "The customer has opened the chat for the first time."},
		"unsupported": {chatapi.Content{Type: chatapi.TypeUnsupported, Unsupported: "poll", Errors: []chatapi.StatusError{{Code: 131051, Title: "x"}}},
			`0 in unsupported "" {"raw":"{\"a\":1}","why":"unsupported: poll"}`, "(message that cannot be shown)"},
		"a kind to come": {chatapi.Content{Type: chatapi.TypeOther}, `0 in unsupported "" {"raw":"{\"a\":1}","why":"A kind of message that this version cannot show."}`, "(message that cannot be shown)"},
	}
	onBoth(t, func(t *testing.T, open func(t testing.TB) *office) {
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				o := open(t)
				c.content.ID = "w1"
				e := does(0, robert, c.content)
				e.Raw = json.RawMessage(`{"a":1}`)
				o.applies(e)
				require.Equal(t, []string{
					fmt.Sprintf("request Sales new %q %q unread 1 waits 0 last 0 closes 86400 phone:12025550143", c.subject, c.subject),
					c.want}, o.rows())
			})
		}
	})
}

// eventCase is what events make.
type eventCase struct {
	events []chatapi.Event
	want   []string
}

// hi is the first message of these cases, and ofHi the request that it opens.
var hi = says(0, robert, "w1", "hi")

func ofHi(rest string) string { return `request Sales new "hi" ` + rest + " phone:12025550143" }

var unread = ofHi(`"hi" unread 1 waits 0 last 0 closes 86400`)

// messageCases are what people say, and what is said of messages.
func messageCases() map[string]eventCase {
	failed := chatapi.StatusError{Code: 131026, Sentence: "The number is not on WhatsApp.", Advice: "check it", Retry: chatapi.RetryNo}
	return map[string]eventCase{
		"a reaction": {[]chatapi.Event{hi, reacts(5, robert, "w2", "w1", "👍")},
			[]string{ofHi(`"hi" unread 1 waits 0 last 0 closes 86405`), `0 in text "hi" 👍 by phone:12025550143`}},
		"a reaction that was removed": {[]chatapi.Event{hi, reacts(5, robert, "w2", "w1", "👍"), reacts(6, robert, "w3", "w1", "")},
			[]string{ofHi(`"hi" unread 1 waits 0 last 0 closes 86406`), `0 in text "hi"`}},
		"a reaction to what has not come": {[]chatapi.Event{reacts(5, robert, "w2", "w0", "👍")},
			[]string{`5 out  "" placeholder in no request 👍 by phone:12025550143`}},
		"an edit": {[]chatapi.Event{hi, edits(5, "w2", "w1", "hello")},
			[]string{ofHi(`"hello" unread 1 waits 0 last 0 closes 86405`), `0 in text "hello" was hi`}},
		"a deletion": {[]chatapi.Event{hi, revokes(5, "w2", "w1")},
			[]string{ofHi(`"(deleted)" unread 1 waits 0 last 0 closes 86405`), `0 in text "hi" deleted 5`}},
		"an answer by phone": {[]chatapi.Event{hi, answers(5, "w2", "yes")},
			[]string{`request Sales waiting "hi" "yes" unread 0 waits - last 5 closes 86400 phone:12025550143`, `0 in text "hi"`, `5 out text "yes" by a colleague, by phone sent`}},
		"an answer by phone, and its statuses": {[]chatapi.Event{hi, answers(5, "w2", "yes"), reports(7, "w2", chatapi.StatusRead), reports(8, "w2", chatapi.StatusDelivered), reports(9, "w2", chatapi.StatusFailed, failed)},
			[]string{`request Sales waiting "hi" "yes" unread 0 waits - last 5 closes 86400 phone:12025550143`, `0 in text "hi"`, `5 out text "yes" by a colleague, by phone read`}},
		"an answer by phone that failed": {[]chatapi.Event{hi, answers(5, "w2", "yes"), reports(7, "w2", chatapi.StatusFailed, failed)},
			[]string{`request Sales waiting "hi" "yes" unread 1 waits 0 last 5 closes 86400 failed 1 undecided 0 phone:12025550143`, `0 in text "hi"`,
				`5 out text "yes" by a colleague, by phone failed The number is not on WhatsApp.`}},
		"a business that writes first": {[]chatapi.Event{answers(0, "w0", "news"), says(5, robert, "w1", "hi")},
			[]string{`request Sales new "hi" "hi" unread 1 waits 5 last 5 closes 86405 phone:12025550143`, `0 out text "news" by a colleague, by phone sent`, `5 in text "hi"`}},
		"an ad": {[]chatapi.Event{does(0, robert, chatapi.Content{ID: "w1", Type: chatapi.TypeText, Text: "hi", Referral: &chatapi.Referral{SourceType: "ad", Headline: "Sale"}})},
			[]string{ofHi(`"hi" unread 1 waits 0 last 0 closes 86400 ad Sale`), `0 in text "hi"`}},
	}
}

// eventCases are groups, calls, people, other agents and the rest.
func eventCases() map[string]eventCase {
	group := func(e *chatapi.MessageEvent) *chatapi.MessageEvent { e.Chat = team; return e }
	return map[string]eventCase{
		"a group": {[]chatapi.Event{group(says(0, robert, "w1", "hi")), group(says(5, eve, "w2", "and I")), group(reacts(6, eve, "w3", "w1", "👍"))},
			[]string{`request Sales new "hi" "and I" unread 2 waits 0 last 5 closes 86406 chat:` + team, `0 in text "hi" by Bob 👍 by phone:12025550144`, `5 in text "and I" by Eve`}},
		"what happens to a group": {[]chatapi.Event{&chatapi.GroupEvent{EventInfo: at(0), Group: team, Kind: "group_participants_add", Subject: "Team", Added: []chatapi.GroupMember{{Contact: eve}}}},
			[]string{`0 system system "Joined: Eve. The group is called Team." in no request`}},
		"a call": {[]chatapi.Event{&chatapi.CallEvent{EventInfo: at(0), ID: "c1", Event: "connect", From: robert, Direction: "USER_INITIATED"},
			&chatapi.CallEvent{EventInfo: at(9), ID: "c1", Event: "terminate", Status: "COMPLETED", From: robert, Direction: "USER_INITIATED", Duration: 8 * time.Second}},
			[]string{`request Sales new "(call)" "(call)" unread 1 waits 0 last 0 closes 86400 phone:12025550143`, `0 in call "" {"call":{"direction":"in","ended":"completed","duration":8000000000}}`}},
		"our call": {[]chatapi.Event{hi, &chatapi.CallEvent{EventInfo: at(5), ID: "c1", Status: "RINGING", To: robert, Direction: "BUSINESS_INITIATED"}},
			[]string{`request Sales new "hi" "(call)" unread 0 waits - last 5 closes 86400 phone:12025550143`, `0 in text "hi"`, `5 out call "" {"call":{"direction":"out"}}`}},
		"a new number": {[]chatapi.Event{hi, does(5, robert, chatapi.Content{ID: "w2", Type: chatapi.TypeSystem, System: &chatapi.SystemNotice{Type: "user_changed_number", New: chatapi.Contact{Phone: "12025550149"}}})},
			[]string{`request Sales new "hi" "hi" unread 1 waits 0 last 0 closes 86400 phone:12025550149`, `0 in text "hi"`, `5 system system "The customer has a new number: +12025550149."`}},
		"a new id": {[]chatapi.Event{hi, &chatapi.IdentityEvent{EventInfo: at(5), Old: robert, New: bobToo}},
			[]string{unread, `0 in text "hi"`, `5 system system "WhatsApp knows the customer by a new id."`}},
		"a stop": {[]chatapi.Event{hi, &chatapi.PreferenceEvent{EventInfo: at(5), From: robert, Category: "marketing_messages", Value: "stop"}},
			[]string{unread, `0 in text "hi"`, `5 system system "The customer wants no marketing messages any more."`}},
		"a payment": {[]chatapi.Event{hi, &chatapi.PaymentEvent{EventInfo: at(5), From: robert, MessageID: "w0", Status: "captured"}},
			[]string{unread, `0 in text "hi"`, `5 system system "Payment: captured."`}},
		"a summary": {[]chatapi.Event{hi, &chatapi.SummaryEvent{EventInfo: at(5), From: robert, Text: "wants a kettle"}},
			[]string{unread, `0 in text "hi"`, `5 system system "Summary by the agent before: wants a kettle"`}},
		"another agent": {[]chatapi.Event{&chatapi.StandbyEvent{EventInfo: at(0), Events: []chatapi.Event{hi, answers(3, "w2", "I am a bot")}}},
			[]string{`0 in text "hi" standby in no request`, `3 out text "I am a bot" by another agent standby sent in no request`}},
		"another agent who passes the chat": {[]chatapi.Event{&chatapi.StandbyEvent{EventInfo: at(0), Events: []chatapi.Event{hi}},
			&chatapi.HandoverEvent{EventInfo: at(5), Kind: "control_passed", From: robert, Note: "asks for a person"}},
			[]string{`request Sales new "asks for a person" "hi" unread 0 waits - last 0 closes 86400 phone:12025550143`, `0 in text "hi" standby`,
				`5 system system "Another agent has passed the chat to you. asks for a person"`}},
		"history": {[]chatapi.Event{hi, &chatapi.HistoryEvent{EventInfo: at(5), Threads: []chatapi.HistoryThread{{Contact: robert, Messages: []chatapi.HistoryMessage{
			{Content: chatapi.Content{ID: "h1", Type: chatapi.TypeText, Text: "long ago"}, Time: morning.Add(-time.Hour), From: robert},
			{Content: chatapi.Content{ID: "h2", Type: chatapi.TypeText, Text: "indeed"}, Time: morning.Add(-time.Minute), Outgoing: true, Status: "READ"}}}}}},
			[]string{unread, `-3600 in text "long ago" history in no request`, `-60 out text "indeed" history read in no request`, `0 in text "hi"`}},
		"the address book": {[]chatapi.Event{hi, &chatapi.AppStateEvent{EventInfo: at(5), Type: "contact", Action: "add", Contact: robert}}, []string{unread, `0 in text "hi"`}},
		"what has no row": {[]chatapi.Event{hi, &chatapi.NumberEvent{EventInfo: at(5)}, &chatapi.AccountEvent{EventInfo: at(5)}, &chatapi.ErrorEvent{EventInfo: at(5)},
			&chatapi.FlowEvent{EventInfo: at(5)}, &chatapi.ActionEvent{EventInfo: at(5)}, &chatapi.ConversionEvent{EventInfo: at(5)}, &chatapi.UnknownEvent{EventInfo: at(5)}},
			[]string{unread, `0 in text "hi"`}},
	}
}

func TestEventsOfEveryKind(t *testing.T) {
	cases := messageCases()
	maps.Copy(cases, eventCases())
	onBoth(t, func(t *testing.T, open func(t testing.TB) *office) {
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				o := open(t)
				o.applies(c.events...)
				require.Equal(t, c.want, o.rows())
				o.applies(c.events...)
				require.Equal(t, c.want, o.rows(), "the same events a second time change nothing")
			})
		}
	})
}
