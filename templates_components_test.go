package chatapi_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

func TestWrongDraftsNameTheField(t *testing.T) {
	for name, tc := range map[string]struct {
		field  string
		change func(d *chatapi.TemplateDraft)
	}{
		"name":                {"Name", func(d *chatapi.TemplateDraft) { d.Name = "Order update" }},
		"endless name":        {"Name", func(d *chatapi.TemplateDraft) { d.Name = strings.Repeat("a", 513) }},
		"category":            {"Category", func(d *chatapi.TemplateDraft) { d.Category = "" }},
		"language":            {"Language", func(d *chatapi.TemplateDraft) { d.Language = "" }},
		"nothing":             {"Components", func(d *chatapi.TemplateDraft) { d.Components = nil }},
		"no body":             {"Components", func(d *chatapi.TemplateDraft) { d.Components = d.Components[2:] }},
		"two bodies":          {"Components[4].Type", func(d *chatapi.TemplateDraft) { d.Components = append(d.Components, d.Components[1]) }},
		"no type":             {"Components[0].Type", func(d *chatapi.TemplateDraft) { d.Components[0].Type = "" }},
		"no format":           {"Components[0].Format", func(d *chatapi.TemplateDraft) { d.Components[0].Format = "" }},
		"long header":         {"Components[0].Text", func(d *chatapi.TemplateDraft) { d.Components[0].Text = runes(61) }},
		"header of two":       {"Components[0].Text", func(d *chatapi.TemplateDraft) { d.Components[0].Text = "{{1}} {{2}}" }},
		"image with text":     {"Components[0].Text", func(d *chatapi.TemplateDraft) { d.Components[0].Format = chatapi.FormatImage }},
		"header sans example": {"Components[0].Example", func(d *chatapi.TemplateDraft) { d.Components[0].Example = nil }},
		"empty body":          {"Components[1].Text", func(d *chatapi.TemplateDraft) { d.Components[1].Text = "" }},
		"long body":           {"Components[1].Text", func(d *chatapi.TemplateDraft) { d.Components[1].Text = runes(1025) }},
		"gap":                 {"Components[1].Text", func(d *chatapi.TemplateDraft) { d.Components[1].Text = "Hello {{1}} and {{3}}." }},
		"from zero":           {"Components[1].Text", func(d *chatapi.TemplateDraft) { d.Components[1].Text = "Hello {{0}} and {{1}}." }},
		"mixed":               {"Components[1].Text", func(d *chatapi.TemplateDraft) { d.Components[1].Text = "Hello {{1}} and {{name}}." }},
		"one example short":   {"Components[1].Example", func(d *chatapi.TemplateDraft) { d.Components[1].Example = []string{"Pat"} }},
		"empty example":       {"Components[1].Example[1]", func(d *chatapi.TemplateDraft) { d.Components[1].Example[1] = " " }},
		"footer variable":     {"Components[2].Text", func(d *chatapi.TemplateDraft) { d.Components[2].Text = "{{1}}" }},
		"long footer":         {"Components[2].Text", func(d *chatapi.TemplateDraft) { d.Components[2].Text = runes(61) }},
		"no buttons":          {"Components[3].Buttons", func(d *chatapi.TemplateDraft) { d.Components[3].Buttons = nil }},
		"button type":         {"Components[3].Buttons[1].Type", func(d *chatapi.TemplateDraft) { d.Components[3].Buttons[1].Type = "" }},
		"button text":         {"Components[3].Buttons[1].Text", func(d *chatapi.TemplateDraft) { d.Components[3].Buttons[1].Text = "" }},
		"long button text":    {"Components[3].Buttons[0].Text", func(d *chatapi.TemplateDraft) { d.Components[3].Buttons[0].Text = runes(26) }},
		"button URL":          {"Components[3].Buttons[0].URL", func(d *chatapi.TemplateDraft) { d.Components[3].Buttons[0].URL = "shop.example.com" }},
		"variable not at end": {"Components[3].Buttons[0].URL", func(d *chatapi.TemplateDraft) {
			d.Components[3].Buttons[0].URL = "https://shop.example.com/{{1}}/t"
		}},
		"URL sans example": {"Components[3].Buttons[0].Example", func(d *chatapi.TemplateDraft) { d.Components[3].Buttons[0].Example = "" }},
		"phone": {"Components[3].Buttons[1].Phone", func(d *chatapi.TemplateDraft) {
			d.Components[3].Buttons[1] = chatapi.TemplateButton{Type: chatapi.ButtonTypePhoneNumber, Text: "Call", Phone: "911"}
		}},
		"code": {"Components[3].Buttons[1].Example", func(d *chatapi.TemplateDraft) {
			d.Components[3].Buttons[1] = chatapi.TemplateButton{Type: chatapi.ButtonTypeCopyCode}
		}},
		"one card": {"Components[4].Cards", func(d *chatapi.TemplateDraft) {
			d.Components = append(d.Components, chatapi.Component{Type: chatapi.ComponentCarousel, Cards: make([][]chatapi.Component, 1)})
		}},
		"card header": {"Components[4].Cards[1][0].Format", func(d *chatapi.TemplateDraft) {
			cards := [][]chatapi.Component{{{Type: chatapi.ComponentBody, Text: "A"}}, {{Type: chatapi.ComponentHeader}}}
			d.Components = append(d.Components, chatapi.Component{Type: chatapi.ComponentCarousel, Cards: cards})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d := draft()
			tc.change(&d)
			_, err := offline(t).Templates.Create(t.Context(), d)
			e := wrongField(t, err, chatapi.ErrInvalid, tc.field)
			assert.Equal(t, "Templates.Create", e.Op)
		})
	}
}

