package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"
)

// Error returns err itself if no error in its tree shows a token. Otherwise it
// returns a new error; see Foreign. It is for errors of code that never saw the
// token, such as a middleware, which may wrap an error of any type.
func (s *Scrubber) Error(err error) error {
	if err == nil || !s.shows(err) {
		return err
	}
	return s.rebuilt(err)
}

// Foreign returns the error of code that saw the token, which may hold it behind
// a pointer. It returns err itself if each error in its tree has a known type of
// the standard library and none shows a token. Otherwise it returns a new error
// with the scrubbed text, the same Timeout and the same well-known sentinels. The
// new error wraps those parts of the tree that are known, and no other.
func (s *Scrubber) Foreign(err error) error {
	if err == nil || s.known(err) {
		return err
	}
	return s.rebuilt(err)
}

func (s *Scrubber) rebuilt(err error) error {
	clean := &scrubbed{text: s.Text(err.Error())}
	if s.Shows(clean.text) { // in another case
		clean.text = "an error whose text held the token"
	}
	var timeout net.Error
	clean.timeout = errors.As(err, &timeout) && timeout.Timeout()
	for _, sentinel := range sentinels {
		if errors.Is(err, sentinel) {
			clean.is = append(clean.is, sentinel)
		}
	}
	s.collect(clean, err)
	return clean
}

// collect adds the known parts of the tree to the new error.
func (s *Scrubber) collect(clean *scrubbed, err error) {
	if err == nil {
		return
	}
	if s.known(err) {
		clean.parts = append(clean.parts, err)
		return
	}
	if op, ok := err.(*net.OpError); ok {
		part := &net.OpError{Op: s.Text(op.Op), Net: s.Text(op.Net), Err: errors.New("failed")}
		if op.Err != nil {
			part.Err = s.Foreign(op.Err)
		}
		clean.parts = append(clean.parts, part)
		return
	}
	for _, inner := range unwrapped(err) {
		s.collect(clean, inner)
	}
}

var sentinels = []error{
	context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF,
	net.ErrClosed, syscall.ECONNREFUSED, syscall.ECONNRESET, errTooLarge,
}

// shows reports whether an error of the tree shows a token. It looks at every
// one, since errors.As reaches every one.
func (s *Scrubber) shows(err error) bool {
	return err != nil && (s.prints(err) || slices.ContainsFunc(unwrapped(err), s.shows))
}

// prints reports whether fmt prints a token with the error.
func (s *Scrubber) prints(err error) bool {
	return s.Shows(err.Error()) || s.Shows(fmt.Sprintf("%+v", err)) || s.Shows(fmt.Sprintf("%#v", err))
}

// known reports whether each error of the tree has a known type and shows no
// token.
func (s *Scrubber) known(err error) bool {
	if err == nil {
		return true
	}
	return knownType(err) && !s.prints(err) && !slices.ContainsFunc(unwrapped(err), func(inner error) bool { return !s.known(inner) })
}

// knownType reports whether errors of this type hold nothing but texts, numbers,
// certificates, and errors that Unwrap returns.
func knownType(err error) bool {
	switch err := err.(type) {
	case *net.OpError:
		return knownAddress(err.Source) && knownAddress(err.Addr)
	case tls.RecordHeaderError:
		return err.Conn == nil // a connection leads to buffers
	case *net.DNSError, *net.AddrError, *net.ParseError, *net.DNSConfigError, net.UnknownNetworkError, net.InvalidAddrError,
		*os.SyscallError, *fs.PathError, *os.LinkError, syscall.Errno,
		*tls.CertificateVerificationError, tls.AlertError,
		x509.UnknownAuthorityError, x509.HostnameError, x509.CertificateInvalidError, x509.SystemRootsError,
		x509.UnhandledCriticalExtension, x509.ConstraintViolationError, x509.InsecureAlgorithmError,
		*http.MaxBytesError,
		*timeoutError, *neitherError, *scrubbed:
		return true
	}
	return internalType(err)
}

// internalType reports whether the type of the error is an unexported one of
// these packages, so that nobody else can have made it.
func internalType(err error) bool {
	t := reflect.TypeOf(err)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name := t.Name()
	if name == "" || name[0] < 'a' || name[0] > 'z' {
		return err == os.ErrDeadlineExceeded //nolint:errorlint // of an internal package, but exported there
	}
	switch t.PkgPath() {
	case "errors", "fmt", "context", "io", "os", "net", "net/http", "net/http/internal/http2", "crypto/tls", "syscall", "internal/poll":
		return true
	}
	return false
}

func knownAddress(address net.Addr) bool {
	switch address.(type) {
	case nil, *net.TCPAddr, *net.UDPAddr, *net.IPAddr, *net.UnixAddr:
		return true
	}
	return false
}

// unwrapped returns the errors that an error wraps.
func unwrapped(err error) []error {
	switch err := err.(type) {
	case interface{ Unwrap() error }:
		if inner := err.Unwrap(); inner != nil {
			return []error{inner}
		}
	case interface{ Unwrap() []error }:
		return slices.DeleteFunc(slices.Clone(err.Unwrap()), func(inner error) bool { return inner == nil })
	}
	return nil
}

// scrubbed is an error in the place of one that may lead to a token.
type scrubbed struct {
	text    string
	timeout bool
	is      []error
	parts   []error
}

func (e *scrubbed) Error() string        { return e.text }
func (e *scrubbed) Timeout() bool        { return e.timeout }
func (e *scrubbed) Is(target error) bool { return slices.Contains(e.is, target) }
func (e *scrubbed) Unwrap() []error      { return e.parts }

// opaque is the error of a token source. Its texts, and those of the errors that
// it wraps, may hold a token that nobody knows yet, so it shows only its type.
// errors.Is finds the standard library's errors in it.
type opaque struct {
	text    string
	timeout bool
	is      func(target error) bool // a closure, so that no verb of fmt prints the error
}

func newOpaque(err error) *opaque {
	e := &opaque{text: "it returned an error", is: func(target error) bool { return target != nil && knownType(target) && errors.Is(err, target) }}
	if name := fmt.Sprintf("%T", err); !strings.HasPrefix(name, "*fmt.") && !strings.HasPrefix(name, "*errors.") {
		e.text += " of type " + name
	}
	var timeout net.Error
	e.timeout = errors.As(err, &timeout) && timeout.Timeout()
	for _, sentinel := range sentinels {
		if errors.Is(err, sentinel) {
			e.text += ": " + sentinel.Error()
			break
		}
	}
	return e
}

func (e *opaque) Error() string        { return e.text }
func (e *opaque) Timeout() bool        { return e.timeout }
func (e *opaque) Is(target error) bool { return e.is(target) }
