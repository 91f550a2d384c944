package desk_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/seal"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// shift is an office that is open: durable runs, and a fake service is connected.
type shift struct {
	*office
	api   *chatapitest.API
	dir   string
	files string
	end   func()
}

const hook = "https://desk.test/hook"

// work opens an office in a synctest bubble.
func work(t *testing.T, opts ...chatapitest.Option) *shift {
	t.Helper()
	api := chatapitest.New(t, append([]chatapitest.Option{chatapitest.Channel("ABC100000001")}, opts...)...)
	s := &shift{office: &office{t: t}, api: api, dir: t.TempDir(), files: t.TempDir()}
	s.begin()
	s.sales, s.support = s.department("Sales"), s.department("Support")
	s.channel = s.newChannel("ABC100000001", "Sales, Boston", s.sales, true)
	s.max, s.eve = s.agent("Max", false, s.sales), s.agent("Eve", false, s.support)
	return s
}

// begin starts the program, also after end.
func (s *shift) begin() {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	db, err := store.OpenSQLite(ctx, s.dir)
	require.NoError(s.t, err)
	channels := chatapi.NewChannels()
	_, err = channels.Put(s.api.URL, s.api.Token, chatapi.WithHTTPClient(&http.Client{Transport: s.api.Transport}), chatapi.WithUnguardedMediaTransport(s.api.Transport))
	require.NoError(s.t, err)
	d, err := durable.Open(ctx, db.Durable, channels)
	require.NoError(s.t, err)
	key, err := seal.New(make([]byte, 32))
	require.NoError(s.t, err)
	s.channels = channels
	s.Desk = desk.New(desk.Config{DB: db, Durable: d, Channels: channels, Key: key, Now: time.Now,
		Log: slog.New(slog.DiscardHandler), Files: s.files, URL: "http://localhost:8400"})
	run := make(chan error, 1)
	go func() { run <- s.Run(ctx) }()
	handler := chatapi.NewDeliveryHandler(d.Inbox.Accept, chatapi.WebhookAcceptUnauthenticated(),
		chatapi.WebhookChannel(func(*http.Request) chatapi.ChannelID { return "ABC100000001" }))
	s.api.Webhook(hook, handler)
	ended := false
	s.end = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		assert.NoError(s.t, <-run)
		assert.NoError(s.t, db.Close())
	}
	s.t.Cleanup(s.end)
}

// settle waits until all is done that is to do now.
func (s *shift) settle() {
	for range 3 {
		s.api.Settle()
		time.Sleep(300 * time.Millisecond)
		synctest.Wait()
	}
}

