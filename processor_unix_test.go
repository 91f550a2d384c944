//go:build unix

package chatapi_test

import (
	"syscall"
	"time"
)

// processorTime returns the processor time of this program so far. Unlike the clock, it
// stands still while a busy machine runs something else.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
