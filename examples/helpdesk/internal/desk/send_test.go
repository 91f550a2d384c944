package desk_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

// counter is an office at a fake service, where a customer waits for an answer: Pat has
// written, so that the window is open for a day.
type counter struct {
	*office
	T       *testing.T
	api     *chatapitest.API
	client  *chatapi.Client
	pat     *chatapitest.Customer
	chatID  int64
	request int64
	asked   int64 // the customer's message
}

// atCounter runs a test in simulated time.
func atCounter(t *testing.T, test func(t *testing.T, c *counter)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.now = time.Now()
		c := &counter{office: o, T: t, api: chatapitest.New(t)}
		c.pat = c.api.Customer("12025550143")
		wamid := c.pat.Says("Where is my order?")
		var err error
		c.client, err = o.channels.Put(c.api.URL, c.api.Token, chatapi.WithHTTPClient(&http.Client{Transport: c.api.Transport}),
			chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 1}))
		require.NoError(t, err)
		_, c.chatID = o.person(o.channel, "Pat", "12025550143")
		o.exec("UPDATE desk_chat SET closes = $2 WHERE id = $1", c.chatID, o.now.Add(24*time.Hour).UnixMicro())
		c.request = o.request(c.chatID, o.sales, desk.StateNew, "Where is my order?")
		c.asked = o.message(c.request, desk.In, "Where is my order?")
		o.exec("UPDATE desk_message SET wamid = $2 WHERE id = $1", c.asked, wamid)
		c.template()

		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- o.Durable.Run(ctx) }()
		defer func() {
			cancel()
			require.NoError(t, <-ended)
		}()
		synctest.Wait()
		test(t, c)
	})
}

// template writes the row of a template that the fake has.
func (c *counter) template() {
	c.T.Helper()
	c.api.Template("order_ready", "en", "Hello {{1}}, order {{2}} is ready.")
	info, err := c.client.Templates.Get(c.T.Context(), "order_ready", "en")
	require.NoError(c.T, err)
	body, err := json.Marshal(info)
	require.NoError(c.T, err)
	c.exec(`INSERT INTO desk_template (channel, name, language, category, status, body, changed) VALUES ($1, $2, $3, $4, $5, $6, 1)`,
		c.channel, info.Name, info.Language, info.Category, string(info.Status), string(body))
}

// composition is an answer to Pat by somebody who has seen the question.
func (c *counter) composition(text string) desk.Composition {
	return desk.Composition{Request: c.request, Key: fmt.Sprintf("composition-%x", sha256.Sum256([]byte(text)))[:48], LastSeen: c.asked, Text: text}
}

// got returns the texts that Pat has received.
func (c *counter) got() []string {
	time.Sleep(5 * time.Second)
	synctest.Wait()
	texts := []string{}
	for _, m := range c.pat.Received() {
		texts = append(texts, m.Text)
	}
	return texts
}

// status returns how far a message has come.
func (c *counter) status(message int64) (status string) {
	c.T.Helper()
	synctest.Wait()
	_, err := c.DB.Get(c.T.Context(), "SELECT status FROM desk_message WHERE id = $1", []any{message}, &status)
	require.NoError(c.T, err)
	return status
}

// refused returns the refusal of an error.
func refused(t testing.TB, err error) *desk.Refused {
	t.Helper()
	var r *desk.Refused
	require.ErrorAs(t, err, &r)
	return r
}

