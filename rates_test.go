package chatapi_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

func date(text string) time.Time {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestEmbeddedPricesByDay(t *testing.T) {
	for _, test := range []struct {
		currency, market, category, day string
		want, since, status             string
		estimate                        bool
	}{
		{"USD", "Brazil", "business_initiated", "2022-02-01", "0.05", "2022-02-01", "derived", false},
		{"USD", "Brazil", "user_initiated", "2023-05-31", "0.03", "2022-02-01", "derived", false},
		{"EUR", "Brazil", "business_initiated", "2022-03-01", "0.0414", "2022-02-01", "copy", false},
		// This price is on the card of 2023 and in force since the middle of
		// 2024.
		{"USD", "India", "authentication", "2024-06-30", "0.0042", "2023-06-01", "derived, partial", false},
		{"USD", "India", "authentication", "2024-07-01", "0.0014", "2024-07-01", "copy, partial", false},
		{"USD", "Brazil", "marketing", "2025-11-10", "0.0625", "2025-10-01", "copy", false},
		{"USD", "Brazil", "utility", "2026-04-01", "0.0068", "2026-04-01", "original", false},
		// The card of July 2026 was found only in part, so Argentina has an older
		// price.
		{"USD", "Argentina", "utility", "2026-08-01", "0.026", "2026-04-01", "original", true},
		{"USD", "Brazil", "service", "2026-10-01", "0.0068", "2026-10-01", "copy", false},
		{"INR", "India", "marketing", "2025-12-01", "0.7846", "2025-10-01", "copy", false},
	} {
		rates, err := chatapi.EmbeddedRates(test.currency)
		require.NoError(t, err)
		price, err := rates.Price(test.market, test.category, date(test.day))
		if !assert.NoError(t, err) {
			continue
		}
		want, err := chatapi.ParseMoney(test.want, test.currency)
		require.NoError(t, err)
		name := test.currency + " " + test.category + " in " + test.market + " on " + test.day
		assert.Equal(t, want, price.Amount, name)
		assert.Equal(t, test.since, price.Since, name)
		assert.Equal(t, test.status, price.Status, name)
		assert.Equal(t, test.estimate, price.Estimate, name)
		assert.NotEmpty(t, price.Source, name)
	}
}

func TestAMissingPriceIsAnErrorThatNamesIt(t *testing.T) {
	rates, err := chatapi.EmbeddedRates("USD")
	require.NoError(t, err)
	for _, test := range []struct{ market, category, day, why string }{
		{"Brazil", "business_initiated", "2022-01-31", "no card before"},
		{"Brazil", "business_initiated", "2023-06-01", "the category is gone"},
		{"Brazil", "marketing", "2023-05-31", "the category did not exist"},
		{"Other", "business_initiated", "2022-03-10", "not found for this market"},
		{"Hungary", "marketing", "2026-06-30", "the market had no price of its own"},
		{"Saudi Arabia", "authentication", "2025-07-10", "not carried across the change of unit"},
		{"Atlantis", "marketing", "2026-10-01", "no such market"},
	} {
		_, err := rates.Price(test.market, test.category, date(test.day))
		require.ErrorIs(t, err, chatapi.ErrNoPrice, test.why)
		var gap *chatapi.Gap
		require.ErrorAs(t, err, &gap, test.why)
		assert.Equal(t, chatapi.Gap{Market: test.market, Category: test.category, Currency: "USD", Day: test.day}, *gap)
		for _, part := range []string{test.market, test.category, "USD", test.day} {
			assert.ErrorContains(t, err, part, test.why)
		}
	}
	_, err = chatapi.EmbeddedRates("JPY")
	assert.ErrorIs(t, err, chatapi.ErrInvalid)
	assert.ErrorContains(t, err, "EUR, INR, USD")
	assert.ErrorContains(t, err, "chatapi: EmbeddedRates: currency ")
}

func TestReadRates(t *testing.T) {
	rates, err := chatapi.ReadRates(strings.NewReader("\ufeffmarket,category,currency,price,effective_from\n" +
		"Brazil,Authentication-International,BRL,0.10,2025-07-01\n" +
		"Rest of Central and Eastern Europe,utility,BRL,0.2,2025-07-01\n"))
	require.NoError(t, err)
	assert.Equal(t, "BRL", rates.Currency())
	price, err := rates.Price("Brazil", "authentication_international", date("2026-01-01"))
	require.NoError(t, err)
	assert.Equal(t, chatapi.Price{Amount: chatapi.Money{Micros: 100_000, Currency: "BRL"}, Since: "2025-07-01"}, price)
	_, err = rates.Price("Rest of Central & Eastern Europe", "utility", date("2026-01-01"))
	assert.NoError(t, err)
}

func TestReadRatesReadsWhatSpreadsheetsWrite(t *testing.T) {
	rates, err := chatapi.ReadRates(strings.NewReader("\ufeffMarket;Category;Currency;Price;Effective_From;Note\r\n" +
		"Brazil;marketing;BRL;0.40;2026-07-01;\"a; b\"\r\n" +
		"\"Brazil\";\"utility\";BRL;\"0.05\";2026-07-01;\"says \"\"hi\"\"\"\r\n"))
	require.NoError(t, err)
	price, err := rates.Price("Brazil", "utility", date("2026-08-01"))
	require.NoError(t, err)
	assert.Equal(t, "0.05 BRL", price.Amount.String())
}

func TestReadRatesRefuses(t *testing.T) {
	const head = "market,category,currency,price,effective_from\n"
	const tiers = "market,category,currency,price,effective_from,from_message,to_message\n"
	for text, problem := range map[string]string{
		"":              "empty",
		"x":             "line 1: the column market is missing",
		head:            "0 currencies",
		"price," + head: "column price is there twice",
		head + "Brazil,utility,USD,0.1,2025-07-01\nBrazil,utility,EUR,0.1,2025-07-01":              "2 currencies",
		head + "Brazil,utility,USD,0.1,2025-07-01\nBrazil,utility,USD,0.2,2025-07-01":              "line 3, column 20 (price): utility in Brazil has two prices",
		head + "Brazil,utility,USD,0.1,2025-07-01\nBrazil,utility,USD,0.1,2025-07-01":              "two prices",
		head + "Brazil,utility,USD,free,2025-07-01":                                                "line 2, column 20 (price): \"free\" is no decimal amount",
		head + "Brazil,utility,USD,\"0,0325\",2025-07-01":                                          "\"0,0325\" has a decimal comma; write it with a decimal point, as \"0.0325\"",
		head + "Brazil,utility,USD,0,0325,2025-07-01":                                              "line 2 has 6 columns, the first line has 5",
		head + "Brazil,utility,USD,-1,2025-07-01":                                                  "negative",
		head + "Brazil,utility,USD,0.1,July":                                                       "July",
		head + "Brazil,utility,dollars,0.1,2025-07-01":                                             "line 2, column 16 (currency): \"dollars\"",
		head + ",utility,USD,0.1,2025-07-01":                                                       "(market): is empty",
		head + "Brazil,,USD,0.1,2025-07-01":                                                        "(category): is empty",
		head + "Brazil,utility":                                                                    "line 2",
		head + "\"Brazil,utility,USD,0.1,2025-07-01":                                               "line",
		tiers + "Brazil,utility,USD,0.1,2026-07-01,0,many":                                         "(to_message): \"many\" is no count",
		tiers + "Brazil,utility,USD,0.1,2026-07-01,-1,":                                            "(from_message): \"-1\" is no count",
		tiers + "Brazil,utility,USD,0.1,2026-07-01,9,5":                                            "5 is before from_message 9",
		tiers + "Brazil,utility,USD,0.1,2026-07-01,0,100":                                          "end at message 100",
		tiers + "Brazil,utility,USD,0.1,2026-07-01,0,100\nBrazil,utility,USD,0.05,2026-07-01,102,": "go to message 100, but the next begins at 102",
		tiers + "Brazil,utility,USD,0.1,2026-07-01,0,\nBrazil,utility,USD,0.05,2026-07-01,9,\nBrazil,utility,USD,0.04,2026-07-01,9,": "two that begin at message 9",
		tiers + "Brazil,utility,USD,0.1,2026-07-01,101,": "have no list price",
	} {
		_, err := chatapi.ReadRates(strings.NewReader(text))
		require.ErrorIs(t, err, chatapi.ErrInvalid, text)
		assert.ErrorContains(t, err, problem, text)
	}
	_, err := chatapi.ReadRates(nil)
	assert.EqualError(t, err, "chatapi: ReadRates: cards are missing; give a CSV file, or another reader")
	_, err = chatapi.ReadRates(strings.NewReader("x"))
	assert.EqualError(t, err, "chatapi: ReadRates: cards are unreadable: line 1: the column market is missing; name the columns market, category, currency, price, effective_from")
	_, err = chatapi.ReadRates(failingReader{})
	assert.ErrorIs(t, err, errCardFile)
	_, err = chatapi.ReadRates(strings.NewReader(head+"Brazil,utility,USD,0.1,2025-07-01\n"), strings.NewReader("x"))
	assert.ErrorContains(t, err, "file 2: line 1")
}

func TestVolumeTiers(t *testing.T) {
	rates, err := chatapi.EmbeddedRates("USD")
	require.NoError(t, err)
	usd := func(micros int64) chatapi.Money { return chatapi.Money{Micros: micros, Currency: "USD"} }
	tiers, err := rates.Tiers("Argentina", "utility", date("2026-05-01"))
	require.NoError(t, err)
	require.Len(t, tiers, 6)
	assert.Equal(t, chatapi.Tier{From: 1, To: 100_000, Amount: usd(26_000)}, tiers[0], "the list price")
	assert.Equal(t, chatapi.Tier{From: 100_001, To: 1_000_000, Amount: usd(24_700)}, tiers[1])
	assert.Zero(t, tiers[5].To, "no end")

	// A newer list price has no known tiers. Marketing never has tiers.
	for _, test := range []struct{ category, day string }{{"utility", "2026-10-01"}, {"utility", "2026-03-31"}, {"marketing", "2026-05-01"}} {
		tiers, err = rates.Tiers("Argentina", test.category, date(test.day))
		require.NoError(t, err)
		require.Len(t, tiers, 1, test)
		price, err := rates.Price("Argentina", test.category, date(test.day))
		require.NoError(t, err)
		assert.Equal(t, chatapi.Tier{From: 1, Amount: price.Amount}, tiers[0])
	}
	_, err = rates.Tiers("Atlantis", "utility", date("2026-05-01"))
	assert.ErrorIs(t, err, chatapi.ErrNoPrice)
}

func TestVolumeTiersOfYourOwn(t *testing.T) {
	const list = "market,category,currency,price,effective_from\nBrazil,utility,BRL,0.05,2026-10-01\n"
	const tiers = "market,category,currency,from_message,to_message,price,vs_list,effective_from\n" +
		"Brazil,utility,BRL,1001,,0.04,-20%,2026-10-01\nBrazil,utility,BRL,0,1000,0.05,0%,2026-10-01\n"
	for _, files := range [][]string{{list, tiers}, {tiers, list}, {tiers}} {
		var readers []io.Reader
		for _, file := range files {
			readers = append(readers, strings.NewReader(file))
		}
		rates, err := chatapi.ReadRates(readers[0], readers[1:]...)
		require.NoError(t, err)
		got, err := rates.Tiers("Brazil", "utility", date("2026-10-31"))
		require.NoError(t, err)
		assert.Equal(t, []chatapi.Tier{
			{From: 1, To: 1000, Amount: chatapi.Money{Micros: 50_000, Currency: "BRL"}},
			{From: 1001, Amount: chatapi.Money{Micros: 40_000, Currency: "BRL"}},
		}, got)
	}
	_, err := chatapi.ReadRates(strings.NewReader(strings.Replace(list, "0.05", "0.06", 1)), strings.NewReader(tiers))
	assert.ErrorContains(t, err, "two prices")
}

var errCardFile = errors.New("broken")

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errCardFile }

