package phones_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/chatapitest/phones"
)

// pathOf returns the path of an act of Ann or somebody else.
func pathOf(act chatapitest.Act) string {
	who := string(act.Actor)
	if act.Actor == chatapitest.ActorCustomer {
		who = "customers/" + ann
	}
	return "/sim/" + who + "/" + strings.ReplaceAll(act.Name, " ", "-")
}

// TestSimActs does every act over HTTP and in Go, on two fakes that are the same: the
// conversation and the state stay the same.
func TestSimActs(t *testing.T) {
	all := performances(t)
	for _, act := range chatapitest.Acts() {
		t.Run(act.Name, func(t *testing.T) {
			args, known := all[act.Name]
			require.True(t, known, "give this act arguments in testdata/acts.json")
			synctest.Test(t, func(t *testing.T) {
				inGo, overHTTP := ready(t), ready(t)
				for _, api := range []*chatapitest.API{inGo, overHTTP} {
					if act.Name == "answers" || act.Name == "passes" {
						api.Standby(true)
					}
				}
				before := overHTTP.Transcript()
				who := ""
				if act.Actor == chatapitest.ActorCustomer {
					who = ann
				}
				id, err := inGo.Perform(act.Name, who, texts(t, args))
				require.NoError(t, err)
				got := call(t, phones.Sim(overHTTP), http.MethodPost, pathOf(act), string(args))
				require.Equal(t, http.StatusOK, got.status, got.body)
				assert.Equal(t, id, got.member(t, "id"))
				assert.Equal(t, inGo.Transcript(), overHTTP.Transcript())
				one, err := inGo.State()
				require.NoError(t, err)
				two, err := overHTTP.State()
				require.NoError(t, err)
				assert.Equal(t, string(one), string(two))
				if act.Name != "takes name" && act.Name != "moves clock" {
					assert.NotEqual(t, before, overHTTP.Transcript(), "it does something")
				}
			})
		})
	}
	assert.Len(t, all, len(chatapitest.Acts()), "testdata/acts.json has an act that is none")
}

