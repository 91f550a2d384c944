// Package browser_test uses the helpdesk as people do: the built program, in a real
// browser.
package browser_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/conformance/browser"
)

// built is the program, built once.
var built struct {
	sync.Once
	dir string
	err error
}

// binary builds the program.
func binary(w *browser.Walker) string {
	w.Helper()
	built.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "helpdesk-walks-"); built.err != nil {
			return
		}
		out, err := exec.CommandContext(context.Background(), "go", "build", "-o", filepath.Join(built.dir, "helpdesk"), "..").CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	require.NoError(w, built.err)
	return filepath.Join(built.dir, "helpdesk")
}

// program is a helpdesk that runs, with its demo.
type program struct {
	w       *browser.Walker
	dir     string
	address string            // of the helpdesk
	phones  string            // of the phones and of the made-up Chat API
	links   map[string]string // by the agent's name; each signs in once

	args    []string
	command *exec.Cmd
	log     *safeBuffer
	ended   chan error
}

// start starts the program with its demo, in a folder of its own, and returns when it has
// printed where it is. More arguments are flags. The walk's end stops it.
func start(w *browser.Walker, args ...string) *program {
	w.Helper()
	p := &program{w: w, dir: w.TempDir(), args: args, address: "http://localhost:0", phones: "http://127.0.0.1:0"}
	p.run()
	w.Cleanup(p.stop)
	return p
}

// run starts the process, at the addresses of before.
func (p *program) run() {
	p.w.Helper()
	args := append([]string{"-dir", p.dir, "-listen", host(p.address), "-phones", host(p.phones)}, p.args...)
	p.command = exec.CommandContext(context.Background(), binary(p.w), args...)
	p.links, p.log, p.ended = map[string]string{}, &safeBuffer{}, make(chan error, 1)
	p.command.Stderr = p.log
	out, err := p.command.StdoutPipe()
	require.NoError(p.w, err)
	require.NoError(p.w, p.command.Start())
	ready := make(chan struct{})
	go func() {
		p.read(out, ready)
		p.ended <- p.command.Wait()
	}()
	select {
	case <-ready:
	case err := <-p.ended:
		p.ended <- err
		p.w.Fatalf("the program ended: %v\n%s", err, p.log)
	case <-time.After(2 * time.Minute):
		p.w.Fatalf("the program does not say where it is:\n%s", p.log)
	}
}

// read reads what the program prints, and closes ready after the last line.
func (p *program) read(out io.Reader, ready chan<- struct{}) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		line := lines.Text()
		name, link, isLink := strings.Cut(line, " signs in once at ")
		_, phones, isPhones := strings.Cut(line, "The phones are at ")
		switch {
		case isLink:
			p.links[name] = strings.TrimSpace(link)
			u, err := url.Parse(p.links[name])
			if err == nil {
				p.address = "http://" + u.Host
			}
		case isPhones:
			p.phones = strings.TrimSpace(phones)
		case strings.HasPrefix(line, "Ctrl-C"):
			close(ready)
		}
	}
}

// host returns the host and port of an address.
func host(address string) string { return strings.TrimPrefix(address, "http://") }

// stop ends the program as Ctrl-C does, and fails the walk if it ends with an error.
func (p *program) stop() {
	p.w.Helper()
	_ = p.command.Process.Signal(os.Interrupt)
	select {
	case err := <-p.ended:
		p.ended <- nil
		if err != nil {
			p.w.Errorf("the program ended: %v\n%s", err, p.log)
		}
	case <-time.After(30 * time.Second):
		_ = p.command.Process.Signal(syscall.SIGQUIT)
		<-p.ended
		p.w.Errorf("the program does not end:\n%s", p.log)
	}
}

// signIn opens the helpdesk in a tab as an agent of the demo, "Ann" or "Max". Each link
// works once, so a second tab of the same walk uses w.Open with p.address.
func (p *program) signIn(name string) *browser.Page {
	p.w.Helper()
	require.NotEmpty(p.w, p.links[name], "there is no link for %s", name)
	page := p.w.Open(p.links[name])
	page.Click("button", "Sign in as "+name)
	page.Has("link", "Requests")
	return page
}

// act lets a customer act, such as act("12025550143", "says", map[string]any{"text": "hi"}).
// For another channel than that of Sales, who is "12025550143?channel=ABC100000002".
func (p *program) act(who, act string, args map[string]any) {
	p.w.Helper()
	who, query, _ := strings.Cut(who, "?")
	p.post("/sim/customers/"+url.PathEscape(who)+"/"+act+"?"+query, args)
}

// says lets a customer write a text to Sales.
func (p *program) says(number, text string) {
	p.w.Helper()
	p.act(number, "says", map[string]any{"text": text})
}

// post posts JSON to the phones' address, such as "/sim/advance".
func (p *program) post(path string, body map[string]any) map[string]any {
	p.w.Helper()
	data, err := json.Marshal(body)
	require.NoError(p.w, err)
	return p.ask(http.MethodPost, path, bytes.NewReader(data))
}

// get reads JSON from the phones' address, such as "/sim/channels".
func (p *program) get(path string) map[string]any {
	p.w.Helper()
	return p.ask(http.MethodGet, path, http.NoBody)
}

func (p *program) ask(method, path string, body io.Reader) map[string]any {
	p.w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, p.phones+path, body)
	require.NoError(p.w, err)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	require.NoError(p.w, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(p.w, err)
	require.Equal(p.w, http.StatusOK, resp.StatusCode, "%s", data)
	answer := map[string]any{}
	require.NoError(p.w, json.Unmarshal(data, &answer), "%s", data)
	return answer
}

// safeBuffer keeps what a process writes.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(data []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(data)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
