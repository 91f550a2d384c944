package desk

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/store"
)

// unlisted is how long a template that was just submitted may be missing from the list of
// the service.
const unlisted = time.Minute

// saveTemplates reads the templates of a channel from the service and stores them. It
// returns the error of the service; what is stored is then as before.
func (d *Desk) saveTemplates(ctx context.Context, channel int64) error {
	client, err := d.clientOf(ctx, channel)
	if err != nil {
		return err
	}
	var listed []*chatapi.TemplateInfo
	for info, err := range client.Templates.All(ctx) {
		if err != nil {
			return err
		}
		listed = append(listed, info)
	}
	return d.DB.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
		have, err := storedTemplates(ctx, tx, channel)
		if err != nil {
			return err
		}
		changed := false
		for _, info := range listed {
			changed, err = d.listTemplate(ctx, tx, have, channel, info, changed)
			if err != nil {
				return err
			}
		}
		for key, t := range have {
			if t.listed || waits(t.status) && d.Now().Sub(store.Time(t.changed)) < unlisted {
				continue
			}
			changed = true
			if _, err := tx.Exec(ctx, "DELETE FROM desk_template WHERE channel = $1 AND name = $2 AND language = $3", channel, key.name, key.language); err != nil {
				return err
			}
		}
		if changed {
			return templatesChanged(tx, channel)
		}
		return nil
	})
}

// templateKey names a template of a channel.
type templateKey struct{ name, language string }

// storedTemplate is a row of desk_template.
type storedTemplate struct {
	status                                  chatapi.TemplateStatus
	category, quality, reason, advice, body string
	changed                                 int64
	listed                                  bool // by the service just now
}

func storedTemplates(ctx context.Context, tx durable.Tx, channel int64) (map[templateKey]*storedTemplate, error) {
	type row struct {
		templateKey
		storedTemplate
	}
	rows, err := tx.Query(ctx, "SELECT name, language, status, category, quality, reason, advice, body, changed FROM desk_template WHERE channel = $1", channel)
	all, err := store.All(rows, err, func(r *row) []any {
		return []any{&r.name, &r.language, (*string)(&r.status), &r.category, &r.quality, &r.reason, &r.advice, &r.body, &r.changed}
	})
	have := map[templateKey]*storedTemplate{}
	for i := range all {
		have[all[i].templateKey] = &all[i].storedTemplate
	}
	return have, err
}

// listTemplate stores a template as the service lists it, if it is not stored like that.
// A reason that an event told stays while the status does, since the list has it seldom.
func (d *Desk) listTemplate(ctx context.Context, tx durable.Tx, have map[templateKey]*storedTemplate, channel int64, info *chatapi.TemplateInfo, changed bool) (bool, error) {
	key := templateKey{store.Text(info.Name), store.Text(info.Language)}
	old := have[key]
	t := storedTemplate{status: info.Status, category: info.Category, reason: info.Reason, listed: true}
	if old != nil && old.status == t.status {
		t.reason, t.advice = cmp.Or(t.reason, old.reason), old.advice
	}
	if old != nil {
		t.quality, t.changed = old.quality, old.changed
	}
	var err error
	if t.body, err = templateBody(info); err != nil {
		return changed, err
	}
	have[key] = &t
	if old != nil {
		same := *old
		same.listed = true
		if same == t {
			return changed, nil
		}
	}
	if old == nil || old.status != t.status {
		t.changed = store.Micros(d.Now())
	}
	return true, putTemplate(ctx, tx, channel, key, t)
}

func templateBody(info *chatapi.TemplateInfo) (string, error) {
	body, err := json.Marshal(info)
	if err != nil {
		return "", fmt.Errorf("keep template %q: %w", info.Name, err)
	}
	return store.Text(string(body)), nil
}

func putTemplate(ctx context.Context, tx durable.Tx, channel int64, key templateKey, t storedTemplate) error {
	_, err := tx.Exec(ctx, `INSERT INTO desk_template (channel, name, language, category, status, quality, reason, advice, body, changed)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (channel, name, language) DO UPDATE SET category = excluded.category,
		status = excluded.status, quality = excluded.quality, reason = excluded.reason, advice = excluded.advice, body = excluded.body,
		changed = excluded.changed`, channel, key.name, key.language, store.Text(t.category), store.Text(string(t.status)), store.Text(t.quality),
		store.Text(t.reason), store.Text(t.advice), t.body, t.changed)
	return err
}

