package tape

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
)

// Script returns the conversation on the tape as a script of chatapitest, in which customers act
// and the bot answers:
//
//	Ann is +12025550101
//	Ann: order
//	Bot: Which size? [Small] [Large]
//	+1h30m
//	Ann: [Large]
//
// It fails for a tape without texts; see [KeepTexts]. Lines that begin with "#" name what a
// script cannot say, such as a send that the service refused. A template shows its name, and "…"
// for its text, which the tape does not have. A pause is written in front of an act of a
// customer if it has a second or more, and in front of a message of the bot from 30 seconds on,
// because a bot answers at once in a test.
func (t *Tape) Script() (string, error) {
	if !t.KeepsTexts {
		return "", errors.New("tape: Script: the tape has the shapes of texts only; record it with KeepTexts")
	}
	w := &scriptWriter{names: map[string]string{}, taken: map[string]bool{}, own: map[string]bool{}}
	for _, e := range t.Entries {
		w.meet(e)
	}
	for _, e := range t.Entries {
		if e.Call != nil {
			w.call(e.At, e.Call)
			continue
		}
		events, _ := chatapi.ParseWebhook(e.Webhook.Body)
		for _, event := range events {
			w.event(e.At, event)
		}
	}
	return w.String(), nil
}

// scriptWriter writes lines of a script.
type scriptWriter struct {
	strings.Builder
	names map[string]string // of the people, by the keys of their chats
	taken map[string]bool   // names in use
	own   map[string]bool   // ids of messages that the program sent
	last  time.Duration
	chat  string // whose act was last
	reads string // who has read all messages so far
}

// meet notes the people and the program's own messages of an entry.
func (w *scriptWriter) meet(e Entry) {
	if e.Call != nil {
		eachText(e.Call.Answer.Body, func(at spot, id string) {
			if at.name == "id" {
				w.own[id] = true
			}
		})
		return
	}
	events, _ := chatapi.ParseWebhook(e.Webhook.Body)
	for _, event := range events {
		if m, ok := event.(*chatapi.MessageEvent); ok {
			w.person(m.From)
		}
	}
}

// person declares a person, once.
func (w *scriptWriter) person(c chatapi.Contact) {
	keys := []string{c.Phone, c.BSUID, c.Username, chatKey(c.Chat)}
	name := ""
	for _, key := range keys {
		if key != "" {
			name = cmp.Or(name, w.names[key])
		}
	}
	fresh := name == ""
	if fresh {
		name = cmp.Or(plainName(c.Name), "Customer")
		for n := 2; w.taken[name]; n++ {
			name = fmt.Sprintf("%s %d", cmp.Or(plainName(c.Name), "Customer"), n)
		}
		w.taken[name] = true
	}
	for _, key := range keys {
		if key != "" {
			w.names[key] = name
		}
	}
	if who := cmp.Or(prefixed("+", c.Phone), c.BSUID); fresh && who != "" {
		fmt.Fprintf(w, "%s is %s\n", name, who)
	}
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

// plainName returns a name without the signs that mean something in a script.
func plainName(name string) string {
	name = strings.Join(strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune(" :,|#+\t\n", r) }), " ")
	switch name {
	case "Bot", "Phone", "Agent", "Service":
		return name + " 1"
	}
	return name
}

// line writes a line, and the time that has passed if it is that long.
func (w *scriptWriter) line(at, least time.Duration, format string, args ...any) {
	if passed := (at - w.last).Truncate(time.Second); passed >= least {
		text := passed.String()
		if strings.HasSuffix(text, "m0s") {
			text = strings.TrimSuffix(text, "0s")
		}
		if strings.HasSuffix(text, "h0m") {
			text = strings.TrimSuffix(text, "0m")
		}
		fmt.Fprintf(w, "+%s\n", text)
		w.last += passed
	}
	fmt.Fprintf(w, format+"\n", args...)
	w.reads = ""
}

const (
	customersPause = time.Second
	botsPause      = 30 * time.Second
)

// event writes what a webhook tells. The statuses that the fake reports by itself, and what
// repeats the program's sends, are left out.
func (w *scriptWriter) event(at time.Duration, event chatapi.Event) {
	switch e := event.(type) {
	case *chatapi.MessageEvent:
		w.chat = chatKey(cmp.Or(e.From.Phone, e.From.BSUID, e.From.Chat))
		w.line(at, customersPause, "%s", w.act(cmp.Or(w.names[w.chat], "Customer"), &e.Content))
	case *chatapi.EchoEvent:
		if w.own[e.ID] {
			return
		}
		w.line(at, customersPause, "Phone to %s: %s", cmp.Or(w.names[chatKey(e.Chat)], e.Chat), oneLine(e.Text))
	case *chatapi.StatusEvent:
		switch who := w.names[chatKey(cmp.Or(e.To.Phone, e.To.BSUID, e.To.Chat))]; {
		case e.Status == chatapi.StatusRead && who != "" && who != w.reads: // each message has a status
			w.line(at, customersPause, "%s reads", who)
			w.reads = who
		case e.Status == chatapi.StatusFailed:
			w.line(at, customersPause, "# a message to %s failed", cmp.Or(who, "somebody"))
		}
	}
}