func FuzzReadRates(f *testing.F) {
	f.Add("market,category,currency,price,effective_from\nBrazil,utility,USD,0.1,2025-07-01\n")
	f.Add("market,category,currency,price,effective_from,card,source\nBrazil,utility,USD,0.1,2025-07-01,2025-07-01,\"a,b\"\n")
	f.Add("market;category;currency;price;effective_from;from_message;to_message\nBrazil;utility;USD;0.1;2025-07-01;0;10\nBrazil;utility;USD;0.05;2025-07-01;11;\n")
	f.Fuzz(func(t *testing.T, text string) {
		rates, err := chatapi.ReadRates(strings.NewReader(text))
		if err != nil {
			require.ErrorIs(t, err, chatapi.ErrInvalid)
			require.Nil(t, rates)
			return
		}
		require.Len(t, rates.Currency(), 3)
	})
}

// read reads CSV files as a caller's own cards.
func read(t *testing.T, files ...string) *chatapi.Rates {
	t.Helper()
	var readers []io.Reader
	for _, file := range files {
		readers = append(readers, strings.NewReader(file))
	}
	rates, err := chatapi.ReadRates(readers[0], readers[1:]...)
	require.NoError(t, err)
	return rates
}

// A price is an estimate if a newer card lacks it. An announced price counts as
// new from its first day, and that day does not begin a card.
func TestAPriceIsAnEstimateWhereANewerCardLacksIt(t *testing.T) {
	rates := read(t, "market,category,currency,price,effective_from,card\n"+
		"Brazil,utility,BRL,0.1,2023-06-01,\n"+
		"India,utility,BRL,0.2,2023-06-01,\n"+
		"India,utility,BRL,0.3,2024-07-01,2023-06-01\n"+
		"Mexico,utility,BRL,0.4,2024-01-01,\n"+
		"Chile,utility,BRL,0.5,2024-02-01,2024-03-01\n"+ // printed after its first day
		"Peru,utility,BRL,0.6,2024-07-01,\n") // begins on the day of India's second price
	for _, test := range []struct {
		market, day string
		estimate    bool
	}{
		{"Brazil", "2023-12-31", false},
		{"Brazil", "2024-01-01", true},
		{"India", "2024-01-01", true},
		{"India", "2024-07-01", false},
		{"India", "2025-01-01", false},
		{"Mexico", "2024-02-29", false},
		{"Mexico", "2024-03-01", true},
		{"Chile", "2024-03-01", false},
	} {
		price, err := rates.Price(test.market, "utility", date(test.day))
		require.NoError(t, err)
		assert.Equal(t, test.estimate, price.Estimate, "%s on %s", test.market, test.day)
	}
	announced := read(t, "market,category,currency,price,effective_from,card\n"+
		"Brazil,utility,BRL,0.1,2023-06-01,\nIndia,utility,BRL,0.3,2024-07-01,2023-06-01\n")
	price, err := announced.Price("Brazil", "utility", date("2024-07-01"))
	require.NoError(t, err)
	assert.False(t, price.Estimate, "the announced price is on the same card")
}

