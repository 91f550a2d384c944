package phones

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/chatapi-go/chatapi/chatapitest"
)

// This file makes the form of an act from the table of acts, so that the page has every
// act that Go and /sim have.

// form is the form of an act.
type form struct {
	view *view
	Act  chatapitest.Act
	Who  string // the customer who acts, as acts name them

	ID, Title string
	Fixed     []fixedArg
	Fields    []field
	Error     string // of the last try
	Back      string // where a browser without script goes on
}

type fixedArg struct{ Name, Value string }

// field is an argument that a person fills in.
type field struct {
	Name, ID, Label, Hint, Value string

	Kind     string // text, area, number, file, choice or check
	Required bool
	Options  []choice
}

type choice struct{ Value, Label string }

// titles are the names of acts as a person looks for them. An act without one has its own
// name.
var titles = map[string]string{
	"says": "Write a text", "replies": "Reply", "sends": "Send a file", "shares location": "Send a place", "shares contact": "Send a contact",
	"reacts": "React", "clicks ad": "Come from an ad", "opens chat": "Open the chat", "edits": "Edit", "deletes": "Delete for everyone",
	"orders": "Order products", "submits": "Fill in a form", "rings": "Call the business", "hangs up": "Hang up", "says in": "Write in a group",
	"reads": "Read everything", "goes offline": "Switch off", "comes online": "Switch on", "cannot be reached": "Cannot be reached",
	"can be reached": "Can be reached again", "hides number": "Hide the number", "shows number": "Show the number", "changes number": "Change the number",
	"takes username": "Take a username", "takes name": "Take another name", "joins": "Join a group", "leaves": "Leave a group",
	"writes": "Write from the business's phone", "holds": "Let another agent hold the chats", "releases": "Take the chats back",
	"answers": "Answer as the other agent", "passes": "Let the agent pass the chat on", "approves": "Approve", "rejects": "Reject", "pauses": "Pause",
	"disables": "Disable", "blocks channel": "Block the channel", "unblocks channel": "Unblock the channel", "expires token": "Let the token expire",
	"renews token": "Renew the token", "moves clock": "Move the clock", "fails": "Arm a fault", "heals": "End all trouble", "adds channel": "Add a channel",
	"makes group": "Make a group", "adds template": "Add a template", "sets setting": "Set a setting", "sets quirk": "Set a quirk",
	"sets status": "Set the status", "adds webhook": "Add a webhook", "disables webhook": "Disable a webhook", "misdelivers": "Arm a misdelivery",
}

func titleOf(act string) string {
	if title := titles[act]; title != "" {
		return title
	}
	return strings.ToUpper(act[:1]) + act[1:]
}

// actCalled returns an act of the table.
func actCalled(name string) (chatapitest.Act, bool) {
	all := chatapitest.Acts()
	i := slices.IndexFunc(all, func(act chatapitest.Act) bool { return act.Name == name })
	if i < 0 {
		return chatapitest.Act{}, false
	}
	return all[i], true
}

// Form returns the form of an act; who is empty for acts that are not a customer's. Pairs
// of names and values are arguments that the form has already.
func (v *view) Form(act, who string, pairs ...string) *form {
	found, ok := actCalled(act)
	if !ok {
		return nil
	}
	f := &form{view: v, Act: found, Who: who, Title: titleOf(act), Back: v.Here()}
	sum := fnv.New32a()
	fmt.Fprint(sum, v.Info.ID, act, who, pairs)
	f.ID = fmt.Sprintf("form-%s-%08x", strings.ReplaceAll(act, " ", "-"), sum.Sum32())
	fixed := map[string]bool{}
	for i := 0; i+1 < len(pairs); i += 2 {
		f.Fixed = append(f.Fixed, fixedArg{"arg." + pairs[i], pairs[i+1]})
		fixed[pairs[i]] = true
	}
	for _, arg := range found.Args {
		if !fixed[arg.Name] && arg.Kind != chatapitest.ArgMessage {
			f.Fields = append(f.Fields, v.field(f.ID, act, arg))
		}
	}
	return f
}

// View is the page of the form.
func (f *form) View() *view { return f.view }

// Label is the name of the button that sends the form.
func (f *form) Label() string { return f.Title }

