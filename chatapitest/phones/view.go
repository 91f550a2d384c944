package phones

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// This file turns what the fake knows into what the page shows.

// Bounds of a page. The rest is behind links.
const (
	phonesShown   = 24
	messagesShown = 30
	messagesMost  = 1000
	nameShown     = 60   // signs of a name
	textShown     = 4096 // signs of a message
)

// view is a page.
type view struct {
	h   *Handler
	api *chatapitest.API
	at  url.Values // the query of the page, without what only a fetch has

	Title    string
	State    string // of the fake, to notice changes
	Now      time.Time
	Info     chatapitest.ChannelInfo
	Channels []*chatapitest.API
	Chats    []chatapitest.Chat // all of them
	Panel    string
}

// panels are the parts of the page beside the phones.
var panels = []string{"wire", "trouble", "templates", "channels", "save"}

// viewOf reads the query of a page.
func (h *Handler) viewOf(q url.Values) *view {
	n, _ := h.api.Changes() // before all else, so that no change is missed
	at := url.Values{}
	for _, name := range []string{"channel", "panel", "from", "show", "hide", "kind", "q"} {
		if v := q.Get(name); v != "" && len(v) <= 200 {
			at.Set(name, v)
		}
	}
	v := &view{h: h, api: h.channel(at.Get("channel")), at: at, Title: h.title, State: fmt.Sprintf("%s %d", h.boot, n), Now: h.api.Now(),
		Channels: h.api.Channels(), Panel: at.Get("panel")}
	if !slices.Contains(panels, v.Panel) {
		v.Panel = panels[0]
	}
	v.Info, v.Chats = v.api.Info(), v.api.Chats()
	if h.reached != "" {
		v.Info.URL = h.reached + "/" + string(v.Info.ID)
	}
	return v
}

// Asset returns the path of a file.
func (v *view) Asset(name string) string { return v.h.assets[name].path }

// With returns the address of this page with another value in the query; an empty value
// removes it.
func (v *view) With(name, value string) string {
	q := url.Values{}
	for k, values := range v.at {
		q[k] = values
	}
	if value == "" {
		q.Del(name)
	} else {
		q.Set(name, value)
	}
	if len(q) == 0 {
		return "/"
	}
	return "/?" + q.Encode()
}

// Here is the address of this page.
func (v *view) Here() string { return v.With("", "") }

// Panels returns the names of the panels.
func (v *view) Panels() []string { return panels }

// number reads a number of the query.
func (v *view) number(name string, otherwise, most int) int {
	var n int
	if _, err := fmt.Sscan(v.at.Get(name), &n); err != nil || n < 0 {
		return otherwise
	}
	return min(n, most)
}

// Phones returns the chats whose phones the page shows.
func (v *view) Phones() []*phone {
	hidden := strings.Split(v.at.Get("hide"), ",")
	var shown []*phone
	for _, chat := range v.Chats {
		if !slices.Contains(hidden, chat.Key) {
			shown = append(shown, &phone{Chat: chat, view: v})
		}
	}
	from := min(v.From(), len(shown))
	return shown[from:min(from+phonesShown, len(shown))]
}

// From is the number of phones before those that the page shows.
func (v *view) From() int { return v.number("from", 0, 1<<20) }

// First is the number of the first phone on the page.
func (v *view) First() int { return v.From() + 1 }

// Until is the number of the last phone on the page.
func (v *view) Until() int { return min(v.From()+phonesShown, len(v.Chats)) }

// Before and After are the addresses of the phones before and after; empty if there are
// none.
func (v *view) Before() string {
	switch from := v.From(); {
	case from == 0:
		return ""
	case from <= phonesShown:
		return v.With("from", "")
	default:
		return v.With("from", fmt.Sprint(from-phonesShown))
	}
}

// After is the address of the phones after those of this page.
func (v *view) After() string {
	if v.From()+phonesShown >= len(v.Chats) {
		return ""
	}
	return v.With("from", fmt.Sprint(v.From()+phonesShown))
}

// Hidden counts the phones that the page hides.
func (v *view) Hidden() int {
	n := 0
	for key := range strings.SplitSeq(v.at.Get("hide"), ",") {
		if slices.ContainsFunc(v.Chats, func(c chatapitest.Chat) bool { return c.Key == key }) {
			n++
		}
	}
	return n
}

