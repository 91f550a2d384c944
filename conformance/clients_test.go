package conformance_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// clientBody is a body that a deployed client sends. It is sent as JSON and as a form, to a
// fake with and without the quirk "loose bodies"; takes says which of the four the fake
// takes, in the order JSON, form, loose JSON, loose form.
type clientBody struct {
	client, operation, body string
	takes                   [4]bool
	why                     string // a part of the refusals
}

var (
	allFour   = [4]bool{true, true, true, true}
	onlyJSON  = [4]bool{true, false, true, true}
	onlyForm  = [4]bool{false, true, true, true}
	onlyLoose = [4]bool{false, false, true, true}
)

const (
	clientPhone   = `"phone":"12025550143"`
	clientSection = `"sections":[{"type":"reply","reply":{"id":"a","title":"A"}}]`
	clientCards   = `"cards":[{"body":{"text":"one"}},{"body":{"text":"two"}}]`
	clientContact = `{"birthday":"","addresses":[],"emails":[],"urls":[],"org":{},"name":{"formatted_name":"Pat Example","first_name":"Pat","last_name":"","suffix":""},"phones":[{"phone":"+12025550188","type":"","wa_id":""}]}`
)

// clientBodies are bodies of deployed programs and of the vendor's own clients and
// documents, from 2019 to 2026. The form and the JSON of a body are not always both seen.
var clientBodies = []clientBody{
	{client: "PHP client of 2019", operation: "sendMessage", body: `{` + clientPhone + `,"body":"Hello & welcome + 50%"}`, takes: allFour},
	{client: "PHP client of 2019", operation: "sendMessage", body: `{"chatId":"12025550143@c.us","body":"Hello"}`, takes: allFour},
	{client: "PHP client of 2019", operation: "sendFile", body: `{` + clientPhone + `,"body":"https://f.example/a.pdf","filename":"a.pdf","caption":"the bill"}`, takes: allFour},
	{client: "deployed inbox", operation: "sendFile", body: `{` + clientPhone + `,"body":"https://f.example/a.ogg","filename":"a.ogg","voice":true}`, takes: allFour},
	{client: "deployed inbox", operation: "sendFile", body: `{` + clientPhone + `,"body":"https://f.example/a.ogg","filename":"a.ogg","voice":"true"}`, takes: onlyForm, why: "true or false"},
	{client: "deployed inbox", operation: "readMessage", body: `{"messageId":"MESSAGE","typingIndicator":true}`, takes: allFour},
	{client: "deployed inbox", operation: "sendTemplate", body: `{` + clientPhone + `,"template":"hello","language":{"policy":"deterministic","code":"en"},"params":[]}`, takes: onlyJSON, why: "it is a form"},
	{client: "vendor's example of a contact", operation: "sendContact", body: `{` + clientPhone + `,"contacts":[` + clientContact + `]}`, takes: onlyJSON, why: "it is a form"},
	{client: "vendor's command line", operation: "sendButton", body: `{` + clientPhone + `,"body":"Hello",` + clientSection + `,"buttons":[{"id":"a","title":"A"}]}`, takes: onlyJSON, why: "it is a form"},
	{client: "vendor's command line", operation: "sendCarousel", body: `{` + clientPhone + `,"body":"Hello",` + clientCards + `,"params":[{"type":"CAROUSEL",` + clientCards + `}]}`, takes: allFour},
	{client: "vendor's command line", operation: "uploadMedia", body: `{"body":"https://f.example/a.png","url":"https://f.example/a.png"}`, takes: onlyJSON, why: "it is a form"},
	{client: "vendor's command line", operation: "groups/GROUP", body: `{"subject":"Friends","description":"of the house"}`, takes: onlyJSON, why: "it is a form"},
	{client: "vendor's command line", operation: "sendList", body: `{` + clientPhone + `,"body":"Hello","buttonText":"Menu","action":"Menu","sections":[{"rows":[{"id":"a","title":"A"}]}]}`, takes: onlyJSON, why: "it is a form"},
	{client: "with a namespace", operation: "sendTemplate", body: `{` + clientPhone + `,"template":"own","language":{"code":"en"},"namespace":"aaaa1111_2222"}`, takes: onlyJSON, why: "it is a form"},
	{client: "vendor's README", operation: "sendMessage", body: `{"chatID":"12025550143@c.us","body":"Hello"}`, takes: onlyLoose, why: "chatID"},
	{client: "with null", operation: "sendMessage", body: `{` + clientPhone + `,"body":"Hello","quotedMsgId":null}`, takes: onlyLoose, why: "quotedMsgId"},
	{client: "with null", operation: "sendLocation", body: `{` + clientPhone + `,"lat":"38.9","lng":"-77.03","address":null}`, takes: onlyForm, why: "address"},
	{client: "with an empty chat id", operation: "sendMessage", body: `{"chatId":"","phone":"12025550143","body":"Hello"}`, takes: onlyLoose, why: "chatId"},
	{client: "with numbers for degrees", operation: "sendLocation", body: `{` + clientPhone + `,"lat":38.9,"lng":-77.03,"address":"Washington"}`, takes: onlyForm, why: "lat"},
	{client: "with a number for a phone", operation: "sendMessage", body: `{"phone":12025550143,"body":"Hello"}`, takes: allFour},
	{client: "with signs in a phone", operation: "sendMessage", body: `{"phone":"+1 (202) 555-0143","body":"Hello"}`, takes: onlyLoose, why: "phone"},
}

