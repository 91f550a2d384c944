// Billing turns a file of events into a month's bill: as text, CSV and JSON, and
// as an HTML page with charts.
//
//	go run ./examples/billing -generate 100000 > events.jsonl
//	go run ./examples/billing -html bill.html -csv bill.csv -json bill.json events.jsonl
//
// The file has one activity a line, in any order; "-" reads standard input:
//
//	{"kind":"inbound","at":"2026-10-03T09:58:00Z","channel":"ABC1","contact":"phone:12025550143","entry_point":"ad"}
//	{"kind":"outbound","at":"2026-10-03T10:00:00Z","channel":"ABC1","contact":"phone:12025550143","message":"m1","category":"utility"}
//	{"kind":"delivered","at":"2026-10-03T10:00:02Z","channel":"ABC1","contact":"phone:12025550143","message":"m1"}
//
// kind is inbound, outbound, delivered, read or failed. at is when it happened;
// observed_at, when you learned of it, stands in where at is missing. message
// joins a send with its statuses. category is a template's, and absent for
// free-form messages. entry_point says how a customer came: ad, post, page_cta
// or button. The same line twice counts once.
//
// -forecast adds what the month will come to. -close 72h closes each month three
// days after its end, by when the events arrived: what comes in later is listed
// as late, and a replay of years keeps only what is open in memory.
//
// Without -month the bill is that of the latest activity's month. A price that
// no card has is listed, is not in the total, and makes the exit status 3.
package main
