package desk_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

// newTemplateDesk is a desk whose first channel is that of a fake.
func newTemplateDesk(t *testing.T) (*costDesk, *chatapitest.API) {
	t.Helper()
	api := chatapitest.New(t, chatapitest.ApproveAfter(-1))
	channels := chatapi.NewChannels()
	_, err := channels.Put(api.URL, api.Token, chatapi.WithHTTPClient(&http.Client{Transport: api.Transport}))
	require.NoError(t, err)
	return newCostDesk(t, "", channels), api
}

// orderForm is a template as an administrator writes it.
func orderForm() desk.TemplateForm {
	f := desk.NewTemplateForm()
	f.Channel, f.Name, f.Header, f.Body, f.Footer = 1, "order_ready", "Order {{1}}", "Hello {{1}}, order {{2}} is ready.\r\nBye!", "Sample Shop"
	f.Examples = "#42\n Pat \n\n#42"
	f.Buttons[0] = desk.TemplateButtonForm{Type: "QUICK_REPLY", Text: "Thanks"}
	f.Buttons[1] = desk.TemplateButtonForm{Type: "URL", Text: "Track", Value: "https://shop.test/{{1}}", Example: "https://shop.test/42"}
	f.Buttons[2] = desk.TemplateButtonForm{Type: "PHONE_NUMBER", Text: "Call", Value: "+1 202 555 0100"}
	return f
}

// template returns the only template that the administrator sees.
func (c *costDesk) template() desk.TemplateRow {
	c.t.Helper()
	all, err := c.admin.Templates(c.t.Context(), 0)
	require.NoError(c.t, err)
	require.Len(c.t, all, 1)
	return all[0]
}

func (c *costDesk) read() {
	c.t.Helper()
	require.NoError(c.t, c.admin.ReadTemplates(c.t.Context(), 1))
}

func (c *costDesk) usable(v *desk.View) (names []string) {
	c.t.Helper()
	all, err := v.UsableTemplates(c.t.Context(), 1)
	require.NoError(c.t, err)
	for _, one := range all {
		names = append(names, one.Name)
	}
	return names
}

func TestTemplateLife(t *testing.T) {
	c, api := newTemplateDesk(t)
	require.NoError(t, c.admin.CreateTemplate(t.Context(), orderForm()))
	one := c.template()
	assert.True(t, one.Waits())
	assert.Equal(t, desk.Name{ID: 1, Name: "Sales, Boston"}, one.Channel)
	assert.Empty(t, c.usable(c.admin))

	api.Approve("order_ready", "en")
	c.read()
	assert.Equal(t, chatapi.TemplateApproved, c.template().Status)
	assert.Empty(t, c.template().Advice)
	assert.Equal(t, []string{"order_ready"}, c.usable(c.admin))
	assert.Len(t, c.template().Info.Components, 4)
	last, err := c.desk.LastChange(t.Context())
	require.NoError(t, err)
	c.read()
	again, err := c.desk.LastChange(t.Context())
	require.NoError(t, err)
	assert.Equal(t, last, again, "a look that finds nothing new wakes no page")

	api.Pause("order_ready", "en")
	c.read()
	assert.Equal(t, chatapi.TemplatePaused, c.template().Status)
	assert.Equal(t, "WhatsApp paused it because of its quality. It lets it go on by itself.", c.template().Advice)
	api.Reject("order_ready", "en", "INVALID_FORMAT")
	c.read()
	assert.Equal(t, "INVALID_FORMAT", c.template().Reason)
	assert.Contains(t, c.template().Advice, "The variables or the form are wrong.")
	assert.Empty(t, c.usable(c.admin))

	client, _ := c.desk.Channels.Client(sales)
	require.NoError(t, client.Templates.Delete(t.Context(), "order_ready"))
	c.read()
	all, err := c.admin.Templates(t.Context(), 0)
	require.NoError(t, err)
	assert.Empty(t, all)
}

func TestTemplateIsApprovedByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, api := newTemplateDesk(t)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- c.desk.FollowTemplates(ctx) }()
		require.NoError(t, c.admin.CreateTemplate(t.Context(), orderForm()))
		time.Sleep(10 * time.Minute)
		reads := len(api.Calls().Of("templates"))
		assert.Greater(t, reads, 5)
		assert.Less(t, reads, 40, "the pauses grow")
		assert.True(t, c.template().Waits())
		api.Approve("order_ready", "en")
		time.Sleep(time.Minute + 2*time.Second)
		assert.Equal(t, chatapi.TemplateApproved, c.template().Status)
		cancel()
		require.NoError(t, <-ended)
	})
}

