package web

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

// hostile is a text as an attacker writes it.
const hostile = "</p><script>alert(1)</script>\" onload=\"x\u202e {{.}} "

// kinds are messages of every kind, and words that their bubbles show.
var kinds = map[string]struct {
	message desk.Message
	shows   string
}{
	"text":        {desk.Message{Direction: desk.In, Kind: "text", Body: hostile}, "&lt;script&gt;"},
	"note":        {desk.Message{Direction: desk.Note, Body: hostile, Author: hostile}, "Note for colleagues"},
	"system":      {desk.Message{Direction: desk.System, Body: hostile}, `bubble system`},
	"queued":      {desk.Message{Direction: desk.Out, Body: "x", Status: desk.Queued, Sentence: hostile}, "waits"},
	"sent":        {desk.Message{Direction: desk.Out, Body: "x", Status: desk.Sent}, `<span class="unseen">sent</span>`},
	"delivered":   {desk.Message{Direction: desk.Out, Body: "x", Status: desk.Delivered}, `<span class="unseen">delivered</span>`},
	"read":        {desk.Message{Direction: desk.Out, Body: "x", Status: desk.Read}, `<span>read</span>`},
	"played":      {desk.Message{Direction: desk.Out, Body: "x", Status: desk.Played}, `<span>played</span>`},
	"failed":      {desk.Message{Direction: desk.Out, Body: "x", Status: desk.Failed, Sentence: hostile, Advice: "mark it " + hostile, Agent: 1, Retry: "fix"}, "Mark it"},
	"sent again":  {desk.Message{Direction: desk.Out, Body: "x", Status: desk.Failed, Again: 9}, `href="#m-9"`},
	"template":    {desk.Message{Direction: desk.Out, Body: "x", Status: desk.Failed, Agent: 1, Retry: "template"}, "Choose a template"},
	"unknown":     {desk.Message{Direction: desk.Out, Body: "x", Status: desk.Unknown, Sentence: hostile}, "We do not know whether this was sent."},
	"canceled":    {desk.Message{Direction: desk.Out, Body: "x", Status: desk.Canceled}, "canceled"},
	"photo":       {desk.Message{Direction: desk.In, Kind: "image", Media: &desk.MediaRow{State: "ready", Type: "image/png", Name: hostile}}, `<img src="/media/7"`},
	"svg":         {desk.Message{Direction: desk.In, Kind: "document", Media: &desk.MediaRow{State: "ready", Type: "image/svg+xml", Name: hostile}}, `class="file"`},
	"html":        {desk.Message{Direction: desk.In, Kind: "document", Media: &desk.MediaRow{State: "ready", Type: "text/html; charset=utf-8"}}, `class="file"`},
	"voice":       {desk.Message{Direction: desk.In, Kind: "voice", Media: &desk.MediaRow{State: "ready", Type: "application/ogg"}}, "<audio controls"},
	"video":       {desk.Message{Direction: desk.In, Kind: "video", Media: &desk.MediaRow{State: "ready", Type: "video/mp4"}}, "<video controls"},
	"fetching":    {desk.Message{Direction: desk.In, Kind: "image", Media: &desk.MediaRow{State: "fetching"}}, "being fetched"},
	"refused":     {desk.Message{Direction: desk.In, Kind: "image", Media: &desk.MediaRow{State: "refused", Why: hostile}}, "not kept"},
	"no file":     {desk.Message{Direction: desk.In, Kind: "image", Media: &desk.MediaRow{State: "failed", Why: hostile}}, "/messages/7/fetch"},
	"buttons":     {desk.Message{Direction: desk.Out, Body: "x", Extra: desk.Extra{Header: hostile, Footer: hostile, Buttons: []string{hostile}}}, `class="taps"`},
	"list":        {desk.Message{Direction: desk.Out, Body: "x", Extra: desk.Extra{Label: hostile, Rows: []desk.Row{{Title: hostile, Description: hostile}}}}, "list-rows"},
	"choice":      {desk.Message{Direction: desk.In, Kind: "interactive", Body: "Red", Extra: desk.Extra{Choice: hostile}}, "chosen:"},
	"place":       {desk.Message{Direction: desk.In, Kind: "location", Extra: desk.Extra{Place: &desk.Place{Latitude: 52.5, Longitude: -13.25, Name: hostile}}}, "mlat=52.500000&amp;mlon=-13.250000"},
	"contacts":    {desk.Message{Direction: desk.In, Kind: "contacts", Extra: desk.Extra{People: []desk.Person{{Name: hostile, Phones: []string{"+1"}}}}}, "Contact <b>"},
	"order":       {desk.Message{Direction: desk.In, Kind: "order", Extra: desk.Extra{Items: []desk.Item{{Product: hostile, Quantity: 2, Price: "4.50 EUR"}}}}, "4.50 EUR"},
	"form":        {desk.Message{Direction: desk.In, Kind: "interactive", Extra: desk.Extra{Form: []string{hostile}}}, "&lt;script&gt;"},
	"call":        {desk.Message{Direction: desk.In, Kind: "call", Extra: desk.Extra{Call: &desk.CallLine{Ended: hostile, Duration: 65 * time.Second}}}, "1m5s"},
	"unsupported": {desk.Message{Direction: desk.In, Kind: "unsupported", Extra: desk.Extra{Why: hostile, Raw: hostile}}, "cannot show"},
	"placeholder": {desk.Message{Direction: desk.In, Placeholder: true}, "has not arrived"},
	"history":     {desk.Message{Direction: desk.In, Body: "x", Origin: "history"}, "From the history"},
	"standby":     {desk.Message{Direction: desk.In, Body: "x", Origin: "standby"}, "another program"},
	"deleted":     {desk.Message{Direction: desk.In, Body: hostile, Deleted: time.Unix(1, 0)}, "Deleted at"},
	"edited":      {desk.Message{Direction: desk.In, Body: "x", Edited: time.Unix(1, 0), Edits: []desk.Edit{{Body: hostile}}}, "edited at"},
	"reaction":    {desk.Message{Direction: desk.In, Body: "x", Reactions: []desk.Reaction{{Emoji: hostile, By: hostile}}}, `class="reaction"`},
	"quote":       {desk.Message{Direction: desk.In, Body: "x", Quoted: &desk.Quote{ID: 4, Author: hostile, Text: hostile}}, `href="#m-4"`},
	"other":       {desk.Message{Direction: desk.In, Body: "x", Quoted: &desk.Quote{Text: "a message with another department"}}, "another department"},
	"of another":  {desk.Message{Direction: desk.In, Body: "x", Request: 12}, `href="/requests/12"`},
}

