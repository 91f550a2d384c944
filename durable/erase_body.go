package durable

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"

	"github.com/chatapi-go/chatapi"
)

// erasePage is the number of bodies that are in memory at once; a body has at most a
// few megabytes, and nearly always some kilobytes.
const erasePage = 16

// cutBodies cuts the person out of the stored webhooks of the channel.
func (r *eraser) cutBodies(ctx context.Context) error {
	for after := int64(0); ; {
		page, err := r.store.Bodies(ctx, r.channel, after, erasePage)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, kept := range page {
			after = kept.ID
			if !r.mentions(kept.Body) {
				continue
			}
			body, n := r.cut(kept.Body)
			if bytes.Equal(body, kept.Body) {
				continue
			}
			if err := r.folded(ctx); err != nil { // it may have come since the start
				return err
			}
			if err := r.store.Rewrite(ctx, kept.ID, body); err != nil {
				return err
			}
			r.done.Events += n
		}
	}
}

// span is a part of a body.
type span struct{ from, to int }

func (s span) has(other span) bool { return s.from <= other.from && other.to <= s.to }

// cut returns a body without the person, and the number of events that went. Elements
// of the person become {}. The bytes of other events stay as they are, since their keys
// can be hashes of them.
func (r *eraser) cut(body []byte) (left []byte, n int) {
	events, err := chatapi.ParseWebhook(body)
	if err != nil && len(events) == 0 {
		return []byte("{}"), 0 // no event is in it, and nobody can tell whose its texts are
	}
	var gone, stay []span
	for _, e := range events {
		at := spanOf(body, e.Info().Raw, gone)
		switch {
		case at.to == 0:
		case r.isOf(e):
			gone = append(gone, at)
			n++
		default:
			stay = append(stay, at)
		}
	}
	objects := objectsIn(body)
	inside := func(spans []span, at span) bool {
		return slices.ContainsFunc(spans, func(s span) bool { return s.has(at) })
	}
	left = bytes.Clone(body)
	for _, at := range r.mentionsIn(body) {
		if inside(gone, at) || inside(stay, at) {
			continue
		}
		// The object around it is the person's card, such as one of "contacts"; one with
		// events in it is the body.
		card := smallest(objects, at)
		if card.from == 0 || slices.ContainsFunc(slices.Concat(gone, stay), card.has) {
			copy(left[at.from:at.to], bytes.Repeat([]byte{'x'}, at.to-at.from))
			continue
		}
		gone = append(gone, card)
	}
	return without(left, gone), n
}

// isOf reports whether an event is the person's. One that can name several people is,
// if it names the person anywhere.
func (r *eraser) isOf(e chatapi.Event) bool {
	switch e := e.(type) {
	case *chatapi.MessageEvent:
		return r.is(e.From) || r.is(chatapi.Contact{Chat: e.Chat}) || e.System != nil && r.mentions(e.Raw)
	case *chatapi.EchoEvent:
		return r.is(e.To) || r.is(chatapi.Contact{Chat: e.Chat})
	case *chatapi.StatusEvent:
		return r.is(e.To)
	case *chatapi.CallEvent:
		return r.is(e.From) || r.is(e.To)
	}
	return r.mentions(e.Info().Raw)
}

// spanOf returns the place of an element that is in none of the spans; the zero span if
// there is none.
func spanOf(body, raw []byte, taken []span) span {
	for from := 0; len(raw) > 0 && from < len(body); {
		i := bytes.Index(body[from:], raw)
		if i < 0 {
			return span{}
		}
		at := span{from + i, from + i + len(raw)}
		if !slices.ContainsFunc(taken, func(s span) bool { return s.has(at) }) {
			return at
		}
		from = at.from + 1
	}
	return span{}
}

// mentionsIn returns the places of the person's names.
func (r *eraser) mentionsIn(body []byte) (all []span) {
	for _, name := range r.names {
		value := []byte(name.Value())
		for from := 0; len(value) > 0; {
			i := bytes.Index(body[from:], value)
			if i < 0 {
				break
			}
			all = append(all, span{from + i, from + i + len(value)})
			from += i + len(value)
		}
	}
	return all
}

// objectsIn returns the objects of a JSON text.
func objectsIn(body []byte) (all []span) {
	var open []int
	in := json.NewDecoder(bytes.NewReader(body))
	for {
		token, err := in.Token()
		if err != nil {
			return all
		}
		switch end := int(in.InputOffset()); token {
		case json.Delim('{'):
			open = append(open, end-1)
		case json.Delim('}'):
			all = append(all, span{open[len(open)-1], end})
			open = open[:len(open)-1]
		}
	}
}

// smallest returns the smallest of the spans around another; the zero span if there is
// none.
func smallest(all []span, around span) (best span) {
	for _, s := range all {
		if s.has(around) && (best.to == 0 || best.has(s)) {
			best = s
		}
	}
	return best
}

// without returns a body with {} in the place of each span.
func without(body []byte, spans []span) (left []byte) {
	slices.SortFunc(spans, func(a, b span) int {
		if a.from != b.from {
			return a.from - b.from
		}
		return b.to - a.to
	})
	at := 0
	for _, s := range spans {
		if s.from < at { // inside the one before
			continue
		}
		left = append(append(left, body[at:s.from]...), "{}"...)
		at = s.to
	}
	return append(left, body[at:]...)
}
