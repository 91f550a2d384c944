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

// maxWebhooks is the number of addresses that a channel can have (contract,
// "Limits"; documented).
const maxWebhooks = 5

// WebhooksService reads and changes the list of addresses to which the service
// delivers a channel's events; see [Client.Webhooks]. Every address of the list
// gets every event.
//
// Other consumers share the list, the vendor's own inbox among them, and the
// service can only replace the whole list. So Add, Remove and Enable read the
// list, change it and write it back; they keep every other address as it was. Add
// and Remove then read the list again, and start over if another program has
// undone their change. That is still not atomic: a program that read the list
// before and writes it after this check undoes the change. So add the address
// again at each start, as [Client.Connect] does.
//
// All calls can be repeated without harm and are retried. Errors are [*Error];
// they do not quote addresses, because addresses hold secrets. Safe for
// concurrent use.
type WebhooksService struct{ service }

// WebhookInfo is one address of the list.
type WebhookInfo struct {
	URL string

	// Status is the service's word about the address, such as "disabled" after
	// too many failed deliveries; empty if absent. The set is open and not
	// documented.
	Status string
}

// Disabled reports whether the service has stopped delivering to the address.
// [WebhooksService.Enable] starts it again.
func (w WebhookInfo) Disabled() bool { return strings.EqualFold(w.Status, "disabled") }

// LogValue returns the host and the status for a log, without the path and the
// query, which often hold a secret.
func (w WebhookInfo) LogValue() slog.Value {
	host := ""
	if u, err := url.Parse(strings.TrimSpace(w.URL)); err == nil {
		host = u.Host
	}
	return slog.GroupValue(slog.String("host", host), slog.String("status", w.Status))
}

// List returns the channel's addresses in the service's order, at most five. The
// error is [ErrUnavailable] if the service's reply is not readable. The call is
// retried.
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
		// An empty list here would make Add delete the other addresses.
		return nil, s.refuse(op, &Error{Kind: ErrUnavailable, Retry: RetryNo,
			Reason:   "the list of webhook addresses is not readable: " + err.Error(),
			Sentence: "The service's list of webhook addresses could not be read.",
			Advice:   "nothing was changed; Webhooks.Set writes a list of your own"})
	}
	setWebhookStatuses(list, wire.Root(reply.Statuses))
	return list, nil
}

// Add adds address to the list. If it is in the list, the list stays as it is,
// but a disabled address is enabled again. Two addresses are the same if they
// differ only in spaces around them, in a trailing slash, or in the case of
// scheme and host.
//
// The error is [ErrInvalid] if the address is not https (http is allowed on
// loopback only) or the list is full with five other addresses, and
// [ErrUnavailable] if other programs undo the change five times. The calls are
// retried.
func (s WebhooksService) Add(ctx context.Context, address string) error {
	const op = "Webhooks.Add"
	address, err := s.checkAddress(op, address)
	if err != nil {
		return err
	}
	written := false
	return s.change(ctx, op, func(list []WebhookInfo) ([]WebhookInfo, bool) {
		i := indexWebhook(list, address)
		if i < 0 {
			list = append(list, WebhookInfo{URL: address})
		}
		// After writing, the address may be reported as disabled for a while.
		changed := i < 0 || list[i].Disabled() && !written
		written = true
		return list, changed
	})
}

// Remove removes address from the list and keeps the others as they are. It
// changes nothing if the address is not in the list. The error is
// [ErrUnavailable] if other programs undo the change five times. The calls are
// retried.
func (s WebhooksService) Remove(ctx context.Context, address string) error {
	return s.change(ctx, "Webhooks.Remove", func(list []WebhookInfo) ([]WebhookInfo, bool) {
		kept := slices.DeleteFunc(slices.Clone(list), func(w WebhookInfo) bool { return sameWebhook(w.URL, address) })
		return kept, len(kept) < len(list)
	})
}

// changeTries is how often a change is written if others undo it.
const changeTries = 5

