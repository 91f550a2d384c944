package transport

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"strings"
)

// This file knows how software spells a token.

// encoded returns the texts that stand for a token in base64 and in hexadecimal
// digits. In base64 there are three, because the token may stand anywhere in the
// encoded text. Their ends, which its neighbours decide too, are left out.
func encoded(token string) []string {
	if len(token) < 2*shortest {
		return nil
	}
	digits := hex.EncodeToString([]byte(token))
	texts := []string{digits, strings.ToUpper(digits)}
	for before, unsure := range [...]int{0, 2, 3} {
		whole := append(make([]byte, before, before+len(token)), token...)
		for _, alphabet := range [...]*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			texts = append(texts, alphabet.EncodeToString(whole)[unsure:len(whole)*8/6])
		}
	}
	return texts
}

// spelled returns the length of a spelling of token at this place of text; 0 if
// there is none.
func spelled[T string | []byte](text T, at int, token string) int {
	from := at
	for i := range len(token) {
		literal := at < len(text) && text[at] == token[i]
		escaped := escape(text, at, token[i])
		switch {
		case literal && escaped > 0: // "%25" may be a percent sign, or one and "25"
			if rest := spelled(text, at+escaped, token[i+1:]); rest > 0 || i == len(token)-1 {
				return at + escaped + rest - from
			}
			at++
		case literal:
			at++
		case escaped > 0:
			at += escaped
		default:
			return 0
		}
	}
	return at - from
}

// mostLevels is how often a text is decoded: it may be a text inside of texts,
// each of which escapes the escapes of the one inside.
const mostLevels = 4

// introduces reports whether an escape begins with c.
func introduces(c byte) bool { return c == '\\' || c == '%' || c == '&' }

// begins reports whether an escape at this place stands for one of the
// characters.
func begins[T string | []byte](text T, at int, first *[256]bool) bool {
	if !introduces(text[at]) {
		return false
	}
	c, n := decoded(text, at, mostLevels)
	return n > 1 && first[c] || first['\\'] || first['%'] || first['&']
}

// escape returns the length of an escape of c at this place of text; 0 if there
// is none.
func escape[T string | []byte](text T, at int, c byte) int {
	if at >= len(text) || !introduces(text[at]) {
		return 0
	}
	for levels := mostLevels; levels > 0; levels-- {
		if got, n := decoded(text, at, levels); n > 1 && got == c {
			return n
		}
		if !introduces(c) {
			break // fewer levels decode it no other way
		}
	}
	return 0
}

// decoded returns the character at this place of text after so many levels of
// decoding, and the length of its spelling. At the end of the text the length is 0.
func decoded[T string | []byte](text T, at, levels int) (c byte, length int) {
	switch {
	case at >= len(text):
		return 0, 0
	case levels == 0 || !introduces(text[at]):
		return text[at], 1
	}
	levels--
	c, length = decoded(text, at, levels)
	meant, n := byte(0), 0
	switch c {
	case '\\':
		meant, n = backslashed(text, at+length, levels)
	case '%':
		meant, n = percented(text, at+length, levels)
	case '&':
		meant, n = entity(text, at+length, levels)
	}
	if n == 0 {
		return c, length
	}
	return meant, length + n
}

// backslashed reads what follows a backslash in JSON, Go and JavaScript.
func backslashed[T string | []byte](text T, at, levels int) (c byte, length int) {
	sign, n := decoded(text, at, levels)
	switch {
	case n == 0:
		return 0, 0
	case !alphanumeric(sign):
		return sign, n
	case sign == 'x':
		return numbered(text, at+n, levels, n, 0, 2, 16)
	case sign == 'U':
		return numbered(text, at+n, levels, n, 0, 8, 16)
	case sign == 'u':
		if brace, m := decoded(text, at+n, levels); m > 0 && brace == '{' {
			return braced(text, at+n+m, levels, n+m)
		}
		return numbered(text, at+n, levels, n, 0, 4, 16)
	case sign < '4':
		return numbered(text, at+n, levels, n, digitOf(sign), 2, 8)
	}
	return 0, 0
}

// percented reads what follows a percent sign: two digits, or "u" and four in old
// JavaScript.
func percented[T string | []byte](text T, at, levels int) (c byte, length int) {
	sign, n := decoded(text, at, levels)
	switch {
	case n == 0:
		return 0, 0
	case sign == 'u' || sign == 'U':
		return numbered(text, at+n, levels, n, 0, 4, 16)
	case digitOf(sign) < 0:
		return 0, 0
	}
	return numbered(text, at+n, levels, n, digitOf(sign), 1, 16)
}

// numbered reads so many digits of a number in the base, which begins with number.
// The length includes the bytes before.
func numbered[T string | []byte](text T, at, levels, before, number, digits, base int) (c byte, length int) {
	for ; digits > 0; digits-- {
		sign, n := decoded(text, at, levels)
		digit := digitOf(sign)
		if n == 0 || digit < 0 || digit >= base || number > 255 {
			return 0, 0
		}
		number = number*base + digit
		at, before = at+n, before+n
	}
	if number > 255 {
		return 0, 0
	}
	return byte(number), before
}

// braced reads the digits of "\u{71}" and the brace behind them.
func braced[T string | []byte](text T, at, levels, before int) (c byte, length int) {
	for number := 0; number <= 255; {
		sign, n := decoded(text, at, levels)
		at, before = at+n, before+n
		switch digit := digitOf(sign); {
		case n > 0 && sign == '}':
			return byte(number), before
		case n == 0 || digit < 0:
			return 0, 0
		default:
			number = number<<4 | digit
		}
	}
	return 0, 0
}

// entity reads what follows the ampersand of a character reference of HTML.
func entity[T string | []byte](text T, at, levels int) (c byte, length int) {
	const longest = 12
	name := make([]byte, 1, longest+2)
	name[0] = '&'
	for len(name) <= longest {
		sign, n := decoded(text, at+length, levels)
		switch {
		case n > 0 && (alphanumeric(sign) || sign == '#' && len(name) == 1):
			name = append(name, sign)
			length += n
			continue
		case n > 0 && sign == ';':
			length += n
		case len(name) < 3 || name[1] != '#': // only a number may lack the semicolon
			return 0, 0
		}
		return character(html.UnescapeString(string(append(name, ';'))), length)
	}
	return 0, 0
}

// character returns the one character of an unescaped reference.
func character(text string, length int) (byte, int) {
	if len(text) != 1 {
		return 0, 0
	}
	return text[0], length
}

// digitOf returns the value of a digit; -1 for another character.
func digitOf(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
