package chatapi_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

func TestParseRecipientByTheContractsRules(t *testing.T) {
	for input, want := range map[string]chatapi.Recipient{
		"12025550143": chatapi.Phone("12025550143"),
		"\u202a+1\u00a0202\u2011555\u20110143\u202c": chatapi.Phone("12025550143"), // as copied from a web page
		" +1 (202) 555-01.43 ":                       chatapi.Phone("12025550143"),
		"1.202.555.0143":                             chatapi.Phone("12025550143"),
		"44.2055501":                                 chatapi.Phone("442055501"), // has the form of a BSUID, but is a number
		"12025550143@c.us":                           chatapi.Chat("12025550143@c.us"),
		"120363000000000001@g.us":                    chatapi.Chat("120363000000000001@g.us"),
		"news@broadcast":                             chatapi.Chat("news@broadcast"),
		"US.1000000000000001":                        chatapi.BSUID("US.1000000000000001"),
		"US.1000000000000001@lid":                    chatapi.BSUID("US.1000000000000001"),
		"@sample.person":                             chatapi.Username("sample.person"),
		"phone:12025550143":                          chatapi.Phone("12025550143"),
		"username:sample.person":                     chatapi.Username("sample.person"),
		"bsuid:US.1000000000000001":                  chatapi.BSUID("US.1000000000000001"),
		"chat:120363000000000001@g.us":               chatapi.Chat("120363000000000001@g.us"),
		"bsuid-as-phone:US.1":                        chatapi.BSUIDAsPhone("US.1"),
	} {
		got, err := chatapi.ParseRecipient(input)
		require.NoError(t, err, input)
		assert.Equal(t, want, got, input)
	}
	for _, input := range []string{"", "  ", "hello", "12345", "0043 1 234567", "(0202) 555-0143", "1234567890123456", "@", "@bad name", "1@2@lid", "100000000000001@lid",
		"a@", "@c.us@", "12025550143 @c.us", "phone:", "phone:US.1000000000000001", "username:", "chat:12025550143", strings.Repeat("1", 1<<20)} {
		got, err := chatapi.ParseRecipient(input)
		assert.True(t, got.IsZero(), "%.40q gave %v", input, got)
		wrongField(t, err, chatapi.ErrInvalid, "recipient")
		assert.Less(t, len(err.Error()), 400)
	}
}

func TestWrongRecipientsAreRefusedBySends(t *testing.T) {
	for _, to := range []chatapi.Recipient{
		{}, chatapi.Phone(""), chatapi.Phone("12345"), chatapi.Phone("0043 1 234567"), chatapi.Phone("+1-800-FLOWERS"), chatapi.Phone("US.1000000000000001"),
		chatapi.Chat(""), chatapi.Chat("12025550143"), chatapi.Chat("100000000000001@lid"), chatapi.Chat("a b@c.us"),
		chatapi.BSUID(""), chatapi.BSUID("12025550143"), chatapi.BSUIDAsPhone("x"),
		chatapi.Username(""), chatapi.Username("a b"), chatapi.Username(strings.Repeat("a", 129)),
	} {
		_, err := offline(t).Prepare(to, chatapi.Text{Body: "Hello"})
		wrongField(t, err, chatapi.ErrInvalid, "recipient")
	}
}

func TestOnePersonHasOneKey(t *testing.T) {
	assert.Equal(t, chatapi.Phone("+1 202 555 0143").Key(), chatapi.Chat("12025550143@c.us").Key())
	assert.Equal(t, chatapi.BSUID("US.1").Key(), chatapi.BSUIDAsPhone("US.1").Key())
	assert.NotEqual(t, chatapi.Phone("12025550143").Key(), chatapi.Chat("12025550143@g.us").Key())
	assert.Empty(t, chatapi.Recipient{}.Key())
	assert.True(t, chatapi.Chat("120363000000000001@g.us").IsGroup())
	assert.False(t, chatapi.Chat("12025550143@c.us").IsGroup())
	assert.Equal(t, chatapi.RecipientBSUID, chatapi.BSUIDAsPhone("US.1").Kind())
}

func TestRecipientsSurviveStorageAndHideInLogs(t *testing.T) {
	for _, r := range []chatapi.Recipient{
		{}, ann, annsChat, chatapi.BSUID("US.1000000000000001"), chatapi.BSUIDAsPhone("US.1000000000000001"), chatapi.Username("sample.person"),
	} {
		data, err := json.Marshal(map[string]chatapi.Recipient{"to": r})
		require.NoError(t, err)
		var back map[string]chatapi.Recipient
		require.NoError(t, json.Unmarshal(data, &back))
		assert.Equal(t, r, back["to"])
	}
	var b strings.Builder
	slog.New(slog.NewTextHandler(&b, nil)).Info("sent", "to", ann, "chat", annsChat)
	assert.NotContains(t, b.String(), "2025550143")
	assert.Contains(t, b.String(), "phone:*********43")
	assert.Equal(t, "+12025550143", fmt.Sprint(ann))
	assert.Equal(t, "@sample.person", chatapi.Username("sample.person").String())

	var r chatapi.Recipient
	assert.ErrorIs(t, r.UnmarshalText([]byte("nobody")), chatapi.ErrInvalid)
}

