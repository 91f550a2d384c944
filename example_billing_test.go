package chatapi_test

import (
	"errors"
	"fmt"
	"log"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
)

// A month under Chat API's conversation model. The order in which activities
// are recorded does not matter.
func ExampleLedger_Bill() {
	ledger := chatapi.NewLedger(chatapi.Account{ID: "waba1", Model: chatapi.ModelCBP2022,
		Used: []chatapi.PriorUsage{{Month: chatapi.Month(2022, time.March), Units: 1000}}})
	at := time.Date(2022, time.March, 10, 10, 0, 0, 0, time.UTC)
	ann, bob := chatapi.Contact{Phone: "12025550143"}, chatapi.Contact{Phone: "12025550144"}
	for _, activity := range []chatapi.Activity{
		{Kind: chatapi.ActivityInbound, At: at, Channel: "ABC1", Contact: ann, EntryPoint: chatapi.EntryPointAd},
		{Kind: chatapi.ActivityOutbound, At: at.Add(time.Minute), Channel: "ABC1", Contact: ann, MessageID: "m1"},
		{Kind: chatapi.ActivityDelivered, At: at.Add(time.Minute), Channel: "ABC1", Contact: ann, MessageID: "m1"},
		{Kind: chatapi.ActivityOutbound, At: at.Add(time.Hour), Channel: "ABC1", Contact: bob, MessageID: "m2", Category: chatapi.CategoryUtility},
		{Kind: chatapi.ActivityDelivered, At: at.Add(time.Hour), Channel: "ABC1", Contact: bob, MessageID: "m2"},
	} {
		if err := ledger.Record(activity); err != nil {
			log.Fatal(err)
		}
	}
	bill, err := ledger.Bill(chatapi.Month(2022, time.March))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(bill)
	// Output:
	// Bill for March 2022
	//
	// Opened            Number  Customer      Kind                       Cost  Why
	// 2022-03-10 10:01  ABC1    +12025550143  referral conversion        free  came from an ad, free until 2022-03-11 10:01
	// 2022-03-10 11:00  ABC1    +12025550144  business initiated   0.0147 USD  North America, price since 2022-02-01 (derived)
	//
	// Free          1  came from an ad 1
	// Charged       1
	// Total    0.0147  USD
}

// A customer's message opens the service window for 24 hours.
func ExampleLedger_ServiceWindow() {
	ledger := chatapi.NewLedger(chatapi.Account{})
	wrote := time.Date(2026, time.November, 2, 10, 0, 0, 0, time.UTC)
	err := ledger.Record(chatapi.Activity{Kind: chatapi.ActivityInbound, At: wrote, Channel: "ABC1", Contact: chatapi.Contact{Phone: "12025550143"}})
	if err != nil {
		log.Fatal(err)
	}
	window := ledger.ServiceWindow("ABC1", chatapi.Phone("+1 202 555 0143"))
	fmt.Println(window.Open(wrote.Add(23*time.Hour)), window.Left(wrote.Add(23*time.Hour)))
	fmt.Println(window.Open(wrote.Add(24 * time.Hour)))
	// Output:
	// true 1h0m0s
	// false
}

// A missing price never counts as zero: the bill comes with an error and says
// what is not in its total.
func ExampleGap() {
	ledger := chatapi.NewLedger(chatapi.Account{Model: chatapi.ModelCBP2022,
		Used: []chatapi.PriorUsage{{Month: chatapi.Month(2022, time.March), Units: 1000}}})
	at := time.Date(2022, time.March, 10, 10, 0, 0, 0, time.UTC)
	for _, kind := range []chatapi.ActivityKind{chatapi.ActivityOutbound, chatapi.ActivityDelivered} {
		err := ledger.Record(chatapi.Activity{Kind: kind, At: at, Channel: "ABC1", Contact: chatapi.Contact{Phone: "97444441234"}, MessageID: "m1"})
		if err != nil {
			log.Fatal(err)
		}
	}
	bill, err := ledger.Bill(chatapi.Month(2022, time.March))
	if gap, ok := errors.AsType[*chatapi.Gap](err); ok {
		fmt.Println(gap)
	}
	fmt.Println(len(bill.Gaps), bill.Totals)
	// Output:
	// no USD price for business_initiated in Rest of Middle East on 2022-03-10
	// 1 [0.00 USD]
}