func TestOneCompositionIsOneMessage(t *testing.T) {
	atCounter(t, func(t *testing.T, c *counter) {
		v := c.view(c.max)
		ids := make([]int64, 20)
		var group sync.WaitGroup
		for n := range ids {
			group.Go(func() {
				id, err := v.Send(t.Context(), c.composition("It left today."))
				assert.NoError(t, err)
				ids[n] = id
			})
		}
		group.Wait()
		for _, id := range ids {
			assert.Equal(t, ids[0], id)
		}
		other := c.composition("It left today.")
		other.Text = "Another text under the same key"
		_, err := v.Send(t.Context(), other)
		require.ErrorIs(t, err, desk.ErrSentBefore, "it is not lost in silence")
		for _, change := range []func(*desk.Composition){
			func(c *desk.Composition) { c.Buttons = []string{"Yes"} },
			func(c *desk.Composition) { c.File = &desk.Upload{Name: "a.pdf"} },
			func(c *desk.Composition) { c.Template = &desk.TemplateChoice{Name: "order_ready", Language: "en"} },
		} {
			other := c.composition("It left today.")
			change(&other)
			_, err := v.Send(t.Context(), other)
			require.ErrorIs(t, err, desk.ErrSentBefore)
		}
		assert.Equal(t, []string{"It left today."}, c.got())
		assert.EqualValues(t, 1, c.number("SELECT count(*) FROM desk_message WHERE direction = 'out'"))
		assert.Equal(t, c.max, c.number("SELECT assignee FROM desk_request WHERE id = $1", c.request), "who answers, takes it")
		assert.EqualValues(t, 1, c.number("SELECT count(*) FROM desk_request WHERE state = 'waiting' AND first_reply > 0 AND waits = 0 AND unread = 0"))
		assert.EqualValues(t, 1, c.number("SELECT count(*) FROM desk_audit WHERE act = 'took request'"))

		_, err = c.view(c.ann).Send(t.Context(), other)
		require.ErrorIs(t, err, desk.ErrNotFound, "the key is another agent's")
	})
}

func TestOrderWithinASecond(t *testing.T) {
	atCounter(t, func(t *testing.T, c *counter) {
		c.exec("UPDATE desk_message SET at = $2 WHERE id = $1", c.asked, c.now.UnixMicro())
		v := c.view(c.max)
		second := c.now.Truncate(time.Second)
		c.now = second.Add(900 * time.Millisecond)
		_, err := v.Send(t.Context(), c.composition("It left today."))
		require.NoError(t, err)
		require.NoError(t, v.AddNote(t.Context(), c.request, "He is angry."))
		c.applies(&chatapi.MessageEvent{EventInfo: chatapi.EventInfo{Channel: "ABC100000001", Time: second},
			From: chatapi.Contact{Phone: "12025550143"}, Content: chatapi.Content{ID: "w9", Type: chatapi.TypeText, Text: "Thank you!"}})
		read, err := v.Thread(t.Context(), c.request, 0)
		require.NoError(t, err)
		order := []string{}
		for _, m := range read.Messages {
			order = append(order, m.Body)
		}
		assert.Equal(t, []string{"Where is my order?", "It left today.", "He is angry.", "Thank you!"}, order)
		row, err := v.Row(t.Context(), c.request)
		require.NoError(t, err)
		assert.Equal(t, "Thank you!", row.Preview)
	})
}

func TestNoDoubleAnswer(t *testing.T) {
	atCounter(t, func(t *testing.T, c *counter) {
		_, err := c.view(c.max).Send(t.Context(), c.composition("Max answers."))
		require.NoError(t, err)
		late := c.composition("Ann answers too.")
		_, err = c.view(c.ann).Send(t.Context(), late)
		var answered *desk.Answered
		require.ErrorAs(t, err, &answered)
		assert.Equal(t, "Max answers.", answered.Message.Body)
		assert.Equal(t, "Max", answered.Message.Author)
		assert.Equal(t, []string{"Max answers."}, c.got())
		late.Anyway = true
		_, err = c.view(c.ann).Send(t.Context(), late)
		require.NoError(t, err)
		assert.Equal(t, []string{"Max answers.", "Ann answers too."}, c.got())
		assert.Equal(t, c.max, c.number("SELECT assignee FROM desk_request WHERE id = $1", c.request))

		again := c.composition("Max once more.")
		_, err = c.view(c.max).Send(t.Context(), again)
		require.ErrorAs(t, err, &answered)
		again.LastSeen = answered.Message.ID
		_, err = c.view(c.max).Send(t.Context(), again)
		require.NoError(t, err, "what was seen keeps nobody")
	})
}

func TestTwoAgentsAtOnceAnswerOnce(t *testing.T) {
	atCounter(t, func(t *testing.T, c *counter) {
		var group sync.WaitGroup
		errs := make([]error, 2)
		for n, agent := range []int64{c.max, c.ann} {
			group.Go(func() { _, errs[n] = c.view(agent).Send(t.Context(), c.composition([]string{"Max", "Ann"}[n])) })
		}
		group.Wait()
		assert.Len(t, c.got(), 1)
		var answered *desk.Answered
		require.ErrorAs(t, firstError(errs), &answered)
	})
}

