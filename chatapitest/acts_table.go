package chatapitest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
)

// Arguments that several acts have.
var (
	argText    = Arg{Name: "text", Kind: ArgText, Doc: "the text of the message"}
	argMessage = Arg{Name: "message", Kind: ArgMessage, Optional: true, Doc: "the id of the message; the newest one by default"}
	argGroup   = Arg{Name: "group", Kind: ArgGroup, Doc: "the id or the subject of the group"}
	argTo      = Arg{Name: "to", Kind: ArgPerson, Doc: "the customer"}
	argName    = Arg{Name: "template", Kind: ArgText, Doc: "the name of the template"}
	argLang    = Arg{Name: "language", Kind: ArgText, Optional: true, Doc: "its language; all of them by default"}
)

// optionalArg is an argument that may be left out.
func optionalArg(name string, kind ArgKind, doc string) Arg {
	return Arg{Name: name, Kind: kind, Optional: true, Doc: doc}
}

func requiredArg(name string, kind ArgKind, doc string) Arg {
	return Arg{Name: name, Kind: kind, Doc: doc}
}

// ofCustomer returns the row of an act of a customer.
func ofCustomer(name, method, doc string, do func(c *Customer, v *values) (string, error), args ...Arg) actDef {
	return actDef{Act{name, ActorCustomer, "Customer." + method, doc, args}, func(_ *API, c *Customer, v *values) (string, error) { return do(c, v) }}
}

// ofChannel returns the row of an act of somebody else.
func ofChannel(actor Actor, name, method, doc string, do func(a *API, c *Customer, v *values) (string, error), args ...Arg) actDef {
	return actDef{Act{name, actor, "API." + method, doc, args}, do}
}

// quietly turns a method without results into the function of a row.
func quietly(method func(*Customer)) func(*Customer, *values) (string, error) {
	return func(c *Customer, _ *values) (string, error) {
		method(c)
		return "", nil
	}
}

// acts is the table of acts.
var acts = slices.Concat(messageActs, personActs, channelActs, serviceActs, setupActs)

// messageActs are the messages that a customer writes.
var messageActs = []actDef{
	ofCustomer("says", "Says", "The customer writes a text.",
		func(c *Customer, v *values) (string, error) { return c.Says(v.text("text")), nil }, argText),
	ofCustomer("replies", "Replies", "The customer writes a text that quotes a message, the newest one received by default.",
		func(c *Customer, v *values) (string, error) { return c.reply(v.text("message"), v.text("text")) }, argText, argMessage),
	ofCustomer("taps", "Taps", "The customer taps a button, named by its title, id or payload.",
		func(c *Customer, v *values) (string, error) { return c.tap(v.text("button")) },
		requiredArg("button", ArgText, "the title, id or payload of the button")),
	ofCustomer("picks", "Picks", "The customer picks a row of a list, named by its title or id.",
		func(c *Customer, v *values) (string, error) { return c.pick(v.text("row")) },
		requiredArg("row", ArgText, "the title or id of the row")),
	ofCustomer("sends", "Sends", "The customer sends a file; its name tells the type.",
		func(c *Customer, v *values) (string, error) { return c.sendNamed(v) },
		requiredArg("name", ArgText, "the name of the file, such as photo.jpg"), optionalArg("caption", ArgText, "the text below the file"),
		optionalArg("type", ArgText, "image, video, audio, voice, document or sticker"), optionalArg("data", ArgFile, "the content; a few bytes by default")),
	ofCustomer("shares location", "SharesLocation", "The customer sends a place, in degrees.",
		func(c *Customer, v *values) (string, error) {
			return c.SharesLocation(v.number("latitude"), v.number("longitude")), nil
		},
		requiredArg("latitude", ArgNumber, "from -90 to 90"), requiredArg("longitude", ArgNumber, "from -180 to 180")),
	ofCustomer("shares contact", "SharesContact", "The customer sends a contact card.",
		func(c *Customer, v *values) (string, error) {
			return c.SharesContact(v.text("name"), v.text("number")), nil
		},
		requiredArg("name", ArgText, "the name on the card"), requiredArg("number", ArgText, "the phone number on the card")),
	ofCustomer("reacts", "Reacts", "The customer puts an emoji on a message; without an emoji the reaction is removed.",
		func(c *Customer, v *values) (string, error) { return c.react(v.text("message"), v.text("emoji")) },
		optionalArg("emoji", ArgText, "the emoji; none removes the reaction"), argMessage),
	ofCustomer("clicks ad", "ClicksAd", "The customer writes a text after a click on an ad.",
		func(c *Customer, v *values) (string, error) {
			return c.ClicksAd(chatapi.Referral{Headline: v.text("headline")}, v.text("text")), nil
		}, argText, optionalArg("headline", ArgText, "the headline of the ad")),
	ofCustomer("opens chat", "OpensChat", "The customer opens the chat for the first time and writes nothing.",
		func(c *Customer, _ *values) (string, error) { return c.OpensChat(), nil }),
	ofCustomer("edits", "Edits", "The customer changes the text of their message, the newest text by default.",
		func(c *Customer, v *values) (string, error) { return c.edit(v.text("message"), v.text("text")) }, argText, argMessage),
	ofCustomer("deletes", "Deletes", "The customer deletes their message for everyone, the newest one by default.",
		func(c *Customer, v *values) (string, error) { return c.revoke(v.text("message")) }, argMessage),
	ofCustomer("orders", "Orders", "The customer sends a cart.",
		func(c *Customer, v *values) (string, error) {
			items, err := readItems(v.text("items"))
			if err != nil {
				return "", c.cannot("order: %w", err)
			}
			return c.order(v.text("note"), items)
		}, requiredArg("items", ArgText, "the products, such as 2 KETTLE-01, LID-02 @ 4.50 EUR"), optionalArg("note", ArgText, "the note of the cart")),
	ofCustomer("submits", "Submits", "The customer fills in and submits the newest flow.",
		func(c *Customer, v *values) (string, error) { return c.submit(v.json("answers")) },
		requiredArg("answers", ArgJSON, `the answers, such as {"size":"L"}`)),
	ofCustomer("rings", "Rings", "The customer calls the business.",
		func(c *Customer, _ *values) (string, error) { return c.Rings(), nil }),
	ofCustomer("hangs up", "HangsUp", "The customer ends the newest call.",
		func(c *Customer, v *values) (string, error) { return "", c.hangUp(v.text("call")) },
		optionalArg("call", ArgMessage, "the id of the call; the newest one by default")),
	ofCustomer("says in", "SaysIn", "The customer writes a text to a group.",
		func(c *Customer, v *values) (string, error) {
			group, err := c.api.groupID(v.text("group"))
			if err != nil {
				return "", err
			}
			return c.SaysIn(group, v.text("text")), nil
		}, argGroup, argText),
}

