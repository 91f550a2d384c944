package durable

import (
	"time"

	"github.com/chatapi-go/chatapi/durable/internal/point"
)

func init() { point.Shorten = shorten }

// shorten divides the spans of the outbox. Only the kill tests call it, before they open
// a Desk.
func shorten(by time.Duration) {
	for _, span := range []*time.Duration{&claimLife, &sendLife, &reservedLife, &sweepEvery, &unknownHolds,
		&firstLook, &secondLook, &laterLooks, &lastLook} {
		*span /= by
	}
}