// Under a forced model, the cards of a later era don't make its prices estimates.
func TestALaterErasCardMakesNoEstimate(t *testing.T) {
	account := chatapi.Account{Model: chatapi.ModelCBP2024}
	bill, err := newLedger(t, account, sent("m1", instant("2026-05-04T10:00:00Z"), customerA, "utility")...).Bill(may2026)
	require.NoError(t, err)
	require.Len(t, bill.Charges, 1)
	assert.Equal(t, "2024-11-01", bill.Charges[0].Price.Since)
	assert.False(t, bill.Charges[0].Price.Estimate)
}

// The categories of 2022 are priced under the model of 2022, even on a later day.
func TestTheCategoriesOf2022ArePricedUnderTheirModelAlone(t *testing.T) {
	rates := read(t, "market,category,currency,price,effective_from\nNorth America,business_initiated,USD,0.07,2026-01-01\n")
	account := chatapi.Account{Model: chatapi.ModelCBP2022, Rates: rates, Used: []chatapi.PriorUsage{{Month: may2026, Units: 1000}}}
	bill, err := newLedger(t, account, sent("m1", instant("2026-05-04T10:00:00Z"), customerA, "utility")...).Bill(may2026)
	require.NoError(t, err)
	assert.Equal(t, "0.07 USD", bill.Totals[0].String())
	_, err = rates.Price("North America", "business_initiated", date("2026-05-04"))
	assert.ErrorIs(t, err, chatapi.ErrNoPrice)
}

