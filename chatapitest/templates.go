package chatapitest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// template is one language of a message template.
type template struct {
	id, name, language, category, namespace string

	// A pending template is approved at decideAt.
	status, reason string
	decideAt       time.Time // zero: only by Approve

	components []any
}

const namespace = "00000000_0000_4000_8000_000000000001"

// Template adds an approved UTILITY template with that body, in which {{1}} or
// {{name}} stand for values. It replaces a template of that name and language. To
// add a template with a header or buttons, create it with
// [chatapi.TemplatesService.Create].
//
// A send may name the template's namespace: the one given here, else the fake's
// own, which [chatapi.TemplatesService.All] lists. It refuses any other with 132001,
// unless the quirk [AnyNamespace] is on.
func (a *API) Template(name, language, body string, ownNamespace ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.templates = slices.DeleteFunc(a.templates, func(t *template) bool { return t.name == name && t.language == language })
	a.templates = append(a.templates, &template{id: a.number(), name: name, language: language, category: "UTILITY",
		namespace: cmp.Or(append(ownNamespace, namespace)...), status: "APPROVED", components: []any{object{"type": "BODY", "text": body}}})
	a.changed()
}

// Approve approves a template in one language, or in all languages if language is
// empty. It fails the test if there is no such template.
func (a *API) Approve(name, language string) {
	a.ok(a.decide(name, language, "APPROVED", "NONE"))
}

// Reject refuses a template with a reason such as "INVALID_FORMAT". An empty
// language stands for all languages. It fails the test if there is no such
// template.
func (a *API) Reject(name, language, reason string) {
	a.ok(a.decide(name, language, "REJECTED", reason))
}

// Pause takes an approved template out of use, as WhatsApp does if its quality is
// low. An empty language stands for all languages. It fails the test if there is
// no such template.
func (a *API) Pause(name, language string) {
	a.ok(a.decide(name, language, "PAUSED", "NONE"))
}

// Disable takes a template out of use for good. An empty language stands for all
// languages. It fails the test if there is no such template.
func (a *API) Disable(name, language string) {
	a.ok(a.decide(name, language, "DISABLED", "NONE"))
}

func (a *API) decide(name, language, status, reason string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	found := false
	for _, t := range a.templates {
		if t.name == name && (language == "" || t.language == language) {
			t.status, t.reason, t.decideAt = status, reason, time.Time{}
			found = true
		}
	}
	if found {
		a.noteDecision(name, language, status, reason)
	}
	if !found {
		return fmt.Errorf("there is no template %q in language %q", name, language)
	}
	return nil
}

// noteDecision notes the act that decided about a template; the caller holds mu.
func (a *API) noteDecision(name, language, status, reason string) {
	e := entry{actor: ActorService, args: []string{name, language}}
	switch status {
	case "APPROVED":
		e.act = "approves"
	case "REJECTED":
		e.act, e.args = "rejects", []string{name, reason, language}
	case "PAUSED":
		e.act = "pauses"
	default:
		e.act = "disables"
	}
	a.note(e)
}

// template returns a template with its present status; nil if there is none. The
// caller holds mu.
func (a *API) template(name, language string) *template {
	for _, t := range a.templates {
		if t.name == name && t.language == language {
			a.settleTemplate(t)
			return t
		}
	}
	return nil
}

// settleTemplate approves a pending template whose time has come.
func (a *API) settleTemplate(t *template) {
	if t.status == "PENDING" && !t.decideAt.IsZero() && !a.now().Before(t.decideAt) {
		t.status, t.reason = "APPROVED", "NONE"
	}
}

func (t *template) component(kind string) object {
	for _, v := range t.components {
		if c := asObject(v); strings.EqualFold(c.text("type"), kind) {
			return c
		}
	}
	return nil
}

func (t *template) buttons() []object {
	var all []object
	for _, v := range t.component("BUTTONS").list("buttons") {
		all = append(all, asObject(v))
	}
	return all
}

var (
	templateName  = regexp.MustCompile(`^[a-z0-9_]{1,512}$`)
	languageCode  = regexp.MustCompile(`^[a-z]{2,3}(_[A-Za-z]{2,4})?$`)
	placeholder   = regexp.MustCompile(`\{\{\s*([A-Za-z0-9_]+)\s*\}\}`)
	manySpaces    = regexp.MustCompile(` {5,}`)
	templateKinds = []string{"HEADER", "BODY", "FOOTER", "BUTTONS", "CAROUSEL", "LIMITED_TIME_OFFER", "CALL_PERMISSION_REQUEST"}
)

