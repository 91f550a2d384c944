package web_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/live"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/seal"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/web"
)

// open returns a server on a new database.
func open(t *testing.T) *web.Server {
	t.Helper()
	db, err := store.OpenSQLite(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	channels := chatapi.NewChannels()
	durableDesk, err := durable.Open(t.Context(), db.Durable, channels)
	require.NoError(t, err)
	key, err := seal.New(make([]byte, 32))
	require.NoError(t, err)
	d := desk.New(desk.Config{DB: db, Durable: durableDesk, Channels: channels, Key: key, Now: time.Now,
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})), Files: t.TempDir(), URL: "http://localhost:8400"})
	s, err := web.New(web.Config{Desk: d, Live: live.New(d)})
	require.NoError(t, err)
	return s
}

func TestPagesWithoutASignIn(t *testing.T) {
	s := open(t)
	for path, code := range map[string]int{"/": http.StatusSeeOther, "/no/such/page": http.StatusNotFound} {
		answer := httptest.NewRecorder()
		s.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		assert.Equal(t, code, answer.Code, path)
		assert.Contains(t, answer.Header().Get("Content-Security-Policy"), "require-trusted-types-for 'script'")
	}
}
