package chatapitest_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/chatapitest"
)

// FuzzParseScript checks that no text makes the parser or the player panic, that each
// mistake names a place in the text, and that a conversation as it went can be played
// again.
func FuzzParseScript(f *testing.F) {
	f.Add(order)
	f.Add("Ann at DESK1 is US.1\nFriends is a group of Ann, Ben\nBot to Friends: …\n+1d12h\nPhone to Ann: \\n\\|\\\\ |\n- x\n: :\nAnn says in: a | b")
	for _, act := range chatapitest.Acts() {
		f.Add("Ann " + act.Name + ": 1 | 2 | 3")
		f.Add("Service " + act.Name + " to Ann: hello")
	}
	f.Fuzz(oneScript)
}

// oneScript parses and plays a text.
func oneScript(t *testing.T, text string) {
	script, err := chatapitest.ParseScript("", text)
	if err != nil {
		checkPlaces(t, text, err)
		return
	}
	if strings.Contains(text, "hang") || strings.Contains(text, "stall") {
		return // the bot of this test waits for ever
	}
	api, err := chatapitest.Start(chatapitest.Redeliver(1, 0))
	require.NoError(t, err)
	defer api.Close()
	api.Customer(ann)
	serve(api)
	script.Within = time.Nanosecond
	played, err := script.Play(api)
	if err != nil {
		checkPlaces(t, text, err)
	}
	again, err := chatapitest.ParseScript("", played)
	require.NoError(t, err, "%q was played as %q", text, played)
	assert.NotNil(t, again)
	_, err = chatapitest.ParseScript("", api.Transcript())
	require.NoError(t, err, "%q has the transcript %q", text, api.Transcript())
}

// checkPlaces checks that each mistake names a place in the text.
func checkPlaces(t *testing.T, text string, err error) {
	t.Helper()
	lines := strings.Split(text, "\n")
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	for _, each := range all {
		var mistake *chatapitest.ScriptError
		if !errors.As(each, &mistake) {
			continue
		}
		require.GreaterOrEqual(t, mistake.Line, 1)
		require.LessOrEqual(t, mistake.Line, len(lines))
		require.GreaterOrEqual(t, mistake.Column, 1)
		require.LessOrEqual(t, mistake.Column, len([]rune(lines[mistake.Line-1]))+1, "%v", mistake)
		assert.NotEmpty(t, mistake.Problem)
	}
}
