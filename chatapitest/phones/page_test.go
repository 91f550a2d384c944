package phones_test

import (
	"bytes"
	"html"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/chatapitest/phones"
)

const pageHost = "127.0.0.1:8300"

// pageOf returns the page of a fake, and a client that reaches it in memory.
func pageOf(t *testing.T, api *chatapitest.API, opts ...phones.Option) http.Handler {
	t.Helper()
	h := phones.New(api, opts...)
	t.Cleanup(h.Close)
	return h
}

// askPage sends a request as a browser at the page does.
func askPage(h http.Handler, method, target string, form url.Values, change ...func(*http.Request)) *httptest.ResponseRecorder {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequest(method, target, body)
	r.Host = pageHost
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func withScript(r *http.Request) { r.Header.Set("X-Fragment", "1") }

// pageBot is a fake whose bot answers with a list, buttons or a text.
func pageBot(t *testing.T) *chatapitest.API {
	t.Helper()
	api := chatapitest.New(t, chatapitest.Quirks(chatapitest.NoEchoes), chatapitest.AllowUndelivered())
	api.SetSetting("rawHooks", true)
	client := api.Client(chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 1}))
	ann, ben := api.Customer("12025550143"), api.Customer("US.4242424242424242").Named("Ben")
	ann.Says("hi")
	for _, m := range []chatapi.Message{
		chatapi.Buttons{Header: chatapi.HeaderText("Shop"), Body: "Which?", Footer: "Open until 6", Buttons: []chatapi.Button{{ID: "red", Title: "Red"}}},
		chatapi.List{Body: "Size?", Label: "Sizes", Sections: []chatapi.Section{{Title: "Cups", Rows: []chatapi.Row{{ID: "L", Title: "Large", Description: "400 ml"}}}}},
		chatapi.Flow{Body: "Form", ID: "1", Token: "tok", Label: "Fill in", Screen: "A"},
		chatapi.LinkMessage{Body: "Look", Label: "Open the shop", URL: "https://shop.example.com/"},
		chatapi.File{Media: chatapi.MediaBytes("a.png", []byte("\x89PNG\r\n\x1a\n"))},
	} {
		_, err := client.Send(t.Context(), ann.Recipient(), m)
		require.NoError(t, err)
	}
	ann.Sends(chatapitest.File{Name: "page.html", Caption: "look", Data: []byte("<script>alert(1)</script>")})
	ann.SharesLocation(52.5, 13.4)
	ann.SharesContact("Pat", "12025550188")
	ann.ClicksAd(chatapi.Referral{Headline: "Shoes"}, "how much?")
	ann.Orders("soon", chatapi.ReceivedItem{ProductID: "KETTLE"})
	ann.Submits(map[string]any{"size": "L"})
	ann.Reacts("", "👍")
	ann.Edits("", "how many?")
	ann.Deletes("")
	ann.Rings()
	ben.Says("hello")
	ben.CannotBeReached("gone")
	_, err := client.Send(t.Context(), ben.Recipient(), chatapi.Text{Body: "are you there?"})
	require.NoError(t, err)
	api.Group("Friends", ann, ben)
	api.Template("hello", "en", "Hello {{1}}")
	api.Reject("hello", "en", "INVALID_FORMAT")
	api.Webhook("https://nowhere.test/hooks", nil)
	ben.Says("is this heard?")
	api.Advance(25 * time.Hour)
	_, err = client.Send(t.Context(), ann.Recipient(), chatapi.Text{Body: "too late"})
	require.ErrorIs(t, err, chatapi.ErrWindowClosed)
	api.Fail(chatapitest.Fault{Operation: "sendMessage", Status: 429, Times: 2})
	api.Misdeliver(chatapitest.Misdelivery{Late: time.Minute, Times: 2})
	return api
}

var pagePanels = []string{"wire", "trouble", "templates", "channels", "save"}

