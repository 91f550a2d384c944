package chatapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/internal/transport"
	"github.com/chatapi-go/chatapi/internal/wire"
)

// MessagesService reads the channel's history and marks messages as read. It is
// [Client.Messages]; to send, use [Client.Send]. It is safe for concurrent use.
type MessagesService struct{ service }

// HistoryFilter limits the messages that [MessagesService.All] yields. The zero
// value means all stored messages.
type HistoryFilter struct {
	// Chat is the id of the only chat to read, such as "12025550143@c.us";
	// empty reads all chats. A phone number alone is [ErrInvalid], since the
	// service would find nothing.
	Chat string

	// After is the number of the last message already seen
	// ([EventInfo.Number]); 0 starts with the oldest message.
	After int64

	// From and To are the earliest and the latest time of a message, both
	// included, in whole seconds. A zero time sets no bound.
	From, To time.Time
}

// pageRows is the number of rows in a page of history, the service's default.
const pageRows = 100

// All yields the stored messages, oldest first, as [*MessageEvent] and
// [*EchoEvent]; the history holds no statuses. A row that cannot be read is an
// [*UnknownEvent] with its bytes. All reads page by page, 100 rows at a time,
// while the loop runs; it ends after the first error. To go on later, keep the
// Number of the last event and pass it as After. Numbers count the messages of
// the whole channel, so within one chat they have gaps.
//
// A channel without history storage is [ErrHistoryOff]. If the service repeats
// rows instead of sending new ones, the loop ends. Reads are retried.
func (s MessagesService) All(ctx context.Context, filter HistoryFilter) iter.Seq2[Event, error] {
	return s.all(ctx, "Messages.All", filter, nil)
}

// all is All; errors and hooks name the operation op. replied, if not nil, is called with
// the reply of each page before the events of the page come.
func (s MessagesService) all(ctx context.Context, op string, filter HistoryFilter, replied func(*transport.Reply)) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		cursor := filter.After
		for first := true; ; first = false {
			page, err := s.page(ctx, op, filter, cursor, first, replied)
			if err != nil {
				yield(nil, err)
				return
			}
			reached := cursor
			for _, ev := range page {
				number := ev.Info().Number
				if number != 0 && number <= cursor {
					continue // the pages overlap, or the service ignored the cursor
				}
				reached = max(reached, number)
				if !filter.inTimeRange(ev) {
					continue
				}
				if !yield(ev, nil) {
					return
				}
			}
			if len(page) < pageRows || reached == cursor {
				return
			}
			cursor = reached
		}
	}
}

// inTimeRange reports whether an event lies between From and To, or has no
// time. The check is needed because the service may ignore both bounds.
func (f HistoryFilter) inTimeRange(ev Event) bool {
	at := ev.Info().Time
	return at.IsZero() ||
		(f.From.IsZero() || !at.Before(f.From.Truncate(time.Second))) && (f.To.IsZero() || !at.After(f.To))
}

// page returns the rows whose number is above the cursor, in ascending order.
func (s MessagesService) page(ctx context.Context, op string, filter HistoryFilter, cursor int64, first bool, replied func(*transport.Reply)) ([]Event, error) {
	if filter.Chat != "" {
		if problem := chatProblem(filter.Chat); problem != "" && !strings.HasSuffix(filter.Chat, suffixHidden) {
			problem, _ = splitProblem(problem)
			return nil, s.refuse(op, invalid("Chat", problem+"; take Contact.Chat, or add "+suffixPerson+" to the digits of a phone number"))
		}
		filter.Chat = Chat(filter.Chat).chat()
	}
	query := url.Values{"limit": {strconv.Itoa(pageRows)}, "lastMessageNumber": {strconv.FormatInt(max(cursor, 0), 10)}}
	if filter.Chat != "" {
		query.Set("chatId", filter.Chat)
	}
	if !filter.From.IsZero() {
		query.Set("min_time", strconv.FormatInt(filter.From.Unix(), 10))
	}
	if !filter.To.IsZero() {
		query.Set("max_time", strconv.FormatInt(filter.To.Unix(), 10))
	}
	var raw json.RawMessage
	if err := s.call(ctx, request{op: op, method: http.MethodGet, path: "messages", query: query, replied: replied}, &raw); err != nil {
		return nil, err
	}
	document, err := wire.Parse(raw)
	if err != nil {
		return nil, s.unreadable(op, raw, err)
	}
	defer document.Release()
	reply := document.Root()
	rows := reply.Get("messages")
	if rows.IsNull() {
		rows = reply.Get("data")
	}
	notice, err := reply.Get("notice").Text()
	switch {
	case err != nil || !reply.IsObject() || !rows.IsArray() && !rows.IsNull():
		return nil, s.unreadable(op, raw, errors.New("it has no list of messages"))
	case rows.Len() == 0 && notice != "" && first:
		return nil, s.refuse(op, &Error{HTTPStatus: http.StatusOK, Kind: ErrHistoryOff, Retry: RetryFix,
			Reason:   clip(notice[:min(len(notice), longestComplaint)], 300),
			Sentence: "This channel keeps no message history.",
			Advice:   "have history storage switched on for the channel, or receive messages by webhook"})
	}
	events := historyEvents(s.client.channel, document, rows)
	if document.Spent() {
		return nil, s.unreadable(op, raw, errTooManyValues)
	}
	slices.SortStableFunc(events, func(a, b Event) int { return cmp.Compare(a.Info().Number, b.Info().Number) })
	return events, nil
}

