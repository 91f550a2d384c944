package wire_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/internal/wire"
)

func TestCheck(t *testing.T) {
	for data, want := range map[string]struct {
		lenient bool
		err     string
	}{
		`{"a":1}`:                   {},
		" [1,2]\n":                  {},
		`{"a":1,"a":2}`:             {lenient: true},
		"\"\xff\"":                  {lenient: true},
		`"\ud800"`:                  {lenient: true},
		``:                          {err: "it is empty"},
		"  \n":                      {err: "it is empty"},
		`{"a":`:                     {err: "it is cut off after 5 bytes"},
		`{"a":1} x`:                 {err: "there is more after the document's end at byte 7"},
		`{}{}`:                      {err: "there is more after the document's end at byte 2"},
		`{'a':1}`:                   {err: "at byte 1"},
		strings.Repeat("[", 20_000): {err: "at byte 10000"},
	} {
		lenient, err := wire.Check([]byte(data))
		assert.Equal(t, want.lenient, lenient, data)
		if want.err == "" {
			assert.NoError(t, err, data)
		} else {
			assert.ErrorContains(t, err, want.err)
		}
	}
}

func TestValueScalars(t *testing.T) {
	for data, want := range map[string]string{
		`"x"`: "x", `"\u0041\n\"\\"`: "A\n\"\\", `12345678901234567890`: "12345678901234567890", `1.50`: "1.50",
		`true`: "true", `false`: "false", `null`: "", ``: "", "\"a\xffb\"": "a\uFFFDb", `"\ud83d\ude00"`: "😀", `"\ud83d"`: "\uFFFD",
	} {
		got, err := wire.Value(data).Text()
		assert.NoError(t, err, data)
		assert.Equal(t, want, got, data)
	}
	for _, data := range []string{`{}`, `[]`} {
		_, err := wire.Value(data).Text()
		assert.Error(t, err)
	}
	for data, want := range map[string][2]bool{
		`true`: {true, true}, `1`: {true, true}, `"1"`: {true, true}, `"True"`: {true, true}, `"yes"`: {true, true},
		`false`: {false, true}, `0`: {false, true}, `"0"`: {false, true}, `"false"`: {false, true}, `" 0 "`: {false, true},
		`null`: {}, `""`: {}, ``: {}, `2`: {}, `"x"`: {}, `{}`: {}, `[true]`: {},
	} {
		value, set := wire.Value(data).Bool()
		assert.Equal(t, want, [2]bool{value, set}, data)
	}
	n, ok := wire.Value(`" 42 "`).Int()
	assert.True(t, ok)
	assert.Equal(t, int64(42), n)
	f, ok := wire.Value(`"-1.5"`).Float()
	assert.True(t, ok)
	assert.Equal(t, -1.5, f)
	for _, data := range []string{``, `null`, `""`, `"x"`, `{}`, `1e400`} {
		_, ok := wire.Value(data).Int()
		assert.False(t, ok, data)
		_, ok = wire.Value(data).Float()
		assert.False(t, ok, data)
	}
}

func TestWalk(t *testing.T) {
	root := wire.Root([]byte(" { \"a\" : [ 1 , \"]\\\"}\" , {\"x\":[{}]} , null ] , \"b\\u0063\":true, \"a\": -1e5 } \n"))
	require.True(t, root.IsObject())
	var members []string
	for o := root.Object(); o.Next(); {
		members = append(members, string(o.Name)+"="+string(o.Value))
	}
	assert.Equal(t, []string{`a=[ 1 , "]\"}" , {"x":[{}]} , null ]`, "bc=true", "a=-1e5"}, members)
	assert.Equal(t, "-1e5", string(root.Get("a")), "the last one")
	assert.Empty(t, root.Get("none"))
	assert.Empty(t, wire.Value(`[1]`).Get("a"))

	array := wire.Value(`[ 1 , "]" , {"x":[{}]} , null ]`).Array()
	assert.Equal(t, `1 , "]" , {"x":[{}]} , null`, string(array.Rest()))
	require.True(t, array.Next())
	assert.Equal(t, "1", string(array.Value))
	assert.Equal(t, `"]" , {"x":[{}]} , null`, string(array.Rest()))
	for range 3 {
		require.True(t, array.Next())
	}
	assert.Equal(t, "null", string(array.Value))
	assert.Empty(t, array.Rest())
	assert.False(t, array.Next())
	assert.False(t, array.Next())

	for _, data := range []string{``, `null`, `{}`, `[]`, `{ }`, `[ ]`, `"x"`, `1`, `{`, `[`} {
		object, array := wire.Value(data).Object(), wire.Value(data).Array()
		assert.False(t, object.Next(), data)
		assert.False(t, array.Next(), data)
	}
}

// A walk finds what the JSON package finds, and ends on any bytes.
func FuzzWalk(f *testing.F) {
	f.Add([]byte(`{"a":[1,"x\"",{"b":null}],"c":{"d":[[]]}}`))
	f.Add([]byte(`[{"a":"\ud83d\ude00","a":2},-0.5e+7,true]`))
	f.Add([]byte("{\"\xff\":\"\xff\"}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		root := wire.Root(data)
		if lenient, err := wire.Check(data); err != nil || lenient {
			walk(root) // must not hang or panic
			return
		}
		var want any
		decoder := json.NewDecoder(strings.NewReader(string(data)))
		decoder.UseNumber()
		if decoder.Decode(&want) != nil {
			return // deeper than encoding/json goes
		}
		require.Equal(t, want, walk(root))
	})
}

func walk(v wire.Value) any {
	switch {
	case v.IsObject():
		object := map[string]any{}
		for o := v.Object(); o.Next(); {
			object[string(o.Name)] = walk(o.Value)
		}
		return object
	case v.IsArray():
		array := []any{}
		for a := v.Array(); a.Next(); {
			array = append(array, walk(a.Value))
		}
		return array
	case v.IsString():
		text, _ := v.Text()
		return text
	case v.IsNull():
		return nil
	case string(v) == "true", string(v) == "false":
		return string(v) == "true"
	}
	return json.Number(v)
}
