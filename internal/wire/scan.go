package wire

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// This file finds where the words, numbers and strings of a document end.

func skipSpace(data []byte, i int) int {
	for i < len(data) && data[i] <= ' ' && (data[i] == ' ' || data[i] == '\n' || data[i] == '\r' || data[i] == '\t') {
		i++
	}
	return i
}

// stringForm says how to decode a string.
type stringForm int

const (
	plain   stringForm = iota // its bytes are its text
	escaped                   // it has escapes
	broken                    // it has broken UTF-8
)

// literal is true for the bytes that stand for themselves in a string: ASCII from the
// space on, but for the quote and the backslash. It is written out, because a table
// that is computed at the start costs each program that links the package.
var literal = [256]bool{
	' ': true, '!': true, '#': true, '$': true, '%': true, '&': true, '\'': true, '(': true, ')': true, '*': true, '+': true, ',': true, '-': true, '.': true, '/': true,
	'0': true, '1': true, '2': true, '3': true, '4': true, '5': true, '6': true, '7': true, '8': true, '9': true, ':': true, ';': true, '<': true, '=': true, '>': true, '?': true,
	'@': true, 'A': true, 'B': true, 'C': true, 'D': true, 'E': true, 'F': true, 'G': true, 'H': true, 'I': true, 'J': true, 'K': true, 'L': true, 'M': true, 'N': true, 'O': true,
	'P': true, 'Q': true, 'R': true, 'S': true, 'T': true, 'U': true, 'V': true, 'W': true, 'X': true, 'Y': true, 'Z': true, '[': true, ']': true, '^': true, '_': true,
	'`': true, 'a': true, 'b': true, 'c': true, 'd': true, 'e': true, 'f': true, 'g': true, 'h': true, 'i': true, 'j': true, 'k': true, 'l': true, 'm': true, 'n': true, 'o': true,
	'p': true, 'q': true, 'r': true, 's': true, 't': true, 'u': true, 'v': true, 'w': true, 'x': true, 'y': true, 'z': true, '{': true, '|': true, '}': true, '~': true, '\x7f': true,
}

// literals returns how many of eight bytes, from the lowest on, stand for
// themselves in a string.
func literals(b uint64) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	// The high bit of a byte becomes 1 if the byte is a quote, a backslash, below
	// a space or above ASCII. Its borrow may set the high bits of bytes above it
	// as well, but only the lowest one counts.
	odd := (b | ((b ^ '"'*ones) - ones) | ((b ^ '\\'*ones) - ones) | (b - ' '*ones)) & high
	return bits.TrailingZeros64(odd) / 8
}

// stringEnd returns the position after the string whose opening quote is at i, or
// -1 if the string is not well formed.
func stringEnd(data []byte, i int) (end int, form stringForm) {
	for i++; i < len(data); {
		if i+8 <= len(data) { // eight bytes at once
			n := literals(binary.LittleEndian.Uint64(data[i:]))
			if i += n; n == 8 {
				continue
			}
		}
		switch c := data[i]; {
		case c == '"':
			return i + 1, form
		case literal[c]:
			i++
		case c == '\\':
			n, lone := scanEscape(data[i:])
			if n == 0 {
				return -1, form
			}
			i, form = i+n, max(form, escaped)
			if lone {
				form = broken
			}
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(data[i:])
			if i += n; r == utf8.RuneError && n == 1 {
				form = broken
			}
		default: // a control character
			return -1, form
		}
	}
	return -1, form
}

// scanEscape returns the length of the escape sequence at the beginning of data,
// or 0 if there is none. lone reports that it is half of a surrogate pair.
func scanEscape(data []byte) (n int, lone bool) {
	if len(data) < 2 {
		return 0, false
	}
	switch data[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, false
	case 'u':
		switch r := hex4(data[2:]); {
		case r < 0:
			return 0, false
		case r >= 0xdc00 && r < 0xe000:
			return 6, true
		case r < 0xd800 || r >= 0xe000:
			return 6, false
		}
		if len(data) > 8 && data[6] == '\\' && data[7] == 'u' {
			if second := hex4(data[8:]); second >= 0xdc00 && second < 0xe000 {
				return 12, false
			}
		}
		return 6, true
	}
	return 0, false
}

// hex4 returns the number of the first four bytes as hexadecimal digits, or -1 if
// they are not digits.
func hex4(data []byte) (r rune) {
	if len(data) < 4 {
		return -1
	}
	for _, c := range data[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// wordEnd returns the position after the number, true, false or null that begins
// at i, or -1 if the data there is none of them.
func wordEnd(data []byte, i int) int {
	if uint(i) >= uint(len(data)) {
		return -1
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if data[i] == word[0] {
			if len(data)-i >= len(word) && string(data[i:i+len(word)]) == word {
				return i + len(word)
			}
			return -1
		}
	}
	if data[i] == '-' {
		i++
	}
	whole := i
	if i = skipDigits(data, i); i == whole || data[whole] == '0' && i > whole+1 {
		return -1
	}
	if i < len(data) && data[i] == '.' {
		fraction := i + 1
		if i = skipDigits(data, fraction); i == fraction {
			return -1
		}
	}
	if i < len(data) && (data[i] == 'e' || data[i] == 'E') {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		exponent := i
		if i = skipDigits(data, i); i == exponent {
			return -1
		}
	}
	return i
}

func skipDigits(data []byte, i int) int {
	for i < len(data) && data[i] >= '0' && data[i] <= '9' {
		i++
	}
	return i
}
