package ledger_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/internal/ledger"
)

// snapshotOf returns a snapshot with a text of the caller and the engine.
func snapshotOf(t *testing.T, e *ledger.Engine, part string) []byte {
	t.Helper()
	var out bytes.Buffer
	enc := ledger.NewEncoder(&out)
	enc.Text(part)
	enc.Flush()
	e.Encode(enc)
	require.NoError(t, enc.Close())
	return out.Bytes()
}

// restore reads a snapshot of snapshotOf into an empty engine.
func restore(snapshot []byte, model string, owner func(number, contact string) (int32, error)) (part string, e *ledger.Engine, err error) {
	e, _ = newEngine(model)
	dec := ledger.NewDecoder(bytes.NewReader(snapshot))
	if version, other := dec.Header(); other != "" || version != ledger.SnapshotVersion {
		return "", e, errors.Join(errors.New("wrong header"), dec.Err())
	}
	part = dec.Text()
	if err := e.Decode(dec, owner); err != nil {
		return part, e, err
	}
	return part, e, dec.Close()
}

func mine(string, string) (int32, error) { return 0, nil }

// full returns an engine with facts of every kind, a report, and a carry with a
// unit and a window.
func full(t *testing.T) *ledger.Engine {
	t.Helper()
	e, _ := newEngine(ledger.ModelCBP2022)
	enter(t, e, ledger.Inbound, 99*day, "click", "ad")
	enter(t, e, ledger.Inbound, 100*day-hour, "in", "")
	deliver(t, e, 98*day, "m1", ledger.CategoryUtility)
	deliver(t, e, 100*day-hour, "m2", "")
	e.Compact([]int64{100 * day})
	enter(t, e, ledger.Failed, 101*day, "m3", "")
	contact, text := ledger.ContactOf("chat:120363000000000001@g.us")
	entry := ledger.Entry{Number: number, Contact: contact, Text: text, ID: "m4",
		Report: &ledger.Report{Conversation: "c1", Origin: "utility", Billable: "true", Category: "utility"}}
	entry.Kind, entry.At, entry.Rank = ledger.Delivered, 101*day, ledger.RankObserved
	require.NoError(t, e.Enter([]ledger.Entry{entry}))
	return e
}

func TestASnapshotComesBack(t *testing.T) {
	want := snapshotOf(t, full(t), "the caller's")
	part, e, err := restore(want, ledger.ModelCBP2022, mine)
	require.NoError(t, err)
	assert.Equal(t, "the caller's", part)
	assert.Equal(t, want, snapshotOf(t, e, part))
}

func TestEveryDamageIsFound(t *testing.T) {
	good := snapshotOf(t, full(t), "")
	for i := range good {
		_, _, err := restore(good[:i], ledger.ModelCBP2022, mine)
		require.Error(t, err, i)
		bad := bytes.Clone(good)
		bad[i] ^= 1
		_, _, err = restore(bad, ledger.ModelCBP2022, mine)
		require.Error(t, err, i)
	}
	_, _, err := restore(append(good, 0), ledger.ModelCBP2022, mine)
	require.ErrorContains(t, err, "more bytes after its end")
}

func TestTheCallerRefusesAContact(t *testing.T) {
	refused, asked := errors.New("not mine"), 0
	_, _, err := restore(snapshotOf(t, full(t), ""), ledger.ModelCBP2022, func(number, contact string) (int32, error) {
		asked++
		assert.Equal(t, "ABC1", number)
		assert.Equal(t, "chat:120363000000000001@g.us", contact, "the contact sorts first")
		return 0, refused
	})
	require.Same(t, refused, err)
	assert.Equal(t, 1, asked)
}

func TestOtherInputIsNoSnapshot(t *testing.T) {
	for _, input := range []string{"something else altogether", "{}", "chatapi Ledger\n"} {
		_, other := ledger.NewDecoder(strings.NewReader(input)).Header()
		assert.NotEmpty(t, other, input)
		assert.True(t, strings.HasPrefix(input, other), other)
	}
	dec := ledger.NewDecoder(strings.NewReader("chatapi"))
	_, other := dec.Header()
	assert.Empty(t, other, "a snapshot that is cut off is still a snapshot")
	require.ErrorIs(t, dec.Err(), io.ErrUnexpectedEOF)
}

func TestATextThatIsTooLong(t *testing.T) {
	var out bytes.Buffer
	enc := ledger.NewEncoder(&out)
	text := strings.Repeat("x", ledger.LongestSnapshotText)
	enc.Text(text)
	enc.Text(text + "y")
	enc.Text(text + "zz")
	long, ok := errors.AsType[*ledger.TextTooLongError](enc.Close())
	require.True(t, ok)
	assert.Equal(t, text+"y", long.Text, "the first error stays")
	assert.Equal(t, "ledger: a text of 65537 bytes; the limit is 65536", long.Error())
	assert.Zero(t, out.Len())
}
