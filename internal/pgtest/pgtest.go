// Package pgtest runs a PostgreSQL server of its own for tests, on a port of the loopback
// interface, from the binaries that are installed. It talks to it by the driver "pgx" of
// database/sql: a package that uses it imports github.com/jackc/pgx/v5/stdlib, so that
// the SDK's own module needs no driver.
package pgtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Server is a server with a folder of its own. fsync is on.
type Server struct {
	bin, dir, password string
	port               int
	process            *exec.Cmd
	exited             chan struct{} // closed when the process is gone
}

const (
	superuser = "chatapi"
	startTime = time.Minute
)

// errMissing says where the binaries were looked for.
var errMissing = errors.New("initdb and postgres are neither in PATH nor in /usr/lib/postgresql/*/bin; install the PostgreSQL server to run this test")

// New starts a server. Stop it and remove its folder with Close.
func New() (*Server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, password: rand.Text()}
	if s.dir, err = os.MkdirTemp("", "chatapi-postgres-"); err != nil {
		return nil, err
	}
	if err = s.init(); err == nil {
		err = s.Start()
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Missing returns an error if the binaries are not there; see Need.
func Missing() error {
	_, err := binaries()
	return err
}

// binaries returns the folder of initdb and postgres, the newest of several.
func binaries() (string, error) {
	var folders []string
	if path, err := exec.LookPath("initdb"); err == nil {
		folders = append(folders, filepath.Dir(path))
	}
	installed, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(installed, func(a, b string) int { return version(b) - version(a) })
	for _, folder := range append(folders, installed...) {
		if _, err := exec.LookPath(filepath.Join(folder, "postgres")); err == nil {
			return folder, nil
		}
	}
	return "", errMissing
}

func version(bin string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
	return n
}

// init makes the server's files. Its language differs from the order of bytes, where
// PostgreSQL was built with ICU.
func (s *Server) init() error {
	file := filepath.Join(s.dir, "password")
	if err := os.WriteFile(file, []byte(s.password), 0o600); err != nil {
		return err
	}
	for _, path := range []string{s.dir, file} {
		if err := own(path); err != nil {
			return err
		}
	}
	args := []string{"-D", filepath.Join(s.dir, "data"), "-U", superuser, "-A", "scram-sha-256", "--pwfile", file, "-E", "UTF8", "--locale=C", "-N"}
	_, err := s.command("initdb", append(args, "--locale-provider=icu", "--icu-locale=en-US")...).CombinedOutput()
	if err == nil {
		return nil
	}
	if out, err := s.command("initdb", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = attributes()
	return cmd
}

// Start starts a server that was stopped, on the same port, and waits until it answers.
func (s *Server) Start(settings ...string) error {
	if s.port == 0 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		s.port = listener.Addr().(*net.TCPAddr).Port
		listener.Close()
	}
	args := []string{"-D", filepath.Join(s.dir, "data"), "-p", strconv.Itoa(s.port)}
	for _, setting := range append([]string{"listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=on", "max_connections=200",
		"shared_buffers=64MB", "logging_collector=off", "log_min_messages=error"}, settings...) {
		args = append(args, "-c", setting)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	for {
		if err := s.launch(args); err != nil {
			return err
		}
		err := s.answers(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			out, _ := os.ReadFile(s.log())
			return fmt.Errorf("the server does not answer: %w: %s", err, out)
		}
		time.Sleep(20 * time.Millisecond) // processes of a server that was killed have still been there
	}
}

func (s *Server) log() string { return filepath.Join(s.dir, "log") }

func (s *Server) launch(args []string) error {
	log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	process, exited := s.command("postgres", args...), make(chan struct{})
	process.Stdout, process.Stderr = log, log
	if err := process.Start(); err != nil {
		return err
	}
	s.process, s.exited = process, exited
	go func() {
		_ = process.Wait()
		close(exited)
	}()
	return nil
}

// answers waits until the server answers. It returns an error if the server ends first.
func (s *Server) answers(ctx context.Context) error {
	for {
		db, err := sql.Open("pgx", s.URL("postgres"))
		if err == nil {
			err = errors.Join(db.PingContext(ctx), db.Close())
		}
		if err == nil {
			return nil
		}
		select {
		case <-s.exited:
			return err
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Stop ends the server in order, or, if it is immediate, as a crash would.
func (s *Server) Stop(immediate bool) {
	if immediate {
		s.end(syscall.SIGQUIT)
	} else {
		s.end(syscall.SIGINT)
	}
}

// Kill kills the first process of the server. The others end when they notice, or, if
// they are busy, a moment later.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// KillSession kills a process of the server that has a session of a program. The server
// then ends all sessions, as it does when a process crashes, and recovers. It waits until
// the server answers.
func (s *Server) KillSession(ctx context.Context, application string) error {
	db, err := sql.Open("pgx", s.URL("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var pid int
	if err := conn.QueryRowContext(ctx, "SELECT pid FROM pg_stat_activity WHERE application_name = $1 ORDER BY random() LIMIT 1", application).Scan(&pid); err != nil {
		return err
	}
	process, err := os.FindProcess(pid)
	if err == nil {
		err = process.Kill()
	}
	if err != nil {
		return err
	}
	for conn.PingContext(ctx) == nil { // until the server has ended this one too
		time.Sleep(10 * time.Millisecond)
	}
	return s.answers(ctx)
}

func (s *Server) end(signal syscall.Signal) {
	if s.process == nil {
		return
	}
	_ = s.process.Process.Signal(signal)
	<-s.exited
	s.process = nil
}

// PID is the number of the server's process.
func (s *Server) PID() int { return s.process.Process.Pid }

// Close stops the server and removes its files.
func (s *Server) Close() {
	s.Stop(true)
	_ = os.RemoveAll(s.dir)
}

// URL returns the address of a database.
func (s *Server) URL(database string) string {
	return (&url.URL{Scheme: "postgres", User: url.UserPassword(superuser, s.password), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path: database, RawQuery: "sslmode=disable"}).String()
}

// Own gives a folder to the user that the server runs as.
func Own(folder string) error { return own(folder) }

// Exec runs statements in a database.
func (s *Server) Exec(t testing.TB, database string, statements ...string) {
	t.Helper()
	db, err := sql.Open("pgx", s.URL(database))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// Database makes a database that goes with the test, and returns its name.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := "test_" + strings.ToLower(rand.Text())
	s.Exec(t, "postgres", "CREATE DATABASE "+name)
	t.Cleanup(func() { s.Exec(t, "postgres", "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	return name
}

var shared struct {
	sync.Mutex
	server *Server
	err    error
}

// Shared returns the one server of the tests of a package. Without PostgreSQL's binaries
// the test is skipped.
func Shared(t testing.TB) *Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = New()
	}
	return Need(t, shared.server, shared.err)
}

// Need returns a server, or skips the test without PostgreSQL's binaries.
func Need(t testing.TB, s *Server, err error) *Server {
	t.Helper()
	switch {
	case errors.Is(err, errMissing):
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
	return s
}

// Main runs the tests of a package and stops the shared server.
func Main(m *testing.M) {
	code := m.Run()
	if shared.server != nil {
		shared.server.Close()
	}
	os.Exit(code)
}
