package chatapitest_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

var silences = map[string]struct {
	fault    chatapitest.Fault
	accepted int
	lost     bool
}{
	"hang":                     {chatapitest.Fault{Hang: true}, 0, true},
	"hang after accepting":     {chatapitest.Fault{Hang: true, Accepted: true}, 1, true},
	"hang after queueing":      {chatapitest.Fault{Hang: true, Queued: true}, 1, true},
	"stall":                    {chatapitest.Fault{Stall: true}, 1, false},
	"stall in a failure":       {chatapitest.Fault{Stall: true, Status: 502}, 0, false},
	"stall after accepting":    {chatapitest.Fault{Stall: true, Status: 502, Accepted: true}, 1, false},
	"hang wins over a stall":   {chatapitest.Fault{Hang: true, Stall: true, Cut: true, Delay: time.Millisecond, Accepted: true}, 1, true},
	"a stall wins over a cut":  {chatapitest.Fault{Stall: true, Cut: true}, 1, false},
	"a delay is no acceptance": {chatapitest.Fault{Hang: true, Delay: time.Millisecond}, 0, true},
}

// ends are the ways in which a silence ends.
var ends = map[string]func(api *chatapitest.API, cancel func()){
	"timeout": func(*chatapitest.API, func()) {},
	"cancel":  func(_ *chatapitest.API, cancel func()) { cancel() },
	"heal":    func(api *chatapitest.API, _ func()) { api.Heal() },
	"close":   func(api *chatapitest.API, _ func()) { api.Close() },
}

// TestSilence checks requests that the fake reads and never answers, or answers by half:
// the caller waits until its timeout, or until Heal or Close breaks the connection.
func TestSilence(t *testing.T) {
	for name, test := range silences {
		for end, give := range ends {
			t.Run(name+", "+end, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					api := chatapitest.New(t)
					began := time.Now()
					silent(t, api, api.Client(chatapi.WithTimeout(time.Minute)), test.fault, func() {
						time.Sleep(time.Second)
						synctest.Wait()
						assert.Len(t, api.Customer(ann).Received(), test.accepted)
						assert.Len(t, api.Delivered(), 3*test.accepted, "the webhooks do not wait for the reply")
					}, give)
					assert.Equal(t, end == "timeout", time.Since(began) == time.Minute)
					assert.Equal(t, end != "timeout", time.Since(began) == time.Second)
					assert.Equal(t, test.lost, api.Calls().Last().Lost)
					assert.Len(t, api.Customer(ann).Received(), test.accepted)
				})
			})
		}
	}
}

// silent sends a message into a fault and waits until it has arrived. The caller still
// waits then. silent ends the silence and checks that the message is not sent again.
func silent(t *testing.T, api *chatapitest.API, client *chatapi.Client, fault chatapitest.Fault, arrived func(), end func(api *chatapitest.API, cancel func())) {
	events := &listener{}
	api.Customer(ann).Says("hi")
	api.Webhook("https://log.test/x", events)
	fault.Operation = "sendMessage"
	api.Fail(fault)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := client.Send(ctx, chatapi.Phone(ann), chatapi.Text{Body: "x"})
		done <- err
	}()
	arrived()
	select {
	case err := <-done:
		t.Fatalf("the caller does not wait: %v", err)
	default:
	}
	end(api, cancel)
	err := <-done
	require.Error(t, err)
	var e *chatapi.Error
	require.ErrorAs(t, err, &e)
	assert.NotEqual(t, chatapi.ErrUnreachable, e.Kind)
	assert.Len(t, api.Calls().Of("sendMessage"), 1, "it is not sent again")
}

// TestSilenceOverAPort does the same with a real connection.
func TestSilenceOverAPort(t *testing.T) {
	for name, test := range silences {
		for end, give := range ends {
			if end == "timeout" && name != "hang" && name != "stall" {
				continue // it takes real time
			}
			t.Run(name+", "+end, func(t *testing.T) {
				t.Parallel()
				api := chatapitest.New(t)
				address, err := api.Listen()
				require.NoError(t, err)
				timeout := 20 * time.Second
				if end == "timeout" {
					timeout = 3 * time.Second
				}
				client, err := chatapi.New(address, api.Token, chatapi.WithTimeout(timeout))
				require.NoError(t, err)
				began := time.Now()
				silent(t, api, client, test.fault, func() {
					require.Eventually(t, func() bool {
						return len(api.Calls().Of("sendMessage")) == 1 && len(api.Delivered()) == 3*test.accepted
					}, 10*time.Second, time.Millisecond, "the webhooks do not wait for the reply")
					time.Sleep(50 * time.Millisecond) // an answer would have arrived
				}, give)
				if end == "timeout" {
					assert.GreaterOrEqual(t, time.Since(began), timeout)
				}
				assert.Len(t, api.Customer(ann).Received(), test.accepted)
			})
		}
	}
}

// TestStallGivesHalf checks that half of an answer arrives, and then nothing, until the
// connection breaks or the reader closes it.
func TestStallGivesHalf(t *testing.T) {
	get := func(t *testing.T, api *chatapitest.API, client *http.Client, address string) (body io.ReadCloser, half string) {
		api.Fail(chatapitest.Fault{Stall: true, Operation: "status"})
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/status?token="+api.Token, nil)
		require.NoError(t, err)
		resp, err := client.Do(r)
		require.NoError(t, err)
		whole := api.Calls().Last().Reply
		assert.EqualValues(t, len(whole), resp.ContentLength)
		first := make([]byte, len(whole)/2)
		_, err = io.ReadFull(resp.Body, first)
		require.NoError(t, err)
		assert.Equal(t, string(whole[:len(whole)/2]), string(first))
		return resp.Body, string(first)
	}
	check := func(t *testing.T, api *chatapitest.API, client *http.Client, address string) {
		for _, end := range []string{"heal", "close"} {
			body, _ := get(t, api, client, address)
			read := make(chan error)
			go func() {
				_, err := body.Read(make([]byte, 1))
				read <- err
			}()
			select {
			case err := <-read:
				t.Errorf("the read has ended: %v", err)
			case <-time.After(20 * time.Millisecond):
			}
			if end == "heal" {
				api.Heal()
			} else {
				assert.NoError(t, body.Close())
			}
			assert.Error(t, <-read, end)
			assert.NoError(t, body.Close())
		}
		api.Heal()
		resp, err := client.Get(address + "/status?token=" + api.Token)
		require.NoError(t, err)
		defer resp.Body.Close()
		assert.Equal(t, http.StatusOK, resp.StatusCode, "healed")
	}
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t)
		check(t, api, &http.Client{Transport: api.Transport}, api.URL)
	})
	api := chatapitest.New(t)
	address, err := api.Listen()
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	check(t, api, client, address)
}

// TestHealIsForOldFaults checks that a fault that is added after Heal works as the first.
func TestHealIsForOldFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t)
		client := api.Client(chatapi.WithTimeout(time.Minute))
		api.Heal()
		for range 2 {
			api.Fail(chatapitest.Fault{Hang: true})
			began := time.Now()
			_, err := client.Send(t.Context(), chatapi.Phone(ann), chatapi.Text{Body: "x"})
			assert.ErrorIs(t, err, chatapi.ErrOutcomeUnknown)
			assert.Equal(t, time.Minute, time.Since(began))
			api.Heal()
		}
	})
}
