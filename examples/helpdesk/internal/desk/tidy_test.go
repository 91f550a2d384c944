package desk_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

func TestOldChangesGo(t *testing.T) {
	o := newOffice(t)
	o.applies(says(0, robert, "w1", "a"))
	o.now = morning.Add(25 * time.Hour)
	o.applies(says(1, robert, "w2", "b"))
	last, err := o.LastChange(t.Context())
	require.NoError(t, err)
	require.NoError(t, o.Tidy(t.Context()))
	changes, err := o.Changes(t.Context(), 0, 100)
	require.NoError(t, err)
	require.NotEmpty(t, changes)
	assert.Equal(t, last, changes[len(changes)-1].Seq)
	assert.Less(t, len(changes), int(last))
	kept, err := o.ChangesKept(t.Context(), 0)
	require.NoError(t, err)
	assert.False(t, kept, "a page that was away for longer reads everything anew")

	o.exec("INSERT INTO desk_change (seq, at, kind) VALUES (200000, $1, 'decide')", o.now.UnixMicro())
	o.exec("UPDATE desk_counter SET n = 200000")
	require.NoError(t, o.Tidy(t.Context()))
	assert.EqualValues(t, 1, o.number("SELECT count(*) FROM desk_change"))
}

func TestWhatBecomesOfAFileThatWasNotFetched(t *testing.T) {
	for name, c := range map[string]struct {
		err        error
		tries      int64
		state, why string
	}{
		"the store is away":          {&chatapi.Error{Kind: chatapi.ErrUnavailable, Retry: chatapi.RetryBackoff}, 0, "fetching", ""},
		"the store stays away":       {&chatapi.Error{Kind: chatapi.ErrUnavailable, Retry: chatapi.RetryBackoff, Sentence: "x"}, 8, "failed", "x"},
		"too large":                  {&chatapi.Error{Kind: chatapi.ErrTooLarge, Retry: chatapi.RetryFix}, 0, "refused", "The file is larger than 100 MB."},
		"an address of this network": {&chatapi.Error{Kind: chatapi.ErrInvalid, Sentence: "x"}, 0, "refused", "x"},
		"not what it says":           {&chatapi.Error{Kind: chatapi.ErrMedia, Retry: chatapi.RetryNo, Sentence: "x"}, 0, "failed", "x"},
		"a wrong token":              {&chatapi.Error{Kind: chatapi.ErrUnauthorized, Retry: chatapi.RetryFix}, 0, "fetching", ""},
		"a full disk":                {errors.New("no space"), 0, "fetching", ""},
		"a disk that stays full":     {errors.New("no space"), 8, "failed", "The file could not be stored."},
	} {
		state, why := desk.Judge(c.err, c.tries)
		assert.Equal(t, [2]string{c.state, c.why}, [2]string{state, why}, name)
	}
}
