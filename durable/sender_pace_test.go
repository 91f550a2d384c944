package durable_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/durable"
)

// However many messages wait for the pace of their recipients, and for how long, those of
// others go out at once.
func TestPaceOfARecipientHoldsUpNoOther(t *testing.T) {
	slow := chatapi.Pace{PerSecond: 30, Pair: 6 * time.Second}
	for name, c := range map[string]struct {
		pace         chatapi.Pace
		chatty, each int
		opts         []durable.SendOption
	}{
		"one chat":                   {slow, 1, 75, nil},
		"four chats":                 {slow, 4, 90, nil},
		"one of a later priority":    {slow, 1, 75, []durable.SendOption{durable.Priority(3)}},
		"more chats than slots":      {chatapi.Pace{PerSecond: 80, Pair: 20 * time.Second, PairBurst: 1}, 300, 3, nil},
		"a turn after a claim's end": {chatapi.Pace{PerSecond: 30, Pair: time.Minute, PairBurst: 1}, 1, 5, nil},
	} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(o *office) {
				o.client = append(o.client, chatapi.WithPace(c.pace))
				o.put(o.api.Token)
				for n := range c.chatty {
					o.api.Customer(number(n).Value()).Says("hi")
					for i := range c.each {
						o.send(fmt.Sprintf("%d %d", n, i), number(n), c.opts...)
					}
				}
				o.run()
				o.after(time.Minute)
				for round := range 5 {
					later := number(500 + round)
					o.api.Customer(later.Value()).Says("hi")
					o.send(fmt.Sprint("later ", round), later, durable.At(time.Now().Add(2*time.Second)))
					for n := range 3 {
						to := number(400 + 10*round + n)
						o.api.Customer(to.Value()).Says("hi")
						o.send(fmt.Sprint("new ", round, n), to)
					}
					o.after(time.Second)
					for n := range 3 {
						o.is(fmt.Sprint("new ", round, n), durable.StateSent)
					}
					o.after(2 * time.Second)
					o.is(fmt.Sprint("later ", round), durable.StateSent)
				}
				o.after(2 * time.Hour)
				assert.Len(o, o.bodies(), c.chatty*c.each+20)
			})
		})
	}
}

// A message that waits for its recipient says so, and so do those behind it.
func TestPaceOfARecipientIsNamed(t *testing.T) {
	inOffice(t, func(o *office) {
		o.client = append(o.client, chatapi.WithPace(chatapi.Pace{PerSecond: 30, Pair: 20 * time.Second, PairBurst: 1}))
		o.put(o.api.Token)
		o.run()
		for n := range 3 {
			o.send(fmt.Sprint(n), toAnn)
		}
		o.after(time.Second)
		for _, key := range []string{"1", "2"} {
			assert.Contains(o, o.get(key).Why, "Its recipient gets messages as fast as the pace allows; the chat goes on at ", key)
		}
		o.after(time.Minute)
		assert.Equal(o, []string{"0", "1", "2"}, o.bodies())
	})
}

// Chats that wait for another reason hold up nobody either: those that the service
// refused for now, and those in their quiet hours.
func TestWaitsOfARecipientHoldUpNoOther(t *testing.T) {
	limited := `{"sent":false,"message":"(#131056) (Business Account, Consumer Account) pair rate limit hit"}`
	hours := durable.Quiet(durable.QuietHours{From: 0, To: 23 * time.Hour, Answers: true}) // bubbles begin at midnight
	for name, c := range map[string]struct {
		fault chatapitest.Fault
		opts  []durable.SendOption
	}{
		"backoff":      {chatapitest.Fault{Operation: "sendMessage", Times: 20, Status: 200, Body: limited}, nil},
		"quiet hours":  {chatapitest.Fault{}, []durable.SendOption{hours}},
		"the priority": {chatapitest.Fault{}, []durable.SendOption{durable.Priority(3), hours}},
	} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(o *office) {
				o.client = append(o.client, chatapi.WithPace(chatapi.Pace{PerSecond: 30, Pair: 6 * time.Second}))
				o.put(o.api.Token)
				if c.fault.Status > 0 {
					o.api.Fail(c.fault)
				}
				for n := range 20 {
					o.api.Customer(number(n).Value()).Says("hi")
					for i := range 20 {
						o.send(fmt.Sprintf("%d %d", n, i), number(n), c.opts...)
					}
				}
				o.run()
				o.after(90 * time.Second)
				o.api.Heal()
				before := len(o.bodies())
				o.send("new", toBen)
				o.after(time.Second)
				o.is("new", durable.StateSent)
				require.Greater(o, len(o.bodies()), before)
			})
		})
	}
}
