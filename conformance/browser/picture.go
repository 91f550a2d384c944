package browser

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
)

// updateImages is set where the pictures of docs/images are wanted.
var updateImages = flag.Bool("update-images", false, "write the pictures of the walks into docs/images")

// Images is the folder into which -update-images writes, seen from the package with the walks.
var Images = filepath.Join("..", "..", "docs", "images")

// Size makes the window so many pixels wide and high. 0, 0 is the size at the start.
func (p *Page) Size(width, height int64) {
	p.w.Helper()
	var err error
	if width == 0 {
		_, err = call(p, emulation.ClearDeviceMetricsOverride, cdp.Empty{})
	} else {
		_, err = call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1})
	}
	if err != nil {
		p.fail("make the window %d pixels wide: %v", width, err)
	}
	p.paint()
}

// Theme asks the page to be light, dark, or ("") as it is by itself. Both also ask it
// not to move anything.
func (p *Page) Theme(theme string) {
	p.w.Helper()
	var features []*emulation.MediaFeature
	if theme != "" {
		features = []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"}}
	}
	if _, err := call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
		p.fail("make the page %s: %v", theme, err)
	}
	p.paint()
}

// paint waits until the page was drawn again.
func (p *Page) paint() {
	p.w.Helper()
	Eval[bool](p, "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
}

// Picture takes the top of the page light, dark, and 390 pixels wide, as name.webp,
// name-dark.webp and name-phone.webp: in docs/images with the flag -update-images, else in
// the folder of the walk, which is kept if the walk fails.
func (p *Page) Picture(name string) {
	p.w.Helper()
	dir := p.w.dir
	if *updateImages {
		dir = Images
	}
	for _, look := range []struct {
		suffix, theme string
		width, height int64
	}{{"", "light", 1280, 900}, {"-dark", "dark", 1280, 900}, {"-phone", "light", 390, 844}} {
		p.Size(look.width, look.height)
		p.Theme(look.theme)
		Eval[bool](p, "(scrollTo(0, 0), true)")
		p.paint()
		picture, err := p.capture(page.CaptureScreenshotFormatWebp)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name+look.suffix+".webp"), picture, 0o644)
		}
		if err != nil {
			p.fail("take the picture %s: %v", name+look.suffix, err)
		}
	}
	p.Theme("")
	p.Size(0, 0)
}

// capture returns the window as a picture. WebP is a quarter of a PNG, which every copy of
// the repository has to carry.
func (p *Page) capture(format page.CaptureScreenshotFormat) ([]byte, error) {
	params := page.CaptureScreenshotParams{Format: format}
	if format == page.CaptureScreenshotFormatWebp {
		params.Quality = new(int64(75))
	}
	result, err := call(p, page.CaptureScreenshot, params)
	if err != nil {
		return nil, fmt.Errorf("take a picture: %w", err)
	}
	return result.Data, nil
}
