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
	"BSD-3":   "Redistribution and use in source and binary forms",
	"MIT":     "Permission is hereby granted, free of charge",
	"MPL-2.0": "Mozilla Public License, version 2.0",
}

// TestFaultE18NoticeNamesEachLinkedModule checks that NOTICE lists the modules
// that a program links, no others, and each under the license that it has.
func TestFaultE18NoticeNamesEachLinkedModule(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "NOTICE"))
	require.NoError(t, err)
	noted := notedModules(string(text))
	linked := linkedModules(t)
	for module, dir := range linked {
		if !assert.Contains(t, noted, module, "NOTICE does not list a module that a user's program links") {
			continue
		}
		files, err := filepath.Glob(filepath.Join(dir, "LICENSE*"))
		require.NoError(t, err)
		require.NotEmpty(t, files, "%s has no license file", module)
		license, err := os.ReadFile(files[0])
		require.NoError(t, err)
		words := licenses[noted[module]]
		require.NotEmpty(t, words, "%q is no license that this test knows", noted[module])
		assert.Contains(t, string(license), words, "NOTICE gives another license to %s", module)
	}
	for module := range noted {
		assert.Contains(t, linked, module, "NOTICE lists a module that no program links")
	}
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

// linkedModules returns the folder of each module that a program links when it
// imports packages of the root module.
func linkedModules(t *testing.T) map[string]string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}|{{.Dir}}{{end}}{{end}}", "./...")
	list.Dir = root
	list.Env = append(list.Environ(), "GOWORK=off")
	out, err := list.Output()
	require.NoError(t, err)
	linked := map[string]string{}
	for _, line := range slices.Compact(slices.Sorted(strings.Lines(string(out)))) {
		if module, dir, ok := strings.Cut(strings.TrimSpace(line), "|"); ok {
			linked[module] = dir
		}
	}
	require.NotEmpty(t, linked)
	return linked
}

func TestNotedModules(t *testing.T) {
	noted := notedModules("Module License Source\nexample.com/a MIT https://example.com/a\nprose with https://example.com in it\n")
	assert.Equal(t, map[string]string{"example.com/a": "MIT"}, noted)
}