// act returns the line of a customer's message.
func (w *scriptWriter) act(who string, m *chatapi.Content) string {
	args := func(verb string, parts ...string) string {
		for i := range parts {
			parts[i] = strings.ReplaceAll(oneLine(parts[i]), "|", `\|`)
		}
		return strings.TrimRight(who+" "+verb+": "+strings.TrimRight(strings.Join(parts, " | "), " |"), ": ")
	}
	switch {
	case m.Reply != nil && m.Reply.Title != "" && m.Reply.List:
		return who + ": (" + oneLine(m.Reply.Title) + ")"
	case m.Reply != nil && cmp.Or(m.Reply.Title, m.Reply.ID) != "":
		return who + ": [" + oneLine(cmp.Or(m.Reply.Title, m.Reply.ID)) + "]"
	case m.Flow != nil:
		return who + " submits: " + oneLine(m.Flow.Response)
	case m.Location != nil:
		return args("shares location", strconv.FormatFloat(m.Location.Latitude, 'f', -1, 64), strconv.FormatFloat(m.Location.Longitude, 'f', -1, 64))
	case m.Media != nil:
		name := cmp.Or(m.Media.Name, string(m.Type))
		return args("sends", name, m.Text, string(m.Type))
	case m.Type == chatapi.TypeRequestWelcome:
		return who + " opens chat"
	case m.Referral != nil && m.Text != "":
		return args("clicks ad", m.Text, m.Referral.Headline)
	case strings.HasSuffix(m.Chat, "@g.us"):
		return args("says in", m.Chat, m.Text)
	case m.Type == chatapi.TypeReaction:
		return args("reacts", m.Text)
	case m.Type == chatapi.TypeText && m.Text != "":
		if strings.ContainsAny(m.Text[:1], "[(") {
			return who + " says: " + oneLine(m.Text)
		}
		return who + ": " + oneLine(m.Text)
	}
	return fmt.Sprintf("# %s sent a message of the type %s", who, m.Type)
}

// call writes a send, and nothing for other calls.
func (w *scriptWriter) call(at time.Duration, c *Call) {
	if !strings.HasPrefix(c.Path, "send") {
		return
	}
	body := membersOf(c.Body)
	chat := chatOfCall(c)
	head := "Bot:"
	if chat != w.chat && w.names[chat] != w.names[w.chat] {
		head = "Bot to " + cmp.Or(w.names[chat], chat) + ":"
	}
	if w.names[chat] == "" {
		head = "# The bot writes to " + chat + ":"
	}
	reply := membersOf(c.Answer.Body)
	if sent := fmt.Sprint(reply["sent"]); c.Answer.Status != 200 || sent != "true" {
		reason, _ := reply["message"].(string)
		head = "# refused: " + strings.TrimSpace(fmt.Sprint(c.Answer.Status, " ", oneLine(reason))) + ":"
	}
	w.line(at, botsPause, "%s %s", head, botLine(c.Path, body))
}

// botLine returns a message as a script shows it.
func botLine(path string, body map[string]any) string {
	text := func(members map[string]any, name string) string {
		switch v := members[name].(type) {
		case string:
			return oneLine(v)
		case *object:
			inner, _ := v.of["text"].(string)
			return oneLine(inner)
		}
		return ""
	}
	var parts, words []string
	for _, name := range []string{"header", "title", "body", "caption", "name", "address", "footer"} {
		if word := text(body, name); word != "" && !strings.Contains(word, "://") && !strings.HasPrefix(word, "data:") {
			words = append(words, word)
		}
	}
	sentence := strings.Join(words, " / ")
	switch path {
	case "sendTemplate":
		language := inner(body["language"])
		parts = append(parts, fmt.Sprintf("<template %s %s> …", text(body, "template"), cmp.Or(text(language, "code"), text(body, "language"))))
		sentence = ""
	case "sendFile", "sendSticker":
		parts = append(parts, "<…>")
	case "sendReaction":
		return "<reacts " + sentence + ">"
	case "sendLocation":
		parts = append(parts, fmt.Sprintf("<location %v;%v>", body["lat"], body["lng"]))
	}
	if sentence != "" {
		parts = append(parts, sentence)
	}
	if label := text(body, "displayText"); label != "" {
		parts = append(parts, "["+label+" -> …]")
	}
	return strings.Join(append(parts, choices(body)...), " ")
}

// choices returns the buttons and rows of a message.
func choices(body map[string]any) (all []string) {
	sections, _ := body["sections"].([]any)
	buttons, _ := body["buttons"].([]any)
	if len(sections) > 0 {
		buttons = nil // some clients send both
	}
	for _, value := range append(sections, buttons...) {
		members := inner(value)
		if reply, ok := members["reply"].(*object); ok {
			members = reply.of
		}
		rows, isSection := members["rows"].([]any)
		for _, row := range rows {
			all = append(all, fmt.Sprintf("(%v)", inner(row)["title"]))
		}
		if title, ok := members["title"].(string); ok && !isSection {
			all = append(all, "["+title+"]")
		}
	}
	return all
}

// membersOf returns the members of a body; none if it is no object.
func membersOf(body []byte) map[string]any { return inner(members(body)) }

func inner(value any) map[string]any {
	if o, ok := value.(*object); ok && o != nil {
		return o.of
	}
	return nil
}

// oneLine writes a text in one line.
func oneLine(text string) string {
	return strings.NewReplacer("\\", `\\`, "\n", `\n`, "\r", `\r`).Replace(strings.TrimSpace(text))
}
