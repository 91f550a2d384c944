package chatapi

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"path"
	"reflect"
	"strings"
	"time"
	"unicode"

	"github.com/chatapi-go/chatapi/internal/fetch"
)

// WithUnguardedMediaTransport replaces the network end of
// [MediaService.Download], and with it the check that a link leads to the public
// internet once its name is resolved. Loopback addresses are let through too,
// by http as well. It is for tests, for the fake, and for a proxy that does the
// checking: in any other program, a forged webhook can then make it read
// addresses inside your network.
//
// The transport never sees the token.
func WithUnguardedMediaTransport(transport http.RoundTripper) Option {
	return func(c *config) error {
		if transport == nil {
			return invalid("WithUnguardedMediaTransport", "is nil")
		}
		c.files = transport
		return nil
	}
}

// MediaRef says which file to download: by a link, or by the id of a file that
// lies with the service. Get one from [ReceivedMedia.Ref] or [MediaInfo.Ref].
type MediaRef struct {
	// URL is the link. ID counts only where there is none: then the service is
	// asked for one.
	URL, ID string

	// MIMEType is the declared type, which the content has to fit; empty
	// leaves that to the Content-Type of the reply.
	MIMEType string

	// Name is the file's name, if it has one.
	Name string
}

// Ref returns the file to download.
func (m *ReceivedMedia) Ref() MediaRef {
	if m == nil {
		return MediaRef{}
	}
	return MediaRef{URL: m.URL, ID: m.ID, MIMEType: m.MIMEType, Name: m.Name}
}

// Ref returns the file to download.
func (m *MediaInfo) Ref() MediaRef {
	if m == nil {
		return MediaRef{}
	}
	return MediaRef{URL: m.URL, ID: m.ID, MIMEType: m.MIMEType}
}

// LogValue leaves out the query of the link, which is its key.
func (r MediaRef) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", r.ID), slog.String("url", redactQuery(r.URL)), slog.String("type", r.MIMEType))
}

// DownloadOptions bounds a download. The zero value is the defaults.
type DownloadOptions struct {
	// MaxBytes is the size over which a file is refused; 0 is 100 MiB, the
	// most that WhatsApp takes for a document.
	MaxBytes int64

	// Timeout is for the whole download; 0 is 2 minutes. The context can end
	// it earlier.
	Timeout time.Duration

	// RetryFor is how long a store that says 404 or 5xx, or cannot be reached,
	// is asked again: a webhook can come before the file is in place. 0 is 5
	// seconds; less than 0 asks once.
	RetryFor time.Duration

	// SkipTypeCheck takes a file whose content is not of the declared type.
	SkipTypeCheck bool
}

// MediaFile is a file that was downloaded.
type MediaFile struct {
	// MIMEType is the declared type, without parameters; where none was
	// declared, the one that the content shows.
	MIMEType string

	// Size is how many bytes were written.
	Size int64

	// SHA256 is the hash of those bytes, in hexadecimal.
	SHA256 string

	// Name is fit for a file name: it has no directory, and is empty where
	// nothing named the file.
	Name string
}

const (
	defaultMaxBytes        = 100 << 20
	defaultDownloadTimeout = 2 * time.Minute
	defaultRetryFor        = 5 * time.Second
)