// placeholders returns the names of a text's placeholders, each once, in order.
func placeholders(text string) []string {
	var names []string
	for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(names, m[1]) {
			names = append(names, m[1])
		}
	}
	return names
}

func addTemplate(a *API, r *request) answer {
	name, language := r.body.text("name"), r.body.text("language")
	if !templateName.MatchString(name) {
		return refuse("name must be lower-case letters, digits and underscores, at most 512")
	}
	if !languageCode.MatchString(language) {
		return refuse("language %q is not a language code", language)
	}
	if problem := componentsProblem(r.body.list("components"), r.body.text("category")); problem != "" {
		return upstream(100, "Invalid parameter", problem)
	}
	if a.template(name, language) != nil {
		return upstream(100, "Invalid parameter", "Content in this language already exists")
	}
	t := &template{id: a.number(), name: name, language: language, category: r.body.text("category"), namespace: namespace,
		status: "PENDING", reason: "NONE", components: r.body.list("components")}
	if a.approve >= 0 {
		t.decideAt = a.now().Add(a.approve)
	}
	a.templates = append(a.templates, t)
	return reply(http.StatusOK, object{"id": t.id, "status": "PENDING", "category": t.category})
}

// upstream returns a refusal of WhatsApp, which the service passes on with status
// 200.
func upstream(code int, message, details string) answer {
	return reply(http.StatusOK, object{"error": object{"code": code, "type": "OAuthException", "message": fmt.Sprintf("(#%d) %s", code, message),
		"error_user_msg": details}})
}

// componentsProblem returns the first problem of a new template's components, or
// an empty text.
func componentsProblem(components []any, category string) string {
	seen := map[string]int{}
	for _, v := range components {
		c := asObject(v)
		kind := strings.ToUpper(c.text("type"))
		if !slices.Contains(templateKinds, kind) {
			return fmt.Sprintf("component type %q is unknown", c.text("type"))
		}
		if seen[kind]++; seen[kind] > 1 {
			return kind + " is given twice"
		}
		text := c.text("text")
		length := utf8.RuneCountInString(text)
		names := placeholders(text)
		format := strings.ToUpper(c.text("format"))
		switch {
		case kind == "BODY" && text == "" && category != "AUTHENTICATION":
			return "BODY needs a text"
		case kind == "BODY" && length > 1024:
			return "BODY is longer than 1024 characters"
		case kind == "HEADER" && !slices.Contains([]string{"TEXT", "IMAGE", "VIDEO", "DOCUMENT", "LOCATION"}, format):
			return fmt.Sprintf("HEADER has the unknown format %q", c.text("format"))
		case kind == "HEADER" && format == "TEXT" && (text == "" || length > 60):
			return "a HEADER text has 1 to 60 characters"
		case kind == "HEADER" && len(names) > 1:
			return "a HEADER has at most one variable"
		case kind == "FOOTER" && (text == "" && category != "AUTHENTICATION" || length > 60 || len(names) > 0):
			return "a FOOTER has 1 to 60 characters and no variable"
		}
		if problem := placeholderProblem(kind, names); problem != "" {
			return problem
		}
		for _, v := range c.list("buttons") {
			b := asObject(v)
			if n := utf8.RuneCountInString(b.text("text")); n > 25 {
				return fmt.Sprintf("a button text has %d of at most 25 characters", n)
			}
			if strings.EqualFold(b.text("type"), "URL") && link(b["url"]) != "" {
				return "a URL button needs an address"
			}
		}
		if kind == "BUTTONS" && (len(c.list("buttons")) == 0 || len(c.list("buttons")) > 10) {
			return "BUTTONS has 1 to 10 buttons"
		}
	}
	if seen["BODY"] == 0 {
		return "BODY is missing"
	}
	return ""
}

// placeholderProblem checks that placeholders are all numbers that count from 1, or
// all names.
func placeholderProblem(kind string, names []string) string {
	numbered := 0
	for _, name := range names {
		if _, err := strconv.Atoi(name); err == nil {
			numbered++
		}
	}
	if numbered > 0 && numbered < len(names) {
		return kind + " mixes numbered and named variables"
	}
	for i := 1; i <= numbered; i++ {
		if !slices.Contains(names, strconv.Itoa(i)) {
			return fmt.Sprintf("%s has no {{%d}}", kind, i)
		}
	}
	return ""
}

func removeTemplate(a *API, r *request) answer {
	before := len(a.templates)
	a.templates = slices.DeleteFunc(a.templates, func(t *template) bool { return t.name == r.body.text("name") })
	if len(a.templates) == before {
		return upstream(100, "Invalid parameter", "Template name does not exist")
	}
	return reply(http.StatusOK, object{"result": "success"})
}

