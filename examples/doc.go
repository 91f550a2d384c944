// Package examples holds runnable programs, each in a folder of its own. They
// are a module of their own, so that nothing they need reaches the users of the
// SDK.
package examples
