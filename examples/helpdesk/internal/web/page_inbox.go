package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

func (s *Server) inboxRoutes() []route {
	return []route{
		{"GET /inbox", agents, s.inbox},
		{"GET /inbox/{n}", agents, s.inbox},
	}
}

// inboxPage is Omnichannel: the requests of displayed channels, and the chosen one.
type inboxPage struct {
	Box      desk.Box
	Boxes    []boxLink
	Search   string
	Channel  int64
	Channels []desk.Name // displayed ones
	Rows     []row
	Older    string // the address of the next page; "" if there is none
	First    string // the address of the first page; "" if it is shown
	Asked    string // the ids that a script asked for
	Work     *work  // nil if no request is chosen, or a script did not ask for it
	Chosen   int64
	Address  string // of the page
	List     string
	Admin    bool
}

// boxLink is a tab above the list.
type boxLink struct {
	ID, Name, Address string
	Count             int
	Current           bool
}

func (s *Server) inbox(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	return s.showInbox(w, r, v, http.StatusOK, "")
}

// showInbox writes the page, or the parts that a script asks for. wrong says why an act was
// refused.
func (s *Server) showInbox(w http.ResponseWriter, r *http.Request, v *desk.View, code int, wrong string) error {
	ctx := r.Context()
	seq, err := s.Desk.LastChange(ctx) // before the rest, so that nothing is missed
	if err != nil {
		return err
	}
	query, ids := listQuery(r, "box", "q", "channel"), asked(r)
	p := &inboxPage{Box: desk.Box(query.Get("box")), Search: query.Get("q"), Channel: queryNumber(query, "channel"), List: withQuery("/inbox", query), Admin: v.Admin}
	p.Address = p.List
	if r.PathValue("n") != "" {
		if p.Chosen, err = pathID(r, "n"); err != nil {
			return err
		}
		p.Address = withQuery("/inbox/"+r.PathValue("n"), query)
	}
	if err := s.inboxRows(r, v, p, ids, query); err != nil {
		return err
	}
	if p.Chosen != 0 && (ids == nil || slices.Contains(ids, p.Chosen)) {
		if p.Work, err = s.work(r, v, p.Chosen, "inbox", query); err != nil {
			return err
		}
	}
	if fragment(r) {
		return s.part(w, code, "inbox", "inbox-parts", p)
	}
	counts, err := v.Counts(ctx, true)
	if err != nil {
		return err
	}
	p.Boxes = boxLinks(p.Box, counts, query)
	if p.Channels, err = v.ChannelChoices(ctx, true); err != nil {
		return err
	}
	title := "Omnichannel"
	if p.Work != nil {
		title = desk.Shorten(p.Work.Person, 80) + " · Omnichannel"
	}
	return s.page(w, r, v, code, "inbox", &Page{Title: title, Area: "inbox", Seq: seq, Wrong: wrong, Data: p})
}

// inboxRows reads the list, or those of its rows that a script asks for.
func (s *Server) inboxRows(r *http.Request, v *desk.View, p *inboxPage, ids []int64, query url.Values) error {
	cursor := r.URL.Query().Get("older")
	f := desk.Filter{Displayed: true, Box: p.Box, Channel: p.Channel, Search: p.Search, Before: cursor, Only: ids}
	p.Asked = r.URL.Query().Get("ids")
	rows, more, err := s.rows(r.Context(), v, f, "inbox", p.Chosen, query)
	if err != nil {
		return err
	}
	p.Rows = rows
	if more {
		p.Older = withQuery("/inbox", query, "older", rows[len(rows)-1].Cursor)
	}
	if cursor != "" {
		p.First = p.List
	}
	return nil
}

func boxLinks(current desk.Box, counts desk.Counts, query url.Values) []boxLink {
	with := func(box desk.Box) string {
		q := url.Values{}
		for name, values := range query {
			if name != "box" {
				q[name] = values
			}
		}
		if box != "" {
			q.Set("box", string(box))
		}
		return withQuery("/inbox", q)
	}
	return []boxLink{
		{"mine", "Mine", with(desk.BoxMine), counts.Mine, current == desk.BoxMine},
		{"unassigned", "Unassigned", with(desk.BoxUnassigned), counts.Unassigned, current == desk.BoxUnassigned},
		{"all", "All", with(desk.BoxAll), counts.All, current == desk.BoxAll},
	}
}

// Filtered reports whether the list shows a part of the box only.
func (p *inboxPage) Filtered() bool { return p.Search != "" || p.Channel != 0 }

// next returns the address of the request after one in the list of an area, or that of the
// list.
func (s *Server) next(r *http.Request, v *desk.View, id int64, area string, query url.Values) (string, error) {
	f := desk.Filter{Displayed: true, Box: desk.Box(query.Get("box")), Channel: queryNumber(query, "channel"), Search: query.Get("q")}
	if area == "requests" {
		f = requestFilter(query)
	}
	rows, _, err := v.Requests(r.Context(), f)
	if err != nil {
		return "", err
	}
	at := slices.IndexFunc(rows, func(one desk.RequestRow) bool { return one.ID == id })
	if at >= 0 {
		rows = append(rows[at+1:], rows[:at]...)
	}
	if len(rows) == 0 {
		return withQuery("/"+area, query), nil
	}
	return withQuery("/"+area+"/"+strconv.FormatInt(rows[0].ID, 10), query), nil
}
