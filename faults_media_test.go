package chatapi_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// asked downloads ref from a store that answers as serve says, and returns what was
// asked in which order: links, and "id" for a look-up, which gives the link "fresh".
func asked(t *testing.T, ref chatapi.MediaRef, serve func(link string, n int) int) (log []string, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		counts := map[string]int{}
		client := downloader(t, chatapi.WithUnguardedMediaTransport(roundTripper(func(r *http.Request) (*http.Response, error) {
			link := r.URL.Host + r.URL.Path
			log = append(log, link)
			counts[link]++
			return reply(serve(link, counts[link]), png), nil
		})), chatapi.WithHTTPClient(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			log = append(log, "id")
			if serve("id", 1) != 200 {
				return reply(404, `{"error":"no such file"}`), nil
			}
			return reply(200, `{"id":"17","url":"https://files.test/fresh","mimeType":"image/png"}`), nil
		})}))
		_, err = client.Media.Download(t.Context(), ref, io.Discard, chatapi.DownloadOptions{})
	})
	return log, err
}

// A file with an id is fetched by a link that works: by the id at once where the link
// is Meta's, and after one fresh link where the store says that the link is dead.
func TestFaultC1FreshLinks(t *testing.T) {
	const lookaside, link = "https://lookaside.fbsbx.com/whatsapp_business/attachments/", "https://files.test/old"
	ok := func(string, int) int { return 200 }
	old := func(status int) func(string, int) int {
		return func(link string, _ int) int {
			if link == "files.test/old" {
				return status
			}
			return 200
		}
	}
	for name, c := range map[string]struct {
		ref   chatapi.MediaRef
		serve func(string, int) int
		log   []string
		kind  error
	}{
		"a link of Meta's":          {chatapi.MediaRef{ID: "17", URL: lookaside + "?mid=1"}, ok, []string{"id", "files.test/fresh"}, nil},
		"its host in upper case":    {chatapi.MediaRef{ID: "17", URL: "https://LOOKASIDE.FBSBX.com./a"}, ok, []string{"id", "files.test/fresh"}, nil},
		"without an id":             {chatapi.MediaRef{URL: lookaside}, func(string, int) int { return 401 }, []string{"lookaside.fbsbx.com/whatsapp_business/attachments/"}, chatapi.ErrMedia},
		"a host that looks like it": {chatapi.MediaRef{ID: "17", URL: "https://notfbsbx.com/a"}, ok, []string{"notfbsbx.com/a"}, nil},
		"a link that works":         {chatapi.MediaRef{ID: "17", URL: link}, ok, []string{"files.test/old"}, nil},
		"401":                       {chatapi.MediaRef{ID: "17", URL: link}, old(401), []string{"files.test/old", "id", "files.test/fresh"}, nil},
		"403":                       {chatapi.MediaRef{ID: "17", URL: link}, old(403), []string{"files.test/old", "id", "files.test/fresh"}, nil},
		"404":                       {chatapi.MediaRef{ID: "17", URL: link}, old(404), []string{"files.test/old", "id", "files.test/fresh"}, nil},
		"410":                       {chatapi.MediaRef{ID: "17", URL: link}, old(410), []string{"files.test/old", "id", "files.test/fresh"}, nil},
		"only once":                 {chatapi.MediaRef{ID: "17", URL: link}, func(l string, _ int) int { return map[string]int{"id": 200}[l] + 403*map[bool]int{true: 1}[l != "id"] }, []string{"files.test/old", "id", "files.test/fresh"}, chatapi.ErrMedia},
		"not after 400":             {chatapi.MediaRef{ID: "17", URL: link}, old(400), []string{"files.test/old"}, chatapi.ErrMedia},
		"410 without an id":         {chatapi.MediaRef{URL: link}, old(410), []string{"files.test/old"}, chatapi.ErrNotFound},
		"an id that is gone":        {chatapi.MediaRef{ID: "17", URL: link}, func(l string, _ int) int { return 403 }, []string{"files.test/old", "id"}, chatapi.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			log, err := asked(t, c.ref, c.serve)
			assert.ErrorIs(t, err, c.kind)
			assert.Equal(t, c.log, log)
		})
	}
	late, err := asked(t, chatapi.MediaRef{ID: "17", URL: link}, func(l string, n int) int {
		if l == "files.test/old" || l == "files.test/fresh" && n == 1 {
			return 404
		}
		return 200
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"files.test/old", "id", "files.test/fresh", "files.test/fresh"}, late, "the store is slower than the webhook")
}

