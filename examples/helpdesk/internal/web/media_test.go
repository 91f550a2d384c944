package web_test

import (
	"context"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable"
)

// file adds a message with a file of a type, as it was sniffed.
func (s *shop) file(t *testing.T, request int64, kind, name, state, source string) int64 {
	t.Helper()
	id := s.message(t, request, "direction", "in", "kind", "document")
	require.NoError(t, s.Desk.DB.Update(t.Context(), func(ctx context.Context, tx durable.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO desk_media (message, state, type, size, sum, name, source) VALUES ($1, $2, $3, 3, '0123', $4, $5)", id, state, kind, name, source)
		return err
	}))
	require.NoError(t, os.WriteFile(filepath.Join(s.Desk.Files, "0123"), []byte("abc"), 0o600))
	return id
}

// A customer's file must not run in the helpdesk's pages, whatever it says that it is.
func TestFilesRunNothing(t *testing.T) {
	s := newShop(t)
	request := s.request(t, s.sales, "Bob", "A file")
	ann, max := newBrowser(t, s.Server).signIn(s.ann), newBrowser(t, s.Server).signIn(s.max)
	for kind, shown := range map[string]bool{
		"image/png": true, "image/jpeg": true, "audio/ogg; codecs=opus": true, "video/mp4": true,
		"image/svg+xml": false, "text/html": false, "text/html; charset=utf-8": false, "text/xml": false, "application/xhtml+xml": false,
		"text/javascript": false, "application/javascript": false, "text/css": false, "application/pdf": false, "application/octet-stream": false,
		"IMAGE/SVG+XML": false, "text/plain": false, "multipart/x-mixed-replace": false, "": false,
	} {
		for _, name := range []string{"a.html", markup, turned, "a\"; x=\r\nSet-Cookie: a=b", ""} {
			id := s.file(t, request, kind, name, "ready", "")
			path := "/media/" + strconv.FormatInt(id, 10)
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				answer := ann.do(method, path, nil)
				require.Equal(t, http.StatusOK, answer.Code, kind)
				h := answer.Header()
				disposition, parameters, err := mime.ParseMediaType(h.Get("Content-Disposition"))
				require.NoError(t, err, h.Get("Content-Disposition"))
				assert.NotEmpty(t, parameters["filename"])
				assert.Empty(t, h.Get("Set-Cookie"))
				assert.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
				assert.Equal(t, "same-origin", h.Get("Cross-Origin-Resource-Policy"))
				assert.Equal(t, "private, no-cache", h.Get("Cache-Control"))
				assert.Equal(t, "sandbox; default-src 'none'; frame-ancestors 'none'", h.Get("Content-Security-Policy"))
				if shown {
					assert.Equal(t, "inline", disposition, kind)
					assert.Equal(t, kind, h.Get("Content-Type"))
				} else {
					assert.Equal(t, "attachment", disposition, kind)
					assert.Equal(t, "application/octet-stream", h.Get("Content-Type"))
				}
			}
			assert.Equal(t, http.StatusNotFound, max.get(path).Code, "of another department")
			assert.Equal(t, http.StatusSeeOther, newBrowser(t, s.Server).get(path).Code, "without a sign-in")
		}
	}
}

func TestFilesAreFetchedAgain(t *testing.T) {
	s := newShop(t)
	request := s.request(t, s.sales, "Bob", "A file")
	ann := newBrowser(t, s.Server).signIn(s.ann)
	for says, test := range map[string]struct{ source, after string }{
		"The file is being fetched.":         {`{"URL":"https://files.test/a"}`, "fetching"},
		"Ask the customer to send it again.": {"", "failed"},
	} {
		id := s.file(t, request, "image/png", "a.png", "failed", test.source)
		path := "/messages/" + strconv.FormatInt(id, 10) + "/fetch"
		assert.Equal(t, http.StatusNotFound, newBrowser(t, s.Server).signIn(s.max).post(path).Code)
		require.Equal(t, http.StatusNotFound, ann.get("/media/"+strconv.FormatInt(id, 10)).Code, "it is not there")
		require.Equal(t, http.StatusSeeOther, ann.post(path).Code)
		assert.Contains(t, ann.get("/inbox").Body.String(), says)
		var after string
		_, err := s.Desk.DB.Get(t.Context(), "SELECT state FROM desk_media WHERE message = $1", []any{id}, &after)
		require.NoError(t, err)
		assert.Equal(t, test.after, after)
	}
}
