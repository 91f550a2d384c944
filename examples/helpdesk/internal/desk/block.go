package desk

import (
	"context"
	"strings"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// Block blocks a person on the channels on which the agent sees a request of it, or lets it
// write again there. WhatsApp does so by the number.
func (v *View) Block(ctx context.Context, contact int64, block bool) error {
	numbers, err := v.numbersOf(ctx, contact)
	if err != nil {
		return err
	}
	if len(numbers) == 0 {
		return &Refused{Sentence: "WhatsApp blocks people by their number, and this person hides it."}
	}
	var done int
	var refused []string
	for _, n := range numbers {
		if err := v.setBlocked(ctx, n, block); err != nil {
			refused = append(refused, n.name+": "+sentenceOf(err))
			continue
		}
		done++
	}
	if done > 0 {
		if err := v.saveBlocked(ctx, contact, block); err != nil {
			return err
		}
	}
	if len(refused) > 0 {
		return &Refused{Sentence: strings.Join(refused, " ")}
	}
	return nil
}

// channelNumber is the number of a person on a channel.
type channelNumber struct{ channel, name, key string }

// numbersOf returns the numbers of a person on the channels of the chats that the agent sees.
func (v *View) numbersOf(ctx context.Context, contact int64) (all []channelNumber, err error) {
	err = v.changePerson(ctx, contact, func(ctx context.Context, tx durable.Tx, p *person) error {
		rows, err := tx.Query(ctx, `SELECT n.channel, coalesce(nullif(n.name, ''), n.channel), k.key FROM desk_chat h JOIN desk_channel n ON n.id = h.channel
			JOIN desk_chat_key k ON k.chat = h.id WHERE h.contact IN (`+numbers(p.contacts)+`) AND k.key LIKE 'phone:%' AND n.state <> 'removed'
			AND `+v.seesChat("h.id")+" ORDER BY n.id, k.key")
		all, err = store.All(rows, err, func(n *channelNumber) []any { return []any{&n.channel, &n.name, &n.key} })
		return err
	})
	return all, err
}

func (v *View) setBlocked(ctx context.Context, n channelNumber, block bool) error {
	client, found := v.Channels.Client(chatapi.ChannelID(n.channel))
	if !found {
		return &Refused{Sentence: "The channel is not connected."}
	}
	who, err := chatapi.ParseRecipient(n.key)
	if err != nil {
		return err
	}
	if block {
		return client.Users.Block(ctx, who)
	}
	return client.Users.Unblock(ctx, who)
}

// saveBlocked notes that a person is blocked, or is so no more.
func (v *View) saveBlocked(ctx context.Context, contact int64, block bool) error {
	act := "unblocked contact"
	if block {
		act = "blocked contact"
	}
	return v.changePerson(ctx, contact, func(ctx context.Context, tx durable.Tx, p *person) error {
		if _, err := tx.Exec(ctx, "UPDATE desk_contact SET blocked = $1 WHERE id IN ("+numbers(p.contacts)+")", store.Bit(block)); err != nil {
			return err
		}
		if err := v.audit(ctx, tx, v.Agent, act, contactObject(p.id), "", ""); err != nil {
			return err
		}
		return p.changed(ctx, tx)
	})
}