// Download writes a customer's file to w: the one behind the reference that a
// [*MessageEvent] carries. Do it at once, since its link dies within minutes
// (contract, "Media").
//
// The link came from outside and is not trusted. It is fetched by a client that
// has no token, only by https, and only from the public internet: private,
// loopback, link-local and cloud-metadata addresses are refused, also behind a
// name or a redirect, with [ErrInvalid]. More than DownloadOptions.MaxBytes is
// [ErrTooLarge]. Content that is not of the declared type, such as the HTML page
// of a login, is [ErrMedia], and nothing was written then. A file that stays
// missing is [ErrNotFound]; a store that fails or stops in the middle is
// [ErrUnavailable], one that cannot be reached [ErrUnreachable]. Only asking is
// retried, never writing: beside an error after some bytes were written, the
// MediaFile tells how many.
func (s MediaService) Download(ctx context.Context, ref MediaRef, w io.Writer, opts DownloadOptions) (*MediaFile, error) {
	const op = "Media.Download"
	client := s.client
	refuse := func(field, problem string) (*MediaFile, error) {
		return nil, s.refuse(op, invalid(field, problem))
	}
	v := reflect.ValueOf(w)
	switch {
	case client == nil || client.files == nil:
		return refuse("client", "is nil or was not made with New")
	case ctx == nil:
		return refuse("ctx", "is nil")
	case !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil():
		return refuse("w", "is nil")
	case ref.URL == "" && ref.ID == "":
		return refuse("ref", "has neither a link nor an id; is there a file in this message?")
	case opts.MaxBytes < 0 || opts.Timeout < 0:
		return refuse("opts", "has a negative value")
	}
	if opts.MaxBytes == 0 {
		opts.MaxBytes = defaultMaxBytes
	}
	if opts.Timeout == 0 {
		opts.Timeout = defaultDownloadTimeout
	}
	if opts.RetryFor == 0 {
		opts.RetryFor = defaultRetryFor
	}
	ctx, cancel := context.WithTimeout(ctx, opts.Timeout)
	defer cancel()

	d := &download{op: op, client: client, opts: opts, name: ref.Name, declared: ref.MIMEType, w: w, hash: sha256.New()}
	link := ref.URL
	if link == "" {
		info, err := s.get(ctx, op, ref.ID)
		if err != nil {
			return nil, err
		}
		link, d.size, d.sum = info.URL, info.Size, strings.ToLower(info.SHA256)
		d.declared = cmp.Or(d.declared, info.MIMEType)
	}
	address, err := url.Parse(strings.TrimSpace(link))
	if err != nil {
		return refuse("URL", "is not an address")
	}
	if err := d.run(ctx, address); err != nil {
		if d.written == 0 {
			return nil, err
		}
		return d.result(), err
	}
	return d.result(), nil
}

// download is one file on its way.
type download struct {
	op             string
	client         *Client
	opts           DownloadOptions
	name, declared string
	sniffed        string
	size           int64  // as the service told it; 0 if it did not
	sum            string // likewise, in lower case

	w        io.Writer
	hash     hash.Hash
	written  int64
	writeErr error // of w
}

func (d *download) result() *MediaFile {
	return &MediaFile{MIMEType: cmp.Or(specificType(d.declared), d.sniffed), Size: d.written,
		SHA256: hex.EncodeToString(d.hash.Sum(nil)), Name: safeName(d.name)}
}

func (d *download) run(ctx context.Context, address *url.URL) error {
	if d.size > d.opts.MaxBytes {
		return d.tooLargeError(d.size)
	}
	body, resp, err := d.open(ctx, address)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	d.declared = cmp.Or(d.declared, resp.Header.Get("Content-Type"))
	d.name = cmp.Or(safeName(d.name), attachedName(resp.Header), linkName(address))
	head, _ := body.Peek(sniffLength)
	d.sniffed = Media{inline: true, data: head, name: d.name}.contentType()
	if declared := specificType(d.declared); !d.opts.SkipTypeCheck && !matchesType(declared, head) {
		return d.fail(ErrMedia, RetryNo, fmt.Sprintf("the content is not %s, as declared, but looks like %s", declared, sniff(head)),
			"The file is not of the type it was said to be.", "treat it as unsafe; DownloadOptions.SkipTypeCheck takes it all the same")
	}
	if resp.ContentLength > d.opts.MaxBytes {
		return d.tooLargeError(resp.ContentLength)
	}
	if _, err := io.Copy(d, io.LimitReader(body, d.opts.MaxBytes)); err != nil {
		return d.interruptedError(ctx, err)
	}
	switch _, err := body.ReadByte(); {
	case err == nil:
		return d.tooLargeError(0)
	case err != io.EOF:
		return d.interruptedError(ctx, err)
	case d.written < d.size:
		return d.interruptedError(ctx, io.ErrUnexpectedEOF)
	case len(d.sum) == 2*sha256.Size && d.sum != hex.EncodeToString(d.hash.Sum(nil)):
		return d.fail(ErrMedia, RetryBackoff, "the content has another hash than the service told",
			"The file is damaged.", "throw away what was written and download it again")
	}
	return nil
}

