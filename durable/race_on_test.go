//go:build race

package durable_test

// The sizes of tests that take the race detector minutes.
const (
	manyChats = 1_000
	manyTalks = 2
)
