package durable

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// A claim looks at the due messages in their order, but at so many only. If they are for a
// few people, because somebody has planned thousands for one, the rest of the claim goes
// to others, whose chats take turns by their names.
const (
	claimPage  = 64
	claimPages = 4
	claimChats = 128
	claimTurns = 8
)

// candidate is the first due message of a chat.
type candidate struct {
	id   int64
	chat string
}

// claimIn claims the first due message of each of as many chats as there is room for,
// except those that are in hands. A light step takes them without writing anything.
func (s *sender) claimIn(ctx context.Context, tx Tx, found *step, room int, hands map[string]int64) error {
	seen := map[string]bool{}
	for chat := range hands {
		seen[chat] = true
	}
	prio, id := int64(-1), int64(0)
	for range claimPages {
		var heads []candidate
		n := 0
		rows, err := tx.Query(ctx, headsQuery, s.channel, preparedVersion, prio, id, claimPage)
		if err != nil {
			return err
		}
		err = each(rows, func() error {
			var c candidate
			err := rows.Scan(&c.id, &c.chat, &prio)
			if id = c.id; !seen[c.chat] {
				seen[c.chat] = true
				heads = append(heads, c)
			}
			n++
			return err
		})
		if err == nil {
			err = s.claimOf(ctx, tx, found, heads, room)
		}
		if err != nil || n < claimPage || len(found.rows) >= room {
			return err
		}
	}
	for range claimTurns {
		heads, err := s.othersIn(ctx, tx, seen)
		if err == nil {
			err = s.claimOf(ctx, tx, found, heads, room)
		}
		if err != nil || len(found.rows) >= room || s.afterChat == "" {
			return err
		}
	}
	return nil
}

// othersIn returns the first due messages of chats that were not seen, and goes on there
// with the next claim.
func (s *sender) othersIn(ctx context.Context, tx Tx, seen map[string]bool) (heads []candidate, err error) {
	rows, err := tx.Query(ctx, chatsQuery, s.channel, s.afterChat, preparedVersion, claimChats)
	if err != nil {
		return nil, err
	}
	n := 0
	err = each(rows, func() error {
		var c candidate
		err := rows.Scan(&c.chat, &c.id)
		if s.afterChat = c.chat; c.id > 0 && !seen[c.chat] {
			heads = append(heads, c)
		}
		n++
		return err
	})
	if n < claimChats {
		s.afterChat = ""
	}
	return heads, err
}

// claimOf claims candidates, in their order, until there is no room.
func (s *sender) claimOf(ctx context.Context, tx Tx, found *step, heads []candidate, room int) error {
	for len(heads) > 0 && len(found.rows) < room {
		n := min(len(heads), room-len(found.rows), longestPiece)
		args := []any{s.channel, store.Micros(found.at), store.Micros(found.at) - unknownHolds.Microseconds()}
		query := pickQuery
		if !found.light {
			args, query = append(args, found.claim), claimQuery
		}
		for i := range pieceOf(n) {
			args = append(args, heads[min(i, n-1)].id)
		}
		rows, err := scanRows(tx.Query(ctx, query(pieceOf(n)), args...))
		if err != nil {
			return err
		}
		found.rows, heads = append(found.rows, rows...), heads[n:]
	}
	slices.SortFunc(found.rows, func(a, b *row) int {
		if a.prio != b.prio {
			return a.prio - b.prio
		}
		return int(a.id - b.id)
	})
	return nil
}

const (
	headsQuery = `SELECT id, chat, prio FROM outbox WHERE channel = $1 AND state = 1 AND version <= $2 AND (prio, id) > ($3, $4)
		ORDER BY prio, id LIMIT $5`

	chatsQuery = `WITH RECURSIVE chats (chat, n) AS (
		SELECT (SELECT x.chat FROM outbox x WHERE x.channel = $1 AND x.state IN (1, 2, 3, 5, 9) AND x.chat > $2 ORDER BY x.chat LIMIT 1), 1
		UNION ALL
		SELECT (SELECT x.chat FROM outbox x WHERE x.channel = $1 AND x.state IN (1, 2, 3, 5, 9) AND x.chat > chats.chat
			ORDER BY x.chat LIMIT 1), n + 1 FROM chats WHERE chats.chat IS NOT NULL AND n < $4)
	SELECT chat, COALESCE((SELECT x.id FROM outbox x WHERE x.channel = $1 AND x.chat = chats.chat AND x.state IN (1, 2, 3, 5, 9)
		AND x.state = 1 AND x.version <= $3 ORDER BY x.prio, x.id LIMIT 1), 0) FROM chats WHERE chat IS NOT NULL`

	// PostgreSQL would join the tables if it could, and read every open message for a claim
	// of a few; OFFSET 0 makes it look up each candidate.
	pickText = `FROM outbox o WHERE o.id IN (IDS) AND o.channel = $1 AND o.state = 1
	AND NOT EXISTS (SELECT 1 FROM outbox b WHERE b.channel = $1 AND b.chat = o.chat AND b.state IN (2, 3) LIMIT 1 OFFSET 0)
	AND NOT EXISTS (SELECT 1 FROM outbox e WHERE e.channel = $1 AND e.chat = o.chat AND e.state IN (1, 2, 3, 5, 9)
		AND (e.prio, e.id) < (o.prio, o.id)
		AND (e.state = 1 OR e.prio = o.prio AND (e.state = 9 AND e.claimed > 0 OR e.state = 5 AND e.reserved > $3 AND e.reserved <= $2))
		LIMIT 1 OFFSET 0)`

	// The condition on the state is repeated outside, since another sender's claim may
	// commit between.
	claimText = `UPDATE outbox SET state = 2, claim = $4, claimed = $2 WHERE id IN (SELECT o.id ` + pickText + `)
	AND state = 1 RETURNING ` + rowColumns
)

// claimQuery is the statement that claims some of so many candidates, and pickQuery the
// one that reads them.
var (
	claimQuery = texted(func(n int) string { return withIDs(claimText, 5, n) })
	pickQuery  = texted(func(n int) string { return withIDs("SELECT "+outboxColumns+" "+pickText, 4, n) })
)

func withIDs(text string, first, n int) string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = "$" + strconv.Itoa(first+i)
	}
	return strings.Replace(text, "IDS", strings.Join(ids, ", "), 1)
}
