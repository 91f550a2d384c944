package conformance_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/chatapitest/phones"
)

const simAnn = "12025550143"

// simReady returns a fake in which every act of Ann is possible, and whose bot answers
// texts. Two of them in one test are the same.
func simReady(t *testing.T) *chatapitest.API {
	t.Helper()
	api := chatapitest.New(t, chatapitest.Seed(7), chatapitest.AllowUndelivered())
	client, on := api.Client(), true
	require.NoError(t, client.Settings.Update(t.Context(), chatapi.SettingsPatch{RawHooks: &on}))
	api.Webhook("https://log.test/x", chatapi.NewWebhookHandler(chatapi.Once(func(ctx context.Context, ev chatapi.Event) error {
		if m, ok := ev.(*chatapi.MessageEvent); ok && (m.Text == "order" || m.Text == "hi") {
			_, err := client.Send(ctx, m.AnswerTo(), chatapi.Text{Body: "You said " + m.Text})
			return err
		}
		return nil
	}), chatapi.WebhookSecret("x"), chatapi.WebhookErrors(func(context.Context, error) {})))
	customer := api.Customer(simAnn)
	api.Template("hello", "en", "Hello")
	api.Group("Friends", customer)
	api.Group("Others", api.Customer("12025550144"))
	customer.Says("first")
	customer.Rings()
	for _, m := range []chatapi.Message{
		chatapi.Buttons{Body: "Which?", Buttons: []chatapi.Button{{ID: "red", Title: "Red"}}},
		chatapi.List{Body: "Size?", Label: "Sizes", Sections: []chatapi.Section{{Rows: []chatapi.Row{{ID: "L", Title: "Large"}}}}},
		chatapi.Flow{Body: "Form", ID: "1", Token: "tok", Label: "Open", Screen: "A"},
	} {
		_, err := client.Send(t.Context(), customer.Recipient(), m)
		require.NoError(t, err)
	}
	api.Settle()
	return api
}

// simActs returns the acts with their arguments as JSON objects, for Ann.
func simActs(t *testing.T) map[string]json.RawMessage {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "chatapitest", "phones", "testdata", "acts.json"))
	require.NoError(t, err)
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(data, &all))
	return all
}

// simPerform does an act in Go with arguments from a JSON object.
func simPerform(t *testing.T, api *chatapitest.API, act chatapitest.Act, args json.RawMessage) (id string) {
	t.Helper()
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(args, &members))
	texts := map[string]string{}
	for name, value := range members {
		text := string(value)
		if json.Unmarshal(value, &text) == nil && name == "data" {
			data, err := base64.StdEncoding.DecodeString(text)
			require.NoError(t, err)
			text = string(data)
		}
		texts[strings.ReplaceAll(name, "_", " ")] = text
	}
	who := ""
	if act.Actor == chatapitest.ActorCustomer {
		who = simAnn
	}
	id, err := api.Perform(act.Name, who, texts)
	require.NoError(t, err, act.Name)
	return id
}

// simCall is an act that a program does over HTTP.
type simCall struct {
	URL  string // of the fake, without the path
	Act  chatapitest.Act
	Path string
	Args json.RawMessage
}

// simEveryAct lets a program do every act over HTTP, each on a fake of its own. Each has
// the same effect as in Go. The program returns the ids of the messages.
func simEveryAct(t *testing.T, program func([]simCall) []string) {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	ready := func(act chatapitest.Act) *chatapitest.API {
		api := simReady(t)
		if act.Name == "answers" || act.Name == "passes" {
			api.Standby(true)
		}
		return api
	}
	var fakes []*chatapitest.API
	var calls []simCall
	args := simActs(t)
	for i, act := range chatapitest.Acts() {
		require.NotNil(t, args[act.Name], "give %q arguments", act.Name)
		fakes = append(fakes, ready(act))
		prefix, who := fmt.Sprintf("/%d", i), string(act.Actor)
		mux.Handle(prefix+"/", http.StripPrefix(prefix, phones.Sim(fakes[i])))
		if act.Actor == chatapitest.ActorCustomer {
			who = "customers/" + simAnn
		}
		calls = append(calls, simCall{server.URL + prefix, act, "/sim/" + who + "/" + strings.ReplaceAll(act.Name, " ", "-"), args[act.Name]})
	}
	ids := program(calls)
	require.Len(t, ids, len(calls))
	for i, c := range calls {
		inGo := ready(c.Act)
		assert.Equal(t, simPerform(t, inGo, c.Act, c.Args), ids[i], c.Act.Name)
		assert.Equal(t, untimed(inGo.Transcript()), untimed(fakes[i].Transcript()), c.Act.Name)
	}
}

