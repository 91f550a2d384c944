package phones_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

const ann = "12025550143"

// logURL is a webhook address of the fakes that ready returns.
const logURL = "https://log.test/x"

// ready returns a fake in which every act of Ann is possible. Two of them in one test are
// the same.
func ready(t *testing.T, opts ...chatapitest.Option) *chatapitest.API {
	t.Helper()
	api := chatapitest.New(t, append(opts, chatapitest.Seed(7))...)
	client, on := api.Client(), true
	require.NoError(t, client.Settings.Update(t.Context(), chatapi.SettingsPatch{RawHooks: &on}))
	api.Webhook(logURL, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	customer := api.Customer(ann)
	api.Template("hello", "en", "Hello")
	api.Group("Friends", customer)
	api.Group("Others", api.Customer("12025550144"))
	customer.Says("first")
	customer.Rings()
	for _, m := range []chatapi.Message{
		chatapi.Buttons{Body: "Which?", Buttons: []chatapi.Button{{ID: "red", Title: "Red"}, {ID: "blue", Title: "Blue"}}},
		chatapi.List{Body: "Size?", Label: "Sizes", Sections: []chatapi.Section{{Rows: []chatapi.Row{{ID: "L", Title: "Large"}}}}},
		chatapi.Flow{Body: "Form", ID: "1", Token: "tok", Label: "Open", Screen: "A"},
	} {
		_, err := client.Send(t.Context(), customer.Recipient(), m)
		require.NoError(t, err)
	}
	api.Settle()
	return api
}

// performances returns the arguments of each act, as JSON objects.
func performances(t *testing.T) map[string]json.RawMessage {
	t.Helper()
	data, err := os.ReadFile("testdata/acts.json")
	require.NoError(t, err)
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(data, &all))
	return all
}

// texts returns the arguments of an act as Perform takes them.
func texts(t *testing.T, args json.RawMessage) map[string]string {
	t.Helper()
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(args, &members))
	all := map[string]string{}
	for name, value := range members {
		text := string(value)
		if strings.HasPrefix(text, `"`) {
			require.NoError(t, json.Unmarshal(value, &text))
		}
		if name == "data" {
			data, err := base64.StdEncoding.DecodeString(text)
			require.NoError(t, err)
			text = string(data)
		}
		all[strings.ReplaceAll(name, "_", " ")] = text
	}
	return all
}

// reply is an answer of /sim.
type reply struct {
	status int
	header http.Header
	body   string
}

// member returns a member of the answer, a JSON object.
func (r reply) member(t *testing.T, name string) any {
	t.Helper()
	var members map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.body), &members), r.body)
	return members[name]
}

// call makes a request of the given header, or with a JSON body.
func call(t *testing.T, handler http.Handler, method, path, body string, headers ...http.Header) reply {
	t.Helper()
	r := httptest.NewRequest(method, "http://127.0.0.1:8300"+path, strings.NewReader(body)).WithContext(t.Context())
	r.Header.Set("Content-Type", "application/json")
	for _, header := range headers {
		maps.Copy(r.Header, header)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return reply{w.Code, w.Header(), w.Body.String()}
}

// refused checks that an answer is an error with a sentence.
func refused(t *testing.T, got reply, status int, sentence string) {
	t.Helper()
	assert.Equal(t, status, got.status, got.body)
	assert.Equal(t, "application/json", got.header.Get("Content-Type"))
	text, _ := got.member(t, "error").(string)
	assert.Contains(t, text, sentence)
	assert.Less(t, len(text), 600, "a sentence")
}
