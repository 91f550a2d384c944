package chatapi_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

const (
	png  = "\x89PNG\r\n\x1a\n and so on"
	jpeg = "\xff\xd8\xff\xe0 and so on"
	mp4  = "\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
	page = "<!DOCTYPE html><html><body>Log in</body></html>"
)

// fileStore is a real server for files. It fails the test when a request holds
// the token.
func fileStore(t *testing.T, serve http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.NotContains(t, fmt.Sprint(r.URL, r.Header), opaqueToken)
		assert.Empty(t, r.Header["Authorization"])
		assert.Equal(t, "identity", r.Header.Get("Accept-Encoding"))
		serve(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func downloader(t *testing.T, opts ...chatapi.Option) *chatapi.Client {
	t.Helper()
	client, err := chatapi.New("https://api.test/ABC1", opaqueToken, append([]chatapi.Option{chatapi.WithUnguardedMediaTransport(http.DefaultTransport)}, opts...)...)
	require.NoError(t, err)
	return client
}

func content(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, body)
	}
}

func TestDownload(t *testing.T) {
	long := strings.Repeat("0123456789", 10_000)
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	for name, c := range map[string]struct {
		serve    http.HandlerFunc
		declared string
		opts     chatapi.DownloadOptions
		kind     chatapi.ErrorKind // empty for success
		written  string
		mimeType string
	}{
		"a picture":             {content("image/png", png), "image/png", chatapi.DownloadOptions{}, "", png, "image/png"},
		"with parameters":       {content("", png), "IMAGE/PNG; x=y", chatapi.DownloadOptions{}, "", png, "image/png"},
		"undeclared":            {content("application/octet-stream", png), "", chatapi.DownloadOptions{}, "", png, "image/png"},
		"store's wrong type":    {content("image/jpeg", png), "", chatapi.DownloadOptions{}, chatapi.ErrMedia, "", ""},
		"another picture":       {content("image/png", png), "image/jpeg", chatapi.DownloadOptions{}, chatapi.ErrMedia, "", ""},
		"another, wanted":       {content("image/png", png), "image/jpeg", chatapi.DownloadOptions{SkipTypeCheck: true}, "", png, "image/jpeg"},
		"a login page":          {content("text/html", page), "application/pdf", chatapi.DownloadOptions{}, chatapi.ErrMedia, "", ""},
		"a page for a voice":    {content("audio/ogg", page), "audio/ogg; codecs=opus", chatapi.DownloadOptions{}, chatapi.ErrMedia, "", ""},
		"a page for a sheet":    {content("text/html", page), "application/vnd.ms-excel", chatapi.DownloadOptions{}, chatapi.ErrMedia, "", ""},
		"a program as a PDF":    {content("application/pdf", "MZ\x90\x00 and so on"), "application/pdf", chatapi.DownloadOptions{}, chatapi.ErrMedia, "", ""},
		"at the limit":          {content("text/plain", long), "text/plain", chatapi.DownloadOptions{MaxBytes: 100_000}, "", long, "text/plain"},
		"binary":                {content("binary/octet-stream", png), "", chatapi.DownloadOptions{}, "", png, "image/png"},
		"sound and pictures":    {content("video/mp4", mp4), "audio/mp4", chatapi.DownloadOptions{}, "", mp4, "audio/mp4"},
		"declared, at limit":    {content("text/plain", "0123456789"), "text/plain", chatapi.DownloadOptions{MaxBytes: 10}, "", "0123456789", "text/plain"},
		"declared, too large":   {content("text/plain", "0123456789"), "text/plain", chatapi.DownloadOptions{MaxBytes: 9}, chatapi.ErrTooLarge, "", ""},
		"undeclared, too large": {chunked(long), "text/plain", chatapi.DownloadOptions{MaxBytes: 99_999}, chatapi.ErrTooLarge, long[:99_999], ""},
		"a broken connection":   {broken(long), "text/plain", chatapi.DownloadOptions{}, chatapi.ErrUnavailable, long[:50_000], ""},
		"missing":               {status(404), "", chatapi.DownloadOptions{RetryFor: -1}, chatapi.ErrNotFound, "", ""},
		"gone":                  {status(410), "", chatapi.DownloadOptions{}, chatapi.ErrNotFound, "", ""},
		"expired":               {status(403), "", chatapi.DownloadOptions{}, chatapi.ErrMedia, "", ""},
		"failing":               {status(503), "", chatapi.DownloadOptions{RetryFor: -1}, chatapi.ErrUnavailable, "", ""},
		"no content":            {status(204), "", chatapi.DownloadOptions{}, chatapi.ErrMedia, "", ""},
		"redirects inside": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://10.0.0.1/a", http.StatusFound)
		}, "", chatapi.DownloadOptions{}, chatapi.ErrInvalid, "", ""},
		"empty":             {content("text/plain", ""), "text/plain", chatapi.DownloadOptions{}, "", "", "text/plain"},
		"negative size":     {status(200), "", chatapi.DownloadOptions{MaxBytes: -1}, chatapi.ErrInvalid, "", ""},
		"no answer in time": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "", chatapi.DownloadOptions{Timeout: 20 * time.Millisecond}, chatapi.ErrUnavailable, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			link := fileStore(t, c.serve) + "/a/b?sig=s3cret"
			var out bytes.Buffer
			file, err := downloader(t).Media.Download(t.Context(), chatapi.MediaRef{URL: link, MIMEType: c.declared}, &out, c.opts)
			if c.kind != "" {
				require.ErrorIs(t, err, c.kind)
				var e *chatapi.Error
				require.ErrorAs(t, err, &e)
				assert.NotEmpty(t, e.Sentence)
				assert.NotContains(t, err.Error(), "s3cret")
				assert.Equal(t, c.written != "", file != nil)
			} else {
				require.NoError(t, err)
				sum := sha256.Sum256([]byte(c.written))
				assert.Equal(t, &chatapi.MediaFile{MIMEType: c.mimeType, Size: int64(len(c.written)), SHA256: hex.EncodeToString(sum[:])}, file)
			}
			assert.True(t, c.written == out.String(), "%d bytes", out.Len())
		})
	}
}

