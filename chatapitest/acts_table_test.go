package chatapitest_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// TestActsNameMethods checks that each act has a method, and each method by which a
// customer acts is an act. A method that only reads is listed here.
func TestActsNameMethods(t *testing.T) {
	readers := strings.Fields("Phone BSUID Name Recipient Received LastReceived SeesRead Gets GetsNothing")
	customer, api := reflect.TypeFor[*chatapitest.Customer](), reflect.TypeFor[*chatapitest.API]()
	acted := map[string]bool{}
	names := map[string]bool{}
	for _, act := range chatapitest.Acts() {
		assert.False(t, names[act.Name], "two acts are called %q", act.Name)
		names[act.Name] = true
		of, method, _ := strings.Cut(act.Method, ".")
		owner := map[string]reflect.Type{"Customer": customer, "API": api}[of]
		require.NotNil(t, owner, act.Method)
		_, ok := owner.MethodByName(method)
		assert.True(t, ok, "%q names the method %s, which does not exist", act.Name, act.Method)
		assert.Equal(t, act.Actor == chatapitest.ActorCustomer, of == "Customer", act.Name)
		assert.True(t, strings.HasSuffix(act.Doc, "."), "%q: %s", act.Name, act.Doc)
		optional := false
		for _, arg := range act.Args {
			assert.NotEmpty(t, arg.Doc, "%s of %s", arg.Name, act.Name)
			assert.False(t, optional && !arg.Optional, "%s of %s stands behind an optional argument", arg.Name, act.Name)
			optional = optional || arg.Optional
		}
		acted[act.Method] = true
	}
	for method := range customer.Methods() {
		if !slices.Contains(readers, method.Name) {
			assert.True(t, acted["Customer."+method.Name], "%s is not in the table of acts", method.Name)
		}
	}
}

// performances has, for each act, the arguments with which it works on a fake that
// ready returns.
var performances = map[string]map[string]string{
	"says": {"text": "hi"}, "replies": {"text": "yes"}, "taps": {"button": "Red"}, "picks": {"row": "Large"},
	"sends":           {"name": "photo.jpg", "caption": "look", "type": "document", "data": "jpeg"},
	"shares location": {"latitude": "52.5", "longitude": "-13.25"}, "shares contact": {"name": "Pat", "number": "12025550188"},
	"reacts": {"emoji": "👍"}, "clicks ad": {"text": "how much?", "headline": "Shoes"}, "opens chat": nil, "edits": {"text": "hello"},
	"deletes": nil, "orders": {"items": "2 KETTLE-01, LID-02 @ 4.50 EUR", "note": "soon"}, "submits": {"answers": `{"size":"L"}`},
	"rings": nil, "hangs up": nil, "says in": {"group": "Friends", "text": "hi all"}, "reads": nil, "goes offline": nil, "comes online": nil,
	"cannot be reached": {"reason": "gone"}, "can be reached": nil, "hides number": nil, "shows number": nil,
	"changes number": {"number": "12025550177"}, "takes username": {"username": "ann.example"}, "takes name": {"name": "Annie"},
	"joins": {"group": "Others"}, "leaves": {"group": "Friends"}, "writes": {"to": "Ann", "text": "from the phone"}, "holds": nil, "releases": nil,
	"answers": {"to": ann, "text": "I am the agent"}, "passes": {"to": "Ann", "note": "asks for a person"},
	"approves": {"template": "hello"}, "rejects": {"template": "hello", "reason": "INVALID_FORMAT"}, "pauses": {"template": "hello", "language": "en"},
	"disables": {"template": "hello"}, "blocks channel": {"text": "unpaid"}, "unblocks channel": nil, "expires token": nil, "renews token": nil,
	"moves clock": {"time": "1d1h"}, "adds channel": {"channel": "DESK2"}, "makes group": {"subject": "Choir", "members": ann + ", 12025550145"},
	"adds template": {"template": "bye", "language": "en", "body": "Bye {{1}}"}, "sets setting": {"setting": "ackNotificationsOn", "on": "off"},
	"sets quirk": {"quirk": "no echoes"}, "sets status": {"state": "disconnected"}, "adds webhook": {"address": closedURL},
	"disables webhook": {"address": closedURL}, "misdelivers": {"twice": "twice"}, "fails": {"operation": "sendMessage", "how": "429", "times": "2", "retry after": "3s"}, "heals": nil,
}

// closedURL is an address at which nobody listens.
const closedURL = "http://127.0.0.1:9/hooks"

// ready returns a fake in which every act of Ann is possible.
func ready(t *testing.T, opts ...chatapitest.Option) (*chatapitest.API, *listener) {
	t.Helper()
	api, events, _ := watched(t, opts...)
	customer, client := api.Customer(ann), api.Client()
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
	return api, events
}

// TestPerform carries out each act of the table by name, and its method with the same
// arguments on another fake: both have the same effect, which the transcript shows.
func TestPerform(t *testing.T) {
	for _, act := range chatapitest.Acts() {
		t.Run(act.Name, func(t *testing.T) {
			args, ok := performances[act.Name]
			require.True(t, ok, "give this act arguments")
			api, _ := ready(t)
			if act.Name == "answers" || act.Name == "passes" {
				api.Standby(true)
			}
			if act.Name == "disables webhook" {
				api.Webhook(closedURL, nil)
			}
			before := api.Transcript()
			who := ""
			if act.Actor == chatapitest.ActorCustomer {
				who = ann
			}
			_, err := api.Perform(strings.ReplaceAll(act.Name, " ", "-"), who, args)
			require.NoError(t, err)
			if act.Name == "takes name" {
				assert.Equal(t, "Annie", api.Customer(ann).Name())
				return
			}
			after := api.Transcript()
			if act.Name == "moves clock" {
				assert.Less(t, 24*time.Hour, time.Until(api.Now()))
				return
			}
			assert.Greater(t, len(after), len(before), "the transcript does not show it:\n%s", after)
		})
	}
}

