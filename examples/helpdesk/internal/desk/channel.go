package desk

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// ChannelState is what the helpdesk does with a channel.
type ChannelState string

// The states of channels.
const (
	ChannelConnecting ChannelState = "connecting" // the first connection has not succeeded yet
	ChannelConnected  ChannelState = "connected"
	ChannelPaused     ChannelState = "paused" // messages arrive, and none is sent
	ChannelRemoved    ChannelState = "removed"
)

// ChannelRow is a channel as pages show it. It has no token.
type ChannelRow struct {
	ID         int64
	Channel    chatapi.ChannelID
	Name       string // what people call it: the given name, or the number
	OwnName    string // the given name; may be empty
	Phone      string // spaced, with a plus; may be empty
	Department Name
	APIURL     string
	State      ChannelState
	Displayed  bool // in Omnichannel
	MarksRead  bool // reading marks as read for the customer

	Health  chatapi.HealthState
	Reason  string    // a sentence, why it is not healthy
	Steps   []StepRow // of the newest check
	Checked time.Time

	TokenAt time.Time
	TokenBy string
}

// StepRow is a step of a connection or a check.
type StepRow struct {
	Name     string `json:"name"` // of chatapi.Step
	Sentence string `json:"sentence"`
	Wrong    bool   `json:"wrong,omitempty"`
}

const channelColumns = `SELECT c.id, c.channel, c.name, c.phone, c.department, d.name, c.api_url, c.state, c.displayed, c.marks_read,
	c.health, c.reason, c.steps, c.checked, c.token_at, coalesce(a.name, '')
	FROM desk_channel c JOIN desk_department d ON d.id = c.department LEFT JOIN desk_agent a ON a.id = c.token_by `

// ChannelRows returns the channels of the agent's departments, in the order of their names.
func (v *View) ChannelRows(ctx context.Context) ([]ChannelRow, error) {
	return v.channels(ctx, "c.state IN ('connected', 'paused') AND "+v.visible("c.department"))
}

// ChannelRow returns a channel that the agent may see.
func (v *View) ChannelRow(ctx context.Context, id int64) (*ChannelRow, error) {
	all, err := v.channels(ctx, "c.id = $1 AND c.state IN ('connected', 'paused') AND "+v.visible("c.department"), id)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, ErrNotFound
	}
	return &all[0], nil
}

// ChannelNames returns the channels of the agent's departments, for a choice.
func (v *View) ChannelNames(ctx context.Context) ([]Name, error) {
	rows, err := v.ChannelRows(ctx)
	names := make([]Name, len(rows))
	for n, row := range rows {
		names[n] = Name{row.ID, row.Name}
	}
	return names, err
}

func (d *Desk) channels(ctx context.Context, where string, args ...any) ([]ChannelRow, error) {
	rows, err := d.DB.Query(ctx, channelColumns+"WHERE "+where+" ORDER BY c.folded, c.id", args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []ChannelRow
	for rows.Next() {
		var c ChannelRow
		var steps string
		var displayed, marks, checked, tokenAt int64
		err := rows.Scan(&c.ID, &c.Channel, &c.OwnName, &c.Phone, &c.Department.ID, &c.Department.Name, &c.APIURL, &c.State,
			&displayed, &marks, &c.Health, &c.Reason, &steps, &checked, &tokenAt, &c.TokenBy)
		if err != nil {
			return nil, err
		}
		if steps != "" {
			if err := json.Unmarshal([]byte(steps), &c.Steps); err != nil {
				return nil, fmt.Errorf("steps of channel %s: %w", c.Channel, err)
			}
		}
		c.Displayed, c.MarksRead = displayed == 1, marks == 1
		c.Checked, c.TokenAt = store.Time(checked), store.Time(tokenAt)
		c.Phone = spaced(c.Phone)
		c.Name = cmp.Or(c.OwnName, c.Phone, string(c.Channel))
		all = append(all, c)
	}
	return all, rows.Err()
}

// spaced returns a number of digits with a plus, and that of North America with blanks.
func spaced(digits string) string {
	switch {
	case digits == "":
		return ""
	case len(digits) == 11 && digits[0] == '1':
		return "+1 " + digits[1:4] + " " + digits[4:7] + " " + digits[7:]
	}
	return "+" + digits
}

// channelRow returns the row and the department of a channel that is connected or paused.
func (d *Desk) channelRow(ctx context.Context, channel chatapi.ChannelID) (id, department int64, found bool, err error) {
	found, err = d.DB.Get(ctx, "SELECT id, department FROM desk_channel WHERE channel = $1 AND state IN ('connected', 'paused')",
		[]any{string(channel.Canonical())}, &id, &department)
	return id, department, found, err
}

// clientOf returns the client of a channel by its row. The error is a Refused with the
// reason if nothing can be sent on the channel.
func (d *Desk) clientOf(ctx context.Context, row int64) (*chatapi.Client, error) {
	var id chatapi.ChannelID
	var state ChannelState
	found, err := d.DB.Get(ctx, "SELECT channel, state FROM desk_channel WHERE id = $1", []any{row}, &id, &state)
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, ErrNotFound
	case state == ChannelPaused:
		return nil, &Refused{Sentence: "The channel is paused. An administrator can end the pause in Channel settings."}
	case state != ChannelConnected:
		return nil, &Refused{Sentence: "The channel was removed."}
	}
	client, found := d.Channels.Client(id)
	if !found {
		return nil, &Refused{Sentence: "The channel is not connected. An administrator can set its token anew in Channel settings."}
	}
	return client, nil
}

