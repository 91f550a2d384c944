package chatapi_test

import (
	"slices"

	"github.com/chatapi-go/chatapi"
)

func ruleCases() []ruleCase { return slices.Concat(nameCases, messageCases, closeCases) }

// nameCases are about who is whom: rules 1 to 8, 11, 18 and 19.
var nameCases = []ruleCase{
	{rule: 1, title: "the chat of a number is the number",
		facts: `inbound 11-03T10:00 12025550143@s.whatsapp.net m1
			inbound 11-03T11:00 12025550144@c.us m2`,
		open: `+12025550143 11-03T10:00
			+12025550144 11-03T11:00`},
	{rule: 1, title: "the hidden chat is the BSUID, and a parent BSUID is no name",
		facts: `inbound 11-03T10:00 US.1@lid,+12025550143 m1
			inbound 11-03T11:00 US.2,US.ENT.7 m2
			inbound 11-03T12:00 US.3,US.ENT.7 m3`,
		open: `US.1 11-03T10:00
			+12025550143 11-03T10:00
			US.2 11-03T11:00
			US.3 11-03T12:00`},
	{rule: 2, title: "a link holds on its channel only",
		facts: `inbound 11-03T10:00 US.1,+12025550143 m1
			inbound 11-03T11:00 US.1 m2 B`,
		open: `US.1 11-03T10:00
			+12025550143 11-03T10:00
			B US.1 11-03T11:00`},
	{rule: 3, title: "all names go to the BSUID",
		facts: `inbound 11-03T10:00 US.1,+12025550143,@ana m1
			inbound 11-03T11:00 +12025550143 m2`,
		open: `US.1 11-03T11:00
			+12025550143 11-03T11:00
			@ana 11-03T11:00`},
	{rule: 3, title: "without a BSUID they go to the number",
		facts: `inbound 11-03T10:00 +12025550143,@ana m1
			inbound 11-03T11:00 +12025550143,US.1 m2`,
		open: `US.1 11-03T11:00
			+12025550143 11-03T11:00
			@ana 11-03T11:00`},
	{rule: 3, title: "a told instant of a link outranks an observed one",
		facts: `inbound 11-01T10:00 US.1,+12025550143 m1 observed
			inbound 11-05T10:00 US.1,+12025550143 m2
			inbound 11-03T10:00 US.2,+12025550143 m3
			inbound 11-04T10:00 +12025550143 m4`,
		open: `US.1 11-05T10:00
			US.2 11-04T10:00
			+12025550143 11-05T10:00`},
	{rule: 4, title: "the facts of one message link at its earliest instant",
		facts: `outbound 11-03T10:00 US.1 m1 cat=marketing
			delivered 11-03T13:00 +12025550143 m1
			inbound 11-03T12:00 US.2,+12025550143 m2
			inbound 11-03T11:00 +12025550143 m3`,
		rows: `m1 US.1 marketing 0.41`,
		open: `US.1 11-03T11:00
			US.2 11-03T12:00
			+12025550143 11-03T12:00`},
	{rule: 4, title: "the statuses of a group message link nobody",
		facts: `outbound 11-03T10:00 1@g.us m1 cat=marketing
			delivered 11-03T10:01 1@g.us m1 member=+12025550143
			read 11-03T10:02 1@g.us m1 member=US.1`,
		rows: `m1 +12025550143 marketing 0.41
			m1 US.1 marketing 0.41`},
	{rule: 4, title: "the facts of one message are one activity",
		facts: `failed 11-03T10:00 +12025550143,@ana m1
			outbound 11-02T10:00 US.1 m1
			inbound 11-03T12:00 US.1 m2
			inbound 11-04T10:00 US.5,+12025550143 m3`,
		open: `US.1 11-03T12:00
			@ana 11-03T12:00
			US.5 11-04T10:00
			+12025550143 11-04T10:00`},
	{rule: 5, title: "a number passes on, and before its first link it is the first one's",
		facts: `inbound 10-31T10:00 +12025550143 m1
			inbound 11-01T10:00 US.1,+12025550143 m2
			inbound 11-03T10:00 +12025550143 m3
			inbound 11-05T10:00 US.2,+12025550143 m4
			inbound 11-06T10:00 +12025550143 m5`,
		open: `US.1 11-03T10:00
			US.2 11-06T10:00
			+12025550143 11-06T10:00`},
	{rule: 5, title: "at equal instants the greater BSUID wins",
		facts: `inbound 11-01T10:00 US.4,+12025550143 m1
			inbound 11-01T10:00 US.3,+12025550143 m2
			inbound 11-02T10:00 +12025550143 m3`,
		open: `US.3 11-01T10:00
			US.4 11-02T10:00
			+12025550143 11-02T10:00`},
	{rule: 5, title: "a number does not come back to a former BSUID",
		facts: `inbound 11-01T10:00 US.1,+12025550143 m1
			inbound 11-02T10:00 US.2,+12025550143 m2
			inbound 11-03T10:00 US.1,+12025550143 m3
			inbound 11-04T10:00 +12025550143 m4`,
		open: `US.1 11-03T10:00
			US.2 11-04T10:00
			+12025550143 11-04T10:00`},
	{rule: 6, title: "a spelling without links takes those of the other",
		facts: `inbound 11-01T10:00 BR.1,+5511987654321 m1
			inbound 11-02T10:00 +551187654321 m2`,
		open: `BR.1 11-02T10:00
			+5511987654321 11-02T10:00
			+551187654321 11-02T10:00`},
	{rule: 6, title: "without links both spellings are one person",
		facts: `inbound 11-01T10:00 +525512345678 m1
			inbound 11-02T10:00 +5491112345678 m2`,
		open: `+525512345678 11-01T10:00
			+5215512345678 11-01T10:00
			+5491112345678 11-02T10:00
			+541112345678 11-02T10:00`},
	{rule: 6, title: "a spelling with links of its own keeps them",
		facts: `inbound 11-01T10:00 BR.1,+5511987654321 m1
			inbound 11-02T10:00 BR.2,+551187654321 m2
			inbound 11-03T10:00 +5511987654321 m3`,
		open: `BR.1 11-03T10:00
			+5511987654321 11-03T10:00
			BR.2 11-02T10:00
			+551187654321 11-02T10:00`},
	{rule: 7, title: "a new BSUID and number are the old person",
		facts: `inbound 11-03T10:00 US.1 m1
			identity 11-05T10:00 US.2,+12025550144 former=US.1,+12025550143`,
		open: `US.1 11-03T10:00
			US.2 11-03T10:00
			+12025550143 11-03T10:00
			+12025550144 11-03T10:00`},
	{rule: 7, title: "a chain in a circle is one person at all times",
		facts: `identity 11-05T10:00 US.2 former=US.1
			identity 11-06T10:00 US.3 former=US.2
			identity 11-07T10:00 US.1 former=US.3
			inbound 11-03T10:00 US.3 m1`,
		open: `US.1 11-03T10:00
			US.2 11-03T10:00
			US.3 11-03T10:00`},
	{rule: 7, title: "a number changed without a BSUID",
		facts: `inbound 11-03T10:00 +12025550143 m1
			identity 11-05T10:00 +12025550144 former=+12025550143
			outbound 11-04T10:00 +12025550143 m2 cat=marketing
			delivered 11-04T10:00 +12025550143 m2
			delivered 11-06T10:00 +12025550143 m3 cat=marketing`,
		rows: `m2 +12025550143 marketing 0.41
			m3 +12025550144 marketing 0.41`,
		open: `+12025550143 11-03T10:00
			+12025550144 11-03T10:00`},
	{rule: 8, title: "two BSUIDs of one number are two people",
		facts: `inbound 11-01T10:00 US.1,+12025550143 m1
			inbound 11-02T10:00 US.2,+12025550143 m2`,
		open: `US.1 11-01T10:00
			US.2 11-02T10:00
			+12025550143 11-02T10:00`},
	{rule: 11, title: "a window is asked for by the newest link",
		facts: `inbound 11-04T10:00 US.1 m1
			inbound 11-01T10:00 US.1,+12025550143 m2
			outbound 11-05T10:00 US.2,+12025550143 m3`,
		open: `US.1 11-04T10:00`},
	{rule: 18, title: "a customer's message opens the window and costs nothing",
		facts: `inbound 11-03T10:00 US.1 m1`,
		open:  `US.1 11-03T10:00`},
	{rule: 19, title: "an instant more than an hour after its observation",
		facts: `inbound 2100-01-01T00:00 US.1 m1 seen=11-03T10:00
			inbound 11-03T11:00 US.2 m2 seen=11-03T10:00
			inbound 11-03T11:01 US.3 m3 seen=11-03T10:00`,
		open: `US.1 11-03T10:00
			US.2 11-03T11:00
			US.3 11-03T10:00`},
	{rule: 19, title: "an instant that is not believed is only observed",
		facts: `inbound 2100-01-01T00:00 US.1 m1 seen=11-03T10:00
			inbound 11-03T12:00 US.1 m1`,
		open: `US.1 11-03T12:00`},
}

