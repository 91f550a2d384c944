package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// buffer keeps what the program prints.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(data)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// running is the program under test with its demo, and a browser of an agent.
type running struct {
	t        *testing.T
	out, log buffer
	stop     context.CancelFunc
	ended    chan error
	browser  *http.Client
	desk     string
	phones   string
}

// launch runs the program until it has printed where it is; the test's end stops it.
func launch(t *testing.T, args ...string) *running {
	t.Helper()
	r := &running{t: t, ended: make(chan error, 1)}
	settings, err := readFlags(append([]string{"-listen", "localhost:0", "-phones", "127.0.0.1:0"}, args...), io.Discard)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() { r.ended <- run(ctx, settings, &r.out, &r.log) }()
	r.until("that the program starts", func() bool {
		select {
		case err := <-r.ended:
			t.Fatalf("the program ended: %v\n%s", err, r.log.String())
		default:
		}
		return strings.Contains(r.out.String(), "Ctrl-C ends it")
	})
	if phones := regexp.MustCompile(`The phones are at +(\S+)`).FindStringSubmatch(r.out.String()); phones != nil {
		r.phones = phones[1]
	}
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	r.browser = &http.Client{Jar: jar}
	return r
}

// until waits for something; the bound is for a machine that is busy.
func (r *running) until(what string, is func() bool) {
	r.t.Helper()
	for began := time.Now(); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			r.t.Fatalf("a minute passed before %s\n%s\n%s", what, r.out.String(), r.log.String())
		}
	}
}

// end stops the program as Ctrl-C does.
func (r *running) end() {
	r.t.Helper()
	r.stop()
	select {
	case err := <-r.ended:
		require.NoError(r.t, err, r.log.String())
	case <-time.After(time.Minute):
		r.t.Fatal("the program does not end")
	}
}

// signIn uses the link of an agent.
func (r *running) signIn(name string) {
	r.t.Helper()
	found := regexp.MustCompile(name + ` signs in once at +(\S+)`).FindStringSubmatch(r.out.String())
	require.NotNil(r.t, found, r.out.String())
	u, err := url.Parse(found[1])
	require.NoError(r.t, err)
	r.desk = "http://" + u.Host
	code, _ := r.do(http.MethodPost, found[1], nil)
	require.Equal(r.t, http.StatusOK, code)
}

