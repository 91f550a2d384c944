package durable_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

const insertOutbox = `INSERT INTO outbox (channel, khash, key, chat, prio, campaign, version, prepared, fell_back, state, claim, claimed, planned, not_before, until,
	attempts, reserved, looked, message_id, status, status_at, reason, failure) VALUES ('ABC1', $1, $2, $3, 0, '', 1, $4, 0, $5, '', 0, 0, 0, 0, 1, 0, 0, $6, '', 0, $7, $8)`

// TestErase puts a person everywhere, and looks for the person in the bytes of the
// database's files afterwards.
func TestErase(t *testing.T) {
	s := newStand(t)
	now := time.Now().Truncate(time.Second)
	fillWithAnn(t, s, now)
	s.fold()
	direct := s.ledger()
	month := chatapi.YearMonth{Year: now.Year(), Month: now.Month()}
	before, _ := direct.Bill(month)
	require.NoError(t, s.State.SnapshotLedger(t.Context(), direct))

	done, err := s.Erase(t.Context(), "instanceabc1", chatapi.Contact{BSUID: "US.4711"})
	require.NoError(t, err)
	assert.Equal(t, 6, done.Events, "of them one twice, in the other form")
	assert.Equal(t, 3, done.Messages)
	assert.Equal(t, 1, done.Letters)
	assert.NotZero(t, done.Facts)
	assert.NotEmpty(t, done.Left)
	assert.ErrorContains(t, s.State.SnapshotLedger(t.Context(), direct), "erased")

	assert.Zero(t, s.window(chatapi.Phone(ann)))
	assert.True(t, s.optedOut(chatapi.Phone(ann)), "an opt-out outlives the links of the names")
	assert.True(t, s.optedOut(chatapi.BSUID("US.4711")))
	assert.True(t, s.window(chatapi.Phone(bob)).Open(now.Add(time.Minute)))
	after, _ := s.ledger().Bill(month)
	assert.Equal(t, before.Totals, after.Totals)
	assert.Len(t, after.Charges, len(before.Charges))
	events, err := s.store.Open(t.Context(), "ABC1 phone:"+bob, 10)
	require.NoError(t, err)
	require.Len(t, events, 1)
	kept, err := s.store.Event(t.Context(), events[0].Seq)
	require.NoError(t, err)
	assert.Contains(t, string(kept.Body), "bob's own text")
	events, err = s.store.Open(t.Context(), "ABC1 phone:"+ann, 10)
	require.NoError(t, err)
	assert.Empty(t, events, "open events of the person are not handled any more")

	again, err := s.Erase(t.Context(), channel, chatapi.Contact{BSUID: "US.4711", Phone: ann})
	require.NoError(t, err)
	assert.Zero(t, again.Events+again.Messages+again.Facts)

	for _, name := range []string{"accept.db", "accept.db-wal", "work.db", "work.db-wal"} {
		file, err := os.ReadFile(filepath.Join(s.dir, name))
		require.NoError(t, err)
		for _, text := range []string{ann, "US.4711", "hush", "Ann Example", "ann.example", "out-of-ann"} {
			assert.False(t, bytes.Contains(file, []byte(text)), "%s is in %s", text, name)
		}
	}
}

