// Package chatapitest is a fake Chat API.
package chatapitest
