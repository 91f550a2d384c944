package chatapi_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// Close refuses a month that lies after all that is recorded or closed.
func TestFaultB7CloseRefusesAMonthTooFarAhead(t *testing.T) {
	empty := chatapi.NewLedger(chatapi.Account{})
	_, err := empty.Close(nov2026)
	wrongField(t, err, chatapi.ErrInvalid, "month")
	require.ErrorContains(t, err, "nothing recorded yet")
	bill := billOf(t, empty, nov2026)
	assert.Equal(t, "nothing recorded yet", bill.Note)
	assert.Empty(t, bill.Charges)

	ledger := newLedger(t, chatapi.Account{}, sent("m1", noon, customerA, "utility")...)
	for _, far := range []chatapi.YearMonth{chatapi.Month(2036, time.January), chatapi.Month(2027, time.January), chatapi.Month(2261, time.December)} {
		_, err := ledger.Close(far)
		wrongField(t, err, chatapi.ErrInvalid, "month")
		require.ErrorContains(t, err, "December 2026 is the last month that can be closed")
		assert.Equal(t, "nothing recorded yet", billOf(t, ledger, far).Note)
		assert.Contains(t, billOf(t, ledger, far).String(), "Nothing recorded yet.")
	}
	assert.False(t, billOf(t, ledger, nov2026).Closed)
	for _, month := range []chatapi.YearMonth{nov2026, chatapi.Month(2026, time.December), chatapi.Month(2027, time.January)} {
		_, err = ledger.Close(month)
		require.NoError(t, err, month)
		ledger = restored(t, ledger, chatapi.Account{})
	}
	_, err = ledger.Close(chatapi.Month(2027, time.July))
	wrongField(t, err, chatapi.ErrInvalid, "month")
	_, err = chatapi.NewLedger(chatapi.Account{}).Close(chatapi.Month(2026, 13))
	wrongField(t, err, chatapi.ErrInvalid, "month")
}

// What the business wrote in its phone app costs nothing, unless a status says that
// it does.
func TestFaultB8MessagesOfTheAppAreFree(t *testing.T) {
	parsed := one[*chatapi.EchoEvent](t, cloud("smb_message_echoes",
		`{"message_echoes":[{"id":"e1","from":"12025550100","to":"12025550143","timestamp":"1794312000","type":"text","text":{"body":"hi"}}]}`))
	assert.True(t, parsed.FromApp)
	other := one[*chatapi.EchoEvent](t, cloud("message_echoes",
		`{"message_echoes":[{"id":"e2","from":"12025550100","to":"12025550143","timestamp":"1794312000","type":"text","text":{"body":"hi"}}]}`))
	assert.False(t, other.FromApp, "another program of the business")

	app := fact(chatapi.ActivityOutbound, 0, customerA, "m1", "")
	app.FromApp = true
	assert.Empty(t, bothWays(t, app, fact(chatapi.ActivityDelivered, 1, customerA, "m1", "")))
	assert.Empty(t, bothWays(t, fact(chatapi.ActivityRead, 1, chatapi.Contact{BSUID: "US.1"}, "m1", "service"), app), "the status comes first")
	charged := fact(chatapi.ActivityDelivered, 1, customerA, "m1", "")
	charged.Reported = chatapi.Reported{Category: "marketing", Type: "regular"}
	assert.Equal(t, []string{"+12025550143 marketing"}, bothWays(t, app, charged))
	free := charged
	free.Reported = chatapi.Reported{Billable: "true", Type: "free_customer_service"}
	assert.Empty(t, bothWays(t, app, free))

	// It settles no click either: the answer by the API is free.
	click := fact(chatapi.ActivityInbound, -60, customerA, "in1", "")
	click.EntryPoint = chatapi.EntryPointAd
	assert.Equal(t, []string{"+12025550143 service free"}, bothWays(t, click, app, fact(chatapi.ActivityDelivered, 1, customerA, "m1", ""),
		fact(chatapi.ActivityOutbound, 2, customerA, "m2", ""), fact(chatapi.ActivityDelivered, 3, customerA, "m2", "")))
	ledger := newLedger(t, chatapi.Account{}, app, fact(chatapi.ActivityDelivered, 1, customerA, "m1", ""))
	_, err := ledger.Close(nov2026)
	require.NoError(t, err)
	require.NoError(t, ledger.Record(fact(chatapi.ActivityRead, 2, customerA, "m1", "")))
	assert.Empty(t, billOf(t, restored(t, ledger, chatapi.Account{}), nov2026).Late)
}

