package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

var visit = chatapi.TemplateDraft{Name: "visit", Language: "en", Category: "UTILITY", Components: []chatapi.Component{{Type: chatapi.ComponentBody, Text: "We come today."}}}

func TestTakenPort(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	code, out, problems := try(t, "fake", "-listen", listener.Addr().String())
	assert.Equal(t, exitFailed, code)
	assert.Empty(t, out)
	assert.Equal(t, "chatapi fake: -listen "+listener.Addr().String()+": another program has this port, perhaps another fake; end it, give another port, or give port 0 for a free one\n", problems)
	code, _, problems = try(t, "fake", "-listen", "192.0.2.1:0")
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, problems, "-listen 192.0.2.1:0: this machine does not have the address; give 127.0.0.1 and a port")
}

// The state of a fake outlives it, also if the fake is killed.
func TestStateIsKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "demo.json")
	first := start(t, "-state", path, "-channel", "DESK1")
	assert.Contains(t, first.printed.String(), "State     "+path+" (new)\n")
	_, err := first.client().Templates.Create(t.Context(), visit)
	require.NoError(t, err)
	first.interrupt()
	require.Equal(t, exitWell, first.end(), first.said())
	assert.Empty(t, first.said())

	second := start(t, "-state", path, "-hook", "http://127.0.0.1:9/one")
	assert.Equal(t, first.token, second.token)
	assert.True(t, strings.HasSuffix(second.apiURL, "/DESK1"))
	assert.Contains(t, second.printed.String(), "State     "+path+"\n")
	_, err = second.client().Templates.Get(t.Context(), "visit", "en")
	require.NoError(t, err)
	before, err := os.Stat(path)
	require.NoError(t, err)
	other := visit
	other.Name = "other"
	_, err = second.client().Templates.Create(t.Context(), other)
	require.NoError(t, err)
	require.Eventually(t, func() bool { // it is saved before the end
		now, err := os.Stat(path)
		return err == nil && now.ModTime() != before.ModTime()
	}, time.Minute, 20*time.Millisecond)
	require.NoError(t, second.command.Process.Kill())
	<-second.ended

	third := start(t, "-state", path, "-hook", "http://127.0.0.1:9/two")
	_, err = third.client().Templates.Get(t.Context(), "other", "en")
	require.NoError(t, err)
	webhooks, err := third.client().Webhooks.List(t.Context())
	require.NoError(t, err)
	require.Len(t, webhooks, 1)
	assert.Equal(t, "http://127.0.0.1:9/two", webhooks[0].URL, "instead of that of the state")
	third.interrupt()
	assert.Equal(t, exitWell, third.end(), third.said())
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*"))
	require.NoError(t, err)
	assert.Empty(t, left, "temporary files")
}

// A file that cannot be read is never overwritten.
func TestWrongStates(t *testing.T) {
	api := chatapitest.New(t)
	whole, err := api.State()
	require.NoError(t, err)
	state := string(whole)
	for name, c := range map[string]struct{ text, problem string }{
		"cut off": {state[:len(state)/2], "the state is cut off after "},
		"newer":   {strings.Replace(state, `"version": 1`, `"version": 99`, 1), "the state has version 99, and this chatapitest reads up to 1; update the SDK, or begin without a state"},
		"damaged": {strings.Replace(state, `{`, `{,`, 1), "the state is damaged at byte "},
		"empty":   {"", "the state is empty; load an older copy, or begin without a state"},
		"another": {`{"name":"package.json"}`, "this is no state of a fake"},
		"text":    {"Ann: hello\n", "the state is damaged at byte 1"},
	} {
		t.Run(name, func(t *testing.T) {
			path := file(t, "demo.json", c.text)
			code, out, problems := try(t, "fake", "-listen", "127.0.0.1:0", "-state", path)
			assert.Equal(t, exitFailed, code)
			assert.Empty(t, out)
			assert.Contains(t, problems, "chatapi fake: -state "+path+": "+c.problem)
			assert.True(t, strings.HasSuffix(problems, "; the file stays as it is\n"), problems)
			now, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, c.text, string(now))
		})
	}
	folder := t.TempDir()
	code, _, problems := try(t, "fake", "-listen", "127.0.0.1:0", "-state", folder)
	assert.Equal(t, exitFailed, code)
	assert.Equal(t, "chatapi fake: -state: "+folder+" is no file; give the name of a file\n", problems)
	code, _, problems = try(t, "fake", "-listen", "127.0.0.1:0", "-state", filepath.Join(folder, "no", "demo.json"))
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, problems, "demo.json cannot be written: no such file or directory; give a file in a folder that this user may change\n")
	code, _, problems = try(t, "fake", "-listen", "127.0.0.1:0", "-channel", "OTHER1", "-state", file(t, "demo.json", state))
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, problems, "chatapi fake: -channel OTHER1: the state in ")
	assert.Contains(t, problems, "demo.json is of the channel ABC100000001; leave -channel out, or give another file\n")
}

func TestStateThatAnotherProgramChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "demo.json")
	r := start(t, "-state", path)
	require.NoError(t, os.WriteFile(path, []byte("mine"), 0o600))
	r.interrupt()
	assert.Equal(t, exitFailed, r.end())
	assert.Equal(t, "chatapi fake: -state "+path+": another program has changed the file, so it stays as it is; the state of this fake is in "+path+".new\n", r.said())
	mine, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "mine", string(mine))
	state, err := os.ReadFile(path + ".new")
	require.NoError(t, err)
	require.NoError(t, chatapitest.New(t).Load(state))
}

// A script begins with the state, and leaves the file alone.
func TestScriptOnAState(t *testing.T) {
	api := chatapitest.New(t)
	api.Customer("12025550143").Named("Ann").Says("hello")
	state, err := api.State()
	require.NoError(t, err)
	path := file(t, "demo.json", string(state))
	code, out, problems := try(t, "fake", "-listen", "127.0.0.1:0", "-state", path, "-script", file(t, "a.chat", "Ann: order\n"))
	assert.Equal(t, exitWell, code, problems)
	assert.Contains(t, out, "State     "+path+" (not changed, since -script only reads it)\n")
	now, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, state, now)
}

// The end waits for a webhook that is under way, and a second Ctrl-C does not wait.
func TestEndWhileAWebhookIsUnderWay(t *testing.T) {
	t.Parallel()
	api := chatapitest.New(t)
	api.Customer("12025550143").Named("Ann").Says("hello") // so that the window is open
	state, err := api.State()
	require.NoError(t, err)
	for name, c := range map[string]struct {
		answers, twice bool
	}{"the bot answers": {true, false}, "the bot never answers": {false, true}} {
		t.Run(name, func(t *testing.T) {
			server, hook := listening(t)
			answer, reached := make(chan struct{}), make(chan struct{}, 100)
			serve(server, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				reached <- struct{}{}
				select {
				case <-answer:
				case <-r.Context().Done():
				}
			}))
			r := start(t, "-state", file(t, "demo.json", string(state)), "-hook", hook)
			_, err := r.client().Send(t.Context(), chatapi.Phone("12025550143"), chatapi.Text{Body: "Hello"})
			require.NoError(t, err)
			<-reached
			if c.twice {
				r.waits("The bot has not taken a webhook for 5s, and ")
			}
			r.interrupt()
			r.waits("Webhooks are under way; the fake ends when they are delivered, in 10s at the latest. Ctrl-C ends it at once.\n")
			if c.answers {
				close(answer)
				assert.Equal(t, exitWell, r.end(), r.said())
				return
			}
			r.interrupt()
			assert.NotEqual(t, exitWell, r.end(), "a signal has ended it")
		})
	}
}

func TestListeningForOthers(t *testing.T) {
	r := start(t, "-listen", "0.0.0.0:0", "-now", "2026-11-28T15:04:05Z")
	r.waits("Warning: -listen 0.0.0.0:0 lets everybody who reaches the port read and change all that is in the fake.")
	assert.Contains(t, r.printed.String(), "\nClock     2026-11-28 ")
	port := r.page[strings.LastIndex(r.page, ":"):]
	for _, address := range []string{r.page, "http://127.0.0.1" + port} {
		resp, err := http.Get(address)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, http.StatusOK, resp.StatusCode, address)
	}
	client, err := chatapi.New("http://127.0.0.1"+strings.TrimSuffix(port, "/")+"/ABC100000001", r.token) // it sends no token to others by http
	require.NoError(t, err)
	_, err = client.Channel.GetStatus(t.Context())
	require.NoError(t, err)
	r.interrupt()
	assert.Equal(t, exitWell, r.end())
}