// chunked sends the body without a Content-Length.
func chunked(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.(http.Flusher).Flush()
		_, _ = io.WriteString(w, body)
	}
}

// broken sends half of the body and then breaks off.
func broken(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		_, _ = io.WriteString(w, body[:len(body)/2])
	}
}

// A webhook can arrive before its file is in the store.
func TestDownloadWaitsForTheFile(t *testing.T) {
	for name, c := range map[string]struct {
		after time.Duration // from now until the store has the file
		ctx   time.Duration
		kind  chatapi.ErrorKind
		took  time.Duration
	}{
		"soon":      {3 * time.Second, time.Minute, "", 3750 * time.Millisecond},
		"never":     {time.Hour, time.Minute, chatapi.ErrNotFound, 3750 * time.Millisecond},
		"given up":  {time.Hour, time.Second, chatapi.ErrCanceled, time.Second},
		"at once":   {0, time.Minute, "", 0},
		"cut short": {time.Hour, 0, chatapi.ErrCanceled, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				store := roundTripper(func(r *http.Request) (*http.Response, error) {
					switch {
					case r.Context().Err() != nil:
						return nil, r.Context().Err()
					case time.Since(began) < c.after:
						return reply(404, "<Error><Code>NoSuchKey</Code></Error>"), nil
					}
					return reply(200, png), nil
				})
				client := downloader(t, chatapi.WithUnguardedMediaTransport(store))
				ctx, cancel := context.WithTimeout(t.Context(), c.ctx)
				defer cancel()
				_, err := client.Media.Download(ctx, chatapi.MediaRef{URL: "https://files.test/a"}, io.Discard, chatapi.DownloadOptions{})
				if c.kind == "" {
					assert.NoError(t, err)
				} else {
					assert.ErrorIs(t, err, c.kind)
				}
				assert.Equal(t, c.took, time.Since(began))
			})
		})
	}
}