// Write passes content on to the caller's writer.
func (d *download) Write(p []byte) (int, error) {
	n, err := d.w.Write(p)
	n = min(max(n, 0), len(p))
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	d.hash.Write(p[:n])
	d.written += int64(n)
	d.writeErr = err
	return n, err
}

const sniffLength = 512

// ask asks for the file until it is there, its beginning included, or patience
// is over.
func (d *download) open(ctx context.Context, address *url.URL) (*bufio.Reader, *http.Response, error) {
	began := time.Now()
	for pause := 250 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		resp, err := d.client.files.Get(ctx, address)
		if err == nil && resp.StatusCode == http.StatusOK {
			body := bufio.NewReaderSize(resp.Body, 32<<10)
			if _, err = body.Peek(sniffLength); err == nil || errors.Is(err, io.EOF) {
				return body, resp, nil
			}
		}
		if err == nil || resp != nil {
			resp.Body.Close()
		}
		var problem *Error
		if err != nil {
			problem = d.unansweredError(ctx, err)
		} else {
			problem = d.statusError(resp.StatusCode)
		}
		again := problem.Retry == RetryBackoff || problem.HTTPStatus == http.StatusNotFound
		if !again || ctx.Err() != nil || time.Since(began)+pause > d.opts.RetryFor {
			return nil, nil, problem
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, nil, d.unansweredError(ctx, ctx.Err())
		}
	}
}

func (d *download) fail(kind ErrorKind, retry RetryClass, reason, sentence, advice string) *Error {
	return d.client.local(d.op, &Error{Kind: kind, Retry: retry, Reason: reason, Sentence: sentence, Advice: advice})
}

// refused is the error of a status that is not 200.
func (d *download) statusError(status int) (e *Error) {
	switch {
	case status == http.StatusNotFound || status == http.StatusGone:
		e = d.fail(ErrNotFound, RetryNo, "the file is not there", "The file is not there, or not any more.",
			"links die within minutes; ask the customer to send it again")
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		e = d.fail(ErrMedia, RetryNo, "the link is not accepted", "The link to the file has expired.",
			"links die within minutes: download at once, or by the id with a fresh link")
	case status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500:
		e = d.fail(ErrUnavailable, RetryBackoff, "the store failed", "The file could not be fetched for now.", "try again before the link dies")
	default:
		e = d.fail(ErrMedia, RetryNo, "the store refused", "The file could not be fetched.", "")
	}
	e.HTTPStatus = status
	return e
}

// unreached is the error of a request that got no answer.
func (d *download) unansweredError(ctx context.Context, cause error) (e *Error) {
	forbidden, refused := errors.AsType[*fetch.Forbidden](cause)
	switch {
	case refused:
		e = invalid("URL", forbidden.Why)
		e.Op, e.Channel, e.Retry = d.op, d.client.channel, RetryNo
		e.Sentence = "The link to the file leads where files are not fetched from."
		e.Advice = "somebody may have forged the webhook"
		return e
	case ctx.Err() != nil:
		e = d.fail(ErrUnavailable, RetryBackoff, "the download was given up: "+ctx.Err().Error(), "The download was given up.", "")
		cause = ctx.Err()
	default:
		e = d.fail(ErrUnreachable, RetryBackoff, clip(cause.Error(), 300), "The file's store could not be reached.", "try again before the link dies")
	}
	e.cause = cause
	return e
}

