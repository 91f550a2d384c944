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
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/internal/fetch"
)

// WithUnguardedMediaTransport makes [MediaService.Download] use that transport.
// It turns off the check that the host of a link resolves to an address on the
// public internet, and allows loopback addresses, also by http. A nil transport
// is [ErrInvalid].
//
// Use it only in tests, with the fake, or with a proxy that does the check. In
// any other program, a forged webhook can make Download read addresses inside
// your network. The transport never sees the token.
func WithUnguardedMediaTransport(transport http.RoundTripper) Option {
	return func(c *config) error {
		if transport == nil {
			return invalid("WithUnguardedMediaTransport", "is nil")
		}
		c.files = transport
		return nil
	}
}

// MediaRef identifies a file to download, by a link or by the id of a file that
// the service stores. Get one from [ReceivedMedia.Ref] or [MediaInfo.Ref].
type MediaRef struct {
	// URL is the link, ID the id of the file. With an ID, Download asks the service
	// for a link: if URL is empty; at once if URL is a link of Meta's, which opens
	// only with Meta's own token (contract, raw "Messages"; observed); and once if
	// the store answers 401, 403, 404 or 410, because links die within minutes.
	URL, ID string

	// MIMEType is the declared type, which the content has to match. If it is
	// empty, the Content-Type of the reply is used.
	MIMEType string

	// Name is the file's name; it may be empty.
	Name string
}

// Ref returns the reference to download the file with. The link dies within
// minutes (contract, "Media"). On nil it returns the zero MediaRef.
func (m *ReceivedMedia) Ref() MediaRef {
	if m == nil {
		return MediaRef{}
	}
	return MediaRef{URL: m.URL, ID: m.ID, MIMEType: m.MIMEType, Name: m.Name}
}

// Ref returns the reference to download the file with. The link works for about
// five minutes. On nil it returns the zero MediaRef.
func (m *MediaInfo) Ref() MediaRef {
	if m == nil {
		return MediaRef{}
	}
	return MediaRef{URL: m.URL, ID: m.ID, MIMEType: m.MIMEType}
}

// LogValue returns the reference without the query of its link, which gives
// access to the file.
func (r MediaRef) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", r.ID), slog.String("url", redactQuery(r.URL)), slog.String("type", r.MIMEType))
}

// DownloadOptions sets the limits of a download. The zero value means the
// defaults.
type DownloadOptions struct {
	// MaxBytes is the largest file to accept, in bytes; 0 means 100 MiB,
	// WhatsApp's limit for a document.
	MaxBytes int64

	// Timeout bounds the whole download; 0 means 2 minutes. The context can
	// end it earlier.
	Timeout time.Duration

	// RetryFor is the time in which Download asks again if the store answers
	// 404, 408, 429 or 5xx, or cannot be reached: a webhook can arrive before
	// the file is in the store. 0 means 5 seconds; less than 0 asks only once.
	RetryFor time.Duration

	// SkipTypeCheck accepts a file whose content is not of the declared type.
	SkipTypeCheck bool
}

// MediaFile is a file that was downloaded.
type MediaFile struct {
	// MIMEType is the declared type, without parameters. If no type was
	// declared, it is the type detected from the content.
	MIMEType string

	// Size is the number of bytes written.
	Size int64

	// SHA256 is the hash of those bytes, in hexadecimal.
	SHA256 string

	// Name can be used as a file name on every system: it has no directories, no
	// control characters, none of <>:"|?* and is no device of Windows. It has at
	// most 200 bytes and keeps its extension. It is empty if the file has no name.
	Name string
}

const (
	defaultMaxBytes        = 100 << 20
	defaultDownloadTimeout = 2 * time.Minute
	defaultRetryFor        = 5 * time.Second
)

// Download writes a file to w and returns its type, size and hash. Pass the
// reference that a [*MessageEvent] or a [*CallEvent] carries, and do it at once: its
// link dies within minutes (contract, "Media").
//
// The link comes from outside and is not trusted. Download fetches it without
// the token, only by https, and only from the public internet. A private,
// loopback, link-local or cloud-metadata address is [ErrInvalid], also behind a
// name or a redirect.
//
// A file over DownloadOptions.MaxBytes is [ErrTooLarge]. Content that is not of
// the declared type, such as the HTML page of a login, is [ErrMedia]; nothing is
// written then. An expired link, content with a wrong hash and a failure of w are
// [ErrMedia], too. A file that stays missing is [ErrNotFound]. A store that fails
// or stops in the middle, or takes longer than DownloadOptions.Timeout, is
// [ErrUnavailable], and a store that cannot be reached [ErrUnreachable]. The end
// of ctx is [ErrCanceled].
//
// The request for the file is retried, as DownloadOptions.RetryFor allows; a write
// to w is not. If an error comes after some bytes were written, Download
// returns a MediaFile with their number beside the error. It is safe for
// concurrent use with different writers.
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
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, opts.Timeout)
	defer cancel()

	d := &download{op: op, caller: caller, client: client, media: s, id: ref.ID, opts: opts, name: ref.Name, declared: ref.MIMEType, w: w, hash: sha256.New()}
	if err := d.address(ref.URL); err != nil {
		return nil, err
	}
	if ref.URL == "" || ref.ID != "" && isMetaLink(d.link) {
		if err := d.lookUp(ctx); err != nil {
			return nil, err
		}
	}
	if err := d.run(ctx); err != nil {
		if d.written == 0 {
			return nil, err
		}
		return d.result(), err
	}
	return d.result(), nil
}

