package phones

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

// This file saves what happened, as a script, a test or a state.

// serveSave serves a file to keep.
func (h *Handler) serveSave(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	kind, text := "text/plain; charset=utf-8", ""
	switch name {
	case "conversation.chat":
		text = h.api.Transcript()
	case "conversation_test.go":
		text = testOf(h.api.Transcript())
	case "state.json":
		state, err := h.api.State()
		if err != nil {
			h.refuse(w, r, err)
			return
		}
		kind, text = "application/json", string(state)
	default:
		http.Error(w, "There is nothing to save under this name.", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
	_, _ = io.WriteString(w, text)
}

// testOf writes a conversation as a test in Go.
func testOf(conversation string) string {
	var lines strings.Builder
	for line := range strings.SplitSeq(strings.TrimSuffix(conversation, "\n"), "\n") {
		lines.WriteString("\t\t\t" + line + "\n")
	}
	script := "`\n" + strings.ReplaceAll(lines.String(), "`", "` + \"`\" + `") + "\t\t`"
	return `package bot_test

import (
	"testing"
	"testing/synctest"

	"github.com/chatapi-go/chatapi/chatapitest"
)

func TestConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t)
		api.Webhook("https://bot.test/hooks", newHandler(api.Client())) // write newHandler: it returns your bot
		api.Script(t, ` + script + `)
	})
}
`
}

// Conversation is the end of the conversation, as a script.
func (v *view) Conversation() string {
	text := strings.TrimRight(v.h.api.Transcript(), "\n")
	lines := strings.Split(text, "\n")
	const most = 40
	if len(lines) > most {
		return fmt.Sprintf("# %d lines before\n", len(lines)-most) + strings.Join(lines[len(lines)-most:], "\n")
	}
	return text
}