// fillWithAnn stores what Ann did, and what others did beside her.
func fillWithAnn(t *testing.T, s *stand, now time.Time) {
	t.Helper()
	s.deliver(wireMessage("in-of-ann", ann, "US.4711", now))
	both := wireMessage("in-of-ann-2", ann, "US.4711", now)
	s.deliver(strings.Replace(strings.Replace(both, `"messages":[`, `"messages":[{"from":"`+bob+`","id":"b1","timestamp":"`+seconds(now)+`","type":"text","text":{"body":"bob's own text"}},`, 1),
		`"contacts":[`, `"contacts":[{"profile":{"name":"Bob"},"wa_id":"`+bob+`"},`, 1))
	s.deliver(wirePreference(ann, "US.4711", "marketing_messages", "stop", now))
	s.deliver(wireBody("messages", `"statuses":[{"id":"out-of-ann","status":"delivered","timestamp":"`+seconds(now)+`","recipient_id":"`+ann+`","pricing":{"billable":true,"category":"utility","pricing_model":"PMP"}}]`))
	s.deliver(wireBody("messages", `"contacts":[{"profile":{"name":"Ann Example","username":"ann.example"},"user_id":"US.4711"}],"messages":[{"from_user_id":"US.4711","id":"in-3","group_id":"1203","timestamp":"`+
		seconds(now)+`","type":"text","text":{"body":"a hush for the group"}}]`))
	s.deliver(wireMessage("in-of-ann", ann, "US.4711", now)) // a duplicate, which is kept for its facts
	for i, state := range []int{1, 4, 5} {
		_, err := sqliteExec(t, s, insertOutbox, []byte{byte(i)}, "order for "+ann, "phone:"+ann, []byte(`{"to":"`+ann+`","text":"hush"}`), state,
			[]string{"", "out-of-ann", ""}[i], "hush reason", []byte("hush"))
		require.NoError(t, err)
	}
	for _, statement := range []string{
		`INSERT INTO outbox_attempt (outbox, number, attempt, at, message_id, result) SELECT id, 1, 'hush', 0, message_id, 'hush' FROM outbox`,
		`INSERT INTO attempt (seq, lane, attempts, not_before, running, reason) VALUES (1, 'ABC1 phone:` + ann + `', 1, 0, 0, 'hush')`,
		`INSERT INTO dead (seq, lane, channel, event_key, attempts, reason, accepted, died, replay) VALUES (1, 'ABC1 phone:` + ann + `', 'ABC1', 'message/in-of-ann', 1, 'hush', 0, 0, 0)`,
	} {
		_, err := sqliteExec(t, s, statement)
		require.NoError(t, err)
	}
}

func TestEraseRefuses(t *testing.T) {
	s := newStand(t)
	_, err := s.Erase(t.Context(), channel, chatapi.Contact{Name: "Ann"})
	assert.ErrorContains(t, err, "names nobody")
	_, err = s.Erase(t.Context(), "", chatapi.Contact{Phone: ann})
	assert.ErrorContains(t, err, "channel is missing")
	_, err = sqliteExec(t, s, insertOutbox, []byte{1}, "k", "phone:"+ann, []byte("{}"), 3, "", "", nil)
	require.NoError(t, err)
	_, err = s.Erase(t.Context(), channel, chatapi.Contact{Phone: ann})
	assert.ErrorIs(t, err, durable.ErrSending)
	require.NoError(t, s.store.Update(t.Context(), func(ctx context.Context, _ store.Tx) error {
		_, err := s.Erase(ctx, channel, chatapi.Contact{Phone: ann})
		assert.ErrorIs(t, err, durable.ErrInTx)
		return nil
	}))
}

// A "stop" that was accepted and is not folded yet outlives its webhook.
func TestEraseFoldsFirst(t *testing.T) {
	for name, running := range map[string]bool{"alone": false, "beside the fold": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStand(t)
				now := time.Now().Add(-time.Hour)
				s.deliver(wireMessage("m1", ann, "US.1", now))
				s.deliver(wirePreference(ann, "US.1", "marketing_messages", "stop", now))
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				if ended <- nil; running {
					<-ended
					_, unlock, err := s.store.Lock(ctx, "fold")
					require.NoError(t, err)
					time.AfterFunc(time.Second, func() {
						unlock()
						ended <- durable.RunState(ctx, s.Desk)
					})
				}
				_, err := s.Erase(t.Context(), channel, chatapi.Contact{Phone: ann})
				require.NoError(t, err)
				assert.True(t, s.optedOut(chatapi.Phone(ann)))
				assert.True(t, s.optedOut(chatapi.BSUID("US.1")))
				cancel()
				require.NoError(t, <-ended)
				assert.Zero(t, durable.Skipped(s.Desk))
			})
		})
	}
}
