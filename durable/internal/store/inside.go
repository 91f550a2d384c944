package store

import (
	"runtime"
	"strings"
)

// Inside reports whether its caller runs in a function of Update or BeforeCommit, in the
// same goroutine. It reads the stack, which takes some microseconds, so it is asked only
// by somebody who waits unusually long. [InTx] tells at once, but a function may have
// dropped its context.
func Inside() bool {
	var calls [128]uintptr
	frames := runtime.CallersFrames(calls[:runtime.Callers(1, calls[:])])
	for {
		frame, more := frames.Next()
		if strings.HasSuffix(frame.Function, "/internal/store.Call") {
			return true
		}
		if !more {
			return false
		}
	}
}

// Call runs a function of Update or BeforeCommit; see [Inside].
//
//go:noinline
func Call(do func() error) error { return do() }
