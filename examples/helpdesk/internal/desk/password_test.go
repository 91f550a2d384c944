package desk_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/argon2"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

const fourWords = "four words are fine"

func TestPasswordIsKeptAsArgon2id(t *testing.T) {
	o := newOffice(t)
	id, err := o.AddAgent(t.Context(), desk.AgentForm{Email: "zoe@example.com", Name: "Zoe", Password: fourWords})
	require.NoError(t, err)
	stored := func() (hash string) {
		_, err := o.DB.Get(t.Context(), "SELECT password FROM desk_agent WHERE id = $1", []any{id}, &hash)
		require.NoError(t, err)
		return hash
	}
	assert.True(t, strings.HasPrefix(stored(), "$argon2id$v=19$m=19456,t=2,p=1$"), stored())

	salt := []byte("saltsaltsaltsalt")
	weak := fmt.Sprintf("$argon2id$v=19$m=64,t=1,p=1$%s$%s", base64.RawStdEncoding.EncodeToString(salt),
		base64.RawStdEncoding.EncodeToString(argon2.IDKey([]byte(fourWords), salt, 1, 64, 1, 32)))
	o.exec("UPDATE desk_agent SET password = $1 WHERE id = $2", weak, id)
	_, err = o.SignIn(t.Context(), "zoe@example.com", "another four words")
	require.ErrorIs(t, err, desk.ErrSignIn)
	assert.Equal(t, weak, stored())
	who, err := o.SignIn(t.Context(), "Zoe@Example.com", fourWords)
	require.NoError(t, err)
	assert.Equal(t, desk.SignedIn{Agent: id, Epoch: 1}, who)
	assert.True(t, strings.HasPrefix(stored(), "$argon2id$v=19$m=19456,t=2,p=1$"), "the cost is of today after the next sign-in")
	_, err = o.SignIn(t.Context(), "zoe@example.com", fourWords)
	require.NoError(t, err)

	for _, broken := range []string{"x", "$argon2id$v=19$m=1,t=1,p=1$!$!", "$argon2id$v=19$m=9999999,t=1,p=1$c2FsdA$c2FsdA", "$argon2i$v=19$m=64,t=1,p=1$c2FsdA$c2FsdA"} {
		o.exec("UPDATE desk_agent SET password = $1 WHERE id = $2", broken, id)
		_, err = o.SignIn(t.Context(), "zoe@example.com", fourWords)
		require.Error(t, err)
		assert.NotErrorIs(t, err, desk.ErrSignIn, "a broken row is no fault of the person")
	}
}

func TestWhoCannotSignIn(t *testing.T) {
	o := newOffice(t)
	gone, err := o.AddAgent(t.Context(), desk.AgentForm{Email: "zoe@example.com", Name: "Zoe", Password: fourWords})
	require.NoError(t, err)
	require.NoError(t, o.view(o.boss).SetActive(t.Context(), gone, false))
	for name, c := range map[string][2]string{
		"unknown":           {"nobody@example.com", fourWords},
		"not active":        {"zoe@example.com", fourWords},
		"no password":       {"max@example.com", ""},
		"no password, long": {"max@example.com", strings.Repeat("a", 2_000_000)},
	} {
		_, err := o.SignIn(t.Context(), c[0], c[1])
		require.ErrorIs(t, err, desk.ErrSignIn, name)
	}
}

func TestLinkSignsInOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		link := func() string {
			path, err := o.SignInLink(t.Context(), o.max)
			require.NoError(t, err)
			return strings.TrimPrefix(path, "/link/")
		}
		old, newer := link(), link()
		_, err := o.UseLink(t.Context(), old)
		require.ErrorIs(t, err, desk.ErrSignIn, "a newer link ends it")
		name, err := o.LinkName(t.Context(), newer)
		require.NoError(t, err)
		assert.Equal(t, "Max", name)
		assert.Zero(t, o.number("SELECT count(*) FROM desk_link WHERE hash LIKE '%' || $1 || '%'", newer), "only the hash is kept")
		who, err := o.UseLink(t.Context(), newer)
		require.NoError(t, err)
		assert.Equal(t, desk.SignedIn{Agent: o.max, Epoch: 1, Fresh: true}, who)
		_, err = o.UseLink(t.Context(), newer)
		require.ErrorIs(t, err, desk.ErrSignIn)
		_, err = o.LinkName(t.Context(), newer)
		require.ErrorIs(t, err, desk.ErrSignIn)

		late := link()
		time.Sleep(24 * time.Hour)
		_, err = o.UseLink(t.Context(), late)
		require.ErrorIs(t, err, desk.ErrSignIn)
	})
}

func TestPasswordIsChanged(t *testing.T) {
	o := newOffice(t)
	v := o.view(o.max)
	_, err := v.ChangePassword(t.Context(), "", "short", false)
	refusedField(t, "password", err)
	_, err = v.ChangePassword(t.Context(), "", fourWords, false)
	require.NoError(t, err, "there was none before")
	_, err = v.ChangePassword(t.Context(), "wrong", "five words are fine too", false)
	refusedField(t, "present", err)
	who, err := v.ChangePassword(t.Context(), fourWords, "five words are fine too", false)
	require.NoError(t, err)
	assert.Equal(t, desk.SignedIn{Agent: o.max, Epoch: 3}, who)
	_, err = o.SignIn(t.Context(), "max@example.com", fourWords)
	require.ErrorIs(t, err, desk.ErrSignIn)
	_, err = v.ChangePassword(t.Context(), "", "six words are fine as well", true)
	require.NoError(t, err, "who came by a link has perhaps forgotten it")
	_, err = o.SignIn(t.Context(), "max@example.com", "six words are fine as well")
	require.NoError(t, err)
}

func TestSessionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		add := func(token string, agent int64) {
			require.NoError(t, o.AddSession(t.Context(), desk.Session{Token: token, Data: []byte("x"), Agent: agent,
				Epoch: o.number("SELECT epoch FROM desk_agent WHERE id = $1", agent), Expires: time.Now().Add(12 * time.Hour)}))
		}
		found := func(token string) bool {
			_, found, err := o.FindSession(t.Context(), token)
			require.NoError(t, err)
			return found
		}
		for _, token := range []string{"ends", "signed out"} {
			add(token, o.max)
		}
		add("other", o.eve)
		seen := func() int64 { return o.number("SELECT seen FROM desk_session WHERE token = 'ends'") }
		began := seen()
		time.Sleep(4 * time.Minute)
		assert.True(t, found("ends"))
		assert.Equal(t, began, seen(), "it is not written for each request")
		time.Sleep(time.Minute)
		assert.True(t, found("ends"))
		assert.Equal(t, began+(5*time.Minute).Microseconds(), seen())

		require.NoError(t, o.EndSession(t.Context(), "signed out"))
		assert.False(t, found("signed out"))
		require.NoError(t, o.view(o.boss).SignOutEverywhere(t.Context(), o.max))
		assert.False(t, found("ends"))
		assert.True(t, found("other"))
		time.Sleep(12 * time.Hour)
		assert.False(t, found("other"))
		add("new", o.max)
		assert.EqualValues(t, 1, o.number("SELECT count(*) FROM desk_session"), "what has expired is dropped")
	})
}
