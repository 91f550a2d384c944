package chatapitest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
)

// families is the state of the operations beside messages: groups, flows, calls,
// catalog, automation and blocked users. The contract leaves many of their bodies
// open; the fake writes the bodies of the contract's examples.
type families struct {
	groups     []*group
	flows      []*flow
	callConfig object
	commerce   object
	automation object
	key        string // the public key for flows
	blocked    map[string]bool
	calls      map[string]*call // that go on, by id
	rung       int              // how often customers have called
}

func newFamilies() families {
	return families{
		callConfig: object{"status": "DISABLED", "call_icon_visibility": "DEFAULT"},
		commerce:   object{"is_cart_enabled": true, "is_catalog_visible": false},
		automation: object{"enable_welcome_message": false, "prompts": []any{}, "commands": []any{}},
		blocked:    map[string]bool{}, calls: map[string]*call{},
	}
}

var success = object{"success": true}

func getCommerce(a *API, _ *request) answer {
	if a.quirks.has(NoCatalog) {
		return upstream(100, "Invalid parameter", "No catalog is linked")
	}
	row := object{"id": catalogID}
	maps.Copy(row, a.family.commerce)
	return reply(http.StatusOK, []any{row})
}

func setCommerce(a *API, r *request) answer {
	if a.quirks.has(NoCatalog) {
		return upstream(100, "Invalid parameter", "No catalog is linked")
	}
	maps.Copy(a.family.commerce, r.body.object("params"))
	return reply(http.StatusOK, success)
}

func getAutomation(a *API, _ *request) answer { return reply(http.StatusOK, a.family.automation) }

func setAutomation(a *API, r *request) answer {
	for name := range a.family.automation {
		if v, ok := r.body[name]; ok {
			a.family.automation[name] = v
		}
	}
	return reply(http.StatusOK, success)
}

func listBlocked(a *API, _ *request) answer {
	rows := []any{}
	for _, phone := range slices.Sorted(maps.Keys(a.family.blocked)) {
		rows = append(rows, object{"phone": phone})
	}
	return reply(http.StatusOK, object{"blockedUsers": rows})
}

func blockUser(a *API, r *request) answer {
	a.family.blocked[r.body.text("phone")] = true
	return reply(http.StatusOK, object{"result": "success"})
}

func unblockUser(a *API, r *request) answer {
	if !a.family.blocked[r.body.text("phone")] {
		return refuse("the user is not blocked")
	}
	delete(a.family.blocked, r.body.text("phone"))
	return reply(http.StatusOK, object{"result": "success"})
}

// blocks reports whether the business has blocked a number of the customer, in either
// spelling.
func (a *API) blocks(c *Customer) bool {
	for phone := range a.family.blocked {
		if a.who(chatapi.Phone(phone)) == c {
			return true
		}
	}
	return false
}

func getMMLiteStatus(a *API, _ *request) answer {
	if a.quirks.has(MMLite) {
		return reply(http.StatusOK, object{"available": true, "status": "ONBOARDED", "message": ""})
	}
	return reply(http.StatusOK, object{"available": false, "status": "NOT_ONBOARDED", "message": "Not enabled"})
}

func hookInfo(a *API, r *request) answer {
	m := a.messages[r.query.Get("messageId")]
	if m == nil || !m.fromMe {
		return reply(http.StatusOK, object{"hooks": []any{}})
	}
	hook := object{"id": m.id, "type": "message", "status": m.status, "timestamp": fmt.Sprint(m.at.Unix()),
		"recipient_id": strings.TrimSuffix(m.chat, "@c.us"),
		"pricing":      object{"billable": true, "category": m.category, "pricing_model": "PMP"}}
	return reply(http.StatusOK, object{"hooks": []any{hook}})
}

func statistics(_ *API, r *request) answer {
	date := r.query.Get("date")
	if date != "" && !monthPattern.MatchString(date) {
		return refuse("date must be mm.YYYY")
	}
	return reply(http.StatusOK, object{"date": date, "templates_cost": 0})
}

func extendedStatistics(a *API, _ *request) answer {
	day := a.now().UTC().Format(time.DateOnly)
	sent := 0
	for _, m := range a.history {
		if m.fromMe && m.at.UTC().Format(time.DateOnly) == day {
			sent++
		}
	}
	return reply(http.StatusOK, []any{object{"period_date": day, "quantity": sent, "free_tier": sent, "paid_quantity": 0, "total_price": 0}})
}

func outputIP(*API, *request) answer { return reply(http.StatusOK, object{"result": "192.0.2.10"}) }
