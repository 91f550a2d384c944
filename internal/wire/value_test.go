package wire_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// value returns the value of the document in data; an absent value if data is not
// a document.
func value(data string) wire.Value { return wire.Root([]byte(data)) }

func TestAbsentValue(t *testing.T) {
	var absent wire.Value
	assert.True(t, absent.IsAbsent())
	assert.True(t, absent.IsNull())
	assert.False(t, absent.IsObject() || absent.IsArray() || absent.IsString())
	assert.Nil(t, absent.Raw())
	assert.Equal(t, "nothing", absent.Kind())
	assert.True(t, absent.Time().IsZero())
	text, err := absent.Text()
	assert.Empty(t, text)
	assert.NoError(t, err)
	_, set := absent.Bool()
	assert.False(t, set)
	_, ok := absent.Int()
	assert.False(t, ok)
	_, ok = absent.Float()
	assert.False(t, ok)
	assert.True(t, absent.Get("a").IsAbsent())
	assert.False(t, value("null").IsAbsent())
}

func TestValueTime(t *testing.T) {
	want := time.Unix(1790000000, 0).UTC()
	for data, want := range map[string]time.Time{`1790000000`: want, `"1790000000"`: want, `" 1790000000 "`: want, `1790000000000`: want,
		`1.79e9`: want, `"179000000\u0030"`: want, `""`: {}, `null`: {}, `true`: {}, `{}`: {}, `"soon"`: {}, `-1`: {}} {
		assert.Equal(t, want, value(data).Time(), data)
	}
}

func TestValueScalars(t *testing.T) {
	for data, want := range map[string]string{
		`"x"`: "x", `"\u0041\n\"\\"`: "A\n\"\\", `12345678901234567890`: "12345678901234567890", `1.50`: "1.50",
		`true`: "true", `false`: "false", `null`: "", "\"a\xffb\"": "a\uFFFDb", `"\ud83d\ude00"`: "😀", `"\ud83d"`: "\uFFFD",
	} {
		got, err := value(data).Text()
		assert.NoError(t, err, data)
		assert.Equal(t, want, got, data)
	}
	for _, data := range []string{`{}`, `[]`} {
		_, err := value(data).Text()
		assert.Error(t, err)
	}
	for data, want := range map[string][2]bool{
		`true`: {true, true}, `1`: {true, true}, `"1"`: {true, true}, `"True"`: {true, true}, `"yes"`: {true, true},
		`false`: {false, true}, `0`: {false, true}, `"0"`: {false, true}, `"false"`: {false, true}, `" 0 "`: {false, true},
		`null`: {}, `""`: {}, `2`: {}, `"x"`: {}, `{}`: {}, `[true]`: {},
	} {
		value, set := value(data).Bool()
		assert.Equal(t, want, [2]bool{value, set}, data)
	}
	n, ok := value(`" 42 "`).Int()
	assert.True(t, ok)
	assert.Equal(t, int64(42), n)
	f, ok := value(`"-1.5"`).Float()
	assert.True(t, ok)
	assert.Equal(t, -1.5, f)
	for _, data := range []string{`null`, `""`, `"x"`, `{}`, `1e400`} {
		_, ok := value(data).Int()
		assert.False(t, ok, data)
		_, ok = value(data).Float()
		assert.False(t, ok, data)
	}
}

func TestWalk(t *testing.T) {
	root := wire.Root([]byte(" { \"a\" : [ 1 , \"]\\\"}\" , {\"x\":[{}]} , null ] , \"b\\u0063\":true, \"a\": -1e5 } \n"))
	require.True(t, root.IsObject())
	var members []string
	for o := root.Object(); o.Next(); {
		members = append(members, string(o.Name)+"="+string(o.Value.Raw()))
	}
	assert.Equal(t, []string{`a=[ 1 , "]\"}" , {"x":[{}]} , null ]`, "bc=true", "a=-1e5"}, members)
	assert.Equal(t, "-1e5", string(root.Get("a").Raw()), "the last one")
	assert.True(t, root.Get("none").IsAbsent())
	assert.True(t, value(`[1]`).Get("a").IsAbsent())

	array := value(`[ 1 , "]" , {"x":[{}]} , null ]`).Array()
	assert.Equal(t, `1 , "]" , {"x":[{}]} , null`, string(array.Rest()))
	require.True(t, array.Next())
	assert.Equal(t, "1", string(array.Value.Raw()))
	assert.Equal(t, `"]" , {"x":[{}]} , null`, string(array.Rest()))
	for range 3 {
		require.True(t, array.Next())
	}
	assert.Equal(t, "null", string(array.Value.Raw()))
	assert.Empty(t, array.Rest())
	assert.False(t, array.Next())
	assert.False(t, array.Next())

	for _, data := range []string{``, `null`, `{}`, `[]`, `{ }`, `[ ]`, `"x"`, `1`, `{`} {
		object, array := value(data).Object(), value(data).Array()
		assert.False(t, object.Next(), data)
		assert.False(t, array.Next(), data)
	}
}
