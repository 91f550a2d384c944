// Slips shows how well the tests guard the code. It applies small mistakes, of
// the kind that a refactoring makes, one at a time to a clone of the repository
// and runs the tests there. A mistake that no test notices has survived.
//
// Run it from anywhere in the repository:
//
//	make slips                       every slip of tools/slips/testdata
//	make slips SLIPS='-run ^ledger'  the slips whose ids match
//	make slips SLIPS=-check          only whether every slip still fits the code
//
// Each file holds blocks of this form:
//
//	slip transport-01 * a call that was never written has Sent false
//	file internal/transport/token.go
//	test ./internal/transport -run TestX$
//	wide ./internal/transport . ./conformance
//	-- old --
//	whole lines of the file, which occur exactly once in it
//	-- new --
//	the changed lines
//	-- end --
//
// The first line has the id, a star if the mistake would harm a user, and the
// right behaviour. If the arguments of test do not kill the slip, those of wide
// are tried. A slip whose program behaves the same for every input has a further
// line, "equivalent" and the reason; it is run like the others and must survive.
//
// The exit code is 1 if a slip with a star survives, if more than five others
// survive, or if a slip does not fit the code.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// spared is how many slips without a star may survive.
const spared = 5

// options are the command's flags.
type options struct {
	dir     string
	run     string
	list    bool
	check   bool
	workers int
	timeout time.Duration
	files   []string
}

func main() {
	var o options
	flag.StringVar(&o.dir, "dir", ".", "a folder of the repository")
	flag.StringVar(&o.run, "run", "", "only the slips whose ids match this regular expression")
	flag.BoolVar(&o.list, "list", false, "list the slips")
	flag.BoolVar(&o.check, "check", false, "only check that the slips fit the files of the working tree")
	flag.IntVar(&o.workers, "p", 1, "how many slips to try at the same time, each in a clone of its own")
	flag.DurationVar(&o.timeout, "timeout", 2*time.Minute, "how long the tests of one package may run")
	flag.Parse()
	o.files = flag.Args()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, o, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "slips:", err)
		os.Exit(1)
	}
}

// command does what the flags say and writes a line for each slip.
func command(ctx context.Context, o options, w io.Writer) error {
	top, err := git(ctx, o.dir, "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	slips, err := selected(o, top)
	if err != nil {
		return err
	}
	switch {
	case o.list:
		for _, s := range slips {
			fmt.Fprintf(w, "%s %s\n", s.name(), s.right)
		}
		return nil
	case o.check:
		return check(slips, top, w)
	}
	if changes, err := git(ctx, top, "status", "--porcelain", "--untracked-files=no"); err != nil {
		return err
	} else if changes != "" {
		fmt.Fprintf(w, "note: the clone has the last commit, without the uncommitted changes\n")
	}
	return tryAll(ctx, o, top, slips, w)
}

// selected returns the slips that the flags ask for, in the order of their ids.
func selected(o options, top string) ([]slip, error) {
	files := o.files
	if len(files) == 0 {
		files, _ = filepath.Glob(filepath.Join(top, "tools", "slips", "testdata", "*.txt"))
	}
	all, err := readSlips(files)
	if err != nil {
		return nil, err
	}
	pattern, err := regexp.Compile(o.run)
	if err != nil {
		return nil, err
	}
	slips := slices.DeleteFunc(all, func(s slip) bool { return !pattern.MatchString(s.id) })
	if len(slips) == 0 {
		return nil, errors.New("there are no such slips")
	}
	sortSlips(slips)
	return slips, nil
}

// check applies every slip to the working tree's files in memory.
func check(slips []slip, top string, w io.Writer) error {
	bad := 0
	for _, s := range slips {
		text, err := os.ReadFile(filepath.Join(top, filepath.FromSlash(s.file)))
		if err == nil {
			_, err = s.apply(text)
		}
		if err != nil {
			bad++
			fmt.Fprintf(w, "broken %s (%s): %v\n", s.name(), s.from, err)
		}
	}
	fmt.Fprintf(w, "%d slips, %d broken\n", len(slips), bad)
	if bad > 0 {
		return errors.New("some slips do not fit the code")
	}
	return nil
}

// tryAll tries the slips in clones and judges the results.
func tryAll(ctx context.Context, o options, top string, slips []slip, w io.Writer) error {
	clones := make([]*clone, max(o.workers, 1))
	for i := range clones {
		c, err := newClone(ctx, top, o.timeout)
		if err != nil {
			return err
		}
		defer c.remove()
		clones[i] = c
	}
	// Every slip would count as killed if the tests failed without it.
	if o := clones[0].test(ctx, allPackages(slips)); o.failed {
		return fmt.Errorf("the tests fail without a slip: %s\n%s", strings.Join(o.by, ", "), o.output)
	}

	work, results := make(chan slip), make(chan result)
	var running sync.WaitGroup
	for _, c := range clones {
		running.Go(func() {
			for s := range work {
				results <- c.try(ctx, s)
			}
		})
	}
	go func() {
		defer close(results)
		defer running.Wait()
		defer close(work)
		for _, s := range slips {
			select {
			case work <- s:
			case <-ctx.Done():
				return
			}
		}
	}()
	var done []result
	for r := range results {
		if ctx.Err() == nil {
			done = append(done, r)
			fmt.Fprintf(w, "%s %s: %s\n", r.verdict, r.name(), r.why)
		}
	}
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	return summary(done, w)
}

// allPackages returns every package that the slips' tests are in.
func allPackages(slips []slip) []string {
	var all []string
	for _, s := range slips {
		all = append(all, testPackages(s.narrow)...)
		all = append(all, testPackages(s.wide)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// summary writes the counts and returns an error if the tests are not good enough.
func summary(results []result, w io.Writer) error {
	count := map[verdict]int{}
	harmful := 0
	for _, r := range results {
		count[r.verdict]++
		if r.verdict == survived && r.harmful {
			harmful++
		}
	}
	fmt.Fprintf(w, "\n%d slips: %d killed, %d equivalent, %d survived (%d with a star), %d broken\n",
		len(results), count[killed], count[equivalent], count[survived], harmful, count[broken])
	switch {
	case count[broken] > 0:
		return errors.New("some slips are broken")
	case harmful > 0:
		return errors.New("a slip that would harm a user survived")
	case count[survived] > spared:
		return fmt.Errorf("more than %d slips survived", spared)
	}
	return nil
}

func (s *slip) name() string {
	if s.harmful {
		return s.id + " *"
	}
	return s.id
}

// git runs a command that only reads.
func git(ctx context.Context, dir string, arguments ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", arguments...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(failed.Stderr))
	}
	if err != nil {
		return "", fmt.Errorf("git %s in %s: %w", arguments[0], dir, err)
	}
	return strings.TrimSpace(string(out)), nil
}
