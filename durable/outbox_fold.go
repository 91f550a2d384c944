package durable

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// evidenceSpan is the time after the reservation in which an echo or status with an
// unknown id can be that of the message.
const evidenceSpan = 10 * time.Minute

// earlyKept is how long a status with an unknown id is kept.
const earlyKept = 7 * 24 * time.Hour

// early is what came for a message id, maybe before the id was known.
type early struct {
	id, text string // text is the hash of an echo's text
	status   chatapi.Status
	at       int64
	failure  *chatapi.Error
	member   bool // it is about one member of a group
}

// statusIn notes what a status says of a message.
func (o *Outbox) statusIn(ctx context.Context, tx Tx, channel string, e *chatapi.StatusEvent) error {
	news := early{id: spoken(e.MessageID, longestKey), status: e.Status, at: o.eventTime(e.EventInfo), member: e.Group != ""}
	if e.Status == chatapi.StatusFailed {
		news.failure = statusFailure(e)
	}
	return o.newsIn(ctx, tx, channel, namesOf(e.To, e.Group), news, true)
}

// echoIn notes what an echo says: that a message of ours has that id.
func (o *Outbox) echoIn(ctx context.Context, tx Tx, channel string, e *chatapi.EchoEvent) error {
	if e.FromApp {
		return nil
	}
	return o.newsIn(ctx, tx, channel, echoNames(e), o.newsOf(e), false)
}

// newsOf returns what an echo says.
func (o *Outbox) newsOf(e *chatapi.EchoEvent) early {
	news := early{id: spoken(e.ID, longestKey), at: o.eventTime(e.EventInfo)}
	if e.Text != "" {
		news.text = textHash(e.Text)
	}
	return news
}

// echoNames returns the names of the chats that an echo may be in.
func echoNames(e *chatapi.EchoEvent) []string {
	if to := e.AnswerTo(); to.IsGroup() {
		return namesOf(e.To, to.Value())
	}
	return namesOf(e.To, "")
}

// newsIn applies what came for a message id. If the id is not known, it settles the one
// message to that recipient of which it is not known whether it went out; if there are
// several, or one is on its way, it is kept for later.
func (o *Outbox) newsIn(ctx context.Context, tx Tx, channel string, names []string, news early, keep bool) error {
	if news.id == "" {
		return nil
	}
	if known, err := o.knownIn(ctx, tx, channel, &news); known || err != nil {
		return err
	}
	open, err := o.unaccounted(ctx, tx, channel, names)
	if err != nil {
		return err
	}
	if len(open) == 1 && open[0].state != rowReserved {
		// Another program may have written the id since, so that its message is not open.
		if known, err := o.knownIn(ctx, tx, channel, &news); known || err != nil {
			return err
		}
		fits, err := o.fits(ctx, tx, open[0], &news)
		if err != nil {
			return err
		}
		if fits {
			r := open[0]
			if err := o.keepEarly(ctx, tx, channel, r.chat, &news); err != nil { // sentIn takes it
				return err
			}
			same, err := holdRows(ctx, tx, "id = $1 AND state = $2 AND attempts = $3 AND message_id = ''", r.id, int(r.state), r.attempts)
			if err != nil || len(same) == 0 { // another program has just settled it
				return err
			}
			return o.sentIn(ctx, tx, r, news.id, store.Time(r.reserved))
		}
	}
	switch {
	case len(open) > 0:
		return o.keepEarly(ctx, tx, channel, open[0].chat, &news)
	case keep && len(names) > 0:
		return o.keepEarly(ctx, tx, channel, names[0], &news)
	case keep:
		return o.keepEarly(ctx, tx, channel, "", &news)
	}
	return nil
}

// knownIn applies what came for a message id to the message that has it, or had it in an
// attempt. It reports whether there is one.
func (o *Outbox) knownIn(ctx context.Context, tx Tx, channel string, news *early) (bool, error) {
	known, err := holdRows(ctx, tx, "channel = $1 AND message_id = $2 AND message_id <> ''", channel, news.id)
	if err != nil {
		return false, err
	}
	if len(known) > 0 {
		changed, err := o.applyStatus(ctx, tx, known[0], news)
		if err == nil && changed {
			err = o.changedIn(ctx, tx, known[0].id)
		}
		return true, err
	}
	former, err := scanInts(tx.Query(ctx, "SELECT outbox FROM outbox_attempt WHERE message_id = $1 AND message_id <> ''", news.id))
	return len(former) > 0, err
}