// The bounds of DownloadOptions hold for a fresh link too.
func TestFaultC1Bounds(t *testing.T) {
	link := fileStore(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) })
	client := downloader(t, chatapi.WithHTTPClient(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		return reply(200, fmt.Sprintf(`{"id":"17","url":%q,"fileSize":1000}`, link)), nil
	})}))
	_, err := client.Media.Download(t.Context(), chatapi.MediaRef{ID: "17", URL: link}, io.Discard, chatapi.DownloadOptions{MaxBytes: 999})
	assert.ErrorIs(t, err, chatapi.ErrTooLarge)
	_, err = client.Media.Download(t.Context(), chatapi.MediaRef{ID: "17", URL: "::"}, io.Discard, chatapi.DownloadOptions{})
	wrongField(t, err, chatapi.ErrInvalid, "URL")
}

// A file's name can be used on every system: bounded in bytes, with its extension,
// and no drive, stream or device.
func TestFaultE14Names(t *testing.T) {
	long := strings.Repeat("ж", 150)
	for given, want := range map[string]string{
		"C:evil.txt": "C_evil.txt", "NUL.txt": "_NUL.txt", "a:b": "a_b", "nul": "_nul", "Com1.tar.gz": "_Com1.tar.gz", "COM¹.txt": "_COM¹.txt", "lpt9 .txt": "_lpt9 .txt", "conin$": "_conin$",
		"\uff2e\uff35\uff2c.txt": "_\uff2e\uff35\uff2c.txt", "\uff0e\uff0e\uff0fx": "\uff0e\uff0e_x", "a\uff1ab\uff3cc": "a_b_c", "a\u2028b.txt": "ab.txt", "\u202egpj.exe": "gpj.exe",
		"com10.txt": "com10.txt", "console.txt": "console.txt", "nullable.txt": "nullable.txt",
		"photo.pdf. . ": "photo.pdf", `what?*.pdf`: "what__.pdf", `..\NUL`: "_NUL", "a|b<c>\"d\".txt": "a_b_c__d_.txt", ":": "", "...": "", "file:$DATA": "file_$DATA", ".htaccess": ".htaccess",
		long + ".pdf": strings.Repeat("ж", 98) + ".pdf", strings.Repeat("a", 300): strings.Repeat("a", 200), strings.Repeat("😀", 60) + ".tar.gz": strings.Repeat("😀", 49) + ".gz",
		"a." + strings.Repeat("b", 300): "a." + strings.Repeat("b", 198),
	} {
		link := fileStore(t, content("text/plain", "hello"))
		file, err := downloader(t).Media.Download(t.Context(), chatapi.MediaRef{URL: link, Name: given}, io.Discard, chatapi.DownloadOptions{})
		require.NoError(t, err)
		assert.LessOrEqual(t, len(file.Name), 200)
		assert.True(t, utf8.ValidString(file.Name))
		assert.Equal(t, want, file.Name, "%q", given)
	}
	link := fileStore(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Disposition", `attachment; filename="AUX.pdf"`)
		_, _ = io.WriteString(w, "%PDF-1.7")
	})
	for address, want := range map[string]string{link: "_AUX.pdf", fileStore(t, content("text/plain", "x")) + "/a/prn.txt": "_prn.txt"} {
		file, err := downloader(t).Media.Download(t.Context(), chatapi.MediaRef{URL: address}, io.Discard, chatapi.DownloadOptions{})
		require.NoError(t, err)
		assert.Equal(t, want, file.Name)
	}
}

// A writer that claims more bytes than it got is an error, and what it got counts.
func TestFaultE14BoastfulWriter(t *testing.T) {
	link := fileStore(t, content("text/plain", "0123456789"))
	for _, extra := range []int{1, 1 << 30} {
		file, err := downloader(t).Media.Download(t.Context(), chatapi.MediaRef{URL: link}, boastfulWriter{extra}, chatapi.DownloadOptions{})
		assert.ErrorIs(t, err, chatapi.ErrMedia)
		assert.ErrorContains(t, err, "more than it was given")
		require.NotNil(t, file)
		assert.EqualValues(t, 10, file.Size)
	}
	var out bytes.Buffer
	_, err := downloader(t).Media.Download(t.Context(), chatapi.MediaRef{URL: link}, &out, chatapi.DownloadOptions{})
	require.NoError(t, err)
}
