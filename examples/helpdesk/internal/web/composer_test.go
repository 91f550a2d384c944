package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/durable"
)

// deskAtFake is a shop whose channel of sales is connected to a fake, and a request there whose
// window is open.
type deskAtFake struct {
	*shop
	api     *chatapitest.API
	request int64
	ann     *browser
}

func newDesk(t *testing.T) *deskAtFake {
	t.Helper()
	d := &deskAtFake{shop: newShop(t), api: chatapitest.New(t, chatapitest.Channel("ABC100000000"))}
	client, err := d.Desk.Channels.Put(d.api.URL, d.api.Token, chatapi.WithHTTPClient(&http.Client{Transport: d.api.Transport}))
	require.NoError(t, err)
	d.api.Template("order_ready", "en", "Hello {{1}}, order {{2}} is ready.")
	info, err := client.Templates.Get(t.Context(), "order_ready", "en")
	require.NoError(t, err)
	body, err := json.Marshal(info)
	require.NoError(t, err)
	d.exec(t, "INSERT INTO desk_template (channel, name, language, category, status, body, changed) VALUES ($1, $2, $3, $4, $5, $6, 1)",
		d.channels[d.sales], info.Name, info.Language, info.Category, string(info.Status), string(body))
	d.request = d.shop.request(t, d.sales, "Bob <Sample>", "Where is my order?")
	d.exec(t, "UPDATE desk_chat SET answer = 'phone:12025550143'")
	d.ann = newBrowser(t, d.Server).signIn(d.shop.ann)
	return d
}

func (d *deskAtFake) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	require.NoError(t, d.Desk.DB.Update(t.Context(), func(ctx context.Context, tx durable.Tx) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	}))
}

func (d *deskAtFake) number(t *testing.T, query string, args ...any) (n int64) {
	t.Helper()
	_, err := d.Desk.DB.Get(t.Context(), query, args, &n)
	require.NoError(t, err)
	return n
}

// fields returns the hidden fields of the composer's form for messages or templates.
func fields(t *testing.T, page, form string) (pairs []string) {
	t.Helper()
	at := regexp.MustCompile(`action="/requests/[0-9]+/` + form + `"`).FindStringIndex(page)
	require.NotNil(t, at, "no form for %s", form)
	after, _, _ := strings.Cut(page[at[1]:], "</form>")
	for _, m := range regexp.MustCompile(`type="hidden" name="([a-z]+)" value="([^"]*)"`).FindAllStringSubmatch(after, -1) {
		pairs = append(pairs, m[1], m[2])
	}
	return pairs
}

func TestSendWithoutAScript(t *testing.T) {
	d := newDesk(t)
	page := d.ann.get(path("/inbox/%d", d.request)).Body.String()
	has(t, page, "the inbox", `data-state="open"`, "The window closes in", "Message to Bob &lt;Sample&gt;")
	form := fields(t, page, "messages")
	answer := d.ann.post(path("/requests/%d/messages", d.request), append(form, "text", "")...)
	assert.Equal(t, http.StatusUnprocessableEntity, answer.Code)
	has(t, answer.Body.String(), "the composer", "Write a message first.", `aria-invalid="true"`)
	for range 2 {
		answer = d.ann.post(path("/requests/%d/messages", d.request), append(form, "text", "It left today.")...)
		assert.Equal(t, http.StatusSeeOther, answer.Code)
		assert.Equal(t, path("/inbox/%d", d.request), answer.Header().Get("Location"))
	}
	assert.EqualValues(t, 1, d.number(t, "SELECT count(*) FROM desk_message WHERE direction = 'out' AND body = 'It left today.'"), "pressed twice, sent once")
}