// sends plans a message as the composer does.
func (s *shift) sends(request int64, key, text string) {
	s.t.Helper()
	require.NoError(s.t, s.DB.Update(s.t.Context(), func(ctx context.Context, tx durable.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO desk_message (channel, chat, request, direction, outbox_key, kind, body, at, status, agent)
			SELECT channel, chat, id, 'out', $2, 'text', $3, $4, 'queued', $5 FROM desk_request WHERE id = $1`, request, key, text, store.Micros(time.Now()), s.max)
		if err != nil {
			return err
		}
		_, err = s.Durable.Outbox.SendIn(ctx, tx, "ABC100000001", key, chatapi.Phone("12025550143"), chatapi.Text{Body: text})
		return err
	}))
	s.settle()
}

// thread returns the messages of a request as Max sees them.
func (s *shift) thread(request int64) []desk.Message {
	s.t.Helper()
	t, err := s.view(s.max).Thread(s.t.Context(), request, 0)
	require.NoError(s.t, err)
	return t.Messages
}

func TestDayOfARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := work(t)
		s.api.Misdeliver(chatapitest.Misdelivery{Twice: true, Times: -1})
		bob := s.api.Customer("12025550143").Named("Bob")
		bob.Says("Where is my order?")
		s.settle()
		rows, _, err := s.view(s.max).Requests(t.Context(), desk.Filter{})
		require.NoError(t, err)
		require.Len(t, rows, 1)
		assert.Equal(t, "Where is my order?", rows[0].Subject)
		assert.Equal(t, 1, rows[0].Unread)
		assert.Equal(t, "Bob", rows[0].Person)
		assert.Equal(t, time.Now().Truncate(time.Hour).Add(24*time.Hour).Hour(), rows[0].Closes.Truncate(time.Hour).Hour())

		s.sends(1, "k1", "It left today.")
		bob.Reads()
		s.settle()
		messages := s.thread(1)
		require.Len(t, messages, 2, "the echo of our own message is not shown twice")
		assert.Equal(t, desk.Read, messages[1].Status)
		assert.NotEmpty(t, messages[1].Wamid)
		bob.Reacts(messages[1].Wamid, "👍")
		s.settle()
		messages = s.thread(1)
		assert.Equal(t, []desk.Reaction{{Emoji: "👍"}}, messages[1].Reactions)

		s.api.FromPhone("12025550143", "I called him")
		s.settle()
		messages = s.thread(1)
		require.Len(t, messages, 3)
		assert.Equal(t, "a colleague, by phone", messages[2].Author)
	})
}

// An event of a channel without a row waits for the row.
func TestEventsOfAnUnknownChannelWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := work(t)
		s.exec("UPDATE desk_channel SET channel = 'ABC9' WHERE id = $1", s.channel)
		s.api.Customer("12025550143").Says("hi")
		s.settle()
		assert.Zero(t, s.number("SELECT count(*) FROM desk_message"))
		s.exec("UPDATE desk_channel SET channel = 'ABC100000001' WHERE id = $1", s.channel)
		time.Sleep(2 * time.Minute)
		s.settle()
		assert.EqualValues(t, 1, s.number("SELECT count(*) FROM desk_message"))
	})
}

func TestFailuresOfMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := work(t)
		bob := s.api.Customer("12025550143")
		bob.Says("hi")
		s.settle()
		bob.CannotBeReached("not on WhatsApp")
		s.sends(1, "k1", "one")
		m := s.thread(1)[1]
		assert.Equal(t, desk.Failed, m.Status)
		assert.NotEmpty(t, m.Sentence)
		row, err := s.view(s.max).Row(t.Context(), 1)
		require.NoError(t, err)
		assert.Equal(t, []int{1, 0, 1}, []int{row.Failed, row.Undecided, row.Unread})

		bob.CanBeReached()
		s.end() // its looks of a day would take the test a minute
		time.Sleep(25 * time.Hour)
		s.begin()
		s.exec("UPDATE desk_chat SET closes = closes + 7200000000")
		s.sends(1, "k2", "two")
		m = s.thread(1)[2]
		assert.Equal(t, desk.Failed, m.Status)
		assert.Equal(t, string(chatapi.RetryTemplate), m.Retry)
		row, err = s.view(s.max).Row(t.Context(), 1)
		require.NoError(t, err)
		assert.WithinDuration(t, time.Now(), row.Closes, time.Minute, "the service knows better when the window closed")
	})
}

func TestFiles(t *testing.T) {
	png := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), bytes.Repeat([]byte{1}, 100)...)
	synctest.Test(t, func(t *testing.T) {
		s := work(t)
		bob := s.api.Customer("12025550143")
		bob.Sends(chatapitest.File{Name: "a.png", MIMEType: "image/png", Data: png, Caption: "look"})
		bob.Sends(chatapitest.File{Name: "b.pdf", MIMEType: "application/pdf", Data: []byte("<!DOCTYPE html><script>alert(1)</script>")})
		bob.Sends(chatapitest.File{Name: "c.txt", Type: chatapi.TypeDocument, MIMEType: "text/plain", Data: []byte("hello")})
		bob.Sends(chatapitest.File{Name: "d.png", MIMEType: "image/png", URL: "https://files.chatapi.test/gone.png"})
		s.settle()
		time.Sleep(20 * time.Minute)
		s.settle()
		messages := s.thread(1)
		require.Len(t, messages, 4)
		assert.Equal(t, "look", messages[0].Body)
		row, f, err := s.view(s.max).Media(t.Context(), messages[0].ID)
		require.NoError(t, err)
		assert.Equal(t, desk.MediaRow{State: "ready", Type: "image/png", Size: int64(len(png)), Name: row.Name}, *row)
		data, err := io.ReadAll(f)
		require.NoError(t, err)
		assert.Equal(t, png, data)
		require.NoError(t, f.Close())
		assert.Equal(t, "failed", messages[1].Media.State, "a page is no document")
		assert.NotEmpty(t, messages[1].Media.Why)
		assert.Equal(t, "text/plain", messages[2].Media.Type)
		assert.Equal(t, "c.txt", messages[2].Media.Name)
		assert.Equal(t, "failed", messages[3].Media.State)

		_, _, err = s.view(s.eve).Media(t.Context(), messages[0].ID)
		require.ErrorIs(t, err, desk.ErrNotFound, "the rights are checked at each call")
		s.exec("UPDATE desk_request SET department = $1", s.support)
		_, _, err = s.view(s.max).Media(t.Context(), messages[0].ID)
		require.ErrorIs(t, err, desk.ErrNotFound)
		left, err := os.ReadDir(s.files)
		require.NoError(t, err)
		assert.Len(t, left, 2, "nothing is left of what was not kept")
	})
}

// A file that was not fetched when the program ended is fetched after its start.
func TestFilesSurviveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := work(t)
		s.api.Customer("12025550143").Sends(chatapitest.File{Name: "a.txt", Type: chatapi.TypeDocument, MIMEType: "text/plain", Data: []byte("hello")})
		s.settle()
		s.exec("UPDATE desk_media SET state = 'fetching', source = $1", `{"URL":"https://files.chatapi.test/gone","MIMEType":"text/plain"}`)
		s.end()
		require.NoError(t, os.RemoveAll(s.files))
		s.begin()
		s.api.Customer("12025550143").Sends(chatapitest.File{Name: "b.txt", Type: chatapi.TypeDocument, MIMEType: "text/plain", Data: []byte("again")})
		s.settle()
		time.Sleep(20 * time.Minute)
		s.settle()
		assert.Equal(t, "failed", s.thread(1)[0].Media.State)
		assert.Equal(t, "ready", s.thread(1)[1].Media.State)
		require.NoError(t, s.view(s.max).FetchAgain(t.Context(), s.thread(1)[0].ID))
		assert.Equal(t, "fetching", s.thread(1)[0].Media.State)
	})
}
