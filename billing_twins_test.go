package chatapi_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// Two reports of one message without an id are one message. The names that only one of
// them gives stay linked, also after a close and a snapshot.
func TestLinksOfEqualMessagesOutliveAClose(t *testing.T) {
	account := chatapi.Account{Timezone: time.UTC, Numbers: []chatapi.ChannelID{"A"}}
	at := time.Date(2022, 10, 2, 15, 59, 59, 0, time.UTC)
	number := chatapi.Contact{Phone: "12025550143"}
	both := chatapi.Contact{Phone: "12025550143", Username: "ana"}
	for name, order := range map[string][]chatapi.Contact{"the name first": {both, number}, "the name last": {number, both}} {
		l := chatapi.NewLedger(account)
		for i, contact := range order {
			a := chatapi.Activity{Kind: chatapi.ActivityInbound, At: at, Channel: "A", Contact: contact}
			if i == 1 {
				a.At, a.Observed = time.Time{}, at
			}
			require.NoError(t, l.Record(a), name)
		}
		for range 2 {
			assert.Equal(t, at, l.ServiceWindow("A", chatapi.Username("ana")).Since, name)
			_, err := l.Close(chatapi.YearMonth{Year: 2022, Month: 9})
			require.NoError(t, err, name)
			assert.Equal(t, at, l.ServiceWindow("A", chatapi.Username("ana")).Since, name)
			var snapshot bytes.Buffer
			require.NoError(t, l.Snapshot(&snapshot))
			l, err = chatapi.RestoreLedger(&snapshot, account)
			require.NoError(t, err, name)
		}
	}
}

// Two of a million drawn histories in which the ledger and the model once differed. In
// the first, a message was settled at an observed instant and told again after the
// close; in the second, two reports of one message without an id gave different names.
func TestTheLedgerAgreesWhereItOnceDiffered(t *testing.T) {
	check := newModelCheck(t)
	for _, i := range []int{811670, 868004} {
		t.Run(fmt.Sprint(i), func(t *testing.T) { check.history(t, i, historyKinds) })
	}
}
