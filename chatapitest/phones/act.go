package phones

import (
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/chatapitest"
)

// This file carries out what a person does on the page.

// Bounds of forms.
const (
	formMost  = 110 << 20 // a file of 100 MB and the fields beside it
	stateMost = 64 << 20
	memory    = 1 << 20 // of a form that is kept in memory; the rest is in files

	// actPatience is how long the page waits for an act. A bot that does not answer goes
	// on in the background.
	actPatience = 2 * time.Second
)

// scripted reports whether the page's script asks, which shows an answer at its place.
func scripted(r *http.Request) bool { return r.Header.Get("X-Fragment") != "" }

// serveAct performs an act. Its fields are act, who, channel, back, and the arguments, each
// with "arg." before its name.
func (h *Handler) serveAct(w http.ResponseWriter, r *http.Request) {
	if err := readForm(w, r, formMost); err != nil {
		h.refuse(w, r, err)
		return
	}
	act, who, back := r.PostForm.Get("act"), r.PostForm.Get("who"), localPath(r.PostForm.Get("back"))
	args, err := readActArgs(r)
	if err == nil {
		if act == "takes name" && args["name"] == "" {
			act, args = "comes online", nil // a new phone with a name that the fake makes up
		}
		err = h.perform(r.PostForm.Get("channel"), act, who, args)
	}
	switch {
	case err != nil && scripted(r):
		h.refuse(w, r, err)
	case err != nil:
		h.showFailed(w, r, act, who, args, back, err)
	case scripted(r):
		w.WriteHeader(http.StatusNoContent)
	default:
		http.Redirect(w, r, back, http.StatusSeeOther)
	}
}

// perform carries out an act, and waits a while for the bot's answer.
func (h *Handler) perform(channel, act, who string, args map[string]string) error {
	done := make(chan error, 1)
	go func() {
		_, err := h.channel(channel).Perform(act, who, args)
		done <- err
	}()
	patience := time.NewTimer(actPatience)
	defer patience.Stop()
	select {
	case err := <-done:
		return err
	case <-patience.C:
		return nil
	}
}

// readForm reads a form of either kind, up to a size.
func readForm(w http.ResponseWriter, r *http.Request, most int64) error {
	r.Body = http.MaxBytesReader(w, r.Body, most)
	err := r.ParseMultipartForm(memory)
	if errors.Is(err, http.ErrNotMultipart) {
		err = nil // a plain form, which is read now
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return fmt.Errorf("the form has more than %s; send a smaller file, since WhatsApp passes on at most 100 MB", size(int(most)))
	case err != nil:
		return fmt.Errorf("the form cannot be read: %w; send it again", err)
	}
	return nil
}

// readActArgs reads the arguments of an act, files included.
func readActArgs(r *http.Request) (map[string]string, error) {
	args := map[string]string{}
	for name, values := range r.PostForm {
		if arg, ok := strings.CutPrefix(name, "arg."); ok && len(values) > 0 {
			args[arg] = values[0]
		}
	}
	if answers := flowAnswers(r.PostForm); answers != "" {
		args["answers"] = answers
	}
	if r.MultipartForm == nil {
		return args, nil
	}
	for name, files := range r.MultipartForm.File {
		arg, ok := strings.CutPrefix(name, "arg.")
		if !ok || len(files) == 0 || files[0].Size == 0 && files[0].Filename == "" {
			continue
		}
		data, err := readPart(files[0])
		if err != nil {
			return args, err
		}
		args[arg] = string(data)
		if args["name"] == "" {
			args["name"] = files[0].Filename
		}
	}
	return args, nil
}

func readPart(part *multipart.FileHeader) ([]byte, error) {
	file, err := part.Open()
	if err != nil {
		return nil, fmt.Errorf("the file %q cannot be read: %w", clip(part.Filename, nameShown), err)
	}
	defer file.Close()
	data, err := io.ReadAll(file)
	if err != nil {
		return nil, fmt.Errorf("the file %q cannot be read: %w", clip(part.Filename, nameShown), err)
	}
	return data, nil
}

// localPath returns a path of the page, and "/" for any other address.
func localPath(back string) string {
	u, err := url.Parse(back)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(back, "/") || strings.HasPrefix(back, "//") || strings.ContainsAny(back, "\\\r\n") {
		return "/"
	}
	return back
}

// sentence makes an error one.
func sentence(err error) string {
	text := strings.TrimPrefix(err.Error(), "chatapitest: ")
	if text == "" {
		return text
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	if strings.ContainsAny(text[len(text)-1:], ".?!…") {
		return text
	}
	return text + "."
}

// refuse answers with the sentence of an error.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if scripted(r) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = io.WriteString(w, sentence(err))
		return
	}
	v := h.viewOf(url.Values{})
	h.render(w, http.StatusUnprocessableEntity, "alone", alone{View: v, Title: "That did not work", Back: "/", Error: sentence(err)})
}

// alone is a page with one form or text, for a browser without script.
type alone struct {
	View        *view
	Title, Back string
	Error       string
	Form        *form
	Dialog      *dialog
}

// showFailed shows the form of an act again, with what was typed and the error.
func (h *Handler) showFailed(w http.ResponseWriter, r *http.Request, act, who string, args map[string]string, back string, err error) {
	page, _ := url.Parse(back)
	q := page.Query()
	q.Set("channel", r.PostForm.Get("channel"))
	v := h.viewOf(q)
	f := v.Form(act, who)
	if f == nil {
		h.refuse(w, r, err)
		return
	}
	f.Back, f.Error = back, sentence(err)
	for i := range f.Fields {
		f.Fields[i].fill(args)
	}
	if id := args["message"]; id != "" {
		f.Fixed = append(f.Fixed, fixedArg{"arg.message", id})
	}
	h.render(w, http.StatusUnprocessableEntity, "alone", alone{View: v, Title: f.Title, Back: back, Form: f})
}

