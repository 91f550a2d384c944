package desk

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// ChannelForm is what a person fills in to connect a channel.
type ChannelForm struct {
	Department int64
	Name       string // may be empty
	APIURL     string
	Token      string
}

// Connected is a connection that succeeded.
type Connected struct {
	ID       int64
	Sentence string // "Connection successfully established"
	Details  string // what was found
	Name     string
	Hidden   bool // the channel is not displayed in Omnichannel
}

// Established is the sentence of a connection that succeeded.
const Established = "Connection successfully established"

// NotConnected is the error of a connection that failed.
type NotConnected struct {
	Fields   []string // those of the form that are wrong: "api_url", "token"; empty if none is
	Sentence string
}

func (n *NotConnected) Error() string { return n.Sentence }

// connectTimeout bounds a connection, with its retries.
const connectTimeout = 75 * time.Second

// Connect checks API URL and token of a channel, registers the helpdesk's address there,
// and stores the channel if all of that succeeds. Repeating it with the same form changes
// nothing. step is called after each step. The error is a [*NotConnected] or a [*Refused]
// for the person.
func (v *View) Connect(ctx context.Context, f ChannelForm, step func(StepRow)) (*Connected, error) {
	if err := v.admin(); err != nil {
		return nil, err
	}
	f.Name = strings.TrimSpace(store.Text(f.Name))
	if err := v.checkSettings(ctx, f.Name, f.Department); err != nil {
		return nil, err
	}
	a, err := v.newAttempt(ctx, f.APIURL, f.Token, step)
	if err != nil {
		return nil, err
	}
	defer v.connecting.lock(a.channel)()
	if a.row, err = v.beginChannel(ctx, a.channel, f); err != nil {
		return nil, err
	}
	return v.finishChannel(ctx, a, f)
}

// NewToken checks a new token of a channel and stores it if it is right.
func (v *View) NewToken(ctx context.Context, channel int64, token string, step func(StepRow)) (*Connected, error) {
	row, err := v.ownChannel(ctx, channel)
	if err != nil {
		return nil, err
	}
	a, err := v.newAttempt(ctx, row.APIURL, token, step)
	if err != nil {
		return nil, err
	}
	defer v.connecting.lock(a.channel)()
	f := ChannelForm{Department: row.Department.ID, Name: row.OwnName}
	if a.row, err = v.beginChannel(ctx, a.channel, f); err != nil {
		return nil, err
	}
	return v.finishChannel(ctx, a, f)
}

// Synchronize connects a channel anew with what is stored, so that its address is on the
// service's list again.
func (v *View) Synchronize(ctx context.Context, channel int64, step func(StepRow)) (*Connected, error) {
	if _, err := v.ownChannel(ctx, channel); err != nil {
		return nil, err
	}
	_, token, _, _, err := v.secrets(ctx, channel)
	if err != nil {
		return nil, err
	}
	return v.NewToken(ctx, channel, token, step)
}

// attempt is a connection that is tried.
type attempt struct {
	channel    chatapi.ChannelID
	client     *chatapi.Client
	apiURL     string // cleaned by the SDK: without a token
	token      string
	step       func(StepRow)
	row        stored
	connection *chatapi.Connection
}

// stored is what the table has of a channel before a connection.
type stored struct {
	id         int64
	state      ChannelState
	generation int64
}

func (v *View) newAttempt(ctx context.Context, apiURL, token string, step func(StepRow)) (*attempt, error) {
	client, err := chatapi.New(apiURL, token)
	if err != nil {
		return nil, notConnected(err)
	}
	a := &attempt{channel: client.ChannelID().Canonical(), apiURL: client.APIURL(), step: step}
	a.token = cmp.Or(strings.TrimSpace(token), tokenIn(apiURL))
	if err := v.checkHost(ctx, a.apiURL); err != nil {
		return nil, err
	}
	// The client that is stored is made of what is stored, so that it works after a restart.
	if a.client, err = chatapi.New(a.apiURL, a.token, v.ClientOptions...); err != nil {
		return nil, notConnected(err)
	}
	return a, nil
}

// tokenIn returns the token that a pasted address has in its query.
func tokenIn(apiURL string) string {
	_, query, _ := strings.Cut(strings.TrimSpace(apiURL), "?")
	query, _, _ = strings.Cut(query, "#")
	values, err := url.ParseQuery(query)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(values.Get("token"))
}

// WithoutToken returns an API URL as a form may show it again: without the token that it
// may have, and empty if it is no API URL, since it may be a token then.
func WithoutToken(apiURL string) string {
	client, err := chatapi.New(apiURL, "token")
	if err != nil {
		return ""
	}
	return client.APIURL()
}

// beginChannel writes the row of a channel that is new, so that the hook knows its secret, and
// refuses one that is there with other settings.
func (v *View) beginChannel(ctx context.Context, channel chatapi.ChannelID, f ChannelForm) (s stored, err error) {
	err = v.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		s = stored{}
		var department int64
		var name, phone string
		found, err := store.Get(ctx, tx, "SELECT id, state, generation, department, name, phone FROM desk_channel WHERE channel = $1",
			[]any{string(channel)}, &s.id, &s.state, &s.generation, &department, &name, &phone)
		switch {
		case err != nil:
			return err
		case !found:
			s.state, s.generation = ChannelConnecting, 1
			_, err = store.Get(ctx, tx, `INSERT INTO desk_channel (channel, department, api_url, token, state) VALUES ($1, $2, '', $3, 'connecting')
				RETURNING id`, []any{string(channel), f.Department, []byte{}}, &s.id)
			return err
		case s.state == ChannelRemoved:
			s.state, s.generation = ChannelConnecting, s.generation+1 // the old address stays closed
			_, err = tx.Exec(ctx, "UPDATE desk_channel SET state = 'connecting', generation = $2 WHERE id = $1", s.id, s.generation)
			return err
		case s.state != ChannelConnecting && (department != f.Department || name != f.Name):
			return &NotConnected{Fields: []string{"api_url"}, Sentence: fmt.Sprintf("Channel %s is connected already, as %s. Change its name and department in Channel settings.",
				channel, cmp.Or(name, spaced(phone), string(channel)))}
		}
		return nil
	})
	return s, err
}

