// Package conformance holds the tests that need heavy libraries: tracing, the
// OpenAPI document, browsers and brokers. Nobody imports it.
package conformance