func listTemplates(a *API, r *request) answer {
	all := slices.Clone(a.templates)
	for _, t := range all {
		a.settleTemplate(t)
	}
	switch r.query.Get("sort") {
	case "name":
		slices.SortStableFunc(all, func(x, y *template) int { return strings.Compare(x.name, y.name) })
	case "status":
		slices.SortStableFunc(all, func(x, y *template) int { return strings.Compare(x.status, y.status) })
	}
	total := len(all)
	limit, offset := queryInt(r.query, "limit", 100), queryInt(r.query, "offset", 0)
	if a.quirks.has(SameTemplates) {
		offset = 0
	}
	all = all[min(max(offset, 0), len(all)):]
	if limit > 0 {
		all = all[:min(limit, len(all))]
	}
	rows := make([]any, 0, len(all))
	for _, t := range all {
		row := object{"id": t.id, "name": t.name, "language": t.language, "category": t.category, "status": t.status,
			"rejected_reason": t.reason, "namespace": t.namespace, "components": t.components}
		if t.reason == "" {
			row["rejected_reason"] = "NONE"
		}
		if (t.status == "APPROVED" || a.quirks.has(LowerTemplates)) && !a.quirks.has(UpperTemplates) {
			row["status"] = strings.ToLower(t.status) // as in the service, where the case varies
		}
		if a.quirks.has(TextTemplates) {
			components, _ := json.Marshal(t.components)
			row["components"] = string(components)
			row["language"] = object{"code": t.language}
			row["message_template_namespace"] = t.namespace
			delete(row, "namespace")
		}
		rows = append(rows, row)
	}
	if a.quirks.has(BareTemplates) {
		return reply(http.StatusOK, rows)
	}
	return reply(http.StatusOK, object{"total": total, "templates": rows})
}

// readTemplate reads the send of a template. The template must be approved in that
// language, and the values must fit it.
func readTemplate(a *API, r *request) (outgoing, *answer) {
	b := r.body
	fail := func(got answer) (outgoing, *answer) { return outgoing{}, &got }
	name, language := b.text("template"), b.object("language").text("code")
	t := a.template(name, language)
	refused := func(code int, message, details string) (outgoing, *answer) {
		return fail(a.notSent(message, code, details))
	}
	missing := fmt.Sprintf("template name (%s) does not exist in %s", name, language)
	switch {
	case t == nil, t.status == "PENDING", t.status == "REJECTED", b.text("namespace") != "" && b.text("namespace") != t.namespace && !a.quirks.has(AnyNamespace):
		return refused(132001, "Template name does not exist in the translation", missing)
	case t.status == "PAUSED":
		return refused(132015, "Template is paused", name)
	case t.status == "DISABLED":
		return refused(132016, "Template is disabled", name)
	}
	if problem := ttlProblem(b, t.category); problem != "" {
		return fail(refuse("messageSendTtlSeconds %s", problem))
	}
	fit := &templateFill{template: t}
	got := fit.render(b.list("params"))
	switch {
	case fit.spaces != "":
		// Observed: this refusal has no sent flag.
		return fail(reply(http.StatusOK, object{"message": fit.spaces + ": Param text cannot have new-line/tab characters or more than 4 consecutive spaces"}))
	case fit.code == 132000:
		return refused(132000, "Number of parameters does not match the expected number of params", fit.details)
	case fit.code != 0:
		return refused(fit.code, "Parameter format does not match format in the created template", fit.details)
	}
	category := strings.ToLower(t.category)
	lite := t.category == "MARKETING" && (b.flag("useMMlite") || a.quirks.has(MMLite) && !b.has("useMMlite"))
	if lite {
		category = "marketing_lite"
	}
	return outgoing{typ: "template", body: got.Text, category: category, received: got, template: true, mmLite: lite}, nil
}

// ttlProblem checks messageSendTtlSeconds against the documented range of the
// category.
func ttlProblem(b object, category string) string {
	if !b.has("messageSendTtlSeconds") {
		return ""
	}
	n, _ := strconv.Atoi(b.text("messageSendTtlSeconds"))
	least, most := 43200, 2592000
	switch category {
	case "AUTHENTICATION":
		least, most = 30, 900
	case "UTILITY":
		least, most = 30, 43200
	}
	if n == -1 && category != "MARKETING" || n >= least && n <= most {
		return ""
	}
	return fmt.Sprintf("must be from %d to %d for %s", least, most, category)
}
