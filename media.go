package chatapi

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"reflect"
	"strings"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// Media is a file to send: a public link, the id of an uploaded file, or the
// bytes themselves. Make one with [MediaURL], [MediaID], [MediaBytes] or
// [ReadMedia]. A message that needs a file refuses the zero Media with
// [ErrInvalid]. The text form of a Media never shows the bytes.
type Media struct {
	link     string
	id       string
	kind     ContentType // with id
	data     []byte
	inline   bool // the file is data, even if data is empty
	name     string
	mimeType string
}

// MaxInlineMedia is the largest file, in bytes, that can be sent as bytes: 16
// MiB, WhatsApp's own limit for audio and video (from general Cloud API
// knowledge; the contract names none). Send documents up to 100 MB with
// [MediaURL].
const MaxInlineMedia = 16 << 20

// MediaURL returns the file behind a public http or https link of at most 8192
// bytes. The service fetches it when the message is sent, so the link has to
// work until then.
func MediaURL(link string) Media { return Media{link: strings.TrimSpace(link)} }

// MediaID returns a file that was uploaded before, by the id that
// [MediaService.Upload] returned. The id is a string of digits; keep it as a
// string. The service needs the kind of the file: [TypeImage], [TypeVideo],
// [TypeAudio], [TypeDocument] or, for a sticker, [TypeSticker].
func MediaID(id string, kind ContentType) Media {
	return Media{id: strings.TrimSpace(id), kind: kind}
}

// MediaBytes returns the file with that content, up to [MaxInlineMedia] bytes.
// The content is sent inside the request. Only the last path element of the name
// is used: the customer sees it, and its extension decides the type if the
// content alone does not. The data is not copied, so do not change it before the
// message is sent.
func MediaBytes(name string, data []byte) Media {
	return Media{inline: true, data: data, name: baseName(name)}
}

// ReadMedia returns the file with the content of r, like [MediaBytes]. It reads r
// once, to the end, and does not close it. More than [MaxInlineMedia] bytes are
// [ErrTooLarge], an empty or nil reader is [ErrInvalid], and a reader that fails
// is [ErrMedia], which wraps the reader's error.
func ReadMedia(name string, r io.Reader) (Media, error) {
	if v := reflect.ValueOf(r); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return Media{}, invalid("r", "is nil; give an open file or another reader").in("ReadMedia", "")
	}
	data, err := io.ReadAll(io.LimitReader(r, MaxInlineMedia+1))
	switch {
	case err != nil:
		e := &Error{Kind: ErrMedia, Retry: RetryFix, Reason: err.Error(), cause: err, Sentence: "The file could not be read."}
		return Media{}, e.in("ReadMedia", "")
	case len(data) == 0:
		return Media{}, invalid("r", "is empty; it may have been read to its end before").in("ReadMedia", "")
	case len(data) > MaxInlineMedia:
		return Media{}, tooLarge("r").in("ReadMedia", "")
	}
	return MediaBytes(name, data), nil
}

// WithMIMEType returns the same file with that type, such as "audio/ogg", instead
// of the type detected from the content. It has an effect only on bytes: the
// service finds the type of links and ids itself.
func (m Media) WithMIMEType(mimeType string) Media {
	m.mimeType = strings.TrimSpace(mimeType)
	return m
}

// String returns a short description of the file, without its bytes and without
// the query of a link, which may be a signature.
func (m Media) String() string {
	switch {
	case m.inline:
		return fmt.Sprintf("%s, %d bytes", m.contentType(), len(m.data))
	case m.id != "":
		return fmt.Sprintf("%s %s", cmp.Or(string(m.kind), "media"), m.id)
	case m.link != "":
		return redactQuery(m.link)
	}
	return "no media"
}

// GoString returns the same as String, so that %#v shows no bytes.
func (m Media) GoString() string { return m.String() }

// LogValue returns the same as String, so that logs show no bytes.
func (m Media) LogValue() slog.Value { return slog.StringValue(m.String()) }

