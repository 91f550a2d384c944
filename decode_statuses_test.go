package chatapi_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// metaStatus returns the event of a status with the given members.
func metaStatus(t *testing.T, members string) *chatapi.StatusEvent {
	t.Helper()
	return one[*chatapi.StatusEvent](t, cloud("messages", `{"statuses":[{"id":"m",`+members+`}]}`))
}

func TestParseWebhookPricing(t *testing.T) {
	price := func(members string) *chatapi.StatusPricing {
		e := metaStatus(t, `"status":"sent",`+members)
		require.NotNil(t, e.Pricing)
		return e.Pricing
	}
	dollars := func(micros int64) *chatapi.Money { return &chatapi.Money{Micros: micros, Currency: "USD"} }
	const inner, outer = `"pricing":{"cost":{"amount":0.01,"currency":"USD"}}`, `"cost":{"amount":0.02,"currency":"USD"}`
	assert.Equal(t, dollars(10_000), price(inner+","+outer).Cost)
	assert.Equal(t, dollars(10_000), price(outer+","+inner).Cost)
	assert.Equal(t, dollars(20_000), price(outer).Cost)
	assert.Equal(t, dollars(20_000), price(`"pricing":{"category":"utility"},`+outer).Cost)

	yes, no := true, false
	for raw, want := range map[string]*bool{`true`: &yes, `0`: &no, `null`: nil, `""`: nil, `"perhaps"`: nil} {
		assert.Equal(t, want, price(`"pricing":{"billable":`+raw+`}`).Billable, raw)
	}
	assert.Equal(t, "utility", metaStatus(t, `"status":"sent","pricing":{"category":"utility"}`).Category)
}

func TestParseWebhookPaymentAmount(t *testing.T) {
	amount := func(value, offset, currency string) *chatapi.Money {
		return one[*chatapi.PaymentEvent](t, cloud("messages", `{"statuses":[{"id":"m","type":"payment","status":"captured","payment":{
			"amount":{"value":`+value+`,"offset":`+offset+`},"currency":"`+currency+`"}}]}`)).Amount
	}
	assert.Equal(t, &chatapi.Money{Micros: 12_340_000, Currency: "INR"}, amount("1234", "100", "INR"))
	assert.Equal(t, &chatapi.Money{Currency: "INR"}, amount("0", "100", "INR"))
	for _, c := range [][3]string{{"-1234", "100", "INR"}, {"1234", "3", "INR"}, {"1234", "-100", "INR"}, {"1234", "100", "inr"},
		{"1099511627776", "1", "INR"}, {"9223372036854775807", "1", "INR"}} {
		assert.Nil(t, amount(c[0], c[1], c[2]), "%v", c)
	}
	assert.Equal(t, int64(1_099_511_627_775_000_000), amount("1099511627775", "1", "INR").Micros)
}

// Each transaction of a payment has its own key, and an event without an id has the
// time in its key.
func TestParseWebhookKeysOfAccountEvents(t *testing.T) {
	key := func(transaction string) string {
		return one[*chatapi.PaymentEvent](t, cloud("messages", `{"statuses":[{"id":"m","type":"payment","status":"failed","payment":{
			"transaction":{"id":"`+transaction+`"}}}]}`)).Key()
	}
	assert.Equal(t, "payment/m/failed/t1", key("t1"))
	assert.NotEqual(t, key("t1"), key("t2"))

	at := func(time string) string {
		return one[*chatapi.AccountEvent](t, `{"entry":[{`+time+`"changes":[{"field":"security","value":{"event":"PIN_CHANGED"}}]}]}`).Key()
	}
	assert.Regexp(t, `^account/sha256:[0-9a-f]{32}$`, at(""))
	assert.Equal(t, at("")+"/1790000000", at(`"time":1790000000,`))
}

func TestParseWebhookStatusRecipient(t *testing.T) {
	const own, ofMessage = `"recipient_id":"12025550143"`, `"message":{"recipient_id":"12025550111"}`
	assert.Equal(t, "12025550143", metaStatus(t, `"status":"sent",`+own+","+ofMessage).To.Phone)
	assert.Equal(t, "12025550143", metaStatus(t, `"status":"sent",`+ofMessage+","+own).To.Phone)
	assert.Equal(t, "12025550111", metaStatus(t, `"status":"sent",`+ofMessage).To.Phone)
}

