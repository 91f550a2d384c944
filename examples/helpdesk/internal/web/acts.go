package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

// actRoutes are what agents do with requests and people.
func (s *Server) actRoutes() []route {
	on := func(name string, do func(ctx context.Context, r *http.Request, v *desk.View, id int64) error) route {
		return route{"POST /requests/{n}/" + name, agents, func(w http.ResponseWriter, r *http.Request, v *desk.View) error {
			return s.act(w, r, v, do)
		}}
	}
	return []route{
		on("take", func(ctx context.Context, _ *http.Request, v *desk.View, id int64) error { return v.Take(ctx, id) }),
		on("assign", func(ctx context.Context, r *http.Request, v *desk.View, id int64) error {
			return v.Assign(ctx, id, formID(r, "agent"))
		}),
		on("move", func(ctx context.Context, r *http.Request, v *desk.View, id int64) error {
			return v.Move(ctx, id, formID(r, "department"))
		}),
		on("state", func(ctx context.Context, r *http.Request, v *desk.View, id int64) error {
			return v.SetState(ctx, id, desk.State(r.PostFormValue("state")))
		}),
		on("merge", func(ctx context.Context, r *http.Request, v *desk.View, id int64) error {
			return v.MergeRequests(ctx, id, formID(r, "from"))
		}),
		on("unmerge", func(ctx context.Context, r *http.Request, v *desk.View, id int64) error {
			if _, err := v.Row(ctx, id); err != nil {
				return err
			}
			return v.UnmergeRequest(ctx, formID(r, "from"))
		}),
		on("rename", s.person(func(ctx context.Context, r *http.Request, v *desk.View, contact int64) error {
			return v.RenameContact(ctx, contact, r.PostFormValue("name"))
		})),
		on("same", s.person(func(ctx context.Context, r *http.Request, v *desk.View, contact int64) error {
			return v.MergeContacts(ctx, contact, formID(r, "contact"))
		})),
		on("apart", s.person(func(ctx context.Context, r *http.Request, v *desk.View, _ int64) error {
			return v.UnmergeContact(ctx, formID(r, "contact"))
		})),
		on("block", s.person(func(ctx context.Context, r *http.Request, v *desk.View, contact int64) error {
			return v.Block(ctx, contact, r.PostFormValue("block") == "1")
		})),
		on("erase", s.person(func(ctx context.Context, _ *http.Request, v *desk.View, contact int64) error {
			return v.Erase(ctx, contact)
		})),
		{"POST /requests/{n}/seen", agents, s.seen},
		{"POST /requests/{n}/presence", agents, s.presence},
	}
}

// person finds the person of a request for an act.
func (s *Server) person(do func(ctx context.Context, r *http.Request, v *desk.View, contact int64) error) func(context.Context, *http.Request, *desk.View, int64) error {
	return func(ctx context.Context, r *http.Request, v *desk.View, id int64) error {
		request, err := v.Request(ctx, id)
		if err != nil {
			return err
		}
		if request.Contact == 0 {
			return desk.ErrNotFound
		}
		return do(ctx, r, v, request.Contact)
	}
}

// act does something with a request and returns to where the form was: the request, the
// next one, or the list if the agent may not see the request any more. A refused act shows
// the request with the sentence.
func (s *Server) act(w http.ResponseWriter, r *http.Request, v *desk.View, do func(ctx context.Context, r *http.Request, v *desk.View, id int64) error) error {
	id, err := pathID(r, "n")
	if err != nil {
		return err
	}
	if err := form(w, r); err != nil {
		return err
	}
	area, query := returnTo(r)
	back := withQuery("/"+area+"/"+strconv.FormatInt(id, 10), query)
	if r.PostFormValue("then") == "next" {
		if back, err = s.next(r, v, id, area, query); err != nil {
			return err
		}
	}
	err = do(r.Context(), r, v, id)
	if refused := (*desk.Refused)(nil); errors.As(err, &refused) && !fragment(r) {
		r.URL.RawQuery = query.Encode()
		if area == "inbox" {
			return s.showInbox(w, r, v, http.StatusConflict, refused.Sentence)
		}
		return s.showRequest(w, r, v, http.StatusConflict, refused.Sentence)
	}
	if err != nil {
		return err
	}
	visible, err := v.Which(r.Context(), []int64{id})
	if err != nil {
		return err
	}
	if !visible[id] {
		s.sessions.say(r.Context(), "Request #"+strconv.FormatInt(id, 10)+" is with another department now.")
		back = withQuery("/"+area, query)
	}
	return see(w, r, back)
}

// returnTo reads the field "back" of a form: the area, perhaps with the query of its list.
func returnTo(r *http.Request) (area string, query url.Values) {
	back, err := url.Parse(r.PostFormValue("back"))
	if err == nil && back.Path == "inbox" {
		return "inbox", listQuery(&http.Request{URL: back}, "box", "q", "channel")
	}
	if err == nil {
		return "requests", listQuery(&http.Request{URL: back}, requestNames...)
	}
	return "requests", nil
}

// seen notes up to which message the agent has seen a request.
func (s *Server) seen(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	id, err := pathID(r, "n")
	if err != nil {
		return err
	}
	if err := form(w, r); err != nil {
		return err
	}
	if err := v.Seen(r.Context(), id, formID(r, "message")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// presence notes that the agent looks at a request, writes, or has gone.
func (s *Server) presence(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	id, err := pathID(r, "n")
	if err != nil {
		return err
	}
	if err := form(w, r); err != nil {
		return err
	}
	visible, err := v.Which(r.Context(), []int64{id})
	if err != nil {
		return err
	}
	if !visible[id] {
		return desk.ErrNotFound
	}
	if r.PostFormValue("gone") != "" {
		s.Live.Leave(id, v.Agent)
	} else {
		s.Live.See(id, v.Agent, r.PostFormValue("writing") != "")
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
