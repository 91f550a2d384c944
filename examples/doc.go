// Package examples holds runnable programs, one in each folder:
//
//   - quickstart connects a channel, sends a template, answers customers and
//     makes the month's bill.
//   - durable is a bot that answers each question once, also if it is killed.
//   - billing makes a month's bill from a file of events.
//   - tracing records the calls of the SDK as OpenTelemetry spans.
//   - echobot repeats what customers say. It is the shortest bot, with its test, and runs
//     beside phones in the browser.
//   - phone is a package instead: it reads phone numbers that people of one country
//     type without the country code.
//
// Each runs from the root of the repository, such as
//
//	go run ./examples/quickstart
//
// and needs no account. The programs are a separate module, so that users of the
// SDK do not get the libraries that they import.
package examples
