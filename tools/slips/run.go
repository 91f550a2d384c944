package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// verdict says what became of a slip.
type verdict string

const (
	killed     verdict = "killed"
	equivalent verdict = "equivalent"
	survived   verdict = "survived"
	broken     verdict = "broken" // the slip itself is wrong
)

// result is one slip's verdict with the reason for it.
type result struct {
	slip
	verdict verdict
	why     string
}

// clone is a copy of the repository that slips are applied to.
type clone struct {
	dir     string
	timeout time.Duration
}

// newClone clones the commit that the repository has checked out into a folder
// of its own. The caller removes the folder.
func newClone(ctx context.Context, repository string, timeout time.Duration) (*clone, error) {
	dir, err := os.MkdirTemp("", "slips-")
	if err != nil {
		return nil, err
	}
	c := &clone{dir: dir, timeout: timeout}

	out, err := exec.CommandContext(ctx, "git", "clone", "--quiet", "--shared", repository, dir).CombinedOutput()
	if err != nil {
		c.remove()
		return nil, fmt.Errorf("git clone: %w\n%s", err, out)
	}
	return c, nil
}

func (c *clone) remove() { _ = os.RemoveAll(c.dir) }

// try applies one slip, runs its tests, and takes the slip out again.
func (c *clone) try(ctx context.Context, s slip) result {
	path := filepath.Join(c.dir, filepath.FromSlash(s.file))
	text, err := os.ReadFile(path)
	if err != nil {
		return result{s, broken, err.Error()}
	}
	changed, err := s.apply(text)
	if err != nil {
		return result{s, broken, err.Error()}
	}
	if err := os.WriteFile(path, changed, 0o600); err != nil {
		return result{s, broken, err.Error()}
	}
	defer func() { _ = os.WriteFile(path, text, 0o600) }()

	narrow := c.test(ctx, s.narrow)
	if narrow.failed {
		return narrow.verdict(s, "narrow")
	}
	if wide := c.test(ctx, s.wide); wide.failed {
		return wide.verdict(s, "wide")
	}
	if s.reason != "" {
		return result{s, equivalent, s.reason}
	}
	if narrow.tests == 0 {
		return result{s, survived, "no test matches: go test " + strings.Join(s.narrow, " ")}
	}
	return result{s, survived, s.right}
}

// outcome is what one run of go test showed.
type outcome struct {
	failed  bool
	build   bool     // it failed because something does not compile
	timeout bool     // it failed because a test did not end
	by      []string // the failed tests, or else those that did not end
	tests   int      // how many tests ran
	output  string   // the compiler's output, or that of the failure
}

func (o outcome) verdict(s slip, which string) result {
	switch {
	case o.build:
		return result{s, broken, "it does not compile:\n" + o.output}
	case s.reason != "":
		return result{s, broken, fmt.Sprintf("it is called equivalent, and %s kills it (%s)", o.first(), which)}
	case o.timeout:
		return result{s, killed, fmt.Sprintf("by timeout, %s (%s)", o.first(), which)}
	}
	return result{s, killed, fmt.Sprintf("by %s (%s)", o.first(), which)}
}

// first names the first failed test, the innermost of its subtests.
func (o outcome) first() string {
	if len(o.by) == 0 {
		return "a test program"
	}
	return o.by[0]
}

// test runs go test in the clone. The timeout is that of each test program, so
// that the time of compiling does not count.
func (c *clone) test(ctx context.Context, arguments []string) outcome {
	arguments = append([]string{"test", "-json", "-count=1", "-vet=off", "-timeout=" + c.timeout.String()}, arguments...)
	cmd := exec.CommandContext(ctx, "go", arguments...)
	cmd.Dir = c.dir
	// The clone has its own workspace, which GOWORK of this program would hide.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GOWORK=") })
	// An interrupt ends the test programs, too: they are in the group of go test.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := cmd.Run()
	o := readEvents(out.Bytes())
	var exit *exec.ExitError
	switch {
	case err == nil:
	case ctx.Err() != nil:
		o.failed, o.output = true, "interrupted"
	case !errors.As(err, &exit):
		o.failed, o.build, o.output = true, true, err.Error()
	default:
		o.failed = true
		if len(o.by) == 0 && problems.Len() > 0 { // go test did not get as far as a test
			o.build, o.output = true, o.output+problems.String()
		}
	}
	return o
}

// readEvents reads the output of go test -json.
func readEvents(output []byte) outcome {
	var o outcome
	var text strings.Builder
	var unfinished []string
	decoder := json.NewDecoder(bytes.NewReader(output))
	for {
		var event struct{ Action, Package, Test, Output, FailedBuild string }
		if decoder.Decode(&event) != nil {
			break
		}
		switch event.Action {
		case "run":
			o.tests++
			unfinished = append(unfinished, event.Test)
		case "output", "build-output":
			text.WriteString(event.Output)
			o.timeout = o.timeout || strings.HasPrefix(event.Output, "panic: test timed out after")
		case "build-fail":
			o.build = true
		case "pass", "skip":
			unfinished = slices.DeleteFunc(unfinished, func(test string) bool { return test == event.Test })
		case "fail":
			o.build = o.build || event.FailedBuild != ""
			if event.Test != "" {
				o.by = append(o.by, event.Test)
			}
		}
	}
	if len(o.by) == 0 { // the test program ended in the middle
		slices.Reverse(unfinished)
		o.by = unfinished
	}
	o.output = text.String()
	return o
}
