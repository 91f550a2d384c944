package web

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

func (s *Server) costRoutes() []route {
	return []route{
		{"GET /costs", admins, s.costsNow},
		{"GET /costs/{month}", admins, s.costsPage},
	}
}

// costsNow leads to the costs of the month that is under way.
func (s *Server) costsNow(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	now := v.Now().UTC()
	return see(w, r, "/costs/"+monthAddress(chatapi.Month(now.Year(), now.Month()), 0))
}

// costsData is the data of templates/costs.html.
type costsData struct {
	*desk.MonthPage
	Here          string // the month, as its address has it
	Before, After string // the months beside it; After is empty for the one under way
	Gauges        []gauge
	Charts        []chart
	More          int // lines that the page leaves out
}

// Counted names what is counted.
func (d costsData) Counted() string {
	if d.ByConversation {
		return "conversations"
	}
	return "messages"
}

// costsPage shows a month as a page, or with ".csv" or ".json" behind it as a file.
func (s *Server) costsPage(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	name, kind, _ := strings.Cut(r.PathValue("month"), ".")
	var month chatapi.YearMonth
	if err := month.UnmarshalText([]byte(name)); err != nil || name == "" {
		return desk.ErrNotFound
	}
	if kind != "" && kind != "csv" && kind != "json" {
		return desk.ErrNotFound
	}
	p, err := v.Month(r.Context(), month)
	if errors.Is(err, chatapi.ErrInvalid) { // such as of the year 1
		return desk.ErrNotFound
	}
	if err != nil {
		return err
	}
	w.Header().Set("Vary", "Cookie")
	switch kind {
	case "csv":
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		w.Header().Set("Content-Disposition", `attachment; filename="costs-`+monthAddress(month, 0)+`.csv"`)
		return p.Bill.WriteCSV(w)
	case "json":
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Disposition", `attachment; filename="costs-`+monthAddress(month, 0)+`.json"`)
		return p.Bill.WriteJSON(w)
	}
	data := costsData{MonthPage: p, Here: monthAddress(month, 0), Before: monthAddress(month, -1), More: len(p.Bill.Charges) - len(p.Lines)}
	if monthAddress(month, 0) < v.Now().UTC().Format("2006-01") {
		data.After = monthAddress(month, 1)
	}
	for _, g := range p.Gauges {
		data.Gauges = append(data.Gauges, gaugeOf(g))
	}
	for _, d := range p.Days {
		data.Charts = append(data.Charts, chartOf(d, month))
	}
	return s.page(w, r, v, http.StatusOK, "costs", &Page{Title: "Conversations and costs", Area: "costs", Data: data})
}

// monthAddress returns the month that is n months after another one, as addresses have it.
func monthAddress(month chatapi.YearMonth, n int) string {
	return time.Date(month.Year, month.Month+time.Month(n), 1, 0, 0, 0, 0, time.UTC).Format("2006-01")
}