// TestPageIsWhole reads every panel and dialog of a page without a customer, of a full one
// and of a hostile one.
func TestPageIsWhole(t *testing.T) {
	empty := chatapitest.New(t)
	full := pageBot(t)
	hostile := chatapitest.New(t, chatapitest.AllowUndelivered())
	evil := `"><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}` + "\u202e\x00\xff" + strings.Repeat("é", 10_000)
	bad := hostile.Customer("12025550143").Named(evil).WithUsername("x")
	bad.Says(evil)
	bad.Sends(chatapitest.File{Name: evil, Caption: evil, URL: "javascript:alert(1)"})
	bad.SharesContact(evil, evil)
	bad.ClicksAd(chatapi.Referral{Headline: evil}, evil)
	bad.Reacts(bad.Says("x"), evil)
	bad.CannotBeReached(evil)
	hostile.Group(evil, bad)
	hostile.Template("x", "en", evil)
	hostile.Reject("x", "en", evil)
	hostile.Block(evil)
	hostile.SetStatus(evil)
	_, err := hostile.Client().Profile.Get(t.Context())
	require.Error(t, err)
	for name, api := range map[string]*chatapitest.API{"empty": empty, "full": full, "hostile": hostile} {
		t.Run(name, func(t *testing.T) {
			h := pageOf(t, api, phones.Title("Sample Shop"), phones.Cabinet(phones.CabinetLine{Label: "Shop", Value: "http://localhost:1"}))
			var seen []string
			for _, panel := range pagePanels {
				seen = append(seen, readPage(t, h, "/?panel="+panel))
			}
			links := regexp.MustCompile(`href="(/dialog/[^"]*|/file/[^"]*|/save/[^"]*|/\?[^"]*)"`)
			done := map[string]bool{}
			for len(seen) > 0 {
				page := seen[0]
				seen = seen[1:]
				for _, link := range links.FindAllStringSubmatch(page, -1) {
					target := html.UnescapeString(link[1])
					if !done[target] && len(done) < 120 {
						done[target] = true
						seen = append(seen, readPage(t, h, target))
					}
				}
			}
			assert.GreaterOrEqual(t, len(done), 10)
		})
	}
}

// readPage reads an address of the page, and checks what holds for all of them.
func readPage(t *testing.T, h http.Handler, target string) string {
	t.Helper()
	w := askPage(h, http.MethodGet, target, nil)
	require.Equal(t, http.StatusOK, w.Code, target)
	if !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
		return ""
	}
	page := w.Body.String()
	assert.NotContains(t, page, "<script>alert", target)
	assert.NotContains(t, page, "onerror=alert(1)>{", target)
	assert.NotContains(t, page, "ZgotmplZ", "%s has an address that is not safe", target)
	assert.NotContains(t, page, "<no value>", target)
	assert.NotRegexp(t, `\sstyle=|\son[a-z]+=`, regexp.MustCompile(`&lt;[^<]*`).ReplaceAllString(page, ""), "%s: nothing inline", target)
	assert.Less(t, len(page), 500_000, target)
	ids := map[string]bool{}
	for _, id := range regexp.MustCompile(`\sid="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		assert.False(t, ids[id[1]], "%s has the id %q twice", target, id[1])
		ids[id[1]] = true
	}
	for _, label := range regexp.MustCompile(`\s(?:for|aria-describedby|aria-labelledby|data-copy)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if label[1] != "dialog-title" {
			assert.True(t, ids[label[1]], "%s names the id %q, which is not there", target, label[1])
		}
	}
	return page
}

// TestPageShows looks for what a person must see.
func TestPageShows(t *testing.T) {
	h := pageOf(t, pageBot(t))
	page := readPage(t, h, "/")
	for _, text := range []string{`aria-label="Ann"`, "Which?", ">Red</button>", "Sizes", "Large", "Open the shop", "52.5;13.4", "Came from the ad",
		"KETTLE at 1.00 USD", "deleted", "Cannot be reached: gone", "not delivered", "Window closed", "group of 2", "Calling the business", "3 armed", "are you there?"} {
		assert.Contains(t, page, text)
	}
	assert.Contains(t, page, "only a template can be sent", "why a send was refused, in words")
	assert.Contains(t, readPage(t, h, "/?panel=trouble"), "the next 2 requests to sendMessage: fail with 429")
	assert.Contains(t, readPage(t, h, "/?panel=trouble"), "the next 2 webhooks 1m0s late")
	assert.Contains(t, readPage(t, h, "/?panel=templates"), "reason INVALID_FORMAT")
	assert.Contains(t, readPage(t, h, "/?panel=channels"), "no handler is registered for the address")
	assert.Contains(t, readPage(t, h, "/?panel=save"), "Ann: hi")
}

