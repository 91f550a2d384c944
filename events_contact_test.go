package chatapi_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/chatapi-go/chatapi"
)

func TestContactSame(t *testing.T) {
	for _, c := range []struct {
		a, b chatapi.Contact
		want bool
	}{
		{chatapi.Contact{}, chatapi.Contact{}, false},
		{chatapi.Contact{Name: "Ann"}, chatapi.Contact{Name: "Ann"}, false},
		{chatapi.Contact{BSUID: "US.1"}, chatapi.Contact{BSUID: "US.1"}, true},
		{chatapi.Contact{BSUID: "US.1", Phone: "12025550143"}, chatapi.Contact{BSUID: "US.2", Phone: "12025550143"}, false},
		{chatapi.Contact{BSUID: "US.1", Phone: "12025550143"}, chatapi.Contact{Phone: "12025550143"}, true},
		{chatapi.Contact{Phone: "12025550143", Chat: "c@c.us"}, chatapi.Contact{Phone: "12025550144", Chat: "c@c.us"}, false},
		{chatapi.Contact{Phone: "12025550143", Chat: "c@c.us"}, chatapi.Contact{Chat: "c@c.us"}, true},
		{chatapi.Contact{BSUID: "US.1"}, chatapi.Contact{Phone: "12025550143"}, false},
	} {
		assert.Equal(t, c.want, c.a.Same(c.b), "%v and %v", c.a, c.b)
		assert.Equal(t, c.want, c.b.Same(c.a), "%v and %v", c.b, c.a)
	}
}
