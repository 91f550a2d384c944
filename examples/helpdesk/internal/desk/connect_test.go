package desk_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/seal"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// secretToken has characters that addresses and JSON write otherwise.
const secretToken = "tok+SEALED/0123456789="

// cabinet is a desk without channels, beside a fake.
type cabinet struct {
	*desk.View
	api    *chatapitest.API
	dir    string
	log    bytes.Buffer
	config desk.Config
	sales  int64
	t      *testing.T
}

func newCabinet(t *testing.T) *cabinet {
	t.Helper()
	c := &cabinet{t: t, api: chatapitest.New(t, chatapitest.Token(secretToken)), dir: t.TempDir()}
	db, err := store.OpenSQLite(t.Context(), c.dir)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	channels := chatapi.NewChannels()
	log := slog.New(slog.NewTextHandler(&c.log, nil))
	work, err := durable.Open(t.Context(), db.Durable, channels, durable.Logger(log))
	require.NoError(t, err)
	key, err := seal.New(bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	c.config = desk.Config{DB: db, Durable: work, Channels: channels, Key: key, Now: c.api.Now, Log: log, Files: t.TempDir(),
		URL: "https://desk.example", Local: true, ClientOptions: []chatapi.Option{
			chatapi.WithHTTPClient(&http.Client{Transport: c.api.Transport}), chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 1})}}
	d := desk.New(c.config)
	c.sales, err = d.AddDepartment(t.Context(), "Sales")
	require.NoError(t, err)
	id, err := d.AddAgent(t.Context(), desk.AgentForm{Email: "ann@example.com", Name: "Ann", Admin: true})
	require.NoError(t, err)
	c.View, err = d.For(t.Context(), id)
	require.NoError(t, err)
	return c
}

func (c *cabinet) form() desk.ChannelForm {
	return desk.ChannelForm{Department: c.sales, Name: "Sales, Boston", APIURL: c.api.URL, Token: c.api.Token}
}

// connect connects the fake's channel.
func (c *cabinet) connect(t *testing.T) *desk.ChannelRow {
	t.Helper()
	done, err := c.Connect(t.Context(), c.form(), nil)
	require.NoError(t, err)
	row, err := c.ChannelRow(t.Context(), done.ID)
	require.NoError(t, err)
	return row
}

func TestConnectNamesTheFieldThatIsWrong(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(c *cabinet, f *desk.ChannelForm)
		fields []string
		says   string
	}{
		"wrong token":        {func(_ *cabinet, f *desk.ChannelForm) { f.Token = "another-token" }, []string{"token"}, "is wrong or has expired"},
		"expired token":      {func(c *cabinet, _ *desk.ChannelForm) { c.api.ExpireToken() }, []string{"token"}, "is wrong or has expired"},
		"no token":           {func(_ *cabinet, f *desk.ChannelForm) { f.Token = " " }, []string{"token"}, "The token is empty."},
		"another channel":    {func(c *cabinet, f *desk.ChannelForm) { f.Token = c.api.OtherChannel("XYZ1") }, []string{"api_url", "token"}, "does not belong to channel"},
		"no such host":       {func(_ *cabinet, f *desk.ChannelForm) { f.APIURL = "https://nobody.example/ABC100000001" }, []string{"api_url"}, "could not be reached"},
		"no address":         {func(_ *cabinet, f *desk.ChannelForm) { f.APIURL = "nonsense" }, []string{"api_url"}, "The API URL has no host."},
		"token in its place": {func(c *cabinet, f *desk.ChannelForm) { f.APIURL = c.api.Token }, []string{"api_url"}, ""},
		"blocked":            {func(c *cabinet, _ *desk.ChannelForm) { c.api.Block("") }, nil, "is blocked"},
		"disconnected":       {func(c *cabinet, _ *desk.ChannelForm) { c.api.SetStatus("disconnected") }, nil, "is disconnected"},
		"no answer": {func(c *cabinet, _ *desk.ChannelForm) {
			c.api.Fail(chatapitest.Fault{Operation: "status", Drop: true, Times: -1})
		}, []string{"api_url"}, ""},
		"full list": {func(c *cabinet, _ *desk.ChannelForm) {
			for _, host := range []string{"a", "b", "c", "d", "e"} {
				c.api.Webhook("https://"+host+".example", nil)
			}
		}, nil, "at most 5"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCabinet(t)
			form := c.form()
			tc.change(c, &form)
			_, err := c.Connect(t.Context(), form, nil)
			var refused *desk.NotConnected
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, tc.fields, refused.Fields, refused.Sentence)
			assert.Contains(t, refused.Sentence, tc.says)
			rows, err := c.ChannelRows(t.Context())
			require.NoError(t, err)
			assert.Empty(t, rows, "nothing is saved")
			c.noToken(t, refused.Sentence)
		})
	}
}