func TestACategoryIsAskedForInAnyForm(t *testing.T) {
	rates := read(t, "market,category,currency,price,effective_from\nBrazil,authentication_international,BRL,0.1,2025-07-01\n")
	for _, category := range []string{"authentication_international", "AUTHENTICATION_INTERNATIONAL", " authentication-international "} {
		price, err := rates.Price("Brazil", category, date("2026-01-01"))
		require.NoError(t, err, category)
		assert.Equal(t, "0.10 BRL", price.Amount.String())
		tiers, err := rates.Tiers("Brazil", category, date("2026-01-01"))
		require.NoError(t, err, category)
		assert.Equal(t, []chatapi.Tier{{From: 1, Amount: price.Amount}}, tiers)
	}
}

// Price takes the day in the location of the instant.
func TestAPriceIsThatOfTheLocalDay(t *testing.T) {
	rates := read(t, "market,category,currency,price,effective_from\nBrazil,utility,BRL,0.1,2025-07-01\nBrazil,utility,BRL,0.2,2026-01-01\n")
	at := instant("2026-01-01T01:00:00Z")
	for hours, want := range map[int]string{0: "0.20 BRL", -3: "0.10 BRL"} {
		local := at.In(time.FixedZone("here", hours*60*60))
		price, err := rates.Price("Brazil", "utility", local)
		require.NoError(t, err)
		assert.Equal(t, want, price.Amount.String())
		tiers, err := rates.Tiers("Brazil", "utility", local)
		require.NoError(t, err)
		assert.Equal(t, want, tiers[0].Amount.String())
	}
}

