package web

import (
	"net/http"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types desk"

// maxForm bounds the body of a form without files.
const maxForm = 1 << 20

// outer is around every route: headers, limits, forms of other sites, sessions.
func (s *Server) outer(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.AddInsecureBypassPattern("POST /hooks/{channel}/{secret}") // from the service, without a cookie
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.fail(w, r, nil, errOtherSite) }))
	inner := protection.Handler(s.sessions.wrap(next))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store")
		inner.ServeHTTP(w, r)
	})
}

// errOtherSite is the error of a form that another site sent.
var errOtherSite = &desk.Refused{Sentence: "This form was sent by another site, so nothing was done. Open the page here and try again."}
