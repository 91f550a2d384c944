package desk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// The states of a file.
const (
	mediaFetching = "fetching"
	mediaReady    = "ready"
	mediaRefused  = "refused"
	mediaFailed   = "failed"
)

// putMedia notes the file of a message, which FetchMedia fetches.
func (a *arrival) putMedia(ctx context.Context, message int64, m *chatapi.ReceivedMedia) error {
	if m == nil {
		return nil
	}
	ref := m.Ref()
	source, err := json.Marshal(ref)
	if err != nil {
		return err
	}
	state, why := mediaFetching, ""
	if ref.URL == "" && ref.ID == "" {
		state, why, source = mediaFailed, "WhatsApp did not say where the file is.", nil
	}
	return a.exec(ctx, `INSERT INTO desk_media (message, state, source, name, why) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (message) DO NOTHING`,
		message, state, store.Text(string(source)), fileName(m.Name), why)
}

// Media returns the file of a message that the agent sees. It is nil until its row is
// "ready". Close it.
func (v *View) Media(ctx context.Context, message int64) (*MediaRow, *os.File, error) {
	m := &MediaRow{}
	var sum string
	found, err := v.DB.Get(ctx, `SELECT f.state, f.type, f.size, f.sum, f.name, f.why FROM desk_media f JOIN desk_message m ON m.id = f.message
		LEFT JOIN desk_request r ON r.id = m.request WHERE f.message = $1 AND `+v.inVisible(), []any{message}, &m.State, &m.Type, &m.Size, &sum, &m.Name, &m.Why)
	if err != nil {
		return nil, nil, err
	}
	if !found {
		return nil, nil, ErrNotFound
	}
	if m.State != mediaReady {
		return m, nil, nil
	}
	f, err := os.Open(filepath.Join(v.Files, filepath.Base(sum)))
	if errors.Is(err, os.ErrNotExist) {
		err = ErrNotFound // a person was erased just now
	}
	return m, f, err
}

// file is a file in the folder of media.
type file struct {
	Type string // sniffed
	Size int64
	Sum  string // SHA-256; its name in the folder
}

// holds count for each sum those who have written its file and not yet the row that names
// it. Nobody removes the file before.
type holds struct {
	mu sync.Mutex
	of map[string]int
}

func (h *holds) add(sum string, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.of == nil {
		h.of = map[string]int{}
	}
	if h.of[sum] += n; h.of[sum] == 0 {
		delete(h.of, sum)
	}
}

// release says that the row of a file that was written is stored, or will not be. A file
// without any row goes, such as that of a person who was erased meanwhile.
func (d *Desk) release(ctx context.Context, f file) {
	d.held.add(f.Sum, -1)
	if err := d.drop(context.WithoutCancel(ctx), f.Sum); err != nil {
		d.Log.Warn("A file of which no message is left was not removed.", "error", err)
	}
}

// drop removes a file that no message has.
func (d *Desk) drop(ctx context.Context, sum string) error {
	d.held.mu.Lock()
	defer d.held.mu.Unlock()
	var message int64
	found, err := d.DB.Get(ctx, "SELECT message FROM desk_media WHERE sum = $1 AND sum <> '' LIMIT 1", []any{sum}, &message)
	if err != nil || found {
		return err
	}
	return d.remove(sum)
}

// remove removes a file that nobody holds. The caller has looked for its rows, and has had
// the lock of held since then.
func (d *Desk) remove(sum string) error {
	if d.held.of[sum] > 0 {
		return nil
	}
	err := os.Remove(filepath.Join(d.Files, filepath.Base(sum)))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// errTooLarge is the error of a file with too many bytes.
var errTooLarge = errors.New("the file is too large")

// keep is write for what is read. More than most bytes are errTooLarge.
func (d *Desk) keep(from io.Reader, most int64) (file, error) {
	return d.write(func(to io.Writer) error {
		n, err := io.Copy(to, io.LimitReader(from, most+1))
		if err == nil && n > most {
			err = errTooLarge
		}
		return err
	})
}

// partial begins the names of files that are not whole.
const partial = ".part-"

// write stores under its sum what a function writes. It is on the disk when it returns,
// and stays there until it is released.
func (d *Desk) write(fill func(to io.Writer) error) (f file, err error) {
	if err := os.MkdirAll(d.Files, 0o700); err != nil {
		return f, err
	}
	part, err := os.CreateTemp(d.Files, partial)
	if err != nil {
		return f, err
	}
	sum, head := sha256.New(), make([]byte, 512)
	if err = fill(io.MultiWriter(part, sum)); err == nil {
		err = part.Sync()
	}
	n, _ := part.ReadAt(head, 0)
	info, missing := part.Stat()
	for _, other := range []error{missing, part.Close()} {
		if err == nil {
			err = other
		}
	}
	if err == nil {
		f = file{Type: sniff(head[:n]), Size: info.Size(), Sum: hex.EncodeToString(sum.Sum(nil))}
		d.held.add(f.Sum, 1)
		if err = os.Rename(part.Name(), filepath.Join(d.Files, f.Sum)); err != nil {
			d.held.add(f.Sum, -1)
		}
	}
	if err != nil {
		_ = os.Remove(part.Name())
	}
	return f, err
}

// sniff returns the type of a file by its first bytes, without parameters.
func sniff(head []byte) string {
	t, _, _ := strings.Cut(http.DetectContentType(head), ";")
	return t
}

// soundType returns the declared type of a sound or a film whose container says less. The
// SDK has compared it with the content.
func soundType(sniffed, declared string) string {
	of, _, _ := strings.Cut(declared, "/")
	switch sniffed {
	case "application/ogg", "application/octet-stream", "video/mp4":
		if of == "audio" || of == "video" && sniffed != "application/octet-stream" {
			return declared
		}
	}
	return sniffed
}

// FetchAgain fetches the file of a message that was not fetched, as long as the service has
// it.
func (v *View) FetchAgain(ctx context.Context, message int64) error {
	row, f, err := v.Media(ctx, message)
	if err != nil {
		return err
	}
	if f != nil {
		return f.Close()
	}
	if row.State != mediaFailed {
		return nil
	}
	var source string
	if _, err := v.DB.Get(ctx, "SELECT source FROM desk_media WHERE message = $1", []any{message}, &source); err != nil {
		return err
	}
	if source == "" {
		return &Refused{Sentence: "WhatsApp did not say where the file is. Ask the customer to send it again."}
	}
	return v.saveMedia(ctx, message, "state = 'fetching', why = '', tries = 0, due = 0 WHERE source <> '' AND state = 'failed'")
}

// sweep removes what a killed program has left of files that were not whole.
func (d *Desk) sweep() {
	left, _ := filepath.Glob(filepath.Join(d.Files, partial+"*"))
	for _, name := range left {
		if info, err := os.Stat(name); err == nil && time.Since(info.ModTime()) > time.Hour {
			_ = os.Remove(name)
		}
	}
}

// largeSentence says that a file was refused for its size.
func largeSentence(most int64) string {
	return fmt.Sprintf("The file is larger than %d MB.", most>>20)
}
