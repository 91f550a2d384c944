package chatapitest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// media is a file that the fake keeps, or knows the address of.
type media struct {
	id, url, mime, name string
	data                []byte // nil if it lies elsewhere
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

// keepData stores a file; mu is held.
func (a *API) keepData(data []byte, mimeType, name string) *media {
	id := a.number()
	m := &media{id: id, mime: mimeType, name: name, data: data}
	m.url = a.files + id + path.Ext(name)
	a.media[id] = m
	return m
}

// keep stores what an address or a data URI stands for; mu is held.
func (a *API) keep(source, name string) (*media, *answer) {
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
	source := r.body.text("body")
	if source == "" {
		source = r.body.text("url")
	}
	m, refused := a.keep(source, "")
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
	mimeType := m.mime
	if mimeType == "" {
		mimeType = "application/octet-stream"
	}
	return reply(http.StatusOK, object{"id": m.id, "url": m.url, "mimeType": mimeType, "fileSize": len(m.data), "sha256": hex.EncodeToString(sum[:])})
}

func deleteMedia(a *API, r *request) answer {
	id := r.params["mediaId"]
	if id == "" {
		id = r.body.text("mediaId")
	}
	m := a.media[id]
	if !mediaIDPattern.MatchString(id) || m == nil || m.deleted {
		return refuse("media %q is not found", id)
	}
	m.deleted = true
	return reply(http.StatusOK, object{"result": "success"})
}

// mediaName returns the name of the file that an address asks for.
func mediaName(host, path string) (string, bool) {
	if host == mediaHost {
		return strings.TrimPrefix(path, "/"), true
	}
	return strings.CutPrefix(path, "/media/")
}

// file finds a stored file by its name. Its host is not the service: a client
// that shows it the token leaks it.
func (a *API) file(name string, address *url.URL, header http.Header) answer {
	if strings.Contains(address.RawQuery, "token=") || header.Get("Authorization") != "" {
		a.report("the media host was shown the channel's token")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	m := a.media[strings.TrimSuffix(name, path.Ext(name))]
	if m == nil || m.deleted || m.data == nil {
		return answer{status: http.StatusNotFound, content: "application/xml", body: []byte("<Error><Code>NoSuchKey</Code></Error>")}
	}
	return answer{status: http.StatusOK, content: m.mime, body: m.data}
}

// serveMedia is file over a real port.
func (a *API) serveMedia(w http.ResponseWriter, r *http.Request, name string) {
	got := a.file(name, r.URL, r.Header)
	w.Header().Set("Content-Type", got.content)
	w.WriteHeader(got.status)
	_, _ = w.Write(got.body)
}