// Button is the form as one button with that label.
func (v *view) Button(label, act, who string, pairs ...string) *form {
	f := v.Form(act, who, pairs...)
	f.Title, f.Fields = label, nil
	return f
}

// field returns the field of an argument.
func (v *view) field(form, act string, arg chatapitest.Arg) field {
	f := field{Name: "arg." + arg.Name, ID: form + "-" + strings.ReplaceAll(arg.Name, " ", "-"), Kind: "text", Required: !arg.Optional,
		Label: strings.ToUpper(arg.Name[:1]) + arg.Name[1:], Hint: arg.Doc}
	switch arg.Kind {
	case chatapitest.ArgNumber, chatapitest.ArgInteger:
		f.Kind = "number"
	case chatapitest.ArgFile:
		f.Kind = "file"
	case chatapitest.ArgJSON:
		f.Kind, f.Value = "area", "{}"
	case chatapitest.ArgPerson:
		f.Options = v.people(false)
	case chatapitest.ArgGroup:
		f.Options = v.people(true)
	default:
		v.textField(&f, act, arg)
	}
	if f.Options != nil {
		f.Kind = "choice"
		if !f.Required && arg.Kind != chatapitest.ArgText {
			f.Options = append([]choice{{"", "any"}}, f.Options...)
		}
	}
	return f
}

// textField gives a text the field in which it is written best.
func (v *view) textField(f *field, act string, arg chatapitest.Arg) {
	switch arg.Name {
	case "text", "body", "note":
		f.Kind = "area"
	case "name":
		if act == "sends" {
			f.Required, f.Hint = false, "the name of the file, such as photo.jpg; that of the chosen file by default"
		}
	case "accepted", "twice":
		f.Kind, f.Value, f.Hint = "check", arg.Name, strings.TrimPrefix(arg.Doc, `"`+arg.Name+`", `)
	case "on":
		f.Options = []choice{{"on", "on"}, {"off", "off"}}
	case "operation":
		f.Options, f.Hint = operationChoices(), ""
	case "how":
		f.Options, f.Hint = faultChoices, ""
	case "quirk":
		for _, q := range chatapitest.AllQuirks() {
			f.Options = append(f.Options, choice{string(q), string(q)})
		}
	case "template":
		if act == "adds template" {
			return
		}
		for _, t := range v.api.Templates() {
			f.Options = append(f.Options, choice{t.Name, t.Name})
		}
	case "type":
		f.Options = []choice{{"", "by the name of the file"}}
		for _, kind := range []string{"image", "video", "audio", "voice", "document", "sticker"} {
			f.Options = append(f.Options, choice{kind, kind})
		}
	}
}

// faultChoices are the ways in which a request fails.
var faultChoices = []choice{
	{"500", "500, the service has a problem"}, {"429", "429, too many requests"}, {"502", "502, a proxy answers"}, {"503", "503, not available"},
	{"401", "401, wrong token"}, {"403", "403, blocked"}, {"404", "404, not found"}, {"drop", "no answer: the connection breaks before it"},
	{"cut", "half an answer: the connection breaks in it"}, {"dial", "no connection"}, {"hang", "no answer, and the connection stays open"},
	{"stall", "half an answer, and the connection stays open"}, {"slow", "late: the answer comes after the delay"},
	{"queued", "queued: the service answers with a job"}, {"undelivered", "accepted, and not delivered"},
}

func operationChoices() []choice {
	all := []choice{{"sendMessage", "sendMessage"}}
	seen := map[string]bool{"sendMessage": true}
	for _, op := range chatapitest.Operations() {
		if name := strings.TrimPrefix(op.Path, "/"); !seen[name] {
			seen[name] = true
			all = append(all, choice{name, name})
		}
	}
	return all
}

// people returns the customers of the channel, or its groups.
func (v *view) people(groups bool) []choice {
	list := []choice{}
	for _, chat := range v.Chats {
		if chat.Group != groups {
			continue
		}
		value := chat.BSUID
		if groups {
			value = chat.ID
		}
		list = append(list, choice{value, clip(chat.Name, nameShown)})
		if len(list) == 500 {
			break
		}
	}
	return list
}
