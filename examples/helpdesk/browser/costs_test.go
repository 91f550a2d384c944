package browser_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/conformance/browser"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// startUsed starts the program on a database that has a thousand answered customers of
// Sales, so that the free ones of the month are used up.
func startUsed(w *browser.Walker, args ...string) *program {
	w.Helper()
	p := &program{w: w, dir: w.TempDir(), args: args, address: "http://localhost:0", phones: "http://127.0.0.1:0"}
	used.Do(func() {
		used.dir = filepath.Join(filepath.Dir(binary(w)), "used")
		useUp(w, used.dir)
	})
	require.NoError(w, os.CopyFS(p.dir, os.DirFS(used.dir)))
	p.run()
	w.Cleanup(p.stop)
	return p
}

// used is the folder of the database that useUp makes, which is made once.
var used struct {
	sync.Once
	dir string
}

// useUp records a message and a delivered answer of each of a thousand customers.
func useUp(w *browser.Walker, dir string) {
	w.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	require.NoError(w, os.MkdirAll(dir, 0o700))
	db, err := store.OpenSQLite(ctx, dir)
	require.NoError(w, err)
	defer func() { require.NoError(w, db.Close()) }()
	d, err := durable.Open(ctx, db.Durable, chatapi.NewChannels())
	require.NoError(w, err)
	d.Inbox.Handle(func(context.Context, chatapi.Event, *durable.Work) error { return nil })
	now := time.Now().Unix()
	for part := range 4 {
		var messages, statuses []string
		for n := range 250 {
			id, chat := fmt.Sprint(part, ".", n), fmt.Sprintf("%d@c.us", 12025560000+part*250+n)
			messages = append(messages, fmt.Sprintf(`{"id":"in%s","type":"chat","body":"hi","fromMe":false,"chatId":%q,"author":%[2]q,"time":%d}`, id, chat, now-120))
			statuses = append(statuses, fmt.Sprintf(`{"id":"out%s","chatId":%q,"status":"delivered","time":%d}`, id, chat, now-60))
		}
		body := `{"instanceId":"ABC100000001","messages":[` + strings.Join(messages, ",") + `],"ack":[` + strings.Join(statuses, ",") + `]}`
		delivery := &chatapi.Delivery{Channel: "ABC100000001", Body: []byte(body), Received: time.Now()}
		delivery.Events, delivery.Err = chatapi.ParseWebhook(delivery.Body)
		require.NoError(w, d.Inbox.Accept(ctx, delivery))
	}
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	ledger, err := d.State.Ledger(ctx, chatapi.Account{ID: "helpdesk"})
	require.NoError(w, err)
	month := time.Unix(now-60, 0).UTC()
	require.Eventually(w, func() bool {
		require.NoError(w, d.State.Refresh(ctx, ledger))
		bill, err := ledger.Bill(chatapi.Month(month.Year(), month.Month()))
		health, asked := d.Health(ctx)
		return err == nil && asked == nil && len(bill.Charges) == 1000 && health.Inbox.Waiting == 0 // nothing is left for the program
	}, 5*time.Minute, 200*time.Millisecond)
	cancel()
	require.NoError(w, <-ended)
}

// addressOf returns the address of the request of a person in the inbox.
func (p *program) addressOf(page *browser.Page, person string) string {
	p.w.Helper()
	page.Go(p.address + "/inbox")
	page.Sees(person)
	return browser.Eval[string](page, fmt.Sprintf("[...document.querySelectorAll('#rows a')].find(a => a.textContent.includes(%q)).href", person))
}

// answers sends an answer to a person.
func (p *program) answers(page *browser.Page, person, text string) {
	p.w.Helper()
	page.Go(p.addressOf(page, person))
	page.Fill("Message to "+person, text)
	page.Click("button", "Send")
	page.Until(fmt.Sprintf("[...document.querySelectorAll('#thread .out')].some(b => b.textContent.includes(%q))", text), "the answer is not in the thread")
}

