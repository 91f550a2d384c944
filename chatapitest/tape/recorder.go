package tape

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/chatapi-go/chatapi/internal/until"
)

// Recorder records what goes between a program and the service, in both directions. It holds
// the real bodies in memory only: [Recorder.Save] takes everything personal out, checks the
// result, and then writes it. Make one with [NewRecorder]. All methods are safe for concurrent
// use.
type Recorder struct {
	options options

	mu      sync.Mutex
	entries []*recorded
	secrets []string // tokens, and the secrets of addresses
	bytes   int
	problem error // the first one, which makes the recording incomplete
}

// Option configures a Recorder.
type Option func(*options)

type options struct {
	keep    bool
	secrets []string
	words   []string
}

// KeepTexts keeps the texts of messages on the tape. Numbers, e-mail addresses, links, IBANs,
// card numbers, and the names and user ids that the tape tells, are taken out of them. A name
// or an address that stands in a text only stays there: give it to [Secrets]. Without
// KeepTexts a text is replaced by its shape, such as "Xxxxx 00" for "Hello 42".
//
// A program that decides by the texts of its customers needs KeepTexts to be replayed. Record
// it with people who write for the recording.
func KeepTexts() Option { return func(o *options) { o.keep = true } }

// Secrets names values that must not be on the tape, such as the street that a text tells, an
// order's number or the token of another service. They are replaced wherever they stand, also
// in base64 or with escapes, in any case. A value needs 3 characters, and 6 are better: it is
// also found inside of words.
func Secrets(values ...string) Option {
	return func(o *options) { o.secrets = append(o.secrets, values...) }
}

// KeepWords names words that are not replaced although somebody on the tape is called so, such as
// "will" and "grace".
func KeepWords(words ...string) Option {
	return func(o *options) { o.words = append(o.words, words...) }
}

// NewRecorder returns a Recorder that has recorded nothing.
func NewRecorder(opts ...Option) *Recorder {
	r := &Recorder{}
	for _, opt := range opts {
		if opt != nil {
			opt(&r.options)
		}
	}
	return r
}

// recorded is an entry with real values.
type recorded struct {
	at      time.Time
	webhook bool

	method, path string // of a file, the address
	query        url.Values
	contentType  string
	body         []byte
	file         bool

	status  int // 0 until the answer came
	failure string
	answer  []byte
	header  http.Header
}

// Transport returns a transport that sends requests through next, which is
// http.DefaultTransport if it is nil, and records them:
//
//	rec := tape.NewRecorder()
//	client, err := chatapi.New(apiURL, token,
//		chatapi.WithHTTPClient(&http.Client{Transport: rec.Transport(nil)}),
//		chatapi.WithUnguardedMediaTransport(rec.Transport(nil)))
//
// The second option is needed to record downloads, and turns off the check of their addresses.
// A GET without a token is a download: of it the tape has the address and the type. With a
// Transport of your own the SDK cannot prove that a send has not left, so a failed connection
// is ErrOutcomeUnknown while you record.
func (r *Recorder) Transport(next http.RoundTripper) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	t := &recordingTransport{r, next}
	if _, ok := next.(interface{ HeedsContext(until.Mark) }); ok {
		return &inMemory{t}
	}
	return t
}

type recordingTransport struct {
	*Recorder
	next http.RoundTripper
}

// inMemory is a recordingTransport before a transport that heeds contexts, as the fake's does.
type inMemory struct{ *recordingTransport }

func (*inMemory) HeedsContext(until.Mark) {}

func (t *recordingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		body, err = io.ReadAll(r.Body)
		if err = cmp.Or(err, r.Body.Close()); err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	e := newRecorded(r.Method, r.URL, r.Header, body)
	if e.file {
		t.begin(e)
	} else {
		t.begin(e, secretsOf(r.URL, r.Header, body)...)
	}
	resp, err := t.next.RoundTrip(r)
	if err != nil {
		t.end(e, 0, failureOf(err), nil, nil)
		return nil, err
	}
	if e.file {
		t.end(e, resp.StatusCode, "", resp.Header, nil)
		return resp, nil
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, mostLine+1))
	switch {
	case err != nil:
		t.end(e, 0, "lost", nil, nil)
		resp.Body = &restOfBody{io.MultiReader(bytes.NewReader(answer), failing{err}), resp.Body}
	case len(answer) > mostLine:
		t.fail("an answer is larger than 8 MiB")
		resp.Body = &restOfBody{io.MultiReader(bytes.NewReader(answer), resp.Body), resp.Body}
	default:
		t.end(e, resp.StatusCode, "", resp.Header, answer)
		resp.Body.Close()
		resp.Body = io.NopCloser(bytes.NewReader(answer))
	}
	return resp, nil
}

// restOfBody is a body of which a part was read.
type restOfBody struct {
	io.Reader
	io.Closer
}

type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }

// failureOf returns how a call without an answer failed.
func failureOf(err error) string {
	var op *net.OpError
	var name *net.DNSError
	if errors.As(err, &name) || errors.As(err, &op) && op.Op == "dial" {
		return "dial"
	}
	return "lost"
}

