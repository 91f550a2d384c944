package chatapitest

import (
	"maps"

	"github.com/chatapi-go/chatapi"
)

// restore returns a channel that has the checked state. Its customers belong to the
// channel "to", which will adopt the rest. Addresses of files move from before to now.
func (s savedChannel) restore(to *API, before, now string) *API {
	a := &API{world: to.world, phone: s.Phone, blocked: s.Blocked, expired: s.Expired, standby: s.Standby, state: s.State,
		profile: s.Profile, settings: s.Settings, media: map[string]*media{}, people: map[chatapi.Recipient]*Customer{},
		groups: map[string]*thread{}, messages: map[string]*message{}, family: newFamilies()}
	if a.profile == nil {
		a.profile = object{}
	}
	if a.settings == nil {
		a.settings = map[string]bool{}
	}
	for _, h := range s.Hooks {
		a.hooks = append(a.hooks, &hookAddress{h.URL, h.Disabled})
	}
	for _, t := range s.Templates {
		a.templates = append(a.templates, &template{id: t.ID, name: t.Name, language: t.Language, category: t.Category, namespace: t.Namespace,
			status: t.Status, reason: t.Reason, decideAt: t.DecideAt, components: t.Components})
	}
	for _, m := range s.Media {
		a.media[m.ID] = &media{id: m.ID, url: moved(m.URL, before, now), mime: m.MIME, name: m.Name, data: m.Data, deleted: m.Deleted}
	}
	for name, config := range map[string]object{"calls": a.family.callConfig, "commerce": a.family.commerce, "automation": a.family.automation} {
		maps.Copy(config, s.Family[name])
	}
	a.family.key = s.Key
	maps.Copy(a.family.blocked, s.Blocks)
	for _, f := range s.Flows {
		a.family.flows = append(a.family.flows, &flow{id: f.ID, name: f.Name, status: f.Status, endpoint: f.Endpoint, categories: f.Categories, json: f.JSON})
	}
	files := func(address string) string { return moved(address, before, now) }
	for _, c := range s.Customers {
		restored := c.restore(to, files)
		restored.place = len(a.customers)
		a.customers = append(a.customers, restored)
	}
	for _, c := range a.customers {
		a.link(c)
	}
	for _, g := range s.Groups {
		made := a.newGroup(g.ID, g.Subject, g.Description)
		made.picture, made.invite, made.thread.lastIn = g.Picture, g.Invite, g.LastIn
		made.members, made.founders = a.numbered(g.Members), a.numbered(g.Founders)
		made.received = restoreReceived(g.Received, files)
	}
	for _, m := range s.Messages {
		a.store(a.restoreMessage(m, files))
	}
	for _, c := range a.customers {
		a.showReceived(c.received)
		a.showReceived(c.waiting)
	}
	for _, g := range a.family.groups {
		a.showReceived(g.received)
	}
	for i, c := range s.Customers {
		for _, id := range c.WaitingIn {
			a.customers[i].waitingIn = append(a.customers[i].waitingIn, a.messages[id])
		}
	}
	return a
}

// numbered returns the customers at those places.
func (a *API) numbered(numbers []int) (list []*Customer) {
	for _, n := range numbers {
		list = append(list, a.customers[n])
	}
	return list
}

func (s savedCustomer) restore(to *API, files func(string) string) *Customer {
	c := &Customer{api: to, firstNumber: s.FirstNumber, phone: s.Phone, bsuid: s.BSUID, name: s.Name, hidden: s.Hidden, taken: s.Taken,
		offline: s.Offline, username: s.Username, unreachable: s.Unreachable, former: s.Former,
		received: restoreReceived(s.Received, files), waiting: restoreReceived(s.Waiting, files)}
	c.compared = len(c.received)
	c.thread = &thread{customer: c, lastIn: s.LastIn}
	return c
}

func restoreReceived(saved []savedReceived, files func(string) string) (list []*Received) {
	for _, s := range saved {
		r := s.Received
		if string(r.Body) == "null" {
			r.Body = nil
		}
		if r.File != nil {
			r.File.URL = files(r.File.URL)
		}
		for i := range min(len(r.Buttons), len(s.Kinds), len(s.Payloads)) {
			r.Buttons[i].kind, r.Buttons[i].payload = s.Kinds[i], s.Payloads[i]
		}
		list = append(list, &r)
	}
	return list
}

func (a *API) restoreMessage(s savedMessage, files func(string) string) *message {
	m := &message{id: s.ID, typ: s.Type, author: s.Author, sender: s.Sender, chat: s.Chat, body: s.Body, caption: s.Caption, edited: s.Edited,
		fromMe: s.FromMe, self: s.Self, at: s.At, quoted: s.Quoted, toPhone: s.ToPhone, phone: s.Phone, bsuid: s.BSUID, meta: s.Meta,
		mediaID: s.MediaID, mime: s.MIME, category: s.Category, status: s.Status, mmLite: s.MMLite, read: s.Read, deleted: s.Deleted, agent: s.Agent, failure: s.Failure}
	if m.body != nil {
		body := files(*m.body)
		m.body = &body
	}
	if s.Group != "" {
		m.thread = a.group(s.Group).thread
	} else {
		m.thread = a.customers[s.Customer].thread
	}
	if s.From >= 0 {
		m.from = a.customers[s.From]
	}
	for _, c := range a.numbered(s.ReadBy) {
		if m.readBy == nil {
			m.readBy = map[*Customer]bool{}
		}
		m.readBy[c] = true
	}
	return m
}