// TestBodiesOfRealClients sends the bodies of deployed clients over a port.
func TestBodiesOfRealClients(t *testing.T) {
	for _, loose := range []bool{false, true} {
		quirks := []chatapitest.Quirk{}
		if loose {
			quirks = append(quirks, chatapitest.LooseBodies)
		}
		api := chatapitest.New(t, chatapitest.Quirks(quirks...))
		address, err := api.Listen()
		require.NoError(t, err)
		customer := api.Customer("12025550143")
		names := strings.NewReplacer("MESSAGE", customer.Says("hi"), "GROUP", strings.TrimSuffix(api.Group("Friends", customer), "@g.us"))
		api.Template("hello", "en", "Hello")
		api.Template("own", "en", "Hello", "aaaa1111_2222")
		for _, c := range clientBodies {
			for i, form := range []bool{false, true} {
				takes := c.takes[i]
				if loose {
					takes = c.takes[2+i]
				}
				body, kind := names.Replace(c.body), "application/json"
				if form {
					body, kind = formOf(t, body), "application/x-www-form-urlencoded"
				}
				status, answer := post(t, address+"/"+names.Replace(c.operation)+"?token="+api.Token, kind, body)
				what := fmt.Sprintf("%s: %s as %s, loose %t: %d %s", c.client, c.body, kind, loose, status, answer)
				if takes {
					assert.Equal(t, http.StatusOK, status, what)
					assert.NotContains(t, answer, `"sent":false`, what)
					assert.NotContains(t, answer, `"error"`, what)
				} else {
					assert.Equal(t, http.StatusBadRequest, status, what)
					assert.Contains(t, answer, c.why, what)
				}
			}
		}
	}
}

// TestDocumentedBodies sends every body of the contract's examples over a port: the fake
// understands each, strict and loose, and with the quirk also as a form.
func TestDocumentedBodies(t *testing.T) {
	var index struct {
		Files map[string]struct{ OperationID string }
	}
	data, err := os.ReadFile(filepath.Join(root, "testdata", "contract", "index.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &index))
	paths := map[string]string{}
	for _, op := range chatapitest.Operations() {
		paths[op.ID] = op.Path
	}
	sent := 0
	for _, loose := range []bool{false, true} {
		api := chatapitest.New(t)
		api.SetQuirk(chatapitest.LooseBodies, loose)
		address, err := api.Listen()
		require.NoError(t, err)
		customer := api.Customer("12025550143").WithUsername("sample.person")
		api.Customer("US.1000000000000001").Says("hi")
		media, err := api.Client().Media.Upload(t.Context(), chatapi.MediaURL("https://f.example/a.ogg"))
		require.NoError(t, err)
		names := strings.NewReplacer("wamid.SYNTHETIC0000000000000001", customer.Says("hi"), "100000000000077", media)
		for file, example := range index.Files {
			if !strings.HasPrefix(file, "request-send-") {
				continue
			}
			data, err := os.ReadFile(filepath.Join(root, "testdata", "contract", file))
			require.NoError(t, err)
			body := names.Replace(string(data))
			url := address + paths[example.OperationID] + "?token=" + api.Token
			status, answer := post(t, url, "application/json", body)
			assert.Equal(t, http.StatusOK, status, "%s, loose %t: %s", file, loose, answer)
			if loose {
				status, answer = post(t, url, "application/x-www-form-urlencoded", formOf(t, body))
				assert.Equal(t, http.StatusOK, status, "%s as a form: %s", file, answer)
			}
			sent++
		}
	}
	assert.Greater(t, sent, 60)
}

// formOf writes a JSON object as a form, as the clients do: every scalar is a text, and
// null the word.
func formOf(t *testing.T, body string) string {
	t.Helper()
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(body), &members))
	form := url.Values{}
	for name, value := range members {
		text := string(value)
		if strings.HasPrefix(text, `"`) {
			require.NoError(t, json.Unmarshal(value, &text))
		}
		form.Set(name, text)
	}
	return form.Encode()
}

func post(t *testing.T, address, kind, body string) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", kind)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(data)
}