func TestComponentsRoundTrip(t *testing.T) {
	for _, wire := range []string{
		`{"type":"BODY","text":"Hello {{name}}, {{what}}.","example":{"body_text_named_params":[{"param_name":"name","example":"Pat"},{"param_name":"what","example":"hi"}]}}`,
		`{"type":"HEADER","format":"IMAGE","example":{"header_handle":["4::aW"]}}`,
		`{"type":"HEADER","format":"TEXT","text":"Order {{number}}","example":{"header_text_named_params":[{"param_name":"number","example":"1"}]}}`,
		`{"type":"BODY","text":"a","example":{"body_text":[["1"],["2"]]}}`,
		`{"type":"BODY","text":"a","example":["x"]}`,
		`{"type":"BODY","add_security_recommendation":true}`,
		`{"type":"BUTTONS","buttons":[{"type":"COPY_CODE","example":"SPRING25"},{"type":"PHONE_NUMBER","text":"Call","phone_number":"+12025550188"}]}`,
		`{"type":"BUTTONS","buttons":[{"type":"FLOW","text":"Book","flow_id":"21","example":{"a":1}}]}`,
		`{"type":"CAROUSEL","cards":[{"components":[{"type":"HEADER","format":"PRODUCT"}]},{"components":[]}]}`,
		`{"type":"SHINY","text":"a","number":12345678901234567890}`,
	} {
		var c chatapi.Component
		require.NoError(t, json.Unmarshal([]byte(wire), &c), wire)
		back, err := json.Marshal(c)
		require.NoError(t, err)
		var again chatapi.Component
		require.NoError(t, json.Unmarshal(back, &again))
		assert.Equal(t, c, again)
		assert.JSONEq(t, wire, string(back))
	}
}

func TestComponentsUnderOtherNames(t *testing.T) {
	var c chatapi.Component
	require.NoError(t, json.Unmarshal([]byte(`{"type":"header","subType":"image"}`), &c))
	assert.Equal(t, chatapi.Component{Type: chatapi.ComponentHeader, Format: chatapi.FormatImage}, c)
	require.NoError(t, json.Unmarshal([]byte(`{"type":"carousel","card_components":[{"components":[{"type":"body","text":"A"}]}]}`), &c))
	assert.Equal(t, chatapi.Component{Type: chatapi.ComponentCarousel, Cards: [][]chatapi.Component{{{Type: chatapi.ComponentBody, Text: "A"}}}}, c)
	require.NoError(t, json.Unmarshal([]byte(`{"type":"carousel","card_components":[{"type":"body"}]}`), &c))
	assert.JSONEq(t, `[{"type":"body"}]`, string(c.Extra["card_components"]), "an unknown form is kept")
	var b chatapi.TemplateButton
	require.NoError(t, json.Unmarshal([]byte(`{"type":"url","text":"Go","url":"https://shop.example.com/{{1}}","example":"a"}`), &b))
	assert.Equal(t, chatapi.TemplateButton{Type: chatapi.ButtonTypeURL, Text: "Go", URL: "https://shop.example.com/{{1}}", Example: "a"}, b)
}
