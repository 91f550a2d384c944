// Package chatapitest is a fake Chat API for tests, demos and development. The
// service, its customers and its clock run in one process, without a network.
// The fake follows the service's wire contract and refuses bad requests in the
// service's own words.
//
// # In a test
//
// [New] returns a fake, [API.Client] returns a client that talks to it, and
// [API.Webhook] registers the handler under test:
//
//	synctest.Test(t, func(t *testing.T) {
//		api := chatapitest.New(t)
//		api.Webhook("https://bot.test/s3cret", myBot(api.Client()))
//		ann := api.Customer("12025550143")
//		ann.Says("hi")
//		assert.Equal(t, "Hello Ann", ann.LastReceived().Text)
//		time.Sleep(25 * time.Hour) // the service window closes
//	})
//
// A test need not wait for a bot: each method by which a customer acts returns
// when all resulting webhooks are delivered, including those of the bot's
// answers. If the test itself sends a message, its webhooks are delivered in the
// background, and [API.Settle] waits for them. If a bot does not answer,
// [API.Undelivered] lists the webhooks that its handler refused, and [API.Calls]
// the sends that the fake refused. If the fake gives up a webhook, because a handler
// panics or returns an error each time, the test fails; see [AllowUndelivered].
//
// Make the fake inside the function that synctest.Test runs, as above. A fake that was
// made outside cannot work in the bubble, and the test fails.
//
// # A conversation as text
//
// [API.Script] plays a conversation as people read it, and [API.ScriptFile] one in a
// file, which the flag -update-scripts rewrites; [Script] has the form. A test that goes
// step by step uses [Customer.Gets] and [Customer.GetsNothing]. When a test fails, its
// log has the conversation so far, with the reason of each refusal; see
// [API.Transcript]. [Acts] is the table of everything that people can do, which scripts,
// Go and [API.Perform] share.
//
// Whether a bot answers twice if the service delivers a webhook twice at the same
// time, shows the quirk [DeliveriesAtOnce]. [API.Misdeliver] does so with chosen webhooks,
// and delivers others out of order or late. [API.Restart] kills a bot in the middle and
// starts it again.
//
// # Customers
//
// A [Customer] writes, taps buttons, picks from lists, sends files, reacts,
// reads, edits, deletes, orders, fills in flows, calls, clicks an ad, goes offline or
// cannot be reached. [Customer.Received]
// returns the messages that they see. Every number is on WhatsApp. The service
// window is open for 24 hours after the customer's last message, by the fake's
// clock.
//
// A customer can hide the number in the middle of a conversation and show it again
// ([Customer.HidesNumber], [Customer.ShowsNumber]), get another number
// ([Customer.ChangesNumber]) or another username ([Customer.WithUsername]), and be in
// groups ([API.Group], [Customer.Joins], [Customer.SaysIn]). The business writes from
// its phone app with [API.FromPhone]. [API.ImportHistory] imports old chats, and with
// [API.Standby] another agent holds the chats, until [API.AgentPasses] or an answer of
// the business. Numbers, imports and standby have events only in WhatsApp's own form,
// so the setting rawHooks must be on to see them. That form names no channel: give the
// handler [chatapi.WebhookChannel], or [chatapi.Once] takes the two forms of a message
// for two.
//
// Whose a name is, [chatapi.Identities] decides: a number in its other spelling (in
// Brazil, Mexico and Argentina), an old and a new BSUID, and a username reach one
// customer, whatever webhooks name. A number or username that a customer has given up
// is free for another. To test that a program knows a customer again, let the customer
// write, hide the number, change it and write again, and compare what the program
// stores with [Customer.BSUID].
//
// # Several channels
//
// [API.AddChannel] adds a channel to a fake; all its channels share the clock. Two
// fakes differ in host, token and ids. Give them different channel ids with [Channel]
// if one program uses both.
//
// # Time
//
// The fake takes its time from package time only. Made inside a testing/synctest
// bubble, it works there, and time.Sleep takes no real time. A program has no
// bubble: it sets the fake's clock with [At] and moves it with [API.Advance].
//
// # Failures
//
// [API.Fail] makes requests fail as a network or the service would: see [Fault]. With
// Hang and Stall of a Fault the fake stops answering, until [API.Heal].
// [API.Block] blocks the channel's subscription, [API.ExpireToken] invalidates
// its token, and [API.OtherChannel] returns the token of another channel. With
// [Quirks] the fake copies habits that the service had at some time.
//
// # On a real port
//
// [API.Listen] serves the same fake over HTTP to browsers and to programs in
// other languages. Webhooks to a loopback address without a registered handler
// go over a real connection. [Start] returns a fake for use outside a test. The port
// answers only for 127.0.0.1 and localhost, and refuses what web pages of other sites
// send. [API.ListenAt] takes a given address, and serves a page beside the fake: that of
// the package phones shows the customers as phones in a browser. The command "chatapi
// fake" of github.com/chatapi-go/chatapi/cmd/chatapi is all this as a program.
//
// # A demo that goes on
//
// [API.State] returns the state of a fake as JSON, and [API.Load] reads it at the next
// start.
//
// # Without a fake
//
// A [RecordingSender] keeps the messages of a program that has a [chatapi.Sender].
//
// # Mocks by hand
//
// The Respond functions return the service's answers as responders for
// github.com/jarcoal/httpmock or for your own http.RoundTripper. A mock given to
// [chatapi.WithHTTPClient] sees requests with "?token=…". Register addresses
// without a query: httpmock matches them with any query.
//
// # Assumptions
//
// Where the contract is silent or allows several forms, the fake does this:
//
//   - It refuses a body with a member that the contract does not name, with 400,
//     unless the quirk [LooseBodies] is on. The text of a 400 is the fake's own where
//     no sample shows one.
//   - It reads flags and numbers out of the texts of a form. If a body has both names
//     of one list, such as sections and buttons, the first name counts.
//   - A voice note has the type "ptt", and the webhook that repeats a template has the
//     type "chat"; see [VoiceType], [AudioType] and [TemplateType].
//   - It answers a refused send with 200 and sent: false. [Refuse400] selects
//     the other form.
//   - It repeats the channel's own sends as webhooks with fromMe, as the contract
//     says. [NoEchoes] leaves them out.
//   - It sends acks (ackNotificationsOn is on). The ack of a free-form message
//     has the category "service".
//   - It tries a webhook up to 20 times while guaranteedHooks is on, as it is at
//     the start, and otherwise 3 times. The next webhook waits for that.
//   - It writes button and row ids, payloads and referrals into meta, nested as
//     Meta nests them.
//   - With rawHooks on, it sends WhatsApp's own payloads, without pricing, as
//     well as the normalized ones.
//   - A message to a group has the status sent once, and then delivered and read for
//     each member, in both forms.
//   - A new number comes with a new BSUID, and the old BSUID still reaches the
//     customer. The statuses of earlier messages keep the old names. A new username
//     has no event.
//   - In standby the service's own form has no webhook. The answer of the API takes
//     the chat from the other agent, without an event.
//   - In the history a sent template has the type "template" and, as its text,
//     the body with the values filled in.
//   - A reaction opens the service window, like any message of a customer. An edit and a
//     deletion do not, and they change nothing in the history.
//   - Edits, deletions and orders have webhooks only in WhatsApp's own form.
//   - A call that the business did not accept ends with the status FAILED.
package chatapitest
