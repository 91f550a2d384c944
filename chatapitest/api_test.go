package chatapitest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

const ann = "12025550143"

// request makes a plain request in memory, without the SDK.
func request(t *testing.T, api *chatapitest.API, method, path, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, api.URL+"/"+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+api.Token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := api.Transport.RoundTrip(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(data)
}

// recorder is a testing.TB that keeps what would fail the test.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	failures []string
	cleanups []func()
}

func (r *recorder) Helper()             {}
func (r *recorder) Logf(string, ...any) {}
func (r *recorder) Cleanup(f func())    { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Error(args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range args {
		if err, ok := a.(error); ok {
			r.failures = append(r.failures, err.Error())
		}
	}
}

func (r *recorder) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.failures, "\n")
}

func recorded(t *testing.T, opts ...chatapitest.Option) (*chatapitest.API, *recorder) {
	r := &recorder{TB: t}
	api := chatapitest.New(r, opts...)
	t.Cleanup(func() {
		for _, f := range r.cleanups {
			f()
		}
	})
	return api, r
}

func TestTokens(t *testing.T) {
	api := chatapitest.New(t, chatapitest.Channel("ABC100000001"))
	other := api.OtherChannel("ABC100000002")
	ask := func(channel, query, bearer string) (int, string) {
		r := httptest.NewRequest(http.MethodGet, "https://chatapi.test/"+channel+"/status"+query, nil)
		if bearer != "" {
			r.Header.Set("Authorization", bearer)
		}
		resp, err := api.Transport.RoundTrip(r)
		require.NoError(t, err)
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	connected := `{"accountStatus":"authenticated","mm_lite_available":false,"status":"connected"}`
	for _, test := range []struct {
		name, channel, query, bearer string
		status                       int
		body                         string
	}{
		{"query", "ABC100000001", "?token=" + api.Token, "", 200, connected},
		{"header", "ABC100000001", "", "Bearer " + api.Token, 200, connected},
		{"query beats header", "ABC100000001", "?token=nonsense", "Bearer " + api.Token, 401, `{"error":"invalid or expired token"}`},
		{"query beats a bad header", "ABC100000001", "?token=" + api.Token, "Bearer nonsense", 200, connected},
		{"none", "ABC100000001", "", "", 401, `{"error":"unauthorized"}`},
		{"other scheme", "ABC100000001", "", "Basic " + api.Token, 401, `{"error":"unauthorized"}`},
		{"of another channel", "ABC100000001", "?token=" + other, "", 401,
			`{"error":"Wrong token \"` + other + `\" for channel \"ABC100000001\". Please provide token as a GET parameter."}`},
		{"on another channel", "ABC100000009", "?token=" + api.Token, "", 401,
			`{"error":"Wrong token \"` + api.Token + `\" for channel \"ABC100000009\". Please provide token as a GET parameter."}`},
		{"no channel", "", "?token=" + api.Token, "", 401, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, body := ask(test.channel, test.query, test.bearer)
			assert.Equal(t, test.status, status)
			if test.body != "" {
				assert.JSONEq(t, test.body, body)
			}
		})
	}

	t.Run("in the body", func(t *testing.T) {
		r := httptest.NewRequest(http.MethodPost, api.URL+"/removeTemplate", strings.NewReader(`{"name":"x","token":"`+api.Token+`"}`))
		r.Header.Set("Authorization", "Bearer nonsense")
		resp, err := api.Transport.RoundTrip(r)
		require.NoError(t, err)
		assert.Equal(t, 200, resp.StatusCode)
	})
	t.Run("of my own", func(t *testing.T) {
		api := chatapitest.New(t, chatapitest.Token("my-token"))
		api.SetStatus("disconnected")
		_, body := request(t, api, "GET", "status", "")
		assert.Contains(t, body, `"status":"disconnected"`)
		assert.Equal(t, "my-token", api.Token)
	})

	api.ExpireToken()
	status, body := request(t, api, "GET", "status", "")
	assert.Equal(t, 401, status)
	assert.JSONEq(t, `{"error":"invalid or expired token"}`, body)
	api.RenewToken()
	status, _ = request(t, api, "GET", "status", "")
	assert.Equal(t, 200, status)

	api.Block("")
	status, body = request(t, api, "GET", "status", "")
	assert.Equal(t, 403, status)
	assert.Equal(t, "Channel subscription is blocked", body)
	api.Unblock()

	for _, path := range []string{"sendEverything", "message", "", "templates/1"} {
		status, body = request(t, api, "POST", path, `{}`)
		assert.Equal(t, 404, status, path)
		assert.JSONEq(t, `{"error":"Method not found"}`, body)
	}
	status, _ = request(t, api, "GET", "sendMessage", "")
	assert.Equal(t, 404, status, "a wrong method is no method")
}

