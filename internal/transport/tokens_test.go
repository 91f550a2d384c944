package transport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/internal/transport"
)

// door is a service that lets in who has the right token, and counts the calls.
type door struct {
	mu    sync.Mutex
	right string
	came  []string // the tokens of the calls
}

func (d *door) RoundTrip(r *http.Request) (*http.Response, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	token := r.URL.Query().Get("token")
	d.came = append(d.came, token)
	if token != d.right {
		return answer(401, nil, "{}"), nil
	}
	return ok()
}

// source returns a token source that gives out the tokens in turn, the last of
// them again and again.
func source(tokens ...string) func(context.Context) (string, error) {
	n := -1
	return func(context.Context) (string, error) {
		n++
		return tokens[min(n, len(tokens)-1)], nil
	}
}

func sourced(network http.RoundTripper, ask func(context.Context) (string, error)) transport.Config {
	c := config(network)
	c.Token, c.Source = "", ask
	return c
}

// A token that a source gave is kept out of replies and errors like any other.
func TestTokenOfASourceShowsNowhere(t *testing.T) {
	for name, network := range map[string]roundTripper{
		"reply": func(r *http.Request) (*http.Response, error) {
			return answer(400, http.Header{"X-Echo": {r.URL.RequestURI()}}, "Wrong token "+token), nil
		},
		"error": func(r *http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("calling %s: %w", r.URL, io.ErrUnexpectedEOF)
		},
	} {
		t.Run(name, func(t *testing.T) {
			tr := transport.New(sourced(network, source(token)))
			reply, err := tr.Do(t.Context(), send(t, "https://api.test/ABC1/sendMessage"))
			text := fmt.Sprintf("%v %s %v %+v %#v", reply.Header, reply.Body, err, err, err)
			assert.Contains(t, text, transport.Redacted)
			assertClean(t, text)
			assertClean(t, tr.Scrub("token "+token))
		})
	}
}

// A refused token is replaced once, even for a send; the same one again is not
// tried again.
func TestRefusedTokenIsReplacedOnce(t *testing.T) {
	for name, tc := range map[string]struct {
		source func(context.Context) (string, error)
		came   []string
		status int
	}{
		"by another":        {source("old-token", "new-token"), []string{"old-token", "new-token"}, 200},
		"by the same":       {source("old-token"), []string{"old-token"}, 401},
		"by a wrong one":    {source("old-token", "odd-token", "new-token"), []string{"old-token", "odd-token"}, 401},
		"not where it fits": {source("new-token"), []string{"new-token"}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			network := &door{right: "new-token"}
			reply, err := transport.New(sourced(network, tc.source)).Do(t.Context(), send(t, "https://api.test/ABC1/sendMessage"))
			require.NoError(t, err)
			assert.Equal(t, tc.status, reply.Status)
			assert.Equal(t, tc.came, network.came)
		})
	}
}

// Calls whose token is refused at the same time ask the source once, and all of
// them go on with its answer.
func TestCallsShareTheAnswerOfTheSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &door{right: "new-token"}
		asked := 0
		c := sourced(roundTripper(func(r *http.Request) (*http.Response, error) {
			time.Sleep(time.Second) // all calls are under way
			return network.RoundTrip(r)
		}), func(context.Context) (string, error) {
			asked++
			time.Sleep(time.Second)
			return []string{"old-token", "new-token"}[min(asked, 2)-1], nil
		})
		tr := transport.New(c)
		var group sync.WaitGroup
		for range 5 {
			group.Go(func() {
				reply, err := tr.Do(t.Context(), send(t, "https://api.test/ABC1/sendMessage"))
				if assert.NoError(t, err) {
					assert.Equal(t, 200, reply.Status)
				}
			})
		}
		group.Wait()
		assert.Equal(t, 2, asked)
		slices.Sort(network.came)
		assert.Equal(t, slices.Concat(slices.Repeat([]string{"new-token"}, 5), slices.Repeat([]string{"old-token"}, 5)), network.came)
	})
}

// A token that cannot be the channel's is never sent, also not by the next call.
func TestTokenOfAnotherChannelIsNeverSent(t *testing.T) {
	network := &door{}
	c := sourced(network, source("odd-token"))
	wrong := errors.New("it is another channel's token")
	c.CheckToken = func(string) error { return wrong }
	tr := transport.New(c)
	for range 2 {
		_, err := tr.Do(t.Context(), send(t, "https://api.test/ABC1/sendMessage"))
		var failed *transport.SourceError
		require.ErrorAs(t, err, &failed)
		assert.ErrorIs(t, err, wrong)
		var failure *transport.Failure
		require.ErrorAs(t, err, &failure)
		assert.False(t, failure.Sent)
	}
	assert.Empty(t, network.came)
}

// A source that gives up because the caller did is the caller's end.
func TestCallerEndsWhileTheSourceIsAsked(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	tr := transport.New(sourced(&door{}, func(ctx context.Context) (string, error) {
		cancel()
		return "", errors.New("interrupted")
	}))
	_, err := tr.Do(ctx, send(t, "https://api.test/ABC1/sendMessage"))
	var failure *transport.Failure
	require.ErrorAs(t, err, &failure)
	assert.ErrorIs(t, err, context.Canceled)
	assert.True(t, failure.GivenUp)
	assert.False(t, failure.Sent)
	var failed *transport.SourceError
	assert.NotErrorAs(t, err, &failed)
}
