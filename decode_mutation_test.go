package chatapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// Every leaf of every body that the project holds says something that the events
// say too: changed alone, it changes them. The few leaves that are ignored on
// purpose stand in testdata/ignored.txt, with a reason. CHATAPI_CORPUS names a
// second folder of bodies.
func TestParseWebhookMutation(t *testing.T) {
	rules := ignoredLeaves(t)
	bodies, leaves := mutationBodies(t), 0
	for _, name := range bodies {
		body := readFile(t, name)
		before, lenient := bare(body)
		if lenient { // of two members of one name, only one can count
			continue
		}
		for _, l := range leavesOf(t, body) {
			if l.value == nil || l.value == "" { // the absence of a leaf
				continue
			}
			leaves++
			if l.matters(body, before) {
				continue
			}
			if rule := ruleFor(rules, l.path); assert.NotNil(t, rule, "%s: %s: no event changes with %s", name, l.path, body[l.start:l.end]) {
				rule.used = true
			}
		}
	}
	t.Logf("%d bodies, %d leaves", len(bodies), leaves)
	corpus := os.Getenv("CHATAPI_CORPUS") != ""
	for _, rule := range rules {
		assert.True(t, rule.used || rule.corpus && !corpus, "testdata/ignored.txt: nothing needs %q", rule.pattern)
	}
}

// mutationBodies returns the files of all webhook bodies.
func mutationBodies(t *testing.T) (files []string) {
	t.Helper()
	patterns := []string{"testdata/contract/webhook-*.json", "testdata/contract/raw/*.json", "testdata/webhooks/own/*.json"}
	if folder := os.Getenv("CHATAPI_CORPUS"); folder != "" {
		patterns = append(patterns, filepath.Join(folder, "raw-*.json"), filepath.Join(folder, "norm-*.json"), filepath.Join(folder, "onprem-*.json"))
	}
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		files = append(files, found...)
	}
	return files
}

// bare returns the events of a body without their bytes: neither Raw nor the
// unread form of contact cards.
func bare(body []byte) (events []chatapi.Event, lenient bool) {
	events, _ = chatapi.ParseWebhook(body)
	for _, e := range events {
		info := e.Info()
		lenient = lenient || info.Lenient
		info.Raw = nil
		switch e := e.(type) {
		case *chatapi.MessageEvent:
			e.Contacts = nil
		case *chatapi.EchoEvent:
			e.Contacts = nil
		case *chatapi.HistoryEvent:
			for i := range e.Threads {
				for j := range e.Threads[i].Messages {
					e.Threads[i].Messages[j].Contacts = nil
				}
			}
		}
	}
	return events, lenient
}

// ignoredLeaf is a line of testdata/ignored.txt.
type ignoredLeaf struct {
	pattern string
	corpus  bool // needed only by bodies that the project does not hold
	used    bool
}

// ignoredLeaves reads testdata/ignored.txt.
func ignoredLeaves(t *testing.T) (all []*ignoredLeaf) {
	t.Helper()
	for line := range strings.Lines(string(readFile(t, "testdata/ignored.txt"))) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		pattern, reason, _ := strings.Cut(line, "  ")
		require.NotEmpty(t, strings.TrimSpace(reason), "the line of %q has no reason", pattern)
		all = append(all, &ignoredLeaf{pattern: pattern, corpus: strings.HasPrefix(strings.TrimSpace(reason), "corpus:")})
	}
	return all
}

// ruleFor returns the line for a path; testdata/ignored.txt says what fits.
func ruleFor(rules []*ignoredLeaf, path string) *ignoredLeaf {
	for _, rule := range rules {
		pattern := rule.pattern
		end, anywhere := strings.CutPrefix(pattern, "*")
		begin, below := strings.CutSuffix(pattern, "*")
		if pattern == path || anywhere && strings.HasSuffix("."+path, end) || below && strings.HasPrefix(path, begin) {
			return rule
		}
	}
	return nil
}

// leaf is a scalar of a body: its path, with [] for every index, and its place.
type leaf struct {
	path       string
	start, end int
	value      json.Token
}

// matters reports whether the leaf, changed alone, changes the events. Some bodies
// hold a placeholder such as "<TIME>" instead of a value, so a readable number is
// tried too.
func (l leaf) matters(body []byte, before []chatapi.Event) bool {
	for _, value := range [...]string{l.other(), `"1790000077"`} {
		after, _ := bare(slices.Concat(body[:l.start], []byte(value), body[l.end:]))
		if !reflect.DeepEqual(before, after) {
			return true
		}
	}
	return false
}

// other returns another value of the leaf's kind.
func (l leaf) other() string {
	switch v := l.value.(type) {
	case bool:
		return fmt.Sprint(!v)
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return strconv.FormatInt(n+1, 10)
		}
		return v.String() + "1"
	case string:
		text := v + "x"
		switch {
		case v == "true" || v == "false":
			text = fmt.Sprint(v == "false")
		case v != "" && v[len(v)-1] >= '0' && v[len(v)-1] <= '9':
			text = v[:len(v)-1] + string('0'+(v[len(v)-1]-'0'+1)%10)
		}
		data, _ := json.Marshal(text)
		return string(data)
	}
	return `"x"`
}

// leavesOf returns the scalars of a body.
func leavesOf(t *testing.T, body []byte) (all []leaf) {
	t.Helper()
	type level struct {
		path  string
		array bool
		key   string
		named bool // the key was read, its value was not
	}
	var stack []level
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	for {
		before := int(decoder.InputOffset())
		token, err := decoder.Token()
		if err == io.EOF {
			return all
		}
		require.NoError(t, err)
		end := int(decoder.InputOffset())
		if token == json.Delim('}') || token == json.Delim(']') {
			stack = stack[:len(stack)-1]
			continue
		}
		path := ""
		if len(stack) > 0 {
			top := &stack[len(stack)-1]
			if !top.array && !top.named {
				top.key, top.named = token.(string), true
				continue
			}
			top.named = false
			if path = top.path + "[]"; !top.array {
				path = strings.TrimPrefix(top.path+"."+top.key, ".")
			}
		}
		if delim, ok := token.(json.Delim); ok {
			stack = append(stack, level{path: path, array: delim == '['})
			continue
		}
		skipped := bytes.TrimLeft(body[before:end], " \t\r\n:,")
		all = append(all, leaf{path, end - len(skipped), end, token})
	}
}
