//go:build unix && !race

package main

import (
	"testing"

	"github.com/chatapi-go/chatapi/durable/internal/crash/crashtest"
)

// The race detector makes the workers too slow for the moments that a fault needs.
func TestBreaks(t *testing.T) { crashtest.Breaks(t, plug) }
