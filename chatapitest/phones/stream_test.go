package phones_test

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/chatapitest/phones"
)

// pageStream reads the stream of a page.
type pageStream struct {
	*bufio.Scanner
	end func()
}

func streamOf(t *testing.T, server *httptest.Server) *pageStream {
	t.Helper()
	resp, err := server.Client().Get(server.URL + "/events")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	t.Cleanup(func() { resp.Body.Close() })
	return &pageStream{bufio.NewScanner(resp.Body), func() { resp.Body.Close() }}
}

// data returns the data of the next message; empty at the end of the stream.
func (s *pageStream) data() string {
	for s.Scan() {
		if data, ok := strings.CutPrefix(s.Text(), "data: "); ok {
			return data
		}
	}
	return ""
}

// until reads messages until one has the text.
func (s *pageStream) until(text string) string {
	for {
		if data := s.data(); data == "" || strings.Contains(data, text) {
			return data
		}
	}
}

// TestPageStream checks that a stream names the parts that change, and no others.
func TestPageStream(t *testing.T) {
	api := chatapitest.New(t)
	h := phones.New(api)
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	t.Cleanup(h.Close)
	stream := streamOf(t, server)
	hello := stream.data()
	assert.Equal(t, askPage(h, http.MethodGet, "/changes", nil).Body.String(), hello)
	assert.Contains(t, readPage(t, h, "/"), `data-state="`+hello+`"`)

	api.Customer("12025550143").Says("hi")
	data := stream.until("phone-c1")
	assert.Contains(t, data, `"ABC100000001 phone-c1"`)
	assert.NotContains(t, data, "templates")
	api.Template("hello", "en", "Hello")
	data = stream.until("templates")
	assert.NotContains(t, data, "phone-c1")
	api.Block("unpaid")
	assert.NotEmpty(t, stream.until("trouble"))
	api.AddChannel("DESK1").Customer("12025550143").Says("hi")
	assert.NotEmpty(t, stream.until("DESK1 phone-c1"))

	stream.end()
	again := streamOf(t, server)
	assert.NotEqual(t, hello, again.data(), "whoever comes back learns that there was something new")
	other := phones.New(api)
	t.Cleanup(other.Close)
	boot, _, _ := strings.Cut(hello, " ")
	assert.NotContains(t, askPage(other, http.MethodGet, "/changes", nil).Body.String(), boot, "a program that is started again is another one")
	h.Close()
	h.Close()
	assert.Empty(t, again.data(), "Close ends the streams")
	assert.Equal(t, http.StatusServiceUnavailable, askPage(h, http.MethodGet, "/events", nil).Code)
}

// TestPageStreamsMany lets many pages come, listen and go while the fake is busy.
func TestPageStreamsMany(t *testing.T) {
	api := chatapitest.New(t)
	h := phones.New(api)
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	t.Cleanup(h.Close)
	var all sync.WaitGroup
	for range 20 {
		stream := streamOf(t, server)
		all.Go(func() {
			defer stream.end()
			stream.data()
			stream.until("phone-c1")
		})
	}
	stop := make(chan struct{})
	var busy sync.WaitGroup
	busy.Go(func() {
		for {
			api.Customer("12025550143").Says("hi")
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	all.Wait()
	close(stop)
	busy.Wait()
}

// TestPageParts reads parts of the page alone.
func TestPageParts(t *testing.T) {
	api := pageBot(t)
	h := pageOf(t, api)
	w := askPage(h, http.MethodGet, "/?panel=templates&ids=head,phone-c1,panel,phone-c99,nothing,", nil, withScript)
	parts := w.Body.String()
	for _, id := range []string{`id="head"`, `id="phone-c1"`, `id="panel"`, `id="pane-templates"`} {
		assert.Equal(t, 1, strings.Count(parts, id), id)
	}
	assert.NotContains(t, parts, "<html")
	assert.NotContains(t, parts, `id="phone-c2"`)
	sheet := askPage(h, http.MethodGet, "/dialog/phone?chat=c1", nil, withScript).Body.String()
	assert.Contains(t, sheet, "Switch off")
	assert.NotContains(t, sheet, "<html")
	for _, target := range []string{"/dialog/phone?chat=c99", "/dialog/message?chat=c1&id=none", "/dialog/call?n=-1", "/dialog/webhook?n=9999", "/dialog/act?act=sayz", "/dialog/none"} {
		assert.Equal(t, http.StatusNotFound, askPage(h, http.MethodGet, target, nil).Code, target)
	}
	for _, q := range []string{"kind=refused", "kind=requests", "kind=webhooks", "q=Which", "q=%3Cscript%3E"} {
		readPage(t, h, "/?"+q)
	}
	assert.NotContains(t, readPage(t, h, "/?kind=requests"), "webhook message")
	assert.Contains(t, readPage(t, h, "/?q=nothing-has-this"), "Nothing fits this filter")
	assert.NotContains(t, readPage(t, h, "/?hide=c1"), `id="phone-c1"`)
	assert.Contains(t, readPage(t, h, "/?hide=c1"), "Show 1 hidden")
}

// TestPageOfManyPhones checks that a page shows some of many phones, and links to the rest.
func TestPageOfManyPhones(t *testing.T) {
	api := chatapitest.New(t)
	h := pageOf(t, api)
	for i := range 60 {
		api.Customer("120255501" + string(rune('0'+i/10)) + string(rune('0'+i%10))).Says("hi")
	}
	page := readPage(t, h, "/")
	assert.Equal(t, 24, strings.Count(page, `<article class="phone"`))
	assert.Contains(t, page, "Phones after")
	assert.NotContains(t, page, "Phones before")
	assert.Contains(t, page, "1 to 24 of 60")
	last := readPage(t, h, "/?from=48")
	assert.Equal(t, 12, strings.Count(last, `<article class="phone"`))
	assert.NotContains(t, last, "Phones after")
}

// TestPageDoesNotWaitForever acts while the bot does not return.
func TestPageDoesNotWaitForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t, chatapitest.AllowUndelivered())
		release := make(chan struct{})
		api.Webhook("https://bot.test/hooks", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
		h := pageOf(t, api)
		began := time.Now()
		w := askPage(h, http.MethodPost, "/act", url.Values{"act": {"says"}, "who": {"12025550143"}, "arg.text": {"hi"}}, withScript)
		assert.Equal(t, http.StatusNoContent, w.Code)
		assert.Less(t, time.Since(began), 5*time.Second)
		assert.Len(t, api.ChatMessages("c1", 5), 1)
		assert.Contains(t, readPage(t, h, "/"), "1 webhooks wait")
		close(release)
		synctest.Wait()
	})
}

// TestPageFlow fills in a flow whose screens the fake knows.
func TestPageFlow(t *testing.T) {
	h := pageOf(t, pageBot(t))
	readPage(t, h, "/")
	w := askPage(h, http.MethodPost, "/act", url.Values{"act": {"submits"}, "who": {"12025550143"}, "flow.size": {"L"}, "flow.note": {""}}, withScript)
	assert.Equal(t, http.StatusNoContent, w.Code, w.Body.String())
	assert.Contains(t, readPage(t, h, "/"), `{&#34;flow_token&#34;:&#34;tok&#34;,&#34;size&#34;:&#34;L&#34;}`)
}