// check notes the first problem of the file itself; field is its place in the
// message.
func (m Media) check(c *checker, field string) {
	switch {
	case m.inline && len(m.data) == 0:
		c.fail(field, "has no bytes; give the content of the file")
	case m.inline && len(m.data) > MaxInlineMedia:
		c.failWith(tooLarge(field))
	case m.inline:
		kind, sub, ok := strings.Cut(m.contentType(), "/")
		c.require(ok && isToken(kind) && isToken(sub), field, "has the type "+quote(m.mimeType)+", which is not a MIME type; write it as image/png")
	case m.id != "":
		c.require(isWord(m.id), field, "has the id "+quote(m.id)+", which is not a media id; give the one that Media.Upload returned")
	default:
		c.require(m.link != "", field, "is missing; use MediaURL, MediaID, MediaBytes or ReadMedia")
		c.url(field, m.link)
	}
}

// dataURI returns the bytes as a data URI, the service's form of them.
func (m Media) dataURI() string {
	head := "data:" + m.contentType() + ";base64,"
	uri := make([]byte, 0, len(head)+base64.StdEncoding.EncodedLen(len(m.data)))
	uri = append(uri, head...)
	return string(base64.StdEncoding.AppendEncode(uri, m.data))
}

// contentType returns the MIME type without parameters: the given type, the type
// of the name's extension if the content shows only a container, or the type
// detected from the content.
func (m Media) contentType() string {
	given, _, _ := strings.Cut(m.mimeType, ";")
	if given = strings.TrimSpace(given); given != "" {
		return strings.ToLower(given)
	}
	sniffed, _, _ := strings.Cut(http.DetectContentType(m.data), ";")
	switch sniffed {
	case "application/octet-stream", "application/zip", "application/ogg", "text/plain", "video/mp4":
		if named, ok := mimeTypes[strings.ToLower(path.Ext(m.name))]; ok {
			return named
		}
	}
	if sniffed == "application/ogg" {
		return "audio/ogg"
	}
	return sniffed
}

// fileName returns the name that the customer sees; empty if the media has none.
func (m Media) fileName() string {
	switch {
	case m.inline && m.name != "":
		return m.name
	case m.inline:
		if ext, ok := extensions[m.contentType()]; ok {
			return "file" + ext
		}
	case m.link != "":
		if u, err := url.Parse(m.link); err == nil && path.Ext(u.Path) != "" {
			return path.Base(u.Path)
		}
	}
	return ""
}

// object returns the file in the form of Meta's objects, by link or by id. Bytes
// have no such form.
func (m Media) object(name string) map[string]string {
	o := map[string]string{}
	if m.id != "" {
		o["id"] = m.id
	} else {
		o["link"] = m.link
	}
	if name != "" {
		o["filename"] = name
	}
	return o
}

// mimeTypes maps extensions to types that cannot be detected from content alone.
// It holds the types that WhatsApp takes; the package mime would give different
// results on different machines.
var mimeTypes = map[string]string{
	".txt": "text/plain", ".csv": "text/csv", ".pdf": "application/pdf",
	".doc": "application/msword", ".xls": "application/vnd.ms-excel", ".ppt": "application/vnd.ms-powerpoint",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	".ogg":  "audio/ogg", ".oga": "audio/ogg", ".opus": "audio/ogg",
	".aac": "audio/aac", ".amr": "audio/amr", ".mp3": "audio/mpeg", ".m4a": "audio/mp4",
	".mp4": "video/mp4", ".3gp": "video/3gpp",
}

// extensions maps types to the extensions for files without a name.
var extensions = map[string]string{
	"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "image/gif": ".gif",
	"video/mp4": ".mp4", "video/3gpp": ".3gp",
	"audio/ogg": ".ogg", "audio/aac": ".aac", "audio/amr": ".amr", "audio/mpeg": ".mp3", "audio/mp4": ".m4a",
	"application/pdf": ".pdf", "text/plain": ".txt", "text/csv": ".csv",
}

