package ledger_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/chatapi-go/chatapi/internal/ledger"
)

func TestContactOf(t *testing.T) {
	a, b := ledger.Phone("12025550143"), ledger.Phone("12025550144")
	assert.NotZero(t, a)
	assert.NotEqual(t, a, b)
	assert.NotEqual(t, ledger.Phone("0"), ledger.Phone("00"))
	for _, text := range []string{"", "+12025550143", "1202555014x", "1202555014/", "1202555014:", "1202555014312345"} {
		assert.Zero(t, ledger.Phone(text), text)
	}
	for _, c := range []struct {
		key     string
		contact ledger.Contact
		text    string
	}{
		{"phone:12025550143", a, ""},
		{"phone:+12025550143", 0, "phone:+12025550143"}, // has a plus
		{"chat:120363000000000001@g.us", 0, "chat:120363000000000001@g.us"},
		{"12025550143", 0, "12025550143"},
	} {
		contact, text := ledger.ContactOf(c.key)
		assert.Equal(t, c.contact, contact, c.key)
		assert.Equal(t, c.text, text, c.key)
	}
}
