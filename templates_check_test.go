package chatapi_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

func TestUseFillsInWhatThereIs(t *testing.T) {
	info := approved(t, "Hello {{2}}, order {{1}} left the store.")
	m := info.Use("1001", "1001", "Pat", "1001?x=1")
	assert.Equal(t, chatapi.Template{Name: "order_update", Language: "en", Namespace: "n1", Category: "UTILITY",
		Header: chatapi.HeaderText("1001"), Body: chatapi.Params("1001", "Pat"), Buttons: []chatapi.ButtonParam{chatapi.URLButton(0, "1001?x=1")}}, m)
	require.NoError(t, info.Check(m))

	p, err := offline(t).Prepare(ann, m)
	require.NoError(t, err)
	assert.Equal(t, "UTILITY", p.Category)
	assert.NotContains(t, string(p.Body), "UTILITY", "the category is not sent")

	preview, err := info.Preview(m)
	require.NoError(t, err)
	assert.Equal(t, "Order 1001\nHello Pat, order 1001 left the store.\nExample Ltd\n[Track] https://shop.example.com/t/1001?x=1\n[Thanks]", preview.String())

	wrongField(t, info.Check(info.Use("1001", "1001", "Pat")), chatapi.ErrTemplate, "Buttons")
	wrongField(t, info.Check(info.Use("1001", "1001")), chatapi.ErrTemplate, "Body")
	wrongField(t, info.Check(info.Use()), chatapi.ErrTemplate, "Header")
	wrongField(t, info.Check(info.Use("1", "2", "3", "4", "5")), chatapi.ErrTemplate, "Body")

	named := approved(t, "Hello {{customer}}, order {{order}} of {{customer}}.")
	named.Components[0].Text = "Order {{order}}"
	m = named.Use("1001", "Pat", "1001", "x")
	require.NoError(t, named.Check(m))
	assert.Equal(t, chatapi.HeaderNamedText("order", "1001"), m.Header)
	assert.ElementsMatch(t, chatapi.NamedParams(map[string]string{"order": "1001", "customer": "Pat"}), m.Body)
	preview, err = named.Preview(m)
	require.NoError(t, err)
	assert.Equal(t, "Hello Pat, order 1001 of Pat.", preview.Body)
}

func TestCheckNamesThePlace(t *testing.T) {
	image := chatapi.HeaderImage(chatapi.MediaURL("https://files.example.com/h.jpg"))
	for name, tc := range map[string]struct {
		field  string
		change func(info *chatapi.TemplateInfo, m *chatapi.Template)
	}{
		"name":        {"Name", func(_ *chatapi.TemplateInfo, m *chatapi.Template) { m.Name = "other" }},
		"language":    {"Language", func(_ *chatapi.TemplateInfo, m *chatapi.Template) { m.Language = "en_US" }},
		"namespace":   {"Namespace", func(_ *chatapi.TemplateInfo, m *chatapi.Template) { m.Namespace = "n2" }},
		"pending":     {"Status", func(info *chatapi.TemplateInfo, _ *chatapi.Template) { info.Status = chatapi.TemplatePending }},
		"few values":  {"Body", func(_ *chatapi.TemplateInfo, m *chatapi.Template) { m.Body = m.Body[1:] }},
		"many values": {"Body", func(_ *chatapi.TemplateInfo, m *chatapi.Template) { m.Body = chatapi.Params("1", "2", "3") }},
		"names for numbers": {"Body[0].Name", func(_ *chatapi.TemplateInfo, m *chatapi.Template) {
			m.Body = chatapi.NamedParams(map[string]string{"1": "a", "2": "b"})
		}},
		"numbers for names": {"Body[0].Name", func(info *chatapi.TemplateInfo, _ *chatapi.Template) { info.Components[1].Text = "{{a}} {{b}}" }},
		"wrong name": {"Body[1].Name", func(info *chatapi.TemplateInfo, m *chatapi.Template) {
			info.Components[1].Text = "{{a}} {{b}}"
			m.Body = chatapi.NamedParams(map[string]string{"a": "1", "c": "2"})
		}},
		"missing name": {"Body", func(info *chatapi.TemplateInfo, m *chatapi.Template) {
			info.Components[1].Text = "{{a}} {{b}}"
			m.Body = chatapi.NamedParams(map[string]string{"a": "1"})
		}},
		"no header value": {"Header", func(_ *chatapi.TemplateInfo, m *chatapi.Template) { m.Header = chatapi.Header{} }},
		"image for text":  {"Header", func(_ *chatapi.TemplateInfo, m *chatapi.Template) { m.Header = image }},
		"text for image":  {"Header", func(info *chatapi.TemplateInfo, _ *chatapi.Template) { info.Components[0].Format = chatapi.FormatImage }},
		"nothing for image": {"Header", func(info *chatapi.TemplateInfo, m *chatapi.Template) {
			info.Components[0].Format = chatapi.FormatImage
			m.Header = chatapi.Header{}
		}},
		"header of fixed text": {"Header", func(info *chatapi.TemplateInfo, _ *chatapi.Template) { info.Components[0].Text = "Order" }},
		"header not expected":  {"Header", func(info *chatapi.TemplateInfo, _ *chatapi.Template) { info.Components = info.Components[1:] }},
		"named header":         {"Header", func(_ *chatapi.TemplateInfo, m *chatapi.Template) { m.Header = chatapi.HeaderNamedText("a", "1") }},
		"unnamed header":       {"Header", func(info *chatapi.TemplateInfo, _ *chatapi.Template) { info.Components[0].Text = "Order {{a}}" }},
		"no button value":      {"Buttons", func(_ *chatapi.TemplateInfo, m *chatapi.Template) { m.Buttons = nil }},
		"button out of range":  {"Buttons[0]", func(_ *chatapi.TemplateInfo, m *chatapi.Template) { m.Buttons[0].Index = 2 }},
		"button of other kind": {"Buttons[0]", func(_ *chatapi.TemplateInfo, m *chatapi.Template) { m.Buttons[0].Index = 1 }},
		"button of fixed URL": {"Buttons[0]", func(info *chatapi.TemplateInfo, _ *chatapi.Template) {
			info.Components[3].Buttons[0].URL = "https://shop.example.com"
		}},
		"no code": {"Buttons", func(info *chatapi.TemplateInfo, _ *chatapi.Template) {
			info.Components[3].Buttons[1].Type = chatapi.ButtonTypeCopyCode
		}},
		"buttons not expected": {"Buttons[0]", func(info *chatapi.TemplateInfo, _ *chatapi.Template) { info.Components = info.Components[:3] }},
	} {
		t.Run(name, func(t *testing.T) {
			info := approved(t, "Hello {{1}}, order {{2}} left the store.")
			m := info.Use("1001", "Pat", "1001", "1001")
			require.NoError(t, info.Check(m))
			tc.change(info, &m)
			wrongField(t, info.Check(m), chatapi.ErrTemplate, tc.field)
			_, err := info.Preview(m)
			if tc.field == "Status" {
				assert.NoError(t, err, "Preview accepts drafts")
			} else {
				wrongField(t, err, chatapi.ErrTemplate, tc.field)
			}
		})
	}
	info := approved(t, "Hello {{1}}, order {{2}} left the store.")
	wrongField(t, info.Check(info.Use("1001", "Pat\nE.", "1001", "1001")), chatapi.ErrInvalid, "Body[0]")
	info.Status, info.Reason = chatapi.TemplateRejected, "ABUSIVE_CONTENT"
	assert.ErrorIs(t, info.Check(info.Use("1001", "Pat", "1001", "1001")), chatapi.ErrTemplateRejected)
}

