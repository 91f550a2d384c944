package chatapitest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// postForm posts a form and returns the status and the body of the answer.
func postForm(t *testing.T, api *chatapitest.API, path, form string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, api.URL+"/"+path+"?token="+api.Token, strings.NewReader(form))
	r.Header.Set("Content-Type", "Application/X-WWW-Form-URLEncoded; charset=UTF-8")
	resp, err := api.Transport.RoundTrip(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

// TestFaultF1FormFlags: every scalar of a form is a text, so the fake reads flags,
// numbers and nested JSON out of texts, and only in forms.
func TestFaultF1FormFlags(t *testing.T) {
	const file = "phone=12025550143&body=https%3A%2F%2Ff.example%2Fa.ogg&filename=a.ogg&voice="
	api := chatapitest.New(t)
	customer := api.Customer(ann)
	read := "messageId=" + customer.Says("hi") + "&typingIndicator="
	for _, c := range []struct {
		path, form string
		status     int
	}{
		{"sendFile", file + "true", 200},
		{"sendFile", file + "1", 200},
		{"sendFile", file + "TRUE", 200},
		{"sendFile", file + "false", 200},
		{"sendFile", file + "perhaps", 400},
		{"readMessage", read + "true", 200},
		{"readMessage", read + "0", 200},
		{"readMessage", read + "False", 200},
		{"sendFlow", `phone=12025550143&body=b&flowId=1&flowToken=t&flowCta=c&flowAction=navigate&flowActionPayload={"screen":"A"}`, 200},
		{"sendCarousel", `phone=12025550143&body=b&cards=[{"body":{"text":"1"}},{"body":{"text":"2"}}]`, 200},
		{"sendMessage", "phone=12025550143&body=1", 200},
		{"sendMessage", "phone=12025550143&body=100%+sure;+50%25+at%20least&&=&x", 400},
		{"sendMessage", "phone=12025550143&body=100%+sure;+50%25+at%20least%&&=", 200},
		{"sendMessage", "phone=12025550143&body=true", 200},
	} {
		status, body := postForm(t, api, c.path, c.form)
		assert.Equal(t, c.status, status, "%s %s: %s", c.path, c.form, body)
	}
	assert.Equal(t, chatapi.TypeVoice, customer.Received()[0].File.Type)
	assert.Equal(t, chatapi.TypeAudio, customer.Received()[3].File.Type)
	assert.Equal(t, "true", customer.LastReceived().Text, "a text stays a text")
	got := customer.Received()
	assert.Equal(t, "100% sure; 50% at least%", got[len(got)-2].Text, "signs that nobody escaped")

	status, _ := request(t, api, "POST", "sendFile", `{"phone":"12025550143","body":"https://f.example/a.ogg","filename":"a.ogg","voice":"true"}`)
	assert.Equal(t, 400, status, "JSON has flags of its own")
}

// TestFaultF3BothNames: a client may send both names of one list; the fake takes the
// list once.
func TestFaultF3BothNames(t *testing.T) {
	const section = `{"type":"reply","reply":{"id":"a","title":"A"}}`
	const cards = `[{"body":{"text":"one"}},{"body":{"text":"two"}}]`
	api := chatapitest.New(t)
	customer := api.Customer(ann)
	customer.Says("hi")
	for _, c := range []struct{ path, body string }{
		{"sendButton", `"body":"x","sections":[` + section + `],"buttons":[{"id":"a","title":"A"}]`},
		{"sendButton", `"body":"x","sections":[` + section + `,{"type":"reply","reply":{"id":"b","title":"B"}}],"buttons":[{"id":"a","title":"A"},{"id":"b","title":"B"}]`},
		{"sendCarousel", `"body":"x","cards":` + cards + `,"params":[{"type":"CAROUSEL","cards":` + cards + `}]`},
		{"sendCarousel", `"cards":` + cards + `,"params":[{"type":"BODY","parameters":[{"type":"text","text":"x"}]},{"type":"CAROUSEL"}]`},
		{"sendList", `"body":"x","buttonText":"Menu","action":"Menu","sections":[{"rows":[{"id":"a","title":"A"}]}]`},
	} {
		status, body := request(t, api, "POST", c.path, `{"phone":"12025550143",`+c.body+`}`)
		assert.Equal(t, 200, status, body)
		assert.Contains(t, body, `"sent":true`, c.body)
	}
	got := customer.Received()
	require.Len(t, got, 5)
	assert.Len(t, got[0].Buttons, 1)
	assert.Len(t, got[1].Buttons, 2)
	assert.Len(t, got[2].Rows, 2)
	assert.Equal(t, "x", got[3].Text)

	status, body := request(t, api, "POST", "uploadMedia", `{"body":"https://f.example/a.png","url":"https://f.example/a.png"}`)
	assert.Equal(t, 200, status, body)
	status, body = request(t, api, "POST", "readMessage", `{"messageId":"`+customer.Says("?")+`","msgId":"wamid.X"}`)
	assert.Equal(t, 200, status, body)
}

// TestFaultF4EmptyTexts: a contact card may have empty texts and lists where it has no
// value, as the vendor's own example does.
func TestFaultF4EmptyTexts(t *testing.T) {
	const name = `"name":{"formatted_name":"Pat Example","first_name":"Pat","last_name":"","suffix":""}`
	api := chatapitest.New(t)
	api.Customer(ann).Says("hi")
	for body, status := range map[string]int{
		`"contacts":[{"birthday":"","addresses":[],"emails":[],"urls":[],"org":{},` + name + `,"phones":[{"phone":"+12025550188","type":"","wa_id":""}]}]`: 200,
		`"contacts":[{"birthday":"",` + name + `}]`: 200,
		`"contacts":[{"org":{"company":"","department":"","title":""},"addresses":[{"street":"","country_code":""}],` + name + `}]`: 200,
		`"contact":{"name":"Pat","phone":"12025550188","email":"","url":"","org":{}}`:                                               200,
		`"contacts":[{"birthday":"1990-02-03",` + name + `}]`:                                                                       200,
		`"contacts":[{"birthday":"3.2.1990",` + name + `}]`:                                                                         400,
		`"contacts":[{"name":{"formatted_name":"","first_name":"Pat"}}]`:                                                            400,
	} {
		got, answer := request(t, api, "POST", "sendContact", `{"phone":"12025550143",`+body+`}`)
		assert.Equal(t, status, got, "%s: %s", body, answer)
	}
}

// TestFaultF5Namespace: a template takes the namespace that the test gave it, and with
// a quirk every namespace.
func TestFaultF5Namespace(t *testing.T) {
	send := func(api *chatapitest.API, name, namespace string) string {
		_, answer := request(t, api, "POST", "sendTemplate", `{"phone":"12025550143","template":"`+name+`","language":{"code":"en"},"namespace":"`+namespace+`"}`)
		return answer
	}
	api := chatapitest.New(t)
	api.Template("own", "en", "Hello", "aaaa1111_2222")
	api.Template("plain", "en", "Hello")
	assert.Contains(t, send(api, "own", "aaaa1111_2222"), `"sent":true`)
	assert.Contains(t, send(api, "own", "bbbb"), "132001")
	assert.Contains(t, send(api, "plain", "aaaa1111_2222"), "132001")
	assert.Contains(t, send(api, "own", ""), `"sent":true`, "an empty namespace says nothing")

	info, err := api.Client().Templates.Get(t.Context(), "own", "en")
	require.NoError(t, err)
	assert.Equal(t, "aaaa1111_2222", info.Namespace)
	_, err = api.Client().Send(t.Context(), chatapi.Phone(ann), chatapi.Template{Name: "own", Language: "en", Namespace: info.Namespace})
	require.NoError(t, err)

	loose := chatapitest.New(t, chatapitest.Quirks(chatapitest.AnyNamespace))
	loose.Template("plain", "en", "Hello")
	assert.Contains(t, send(loose, "plain", "anything"), `"sent":true`)
}

// TestFaultF8ReadableCalls: a call shows a form as a JSON object, and every list of
// calls can be written as JSON.
func TestFaultF8ReadableCalls(t *testing.T) {
	api := chatapitest.New(t)
	customer := api.Customer(ann)
	customer.Says("hi")
	postForm(t, api, "sendMessage", "phone=12025550143&body=a+b&token=secret")
	call := api.Calls().Last()
	assert.Equal(t, "a b", call.Field("body"))
	assert.JSONEq(t, `{"phone":"12025550143","body":"a b"}`, string(call.Body))
	assert.Equal(t, chatapi.Phone(ann), call.Recipient)

	request(t, api, "POST", "sendMessage", `{"phone":`) // a body that is no JSON
	api.Block("no money")
	request(t, api, "GET", "status", "") // an answer that is no JSON
	api.Unblock()
	api.Fail(chatapitest.Fault{Status: 502, Body: chatapitest.HTMLPage})
	request(t, api, "GET", "status", "")
	api.Fail(chatapitest.Fault{Drop: true})
	r := httptest.NewRequest(http.MethodGet, api.URL+"/status?token="+api.Token, nil)
	_, err := api.Transport.RoundTrip(r)
	require.Error(t, err)

	data, err := json.Marshal(api.Calls())
	require.NoError(t, err)
	for _, part := range []string{`"a b"`, `"{\"phone\":"`, `"no money"`, "502 Bad Gateway"} {
		assert.Contains(t, string(data), part)
	}
	_, err = json.Marshal(customer.Received())
	require.NoError(t, err)
}

// TestFaultF9LooseBodies: with the quirk LooseBodies the fake takes the bodies of
// careless clients; without it, it stays strict.
func TestFaultF9LooseBodies(t *testing.T) {
	strict, loose := chatapitest.New(t), chatapitest.New(t, chatapitest.Quirks(chatapitest.LooseBodies))
	for _, api := range []*chatapitest.API{strict, loose} {
		api.Customer(ann).Says("hi")
		api.Template("hello", "en", "Hello")
	}
	for _, c := range []struct{ path, body string }{
		{"sendMessage", `{"chatId":null,"phone":"12025550143","body":"x","quotedMsgId":null}`},
		{"sendMessage", `{"chatID":"12025550143@c.us","body":"x"}`},
		{"sendMessage", `{"chat_id":"12025550143@c.us","body":"x","whatever":1}`},
		{"sendMessage", `{"chatId":"12025550143@c.us","phone":12025550143,"body":"x"}`},
		{"sendMessage", `{"phone":"+1 (202) 555-0143","body":"x"}`},
		{"sendMessage", `{"chatId":"12025550143","body":"x"}`},
		{"sendMessage", `{"phone":12025550143,"body":4711}`},
		{"sendMessage", `{"phone":"12025550143","chatId":"","body":"x","quotedMsgId":"gBGHEgJVVQEU"}`},
		{"sendFile", `{"phone":"12025550143","body":"https://f.example/a.png","filename":"a.png","mediaId":"","mediaType":""}`},
		{"sendLocation", `{"phone":"12025550143","lat":38.9,"lng":-77.03,"address":null}`},
		{"sendFile", `{"phone":"12025550143","body":"https://f.example/a.ogg","filename":"a.ogg","voice":"true","caption":null}`},
		{"sendFile", `{"phone":"12025550143","body":"https://f.example/a.ogg","filename":"a.ogg","voice":0,"mediaType":null}`},
		{"sendContact", `{"phone":"12025550143","contacts":[{"birthday":null,"name":{"formatted_name":"A","first_name":"A"},"phones":[{"phone":12025550188}]}]}`},
		{"sendTemplate", `{"phone":"12025550143","template":"hello","language":"en","params":null,"namespace":null}`},
		{"sendButton", `{"phone":"12025550143","body":"x","buttons":[{"id":"a","title":"A"}],"sections":[]}`},
		{"sendMessage", "\ufeff" + `{"phone":"12025550143","body":"x"}`},
	} {
		_, answer := request(t, loose, "POST", c.path, c.body)
		assert.Contains(t, answer, `"sent":true`, c.body)
		status, answer := request(t, strict, "POST", c.path, c.body)
		assert.Equal(t, 400, status, "%s: %s", c.body, answer)
	}
	for _, form := range []string{`{"phone":"12025550143","body":"x"}`, "phone=%2B1+202+555+0143&body=x"} { // curl calls everything a form
		status, answer := postForm(t, loose, "sendMessage", form)
		assert.Contains(t, answer, `"sent":true`, "%d %s", status, form)
		status, _ = postForm(t, strict, "sendMessage", form)
		assert.Equal(t, 400, status, form)
	}
	status, answer := postForm(t, loose, "sendButton", `phone=12025550143&body=x&buttons=[{"id":"a","title":"A"}]`)
	assert.Contains(t, answer, `"sent":true`, status)
	_, answer = postForm(t, strict, "sendButton", `phone=12025550143&body=x&buttons=[]`)
	assert.Contains(t, answer, "it is a form, and this operation takes JSON")
	_, answer = postForm(t, strict, "sendMessage", `{"phone":"12025550143","body":"x"}`)
	assert.Contains(t, answer, "its Content-Type is that of a form")
	_, answer = request(t, loose, "POST", "sendMessage", `{"phone":"12025550143","body":null}`)
	assert.Contains(t, answer, "body is required", "what is missing is still missing")
	status, _ = request(t, loose, "POST", "settings", `{"ackNotificationsOn":"perhaps"}`)
	assert.Equal(t, 400, status, "what means nothing is still refused")
}
