package chatapitest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/chatapitest"
)

// prepared returns a fake with the templates, people, calls and files that the
// request samples of the contract name, and a replacer that puts the fake's ids
// into a sample.
func prepared(t *testing.T) (*chatapitest.API, *strings.Replacer) {
	t.Helper()
	api := chatapitest.New(t)
	message := api.Customer(ann).WithUsername("sample.person").Says("hi")
	api.Customer("US.1000000000000001").Says("hi")
	api.Customer("910000000001").Says("hi")
	api.Customer(ann).SaysIn("120363000000000001@g.us", "hi")
	post := func(path, body string) string {
		status, reply := request(t, api, "POST", path, body)
		require.Equal(t, 200, status, reply)
		require.NotContains(t, reply, "error", path)
		var got map[string]any
		require.NoError(t, json.Unmarshal([]byte(reply), &got))
		for _, name := range []string{"mediaId", "id"} {
			if id, ok := got[name].(string); ok {
				return id
			}
		}
		return ""
	}
	post("addTemplate", `{"name":"spring_sale","category":"MARKETING","language":"en","components":[{"type":"BODY","text":"Sale"}]}`)
	post("addTemplate", `{"name":"order_details_demo","category":"UTILITY","language":"en","components":[{"type":"BODY","text":"Pay"},{"type":"BUTTONS","buttons":[{"type":"ORDER_DETAILS","text":"Pay"}]}]}`)
	post("addTemplate", `{"name":"spring_cards","category":"MARKETING","language":"en","components":[{"type":"BODY","text":"Cards"},{"type":"CAROUSEL","cards":[
		{"components":[{"type":"HEADER","format":"IMAGE"}]},{"components":[{"type":"HEADER","format":"IMAGE"}]}]}]}`)
	post("addTemplate", `{"name":"order_update","category":"UTILITY","language":"en","components":[{"type":"HEADER","format":"IMAGE"},{"type":"BODY","text":"Hello {{1}}, order {{2}}."},
		{"type":"BUTTONS","buttons":[{"type":"URL","text":"Track","url":"https://shop.example.com/t/{{1}}"}]}]}`)
	post("callingSettings", `{"calling":{"status":"ENABLED"}}`)
	return api, strings.NewReplacer(
		"wamid.SYNTHETIC0000000000000001", message,
		"wacid.SYNTHETIC0001", api.Customer(ann).Rings(),
		"100000000000077", post("uploadMedia", `{"body":"data:audio/ogg;base64,T2dnUw=="}`))
}

// requestSamples returns the id of the operation of each request sample of the
// contract.
func requestSamples(tb testing.TB) map[string]string {
	tb.Helper()
	data, err := os.ReadFile("../testdata/contract/index.json")
	require.NoError(tb, err)
	var index struct {
		Files map[string]struct{ OperationID string }
	}
	require.NoError(tb, json.Unmarshal(data, &index))
	samples := map[string]string{}
	for name, file := range index.Files {
		if strings.HasPrefix(name, "request-") {
			samples[name] = file.OperationID
		}
	}
	require.Greater(tb, len(samples), 50)
	return samples
}

// TestRequestSamples sends every request of the contract's examples. The fake must
// accept each.
func TestRequestSamples(t *testing.T) {
	byID := map[string]chatapitest.Operation{}
	for _, op := range chatapitest.Operations() {
		byID[op.ID] = op
	}
	for name, id := range requestSamples(t) {
		t.Run(name, func(t *testing.T) {
			op, ok := byID[id]
			require.True(t, ok, "no operation %q", id)
			body, err := os.ReadFile("../testdata/contract/" + name)
			require.NoError(t, err)
			api, ids := prepared(t)
			path := strings.TrimPrefix(op.Path, "/")
			switch {
			case strings.Contains(path, "{groupId}"):
				path = strings.Replace(path, "{groupId}", "120363000000000001", 1)
			case strings.Contains(path, "{flowId}"):
				_, reply := request(t, api, "POST", "flows", `{"name":"f","categories":["OTHER"]}`)
				var flow struct{ ID string }
				require.NoError(t, json.Unmarshal([]byte(reply), &flow))
				path = strings.Replace(path, "{flowId}", flow.ID, 1)
			case op.ID == "addTemplate":
				request(t, api, "POST", "removeTemplate", `{"name":"order_update"}`)
			case op.ID == "unblockUser":
				request(t, api, "POST", "blockUser", string(body))
			}
			status, reply := request(t, api, op.Method, path, ids.Replace(string(body)))
			assert.Equal(t, 200, status, reply)
			assert.NotContains(t, reply, `"error"`)
			assert.NotContains(t, reply, `"sent":false`)
		})
	}
}

