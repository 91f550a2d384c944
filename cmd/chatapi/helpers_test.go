package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// asProgram in the environment makes the test binary the command itself. So the tests run
// anew whenever the command changes, and the race detector looks at it.
const asProgram = "CHATAPI_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// chatapiCommand returns the command with its arguments.
func chatapiCommand(ctx context.Context, args ...string) *exec.Cmd {
	program, err := os.Executable()
	if err != nil {
		panic(err)
	}
	c := exec.CommandContext(ctx, program, args...)
	c.Env = append(os.Environ(), asProgram+"=yes")
	return c
}

// try runs the program to its end, within a minute.
func try(t *testing.T, args ...string) (code int, out, problems string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var o, p bytes.Buffer
	c := chatapiCommand(ctx, args...)
	c.Stdout, c.Stderr = &o, &p
	return exitCode(t, c.Run()), o.String(), p.String()
}

func exitCode(t *testing.T, err error) int {
	t.Helper()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	require.NoError(t, err)
	return 0
}

// running is a fake that runs.
type running struct {
	*testing.T
	command *exec.Cmd
	ended   chan error

	page, apiURL, token string

	mu       sync.Mutex
	problems bytes.Buffer
	printed  bytes.Buffer
}

// start starts a fake on a free port and waits until it has printed its address.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	r := &running{T: t, ended: make(chan error, 1)}
	r.command = chatapiCommand(context.WithoutCancel(t.Context()), append([]string{"fake", "-listen", "127.0.0.1:0"}, args...)...)
	r.command.Stderr = writer(func(b []byte) { r.problems.Write(b) }, &r.mu)
	out, err := r.command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, r.command.Start())
	t.Cleanup(func() { _ = r.command.Process.Kill() })
	lines := bufio.NewReader(out)
	for !strings.HasPrefix(r.printed.String()[strings.LastIndex(strings.TrimSpace(r.printed.String()), "\n")+1:], "The token") {
		line, err := lines.ReadString('\n')
		r.printed.WriteString(line)
		require.NoError(t, err, "%s%s", r.printed.String(), r.said())
		for name, value := range map[string]*string{"Phones": &r.page, "API URL": &r.apiURL, "Token": &r.token} {
			if rest, ok := strings.CutPrefix(line, name); ok && strings.HasPrefix(rest, "  ") {
				*value = strings.TrimSpace(rest)
			}
		}
	}
	go func() {
		rest, _ := io.ReadAll(lines)
		r.mu.Lock()
		r.printed.Write(rest)
		r.mu.Unlock()
		r.ended <- r.command.Wait()
	}()
	return r
}

// writer calls write with what is written.
func writer(write func([]byte), mu *sync.Mutex) io.Writer {
	return writeFunc(func(b []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		write(b)
		return len(b), nil
	})
}

type writeFunc func([]byte) (int, error)

func (f writeFunc) Write(b []byte) (int, error) { return f(b) }

// said returns what the fake has told about problems.
func (r *running) said() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.problems.String()
}

// waits waits until the fake has told about a problem.
func (r *running) waits(for_ string) {
	r.Helper()
	require.Eventually(r, func() bool { return strings.Contains(r.said(), for_) }, time.Minute, 10*time.Millisecond, "%s", for_)
}

// interrupt does what Ctrl-C does.
func (r *running) interrupt() {
	r.Helper()
	require.NoError(r, r.command.Process.Signal(os.Interrupt))
}

// end waits until the fake has ended, and returns its exit code.
func (r *running) end() int {
	r.Helper()
	select {
	case err := <-r.ended:
		return exitCode(r.T, err)
	case <-time.After(time.Minute):
		require.Fail(r, "the fake does not end", "%s", r.said())
		return 0
	}
}

// client returns a client of the fake.
func (r *running) client() *chatapi.Client {
	r.Helper()
	client, err := chatapi.New(r.apiURL, r.token)
	require.NoError(r, err)
	return client
}

// listening returns a server that accepts connections and answers once it is started, and
// the address of its webhooks.
func listening(t *testing.T) (server *httptest.Server, hook string) {
	t.Helper()
	server = httptest.NewUnstartedServer(nil)
	t.Cleanup(server.Close)
	return server, "http://" + server.Listener.Addr().String() + "/webhooks/s3cret"
}

// serve lets the server answer with the handler.
func serve(server *httptest.Server, handler http.Handler) {
	server.Config.Handler = handler
	server.Start()
}

// file writes a file and returns its path.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}
