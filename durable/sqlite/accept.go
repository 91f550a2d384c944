package sqlite

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// Accept stores a delivery and returns when it is on the disk.
func (s *Store) Accept(ctx context.Context, d *store.Delivery) (fresh []int, err error) {
	j := newJob(ctx, func(ctx context.Context, tx *tx) error {
		fresh, err = accept(ctx, tx, d)
		return err
	})
	j.Events, j.Bytes = len(d.Events), len(d.Body)
	if err := s.accept.do(ctx, j); err != nil {
		return nil, err
	}
	return fresh, nil
}

func accept(ctx context.Context, tx *tx, d *store.Delivery) (fresh []int, err error) {
	accepted := d.Accepted
	if accepted.IsZero() {
		accepted = time.Now()
	}
	for i := range d.Events {
		isNew, err := see(ctx, tx, d.Events[i].Key[:])
		if err != nil {
			return nil, err
		}
		if isNew {
			fresh = append(fresh, i)
		}
	}
	if len(fresh) == 0 {
		if d.Unreadable == "" {
			return nil, nil
		}
		isNew, err := see(ctx, tx, bodyHash(d))
		if err != nil || !isNew {
			return nil, err
		}
	}
	// The number of the row is asked for afterwards, because rows that are returned take
	// longer than the insert.
	id, err := tx.insert(ctx, "INSERT INTO delivery (channel, received, accepted, unreadable, body) VALUES ($1, $2, $3, $4, $5)",
		d.Channel, store.Micros(d.Received), store.Micros(accepted), d.Unreadable, notNil(d.Body))
	if err != nil {
		return nil, err
	}
	for _, i := range fresh {
		e := &d.Events[i]
		_, err = tx.Exec(ctx, `INSERT INTO inbox (delivery, idx, khash, lane, accepted, open) VALUES ($1, $2, $3, $4, $5, 1)`,
			id, e.Index, e.Key[:], e.Lane, store.Micros(accepted))
		if err != nil {
			return nil, err
		}
	}
	return fresh, nil
}

// see notes a hash, and reports whether it is new.
func see(ctx context.Context, tx *tx, hash []byte) (isNew bool, err error) {
	n, err := tx.Exec(ctx, "INSERT INTO seen (khash) VALUES ($1) ON CONFLICT DO NOTHING", hash)
	return n == 1, err
}

// bodyHash knows an unreadable body again when the service repeats it.
func bodyHash(d *store.Delivery) []byte {
	h := sha256.New()
	h.Write([]byte("body\x00" + d.Channel + "\x00"))
	h.Write(d.Body)
	return h.Sum(nil)[:16]
}

// notNil keeps an empty value from being NULL.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