// refusals lists what the fake refuses and the words it has for it.
var refusals = []struct {
	name, path, body string
	status           int
	reply            string // a part of the reply
}{
	{"no body", "sendMessage", ``, 400, "the body cannot be read"},
	{"not JSON", "sendMessage", `{`, 400, "the body cannot be read"},
	{"an array", "sendMessage", `[]`, 400, "not an object"},
	{"unknown field", "sendMessage", `{"phone":"12025550143","body":"x","boddy":"y"}`, 400, `\"boddy\" is not a known field`},
	{"no recipient", "sendMessage", `{"body":"x"}`, 400, "phone or chatId is required"},
	{"two recipients", "sendMessage", `{"phone":"12025550143","chatId":"12025550143@c.us","body":"x"}`, 400, "one recipient, not phone and chatId"},
	{"bad phone", "sendMessage", `{"phone":"555","body":"x"}`, 400, "phone must be 6 to 15 digits"},
	{"phone with a sign", "sendMessage", `{"phone":"+12025550143","body":"x"}`, 400, "phone must be 6 to 15 digits"},
	{"bad chatId", "sendMessage", `{"chatId":"12025550143","body":"x"}`, 400, "Wrong chatId"},
	{"chat id cut to digits", "sendMessage", `{"chatId":"US.1000000000000001@lid","body":"x"}`, 200, `"code":131026`},
	{"unknown group", "sendMessage", `{"chatId":"120363000000000001@g.us","body":"x"}`, 200, `"code":131041`},
	{"unknown username", "sendMessage", `{"username":"nobody","body":"x"}`, 400, "Username is not found"},
	{"empty text", "sendMessage", `{"phone":"12025550143","body":""}`, 400, "body must not be empty"},
	{"no text", "sendMessage", `{"phone":"12025550143"}`, 400, "body is required"},
	{"text as number", "sendMessage", `{"phone":"12025550143","body":7}`, 400, "body must be a text"},
	{"long text", "sendMessage", `{"phone":"12025550143","body":"` + strings.Repeat("é", 4097) + `"}`, 400, "4097 of at most 4096"},
	{"bad quote", "sendMessage", `{"phone":"12025550143","body":"x","quotedMsgId":"17"}`, 400, "quotedMsgId must be a message id"},
	{"file without a name", "sendFile", `{"phone":"12025550143","body":"https://files.example.com/a.pdf"}`, 400, "filename is required with body"},
	{"file of no place", "sendFile", `{"phone":"12025550143","body":"a.pdf","filename":"a.pdf"}`, 400, "body must be an http or https address"},
	{"file of no base64", "sendFile", `{"phone":"12025550143","body":"data:image/png;base64,%%","filename":"a.png"}`, 400, "body is not base64"},
	{"file without a type", "sendFile", `{"phone":"12025550143","mediaId":"17"}`, 400, "mediaType is required with mediaId"},
	{"unknown file", "sendFile", `{"phone":"12025550143","mediaId":"17","mediaType":"image"}`, 200, "The media id does not exist."},
	{"voice that is an image", "sendFile", `{"phone":"12025550143","body":"https://files.example.com/a.png","filename":"a.png","voice":true}`, 400, "voice needs an audio file"},
	{"long caption", "sendFile", `{"phone":"12025550143","body":"https://f.example/a.png","filename":"a.png","caption":"` + strings.Repeat("x", 1025) + `"}`, 400, "1025 of at most 1024"},
	{"sticker twice", "sendSticker", `{"phone":"12025550143","link":"https://f.example/a.webp","mediaId":"17"}`, 400, "one of them"},
	{"latitude", "sendLocation", `{"phone":"12025550143","lat":"91","lng":"0"}`, 400, "lat must be a decimal number from -90 to 90"},
	{"latitude as number", "sendLocation", `{"phone":"12025550143","lat":38,"lng":"0"}`, 400, "lat must be a text"},
	{"contact without a name", "sendContact", `{"phone":"12025550143","contacts":[{"name":{"formatted_name":"A"}}]}`, 400, "first_name or last_name"},
	{"no contact", "sendContact", `{"phone":"12025550143"}`, 400, "contact or contacts is required"},
	{"no buttons", "sendButton", `{"phone":"12025550143","body":"x"}`, 400, "sections or buttons is required"},
	{"four buttons", "sendButton", `{"phone":"12025550143","body":"x","buttons":[{"id":"1","title":"1"},{"id":"2","title":"2"},{"id":"3","title":"3"},{"id":"4","title":"4"}]}`, 400, "buttons has 4 of at most 3"},
	{"long button", "sendButton", `{"phone":"12025550143","body":"x","sections":[{"type":"reply","reply":{"id":"1","title":"` + strings.Repeat("x", 21) + `"}}]}`, 400, "21 of at most 20"},
	{"two equal buttons", "sendButton", `{"phone":"12025550143","body":"x","buttons":[{"id":"1","title":"1"},{"id":"1","title":"2"}]}`, 200, "must be unique"},
	{"two equal titles", "sendButton", `{"phone":"12025550143","body":"x","buttons":[{"id":"1","title":"1"},{"id":"2","title":"1"}]}`, 200, "must be unique"},
	{"two equal rows", "sendList", `{"phone":"12025550143","body":"x","buttonText":"l","sections":[{"rows":[{"id":"1","title":"1"},{"id":"1","title":"2"}]}]}`, 200, "must be unique"},
	{"list without label", "sendList", `{"phone":"12025550143","body":"x","sections":[{"rows":[{"id":"1","title":"1"}]}]}`, 400, "buttonText or action is required"},
	{"list of sections without title", "sendList", `{"phone":"12025550143","body":"x","buttonText":"l","sections":[{"rows":[{"id":"1","title":"1"}]},{"rows":[{"id":"2","title":"2"}]}]}`, 200, "Sections need a title"},
	{"reaction to nothing", "sendReaction", `{"phone":"12025550143","body":"x"}`, 400, "quotedMsgId is required"},
	{"link of no place", "sendCtaUrl", `{"phone":"12025550143","body":"x","displayText":"x","url":"shop"}`, 400, "url must be an http or https address"},
	{"product list without header", "sendProduct", `{"phone":"12025550143","action":{"catalog_id":"1","sections":[{"product_items":[{"product_retailer_id":"1"}]}]}}`, 400, "header is required"},
	{"one card", "sendCarousel", `{"phone":"12025550143","body":"x","cards":[{}]}`, 400, "cards must have at least 2"},
	{"flow without screen", "sendFlow", `{"phone":"12025550143","body":"x","flowId":"1","flowToken":"t","flowCta":"c","flowAction":"navigate"}`, 400, "screen is required"},
	{"address abroad", "sendAddressMessage", `{"phone":"12025550143","body":"x"}`, 200, "Unsupported Interactive Message type"},
	{"payment by chatId", "sendPaymentRequest", `{"chatId":"12025550143@c.us","region":"IN"}`, 400, `\"chatId\" is not a known field`},
	{"template without name", "sendTemplate", `{"phone":"12025550143","language":{"code":"en"}}`, 400, "template is not defined"},
	{"template without language", "sendTemplate", `{"phone":"12025550143","template":"hello"}`, 400, "template is not defined"},
	{"template language as text", "sendTemplate", `{"phone":"12025550143","template":"hello","language":"en"}`, 400, "language must be an object"},
	{"template values as texts", "sendTemplate", `{"phone":"12025550143","template":"hello","language":{"code":"en"},"params":["Ann"]}`, 400, "must be an object"},
	{"unknown template", "sendTemplate", `{"phone":"12025550143","template":"nothing","language":{"code":"en"}}`, 200, `"code":132001`},
	{"language case", "sendTemplate", `{"phone":"12025550143","template":"hello","language":{"code":"en_US"}}`, 200, `"code":132001`},
	{"wrong namespace", "sendTemplate", `{"phone":"12025550143","template":"hello","language":{"code":"en"},"namespace":"x"}`, 200, `"code":132001`},
	{"too few values", "sendTemplate", `{"phone":"12025550143","template":"hello","language":{"code":"en"}}`, 200, `"code":132000`},
	{"too many values", "sendTemplate", `{"phone":"12025550143","template":"hello","language":{"code":"en"},"params":[{"type":"body","parameters":[{"type":"text","text":"A"},{"type":"text","text":"B"}]}]}`, 200, `"code":132000`},
	{"value of no type", "sendTemplate", `{"phone":"12025550143","template":"hello","language":{"code":"en"},"params":[{"type":"body","parameters":[{"type":"image"}]}]}`, 200, `"code":132012`},
	{"value with a newline", "sendTemplate", `{"phone":"12025550143","template":"hello","language":{"code":"en"},"params":[{"type":"body","parameters":[{"type":"text","text":"A\nB"}]}]}`, 200, `{"message":"body: Param text cannot have new-line/tab`},
	{"button that is not there", "sendTemplate", `{"phone":"12025550143","template":"hello","language":{"code":"en"},"params":[{"type":"body","parameters":[{"type":"text","text":"A"}]},{"type":"button","sub_type":"url","index":0,"parameters":[{"type":"text","text":"1"}]}]}`, 200, `"code":132000`},
	{"short life", "sendTemplate", `{"phone":"12025550143","template":"hello","language":{"code":"en"},"messageSendTtlSeconds":5,"params":[]}`, 400, "from 30 to 43200 for UTILITY"},
	{"template name", "addTemplate", `{"name":"Hello","category":"UTILITY","language":"en","components":[{"type":"BODY","text":"x"}]}`, 400, "name must be lower-case"},
	{"template language as object", "addTemplate", `{"name":"a","category":"UTILITY","language":{"code":"en"},"components":[{"type":"BODY","text":"x"}]}`, 400, "language must be a text"},
	{"template category", "addTemplate", `{"name":"a","category":"OTP","language":"en","components":[{"type":"BODY","text":"x"}]}`, 400, "category must be one of"},
	{"template without body", "addTemplate", `{"name":"a","category":"UTILITY","language":"en","components":[{"type":"FOOTER","text":"x"}]}`, 200, "BODY is missing"},
	{"template that skips", "addTemplate", `{"name":"a","category":"UTILITY","language":"en","components":[{"type":"BODY","text":"{{1}} {{3}} x"}]}`, 200, "BODY has no {{2}}"},
	{"template again", "addTemplate", `{"name":"hello","category":"UTILITY","language":"en","components":[{"type":"BODY","text":"x"}]}`, 200, "already exists"},
	{"removed template", "removeTemplate", `{"name":"nothing"}`, 200, "does not exist"},
	{"empty webhook list", "webhook", `{"webhookUrl":""}`, 400, "must not be empty"},
	{"six webhooks", "webhook", `{"webhookUrl":["https://a.example","https://b.example","https://c.example","https://d.example","https://e.example","https://f.example"]}`, 400, "more than 5"},
	{"webhook of no place", "webhook", `{"webhookUrl":"somewhere"}`, 400, "webhookUrl must be an http or https address"},
	{"no settings", "settings", `{}`, 400, "nothing to change"},
	{"setting as text", "settings", `{"ackNotificationsOn":"yes"}`, 400, "must be true or false"},
	{"no profile", "me", `{"nickname":"x"}`, 422, "Wrong request"},
	{"long profile", "me", `{"description":"` + strings.Repeat("x", 257) + `"}`, 400, "257 of at most 256"},
	{"read of nothing", "readMessage", `{"messageId":"wamid.X"}`, 200, "there is no message"},
	{"block by chatId", "blockUser", `{"chatId":"12025550143@c.us"}`, 400, `\"chatId\" is not a known field`},
	{"commerce without wrapper", "commerce", `{"is_cart_enabled":true,"is_catalog_visible":true}`, 400, "is not a known field"},
	{"call while off", "initiateCall", `{"messaging_product":"whatsapp","action":"connect","to":"12025550143"}`, 200, `"code":138000`},
	{"group of no name", "groups", `{}`, 400, "groupName is required"},
	{"unknown group to change", "groups/17", `{"subject":"x"}`, 200, "Group unknown"},
	{"flow of no category", "flows", `{"name":"a","categories":["FUN"]}`, 400, "must be one of"},
	{"key that is none", "whatsapp_business_encryption", `{"business_public_key":"x"}`, 400, "must be a PEM public key"},
}