func TestConnectRefusesTheFormItself(t *testing.T) {
	c := newCabinet(t)
	for field, change := range map[string]func(*desk.ChannelForm){
		"department": func(f *desk.ChannelForm) { f.Department = 99 },
		"name":       func(f *desk.ChannelForm) { f.Name = strings.Repeat("é", 81) },
	} {
		form := c.form()
		change(&form)
		_, err := c.Connect(t.Context(), form, nil)
		refusedField(t, field, err)
	}
	assert.Empty(t, c.api.Calls(), "nothing is asked")
	max, err := c.AddAgent(t.Context(), desk.AgentForm{Email: "max@example.com", Name: "Max", Departments: []int64{c.sales}})
	require.NoError(t, err)
	v, err := c.For(t.Context(), max)
	require.NoError(t, err)
	_, err = v.Connect(t.Context(), c.form(), nil)
	assert.ErrorIs(t, err, desk.ErrAdmin)
}

func TestConnectTwiceChangesNothing(t *testing.T) {
	c := newCabinet(t)
	c.api.Webhook("https://vendor.example/inbox", nil)
	var steps []string
	done, err := c.Connect(t.Context(), c.form(), func(s desk.StepRow) { steps = append(steps, s.Name) })
	require.NoError(t, err)
	assert.Equal(t, []string{"channel", "profile", "templates", "webhooks"}, steps)
	assert.Equal(t, "Connection successfully established", done.Sentence)
	assert.Equal(t, "channel ABC100000001, +1 202 555 0100, 0 templates, 2 webhooks", done.Details)
	assert.True(t, done.Hidden, "a new channel is not displayed")
	before, hooks := c.connect(t), c.api.Webhooks()
	after := c.connect(t)
	after.Checked, after.TokenAt = before.Checked, before.TokenAt
	assert.Equal(t, before, after)
	assert.Equal(t, hooks, c.api.Webhooks())
	assert.Len(t, hooks, 2)

	pasted := c.form()
	pasted.APIURL, pasted.Token = c.api.URL+"/?token="+url.QueryEscape(c.api.Token), ""
	_, err = c.Connect(t.Context(), pasted, nil)
	require.NoError(t, err, "the address may bring the token")
	assert.Equal(t, c.api.URL, c.connect(t).APIURL, "stored without it")

	other := c.form()
	other.Name = "Another name"
	_, err = c.Connect(t.Context(), other, nil)
	assert.EqualError(t, err, "Channel ABC100000001 is connected already, as Sales, Boston. Change its name and department in Channel settings.")
	c.noToken(t)
}

func TestConnectAfterARestart(t *testing.T) {
	c := newCabinet(t)
	row := c.connect(t)
	fresh := c.config
	fresh.Channels = chatapi.NewChannels()
	d := desk.New(fresh)
	require.NoError(t, d.OpenChannels(t.Context()))
	client, found := fresh.Channels.Client(row.Channel)
	require.True(t, found)
	_, err := client.Channel.GetStatus(t.Context())
	require.NoError(t, err, "the sealed token is the right one")
}

func TestConnectInsideTheOwnNetwork(t *testing.T) {
	c := newCabinet(t)
	c.config.Local = false
	v, err := desk.New(c.config).For(t.Context(), c.Agent)
	require.NoError(t, err)
	for _, host := range []string{"http://127.0.0.1:8401", "http://localhost", "https://10.1.2.3", "https://192.168.0.1", "https://[::1]", "https://[fd00::1]",
		"https://169.254.169.254", "https://100.64.1.1", "https://0.0.0.0", "https://[::ffff:10.0.0.1]", "https://db.localhost"} {
		form := c.form()
		form.APIURL = host + "/ABC100000001"
		_, err := v.Connect(t.Context(), form, nil)
		var refused *desk.NotConnected
		require.ErrorAs(t, err, &refused, host)
		assert.Equal(t, []string{"api_url"}, refused.Fields, host)
	}
	assert.Empty(t, c.api.Calls())
}

// noToken fails if the token is anywhere: in texts, the log, the audit, or the files of the
// database.
func (c *cabinet) noToken(t *testing.T, texts ...string) {
	t.Helper()
	quoted, err := json.Marshal(c.api.Token)
	require.NoError(t, err)
	escaped := strings.NewReplacer("+", `\u002b`, "=", `\u003d`, "/", `\/`).Replace(c.api.Token)
	forms := map[string]string{"plain": c.api.Token, "base64": base64.StdEncoding.EncodeToString([]byte(c.api.Token)),
		"base64url": base64.RawURLEncoding.EncodeToString([]byte(c.api.Token)), "percent": url.QueryEscape(c.api.Token), "path": url.PathEscape(c.api.Token),
		"json": strings.Trim(string(quoted), `"`), "escaped": escaped, "hex": hex.EncodeToString([]byte(c.api.Token))}
	places := map[string]string{"the log": c.log.String(), "the texts": strings.Join(texts, "\n")}
	audit, _, err := c.Audit(t.Context(), 0)
	require.NoError(t, err)
	for _, row := range audit {
		places["the audit"] += row.Before + row.After + row.Object
	}
	files, err := filepath.Glob(filepath.Join(c.dir, "*"))
	require.NoError(t, err)
	assert.Contains(t, files, filepath.Join(c.dir, "work.db-wal"))
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		places[file] = string(data)
	}
	for place, text := range places {
		for form, token := range forms {
			assert.NotContains(t, text, token, "the token is in %s, as %s", place, form)
		}
	}
}
