//go:build unix && !race

package crashtest

// raced reports whether the race detector is on.
const raced = false
