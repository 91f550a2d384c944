package live_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/live"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/seal"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// place is a desk with a hub that runs. Department 1 is Sales, 2 is Support; agent 1 is Ann
// of Sales, 2 is Max of Support, 3 is Root, an administrator. Requests 1 to 9 are of Sales.
type place struct {
	*desk.Desk
	hub *live.Hub
}

func newPlace(t *testing.T) *place {
	t.Helper()
	db, err := store.OpenSQLite(t.Context(), t.TempDir())
	require.NoError(t, err)
	channels := chatapi.NewChannels()
	durableDesk, err := durable.Open(t.Context(), db.Durable, channels)
	require.NoError(t, err)
	key, err := seal.New(make([]byte, 32))
	require.NoError(t, err)
	d := desk.New(desk.Config{DB: db, Durable: durableDesk, Channels: channels, Key: key, Now: time.Now,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Files: t.TempDir()})
	p := &place{d, live.New(d)}
	p.exec(t, "INSERT INTO desk_department (id, name, folded) VALUES (1, 'Sales', 'sales'), (2, 'Support', 'support')")
	p.exec(t, `INSERT INTO desk_agent (id, email, folded, name, admin, created) VALUES
		(1, 'ann', 'ann', 'Ann', 0, 1), (2, 'max', 'max', 'Max', 0, 1), (3, 'root', 'root', 'Root', 1, 1)`)
	p.exec(t, "INSERT INTO desk_agent_department (agent, department) VALUES (1, 1), (2, 2)")
	p.exec(t, "INSERT INTO desk_channel (id, channel, department, api_url, token, state, displayed) VALUES (1, 'ABC1', 1, '', '', 'connected', 1)")
	for n := range 9 {
		p.exec(t, fmt.Sprintf("INSERT INTO desk_chat (id, channel, answer) VALUES (%d, 1, '1202555010%[1]d')", n+1))
		p.exec(t, fmt.Sprintf("INSERT INTO desk_request (id, channel, chat, department, state, opened, last) VALUES (%d, 1, %[1]d, 1, 'new', 1, 1)", n+1))
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.hub.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-ended)
		assert.NoError(t, db.Close())
	})
	return p
}

// exec commits a statement and changes.
func (p *place) exec(t *testing.T, query string, changes ...desk.Change) {
	t.Helper()
	require.NoError(t, p.DB.Update(t.Context(), func(ctx context.Context, tx durable.Tx) error {
		if query != "" {
			if _, err := tx.Exec(ctx, query); err != nil {
				return err
			}
		}
		for _, c := range changes {
			if err := tx.Changed(c); err != nil {
				return err
			}
		}
		return nil
	}))
}

// changed is a change of a request of Sales.
func changed(request int64) desk.Change {
	return desk.Change{Kind: desk.ChangedRequest, Department: 1, Object: request}
}

// stream opens the stream of an agent, and takes what it says at its start.
func (p *place) stream(t *testing.T, agent int64, after int64) (*live.Stream, *live.Message) {
	t.Helper()
	v, err := p.For(t.Context(), agent)
	require.NoError(t, err)
	s, err := p.hub.Subscribe(t.Context(), v, fmt.Sprintf("sign-in %d", agent), after)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s, next(t, s)
}

// next waits for a message.
func next(t *testing.T, s *live.Stream) *live.Message {
	t.Helper()
	<-s.Woken()
	m, err := s.Take(t.Context())
	require.NoError(t, err)
	return m
}

func (p *place) last(t *testing.T) int64 {
	t.Helper()
	seq, err := p.LastChange(t.Context())
	require.NoError(t, err)
	return seq
}

func TestAStreamTellsWhatChangedOnce(t *testing.T) {
	p := newPlace(t)
	s, first := p.stream(t, 1, p.last(t))
	assert.Equal(t, &live.Message{Agent: 1, SignIn: "sign-in 1", Counts: desk.Counts{All: 9, Unassigned: 9}}, first)

	for range 20 {
		p.exec(t, "", changed(4), changed(2))
	}
	p.exec(t, "", changed(7))
	told := map[int64]bool{}
	var m *live.Message
	for !told[7] {
		m = next(t, s)
		assert.LessOrEqual(t, len(m.Changed), 3, "a set, not a queue")
		for _, id := range m.Changed {
			told[id] = true
		}
	}
	assert.Equal(t, map[int64]bool{2: true, 4: true, 7: true}, told)
	assert.Equal(t, p.last(t), m.Seq)
}

func TestAStreamTellsOnlyWhatTheAgentMaySee(t *testing.T) {
	p := newPlace(t)
	ann, _ := p.stream(t, 1, p.last(t))
	max, _ := p.stream(t, 2, p.last(t))
	root, _ := p.stream(t, 3, p.last(t))

	p.exec(t, "", changed(1))
	assert.Equal(t, []int64{1}, next(t, ann).Changed)
	assert.Equal(t, []int64{1}, next(t, root).Changed)

	p.exec(t, "UPDATE desk_request SET department = 2 WHERE id = 1", desk.Change{Kind: desk.ChangedLost, Department: 1, Object: 1},
		desk.Change{Kind: desk.ChangedRequest, Department: 2, Object: 1})
	m := next(t, ann)
	assert.Equal(t, []int64{1}, m.Lost)
	assert.Empty(t, m.Changed)
	assert.Equal(t, 8, m.Counts.All)
	m = next(t, root)
	assert.Equal(t, []int64{1}, m.Changed)
	assert.Empty(t, m.Lost, "an administrator still sees it")
	m = next(t, max)
	assert.Equal(t, []int64{1}, m.Changed, "and nothing of the change before, which was with Sales")
	assert.Empty(t, m.Lost)
}