func TestTemplateEvents(t *testing.T) {
	c, api := newTemplateDesk(t)
	api.Template("visit", "en", "Hello {{1}}")
	c.read()
	id := c.template().Info.ID
	apply := func(e chatapi.TemplateEvent) desk.TemplateRow {
		t.Helper()
		e.Channel = sales
		require.NoError(t, c.desk.DB.Update(t.Context(), func(ctx context.Context, tx durable.Tx) error { return desk.ApplyTemplate(c.desk, ctx, tx, &e) }))
		return c.template()
	}
	one := apply(chatapi.TemplateEvent{Kind: "status", Name: "visit", Language: "en", Status: chatapi.TemplatePaused, Reason: "FIRST_PAUSE"})
	assert.Equal(t, chatapi.TemplatePaused, one.Status)
	assert.Contains(t, one.Advice, "again after 3 hours")
	c.read()
	assert.Equal(t, chatapi.TemplateApproved, c.template().Status, "the list is newer")
	one = apply(chatapi.TemplateEvent{Kind: "status", ID: id, Status: chatapi.TemplateRejected, Reason: "SCAM", Detail: "It asks for money.", Advice: "Do not."})
	assert.Equal(t, "It asks for money. Do not.", one.Advice, "WhatsApp's words come first")
	one = apply(chatapi.TemplateEvent{Kind: "status", Name: "visit", Status: chatapi.TemplateReinstated})
	assert.True(t, one.Usable())
	one = apply(chatapi.TemplateEvent{Kind: "quality", Name: "visit", Language: "en", Quality: "YELLOW"})
	assert.Equal(t, "YELLOW", one.Quality)
	one = apply(chatapi.TemplateEvent{Kind: "category", Name: "visit", Language: "en", Category: "MARKETING", Effective: now.Add(time.Hour)})
	assert.Equal(t, "UTILITY", one.Category, "not yet")
	one = apply(chatapi.TemplateEvent{Kind: "category", Name: "visit", Language: "en", Category: "MARKETING"})
	assert.Equal(t, "MARKETING", one.Category)
	one = apply(chatapi.TemplateEvent{Kind: "status", Name: "visit", Language: "pt_BR", Status: chatapi.TemplateDisabled})
	assert.True(t, one.Usable(), "another language's")
}

func TestTemplatesOfOtherDepartments(t *testing.T) {
	c, api := newTemplateDesk(t)
	api.Template("visit", "en", "Hello {{1}}")
	c.read()
	all, err := c.agent.Templates(t.Context(), 0)
	require.NoError(t, err)
	assert.Empty(t, all)
	assert.Empty(t, c.usable(c.agent))
	require.ErrorIs(t, c.agent.CreateTemplate(t.Context(), orderForm()), desk.ErrAdmin)
	require.ErrorIs(t, c.agent.ReadTemplates(t.Context(), 1), desk.ErrAdmin)
	_, err = c.agent.CopyTemplate(t.Context(), 1, "visit", "en")
	require.ErrorIs(t, err, desk.ErrNotFound)
	c.write("INSERT INTO desk_chat (id, channel, answer) VALUES (7, 1, 'phone:12025550143')")
	c.write("INSERT INTO desk_request (id, chat, channel, department, state, opened, last) VALUES (7, 7, 1, 2, 'new', 1, 1)")
	assert.Equal(t, []string{"visit"}, c.usable(c.agent), "a request of the channel was moved to the agent's department")
}

func TestTemplateForms(t *testing.T) {
	c, _ := newTemplateDesk(t)
	f := orderForm()
	p := f.Preview()
	assert.Equal(t, "Order #42", p.Header)
	assert.Equal(t, "Hello Pat, order #42 is ready.\nBye!", p.Body)
	assert.Len(t, p.Buttons, 3)
	f.Examples = "#42\nPat"
	assert.Equal(t, "Hello Pat, order {{2}} is ready.\nBye!", f.Preview().Body)
	for name, one := range map[string]struct {
		change          func(*desk.TemplateForm)
		field, sentence string
	}{
		"no channel":   {func(f *desk.TemplateForm) { f.Channel = 0 }, "channel", "Choose the channel"},
		"name":         {func(f *desk.TemplateForm) { f.Name = "Order Ready" }, "name", "The name "},
		"no text":      {func(f *desk.TemplateForm) { f.Body = "" }, "body", "The text is empty"},
		"examples":     {func(f *desk.TemplateForm) { f.Examples = "#42\nPat" }, "examples", "The list of examples has 1 value for 2 variables"},
		"footer":       {func(f *desk.TemplateForm) { f.Footer = "{{1}}" }, "footer", "The footer has a variable"},
		"button":       {func(f *desk.TemplateForm) { f.Buttons[1].Value = "nowhere" }, "buttons", "A button has an address that"},
		"phone button": {func(f *desk.TemplateForm) { f.Buttons[2].Value = "12" }, "buttons", "A button has a number that"},
	} {
		t.Run(name, func(t *testing.T) {
			f := orderForm()
			one.change(&f)
			refused := (*desk.Refused)(nil)
			require.ErrorAs(t, c.admin.CreateTemplate(t.Context(), f), &refused)
			assert.Equal(t, one.field, refused.Field)
			assert.Contains(t, refused.Sentence, one.sentence)
		})
	}
	require.NoError(t, c.admin.CreateTemplate(t.Context(), orderForm()))
	refused := (*desk.Refused)(nil)
	require.ErrorAs(t, c.admin.CreateTemplate(t.Context(), orderForm()), &refused)
	assert.Contains(t, refused.Sentence, "If it exists already, choose another name.")
	f, err := c.admin.CopyTemplate(t.Context(), 1, "order_ready", "en")
	require.NoError(t, err)
	want := orderForm()
	want.Name, want.Examples, want.Body = "order_ready_2", "#42\nPat\n#42", "Hello {{1}}, order {{2}} is ready.\nBye!"
	assert.Equal(t, want, f)
}
