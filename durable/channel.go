package durable

import (
	"crypto/sha256"
	"strings"
	"unicode"

	"github.com/chatapi-go/chatapi"
)

// canonical returns the one spelling of a channel's id that the tables have.
func canonical(id chatapi.ChannelID) string { return bounded(string(id.Canonical()), 100) }

// eventHash is the hash by which an event of a canonical channel is known for ever.
func eventHash(channel, key string) (hash [16]byte) {
	sum := sha256.Sum256([]byte(channel + "\x00" + key))
	return [16]byte(sum[:16])
}

// bounded returns a text that every database takes, of at most that many bytes. Blanks
// and what is no text become "_"; of a text that is too long, the end becomes a hash.
func bounded(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || r == unicode.ReplacementChar {
			return '_'
		}
		return r
	}, text)
	if len(text) <= most {
		return text
	}
	const digits = "0123456789abcdef"
	sum := sha256.Sum256([]byte(text))
	end := make([]byte, 0, 32)
	for _, b := range sum[:16] {
		end = append(end, digits[b>>4], digits[b&15])
	}
	return strings.ToValidUTF8(text[:most-len(end)], "") + string(end)
}

// spoken returns a text that every database takes and a person can read, of at most
// that many bytes.
func spoken(text string, most int) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most-len("…")], "") + "…"
	}
	return text
}

// laneOf returns the name of the order in which an event of a canonical channel is
// handled: the channel and the chat to which an answer would go, or the channel alone.
func laneOf(channel string, e chatapi.Event) string { return channel + " " + threadOf(e) }

// threadOf returns the key of the chat of an event; "" if it has none.
func threadOf(e chatapi.Event) string {
	switch e := e.(type) {
	case *chatapi.StandbyEvent:
		for _, inner := range e.Events {
			if thread := threadOf(inner); thread != "" {
				return thread
			}
		}
	case interface{ AnswerTo() chatapi.Recipient }:
		return bounded(e.AnswerTo().Key(), 150)
	}
	return ""
}
