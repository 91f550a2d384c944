package chatapitest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chatapi-go/chatapi/chatapitest"
)

// BenchmarkSend is what the fake itself costs a test: a send and its three
// webhooks.
func BenchmarkSend(b *testing.B) {
	api := chatapitest.New(b)
	api.Customer(ann).Says("hi")
	api.Webhook("https://log.test/x", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	b.ReportAllocs()
	for b.Loop() {
		r, _ := http.NewRequestWithContext(b.Context(), "POST", api.URL+"/sendMessage?token="+api.Token, strings.NewReader(`{"phone":"12025550143","body":"x"}`))
		resp, err := api.Transport.RoundTrip(r)
		if err != nil || resp.StatusCode != 200 {
			b.Fatal(err)
		}
		resp.Body.Close()
		api.Settle()
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		api, _ := chatapitest.Start()
		api.Close()
	}
}
