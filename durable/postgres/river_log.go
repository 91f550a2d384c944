package postgres

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// warnings leaves out what River reports of its daily work, and says each thing once a
// minute: without a database River would report a failure with every look for jobs.
type warnings struct {
	slog.Handler
	said *sync.Map // instants by texts
}

func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}

func (w warnings) Handle(ctx context.Context, r slog.Record) error {
	if last, ok := w.said.Load(r.Message); ok && r.Time.Sub(last.(time.Time)) < time.Minute {
		return nil
	}
	w.said.Store(r.Message, r.Time)
	return w.Handler.Handle(ctx, r)
}

func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs), w.said}
}

func (w warnings) WithGroup(name string) slog.Handler {
	return warnings{w.Handler.WithGroup(name), w.said}
}