// TestSimRefuses checks the sentences about requests that are wrong, and that no such
// request does anything.
func TestSimRefuses(t *testing.T) {
	long := strings.Repeat("n", 10_000)
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		want               string
	}{
		"a typo":                   {"POST", "/sim/customers/Ann/sayz", `{}`, 404, `there is no act "sayz"; did you mean "says"?`},
		"an act that is none":      {"POST", "/sim/service/xxxxxxxx", `{}`, 404, `GET /sim/acts lists them`},
		"an act of 10,000 signs":   {"POST", "/sim/service/" + long, `{}`, 404, "there is no act"},
		"of another actor":         {"POST", "/sim/phone/says", `{}`, 404, `"says" is an act of the customer: POST /sim/customers/{who}/says`},
		"of no customer":           {"POST", "/sim/customers/Ann/approves", `{}`, 404, `POST /sim/service/approves`},
		"nobody":                   {"POST", "/sim/customers/Anm/says", `{"text":"x"}`, 400, `nobody is called "Anm"; did you mean "Ann"?`},
		"a person of long name":    {"POST", "/sim/customers/" + long + "/says", `{"text":"x"}`, 400, "nobody is called"},
		"a long argument name":     {"POST", "/sim/customers/Ann/says", `{"text":"x","` + long + `":1}`, 400, "it takes no"},
		"a long name":              {"POST", "/sim/customers/Ann/takes-name", `{"name":"` + long + `"}`, 400, "a name of 10000 signs"},
		"a missing argument":       {"POST", "/sim/customers/Ann/says", ``, 400, "says: text is missing"},
		"an unknown argument":      {"POST", "/sim/customers/Ann/says", `{"text":"x","txet":"y"}`, 400, `did you mean "text"?`},
		"an argument twice":        {"POST", "/sim/service/fails", `{"operation":"sendMessage","retry_after":"1s","retry after":"2s"}`, 400, "retry after is given twice"},
		"a list for a text":        {"POST", "/sim/customers/Ann/says", `{"text":["x"]}`, 400, "give a text"},
		"no number":                {"POST", "/sim/customers/Ann/shares-location", `{"latitude":"north","longitude":1}`, 400, `"north" is no decimal number`},
		"no base64":                {"POST", "/sim/customers/Ann/sends", `{"name":"a.jpg","data":"%%"}`, 400, "data: this is no base64"},
		"no JSON":                  {"POST", "/sim/customers/Ann/says", `{"text":`, 400, "the body is no JSON object"},
		"a list":                   {"POST", "/sim/customers/Ann/says", `[]`, 400, "the body is no JSON object"},
		"null":                     {"POST", "/sim/customers/Ann/says", `null`, 400, "the body is no JSON object"},
		"a deep body":              {"POST", "/sim/customers/Ann/submits", `{"answers":` + strings.Repeat("[", 100_000), 400, "the body is no JSON object"},
		"two bodies":               {"POST", "/sim/customers/Ann/says", `{"text":"x"}{"text":"y"}`, 400, "the body is no JSON object"},
		"a clock moved back":       {"POST", "/sim/service/moves-clock", `{"time":"-1h"}`, 400, "time does not go back"},
		"an impossible act":        {"POST", "/sim/customers/Ann/taps", `{"button":"Green"}`, 400, `Ann cannot tap "Green"`},
		"no channel":               {"POST", "/sim/customers/Ann/says?channel=DESK1", `{"text":"x"}`, 404, `the fake has no channel "DESK1"`},
		"no query":                 {"POST", "/sim/customers/Ann/says?channel=%zz", `{"text":"x"}`, 400, "the query cannot be read"},
		"nothing":                  {"GET", "/sim/nothing", ``, 404, "GET /sim/openapi.json lists every request"},
		"the wrong method":         {"DELETE", "/sim/messages", ``, 405, "/sim/messages takes GET, not DELETE"},
		"no chat":                  {"GET", "/sim/messages", ``, 400, "chat is missing"},
		"an unknown chat":          {"GET", "/sim/messages?chat=Zoe", ``, 404, `nobody is called "Zoe"`},
		"a place that is none":     {"GET", "/sim/calls?since=-1", ``, 400, `since: "-1" is no whole number`},
		"a limit that is none":     {"GET", "/sim/calls?limit=x", ``, 400, `limit: "x" is no whole number`},
		"no time":                  {"GET", "/sim/wait?to=Ann&within=soon", ``, 400, `within: "soon" is no time`},
		"too much time":            {"GET", "/sim/wait?to=Ann&within=1h", ``, 400, "is no time from 0s to 1m0s"},
		"no file":                  {"GET", "/sim/files?message=x", ``, 404, "has no file"},
		"a state that is cut off":  {"PUT", "/sim/state", `{"format":"chatapitest state"`, 400, "the state is cut off"},
		"a newer state":            {"PUT", "/sim/state", `{"format":"chatapitest state","version":99}`, 400, "the state has version 99, and this chatapitest reads up to"},
		"no state":                 {"PUT", "/sim/state", ``, 400, "the state is empty"},
		"another file":             {"PUT", "/sim/state", `{}`, 400, "this is no state of a fake"},
		"a reset with a text":      {"POST", "/sim/reset", `"now"`, 400, "the body is no JSON object"},
		"a script with a typo":     {"POST", "/sim/script", `{"script":"Ann sayz"}`, 400, `there is no act "sayz"`},
		"a script of no member":    {"POST", "/sim/script", `{"text":"Ann: hi"}`, 400, `unknown field "text"`},
		"a script with no time":    {"POST", "/sim/script", `{"script":"Ann: hi","within":"1h"}`, 400, "is no time up to"},
		"a channel that is there":  {"POST", "/sim/channels", `{"id":"ABC100000001"}`, 400, "ABC100000001"},
		"a channel without a name": {"POST", "/sim/channels", ``, 400, ""},
		"a channel of a bad name":  {"POST", "/sim/channels", `{"id":"a b"}`, 400, "1 to 64 letters"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := ready(t)
				before, err := api.State()
				require.NoError(t, err)
				refused(t, call(t, phones.Sim(api), c.method, c.path, c.body), c.status, c.want)
				after, err := api.State()
				require.NoError(t, err)
				assert.Equal(t, string(before), string(after), "the fake stays as it is")
				assert.NoError(t, api.Err())
			})
		})
	}
}

