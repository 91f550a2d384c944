package conformance_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The Go blocks of the README, in order, are one program that runs on the fake.
// Comments of the form <!-- run: … --> do between two blocks what customers do. A
// block of output says what the program has printed since the block before.

// readmePart matches a block of code, a block of output, or a comment with code.
var readmePart = regexp.MustCompile("(?ms)^```(go|text)\n(.*?)^```$|^<!-- run: (.*?) -->$")

// readmeHead begins the program: a fake, whose network end every client gets, on
// the day of the README.
const readmeHead = `package readme_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

var _ = []any{errors.Is, fmt.Println, log.Fatal, http.Handle, time.Sleep, assert.Equal, synctest.Test, context.Background, chatapitest.New}

func newBot(sender chatapi.Sender) http.Handler {
	return chatapi.NewWebhookHandler(func(ctx context.Context, event chatapi.Event) error {
		if message, ok := event.(*chatapi.MessageEvent); ok {
			_, err := sender.Send(ctx, message.AnswerTo(), chatapi.Text{Body: "Hello " + message.From.Name})
			return err
		}
		return nil
	}, chatapi.WebhookSecret("s3cret"))
}
`

const readmeStart = `
func TestReadme(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, time.November, 16, 12, 0, 0, 0, time.UTC)))
		api := chatapitest.New(t, chatapitest.Channel("ABC100000001"))
		api.Template("order_ready", "en", "Hello {{1}}, your order {{2}} is ready.")
		http.DefaultTransport = api.Transport
		ctx, apiURL, token := t.Context(), api.URL, api.Token
`

// readmeNames are the names that the snippets use and do not declare.
const readmeNames = `ctx context.Context, apiURL, token string, client *chatapi.Client, to chatapi.Recipient, message chatapi.Template, ledger *chatapi.Ledger, now time.Time`

type readmeSnippet struct {
	code string
	test bool // a test function instead of statements
}

// readmeProgram returns the program, its snippets and the output of the README.
func readmeProgram(text string) (program string, snippets []readmeSnippet, output string) {
	var main, top strings.Builder
	for _, part := range readmePart.FindAllStringSubmatch(text, -1) {
		switch code := part[2]; {
		case part[3] != "":
			main.WriteString(part[3] + "\n")
		case part[1] == "text":
			output += code
		case strings.HasPrefix(code, "func "):
			top.WriteString(code)
			snippets = append(snippets, readmeSnippet{code, true})
		default:
			main.WriteString(code)
			snippets = append(snippets, readmeSnippet{code, false})
		}
	}
	return readmeHead + top.String() + readmeStart + main.String() + "\t})\n}\n", snippets, output
}

// TestFaultD4ReadmeIsOneProgram runs the README from top to bottom, and compares
// each line that it shows as output.
func TestFaultD4ReadmeIsOneProgram(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	program, snippets, output := readmeProgram(string(text))
	require.Greater(t, len(snippets), 8)

	printed := runReadme(t, program, "-run", "TestReadme|TestBot", "-v")
	rest := printed
	for line := range strings.Lines(output) {
		_, after, found := strings.Cut(rest, "\n"+line)
		require.True(t, found, "the README shows this line, which the program does not print in its place:\n%s\nThe program prints:\n%s", line, printed)
		rest = "\n" + after
	}
}

// TestFaultD4ReadmeSnippetsCompileAlone compiles each snippet by itself, with the
// few names that a snippet does not declare.
func TestFaultD4ReadmeSnippetsCompileAlone(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	_, snippets, _ := readmeProgram(string(text))
	var alone strings.Builder
	alone.WriteString(readmeHead)
	for i, snippet := range snippets {
		if snippet.test {
			alone.WriteString(snippet.code)
			continue
		}
		fmt.Fprintf(&alone, "func snippet%d(%s) {\n{\n%s}\n}\n\nvar _ = snippet%d\n", i, readmeNames, snippet.code, i)
	}
	runReadme(t, alone.String(), "-run", "^$")
}

func runReadme(t *testing.T, program string, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "readme_test.go")
	require.NoError(t, os.WriteFile(file, []byte(program), 0o600))
	run := exec.CommandContext(t.Context(), "go", append(append([]string{"test", "-count=1"}, args...), file)...)
	run.Dir = root
	out, err := run.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

func TestReadmeProgram(t *testing.T) {
	program, snippets, output := readmeProgram("Prose.\n\n```go\na()\n```\n\n<!-- run: b() -->\n\n```text\nA\n```\n\n```go\nfunc TestC() {}\n```\n\n```\nshell\n```\n")
	assert.Contains(t, program, "a()\nb()\n")
	assert.Contains(t, program, "func TestC() {}\n")
	assert.Equal(t, []readmeSnippet{{"a()\n", false}, {"func TestC() {}\n", true}}, snippets)
	assert.Equal(t, "A\n", output)
}
