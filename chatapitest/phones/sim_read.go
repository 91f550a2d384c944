package phones

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/chatapitest"
)

// This file reads the fake. The members of the answers are those of the types here, from
// which the OpenAPI document is made.

type simArg struct {
	Name     string              `json:"name" doc:"the member of the body"`
	Kind     chatapitest.ArgKind `json:"kind" doc:"text, number, integer, duration, json, person, group, message or file"`
	Doc      string              `json:"doc"`
	Optional bool                `json:"optional"`
}

type simAct struct {
	Name   string            `json:"name" doc:"the name in scripts"`
	Actor  chatapitest.Actor `json:"actor" doc:"customer, phone, agent or service"`
	Path   string            `json:"path" doc:"the path of its request"`
	Method string            `json:"method" doc:"the method in Go"`
	Doc    string            `json:"doc"`
	Args   []simArg          `json:"args"`
}

type simActs struct {
	Acts []simAct `json:"acts"`
}

func listActs(*sim, *request) (any, error) {
	list := simActs{Acts: []simAct{}}
	for _, act := range chatapitest.Acts() {
		shown := simAct{Name: act.Name, Actor: act.Actor, Path: pathOf(act), Method: act.Method, Doc: act.Doc, Args: []simArg{}}
		for _, arg := range act.Args {
			shown.Args = append(shown.Args, simArg{Name: memberOf(arg), Kind: arg.Kind, Doc: arg.Doc, Optional: arg.Optional})
		}
		list.Acts = append(list.Acts, shown)
	}
	return list, nil
}

// simChat is a chatapitest.Chat.
type simChat struct {
	Key         string    `json:"key" doc:"names the chat for good, also if the customer takes another number"`
	ID          string    `json:"id" doc:"the chat id that webhooks name now"`
	Group       bool      `json:"group"`
	Members     []string  `json:"members,omitempty" doc:"keys of the customers in a group"`
	Name        string    `json:"name" doc:"the profile name, or the subject of a group"`
	Phone       string    `json:"phone,omitempty" doc:"the number that the business sees"`
	BSUID       string    `json:"bsuid,omitempty"`
	Username    string    `json:"username,omitempty"`
	Number      string    `json:"number,omitempty" doc:"the number, also if the customer hides it"`
	Offline     bool      `json:"offline"`
	Unreachable string    `json:"unreachable,omitempty" doc:"why messages fail"`
	Blocked     bool      `json:"blocked" doc:"the business has blocked the customer"`
	Held        bool      `json:"held" doc:"another agent holds the chat"`
	Call        string    `json:"call,omitempty" doc:"the id of the call that goes on"`
	Answered    bool      `json:"answered" doc:"the business has accepted the call"`
	Open        bool      `json:"open" doc:"the service window is open"`
	WindowEnds  time.Time `json:"window_ends,omitzero"`
	Messages    int       `json:"messages" doc:"how many messages the chat has"`
	Revision    uint64    `json:"revision" doc:"the number of the last change of the chat"`
}

type simChats struct {
	Customers []simChat `json:"customers"`
	Next      int       `json:"next" doc:"since for the next page"`
	Total     int       `json:"total"`
}

func listChats(_ *sim, r *request) (any, error) {
	since, most, err := r.page("since")
	if err != nil {
		return nil, err
	}
	all := r.api.Chats()
	page := all[min(since, len(all)):]
	page = page[:min(most, len(page))]
	list := simChats{Customers: make([]simChat, len(page)), Next: min(since, len(all)) + len(page), Total: len(all)}
	for i, chat := range page {
		list.Customers[i] = simChat(chat)
	}
	return list, nil
}

type simButton struct {
	ID    string `json:"id,omitempty"`
	Title string `json:"title"`
	URL   string `json:"url,omitempty"`
}

