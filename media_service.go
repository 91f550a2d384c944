package chatapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/chatapi-go/chatapi/internal/transport"
	"github.com/chatapi-go/chatapi/internal/wire"
)

// MediaService uploads, looks up, deletes and downloads files. See
// [Client.Media]. All its calls may be repeated without harm and are retried;
// an upload that is repeated can leave a second copy behind, under an id that
// nobody knows.
type MediaService service

// MediaInfo is a file that lies with the service.
type MediaInfo struct {
	// ID is digits, and text.
	ID string

	// URL is a link that dies after about five minutes (contract, "Media";
	// documented). Whoever has it can read the file. Give it no token.
	URL string

	MIMEType string

	// Size is in bytes; 0 if the service did not say.
	Size int64

	// SHA256 is the hash of the content, as the service writes it.
	SHA256 string

	// Raw is the service's reply.
	Raw json.RawMessage
}

// Ref returns the file to download.
func (m *MediaInfo) Ref() MediaRef {
	if m == nil {
		return MediaRef{}
	}
	return MediaRef{URL: m.URL, ID: m.ID, MIMEType: m.MIMEType}
}

// LogValue leaves out the query of the link, which is its key.
func (m *MediaInfo) LogValue() slog.Value {
	if m == nil {
		return slog.Value{}
	}
	return slog.GroupValue(slog.String("id", m.ID), slog.String("url", redactQuery(m.URL)), slog.String("type", m.MIMEType), slog.Int64("size", m.Size))
}

// Upload stores a file and returns its id, which [MediaID] takes for as many
// messages as needed; WhatsApp keeps it for 30 days (general Cloud API
// knowledge). The file is a link, which the service fetches, or bytes of at most
// [MaxInlineMedia]; one that has an id already is [ErrInvalid].
func (s *MediaService) Upload(ctx context.Context, file Media) (id string, err error) {
	const op = "createUploadMedia"
	var c checker
	body := map[string]string{"body": file.source(&c, "file")}
	if c.first != nil {
		return "", (*service)(s).refuse(op, c.first)
	}
	client := (*service)(s).owner()
	var raw json.RawMessage
	if err := client.call(ctx, request{op: op, method: http.MethodPost, path: "uploadMedia", body: body}, &raw); err != nil {
		return "", err
	}
	if id = firstText(wire.Root(raw), "mediaId"); id == "" {
		return "", client.notJSON(op, &transport.Reply{Status: http.StatusOK, Body: raw}, errors.New("it has no mediaId"))
	}
	return id, nil
}

// Get returns what the service knows of a file, with a link to it.
func (s *MediaService) Get(ctx context.Context, id string) (*MediaInfo, error) {
	const op = "retrieveMedia"
	if _, bad := segment("id", id); bad != nil {
		return nil, (*service)(s).refuse(op, bad)
	}
	client := (*service)(s).owner()
	var raw json.RawMessage
	if err := client.call(ctx, request{op: op, method: http.MethodGet, path: op, query: url.Values{"mediaId": {id}}}, &raw); err != nil {
		return nil, err
	}
	reply := wire.Root(raw)
	info := &MediaInfo{ID: orElse(firstText(reply, "id"), id), URL: firstText(reply, "url"),
		MIMEType: firstText(reply, "mimeType", "mime_type"), SHA256: firstText(reply, "sha256"), Raw: raw}
	for _, name := range []string{"fileSize", "file_size"} {
		if size, ok := reply.Get(name).Int(); ok && size > 0 {
			info.Size = size
		}
	}
	return info, nil
}

// Delete removes a file from the service.
func (s *MediaService) Delete(ctx context.Context, id string) error {
	const op = "deleteMedia"
	place, bad := segment("id", id)
	if bad != nil {
		return (*service)(s).refuse(op, bad)
	}
	return (*service)(s).owner().call(ctx, request{op: op, method: http.MethodDelete, path: "media/" + place}, nil)
}

// DeleteLegacy removes a file by the operation of older generations of the
// service.
//
// Deprecated: use [MediaService.Delete], which does the same.
func (s *MediaService) DeleteLegacy(ctx context.Context, id string) error {
	const op = "deleteMediaLegacy"
	if _, bad := segment("id", id); bad != nil {
		return (*service)(s).refuse(op, bad)
	}
	body := map[string]string{"mediaId": id}
	return (*service)(s).owner().call(ctx, request{op: op, method: http.MethodPost, path: "deleteMedia", body: body}, nil)
}
