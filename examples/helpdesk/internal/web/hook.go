package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

func (s *Server) hookRoutes() []route {
	return []route{{"POST /hooks/{channel}/{secret}", anyone, s.hook}}
}

// hook takes a delivery of Chat API. It is the one route that other programs call: without
// a cookie, and with a secret in its address, which therefore no log names.
func (s *Server) hook(w http.ResponseWriter, r *http.Request, _ *desk.View) error {
	channel, secret := chatapi.ChannelID(r.PathValue("channel")).Canonical(), r.PathValue("secret")
	state, err := s.Desk.Hook(r.Context(), channel, secret)
	if err != nil {
		return err
	}
	accept := s.Desk.Durable.Inbox.Accept
	switch state {
	case desk.HookRefused:
		http.NotFound(w, r)
		return nil
	case desk.HookUnknown:
		w.Header().Set("Retry-After", "10")
		http.Error(w, "The channel is not known here yet.", http.StatusServiceUnavailable)
		return nil
	case desk.HookWaits:
		accept = later
	}
	// The secret is right. The handler compares the channel of the body with that of the
	// address.
	chatapi.NewDeliveryHandler(accept, chatapi.WebhookSecret(secret),
		chatapi.WebhookChannel(func(*http.Request) chatapi.ChannelID { return channel }),
		chatapi.WebhookErrors(func(ctx context.Context, err error) {
			s.Desk.Log.WarnContext(ctx, "A delivery was not taken as it is.", "channel", channel, "error", err)
		})).ServeHTTP(w, r)
	return nil
}

// later answers for a channel that is not connected yet: one delivery without events is the
// question whether somebody is there, and events have to come again.
func later(_ context.Context, d *chatapi.Delivery) error {
	if d.Err == nil && len(d.Events) == 0 {
		return nil
	}
	return chatapi.RetryLater(10*time.Second, errors.New("the channel is not connected yet"))
}
