package chatapitest

import (
	"errors"
	"fmt"
	"strings"
)

// This file has the acts that set up a fake, and make its service misbehave.

// argOn is whether something is on.
var argOn = optionalArg("on", ArgText, "on or off; on by default")

// setupActs are the acts of the service's operators.
var setupActs = []actDef{
	ofChannel(ActorService, "adds channel", "AddChannel", "The fake gets another channel, with a token of its own.",
		func(a *API, _ *Customer, v *values) (string, error) {
			nth := len(a.world.all())
			made, err := a.addChannel(options{channel: v.text("channel"), phone: orDefault(digits(v.text("phone")), fmt.Sprint(12025550100+nth)), token: v.text("token")})
			if err == nil {
				a.noteSetup("adds channel", made.channel, made.phone)
			}
			return "", err
		}, requiredArg("channel", ArgText, "the id of the channel"), optionalArg("phone", ArgText, "its number; a made up one by default"),
		optionalArg("token", ArgText, "its token; a made up one by default")),
	ofChannel(ActorService, "makes group", "Group", "A group chat begins.",
		func(a *API, _ *Customer, v *values) (string, error) {
			return a.makeGroup(v.text("subject"), v.text("members"))
		},
		requiredArg("subject", ArgText, "the subject of the group"), optionalArg("members", ArgText, "numbers or names of customers, separated by commas")),
	ofChannel(ActorService, "adds template", "Template", "The channel gets an approved UTILITY template.",
		func(a *API, _ *Customer, v *values) (string, error) {
			return "", a.addTemplateText(v.text("template"), v.text("language"), v.text("body"))
		}, argName, requiredArg("language", ArgText, "its language, such as en_US"), requiredArg("body", ArgText, "its text, in which {{1}} stands for a value")),
	ofChannel(ActorService, "sets setting", "SetSetting", "A setting of the channel is switched on or off.",
		func(a *API, _ *Customer, v *values) (string, error) {
			on, err := v.on()
			if err != nil {
				return "", err
			}
			return "", a.setSetting(v.text("setting"), on)
		}, requiredArg("setting", ArgText, "the name of the setting, such as rawHooks"), argOn),
	ofChannel(ActorService, "sets quirk", "SetQuirk", "The service takes up a quirk, or loses it.",
		func(a *API, _ *Customer, v *values) (string, error) {
			on, err := v.on()
			if err != nil {
				return "", err
			}
			return "", a.setQuirk(Quirk(v.text("quirk")), on)
		}, requiredArg("quirk", ArgText, "the name of the quirk, such as no echoes"), argOn),
	ofChannel(ActorService, "sets status", "SetStatus", "The state of the channel becomes another one.",
		func(a *API, _ *Customer, v *values) (string, error) {
			a.SetStatus(v.text("state"))
			return "", nil
		}, requiredArg("state", ArgText, "the state that GET /status returns, such as disconnected")),
	ofChannel(ActorService, "adds webhook", "Webhook", "An address of this machine gets the webhooks.",
		func(a *API, _ *Customer, v *values) (string, error) { return "", a.addWebhook(v.text("address")) },
		requiredArg("address", ArgText, "the address, such as http://localhost:8080/hooks")),
	ofChannel(ActorService, "disables webhook", "DisableWebhook", "The service no longer sends webhooks to an address.",
		func(a *API, _ *Customer, v *values) (string, error) { return "", a.disableWebhook(v.text("address")) },
		requiredArg("address", ArgText, "an address of the webhook list")),
	ofChannel(ActorService, "misdelivers", "Misdeliver", "The next webhooks come twice, out of order or late.",
		func(a *API, _ *Customer, v *values) (string, error) {
			m, err := misdeliveryOf(v)
			if err == nil {
				err = a.misdeliver(m)
			}
			return "", err
		}, optionalArg("twice", ArgText, `"twice", if a webhook comes twice at the same time`),
		optionalArg("behind", ArgInteger, "how many later webhooks overtake it"), optionalArg("late", ArgDuration, "how late it comes"),
		optionalArg("times", ArgInteger, "how many webhooks; one by default, -1 for all"), optionalArg("skip", ArgInteger, "how many pass first"),
		optionalArg("address", ArgText, "only those to this address")),
}

