package postgres_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chatapi-go/chatapi/durable/internal/deskbench"
)

// BenchmarkAcceptElsewhere compares accepting for other programs, with a job for the lane
// of each event, with accepting for the program itself. A lane in five hundred is that of
// an event.
func BenchmarkAcceptElsewhere(b *testing.B) {
	s := open(b, database(b))
	var last atomic.Int64
	body := make([]byte, benchBody)
	accept := func(elsewhere bool) func() time.Duration {
		return func() time.Duration {
			return deskbench.Calls(b, benchCallers, benchRound, func(int) error {
				n := int(last.Add(1))
				d := delivery(fmt.Sprint("lane ", n%500), n)
				d.Body, d.Elsewhere = body, elsewhere
				_, err := s.Accept(context.Background(), d)
				return err
			})
		}
	}
	ratios(b, accept(true), map[string]func() time.Duration{"x-accept-elsewhere": accept(false)})
}