// download is one call of Download.
type download struct {
	op             string
	caller         context.Context // without DownloadOptions.Timeout
	client         *Client
	media          MediaService
	id             string   // of the file; empty if only a link is known
	link           *url.URL // the present one
	fresh          bool     // the link is one that the service just gave
	opts           DownloadOptions
	name, declared string
	sniffed        string
	size           int64  // from the service; 0 if it sent none
	sum            string // SHA-256 from the service, in lower case; empty if it sent none

	w        io.Writer
	hash     hash.Hash
	written  int64
	writeErr error // of w
}

func (d *download) result() *MediaFile {
	return &MediaFile{MIMEType: cmp.Or(specificType(d.declared), d.sniffed), Size: d.written,
		SHA256: hex.EncodeToString(d.hash.Sum(nil)), Name: safeName(d.name)}
}

// address makes a text the present link.
func (d *download) address(link string) (err error) {
	if d.link, err = url.Parse(strings.TrimSpace(link)); err != nil {
		return d.client.local(d.op, invalid("URL", "is not an address"))
	}
	return nil
}

// lookUp asks the service for a fresh link.
func (d *download) lookUp(ctx context.Context) error {
	info, err := d.media.get(ctx, d.op, d.id)
	if err != nil {
		return err
	}
	d.fresh, d.size, d.sum = true, info.Size, strings.ToLower(info.SHA256)
	d.declared = cmp.Or(d.declared, info.MIMEType)
	if d.size > d.opts.MaxBytes {
		return d.tooLargeError(d.size)
	}
	return d.address(info.URL)
}

// isMetaLink reports whether a link is one of Meta's, which needs Meta's token.
func isMetaLink(link *url.URL) bool {
	host := strings.ToLower(strings.TrimSuffix(link.Hostname(), "."))
	return host == "fbsbx.com" || strings.HasSuffix(host, ".fbsbx.com")
}

// isStale reports whether a status can mean that a link has died.
func isStale(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		return true
	}
	return false
}

func (d *download) run(ctx context.Context) error {
	body, resp, err := d.open(ctx)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	d.declared = cmp.Or(d.declared, resp.Header.Get("Content-Type"))
	d.name = cmp.Or(safeName(d.name), attachedName(resp.Header), linkName(d.link))
	head, _ := body.Peek(sniffLength)
	d.sniffed = Media{inline: true, data: head, name: d.name}.contentType()
	if declared := specificType(d.declared); !d.opts.SkipTypeCheck && !matchesType(declared, head) {
		return d.fail(ErrMedia, RetryNo, fmt.Sprintf("the content is not %s, as declared, but looks like %s", declared, sniff(head)),
			"The file is not of the type it was said to be.", "treat it as unsafe; DownloadOptions.SkipTypeCheck accepts it anyway")
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
		return d.fail(ErrMedia, RetryBackoff, "the content does not have the hash that the service sent",
			"The file is damaged.", "discard what was written and download the file again")
	}
	return nil
}

// Write passes content on to the caller's writer.
func (d *download) Write(p []byte) (int, error) {
	n, err := d.w.Write(p)
	switch {
	case err == nil && n > len(p):
		err = errors.New("the writer says that it wrote more than it was given")
	case err == nil && n < len(p):
		err = io.ErrShortWrite
	}
	n = min(max(n, 0), len(p))
	d.hash.Write(p[:n])
	d.written += int64(n)
	d.writeErr = err
	return n, err
}

// sniffLength is the number of bytes from which http.DetectContentType detects a
// type.
const sniffLength = 512

// open requests the file until the reply and the beginning of the content have
// arrived, or until RetryFor is over. It asks for a fresh link once.
func (d *download) open(ctx context.Context) (*bufio.Reader, *http.Response, error) {
	began := time.Now()
	for pause := 250 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		resp, err := d.client.files.Get(ctx, d.link)
		if err == nil && resp.StatusCode == http.StatusOK {
			body := bufio.NewReaderSize(resp.Body, 32<<10)
			if _, err = body.Peek(sniffLength); err == nil || errors.Is(err, io.EOF) {
				return body, resp, nil
			}
		}
		if err == nil || resp != nil {
			resp.Body.Close()
		}
		if err == nil && isStale(resp.StatusCode) && d.id != "" && !d.fresh {
			if err := d.lookUp(ctx); err != nil {
				return nil, nil, err
			}
			continue
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
		if err := sleep(ctx, pause); err != nil {
			return nil, nil, d.unansweredError(ctx, err)
		}
	}
}

