package chatapitest_test

import (
	"bytes"
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

	"github.com/chatapi-go/chatapi/chatapitest"
)

// inBothWays runs a check in a bubble, and outside with webhooks over a port. The check
// calls register to register its handler.
func inBothWays(t *testing.T, check func(t *testing.T, register func(*chatapitest.API, http.Handler))) {
	t.Run("in a bubble", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			check(t, func(api *chatapitest.API, h http.Handler) { api.Webhook("https://log.test/x", h) })
		})
	})
	t.Run("over a port", func(t *testing.T) {
		check(t, func(api *chatapitest.API, h http.Handler) {
			server := httptest.NewServer(h)
			t.Cleanup(server.Close)
			api.Webhook(server.URL+"/x", nil)
		})
	})
}

func has(text string) func(chatapitest.Delivery) bool {
	return func(d chatapitest.Delivery) bool { return bytes.Contains(d.Body, []byte(`"`+text+`"`)) }
}

// meeting is a handler in which a copy of a webhook waits for the other copy.
type meeting struct {
	listener
	mu    sync.Mutex
	here  map[string]chan struct{}
	alone bool // a copy has waited in vain
}

func (m *meeting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	m.mu.Lock()
	both, second := m.here[string(body)]
	if !second {
		both = make(chan struct{})
		m.here[string(body)] = both
	}
	m.mu.Unlock()
	if second {
		close(both)
	} else if has("twice")(chatapitest.Delivery{Body: body}) {
		select {
		case <-both:
		case <-time.After(20 * time.Second):
			m.alone = true
		}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	m.listener.ServeHTTP(w, r)
}

func TestMisdeliverTwice(t *testing.T) {
	inBothWays(t, func(t *testing.T, register func(*chatapitest.API, http.Handler)) {
		api := chatapitest.New(t)
		handler := &meeting{here: map[string]chan struct{}{}}
		register(api, handler)
		api.Misdeliver(chatapitest.Misdelivery{Match: has("twice"), Twice: true})
		for _, text := range []string{"before", "twice", "after"} {
			api.Customer(ann).Says(text)
		}
		assert.False(t, handler.alone, "both requests are in flight at once")
		assert.Equal(t, []string{"message before", "message twice", "message twice", "message after"}, handler.keys())
		assert.Len(t, api.Delivered(), 4)
	})
}

func TestMisdeliverOutOfOrder(t *testing.T) {
	type list = []chatapitest.Misdelivery
	for name, test := range map[string]struct {
		misdeliveries list
		quirks        []chatapitest.Quirk
		want          string // the order of the messages a to e
		healed        string // what Heal still delivers
	}{
		"behind one":               {list{{Behind: 1}}, nil, "b a c d e", ""},
		"behind three":             {list{{Behind: 3}}, nil, "b c d a e", ""},
		"behind more than come":    {list{{Behind: 9}}, nil, "b c d e", "a"},
		"a later one":              {list{{Behind: 1, Skip: 2}}, nil, "a b d c e", ""},
		"two of them":              {list{{Behind: 2, Times: 2}}, nil, "b c a e", "d"},
		"each two change places":   {list{{Behind: 1, Times: -1}}, nil, "b a d c", "e"},
		"one that matches":         {list{{Behind: 1, Match: has("b")}}, nil, "a c b d e", ""},
		"another address":          {list{{Behind: 1, URL: "https://else.test/x"}}, nil, "a b c d e", ""},
		"two held at once":         {list{{Behind: 1, Match: has("a")}, {Behind: 1, Match: has("b")}}, nil, "c a b d e", ""},
		"one overtakes the other":  {list{{Behind: 3, Match: has("a")}, {Behind: 1, Match: has("b")}}, nil, "c b d a e", ""},
		"once now and once behind": {list{{Behind: 2, Twice: true}}, nil, "a b c a d e", ""},
		"the first one is applied": {list{{Behind: 1}, {Behind: 3, Match: has("a")}}, nil, "b a c d e", ""},
		"double deliveries":        {list{{Behind: 1}}, []chatapitest.Quirk{chatapitest.DoubleDeliveries}, "b b a a c c d d e e", ""},
	} {
		t.Run(name, func(t *testing.T) {
			inBothWays(t, func(t *testing.T, register func(*chatapitest.API, http.Handler)) {
				api := chatapitest.New(t, chatapitest.Quirks(test.quirks...))
				events := &listener{}
				register(api, events)
				for _, m := range test.misdeliveries {
					api.Misdeliver(m)
				}
				for text := range strings.SplitSeq("a b c d e", " ") {
					api.Customer(ann).Says(text)
				}
				assert.Equal(t, test.want, texts(events))
				api.Heal()
				api.Settle()
				assert.Equal(t, strings.TrimSpace(test.want+" "+test.healed), texts(events))
				api.Customer(ann).Says("f")
				assert.True(t, strings.HasSuffix(texts(events), " f"), "a healed fake delivers in order")
				assert.Empty(t, api.Undelivered())
			})
		})
	}
}

// texts returns the texts of the messages that a listener got.
func texts(l *listener) string {
	return strings.ReplaceAll(strings.Join(l.keys(), " "), "message ", "")
}

// TestMisdeliverOneAddress checks that webhooks to another address neither wait nor
// overtake.
func TestMisdeliverOneAddress(t *testing.T) {
	api := chatapitest.New(t)
	held, other := &listener{}, &listener{}
	api.Webhook("https://held.test/x", held)
	api.Webhook("https://other.test/x", other)
	api.Misdeliver(chatapitest.Misdelivery{URL: "https://held.test/x/", Behind: 1})
	api.Customer(ann).Says("a")
	assert.Empty(t, held.keys())
	assert.Equal(t, "a", texts(other))
	api.Customer(ann).Says("b")
	assert.Equal(t, "b a", texts(held))
	assert.Equal(t, "a b", texts(other))
}

// TestMisdeliverLate checks that a late webhook waits for its time on the fake's clock,
// whether the time passes or Advance moves it, and that others go on.
func TestMisdeliverLate(t *testing.T) {
	inBothWays(t, func(t *testing.T, register func(*chatapitest.API, http.Handler)) {
		api := chatapitest.New(t)
		events := &listener{}
		register(api, events)
		api.Misdeliver(chatapitest.Misdelivery{Match: has("a"), Late: 2 * time.Hour})
		api.Misdeliver(chatapitest.Misdelivery{Match: has("b"), Late: time.Hour})
		api.Misdeliver(chatapitest.Misdelivery{Match: has("c"), Late: time.Hour, Twice: true})
		api.Misdeliver(chatapitest.Misdelivery{Match: has("d"), Late: time.Hour, Behind: 5})
		for text := range strings.SplitSeq("a b c d e", " ") {
			api.Customer(ann).Says(text)
		}
		assert.Equal(t, "c e", texts(events))
		api.Advance(59 * time.Minute)
		api.Settle()
		assert.Equal(t, "c e", texts(events), "not yet")
		api.Advance(2 * time.Hour)
		api.Settle()
		assert.Equal(t, "c e b c a", texts(events), "the earliest time first")
		api.Customer(ann).Says("f")
		assert.Equal(t, "c e b c a f d", texts(events), "late, and behind the fifth")
	})
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t)
		events := &listener{}
		api.Webhook("https://log.test/x", events)
		api.Misdeliver(chatapitest.Misdelivery{Match: has("a"), Late: time.Hour, Times: -1})
		api.Customer(ann).Says("a")
		time.Sleep(time.Hour - time.Nanosecond)
		synctest.Wait()
		assert.Empty(t, events.keys())
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		assert.Equal(t, "a", texts(events), "without Settle")
		api.Customer(ann).Says("a")
		time.Sleep(time.Hour)
		api.Customer(ann).Says("b")
		assert.Equal(t, "a a b", texts(events), "due before the customer wrote")
		for range 50 {
			api.Customer(ann).Says("a")
			time.Sleep(time.Hour)
			api.Settle()
			assert.True(t, strings.HasSuffix(texts(events), " a"), "Settle waits for what is due at this instant")
			api.Customer(ann).Says("b")
		}
	})
}