func TestComposerAnswersAScript(t *testing.T) {
	d := newDesk(t)
	second := newBrowser(t, d.Server).signIn(addAgent(t, d.Server, "Eve", false, d.sales))
	form := fields(t, second.get(path("/inbox/%d", d.request)).Body.String(), "messages")
	own := fields(t, d.ann.get(path("/inbox/%d", d.request)).Body.String(), "messages")
	d.ann.header.Set("X-Fragment", "1")
	second.header.Set("X-Fragment", "1")

	answer := d.ann.post(path("/requests/%d/messages", d.request), append(own, "text", "Ann answers.")...)
	require.Equal(t, http.StatusOK, answer.Code)
	has(t, answer.Body.String(), "the new composer", `<section id="composer"`, `></textarea>`)
	lacks(t, answer.Body.String(), "the new composer", "<html", own[1], "Ann answers.")

	// The answer was lost, and Ann goes on writing before she sends again.
	answer = d.ann.post(path("/requests/%d/messages", d.request), append(own, "text", "Ann answers at length.")...)
	require.Equal(t, http.StatusUnprocessableEntity, answer.Code)
	has(t, answer.Body.String(), "what she wrote", "has gone out already", "Ann answers at length.</textarea>")
	lacks(t, answer.Body.String(), "what she wrote, under a new key", own[1])
	assert.EqualValues(t, 1, d.number(t, "SELECT count(*) FROM desk_message WHERE direction = 'out'"))

	answer = second.post(path("/requests/%d/messages", d.request), append(form, "text", "Eve answers too.", "button", "Yes")...)
	require.Equal(t, http.StatusConflict, answer.Code)
	has(t, answer.Body.String(), "the conflict", "<bdi>Ann</bdi></b> answered meanwhile", "Ann answers.", "Eve answers too.", `value="Yes"`, `name="anyway" value="1"`, form[1])
	answer = second.post(path("/requests/%d/messages", d.request), append(fields(t, answer.Body.String(), "messages"), "text", "Eve answers too.")...)
	assert.Equal(t, http.StatusOK, answer.Code)
	assert.EqualValues(t, 2, d.number(t, "SELECT count(*) FROM desk_message WHERE direction = 'out'"))

	d.exec(t, "UPDATE desk_chat SET closes = 1")
	answer = d.ann.post(path("/requests/%d/messages", d.request), "key", "a-key-of-a-late-message", "seen", "99", "text", "Too late.")
	assert.Equal(t, http.StatusConflict, answer.Code)
	has(t, answer.Body.String(), "the closed composer", `data-state="closed"`, "The window has closed, so nothing was sent.", "Too late.", "order_ready")
}

func TestTemplatesWithPreview(t *testing.T) {
	d := newDesk(t)
	d.exec(t, "UPDATE desk_chat SET closes = 1")
	page := d.ann.get(path("/inbox/%d", d.request) + "?search=nothing").Body.String()
	lacks(t, page, "a search", "order_ready")
	page = d.ann.get(path("/inbox/%d?template=order_ready|en", d.request)).Body.String()
	form := fields(t, page, "templates")
	answer := d.ann.post(path("/requests/%d/templates", d.request), append(form, "value", "Bob", "value", "", "preview", "1")...)
	assert.Equal(t, http.StatusOK, answer.Code)
	has(t, answer.Body.String(), "the preview", "Hello Bob, order {{2}} is ready.", `value="Bob"`, form[1])
	answer = d.ann.post(path("/requests/%d/templates", d.request), append(form, "value", "Bob", "value", "")...)
	assert.Equal(t, http.StatusUnprocessableEntity, answer.Code)
	has(t, answer.Body.String(), "an empty value", "{{2}} is empty.", `id="value-2" name="value" value="" dir="auto" placeholder="" aria-invalid="true"`)
	answer = d.ann.post(path("/requests/%d/templates", d.request), append(form, "value", "Bob", "value", "#42")...)
	assert.Equal(t, http.StatusSeeOther, answer.Code)
	assert.EqualValues(t, 1, d.number(t, "SELECT count(*) FROM desk_message WHERE body = 'Hello Bob, order #42 is ready.'"))
}

func TestATemplateWithoutAPriceNeedsASecondPress(t *testing.T) {
	d := newDesk(t)
	d.exec(t, "UPDATE desk_chat SET answer = 'chat:120363000000000001@g.us'")
	form := fields(t, d.ann.get(path("/inbox/%d?template=order_ready|en", d.request)).Body.String(), "templates")
	answer := d.ann.post(path("/requests/%d/templates", d.request), append(form, "value", "Bob", "value", "#42")...)
	require.Equal(t, http.StatusUnprocessableEntity, answer.Code)
	has(t, answer.Body.String(), "the first press", "No price", "Press Send template again", `name="sure" value="1"`)
	form = fields(t, answer.Body.String(), "templates")
	answer = d.ann.post(path("/requests/%d/templates", d.request), append(form, "value", "Bob", "value", "#42")...)
	assert.Equal(t, http.StatusSeeOther, answer.Code)
}

