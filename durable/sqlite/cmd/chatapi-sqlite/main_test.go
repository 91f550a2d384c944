package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable/internal/command"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

// run runs the command and returns its exit code, output and problems.
func run(args ...string) (code int, out, problems string) {
	var o, p bytes.Buffer
	code = sqliteCommand().Run(context.Background(), args, &o, &p)
	return code, o.String(), p.String()
}

func TestLifeOfAFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	copied := filepath.Join(t.TempDir(), "copy")
	steps := []struct {
		args string
		code int
		out  string // begins so, after the folder
	}{
		{"check", command.ExitMigrate, ": no schema; migrate makes schema 1 in "},
		{"plan", command.ExitMigrate, ": no schema; migrate makes schema 1 in "},
		{"migrate", command.ExitWell, ": migrated from schema 0 to 1\n"},
		{"migrate", command.ExitWell, ": schema 1, that of this release\n"},
		{"check", command.ExitWell, ": schema 1, that of this release\n"},
		{"plan", command.ExitWell, ": schema 1, that of this release\n"},
		{"status", command.ExitWell, "\nevents for the handler              0\n"},
		{"backup " + copied, command.ExitWell, ": copied to " + copied + "\n"},
	}
	for _, step := range steps {
		code, out, problems := run(append([]string{"-data", dir}, strings.Fields(step.args)...)...)
		assert.Equal(t, step.code, code, "%s: %s", step.args, problems)
		assert.True(t, strings.HasPrefix(out, dir+step.out), "%s: %s", step.args, out)
		assert.Empty(t, problems)
		if strings.Contains(step.args, "plan") && step.code == command.ExitMigrate {
			assert.Contains(t, out, "CREATE TABLE outbox (")
		}
	}

	// The copy sends nothing before somebody says so.
	code, out, _ := run("-data", copied, "status")
	assert.Equal(t, command.ExitPerson, code)
	assert.Contains(t, out, "Nothing is sent: the folder "+copied+" was restored from a backup of ")
	code, _, problems := run("-data", copied, "restored", "yesterday")
	assert.Equal(t, command.ExitUsage, code)
	assert.Contains(t, problems, `"yesterday" is no time such as 2026-11-28T15:04:05Z`)
	for _, before := range []string{"2026-11-28T15:04:05Z", "nothing-lost"} {
		code, out, problems = run("-data", copied, "restored", before)
		assert.Equal(t, command.ExitWell, code, problems)
		assert.Equal(t, copied+": 0 messages wait for a person; programs send again\n", out)
	}
	code, _, _ = run("-data", copied, "status")
	assert.Equal(t, command.ExitWell, code)
}

// While a program has the folder open, looking and copying work, and changing does not.
func TestFolderInUse(t *testing.T) {
	dir := t.TempDir()
	s, err := sqlite.Open(t.Context(), dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	for _, word := range []string{"status", "check", "plan", "backup " + filepath.Join(t.TempDir(), "copy")} {
		code, _, problems := run(append([]string{"-data", dir}, strings.Fields(word)...)...)
		assert.Equal(t, command.ExitWell, code, problems)
	}
	for _, word := range []string{"migrate", "restored " + time.Now().Format(time.RFC3339)} {
		code, _, problems := run(append([]string{"-data", dir}, strings.Fields(word)...)...)
		assert.Equal(t, command.ExitFailed, code)
		assert.Contains(t, problems, "chatapi-sqlite: durable/sqlite: ")
		assert.Contains(t, problems, "is in use by another program")
	}
}

func TestWrongArguments(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{{}, {"status"}, {"-data", dir}, {"-data", dir, "x"}, {"-data", dir, "status", "x"}, {"-data", dir, "restored"}, {"-x"}} {
		code, out, problems := run(args...)
		assert.Equal(t, command.ExitUsage, code, "%v", args)
		assert.Empty(t, out)
		assert.NotEmpty(t, problems)
	}
	code, _, problems := run("-h")
	assert.Equal(t, command.ExitWell, code)
	assert.Contains(t, problems, "backup FOLDER")
	code, _, problems = run("-data", dir, "status")
	assert.Equal(t, command.ExitFailed, code)
	assert.Contains(t, problems, "has no work.db")
}
