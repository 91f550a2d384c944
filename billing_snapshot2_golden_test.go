package chatapi_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// The files of testdata/snapshots2 are ledgers as version 2 of the format keeps
// them: with people who have several names, a group, messages of the phone app and
// facts without names. Their names are those of testdata/snapshots. Users keep such
// files, so -update writes only the snapshots of new rows, and the answers.

// linkedActivities returns activities around the end of the month whose facts name
// people in several ways.
func (k keptLedger) linkedActivities() (before, after []chatapi.Activity) {
	end := k.end()
	both, id := chatapi.Contact{Phone: "12025550143", BSUID: "US.1000000000000001"}, chatapi.Contact{BSUID: "US.1000000000000001"}
	one := func(kind chatapi.ActivityKind, hours int, who chatapi.Contact, message, category string) chatapi.Activity {
		return chatapi.Activity{Kind: kind, At: end.Add(time.Duration(hours) * time.Hour), Channel: abc, Contact: who, MessageID: message, Category: category}
	}
	group, app := one("delivered", -7, chatapi.Contact{Chat: groupID}, "linked group", "group_utility"), one("outbound", -5, both, "linked app", "")
	group.Member, app.FromApp = chatapi.Contact{Phone: "5511987654321", BSUID: "BR.1"}, true
	renamed := one("identity", -4, chatapi.Contact{BSUID: "US.2", Phone: "12025550199"}, "", "")
	renamed.Former = chatapi.Contact{BSUID: "US.3", Phone: "12025550198"}
	before = []chatapi.Activity{one("inbound", -8, both, "linked in", ""), one("outbound", -7, chatapi.Contact{Phone: "12025550143"}, "linked out", "utility"),
		one("delivered", -6, id, "linked out", ""), group, app, one("delivered", -4, chatapi.Contact{}, "linked app", ""), renamed,
		one("read", -3, chatapi.Contact{}, "nameless", "marketing"), one("inbound", -3, chatapi.Contact{Phone: "12025550198"}, "linked old", ""),
		one("outbound", -2, chatapi.Contact{Phone: "525512345678"}, "linked mx", "utility"), one("delivered", -1, chatapi.Contact{Chat: "5215512345678@c.us"}, "linked mx", "")}
	after = []chatapi.Activity{one("outbound", 2, chatapi.Contact{Phone: "12025550199"}, "linked answer", ""), one("delivered", 3, chatapi.Contact{BSUID: "US.2"}, "linked answer", ""),
		one("inbound", 4, chatapi.Contact{Phone: "12025550143", BSUID: "US.4"}, "passed on", ""), one("outbound", 1, customerB, "nameless", "")}
	return before, after
}

// linkedSnapshots returns the snapshots of a row by their state, open or closed.
func (k keptLedger) linkedSnapshots(t *testing.T) map[string][]byte {
	t.Helper()
	before, late, after := k.activities()
	linked, linkedAfter := k.linkedActivities()
	open := chatapi.NewLedger(k.accounts[0], k.accounts[1:]...)
	recordAll(t, open, before, linked, late, after, linkedAfter)
	closed := chatapi.NewLedger(k.accounts[0], k.accounts[1:]...)
	recordAll(t, closed, before, linked)
	_, err := closed.Close(k.month)
	replied(t, true, err)
	recordAll(t, closed, late)
	return map[string][]byte{"open": snapshotOf(t, open), "closed": snapshotOf(t, closed)}
}

func TestSnapshotsOfVersion2RestoreToTheSameAnswers(t *testing.T) {
	const dir = "testdata/snapshots2"
	count := 0
	for _, kept := range keptLedgers(t) {
		if !slices.Contains([]string{"cbp-2022", "pmp-2026", "change-to-pmp-2026"}, kept.name) {
			continue
		}
		for state, snapshot := range kept.linkedSnapshots(t) {
			file := filepath.Join(dir, kept.name+"-"+state)
			count++
			t.Run(filepath.Base(file), func(t *testing.T) {
				if _, err := os.Stat(file + ".snapshot"); *update && os.IsNotExist(err) {
					require.NoError(t, os.WriteFile(file+".snapshot", snapshot, 0o644))
				}
				stored := readFile(t, file+".snapshot")
				require.True(t, bytes.Equal(stored, snapshot), "the activities still give the stored snapshot")
				got := kept.restored(t, stored, state)
				if *update {
					require.NoError(t, os.WriteFile(file+".golden", got, 0o644))
				}
				require.Equal(t, strings.Split(string(readFile(t, file+".golden")), "\n"), strings.Split(string(got), "\n"))
			})
		}
	}
	files, err := filepath.Glob(dir + "/*")
	require.NoError(t, err)
	require.Len(t, files, 2*count)
}
