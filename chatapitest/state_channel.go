package chatapitest

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/chatapi-go/chatapi"
)

// This file writes and reads the state of one channel. A customer is named by the place
// in the list of customers, a group and a message by the id.

type savedChannel struct {
	ID        string            `json:"id"`
	Phone     string            `json:"phone"`
	Token     string            `json:"token"`
	State     string            `json:"state"`
	Blocked   string            `json:"blocked,omitempty"`
	Expired   bool              `json:"expired,omitempty"`
	Standby   bool              `json:"standby,omitempty"`
	Profile   object            `json:"profile"`
	Settings  map[string]bool   `json:"settings"`
	Hooks     []savedHook       `json:"hooks"`
	Templates []savedTemplate   `json:"templates"`
	Media     []savedMedia      `json:"media"`
	Customers []savedCustomer   `json:"customers"`
	Groups    []savedGroup      `json:"groups"`
	Messages  []savedMessage    `json:"messages"`
	Flows     []savedFlow       `json:"flows"`
	Family    map[string]object `json:"family"`
	Key       string            `json:"key,omitempty"`
	Blocks    map[string]bool   `json:"blocks"`
}

type savedHook struct {
	URL      string `json:"url"`
	Disabled bool   `json:"disabled,omitempty"`
}

type savedTemplate struct {
	ID, Name, Language, Category, Namespace, Status, Reason string

	DecideAt   time.Time
	Components []any
}

type savedMedia struct {
	ID, URL, MIME, Name string
	Data                []byte `json:",omitempty"`
	Deleted             bool   `json:",omitempty"`
}

type savedFlow struct {
	ID, Name, Status, Endpoint string
	Categories                 []any
	JSON                       object
}

type savedCustomer struct {
	FirstNumber, Phone, BSUID, Name string

	Hidden, Taken, Offline bool      `json:",omitempty"`
	Username, Unreachable  string    `json:",omitempty"`
	Former                 []string  `json:",omitempty"`
	LastIn                 time.Time // of the chat
	Received, Waiting      []savedReceived
	WaitingIn              []string // ids of messages to groups
}

type savedReceived struct {
	Received
	Kinds    []string `json:",omitempty"` // of the buttons
	Payloads []string `json:",omitempty"`
}

type savedGroup struct {
	ID, Subject, Description, Picture string

	Invite            int
	Members, Founders []int
	LastIn            time.Time
	Received          []savedReceived
}

type savedMessage struct {
	ID, Type, Author, Sender, Chat string

	Body, Caption, Edited *string `json:",omitempty"`
	Customer              int     // whose chat; -1 in a group
	From                  int     // -1 for the channel's own messages
	Group                 string  `json:",omitempty"`
	FromMe, Self          bool    `json:",omitempty"`
	At                    time.Time
	Quoted, ToPhone       string `json:",omitempty"`
	Phone, BSUID          string `json:",omitempty"`
	Meta                  object `json:",omitempty"`
	MediaID, MIME         string `json:",omitempty"`
	Category              string `json:",omitempty"`
	Status                chatapi.Status
	Failure               string `json:",omitempty"`
	MMLite, Read, Deleted bool   `json:",omitempty"`
	Agent                 bool   `json:",omitempty"`
	ReadBy                []int  `json:",omitempty"`
}

// save returns the state of the channel; the caller holds mu.
func (a *API) save() savedChannel {
	s := savedChannel{ID: a.channel, Phone: a.phone, Token: a.Token, State: a.state, Blocked: a.blocked, Expired: a.expired, Standby: a.standby,
		Profile: maps.Clone(a.profile), Settings: maps.Clone(a.settings), Key: a.family.key, Blocks: maps.Clone(a.family.blocked),
		Family: map[string]object{"calls": maps.Clone(a.family.callConfig), "commerce": maps.Clone(a.family.commerce), "automation": maps.Clone(a.family.automation)}}
	for _, h := range a.hooks {
		s.Hooks = append(s.Hooks, savedHook{h.url, h.disabled})
	}
	for _, t := range a.templates {
		s.Templates = append(s.Templates, savedTemplate{t.id, t.name, t.language, t.category, t.namespace, t.status, t.reason, t.decideAt.Round(0), t.components})
	}
	for _, id := range slices.Sorted(maps.Keys(a.media)) {
		m := a.media[id]
		s.Media = append(s.Media, savedMedia{m.id, m.url, m.mime, m.name, m.data, m.deleted})
	}
	for _, f := range a.family.flows {
		s.Flows = append(s.Flows, savedFlow{f.id, f.name, f.status, f.endpoint, f.categories, f.json})
	}
	for _, c := range a.customers {
		s.Customers = append(s.Customers, c.save())
	}
	for _, g := range a.family.groups {
		s.Groups = append(s.Groups, savedGroup{g.id, g.subject, g.description, g.picture, g.invite,
			numbersOf(a.customers, g.members), numbersOf(a.customers, g.founders), g.thread.lastIn.Round(0), saveReceived(g.received)})
	}
	for _, m := range a.history {
		s.Messages = append(s.Messages, a.saveMessage(m))
	}
	return s
}