// A marketing quote says that WhatsApp does not deliver to the United States.
func TestFaultB9AQuoteSaysThatNoMarketingIsDelivered(t *testing.T) {
	ledger := chatapi.NewLedger(chatapi.Account{})
	for to, says := range map[chatapi.Recipient]bool{
		chatapi.Phone("12025550143"):               true,
		chatapi.Chat("12125550143@c.us"):           true,
		chatapi.BSUID("US.1000000000000001"):       true,
		chatapi.Phone("14165550143"):               false, // Canada
		chatapi.Phone("18765550143"):               false, // Jamaica
		chatapi.Phone("17875550143"):               false, // Puerto Rico, a market of its own
		chatapi.BSUID("BR.1000000000000001"):       false,
		chatapi.Phone("5511987654321"):             false,
		chatapi.Chat("120363000000000001@g.us"):    false,
		chatapi.BSUIDAsPhone("US.100000000000001"): true,
	} {
		charge, err := ledger.Quote(noon, abc, to, template("MARKETING"))
		replied(t, true, err)
		assert.Equal(t, says, strings.Contains(charge.Why, "WhatsApp delivers no marketing messages"), "%s: %s", to, charge.Why)
		charge, err = ledger.Quote(noon, abc, to, template("utility"))
		replied(t, true, err)
		assert.NotContains(t, charge.Why, "delivers no")
		charge, err = ledger.Quote(instant("2025-03-31T23:00:00Z"), abc, to, template("marketing"))
		replied(t, true, err)
		assert.NotContains(t, charge.Why, "delivers no", "before the stop")
	}
	campaign, err := ledger.QuoteAll(noon, abc, func(yield func(chatapi.Recipient, chatapi.Message) bool) {
		_ = yield(chatapi.Phone("12025550143"), template("marketing")) && yield(chatapi.Phone("14165550143"), template("marketing"))
	})
	require.NoError(t, err)
	assert.Equal(t, 1, campaign.Undelivered)
}

// A message is one unit, whatever each status calls the person.
func TestFaultB10EachStatusNamesThePersonOtherwise(t *testing.T) {
	phone := chatapi.Contact{Phone: "12025550143"}
	for name, c := range map[string][3]chatapi.Contact{
		"the number is hidden for the last": {phone, phone, annID},
		"hidden for the first":              {annID, phone, phone},
		"a name for each":                   {{Username: "ann"}, phone, annID},
		"both, then one":                    {annBoth, annBoth, annID},
	} {
		rows := bothWays(t, fact(chatapi.ActivityOutbound, 0, c[0], "m1", "utility"), fact(chatapi.ActivityDelivered, 1, c[1], "m1", ""), fact(chatapi.ActivityRead, 2, c[2], "m1", ""))
		assert.Equal(t, []string{"+12025550143 utility"}, rows, name)
	}
}

// The categories of groups and of the lite API are billed as the category itself.
func TestFaultB11CategoriesOfGroupsAndOfMarketingLite(t *testing.T) {
	for category, want := range map[string]string{"marketing_lite": "marketing", "group_utility": "utility", "group_marketing": "marketing", "GROUP-SERVICE": "service",
		"Marketing-Lite": "marketing", "group_authentication": "authentication", "brand_new": "service"} {
		rows := bothWays(t, fact(chatapi.ActivityDelivered, 1, customerA, "m1", category))
		require.Len(t, rows, 1, category)
		assert.Contains(t, rows[0], " "+want, category)
		reported := fact(chatapi.ActivityDelivered, 1, customerA, "m1", "")
		reported.Reported = chatapi.Reported{Category: category, Type: "free_group_customer_service"}
		assert.Equal(t, []string{"+12025550143 " + want + " free"}, bothWays(t, reported), category)
	}
}