func TestEveryBubble(t *testing.T) {
	s := &Server{}
	var err error
	s.static, err = readStatic()
	require.NoError(t, err)
	s.pages, err = s.parse()
	require.NoError(t, err)
	for name, kind := range kinds {
		for _, admin := range []bool{false, true} {
			w := &work{Request: &desk.Request{RequestRow: desk.RequestRow{ID: 11, Person: hostile}}, Admin: admin}
			m := kind.message
			m.ID, m.At = 7, time.Date(2026, 11, 28, 10, 30, 0, 0, time.UTC)
			if m.Request == 0 {
				m.Request = 11
			}
			var out bytes.Buffer
			require.NoError(t, s.pages["inbox"].ExecuteTemplate(&out, "bubble", bubbles(w, []desk.Message{m})[0]), name)
			html := out.String()
			assert.Contains(t, html, kind.shows, name)
			assert.Contains(t, html, `id="day-2026-11-28"`, name)
			assert.NotContains(t, html, "<script", name)
			assert.NotContains(t, html, `" onload="`, name)
			assert.Equal(t, admin && name == "unsupported", strings.Contains(html, "As it came"), name)
		}
	}
}

func TestScriptAndStylesStaySmall(t *testing.T) {
	files, err := readStatic()
	require.NoError(t, err)
	script := 0
	for _, name := range scripts {
		script += len(files[name].bytes)
	}
	assert.Less(t, script, 20_000, "script of every page")
	assert.Less(t, len(files["desk.css"].bytes), 24_000)
}
