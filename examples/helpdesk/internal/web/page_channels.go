package web

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

func (s *Server) channelRoutes() []route {
	return []route{
		{"GET /manage/channels", admins, s.channelsPage},
		{"GET /manage/channels/new", admins, s.channelTypePage},
		{"GET /manage/channels/new/chatapi", admins, s.newChannelPage},
		{"POST /manage/channels", admins, s.connectChannel},
		{"GET /manage/channels/{id}", admins, s.channelPage},
		{"POST /manage/channels/{id}", admins, s.changeChannel},
		{"POST /manage/channels/{id}/display", admins, s.displayChannel},
		{"POST /manage/channels/{id}/pause", admins, s.pauseChannel},
		{"POST /manage/channels/{id}/token", admins, s.newToken},
		{"POST /manage/channels/{id}/synchronize", admins, s.synchronize},
		{"POST /manage/channels/{id}/remove", admins, s.removeChannel},

		{"GET /manage/omnichannel", admins, s.omnichannelPage},
		{"POST /manage/omnichannel", admins, s.saveOmnichannel},
	}
}

// channelView is a channel with the words for its health.
type channelView struct{ desk.ChannelRow }

// health are the words for a health, and the class and shape in which it is shown.
var health = map[chatapi.HealthState]struct{ class, shape, words string }{
	"":                       {"", "○", "not checked yet"},
	chatapi.HealthHealthy:    {"good", "●", "healthy"},
	chatapi.HealthDegraded:   {"warn", "▲", "does not answer"},
	chatapi.HealthNeedsToken: {"bad", "■", "needs a new token"},
	chatapi.HealthBlocked:    {"bad", "■", "blocked"},
	desk.HealthDeaf:          {"bad", "■", "delivers nothing here"},
}

// Paused reports whether nothing is sent on the channel.
func (c channelView) Paused() bool { return c.State == desk.ChannelPaused }

// Class, Shape and Words show the health.
func (c channelView) Class() string { return health[c.Health].class }

// Shape is a sign that differs for each degree, for those who do not see the colour.
func (c channelView) Shape() string { return cmp.Or(health[c.Health].shape, "▲") }

// Words name the health.
func (c channelView) Words() string { return cmp.Or(health[c.Health].words, string(c.Health)) }

// Well reports that nobody has to do anything.
func (c channelView) Well() bool { return c.Health == chatapi.HealthHealthy || c.Health == "" }

// Deaf reports whether Synchronize mends the channel.
func (c channelView) Deaf() bool { return c.Health == desk.HealthDeaf }

func (s *Server) channelsPage(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	rows, err := channelViews(r, v)
	if err != nil {
		return err
	}
	return s.manage(w, r, v, "channels", "Channel settings", rows, nil)
}

func channelViews(r *http.Request, v *desk.View) ([]channelView, error) {
	rows, err := v.ChannelRows(r.Context())
	views := make([]channelView, len(rows))
	for n, row := range rows {
		views[n] = channelView{row}
	}
	return views, err
}

func (s *Server) channelTypePage(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	return s.manage(w, r, v, "channeltype", "Add Channel", nil, nil)
}

// connectData is the data of templates/newchannel.html. The typed token is not among it:
// it is never sent back.
type connectData struct {
	Departments []desk.Name
	desk.ChannelForm
	Fields []string // those that are wrong
}

// Is reports whether a field is wrong.
func (d connectData) Is(field string) bool { return slices.Contains(d.Fields, field) }

// First reports whether a field is the first that is wrong.
func (d connectData) First(field string) bool { return len(d.Fields) > 0 && d.Fields[0] == field }

// stepWords are the names of a connection's steps for people.
var stepWords = map[string]string{"channel": "Address and token", "profile": "Number", "templates": "Templates", "webhooks": "Delivery"}

// StepName names a step for people.
func (c channelView) StepName(step desk.StepRow) string {
	return cmp.Or(stepWords[step.Name], step.Name)
}

func (s *Server) newChannelPage(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	return s.connectForm(w, r, v, desk.ChannelForm{}, nil)
}

