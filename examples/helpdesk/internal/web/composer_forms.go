package web

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

// maxUpload bounds a form with a file. A file that is too large for WhatsApp is read to its
// end, up to here, so that the browser gets an answer.
const maxUpload = 100 << 20

// readUpload reads a form that may have a file, which goes to a temporary file that done
// removes. The values that were read come beside an error, too.
func readUpload(w http.ResponseWriter, r *http.Request) (form url.Values, file *desk.Upload, done func(), err error) {
	done = func() {}
	r.Body = http.MaxBytesReader(w, r.Body, maxUpload)
	form = url.Values{}
	reader, err := r.MultipartReader()
	if errors.Is(err, http.ErrNotMultipart) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			return form, nil, done, tooLarge()
		}
		return r.PostForm, nil, done, nil
	}
	if err != nil {
		return form, nil, done, tooLarge()
	}
	texts := 0
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return form, file, done, nil
		}
		if err != nil {
			return form, file, done, tooLarge()
		}
		if part.FormName() == "file" && part.FileName() != "" && file == nil {
			file, err = toFile(part)
			if file != nil {
				done = func() { _ = os.Remove(file.Path) }
			}
			if err != nil {
				return form, file, done, err
			}
			continue
		}
		text, err := io.ReadAll(io.LimitReader(part, maxForm))
		if texts += len(text); err != nil || texts >= maxForm {
			return form, file, done, tooLarge()
		}
		if part.FileName() == "" {
			form.Add(part.FormName(), string(text))
		}
	}
}

func tooLarge() error {
	return &desk.Refused{Sentence: "What you sent is too large, or it did not arrive completely. Nothing was sent."}
}

// toFile writes an uploaded file to a temporary one. One that is too large is cut one byte
// after the limit, so that the desk refuses it.
func toFile(part *multipart.Part) (*desk.Upload, error) {
	to, err := os.CreateTemp("", "helpdesk-*")
	if err != nil {
		return nil, err
	}
	file := &desk.Upload{Path: to.Name(), Name: part.FileName()}
	_, err = io.Copy(to, io.LimitReader(part, chatapi.MaxInlineMedia+1))
	if err == nil {
		_, err = io.Copy(io.Discard, part)
	}
	if err != nil {
		err = tooLarge()
	}
	return file, errors.Join(err, to.Close())
}

// addNote writes a note for colleagues.
func (s *Server) addNote(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	request, err := pathID(r, "n")
	if err != nil {
		return err
	}
	form, _, done, err := readUpload(w, r)
	defer done()
	text := strings.TrimSpace(form.Get("note"))
	if err == nil && text == "" {
		err = &desk.Refused{Field: "note", Sentence: "Write a note first."}
	}
	if err == nil {
		err = v.AddNote(r.Context(), request, text)
	}
	if err == nil && fragment(r) {
		view, err := s.composer(r, v, request, area(form.Get("back")))
		if err != nil {
			return err
		}
		view.showTab("note")
		view.Noted = ""
		return s.showComposer(w, r, v, http.StatusOK, view)
	}
	return s.afterSend(w, r, v, request, form, err, func(view *composerView) error {
		view.showTab("note")
		view.Noted = form.Get("note")
		return nil
	})
}

// saveDraft keeps what is typed. What was sent meanwhile is no draft any more.
func (s *Server) saveDraft(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	request, err := pathID(r, "n")
	if err != nil {
		return err
	}
	form, _, done, err := readUpload(w, r)
	defer done()
	if err != nil {
		return err
	}
	note := form.Get("kind") == "note"
	if key := form.Get("key"); key != "" && !note {
		sent, err := v.Sent(r.Context(), request, key)
		if err != nil {
			return err
		}
		if sent {
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
	}
	chat, err := v.ChatOf(r.Context(), request)
	if err != nil {
		return err
	}
	if err := v.SaveDraft(r.Context(), chat, form.Get("text"), note); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// showTyping lets the customer see that an answer is being written.
func (s *Server) showTyping(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	request, err := pathID(r, "n")
	if err != nil {
		return err
	}
	if err := v.Typing(r.Context(), request); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