type fullDisk struct{ room int }

func (w *fullDisk) Write(p []byte) (int, error) {
	if len(p) > w.room {
		return w.room, errors.New("disk full")
	}
	w.room -= len(p)
	return len(p), nil
}

func TestDownloadIntoABadWriter(t *testing.T) {
	link := fileStore(t, content("text/plain", "0123456789"))
	file, err := downloader(t).Media.Download(t.Context(), chatapi.MediaRef{URL: link}, &fullDisk{4}, chatapi.DownloadOptions{})
	require.ErrorIs(t, err, chatapi.ErrMedia)
	assert.ErrorContains(t, err, "disk full")
	assert.EqualValues(t, 4, file.Size)
	var none *bytes.Buffer
	for _, w := range []io.Writer{nil, none} {
		_, err = downloader(t).Media.Download(t.Context(), chatapi.MediaRef{URL: link}, w, chatapi.DownloadOptions{})
		assert.ErrorIs(t, err, chatapi.ErrInvalid)
	}
}

// boastfulWriter reports more bytes than it was given, or a negative number.
type boastfulWriter struct{ extra int }

func (w boastfulWriter) Write(p []byte) (int, error) { return len(p) + w.extra, nil }

// Only bytes that the writer was given count as written.
func TestDownloadIntoABoastfulWriter(t *testing.T) {
	const text = "0123456789"
	link := fileStore(t, content("text/plain", text))
	sum := sha256.Sum256([]byte(text))
	for _, extra := range []int{1, 1 << 30} {
		assert.NotPanics(t, func() {
			file, _ := downloader(t).Media.Download(t.Context(), chatapi.MediaRef{URL: link}, boastfulWriter{extra}, chatapi.DownloadOptions{})
			require.NotNil(t, file)
			assert.EqualValues(t, len(text), file.Size)
			assert.Equal(t, hex.EncodeToString(sum[:]), file.SHA256)
		})
	}
	assert.NotPanics(t, func() {
		_, err := downloader(t).Media.Download(t.Context(), chatapi.MediaRef{URL: link}, boastfulWriter{-20}, chatapi.DownloadOptions{})
		assert.ErrorIs(t, err, chatapi.ErrMedia)
		assert.ErrorIs(t, err, io.ErrShortWrite)
	})
}

// Download tries again after a status that may pass, and gives up after any
// other.
func TestDownloadAsksAgain(t *testing.T) {
	for status, again := range map[int]bool{404: true, 408: true, 429: true, 500: true, 503: true, 410: false, 401: false, 403: false, 400: false, 204: false} {
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			client := downloader(t, chatapi.WithUnguardedMediaTransport(roundTripper(func(*http.Request) (*http.Response, error) {
				if asked++; asked == 1 {
					return reply(status, ""), nil
				}
				return reply(200, png), nil
			})))
			_, err := client.Media.Download(t.Context(), chatapi.MediaRef{URL: "https://files.test/a"}, io.Discard, chatapi.DownloadOptions{})
			if again {
				assert.NoError(t, err, status)
				assert.Equal(t, 2, asked, status)
				return
			}
			var e *chatapi.Error
			require.ErrorAs(t, err, &e, status)
			assert.Equal(t, status, e.HTTPStatus)
			assert.Equal(t, 1, asked, status)
		})
	}
}