func (c *Customer) save() savedCustomer {
	s := savedCustomer{FirstNumber: c.firstNumber, Phone: c.phone, BSUID: c.bsuid, Name: c.name, Hidden: c.hidden, Taken: c.taken, Offline: c.offline,
		Username: c.username, Unreachable: c.unreachable, Former: c.former, LastIn: c.thread.lastIn.Round(0),
		Received: saveReceived(c.received), Waiting: saveReceived(c.waiting)}
	for _, m := range c.waitingIn {
		s.WaitingIn = append(s.WaitingIn, m.id)
	}
	return s
}

func saveReceived(list []*Received) (saved []savedReceived) {
	for _, r := range list {
		s := savedReceived{Received: *r}
		s.At = r.At.Round(0)
		for _, b := range r.Buttons {
			s.Kinds, s.Payloads = append(s.Kinds, b.kind), append(s.Payloads, b.payload)
		}
		saved = append(saved, s)
	}
	return saved
}

func (a *API) saveMessage(m *message) savedMessage {
	s := savedMessage{ID: m.id, Type: m.typ, Author: m.author, Sender: m.sender, Chat: m.chat, Body: m.body, Caption: m.caption, Edited: m.edited,
		Customer: slices.Index(a.customers, m.thread.customer), From: slices.Index(a.customers, m.from), FromMe: m.fromMe, Self: m.self, At: m.at.Round(0),
		Quoted: m.quoted, ToPhone: m.toPhone, Phone: m.phone, BSUID: m.bsuid, Meta: m.meta, MediaID: m.mediaID, MIME: m.mime,
		Category: m.category, Status: m.status, MMLite: m.mmLite, Read: m.read, Deleted: m.deleted, Agent: m.agent, Failure: m.failure}
	if m.thread.group != nil {
		s.Group = m.thread.group.id
	}
	for c := range m.readBy {
		s.ReadBy = append(s.ReadBy, slices.Index(a.customers, c))
	}
	slices.Sort(s.ReadBy)
	return s
}

// check returns an error if something in the state names a customer, group or message
// that is not there.
func (s savedChannel) check() error {
	groups, messages := map[string]bool{}, map[string]bool{}
	for _, m := range s.Messages {
		messages[m.ID] = true
	}
	customer := func(what string, numbers ...int) error {
		for _, n := range numbers {
			if n < 0 || n >= len(s.Customers) {
				return fmt.Errorf("%s names the customer %d of %d", what, n, len(s.Customers))
			}
		}
		return nil
	}
	for i, c := range s.Customers {
		if c.Phone != "" && !phonePattern.MatchString(c.Phone) || !bsuidPattern.MatchString(c.BSUID) {
			return fmt.Errorf("the customer %d has the wrong number %q or BSUID %q", i, short(c.Phone), short(c.BSUID))
		}
		for _, id := range c.WaitingIn {
			if !messages[id] {
				return fmt.Errorf("the customer %d waits for the message %q, which is not there", i, short(id))
			}
		}
	}
	for _, g := range s.Groups {
		groups[g.ID] = true
		if err := customer("the group "+short(g.ID), slices.Concat(g.Members, g.Founders)...); err != nil {
			return err
		}
		for _, r := range g.Received {
			if !messages[r.ID] {
				return fmt.Errorf("the group %q has received the message %q, which is not there", short(g.ID), short(r.ID))
			}
		}
	}
	for _, m := range s.Messages {
		what := "the message " + short(m.ID)
		if m.Group != "" && !groups[m.Group] {
			return fmt.Errorf("%s is in the group %q, which is not there", what, short(m.Group))
		}
		named := slices.Clone(m.ReadBy)
		if m.Group == "" {
			named = append(named, m.Customer)
		}
		if m.From != -1 {
			named = append(named, m.From)
		}
		if err := customer(what, named...); err != nil {
			return err
		}
	}
	return nil
}
