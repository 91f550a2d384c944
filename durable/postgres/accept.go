package postgres

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/chatapi-go/chatapi/durable/internal/point"
	"github.com/chatapi-go/chatapi/durable/internal/queue"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// acceptance is a delivery that waits to be stored.
type acceptance struct {
	*store.Delivery
	id    int64   // drawn, used if something of it is new
	seqs  []int64 // of its events
	fresh []int
	alone bool // no job can be inserted
}

// The bounds of a group of deliveries. A larger one goes alone.
const (
	groupEvents = 512
	groupBytes  = 1 << 20
)

// tries is how often statements are run that meet those of others.
const tries = 5

// Accept stores a delivery and returns when it is on the disk.
func (s *Store) Accept(ctx context.Context, d *store.Delivery) (fresh []int, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	a := &acceptance{Delivery: d}
	j := queue.NewJob(ctx, a)
	j.Events, j.Bytes = len(d.Events), len(d.Body)
	if err := s.accepts.Push(j); err != nil {
		return nil, err
	}
	if err := j.Wait(ctx); err != nil {
		return nil, err
	}
	return a.fresh, nil
}

// acceptAll stores groups of deliveries until the queue is closed and empty.
func (s *Store) acceptAll() {
	for {
		group, err := s.takeAccepts()
		if len(group) == 0 {
			return
		}
		if err == nil {
			if err = s.acceptGroup(group); err != nil && !broken(err) && len(group) > 1 {
				for _, j := range group {
					j.Answer(explain(s.acceptGroup([]*queue.Job[*acceptance]{j})))
				}
				continue
			}
		}
		for _, j := range group {
			j.Answer(explain(err))
		}
	}
}