// TestMisdeliverLateInRealTime checks the clock of a program, which has no bubble.
func TestMisdeliverLateInRealTime(t *testing.T) {
	api := chatapitest.New(t, chatapitest.At(time.Date(2026, 10, 15, 12, 0, 0, 0, time.UTC)))
	events := &listener{}
	api.Webhook("https://log.test/x", events)
	api.Misdeliver(chatapitest.Misdelivery{Late: 50 * time.Millisecond})
	began := time.Now()
	api.Customer(ann).Says("a")
	require.Eventually(t, func() bool { return texts(events) == "a" }, 20*time.Second, 5*time.Millisecond)
	assert.GreaterOrEqual(t, time.Since(began), 50*time.Millisecond)
}

// TestMisdeliveryIsGivenUp checks that a webhook is given up as any other: with an
// error if its handler refuses it, and without one if the fake is closed before.
func TestMisdeliveryIsGivenUp(t *testing.T) {
	for name, m := range map[string]chatapitest.Misdelivery{
		"twice": {Twice: true}, "behind": {Behind: 1}, "late": {Late: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			api, r := recorded(t, chatapitest.Redeliver(2, 0))
			api.Webhook("https://log.test/x", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if body, _ := io.ReadAll(r.Body); has("a")(chatapitest.Delivery{Body: body}) {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
			}))
			api.Misdeliver(m)
			api.Customer(ann).Says("a")
			api.Customer(ann).Says("b")
			api.Advance(time.Hour)
			api.Settle()
			require.NotEmpty(t, api.Undelivered())
			assert.Equal(t, 2, api.Undelivered()[0].Tries)
			assert.ErrorContains(t, api.Err(), "a webhook was given up after 2 tries: answered with 503")
			assert.Contains(t, r.text(), "given up")
		})
	}
	t.Run("closed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			api := chatapitest.New(t)
			events := &listener{}
			api.Webhook("https://log.test/x", events)
			api.Misdeliver(chatapitest.Misdelivery{Behind: 1})
			api.Misdeliver(chatapitest.Misdelivery{Late: time.Hour})
			api.Customer(ann).Says("a")
			api.AddChannel("ABC2").Customer(ann).Says("b")
			api.Advance(time.Minute)
			api.Close()
			require.Len(t, api.Undelivered(), 1)
			assert.Equal(t, "the fake was closed", api.Undelivered()[0].Problem)
			api.Advance(2 * time.Hour)
			api.Heal()
			time.Sleep(2 * time.Hour)
			synctest.Wait()
			assert.Empty(t, events.keys())
			assert.NoError(t, api.Err())
		})
	})
}

