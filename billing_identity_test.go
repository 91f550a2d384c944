package chatapi_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// drawnContact draws a person under some of a few names that pass from one person
// to another.
func drawnContact(r *rand.Rand) (c chatapi.Contact) {
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	phones := []string{"5511987654321", "551187654321", "12025550143", "12025550144", "525512345678", "5215512345678"}
	switch r.IntN(7) {
	case 0, 1:
		c.Phone = pick(phones...)
	case 2:
		c.BSUID = pick("US.1", "US.2", "BR.3")
	case 3:
		c.Phone, c.BSUID = pick(phones...), pick("US.1", "US.2", "BR.3")
	case 4:
		c.Username, c.Chat = "ann", pick(phones...)+"@c.us"
	case 5:
		c.Chat, c.Phone = pick(phones...)+"@c.us", pick(phones...)
	case 6:
		c.Username = pick("ann", "bob")
	}
	return c
}

// linkedHistory draws a small history whose facts name people in many ways.
func linkedHistory(r *rand.Rand, start time.Time) (all []chatapi.Activity) {
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	at := func(from time.Time, hours int) time.Time { return from.Add(time.Duration(r.IntN(hours)) * time.Hour) }
	for i := range 2 + r.IntN(10) {
		a := chatapi.Activity{Channel: chatapi.ChannelID(pick("ABC1", "ABC1", "abc1")), At: at(start, 150), Contact: drawnContact(r), MessageID: fmt.Sprint("m", i)}
		switch r.IntN(8) {
		case 0:
			a.Kind, a.Former, a.MessageID = chatapi.ActivityIdentity, drawnContact(r), ""
			all = append(all, a)
			continue
		case 1, 2, 3:
			a.Kind, a.EntryPoint = chatapi.ActivityInbound, chatapi.EntryPoint(pick("", "", "ad"))
			all = append(all, a)
			if r.IntN(4) == 0 {
				a.Contact = drawnContact(r) // the other format names the customer in another way
				all = append(all, a)
			}
			continue
		}
		group := r.IntN(5) == 0
		if group {
			a.Contact = chatapi.Contact{Chat: "120363000000000001@g.us"}
		}
		a.Kind, a.Category, a.FromApp = chatapi.ActivityOutbound, pick("", "utility", "marketing"), r.IntN(8) == 0
		all = append(all, a)
		a.Category = ""
		sent := a.At
		for range r.IntN(4) {
			a.Kind = chatapi.ActivityKind(pick("delivered", "read", "failed"))
			a.At = at(sent, 40)
			switch r.IntN(4) {
			case 0:
				a.Contact = chatapi.Contact{}
			case 1:
				if !group {
					a.Contact = drawnContact(r)
				}
			}
			if group {
				a.Contact, a.Member = chatapi.Contact{Chat: "120363000000000001@g.us"}, drawnContact(r)
			}
			all = append(all, a)
		}
		a.Member = chatapi.Contact{}
	}
	return all
}

// answersOf returns all that a ledger says about a small history, and its snapshot.
func answersOf(t *testing.T, ledger *chatapi.Ledger) (answers []any, snapshot []byte) {
	t.Helper()
	for _, month := range []chatapi.YearMonth{may2022, june2022} {
		bill, err := ledger.Bill(month)
		replied(t, bill != nil, err)
		answers = append(answers, bill)
	}
	for _, name := range []chatapi.Recipient{chatapi.Phone("5511987654321"), chatapi.Phone("551187654321"), chatapi.BSUID("US.1"), chatapi.BSUID("US.2"),
		chatapi.Username("ann"), chatapi.Chat("120363000000000001@g.us"), chatapi.Phone("12025550143")} {
		found, err := ledger.Conversations(abc, name)
		replied(t, true, err)
		charge, err := ledger.Quote(instant("2022-06-02T10:00:00Z"), abc, name, hello)
		replied(t, true, err)
		answers = append(answers, ledger.ServiceWindow(abc, name), found, charge)
	}
	return answers, snapshotOf(t, ledger)
}

func viaJSON(t *testing.T, all []chatapi.Activity) []chatapi.Activity {
	t.Helper()
	text, err := json.Marshal(all)
	require.NoError(t, err)
	var again []chatapi.Activity
	require.NoError(t, json.Unmarshal(text, &again))
	return again
}

// Order, repetition, JSON and restores change nothing, whatever the names.
func TestLinkedHistoriesAreTheSameInAnyOrder(t *testing.T) {
	start := instant("2022-05-29T00:00:00Z")
	for round := range 300 {
		r := rand.New(rand.NewPCG(7, uint64(round)))
		account := chatapi.Account{ID: "waba1", Used: []chatapi.PriorUsage{{Month: may2022, Units: 999}, {Month: june2022, Units: 998}},
			Anchor: []chatapi.Anchor{chatapi.AnchorFirstInbound, chatapi.AnchorFirstDelivered}[r.IntN(2)],
			Model:  []chatapi.Model{"", chatapi.ModelCBP2023, chatapi.ModelPMP2025, chatapi.ModelPMP2026}[r.IntN(4)]}
		all := linkedHistory(r, start)
		want, snapshot := answersOf(t, newLedger(t, account, all...))
		again := slices.Concat(all, viaJSON(t, all))
		r.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
		ledger, cut := chatapi.NewLedger(account), r.IntN(len(again))
		recordAll(t, ledger, again[:cut])
		if r.IntN(2) == 0 {
			ledger.ServiceWindow(abc, annPhone) // brings the index up to date halfway
		} else {
			ledger = restored(t, ledger, account)
		}
		recordAll(t, ledger, again[cut:])
		got, snapshotAgain := answersOf(t, ledger)
		require.Equal(t, want, got, "round %d: %v", round, all)
		require.Equal(t, snapshot, snapshotAgain, "round %d: %v", round, all)
		checkClosed(t, r, account, all, round)
	}
}

// checkClosed closes May in the middle of a history, and restores the ledger.
func checkClosed(t *testing.T, r *rand.Rand, account chatapi.Account, all []chatapi.Activity, round int) {
	t.Helper()
	order := slices.Clone(all)
	r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	first, second := chatapi.NewLedger(account), chatapi.NewLedger(account)
	cut := 1 + r.IntN(len(order))
	recordAll(t, first, order[:cut])
	slices.Reverse(order[:cut])
	recordAll(t, second, order[:cut])
	for _, l := range []*chatapi.Ledger{first, second} {
		_, err := l.Close(may2022)
		replied(t, true, err)
	}
	second = restored(t, second, account)
	recordAll(t, first, order[cut:])
	slices.Reverse(order[cut:])
	recordAll(t, second, order[cut:])
	want, snapshot := answersOf(t, first)
	got, again := answersOf(t, second)
	require.Equal(t, want, got, "round %d, closed: %v", round, all)
	require.Equal(t, snapshot, again, "round %d, closed: %v", round, all)
	_, err := first.Close(june2022)
	replied(t, true, err)
	assert.NotEmpty(t, snapshotOf(t, restored(t, first, account)))
}
