package chatapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// maxWebhooks is how many addresses a channel takes (contract, "Limits";
// documented).
const maxWebhooks = 5

// WebhooksService reads and changes the list of addresses that a channel's
// events are delivered to; see [Client.Webhooks]. Every address of the list
// gets every event.
//
// The service only replaces the whole list, which other consumers share, the
// vendor's own inbox among them. Add, Remove and Enable therefore read it,
// change it and write it back; an address that they do not know is written as
// it was. Add and Remove then read it once more and start over if another
// program's change took theirs away. That is not atomic all the same: a program
// that read the list before and writes it after that last look undoes the
// change, so add again at each start, as [Client.Connect] does. All calls may be
// repeated without harm and are retried. Errors are [*Error]; none of them
// quotes an address, because addresses hold secrets. Safe for concurrent use.
type WebhooksService struct{ service }

// WebhookInfo is one address of the list.
type WebhookInfo struct {
	URL string

	// Status is what the service says of the address, such as "disabled" after
	// too many failed deliveries; empty if it said nothing. The set is open
	// and not documented.
	Status string
}

// Disabled reports whether the service has stopped delivering to the address.
// [WebhooksService.Enable] starts it again.
func (w WebhookInfo) Disabled() bool { return strings.EqualFold(w.Status, "disabled") }

// LogValue is the host and the status: path and query often hold a secret.
func (w WebhookInfo) LogValue() slog.Value {
	host := ""
	if u, err := url.Parse(strings.TrimSpace(w.URL)); err == nil {
		host = u.Host
	}
	return slog.GroupValue(slog.String("host", host), slog.String("status", w.Status))
}

// List returns the channel's addresses as the service has them, at most five.
func (s WebhooksService) List(ctx context.Context) ([]WebhookInfo, error) {
	return s.list(ctx, "Webhooks.List")
}

func (s WebhooksService) list(ctx context.Context, op string) ([]WebhookInfo, error) {
	var reply struct {
		URLs     json.RawMessage `json:"webhookUrl"`
		Statuses json.RawMessage `json:"webhookStatuses"`
	}
	if err := s.call(ctx, request{op: op, method: http.MethodGet, path: "webhook"}, &reply); err != nil {
		return nil, err
	}
	list, err := readWebhookList(wire.Root(reply.URLs))
	if err != nil {
		// Guessing "none" here would make Add delete the others.
		return nil, s.refuse(op, &Error{Kind: ErrUnavailable, Retry: RetryNo,
			Reason:   "the list of webhook addresses is not readable: " + err.Error(),
			Sentence: "The service's list of webhook addresses could not be read.",
			Advice:   "nothing was changed; Webhooks.Set writes a list of your own"})
	}
	setWebhookStatuses(list, wire.Root(reply.Statuses))
	return list, nil
}

// Add makes sure that the channel delivers to address, beside those that it
// delivers to already. An address that is there stays as it is; one that is
// there but disabled is enabled. Addresses are compared without spaces around
// them, one trailing slash and the case of scheme and host.
//
// The address must be https (http only on loopback), else the error is
// [ErrInvalid]; so it is when the list is full with five others.
func (s WebhooksService) Add(ctx context.Context, address string) error {
	const op = "Webhooks.Add"
	address, err := s.checked(op, address)
	if err != nil {
		return err
	}
	written := false
	return s.change(ctx, op, func(list []WebhookInfo) ([]WebhookInfo, bool) {
		i := indexWebhook(list, address)
		if i < 0 {
			list = append(list, WebhookInfo{URL: address})
		}
		todo := i < 0 || list[i].Disabled() && !written // the status may lag behind
		written = true
		return list, todo
	})
}

// Remove stops delivery to address and leaves the others as they are. It
// changes nothing if the address is not in the list.
func (s WebhooksService) Remove(ctx context.Context, address string) error {
	return s.change(ctx, "Webhooks.Remove", func(list []WebhookInfo) ([]WebhookInfo, bool) {
		kept := slices.DeleteFunc(slices.Clone(list), func(w WebhookInfo) bool { return sameWebhook(w.URL, address) })
		return kept, len(kept) < len(list)
	})
}

// changeTries is how often a change is written that others undo.
const changeTries = 5

