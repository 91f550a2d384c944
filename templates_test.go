package chatapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// tooMany is more requests than any test needs. A loop without a pause or an end
// then fails the test instead of hanging it.
const tooMany = 1000

// collect returns the names of all templates that All yields.
func collect(ctx context.Context, client *chatapi.Client) (names []string, err error) {
	for t, e := range client.Templates.All(ctx) {
		if e != nil {
			return names, e
		}
		names = append(names, t.Name+"/"+t.Language)
	}
	return names, nil
}

func TestTemplatesComeInEveryForm(t *testing.T) {
	read := func(name string) []*chatapi.TemplateInfo {
		var list []*chatapi.TemplateInfo
		for info, err := range serving(t, always(string(contract(t, name)))).Templates.All(t.Context()) {
			require.NoError(t, err)
			list = append(list, info)
		}
		return list
	}
	const namespace = "00000000_0000_4000_8000_000000000001"

	list := read("response-templates.json")
	require.Len(t, list, 2)
	assert.Equal(t, "100000000000031", list[0].ID)
	assert.Equal(t, chatapi.TemplateApproved, list[0].Status, "the wire has lower case")
	assert.Equal(t, "UTILITY", list[0].Category)
	assert.Equal(t, namespace, list[0].Namespace)
	assert.Empty(t, list[0].Reason, "the wire's NONE is an empty reason")
	assert.Equal(t, []chatapi.Component{{Type: chatapi.ComponentBody, Text: "Hello {{1}}"}}, list[0].Components)
	assert.Equal(t, "pt_BR", list[1].Language)
	assert.Equal(t, chatapi.TemplatePending, list[1].Status)
	assert.Contains(t, string(list[1].Raw), `"spring_sale"`)

	list = read("response-templates-string-components.json")
	require.Len(t, list, 1)
	assert.Equal(t, "en", list[0].Language, "the wire has an object")
	assert.Equal(t, namespace, list[0].Namespace, "the second name of the namespace counts")
	assert.Equal(t, []chatapi.Component{{Type: chatapi.ComponentBody, Text: "Hello {{1}}"}}, list[0].Components)

	list = read("response-templates-bare-array.json")
	require.Len(t, list, 1)
	assert.Empty(t, list[0].Components)

	for wire, want := range map[string]chatapi.TemplateInfo{
		`{"name":7,"messageTemplateNamespace":"n","rejected_reason":"TAG_CONTENT_MISMATCH","status":" rejected "}`: {Name: "7", Namespace: "n", Reason: "TAG_CONTENT_MISMATCH", Status: "REJECTED"},
		`{"name":"a","language":null,"components":null,"category":null,"namespace":null}`:                          {Name: "a"},
		`{"name":"a","components":"","status":"shiny"}`:                                                            {Name: "a", Status: "SHINY"},
	} {
		var got chatapi.TemplateInfo
		require.NoError(t, json.Unmarshal([]byte(wire), &got))
		want.Raw = json.RawMessage(wire)
		assert.Equal(t, want, got)
	}
}

func TestAllSurvivesEveryKindOfPaging(t *testing.T) {
	const many = 250
	row := func(i int) string { return fmt.Sprintf(`{"id":"%d","name":"t%d","language":"en"}`, i, i) }
	rows := func(from, to int) string {
		var list []string
		for i := from; i < min(to, many); i++ {
			list = append(list, row(i))
		}
		return "[" + strings.Join(list, ",") + "]"
	}
	object := func(total any, rows string) string { return fmt.Sprintf(`{"total":%v,"templates":%s}`, total, rows) }
	for name, tc := range map[string]struct {
		answer       func(limit, offset int) string
		want, atMost int
	}{
		"pages as asked":           {func(l, o int) string { return object(many, rows(o, o+l)) }, many, 4},
		"pages without total":      {func(l, o int) string { return `{"templates":` + rows(o, o+l) + `}` }, many, 4},
		"bare arrays":              {func(l, o int) string { return rows(o, o+l) }, many, 4},
		"smaller pages":            {func(l, o int) string { return rows(o, o+20) }, many, 14},
		"total is the page's":      {func(l, o int) string { return object(min(l, max(many-o, 0)), rows(o, o+l)) }, many, 4},
		"total is far too small":   {func(l, o int) string { return object(1, rows(o, o+20)) }, many, 14},
		"total as text":            {func(l, o int) string { return object(`"250"`, rows(o, o+l)) }, many, 4},
		"offset ignored":           {func(l, o int) string { return object(many, rows(0, l)) }, 100, 2},
		"offset and limit ignored": {func(l, o int) string { return object(many, rows(0, many)) }, many, 2},
		"pages overlap":            {func(l, o int) string { return rows(max(0, o-1), o+l-1) }, many, 5},
		"empty":                    {func(l, o int) string { return object(0, "[]") }, 0, 1},
		"null":                     {func(l, o int) string { return object(0, "null") }, 0, 1},
		"null rows":                {func(l, o int) string { return `[null,` + row(1) + `]` }, 1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			client := serving(t, func(_ int, r *http.Request) *http.Response {
				calls++
				limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
				require.NoError(t, err)
				offset, err := strconv.Atoi(r.URL.Query().Get("offset"))
				require.NoError(t, err)
				return reply(200, tc.answer(limit, offset))
			})
			names, err := collect(t.Context(), client)
			require.NoError(t, err)
			assert.Len(t, names, tc.want)
			assert.LessOrEqual(t, calls, tc.atMost)

			calls = 0
			for range client.Templates.All(t.Context()) {
				break
			}
			assert.Equal(t, 1, calls, "a loop that stops early makes no further request")
		})
	}
}