func TestTiersFillWhatTheirRowsLeaveOut(t *testing.T) {
	brl := func(micros int64) chatapi.Money { return chatapi.Money{Micros: micros, Currency: "BRL"} }
	const list = "market,category,currency,price,effective_from\nBrazil,utility,BRL,0.05,2026-10-01\n"
	const head = "market,category,currency,price,effective_from,from_message,to_message\n"
	for name, test := range map[string]struct {
		files []string
		want  []chatapi.Tier
	}{
		"the first tier is the list price": {[]string{list, head + "Brazil,utility,BRL,0.04,2026-10-01,101,\n"},
			[]chatapi.Tier{{From: 1, To: 100, Amount: brl(50_000)}, {From: 101, Amount: brl(40_000)}}},
		"a tier ends where the next begins": {[]string{head + "Brazil,utility,BRL,0.05,2026-10-01,1,\nBrazil,utility,BRL,0.04,2026-10-01,101,\n"},
			[]chatapi.Tier{{From: 1, To: 100, Amount: brl(50_000)}, {From: 101, Amount: brl(40_000)}}},
		"a tier of one message": {[]string{head + "Brazil,utility,BRL,0.05,2026-10-01,1,1\nBrazil,utility,BRL,0.04,2026-10-01,2,\n"},
			[]chatapi.Tier{{From: 1, To: 1, Amount: brl(50_000)}, {From: 2, Amount: brl(40_000)}}},
		"a tier of both columns empty is the list price": {[]string{head + "Brazil,utility,BRL,0.05,2026-10-01,,\nBrazil,utility,BRL,0.04,2026-10-01,101,\n"},
			[]chatapi.Tier{{From: 1, To: 100, Amount: brl(50_000)}, {From: 101, Amount: brl(40_000)}}},
	} {
		tiers, err := read(t, test.files...).Tiers("Brazil", "utility", date("2026-10-01"))
		require.NoError(t, err, name)
		assert.Equal(t, test.want, tiers, name)
	}
}