// Nothing can place a status or an echo without an id, so it is passed over.
func TestFaultB12WhatNothingCanPlaceIsPassedOver(t *testing.T) {
	ledger := chatapi.NewLedger(chatapi.Account{})
	for name, body := range map[string]string{
		"ack":    `{"instanceId":"ABC1","ack":[{"chatId":"12025550143@c.us","status":"delivered","time":1794312000}]}`,
		"echo":   `{"instanceId":"ABC1","messages":[{"body":"hi","fromMe":true,"chatId":"12025550143@c.us","time":1794312000}]}`,
		"nobody": `{"instanceId":"ABC1","messages":[{"body":"hi","fromMe":false,"time":1794312000}]}`,
	} {
		events, err := chatapi.ParseWebhook([]byte(body))
		require.NoError(t, err, name)
		require.NotEmpty(t, events, name)
		for _, e := range events {
			require.NoError(t, ledger.RecordEvent(e), name)
		}
	}
	raw := one[*chatapi.StatusEvent](t, cloud("messages", `{"statuses":[{"id":"m1","status":"delivered","timestamp":"1794312000","recipient_id":"12025550143"}]}`))
	raw.Channel = ""
	require.ErrorIs(t, ledger.RecordEvent(raw), chatapi.ErrForeignChannel, "no channel in the body or the address")
	assert.Empty(t, rowsOf(t, ledger))
	require.ErrorIs(t, ledger.Record(chatapi.Activity{Kind: chatapi.ActivityDelivered, At: noon, Channel: abc, Contact: customerA}), chatapi.ErrInvalid, "a caller's mistake")
}

// All spellings of a channel are one channel.
func TestFaultB13SpellingsOfAChannel(t *testing.T) {
	for _, numbers := range [][]chatapi.ChannelID{{"instance100001"}, {"100001"}, nil} {
		account := chatapi.Account{Numbers: numbers, Used: []chatapi.PriorUsage{{Month: nov2026, Number: "100001", Units: 1000}}}
		ledger := chatapi.NewLedger(account)
		for i, channel := range []chatapi.ChannelID{"100001", "instance100001"} {
			for _, a := range sent("m"+string(rune('1'+i)), noon, customerA, "") {
				a.Channel = channel
				require.NoError(t, ledger.Record(a))
			}
			in := wrote(noon, customerA)
			in.Channel = channel
			require.NoError(t, ledger.Record(in))
		}
		for _, l := range []*chatapi.Ledger{ledger, restored(t, ledger, account)} {
			bill := billOf(t, l, nov2026)
			require.Len(t, bill.Charges, 2)
			assert.Equal(t, bill.Charges[0].Channel, bill.Charges[1].Channel)
			assert.Empty(t, bill.Charges[0].Free, "the free tier of the number was used up before")
			for _, channel := range []chatapi.ChannelID{"100001", "instance100001"} {
				assert.True(t, l.ServiceWindow(channel, annPhone).Open(noon))
			}
		}
	}
	ledger := chatapi.NewLedger(chatapi.Account{Numbers: []chatapi.ChannelID{"ABC1"}})
	lower := wrote(noon, customerA)
	lower.Channel = "abc1"
	require.NoError(t, ledger.Record(lower))
	assert.True(t, ledger.ServiceWindow("ABC1", annPhone).Open(noon))
	assert.ErrorIs(t, chatapi.NewLedger(chatapi.Account{Numbers: []chatapi.ChannelID{"100001", "instance100001"}}).Record(lower), chatapi.ErrInvalid, "named twice")
}