func TestAllEndsAtTheFirstError(t *testing.T) {
	client := serving(t, func(n int, _ *http.Request) *http.Response {
		if n == 0 {
			return reply(200, listed("a/en/APPROVED", "b/en/APPROVED"))
		}
		return reply(401, `{"error":"unauthorized"}`)
	})
	got := []string{}
	for info, err := range client.Templates.All(t.Context()) {
		if err != nil {
			assert.Nil(t, info)
			assert.ErrorIs(t, err, chatapi.ErrUnauthorized)
			got = append(got, "error")
			continue
		}
		got = append(got, info.Name)
	}
	assert.Equal(t, []string{"a", "b", "error"}, got)
}

func TestDamagedListsAreErrors(t *testing.T) {
	for _, body := range []string{``, `{}`, `"text"`, `{"templates":{}}`, `[1]`, `[{"name":["a"]}]`, `[{"language":[]}]`, `[{"language":{"code":{}}}]`,
		`[{"components":"[{"}]`, `[{"components":{}}]`, `[{"components":[1]}]`, `[{"components":[{"buttons":[7]}]}]`, `[{"components":[{"text":{}}]}]`,
		`[{"name":"a"}`, `<html>`, `{"error":{"message":"No account","code":100}}`, `{"message":"gone"}`} {
		names, err := collect(t.Context(), serving(t, always(body)))
		assert.Empty(t, names, body)
		var e *chatapi.Error
		require.ErrorAs(t, err, &e, body)
		assert.NotEmpty(t, e.Sentence, body)
		assert.Equal(t, chatapi.ChannelID("ABC100000001"), e.Channel)
	}
}

func TestNobodysTemplates(t *testing.T) {
	var none chatapi.TemplatesService
	_, err := collectFrom(none.All(t.Context()))
	assert.ErrorIs(t, err, chatapi.ErrInvalid)
	_, err = none.Get(t.Context(), "a", "en")
	assert.ErrorIs(t, err, chatapi.ErrInvalid)
	_, err = none.Create(t.Context(), draft())
	assert.ErrorIs(t, err, chatapi.ErrInvalid)
	assert.ErrorIs(t, none.Delete(t.Context(), "a"), chatapi.ErrInvalid)
	_, err = none.WaitApproved(t.Context(), "a", "en")
	assert.ErrorIs(t, err, chatapi.ErrInvalid)

	var noContext context.Context
	_, err = offline(t).Templates.WaitApproved(noContext, "a", "en")
	assert.ErrorIs(t, err, chatapi.ErrInvalid)
	for range none.All(noContext) {
		break
	}
}

func collectFrom(all func(func(*chatapi.TemplateInfo, error) bool)) (n int, err error) {
	for _, e := range all {
		if e != nil {
			return n, e
		}
		n++
	}
	return n, nil
}