// do sends a form, or reads a page.
func (r *running) do(method, address string, form url.Values) (code int, body string) {
	r.t.Helper()
	q, err := http.NewRequestWithContext(r.t.Context(), method, address, strings.NewReader(form.Encode()))
	require.NoError(r.t, err)
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := r.browser.Do(q)
	require.NoError(r.t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	return resp.StatusCode, string(data)
}

func (r *running) page(path string) string {
	r.t.Helper()
	code, body := r.do(http.MethodGet, r.desk+path, nil)
	require.Equal(r.t, http.StatusOK, code, "%s: %s", path, body)
	return body
}

// act lets a customer act on the phones page.
func (r *running) act(who, act, json string) {
	r.t.Helper()
	resp, err := http.Post(r.phones+"/sim/customers/"+who+"/"+act, "application/json", strings.NewReader(json)) //nolint:noctx // a test
	require.NoError(r.t, err)
	defer resp.Body.Close()
	require.Equal(r.t, http.StatusOK, resp.StatusCode)
}

func (r *running) sim(path string) string {
	r.t.Helper()
	resp, err := http.Get(r.phones + path) //nolint:noctx // a test
	require.NoError(r.t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	return string(data)
}

func TestTheFirstMinute(t *testing.T) {
	r := launch(t)
	r.signIn("Ann")
	for _, text := range []string{"Bob Sample", "Carl Muster", "Dora Prove", "Where is my order #42?"} {
		r.until(text, func() bool { return strings.Contains(r.page("/inbox"), text) })
	}
	assert.Contains(t, r.page("/inbox"), "Write as Ann Example")
	r.act("12025550143", "says", `{"text": "Is the shop open on Sunday?"}`)
	r.until("the message is a request", func() bool { return strings.Contains(r.page("/inbox"), "Is the shop open on Sunday?") })
	assert.NotContains(t, r.page("/inbox"), "Write as Ann Example")
	link := regexp.MustCompile(`href="/inbox/(\d+)[^>]*>(?s:.{0,600}?)Is the shop open on Sunday`).FindStringSubmatch(r.page("/inbox"))
	require.NotNil(t, link)
	form := url.Values{"text": {"Yes, from ten to four."}}
	writing := r.page("/requests/" + link[1])
	for _, name := range []string{"key", "seen"} {
		form.Set(name, regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(writing)[1])
	}
	code, body := r.do(http.MethodPost, r.desk+"/requests/"+link[1]+"/messages", form)
	require.Equal(t, http.StatusOK, code, body)
	r.until("the answer arrives", func() bool { return strings.Contains(r.sim("/sim/transcript"), "Yes, from ten to four.") })
	r.end()
	assert.Empty(t, r.log.String())
}

// The document names these labels.
func TestLabelsOfTheDocument(t *testing.T) {
	r := launch(t)
	r.signIn("Ann")
	for path, labels := range map[string][]string{
		"/inbox":                       {">Omnichannel", ">Requests<", ">Templates<", ">Conversations and costs<", ">Management<"},
		"/manage/channels":             {">Channel settings<", ">Omnichannel settings<", ">Departments<", ">Add Channel<"},
		"/manage/channels/new":         {">WhatsApp Business Chat API<"},
		"/manage/channels/new/chatapi": {">Department that gets the requests<", ">Name <span class=\"sub\">(optional)<", ">API URL<", ">Token<", ">Synchronize and Save<"},
		"/manage/omnichannel":          {">Display channels<", `aria-label="Display channels: Sales, Boston"`},
	} {
		page := r.page(path)
		for _, label := range labels {
			assert.Contains(t, page, label, path)
		}
	}
	r.end()
}

func TestNoTokenOnAnyPage(t *testing.T) {
	dir := t.TempDir()
	r := launch(t, "-dir", dir)
	r.signIn("Ann")
	found := regexp.MustCompile(`"id":"ABC100000002".*?"token":"([^"]+)"`).FindStringSubmatch(r.sim("/sim/channels"))
	require.NotNil(t, found)
	right, wrong := found[1], "notthetoken+/="+found[1][:8]
	pages := map[string]string{}
	for n, try := range []struct{ address, token, says string }{
		{r.phones + "/ABC100000002", wrong, "is wrong or has expired"},
		{"http://127.0.0.1:1/ABC100000002", right, "could not be reached"},
		{"http://127.0.0.1:1/ABC100000002?token=" + right, "", "could not be reached"},
		{right, right, "API URL"},
		{r.phones + "/ABC100000002", right, "Connection successfully established\nchannel ABC100000002, +1 202 555 0101, 2 templates, 1 webhook"},
	} {
		form := url.Values{"department": {"2"}, "name": {"Support"}, "api_url": {try.address}, "token": {try.token}}
		_, pages[fmt.Sprintf("answer %d", n)] = r.do(http.MethodPost, r.desk+"/manage/channels", form)
		assert.Contains(t, strings.ReplaceAll(pages[fmt.Sprintf("answer %d", n)], "&#43;", "+"), try.says)
	}
	for _, path := range []string{"/inbox", "/requests", "/manage/channels", "/manage/channels/1", "/manage/channels/2", "/manage/omnichannel", "/manage/audit", "/manage/decide"} {
		pages[path] = r.page(path)
	}
	r.end()
	pages["output"], pages["log"] = r.out.String(), r.log.String()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	for _, file := range files {
		if data, err := os.ReadFile(file); err == nil && filepath.Base(file) != "phones.json" { // the made-up service knows its tokens
			pages[file] = string(data)
		}
	}
	assert.Contains(t, pages, filepath.Join(dir, "work.db"))
	for place, text := range pages {
		for _, token := range []string{right, wrong} {
			for _, form := range []string{token, url.QueryEscape(token), url.PathEscape(token), base64.StdEncoding.EncodeToString([]byte(token)), hex.EncodeToString([]byte(token)),
				strings.NewReplacer("+", `\u002b`, "/", `\/`, "=", `\u003d`).Replace(token), strings.NewReplacer("+", "&#43;").Replace(token)} {
				if strings.Contains(text, form) {
					t.Errorf("a token is in %s as %s", place, form)
				}
			}
		}
	}
}

func TestTheDemoGoesOnInItsFolder(t *testing.T) {
	dir := t.TempDir()
	r := launch(t, "-dir", dir)
	r.signIn("Ann")
	phones, desk := strings.TrimPrefix(r.phones, "http://"), strings.TrimPrefix(r.desk, "http://")
	r.act("12025550143", "says", `{"text": "Before the end"}`)
	r.until("the message", func() bool { return strings.Contains(r.page("/inbox"), "Before the end") })
	r.end()

	r = launch(t, "-dir", dir, "-phones", phones, "-listen", desk)
	assert.NotContains(t, r.out.String(), "password", "nobody knows them any more")
	r.signIn("Max")
	assert.Contains(t, r.page("/inbox"), "Before the end")
	r.act("12025550143", "says", `{"text": "After the start"}`)
	r.until("the message of later", func() bool { return strings.Contains(r.page("/inbox"), "After the start") })
	r.end()

	r = launch(t, "-dir", dir, "-phones", phones, "-listen", desk, "-rotate-key")
	r.signIn("Ann")
	r.act("12025550143", "says", `{"text": "With the new key"}`)
	r.until("the message at the new address", func() bool { return strings.Contains(r.page("/inbox"), "With the new key") })
	r.end()

	require.NoError(t, os.Rename(filepath.Join(dir, "key"), filepath.Join(dir, "elsewhere")))
	settings, err := readFlags([]string{"-dir", dir, "-phones", phones, "-listen", desk}, io.Discard)
	require.NoError(t, err)
	err = run(t.Context(), settings, io.Discard, io.Discard)
	require.ErrorContains(t, err, "the database holds sealed tokens, and their key is not in "+filepath.Join(dir, "key"))
}

func TestFlagsThatAreRefused(t *testing.T) {
	for args, says := range map[string]string{
		"-demo=false":        "give -dir",
		"-demo=false -dir x": "give its public address",
		"-demo=false -dir x -url desk.example.com":           "is no address",
		"-demo=false -dir x -url https://desk.example.com/a": "is no address",
		"-listen :8400":            "give -https, or give -insecure",
		"-listen 192.0.2.1:8400":   "give -https, or give -insecure",
		"-phones :8401 -insecure":  "on this machine only",
		"-postgres postgres://x/y": "give -dir",
		"-model cbp-2021":          "the models are",
		"-listen 8400":             "is no address with a port",
		"-listen localhost":        "is no address with a port",
		"-listen localhost:x":      "is no address with a port",
		"-phones 8401":             "is no address with a port",
		"-admin you@example.com":   "-admin goes with -demo=false",
		"serve":                    "is no option",
	} {
		_, err := readFlags(strings.Fields(args), io.Discard)
		assert.ErrorContains(t, err, says, args)
	}
	for _, args := range []string{"", "-listen :8400 -insecure", "-listen 0.0.0.0:8400 -https -url https://desk.example.com/", "-model cbp-2022"} {
		_, err := readFlags(strings.Fields(args), io.Discard)
		assert.NoError(t, err, args)
	}
}

// refused runs a program that ends by itself, and returns why.
func refused(t *testing.T, args ...string) error {
	t.Helper()
	settings, err := readFlags(append([]string{"-listen", "localhost:0", "-phones", "127.0.0.1:0"}, args...), io.Discard)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err = run(ctx, settings, io.Discard, io.Discard)
	require.NoError(t, ctx.Err(), "it was not refused")
	return err
}

func TestFoldersOfOthersStayAsTheyAre(t *testing.T) {
	dir := t.TempDir()
	r := launch(t, "-dir", dir)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "phones.json"), []byte("the first program's"), 0o600))
	require.ErrorContains(t, refused(t, "-dir", dir), "is in use by another program")
	left, err := os.ReadFile(filepath.Join(dir, "phones.json"))
	require.NoError(t, err)
	assert.Equal(t, "the first program's", string(left))
	require.ErrorContains(t, refused(t, "-phones", strings.TrimPrefix(r.phones, "http://")), "another program has this port")
	r.end()

	other := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(other, "work.db"), []byte("no database"), 0o600))
	require.ErrorContains(t, refused(t, "-dir", other), "is not a database of this package")
	assert.NoFileExists(t, filepath.Join(other, "phones.json"))
	assert.NoFileExists(t, filepath.Join(other, "key"))
	require.ErrorContains(t, refused(t, "-dir", filepath.Join(other, "work.db")), "-dir: ")
}

