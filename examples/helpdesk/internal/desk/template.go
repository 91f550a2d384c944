package desk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// TemplateRow is a template of a channel.
type TemplateRow struct {
	ID       string // for a page: "template-" and letters
	Channel  Name
	Name     string
	Language string
	Category string // in upper case
	Status   chatapi.TemplateStatus
	Quality  string
	Reason   string // WhatsApp's word for why it was refused or paused
	Advice   string // what to do about it
	Used     int    // how often it was sent
	Changed  time.Time
	Info     *chatapi.TemplateInfo // with its components
}

// Usable reports whether the template can be sent.
func (t TemplateRow) Usable() bool {
	return usable(t.Status) && len(t.Info.Components) > 0
}

func usable(status chatapi.TemplateStatus) bool {
	return status == chatapi.TemplateApproved || status == chatapi.TemplateFlagged || status == chatapi.TemplateLocked
}

// waits reports whether WhatsApp has yet to decide about a template.
func waits(status chatapi.TemplateStatus) bool {
	return status == chatapi.TemplatePending || status == chatapi.TemplateInAppeal
}

// Waits reports whether WhatsApp has yet to decide about the template.
func (t TemplateRow) Waits() bool { return waits(t.Status) }

const templateColumns = `SELECT t.channel, CASE WHEN n.name = '' THEN n.phone ELSE n.name END, t.name, t.language, t.category,
	t.status, t.quality, t.reason, t.advice, t.used, t.changed, t.body
	FROM desk_template t JOIN desk_channel n ON n.id = t.channel WHERE n.state <> 'removed' AND `

// Templates returns the templates of the channels whose department the agent sees, by
// name; of one channel if it is not 0.
func (v *View) Templates(ctx context.Context, channel int64) ([]TemplateRow, error) {
	return v.readTemplates(ctx, templateColumns+"(cast($1 AS BIGINT) = 0 OR t.channel = $1) AND "+v.visible("n.department"), channel)
}

// UsableTemplates returns the templates that can be sent on a channel, by name. The agent
// has to see the channel's department, or a request of the channel.
func (v *View) UsableTemplates(ctx context.Context, channel int64) ([]TemplateRow, error) {
	all, err := v.readTemplates(ctx, templateColumns+"t.channel = $1 AND ("+v.visible("n.department")+
		` OR EXISTS (SELECT 1 FROM desk_chat c JOIN desk_request r ON r.chat = c.id WHERE c.channel = n.id AND `+v.visible("r.department")+"))", channel)
	return slices.DeleteFunc(all, func(t TemplateRow) bool { return !t.Usable() }), err
}

func (d *Desk) readTemplates(ctx context.Context, query string, args ...any) ([]TemplateRow, error) {
	type row struct {
		TemplateRow
		advice, body string
		changed      int64
	}
	rows, err := d.DB.Query(ctx, query, args...)
	read, err := store.All(rows, err, func(r *row) []any {
		return []any{&r.Channel.ID, &r.Channel.Name, &r.Name, &r.Language, &r.Category, (*string)(&r.Status), &r.Quality, &r.Reason,
			&r.advice, &r.Used, &r.changed, &r.body}
	})
	if err != nil {
		return nil, err
	}
	all := make([]TemplateRow, 0, len(read))
	for _, r := range read {
		t := r.TemplateRow
		t.ID, t.Changed, t.Info = templateID(t.Channel.ID, t.Name, t.Language), store.Time(r.changed), &chatapi.TemplateInfo{}
		if err := json.Unmarshal([]byte(r.body), t.Info); err != nil {
			return nil, fmt.Errorf("read template %q: %w", t.Name, err)
		}
		t.Info.Status, t.Info.Category = t.Status, t.Category
		t.Advice = adviceFor(&t, r.advice)
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b TemplateRow) int {
		return strings.Compare(a.Name+"\x00"+a.Language+"\x00"+a.ID, b.Name+"\x00"+b.Language+"\x00"+b.ID)
	})
	return all, nil
}

// templateID returns the id of a template's row in a page. Names come from outside.
func templateID(channel int64, name, language string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d/%s/%s", channel, name, language))
	return "template-" + hex.EncodeToString(sum[:6])
}

// reasons are WhatsApp's words for why a template was refused or paused, and what to do.
var reasons = map[string]string{
	"ABUSIVE_CONTENT":      "WhatsApp takes the text for abuse or a threat. Write it in a friendly way, without words that could offend.",
	"INVALID_FORMAT":       "The variables or the form are wrong. Number the variables {{1}}, {{2}} without gaps, do not begin or end the text with one, put words between them, and give a real example for each.",
	"PROMOTIONAL":          "WhatsApp takes the text for advertising. Copy it as a marketing template, or leave out offers and praise.",
	"TAG_CONTENT_MISMATCH": "The text does not fit the category or the language. Copy it and choose those that the text has.",
	"INCORRECT_CATEGORY":   "The text is of another category. Copy it and choose that category.",
	"SCAM":                 "WhatsApp takes the text for a fraud. Say who you are, and ask for no secret and no money.",
	"NONE":                 "WhatsApp gives no reason. Write the text more plainly, with a real example for each variable, and submit the copy.",
	"FIRST_PAUSE":          "Customers marked it as unwanted. It can be sent again after 3 hours. Send it to people who expect it.",
	"SECOND_PAUSE":         "Customers marked it as unwanted again. It can be sent again after 6 hours. The next time WhatsApp disables it.",
	"RATE_LIMITING_PAUSE":  "It was sent more often than its quality allows. WhatsApp lets it go on by itself. Send fewer for a while.",
}

// adviceFor returns what to do about a template that cannot be sent; empty if it can.
// WhatsApp's own words come first.
func adviceFor(t *TemplateRow, said string) string {
	known := reasons[strings.ToUpper(t.Reason)]
	switch {
	case usable(t.Status) && t.Status != chatapi.TemplateFlagged, waits(t.Status):
		return ""
	case said != "":
		return said
	case known != "":
		return known
	case t.Status == chatapi.TemplateFlagged:
		return "Its quality is low. If that lasts, WhatsApp pauses it. Send it only to people who expect it."
	case t.Status == chatapi.TemplateRejected:
		return reasons["NONE"]
	case t.Status == chatapi.TemplatePaused:
		return "WhatsApp paused it because of its quality. It lets it go on by itself."
	case t.Status == chatapi.TemplateDisabled:
		return "WhatsApp took it out of use for good. Copy it under another name and change the text."
	case t.Status == chatapi.TemplateLimitExceeded:
		return "The account has as many templates as it may have. Delete some in WhatsApp Manager."
	}
	return "It cannot be sent now. WhatsApp Manager says more."
}
