package desk

import (
	"context"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// markTimeout bounds the call that marks a message as read, which a page waits for.
const markTimeout = 10 * time.Second

// Seen notes that the agent has seen the messages of a request up to one of them. If the
// agent is the assignee, or nobody is, the customer learns it, unless the channel's switch
// forbids that.
func (v *View) Seen(ctx context.Context, request, message int64) error {
	var answers, news bool
	err := v.change(ctx, request, func(ctx context.Context, tx durable.Tx, r *record) error {
		var id, before int64
		found, err := store.Get(ctx, tx, "SELECT id FROM desk_message WHERE id = $1 AND request = $2", []any{message, request}, &id)
		if err != nil || !found {
			return fail404(err)
		}
		if _, err := store.Get(ctx, tx, "SELECT message FROM desk_seen WHERE request = $1 AND agent = $2", []any{request, v.Agent}, &before); err != nil {
			return err
		}
		answers, news = r.assignee == v.Agent || r.assignee == 0, message > before
		if !news {
			return nil
		}
		_, err = tx.Exec(ctx, `INSERT INTO desk_seen (request, agent, message) VALUES ($1, $2, $3)
			ON CONFLICT (request, agent) DO UPDATE SET message = excluded.message`, request, v.Agent, message)
		if err != nil || r.assignee != v.Agent {
			return err // what a colleague reads leaves the request unread
		}
		return v.touch(ctx, tx, request)
	})
	if err != nil || !answers || !news {
		return err
	}
	return v.markRead(ctx, request, message)
}

// fail404 returns the error of a database before ErrNotFound.
func fail404(err error) error {
	if err != nil {
		return err
	}
	return ErrNotFound
}

// markRead marks the newest message of the customer as read, up to a message. A service
// that does not answer is not the agent's concern: the log has it.
func (v *View) markRead(ctx context.Context, request, message int64) error {
	var wamid, channel string
	found, err := v.DB.Get(ctx, `SELECT m.wamid, n.channel FROM desk_message m JOIN desk_channel n ON n.id = m.channel
		WHERE m.request = $1 AND m.id <= $2 AND m.direction = 'in' AND m.wamid <> '' AND m.origin = '' AND m.placeholder = 0
		AND n.marks_read = 1 AND n.state = 'connected' ORDER BY m.id DESC LIMIT 1`, []any{request, message}, &wamid, &channel)
	if err != nil || !found {
		return err
	}
	client, found := v.Channels.Client(chatapi.ChannelID(channel))
	if !found {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, markTimeout)
	defer cancel()
	if err := client.Messages.MarkRead(ctx, wamid, false); err != nil {
		v.Log.WarnContext(ctx, "A message was not marked as read.", "channel", channel, "error", err)
	}
	return nil
}
