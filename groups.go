package chatapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// GroupsService creates and manages groups. See [Client.Groups]. Messages to a
// group are sent with [Client.Send] to [GroupInfo.Recipient].
//
// A group's id may be given with or without "@g.us". The contract has no types
// for the replies about groups (contract, "Calling, groups, flows"; inferred),
// so Raw is kept beside the members that could be read.
type GroupsService struct{ service }

// GroupInfo is a group as the service describes it.
type GroupInfo struct {
	// ID is the group's id without "@g.us".
	ID string

	Subject, Description string

	// Participants are the members as the service wrote them.
	Participants []json.RawMessage

	// Raw is the group as the service wrote it.
	Raw json.RawMessage
}

// Recipient returns the group to send to.
func (g GroupInfo) Recipient() Recipient { return Chat(g.ID + suffixGroup) }

// GroupDraft describes a new group.
type GroupDraft struct {
	// Subject is the group's name. The contract names no limit for it.
	Subject string

	// Description may be empty.
	Description string
}

// GroupPatch is a change of a group. A field that is nil or zero stays as it is.
type GroupPatch struct {
	Subject, Description *string

	// Picture is a link to an image or its bytes.
	Picture Media
}

// groupsPage is the number of groups that one request asks for.
const groupsPage = 100

// All yields every group, in the service's order. It requests page after page
// while the loop runs. It yields the first error with a nil group and ends. A
// page without a new group ends the loop too, since a service may repeat its
// last page for ever. The requests change nothing and are retried.
func (s GroupsService) All(ctx context.Context) iter.Seq2[*GroupInfo, error] {
	const op = "Groups.All"
	return func(yield func(*GroupInfo, error) bool) {
		seen := map[string]bool{}
		for after := ""; ; {
			query := url.Values{"limit": {strconv.Itoa(groupsPage)}}
			if after != "" {
				query.Set("after", after)
			}
			var raw json.RawMessage
			if err := s.call(ctx, request{op: op, method: http.MethodGet, path: "groups", query: query}, &raw); err != nil {
				yield(nil, err)
				return
			}
			rows, err := s.rows(op, raw, "groups", "data", "items")
			if err != nil {
				yield(nil, err)
				return
			}
			fresh := false
			for _, row := range rows {
				group := readGroup(row)
				key := cmp.Or(group.ID, string(row))
				if seen[key] {
					continue
				}
				seen[key], fresh = true, true
				if !yield(group, nil) {
					return
				}
			}
			next := nextCursor(wire.Root(raw))
			if !fresh || next == "" || next == after {
				return
			}
			after = next
		}
	}
}

// nextCursor returns the cursor of the next page, from any of the places where
// Graph and its resellers put it. There may be a cursor without a next page.
func nextCursor(reply wire.Value) string {
	paging := reply.Get("paging")
	for _, place := range []wire.Value{paging.Get("cursors"), paging, reply} {
		if cursor := firstText(place, "after"); cursor != "" {
			return cursor
		}
	}
	return ""
}

// readGroup reads the members of a group that it knows; the others are in Raw.
func readGroup(raw json.RawMessage) *GroupInfo {
	value := wire.Root(raw)
	if inner := value.Get("group"); inner.IsObject() {
		value = inner
	}
	group := &GroupInfo{
		ID:          strings.TrimSuffix(firstText(value, "id", "groupId", "group_id"), suffixGroup),
		Subject:     firstText(value, "subject", "name", "groupName"),
		Description: firstText(value, "description"),
		Raw:         raw,
	}
	for participants := value.Get("participants").Array(); participants.Next(); {
		group.Participants = append(group.Participants, participants.Value.Raw())
	}
	return group
}

// Get returns one group. With fields, the service sends only the members of
// these names. An unknown group is [ErrNotFound], [ErrInvalid] or [ErrRecipient], as the
// service answers. It changes nothing and is retried.
func (s GroupsService) Get(ctx context.Context, id string, fields ...string) (*GroupInfo, error) {
	query := url.Values{}
	if len(fields) > 0 {
		query.Set("fields", strings.Join(fields, ","))
	}
	raw, err := s.one(ctx, request{op: "Groups.Get", method: http.MethodGet, query: query}, id, "")
	if err != nil {
		return nil, err
	}
	group := readGroup(raw)
	group.ID = cmp.Or(group.ID, bareGroup(id))
	return group, nil
}