func FuzzParseRecipient(f *testing.F) {
	for _, seed := range []string{"", "12025550143", "+1 (202) 555-0143", "12025550143@c.us", "120363000000000001@g.us", "US.1000000000000001@lid",
		"@sample.person", "phone:12025550143", "bsuid-as-phone:US.1", "1.202.555.0143", "\xff@c.us", "a:b:c"} {
		f.Add(seed)
	}
	client := offline(f)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := chatapi.ParseRecipient(text)
		if err != nil {
			require.ErrorIs(t, err, chatapi.ErrInvalid)
			require.True(t, r.IsZero())
			return
		}
		p, err := client.Prepare(r, chatapi.Text{Body: "Hello"})
		require.NoError(t, err, "a parsed recipient can be sent to")
		var body map[string]string
		require.NoError(t, json.Unmarshal(p.Body, &body))
		require.Len(t, body, 2, "one recipient and the text")
		require.Contains(t, []string{body["phone"], body["chatId"], body["bsuid"], body["username"]}, r.Value(), "the recipient is sent unchanged")

		stored, err := r.MarshalText()
		require.NoError(t, err)
		again, err := chatapi.ParseRecipient(string(stored))
		require.NoError(t, err, "%q", stored)
		require.Equal(t, r, again, "the stored form reads back")
	})
}

func TestPhoneVariants(t *testing.T) {
	for number, want := range map[string][]string{
		"+1 (202) 555-0143": {"12025550143"},
		"+55 11 98765-4321": {"5511987654321", "551187654321"},
		"551187654321":      {"551187654321", "5511987654321"},
		"551130001234":      {"551130001234"}, // a fixed line has no ninth digit
		"525512345678":      {"525512345678", "5215512345678"},
		"5215512345678":     {"5215512345678", "525512345678"},
		"541112345678":      {"541112345678", "5491112345678"},
		"5491112345678":     {"5491112345678", "541112345678"},
		"US.1000000000001":  nil,
		"":                  nil,
	} {
		got := chatapi.PhoneVariants(number)
		assert.Equal(t, want, got, number)
		for _, variant := range got {
			assert.ElementsMatch(t, got, chatapi.PhoneVariants(variant), "each variant has the same variants")
		}
	}
}

func TestRecipientsAtTheEdge(t *testing.T) {
	for _, to := range []chatapi.Recipient{
		chatapi.Phone("120255"), chatapi.Phone("120255501430000"), // 6 and 15 digits
		chatapi.Username(strings.Repeat("a", 128)), chatapi.Username("a"),
		chatapi.BSUID("US.1"), chatapi.BSUID(strings.Repeat("A", 16) + ".1"), chatapi.BSUIDAsPhone(" US.1@lid "),
	} {
		_, err := offline(t).Prepare(to, chatapi.Text{Body: "Hello"})
		assert.NoError(t, err, to)
	}
	for _, to := range []chatapi.Recipient{
		chatapi.Phone("012025550143"), chatapi.Chat("\u00e4nn@c.us"), chatapi.Chat("a\u0001@c.us"), chatapi.Chat("12025550143@"), chatapi.Chat("@c.us"),
		chatapi.BSUID("U.1"), chatapi.BSUID(strings.Repeat("A", 17) + ".1"), chatapi.BSUID("US."), chatapi.BSUID("US.1/2"),
	} {
		_, err := offline(t).Prepare(to, chatapi.Text{Body: "Hello"})
		wrongField(t, err, chatapi.ErrInvalid, "recipient")
	}
	_, err := chatapi.ParseRecipient("12.34x")
	wrongField(t, err, chatapi.ErrInvalid, "recipient")
}

// Only the chat of a person has the key of a phone number. Only a chat can be a
// group.
func TestKeysOfChats(t *testing.T) {
	for key, r := range map[string]chatapi.Recipient{
		"phone:12025550143":            annsChat,
		"chat:ann@c.us":                chatapi.Chat("ann@c.us"),
		"chat:12025@c.us":              chatapi.Chat("12025@c.us"), // too short for a phone number
		"chat:120363000000000001@g.us": chatapi.Chat("120363000000000001@g.us"),
		"bsuid:US.1":                   chatapi.BSUIDAsPhone("US.1"),
		"username:ann":                 chatapi.Username("@ann"),
	} {
		assert.Equal(t, key, r.Key())
	}
	assert.False(t, chatapi.Username("a@g.us").IsGroup())
	assert.False(t, chatapi.Phone("120363000000000001@g.us").IsGroup())
	assert.Equal(t, "nobody", chatapi.Phone("nobody").String(), "a text gets no plus")
}

func TestRecipientsInLogs(t *testing.T) {
	for want, r := range map[string]chatapi.Recipient{
		"":                             {},
		"phone:*********43":            ann,
		"chat:*********43@c.us":        annsChat,
		"chat:****************01@g.us": chatapi.Chat("120363000000000001@g.us"),
		"bsuid:**.1":                   chatapi.BSUID("US.1"),
		"username:*nn":                 chatapi.Username("ann"),
		"username:a":                   chatapi.Username("a"),
	} {
		assert.Equal(t, want, r.LogValue().String())
	}
}

// In Brazil, only mobile numbers have a ninth digit. In Argentina, a number with
// a 9 gets no second 9.
func TestNumbersWithoutVariants(t *testing.T) {
	for _, number := range []string{"551150001234", "5511950001234", "5511887654321", "5412345678901", "549112345678", "52551234567", "5225512345678", "120255"} {
		assert.Equal(t, []string{number}, chatapi.PhoneVariants(number))
	}
}
