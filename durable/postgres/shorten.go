package postgres

import (
	"time"

	"github.com/chatapi-go/chatapi/durable/internal/point"
)

func init() {
	others := point.Shorten
	point.Shorten = func(by time.Duration) {
		others(by)
		shorten(by)
	}
}

// shorten divides the spans after which the server takes a program for dead. The session
// of the locks is divided by a fifth of that, since a busy machine is silent for a second
// too. Only the kill tests call it, before they open a store.
func shorten(by time.Duration) {
	idleTime /= by
	defaultSilence = defaultSilence * 5 / by
	defaultBeat = defaultBeat * 5 / by
}
