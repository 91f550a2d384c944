package chatapi

// Advance returns the newer of two states of one message: the known state s and
// the reported state next. Start with the empty Status. Statuses arrive in any
// order and several times; the result is the same for every order. The states
// come in this order: sent, failed, delivered, read, played, deleted. A failure
// stands before delivery, because a message that was delivered did not fail. A
// state that this version does not know replaces only the empty Status.
func (s Status) Advance(next Status) Status {
	if s == "" || next.rank() > s.rank() {
		return next
	}
	return s
}

// rank returns a state's place in the order of Advance; 0 if it is unknown.
func (s Status) rank() int {
	switch s {
	case StatusSent:
		return 1
	case StatusFailed:
		return 2
	case StatusDelivered:
		return 3
	case StatusRead, statusViewed:
		return 4
	case StatusPlayed:
		return 5
	case StatusDeleted:
		return 6
	}
	return 0
}

// statusViewed is the service's word for StatusRead before 2024.
const statusViewed Status = "viewed"