// Download looks an id up first. The content has to match the size and the hash
// of the answer.
func TestDownloadByID(t *testing.T) {
	sum := sha256.Sum256([]byte(png))
	for name, c := range map[string]struct {
		size int
		sum  string
		kind chatapi.ErrorKind
	}{
		"hex":          {len(png), hex.EncodeToString(sum[:]), ""},
		"upper case":   {len(png), strings.ToUpper(hex.EncodeToString(sum[:])), ""},
		"base64":       {len(png), base64.StdEncoding.EncodeToString(sum[:]), ""},
		"too short":    {len(png) + 1, "", chatapi.ErrUnavailable},
		"another hash": {len(png), strings.Repeat("0", 64), chatapi.ErrMedia},
		"too large":    {1 << 40, "", chatapi.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			link := fileStore(t, content("image/png", png))
			client := downloader(t, chatapi.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				assert.Equal(t, "17", r.URL.Query().Get("mediaId"))
				return reply(200, fmt.Sprintf(`{"id":"17","url":%q,"mimeType":"image/png","fileSize":%d,"sha256":%q}`, link, c.size, c.sum)), nil
			})}))
			_, err := client.Media.Download(t.Context(), chatapi.MediaRef{ID: "17"}, io.Discard, chatapi.DownloadOptions{})
			if c.kind == "" {
				assert.NoError(t, err)
			} else {
				assert.ErrorIs(t, err, c.kind)
			}
		})
	}
}

// The content has to match the type that the webhook declared, even if the
// look-up returns another type.
func TestDownloadByIDKeepsTheDeclaredType(t *testing.T) {
	link := fileStore(t, content("image/png", png))
	client := downloader(t, chatapi.WithHTTPClient(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		return reply(200, fmt.Sprintf(`{"id":"17","url":%q,"mimeType":"image/png"}`, link)), nil
	})}))
	for declared, kind := range map[string]error{"image/jpeg": chatapi.ErrMedia, "image/png": nil, "": nil} {
		_, err := client.Media.Download(t.Context(), chatapi.MediaRef{ID: "17", MIMEType: declared}, io.Discard, chatapi.DownloadOptions{})
		assert.ErrorIs(t, err, kind, declared)
	}
}

// Without WithUnguardedMediaTransport, Download reaches no private address.
func TestDownloadIsGuarded(t *testing.T) {
	client, err := chatapi.New("https://api.test/ABC1", opaqueToken)
	require.NoError(t, err)
	store := fileStore(t, func(http.ResponseWriter, *http.Request) { t.Error("reached") })
	for _, link := range []string{store, "https" + strings.TrimPrefix(store, "http"), "https://169.254.169.254/latest/meta-data/", "https://[::ffff:10.0.0.1]/a", "https://0.0.0.0/a",
		"https://100.64.0.1/a", "https://[64:ff9b::a9fe:a9fe]/a", "https://localhost/a", "file:///etc/passwd", "http://files.example/a", "::"} {
		_, err := client.Media.Download(t.Context(), chatapi.MediaRef{URL: link}, io.Discard, chatapi.DownloadOptions{})
		assert.ErrorIs(t, err, chatapi.ErrInvalid, link)
	}
}

func TestDownloadNames(t *testing.T) {
	for given, want := range map[string]string{
		"../../etc/passwd": "passwd", `C:\boot.ini`: "boot.ini", "in\x00voice\n.pdf": "invoice.pdf", "photo\u202egnp.exe": "photognp.exe", "..": "", "a.txt": "a.txt",
	} {
		link := fileStore(t, content("text/plain", "hello"))
		file, err := downloader(t).Media.Download(t.Context(), chatapi.MediaRef{URL: link, Name: given}, io.Discard, chatapi.DownloadOptions{})
		require.NoError(t, err)
		assert.Equal(t, want, file.Name, "%q", given)
	}
}

// The name in the message wins over the store's name, and the store's over the
// link's.
func TestDownloadNamesInOrder(t *testing.T) {
	for _, c := range []struct{ given, attached, path, want string }{
		{"bill.pdf", `attachment; filename="store.pdf"`, "/link.pdf", "bill.pdf"},
		{"", `attachment; filename="store.pdf"`, "/link.pdf", "store.pdf"},
		{"..", `attachment; filename="../store.pdf"`, "/link.pdf", "store.pdf"},
		{"", `attachment`, "/files/link.pdf", "link.pdf"},
		{"", `attachment; filename=`, "/files/link.pdf", "link.pdf"},
		{"", "", "/files/17", ""},
	} {
		link := fileStore(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Disposition", c.attached)
			_, _ = io.WriteString(w, "%PDF-1.7")
		})
		file, err := downloader(t).Media.Download(t.Context(), chatapi.MediaRef{URL: link + c.path, Name: c.given}, io.Discard, chatapi.DownloadOptions{})
		require.NoError(t, err)
		assert.Equal(t, c.want, file.Name, c)
	}
}

