package desk

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"sync"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// The bounds of fetching. A link of the service dies within minutes, but a file with an id
// can be fetched for weeks.
const (
	fetchers   = 4
	fetchTries = 8
	mostMedia  = 100 << 20 // WhatsApp's own limit for a document
	fetchLook  = 2 * time.Second
	fetchSoon  = 100 * time.Millisecond // a change is told a moment before its commit
)

// fetch is a file to fetch.
type fetch struct {
	message, tries  int64
	channel, source string
}

// FetchMedia fetches the files of messages, some at a time, until ctx ends. What it has not
// done then, it does after the next start.
func (d *Desk) FetchMedia(ctx context.Context) error {
	d.sweep()
	wake := make(chan struct{}, 1)
	d.Wake(wake)
	var running sync.WaitGroup
	defer running.Wait()
	busy, done := map[int64]bool{}, make(chan int64, fetchers)
	for ctx.Err() == nil {
		due, err := d.dueMedia(ctx)
		if err != nil && ctx.Err() == nil {
			d.Log.Warn("The list of files to fetch was not read.", "error", err)
		}
		for _, f := range due {
			if len(busy) < fetchers && !busy[f.message] {
				busy[f.message] = true
				running.Go(func() {
					d.fetch(ctx, f)
					done <- f.message
				})
			}
		}
		select {
		case <-ctx.Done():
		case message := <-done:
			delete(busy, message)
		case <-wake:
			sleep(ctx, fetchSoon)
		case <-time.After(fetchLook):
		}
	}
	return nil
}

// sleep waits, or until ctx ends.
func sleep(ctx context.Context, pause time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}

func (d *Desk) dueMedia(ctx context.Context) ([]fetch, error) {
	rows, err := d.DB.Query(ctx, `SELECT f.message, f.tries, f.source, c.channel FROM desk_media f JOIN desk_message m ON m.id = f.message
		JOIN desk_channel c ON c.id = m.channel WHERE f.state = 'fetching' AND f.due <= $1 ORDER BY f.due, f.message LIMIT 16`, store.Micros(time.Now()))
	return store.All(rows, err, func(f *fetch) []any { return []any{&f.message, &f.tries, &f.source, &f.channel} })
}

// fetch fetches a file and notes what came of it.
func (d *Desk) fetch(ctx context.Context, f fetch) {
	name, kept, err := d.download(ctx, f)
	if ctx.Err() != nil {
		if err == nil {
			d.held.add(kept.Sum, -1) // it is fetched again at the next start
		}
		return
	}
	switch {
	case err == nil:
		err = d.saveMedia(ctx, f.message, `state = 'ready', type = $2, size = $3, sum = $4, source = '', why = '',
			name = CASE WHEN name = '' THEN $5 ELSE name END WHERE state = 'fetching'`, kept.Type, kept.Size, kept.Sum, fileName(name))
		d.release(ctx, kept)
	case errors.Is(err, errNoClient):
		err = d.saveMedia(ctx, f.message, "due = $2 WHERE state = 'fetching'", store.Micros(time.Now().Add(30*time.Second)))
	default:
		state, why := judge(err, f.tries)
		if state == mediaFetching {
			pause := time.Second << f.tries
			err = d.saveMedia(ctx, f.message, "tries = tries + 1, due = $2 WHERE state = 'fetching'", store.Micros(time.Now().Add(pause)))
			break
		}
		err = d.saveMedia(ctx, f.message, "state = $2, why = $3 WHERE state = 'fetching'", state, why)
	}
	if err != nil && ctx.Err() == nil {
		d.Log.Warn("What came of fetching a file was not stored; it is fetched again.", "message", f.message, "error", err)
		sleep(ctx, fetchLook)
	}
}

// errNoClient is the error of a file whose channel is not connected.
var errNoClient = errors.New("the channel is not connected")

func (d *Desk) download(ctx context.Context, f fetch) (name string, kept file, err error) {
	client, found := d.Channels.Client(chatapi.ChannelID(f.channel))
	if !found {
		return "", kept, errNoClient
	}
	var ref chatapi.MediaRef
	if err := json.Unmarshal([]byte(f.source), &ref); err != nil {
		return "", kept, err
	}
	var got *chatapi.MediaFile
	kept, err = d.write(func(to io.Writer) (err error) {
		got, err = client.Media.Download(ctx, ref, to, chatapi.DownloadOptions{MaxBytes: mostMedia})
		return err
	})
	if err != nil {
		return "", kept, err
	}
	kept.Type = soundType(kept.Type, got.MIMEType)
	return got.Name, kept, nil
}

// judge says what becomes of a file that was not fetched: it is tried again, refused for
// what it is, or not to be had.
func judge(err error, tries int64) (state, why string) {
	e, ok := errors.AsType[*chatapi.Error](err)
	switch {
	case !ok: // our own disk
		if tries < fetchTries {
			return mediaFetching, ""
		}
		return mediaFailed, "The file could not be stored."
	case errors.Is(err, chatapi.ErrTooLarge):
		return mediaRefused, largeSentence(mostMedia)
	case errors.Is(err, chatapi.ErrInvalid):
		return mediaRefused, short(e.Sentence)
	case tries < fetchTries && (e.Retry == chatapi.RetryBackoff || errors.Is(err, chatapi.ErrUnauthorized) || errors.Is(err, chatapi.ErrBlocked)):
		return mediaFetching, ""
	}
	return mediaFailed, short(e.Sentence)
}

// saveMedia changes the row of a file, of which $1 is the message, and tells the pages of
// its request.
func (d *Desk) saveMedia(ctx context.Context, message int64, set string, args ...any) error {
	return d.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		changed, err := tx.Exec(ctx, "UPDATE desk_media SET "+set+" AND message = $1", append([]any{message}, args...)...)
		if err != nil || changed == 0 {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT r.id, r.department FROM desk_request r JOIN desk_message m ON m.request = r.id WHERE m.id = $1
			UNION SELECT r.id, r.department FROM desk_request r JOIN desk_message m ON m.chat = r.chat WHERE m.id = $1 AND m.request = 0 AND r.merged_into = 0`, message)
		changes, err := store.All(rows, err, func(c *Change) []any { return []any{&c.Object, &c.Department} })
		if err != nil {
			return err
		}
		for _, c := range changes {
			c.Kind = ChangedRequest
			if err := tx.Changed(c); err != nil {
				return err
			}
		}
		return nil
	})
}
