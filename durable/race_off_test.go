//go:build !race

package durable_test

// The sizes of tests that take the race detector minutes.
const (
	manyChats = 10_000
	manyTalks = 6
)