func TestRightsAreThoseOfTheMomentOfTelling(t *testing.T) {
	p := newPlace(t)
	ann, _ := p.stream(t, 1, p.last(t))
	max, _ := p.stream(t, 2, p.last(t))
	p.exec(t, "", changed(3))
	<-ann.Woken() // a slow reader: the request moves before it is told
	p.exec(t, "UPDATE desk_request SET department = 2 WHERE id = 3")
	m, err := ann.Take(t.Context())
	require.NoError(t, err)
	assert.Empty(t, m.Changed)
	assert.Equal(t, []int64{3}, m.Lost)
	m, err = max.Take(t.Context())
	require.NoError(t, err)
	assert.Empty(t, m.Changed)
}

func TestWhatWasMissedIsCaughtUp(t *testing.T) {
	p := newPlace(t)
	p.exec(t, "", changed(5))
	before := p.last(t)
	p.exec(t, "", changed(6), desk.Change{Kind: desk.ChangedRequest, Department: 2, Object: 8})
	_, m := p.stream(t, 1, before)
	assert.Equal(t, []int64{6}, m.Changed)
	assert.False(t, m.Reset)

	for name, after := range map[string]int64{"a page that does not say": -1, "a number of another database": before + 100} {
		_, m := p.stream(t, 1, after)
		assert.True(t, m.Reset, name)
	}
	p.exec(t, "DELETE FROM desk_change WHERE seq <= 2")
	_, m = p.stream(t, 1, 1)
	assert.True(t, m.Reset, "the change with the number 2 is not kept")
	_, m = p.stream(t, 1, 2)
	assert.False(t, m.Reset)
}

func TestAStreamDoesNotTellWhatThePageKnows(t *testing.T) {
	p := newPlace(t)
	for request := range int64(8) {
		p.exec(t, "", changed(request+1))
		s, m := p.stream(t, 1, p.last(t)) // mostly before the hub has read the change
		assert.False(t, m.Reset)
		told := m.Changed
		p.exec(t, "", changed(9))
		for !slices.Contains(told, 9) {
			told = append(told, next(t, s).Changed...)
		}
		assert.Equal(t, []int64{9}, told)
	}
	p.exec(t, "", changed(1))
	s, m := p.stream(t, 1, p.last(t)+1_000_000) // of another database
	assert.True(t, m.Reset)
	p.exec(t, "", changed(2))
	for m = next(t, s); !slices.Contains(m.Changed, 2); m = next(t, s) {
	}
	assert.Equal(t, p.last(t), m.Seq)
}

func TestASlowReaderIsBounded(t *testing.T) {
	p := newPlace(t)
	s, _ := p.stream(t, 1, p.last(t))
	var many []desk.Change
	for n := range 600 {
		many = append(many, changed(int64(n+1)))
	}
	p.exec(t, "", many...)
	m := next(t, s)
	assert.True(t, m.Reset)
	assert.Empty(t, m.Changed)
	assert.Empty(t, m.Lost)
	p.exec(t, "", changed(2))
	assert.Equal(t, []int64{2}, next(t, s).Changed)
}

func TestWhatEndsAStream(t *testing.T) {
	p := newPlace(t)
	for name, end := range map[string]func(){
		"other rights": func() { p.exec(t, "", desk.Change{Kind: desk.ChangedAgent, Object: 1}) },
		"signed out":   func() { p.hub.SignedOut("sign-in 1") },
	} {
		ann, _ := p.stream(t, 1, p.last(t))
		root, _ := p.stream(t, 3, p.last(t))
		end()
		<-ann.Done()
		select {
		case <-root.Done():
			t.Error(name, "ends the stream of another agent")
		default:
		}
	}
	ann, _ := p.stream(t, 1, p.last(t))
	p.exec(t, "UPDATE desk_agent SET active = 0 WHERE id = 1")
	_, err := ann.Take(t.Context())
	require.ErrorIs(t, err, live.ErrEnded)

	root, _ := p.stream(t, 3, p.last(t))
	p.hub.Close()
	<-root.Done()
	assert.Zero(t, p.hub.Streams())
	v, err := p.For(t.Context(), 3)
	require.NoError(t, err)
	late, err := p.hub.Subscribe(t.Context(), v, "", 0)
	require.NoError(t, err)
	<-late.Done()
}

func TestWhoLooksIsToldToThoseWhoSeeTheRequest(t *testing.T) {
	p := newPlace(t)
	ann, _ := p.stream(t, 1, p.last(t))
	max, _ := p.stream(t, 2, p.last(t))
	p.hub.See(2, 3, false)
	assert.Equal(t, []int64{2}, next(t, ann).Looked)
	assert.Empty(t, next(t, max).Looked, "Max does not see the request")
	p.hub.See(2, 3, true)
	assert.Equal(t, []int64{2}, next(t, ann).Looked)
	p.hub.Leave(2, 3)
	assert.Equal(t, []int64{2}, next(t, ann).Looked)
	assert.Empty(t, p.hub.Viewers(2))
}

func TestALookHoldsForTwentySeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := live.New(nil)
		hub.See(7, 2, true)
		hub.See(7, 1, false)
		time.Sleep(15 * time.Second)
		hub.See(7, 1, false)
		var agents []int64
		for _, v := range hub.Viewers(7) {
			agents = append(agents, v.Agent)
		}
		assert.Equal(t, []int64{1, 2}, agents)
		time.Sleep(6 * time.Second)
		require.Len(t, hub.Viewers(7), 1)
		assert.Equal(t, int64(1), hub.Viewers(7)[0].Agent)
		time.Sleep(15 * time.Second)
		assert.Empty(t, hub.Viewers(7))
	})
}