// untimed leaves out the seconds that pass while a program runs.
func untimed(transcript string) string {
	return regexp.MustCompile(`(?m)^\+\d+s\n`).ReplaceAllString(transcript, "")
}

// simDocument returns the OpenAPI document of the fake, as a client reads it.
func simDocument(t *testing.T) *openapi3.T {
	t.Helper()
	w := httptest.NewRecorder()
	phones.Sim(chatapitest.New(t)).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/sim/openapi.json", nil))
	require.Equal(t, http.StatusOK, w.Code)
	document, err := openapi3.NewLoader().LoadFromData(w.Body.Bytes())
	require.NoError(t, err)
	return document
}

// TestSimDocument checks the document by a library that reads such documents, and that it
// has each act with each argument.
func TestSimDocument(t *testing.T) {
	document := simDocument(t)
	require.NoError(t, document.Validate(t.Context()))
	for _, act := range chatapitest.Acts() {
		path := "/sim/" + string(act.Actor) + "/"
		if act.Actor == chatapitest.ActorCustomer {
			path = "/sim/customers/{who}/"
		}
		item := document.Paths.Find(path + strings.ReplaceAll(act.Name, " ", "-"))
		require.NotNil(t, item, act.Name)
		schema := item.Post.RequestBody.Value.Content["application/json"].Schema.Value
		assert.Len(t, schema.Properties, len(act.Args), act.Name)
		for _, arg := range act.Args {
			member := strings.ReplaceAll(arg.Name, " ", "_")
			require.NotNil(t, schema.Properties[member], "%s: %s", act.Name, arg.Name)
			assert.Equal(t, arg.Doc, schema.Properties[member].Value.Description)
			assert.Equal(t, !arg.Optional, slices.Contains(schema.Required, member), "%s: %s", act.Name, arg.Name)
		}
	}
}

// TestSimAnswersFitDocument reads everything, and compares the answers with the document.
func TestSimAnswersFitDocument(t *testing.T) {
	document, api := simDocument(t), simReady(t)
	file := api.Customer(simAnn).Sends(chatapitest.File{Name: "a.png", Data: []byte("x")})
	_, err := api.Client().Send(t.Context(), chatapi.Phone("12025550199"), chatapi.Text{Body: "refused"})
	require.Error(t, err)
	checked := 0
	for path, item := range document.Paths.Map() {
		if item.Get == nil || path == "/sim/events" {
			continue
		}
		w := httptest.NewRecorder()
		phones.Sim(api).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path+"?chat=Ann&to=Ann&text=Size&message="+file, nil))
		require.Equal(t, http.StatusOK, w.Code, "%s: %s", path, w.Body)
		content := item.Get.Responses.Value("200").Value.Content
		kind, _, err := mime.ParseMediaType(w.Header().Get("Content-Type"))
		require.NoError(t, err)
		require.NotNil(t, content[kind], "%s: %s", path, kind)
		if kind != "application/json" {
			continue
		}
		var value any
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &value))
		assert.NoError(t, content[kind].Schema.Value.VisitJSON(value), path)
		checked++
	}
	assert.Greater(t, checked, 8)
}

