package desk

import (
	"context"
	"fmt"
	"strconv"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// Request returns a request with what its page shows beside the thread.
func (v *View) Request(ctx context.Context, id int64) (*Request, error) {
	row, err := v.Row(ctx, id)
	if err != nil {
		return nil, err
	}
	r := &Request{RequestRow: *row}
	for _, fill := range []func(context.Context, *Request) error{v.fillChat, v.fillOthers, v.fillHidden, v.fillContact, v.fillSame} {
		if err := fill(ctx, r); err != nil {
			return nil, fmt.Errorf("read request %d: %w", id, err)
		}
	}
	return r, nil
}

// fillChat reads the times of the request, and what is known of its chat and channel.
func (v *View) fillChat(ctx context.Context, r *Request) error {
	var opened, reply, solved int64
	var channel, state, answer string
	var marks bool
	_, err := v.DB.Get(ctx, `SELECT r.opened, r.first_reply, r.solved, h.contact, h.ad, h.answer, n.channel, n.state, n.marks_read
		FROM desk_request r JOIN desk_chat h ON h.id = r.chat JOIN desk_channel n ON n.id = r.channel WHERE r.id = $1`,
		[]any{r.ID}, &opened, &reply, &solved, &r.Contact, &r.Ad, &answer, &channel, &state, &marks)
	if err != nil {
		return err
	}
	r.Opened, r.FirstReply, r.Solved = store.Time(opened), store.Time(reply), store.Time(solved)
	r.Why = v.whyNot(chatapi.ChannelID(channel), state)
	if answer == "" {
		r.Why = "The person was erased."
	}
	r.Sendable = r.Why == ""
	r.Live = r.Sendable && marks
	if to, err := chatapi.ParseRecipient(answer); err == nil && !to.IsGroup() {
		if r.OptedOut, err = v.Durable.State.OptedOut(ctx, chatapi.ChannelID(channel), to); err != nil {
			return err
		}
	}
	return nil
}

// whyNot says in a sentence why nothing can be sent on a channel now; "" if it can.
func (d *Desk) whyNot(channel chatapi.ChannelID, state string) string {
	switch state {
	case "paused":
		return "The channel is paused. An administrator can let it send again in the Channel settings."
	case "removed":
		return "The channel was removed from the helpdesk."
	case "connecting":
		return "The channel is not connected yet."
	}
	if _, found := d.Channels.Client(channel); !found {
		return "The channel is not connected."
	}
	switch health := d.Channels.Health(channel); health.State {
	case chatapi.HealthNeedsToken, chatapi.HealthBlocked:
		return first(health.Reason, "The channel needs an administrator.")
	}
	return ""
}

// fillOthers reads the other requests of the chat and of the person.
func (v *View) fillOthers(ctx context.Context, r *Request) (err error) {
	if r.Earlier, err = v.visibleRows(ctx, "r.chat = $2 AND r.id <> $3 AND r.merged_into = 0", r.Chat, r.ID); err != nil {
		return err
	}
	if r.MergedInto == 0 {
		r.Mergeable = r.Earlier
	}
	if r.Merged, err = v.visibleRows(ctx, "r.merged_into = $2 AND r.merged_into <> 0", r.ID); err != nil || r.Contact == 0 {
		return err
	}
	r.Elsewhere, err = v.visibleRows(ctx, "h.contact IN ("+group("$2")+") AND r.chat <> $3 AND r.merged_into = 0", r.Contact, r.Chat)
	return err
}

// fillHidden counts the messages that belong to departments that the agent does not see.
func (v *View) fillHidden(ctx context.Context, r *Request) error {
	rows, err := v.DB.Query(ctx, `SELECT d.name, count(*) FROM desk_message m JOIN desk_request r ON r.id = m.request JOIN desk_department d ON d.id = r.department
		WHERE m.chat = $1 AND m.direction IN ('in', 'out') AND NOT (`+v.visible("r.department")+`) GROUP BY d.name, d.folded ORDER BY d.folded`, r.Chat)
	r.Hidden, err = store.All(rows, err, func(h *HiddenMessages) []any { return []any{&h.Department, &h.Messages} })
	return err
}

// requestOf returns the department and the chat of a request.
func (d *Desk) requestOf(ctx context.Context, tx durable.Tx, id int64) (department, chat int64, err error) {
	found, err := store.Get(ctx, tx, "SELECT department, chat FROM desk_request WHERE id = $1", []any{id}, &department, &chat)
	if err == nil && !found {
		err = ErrNotFound
	}
	return department, chat, err
}

// change changes a request that the agent sees, in a transaction.
func (v *View) change(ctx context.Context, id int64, do func(ctx context.Context, tx durable.Tx, r *record) error) error {
	return v.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		r, err := v.record(ctx, tx, id)
		if err != nil {
			return err
		}
		return do(ctx, tx, r)
	})
}

// record is a request as an act finds it.
type record struct {
	id, chat, department, assignee, merged, last int64
	state                                        State
	colleague                                    string // the assignee's name
}

// record reads a request that the agent sees.
func (v *View) record(ctx context.Context, tx durable.Tx, id int64) (*record, error) {
	r := &record{id: id}
	found, err := store.Get(ctx, tx, `SELECT r.chat, r.department, r.assignee, r.merged_into, r.last, r.state, coalesce(a.name, '')
		FROM desk_request r LEFT JOIN desk_agent a ON a.id = r.assignee WHERE r.id = $1`, []any{id},
		&r.chat, &r.department, &r.assignee, &r.merged, &r.last, &r.state, &r.colleague)
	if err != nil {
		return nil, err
	}
	if !found || !v.Sees(r.department) {
		return nil, ErrNotFound
	}
	return r, nil
}

// whole refuses an act on a request that was merged into another.
func (r *record) whole() error {
	if r.merged != 0 {
		return &Refused{Sentence: fmt.Sprintf("Request #%d was merged into #%d. Open that one.", r.id, r.merged)}
	}
	return nil
}

// changed lets pages of the request know.
func (r *record) changed(tx durable.Tx) error {
	return tx.Changed(Change{Kind: ChangedRequest, Department: r.department, Object: r.id})
}

// object is the name of the request in the audit.
func (r *record) object() string { return "request " + strconv.FormatInt(r.id, 10) }

// changedChat lets pages of the other requests of a chat know, the newest of them: they
// show what belongs to the chat.
func changedChat(ctx context.Context, tx durable.Tx, chat, but int64) error {
	return changedWhere(ctx, tx, "chat = $1 AND id <> $2", chat, but)
}

// changedWhere lets pages of the newest requests know that a condition chooses.
func changedWhere(ctx context.Context, tx durable.Tx, condition string, args ...any) error {
	rows, err := tx.Query(ctx, "SELECT id, department FROM desk_request WHERE "+condition+" AND merged_into = 0 ORDER BY last DESC, id DESC LIMIT 50", args...)
	changes, err := store.All(rows, err, func(c *Change) []any { return []any{&c.Object, &c.Department} })
	for _, c := range changes {
		c.Kind = ChangedRequest
		if err := tx.Changed(c); err != nil {
			return err
		}
	}
	return err
}