// messageCases are about messages of the business: rules 9, 10, 12, 15 and 16.
var messageCases = []ruleCase{
	{rule: 9, title: "a message is one unit, whatever each status calls the person",
		facts: `outbound 11-03T10:00 +12025550143 m1 cat=marketing
			delivered 11-03T10:01 +12025550143 m1
			read 11-03T10:02 US.1 m1
			outbound 11-03T11:00 @ana m2 cat=utility
			delivered 11-03T11:01 US.1,@ana m2
			outbound 11-03T12:00 +5511987654321 m3 cat=marketing
			delivered 11-03T12:01 551187654321@c.us m3`,
		rows: `m1 +12025550143 marketing 0.41
			m2 +12025550143 utility 0.42
			m3 +5511987654321 marketing 1.41`},
	{rule: 9, title: "a message belongs to the owner at its sending",
		facts: `inbound 11-01T10:00 US.1,+12025550143 m1
			outbound 11-04T10:00 +12025550143 m2 cat=marketing
			inbound 11-05T10:00 US.2,+12025550143 m3
			delivered 11-06T10:00 +12025550143 m2
			delivered 11-07T10:00 +12025550143 m4 cat=marketing`,
		rows: `m2 US.1 marketing 0.41
			m4 +12025550143 marketing 0.41`,
		open: `US.1 11-01T10:00
			US.2 11-05T10:00
			+12025550143 11-05T10:00`},
	{rule: 10, title: "a nameless status is joined by the id",
		facts: `delivered 11-03T10:01 - m1
			outbound 11-03T10:00 +12025550143 m1 cat=marketing
			delivered 11-03T10:02 - m2 cat=marketing`,
		rows: `m1 +12025550143 marketing 0.41`},
	{rule: 12, title: "the number held at the instant is shown",
		facts: `delivered 10-20T10:00 US.1 m1 cat=marketing
			inbound 11-01T10:00 US.1,+12025550143 m2
			delivered 11-03T10:00 US.1 m3 cat=marketing
			inbound 11-05T10:00 US.1,+5511987654321 m4
			delivered 11-06T10:00 US.1 m5 cat=marketing`,
		rows: `m1 +12025550143 marketing 0.41
			m3 +12025550143 marketing 0.41
			m5 +5511987654321 marketing 1.41`,
		open: `US.1 11-05T10:00
			+12025550143 11-05T10:00
			+5511987654321 11-05T10:00
			+551187654321 11-05T10:00`},
	{rule: 12, title: "without a number the BSUID, the chat or the username is shown",
		facts: `delivered 11-03T10:00 BR.1 m1 cat=marketing
			delivered 11-03T11:00 77@lid m2 cat=marketing
			delivered 11-03T12:00 @ana m3 cat=marketing
			delivered 11-03T13:00 @bo m4 cat=marketing
			read 11-03T14:00 77@lid,US.2 m4`,
		rows: `m1 BR.1 marketing 1.41
			m2 US.2 marketing 0.41
			m3 @ana marketing 0.00
			m4 US.2 marketing 0.41`},
	{rule: 12, title: "a number that was given up is not shown, even if a later fact gives it",
		facts: `identity 11-02T10:00 US.2,+5511987654321 former=US.1,+12025550143
			delivered 11-01T10:00 US.1 m1 cat=marketing
			inbound 11-03T10:00 US.2,+12025550143 m2
			delivered 11-04T10:00 US.2 m3 cat=marketing`,
		rows: `m1 +12025550143 marketing 0.41
			m3 +5511987654321 marketing 1.41`,
		open: `US.1 11-03T10:00
			US.2 11-03T10:00
			+12025550143 11-03T10:00
			+5511987654321 11-03T10:00
			+551187654321 11-03T10:00`},
	{rule: 12, title: "the BSUID of the instant is shown",
		facts: `identity 11-05T10:00 BR.2 former=US.1
			delivered 11-04T10:00 BR.2 m1 cat=marketing
			delivered 11-06T10:00 US.1 m2 cat=marketing`,
		rows: `m1 US.1 marketing 0.41
			m2 BR.2 marketing 1.41`},
	{rule: 15, title: "a status may name the member alone",
		facts: `delivered 11-03T10:01 - m1 member=+5511987654321
			outbound 11-03T10:00 1@g.us m1 cat=marketing
			delivered 11-03T10:02 - m2 member=+12025550143`,
		rows: `m1 +5511987654321 marketing 1.41`},
	{rule: 15, title: "each member is a unit at the price of the member",
		facts: `outbound 11-03T10:00 1@g.us m1 cat=group_marketing
			delivered 11-03T10:01 1@g.us m1 member=+5511987654321
			read 11-03T10:02 1@g.us m1 member=+5511987654321
			delivered 11-03T10:02 1@g.us m1 member=US.1,+12025550143
			read 11-03T10:03 - m1 member=US.1
			failed 11-03T10:03 1@g.us m1 member=US.2
			delivered 11-03T10:04 1@g.us m1`,
		rows: `m1 +5511987654321 marketing 1.41
			m1 +12025550143 marketing 0.41`},
	{rule: 15, title: "a group message without members is one unit without a market",
		facts: `outbound 11-03T10:00 1@g.us m1 cat=utility
			delivered 11-03T10:01 1@g.us m1
			read 11-03T10:02 1@g.us m1`,
		rows: `m1 1@g.us utility 0.00`},
	{rule: 15, title: "the window is the group's", model: chatapi.ModelPMP2025,
		facts: `inbound 11-03T10:00 1@g.us m1 member=US.1
			outbound 11-03T11:00 1@g.us m2 cat=utility
			delivered 11-03T11:01 1@g.us m2 member=US.2
			outbound 11-03T11:00 US.1 m3 cat=utility
			delivered 11-03T11:01 US.1 m3`,
		rows: `m2 US.2 utility free_customer_service
			m3 US.1 utility 0.42`,
		open: `1@g.us 11-03T10:00`},
	{rule: 16, title: "a message of the phone app costs nothing unless a status says charged",
		facts: `delivered 11-03T10:01 US.1 m1
			outbound 11-03T10:00 US.1 m1 app
			outbound 11-03T11:00 US.1 m2 app
			delivered 11-03T11:01 US.1 m2 says=regular
			outbound 11-03T12:00 US.1 m3 app
			delivered 11-03T12:01 US.1 m3 says=free_customer_service`,
		rows: `m2 US.1 service 0.44`},
	{rule: 16, title: "it opens and settles nothing", model: chatapi.ModelCBP2023,
		facts: `inbound 11-03T10:00 US.1 m1 entry=ad
			outbound 11-03T10:30 US.1 m2 app
			delivered 11-03T10:31 US.1 m2
			outbound 11-03T11:00 US.1 m3
			delivered 11-03T11:01 US.1 m3`,
		rows: `US.1 referral_conversion 11-03T11:01 free_entry_point`,
		open: `US.1 11-03T10:00`},
}

