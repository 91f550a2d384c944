package chatapitest

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// This file has the operations on the channel itself: its webhook list, settings,
// state and profile.

// oneOrMany writes a webhook list as the service does.
func oneOrMany(addresses []string) any {
	switch len(addresses) {
	case 0:
		return nil
	case 1:
		return addresses[0]
	}
	return addresses
}

func (a *API) hookList() any {
	urls := a.hookURLs()
	if a.quirks.has(CommaWebhooks) {
		return strings.Join(urls, ", ")
	}
	return oneOrMany(urls)
}

func getWebhook(a *API, _ *request) answer {
	body := object{"webhookUrl": a.hookList()}
	var disabled []any
	for _, h := range a.hooks {
		if h.disabled {
			disabled = append(disabled, object{"url": h.url, "status": "disabled"})
		}
	}
	if disabled != nil {
		body["webhookStatuses"] = disabled
	}
	return reply(http.StatusOK, body)
}

// addresses reads a webhook list: a text with commas, or an array of texts.
func addresses(v any) (urls []string, problem string) {
	switch v := v.(type) {
	case string:
		if strings.TrimSpace(v) != "" {
			urls = strings.Split(v, ",")
		}
	case []any:
		for _, item := range v {
			s, ok := item.(string)
			if !ok {
				return nil, "webhookUrl must be a text or an array of texts"
			}
			urls = append(urls, s)
		}
	default:
		return nil, "webhookUrl must be a text or an array of texts"
	}
	for i := range urls {
		urls[i] = strings.TrimSpace(urls[i])
		if problem := link(urls[i]); problem != "" {
			return nil, "webhookUrl " + problem
		}
	}
	if len(urls) > maxHooks {
		return nil, "webhookUrl has more than 5 addresses"
	}
	return urls, ""
}

func setWebhook(a *API, r *request) answer {
	urls, problem := addresses(r.body["webhookUrl"])
	switch {
	case problem != "":
		return refuse("%s", problem)
	case len(urls) == 0:
		return refuse("webhookUrl must not be empty")
	}
	changed := !slices.Equal(urls, a.hookURLs()) || slices.ContainsFunc(a.hooks, func(h *hookAddress) bool { return h.disabled })
	a.replaceHooks(urls, false)
	return reply(http.StatusOK, object{"set": changed, "message": strings.Join(urls, ", ")})
}

// replaceHooks replaces the webhook list. A disabled address stays disabled only if
// keepDisabled is set: POST /webhook enables it again, the settings do not.
func (a *API) replaceHooks(urls []string, keepDisabled bool) {
	disabled := map[string]bool{}
	for _, h := range a.hooks {
		disabled[hookKey(h.url)] = h.disabled && keepDisabled
	}
	a.hooks = nil
	for _, u := range urls {
		a.hooks = append(a.hooks, &hookAddress{url: u, disabled: disabled[hookKey(u)]})
	}
}

var settingNames = []string{"guaranteedHooks", "ackNotificationsOn", "rawHooks", "template_analytics_enabled", "cta_url_link_tracking_opted_out"}

func getSettings(a *API, _ *request) answer {
	body := object{"webhookUrl": a.hookList()}
	for _, name := range settingNames {
		body[name] = a.settings[name]
	}
	return reply(http.StatusOK, body)
}

func updateSettings(a *API, r *request) answer {
	if len(r.body) == 0 {
		return refuse("nothing to change")
	}
	if r.body.has("webhookUrl") {
		urls, problem := addresses(r.body["webhookUrl"])
		if problem != "" {
			return refuse("%s", problem)
		}
		a.replaceHooks(urls, true)
	}
	for _, name := range settingNames {
		if r.body.has(name) {
			a.settings[name] = r.body.flag(name)
		}
	}
	return reply(http.StatusOK, object{"webhookUrl": a.hookList(), "update": r.body})
}

func getStatus(a *API, _ *request) answer {
	return reply(http.StatusOK, object{"status": a.state, "accountStatus": "authenticated", "mm_lite_available": a.quirks.has(MMLite)})
}

// getMe leaves an empty vertical out: the vendor's SDKs read it by a list of words
// without the empty one.
func getMe(a *API, _ *request) answer {
	profile := maps.Clone(a.profile)
	if profile.text("vertical") == "" {
		delete(profile, "vertical")
	}
	return reply(http.StatusOK, profile)
}

func updateMe(a *API, r *request) answer {
	known, unknown := object{}, ""
	for name, v := range r.body {
		if a.profile.has(name) && name != "phone" {
			known[name] = v
		} else {
			unknown = name
		}
	}
	switch {
	case len(known) == 0:
		return reply(http.StatusUnprocessableEntity, object{"error": "Wrong request"})
	case unknown != "":
		return refuse("%q is not a known field", unknown)
	}
	maps.Copy(a.profile, known)
	return reply(http.StatusOK, object{"result": "success"})
}