// TestPageHeaders checks what keeps other pages out.
func TestPageHeaders(t *testing.T) {
	api := chatapitest.New(t)
	h := pageOf(t, api, phones.Host("fake.internal"))
	w := askPage(h, http.MethodGet, "/", nil)
	policy := w.Header().Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types phones"} {
		assert.Contains(t, policy, part)
	}
	assert.NotContains(t, policy, "unsafe")
	assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	assert.Equal(t, "same-origin", w.Header().Get("Cross-Origin-Resource-Policy"))
	for host, status := range map[string]int{"localhost:1": 200, "127.0.0.1": 200, "[::1]:80": 200, "fake.internal": 200, "FAKE.internal:9": 200,
		"evil.example": 403, "127.0.0.1.evil.example": 403, "": 403, "localhost.evil.example:80": 403} {
		assert.Equal(t, status, askPage(h, http.MethodGet, "/", nil, func(r *http.Request) { r.Host = host }).Code, host)
	}
	act := url.Values{"act": {"says"}, "who": {"12025550143"}, "arg.text": {"forged"}}
	for name, forge := range map[string]func(*http.Request){
		"another site":   func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"another port":   func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
		"an old browser": func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
	} {
		for _, path := range []string{"/act", "/load", "/reset"} {
			assert.Equal(t, http.StatusForbidden, askPage(h, http.MethodPost, path, act, forge).Code, "%s from %s", path, name)
		}
	}
	assert.Empty(t, api.Chats(), "nothing was done")
}

// TestPageAssets checks the size of what the page loads, and that browsers may keep it.
func TestPageAssets(t *testing.T) {
	h := pageOf(t, chatapitest.New(t))
	total := 0
	paths := regexp.MustCompile(`/static/[0-9a-f]{16}/[a-z.]+`).FindAllString(readPage(t, h, "/"), -1)
	require.Len(t, paths, 3)
	for _, path := range paths {
		w := askPage(h, http.MethodGet, path, nil)
		assert.Equal(t, http.StatusOK, w.Code)
		assert.Contains(t, w.Header().Get("Cache-Control"), "immutable")
		total += w.Body.Len()
		assert.NotRegexp(t, `https?://`, strings.ReplaceAll(w.Body.String(), "http://www.w3.org/2000/svg", ""), "%s loads nothing from elsewhere", path)
	}
	assert.Less(t, total, 30_000, "script and style, as they are")
}

// TestPageActs lets forms act, with and without the page's script.
func TestPageActs(t *testing.T) {
	api := chatapitest.New(t)
	h := pageOf(t, api)
	act := func(pairs ...string) url.Values {
		form := url.Values{"back": {"/?panel=trouble"}}
		for i := 0; i < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		return form
	}
	w := askPage(h, http.MethodPost, "/act", act("act", "takes name", "who", "+1 202 555 0143"))
	require.Equal(t, http.StatusSeeOther, w.Code)
	assert.Equal(t, "/?panel=trouble", w.Header().Get("Location"))
	require.Len(t, api.Chats(), 1)
	assert.Equal(t, "Ann", api.Chats()[0].Name)
	w = askPage(h, http.MethodPost, "/act", act("act", "says", "who", "Ann", "arg.text", "hi"), withScript)
	assert.Equal(t, http.StatusNoContent, w.Code)
	assert.Equal(t, "hi", api.ChatMessages("c1", 1)[0].Text)
	for _, back := range []string{"https://evil.example/", "//evil.example/", `/\evil.example`, "javascript:alert(1)", "", "/\r\nX: y"} {
		w = askPage(h, http.MethodPost, "/act", url.Values{"act": {"reads"}, "who": {"Ann"}, "back": {back}})
		assert.Equal(t, "/", w.Header().Get("Location"), back)
	}

	w = askPage(h, http.MethodPost, "/act", act("act", "shares location", "who", "Ann", "arg.latitude", "north", "arg.longitude", "13.4"), withScript)
	assert.Equal(t, http.StatusUnprocessableEntity, w.Code)
	assert.Equal(t, `Shares location: latitude: "north" is no decimal number.`, w.Body.String())
	w = askPage(h, http.MethodPost, "/act", act("act", "shares location", "who", "Ann", "arg.latitude", "north", "arg.longitude", "13.4"))
	assert.Equal(t, http.StatusUnprocessableEntity, w.Code)
	assert.Contains(t, w.Body.String(), "is no decimal number")
	assert.Contains(t, w.Body.String(), `value="north"`, "nothing typed is lost")
	assert.Contains(t, w.Body.String(), `value="13.4"`)
	for name, form := range map[string]url.Values{
		"an unknown act":      act("act", "sayz", "who", "Ann"),
		"an unknown person":   act("act", "says", "who", "Zed", "arg.text", "x"),
		"a long name":         act("act", "takes name", "who", "Ann", "arg.name", strings.Repeat("n", 10_000)),
		"a clock moved back":  act("act", "moves clock", "arg.time", "-1h"),
		"a customer for none": act("act", "heals", "who", "Ann"),
	} {
		for _, how := range []func(*http.Request){withScript, func(*http.Request) {}} {
			w := askPage(h, http.MethodPost, "/act", form, how)
			assert.Equal(t, http.StatusUnprocessableEntity, w.Code, name)
			assert.NotEmpty(t, w.Body.String(), name)
		}
	}
	assert.NoError(t, api.Err(), "the test does not fail")
}