// templatesChanged notes that the templates of a channel have changed, for everybody: a
// request of the channel may be with any department.
func templatesChanged(tx durable.Tx, channel int64) error {
	return tx.Changed(Change{Kind: ChangedTemplate, Object: channel})
}

// applyTemplate stores what an event says about a template. An event about one that is
// not stored does nothing: the list of the service has it.
func (d *Desk) applyTemplate(ctx context.Context, tx durable.Tx, e *chatapi.TemplateEvent) error {
	var channel int64
	found, err := store.Get(ctx, tx, "SELECT id FROM desk_channel WHERE channel = $1", []any{string(e.Channel)}, &channel)
	if err != nil || !found {
		return err
	}
	have, err := storedTemplates(ctx, tx, channel)
	if err != nil {
		return err
	}
	changed := false
	for key, t := range have {
		if !isAbout(e, key, t.body) {
			continue
		}
		changed = true
		if e.Kind == "status" && e.Status == chatapi.TemplateDeleted {
			_, err = tx.Exec(ctx, "DELETE FROM desk_template WHERE channel = $1 AND name = $2 AND language = $3", channel, key.name, key.language)
		} else {
			err = putTemplate(ctx, tx, channel, key, d.told(*t, e))
		}
		if err != nil {
			return err
		}
	}
	if changed {
		return templatesChanged(tx, channel)
	}
	return nil
}

// isAbout reports whether an event is about a stored template. It names the template by
// name, language or id, each of which it may leave out.
func isAbout(e *chatapi.TemplateEvent, key templateKey, body string) bool {
	if e.Name != "" {
		return e.Name == key.name && (e.Language == "" || e.Language == key.language)
	}
	var info chatapi.TemplateInfo
	return e.ID != "" && json.Unmarshal([]byte(body), &info) == nil && info.ID == e.ID
}

// told returns a template with what an event says about it.
func (d *Desk) told(t storedTemplate, e *chatapi.TemplateEvent) storedTemplate {
	switch e.Kind {
	case "status":
		t.status, t.reason, t.advice, t.changed = e.Status, e.Reason, strings.TrimSpace(e.Detail+" "+e.Advice), store.Micros(d.Now())
		if again := []chatapi.TemplateStatus{chatapi.TemplateReinstated, chatapi.TemplateUnlocked, chatapi.TemplateUnarchived}; slices.Contains(again, e.Status) {
			t.status = chatapi.TemplateApproved
		}
	case "quality":
		t.quality = e.Quality
	case "category":
		if e.Category != "" && !e.Effective.After(d.Now()) {
			t.category = strings.ToUpper(e.Category)
		}
	}
	return t
}

// firstLook and lastLook bound the pauses between two looks at templates that wait.
const firstLook, lastLook = 2 * time.Second, time.Minute

// FollowTemplates looks whether WhatsApp has decided about the templates that wait for it,
// with growing pauses, until ctx ends. The service need not send an event for that.
func (d *Desk) FollowTemplates(ctx context.Context) error {
	type look struct {
		newest int64 // the last change of a template that waits
		next   time.Time
		pause  time.Duration
	}
	looks := map[int64]*look{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(firstLook):
		}
		waiting, err := d.waitingTemplates(ctx)
		if err != nil && ctx.Err() == nil {
			d.Log.WarnContext(ctx, "Templates that wait could not be read.", "error", err)
		}
		for _, w := range waiting {
			l := looks[w.channel]
			if l == nil || l.newest != w.newest {
				l = &look{newest: w.newest, pause: firstLook}
				looks[w.channel] = l
			}
			if time.Now().Before(l.next) {
				continue
			}
			if err := d.saveTemplates(ctx, w.channel); err != nil && ctx.Err() == nil {
				d.Log.WarnContext(ctx, "The templates of a channel could not be read.", "channel", w.channel, "error", err)
			}
			l.next = time.Now().Add(l.pause)
			l.pause = min(2*l.pause, lastLook)
		}
	}
}

// waitingChannel is a channel with templates that wait for WhatsApp's decision.
type waitingChannel struct{ channel, newest int64 }

func (d *Desk) waitingTemplates(ctx context.Context) ([]waitingChannel, error) {
	rows, err := d.DB.Query(ctx, `SELECT t.channel, max(t.changed) FROM desk_template t JOIN desk_channel n ON n.id = t.channel
		WHERE t.status IN ('PENDING', 'IN_APPEAL') AND n.state = 'connected' GROUP BY t.channel ORDER BY t.channel`)
	return store.All(rows, err, func(w *waitingChannel) []any { return []any{&w.channel, &w.newest} })
}
