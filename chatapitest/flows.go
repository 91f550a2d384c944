package chatapitest

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// flow is a WhatsApp Flow.
type flow struct {
	id, name, status, endpoint string
	categories                 []any
	json                       object
}

func (f *flow) object() object {
	return object{"id": f.id, "name": f.name, "status": f.status, "categories": f.categories, "validation_errors": []any{}}
}

// flows returns an operation of flow management, which NoFlows switches off.
func flows(do func(*API, *request) answer) func(*API, *request) answer {
	return func(a *API, r *request) answer {
		if a.quirks.has(NoFlows) {
			return reply(http.StatusNotImplemented, object{"error": "Flows are not available yet"})
		}
		return do(a, r)
	}
}

// withFlow returns an operation that finds the flow of its path and calls do.
func withFlow(do func(*API, *request, *flow) answer) func(*API, *request) answer {
	return flows(func(a *API, r *request) answer {
		for _, f := range a.family.flows {
			if f.id == r.params["flowId"] {
				return do(a, r, f)
			}
		}
		return upstream(100, "Invalid parameter", fmt.Sprintf("there is no flow %q", r.params["flowId"]))
	})
}

func listFlows(a *API, _ *request) answer {
	rows := []any{}
	for _, f := range a.family.flows {
		rows = append(rows, f.object())
	}
	return reply(http.StatusOK, object{"items": rows, "count": len(rows), "total": len(rows)})
}

func createFlow(a *API, r *request) answer {
	f := &flow{id: a.number(), name: r.body.text("name"), status: "DRAFT", categories: r.body.list("categories"),
		endpoint: r.body.text("endpointUri"), json: r.body.object("flowJson")}
	for _, other := range a.family.flows {
		if other.name == f.name {
			return upstream(100, "Invalid parameter", "Flow name is not unique")
		}
	}
	if r.body.flag("publish") {
		if f.json == nil {
			return upstream(100, "Invalid parameter", "a flow needs its flowJson to be published")
		}
		f.status = "PUBLISHED"
	}
	a.family.flows = append(a.family.flows, f)
	return reply(http.StatusOK, object{"id": f.id, "success": true, "validation_errors": []any{}})
}

func deleteFlow(a *API, _ *request, f *flow) answer {
	if f.status != "DRAFT" {
		return upstream(139004, "Flow can't be deleted", "only drafts can be deleted; deprecate it")
	}
	a.family.flows = slices.DeleteFunc(a.family.flows, func(other *flow) bool { return other == f })
	return reply(http.StatusOK, success)
}

func previewFlow(a *API, _ *request, f *flow) answer {
	return reply(http.StatusOK, object{"id": f.id, "preview": object{"preview_url": "https://flows.example.com/preview/" + f.id,
		"expires_at": a.now().UTC().Add(30 * 24 * time.Hour).Format("2006-01-02T15:04:05-0700")}})
}

// changeFlowStatus returns an operation that changes a flow's status.
func changeFlowStatus(from, to string) func(*API, *request, *flow) answer {
	return func(_ *API, _ *request, f *flow) answer {
		if f.status != from {
			return upstream(139002, "Flow can't change its status", fmt.Sprintf("the flow is %s, not %s", f.status, from))
		}
		f.status = to
		return reply(http.StatusOK, success)
	}
}

func updateFlow(_ *API, r *request, f *flow) answer {
	if len(r.body) == 0 {
		return refuse("nothing to change")
	}
	f.name = cmp.Or(r.body.text("name"), f.name)
	f.endpoint = cmp.Or(r.body.text("endpointUri"), f.endpoint)
	if r.body.has("categories") {
		f.categories = r.body.list("categories")
	}
	return reply(http.StatusOK, success)
}

func updateFlowAssets(_ *API, r *request, f *flow) answer {
	if f.status != "DRAFT" {
		return upstream(139003, "Flow can't be updated", "only drafts can be changed")
	}
	f.json = r.body.object("flowJson")
	return reply(http.StatusOK, object{"success": true, "validationErrors": []any{}})
}

func getKey(a *API, _ *request) answer {
	if a.family.key == "" {
		return reply(http.StatusOK, object{"data": []any{}})
	}
	return reply(http.StatusOK, object{"business_public_key": a.family.key, "business_public_key_signature_status": "VALID"})
}

func setKey(a *API, r *request) answer {
	key := r.body.text("business_public_key")
	if !strings.Contains(key, "BEGIN PUBLIC KEY") {
		return refuse("business_public_key must be a PEM public key")
	}
	a.family.key = key
	return reply(http.StatusOK, success)
}
