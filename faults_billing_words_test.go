package chatapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// A report's words mean the same in every letter case and with any sign between them.
func TestFaultB14WordsOfReports(t *testing.T) {
	app := fact(chatapi.ActivityOutbound, 0, customerA, "m1", "")
	app.FromApp = true
	for want, reports := range map[string][]chatapi.Reported{
		"utility free":    {{Type: "FREE_ENTRY_POINT"}, {Type: "Free-Customer-Service"}, {Type: " free_customer_service "}, {Type: "Free Group Customer Service"}, {Billable: "FALSE"}, {Billable: "False "}},
		"marketing free":  {{Type: "FREE_ENTRY_POINT", Category: "MARKETING"}, {Origin: "Marketing", Billable: "False"}, {Category: "Marketing Lite", Type: "Free_Entry_Point"}},
		"utility":         {{Type: "REGULAR"}, {Billable: "True"}, {Billable: "TRUE", Category: "Utility"}},
		"marketing":       {{Type: "Regular", Category: "MARKETING LITE"}, {Type: "regular", Category: "group marketing"}},
		"service":         {{Type: "Regular", Category: "Group-Service"}},
		"authentication":  {{Billable: "True", Category: "Authentication"}},
		"utility free ()": {{Type: "new_word", Billable: "FALSE"}},
	} {
		want = strings.TrimSuffix(want, " ()")
		for _, r := range reports {
			delivered := fact(chatapi.ActivityDelivered, 1, customerA, "m1", "")
			delivered.Reported = r
			assert.Equal(t, []string{"+12025550143 " + want}, bothWays(t, fact(chatapi.ActivityOutbound, 0, customerA, "m1", "utility"), delivered), "%+v", r)
			charged := bothWays(t, app, delivered)
			assert.Equal(t, !strings.Contains(want, "free"), len(charged) == 1, "written in the phone app, %+v: %s", r, charged)
		}
	}
}

// An ad is an ad in every letter case, in events and in an account's rules.
func TestFaultB14EntryPointsInAnyCase(t *testing.T) {
	for word, free := range map[string]bool{"AD": true, "Ad": true, " ad ": true, "PAGE_CTA": true, "page-cta": true, "Post": false, "ads": false} {
		in := fact(chatapi.ActivityInbound, -60, customerA, "in1", "")
		in.EntryPoint = chatapi.EntryPoint(word)
		rows := bothWays(t, append(sent("m1", noon, customerA, "marketing"), in)...)
		assert.Equal(t, free, strings.HasSuffix(rows[0], " free"), "%q: %s", word, rows)
	}
	rules := chatapi.PublishedRules("")
	rules[len(rules)-1].EntryPoints = []chatapi.EntryPoint{"STORY"}
	in := fact(chatapi.ActivityInbound, -60, customerA, "in1", "")
	in.EntryPoint = "Story"
	rows := rowsOf(t, newLedger(t, chatapi.Account{Rules: rules}, append(sent("m1", noon, customerA, "marketing"), in)...))
	assert.Equal(t, []string{"+12025550143 marketing free"}, rows)
	parsed := one[*chatapi.MessageEvent](t, cloud("messages", `{"messages":[{"id":"in1","from":"12025550143","timestamp":"1794308400","type":"text","text":{"body":"x"},"referral":{"source_type":"AD"}}]}`))
	parsed.Channel = abc
	ledger := newLedger(t, chatapi.Account{}, sent("m1", noon, customerA, "marketing")...)
	require.NoError(t, ledger.RecordEvent(parsed))
	assert.Equal(t, []string{"+12025550143 marketing free"}, rowsOf(t, ledger))
}