// takeAccepts takes a group and draws the numbers of its rows, so that their order is
// that of arrival. None means that the queue is closed.
func (s *Store) takeAccepts() (group []*queue.Job[*acceptance], err error) {
	s.taking.Lock()
	defer s.taking.Unlock()
	events, size := 0, 0
	fits := func(j *queue.Job[*acceptance]) bool {
		return events+j.Events <= groupEvents && size+j.Bytes <= groupBytes
	}
	for j := s.accepts.Next(); j != nil; j = s.accepts.More(fits) {
		group = append(group, j)
		events, size = events+j.Events, size+j.Bytes
	}
	if len(group) == 0 {
		return nil, nil
	}
	draw := func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT nextval('delivery_number') FROM generate_series(1, $1)
			UNION ALL SELECT nextval('inbox_number') FROM generate_series(1, $2)`, len(group), events)
		if err != nil {
			return err
		}
		numbers, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return err
		}
		// The order of a query without ORDER BY is not promised.
		ids, seqs := numbers[:len(group)], numbers[len(group):]
		slices.Sort(ids)
		slices.Sort(seqs)
		for n, j := range group {
			j.Work.id = ids[n]
			j.Work.seqs, seqs = seqs[:j.Events], seqs[j.Events:]
		}
		return nil
	}
	for range tries { // a connection may have broken since it was used
		if err = s.onWriter(draw); !broken(err) {
			break
		}
	}
	return group, err
}

// onWriter runs do with a connection that writes, outside a transaction.
func (s *Store) onWriter(do func(ctx context.Context, conn *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := s.write.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release() // which closes one with an open transaction
	return do(ctx, conn.Conn())
}

// acceptGroup stores deliveries in one transaction. One that meets that of another
// program is run again, and so is one whose connection broke before the commit. If only
// others cannot be woken, their sweep finds the events.
func (s *Store) acceptGroup(group []*queue.Job[*acceptance]) (err error) {
	for range tries {
		committing := false
		err = s.acceptOnce(group, &committing)
		if errors.Is(err, errJobs) {
			for _, j := range group {
				j.Work.alone = true
			}
			continue
		}
		if !passes(err) && (committing || !broken(err)) {
			break
		}
	}
	return err
}

func (s *Store) acceptOnce(group []*queue.Job[*acceptance], committing *bool) error {
	return s.onWriter(func(ctx context.Context, conn *pgx.Conn) error {
		in := newArrivals(group)
		var known [][]byte
		begin := &pgx.Batch{}
		begin.Queue("BEGIN")
		begin.Queue(`INSERT INTO seen (khash) SELECT k FROM unnest($1::bytea[]) AS k ON CONFLICT DO NOTHING RETURNING khash`, in.hashes).
			Query(func(rows pgx.Rows) (err error) {
				known, err = pgx.CollectRows(rows, pgx.RowTo[[]byte])
				return err
			})
		err := conn.SendBatch(ctx, begin).Close()
		if err == nil {
			in.choose(group, known)
			commit := &pgx.Batch{}
			in.queue(commit)
			if len(in.wake) > 0 {
				err = s.wakeOthers(ctx, conn, commit, in.wake)
				commit = &pgx.Batch{}
			}
			if err == nil {
				commit.Queue("COMMIT")
				*committing = true
				point.Reach(point.AcceptBegun)
				err = conn.SendBatch(ctx, commit).Close()
				point.Reach(point.AcceptCommitted)
			}
		}
		if err != nil && !conn.IsClosed() {
			_ = control(ctx, conn, "ROLLBACK")
		}
		return err
	})
}

// arrivals are the rows of a group.
type arrivals struct {
	hashes [][]byte // in their order, so that two programs do not wait for each other in a circle
	first  map[string]place

	ids, received, acceptedAt []int64
	channels, unreadable      []string
	bodies                    [][]byte

	seqs, deliveries, accepted []int64
	indexes                    []int32
	keys                       [][]byte
	lanes                      []string
	wake                       []awaited
}

// awaited is an event that other programs are to handle.
type awaited struct {
	lane string
	seq  int64
}

// place is the first event with a hash, or, with the event -1, a body that was not read.
type place struct{ delivery, event int }

func newArrivals(group []*queue.Job[*acceptance]) *arrivals {
	in := &arrivals{first: map[string]place{}}
	see := func(hash []byte, at place) {
		if _, ok := in.first[string(hash)]; !ok {
			in.first[string(hash)] = at
			in.hashes = append(in.hashes, hash)
		}
	}
	for n, j := range group {
		for i := range j.Work.Events {
			see(j.Work.Events[i].Key[:], place{n, i})
		}
		if j.Work.Unreadable != "" {
			see(bodyHash(j.Work.Delivery), place{n, -1})
		}
	}
	slices.SortFunc(in.hashes, bytes.Compare)
	return in
}

// bodyHash knows an unreadable body again when the service repeats it.
func bodyHash(d *store.Delivery) []byte {
	h := sha256.New()
	h.Write([]byte("body\x00" + d.Channel + "\x00"))
	h.Write(d.Body)
	return h.Sum(nil)[:16]
}

// choose makes the rows of what is new.
func (in *arrivals) choose(group []*queue.Job[*acceptance], fresh [][]byte) {
	isFresh := make(map[place]bool, len(fresh))
	for _, hash := range fresh {
		isFresh[in.first[string(hash)]] = true
	}
	for n, j := range group {
		a := j.Work
		a.fresh = nil
		accepted := a.Accepted
		if accepted.IsZero() {
			accepted = time.Now()
		}
		for i := range a.Events {
			if !isFresh[place{n, i}] {
				continue
			}
			e := &a.Events[i]
			a.fresh = append(a.fresh, i)
			in.seqs, in.deliveries = append(in.seqs, a.seqs[i]), append(in.deliveries, a.id)
			in.accepted, in.indexes = append(in.accepted, store.Micros(accepted)), append(in.indexes, int32(e.Index))
			in.keys, in.lanes = append(in.keys, e.Key[:]), append(in.lanes, kept(e.Lane))
			if a.Elsewhere && !a.alone {
				in.wake = append(in.wake, awaited{kept(e.Lane), a.seqs[i]})
			}
		}
		if len(a.fresh) == 0 && !isFresh[place{n, -1}] {
			continue
		}
		in.ids, in.channels = append(in.ids, a.id), append(in.channels, kept(a.Channel))
		in.received, in.acceptedAt = append(in.received, store.Micros(a.Received)), append(in.acceptedAt, store.Micros(accepted))
		in.unreadable, in.bodies = append(in.unreadable, clean(a.Unreadable)), append(in.bodies, notNil(a.Body))
	}
}

// notNil keeps an empty value from being NULL.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// queue adds the statements that write the rows.
func (in *arrivals) queue(b *pgx.Batch) {
	if len(in.ids) > 0 {
		b.Queue(`INSERT INTO delivery (id, channel, received, accepted, unreadable, body)
			SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::bytea[])`,
			in.ids, in.channels, in.received, in.acceptedAt, in.unreadable, in.bodies)
	}
	if len(in.seqs) > 0 {
		b.Queue(`INSERT INTO inbox (seq, delivery, idx, khash, lane, accepted, open)
			SELECT *, true FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::bytea[], $5::text[], $6::bigint[])`,
			in.seqs, in.deliveries, in.indexes, in.keys, in.lanes, in.accepted)
		b.Queue("INSERT INTO unfolded (seq) SELECT unnest($1::bigint[])", in.seqs)
	}
}