// upload posts a form with a file.
func (d *deskAtFake) upload(t *testing.T, pairs []string, name string, content []byte) *httptest.ResponseRecorder {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for n := 0; n < len(pairs); n += 2 {
		require.NoError(t, form.WriteField(pairs[n], pairs[n+1]))
	}
	part, err := form.CreateFormFile("file", name)
	require.NoError(t, err)
	_, err = part.Write(content)
	require.NoError(t, err)
	require.NoError(t, form.Close())
	q := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path("/requests/%d/messages", d.request), &b)
	q.Header.Set("Content-Type", form.FormDataContentType())
	for cookie, value := range d.ann.cookies {
		q.AddCookie(&http.Cookie{Name: cookie, Value: value})
	}
	answer := httptest.NewRecorder()
	d.ServeHTTP(answer, q)
	return answer
}

func TestFilesFromABrowser(t *testing.T) {
	d := newDesk(t)
	form := append(fields(t, d.ann.get(path("/inbox/%d", d.request)).Body.String(), "messages"), "text", "Your invoice")
	answer := d.upload(t, form, "big.bin", make([]byte, chatapi.MaxInlineMedia+1))
	assert.Equal(t, http.StatusUnprocessableEntity, answer.Code)
	has(t, answer.Body.String(), "a file too large", "The file is too large.", "Your invoice")
	d.api.Fail(chatapitest.Fault{Operation: "uploadMedia", Status: 400})
	answer = d.upload(t, form, "invoice.pdf", []byte("%PDF-1.4"))
	assert.Equal(t, http.StatusUnprocessableEntity, answer.Code)
	has(t, answer.Body.String(), "a failed upload", "The file was not sent", "Your invoice", "<details class=\"more\" open")
	answer = d.upload(t, form, "invoice.pdf", []byte("%PDF-1.4"))
	assert.Equal(t, http.StatusSeeOther, answer.Code)
	assert.EqualValues(t, 1, d.number(t, "SELECT count(*) FROM desk_media WHERE name = 'invoice.pdf' AND state = 'ready'"))
	answer = d.upload(t, append(form, "more", strings.Repeat("x", 1<<20)), "invoice.pdf", []byte("%PDF-1.4"))
	assert.Equal(t, http.StatusUnprocessableEntity, answer.Code)
}

func TestDraftsAndNotes(t *testing.T) {
	d := newDesk(t)
	base := path("/requests/%d", d.request)
	key := fields(t, d.ann.get(path("/inbox/%d", d.request)).Body.String(), "messages")[1]
	assert.Equal(t, http.StatusNoContent, d.ann.post(base+"/draft", "kind", "text", "text", "half a sen", "key", key).Code)
	assert.Equal(t, http.StatusNoContent, d.ann.post(base+"/draft", "kind", "note", "text", "half a note").Code)
	has(t, d.ann.get(path("/inbox/%d", d.request)).Body.String(), "the page", ">half a sen</textarea>", ">half a note</textarea>")
	assert.Equal(t, http.StatusSeeOther, d.ann.post(base+"/messages", "key", key, "seen", "99", "text", "half a sentence").Code)
	assert.Equal(t, http.StatusNoContent, d.ann.post(base+"/draft", "kind", "text", "text", "half a sen", "key", key).Code)
	lacks(t, d.ann.get(path("/inbox/%d", d.request)).Body.String(), "the page", ">half a sen</textarea>")

	assert.Equal(t, http.StatusUnprocessableEntity, d.ann.post(base+"/notes", "note", " ").Code)
	answer := d.ann.post(base+"/notes", "note", "called her", "back", "requests")
	assert.Equal(t, base, answer.Header().Get("Location"))
	assert.EqualValues(t, 1, d.number(t, "SELECT count(*) FROM desk_message WHERE direction = 'note' AND body = 'called her'"))
	assert.Equal(t, http.StatusNoContent, d.ann.post(base+"/typing").Code)
}

