package transport

import "time"

// Pairs and NewPairs give the tests the buckets of recipients.
type Pairs = pairs

var NewPairs = newPairs

// Reserve takes the next turn of the recipient and returns the time until it comes.
func (p *pairs) Reserve(recipient string, now time.Time) time.Duration {
	return p.reserve(recipient, now).delay
}

// Refused notes a complaint about the recipient.
func (p *pairs) Refused(recipient string, now time.Time) { p.refused(recipient, now) }

// Len returns how many buckets are not known to be full.
func (p *pairs) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.full)
}
