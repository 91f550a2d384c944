package durable_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

func (s *stand) ledger(accounts ...chatapi.Account) *chatapi.Ledger {
	s.t.Helper()
	accounts = append(accounts, chatapi.Account{ID: "waba"})
	l, err := s.State.Ledger(context.Background(), accounts[0])
	require.NoError(s.t, err)
	return l
}

func snapshotOf(t *testing.T, l *chatapi.Ledger) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, l.Snapshot(&b))
	return b.Bytes()
}

// TestLedgerEqualsTheDirectOne lets people talk with a business at random, in both
// forms of webhooks, with duplicates and restarts. The ledger of the State has the same
// facts as one that got the events without a store.
func TestLedgerEqualsTheDirectOne(t *testing.T) {
	for seed := range uint64(manyTalks) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStand(t)
				talk := newTalk(s, seed)
				for range 60 {
					talk.act()
				}
				talk.api.Settle()
				s.fold()
				l := s.ledger()
				assert.True(t, bytes.Equal(snapshotOf(t, s.direct), snapshotOf(t, l)), "the ledgers differ")
				for name := range talk.names {
					assert.Equal(t, s.direct.ServiceWindow(channel, name).Since.Unix(), s.window(name).Since.Unix(), name)
				}
				now := time.Now().UTC()
				month := chatapi.YearMonth{Year: now.Year(), Month: now.Month()}
				want, _ := s.direct.Bill(month)
				got, _ := l.Bill(month)
				assert.Equal(t, want, got)
			})
		})
	}
}

// talk is a conversation at random.
type talk struct {
	s      *stand
	api    *chatapitest.API
	rand   *rand.Rand
	people []*chatapitest.Customer
	group  string
	names  map[chatapi.Recipient]bool
	hidden map[*chatapitest.Customer]bool
	number int
}

func newTalk(s *stand, seed uint64) *talk {
	api := s.fake(chatapitest.Seed(seed))
	k := &talk{s: s, api: api, rand: rand.New(rand.NewPCG(seed, 1)), names: map[chatapi.Recipient]bool{}, hidden: map[*chatapitest.Customer]bool{}}
	for _, number := range []string{ann, bob, "5511987654321"} {
		k.people = append(k.people, api.Customer(number))
	}
	k.group = api.Group("Trip", k.people[0], k.people[1])
	api.Template("offer", "en", "Hello")
	return k
}

func (k *talk) act() {
	who := k.people[k.rand.IntN(len(k.people))]
	for _, name := range []chatapi.Recipient{chatapi.Phone(who.Phone()), chatapi.BSUID(who.BSUID())} {
		if name.Value() != "" {
			k.names[name] = true
		}
	}
	ctx := context.Background()
	switch k.rand.IntN(14) {
	case 0, 1, 2:
		who.Says("hello")
	case 3:
		who.ClicksAd(chatapi.Referral{SourceType: "ad", SourceID: "1"}, "the ad")
	case 4:
		k.people[0].SaysIn(k.group, "to all")
	case 5:
		if !k.hidden[who] {
			who.HidesNumber()
		} else {
			who.ShowsNumber()
		}
		k.hidden[who] = !k.hidden[who]
	case 6:
		if !k.hidden[who] {
			k.number++
			who.ChangesNumber(fmt.Sprintf("120255501%02d", 60+k.number))
		}
	case 7, 8:
		_, _ = k.api.Client().Send(ctx, who.Recipient(), chatapi.Text{Body: "an answer"})
	case 9:
		_, _ = k.api.Client().Send(ctx, who.Recipient(), chatapi.Template{Name: "offer", Language: "en", Category: chatapi.CategoryMarketing})
	case 10:
		if who.Phone() != "" {
			k.api.FromPhone(who.Phone(), "from the phone")
		}
	case 11:
		time.Sleep(time.Duration(k.rand.IntN(30)) * time.Hour)
	case 12:
		k.again()
	case 13:
		k.restart()
	}
}

// again stores an old delivery once more.
func (k *talk) again() {
	k.api.Settle()
	if all := k.api.Delivered(); len(all) > 0 {
		k.s.deliver(string(all[k.rand.IntN(len(all))].Body))
	}
}

// restart folds a part, and opens the store anew.
func (k *talk) restart() {
	k.api.Settle()
	require.NoError(k.s.t, durable.FoldOnce(context.Background(), k.s.Desk, 1+k.rand.IntN(8)))
	l := k.s.ledger()
	if k.rand.IntN(2) == 0 {
		require.NoError(k.s.t, k.s.State.SnapshotLedger(context.Background(), l))
	}
	k.s.restart()
}

func TestLedgerFollowsTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		l := s.ledger()
		assert.Zero(t, s.State.Position(l))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- durable.RunState(ctx, s.Desk) }()
		s.deliver(wireMessage("m1", ann, "", time.Now()))
		time.Sleep(10 * time.Second)
		assert.True(t, l.ServiceWindow(channel, chatapi.Phone(ann)).Open(time.Now()))
		assert.Equal(t, int64(1), s.State.Position(l))

		require.NoError(t, durable.Record(ctx, s.Desk, chatapi.Activity{Kind: chatapi.ActivityOutbound, At: time.Now(), Channel: "instanceabc1",
			Contact: chatapi.Contact{Phone: bob}, MessageID: "out1", Category: chatapi.CategoryUtility}))
		require.NoError(t, s.State.Refresh(ctx, l))
		assert.Equal(t, int64(2), s.State.Position(l))
		time.Sleep(7 * time.Hour)
		cancel()
		require.NoError(t, <-ended)
		n, err := sqliteExec(t, s, "DELETE FROM activity")
		require.NoError(t, err)
		assert.Equal(t, int64(2), n)
		s.restart()
		again := s.ledger()
		assert.True(t, again.ServiceWindow(channel, chatapi.Phone(ann)).Since.Equal(l.ServiceWindow(channel, chatapi.Phone(ann)).Since), "of the snapshot after six hours")
		assert.ErrorContains(t, s.State.Refresh(t.Context(), l), "not one of State.Ledger")
	})
}

// TestLateCommits checks that a row which appears with a smaller number is not missed
// on a database of many machines.
func TestLateCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		durable.OutOfOrder(s.Desk)
		require.NoError(t, durable.Record(t.Context(), s.Desk, inbound(ann)))
		_, err := sqliteExec(t, s, "UPDATE activity SET id = 10")
		require.NoError(t, err)
		l := s.ledger()
		require.NoError(t, durable.Record(t.Context(), s.Desk, inbound(bob)))
		_, err = sqliteExec(t, s, "UPDATE activity SET id = 5 WHERE id > 10")
		require.NoError(t, err)
		require.NoError(t, s.State.Refresh(t.Context(), l))
		assert.True(t, l.ServiceWindow(channel, chatapi.Phone(bob)).Open(time.Now()))
		assert.Zero(t, s.State.Position(l))
		time.Sleep(time.Minute)
		require.NoError(t, s.State.Refresh(t.Context(), l))
		assert.Equal(t, int64(10), s.State.Position(l))
	})
}

func inbound(phone string) chatapi.Activity {
	return chatapi.Activity{Kind: chatapi.ActivityInbound, At: time.Now(), Channel: channel, Contact: chatapi.Contact{Phone: phone}, MessageID: "in" + phone}
}

func TestLedgerOfSomeChannels(t *testing.T) {
	s := newStand(t)
	foreign := inbound(bob)
	foreign.Channel = "ABC2"
	broken := inbound("12025550145")
	broken.MessageID = string(bytes.Repeat([]byte("x"), 1<<17))
	require.NoError(t, durable.Record(t.Context(), s.Desk, foreign, broken, inbound(ann)))
	_, err := sqliteExec(t, s, "INSERT INTO activity (at, body) VALUES (1, $1)", []byte("{\"kind\":\"new kind\"}\nnothing\n"))
	require.NoError(t, err)
	require.NoError(t, durable.Record(t.Context(), s.Desk, inbound("12025550146")))
	l := s.ledger(chatapi.Account{ID: "waba", Numbers: []chatapi.ChannelID{"instanceabc1"}})
	assert.NotZero(t, l.ServiceWindow(channel, chatapi.Phone(ann)))
	assert.NotZero(t, l.ServiceWindow(channel, chatapi.Phone("12025550146")), "it stands behind activities that cannot be read")
	assert.Zero(t, l.ServiceWindow("ABC2", chatapi.Phone(bob)))

	_, err = s.State.Ledger(t.Context(), chatapi.Account{ID: "waba", Model: "wrong"})
	assert.ErrorIs(t, err, chatapi.ErrInvalid)
}

func TestCloseMonth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		require.NoError(t, durable.Record(t.Context(), s.Desk, inbound(ann)))
		l := s.ledger()
		now := time.Now().UTC()
		month := chatapi.YearMonth{Year: now.Year(), Month: now.Month()}
		time.Sleep(40 * 24 * time.Hour)
		bill, err := s.State.CloseMonth(t.Context(), l, month)
		if !errors.Is(err, chatapi.ErrNoPrice) {
			require.NoError(t, err)
		}
		require.NotNil(t, bill)
		s.restart()
		again, err := s.ledger().Bill(month)
		if !errors.Is(err, chatapi.ErrNoPrice) {
			require.NoError(t, err)
		}
		assert.True(t, again.Closed)
	})
}

