//go:build !race

package chatapi_test

// raceDetector says that the race detector is off.
const raceDetector = false
