package chatapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// existing collects the templates of a channel while one of them is looked for, so
// that the error of a missing template can say which ones exist.
type existing struct {
	names     []string // the first few
	count     int      // of all names, until one repeats
	languages []string // those of the wanted name
	similar   string   // the name that is nearest to the wanted one
	near      int      // how far similar is from the wanted name
	swapped   bool     // name and language have changed places
}

// add notes a template while name and language are looked for.
func (x *existing) add(t *TemplateInfo, name, language string) {
	const shown, nearest = 5, 2
	if t.Name == name && !slices.Contains(x.languages, t.Language) {
		x.languages = append(x.languages, t.Language)
	}
	x.swapped = x.swapped || t.Name == language && t.Language == name
	if t.Name == "" || slices.Contains(x.names, t.Name) {
		return
	}
	x.count++
	if len(x.names) < shown {
		x.names = append(x.names, t.Name)
	}
	if near := distance(plainName(t.Name), plainName(name)); near <= nearest && (x.similar == "" || near < x.near) {
		x.similar, x.near = t.Name, near
	}
}

// plainName returns a template's name without the differences that people make.
func plainName(name string) string {
	return strings.Map(underscored, strings.ToLower(strings.TrimSpace(name)))
}

// distance returns how many characters of a have to be put in, left out or changed
// to get b. Long texts, and those of different length, count as far apart.
func distance(a, b string) int {
	const far = 1 << 10
	if len(a) > 64 || len(b) > 64 || len(a)-len(b) > 2 || len(b)-len(a) > 2 {
		return far
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			changed := diagonal
			if a[i] != b[j] {
				changed++
			}
			diagonal = row[j+1]
			row[j+1] = min(changed, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// noTemplate returns the error for a template that does not exist. It names the
// languages of a template of that name, or else the templates that exist.
func (x *existing) noTemplate(name, language string) *Error {
	e := &Error{Kind: ErrNotFound, Retry: RetryFix}
	if len(x.languages) > 0 {
		x.otherLanguage(e, name, language)
		return e
	}
	e.Reason = fmt.Sprintf("no template is named %s", quote(name))
	e.Sentence = fmt.Sprintf("There is no template named %s.", quote(name))
	e.Advice = "look at the spelling; names are lower case with underscores"
	switch {
	case x.swapped:
		e.Advice = "give the name first, then the language: they have changed places"
	case x.similar != "":
		e.Sentence = fmt.Sprintf("There is no template named %s, but one named %s.", quote(name), quote(x.similar))
		e.Advice = "look at the spelling: is it " + clip(x.similar, 64) + "?"
	case x.count == 0:
		e.Sentence = fmt.Sprintf("There is no template named %s, and this channel has no template at all.", quote(name))
		e.Advice = "create it in the WhatsApp Manager or with Templates.Create, or look at the channel"
	default:
		slices.Sort(x.names)
		list := strings.Join(x.names, ", ")
		if x.count > len(x.names) {
			list += " and others"
		}
		e.Sentence = fmt.Sprintf("There is no template named %s among those of this channel: %s.", quote(name), clip(list, 300))
	}
	return e
}

// otherLanguage fills in the error for a name that exists in other languages.
func (x *existing) otherLanguage(e *Error, name, language string) {
	slices.Sort(x.languages)
	list := clip(strings.Join(x.languages, ", "), 300)
	e.Reason = fmt.Sprintf("template %s exists in %s, but not in %s", quote(name), list, quote(language))
	e.Sentence = fmt.Sprintf("The template %s is not available in the language %s, but in %s.", quote(name), quote(language), list)
	e.Advice = "use a language that exists"
	fold := func(l string) string { return strings.ToLower(strings.ReplaceAll(l, "-", "_")) }
	for _, exists := range x.languages {
		short, _, _ := strings.Cut(fold(exists), "_")
		asked, _, _ := strings.Cut(fold(language), "_")
		if short == asked {
			e.Advice = fmt.Sprintf("use %q: WhatsApp takes no other spelling or region for it", exists)
			break
		}
	}
}

// namesTemplate names the template in the error of a send whose template the
// service refused. body is that of the request.
func (e *Error) namesTemplate(body []byte) {
	var sent struct {
		Template string `json:"template"`
		Language struct {
			Code string `json:"code"`
		} `json:"language"`
	}
	if json.Unmarshal(body, &sent) != nil || sent.Template == "" {
		return
	}
	name, language := quote(sent.Template), quote(cmp.Or(sent.Language.Code, "unknown"))
	switch e.Code {
	case 132001, 2001:
		e.Sentence = fmt.Sprintf("The template %s does not exist in the language %s, or is not approved.", name, language)
		e.Advice = "check name, language and approval; Templates.Get says in which languages it exists"
	case 132015, 2061:
		e.Sentence = fmt.Sprintf("The template %s is paused, because WhatsApp found its quality too low.", name)
	case 132016, 2062:
		e.Sentence = fmt.Sprintf("The template %s is disabled, because it was paused too often.", name)
	case 132000, 2000:
		e.Sentence = fmt.Sprintf("The number of values does not fit the template %s in the language %s.", name, language)
	case 131061:
		e.Sentence = fmt.Sprintf("The template %s has a max price, and only the marketing path takes one.", name)
	case 132005, 2004, 2005:
		e.Sentence = fmt.Sprintf("The template %s is too long with its values.", name)
	case 132012, 132018, 132008, 2006, 2012:
		e.Sentence = fmt.Sprintf("A value does not fit the template %s in the language %s.", name, language)
	default:
		e.Sentence = fmt.Sprintf("The template %s in the language %s is missing, not usable, or does not fit its values.", name, language)
	}
}