// TestBrokenSnapshots checks that a ledger is made of the activities where a snapshot is
// damaged or was not written to its end, unless the snapshot has more.
func TestBrokenSnapshots(t *testing.T) {
	s := newStand(t)
	require.NoError(t, durable.Record(t.Context(), s.Desk, inbound(ann)))
	l := s.ledger()
	for range 3 {
		require.NoError(t, s.State.SnapshotLedger(t.Context(), l))
	}
	n, err := sqliteExec(t, s, "UPDATE ledger_snapshot SET body = $1", []byte("no snapshot"))
	require.NoError(t, err)
	assert.Equal(t, int64(1), n, "older snapshots go")
	assert.NotZero(t, s.ledger().ServiceWindow(channel, chatapi.Phone(ann)))
	assert.Contains(t, s.logged.String(), "cannot be read")

	_, err = sqliteExec(t, s, "UPDATE ledger_snapshot SET needed = 1")
	require.NoError(t, err)
	_, err = s.State.Ledger(t.Context(), chatapi.Account{ID: "waba"})
	assert.ErrorIs(t, err, chatapi.ErrSnapshot)

	_, err = sqliteExec(t, s, "UPDATE ledger_snapshot SET parts = 0")
	require.NoError(t, err)
	assert.NotZero(t, s.ledger().ServiceWindow(channel, chatapi.Phone(ann)), "the snapshot was not written to its end")
}

func TestOldActivitiesGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		require.NoError(t, durable.Record(t.Context(), s.Desk, inbound(ann)))
		l := s.ledger()
		require.NoError(t, s.State.SnapshotLedger(t.Context(), l))
		time.Sleep(200 * 24 * time.Hour)
		require.NoError(t, durable.Record(t.Context(), s.Desk, inbound(bob)))
		require.NoError(t, s.State.SnapshotLedger(t.Context(), l))
		time.Sleep(300 * 24 * time.Hour)
		s.restart()
		durable.Care(t.Context(), s.Desk)
		left := int64(0)
		require.NoError(t, s.store.View(t.Context(), func(ctx context.Context, tx store.Tx) error {
			rows, err := tx.Query(ctx, "SELECT count(*) FROM activity")
			require.NoError(t, err)
			defer rows.Close()
			rows.Next()
			return rows.Scan(&left)
		}))
		assert.Equal(t, int64(1), left)
		assert.NotZero(t, s.ledger().ServiceWindow(channel, chatapi.Phone(ann)), "the snapshot has it")
	})
}

// BenchmarkRestore measures a start with a million activities: of the rows alone, and
// of a snapshot. Rows of 1 are those of a quiet program, which folds each event alone.
func BenchmarkRestore(b *testing.B) {
	const all = 1_000_000
	for _, perRow := range []int{1, 256} {
		s := benchStand(b)
		fill(b, s, all, perRow)
		b.Run(fmt.Sprintf("activities, %d a row", perRow), func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				l, err := s.State.Ledger(context.Background(), chatapi.Account{ID: "waba"})
				require.NoError(b, err)
				require.NotZero(b, l)
			}
		})
		l, err := s.State.Ledger(context.Background(), chatapi.Account{ID: "waba"})
		require.NoError(b, err)
		b.Run("write the snapshot", func(b *testing.B) {
			for range b.N {
				require.NoError(b, s.State.SnapshotLedger(context.Background(), l))
			}
		})
		b.Run("snapshot", func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				_, err := s.State.Ledger(context.Background(), chatapi.Account{ID: "waba"})
				require.NoError(b, err)
			}
		})
	}
}

func benchStand(b *testing.B) *stand {
	s := &stand{dir: b.TempDir()}
	var err error
	s.store, err = sqlite.Open(context.Background(), s.dir)
	require.NoError(b, err)
	b.Cleanup(func() { _ = s.store.Close() })
	s.Desk, err = durable.Open(context.Background(), s.store, chatapi.NewChannels())
	require.NoError(b, err)
	return s
}

// fill stores activities: a customer's message, the answer and its two statuses, in turn.
func fill(b *testing.B, s *stand, all, perRow int) {
	at := time.Now().Add(-20 * 24 * time.Hour)
	kinds := []chatapi.ActivityKind{chatapi.ActivityInbound, chatapi.ActivityOutbound, chatapi.ActivityDelivered, chatapi.ActivityRead}
	make := func(i int) chatapi.Activity {
		a := chatapi.Activity{Kind: kinds[i%4], At: at.Add(time.Duration(i) * time.Second).UTC(), Observed: at.Add(time.Duration(i)*time.Second + time.Second).UTC(),
			Channel: channel, MessageID: fmt.Sprintf("wamid.%040d.%v", i/4, i%4 == 0), Contact: chatapi.Contact{Phone: fmt.Sprint(12025000000 + i/4%100_000)}}
		if i%8 == 0 {
			a.Contact.BSUID = fmt.Sprintf("US.%d", i/4%100_000)
		}
		return a
	}
	for from := 0; from < all; {
		require.NoError(b, s.store.Update(context.Background(), func(ctx context.Context, tx store.Tx) error {
			for range 20_000 / perRow {
				var body []byte
				for range perRow {
					line, err := json.Marshal(make(from))
					if err != nil {
						return err
					}
					body = append(append(body, line...), '\n')
					from++
				}
				if _, err := tx.Exec(ctx, "INSERT INTO activity (at, body) VALUES ($1, $2)", store.Micros(time.Now()), body); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}