// TestSimHeaders checks that no web page can make a browser control the fake.
func TestSimHeaders(t *testing.T) {
	api := ready(t)
	sim := phones.Sim(api)
	for name, c := range map[string]struct {
		header http.Header
		status int
	}{
		"JSON":                 {http.Header{"Content-Type": {"application/json; charset=utf-8"}}, 200},
		"a form":               {http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, 415},
		"a form with files":    {http.Header{"Content-Type": {"multipart/form-data; boundary=x"}}, 415},
		"a text":               {http.Header{"Content-Type": {"text/plain"}}, 415},
		"a text named like it": {http.Header{"Content-Type": {"text/plain; application/json"}}, 415},
		"none":                 {http.Header{"Content-Type": {""}}, 415},
		"of this site":         {http.Header{"Sec-Fetch-Site": {"same-origin"}}, 200},
		"of another site":      {http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		"of another port":      {http.Header{"Sec-Fetch-Site": {"same-site"}}, 403},
		"of another origin":    {http.Header{"Origin": {"https://evil.example"}}, 403},
		"of no origin":         {http.Header{"Origin": {"null"}}, 403},
	} {
		got := call(t, sim, http.MethodPost, "/sim/customers/Ann/says", `{"text":"hi"}`, c.header)
		assert.Equal(t, c.status, got.status, "%s: %s", name, got.body)
		assert.Empty(t, got.header.Get("Access-Control-Allow-Origin"))
	}
	got := call(t, sim, http.MethodGet, "/sim/channels", "", http.Header{"Sec-Fetch-Site": {"cross-site"}})
	refused(t, got, http.StatusForbidden, "another site")
	got = call(t, sim, http.MethodGet, "/sim/channels", "")
	assert.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"))
	assert.Equal(t, "no-store", got.header.Get("Cache-Control"))
}

// TestSimLargeBodies checks the bounds of bodies: what is too large is refused before it
// is held in memory.
func TestSimLargeBodies(t *testing.T) {
	api := ready(t)
	sim := phones.Sim(api)
	large := `{"text":"` + strings.Repeat("x", 100<<20) + `"}`
	for _, path := range []string{"/sim/customers/Ann/says", "/sim/script", "/sim/reset", "/sim/channels"} {
		refused(t, call(t, sim, http.MethodPost, path, large), http.StatusRequestEntityTooLarge, "the body has more than")
	}
	refused(t, call(t, sim, http.MethodPut, "/sim/state", large), http.StatusRequestEntityTooLarge, "more than 67108864 bytes")
	refused(t, call(t, sim, http.MethodPost, "/sim/customers/Ann/sends", large+large), http.StatusRequestEntityTooLarge, "more than 146800640 bytes")

	// A body that does not tell its size is read up to the bound.
	body := &counted{Reader: strings.NewReader(large)}
	r := httptest.NewRequest(http.MethodPost, "/sim/customers/Ann/says", body)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	sim.ServeHTTP(w, r)
	assert.Equal(t, http.StatusRequestEntityTooLarge, w.Code)
	assert.Less(t, body.n, 2<<20)

	got := call(t, sim, http.MethodPost, "/sim/customers/Ann/sends", `{"name":"a.jpg","data":"`+strings.Repeat("AAAA", 1<<20)+`"}`)
	assert.Equal(t, http.StatusOK, got.status, "a file may be larger than other arguments")
}

// counted counts the bytes that are read.
type counted struct {
	io.Reader
	n int
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += n
	return n, err
}

// TestSimOnBlockedChannel acts on a blocked channel: customers do not see it.
func TestSimOnBlockedChannel(t *testing.T) {
	api := ready(t)
	sim := phones.Sim(api)
	require.Equal(t, 200, call(t, sim, http.MethodPost, "/sim/service/blocks-channel", `{"text":"unpaid"}`).status)
	require.Equal(t, 200, call(t, sim, http.MethodPost, "/sim/customers/Ann/says", `{"text":"are you there?"}`).status)
	channels := call(t, sim, http.MethodGet, "/sim/channels", "")
	assert.Contains(t, channels.body, `"blocked":"unpaid"`)
	assert.Contains(t, call(t, sim, http.MethodGet, "/sim/transcript", "").body, "Service blocks channel: unpaid\nAnn: are you there?\n")
}

// TestSimAtOnce makes requests of all sorts at the same time, with two resets among them.
func TestSimAtOnce(t *testing.T) {
	api := ready(t, chatapitest.AllowUndelivered())
	sim := phones.Sim(api)
	state := call(t, sim, http.MethodGet, "/sim/state", "")
	require.Equal(t, 200, state.status)
	requests := [][3]string{
		{"POST", "/sim/reset", ""}, {"POST", "/sim/reset", "{}"}, {"PUT", "/sim/state", state.body}, {"GET", "/sim/state", ""},
		{"GET", "/sim/transcript", ""}, {"GET", "/sim/customers", ""}, {"GET", "/sim/messages?chat=" + ann, ""}, {"GET", "/sim/calls", ""},
		{"GET", "/sim/deliveries", ""}, {"GET", "/sim/wait?to=" + ann + "&within=1ms", ""}, {"GET", "/sim/channels", ""}, {"POST", "/sim/channels", `{"id":"DESK9"}`},
		{"POST", "/sim/script", `{"script":"Ann is +1 202 555 0143\nAnn: hi"}`},
	}
	for name, args := range performances(t) {
		for _, act := range chatapitest.Acts() {
			if act.Name == name {
				requests = append(requests, [3]string{"POST", pathOf(act), string(args)})
			}
		}
	}
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for j := range requests {
				r := requests[(j*7+i*13)%len(requests)]
				got := call(t, sim, r[0], r[1], r[2])
				assert.Less(t, got.status, 500, "%v: %s", r[:2], got.body)
			}
		})
	}
	all.Wait()
	require.Equal(t, 204, call(t, sim, http.MethodPost, "/sim/reset", "").status)
	assert.Empty(t, call(t, sim, http.MethodGet, "/sim/transcript", "").body)
	require.Equal(t, 204, call(t, sim, http.MethodPut, "/sim/state", state.body).status)
	var one, two any
	require.NoError(t, json.Unmarshal([]byte(state.body), &one))
	require.NoError(t, json.Unmarshal([]byte(call(t, sim, http.MethodGet, "/sim/state", "").body), &two))
	assert.Equal(t, fmt.Sprint(one.(map[string]any)["channels"].([]any)[0].(map[string]any)["customers"]),
		fmt.Sprint(two.(map[string]any)["channels"].([]any)[0].(map[string]any)["customers"]))
}

