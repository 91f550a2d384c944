// Command chatapi has the tools for work with Chat API. Today it has one, a fake of the
// service with its customers on simulated phones, for programs in every language:
//
//	go run github.com/chatapi-go/chatapi/cmd/chatapi@latest fake -hook http://127.0.0.1:8080/webhooks/s3cret
//
// In a clone of the repository it is "go run ./cmd/chatapi fake". "chatapi help" lists the
// commands, and "chatapi help fake" says everything about one. The exit code is 0 if all
// went well, 1 if something failed, and 2 if the arguments are wrong.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// The exit codes.
const (
	exitWell   = 0
	exitFailed = 1
	exitUsage  = 2
)

// command is a subcommand. Each has a file of its name.
type command struct {
	name, about string

	// run returns the exit code. It ends what it does when ctx ends.
	run func(ctx context.Context, args []string, out, problems io.Writer) int
}

func commands() []command {
	return []command{
		{"fake", "starts a fake Chat API on this machine, with customers on phones in the browser", runFake},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run runs the command that the arguments name.
func run(ctx context.Context, args []string, out, problems io.Writer) int {
	if len(args) == 0 {
		usage(problems)
		return exitUsage
	}
	name, rest := args[0], args[1:]
	switch name {
	case "-h", "-help", "--help":
		usage(out)
		return exitWell
	case "help":
		if len(rest) == 0 {
			usage(out)
			return exitWell
		}
		name, rest = rest[0], []string{"-h"}
	}
	var known []string
	for _, c := range commands() {
		if c.name == name {
			return c.run(ctx, rest, out, problems)
		}
		known = append(known, c.name)
	}
	fmt.Fprintf(problems, "chatapi: there is no command %q%s\n", name, meant(name, known, "; chatapi help lists them"))
	return exitUsage
}

func usage(w io.Writer) {
	fmt.Fprint(w, `Tools for work with Chat API.

Usage: chatapi command [arguments]

`)
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-10s %s\n", c.name, c.about)
	}
	fmt.Fprint(w, `
"chatapi help command" says everything about a command. The exit code is 0 if all went
well, 1 if something failed, and 2 if the arguments are wrong.
`)
}
