// Package browser drives pages of this repository in a real Chromium, as a person
// uses them: it finds controls by role and name, in the accessibility tree, and reads
// the text that is seen.
//
// A test is called a walk. [Walk] runs one, in a profile of its own, and fails it on
// any error of a page's scripts or console, report of a content security policy,
// failed request, or request off the hosts that the walk opened; see
// [Walker.Allow]. Each wait is bounded, and its failure shows the page's text.
// [Page.Check] looks at the page as it stands: names of controls, contrast of texts,
// and axe-core.
//
// The walks of a package are listed in its walks.txt. [Main] fails if one is missing
// or is not listed, and prints the line
//
//	browser: 12 passed, 0 failed, 0 skipped
//
// The walks need Chromium, in PATH or named by CHATAPI_CHROMIUM. Without it they are
// skipped. CHATAPI_AXE is the path of axe.min.js, of the npm package axe-core, which is
// not in this repository because of its license; without it the checks of axe-core are
// left out, and a walk that has one counts as skipped. Both fail .ci/run.
//
// The package is a module of its own: only who runs walks downloads chromedp, and
// .ci/run runs them beside other tests that wait.
package browser
