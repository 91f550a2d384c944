package durable_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	require.NoError(t, err)
	return z
}

// night is from 21:00 to 08:00, where a number that begins with 1202 is in New York.
func night(t *testing.T) durable.QuietHours {
	return durable.QuietHours{From: 21 * time.Hour, To: 8 * time.Hour, Timezone: zone(t, "Europe/Berlin"), Timezones: map[string]*time.Location{
		"1": zone(t, "America/Los_Angeles"), "1202": zone(t, "America/New_York"), "DE.": zone(t, "Asia/Tokyo")}}
}

// In a bubble it is midnight in UTC at first, 19:00 in New York.
func TestQuietHours(t *testing.T) {
	inOffice(t, func(o *office) {
		o.api.Template("hello", "en", "Hello")
		news := func(key string, opts ...durable.SendOption) {
			_, err := o.desk.Outbox.Send(o.Context(), theChannel, key, toAnn, chatapi.Template{Name: "hello", Language: "en"}, append(opts, durable.Quiet(night(o.T)))...)
			require.NoError(o, err)
		}
		changes := 0
		o.desk.Outbox.OnChange(func(_ context.Context, _ durable.Tx, q *durable.Queued) error {
			if q.State == durable.StatePlanned && q.Key == "held" {
				changes++
			}
			return nil
		})
		o.run()
		news("evening")
		synctest.Wait()
		o.is("evening", durable.StateSent)

		o.after(2*time.Hour - time.Minute)
		news("last")
		synctest.Wait()
		o.is("last", durable.StateSent)
		o.after(time.Minute) // 21:00 in New York
		news("held")
		news("until", durable.Until(time.Now().Add(time.Hour)))
		o.send("later", toAnn)
		synctest.Wait()
		o.is("later", durable.StateSent)
		q := o.is("held", durable.StatePlanned)
		assert.Equal(o, "It waits for the end of the recipient's quiet hours at 08:00 in America/New_York, which is 2000-01-01 13:00:00 UTC.", q.Why)
		assert.Equal(o, time.Date(2000, 1, 1, 13, 0, 0, 0, time.UTC), q.NotBefore)
		assert.Equal(o, 1, changes)
		assert.Zero(o, q.Attempts)
		o.after(2 * time.Hour)
		o.is("until", durable.StateSkipped)
		o.reopen()
		o.after(9*time.Hour - time.Second)
		assert.Equal(o, q.Why, o.is("held", durable.StatePlanned).Why)
		o.after(time.Second)
		o.is("held", durable.StateSent)
	})
}

// An answer is a free-form message of priority 0 in an open window.
func TestQuietHoursLetAnswersThrough(t *testing.T) {
	inOffice(t, func(o *office) {
		hours := durable.QuietHours{From: 21 * time.Hour, To: 8 * time.Hour}
		o.api.Template("hello", "en", "Hello")
		o.runDesk(func(_ context.Context, e chatapi.Event, w *durable.Work) error {
			if m, ok := e.(*chatapi.MessageEvent); ok && m.Text == "hello" {
				_, err := w.Send(m.AnswerTo(), chatapi.Text{Body: "text of answer"}, durable.Quiet(hours))
				return err
			}
			return nil
		})
		send := func(key string, to chatapi.Recipient, m chatapi.Message, opts ...durable.SendOption) {
			_, err := o.desk.Outbox.Send(o.Context(), theChannel, key, to, m, opts...)
			require.NoError(o, err)
		}
		ann := o.api.Customer(number(7).Value())
		ann.Says("hello")
		o.after(5 * time.Second)
		assert.Equal(o, []string{"answer"}, o.bodies())

		text, quiet := chatapi.Text{Body: "text of it"}, durable.Quiet(hours)
		send("template", number(7), chatapi.Template{Name: "hello", Language: "en"}, quiet)
		send("campaign", number(7), text, quiet, durable.Priority(3))
		send("closed", number(8), text, quiet)
		hours.Answers = true
		send("asked", number(7), text, durable.Quiet(hours))
		o.after(time.Minute)
		for _, key := range []string{"template", "campaign", "closed", "asked"} {
			assert.Contains(o, o.is(key, durable.StatePlanned).Why, "quiet hours at 08:00 in UTC")
		}
		o.api.Customer(number(8).Value()).Says("hi")
		o.after(8 * time.Hour)
		for _, key := range []string{"template", "campaign", "closed", "asked"} {
			o.is(key, durable.StateSent)
		}
	})
}