// ToWindowEnd is the time until the next service window ends; empty if none is open.
func (v *view) ToWindowEnd() string {
	var next time.Duration
	for _, chat := range v.Chats {
		if left := chat.WindowEnds.Sub(v.Now); chat.Open && (next == 0 || left < next) {
			next = left
		}
	}
	if next <= 0 {
		return ""
	}
	return (next.Truncate(time.Second) + time.Second).String()
}

// phone is a chat with its messages.
type phone struct {
	chatapitest.Chat
	view *view
}

// View is the page of the phone.
func (p *phone) View() *view { return p.view }

// Who is a name by which acts find the customer.
func (p *phone) Who() string { return p.BSUID }

// Shown is the name, cut to a length that fits.
func (p *phone) Shown() string { return clip(cmp.Or(p.Name, "(no name)"), nameShown) }

// Address is how the business sees the customer, in a line.
func (p *phone) Address() string {
	switch {
	case p.Group && len(p.Members) == 1:
		return "group of one"
	case p.Group:
		return fmt.Sprintf("group of %d", len(p.Members))
	case p.Phone != "" && p.Username != "":
		return "+" + p.Phone + " · @" + p.Username
	case p.Phone != "":
		return "+" + p.Phone
	case p.Username != "":
		return p.BSUID + " · @" + p.Username
	}
	return p.BSUID
}

// Hide is the address of the page without this phone.
func (p *phone) Hide() string {
	hidden := p.Key
	if before := p.view.at.Get("hide"); before != "" {
		hidden = before + "," + hidden
	}
	return p.view.With("hide", hidden)
}

// Left is the time that the service window stays open, in milliseconds.
func (p *phone) Left() int64 { return max(0, p.WindowEnds.Sub(p.view.Now).Milliseconds()) }

// Window says until when the business may write.
func (p *phone) Window() string {
	switch {
	case p.WindowEnds.IsZero():
		return "Window closed: never wrote"
	case !p.Open:
		return "Window closed " + p.WindowEnds.Local().Format("2 Jan 15:04")
	}
	left := time.Duration(p.Left()) * time.Millisecond
	return fmt.Sprintf("Window open: %d h %02d min left", int(left.Hours()), int(left.Minutes())%60)
}

// MembersShown are the names of a group's members, for a list.
func (p *phone) MembersShown() (members []chatapitest.Chat) {
	for _, chat := range p.view.Chats {
		if slices.Contains(p.Members, chat.Key) {
			chat.Name = clip(chat.Name, nameShown)
			members = append(members, chat)
		}
	}
	return members
}

// Initial is the first letter of the name, for the picture.
func (p *phone) Initial() string {
	for _, r := range strings.TrimSpace(p.Name) {
		return strings.ToUpper(string(r))
	}
	return "?"
}

// Colour is one of six colours for the picture.
func (p *phone) Colour() int {
	sum := 0
	for _, r := range p.Key {
		sum += int(r)
	}
	return sum % 6
}

// Called returns the name of a customer by the key.
func (v *view) Called(key string) string { return v.nameOf(key) }

// nameOf returns the name of a customer.
func (v *view) nameOf(key string) string {
	for _, chat := range v.Chats {
		if chat.Key == key {
			return clip(chat.Name, nameShown)
		}
	}
	return "somebody"
}

// bubble is a message on a phone.
type bubble struct {
	chatapitest.ChatMessage
	phone *phone

	Day   string // if it is another one than that of the message before
	Quote string // the text of the quoted message
}

// shown is how many messages of each phone the page has.
func (p *phone) shown() int {
	return max(messagesShown, p.view.number("show", messagesShown, messagesMost))
}

// Older is the address of the page with more messages; empty if all are there.
func (p *phone) Older() string {
	if p.Messages <= p.shown() || p.shown() >= messagesMost {
		return ""
	}
	return p.view.With("show", fmt.Sprint(min(p.shown()+100, messagesMost)))
}

// Bubbles returns the last messages.
func (p *phone) Bubbles() []*bubble {
	list := p.view.api.ChatMessages(p.Key, p.shown())
	bubbles := make([]*bubble, len(list))
	texts := map[string]string{}
	day := ""
	for i, m := range list {
		texts[m.ID] = inWords(m)
		b := &bubble{ChatMessage: m, phone: p}
		if at := m.At.Local().Format("Monday, 2 January"); at != day {
			b.Day, day = at, at
		}
		if m.Quoted != "" {
			quote, ok := texts[m.Quoted]
			if !ok {
				earlier, _ := p.view.api.Message(m.Quoted)
				quote = cmp.Or(inWords(earlier), "an earlier message")
			}
			b.Quote = clip(quote, 80)
		}
		bubbles[i] = b
	}
	return bubbles
}

