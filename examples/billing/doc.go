// Billing makes a month's bill from a file of events: as text, CSV, JSON, and an
// HTML page with charts. The first command makes up such a file; the second bills
// it:
//
//	go run ./examples/billing -generate 100000 > events.jsonl
//	go run ./examples/billing -html bill.html -csv bill.csv -json bill.json events.jsonl
//
// The file has one activity on each line, in any order. "-" reads standard input:
//
//	{"kind":"inbound","at":"2026-10-03T09:58:00Z","channel":"ABC1","contact":"phone:12025550143","entry_point":"ad"}
//	{"kind":"outbound","at":"2026-10-03T10:00:00Z","channel":"ABC1","contact":"phone:12025550143","message":"m1","category":"utility"}
//	{"kind":"delivered","at":"2026-10-03T10:00:02Z","channel":"ABC1","contact":"phone:12025550143","message":"m1"}
//
// The members are:
//
//   - kind is inbound, outbound, delivered, read or failed.
//   - at is the time of the activity. observed_at is the time at which you learned
//     of it; it is used if at is missing.
//   - message is the same id for a send and its statuses.
//   - category is the category of a template; a free-form message has none.
//   - entry_point says how a customer came: ad, post, page_cta or button.
//
// The same line twice counts once.
//
// -forecast adds the expected cost of the whole month. -close 72h closes each month
// three days after its end, by the times at which the events arrived. An event that
// arrives later is listed as late. A replay of years then keeps only the open months
// in memory.
//
// Without -month the program bills the month of the latest activity. A message
// without a price is listed and is not in the total, and the exit status is 3. After
// any other error the exit status is 1.
package main
