// Package conformance holds the tests that need libraries which users of the SDK
// must not get: for tracing, the OpenAPI document and random input. It also tests
// the source tree as a whole. Nobody imports it.
package conformance
