package chatapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

func readActivities(r io.Reader) (all []chatapi.Activity, faults []error) {
	for a, err := range chatapi.ReadActivities(r) {
		if err != nil {
			faults = append(faults, err)
		} else {
			all = append(all, a)
		}
	}
	return all, faults
}

func TestActivitiesAsJSONLines(t *testing.T) {
	at := time.Date(2026, time.October, 3, 10, 0, 0, 0, time.UTC)
	want := []chatapi.Activity{
		{Kind: chatapi.ActivityInbound, At: at, Channel: abc, Contact: customerA, EntryPoint: chatapi.EntryPointAd},
		{Kind: chatapi.ActivityOutbound, At: at, Observed: at.Add(time.Second), Channel: abc, Contact: customerA, MessageID: "m \"1\" é", Category: "utility"},
		{Kind: chatapi.ActivityDelivered, Observed: at, Channel: abc, Contact: chatapi.Contact{Chat: "120363@g.us"}, MessageID: "m1"},
		{Kind: chatapi.ActivityRead, At: at, Channel: abc, Contact: chatapi.Contact{BSUID: "US.1000000000000001"}, MessageID: "m1"},
	}
	var file bytes.Buffer
	for _, a := range want {
		line, err := json.Marshal(a)
		require.NoError(t, err)
		file.Write(append(line, '\n'))
	}
	assert.True(t, strings.HasPrefix(file.String(), `{"kind":"inbound","at":"2026-10-03T10:00:00Z","channel":"ABC1","entry_point":"ad","contact":"phone:12025550143"}`+"\n"), file.String())
	got, faults := readActivities(&file)
	assert.Empty(t, faults)
	assert.Equal(t, want, got)

	// People write spaces, CRLF, empty lines and a byte order mark, and leave out
	// the last line break.
	got, faults = readActivities(strings.NewReader("\ufeff" + ` { "kind": "inbound", "at": "2026-10-03T12:00:00+02:00", "channel": "ABC1", "contact": "+1 202 555 0143" }` +
		"\r\n\r\n" + `{"kind":"inbound","at":"2026-10-03T10:00:00Z","channel":"ABC1","contact":"12025550143"}`))
	assert.Empty(t, faults)
	require.Len(t, got, 2)
	assert.Equal(t, got[0].Contact, got[1].Contact)
	assert.True(t, got[0].At.Equal(got[1].At))
}

func TestActivitiesThatCannotBeReadAreNamed(t *testing.T) {
	const good = `{"kind":"inbound","at":"2026-10-03T10:00:00Z","channel":"ABC1","contact":"phone:12025550143"}` + "\n"
	lines := map[string]string{
		"{":                    "line 2: unexpected end",
		"[]":                   "line 2: json",
		`{"catgory":"x"}`:      `line 2: json: unknown field "catgory"`,
		`{"at":"yesterday"}`:   "line 2: ",
		`{"contact":"pho:ne"}`: "line 2: ",
		`{"kind":1}`:           "line 2: ",
		`{} {}`:                "line 2: ",
	}
	for line, problem := range lines {
		got, faults := readActivities(strings.NewReader(good + line + "\n" + good))
		assert.Len(t, got, 2, "the other lines are read")
		require.Len(t, faults, 1, line)
		assert.ErrorIs(t, faults[0], chatapi.ErrInvalid, line)
		assert.ErrorContains(t, faults[0], problem, line)
	}
	ledger := chatapi.NewLedger(chatapi.Account{})
	assert.ErrorContains(t, ledger.Load(chatapi.ReadActivities(strings.NewReader(good+"{\n"))), "line 2")

	_, faults := readActivities(nil)
	require.Len(t, faults, 1)
	assert.EqualError(t, faults[0], "chatapi: ReadActivities: activities are missing; give a file, or another reader of JSON lines")
	_, faults = readActivities(strings.NewReader("{"))
	require.Len(t, faults, 1)
	assert.EqualError(t, faults[0], "chatapi: ReadActivities: activities are unreadable: line 1: unexpected end of JSON input; write each Activity as one JSON object on a line of its own")
	_, faults = readActivities(io.MultiReader(strings.NewReader(good), iotest.ErrReader(io.ErrUnexpectedEOF)))
	assert.Equal(t, []error{io.ErrUnexpectedEOF}, faults, "a reader that breaks off is not at its end")
	got, faults := readActivities(strings.NewReader(""))
	assert.Empty(t, faults)
	assert.Empty(t, got)
	got, faults = readActivities(io.MultiReader(strings.NewReader(good), iotest.ErrReader(errCardFile)))
	assert.Len(t, got, 1)
	require.Len(t, faults, 1)
	assert.ErrorIs(t, faults[0], errCardFile)
	_, faults = readActivities(strings.NewReader(good + strings.Repeat("x", 3<<20)))
	require.Len(t, faults, 1)
	assert.ErrorContains(t, faults[0], "line 2: is longer than")
}

