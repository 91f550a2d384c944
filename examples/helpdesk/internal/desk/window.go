package desk

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// ComposerState is what an agent may send in a chat now.
type ComposerState string

// The states of a composer.
const (
	ComposerNone    ComposerState = "none"    // nothing can be sent; notes and drafts only
	ComposerNever   ComposerState = "never"   // the person never wrote: templates only
	ComposerOpen    ComposerState = "open"    // everything
	ComposerClosing ComposerState = "closing" // everything, for less than an hour
	ComposerClosed  ComposerState = "closed"  // templates only, until the person writes again
)

// Composer is what the page needs to write in a request.
type Composer struct {
	Request, Chat int64
	State         ComposerState
	Why           string        // in a sentence, why free text cannot be sent; "" if it can
	Closes        time.Time     // when the service window closes, or has closed
	Left          time.Duration // until then; 0 if it is closed
	Ask           bool          // time to ask the customer for an answer, which keeps the window open
	Person        string        // the name to show
	Price         string        // what the next text costs, in a sentence; "" if that is not known
	Templates     []TemplateChoices
	NotUsable     int    // templates that cannot be sent now
	OptedOut      bool   // the person wants no marketing, so Templates has none
	Key           string // of the next composition
	LastSeen      int64  // the newest message of the request
	Draft, Note   string // what the agent has written and not sent
	Canned        []Canned
	Live          bool // the person sees that an answer is being written
}

// TemplateChoices is a template that can be sent, and what it needs.
type TemplateChoices struct {
	Name, Language, Category string
	Text                     string          // of its body
	Values                   []TemplateValue // in the order of TemplateChoice.Values
	Image                    bool            // the header is an image, which the agent gives as a file
}

// TemplateValue is a variable of a template.
type TemplateValue struct {
	Label   string // such as "{{1}}"
	Example string
}

// place is where a composition goes.
type place struct {
	request, department, chat int64
	assignee, merged          int64
	channel                   int64 // its row
	id                        chatapi.ChannelID
	to                        chatapi.Recipient
	person                    string
	closes                    time.Time
	marksRead                 bool
	why                       string // why nothing can be sent at all; "" if it can
}

// open reports whether free text may be sent.
func (p *place) open(now time.Time) bool { return now.Before(p.closes) }

// place returns where the answers of a request go.
func (v *View) place(ctx context.Context, request int64) (*place, error) {
	p := &place{request: request}
	var closes, marks, blocked int64
	var state, answer, name, title string
	found, err := v.DB.Get(ctx, `SELECT r.department, r.chat, r.assignee, r.merged_into, n.id, n.channel, n.state, n.marks_read, c.answer, c.closes,
		c.title, COALESCE((SELECT CASE WHEN p.own_name <> '' THEN p.own_name ELSE p.name END FROM desk_contact p WHERE p.id = c.contact), ''),
		COALESCE((SELECT p.blocked FROM desk_contact p WHERE p.id = c.contact), 0)
		FROM desk_request r JOIN desk_chat c ON c.id = r.chat JOIN desk_channel n ON n.id = c.channel
		WHERE r.id = $1 AND `+v.visible("r.department"), []any{request},
		&p.department, &p.chat, &p.assignee, &p.merged, &p.channel, &p.id, &state, &marks, &answer, &closes, &title, &name, &blocked)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, ErrNotFound
	}
	p.closes, p.marksRead = store.Time(closes), marks == 1
	unreadable := false
	if answer != "" {
		p.to, err = chatapi.ParseRecipient(answer)
		unreadable = err != nil // the chat can be read all the same
	}
	p.person = cmp.Or(name, title, address(answer))
	if p.why = v.why(p, state, blocked == 1); unreadable {
		p.why = "WhatsApp named this person in a form that cannot be answered. The message is here to be read."
	}
	return p, nil
}

// ChatOf returns the chat of a request that the agent may see.
func (v *View) ChatOf(ctx context.Context, request int64) (chat int64, err error) {
	p, err := v.place(ctx, request)
	if err != nil {
		return 0, err
	}
	return p.chat, nil
}

