package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

// This file makes the departments, agents and chats with which the demo begins.

// person is an agent of the demo.
type person struct {
	name, email, password string
	id                    int64
}

// begin makes the sample data of a new database, and prints how to sign in.
func (d *demo) begin(ctx context.Context, p *program) error {
	agents, err := p.desk.ActiveAgents(ctx)
	if err != nil {
		return err
	}
	people := make([]person, len(agents))
	for n, a := range agents {
		people[n] = person{name: a.Name, id: a.ID}
	}
	if len(people) == 0 {
		if people, err = d.sample(ctx, p); err != nil {
			return err
		}
	}
	if d.fresh && people[0].password != "" {
		if err := d.chats(ctx, p, people[0].id); err != nil {
			p.log.WarnContext(ctx, "The sample chats are not complete.", "error", err)
		}
	}
	for _, one := range people {
		path, err := p.desk.SignInLink(ctx, one.id)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.out, "%s signs in once at  %s%s\n", one.name, p.address, path)
	}
	fmt.Fprintf(p.out, "The phones are at     %s\n", d.address)
	for _, one := range people {
		if one.password != "" {
			fmt.Fprintf(p.out, "%s's password: %s, with the e-mail %s\n", one.name, one.password, one.email)
		}
	}
	fmt.Fprintln(p.out, "Ctrl-C ends it.")
	return nil
}

func (d *demo) sample(ctx context.Context, p *program) ([]person, error) {
	sales, err := p.desk.AddDepartment(ctx, "Sales")
	if err != nil {
		return nil, err
	}
	support, err := p.desk.AddDepartment(ctx, "Support")
	if err != nil {
		return nil, err
	}
	ann := person{name: "Ann", email: "ann@example.com", password: newPassword()}
	max := person{name: "Max", email: "max@example.com", password: newPassword()}
	ann.id, err = p.desk.AddAgent(ctx, desk.AgentForm{Email: ann.email, Name: ann.name, Password: ann.password, Admin: true, Departments: []int64{sales, support}})
	if err != nil {
		return nil, err
	}
	max.id, err = p.desk.AddAgent(ctx, desk.AgentForm{Email: max.email, Name: max.name, Password: max.password, Departments: []int64{sales}})
	if err != nil {
		return nil, err
	}
	v, err := p.desk.For(ctx, ann.id)
	if err != nil {
		return nil, err
	}
	c, err := v.Connect(ctx, desk.ChannelForm{Department: sales, Name: "Sales, Boston", APIURL: d.apiURL, Token: d.api.Token}, nil)
	if err != nil {
		return nil, err
	}
	if err := v.Display(ctx, c.ID, true); err != nil {
		return nil, err
	}
	return []person{ann, max}, nil
}

// newPassword returns one that nobody guesses.
func newPassword() string { return strings.ToLower(rand.Text()[:16]) }

// chats lets three customers write: one whose window has closed since, one who did not get
// the answer, and one who waits. Ann Example has not written yet.
func (d *demo) chats(ctx context.Context, p *program, agent int64) error {
	defer func() { // whatever happened, it is now
		d.api.Advance(max(0, time.Since(d.api.Now())))
		p.desk.CheckSoon(salesChannel)
	}()
	v, err := p.desk.For(ctx, agent)
	if err != nil {
		return err
	}
	d.api.Customer("12025550143").Named("Ann Example")

	bob := d.api.Customer("12025550144").Named("Bob Sample")
	bob.Says("Do you have the blue lamp in stock?")
	if err := answer(ctx, v, "Bob Sample", "Yes, two of them. Shall we keep one for you?"); err != nil {
		return err
	}
	d.until(bob, "Yes, two of them")
	bob.Reads()
	d.api.Advance(demoPast - time.Hour)

	carl := d.api.Customer("12025550145").Named("Carl Muster")
	carl.Says("Can you send the invoice again?")
	carl.CannotBeReached("")
	if err := answer(ctx, v, "Carl Muster", "Here it is again: invoice 1007."); err != nil {
		return err
	}
	d.api.Advance(40 * time.Minute)
	d.api.Customer("12025550146").Named("Dora Prove").Says("Where is my order #42?")
	return nil
}

// until waits until a customer has got a text.
func (d *demo) until(c *chatapitest.Customer, text string) {
	for range 100 {
		if strings.Contains(c.LastReceived().Text, text) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// answer waits for the request of a customer and answers it.
func answer(ctx context.Context, v *desk.View, person, text string) error {
	for range 500 {
		rows, _, err := v.Requests(ctx, desk.Filter{})
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.Person != person {
				continue
			}
			c, err := v.Composer(ctx, row.ID)
			if err != nil {
				return err
			}
			_, err = v.Send(ctx, desk.Composition{Request: row.ID, Key: c.Key, LastSeen: c.LastSeen, Text: text})
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return errors.New("the message of " + person + " did not arrive")
}
