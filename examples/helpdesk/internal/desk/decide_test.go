package desk_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

// unknown is a message whose answer was lost. It came to Pat if arrives is set.
func (c *counter) unknown(arrives bool) (message int64) {
	c.T.Helper()
	c.api.SetQuirk(chatapitest.NoEchoes, true)
	c.api.SetSetting("ackNotificationsOn", false)
	c.api.Fail(chatapitest.Fault{Operation: "sendMessage", Drop: true, Accepted: arrives})
	message, err := c.view(c.max).Send(c.T.Context(), c.composition("Did it arrive?"))
	require.NoError(c.T, err)
	time.Sleep(time.Second)
	require.Equal(c.T, "unknown", c.status(message))
	return message
}

// refuse lets the service refuse the next message for good.
func (c *counter) refuse() {
	c.api.Fail(chatapitest.Fault{Operation: "sendMessage", Status: 200, Body: `{"sent":false,"error":{"code":131026,"message":"Receiver is incapable of receiving this message"}}`})
}

func TestUnknownOutcomes(t *testing.T) {
	for name, test := range map[string]struct {
		arrives bool
		act     func(ctx context.Context, v *desk.View, message int64) error
		status  string
		got     int
	}{
		"the history has it": {true, func(ctx context.Context, v *desk.View, message int64) error {
			sentence, err := v.Resolve(ctx, message)
			if err == nil && sentence != "The channel's history has the message: it was sent." {
				err = &desk.Refused{Sentence: sentence}
			}
			return err
		}, "sent", 1},
		"a person saw it": {true, func(ctx context.Context, v *desk.View, message int64) error {
			return v.Settle(ctx, message, desk.Arrived)
		}, "sent", 1},
		"it is lost": {false, func(ctx context.Context, v *desk.View, message int64) error { return v.Settle(ctx, message, desk.Lost) }, "failed", 0},
		"it is lost, so once again": {false, func(ctx context.Context, v *desk.View, message int64) error {
			return v.Settle(ctx, message, desk.Again)
		}, "sent", 1},
	} {
		t.Run(name, func(t *testing.T) {
			atCounter(t, func(t *testing.T, c *counter) {
				message := c.unknown(test.arrives)
				n, err := c.Undecided(t.Context())
				require.NoError(t, err)
				assert.Equal(t, 1, n)
				d, err := c.view(c.boss).Decide(t.Context())
				require.NoError(t, err)
				require.Len(t, d.Messages, 1)
				assert.Equal(t, message, d.Messages[0].ID)
				assert.Equal(t, "Pat", d.Messages[0].Person)

				require.ErrorIs(t, c.view(c.eve).Settle(t.Context(), message, desk.Lost), desk.ErrNotFound)
				refused(t, c.view(c.max).Settle(t.Context(), message, "perhaps"))
				require.NoError(t, test.act(t.Context(), c.view(c.max), message))
				assert.Len(t, c.got(), test.got)
				assert.Equal(t, test.status, c.status(message))
				refused(t, c.view(c.ann).Settle(t.Context(), message, desk.Again))
				assert.Len(t, c.got(), test.got, "two people who settle it send it once")
				n, err = c.Undecided(t.Context())
				require.NoError(t, err)
				assert.Zero(t, n)
				assert.EqualValues(t, 1, c.number("SELECT count(*) FROM desk_audit WHERE act LIKE '%message' AND agent = $1", c.max))
			})
		})
	}
}

func TestRetryIsANewMessage(t *testing.T) {
	atCounter(t, func(t *testing.T, c *counter) {
		v := c.view(c.max)
		c.refuse()
		first, err := v.Send(t.Context(), c.composition("Hello"))
		require.NoError(t, err)
		_ = c.got()
		require.Equal(t, "failed", c.status(first))
		m, err := v.Message(t.Context(), first)
		require.NoError(t, err)
		assert.NotEmpty(t, m.Sentence)

		again, err := v.Retry(t.Context(), first)
		require.NoError(t, err)
		twice, err := c.view(c.ann).Retry(t.Context(), first)
		require.NoError(t, err)
		assert.Equal(t, again, twice, "two people who try again send once")
		assert.Equal(t, []string{"Hello"}, c.got())
		m, err = v.Message(t.Context(), first)
		require.NoError(t, err)
		assert.Equal(t, again, m.Again)
		assert.EqualValues(t, "failed", m.Status, "the old one stays")
		_, err = v.Retry(t.Context(), again)
		refused(t, err)
		_, err = c.view(c.eve).Retry(t.Context(), first)
		require.ErrorIs(t, err, desk.ErrNotFound)
	})
}

