package chatapitest

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// group is a group chat.
type group struct {
	id, subject, description, picture string
	invite                            int
	thread                            *thread
	received                          []*Received
}

func (a *API) newGroup(subject, description string) *group {
	g := &group{id: "120363" + a.number()[3:], subject: subject, description: description, invite: 1}
	g.thread = &thread{chat: g.id + "@g.us", group: g}
	a.threads[g.thread.chat] = g.thread
	a.family.groups = append(a.family.groups, g)
	return g
}

func (a *API) group(id string) *group {
	for _, g := range a.family.groups {
		if g.id == id {
			return g
		}
	}
	return nil
}

// SaysIn sends a text to a group and returns the id of the message. The id of the
// group is "120363000000000001@g.us", or the same without the suffix. A group that
// the channel does not have is created.
func (c *Customer) SaysIn(id, text string) string {
	if !c.valid() {
		return ""
	}
	id = strings.TrimSuffix(id, "@g.us")
	c.api.mu.Lock()
	g := c.api.group(id)
	if g == nil {
		g = c.api.newGroup("Group "+id, "")
		delete(c.api.threads, g.thread.chat)
		g.id, g.thread.chat = id, id+"@g.us"
		c.api.threads[g.thread.chat] = g.thread
	}
	c.api.mu.Unlock()
	return c.writes(incoming{typ: "chat", body: &text, group: g})
}

// GroupReceived returns the messages that the channel has sent to a group, oldest
// first; nil if there is no such group. The id may have the suffix "@g.us".
func (a *API) GroupReceived(id string) []Received {
	a.mu.Lock()
	defer a.mu.Unlock()
	g := a.group(strings.TrimSuffix(id, "@g.us"))
	if g == nil {
		return nil
	}
	all := make([]Received, len(g.received))
	for i, r := range g.received {
		all[i] = *r
	}
	return all
}

func (g *group) object() object {
	o := object{"id": g.id, "subject": g.subject, "description": g.description, "participants": []any{}}
	if g.picture != "" {
		o["profile_picture_file"] = g.picture
	}
	return o
}

// withGroup returns an operation that finds the group of its path and calls do.
func withGroup(do func(*API, *request, *group) answer) func(*API, *request) answer {
	return func(a *API, r *request) answer {
		g := a.group(r.params["groupId"])
		if g == nil {
			return upstream(131041, "Group unknown", fmt.Sprintf("there is no group %q", r.params["groupId"]))
		}
		return do(a, r, g)
	}
}

func listGroups(a *API, r *request) answer {
	rows := []any{}
	after := r.query.Get("after")
	limit := queryInt(r.query, "limit", 100)
	next := ""
	for _, g := range a.family.groups {
		switch {
		case after != "":
			if g.id == after {
				after = ""
			}
		case len(rows) < limit:
			rows = append(rows, object{"id": g.thread.chat, "subject": g.subject})
			next = g.id
		default:
			return reply(http.StatusOK, object{"groups": rows, "paging": object{"cursors": object{"after": next}}})
		}
	}
	return reply(http.StatusOK, object{"groups": rows})
}

func createGroup(a *API, r *request) answer {
	if a.quirks[NoGroups] {
		return reply(http.StatusOK, object{"error": "Groups are not enabled for this number"})
	}
	g := a.newGroup(r.body.text("groupName"), r.body.text("description"))
	return reply(http.StatusOK, object{"id": g.id, "subject": g.subject, "invite_link": g.link()})
}

func (g *group) link() string { return fmt.Sprintf("https://chat.example.com/%s-%d", g.id, g.invite) }

func updateGroup(_ *API, r *request, g *group) answer {
	if len(r.body) == 0 {
		return refuse("nothing to change")
	}
	g.subject = cmp.Or(r.body.text("subject"), g.subject)
	g.picture = cmp.Or(r.body.text("profile_picture_file"), g.picture)
	return reply(http.StatusOK, success)
}

func deleteGroup(a *API, _ *request, g *group) answer {
	a.family.groups = slices.DeleteFunc(a.family.groups, func(other *group) bool { return other == g })
	delete(a.threads, g.thread.chat)
	return reply(http.StatusOK, success)
}

func resetInvite(_ *API, _ *request, g *group) answer {
	g.invite++
	return reply(http.StatusOK, object{"invite_link": g.link()})
}
