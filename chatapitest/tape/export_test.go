package tape

import "time"

// Scrub returns a function that takes what is personal out of one webhook body after another,
// as a recording does with all of its bodies at once.
func Scrub(keep bool, secretValues ...string) func(body []byte) []byte {
	s := &scrubber{registry: newRegistry(), keep: keep, shift: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC).Sub(start)}
	for _, value := range secretValues {
		s.secrets.add("a secret", value, false)
	}
	return func(body []byte) []byte {
		s.settle = false
		s.body(inWebhook, body)
		s.decide()
		return s.body(inWebhook, body)
	}
}

// Ordinary reports whether a value may be given to Secrets.
func Ordinary(value string) bool {
	return !newRegistry().common(value) && !shapeless(value)
}

// GuardFinds reports why the guard refuses a webhook body; empty if it does not.
func GuardFinds(body []byte, secretValues ...string) string {
	t := &Tape{Entries: []Entry{{Webhook: &Webhook{Body: body}}}}
	if err := t.Check(secretValues...); err != nil {
		return err.Error()
	}
	return ""
}