func TestRefusals(t *testing.T) {
	for _, test := range refusals {
		t.Run(test.name, func(t *testing.T) {
			api := chatapitest.New(t)
			api.Template("hello", "en", "Hello {{1}}")
			customer := api.Customer(ann)
			customer.Says("hi")
			status, body := request(t, api, "POST", test.path, test.body)
			assert.Equal(t, test.status, status, body)
			assert.Contains(t, body, test.reply)
			assert.Empty(t, customer.Received(), "nothing went out")
			if status == 200 && strings.HasPrefix(test.path, "send") {
				assert.NotContains(t, body, `"sent":true`)
			}
		})
	}
}

func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := chatapitest.New(t)
		customer := api.Customer(ann)
		send := func() (int, string) {
			return request(t, api, "POST", "sendMessage", `{"phone":"12025550143","body":"x"}`)
		}
		status, body := send()
		assert.Equal(t, 200, status)
		assert.JSONEq(t, `{"sent":false,"message":"Dialog window is closed"}`, body, "nobody wrote yet")

		customer.Says("hi")
		time.Sleep(24*time.Hour - time.Second)
		_, body = send()
		assert.Contains(t, body, `"sent":true`)

		time.Sleep(time.Second)
		_, body = send()
		assert.Contains(t, body, "Dialog window is closed", "24 hours after the customer's message, whatever the business wrote")

		customer.Says("still here?")
		api.Advance(25 * time.Hour)
		_, body = send()
		assert.Contains(t, body, "Dialog window is closed", "Advance counts as time")
		customer.Reads()
		_, body = send()
		assert.Contains(t, body, "Dialog window is closed", "reading opens nothing")
	})
}

