package browser

import (
	"context"
	"os"
	"path/filepath"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
)

// Download clicks an element that saves a file, and returns the name that the page gives
// the file, and its content.
func (p *Page) Download(role, name string) (file string, content []byte) {
	p.w.Helper()
	ctx, cancel := context.WithTimeout(p.tab.ctx, load)
	defer cancel()
	_, err := chromedp.CallBrowser(ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllowAndName, DownloadPath: p.w.dir, EventsEnabled: new(true),
		BrowserContextID: chromedp.FromContext(p.w.ctx).BrowserContextID,
	})
	if err != nil {
		p.fail("allow downloads: %v", err)
	}
	begun := chromedp.BrowserEvents(ctx, browser.DownloadWillBegin)
	progress := chromedp.BrowserEvents(ctx, browser.DownloadProgress)
	p.Click(role, name)
	var id string
	for e, err := range begun {
		if err != nil {
			p.fail("%s saves no file: %v", element{role, name}, err)
		}
		id, file = e.GUID, e.SuggestedFilename
		break
	}
	for e, err := range progress {
		if err != nil || e.GUID == id && e.State == browser.DownloadProgressStateCanceled {
			p.fail("%s does not save its file %s: %v", element{role, name}, file, err)
		}
		if e.GUID == id && e.State == browser.DownloadProgressStateCompleted {
			break
		}
	}
	if content, err = os.ReadFile(filepath.Join(p.w.dir, id)); err != nil {
		p.fail("read the saved file %s: %v", file, err)
	}
	return file, content
}
