package identity

import "strings"

// Channel returns the one spelling of a channel's id: without space around it, in
// capital letters, and without the word "instance" that the oldest channels have
// before their digits.
func Channel(id string) string {
	const prefix = "instance"
	text := strings.TrimSpace(id)
	for len(text) > len(prefix) && strings.EqualFold(text[:len(prefix)], prefix) {
		text = strings.TrimSpace(text[len(prefix):])
	}
	isSmall := func(r rune) bool { return 'a' <= r && r <= 'z' }
	if !strings.ContainsFunc(text, isSmall) {
		return text
	}
	letters := []byte(text) // not strings.ToUpper, which changes other letters, and then more of them the second time
	for i, letter := range letters {
		if isSmall(rune(letter)) {
			letters[i] = letter - 'a' + 'A'
		}
	}
	return string(letters)
}