// change reads the list, and writes the result of edit while edit returns true.
// Each round reads the list again, so that it sees and keeps the changes of other
// programs. One Client makes one change at a time.
func (s WebhooksService) change(ctx context.Context, op string, edit func([]WebhookInfo) ([]WebhookInfo, bool)) error {
	if client := s.client; client != nil && client.webhookLock != nil && ctx != nil {
		select {
		case client.webhookLock <- struct{}{}:
			defer func() { <-client.webhookLock }()
		case <-ctx.Done():
			return s.refuse(op, canceled(endOf(ctx), false))
		}
	}
	for range changeTries {
		list, err := s.list(ctx, op)
		if err != nil {
			return err
		}
		list, changed := edit(list)
		switch {
		case !changed:
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

// Set replaces the whole list by one to five addresses. All other consumers get
// no more events, the vendor's inbox included: use Add and Remove if others share
// the list. [WebhooksService.Clear] empties it. The error is [ErrInvalid] if an
// address is not https (http is allowed on loopback only) or there are more than
// five, and [ErrRefused] if the service does not take the list. The call is
// retried.
func (s WebhooksService) Set(ctx context.Context, addresses ...string) error {
	const op = "Webhooks.Set"
	if len(addresses) == 0 {
		return s.refuse(op, invalidAddress("is missing; Clear sets an empty list"))
	}
	var list []WebhookInfo
	for _, given := range addresses {
		address, err := s.checkAddress(op, given)
		if err != nil {
			return err
		}
		if indexWebhook(list, address) < 0 {
			list = append(list, WebhookInfo{URL: address})
		}
	}
	return s.write(ctx, op, list)
}

// Clear empties the list. All consumers get no more events, the vendor's inbox
// included. The call is retried.
func (s WebhooksService) Clear(ctx context.Context) error {
	return s.clear(ctx, "Webhooks.Clear")
}

func (s WebhooksService) clear(ctx context.Context, op string) error {
	return s.post(ctx, op, "settings", "")
}

// Enable reads the list and writes it back unchanged, which makes the service
// deliver again to the addresses that it has disabled (contract, "Webhooks and
// settings"). It writes nothing if the list is empty. The calls are retried.
func (s WebhooksService) Enable(ctx context.Context) error {
	const op = "Webhooks.Enable"
	list, err := s.list(ctx, op)
	if err != nil || len(list) == 0 {
		return err
	}
	return s.write(ctx, op, list)
}

// checkAddress returns the address without spaces around it, or the error that it
// cannot be used.
func (s WebhooksService) checkAddress(op, address string) (string, error) {
	address = strings.TrimSpace(address)
	u, err := url.Parse(address)
	problem := ""
	switch {
	case address == "":
		problem = "is empty; give one such as https://desk.example/hooks/secret"
	case err != nil || u.Scheme == "" || u.Hostname() == "" || strings.ContainsAny(address, " \t\r\n\"<>"):
		problem = "is not a complete address; write it as https://desk.example/hooks/secret"
	case u.Scheme != "https" && u.Scheme != "http":
		problem = "must begin with https://, and does not; write it as https://desk.example/hooks/secret"
	case u.Scheme == "http" && !loopback(u.Hostname()):
		problem = "uses http, which would show the customers' messages to everyone on the way; use https"
	case u.Fragment != "":
		problem = "has a fragment (#…), which no server ever sees; leave it out"
	}
	if problem != "" {
		return "", s.refuse(op, invalidAddress(problem))
	}
	return address, nil
}

// invalidAddress returns an error whose sentence calls the address a webhook
// address, because a form for channels has other addresses too.
func invalidAddress(problem string) *Error {
	e := invalid("address", problem)
	e.Sentence = "The webhook address " + ended(e.Reason)
	return e
}

// write replaces the service's list.
func (s WebhooksService) write(ctx context.Context, op string, list []WebhookInfo) error {
	if len(list) > maxWebhooks {
		e := invalidAddress("is one too many: a channel takes at most 5")
		e.Advice = "remove an old one with Webhooks.Remove"
		return s.refuse(op, e)
	}
	urls := make([]string, len(list))
	for i, w := range list {
		urls[i] = w.URL
	}
	return s.post(ctx, op, "webhook", urls...)
}

// post writes the list. In the reply, "set" says whether the call changed the
// list (contract, SetWebhookResponse). So false is a refusal only if the list
// does not hold the addresses afterwards.
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
	list, err := s.list(ctx, op)
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

// readWebhookList reads the forms in which the service writes the list: an array,
// one address, several addresses in one text, or null.
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

// splitWebhooks splits addresses at the commas between them: those that a scheme
// follows. A comma inside an address stays.
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

// setWebhookStatuses sets the statuses of the addresses in list from
// "webhookStatuses", whose form is not documented: an array of {url, status} as
// in the contract's sample, or an object with the addresses as names.
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

// trimWebhook returns the address in the form in which addresses are compared:
// without a trailing slash, scheme and host in lower case.
func trimWebhook(address string) string {
	address = strings.TrimSuffix(strings.TrimSpace(address), "/")
	scheme, rest, absolute := strings.Cut(address, "://")
	if !absolute {
		return address
	}
	host, path, _ := strings.Cut(rest, "/")
	return strings.ToLower(scheme+"://"+host) + "/" + path
}
