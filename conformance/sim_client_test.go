package conformance_test

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/oapi-codegen/oapi-codegen/v2/pkg/codegen"
	_ "github.com/oapi-codegen/runtime" // the generated client imports it
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/chatapitest/phones"
)

// TestSimByGeneratedClient generates a client from the document of the fake, and does every
// act by it.
func TestSimByGeneratedClient(t *testing.T) {
	program := simProgram(t)
	simEveryAct(t, func(calls []simCall) (ids []string) {
		type request struct {
			URL, Method, Who string
			Args             json.RawMessage
		}
		var requests []request
		for _, c := range calls {
			method := ""
			for word := range strings.FieldsSeq(string(c.Act.Actor) + " " + c.Act.Name) {
				method += strings.ToUpper(word[:1]) + word[1:]
			}
			requests = append(requests, request{c.URL, method, simAnn, c.Args})
		}
		input, err := json.Marshal(requests)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal([]byte(runProgram(t, program, string(input), "acts")), &ids))
		return ids
	})
	server := httptest.NewServer(phones.Sim(simReady(t)))
	defer server.Close()
	runProgram(t, program, "", "talk", server.URL)
}

func runProgram(t *testing.T, program, input string, args ...string) (output string) {
	t.Helper()
	run := exec.CommandContext(t.Context(), program, args...)
	var problems bytes.Buffer
	run.Stdin, run.Stderr = strings.NewReader(input), &problems
	out, err := run.Output()
	require.NoError(t, err, "%s", problems.String())
	return string(out)
}

// simProgram generates the client, and builds the program of testdata/simclient with it.
func simProgram(t *testing.T) (path string) {
	t.Helper()
	code, err := codegen.Generate(simDocument(t), codegen.Configuration{PackageName: "main", Generate: codegen.GenerateOptions{Client: true, Models: true}})
	require.NoError(t, err)
	dir := t.TempDir()
	generated, overlay, program := filepath.Join(dir, "client.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "simclient")
	require.NoError(t, os.WriteFile(generated, []byte(code), 0o600))
	place, err := filepath.Abs(filepath.Join("testdata", "simclient", "client.gen.go"))
	require.NoError(t, err)
	replaced, err := json.Marshal(map[string]any{"Replace": map[string]string{place: generated}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(overlay, replaced, 0o600))
	build := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, "-o", program, "./testdata/simclient")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return program
}