// why says in a sentence why nothing can be sent in a request, or "".
func (v *View) why(p *place, state string, blocked bool) string {
	switch {
	case p.merged != 0:
		return fmt.Sprintf("This request is part of #%d now. Answer there.", p.merged)
	case p.to.IsZero():
		return "The person was erased."
	case blocked:
		return p.person + " is blocked. Unblock the person to write again."
	}
	return v.whyNot(p.id, state)
}

// closingTime is how long before its end a window is closing.
const closingTime = time.Hour

// Composer returns what the agent may write in a request now. Its key is new each time.
func (v *View) Composer(ctx context.Context, request int64) (*Composer, error) {
	p, err := v.place(ctx, request)
	if err != nil {
		return nil, err
	}
	now := v.Now()
	c := &Composer{Request: request, Chat: p.chat, Closes: p.closes, Person: p.person, Key: rand.Text(), Live: p.marksRead,
		Left: max(0, p.closes.Sub(now))}
	switch {
	case p.why != "":
		c.State, c.Why = ComposerNone, p.why
	case p.closes.IsZero():
		c.State, c.Why = ComposerNever, p.person+" has never written here. WhatsApp lets only a template through until then."
	case c.Left == 0:
		c.State, c.Why = ComposerClosed, "The window has closed. WhatsApp lets only a template through until "+p.person+" writes again."
	case c.Left <= closingTime:
		c.State = ComposerClosing
	default:
		c.State = ComposerOpen
	}
	if err := v.fill(ctx, p, c); err != nil {
		return nil, err
	}
	return c, nil
}

// fill adds what the database knows to a composer.
func (v *View) fill(ctx context.Context, p *place, c *Composer) (err error) {
	var answered int64
	if _, err := v.DB.Get(ctx, `SELECT COALESCE(max(id), 0), COALESCE(max(CASE WHEN direction = 'out' THEN at ELSE 0 END), 0)
		FROM desk_message WHERE request = $1`, []any{p.request}, &c.LastSeen, &answered); err != nil {
		return err
	}
	c.Ask = c.State == ComposerClosing && store.Time(answered).Before(p.closes.Add(-closingTime))
	if c.Draft, err = v.Draft(ctx, p.chat, false); err != nil {
		return err
	}
	if c.Note, err = v.Draft(ctx, p.chat, true); err != nil {
		return err
	}
	if c.Canned, err = v.Canned(ctx, p.department); err != nil {
		return err
	}
	if c.State == ComposerNone {
		return nil
	}
	if c.OptedOut, err = v.Durable.State.OptedOut(ctx, p.id, p.to); err != nil {
		return err
	}
	if c.Templates, c.NotUsable, err = v.choices(ctx, p.channel, c.OptedOut); err != nil {
		return err
	}
	if c.State == ComposerOpen || c.State == ComposerClosing {
		c.Price = v.priceOfAnswer(ctx, p)
	}
	return nil
}

// priceOfAnswer returns what an answer costs, in a sentence; "" until the ledger, which reads
// events a moment later, knows that the window is open.
func (v *View) priceOfAnswer(ctx context.Context, p *place) string {
	ledger, err := v.Ledger(ctx)
	if err == nil && !ledger.ServiceWindow(p.id, p.to).Open(v.Now()) {
		return ""
	}
	price, _ := v.priceOf(ctx, p.request, chatapi.Text{Body: "."})
	return price
}

