package chatapi

import (
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// This file makes the names of downloaded files safe.

// attachedName returns the file's name in the store's reply.
func attachedName(h http.Header) string {
	_, params, err := mime.ParseMediaType(h.Get("Content-Disposition"))
	if err != nil {
		return ""
	}
	return safeName(params["filename"])
}

// linkName returns the last part of a link's path, if it has an extension.
func linkName(address *url.URL) string {
	if path.Ext(address.Path) == "" {
		return ""
	}
	return safeName(path.Base(address.Path))
}

// maxName is the longest name in bytes. File systems allow 255, and programs put
// their own words in front.
const maxName = 200

// safeName returns a name under which every system can store a file: without
// directories, control characters and marks that change the direction of writing,
// with an underscore for each sign that Windows forbids or reads as a drive or a
// stream, before the name of a device, and at most maxName bytes long with the
// extension kept.
func safeName(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp) || r == unicode.ReplacementChar:
			return -1
		case strings.ContainsRune(`<>:"|?*`, narrow(r)), narrow(r) != r && strings.ContainsRune(`/\`, narrow(r)):
			return '_'
		}
		return r
	}, name)
	name = strings.TrimRight(strings.TrimSpace(baseName(name)), ". ") // Windows drops what stands at the end
	if strings.Trim(name, ". _") == "" {
		return ""
	}
	if isDevice(name) {
		name = "_" + name
	}
	if len(name) <= maxName {
		return name
	}
	extension := path.Ext(name)
	if len(extension) > 20 {
		extension = ""
	}
	stem := name[:maxName-len(extension)]
	for !utf8.ValidString(stem) { // the cut went through a character
		stem = stem[:len(stem)-1]
	}
	return strings.TrimRight(stem, ". ") + extension
}

// narrow returns the ASCII sign for its wide form. Windows gives an old program the
// narrow one.
func narrow(r rune) rune {
	if r >= '\uff01' && r <= '\uff5e' {
		return r - '\uff01' + '!'
	}
	return r
}

// isDevice reports whether Windows takes a name for a device, whatever its
// extension: "NUL.txt" is nothing, "com1" a serial port.
func isDevice(name string) bool {
	stem, _, _ := strings.Cut(strings.Map(narrow, name), ".")
	stem = strings.ToUpper(strings.TrimRight(stem, " "))
	switch stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$":
		return true
	}
	for _, port := range [...]string{"COM", "LPT"} {
		if digit, ok := strings.CutPrefix(stem, port); ok && len([]rune(digit)) == 1 && strings.ContainsAny(digit, "0123456789¹²³") {
			return true
		}
	}
	return false
}