// TestPerformNames checks the sentences about names and texts that are wrong.
func TestPerformNames(t *testing.T) {
	for name, test := range map[string]struct {
		act, who string
		args     map[string]string
		want     string
	}{
		"a typo":                 {"sayz", "Ann", map[string]string{"text": "x"}, `there is no act "sayz"; did you mean "says"?`},
		"two words":              {"hide number", "Ann", nil, `did you mean "hides number"?`},
		"nothing like it":        {"xxxxxxxx", "Ann", nil, `there is no act "xxxxxxxx"; Acts lists them`},
		"a long name":            {strings.Repeat("x", 10_000), "Ann", nil, "…"},
		"an unknown person":      {"says", "Anm", map[string]string{"text": "x"}, `nobody is called "Anm"; did you mean "Ann"?`},
		"a person of long name":  {"says", strings.Repeat("é", 10_000), map[string]string{"text": "x"}, "nobody is called"},
		"no person":              {"says", "", map[string]string{"text": "x"}, "name the customer"},
		"too many people":        {"approves", "Ann", map[string]string{"template": "hello"}, "the service does this"},
		"a missing argument":     {"says", "Ann", nil, "text is missing: the text of the message"},
		"an unknown argument":    {"says", "Ann", map[string]string{"text": "x", "txet": "y"}, `it takes no "txet"; did you mean "text"?`},
		"no number":              {"shares location", "Ann", map[string]string{"latitude": "north", "longitude": "1"}, `"north" is no decimal number`},
		"not a number":           {"shares location", "Ann", map[string]string{"latitude": "NaN", "longitude": "1"}, `"NaN" is no decimal number`},
		"no whole number":        {"fails", "", map[string]string{"operation": "sendMessage", "times": "1.5"}, `"1.5" is no whole number`},
		"a clock moved back":     {"moves clock", "", map[string]string{"time": "-1h"}, "time does not go back"},
		"no time":                {"moves clock", "", map[string]string{"time": "soon"}, `"soon" is no time`},
		"too much time":          {"moves clock", "", map[string]string{"time": "65000d"}, "more than 100 years"},
		"no JSON":                {"submits", "Ann", map[string]string{"answers": "{"}, "is no JSON object"},
		"no button":              {"taps", "Ann", map[string]string{"button": "Green"}, `Ann cannot tap "Green": no message has such a button; "Open" opens a flow, which Submits answers`},
		"no row":                 {"picks", "Ann", map[string]string{"row": "Small"}, `Ann cannot pick "Small"`},
		"no group":               {"says in", "Ann", map[string]string{"group": "Friens", "text": "x"}, `there is no group "Friens"; did you mean "Friends"?`},
		"no template":            {"approves", "", map[string]string{"template": "helo"}, `there is no template "helo"`},
		"no operation":           {"fails", "", map[string]string{"operation": "sendMesage"}, `did you mean "sendMessage"?`},
		"a fault of another way": {"fails", "", map[string]string{"operation": "sendMessage", "how": "299"}, `"299" is no status`},
		"no product":             {"orders", "Ann", map[string]string{"items": "two of them please"}, "is no product"},
		"no quantity":            {"orders", "Ann", map[string]string{"items": "0 KETTLE"}, "the quantity must be a whole number above zero"},
		"no price":               {"orders", "Ann", map[string]string{"items": "KETTLE @ cheap USD"}, "the price must be a number"},
		"a file of no type":      {"sends", "Ann", map[string]string{"name": "a.jpg", "type": "picture"}, `of the type "picture"`},
		"a file of 100 MB":       {"sends", "Ann", map[string]string{"name": "a.jpg", "data": strings.Repeat("x", 100<<20+1)}, "at most 104857600"},
		"a name of 10,000 signs": {"takes name", "Ann", map[string]string{"name": strings.Repeat("n", 10_000)}, "a name of 10000 signs"},
		"somebody else's number": {"changes number", "Ann", map[string]string{"number": "12025550144"}, "it belongs to Ben"},
	} {
		t.Run(name, func(t *testing.T) {
			api, _ := ready(t)
			_, err := api.Perform(test.act, test.who, test.args)
			require.ErrorContains(t, err, test.want)
			assert.Less(t, len(err.Error()), 400, "a sentence")
			assert.NoError(t, api.Err(), "the test does not fail")
		})
	}
}

// TestBlockedChannel checks that customers act on a blocked channel, and that the
// transcript says why the bot is silent.
func TestBlockedChannel(t *testing.T) {
	api := chatapitest.New(t, chatapitest.AllowUndelivered())
	api.Webhook(hookURL, bot(api.Client(chatapi.WithRetry(chatapi.RetryPolicy{Attempts: 1}))))
	_, err := api.Perform("blocks channel", "", nil)
	require.NoError(t, err)
	_, err = api.Perform("says", ann, map[string]string{"text": "hi"})
	require.NoError(t, err)
	assert.Empty(t, api.Customer(ann).Received())
	assert.Contains(t, api.Transcript(), "Service blocks channel: Channel subscription is blocked\nAnn: hi\n# refused: sendMessage to")
	assert.Contains(t, api.Transcript(), "403 Channel subscription is blocked")
	assert.Contains(t, api.Transcript(), "# a webhook was given up after 20 tries: answered with")
}