// The echo of a template is one in every letter case and under its name of before.
func TestFaultB14EchoesOfTemplatesByOtherNames(t *testing.T) {
	for kind, want := range map[string]string{"TEMPLATE": "template ?", "Template": "template ?", "hsm": "template ?", "HSM": "template ?", "chat": "service free", "template_x": "service free"} {
		for _, body := range []string{
			`{"instanceId":"ABC1","messages":[{"id":"m1","type":"` + kind + `","body":"hi","fromMe":true,"chatId":"12025550143@c.us","time":1794312000}]}`,
			cloud("message_echoes", `{"message_echoes":[{"id":"m1","to":"12025550143","timestamp":"1794312000","type":"`+kind+`"}]}`),
		} {
			events, err := chatapi.ParseWebhook([]byte(body))
			require.NoError(t, err)
			events[0].Info().Channel = abc
			ledger := newLedger(t, chatapi.Account{}, fact(chatapi.ActivityDelivered, 1, customerA, "m1", ""))
			require.NoError(t, ledger.RecordEvent(events[0]))
			assert.Equal(t, []string{"+12025550143 " + want}, rowsOf(t, ledger), body)
		}
	}
}

// An instant before there was WhatsApp is not believed, where the arrival is known.
func TestFaultB15AClockThatRunsBehind(t *testing.T) {
	for _, behind := range []time.Time{instant("1970-01-01T00:00:01Z"), instant("2001-09-09T01:46:40Z"), instant("2008-12-31T23:59:59Z"), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)} {
		in := wrote(behind, customerA)
		in.Observed = noon
		assert.Equal(t, noon, newLedger(t, chatapi.Account{}, in).ServiceWindow(abc, annPhone).Since, behind)
		delivered := fact(chatapi.ActivityDelivered, 0, customerA, "m1", "")
		delivered.At, delivered.Observed = behind, noon.Add(time.Minute)
		assert.Equal(t, []string{"+12025550143 utility"}, bothWays(t, fact(chatapi.ActivityOutbound, 0, customerA, "m1", "utility"), delivered), behind)
	}
	old := wrote(instant("2021-11-10T10:00:00Z"), customerA)
	old.Observed = noon
	assert.Equal(t, old.At, newLedger(t, chatapi.Account{}, old).ServiceWindow(abc, annPhone).Since, "a message that is read late")
	bubble := wrote(instant("2000-01-01T00:00:00Z"), customerA)
	bubble.Observed = bubble.At.Add(time.Second)
	assert.Equal(t, bubble.At, newLedger(t, chatapi.Account{}, bubble).ServiceWindow(abc, annPhone).Since, "the clock of synctest")
}

// A channel's id is the same with space around it and with its prefix in capitals.
func TestFaultB13CapitalsAndSpaceInAChannel(t *testing.T) {
	for listed, all := range map[chatapi.ChannelID][]chatapi.ChannelID{
		"100001":          {"Instance100001", "INSTANCE100001", " 100001", "instance100001\n"},
		" Instance100001": {"100001", "instance100001"},
		"ABC1":            {" abc1 ", "\tABC1"},
		"instance":        {"INSTANCE"},
	} {
		for _, channel := range all {
			for _, numbers := range [][]chatapi.ChannelID{{listed}, nil} {
				ledger := chatapi.NewLedger(chatapi.Account{Numbers: numbers})
				first, second := wrote(noon, customerA), wrote(noon, customerB)
				first.Channel, second.Channel = listed, channel
				require.NoError(t, ledger.Record(first))
				require.NoError(t, ledger.Record(second), "%q", channel)
				assert.True(t, ledger.ServiceWindow(channel, annPhone).Open(noon), "%q and %q", listed, channel)
				assert.True(t, ledger.ServiceWindow(listed, chatapi.Phone(customerB.Phone)).Open(noon), "%q and %q", listed, channel)
			}
		}
	}
}

