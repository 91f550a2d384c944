package tape_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/chatapitest/tape"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recordCalls records a few calls to a fake with those options.
func recordCalls(t *testing.T, opts ...chatapitest.Option) *tape.Tape {
	t.Helper()
	api := chatapitest.New(t, opts...)
	rec := tape.NewRecorder()
	client := api.Client(chatapi.WithHTTPClient(&http.Client{Transport: rec.Transport(api.Transport)}))
	ann := api.Customer(zoltan)
	ann.Says("hi")
	for range 2 {
		_, err := client.Send(t.Context(), ann.Recipient(), chatapi.Text{Body: "Hello"})
		require.NoError(t, err)
	}
	_, err := client.Channel.GetStatus(t.Context())
	require.NoError(t, err)
	for range client.Messages.All(t.Context(), chatapi.HistoryFilter{}) {
		continue
	}
	require.NoError(t, client.Users.Block(t.Context(), chatapi.Phone(zoltan)))
	group, err := client.Groups.Create(t.Context(), chatapi.GroupDraft{Subject: "Friends of " + zoltanName})
	require.NoError(t, err)
	_, err = client.Groups.Get(t.Context(), group.ID)
	require.NoError(t, err)
	made, err := rec.Tape()
	require.NoError(t, err)
	return made
}

func TestDiffOfTheSameServiceIsEmpty(t *testing.T) {
	old := recordCalls(t)
	api := chatapitest.New(t)
	tester := api.Customer(maria)
	tester.Says("I test")
	found, err := old.Diff(t.Context(), api.URL, api.Token, tape.DiffTransport(api.Transport), tape.DiffPeople(map[string]string{"12025550101": maria}))
	require.NoError(t, err)
	assert.Empty(t, found)
	assert.Len(t, tester.Received(), 2)
	assert.Len(t, api.Calls(), 4, "two sends, status and history; neither the block nor the group")
	for _, call := range api.Calls() {
		assert.NotContains(t, string(call.Body), "12025550101")
	}
}

func TestDiffShowsWhatChanged(t *testing.T) {
	old := recordCalls(t)
	api := chatapitest.New(t, chatapitest.Quirks(chatapitest.TextSent))
	api.SetStatus("disconnected")
	api.Customer(maria).Says("I test")
	found, err := old.Diff(t.Context(), api.URL, api.Token, tape.DiffTransport(api.Transport), tape.DiffPeople(map[string]string{"12025550101": maria}))
	require.NoError(t, err)
	text := fmt.Sprint(found)
	assert.Contains(t, text, `body.sent was true, is "true", as text`)
	assert.Contains(t, text, `body.status was "connected", as text, is "disconnected", as text`)
	requireAbsent(t, []byte(text), api.Token, maria)
}

func TestDiffSaysWhyItCannotAsk(t *testing.T) {
	old := recordCalls(t)
	_, err := old.Diff(t.Context(), "", "")
	require.ErrorContains(t, err, "needs an API URL")
	api := chatapitest.New(t)
	api.Close()
	_, err = old.Diff(t.Context(), api.URL, token, tape.DiffTransport(api.Transport))
	require.ErrorContains(t, err, "cannot be reached")
	requireAbsent(t, []byte(err.Error()), token)
}