// The words of a status are read in any letter case, and the echo of a template is a
// template.
func TestFaultB14LetterCaseAndEchoesOfTemplates(t *testing.T) {
	info := chatapi.EventInfo{Channel: abc, Time: noon}
	for _, status := range []chatapi.Status{"DELIVERED", "Delivered", "READ", "Played", "viewed"} {
		ledger := newLedger(t, chatapi.Account{}, fact(chatapi.ActivityOutbound, 0, customerA, "m1", "utility"))
		require.NoError(t, ledger.RecordEvent(&chatapi.StatusEvent{EventInfo: info, MessageID: "m1", Status: status, To: customerA}))
		assert.Equal(t, []string{"+12025550143 utility"}, rowsOf(t, ledger), status)
	}
	for _, body := range []string{
		`{"instanceId":"ABC1","messages":[{"id":"m1","type":"template","body":"hi","fromMe":true,"chatId":"12025550143@c.us","time":1794312000}]}`,
		cloud("message_echoes", `{"message_echoes":[{"id":"m1","to":"12025550143","timestamp":"1794312000","type":"template","template":{"name":"t"}}]}`),
	} {
		ledger := newLedger(t, chatapi.Account{}, fact(chatapi.ActivityDelivered, 1, customerA, "m1", ""))
		events, err := chatapi.ParseWebhook([]byte(body))
		require.NoError(t, err)
		echo := events[0].(*chatapi.EchoEvent)
		echo.Channel = abc
		require.NoError(t, ledger.RecordEvent(echo))
		assert.Equal(t, []string{"+12025550143 template ?"}, rowsOf(t, ledger), body)
		require.NoError(t, ledger.Record(fact(chatapi.ActivityDelivered, 1, customerA, "m1", "marketing")))
		assert.Equal(t, []string{"+12025550143 marketing"}, rowsOf(t, ledger), "a status tells the category")
	}
}

// An instant more than an hour after its observation is not believed.
func TestFaultB15AClockThatRunsAhead(t *testing.T) {
	for _, ahead := range []time.Time{instant("2100-01-01T00:00:00Z"), noon.Add(time.Hour + time.Second), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)} {
		wrong := fact(chatapi.ActivityInbound, 0, customerA, "in1", "")
		wrong.At, wrong.Observed = ahead, noon
		ledger := newLedger(t, chatapi.Account{}, wrong)
		assert.Equal(t, noon, ledger.ServiceWindow(abc, annPhone).Since, ahead)
		require.NoError(t, ledger.Record(fact(chatapi.ActivityInbound, 600, customerA, "in2", "")))
		assert.True(t, ledger.ServiceWindow(abc, annPhone).Open(noon.Add(11*time.Hour)), ahead)
	}
	near := fact(chatapi.ActivityInbound, 60, customerA, "in1", "")
	near.Observed = noon
	assert.Equal(t, noon.Add(time.Hour), newLedger(t, chatapi.Account{}, near).ServiceWindow(abc, annPhone).Since, "an hour is believed")
	delivered := fact(chatapi.ActivityDelivered, 0, customerA, "m1", "")
	delivered.At, delivered.Observed = instant("2100-01-01T00:00:00Z"), noon.Add(time.Minute)
	assert.Equal(t, []string{"+12025550143 utility"}, bothWays(t, fact(chatapi.ActivityOutbound, 0, customerA, "m1", "utility"), delivered))
}

// A send to a username is joined with its ack, which names the chat too.
func TestFaultB16ASendToAUsername(t *testing.T) {
	user := chatapi.Contact{Username: "ann"}
	for name, status := range map[string]chatapi.Contact{
		"the chat and the username": {Chat: "12025550143@c.us", Username: "ann"},
		"the number alone":          {Phone: "12025550143"},
		"the username with its @":   {Phone: "12025550143", Username: "@ann"},
	} {
		rows := bothWays(t, fact(chatapi.ActivityOutbound, 0, user, "m1", "marketing"), fact(chatapi.ActivityDelivered, 1, status, "m1", ""))
		assert.Equal(t, []string{"+12025550143 marketing"}, rows, name)
	}
	hidden := chatapi.Contact{Chat: "US.1000000000000001@lid", Username: "ann"}
	assert.Equal(t, []string{"US.1000000000000001 marketing"}, bothWays(t, fact(chatapi.ActivityOutbound, 0, user, "m1", "marketing"), fact(chatapi.ActivityRead, 1, hidden, "m1", "")))
}

