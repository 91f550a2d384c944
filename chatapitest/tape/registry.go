package tape

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/chatapi-go/chatapi"
)

// This file keeps which value of the tape stands for which real one. The scrubber and the
// guard share it, so that the guard looks for all that the scrubber has seen.

// leastNumber is the number of digits from which digits may be a phone number, a card or an
// account.
const leastNumber = 6

// start is the instant at which a tape begins: the one at which a synctest bubble begins.
var start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// registry maps each real value to the value that stands for it, the same one each time.
type registry struct {
	given   map[string]string // the substitutes, by kind and real value
	issued  map[string]bool   // every substitute
	counts  map[string]int    // of substitutes, by kind
	secrets secrets
	words   map[string]bool // the words that are no name, in lower case
	numbers map[string]string

	seen   []string // the phone numbers, one spelling of each
	met    []string // the names, in the order in which they came
	people []string // the names in use, in lower case
	err    error    // there were more people than substitutes

	// settle is set when all real values are known. Until then nothing is replaced, since a
	// substitute must not be the name or number of somebody who comes later.
	settle bool
}

func newRegistry() *registry {
	return &registry{given: map[string]string{}, issued: map[string]bool{}, counts: map[string]int{}, words: map[string]bool{}, numbers: map[string]string{}}
}

// substitute returns the value that stands for a real one, and makes it if there is none.
func (r *registry) substitute(kind, real string, make func(nth int) string) string {
	if r.issued[real] || !r.settle {
		return real
	}
	key := kind + "\x00" + real
	if have, ok := r.given[key]; ok {
		return have
	}
	value := ""
	for value == "" || value == real || r.issued[value] {
		r.counts[kind]++
		value = make(r.counts[kind])
	}
	r.given[key], r.issued[value] = value, true
	return value
}

// number returns the fictitious number that stands for a phone number in digits. All spellings
// of a number have one substitute.
func (r *registry) number(real string) string {
	if r.issued[real] {
		return real
	}
	return r.substitute("number", r.oneSpelling(real), func(nth int) string {
		value := fictitiousNumber(nth)
		if value == "" && r.err == nil {
			r.err = fmt.Errorf("the tape names more than %d phone numbers; record a shorter time", mostNumbers)
		}
		for _, variant := range r.secrets.numbers {
			if strings.Contains(value, variant) {
				return "" // somebody real has this number
			}
		}
		return value
	})
}

// oneSpelling returns the spelling of a number that came first.
func (r *registry) oneSpelling(number string) string {
	if first, ok := r.numbers[number]; ok {
		return first
	}
	for _, variant := range chatapi.PhoneVariants(number) {
		if first, ok := r.numbers[variant]; ok {
			return first
		}
	}
	r.numbers[number] = number
	r.seen = append(r.seen, number)
	return number
}

// mostNumbers is how many phone numbers a tape can name.
const mostNumbers = 100 * 700

// fictitiousNumber returns one of the numbers that North America keeps for fiction: those that
// end in 555-01xx, in each area, of which 202 is the first.
func fictitiousNumber(nth int) string {
	if nth >= mostNumbers {
		return strconv.Itoa(nth) + "0000000" // the registry reports it
	}
	return fmt.Sprintf("1%03d55501%02d", 202+nth/100, nth%100)
}

// sawNumber remembers a phone number, in all its spellings.
func (r *registry) sawNumber(real string) {
	if r.issued[real] || len(real) < leastNumber {
		return
	}
	r.oneSpelling(real)
	for _, variant := range append(chatapi.PhoneVariants(real), real) {
		r.secrets.add("a phone number", variant, false)
	}
	if len(real) >= 10 {
		r.secrets.add("a phone number", real[len(real)-8:], false) // as it is written at home
	}
}

// sawName remembers the name of a person, and its parts, or of a thing, as a whole.
func (r *registry) sawName(real string, person bool) {
	if r.issued[real] || r.common(real) {
		return
	}
	r.met = append(r.met, real)
	r.secrets.add("a name", real, true)
	if !person {
		return
	}
	parts := strings.FieldsFunc(real, func(c rune) bool { return !wordRune(c) })
	for _, part := range parts {
		if !r.common(part) && !r.issued[part] {
			r.secrets.add("a name", part, true)
		}
	}
}

// common reports whether a word belongs to the protocol, or is no name, as the user says. To
// look for it in all texts would find it everywhere.
func (r *registry) common(word string) bool {
	word = strings.ToLower(word)
	return r.words[word] || classOf(word) != unknown || ownWord(word)
}

// firstNames are the names that stand for real ones.
const firstNames = "Ann Ben Cyd Dan Eve Fay Gus Hal Ida Jon Kim Leo Mia Ned Oda Pat Quin Ron Sue Tom Una Vic Wes Xia Yan Zoe"

