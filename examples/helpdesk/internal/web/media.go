package web

import (
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

// media sends the file of a message. Whether the agent may see the message is asked each
// time. A file is shown in the page only if it is of a kind that runs nothing.
func (s *Server) media(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	id, err := pathID(r, "message")
	if err != nil {
		return err
	}
	row, file, err := v.Media(r.Context(), id)
	if err != nil {
		return err
	}
	if file == nil {
		return desk.ErrNotFound
	}
	defer func() { _ = file.Close() }() // only read
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	disposition := "attachment"
	if shownInPage(row.Type) {
		h.Set("Content-Type", row.Type)
		disposition = "inline"
	}
	name := row.Name
	if name == "" {
		name = "file"
	}
	if full := mime.FormatMediaType(disposition, map[string]string{"filename": name}); full != "" {
		disposition = full
	}
	h.Set("Content-Disposition", disposition)
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "private, no-cache")
	http.ServeContent(w, r, "", time.Time{}, file)
	return nil
}

// shownInPage reports whether files of a type are shown, and not only saved.
func shownInPage(kind string) bool {
	kind, _, _ = strings.Cut(kind, ";")
	switch kind {
	case "image/jpeg", "image/png", "image/gif", "image/webp",
		"audio/mpeg", "audio/ogg", "application/ogg", "audio/mp4", "audio/aac", "audio/wave", "audio/amr",
		"video/mp4", "video/webm", "video/3gpp":
		return true
	}
	return false
}
