package desk

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

const (
	minPassword = 12   // characters
	maxPassword = 1000 // bytes
)

// The cost of a password's hash, as OWASP advises.
const (
	argonMemory  = 19 * 1024 // KiB
	argonTime    = 2
	argonThreads = 1
	argonSalt    = 16
	argonKey     = 32
)

// hashing bounds how many hashes are computed at a time, so that guesses take neither all
// memory nor all processors.
var hashing = make(chan struct{}, 2)

// argon computes a hash, when its turn comes.
func argon(ctx context.Context, password string, salt []byte, memory, time uint32, threads uint8, size int) ([]byte, error) {
	select {
	case hashing <- struct{}{}:
		defer func() { <-hashing }()
		return argon2.IDKey([]byte(password), salt, time, memory, threads, uint32(size)), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// hashPassword returns the PHC string of a password.
func hashPassword(ctx context.Context, password string) (string, error) {
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt)
	key, err := argon(ctx, password, salt, argonMemory, argonTime, argonThreads, argonKey)
	return phc(salt, key), err
}

func phc(salt, key []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

// nobody is the hash of no password: a sign-in with an unknown address takes as long as one
// with a wrong password.
var nobody = func() string {
	random := make([]byte, argonSalt+argonKey)
	_, _ = rand.Read(random)
	return phc(random[:argonSalt], random[argonSalt:])
}()

// checkPassword compares a password with a PHC string. stale says that the string has
// another cost than new ones, so that it should be made anew.
func checkPassword(ctx context.Context, hash, password string) (right, stale bool, err error) {
	parts := strings.Split(hash, "$")
	var version, memory, time uint32
	var threads uint8
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, false, fmt.Errorf("a stored password is no hash of argon2id")
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &time, &threads); err != nil {
		return false, false, fmt.Errorf("a stored password's cost: %w", err)
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, false, fmt.Errorf("a stored password's salt: %w", err)
	}
	key, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil {
		return false, false, fmt.Errorf("a stored password's key: %w", err)
	}
	if version != argon2.Version || memory > 1<<20 || time == 0 || time > 100 || threads == 0 || len(key) < 16 {
		return false, false, fmt.Errorf("a stored password has a cost that this program does not compute")
	}
	got, err := argon(ctx, password, salt, memory, time, threads, len(key))
	if err != nil {
		return false, false, err
	}
	stale = memory != argonMemory || time != argonTime || threads != argonThreads || len(salt) != argonSalt || len(key) != argonKey
	return subtle.ConstantTimeCompare(got, key) == 1, stale, nil
}

// goodPassword refuses a password that is easy to guess.
func goodPassword(password, email string) error {
	switch {
	case utf8.RuneCountInString(password) < minPassword:
		return &Refused{Field: "password", Sentence: fmt.Sprintf("The password is too short. It needs at least %d characters; a few words are fine.", minPassword)}
	case len(password) > maxPassword:
		return &Refused{Field: "password", Sentence: fmt.Sprintf("The password is longer than %d bytes.", maxPassword)}
	case store.Fold(password) == store.Fold(email):
		return &Refused{Field: "password", Sentence: "The e-mail address is no good password. Choose other words."}
	}
	return nil
}