func TestMisdeliverMisuse(t *testing.T) {
	for name, m := range map[string]chatapitest.Misdelivery{
		"set Twice, Behind or Late": {Times: -1},
		"(-1, 0, 0s)":               {Skip: -1, Twice: true},
		"(0, -2, 0s)":               {Behind: -2},
		"(0, 0, -1s)":               {Late: -time.Second},
	} {
		api, r := recorded(t)
		events := &listener{}
		api.Webhook("https://log.test/x", events)
		api.Misdeliver(m)
		assert.Contains(t, r.text(), name)
		api.Customer(ann).Says("a")
		assert.Equal(t, "a", texts(events), "it is not applied")
	}
}

// TestMisdeliverInHandler checks that a handler may make webhooks late and move the
// clock: it waits for none of them.
func TestMisdeliverInHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t)
		events := &listener{}
		api.Webhook("https://log.test/x", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			events.ServeHTTP(w, r)
			if texts(events) == "a" {
				api.Misdeliver(chatapitest.Misdelivery{Late: time.Hour})
				api.Customer(ann).Says("b")
				api.Customer(ann).Says("c")
				api.Advance(time.Hour)
				api.Settle()
				assert.Equal(t, "a", texts(events))
			}
		}))
		api.Customer(ann).Says("a")
		assert.Equal(t, "a c b", texts(events))
	})
}
