package browser

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"

	"github.com/chromedp/chromedp"
)

// errNoChromium is the reason for which walks are skipped.
var errNoChromium = errors.New("there is no Chromium in PATH; install it (Debian: apt-get install chromium), or name its program in CHATAPI_CHROMIUM")

// binary returns the path of Chromium.
func binary() (string, error) {
	if path := os.Getenv("CHATAPI_CHROMIUM"); path != "" {
		if _, err := exec.LookPath(path); err != nil {
			return "", fmt.Errorf("CHATAPI_CHROMIUM names no program: %w", err)
		}
		return path, nil
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errNoChromium
}

// started is the one Chromium of the process; its context is the parent of the walks'.
var started struct {
	once  sync.Once
	ctx   context.Context
	close func()
	err   error
}

// chromium starts Chromium at the first call.
func chromium() (context.Context, error) {
	started.once.Do(func() {
		path, err := binary()
		if err != nil {
			started.err = err
			return
		}
		options := append(chromedp.DefaultExecAllocatorOptions[:],
			chromedp.ExecPath(path),
			chromedp.WindowSize(1280, 900),
			// No request leaves the machine. A page under another name of this machine is an attack to test.
			chromedp.Flag("host-resolver-rules", "MAP rebound.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"),
			chromedp.Flag("disable-component-update", true),
			chromedp.CombinedOutput(io.Discard))
		if os.Geteuid() == 0 { // Chromium's sandbox refuses root
			options = append(options, chromedp.NoSandbox)
		}
		allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
		ctx, cancel := chromedp.NewContext(allocator, chromedp.WithLogf(quiet), chromedp.WithErrorf(quiet))
		if err := chromedp.Do(ctx); err != nil {
			cancel()
			stop()
			started.err = fmt.Errorf("start %s: %w", path, err)
			return
		}
		started.ctx = ctx
		started.close = func() {
			_ = chromedp.Cancel(ctx)
			cancel()
			stop()
		}
	})
	return started.ctx, started.err
}

// quiet drops chromedp's log: it has notes on events that a newer Chromium sends, and
// every error is also that of a call.
func quiet(string, ...any) {}