// The customer's message is accepted, and its answer is quicker than the fold.
func TestQuietHoursWaitForTheFold(t *testing.T) {
	inOffice(t, func(o *office) {
		late := &lateFold{Store: o.store, open: make(chan struct{})}
		var err error
		o.desk, err = durable.Open(o.Context(), late, o.channels)
		require.NoError(o, err)
		o.runDesk(ignore)
		o.api.Customer(number(8).Value()).Says("hi")
		o.send("k", number(8), durable.Quiet(durable.QuietHours{To: 8 * time.Hour}))
		o.after(10 * time.Second)
		assert.Contains(o, o.is("k", durable.StatePlanned).Why, "read first")
		close(late.open)
		o.after(time.Minute)
		o.is("k", durable.StateSent)
	})
}

func TestQuietHoursOfARecipient(t *testing.T) {
	inOffice(t, func(o *office) {
		h := night(o.T)
		o.run()
		for to, name := range map[chatapi.Recipient]string{
			chatapi.Phone("12025550143"):      "America/New_York",
			chatapi.Chat("12025550143@c.us"):  "America/New_York",
			chatapi.Phone("14155550143"):      "America/Los_Angeles",
			chatapi.Phone("4915200000000"):    "Europe/Berlin",
			chatapi.Chat("12025550143@g.us"):  "Europe/Berlin",
			chatapi.Username("1202"):          "Europe/Berlin",
			chatapi.BSUID("DE.1234567890123"): "Asia/Tokyo",
		} {
			h.From, h.To = 23*time.Hour, 22*time.Hour // nearly always
			o.send(to.Key(), to, durable.Quiet(h), durable.Priority(1))
			synctest.Wait()
			assert.Contains(o, o.is(to.Key(), durable.StatePlanned).Why, " in "+name+",", to)
		}
	})
}

// The clocks of Berlin are put on in March, at 2:00, and back in October, at 3:00.
func TestQuietHoursWhenClocksChange(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	for name, c := range map[string]struct {
		now  time.Time
		from time.Duration
		to   time.Duration
		held time.Duration
	}{
		"put on":              {time.Date(2026, 3, 28, 22, 0, 0, 0, berlin), 21 * time.Hour, 8 * time.Hour, 9 * time.Hour},
		"put back":            {time.Date(2026, 10, 24, 22, 0, 0, 0, berlin), 21 * time.Hour, 8 * time.Hour, 11 * time.Hour},
		"end in the gap":      {time.Date(2026, 3, 29, 1, 0, 0, 0, berlin), 0, 150 * time.Minute, 90 * time.Minute},
		"end twice, first":    {time.Date(2026, 10, 25, 1, 0, 0, 0, berlin), 0, 150 * time.Minute, 90 * time.Minute},
		"begins at midnight":  {time.Date(2026, 6, 1, 0, 0, 0, 0, berlin), 0, 6 * time.Hour, 6 * time.Hour},
		"ends with a minute":  {time.Date(2026, 6, 1, 5, 59, 59, 0, berlin), 0, 6 * time.Hour, time.Second},
		"is over":             {time.Date(2026, 6, 1, 6, 0, 0, 0, berlin), 0, 6 * time.Hour, 0},
		"does not begin yet":  {time.Date(2026, 6, 1, 20, 59, 59, 0, berlin), 21 * time.Hour, 8 * time.Hour, 0},
		"goes over midnight":  {time.Date(2026, 6, 1, 7, 59, 0, 0, berlin), 21 * time.Hour, 8 * time.Hour, time.Minute},
		"in the hour of both": {time.Date(2026, 10, 25, 0, 45, 0, 0, time.UTC), 0, 170 * time.Minute, 5 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			held, at := time.Duration(0), c.now
			for n := 0; ; n++ { // as the sender, which looks again when the hours end
				require.Less(t, n, 3)
				end := durable.QuietEnd(t, durable.QuietHours{From: c.from, To: c.to, Timezone: berlin}, at)
				if end.IsZero() {
					break
				}
				held, at = held+end.Sub(at), end
			}
			assert.Equal(t, c.held, held)
		})
	}
}

