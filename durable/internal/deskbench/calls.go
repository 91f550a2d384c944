package deskbench

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Calls lets that many goroutines share a round of calls, with the numbers from 1 to round,
// and returns how long they took. It ends the benchmark if a call fails.
func Calls(b *testing.B, callers, round int, call func(n int) error) time.Duration {
	b.Helper()
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	begun := time.Now()
	for range callers {
		all.Go(func() {
			for n := int(next.Add(1)); n <= round; n = int(next.Add(1)) {
				if err := call(n); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	all.Wait()
	took := time.Since(begun)
	if err := failed.Load(); err != nil {
		b.Fatal(*err)
	}
	return took
}