type simRow struct {
	ID          string `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	Section     string `json:"section,omitempty"`
}

type simFile struct {
	Type     string `json:"type"`
	Name     string `json:"name,omitempty"`
	URL      string `json:"url,omitempty"`
	MIMEType string `json:"mime_type,omitempty"`
	Bytes    int    `json:"bytes,omitempty" doc:"its size, if the fake has the content, which GET /sim/files returns"`
}

type simReaction struct {
	Emoji  string `json:"emoji"`
	Author string `json:"author,omitempty" doc:"the key of the customer; empty for the business"`
}

type simContact struct {
	Name   string `json:"name"`
	Number string `json:"number,omitempty"`
}

// simMessage is a chatapitest.ChatMessage without the request and the bytes of files.
type simMessage struct {
	Number    int           `json:"number" doc:"the place in the chat, from 1"`
	ID        string        `json:"id"`
	At        time.Time     `json:"at"`
	From      string        `json:"from" doc:"channel, customer, phone or agent"`
	Author    string        `json:"author,omitempty" doc:"the key of the customer who wrote it"`
	Type      string        `json:"type" doc:"the type of the history, such as chat or image"`
	Operation string        `json:"operation,omitempty" doc:"the operation that sent it"`
	Text      string        `json:"text,omitempty"`
	Header    string        `json:"header,omitempty"`
	Footer    string        `json:"footer,omitempty"`
	Buttons   []simButton   `json:"buttons,omitempty"`
	Label     string        `json:"label,omitempty" doc:"the text of the button that opens the list"`
	Rows      []simRow      `json:"rows,omitempty"`
	File      *simFile      `json:"file,omitempty"`
	Location  string        `json:"location,omitempty" doc:"latitude;longitude"`
	Contact   *simContact   `json:"contact,omitempty"`
	Order     string        `json:"order,omitempty" doc:"a cart in words"`
	Answers   string        `json:"answers,omitempty" doc:"those of a flow, as JSON"`
	Ad        string        `json:"ad,omitempty"`
	Template  string        `json:"template,omitempty"`
	Language  string        `json:"language,omitempty"`
	Quoted    string        `json:"quoted,omitempty" doc:"the id of the quoted message"`
	Status    string        `json:"status,omitempty" doc:"sent, delivered, read, viewed or failed"`
	Failure   string        `json:"failure,omitempty" doc:"why it failed"`
	Read      bool          `json:"read"`
	Edited    bool          `json:"edited"`
	Deleted   bool          `json:"deleted"`
	Reactions []simReaction `json:"reactions,omitempty"`
}

func messageOf(m chatapitest.ChatMessage) simMessage {
	got := simMessage{Number: m.Number, ID: m.ID, At: m.At, From: string(m.From), Author: m.Author, Type: m.Type, Operation: m.Operation,
		Text: m.Text, Header: m.Header, Footer: m.Footer, Label: m.Label, Location: m.Location, Contact: (*simContact)(m.Contact), Order: m.Order,
		Answers: m.Answers, Ad: m.Ad, Template: m.Template, Language: m.Language, Quoted: m.Quoted, Status: string(m.Status), Failure: m.Failure,
		Read: m.Read, Edited: m.Edited, Deleted: m.Deleted}
	for _, b := range m.Buttons {
		got.Buttons = append(got.Buttons, simButton{ID: b.ID, Title: b.Title, URL: b.URL})
	}
	for _, row := range m.Rows {
		got.Rows = append(got.Rows, simRow(row))
	}
	for _, reaction := range m.Reactions {
		got.Reactions = append(got.Reactions, simReaction(reaction))
	}
	if f := m.File; f != nil {
		got.File = &simFile{Type: string(f.Type), Name: f.Name, URL: f.URL, MIMEType: f.MIMEType, Bytes: len(f.Data)}
	}
	return got
}

type simMessages struct {
	Messages []simMessage `json:"messages" doc:"oldest first"`
	Next     int          `json:"next" doc:"after for the next page: the number of the last message so far"`
}

// listMessages returns the messages behind a number, or the newest ones.
func listMessages(s *sim, r *request) (any, error) {
	chat, err := r.chat("chat")
	if err != nil {
		return nil, err
	}
	after, most, err := r.page("after")
	if err != nil {
		return nil, err
	}
	var found []chatapitest.ChatMessage
	if r.query.Has("after") {
		found = r.api.ChatMessagesFrom(chat.Key, after+1, most)
	} else {
		found = r.api.ChatMessages(chat.Key, most)
	}
	list := simMessages{Messages: []simMessage{}, Next: min(after, chat.Messages)}
	for _, m := range found {
		list.Messages, list.Next = append(list.Messages, messageOf(m)), m.Number
	}
	return list, nil
}

// getFile returns the content of a file. It is a download, so that a browser shows no
// page that a customer has sent.
func getFile(_ *sim, r *request) (any, error) {
	m, ok := r.api.Message(r.query.Get("message"))
	if !ok || m.File == nil || m.File.Data == nil {
		return nil, wrong(http.StatusNotFound, "the message %q has no file whose content the fake has", cut(r.query.Get("message")))
	}
	r.w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": m.File.Name}))
	return plain{"application/octet-stream", m.File.Data}, nil
}

// simCall is a chatapitest.Call.
type simCall struct {
	Number      int        `json:"number" doc:"its place among the calls, from 0"`
	At          time.Time  `json:"at"`
	Method      string     `json:"method"`
	Operation   string     `json:"operation,omitempty" doc:"the path in the API's document, such as sendMessage"`
	OperationID string     `json:"operation_id,omitempty"`
	Path        string     `json:"path"`
	Query       url.Values `json:"query,omitempty" doc:"without the token"`
	Recipient   string     `json:"recipient,omitempty"`
	Body        any        `json:"body,omitempty" doc:"JSON, or a text; left out if it has more than 64 KiB"`
	BodyBytes   int        `json:"body_bytes"`
	Status      int        `json:"status" doc:"0 if there was no answer"`
	Reply       any        `json:"reply,omitempty" doc:"like the body"`
	ReplyBytes  int        `json:"reply_bytes"`
	Lost        bool       `json:"lost" doc:"a fault kept the answer from the caller"`
}

type simCalls struct {
	Calls []simCall `json:"calls" doc:"oldest first"`
	Next  int       `json:"next" doc:"since for the next page"`
}

func listCalls(_ *sim, r *request) (any, error) {
	since, most, err := r.page("since")
	if err != nil {
		return nil, err
	}
	found, next := r.api.CallsFrom(since, most)
	list := simCalls{Calls: make([]simCall, len(found)), Next: next}
	for i, c := range found {
		list.Calls[i] = simCall{Number: next - len(found) + i, At: c.At, Method: c.Method, Operation: c.Operation, OperationID: c.ID, Path: c.Path, Query: c.Query,
			Body: shown(c.Body), BodyBytes: len(c.Body), Status: c.Status, Reply: shown(c.Reply), ReplyBytes: len(c.Reply), Lost: c.Lost}
		if !c.Recipient.IsZero() {
			list.Calls[i].Recipient = c.Recipient.String()
		}
	}
	return list, nil
}

// simDelivery is a chatapitest.Delivery.
type simDelivery struct {
	Number  int    `json:"number" doc:"its place among the deliveries, from 0"`
	URL     string `json:"url"`
	Body    any    `json:"body,omitempty" doc:"left out if it has more than 64 KiB"`
	Bytes   int    `json:"body_bytes"`
	Tries   int    `json:"tries"`
	Status  int    `json:"status" doc:"of the last answer; 0 if there was none"`
	Problem string `json:"problem,omitempty" doc:"why the webhook was given up; empty if it was acknowledged"`
}

type simDeliveries struct {
	Deliveries []simDelivery `json:"deliveries" doc:"oldest first"`
	Next       int           `json:"next" doc:"since for the next page"`
}

func listDeliveries(_ *sim, r *request) (any, error) {
	since, most, err := r.page("since")
	if err != nil {
		return nil, err
	}
	found, next := r.api.DeliveriesFrom(since, most)
	list := simDeliveries{Deliveries: make([]simDelivery, len(found)), Next: next}
	for i, d := range found {
		list.Deliveries[i] = simDelivery{Number: next - len(found) + i, URL: d.URL, Body: shown(d.Body), Bytes: len(d.Body), Tries: d.Tries, Status: d.Status, Problem: d.Problem}
	}
	return list, nil
}

// shown returns a body for an answer: nil if it is large, and a text if it is no JSON.
func shown(body json.RawMessage) any {
	switch {
	case len(body) == 0, len(body) > maxShown:
		return nil
	case json.Valid(body):
		return body
	}
	return string(body)
}

// page reads a place and the parameter limit of the query.
func (r *request) page(from string) (since, most int, err error) {
	since, most = 0, 100
	for name, to := range map[string]*int{from: &since, "limit": &most} {
		if text := r.query.Get(name); text != "" {
			if *to, err = strconv.Atoi(text); err != nil || *to < 0 {
				return 0, 0, fmt.Errorf("%s: %q is no whole number from 0 on", name, cut(text))
			}
		}
	}
	return min(since, 1<<30), min(max(most, 1), 1000), nil
}

// chat returns the chat that a parameter names: by key, id, number, BSUID, username or
// name.
func (r *request) chat(parameter string) (chatapitest.Chat, error) {
	name := r.query.Get(parameter)
	if name == "" {
		return chatapitest.Chat{}, fmt.Errorf("%s is missing: name a customer or group by key, id, number, BSUID, username or name", parameter)
	}
	number := strings.NewReplacer("+", "", " ", "", "-", "", "(", "", ")", "").Replace(name)
	chats := r.api.Chats()
	for _, named := range []func(c chatapitest.Chat) []string{
		func(c chatapitest.Chat) []string { return []string{c.Key, c.ID, c.BSUID} },
		func(c chatapitest.Chat) []string { return []string{c.Username, c.Name} },
	} {
		for _, c := range chats {
			if slices.Contains(named(c), name) || c.Number != "" && c.Number == number {
				return c, nil
			}
		}
	}
	return chatapitest.Chat{}, wrong(http.StatusNotFound, "%s: nobody is called %q; GET /sim/customers lists the chats", parameter, cut(name))
}