// change reads the list and writes what edit makes of it, until edit finds
// nothing to do in a list that was read again: what another program wrote in
// between is seen and kept. One Client makes one change at a time.
func (s WebhooksService) change(ctx context.Context, op string, edit func([]WebhookInfo) ([]WebhookInfo, bool)) error {
	if client := s.client; client != nil && client.webhookLock != nil && ctx != nil {
		select {
		case client.webhookLock <- struct{}{}:
			defer func() { <-client.webhookLock }()
		case <-ctx.Done():
			return s.refuse(op, &Error{Kind: ErrUnavailable, Retry: RetryBackoff, Reason: ctx.Err().Error(),
				Sentence: "The call was given up before anything was sent.", cause: ctx.Err()})
		}
	}
	for range changeTries {
		list, err := s.list(ctx, op)
		if err != nil {
			return err
		}
		list, todo := edit(list)
		switch {
		case !todo:
			return nil
		case len(list) == 0:
			err = s.clear(ctx, op)
		default:
			err = s.write(ctx, op, list)
		}
		if err != nil {
			return err
		}
	}
	return s.refuse(op, &Error{Kind: ErrUnavailable, Retry: RetryBackoff,
		Reason:   "the list of webhook addresses does not keep the change",
		Sentence: "The change of the webhook addresses did not last.",
		Advice:   "find out which other program writes the list, and change it from one place"})
}

// Set makes addresses the whole list. Every other consumer is cut off, the
// vendor's inbox included: use Add and Remove where the list is shared. One to
// five addresses; [WebhooksService.Clear] sets none.
func (s WebhooksService) Set(ctx context.Context, addresses ...string) error {
	const op = "Webhooks.Set"
	if len(addresses) == 0 {
		return s.refuse(op, invalid("address", "is missing; Clear sets an empty list"))
	}
	var list []WebhookInfo
	for _, given := range addresses {
		address, err := s.checked(op, given)
		if err != nil {
			return err
		}
		if indexWebhook(list, address) < 0 {
			list = append(list, WebhookInfo{URL: address})
		}
	}
	return s.write(ctx, op, list)
}

// Clear empties the list. Every consumer is cut off, the vendor's inbox
// included.
func (s WebhooksService) Clear(ctx context.Context) error {
	return s.clear(ctx, "Webhooks.Clear")
}

func (s WebhooksService) clear(ctx context.Context, op string) error {
	return s.post(ctx, op, "settings", "")
}

// Enable writes the list back as it is, which makes the service deliver again
// to the addresses that it has disabled (contract, "Webhooks and settings").
// It does nothing when the list is empty.
func (s WebhooksService) Enable(ctx context.Context) error {
	const op = "Webhooks.Enable"
	list, err := s.list(ctx, op)
	if err != nil || len(list) == 0 {
		return err
	}
	return s.write(ctx, op, list)
}

// checked returns the address as it is written, or why it cannot be.
func (s WebhooksService) checked(op, address string) (string, error) {
	address = strings.TrimSpace(address)
	u, err := url.Parse(address)
	problem := ""
	switch {
	case address == "":
		problem = "is empty"
	case err != nil || u.Scheme == "" || u.Hostname() == "" || strings.ContainsAny(address, " \t\r\n\"<>"):
		problem = "is not a complete address, such as https://desk.example/hooks/secret"
	case u.Scheme != "https" && u.Scheme != "http":
		problem = "must begin with https://"
	case u.Scheme == "http" && !loopback(u.Hostname()):
		problem = "uses http, which would show the customers' messages to everyone on the way; use https"
	case u.Fragment != "":
		problem = "has a fragment (#…), which no server ever sees"
	}
	if problem != "" {
		return "", s.refuse(op, invalidAddress(problem))
	}
	return address, nil
}

// invalidAddress tells the operator of a channel form which of its addresses is
// meant.
func invalidAddress(problem string) *Error {
	e := invalid("address", problem)
	e.Sentence = "The webhook address " + ended(problem)
	return e
}

// write makes list the whole list.
func (s WebhooksService) write(ctx context.Context, op string, list []WebhookInfo) error {
	if len(list) > maxWebhooks {
		e := invalidAddress("is one too many: a channel takes at most 5")
		e.Advice = "remove one that is no longer used, with Webhooks.Remove"
		return s.refuse(op, e)
	}
	urls := make([]string, len(list))
	for i, w := range list {
		urls[i] = w.URL
	}
	return s.post(ctx, op, "webhook", urls...)
}