func TestEditAndSend(t *testing.T) {
	atCounter(t, func(t *testing.T, c *counter) {
		v := c.view(c.max)
		c.refuse()
		first, err := v.Send(t.Context(), c.composition("Helo"))
		require.NoError(t, err)
		_ = c.got()
		changed := c.composition("Hello")
		changed.Replaces = first
		again, err := v.Send(t.Context(), changed)
		require.NoError(t, err)
		m, err := v.Message(t.Context(), first)
		require.NoError(t, err)
		assert.Equal(t, again, m.Again)
		changed = c.composition("Hello once more")
		changed.Replaces, changed.Anyway = first, true
		_, err = v.Send(t.Context(), changed)
		refused(t, err)
		assert.Equal(t, []string{"Hello"}, c.got())
	})
}

func TestCancel(t *testing.T) {
	atCounter(t, func(t *testing.T, c *counter) {
		v := c.view(c.max)
		require.NoError(t, c.Durable.Outbox.StopSending(t.Context(), "Sending is stopped for a test."))
		message, err := v.Send(t.Context(), c.composition("Hello"))
		require.NoError(t, err)
		m, err := v.Message(t.Context(), message)
		require.NoError(t, err)
		assert.EqualValues(t, "queued", m.Status)
		assert.Equal(t, "All sending is stopped: Sending is stopped for a test.", m.Sentence)
		require.ErrorIs(t, c.view(c.eve).Cancel(t.Context(), message), desk.ErrNotFound)
		require.NoError(t, v.Cancel(t.Context(), message))
		refused(t, v.Cancel(t.Context(), message))
		require.NoError(t, c.Durable.Outbox.StartSending(t.Context()))
		assert.Empty(t, c.got())
		assert.Equal(t, "canceled", c.status(message))
	})
}

func TestLetters(t *testing.T) {
	o := newOffice(t)
	for _, err := range []error{
		o.view(o.max).Replay(t.Context(), 1), o.view(o.max).Discard(t.Context(), 1),
		func() error { _, err := o.view(o.max).Decide(t.Context()); return err }(),
	} {
		require.ErrorIs(t, err, desk.ErrAdmin)
	}
	refused(t, o.view(o.boss).Replay(t.Context(), 1))
	refused(t, o.view(o.boss).Discard(t.Context(), 1))
}

func TestComposerStates(t *testing.T) {
	for name, test := range map[string]struct {
		change func(c *counter)
		state  desk.ComposerState
		left   time.Duration
	}{
		"open":            {func(*counter) {}, desk.ComposerOpen, 24 * time.Hour},
		"closing":         {func(c *counter) { c.now = c.now.Add(23 * time.Hour) }, desk.ComposerClosing, time.Hour},
		"closed":          {func(c *counter) { c.now = c.now.Add(24 * time.Hour) }, desk.ComposerClosed, 0},
		"never":           {func(c *counter) { c.exec("UPDATE desk_chat SET closes = 0") }, desk.ComposerNever, 0},
		"paused":          {func(c *counter) { c.exec("UPDATE desk_channel SET state = 'paused'") }, desk.ComposerNone, 24 * time.Hour},
		"not connected":   {func(c *counter) { c.channels.Remove("ABC100000001") }, desk.ComposerNone, 24 * time.Hour},
		"needs new token": {func(c *counter) { c.api.ExpireToken(); _, _ = c.client.Channel.GetStatus(c.T.Context()) }, desk.ComposerNone, 24 * time.Hour},
		"blocked person":  {func(c *counter) { c.exec("UPDATE desk_contact SET blocked = 1") }, desk.ComposerNone, 24 * time.Hour},
		"erased person":   {func(c *counter) { c.exec("UPDATE desk_chat SET answer = ''") }, desk.ComposerNone, 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			atCounter(t, func(t *testing.T, c *counter) {
				test.change(c)
				composer, err := c.view(c.max).Composer(t.Context(), c.request)
				require.NoError(t, err)
				assert.Equal(t, test.state, composer.State)
				assert.Equal(t, test.left, composer.Left)
				writes := composer.State == desk.ComposerOpen || composer.State == desk.ComposerClosing
				assert.Equal(t, writes, composer.Why == "", composer.Why)
				assert.Equal(t, composer.State == desk.ComposerClosing, composer.Ask)
				assert.Equal(t, c.asked, composer.LastSeen)
				if composer.State != desk.ComposerNone {
					require.Len(t, composer.Templates, 1)
					assert.Equal(t, []string{"{{1}}", "{{2}}"}, []string{composer.Templates[0].Values[0].Label, composer.Templates[0].Values[1].Label})
				}
				other, err := c.view(c.max).Composer(t.Context(), c.request)
				require.NoError(t, err)
				assert.NotEqual(t, composer.Key, other.Key)
				_, err = c.view(c.eve).Composer(t.Context(), c.request)
				require.ErrorIs(t, err, desk.ErrNotFound)
			})
		})
	}
}

