package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how much of the input is read: as a bar on a terminal, otherwise
// as a line every ten seconds.
type progress struct {
	stderr io.Writer
	bar    *progressbar.ProgressBar // nil without a terminal
	start  time.Time
	said   time.Time
	read   int64
	size   int64 // -1 if it is not known
}

const sayEvery = 10 * time.Second

func newProgress(stderr io.Writer, size int64) *progress {
	p := &progress{stderr: stderr, start: time.Now(), said: time.Now(), size: size}
	if file, ok := stderr.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		p.bar = progressbar.NewOptions64(size, progressbar.OptionSetWriter(stderr), progressbar.OptionSetDescription("reading events"),
			progressbar.OptionShowBytes(true), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
	return p
}

func (p *progress) reader(r io.Reader) io.Reader { return &progressReader{r, p} }

type progressReader struct {
	io.Reader
	p *progress
}

func (r *progressReader) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	r.p.add(n)
	return n, err
}

func (p *progress) add(n int) {
	p.read += int64(n)
	if p.bar != nil {
		_ = p.bar.Add(n) // reading continues if the bar cannot be drawn
		return
	}
	if time.Since(p.said) < sayEvery {
		return
	}
	p.said = time.Now()
	if p.size > 0 {
		fmt.Fprintf(p.stderr, "read %d of %d MB\n", p.read>>20, p.size>>20)
	} else {
		fmt.Fprintf(p.stderr, "read %d MB\n", p.read>>20)
	}
}

func (p *progress) done(events int) {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
	if took := time.Since(p.start); p.bar != nil || took > sayEvery {
		fmt.Fprintf(p.stderr, "%d events in %s\n", events, took.Round(100*time.Millisecond))
	}
}