// closeCases are about closed months: rules 10, 13, 14 and 17.
var closeCases = []ruleCase{
	{rule: 10, title: "a nameless fact is kept for a month and then forgotten",
		facts: `outbound 09-28T10:00 - m1 cat=marketing
			outbound 10-15T10:00 - m2 cat=marketing
			inbound 10-15T10:00 US.1 m3
			close
			delivered 11-03T10:00 US.1 m1
			delivered 11-03T11:00 US.1 m2`,
		rows: `m1 US.1 service 0.44
			m2 US.1 marketing 0.41`,
		open: `US.1 10-15T10:00`},
	{rule: 10, title: "a nameless delivery of a closed month is late when it gets a name",
		facts: `delivered 10-15T10:00 - m1
			inbound 10-15T10:00 US.1 m3
			close
			outbound 10-15T10:00 US.1 m1 cat=marketing`,
		open: `US.1 10-15T10:00`,
		late: `delivered m1 US.1`},
	{rule: 4, title: "a close between the facts of a message changes none of its links",
		facts: `delivered 10-20T11:00 +12025550143,@ana m1
			close
			outbound 10-19T10:00 US.1 m1
			inbound 11-02T10:00 US.1 m2
			inbound 11-03T10:00 US.5,+12025550143 m3`,
		rows: `m1 +12025550143 service 0.44`,
		open: `US.1 11-02T10:00
			@ana 11-02T10:00
			US.5 11-03T10:00
			+12025550143 11-03T10:00`},
	{rule: 15, title: "a closed unit without a market stays when a member is named",
		facts: `outbound 10-15T10:00 1@g.us m1 cat=utility
			delivered 10-15T10:01 1@g.us m1
			delivered 10-15T10:02 - m2 member=US.3
			close
			read 11-03T10:00 1@g.us m1 member=US.1
			outbound 10-15T10:00 1@g.us m2 cat=utility`,
		rows: `m1 1@g.us utility 0.00`,
		late: `delivered m2 US.3`},
	{rule: 15, title: "a close makes no links between the names of a member",
		facts: `outbound 10-31T10:00 1@g.us m1 cat=utility
			delivered 10-31T10:01 1@g.us m1 member=US.1
			inbound 10-01T10:00 US.1,+12025550143 m2
			read 10-31T10:02 1@g.us m1 member=+12025550143,@ana
			close
			inbound 11-03T10:00 US.2,+12025550143 m3`,
		rows: `m1 +12025550143 utility 0.42`,
		open: `US.1 10-01T10:00
			US.2 11-03T10:00
			+12025550143 11-03T10:00
			@ana 11-03T10:00`},
	{rule: 16, title: "a closed month settles a message of the phone app",
		facts: `outbound 10-15T10:00 US.1 m1 app
			delivered 10-15T10:01 US.1 m1
			close
			read 11-03T10:00 US.1 m1 says=regular`},
	{rule: 13, title: "a link learned after the close changes nothing in the month",
		facts: `delivered 10-15T10:00 US.1 m1 cat=marketing
			delivered 10-16T10:00 +5511987654321 m2 cat=marketing
			close
			inbound 10-01T10:00 US.1,+5511987654321 m3
			delivered 11-03T10:00 US.1 m4 cat=marketing
			read 11-03T10:00 +5511987654321 m1`,
		rows: `m1 US.1 marketing 0.41
			m2 +5511987654321 marketing 1.41
			m4 +5511987654321 marketing 1.41`,
		open: `US.1 10-01T10:00
			+5511987654321 10-01T10:00
			+551187654321 10-01T10:00`,
		late: `inbound m3 +5511987654321`},
	{rule: 13, title: "an open conversation goes to the owner at the month's end", model: chatapi.ModelCBP2023,
		facts: `delivered 10-31T20:00 +12025550143 m1
			close
			inbound 11-01T09:00 US.1,+12025550143 m2
			inbound 11-01T10:00 US.2,+12025550143 m3
			delivered 11-01T11:00 US.1 m4
			delivered 11-01T12:00 US.2 m5`,
		rows: `+12025550143 service 10-31T20:00 0.34
			+12025550143 service 11-01T12:00 0.34`,
		open: `US.1 11-01T09:00
			US.2 11-01T10:00
			+12025550143 11-01T10:00`},
	{rule: 14, title: "a message rides any of the united conversations, each to its own end", model: chatapi.ModelCBP2023,
		facts: `delivered 10-31T20:00 +12025550143 m1 cat=marketing
			delivered 10-31T22:00 US.1 m2 cat=utility
			close
			inbound 11-05T10:00 US.1,+12025550143 m3
			delivered 11-01T19:00 US.1 m4 cat=marketing
			delivered 11-01T20:00 US.1 m5 cat=marketing
			delivered 11-01T21:00 +12025550143 m6 cat=utility
			delivered 11-01T22:00 +12025550143 m7 cat=utility`,
		rows: `+12025550143 marketing 10-31T20:00 0.31
			US.1 utility 10-31T22:00 0.32
			+12025550143 marketing 11-01T20:00 0.31
			+12025550143 utility 11-01T22:00 0.32`,
		open: `US.1 11-05T10:00
			+12025550143 11-05T10:00`},
	{rule: 14, title: "an unsettled click and the later window count for both", model: chatapi.ModelCBP2023,
		facts: `inbound 10-31T21:00 +12025550143 m1 entry=ad
			inbound 10-31T12:00 US.1 m2
			delivered 10-31T22:00 US.1 m3 cat=utility
			close
			outbound 11-05T10:00 US.1,+12025550143 m4
			delivered 11-01T19:00 US.1 m5 cat=marketing
			delivered 11-01T20:00 +12025550143 m6 cat=utility`,
		rows: `US.1 utility 10-31T22:00 0.32
			+12025550143 referral_conversion 11-01T19:00 free_entry_point`,
		open: `US.1 10-31T21:00
			+12025550143 10-31T21:00`},
	{rule: 14, title: "an answer takes the earliest window that covers it", model: chatapi.ModelCBP2022, anchor: chatapi.AnchorFirstInbound,
		facts: `inbound 10-31T20:00 +12025550143 m1
			inbound 10-31T22:00 US.1 m2
			close
			inbound 11-05T10:00 US.1,+12025550143 m3
			outbound 11-01T10:00 US.1 m4
			delivered 11-01T10:01 US.1 m4
			outbound 11-01T21:00 US.1 m5
			delivered 11-01T21:01 US.1 m5`,
		open: `US.1 11-05T10:00
			+12025550143 11-05T10:00`,
		late: `delivered m4 +12025550143
			delivered m5 +12025550143`},
	{rule: 14, title: "settled ids count for both",
		facts: `delivered 10-31T20:00 +12025550143 m1 cat=marketing observed
			close
			delivered 11-01T19:00 US.1 m1 cat=marketing`,
		rows: `m1 +12025550143 marketing 0.41`},
	{rule: 14, title: "spent clicks count for both", model: chatapi.ModelCBP2022,
		facts: `delivered 10-31T10:00 +12025550143 m1
			inbound 10-31T20:00 +12025550143 m2 entry=ad
			delivered 10-31T21:00 +12025550143 m3
			close
			inbound 11-05T10:00 US.1,+12025550143 m4
			delivered 11-01T11:00 US.1 m5`,
		rows: `+12025550143 business_initiated 10-31T10:00 0.22
			+12025550143 user_initiated 11-01T11:00 0.21`,
		open: `US.1 11-05T10:00
			+12025550143 11-05T10:00`},
	{rule: 17, title: "links outlast the facts that gave them",
		facts: `inbound 09-01T10:00 US.1,+12025550143 m1
			inbound 10-15T10:00 US.2 m2
			close
			inbound 11-03T10:00 +12025550143 m3`,
		open: `US.1 11-03T10:00
			US.2 10-15T10:00
			+12025550143 11-03T10:00`},
}