// fill puts a typed value into the field.
func (f *field) fill(args map[string]string) {
	value, ok := args[strings.TrimPrefix(f.Name, "arg.")]
	switch {
	case !ok || f.Kind == "file":
	case f.Kind == "check":
		f.Required = value != "" // a ticked box
	default:
		f.Value = value
	}
}

// serveReset empties the fake, and keeps its addresses and tokens.
func (h *Handler) serveReset(w http.ResponseWriter, r *http.Request) {
	if err := readForm(w, r, memory); err != nil {
		h.refuse(w, r, err)
		return
	}
	h.ended(w, r, h.api.Reset(nil))
}

// serveLoad puts the fake into the state of a file.
func (h *Handler) serveLoad(w http.ResponseWriter, r *http.Request) {
	if err := readForm(w, r, stateMost); err != nil {
		h.refuse(w, r, err)
		return
	}
	if r.MultipartForm == nil || len(r.MultipartForm.File["state"]) == 0 {
		h.refuse(w, r, errors.New("choose the file of a state first"))
		return
	}
	data, err := readPart(r.MultipartForm.File["state"][0])
	if err == nil {
		err = h.api.Reset(data)
	}
	h.ended(w, r, err)
}

// ended answers a form that has changed the whole fake.
func (h *Handler) ended(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case err != nil:
		h.refuse(w, r, err)
	case scripted(r):
		w.WriteHeader(http.StatusNoContent)
	default:
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}
}

// serveFile serves the content of a file that a message has.
func (h *Handler) serveFile(w http.ResponseWriter, r *http.Request) {
	m, ok := h.channel(r.PathValue("channel")).Message(r.PathValue("message"))
	if !ok || m.File == nil || len(m.File.Data) == 0 {
		http.Error(w, "There is no such file.", http.StatusNotFound)
		return
	}
	kind := http.DetectContentType(m.File.Data)
	w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
	if !inline(m.File.Data, "") {
		kind = "application/octet-stream"
		w.Header().Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(clip(m.File.Name, nameShown)))
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(m.File.Data)
}

// inline reports whether a browser may show the file as a part of the page: pictures,
// sounds and films, but nothing that can hold a script.
func inline(data []byte, prefix string) bool {
	switch kind := http.DetectContentType(data); kind {
	case "image/png", "image/jpeg", "image/gif", "image/webp", "audio/mpeg", "audio/wave", "video/mp4", "video/webm":
		return strings.HasPrefix(kind, prefix)
	case "application/ogg":
		return prefix == "" || prefix == "audio/"
	}
	return false
}

// armed describes what makes requests or webhooks go wrong now, each in a sentence.
func (v *view) Armed() (all []string) {
	info := v.Info
	add := func(on bool, format string, args ...any) {
		if on {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	add(info.Blocked != "", "The channel is blocked: %s", clip(info.Blocked, 100))
	add(info.Expired, "The token has expired.")
	add(info.State != "connected", "The state of the channel is %s.", clip(info.State, 40))
	add(info.Standby, "Another agent holds the chats.")
	for _, f := range info.Faults {
		add(true, "%s", faultWords(f))
	}
	for _, m := range info.Misdeliveries {
		add(true, "%s", misdeliveryWords(m))
	}
	for _, q := range info.Quirks {
		add(true, "Quirk: %s", string(q))
	}
	for _, hook := range info.Webhooks {
		add(hook.Disabled, "The webhook %s is disabled.", clip(hook.URL, nameShown))
	}
	return all
}

func times(n int, thing string) string {
	switch n {
	case -1:
		return "all " + thing + "s"
	case 1:
		return "the next " + thing
	}
	return fmt.Sprintf("the next %d %ss", n, thing)
}

// faultWords describes a fault.
func faultWords(f chatapitest.Fault) string {
	how := "fail with " + fmt.Sprint(max(f.Status, 0))
	switch {
	case f.Undelivered != "":
		how = "accepted and not delivered (" + clip(f.Undelivered, 60) + ")"
	case f.Queued:
		how = "answered with a job"
	case f.Dial:
		how = "no connection"
	case f.Drop:
		how = "no answer"
	case f.Cut:
		how = "half an answer"
	case f.Hang, f.Stall:
		how = "an answer that never ends"
	case f.Status == 0 && f.Delay > 0:
		how = "late by " + f.Delay.String()
	case f.Status == 0:
		how = "fail with 500"
	}
	words := "Fault: " + strings.TrimSpace(times(f.Times, "request")+" to "+f.Operation)
	if f.Operation == "" {
		words = "Fault: " + times(f.Times, "request")
	}
	if !f.To.IsZero() {
		words += " for " + clip(f.To.String(), nameShown)
	}
	if words += ": " + how; f.Accepted {
		words += ", though carried out"
	}
	return words
}

func misdeliveryWords(m chatapitest.Misdelivery) string {
	var how []string
	if m.Twice {
		how = append(how, "twice")
	}
	if m.Behind > 0 {
		how = append(how, fmt.Sprintf("behind %d others", m.Behind))
	}
	if m.Late > 0 {
		how = append(how, m.Late.String()+" late")
	}
	return "Misdelivery: " + times(m.Times, "webhook") + " " + strings.Join(how, ", ")
}