// finishChannel connects a channel whose row is there, and stores the result.
func (v *View) finishChannel(ctx context.Context, a *attempt, f ChannelForm) (*Connected, error) {
	// The person may leave the page; what the service has got must be stored all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
	defer cancel()
	options := chatapi.ConnectOptions{WebhookURL: v.hookURL(a.channel, a.row.generation), AskWebhook: v.AskWebhook}
	if a.step != nil {
		options.Step = func(s chatapi.Step) { a.step(stepRow(s)) }
	}
	var err error
	if a.connection, err = a.client.Connect(ctx, options); err != nil {
		if err := v.abandon(ctx, a); err != nil {
			return nil, err
		}
		return nil, notConnected(err)
	}
	if err := v.keepChannel(ctx, a, f); err != nil {
		return nil, err
	}
	if err := v.putClient(ctx, a.row.id); err != nil {
		return nil, err
	}
	if err := v.saveTemplates(ctx, a.row.id); err != nil {
		v.Log.WarnContext(ctx, "The templates of a new channel were not read; the next check reads them.", "channel", a.channel, "error", err)
	}
	row, err := v.ChannelRow(ctx, a.row.id)
	if err != nil {
		return nil, err
	}
	_, details, _ := strings.Cut(a.connection.String(), ": ")
	return &Connected{ID: row.ID, Sentence: Established, Details: details, Name: row.Name, Hidden: !row.Displayed}, nil
}

// abandon removes the row of a channel that was not connected, unless the service may have
// our address already.
func (v *View) abandon(ctx context.Context, a *attempt) error {
	if a.row.state != ChannelConnecting || a.connection.Steps[len(a.connection.Steps)-1].Name == "webhooks" {
		return nil
	}
	state := ChannelRemoved // messages of before refer to the row
	return v.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE desk_channel SET state = $2 WHERE id = $1 AND state = 'connecting'", a.row.id, string(state))
		return err
	})
}

// keepChannel stores a channel that was connected.
func (v *View) keepChannel(ctx context.Context, a *attempt, f ChannelForm) error {
	steps, err := json.Marshal(stepRows(a.connection))
	if err != nil {
		return err
	}
	sealed := v.Key.Seal(a.token, tokenPlace(a.channel))
	act := "connected channel"
	if a.row.state != ChannelConnecting {
		act = "connected channel again"
	}
	state := a.row.state
	if state == ChannelConnecting {
		state = ChannelConnected
	}
	folded := store.Fold(cmp.Or(f.Name, a.connection.Phone, string(a.channel)))
	return v.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		now := store.Micros(v.Now())
		_, err := tx.Exec(ctx, `UPDATE desk_channel SET department = $2, name = $3, folded = $4, phone = $5, api_url = $6, token = $7, state = $8,
			health = $9, reason = '', steps = $10, checked = $11, token_at = $11, token_by = $12 WHERE id = $1`,
			a.row.id, f.Department, f.Name, folded, store.Text(a.connection.Phone), a.apiURL, sealed, string(state),
			string(chatapi.HealthHealthy), store.Text(string(steps)), now, v.Agent)
		if err != nil {
			return err
		}
		if err := v.audit(ctx, tx, v.Agent, act, "channel "+string(a.channel), "", a.apiURL); err != nil {
			return err
		}
		return tx.Changed(Change{Kind: ChangedChannel, Object: a.row.id})
	})
}

func tokenPlace(channel chatapi.ChannelID) string { return "token of channel " + string(channel) }

func stepRow(s chatapi.Step) StepRow {
	return StepRow{Name: s.Name, Sentence: s.Sentence, Wrong: s.Err != nil}
}

func stepRows(c *chatapi.Connection) []StepRow {
	rows := make([]StepRow, len(c.Steps))
	for n, s := range c.Steps {
		rows[n] = stepRow(s)
	}
	return rows
}

// notConnected says which field of the form an error of the SDK is about.
func notConnected(err error) error {
	n := &NotConnected{Sentence: sentenceFor(err)}
	var e *chatapi.Error
	switch {
	case errors.As(err, &e) && errors.Is(err, chatapi.ErrInvalid):
		if field, ours := map[string]string{"apiURL": "api_url", "token": "token"}[e.Field]; ours {
			n.Fields = []string{field}
		}
	case errors.Is(err, chatapi.ErrWrongChannel):
		n.Fields = []string{"api_url", "token"}
	case errors.Is(err, chatapi.ErrUnauthorized):
		n.Fields = []string{"token"}
	case errors.Is(err, chatapi.ErrNotFound), errors.Is(err, chatapi.ErrUnreachable):
		n.Fields = []string{"api_url"}
	}
	return n
}

// sentenceFor returns what an error says to a person: the SDK's sentence and advice. It
// never has a token.
func sentenceFor(err error) string {
	var e *chatapi.Error
	if !errors.As(err, &e) {
		return "The connection failed. Try again."
	}
	return strings.TrimSpace(sentenceOf(err) + " " + AdviceSentence(e.Advice))
}
