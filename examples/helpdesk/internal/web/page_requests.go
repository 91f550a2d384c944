package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

func (s *Server) requestRoutes() []route {
	return append([]route{
		{"GET /requests", agents, s.requests},
		{"GET /requests/{n}", agents, s.request},
	}, s.actRoutes()...)
}

// requestsPage is the list of the requests of all channels. Its filter is its address.
type requestsPage struct {
	Filter      desk.Filter
	Rows        []row
	Total       string
	Older       string // the address of the next page; "" if there is none
	First       string // the address of the first page; "" if it is shown
	Asked       string
	Departments []desk.Name
	Channels    []desk.Name
	Colleagues  []desk.Name
	Address     string
}

// requestNames are the names of the filter in the address.
var requestNames = []string{"state", "department", "assignee", "channel", "failed", "q"}

// requestFilter reads the filter of an address. Without one it is every unsolved request.
func requestFilter(query url.Values) desk.Filter {
	f := desk.Filter{
		State: desk.State(query.Get("state")), Department: queryNumber(query, "department"), Channel: queryNumber(query, "channel"),
		NotDelivered: query.Get("failed") != "", Search: query.Get("q"),
	}
	switch who := query.Get("assignee"); who {
	case string(desk.BoxMine), string(desk.BoxUnassigned):
		f.Box = desk.Box(who)
	default:
		f.Assignee = queryNumber(query, "assignee")
	}
	return f
}

func (s *Server) requests(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	ctx := r.Context()
	seq, err := s.Desk.LastChange(ctx) // before the rest, so that nothing is missed
	if err != nil {
		return err
	}
	query, cursor := listQuery(r, requestNames...), r.URL.Query().Get("older")
	f := requestFilter(query)
	p := &requestsPage{Filter: f, Asked: r.URL.Query().Get("ids"), Address: withQuery("/requests", query)}
	total, err := v.Count(ctx, f)
	if err != nil {
		return err
	}
	p.Total = strconv.Itoa(total) + " requests"
	if total == 1 {
		p.Total = "1 request"
	} else if total > 1000 {
		p.Total = "more than 1000 requests"
	}
	f.Before, f.Only = cursor, asked(r)
	var more bool
	if p.Rows, more, err = s.rows(ctx, v, f, "requests", 0, query); err != nil {
		return err
	}
	if more {
		p.Older = withQuery("/requests", query, "older", p.Rows[len(p.Rows)-1].Cursor)
	}
	if cursor != "" {
		p.First = p.Address
	}
	if fragment(r) {
		return s.part(w, http.StatusOK, "requests", "requests-parts", p)
	}
	if err := p.choices(r, v); err != nil {
		return err
	}
	return s.page(w, r, v, http.StatusOK, "requests", &Page{Title: "Requests", Area: "requests", Seq: seq, Data: p})
}

// choices reads what the filter offers.
func (p *requestsPage) choices(r *http.Request, v *desk.View) (err error) {
	if p.Departments, err = v.DepartmentNames(r.Context()); err != nil {
		return err
	}
	if p.Channels, err = v.ChannelChoices(r.Context(), false); err != nil {
		return err
	}
	agents, err := v.Agents(r.Context())
	for _, a := range agents {
		if a.Active {
			p.Colleagues = append(p.Colleagues, desk.Name{ID: a.ID, Name: a.Name})
		}
	}
	return err
}

// States are those of the filter.
func (p *requestsPage) States() []desk.State {
	return []desk.State{desk.StateNew, desk.StateOpen, desk.StateWaiting, desk.StateSolved}
}

// Filtered reports whether the list is not the one without a filter.
func (p *requestsPage) Filtered() bool { return p.Address != "/requests" }

// requestPage is a request on a page of its own.
type requestPage struct {
	Work    *work
	Address string
	List    string
	Chosen  int64
}

func (s *Server) request(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	return s.showRequest(w, r, v, http.StatusOK, "")
}

// showRequest writes the page, or the parts that a script asks for. wrong says why an act
// was refused.
func (s *Server) showRequest(w http.ResponseWriter, r *http.Request, v *desk.View, code int, wrong string) error {
	id, err := pathID(r, "n")
	if err != nil {
		return err
	}
	seq, err := s.Desk.LastChange(r.Context()) // before the rest, so that nothing is missed
	if err != nil {
		return err
	}
	if ids := asked(r); fragment(r) && ids != nil && !slices.Contains(ids, id) {
		return s.part(w, code, "request", "request-parts", &requestPage{})
	}
	shown, err := s.work(r, v, id, "requests", listQuery(r, requestNames...))
	if err != nil {
		return err
	}
	p := &requestPage{Work: shown, Address: shown.Address, List: shown.List, Chosen: id}
	if fragment(r) {
		return s.part(w, code, "request", "request-parts", p)
	}
	title := "#" + strconv.FormatInt(id, 10) + " " + desk.Shorten(shown.Person, 80)
	return s.page(w, r, v, code, "request", &Page{Title: title, Area: "requests", Seq: seq, Wrong: wrong, Data: p})
}
