//go:build race

package chatapi_test

// raceDetector says that the race detector is on. It adds to each allocation and to
// all times, so the tests then measure neither closely.
const raceDetector = true
