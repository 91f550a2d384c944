package desk_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/seal"
)

func TestHealthOfAChannel(t *testing.T) {
	for name, tc := range map[string]struct {
		happens func(c *cabinet)
		state   chatapi.HealthState
		says    string
	}{
		"nothing":         {func(*cabinet) {}, chatapi.HealthHealthy, ""},
		"expired token":   {func(c *cabinet) { c.api.ExpireToken() }, chatapi.HealthNeedsToken, "The token of channel ABC100000001 is wrong or has expired."},
		"blocked":         {func(c *cabinet) { c.api.Block("") }, chatapi.HealthBlocked, "blocked"},
		"disconnected":    {func(c *cabinet) { c.api.SetStatus("disconnected") }, chatapi.HealthBlocked, "Channel ABC100000001 is disconnected."},
		"address removed": {func(c *cabinet) { assert.NoError(c.t, c.api.Client().Webhooks.Clear(c.t.Context())) }, desk.HealthDeaf, "Press Synchronize"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCabinet(t)
			row := c.connect(t)
			tc.happens(c)
			require.NoError(t, desk.CheckChannel(t.Context(), c.Desk, row.Channel))
			row, err := c.ChannelRow(t.Context(), row.ID)
			require.NoError(t, err)
			assert.Equal(t, tc.state, row.Health)
			assert.Contains(t, row.Reason, tc.says)
			if row.Health != desk.HealthDeaf {
				return
			}
			_, err = c.Synchronize(t.Context(), row.ID, nil)
			require.NoError(t, err)
			row, err = c.ChannelRow(t.Context(), row.ID)
			require.NoError(t, err)
			assert.Equal(t, chatapi.HealthHealthy, row.Health)
			assert.Len(t, c.api.Webhooks(), 1)
		})
	}
}

// News about the account or the number say that the service has to be asked, before an agent
// writes in vain.
func TestNewsOfTheAccountAskForTheHealth(t *testing.T) {
	for _, name := range []string{"cloud-field-account-update-disabled", "cloud-field-account-update-restriction", "cloud-field-phone-quality", "cloud-value-errors"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := work(t)
				s.api.ExpireToken()
				body, err := os.ReadFile("../../../../testdata/contract/raw/" + name + ".json")
				require.NoError(t, err)
				events, err := chatapi.ParseWebhook(body)
				require.NoError(t, err)
				require.NoError(t, s.Durable.Inbox.Accept(t.Context(), &chatapi.Delivery{Channel: "ABC100000001", Received: time.Now(), Body: body, Events: events}))
				s.settle()
				var health string
				_, err = s.DB.Get(t.Context(), "SELECT health FROM desk_channel WHERE id = $1", []any{s.channel}, &health)
				require.NoError(t, err)
				assert.EqualValues(t, chatapi.HealthNeedsToken, health)
			})
		})
	}
}

func TestAChannelThatIsToBeCheckedOftenIsCheckedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := work(t)
		s.settle()
		s.api.ExpireToken() // so that a check is one call
		before := len(s.api.Calls())
		for range 50 {
			s.CheckSoon("ABC100000001")
		}
		s.settle()
		assert.LessOrEqual(t, len(s.api.Calls())-before, 2, "the second for those that came during the first")
	})
}

func TestNewTokenHoldsOnlyIfItIsRight(t *testing.T) {
	c := newCabinet(t)
	row := c.connect(t)
	_, err := c.NewToken(t.Context(), row.ID, "another-token", nil)
	var refused *desk.NotConnected
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, []string{"token"}, refused.Fields)
	client, found := c.config.Channels.Client(row.Channel)
	require.True(t, found)
	_, err = client.Channel.GetStatus(t.Context())
	require.NoError(t, err, "the one of before is in use")
	_, err = c.NewToken(t.Context(), row.ID, c.api.Token, nil)
	require.NoError(t, err)
}

func TestPauseStopsSendingOnly(t *testing.T) {
	c := newCabinet(t)
	row := c.connect(t)
	secret := hookSecretOf(t, c)
	require.NoError(t, c.PauseChannel(t.Context(), row.ID, true))
	_, found := c.config.Channels.Client(row.Channel)
	assert.False(t, found, "nothing is sent")
	state, err := c.Hook(t.Context(), row.Channel, secret)
	require.NoError(t, err)
	assert.Equal(t, desk.HookOpen, state, "messages arrive")
	require.NoError(t, c.PauseChannel(t.Context(), row.ID, false))
	_, found = c.config.Channels.Client(row.Channel)
	assert.True(t, found)
}