// EventInfo.Wire keeps the word that the service used before 2024.
func TestParseWebhookViewed(t *testing.T) {
	for wire, e := range map[string]*chatapi.StatusEvent{
		"status.viewed": metaStatus(t, `"status":"viewed"`),
		"ack.viewed":    one[*chatapi.StatusEvent](t, `{"ack":[{"id":"m","status":"viewed"}]}`),
	} {
		assert.Equal(t, chatapi.StatusRead, e.Status)
		assert.Equal(t, wire, e.Wire)
	}
}

func TestParseWebhookFailedStatus(t *testing.T) {
	for raw, want := range map[string]chatapi.StatusError{
		`"User's number is part of an experiment"`:                     {Code: 130472, Title: "User's number is part of an experiment", Kind: chatapi.ErrMarketingLimit, Retry: chatapi.RetryNo},
		`"User’s number is part of an experiment"`:                     {Code: 130472, Title: "User’s number is part of an experiment", Kind: chatapi.ErrMarketingLimit, Retry: chatapi.RetryNo},
		`{"code":131047,"title":"T","details":"D"}`:                    {Code: 131047, Title: "T", Details: "D", Kind: chatapi.ErrWindowClosed, Retry: chatapi.RetryTemplate},
		`{"code":"131049","message":"M","error_data":{"details":"D"}}`: {Code: 131049, Title: "M", Details: "D", Kind: chatapi.ErrMarketingLimit, Retry: "wait:24h"},
		`[{"code":131026}]`:                                            {Code: 131026, Kind: chatapi.ErrRecipient, Retry: chatapi.RetryNo},
		`131056`:                                                       {Code: 131056, Kind: chatapi.ErrRateLimited, Retry: chatapi.RetryBackoff},
		`"something new"`:                                              {Title: "something new"},
		`{"code":999999,"title":"new"}`:                                {Code: 999999, Title: "new"},
		`{"code":999999,"title":"Re-engagement message"}`:              {Code: 999999, Title: "Re-engagement message", Kind: chatapi.ErrWindowClosed, Retry: chatapi.RetryTemplate},
	} {
		t.Run(raw, func(t *testing.T) {
			e := one[*chatapi.StatusEvent](t, `{"ack":[{"id":"m","status":"failed","error":`+raw+`}]}`)
			require.Len(t, e.Errors, 1)
			got := e.Errors[0]
			assert.Equal(t, got.Kind != "", got.Advice != "", "a known error comes with advice")
			assert.Equal(t, got.Kind != "", got.Sentence != "", "a known error comes with a sentence")
			got.Advice, got.Sentence = "", ""
			assert.Equal(t, want, got)
		})
	}
	for _, raw := range []string{`null`, `""`, `[]`, `[[["deep"]]]`} {
		assert.Empty(t, one[*chatapi.StatusEvent](t, `{"ack":[{"id":"m","status":"failed","error":`+raw+`}]}`).Errors, raw)
	}
}

func TestParseWebhookStatusErrorMembers(t *testing.T) {
	for raw, want := range map[string]chatapi.StatusError{
		`{"code":999998,"error_code":999999}`:                {Code: 999998},
		`{"error_code":999999,"code":999998}`:                {Code: 999998},
		`{"code":0,"error_code":999999}`:                     {Code: 999999},
		`{"message":"M","title":"T"}`:                        {Title: "T", Message: "M"},
		`{"title":"T","message":"M"}`:                        {Title: "T", Message: "M"},
		`{"details":"D","error_data":{"details":"D2"}}`:      {Details: "D2"},
		`{"details":"D","error_data":{"details":""}}`:        {Details: "D"},
		`{"code":999999,"error_data":{"details":"D","x":1}}`: {Code: 999999, Details: "D"},
	} {
		assert.Equal(t, []chatapi.StatusError{want}, metaStatus(t, `"status":"failed","errors":[`+raw+`]`).Errors, raw)
	}
}
