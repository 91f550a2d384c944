package browser_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/conformance/browser"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

// service is a made-up Chat API in a process of its own, which outlives the helpdesk.
type service struct{ address, apiURL, token string }

func startService(w *browser.Walker) *service {
	w.Helper()
	path := filepath.Join(w.TempDir(), "chatapi")
	build := exec.CommandContext(w.Context(), "go", "build", "-o", path, ".")
	build.Dir = filepath.Join("..", "..", "..", "cmd", "chatapi")
	out, err := build.CombinedOutput()
	require.NoError(w, err, "%s", out)
	command := exec.CommandContext(context.Background(), path, "fake", "-listen", "127.0.0.1:0")
	printed, err := command.StdoutPipe()
	require.NoError(w, err)
	require.NoError(w, command.Start())
	w.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	s := &service{}
	lines := bufio.NewScanner(printed)
	for s.token == "" && lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		switch value = strings.TrimSpace(value); name {
		case "Phones":
			s.address = strings.TrimSuffix(value, "/")
		case "API":
			s.apiURL = strings.TrimSpace(strings.TrimPrefix(value, "URL"))
		case "Token":
			s.token = value
		}
	}
	go func() { _, _ = io.Copy(io.Discard, printed) }()
	require.NotEmpty(w, s.token, "the fake did not start")
	return s
}

// kill ends the program as kill -9 does. run starts it again.
func (p *program) kill() {
	_ = p.command.Process.Kill()
	<-p.ended
	p.ended <- nil
}

// startReal starts the program without its demo, in front of a service, and connects the
// service's channel as an administrator does.
func startReal(w *browser.Walker, s *service) (*program, *browser.Page) {
	w.Helper()
	listener := freeAddress(w)
	p := &program{w: w, dir: w.TempDir(), address: "http://" + listener, phones: s.address,
		args: []string{"-demo=false", "-local-api", "-ask=false", "-url", "http://" + listener, "-admin", "ann@example.com"}}
	p.run()
	w.Cleanup(p.stop)
	page := w.Open(p.links["ann@example.com"])
	page.Click("button", "Sign in as ann")
	page.Has("link", "Requests")
	page.Go(p.address + "/manage/departments")
	page.Click("link", "Add department")
	page.Fill("Name", "Sales")
	page.Click("button", "Save")
	page.Sees("The department Sales is added.")
	connect(page, s.apiURL, s.token)
	return p, page
}

// connect connects a channel as an administrator does, for Sales.
func connect(page *browser.Page, apiURL, token string) {
	openForm(page)
	page.Choose("Department that gets the requests", "Sales")
	page.Fill("API URL", apiURL)
	page.Fill("Token", token)
	page.Click("button", "Synchronize and Save")
	page.Sees("Connection successfully established")
}

// crowd lets customers write until it is stopped. It returns how many messages there were.
func (s *service) crowd(w *browser.Walker) (stop func() int) {
	var written atomic.Int64
	ctx, cancel := context.WithCancel(w.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 1; ctx.Err() == nil; n++ {
			if !s.write(w, fmt.Sprintf("120255501%02d", 50+n%8), fmt.Sprintf("question %05d of the crowd", n)) {
				return
			}
			written.Store(int64(n))
			select {
			case <-ctx.Done():
			case <-time.After(15 * time.Millisecond):
			}
		}
	}()
	return func() int {
		cancel()
		<-done
		return int(written.Load())
	}
}

