package tape_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/chatapitest/tape"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTapeHoldsNothingPersonal(t *testing.T) {
	for name, opts := range map[string][]tape.Option{
		"shape": {tape.Secrets(street)},
		"keep":  {tape.Secrets(street), tape.KeepTexts()},
	} {
		t.Run(name, func(t *testing.T) {
			rec, raw := record(t, opts...)
			for _, value := range []string{zoltan, maria, zoltanName, email, street} {
				assert.Contains(t, string(raw), value, "what the fake saw")
			}
			path := filepath.Join(t.TempDir(), "order.tape")
			require.NoError(t, rec.Save(path))
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			t.Logf("%s", data)
			requireAbsent(t, data, personal...)
			got, err := tape.Load(path)
			require.NoError(t, err)
			require.NoError(t, got.Check(personal...))
			replay(t, path)
		})
	}
}

// replay plays a tape to the bot, in a bubble.
func replay(t *testing.T, path string) {
	synctest.Test(t, func(t *testing.T) {
		p := tape.Play(t, path)
		client := p.Client()
		p.Webhook("https://bot.test/"+hookSecret, chatapi.NewWebhookHandler(newBot(client), chatapi.WebhookSecret(hookSecret)))
		err := client.Webhooks.Set(t.Context(), "https://bot.test/other")
		require.NoError(t, err)
		p.Run()
	})
}

func TestTapeIsReadAsItWasWritten(t *testing.T) {
	rec, _ := record(t, tape.KeepTexts(), tape.Secrets(street))
	made, err := rec.Tape()
	require.NoError(t, err)
	var first, second bytes.Buffer
	_, err = made.WriteTo(&first)
	require.NoError(t, err)
	read, err := tape.Read(bytes.NewReader(first.Bytes()))
	require.NoError(t, err)
	_, err = read.WriteTo(&second)
	require.NoError(t, err)
	assert.Equal(t, first.String(), second.String())
}

// The substitutes are not the names and numbers of others on the tape.
func TestSubstitutesAreNobodyOnTheTape(t *testing.T) {
	api := chatapitest.New(t, chatapitest.Phone("447700900500"))
	rec := tape.NewRecorder(tape.KeepTexts())
	api.Webhook("https://bot.test/s3cret", rec.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	people := []*chatapitest.Customer{api.Customer(zoltan).Named(zoltanName), api.Customer("12025550101").Named("Ann"),
		api.Customer("12025550102").Named("Ben Cyd"), api.Customer(maria).Named("ann")}
	for _, c := range people {
		c.Says("hello")
	}
	made, err := rec.Tape()
	require.NoError(t, err)
	script, err := made.Script()
	require.NoError(t, err)
	assert.Equal(t, `Dan is +12025550103
Eve is +12025550104
Fay is +12025550105
Eve 2 is +12025550106
Dan: hello
Eve: hello
Fay: hello
Eve 2: hello
`, script)
	var out bytes.Buffer
	_, err = made.WriteTo(&out)
	require.NoError(t, err)
	requireAbsent(t, out.Bytes(), "12025550101", "12025550102", `"Ann"`, `"Ben`, "Cyd")
}

// A word that somebody is called by is replaced everywhere, unless Words names it.
func TestWords(t *testing.T) {
	for want, opts := range map[string][]tape.Option{
		"Ann: I Ann pay, Ann":  {tape.KeepTexts()},
		"Ann: I will pay, Ann": {tape.KeepTexts(), tape.KeepWords("Will")},
	} {
		api := chatapitest.New(t)
		rec := tape.NewRecorder(opts...)
		api.Webhook("https://bot.test/s3cret", rec.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
		api.Customer(zoltan).Named("Will Kowalski").Says("I will pay, Kowalski")
		made, err := rec.Tape()
		require.NoError(t, err)
		script, err := made.Script()
		require.NoError(t, err)
		assert.Contains(t, script, want+"\n")
	}
}
