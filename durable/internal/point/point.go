// Package point names the moments at which a program may die, for the kill tests of
// internal/crash. A call of [Reach] stands at each of them. By default it does
// nothing, and costs one read of a pointer.
//
//	point               in         the moment
//	accept-begun        stores     rows of deliveries are written, and nothing is committed
//	accept-committed    stores     they are committed, and their callers do not know it
//	accept-woken        durable    the lanes are woken, and the 200 is not written
//	accept-answered     crash      the 200 is written
//	handler-before      durable    a handler is about to be called
//	handler-returned    durable    a handler has returned nil, and nothing is committed
//	handler-committed   durable    its effects are committed, and the outbox is not woken
//	work-begun          stores     a group of other writes is not committed
//	work-committed      stores     it is committed, and its callers do not know it
//	plan-committed      durable    a message of Outbox.Send is planned, and the caller does not know it
//	send-claimed        durable    messages are claimed or picked, and no send has begun
//	send-pace           durable    a send is about to wait for its pace
//	send-asked          durable    the pace is over, and the attempt is not stored
//	send-reserved       durable    the attempt is stored, and nothing is written
//	send-written        crash      the request is written to the connection, and no reply is read
//	send-replied        durable    the reply is read, and the result is not stored
//	send-committed      durable    the result is stored
//	unknown-begun       durable    a message becomes unknown, and that is not committed
//	look-begun          durable    a look into the history has settled something, and that is not committed
//	fold-begun          durable    events are folded, and that is not committed
//	fold-committed      durable    it is committed
//	keep-between        sqlite     lanes are closed in accept.db, and work.db does not know it
//	keep-ended          sqlite     both files know it
//	tidy-begun          stores     old events are removed, and that is not committed
//	tidy-ended          stores     it is committed
package point

import (
	"sync/atomic"
	"time"
)

// The points.
const (
	AcceptBegun      = "accept-begun"
	AcceptCommitted  = "accept-committed"
	AcceptWoken      = "accept-woken"
	AcceptAnswered   = "accept-answered"
	HandlerBefore    = "handler-before"
	HandlerReturned  = "handler-returned"
	HandlerCommitted = "handler-committed"
	WorkBegun        = "work-begun"
	WorkCommitted    = "work-committed"
	PlanCommitted    = "plan-committed"
	SendClaimed      = "send-claimed"
	SendPace         = "send-pace"
	SendAsked        = "send-asked"
	SendReserved     = "send-reserved"
	SendWritten      = "send-written"
	SendReplied      = "send-replied"
	SendCommitted    = "send-committed"
	UnknownBegun     = "unknown-begun"
	LookBegun        = "look-begun"
	FoldBegun        = "fold-begun"
	FoldCommitted    = "fold-committed"
	KeepBetween      = "keep-between"
	KeepEnded        = "keep-ended"
	TidyBegun        = "tidy-begun"
	TidyEnded        = "tidy-ended"
)

// All are the points, in the order of the table.
func All() []string {
	return []string{
		AcceptBegun, AcceptCommitted, AcceptWoken, AcceptAnswered,
		HandlerBefore, HandlerReturned, HandlerCommitted,
		WorkBegun, WorkCommitted, PlanCommitted,
		SendClaimed, SendPace, SendAsked, SendReserved, SendWritten, SendReplied, SendCommitted,
		UnknownBegun, LookBegun, FoldBegun, FoldCommitted,
		KeepBetween, KeepEnded, TidyBegun, TidyEnded,
	}
}

var reached atomic.Pointer[func(name string)]

// Reach says that the program has come to a point.
func Reach(name string) {
	if f := reached.Load(); f != nil {
		(*f)(name)
	}
}

// Set sets the function that Reach calls; nil sets none. Only the kill tests call it.
func Set(f func(name string)) {
	if f == nil {
		reached.Store(nil)
		return
	}
	reached.Store(&f)
}

// Shorten divides the spans of time after which an outbox takes a message for unknown
// and looks for it, and after which a server takes a program for dead, so that a kill
// test does not take hours. Package durable sets it, and a store adds its own spans.
// Call it before the first store is opened.
var Shorten func(by time.Duration)
