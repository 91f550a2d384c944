//go:build !race

package postgres_test

const manyEvents = 10_000
