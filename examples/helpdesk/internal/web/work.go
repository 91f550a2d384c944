package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

// work is a request as the inbox and its own page show it: head, thread, composer, panel.
type work struct {
	*desk.Request
	Area    string // inbox or requests: where forms return
	List    string // the address of the list
	Address string // of the request in the area, with the list's query
	Agent   int64
	Admin   bool
	Back    string // the field of the same name of forms: area and query

	Bubbles  []bubble
	Before   string // the address of the messages before; "" if there are none
	Newest   string // the address of the newest messages; "" if they are shown
	LastSeen int64

	Viewers     []viewerLine
	Colleagues  []desk.Name
	Departments []desk.Name
	Composer    *composerView // nil in a fragment
}

// viewerLine is a colleague who looks at the request.
type viewerLine struct {
	Name    string
	Writing bool
}

// work reads a request for a page of an area. The list's query goes with every link.
func (s *Server) work(r *http.Request, v *desk.View, id int64, area string, query url.Values) (*work, error) {
	ctx := r.Context()
	request, err := v.Request(ctx, id)
	if err != nil {
		return nil, err
	}
	w := &work{Request: request, Area: area, List: withQuery("/"+area, query), Agent: v.Agent, Admin: v.Admin, Back: withQuery(area, query)}
	path := "/" + area + "/" + strconv.FormatInt(id, 10)
	w.Address = withQuery(path, query)
	before, _ := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64)
	thread, err := v.Thread(ctx, id, before)
	if err != nil {
		return nil, err
	}
	w.Bubbles, w.LastSeen = bubbles(w, thread.Messages), thread.LastSeen
	if thread.Older && len(thread.Messages) > 0 {
		w.Before = withQuery(path, query, "before", strconv.FormatInt(thread.Messages[0].ID, 10))
	}
	if before > 0 {
		w.Newest = w.Address
	}
	if w.Colleagues, err = v.Colleagues(ctx, request.Department.ID); err != nil {
		return nil, err
	}
	if w.Departments, err = v.AllDepartments(ctx); err != nil {
		return nil, err
	}
	w.Viewers = s.viewerLines(w)
	if !fragment(r) && before == 0 {
		w.Composer, err = s.composer(r, v, id, area)
	}
	return w, err
}

func (s *Server) viewerLines(w *work) []viewerLine {
	var lines []viewerLine
	for _, viewer := range s.Live.Viewers(w.ID) {
		at := slices.IndexFunc(w.Colleagues, func(n desk.Name) bool { return n.ID == viewer.Agent })
		if at >= 0 && viewer.Agent != w.Agent {
			lines = append(lines, viewerLine{w.Colleagues[at].Name, viewer.Writing})
		}
	}
	return lines
}

// Done reports whether the request is solved.
func (w *work) Done() bool { return w.State == desk.StateSolved }

// OnTheWay is the state that a press of the button beside Solve gives.
func (w *work) OnTheWay() desk.State {
	if w.State == desk.StateWaiting {
		return desk.StateOpen
	}
	return desk.StateWaiting
}

// States are those that an agent can choose.
func (w *work) States() []desk.State {
	return []desk.State{desk.StateOpen, desk.StateWaiting, desk.StateSolved}
}

// AssigneeGone reports whether the assignee is none of the colleagues any more.
func (w *work) AssigneeGone() bool {
	return w.Assignee.ID != 0 && !slices.ContainsFunc(w.Colleagues, func(n desk.Name) bool { return n.ID == w.Assignee.ID })
}

// row is a request as the lists show it.
type row struct {
	desk.RequestRow
	Address string
	Current bool
	Now     time.Time
}

// Order is greater for what is higher in the list.
func (r row) Order() int64 { return r.Last.UnixMicro() }

// When is the time of the newest message, short.
func (r row) When() string { return when(r.Last, r.Now) }

// Since is since when the customer waits, and how long that is.
func (r row) Since() string {
	if r.Waits.IsZero() {
		return ""
	}
	return when(r.Waits, r.Now) + ", " + short(r.Now.Sub(r.Waits))
}

// Left is how many seconds the service window stays open; negative if it is closed.
func (r row) Left() int64 {
	if r.Closes.IsZero() {
		return -1
	}
	return int64(r.Closes.Sub(r.Now) / time.Second)
}

// Window says when the service window closes.
func (r row) Window() string {
	if left := time.Duration(r.Left()) * time.Second; left >= 0 {
		return "closes in " + short(left)
	}
	return "window closed"
}

// when is the time of today, or the day before.
func when(t, now time.Time) string {
	switch {
	case t.Format(time.DateOnly) == now.UTC().Format(time.DateOnly):
		return t.Format("15:04")
	case t.Year() == now.UTC().Year():
		return t.Format("2 Jan")
	}
	return t.Format("2 Jan 2006")
}

// short is a duration in its largest unit.
func short(d time.Duration) string {
	switch {
	case d < time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + " min"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d/time.Hour)) + " h"
	}
	return strconv.Itoa(int(d/(24*time.Hour))) + " days"
}

// rows reads the requests of a filter. When a script asks for some by their ids, they are
// those of them that the filter chooses.
func (s *Server) rows(ctx context.Context, v *desk.View, f desk.Filter, area string, current int64, query url.Values) ([]row, bool, error) {
	found, more, err := v.Requests(ctx, f)
	all := make([]row, len(found))
	for n, one := range found {
		all[n] = row{one, withQuery("/"+area+"/"+strconv.FormatInt(one.ID, 10), query), one.ID == current, v.Now()}
	}
	return all, more, err
}

// withQuery returns a path with a query, and one more value of it.
func withQuery(path string, query url.Values, more ...string) string {
	q := url.Values{}
	for name, values := range query {
		q[name] = values
	}
	if len(more) == 2 {
		q.Set(more[0], more[1])
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// listQuery returns the part of a query that chooses the list: it goes with every link.
func listQuery(r *http.Request, names ...string) url.Values {
	query := url.Values{}
	for _, name := range names {
		if value := strings.TrimSpace(r.URL.Query().Get(name)); value != "" {
			query.Set(name, value)
		}
	}
	return query
}

// queryNumber returns a number of a query; 0 for none.
func queryNumber(query url.Values, name string) int64 {
	n, _ := strconv.ParseInt(query.Get(name), 10, 64)
	return n
}

// asked returns the ids of requests of which a script wants the parts; nil for all.
func asked(r *http.Request) []int64 {
	text := r.URL.Query().Get("ids")
	if text == "" {
		return nil
	}
	var ids []int64
	for one := range strings.SplitSeq(text, ",") {
		if id, err := strconv.ParseInt(one, 10, 64); err == nil && len(ids) < 500 {
			ids = append(ids, id)
		}
	}
	return ids
}
