package wire_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/internal/wire"
)

func TestParse(t *testing.T) {
	names := func(n int, more string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"name %d":%d,`, i, i)
		}
		return "{" + b.String() + more + ":null}"
	}
	for data, want := range map[string]struct {
		lenient bool
		err     string
	}{
		`{"a":1}`:                     {},
		" [1,2]\n":                    {},
		`{"a":1,"a":2}`:               {lenient: true},
		`{"a":1,"\u0061":2}`:          {lenient: true},
		`{"\u0061":1,"a":2}`:          {lenient: true},
		`{"\u0061":1,"b":2}`:          {},
		`{"a":{"a":[{"a":1}]}}`:       {},
		`{"":1,"":2}`:                 {lenient: true},
		names(20, `"name 0"`):         {lenient: true},
		names(20, `"name"`):           {},
		names(500, `"name 499"`):      {lenient: true},
		names(500, `"name"`):          {},
		"\"\xff\"":                    {lenient: true},
		"{\"\xff\":1}":                {lenient: true},
		"\"\xed\xa0\x80\"":            {lenient: true},
		`"\ud800"`:                    {lenient: true},
		`"\udc00"`:                    {lenient: true},
		`"\ud83d\ud83d"`:              {lenient: true},
		`"\ud83d\ude00é\b\f\n\r\t\/"`: {},
		``:                            {err: "it is empty"},
		"  \n":                        {err: "it is empty"},
		`{"a":`:                       {err: "it is cut off after 5 bytes"},
		`{"a":1} x`:                   {err: "there is more after the document's end at byte 7"},
		`{}{}`:                        {err: "there is more after the document's end at byte 2"},
		`{'a':1}`:                     {err: "at byte 1"},
		`{"a":1,}`:                    {err: "at byte 7"},
		`[1 2]`:                       {err: "at byte 3"},
		`{"a" 1}`:                     {err: "at byte 5"},
		`{1:1}`:                       {err: "at byte 1"},
		`[1}`:                         {err: "at byte 2"},
		`01`:                          {err: "at byte 1"},
		`1.`:                          {err: "cut off"},
		`-`:                           {err: "cut off"},
		`+1`:                          {err: "at byte 0"},
		`truth`:                       {err: "at byte"},
		"\"a\nb\"":                    {err: "at byte 2"},
		`"\x"`:                        {err: "at byte 1"},
		`"\u12g4"`:                    {err: "at byte 1"},
		strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000): {},
		strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001): {err: "at byte 10000"},
	} {
		short := data[:min(len(data), 60)]
		d, err := wire.Parse([]byte(data))
		if want.err != "" {
			assert.ErrorContains(t, err, want.err, short)
			continue
		}
		if assert.NoError(t, err, short) {
			assert.Equal(t, want.lenient, d.Lenient(), short)
		}
	}
}

// A released document lends its memory to the next, which shows nothing of it.
func TestRelease(t *testing.T) {
	for range 100 {
		for _, data := range []string{`{"a":[1,2,{"b":"\ud83d"}]}`, `"x"`, `[`, `{"a":1,"a":2}`, `[[],{}]`} {
			d, err := wire.Parse([]byte(data))
			if data == `[` {
				require.Error(t, err)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, data, string(d.Root().Raw()))
			require.Equal(t, strings.Contains(data, `\ud83d`) || strings.Count(data, `"a"`) > 1, d.Lenient(), data)
			d.Release()
		}
	}
}

// Texts with the same hash in recentTexts are not mixed up.
func TestTextsThatEndAlike(t *testing.T) {
	for range 3 {
		for _, want := range []string{"a-12345678", "b-12345678", "a-12345678", "1", "2", "01"} {
			d, err := wire.Parse([]byte(`["` + want + `"]`))
			require.NoError(t, err)
			first := d.Root().Array()
			require.True(t, first.Next())
			got, err := first.Value.Text()
			require.NoError(t, err)
			assert.Equal(t, want, got)
			d.Release()
		}
	}
}

func seedDocuments(f *testing.F) {
	for _, pattern := range []string{"../../testdata/contract/*.json", "../../testdata/contract/raw/*.json"} {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			data, err := os.ReadFile(file)
			require.NoError(f, err)
			f.Add(data)
		}
	}
	for _, data := range []string{`{"a":[1,"x\"",{"b":null}],"c":{"d":[[]]}}`, `[{"a":"\ud83d\ude00","a":2},-0.5e+7,true]`, "{\"\xff\":\"\xff\"}",
		`{"\u0061":1,"a":2}`, `{"\n":[{"\ud800":1,"\n":[]}],"\n":{}}`, "[\"\xed\xa0\x80\",\"\\udc00\\ud83d\"]", `[0,-0,1.0E-2,01]`, "\ufeff{}", `{"a":1,}`, `"\u00e9\/\b\f\n\r\t"`} {
		f.Add([]byte(data))
	}
}

// Parse, Strict and a walk over the document agree with the JSON package.
func FuzzParse(f *testing.F) {
	seedDocuments(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		d, err := wire.Parse(data)
		tolerant := jsontext.Value(data).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
		require.Equal(t, tolerant, err == nil, "%v", err)
		require.Equal(t, before, data)
		if err != nil {
			return
		}
		defer d.Release()
		require.Equal(t, jsontext.Value(data).IsValid(), !d.Lenient())
		require.Equal(t, string(bytes.Trim(data, " \t\r\n")), string(d.Root().Raw()))
		got := walk(d.Root())
		if d.Lenient() {
			return // encoding/json reads broken texts in its own way
		}
		var want any
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.UseNumber()
		if decoder.Decode(&want) != nil {
			return // deeper than encoding/json goes
		}
		require.Equal(t, want, got)
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
		for a := v.ArrayOf(0); a.Next(); {
			array = append(array, walk(a.Value))
		}
		return array
	case v.IsString():
		text, _ := v.Text()
		return text
	case v.IsNull():
		return nil
	}
	if raw := string(v.Raw()); raw != "true" && raw != "false" {
		return json.Number(raw)
	}
	return string(v.Raw()) == "true"
}