// personActs are the other acts of a customer.
var personActs = []actDef{
	ofCustomer("reads", "Reads", "The customer reads all messages received so far.", quietly((*Customer).Reads)),
	ofCustomer("goes offline", "GoesOffline", "The customer switches the phone off.", quietly((*Customer).GoesOffline)),
	ofCustomer("comes online", "ComesOnline", "The customer switches the phone on, and gets the messages of the meantime.", quietly((*Customer).ComesOnline)),
	ofCustomer("cannot be reached", "CannotBeReached", "Every message to the customer fails from now on.",
		func(c *Customer, v *values) (string, error) {
			c.CannotBeReached(v.text("reason"))
			return "", nil
		}, optionalArg("reason", ArgText, "the text of the failed status")),
	ofCustomer("can be reached", "CanBeReached", "Messages reach the customer again.", quietly((*Customer).CanBeReached)),
	ofCustomer("hides number", "HidesNumber", "The customer hides the phone number.", quietly((*Customer).HidesNumber)),
	ofCustomer("shows number", "ShowsNumber", "The customer shows the phone number again.",
		func(c *Customer, v *values) (string, error) { return "", c.showNumber(v.text("number")) },
		optionalArg("number", ArgText, "the number, if the fake does not know it")),
	ofCustomer("changes number", "ChangesNumber", "The customer moves to another phone number.",
		func(c *Customer, v *values) (string, error) { return "", c.changeNumber(v.text("number")) },
		requiredArg("number", ArgText, "the new number")),
	ofCustomer("takes username", "WithUsername", "The customer takes a username, or gives it up.",
		func(c *Customer, v *values) (string, error) { return "", c.takeUsername(v.text("username")) },
		optionalArg("username", ArgText, "the username; none gives it up")),
	ofCustomer("takes name", "Named", "The customer takes another profile name.",
		func(c *Customer, v *values) (string, error) { return "", c.takeName(v.text("name")) },
		requiredArg("name", ArgText, "the profile name")),
	ofCustomer("joins", "Joins", "The customer joins a group by its invitation link.",
		inGroup((*Customer).Joins), argGroup),
	ofCustomer("leaves", "Leaves", "The customer leaves a group.",
		inGroup((*Customer).Leaves), argGroup),
}