func TestGetNamesTheLanguagesThatExist(t *testing.T) {
	client := serving(t, always(listed("order_update/pt_BR/APPROVED", "order_update/en_US/APPROVED", "other/en/APPROVED")))
	info, err := client.Templates.Get(t.Context(), "order_update", "en_US")
	require.NoError(t, err)
	assert.Equal(t, "en_US", info.Language)

	for language, parts := range map[string][]string{
		"en":    {"exists in en_US, pt_BR", `not in "en"`, `use "en_US"`},
		"en-us": {`use "en_US"`},
		"de":    {"exists in en_US, pt_BR", "use a language that exists"},
	} {
		_, err = client.Templates.Get(t.Context(), "order_update", language)
		require.ErrorIs(t, err, chatapi.ErrNotFound)
		for _, part := range parts {
			assert.ErrorContains(t, err, part)
		}
	}
	_, err = client.Templates.Get(t.Context(), "Order_Update", "en")
	require.ErrorIs(t, err, chatapi.ErrNotFound)
	assert.ErrorContains(t, err, `no template is named "Order_Update"`)

	_, err = client.Templates.Get(t.Context(), "", "en")
	wrongField(t, err, chatapi.ErrInvalid, "name")
	_, err = client.Templates.Get(t.Context(), "a", "")
	wrongField(t, err, chatapi.ErrInvalid, "language")
}

func TestGetBorrowsAMissingNamespaceWhenAllAgree(t *testing.T) {
	for list, want := range map[string]string{
		`[{"name":"a","language":"en"},{"name":"b","namespace":"n1"},{"name":"c","namespace":"n1"}]`: "n1",
		`[{"name":"a","language":"en"},{"name":"b","namespace":"n1"},{"name":"c","namespace":"n2"}]`: "",
		`[{"name":"b","namespace":"n1"},{"name":"a","language":"en","namespace":"n2"}]`:              "n2",
		`[{"name":"a","language":"en"}]`: "",
	} {
		info, err := serving(t, always(list)).Templates.Get(t.Context(), "a", "en")
		require.NoError(t, err)
		assert.Equal(t, want, info.Namespace, list)
	}
}

func TestCreateAndRemove(t *testing.T) {
	for body, want := range map[string]chatapi.TemplateInfo{
		`{"id":"31","status":"approved","category":"MARKETING"}`: {ID: "31", Status: chatapi.TemplateApproved, Category: "MARKETING"},
		`{"result":"success"}`: {Status: chatapi.TemplatePending, Category: "UTILITY"},
		`"ok"`:                 {Status: chatapi.TemplatePending, Category: "UTILITY"},
	} {
		client := serving(t, func(_ int, r *http.Request) *http.Response {
			assert.Equal(t, "POST /ABC100000001/addTemplate", r.Method+" "+r.URL.Path)
			sent, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			assert.JSONEq(t, string(contract(t, "request-add-template.json")), string(sent))
			return reply(200, body)
		})
		info, err := client.Templates.Create(t.Context(), draft())
		require.NoError(t, err)
		stored, err := json.Marshal(info)
		require.NoError(t, err)
		var back chatapi.TemplateInfo
		require.NoError(t, json.Unmarshal(stored, &back))
		back.Raw = info.Raw
		assert.Equal(t, info, &back, "a stored template reads back")
		want.Name, want.Language, want.Components, want.Raw = "order_update", "en", draft().Components, json.RawMessage(body)
		assert.Equal(t, &want, info)
	}

	client := serving(t, func(_ int, r *http.Request) *http.Response {
		assert.Equal(t, "POST /ABC100000001/removeTemplate", r.Method+" "+r.URL.Path)
		sent, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		assert.JSONEq(t, string(contract(t, "request-remove-template.json")), string(sent))
		return reply(200, `{"result":"success"}`)
	})
	assert.NoError(t, client.Templates.Delete(t.Context(), "order_update"))
	wrongField(t, client.Templates.Delete(t.Context(), ""), chatapi.ErrInvalid, "name")

	refusing := serving(t, always(string(contract(t, "response-wrapped-upstream-error-graph.json"))))
	_, err := refusing.Templates.Create(t.Context(), draft())
	assert.ErrorContains(t, err, "The template is missing in this language.")
	assert.Error(t, refusing.Templates.Delete(t.Context(), "order_update"))
}

func TestCreateIsNotRepeated(t *testing.T) {
	calls := 0
	network := &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		calls++
		return nil, io.ErrUnexpectedEOF
	})}
	client, err := chatapi.New("https://api.1msg.io/ABC100000001", opaqueToken, chatapi.WithHTTPClient(network))
	require.NoError(t, err)
	_, err = client.Templates.Create(t.Context(), draft())
	var e *chatapi.Error
	require.ErrorAs(t, err, &e)
	assert.ErrorIs(t, err, chatapi.ErrOutcomeUnknown)
	assert.Contains(t, e.Sentence, "template")
	assert.Equal(t, 1, calls)
}

func TestWaitApprovedLooksLessAndLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var looks []time.Duration
		client := serving(t, func(int, *http.Request) *http.Response {
			took := time.Since(start)
			if len(looks) == 0 || looks[len(looks)-1] != took {
				looks = append(looks, took)
			}
			switch {
			case took < time.Second:
				return reply(200, listed("other/en/APPROVED")) // the list does not have the template yet
			case took < 10*time.Second:
				return reply(200, listed("order_update/en/pending"))
			case took < time.Minute:
				return reply(503, "busy")
			case took < 5*time.Minute:
				return reply(200, listed("order_update/en/in_appeal"))
			}
			return reply(200, listed("order_update/en/approved"))
		})
		info, err := client.Templates.WaitApproved(t.Context(), "order_update", "en")
		require.NoError(t, err)
		assert.Equal(t, chatapi.TemplateApproved, info.Status)
		assert.Equal(t, []time.Duration{0, 1e9, 3e9, 7e9, 15e9, 31e9, 63e9, 123e9, 183e9, 243e9, 303e9}, looks)
	})
}

func TestWaitApprovedEnds(t *testing.T) {
	for name, tc := range map[string]struct {
		answer func(int, *http.Request) *http.Response
		kind   chatapi.ErrorKind
		text   string
		after  time.Duration
	}{
		"rejected": {always(`[{"name":"a","language":"en","status":"REJECTED","rejected_reason":"ABUSIVE_CONTENT"}]`),
			chatapi.ErrTemplateRejected, "ABUSIVE_CONTENT", 0},
		"rejected in silence": {always(listed("a/en/rejected")), chatapi.ErrTemplateRejected, "no reason given", 0},
		"paused":              {always(listed("a/en/PAUSED")), chatapi.ErrTemplate, "PAUSED", 0},
		"disabled":            {always(listed("a/en/disabled")), chatapi.ErrTemplate, "DISABLED", 0},
		"never there":         {always(listed("a/en_US/APPROVED")), chatapi.ErrNotFound, "en_US", 7 * time.Second},
		"wrong token":         {func(int, *http.Request) *http.Response { return reply(401, `{"error":"unauthorized"}`) }, chatapi.ErrUnauthorized, "", 0},
		"down from the start": {func(int, *http.Request) *http.Response { return reply(500, "") }, chatapi.ErrUnavailable, "", 0},
		"undecided":           {always(listed("a/en/PENDING")), chatapi.ErrTemplate, "was still PENDING", 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
				defer cancel()
				start := time.Now()
				info, err := serving(t, tc.answer).Templates.WaitApproved(ctx, "a", "en")
				assert.Nil(t, info)
				require.ErrorIs(t, err, tc.kind)
				assert.ErrorContains(t, err, tc.text)
				assert.Equal(t, tc.after, time.Since(start))
				if tc.after == 10*time.Minute {
					assert.ErrorIs(t, err, context.DeadlineExceeded)
				}
			})
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := offline(t).Templates.WaitApproved(ctx, "a", "en")
	assert.ErrorIs(t, err, context.Canceled)
	assert.NotContains(t, failedAs(t, err, chatapi.ErrCanceled).Sentence, "in no list", "nobody has looked")
}

func FuzzTemplateInfo(f *testing.F) {
	f.Add(contract(f, "response-templates-bare-array.json"))
	f.Add([]byte(`{"name":"a","language":{"code":"en"},"components":"[{\"type\":\"BODY\",\"text\":\"Hello {{1}} {{name}}\"}]"}`))
	add, err := json.Marshal(draft())
	require.NoError(f, err)
	f.Add(add)
	f.Add([]byte(`{"name":"a","components":[{"cards":[{"components":[{"cards":[{"components":[{}]}]}]}],"example":{"body_text_named_params":[{"param_name":"a"},{}]}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var info chatapi.TemplateInfo
		if json.Unmarshal(data, &info) != nil {
			return
		}
		m := info.Use("a", "b", "c")
		if _, err := info.Preview(m); err != nil {
			require.NotEmpty(t, err.Error())
		}
		stored, err := json.Marshal(chatapi.TemplateInfo{Name: info.Name, Components: info.Components})
		require.NoError(t, err)
		var again chatapi.TemplateInfo
		require.NoError(t, json.Unmarshal(stored, &again), "%s", stored)
	})
}