func TestMarketingIsNotOfferedToWhoWantsNone(t *testing.T) {
	atCounter(t, func(t *testing.T, c *counter) {
		c.exec(`UPDATE desk_template SET category = 'MARKETING', body = replace(body, 'UTILITY', 'MARKETING')`)
		require.NoError(t, c.Durable.State.OptOut(t.Context(), "ABC100000001", chatapi.Phone("12025550143"), true))
		composer, err := c.view(c.max).Composer(t.Context(), c.request)
		require.NoError(t, err)
		assert.True(t, composer.OptedOut)
		assert.Empty(t, composer.Templates)
		what := c.composition("")
		what.Template = &desk.TemplateChoice{Name: "order_ready", Language: "en", Values: []string{"a", "b"}}
		_, err = c.view(c.max).Send(t.Context(), what)
		assert.Equal(t, "template", refused(t, err).Field)
	})
}

func TestTyping(t *testing.T) {
	atCounter(t, func(t *testing.T, c *counter) {
		shown := func() int { return len(c.api.Calls().Of("readMessage")) }
		v := c.view(c.max)
		for range 3 {
			require.NoError(t, v.Typing(t.Context(), c.request))
		}
		assert.Equal(t, 1, shown())
		time.Sleep(20 * time.Second)
		require.NoError(t, v.Typing(t.Context(), c.request))
		assert.Equal(t, 2, shown())
		for name, query := range map[string]string{
			"the switch is off": "UPDATE desk_channel SET marks_read = 0", "another agent has it": "UPDATE desk_request SET assignee = 99", "closed": "UPDATE desk_chat SET closes = 1"} {
			time.Sleep(time.Minute)
			c.exec(query)
			require.NoError(t, v.Typing(t.Context(), c.request))
			assert.Equal(t, 2, shown(), name)
			c.exec("UPDATE desk_channel SET marks_read = 1")
			c.exec("UPDATE desk_request SET assignee = 0")
		}
		require.ErrorIs(t, c.view(c.eve).Typing(t.Context(), c.request), desk.ErrNotFound)
	})
}

func TestNewChat(t *testing.T) {
	atCounter(t, func(t *testing.T, c *counter) {
		v := c.view(c.max)
		start, err := v.ToStart(t.Context(), 0)
		require.NoError(t, err)
		assert.Equal(t, c.channel, start.Channel)
		require.Len(t, start.Templates, 1)
		ben := c.api.Customer("12025550144")
		choice := desk.TemplateChoice{Name: "order_ready", Language: "en", Values: []string{"Ben", "#43"}}
		for _, wrong := range []string{"", "0202 555 0144", "Ben"} {
			_, err = v.StartChat(t.Context(), c.channel, wrong, choice, start.Key)
			assert.Equal(t, "phone", refused(t, err).Field, wrong)
		}
		request, err := v.StartChat(t.Context(), c.channel, "+1 202 555 0144", choice, start.Key)
		require.NoError(t, err)
		again, err := v.StartChat(t.Context(), c.channel, "+1 202 555 0144", choice, start.Key)
		require.NoError(t, err)
		assert.Equal(t, request, again)
		_, err = v.StartChat(t.Context(), c.channel, "+1 202 555 0145", choice, start.Key)
		require.ErrorIs(t, err, desk.ErrSentBefore, "to another number")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		require.Len(t, ben.Received(), 1)
		assert.Equal(t, "Hello Ben, order #43 is ready.", ben.LastReceived().Text)
		r, err := v.Request(t.Context(), request)
		require.NoError(t, err)
		assert.Equal(t, c.max, r.Assignee.ID)
		assert.Equal(t, desk.StateWaiting, r.State)
		composer, err := v.Composer(t.Context(), request)
		require.NoError(t, err)
		assert.Equal(t, desk.ComposerNever, composer.State)

		pat, err := v.StartChat(t.Context(), c.channel, "12025550143", choice, "key-of-the-chat-with-pat")
		require.NoError(t, err)
		assert.Equal(t, c.request, pat, "the open request of the person")
		_, err = c.view(c.eve).StartChat(t.Context(), c.channel, "12025550144", choice, "key-of-another-department")
		require.ErrorIs(t, err, desk.ErrNotFound)
	})
}