func TestAdministratorsLinkSignsInOnce(t *testing.T) {
	free, err := net.Listen("tcp", "localhost:0") //nolint:noctx // a test
	require.NoError(t, err)
	at := "localhost:" + strconv.Itoa(free.Addr().(*net.TCPAddr).Port)
	require.NoError(t, free.Close())
	args := []string{"-demo=false", "-dir", t.TempDir(), "-listen", at, "-url", "http://" + at + "/", "-admin", "You@Example.com"}
	r := launch(t, args...)
	first := r.adminLink("http://" + at)
	code, body := r.do(http.MethodGet, first, nil)
	require.Equal(t, http.StatusOK, code, "a program that looks at the link does not use it up")
	assert.Contains(t, body, "You")
	code, body = r.do(http.MethodPost, first, nil)
	require.Equal(t, http.StatusOK, code)
	assert.Contains(t, body, "Choose a password")
	for path, says := range map[string]string{"/manage/channels": "Channel settings", "/manage/agents": "you@example.com", "/manage/departments": "Departments"} {
		assert.Contains(t, strings.ToLower(r.page(path)), strings.ToLower(says))
	}
	code, body = r.do(http.MethodPost, first, nil)
	assert.Equal(t, http.StatusNotFound, code)
	assert.Contains(t, body, "does not work any more")
	r.end()

	r = launch(t, args...)
	code, _ = r.do(http.MethodPost, r.adminLink("http://"+at), nil)
	assert.Equal(t, http.StatusOK, code)
	assert.Equal(t, 1, strings.Count(r.page("/manage/agents"), `href="/manage/agents/1"`))
	assert.NotContains(t, r.page("/manage/agents"), `href="/manage/agents/2"`, "nobody was added")
	r.end()
}

// adminLink returns the printed link of -admin.
func (r *running) adminLink(desk string) string {
	r.t.Helper()
	found := regexp.MustCompile(`(?m)^You@Example.com signs in once at (` + desk + `/link/\S+)$`).FindStringSubmatch(r.out.String())
	require.NotNil(r.t, found, r.out.String())
	r.desk = desk
	return found[1]
}

// A browser that stops in the middle of an upload does not hold up the end.
func TestTheEndCutsOffWhatDoesNotEnd(t *testing.T) {
	before := longestRequest
	longestRequest = 100 * time.Millisecond
	defer func() { longestRequest = before }()
	r := launch(t)
	r.signIn("Ann")
	stalled, err := net.Dial("tcp", strings.TrimPrefix(r.desk, "http://"))
	require.NoError(t, err)
	defer stalled.Close()
	_, err = stalled.Write([]byte("POST /signin HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n"))
	require.NoError(t, err)
	_, err = io.ReadFull(stalled, make([]byte, len("HTTP/1.1 100 Continue")))
	require.NoError(t, err, "the body is being read")
	r.end()
	assert.Contains(t, r.log.String(), "were cut off")
}