// channelActs are the acts of those who write to customers beside the API.
var channelActs = []actDef{
	ofChannel(ActorPhone, "writes", "FromPhone", "The business writes to a customer from its phone app.",
		func(a *API, c *Customer, v *values) (string, error) {
			return a.sayFromPhone(c, c.address(), v.text("text")), nil
		}, argTo, argText),
	ofChannel(ActorAgent, "holds", "Standby", "Another agent holds the chats from now on.",
		func(a *API, _ *Customer, _ *values) (string, error) { return "", a.standBy(true) }),
	ofChannel(ActorAgent, "releases", "Standby", "The other agent gives all chats back.",
		func(a *API, _ *Customer, _ *values) (string, error) { return "", a.standBy(false) }),
	ofChannel(ActorAgent, "answers", "FromAgent", "The other agent writes to a customer.",
		func(a *API, c *Customer, v *values) (string, error) {
			return a.sayAsAgent(c, c.address(), v.text("text"))
		}, argTo, argText),
	ofChannel(ActorAgent, "passes", "AgentPasses", "The other agent passes a chat to the business.",
		func(a *API, c *Customer, v *values) (string, error) { return "", a.passChat(c, v.text("note")) },
		argTo, optionalArg("note", ArgText, "the note to the business")),
}

// done turns a method without results into the function of a row.
func done(method func(*API)) func(*API, *Customer, *values) (string, error) {
	return func(a *API, _ *Customer, _ *values) (string, error) {
		method(a)
		return "", nil
	}
}

// decision returns the function of a row that decides about a template.
func decision(status string) func(*API, *Customer, *values) (string, error) {
	return func(a *API, _ *Customer, v *values) (string, error) {
		reason := "NONE"
		if v.text("reason") != "" {
			reason = v.text("reason")
		}
		return "", a.decide(v.text("template"), v.text("language"), status, reason)
	}
}

// serviceActs are the acts of the service.
var serviceActs = []actDef{
	ofChannel(ActorService, "approves", "Approve", "The service approves a template.", decision("APPROVED"), argName, argLang),
	ofChannel(ActorService, "rejects", "Reject", "The service rejects a template.", decision("REJECTED"),
		argName, requiredArg("reason", ArgText, "the reason, such as INVALID_FORMAT"), argLang),
	ofChannel(ActorService, "pauses", "Pause", "The service pauses a template.", decision("PAUSED"), argName, argLang),
	ofChannel(ActorService, "disables", "Disable", "The service disables a template for good.", decision("DISABLED"), argName, argLang),
	ofChannel(ActorService, "blocks channel", "Block", "The service blocks the channel's subscription: it answers every request with 403.",
		func(a *API, _ *Customer, v *values) (string, error) {
			a.Block(v.text("text"))
			return "", nil
		}, optionalArg("text", ArgText, "the text of the answers")),
	ofChannel(ActorService, "unblocks channel", "Unblock", "The service ends the blocking.", done((*API).Unblock)),
	ofChannel(ActorService, "expires token", "ExpireToken", "The channel's token becomes invalid.", done((*API).ExpireToken)),
	ofChannel(ActorService, "renews token", "RenewToken", "The channel's token becomes valid again.", done((*API).RenewToken)),
	ofChannel(ActorService, "moves clock", "Advance", "The fake's clock moves forward.",
		func(a *API, _ *Customer, v *values) (string, error) { return "", a.advance(v.duration("time")) },
		requiredArg("time", ArgDuration, "the time, such as 25h")),
	ofChannel(ActorService, "fails", "Fail", "The next requests to an operation fail.",
		func(a *API, c *Customer, v *values) (string, error) {
			f, err := faultOf(v)
			if c != nil {
				f.To = c.Recipient()
			}
			if err == nil {
				a.Fail(f)
			}
			return "", err
		}, requiredArg("operation", ArgText, "the operation, such as sendMessage"),
		optionalArg("how", ArgText, "a status such as 429, or cut, drop, dial, hang, stall, undelivered, queued, slow; 500 by default"),
		optionalArg("times", ArgInteger, "how many requests; one by default, -1 for all"),
		optionalArg("accepted", ArgText, `"accepted", if the message goes out all the same`),
		optionalArg("retry after", ArgDuration, "the time in the header Retry-After"),
		optionalArg("body", ArgText, "the body of the answer, or the reason of undelivered"),
		optionalArg("skip", ArgInteger, "how many requests pass first"),
		optionalArg("delay", ArgDuration, "how long the answer is held back"),
		optionalArg("to", ArgPerson, "only requests to this customer")),
	ofChannel(ActorService, "heals", "Heal", "The service works again: all faults and misdeliveries end.", done((*API).Heal)),
}