// on reads the argument of that name.
func (v *values) on() (bool, error) {
	switch text := v.text("on"); text {
	case "", "on", "true":
		return true, nil
	case "off", "false":
		return false, nil
	default:
		return false, fmt.Errorf("on: %q is neither on nor off", short(text))
	}
}

// noteSetup notes an act of the table whose method does not: the setup of a test is no part
// of its transcript.
func (a *API) noteSetup(act string, args ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.note(entry{actor: ActorService, act: act, args: args})
}

func orDefault(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// misdeliveryOf reads the arguments of "misdelivers".
func misdeliveryOf(v *values) (Misdelivery, error) {
	m := Misdelivery{URL: v.text("address"), Behind: v.integer("behind"), Late: v.duration("late"), Times: v.integer("times"), Skip: v.integer("skip")}
	switch text := v.text("twice"); text {
	case "":
	case "twice":
		m.Twice = true
	default:
		return m, errors.New(`misdelivers: write "twice" or nothing`)
	}
	return m, nil
}

// makeGroup makes a group of customers, who are named in a list.
func (a *API) makeGroup(subject, members string) (string, error) {
	var list []*Customer
	for name := range strings.SplitSeq(members, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		c, err := a.person(name)
		if err != nil {
			return "", err
		}
		list = append(list, c)
	}
	const most = 100 // WhatsApp's own bound of a subject
	if n := len([]rune(subject)); n > most {
		return "", fmt.Errorf("makes group: the subject has %d signs; give at most %d", n, most)
	}
	return a.Group(subject, list...), nil
}

// addTemplateText is Template for a name and language that are checked.
func (a *API) addTemplateText(name, language, body string) error {
	switch {
	case !templateName.MatchString(name):
		return fmt.Errorf("adds template: the name %q must be small letters, digits and underscores, at most 512", short(name))
	case !languageCode.MatchString(language):
		return fmt.Errorf("adds template: %q is no language code; write one such as en or en_US", short(language))
	}
	if problem := componentsProblem([]any{object{"type": "BODY", "text": body}}, "UTILITY"); problem != "" {
		return fmt.Errorf("adds template: %s", problem)
	}
	a.Template(name, language, body)
	a.noteSetup("adds template", name, language, body)
	return nil
}

// addWebhook is Webhook for an address on this machine.
func (a *API) addWebhook(address string) error {
	if problem := link(address); problem != "" {
		return fmt.Errorf("adds webhook: %q %s", short(address), problem)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	key := hookKey(address)
	switch {
	case a.receivers[key] == nil && !loopback(address):
		return fmt.Errorf("adds webhook: %q does not lead to this machine; the fake calls only addresses such as http://localhost:8080/hooks", short(address))
	case a.hookAt(key) != nil:
		a.hookAt(key).disabled = false
	case len(a.hooks) >= maxHooks:
		return fmt.Errorf("adds webhook: the list is full (%d addresses)", maxHooks)
	default:
		a.hooks = append(a.hooks, &hookAddress{url: address})
	}
	a.note(entry{actor: ActorService, act: "adds webhook", args: []string{address}})
	return nil
}

// hookAt returns an address of the list by its key; nil if it is not there.
func (a *API) hookAt(key string) *hookAddress {
	for _, h := range a.hooks {
		if hookKey(h.url) == key {
			return h
		}
	}
	return nil
}

func (a *API) disableWebhook(address string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.hookAt(hookKey(address))
	if h == nil {
		return fmt.Errorf("DisableWebhook: %q is not in the list%s", short(address), meant(address, a.hookURLs()))
	}
	h.disabled = true
	a.note(entry{actor: ActorService, act: "disables webhook", args: []string{address}})
	return nil
}