// choices returns the templates that can be sent on a channel, and how many cannot.
func (v *View) choices(ctx context.Context, channel int64, optedOut bool) (choices []TemplateChoices, notUsable int, err error) {
	usable, err := v.UsableTemplates(ctx, channel)
	if err != nil {
		return nil, 0, err
	}
	var all int
	if _, err := v.DB.Get(ctx, "SELECT count(*) FROM desk_template WHERE channel = $1", []any{channel}, &all); err != nil {
		return nil, 0, err
	}
	for _, t := range usable {
		if !fits(t.Info) || optedOut && t.Category == marketing {
			continue
		}
		choice := TemplateChoices{Name: t.Name, Language: t.Language, Category: t.Category, Values: templateValues(t.Info), Image: needsImage(t.Info)}
		for _, part := range t.Info.Components {
			if part.Type == chatapi.ComponentBody {
				choice.Text = part.Text
			}
		}
		choices = append(choices, choice)
	}
	return choices, all - len(choices), nil
}

// Preview returns a template as the customer will see it, with the variables themselves in
// place of values that are missing, and what it costs. noPrice is set if no price is known.
func (v *View) Preview(ctx context.Context, request int64, t TemplateChoice) (preview chatapi.Preview, price string, noPrice bool, err error) {
	p, err := v.place(ctx, request)
	if err != nil {
		return preview, "", false, err
	}
	info, err := v.templateInfo(ctx, p, &t)
	if err != nil {
		return preview, "", false, err
	}
	var values []string
	for n, value := range templateValues(info) {
		if n < len(t.Values) && t.Values[n] != "" {
			values = append(values, t.Values[n])
		} else {
			values = append(values, value.Label)
		}
	}
	m := info.Use(values...)
	if needsImage(info) {
		m.Header = chatapi.HeaderImage(chatapi.MediaID("1", chatapi.TypeImage))
	}
	if preview, err = info.Preview(m); err != nil {
		return preview, "", false, &Refused{Field: "template", Sentence: sentenceOf(err)}
	}
	if needsImage(info) {
		preview.Header = "[your picture]"
	}
	price, noPrice = v.priceOf(ctx, request, m)
	return preview, price, noPrice, nil
}

// priceOf returns what a message costs, in a sentence, and whether no price is known. A
// price that cannot be told keeps nobody from sending.
func (v *View) priceOf(ctx context.Context, request int64, m chatapi.Message) (price string, none bool) {
	price, err := v.Quote(ctx, request, m)
	if err != nil {
		v.Log.WarnContext(ctx, "A price could not be told.", "error", err)
		return "", false
	}
	return price, strings.HasPrefix(price, "No price")
}

// typings remembers when typing was shown in which request.
type typings struct {
	mu   sync.Mutex
	last map[int64]time.Time
}

// typingPause is the time between two signs that an answer is being written. WhatsApp
// shows one for 25 s.
const typingPause = 20 * time.Second

// due reports whether typing is to be shown in a request now, and notes that it is.
func (t *typings) due(request int64, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for old, at := range t.last {
		if now.Sub(at) >= typingPause {
			delete(t.last, old)
		}
	}
	if _, shown := t.last[request]; shown {
		return false
	}
	if t.last == nil {
		t.last = map[int64]time.Time{}
	}
	t.last[request] = now
	return true
}

// Typing shows the customer that an answer is being written, if the channel's switch
// allows it: that marks his messages as read as well. It does so at most every 20 s, for
// the assignee, or for anybody while nobody is.
func (v *View) Typing(ctx context.Context, request int64) error {
	p, err := v.place(ctx, request)
	if err != nil {
		return err
	}
	mine := p.assignee == 0 || p.assignee == v.Agent
	if p.why != "" || !p.marksRead || !mine || !p.open(v.Now()) || p.to.IsGroup() {
		return nil
	}
	var newest string
	found, err := v.DB.Get(ctx, "SELECT wamid FROM desk_message WHERE request = $1 AND direction = 'in' AND wamid <> '' AND origin = '' ORDER BY id DESC LIMIT 1",
		[]any{request}, &newest)
	if err != nil || !found || !v.typing.due(request, time.Now()) {
		return err
	}
	client, known := v.Channels.Client(p.id)
	if !known {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := client.Messages.MarkRead(ctx, newest, true); err != nil {
		v.Log.InfoContext(ctx, "Typing could not be shown.", "error", err) // it changes nothing else
	}
	return nil
}
