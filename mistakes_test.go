package chatapi_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// testdata/mistakes.txt holds usual mistakes as a user types them, and what the SDK
// says: read it as a user, and mend a text where it does not lead on. The calls are
// the arguments of try and fails in the files mistakes_*_test.go, word for word.
// Rewrite the file with -update.

// mistakes collects the errors of wrong calls.
type mistakes struct {
	t      *testing.T
	client *chatapi.Client // of the channel ABC100000001
	out    bytes.Buffer
	seen   map[string]bool
	calls  map[string]map[int]string // by file and line

	// status and body are the answer of the service to the next calls. A status of
	// 0 means that the calls must not reach the service.
	status int
	body   string
}

func TestMistakes(t *testing.T) {
	m := &mistakes{t: t, seen: map[string]bool{}, calls: map[string]map[int]string{}}
	m.client = m.connect()
	for _, part := range []struct {
		title string
		make  func(*mistakes)
	}{
		{"Connecting", connectMistakes}, {"Options", optionMistakes}, {"Recipients", recipientMistakes},
		{"Recipients in a text", parseMistakes},
		{"Texts and files", fileMistakes}, {"Places, cards and reactions", placeMistakes}, {"Buttons and lists", buttonMistakes},
		{"Forms and shops", shopMistakes}, {"Templates", templateMistakes}, {"Values of templates", valueMistakes},
		{"Comparing with an approved template", checkMistakes}, {"Submitting templates", draftMistakes},
		{"Prepared messages and attempts", preparedMistakes},
		{"Webhooks", webhookMistakes}, {"The rest of the service", serviceMistakes},
		{"What the service refuses", refusalMistakes}, {"Templates that the service refuses", templateRefusalMistakes},
		{"Things that the service does not have", missingMistakes}, {"Activities, rates and bills", billingMistakes}, {"Quotes, forecasts and snapshots", quoteMistakes},
	} {
		fmt.Fprintf(&m.out, "## %s\n\n", part.title)
		part.make(m)
		m.status, m.body = 0, ""
	}
	assert.GreaterOrEqual(t, len(m.seen), 160)
	const golden = "testdata/mistakes.txt"
	if *update {
		require.NoError(t, os.WriteFile(golden, m.out.Bytes(), 0o644))
	}
	assert.Equal(t, string(readFile(t, golden)), m.out.String())
}

// connect returns a client whose service gives the answer of m.
func (m *mistakes) connect() *chatapi.Client {
	client, err := chatapi.New("https://api.1msg.io/ABC100000001", opaqueToken, once, networkEnd(func(r *http.Request) (*http.Response, error) {
		if m.status == 0 {
			m.t.Errorf("%s %s reached the service", r.Method, r.URL.Path)
		}
		return reply(m.status, m.body), nil
	}))
	require.NoError(m.t, err)
	return client
}

// answers sets the answer of the service to the next calls.
func (m *mistakes) answers(status int, body string) { m.status, m.body = status, body }

// try notes the error of a call with a result.
func (m *mistakes) try(_ any, err error) { m.note(err) }

// fails notes the error of a call without another result.
func (m *mistakes) fails(err error) { m.note(err) }

func (m *mistakes) note(err error) {
	m.t.Helper()
	_, file, line, _ := runtime.Caller(2)
	call := m.call(file, line)
	what := call
	if m.status != 0 {
		what = fmt.Sprintf("%s\n    while the service answers %d %s", call, m.status, m.body)
	}
	e := &chatapi.Error{}
	if !assert.ErrorAs(m.t, err, &e, what) {
		return
	}
	assert.False(m.t, m.seen[what], "%s is there twice", what)
	m.seen[what] = true
	leadsOn(m.t, e, what)
	fmt.Fprintf(&m.out, "%s\n    kind      %s\n", what, string(e.Kind))
	if e.Field != "" {
		fmt.Fprintf(&m.out, "    field     %s\n", e.Field)
	}
	fmt.Fprintf(&m.out, "    error     %s\n    operator  %s\n\n", e.Error(), e.Sentence)
}

// goName finds the names of Go declarations, and places such as Buttons[0].
var goName = regexp.MustCompile(`[a-z][A-Z]|[A-Za-z]\[\d|[A-Za-z]\.[A-Z]`)

// leadsOn checks what every error of a usual mistake has: a place or a reason beyond
// its kind, the thing to do, and a sentence for an operator, who does not read Go.
func leadsOn(t *testing.T, e *chatapi.Error, what string) {
	t.Helper()
	assert.NotEmpty(t, e.Op, what)
	assert.NotEmpty(t, e.Advice, "%s does not say what to do: %v", what, e)
	assert.NotRegexp(t, `(?i)\binvalid\b(?: request)?(?: \(|$)`, e.Error(), what)
	assert.NotRegexp(t, `\bis none\b|is no [a-z]`, e.Error(), what)
	if e.Field == "" {
		assert.NotEmpty(t, e.Reason, what)
	}
	assert.Regexp(t, `^[A-Z0-9a-z].*[.?!]$`, e.Sentence, what)
	assert.NotContains(t, e.Sentence, "; ", what)
	own := regexp.MustCompile(`"(?:[^"\\]|\\.)*"`).ReplaceAllString(e.Sentence, "") // the user's words
	own = strings.NewReplacer("WhatsApp", "", "MiB", "", "https://", "", "ABC100000001", "").Replace(own)
	assert.NotRegexp(t, goName, own, "%s: an operator does not read Go: %s", what, e.Sentence)
}

// call returns the source of the argument of try or fails on a line.
func (m *mistakes) call(file string, line int) string {
	m.t.Helper()
	if m.calls[file] == nil {
		m.calls[file] = callsOf(m.t, file)
	}
	call := m.calls[file][line]
	require.NotEmpty(m.t, call, "%s:%d", file, line)
	return call
}

func callsOf(t *testing.T, file string) map[int]string {
	source := readFile(t, filepath.Base(file))
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, file, source, 0)
	require.NoError(t, err)
	calls := map[int]string{}
	ast.Inspect(parsed, func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		if !ok || len(call.Args) != 1 {
			return true
		}
		if name, ok := call.Fun.(*ast.SelectorExpr); ok && (name.Sel.Name == "try" || name.Sel.Name == "fails") {
			from, to := files.Position(call.Args[0].Pos()), files.Position(call.Args[0].End())
			calls[from.Line] = strings.Join(strings.Fields(string(source[from.Offset:to.Offset])), " ")
		}
		return true
	})
	return calls
}

// first returns the first error of a loop.
func first[T any](all iter.Seq2[T, error]) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

// blank is a reader without content.
func blank() io.Reader { return strings.NewReader("") }
