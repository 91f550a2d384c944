// Package chatapitest is a fake Chat API for tests, demos and development: the
// service, its customers and its clock in one process. It behaves as the
// service's wire contract says, refuses what the service refuses and in the
// same words, and needs no network.
//
// # In a test
//
// [New] makes a fake, [API.Client] a client that is wired to it, and
// [API.Webhook] registers the handler under test:
//
//	synctest.Test(t, func(t *testing.T) {
//		api := chatapitest.New(t)
//		api.Webhook("https://bot.test/s3cret", myBot(api.Client()))
//		ann := api.Customer("12025550143")
//		ann.Says("hi")
//		assert.Equal(t, "Hello Ann", ann.LastReceived().Text)
//		time.Sleep(25 * time.Hour) // and the service window is closed
//	})
//
// Nothing has to be waited for: a customer's act returns when all that it
// caused is delivered, the bot's answers and their statuses included. Webhooks
// that a send of the test itself causes are delivered in the background;
// [API.Settle] waits for them. When a bot does not answer, [API.Undelivered] and
// [API.Calls] say why: a webhook that the handler refused, a send that the fake
// refused.
//
// # Customers
//
// A [Customer] says, taps, picks, sends, reacts, reads, comes from an ad, goes
// offline or cannot be reached; [Customer.Received] is what they see. Every
// number is on WhatsApp. A window is open for 24 hours after the customer's
// last message, by the fake's clock.
//
// # Time
//
// The fake uses package time only, so it works inside a testing/synctest
// bubble (made inside of it), where time.Sleep takes no time. [At] sets its
// clock, and [API.Advance] moves it, for programs, which have no bubble.
//
// # Failures
//
// [API.Fail] makes requests fail in every way the network and the service know:
// see [Fault]. [API.Block], [API.ExpireToken] and [API.OtherChannel] are the
// states of a channel. [Quirks] switches on the habits of the service's
// generations.
//
// # On a real port
//
// [API.Listen] serves the same fake to browsers and programs in other
// languages, and webhooks go over real connections to loopback addresses that
// have no handler in memory. [Start] makes a fake without a test.
//
// # Mocks by hand
//
// The Respond functions make answers of the service for
// github.com/jarcoal/httpmock or an http.RoundTripper of your own.
//
// # What is assumed
//
// Where the contract is silent, the fake does this:
//
//   - a body with a member that the contract does not name is refused with 400;
//     the words of a 400 are the fake's own where no sample has them
//   - a refused send is answered with 200 and sent: false ([Refuse400] for the
//     other form)
//   - the channel's own sends come back as webhooks with fromMe, which the
//     contract says ([NoEchoes] to leave them out)
//   - acks are on (ackNotificationsOn); the category of a free-form message's
//     ack is "service"
//   - a webhook is tried 20 times while guaranteedHooks is on, which it is at
//     first, else 3 times; the next one waits for that
//   - ids of buttons and rows, payloads and referrals are in meta, as Meta nests
//     them
//   - with rawHooks on, WhatsApp's own payloads come beside the normalized ones,
//     without pricing
//   - a sent template has the type "template" in the history, and its filled-in
//     body as text
//   - a reaction, like any message of a customer, opens the window
package chatapitest
