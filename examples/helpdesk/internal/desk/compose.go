package desk

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// composed is what an agent composed, as it is kept with the message.
type composed struct {
	Text     string          `json:"text,omitempty"`
	Buttons  []string        `json:"buttons,omitempty"`
	List     *ListChoice     `json:"list,omitempty"`
	Template *TemplateChoice `json:"template,omitempty"`
	File     *sentFile       `json:"file,omitempty"`
	Quoted   string          `json:"quoted,omitempty"` // wamid
	To       string          `json:"to,omitempty"`     // of the first message of a chat
}

// sentFile is a file that the service has already.
type sentFile struct {
	ID   string              `json:"id"`
	Kind chatapi.ContentType `json:"kind"`
	Name string              `json:"name"`
	Type string              `json:"type"`
	Size int64               `json:"size"`
	Sum  string              `json:"sum"` // its name in the folder of media
}

// built is a composition as the SDK sends it and as the thread shows it.
type built struct {
	message chatapi.Message
	kind    chatapi.ContentType
	body    string
	extra   Extra
}

// build makes a message of what was composed. info is that of its template.
func (c *composed) build(info *chatapi.TemplateInfo) (*built, error) {
	switch {
	case c.Template != nil:
		return c.buildTemplate(info)
	case c.List != nil && (len(c.Buttons) > 0 || c.File != nil), len(c.Buttons) > 0 && c.File != nil:
		return nil, &Refused{Field: "more", Sentence: "A message has a file, buttons or a list, one of the three. Send them one after the other."}
	case c.List != nil:
		return c.buildList()
	case len(c.Buttons) > 0:
		b := &built{kind: chatapi.TypeInteractive, body: c.Text, extra: Extra{Buttons: c.Buttons}}
		var buttons []chatapi.Button
		for n, title := range c.Buttons {
			buttons = append(buttons, chatapi.Button{ID: "button-" + strconv.Itoa(n+1), Title: title})
		}
		b.message = chatapi.Buttons{Body: c.Text, Buttons: buttons}
		return b, nil
	case c.File != nil:
		file := chatapi.File{Media: chatapi.MediaID(c.File.ID, c.File.Kind), Name: c.File.Name, Caption: c.Text}
		return &built{message: file, kind: c.File.Kind, body: c.Text}, nil
	case strings.TrimSpace(c.Text) == "":
		return nil, &Refused{Field: "text", Sentence: "Write a message first."}
	}
	return &built{message: chatapi.Text{Body: c.Text}, kind: chatapi.TypeText, body: c.Text}, nil
}

func (c *composed) buildList() (*built, error) {
	b := &built{kind: chatapi.TypeInteractive, body: c.Text, extra: Extra{Rows: c.List.Rows, Label: c.List.Label}}
	var rows []chatapi.Row
	for n, row := range c.List.Rows {
		rows = append(rows, chatapi.Row{ID: "row-" + strconv.Itoa(n+1), Title: row.Title, Description: row.Description})
	}
	b.message = chatapi.List{Body: c.Text, Label: c.List.Label, Sections: []chatapi.Section{{Rows: rows}}}
	return b, nil
}

func (c *composed) buildTemplate(info *chatapi.TemplateInfo) (*built, error) {
	for n, value := range templateValues(info) {
		if n >= len(c.Template.Values) || strings.TrimSpace(c.Template.Values[n]) == "" {
			return nil, &Refused{Field: "value-" + strconv.Itoa(n+1), Sentence: value.Label + " is empty."}
		}
	}
	m := info.Use(c.Template.Values...)
	if c.File != nil {
		m.Header = chatapi.HeaderImage(chatapi.MediaID(c.File.ID, c.File.Kind))
	} else if needsImage(info) {
		return nil, &Refused{Field: "file", Sentence: "This template has a picture above its text. Choose one."}
	}
	if err := info.Check(m); err != nil {
		return nil, &Refused{Field: "template", Sentence: sentenceOf(err)}
	}
	preview, err := info.Preview(m)
	if err != nil {
		return nil, &Refused{Field: "template", Sentence: sentenceOf(err)}
	}
	extra := Extra{Header: preview.Header, Footer: preview.Footer, Template: info.Name + " (" + info.Language + ")"}
	if c.File != nil {
		extra.Header = ""
	}
	for _, b := range preview.Buttons {
		extra.Buttons = append(extra.Buttons, b.Text)
	}
	return &built{message: m, kind: chatapi.ContentType("template"), body: preview.Body, extra: extra}, nil
}

// marshal returns what was composed as JSON.
func (c *composed) marshal() string {
	data, err := json.Marshal(c)
	if err != nil {
		panic(err) // texts and numbers only
	}
	return string(data)
}

// is reports whether it is what was composed before, except for a file's content.
func (c *composed) is(before string, file *Upload) bool {
	was, now := composed{}, composed{}
	if json.Unmarshal([]byte(before), &was) != nil || json.Unmarshal([]byte(c.marshal()), &now) != nil {
		return true // of a release that did not keep it
	}
	if (was.File == nil) != (file == nil) || file != nil && was.File.Name != fileName(file.Name) {
		return false
	}
	was.File, was.Quoted = nil, ""
	return reflect.DeepEqual(was, now)
}

// variableIn finds a variable in the text of a template.
var variableIn = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)