// Several goroutines decode a long input. The activities keep their order, and
// errors name the right line.
func TestActivitiesOfALongFileStayInOrder(t *testing.T) {
	const n = 20_000
	var file bytes.Buffer
	for i := range n {
		if i%7000 == 6999 {
			file.WriteString("bad\n")
			continue
		}
		fmt.Fprintf(&file, `{"kind":"delivered","at":"2026-10-03T10:00:00Z","channel":"ABC1","contact":"phone:1202555%04d","message":"m%d"}`+"\n", i%10_000, i)
	}
	for name, r := range map[string]io.Reader{"whole": bytes.NewReader(file.Bytes()), "halves": iotest.HalfReader(bytes.NewReader(file.Bytes()))} {
		i, faults := 0, 0
		for a, err := range chatapi.ReadActivities(r) {
			if err != nil {
				assert.ErrorContains(t, err, fmt.Sprintf("line %d:", i+1), name)
				faults++
			} else if want := fmt.Sprintf("m%d", i); a.MessageID != want {
				t.Fatalf("%s: %s in the place of %s", name, a.MessageID, want)
			}
			i++
		}
		assert.Equal(t, n, i, name)
		assert.Equal(t, 2, faults, name)
	}
	for range chatapi.ReadActivities(bytes.NewReader(file.Bytes())) {
		break // stops the workers too
	}
	stop := errors.New("stop")
	seen := 0
	for _, err := range chatapi.ReadActivities(io.MultiReader(bytes.NewReader(file.Bytes()), iotest.ErrReader(stop))) {
		if seen++; err != nil && errors.Is(err, stop) {
			assert.Equal(t, n+1, seen)
		}
	}
	assert.Equal(t, n+1, seen)
}

// The fast decoder and encoding/json agree on every line.
func FuzzReadActivities(f *testing.F) {
	for _, line := range []string{
		`{"kind":"inbound","at":"2026-10-03T10:00:00Z","channel":"ABC1","entry_point":"ad","contact":"phone:12025550143"}`,
		`{"kind":"read","observed_at":"2026-10-03T10:00:00.5+02:00","message":"m","category":"utility","contact":"120363@g.us"}`,
		`{"contact":"","kind":""}`, `{}`, `null`, `{"KIND":"x","kind":"y"}`, `{"at":""}`,
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "\n") || strings.Trim(line, " \t\r") == "" || strings.HasPrefix(line, "\ufeff") {
			return
		}
		var want chatapi.Activity
		err := json.Unmarshal([]byte(line), &want)
		got, faults := readActivities(strings.NewReader(line + "\n" + line))
		known := []chatapi.ActivityKind{chatapi.ActivityInbound, chatapi.ActivityOutbound, chatapi.ActivityDelivered, chatapi.ActivityRead, chatapi.ActivityFailed, chatapi.ActivityIdentity}
		at := want.At
		if at.IsZero() || !want.Observed.IsZero() && at.Sub(want.Observed) > time.Hour {
			at = want.Observed
		}
		switch {
		case err != nil, want.Channel == "", !slices.Contains(known, want.Kind), !at.IsZero() && (at.UTC().Year() < 1679 || at.UTC().Year() > 2261):
			require.Len(t, faults, 2)
			require.ErrorIs(t, faults[0], chatapi.ErrInvalid)
			return
		case at.IsZero():
			require.Len(t, faults, 2)
			require.ErrorIs(t, faults[0], chatapi.ErrNoTime)
			return
		}
		require.Empty(t, faults)
		require.Len(t, got, 2)
		require.Equal(t, fmt.Sprintf("%#v", want), fmt.Sprintf("%#v", got[0]))
	})
}

func BenchmarkReadActivities(b *testing.B) {
	line := []byte(`{"kind":"delivered","at":"2026-10-03T10:00:00Z","channel":"ABC1","contact":"phone:12025550143","message":"wamid.SYNTHETIC0000000000000001"}` + "\n")
	file := bytes.Repeat(line, 50_000)
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		n := 0
		for range chatapi.ReadActivities(bytes.NewReader(file)) {
			n++
		}
		if n != 50_000 {
			b.Fatal(n)
		}
	}
}
