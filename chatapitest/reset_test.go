package chatapitest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// TestReset puts a fake in which much has happened back to its start: only the names by
// which servers and clients know it stay.
func TestReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now().Round(0)
		api := lived(t)
		desk, client := api.Channels()[1], api.Client()
		api.Fail(chatapitest.Fault{Times: -1})
		api.SetQuirk(chatapitest.NoID, true)
		api.Advance(time.Hour)
		old, hooks := api.Customer(ann), api.Webhooks()
		tokens := []string{api.Token, desk.Token}
		before := old.Says("the last one")
		require.NoError(t, api.Reset(nil))

		assert.Empty(t, api.Transcript())
		assert.Empty(t, api.Calls())
		assert.Empty(t, api.Delivered())
		assert.True(t, start.Equal(api.Now()), "the clock goes back")
		assert.Equal(t, tokens[0]+" "+tokens[1], api.Token+" "+desk.Token)
		assert.Equal(t, hooks, api.Webhooks())
		assert.Empty(t, api.Info().Quirks)
		assert.Equal(t, chatapi.ChannelID("DESK1"), desk.ChannelID())
		state, err := api.State()
		require.NoError(t, err)
		fresh := chatapitest.New(t)
		fresh.AddChannel("DESK1")
		for i, c := range fresh.Channels() {
			for _, address := range api.Channels()[i].Webhooks() {
				c.Webhook(address, nil)
			}
		}
		want, err := fresh.State()
		require.NoError(t, err)
		names := strings.NewReplacer(hostOf(api), "HOST", hostOf(fresh), "HOST", api.Token, "T", fresh.Token, "T",
			desk.Token, "T2", fresh.Channels()[1].Token, "T2")
		assert.Equal(t, names.Replace(string(want)), names.Replace(string(state)))

		assert.Empty(t, old.Says("nobody hears it"))
		old.ComesOnline()
		old.Reads()
		old.GoesOffline()
		assert.Empty(t, api.Transcript(), "a customer of before does nothing")
		assert.NotEqual(t, before, api.Customer(ann).Says("hi"), "the ids go on")
		assert.Len(t, api.Delivered(), 1)
		_, err = client.Send(t.Context(), api.Customer(ann).Recipient(), chatapi.Text{Body: "hello"})
		require.NoError(t, err, "the client of before goes on")
		assert.Equal(t, "hello", api.Customer(ann).LastReceived().Text)
		desk.Customer(ann).Says("hi, desk")
		assert.Len(t, desk.Delivered(), 1)
	})
}

// TestResetIntoState puts a fake into a state: of its own, of before a channel was
// added, and of another fake.
func TestResetIntoState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t, chatapitest.At(time.Now().Add(-time.Hour)))
		api.Customer(ann).Says("hi")
		api.Template("hello", "en", "Hello")
		api.Webhook(hookURL, &listener{})
		saved, err := api.State()
		require.NoError(t, err)
		api.Advance(48 * time.Hour)
		later := api.AddChannel("DESK1")
		later.Customer(ann).Says("hi")
		token := api.Token
		for range 2 {
			require.NoError(t, api.Reset(saved))
			assert.True(t, time.Now().Add(-time.Hour).Equal(api.Now()), "it is the time of the state")
			_, err = api.Client().Send(t.Context(), chatapi.Phone(ann), chatapi.Text{Body: "x"})
			require.NoError(t, err, "the window is open")
			_, err = later.Client().Send(t.Context(), chatapi.Phone(ann), chatapi.Text{Body: "x"})
			require.ErrorIs(t, err, chatapi.ErrWindowClosed, "the other channel is empty")
			assert.Equal(t, []string{hookURL}, api.Webhooks())
		}
		other := lived(t)
		state, err := other.State()
		require.NoError(t, err)
		require.NoError(t, api.Reset(state))
		assert.Equal(t, token, api.Token, "its own token stays")
		assert.Equal(t, []string{hookURL}, api.Webhooks())
		assert.Equal(t, "Annie", api.Customer("12025550177").Name())
		_, err = later.Client().Channel.GetStatus(t.Context())
		require.ErrorIs(t, err, chatapi.ErrBlocked)

		before, err := api.State()
		require.NoError(t, err)
		for _, wrong := range []string{"", "{", "[]", string(state[:len(state)/2]), strings.Replace(string(state), `"version": 1`, `"version": 2`, 1)} {
			require.Error(t, api.Reset([]byte(wrong)))
		}
		elsewhere, err := chatapitest.New(t, chatapitest.Channel("OTHER")).State()
		require.NoError(t, err)
		require.ErrorContains(t, api.Reset(elsewhere), `the fake has the channel "ABC100000001", which the state has not`)
		after, err := api.State()
		require.NoError(t, err)
		assert.Equal(t, string(before), string(after), "unchanged")
	})
}

// TestResetMeanwhile resets a fake whose webhooks are under way, to a handler in memory
// and over a connection, and while customers act.
func TestResetMeanwhile(t *testing.T) {
	began := make(chan struct{}, 10)
	hangs := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		began <- struct{}{}
		<-r.Context().Done()
	})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		hangs(nil, r)
	}))
	defer server.Close()
	for name, register := range map[string]func(*chatapitest.API){
		"in memory":  func(api *chatapitest.API) { api.Webhook(hookURL, hangs) },
		"over ports": func(api *chatapitest.API) { api.Webhook(server.URL, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			api := chatapitest.New(t, chatapitest.Quirks(chatapitest.DoubleDeliveries))
			register(api)
			done := make(chan error)
			go func() {
				_, err := api.Perform("says", ann, map[string]string{"text": "hi"})
				done <- err
			}()
			<-began
			require.NoError(t, api.Reset(nil))
			require.ErrorContains(t, <-done, "the fake was reset meanwhile")
			assert.Empty(t, api.Undelivered())
			assert.Empty(t, api.Transcript())
			assert.NoError(t, api.Err())
		})
	}
	t.Run("many at once", func(t *testing.T) {
		api := chatapitest.New(t)
		api.Webhook(hookURL, bot(api.Client(chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 1}))))
		saved, err := api.State()
		require.NoError(t, err)
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for range 8 {
					if i < 2 {
						assert.NoError(t, api.Reset([][]byte{nil, saved}[i]))
						continue
					}
					_, _ = api.Perform("says", ann, map[string]string{"text": "hi"})
					for _, act := range []string{"rings", "opens chat", "reads", "goes offline", "comes online", "hides number", "shows number"} {
						_, _ = api.Perform(act, ann, nil) // it may be reset meanwhile
					}
				}
			})
		}
		all.Wait()
		state, err := api.State()
		require.NoError(t, err)
		require.NoError(t, api.Reset(state), "the state is whole")
	})
}
