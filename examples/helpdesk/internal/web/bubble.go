package web

import (
	"fmt"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

// bubble is a message as the thread shows it.
type bubble struct {
	desk.Message
	Work *work
	Day  string // the separator above; "" if the message before is of the same day
}

// bubbles puts the separators of days between messages.
func bubbles(w *work, messages []desk.Message) []bubble {
	all := make([]bubble, len(messages))
	day := ""
	for n, m := range messages {
		all[n] = bubble{Message: m, Work: w}
		if d := m.At.Format("2 January 2006"); d != day {
			all[n].Day, day = d, d
		}
	}
	return all
}

// DayID is the id of the separator's element.
func (b bubble) DayID() string { return "day-" + b.At.Format(time.DateOnly) }

// Who says who wrote the message, for those who do not see its side.
func (b bubble) Who() string {
	switch {
	case b.Mine:
		return "You"
	case b.Author != "":
		return b.Author
	case b.Direction == desk.In:
		return b.Work.Person
	case b.Direction == desk.System:
		return "WhatsApp"
	}
	return "The business"
}

// Other is the request that the message belongs to, if it is not the page's own.
func (b bubble) Other() int64 {
	if b.Request == b.Work.ID {
		return 0
	}
	return b.Request
}

// Tick is how far a message of the business has come, as a shape and a word.
type Tick struct {
	Class, Shape, Word string
	Shown              bool // the word is shown, and not only read out
}

// Tick returns nil for what has no status.
func (b bubble) Tick() *Tick {
	switch b.Status {
	case desk.Queued:
		return &Tick{"", "◷", "waits", true}
	case desk.Sent:
		return &Tick{"", "✓", "sent", false}
	case desk.Delivered:
		return &Tick{"", "✓✓", "delivered", false}
	case desk.Read:
		return &Tick{"done", "✓✓", "read", true}
	case desk.Played:
		return &Tick{"done", "✓✓", "played", true}
	case desk.Failed:
		return &Tick{"bad", "✕", "not delivered", true}
	case desk.Unknown:
		return &Tick{"warn", "?", "unknown", true}
	case desk.Canceled:
		return &Tick{"", "–", "not sent: canceled", true}
	}
	return nil
}

// AdviceLine is the advice as a sentence of its own.
func (b bubble) AdviceLine() string { return desk.AdviceSentence(b.Advice) }

// Image reports whether the file is shown as a picture.
func (b bubble) Image() bool { return b.ready() && isKind(b.Media.Type, "image/") }

// Audio reports whether the file is played as sound.
func (b bubble) Audio() bool {
	return b.ready() && (isKind(b.Media.Type, "audio/") || b.Media.Type == "application/ogg")
}

// Video reports whether the file is played as a film.
func (b bubble) Video() bool { return b.ready() && isKind(b.Media.Type, "video/") }

func (b bubble) ready() bool { return b.Media != nil && b.Media.State == "ready" }

func isKind(kind, family string) bool {
	return shownInPage(kind) && len(kind) > len(family) && kind[:len(family)] == family
}

// MediaWord names what the file is.
func (b bubble) MediaWord() string {
	switch chatapi.ContentType(b.Kind) {
	case chatapi.TypeImage:
		return "Photo"
	case chatapi.TypeVideo:
		return "Video"
	case chatapi.TypeAudio:
		return "Sound"
	case chatapi.TypeVoice:
		return "Voice message"
	case chatapi.TypeSticker:
		return "Sticker"
	}
	return "File"
}

// Sticker reports whether the picture is small and without a frame.
func (b bubble) Sticker() bool { return chatapi.ContentType(b.Kind) == chatapi.TypeSticker }

// Bytes is the size of the file in words.
func (b bubble) Bytes() string {
	switch n := b.Media.Size; {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%d kB", n/(1<<10))
	default:
		return fmt.Sprintf("%d bytes", n)
	}
}

// Unsupported reports whether the message is of a kind that the helpdesk cannot show.
func (b bubble) Unsupported() bool {
	if b.Placeholder || b.Body != "" || b.Media != nil || b.Extra.Place != nil || b.Extra.Call != nil {
		return false
	}
	kind := chatapi.ContentType(b.Kind)
	return kind == chatapi.TypeUnsupported || kind == chatapi.TypeOther ||
		b.Direction == desk.In && b.Deleted.IsZero() && len(b.Extra.People)+len(b.Extra.Items)+len(b.Extra.Form) == 0 && b.Extra.Choice == ""
}

// Map is the address of a place on a map, which is fetched only when a person opens it.
func (b bubble) Map() string {
	return fmt.Sprintf("https://www.openstreetmap.org/?mlat=%.6f&mlon=%.6f", b.Extra.Place.Latitude, b.Extra.Place.Longitude)
}

// Lasted is how long a call was.
func (b bubble) Lasted() string {
	if b.Extra.Call.Duration <= 0 {
		return ""
	}
	return b.Extra.Call.Duration.Round(time.Second).String()
}
