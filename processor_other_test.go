//go:build !unix

package chatapi_test

import "time"

var began = time.Now()

// processorTime returns the time since the program began, for systems that say the
// processor time in another way.
func processorTime() time.Duration { return time.Since(began) }
