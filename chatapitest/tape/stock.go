package tape

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// This file has the files that stand for real ones.

// stock returns the file that stands for the files of a type such as "image/jpeg": as small as
// programs accept that look at the first bytes.
func stock(mime string) []byte {
	kind, _, _ := strings.Cut(strings.ToLower(mime), ";")
	switch kind = strings.TrimSpace(kind); {
	case kind == "image/png":
		data, _ := base64.StdEncoding.DecodeString(
			"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
		return data
	case kind == "image/webp":
		return []byte("RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00")
	case kind == "image/gif":
		return []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;")
	case strings.HasPrefix(kind, "image/"):
		return []byte("\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9")
	case strings.HasPrefix(kind, "video/"):
		return []byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom\x00\x00\x00\x08free")
	case strings.HasPrefix(kind, "audio/ogg"), kind == "application/ogg":
		return []byte("OggS\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x13OpusHead\x01\x01\x00\x00\x80\xbb\x00\x00\x00\x00\x00")
	case strings.HasPrefix(kind, "audio/"):
		return []byte("ID3\x04\x00\x00\x00\x00\x00\x00\xff\xfb\x90\x00")
	case kind == "application/pdf":
		return []byte("%PDF-1.4\n%%EOF\n")
	}
	return []byte("This file stands for a real one.\n")
}

// stockData returns a data URI of the stock file.
func stockData(real string) string {
	head, _, _ := strings.Cut(strings.TrimPrefix(real, "data:"), ",")
	mime, _, _ := strings.Cut(head, ";")
	if !knownMIME(mime) {
		mime = "application/octet-stream"
	}
	return "data:" + mime + ";base64," + base64.StdEncoding.EncodeToString(stock(mime))
}

// knownMIME reports whether a text is a type of files and nothing else.
func knownMIME(mime string) bool {
	kind, rest, ok := strings.Cut(mime, "/")
	switch kind {
	case "image", "video", "audio", "application", "text":
	default:
		return false
	}
	return ok && len(rest) < 80 && strings.Trim(strings.ToLower(rest), "abcdefghijklmnopqrstuvwxyz0123456789.-+") == "" && len(digits(rest)) < leastNumber
}

// stockHash returns the SHA-256 of the stock file that stands for the file which the members of
// an object describe, in the form of the real one.
func stockHash(siblings map[string]any, real string) string {
	mime := ""
	for _, name := range []string{"mime_type", "mimeType"} {
		if text, ok := siblings[name].(string); ok {
			mime = text
		}
	}
	sum := sha256.Sum256(stock(mime))
	if len(real) == hex.EncodedLen(len(sum)) {
		return hex.EncodeToString(sum[:])
	}
	return base64.StdEncoding.EncodeToString(sum[:])
}