// variablesOf returns the variables of a text with their examples: numbered ones in the
// order of their numbers, others in that of first use.
func variablesOf(text string, examples []string) []TemplateValue {
	var names []string
	for _, found := range variableIn.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(names, found[1]) {
			names = append(names, found[1])
		}
	}
	slices.SortStableFunc(names, func(a, b string) int {
		n, wrongA := strconv.Atoi(a)
		m, wrongB := strconv.Atoi(b)
		if wrongA != nil || wrongB != nil {
			return 0
		}
		return cmp.Compare(n, m)
	})
	var values []TemplateValue
	for n, name := range names {
		value := TemplateValue{Label: "{{" + name + "}}"}
		if n < len(examples) {
			value.Example = examples[n]
		}
		values = append(values, value)
	}
	return values
}

// templateValues returns the values that a template needs, in the order of
// [chatapi.TemplateInfo.Use].
func templateValues(info *chatapi.TemplateInfo) []TemplateValue {
	var header, body, buttons []TemplateValue
	for _, part := range info.Components {
		switch part.Type {
		case chatapi.ComponentHeader:
			if part.Format == chatapi.FormatText || part.Format == "" {
				header = variablesOf(part.Text, part.Example)
			}
		case chatapi.ComponentBody:
			body = variablesOf(part.Text, part.Example)
		case chatapi.ComponentButtons:
			for _, b := range part.Buttons {
				if b.Type == chatapi.ButtonTypeURL && variableIn.MatchString(b.URL) || b.Type == chatapi.ButtonTypeOTP {
					buttons = append(buttons, TemplateValue{Label: "End of the address of " + b.Text, Example: b.Example})
				}
			}
		}
	}
	return slices.Concat(header, body, buttons)
}

// fits reports whether the composer can give a template all that it needs.
func fits(info *chatapi.TemplateInfo) bool {
	for _, part := range info.Components {
		switch part.Type {
		case chatapi.ComponentHeader:
			if part.Format != "" && part.Format != chatapi.FormatText && part.Format != chatapi.FormatImage {
				return false
			}
		case chatapi.ComponentBody, chatapi.ComponentFooter:
		case chatapi.ComponentButtons:
			for _, b := range part.Buttons {
				switch b.Type {
				case chatapi.ButtonTypeQuickReply, chatapi.ButtonTypeURL, chatapi.ButtonTypePhoneNumber, chatapi.ButtonTypeOTP:
				default:
					return false
				}
			}
		default:
			return false
		}
	}
	return true
}

// needsImage reports whether a template's header is an image.
func needsImage(info *chatapi.TemplateInfo) bool {
	return slices.ContainsFunc(info.Components, func(part chatapi.Component) bool {
		return part.Type == chatapi.ComponentHeader && part.Format == chatapi.FormatImage
	})
}

// mostFile bounds a file that an agent sends.
const mostFile = chatapi.MaxInlineMedia

// upload keeps a file and gives it to the service, so that the outbox needs its id only.
// The caller releases the file.
func (v *View) upload(ctx context.Context, client *chatapi.Client, u *Upload) (sent *sentFile, err error) {
	from, err := os.Open(u.Path)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	kept, err := v.keep(from, mostFile)
	if errors.Is(err, errTooLarge) {
		return nil, &Refused{Field: "file", Sentence: fmt.Sprintf("The file is too large. A file may have %d MB.", mostFile>>20)}
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			v.release(ctx, kept)
		}
	}()
	data, err := os.ReadFile(u.Path)
	if err != nil {
		return nil, err
	}
	if len(data) == 0 {
		return nil, &Refused{Field: "file", Sentence: "The file is empty."}
	}
	name := fileName(u.Name)
	id, err := client.Media.Upload(ctx, chatapi.MediaBytes(name, data))
	if err != nil {
		return nil, &Refused{Field: "file", Sentence: "The file was not sent: " + lower(sentenceOf(err)) + " Your text is kept."}
	}
	return &sentFile{ID: id, Kind: kindOfFile(name, data), Name: name, Type: kept.Type, Size: kept.Size, Sum: kept.Sum}, nil
}

// fileName returns the last part of a file's name, in characters that WhatsApp takes. A
// long one keeps its ending, which says what opens the file.
func fileName(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, store.Text(name))
	ending := filepath.Ext(name)
	if len(ending) > longestEnding {
		ending = ""
	}
	return Shorten(strings.TrimSuffix(name, ending), longestFileName-len(ending)) + ending
}

// The longest name of a file, in characters, and the longest ending, in bytes.
const (
	longestFileName = 200
	longestEnding   = 20
)

// kindOfFile returns as what WhatsApp shows a file: what it takes as a picture, a video or
// a sound, and all others as a document.
func kindOfFile(name string, data []byte) chatapi.ContentType {
	kind := http.DetectContentType(data)
	if kind == "application/octet-stream" || strings.HasPrefix(kind, "text/") {
		if byName := mime.TypeByExtension(filepath.Ext(name)); strings.HasPrefix(byName, "audio/") {
			kind = byName
		}
	}
	kind, _, _ = strings.Cut(kind, ";")
	switch kind {
	case "image/jpeg", "image/png":
		return chatapi.TypeImage
	case "video/mp4", "video/3gpp":
		return chatapi.TypeVideo
	case "audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "application/ogg", "audio/ogg":
		return chatapi.TypeAudio
	}
	return chatapi.TypeDocument
}