// broken is the error of content that stopped in the middle, or of a writer
// that did not take it.
func (d *download) interruptedError(ctx context.Context, cause error) *Error {
	after := fmt.Sprintf(" after %d bytes", d.written)
	var e *Error
	switch {
	case d.writeErr != nil:
		cause = d.writeErr
		e = d.fail(ErrMedia, RetryFix, "writing failed"+after+": "+cause.Error(), "The file could not be stored.", "")
	case ctx.Err() != nil:
		cause = ctx.Err()
		e = d.fail(ErrUnavailable, RetryBackoff, "the download was given up"+after+": "+cause.Error(), "The download was given up.", "")
	default:
		e = d.fail(ErrUnavailable, RetryBackoff, "the content broke off"+after+": "+cause.Error(), "The file came only in part.", "")
	}
	if d.written > 0 {
		e.Advice = "throw away what was written"
	}
	e.cause = cause
	return e
}

// tooLarge is the error of a file over the limit; size is 0 if it is not known.
func (d *download) tooLargeError(size int64) *Error {
	what := "the file is over " + fmt.Sprint(d.opts.MaxBytes) + " bytes"
	if size > 0 {
		what = fmt.Sprintf("the file has %d bytes; at most %d are allowed", size, d.opts.MaxBytes)
	}
	return d.fail(ErrTooLarge, RetryFix, what, "The file is too large.", "raise DownloadOptions.MaxBytes")
}

// specific returns a type without its parameters, in lower case; empty for
// those that say nothing.
func specificType(declared string) string {
	declared, _, _ = strings.Cut(declared, ";")
	switch declared = strings.ToLower(strings.TrimSpace(declared)); declared {
	case "application/octet-stream", "binary/octet-stream", "application/x-binary", "*/*":
		return ""
	}
	return declared
}

func sniff(head []byte) string {
	sniffed, _, _ := strings.Cut(http.DetectContentType(head), ";")
	return sniffed
}

// fits reports whether content that begins with head can be of the declared
// type. Types with a signature must show it. Otherwise the content must not be
// something else in plain sight: text where sound or a picture is declared, a
// page or a picture where a document is.
func matchesType(declared string, head []byte) bool {
	sniffed := sniff(head)
	switch declared {
	case "", sniffed:
		return true
	case "image/jpg":
		return sniffed == "image/jpeg"
	case "image/jpeg", "image/png", "image/gif", "image/webp", "application/pdf":
		return false
	}
	of, _, _ := strings.Cut(declared, "/")
	is, _, _ := strings.Cut(sniffed, "/")
	moving := func(kind string) bool { return kind == "audio" || kind == "video" }
	switch {
	case sniffed == "application/octet-stream": // no signature that this knows
		return true
	case strings.HasSuffix(declared, "xml"):
		return is == "text"
	case of == "image":
		return is == "image"
	case moving(of): // containers hold both
		return moving(is) || sniffed == "application/ogg"
	case sniffed == "text/html":
		return of == "text" || strings.Contains(declared, "html")
	case of == "text" || of == "application":
		return is == "text" || is == "application" && sniffed != "application/pdf"
	}
	return true
}

// attachedName is the name that the store gives the file.
func attachedName(h http.Header) string {
	_, params, err := mime.ParseMediaType(h.Get("Content-Disposition"))
	if err != nil {
		return ""
	}
	return safeName(params["filename"])
}

// linkName is the last part of a link's path, if it looks like a file's name.
func linkName(address *url.URL) string {
	if path.Ext(address.Path) == "" {
		return ""
	}
	return safeName(path.Base(address.Path))
}

// safeName returns a name that a file may be given: without directories,
// control characters and marks that change the direction of writing.
func safeName(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, name)
	name = clip(strings.TrimSpace(baseName(name)), 200)
	if strings.Trim(name, ". ") == "" {
		return ""
	}
	return name
}