func firstError(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestClosedWindow(t *testing.T) {
	atCounter(t, func(t *testing.T, c *counter) {
		v := c.view(c.max)
		c.now = c.now.Add(25 * time.Hour)
		_, err := v.Send(t.Context(), c.composition("Too late."))
		require.ErrorIs(t, err, desk.ErrClosed)
		draft, err := v.Draft(t.Context(), c.chatID, false)
		require.NoError(t, err)
		assert.Equal(t, "Too late.", draft)
		assert.Empty(t, c.got())

		template := c.composition("")
		template.Template = &desk.TemplateChoice{Name: "order_ready", Language: "en", Values: []string{"Pat", ""}}
		_, err = v.Send(t.Context(), template)
		assert.Equal(t, &desk.Refused{Field: "value-2", Sentence: "{{2}} is empty."}, refused(t, err))
		template.Template.Values[1] = "#42"
		id, err := v.Send(t.Context(), template)
		require.NoError(t, err)
		assert.Equal(t, []string{"Hello Pat, order #42 is ready."}, c.got())
		m, err := v.Message(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, "Hello Pat, order #42 is ready.", m.Body)
		assert.Equal(t, "order_ready (en)", m.Extra.Template)
		assert.EqualValues(t, 1, c.number("SELECT used FROM desk_template"))
	})
}

func TestFilesOfAgents(t *testing.T) {
	atCounter(t, func(t *testing.T, c *counter) {
		v := c.view(c.max)
		path := filepath.Join(t.TempDir(), "upload")
		require.NoError(t, os.WriteFile(path, []byte("%PDF-1.4 an invoice"), 0o600))
		what := c.composition("Your invoice")
		what.File = &desk.Upload{Path: path, Name: "C:/invoices/invoice.pdf"}
		c.api.Fail(chatapitest.Fault{Operation: "uploadMedia"})
		_, err := v.Send(t.Context(), what)
		assert.Equal(t, "file", refused(t, err).Field)
		assert.EqualValues(t, 0, c.number("SELECT count(*) FROM desk_message WHERE direction = 'out'"), "a failed upload stays in the composer")
		left, err := os.ReadDir(c.Files)
		require.NoError(t, err)
		assert.Empty(t, left, "its next press brings it again")
		id, err := v.Send(t.Context(), what)
		require.NoError(t, err)
		assert.Equal(t, []string{"Your invoice"}, c.got())
		assert.Equal(t, chatapi.TypeDocument, c.pat.LastReceived().File.Type)
		m, err := v.Message(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, "ready", m.Media.State)
		assert.Equal(t, "invoice.pdf", m.Media.Name)

		what.Key, what.Text, what.File.Name = "key-of-a-file-with-a-long-name", "", strings.Repeat("ä", 300)+".pdf"
		id, err = v.Send(t.Context(), what)
		require.NoError(t, err)
		m, err = v.Message(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, strings.Repeat("ä", 195)+"….pdf", m.Media.Name, "the ending says what opens it")

		for name, size := range map[string]int{"The file is empty.": 0, "The file is too large. A file may have 16 MB.": chatapi.MaxInlineMedia + 1} {
			require.NoError(t, os.WriteFile(path, make([]byte, size), 0o600))
			what.Key = "key-of-a-file-that-is-wrong"
			_, err = v.Send(t.Context(), what)
			assert.Equal(t, &desk.Refused{Field: "file", Sentence: name}, refused(t, err))
		}
	})
}

func TestWhatIsNotSent(t *testing.T) {
	many := []string{"1", "2", "3", "4"}
	for name, test := range map[string]struct {
		change func(c *counter, what *desk.Composition)
		field  string
	}{
		"an empty text":           {func(_ *counter, what *desk.Composition) { what.Text = " \n" }, "text"},
		"a text that is too long": {func(_ *counter, what *desk.Composition) { what.Text = strings.Repeat("x", 4097) }, "text"},
		"four buttons":            {func(_ *counter, what *desk.Composition) { what.Buttons = many }, "more"},
		"a long button":           {func(_ *counter, what *desk.Composition) { what.Buttons = []string{strings.Repeat("x", 21)} }, "more"},
		"a list without a label": {func(_ *counter, what *desk.Composition) {
			what.List = &desk.ListChoice{Rows: []desk.Row{{Title: "Small"}}}
		}, "more"},
		"a list without rows": {func(_ *counter, what *desk.Composition) { what.List = &desk.ListChoice{Label: "Sizes"} }, "more"},
		"buttons and a list": {func(_ *counter, what *desk.Composition) {
			what.Buttons, what.List = []string{"Yes"}, &desk.ListChoice{Label: "Sizes", Rows: []desk.Row{{Title: "Small"}}}
		}, "more"},
		"buttons and a file": {func(_ *counter, what *desk.Composition) {
			what.Buttons, what.File = []string{"Yes"}, &desk.Upload{Name: "a.pdf"}
		}, "more"},
		"a list and a file": {func(_ *counter, what *desk.Composition) {
			what.List, what.File = &desk.ListChoice{Label: "Sizes", Rows: []desk.Row{{Title: "Small"}}}, &desk.Upload{Name: "a.pdf"}
		}, "more"},
		"a key of no composition": {func(_ *counter, what *desk.Composition) { what.Key = "short" }, ""},
		"a quote of nothing":      {func(_ *counter, what *desk.Composition) { what.Quote = 4711 }, "quote"},
		"an unknown template": {func(_ *counter, what *desk.Composition) {
			what.Template = &desk.TemplateChoice{Name: "x", Language: "en"}
		}, "template"},
		"a merged request":        {func(c *counter, _ *desk.Composition) { c.exec("UPDATE desk_request SET merged_into = 7") }, ""},
		"a paused channel":        {func(c *counter, _ *desk.Composition) { c.exec("UPDATE desk_channel SET state = 'paused'") }, ""},
		"an erased person":        {func(c *counter, _ *desk.Composition) { c.exec("UPDATE desk_chat SET answer = '', closes = 0") }, ""},
		"a person who is blocked": {func(c *counter, _ *desk.Composition) { c.exec("UPDATE desk_contact SET blocked = 1") }, ""},
		"a request with a newer one": {func(c *counter, _ *desk.Composition) {
			c.exec("UPDATE desk_request SET state = 'solved' WHERE id = $1", c.request)
			c.office.request(c.chatID, c.sales, desk.StateNew, "again")
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			atCounter(t, func(t *testing.T, c *counter) {
				what := c.composition("Hello")
				test.change(c, &what)
				_, err := c.view(c.max).Send(t.Context(), what)
				assert.Equal(t, test.field, refused(t, err).Field, err)
				assert.Empty(t, c.got())
				assert.EqualValues(t, 0, c.number("SELECT count(*) FROM desk_message WHERE direction = 'out'"))
			})
		})
	}
	atCounter(t, func(t *testing.T, c *counter) {
		_, err := c.view(c.eve).Send(t.Context(), c.composition("Hello"))
		require.ErrorIs(t, err, desk.ErrNotFound, "another department's request")
	})
}

func TestKindsOfMessages(t *testing.T) {
	atCounter(t, func(t *testing.T, c *counter) {
		v := c.view(c.max)
		what := c.composition("buttons: coffee?")
		what.Buttons = []string{"Yes", "No"}
		what.Quote = c.asked
		_, err := v.Send(t.Context(), what)
		require.NoError(t, err)
		c.got()
		assert.Equal(t, []string{"Yes", "No"}, []string{c.pat.LastReceived().Buttons[0].Title, c.pat.LastReceived().Buttons[1].Title})
		assert.NotEmpty(t, c.pat.LastReceived().Quoted)

		what = c.composition("list: which size?")
		what.List = &desk.ListChoice{Label: "Sizes", Rows: []desk.Row{{Title: "Small", Description: "for one"}, {Title: "Large"}}}
		id, err := v.Send(t.Context(), what)
		require.NoError(t, err)
		c.got()
		assert.Equal(t, "Sizes", c.pat.LastReceived().Label)
		m, err := v.Message(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, what.List.Rows, m.Extra.Rows)
	})
}
