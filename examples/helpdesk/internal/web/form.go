package web

import (
	"net/http"
	"strconv"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

// form reads a form without files. It refuses a body of more than maxForm.
func form(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return &desk.Refused{Sentence: "The form is too large, or is no form."}
	}
	return nil
}

// pathID returns a number of the route's path, such as that of "/requests/{id}".
func pathID(r *http.Request, name string) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue(name), 10, 64)
	if err != nil || id <= 0 {
		return 0, desk.ErrNotFound
	}
	return id, nil
}

// formID returns a number of the form; 0 for none.
func formID(r *http.Request, name string) int64 {
	id, _ := strconv.ParseInt(r.PostFormValue(name), 10, 64)
	return id
}

// formIDs returns all numbers of that name, such as of check boxes.
func formIDs(r *http.Request, name string) []int64 {
	var ids []int64
	for _, text := range r.PostForm[name] {
		if id, err := strconv.ParseInt(text, 10, 64); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}
