package web

import (
	"html/template"
	"io"
)

// Local is where the sign-in goes for a "next" address.
var Local = local

// RouteOf is a line of the route table.
type RouteOf struct {
	Pattern        string
	Anyone, Admins bool // who may use it; agents if neither
}

// Routes returns the table that the server registers.
func (s *Server) Routes() []RouteOf {
	var all []RouteOf
	for _, r := range s.routes {
		all = append(all, RouteOf{r.pattern, r.access == anyone, r.access == admins})
	}
	return all
}

// Names returns those of the pages.
func (s *Server) Names() []string {
	var all []string
	for name := range s.pages {
		all = append(all, name)
	}
	return all
}

// Execute writes a page's template.
func (s *Server) Execute(w io.Writer, name string, p *Page) error {
	return s.pages[name].ExecuteTemplate(w, "layout", p)
}

// Template returns the parsed templates of a page.
func (s *Server) Template(name string) *template.Template { return s.pages[name] }

// StaticFile returns the bytes of a file of static.
func StaticFile(name string) ([]byte, error) { return staticFiles.ReadFile("static/" + name) }
