package main

import (
	"flag"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"-h"}, {"--help"}} {
		code, out, problems := try(t, args...)
		assert.Equal(t, exitWell, code)
		assert.Contains(t, out, "\n  fake       starts a fake Chat API")
		assert.Empty(t, problems)
	}
	for _, args := range [][]string{{"help", "fake"}, {"fake", "-h"}, {"fake", "--help"}} {
		code, out, problems := try(t, args...)
		assert.Equal(t, exitWell, code)
		assert.Equal(t, fakeHelpText(), out)
		assert.Empty(t, problems)
	}
	code, out, problems := try(t)
	assert.Equal(t, exitUsage, code)
	assert.Empty(t, out)
	assert.Contains(t, problems, "Usage: chatapi command [arguments]")
	code, _, problems = try(t, "fkae", "-listen", "x")
	assert.Equal(t, exitUsage, code)
	assert.Equal(t, "chatapi: there is no command \"fkae\"; did you mean \"fake\"?\n", problems)
}

// The help names every argument and every quirk, in lines that fit a terminal.
func TestHelpIsWhole(t *testing.T) {
	help := fakeHelpText()
	fakeFlagSet(&fakeFlags{}).VisitAll(func(f *flag.Flag) {
		assert.Contains(t, help, "\n  -"+f.Name+" ")
	})
	for _, name := range quirkNames() {
		assert.Contains(t, help, strings.ReplaceAll(name, " ", "-"))
	}
	for line := range strings.Lines(help) {
		assert.LessOrEqual(t, len([]rune(line)), 96, line)
	}
}

func TestWrongArguments(t *testing.T) {
	for _, c := range []struct{ args, problem string }{
		{"-quirk no-bsiud", `invalid value "no-bsiud" for flag -quirk: there is no quirk of that name; did you mean "no bsuid"?`},
		{"-quirk banana-bread", `there is no quirk of that name; the names are: any namespace, audio type, `},
		{"-hook 127.0.0.1:8080", `for flag -hook: give the whole address of the bot's webhook handler, such as http://127.0.0.1:8080/webhooks/s3cret`},
		{"-hook http://desk.example/hooks", `for flag -hook: the fake delivers to this machine only`},
		{"-hook ftp://localhost/x", `for flag -hook: give the whole address`},
		{strings.Repeat("-hook http://localhost:1/ ", 6), `-hook: a channel has up to 5 addresses, and these are 6`},
		{"-listen 8300", `-listen "8300": give a host and a port, such as 127.0.0.1:8300`},
		{"-now yesterday", `for flag -now: give a time such as 2026-11-28T15:04:05Z`},
		{"-seed x", `invalid value "x" for flag -seed`},
		{"-webhook http://localhost:1/", `flag provided but not defined: -webhook`},
		{"http://localhost:1/", `"http://localhost:1/" belongs to no argument; write, for example, -hook http://localhost:1/`},
		{"-within 1s", `-within, -wait and -update belong to -script`},
		{"-script x.tape -update", `-update writes scripts, and no tapes`},
		{"-script x.chat -within 0s", `-within must be more than 0`},
		{"-script x.chat -tape x.tape", `-tape shows what was said, so it goes with neither -script nor -hook`},
		{"-state=", `-state has no value`},
	} {
		code, out, problems := try(t, append([]string{"fake"}, strings.Fields(c.args)...)...)
		assert.Equal(t, exitUsage, code, c.args)
		assert.Empty(t, out)
		assert.True(t, strings.HasPrefix(problems, "chatapi fake: "), problems)
		assert.Contains(t, problems, c.problem)
		assert.True(t, strings.HasSuffix(problems, "\n\"chatapi help fake\" lists the arguments.\n"), problems)
	}
	// These fail after the arguments were read.
	for args, problem := range map[string]string{
		"-channel A/B": `Channel: "A/B" must be 1 to 64 letters, digits, dashes or underscores`,
		"-phone 12":    `Phone: "12" must be 6 to 15 digits`,
	} {
		code, _, problems := try(t, append([]string{"fake"}, strings.Fields(args)...)...)
		assert.Equal(t, exitFailed, code, args)
		assert.Equal(t, "chatapi fake: "+problem+"\n", problems)
	}
}

func TestMeant(t *testing.T) {
	for given, want := range map[string]string{"fak": "fake", "FAKE": "fake", "fkae": "fake", "bills": "", "": "", strings.Repeat("x", 200): ""} {
		got := meant(given, []string{"fake", "templates"}, "-")
		if want == "" {
			assert.Equal(t, "-", got, given)
		} else {
			assert.Equal(t, `; did you mean "`+want+`"?`, got)
		}
	}
	require.Equal(t, 3, distance("kitten", "sitting"))
}
