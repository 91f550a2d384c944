//go:build race

package postgres_test

// manyEvents is smaller, since the race detector takes minutes.
const manyEvents = 1_000
