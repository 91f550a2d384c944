package desk

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"time"

	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// Sign-ins, cookies and links use the real time, also where the desk has a clock of its own.

const (
	linkLasts = 24 * time.Hour
	seenEvery = 5 * time.Minute
)

// SignedIn says who signed in.
type SignedIn struct {
	Agent int64
	Epoch int64 // of the agent; the sign-in ends when it is raised
	Fresh bool  // the agent has no password yet
}

// ErrSignIn is the error of a sign-in with a wrong password, an unknown address, an agent
// who is not active, or a link that was used or is too old.
var ErrSignIn = &Refused{Sentence: "The e-mail address or the password is wrong, or there were too many tries. Wait a minute and try again."}

// SignIn finds the agent of an e-mail address and a password. Every failure is ErrSignIn,
// and takes the same time.
func (d *Desk) SignIn(ctx context.Context, email, password string) (SignedIn, error) {
	var s SignedIn
	var active int64
	hash := ""
	found, err := d.DB.Get(ctx, "SELECT id, epoch, active, password FROM desk_agent WHERE folded = $1", []any{store.Fold(email)},
		&s.Agent, &s.Epoch, &active, &hash)
	if err != nil {
		return SignedIn{}, err
	}
	known := found && active == 1 && hash != ""
	if !known {
		hash = nobody
	}
	if len(password) > maxPassword {
		password = ""
	}
	right, stale, err := checkPassword(ctx, hash, password)
	switch {
	case err != nil:
		return SignedIn{}, err
	case !right || !known:
		return SignedIn{}, ErrSignIn
	case stale:
		return s, d.rehash(ctx, s.Agent, hash, password)
	}
	return s, nil
}

// rehash stores the password with the cost that new ones have, unless it was changed.
func (d *Desk) rehash(ctx context.Context, agent int64, before, password string) error {
	hash, err := hashPassword(ctx, password)
	if err != nil {
		return err
	}
	return d.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE desk_agent SET password = $1 WHERE id = $2 AND password = $3", hash, agent, before)
		return err
	})
}

// SignInLink makes a link that signs an agent in once, within a day, and returns its path.
// It ends the agent's earlier links. Agents use [View.SignInLink].
func (d *Desk) SignInLink(ctx context.Context, agent int64) (path string, err error) {
	return d.signInLink(ctx, 0, agent)
}

// SignInLink makes a link for an agent, see [Desk.SignInLink]. It is for administrators.
func (v *View) SignInLink(ctx context.Context, agent int64) (path string, err error) {
	if err := v.admin(); err != nil {
		return "", err
	}
	return v.signInLink(ctx, v.Agent, agent)
}

func (d *Desk) signInLink(ctx context.Context, by, agent int64) (path string, err error) {
	random := make([]byte, 32)
	_, _ = rand.Read(random)
	secret := base64.RawURLEncoding.EncodeToString(random)
	return "/link/" + secret, d.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		a, err := agentIn(ctx, tx, agent)
		switch {
		case err != nil:
			return err
		case !a.Active:
			return &Refused{Sentence: a.Name + " is not active, so a link would not sign in."}
		}
		if _, err := tx.Exec(ctx, "DELETE FROM desk_link WHERE agent = $1", agent); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "INSERT INTO desk_link (hash, agent, expires) VALUES ($1, $2, $3)",
			linkHash(secret), agent, store.Micros(time.Now().Add(linkLasts))); err != nil {
			return err
		}
		return d.audit(ctx, tx, by, "made sign-in link", a.object(), "", "")
	})
}

func linkHash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// LinkName returns the name of the agent whom a link would sign in. It does not use the
// link up. It is ErrSignIn if the link does not work.
func (d *Desk) LinkName(ctx context.Context, secret string) (name string, err error) {
	found, err := d.DB.Get(ctx, "SELECT a.name FROM desk_link l JOIN desk_agent a ON a.id = l.agent WHERE l.hash = $1 AND l.expires > $2 AND a.active = 1",
		[]any{linkHash(secret), store.Micros(time.Now())}, &name)
	if err == nil && !found {
		err = ErrSignIn
	}
	return name, err
}

// UseLink signs in by a link, once.
func (d *Desk) UseLink(ctx context.Context, secret string) (s SignedIn, err error) {
	err = d.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		s = SignedIn{}
		found, err := store.Get(ctx, tx, "DELETE FROM desk_link WHERE hash = $1 AND expires > $2 RETURNING agent",
			[]any{linkHash(secret), store.Micros(time.Now())}, &s.Agent)
		switch {
		case err != nil:
			return err
		case !found:
			return ErrSignIn
		}
		a, err := agentIn(ctx, tx, s.Agent)
		switch {
		case err != nil:
			return err
		case !a.Active:
			return ErrSignIn
		}
		s.Epoch, s.Fresh = a.epoch, !a.HasPassword
		return d.audit(ctx, tx, s.Agent, "signed in by link", a.object(), "", "")
	})
	return s, err
}

// Session is a sign-in of a browser. Its data belongs to package web.
type Session struct {
	Token   string // hashed
	Data    []byte
	Agent   int64
	Epoch   int64
	Expires time.Time
}

// FindSession returns the data of a sign-in that holds: it has not expired, the agent is
// active and was not signed out everywhere since.
func (d *Desk) FindSession(ctx context.Context, token string) (data []byte, found bool, err error) {
	var seen int64
	now := time.Now()
	found, err = d.DB.Get(ctx, `SELECT s.data, s.seen FROM desk_session s JOIN desk_agent a ON a.id = s.agent
		WHERE s.token = $1 AND s.expires > $2 AND a.active = 1 AND a.epoch = s.epoch`, []any{token, store.Micros(now)}, &data, &seen)
	if err != nil || !found || store.Time(seen).After(now.Add(-seenEvery)) {
		return data, found, err
	}
	return data, true, d.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE desk_session SET seen = $1 WHERE token = $2", store.Micros(now), token)
		return err
	})
}

// AddSession keeps a new sign-in. It drops sign-ins and links that have expired.
func (d *Desk) AddSession(ctx context.Context, s Session) error {
	now := store.Micros(time.Now())
	return d.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		for _, old := range []string{"DELETE FROM desk_session WHERE expires <= $1", "DELETE FROM desk_link WHERE expires <= $1"} {
			if _, err := tx.Exec(ctx, old, now); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, "INSERT INTO desk_session (token, data, agent, epoch, expires, seen) VALUES ($1, $2, $3, $4, $5, $6)",
			s.Token, s.Data, s.Agent, s.Epoch, store.Micros(s.Expires), now)
		return err
	})
}

// EndSession ends a sign-in.
func (d *Desk) EndSession(ctx context.Context, token string) error {
	return d.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM desk_session WHERE token = $1", token)
		return err
	})
}