// A word or name that is too long to be known does not make the handler fail for ever.
func TestFaultB4TextsThatAreTooLong(t *testing.T) {
	word, name := strings.Repeat("7é", 5000), strings.Repeat("7", 40_000)
	for what, body := range map[string]string{
		"category":   `{"instanceId":"ABC1","ack":[{"id":"m1","chatId":"12025550143@c.us","status":"delivered","time":1794312000,"category":"` + word + `"}]}`,
		"username":   `{"instanceId":"ABC1","ack":[{"id":"m1","chatId":"12025550143@c.us","userName":"` + name + `","status":"delivered","time":1794312000}]}`,
		"report":     cloud("messages", `{"statuses":[{"id":"m1","status":"delivered","timestamp":"1794312000","recipient_id":"12025550143","conversation":{"id":"`+word+`","origin":{"type":"`+word+`"}},"pricing":{"type":"`+word+`","pricing_model":"`+word+`"}}]}`),
		"chat":       `{"instanceId":"ABC1","ack":[{"id":"m1","chatId":"` + name + `@c.us","status":"delivered","time":1794312000}]}`,
		"an ad's":    cloud("messages", `{"messages":[{"id":"m1","from":"12025550143","timestamp":"1794312000","type":"text","text":{"body":"x"},"referral":{"source_type":"`+word+`"}}]}`),
		"a BSUID":    cloud("messages", `{"messages":[{"id":"m1","from":"12025550143","from_user_id":"US.`+name+`","timestamp":"1794312000","type":"text","text":{"body":"x"}}]}`),
		"identities": cloud("user_id_update", `{"user_id_update":[{"user_id":{"previous":"US.`+name+`","current":"US.1"},"timestamp":"1794312000"}]}`),
	} {
		events, err := chatapi.ParseWebhook([]byte(body))
		require.NoError(t, err, what)
		ledger := newLedger(t, chatapi.Account{}, fact(chatapi.ActivityOutbound, 0, customerA, "m1", "utility"))
		for _, e := range events {
			if e.Info().Channel == "" {
				e.Info().Channel = abc
			}
			require.NoError(t, ledger.RecordEvent(e), what)
		}
		_, isMessage := events[0].(*chatapi.MessageEvent)
		assert.Equal(t, isMessage, ledger.ServiceWindow(abc, annPhone).Open(noon), what)
		if _, isStatus := events[0].(*chatapi.StatusEvent); isStatus {
			assert.Equal(t, []string{"+12025550143 utility"}, rowsOf(t, ledger), what)
		}
		restored(t, ledger, chatapi.Account{})
	}
	ledger := chatapi.NewLedger(chatapi.Account{})
	status := &chatapi.StatusEvent{EventInfo: chatapi.EventInfo{Channel: chatapi.ChannelID(name), Time: noon}, MessageID: "m1", Status: chatapi.StatusDelivered}
	require.ErrorIs(t, ledger.RecordEvent(status), chatapi.ErrForeignChannel)
	status.Channel, status.MessageID = abc, name+name
	require.NoError(t, ledger.RecordEvent(status))
	assert.Empty(t, rowsOf(t, ledger))
}

// A direction that is not known leaves it to the caller's number.
func TestFaultB17UnknownDirections(t *testing.T) {
	for direction, want := range map[string]bool{"user-initiated": true, "User Initiated": true, " USER_INITIATED ": true, " ": true, "INBOUND": true,
		"business-initiated": false, "Business_Initiated": false} {
		for _, from := range []string{"12025550143", "12025550100"} {
			call := one[*chatapi.CallEvent](t, cloud("calls", fmt.Sprintf(`{"metadata":{"display_phone_number":"+1 202-555-0100"},"calls":[
				{"id":"c1","from":%q,"to":"12025550199","event":"connect","direction":%q,"timestamp":"1794312000"}]}`, from, direction)))
			call.Channel = abc
			ledger := chatapi.NewLedger(chatapi.Account{})
			require.NoError(t, ledger.RecordEvent(call))
			isWord := strings.Contains(strings.ToLower(direction), "initiated")
			assert.Equal(t, want && (isWord || from == "12025550143"), ledger.ServiceWindow(abc, chatapi.Phone(from)).Open(noon), "%q from %s", direction, from)
		}
	}
}

// Canada's codes without a place, and one that is new, are not of the United States.
func TestFaultB9CodesOfCanada(t *testing.T) {
	ledger := chatapi.NewLedger(chatapi.Account{})
	for area, says := range map[string]bool{"387": false, "600": false, "622": false, "633": false, "644": false, "655": false, "677": false, "688": false, "851": false,
		"202": true, "656": true, "679": true, "689": true, "659": true} {
		charge, err := ledger.Quote(noon, abc, chatapi.Phone("1"+area+"5550143"), template("marketing"))
		require.NoError(t, err)
		assert.Equal(t, says, strings.Contains(charge.Why, "delivers no marketing"), area)
	}
}