// FuzzSimBody checks that no body of an act or a script makes the fake panic, and that
// every refusal is a sentence.
func FuzzSimBody(f *testing.F) {
	for _, body := range []string{`{}`, `{"text":"hi"}`, `{"text":1}`, `{"time":"1h"}`, `{"data":"anBlZw==","name":"a.png"}`, `{"answers":{"a":[1]}}`,
		`{"script":"Ann: hi\nBot: hello"}`, `null`, `[]`, `{"text":"\ud800"}`, `{"items":"2 A @ 1 USD"}`, "{\"text\":\"\x00\xff\"}"} {
		for i := range 5 {
			f.Add(uint8(i*11), body)
		}
	}
	acts := chatapitest.Acts()
	f.Fuzz(func(t *testing.T, n uint8, body string) {
		api, err := chatapitest.Start(chatapitest.Seed(1))
		require.NoError(t, err)
		defer api.Close()
		api.Customer(ann).Says("hi")
		act := acts[int(n)%len(acts)]
		for path, within := range map[string]int{pathOf(act): 409, "/sim/channels": 409, "/sim/reset": 400} {
			got := call(t, phones.Sim(api), http.MethodPost, path, body)
			if got.status >= 300 {
				require.LessOrEqual(t, got.status, within, "%s %q: %s", path, body, got.body)
				require.NotEmpty(t, got.member(t, "error"))
			}
		}
	})
}