// TestReplySamples compares the fake's replies with the contract's examples.
func TestReplySamples(t *testing.T) {
	for name, test := range map[string]struct {
		method, path, body string
		prepare            func(*chatapitest.API)
	}{
		"response-status-connected.json": {"GET", "status", "", nil},
		"response-me.json":               {"GET", "me", "", func(a *chatapitest.API) { request(t, a, "POST", "me", profile) }},
		"response-webhook-one.json":      {"GET", "webhook", "", func(a *chatapitest.API) { a.Webhook("https://hooks.example.com/wa", nil) }},
		"response-webhook-set.json":      {"POST", "webhook", `{"webhookUrl":"https://hooks.example.com/wa"}`, nil},
		"response-settings-updated.json": {"POST", "settings", `{"webhookUrl":"https://hooks.example.com/wa"}`, nil},
		"response-send-rejected.json":    {"POST", "sendMessage", `{"phone":"12025550143","body":"x"}`, nil},
		"response-blocked-users.json":    {"GET", "blockedUsers", "", func(a *chatapitest.API) { request(t, a, "POST", "blockUser", `{"phone":"12025550143"}`) }},
		"response-mm-lite.json":          {"GET", "mmLiteStatus", "", nil},
		"response-output-ip.json":        {"GET", "outputIP", "", nil},
		"response-commerce.json":         {"GET", "commerce", "", nil},
		"response-conversational-automation.json": {"GET", "conversationalAutomation", "", func(a *chatapitest.API) {
			request(t, a, "POST", "conversationalAutomation", `{"enable_welcome_message":true,"prompts":["Where is my order?"]}`)
		}},
		"response-encryption-key.json": {"GET", "whatsapp_business_encryption", "", func(a *chatapitest.API) {
			request(t, a, "POST", "whatsapp_business_encryption", `{"business_public_key":"-----BEGIN PUBLIC KEY-----\nSYNTHETICNOTAKEY\n-----END PUBLIC KEY-----\n"}`)
		}},
		"error-404-unknown-method.json":     {"GET", "nothing", "", nil},
		"error-422-nothing-to-update.json":  {"POST", "me", `{}`, nil},
		"error-400-template-undefined.json": {"POST", "sendTemplate", `{"phone":"12025550143"}`, nil},
		"error-400-username-unknown.json":   {"POST", "sendMessage", `{"username":"x","body":"x"}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			want, err := os.ReadFile("../testdata/contract/" + name)
			require.NoError(t, err)
			api := chatapitest.New(t)
			if test.prepare != nil {
				test.prepare(api)
			}
			_, got := request(t, api, test.method, test.path, test.body)
			assert.JSONEq(t, string(want), got)
		})
	}
	for name, test := range map[string]struct {
		quirk              chatapitest.Quirk
		method, path, body string
	}{
		"response-messages-empty-notice.json": {chatapitest.NoHistory, "GET", "messages", ""},
		"error-400-bsuid-disabled.json":       {chatapitest.NoBSUID, "POST", "sendMessage", `{"bsuid":"US.1000000000000001","body":"x"}`},
		"error-400-closed-window.json":        {chatapitest.Refuse400, "POST", "sendMessage", `{"phone":"12025550143","body":"x"}`},
		"error-501-flows.json":                {chatapitest.NoFlows, "GET", "flows", ""},
		"response-group-create-error.json":    {chatapitest.NoGroups, "POST", "groups", `{"groupName":"x"}`},
	} {
		t.Run(name, func(t *testing.T) {
			want, err := os.ReadFile("../testdata/contract/" + name)
			require.NoError(t, err)
			_, got := request(t, chatapitest.New(t, chatapitest.Quirks(test.quirk)), test.method, test.path, test.body)
			assert.JSONEq(t, string(want), got)
		})
	}
}

const profile = `{"about":"Open 9-18","address":"1 Example Street","description":"Sample shop","email":"info@example.com",
	"vertical":"Shopping and Retail","photo":"https://files.example.com/me.jpg","websites":["https://www.example.com"]}`

func TestOperationCount(t *testing.T) {
	ids := map[string]bool{}
	for _, op := range chatapitest.Operations() {
		ids[op.ID] = true
	}
	assert.Len(t, ids, 66, "the contract has 66 operations")
}

// operationSteps are requests one after another, for the operations that keep a
// state, and a part of each reply. The first $1 stands for the id in a reply, and
// each later one repeats it.
var operationSteps = map[string][]struct{ method, path, body, want string }{
	"media": {
		{"POST", "uploadMedia", `{"body":"data:image/png;base64,iVBORw0KGgo="}`, `{"mediaId":"$1"}`},
		{"GET", "retrieveMedia?mediaId=$1", "", `"fileSize":8`},
		{"GET", "retrieveMedia", "", `mediaId is required`},
		{"DELETE", "media/$1", "", `{"result":"success"}`},
		{"GET", "retrieveMedia?mediaId=$1", "", `is not found`},
		{"POST", "deleteMedia", `{"mediaId":"$1"}`, `is not found`},
	},
	"groups": {
		{"POST", "groups", `{"groupName":"Project"}`, `"id":"$1"`},
		{"GET", "groups?limit=1", "", `{"groups":[{"id":"$1@g.us","subject":"Project"}]}`},
		{"POST", "groups/$1", `{"subject":"Project B"}`, `{"success":true}`},
		{"GET", "groups/$1", "", `"subject":"Project B"`},
		{"GET", "groups/$1/inviteLink", "", `-1"}`},
		{"POST", "groups/$1/inviteLink", "", `-2"}`},
		{"DELETE", "groups/$1", "", `{"success":true}`},
		{"GET", "groups/$1", "", `Group unknown`},
		{"GET", "groups", "", `{"groups":[]}`},
	},
	"flows": {
		{"POST", "flows", `{"name":"lead_form","categories":["LEAD_GENERATION"]}`, `"id":"$1"`},
		{"POST", "flows", `{"name":"lead_form","categories":["OTHER"]}`, `not unique`},
		{"GET", "flows", "", `"count":1`},
		{"GET", "flows/$1", "", `"status":"DRAFT"`},
		{"PATCH", "flows/$1/metadata", `{"name":"lead_form_2"}`, `{"success":true}`},
		{"PATCH", "flows/$1/assets", `{"flowJson":{"version":"7.0"}}`, `"success":true`},
		{"GET", "flows/$1/preview", "", `preview_url`},
		{"POST", "flows/$1/deprecate", "", `139002`},
		{"POST", "flows/$1/publish", "", `{"success":true}`},
		{"DELETE", "flows/$1", "", `139004`},
		{"PATCH", "flows/$1/assets", `{"flowJson":{}}`, `139003`},
		{"POST", "flows/$1/deprecate", "", `{"success":true}`},
		{"GET", "flows/1", "", `there is no flow`},
	},
	"calls": {
		{"POST", "callingSettings", `{"calling":{"status":"ENABLED"}}`, `{"success":true}`},
		{"GET", "callingSettings", "", `"status":"ENABLED"`},
		{"POST", "initiateCall", `{"messaging_product":"whatsapp","action":"connect","to":"12025550143"}`, `131009`},
		{"POST", "initiateCall", `{"messaging_product":"whatsapp","action":"connect","to":"12025550143","session":{"sdp_type":"offer","sdp":"v=0"}}`, `"id":"$1"`},
		{"POST", "initiateCall", `{"messaging_product":"whatsapp","action":"terminate","call_id":"$1"}`, `"success":true`},
		{"POST", "initiateCall", `{"messaging_product":"whatsapp","action":"terminate","call_id":"$1"}`, `138002`},
	},
	"users": {
		{"POST", "blockUser", `{"phone":"12025550143"}`, `{"result":"success"}`},
		{"POST", "unblockUser", `{"phone":"12025550143"}`, `{"result":"success"}`},
		{"POST", "unblockUser", `{"phone":"12025550143"}`, `is not blocked`},
		{"GET", "blockedUsers", "", `{"blockedUsers":[]}`},
	},
	"commerce": {
		{"POST", "commerce", `{"params":{"is_cart_enabled":false,"is_catalog_visible":true}}`, `{"success":true}`},
		{"GET", "commerce", "", `"is_catalog_visible":true`},
	},
	"settings": {
		{"POST", "settings", `{"rawHooks":true}`, `{"update":{"rawHooks":true},"webhookUrl":null}`},
		{"GET", "settings", "", `"rawHooks":true`},
	},
	"legacy": {
		{"GET", "statistics?date=10.2026", "", `{"date":"10.2026","templates_cost":0}`},
		{"GET", "statistics?date=2026", "", `date must be`},
		{"GET", "extendedStatistics", "", `"quantity":0`},
		{"GET", "hookInfo?messageId=wamid.1", "", `{"hooks":[]}`},
	},
}

func TestOperationSteps(t *testing.T) {
	for name, steps := range operationSteps {
		t.Run(name, func(t *testing.T) {
			api := chatapitest.New(t)
			id := ""
			for _, s := range steps {
				fill := strings.NewReplacer("$1", id)
				if id == "" && strings.Contains(s.want, "$1") {
					_, reply := request(t, api, s.method, s.path, s.body)
					head, tail, _ := strings.Cut(s.want, "$1")
					_, rest, ok := strings.Cut(reply, head)
					require.True(t, ok, reply)
					id, _, _ = strings.Cut(rest, tail)
					require.NotEmpty(t, id)
					continue
				}
				_, reply := request(t, api, s.method, fill.Replace(s.path), fill.Replace(s.body))
				assert.Contains(t, reply, fill.Replace(s.want), "%s %s", s.method, s.path)
			}
		})
	}
}

// FuzzRequest sends any body to any operation. The fake must answer with a JSON
// object or array.
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
