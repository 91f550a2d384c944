// Package chatapi sends and receives WhatsApp Business messages through Chat
// API (chat-api.com until 2022; the same service and protocol as 1MSG today).
// It needs two strings from the Chat API cabinet: an API URL and a token.
//
// Nothing here keeps package state, starts a goroutine on its own or reads the
// environment. Code in this documentation is in the examples, which run.
//
// # Connect
//
// [New] makes a [Client] for one channel, which is one business number. It
// checks both strings, in any form people paste them, and touches no network.
// [Client.Connect] does: it looks at the token, the channel, the profile and
// the templates, adds a webhook address to those that are there, and returns a
// [Connection] that prints as the one sentence an operator wants to read. What
// is wrong has a sentence too, a different one for a wrong token, a token of
// another channel, a blocked subscription, an unreachable host and a wrong
// address. Connecting again changes nothing.
//
// # Send
//
// [Client.Send] takes a [Recipient], such as [Phone], and a [Message]: [Text],
// [File], [Sticker], [Location], [Contacts], [Reaction], what asks for an answer
// ([Buttons], [List], [LinkMessage], [Flow], [LocationRequest], [AddressRequest]),
// what sells ([Carousel], [Product], [ProductList], [OrderDetails],
// [PaymentRequest]), or a [Template]. [Custom] sends what this version has no
// type for. Each kind checks its own documented limits before anything leaves,
// and the error names the field. [ReplyTo] quotes a message.
//
// The [Receipt] says that the service has taken the message, not that the phone
// has it: that is told by a [StatusEvent]. A receipt can be Queued, which is
// not a refusal, and its ID can be empty.
//
// [Client.Prepare] and [Client.SendPrepared] are the two halves of Send. A
// [Prepared] is plain JSON without the token: store it, show it, send it later.
//
// # Templates
//
// Outside the service window only an approved template goes out.
// [Client.Templates] lists, creates and removes them, and waits for their
// approval. [TemplateInfo.Use] makes a [Template] to send,
// [TemplateInfo.Check] finds what WhatsApp would refuse, and
// [TemplateInfo.Preview] shows what the customer will see.
//
// # Receive
//
// [NewWebhookHandler] is an http.Handler that calls a function for one event at
// a time and answers 200 only after it returned nil; [NewDeliveryHandler] does
// the same with a whole request, for programs that store it first. The service
// signs nothing, so the address holds a secret ([WebhookSecret]); a handler
// without one refuses everything.
//
// Switch on the event's type. [*MessageEvent] is a message from a customer,
// and only that: what the business sent from elsewhere is an [*EchoEvent], so
// that a bot cannot answer itself. [*StatusEvent] is what became of a sent
// message. What this version does not know is an [*UnknownEvent] with its
// bytes; nothing is dropped.
//
// A delivery may come twice, in any order, and before the reply to the send it
// is about. Deduplicate by channel and [Event.Key], and move statuses with
// [Status.Advance]. [ParseWebhook] does the reading alone. Without a webhook,
// [MessagesService.Poll] reads messages, but no statuses, from the history.
//
// A received file is a link that dies within minutes: fetch it at once, with
// [MediaService.Download], which gives no token away, caps the size and looks
// at the content. [MediaService.Upload] is the other way round.
//
// # Windows and billing
//
// Three things are easily mixed up. The service window is the 24 hours after a
// customer's last message, in which free-form messages may be sent; it rolls
// with every message of the customer ([WindowFrom], [Ledger.ServiceWindow]). A
// conversation is what was billed until June 2025, and still is in Chat API's
// published model; its 24 hours are fixed ([Ledger.Conversations]). Since then
// delivered messages are billed.
//
// A [Ledger] is told every event and every send, in any order and any number of
// times, and answers with windows, conversations and the month's [Bill]: what
// was free and why, and what was charged. Before a send [Ledger.Quote] says what
// it would cost, [Ledger.QuoteAll] so for a campaign, and [Ledger.Forecast] what
// the month will come to. Which rules count is a matter of the date, or of
// [Account.Model]. Prices come from dated cards ([EmbeddedRates],
// [ReadRates]); a price that no card has is [ErrNoPrice], never zero. The
// ledger knows no clock, no network and no floating-point number.
//
// # The rest of the service
//
// The other operations are grouped by family in the fields of [Client]: the
// channel's state and settings, the business profile, groups, flows, calls,
// the catalogue, blocked users, and the automation of a chat's beginning.
//
// # Errors
//
// Every failed call returns an [*Error]: a refusal of the service, also one in
// a reply with status 200; a check that failed before anything was sent; a
// connection that broke. Decide by kind, with errors.Is and a sentinel such as
// [ErrWindowClosed]. Error.Sentence and Error.Advice are for operators,
// Error.Retry says whether the same may be tried again, and Error.Reason quotes
// the service.
//
// No error, log line or formatted value shows the token.
//
// # Sending once
//
// The service has no idempotency key, so repeating a send can double it. The
// Client repeats a send only when the service said "not now" (429; 503 if
// [RetryPolicy.Trust503] says so), or when it is proven that no byte of it was
// written. Everything else that is neither a yes nor a no is
// [ErrOutcomeUnknown]: do not send again before [Client.Resolve] or a person
// has looked. Calls that only read, or that may be repeated without harm, are
// retried as [RetryPolicy] says.
//
// # Contexts, concurrency, time
//
// Every call takes a context first, and its end ends the call: the timeout of
// [WithTimeout] is per attempt, the context is for the whole. Clients, services
// and handlers are safe for concurrent use. Messages are plain values; do not
// change one while it is being sent.
//
// # Testing
//
// Package chatapitest is a fake Chat API that runs in memory or on a real port,
// with simulated customers and a clock that can be moved. It refuses what the
// service refuses, in the same way. Inside a testing/synctest bubble, hours
// pass in microseconds. A bot that takes a [Sender] can be tested with a fake
// of one method.
//
// # Versions
//
// New message kinds, events, fields and options are minor releases: enums are
// open strings, and no exported interface that a user may implement gets a
// method. The two newest Go release lines are supported.
package chatapi