// curl runs curl, and returns its output and its exit code.
func curl(t *testing.T, input string, args ...string) (output string, code int) {
	t.Helper()
	path, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("curl is not installed; install it, for example by apt-get install curl")
	}
	run := exec.CommandContext(t.Context(), path, append([]string{"-sS", "--fail-with-body", "--noproxy", "*"}, args...)...)
	run.Stdin = strings.NewReader(input)
	out, err := run.CombinedOutput()
	if err != nil && run.ProcessState == nil {
		require.NoError(t, err)
	}
	return string(out), run.ProcessState.ExitCode()
}

// TestSimByCurl does every act by curl.
func TestSimByCurl(t *testing.T) {
	simEveryAct(t, func(calls []simCall) (ids []string) {
		for _, c := range calls {
			out, code := curl(t, string(c.Args), "-H", "Content-Type: application/json", "--data-binary", "@-", c.URL+c.Path)
			require.Zero(t, code, "%s: %s", c.Act.Name, out)
			var acted struct{ ID string }
			require.NoError(t, json.Unmarshal([]byte(out), &acted))
			ids = append(ids, acted.ID)
		}
		return ids
	})
}

// TestSimConversationByCurl tests a bot as a program in another language does.
func TestSimConversationByCurl(t *testing.T) {
	api := simReady(t)
	server := httptest.NewServer(phones.Sim(api))
	defer server.Close()
	sim, asJSON := server.URL+"/sim", []string{"-H", "Content-Type: application/json"}
	fine := func(input string, args ...string) string {
		out, code := curl(t, input, args...)
		require.Zero(t, code, out)
		return out
	}
	fine("", append(asJSON, "-X", "POST", sim+"/reset")...)
	fine("", append(asJSON, "-d", `{"text":"order"}`, sim+"/customers/+12025550143/says")...)
	assert.Contains(t, fine("", "-G", sim+"/wait", "--data-urlencode", "to=+1 202 555 0143", "--data-urlencode", "text=You said …", "-d", "within=10s"), `"text":"You said order"`)
	state := fine("", sim+"/state")
	fine("", append(asJSON, "-d", `{"time":"25h"}`, sim+"/service/moves-clock")...)
	fine("", append(asJSON, "-d", `{"operation":"sendMessage","times":2}`, sim+"/service/fails")...)
	fine(state, append(asJSON, "-T", "-", sim+"/state")...)
	assert.Contains(t, fine("", append(asJSON, "-d", `{"script":"Ann: hi\nBot: You said hi"}`, sim+"/script")...), `"ok":true`)
	assert.Contains(t, fine("", sim+"/transcript"), "Ann: hi\nBot: You said hi\n")
	assert.Contains(t, fine("", sim+"/calls?limit=1"), `"operation":"sendMessage"`)
	assert.Contains(t, fine("", sim+"/deliveries?limit=1"), `"status":200`)
	assert.Contains(t, fine("", sim+"/messages?chat=Ann&limit=1"), `"from":"channel"`)
	out, code := curl(t, "", "-N", "--max-time", "1", sim+"/events")
	assert.Equal(t, 28, code, "curl's code for a time that is over")
	assert.Contains(t, out, "event: change\ndata: {")

	for want, args := range map[string][]string{
		"send the header Content-Type":      {"-d", "text=hi", sim + "/customers/Ann/says"},
		"send the header Content-Type: app": {"-F", "text=hi", sim + "/customers/Ann/says"},
		`did you mean \"says\"?`:            append(asJSON, "-d", "{}", sim+"/customers/Ann/sayz"),
		"another site":                      append(asJSON, "-H", "Origin: https://evil.example", "-d", `{"text":"hi"}`, sim+"/customers/Ann/says"),
		"the state is cut off":              append(asJSON, "-X", "PUT", "-d", state[:len(state)/2], sim+"/state"),
	} {
		out, code := curl(t, "", args...)
		assert.Equal(t, 22, code, "curl's code for an answer with an error")
		assert.Contains(t, out, want)
	}
}