// row loads the page of the costs until it has a row with all the words.
func row(page *browser.Page, words ...string) {
	found := fmt.Sprintf("[...document.querySelectorAll('tbody tr')].some(r => %s.every(w => r.textContent.includes(w)))", quoted(words))
	for range 40 {
		if browser.Eval[bool](page, found) {
			return
		}
		page.Reload()
	}
	page.Until(found, "no row has "+strings.Join(words, ", "))
}

// quoted returns texts as a list of JavaScript.
func quoted(words []string) string {
	all := make([]string, len(words))
	for i, word := range words {
		all[i] = fmt.Sprintf("%q", word)
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// clickAndButton lets one customer come from an ad and one by a plain button, and answers
// both.
func (p *program) clickAndButton(page *browser.Page) {
	p.w.Helper()
	p.act("12025550150", "takes name", map[string]any{"name": "Fay Sample"})
	p.act("12025550150", "clicks ad", map[string]any{"headline": "Autumn sale", "text": "Is the sale still on?"})
	p.act("12025550151", "takes name", map[string]any{"name": "Gus Sample"})
	p.says("12025550151", "Hello! I came by the button on your site.")
	p.answers(page, "Fay Sample", "Yes, until Sunday.")
	p.answers(page, "Gus Sample", "Welcome, Gus.")
	page.Click("link", "Conversations and costs")
}

func TestCosts(t *testing.T) {
	browser.Walk(t, "costs: the free messages are used up, an ad is free and a plain button is not", func(w *browser.Walker) {
		p := startUsed(w)
		page := p.signIn("Ann")
		p.clickAndButton(page)
		page.Sees("1,000 of 1,000, used up: the next ones are charged")
		page.Sees("service messages of a month and number are free")
		row(page, "Fay Sample", "free", "came from an ad")
		row(page, "Gus Sample", "USD", "price since")
		page.Sees("Charged by day and category")
		page.Picture("helpdesk-costs")
	})
	browser.Walk(t, "costs: the free conversations are used up, an ad is free and a plain button is not", func(w *browser.Walker) {
		p := startUsed(w, "-model", "cbp-2022")
		page := p.signIn("Ann")
		p.clickAndButton(page)
		page.Sees("All numbers together")
		page.Sees("1,000 of 1,000, used up: the next ones are charged")
		row(page, "Fay Sample", "the customer, from an ad", "free")
		row(page, "Gus Sample", "the customer", "0.0088 USD")
		page.Picture("helpdesk-conversations")
	})
	browser.Walk(t, "costs: a day later a template goes out and the bill changes, and in another month there is another bill", func(w *browser.Walker) {
		p := start(w)
		page := p.signIn("Ann")
		page.Go(p.address + "/costs")
		page.Misses("utility")
		p.post("/sim/service/moves%20clock", map[string]any{"time": "25h"})
		address := p.addressOf(page, "Dora Prove")
		page.Go(address)
		page.Sees("Window closed")
		page.Lacks("textbox", "Message to Dora Prove")
		page.Go(address + "?template=order_ready%7Cen")
		page.Fill("{{1}}", "Dora")
		page.Fill("{{2}}", "#42")
		page.Click("button", "Send template")
		page.Until("[...document.querySelectorAll('#thread .out')].some(b => b.textContent.includes('your order #42 is ready'))", "the template is not in the thread")
		page.Click("link", "Conversations and costs")
		row(page, "Dora Prove", "utility", "0.0034 USD")
		page.Click("DisclosureTriangle", "The numbers as a table")
		page.Check("a month of few messages")
		p.post("/sim/service/moves%20clock", map[string]any{"time": "744h"}) // into another month
		p.says("12025550146", "It is here, and it fits.")
		p.answers(page, "Dora Prove", "Enjoy it!")
		page.Click("link", "Conversations and costs")
		row(page, "Dora Prove", "service", "number 1 of 1,000 free this month")
	})
	browser.Walk(t, "costs: a month of few conversations", func(w *browser.Walker) {
		p := start(w, "-model", "cbp-2022")
		page := p.signIn("Ann")
		page.Click("link", "Conversations and costs")
		row(page, "Bob Sample", "the customer", "free")
		page.Check("a month of few conversations")
	})
}