// baseName returns a name without directories. os.File.Name and old browsers give
// names with directories.
func baseName(name string) string {
	name = strings.TrimSpace(name)
	return name[strings.LastIndexAny(name, `/\`)+1:]
}

// isVoiceName reports whether a file of that name can be a voice note.
func isVoiceName(name string) bool {
	return mimeTypes[strings.ToLower(path.Ext(name))] == "audio/ogg"
}

func tooLarge(field string) *Error {
	e := invalid(field, fmt.Sprintf("is over %d MiB", MaxInlineMedia>>20))
	e.Kind, e.Advice = ErrTooLarge, "give a link with MediaURL"
	return e
}

// MediaService uploads, looks up, deletes and downloads files. It is
// [Client.Media], and safe for concurrent use. Its calls may be repeated without
// harm and are retried.
type MediaService struct{ service }

// MediaInfo describes a file that the service stores.
type MediaInfo struct {
	// ID is a string of digits; keep it as a string.
	ID string

	// URL is a link to the file that works for about five minutes (contract,
	// "Media"; documented). Everybody who has the link can read the file.
	// Never send it the token.
	URL string

	MIMEType string

	// Size is in bytes; 0 if the service did not send it.
	Size int64

	// SHA256 is the hash of the content, in the service's form.
	SHA256 string

	// Raw is the service's reply.
	Raw json.RawMessage
}

// LogValue returns the file without the query of its link, which gives access to
// the file.
func (m *MediaInfo) LogValue() slog.Value {
	if m == nil {
		return slog.Value{}
	}
	return slog.GroupValue(slog.String("id", m.ID), slog.String("url", redactQuery(m.URL)), slog.String("type", m.MIMEType), slog.Int64("size", m.Size))
}

// Upload stores a file with the service and returns its id. Pass the id to
// [MediaID], in as many messages as you like; WhatsApp keeps the file for 30 days
// (general Cloud API knowledge). The file is a link, which the service fetches,
// or bytes. More than [MaxInlineMedia] bytes are [ErrTooLarge]; a file that has
// an id already is [ErrInvalid]. Upload is retried: a repeated upload can leave a
// second copy of the file, whose id nobody knows.
func (s MediaService) Upload(ctx context.Context, file Media) (id string, err error) {
	const op = "Media.Upload"
	var c checker
	body := map[string]string{"body": file.source(&c, "file")}
	if c.first != nil {
		return "", s.refuse(op, c.first)
	}
	var raw json.RawMessage
	if err := s.call(ctx, request{op: op, method: http.MethodPost, path: "uploadMedia", body: body}, &raw); err != nil {
		return "", err
	}
	if id = firstText(wire.Root(raw), "mediaId"); id == "" {
		return "", s.unreadable(op, raw, errors.New("it has no mediaId"))
	}
	return id, nil
}

// Get returns the service's description of a file, with a fresh link to it. An
// empty id is [ErrInvalid]. Get is retried. To read the content, use
// [MediaService.Download].
func (s MediaService) Get(ctx context.Context, id string) (*MediaInfo, error) {
	return s.get(ctx, "Media.Get", id)
}

// get is Get; errors and hooks name the operation op.
func (s MediaService) get(ctx context.Context, op, id string) (*MediaInfo, error) {
	if _, bad := segment("id", id); bad != nil {
		return nil, s.refuse(op, bad)
	}
	var raw json.RawMessage
	if err := s.call(ctx, request{op: op, method: http.MethodGet, path: "retrieveMedia", query: url.Values{"mediaId": {id}}}, &raw); err != nil {
		return nil, err
	}
	reply := wire.Root(raw)
	info := &MediaInfo{ID: cmp.Or(firstText(reply, "id"), id), URL: firstText(reply, "url"),
		MIMEType: firstText(reply, "mimeType", "mime_type"), SHA256: firstText(reply, "sha256"), Raw: raw}
	for _, name := range []string{"fileSize", "file_size"} {
		if size, ok := reply.Get(name).Int(); ok && size > 0 {
			info.Size = size
		}
	}
	return info, nil
}

// Delete deletes an uploaded file from the service. It cannot be undone. An empty
// id is [ErrInvalid]. Delete may be repeated without harm and is retried, so a
// repeated call may find the file gone.
func (s MediaService) Delete(ctx context.Context, id string) error {
	const op = "Media.Delete"
	place, bad := segment("id", id)
	if bad != nil {
		return s.refuse(op, bad)
	}
	return s.call(ctx, request{op: op, method: http.MethodDelete, path: "media/" + place}, nil)
}

// source returns the file as a link, which the service fetches, or as a data URI.
func (m Media) source(c *checker, field string) string {
	m.check(c, field)
	c.playable(field, m, m.fileName())
	switch {
	case m.inline && c.first == nil:
		return m.dataURI()
	case m.id != "":
		c.fail(field, "is the id of an uploaded file; give a link or bytes")
	}
	return m.link
}

// isZero reports whether m has no link, no id and no bytes.
func (m Media) isZero() bool { return !m.inline && m.id == "" && m.link == "" }
