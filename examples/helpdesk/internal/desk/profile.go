package desk

import (
	"context"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// Profile is what an agent sets for the own pages.
type Profile struct {
	Email, Name string
	Theme       string // "" as the system has it, light or dark
	Keys        bool   // single keys are shortcuts
	Enter       bool   // Enter sends; else Ctrl+Enter does
	HasPassword bool
}

// Profile returns the agent's own.
func (v *View) Profile(ctx context.Context) (*Profile, error) {
	p := &Profile{}
	var hash string
	var keys, enter int64
	found, err := v.DB.Get(ctx, "SELECT email, name, password, theme, keys, enter FROM desk_agent WHERE id = $1", []any{v.Agent},
		&p.Email, &p.Name, &hash, &p.Theme, &keys, &enter)
	if err == nil && !found {
		err = ErrNotFound
	}
	p.Keys, p.Enter, p.HasPassword = keys == 1, enter == 1, hash != ""
	return p, err
}

// SaveProfile sets the name, the theme and the keys.
func (v *View) SaveProfile(ctx context.Context, p Profile) error {
	name, err := nameOf(p.Name, "You")
	if err != nil {
		return &Refused{Field: "name", Sentence: "Write the name that colleagues see, at most 80 characters in one line."}
	}
	if p.Theme != "" && p.Theme != "light" && p.Theme != "dark" {
		return &Refused{Field: "theme", Sentence: "Choose a theme of the list."}
	}
	return v.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		before, err := agentIn(ctx, tx, v.Agent)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "UPDATE desk_agent SET name = $1, theme = $2, keys = $3, enter = $4 WHERE id = $5",
			name, p.Theme, store.Bit(p.Keys), store.Bit(p.Enter), v.Agent); err != nil {
			return err
		}
		if before.Name == name {
			return nil
		}
		return v.audit(ctx, tx, v.Agent, "changed agent", before.object(), before.Name, name)
	})
}

// ChangePassword sets the agent's password and ends all sign-ins, also the one that asks:
// it begins a new one with what ChangePassword returns. The present password is not needed
// if there is none, or byLink says that the agent signed in by a link of an administrator.
func (v *View) ChangePassword(ctx context.Context, present, password string, byLink bool) (SignedIn, error) {
	var before, email string
	found, err := v.DB.Get(ctx, "SELECT password, email FROM desk_agent WHERE id = $1", []any{v.Agent}, &before, &email)
	switch {
	case err != nil:
		return SignedIn{}, err
	case !found:
		return SignedIn{}, ErrNotFound
	}
	if err := goodPassword(password, email); err != nil {
		return SignedIn{}, err
	}
	if before != "" && !byLink {
		right, _, err := checkPassword(ctx, before, present)
		switch {
		case err != nil:
			return SignedIn{}, err
		case !right:
			return SignedIn{}, &Refused{Field: "present", Sentence: "The present password is wrong."}
		}
	}
	hash, err := hashPassword(ctx, password)
	if err != nil {
		return SignedIn{}, err
	}
	s := SignedIn{Agent: v.Agent}
	err = v.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		changed, err := tx.Exec(ctx, "UPDATE desk_agent SET password = $1 WHERE id = $2 AND password = $3", hash, v.Agent, before)
		switch {
		case err != nil:
			return err
		case changed == 0:
			return &Refused{Field: "present", Sentence: "The password was changed elsewhere meanwhile. Sign in again."}
		}
		if err := endSignIns(ctx, tx, v.Agent); err != nil {
			return err
		}
		a, err := agentIn(ctx, tx, v.Agent)
		if err != nil {
			return err
		}
		s.Epoch = a.epoch
		return v.audit(ctx, tx, v.Agent, "changed password", a.object(), "", "")
	})
	return s, err
}
