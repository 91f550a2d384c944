package chatapi_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// dated is a client that loses every send, and whose history replies carry the Date of a
// clock that is ahead of ours.
func dated(t *testing.T, s *store, ahead time.Duration) *chatapi.Client {
	t.Helper()
	client, err := chatapi.New("https://api.test/ABC1", opaqueToken, once, networkEnd(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPost {
			panic("only attempts made by hand are resolved")
		}
		resp, err := s.RoundTrip(r)
		resp.Header.Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		return resp, err
	}))
	require.NoError(t, err)
	return client
}

// The history has the message of the attempt at the time of the service's clock, or an
// earlier message with the same text.
func TestResolveWithTwoClocks(t *testing.T) {
	const minute = time.Minute
	for name, tc := range map[string]struct {
		ahead   time.Duration // of the service's clock
		sent    time.Duration // after the attempt began; below 0 it is another message
		stored  bool
		outcome chatapi.Outcome
		why     string
	}{
		"3 minutes behind, accepted":         {-3 * minute, time.Second, true, chatapi.OutcomeUnknown, "the service's clock is 3m"},
		"3 minutes behind, not there":        {-3 * minute, 0, false, chatapi.OutcomeUnknown, "behind ours"},
		"3 minutes ahead, accepted":          {3 * minute, time.Second, true, chatapi.OutcomeUnknown, "the service's clock is 2m59s ahead of ours"},
		"3 minutes ahead, an earlier one":    {3 * minute, -2 * minute, true, chatapi.OutcomeUnknown, "ahead of ours"},
		"15 minutes ahead, accepted":         {15 * minute, time.Second, true, chatapi.OutcomeUnknown, "the service's clock is 14m59s ahead of ours"},
		"15 minutes behind, accepted":        {-15 * minute, time.Second, true, chatapi.OutcomeUnknown, "the service's clock is 15m"},
		"2 seconds more than a minute ahead": {minute + 2*time.Second, 0, false, chatapi.OutcomeUnknown, "1m"},
		"40 seconds ahead, accepted":         {40 * time.Second, time.Second, true, chatapi.OutcomeAccepted, ""},
		"40 seconds ahead, at once":          {40 * time.Second, 0, true, chatapi.OutcomeAccepted, ""},
		"40 seconds ahead, an earlier one":   {40 * time.Second, -30 * time.Second, true, chatapi.OutcomeUnknown, "shortly before"},
		"40 seconds ahead, just earlier":     {40 * time.Second, -2 * time.Second, true, chatapi.OutcomeUnknown, "shortly before"},
		"40 seconds ahead, not there":        {40 * time.Second, 0, false, chatapi.OutcomeNotFound, ""},
		"40 seconds behind, accepted":        {-40 * time.Second, time.Second, true, chatapi.OutcomeUnknown, "shortly before"},
		"40 seconds behind, an earlier one":  {-40 * time.Second, -30 * time.Second, true, chatapi.OutcomeUnknown, "shortly before"},
		"59 seconds behind, not there":       {-59 * time.Second, 0, false, chatapi.OutcomeNotFound, ""},
		"a minute ahead, not there":          {minute, 0, false, chatapi.OutcomeNotFound, ""},
		"equal, accepted":                    {0, 0, true, chatapi.OutcomeAccepted, ""},
		"equal, just earlier":                {0, -time.Second, true, chatapi.OutcomeUnknown, "shortly before"},
		"equal, not there":                   {0, 0, false, chatapi.OutcomeNotFound, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(700 * time.Millisecond) // the header has whole seconds
				s := &store{}
				client := dated(t, s, tc.ahead)
				p, err := client.Prepare(ann, chatapi.Text{Body: "hello"})
				require.NoError(t, err)
				attempt := p.Attempt(time.Now())
				if tc.stored {
					s.add(1, 1, attempt.Started.Add(tc.sent+tc.ahead), "hello")
				}
				time.Sleep(2 * time.Hour)
				resolution, err := client.Resolve(t.Context(), attempt)
				require.NoError(t, err)
				assert.Equal(t, tc.outcome, resolution.Outcome, resolution.Why)
				assert.Contains(t, resolution.Why, tc.why)
				assert.Equal(t, tc.outcome == chatapi.OutcomeAccepted, resolution.ID != "")
			})
		})
	}
}

// A Date that cannot be read says nothing about the clock.
func TestResolveWithoutAClock(t *testing.T) {
	for _, date := range []string{"", "yesterday", "2000-01-01T00:00:00Z"} {
		synctest.Test(t, func(t *testing.T) {
			client, err := chatapi.New("https://api.test/ABC1", opaqueToken, once, networkEnd(func(*http.Request) (*http.Response, error) {
				resp := reply(200, `{"messages":[]}`)
				resp.Header.Set("Date", date)
				return resp, nil
			}))
			require.NoError(t, err)
			attempt := prepared("ABC1").Attempt(time.Now())
			time.Sleep(time.Hour)
			resolution, err := client.Resolve(t.Context(), attempt)
			require.NoError(t, err)
			assert.Equal(t, chatapi.OutcomeNotFound, resolution.Outcome, "%q", date)
		})
	}
}