// post writes the list. "set" tells whether the call changed something
// (contract, SetWebhookResponse), so false is a refusal only if the list is not
// the wanted one afterwards.
func (s WebhooksService) post(ctx context.Context, op, path string, urls ...string) error {
	var reply struct {
		Set     wire.Bool       `json:"set"`
		Message json.RawMessage `json:"message"` // the address, the addresses, or a reason
	}
	var value any = urls
	if len(urls) == 1 {
		value = urls[0]
	}
	body := map[string]any{"webhookUrl": value}
	if err := s.call(ctx, request{op: op, method: http.MethodPost, path: path, body: body}, &reply); err != nil {
		return err
	}
	if !reply.Set.Set || reply.Set.Value {
		return nil
	}
	list, err := s.List(ctx)
	if err != nil {
		return err
	}
	for _, address := range urls {
		if address != "" && indexWebhook(list, address) < 0 {
			var found complaint
			found.add(reply.Message)
			return s.refuse(op, &Error{HTTPStatus: http.StatusOK, Kind: ErrRefused, Retry: RetryUnknown,
				Reason:   clip(cmp.Or(found.text(), "the service answered set: false"), 300),
				Sentence: "The service did not take the list of webhook addresses."})
		}
	}
	return nil
}

// readWebhookList reads the forms in which the service gives the list: an
// array, one text, several in one text, null.
func readWebhookList(v wire.Value) ([]WebhookInfo, error) {
	var list []WebhookInfo
	add := func(address string) {
		if address = strings.TrimSpace(address); address != "" {
			list = append(list, WebhookInfo{URL: address})
		}
	}
	switch {
	case v.IsAbsent():
		return nil, errors.New("the reply has no webhookUrl")
	case v.IsNull():
	case v.IsString():
		text, _ := v.Text()
		for _, address := range splitWebhooks(text) {
			add(address)
		}
	case v.IsArray():
		for elements := v.Array(); elements.Next(); {
			switch element := elements.Value; {
			case element.IsNull():
			case element.IsString():
				text, _ := element.Text()
				add(text)
			default:
				return nil, errors.New("it holds " + element.Kind())
			}
		}
	default:
		return nil, errors.New("it is " + v.Kind())
	}
	return list, nil
}

// splitWebhooks cuts comma-separated addresses apart. A comma inside an address
// is not followed by a scheme.
func splitWebhooks(text string) (addresses []string) {
	for _, part := range strings.Split(text, ",") {
		scheme, _, absolute := strings.Cut(strings.ToLower(strings.TrimSpace(part)), "://")
		if absolute && (scheme == "https" || scheme == "http") || len(addresses) == 0 {
			addresses = append(addresses, part)
		} else {
			addresses[len(addresses)-1] += "," + part
		}
	}
	return addresses
}

// setWebhookStatuses reads "webhookStatuses", whose form is not documented: an
// array of {url, status} as the contract's sample has it, or an object with the
// addresses as names.
func setWebhookStatuses(list []WebhookInfo, v wire.Value) {
	set := func(address, status string) {
		if i := indexWebhook(list, address); i >= 0 && address != "" {
			list[i].Status = status
		}
	}
	for elements := v.Array(); elements.Next(); {
		address, _ := elements.Value.Get("url").Text()
		status, _ := elements.Value.Get("status").Text()
		set(address, status)
	}
	for members := v.Object(); members.Next(); {
		if status, err := members.Value.Text(); err == nil {
			set(string(members.Name), status)
		}
	}
}

func indexWebhook(list []WebhookInfo, address string) int {
	return slices.IndexFunc(list, func(w WebhookInfo) bool { return sameWebhook(w.URL, address) })
}

func sameWebhook(a, b string) bool { return trimWebhook(a) == trimWebhook(b) }

// trimWebhook returns the address as it is compared: the case of scheme and host
// means nothing.
func trimWebhook(address string) string {
	address = strings.TrimSuffix(strings.TrimSpace(address), "/")
	scheme, rest, absolute := strings.Cut(address, "://")
	if !absolute {
		return address
	}
	host, path, _ := strings.Cut(rest, "/")
	return strings.ToLower(scheme+"://"+host) + "/" + path
}