// name returns the name that stands for a real one, or for a part of one.
func (r *registry) name(real string) string {
	if r.issued[real] || !r.settle {
		return real
	}
	whole := strings.ToLower(strings.TrimSpace(real))
	for _, known := range r.people { // a part of a name stands for the person
		if known == whole || containsWord(known, whole) || containsWord(whole, known) {
			return r.given["name\x00"+known]
		}
	}
	r.people = append(r.people, whole)
	return r.substitute("name", whole, func(nth int) string {
		pool := strings.Fields(firstNames)
		value := pool[(nth-1)%len(pool)]
		if r.secrets.plain(value) != "" && nth < 1000*len(pool) {
			return "" // a real person has this name
		}
		if round := (nth - 1) / len(pool); round > 0 {
			value += " " + strconv.Itoa(round+1)
		}
		return value
	})
}

func containsWord(text, part string) bool {
	if part == "" {
		return false
	}
	at := strings.Index(" "+text+" ", " "+part+" ")
	return at >= 0
}

// id returns the id that stands for a real one, in the form of the real one. Short numbers,
// which count or order things, stay.
func (r *registry) id(real string) string {
	if only := digits(real); only == real {
		switch {
		case len(real) < leastNumber:
			return real
		case len(real) > 15 && strings.HasPrefix(real, "12036"): // of a group, whose chat has the same digits
			return r.group(real)
		}
		return r.substitute("id", real, func(nth int) string { return fmt.Sprintf("1%0*d", len(real)-1, nth) })
	}
	if uuids().MatchString(real) {
		return r.substitute("id", real, func(nth int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", nth) })
	}
	prefix := "id-"
	if before, _, ok := strings.Cut(real, "."); ok && (before == "wamid" || before == "wacid" || before == "gid") {
		prefix = before + ".TAPE"
	}
	return r.substitute("id", real, func(nth int) string { return fmt.Sprintf("%s%04d", prefix, nth) })
}

var uuids = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[0-9a-fA-F]{8}[-_][0-9a-fA-F]{4}[-_][0-9a-fA-F]{4}[-_][0-9a-fA-F]{4}[-_][0-9a-fA-F]{12}$`)
})

func (r *registry) bsuid(real string) string {
	country, rest, _ := strings.Cut(real, ".")
	parent := ""
	if strings.HasPrefix(rest, "ENT.") {
		parent = "ENT."
	}
	return r.substitute("bsuid", real, func(nth int) string { return fmt.Sprintf("%s.%s1%015d", country, parent, nth) })
}

func (r *registry) group(real string) string {
	return r.substitute("group", real, func(nth int) string { return fmt.Sprintf("1203630%011d", nth) })
}

func (r *registry) email(real string) string {
	return r.substitute("email", strings.ToLower(real), func(nth int) string { return fmt.Sprintf("mail%d@example.com", nth) })
}

func (r *registry) username(real string) string {
	return r.substitute("username", strings.ToLower(real), func(nth int) string { return fmt.Sprintf("person%d", nth) })
}

// link returns the address that stands for a real one. The end of its path tells programs the
// type of a file, so it stays if it is a usual one.
func (r *registry) link(real string) string {
	u, err := url.Parse(real)
	extension := ""
	if err == nil {
		if host := strings.ToLower(u.Hostname()); host == "wa.me" || host == "api.whatsapp.com" {
			return "https://wa.me/" + r.known(digits(u.Path+u.Query().Get("phone")))
		}
		if e := strings.ToLower(path.Ext(u.Path)); usualExtension(e) {
			extension = e
		}
	}
	return r.substitute("link", real, func(nth int) string { return fmt.Sprintf("https://files.test/%d%s", nth, extension) })
}

// known returns the substitute of digits if they are a number that the tape names, else zeros.
func (r *registry) known(number string) string {
	if r.issued[number] {
		return number
	}
	for _, variant := range append([]string{number}, chatapi.PhoneVariants(number)...) {
		if first, ok := r.numbers[variant]; ok {
			return r.number(first)
		}
	}
	for _, first := range r.seen {
		if len(first) >= 10 && len(number) >= 8 && strings.HasSuffix(number, first[len(first)-8:]) {
			return r.number(first)
		}
	}
	return strings.Repeat("0", len(number))
}

func usualExtension(extension string) bool {
	switch extension {
	case ".jpg", ".jpeg", ".png", ".webp", ".gif", ".mp4", ".3gp", ".ogg", ".oga", ".mp3", ".m4a", ".aac", ".amr", ".pdf", ".txt", ".csv",
		".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx", ".json", ".zip", ".vcf":
		return true
	}
	return false
}