// Display shows a channel's requests in Omnichannel, or hides them there.
func (v *View) Display(ctx context.Context, channel int64, on bool) error {
	row, err := v.ownChannel(ctx, channel)
	if err != nil || row.Displayed == on {
		return err
	}
	act := "displayed channel"
	if !on {
		act = "hid channel"
	}
	return v.setChannel(ctx, row, act, "", "", "displayed = $2", store.Bit(on))
}

// ChannelSettings are what an administrator can change of a channel.
type ChannelSettings struct {
	Name       string
	Department int64
	MarksRead  bool
}

// SetChannel changes a channel's settings. Requests that exist stay in their departments.
func (v *View) SetChannel(ctx context.Context, channel int64, s ChannelSettings) error {
	row, err := v.ownChannel(ctx, channel)
	if err != nil {
		return err
	}
	if err := v.checkSettings(ctx, s.Name, s.Department); err != nil {
		return err
	}
	describe := func(name string, department int64, marks bool) string {
		return fmt.Sprintf("name %q, department %d, marks as read: %t", name, department, marks)
	}
	before, after := describe(row.OwnName, row.Department.ID, row.MarksRead), describe(store.Text(s.Name), s.Department, s.MarksRead)
	if before == after {
		return nil
	}
	folded := store.Fold(cmp.Or(s.Name, row.Phone, string(row.Channel)))
	return v.setChannel(ctx, row, "changed channel", before, after, "name = $2, folded = $3, department = $4, marks_read = $5",
		store.Text(s.Name), folded, s.Department, store.Bit(s.MarksRead))
}

// maxChannelName is the most characters of a channel's name.
const maxChannelName = 80

func (v *View) checkSettings(ctx context.Context, name string, department int64) error {
	if utf8.RuneCountInString(name) > maxChannelName {
		return &Refused{Field: "name", Sentence: fmt.Sprintf("A name has at most %d characters.", maxChannelName)}
	}
	var id int64
	found, err := v.DB.Get(ctx, "SELECT id FROM desk_department WHERE id = $1", []any{department}, &id)
	if err == nil && !found {
		err = &Refused{Field: "department", Sentence: "Choose the department that gets the requests."}
	}
	return err
}

// PauseChannel stops or resumes sending on a channel. Customers' messages arrive all the same.
func (v *View) PauseChannel(ctx context.Context, channel int64, pause bool) error {
	row, err := v.ownChannel(ctx, channel)
	if err != nil || (row.State == ChannelPaused) == pause {
		return err
	}
	if pause {
		if err := v.setChannel(ctx, row, "paused channel", "", "", "state = $2", string(ChannelPaused)); err != nil {
			return err
		}
		v.Channels.Remove(row.Channel)
		return nil
	}
	if err := v.setChannel(ctx, row, "resumed channel", "", "", "state = $2", string(ChannelConnected)); err != nil {
		return err
	}
	if err := v.putClient(ctx, row.ID); err != nil {
		return err
	}
	v.CheckSoon(row.Channel)
	return nil
}

// RemoveChannel forgets a channel's token and takes the helpdesk's address off the
// channel's list; requests and messages stay. typed has to be the channel's name. The
// sentence says whether the service delivers no more.
func (v *View) RemoveChannel(ctx context.Context, channel int64, typed string) (sentence string, err error) {
	row, err := v.ownChannel(ctx, channel)
	if err != nil {
		return "", err
	}
	if typed != row.Name {
		return "", &Refused{Field: "typed", Sentence: "Type the channel's name exactly as it stands above."}
	}
	sentence = "The channel is removed, and Chat API delivers no more of its messages here."
	if err := v.unhook(ctx, row.ID); err != nil {
		sentence = "The channel is removed, but its list of webhook addresses could not be changed: " + sentenceFor(err) +
			" Remove the address of this helpdesk from the list in the Chat API cabinet."
	}
	err = v.setChannel(ctx, row, "removed channel", row.Name, "", "state = $2, token = $3, displayed = 0", string(ChannelRemoved), []byte{})
	if err != nil {
		return "", err
	}
	v.Channels.Remove(row.Channel)
	return sentence, nil
}

// unhook takes the helpdesk's address off a channel's list.
func (d *Desk) unhook(ctx context.Context, row int64) error {
	client, generation, err := d.storedClient(ctx, row)
	if err != nil {
		return err
	}
	return client.Webhooks.Remove(ctx, d.hookURL(client.ChannelID(), generation))
}

// ownChannel returns a channel for an administrator's act.
func (v *View) ownChannel(ctx context.Context, id int64) (*ChannelRow, error) {
	if err := v.admin(); err != nil {
		return nil, err
	}
	return v.ChannelRow(ctx, id)
}

// setChannel changes columns of a channel. In set, $1 is the row's id and args begin with $2.
func (v *View) setChannel(ctx context.Context, row *ChannelRow, act, before, after, set string, args ...any) error {
	return v.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE desk_channel SET "+set+" WHERE id = $1", append([]any{row.ID}, args...)...); err != nil {
			return err
		}
		if err := v.audit(ctx, tx, v.Agent, act, "channel "+string(row.Channel), before, after); err != nil {
			return err
		}
		return tx.Changed(Change{Kind: ChangedChannel, Object: row.ID})
	})
}