func ExampleReadRates() {
	rates, err := chatapi.ReadRates(strings.NewReader(`market,category,currency,price,effective_from
Brazil,utility,BRL,0.0350,2026-07-01
`))
	if err != nil {
		log.Fatal(err)
	}
	price, err := rates.Price("Brazil", chatapi.CategoryUtility, time.Date(2026, time.October, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(price.Amount, "since", price.Since)
	// Output: 0.035 BRL since 2026-07-01
}

// A message pays the price of the volume tier it falls into.
func ExampleRates_Tiers() {
	rates, err := chatapi.ReadRates(strings.NewReader(`market,category,currency,price,effective_from,from_message,to_message
Brazil,utility,BRL,0.0350,2026-10-01,0,100000
Brazil,utility,BRL,0.0300,2026-10-01,100001,
`))
	if err != nil {
		log.Fatal(err)
	}
	tiers, err := rates.Tiers("Brazil", chatapi.CategoryUtility, time.Date(2026, time.October, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		log.Fatal(err)
	}
	for _, tier := range tiers {
		fmt.Println("from message", tier.From, "on:", tier.Amount)
	}
	// Output:
	// from message 1 on: 0.035 BRL
	// from message 100001 on: 0.03 BRL
}

// The same bill for spreadsheets; WriteText and WriteJSON are its other forms.
func ExampleBill_WriteCSV() {
	ledger := chatapi.NewLedger(chatapi.Account{ID: "waba1"})
	err := ledger.Load(chatapi.ReadActivities(strings.NewReader(
		`{"kind":"outbound","at":"2026-10-03T10:00:00Z","channel":"ABC1","contact":"+12025550143","message":"m1","category":"utility"}
{"kind":"delivered","at":"2026-10-03T10:00:02Z","channel":"ABC1","contact":"+12025550143","message":"m1"}
`)))
	if err != nil {
		log.Fatal(err)
	}
	bill, err := ledger.Bill(chatapi.Month(2026, time.October))
	if err != nil {
		log.Fatal(err)
	}
	if err := bill.WriteCSV(os.Stdout); err != nil {
		log.Fatal(err)
	}
	// Output:
	// opened,account,channel,contact,message,category,market,model,currency,amount,free,missing,price_since,tier,estimate,status,why,late
	// 2026-10-03T10:00:02Z,waba1,ABC1,phone:12025550143,m1,utility,North America,pmp-2026,USD,0.0034,,false,2026-10-01,,false,copy,"North America, price since 2026-10-01 (copy)",false
}

// What the rules say can be replaced, here with an entry point of seven days
// from November on.
func ExamplePublishedRules() {
	rules := chatapi.PublishedRules("")
	longer := rules[len(rules)-1]
	longer.Since, longer.EntryPointLength = "2026-11-01", 7*24*time.Hour
	ledger := chatapi.NewLedger(chatapi.Account{Rules: append(rules, longer)})
	at := time.Date(2026, time.November, 2, 10, 0, 0, 0, time.UTC)
	ann := chatapi.Contact{Phone: "12025550143"}
	for _, activity := range []chatapi.Activity{
		{Kind: chatapi.ActivityInbound, At: at, Channel: "ABC1", Contact: ann, EntryPoint: chatapi.EntryPointAd},
		{Kind: chatapi.ActivityOutbound, At: at, Channel: "ABC1", Contact: ann, MessageID: "m1"},
		{Kind: chatapi.ActivityDelivered, At: at, Channel: "ABC1", Contact: ann, MessageID: "m1"},
	} {
		if err := ledger.Record(activity); err != nil {
			log.Fatal(err)
		}
	}
	conversations, err := ledger.Conversations("ABC1", chatapi.Phone("12025550143"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(conversations[0].Charge.Why)
	// Output: came from an ad, free until 2026-11-09 10:00
}

// A bill from stored webhook bodies. A body has neither the time of its receipt, which
// the statuses of the service need, nor the channel of its address, so both are
// stored with it. Ann hides her number in the middle of the month, and stays one
// customer.
func ExampleLedger_RecordEvent() {
	type row struct {
		Channel  chatapi.ChannelID
		Received time.Time
		Body     []byte
	}
	at := time.Date(2026, time.October, 5, 9, 0, 0, 0, time.UTC)
	stored := []row{ // as a function of NewDeliveryHandler got them: d.Channel, d.Received, d.Body
		{"ABC1", at, []byte(`{"instanceId":"ABC1","messages":[{"id":"m1","type":"chat","body":"Open?","fromMe":false,"time":1791190800,"author":"12025550143@c.us","authorBsuid":"US.1000000000000001","chatId":"12025550143@c.us"}]}`)},
		{"ABC1", at.Add(time.Minute), []byte(`{"instanceId":"ABC1","ack":[{"id":"m2","phone":"12025550143","bsuid":"US.1000000000000001","status":"delivered","category":"service"}]}`)},
		{"ABC1", at.Add(72 * time.Hour), []byte(`{"instanceId":"ABC1","ack":[{"id":"m3","bsuid":"US.1000000000000001","status":"delivered","category":"utility"}]}`)},
	}
	ledger := chatapi.NewLedger(chatapi.Account{ID: "waba1"})
	for _, r := range stored {
		events, err := chatapi.ParseWebhook(r.Body)
		if err != nil {
			log.Print(err) // names the elements that could not be read; the others are in events
		}
		for _, event := range events {
			event.Info().Channel, event.Info().Received = r.Channel, r.Received
			if err := ledger.RecordEvent(event); err != nil {
				log.Fatal(err)
			}
		}
	}
	bill, err := ledger.Bill(chatapi.Month(2026, time.October))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(bill)
	// Output:
	// Bill for October 2026
	//
	// Opened            Number  Customer      Kind           Cost  Why
	// 2026-10-05 09:01  ABC1    +12025550143  service        free  number 1 of 1,000 free this month
	// 2026-10-08 09:00  ABC1    +12025550143  utility  0.0034 USD  North America, price since 2026-10-01 (copy)
	//
	// Free          1  customer service 1
	// Charged       1
	// Total    0.0034  USD
}

// Before a send: what would it cost, and why? Nothing is recorded.
func ExampleLedger_Quote() {
	ledger := chatapi.NewLedger(chatapi.Account{ID: "waba1"})
	now := time.Date(2026, time.November, 2, 10, 0, 0, 0, time.UTC)
	for _, message := range []chatapi.Message{
		chatapi.Text{Body: "Your order is ready."},
		&chatapi.Template{Name: "order_ready", Language: "en", Category: "UTILITY"}, // as Templates.Get says
	} {
		quote, err := ledger.Quote(now, "ABC1", chatapi.Phone("+55 11 99000 0001"), message)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(quote.Amount, "-", quote.Why)
	}
	// Output:
	// 0.00 USD - service message to Brazil, free tier: number 1 of 1,000 this month, 999 left; the service window is closed, so WhatsApp refuses it
	// 0.0068 USD - utility template to Brazil, price since 2026-10-01 (copy)
}

// A campaign spends the free tier as it goes, which quotes one by one could not
// know of.
func ExampleLedger_QuoteAll() {
	november := chatapi.Month(2026, time.November)
	ledger := chatapi.NewLedger(chatapi.Account{Used: []chatapi.PriorUsage{{Month: november, Number: "ABC1", Units: 999}}})
	campaign, err := ledger.QuoteAll(time.Date(2026, time.November, 2, 10, 0, 0, 0, time.UTC), "ABC1",
		maps.All(map[chatapi.Recipient]chatapi.Message{
			chatapi.Phone("12025550143"): chatapi.Text{Body: "We are open again."},
			chatapi.Phone("12025550144"): chatapi.Text{Body: "We are open again."},
			chatapi.Phone("12025550145"): &chatapi.Template{Name: "open", Language: "en", Category: "MARKETING"},
		}))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(campaign)
	// Output:
	// Messages: 3
	//
	// North America  marketing  1   0.025 USD
	// North America  service    1  0.0034 USD
	// North America  service    1        free  customer service
	// Total                        0.0284 USD
}

// A third of the month is over: what will it come to?
func ExampleLedger_Forecast() {
	ledger := chatapi.NewLedger(chatapi.Account{ID: "waba1"})
	november := time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)
	for day := range 10 {
		at := november.AddDate(0, 0, day).Add(10 * time.Hour)
		for _, kind := range []chatapi.ActivityKind{chatapi.ActivityOutbound, chatapi.ActivityDelivered} {
			err := ledger.Record(chatapi.Activity{Kind: kind, At: at, Channel: "ABC1", Contact: chatapi.Contact{Phone: "12025550143"},
				MessageID: fmt.Sprint("m", day), Category: chatapi.CategoryMarketing})
			if err != nil {
				log.Fatal(err)
			}
		}
	}
	forecast, err := ledger.Forecast(chatapi.Month(2026, time.November), november.AddDate(0, 0, 10))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(forecast)
	// Output:
	// Forecast for November 2026, from what was recorded until 2026-11-11 00:00
	//
	// North America  marketing  30  0.75 USD
	// So far                        0.25 USD
	// Month                         0.75 USD
}