func TestHookOfEachChannel(t *testing.T) {
	c := newCabinet(t)
	state, err := c.Hook(t.Context(), "ABC100000001", "0000")
	require.NoError(t, err)
	assert.Equal(t, desk.HookUnknown, state)
	row := c.connect(t)
	secret := hookSecretOf(t, c)
	for given, want := range map[string]desk.HookState{secret: desk.HookOpen, secret[1:] + "0": desk.HookRefused, "": desk.HookRefused, strings.ToUpper(secret): desk.HookRefused} {
		state, err := c.Hook(t.Context(), row.Channel, given)
		require.NoError(t, err)
		assert.Equal(t, want, state, given)
	}
}

func TestRemoveTakesTheAddressOffTheList(t *testing.T) {
	c := newCabinet(t)
	row := c.connect(t)
	secret := hookSecretOf(t, c)
	_, err := c.RemoveChannel(t.Context(), row.ID, "sales, boston")
	refusedField(t, "typed", err)
	sentence, err := c.RemoveChannel(t.Context(), row.ID, "Sales, Boston")
	require.NoError(t, err)
	assert.Equal(t, "The channel is removed, and Chat API delivers no more of its messages here.", sentence)
	assert.Empty(t, c.api.Webhooks())
	state, err := c.Hook(t.Context(), row.Channel, secret)
	require.NoError(t, err)
	assert.Equal(t, desk.HookRefused, state)
	sealed, err := desk.HasSealed(t.Context(), c.config.DB)
	require.NoError(t, err)
	assert.False(t, sealed, "the token is forgotten")

	again := c.connect(t)
	assert.Equal(t, row.ID, again.ID, "its requests belong to it again")
	assert.NotEqual(t, secret, hookSecretOf(t, c), "under another address")
	c.api.ExpireToken()
	sentence, err = c.RemoveChannel(t.Context(), row.ID, "Sales, Boston")
	require.NoError(t, err)
	assert.Contains(t, sentence, "could not be changed: The token of channel ABC100000001 is wrong or has expired.")
	assert.NotContains(t, sentence, "hooks/")
}

func TestChangeOfKeys(t *testing.T) {
	c := newCabinet(t)
	row := c.connect(t)
	old := hookSecretOf(t, c)
	path := filepath.Join(t.TempDir(), "key")
	next, err := seal.Make(path)
	require.NoError(t, err)
	require.ErrorIs(t, desk.CheckKey(t.Context(), c.config.DB, next), seal.ErrWrongKey)
	require.NoError(t, desk.Reseal(t.Context(), c.config.DB, c.config.Key, next))
	require.NoError(t, desk.CheckKey(t.Context(), c.config.DB, next))
	require.ErrorIs(t, desk.CheckKey(t.Context(), c.config.DB, c.config.Key), seal.ErrWrongKey)

	config := c.config
	config.Key, config.OldKey = next, c.config.Key
	d := desk.New(config)
	require.NoError(t, d.OpenChannels(t.Context()))
	state, err := d.Hook(t.Context(), row.Channel, old)
	require.NoError(t, err)
	assert.Equal(t, desk.HookOpen, state, "what is under way arrives")
	require.NoError(t, d.MoveHooks(t.Context()))
	assert.Len(t, c.api.Webhooks(), 1)
	fresh := hookSecretOf(t, c)
	assert.NotEqual(t, old, fresh)
	state, err = d.Hook(t.Context(), row.Channel, fresh)
	require.NoError(t, err)
	assert.Equal(t, desk.HookOpen, state)
}

// hookSecretOf returns the secret of the one address that the channel's list has.
func hookSecretOf(t *testing.T, c *cabinet) string {
	t.Helper()
	require.Len(t, c.api.Webhooks(), 1)
	secret, found := strings.CutPrefix(c.api.Webhooks()[0], "https://desk.example/hooks/ABC100000001/")
	require.True(t, found)
	require.Len(t, secret, 32)
	return secret
}
