//go:build unix

package deskbench

import (
	"syscall"
	"time"
)

// used is the processor time of this program so far.
func used() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// synced waits until the system has written to the disk what programs gave it.
func synced() { syscall.Sync() }
