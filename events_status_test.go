package chatapi_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/chatapi-go/chatapi"
)

func TestStatusAdvance(t *testing.T) {
	const (
		none, odd = chatapi.Status(""), chatapi.Status("pondered")
		sent      = chatapi.StatusSent
		delivered = chatapi.StatusDelivered
		read      = chatapi.StatusRead
		played    = chatapi.StatusPlayed
		failed    = chatapi.StatusFailed
		deleted   = chatapi.StatusDeleted
	)
	for _, c := range []struct{ from, next, want chatapi.Status }{
		{none, sent, sent}, {none, read, read}, {none, odd, odd}, {none, none, none},
		{sent, delivered, delivered}, {delivered, sent, delivered},
		{sent, read, read}, {read, delivered, read}, {read, played, played}, {played, read, played},
		{sent, failed, failed}, {failed, sent, failed},
		{delivered, failed, delivered}, {failed, delivered, delivered}, {read, failed, read},
		{read, deleted, deleted}, {deleted, read, deleted}, {failed, deleted, deleted},
		{sent, odd, sent}, {odd, sent, sent}, {odd, "other", odd}, {sent, none, sent},
		{delivered, "viewed", "viewed"}, {read, "viewed", read},
	} {
		assert.Equal(t, c.want, c.from.Advance(c.next), "%q then %q", c.from, c.next)
	}
}

// Any order and number of statuses ends in the same state, and no step goes back.
func TestStatusAdvanceAnyOrder(t *testing.T) {
	all := []chatapi.Status{"sent", "delivered", "read", "played", "failed", "deleted"}
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var reports []chatapi.Status
		for _, s := range all {
			for range random.IntN(3) {
				reports = append(reports, s)
			}
		}
		fold := func() (s chatapi.Status) {
			for _, next := range reports {
				before := s
				s = s.Advance(next)
				assert.Equal(t, s, s.Advance(before), "%v", reports)
				assert.Equal(t, s, s.Advance("unheard of"))
			}
			return s
		}
		first := fold()
		random.Shuffle(len(reports), func(i, j int) { reports[i], reports[j] = reports[j], reports[i] })
		assert.Equal(t, first, fold(), "%v", reports)
	}
}