func TestUploadAndLookUp(t *testing.T) {
	var got string
	client := downloader(t, chatapi.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		body := ""
		if r.Body != nil {
			data, _ := io.ReadAll(r.Body)
			body = string(data)
		}
		got = r.Method + " " + r.URL.Path + " " + body
		return reply(200, `{"mediaId":"17"}`), nil
	})}))
	fromReader, err := chatapi.ReadMedia("a.png", strings.NewReader(png))
	require.NoError(t, err)
	for _, c := range []struct {
		file chatapi.Media
		want string
	}{
		{chatapi.MediaURL("https://files.example/a.jpg"), `"body":"https://files.example/a.jpg"`},
		{chatapi.MediaBytes("a.jpg", []byte(jpeg)), `"body":"data:image/jpeg;base64,`},
		{fromReader, `"body":"data:image/png;base64,`},
	} {
		id, err := client.Media.Upload(t.Context(), c.file)
		require.NoError(t, err)
		assert.Equal(t, "17", id)
		assert.Contains(t, got, "POST /ABC1/uploadMedia ")
		assert.Contains(t, got, c.want)
	}
	for _, bad := range []chatapi.Media{{}, chatapi.MediaID("17", chatapi.TypeImage), chatapi.MediaURL("ftp://a/b"), chatapi.MediaBytes("a", nil)} {
		_, err := client.Media.Upload(t.Context(), bad)
		assert.ErrorIs(t, err, chatapi.ErrInvalid)
	}
	require.NoError(t, client.Media.Delete(t.Context(), "17"))
	assert.Equal(t, "DELETE /ABC1/media/17 ", got)
	assert.ErrorIs(t, client.Media.Delete(t.Context(), "../settings\n"), chatapi.ErrInvalid)
	_, err = client.Media.Get(t.Context(), "")
	assert.ErrorIs(t, err, chatapi.ErrInvalid)
}

func TestMediaGet(t *testing.T) {
	for body, want := range map[string]chatapi.MediaInfo{
		`{"id":"18","url":"https://files.example/a","mimeType":"image/png","fileSize":"12","sha256":"AB"}`: {
			ID: "18", URL: "https://files.example/a", MIMEType: "image/png", Size: 12, SHA256: "AB"},
		`{"url":"https://files.example/a","mime_type":"image/png","file_size":12}`: {ID: "17", URL: "https://files.example/a", MIMEType: "image/png", Size: 12},
		`{"url":"https://files.example/a","fileSize":-1}`:                          {ID: "17", URL: "https://files.example/a"},
	} {
		client := downloader(t, chatapi.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			assert.Equal(t, "17", r.URL.Query().Get("mediaId"))
			return reply(200, body), nil
		})}))
		got, err := client.Media.Get(t.Context(), "17")
		require.NoError(t, err)
		want.Raw = []byte(body)
		assert.Equal(t, &want, got)
		assert.Equal(t, chatapi.MediaRef{URL: want.URL, ID: want.ID, MIMEType: want.MIMEType}, got.Ref())
	}
}

func ExampleMediaService_Download() {
	store := roundTripper(func(*http.Request) (*http.Response, error) { return reply(200, png), nil })
	client, err := chatapi.New("https://api.test/ABC1", "t0ken-of-ABC1", chatapi.WithUnguardedMediaTransport(store))
	if err != nil {
		fmt.Println(err)
		return
	}
	received := &chatapi.ReceivedMedia{URL: "https://files.example/a.png?sig=1", MIMEType: "image/png"} // of a MessageEvent

	var picture bytes.Buffer // or an os.File
	file, err := client.Media.Download(context.Background(), received.Ref(), &picture, chatapi.DownloadOptions{MaxBytes: 5 << 20})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(file.Name, file.MIMEType, file.Size)
	// Output: a.png image/png 18
}
