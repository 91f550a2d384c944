// Package seal encrypts secrets that the helpdesk keeps in its database.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// keySize is the size of a key in bytes: AES-256.
const keySize = 32

// Key seals secrets with AES-256-GCM. It is safe for concurrent use.
type Key struct {
	aead   cipher.AEAD
	secret []byte
}

// ErrWrongKey is the error of Open for a text that another key sealed, or that belongs to
// another place.
var ErrWrongKey = errors.New("it was sealed with another key, or belongs to another row")

// New returns the key of 32 bytes.
func New(secret []byte) (*Key, error) {
	if len(secret) != keySize {
		return nil, fmt.Errorf("a key has %d bytes, not %d", keySize, len(secret))
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &Key{aead: aead, secret: secret}, nil
}

// Make writes a new random key to a file, which must not exist.
func Make(path string) (*Key, error) {
	secret := make([]byte, keySize)
	_, _ = rand.Read(secret)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = file.Write(secret)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return nil, err
	}
	return New(secret)
}

// Read reads the key of a file. It refuses a file that others may read.
func Read(path string) (*Key, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode()&fs.ModePerm&0o077 != 0 {
		return nil, fmt.Errorf("others on this machine may read the key file %s; run: chmod 600 %s", path, path)
	}
	secret, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := New(secret)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return key, nil
}

// version begins each sealed text.
const version = 1

// Seal encrypts a secret of a place, such as "token of channel ABC100000001". Open needs the
// same place, so that a row's secret cannot be put into another row.
func (k *Key) Seal(secret, place string) []byte {
	return k.aead.Seal([]byte{version}, nil, []byte(secret), []byte(place))
}

// Open decrypts a secret of a place.
func (k *Key) Open(sealed []byte, place string) (string, error) {
	if len(sealed) == 0 || sealed[0] != version {
		return "", ErrWrongKey
	}
	secret, err := k.aead.Open(nil, nil, sealed[1:], []byte(place))
	if err != nil {
		return "", ErrWrongKey
	}
	return string(secret), nil
}

// Derive returns a secret of 32 hexadecimal digits that belongs to a place. The same key and
// place give the same one.
func (k *Key) Derive(place string) string {
	mac := hmac.New(sha256.New, k.secret)
	mac.Write([]byte("helpdesk " + place))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}