func TestAcceptedSend(t *testing.T) {
	api := chatapitest.New(t, chatapitest.At(time.Date(2026, 10, 15, 12, 0, 0, 0, time.UTC)))
	customer := api.Customer(ann)
	customer.Says("hi")
	status, body := request(t, api, "POST", "sendMessage", `{"chatId":"12025550143@c.us","body":"hello"}`)
	require.Equal(t, 200, status)
	got := customer.LastReceived()
	assert.JSONEq(t, `{"sent":true,"id":"`+got.ID+`","message":"Sent to 12025550143@c.us","description":"Message has been sent to the provider"}`, body)
	assert.True(t, strings.HasPrefix(got.ID, "wamid.FAKE"))
	assert.Equal(t, "hello", got.Text)

	_, body = request(t, api, "GET", "messages?limit=10", "")
	var page struct{ Messages []map[string]any }
	require.NoError(t, json.Unmarshal([]byte(body), &page))
	require.Len(t, page.Messages, 2)
	assert.EqualValues(t, 2, page.Messages[1]["messageNumber"])
	assert.EqualValues(t, 1, page.Messages[1]["fromMe"])
	assert.EqualValues(t, 0, page.Messages[0]["fromMe"])
	assert.Equal(t, got.ID, page.Messages[1]["id"])
	assert.InDelta(t, api.Now().Unix(), page.Messages[1]["time"], 5)
	assert.Equal(t, 2026, api.Now().Year())
}

