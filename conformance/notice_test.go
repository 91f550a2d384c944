package conformance_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// licenses maps the name of a license in NOTICE to words of its text.
var licenses = map[string]string{
	"Apache-2.0": "Apache License",
	"BSD-3":      "Redistribution and use in source and binary forms",
	"MIT":        "Permission is hereby granted, free of charge",
	"MPL-2.0":    "Mozilla Public License Version 2.0",
}

// parts are the modules of this repository that programs import, each with the words
// before its table in NOTICE. A table has what a program links besides the first one.
var parts = []struct {
	dir, words string
	packages   []string
}{
	{".", "Module   ", []string{"./..."}},
	{"durable", "imports the module durable with SQLite", []string{".", "./sqlite"}},
	{"durable/postgres", "imports the module durable/postgres", []string{"."}},
	{"durable/oteldurable", "imports the module durable/oteldurable", []string{"."}},
}

// TestFaultE18NoticeNamesEachLinkedModule checks that NOTICE lists the modules
// that a program links, no others, and each under the license that it has.
func TestFaultE18NoticeNamesEachLinkedModule(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "NOTICE"))
	require.NoError(t, err)
	first := map[string]string{}
	for n, part := range parts {
		_, rest, found := strings.Cut(string(text), part.words)
		require.True(t, found, "NOTICE has no words %q", part.words)
		noted := notedModules(firstTable(rest))
		linked := linkedModules(t, part.dir, part.packages)
		for module := range first {
			delete(linked, module)
		}
		if n == 0 {
			first = noted
		}
		compareNotice(t, part.dir, noted, linked)
	}
}

func compareNotice(t *testing.T, part string, noted, linked map[string]string) {
	t.Helper()
	for module, dir := range linked {
		if !assert.Contains(t, noted, module, "NOTICE does not list a module that a user's program links (%s)", part) {
			continue
		}
		files, err := filepath.Glob(filepath.Join(dir, "LICENSE*"))
		require.NoError(t, err)
		require.NotEmpty(t, files, "%s has no license file", module)
		license, err := os.ReadFile(files[0])
		require.NoError(t, err)
		words := licenses[noted[module]]
		require.NotEmpty(t, words, "%q is no license that this test knows", noted[module])
		// HashiCorp's copies of the license have a comma in its title.
		title := strings.Replace(string(license), "License, version", "License Version", 1)
		assert.Contains(t, title, words, "NOTICE gives another license to %s", module)
	}
	for module := range noted {
		assert.Contains(t, linked, module, "NOTICE lists a module that no program links (%s)", part)
	}
}

// firstTable returns the first lines of a text that stand together and name addresses.
func firstTable(text string) string {
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		if strings.Contains(paragraph, "https://") {
			return paragraph
		}
	}
	return ""
}

// notedModules returns the license of each module in the table of a NOTICE file.
func notedModules(text string) map[string]string {
	noted := map[string]string{}
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) == 3 && strings.HasPrefix(fields[2], "https://") {
			noted[fields[0]] = fields[1]
		}
	}
	return noted
}

// linkedModules returns the folder of each module that a program links, on one system or
// another, when it imports packages of a module of this repository.
func linkedModules(t *testing.T, dir string, packages []string) map[string]string {
	t.Helper()
	linked := map[string]string{}
	for _, system := range []string{"linux", "darwin", "windows"} {
		args := append([]string{"list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}|{{.Dir}}{{end}}{{end}}"}, packages...)
		list := exec.CommandContext(t.Context(), "go", args...)
		list.Dir = filepath.Join(root, filepath.FromSlash(dir))
		list.Env = append(list.Environ(), "GOWORK=off", "GOOS="+system, "CGO_ENABLED=0")
		out, err := list.Output()
		require.NoError(t, err)
		for _, line := range slices.Compact(slices.Sorted(strings.Lines(string(out)))) {
			name, folder, ok := strings.Cut(strings.TrimSpace(line), "|")
			if ok && name != module && !strings.HasPrefix(name, module+"/") {
				linked[name] = folder
			}
		}
	}
	require.NotEmpty(t, linked)
	return linked
}

func TestNotedModules(t *testing.T) {
	noted := notedModules("Module License Source\nexample.com/a MIT https://example.com/a\nprose with https://example.com in it\n")
	assert.Equal(t, map[string]string{"example.com/a": "MIT"}, noted)
}