func TestPreviewShowsWhatStandsInTheHeader(t *testing.T) {
	for want, tc := range map[string]struct {
		format chatapi.HeaderFormat
		header chatapi.Header
	}{
		"[location] Demo point":                      {chatapi.FormatLocation, chatapi.HeaderLocation(chatapi.Location{Latitude: 1, Name: "Demo point"})},
		"[document] https://files.example.com/a.pdf": {chatapi.FormatDocument, chatapi.HeaderDocument(chatapi.MediaURL("https://files.example.com/a.pdf?sig=1"), "a.pdf")},
		"[video] 12":      {chatapi.FormatVideo, chatapi.HeaderVideo(chatapi.MediaID("12", chatapi.TypeVideo))},
		"[product] SKU-1": {chatapi.FormatProduct, chatapi.HeaderProduct("100000000000011", "SKU-1")},
		"Fixed":           {chatapi.FormatText, chatapi.Header{}},
	} {
		info := &chatapi.TemplateInfo{Name: "a", Language: "en", Components: []chatapi.Component{
			{Type: chatapi.ComponentHeader, Format: tc.format}, {Type: chatapi.ComponentBody, Text: "You owe {{1}} on {{2}}."}}}
		if tc.format == chatapi.FormatText {
			info.Components[0].Text = "Fixed"
		}
		m := info.Use()
		m.Header, m.Body = tc.header, []chatapi.Param{chatapi.CurrencyParam("$1.50", "USD", 1500), chatapi.DateTimeParam("1 October")}
		preview, err := info.Preview(m)
		require.NoError(t, err)
		assert.Equal(t, want+"\nYou owe $1.50 on 1 October.", preview.String())
	}
}

func TestWhatIsNotKnownIsNotChecked(t *testing.T) {
	info := &chatapi.TemplateInfo{Name: "a", Language: "en"}
	m := info.Use("Ann")
	assert.NoError(t, info.Check(m))
	_, err := info.Preview(m)
	wrongField(t, err, chatapi.ErrTemplate, "Components")

	var none *chatapi.TemplateInfo
	assert.Equal(t, chatapi.Template{}, none.Use("Ann"))
	assert.ErrorIs(t, none.Check(m), chatapi.ErrInvalid)
	_, err = none.Preview(m)
	assert.ErrorIs(t, err, chatapi.ErrInvalid)
}