func TestActsOnMessages(t *testing.T) {
	d := newDesk(t)
	send := func(text string) (id int64) {
		answer := d.ann.post(path("/requests/%d/messages", d.request), "key", "key-of-"+text+"-0123456789", "seen", "99", "text", text)
		require.Equal(t, http.StatusSeeOther, answer.Code)
		return d.number(t, "SELECT max(id) FROM desk_message")
	}
	message := send("cancel")
	answer := d.ann.post(path("/messages/%d/cancel", message))
	assert.Equal(t, path("/inbox/%d", d.request), answer.Header().Get("Location"))
	page := d.ann.get(path("/inbox/%d", d.request)).Body.String()
	has(t, page, "the page after it", "The message was taken back.")
	d.ann.post(path("/messages/%d/resolve", message))
	has(t, d.ann.get(path("/inbox/%d", d.request)).Body.String(), "the page after it", "It was settled meanwhile")

	d.exec(t, "UPDATE desk_message SET status = 'failed', retry = 'fix' WHERE id = $1", message)
	has(t, d.ann.get(path("/inbox/%d", d.request)).Body.String(), "a failed message", path(`href="?edit=%d#composer"`, message))
	has(t, d.ann.get(path("/inbox/%d?edit=%d", d.request, message)).Body.String(), "the edited message", ">cancel</textarea>", path(`name="replaces" value="%d"`, message))
	d.ann.post(path("/messages/%d/again", message))
	assert.EqualValues(t, 2, d.number(t, "SELECT count(*) FROM desk_message WHERE body = 'cancel'"))
	asked := d.ann.post(path("/messages/%d/settle", message), "answer", "again")
	assert.Equal(t, http.StatusOK, asked.Code)
	has(t, asked.Body.String(), "the question", "the customer gets it twice", `name="sure" value="1"`)
	max := newBrowser(t, d.Server).signIn(d.shop.max)
	for _, act := range []string{"again", "resolve", "settle", "cancel"} {
		assert.Equal(t, http.StatusNotFound, max.post(path("/messages/%d/%s", message, act), "answer", "lost").Code, act)
	}
	for _, act := range []string{"messages", "templates", "notes", "draft", "typing"} {
		answer := max.post(path("/requests/%d/%s", d.request, act), "key", "key-of-another-department", "text", "x", "note", "x", "template", "order_ready|en")
		assert.Equal(t, http.StatusNotFound, answer.Code, act)
	}
}

func TestThingsToDecide(t *testing.T) {
	d := newDesk(t)
	boss := newBrowser(t, d.Server).signIn(addAgent(t, d.Server, "Boss", true))
	has(t, boss.get("/manage/decide").Body.String(), "nothing", "Nothing is to decide.")
	d.message(t, d.request, "direction", "out", "kind", "text", "body", "Did it <arrive>?", "status", "unknown", "outbox_key", "x", "agent", d.shop.ann)
	has(t, boss.get("/manage/decide").Body.String(), "the list", "Did it &lt;arrive&gt;?", "Bob &lt;Sample&gt;", "send again")
	assert.Equal(t, http.StatusForbidden, d.ann.get("/manage/decide").Code)
	assert.Equal(t, http.StatusForbidden, d.ann.post("/manage/decide/1/discard").Code)
	assert.Equal(t, http.StatusSeeOther, boss.post("/manage/decide/1/replay").Code)
	has(t, boss.get("/manage/decide").Body.String(), "the notice", "There is no such letter any more")
}

func TestNewChatFromABrowser(t *testing.T) {
	d := newDesk(t)
	has(t, d.ann.get("/chats").Body.String(), "the form", "Shop 0", "order_ready (en, UTILITY)")
	lacks(t, d.ann.get("/chats").Body.String(), "the form", "Shop 1")
	page := d.ann.get(path("/chats?channel=%d&template=order_ready|en", d.channels[d.sales])).Body.String()
	form := []string{}
	for _, name := range []string{"key", "channel", "template"} {
		found := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(page)
		require.NotNil(t, found, name)
		form = append(form, name, found[1])
	}
	answer := d.ann.post("/chats", append(form, "phone", "0", "value", "Eve", "value", "#43")...)
	assert.Equal(t, http.StatusUnprocessableEntity, answer.Code)
	has(t, answer.Body.String(), "a wrong number", `value="Eve"`, `value="0" aria-invalid="true"`)
	answer = d.ann.post("/chats", append(form, "phone", "+1 202 555 0144", "value", "Eve", "value", "#43")...)
	assert.Equal(t, http.StatusSeeOther, answer.Code)
	assert.Equal(t, fmt.Sprintf("/requests/%d", d.number(t, "SELECT max(id) FROM desk_request")), answer.Header().Get("Location"))
}