// TestPageFiles sends a file by a form and reads it back.
func TestPageFiles(t *testing.T) {
	api := chatapitest.New(t)
	h := pageOf(t, api)
	post := func(path, field, name string, data []byte, fields ...string) *httptest.ResponseRecorder {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		for i := 0; i < len(fields); i += 2 {
			require.NoError(t, form.WriteField(fields[i], fields[i+1]))
		}
		part, err := form.CreateFormFile(field, name)
		require.NoError(t, err)
		_, err = part.Write(data)
		require.NoError(t, err)
		require.NoError(t, form.Close())
		r := httptest.NewRequest(http.MethodPost, path, &body)
		r.Host = pageHost
		r.Header.Set("Content-Type", form.FormDataContentType())
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	picture := []byte("\x89PNG\r\n\x1a\nrest")
	assert.Equal(t, http.StatusSeeOther, post("/act", "arg.data", "cat.png", picture, "act", "sends", "who", "12025550143", "arg.caption", "my cat").Code)
	assert.Equal(t, http.StatusSeeOther, post("/act", "arg.data", "page.html", []byte("<script>alert(1)</script>"), "act", "sends", "who", "12025550143").Code)
	all := api.ChatMessages("c1", 2)
	require.Len(t, all, 2)
	assert.Equal(t, "cat.png", all[0].File.Name)
	w := askPage(h, http.MethodGet, "/file/ABC100000001/"+all[0].ID, nil)
	assert.Equal(t, picture, w.Body.Bytes())
	assert.Equal(t, "image/png", w.Header().Get("Content-Type"))
	w = askPage(h, http.MethodGet, "/file/ABC100000001/"+all[1].ID, nil)
	assert.Contains(t, w.Header().Get("Content-Disposition"), "attachment")
	assert.Equal(t, "application/octet-stream", w.Header().Get("Content-Type"))
	assert.Contains(t, w.Header().Get("Content-Security-Policy"), "sandbox")
	assert.Equal(t, http.StatusNotFound, askPage(h, http.MethodGet, "/file/ABC100000001/none", nil).Code)

	w = askPage(h, http.MethodGet, "/save/conversation.chat", nil)
	script := w.Body.String()
	again := chatapitest.New(t)
	again.Script(t, script)
	assert.Len(t, again.ChatMessages("c1", 9), 2, "the script plays what was clicked")
	assert.Contains(t, askPage(h, http.MethodGet, "/save/conversation_test.go", nil).Body.String(), "func TestConversation(")
	state := askPage(h, http.MethodGet, "/save/state.json", nil).Body.Bytes()
	assert.Equal(t, http.StatusSeeOther, askPage(h, http.MethodPost, "/reset", url.Values{}).Code)
	assert.Empty(t, api.Chats())
	assert.Equal(t, http.StatusSeeOther, post("/load", "state", "state.json", state).Code)
	assert.Len(t, api.ChatMessages("c1", 9), 2)
	for name, data := range map[string][]byte{"cut off": state[:len(state)/2], "newer": bytes.Replace(state, []byte(`"version": 1`), []byte(`"version": 99`), 1), "other": []byte("[]")} {
		w := post("/load", "state", "state.json", data)
		assert.Equal(t, http.StatusUnprocessableEntity, w.Code, name)
		assert.Contains(t, w.Body.String(), "state", name)
		assert.Len(t, api.ChatMessages("c1", 9), 2, "it is unchanged")
	}
	assert.Equal(t, http.StatusUnprocessableEntity, askPage(h, http.MethodPost, "/load", url.Values{}).Code)
}
