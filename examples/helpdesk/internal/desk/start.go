package desk

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// Start is what the form that begins a chat needs.
type Start struct {
	Channels  []Name
	Channel   int64 // the chosen one; 0 for none
	Templates []TemplateChoices
	Key       string
}

// ToStart returns the channels on which the agent may begin a chat, and the templates of one
// of them. Without one that can be used it takes the first.
func (v *View) ToStart(ctx context.Context, channel int64) (*Start, error) {
	rows, err := v.DB.Query(ctx, `SELECT id, CASE WHEN name <> '' THEN name WHEN phone <> '' THEN phone ELSE channel END FROM desk_channel
		WHERE state = 'connected' AND `+v.visible("department")+" ORDER BY id")
	s := &Start{Key: rand.Text()}
	if s.Channels, err = store.All(rows, err, func(n *Name) []any { return []any{&n.ID, &n.Name} }); err != nil || len(s.Channels) == 0 {
		return s, err
	}
	s.Channel = s.Channels[0].ID
	for _, c := range s.Channels {
		if c.ID == channel {
			s.Channel = channel
		}
	}
	s.Templates, _, err = v.choices(ctx, s.Channel, false)
	s.Templates = slices.DeleteFunc(s.Templates, func(t TemplateChoices) bool { return t.Image }) // this form takes no file
	return s, err
}

// StartChat sends a template to a number and returns the request that holds it: the open
// one of that person on the channel, or a new one. key is that of a composition.
func (v *View) StartChat(ctx context.Context, channel int64, phone string, t TemplateChoice, key string) (request int64, err error) {
	key, err = outboxKey(key)
	if err != nil {
		return 0, err
	}
	p, err := v.newPlace(ctx, channel, phone)
	if err != nil {
		return 0, err
	}
	s := &sending{place: p, key: key, composed: &composed{Template: &t, To: p.to.Key()}}
	if err := v.prepare(ctx, s, nil); err != nil {
		return 0, err
	}
	err = v.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		before := ""
		found, err := store.Get(ctx, tx, "SELECT request, composed FROM desk_message WHERE channel = $1 AND outbox_key = $2 AND outbox_key <> '' AND agent = $3",
			[]any{channel, key, v.Agent}, &request, &before)
		if err == nil && found && !s.composed.is(before, nil) {
			err = ErrSentBefore
		}
		if found || err != nil {
			return err
		}
		// Functions that share a transaction may run again, so s is left as it is.
		here := *s
		at := *p
		here.place = &at
		if at.chat, err = v.chatWith(ctx, tx, channel, p.to); err != nil {
			return err
		}
		if at.request, err = v.requestIn(ctx, tx, at.chat, p.department, Shorten(s.built.body, 80)); err != nil {
			return err
		}
		request = at.request
		department, _, err := v.requestOf(ctx, tx, request)
		if err != nil {
			return err
		}
		if !v.Sees(department) {
			return &Refused{Field: "phone", Sentence: "Another department is in touch with this number already. Ask an administrator."}
		}
		message, err := v.insert(ctx, tx, &here)
		if err != nil {
			return err
		}
		if err := v.audit(ctx, tx, v.Agent, "began chat", fmt.Sprintf("request %d", request), "", t.Name); err != nil {
			return err
		}
		return v.afterAnswer(ctx, tx, &here, message)
	})
	return request, err
}

// newPlace returns where a chat with a number would be.
func (v *View) newPlace(ctx context.Context, channel int64, phone string) (*place, error) {
	p := &place{channel: channel}
	var state string
	found, err := v.DB.Get(ctx, "SELECT channel, department, state FROM desk_channel WHERE id = $1 AND "+v.visible("department"),
		[]any{channel}, &p.id, &p.department, &state)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, ErrNotFound
	}
	p.to = chatapi.Phone(phone)
	p.person = p.to.String()
	if p.why = v.whyNot(p.id, state); p.why != "" {
		return nil, &Refused{Field: "channel", Sentence: p.why}
	}
	client, _ := v.Channels.Client(p.id)
	if client == nil {
		return nil, &Refused{Field: "channel", Sentence: "The channel is not connected, so nothing can be sent on it."}
	}
	if _, err := client.Prepare(p.to, chatapi.Text{Body: "."}); err != nil {
		return nil, &Refused{Field: "phone", Sentence: sentenceOf(err)}
	}
	return p, nil
}
