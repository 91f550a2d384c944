package chatapi_test

import (
	"bytes"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/chatapi-go/chatapi"
)

// shape makes a hostile document of any size: a part that is repeated, between a
// head and a tail. A # in the part becomes a number of seven digits, which is
// different each time.
type shape struct{ name, head, part, tail string }

// document returns the document with the part repeated n times.
func (s shape) document(n int) []byte {
	var b bytes.Buffer
	b.Grow(len(s.head) + n*(len(s.part)+16) + len(s.tail))
	b.WriteString(s.head)
	pieces := strings.Split(s.part, "#")
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		for j, piece := range pieces {
			if j > 0 {
				b.WriteString(strconv.Itoa(1_000_000 + i))
			}
			b.WriteString(piece)
		}
	}
	b.WriteString(s.tail)
	return b.Bytes()
}

// sized returns the document with about that many bytes.
func (s shape) sized(bytes int) []byte {
	part := len(s.part) + len(",") + strings.Count(s.part, "#")*len("000000")
	return s.document(max(1, bytes/part))
}

// besideList has the members that an element needs besides the list in it, so that it
// is read.
var besideList = map[string]string{"messages": `"from":"1",`, "statuses": `"status":"sent",`, "history": `"metadata":{},`, "ack": `"status":"sent",`}

// shapeIn returns the shape of a part inside a path of members, such as
// "entry[].changes[].value.errors[]". A member with [] is a list, any other an
// object.
func shapeIn(path, part string) shape {
	s := shape{name: path + " " + part, head: "{", part: part, tail: "}"}
	steps := strings.Split(path, ".")
	for i, step := range steps {
		name, list := strings.CutSuffix(step, "[]")
		s.head += `"` + name + `":`
		if list {
			s.head, s.tail = s.head+"[", "]"+s.tail
		}
		if i < len(steps)-1 || !list { // the part is not the element itself
			s.head, s.tail = s.head+"{"+besideList[name], "}"+s.tail
		}
	}
	return s
}

// cloudPath is the path of a change's value in WhatsApp's own format.
const cloudPath = "entry[].changes[].value."

// hostileBodies returns shapes of webhook bodies that once took too much time or
// memory, or that the same might happen to.
func hostileBodies() []shape {
	list := func(part string) string { return strings.Repeat("[", 2000) + part + strings.Repeat("]", 2000) }
	alerts := func(n int) string { return strings.Repeat(`{"alert_info":`, n) + `{}` + strings.Repeat(`}`, n) }
	bodies := []shape{
		{"lists of contacts", `{"contacts":[{"wa_id":"1"},{"wa_id":"2"}],`, `"contacts":[{"wa_id":"#"}],"contacts":[]`, `,"messages":[{"from":"1"}]}`},
		{"lists at the root", `{`, `"messages":[{}],"ack":{},"instanceId":[]`, `}`},
		{"no end", `{"entry":[`, `{"changes":[{"a":"#"}]}`, ``},
		{"depth", `{"messages":[`, list("1"), `]}`},
		{"depth of alerts", `{"entry":[{"changes":[`, `{"field":"account_alerts","value":` + alerts(500) + `}`, `]}]}`},
		{"depth of edits", `{"entry":[{"changes":[{"value":{"messages":[`, strings.Repeat(`{"type":"edit","edit":{"message":`, 500) + `{}` + strings.Repeat(`}}`, 500), `]}}]}]}`},
		{"codes in a text", `{"statuses":[{"status":"failed","errors":[{"title":"`, `(1)(2) a b`, `"}]}]}`},
		{"JSON in a text", `{"entry":[{"changes":[{"value":{"messages":[{"type":"interactive","interactive":{"nfm_reply":{"response_json":"[`, `1`, `]"}}}]}}]}]}`},
		{"errors besideList each other", `{"ack":[{"status":"sent",`, `"error":1`, `}]}`},
		{"escapes", `{"messages":[{"chatId":"1","body":"`, `\u0061\ud800\n`, `"}]}`},
	}
	bodies = append(bodies, hostileFields()...)
	const element = cloudPath + "messages[].x"
	for _, of := range [][]string{
		{"messages[]", `1`, `{"from":1}`, `{"chatId":1,"body":[]}`, `{"a":1,"a":1}`},
		{"statuses[]", `{"status":1,"errors":["a"]}`},
		{"entry[]", `{}`, `{"time":"1x","time":"1x","time":"1x"}`},
		{"entry[].changes[]", `{"value":1}`},
		{"entry[].changes[].value", `"errors":[],"":[]`, `"calls":[{"timestamp":"1x","timestamp":"1x"}]`},
		{cloudPath + "state_sync[]", `{}`},
		{cloudPath + "history[].threads[]", `{"messages":[{}]}`},
		{cloudPath + "history[].threads[].messages[]", `{}`},
		{cloudPath + "messages[].contacts[]", `{"phones":[{}]}`},
		{cloudPath + "messages[].contacts[].phones[]", `{}`},
		{cloudPath + "messages[].context.mentions[]", `1`},
		{cloudPath + "messages[].order.product_items[]", `{}`},
		{cloudPath + "statuses[].errors[]", `1`, `"a"`},
		{cloudPath + "groups[].added_participants[]", `{}`, `{"errors":[1]}`},
		{cloudPath + "groups[]", `{"subject":[]}`},
		{cloudPath + "groups[].x", `"subject":{}`},
		{cloudPath + "calls[]", `{"event":{},"status":[],"from":{}}`},
		{cloudPath + "user_actions[]", `{}`},
		{cloudPath + "message_echoes[]", `{"id":1}`},
		{cloudPath + "statuses[]", `{"status":"a","type":"payment"}`},
		{"ack[]", `{}`, `{"status":1,"id":{},"chatId":[]}`},
		{"ack[].errors[]", `1`, `{"title":{},"code":[]}`},
		{element, `"\n":1`, `"#":1`},
	} {
		for _, part := range of[1:] {
			bodies = append(bodies, shapeIn(of[0], part))
		}
	}
	return bodies
}