// PollOptions sets where [MessagesService.Poll] starts, how often it reads and
// whom it informs.
type PollOptions struct {
	// After is the number of the last message already handled; 0 starts with
	// the oldest stored message.
	After int64

	// Every is the pause between two reads; 0 or less means 5 seconds.
	Every time.Duration

	// Saved is called with the number of each handled message. Store it and
	// pass it as After to the next run. An error from Saved ends Poll.
	Saved func(ctx context.Context, after int64) error

	// Errors is called with each error that does not end Poll: an error of
	// the handler, or a failed read.
	Errors func(ctx context.Context, err error)
}

// Poll calls the handler with each new message, one at a time and in order,
// until the context ends. It is for programs without a public address. It takes
// the same handler as a webhook, but yields no statuses, because the history
// has none.
//
// If the handler fails, Poll calls it again with the same event after a pause;
// later events wait. The pause doubles with each failure, up to a minute (or
// Every, if that is longer). A failure that is [ErrOutcomeUnknown] is passed to
// Errors and not repeated, since repeating could send twice. After a crash the
// last event may come again: deduplicate by Event.Key.
//
// The error is the context's, the one of Saved, or one that waiting does not
// cure: [ErrUnauthorized], [ErrWrongChannel], [ErrHistoryOff], [ErrNotFound] or
// [ErrInvalid]. Every other failed read is retried.
func (s MessagesService) Poll(ctx context.Context, opts PollOptions, handle EventHandler) error {
	switch {
	case ctx == nil:
		return s.refuse(pollOp, invalid("ctx", "is nil; use context.Background()"))
	case handle == nil:
		return s.refuse(pollOp, invalid("handler", "is nil; give a function"))
	}
	every := opts.Every
	if every <= 0 {
		every = 5 * time.Second
	}
	report := func(err error) {
		if opts.Errors != nil {
			opts.Errors(ctx, err)
		}
	}
	p := &poller{messages: s, opts: opts, handle: handle, report: report, cursor: opts.After}
	for pause := every; ; {
		err := p.readNew(ctx)
		saving, unsaved := errors.AsType[*saveError](err)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case unsaved:
			return saving.err
		case err == nil:
			pause = every
		case permanent(err):
			return err
		default:
			pause = min(2*pause, max(time.Minute, every))
			if theirs, ok := errors.AsType[*handlerError](err); ok {
				report(theirs.err)
				break
			}
			report(err)
			if e, ok := errors.AsType[*Error](err); ok {
				pause = max(pause, e.RetryAfter)
			}
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

const pollOp = "Messages.Poll"

// saveError is an error of PollOptions.Saved, which ends Poll.
type saveError struct{ err error }

func (e *saveError) Error() string { return e.err.Error() }

// handlerError is an error of the handler, which never ends Poll, whatever error
// it holds.
type handlerError struct{ err error }

func (e *handlerError) Error() string { return e.err.Error() }

// permanent reports whether waiting does not cure an error.
func permanent(err error) bool {
	if _, ok := errors.AsType[*handlerError](err); ok {
		return false
	}
	for _, kind := range []ErrorKind{ErrUnauthorized, ErrWrongChannel, ErrHistoryOff, ErrNotFound, ErrInvalid} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// poller is one run of Poll.
type poller struct {
	messages MessagesService
	opts     PollOptions
	handle   EventHandler
	report   func(error)
	cursor   int64

	// done holds the keys of handled rows without a number: the cursor does not
	// pass them, so they are read again.
	done map[string]bool
}

// readNew reads the messages above the cursor and calls the handler with each.
func (p *poller) readNew(ctx context.Context) error {
	done := map[string]bool{}
	for ev, err := range p.messages.all(ctx, pollOp, HistoryFilter{After: p.cursor}, nil) {
		if err != nil {
			return err
		}
		number := ev.Info().Number
		if number == 0 && p.done[ev.Key()] {
			done[ev.Key()] = true
			continue
		}
		ev.Info().Received = time.Now()
		if err := p.handle(ctx, ev); err != nil {
			if !errors.Is(err, ErrOutcomeUnknown) {
				return &handlerError{err}
			}
			p.report(err)
		}
		if number == 0 {
			done[ev.Key()] = true
			continue
		}
		p.cursor = max(p.cursor, number)
		if p.opts.Saved != nil {
			if err := p.opts.Saved(ctx, p.cursor); err != nil {
				return &saveError{err}
			}
		}
	}
	p.done = done
	return nil
}

// MarkRead marks a customer's message as read, which the customer sees. If typing
// is true, the customer also sees that an answer is being written, for at most 25
// seconds or until the answer comes. An empty id is [ErrInvalid]. MarkRead may be
// repeated without harm and is retried.
func (s MessagesService) MarkRead(ctx context.Context, messageID string, typing bool) error {
	const op = "Messages.MarkRead"
	if messageID == "" {
		return s.refuse(op, invalid("messageID", "is empty; take the ID of a MessageEvent"))
	}
	body := struct {
		MessageID string `json:"messageId"`
		Typing    bool   `json:"typingIndicator,omitempty"`
	}{messageID, typing}
	return s.call(ctx, request{op: op, method: http.MethodPost, path: "readMessage", body: body}, nil)
}