// A customer's call opens the window, in whatever form its direction comes.
func TestFaultB17CallsWithoutADirection(t *testing.T) {
	own := "12025550100"
	for name, c := range map[string]struct {
		call chatapi.CallEvent
		want bool
	}{
		"lower case":               {chatapi.CallEvent{Direction: "user_initiated", From: customerA}, true},
		"by the business":          {chatapi.CallEvent{Direction: "business_initiated", From: customerA}, false},
		"without, from a customer": {chatapi.CallEvent{From: customerA, To: chatapi.Contact{Phone: own}}, true},
		"without, from us":         {chatapi.CallEvent{From: chatapi.Contact{Phone: own}, To: customerA}, false},
		"without, from a BSUID":    {chatapi.CallEvent{From: chatapi.Contact{BSUID: "US.1", Phone: "12025550143"}}, true},
	} {
		c.call.EventInfo, c.call.ID, c.call.Event = chatapi.EventInfo{Channel: abc, Time: noon, OwnPhone: own}, "c1", "CONNECT"
		ledger := chatapi.NewLedger(chatapi.Account{})
		require.NoError(t, ledger.RecordEvent(&c.call), name)
		assert.Equal(t, c.want, ledger.ServiceWindow(abc, annPhone).Open(noon), name)
	}
}

// The old and the new BSUID are one person at all times.
func TestFaultB18ANewBSUIDKeepsTheWindow(t *testing.T) {
	info := chatapi.EventInfo{Channel: abc, Time: noon.Add(time.Hour)}
	renamed := &chatapi.IdentityEvent{EventInfo: info, Old: chatapi.Contact{BSUID: "US.1"}, New: chatapi.Contact{BSUID: "US.2", Phone: "12025550144"}}
	note := &chatapi.MessageEvent{EventInfo: info, From: chatapi.Contact{Phone: "12025550143"},
		Content: chatapi.Content{Type: chatapi.TypeSystem, System: &chatapi.SystemNotice{Type: "user_changed_number", New: chatapi.Contact{Phone: "12025550144"}}}}
	for name, c := range map[string]struct {
		event chatapi.Event
		old   chatapi.Contact
		asked []chatapi.Recipient
	}{
		"a new BSUID":  {renamed, chatapi.Contact{BSUID: "US.1"}, []chatapi.Recipient{chatapi.BSUID("US.1"), chatapi.BSUID("US.2"), chatapi.Phone("12025550144")}},
		"a new number": {note, chatapi.Contact{Phone: "12025550143"}, []chatapi.Recipient{chatapi.Phone("12025550144"), chatapi.Phone("12025550143")}},
		"both, by the old number": {&chatapi.IdentityEvent{EventInfo: info, Old: chatapi.Contact{BSUID: "US.1", Phone: "12025550143"}, New: chatapi.Contact{BSUID: "US.2"}},
			chatapi.Contact{Phone: "12025550143"}, []chatapi.Recipient{chatapi.BSUID("US.2"), chatapi.Phone("12025550143")}},
	} {
		ledger := newLedger(t, chatapi.Account{}, fact(chatapi.ActivityInbound, 0, c.old, "in1", ""))
		require.NoError(t, ledger.RecordEvent(c.event))
		for _, l := range []*chatapi.Ledger{ledger, restored(t, ledger, chatapi.Account{})} {
			for _, who := range c.asked {
				assert.Equal(t, noon, l.ServiceWindow(abc, who).Since, "%s: %s", name, who)
			}
		}
	}
	// A number that passes to somebody else takes no window along.
	ledger := newLedger(t, chatapi.Account{}, fact(chatapi.ActivityInbound, 0, annBoth, "in1", ""),
		fact(chatapi.ActivityInbound, 6000, chatapi.Contact{Phone: "12025550143", BSUID: "US.2"}, "in2", ""))
	assert.Equal(t, noon, ledger.ServiceWindow(abc, chatapi.BSUID(annID.BSUID)).Since)
	assert.Equal(t, noon.Add(6000*time.Minute), ledger.ServiceWindow(abc, annPhone).Since)
}

