package transport_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/chatapi-go/chatapi/internal/transport"
)

func message(t *testing.T, recipient string) transport.Request {
	r := send(t, "https://api.test/ABC1/sendMessage")
	r.Message, r.Recipient = true, recipient
	return r
}

// clocked is a network end that notes when each message came.
type clocked struct {
	mu   sync.Mutex
	came map[string][]time.Time // by the value of a header, "" for all
	fail func(n int) (*http.Response, error)
}

func (c *clocked) RoundTrip(*http.Request) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.came == nil {
		c.came = map[string][]time.Time{}
	}
	c.came[""] = append(c.came[""], time.Now())
	if c.fail != nil {
		return c.fail(len(c.came[""]))
	}
	return ok()
}

// most returns how many instants lie within any span, at the most.
func most(came []time.Time, span time.Duration) (n int) {
	slices.SortFunc(came, time.Time.Compare)
	from := 0
	for i := range came {
		for came[i].Sub(came[from]) >= span {
			from++
		}
		n = max(n, i-from+1)
	}
	return n
}

// However many goroutines send, and however often they are told to try again,
// no second sees more than the burst and the rate allow.
func TestPaceHoldsInEveryWindow(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			burst := 1 + random.IntN(5)
			network := &clocked{}
			if seed%2 == 1 { // one in three is refused for now
				network.fail = func(n int) (*http.Response, error) {
					if n%3 == 0 {
						return answer(503, nil, "{}"), nil
					}
					return ok()
				}
			}
			c := config(network)
			c.MinWait, c.Attempts, c.Trust503 = time.Millisecond, 5, true
			c.Pacer = transport.NewPacer(10, burst, 0, 0)
			tr := transport.New(c)
			var group sync.WaitGroup
			for range 40 {
				late := time.Duration(random.IntN(3000)) * time.Millisecond
				group.Go(func() {
					time.Sleep(late)
					_, err := tr.Do(t.Context(), message(t, ""))
					assert.NoError(t, err)
				})
			}
			group.Wait()
			for _, span := range []time.Duration{time.Second, 2 * time.Second, 5 * time.Second} {
				assert.LessOrEqual(t, most(network.came[""], span), int(span.Seconds()*10)+burst, "in %s", span)
			}
		})
	}
}

func TestPairHoldsUpOneRecipientOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := config(&clocked{})
		c.Pacer = transport.NewPacer(0, 0, 6*time.Second, 3)
		tr := transport.New(c)
		started := time.Now()
		for range 3 {
			_, err := tr.Do(t.Context(), message(t, "ann"))
			require.NoError(t, err)
		}
		assert.Zero(t, time.Since(started), "the burst goes at once")
		_, err := tr.Do(t.Context(), message(t, "bob"))
		require.NoError(t, err)
		assert.Zero(t, time.Since(started), "another recipient does not wait")
		_, err = tr.Do(t.Context(), message(t, "ann"))
		require.NoError(t, err)
		assert.Equal(t, 6*time.Second, time.Since(started))
		time.Sleep(time.Hour)
		started = time.Now()
		for range 5 {
			_, err := tr.Do(t.Context(), message(t, "ann"))
			require.NoError(t, err)
		}
		assert.Equal(t, 12*time.Second, time.Since(started), "3 at once, then one in 6 s")
	})
}

// A wait that is given up gives its turn back, and says so before it begins
// where the deadline is too near.
func TestPairTurnIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &clocked{}
		c := config(network)
		c.Pacer = transport.NewPacer(0, 0, 6*time.Second, 1)
		tr := transport.New(c)
		_, err := tr.Do(t.Context(), message(t, "ann"))
		require.NoError(t, err)
		started := time.Now()
		for range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := tr.Do(ctx, message(t, "ann"))
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			var failure *transport.Failure
			require.ErrorAs(t, err, &failure)
			assert.False(t, failure.Sent)
		}
		assert.Zero(t, time.Since(started))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err = tr.Do(ctx, message(t, "ann"))
		require.ErrorIs(t, err, context.Canceled)
		_, err = tr.Do(t.Context(), message(t, "ann"))
		require.NoError(t, err)
		assert.Equal(t, 6*time.Second, time.Since(started))
		assert.Len(t, network.came[""], 2)
	})
}

func TestPaceStepsDownAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := transport.NewPacer(16, 1, 0, 0)
		c := config(&clocked{})
		c.Pacer = p
		tr := transport.New(c)
		each := func(n int) time.Duration {
			started := time.Now()
			for range n {
				_, err := tr.Do(t.Context(), message(t, ""))
				require.NoError(t, err)
			}
			return time.Since(started) / time.Duration(n)
		}
		each(1)
		assert.InDelta(t, time.Second/16, each(4), float64(time.Millisecond))
		complain := func() { p.Learn(&transport.Request{Message: true}, transport.Meaning{Limited: true}) }
		for range 50 {
			complain() // one burst of refusals is one complaint
		}
		each(1)
		assert.InDelta(t, time.Second/8, each(4), float64(time.Millisecond))
		for range 20 {
			time.Sleep(time.Second)
			complain()
		}
		each(1)
		assert.Greater(t, each(1), 900*time.Millisecond, "half and half again, and a little back each second")
		time.Sleep(time.Minute)
		each(2)
		assert.InDelta(t, time.Second/16, each(8), float64(time.Millisecond), "it has grown back")
	})
}

// Each complaint halves the pace, down to a 32nd of the full one.
func TestPaceFallsToA32nd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := config(&clocked{})
		c.Pacer = transport.NewPacer(32, 1, 0, 0)
		tr := transport.New(c)
		// gap returns how far apart two messages are that are sent at once.
		gap := func() time.Duration {
			_, err := tr.Do(t.Context(), message(t, ""))
			require.NoError(t, err)
			started := time.Now()
			_, err = tr.Do(t.Context(), message(t, ""))
			require.NoError(t, err)
			return time.Since(started)
		}
		complain := func() { c.Pacer.Learn(&transport.Request{Message: true}, transport.Meaning{Limited: true}) }
		assert.InDelta(t, time.Second/32, gap(), float64(time.Millisecond))
		complain()
		assert.InDelta(t, time.Second/16, gap(), float64(time.Millisecond))
		time.Sleep(time.Second)
		complain()
		assert.InDelta(t, time.Second/8, gap(), float64(20*time.Millisecond), "a 20th had come back")
		for range 20 {
			time.Sleep(time.Second)
			complain()
		}
		assert.InDelta(t, time.Second, gap(), float64(time.Second/2))
	})
}

// Who gives up at the limiter leaves the turn to the next one.
func TestPaceTurnIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := config(&clocked{})
		c.Pacer = transport.NewPacer(1, 1, 0, 0)
		tr := transport.New(c)
		started := time.Now()
		_, err := tr.Do(t.Context(), message(t, ""))
		require.NoError(t, err)
		for range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
			_, err = tr.Do(ctx, message(t, ""))
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		_, err = tr.Do(t.Context(), message(t, ""))
		require.NoError(t, err)
		assert.Equal(t, time.Second, time.Since(started))
	})
}

// A repeated attempt waits for its recipient's turn where that is later than the
// channel's.
func TestRepeatedAttemptWaitsForBothTurns(t *testing.T) {
	for name, tc := range map[string]struct {
		pacer *transport.Pacer
		want  time.Duration
	}{
		"recipient": {transport.NewPacer(100, 1, 6*time.Second, 1), 6 * time.Second},
		"channel":   {transport.NewPacer(0.1, 1, 6*time.Second, 2), 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := config(&clocked{fail: func(n int) (*http.Response, error) {
					if n == 1 {
						return answer(429, http.Header{"Retry-After": {"1"}}, "{}"), nil
					}
					return ok()
				}})
				c.Pacer = tc.pacer
				started := time.Now()
				_, err := transport.New(c).Do(t.Context(), message(t, "ann"))
				require.NoError(t, err)
				assert.Equal(t, tc.want, time.Since(started))
			})
		})
	}
}

