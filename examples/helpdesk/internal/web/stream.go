package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/live"
)

const (
	streamTick    = 40 * time.Millisecond // between two messages at least
	streamShare   = 10                    // of the time, one part at most is for making messages
	streamComment = 15 * time.Second      // so that a dead connection is noticed
	streamWrite   = 10 * time.Second      // for a reader that does not read
)

func (s *Server) liveRoutes() []route {
	return []route{
		{"GET /events", agents, s.events},
		{"GET /media/{message}", agents, s.media},
	}
}

// events streams what changed after a number: the one of the last event that the browser
// got, else that of the page. It ends with the sign-in and with the agent's rights.
func (s *Server) events(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	if r.Method == http.MethodHead { // a page asks whether the sign-in holds
		return nil
	}
	number := r.Header.Get("Last-Event-ID")
	if number == "" {
		number = r.URL.Query().Get("after")
	}
	after, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		after = -1
	}
	stream, err := s.Live.Subscribe(r.Context(), v, s.sessions.signIn(r.Context()), after)
	if err != nil {
		return err
	}
	defer stream.Close()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	out := eventWriter{w, http.NewResponseController(w)}
	err = out.write("retry: 2000\n\n")
	if err == nil {
		err = s.stream(r, stream, out)
	}
	if err == nil && r.Context().Err() == nil {
		err = out.write(": the end\n\n") // sets the time again, in which the answer can end
	}
	if err != nil && r.Context().Err() == nil {
		s.Desk.Log.WarnContext(r.Context(), "A stream ended. The browser opens another one.", "agent", v.Agent, "error", err)
	}
	return nil
}

// stream writes messages until the stream ends, or the browser is gone.
func (s *Server) stream(r *http.Request, stream *live.Stream, out eventWriter) error {
	comments := time.NewTicker(streamComment)
	defer comments.Stop()
	for {
		select {
		case <-r.Context().Done():
			return nil
		case <-stream.Done():
			return nil
		case <-comments.C:
			if err := out.write(": still here\n\n"); err != nil {
				return err
			}
		case <-stream.Woken():
			began := time.Now()
			m, err := stream.Take(r.Context())
			if errors.Is(err, live.ErrEnded) {
				return nil
			}
			if err != nil {
				return err
			}
			data, err := json.Marshal(m)
			if err != nil {
				return err
			}
			if err := out.write(fmt.Sprintf("id: %d\ndata: %s\n\n", m.Seq, data)); err != nil {
				return err
			}
			select {
			case <-r.Context().Done():
			case <-stream.Done():
			case <-time.After(max(streamTick, (streamShare-1)*time.Since(began))):
			}
		}
	}
}

// eventWriter writes to a browser, and gives up one that does not read.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (o eventWriter) write(text string) error {
	if err := o.control.SetWriteDeadline(time.Now().Add(streamWrite)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := o.w.Write([]byte(text)); err != nil {
		return err
	}
	return o.control.Flush()
}