// inWords is a message in a line.
func inWords(m chatapitest.ChatMessage) string {
	file := ""
	if m.File != nil {
		file = string(m.File.Type)
	}
	return clip(cmp.Or(m.Text, file, m.Order, m.Location, m.Header, m.Template), 80)
}

// Own is true for a message of the phone's owner, which stands at the right.
func (b *bubble) Own() bool { return b.From == chatapitest.ActorCustomer }

// Author says who wrote it where that is not clear by the side.
func (b *bubble) Author() string {
	switch {
	case b.From == chatapitest.ActorPhone:
		return "From the business's phone"
	case b.From == chatapitest.ActorAgent:
		return "From the other agent"
	case b.From == chatapitest.ActorCustomer && b.phone.Group:
		return b.phone.view.nameOf(b.ChatMessage.Author)
	}
	return ""
}

// ReactedBy reports whether a customer has a reaction on the message.
func (b *bubble) ReactedBy(key string) bool {
	return slices.ContainsFunc(b.Reactions, func(r chatapitest.ChatReaction) bool { return r.Author == key })
}

// Words is the text, cut to a length that a page can bear.
func (b *bubble) Words() string {
	if b.Type == "request_welcome" {
		return "(opened the chat)"
	}
	return clip(b.Text, textShown)
}

// Tick is the sign of the status and its word.
func (b *bubble) Tick() (tick struct{ Sign, Word string }) {
	switch {
	case b.Own() && b.Read:
		tick.Sign, tick.Word = "✓✓", "marked as read"
	case b.Own():
	case b.Status == chatapi.StatusFailed:
		tick.Sign, tick.Word = "!", "not delivered"
	case b.Status == chatapi.StatusRead, b.Status == "played":
		tick.Sign, tick.Word = "✓✓", "read"
	case b.Status == chatapi.StatusDelivered:
		tick.Sign, tick.Word = "✓✓", "delivered"
	case b.Status == chatapi.StatusSent:
		tick.Sign, tick.Word = "✓", "sent"
	default:
		tick.Word = "accepted"
	}
	return tick
}

// FilePath is the address of the file below the page's host; empty if the fake has only its
// address elsewhere.
func (b *bubble) FilePath() string {
	if b.File == nil || len(b.File.Data) == 0 {
		return ""
	}
	return "/file/" + url.PathEscape(string(b.phone.view.Info.ID)) + "/" + url.PathEscape(b.ID)
}

// Picture, Sound and Film tell what the page can show.
func (b *bubble) Picture() bool { return b.FilePath() != "" && inline(b.File.Data, "image/") }

// Sound is true for a file that the page can play.
func (b *bubble) Sound() bool { return b.FilePath() != "" && inline(b.File.Data, "audio/") }

// Film is true for a film that the page can play.
func (b *bubble) Film() bool { return b.FilePath() != "" && inline(b.File.Data, "video/") }

// FileWords describes a file.
func (b *bubble) FileWords() string {
	name := cmp.Or(b.File.Name, b.File.URL, b.File.ID, "without a name")
	if n := len(b.File.Data); n > 0 {
		return fmt.Sprintf("%s, %s", clip(name, nameShown), size(n))
	}
	return clip(name, nameShown)
}

// Flow is the button that opens a flow; nil if there is none.
func (b *bubble) Flow() *chatapitest.Button {
	for i := range b.Buttons {
		if b.Buttons[i].Tap() == chatapitest.TapFlow {
			return &b.Buttons[i]
		}
	}
	return nil
}

// View and Phone lead back to what the message is on.
func (b *bubble) View() *view { return b.phone.view }

// Phone is the phone of the message.
func (b *bubble) Phone() *phone { return b.phone }

// clip cuts a text for a person, without half signs.
func clip(text string, most int) string {
	signs := 0
	for i := range text {
		if signs++; signs > most {
			return strings.ToValidUTF8(text[:i], "\uFFFD") + "…"
		}
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// size writes a number of bytes.
func size(n int) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1000_000)
}

// Zone is the offset of the clock from UTC, in minutes.
func (v *view) Zone() int {
	_, seconds := v.Now.Local().Zone()
	return seconds / 60
}
