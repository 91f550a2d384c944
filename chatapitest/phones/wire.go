package phones

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// This file shows requests and webhooks, and why a request was refused.

// Bounds of the wire.
const (
	wireShown  = 40
	wireMost   = 400
	wireLooked = 2000 // at most that many are searched
	bodyShown  = 64 << 10
)

// wireRow is a request or a webhook in the list.
type wireRow struct {
	ID      string // of the element
	At      time.Time
	Webhook bool
	N       int // its number, for the details

	Name, Whom, Result string
	Bad                bool
	Why                string // in words; empty if it went well
}

// Wire returns the newest requests and webhooks that the filters let pass, newest first.
func (v *view) Wire() []wireRow {
	kind, q, most := v.at.Get("kind"), strings.ToLower(v.at.Get("q")), max(wireShown, v.number("show", 0, wireMost))
	looked := most
	if kind != "" || q != "" {
		looked = wireLooked
	}
	var rows []wireRow
	keep := func(row wireRow, bodies ...json.RawMessage) {
		if kind == "requests" && row.Webhook || kind == "webhooks" && !row.Webhook || kind == "refused" && !row.Bad {
			return
		}
		if q != "" && !strings.Contains(strings.ToLower(row.Name+" "+row.Whom), q) &&
			!slices.ContainsFunc(bodies, func(b json.RawMessage) bool { return bytes.Contains(bytes.ToLower(b), []byte(q)) }) {
			return
		}
		rows = append(rows, row)
	}
	if kind != "webhooks" {
		first := max(v.Info.Calls-looked, 0)
		calls, _ := v.api.CallsFrom(first, looked)
		for i, c := range calls {
			keep(callRow(first+i, c), c.Body, c.Reply)
		}
	}
	if kind != "requests" {
		first := max(v.Info.Deliveries-looked, 0)
		deliveries, _ := v.api.DeliveriesFrom(first, looked)
		for i, d := range deliveries {
			row := deliveryRow(first+i, d)
			if len(v.Info.Webhooks) == 1 {
				row.Whom = "" // it is always the same
			}
			keep(row, d.Body)
		}
	}
	slices.SortStableFunc(rows, func(a, b wireRow) int { return b.At.Compare(a.At) })
	rows = rows[:min(most, len(rows))]
	for i := range rows {
		if rows[i].Bad && !rows[i].Webhook {
			if calls, _ := v.api.CallsFrom(rows[i].N, 1); len(calls) == 1 {
				rows[i].Why = explain(calls[0])
			}
		}
	}
	return rows
}

// Kind and Query are the filters of the wire.
func (v *view) Kind() string { return v.at.Get("kind") }

// Query is the text that the wire is searched for.
func (v *view) Query() string { return v.at.Get("q") }

// callRow returns the row of a request, without the reason of a refusal.
func callRow(n int, c chatapitest.Call) wireRow {
	row := wireRow{ID: fmt.Sprintf("call-%d", n), At: c.At, N: n, Name: c.Method + " " + clip(cmp.Or(c.Operation, c.Path), nameShown)}
	if !c.Recipient.IsZero() {
		row.Whom = clip(c.Recipient.String(), nameShown)
	}
	row.Bad = refusedCall(c)
	switch row.Result = fmt.Sprint(c.Status); {
	case c.Status == 0:
		row.Result = "no answer"
	case row.Bad && c.Status == http.StatusOK:
		row.Result = "refused"
	}
	return row
}

// refusedCall reports whether a request was not carried out, or its answer was lost. Some
// refusals have status 200.
func refusedCall(c chatapitest.Call) bool {
	if c.Lost || c.Status >= http.StatusBadRequest || c.Status == 0 {
		return true
	}
	if strings.HasPrefix(c.Operation, "send") {
		return !c.Accepted()
	}
	var reply struct {
		Error json.RawMessage `json:"error"`
	}
	return json.Unmarshal(c.Reply, &reply) == nil && len(reply.Error) > 0
}

func deliveryRow(n int, d chatapitest.Delivery) wireRow {
	row := wireRow{ID: fmt.Sprintf("webhook-%d", n), At: d.At, N: n, Webhook: true, Name: "webhook " + webhookKind(d.Body), Whom: clip(d.URL, nameShown), Bad: d.Problem != ""}
	switch row.Result = fmt.Sprint(d.Status); {
	case d.Status == 0:
		row.Result = "no answer"
	case d.Tries > 1:
		row.Result = fmt.Sprintf("%d, %d tries", d.Status, d.Tries)
	}
	if row.Bad {
		row.Why = fmt.Sprintf("Given up after %d tries: %s.", d.Tries, clip(d.Problem, 200))
	}
	return row
}

