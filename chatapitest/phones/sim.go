package phones

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chatapi-go/chatapi/chatapitest"
)

// Sim serves a fake to programs in any language: below /sim/ it has every act of
// [chatapitest.Acts], the messages that customers received, the calls and webhooks, the
// state and the reset. GET /sim/openapi.json describes it, so that a client can be
// generated. A [Handler] serves it as well; Sim is for a program without the page.
//
// It refuses the requests that a browser makes for a page of another site. Serve it on
// loopback and check the Host of each request, as [Handler] does, because whoever reaches
// it controls the fake.
func Sim(api *chatapitest.API) http.Handler {
	served, protection := newSim(api, ""), http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if protection.Check(r) != nil || r.Header.Get("Sec-Fetch-Site") == "cross-site" {
			answer(w, http.StatusForbidden, problem{Problem: "the fake refuses the requests of web pages from another site"})
			return
		}
		served.ServeHTTP(w, r)
	})
}

// sim is the handler of the paths below /sim/.
type sim struct {
	api      *chatapitest.API
	reached  string // the address at which the fake is served; empty if the fake knows it
	mux      *http.ServeMux
	document func() []byte // in JSON

	playing sync.Mutex   // held while a script is played
	adding  sync.Mutex   // held while a channel is added
	streams atomic.Int32 // of events

	closing context.Context // ends when close is called
	close   context.CancelFunc
}

// The bounds of bodies and answers.
const (
	maxBody       = 1 << 20
	maxFileBody   = 140 << 20 // a file of 100 MB in base64
	maxState      = 64 << 20
	maxScript     = 8 << 20  // a script of 1 MiB with escapes
	maxShown      = 64 << 10 // of the body of a call or webhook
	maxStreams    = 64
	maxTranscript = 4 << 20
	maxChannels   = 100
	maxWait       = time.Minute
)

// patience is how long a request waits until the webhooks of its act are answered.
const patience = 30 * time.Second

// newSim returns the handler of the paths below /sim/, without a check of the Host and of
// the site from which a request comes. Its close ends the requests that wait.
func newSim(api *chatapitest.API, reached string) *sim {
	s := &sim{api: api, reached: reached, mux: http.NewServeMux()}
	s.closing, s.close = context.WithCancel(context.Background())
	s.document = sync.OnceValue(func() []byte {
		data, err := json.MarshalIndent(openAPI(), "", " ")
		if err != nil {
			data = []byte(strconv.Quote(err.Error()))
		}
		return data
	})
	for _, route := range routes {
		s.mux.HandleFunc(route.method+" "+route.path, func(w http.ResponseWriter, r *http.Request) {
			s.serve(w, r, route.limit, route.do)
		})
	}
	s.mux.HandleFunc("POST /sim/customers/{who}/{act}", s.serveAct)
	s.mux.HandleFunc("POST /sim/{actor}/{act}", s.serveAct)
	s.mux.HandleFunc("/sim/", s.notFound)
	return s
}

func (s *sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	s.mux.ServeHTTP(w, r)
}

// notFound answers a request that no route matches.
func (s *sim) notFound(w http.ResponseWriter, r *http.Request) {
	for _, route := range routes {
		if route.path == r.URL.Path {
			answer(w, http.StatusMethodNotAllowed, problem{Problem: fmt.Sprintf("%s takes %s, not %s", route.path, route.method, r.Method)})
			return
		}
	}
	answer(w, http.StatusNotFound, problem{Problem: "there is nothing here; GET /sim/openapi.json lists every request, and an act is POST /sim/customers/{who}/{act} or POST /sim/{phone|agent|service}/{act}"})
}

// problem is an answer with an error.
type problem struct {
	Problem string        `json:"error" doc:"a sentence that says what is wrong, and what to do"`
	Lines   []scriptError `json:"lines,omitempty" doc:"the mistakes in a script"`

	status int
}

func (p problem) Error() string { return p.Problem }

var errClosing error = problem{Problem: "the fake is being closed; start it again", status: http.StatusServiceUnavailable}

// wrong returns an error with a status.
func wrong(status int, format string, args ...any) error {
	return problem{Problem: fmt.Sprintf(format, args...), status: status}
}

// request is a request to a route.
type request struct {
	*http.Request
	w     http.ResponseWriter
	api   *chatapitest.API // the channel
	query url.Values
	body  []byte
}

// plain is an answer that is not made from a Go value.
type plain struct {
	content string
	data    []byte
}

// written is the answer of a function that has written the answer itself.
type written struct{}

// serve reads a request, and writes the answer of do: 204 if it is nil.
func (s *sim) serve(w http.ResponseWriter, r *http.Request, limit int64, do func(*sim, *request) (any, error)) {
	got, err := s.read(w, r, limit)
	var value any
	if err == nil {
		value, err = do(s, got)
	}
	if err != nil {
		p, ok := errors.AsType[problem](err)
		if !ok {
			p = problem{Problem: err.Error(), status: http.StatusBadRequest}
		}
		answer(w, p.status, p)
		return
	}
	switch v := value.(type) {
	case written:
	case nil:
		w.WriteHeader(http.StatusNoContent)
	case plain:
		w.Header().Set("Content-Type", v.content)
		w.Header().Set("Content-Length", strconv.Itoa(len(v.data)))
		_, _ = w.Write(v.data)
	case acted:
		status := http.StatusOK
		if v.Pending {
			status = http.StatusAccepted
		}
		answer(w, status, v)
	default:
		answer(w, http.StatusOK, v)
	}
}

// answer writes a value as JSON.
func answer(w http.ResponseWriter, status int, value any) {
	data, err := json.Marshal(value)
	if err != nil {
		status, data = http.StatusInternalServerError, []byte(`{"error":`+strconv.Quote(err.Error())+`}`)
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(data)+1))
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n'))
}

// read checks a request and reads its body.
func (s *sim) read(w http.ResponseWriter, r *http.Request, limit int64) (*request, error) {
	got := &request{Request: r, w: w}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
			return nil, wrong(http.StatusUnsupportedMediaType, "send the header Content-Type: application/json, also without a body, because a form of a web page cannot send it")
		}
		if limit == 0 {
			limit = maxBody
		}
		data, err := readBody(w, r, limit)
		if err != nil {
			return nil, err
		}
		got.body = data
	}
	var err error
	if got.query, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		return nil, fmt.Errorf("the query cannot be read: %w", err)
	}
	got.api, err = s.channel(got.query.Get("channel"))
	return got, err
}

func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	tooLarge := wrong(http.StatusRequestEntityTooLarge, "the body has more than %d bytes, and no more are read here", limit)
	if r.ContentLength > limit {
		return nil, tooLarge
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge
	}
	if err != nil {
		return nil, fmt.Errorf("the body cannot be read: %w", err)
	}
	return data, nil
}

// channel returns the channel with that id, or the first one.
func (s *sim) channel(id string) (*chatapitest.API, error) {
	if id == "" {
		return s.api, nil
	}
	for _, c := range s.api.Channels() {
		if string(c.ChannelID()) == id {
			return c, nil
		}
	}
	return nil, wrong(http.StatusNotFound, "the fake has no channel %q; GET /sim/channels lists them", cut(id))
}

// cut shortens a text for a sentence.
func cut(text string) string {
	const most = 60
	if signs := []rune(text); len(signs) > most {
		return string(signs[:most-1]) + "…"
	}
	return text
}