func TestFormBody(t *testing.T) {
	api := chatapitest.New(t)
	api.Customer(ann).Says("hi")
	r := httptest.NewRequest("POST", api.URL+"/sendMessage?token="+api.Token, strings.NewReader("phone=12025550143&body=a+b"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := api.Transport.RoundTrip(r)
	require.NoError(t, err)
	assert.Equal(t, 200, resp.StatusCode)
	assert.Equal(t, "a b", api.Customer(ann).LastReceived().Text)
}

func TestSeed(t *testing.T) {
	ids := func(opts ...chatapitest.Option) []string {
		api := chatapitest.New(t, opts...)
		return []string{api.Token, api.Customer(ann).Says("a"), api.Customer(ann).Says("b")}
	}
	assert.Equal(t, ids(), ids(chatapitest.Seed(1)))
	assert.NotEqual(t, ids(), ids(chatapitest.Seed(2)))
}

func TestTransport(t *testing.T) {
	api := chatapitest.New(t)
	client := &http.Client{Transport: api.Transport}

	t.Run("another host", func(t *testing.T) {
		_, err := client.Get("https://elsewhere.test/ABC100000001/status")
		assert.ErrorContains(t, err, "no such host")
		sdk, err := chatapi.New("https://elsewhere.test/ABC100000001", "tok", chatapi.WithHTTPClient(client))
		require.NoError(t, err)
		_, err = sdk.Channel.GetStatus(t.Context())
		assert.ErrorIs(t, err, chatapi.ErrUnreachable)
	})
	t.Run("a context that has ended", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r, _ := http.NewRequestWithContext(ctx, "GET", api.URL+"/status?token="+api.Token, nil)
		_, err := api.Transport.RoundTrip(r)
		assert.ErrorIs(t, err, context.Canceled)
		assert.Empty(t, api.Calls())
	})
	t.Run("a context that ends while waiting", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			api := chatapitest.New(t)
			api.Fail(chatapitest.Fault{Delay: time.Hour})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			r, _ := http.NewRequestWithContext(ctx, "GET", api.URL+"/status?token="+api.Token, nil)
			began := time.Now()
			_, err := api.Transport.RoundTrip(r)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, time.Minute, time.Since(began))
		})
	})
	t.Run("after Close", func(t *testing.T) {
		api := chatapitest.New(t)
		api.Close()
		_, err := api.Client().Channel.GetStatus(t.Context())
		assert.ErrorIs(t, err, chatapi.ErrUnreachable)
		assert.NotEmpty(t, api.Customer(ann).Says("is anybody there?"))
		api.Close()
	})
	t.Run("a body that breaks", func(t *testing.T) {
		broken := errors.New("broken")
		r, _ := http.NewRequest("POST", api.URL+"/sendMessage", io.MultiReader(strings.NewReader("{"), errReader{broken}))
		_, err := api.Transport.RoundTrip(r)
		assert.ErrorIs(t, err, broken)
	})
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func TestMisuse(t *testing.T) {
	for name, misuse := range map[string]func(*chatapitest.API){
		"a button that was never sent":         func(a *chatapitest.API) { a.Customer(ann).Taps("yes") },
		"no list has such a row":               func(a *chatapitest.API) { a.Customer(ann).Picks("yes") },
		"no message was received":              func(a *chatapitest.API) { a.Customer(ann).Reacts("", "👍") },
		"neither a phone number nor a BSUID":   func(a *chatapitest.API) { a.Customer("Ann").Says("hi") },
		"time does not go back":                func(a *chatapitest.API) { a.Advance(-1) },
		"there is no template":                 func(a *chatapitest.API) { a.Approve("nothing", "") },
		"must be an http or https address":     func(a *chatapitest.API) { a.Webhook("bot", nil) },
		"there is no operation":                func(a *chatapitest.API) { a.Fail(chatapitest.Fault{Operation: "sendMesage"}) },
		"is not in the list":                   func(a *chatapitest.API) { a.DisableWebhook("https://bot.test") },
		"WithTimeout":                          func(a *chatapitest.API) { a.Client(chatapi.WithTimeout(-1)) },
		"the list is full":                     func(a *chatapitest.API) { fillWebhooks(a) },
		"the media host was shown the channel": func(a *chatapitest.API) { leak(a) },
	} {
		t.Run(name, func(t *testing.T) {
			api, r := recorded(t)
			misuse(api)
			if name == "a button that was never sent" {
				name = "no message has such a button"
			}
			assert.Contains(t, r.text(), name)
			assert.ErrorContains(t, api.Err(), name, "a program finds it in Err")
		})
	}
	t.Run("options", func(t *testing.T) {
		api, err := chatapitest.Start(chatapitest.Channel("a b"), chatapitest.Phone("x"), chatapitest.Redeliver(-1, 0), nil)
		assert.ErrorContains(t, err, "Channel")
		assert.ErrorContains(t, err, "Phone")
		assert.ErrorContains(t, err, "Redeliver")
		require.NotNil(t, api)
		api.Close()
	})
	t.Run("a client that New refuses", func(t *testing.T) {
		api, _ := recorded(t)
		_, err := api.Client(chatapi.WithTimeout(-1)).Channel.GetStatus(t.Context())
		assert.ErrorContains(t, err, "WithTimeout")
	})
	t.Run("nil", func(t *testing.T) {
		var nobody *chatapitest.Customer
		assert.Empty(t, nobody.Says("x"))
		assert.Empty(t, nobody.Received())
		assert.Empty(t, nobody.Phone())
		nobody.Reads()
		nobody.GoesOffline()
		api := chatapitest.New(nil)
		defer api.Close()
		assert.NotNil(t, api.Client())
	})
}

func fillWebhooks(a *chatapitest.API) {
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		a.Webhook("https://"+name+".test/x", http.NotFoundHandler())
	}
}

func leak(a *chatapitest.API) {
	client := &http.Client{Transport: a.Transport}
	resp, err := client.Get("https://media.chatapi.test/1.jpg?token=" + a.Token)
	if err == nil {
		resp.Body.Close()
	}
}

// TestNoGoroutine counts goroutines before and after a fake that has delivered
// in memory and over sockets.
func TestNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	api, err := chatapitest.Start()
	require.NoError(t, err)
	api.Webhook(server.URL+"/hook", nil)
	api.Webhook("https://bot.test/hook", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	api.Customer(ann).Says("hi")
	assert.Len(t, api.Delivered(), 2)
	_, err = api.Listen()
	require.NoError(t, err)
	api.Close()
	server.Close()
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	if after := runtime.NumGoroutine(); after > before {
		var stacks bytes.Buffer
		buf := make([]byte, 1<<20)
		stacks.Write(buf[:runtime.Stack(buf, true)])
		t.Fatalf("%d goroutines before, %d after:\n%s", before, after, stacks.String())
	}
	_, err = api.Listen()
	assert.Error(t, err)
	assert.NoError(t, api.Err())
}