func (s *Server) connectForm(w http.ResponseWriter, r *http.Request, v *desk.View, f desk.ChannelForm, refused *desk.NotConnected) error {
	names, err := v.AllDepartments(r.Context())
	if err != nil {
		return err
	}
	f.APIURL, f.Token = desk.WithoutToken(f.APIURL), ""
	data, code := connectData{Departments: names, ChannelForm: f}, http.StatusOK
	page := &Page{Title: "Add Channel", Area: "manage"}
	if refused != nil {
		code, page.Wrong, data.Fields = http.StatusUnprocessableEntity, refused.Sentence, refused.Fields
	}
	page.Data = data
	return s.page(w, r, v, code, "newchannel", page)
}

// refusal returns why a form of a channel was refused, in either form of the error.
func refusal(err error) *desk.NotConnected {
	if n := (*desk.NotConnected)(nil); errors.As(err, &n) {
		return n
	}
	if refused := (*desk.Refused)(nil); errors.As(err, &refused) {
		n := &desk.NotConnected{Sentence: refused.Sentence}
		if refused.Field != "" {
			n.Fields = []string{refused.Field}
		}
		return n
	}
	return nil
}

// connectChannel connects a channel. A script gets each step as it ends, and the page does
// not change, so that the typed token stays where it was typed.
func (s *Server) connectChannel(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	if err := form(w, r); err != nil {
		return err
	}
	f := desk.ChannelForm{Department: formID(r, "department"), Name: r.PostFormValue("name"), APIURL: r.PostFormValue("api_url"), Token: r.PostFormValue("token")}
	connect := func(step func(desk.StepRow)) (*desk.Connected, error) { return v.Connect(r.Context(), f, step) }
	return s.connect(w, r, connect, func(refused *desk.NotConnected) error { return s.connectForm(w, r, v, f, refused) })
}

func (s *Server) newToken(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	id, err := s.channelForm(w, r)
	if err != nil {
		return err
	}
	connect := func(step func(desk.StepRow)) (*desk.Connected, error) {
		return v.NewToken(r.Context(), id, r.PostFormValue("token"), step)
	}
	return s.connect(w, r, connect, func(refused *desk.NotConnected) error { return s.channelWith(w, r, v, refused) })
}

func (s *Server) synchronize(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	id, err := s.channelForm(w, r)
	if err != nil {
		return err
	}
	connect := func(step func(desk.StepRow)) (*desk.Connected, error) { return v.Synchronize(r.Context(), id, step) }
	return s.connect(w, r, connect, func(refused *desk.NotConnected) error {
		refused.Fields = nil // nothing was typed
		return s.channelWith(w, r, v, refused)
	})
}

// connect answers a form that connects: line by line for a script, and with a page else.
func (s *Server) connect(w http.ResponseWriter, r *http.Request, connect func(step func(desk.StepRow)) (*desk.Connected, error), again func(*desk.NotConnected) error) error {
	if fragment(r) {
		return s.connectLive(w, connect)
	}
	c, err := connect(nil)
	if refused := refusal(err); refused != nil {
		return again(refused)
	}
	if err != nil {
		return err
	}
	s.sessions.say(r.Context(), c.Sentence+"\n"+c.Details)
	return see(w, r, channelAddress(c.ID))
}

func channelAddress(id int64) string { return "/manage/channels/" + strconv.FormatInt(id, 10) }

// channelForm reads the form and the id of an act on a channel.
func (s *Server) channelForm(w http.ResponseWriter, r *http.Request) (int64, error) {
	if err := form(w, r); err != nil {
		return 0, err
	}
	return pathID(r, "id")
}

func (s *Server) omnichannelPage(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	rows, err := channelViews(r, v)
	if err != nil {
		return err
	}
	return s.manage(w, r, v, "omnichannel", "Omnichannel settings", rows, nil)
}

// saveOmnichannel displays the channels whose boxes are ticked, of those that the page had.
func (s *Server) saveOmnichannel(w http.ResponseWriter, r *http.Request, v *desk.View) error {
	if err := form(w, r); err != nil {
		return err
	}
	ticked := formIDs(r, "display")
	for _, id := range formIDs(r, "shown") {
		if err := v.Display(r.Context(), id, slices.Contains(ticked, id)); err != nil && !errors.Is(err, desk.ErrNotFound) {
			return err
		}
	}
	s.sessions.say(r.Context(), "Omnichannel shows the channels that are ticked.")
	return see(w, r, "/manage/omnichannel")
}