// Turns that were taken before a complaint stay taken.
func TestPairComplaintShortensNoRow(t *testing.T) {
	p := transport.NewPairs(6*time.Second, 1)
	now := time.Unix(1_800_000_000, 0)
	for range 10 {
		p.Reserve("ann", now)
	}
	p.Refused("ann", now)
	assert.Equal(t, time.Minute, p.Reserve("ann", now))
}

// Complaints about many recipients do not make those about one be forgotten.
func TestPairComplaintsAreRemembered(t *testing.T) {
	p := transport.NewPairs(6*time.Second, 1)
	now := time.Unix(1_800_000_000, 0)
	p.Refused("ann", now)
	for i := range 1100 {
		p.Refused(fmt.Sprint(i), now)
	}
	now = now.Add(time.Hour)
	p.Refused("ann", now)
	assert.Equal(t, 16*time.Second, p.Reserve("ann", now))
}

func TestPairPauseGrowsWithComplaints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := transport.NewPairs(6*time.Second, 45)
		for _, seconds := range []int{4, 16, 64, 256, 1024, 4096, 4096} {
			p.Refused("ann", time.Now())
			delay := p.Reserve("ann", time.Now())
			assert.Equal(t, time.Duration(seconds)*time.Second, delay)
			other := p.Reserve("bob", time.Now())
			assert.Zero(t, other)
			time.Sleep(delay)
		}
		time.Sleep(3 * time.Hour)
		p.Refused("ann", time.Now())
		delay := p.Reserve("ann", time.Now())
		assert.Equal(t, 4*time.Second, delay)
	})
}

func TestPairsForgetWhoIsQuiet(t *testing.T) {
	p := transport.NewPairs(6*time.Second, 45)
	now := time.Unix(1_800_000_000, 0)
	for i := range 200_000 {
		p.Reserve(fmt.Sprint(i), now)
		now = now.Add(time.Millisecond) // each bucket is full again after 6 s
	}
	assert.Less(t, p.Len(), 20_000)
}

// Looking for full buckets drops none that is not.
func TestPairsForgetWhoIsQuietOnly(t *testing.T) {
	p := transport.NewPairs(6*time.Second, 1)
	now := time.Unix(1_800_000_000, 0)
	p.Reserve("ann", now)
	for i := range 5000 {
		p.Reserve(fmt.Sprint(i), now)
	}
	assert.Equal(t, 6*time.Second, p.Reserve("ann", now))
}

// BenchmarkPairs shows what a million recipients cost, against a limiter of
// golang.org/x/time for each.
func BenchmarkPairs(b *testing.B) {
	const recipients = 1_000_000
	names := make([]string, recipients)
	for i := range names {
		names[i] = fmt.Sprintf("1202%07d", i)
	}
	now := time.Unix(1_800_000_000, 0)
	memory := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for b.Loop() {
		before := memory()
		pairs := transport.NewPairs(6*time.Second, 45)
		for _, name := range names {
			pairs.Reserve(name, now)
		}
		ours := memory() - before
		runtime.KeepAlive(pairs)
		before = memory()
		limiters := map[string]*rate.Limiter{}
		for _, name := range names {
			l := rate.NewLimiter(rate.Every(6*time.Second), 45)
			l.AllowN(now, 1)
			limiters[name] = l
		}
		floor := memory() - before
		runtime.KeepAlive(limiters)
		b.ReportMetric(float64(ours)/recipients, "B/recipient")
		b.ReportMetric(float64(ours)/float64(floor), "x-limiter-memory")
	}
}