// Customers' messages in a chat that another agent holds open the window, and
// nothing of it is charged.
func TestStandbyOpensTheWindowAndCostsNothing(t *testing.T) {
	info := chatapi.EventInfo{Channel: abc, Time: noon}
	ledger := chatapi.NewLedger(chatapi.Account{})
	require.NoError(t, ledger.RecordEvent(&chatapi.StandbyEvent{EventInfo: info, Events: []chatapi.Event{
		&chatapi.MessageEvent{EventInfo: info, From: customerA, Content: chatapi.Content{ID: "in1"}},
		&chatapi.EchoEvent{EventInfo: info, To: customerA, Content: chatapi.Content{ID: "e1"}},
		&chatapi.StatusEvent{EventInfo: info, To: customerA, MessageID: "e1", Status: chatapi.StatusDelivered, Category: "marketing"},
	}}))
	require.NoError(t, ledger.RecordEvent(&chatapi.HistoryEvent{EventInfo: info, Threads: []chatapi.HistoryThread{{Contact: customerB}}}))
	assert.True(t, ledger.ServiceWindow(abc, annPhone).Open(noon))
	assert.Empty(t, rowsOf(t, ledger))
	assert.Zero(t, ledger.ServiceWindow(abc, customerB.Recipient()))
}

// A late conversation of a closed month stays late when that month is closed again,
// and when an answer of the month after the next makes it.
func TestClosingAgainKeepsALateConversation(t *testing.T) {
	in := wrote(instant("2022-05-31T22:00:00Z"), customerA)
	answer := sent("m1", instant("2022-06-01T10:00:00Z"), customerA, "")
	for name, delivered := range map[string]string{"in June": "2022-06-01T10:00:05Z", "in July": "2022-07-01T05:00:00Z"} {
		answer[1].At = instant(delivered)
		ledger := newLedger(t, chatapi.Account{}, in)
		closeMonth(t, ledger, may2022)
		recordAll(t, ledger, answer)
		want := billOf(t, ledger, may2022).Late
		require.Len(t, want, 1, name)
		for _, month := range []chatapi.YearMonth{may2022, june2022, chatapi.Month(2022, time.July)} {
			closeMonth(t, ledger, month)
			assert.Equal(t, want, billOf(t, ledger, may2022).Late, "%s: %s closed", name, month)
			ledger = restored(t, ledger, chatapi.Account{})
			assert.Equal(t, want, billOf(t, ledger, may2022).Late, "%s: %s closed and restored", name, month)
		}
	}
}

// An activity's JSON carries all names. Old lines still read.
func TestActivitiesCarryAllNamesAsJSON(t *testing.T) {
	want := []chatapi.Activity{
		fact(chatapi.ActivityInbound, 0, annBoth, "in1", ""),
		{Kind: chatapi.ActivityDelivered, At: noon, Channel: abc, Contact: chatapi.Contact{Chat: groupID}, Member: chatapi.Contact{Phone: "5511987654321", BSUID: "BR.1"}, MessageID: "m1"},
		{Kind: chatapi.ActivityIdentity, At: noon, Channel: abc, Contact: chatapi.Contact{BSUID: "US.2", Username: "ann"}, Former: annID},
		{Kind: chatapi.ActivityOutbound, At: noon, Channel: abc, MessageID: "m2", FromApp: true},
	}
	text, err := json.Marshal(want)
	require.NoError(t, err)
	for _, part := range []string{`"contact":{"phone":"12025550143","bsuid":"US.1000000000000001"}`, `"member":{"phone":"5511987654321","bsuid":"BR.1"}`,
		`"former":"bsuid:US.1000000000000001"`, `"from_app":true`, `"contact":""`} {
		assert.Contains(t, string(text), part)
	}
	assert.Equal(t, want, viaJSON(t, want))
	var lines []string
	for _, a := range want {
		line, err := json.Marshal(a)
		require.NoError(t, err)
		lines = append(lines, string(line))
	}
	got, faults := readActivities(strings.NewReader(strings.Join(lines, "\n")))
	assert.Empty(t, faults)
	assert.Equal(t, want, got)
	assert.Equal(t, snapshotOf(t, newLedger(t, chatapi.Account{}, want...)), snapshotOf(t, newLedger(t, chatapi.Account{}, got...)))
	assert.Equal(t, slices.Clone(want), got)
	_, faults = readActivities(strings.NewReader(`{"kind":"inbound","at":"2026-11-10T12:00:00Z","channel":"ABC1","contact":{"fone":"12025550143"}}`))
	require.Len(t, faults, 1)
	assert.ErrorContains(t, faults[0], "fone")
}
