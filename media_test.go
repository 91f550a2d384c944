package chatapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

func TestTooLargeIsItsOwnKind(t *testing.T) {
	data := make([]byte, chatapi.MaxInlineMedia+1)
	_, err := offline(t).Prepare(ann, chatapi.File{Media: chatapi.MediaBytes("a.pdf", data)})
	e := wrongField(t, err, chatapi.ErrTooLarge, "Media")
	assert.Contains(t, e.Advice, "MediaURL")
	p, err := offline(t).Prepare(ann, chatapi.File{Media: chatapi.MediaBytes("a.pdf", data[1:])})
	require.NoError(t, err)
	assert.Greater(t, len(p.Body), chatapi.MaxInlineMedia)

	_, err = chatapi.ReadMedia("a.pdf", bytes.NewReader(data))
	wrongField(t, err, chatapi.ErrTooLarge, "r")
	_, err = chatapi.ReadMedia("a.pdf", bytes.NewReader(data[1:]))
	assert.NoError(t, err)
}

func TestReadMedia(t *testing.T) {
	media, err := chatapi.ReadMedia("/scans/page 1.pdf", iotest.OneByteReader(strings.NewReader("%PDF-1.7 ...")))
	require.NoError(t, err)
	assert.Equal(t, "application/pdf, 12 bytes", fmt.Sprint(media))
	assert.Equal(t, "application/pdf, 12 bytes", fmt.Sprintf("%#v", media))
	p, err := offline(t).Prepare(ann, chatapi.File{Media: media})
	require.NoError(t, err)
	assert.JSONEq(t, `{"phone":"12025550143","body":"data:application/pdf;base64,JVBERi0xLjcgLi4u","filename":"page 1.pdf"}`, string(p.Body))

	broken := errors.New("disk on fire")
	_, err = chatapi.ReadMedia("a.pdf", iotest.ErrReader(broken))
	assert.ErrorIs(t, err, chatapi.ErrMedia)
	assert.ErrorIs(t, err, broken)
	var none *bytes.Reader
	for _, r := range []interface{ Read([]byte) (int, error) }{nil, none, strings.NewReader("")} {
		_, err = chatapi.ReadMedia("a.pdf", r)
		wrongField(t, err, chatapi.ErrInvalid, "r")
	}
}

func TestTypesAreSniffedOrGiven(t *testing.T) {
	const zip, ogg, mp4 = "PK\x03\x04....", "OggS\x00\x02......", "\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
	for _, tc := range []struct{ name, data, given, mimeType, filename string }{
		{"a.png", "\x89PNG\r\n\x1a\n", "", "image/png", "a.png"},
		{"", "\x89PNG\r\n\x1a\n", "", "image/png", "file.png"},
		{"a.txt", "\x89PNG\r\n\x1a\n", "", "image/png", "a.txt"},
		{"a.DOCX", zip, "", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "a.DOCX"},
		{"a.zip", zip, "", "application/zip", "a.zip"},
		{"a.csv", "a;b\n1;2\n", "", "text/csv", "a.csv"},
		{"", "hello", "", "text/plain", "file.txt"},
		{"a.ogg", ogg, "", "audio/ogg", "a.ogg"},
		{"", ogg, "", "audio/ogg", "file.ogg"},
		{"a.m4a", mp4, "", "audio/mp4", "a.m4a"},
		{"a.mp4", mp4, "", "video/mp4", "a.mp4"},
		{"a.bin", "\x00\x01\x02\xff", "Application/X-Thing; v=1", "application/x-thing", "a.bin"},
		{`C:\scans\a.pdf`, "%PDF-1.7", "", "application/pdf", "a.pdf"},
	} {
		media := chatapi.MediaBytes(tc.name, []byte(tc.data))
		if tc.given != "" {
			media = media.WithMIMEType(tc.given)
		}
		p, err := offline(t).Prepare(ann, chatapi.File{Media: media})
		require.NoError(t, err, tc)
		var body struct{ Body, Filename string }
		require.NoError(t, json.Unmarshal(p.Body, &body))
		assert.True(t, strings.HasPrefix(body.Body, "data:"+tc.mimeType+";base64,"), "%v: %.60s", tc, body.Body)
		assert.Equal(t, tc.filename, body.Filename)
	}
}

func TestVoiceNotes(t *testing.T) {
	for _, media := range []chatapi.Media{
		chatapi.MediaBytes("", []byte("OggS\x00\x02......")),
		chatapi.MediaBytes("note.bin", []byte("....")).WithMIMEType("audio/ogg; codecs=opus"),
		chatapi.MediaURL("https://files.example.com/note.OGG?sig=1"),
		chatapi.MediaID("12", chatapi.TypeAudio),
	} {
		p, err := offline(t).Prepare(ann, chatapi.File{Media: media, Name: "note.ogg", Voice: true})
		require.NoError(t, err, "%v", media)
		assert.Contains(t, string(p.Body), `"voice":true`)
	}
}

func TestMediaShowsNoBytesAndNoSignature(t *testing.T) {
	assert.Equal(t, "https://files.example.com/a.pdf", fmt.Sprint(chatapi.MediaURL("https://files.example.com/a.pdf?signature=s3cret")))
	assert.Equal(t, "video 12", chatapi.MediaID("12", chatapi.TypeVideo).String())
	assert.Equal(t, "no media", chatapi.Media{}.String())
	assert.NotContains(t, fmt.Sprintf("%+v", chatapi.File{Media: chatapi.MediaBytes("a.txt", []byte("hello"))}), "104 101")
}
