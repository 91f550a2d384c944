package phones

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"embed"

	"github.com/chatapi-go/chatapi/chatapitest"
)

//go:embed templates
var templateFiles embed.FS

// pages are the templates, parsed once.
var pages = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"time":  func(t time.Time) string { return t.Local().Format("15:04") },
		"exact": func(t time.Time) string { return t.Local().Format("15:04:05.000") },
		"day":   func(t time.Time) string { return t.Local().Format("Mon 2 Jan 2006, 15:04:05") },
		"milli": time.Time.UnixMilli,
		"clip":  clip,
		"upper": func(s string) string { return strings.ToUpper(s[:1]) + s[1:] },
		"lower": strings.ToLower,
		"title": titleOf,
	}).ParseFS(templateFiles, "templates/*.html"))
})

// render writes a template. A template that fails writes nothing of itself.
func (h *Handler) render(w http.ResponseWriter, status int, name string, data any) {
	var out bytes.Buffer
	if err := pages().ExecuteTemplate(&out, name, data); err != nil {
		http.Error(w, "The page cannot be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = out.WriteTo(w)
}

// servePage serves the page or, if the query has ids, those parts of it.
func (h *Handler) servePage(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	v := h.viewOf(q)
	ids := q.Get("ids")
	if ids == "" {
		h.render(w, http.StatusOK, "page", v)
		return
	}
	var out bytes.Buffer
	for id := range strings.SplitSeq(ids, ",") {
		if err := v.part(&out, id); err != nil {
			http.Error(w, "The page cannot be made: "+err.Error(), http.StatusInternalServerError)
			return
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("X-State", v.State)
	_, _ = out.WriteTo(w)
}

// part writes a part of the page by the id of its element; nothing for an unknown one.
func (v *view) part(out *bytes.Buffer, id string) error {
	switch key, isPhone := strings.CutPrefix(id, "phone-"); {
	case id == "head", id == "phones", id == "panel":
		return pages().ExecuteTemplate(out, id, v)
	case isPhone:
		i := slices.IndexFunc(v.Chats, func(c chatapitest.Chat) bool { return c.Key == key })
		if i >= 0 {
			return pages().ExecuteTemplate(out, "phone", &phone{Chat: v.Chats[i], view: v})
		}
	}
	return nil
}

// dialog is a window over the page, and a page of its own without script.
type dialog struct {
	View  *view
	Name  string
	Title string

	Phone   *phone
	Message *bubble
	Form    *form
	Flow    *flowForm
	Detail  *detail
}

// detail is a request or a webhook with its bodies.
type detail struct {
	Row         wireRow
	URL         string
	Body, Reply string
	Curl        string
	Tries       int
}

// serveDialog serves a dialog: act, phone, message, flow, call or webhook.
func (h *Handler) serveDialog(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	v := h.viewOf(q)
	d := &dialog{View: v, Name: r.PathValue("name")}
	if !d.fill(q) {
		h.render(w, http.StatusNotFound, "alone", alone{View: v, Title: "Not there any more", Back: v.Here(), Error: "There is nothing here any more. Go back and look again."})
		return
	}
	if scripted(r) {
		h.render(w, http.StatusOK, "dialog", d)
		return
	}
	h.render(w, http.StatusOK, "alone", alone{View: v, Title: d.Title, Back: v.Here(), Dialog: d})
}

// fill finds what the dialog is about, and returns false if it is not there.
func (d *dialog) fill(q url.Values) bool {
	v := d.View
	n, _ := strconv.Atoi(q.Get("n"))
	switch d.Name {
	case "act":
		if d.Form = v.Form(q.Get("act"), q.Get("who"), given(q)...); d.Form != nil {
			d.Title = d.Form.Title
		}
		return d.Form != nil
	case "phone":
		if d.Phone = v.phoneOf(q.Get("chat")); d.Phone != nil {
			d.Title = d.Phone.Shown()
		}
		return d.Phone != nil
	case "message", "flow":
		return d.fillMessage(q.Get("chat"), q.Get("id"))
	case "call":
		calls, _ := v.api.CallsFrom(n, 1)
		if len(calls) == 0 || n < 0 {
			return false
		}
		c := calls[0]
		row := callRow(n, c)
		if row.Bad {
			row.Why = explain(c)
		}
		d.Title = row.Name
		d.Detail = &detail{Row: row, URL: "/" + clip(c.Path, 300), Body: pretty(c.Body), Reply: pretty(c.Reply), Curl: curl(v.Info, c)}
		return true
	case "webhook":
		all, _ := v.api.DeliveriesFrom(n, 1)
		if len(all) == 0 || n < 0 {
			return false
		}
		row := deliveryRow(n, all[0])
		d.Title = row.Name
		d.Detail = &detail{Row: row, URL: clip(all[0].URL, 300), Body: pretty(all[0].Body), Tries: all[0].Tries}
		return true
	}
	return false
}

// given are the arguments that the address of a dialog has already.
func given(q url.Values) (pairs []string) {
	for _, name := range []string{"to", "group", "message", "template", "language"} {
		if v := q.Get("arg." + name); v != "" {
			pairs = append(pairs, name, v)
		}
	}
	return pairs
}

func (v *view) phoneOf(key string) *phone {
	for _, chat := range v.Chats {
		if chat.Key == key {
			return &phone{Chat: chat, view: v}
		}
	}
	return nil
}

func (d *dialog) fillMessage(chat, id string) bool {
	p := d.View.phoneOf(chat)
	m, ok := d.View.api.Message(id)
	if p == nil || !ok {
		return false
	}
	d.Phone, d.Message, d.Title = p, &bubble{ChatMessage: m, phone: p}, "Message"
	if d.Name != "flow" {
		return true
	}
	button := d.Message.Flow()
	if button == nil {
		return false
	}
	d.Title = cmp.Or(clip(button.Title, nameShown), "Form")
	d.Flow = flowOf(d.View.api.FlowJSON(button.ID))
	return true
}

// Emojis are those that a person can choose with one tap.
func (d *dialog) Emojis() []string { return []string{"👍", "❤️", "😂", "😮", "😢", "🙏"} }

// AuthorWho is the customer who wrote the message, as acts name them.
func (d *dialog) AuthorWho() string {
	if p := d.View.phoneOf(d.Message.ChatMessage.Author); p != nil {
		return p.Who()
	}
	return ""
}

// Acts are the acts of the phone's owner, for its menu.
func (p *phone) Acts() []string {
	acts := []string{"sends", "shares location", "shares contact", "orders", "submits", "clicks ad", "opens chat", "says in", "joins", "leaves"}
	return acts
}

// Switches are the acts that change the phone and need no more than a tap.
func (p *phone) Switches() []string {
	pick := func(on bool, yes, no string) string {
		if on {
			return yes
		}
		return no
	}
	acts := []string{"reads", pick(p.Offline, "comes online", "goes offline"), pick(p.Call != "", "hangs up", "rings")}
	if p.Unreachable != "" {
		acts = append(acts, "can be reached")
	}
	if p.Phone != "" {
		acts = append(acts, "hides number")
	}
	return acts
}

// Changes are the acts that change the phone and ask for something.
func (p *phone) Changes() []string {
	acts := []string{"takes name", "takes username", "changes number"}
	if p.Unreachable == "" {
		acts = append(acts, "cannot be reached")
	}
	if p.Phone == "" {
		acts = append(acts, "shows number")
	}
	return acts
}

// ActPath is the address of the form of an act of the phone's owner.
func (p *phone) ActPath(act string) string {
	q := url.Values{"channel": {string(p.view.Info.ID)}, "act": {act}, "who": {p.Who()}}
	return "/dialog/act?" + q.Encode()
}

// DialogPath is the address of a dialog about the phone.
func (p *phone) DialogPath(name string) string {
	q := url.Values{"channel": {string(p.view.Info.ID)}, "chat": {p.Key}}
	return "/dialog/" + name + "?" + q.Encode()
}

// DialogPath is the address of a dialog about the message.
func (b *bubble) DialogPath(name string) string {
	return b.phone.DialogPath(name) + "&" + url.Values{"id": {b.ID}}.Encode()
}

// Path is the address of the details of a row.
func (v *view) DetailPath(row wireRow) string {
	name := "call"
	if row.Webhook {
		name = "webhook"
	}
	return "/dialog/" + name + "?" + url.Values{"channel": {string(v.Info.ID)}, "n": {fmt.Sprint(row.N)}}.Encode()
}

// ActPath is the address of the form of an act that is no customer's.
func (v *view) ActPath(act string, pairs ...string) string {
	q := url.Values{"channel": {string(v.Info.ID)}, "act": {act}}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set("arg."+pairs[i], pairs[i+1])
	}
	return "/dialog/act?" + q.Encode()
}

// flowForm is a flow as a form of its inputs; without fields it is filled in as JSON.
type flowForm struct{ Fields []field }

// flowOf finds the inputs in the screens of a flow: texts, numbers, choices and dates.
func flowOf(screens json.RawMessage) *flowForm {
	var found flowForm
	var walk func(any, int)
	walk = func(node any, depth int) {
		switch node := node.(type) {
		case []any:
			for _, each := range node {
				walk(each, depth+1)
			}
		case map[string]any:
			if f, ok := flowField(node, len(found.Fields)); ok && len(found.Fields) < 40 {
				found.Fields = append(found.Fields, f)
				return
			}
			if depth < 40 {
				for _, name := range []string{"screens", "layout", "children"} {
					walk(node[name], depth+1)
				}
			}
		}
	}
	var root any
	if json.Unmarshal(screens, &root) == nil {
		walk(root, 0)
	}
	return &found
}

// flowField returns the field of a component of a flow.
func flowField(c map[string]any, n int) (f field, ok bool) {
	name, _ := c["name"].(string)
	label, _ := c["label"].(string)
	kind, _ := c["type"].(string)
	required, _ := c["required"].(bool)
	if name == "" {
		return f, false
	}
	f = field{Name: "flow." + name, ID: fmt.Sprintf("flow-%d", n), Label: clip(cmp.Or(label, name), nameShown), Required: required, Kind: "text"}
	switch kind {
	case "TextInput":
		if input, _ := c["input-type"].(string); input == "number" {
			f.Kind = "number"
		}
	case "TextArea":
		f.Kind = "area"
	case "DatePicker":
		f.Kind = "date"
	case "OptIn":
		f.Kind, f.Value = "check", "true"
	case "Dropdown", "RadioButtonsGroup", "CheckboxGroup", "ChipsSelector":
		f.Kind, f.Options = "choice", []choice{{"", "choose"}}
		list, _ := c["data-source"].([]any)
		for _, each := range list {
			option, _ := each.(map[string]any)
			id, _ := option["id"].(string)
			title, _ := option["title"].(string)
			f.Options = append(f.Options, choice{id, clip(cmp.Or(title, id), nameShown)})
		}
	default:
		return f, false
	}
	return f, true
}

// flowAnswers returns the answers of a flow's form as JSON; empty if the form has none.
func flowAnswers(form url.Values) string {
	answers := map[string]any{}
	for name, values := range form {
		if key, ok := strings.CutPrefix(name, "flow."); ok && len(values) > 0 && values[0] != "" {
			answers[key] = values[0]
		}
	}
	if len(answers) == 0 {
		return ""
	}
	data, err := json.Marshal(answers)
	if err != nil {
		return ""
	}
	return string(data)
}
