package chatapi_test

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// shape makes a hostile document of any size: a part that is repeated, between a
// head and a tail. A # in the part becomes the number of the repetition.
type shape struct{ name, head, part, tail string }

// document returns the document with the part repeated n times.
func (s shape) document(n int) []byte {
	var b bytes.Buffer
	b.Grow(len(s.head) + n*(len(s.part)+6) + len(s.tail))
	b.WriteString(s.head)
	before, after, numbered := strings.Cut(s.part, "#")
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(before)
		if numbered {
			b.WriteString(strconv.Itoa(i))
			b.WriteString(after)
		}
	}
	b.WriteString(s.tail)
	return b.Bytes()
}

// sized returns the document with about that many bytes.
func (s shape) sized(bytes int) []byte { return s.document(max(1, bytes/(len(s.part)+1))) }

// in returns the shape of a part inside a path of members and lists, such as
// "entry[].changes[].value.errors[]". The last step is a list for "[]", an object
// for "{}" and a text for `""`.
func in(path, part string) shape {
	s := shape{name: path + " " + part, head: "{", part: part, tail: "}"}
	for _, step := range strings.Split(path, ".") {
		name, rest := step, ""
		if cut := strings.IndexAny(step, `[{"`); cut >= 0 {
			name, rest = step[:cut], step[cut:]
		}
		s.head += `"` + name + `":` + rest[:len(rest)/2]
		s.tail = rest[len(rest)/2:] + s.tail
		if rest == "[]" || rest == "" {
			s.head, s.tail = s.head+"{", "}"+s.tail
		}
	}
	if strings.HasSuffix(path, "[]") { // the part is the element
		s.head, s.tail = strings.TrimSuffix(s.head, "{"), strings.TrimPrefix(s.tail, "}")
	}
	return s
}

// value is the path of a change's value in WhatsApp's own format.
const value = "entry[].changes[].value."

// hostileBodies returns shapes of webhook bodies that once took too much time or
// memory, or that the same might happen to.
func hostileBodies() []shape {
	bodies := []shape{
		{"lists of contacts", `{"contacts":[{"wa_id":"1"},{"wa_id":"2"}],`, `"contacts":[{"wa_id":"#"}],"contacts":[]`, `,"messages":[{"from":"1"}]}`},
		{"entries without end", `{"entry":[`, `{"changes":[{}]}`, ``},
		{"depth", `{"messages":[`, strings.Repeat("[", 5000) + strings.Repeat("]", 5000), `]}`},
		{"depth of alerts", `{"entry":[{"changes":[`, `{"field":"account_alerts","value":` + strings.Repeat(`{"alert_info":`, 500) + `{}` + strings.Repeat(`}`, 500) + `}`, `]}]}`},
		{"many values", `{`, `"errors":[],"":[]`, `}`},
		{"a broken body", `{"messages":[`, `{"a":"#"}`, `]`},
	}
	for _, of := range []struct{ path, parts string }{
		{"messages[]", `1 {} {"from":1} {"chatId":1} {"\n":1} {"a":1,"a":1} {"type":{}} {"from":1,"contacts":[{"phones":[{}]}]}`},
		{"statuses[]", `{"status":1} {"status":1,"errors":["a"]}`},
		{"ack[]", `{"status":1}`},
		{"errors[]", `1 {} "a"`},
		{"contacts[]", `1 {} {"wa_id":"#"}`},
		{"calls[]", `{"event":1,"timestamp":"1x"}`},
		{"entry[]", `{} {"time":"1x","time":"1x","time":"1x"}`},
		{"entry[].changes[]", `{} {"field":"flows"} {"field":"security","value":{}} {"value":1}`},
		{value + "state_sync[]", `{}`},
		{value + "history[].threads[]", `{} {"messages":[{}]} {"id":#}`},
		{value + "history[].threads[].messages[]", `{} 1 {"id":"a"}`},
		{value + "messages[].contacts[]", `1 {} {"phones":[{}]}`},
		{value + "messages[].contacts[].phones[]", `{}`},
		{value + "messages[].contacts[].emails[]", `{}`},
		{value + "messages[].context.mentions[]", `1`},
		{value + "messages[].order.product_items[]", `{}`},
		{value + "statuses[].errors[]", `1 {} "a"`},
		{value + "groups[].added_participants[]", `{} 1`},
		{value + "restriction_info[]", `{}`},
		{value + "contacts[]", `{"user_id":"#"}`},
	} {
		for _, part := range strings.Fields(of.parts) {
			bodies = append(bodies, in(of.path, part))
		}
	}
	const element = value + "messages[]"
	for _, part := range []string{`"\n":1`, `"#":1`, `"\ud800":[]`, `"context":{"referred_product":{}}`, `"text":{},"from":"x"`} {
		bodies = append(bodies, in(element+".x", part))
	}
	return bodies
}

// Any body is read in linear time and bounded memory.
func TestFaultE2ABodyOfAnyShapeIsRead(t *testing.T) {
	for _, s := range hostileBodies() {
		for _, size := range []int{60_000, 500_000, 1_100_000, 4 << 20} {
			body := s.sized(size)
			var n int
			var err error
			start := time.Now()
			took := allocated(func() { var ev []chatapi.Event; ev, err = chatapi.ParseWebhook(body); n = len(ev) })
			el := time.Since(start)
			limit := max(60*len(body), 64<<20)
			bad := ""
			if int(took) > limit {
				bad = "  !!!!!!!!"
			}
			e := ""
			if err != nil {
				e = err.Error()
				e = e[max(0, len(e)-30):]
			}
			fmt.Printf("%-60.60s %8d %6.1f B/B %5.1f%% %7.1fms %d %q%s\n", s.name, len(body), float64(took)/float64(len(body)), 100*float64(took)/float64(limit), float64(el.Microseconds())/1000, n, e, bad)
		}
	}
	_ = math.Inf
	_ = assert.Equal
	_ = require.Equal
}
