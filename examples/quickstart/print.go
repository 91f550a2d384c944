package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
)

// printer writes aligned lines. The program and the webhook handler share it.
type printer struct {
	mu   sync.Mutex
	w    io.Writer
	err  error // the first error of writing
	step int
}

func (p *printer) printf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := fmt.Fprintf(p.w, format, args...); err != nil && p.err == nil {
		p.err = err
	}
}

// title writes the title of a step.
func (p *printer) title(text string) {
	p.step++
	p.printf("\n%d  %s\n", p.step, text)
}

// line writes a name and, in a second column, a text.
func (p *printer) line(name, format string, args ...any) {
	p.printf("   %-12s %s\n", name, fmt.Sprintf(format, args...))
}

// block writes a text of several lines, indented.
func (p *printer) block(text string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\n"); line != "" {
			line = "   " + line
		}
		p.printf("%s\n", line)
	}
}