// Create creates a group with the channel as its only member. People join by
// the link from [GroupsService.GetInviteLink]. The ID of the result is empty if
// the service names none, since it may create groups in the background
// (contract: untyped); then see Raw, [GroupsService.All] and the webhooks. The
// call goes out at most once: after [ErrOutcomeUnknown], check whether the
// group exists.
func (s GroupsService) Create(ctx context.Context, draft GroupDraft) (*GroupInfo, error) {
	const op = "Groups.Create"
	if strings.TrimSpace(draft.Subject) == "" {
		return nil, s.refuse(op, invalid("Subject", "is empty; give the group a name"))
	}
	body := struct {
		Name        string `json:"groupName"`
		Description string `json:"description,omitempty"`
	}{draft.Subject, draft.Description}
	var raw json.RawMessage
	err := s.call(ctx, request{op: op, method: http.MethodPost, path: "groups", body: body, once: true}, &raw)
	if err != nil {
		return nil, err
	}
	group := readGroup(raw)
	group.Subject = cmp.Or(group.Subject, draft.Subject)
	group.Description = cmp.Or(group.Description, draft.Description)
	return group, nil
}

// Update changes the given fields of a group. An empty patch is [ErrInvalid].
// The call may be repeated without harm and is retried.
func (s GroupsService) Update(ctx context.Context, id string, patch GroupPatch) error {
	const op = "Groups.Update"
	body := struct {
		Subject     *string `json:"subject,omitempty"`
		Description *string `json:"description,omitempty"`
		Picture     string  `json:"profile_picture_file,omitempty"`
	}{Subject: patch.Subject, Description: patch.Description}
	var c checker
	if patch.Subject != nil {
		c.require(strings.TrimSpace(*patch.Subject) != "", "Subject", "is empty; give the group a name")
	}
	if !patch.Picture.isZero() {
		body.Picture = patch.Picture.source(&c, "Picture")
	} else if patch.Subject == nil && patch.Description == nil {
		c.fail("patch", "changes nothing; set one of its fields")
	}
	if c.first != nil {
		return s.refuse(op, c.first)
	}
	_, err := s.one(ctx, request{op: op, method: http.MethodPost, body: body}, id, "")
	return err
}

// Delete deletes a group for good. The call may be repeated without harm and is
// retried.
func (s GroupsService) Delete(ctx context.Context, id string) error {
	_, err := s.one(ctx, request{op: "Groups.Delete", method: http.MethodDelete}, id, "")
	return err
}

// GetInviteLink returns the link by which people join the group. A reply
// without a link is [ErrUnavailable]; an unknown group is [ErrNotFound],
// [ErrInvalid] or [ErrRecipient], as the service answers. It changes nothing and is retried.
func (s GroupsService) GetInviteLink(ctx context.Context, id string) (string, error) {
	return s.link(ctx, request{op: "Groups.GetInviteLink", method: http.MethodGet}, id)
}

// ResetInviteLink replaces the invite link by a new one and returns it. The old
// link stops working. The call is retried; then only the last link works, and
// that one is returned. Errors are those of [GroupsService.GetInviteLink].
func (s GroupsService) ResetInviteLink(ctx context.Context, id string) (string, error) {
	return s.link(ctx, request{op: "Groups.ResetInviteLink", method: http.MethodPost}, id)
}

func (s GroupsService) link(ctx context.Context, r request, id string) (string, error) {
	raw, err := s.one(ctx, r, id, "/inviteLink")
	if err != nil {
		return "", err
	}
	link := firstText(wire.Root(raw), "invite_link", "inviteLink")
	if link == "" {
		return "", s.unreadable(r.op, raw, errors.New("it has no invite link"))
	}
	return link, nil
}

// one carries out a call about one group. below is the path below the group's.
func (s GroupsService) one(ctx context.Context, r request, id, below string) (raw json.RawMessage, err error) {
	place, bad := segment("id", bareGroup(id))
	if bad != nil {
		return nil, s.refuse(r.op, bad)
	}
	r.path = "groups/" + place + below
	err = s.call(ctx, r, &raw)
	return raw, err
}

func bareGroup(id string) string { return strings.TrimSuffix(strings.TrimSpace(id), suffixGroup) }