// faultOf reads the arguments of "fails".
func faultOf(v *values) (Fault, error) {
	f := Fault{Operation: v.text("operation"), Times: v.integer("times"), RetryAfter: v.duration("retry after"), Delay: v.duration("delay"), Body: v.text("body")}
	if f.Skip = v.integer("skip"); f.Skip < 0 {
		return f, errors.New("fails: skip must not be negative")
	}
	names := map[string]bool{}
	for _, op := range Operations() {
		names[strings.TrimPrefix(op.Path, "/")], names[op.ID] = true, true
	}
	if !names[f.Operation] {
		return f, fmt.Errorf("fails: there is no operation %q%s", short(f.Operation), meant(f.Operation, slices.Sorted(maps.Keys(names))))
	}
	switch v.text("accepted") {
	case "":
	case "accepted":
		f.Accepted = true
	default:
		return f, errors.New(`fails: write "accepted" or nothing behind the number of requests`)
	}
	switch how := v.text("how"); how {
	case "":
	case "cut":
		f.Cut = true
	case "drop":
		f.Drop = true
	case "dial":
		f.Dial = true
	case "hang":
		f.Hang = true
	case "stall":
		f.Stall = true
	case "undelivered":
		f.Undelivered, f.Body = cmp.Or(f.Body, "Message undeliverable."), ""
	case "queued":
		f.Queued = true
	case "slow":
		if f.Delay == 0 {
			f.Delay = 10 * time.Second
		}
	default:
		f.Status = v.status("how")
		if f.Status == 0 {
			return f, fmt.Errorf("fails: %q is no status from 400 to 599, and none of cut, drop, dial, hang, stall, undelivered, queued and slow", short(how))
		}
	}
	return f, nil
}

// status reads a status that is an error; 0 if the text is none.
func (v *values) status(name string) int {
	if n := v.integer(name); n >= http.StatusBadRequest && n <= 599 {
		return n
	}
	return 0
}

// sendNamed sends the file of the act "sends".
func (c *Customer) sendNamed(v *values) (string, error) {
	f := File{Name: v.text("name"), Caption: v.text("caption"), Type: chatapi.ContentType(v.text("type")), Data: []byte(v.text("data"))}
	switch f.Type {
	case "", chatapi.TypeImage, chatapi.TypeVideo, chatapi.TypeAudio, chatapi.TypeVoice, chatapi.TypeDocument, chatapi.TypeSticker:
	default:
		return "", c.cannot("send a file of the type %q; the types are image, video, audio, voice, document and sticker", short(string(f.Type)))
	}
	if len(f.Data) == 0 {
		f.Data = []byte("the content of " + f.Name)
	}
	return c.sendFile(f)
}

// reply quotes a message, the newest one received if id is empty.
func (c *Customer) reply(id, text string) (string, error) {
	if id == "" {
		id = c.LastReceived().ID
	}
	if id == "" {
		return "", c.cannot("reply: no message was received")
	}
	return c.Replies(id, text), nil
}

// takeName changes the profile name.
func (c *Customer) takeName(name string) error {
	const most = 100
	if len([]rune(name)) > most {
		return c.cannot("take a name of %d signs; give at most %d", len([]rune(name)), most)
	}
	c.Named(name)
	return nil
}

// address returns a name by which the fake finds the customer.
func (c *Customer) address() string {
	if phone := c.Phone(); phone != "" {
		return phone
	}
	return c.BSUID()
}

// inGroup turns a method with a group into the function of a row.
func inGroup(method func(*Customer, string)) func(*Customer, *values) (string, error) {
	return func(c *Customer, v *values) (string, error) {
		group, err := c.api.groupID(v.text("group"))
		if err == nil {
			method(c, group)
		}
		return "", err
	}
}

// groupID returns the id of the group with that subject, or the id itself.
func (a *API) groupID(group string) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var subjects []string
	for _, g := range a.family.groups {
		if g.subject == group {
			return g.id, nil
		}
		subjects = append(subjects, g.subject)
	}
	if id := strings.TrimSuffix(group, "@g.us"); id != "" && strings.Trim(id, "0123456789-") == "" {
		return id, nil
	}
	return "", fmt.Errorf("there is no group %q%s", short(group), meantOr(group, subjects, "API.Group makes one"))
}