// The clock of each page counts, not only that of the first.
func TestResolveAsksEachPageForTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		client, err := chatapi.New("https://api.test/ABC1", opaqueToken, once, networkEnd(func(r *http.Request) (*http.Response, error) {
			resp, err := s.RoundTrip(r)
			resp.Header.Set("Date", time.Now().Add(-time.Duration(len(s.seen)-1)*time.Hour).UTC().Format(http.TimeFormat))
			return resp, err
		}))
		require.NoError(t, err)
		attempt := prepared("ABC1").Attempt(time.Now())
		for i := 1; i <= 100; i++ { // a full page makes Resolve read another one
			s.add(i, 0, attempt.Started, "bye")
		}
		time.Sleep(2 * time.Hour)
		resolution, err := client.Resolve(t.Context(), attempt)
		require.NoError(t, err)
		require.Len(t, s.seen, 2)
		assert.Equal(t, chatapi.OutcomeUnknown, resolution.Outcome)
		assert.Contains(t, resolution.Why, "the service's clock is 1h0m0s behind ours")
	})
}

// A message that the service had put into its queue may still go out.
func TestResolveOfAQueuedMessage(t *testing.T) {
	for name, body := range map[string]string{
		"a job":               `{"jobId":"job.1"}`,
		"sent after the scan": `{"sent":true,"message":"will be sent after the phone is back"}`,
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &store{}
			client, err := chatapi.New("https://api.test/ABC1", opaqueToken, networkEnd(func(r *http.Request) (*http.Response, error) {
				if r.Method == http.MethodPost {
					return reply(200, body), nil
				}
				return s.RoundTrip(r)
			}))
			require.NoError(t, err)
			receipt, err := client.Send(t.Context(), ann, chatapi.Text{Body: "hello"})
			require.NoError(t, err)
			require.True(t, receipt.Queued, name)
			require.True(t, receipt.Attempt.Queued, name)
			data, err := json.Marshal(receipt.Attempt)
			require.NoError(t, err)
			assert.Contains(t, string(data), `"queued":true`)
			var attempt chatapi.Attempt
			require.NoError(t, json.Unmarshal(data, &attempt))
			for _, wait := range []time.Duration{time.Second, time.Hour, 48 * time.Hour} {
				time.Sleep(wait)
				resolution, err := client.Resolve(t.Context(), attempt)
				require.NoError(t, err)
				assert.Equal(t, chatapi.OutcomeUnknown, resolution.Outcome, "%s after %s", name, wait)
				assert.Contains(t, resolution.Why, "the service had put it into its queue")
			}
			s.add(1, 1, attempt.Started.Add(9*time.Minute), "hello")
			resolution, err := client.Resolve(t.Context(), attempt)
			require.NoError(t, err)
			assert.Equal(t, chatapi.OutcomeAccepted, resolution.Outcome, resolution.Why)
			assert.Equal(t, "wamid.1", resolution.ID)
		})
	}
	for body, want := range map[string]bool{
		`{"jobId":"job.1"}`: true, `{"error":{"jobId":"job.1"}}`: true, "Your message will be sent after the phone is back": true, `{"sent":true}`: false, "": false,
	} {
		attempt := lost(t, answering(t, 502, body), ann, chatapi.Text{Body: "hello"})
		assert.Equal(t, want, attempt.Queued, body)
	}
	receipt, err := answering(t, 200, `{"sent":true,"id":"wamid.1"}`).Send(t.Context(), ann, chatapi.Text{Body: "hello"})
	require.NoError(t, err)
	data, err := json.Marshal(receipt.Attempt)
	require.NoError(t, err)
	assert.NotContains(t, string(data), "queued")
}

// The fake's clock is 3 minutes off, and its history lags by 5 seconds.
func TestResolveWithTheFake(t *testing.T) {
	for name, tc := range map[string]struct {
		ahead, wait time.Duration
		outcome     chatapi.Outcome
	}{
		"too early":   {0, 4 * time.Second, chatapi.OutcomeUnknown},
		"shown":       {0, 5 * time.Second, chatapi.OutcomeAccepted},
		"much behind": {-3 * time.Minute, time.Hour, chatapi.OutcomeUnknown},
		"much ahead":  {3 * time.Minute, time.Hour, chatapi.OutcomeUnknown},
	} {
		synctest.Test(t, func(t *testing.T) {
			api := chatapitest.New(t, chatapitest.At(time.Now().Add(tc.ahead)), chatapitest.HistoryLag(5*time.Second))
			api.Customer("12025550143").Says("hi")
			client := api.Client()
			api.Fail(chatapitest.Fault{Accepted: true, Drop: true})
			attempt := lost(t, client, ann, chatapi.Text{Body: "hello"})
			time.Sleep(tc.wait)
			resolution, err := client.Resolve(t.Context(), attempt)
			require.NoError(t, err)
			assert.Equal(t, tc.outcome, resolution.Outcome, "%s: %s", name, resolution.Why)
		})
	}
}
