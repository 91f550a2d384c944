package durable

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/chatapi-go/chatapi"
)

// Unread is a delivery of which something was not read: its body is not one JSON
// object, or elements of it are no events. The other elements are events as usual.
type Unread struct {
	ID       int64 // grows with the order of arrival
	Channel  chatapi.ChannelID
	Received time.Time

	// Why has a line for each element: its path in the body and the reason. At most 2000
	// bytes.
	Why string

	Body []byte // as it arrived
}

// Unreadable lists the deliveries of which something was not read, in their order, until
// [Keep.Bodies] is over. A version of the SDK that can read one may give it to
// [Inbox.Accept] again: its events that are known are not accepted twice. It calls
// nothing but the store and is never repeated.
func (i *Inbox) Unreadable(ctx context.Context) iter.Seq2[*Unread, error] {
	const page = 16 // a body can have 4 MiB
	return func(yield func(*Unread, error) bool) {
		for after := int64(0); ; {
			rows, err := i.store.Unreadable(ctx, after, page)
			if err != nil {
				yield(nil, fmt.Errorf("durable: Unreadable: %w", err))
				return
			}
			for _, r := range rows {
				after = r.ID
				if !yield(&Unread{r.ID, chatapi.ChannelID(r.Channel), r.Received, r.Why, r.Body}, nil) {
					return
				}
			}
			if len(rows) < page {
				return
			}
		}
	}
}