// The source of the list price is that of its card, whichever file comes first.
// The source of a tier is that of its own row.
func TestAPriceNamesTheRowItWasReadFrom(t *testing.T) {
	const list = "market,category,currency,price,effective_from,source\nNorth America,utility,USD,0.05,2026-04-01,the card\n"
	const tiers = "market,category,currency,price,effective_from,from_message,to_message,source\n" +
		"North America,utility,USD,0.05,2026-04-01,0,100,tiers\nNorth America,utility,USD,0.04,2026-04-01,101,,second tier\n"
	for _, files := range [][]string{{list, tiers}, {tiers, list}} {
		rates := read(t, files...)
		price, err := rates.Price("North America", "utility", date("2026-05-01"))
		require.NoError(t, err)
		assert.Equal(t, "the card", price.Source)
		account := chatapi.Account{Rates: rates, Used: []chatapi.PriorUsage{{Month: may2026, Market: "North America", Category: "utility", Units: 99}}}
		at := instant("2026-05-04T10:00:00Z")
		bill, err := newLedger(t, account, append(sent("m1", at, customerA, "utility"), sent("m2", at.Add(time.Minute), customerA, "utility")...)...).Bill(may2026)
		require.NoError(t, err)
		require.Equal(t, []string{"m1 0.05 0", "m2 0.04 101"}, prices(bill))
		assert.Equal(t, "the card", bill.Charges[0].Price.Source)
		assert.Equal(t, "second tier", bill.Charges[1].Price.Source)
	}
}

// The first line decides between comma and semicolon. If it has as many of both,
// the comma separates.
func TestReadRatesTakesTheSeparatorFromTheFirstLine(t *testing.T) {
	for name, text := range map[string]string{
		"as many of both":          "market,category,currency,price,effective_from,\"a;b;c;d;e;f\"\nBrazil,utility,BRL,0,2025-07-01,x\n",
		"semicolons further down":  "market,category,currency,price,effective_from,note\nBrazil,utility,BRL,0,2025-07-01,\"a;b;c;d;e;f;g;h;i;j;k;l;m\"\n",
		"commas further down":      "market;category;currency;price;effective_from;note\nBrazil;utility;BRL;0;2025-07-01;\"a,b,c,d,e,f,g,h,i,j,k,l,m\"\n",
		"an unknown column twice":  "market,note,category,note,currency,price,effective_from\nBrazil,x,utility,y,BRL,0,2025-07-01\n",
		"a column without a name":  "market,category,currency,price,effective_from,,\nBrazil,utility,BRL,0,2025-07-01,,\n",
		"no newline after the end": "market,category,currency,price,effective_from\nBrazil,utility,BRL,0,2025-07-01",
	} {
		price, err := read(t, text).Price("Brazil", "utility", date("2025-07-01"))
		require.NoError(t, err, name)
		assert.Equal(t, "0.00 BRL", price.Amount.String(), name)
	}
	_, err := chatapi.ReadRates(strings.NewReader("market,category,currency,price,effective_from,from_message\nBrazil,utility,BRL,0.1,2025-07-01,281474976710656\n"))
	assert.ErrorContains(t, err, "is no count of messages")
}
