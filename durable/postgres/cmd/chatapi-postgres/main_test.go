package main

import (
	"bytes"
	"context"
	"net/url"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of pgtest
	"github.com/stretchr/testify/assert"

	"github.com/chatapi-go/chatapi/durable/internal/command"
	"github.com/chatapi-go/chatapi/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// run runs the command and returns its exit code, output and problems.
func run(env map[string]string, args ...string) (code int, out, problems string) {
	var o, p bytes.Buffer
	code = postgresCommand(func(name string) string { return env[name] }).Run(context.Background(), args, &o, &p)
	return code, o.String(), p.String()
}

func TestLifeOfASchema(t *testing.T) {
	server := pgtest.Shared(t)
	name := server.Database(t)
	address := server.URL(name)
	parsed, err := url.Parse(address)
	assert.NoError(t, err)
	password, _ := parsed.User.Password()
	place := "chatapi@" + strings.Replace(parsed.Host, "@", "", 1) + "/" + name + ", schema chatapi"
	for _, step := range []struct {
		args string
		code int
		out  string // begins so, after the database
	}{
		{"check", command.ExitMigrate, ": no schema; migrate makes schema 1 in "},
		{"plan", command.ExitMigrate, ": no schema; migrate makes schema 1 in "},
		{"migrate", command.ExitWell, ": migrated from schema 0 to 1\n"},
		{"check", command.ExitWell, ": schema 1, that of this release\n"},
		{"status", command.ExitWell, "\nevents for the handler              0\n"},
		{"restored 2026-11-28T15:04:05Z", command.ExitWell, ": 0 messages wait for a person; programs send again\n"},
	} {
		code, out, problems := run(map[string]string{"CHATAPI_DATABASE": address}, strings.Fields(step.args)...)
		assert.Equal(t, step.code, code, "%s: %s", step.args, problems)
		assert.True(t, strings.HasPrefix(out, place+step.out), "%s: %s", step.args, out)
		assert.Empty(t, problems)
		assert.NotContains(t, out, password)
	}
	code, out, problems := run(map[string]string{"CHATAPI_DATABASE": address}, "-schema", "other", "check")
	assert.Equal(t, command.ExitMigrate, code, problems)
	assert.Contains(t, out, ", schema other: no schema")
	server.Exec(t, name, "UPDATE chatapi.meta SET value = '99' WHERE name IN ('version', 'min_reader')")
	code, out, problems = run(nil, "-database", address, "check")
	assert.Equal(t, command.ExitTooOld, code, problems)
	assert.Contains(t, out, ": schema 99, which needs a program with schema 99 or newer; this one has 1: update it")
	code, _, problems = run(nil, "-database", address, "migrate")
	assert.Equal(t, command.ExitFailed, code)
	assert.Contains(t, problems, "newer release")
}

// Whatever fails, no password is printed.
func TestNoPassword(t *testing.T) {
	const secret = "s3cr3t-w0rd"
	for _, address := range []string{
		"postgres://user:" + secret + "@127.0.0.1:1/name",
		"postgres://user:" + secret + "@127.0.0.1:1/name?sslmode=nonsense",
		"postgres://user:" + secret + "@127.0.0.1:none/name",
		"postgres://user:" + secret + "@%/name",
		"postgres://user:" + secret + "%@host/name",
		"host=127.0.0.1 port=1 user=user password=" + secret + " dbname=name",
		"host=127.0.0.1 port=1 user=user password='" + secret,
		"host=127.0.0.1 port=1 user=user password=" + secret + " =",
	} {
		for _, word := range []string{"check", "migrate", "status"} {
			for _, args := range [][]string{{"-database", address, word}, {word}} {
				code, out, problems := run(map[string]string{"CHATAPI_DATABASE": address}, args...)
				assert.Contains(t, []int{command.ExitFailed, command.ExitUsage}, code)
				assert.NotContains(t, out+problems, secret, "%s %s", word, address)
				assert.NotEmpty(t, problems)
			}
		}
	}
	code, _, problems := run(nil, "-h")
	assert.Equal(t, command.ExitWell, code)
	assert.NotContains(t, problems, "backup FOLDER", "PostgreSQL has its own")
}

// A command that lacks something, or has a word that is no command, says which.
func TestWrongArguments(t *testing.T) {
	for args, want := range map[string]string{
		"check":                     "no database is given; set CHATAPI_DATABASE",
		"-database host=h chek":     `there is no command "chek"`,
		"-database host=h restored": "the command restored takes 1 more, not 0",
	} {
		code, out, problems := run(map[string]string{}, strings.Fields(args)...)
		assert.Equal(t, command.ExitUsage, code, args)
		assert.Contains(t, problems, want, args)
		assert.Empty(t, out)
	}
	code, out, problems := run(map[string]string{"CHATAPI_DATABASE": "postgres://app:left@RIGHT77@127.0.0.1:1/desk"}, "check")
	assert.Equal(t, command.ExitFailed, code)
	assert.Contains(t, problems, "write %40 for @")
	assert.NotContains(t, out+problems, "RIGHT77")
}