func (d *download) fail(kind ErrorKind, retry RetryClass, reason, sentence, advice string) *Error {
	return d.client.local(d.op, &Error{Kind: kind, Retry: retry, Reason: reason, Sentence: sentence, Advice: advice})
}

// statusError returns the error for a status other than 200.
func (d *download) statusError(status int) (e *Error) {
	switch {
	case status == http.StatusNotFound || status == http.StatusGone:
		e = d.fail(ErrNotFound, RetryNo, "the file is not there", "The file does not exist, or no longer exists.",
			"links die within minutes; ask the customer to send it again")
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		e = d.fail(ErrMedia, RetryNo, "the link is not accepted", "The link to the file has expired.",
			"links die within minutes: download at once, or by the id with a fresh link")
	case status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500:
		e = d.fail(ErrUnavailable, RetryBackoff, "the store failed", "The file cannot be fetched at the moment.", "try again before the link dies")
	default:
		e = d.fail(ErrMedia, RetryNo, "the store refused", "The file could not be fetched.", "")
	}
	e.HTTPStatus = status
	return e
}

// unansweredError returns the error for a request without an answer.
func (d *download) unansweredError(ctx context.Context, cause error) (e *Error) {
	forbidden, refused := errors.AsType[*fetch.Forbidden](cause)
	switch {
	case refused:
		e = d.client.local(d.op, invalid("URL", forbidden.Why))
		e.Retry = RetryNo
		e.Sentence = "The link to the file leads to an address from which no files are fetched."
		e.Advice = "somebody may have forged the webhook"
		return e
	case ctx.Err() != nil:
		e, cause = d.ended(ctx, ""), endOf(ctx)
	default:
		e = d.fail(ErrUnreachable, RetryBackoff, clip(cause.Error(), 300), "The file's store could not be reached.", "try again before the link dies")
	}
	e.cause = cause
	return e
}

// interruptedError returns the error for content that stopped in the middle, or
// for a writer that failed.
func (d *download) interruptedError(ctx context.Context, cause error) *Error {
	after := fmt.Sprintf(" after %d bytes", d.written)
	var e *Error
	switch {
	case d.writeErr != nil:
		cause = d.writeErr
		e = d.fail(ErrMedia, RetryFix, "writing failed"+after+": "+cause.Error(), "The file could not be stored.", "")
	case ctx.Err() != nil:
		e, cause = d.ended(ctx, after), endOf(ctx)
	default:
		e = d.fail(ErrUnavailable, RetryBackoff, "the content broke off"+after+": "+cause.Error(), "The file came only in part.", "")
	}
	if d.written > 0 {
		e.Advice = "discard what was written"
	}
	e.cause = cause
	return e
}

// ended returns the error for a download whose context has ended: the caller's,
// or the time of DownloadOptions.Timeout.
func (d *download) ended(ctx context.Context, after string) *Error {
	if d.caller.Err() != nil {
		e := canceled(endOf(d.caller), true)
		e.Reason = "the download was given up" + after + ": " + e.Reason
		return d.client.local(d.op, e)
	}
	return d.fail(ErrUnavailable, RetryBackoff, fmt.Sprintf("the download was not done within %s%s: %v", d.opts.Timeout, after, ctx.Err()),
		"The download took too long.", "")
}

// tooLargeError returns the error for a file over the limit; size is 0 if it is
// not known.
func (d *download) tooLargeError(size int64) *Error {
	reason := "the file is over " + fmt.Sprint(d.opts.MaxBytes) + " bytes"
	if size > 0 {
		reason = fmt.Sprintf("the file has %d bytes; at most %d are allowed", size, d.opts.MaxBytes)
	}
	return d.fail(ErrTooLarge, RetryFix, reason, "The file is too large.", "raise DownloadOptions.MaxBytes")
}

// specificType returns a type without its parameters, in lower case; empty for a
// type that fits any content.
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

// matchesType reports whether content that begins with head can be of the
// declared type. A type with a signature must show it. Content of any other type
// must not show that it is something else: text instead of sound or a picture, a
// web page or a picture instead of a document.
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
	case sniffed == "application/octet-stream": // no known signature
		return true
	case strings.HasSuffix(declared, "xml"):
		return is == "text"
	case of == "image":
		return is == "image"
	case moving(of): // one container format can hold sound and pictures
		return moving(is) || sniffed == "application/ogg"
	case sniffed == "text/html":
		return of == "text" || strings.Contains(declared, "html")
	case of == "text" || of == "application":
		return is == "text" || is == "application" && sniffed != "application/pdf"
	}
	return true
}
