package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

//go:embed templates
var templateFiles embed.FS

//go:embed static
var staticFiles embed.FS

// asset is a file of static; its address has the hash of its bytes, so it may be cached
// for ever.
type asset struct {
	address string
	kind    string
	bytes   []byte
}

func readStatic() (map[string]asset, error) {
	kinds := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
	all := map[string]asset{}
	err := fs.WalkDir(staticFiles, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := staticFiles.ReadFile(name)
		if err != nil {
			return err
		}
		if path.Ext(name) == ".js" {
			data = shorter(data)
		}
		sum := sha256.Sum256(data)
		file := path.Base(name)
		all[file] = asset{address: "/static/" + hex.EncodeToString(sum[:6]) + "/" + file, kind: kinds[path.Ext(file)], bytes: data}
		return nil
	})
	return all, err
}

// shorter returns a script without indents and without the lines that are comments.
func shorter(script []byte) []byte {
	var short bytes.Buffer
	for line := range bytes.Lines(script) {
		line = bytes.TrimLeft(line, " \t")
		if !bytes.HasPrefix(line, []byte("//")) && len(bytes.TrimSpace(line)) > 0 {
			short.Write(line)
		}
	}
	return short.Bytes()
}

// Page is what every page's template gets. Data is the page's own.
type Page struct {
	Title string // of the document, and the page's h1
	Area  string // the current link of the navigation: inbox, requests, templates, costs, manage
	Agent *Me    // nil before the sign-in
	Said  string // a notice, such as after a form was saved
	Wrong string // why a form was refused
	Seq   int64  // the newest change that the page shows
	Data  any
}

// Me is the agent who looks at the page.
type Me struct {
	ID            int64
	SignIn        string // the same for all pages of a sign-in
	Name          string
	Admin         bool
	Theme         string // "", "light" or "dark"
	Keys, Enter   bool
	Decide        int // things to decide, for administrators
	Unread        int // requests with unread messages that are displayed in the inbox
	DepartmentIDs []int64
}

// parse reads the templates: each file of templates is a page, and the files of parts are
// for all of them.
func (s *Server) parse() (map[string]*template.Template, error) {
	base, err := template.New("").Funcs(s.functions()).ParseFS(templateFiles, "templates/layout.html", "templates/parts/*.html")
	if err != nil {
		return nil, err
	}
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, err
	}
	pages := map[string]*template.Template{}
	for _, file := range files {
		name := strings.TrimSuffix(path.Base(file), ".html")
		if name == "layout" {
			continue
		}
		page, err := base.Clone()
		if err != nil {
			return nil, err
		}
		if pages[name], err = page.ParseFS(templateFiles, file); err != nil {
			return nil, err
		}
	}
	return pages, nil
}

// page writes a page: its template is templates/NAME.html, which defines "main".
func (s *Server) page(w http.ResponseWriter, r *http.Request, v *desk.View, code int, name string, p *Page) error {
	if v != nil {
		me, err := s.me(r.Context(), v)
		if err != nil {
			return err
		}
		p.Agent = me
		if p.Said == "" {
			p.Said = s.sessions.take(r.Context())
		}
		if p.Seq == 0 {
			if p.Seq, err = s.Desk.LastChange(r.Context()); err != nil {
				return err
			}
		}
	}
	return s.write(w, code, name, "layout", p)
}

// part writes one template of a page, for a script that puts it into the page.
func (s *Server) part(w http.ResponseWriter, code int, name, part string, data any) error {
	return s.write(w, code, name, part, data)
}

func (s *Server) write(w http.ResponseWriter, code int, name, part string, data any) error {
	t, found := s.pages[name]
	if !found {
		return fmt.Errorf("no page %q", name)
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, part, data); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(b.Bytes())
	return nil
}

// fragment reports whether a script asks for the part of a page.
func fragment(r *http.Request) bool { return r.Header.Get("X-Fragment") == "1" }

// fail writes the answer to an error: the sign-in page, 403, 404, 422 with a sentence, or
// 500 with a line in the log.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, v *desk.View, err error) {
	refused := (*desk.Refused)(nil)
	code, title, sentence := http.StatusInternalServerError, "Something went wrong", "The helpdesk could not do that. The program's log says why. Try again."
	switch {
	case errors.Is(err, errSignIn):
		s.toSignIn(w, r)
		return
	case errors.Is(err, desk.ErrNotFound):
		code, title, sentence = http.StatusNotFound, "Not found", "There is no such page, or it belongs to another department."
	case errors.Is(err, desk.ErrAdmin):
		code, title, sentence = http.StatusForbidden, "For administrators", "Only an administrator may do that. Ask one of them."
	case errors.Is(err, errOtherSite):
		code, title, sentence = http.StatusForbidden, "Not from here", errOtherSite.Sentence
	case errors.As(err, &refused):
		code, title, sentence = http.StatusUnprocessableEntity, "That did not work", refused.Sentence
	case r.Context().Err() == nil: // else the browser has gone
		s.Desk.Log.ErrorContext(r.Context(), "A page failed.", "route", r.Pattern, "error", err)
	}
	if fragment(r) {
		http.Error(w, sentence, code)
		return
	}
	if err := s.page(w, r, v, code, "error", &Page{Title: title, Wrong: sentence}); err != nil {
		http.Error(w, sentence, code)
	}
}

// see answers a form that changed something: the browser gets the address to go to.
func see(w http.ResponseWriter, r *http.Request, address string) error {
	http.Redirect(w, r, address, http.StatusSeeOther)
	return nil
}
