package chatapi_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// manyActivities returns n activities of some thousand contacts of every kind, at
// two numbers.
func manyActivities(n int) (all []chatapi.Activity) {
	random := rand.New(rand.NewPCG(7, 7))
	start := instant("2026-10-01T00:00:00Z")
	for i := range n {
		who := random.IntN(3000)
		contact := chatapi.Contact{Phone: fmt.Sprintf("1202555%04d", who)}
		switch who % 10 {
		case 0:
			contact = chatapi.Contact{BSUID: fmt.Sprintf("US.%d", who)}
		case 1:
			contact = chatapi.Contact{Chat: fmt.Sprintf("%d@g.us", who)}
		case 2:
			contact.Phone = "+" + contact.Phone
		case 3:
			contact = chatapi.Contact{Chat: contact.Phone + "@c.us"}
		}
		a := chatapi.Activity{Kind: []chatapi.ActivityKind{chatapi.ActivityInbound, chatapi.ActivityOutbound, chatapi.ActivityDelivered}[i%3],
			At: start.Add(time.Duration(random.IntN(30*24*60)) * time.Minute), Channel: []chatapi.ChannelID{"A", "B"}[random.IntN(2)],
			Contact: contact, MessageID: fmt.Sprintf("m%d", random.IntN(n/3))}
		if a.Kind == chatapi.ActivityOutbound {
			a.Category = []string{"", "utility", "Marketing", "new_word"}[random.IntN(4)]
		}
		if a.Kind == chatapi.ActivityDelivered && random.IntN(9) == 0 {
			a.Reported = chatapi.Reported{Billable: "false", ExpiresAt: a.At.Add(24 * time.Hour)}
		}
		all = append(all, a)
	}
	return all
}

func TestLoadDoesWhatRecordDoes(t *testing.T) {
	all := manyActivities(30_000)
	recorded, loaded := newLedger(t, chatapi.Account{}, all...), chatapi.NewLedger(chatapi.Account{})
	require.NoError(t, loaded.Load(values(all, nil)))
	want := snapshotOf(t, recorded)
	require.Equal(t, want, snapshotOf(t, loaded))
	require.NoError(t, loaded.Load(values(all, nil)), "again")
	require.Equal(t, want, snapshotOf(t, loaded))

	// Load records every activity before the error, wherever the error comes.
	for _, n := range []int{0, 1, 4095, 4096, 4097, 20_000} {
		part := chatapi.NewLedger(chatapi.Account{})
		require.ErrorIs(t, part.Load(values(all[:n], errCardFile)), errCardFile)
		bad := chatapi.NewLedger(chatapi.Account{})
		require.ErrorIs(t, bad.Load(values(slices.Concat(all[:n], []chatapi.Activity{{Channel: "A"}}, all), nil)), chatapi.ErrInvalid)
		want := snapshotOf(t, newLedger(t, chatapi.Account{}, all[:n]...))
		assert.Equal(t, want, snapshotOf(t, part), n)
		assert.Equal(t, want, snapshotOf(t, bad), n)
	}
}

func TestABillIsTheSameOnAnyNumberOfProcessors(t *testing.T) {
	ledger := chatapi.NewLedger(chatapi.Account{})
	require.NoError(t, ledger.Load(values(manyActivities(30_000), nil)))
	october := chatapi.Month(2026, time.October)
	var texts []string
	for _, n := range []int{1, 2, 5} {
		before := runtime.GOMAXPROCS(n)
		bill, err := ledger.Bill(october)
		runtime.GOMAXPROCS(before)
		require.ErrorIs(t, err, chatapi.ErrNoPrice, "groups have no price")
		texts = append(texts, bill.String())
	}
	assert.Equal(t, texts[0], texts[1])
	assert.Equal(t, texts[0], texts[2])
	assert.Greater(t, len(texts[0]), 100_000)
}

func TestClosingIsTheSameOnAnyNumberOfProcessors(t *testing.T) {
	all := manyActivities(30_000)
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	var snapshots [][]byte
	for _, n := range []int{1, 2, 5} {
		runtime.GOMAXPROCS(n)
		ledger := chatapi.NewLedger(chatapi.Account{Model: chatapi.ModelCBP2022})
		require.NoError(t, ledger.Load(values(all[:25_000], nil)))
		for _, month := range []time.Month{time.October, time.November} {
			if _, err := ledger.Close(chatapi.Month(2026, month)); err != nil {
				require.ErrorIs(t, err, chatapi.ErrNoPrice, "groups have no price")
			}
			require.NoError(t, ledger.Load(values(all[25_000:], nil)), "late")
		}
		snapshots = append(snapshots, snapshotOf(t, ledger))
		bill, err := ledger.Bill(chatapi.Month(2026, time.October))
		require.ErrorIs(t, err, chatapi.ErrNoPrice)
		assert.Greater(t, len(bill.Late), 1000)
	}
	assert.Equal(t, snapshots[0], snapshots[1])
	assert.Equal(t, snapshots[0], snapshots[2])
}