// newRecorded returns the entry of a request, without the token.
func newRecorded(method string, address *url.URL, header http.Header, body []byte) *recorded {
	e := &recorded{method: method, body: slim(body), query: address.Query()}
	e.contentType, _, _ = mime.ParseMediaType(header.Get("Content-Type"))
	token := e.query.Get("token") + header.Get("Authorization")
	if e.file = method == http.MethodGet && token == ""; e.file {
		e.path, e.query = address.String(), nil
		return e
	}
	e.query.Del("token")
	_, e.path, _ = strings.Cut(strings.TrimPrefix(address.Path, "/"), "/")
	return e
}

// secretsOf returns the secrets of a request: its token, and the channel in its path.
func secretsOf(address *url.URL, header http.Header, body []byte) (found []string) {
	channel, _, _ := strings.Cut(strings.TrimPrefix(address.Path, "/"), "/")
	_, bearer, _ := strings.Cut(header.Get("Authorization"), " ")
	found = append(found, address.Query().Get("token"), bearer, strings.TrimPrefix(channel, "instance"))
	if o := members(body); o != nil {
		token, _ := o.of["token"].(string)
		found = append(found, token)
	}
	return found
}

// slim returns a large body with a stock file for each file in it.
func slim(body []byte) []byte {
	if len(body) < 1<<20 {
		return body
	}
	o := members(body)
	if o == nil {
		return body
	}
	for name, value := range o.of {
		if text, ok := value.(string); ok && strings.HasPrefix(text, "data:") {
			o.set(name, stockData(text))
		}
	}
	return encode(o)
}

// begin adds an entry, whose answer end adds. It sets the time, so that times follow the order.
func (r *Recorder) begin(e *recorded, secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.at = time.Now()
	for _, s := range secrets {
		if len(s) >= leastNumber {
			r.secrets = append(r.secrets, s)
		}
	}
	r.bytes += len(e.body)
	r.full()
	if r.problem == nil {
		r.entries = append(r.entries, e)
	}
}

func (r *Recorder) end(e *recorded, status int, failure string, header http.Header, answer []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.status, e.failure, e.header, e.answer = status, failure, header.Clone(), answer
	r.bytes += len(answer)
	r.full()
}

// full stops a recording that is too large; the caller holds mu.
func (r *Recorder) full() {
	if r.problem == nil && (r.bytes > mostBytes || len(r.entries) >= mostEntries) {
		r.problem = errors.New("tape: the recording is over 64 MiB or 100,000 entries, and was stopped; record a shorter time")
	}
}

func (r *Recorder) fail(problem string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.problem == nil {
		r.problem = errors.New("tape: " + problem + ", and the recording was stopped")
	}
}

// Handler returns a handler that passes webhooks on to next, which is the program's, and
// records each POST request with the status that next answers. The address of a webhook, in
// which a secret may stand, and its headers are not recorded.
func (r *Recorder) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.Method != http.MethodPost || request.Body == nil {
			next.ServeHTTP(w, request)
			return
		}
		body, err := io.ReadAll(io.LimitReader(request.Body, mostLine+1))
		whole := request.Body
		request = request.Clone(request.Context())
		switch {
		case err != nil:
			request.Body = &restOfBody{io.MultiReader(bytes.NewReader(body), failing{err}), whole}
			next.ServeHTTP(w, request)
			return
		case len(body) > mostLine:
			r.fail("a webhook is larger than 8 MiB")
			request.Body = &restOfBody{io.MultiReader(bytes.NewReader(body), whole), whole}
			next.ServeHTTP(w, request)
			return
		}
		request.Body = io.NopCloser(bytes.NewReader(body))
		e := &recorded{webhook: true, body: body}
		r.begin(e, lastSegment(request.URL.Path), request.URL.Query().Get("secret"), request.Header.Get("X-Webhook-Secret"))
		answered := &statusWriter{ResponseWriter: w}
		finished := false
		defer func() {
			if finished {
				r.end(e, cmp.Or(answered.status, http.StatusOK), "", nil, nil)
			}
		}()
		next.ServeHTTP(answered, request)
		finished = true
	})
}

// lastSegment returns the end of an address, which is its secret, unless it is a plain word.
func lastSegment(path string) string {
	last := path[strings.LastIndexByte(path, '/')+1:]
	if onlyLetters(last) && last == strings.ToLower(last) && len(last) < 16 {
		return ""
	}
	return last
}

// statusWriter notes the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(data []byte) (int, error) {
	w.status = cmp.Or(w.status, http.StatusOK)
	return w.ResponseWriter.Write(data)
}

// Unwrap lets http.ResponseController reach the server's writer.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// retryAfter returns the header Retry-After in seconds.
func retryAfter(header http.Header) string {
	value := header.Get("Retry-After")
	if _, err := strconv.ParseUint(value, 10, 16); err == nil {
		return value
	}
	at, err := http.ParseTime(value)
	now, dateErr := http.ParseTime(header.Get("Date"))
	if err != nil || dateErr != nil {
		return ""
	}
	return strconv.Itoa(max(0, int(at.Sub(now).Seconds())))
}