func TestQuietHoursRefuseWhatIsWrong(t *testing.T) {
	inOffice(t, func(o *office) {
		for why, h := range map[string]durable.QuietHours{
			"From and To are equal":    {From: time.Hour, To: time.Hour},
			"To is 24h0m0s":            {From: time.Hour, To: 24 * time.Hour},
			"From is -1h0m0s":          {From: -time.Hour, To: time.Hour},
			"From is 1h0m30s":          {From: time.Hour + 30*time.Second},
			`the time zone "Local"`:    {To: time.Hour, Timezone: time.Local},
			`the time zone "somewhere`: {To: time.Hour, Timezone: time.FixedZone("somewhere", 3600)},
		} {
			_, err := o.desk.Outbox.Send(o.Context(), theChannel, "k", toAnn, chatapi.Text{Body: "x"}, durable.Quiet(h))
			assert.ErrorContains(o, err, why)
		}
		o.send("k", toAnn, durable.Quiet(durable.QuietHours{To: 8 * time.Hour}))
		require.NoError(o, sqlite.Update(o.Context(), o.store, func(ctx context.Context, tx durable.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE outbox SET quiet_zone = 'Mars/Olympus'")
			return err
		}))
		o.run()
		assert.Contains(o, o.is("k", durable.StatePlanned).Why, "Mars/Olympus, which this machine does not know")
	})
}

func TestStopSending(t *testing.T) {
	inOffice(t, func(o *office) {
		outbox := o.desk.Outbox
		stopped := func() string {
			h, err := o.desk.Health(o.Context())
			require.NoError(o, err)
			return h.Stopped
		}
		o.client = append(o.client, chatapi.WithPace(chatapi.Pace{PerSecond: 0.1}))
		o.put(o.api.Token)
		o.api.Fail(chatapitest.Fault{Operation: "sendMessage", To: toAnn, Delay: 2 * time.Second})
		o.run()
		o.send("reserved", toAnn)
		synctest.Wait()
		o.send("claimed", toBen)
		synctest.Wait()
		o.is("claimed", durable.StateClaimed)
		require.NoError(o, outbox.StopSending(o.Context(), "the prices are wrong"))
		q := o.send("planned", number(1))
		assert.Equal(o, "All sending is stopped: the prices are wrong.", q.Why)
		o.after(time.Hour)
		assert.Equal(o, []string{"reserved"}, o.bodies())
		for _, key := range []string{"claimed", "planned"} {
			assert.Equal(o, q.Why, o.is(key, durable.StatePlanned).Why)
			assert.Zero(o, o.get(key).Attempts)
		}
		assert.Equal(o, q.Why, stopped())
		o.reopen()
		o.after(time.Hour)
		assert.Len(o, o.bodies(), 1, "also after a restart")

		outbox = o.desk.Outbox
		require.NoError(o, outbox.StopSending(o.Context(), ""))
		assert.Equal(o, "All sending is stopped.", o.get("planned").Why)
		o.api.Customer(toBen.Value()).Says("hi")
		o.api.Customer(number(1).Value()).Says("hi")
		require.NoError(o, outbox.StartSending(o.Context()))
		require.NoError(o, outbox.StartSending(o.Context()), "again")
		assert.Empty(o, stopped())
		o.after(time.Minute)
		o.is("claimed", durable.StateSent)
		o.is("planned", durable.StateSent)
	})
}

// Another process stops and starts the sending of this one.
func TestStopSendingOfAllProcesses(t *testing.T) {
	inOffice(t, func(o *office) {
		other, err := durable.Open(o.Context(), o.store, o.channels)
		require.NoError(o, err)
		o.run()
		require.NoError(o, other.Outbox.StopSending(o.Context(), "maintenance"))
		require.NoError(o, sqlite.Update(o.Context(), o.store, func(ctx context.Context, _ durable.Tx) error {
			assert.ErrorIs(o, other.Outbox.StopSending(ctx, ""), durable.ErrInTx)
			assert.ErrorIs(o, other.Outbox.StartSending(ctx), durable.ErrInTx)
			return nil
		}))
		o.send("k", toAnn)
		o.after(time.Minute)
		o.is("k", durable.StatePlanned)
		require.NoError(o, other.Outbox.StartSending(o.Context()))
		o.after(3 * time.Second)
		o.is("k", durable.StateSent)
	})
}