// hostileFields returns shapes of bodies with one list in the value of a field that is
// one event, and of bodies with many such fields.
func hostileFields() (bodies []shape) {
	for _, of := range [][4]string{
		{"flows", `"event":"ENDPOINT_ERROR_RATE","errors":[`, `{}`, `]`},
		{"account_update", `"restriction_info":[`, `{}`, `]`},
		{"account_update", `"auth_international_rate_eligibility":{"exception_countries":[`, `{}`, `]}`},
		{"account_update", `"partner_client_certification_info":{"rejection_reasons":[`, `"#"`, `]}`},
		{"account_settings_update", `"phone_number_settings":{"calling":{"call_hours":{"weekly_operating_hours":[`, `{}`, `]}}}`},
		{"account_settings_update", `"phone_number_settings":{"calling":{"call_hours":{"holiday_schedule":[`, `{}`, `]}}}`},
		{"message_template_components_update", `"message_template_buttons":[`, `{}`, `]`},
		{"phone_number_name_update", `"rejection_reasons":[`, `"#"`, `]`},
		{"messages", `"statuses":[{"status":"captured","type":"payment","payment":{"transaction":{"refunds":[`, `{}`, `]}}}]`},
		{"messages", `"statuses":[{"status":"captured","type":"payment","payment":{"notes":{`, `"#":1`, `}}}]`},
	} {
		bodies = append(bodies, shape{of[0] + " " + of[1], `{"entry":[{"changes":[{"field":"` + of[0] + `","value":{` + of[1], of[2], of[3] + `}}]}]}`})
	}
	for _, field := range []string{"flows", "account_update", "account_settings_update", "message_template_status_update", "phone_number_quality_update",
		"security", "standby", "messaging_handovers"} {
		bodies = append(bodies, shape{"many " + field, `{"entry":[{"changes":[`, `{"field":"` + field + `","value":{"event":{},"type":[]}}`, `]}]}`})
	}
	return bodies
}

// assertGrowth checks a shape in documents of up to longest bytes: below and above
// the budget of a document, run allocates no more than the limit, and four times
// the size takes less than eight times as long.
//
// It compares the processor time of the best of five rounds, each of at least 20 ms, and
// tries twice, because other programs fill the processor's caches.
func assertGrowth(t *testing.T, s shape, run func([]byte), longest int) {
	t.Helper()
	if raceDetector { // looks for races only
		run(s.sized(64 << 10))
		return
	}
	const rounds = 5
	small, times := smallDocument(s, run, longest)
	large := s.sized(4 * len(small))
	for _, document := range [][]byte{s.sized(64 << 20 / 60), large} {
		took := allocated(func() { run(document) })
		assert.LessOrEqual(t, took, uint64(max(60*len(document), 64<<20)), "%s: the bytes that %d bytes take", s.name, len(document))
	}
	var ratio float64
	for range 2 {
		short, long := time.Hour, time.Hour
		for range rounds {
			short, long = min(short, timeTaken(run, small, times)), min(long, timeTaken(run, large, times))
			if ratio = float64(long) / float64(short); ratio < 8 {
				return
			}
		}
	}
	assert.Less(t, ratio, 8.0, "%s: %d bytes take that many times as long as %d", s.name, len(large), len(small))
}

// timeTaken returns the processor time of so many runs. The collector is off while they
// take less than 2 GB, since its turns come in some rounds and not in others.
func timeTaken(run func([]byte), document []byte, times int) time.Duration {
	runtime.GC()
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(2 << 30))
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	start := processorTime()
	for range times {
		run(document)
	}
	return processorTime() - start
}

// smallDocument returns a document that takes 20 ms when it is read so many times,
// and of which four times the size is at most longest.
func smallDocument(s shape, run func([]byte), longest int) (document []byte, times int) {
	const least = 20 * time.Millisecond
	for size := 1 << 18; ; size *= 2 {
		document := s.sized(size)
		best := min(timeTaken(run, document, 1), timeTaken(run, document, 1))
		switch {
		case best >= least:
			return document, 1
		case 8*size > longest:
			return document, 1 + int(2*least/best)
		}
	}
}

func TestABodyOfAnyShapeIsBounded(t *testing.T) {
	for _, s := range hostileBodies() {
		assertGrowth(t, s, func(body []byte) { _, _ = chatapi.ParseWebhook(body) }, 32<<20)
	}
}
