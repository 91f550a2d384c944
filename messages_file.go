package chatapi

import (
	"cmp"
	"path"
	"strings"
)

// playable notes a file of a kind of sound or film that WhatsApp is known to refuse
// (131053): it plays AAC, AMR, MP3, MP4 and Ogg with Opus, and films in MP4 and 3GP
// (Meta, "Supported media types", 2026-11; high). Browsers record webm. Kinds that are
// not named here pass, since the service may send them as documents.
func (c *checker) playable(field string, m Media, name string) {
	kind, ext := mimeTypeOf(m), ""
	if m.link != "" {
		ext = strings.ToLower(path.Ext(name))
	}
	if isUnplayable(kind) || isUnplayableName(ext) {
		c.fail(field, "is "+cmp.Or(kind, "a "+ext+" file")+", which WhatsApp does not play; "+
			"convert sound to audio/ogg with the Opus codec, film to video/mp4")
	}
}

func isUnplayable(mimeType string) bool {
	switch mimeType {
	case "audio/webm", "video/webm", "audio/wav", "audio/wave", "audio/x-wav", "audio/vnd.wave",
		"audio/flac", "audio/x-flac", "audio/aiff", "audio/x-aiff", "audio/basic":
		return true
	}
	return false
}

func isUnplayableName(ext string) bool {
	switch ext {
	case ".webm", ".weba", ".wav", ".flac", ".aiff":
		return true
	}
	return false
}

// mimeTypeOf returns the type of the bytes of a file; empty if it is given by link or
// id.
func mimeTypeOf(m Media) string {
	if !m.inline {
		return ""
	}
	return m.contentType()
}