// unaccounted returns the messages to a recipient that may have gone out and have no
// message id.
func (o *Outbox) unaccounted(ctx context.Context, tx Tx, channel string, names []string) ([]*row, error) {
	if len(names) == 0 {
		return nil, nil
	}
	args, marks := []any{channel}, make([]string, len(names))
	for n, name := range names {
		args = append(args, name)
		marks[n] = fmt.Sprintf("$%d", n+2)
	}
	chats := "channel = $1 AND chat IN (" + strings.Join(marks, ", ") + ")"
	open, err := scanRows(tx.Query(ctx, "SELECT "+rowColumns+" FROM outbox WHERE "+chats+
		" AND state IN (1, 2, 3, 5, 9) AND state IN (3, 5) ORDER BY id LIMIT 8", args...))
	if err != nil {
		return nil, err
	}
	nameless, err := scanRows(tx.Query(ctx, "SELECT "+rowColumns+" FROM outbox WHERE "+chats+
		" AND state = 4 AND message_id = '' AND version > 0 ORDER BY id DESC LIMIT 8", args...))
	if err != nil {
		return nil, err
	}
	oldest := store.Micros(o.clock.now().Add(-earlyKept))
	for _, r := range nameless {
		if r.reserved >= oldest {
			open = append(open, r)
		}
	}
	return open, nil
}

// evidence returns the message id that came for a message that has become unknown; ""
// if nothing came, or more than one message may be meant.
func (o *Outbox) evidence(ctx context.Context, tx Tx, r *row) (string, error) {
	open, err := o.unaccounted(ctx, tx, r.channel, []string{r.chat})
	if err != nil || len(open) != 1 {
		return "", err
	}
	from, to := evidenceTimes(r)
	rows, err := tx.Query(ctx, `SELECT message_id, text, at FROM early_status WHERE channel = $1 AND chat = $2 AND at BETWEEN $3 AND $4
		AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.channel = $1 AND o.message_id = early_status.message_id AND o.message_id <> '')
		AND NOT EXISTS (SELECT 1 FROM outbox_attempt a WHERE a.message_id = early_status.message_id AND a.message_id <> '')
		ORDER BY at LIMIT 100`, r.channel, r.chat, from, to)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var all []early
	for rows.Next() {
		var e early
		if err := rows.Scan(&e.id, &e.text, &e.at); err != nil {
			return "", err
		}
		all = append(all, e)
	}
	if err := rows.Err(); err != nil {
		return "", err
	}
	rows.Close() // before the next query of the transaction
	found := ""
	for n := range all {
		fits, err := o.fits(ctx, tx, r, &all[n])
		if err != nil {
			return "", err
		}
		if fits && found != "" {
			return "", nil
		}
		if fits {
			found = all[n].id
		}
	}
	return found, nil
}

// evidenceTimes returns from when to when something can come that is about a message.
func evidenceTimes(r *row) (from, to int64) {
	const second = int64(time.Second / time.Microsecond) // the wire has whole seconds
	return r.reserved - r.reserved%second, r.reserved + evidenceSpan.Microseconds()
}

// fits reports whether what came can be about that message.
func (o *Outbox) fits(ctx context.Context, tx Tx, r *row, news *early) (bool, error) {
	if from, to := evidenceTimes(r); r.reserved == 0 || news.at < from || news.at > to {
		return false, nil
	}
	if news.text == "" {
		return true, nil
	}
	q, err := o.oneIn(ctx, tx, "o.id = $1", r.id)
	if err != nil || q == nil || q.Attempt == nil {
		return false, err
	}
	_, wanted, _ := strings.Cut(q.Attempt.Fingerprint, " text:")
	return wanted == "" || wanted == news.text, nil
}

// keepEarly keeps what came for an unknown id, joined with what came before.
func (o *Outbox) keepEarly(ctx context.Context, tx Tx, channel, chat string, news *early) error {
	before, err := o.readEarly(ctx, tx, channel, news.id)
	if err != nil {
		return err
	}
	kept := *news
	if before != nil {
		if kept.text == "" {
			kept.text = before.text
		}
		if kept.at = before.at; before.status.Advance(news.status) == before.status {
			kept.status, kept.failure = before.status, before.failure
		}
	}
	_, err = tx.Exec(ctx, `INSERT INTO early_status (channel, message_id, chat, text, status, at, failure, arrived) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (channel, message_id) DO UPDATE SET text = excluded.text, status = excluded.status, failure = excluded.failure`,
		channel, kept.id, chat, kept.text, spoken(string(kept.status), 64), kept.at, writeFailure(kept.failure), store.Micros(o.clock.now()))
	return err
}

