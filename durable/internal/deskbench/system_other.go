//go:build !unix

package deskbench

import "time"

// used is not measured here.
func used() time.Duration { return 0 }

// synced is nothing here.
func synced() {}
