package durable

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Lanes whose events have to run alone get their turn one after the other, each once,
// however often they are woken meanwhile.
func TestTurnsToRunAlone(t *testing.T) {
	var s startScan
	assert.True(t, s.alone("a"))
	assert.True(t, s.alone("a"))
	for range 3 {
		assert.False(t, s.alone("b"))
		assert.False(t, s.alone("c"))
	}
	assert.Empty(t, s.pass("b"), "a lane without the turn passes nothing on")
	assert.Equal(t, "b", s.pass("a"))
	assert.False(t, s.alone("c"), "the turn is b's, although b has not taken it yet")
	assert.Equal(t, "c", s.pass("b"))
	assert.Empty(t, s.pass("c"))
	assert.Empty(t, s.waiting)
	assert.True(t, s.alone("d"))
}
