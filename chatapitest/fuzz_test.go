package chatapitest_test

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/chatapi-go/chatapi/chatapitest"
)

// FuzzRequest sends any body to any operation: the fake answers, and what it
// answers with 200 is JSON that says what became of it.
func FuzzRequest(f *testing.F) {
	operations := chatapitest.Operations()
	for name, id := range requestSamples(f) {
		body, err := os.ReadFile("../testdata/contract/" + name)
		if err != nil {
			f.Fatal(err)
		}
		i := slices.IndexFunc(operations, func(op chatapitest.Operation) bool { return op.ID == id })
		f.Add(uint8(i), "limit=1&last=2&lastMessageNumber=3", body)
	}
	f.Fuzz(func(t *testing.T, n uint8, query string, body []byte) {
		api := chatapitest.New(t)
		api.Template("order_update", "en", "Hello {{1}}, {{2}}")
		api.Customer(ann).Says("hi")
		op := operations[int(n)%len(operations)]
		values, _ := url.ParseQuery(query)
		values.Set("token", api.Token)
		path := strings.NewReplacer("{groupId}", "1", "{flowId}", "1", "{mediaId}", "1").Replace(op.Path)
		r, err := http.NewRequestWithContext(t.Context(), op.Method, api.URL+path+"?"+values.Encode(), strings.NewReader(string(body)))
		if err != nil {
			t.Skip(err)
		}
		resp, err := api.Transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		reply, err := io.ReadAll(resp.Body)
		if err != nil || len(reply) == 0 || reply[0] != '{' && reply[0] != '[' {
			t.Fatalf("%s %s: %v %q", op.Method, path, err, reply)
		}
	})
}