// webhookKind names what a webhook is about.
func webhookKind(body json.RawMessage) string {
	var hook struct {
		Messages []struct {
			Type   string `json:"type"`
			FromMe any    `json:"fromMe"`
		} `json:"messages"`
		Ack []struct {
			Status string `json:"status"`
		} `json:"ack"`
		Calls []struct {
			Event string `json:"event"`
		} `json:"calls"`
		Entry []struct {
			Changes []struct {
				Field string `json:"field"`
			} `json:"changes"`
		} `json:"entry"`
	}
	switch err := json.Unmarshal(body, &hook); {
	case err != nil:
		return "of another form"
	case len(hook.Messages) > 0:
		if own := fmt.Sprint(hook.Messages[0].FromMe); own == "true" || own == "1" {
			return "echo " + clip(hook.Messages[0].Type, 20)
		}
		return "message " + clip(hook.Messages[0].Type, 20)
	case len(hook.Ack) > 0:
		return "status " + clip(hook.Ack[0].Status, 20)
	case len(hook.Calls) > 0:
		return "call " + clip(hook.Calls[0].Event, 20)
	case len(hook.Entry) > 0:
		field := ""
		if len(hook.Entry[0].Changes) > 0 {
			field = hook.Entry[0].Changes[0].Field
		}
		return "raw " + clip(field, 30)
	}
	return "other"
}

// explain says in words why a request failed, as a program with the SDK reads it: the SDK
// is given the same answer.
func explain(c chatapitest.Call) string {
	switch {
	case c.Status == 0 && !c.Lost:
		return "The connection was refused, so nothing was carried out."
	case c.Lost:
		return "The answer was lost on the way. The caller cannot know whether the request was carried out."
	case c.Operation == "":
		return fmt.Sprintf("The contract has no operation %s %s.", c.Method, clip(c.Path, nameShown))
	}
	answer := roundTrip(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: c.Status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(c.Reply)), Request: r}, nil
	})
	client, err := chatapi.New("https://service.test/CHANNEL1", "explaintoken0000000001", chatapi.WithHTTPClient(&http.Client{Transport: answer}),
		chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 1}))
	if err == nil {
		if strings.HasPrefix(c.Operation, "send") {
			_, err = client.Send(context.Background(), chatapi.Phone("12025550143"), chatapi.Custom{Operation: c.Operation, Body: json.RawMessage(`{}`)})
		} else {
			_, err = client.Profile.Get(context.Background())
		}
	}
	refused, ok := errors.AsType[*chatapi.Error](err)
	if !ok {
		return serviceWords(c.Reply)
	}
	words := []string{strings.ReplaceAll(refused.Sentence, " CHANNEL1", "")}
	if said := serviceWords(c.Reply); said != "" && !strings.Contains(refused.Sentence, said) {
		words = append(words, "The service says: "+said+".")
	}
	if refused.Advice != "" {
		words = append(words, "To do: "+refused.Advice+".")
	}
	return strings.Join(words, " ")
}

// serviceWords are the service's own words in an answer.
func serviceWords(reply json.RawMessage) string {
	var said struct {
		Message string          `json:"message"`
		Error   json.RawMessage `json:"error"`
	}
	if json.Unmarshal(reply, &said) != nil {
		return clip(strings.TrimSpace(string(reply)), 160)
	}
	var text string
	var graph struct {
		Message string `json:"message"`
		User    string `json:"error_user_msg"`
		Data    struct {
			Details string `json:"details"`
		} `json:"error_data"`
	}
	if json.Unmarshal(said.Error, &text) != nil {
		_ = json.Unmarshal(said.Error, &graph)
	}
	return strings.TrimRight(clip(cmp.Or(graph.Data.Details, graph.User, text, graph.Message, said.Message), 240), ".")
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// pretty indents JSON for a person, and cuts it.
func pretty(body json.RawMessage) string {
	var out bytes.Buffer
	text := string(body)
	if len(body) <= 1<<20 && json.Indent(&out, body, "", "  ") == nil {
		text = out.String()
	}
	if len(text) > bodyShown {
		return strings.ToValidUTF8(text[:bodyShown], "") + fmt.Sprintf("\n… and %d bytes more", len(text)-bodyShown)
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// curl writes a request as a command.
func curl(info chatapitest.ChannelInfo, c chatapitest.Call) string {
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
	address := info.URL + "/" + c.Path
	if q := c.Query.Encode(); q != "" {
		address += "?" + q
	}
	command := "curl -X " + c.Method + " " + quote(address) + " -H " + quote("Authorization: Bearer "+info.Token)
	if len(c.Body) > 0 {
		command += " -H 'Content-Type: application/json' --data-raw " + quote(string(c.Body))
	}
	if len(command) > bodyShown {
		return "# The body is too large to be copied.\n" + command[:200] + "…"
	}
	return command
}