func TestKill(t *testing.T) {
	const rounds = 20
	browser.Walk(t, "crash: killed 20 times while customers write and an agent answers", func(w *browser.Walker) {
		s := startService(w)
		p, page := startReal(w, s)
		w.Allow("failed request", "answer 503") // while the program is not there, or begins
		p.says("12025550143", "I have a question")
		page.Go(p.address + "/requests")
		page.Sees("I have a question")
		page.Go(p.address + "/requests/1")
		page.Until("!!document.querySelector('#composer-text')", "there is no composer")
		stop := s.crowd(w)
		for round := 1; round <= rounds; round++ {
			text := fmt.Sprintf("answer %02d of Ann", round)
			page.Fill("Message to Ann", text)
			// A press with an empty field would be another message, so look and press at once.
			press := func() bool {
				return browser.Eval[bool](page, `document.querySelector("#composer-text").value !== "" && (document.querySelector("[data-panel=reply]").requestSubmit(), true)`)
			}
			press()
			time.Sleep(time.Duration(rand.N(120)) * time.Millisecond) // the moment of the kill is random
			p.kill()
			p.run()
			for tries := 0; press() && tries < 50; tries++ {
				time.Sleep(200 * time.Millisecond) // as a person who presses again
			}
			empties(page)
		}
		asked := stop()
		page.Until(fmt.Sprintf("document.querySelectorAll('#thread .out').length === %d", rounds), "the thread does not have each answer once")
		require.Eventually(w, func() bool {
			return p.count("SELECT count(*) FROM desk_message WHERE body LIKE 'question % of the crowd'") >= asked
		},
			time.Minute, 100*time.Millisecond, "questions are missing")
		// An answer that was being sent when the program died is not sent again by itself.
		undecided := p.decide(page)
		assert.Zero(w, p.count("SELECT count(*) FROM desk_message WHERE direction = 'out' AND status IN ('queued', 'unknown')"))
		failed := p.count("SELECT count(*) FROM desk_message WHERE direction = 'out' AND status = 'failed'")
		assert.Equal(w, asked, p.count("SELECT count(DISTINCT body) FROM desk_message WHERE body LIKE 'question % of the crowd' AND request > 0"), "each question is in a request")
		assert.Equal(w, asked, p.count("SELECT count(*) FROM desk_message WHERE body LIKE 'question % of the crowd'"), "and once")
		assert.Equal(w, rounds, p.count("SELECT count(*) FROM desk_message WHERE direction = 'out'"), "each answer is one message")
		transcript, got := s.transcript(w), 0
		for round := 1; round <= rounds; round++ {
			times := strings.Count(transcript, fmt.Sprintf("answer %02d of Ann", round))
			assert.LessOrEqual(w, times, 1, "the customer got answer %d more than once", round)
			got += times
		}
		assert.Equal(w, rounds-failed, got, "the customer has each answer that the helpdesk says was sent")
		assert.LessOrEqual(w, failed, undecided, "only a person said that an answer was not sent")
		w.Logf("%d questions in requests, %d of %d answers with the customer, %d decided by a person", asked, got, rounds, undecided)
	})
}

// decide looks for each message of which nobody knows whether it went out, and says of those
// that are not found that they did not, until nothing waits. It returns how many those were.
func (p *program) decide(page *browser.Page) (lost int) {
	p.w.Helper()
	for p.count("SELECT count(*) FROM desk_message WHERE direction = 'out' AND status IN ('queued', 'unknown')") > 0 {
		page.Go(p.address + "/manage/decide")
		before := page.Count("button", "Look again")
		if before == 0 {
			time.Sleep(100 * time.Millisecond) // the messages that waited are sent
			continue
		}
		press := func(what string) {
			browser.Eval[bool](page, `([...document.querySelectorAll(".decide button")].find(b => b.innerText === "`+what+`").click(), true)`)
		}
		press("Look again")
		page.Has("heading", "Things to decide")
		if page.Count("button", "Look again") == before {
			press("It did not")
			page.Has("heading", "Things to decide")
			lost++
		}
	}
	return lost
}

// transcript returns the chats as the made-up service has them.
func (s *service) transcript(w *browser.Walker) string {
	w.Helper()
	r, err := http.NewRequestWithContext(w.Context(), http.MethodGet, s.address+"/sim/transcript", http.NoBody)
	require.NoError(w, err)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(w, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(w, err)
	require.Equal(w, http.StatusOK, answer.StatusCode, "%s", text)
	return string(text)
}

// count reads a number from the program's database, beside the program.
func (p *program) count(query string) (n int) {
	p.w.Helper()
	s, err := sqlite.Inspect(p.w.Context(), p.dir)
	require.NoError(p.w, err)
	defer s.Close()
	require.NoError(p.w, sqlite.DB(s).QueryRowContext(p.w.Context(), query).Scan(&n))
	return n
}

// freeAddress returns an address of this machine that no program has.
func freeAddress(w *browser.Walker) string {
	w.Helper()
	listener, err := (&net.ListenConfig{}).Listen(w.Context(), "tcp", "localhost:0")
	require.NoError(w, err)
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(w, err)
	return "localhost:" + port
}
