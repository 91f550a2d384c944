// Package tape records what goes between a program and a real channel, in both directions, and
// plays it back to the program in tests. A conversation that went wrong becomes a test, which
// needs no channel and no network, and has nothing personal in it.
//
// # Record
//
// A [Recorder] stands at both ends of a program: [Recorder.Transport] passes on the calls that
// the client makes, and [Recorder.Handler] the webhooks that arrive. [Recorder.Save] writes the
// tape. Record with a channel for tests, or with the fake of chatapitest on a port.
//
// # What is taken out
//
// The tape has other values for everything that belongs to a person or opens a door:
//
//   - Tokens, and the secrets in the addresses of webhooks, are not on the tape, nor in any
//     text on it.
//   - Phone numbers become numbers that North America keeps for fiction, such as 12025550101.
//     The same person has the same number everywhere: in chat ids, in texts, in both spellings
//     of a number, and in links to wa.me. The country of a number is lost.
//   - Names become Ann, Ben, Cyd and so on. User ids, chat ids, message ids and other ids
//     become ids of the same form.
//   - E-mail addresses become mail1@example.com and so on, IBANs and card numbers zeros, links
//     https://files.test/1.jpg and https://link.test, places one place. Names of places and
//     postal addresses become their shape.
//   - Files are not on the tape. A small file of the same type stands for each.
//   - Times are those of a clock that began at 2000-01-01T00:00:00Z with the tape, which is the
//     clock of a testing/synctest bubble. The day of the recording is on the tape.
//   - Texts become their shape, such as "Xxxxx 00" for "Hello 42"; with [KeepTexts] they stay,
//     without the values named above.
//   - Of members that this package does not know, the texts become shapes and long numbers 0.
//
// The words of the protocol, the sentences of the service, and the ids and payloads that the
// program gave to its buttons and rows stay, without the values named above.
//
// This package knows a name only if the tape tells it, as the name of a person. A name, street or
// order number that stands in texts only has to be given to [Secrets], if texts are kept. Look at
// a tape before you commit it: it is made of lines of JSON.
//
// Before it writes anything, Save looks for all that was taken out, however it is spelled, and
// for whatever looks like it: see [Tape.Check]. If it finds something, it writes nothing.
//
// # Play
//
// [Play] makes a [Player], which delivers the webhooks of a tape to the program and answers its
// calls. It is strict: the calls to each chat must come in the order of the tape, and each once.
// Calls to different chats, and calls of different operations that belong to no chat, may come in
// any order among one another. If a call is not on the tape, the test fails and shows the three
// entries that are nearest to it, with what differs.
//
// Calls are compared by their meaning: operation, recipient, and the members of the body in any
// order. Ids and names that the program makes up, links, times, files, and long numbers and
// addresses in texts are not compared, because the tape does not have the real ones. If the tape
// has only shapes of texts, shapes are compared; a program that decides by texts needs a tape with
// texts.
//
// The answers come at once: the time that the service took is not on the tape. A program that
// waits before it sends finds the pauses of the webhooks as they were.
//
// # Keep up
//
// [Tape.Diff] asks a live channel what the tape asked, and shows how the service answers
// otherwise today. [Tape.Script] returns the conversation as a script of chatapitest.
//
// This is a package of its own, below chatapitest, because it needs nothing of the fake: who
// records a real channel does not import one, and the words Record, Entry and Play stay short.
package tape
