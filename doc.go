// Package chatapi sends and receives WhatsApp Business messages through Chat
// API (chat-api.com until 2022; the same service and protocol as 1MSG today).
// It needs two strings from the Chat API cabinet: an API URL and a token.
//
// The package keeps no global state, starts no goroutine of its own and reads
// no environment variables. All code of this documentation is in the examples,
// which are tested.
//
// # Connect
//
// [New] makes a [Client] for one channel, which is one business number. It
// checks both strings, in any form that people paste, and touches no network.
// [Client.Connect] asks the service: it checks the token, reads the channel,
// the profile and the templates, adds a webhook address, and returns a
// [Connection] that prints as one sentence for an operator. Each failure has
// its own sentence: a wrong token, a token of another channel, a blocked
// subscription, an unreachable host, a wrong address. A second Connect changes
// nothing.
//
// # Send
//
// [Client.Send] takes a [Recipient], such as [Phone], and a [Message]: [Text],
// [File], [Sticker], [Location], [Contacts], [Reaction], a message that asks
// for an answer ([Buttons], [List], [LinkMessage], [Flow], [LocationRequest],
// [AddressRequest]) or that sells ([Carousel], [Product], [ProductList],
// [OrderDetails], [PaymentRequest]), or a [Template]. [Custom] sends kinds for
// which this version has no type. Each kind checks its documented limits before
// anything is sent, and the error names the field. [ReplyTo] quotes a message.
//
// The [Receipt] says that the service has accepted the message. A [StatusEvent]
// says later that the phone has it. A receipt can be Queued, which is not a
// refusal, and its ID can be empty.
//
// [Client.Prepare] and [Client.SendPrepared] are the two halves of Send. A
// [Prepared] is plain JSON without the token: store it, show it, send it later.
//
// # Templates
//
// Outside the service window only an approved template goes out.
// [Client.Templates] lists, creates and deletes templates, and waits for their
// approval. [TemplateInfo.Use] makes a [Template] to send, [TemplateInfo.Check]
// finds mistakes that WhatsApp would refuse, and [TemplateInfo.Preview] shows
// the message as the customer will see it.
//
// # Receive
//
// [NewWebhookHandler] returns an http.Handler that calls a function for one
// event at a time and answers 200 only after the function returned nil.
// [NewDeliveryHandler] does the same with a whole request, for programs that
// store requests first. The service signs nothing, so the address holds a
// secret ([WebhookSecret]); a handler without a secret refuses every request.
//
// Switch on the event's type. A [*MessageEvent] is always a message from a
// customer. A message that the business sent from elsewhere is an [*EchoEvent],
// so that a bot cannot answer itself. Send answers to [MessageEvent.AnswerTo], which
// is the group of a message in a group. Old messages ([*HistoryEvent]) and those of a
// chat that another agent holds ([*StandbyEvent]) are types of their own, which a bot
// must not answer. A [*StatusEvent] reports the state of a sent message. An event of
// a kind that this version does not know is an [*UnknownEvent] with its bytes;
// nothing is dropped.
//
// A delivery may come twice, in any order, and before the reply to its send.
// Deduplicate by channel and [Event.Key], and combine statuses with
// [Status.Advance]. [ParseWebhook] only reads a body. Without a webhook,
// [MessagesService.Poll] reads messages, but no statuses, from the history.
//
// A received file is a link that expires within minutes. Fetch it at once with
// [MediaService.Download], which never sends the token there, limits the size
// and checks the content. [MediaService.Upload] stores a file for sending.
//
// # Windows and billing
//
// Three terms are easily confused. The service window is the 24 hours after a
// customer's last message, in which free-form messages may be sent; every
// message of the customer restarts it ([WindowFrom], [Ledger.ServiceWindow]).
// The conversation was the unit of billing until June 2025, and still is in
// Chat API's published model; its 24 hours are fixed ([Ledger.Conversations]).
// Since July 2025 WhatsApp bills delivered messages.
//
// A [Ledger] records every event and every send, in any order and any number of
// times. It returns windows, conversations and the month's [Bill] with all free
// and charged units and the reasons. [Ledger.Quote] returns the cost of a send
// before it goes out, [Ledger.QuoteAll] that of a campaign, and
// [Ledger.Forecast] the total of a month. The date decides which rules apply,
// or [Account.Model] does. Prices come from dated cards ([EmbeddedRates],
// [ReadRates]); a price that no card has is [ErrNoPrice], never zero. The
// ledger uses no clock, no network and no floating-point numbers.
//
// # The rest of the service
//
// The fields of [Client] group the other operations: the channel's state and
// settings, the business profile, groups, flows, calls, the catalogue, blocked
// users, and the offers in an empty chat.
//
// # Errors
//
// Every failed call returns an [*Error]: for a refusal of the service, also one
// with status 200; for a check that failed before anything was sent; for a
// broken connection. Decide by kind, with errors.Is and a sentinel such as
// [ErrWindowClosed]. Error.Sentence and Error.Advice are for operators,
// Error.Retry says whether the same call may be tried again, and Error.Reason
// quotes the service.
//
// No error, log line or formatted value shows the token.
//
// # Sending once
//
// The service has no idempotency key, so a repeated send can reach the customer
// twice. The Client repeats a send only in three cases: the service refused it
// for now (429, or 503 with [RetryPolicy.Trust503]); the service refused the
// token, and [WithTokenSource] has a new one; or it is proven that no byte of
// the request was written. Any other send without a clear answer is
// [ErrOutcomeUnknown]: look the message up with [Client.Resolve], or by hand,
// before you send it again. Calls that only read, or that may be repeated
// without harm, are retried as [RetryPolicy] says. The documentation of each
// method says which it is.
//
// # Contexts, concurrency, time
//
// Every call takes a context first and ends when the context ends. The timeout
// of [WithTimeout] is for each attempt, the context for the whole call.
// Clients, services and handlers are safe for concurrent use. Messages are
// plain values; do not change one while it is being sent.
//
// # Testing
//
// Package chatapitest is a fake Chat API that runs in memory or on a real port,
// with simulated customers and a clock that a test can move. It refuses the
// same requests as the service, in the same words. Inside a testing/synctest
// bubble, hours pass in microseconds. A bot that takes a [Sender] can be tested
// with a fake of one method.
//
// # Sources
//
// A note such as (contract, "Limits"; documented) gives the source of a fact: the
// section of the service's wire contract, and the confidence. Documented means
// that the vendor's text says it, observed that real traffic shows it, and
// inferred that it is a conclusion. docs/contract.md lists the uncertain facts.
//
// # Versions
//
// Minor releases add message kinds, events, fields and options. Enums are open
// strings, and no exported interface that a user may implement gets another
// method. The two newest Go release lines are supported.
package chatapi
