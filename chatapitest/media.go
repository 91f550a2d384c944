package chatapitest

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// media is a file: its content, or only its address.
type media struct {
	id, url, mime, name string
	data                []byte // nil if only the address is known
	deleted             bool
}

// dataURI reads a base64 data URI.
func dataURI(s string) (mimeType string, data []byte, err error) {
	head, encoded, ok := strings.Cut(strings.TrimPrefix(s, "data:"), ",")
	if !ok {
		return "", nil, errors.New("not a data URI")
	}
	mimeType, _, _ = strings.Cut(head, ";")
	data, err = base64.StdEncoding.DecodeString(encoded)
	return mimeType, data, err
}

// keepData stores a file with its content; the caller holds mu.
func (a *API) keepData(data []byte, mimeType, name string) *media {
	id := a.number()
	m := &media{id: id, mime: mimeType, name: name, data: data}
	a.world.mu.Lock()
	m.url = a.world.files + id + path.Ext(name)
	a.world.mu.Unlock()
	a.media[id] = m
	return m
}

// keepMedia stores the file of an address or of a data URI; the caller holds mu.
func (a *API) keepMedia(source, name string) (*media, *answer) {
	if !strings.HasPrefix(source, "data:") {
		m := &media{id: a.number(), url: source, name: name}
		a.media[m.id] = m
		return m, nil
	}
	mimeType, data, err := dataURI(source)
	if err != nil || len(data) == 0 {
		bad := refuse("body is not a base64 data URI")
		return nil, &bad
	}
	return a.keepData(data, mimeType, name), nil
}

func uploadMedia(a *API, r *request) answer {
	m, refused := a.keepMedia(cmp.Or(r.body.text("body"), r.body.text("url")), "")
	if refused != nil {
		return *refused
	}
	return reply(http.StatusOK, object{"mediaId": m.id})
}

func retrieveMedia(a *API, r *request) answer {
	m := a.media[r.query.Get("mediaId")]
	switch {
	case r.query.Get("mediaId") == "":
		return refuse("mediaId is required")
	case m == nil || m.deleted:
		return refuse("media %q is not found", r.query.Get("mediaId"))
	}
	sum := sha256.Sum256(m.data)
	return reply(http.StatusOK, object{"id": m.id, "url": m.url, "mimeType": cmp.Or(m.mime, "application/octet-stream"),
		"fileSize": len(m.data), "sha256": hex.EncodeToString(sum[:])})
}

func deleteMedia(a *API, r *request) answer {
	id := cmp.Or(r.params["mediaId"], r.body.text("mediaId"))
	m := a.media[id]
	if !mediaIDPattern.MatchString(id) || m == nil || m.deleted {
		return refuse("media %q is not found", id)
	}
	m.deleted = true
	return reply(http.StatusOK, object{"result": "success"})
}

// mediaName returns the file name in a media address; ok is false for any other
// address.
func mediaName(host, path string) (name string, ok bool) {
	if strings.HasPrefix(host, "media.") && strings.HasSuffix(host, "."+apiHost) || host == mediaHost {
		return strings.TrimPrefix(path, "/"), true
	}
	return strings.CutPrefix(path, "/media/")
}

// file returns a stored file by its name. The media host is not the service: a
// client that sends it the token leaks the token, which file reports.
func (a *API) file(name string, address *url.URL, header http.Header) answer {
	if strings.Contains(address.RawQuery, "token=") || header.Get("Authorization") != "" {
		a.report("the media host was shown the channel's token")
	}
	id := strings.TrimSuffix(name, path.Ext(name))
	for _, channel := range a.world.all() {
		channel.mu.Lock()
		m := channel.media[id]
		found := m != nil && !m.deleted && m.data != nil
		got := answer{status: http.StatusOK}
		if found {
			got.content, got.body = m.mime, m.data
		}
		channel.mu.Unlock()
		if found {
			return got
		}
	}
	return answer{status: http.StatusNotFound, content: "application/xml", body: []byte("<Error><Code>NoSuchKey</Code></Error>")}
}

// serveMedia serves a file over a real port.
func (a *API) serveMedia(w http.ResponseWriter, r *http.Request, name string) {
	got := a.file(name, r.URL, r.Header)
	w.Header().Set("Content-Type", got.content)
	w.WriteHeader(got.status)
	_, _ = w.Write(got.body)
}
