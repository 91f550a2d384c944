package browser

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
)

// watch collects the faults of a walk's pages, in the order of arrival.
type watch struct {
	mu       sync.Mutex
	hosts    map[string]bool
	requests map[network.RequestID]string // method and address of those under way
	found    []string
	allowed  [][]string // one of the words of each has to come
}

func newWatch() *watch {
	return &watch{hosts: map[string]bool{}, requests: map[network.RequestID]string{}}
}

// host allows requests to the host of an address.
func (s *watch) host(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u, err := url.Parse(address); err == nil {
		s.hosts[u.Host] = true
	}
}

func (s *watch) allow(words []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.allowed = append(s.allowed, words)
}

// faults returns those that were not allowed, and a sentence for each allowed fault
// that did not come.
func (s *watch) faults() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var wrong []string
	used := make([]bool, len(s.allowed))
	for _, fault := range s.found {
		meant := false
		for n, words := range s.allowed {
			if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(fault, w) }) {
				used[n], meant = true, true
			}
		}
		if !meant {
			wrong = append(wrong, fault)
		}
	}
	for n, words := range s.allowed {
		if !used[n] {
			wrong = append(wrong, fmt.Sprintf("the walk allows a fault with the words %q, which never came", strings.Join(words, " or ")))
		}
	}
	return wrong
}

// see takes an event of a tab. It runs in the loop that reads them.
func (s *watch) see(event any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		s.note("error of a script: %s", exception(e.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			s.note("console error: %s", arguments(e.Args))
		}
	case *log.EventEntryAdded:
		// Failed requests are noted below, with their method.
		if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork {
			s.note("console error: %s (%s)", e.Entry.Text, e.Entry.URL)
		}
	case *audits.EventIssueAdded:
		s.issue(e.Issue)
	case *network.EventRequestWillBeSent:
		s.request(e)
	case *network.EventResponseReceived:
		// Chromium asks by itself for the icon of an answer that is no page.
		if e.Response.Status >= 400 && !strings.HasSuffix(e.Response.URL, "/favicon.ico") {
			s.note("answer %d to %s", e.Response.Status, s.requests[e.RequestID])
		}
	case *network.EventLoadingFailed:
		// A page that goes away ends its requests.
		if !e.Canceled && e.ErrorText != "net::ERR_ABORTED" {
			s.note("failed request: %s: %s %s", s.requests[e.RequestID], e.ErrorText, e.BlockedReason)
		}
	}
}

func (s *watch) note(format string, args ...any) {
	s.found = append(s.found, strings.TrimSpace(fmt.Sprintf(format, args...)))
}

func (s *watch) request(e *network.EventRequestWillBeSent) {
	s.requests[e.RequestID] = e.Request.Method + " " + e.Request.URL
	u, err := url.Parse(e.Request.URL)
	if err != nil {
		s.note("request to an address that cannot be read: %s", e.Request.URL)
		return
	}
	switch u.Scheme {
	case "data", "blob", "about":
		return
	}
	if !s.hosts[u.Host] {
		s.note("request off the host: %s %s", e.Request.Method, e.Request.URL)
	}
}

// issue notes those of Chromium's issues that are faults of the page.
func (s *watch) issue(i *audits.InspectorIssue) {
	switch {
	case i.Details == nil:
	case i.Details.ContentSecurityPolicyIssueDetails != nil:
		d := i.Details.ContentSecurityPolicyIssueDetails
		place := ""
		if at := d.SourceCodeLocation; at != nil {
			place = fmt.Sprintf(" at %s:%d", at.URL, at.LineNumber+1)
		}
		s.note("content security policy: %s blocks %s %s%s", d.ViolatedDirective, d.ContentSecurityPolicyViolationType, d.BlockedURL, place)
	case i.Details.GenericIssueDetails != nil:
		// The others are notes on navigation and the like.
		if kind := i.Details.GenericIssueDetails.ErrorType.String(); strings.HasPrefix(kind, "Form") {
			s.note("issue of a form: %s", kind)
		}
	case i.Details.QuirksModeIssueDetails != nil:
		s.note("issue of the page: it has no doctype, so it is in quirks mode")
	}
}

// exception is the text of an error of a script.
func exception(e *runtime.ExceptionDetails) string {
	text := e.Text
	if e.Exception != nil && e.Exception.Description != "" {
		text += " " + e.Exception.Description
	}
	return fmt.Sprintf("%s (%s:%d)", text, e.URL, e.LineNumber+1)
}

// arguments are those of a call of the console, as text.
func arguments(args []*runtime.RemoteObject) string {
	var texts []string
	for _, arg := range args {
		if arg.Description != "" {
			texts = append(texts, arg.Description)
		} else {
			texts = append(texts, string(arg.Value))
		}
	}
	return strings.Join(texts, " ")
}