func (o *Outbox) readEarly(ctx context.Context, tx Tx, channel, id string) (*early, error) {
	rows, err := tx.Query(ctx, "SELECT text, status, at, failure FROM early_status WHERE channel = $1 AND message_id = $2", channel, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	if !rows.Next() {
		return nil, rows.Err()
	}
	e := &early{id: id}
	var body []byte
	if err := rows.Scan(&e.text, &e.status, &e.at, &body); err != nil {
		return nil, err
	}
	e.failure = readFailure(body)
	return e, rows.Err()
}

// takeEarly returns what came for a message id before it was known, and removes it.
func (o *Outbox) takeEarly(ctx context.Context, tx Tx, channel, id string) (*early, error) {
	e, err := o.readEarly(ctx, tx, channel, id)
	if err != nil || e == nil {
		return nil, err
	}
	_, err = tx.Exec(ctx, "DELETE FROM early_status WHERE channel = $1 AND message_id = $2", channel, id)
	return e, err
}

// applyStatus advances the status of a message that was sent. It reports whether that
// changed anything.
func (o *Outbox) applyStatus(ctx context.Context, tx Tx, r *row, news *early) (bool, error) {
	next := chatapi.Status(r.status).Advance(news.status)
	if next == chatapi.Status(r.status) {
		return false, nil
	}
	if next == chatapi.StatusFailed && news.member {
		return false, nil // one member of a group did not get it
	}
	state, reason, why := rowSent, news.failure, ""
	if next == chatapi.StatusFailed {
		if state, why = rowFailed, "The message could not be delivered."; reason != nil && reason.Sentence != "" {
			why = reason.Sentence
		}
		if reason != nil && reason.Kind == chatapi.ErrWindowClosed && len(r.fallback) > 0 && r.fellBack == 0 {
			return true, o.fallBackIn(ctx, tx, r)
		}
	} else {
		reason = nil
	}
	r.status, r.state, r.statusAt = string(next), state, news.at
	_, err := tx.Exec(ctx, "UPDATE outbox SET status = $2, status_at = $3, state = $4, reason = $5, failure = $6 WHERE id = $1",
		r.id, spoken(string(next), 64), news.at, int(state), spoken(why, 1000), writeFailure(reason))
	return true, err
}

// fallBackIn plans the template of IfClosed after the service said by a status that the
// window was closed. The id stays with the attempt, so that a late status is no news.
func (o *Outbox) fallBackIn(ctx context.Context, tx Tx, r *row) error {
	if _, err := tx.Exec(ctx, "UPDATE outbox_attempt SET message_id = $3, result = 'window closed' WHERE outbox = $1 AND number = $2",
		r.id, r.attempts, r.messageID); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `UPDATE outbox SET state = 1, fell_back = 1, claim = '', claimed = 0, not_before = 0, message_id = '', status = '',
		status_at = 0, reason = $2, failure = NULL WHERE id = $1`, r.id, whyFellBack)
	if err == nil {
		o.wakeAfterCommit(r.channel)
	}
	return err
}

const whyFellBack = "The service window was closed, so the template is sent instead."

// eventTime returns when an event happened, or when it came if it does not say.
func (o *Outbox) eventTime(info chatapi.EventInfo) int64 {
	switch {
	case !info.Time.IsZero():
		return store.Micros(info.Time)
	case !info.Received.IsZero():
		return store.Micros(info.Received)
	}
	return store.Micros(o.clock.now())
}

// namesOf returns the names of the chats that a message to a contact may have been
// planned for.
func namesOf(c chatapi.Contact, group string) (names []string) {
	if group != "" {
		return []string{chatOf(chatapi.Chat(group))}
	}
	add := func(r chatapi.Recipient) {
		if name := chatOf(r); !r.IsZero() && r.Value() != "" {
			names = append(names, name)
		}
	}
	if c.Phone != "" {
		for _, spelling := range chatapi.PhoneVariants(c.Phone) {
			add(chatapi.Phone(spelling))
		}
	}
	if c.BSUID != "" {
		add(chatapi.BSUID(c.BSUID))
	}
	if c.Username != "" {
		add(chatapi.Username(c.Username))
	}
	if c.Chat != "" {
		add(chatapi.Chat(c.Chat))
	}
	return names
}

// statusFailure returns the refusal that a failed status names.
func statusFailure(e *chatapi.StatusEvent) *chatapi.Error {
	failed := &chatapi.Error{Op: "Send", Channel: e.Channel, Sent: true, Kind: chatapi.ErrRefused, Sentence: "The message could not be delivered."}
	if len(e.Errors) == 0 {
		return failed
	}
	first := e.Errors[0]
	failed.Code, failed.Retry, failed.Advice = first.Code, first.Retry, first.Advice
	failed.Reason = spoken(strings.TrimSpace(first.Title+" "+first.Details), 1000)
	if first.Kind != "" {
		failed.Kind = first.Kind
	}
	if first.Sentence != "" {
		failed.Sentence = first.Sentence
	}
	return failed
}

// textHash is the hash of a text in the fingerprint of an attempt.
func textHash(text string) string {
	sum := sha256.Sum256([]byte(strings.TrimSpace(text)))
	return hex.EncodeToString(sum[:16])
}

// encodeAttempt returns an attempt as the table has it.
func encodeAttempt(a chatapi.Attempt) []byte {
	body, err := json.Marshal(a)
	if err != nil {
		return nil // an Attempt has only texts and an instant
	}
	return body
}
