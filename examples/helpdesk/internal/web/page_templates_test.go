package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

// order is the form of a template, as a browser sends it.
func order(changes ...string) []string {
	return append(changes, "channel", "1", "name", "order_ready", "language", "en", "category", "UTILITY", "header", "", "body", "Hello {{1}}, it is ready.",
		"examples", "Pat", "footer", "", "button-text-1", "Track", "button-type-1", "URL", "button-value-1", "https://shop.test/1")
}

func TestTemplatePages(t *testing.T) {
	p := newCostPages(t, "")
	assert.Contains(t, shown(t, p.admin.get("/templates")), "No template yet.")
	assert.Contains(t, shown(t, p.admin.get("/templates/new?channel=1")), "Your text appears here.")

	answer := p.admin.post("/templates", order()...)
	require.Equal(t, http.StatusSeeOther, answer.Code, answer.Body.String())
	page := shown(t, p.admin.get(answer.Header().Get("Location")))
	assert.Contains(t, page, "waiting for Facebook")
	assert.Contains(t, page, `<div id="templates" data-live="template">`)
	assert.Contains(t, page, `<tr id="template-`)

	p.api.Reject("order_ready", "en", "PROMOTIONAL")
	assert.Equal(t, http.StatusSeeOther, p.admin.post("/templates/read", "channel", "1").Code)
	page = shown(t, p.admin.get("/templates"))
	assert.Contains(t, page, "PROMOTIONAL")
	assert.Contains(t, page, "WhatsApp takes the text for advertising.")
	copied := "/templates/new?channel=1&copy=order_ready&language=en"
	assert.Contains(t, page, strings.ReplaceAll(copied, "&", "&amp;"))
	page = shown(t, p.admin.get(copied))
	assert.Contains(t, page, `value="order_ready_2"`)
	assert.Contains(t, page, "Hello Pat, it is ready.")
}

func TestTemplateThatIsRefused(t *testing.T) {
	p := newCostPages(t, "")
	answer := p.admin.post("/templates", order("examples", hostile)...) // the first value of a name counts
	require.Equal(t, http.StatusSeeOther, answer.Code, "a hostile example is a text")
	answer = p.admin.post("/templates", order("name", hostile, "body", hostile)...)
	require.Equal(t, http.StatusUnprocessableEntity, answer.Code)
	answer.Code = http.StatusOK
	page := shown(t, answer)
	assert.Contains(t, page, `aria-invalid="true" aria-describedby="refusal-name" autofocus`)
	assert.Equal(t, 1, strings.Count(page, "aria-invalid"))
	assert.Contains(t, page, "&lt;script&gt;alert(1)&lt;/script&gt;", "what was typed stays")
	assert.Contains(t, shown(t, p.admin.get("/templates")), "&lt;script&gt;", "the name of the channel")
}

func TestTemplatePreview(t *testing.T) {
	p := newCostPages(t, "")
	answer := p.admin.post("/templates/preview", order("body", hostile+" {{1}}")...)
	assert.Contains(t, shown(t, answer), "<h1>New template</h1>", "without script the whole page comes")
	p.admin.header.Set("X-Fragment", "1")
	answer = p.admin.post("/templates/preview", order("header", "For {{1}}", "body", "Hello {{1}}{{2}}"+hostile)...)
	part := answer.Body.String()
	assert.True(t, strings.HasPrefix(part, `<aside id="template-preview"`), part)
	assert.NotContains(t, part, "<script>")
	assert.Contains(t, part, "1 of 4 have an example.")
	assert.Empty(t, p.api.Calls().Of("addTemplate"), "a preview asks nobody")
}

func TestTemplatesOfOtherDepartments(t *testing.T) {
	p := newCostPages(t, "")
	require.Equal(t, http.StatusSeeOther, p.admin.post("/templates", order()...).Code)
	page := shown(t, p.agent.get("/templates?channel=1"))
	assert.NotContains(t, page, "order_ready")
	assert.Contains(t, page, "There is no channel that you can see yet.")
	for _, path := range []string{"/templates", "/templates/preview", "/templates/read"} {
		assert.Equal(t, http.StatusForbidden, p.agent.post(path, order()...).Code, path)
	}
	assert.Equal(t, http.StatusForbidden, p.agent.get("/templates/new?channel=1&copy=order_ready&language=en").Code)
	assert.Equal(t, http.StatusNotFound, p.admin.get("/templates/new?channel=2&copy=order_ready&language=en").Code)
	v, err := p.server.Desk.For(t.Context(), 2)
	require.NoError(t, err)
	require.ErrorIs(t, v.ReadTemplates(t.Context(), 1), desk.ErrAdmin)
}
