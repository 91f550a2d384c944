package ledger

import (
	"slices"
	"strconv"
	"strings"
)

// Texts lie in chunks without pointers, so that the garbage collector need not
// follow them. A phone number is stored as an integer.

// textRef is the place of a text in the arena: chunk, offset and length.
type textRef uint64

const arenaBits = 20 // a chunk is 1 MiB

// These are the longest texts that can be entered, in bytes.
const (
	LongestText = 1 << 16 // a message id
	LongestName = 1 << 15 // a name of a contact or number
	LongestWord = 1 << 10 // a category, an entry point, or a word of a report
)

// arena holds the bytes of contacts and message ids.
type arena struct{ list [][]byte }

// reserve returns room for n bytes and its place.
func (a *arena) reserve(n int) ([]byte, textRef) {
	last := len(a.list) - 1
	if last < 0 || len(a.list[last])+n > 1<<arenaBits {
		var chunk []byte
		if last >= 0 { // the first chunk grows as it fills, so that a small ledger stays small
			chunk = make([]byte, 0, 1<<arenaBits)
		}
		a.list = append(a.list, chunk)
		last++
	}
	from := len(a.list[last])
	a.list[last] = slices.Grow(a.list[last], n)[:from+n]
	return a.list[last][from:], textRef(uint64(last)<<40 | uint64(from)<<20 | uint64(n))
}

func (a *arena) add(text string) textRef {
	if text == "" {
		return 0
	}
	room, ref := a.reserve(len(text))
	copy(room, text)
	return ref
}

func (a *arena) text(r textRef) []byte {
	n := r & (1<<20 - 1)
	if n == 0 {
		return nil
	}
	from := r >> 20 & (1<<20 - 1)
	return a.list[r>>40][from : from+n : from+n]
}

// wordTable interns the few words that facts use: categories and entry points.
type wordTable struct {
	index map[string]uint32
	list  []string
}

func (w *wordTable) id(word string) uint32 {
	if word == "" {
		return 0
	}
	id, ok := w.index[word]
	if !ok {
		if w.index == nil {
			w.index, w.list = map[string]uint32{}, []string{""}
		}
		id = uint32(len(w.list))
		word = strings.Clone(word)
		w.index[word], w.list = id, append(w.list, word)
	}
	return id
}

func (w *wordTable) word(id uint32) string {
	if id == 0 {
		return ""
	}
	return w.list[id]
}

// Contact stands for a contact. A phone number is its digits behind a 1. Any
// other contact is the place of its key among the texts. 0 means no contact.
type Contact uint64

const otherContact Contact = 1 << 63

// PhonePrefix begins the key of a contact with a phone number.
const PhonePrefix = "phone:"

// Phone returns the contact with a phone number in digits; 0 for any other text.
func Phone(digits string) Contact {
	if len(digits) == 0 || len(digits) > 15 {
		return 0
	}
	n := Contact(1)
	for i := range len(digits) {
		digit := digits[i] - '0'
		if digit > 9 {
			return 0
		}
		n = n*10 + Contact(digit)
	}
	return n
}

// ContactOf returns the contact with that key, such as "phone:12025550143". For a
// contact without a phone number it returns 0 and the key, which is then needed
// for a look-up.
func ContactOf(key string) (Contact, string) {
	if digits, ok := strings.CutPrefix(key, PhonePrefix); ok {
		if contact := Phone(digits); contact != 0 {
			return contact, ""
		}
	}
	return 0, key
}

// key returns the key of a contact.
func (a *arena) key(c Contact) string {
	if c&otherContact != 0 {
		return string(a.text(textRef(c &^ otherContact)))
	}
	var room [len(PhonePrefix) + 20]byte
	text := strconv.AppendUint(append(room[:0], PhonePrefix[1:]...), uint64(c), 10)
	copy(text, PhonePrefix) // replaces the leading 1
	return string(text)
}
